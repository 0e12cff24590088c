/* SPDX-License-Identifier: MIT */
/*
 * What a client may do to a server, a server to its clients, and either to the kernel by
 * messages: answers twice or to nobody, handles that are forged or spent, ends in the
 * middle of everything, floods, and no memory at the worst moment. Whoever waits gets an
 * answer or an error, once, and no page frame is lost.
 */
#include <errno.h>
#include <sys/auxv.h>

#include <limen/message.h>

#include "cases.h"

#define STACK_SIZE 1024
#define THREADS 8
#define TWIN_PAGES 160

static uint8_t stacks[THREADS][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t left;             /* bare threads that run */
static volatile uint32_t answers[THREADS]; /* what each got: words or an error */
static handle_t port, endpoint;

static bool open_port(void)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 77));
    return (long)port.value > 0 && (long)endpoint.value > 0;
}

static void close_port(void)
{
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
}

/* Ends a bare thread, whose stack is used no more when `left` has been counted down: the
 * kernel takes the stack's place from the last instruction on. */
static _Noreturn void leave(void)
{
    __asm__ volatile("lock decl %0\n"
                     "1:\txorl %%ebx, %%ebx\n\txorl %%esi, %%esi\n\txorl %%edi, %%edi\n\t"
                     "movl %1, %%eax\n\tint $0x80\n\tjmp 1b"
                     : "+m"(left)
                     : "i"(SYS_LIMEN_thread_exit)
                     : "memory");
    __builtin_unreachable();
}

static bool start(void (*function)(uint32_t), uint32_t i)
{
    __atomic_fetch_add(&left, 1, __ATOMIC_SEQ_CST);
    long thread = bare_thread(function, i, stacks[i] + STACK_SIZE);
    if (thread < 0)
        return false;
    (void)limen_handle_close(handle_of(thread));
    return true;
}

static void call_once(uint32_t i)
{
    uint32_t words[3] = {i, 0, 0};
    long error = limen_call_words(endpoint, words);
    answers[i] = error ? (uint32_t)error : words[0];
    leave();
}

static void send_once(uint32_t i)
{
    answers[i] = (uint32_t)limen_send(endpoint, i, 0, 0);
    leave();
}

static void call_long_once(uint32_t i)
{
    struct message message = {.words = {i}};
    long error = limen_call_message(endpoint, &message);
    answers[i] = error ? (uint32_t)error : message.words[0];
    leave();
}

/* Loads a twin and gives it the endpoint; not started yet. */
static bool twin_with(struct child *child, handle_t handle, uint32_t *given)
{
    if (!twin_load(child, TWIN_PAGES))
        return false;
    long value = limen_handle_give(child->process, handle, RIGHTS_SAME);
    *given = (uint32_t)value;
    return value > 0;
}

static void twin_calls(uint32_t handle)
{
    uint32_t words[3] = {0};
    long error = limen_call_words((handle_t){handle}, words);
    for (;;)
        (void)limen_process_exit(error ? (uint32_t)-error : words[0]);
}

static bool receive_call(struct limen_words *got)
{
    uint64_t deadline = clock_now() + PATIENCE;
    long kind = limen_receive_words(port, got, &deadline);
    return step_ok(kind == MESSAGE_CALL, "not a call", kind);
}

static bool nothing_comes(void)
{
    struct limen_words got;
    uint64_t past = 1;
    long kind = limen_receive_words(port, &got, &past);
    return step_ok(kind == -ETIMEDOUT, "received", kind);
}

/* --- Answers --- */

static bool answered_twice(void)
{
    struct limen_words got;
    struct message message = {.words = {5}};
    bool right = open_port() && start(call_once, 0) && receive_call(&got);
    handle_t reply = handle_of(limen_reply_defer());
    handle_t copy = handle_of(limen_handle_duplicate(reply, RIGHTS_SAME));
    right = right && limen_reply(0, 6, 6, 6) == -ESRCH;
    right = right && limen_reply_to(reply, &message) == 0 && wait_for(&left, 0);
    message.words[0] = 7;
    right = right && limen_reply_to(reply, &message) == -EBADF;
    right = right && limen_message_read(copy, 0, &message, 4) == -ESRCH;
    right = right && limen_client_fault(copy, 1) == -ESRCH;
    right = right && limen_reply_to(copy, &message) == -ESRCH;
    right = right && limen_reply_to(copy, &message) == -EBADF;
    right = right && step_ok(answers[0] == 5, "answer", answers[0]) && nothing_comes();
    close_port();
    return right;
}

