/* SPDX-License-Identifier: MIT */
/* What the kernel tells about the system: that the numbers follow what happens. */
#include <errno.h>

#include "cases.h"
#include "cpu.h"

static bool frames(void)
{
    struct system_info info = system_now();
    return info.frames_total > 1000 && info.frames_free > 0 &&
           info.frames_free < info.frames_total;
}

/* A page that is touched is a frame less, and one more when it is unmapped. */
static bool frames_follow(void)
{
    struct memory_map map = {.size = 16 * PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    bool right = limen_memory_map(HANDLE_SELF, &map) == 0;
    *(volatile uint8_t *)map.address = 1;
    uint32_t before = frames_free();
    for (uint32_t i = 1; i < 16; i++)
        *(volatile uint8_t *)(map.address + i * PAGE_SIZE) = 1;
    right =
        right && step_ok(before - frames_free() == 15, "frames", before - frames_free());
    return limen_memory_unmap(HANDLE_SELF, map.address, map.size) == 0 && right;
}

static bool counts_follow(void)
{
    struct system_info before = system_now();
    struct child children[3];
    for (int i = 0; i < 3; i++)
        children[i] = child_create(CHILD_PAGES);
    struct system_info during = system_now();
    for (int i = 0; i < 3; i++)
        child_close(&children[i]);
    struct system_info after = system_now();
    return during.processes == before.processes + 3 &&
           after.processes == before.processes && during.threads == before.threads &&
           before.threads >= 1 && before.processes >= 2;
}

static bool uptime(void)
{
    uint64_t before = clock_now();
    struct system_info info = system_now();
    return info.uptime >= before && info.uptime <= clock_now();
}

static bool crossings(void)
{
    struct system_info before = system_now();
    uint64_t grown = 0;
    for (int i = 0; i < 9; i++)
        (void)limen_null();
    struct system_info after = system_now();
    for (unsigned int i = 0; i < GATE_COUNT; i++) {
        grown += after.crossings[i] - before.crossings[i];
        if (after.crossings[i] < before.crossings[i])
            return false;
        if (after.crossings[i] != 0 && !gate_is_open((enum gate)i))
            return false;
    }
    return step_ok(grown == 10, "crossings", (long long)grown);
}

static bool threshold_page(void)
{
    const struct threshold_page *page = threshold();
    return page->abi_version == LIMEN_ABI_VERSION && page->best_gate < GATE_COUNT &&
           gate_is_open((enum gate)page->best_gate) && page->reserved == 0 &&
           page->scale_shift <= 32 && page->clock_usable <= 1;
}

/* All that the structure holds is told, and nothing behind it is touched. */
static bool nothing_behind(void)
{
    struct {
        struct system_info info;
        uint32_t behind;
    } a;
    struct {
        struct process_info info;
        uint32_t behind;
    } b;
    memset(&a, 0xaa, sizeof(a));
    memset(&b, 0xaa, sizeof(b));
    return limen_system_info(&a.info) == 0 && a.behind == 0xaaaaaaaa &&
           limen_process_info(HANDLE_SELF, &b.info) == 0 && b.behind == 0xaaaaaaaa &&
           b.info.ended == 0 && b.info.threads == 1 && b.info.regions > 2;
}

static const struct test_case cases[] = {
    {"page frames are counted", frames},
    {"the count of free frames follows their use", frames_follow},
    {"the counts of processes and threads follow", counts_follow},
    {"uptime is the monotonic clock", uptime},
    {"crossings are counted, and by open gates alone", crossings},
    {"the threshold page makes sense", threshold_page},
    {"structures are filled, and nothing behind them", nothing_behind},
};

int main(void)
{
    return RUN_CASES(cases);
}
