/* Finds one text at a path of a JSON value that is walked. */
#include "lib/gate/list_probe.h"

#include <stdio.h>

void list_probe_begin(struct list_probe *p, size_t base)
{
	p->base = base;
	p->matched = p->pending = 0;
	p->seen = 0;
	p->ambiguous = p->has_text = false;
	p->text[0] = '\0';
}

static void probe_name(struct list_probe *p, const struct json_walk *w, size_t level)
{
	p->pending = 0;
	if (level == 0 || level > p->len || p->matched != level - 1 ||
	    !json_walk_text_is(w, p->path[level - 1]))
		return;
	if (p->seen & 1u << level)
		p->ambiguous = true;
	p->seen |= 1u << level;
	p->pending = level;
}

static void probe_scalar(struct list_probe *p, struct json_walk *w)
{
	const char *text = json_walk_text(w);

	if (p->pending == p->len && text && *text) {
		p->has_text = true;
		(void)snprintf(p->text, sizeof(p->text), "%s", text);
	}
	p->pending = 0;
}

void list_probe_step(struct list_probe *p, struct json_walk *w, enum json_step step)
{
	size_t level = w->depth - p->base;

	if (step == JSON_STEP_NAME) {
		probe_name(p, w, level);
	} else if (step == JSON_STEP_SCALAR) {
		probe_scalar(p, w);
	} else if (step == JSON_STEP_OPEN) {
		if (p->pending && p->pending == level - 1)
			p->matched = p->pending;
		p->pending = 0;
	} else if (step == JSON_STEP_CLOSE && p->matched && level <= p->matched) {
		p->matched = level ? level - 1 : 0;
	}
}

bool list_probe_found(const struct list_probe *p)
{
	return p->has_text && !p->ambiguous;
}
