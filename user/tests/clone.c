/* SPDX-License-Identifier: MIT */
/*
 * process_clone: a copy of a whole process whose pages are shared until one of the two
 * writes. Children here are clones: they begin at a function of this file, on a stack in
 * its data, make native calls only, and answer by their exit status.
 */
#include <errno.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define PAGES(n) ((uint32_t)(n)*PAGE_SIZE)
#define BASE 0x50000000u
#define OTHER 0x58000000u
#define COUNT 40u /* pages that cases map and write to */

static uint8_t stack[2 * PAGE_SIZE] __attribute__((aligned(16)));
static volatile uint32_t depth;

static volatile uint32_t *word_at(uint32_t page)
{
    return (volatile uint32_t *)(BASE + PAGES(page));
}

static struct process_info info_of(handle_t process)
{
    struct process_info info = {0};
    (void)limen_process_info(process, &info);
    return info;
}

static long map(handle_t memory, uint32_t address, uint32_t pages, uint32_t flags)
{
    struct memory_map map = {
        .address = address,
        .size = PAGES(pages),
        .flags = flags | MEMORY_FIXED,
        .memory = memory,
    };
    return limen_memory_map(HANDLE_SELF, &map);
}

static bool unmap(void)
{
    return limen_memory_unmap(HANDLE_SELF, BASE, PAGES(COUNT)) == 0;
}

static bool map_and_fill(void)
{
    if (map(HANDLE_SELF, BASE, COUNT, RW) != 0)
        return false;
    for (uint32_t i = 0; i < COUNT; i++)
        *word_at(i) = 1000 + i;
    return true;
}

/* The pages that a clone of this process needs. */
static uint32_t clone_pages(void)
{
    return info_of(HANDLE_SELF).pages_used + 16;
}

static handle_t clone_self(void)
{
    long result = limen_process_clone(clone_pages());
    return (handle_t){result > 0 ? (uint32_t)result : 0};
}

static bool start(struct child *child, void (*function)(uint32_t), uint32_t argument)
{
    uint32_t frame[4] = {0, argument, 0, 0};
    uint32_t esp = (uint32_t)stack + sizeof(stack) - 32 - 4;
    return child_write(*child, esp, frame, sizeof(frame)) &&
           child_start(child, (uint32_t)function, esp) > 0;
}

static outcome_t run_clone_of(uint32_t pages, struct child *child,
                              void (*function)(uint32_t), uint32_t argument,
                              struct process_end *end)
{
    long result = limen_process_clone(pages);
    memset(end, 0, sizeof(*end));
    *child = (struct child){.process = handle_of(result)};
    if (result <= 0 || !start(child, function, argument))
        return NOT_STARTED;
    return child_wait(*child, end);
}

static outcome_t run_clone(struct child *child, void (*function)(uint32_t),
                           uint32_t argument, struct process_end *end)
{
    return run_clone_of(clone_pages(), child, function, argument, end);
}

static void finish(bool right)
{
    (void)limen_process_exit(right ? 0 : 1);
}

/* --- Memory --- */

static void write_all(uint32_t base)
{
    bool right = true;
    for (uint32_t i = 0; i < COUNT; i++) {
        right = right && *word_at(i) == 1000 + i;
        *word_at(i) = base + i;
    }
    for (uint32_t i = 0; i < COUNT; i++)
        right = right && *word_at(i) == base + i;
    finish(right);
}

static bool each_has_its_own(void)
{
    struct child child;
    struct process_end end;
    bool right = map_and_fill();
    right = right && run_clone(&child, write_all, 2000, &end) == EXIT_0;
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t word = 0;
        right = right && *word_at(i) == 1000 + i &&
                child_read(child, (uint32_t)word_at(i), &word, 4) && word == 2000 + i;
        *word_at(i) = i;
    }
    child_close(&child);
    return unmap() && right;
}