/* A reply handle travels to the very caller that waits for it. */
static bool answer_given_to_its_caller(void)
{
    struct limen_words got;
    struct process_end end;
    struct child child = {0};
    uint32_t given;
    bool right = open_port() && twin_with(&child, endpoint, &given) &&
                 twin_start(&child, twin_calls, given) && receive_call(&got);
    handle_t reply = handle_of(limen_reply_defer());
    right = right && limen_handle_give(child.process, reply, RIGHTS_SAME) > 0;
    right = right && limen_handle_close(reply) == 0;
    (void)limen_process_kill(child.process, 3);
    right = right && child_wait(child, &end) == KILLED;
    child_close(&child);
    close_port();
    return right;
}

/* A twin that uses up its memory and its handles before it defers an answer. */
static void twin_defers_poor(uint32_t handle)
{
    struct limen_words got;
    long kind = limen_receive_words((handle_t){handle}, &got, NULL);
    long error = 0;
    while (error >= 0)
        error = limen_handle_duplicate((handle_t){handle}, RIGHTS_SAME);
    /* Room for small objects, but none for a handle. */
    long deferred = limen_reply_defer();
    long replied = limen_reply(0, 42, 0, 0);
    bool right =
        kind == MESSAGE_CALL && error == -ENOMEM && deferred == -ENOMEM && replied == 0;
    for (;;)
        (void)limen_process_exit(right ? 0 : (uint32_t)-replied);
}

static bool deferred_without_memory(void)
{
    struct process_end end = {0};
    struct child child = {0};
    uint32_t given;
    bool right = open_port() && twin_with(&child, port, &given) &&
                 twin_start(&child, twin_defers_poor, given) && start(call_once, 0);
    right = right && child_wait(child, &end) == EXIT_0;
    right =
        right && wait_for(&left, 0) && step_ok(answers[0] == 42, "answer", answers[0]);
    if (!right)
        tap_note("reason %u, status %u", end.reason, end.status);
    child_close(&child);
    close_port();
    return right;
}

/* --- Handles --- */

/* Whether every call on messages refuses the value, at once. */
static bool all_refuse(uint32_t value, long refusal)
{
    handle_t handle = {value};
    uint64_t past = 1;
    struct message message = {.handle_room = 4};
    const long results[] = {
        limen_endpoint_mint(handle, 1),
        limen_call(handle, 1, 2, 3),
        limen_send(handle, 1, 2, 3),
        limen_reply_receive(handle, 1, 2, 3),
        limen_receive(handle, &past),
        limen_call_message(handle, &message),
        limen_receive_message(handle, &message, &past),
        limen_reply_receive_message(handle, &message),
        limen_reply_to(handle, &message),
    };
    for (unsigned int i = 0; i < sizeof(results) / sizeof(*results); i++)
        if (!step_ok(results[i] == refusal, "forged handle", results[i]))
            return step_ok(false, "of value", value) && i;
    return true;
}

/* Whether this process has such a handle. */
static bool is_handle(uint32_t value)
{
    long copy = limen_handle_duplicate((handle_t){value}, RIGHTS_SAME);
    if (copy > 0)
        (void)limen_handle_close(handle_of(copy));
    return copy != -EBADF;
}

static bool forged_handles(void)
{
    bool right = open_port();
    handle_t stale = handle_of(limen_handle_duplicate(port, RIGHTS_SAME));
    handle_t process = handle_of(limen_handle_duplicate(HANDLE_SELF, RIGHTS_SAME));
    (void)limen_handle_close(stale);
    right = right && all_refuse(stale.value, -EBADF) && all_refuse(0, -EBADF) &&
            all_refuse(process.value, -EBADF) && all_refuse(HANDLE_SELF.value, -EBADF);
    for (uint32_t bit = 0; bit < 32; bit++)
        if (!is_handle(port.value ^ 1u << bit))
            right = right && all_refuse(port.value ^ 1u << bit, -EBADF);
    right = right && limen_endpoint_mint(endpoint, 1) == -EBADF &&
            limen_receive(endpoint, NULL) == -EBADF &&
            limen_call(port, 0, 0, 0) == -EBADF && limen_send(port, 0, 0, 0) == -EBADF;
    (void)limen_handle_close(process);
    close_port();
    return right;
}

