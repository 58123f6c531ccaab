/* Walks JSON that comes in pieces: a state per byte, a bit per level. */
#include "lib/format/json_walk.h"

#include <string.h>

enum walk_state {
	WALK_VALUE,	     /* a value must come; at depth 0 it may */
	WALK_VALUE_OR_CLOSE, /* after [ */
	WALK_NAME_OR_CLOSE,  /* after { */
	WALK_NAME,	     /* after a comma in an object */
	WALK_COLON,
	WALK_AFTER, /* a comma or the end of the container */
	WALK_STRING,
	WALK_ESCAPE,
	WALK_HEX,
	WALK_NUMBER,
	WALK_LITERAL,
};

/* Where a number stands; those from NUMBER_ZERO on may end it. */
enum walk_number {
	NUMBER_MINUS,
	NUMBER_POINT,
	NUMBER_E,
	NUMBER_SIGN,
	NUMBER_ZERO,
	NUMBER_INT,
	NUMBER_FRACTION,
	NUMBER_EXPONENT,
};

void json_walk_init(struct json_walk *w)
{
	*w = (struct json_walk){ .state = WALK_VALUE };
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "malformed JSON: %s", what);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool json_walk_in_object(const struct json_walk *w)
{
	return w->depth > 0 && (w->objects[(w->depth - 1) / 64] >> ((w->depth - 1) % 64) & 1);
}

static void value_done(struct json_walk *w)
{
	w->state = w->depth ? WALK_AFTER : WALK_VALUE;
}

static int open_level(struct json_walk *w, bool is_object, struct err *e)
{
	uint64_t bit = 1ull << (w->depth % 64);

	if (w->depth >= JSON_WALK_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "JSON nested deeper than %d levels",
			       JSON_WALK_DEPTH_MAX);
	if (is_object)
		w->objects[w->depth / 64] |= bit;
	else
		w->objects[w->depth / 64] &= ~bit;
	w->depth++;
	w->state = is_object ? WALK_NAME_OR_CLOSE : WALK_VALUE_OR_CLOSE;
	return 0;
}

static void begin_string(struct json_walk *w, bool is_name)
{
	w->state = WALK_STRING;
	w->is_name = is_name;
	w->scalar = '"';
	w->text_len = 0;
	w->text_odd = false;
}

static void keep_text(struct json_walk *w, const char *at, size_t len)
{
	if (len >= JSON_WALK_TEXT_SIZE - w->text_len) {
		w->text_odd = true;
		return;
	}
	memcpy(w->text + w->text_len, at, len);
	w->text_len += len;
}

/*
 * Strings: the bytes behind the opening quote. Each of these takes at least one byte and says
 * whether a step is done.
 */

static int step_string(struct json_walk *w, struct span text, size_t *at, bool *ret_done,
		       struct err *e)
{
	size_t from = *at;
	char c = 0;

	while (*at < text.len && (c = text.at[*at]) != '"' && c != '\\' && (unsigned char)c >= 0x20)
		(*at)++;
	keep_text(w, text.at + from, *at - from);
	if (*at == text.len)
		return 0;
	(*at)++;
	if (c == '\\') {
		w->state = WALK_ESCAPE;
	} else if (c == '"') {
		*ret_done = true;
		if (w->is_name)
			w->state = WALK_COLON;
		else
			value_done(w);
	} else {
		return bad(e, "a control character in a string");
	}
	return 0;
}

static int step_escape(struct json_walk *w, char c, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;

	w->state = WALK_STRING;
	if (found) {
		keep_text(w, &to[found - from], 1);
	} else if (c == 'u') {
		w->state = WALK_HEX;
		w->hex_left = 4;
		w->hex = 0;
	} else {
		return bad(e, "an unknown escape in a string");
	}
	return 0;
}

static int step_hex(struct json_walk *w, char c, struct err *e)
{
	char low = (char)(c | 0x20), ascii;
	unsigned digit;

	if (is_digit(c))
		digit = (unsigned)(c - '0');
	else if (low >= 'a' && low <= 'f')
		digit = (unsigned)(low - 'a') + 10;
	else
		return bad(e, "an escape without four hexadecimal digits");
	w->hex = (uint16_t)((unsigned)w->hex << 4 | digit);
	if (--w->hex_left)
		return 0;
	w->state = WALK_STRING;
	ascii = (char)w->hex;
	if (w->hex == 0 || w->hex > 0x7f)
		w->text_odd = true;
	else
		keep_text(w, &ascii, 1);
	return 0;
}

/* Whether the byte belongs to the number; moves on in it. */
static bool take_number(struct json_walk *w, char c)
{
	switch ((enum walk_number)w->number) {
	case NUMBER_MINUS:
		w->number = c == '0' ? NUMBER_ZERO : NUMBER_INT;
		return is_digit(c);
	case NUMBER_POINT:
		w->number = NUMBER_FRACTION;
		return is_digit(c);
	case NUMBER_E:
		w->number = is_digit(c) ? NUMBER_EXPONENT : NUMBER_SIGN;
		return is_digit(c) || c == '+' || c == '-';
	case NUMBER_SIGN:
		w->number = NUMBER_EXPONENT;
		return is_digit(c);
	case NUMBER_EXPONENT:
		return is_digit(c);
	case NUMBER_ZERO:
	case NUMBER_INT:
	case NUMBER_FRACTION:
		break;
	}
	if (is_digit(c))
		return w->number != NUMBER_ZERO;
	if (c == '.' && w->number != NUMBER_FRACTION)
		w->number = NUMBER_POINT;
	else if (c == 'e' || c == 'E')
		w->number = NUMBER_E;
	else
		return false;
	return true;
}

