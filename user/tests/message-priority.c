/* SPDX-License-Identifier: MIT */
/*
 * What comes for a thread of a higher priority does not wait for the end of another's
 * long call: the time-out of a message, an upcall that ends a wait; nor for the end of a
 * port with many messages.
 */
#include <errno.h>

#include <limen/async.h>

#include "cases.h"
#include "queue-port.h"

#define STACK_SIZE 8192
#define BIG (1024u * 1024)
#define ROUNDS 100u

static uint8_t stacks[3][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t stop, left, waiting, amid, rounds;
static volatile char *from, *to;
static uint32_t word = 5;
static handle_t server_port, endpoint;

static _Noreturn void leave(void)
{
    (void)__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST);
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

static _Noreturn void leave_waiter(void)
{
    for (;;)
        (void)limen_thread_exit((uint32_t *)&waiting, 0, 0);
}

/* One long call after the other: what is at the begin of `to` is at its end when all of
 * a message was received. */
static void send_on(uint32_t unused)
{
    (void)unused;
    while (!stop) {
        struct message call = {.send = (const void *)from, .send_size = BIG};
        from[0]++;
        from[BIG - 1] = from[0];
        if (limen_call_message(endpoint, &call) < 0)
            break;
    }
    (void)limen_handle_close(server_port);
    leave();
}

static void receive_on(uint32_t unused)
{
    struct message_window window = {.buffer = (void *)to, .size = BIG};
    struct limen_words words;
    (void)unused;
    (void)limen_message_window(&window);
    while (limen_receive_words(server_port, &words, NULL) == MESSAGE_CALL)
        (void)limen_reply(0, 0, 0, 0);
    leave();
}

static void look(void)
{
    rounds++;
    amid += to[0] != to[BIG - 1];
}

LIMEN_UPCALL(note);
void note(struct upcall *upcall)
{
    (void)upcall;
    look();
}

static uint64_t soon(void)
{
    return clock_now() + 50000 + rounds % 16 * 10000;
}

static void wait_for_messages(uint32_t unused)
{
    (void)unused;
    while (rounds < ROUNDS) {
        struct system_message message = {
            .operation = SYSTEM_FUTEX, .words = {(uint32_t)&word, 5}, .time = soon()};
        if (limen_msg_send(LIMEN_SYSTEM, &message) != -ETIMEDOUT)
            break;
        look();
    }
    leave_waiter();
}

static void wait_for_upcalls(uint32_t unused)
{
    const struct reply_policy policy = {.kind = REPLY_UPCALL,
                                        .depth = 1,
                                        .thread = HANDLE_SELF,
                                        .entry = (uint32_t)note_upcall};
    handle_t port = handle_of(limen_reply_port_create(&policy));
    (void)unused;
    while (rounds < ROUNDS) {
        struct system_message message = {.operation = SYSTEM_TIMER,
                                         .flags = MSG_ASYNC,
                                         .reply_port = port,
                                         .time = soon()};
        if (limen_msg_send(LIMEN_SYSTEM, &message) != -EASYNC)
            break;
        sleep_for(100 * MILLISECOND); /* which the upcall ends, if it is not earlier */
    }
    (void)limen_handle_close(port);
    leave_waiter();
}

/* --- A port with many messages --- */

#define MANY 6000u

static struct system_message many[MANY + 64];
static volatile uint32_t closing; /* which close goes on, or 0 */
static volatile uint32_t enough;

static handle_t port_with_many(uint32_t count)
{
    handle_t port = queue_port();
    for (uint32_t i = 0; i < count; i++) {
        many[i] = (struct system_message){.operation = SYSTEM_FUTEX,
                                          .flags = MSG_ASYNC,
                                          .reply_port = port,
                                          .words = {(uint32_t)&word, 5}};
        (void)limen_msg_send(LIMEN_SYSTEM, &many[i]);
    }
    return port;
}

static void close_ports(uint32_t unused)
{
    (void)unused;
    for (uint32_t round = 1; round <= 40 && !enough; round++) {
        handle_t port = port_with_many(MANY);
        closing = round;
        (void)limen_handle_close(port);
        closing = 0;
    }
    leave_waiter();
}

/* Takes and cancels messages of a port that goes: some are still there. */
static bool meddle(uint32_t *random)
{
    bool right = true;
    for (uint32_t i = 0; i < 8; i++) {
        *random = *random * 1103515245u + 12345u;
        struct system_message *some = &many[(*random >> 8) % MANY];
        long cancelled = limen_msg_cancel(some);
        long came = limen_msg_test(LIMEN_SYSTEM, some);
        /* It may also go in between. */
        right = right && (cancelled == 0 || cancelled == -ESRCH) &&
                (came == -ESRCH || (came == -ECANCELED && cancelled == 0));
    }
    return right;
}

/* Whoever closes it goes on with that alone; others come in between, and not just when it
 * is over. */
static bool closed_port(void)
{
    uint32_t most = 0, woken = 0, last = 0, random = 1;
    bool met = true;
    waiting = 1;
    closing = enough = 0;
    handle_t closer = handle_of(bare_thread(close_ports, 0, stacks[0] + STACK_SIZE));
    bool right = limen_thread_priority(closer, PRIORITY_DEFAULT - 1) == 0;
    uint64_t deadline = clock_now() + PATIENCE;
    while (waiting && clock_now() < deadline) {
        sleep_for(300000);
        woken = closing && closing == last ? woken + 1 : 0;
        last = closing;
        most = woken > most ? woken : most;
        enough = most >= 4;
        met = (!closing || meddle(&random)) && met;
    }
    right = step_ok(met, "what goes is there, or not", 0) && right;
    right = step_ok(most >= 4, "woken while a port was closed", most) && right;
    return limen_handle_close(closer) == 0 && right;
}

static char *map_fresh(uint32_t size)
{
    struct memory_map map = {.size = size, .flags = MEMORY_READ | MEMORY_WRITE};
    return limen_memory_map(HANDLE_SELF, &map) < 0 ? NULL : (char *)map.address;
}

/* The waiter is of this thread's priority, which only sleeps; the copying is below. */
static bool beside_long_calls(void (*function)(uint32_t))
{
    from = map_fresh(BIG);
    to = map_fresh(BIG);
    memset((char *)from, 0, BIG);
    memset((char *)to, 0, BIG);
    stop = amid = rounds = 0;
    left = 2;
    waiting = 1;
    server_port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(server_port, 1));
    handle_t sender = handle_of(bare_thread(send_on, 0, stacks[0] + STACK_SIZE));
    handle_t receiver = handle_of(bare_thread(receive_on, 0, stacks[1] + STACK_SIZE));
    bool right = limen_thread_priority(sender, PRIORITY_DEFAULT - 1) == 0 &&
                 limen_thread_priority(receiver, PRIORITY_DEFAULT - 1) == 0;
    handle_t waiter = handle_of(bare_thread(function, 0, stacks[2] + STACK_SIZE));
    uint64_t deadline = clock_now() + PATIENCE;
    /* Without waking up meanwhile. */
    while (waiting && limen_futex_wait((uint32_t *)&waiting, 1, &deadline) == 0)
        continue;
    stop = 1;
    while (left > 0 && clock_now() < deadline)
        sleep_for(MILLISECOND);
    right = step_ok(left == 0, "left", left) && right;
    right = step_ok(amid > rounds / 2, "of 100 amid a call", amid) && right;
    right = limen_memory_unmap(HANDLE_SELF, (uint32_t)from, BIG) == 0 && right;
    right = limen_memory_unmap(HANDLE_SELF, (uint32_t)to, BIG) == 0 && right;
    return limen_handle_close(sender) == 0 && limen_handle_close(receiver) == 0 &&
           limen_handle_close(waiter) == 0 && limen_handle_close(endpoint) == 0 && right;
}

static bool time_outs(void)
{
    return beside_long_calls(wait_for_messages);
}

static bool upcalls(void)
{
    return beside_long_calls(wait_for_upcalls);
}

static const struct test_case cases[] = {
    {"a time-out amid a long call", time_outs},
    {"an upcall amid a long call", upcalls},
    {"a sleeper while a port with many messages is closed", closed_port},
};

int main(void)
{
    /* The table of handles stays as large. */
    (void)limen_handle_close(port_with_many(MANY + 64));
    return RUN_CASES(cases);
}
