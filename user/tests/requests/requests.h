/* SPDX-License-Identifier: MIT */
/*
 * For tests of requests: messages that are made, sent and waited for in a line, and
 * servers of one loop that know what they are asked by the first word.
 */
#ifndef REQUESTS_H
#define REQUESTS_H

#include <limen/async.h>

#include "../queue-port.h"
#include "../stage.h"

#define BYTES 9000u /* more than two pages, not a whole number */

/* What a server does with words 1 and 2. */
enum {
    SERVE_ADD = 1, /* answers the sum, the badge, and what came in bytes */
    SERVE_BYTES,   /* answers the bytes that came, each by one more */
    SERVE_HANDLE,  /* answers the handles that came */
    SERVE_PARTS,   /* reads and writes the bytes in parts */
    SERVE_DEFER,   /* answers later: served[], released by SERVE_RELEASE */
    SERVE_RELEASE, /* answers the deferred call of index word 1 */
    SERVE_FAULT,   /* ends the sender's process */
    SERVE_KEEP,    /* does not answer, and receives no more until stage_stop */
    SERVE_DIE,     /* leaves without an answer */
    SERVE_SILENT,  /* defers and drops the reply handle */
};

/* The server's body for stage_start, and what it serves; see req_serve. */
void serve(uint32_t which);
extern handle_t serve_port;
extern volatile uint32_t *serve_stop;

/* What a server of this process has received, in order; its SERVE_DEFER's reply handles.
 */
#define SERVED_MOST 64
struct served {
    uint32_t words[3];
    uint32_t badge;
    handle_t reply;
};
extern struct served served[SERVED_MOST];
extern volatile uint32_t served_count;

/* Starts a server at the stage's first port. */
static inline bool req_serve(uint32_t which, uint32_t priority)
{
    serve_port = stage_ports[0];
    serve_stop = &stage_stop;
    return stage_start(which, serve, priority);
}

/* Begins a case that has one port and one server. */
static inline bool req_begin(void)
{
    return stage_open(1) && req_serve(0, HIGH);
}

static inline bool req_close(handle_t handle)
{
    long error = limen_handle_close(handle);
    return step_ok(error == 0, "handle_close", error);
}

static inline struct system_message req_call(handle_t port, uint32_t w0, uint32_t w1,
                                             uint32_t w2)
{
    return (struct system_message){.operation = PORT_CALL,
                                   .flags = MSG_ASYNC,
                                   .reply_port = port,
                                   .words = {w0, w1, w2}};
}

static inline struct system_message req_long(handle_t port, struct message *message)
{
    return (struct system_message){.operation = PORT_MESSAGE_CALL,
                                   .flags = MSG_ASYNC,
                                   .reply_port = port,
                                   .words = {(uint32_t)message}};
}

/* Sends it. Without a reply port it may show its answer already. */
static inline bool req_in_flight(handle_t to, struct system_message *message)
{
    long error = limen_msg_send(to, message);
    bool shown = message->reply_port.value == 0 || message->error == -EASYNC;
    return step_ok(error == -EASYNC && shown, "sent", error);
}

/* Waits for it, but not for ever: its error. */
static inline long req_wait(handle_t port, struct system_message *message)
{
    uint64_t deadline = clock_now() + PATIENCE;
    return limen_msg_wait(port, message, &deadline);
}

static inline bool req_comes(handle_t port, struct system_message *message, long wanted)
{
    long error = req_wait(port, message);
    return step_ok(error == wanted && message->error == wanted, "came back", error);
}

/* Sends it to the stage's first port: it comes back with this error. */
static inline bool req_asked(handle_t port, struct system_message *message, long wanted)
{
    return req_in_flight(stage_endpoints[0], message) && req_comes(port, message, wanted);
}

/* Sends it to the stage's first port, where it is received. */
static inline bool req_received(struct system_message *message, struct limen_words *words)
{
    if (!req_in_flight(stage_endpoints[0], message))
        return false;
    long kind = limen_receive_words(stage_ports[0], words, NULL);
    return step_ok(kind == MESSAGE_CALL, "received", kind);
}

static inline bool req_answer(const struct system_message *message, uint32_t w0,
                              uint32_t w1, uint32_t w2)
{
    return step_ok(message->words[0] == w0 && message->words[1] == w1 &&
                       message->words[2] == w2,
                   "answer's first word", message->words[0]);
}

/* Ends a case that had a server's port and this reply port. */
static inline bool req_end(handle_t port, bool right)
{
    right = req_close(port) && right;
    return stage_close() && right;
}

/* --- The cases --- */

bool words_by_one_loop(void);
bool bytes_both_ways(void);
bool handles_both_ways(void);
bool parts_of_bytes(void);
bool answered_later(void);
bool thousand_in_a_queue(void);
bool by_priority(void);
bool array_gives_way(void);
bool array_loses_its_endpoint(void);
bool to_oneself(void);
bool at_once_refused(void);

bool server_leaves(void);
bool server_killed(void);
bool port_closed(void);
bool reply_port_closed(void);
bool reply_handle_dropped(void);
bool sender_refused(void);
bool uncollected_handles(void);
bool sender_dies_with_handles(void);
bool cancelled_in_the_queue(void);
bool cancelled_when_received(void);
bool cancelled_when_deferred(void);

bool time_out_in_the_queue(void);
bool time_out_when_received(void);
bool time_out_amid_a_long_answer(void);
bool time_out_amid_a_long_call(void);
bool time_out_where_priority_is_lent(void);
bool time_outs_of_many(void);
bool cancel_races_an_answer(void);
bool sender_killed_amid_bytes(void);

bool shown_answer(void);
bool shown_handles(void);
bool shown_where_handles_cannot_be(void);
bool synchronous_call(void);
bool synchronous_caller_ends(void);

#endif