static int step_number(struct json_walk *w, struct span text, size_t *at, bool *ret_done,
		       struct err *e)
{
	while (*at < text.len) {
		uint8_t before = w->number;

		if (take_number(w, text.at[*at])) {
			(*at)++;
			continue;
		}
		if (before < NUMBER_ZERO)
			return bad(e, "a number without a digit where one must stand");
		value_done(w);
		*ret_done = true;
		return 0;
	}
	return 0;
}

static int step_literal(struct json_walk *w, char c, bool *ret_done, struct err *e)
{
	if (c != *w->literal)
		return bad(e, "a word that is not true, false or null");
	if (*++w->literal == '\0') {
		value_done(w);
		*ret_done = true;
	}
	return 0;
}

/* The rest of a name or scalar, as far as it came. */
static int step_token(struct json_walk *w, struct span text, size_t *at, enum json_step *ret_step,
		      struct err *e)
{
	bool done = false;

	while (*at < text.len && !done) {
		int rc = 0;

		if (w->state == WALK_STRING)
			rc = step_string(w, text, at, &done, e);
		else if (w->state == WALK_NUMBER)
			rc = step_number(w, text, at, &done, e);
		else if (w->state == WALK_ESCAPE)
			rc = step_escape(w, text.at[(*at)++], e);
		else if (w->state == WALK_HEX)
			rc = step_hex(w, text.at[(*at)++], e);
		else
			rc = step_literal(w, text.at[(*at)++], &done, e);
		if (rc < 0)
			return -1;
	}
	if (done)
		*ret_step = w->scalar == '"' && w->is_name ? JSON_STEP_NAME : JSON_STEP_SCALAR;
	return 0;
}

static int begin_value(struct json_walk *w, char c, struct err *e)
{
	w->scalar = c;
	w->is_name = false;
	switch (c) {
	case '"':
		begin_string(w, false);
		return 0;
	case 't':
	case 'f':
	case 'n':
		w->state = WALK_LITERAL;
		w->literal = c == 't' ? "rue" : c == 'f' ? "alse" : "ull";
		return 0;
	default:
		if (c != '-' && !is_digit(c))
			return bad(e, "a value is expected");
		w->state = WALK_NUMBER;
		w->number = c == '-' ? NUMBER_MINUS : c == '0' ? NUMBER_ZERO : NUMBER_INT;
		return 0;
	}
}

static int close_level(struct json_walk *w, char c, enum json_step *ret_step, struct err *e)
{
	if ((c == '}') != json_walk_in_object(w))
		return bad(e, "a bracket that closes another kind");
	w->depth--;
	value_done(w);
	*ret_step = JSON_STEP_CLOSE;
	return 0;
}

/* A byte between names and values. */
static int step_sign(struct json_walk *w, char c, enum json_step *ret_step, struct err *e)
{
	bool may_close = w->state == WALK_AFTER || w->state == WALK_VALUE_OR_CLOSE ||
			 w->state == WALK_NAME_OR_CLOSE;

	if ((c == '}' || c == ']') && may_close)
		return close_level(w, c, ret_step, e);
	switch ((enum walk_state)w->state) {
	case WALK_AFTER:
		if (c != ',')
			return bad(e, "a comma or a closing bracket is expected");
		w->state = json_walk_in_object(w) ? WALK_NAME : WALK_VALUE;
		*ret_step = JSON_STEP_COMMA;
		return 0;
	case WALK_COLON:
		if (c != ':')
			return bad(e, "a colon is expected");
		w->state = WALK_VALUE;
		*ret_step = JSON_STEP_COLON;
		return 0;
	case WALK_NAME:
	case WALK_NAME_OR_CLOSE:
		if (c != '"')
			return bad(e, "a member's name is expected");
		begin_string(w, true);
		return 0;
	default:
		if (c != '{' && c != '[')
			return begin_value(w, c, e);
		*ret_step = JSON_STEP_OPEN;
		return open_level(w, c == '{', e);
	}
}

int json_walk_step(struct json_walk *w, struct span *rest, struct span *ret_piece,
		   enum json_step *ret_step, struct err *e)
{
	struct span text = *rest;
	enum json_step step = JSON_STEP_MORE;
	size_t at = 0;

	if (w->state < WALK_STRING && is_blank(text.at[0])) {
		while (at < text.len && is_blank(text.at[at]))
			at++;
		step = JSON_STEP_BLANK;
	} else if (w->state < WALK_STRING && step_sign(w, text.at[at++], &step, e) < 0) {
		return -1;
	}
	if (step == JSON_STEP_MORE && step_token(w, text, &at, &step, e) < 0)
		return -1;
	*ret_piece = span_from(text.at, at);
	*rest = span_from(text.at + at, text.len - at);
	*ret_step = step;
	return 0;
}

bool json_walk_text_is(const struct json_walk *w, const char *text)
{
	return w->scalar == '"' && !w->text_odd && w->text_len == strlen(text) &&
	       memcmp(w->text, text, w->text_len) == 0;
}

const char *json_walk_text(struct json_walk *w)
{
	if (w->scalar != '"' || w->text_odd)
		return NULL;
	w->text[w->text_len] = '\0';
	return w->text;
}

bool json_walk_at_rest(const struct json_walk *w)
{
	return w->depth == 0 && w->state == WALK_VALUE;
}
