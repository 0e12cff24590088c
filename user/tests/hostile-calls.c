/* SPDX-License-Identifier: MIT */
/*
 * Calls that nobody meant to come so: by numbers that are bound, rebound and freed while
 * somebody waits, faults whose pager dies, lies, or faults itself, and handles that are
 * sent through what they name.
 */
#include "stage.h"

#define TWIN_PAGES 160
#define NUMBER (SYSCALL_BOUND_FIRST + 3)
#define PAGED 0x60000000u
#define RW (MEMORY_READ | MEMORY_WRITE)

enum {
    CALLER,
    OTHER,
    THIRD,
};

static handle_t resource;
static const handle_t nothing = {0};
static volatile long results[STAGE_THREADS];
static volatile uint32_t returned[STAGE_THREADS];

/* --- Numbers that are bound --- */

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
    return limen_syscall_bind(resource, NUMBER, endpoint);
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

/* The call comes back, now or soon. */
static bool result_is(uint32_t which, long wanted)
{
    return stage_wait(&returned[which], 1) &&
           step_ok(results[which] == wanted, "the call's result", results[which]);
}

static bool still_waits(uint32_t which)
{
    stage_settle();
    return step_ok(returned[which] == 0, "it came back with", results[which]);
}

/* A port that is gone stays bound until another takes its place. */
static bool bound_to_a_dead_port(void)
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
static bool rebound_while_calls_wait(void)
{
    bool right = stage_open(2) && bind(stage_endpoints[0]) == 0 && start_callers(2) &&
                 comes_to(0, 30) && bind(stage_endpoints[1]) == 0 &&
                 limen_reply(0, (uint32_t)-5, 0, 0) == 0 && result_is(0, -5) &&
                 comes_to(0, 31) && bind(nothing) == 0 &&
                 limen_reply(0, 0x7fffffff, 0, 0) == 0 && result_is(1, 0x7fffffff);
    return stage_close() && right;
}

static bool port_dies_under_bound_calls(void)
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
static bool bound_badge_closes(void)
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
static bool bound_calls_answered(void)
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
static bool bound_callers_stopped(void)
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

static bool bound_calls_without_handles(void)
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

static bool numbers_that_cannot_be_bound(void)
{
    static const uint32_t numbers[] = {
        0, 1, 42, SYSCALL_BOUND_FIRST - 1, 0x200, 0x7fffffff, 0x80000000, 0xffffffff};
    bool right = stage_open(1);
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        long error = limen_syscall_bind(resource, numbers[i], stage_endpoints[0]);
        right = step_ok(error < 0, "bound", numbers[i]) && right;
    }
    const long refused[] = {
        limen_syscall_bind(resource, NUMBER, stage_ports[0]),
        limen_syscall_bind(stage_endpoints[0], NUMBER, stage_endpoints[0]),
    };
    for (uint32_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        right = step_ok(refused[i] == -EBADF, "refused", refused[i]) && right;
    right = right && call_number(NUMBER, 0, 0, 0) == -ENOSYS;
    return stage_close() && right;
}

/* --- Faults --- */

/* Reads words that are not there, one page after the other; their sum is its status. */
static void twin_touches(uint32_t pages)
{
    uint32_t sum = 0;
    for (uint32_t page = 0; page < pages; page++)
        sum += *(volatile uint32_t *)(PAGED + page * PAGE_SIZE);
    (void)limen_process_exit(sum);
}

static bool load_faulting(struct child *child, handle_t pager)
{
    return twin_load(child, TWIN_PAGES) &&
           limen_process_fault_endpoint(child->process, pager) == 0;
}

static bool start_faulting(struct child *child, uint32_t pages)
{
    bool right = twin_start(child, twin_touches, pages) &&
                 limen_thread_priority(child->thread, MIDDLE) == 0;
    stage_settle();
    return right;
}

static bool fault_comes_to(uint32_t which, uint32_t page)
{
    struct limen_words got = {0};
    uint64_t past = 1;
    long kind = limen_receive_words(stage_ports[which], &got, &past);
    return step_ok(kind == MESSAGE_FAULT && got.badge == which, "received", kind) &&
           step_ok(got.words[FAULT_VECTOR] == 14 &&
                       got.words[FAULT_ADDRESS] == PAGED + page * PAGE_SIZE,
                   "address", got.words[FAULT_ADDRESS]);
}

