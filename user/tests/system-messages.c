/* SPDX-License-Identifier: MIT */
/*
 * System-call messages: what is sent comes back, once, with its results, to whoever waits
 * for it, and what is refused has no effect.
 */
#include <errno.h>
#include <stddef.h>

#include <limen/async.h>

#include "cases.h"
#include "queue-port.h"

#define STACK_SIZE 4096

static uint8_t stacks[4][STACK_SIZE] __attribute__((aligned(16)));
static struct system_message message, other;
static struct system_message many[64];
static volatile uint32_t left;
static volatile long result;
static handle_t port;

static void *stack_of(int i)
{
    return stacks[i] + STACK_SIZE;
}

static _Noreturn void leave(void)
{
    for (;;)
        (void)limen_thread_exit((uint32_t *)&left, 0, 0);
}

static bool close(handle_t handle)
{
    return limen_handle_close(handle) == 0;
}

static struct system_message timer(uint64_t time)
{
    return (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port, .time = time};
}

/* --- One by one --- */

static bool nothing(void)
{
    message = (struct system_message){.error = 1};
    bool right = step_ok(limen_msg_send(LIMEN_SYSTEM, &message) == 0, "by number", 0) &&
                 message.error == 0;
    struct limen_crossing crossing = {LIMEN_SYSTEM, &message, sizeof(message), NULL, 77};
    message.error = 1;
    return right && limen_sendsys_by_int81(&crossing) == 0 && message.error == 0 &&
           crossing.message == &message && crossing.count == 1;
}

static bool array(void)
{
    uint32_t taken = 0;
    for (int i = 0; i < 64; i++)
        many[i] = (struct system_message){.error = 1};
    bool right = limen_msg_send_all(LIMEN_SYSTEM, many, 64, &taken) == 0 && taken == 64;
    for (int i = 0; i < 64; i++)
        right = right && many[i].error == 0;
    for (int i = 0; i < 64; i++)
        many[i] = (struct system_message){.error = 1};
    many[41].flags = 0x8000;
    right = right && limen_msg_send_all(LIMEN_SYSTEM, many, 64, &taken) == -EINVAL &&
            taken == 41;
    for (int i = 0; i < 64; i++)
        right = right && many[i].error == (i < 41 ? 0 : 1);
    many[41].error = 1;
    return right && limen_msg_send_all(LIMEN_SYSTEM, &many[41], 1, &taken) == -EINVAL &&
           taken == 0 && many[41].error == 1;
}

static bool timer_comes_back(void)
{
    struct system_message *came = NULL;
    port = queue_port();
    other = timer(UINT64_MAX);
    bool right = limen_msg_send(LIMEN_SYSTEM, &other) == -EASYNC &&
                 step_ok(other.error == -EASYNC, "sent", other.error) &&
                 limen_msg_test_any(port, &came) == -EAGAIN &&
                 limen_msg_test(port, &other) == -EAGAIN;
    uint64_t at = clock_now() + 2 * MILLISECOND;
    message = timer(at);
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC;
    right = right && limen_msg_wait_any(port, &came, NULL) == 0 && came == &message &&
            message.error == 0 && clock_now() >= at;
    right = right && limen_msg_wait(port, &message, NULL) == -ESRCH &&
            limen_msg_test(port, &other) == -EAGAIN;
    return close(port) && right;
}

static bool synchronous_timer(void)
{
    uint64_t at = clock_now() + 2 * MILLISECOND;
    message = (struct system_message){.operation = SYSTEM_TIMER, .time = at};
    return limen_msg_send(LIMEN_SYSTEM, &message) == 0 && clock_now() >= at &&
           message.error == 0;
}

