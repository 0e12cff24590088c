/* SPDX-License-Identifier: MIT */
/*
 * Ten thousand threads in a thousand processes, all alive at one time in 256 MiB: each
 * thread sleeps to the same moment, counts itself in its process, and waits; then all
 * end, and every page frame is free again.
 */
#include "cases.h"
#include "row.h"

#define PROCESSES 1000u
#define THREADS_EACH 10u
#define PAGES_EACH 8u
#define FRAMES_NEEDED 0xf000u /* 240 MiB: what a machine of 256 MiB has free */
#define PAGES_SPARE 64u       /* of this program's quota */

/* At the child's data: the deadline, the count, the word on which it waits. */
#define COUNT_AT (CHILD_DATA + 8)

SNIPPET(count_and_wait,
        "movl $DATA, %ebx\n movl $SYS_clock_sleep, %eax\n int $0x80\n"
        "lock incl DATA + 8\n"
        "1: movl $DATA + 12, %ebx\n xorl %esi, %esi\n xorl %edi, %edi\n"
        "movl $SYS_futex_wait, %eax\n int $0x80\n jmp 1b\n")

static struct child children[PROCESSES];

static bool settle(struct child *child, const uint64_t *deadline)
{
    *child = child_create(PAGES_EACH);
    return child->process.value != 0 &&
           child_map(*child, CHILD_CODE, PAGE_SIZE,
                     MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE) == 0 &&
           child_map(*child, CHILD_DATA, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
           child_write(*child, CHILD_CODE, snippet_count_and_wait,
                       (uint32_t)(snippet_count_and_wait_end - snippet_count_and_wait)) &&
           child_write(*child, CHILD_DATA, deadline, sizeof(*deadline));
}

static bool populate(struct child *child)
{
    struct thread_start start = {.eip = CHILD_CODE};
    bool right = true;
    for (uint32_t i = 0; right && i < THREADS_EACH; i++) {
        long thread = limen_thread_create(child->process, &start);
        right = step_ok(thread > 0, "thread_create", thread) &&
                limen_handle_close(handle_of(thread)) == 0;
    }
    return right;
}

/* Whether all of a child's threads have counted themselves, and are still there. */
static bool counted(struct child child)
{
    struct process_info info = {0};
    uint32_t count = 0;
    uint64_t end = clock_now() + PATIENCE;
    while (child_read(child, COUNT_AT, &count, sizeof(count)) && count < THREADS_EACH &&
           clock_now() < end)
        (void)limen_thread_yield();
    return step_ok(count == THREADS_EACH, "threads that woke", count) &&
           limen_process_info(child.process, &info) == 0 &&
           step_ok(info.threads == THREADS_EACH, "threads", info.threads) &&
           step_ok(info.ended == 0, "ended", info.ended);
}

static bool all_alive(void)
{
    struct system_info system = system_now();
    return step_ok(system.threads > PROCESSES * THREADS_EACH, "threads",
                   system.threads) &&
           step_ok(system.processes > PROCESSES, "processes", system.processes);
}

static bool ended(struct child *child)
{
    struct process_end end;
    bool right = limen_process_kill(child->process, 0) == 0 &&
                 limen_process_wait(child->process, &end, NULL) == 0 &&
                 end.reason == PROCESS_KILLED;
    child_close(child);
    return right;
}

static bool thousand_processes(void)
{
    struct process_info own;
    uint64_t deadline = clock_now() + SECOND;
    uint32_t made = 0;
    bool right = true;
    if (system_now().frames_total < FRAMES_NEEDED)
        return case_skip("the machine has less than 256 MiB");
    if (limen_process_info(HANDLE_SELF, &own) != 0 ||
        own.pages_limit - own.pages_used < PROCESSES * PAGES_EACH + PAGES_SPARE)
        return case_skip("this program's quota is less than 32 MiB");
    for (; right && made < PROCESSES; made++)
        right = step_ok(settle(&children[made], &deadline), "process", made) &&
                populate(&children[made]);
    right = right && all_alive();
    for (uint32_t i = 0; right && i < PROCESSES; i++)
        right = counted(children[i]);
    right = right && all_alive();
    for (uint32_t i = 0; i < made; i++)
        right = ended(&children[i]) && right;
    let_others_settle();
    return right;
}

/* So many handles at one time, so that the pages for them are there. */
static void grow_own_table(void)
{
    static handle_t handles[PROCESSES + 10];
    const uint32_t count = sizeof(handles) / sizeof(*handles);
    for (uint32_t i = 0; i < count; i++)
        handles[i] = handle_of(limen_handle_duplicate(HANDLE_SELF, RIGHTS_SAME));
    for (uint32_t i = 0; i < count; i++)
        (void)limen_handle_close(handles[i]);
}

static const struct test_case cases[] = {
    {"10,000 threads in 1,000 processes", thousand_processes},
};

int main(void)
{
    grow_own_table();
    return RUN_CASES(cases);
}
