/* SPDX-License-Identifier: MIT */
/*
 * Hostile system-call messages: what is refused has no effect, what a program does to
 * the memory of a message in flight harms nobody, and a flood hits who sends it.
 */
#include <limen/async.h>

#include "queue-port.h"
#include "stage.h"

#define FLOOD 10000
#define TWIN_PAGES 1200
#define HOLE 0x70000000u

static struct system_message message, other;
static struct system_message many[64];
static handle_t port;

static bool is(long got, long wanted, const char *what)
{
    return step_ok(got == wanted, what, got);
}

static bool close(handle_t handle)
{
    return is(limen_handle_close(handle), 0, "handle_close");
}

static bool comes(struct system_message *one, long wanted)
{
    uint64_t deadline = clock_now() + PATIENCE;
    return is(limen_msg_wait(port, one, &deadline), wanted, "came back");
}

static struct system_message timer(uint64_t time)
{
    return (struct system_message){
        .operation = SYSTEM_TIMER, .flags = MSG_ASYNC, .reply_port = port, .time = time};
}

/* Until all timers that are due have come. */
static void pass_time(void)
{
    struct system_message one = {.operation = SYSTEM_TIMER,
                                 .time = clock_now() + 2 * MILLISECOND};
    (void)limen_msg_send(LIMEN_SYSTEM, &one);
}

/* Pages of its own. */
static uint8_t *pages(uint32_t count)
{
    struct memory_map map = {.size = count * PAGE_SIZE,
                             .flags = MEMORY_READ | MEMORY_WRITE};
    if (limen_memory_map(HANDLE_SELF, &map) != 0)
        return NULL;
    memset((void *)map.address, 0, map.size);
    return (uint8_t *)map.address;
}

static bool unmap(void *at, uint32_t count)
{
    return is(limen_memory_unmap(HANDLE_SELF, (uint32_t)at, count * PAGE_SIZE), 0,
              "unmapped");
}

/* --- Refused --- */

/* Sends it by both gates: the error, and nothing has changed. */
static bool refuses(handle_t to, const struct system_message *bad, long error,
                    const char *what)
{
    uint32_t before = process_now().handles;
    struct system_message copy = *bad;
    struct limen_crossing crossing = {.port = to, .message = &copy, .size = sizeof(copy)};
    bool right = is(limen_sendsys_by_number(&crossing), error, what) &&
                 is(crossing.count, 0, "taken") &&
                 is(memcmp(&copy, bad, sizeof(copy)), 0, "changed");
    crossing =
        (struct limen_crossing){.port = to, .message = &copy, .size = sizeof(copy)};
    return right && is(limen_sendsys_by_int81(&crossing), error, what) &&
           is(crossing.count, 0, "taken") &&
           is(memcmp(&copy, bad, sizeof(copy)), 0, "changed") &&
           (bad->reply_port.value || is(process_now().handles, before, "handles"));
}

