/* SPDX-License-Identifier: MIT */
/* Address spaces: see space.h. What is mapped where; faults are in space_fault.c. */
#include "space.h"

#include "arch.h"
#include "assert.h"
#include "error.h"
#include "object.h"
#include "schedule.h"

/* Where memory goes when the caller does not mind: above what programs are linked for. */
#define ANYWHERE_START 0x40000000u
#define PAGES_A_PIECE 64u

static_assert(sizeof(struct region) <= SLAB_SMALL_SIZE, "what is taken for it");

long space_init(struct space *space, struct quota *quota)
{
    region_map_init(&space->regions);
    space->quota = quota;
    space->directory = arch_directory_create(quota);
    return space->directory.address == PHYS_NONE.address ? -ENOMEM : 0;
}

/*@ assigns \nothing;
    ensures \result ==> USER_START <= address && size > 0 && address + size <= USER_END;
*/
bool space_range_ok(uint32_t address, uint32_t size)
{
    return size > 0 && (address | size) % PAGE_SIZE == 0 && address >= USER_START &&
           address < USER_END && size <= USER_END - address;
}

static void drop_page(struct space *space, uint32_t address, bool own)
{
    uint32_t entry;
    phys_t frame = arch_lookup(space, address, &entry);

    if (frame.address == PHYS_NONE.address || (entry & PAGE_OWNED && !own))
        return;
    arch_unmap(space, address);
    if (entry & PAGE_OWNED)
        quota_give(space->quota, frame);
}

bool space_drop(struct space *space, uint32_t *at, uint32_t end, bool own, uint32_t limit)
{
    while ((*at = arch_next_page(space, *at, end)) < end) {
        drop_page(space, *at, own);
        *at += PAGE_SIZE;
        if (schedule_preempt_point() || --limit == 0)
            return false;
    }
    return true;
}

/* Takes a region without pages out of the space. */
static void region_destroy(struct space *space, struct region *region)
{
    region_remove(&space->regions, region);
    if (region->memory) {
        memory_detach(region);
        object_drop(&region->memory->object);
    }
    slab_give(space->quota, region);
}

bool space_clear(struct space *space)
{
    struct region *region = region_next(&space->regions, 0);

    if (!region)
        return true;
    uint32_t at = region->start;
    if (space_drop(space, &at, region->end, true, PAGES_A_PIECE))
        region_destroy(space, region);
    return false;
}

void space_destroy(struct space *space)
{
    assert(space->regions.count == 0);
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
    if (region->memory) {
        object_hold(&region->memory->object);
        memory_attach_rest(region, rest);
    }
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

    if (!region || !next || !region_continues(region, next) ||
        (next->memory && !memory_at_rest(next->memory)))
        return;
    uint32_t end = next->end;
    region_destroy(space, next);
    region_extend(&space->regions, region, end);
}

bool space_add(struct space *space, const struct region *like, uint32_t start,
               uint32_t end)
{
    struct region *before = region_ending(&space->regions, start);
    struct region part = *like;

    part.start = start;
    part.end = end;
    part.offset += like->memory ? start - like->start : 0;
    part.space = space;
    if (before && region_continues(before, &part)) {
        region_extend(&space->regions, before, end);
        return true;
    }
    struct region *region = slab_take(space->quota, SLAB_SMALL);
    if (!region)
        return false;
    *region = part;
    region_insert(&space->regions, region);
    if (part.memory) {
        object_hold(&part.memory->object);
        memory_attach(region);
    }
    return true;
}

long space_unmap(struct space *space, uint32_t address, uint32_t size, uint32_t *progress)
{
    struct region *region;
    uint32_t end = address + size;

    if (!space_range_ok(address, size) || *progress >= size)
        return -EINVAL;
    if (isolate(space, address + *progress, end))
        return -ENOMEM;
    /* nothing below fails */
    while ((region = region_next(&space->regions, address + *progress)) &&
           region->start < end) {
        uint32_t at = region->start;
        if (!space_drop(space, &at, region->end, true, UINT32_MAX))
            return AGAIN;
        *progress = region->end - address;
        region_destroy(space, region);
        if (*progress < size && schedule_preempt_point())
            return AGAIN;
    }
    *progress = 0;
    return 0;
}

/* Checks the wish for an address; puts the one to use into map->address. */
static long choose_address(struct space *space, struct memory_map *map)
{
    if (map->flags & MEMORY_FIXED) {
        if (!space_range_ok(map->address, map->size))
            return -EINVAL;
        struct region *next = region_next(&space->regions, map->address);
        if (!(map->flags & MEMORY_REPLACE) && next &&
            next->start < map->address + map->size)
            return -EEXIST;
        return 0;
    }
    uint32_t from = map->address ? map->address : ANYWHERE_START;
    if (from % PAGE_SIZE || map->size == 0 || map->size % PAGE_SIZE ||
        map->flags & MEMORY_REPLACE)
        return -EINVAL;
    uint32_t found = 0;
    if (from >= USER_START && from < USER_END)
        found = region_gap(&space->regions, from, map->size, USER_END);
    if (!found)
        found = region_gap(&space->regions, USER_START, map->size, USER_END);
    map->address = found;
    return found ? 0 : -ENOMEM;
}

