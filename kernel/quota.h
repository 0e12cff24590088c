/* SPDX-License-Identifier: MIT */
/*
 * Quotas and the slabs that belong to them. A quota counts frames and nothing else: every
 * frame taken for a process, for its pages, page tables or kernel objects, is charged
 * here. Kernel objects are carved out of frames that belong to one quota alone, so that
 * one process cannot make another pay, or hold frames that it is not charged for.
 *
 * A process's quota is cut out of its parent's and stands in the process's first frame,
 * which is charged to it first. When the process is gone, objects charged to it may live
 * on, held by others: its quota is then an orphan. All that an orphan does not use, and
 * whatever comes back to it, is its parent's again; with the last object goes the frame
 * that it stands in. No quota's parent is an orphan.
 */
#ifndef KERNEL_QUOTA_H
#define KERNEL_QUOTA_H

#include "frame.h"
#include "list.h"

/* Sizes of kernel objects; a page of a quota's slabs holds objects of one size. */
enum slab_size {
    SLAB_SMALL, /* 16 words: regions, memory, endpoints, reply objects, … */
    SLAB_THREAD,
    SLAB_FPU,
    SLAB_PORT,
    SLAB_REQUEST,
    SLAB_SIZES,
};

#define SLAB_SMALL_SIZE (16 * sizeof(void *))

struct quota {
    uint32_t limit;       /* [k] frames; changes only when it is an orphan */
    uint32_t used;        /* [k] of them in use or given to children */
    bool orphan;          /* [k] */
    struct quota *parent; /* [k] borrowed: its `used` counts `limit`; or NULL */
    struct list children; /* [k] quotas cut out of this one */
    struct list sibling;  /* [k] in parent->children */
    struct list partial[SLAB_SIZES]; /* [k] slab pages with room */
};

/* Begins with nothing used. The parent (NULL: the machine) is charged `limit` already. */
void quota_init(struct quota *quota, struct quota *parent, uint32_t limit);

/* Makes one of the quota's children its parent's; false if there is none left. */
bool quota_move_child(struct quota *quota);

/* Makes an orphan of a quota without children. It may be gone afterwards. */
void quota_orphan(struct quota *quota);

/* Charges and uncharges so many frames. An orphan may be gone after the latter. */
[[nodiscard]] bool quota_charge(struct quota *quota, uint32_t frames);
void quota_uncharge(struct quota *quota, uint32_t frames);

/* Takes a frame at the quota's cost, PHYS_NONE if quota or machine have none; gives it
 * back. */
[[nodiscard]] phys_t quota_take(struct quota *quota, enum frame_kind kind);
void quota_give(struct quota *quota, phys_t frame);

/* A zeroed object of that size, or NULL; 16-byte aligned, threads 8-byte aligned. */
[[nodiscard]] void *slab_take(struct quota *quota, enum slab_size size);
void slab_give(struct quota *quota, void *object);

#endif
