/* SPDX-License-Identifier: MIT */
/*
 * Several servers at one port: of those, the one that has served longest inherits from
 * the callers in the queue, until somebody takes their calls. It is busy meanwhile, and
 * of a low priority; the first thread is the other server.
 */
#include "relief.h"

#include "../stage.h"

enum {
    BUSY, /* serves port 0 */
    NEXT,
    CALLER,
    PARTNER, /* serves port 1 */
};

static volatile uint32_t go;
static volatile long result;

static void serve_and_be_busy(uint32_t which)
{
    struct limen_words got;
    uint64_t past = 1;
    (void)limen_receive_words(stage_ports[which == PARTNER], &got, &past);
    stage_wait_on(&go, 1);
}

static void call(uint32_t unused)
{
    (void)unused;
    result = limen_call(stage_endpoints[0], 0, 0, 0);
}

static long send_a_handle(void)
{
    struct message message = {
        .handle_count = 1, .handles = {stage_ports[0]}, .rights = {RIGHTS_SAME}};
    return limen_call_message(stage_endpoints[0], &message);
}

static void call_with_a_handle(uint32_t unused)
{
    (void)unused;
    result = send_a_handle();
}

static void call_with_bytes_that_are_not_there(uint32_t unused)
{
    struct message message = {.send = (void *)0x70000000, .send_size = 10};
    (void)unused;
    result = limen_call_message(stage_endpoints[0], &message);
}

static bool busy_has(const char *when, uint32_t priority)
{
    uint32_t has = stage_priority(BUSY);
    return step_ok(has == priority, when, has);
}

/* A busy server, and a caller in the queue, from whom it inherits. */
static bool open_queue(void (*caller)(uint32_t))
{
    bool right = stage_open(1);
    go = 0;
    result = 1;
    right = right && stage_start(BUSY, serve_and_be_busy, LEAST);
    stage_settle();
    right = right && stage_start(CALLER, caller, HIGH);
    stage_settle();
    return right && busy_has("with a caller in the queue", HIGH);
}

static bool close_queue(long expected)
{
    stage_settle();
    bool right = step_ok(result == expected, "the caller's result", result);
    stage_tell(&go, 1);
    return stage_close() && right;
}

bool other_server_takes_the_call(void)
{
    struct limen_words got;
    bool right = open_queue(call) &&
                 limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL &&
                 busy_has("while another answers", LEAST) &&
                 limen_reply(0, 0, 0, 0) == 0 && busy_has("then", LEAST);
    return close_queue(0) && right;
}

static bool refuses(void (*caller)(uint32_t), long error)
{
    uint8_t bytes[16];
    struct message message = {.receive = bytes, .receive_size = sizeof(bytes)};
    uint64_t past = 1;
    bool right = open_queue(caller);
    long kind = limen_receive_message(stage_ports[0], &message, &past);
    right = right && step_ok(kind == -ETIMEDOUT, "received", kind) &&
            busy_has("when it was refused", LEAST);
    return close_queue(error) && right;
}

bool other_server_refuses_the_call(void)
{
    return refuses(call_with_a_handle, -E2BIG) &&
           refuses(call_with_bytes_that_are_not_there, -EFAULT);
}

/* The server stands itself in the queue of its port. */
static void serve_and_call(uint32_t which)
{
    struct limen_words got;
    uint64_t past = 1;
    (void)limen_receive_words(stage_ports[0], &got, &past);
    call(which);
    stage_wait_on(&go, 1);
}

bool other_server_takes_own_call(void)
{
    struct limen_words got;
    bool right = stage_open(1);
    go = 0;
    right = right && stage_start(BUSY, serve_and_call, LEAST);
    stage_settle();
    right = right && stage_start(CALLER, call, HIGH);
    stage_settle();
    right =
        right && busy_has("with a caller in the queue", HIGH) && stage_make_leave(CALLER);
    stage_settle();
    right = right && limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL &&
            busy_has("while it is answered", LEAST) && limen_reply(0, 0, 0, 0) == 0 &&
            busy_has("when it is answered", LEAST);
    return close_queue(0) && right;
}

