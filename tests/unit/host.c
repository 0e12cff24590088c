/* SPDX-License-Identifier: MIT */
/* See unit.h; and the parts of the machine that the kernel's logic asks for. */
#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <limen/layout.h>

#include "arch.h"
#include "assert.h"

static uint64_t random_state;
static jmp_buf panic_target;
static bool panic_expected;

void random_begin(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

    printf("# seed %llu\n", (unsigned long long)seed);
    random_state = seed * 2 + 1;
}

/* Steele and others' SplitMix64: short, and good enough to shuffle operations. */
uint32_t random_below(uint32_t limit)
{
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15u;

    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    return (uint32_t)(((mixed >> 32) * limit) >> 32);
}

jmp_buf *panic_arm(void)
{
    panic_expected = true;
    return &panic_target;
}

void panic(const char *format, ...)
{
    if (panic_expected) {
        panic_expected = false;
        longjmp(panic_target, 1);
    }
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* --- Fake memory --- */

static struct frame frame_records[FRAMES_MAX];
static char *frame_pool;
static uint32_t frame_count;

void frames_begin(uint32_t count, uint32_t low)
{
    assert(count <= FRAMES_MAX);
    frame_count = count;
    frame_pool = aligned_alloc(PAGE_SIZE, (size_t)count * PAGE_SIZE);
    memset(frame_pool, 0xa5, (size_t)count * PAGE_SIZE);
    frame_init(frame_records, count, low);
    frame_add(0, count);
}

void frames_end(void)
{
    free(frame_pool);
    frame_pool = NULL;
}

void *frame_bytes(phys_t frame)
{
    assert(frame.address / PAGE_SIZE < frame_count);
    return frame_pool + frame.address;
}

void *arch_direct(phys_t address)
{
    return frame_bytes(address);
}

phys_t arch_direct_phys(const void *pointer)
{
    return PHYS((uint32_t)((const char *)pointer - frame_pool));
}

void arch_take_interrupts(void)
{
}
