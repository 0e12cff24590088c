/* SPDX-License-Identifier: MIT */
/*
 * An upcall ends the call in which a thread waits, of whatever kind, with EINTR, and
 * nothing is left of it: no handle, no waiter, no link between a client and its server.
 * In a critical section it does so only where the section says so.
 */
#include "gate.h"
#include "stage.h"
#include "upcalls.h"

enum {
    WAITER,
    SERVER,
};

#define SIGNAL_MORE 0x100u
#define HOLE 0x60000000u

static const uint64_t never = UINT64_MAX;
static struct system_message heard, heard_too, asked;
static volatile uint32_t section;
static volatile uint32_t futex_word;
static handle_t reply_port, other_port, sleeper;
static volatile long result;
static volatile uint32_t ended; /* how many waits of the waiter's are over */
static uint32_t rounds;
static uint32_t at_first; /* what the waiter adds to its word */

/* --- Waits --- */

static long wait_sleep(void)
{
    return limen_clock_sleep(&never);
}

static long wait_futex(void)
{
    return limen_futex_wait((uint32_t *)&futex_word, 0, NULL);
}

static long wait_futex_until(void)
{
    return limen_futex_wait((uint32_t *)&futex_word, 0, &never);
}

static long wait_process(void)
{
    struct process_end end;
    return limen_process_wait(sleeper, &end, NULL);
}

static long wait_receive(void)
{
    return limen_receive(stage_ports[1], NULL);
}

static long wait_receive_until(void)
{
    return limen_receive(stage_ports[1], &never);
}

static long wait_reply_receive(void)
{
    return limen_reply_receive(stage_ports[1], 1, 2, 3);
}

static long wait_call(void)
{
    return limen_call(stage_endpoints[0], 1, 2, 3);
}

static long wait_send(void)
{
    return limen_send(stage_endpoints[0], 1, 2, 3);
}

static long wait_message_call(void)
{
    static uint8_t bytes[5000];
    struct message message = {.send = bytes,
                              .send_size = sizeof(bytes),
                              .receive = bytes,
                              .receive_size = sizeof(bytes)};
    return limen_message_call(stage_endpoints[0], &message);
}

static long wait_any(void)
{
    struct system_message *came = NULL;
    return limen_msg_wait_any(other_port, &came, NULL);
}

static long wait_given(void)
{
    asked = (struct system_message){.operation = SYSTEM_TIMER,
                                    .flags = MSG_ASYNC,
                                    .reply_port = other_port,
                                    .time = never};
    long error = limen_msg_send(LIMEN_SYSTEM, &asked);
    if (error != -EASYNC)
        return error;
    error = limen_msg_wait(other_port, &asked, NULL);
    if (limen_msg_cancel(&asked) != 0 || limen_msg_test(other_port, &asked) != -ECANCELED)
        return 1;
    return error;
}

/* Sends without MSG_ASYNC; the message must show what the call answers. */
static long send_and_wait(handle_t to, const struct system_message *message)
{
    asked = *message;
    asked.error = 1;
    long error = limen_msg_send(to, &asked);
    return asked.error == error ? error : 2;
}

static long wait_timer_message(void)
{
    return send_and_wait(
        LIMEN_SYSTEM, &(struct system_message){.operation = SYSTEM_TIMER, .time = never});
}

static long wait_futex_message(void)
{
    return send_and_wait(LIMEN_SYSTEM,
                         &(struct system_message){.operation = SYSTEM_FUTEX,
                                                  .words = {(uint32_t)&futex_word, 0},
                                                  .time = never});
}

static long wait_process_message(void)
{
    return send_and_wait(
        LIMEN_SYSTEM,
        &(struct system_message){.operation = SYSTEM_PROCESS_END, .object = sleeper});
}

static long wait_signal_message(void)
{
    return send_and_wait(
        LIMEN_SYSTEM,
        &(struct system_message){.operation = SYSTEM_PROCESS_SIGNALS, .words = {1}});
}

static long wait_call_message(void)
{
    return send_and_wait(
        stage_endpoints[0],
        &(struct system_message){.operation = PORT_CALL, .words = {1, 2, 3}});
}

