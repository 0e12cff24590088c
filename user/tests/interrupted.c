/* SPDX-License-Identifier: MIT */
/*
 * Long calls on memory that do not come to their end: their process is killed, or their
 * thread is suspended and sent elsewhere, at moments swept over what they take. A child
 * maps, touches, clones, protects, shrinks and unmaps, in turns; whenever that stops, all
 * frames come back, and what a thread has left half done others can go on with.
 */
#include <errno.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define COUNT 96u /* pages */
#define SIZE (COUNT * PAGE_SIZE)
#define OBJECT 0x50000000u
#define OWN 0x58000000u
#define TWIN_PAGES 1600u
#define CLONE_PAGES 500u
#define STEPS 60u
#define BELOW (PRIORITY_DEFAULT - 1) /* what this program is to interrupt */

static volatile uint32_t rounds; /* in the child: how often it has done it all */
static volatile uint32_t failed; /* in the child: the step that went wrong, or 0 */

/* --- The child --- */

static bool map_at(handle_t memory, uint32_t address, uint32_t flags)
{
    struct memory_map map = {
        .address = address,
        .size = SIZE,
        .flags = flags | MEMORY_FIXED | MEMORY_REPLACE,
        .memory = memory,
    };
    return limen_memory_map(HANDLE_SELF, &map) == 0;
}

static void fill(uint32_t address, uint32_t word)
{
    for (uint32_t i = 0; i < COUNT; i++)
        *(volatile uint32_t *)(address + i * PAGE_SIZE) = word + i;
}

static bool is_filled(uint32_t address, uint32_t word)
{
    bool right = true;
    for (uint32_t i = 0; i < COUNT; i++)
        right = right && *(volatile uint32_t *)(address + i * PAGE_SIZE) == word + i;
    return right;
}

/* Everything once; the step that went wrong, or 0. */
static uint32_t do_all(void)
{
    handle_t memory = handle_of(limen_memory_create(SIZE));
    if (!map_at(memory, OBJECT, RW) || !map_at((handle_t){0}, OWN, RW))
        return 1;
    fill(OBJECT, 100);
    fill(OWN, 200);
    handle_t clone = handle_of(limen_memory_clone(memory));
    handle_t process = handle_of(limen_process_clone(CLONE_PAGES));
    if ((long)clone.value < 0 || (long)process.value < 0)
        return 2;
    fill(OBJECT, 300);
    if (!map_at(clone, OWN, RW | MEMORY_PRIVATE) || !is_filled(OWN, 100))
        return 3;
    if (limen_memory_protect(HANDLE_SELF, OBJECT, SIZE, MEMORY_READ) != 0 ||
        !is_filled(OBJECT, 300))
        return 4;
    if (limen_memory_resize(clone, PAGE_SIZE) != 0 ||
        limen_memory_unmap(HANDLE_SELF, OBJECT, SIZE) != 0)
        return 5;
    return limen_handle_close(memory) != 0 || limen_handle_close(clone) != 0 ||
                   limen_handle_close(process) != 0
               ? 6
               : 0;
}

static void work(uint32_t unused)
{
    (void)unused;
    while ((failed = do_all()) == 0)
        rounds++;
    (void)limen_process_exit(failed);
}

/* --- The parent --- */

static uint32_t child_word(struct child child, const volatile uint32_t *word)
{
    uint32_t value = ~0u;
    (void)child_read(child, (uint32_t)word, &value, sizeof(value));
    return value;
}

/* A child at work, which runs while this program sleeps. */
static bool start(struct child *child, uint32_t pages)
{
    return twin_load(child, pages) && twin_start(child, work, 0) &&
           limen_thread_priority(child->thread, BELOW) == 0;
}

static bool wait_for_rounds(struct child child, uint32_t count)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (child_word(child, &rounds) < count && clock_now() < deadline)
        sleep_for(MILLISECOND);
    return step_ok(child_word(child, &rounds) >= count, "rounds", count);
}

/* The child at work; how long it takes to do all once. */
static bool begin(struct child *child, uint64_t *whole)
{
    bool right = start(child, TWIN_PAGES) && wait_for_rounds(*child, 2);
    uint64_t from = clock_now();
    uint32_t first = child_word(*child, &rounds);
    sleep_for(20 * MILLISECOND);
    uint32_t count = child_word(*child, &rounds) - first;
    *whole = (clock_now() - from) / (count + 1);
    return right;
}

static bool end(struct child *child)
{
    struct process_end process_end;
    uint32_t wrong = child_word(*child, &failed);
    bool right = step_ok(wrong == 0, "the child's step", wrong) &&
                 limen_process_kill(child->process, 0) == 0 &&
                 child_wait(*child, &process_end) == KILLED;
    child_close(child);
    return right;
}