static bool fields_without_meaning(void)
{
    bool right = true;
    port = queue_port();
    handle_t server = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(server, 0));
    /* For each operation, the fields that it knows: object, words, time, period. */
    static const uint8_t known[SYSTEM_OPERATIONS] = {
        [SYSTEM_NULL] = 0,
        [SYSTEM_PROCESS_POST] = 7,
        [SYSTEM_THREAD_POST] = 7,
        [SYSTEM_CANCEL] = 2,
        [SYSTEM_ACKNOWLEDGE] = 2,
        [SYSTEM_TIMER] = 16,
        [SYSTEM_FUTEX] = 16 + 6,
        [SYSTEM_PROCESS_END] = 16 + 1,
        [SYSTEM_THREAD_END] = 16 + 1,
        [SYSTEM_INTERRUPT] = 3,
        [SYSTEM_PROCESS_SIGNALS] = 16 + 7,
        [SYSTEM_THREAD_SIGNALS] = 16 + 7,
    };
    for (uint32_t operation = 0; operation < SYSTEM_OPERATIONS; operation++) {
        for (uint32_t field = 0; field < 6; field++) {
            struct system_message bad = {.operation = (uint16_t)operation,
                                         .flags = MSG_ASYNC,
                                         .error = 77,
                                         .id = 78};
            if (known[operation] >> field & 1)
                continue;
            bad.object.value = field == 0 ? 5 : 0;
            if (field >= 1 && field <= 3)
                bad.words[field - 1] = 1u << 31;
            bad.time = field == 4 ? 1ull << 63 : 0;
            bad.period = field == 5 ? 1ull << 40 : 0;
            right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "field") && right;
        }
    }
    struct system_message bad = {.operation = PORT_CALL, .object = {4}};
    right = refuses(endpoint, &bad, -EINVAL, "object") && right;
    bad = (struct system_message){.operation = PORT_CALL, .period = 4};
    right = refuses(endpoint, &bad, -EINVAL, "period") && right;
    bad = (struct system_message){.operation = PORT_MESSAGE_CALL, .words = {0, 1}};
    right = refuses(endpoint, &bad, -EINVAL, "word") && right;
    bad = (struct system_message){.operation = PORT_OPERATIONS};
    right = refuses(endpoint, &bad, -EINVAL, "operation") && right;
    bad = (struct system_message){.operation = 0xffff};
    right = refuses(endpoint, &bad, -EINVAL, "operation") && right;
    right = close(endpoint) && right;
    right = close(server) && right;
    return close(port) && right;
}

static bool operations_and_flags(void)
{
    bool right = true;
    port = queue_port();
    static const uint16_t flags[] = {4, 8, 0x8000, 0xffff, MSG_LIVE, 0x100};
    for (uint32_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        struct system_message bad = timer(1);
        bad.flags = flags[i];
        bad.period = 1;
        right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "flags") && right;
        bad = (struct system_message){.flags = flags[i], .error = 3};
        right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "flags of null") && right;
    }
    for (uint32_t operation = SYSTEM_OPERATIONS; operation < 0x10000;
         operation += 1 + operation / 3) {
        struct system_message bad = {.operation = (uint16_t)operation, .error = 3};
        right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "operation") && right;
        bad.flags = MSG_ASYNC;
        bad.reply_port = port;
        right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "operation") && right;
    }
    struct system_message bad = timer(1);
    bad.flags = 0; /* and a reply port */
    right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "a port for nothing") && right;
    bad = timer(1);
    bad.flags |= MSG_LIVE;
    right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "no period") && right;
    bad.period = 1;
    bad.reply_port.value = 0;
    right = refuses(LIMEN_SYSTEM, &bad, -EINVAL, "live, no port") && right;
    bad.reply_port.value = 0x3000;
    right = refuses(LIMEN_SYSTEM, &bad, -EBADF, "no such port") && right;
    bad.reply_port = (handle_t){1};
    right = refuses(LIMEN_SYSTEM, &bad, -EBADF, "a version as a port") && right;
    for (uint32_t version = 0; version < SYSTEM_VERSIONS; version++) {
        bad = (struct system_message){.error = 5};
        if (version != SYSTEM_VERSION)
            right = refuses((handle_t){version}, &bad, -EINVAL, "version") && right;
    }
    return close(port) && right;
}

