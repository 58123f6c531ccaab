/* Reviews of one's own rights in Kubernetes' protobuf. */
#include "lib/kube/review_proto.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/format/json.h"

#define MAGIC "k8s\0"

enum { FIELD_MAX = 16, WIRE_VARINT = 0, WIRE_LEN = 2 };

/* The length-delimited fields of one message, by number; `at` is NULL for one that is absent. */
struct message {
	struct span field[FIELD_MAX];
};

static int bad(struct err *e)
{
	return err_set(e, ERR_INPUT, "the review is no protobuf of its kind");
}

static int take_varint(struct span *rest, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && rest->len; shift += 7) {
		uint8_t byte = (uint8_t)*rest->at;

		*rest = span_from(rest->at + 1, rest->len - 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return 0;
		}
	}
	return -1;
}

static int message_read(struct span rest, struct message *ret_m, struct err *e)
{
	*ret_m = (struct message){ 0 };
	while (rest.len) {
		uint64_t key, value;

		if (take_varint(&rest, &key) < 0 || take_varint(&rest, &value) < 0)
			return bad(e);
		if ((key & 7) == WIRE_VARINT)
			continue;
		if ((key & 7) != WIRE_LEN || value > rest.len || key >> 3 == 0)
			return bad(e);
		if (key >> 3 < FIELD_MAX) {
			struct span *field = &ret_m->field[key >> 3];

			if (field->at)
				return bad(e);
			*field = span_from(rest.at, (size_t)value);
		}
		rest = span_from(rest.at + value, rest.len - (size_t)value);
	}
	return 0;
}

static int put_texts(struct json *into, const struct message *m, const char *const *names,
		     size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		struct span text = m->field[i + 1];
		AUTO_FREE char *copy = NULL;

		if (!text.at)
			continue;
		if (memchr(text.at, '\0', text.len))
			return bad(e);
		copy = span_dup(text);
		json_set_str(into, names[i], copy);
	}
	return 0;
}

static int put_spec(struct json *spec, struct span bytes, struct err *e)
{
	static const char *const resource[] = { "namespace", "verb",	    "group", "version",
						"resource",  "subresource", "name" };
	static const char *const path[] = { "path", "verb" };
	struct message m, inner;

	if (message_read(bytes, &m, e) < 0)
		return -1;
	for (int i = 1; i <= 2; i++) {
		struct json *attributes;

		if (!m.field[i].at)
			continue;
		attributes = json_new_object();
		json_set_item(spec, i == 1 ? "resourceAttributes" : "nonResourceAttributes",
			      attributes);
		if (message_read(m.field[i], &inner, e) < 0 ||
		    (i == 1 ? put_texts(attributes, &inner, resource, COUNT_OF(resource), e)
			    : put_texts(attributes, &inner, path, COUNT_OF(path), e)) < 0)
			return -1;
	}
	return 0;
}

static int put_rules_spec(struct json *spec, struct span bytes, struct err *e)
{
	static const char *const names[] = { "namespace" };
	struct message m;

	return message_read(bytes, &m, e) < 0 ? -1 : put_texts(spec, &m, names, COUNT_OF(names), e);
}

bool review_proto_is(struct span body)
{
	return span_starts(body, SPAN(MAGIC));
}

static int parse(struct span body, int (*put)(struct json *, struct span, struct err *),
		 struct json **ret_review, struct err *e)
{
	struct message unknown, type, review;
	struct json *doc;
	static const char *const type_names[] = { "apiVersion", "kind" };

	if (!review_proto_is(body) ||
	    message_read(span_from(body.at + 4, body.len - 4), &unknown, e) < 0 ||
	    unknown.field[3].len || message_read(unknown.field[1], &type, e) < 0 ||
	    message_read(unknown.field[2], &review, e) < 0)
		return bad(e);
	doc = json_new_object();
	json_set_item(doc, "spec", json_new_object());
	if (put_texts(doc, &type, type_names, COUNT_OF(type_names), e) < 0 ||
	    put(json_get(doc, "spec"), review.field[2], e) < 0) {
		json_free(doc);
		return -1;
	}
	*ret_review = doc;
	return 0;
}

int review_proto_parse(struct span body, struct json **ret_review, struct err *e)
{
	return parse(body, put_spec, ret_review, e);
}

int review_proto_parse_rules(struct span body, struct json **ret_review, struct err *e)
{
	return parse(body, put_rules_spec, ret_review, e);
}
