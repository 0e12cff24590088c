/* SPDX-License-Identifier: MIT */
/*
 * Quotas and the slabs that belong to them. A quota counts frames and nothing else: every
 * frame taken for a process, for its pages, page tables or kernel objects, is charged
 * here. Kernel objects are carved out of frames that belong to one quota alone, so that
 * one process cannot make another pay, or hold frames that it is not charged for.
 */
#ifndef KERNEL_QUOTA_H
#define KERNEL_QUOTA_H

#include "frame.h"
#include "list.h"

/* Sizes of kernel objects; a page of a quota's slabs holds objects of one size. */
enum slab_size {
    SLAB_SMALL, /* regions */
    SLAB_THREAD,
    SLAB_FPU,
    SLAB_SIZES,
};

struct quota {
    uint32_t limit;                  /* [I] frames */
    uint32_t used;                   /* [k] of them in use or given to children */
    struct list partial[SLAB_SIZES]; /* [k] slab pages with room */
};

void quota_init(struct quota *quota, uint32_t limit);

/* Charges and uncharges so many frames. */
[[nodiscard]] bool quota_charge(struct quota *quota, uint32_t frames);
void quota_uncharge(struct quota *quota, uint32_t frames);

/* Takes a frame at the quota's cost, PHYS_NONE if quota or machine have none; gives it
 * back. */
[[nodiscard]] phys_t quota_take(struct quota *quota, enum frame_kind kind);
void quota_give(struct quota *quota, phys_t frame);

/* A zeroed object of that size, or NULL; 16-byte aligned. */
[[nodiscard]] void *slab_take(struct quota *quota, enum slab_size size);
void slab_give(struct quota *quota, void *object);

#endif
