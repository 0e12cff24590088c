/* SPDX-License-Identifier: MIT */
/*
 * Faults as messages, system calls by bound numbers, and priorities: what a pager, a
 * debugger and a server of new calls do. Faulting children are twins.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define PAGED 0x60000000u
#define RW (MEMORY_READ | MEMORY_WRITE)
#define TWIN_PAGES 400
#define NUMBER (SYSCALL_BOUND_FIRST + 7)

static handle_t port, endpoint, resource;
static uint8_t stacks[3][2048] __attribute__((aligned(16)));
static volatile uint32_t flag;

static void open_port(uint32_t badge)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, badge));
}

static void close_port(void)
{
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
}

/* --- Faults --- */

/* Adds up two pages that are not there; eax and flags must survive the faults. */
static void touch_pages(uint32_t unused)
{
    uint32_t sum = 0;
    (void)unused;
    for (uint32_t page = 0; page < 2; page++)
        sum += *(volatile uint32_t *)(PAGED + page * PAGE_SIZE);
    (void)limen_process_exit(sum);
}

static bool start_faulting(struct child *child)
{
    return twin_load(child, TWIN_PAGES) &&
           limen_process_fault_endpoint(child->process, endpoint) == 0 &&
           twin_start(child, touch_pages, 0);
}

static bool answer_with_page(struct child child, uint32_t address, uint32_t value)
{
    return child_map(child, address, PAGE_SIZE, RW) == 0 &&
           child_write(child, address, &value, sizeof(value)) &&
           limen_reply(0, 0, 0, 0) == 0;
}

static bool pager_resolves(void)
{
    struct child child;
    struct process_end end = {0};
    struct limen_words got;
    bool right = true;
    open_port(55);
    right = start_faulting(&child);
    for (uint32_t page = 0; right && page < 2; page++) {
        long kind = limen_receive_words(port, &got, NULL);
        right = step_ok(kind == MESSAGE_FAULT, "kind", kind) && got.badge == 55;
        right = right && got.words[FAULT_VECTOR] == 14;
        right = right && got.words[FAULT_ADDRESS] == PAGED + page * PAGE_SIZE;
        right = right && answer_with_page(child, PAGED + page * PAGE_SIZE, 20 + page);
    }
    (void)child_wait(child, &end);
    right = right && step_ok(end.reason == PROCESS_EXITED && end.status == 41, "status",
                             end.status);
    child_close(&child);
    close_port();
    return right;
}

static bool pager_refuses(void)
{
    struct child child;
    struct process_end end = {0};
    struct limen_words got;
    open_port(56);
    bool right = start_faulting(&child);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_FAULT;
    right = right && limen_reply(0, 1, 0, 0) == 0;
    (void)child_wait(child, &end);
    right = right && end.reason == PROCESS_FAULTED && end.vector == 14 &&
            end.address == PAGED;
    child_close(&child);
    close_port();
    return right;
}

static volatile uint32_t stop;