static bool rights_that_lack(void)
{
    bool right = open_port();
    uint64_t past = 1;
    handle_t weak_port = handle_of(
        limen_handle_duplicate(port, RIGHTS_ALL & ~(RIGHT_RECEIVE | RIGHT_MINT)));
    handle_t weak_endpoint =
        handle_of(limen_handle_duplicate(endpoint, RIGHTS_ALL & ~RIGHT_SEND));
    right = right && limen_receive(weak_port, &past) == -EPERM &&
            limen_reply_receive(weak_port, 0, 0, 0) == -EPERM &&
            limen_endpoint_mint(weak_port, 1) == -EPERM &&
            limen_call(weak_endpoint, 0, 0, 0) == -EPERM &&
            limen_send(weak_endpoint, 0, 0, 0) == -EPERM;
    (void)limen_handle_close(weak_port);
    (void)limen_handle_close(weak_endpoint);
    right = right && nothing_comes();
    close_port();
    return right;
}

/* --- Ends --- */

static bool port_closed_during_sends(void)
{
    static void (*const ways[])(uint32_t) = {call_once, send_once, call_long_once};
    bool right = open_port();
    for (uint32_t i = 0; i < THREADS; i++)
        right = right && start(ways[i % 3], i);
    for (int i = 0; i < 3; i++)
        (void)limen_thread_yield();
    (void)limen_handle_close(port);
    right = right && wait_for(&left, 0);
    for (uint32_t i = 0; i < THREADS; i++)
        right = right && step_ok((long)answers[i] == -EPIPE, "answer", (long)answers[i]);
    (void)limen_handle_close(endpoint);
    return right;
}

/* Calls its own port: it waits for itself, until somebody ends it. */
static void twin_calls_itself(uint32_t word)
{
    handle_t own = handle_of(limen_port_create());
    handle_t to_itself = handle_of(limen_endpoint_mint(own, 1));
    uint64_t past = 1;
    (void)limen_receive(own, &past); /* serves it from now on */
    *(volatile uint32_t *)word = 1;
    long error = limen_call(to_itself, 1, 2, 3);
    for (;;)
        (void)limen_process_exit((uint32_t)error);
}

static bool call_to_oneself(void)
{
    static volatile uint32_t about_to;
    struct process_end end;
    struct child child = {0};
    bool right = twin_load(&child, TWIN_PAGES) &&
                 twin_start(&child, twin_calls_itself, (uint32_t)&about_to) &&
                 child_wait_for(child, &about_to, 1);
    for (int i = 0; i < 5; i++)
        (void)limen_thread_yield();
    right = right && limen_process_kill(child.process, 0) == 0 &&
            child_wait(child, &end) == KILLED;
    child_close(&child);
    return right;
}

/* One of a cycle: receives if it is to, then calls the next, and tells what it got. */
struct link_of_cycle {
    handle_t own, next;
    uint32_t receives;
    uint32_t waits;
};
static volatile struct link_of_cycle links[3];

static void twin_in_cycle(uint32_t i)
{
    struct limen_words got;
    volatile struct link_of_cycle *self = &links[i];
    if (self->receives)
        (void)limen_receive_words((handle_t){self->own.value}, &got, NULL);
    self->waits = 1;
    long error = limen_call((handle_t){self->next.value}, 1, 2, 3);
    for (;;)
        (void)limen_process_exit((uint32_t)-error);
}

/* Three processes that call each other in a ring: nobody can answer. One is killed: the
 * one that called it gets EPIPE, ends, and so on. */