static bool bring_page(struct child child, uint32_t page, uint32_t value)
{
    uint32_t address = PAGED + page * PAGE_SIZE;
    return child_map(child, address, PAGE_SIZE, RW) == 0 &&
           child_write(child, address, &value, sizeof(value));
}

/* It ended with the fault that nobody resolved. */
static bool ends_faulted(struct child child, uint32_t page)
{
    struct process_end end;
    outcome_t outcome = child_wait(child, &end);
    return step_ok(outcome == FAULT(14) && end.address == PAGED + page * PAGE_SIZE &&
                       end.state.eip != 0,
                   "its end", end.reason);
}

static bool ends_with(struct child child, uint32_t status)
{
    struct process_end end;
    (void)child_wait(child, &end);
    return step_ok(end.reason == PROCESS_EXITED && end.status == status, "its status",
                   end.status);
}

enum {
    PAGER_WAITS,    /* receives nothing */
    PAGER_RECEIVES, /* and never answers */
    PAGER_FAULTS,
    PAGER_EXITS,
};

static volatile uint32_t pager_port, pager_way;

static void twin_pages(uint32_t unused)
{
    struct limen_words got;
    (void)unused;
    if (pager_way != PAGER_WAITS)
        (void)limen_receive_words((handle_t){pager_port}, &got, NULL);
    if (pager_way == PAGER_FAULTS)
        twin_touches(1);
    if (pager_way == PAGER_EXITS)
        (void)limen_process_exit(0);
    for (;;)
        stage_wait_on(&pager_way, ~0u);
}

/* A process that pages for others; nobody else has the port. */
static bool load_pager(struct child *pager, uint32_t which, uint32_t way)
{
    uint32_t words[2] = {0, way};
    if (!twin_load(pager, TWIN_PAGES))
        return false;
    words[0] =
        (uint32_t)limen_handle_give(pager->process, stage_ports[which], RIGHTS_SAME);
    (void)limen_handle_close(stage_ports[which]);
    return child_write(*pager, (uint32_t)&pager_port, &words[0], 4) &&
           child_write(*pager, (uint32_t)&pager_way, &words[1], 4);
}

static bool pager_goes(uint32_t way, bool killed)
{
    struct child child = {0}, pager = {0};
    bool right = stage_open(1) && load_pager(&pager, 0, way) &&
                 load_faulting(&child, stage_endpoints[0]) && start_faulting(&child, 1) &&
                 twin_start(&pager, twin_pages, 0);
    stage_settle();
    if (killed)
        right = right && limen_process_kill(pager.process, 1) == 0;
    right = right && ends_faulted(child, 0);
    child_close(&child);
    child_close(&pager);
    return stage_close() && right;
}

static bool pager_ends(void)
{
    return pager_goes(PAGER_WAITS, true) && pager_goes(PAGER_RECEIVES, true) &&
           pager_goes(PAGER_FAULTS, false) && pager_goes(PAGER_EXITS, false);
}

/* Two processes page for each other, and both fault: they wait until one is killed. */
static bool pagers_of_each_other(void)
{
    struct child twins[2] = {{{0}, {0}}, {{0}, {0}}};
    bool right = stage_open(2);
    for (uint32_t i = 0; i < 2; i++)
        right = right && load_pager(&twins[i], i, PAGER_WAITS);
    for (uint32_t i = 0; i < 2; i++)
        right = right &&
                limen_process_fault_endpoint(twins[i].process, stage_endpoints[!i]) == 0;
    for (uint32_t i = 0; i < 2; i++)
        right = right && start_faulting(&twins[i], 1);
    right = right && limen_process_kill(twins[0].process, 0) == 0 &&
            ends_faulted(twins[1], 0);
    child_close(&twins[0]);
    child_close(&twins[1]);
    return stage_close() && right;
}

/* --- A process that pages for itself --- */

