/* SPDX-License-Identifier: MIT */
/*
 * Page faults: what the regions promise is made true, page by page. A page that is shared
 * after a clone is copied by whoever writes first, and left to the last who holds it.
 */
#include "arch.h"
#include "assert.h"
#include "process.h"
#include "space.h"

static bool none(phys_t frame)
{
    return frame.address == PHYS_NONE.address;
}

uint32_t space_entry(const struct region *region, phys_t frame, bool owned)
{
    uint32_t protection = region->protection & MEMORY_PROTECTION;
    bool alone = owned ? !frame_shared(frame)
                       : !(region->protection & MEMORY_PRIVATE) &&
                             (memory_physical(region->memory) || !frame_shared(frame));

    if (!alone)
        protection &= ~MEMORY_WRITE;
    return protection | (owned ? PAGE_OWNED : 0);
}

static uint32_t index_in_memory(const struct region *region, uint32_t page)
{
    return (region->offset + (page - region->start)) >> PAGE_SHIFT;
}

static enum fault_result map_owned(struct space *space, struct region *region,
                                   uint32_t page, phys_t frame)
{
    if (arch_map(space, page, frame,
                 (region->protection & MEMORY_PROTECTION) | PAGE_OWNED))
        return FAULT_RESOLVED;
    quota_give(space->quota, frame);
    return FAULT_NO_MEMORY;
}

/* A fresh page of the space's own. */
static enum fault_result fault_fresh(struct space *space, struct region *region,
                                     uint32_t page)
{
    phys_t frame = quota_take(space->quota, FRAME_ANY);

    if (none(frame))
        return FAULT_NO_MEMORY;
    arch_page_zero(frame);
    return map_owned(space, region, page, frame);
}

/* A page of a memory object that has no entry here. */
static enum fault_result fault_object(struct space *space, struct region *region,
                                      uint32_t page, bool write)
{
    bool copy = write && region->protection & MEMORY_PRIVATE;
    phys_t frame;
    enum fault_result result = memory_page(region->memory, index_in_memory(region, page),
                                           write && !copy, &frame);

    if (result != FAULT_RESOLVED)
        return result;
    if (!copy)
        return arch_map(space, page, frame, space_entry(region, frame, false))
                   ? FAULT_RESOLVED
                   : FAULT_NO_MEMORY;
    phys_t own = quota_take(space->quota, FRAME_ANY);
    if (none(own))
        return FAULT_NO_MEMORY;
    arch_page_copy(own, frame);
    return map_owned(space, region, page, own);
}

/* A copy in place of a frame that is shared, or that is the object's of a private
 * mapping. Only for the latter is there anything to pay: the space pays for its share of
 * a frame as for a whole one. */
static enum fault_result fault_copy(struct space *space, struct region *region,
                                    uint32_t page, phys_t frame, bool owned)
{
    phys_t copy = owned ? frame_take(FRAME_ANY) : quota_take(space->quota, FRAME_ANY);

    if (none(copy))
        return FAULT_NO_MEMORY;
    arch_page_copy(copy, frame);
    arch_remap(space, page, copy, (region->protection & MEMORY_PROTECTION) | PAGE_OWNED);
    if (owned)
        frame_drop(frame);
    return FAULT_RESOLVED;
}

/* A page whose entry says less than the fault needs. */
static enum fault_result fault_present(struct space *space, struct region *region,
                                       uint32_t page, phys_t frame, uint32_t entry,
                                       bool write)
{
    bool owned = entry & PAGE_OWNED;
    uint32_t allowed = space_entry(region, frame, owned);

    if (!write || allowed & MEMORY_WRITE) {
        arch_remap(space, page, frame, allowed);
        return FAULT_RESOLVED;
    }
    if (owned || region->protection & MEMORY_PRIVATE)
        return fault_copy(space, region, page, frame, owned);
    /* The object's frame must become its own; that takes the entry away everywhere. */
    enum fault_result result =
        memory_page(region->memory, index_in_memory(region, page), true, &frame);
    if (result != FAULT_RESOLVED)
        return result;
    allowed = space_entry(region, frame, false);
    if (!none(arch_lookup(space, page, &entry)))
        arch_remap(space, page, frame, allowed);
    else if (!arch_map(space, page, frame, allowed))
        return FAULT_NO_MEMORY;
    return FAULT_RESOLVED;
}

enum fault_result space_fault(struct space *space, uint32_t address, bool write)
{
    uint32_t page = address & ~(uint32_t)(PAGE_SIZE - 1);
    struct region *region = region_find(&space->regions, address);
    uint32_t entry;

    if (!region || !(region->protection & MEMORY_PROTECTION) ||
        (write && !(region->protection & MEMORY_WRITE)))
        return FAULT_BAD_ADDRESS;
    phys_t frame = arch_lookup(space, page, &entry);
    if (!none(frame) && entry & (write ? MEMORY_WRITE : MEMORY_READ))
        return FAULT_RESOLVED;
    if (!none(frame))
        return fault_present(space, region, page, frame, entry, write);
    return region->memory ? fault_object(space, region, page, write)
                          : fault_fresh(space, region, page);
}

phys_t space_page(struct space *space, uint32_t address, bool write)
{
    uint32_t needed = write ? MEMORY_WRITE : MEMORY_READ;
    enum fault_result result;
    uint32_t entry;
    phys_t frame;

    if (address < USER_START || address >= USER_END)
        return PHYS_NONE;
    while (none(frame = arch_lookup(space, address, &entry)) || !(entry & needed)) {
        do
            result = space_fault(space, address, write);
        while (process_fault_again(result));
        if (result != FAULT_RESOLVED)
            return PHYS_NONE;
    }
    return frame;
}
