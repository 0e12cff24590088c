/* SPDX-License-Identifier: MIT */
/*
 * Processes and handles: how they end, who learns of it, and that whatever they did,
 * every page frame is free again. Children here are twins: they run functions of this
 * file with native calls only, and answer by their exit status.
 */
#include <errno.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define TWIN_PAGES 256
#define BASE 0x50000000u

static uint8_t stacks[4][4096] __attribute__((aligned(16)));
static volatile uint32_t flag;
static volatile uint32_t never;

static void finish(bool right)
{
    (void)limen_process_exit(right ? 0 : 1);
}

static void spin(uint32_t unused)
{
    (void)unused;
    flag = 1;
    for (;;)
        ;
}

/* --- Exit, kill, wait --- */

static void leave(uint32_t status)
{
    (void)limen_process_exit(status);
}

static bool exit_status(void)
{
    static const uint32_t statuses[] = {0,          1,          255,       256,
                                        0x7fffffff, 0x80000000, 0xffffffff};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        struct child child;
        struct process_end end;
        (void)twin_run(&child, TWIN_PAGES, leave, statuses[i], &end);
        right = right && end.reason == PROCESS_EXITED && end.status == statuses[i];
        right = right && limen_process_wait(child.process, &end, NULL) == 0 &&
                end.status == statuses[i];
        child_close(&child);
    }
    return right;
}

static void leave_by_thread(uint32_t unused)
{
    (void)unused;
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool last_thread(void)
{
    return twin_passes(TWIN_PAGES, leave_by_thread, 0);
}

static void kill_itself(uint32_t status)
{
    (void)limen_process_kill(HANDLE_SELF, status);
    (void)limen_process_exit(1);
}

static bool killed_by_itself(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, TWIN_PAGES, kill_itself, 77, &end);
    child_close(&child);
    return outcome == KILLED && end.status == 77;
}

static bool wait_with_deadline(void)
{
    struct child child = child_create(CHILD_PAGES);
    struct process_end end;
    bool right = true;
    for (int i = 0; i < 3; i++) {
        uint64_t deadline = clock_now() + 2 * MILLISECOND;
        right = right &&
                limen_process_wait(child.process, &end, &deadline) == -ETIMEDOUT &&
                clock_now() >= deadline;
    }
    child_close(&child);
    return right;
}

static bool kill_spinning(void)
{
    struct child child;
    struct process_end end;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, spin, 0) &&
                 child_wait_for(child, &flag, 1) &&
                 limen_process_kill(child.process, 9) == 0;
    right = right && limen_process_wait(child.process, &end, NULL) == 0 &&
            end.reason == PROCESS_KILLED && end.status == 9;
    right = right && limen_process_kill(child.process, 10) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0 && end.status == 9;
    child_close(&child);
    return right;
}

/* --- Kill of threads that are blocked, in every call that blocks --- */

static void block_in(uint32_t call)
{
    uint64_t far = ~0ull;
    struct child other;
    struct process_end end;
    flag = 1;
    switch (call) {
    case SYS_LIMEN_clock_sleep:
        (void)limen_clock_sleep(&far);
        break;
    case SYS_LIMEN_futex_wait:
        (void)limen_futex_wait((uint32_t *)&never, 0, NULL);
        break;
    case SYS_LIMEN_process_wait:
        other = child_create(CHILD_PAGES);
        (void)limen_process_wait(other.process, &end, NULL);
        break;
    case SYS_LIMEN_receive:
        (void)limen_receive(handle_of(limen_port_create()), NULL);
        break;
    default:
        for (;;)
            (void)limen_thread_yield();
    }
    finish(false);
}

static bool kill_blocked_in(uint32_t call)
{
    struct child child;
    struct process_end end;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, block_in, call) &&
                 child_wait_for(child, &flag, 1);
    sleep_for(MILLISECOND);
    right = right && limen_process_kill(child.process, 5) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0 &&
            step_ok(end.reason == PROCESS_KILLED, "blocked in call", call);
    child_close(&child);
    return right;
}

static bool kill_blocked(void)
{
    return kill_blocked_in(SYS_LIMEN_clock_sleep) &&
           kill_blocked_in(SYS_LIMEN_futex_wait) &&
           kill_blocked_in(SYS_LIMEN_process_wait) &&
           kill_blocked_in(SYS_LIMEN_receive) && kill_blocked_in(SYS_LIMEN_thread_yield);
}

