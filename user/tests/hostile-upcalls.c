/* SPDX-License-Identifier: MIT */
/*
 * Upcalls in hostile hands: words of critical sections and delays that cannot be, upcalls
 * that come due amid a call, ports that go while upcalls of theirs are due or run, and
 * processes that end so.
 */
#include <errno.h>

#include <limen/async.h>
#include <limen/layout.h>

#include "cases.h"

#define STACK_SIZE 32768 /* all upcalls at once */
#define PORTS 24u
#define HOLE 0x48000000u

static uint8_t stacks[2][STACK_SIZE] __attribute__((aligned(16)));
static struct system_message messages[PORTS];
static handle_t ports[PORTS];
static volatile uint32_t upcalls;
static volatile uint32_t left;
static volatile uint32_t closes_port, closed;

LIMEN_UPCALL(count);
void count(struct upcall *upcall)
{
    upcalls++;
    if (closes_port && limen_handle_close(upcall->port) == 0)
        closed++;
}

static struct reply_policy policy_with(uint32_t critical, uint64_t delay)
{
    return (struct reply_policy){.kind = REPLY_UPCALL,
                                 .depth = 1,
                                 .thread = HANDLE_SELF,
                                 .entry = (uint32_t)count_upcall,
                                 .critical = (uint32_t *)critical,
                                 .delay = delay};
}

static bool close(handle_t handle)
{
    return limen_handle_close(handle) == 0;
}

static struct system_message timer(handle_t port, uint64_t time, uint64_t period)
{
    return (struct system_message){
        .operation = SYSTEM_TIMER,
        .flags = (uint16_t)(MSG_ASYNC | (period ? MSG_LIVE : 0)),
        .reply_port = port,
        .time = time,
        .period = period,
    };
}

/* How many upcalls a message makes whose port has this policy; or the policy's error.
 * Those that are to come are waited for. */
static long upcalls_with(const struct reply_policy *policy, uint32_t expected)
{
    long port = limen_reply_port_create(policy);
    if (port < 0)
        return port;
    upcalls = 0;
    messages[0] = timer(handle_of(port), 1, 0);
    (void)limen_msg_send(LIMEN_SYSTEM, &messages[0]);
    sleep_for(MILLISECOND);
    (void)wait_for(&upcalls, expected);
    (void)limen_msg_flush();
    return close(handle_of(port)) ? (long)upcalls : -EBADF;
}

/* --- Words --- */

static bool words_that_cannot_be(void)
{
    static const uint32_t refused[] = {
        USER_END,   KERNEL_BASE - 4,   KERNEL_BASE, KERNEL_BASE + 0x100000,
        0xffc00000, THRESHOLD_ADDRESS, 0xfffffffc};
    static const uint32_t empty[] = {USER_START, HOLE, USER_END - 4, 4};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct reply_policy policy = policy_with(refused[i], 0);
        long got = upcalls_with(&policy, 0);
        right = step_ok(got == -EFAULT, "a word that cannot be", got) && right;
        policy = policy_with(refused[i] + 1, 0);
        got = upcalls_with(&policy, 0);
        right = step_ok(got == -EINVAL, "an odd word", got) && right;
    }
    for (uint32_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        struct reply_policy policy = policy_with(empty[i], 0);
        long got = upcalls_with(&policy, 1);
        right = step_ok(got == 1, "a word that is not there", got) && right;
    }
    return right;
}

/* The word says that upcalls are held, and cannot be told that they are. */
static bool word_that_is_read_only(void)
{
    struct memory_map map = {
        .address = HOLE,
        .size = PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED,
    };
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0;
    volatile uint32_t *word = (volatile uint32_t *)HOLE;
    struct reply_policy policy = policy_with(HOLE, 0);
    *word = 1;
    right = right && limen_memory_protect(HANDLE_SELF, HOLE, PAGE_SIZE, MEMORY_READ) == 0;
    long got = upcalls_with(&policy, 0);
    right =
        step_ok(got == 0, "upcalls", got) && step_ok(*word == 1, "word", *word) && right;
    return limen_memory_unmap(HANDLE_SELF, HOLE, PAGE_SIZE) == 0 && right;
}

static bool delays(void)
{
    static const uint64_t never[] = {UINT64_MAX, UINT64_MAX - 1, 1ull << 63, SECOND};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        struct reply_policy policy = policy_with(0, never[i]);
        long got = upcalls_with(&policy, 0);
        right = step_ok(got == 0, "upcalls after a long delay", got) && right;
    }
    struct reply_policy policy = policy_with(0, 1);
    return step_ok(upcalls_with(&policy, 1) == 1, "after a short one", upcalls) && right;
}

/* --- Amid a call --- */

#define BIG (1024u * 1024)

static char *big_send, *big_receive;
static handle_t server_port;
static volatile uint64_t offset;

/* Answers each call with many bytes, for which interrupts are let in, and waits for the
 * next in the same call; in between an upcall comes due. */
static void serve_big(uint32_t unused)
{
    const struct reply_policy policy = policy_with(0, 0);
    struct message answer = {.send = big_send, .send_size = BIG};
    struct limen_words words;
    handle_t port = handle_of(limen_reply_port_create(&policy));
    (void)unused;
    long kind = limen_receive_words(server_port, &words, NULL);
    while (kind == MESSAGE_CALL) {
        messages[0] = timer(port, clock_now() + offset, 0);
        (void)limen_msg_send(LIMEN_SYSTEM, &messages[0]);
        uint32_t list[4] = {server_port.value, (uint32_t)&answer, 0, 0};
        long tag = limen_cross_words(SYS_LIMEN_message_reply_receive, list);
        kind = tag < 0 ? tag : MESSAGE_KIND(tag);
        while (kind == -EINTR)
            kind = limen_receive_words(server_port, &words, NULL);
    }
    (void)limen_handle_close(port);
    for (;;)
        (void)limen_thread_exit((uint32_t *)&left, 0, 0);
}

