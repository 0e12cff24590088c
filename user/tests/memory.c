/* SPDX-License-Identifier: MIT */
/*
 * Memory: what is mapped is there, zero-filled and its owner's alone; what is not mapped
 * is an error or a fault; what was taken comes back. Each case leaves this program's
 * address space as it found it.
 */
#include <errno.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define BASE 0x50000000u
#define PAGES(n) ((n) * (uint32_t)PAGE_SIZE)

static long map_at(handle_t process, uint32_t address, uint32_t size, uint32_t flags)
{
    struct memory_map map = {.address = address, .size = size, .flags = flags};
    long result = limen_memory_map(process, &map);
    return result == 0 && address != 0 && map.address != address ? -1000 : result;
}

static long map_here(uint32_t size)
{
    return map_at(HANDLE_SELF, BASE, size, RW | MEMORY_FIXED);
}

static long unmap_here(uint32_t size)
{
    return limen_memory_unmap(HANDLE_SELF, BASE, size);
}

static volatile uint8_t *byte_at(uint32_t address)
{
    return (volatile uint8_t *)address;
}

static bool all_are(uint32_t address, uint32_t size, uint8_t value)
{
    for (uint32_t i = 0; i < size; i++)
        if (*byte_at(address + i) != value)
            return false;
    return true;
}

/* Whether this program could read a byte, asked of the kernel and not by a fault. */
static bool readable(uint32_t address)
{
    uint8_t byte;
    return limen_memory_read(HANDLE_SELF, address, &byte, 1) == 1;
}

static bool writable(uint32_t address)
{
    uint8_t byte = 0;
    return readable(address) && limen_memory_read(HANDLE_SELF, address, &byte, 1) == 1 &&
           limen_memory_write(HANDLE_SELF, address, &byte, 1) == 1;
}

static bool map_and_unmap(void)
{
    bool right = map_here(PAGES(8)) == 0 && all_are(BASE, PAGES(8), 0);
    memset((void *)BASE, 0xa5, PAGES(8));
    right = right && all_are(BASE, PAGES(8), 0xa5) && unmap_here(PAGES(8)) == 0;
    return right && !readable(BASE) && !readable(BASE + PAGES(8) - 1);
}

static bool map_anywhere(void)
{
    struct memory_map a = {.size = PAGES(3), .flags = RW};
    struct memory_map b = {.size = PAGES(3), .flags = RW};
    bool right =
        limen_memory_map(HANDLE_SELF, &a) == 0 && limen_memory_map(HANDLE_SELF, &b) == 0;
    right = right && a.address >= USER_START && a.address <= USER_END - PAGES(3);
    right =
        right && (a.address + PAGES(3) <= b.address || b.address + PAGES(3) <= a.address);
    return right && limen_memory_unmap(HANDLE_SELF, a.address, PAGES(3)) == 0 &&
           limen_memory_unmap(HANDLE_SELF, b.address, PAGES(3)) == 0;
}

static bool map_fixed_taken(void)
{
    bool right = map_at(HANDLE_SELF, BASE + PAGES(2), PAGES(1), RW | MEMORY_FIXED) == 0;
    right = right && map_here(PAGES(3)) == -EEXIST && map_here(PAGES(8)) == -EEXIST;
    right = right && !readable(BASE) && !readable(BASE + PAGES(3));
    right = right && map_here(PAGES(2)) == 0;
    return right && unmap_here(PAGES(3)) == 0;
}

static bool map_replace(void)
{
    bool right = map_here(PAGES(4)) == 0;
    memset((void *)BASE, 0x11, PAGES(4));
    right = right &&
            map_at(HANDLE_SELF, BASE + PAGES(1), PAGES(2),
                   RW | MEMORY_FIXED | MEMORY_REPLACE) == 0 &&
            all_are(BASE, PAGES(1), 0x11) && all_are(BASE + PAGES(1), PAGES(2), 0) &&
            all_are(BASE + PAGES(3), PAGES(1), 0x11);
    right = right &&
            map_at(HANDLE_SELF, BASE - PAGES(1), PAGES(6),
                   RW | MEMORY_FIXED | MEMORY_REPLACE) == 0 &&
            all_are(BASE - PAGES(1), PAGES(6), 0);
    return limen_memory_unmap(HANDLE_SELF, BASE - PAGES(1), PAGES(6)) == 0 && right;
}