static bool call_cycle(void)
{
    struct child children[3] = {0};
    handle_t ports[3], ends[3];
    struct process_end end = {0};
    bool right = true;
    for (int i = 0; i < 3; i++) {
        ports[i] = handle_of(limen_port_create());
        ends[i] = handle_of(limen_endpoint_mint(ports[i], (uint32_t)i));
        right = right && twin_load(&children[i], TWIN_PAGES);
    }
    for (int i = 0; i < 3; i++) {
        struct link_of_cycle self = {.receives = i > 0};
        self.own =
            handle_of(limen_handle_give(children[i].process, ports[i], RIGHTS_SAME));
        self.next = handle_of(
            limen_handle_give(children[i].process, ends[(i + 1) % 3], RIGHTS_SAME));
        right =
            right && child_write(children[i], (uint32_t)&links[i], &self, sizeof(self));
    }
    for (int i = 0; i < 3; i++) {
        (void)limen_handle_close(ports[i]);
        (void)limen_handle_close(ends[i]);
    }
    for (uint32_t i = 3; i-- > 0;)
        right = right && twin_start(&children[i], twin_in_cycle, i);
    for (int i = 0; i < 3; i++)
        right = right && child_wait_for(children[i], &links[i].waits, 1);
    (void)limen_thread_yield();
    right = right && limen_process_kill(children[1].process, 9) == 0;
    /* 0 called 1: EPIPE; its own port goes with it, so 2 gets EPIPE. */
    right = right && child_wait(children[0], &end) == EXIT_OTHER && end.status == EPIPE;
    right = right && child_wait(children[2], &end) == EXIT_OTHER && end.status == EPIPE;
    for (int i = 0; i < 3; i++)
        child_close(&children[i]);
    return step_ok(right, "status", end.status);
}

/* --- At every stage --- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

#define STORM_THREADS 6
#define DEFERRALS 3 /* four threads call: one can always be received */

static uint8_t storm_stacks[STORM_THREADS][STACK_SIZE] __attribute__((aligned(16)));
static volatile handle_t storm_endpoint;

static void storm_caller(uint32_t i)
{
    for (;;) {
        struct message message = {.words = {i}, .send_size = 64};
        message.send = (const void *)storm_stacks;
        if (i % 3 == 0)
            (void)limen_call((handle_t){storm_endpoint.value}, i, 0, 0);
        else if (i % 3 == 1)
            (void)limen_send((handle_t){storm_endpoint.value}, i, 0, 0);
        else
            (void)limen_call_message((handle_t){storm_endpoint.value}, &message);
    }
}

static void twin_storm(uint32_t handle)
{
    storm_endpoint.value = handle;
    for (uint32_t i = 1; i < STORM_THREADS; i++)
        (void)bare_thread(storm_caller, i, storm_stacks[i] + STACK_SIZE);
    storm_caller(0);
}

/* Receives some calls, answers some, defers some, drops some; true if all is well. */
static bool serve_storm(uint32_t count, handle_t deferred[], uint32_t *deferrals)
{
    for (uint32_t i = 0; i < count; i++) {
        struct limen_words got;
        uint64_t deadline = clock_now() + PATIENCE;
        long kind = limen_receive_words(port, &got, &deadline);
        if (kind == MESSAGE_SEND)
            continue;
        if (!step_ok(kind == MESSAGE_CALL && got.badge == 77 &&
                         got.words[0] < STORM_THREADS,
                     "received", kind))
            return false;
        if (*deferrals < DEFERRALS && random_below(4) == 0)
            deferred[(*deferrals)++] = handle_of(limen_reply_defer());
        else if (limen_reply(0, 1, 2, 3) != 0)
            return step_ok(false, "reply", 0);
        if (*deferrals > 0 && random_below(4) == 0)
            (void)limen_handle_close(deferred[--*deferrals]);
    }
    return true;
}

static bool killed_at_any_stage(void)
{
    bool right = open_port();
    for (uint32_t round = 0; right && round < 60; round++) {
        handle_t deferred[DEFERRALS];
        uint32_t deferrals = 0;
        struct message message = {.words = {1}};
        struct limen_words got;
        struct child child = {0};
        uint32_t given;
        right = twin_with(&child, endpoint, &given) &&
                twin_start(&child, twin_storm, given) &&
                serve_storm(random_below(40), deferred, &deferrals);
        bool received = random_below(2);
        if (received)
            while (limen_receive_words(port, &got, NULL) == MESSAGE_SEND)
                ;
        (void)limen_process_kill(child.process, 0);
        if (received)
            right = right && step_ok(limen_reply(0, 0, 0, 0) == -ESRCH, "dead", round);
        while (deferrals > 0)
            right = right && limen_reply_to(deferred[--deferrals], &message) == -ESRCH;
        right = right && nothing_comes();
        child_close(&child);
    }
    close_port();
    return right;
}