static bool live_timer(void)
{
    uint32_t periods = 0;
    port = queue_port();
    uint64_t start = clock_now();
    message = timer(start + MILLISECOND);
    message.flags |= MSG_LIVE;
    message.period = MILLISECOND;
    bool right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC;
    while (right && periods < 10) {
        right = limen_msg_wait(port, &message, NULL) == 0 && message.words[0] > 0;
        periods += message.words[0];
    }
    right = right && clock_now() >= start + periods * MILLISECOND;
    sleep_for(20 * MILLISECOND);
    periods = 0;
    for (int i = 0; right && i < 2; i++) {
        right = limen_msg_wait(port, &message, NULL) == 0 && message.words[0] > 0;
        periods += message.words[0];
    }
    right = right && step_ok(periods > 10, "periods", periods);
    right = right && limen_msg_cancel(&message) == 0 &&
            limen_msg_wait(port, &message, NULL) == -ECANCELED &&
            message.error == -ECANCELED && limen_msg_cancel(&message) == -ESRCH;
    return close(port) && right;
}

static bool cancelled(void)
{
    port = queue_port();
    message = timer(UINT64_MAX);
    bool right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
                 limen_msg_cancel(&message) == 0 &&
                 limen_msg_cancel(&message) == -ESRCH &&
                 limen_msg_wait(port, &message, NULL) == -ECANCELED;
    return close(port) && right;
}

/* Half of them have come back by then. */
static bool port_closed(void)
{
    uint32_t before = process_now().handles;
    port = queue_port();
    for (int i = 0; i < 64; i++) {
        many[i] = timer(i % 2 ? 1 : UINT64_MAX);
        if (limen_msg_send(LIMEN_SYSTEM, &many[i]) != -EASYNC)
            return false;
    }
    bool right = limen_msg_wait(port, &many[63], NULL) == 0 && close(port);
    for (int i = 0; i < 64; i++)
        right = right && limen_msg_cancel(&many[i]) == -ESRCH;
    return step_ok(process_now().handles == before, "handles", process_now().handles) &&
           right;
}

static bool shows_itself(void)
{
    message = timer(clock_now() + MILLISECOND);
    message.reply_port = (handle_t){0};
    volatile int32_t *error = &message.error;
    if (limen_msg_send(LIMEN_SYSTEM, &message) != -EASYNC)
        return false;
    while (*error == -EASYNC)
        continue;
    return *error == 0;
}

static void wait_for_any(uint32_t unused)
{
    struct system_message *came = NULL;
    (void)unused;
    result = limen_msg_wait_any(port, &came, NULL);
    if (came != &message)
        result = 1;
    leave();
}

static bool waiter(void)
{
    port = queue_port();
    left = 1;
    handle_t thread = handle_of(bare_thread(wait_for_any, 0, stack_of(0)));
    sleep_for(MILLISECOND);
    message = timer(clock_now() + MILLISECOND);
    bool right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
                 wait_for(&left, 0) && result == 0;
    return close(thread) && close(port) && right;
}

static bool futex(void)
{
    static uint32_t word = 5;
    port = queue_port();
    message = (struct system_message){.operation = SYSTEM_FUTEX,
                                      .flags = MSG_ASYNC,
                                      .reply_port = port,
                                      .words = {(uint32_t)&word, 4}};
    bool right =
        limen_msg_send(LIMEN_SYSTEM, &message) == -EAGAIN && message.error == -EAGAIN;
    message.words[0] = (uint32_t)&word;
    message.words[1] = 5;
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
            limen_msg_test(port, &message) == -EAGAIN &&
            limen_futex_wake(&word, 1) == 1 && limen_msg_test(port, &message) == 0;
    message.words[0] = (uint32_t)&word;
    message.words[1] = 5;
    message.time = clock_now() + MILLISECOND;
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
            limen_msg_wait(port, &message, NULL) == -ETIMEDOUT;
    return close(port) && right;
}