static bool map_bad_arguments(void)
{
    static const struct {
        struct memory_map map;
        long wanted;
    } bad[] = {
        {{.size = 0, .flags = RW}, -EINVAL},
        {{.size = 1, .flags = RW}, -EINVAL},
        {{.size = PAGES(1) + 1, .flags = RW}, -EINVAL},
        {{.size = PAGES(1), .flags = RW | 1u << 6}, -EINVAL},
        {{.size = PAGES(1), .flags = RW | 1u << 31}, -EINVAL},
        {{.size = PAGES(1), .flags = RW | MEMORY_REPLACE}, -EINVAL},
        {{.size = PAGES(1), .flags = RW, .offset = PAGES(1)}, -EINVAL},
        {{.size = PAGES(1), .flags = RW, .memory = {0x7fff1234}}, -EBADF},
        {{.address = BASE + 1, .size = PAGES(1), .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = 0, .size = PAGES(1), .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = USER_END, .size = PAGES(1), .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = THRESHOLD_ADDRESS,
          .size = PAGES(1),
          .flags = RW | MEMORY_FIXED | MEMORY_REPLACE},
         -EINVAL},
        {{.address = KERNEL_BASE,
          .size = PAGES(1),
          .flags = RW | MEMORY_FIXED | MEMORY_REPLACE},
         -EINVAL},
        {{.address = 0xfffff000, .size = PAGES(1), .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = 0xfffff000, .size = PAGES(2), .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = USER_END - PAGES(1), .size = PAGES(2), .flags = RW | MEMORY_FIXED},
         -EINVAL},
        {{.address = BASE, .size = 0xfffff000, .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = BASE, .size = 0 - BASE, .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.address = BASE, .size = PAGES(1) - BASE, .flags = RW | MEMORY_FIXED}, -EINVAL},
        {{.size = USER_END, .flags = RW}, -ENOMEM},
        {{.size = 0xfffff000, .flags = RW}, -ENOMEM},
        {{.size = KERNEL_BASE, .flags = RW}, -ENOMEM},
    };
    bool right = true;
    uint32_t before = process_now().regions;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct memory_map map = bad[i].map;
        long got = limen_memory_map(HANDLE_SELF, &map);
        if (got != bad[i].wanted)
            tap_note("bad map %u: %ld, wanted %ld", i, got, bad[i].wanted);
        right = right && got == bad[i].wanted && process_now().regions == before;
    }
    return right;
}

static bool unmap_and_protect_bad_arguments(void)
{
    static const struct {
        uint32_t address, size;
    } bad[] = {
        {BASE, 0},
        {BASE + 1, PAGES(1)},
        {BASE, 1},
        {0, PAGES(1)},
        {USER_END, PAGES(1)},
        {KERNEL_BASE, PAGES(1)},
        {THRESHOLD_ADDRESS, PAGES(1)},
        {USER_START, 0xfffff000},
        {0xfffff000, PAGES(1)},
        {0xfffff000, PAGES(2)},
        {USER_END - PAGES(1), PAGES(2)},
        {BASE, 0 - BASE},
    };
    bool right = true;
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        long unmap = limen_memory_unmap(HANDLE_SELF, bad[i].address, bad[i].size);
        long protect = limen_memory_protect(HANDLE_SELF, bad[i].address, bad[i].size, RW);
        if (unmap != -EINVAL || protect != -EINVAL)
            tap_note("range %u: unmap %ld, protect %ld", i, unmap, protect);
        right = right && unmap == -EINVAL && protect == -EINVAL;
    }
    return right && limen_memory_unmap(HANDLE_SELF, BASE, PAGES(4)) == 0;
}