static uint8_t twin_stack[2048] __attribute__((aligned(16)));

static void resolve_one(uint32_t port)
{
    struct limen_words got;
    struct memory_map map = {.size = PAGE_SIZE, .flags = RW | MEMORY_FIXED};
    for (;;) {
        (void)limen_receive_words((handle_t){port}, &got, NULL);
        map.address = got.words[FAULT_ADDRESS] & ~(PAGE_SIZE - 1);
        (void)limen_memory_map(HANDLE_SELF, &map);
        *(volatile uint32_t *)map.address = 21;
        (void)limen_reply(0, 0, 0, 0);
    }
}

static void twin_pages_for_itself(uint32_t with_a_thread)
{
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    (void)limen_process_fault_endpoint(HANDLE_SELF, endpoint);
    if (with_a_thread)
        (void)bare_thread(resolve_one, port.value, twin_stack + sizeof(twin_stack));
    twin_touches(2);
}

static bool pager_of_itself(void)
{
    struct child child = {0};
    struct process_end end;
    bool right = stage_open(0) && twin_load(&child, TWIN_PAGES) &&
                 twin_start(&child, twin_pages_for_itself, 1) && ends_with(child, 42);
    child_close(&child);
    right = right && twin_load(&child, TWIN_PAGES) &&
            twin_start(&child, twin_pages_for_itself, 0);
    stage_settle();
    right = right && limen_process_kill(child.process, 0) == 0 &&
            child_wait(child, &end) == KILLED;
    child_close(&child);
    return stage_close() && right;
}

/* --- Strange answers --- */

/* A fault stays where it is asked about; the next one goes where the process says then.
 */
static bool endpoint_changes(void)
{
    struct child child = {0};
    bool right = stage_open(2) && load_faulting(&child, stage_endpoints[0]) &&
                 start_faulting(&child, 3) &&
                 limen_process_fault_endpoint(child.process, stage_endpoints[1]) == 0 &&
                 limen_process_fault_endpoint(child.process, stage_endpoints[1]) == 0 &&
                 fault_comes_to(0, 0) && bring_page(child, 0, 1) &&
                 limen_reply(0, 0, 0, 0) == 0;
    stage_settle();
    right = right && limen_process_fault_endpoint(child.process, nothing) == 0 &&
            fault_comes_to(1, 1) && bring_page(child, 1, 2) &&
            limen_reply(0, 0, 0, 0) == 0 && ends_faulted(child, 2) &&
            limen_process_fault_endpoint(child.process, stage_endpoints[0]) == -ESRCH;
    child_close(&child);
    return stage_close() && right;
}

/* Who says that all is well where nothing is gets the same fault again. */
static bool answered_for_nothing(void)
{
    struct child child = {0};
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 start_faulting(&child, 1);
    for (uint32_t i = 0; right && i < 50; i++) {
        right = fault_comes_to(0, 0) && limen_reply(0, 0, i, ~i) == 0;
        stage_settle();
    }
    right = right && fault_comes_to(0, 0) && bring_page(child, 0, 5) &&
            limen_reply(0, 0, 0, 0) == 0 && ends_with(child, 5);
    child_close(&child);
    return stage_close() && right;
}

/* Bytes and handles for who has faulted, and what only a caller may be asked. */
static bool answered_like_a_caller(void)
{
    struct child child = {0};
    struct process_end end;
    uint8_t bytes[16] = {0};
    struct message message = {
        .handle_count = 1, .handles = {{0}}, .rights = {RIGHTS_SAME}};
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 start_faulting(&child, 2) && fault_comes_to(0, 0);
    message.handles[0] = stage_ports[0];
    right = right && limen_message_read(nothing, 0, bytes, 16) == 0 &&
            limen_message_write(nothing, 0, bytes, 16) == 0 &&
            limen_message_reply(&message) == -E2BIG;
    message = (struct message){.send = bytes, .send_size = 16};
    right = right && bring_page(child, 0, 1) && limen_message_reply(&message) == 0;
    stage_settle();
    right = right && fault_comes_to(0, 1) && limen_client_fault(nothing, 99) == 0 &&
            limen_reply(0, 0, 0, 0) == -ESRCH;
    (void)child_wait(child, &end);
    right = right && step_ok(end.reason == PROCESS_REFUSED && end.status == 99, "status",
                             end.status);
    child_close(&child);
    return stage_close() && right;
}

