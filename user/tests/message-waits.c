/* SPDX-License-Identifier: MIT */
/*
 * Waiting for system-call messages: each one comes back to one who waits, however many
 * wait, whatever becomes of them, and whoever cancels it. Without a reply port it shows
 * all of its results, or none.
 */
#include <limen/async.h>

#include "queue-port.h"
#include "stage.h"

#define WAITERS 50
#define MESSAGES 5000
#define WAITER_STACK 1024

static struct system_message message, other;
static struct system_message many[MESSAGES];
static uint8_t came_back[MESSAGES];
static uint8_t waiter_stacks[WAITERS][WAITER_STACK] __attribute__((aligned(16)));
static handle_t port;
static volatile uint32_t waiting, ended, bad;
static volatile long result;

static struct system_message timer(uint64_t time)
{
    return (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port, .time = time};
}

static bool in_flight(struct system_message *one)
{
    long error = limen_msg_send(LIMEN_SYSTEM, one);
    return step_ok(error == -EASYNC, "sent", error);
}

static bool comes(struct system_message *one, long wanted)
{
    uint64_t deadline = clock_now() + PATIENCE;
    long error = limen_msg_wait(port, one, &deadline);
    return step_ok(error == wanted && one->error == wanted, "came back", error);
}

static bool is(long got, long wanted, const char *what)
{
    return step_ok(got == wanted, what, got);
}

static bool close(handle_t handle)
{
    return is(limen_handle_close(handle), 0, "handle_close");
}

/* Until all timers that are due have come. */
static void pass_time(void)
{
    struct system_message one = {.operation = SYSTEM_TIMER,
                                 .time = clock_now() + MILLISECOND};
    (void)limen_msg_send(LIMEN_SYSTEM, &one);
}

/* --- What is waited for --- */

static bool given_or_any(void)
{
    struct system_message *came = NULL;
    uint64_t past = 1, soon = clock_now() + MILLISECOND;
    port = queue_port();
    message = timer(UINT64_MAX);
    other = timer(1);
    bool right = in_flight(&message) && in_flight(&other) &&
                 is(limen_msg_wait(port, &message, &past), -ETIMEDOUT, "past") &&
                 is(limen_msg_wait(port, &message, &soon), -ETIMEDOUT, "soon") &&
                 clock_now() >= soon && is(limen_msg_test(port, &message), -EAGAIN, "") &&
                 is(limen_msg_wait_any(port, &came, NULL), 0, "any") && came == &other;
    came = NULL;
    right = right && is(limen_msg_test_any(port, &came), -EAGAIN, "none") &&
            is(limen_msg_wait_any(port, &came, &past), -ETIMEDOUT, "none") &&
            is(limen_msg_wait(port, &other, NULL), -ESRCH, "over") &&
            is(limen_msg_cancel(&message), 0, "cancelled") &&
            is(limen_msg_wait_any(port, &came, NULL), -ECANCELED, "any") &&
            came == &message;
    return close(port) && right;
}

/* A port that is not its own, none, and what is no port. */
static bool where_it_is_not(void)
{
    port = queue_port();
    handle_t elsewhere = queue_port();
    message = timer(1);
    bool right = in_flight(&message);
    pass_time();
    right = right && is(limen_msg_test(elsewhere, &message), -ESRCH, "elsewhere") &&
            is(limen_msg_test((handle_t){2}, &message), -EINVAL, "version") &&
            is(limen_msg_test((handle_t){0x7000}, &message), -EBADF, "no handle") &&
            is(limen_msg_test(LIMEN_SYSTEM, NULL), -EINVAL, "nothing") &&
            is(limen_msg_test(port, (void *)0x70000000), -EFAULT, "no memory") &&
            is(limen_msg_test(port, (void *)KERNEL_BASE), -EFAULT, "the kernel's") &&
            is(limen_msg_test(port, (void *)0xfffffff0), -EFAULT, "the end") &&
            is(limen_msg_test(LIMEN_SYSTEM, &message), 0, "by itself");
    right = close(elsewhere) && right;
    return close(port) && right;
}

