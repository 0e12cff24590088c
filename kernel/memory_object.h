/* SPDX-License-Identifier: MIT */
/*
 * Memory objects: pages that can be mapped into several address spaces. An anonymous
 * object's frames come when they are touched, at the cost of the quota that made it; a
 * physical one's are where the machine has them.
 *
 * A clone shares the frames of its origin: each object holds each of its frames, and pays
 * for it in full, so that who ends first changes nobody's bill. No frame that is held
 * more than once is ever mapped writable; whoever wants to write first takes a copy, or
 * the frame itself if nobody else holds it any more. Nothing leads from a clone to its
 * origin.
 *
 * Page tables hold an object's frames without counting them. What must leave all of them
 * is swept out, mapping by mapping, in pieces: while a sweep goes on, no page in its
 * range comes into any page table, and whoever wants one there helps to finish the sweep.
 * Mappings that are done wait behind the marker in the list.
 */
#ifndef KERNEL_MEMORY_OBJECT_H
#define KERNEL_MEMORY_OBJECT_H

#include "object.h"
#include "page_tree.h"

struct region;

enum sweep_kind {
    SWEEP_SHARE,  /* the frames were shared: no entry may say that they are writable */
    SWEEP_COPY,   /* one page, which gets a frame of its own at the end */
    SWEEP_SHRINK, /* pages beyond the object's end, private copies of them as well */
};

struct memory {
    struct object object;
    struct quota *quota;       /* [I] borrowed: pays, and stays as long as it does */
    uint32_t size;             /* [k] bytes, whole pages */
    phys_t base;               /* [I] physical: its first frame; anonymous: PHYS_NONE */
    struct page_tree pages;    /* [k] owned: the frames of an anonymous object */
    uint32_t page_count;       /* [k] of them */
    struct list mappings;      /* [k] regions */
    struct list marker;        /* [k] in mappings while a sweep goes on */
    uint32_t sweep_first : 24; /* [k] pages [first, end) are swept */
    uint32_t sweep_kind : 8;
    uint32_t sweep_end;
    uint32_t sweep_at; /* [k] how far in the first mapping */
    uint32_t sweeps;   /* [k] the number of the last one begun; 0: none */
};

enum fault_result {
    FAULT_RESOLVED,
    FAULT_BAD_ADDRESS,
    FAULT_NO_MEMORY,
    FAULT_AGAIN, /* interrupted: to be tried once more */
};

/* NULL: the quota has no memory for it. The caller holds it. */
[[nodiscard]] struct memory *memory_create(struct quota *quota, uint32_t size);
[[nodiscard]] struct memory *memory_create_physical(struct quota *quota, phys_t base,
                                                    uint32_t size);

/* Object's end. Its frames go when the kernel is left. */
void memory_destroy(struct memory *memory);

/* Frees some of what ended objects held; false if there was nothing. */
bool memory_reap(void);

static inline bool memory_physical(const struct memory *memory)
{
    return memory->base.address != PHYS_NONE.address;
}

/* The frame of a page; for writing, one that nobody else holds. Not FAULT_RESOLVED: there
 * is none, there is no memory for it, or a sweep was interrupted. */
enum fault_result memory_page(struct memory *memory, uint32_t index, bool write,
                              phys_t *frame);

/* A region that maps the object comes, goes, or is about to be split. */
void memory_attach(struct region *region);
void memory_detach(struct region *region);
void memory_attach_rest(struct region *region, struct region *rest);

/* Whether two regions may become one: not while a sweep knows them apart. */
static inline bool memory_at_rest(const struct memory *memory)
{
    return !list_in(&memory->marker);
}

/* Changes the size of an anonymous object. 0 or AGAIN. */
[[nodiscard]] long memory_resize(struct memory *memory, uint32_t size);

/* Makes the clone, which is new, share the origin's frames from page *at on, as far as
 * both of them have pages. -ENOMEM: the clone is then good for its end only. AGAIN. */
[[nodiscard]] long memory_share(struct memory *clone, struct memory *origin,
                                uint32_t *at);

/* Sees to it that the origin's frames are nowhere writable. *ticket is 0 at first. AGAIN.
 */
[[nodiscard]] long memory_protect_shared(struct memory *origin, uint32_t *ticket);

#endif