/* --- Several waiters, and handles closed under them --- */

static handle_t awaited;
static volatile uint32_t woken;
static volatile uint32_t waiting;

static void wait_for_awaited(uint32_t milliseconds)
{
    struct process_end end;
    uint64_t deadline = clock_now() + milliseconds * MILLISECOND;
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    if (limen_process_wait(awaited, &end, milliseconds != 0 ? &deadline : NULL) == 0 &&
        end.status == 33)
        __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&waiting, 1, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

static void many_wait(uint32_t unused)
{
    (void)unused;
    awaited = child_create(CHILD_PAGES).process;
    for (int i = 0; i < 4; i++)
        (void)bare_thread(wait_for_awaited, 0, stacks[i] + sizeof(stacks[i]));
    if (!wait_for(&waiting, 4))
        finish(false);
    sleep_for(MILLISECOND);
    (void)limen_process_kill(awaited, 33);
    finish(wait_for(&woken, 4));
}

static bool several_waiters(void)
{
    return twin_passes(TWIN_PAGES, many_wait, 0);
}

/* The last handle to a process goes while a thread waits for its end. What was that
 * process's memory is then ours: nothing may write to it but we. */
static void close_under_waiter(uint32_t unused)
{
    enum {
        PAGES = 96
    };
    struct memory_map map = {
        .address = BASE,
        .size = PAGES * PAGE_SIZE,
        .flags = RW | MEMORY_FIXED,
    };
    (void)unused;
    awaited = child_create(8).process;
    (void)bare_thread(wait_for_awaited, 20, stacks[0] + sizeof(stacks[0]));
    if (!wait_for(&waiting, 1))
        finish(false);
    sleep_for(MILLISECOND);
    (void)limen_handle_close(awaited);
    (void)limen_memory_map(HANDLE_SELF, &map);
    for (uint32_t i = 0; i < map.size / 4; i++)
        ((volatile uint32_t *)BASE)[i] = 0;
    sleep_for(30 * MILLISECOND);
    for (uint32_t i = 0; i < map.size / 4; i++)
        if (((volatile uint32_t *)BASE)[i] != 0)
            finish(false);
    finish(true);
}

static bool handle_closed_under_waiter(void)
{
    return twin_passes(TWIN_PAGES + 128, close_under_waiter, 0);
}

/* A waits for B, and B for A. */
static void wait_for_first(uint32_t handle)
{
    struct process_end end;
    flag = 1;
    (void)limen_process_wait((handle_t){handle}, &end, NULL);
    finish(false);
}

static bool circle_of_waiters(void)
{
    struct child a = {0};
    struct child b = {0};
    long a_in_b, b_in_a;
    bool right = twin_load(&a, TWIN_PAGES) && twin_load(&b, TWIN_PAGES);
    a_in_b = limen_handle_give(b.process, a.process, RIGHTS_ALL);
    b_in_a = limen_handle_give(a.process, b.process, RIGHTS_ALL);
    right = right && step_ok(a_in_b > 0 && b_in_a > 0, "handle given", a_in_b) &&
            twin_start(&a, wait_for_first, (uint32_t)b_in_a) &&
            twin_start(&b, wait_for_first, (uint32_t)a_in_b) &&
            child_wait_for(a, &flag, 1) && child_wait_for(b, &flag, 1);
    sleep_for(MILLISECOND);
    right = right && limen_process_kill(a.process, 1) == 0 &&
            limen_process_kill(b.process, 1) == 0;
    child_close(&a);
    child_close(&b);
    return right;
}

/* --- Processes that nobody holds --- */

static bool never_started(void)
{
    struct child child = child_create(64);
    uint32_t word = 1;
    bool right = child_map(child, BASE, 8 * PAGE_SIZE, RW) == 0 &&
                 child_write(child, BASE, &word, 4) &&
                 child_write(child, BASE + PAGE_SIZE, &word, 4);
    child_close(&child);
    return right;
}

/* A process that holds itself, one that holds its parent, and two that hold each other.
 */
static void make_circles(uint32_t unused)
{
    struct child a = child_create(16);
    struct child b = child_create(16);
    struct child c = child_create(16);
    uint32_t word = 1;
    (void)unused;
    bool right = child_map(a, BASE, 4 * PAGE_SIZE, RW) == 0 &&
                 child_write(a, BASE, &word, 4) &&
                 limen_handle_give(a.process, a.process, RIGHTS_ALL) > 0 &&
                 limen_handle_give(a.process, HANDLE_SELF, RIGHTS_ALL) > 0 &&
                 limen_handle_give(b.process, c.process, RIGHTS_ALL) > 0 &&
                 limen_handle_give(c.process, b.process, RIGHTS_ALL) > 0;
    child_close(&a);
    child_close(&b);
    child_close(&c);
    finish(right);
}

static bool circles_of_handles(void)
{
    return twin_passes(TWIN_PAGES, make_circles, 0);
}

/* A grandchild that runs and that nobody holds ends with its parent. */
static void leave_a_spinner(uint32_t unused)
{
    struct child child;
    (void)unused;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, spin, 0) &&
                 child_wait_for(child, &flag, 1);
    child_close(&child);
    finish(right);
}