/* Its registers are written, and then the answer is no: it ends as it had faulted. */
static bool refused_after_all(void)
{
    struct child child = {0};
    struct thread_state state;
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 start_faulting(&child, 1) && fault_comes_to(0, 0) &&
                 limen_thread_read(child.thread, &state) == 0 &&
                 limen_thread_write(child.thread, &state) == 0 &&
                 limen_reply(0, 1, 0, 0) == 0 && ends_faulted(child, 0);
    child_close(&child);
    return stage_close() && right;
}

static bool suspended_in_a_fault(void)
{
    struct child child = {0};
    struct process_info info = {0};
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 start_faulting(&child, 1) && limen_thread_suspend(child.thread) == 0 &&
                 fault_comes_to(0, 0) && bring_page(child, 0, 6) &&
                 limen_reply(0, 0, 0, 0) == 0;
    stage_settle();
    right = right && limen_process_info(child.process, &info) == 0 && info.ended == 0 &&
            limen_thread_resume(child.thread) == 0 && ends_with(child, 6);
    child_close(&child);
    return stage_close() && right;
}

/* Pages that are mapped, and nothing left to pay them with: no pager is asked. */
static void twin_spends_all(uint32_t unused)
{
    struct memory_map map = {.size = TWIN_PAGES * PAGE_SIZE, .flags = RW};
    (void)unused;
    (void)limen_memory_map(HANDLE_SELF, &map);
    for (uint32_t i = 0; i < TWIN_PAGES; i++)
        *(volatile uint32_t *)(map.address + i * PAGE_SIZE) = 1;
    (void)limen_process_exit(0);
}

static bool no_memory_is_no_fault(void)
{
    struct child child = {0};
    struct process_end end;
    struct limen_words got;
    uint64_t past = 1;
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 twin_start(&child, twin_spends_all, 0) &&
                 child_wait(child, &end) == NO_MEMORY &&
                 limen_receive_words(stage_ports[0], &got, &past) == -ETIMEDOUT;
    child_close(&child);
    return stage_close() && right;
}

/* A pager that has no place for the thread's handle is told of the fault without it. */
static void twin_pages_poor(uint32_t port)
{
    struct message message = {.handle_room = 1};
    long error = 0;
    while (error >= 0)
        error = limen_handle_duplicate((handle_t){port}, RIGHTS_SAME);
    long kind = limen_receive_message((handle_t){port}, &message, NULL);
    bool right = error == -ENOMEM && kind == MESSAGE_FAULT && message.handle_count == 0 &&
                 limen_reply(0, 1, 0, 0) == 0;
    (void)limen_process_exit(right ? 0 : 1);
}

static bool pager_without_memory(void)
{
    struct child child = {0}, pager = {0};
    struct process_end end;
    bool right = stage_open(1) && twin_load(&pager, TWIN_PAGES) &&
                 load_faulting(&child, stage_endpoints[0]);
    long given = limen_handle_give(pager.process, stage_ports[0], RIGHTS_SAME);
    right = right && given > 0 && twin_start(&pager, twin_pages_poor, (uint32_t)given) &&
            start_faulting(&child, 1) && child_wait(pager, &end) == EXIT_0 &&
            ends_faulted(child, 0);
    child_close(&child);
    child_close(&pager);
    return stage_close() && right;
}

/* The thread that faults has a caller to answer. */
static void twin_serves_and_faults(uint32_t port)
{
    struct limen_words got;
    (void)limen_receive_words((handle_t){port}, &got, NULL);
    twin_touches(1);
}

static void call_port_1(uint32_t which)
{
    results[which] = limen_call(stage_endpoints[1], 0, 0, 0);
    stage_tell(&returned[which], 1);
}