static bool sizes_and_places(void)
{
    static const uint32_t sizes[] = {1, 15, 16, 47, 49, 95, 0x7fffffff, 0xfffffffe};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        message = (struct system_message){.error = 9};
        right =
            is(limen_sendsys(LIMEN_SYSTEM, &message, sizes[i], NULL), -EINVAL, "size") &&
            is(message.error, 9, "error") && right;
    }
    /* So many that they wrap around, or reach the kernel. */
    right = right &&
            is(limen_sendsys(LIMEN_SYSTEM, &message, 48u * 89478485u, NULL), -EFAULT,
               "all memory") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)(KERNEL_BASE - 48), 96, NULL), -EFAULT,
               "into the kernel") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)(KERNEL_BASE - 32), 48, NULL), -EFAULT,
               "half in the kernel") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)KERNEL_BASE, 48, NULL), -EFAULT,
               "the kernel") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)0xfffffff0, 48, NULL), -EFAULT,
               "the end") &&
            is(limen_sendsys(LIMEN_SYSTEM, NULL, 48, NULL), -EFAULT, "null") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)HOLE, 48, NULL), -EFAULT, "a hole") &&
            is(limen_sendsys(LIMEN_SYSTEM, (void *)THRESHOLD_ADDRESS, 48, NULL), -EFAULT,
               "the threshold page") &&
            is(message.error, 9, "error");
    for (uint32_t shift = 1; shift < 16; shift++)
        right = right &&
                is(limen_sendsys(LIMEN_SYSTEM, (void *)((char *)many + shift), 48, NULL),
                   -EINVAL, "alignment");
    uint64_t when = 0;
    return right &&
           is(limen_sendsys(LIMEN_SYSTEM, &message, 48, &when), -EINVAL, "a deadline") &&
           is(message.error, 9, "error");
}

/* The bad one ends it; those before it were sent, those behind were not. */
static bool arrays_with_a_bad_one(void)
{
    bool right = true;
    port = queue_port();
    for (uint32_t bad = 0; bad < 20; bad++) {
        uint32_t taken = 99;
        for (uint32_t i = 0; i < 20; i++)
            many[i] = timer(UINT64_MAX);
        many[bad].flags = (uint16_t)(bad % 2 ? 0x8000 : MSG_LIVE);
        right = is(limen_msg_send_all(LIMEN_SYSTEM, many, 20, &taken), -EINVAL, "all") &&
                is(taken, bad, "taken") && right;
        for (uint32_t i = 0; i < 20; i++)
            right = right && is(many[i].error, i < bad ? -EASYNC : 0, "in flight") &&
                    is(limen_msg_cancel(&many[i]), i < bad ? 0 : -ESRCH, "cancelled") &&
                    (i >= bad || comes(&many[i], -ECANCELED));
    }
    /* One that would have to wait is left to be sent alone. */
    for (uint32_t i = 0; i < 3; i++)
        many[i] = (struct system_message){.operation = SYSTEM_TIMER, .time = 1};
    uint32_t taken = 0;
    right = right && is(limen_msg_send_all(LIMEN_SYSTEM, many, 3, &taken), 0, "waits") &&
            is(taken, 3, "taken");
    return close(port) && right;
}

/* An array ends where memory does: what can be read is sent. */
static bool arrays_across_a_hole(void)
{
    uint8_t *at = pages(2);
    bool right = unmap(at + PAGE_SIZE, 1);
    port = queue_port();
    for (uint32_t whole = 0; whole < 20; whole++) {
        struct system_message *first =
            (void *)((uint32_t)(at + PAGE_SIZE - whole * 48) & ~15u);
        uint32_t taken = 99;
        for (uint32_t i = 0; i < whole; i++)
            first[i] = timer(UINT64_MAX);
        right = right &&
                is(limen_msg_send_all(LIMEN_SYSTEM, first, 30, &taken), -EFAULT, "all") &&
                is(taken, whole, "taken");
        for (uint32_t i = 0; i < whole; i++)
            right = right && is(limen_msg_cancel(&first[i]), 0, "cancelled") &&
                    comes(&first[i], -ECANCELED);
    }
    right = unmap(at, 1) && right;
    return close(port) && right;
}