enum server {
    NO_SERVER,
    QUEUED,   /* nobody receives */
    RECEIVED, /* the first thread has received, and answers late */
    DEFERRED, /* the same, by a reply handle */
};

struct wait {
    const char *text;
    long (*run)(void);
    enum server server;
};

static const struct wait waits[] = {
    {"a sleep", wait_sleep, NO_SERVER},
    {"a wait on a word", wait_futex, NO_SERVER},
    {"a wait on a word with a deadline", wait_futex_until, NO_SERVER},
    {"a wait for a process", wait_process, NO_SERVER},
    {"a receive", wait_receive, NO_SERVER},
    {"a receive with a deadline", wait_receive_until, NO_SERVER},
    {"a reply_receive", wait_reply_receive, NO_SERVER},
    {"a call that nobody received", wait_call, QUEUED},
    {"a call that was received", wait_call, RECEIVED},
    {"a call whose answer is deferred", wait_call, DEFERRED},
    {"a send", wait_send, QUEUED},
    {"a long call that nobody received", wait_message_call, QUEUED},
    {"a long call that was received", wait_message_call, RECEIVED},
    {"a long call whose answer is deferred", wait_message_call, DEFERRED},
    {"waitsys for any message", wait_any, NO_SERVER},
    {"waitsys for one message", wait_given, NO_SERVER},
    {"a timer message", wait_timer_message, NO_SERVER},
    {"a futex message", wait_futex_message, NO_SERVER},
    {"a message that waits for a process", wait_process_message, NO_SERVER},
    {"a message that waits for signals", wait_signal_message, NO_SERVER},
    {"a call message that nobody received", wait_call_message, QUEUED},
    {"a call message that was received", wait_call_message, RECEIVED},
    {"a call message whose answer is deferred", wait_call_message, DEFERRED},
};

#define WAITS (sizeof(waits) / sizeof(*waits))

static const struct wait *current;

static void wait_rounds(uint32_t unused)
{
    (void)unused;
    section |= at_first;
    for (uint32_t i = 0; i < rounds; i++) {
        result = current->run();
        ended++;
    }
    while (section & CRITICAL_COUNT) {
        section &= ~(CRITICAL_COUNT | CRITICAL_INTERRUPT);
        (void)limen_msg_flush();
    }
}

/* --- What goes around a wait --- */

static handle_t deferred;

/* Makes the waiter, with its section's word; it has yet to run. */
static bool prepare(const struct wait *wait, uint32_t word, uint32_t count)
{
    upcalls_begin();
    current = wait;
    rounds = count;
    section = word;
    ended = 0;
    bool right = stage_open(2) && stage_start(WAITER, wait_rounds, LESS);
    struct reply_policy policy = upcall_policy(stage_threads[WAITER]);
    policy.critical = (uint32_t *)&section;
    reply_port = handle_of(limen_reply_port_create(&policy));
    other_port = queue_port();
    return right && (long)reply_port.value > 0 && (long)other_port.value > 0 &&
           listen_for(&heard, reply_port, stage_threads[WAITER], SIGNALS_HEARD) &&
           listen_for(&heard_too, reply_port, stage_threads[WAITER], SIGNAL_MORE);
}

/* The same, and lets it come to its wait. */
static bool begin(const struct wait *wait, uint32_t word, uint32_t count)
{
    bool right = prepare(wait, word, count);
    stage_settle();
    return right;
}

/* The server's part before the upcall. */
static bool serve(enum server server)
{
    if (server != RECEIVED && server != DEFERRED)
        return true;
    long kind = limen_receive(stage_ports[0], NULL);
    if (!step_ok(MESSAGE_KIND(kind) == MESSAGE_CALL, "receive", kind))
        return false;
    deferred = handle_of(server == DEFERRED ? limen_reply_defer() : 0);
    return step_ok(server != DEFERRED || (long)deferred.value > 0, "reply_defer",
                   (long)deferred.value);
}