static bool faults_while_it_serves(void)
{
    struct child child = {0};
    bool right = stage_open(2) && load_faulting(&child, stage_endpoints[0]);
    long given = limen_handle_give(child.process, stage_ports[1], RIGHTS_SAME);
    returned[CALLER] = 0;
    right = right && given > 0 &&
            twin_start(&child, twin_serves_and_faults, (uint32_t)given) &&
            stage_start(CALLER, call_port_1, MIDDLE);
    stage_settle();
    right = right && fault_comes_to(0, 0) && still_waits(CALLER) &&
            limen_reply(0, 1, 0, 0) == 0 && result_is(CALLER, -EPIPE) &&
            ends_faulted(child, 0);
    child_close(&child);
    return stage_close() && right;
}

/* Many threads of a process fault; the first refusal is the end of them all. */
#define FAULTING 5

static uint8_t fault_stacks[FAULTING][1024] __attribute__((aligned(16)));

static void twin_faults_often(uint32_t unused)
{
    (void)unused;
    for (uint32_t i = 0; i < FAULTING; i++)
        (void)bare_thread(twin_touches, 1, fault_stacks[i] + sizeof(fault_stacks[i]));
    twin_touches(1);
}

static bool many_fault(bool close)
{
    struct child child = {0};
    bool right = stage_open(1) && load_faulting(&child, stage_endpoints[0]) &&
                 twin_start(&child, twin_faults_often, 0);
    stage_settle();
    right = right && fault_comes_to(0, 0);
    handle_t later = handle_of(limen_reply_defer());
    right = right && fault_comes_to(0, 0);
    if (close)
        stage_close_port(0);
    else
        right = right && limen_reply(0, 1, 0, 0) == 0;
    right = right && ends_faulted(child, 0) && limen_handle_close(later) == 0;
    child_close(&child);
    (void)limen_reply(0, 0, 0, 0);
    return stage_close() && right;
}

static bool many_threads_fault(void)
{
    return many_fault(false) && many_fault(true);
}

/* --- Refused callers --- */

static void call_port_0(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 0, 0, 0);
    (void)limen_process_exit(1);
}

static bool ends_refused(struct child child, uint32_t status)
{
    struct process_end end;
    (void)child_wait(child, &end);
    return step_ok(end.reason == PROCESS_REFUSED && end.status == status, "its end",
                   end.reason);
}

/* Refused while it is suspended, deferred, by a copy of the handle, and twice. */
static bool refused_in_every_state(void)
{
    bool right = stage_open(1);
    for (uint32_t way = 0; right && way < 3; way++) {
        struct child child = {0};
        struct limen_words got;
        handle_t reply = {0};
        right = twin_load(&child, TWIN_PAGES);
        long given = limen_handle_give(child.process, stage_endpoints[0], RIGHTS_SAME);
        right = right && twin_start(&child, call_port_0, (uint32_t)given) &&
                limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL;
        if (way == 1)
            right = right && limen_thread_suspend(child.thread) == 0;
        if (way == 2)
            reply = handle_of(limen_reply_defer());
        right = right && limen_client_fault(reply, 50 + way) == 0 &&
                limen_client_fault(reply, 60) == -ESRCH && ends_refused(child, 50 + way);
        if (way == 2)
            right = right && limen_handle_close(reply) == 0;
        child_close(&child);
    }
    return stage_close() && right;
}

/* Client and server are threads of one process: it refuses itself. */
static void call_here(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 0, 0, 0);
    (void)limen_process_exit(1);
}

static void twin_refuses_itself(uint32_t unused)
{
    struct limen_words got;
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    (void)unused;
    (void)bare_thread(call_here, endpoint.value, twin_stack + sizeof(twin_stack));
    (void)limen_receive_words(port, &got, NULL);
    (void)limen_client_fault(nothing, 70);
    (void)limen_process_exit(2);
}

static bool refused_by_itself(void)
{
    struct child child = {0};
    bool right = stage_open(0) && twin_load(&child, TWIN_PAGES) &&
                 twin_start(&child, twin_refuses_itself, 0) && ends_refused(child, 70);
    child_close(&child);
    return stage_close() && right;
}

/* --- Handles through what they name --- */

static volatile uint32_t own_port, own_endpoint, gone_through;

