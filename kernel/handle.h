/* SPDX-License-Identifier: MIT */
/*
 * Handle tables. A handle's value is a slot (low HANDLE_SLOT_BITS bits) and the slot's
 * generation above it, which changes with every use of the slot: a stale handle is an
 * error. Freed slots are used again in the order in which they were freed, so that a
 * generation comes back late.
 *
 * A slot also holds the rights of its handle: rather those that it lacks, so that one
 * comparison tells whether the slot is in use, has this generation, and has all rights
 * that are asked for (handle_slot_fits).
 *
 * The first slots end the process's own page; the others stand in pages that a directory
 * page names, both taken at the process's cost when needed.
 */
#ifndef KERNEL_HANDLE_H
#define KERNEL_HANDLE_H

#include <limen/abi.h>

#include "object.h"
#include "quota.h"

#define HANDLE_SLOT_BITS 18
#define HANDLE_GENERATION_MAX 0x1fffu /* values stay positive as results */

struct handle_slot {
    union {
        struct object *object; /* in use: held */
        uintptr_t next;        /* free: the next free slot, or HANDLE_NO_SLOT */
    };
    uint32_t tag; /* see below */
};

/*
 * A tag, from bit 0 on: rights that the handle lacks (18 bits), generation (13 bits), 0.
 * Of a free slot: no rights, the generation to come, 1. The generation stands where a
 * handle's value has it, so that one XOR compares them; and whoever asks for a right need
 * not ask for more.
 *
 * RIGHT_SEND is only ever had by an endpoint's handles, RIGHT_RECEIVE and RIGHT_MINT by a
 * port's: there the right tells the type.
 */
#define HANDLE_FREE (1u << 31)
#define HANDLE_NO_SLOT ((1u << HANDLE_SLOT_BITS) - 1) /* as the next free slot */
#define HANDLE_SLOTS_PER_PAGE (4096 / sizeof(struct handle_slot))

/* The bits in which a tag and a handle without its slot must agree for the handle to be
 * good and to have those rights. */
#define HANDLE_TAG_MASK(rights) (~0u << HANDLE_SLOT_BITS | (rights))

struct handle_table {
    struct handle_slot *home;       /* [I] borrowed: the process's own page */
    uint32_t absent;                /* [I] slots at its begin that are none */
    struct handle_slot **directory; /* [k] the pages of slots: &home, or an owned page */
    uint32_t count;                 /* [k] slots there are */
    uint32_t fresh;                 /* [k] the first slot that was never used */
    uint32_t used;                  /* [k] slots in use */
    uint32_t free_head, free_tail;  /* [k] slots, or HANDLE_NO_SLOT */
    struct quota *quota;            /* [I] borrowed: pays for the pages */
};

/* The first slots are the last ones of a page. */
void handle_table_init(struct handle_table *table, struct quota *quota,
                       struct handle_slot *first, uint32_t first_count);

/* Closes some handles and gives back pages that are then empty, from the last slot down;
 * true if nothing is left. No handle can be added from then on. */
bool handle_table_clear(struct handle_table *table);

/* Makes `to`, which has no handles, a copy of `from`, with the same values, as far as
 * they may be both duplicated and transferred. Begins with *slot 0 and does a piece: 0,
 * AGAIN, or -ENOMEM: what is copied stays. */
[[nodiscard]] long handle_table_copy(struct handle_table *to, struct handle_table *from,
                                     uint32_t *slot);

/* Adds a handle to the object, which it holds, with those of the rights that mean
 * something for it; the handle's value, or -ENOMEM. */
[[nodiscard]] long handle_add(struct handle_table *table, struct object *object,
                              uint32_t rights);

static inline struct handle_slot *handle_slot_at(struct handle_table *table,
                                                 uint32_t index)
{
    index += table->absent;
    return &table
                ->directory[index / HANDLE_SLOTS_PER_PAGE][index % HANDLE_SLOTS_PER_PAGE];
}

static inline bool handle_slot_fits(const struct handle_slot *slot, handle_t handle,
                                    uint32_t rights)
{
    uint32_t generation = handle.value >> HANDLE_SLOT_BITS << HANDLE_SLOT_BITS;

    return !(handle.value & HANDLE_FREE) &&
           ((slot->tag ^ generation) & HANDLE_TAG_MASK(rights)) == 0;
}

/* The slot of a good handle that has all those rights, or NULL. */
static inline struct handle_slot *handle_slot(struct handle_table *table, handle_t handle,
                                              uint32_t rights)
{
    uint32_t index = handle.value & ((1u << HANDLE_SLOT_BITS) - 1);

    if (unlikely(index >= table->count))
        return NULL;
    struct handle_slot *slot = handle_slot_at(table, index);
    return likely(handle_slot_fits(slot, handle, rights)) ? slot : NULL;
}

/* The rights of a handle in use. */
static inline uint32_t handle_rights(const struct handle_slot *slot)
{
    return ~slot->tag & RIGHTS_ALL;
}

/* The object, borrowed, or NULL: handle_look tells why. */
static inline struct object *handle_find(struct handle_table *table, handle_t handle,
                                         enum object_type type, uint32_t rights)
{
    struct handle_slot *slot = handle_slot(table, handle, rights);

    if (!slot || (type != OBJECT_ANY && slot->object->type != type))
        return NULL;
    return slot->object;
}

/* Finds the object, borrowed. -EBADF: no such handle, or an object of another type.
 * -EPERM: it lacks a right. */
[[nodiscard]] long handle_look(struct handle_table *table, handle_t handle,
                               enum object_type type, uint32_t rights,
                               struct object **object);

/* What a copy of the handle in `slot` may do that was asked for with `rights`, or
 * RIGHTS_SAME. -EPERM: more than the handle. -EINVAL: unknown rights. */
[[nodiscard]] long handle_narrow(const struct handle_slot *slot, uint32_t rights);

/* Takes the handle out of the table and gives its hold on the object to the caller, or
 * NULL. */
struct object *handle_take(struct handle_table *table, handle_t handle);

/* Why handle_find found nothing: -EPERM, it lacks a right, or -EBADF. */
long handle_error(struct handle_table *table, handle_t handle, enum object_type type);

#endif
