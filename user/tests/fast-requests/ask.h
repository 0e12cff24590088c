/* SPDX-License-Identifier: MIT */
/*
 * For tests of requests by int 0x81, which the kernel has a short way for: a server that
 * lets a case do what it likes between a request and its answer, and two ways to send and
 * to wait, of which that by number is never the short one. Both must come to the same.
 */
#ifndef TESTS_ASK_H
#define TESTS_ASK_H

#include <limen/async.h>

#include "../int81.h"
#include "../stage.h"

#define SERVER 0     /* of the stage's threads, and its port */
#define HIGHEST 60   /* above the first thread */
#define IO_PORT 0x84 /* of the DMA page registers: reading does nothing */
#define UNTOLD 12345 /* an error that nobody answers */

/* Priorities of the server: it answers when the first thread waits, or before. */
static const uint32_t ask_priorities[] = {LESS, OWN, HIGHEST};
#define ASK_PRIORITIES (sizeof(ask_priorities) / sizeof(*ask_priorities))

static handle_t ask_port;               /* where answers come */
static volatile uint32_t asked;         /* requests that the server received */
static volatile uint32_t ask_wrong;     /* of its answers */
static void (*volatile ask_hook)(void); /* done by the server before its next answer */
static volatile uint32_t ask_second;    /* the port at which it receives from then on */

static inline void ask_answer(const uint32_t in[3], uint32_t out[3])
{
    out[0] = in[0] ^ 0x5a5a5a5a;
    out[1] = in[1] + in[2];
    out[2] = ~in[2];
}

/* The server's body. */
static inline void ask_serve(uint32_t which)
{
    uint32_t first = stage_ports[which].value, port = first;
    uint32_t list[4] = {port};
    long kind = limen_cross_words(SYS_LIMEN_receive, list);
    while (kind == MESSAGE_CALL) {
        void (*hook)(void) = ask_hook;
        uint32_t words[3] = {list[1], list[2], list[3]};
        asked++;
        if (list[0] != (port == first ? which : 1)) /* the badge */
            ask_wrong++;
        ask_hook = NULL;
        if (hook)
            hook();
        ask_answer(words, list + 1);
        list[0] = port = ask_second ? ask_second : port;
        kind = limen_cross_words(SYS_LIMEN_reply_receive, list);
    }
}

/* Crosses by int 0x81, or by number. */
static inline long ask_cross(bool by_int81, struct limen_crossing *crossing)
{
    struct int81 registers = {crossing->port.value, (uint32_t)crossing->deadline,
                              (uint32_t)crossing->message, crossing->size};
    if (!by_int81)
        return limen_sendsys_by_number(crossing);
    if (!int81_cross(&registers) || registers.ebx != (uint32_t)crossing->deadline)
        ask_wrong++;
    crossing->message = (struct system_message *)registers.ecx;
    crossing->count = registers.edx;
    return (long)registers.eax;
}

static inline struct system_message ask_message(uint32_t w0, uint32_t w1, uint32_t w2)
{
    return (struct system_message){.operation = PORT_CALL,
                                   .flags = MSG_ASYNC,
                                   .reply_port = ask_port,
                                   .words = {w0, w1, w2},
                                   .error = UNTOLD};
}

static inline long ask_send(bool by_int81, struct system_message *message)
{
    struct limen_crossing crossing = {
        .port = stage_endpoints[SERVER], .message = message, .size = sizeof(*message)};
    long result = ask_cross(by_int81, &crossing);
    if (crossing.message != message || crossing.count != (result == -EASYNC))
        ask_wrong++;
    return result;
}

static inline bool ask_sent(bool by_int81, struct system_message *message)
{
    long result = ask_send(by_int81, message);
    return step_ok(result == -EASYNC, "sent", result);
}

/* Waits for any message: this one comes, with this error. */
static inline bool ask_comes(bool by_int81, struct system_message *message, long error)
{
    struct limen_crossing crossing = {.port = ask_port};
    long result = ask_cross(by_int81, &crossing);
    return step_ok(result == error, "waited for", result) &&
           step_ok(crossing.message == message, "message", (long)crossing.message) &&
           step_ok(crossing.count == (error != -EFAULT), "count", crossing.count);
}

/* The message is the answer to these words. */
static inline bool ask_right(const struct system_message *message, uint32_t w0,
                             uint32_t w1, uint32_t w2)
{
    uint32_t words[3];
    ask_answer((const uint32_t[]){w0, w1, w2}, words);
    return step_ok(memcmp(words, message->words, sizeof(words)) == 0, "words",
                   message->words[0]) &&
           step_ok(message->error == 0, "error", message->error);
}

/* One request from its beginning to its end. */
static inline bool ask_once(bool by_int81)
{
    static struct system_message message;
    message = ask_message(7, 8, 9);
    return ask_sent(by_int81, &message) && ask_comes(by_int81, &message, 0) &&
           ask_right(&message, 7, 8, 9);
}

static inline handle_t ask_queue(void)
{
    const struct reply_policy policy = {.kind = REPLY_QUEUE};
    return handle_of(limen_reply_port_create(&policy));
}

/* Begins a case: a server, a reply port, and a request that it keeps for the next. */
static inline bool ask_begin(uint32_t priority)
{
    asked = ask_wrong = 0;
    ask_hook = NULL;
    ask_second = 0;
    bool right = stage_open(2) && stage_start(SERVER, ask_serve, priority);
    stage_settle();
    ask_port = ask_queue();
    return right && ask_once(true);
}

static inline bool ask_close(handle_t handle)
{
    long error = limen_handle_close(handle);
    return step_ok(error == 0, "handle_close", error);
}

/* Ends it: the server still answers. */
static inline bool ask_end(bool right)
{
    right = right && ask_once(true);
    right = ask_close(ask_port) && right;
    right = stage_close() && right;
    return step_ok(ask_wrong == 0, "registers or counts that are wrong", ask_wrong) &&
           right;
}

static inline uint32_t ask_handles(void)
{
    struct process_info info = {0};
    (void)limen_process_info(HANDLE_SELF, &info);
    return info.handles;
}

/* --- The cases --- */

bool sent_from_all_places(void);
bool answered_into_all_places(void);
bool taken_into_all_places(void);

bool bits_of_handles(void);
bool other_objects(void);
bool lacking_rights(void);
bool stale_handles(void);
bool late_slots(void);
bool bits_of_a_message(void);
bool odd_crossings(void);
bool more_than_spares(void);

bool every_way_to_wait(void);
bool two_wait(void);
bool named_and_any(void);
bool waiter_suspended(void);
bool waiter_leaves(void);
bool waiter_interrupted(void);
bool reply_port_closed(void);
bool server_suspended(void);
bool server_leaves(void);
bool server_moves(void);
bool sender_dies(void);
bool sender_steps(void);
bool somebody_goes_first(void);
bool io_ports_stay(void);

bool timed_requests(void);
bool long_requests(void);
bool live_messages(void);
bool waiter_timed(void);
bool waiter_held(void);
bool server_held(void);

#endif