/* The server is what ends, while its clients call, are received, or deferred. */
static void twin_serves_badly(uint32_t handle)
{
    struct limen_words got;
    for (uint32_t i = 0;; i++) {
        if (limen_receive_words((handle_t){handle}, &got, NULL) != MESSAGE_CALL)
            continue;
        if (i % 3 == 0)
            (void)limen_reply_defer();
        else if (i % 3 == 1)
            (void)limen_reply(0, 1, 2, 3);
        else
            for (;;)
                (void)limen_process_exit(0);
    }
}

static bool server_ends_at_any_stage(void)
{
    bool right = open_port();
    for (uint32_t round = 0; right && round < 20; round++) {
        struct process_end end;
        struct child child = {0};
        uint32_t given;
        right = twin_with(&child, port, &given) &&
                twin_start(&child, twin_serves_badly, given);
        for (uint32_t i = 0; i < 3; i++)
            right = right && start(call_once, i);
        right = right && child_wait(child, &end) == EXIT_0 && wait_for(&left, 0);
        uint32_t answered = 0;
        for (uint32_t i = 0; i < 3; i++)
            answered += answers[i] == 1;
        right = right && step_ok(answered == 1, "answered", answered);
        child_close(&child);
    }
    close_port();
    return right;
}

/* --- Floods, and no memory --- */

#define FLOOD 300u

static bool badges_closed_in_a_flood(void)
{
    static uint8_t told[FLOOD];
    struct limen_words got;
    bool right = open_port();
    memset(told, 0, sizeof(told));
    for (uint32_t i = 0; i < FLOOD; i++) {
        long value = limen_endpoint_mint(port, i);
        right = right && value > 0 && limen_handle_close(handle_of(value)) == 0;
    }
    for (uint32_t i = 0; right && i < FLOOD; i++) {
        right = limen_receive_words(port, &got, NULL) == MESSAGE_CLOSED &&
                got.badge < FLOOD && !told[got.badge]++;
        step_ok(right && got.badge == i, "in order", got.badge);
    }
    right = right && nothing_comes();
    /* And those that nobody receives. */
    for (uint32_t i = 0; i < FLOOD; i++)
        right = right && limen_handle_close(handle_of(limen_endpoint_mint(port, i))) == 0;
    close_port();
    return right;
}

static void twin_exhausts(uint32_t unused)
{
    static handle_t made[20000];
    uint32_t before = process_now().pages_used;
    uint32_t count = 0;
    long value = 0;
    (void)unused;
    while ((value = limen_port_create()) > 0)
        made[count++] = handle_of(value);
    bool right = value == -ENOMEM && count > 10;
    uint32_t ports = count;
    (void)limen_handle_close(made[--ports]);
    count--;
    while (count < 20000 && (value = limen_endpoint_mint(made[count % ports], count)) > 0)
        made[count++] = handle_of(value);
    right = right && value == -ENOMEM && count > ports;
    while (count-- > 0)
        right = right && limen_handle_close(made[count]) == 0;
    /* Pages of handles stay, and what the array above touched. */
    right =
        right && process_now().pages_used <= before + 2 + sizeof(made) / PAGE_SIZE + 1;
    for (;;)
        (void)limen_process_exit(right ? 0 : ports);
}

static bool ports_and_handles_run_out(void)
{
    struct process_end end = {0};
    struct child child = {0};
    bool right = twin_run(&child, TWIN_PAGES, twin_exhausts, 0, &end) == EXIT_0;
    child_close(&child);
    return step_ok(right, "status", end.status);
}