static bool killed_at(uint64_t delay)
{
    struct child child;
    uint32_t free = frames_free();
    bool right = start(&child, TWIN_PAGES);
    sleep_for(delay);
    right = end(&child) && right;
    return right && step_ok(frames_free() == free, "frames", frames_free() - free);
}

static bool killed_at_any_moment(void)
{
    struct child child;
    uint64_t whole = 0;
    bool right = begin(&child, &whole) && end(&child);
    for (uint32_t step = 0; right && step < STEPS; step++)
        right = killed_at(2 * whole * step / STEPS);
    return right;
}

/* The call that the thread is in is forgotten; it begins again from the start of work. */
static bool sent_elsewhere(struct child child, const struct thread_state *at_start)
{
    struct thread_state state;
    return limen_thread_suspend(child.thread) == 0 &&
           limen_thread_read(child.thread, &state) == 0 &&
           limen_thread_write(child.thread, at_start) == 0 &&
           limen_thread_resume(child.thread) == 0;
}

static bool given_up_at_any_moment(void)
{
    struct child child;
    struct thread_state at_start;
    uint64_t whole = 0;
    bool right = begin(&child, &whole) && end(&child);
    for (uint32_t i = 0; right && i < 4; i++) {
        right = start(&child, 3 * TWIN_PAGES) &&
                limen_thread_suspend(child.thread) == 0 &&
                limen_thread_read(child.thread, &at_start) == 0 &&
                limen_thread_resume(child.thread) == 0;
        /* Each time it leaves its handles behind: until there is no memory for more. */
        for (uint32_t step = 0; right && step < 4; step++) {
            sleep_for(whole * (4 * step + i) / 16);
            right = sent_elsewhere(child, &at_start);
        }
        uint32_t done = child_word(child, &rounds);
        right = right && wait_for_rounds(child, done + 1);
        right = end(&child) && right;
    }
    return right;
}

/* Two threads at the same pages: neither call's steps come as it wants, but they end. */
static uint8_t stack[2048] __attribute__((aligned(16)));
static volatile uint32_t flag;

static void unmap_and_map(uint32_t unused)
{
    (void)unused;
    for (uint32_t i = 0; flag == 1; i++) {
        (void)limen_memory_unmap(HANDLE_SELF, OWN + i % 7 * PAGE_SIZE, SIZE / 2);
        (void)map_at((handle_t){0}, OWN, i % 3 ? RW : MEMORY_READ);
    }
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

static bool two_at_the_same_pages(void)
{
    flag = 1;
    long thread = bare_thread(unmap_and_map, 0, stack + sizeof(stack));
    bool right = limen_thread_priority(handle_of(thread), BELOW) == 0;
    uint64_t until = clock_now() + 200 * MILLISECOND;
    handle_t memory = handle_of(limen_memory_create(SIZE));
    for (uint32_t i = 0; right && clock_now() < until; i++) {
        uint32_t word = i;
        /* The other one is in the middle of something. */
        right = map_at(memory, OWN, RW) &&
                limen_memory_write(memory, i % COUNT * PAGE_SIZE, &word, 4) == 4;
        for (uint32_t page = 0; page < COUNT; page++)
            (void)limen_memory_write(HANDLE_SELF, OWN + page * PAGE_SIZE, &word, 4);
        long result = limen_memory_protect(HANDLE_SELF, OWN, SIZE, MEMORY_READ);
        right = right && step_ok(result == 0 || result == -EFAULT, "protect", result);
        right = right && limen_memory_resize(memory, i % 2 ? SIZE : SIZE / 2) == 0 &&
                limen_memory_unmap(HANDLE_SELF, OWN, SIZE) == 0 &&
                limen_memory_resize(memory, SIZE) == 0;
        sleep_for(i % 16 * MILLISECOND / 50);
    }
    flag = 2;
    right = limen_thread_priority(handle_of(thread), PRIORITY_DEFAULT) == 0 && right;
    right = wait_for(&flag, 0) && right;
    (void)limen_handle_close(handle_of(thread));
    return limen_memory_unmap(HANDLE_SELF, OWN, SIZE) == 0 &&
           limen_handle_close(memory) == 0 && right;
}

static const struct test_case cases[] = {
    {"a process killed at any moment", killed_at_any_moment},
    {"calls given up at any moment", given_up_at_any_moment},
    {"two threads at the same pages", two_at_the_same_pages},
};

int main(void)
{
    return RUN_CASES(cases);
}