static bool signals(void)
{
    port = queue_port();
    message = (struct system_message){.operation = SYSTEM_PROCESS_SIGNALS,
                                      .flags = MSG_ASYNC | MSG_LIVE,
                                      .reply_port = port,
                                      .words = {0xff, 1}};
    struct system_message post = {.operation = SYSTEM_PROCESS_POST, .words = {0x101, 3}};
    bool right = limen_msg_send(LIMEN_SYSTEM, &post) == 0;
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
            limen_msg_test(port, &message) == 0 && message.words[0] == 1 &&
            message.words[1] == 1;
    other = message;
    right = right && limen_msg_send(LIMEN_SYSTEM, &other) == -EBUSY;
    post.words[0] = 0x10;
    post.words[1] = 0;
    right = right && limen_msg_send(LIMEN_SYSTEM, &post) == 0;
    post.words[0] = 0x20;
    right = right && limen_msg_send(LIMEN_SYSTEM, &post) == 0;
    right = right && limen_msg_test(port, &message) == 0 && message.words[0] == 0x30 &&
            limen_msg_test(port, &message) == -EAGAIN;
    /* What was not asked for is still there. */
    other =
        (struct system_message){.operation = SYSTEM_PROCESS_SIGNALS, .words = {0x100, 2}};
    right = right && limen_msg_send(LIMEN_SYSTEM, &other) == 0 &&
            other.words[0] == 0x100 && other.words[1] == 2;
    return close(port) && right;
}

/* --- Ends --- */

static void end_at_once(uint32_t status)
{
    (void)limen_process_exit(status);
}

static uint32_t told;

static void leave_when_told(uint32_t unused)
{
    (void)unused;
    while (*(volatile uint32_t *)&told == 0)
        (void)limen_futex_wait(&told, 0, NULL);
    leave();
}

static bool process_end(void)
{
    struct child child;
    port = queue_port();
    bool right = twin_load(&child, 256);
    message = (struct system_message){.operation = SYSTEM_PROCESS_END,
                                      .flags = MSG_ASYNC,
                                      .reply_port = port,
                                      .object = child.process};
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
            twin_start(&child, end_at_once, 42) &&
            limen_msg_wait(port, &message, NULL) == 0 &&
            message.words[0] == PROCESS_EXITED && message.words[1] == 42;
    message.words[0] = message.words[1] = message.words[2] = 0;
    right = right && limen_msg_send(LIMEN_SYSTEM, &message) == 0 &&
            message.words[0] == PROCESS_EXITED && message.words[1] == 42;
    child_close(&child);
    return close(port) && right;
}

static bool thread_end(void)
{
    port = queue_port();
    left = 1;
    told = 0;
    handle_t thread = handle_of(bare_thread(leave_when_told, 0, stack_of(0)));
    message = (struct system_message){.operation = SYSTEM_THREAD_END,
                                      .flags = MSG_ASYNC,
                                      .reply_port = port,
                                      .object = thread};
    bool right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC &&
                 limen_msg_test(port, &message) == -EAGAIN;
    told = 1;
    (void)limen_futex_wake(&told, 1);
    right = right && limen_msg_wait(port, &message, NULL) == 0 && left == 0 &&
            limen_msg_send(LIMEN_SYSTEM, &message) == 0;
    return close(thread) && close(port) && right;
}

/* --- Requests --- */

static handle_t server_port, endpoint;

static void serve_one(uint32_t unused)
{
    struct limen_words words = {0};
    (void)unused;
    (void)limen_receive_words(server_port, &words, NULL);
    (void)limen_reply(0, words.words[0] + 6, words.words[1] + 6, words.words[2] + 6);
    leave();
}

