/* SPDX-License-Identifier: MIT */
/* Memory objects: see memory_object.h. */
#include "memory_object.h"

#include "arch.h"
#include "assert.h"
#include "error.h"
#include "schedule.h"
#include "space.h"

#define PAGES_A_PIECE 8u
#define SWEEPS_MAX 0x7fffffffu /* tickets are counted on from PAGE_TREE_PAGES */

static_assert(sizeof(struct memory) <= SLAB_SMALL_SIZE, "what is taken for it");

static struct list dying = {&dying, &dying}; /* linked by `mappings` */

static bool none(phys_t frame)
{
    return frame.address == PHYS_NONE.address;
}

static struct memory *create(struct quota *quota, uint32_t size, phys_t base)
{
    struct memory *memory = slab_take(quota, SLAB_SMALL);

    if (!memory)
        return NULL;
    object_init(&memory->object, OBJECT_MEMORY);
    memory->quota = quota;
    memory->size = size;
    memory->base = base;
    list_init(&memory->mappings);
    list_init(&memory->marker);
    return memory;
}

struct memory *memory_create(struct quota *quota, uint32_t size)
{
    assert(size % PAGE_SIZE == 0);
    return create(quota, size, PHYS_NONE);
}

struct memory *memory_create_physical(struct quota *quota, phys_t base, uint32_t size)
{
    assert((base.address | size) % PAGE_SIZE == 0 &&
           (!size || size - 1 <= ~base.address));
    return create(quota, size, base);
}

/* --- The end --- */

void memory_destroy(struct memory *memory)
{
    list_remove(&memory->marker);
    assert(list_empty(&memory->mappings));
    list_append(&dying, &memory->mappings);
    schedule_reap();
}

static void drop_page(struct memory *memory, uint32_t index)
{
    phys_t frame = page_tree_take(&memory->pages, memory->quota, index);

    memory->page_count--;
    quota_give(memory->quota, frame);
}

bool memory_reap(void)
{
    if (list_empty(&dying))
        return false;
    struct memory *memory = container_of(dying.next, struct memory, mappings);
    for (uint32_t i = 0; i < PAGES_A_PIECE && memory->page_count > 0; i++)
        drop_page(memory, page_tree_next(&memory->pages, 0));
    if (memory->page_count == 0) {
        list_remove(&memory->mappings);
        slab_give(memory->quota, memory);
    }
    return true;
}

/* --- Sweeps --- */

/* Where the object's page stands in the region; the region's ends, if beyond. */
static uint32_t address_of(const struct region *region, uint32_t index)
{
    uint32_t first = region->offset >> PAGE_SHIFT;
    uint32_t count = (region->end - region->start) >> PAGE_SHIFT;

    if (index <= first)
        return region->start;
    return index - first < count ? region->start + ((index - first) << PAGE_SHIFT)
                                 : region->end;
}

/* Sweeps the first mapping from sweep_at on; false if interrupted. */
static bool sweep_mapping(struct memory *memory, struct region *region)
{
    uint32_t from = address_of(region, memory->sweep_at);
    uint32_t at = from;
    bool done = space_drop(region->space, &at, address_of(region, memory->sweep_end),
                           memory->sweep_kind == SWEEP_SHRINK, UINT32_MAX);

    memory->sweep_at = (region->offset + at - region->start) >> PAGE_SHIFT;
    return done;
}

/* Gives the page a frame of its own. Its bill stays the same. As every hold on a frame is
 * paid for there is a free one, but for holds that the kernel has for a moment. */
static void copy_page(struct memory *memory, uint32_t index)
{
    phys_t old = page_tree_find(&memory->pages, index);

    if (none(old) || !frame_shared(old))
        return;
    phys_t copy = frame_take(FRAME_ANY);
    if (none(copy))
        return;
    arch_page_copy(copy, old);
    bool set = page_tree_set(&memory->pages, memory->quota, index, copy);
    assert(set);
    frame_drop(old);
}

/* Goes on with the sweep, if there is one; false if interrupted. */
static bool sweep_on(struct memory *memory)
{
    struct list *first;

    if (!list_in(&memory->marker))
        return true;
    while ((first = memory->mappings.next) != &memory->marker) {
        if (!sweep_mapping(memory, container_of(first, struct region, mapping)))
            return false;
        memory->sweep_at = memory->sweep_first;
        list_remove(first);
        list_append(&memory->mappings, first);
        if (schedule_preempt_point())
            return false;
    }
    list_remove(&memory->marker);
    if (memory->sweep_kind == SWEEP_COPY)
        copy_page(memory, memory->sweep_first);
    return true;
}