/* Where it cannot write, it does nothing. */
static bool memory_that_is_read_only(void)
{
    struct system_message *at = (void *)pages(1);
    bool right = true;
    port = queue_port();
    at[0] = (struct system_message){.operation = SYSTEM_PROCESS_POST, .words = {4}};
    at[1] = timer(1);
    message = timer(UINT64_MAX);
    at[2] = (struct system_message){.operation = SYSTEM_CANCEL,
                                    .words = {(uint32_t)&message}};
    right = is(limen_memory_protect(HANDLE_SELF, (uint32_t)at, PAGE_SIZE, MEMORY_READ), 0,
               "protected") &&
            is(limen_msg_send(LIMEN_SYSTEM, &message), -EASYNC, "sent");
    for (int i = 0; i < 3; i++)
        right = right && is(limen_msg_send(LIMEN_SYSTEM, &at[i]), -EFAULT, "read-only");
    right = right && is(limen_msg_cancel(&message), 0, "not cancelled yet") &&
            comes(&message, -ECANCELED);
    other = (struct system_message){.operation = SYSTEM_PROCESS_SIGNALS,
                                    .flags = MSG_ASYNC,
                                    .reply_port = port,
                                    .words = {4}};
    right = right && is(limen_msg_send(LIMEN_SYSTEM, &other), -EASYNC, "not posted") &&
            is(limen_msg_cancel(&other), 0, "cancelled") && comes(&other, -ECANCELED);
    right = unmap(at, 1) && right;
    return close(port) && right;
}

/* --- In flight --- */

static bool rewritten_in_flight(void)
{
    port = queue_port();
    handle_t elsewhere = queue_port();
    message = timer(UINT64_MAX);
    bool right = is(limen_msg_send(LIMEN_SYSTEM, &message), -EASYNC, "sent");
    uint32_t id = message.id;
    memset(&message, 0xff, sizeof(message));
    right = right && is(limen_msg_cancel(&message), -ESRCH, "a forged id") &&
            is(limen_msg_wait(port, &message, NULL), -ESRCH, "a forged id");
    message.reply_port = elsewhere;
    message.operation = SYSTEM_NULL;
    message.error = 0;
    message.id = id;
    right = right && is(limen_msg_test(elsewhere, &message), -ESRCH, "elsewhere") &&
            is(limen_msg_test(port, &message), -EAGAIN, "in flight") &&
            is(limen_msg_cancel(&message), 0, "cancelled") &&
            comes(&message, -ECANCELED) && is(message.error, -ECANCELED, "error");
    right = close(elsewhere) && right;
    return close(port) && right;
}

/* Ids of other messages, other handles, and those that are over. */
static bool forged_ids(void)
{
    port = queue_port();
    handle_t memory = handle_of(limen_memory_create(PAGE_SIZE));
    message = timer(UINT64_MAX);
    other = timer(UINT64_MAX);
    bool right = is(limen_msg_send(LIMEN_SYSTEM, &message), -EASYNC, "sent") &&
                 is(limen_msg_send(LIMEN_SYSTEM, &other), -EASYNC, "sent");
    uint32_t id = message.id;
    const uint32_t ids[] = {other.id, port.value,    memory.value,    0,
                            ~0u,      id ^ 1u << 30, id + (1u << 18), id ^ 1u << 31};
    for (uint32_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
        message.id = ids[i];
        right = right && is(limen_msg_cancel(&message), -ESRCH, "forged") &&
                is(limen_msg_test(port, &message), -ESRCH, "forged");
    }
    message.id = id;
    many[0] = message; /* the right id, at another place */
    right = right && is(limen_msg_cancel(&many[0]), -ESRCH, "another place") &&
            is(limen_msg_cancel(&message), 0, "cancelled") &&
            comes(&message, -ECANCELED) &&
            is(limen_msg_cancel(&message), -ESRCH, "a stale id");
    /* As a handle it can do nothing. */
    handle_t handle = {other.id};
    right = right && is(limen_handle_duplicate(handle, RIGHTS_SAME), -EPERM, "copy") &&
            is(limen_handle_give(HANDLE_SELF, handle, 0), -EPERM, "give") &&
            is(limen_receive(handle, NULL), -EBADF, "receive") &&
            is(limen_process_kill(handle, 0), -EBADF, "kill") &&
            is(limen_interrupt_acknowledge(handle), -EBADF, "acknowledge") &&
            is(limen_msg_send(handle, &many[1]), -EBADF, "send") &&
            is(limen_msg_test(handle, NULL), -EBADF, "wait");
    /* Closed, it is over, and nobody hears of it. */
    right = right && close(handle) && is(limen_msg_cancel(&other), -ESRCH, "closed") &&
            is(limen_msg_test_any(port, &(struct system_message *){NULL}), -EAGAIN,
               "nothing came");
    right = close(memory) && right;
    return close(port) && right;
}

