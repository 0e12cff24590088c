/* SPDX-License-Identifier: MIT */
/*
 * Threads: how they begin and end, what is theirs alone, and that too many of them are an
 * error. Bare threads run functions of this file on stacks of this file, with native
 * calls only.
 */
#include <errno.h>

#include "cases.h"
#include "row.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define BASE 0x50000000u
#define TWIN_PAGES 400
#define STACK_SIZE 1024
#define STACKS 8

static uint8_t stacks[STACKS][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t count;
static volatile uint32_t stop;

static void *stack_of(unsigned int i)
{
    return stacks[i] + STACK_SIZE;
}

static void finish(bool right)
{
    (void)limen_process_exit(right ? 0 : 1);
}

static void leave(uint32_t unused)
{
    (void)unused;
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

static void spin(uint32_t unused)
{
    (void)unused;
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
    while (!stop)
        ;
    (void)limen_thread_exit(NULL, 0, 0);
}

/* --- How a thread begins --- */

SNIPPET(first_registers, "pushfl\n"
                         "cmpl $0x1234567, %eax\n jne 1f\n"
                         "movl %ebx, %eax\n orl %ecx, %eax\n orl %edx, %eax\n"
                         "orl %esi, %eax\n orl %edi, %eax\n orl %ebp, %eax\n jnz 1f\n"
                         "cmpl $STACK - 4, %esp\n jne 1f\n"
                         "popl %eax\n andl $0x47700, %eax\n cmpl $0x200, %eax\n jne 1f\n"
                         "movl %cs, %eax\n cmpw $0x1b, %ax\n jne 1f\n"
                         "movl %ss, %eax\n cmpw $0x23, %ax\n jne 1f\n"
                         "movl %fs, %eax\n orw %ax, %ax\n jnz 1f\n"
                         "movl %gs, %eax\n orw %ax, %ax\n jnz 1f\n"
                         "check_segments\n"
                         "1: fail")
SNIPPET(first_bases,
        "movl %fs, %eax\n cmpw $0x3b, %ax\n jne 1f\n"
        "movl %gs, %eax\n cmpw $0x33, %ax\n jne 1f\n"
        "movl $0x11223344, DATA + 16\n movl $0x55667788, DATA + 32\n"
        "cmpl $0x11223344, %fs:0\n jne 1f\n"
        "cmpl $0x55667788, %gs:0\n jne 1f\n"
        "movl $SYS_thread_base, %eax\n movl $1, %ebx\n movl $DATA + 16, %esi\n"
        "int $0x80\n cmpl $0x11223344, %gs:0\n jne 1f\n"
        "pass\n"
        "1: fail")

static bool row_passes(const uint8_t *code, const uint8_t *code_end,
                       struct thread_start start)
{
    struct child child;
    struct process_end end;
    bool right = row_load(&child, code, (uint32_t)(code_end - code));
    start.eip = CHILD_CODE;
    start.esp = CHILD_STACK_START;
    right = right && child_start_with(&child, &start) > 0 &&
            child_wait(child, &end) == EXIT_0;
    child_close(&child);
    return right;
}

static bool registers_at_start(void)
{
    return row_passes(snippet_first_registers, snippet_first_registers_end,
                      (struct thread_start){.eax = 0x1234567});
}

static bool bases_at_start(void)
{
    return row_passes(snippet_first_bases, snippet_first_bases_end,
                      (struct thread_start){.flags = THREAD_FS | THREAD_GS,
                                            .fs_base = CHILD_DATA + 16,
                                            .gs_base = CHILD_DATA + 32});
}

static bool start_anywhere(void)
{
    static const uint32_t wild[] = {
        0, 1, 0xffffffff, KERNEL_BASE, THRESHOLD_ADDRESS, 0xfffffffe};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(wild) / sizeof(*wild); i++) {
        struct child child = child_create(CHILD_PAGES);
        struct process_end end;
        right = right && child_start(&child, wild[i], wild[i]) > 0;
        outcome_t outcome = child_wait(child, &end);
        right = right && step_ok((outcome & (FAULT(14) | FAULT(13) | FAULT(12))) != 0,
                                 "vector", end.vector);
        child_close(&child);
    }
    return right;
}

static bool bad_flags(void)
{
    struct child child = child_create(CHILD_PAGES);
    bool right = true;
    for (uint32_t bit = 2; bit < 32; bit++) {
        struct thread_start start = {.flags = 1u << bit};
        right = right && limen_thread_create(child.process, &start) == -EINVAL;
    }
    child_close(&child);
    return right;
}

/* --- How a thread ends --- */

static uint32_t clear_word;

static void leave_and_unmap(uint32_t address)
{
    (void)limen_thread_exit(&clear_word, address, 2 * PAGE_SIZE);
}

/* The stack goes, the word becomes 0, and who waits for that wakes: pthread_join's needs.
 */
static bool exit_clears_and_wakes(void)
{
    struct memory_map map = {
        .address = BASE,
        .size = 2 * PAGE_SIZE,
        .flags = RW | MEMORY_FIXED,
    };
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0;
    clear_word = 1;
    long thread = bare_thread(leave_and_unmap, BASE, (void *)(BASE + 2 * PAGE_SIZE));
    uint64_t deadline = clock_now() + PATIENCE;
    while (__atomic_load_n(&clear_word, __ATOMIC_SEQ_CST) == 1 && clock_now() < deadline)
        (void)limen_futex_wait(&clear_word, 1, &deadline);
    uint8_t byte;
    right = right && clear_word == 0 &&
            limen_memory_read(HANDLE_SELF, BASE, &byte, 1) == -EFAULT;
    wait_until_alone();
    return limen_handle_close(handle_of(thread)) == 0 && right;
}

struct odd_exit {
    uint32_t word, address, size;
};

static const struct odd_exit odd_exits[] = {
    {0, 0, 0},
    {1, 0, 0},
    {KERNEL_BASE, 0, 0},
    {KERNEL_BASE + 0x101000, 0, 0},
    {0xffffffff, 0, 0},
    {0xfffffffc, 0xfffff000, 0xfffff000},
    {THRESHOLD_ADDRESS, THRESHOLD_ADDRESS, PAGE_SIZE},
    {0, KERNEL_BASE, PAGE_SIZE},
    {0, 0, 0xffffffff},
    {0, BASE + 1, PAGE_SIZE},
    {0, BASE, 1},
    {BASE, BASE, PAGE_SIZE},
};

static void leave_oddly(uint32_t which)
{
    const struct odd_exit *odd = &odd_exits[which];
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit((uint32_t *)odd->word, odd->address, odd->size);
}

static bool odd_exit_arguments(void)
{
    const uint32_t odds = sizeof(odd_exits) / sizeof(*odd_exits);
    bool right = true;
    count = 0;
    for (uint32_t i = 0; right && i < odds; i++) {
        long thread = bare_thread(leave_oddly, i, stack_of(0));
        right = wait_for(&count, i + 1);
        wait_until_alone();
        right = limen_handle_close(handle_of(thread)) == 0 && right;
    }
    return right;
}

static void unmap_everything(uint32_t word)
{
    (void)limen_thread_exit((uint32_t *)word, USER_START, USER_END - USER_START);
}

static bool exit_unmaps_everything(void)
{
    return twin_passes(TWIN_PAGES, unmap_everything, 0) &&
           twin_passes(TWIN_PAGES, unmap_everything, (uint32_t)&clear_word);
}

static void first_leaves(uint32_t unused)
{
    (void)unused;
    stop = 0;
    count = 0;
    (void)bare_thread(spin, 0, stack_of(0));
    (void)bare_thread(leave, 0, stack_of(1));
    if (!wait_for(&count, 2))
        finish(false);
    stop = 1;
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool last_of_several(void)
{
    return twin_passes(TWIN_PAGES, first_leaves, 0);
}

static void fault(uint32_t address)
{
    *(volatile uint8_t *)address = 1;
}

static void others_spin(uint32_t address)
{
    count = 0;
    for (unsigned int i = 0; i < 4; i++)
        (void)bare_thread(spin, 0, stack_of(i));
    (void)wait_for(&count, 4);
    (void)bare_thread(fault, address, stack_of(4));
    spin(0);
}

/* A fault of one thread ends all, and is told with that thread's registers. */
static bool fault_ends_all(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, TWIN_PAGES, others_spin, 0x60000000, &end);
    bool right = outcome == FAULT(14) && end.address == 0x60000000 &&
                 end.state.esp <= (uint32_t)stack_of(4) &&
                 end.state.esp > (uint32_t)stack_of(4) - STACK_SIZE;
    child_close(&child);
    return right;
}

/* --- What is a thread's own --- */

/* All general registers hold what only this thread holds, for many slices. */
static void hold_registers(uint32_t pattern)
{
    uint32_t wrong;
    __asm__ volatile("pushl %%ebp\n\t"
                     "pushl %%ebx\n\t"
                     "movl %%eax, %%ebx\n\t movl %%eax, %%edx\n\t movl %%eax, %%esi\n\t"
                     "movl %%eax, %%edi\n\t movl %%eax, %%ebp\n\t"
                     "movl $2000000, %%ecx\n"
                     "1:\n\t"
                     "cmpl %%eax, %%ebx\n\t jne 2f\n\t cmpl %%eax, %%edx\n\t jne 2f\n\t"
                     "cmpl %%eax, %%esi\n\t jne 2f\n\t cmpl %%eax, %%edi\n\t jne 2f\n\t"
                     "cmpl %%eax, %%ebp\n\t jne 2f\n\t"
                     "decl %%ecx\n\t jnz 1b\n"
                     "2:\n\t"
                     "popl %%ebx\n\t"
                     "popl %%ebp\n\t"
                     : "=c"(wrong)
                     : "a"(pattern)
                     : "edx", "esi", "edi", "cc", "memory");
    __atomic_fetch_add(&count, wrong == 0 ? 1 : 1000, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool registers_kept(void)
{
    static const uint32_t patterns[4] = {0x11111111, 0xdeadbeef, 0x80000001, 0};
    long threads[4];
    bool right = true;
    count = 0;
    for (unsigned int i = 0; i < 4; i++)
        threads[i] = bare_thread(hold_registers, patterns[i], stack_of(i));
    right = wait_for(&count, 4);
    wait_until_alone();
    for (unsigned int i = 0; i < 4; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

static uint32_t own_words[4][2];

static void hold_bases(uint32_t which)
{
    bool right = limen_thread_base(0, (uint32_t)&own_words[which][0]) == 0 &&
                 limen_thread_base(1, (uint32_t)&own_words[which][1]) == 0;
    for (int i = 0; right && i < 2000; i++) {
        uint32_t a, b;
        __asm__ volatile("movl %%fs:0, %0\n\tmovl %%gs:0, %1" : "=r"(a), "=r"(b));
        right = a == which && b == ~which;
        if (i % 4 == 0)
            (void)limen_thread_yield();
    }
    __atomic_fetch_add(&count, right ? 1 : 1000, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool bases_kept(void)
{
    long threads[4];
    bool right = true;
    count = 0;
    for (uint32_t i = 0; i < 4; i++) {
        own_words[i][0] = i;
        own_words[i][1] = ~i;
        threads[i] = bare_thread(hold_bases, i, stack_of(i));
    }
    right = wait_for(&count, 4);
    wait_until_alone();
    for (uint32_t i = 0; i < 4; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

/* A base in the kernel, and one past the end of the address space, are only numbers. */
static void odd_bases(uint32_t unused)
{
    (void)unused;
    finish(limen_thread_base(0, KERNEL_BASE) == 0 &&
           limen_thread_base(1, 0xffffffff) == 0 && limen_thread_yield() == 0 &&
           limen_thread_base(2, 0) == -EINVAL &&
           limen_thread_base(0xffffffff, 0) == -EINVAL);
}

static bool bases_anywhere(void)
{
    return twin_passes(TWIN_PAGES, odd_bases, 0);
}

/* --- Many --- */

#define MANY 200
#define SMALL_STACK 256
static uint8_t small_stacks[MANY][SMALL_STACK] __attribute__((aligned(16)));

static void make_many(uint32_t unused)
{
    (void)unused;
    count = 0;
    for (unsigned int i = 0; i < MANY; i++)
        if (bare_thread(leave, 0, small_stacks[i] + SMALL_STACK) <= 0)
            finish(false);
    finish(wait_for(&count, MANY));
}

static bool many_threads(void)
{
    return twin_passes(TWIN_PAGES, make_many, 0);
}

static void sleep_long(uint32_t unused)
{
    uint64_t far = ~0ull;
    (void)unused;
    __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
    (void)limen_clock_sleep(&far);
    finish(false);
}

/* Threads that sleep, as many as the quota holds; they share one stack, which none
 * returns to. */
static void bomb_of_sleepers(uint32_t unused)
{
    long result;
    uint32_t made = 0;
    (void)unused;
    count = 0;
    while ((result = bare_thread(sleep_long, 0, stack_of(0))) > 0) {
        made++;
        (void)wait_for(&count, made);
    }
    finish(result == -ENOMEM && made > 10);
}

static bool thread_bomb_sleeping(void)
{
    return twin_passes(TWIN_PAGES, bomb_of_sleepers, 0);
}

static void bomb_of_spinners(uint32_t unused)
{
    (void)unused;
    stop = 0;
    for (unsigned int i = 0; i < MANY; i++)
        (void)bare_thread(spin, 0, small_stacks[i] + SMALL_STACK);
    spin(0);
}

/* Meanwhile this program goes on: its sleeps end, its calls are answered. */
static bool thread_bomb_spinning(void)
{
    struct child child;
    struct process_end end;
    uint64_t began = clock_now();
    uint32_t threads = system_now().threads;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, bomb_of_spinners, 0);
    sleep_for(MILLISECOND);
    right = right &&
            step_ok(system_now().threads > threads, "threads", system_now().threads) &&
            step_ok(clock_now() - began < PATIENCE, "starved", 0) &&
            limen_process_kill(child.process, 4) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0 &&
            end.reason == PROCESS_KILLED;
    child_close(&child);
    return right &&
           step_ok(system_now().threads == threads, "threads left", system_now().threads);
}

static const struct test_case cases[] = {
    {"registers of a new thread", registers_at_start},
    {"segment bases of a new thread", bases_at_start},
    {"threads that begin anywhere", start_anywhere},
    {"unknown flags", bad_flags},
    {"the end of a thread unmaps its stack, clears a word and wakes",
     exit_clears_and_wakes},
    {"bad words and ranges at the end of a thread are ignored", odd_exit_arguments},
    {"the end of a thread unmaps all there is", exit_unmaps_everything},
    {"a process lives until its last thread ends", last_of_several},
    {"a fault of one thread ends all", fault_ends_all},
    {"general registers are a thread's own", registers_kept},
    {"segment bases are a thread's own", bases_kept},
    {"segment bases may be anywhere", bases_anywhere},
    {"many threads", many_threads},
    {"a bomb of threads that sleep", thread_bomb_sleeping},
    {"a bomb of threads that spin", thread_bomb_spinning},
};

int main(void)
{
    return RUN_CASES(cases);
}