static bool split_and_merge(void)
{
    uint32_t before = process_now().regions;
    uint32_t whole;
    bool right = map_here(PAGES(16)) == 0;
    whole = process_now().regions;
    memset((void *)BASE, 0x3c, PAGES(16));
    for (uint32_t i = 0; i < 16; i += 2)
        right = right && limen_memory_protect(HANDLE_SELF, BASE + PAGES(i), PAGES(1),
                                              MEMORY_READ) == 0;
    right = right && process_now().regions == whole + 15;
    for (uint32_t i = 0; i < 16; i++)
        right = right && writable(BASE + PAGES(i)) == (i % 2 == 1);
    right = right && limen_memory_protect(HANDLE_SELF, BASE, PAGES(16), RW) == 0;
    right = right && process_now().regions == whole && all_are(BASE, PAGES(16), 0x3c);
    for (uint32_t i = 0; i < 16; i += 2)
        right = right && limen_memory_unmap(HANDLE_SELF, BASE + PAGES(i), PAGES(1)) == 0;
    for (uint32_t i = 0; i < 16; i++)
        right = right && readable(BASE + PAGES(i)) == (i % 2 == 1);
    return unmap_here(PAGES(16)) == 0 && right && process_now().regions == before;
}

static bool protect_hole(void)
{
    bool right = map_here(PAGES(1)) == 0 &&
                 map_at(HANDLE_SELF, BASE + PAGES(2), PAGES(1), RW | MEMORY_FIXED) == 0;
    right = right &&
            limen_memory_protect(HANDLE_SELF, BASE, PAGES(3), MEMORY_READ) == -EFAULT &&
            limen_memory_protect(HANDLE_SELF, BASE + PAGES(2), PAGES(2), MEMORY_READ) ==
                -EFAULT &&
            writable(BASE) && writable(BASE + PAGES(2));
    right =
        right && limen_memory_protect(HANDLE_SELF, BASE, PAGES(1), 1u << 3) == -EINVAL;
    return unmap_here(PAGES(3)) == 0 && right;
}

static bool protect_none(void)
{
    bool right = map_here(PAGES(2)) == 0;
    memset((void *)BASE, 0x77, PAGES(2));
    right = right && limen_memory_protect(HANDLE_SELF, BASE, PAGES(1), 0) == 0 &&
            !readable(BASE) && readable(BASE + PAGES(1));
    right = right &&
            limen_memory_protect(HANDLE_SELF, BASE, PAGES(1), MEMORY_READ) == 0 &&
            all_are(BASE, PAGES(2), 0x77) && !writable(BASE);
    return unmap_here(PAGES(2)) == 0 && right;
}

/* --- What another process left behind --- */

#define PATTERN 0xc0debabeu

static bool stale_data(void)
{
    enum {
        COUNT = 64
    };
    struct child child = child_create(COUNT + 32);
    static uint32_t pattern[PAGE_SIZE / sizeof(uint32_t)];
    bool right =
        child.process.value != 0 && child_map(child, BASE, PAGES(COUNT), RW) == 0;
    for (uint32_t i = 0; i < PAGE_SIZE / sizeof(uint32_t); i++)
        pattern[i] = PATTERN;
    for (uint32_t i = 0; right && i < COUNT; i++)
        right = child_write(child, BASE + PAGES(i), pattern, PAGE_SIZE);
    child_close(&child);
    right =
        right && map_here(PAGES(2 * COUNT)) == 0 && all_are(BASE, PAGES(2 * COUNT), 0);
    return unmap_here(PAGES(2 * COUNT)) == 0 && right;
}

static bool stale_own_data(void)
{
    bool right = true;
    for (int round = 0; right && round < 4; round++) {
        right = map_here(PAGES(16)) == 0 && all_are(BASE, PAGES(16), 0);
        memset((void *)BASE, 0xee, PAGES(16));
        right = unmap_here(PAGES(16)) == 0 && right;
    }
    return right;
}

/* --- Other processes' memory --- */

