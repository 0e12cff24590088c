/* SPDX-License-Identifier: MIT */
/* Faults as messages, whose pager dies, lies, or faults itself. */
#include "calls.h"

#define PAGED 0x60000000u
#define RW (MEMORY_READ | MEMORY_WRITE)
#define CALLER 0

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

bool pager_ends(void)
{
    return pager_goes(PAGER_WAITS, true) && pager_goes(PAGER_RECEIVES, true) &&
           pager_goes(PAGER_FAULTS, false) && pager_goes(PAGER_EXITS, false);
}

/* Two processes page for each other, and both fault: they wait until one is killed. */
bool pagers_of_each_other(void)
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

bool pager_of_itself(void)
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
bool endpoint_changes(void)
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
bool answered_for_nothing(void)
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
bool answered_like_a_caller(void)
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
bool refused_after_all(void)
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

bool suspended_in_a_fault(void)
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

bool no_memory_is_no_fault(void)
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

bool pager_without_memory(void)
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

bool faults_while_it_serves(void)
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

bool many_threads_fault(void)
{
    return many_fault(false) && many_fault(true);
}