/* The receiver's table is full: the sender is told, and nothing is half given. */
static void twin_receives_poor(uint32_t handle)
{
    struct message message = {.handle_room = MESSAGE_HANDLES};
    struct process_info before = {0}, after = {0};
    while (limen_handle_duplicate((handle_t){handle}, RIGHTS_SAME) > 0)
        ;
    (void)limen_process_info(HANDLE_SELF, &before);
    uint64_t deadline = clock_now() + SECOND / 4;
    long kind = limen_receive_message((handle_t){handle}, &message, &deadline);
    (void)limen_process_info(HANDLE_SELF, &after);
    for (;;)
        (void)limen_process_exit(
            kind == -ETIMEDOUT && before.handles == after.handles ? 0 : (uint32_t)kind);
}

static void gives_handles(uint32_t i)
{
    struct message message = {.handle_count = 3};
    for (int at = 0; at < 3; at++) {
        message.handles[at] = endpoint;
        message.rights[at] = RIGHTS_SAME;
    }
    answers[i] = (uint32_t)limen_call_message(endpoint, &message);
    leave();
}

static bool no_room_for_gifts(void)
{
    struct process_end end = {0};
    struct child child = {0};
    uint32_t given;
    bool right = open_port() && twin_with(&child, port, &given) &&
                 start(gives_handles, 0) && twin_start(&child, twin_receives_poor, given);
    right = right && step_ok(child_wait(child, &end) == EXIT_0, "status", end.status);
    right = right && wait_for(&left, 0);
    right = right && step_ok((long)answers[0] == -ENOMEM, "answer", (long)answers[0]);
    child_close(&child);
    close_port();
    return right;
}

/* --- A copy that is cut off --- */

#define LONG_COPY (MESSAGE_SIZE_MAX & ~(PAGE_SIZE - 1u))
#define SENT_AT 0x50000000u

static volatile uint32_t long_handle;

static void twin_sends(uint32_t address)
{
    struct message message = {.send_size = LONG_COPY};
    message.send = (const void *)address;
    (void)limen_call_message((handle_t){long_handle}, &message);
    for (;;)
        (void)limen_process_exit(0);
}

static struct child long_child;

static void kill_long_child(uint32_t unused)
{
    (void)unused;
    if (long_child.process.value != 0)
        (void)limen_process_kill(long_child.process, 0);
    leave();
}

/* Maps the boot archive again and again: memory that costs nothing. */
static bool map_archive(struct child child, uint32_t address, uint32_t size)
{
    uint32_t part = (uint32_t)getauxval(AT_LIMEN_ARCHIVE_SIZE) & ~(PAGE_SIZE - 1u);
    for (uint32_t at = 0; at < size; at += part) {
        struct memory_map map = {
            .address = address + at,
            .size = part < size - at ? part : size - at,
            .flags = MEMORY_READ | MEMORY_FIXED,
            .memory = {(uint32_t)getauxval(AT_LIMEN_ARCHIVE)},
        };
        if (limen_memory_map(child.process, &map) != 0)
            return false;
    }
    return true;
}

static bool start_long_sender(void)
{
    uint32_t given;
    if (!twin_with(&long_child, endpoint, &given) ||
        !map_archive(long_child, SENT_AT, LONG_COPY) ||
        !child_write(long_child, (uint32_t)&long_handle, &given, sizeof(given)))
        return false;
    return twin_start(&long_child, twin_sends, SENT_AT);
}

/* A long copy out of a caller's memory, and the caller killed when another thread's turn
 * comes; what message_read answers. */
static long read_and_kill(void)
{
    struct memory_map map = {.size = LONG_COPY, .flags = MEMORY_READ | MEMORY_WRITE};
    struct limen_words got;
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0 && start_long_sender() &&
                 receive_call(&got) && start(kill_long_child, 0);
    long copied = limen_message_read((handle_t){0}, 0, (void *)map.address, LONG_COPY);
    right = wait_for(&left, 0) && right;
    child_close(&long_child);
    (void)limen_reply(0, 0, 0, 0);
    (void)limen_memory_unmap(HANDLE_SELF, map.address, LONG_COPY);
    return right ? copied : 0;
}

/* A caller dies while its bytes are copied; the next caller's bytes come from their
 * beginning. */