/* Answers its caller only when the call that it makes has come back. */
static void serve_in_cycle(uint32_t which)
{
    struct limen_words got;
    uint32_t own = which == PARTNER;
    uint64_t past = 1;
    if (own == 1)
        (void)limen_receive_words(stage_ports[1], &got, NULL);
    else
        (void)limen_receive_words(stage_ports[0], &got, &past);
    (void)limen_call(stage_endpoints[!own], 0, 0, 0);
    if (own == 1)
        (void)limen_reply(0, 0, 0, 0);
    stage_wait_on(&go, 1);
}

/* Each waits for the other, and somebody of a high priority for both; who gives up. */
bool other_server_ends_a_cycle(void)
{
    struct limen_words got;
    bool right = stage_open(2);
    go = 0;
    result = 0;
    right = right && stage_start(PARTNER, serve_in_cycle, LESS);
    stage_settle();
    right = right && stage_start(BUSY, serve_in_cycle, LEAST);
    stage_settle();
    right = right && stage_start(CALLER, call, HIGH);
    stage_settle();
    right =
        right && busy_has("with a caller in the queue", HIGH) &&
        step_ok(stage_priority(PARTNER) == HIGH, "partner", stage_priority(PARTNER)) &&
        stage_make_leave(CALLER);
    stage_settle();
    right =
        right && limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL &&
        busy_has("when the cycle is broken", LEAST) &&
        step_ok(stage_priority(PARTNER) == LESS, "partner", stage_priority(PARTNER)) &&
        limen_reply(0, 0, 0, 0) == 0;
    return close_queue(0) && right;
}

/* The one that inherits leaves the port: the one that has served it longest after it has
 * the callers now. */
bool next_server_inherits(void)
{
    bool right = stage_open(1);
    go = 0;
    right = right && stage_start(BUSY, serve_and_be_busy, LEAST);
    stage_settle();
    right = right && stage_start(NEXT, serve_and_be_busy, LESS);
    stage_settle();
    right = right && stage_start(CALLER, call, HIGH);
    stage_settle();
    right = right && busy_has("the first", HIGH) &&
            step_ok(stage_priority(NEXT) == LESS, "the next", stage_priority(NEXT)) &&
            stage_make_leave(BUSY);
    stage_settle();
    right = right &&
            step_ok(stage_priority(NEXT) == HIGH, "the next", stage_priority(NEXT)) &&
            stage_make_leave(CALLER) &&
            step_ok(stage_priority(NEXT) == LESS, "then", stage_priority(NEXT));
    stage_tell(&go, 1);
    return stage_close() && right;
}

static volatile long next_result, busy_result;

static void call_and_close(uint32_t which)
{
    call_with_a_handle(which);
    stage_close_port(0);
}

static void call_next(uint32_t unused)
{
    (void)unused;
    next_result = send_a_handle();
}

static void refuse_all(uint32_t unused)
{
    struct message message = {.handle_room = 0};
    uint64_t past = 1;
    (void)unused;
    busy_result = limen_receive_message(stage_ports[0], &message, &past);
}

/* Who is refused and has the higher priority runs before the next one is refused: it
 * closes the port meanwhile. */
bool refusals_give_way(void)
{
    bool right = stage_open(1);
    result = next_result = busy_result = 1;
    right = right && stage_start(NEXT, call_next, BETWEEN);
    stage_settle();
    right = right && stage_start(CALLER, call_and_close, HIGH);
    stage_settle();
    right = right && stage_start(BUSY, refuse_all, LEAST);
    stage_settle();
    right = right && step_ok(result == -E2BIG, "the first", result) &&
            step_ok(next_result == -EPIPE, "the next", next_result) &&
            step_ok(busy_result == -EBADF, "the server", busy_result);
    return stage_close() && right;
}