static long check_map(const struct memory_map *map, const struct memory *memory,
                      uint32_t allowed)
{
    if (map->flags &
        ~(MEMORY_PROTECTION | MEMORY_FIXED | MEMORY_REPLACE | MEMORY_PRIVATE))
        return -EINVAL;
    if (map->flags & MEMORY_PROTECTION & ~allowed)
        return -EPERM;
    if (!memory)
        return map->offset == 0 ? 0 : -EINVAL;
    if (map->offset % PAGE_SIZE || map->offset > memory->size ||
        map->size > memory->size - map->offset)
        return -EINVAL;
    return 0;
}

/* Puts the new mapping in place of all that is in its range, region by region; each goes
 * when its pages are gone, and leaves its memory to the new one. */
static long replace(struct space *space, const struct region *like, uint32_t *progress)
{
    uint32_t at = like->start + *progress;
    struct region *region;

    if (isolate(space, at, like->end))
        return -ENOMEM;
    while ((region = region_next(&space->regions, at)) && region->start < like->end) {
        uint32_t page = region->start;
        if (!space_drop(space, &page, region->end, true, UINT32_MAX))
            return AGAIN;
        uint32_t end = region->end;
        region_destroy(space, region);
        bool added = space_add(space, like, at, end);
        assert(added);
        at = end;
        *progress = at - like->start;
        if (at < like->end && schedule_preempt_point())
            return AGAIN;
    }
    *progress = 0;
    return at == like->end || space_add(space, like, at, like->end) ? 0 : -ENOMEM;
}

long space_map(struct space *space, struct memory_map *map, struct memory *memory,
               uint32_t allowed, uint32_t *progress)
{
    long error;

    if ((error = check_map(map, memory, allowed)) || (error = choose_address(space, map)))
        return error;
    if (*progress >= map->size)
        return -EINVAL;
    uint32_t private = memory ? map->flags & MEMORY_PRIVATE : 0;
    struct region like = {
        .start = map->address,
        .end = map->address + map->size,
        .protection = (map->flags & MEMORY_PROTECTION) | private,
        .allowed = allowed,
        .memory = memory,
        .offset = map->offset,
    };
    if ((error = replace(space, &like, progress)))
        return error;
    join(space, like.end);
    join(space, like.start);
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
        if (schedule_preempt_point())
            continue; /* only to let interrupts in: nothing has been done yet */
    }
    return 0;
}

/* Changes the entries of [*at, end), or those up to where it is interrupted. */
static void protect_pages(struct space *space, const struct region *region, uint32_t *at,
                          uint32_t end)
{
    uint32_t entry;

    while ((*at = arch_next_page(space, *at, end)) < end) {
        phys_t frame = arch_lookup(space, *at, &entry);
        if (frame.address != PHYS_NONE.address)
            arch_remap(space, *at, frame, space_entry(region, frame, entry & PAGE_OWNED));
        *at += PAGE_SIZE;
        if (schedule_preempt_point())
            return;
    }
}

/* Isolates what has another protection. A region that an interrupted call left half way
 * has the new one already. */
static long isolate_others(struct space *space, uint32_t start, uint32_t end,
                           uint32_t protection)
{
    const struct region *region = region_find(&space->regions, start);
    bool left = (region->protection & MEMORY_PROTECTION) == protection;

    return isolate(space, left ? USER_START : start, end);
}

long space_protect(struct space *space, uint32_t address, uint32_t size,
                   uint32_t protection, uint32_t *progress)
{
    uint32_t end = address + size;
    uint32_t at = address + *progress;
    long error;

    if (!space_range_ok(address, size) || protection & ~MEMORY_PROTECTION ||
        *progress >= size)
        return -EINVAL;
    if ((error = check_protect(space, at, end, protection)) ||
        (error = isolate_others(space, at, end, protection)))
        return error;
    /* nothing below fails */
    while (at < end) {
        struct region *region = region_find(&space->regions, at);
        uint32_t stop = region->end < end ? region->end : end;
        region->protection = (region->protection & MEMORY_PRIVATE) | protection;
        protect_pages(space, region, &at, stop);
        *progress = at - address;
        if (at < stop)
            return AGAIN;
        join(space, region->start);
    }
    join(space, end);
    *progress = 0;
    return 0;
}