/* --- Many --- */

static _Noreturn void leave(volatile uint32_t *word)
{
    __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

static void collect(uint32_t unused)
{
    struct system_message *came;
    long error;
    (void)unused;
    while ((error = limen_msg_wait_any(port, &came, NULL)) == 0) {
        if (came < many || came >= many + MESSAGES || came->error != 0)
            bad++;
        else
            came_back[came - many]++;
    }
    if (error != -EPIPE)
        bad++;
    leave(&ended);
}

static bool each_once(void)
{
    for (uint32_t i = 0; i < MESSAGES; i++)
        if (came_back[i] != 1)
            return step_ok(false, "came back, times 10,000", came_back[i] * 10000 + i);
    return is(bad, 0, "bad");
}

static uint32_t count_back(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MESSAGES; i++)
        count += came_back[i];
    return count;
}

/* Some come back at once, some soon, from interrupts, while 50 threads wait. */
static bool many_waiters(void)
{
    handle_t threads[WAITERS];
    uint32_t sent = 0;
    port = queue_port();
    ended = bad = 0;
    memset(came_back, 0, sizeof(came_back));
    for (int i = 0; i < WAITERS; i++)
        threads[i] = handle_of(bare_thread(collect, 0, waiter_stacks[i] + WAITER_STACK));
    for (int i = 0; i < 100; i++)
        (void)limen_thread_yield();
    uint64_t now = clock_now();
    for (uint32_t i = 0; i < MESSAGES; i++)
        many[i] = timer(i % 3 == 0 ? 1 : now + i % 7 * MILLISECOND);
    bool right = is(limen_msg_send_all(LIMEN_SYSTEM, many, MESSAGES, &sent), 0, "sent") &&
                 is(sent, MESSAGES, "taken");
    uint64_t deadline = clock_now() + PATIENCE;
    while (count_back() < MESSAGES && clock_now() < deadline)
        (void)limen_thread_yield();
    sleep_for(MILLISECOND);
    right = right && each_once();
    right = close(port) && right && wait_for(&ended, WAITERS) && is(bad, 0, "bad");
    (void)limen_thread_yield();
    for (int i = 0; i < WAITERS; i++)
        right = close(threads[i]) && right;
    return right;
}

/* --- What becomes of who waits --- */

static void wait_any_once(uint32_t which)
{
    struct system_message *came = NULL;
    (void)which;
    waiting = 1;
    result = limen_msg_wait_any(port, &came, NULL);
    if (result == 0 && came != &message)
        result = 1;
    waiting = 0;
}

static void wait_given_once(uint32_t which)
{
    (void)which;
    waiting = 1;
    result = limen_msg_wait(port, &message, NULL);
    waiting = 0;
}

static bool begin(void (*body)(uint32_t))
{
    bool right = stage_open(0);
    port = queue_port();
    message = timer(UINT64_MAX);
    result = 1234;
    right = right && in_flight(&message) && stage_start(0, body, HIGH);
    stage_settle();
    return right && is(waiting, 1, "it waits");
}

static bool end(bool right)
{
    right = close(port) && right;
    return stage_close() && right;
}

/* It was given the message, and is stopped before it has told it: another one gets it. */
static bool given_and_gone(void)
{
    bool right = true;
    for (int given = 0; given < 2; given++) {
        right = begin(given ? wait_given_once : wait_any_once) && right;
        right = right && is(limen_msg_cancel(&message), 0, "cancelled") &&
                is(limen_msg_test(port, &message), -ESRCH, "it is given") &&
                stage_make_leave(0) && comes(&message, -ECANCELED);
        right = end(right) && is(result, 1234, "it never came to it");
    }
    return right;
}