static bool read_and_write_others(void)
{
    struct child child = child_create(32);
    uint8_t text[64] = "written by the parent";
    uint8_t back[64] = {0};
    bool right = child_map(child, BASE, PAGES(2), RW) == 0;
    right = right &&
            step_ok(child_write(child, BASE + PAGES(1) - 30, text, 64), "write", 0) &&
            child_read(child, BASE + PAGES(1) - 30, back, 64) &&
            memcmp(text, back, 64) == 0;
    right = right &&
            limen_memory_read(child.process, BASE + PAGES(2) - 10, back, 64) == 10 &&
            limen_memory_write(child.process, BASE + PAGES(2) - 10, text, 64) == 10 &&
            limen_memory_read(child.process, BASE + PAGES(2), back, 1) == -EFAULT &&
            limen_memory_read(child.process, BASE, back, 0) == 0;
    right = right &&
            limen_memory_protect(child.process, BASE, PAGES(1), MEMORY_READ) == 0 &&
            limen_memory_write(child.process, BASE, text, 4) == -EFAULT &&
            limen_memory_read(child.process, BASE, back, 4) == 4;
    child_close(&child);
    return right;
}

static bool read_ended(void)
{
    struct child child = child_create(32);
    uint32_t word = PATTERN;
    struct memory_map map = {.size = PAGES(1), .flags = RW};
    bool right = child_map(child, BASE, PAGES(1), RW) == 0 &&
                 child_write(child, BASE, &word, sizeof(word)) &&
                 limen_process_kill(child.process, 1) == 0;
    word = 0;
    right = right && child_read(child, BASE, &word, sizeof(word)) && word == PATTERN;
    right = right && limen_memory_map(child.process, &map) == -ESRCH;
    child_close(&child);
    return right;
}

/* A buffer that the same call makes come into being, in the caller and in the other. */
static bool copy_into_fresh_pages(void)
{
    struct child child = child_create(64);
    bool right = child_map(child, BASE, PAGES(8), RW) == 0 && map_here(PAGES(8)) == 0;
    right = right &&
            limen_memory_read(child.process, BASE, (void *)BASE, PAGES(8)) ==
                (long)PAGES(8) &&
            all_are(BASE, PAGES(8), 0) &&
            limen_memory_write(child.process, BASE, (void *)BASE, PAGES(8)) ==
                (long)PAGES(8) &&
            limen_memory_read(HANDLE_SELF, BASE, (void *)(BASE + 1), 100) == 100;
    child_close(&child);
    return unmap_here(PAGES(8)) == 0 && right;
}

static bool buffer_in_hole(void)
{
    struct child child = child_create(32);
    uint8_t after[PAGE_SIZE];
    bool right = child_map(child, BASE, PAGES(1), RW) == 0 && map_here(PAGES(1)) == 0;
    memset((void *)BASE, 0x42, PAGES(1));
    right = right &&
            limen_memory_write(child.process, BASE, (void *)(BASE + PAGES(1)), 16) ==
                -EFAULT &&
            limen_memory_write(child.process, BASE, (void *)KERNEL_BASE, 16) == -EFAULT &&
            child_read(child, BASE, after, sizeof(after)) && after[0] == 0;
    right = right &&
            limen_memory_read(child.process, BASE, (void *)(BASE + PAGES(1)), 16) ==
                -EFAULT &&
            limen_memory_read(child.process, BASE, (void *)(KERNEL_BASE + 0x100000),
                              16) == -EFAULT &&
            limen_memory_read(child.process, BASE, (void *)-16, 32) == -EFAULT &&
            limen_memory_read(child.process, BASE, (void *)-16, 0xffffffff) < 0 &&
            all_are(BASE, PAGES(1), 0x42);
    child_close(&child);
    return unmap_here(PAGES(1)) == 0 && right;
}

static bool far_addresses(void)
{
    struct child child = child_create(32);
    uint8_t bytes[32];
    bool right =
        child_map(child, USER_END - PAGES(1), PAGES(1), RW) == 0 &&
        limen_memory_read(child.process, USER_END - 8, bytes, 32) == 8 &&
        limen_memory_write(child.process, USER_END - 8, bytes, 32) == 8 &&
        limen_memory_write(child.process, THRESHOLD_ADDRESS, bytes, 4) == -EFAULT &&
        limen_memory_write(child.process, KERNEL_BASE, bytes, 4) == -EFAULT &&
        limen_memory_read(child.process, KERNEL_BASE, bytes, 4) == -EFAULT &&
        limen_memory_read(child.process, 0xfffffff0, bytes, 32) == -EFAULT &&
        limen_memory_read(child.process, 0, bytes, 4) == -EFAULT;
    child_close(&child);
    return right;
}