/* Gone, or read-only, when it comes back: it stays at the port until it can be told. */
static bool unmapped_in_flight(void)
{
    struct system_message *came = NULL;
    uint8_t *at = pages(2);
    struct system_message *one = (void *)at, *two = one + 1;
    bool right = true;
    port = queue_port();
    *one = timer(1);
    *two = timer(UINT64_MAX);
    right = is(limen_msg_send(LIMEN_SYSTEM, one), -EASYNC, "sent") &&
            is(limen_msg_send(LIMEN_SYSTEM, two), -EASYNC, "sent");
    right = right &&
            is(limen_memory_protect(HANDLE_SELF, (uint32_t)at, PAGE_SIZE, MEMORY_READ), 0,
               "protected");
    pass_time();
    for (int i = 0; i < 3; i++)
        right = right && is(limen_msg_wait(port, one, NULL), -EFAULT, "read-only") &&
                is(limen_msg_wait_any(port, &came, NULL), -EFAULT, "any") && came == one;
    right = right && is(limen_msg_cancel(one), -ESRCH, "it has come") &&
            is(limen_msg_cancel(two), 0, "cancelled") &&
            is(limen_memory_protect(HANDLE_SELF, (uint32_t)at, PAGE_SIZE,
                                    MEMORY_READ | MEMORY_WRITE),
               0, "writable") &&
            comes(one, 0) && comes(two, -ECANCELED);
    /* Without a port it is lost with its memory. */
    uint32_t before = process_now().handles;
    *one = timer(clock_now() + MILLISECOND);
    one->reply_port.value = 0;
    right =
        right && is(limen_msg_send(LIMEN_SYSTEM, one), -EASYNC, "sent") && unmap(at, 1);
    pass_time();
    right = right && is(process_now().handles, before, "handles");
    right = unmap(at + PAGE_SIZE, 1) && right;
    return close(port) && right;
}

/* The answer's bytes and the message itself have no memory any more. */
static bool buffers_in_flight(void)
{
    static struct message text;
    struct limen_words words;
    uint8_t *at = pages(2);
    bool right = true;
    port = queue_port();
    handle_t server = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(server, 0));
    for (int kind = 0; right && kind < 3; kind++) {
        text = (struct message){.receive = at, .receive_size = 2 * PAGE_SIZE};
        text.send = kind == 2 ? at : NULL;
        text.send_size = kind == 2 ? 100 : 0;
        message = timer(0);
        message.operation = PORT_MESSAGE_CALL;
        message.words[0] = (uint32_t)&text;
        right = is(limen_msg_send(endpoint, &message), -EASYNC, "sent");
        /* What is said later is not heard. */
        memset(&text, 0xff, sizeof(text));
        if (kind == 1)
            right = right && is(limen_memory_protect(HANDLE_SELF, (uint32_t)at, PAGE_SIZE,
                                                     MEMORY_READ),
                                0, "protected");
        struct message answer = {.send = many, .send_size = sizeof(many)};
        static uint8_t window[200];
        struct message_window where = {.buffer = window, .size = sizeof(window)};
        right = right && is(limen_message_window(&where), 0, "window") &&
                is(limen_receive_words(server, &words, NULL), MESSAGE_CALL, "received");
        right = right && is(limen_message_reply(&answer), 0, "answered") &&
                comes(&message, kind == 1 ? -EFAULT : 0);
        if (kind == 1)
            right = right && is(limen_memory_protect(HANDLE_SELF, (uint32_t)at, PAGE_SIZE,
                                                     MEMORY_READ | MEMORY_WRITE),
                                0, "writable");
    }
    (void)limen_message_window(NULL);
    right = unmap(at, 2) && right;
    right = close(endpoint) && right;
    right = close(server) && right;
    return close(port) && right;
}