/* The same, but suspended and let go on. */
static bool given_and_suspended(void)
{
    bool right = begin(wait_any_once);
    right = right && is(limen_thread_suspend(stage_threads[0]), 0, "suspended") &&
            is(limen_msg_cancel(&message), 0, "cancelled");
    stage_settle();
    right = right && is(result, 1234, "suspended") &&
            is(limen_thread_resume(stage_threads[0]), 0, "resumed");
    stage_settle();
    right = right && is(result, -ECANCELED, "result") &&
            is(limen_msg_test(port, &message), -ESRCH, "over");
    return end(right);
}

static bool gone_before(void)
{
    bool right = true;
    for (int given = 0; given < 2; given++) {
        right = begin(given ? wait_given_once : wait_any_once) && right;
        right = right && stage_make_leave(0);
        stage_settle();
        right = right && is(limen_msg_cancel(&message), 0, "cancelled") &&
                comes(&message, -ECANCELED);
        right = end(right);
    }
    return right;
}

static bool port_closed_under_it(void)
{
    bool right = begin(wait_any_once);
    right = close(port) && right;
    stage_settle();
    right = right && is(result, -EPIPE, "any");
    right = stage_close() && right;
    right = begin(wait_given_once) && right;
    right = close(port) && right;
    stage_settle();
    right = right && is(result, -ESRCH, "given");
    return stage_close() && right;
}

/* Given its message when the port is closed: it tells it all the same. */
static bool port_closed_when_given(void)
{
    bool right = begin(wait_any_once);
    right = right && is(limen_msg_cancel(&message), 0, "cancelled") && close(port);
    stage_settle();
    right = right && is(result, -ECANCELED, "result") &&
            is(message.error, -ECANCELED, "error");
    return stage_close() && right;
}

/* Its handle, which a program must leave alone, is closed under it. */
static bool handle_closed_under_it(void)
{
    bool right = begin(wait_given_once);
    right = right && close((handle_t){message.id});
    stage_settle();
    right = right && is(result, -ESRCH, "given") &&
            is(limen_msg_cancel(&message), -ESRCH, "cancel");
    return end(right);
}

/* Two wait for one: the first gets it, and the other hears that it is over. */
static bool two_for_one(void)
{
    bool right = begin(wait_given_once) && stage_start(1, wait_given_once, LESS);
    stage_settle();
    right = right && is(limen_msg_cancel(&message), 0, "cancelled");
    stage_settle();
    right = right && is(waiting, 0, "one waits on") &&
            (is(result, -ESRCH, "second") || result == -ECANCELED);
    return end(right);
}

/* --- Cancel against completion --- */

static bool cancel_races(void)
{
    uint32_t won = 0, lost = 0;
    bool right = true;
    port = queue_port();
    for (uint32_t round = 0; right && round < 4000; round++) {
        message = timer(clock_now() + round % 400 * 128);
        right = in_flight(&message);
        for (uint32_t i = 0; i < round % 13; i++)
            (void)limen_null();
        long cancelled = limen_msg_cancel(&message);
        won += cancelled == 0;
        lost += cancelled == -ESRCH;
        right = right && comes(&message, cancelled == 0 ? -ECANCELED : 0) &&
                is(limen_msg_test(port, &message), -ESRCH, "twice");
    }
    right = right && step_ok(won > 0 && lost > 0 && won + lost == 4000, "won", won);
    return close(port) && right;
}

/* --- No reply port --- */

/* Reads the message over and over, while others write to it. */
struct shared {
    struct system_message message;
    volatile uint32_t stop, round, torn, seen;
};

static void poll(struct shared *shared)
{
    volatile struct system_message *at = &shared->message;
    while (!shared->stop) {
        uint32_t round = shared->round;
        int32_t error = at->error;
        uint32_t low = at->words[0], high = at->words[1];
        if (error == -EASYNC || shared->round != round)
            continue;
        if (error != 0 || low != high || low != (round | 1))
            shared->torn++;
        shared->seen++;
    }
}

static struct shared *own_shared;

static void poll_here(uint32_t which)
{
    (void)which;
    poll(own_shared);
    leave(&ended);
}