/* --- Quota --- */

#define FAR_MORE 0x10000000u /* bytes: more than any quota here has */

/* In a child: that many from `start` on. */
static void map_far_more(uint32_t start)
{
    struct memory_map map = {
        .address = start,
        .size = FAR_MORE,
        .flags = RW | MEMORY_FIXED,
    };
    if (limen_memory_map(HANDLE_SELF, &map) != 0)
        (void)limen_process_exit(1);
}

/* In a child: touch pages until the quota has none left. */
static void touch_for_ever(uint32_t start)
{
    map_far_more(start);
    for (uint32_t at = start;; at += PAGE_SIZE)
        *byte_at(at) = 1;
}

static bool quota_by_touch(void)
{
    struct child child;
    struct process_end end;
    struct process_info info = {0};
    outcome_t outcome = twin_run(&child, 256, touch_for_ever, 0x60000000, &end);
    bool right = step_ok(outcome == NO_MEMORY, "the end's reason", end.reason) &&
                 end.address >= 0x60000000 && end.address < 0x70000000;
    right = right && limen_process_info(child.process, &info) == 0 &&
            step_ok(info.ended == PROCESS_NO_MEMORY, "process_info.ended", info.ended);
    child_close(&child);
    return right;
}

static volatile uint32_t exhausted;

/* In a child: take frames for pages, tables and regions by calls, which end in errors,
 * and go on trying. */
static void eat_for_ever(uint32_t start)
{
    for (uint32_t at = start;;) {
        struct memory_map map = {
            .address = at,
            .size = PAGES(1),
            .flags = RW | MEMORY_FIXED,
        };
        uint32_t word = PATTERN;
        if (limen_memory_map(HANDLE_SELF, &map) != 0 ||
            limen_memory_write(HANDLE_SELF, at, &word, 4) != 4)
            exhausted = 1;
        else
            at += 65 * PAGE_SIZE;
    }
}

/* While a process has taken all that it can, others get all that is theirs. */
static bool memory_bomb(void)
{
    struct process_info info;
    struct child child;
    exhausted = 0;
    bool right = limen_process_info(HANDLE_SELF, &info) == 0;
    uint32_t left = info.pages_limit - info.pages_used;
    right = right && twin_load(&child, left / 2) &&
            twin_start(&child, eat_for_ever, 0x60000000) &&
            step_ok(child_wait_for(child, &exhausted, 1), "not exhausted", 0);
    right = right && limen_process_info(HANDLE_SELF, &info) == 0;
    left = info.pages_limit - info.pages_used;
    left -= left / 1024 + 16; /* for page tables */
    right = right && step_ok(left >= 64, "pages left", left) &&
            step_ok(map_here(PAGES(left)) == 0, "not mapped", left);
    if (right)
        memset((void *)BASE, 1, PAGES(left));
    right = right && unmap_here(PAGES(left)) == 0 &&
            limen_process_info(child.process, &info) == 0 &&
            step_ok(info.ended == 0, "the bomb's end", info.ended);
    right = limen_process_kill(child.process, 0) == 0 && right;
    child_close(&child);
    return right;
}

/* In a child: use up the quota by calls that write to fresh pages; an error must come. */
static void copy_for_ever(uint32_t start)
{
    map_far_more(start);
    for (uint32_t at = start; at < start + FAR_MORE; at += PAGE_SIZE) {
        long result = limen_clock_get(CLOCK_ID_MONOTONIC, (uint64_t *)at);
        if (result != 0)
            (void)limen_process_exit(result == -ENOMEM || result == -EFAULT ? 0 : 2);
    }
    (void)limen_process_exit(3);
}

static bool quota_by_copy(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, 256, copy_for_ever, 0x60000000, &end);
    child_close(&child);
    return step_ok(outcome == EXIT_0 || outcome == NO_MEMORY, "exit status", end.status);
}

