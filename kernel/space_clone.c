/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole address spaces. Regions are copied in pieces of bounded work, the pages
 * with them, so that a clone that is interrupted is a true copy up to where it came.
 */
#include "arch.h"
#include "assert.h"
#include "error.h"
#include "schedule.h"
#include "space.h"

#define PIECE (32u * PAGE_SIZE)

/* Shares the page with the clone if it is the space's own. False: no memory. */
static bool share_page(struct space *clone, struct space *space,
                       const struct region *region, uint32_t page)
{
    uint32_t entry;
    phys_t frame = arch_lookup(space, page, &entry);

    if (frame.address == PHYS_NONE.address || !(entry & PAGE_OWNED))
        return true;
    if (!quota_charge(clone->quota, 1))
        return false;
    frame_hold(frame);
    uint32_t shared = space_entry(region, frame, true);
    if (!arch_map(clone, page, frame, shared)) {
        quota_give(clone->quota, frame);
        return false;
    }
    arch_remap(space, page, frame, shared);
    return true;
}

/* Where a piece of the region ends that begins with the page and has not too many. */
static uint32_t piece_end(const struct region *region, uint32_t page)
{
    uint32_t end = (page | (PIECE - 1)) + 1;

    return page < region->end && end < region->end ? end : region->end;
}

long space_clone(struct space *clone, struct space *space, uint32_t *at)
{
    struct region *region;

    while ((region = region_next(&space->regions, *at))) {
        uint32_t start = *at > region->start ? *at : region->start;
        uint32_t page = arch_next_page(space, start, region->end);
        uint32_t end = piece_end(region, page);
        if (!space_add(clone, region, start, end))
            return -ENOMEM;
        for (; page < end; page = arch_next_page(space, page + PAGE_SIZE, end))
            if (!share_page(clone, space, region, page))
                return -ENOMEM;
        *at = end;
        if (schedule_preempt_point())
            return AGAIN;
    }
    return 0;
}