static bool orphans(void)
{
    uint32_t before = system_now().threads;
    return twin_passes(2 * TWIN_PAGES, leave_a_spinner, 0) &&
           system_now().threads == before;
}

/* The process's last handle, to a child of its own, lies in its parent's table. */
static void entrust_a_child(uint32_t parent)
{
    struct child child = child_create(16);
    flag = limen_handle_give((handle_t){parent}, child.process, RIGHTS_ALL) > 0 &&
           limen_handle_close(child.process) == 0;
    spin(0);
}

/* Ends while that is so: one end after the other, with nothing in between. */
static void end_with_trusted_child(uint32_t unused)
{
    struct child child;
    (void)unused;
    bool right = twin_load(&child, TWIN_PAGES);
    long parent = limen_handle_give(child.process, HANDLE_SELF, RIGHTS_ALL);
    right = right && parent > 0 &&
            twin_start(&child, entrust_a_child, (uint32_t)parent) &&
            child_wait_for(child, &flag, 1);
    finish(right);
}

static bool end_of_a_family(void)
{
    return twin_passes(2 * TWIN_PAGES, end_with_trusted_child, 0);
}

static bool thread_handle_outlives(void)
{
    struct child child;
    struct process_end end;
    bool right = twin_run(&child, TWIN_PAGES, leave, 0, &end) == EXIT_0;
    right = right && limen_handle_close(child.process) == 0 &&
            limen_handle_close(child.thread) == 0 &&
            limen_handle_close(child.thread) == -EBADF;
    return right;
}

/* A thread that ended does not keep its process's memory, nor what that did not use: only
 * its own page and the one that the quota stands in. */
static bool thread_keeps_no_memory(void)
{
    uint32_t used = process_now().pages_used;
    uint32_t before = frames_free();
    struct child child;
    struct process_end end;
    bool right = twin_run(&child, TWIN_PAGES, leave, 0, &end) == EXIT_0;
    right = right && limen_handle_close(child.process) == 0 &&
            step_ok(frames_free() == before - 2, "free frames", frames_free()) &&
            step_ok(process_now().pages_used == used + 2, "pages used",
                    process_now().pages_used) &&
            limen_handle_close(child.thread) == 0;
    return right && step_ok(process_now().pages_used == used, "pages used",
                            process_now().pages_used);
}

enum {
    DEPTH = 5
};

static void descend(uint32_t first);
static uint32_t depth;
static long given[DEPTH + 1]; /* handles in the first process's table */

/* Has a descendant, one generation less deep, and gives its thread to the first. */
static bool beget(uint32_t first)
{
    struct child child;
    struct process_end end;
    depth--;
    bool right = twin_load(&child, TWIN_PAGES * depth);
    long in_child = limen_handle_give(child.process, (handle_t){first}, RIGHTS_ALL);
    right = right && in_child > 0 && twin_start(&child, descend, (uint32_t)in_child) &&
            child_wait(child, &end) == EXIT_0 &&
            child_read(child, (uint32_t)given, given, sizeof(given));
    given[depth] = limen_handle_give((handle_t){first}, child.thread, RIGHTS_ALL);
    return right && given[depth] > 0;
}

static void descend(uint32_t first)
{
    finish(depth == 1 || beget(first));
}

/* The last holds of a family's threads lie here when the family is long gone; what they
 * use of their quotas is then this process's. */