/* In a child: one-page regions with holes between, until no more can be described. */
static void map_for_ever(uint32_t start)
{
    for (uint32_t at = start; at < start + 0x20000000; at += PAGES(2)) {
        struct memory_map map = {
            .address = at, .size = PAGES(1), .flags = RW | MEMORY_FIXED};
        long result = limen_memory_map(HANDLE_SELF, &map);
        if (result != 0)
            (void)limen_process_exit(result == -ENOMEM ? 0 : 2);
    }
    (void)limen_process_exit(3);
}

static bool quota_by_regions(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, 128, map_for_ever, 0x60000000, &end);
    child_close(&child);
    return step_ok(outcome == EXIT_0, "exit status", end.status);
}

/* In a child: a page in every page table's reach, so that tables eat the quota. */
static void touch_far_apart(uint32_t start)
{
    struct memory_map map = {
        .address = start, .size = 0x50000000, .flags = RW | MEMORY_FIXED};
    if (limen_memory_map(HANDLE_SELF, &map) != 0)
        (void)limen_process_exit(1);
    for (uint32_t at = start; at < start + map.size; at += 0x400000)
        *byte_at(at) = 1;
    (void)limen_process_exit(3);
}

static bool quota_by_tables(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, 200, touch_far_apart, 0x60000000, &end);
    child_close(&child);
    return step_ok(outcome == NO_MEMORY, "the end's reason", end.reason);
}

static bool quota_counts(void)
{
    struct process_info before, during, after;
    bool right =
        limen_process_info(HANDLE_SELF, &before) == 0 && map_here(PAGES(32)) == 0;
    memset((void *)BASE, 1, PAGES(32));
    right = right && limen_process_info(HANDLE_SELF, &during) == 0 &&
            unmap_here(PAGES(32)) == 0 && limen_process_info(HANDLE_SELF, &after) == 0;
    return right &&
           step_ok(during.pages_used >= before.pages_used + 32, "during",
                   during.pages_used) &&
           step_ok(after.pages_used == before.pages_used, "after", after.pages_used);
}

static bool quota_lent(void)
{
    struct process_info before, during, after;
    struct child child;
    bool right = limen_process_info(HANDLE_SELF, &before) == 0;
    child = child_create(100);
    right = right && limen_process_info(HANDLE_SELF, &during) == 0 &&
            during.pages_used >= before.pages_used + 100 &&
            limen_process_create(before.pages_limit) == -ENOMEM;
    child_close(&child);
    return right && limen_process_info(HANDLE_SELF, &after) == 0 &&
           step_ok(after.pages_used == before.pages_used, "after", after.pages_used);
}

/* --- Sizes at the extremes --- */

static bool map_most_of_all(void)
{
    struct child child = child_create(32);
    struct memory_map map = {
        .address = USER_START,
        .size = USER_END - USER_START,
        .flags = RW | MEMORY_FIXED,
    };
    uint32_t word = PATTERN;
    bool right = limen_memory_map(child.process, &map) == 0 &&
                 child_write(child, USER_START, &word, 4) &&
                 child_write(child, USER_END - 4, &word, 4) &&
                 child_write(child, 0x80000000, &word, 4) &&
                 child_map(child, BASE, PAGES(1), RW) == -EEXIST;
    map = (struct memory_map){.size = PAGES(1), .flags = RW};
    right = right && limen_memory_map(child.process, &map) == -ENOMEM;
    right = right &&
            limen_memory_unmap(child.process, USER_START, USER_END - USER_START) == 0 &&
            limen_memory_read(child.process, USER_START, &word, 4) == -EFAULT;
    child_close(&child);
    return right;
}

/* The place that map_anywhere finds first is used up from below; then it looks elsewhere.
 */
static bool map_hint(void)
{
    struct memory_map map = {.address = BASE, .size = PAGES(1), .flags = RW};
    struct memory_map again = map;
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0 && map.address == BASE;
    right = right && limen_memory_map(HANDLE_SELF, &again) == 0 && again.address != BASE;
    return right && limen_memory_unmap(HANDLE_SELF, map.address, PAGES(1)) == 0 &&
           limen_memory_unmap(HANDLE_SELF, again.address, PAGES(1)) == 0;
}

