/* SPDX-License-Identifier: MIT */
/*
 * fault_fresh_page: the first touch of a page that has no frame yet, minus the loop
 * around it. Page tables that the pages need are part of it; mapping and unmapping the
 * range are not. The store that faults counts once: QEMU counts an instruction when it
 * completes.
 */
#include <stdint.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "ruler.h"

#define ROUNDS 20u
#define ROUND_PAGES 500u        /* 2 MiB: within a small machine's quota */

static uint32_t touch_fresh_pages(void)
{
    struct memory_map map = {
        .size = ROUND_PAGES * PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE,
    };
    check("memory_map", limen_memory_map(HANDLE_SELF, &map));
    uint32_t ticks = ruler_measure(loop_touch, ROUND_PAGES, BODY_TOUCH, map.address);
    check("memory_unmap", limen_memory_unmap(HANDLE_SELF, map.address, map.size));
    return ticks;
}

void bench_fault(void)
{
    uint64_t ticks = 0;
    for (uint32_t round = 0; round < ROUNDS; round++)
        ticks += touch_fresh_pages();
    ruler_report("fault_fresh_page", ticks, ROUNDS * ROUND_PAGES);
}