static bool request(void)
{
    port = queue_port();
    server_port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(server_port, 5));
    left = 1;
    message = (struct system_message){.operation = PORT_CALL,
                                      .flags = MSG_ASYNC,
                                      .reply_port = port,
                                      .words = {1, 2, 3}};
    bool right =
        step_ok(limen_msg_send(endpoint, &message) == -EASYNC, "send", message.error);
    handle_t thread = handle_of(bare_thread(serve_one, 0, stack_of(0)));
    right = right && limen_msg_wait(port, &message, NULL) == 0 && message.words[0] == 7 &&
            message.words[1] == 8 && message.words[2] == 9 && wait_for(&left, 0);
    message.words[0] = 1;
    right = right && limen_msg_send(endpoint, &message) == -EASYNC &&
            limen_msg_cancel(&message) == 0 &&
            limen_msg_wait(port, &message, NULL) == -ECANCELED;
    right = right && limen_msg_send(endpoint, &message) == -EASYNC;
    right = close(server_port) && right;
    right = right && limen_msg_wait(port, &message, NULL) == -EPIPE;
    return close(thread) && close(endpoint) && close(port) && right;
}

/* --- Upcalls --- */

static volatile uint32_t upcalls;
static struct upcall last;

LIMEN_UPCALL(note);
void note(struct upcall *upcall)
{
    memcpy(&last, upcall, UPCALL_SIZE_PLAIN);
    upcalls++;
}

static handle_t upcall_port(void)
{
    const struct reply_policy policy = {.kind = REPLY_UPCALL,
                                        .depth = 1,
                                        .entry = (uint32_t)note_upcall,
                                        .stack = (uint32_t)stack_of(1),
                                        .stack_size = STACK_SIZE};
    return handle_of(limen_reply_port_create(&policy));
}

static bool upcall_at_once(void)
{
    upcalls = 0;
    port = upcall_port();
    message = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                      .flags = MSG_ASYNC | MSG_LIVE,
                                      .reply_port = port,
                                      .words = {0xff}};
    struct system_message post = {.operation = SYSTEM_THREAD_POST, .words = {4}};
    bool right = step_ok(limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC, "sent", 0) &&
                 step_ok(limen_msg_send(LIMEN_SYSTEM, &post) == 0, "posted", 0) &&
                 step_ok(upcalls == 1, "upcalls", upcalls) && last.message == &message &&
                 last.words[0] == 4 && message.words[0] == 4 &&
                 last.port.value == port.value;
    post.words[0] = 8;
    right = right && limen_msg_send(LIMEN_SYSTEM, &post) == 0 && upcalls == 2;
    return close(port) && right;
}

static bool upcall_ends_a_sleep(void)
{
    long slept = 0;
    bool right = true;
    port = upcall_port();
    /* Should it come before the sleep, it is tried once more, with more time. */
    for (uint64_t time = MILLISECOND; right && slept == 0 && time < PATIENCE; time *= 4) {
        uint64_t now = clock_now(), end = now + 4 * time;
        upcalls = 0;
        message = timer(now + time);
        right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC;
        slept = limen_clock_sleep(&end);
        right = right && wait_for(&upcalls, 1);
    }
    return close(port) && step_ok(slept == -EINTR, "slept", slept) && right;
}

static bool upcall_meets_a_loop(void)
{
    upcalls = 0;
    port = upcall_port();
    message = timer(clock_now() + MILLISECOND);
    bool right = limen_msg_send(LIMEN_SYSTEM, &message) == -EASYNC;
    while (right && upcalls == 0)
        continue;
    return close(port) && right;
}

static const struct test_case cases[] = {
    {"nothing is done at once", nothing},
    {"an array of messages", array},
    {"a timer comes back to its port", timer_comes_back},
    {"a timer without MSG_ASYNC", synchronous_timer},
    {"a live timer counts its periods", live_timer},
    {"a timer is cancelled, once", cancelled},
    {"a port's end ends its messages", port_closed},
    {"without a port a message shows itself", shows_itself},
    {"a thread waits for any message", waiter},
    {"a word is woken", futex},
    {"signals add up", signals},
    {"the end of a process", process_end},
    {"the end of a thread", thread_end},
    {"a request to a server", request},
    {"an upcall at once", upcall_at_once},
    {"an upcall ends a sleep", upcall_ends_a_sleep},
    {"an upcall meets a loop", upcall_meets_a_loop},
};

int main(void)
{
    return RUN_CASES(cases);
}