static bool writes_before_and_after(void)
{
    bool right = map_and_fill();
    struct child first = {.process = clone_self()};
    *word_at(0) = 1;
    struct child second = {.process = clone_self()};
    *word_at(0) = 2;
    *word_at(1) = 3;
    uint32_t word = 0;
    right = right && child_read(first, BASE, &word, 4) && word == 1000 &&
            child_read(second, BASE, &word, 4) && word == 1 &&
            child_read(second, BASE + PAGES(1), &word, 4) && word == 1001;
    /* By the kernel, from outside, and into what is shared. */
    word = 77;
    right = right && child_write(first, BASE + PAGES(1), &word, 4) && *word_at(1) == 3 &&
            child_read(second, BASE + PAGES(1), &word, 4) && word == 1001;
    uint64_t time = 0;
    right = right && limen_clock_get(CLOCK_ID_MONOTONIC, (uint64_t *)word_at(2)) == 0 &&
            child_read(first, BASE + PAGES(2), &time, 8) && (uint32_t)time == 1002;
    child_close(&first);
    child_close(&second);
    return unmap() && right;
}

/* What a clone costs: nothing but tables and its own objects; each write a frame, once;
 * and for both, every page in full. */
static bool frames_and_charges(void)
{
    bool right = map_and_fill();
    uint32_t free = frames_free();
    uint32_t used = info_of(HANDLE_SELF).pages_used;
    uint32_t pages = clone_pages();
    struct child child = {.process = clone_self()};
    uint32_t cost = free - frames_free();
    struct process_info info = info_of(child.process);
    right = right && step_ok(cost < 12, "frames for a clone", cost) &&
            step_ok(info.pages_used >= COUNT && info.pages_used < used + 12,
                    "charged to the clone", info.pages_used) &&
            step_ok(info_of(HANDLE_SELF).pages_used == used + pages, "lent",
                    info_of(HANDLE_SELF).pages_used - used) &&
            info.threads == 0 && info.regions == info_of(HANDLE_SELF).regions;
    free = frames_free();
    for (uint32_t i = 0; i < COUNT; i++)
        *word_at(i) = i;
    right = right &&
            step_ok(free - frames_free() == COUNT, "frames for writes",
                    free - frames_free()) &&
            info_of(HANDLE_SELF).pages_used == used + pages;
    uint32_t word = 5;
    right = right && child_write(child, BASE, &word, 4) &&
            free - frames_free() == COUNT &&
            info_of(child.process).pages_used == info.pages_used;
    child_close(&child);
    return right &&
           step_ok(info_of(HANDLE_SELF).pages_used == used, "left",
                   info_of(HANDLE_SELF).pages_used - used) &&
           unmap();
}

/* When the clone is gone, its origin has its frames for itself again. */
static bool frames_are_left_to_the_last(void)
{
    bool right = map_and_fill();
    struct child child = {.process = clone_self()};
    child_close(&child);
    uint32_t free = frames_free();
    for (uint32_t i = 0; i < COUNT; i++) {
        right = right && *word_at(i) == 1000 + i;
        *word_at(i) = i;
    }
    right = right && step_ok(frames_free() == free, "frames taken", free - frames_free());
    return unmap() && right;
}

static void try_to_write(uint32_t page)
{
    *word_at(page) = 1;
    finish(true);
}

static bool protections_stay(void)
{
    struct child child;
    struct process_end end;
    bool right = map_and_fill() &&
                 limen_memory_protect(HANDLE_SELF, BASE, PAGES(1), MEMORY_READ) == 0 &&
                 limen_memory_protect(HANDLE_SELF, BASE + PAGES(1), PAGES(1), 0) == 0;
    for (uint32_t page = 0; page < 2; page++) {
        right = right && run_clone(&child, try_to_write, page, &end) == FAULT(14) &&
                end.address == (uint32_t)word_at(page);
        child_close(&child);
    }
    right = right && run_clone(&child, try_to_write, 2, &end) == EXIT_0;
    right = right && limen_memory_protect(child.process, BASE, PAGES(2), RW) == 0 &&
            limen_memory_protect(HANDLE_SELF, BASE, PAGES(2), RW) == 0;
    child_close(&child);
    return right && *word_at(0) == 1000 && *word_at(1) == 1001 && unmap();
}

/* --- Handles and objects --- */

static handle_t shared, kept;

static void use_handles(uint32_t pages)
{
    struct memory_info info;
    uint32_t word = 99;
    bool right = limen_memory_info(shared, &info) == 0 && info.size == PAGES(COUNT) &&
                 limen_memory_info(kept, &info) == -EBADF &&
                 limen_memory_write(shared, PAGES(1), &word, 4) == 4;
    right = right && *word_at(0) == 7;
    *word_at(0) = 8;
    long own = limen_memory_create(PAGES(1));
    right = right && own > 0 && own != (long)shared.value && own != (long)kept.value;
    /* The object's views: shared still; the private one a copy. */
    volatile uint32_t *view = (volatile uint32_t *)OTHER;
    right = right && *view == 50;
    *view = 51;
    finish(right && pages == COUNT);
}