static void send_itself(uint32_t unused)
{
    struct message message = {
        .handle_count = 4,
        .handles = {{own_port}, {own_endpoint}, {own_port}, {own_endpoint}},
        .rights = {RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME},
    };
    (void)unused;
    for (;;)
        (void)limen_call_message((handle_t){own_endpoint}, &message);
}

enum {
    IN_QUEUE, /* the message is never received */
    ARRIVED,  /* its handles have come, and are all that is left of them */
    DEFERRED, /* and a reply handle went the same way */
    WAYS_THROUGH,
};

/* A port and its endpoint are sent through themselves, in one process. */
static void twin_sends_itself(uint32_t way)
{
    struct message message = {.handle_room = 4};
    own_port = (uint32_t)limen_port_create();
    own_endpoint = (uint32_t)limen_endpoint_mint((handle_t){own_port}, 9);
    (void)bare_thread(send_itself, 0, twin_stack + sizeof(twin_stack));
    (void)limen_thread_yield();
    if (way != IN_QUEUE) {
        (void)limen_receive_message((handle_t){own_port}, &message, NULL);
        (void)limen_handle_close((handle_t){own_port});
        (void)limen_handle_close((handle_t){own_endpoint});
    }
    if (way == DEFERRED) {
        handle_t reply = handle_of(limen_reply_defer());
        struct message again = {
            .handle_count = 1, .handles = {reply}, .rights = {RIGHTS_SAME}};
        own_endpoint = message.handles[1].value;
        gone_through = 1;
        (void)limen_call_message((handle_t){own_endpoint}, &again);
    }
    gone_through = 1;
    for (;;)
        (void)limen_thread_suspend(HANDLE_SELF);
}

/* However it ends, nothing of that is left. */
static bool handles_through_themselves(void)
{
    bool right = true;
    for (uint32_t way = 0; right && way < 2 * WAYS_THROUGH; way++) {
        struct child child = {0};
        uint32_t before = frames_free();
        right = stage_open(0) && twin_load(&child, TWIN_PAGES) &&
                twin_start(&child, twin_sends_itself, way / 2);
        stage_settle();
        right = right && child_wait_for(child, &gone_through, 1);
        if (way % 2 == 0)
            right = right && limen_process_kill(child.process, 0) == 0;
        else
            right = right && limen_thread_resume(child.thread) == 0 &&
                    limen_process_kill(child.process, 0) == 0;
        child_close(&child);
        right = stage_close() && right &&
                step_ok(frames_free() == before, "frames free", frames_free());
    }
    return right;
}

static const struct test_case cases[] = {
    {"a number bound to a dead port", bound_to_a_dead_port},
    {"a number bound anew while calls wait", rebound_while_calls_wait},
    {"a port that dies under bound calls", port_dies_under_bound_calls},
    {"a badge that only a number holds", bound_badge_closes},
    {"bound calls answered in every way", bound_calls_answered},
    {"bound callers stopped and sent away", bound_callers_stopped},
    {"bound calls of a process without handles", bound_calls_without_handles},
    {"numbers that cannot be bound", numbers_that_cannot_be_bound},
    {"a pager that dies, faults or leaves", pager_ends},
    {"two processes that page for each other", pagers_of_each_other},
    {"a process that pages for itself", pager_of_itself},
    {"a fault endpoint changed while a fault waits", endpoint_changes},
    {"a pager that resolves nothing", answered_for_nothing},
    {"a fault answered like a call", answered_like_a_caller},
    {"a fault refused after its registers were written", refused_after_all},
    {"a thread suspended in its fault", suspended_in_a_fault},
    {"no memory is not a pager's business", no_memory_is_no_fault},
    {"a pager that has no place for a handle", pager_without_memory},
    {"a server that faults tells its caller", faults_while_it_serves},
    {"many threads that fault at one time", many_threads_fault},
    {"callers refused in every state", refused_in_every_state},
    {"a process that refuses itself", refused_by_itself},
    {"handles sent through what they name", handles_through_themselves},
};

int main(void)
{
    resource = (handle_t){(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
    return RUN_CASES(cases);
}