/* And after it: nothing of the call is left. */
static bool server_is_free(enum server server)
{
    static const struct message empty;
    uint64_t past = 1;
    long error = -ESRCH;
    if (server == RECEIVED)
        error = limen_reply(0, 7, 8, 9);
    else if (server == DEFERRED)
        error = limen_reply_to(deferred, &empty);
    if (!step_ok(error == -ESRCH, "a late answer", error))
        return false;
    error = limen_receive(stage_ports[0], &past);
    return step_ok(error == -ETIMEDOUT, "receive", error) &&
           step_ok(limen_futex_wake((uint32_t *)&futex_word, 8) == 0, "futex_wake", 0);
}

/* Nobody receives at the waiter's port any more. */
static bool nobody_receives(void)
{
    struct system_message call = {
        .operation = PORT_CALL, .flags = MSG_ASYNC, .reply_port = other_port};
    long error = limen_msg_send(stage_endpoints[1], &call);
    bool right = step_ok(error == -EASYNC, "a call to nobody", error);
    stage_settle();
    error = limen_msg_test(other_port, &call);
    return step_ok(error == -EAGAIN, "its answer", error) && right &&
           limen_msg_cancel(&call) == 0 &&
           limen_msg_test(other_port, &call) == -ECANCELED;
}

static bool end(void)
{
    stage_settle();
    bool right = stage_close();
    return closed(reply_port) && closed(other_port) && right;
}

static bool waiter_got(uint32_t count)
{
    return step_ok(ended == count, "waits that ended", ended) &&
           step_ok(ended == 0 || result == -EINTR, "the wait's result", result);
}

/* --- Cases --- */

static bool for_each_wait(bool (*test)(const struct wait *))
{
    bool right = true;
    for (uint32_t i = 0; i < WAITS; i++) {
        uint32_t handles = process_now().handles;
        bool one = test(&waits[i]);
        one = step_ok(process_now().handles == handles, "handles left",
                      (long long)process_now().handles - handles) &&
              one;
        right = step_ok(one, waits[i].text, 0) && right;
    }
    return right;
}

static bool interrupt_one(const struct wait *wait)
{
    bool right = begin(wait, 0, 1) && serve(wait->server) && waiter_got(0) &&
                 post_to(stage_threads[WAITER], 1) == 0;
    stage_settle();
    right = right && waiter_got(1) && upcalls_were(1) && upcall_last.words[0] == 1 &&
            upcall_last.state.eax == (uint32_t)-EINTR && server_is_free(wait->server) &&
            nobody_receives();
    return end() && right;
}

static bool interrupted(void)
{
    return for_each_wait(interrupt_one);
}

/* By every gate that the processor has. */
static bool interrupted_by_gate(void)
{
    void (*before)(void) = limen_gate;
    bool right = true;
    for (int gate = 0; gate < GATE_COUNT; gate++) {
        if (!gate_is_open(gate))
            continue;
        limen_gate = gate_choices[gate].stub;
        right =
            step_ok(for_each_wait(interrupt_one), gate_choices[gate].name, 0) && right;
    }
    limen_gate = before;
    return right;
}

/* --- Faults --- */

static void touch_hole(uint32_t unused)
{
    (void)unused;
    *(volatile uint32_t *)HOLE = 1;
    ended++;
}

/* A thread that waits for what becomes of its fault is in no call: its upcall comes when
 * it goes on, and before the instruction that faulted. */