static bool handles_and_objects(void)
{
    struct child child;
    struct process_end end;
    shared = handle_of(limen_memory_create(PAGES(COUNT)));
    handle_t strict = handle_of(limen_memory_create(PAGES(1)));
    kept = handle_of(limen_handle_duplicate(strict, RIGHTS_ALL & ~RIGHT_DUPLICATE));
    bool right = map(shared, BASE, COUNT, RW) == 0 &&
                 map(shared, OTHER, COUNT, RW | MEMORY_PRIVATE) == 0;
    *word_at(0) = 7;
    *(volatile uint32_t *)OTHER = 50;
    right = right && run_clone(&child, use_handles, COUNT, &end) == EXIT_0;
    right = right && *word_at(0) == 8 && *word_at(1) == 99 &&
            *(volatile uint32_t *)OTHER == 50 &&
            *(volatile uint32_t *)(OTHER + PAGES(1)) == 99;
    child_close(&child);
    return limen_handle_close(shared) == 0 && limen_handle_close(strict) == 0 &&
           limen_handle_close(kept) == 0 &&
           limen_memory_unmap(HANDLE_SELF, OTHER, PAGES(COUNT)) == 0 && unmap() && right;
}

enum {
    MANY = 3000
};
static handle_t many[MANY];

static void check_many(uint32_t count)
{
    struct process_info info;
    bool right = true;
    for (uint32_t i = 0; i < count; i++) {
        long result = limen_process_info(many[i], &info);
        right = right && (i % 3 == 0 ? result == -EBADF : result == 0);
    }
    finish(right);
}

static void clone_many(uint32_t unused)
{
    struct child child = child_create(CHILD_PAGES);
    struct child clone;
    struct process_end end;
    bool right = true;
    (void)unused;
    for (uint32_t i = 0; i < MANY; i++)
        many[i] = handle_of(limen_handle_duplicate(child.process, RIGHTS_ALL));
    for (uint32_t i = 0; i < MANY; i += 3)
        right = limen_handle_close(many[i]) == 0 && right;
    right = run_clone(&clone, check_many, MANY, &end) == EXIT_0 && right;
    finish(right);
}

static bool many_handles(void)
{
    struct child child;
    struct process_end end;
    bool right = run_clone_of(8 * clone_pages(), &child, clone_many, 0, &end) == EXIT_0;
    child_close(&child);
    return right;
}

/* --- Generations --- */

/* Each generation finds what the one before wrote, writes its own, and outlives its
 * child, or the other way round. */
static void descend(uint32_t left)
{
    struct child child;
    struct process_end end;
    bool right = *word_at(0) == left + 1 && *word_at(1) == 1001;
    *word_at(0) = left;
    if (left > 0) {
        struct process_info info = info_of(HANDLE_SELF);
        right = right && run_clone_of(info.pages_limit - info.pages_used - 4, &child,
                                      descend, left - 1, &end) == EXIT_0;
        right = right && *word_at(0) == left;
        if (left % 2)
            child_close(&child);
        *word_at(2) = left;
        right = right && *word_at(3) == 1003;
    }
    finish(right);
}

static bool clones_of_clones(void)
{
    enum {
        GENERATIONS = 5
    };
    struct child child;
    struct process_end end;
    bool right = map_and_fill();
    *word_at(0) = GENERATIONS + 1;
    right = right && run_clone_of((GENERATIONS + 1) * clone_pages(), &child, descend,
                                  GENERATIONS, &end) == EXIT_0;
    child_close(&child);
    return right && *word_at(0) == GENERATIONS + 1 && *word_at(2) == 1002 && unmap();
}

/* Three clones that share their pages end and write in all orders. */
static bool ends_in_any_order(void)
{
    static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    bool right = map_and_fill();
    for (uint32_t o = 0; o < 6; o++) {
        struct child clones[3];
        uint32_t free = frames_free();
        for (uint32_t i = 0; i < 3; i++)
            clones[i] = (struct child){.process = clone_self()};
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t word = 0;
            right = right && child_read(clones[orders[o][i]], BASE, &word, 4) &&
                    word == 1000 + o;
            child_close(&clones[orders[o][i]]);
            if (i == 1)
                *word_at(0) = 1000 + o + 1;
        }
        right = right && step_ok(frames_free() == free, "frames", frames_free() - free);
    }
    return unmap() && right;
}