static char *map_fresh(uint32_t size)
{
    struct memory_map map = {.size = size, .flags = MEMORY_READ | MEMORY_WRITE};
    return limen_memory_map(HANDLE_SELF, &map) < 0 ? NULL : (char *)map.address;
}

/* How long the call takes, without the upcall in it. */
static uint64_t call_big(handle_t endpoint)
{
    struct message call = {.receive = big_receive, .receive_size = BIG};
    uint64_t start = clock_now();
    (void)limen_call_message(endpoint, &call);
    return clock_now() - start;
}

static bool due_amid_a_call(void)
{
    const uint32_t rounds = 100;
    big_send = map_fresh(BIG);
    big_receive = map_fresh(BIG);
    memset(big_send, 1, BIG);
    memset(big_receive, 2, BIG);
    server_port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(server_port, 1));
    left = 1;
    upcalls = 0;
    offset = 0;
    handle_t server = handle_of(bare_thread(serve_big, 0, stacks[0] + STACK_SIZE));
    bool right = call_big(endpoint) > 0 && wait_for(&upcalls, 1);
    uint64_t whole = call_big(endpoint);
    right = right && wait_for(&upcalls, 2);
    for (uint32_t i = 1; right && i <= rounds; i++) {
        offset = whole * i / rounds;
        (void)call_big(endpoint);
        right = step_ok(wait_for(&upcalls, i + 2), "no upcall in round", i);
    }
    right = close(server_port) && wait_for(&left, 0) && right;
    right = limen_memory_unmap(HANDLE_SELF, (uint32_t)big_send, BIG) == 0 && right;
    return limen_memory_unmap(HANDLE_SELF, (uint32_t)big_receive, BIG) == 0 &&
           close(server) && close(endpoint) && right;
}

/* --- What goes --- */

static bool create_ports(uint64_t start, uint64_t period)
{
    bool right = true;
    for (uint32_t i = 0; i < PORTS; i++) {
        struct reply_policy policy = policy_with(0, i % 3 == 0 ? period / 2 : 0);
        policy.depth = 1 + i % 2;
        ports[i] = handle_of(limen_reply_port_create(&policy));
        messages[i] = timer(ports[i], start + i, period);
        right = right && limen_msg_send(LIMEN_SYSTEM, &messages[i]) == -EASYNC;
    }
    return right;
}

/* Each port goes with its first upcall; those that are due at the same time come
 * after. */
static bool port_goes_in_its_upcall(void)
{
    closed = 0;
    closes_port = 1;
    bool right = create_ports(clock_now() + 4 * MILLISECOND, 5000);
    uint64_t deadline = clock_now() + PATIENCE;
    while (closed < PORTS && clock_now() < deadline)
        (void)limen_thread_yield();
    closes_port = 0;
    right = step_ok(closed == PORTS, "closed", closed) && right;
    for (uint32_t i = 0; i < PORTS; i++)
        right = limen_handle_close(ports[i]) == -EBADF && right;
    return right;
}

static _Noreturn void spin(uint32_t seed)
{
    (void)create_ports(clock_now(), 2000 + seed * 500);
    uint64_t never = UINT64_MAX;
    for (;;) {
        if (seed % 2)
            (void)limen_clock_sleep(&never);
        if (seed % 3 == 0)
            (void)limen_msg_wait(ports[seed % PORTS], NULL, NULL);
    }
}

static bool process_ends_amid_upcalls(void)
{
    bool right = true;
    for (uint32_t seed = 0; right && seed < 24; seed++) {
        struct child child;
        struct process_end end;
        right = twin_load(&child, 256) && twin_start(&child, spin, seed);
        sleep_for(MILLISECOND + seed * 50000);
        right = right && limen_process_kill(child.process, 7) == 0 &&
                limen_process_wait(child.process, &end, NULL) == 0 &&
                step_ok(end.reason == PROCESS_KILLED, "reason", end.reason);
        child_close(&child);
    }
    return right;
}

static void serve_upcalls(uint32_t spins)
{
    uint64_t deadline = clock_now() + 20 * MILLISECOND;
    (void)create_ports(clock_now(), 6 * MILLISECOND);
    while (clock_now() < deadline)
        if (!spins)
            (void)limen_clock_sleep(&deadline);
    for (;;)
        (void)limen_thread_exit((uint32_t *)&left, 0, 0);
}

/* A thread ends: what comes to its ports then stays there, and can be taken. */
static bool thread_ends_amid_upcalls(void)
{
    bool right = true;
    for (uint32_t spins = 0; spins < 2; spins++) {
        left = 1;
        handle_t thread =
            handle_of(bare_thread(serve_upcalls, spins, stacks[spins] + STACK_SIZE));
        right = wait_for(&left, 0) && right;
        for (uint32_t i = 0; i < PORTS; i++) {
            long got = limen_msg_wait(ports[i], &messages[i], NULL);
            right = step_ok(got == 0, "a message that came later", got) &&
                    close(ports[i]) && right;
        }
        right = close(thread) && right;
    }
    return right;
}

static const struct test_case cases[] = {
    {"words of sections that cannot be", words_that_cannot_be},
    {"a section's word is read-only", word_that_is_read_only},
    {"delays to the end of time", delays},
    {"upcalls come due amid a call", due_amid_a_call},
    {"ports go in their upcalls", port_goes_in_its_upcall},
    {"a process ends amid upcalls", process_ends_amid_upcalls},
    {"a thread ends amid upcalls", thread_ends_amid_upcalls},
};

int main(void)
{
    return RUN_CASES(cases);
}