/* Begins one where none goes on. */
static void sweep_begin(struct memory *memory, enum sweep_kind kind, uint32_t first,
                        uint32_t end)
{
    memory->sweep_kind = kind;
    memory->sweep_first = first & (PAGE_TREE_PAGES * 2 - 1);
    memory->sweep_end = end;
    memory->sweep_at = first;
    memory->sweeps = memory->sweeps % SWEEPS_MAX + 1;
    list_append(&memory->mappings, &memory->marker);
}

void memory_attach(struct region *region)
{
    list_append(&region->memory->mappings, &region->mapping);
}

void memory_detach(struct region *region)
{
    struct memory *memory = region->memory;

    if (memory->mappings.next == &region->mapping)
        memory->sweep_at = memory->sweep_first;
    list_remove(&region->mapping);
}

void memory_attach_rest(struct region *region, struct region *rest)
{
    list_append(region->mapping.next, &rest->mapping);
}

/* --- Pages --- */

static enum fault_result fresh_page(struct memory *memory, uint32_t index, phys_t *frame)
{
    *frame = quota_take(memory->quota, FRAME_ANY);
    if (none(*frame))
        return FAULT_NO_MEMORY;
    if (!page_tree_set(&memory->pages, memory->quota, index, *frame)) {
        quota_give(memory->quota, *frame);
        return FAULT_NO_MEMORY;
    }
    memory->page_count++;
    arch_page_zero(*frame);
    return FAULT_RESOLVED;
}

enum fault_result memory_page(struct memory *memory, uint32_t index, bool write,
                              phys_t *frame)
{
    if (index >= memory->size >> PAGE_SHIFT)
        return FAULT_BAD_ADDRESS;
    if (memory_physical(memory)) {
        *frame = PHYS(memory->base.address + (index << PAGE_SHIFT));
        return FAULT_RESOLVED;
    }
    if (memory->sweep_first <= index && index < memory->sweep_end && !sweep_on(memory))
        return FAULT_AGAIN;
    *frame = page_tree_find(&memory->pages, index);
    if (none(*frame))
        return fresh_page(memory, index, frame);
    if (write && frame_shared(*frame)) {
        if (!sweep_on(memory))
            return FAULT_AGAIN;
        sweep_begin(memory, SWEEP_COPY, index, index + 1);
        if (!sweep_on(memory))
            return FAULT_AGAIN;
        *frame = page_tree_find(&memory->pages, index);
        if (frame_shared(*frame))
            return FAULT_NO_MEMORY;
    }
    return FAULT_RESOLVED;
}

/* --- Size and clones --- */

long memory_resize(struct memory *memory, uint32_t size)
{
    uint32_t pages = size >> PAGE_SHIFT;
    uint32_t index;

    if (!sweep_on(memory))
        return AGAIN;
    if (size < memory->size) {
        sweep_begin(memory, SWEEP_SHRINK, pages, memory->size >> PAGE_SHIFT);
        memory->size = size;
        if (!sweep_on(memory))
            return AGAIN;
    }
    /* Also what an interrupted call, now forgotten, left behind. */
    while ((index = page_tree_next(&memory->pages, memory->size >> PAGE_SHIFT)) <
           PAGE_TREE_PAGES) {
        drop_page(memory, index);
        if (schedule_preempt_point())
            return AGAIN;
    }
    memory->size = size;
    return 0;
}

long memory_share(struct memory *clone, struct memory *origin, uint32_t *at)
{
    uint32_t size = clone->size < origin->size ? clone->size : origin->size;
    uint32_t end = size >> PAGE_SHIFT;

    while ((*at = page_tree_next(&origin->pages, *at)) < end) {
        phys_t frame = page_tree_find(&origin->pages, *at);
        if (!quota_charge(clone->quota, 1))
            return -ENOMEM;
        if (!page_tree_set(&clone->pages, clone->quota, *at, frame)) {
            quota_uncharge(clone->quota, 1);
            return -ENOMEM;
        }
        frame_hold(frame);
        clone->page_count++;
        ++*at;
        if (schedule_preempt_point())
            return AGAIN;
    }
    return 0;
}

long memory_protect_shared(struct memory *origin, uint32_t *ticket)
{
    if (*ticket == 0) {
        if (!sweep_on(origin))
            return AGAIN;
        if (list_empty(&origin->mappings))
            return 0;
        sweep_begin(origin, SWEEP_SHARE, 0, origin->size >> PAGE_SHIFT);
        *ticket = origin->sweeps;
    }
    return origin->sweeps != *ticket || sweep_on(origin) ? 0 : AGAIN;
}