static bool faulted(void)
{
    static const struct child self = {.process = HANDLE_SELF};
    struct limen_words fault;
    upcalls_begin();
    ended = 0;
    bool right = stage_open(1) && stage_start(WAITER, touch_hole, LESS) &&
                 limen_process_fault_endpoint(HANDLE_SELF, stage_endpoints[0]) == 0;
    reply_port = upcall_port(stage_threads[WAITER]);
    right = right && listen_for(&heard, reply_port, stage_threads[WAITER], SIGNALS_HEARD);
    stage_settle();
    /* While it is in the queue, and when its fault was received. */
    right = right && post_to(stage_threads[WAITER], 1) == 0;
    stage_settle();
    right = right && upcalls_were(0) &&
            limen_receive_words(stage_ports[0], &fault, NULL) == MESSAGE_FAULT &&
            fault.words[FAULT_ADDRESS] == HOLE && post_to(stage_threads[WAITER], 2) == 0;
    stage_settle();
    right = right && upcalls_were(0) && ended == 0 &&
            child_map(self, HOLE, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
            limen_reply(0, 0, 0, 0) == 0;
    stage_settle();
    right = right && upcalls_were(1) && upcall_last.words[0] == 3 && ended == 1;
    (void)limen_process_fault_endpoint(HANDLE_SELF, (handle_t){0});
    right = limen_memory_unmap(HANDLE_SELF, HOLE, PAGE_SIZE) == 0 && right;
    right = stage_close() && right;
    return closed(reply_port) && right;
}

static bool interrupt_suspended(const struct wait *wait)
{
    bool right = begin(wait, 0, 1) && serve(wait->server) &&
                 limen_thread_suspend(stage_threads[WAITER]) == 0 &&
                 post_to(stage_threads[WAITER], 1) == 0;
    stage_settle();
    right = right && upcalls_were(0) && waiter_got(0) && server_is_free(wait->server) &&
            limen_thread_resume(stage_threads[WAITER]) == 0;
    stage_settle();
    right = right && waiter_got(1) && upcalls_were(1) && nobody_receives();
    return end() && right;
}

static bool interrupted_while_suspended(void)
{
    return for_each_wait(interrupt_suspended);
}

/* Held, and not interrupted; until the section is left. */
static bool hold_one(const struct wait *wait)
{
    bool right = begin(wait, 1, 1) && serve(wait->server) &&
                 post_to(stage_threads[WAITER], 1) == 0;
    stage_settle();
    right = right && waiter_got(0) && upcalls_were(0) &&
            step_ok(section == (1 | CRITICAL_HELD), "the word", section);
    section = 0;
    right = right && post_to(stage_threads[WAITER], SIGNAL_MORE) == 0;
    stage_settle();
    right = right && waiter_got(1) && upcalls_were(2) &&
            upcall_last.words[0] == SIGNAL_MORE && server_is_free(wait->server) &&
            nobody_receives();
    return end() && right;
}

static bool held(void)
{
    return for_each_wait(hold_one);
}

/* Held, but interrupted; then each wait ends at once. */
static bool interrupt_in_section(const struct wait *wait)
{
    bool right = begin(wait, 1 | CRITICAL_INTERRUPT, 3) && serve(wait->server) &&
                 waiter_got(0) && post_to(stage_threads[WAITER], 1) == 0;
    /* Runs to its end: the section is left there, and flushed. */
    stage_settle();
    right = right && waiter_got(3) && upcalls_were(1) && upcall_last.words[0] == 1 &&
            step_ok(section == CRITICAL_HELD, "the word", section) &&
            server_is_free(wait->server) && nobody_receives();
    return end() && right;
}

static bool interrupted_in_a_section(void)
{
    return for_each_wait(interrupt_in_section);
}

/* Something is held already when it waits; the section asks for interrupts only then. */
static bool interrupt_at_once(const struct wait *wait)
{
    bool right = prepare(wait, 1, 1) && post_to(stage_threads[WAITER], 4) == 0;
    at_first = CRITICAL_INTERRUPT;
    stage_settle();
    at_first = 0;
    right = right && waiter_got(1) && upcalls_were(1) && upcall_last.words[0] == 4 &&
            server_is_free(NO_SERVER) && nobody_receives();
    return end() && right;
}

static bool not_let_wait(void)
{
    return for_each_wait(interrupt_at_once);
}

static const struct test_case cases[] = {
    {"an upcall ends every kind of wait", interrupted},
    {"the same by every gate", interrupted_by_gate},
    {"the same of a suspended thread", interrupted_while_suspended},
    {"in a critical section it waits on", held},
    {"with CRITICAL_INTERRUPT it does not", interrupted_in_a_section},
    {"with CRITICAL_INTERRUPT and something held it never waits", not_let_wait},
    {"a thread that has faulted", faulted},
};

static void sleep_for_ever(uint32_t unused)
{
    (void)unused;
    for (;;)
        (void)limen_clock_sleep(&never);
}

int main(void)
{
    struct child child;
    if (!twin_load(&child, 256) || !twin_start(&child, sleep_for_ever, 0))
        return 1;
    sleeper = child.process;
    int status = RUN_CASES(cases);
    (void)limen_process_kill(sleeper, 0);
    child_close(&child);
    return status;
}