static void yield_on(uint32_t unused)
{
    (void)unused;
    while (!stop)
        (void)limen_thread_yield();
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

/* The answer ends the process, and its end is what the server, which has blocked already,
 * then hears of: it has the last handle to the badge. Another thread is ready. */
static bool refusal_closes_badge(void)
{
    struct child child;
    struct process_end end = {0};
    struct limen_words got;
    stop = 0;
    flag = 1;
    open_port(58);
    long other = bare_thread(yield_on, 0, stacks[0] + sizeof(stacks[0]));
    bool right = start_faulting(&child) && limen_handle_close(endpoint) == 0;
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_FAULT;
    got = (struct limen_words){.words = {1}};
    long kind = limen_reply_receive_words(port, &got);
    right = right && step_ok(kind == MESSAGE_CLOSED && got.badge == 58, "kind", kind);
    stop = 1;
    right = wait_for(&flag, 0) && right;
    (void)child_wait(child, &end);
    right = right && end.reason == PROCESS_FAULTED;
    child_close(&child);
    (void)limen_handle_close(handle_of(other));
    (void)limen_handle_close(port);
    return right;
}

static bool pager_goes(bool received)
{
    struct child child;
    struct process_end end = {0};
    struct limen_words got;
    open_port(57);
    bool right = start_faulting(&child);
    if (received) {
        right = right && limen_receive_words(port, &got, NULL) == MESSAGE_FAULT;
        long later = limen_reply_defer();
        right = right && limen_handle_close(handle_of(later)) == 0;
    } else {
        for (int i = 0; i < 20; i++)
            (void)limen_thread_yield();
    }
    close_port();
    (void)child_wait(child, &end);
    right = right && end.reason == PROCESS_FAULTED && end.address == PAGED;
    child_close(&child);
    return right;
}

static bool pager_goes_before(void)
{
    return pager_goes(false);
}

static bool pager_goes_after(void)
{
    return pager_goes(true);
}

static bool faulting_process_killed(void)
{
    struct child child;
    struct limen_words got;
    open_port(58);
    bool right = start_faulting(&child);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_FAULT;
    right = right && limen_process_kill(child.process, 1) == 0;
    right = right && limen_reply(0, 0, 0, 0) == -ESRCH;
    child_close(&child);
    close_port();
    return right;
}

/* The message brings a handle to the thread. */
static bool fault_brings_thread(void)
{
    struct child child;
    struct process_end end;
    struct thread_info info = {0};
    struct message message = {.handle_room = 1};
    open_port(59);
    bool right = start_faulting(&child);
    right = right && limen_receive_message(port, &message, NULL) == MESSAGE_FAULT;
    right = right && message.handle_count == 1;
    right = right && limen_thread_info(message.handles[0], &info) == 0 && !info.ended;
    (void)limen_handle_close(message.handles[0]);
    right = right && limen_reply(0, 1, 0, 0) == 0;
    (void)child_wait(child, &end);
    child_close(&child);
    close_port();
    return right;
}

/* --- Bound numbers --- */

static void serve_number(uint32_t unused)
{
    struct limen_words got;
    (void)unused;
    long kind = limen_receive_words(port, &got, NULL);
    while (kind == MESSAGE_CALL) {
        got.words[0] = got.words[0] + got.words[1] + got.words[2] + got.badge;
        kind = limen_reply_receive_words(port, &got);
    }
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

static long call_number(uint32_t a, uint32_t b, uint32_t c)
{
    return limen_cross(NUMBER, 0, a, b, c);
}

static bool number_is_bound(void)
{
    static const handle_t none = {0};
    open_port(1000);
    flag = 1;
    bool right = call_number(1, 2, 3) == -ENOSYS;
    right = right && limen_syscall_bind(resource, NUMBER, endpoint) == 0;
    right = right && bare_thread(serve_number, 0, stacks[0] + sizeof(stacks[0])) > 0;
    long answer = call_number(1, 2, 3);
    right = right && step_ok(answer == 1006, "answer", answer);
    right = right && call_number(-2000u, 2, 3) == -995;
    right = right && limen_syscall_bind(resource, NUMBER, none) == 0;
    right = right && call_number(1, 2, 3) == -ENOSYS;
    right = right && limen_syscall_bind(resource, 5, none) < 0;
    close_port();
    right = right && wait_for(&flag, 0);
    return right;
}

/* --- Priorities --- */

static volatile uint32_t order[8];
static volatile uint32_t order_count;

static void note_and_leave(uint32_t number)
{
    order[order_count++] = number;
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

/* A thread of a higher priority runs at once, one of a lower when nobody else does. */
static bool higher_runs_first(void)
{
    struct thread_info info;
    bool right = limen_thread_info(HANDLE_SELF, &info) == 0;
    order_count = 0;
    flag = 1;
    handle_t low =
        handle_of(bare_thread(note_and_leave, 1, stacks[0] + sizeof(stacks[0])));
    right = right && limen_thread_priority(low, info.base_priority - 1) == 0;
    for (int i = 0; i < 5; i++)
        (void)limen_thread_yield();
    right = right && step_ok(order_count == 0, "the lower has run", order_count);
    handle_t high =
        handle_of(bare_thread(note_and_leave, 2, stacks[1] + sizeof(stacks[1])));
    right = right && limen_thread_priority(high, info.base_priority + 1) == 0;
    right = right && step_ok(order_count == 1 && order[0] == 2, "order", order[0]);
    uint64_t patience = clock_now() + PATIENCE;
    while (order_count < 2 && clock_now() < patience)
        sleep_for(MILLISECOND);
    right = right && step_ok(order_count == 2 && order[1] == 1, "count", order_count);
    (void)limen_handle_close(low);
    (void)limen_handle_close(high);
    return right;
}

/* While a client of higher priority waits, the server has that priority. */
static void call_and_leave(uint32_t unused)
{
    (void)unused;
    (void)limen_call(endpoint, 0, 0, 0);
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

static bool server_inherits(void)
{
    struct thread_info own, now;
    struct limen_words got;
    uint64_t past = 1;
    open_port(1);
    flag = 1;
    bool right = limen_thread_info(HANDLE_SELF, &own) == 0;
    right = right && limen_receive_words(port, &got, &past) == -ETIMEDOUT; /* serves it */
    handle_t client =
        handle_of(bare_thread(call_and_leave, 0, stacks[0] + sizeof(stacks[0])));
    right = right && limen_thread_priority(client, own.base_priority + 3) == 0;
    right = right && limen_thread_info(HANDLE_SELF, &now) == 0;
    right =
        right && step_ok(now.priority == own.base_priority + 3u, "queued", now.priority);
    right = right && limen_receive_words(port, &got, NULL) == MESSAGE_CALL;
    (void)limen_thread_info(HANDLE_SELF, &now);
    right = right &&
            step_ok(now.priority == own.base_priority + 3u, "received", now.priority);
    right = right && limen_reply(0, 0, 0, 0) == 0;
    (void)limen_thread_info(HANDLE_SELF, &now);
    right = right && step_ok(now.priority == own.base_priority, "answered", now.priority);
    right = right && wait_for(&flag, 0);
    (void)limen_handle_close(client);
    close_port();
    return right;
}

static bool time_is_counted(void)
{
    struct thread_info before, after;
    bool right = limen_thread_info(HANDLE_SELF, &before) == 0;
    uint64_t until = clock_now() + 5 * MILLISECOND;
    while (clock_now() < until)
        ;
    right = right && limen_thread_info(HANDLE_SELF, &after) == 0;
    uint64_t busy = after.time - before.time;
    uint64_t begun = clock_now();
    right = right && step_ok(busy >= 4 * MILLISECOND, "busy", (long long)busy);
    sleep_for(100 * MILLISECOND);
    right = right && limen_thread_info(HANDLE_SELF, &before) == 0;
    uint64_t asleep = before.time - after.time;
    return right &&
           step_ok(asleep < (clock_now() - begun) / 4 * 3, "asleep", (long long)asleep);
}

static bool priority_has_a_limit(void)
{
    struct child child;
    bool right = twin_load(&child, TWIN_PAGES);
    right = right && limen_process_priority(child.process, 20) == 0;
    right = right && twin_start(&child, touch_pages, 0);
    right = right && limen_thread_priority(child.thread, 21) == -EPERM;
    right = right && limen_thread_priority(child.thread, 20) == 0;
    struct process_end end;
    (void)limen_process_kill(child.process, 0);
    (void)child_wait(child, &end);
    child_close(&child);
    return right;
}

static const struct test_case cases[] = {
    {"a pager resolves faults, and the thread goes on", pager_resolves},
    {"a fault that is refused ends the process", pager_refuses},
    {"the end that an answer brings may be the next message", refusal_closes_badge},
    {"a pager that goes before it has heard", pager_goes_before},
    {"a pager that goes without an answer", pager_goes_after},
    {"a faulting process can be killed", faulting_process_killed},
    {"a fault brings a handle to its thread", fault_brings_thread},
    {"a number bound to an endpoint is a system call", number_is_bound},
    {"the thread of the highest priority runs", higher_runs_first},
    {"a server inherits its callers' priority", server_inherits},
    {"processor time is counted", time_is_counted},
    {"a process has a highest priority", priority_has_a_limit},
};

int main(void)
{
    resource = (handle_t){(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
    return RUN_CASES(cases);
}