static void poll_there(uint32_t at)
{
    poll((struct shared *)at);
    (void)limen_process_exit(0);
}

/* Sends and lets come back, until the reader has seen enough. */
static bool show_to_reader(struct shared *shared)
{
    bool right = true;
    uint64_t deadline = clock_now() + PATIENCE;
    for (uint32_t round = 1; right && shared->seen < 3000; round++) {
        struct system_message post = {.operation = SYSTEM_PROCESS_POST,
                                      .words = {round | 1, round | 1}};
        shared->round = round;
        shared->message = (struct system_message){.operation = SYSTEM_PROCESS_SIGNALS,
                                                  .flags = MSG_ASYNC,
                                                  .error = -EASYNC,
                                                  .words = {~0u, ~0u}};
        right = in_flight(&shared->message) &&
                is(limen_msg_send(LIMEN_SYSTEM, &post), 0, "posted");
        uint64_t slice = clock_now() + 20000 + round % 97 * 512;
        (void)limen_clock_sleep(&slice);
        right = right && is(shared->message.error, 0, "shown") &&
                is(shared->message.words[1], round | 1, "words") &&
                clock_now() < deadline;
    }
    shared->stop = 1;
    return right && is(shared->torn, 0, "torn") && step_ok(shared->seen > 0, "seen", 0);
}

static bool shown_to_a_thread(void)
{
    static struct shared shared;
    shared = (struct shared){0};
    shared.message.error = -EASYNC;
    own_shared = &shared;
    ended = 0;
    bool right = stage_open(0) && stage_start(0, poll_here, LESS);
    right = right && show_to_reader(&shared);
    shared.stop = 1;
    return stage_close() && right;
}

static bool shown_to_a_process(void)
{
    struct child child = {0};
    struct process_end how;
    handle_t memory = handle_of(limen_memory_create(PAGE_SIZE));
    struct memory_map map = {
        .size = PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE, .memory = memory};
    bool right = stage_open(0) && limen_memory_map(HANDLE_SELF, &map) == 0;
    struct shared *shared = (struct shared *)map.address;
    map.address = 0x60000000;
    map.flags |= MEMORY_FIXED;
    shared->message.error = -EASYNC;
    right = right && twin_load(&child, 256) &&
            is(limen_memory_map(child.process, &map), 0, "mapped there");
    stage_own_priority(LESS);
    right = right && twin_start(&child, poll_there, map.address);
    stage_own_priority(OWN);
    right = right && show_to_reader(shared);
    shared->stop = 1;
    right = right && is(child_wait(child, &how) == EXIT_0, 1, "its end");
    child_close(&child);
    (void)limen_memory_unmap(HANDLE_SELF, (uint32_t)shared, PAGE_SIZE);
    right = close(memory) && right;
    return stage_close() && right;
}

static const struct test_case cases[] = {
    {"a given message, any, without waiting, until a time", given_or_any},
    {"a message is not where it is not", where_it_is_not},
    {"50 wait for 5,000: none lost, none twice", many_waiters},
    {"given to a thread that goes: another gets it", given_and_gone},
    {"given to a thread that is suspended", given_and_suspended},
    {"a thread goes before its message comes", gone_before},
    {"a port is closed under who waits", port_closed_under_it},
    {"and when its message was given", port_closed_when_given},
    {"a message's handle is closed under who waits", handle_closed_under_it},
    {"two wait for one message", two_for_one},
    {"a cancellation or the time: exactly one wins", cancel_races},
    {"a thread that polls sees all of it", shown_to_a_thread},
    {"so does another process", shown_to_a_process},
};

int main(void)
{
    /* A handle table keeps what it has grown to. */
    port = queue_port();
    for (uint32_t i = 0; i < MESSAGES; i++) {
        many[i] = timer(UINT64_MAX);
        (void)limen_msg_send(LIMEN_SYSTEM, &many[i]);
    }
    (void)limen_handle_close(port);
    return RUN_CASES(cases);
}
