/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator of frame.h: one record per frame and a free list per kind, threaded
 * through the records. A managed frame that is free has refs 0 and FREE set in its link,
 * so that a frame dropped twice is found at once.
 */
#include "frame.h"

#include <limen/layout.h>

#include "assert.h"
#include "poison.h"

#define NONE 0x7fffffffu
#define FREE 0x80000000u      /* in link: this frame is on a free list */
#define UNMANAGED 0xffffffffu /* in refs */

static struct frame *records; /* [I] */
static uint32_t record_count; /* [I] */
static uint32_t low_count;    /* [I] */
static uint32_t free_head[2]; /* index of the first free frame of each kind, or NONE */
static uint32_t total;
static uint32_t available;

void frame_init(struct frame *frames, uint32_t count, uint32_t low)
{
    records = frames;
    record_count = count;
    low_count = low;
    free_head[FRAME_LOW] = NONE;
    free_head[FRAME_ANY] = NONE;
    total = 0;
    available = 0;
    for (uint32_t i = 0; i < count; i++)
        frames[i] = (struct frame){.refs = UNMANAGED};
}

void frame_note_ram(uint32_t first, uint32_t end)
{
    assert(first <= end && end <= record_count);
    for (uint32_t i = first; i < end; i++)
        records[i].link = true;
}

bool frame_is_ram(phys_t frame)
{
    uint32_t index = frame.address >> PAGE_SHIFT;

    return index < record_count &&
           (records[index].refs != UNMANAGED || records[index].link);
}

bool frame_any_ram(phys_t base, uint32_t size)
{
    uint32_t last = (base.address + (size - 1)) >> PAGE_SHIFT;

    assert(size && size - 1 <= ~base.address);
    for (uint32_t i = base.address >> PAGE_SHIFT; i <= last && i < record_count; i++)
        if (frame_is_ram(PHYS(i << PAGE_SHIFT)))
            return true;
    return false;
}

static void put(uint32_t index)
{
    enum frame_kind kind = index < low_count ? FRAME_LOW : FRAME_ANY;

    records[index].refs = 0;
    records[index].link = free_head[kind] | FREE;
    free_head[kind] = index;
    available++;
}

void frame_add(uint32_t first, uint32_t end)
{
    assert(first <= end && end <= record_count);
    for (uint32_t i = end; i-- > first;) {
        assert(records[i].refs == UNMANAGED);
        put(i);
    }
    total += end - first;
}

phys_t frame_take(enum frame_kind kind)
{
    uint32_t index = free_head[kind];

    if (index == NONE && kind == FRAME_ANY) {
        kind = FRAME_LOW;
        index = free_head[kind];
    }
    if (index == NONE)
        return PHYS_NONE;
    free_head[kind] = records[index].link & ~FREE;
    records[index].refs = 1;
    records[index].link = 0;
    available--;
    poison_check_frame(PHYS(index << PAGE_SHIFT));
    return PHYS(index << PAGE_SHIFT);
}

static struct frame *managed(phys_t frame)
{
    uint32_t index = frame.address >> PAGE_SHIFT;

    if (index >= record_count || records[index].refs == UNMANAGED)
        return NULL;
    assert(!(records[index].link & FREE));
    return &records[index];
}

void frame_hold(phys_t frame)
{
    struct frame *record = managed(frame);

    if (record)
        record->refs++;
}

void frame_drop(phys_t frame)
{
    struct frame *record = managed(frame);

    if (!record)
        return;
    if (--record->refs == 0) {
        poison_frame(frame);
        put((uint32_t)(record - records));
    }
}

bool frame_shared(phys_t frame)
{
    struct frame *record = managed(frame);

    return record && record->refs > 1;
}

struct frame *frame_record(phys_t frame)
{
    struct frame *record = managed(frame);

    assert(record);
    return record;
}

uint32_t frame_total(void)
{
    return total;
}

uint32_t frame_free(void)
{
    return available;
}
