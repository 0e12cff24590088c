/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader's memory map to the frame allocator. The frame records, the table
 * of futex waiters, and the direct map's page tables where the processor has no large
 * pages, take the first room that fits behind the kernel; what neither they, the kernel
 * nor the boot archive occupy becomes free frames.
 */
#include "arch.h"
#include "assert.h"
#include "boot.h"
#include "futex.h"
#include "log.h"
#include "memory.h"

#define LARGE_PAGE 0x400000u
#define DIRECT_MAX 0x30000000u /* 768 MiB of kernel addresses are the direct map */
#define TAKEN 4                /* ranges of memory that are in use already */
#define FIRST_FRAME_USED 1u    /* frame 0 holds the BIOS's data */

struct range {
    uint32_t start, end; /* physical, whole pages */
};

extern const char kernel_start[], kernel_end[];

static uint32_t page_up(uint32_t address)
{
    return (address + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u);
}

/* The end of the last available page below 4 GiB. */
static uint32_t find_top(const struct multiboot *boot)
{
    uint32_t cursor = 0;
    uint32_t start, end;
    uint32_t top = 0;

    while (multiboot_next(boot, &cursor, &start, &end))
        top = end > top ? end : top;
    return top;
}

/* Where to look on, if [start, start + size) meets the range: behind it. */
static uint32_t step_over(uint32_t start, uint32_t size, const struct range *range)
{
    return start < range->end && range->start < start + size ? range->end : start;
}

/* The lowest room of `size` bytes below `limit` in available memory, clear of the ranges.
 */
static uint32_t find_room(const struct multiboot *boot, uint32_t size, uint32_t limit,
                          const struct range *taken, int count)
{
    uint32_t cursor = 0;
    uint32_t start, end;

    while (multiboot_next(boot, &cursor, &start, &end)) {
        if (end > limit)
            end = limit;
        /* Moving behind one range may lead into another, each at most once. */
        for (int i = 0; i < count * count; i++)
            start = step_over(start, size, &taken[i % count]);
        if (start < end && end - start >= size)
            return start;
    }
    return 0;
}

/* Adds [start, end) to the allocator but for what lies in the ranges from `taken` on. */
static void add_clear(uint32_t start, uint32_t end, const struct range *taken, int count)
{
    if (start >= end)
        return;
    if (count == 0) {
        frame_add(start >> PAGE_SHIFT, end >> PAGE_SHIFT);
        return;
    }
    uint32_t low_end = end < taken->start ? end : taken->start;
    uint32_t high_start = start > taken->end ? start : taken->end;
    if (taken->end <= start || end <= taken->start) {
        add_clear(start, end, taken + 1, count - 1);
        return;
    }
    add_clear(start, low_end, taken + 1, count - 1);
    add_clear(high_start, end, taken + 1, count - 1);
}

void boot_memory_init(const struct multiboot *boot)
{
    uint32_t top = find_top(boot);
    uint32_t low_end = (top < DIRECT_MAX ? top : DIRECT_MAX) + LARGE_PAGE - 1;
    /* The last range is replaced: once room is found, the memory map itself is not needed
     * long. */
    struct range taken[TAKEN] = {
        {0, FIRST_FRAME_USED << PAGE_SHIFT},
        {(uint32_t)kernel_start - KERNEL_BASE, (uint32_t)kernel_end - KERNEL_BASE},
        {boot->module_start, page_up(boot->module_end)},
        {boot->map & ~(PAGE_SIZE - 1u), page_up(boot->map_end)},
    };

    low_end -= low_end % LARGE_PAGE;
    uint32_t tables = arch_memory_tables(low_end);
    uint32_t records = page_up((top >> PAGE_SHIFT) * sizeof(struct frame));
    uint32_t futexes = page_up(futex_table_size(top >> PAGE_SHIFT));
    uint32_t size = tables + records + futexes;
    uint32_t room = find_room(boot, size, low_end, taken, TAKEN);
    if (!room)
        boot_refuse("there is too little memory for the kernel's tables");
    arch_memory_init(low_end, room);

    taken[TAKEN - 1] = (struct range){room, room + size};
    frame_init(arch_direct(PHYS(room + tables)), top >> PAGE_SHIFT,
               low_end >> PAGE_SHIFT);
    futex_init(arch_direct(PHYS(room + tables + records)),
               futex_table_size(top >> PAGE_SHIFT));

    uint32_t cursor = 0;
    uint32_t start, end;
    while (multiboot_next(boot, &cursor, &start, &end)) {
        /* Frame 0 can be read as the BIOS's, as can what is below 1 MiB and no memory. */
        frame_note_ram(start ? start >> PAGE_SHIFT : FIRST_FRAME_USED, end >> PAGE_SHIFT);
        add_clear(start, end, taken, TAKEN);
    }
    log_info("%u KiB of memory free, %u KiB of it direct", frame_free() * 4,
             low_end / 1024);
}