static bool family_of_threads(void)
{
    uint32_t used = process_now().pages_used;
    struct child child;
    struct process_end end;
    depth = DEPTH;
    bool right = twin_load(&child, TWIN_PAGES * DEPTH);
    long first = limen_handle_give(child.process, HANDLE_SELF, RIGHTS_ALL);
    right = right && first > 0 && twin_start(&child, descend, (uint32_t)first) &&
            step_ok(child_wait(child, &end) == EXIT_0, "end", end.status) &&
            child_read(child, (uint32_t)given, given, sizeof(given));
    child_close(&child);
    right = right && step_ok(process_now().pages_used == used + 2 * (DEPTH - 1),
                             "pages used", process_now().pages_used);
    for (uint32_t i = 1; i < DEPTH; i++) {
        uint32_t which = i * 3 % DEPTH; /* neither first nor last first */
        right = right && limen_handle_close(handle_of(given[which])) == 0 &&
                step_ok(process_now().pages_used == used + 2 * (DEPTH - 1 - i),
                        "pages used", process_now().pages_used);
    }
    return right;
}

/* --- Bombs --- */

static void bomb_of_processes(uint32_t unused)
{
    long result;
    (void)unused;
    while ((result = limen_process_create(PROCESS_MIN_PAGES)) > 0)
        ;
    finish(result == -ENOMEM);
}

static bool process_bomb(void)
{
    return twin_passes(1000, bomb_of_processes, 0);
}

/* Each process of the tree starts two more with what quota it has, then runs on. */
static void bomb_tree(uint32_t pages)
{
    for (int i = 0; i < 2 && pages > 3 * TWIN_PAGES / 2; i++) {
        struct child child;
        uint32_t share = (pages - TWIN_PAGES / 2) / 2;
        if (twin_load(&child, share))
            (void)twin_start(&child, bomb_tree, share);
    }
    spin(0);
}

static bool process_tree_bomb(void)
{
    struct child child;
    struct process_end end;
    uint32_t before = system_now().processes;
    bool right = twin_load(&child, 3000) && twin_start(&child, bomb_tree, 3000);
    uint64_t started = clock_now();
    sleep_for(50 * MILLISECOND);
    right = right && step_ok(clock_now() - started < 15 * SECOND, "starved for ns",
                             (long long)(clock_now() - started));
    right = right && step_ok(system_now().processes > before + 3, "processes",
                             system_now().processes);
    right = right && limen_process_kill(child.process, 1) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0;
    child_close(&child);
    return right && step_ok(system_now().processes == before, "processes left",
                            system_now().processes);
}

/* --- Handles --- */

static bool forged_handles(void)
{
    struct process_info info;
    bool right = true;
    for (uint32_t value = 1; value < 0x10000; value++)
        right = right && limen_process_info((handle_t){value}, &info) == -EBADF;
    for (uint32_t value = 0x00ff0000; value != 0; value += 0x00ffff01)
        right = right && limen_handle_close((handle_t){value | 0x8000}) == -EBADF;
    return right && limen_handle_close((handle_t){0xffffffff}) == -EBADF &&
           limen_handle_close((handle_t){0x80000000}) == -EBADF &&
           limen_handle_close(HANDLE_SELF) == -EBADF;
}

static bool handle_kinds(void)
{
    struct child child;
    struct process_end end;
    struct process_info info;
    handle_t archive = {(uint32_t)getauxval(AT_LIMEN_ARCHIVE)};
    bool right = twin_run(&child, TWIN_PAGES, leave, 0, &end) == EXIT_0;
    right = right && limen_process_info(child.thread, &info) == -EBADF &&
            limen_process_kill(child.thread, 0) == -EBADF &&
            limen_ports_request(child.process, 0x80, 1) == -EBADF &&
            limen_machine_stop(child.process, MACHINE_POWER_OFF, 1) == -EBADF &&
            limen_machine_stop(HANDLE_SELF, MACHINE_POWER_OFF, 1) == -EBADF;
    if (archive.value != 0)
        right = right && limen_process_info(archive, &info) == -EBADF;
    child_close(&child);
    return right;
}

static bool stale_handles(void)
{
    bool right = true;
    for (int i = 0; right && i < 3000; i++) {
        long first = limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL);
        struct process_info info;
        right = first > 0 && limen_process_info(handle_of(first), &info) == 0 &&
                limen_handle_close(handle_of(first)) == 0 &&
                limen_process_info(handle_of(first), &info) == -EBADF &&
                limen_handle_close(handle_of(first)) == -EBADF;
    }
    return right;
}

#define MANY_HANDLES 10500

