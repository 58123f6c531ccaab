/* ExecuteCommand on the agent: the call, on the loop. */
#include "lib/gate/agent_command.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/crypto/random.h"
#include "lib/gate/words.h"
#include "lib/net/grpc_stream.h"

#define WAIT_PIECE_MS 200

/* The worker's side of the lock. */

bool agent_command_is_over(const struct agent_command *c)
{
	return atomic_load(&c->cancelled) || clock_mono_ms() >= c->deadline_mono_ms;
}

void agent_command_wait(struct agent_command *c)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += WAIT_PIECE_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	(void)pthread_cond_timedwait(&c->changed, &c->lock, &until);
}

static void command_pump(void *arg);

static struct command_event *event_new(const Mk8s__Agent__V1__CommandEvent *event, size_t len)
{
	struct command_event *item = mem_new(sizeof(*item));

	buf_init(&item->message, len);
	if (buf_reserve(&item->message, len))
		buf_commit(&item->message,
			   mk8s__agent__v1__command_event__pack(event, (uint8_t *)item->message.at));
	return item;
}

/* An exit is queued also when the command is over: it is the last event. */
bool agent_command_put(struct agent_command *c, const Mk8s__Agent__V1__CommandEvent *event)
{
	size_t len = mk8s__agent__v1__command_event__get_packed_size(event);
	bool is_exit = event->event_case == MK8S__AGENT__V1__COMMAND_EVENT__EVENT_EXIT;
	struct command_event *item;
	bool post;

	(void)pthread_mutex_lock(&c->lock);
	while (!is_exit && !agent_command_is_over(c) &&
	       c->event_bytes + c->queued_bytes > AGENT_COMMAND_QUEUE_LEN)
		agent_command_wait(c);
	if (!is_exit && agent_command_is_over(c)) {
		(void)pthread_mutex_unlock(&c->lock);
		return false;
	}
	item = event_new(event, len);
	if (c->last_event)
		c->last_event->next = item;
	else
		c->events = item;
	c->last_event = item;
	c->event_bytes += item->message.len;
	post = !c->pump_posted;
	c->pump_posted = true;
	(void)pthread_mutex_unlock(&c->lock);
	if (post)
		loop_post(c->agent->loop, command_pump, c);
	return true;
}

/* The loop's side. */

static struct command_event *take_event(struct agent_command *c)
{
	struct command_event *item;

	(void)pthread_mutex_lock(&c->lock);
	item = c->events;
	if (item) {
		c->events = item->next;
		c->event_bytes -= item->message.len;
		if (!c->events)
			c->last_event = NULL;
	}
	c->pump_posted = item != NULL;
	c->queued_bytes = c->call ? grpc_stream_queued(c->call) : 0;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	return item;
}

static void event_free(struct command_event *item)
{
	buf_free(&item->message);
	free(item);
}

static void command_free_if_unused(struct agent_command *c)
{
	struct command_event *item;

	if (c->call || c->working)
		return;
	while ((item = take_event(c)))
		event_free(item);
	c->agent->command_count--;
	agent_command_question_free(&c->question);
	agent_command_memory_free(c);
	words_free(c->identity);
	buf_free(&c->input_bytes);
	if (c->input)
		mk8s__agent__v1__command_input__free_unpacked(c->input, NULL);
	if (c->wake_fd >= 0)
		(void)close(c->wake_fd);
	(void)pthread_mutex_destroy(&c->lock);
	(void)pthread_cond_destroy(&c->changed);
	free(c);
}

/* Events go on while the call has room; the rest follows when it drains. */
static void command_pump(void *arg)
{
	struct agent_command *c = arg;
	struct command_event *item;
	struct err e;

	while ((!c->call || grpc_stream_queued(c->call) < AGENT_COMMAND_QUEUE_LEN) &&
	       (item = take_event(c))) {
		if (c->call && grpc_stream_send(c->call, buf_span(&item->message), &e) < 0)
			grpc_stream_cancel(c->call);
		event_free(item);
	}
	if (c->call && !c->working && !c->events)
		grpc_stream_finish(c->call, GRPC_OK, "");
}

void agent_command_cancel(struct agent_command *c)
{
	(void)pthread_mutex_lock(&c->lock);
	if (!atomic_exchange(&c->cancelled, true) && c->wake_fd >= 0)
		(void)eventfd_write(c->wake_fd, 1);
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
}

void agent_command_done(void *arg)
{
	struct agent_command *c = arg;

	c->working = false;
	command_pump(c);
	command_free_if_unused(c);
}

static void call_drain(void *owner, struct grpc_stream *g UNUSED)
{
	command_pump(owner);
}

/* Central has nothing more to say, and with that no decisions: what still runs ends. */
static void call_end(void *owner, struct grpc_stream *g UNUSED)
{
	struct agent_command *c = owner;

	if (c->working)
		agent_command_cancel(c);
	else
		agent_command_refuse(c, GRPC_CANCELLED, "the call was ended without a command");
}

static void call_close(void *owner, struct grpc_stream *g UNUSED, const struct err *why UNUSED,
		       enum grpc_status status UNUSED)
{
	struct agent_command *c = owner;

	c->call = NULL;
	agent_command_cancel(c);
	command_pump(c);
	command_free_if_unused(c);
}

static struct agent_command *command_new(struct agent_link *k)
{
	struct agent_command *c = mem_new(sizeof(*c));
	pthread_condattr_t monotonic;

	c->agent = agent_link_agent(k);
	c->rules = agent_link_rules(k);
	c->agent->command_count++;
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	buf_init(&c->input_bytes, AGENT_COMMAND_STDIN_MAX);
	random_bytes(c->seal_key, sizeof(c->seal_key));
	return c;
}

void agent_command_serve(struct agent_link *k, struct http_stream *s)
{
	static const struct grpc_stream_events events = { .on_message = agent_command_message,
							  .on_end = call_end,
							  .on_drain = call_drain,
							  .on_close = call_close };
	const struct agent *a = agent_link_agent(k);
	struct grpc_stream_options o = { .events = &events, .message_max = GRPC_MESSAGE_MAX };
	struct agent_command *c;

	if (a->command_count >= (size_t)a->config->command_max || a->stopping) {
		grpc_refuse(s, GRPC_RESOURCE_EXHAUSTED,
			    "the cluster's agent runs as many commands as it takes");
		return;
	}
	c = command_new(k);
	o.owner = c;
	c->call = grpc_stream_serve(s, &o);
	command_free_if_unused(c); /* where it was no call of gRPC */
}