/* --- Running out --- */

static bool no_memory(void)
{
    bool right = map_and_fill();
    uint32_t pages = PROCESS_MIN_PAGES;
    uint32_t used = info_of(HANDLE_SELF).pages_used;
    long result = -ENOMEM;
    for (; right && pages < used + 32; pages += pages + 8 < used ? 7 : 1) {
        uint32_t free = frames_free();
        result = limen_process_clone(pages);
        if (result > 0)
            break;
        right = step_ok(result == -ENOMEM, "clone", result) &&
                step_ok(frames_free() == free, "frames", frames_free() - free) &&
                info_of(HANDLE_SELF).pages_used == used;
    }
    right = right && step_ok(result > 0, "pages", pages) &&
            limen_handle_close(handle_of(result)) == 0;
    for (uint32_t i = 0; i < COUNT; i++) {
        right = right && *word_at(i) == 1000 + i;
        *word_at(i) = 0;
    }
    return right && limen_process_clone(0) == -EINVAL &&
           limen_process_clone(PROCESS_MIN_PAGES - 1) == -EINVAL &&
           limen_process_clone(0xffffffff) == -ENOMEM && unmap();
}

/* A clone that clones itself with all it has, and so on. */
static void bomb(uint32_t unused)
{
    struct process_info info = info_of(HANDLE_SELF);
    struct child child = {0};
    (void)unused;
    depth++;
    long result = limen_process_clone(info.pages_limit - info.pages_used - 8);
    child.process = handle_of(result);
    if (result > 0)
        (void)start(&child, bomb, 0);
    for (;;)
        (void)limen_thread_yield();
}

static bool clone_bomb(void)
{
    struct child child = {0};
    struct process_end end;
    uint32_t before = system_now().processes;
    bool right = map_and_fill();
    long result = limen_process_clone(12 * clone_pages());
    child.process = handle_of(result);
    right = right && result > 0 && start(&child, bomb, 0);
    sleep_for(20 * MILLISECOND);
    right = right && step_ok(system_now().processes > before + 2, "processes",
                             system_now().processes - before);
    right = right && limen_process_kill(child.process, 0) == 0 &&
            limen_process_wait(child.process, &end, NULL) == 0;
    child_close(&child);
    return right &&
           step_ok(system_now().processes == before, "left", system_now().processes) &&
           unmap();
}

/* Threads of the cloned process go on meanwhile. */
static volatile uint32_t stop_writing;

static void write_for_ever(uint32_t unused)
{
    (void)unused;
    for (uint32_t i = 0; stop_writing == 0; i++) {
        *word_at(i % COUNT) = 1000 + i % COUNT;
        if (i % 1000 == 0)
            (void)limen_thread_yield();
    }
    stop_writing = 2;
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool clone_under_threads(void)
{
    static uint8_t writers_stack[1024] __attribute__((aligned(16)));
    struct child child;
    struct process_end end;
    bool right = map_and_fill();
    stop_writing = 0;
    long writer = bare_thread(write_for_ever, 0, writers_stack + sizeof(writers_stack));
    for (uint32_t i = 0; right && i < 20; i++) {
        right = run_clone(&child, write_all, 3000, &end) == EXIT_0;
        child_close(&child);
    }
    stop_writing = 1;
    right = wait_for(&stop_writing, 2) && right;
    (void)limen_handle_close(handle_of(writer));
    return unmap() && right;
}

static const struct test_case cases[] = {
    {"each has its own memory from then on", each_has_its_own},
    {"writes of both and of the kernel", writes_before_and_after},
    {"what a clone costs, in frames and in pages", frames_and_charges},
    {"frames are left to the last who holds them", frames_are_left_to_the_last},
    {"protections stay", protections_stay},
    {"handles, memory objects and private views", handles_and_objects},
    {"many handles, the closed ones too", many_handles},
    {"clones of clones", clones_of_clones},
    {"clones end in any order", ends_in_any_order},
    {"no memory: nothing is done", no_memory},
    {"a bomb of clones", clone_bomb},
    {"clones while another thread writes", clone_under_threads},
};

int main(void)
{
    return RUN_CASES(cases);
}
