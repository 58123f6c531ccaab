/*
 * What commands on the agent hold in memory: counted before it is, so that no user's list ends the agent and
 * with it everybody's streams.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/gate/agent_command.h"

/* Bytes for one of text, as measured: a tree takes seven, and while -o json prints it, fifteen more. */
#define COST_TABLE 8
#define COST_OTHER 22

/* One command may have half of it. */
static size_t limit_of_one(const struct agent_command *c)
{
	return (size_t)c->agent->config->command_memory / 2;
}

static int hold_cost(struct agent_command *c, size_t cost, struct err *e)
{
	size_t all = (size_t)c->agent->config->command_memory;

	if (atomic_load(&c->held) + cost > limit_of_one(c))
		return err_set(e, ERR_LIMIT,
			       "the command asks for more than the agent may hold for one (commands.memory): "
			       "ask for less at once (-n, -l, names), or use mk8s kubectl");
	if (atomic_fetch_add(&c->agent->command_held, cost) + cost > all) {
		(void)atomic_fetch_sub(&c->agent->command_held, cost);
		return err_set(e, ERR_BUSY,
			       "commands hold as much as the agent may (commands.memory): try again");
	}
	(void)atomic_fetch_add(&c->held, cost);
	return 0;
}

static void release_cost(struct agent_command *c, size_t cost)
{
	(void)atomic_fetch_sub(&c->held, cost);
	(void)atomic_fetch_sub(&c->agent->command_held, cost);
}

int agent_command_hold_input(struct agent_command *c, size_t len, struct err *e)
{
	return hold_cost(c, len * COST_OTHER, e);
}

/* Who asks for the same again, as in waiting, has let go of what came before. */
void agent_command_memory_begin(struct agent_command *c, const char *path)
{
	struct command_answer *slot = NULL;

	for (size_t i = 0; i < COUNT_OF(c->answers) && !slot; i++)
		if (c->answers[i].path && strcmp(c->answers[i].path, path) == 0)
			slot = &c->answers[i];
	if (slot) {
		release_cost(c, slot->cost);
	} else { /* what the slot's former answer holds stays counted until the command's end */
		slot = &c->answers[c->answers_next++ % COUNT_OF(c->answers)];
		free(slot->path);
		slot->path = mem_dup_str(path);
	}
	slot->cost = 0;
	c->answer = slot;
}

int agent_command_hold(void *owner, const struct kube_request *rq, size_t bytes, struct err *e)
{
	struct agent_command *c = owner;
	bool is_table = rq->accept && strcmp(rq->accept, KUBE_TABLE) == 0;
	size_t cost = bytes * (is_table ? COST_TABLE : COST_OTHER);

	if (hold_cost(c, cost, e) < 0)
		return -1;
	c->answer->cost += cost;
	return 0;
}

void agent_command_memory_free(struct agent_command *c)
{
	for (size_t i = 0; i < COUNT_OF(c->answers); i++)
		free(c->answers[i].path);
	release_cost(c, atomic_load(&c->held));
}
