/* SPDX-License-Identifier: MIT */
/*
 * Handle tables. A handle's value is a slot (low HANDLE_SLOT_BITS bits) and the slot's
 * generation above it, which changes with every use of the slot: a stale handle is an
 * error. Freed slots are used again in the order in which they were freed, so that a
 * generation comes back late.
 *
 * The first slots stand in the process's own page; the others in pages that a directory
 * page names, both taken at the process's cost when needed.
 */
#ifndef KERNEL_HANDLE_H
#define KERNEL_HANDLE_H

#include <limen/types.h>

#include "object.h"
#include "quota.h"

#define HANDLE_SLOT_BITS 18
#define HANDLE_GENERATION_MAX 0x1fffu /* values stay positive as results */

struct handle_slot {
    struct object *object; /* held, or NULL: free */
    uint32_t generation : 13;
    uint32_t next : 19; /* free: the next free slot, or HANDLE_NO_SLOT */
};

#define HANDLE_NO_SLOT 0x7ffffu
#define HANDLE_SLOTS_PER_PAGE (4096 / sizeof(struct handle_slot))

struct handle_table {
    struct handle_slot *first;      /* [I] borrowed: in the process's own page */
    uint32_t first_count;           /* [I] */
    struct handle_slot **directory; /* [k] owned: page of pointers to pages of slots */
    uint32_t count;                 /* [k] slots there are */
    uint32_t used;                  /* [k] slots in use */
    uint32_t free_head, free_tail;  /* [k] slots, or HANDLE_NO_SLOT */
    struct quota *quota;            /* [I] borrowed: pays for the pages */
};

void handle_table_init(struct handle_table *table, struct quota *quota,
                       struct handle_slot *first, uint32_t first_count);

/* Closes everything and gives back the pages. No handle can be added afterwards. */
void handle_table_destroy(struct handle_table *table);

/* Adds a handle to the object, which it holds; the handle's value, or -ENOMEM. */
[[nodiscard]] long handle_add(struct handle_table *table, struct object *object);

/* The object, borrowed, or NULL: no such handle, or an object of another type. */
struct object *handle_find(struct handle_table *table, handle_t handle,
                           enum object_type type);

/* Takes the handle out of the table and gives its hold on the object to the caller, or
 * NULL. */
struct object *handle_take(struct handle_table *table, handle_t handle);

#endif