/* --- Floods --- */

static struct system_message flood[FLOOD];

/* Sends until there is no memory; counts what is in flight. */
static uint32_t send_flood(handle_t to, enum system_operation operation)
{
    uint32_t sent = 0;
    long error = -EASYNC;
    for (; sent < FLOOD && error == -EASYNC; sent += error == -EASYNC) {
        flood[sent] = timer(operation == SYSTEM_TIMER ? UINT64_MAX : 0);
        flood[sent].operation = (uint16_t)operation;
        if (sent % 2)
            flood[sent].reply_port.value = 0;
        error = limen_msg_send(to, &flood[sent]);
    }
    return error == -EASYNC || error == -ENOMEM ? sent : 0;
}

static void flood_and_say(uint32_t to)
{
    port = queue_port();
    uint32_t first =
        send_flood(to ? (handle_t){to} : LIMEN_SYSTEM, to ? PORT_CALL : SYSTEM_TIMER);
    bool full = first < FLOOD;
    /* Cancelled or closed, all of it is there again. */
    bool right = first > 100;
    for (uint32_t i = 0; i < first; i++)
        right = right && limen_msg_cancel(&flood[i]) == 0;
    (void)limen_handle_close(port);
    port = queue_port();
    uint32_t second =
        send_flood(to ? (handle_t){to} : LIMEN_SYSTEM, to ? PORT_CALL : SYSTEM_TIMER);
    (void)limen_process_exit(right && second == first ? full ? 0 : 7 : 1);
}

static bool flooded(uint32_t pages_of_quota, bool server, bool full)
{
    struct child child = {0};
    struct process_end end = {0};
    bool right = twin_load(&child, pages_of_quota);
    handle_t served = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(served, 0));
    long there = limen_handle_give(child.process, endpoint, RIGHTS_SAME);
    right = right && there > 0 &&
            twin_start(&child, flood_and_say, server ? (uint32_t)there : 0);
    /* Meanwhile this process has all that it needs. */
    port = queue_port();
    for (int i = 0; i < 50; i++) {
        message = timer(1);
        right = right && is(limen_msg_send(LIMEN_SYSTEM, &message), -EASYNC, "sent") &&
                comes(&message, 0);
    }
    (void)child_wait(child, &end);
    right = right && is(end.reason, PROCESS_EXITED, "reason") &&
            is((long)end.status, full ? 0 : 7, "status");
    child_close(&child);
    /* Nothing of it is left at the server's port. */
    struct limen_words words;
    uint64_t past = 1;
    right = right && is(limen_receive_words(served, &words, &past), -ETIMEDOUT, "left");
    right = close(endpoint) && right;
    right = close(served) && right;
    return close(port) && right;
}

static bool flood_of_timers(void)
{
    return flooded(450, false, true);
}

static bool flood_of_requests(void)
{
    return flooded(700, true, true);
}

/* It ends with 10,000 in flight. */
static bool ends_with_ten_thousand(void)
{
    return flooded(6000, false, false) && flooded(6000, true, false);
}

static const struct test_case cases[] = {
    {"fields without a meaning are refused", fields_without_meaning},
    {"so are unknown operations, flags and versions", operations_and_flags},
    {"and sizes and places that cannot be", sizes_and_places},
    {"an array ends at its first bad message", arrays_with_a_bad_one},
    {"an array ends where its memory does", arrays_across_a_hole},
    {"what cannot be written to does nothing", memory_that_is_read_only},
    {"a message is rewritten in flight", rewritten_in_flight},
    {"ids of other messages, and of what is none", forged_ids},
    {"a message's memory goes while it is in flight", unmapped_in_flight},
    {"so do its buffers", buffers_in_flight},
    {"a flood of timers hits who sends it", flood_of_timers},
    {"so does one of requests", flood_of_requests},
    {"a process ends with 10,000 in flight", ends_with_ten_thousand},
};

int main(void)
{
    return RUN_CASES(cases);
}