/* The description of the map lies in the memory that the map replaces. */
static bool map_over_its_own_question(void)
{
    struct memory_map *map = (struct memory_map *)(BASE + 128);
    bool right = map_here(PAGES(1)) == 0;
    *map = (struct memory_map){
        .address = BASE,
        .size = PAGES(1),
        .flags = RW | MEMORY_FIXED | MEMORY_REPLACE,
    };
    right = right && limen_memory_map(HANDLE_SELF, map) == 0 && map->address == BASE &&
            *byte_at(BASE) == 0 && map->size != 0;
    return unmap_here(PAGES(1)) == 0 && right;
}

/* --- Faults --- */

static void recurse_for_ever(uint32_t depth);
static void (*volatile deeper)(uint32_t) = recurse_for_ever;

static void recurse_for_ever(uint32_t depth)
{
    volatile uint8_t frame[512];
    frame[0] = (uint8_t)depth;
    deeper(depth + 1);
    frame[1] = frame[0];
}

static bool stack_overflow(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, 256, recurse_for_ever, 0, &end);
    child_close(&child);
    return step_ok(outcome == FAULT(14), "vector", end.vector) &&
           step_ok(end.address < TWIN_STACK_TOP - TWIN_STACK_SIZE &&
                       end.address >= TWIN_STACK_TOP - TWIN_STACK_SIZE - PAGE_SIZE,
                   "address", end.address);
}

static void read_address(uint32_t address)
{
    (void)*byte_at(address);
    (void)limen_process_exit(0);
}

static bool fault_tells_address(void)
{
    static const uint32_t addresses[] = {0,           4,         0x60000123, USER_END - 1,
                                         KERNEL_BASE, 0xffffffff};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        struct child child;
        struct process_end end;
        outcome_t outcome = twin_run(&child, 256, read_address, addresses[i], &end);
        child_close(&child);
        right = right && outcome == FAULT(14) && end.address == addresses[i] &&
                (end.error_code & 6) == 4;
    }
    return right;
}

/* This program's own text and constants, which init or the spawn library mapped. */
static bool own_text_is_read_only(void)
{
    static const uint32_t constant = 1;
    return !writable((uint32_t)&constant) && !writable((uint32_t)read_address) &&
           readable((uint32_t)&constant);
}

static const struct test_case cases[] = {
    {"map, use and unmap", map_and_unmap},
    {"map anywhere: places that do not overlap", map_anywhere},
    {"map fixed: EEXIST, and nothing is done", map_fixed_taken},
    {"map replace: zero pages there, the rest is kept", map_replace},
    {"map: arguments that make no sense", map_bad_arguments},
    {"unmap and protect: arguments that make no sense", unmap_and_protect_bad_arguments},
    {"regions split and merge", split_and_merge},
    {"protect: a hole is EFAULT, and nothing is done", protect_hole},
    {"protect: no access and back keeps the bytes", protect_none},
    {"fresh pages hold nothing of an ended process", stale_data},
    {"fresh pages hold nothing of our own past", stale_own_data},
    {"memory_read and memory_write", read_and_write_others},
    {"the memory of an ended process can be read, not mapped", read_ended},
    {"copies into pages that do not yet exist", copy_into_fresh_pages},
    {"copies with the buffer in a hole do nothing", buffer_in_hole},
    {"copies at the ends of the address space", far_addresses},
    {"quota: a page too many ends the process", quota_by_touch},
    {"quota: a call that needs a page too many fails", quota_by_copy},
    {"a bomb of memory leaves the others their share", memory_bomb},
    {"quota: regions are charged", quota_by_regions},
    {"quota: page tables are charged", quota_by_tables},
    {"quota: what is used is counted", quota_counts},
    {"quota: what is lent comes back", quota_lent},
    {"a map of the whole address space", map_most_of_all},
    {"map with a wish for a place", map_hint},
    {"map over the description of the map", map_over_its_own_question},
    {"stack overflow is a fault below the stack", stack_overflow},
    {"a page fault tells the address", fault_tells_address},
    {"text and constants are read-only", own_text_is_read_only},
};

int main(void)
{
    return RUN_CASES(cases);
}
