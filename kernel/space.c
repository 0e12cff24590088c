/* SPDX-License-Identifier: MIT */
/* Address spaces: see space.h. */
#include "space.h"

#include <limen/abi.h>

#include "arch.h"
#include "assert.h"
#include "error.h"
#include "object.h"

/* Where memory goes when the caller does not mind: above what programs are linked for. */
#define ANYWHERE_START 0x40000000u

long space_init(struct space *space, struct quota *quota)
{
    region_map_init(&space->regions);
    space->quota = quota;
    space->directory = arch_directory_create(quota);
    return space->directory.address == PHYS_NONE.address ? -ENOMEM : 0;
}

bool space_range_ok(uint32_t address, uint32_t size)
{
    return size > 0 && (address | size) % PAGE_SIZE == 0 && address >= USER_START &&
           address < USER_END && size <= USER_END - address;
}

/* Unmaps the pages of [start, end), which belong to one region. */
static void drop_pages(struct space *space, const struct region *region)
{
    uint32_t address = arch_next_table(space, region->start, region->end);

    while (address < region->end) {
        phys_t frame = arch_unmap(space, address);
        if (frame.address != PHYS_NONE.address && !region->memory)
            quota_give(space->quota, frame);
        address = arch_next_table(space, address + PAGE_SIZE, region->end);
    }
}

static void region_destroy(struct space *space, struct region *region)
{
    region_remove(&space->regions, region);
    drop_pages(space, region);
    if (region->memory)
        object_drop(&region->memory->object);
    slab_give(space->quota, region);
}

void space_destroy(struct space *space)
{
    struct region *region;

    while ((region = region_next(&space->regions, 0)) != NULL)
        region_destroy(space, region);
    arch_directory_destroy(space);
}

/* The region that the address cuts in two, or NULL. */
static struct region *cut_by(struct space *space, uint32_t address)
{
    struct region *region = region_find(&space->regions, address);

    return region && region->start < address ? region : NULL;
}

static void split(struct space *space, uint32_t address, struct region *rest)
{
    struct region *region = cut_by(space, address);

    region_split(&space->regions, region, address, rest);
    if (region->memory)
        object_hold(&region->memory->object);
}

/* Splits regions so that none reaches across start or end. -ENOMEM: nothing is changed.
 */
static long isolate(struct space *space, uint32_t start, uint32_t end)
{
    struct region *at_start = NULL;
    struct region *at_end = NULL;

    if (cut_by(space, start) && !(at_start = slab_take(space->quota, SLAB_SMALL)))
        return -ENOMEM;
    if (cut_by(space, end) && !(at_end = slab_take(space->quota, SLAB_SMALL))) {
        if (at_start)
            slab_give(space->quota, at_start);
        return -ENOMEM;
    }
    /* nothing below fails */
    if (at_start)
        split(space, start, at_start);
    if (at_end)
        split(space, end, at_end);
    return 0;
}

/* Makes one region of the two that meet at the address, if they are alike. */
static void join(struct space *space, uint32_t address)
{
    struct region *region = region_ending(&space->regions, address);
    struct region *next = region_find(&space->regions, address);

    if (!region || !next || !region_continues(region, next))
        return;
    uint32_t end = next->end;
    region_remove(&space->regions, next);
    if (next->memory)
        object_drop(&next->memory->object);
    slab_give(space->quota, next);
    region_extend(&space->regions, region, end);
}

static void remove_range(struct space *space, uint32_t start, uint32_t end)
{
    struct region *region;

    while ((region = region_next(&space->regions, start)) && region->start < end)
        region_destroy(space, region);
}

long space_unmap(struct space *space, uint32_t address, uint32_t size)
{
    if (!space_range_ok(address, size))
        return -EINVAL;
    long error = isolate(space, address, address + size);
    if (error)
        return error;
    /* nothing below fails */
    remove_range(space, address, address + size);
    return 0;
}

/* Checks the wish for an address; puts the one to use into *address. */
static long choose_address(struct space *space, uint32_t *address, uint32_t size,
                           uint32_t flags)
{
    if (flags & MEMORY_FIXED) {
        if (!space_range_ok(*address, size))
            return -EINVAL;
        struct region *next = region_next(&space->regions, *address);
        if (!(flags & MEMORY_REPLACE) && next && next->start < *address + size)
            return -EEXIST;
        return 0;
    }
    uint32_t from = *address ? *address : ANYWHERE_START;
    if (from % PAGE_SIZE || size == 0 || size % PAGE_SIZE || flags & MEMORY_REPLACE)
        return -EINVAL;
    uint32_t found = 0;
    if (from >= USER_START && from < USER_END)
        found = region_gap(&space->regions, from, size, USER_END);
    if (!found)
        found = region_gap(&space->regions, USER_START, size, USER_END);
    *address = found;
    return found ? 0 : -ENOMEM;
}

