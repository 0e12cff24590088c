/* SPDX-License-Identifier: MIT */
/*
 * Calls by numbers that are bound, rebound and freed while somebody waits. What is left
 * of a case is bound to nothing.
 */
#include "calls.h"

#define NUMBER (SYSCALL_BOUND_FIRST + 3)

enum {
    CALLER,
    OTHER,
    THIRD,
};

static handle_t resource(void)
{
    return (handle_t){(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
}

static long call_number(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    return limen_cross(number, 0xdeadbeef, a, b, c);
}

static void call_bound(uint32_t which)
{
    results[which] = call_number(NUMBER, 10, 20, 30 + which);
    stage_tell(&returned[which], 1);
}

static long bind(handle_t endpoint)
{
    return limen_syscall_bind(resource(), NUMBER, endpoint);
}

/* Receives a call with these words at a port; its badge is the port's index. */
static bool comes_to(uint32_t which, uint32_t last)
{
    struct limen_words got = {0};
    uint64_t past = 1;
    long kind = limen_receive_words(stage_ports[which], &got, &past);
    return step_ok(kind == MESSAGE_CALL && got.badge == which, "received", kind) &&
           step_ok(got.words[0] == 10 && got.words[1] == 20 && got.words[2] == last,
                   "words", got.words[2]);
}

static bool start_callers(uint32_t count)
{
    bool right = true;
    for (uint32_t i = 0; i < count; i++) {
        returned[i] = 0;
        right = right && stage_start(i, call_bound, MIDDLE);
    }
    stage_settle();
    return right;
}

/* A port that is gone stays bound until another takes its place. */
bool bound_to_a_dead_port(void)
{
    bool right = stage_open(2) && bind(stage_endpoints[0]) == 0;
    stage_close_port(0);
    right = right && step_ok(call_number(NUMBER, 1, 2, 3) == -EPIPE, "dead", 0) &&
            bind(stage_endpoints[1]) == 0 && start_callers(1) && comes_to(1, 30) &&
            limen_reply(0, 7, 8, 9) == 0 && result_is(0, 7) && bind(nothing) == 0 &&
            call_number(NUMBER, 1, 2, 3) == -ENOSYS && bind(nothing) == 0;
    return stage_close() && right;
}

/* Who waits already waits where it is. */
bool rebound_while_calls_wait(void)
{
    bool right = stage_open(2) && bind(stage_endpoints[0]) == 0 && start_callers(2) &&
                 comes_to(0, 30) && bind(stage_endpoints[1]) == 0 &&
                 limen_reply(0, (uint32_t)-5, 0, 0) == 0 && result_is(0, -5) &&
                 comes_to(0, 31) && bind(nothing) == 0 &&
                 limen_reply(0, 0x7fffffff, 0, 0) == 0 && result_is(1, 0x7fffffff);
    return stage_close() && right;
}

bool port_dies_under_bound_calls(void)
{
    bool right = stage_open(1) && bind(stage_endpoints[0]) == 0 && start_callers(2) &&
                 comes_to(0, 30);
    handle_t later = handle_of(limen_reply_defer());
    stage_close_port(0);
    right = right && result_is(1, -EPIPE) && still_waits(0);
    right = right && limen_handle_close(later) == 0 && result_is(0, -EPIPE) &&
            call_number(NUMBER, 0, 0, 0) == -EPIPE && bind(nothing) == 0;
    return stage_close() && right;
}

/* Being bound is a hold: the badge is closed when it ends. */
bool bound_badge_closes(void)
{
    struct limen_words got;
    uint64_t past = 1;
    bool right = stage_open(1) && bind(stage_endpoints[0]) == 0 &&
                 bind(stage_endpoints[0]) == 0 &&
                 limen_handle_close(stage_endpoints[0]) == 0 &&
                 limen_receive_words(stage_ports[0], &got, &past) == -ETIMEDOUT &&
                 start_callers(1) && bind(nothing) == 0 &&
                 limen_receive_words(stage_ports[0], &got, &past) == MESSAGE_CALL &&
                 limen_reply(0, 1, 0, 0) == 0 && result_is(0, 1) &&
                 limen_receive_words(stage_ports[0], &got, &past) == MESSAGE_CLOSED;
    return stage_close() && right;
}

/* Every way to answer: the first word is the result, and nothing else comes. */
bool bound_calls_answered(void)
{
    uint8_t bytes[100] = {0};
    struct message answer = {.words = {77, 1, 2}, .send = bytes, .send_size = 100};
    struct message with_handle = {
        .handle_count = 1, .handles = {HANDLE_SELF}, .rights = {RIGHTS_SAME}};
    bool right = stage_open(1) && bind(stage_endpoints[0]) == 0 && start_callers(3) &&
                 comes_to(0, 30);
    with_handle.handles[0] = stage_ports[0];
    right = right && limen_message_read(nothing, 0, bytes, 100) == 0 &&
            limen_message_write(nothing, 0, bytes, 100) == 0 &&
            limen_message_reply(&with_handle) == -E2BIG &&
            limen_message_reply(&answer) == 0 && result_is(0, 77);
    right = right && comes_to(0, 31);
    answer.words[0] = 0x80000000;
    right = right && limen_reply_to(handle_of(limen_reply_defer()), &answer) == 0 &&
            result_is(1, (long)0x80000000);
    right = right && comes_to(0, 32) && stage_make_leave(THIRD) &&
            limen_reply(0, 0, 0, 0) == -ESRCH && still_waits(2) && bind(nothing) == 0;
    return stage_close() && right;
}

/* A caller is stopped, and sent away, in the queue and after that. */
bool bound_callers_stopped(void)
{
    bool right = stage_open(1) && bind(stage_endpoints[0]) == 0 && start_callers(3) &&
                 limen_thread_suspend(stage_threads[0]) == 0 && comes_to(0, 30) &&
                 limen_reply(0, 5, 0, 0) == 0 && still_waits(0) &&
                 limen_thread_resume(stage_threads[0]) == 0 && result_is(0, 5) &&
                 stage_make_leave(OTHER) && comes_to(0, 32) && stage_make_leave(THIRD) &&
                 limen_reply(0, 0, 0, 0) == -ESRCH && bind(nothing) == 0;
    return stage_close() && right;
}

/* Needs no handle; what a process without any gets is the answer. */
static void twin_calls_numbers(uint32_t seed)
{
    bool right = true;
    for (uint32_t i = 0; i < 300; i++) {
        seed = seed * 1664525 + 1013904223;
        right = right && limen_cross(NUMBER, seed, ~seed, seed ^ 0x5555, seed >> 3) ==
                             (long)(~seed + (seed ^ 0x5555) + (seed >> 3));
        uint32_t number = SYSCALL_BOUND_FIRST + seed % SYSCALL_BOUND_COUNT;
        if (number != NUMBER)
            right = right && limen_cross(number, seed, seed, seed, seed) == -ENOSYS;
        right =
            right && limen_cross(seed | SYSCALL_BOUND_FIRST * 2, 0, 0, 0, 0) == -ENOSYS;
    }
    (void)limen_process_exit(right ? 0 : 1);
}

static void serve_sums(uint32_t unused)
{
    struct limen_words got;
    (void)unused;
    long kind = limen_receive_words(stage_ports[0], &got, NULL);
    while (kind == MESSAGE_CALL) {
        got.words[0] += got.words[1] + got.words[2];
        kind = limen_reply_receive_words(stage_ports[0], &got);
    }
}

bool bound_calls_without_handles(void)
{
    struct child child = {0};
    struct process_end end;
    bool right =
        stage_open(1) && bind(stage_endpoints[0]) == 0 &&
        stage_start(OTHER, serve_sums, MIDDLE) && twin_load(&child, TWIN_PAGES) &&
        twin_start(&child, twin_calls_numbers, 4711) && child_wait(child, &end) == EXIT_0;
    child_close(&child);
    right = right && bind(nothing) == 0;
    return stage_close() && right;
}

bool numbers_that_cannot_be_bound(void)
{
    static const uint32_t numbers[] = {
        0, 1, 42, SYSCALL_BOUND_FIRST - 1, 0x200, 0x7fffffff, 0x80000000, 0xffffffff};
    bool right = stage_open(1);
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        long error = limen_syscall_bind(resource(), numbers[i], stage_endpoints[0]);
        right = step_ok(error < 0, "bound", numbers[i]) && right;
    }
    const long refused[] = {
        limen_syscall_bind(resource(), NUMBER, stage_ports[0]),
        limen_syscall_bind(stage_endpoints[0], NUMBER, stage_endpoints[0]),
    };
    for (uint32_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        right = step_ok(refused[i] == -EBADF, "refused", refused[i]) && right;
    right = right && call_number(NUMBER, 0, 0, 0) == -ENOSYS;
    return stage_close() && right;
}