static bool copy_cut_off(void)
{
    static uint8_t first[64], expected[64];
    struct limen_words got;
    bool right = open_port();
    long copied = LONG_COPY;
    for (int i = 0; copied == LONG_COPY && i < 20; i++)
        copied = read_and_kill();
    right = right && step_ok(copied == -ESRCH, "not cut off", copied);

    right = right && start_long_sender() && receive_call(&got);
    memset(first, 0xee, sizeof(first));
    right = right && limen_message_read((handle_t){0}, 0, first, sizeof(first)) ==
                         (long)sizeof(first);
    right = right && child_read(long_child, SENT_AT, expected, sizeof(first));
    bool same = memcmp(first, expected, sizeof(first)) == 0;
    if (long_child.process.value != 0)
        (void)limen_process_kill(long_child.process, 0);
    child_close(&long_child);
    close_port();
    return right && step_ok(same, "first byte", first[0]);
}

/* --- The order of things --- */

static handle_t other_port;
static volatile uint32_t step, bystander_runs, stop_bystander;

/* Serves `port`, receives a call there, and answers it while it turns to another port. */
static void turns_away(uint32_t i)
{
    struct limen_words got;
    uint64_t past = 1;
    (void)limen_receive_words(port, &got, &past);
    step = 1;
    (void)limen_receive_words(port, &got, NULL);
    step = 3;
    (void)limen_futex_wait((uint32_t *)&step, 3, NULL); /* urgent by then: no spinning */
    got = (struct limen_words){.words = {21}};
    answers[i] = (uint32_t)limen_reply_receive_words(other_port, &got);
    leave();
}

/* Serves the port as the second one, then calls there. */
static void serves_and_calls(uint32_t i)
{
    struct limen_words got;
    uint64_t past = 1;
    (void)limen_receive_words(port, &got, &past);
    step = 2;
    call_once(i);
}

static void calls_from_above(uint32_t i)
{
    (void)limen_thread_priority(HANDLE_SELF, PRIORITY_DEFAULT + 5);
    call_once(i);
}

static void bystander(uint32_t i)
{
    (void)i;
    while (!stop_bystander) {
        bystander_runs++;
        (void)limen_thread_yield();
    }
    leave();
}

/* The answered client becomes the one that urgent callers wait for, just when it is
 * neither waiting any more nor ready yet: nobody else may be forgotten over that. */
static bool answered_while_turning_away(void)
{
    bool right = open_port();
    uint32_t runs;
    other_port = handle_of(limen_port_create());
    step = stop_bystander = bystander_runs = 0;
    right = right && start(bystander, 0) && start(turns_away, 1) && wait_for(&step, 1) &&
            start(serves_and_calls, 2) && wait_for(&step, 3) &&
            start(calls_from_above, 3);
    for (int i = 0; i < 5; i++)
        (void)limen_thread_yield();
    step = 4;
    (void)limen_futex_wake((uint32_t *)&step, 1);
    right =
        right && wait_for(&left, 3) && step_ok(answers[2] == 21, "answer", answers[2]);
    runs = bystander_runs;
    for (int i = 0; i < 5; i++)
        (void)limen_thread_yield();
    right = right && step_ok(bystander_runs > runs, "bystander", bystander_runs);
    stop_bystander = 1;
    (void)limen_handle_close(other_port);
    close_port();
    return wait_for(&left, 0) && right && (long)answers[1] == -EPIPE &&
           (long)answers[3] == -EPIPE;
}

static const struct test_case cases[] = {
    {"a call is answered once", answered_twice},
    {"an answer in the hands of its caller", answer_given_to_its_caller},
    {"an answer that can't be deferred can still be given", deferred_without_memory},
    {"forged handles", forged_handles},
    {"handles without the right", rights_that_lack},
    {"a port closed while many send", port_closed_during_sends},
    {"a call to oneself", call_to_oneself},
    {"calls in a cycle", call_cycle},
    {"clients killed at any stage", killed_at_any_stage},
    {"servers ended at any stage", server_ends_at_any_stage},
    {"a flood of closed badges", badges_closed_in_a_flood},
    {"ports and handles run out", ports_and_handles_run_out},
    {"handles for a full table", no_room_for_gifts},
    {"a copy cut off by its sender's end", copy_cut_off},
    {"an answer by a server that turns to another port", answered_while_turning_away},
};

int main(void)
{
    random_state = (uint32_t)clock_now();
    tap_note("seed %u", random_state);
    return RUN_CASES(cases);
}