static long check_memory(const struct memory *memory, uint32_t size, uint32_t offset)
{
    if (!memory)
        return offset == 0 ? 0 : -EINVAL;
    if (offset % PAGE_SIZE || offset > memory->size || size > memory->size - offset)
        return -EINVAL;
    return 0;
}

long space_map(struct space *space, uint32_t *address, uint32_t size, uint32_t flags,
               uint32_t allowed, struct memory *memory, uint32_t offset)
{
    uint32_t protection = flags & MEMORY_PROTECTION;
    long error;

    if (flags & ~(MEMORY_PROTECTION | MEMORY_FIXED | MEMORY_REPLACE))
        return -EINVAL;
    if (protection & ~allowed)
        return -EPERM;
    if ((error = check_memory(memory, size, offset)) ||
        (error = choose_address(space, address, size, flags)))
        return error;

    uint32_t start = *address;
    uint32_t end = start + size;
    struct region *region = slab_take(space->quota, SLAB_SMALL);
    if (!region)
        return -ENOMEM;
    if (flags & MEMORY_REPLACE) {
        if ((error = isolate(space, start, end))) {
            slab_give(space->quota, region);
            return error;
        }
        remove_range(space, start, end);
    }
    /* nothing below fails */
    *region = (struct region){
        .start = start,
        .end = end,
        .protection = protection,
        .allowed = allowed,
        .memory = memory,
        .offset = offset,
    };
    if (memory)
        object_hold(&memory->object);
    region_insert(&space->regions, region);
    join(space, end);
    join(space, start);
    return 0;
}

/* Whether everything in the range is mapped, to something that allows the protection. */
static long check_protect(struct space *space, uint32_t start, uint32_t end,
                          uint32_t protection)
{
    for (uint32_t address = start; address < end;) {
        struct region *region = region_find(&space->regions, address);
        if (!region)
            return -EFAULT;
        if (protection & ~region->allowed)
            return -EPERM;
        address = region->end;
    }
    return 0;
}

static void protect_region(struct space *space, struct region *region,
                           uint32_t protection)
{
    uint32_t address = arch_next_table(space, region->start, region->end);

    region->protection = protection;
    while (address < region->end) {
        arch_protect(space, address, protection);
        address = arch_next_table(space, address + PAGE_SIZE, region->end);
    }
}

long space_protect(struct space *space, uint32_t address, uint32_t size,
                   uint32_t protection)
{
    uint32_t end = address + size;
    long error;

    if (!space_range_ok(address, size) || protection & ~MEMORY_PROTECTION)
        return -EINVAL;
    if ((error = check_protect(space, address, end, protection)) ||
        (error = isolate(space, address, end)))
        return error;
    /* nothing below fails */
    for (uint32_t at = address; at < end;) {
        struct region *region = region_find(&space->regions, at);
        protect_region(space, region, protection);
        at = region->end;
        join(space, region->start);
    }
    join(space, end);
    return 0;
}

enum fault_result space_fault(struct space *space, uint32_t address, bool write)
{
    uint32_t page = address & ~(uint32_t)(PAGE_SIZE - 1);
    struct region *region = region_find(&space->regions, address);
    uint32_t protection;

    if (!region || !region->protection || (write && !(region->protection & MEMORY_WRITE)))
        return FAULT_BAD_ADDRESS;
    if (arch_lookup(space, page, &protection).address != PHYS_NONE.address)
        return FAULT_RESOLVED;

    if (region->memory) {
        phys_t frame =
            PHYS(region->memory->base.address + region->offset + (page - region->start));
        return arch_map(space, page, frame, region->protection) ? FAULT_RESOLVED
                                                                : FAULT_NO_MEMORY;
    }
    phys_t frame = quota_take(space->quota, FRAME_ANY);
    if (frame.address == PHYS_NONE.address)
        return FAULT_NO_MEMORY;
    arch_page_zero(frame);
    if (arch_map(space, page, frame, region->protection))
        return FAULT_RESOLVED;
    quota_give(space->quota, frame);
    return FAULT_NO_MEMORY;
}

phys_t space_page(struct space *space, uint32_t address, bool write)
{
    uint32_t page = address & ~(uint32_t)(PAGE_SIZE - 1);
    uint32_t protection;

    if (address < USER_START || address >= USER_END ||
        space_fault(space, address, write) != FAULT_RESOLVED)
        return PHYS_NONE;
    return arch_lookup(space, page, &protection);
}