/* In a twin, whose table may grow: many handles at once, each good, all different. */
static void use_many_handles(uint32_t unused)
{
    static handle_t handles[MANY_HANDLES];
    struct process_info info;
    (void)unused;
    for (uint32_t i = 0; i < MANY_HANDLES; i++) {
        long result = limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL);
        if (result < 0x10000)
            (void)limen_process_exit(2);
        handles[i] = handle_of(result);
    }
    if (limen_process_info(handles[MANY_HANDLES - 1], &info) != 0 ||
        info.handles < MANY_HANDLES)
        (void)limen_process_exit(3);
    for (uint32_t i = 0; i < MANY_HANDLES; i++)
        if (limen_handle_close(handles[i]) != 0)
            (void)limen_process_exit(4);
    for (uint32_t i = 0; i < MANY_HANDLES; i++)
        if (limen_handle_close(handles[i]) != -EBADF)
            (void)limen_process_exit(5);
    (void)limen_process_exit(0);
}

static bool many_handles(void)
{
    return twin_passes(TWIN_PAGES + 64, use_many_handles, 0);
}

static void exhaust_handles(uint32_t unused)
{
    long last = 0;
    long result;
    (void)unused;
    while ((result = limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL)) > 0)
        last = result;
    if (result != -ENOMEM || limen_handle_close(handle_of(last)) != 0)
        finish(false);
    result = limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL);
    finish(result > 0 && limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL) == -ENOMEM);
}

static bool handles_exhausted(void)
{
    return twin_passes(160, exhaust_handles, 0);
}

/* A table that somebody else fills is paid by its owner, who can refuse no more than
 * that. */
static bool handles_given(void)
{
    struct child child = child_create(16);
    long result;
    uint32_t given = 0;
    while ((result = limen_handle_give(child.process, HANDLE_SELF, RIGHTS_ALL)) > 0)
        given++;
    bool right = step_ok(result == -ENOMEM && given > 100, "given", given) &&
                 limen_process_kill(child.process, 0) == 0 &&
                 limen_handle_give(child.process, HANDLE_SELF, RIGHTS_ALL) == -ESRCH;
    child_close(&child);
    return right;
}

static bool info_of_child(void)
{
    struct child child;
    struct process_info info = {0};
    struct process_end end;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, spin, 0) &&
                 child_wait_for(child, &flag, 1) &&
                 limen_process_info(child.process, &info) == 0 &&
                 info.pages_limit == TWIN_PAGES && info.pages_used > 10 &&
                 info.pages_used <= TWIN_PAGES && info.threads == 1 &&
                 info.regions >= 2 && info.ended == 0;
    right = right && limen_process_kill(child.process, 0) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0 &&
            limen_process_info(child.process, &info) == 0 && info.threads == 0 &&
            step_ok(info.handles == 0, "handles", info.handles) &&
            info.ended == PROCESS_KILLED;
    child_close(&child);
    return right;
}

static const struct test_case cases[] = {
    {"exit statuses arrive, as often as asked", exit_status},
    {"a process ends with its last thread", last_thread},
    {"a process kills itself", killed_by_itself},
    {"wait ends at its deadline, not before", wait_with_deadline},
    {"kill of a process that spins; the first end counts", kill_spinning},
    {"kill of a thread blocked in any call", kill_blocked},
    {"several threads wait for one end", several_waiters},
    {"the last handle goes while a thread waits", handle_closed_under_waiter},
    {"two processes wait for each other", circle_of_waiters},
    {"a process that never ran leaves nothing", never_started},
    {"processes that hold themselves and each other leave nothing", circles_of_handles},
    {"a running process that nobody holds ends with its parent", orphans},
    {"a grandchild is freed between the ends of its parents", end_of_a_family},
    {"a thread's handle may be closed after its process's", thread_handle_outlives},
    {"a thread that ended keeps no memory but its own", thread_keeps_no_memory},
    {"threads of a family that is gone, closed in any order", family_of_threads},
    {"a bomb of processes", process_bomb},
    {"a bomb of a tree of processes", process_tree_bomb},
    {"forged handles", forged_handles},
    {"handles of another kind", handle_kinds},
    {"stale handles", stale_handles},
    {"more than 10,000 handles", many_handles},
    {"handles until the quota is used up", handles_exhausted},
    {"handles given until the receiver's quota is used up", handles_given},
    {"process_info of a child", info_of_child},
};

int main(void)
{
    return RUN_CASES(cases);
}
