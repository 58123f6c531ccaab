/* Label and field selectors, matched against objects. */
#include "tests/kubesim/select.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/attr.h"
#include "lib/base/mem.h"
#include "lib/kube/selector.h"

/* Fields that the API server knows for one resource or another. */
static const char *const known_fields[] = {
	"metadata.name", "metadata.namespace", "status.phase", "spec.nodeName", "spec.restartPolicy",
	"spec.serviceAccountName", "involvedObject.name", "involvedObject.namespace", "involvedObject.kind",
	"involvedObject.uid", "involvedObject.apiVersion", "involvedObject.fieldPath", "involvedObject.resourceVersion",
	"reason", "reportingComponent", "source", "type",
};

/* Takes the text up to the next comma that is in no parentheses. */
static bool take_requirement(struct span *rest, struct span *ret)
{
	size_t len = 0;
	int depth = 0;

	if (!rest->at)
		return false;
	for (; len < rest->len && (depth || rest->at[len] != ','); len++)
		depth += (rest->at[len] == '(') - (rest->at[len] == ')');
	*ret = span_trim(span_from(rest->at, len));
	if (len == rest->len)
		*rest = SPAN_NONE;
	else
		*rest = span_from(rest->at + len + 1, rest->len - len - 1);
	return true;
}

/* "key in (a,b)" and "key notin (a)"; false when it is none. */
static bool read_set(struct span text, struct requirement *ret)
{
	ptrdiff_t blank = span_find(text, ' '), open = span_find(text, '('), close = span_find(text, ')');
	struct span op;

	if (blank < 0 || open < blank || close < open)
		return false;
	op = span_trim(span_from(text.at + blank, (size_t)(open - blank)));
	if (!span_equal_str(op, "in") && !span_equal_str(op, "notin"))
		return false;
	*ret = (struct requirement){ span_equal_str(op, "in") ? SELECT_IN : SELECT_NOT_IN,
				     span_from(text.at, (size_t)blank),
				     span_from(text.at + open + 1, (size_t)(close - open - 1)) };
	return true;
}

static void read_requirement(struct span text, struct requirement *ret)
{
	ptrdiff_t equal = span_find(text, '=');
	size_t after = (size_t)equal + 1;

	if (read_set(text, ret))
		return;
	if (equal < 0) {
		bool is_not = text.len && text.at[0] == '!';

		*ret = (struct requirement){ is_not ? SELECT_NOT_EXISTS : SELECT_EXISTS,
					     span_trim(span_from(text.at + is_not, text.len - is_not)), SPAN_NONE };
		return;
	}
	ret->op = equal && text.at[equal - 1] == '!' ? SELECT_NOT_EQUAL : SELECT_EQUAL;
	ret->key = span_trim(span_from(text.at, (size_t)equal - (ret->op == SELECT_NOT_EQUAL)));
	if (after < text.len && text.at[after] == '=')
		after++;
	ret->values = span_trim(span_from(text.at + after, text.len - after));
}

static int read_all(struct span text, struct requirement *into, size_t *ret_count, struct err *e)
{
	struct span rest = text, part;

	*ret_count = 0;
	if (!text.len)
		return 0;
	while (take_requirement(&rest, &part)) {
		if (!part.len)
			continue;
		if (*ret_count == REQUIREMENT_MAX)
			return err_set(e, ERR_INPUT, "more than %d requirements", REQUIREMENT_MAX);
		read_requirement(part, &into[(*ret_count)++]);
	}
	return 0;
}

static int check_fields(const struct selection *s, struct err *e)
{
	for (size_t i = 0; i < s->field_count; i++) {
		bool known = false;

		for (size_t k = 0; k < COUNT_OF(known_fields); k++)
			known = known || span_equal_str(s->fields[i].key, known_fields[k]);
		if (!known)
			return err_set(e, ERR_INPUT, "field label not supported: %.*s", SPAN_ARG(s->fields[i].key));
	}
	return 0;
}

int selection_parse(struct selection *s, const char *labels, const char *fields, struct err *e)
{
	size_t len = strlen(labels);

	*s = (struct selection){ 0 };
	if (!*labels && !*fields)
		return 0;
	if (!selector_is_label(span_of(labels)))
		return err_set(e, ERR_INPUT, "unable to parse requirement: %s", labels);
	s->text = mem_printf("%s%s", labels, fields);
	if (read_all(span_from(s->text, len), s->labels, &s->label_count, e) < 0 ||
	    read_all(span_of(s->text + len), s->fields, &s->field_count, e) < 0 || check_fields(s, e) < 0) {
		selection_free(s);
		return -1;
	}
	return 0;
}

void selection_free(struct selection *s)
{
	free(s->text);
	*s = (struct selection){ 0 };
}

static bool is_among(struct span values, const char *value)
{
	struct span part;

	while (span_take_part(&values, ',', &part))
		if (span_equal_str(span_trim(part), value))
			return true;
	return false;
}

/* `value` NULL: the object has no such label. */
static bool fulfils(const struct requirement *r, const char *value)
{
	switch (r->op) {
	case SELECT_EQUAL:
		return value && span_equal_str(r->values, value);
	case SELECT_NOT_EQUAL:
		return !value || !span_equal_str(r->values, value);
	case SELECT_IN:
		return value && is_among(r->values, value);
	case SELECT_NOT_IN:
		return !value || !is_among(r->values, value);
	case SELECT_EXISTS:
		return value != NULL;
	case SELECT_NOT_EXISTS:
		return value == NULL;
	}
	return false;
}

static const char *look_up(const struct json *object, struct span key, bool is_path)
{
	char name[256];

	if (span_to_str(key, name, sizeof(name)) < 0)
		return NULL;
	return is_path ? json_find_str(object, name) : json_str(object, name);
}

bool selection_matches(const struct selection *s, const struct json *object)
{
	const struct json *labels = s->label_count ? json_find(object, "metadata.labels") : NULL;

	for (size_t i = 0; i < s->label_count; i++)
		if (!fulfils(&s->labels[i], look_up(labels, s->labels[i].key, false)))
			return false;
	for (size_t i = 0; i < s->field_count; i++) {
		const char *value = look_up(object, s->fields[i].key, true);

		if (!fulfils(&s->fields[i], value ? value : ""))
			return false;
	}
	return true;
}
