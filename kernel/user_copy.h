/* SPDX-License-Identifier: MIT */
/*
 * The only way from a user pointer to data. A user pointer is an allegation: the range is
 * checked against the kernel's part of the address space without overflow, and a fault
 * while copying is either resolved (a page not yet there) or ends the copy with -EFAULT.
 * Read a structure once, and judge the copy.
 */
#ifndef KERNEL_USER_COPY_H
#define KERNEL_USER_COPY_H

#include <limen/layout.h>
#include <limen/types.h>
#include <stdbool.h>

#include "assert.h"
#include "error.h"

/* Whether the range lies below the kernel, whatever is mapped there. */
/*@ assigns \nothing;
    ensures \result <==> pointer.address + size <= KERNEL_BASE; */
static inline bool user_range_ok(struct user_ptr pointer, uint32_t size)
{
    return size <= KERNEL_BASE && pointer.address <= KERNEL_BASE - size;
}

/* The copies themselves, of ranges that were checked. */
[[nodiscard]] long user_copy_from(void *to, struct user_ptr from, uint32_t size);
[[nodiscard]] long user_copy_to(struct user_ptr to, const void *from, uint32_t size);

/* Writes a word, at an address that was checked; as copy_to_user. */
[[nodiscard]] long user_put(struct user_ptr to, uint32_t value);

/* The same for four words. */
[[nodiscard]] long user_put_4(struct user_ptr to, const void *from);

/* 0, -EFAULT, or -ENOMEM for a page that is not there yet. `to` may have been written in
 * part. */
[[nodiscard]] static inline long copy_from_user(void *to, struct user_ptr from,
                                                uint32_t size)
{
    return likely(user_range_ok(from, size)) ? user_copy_from(to, from, size) : -EFAULT;
}

/* The same. The user's memory may have been written in part. */
[[nodiscard]] static inline long copy_to_user(struct user_ptr to, const void *from,
                                              uint32_t size)
{
    return likely(user_range_ok(to, size)) ? user_copy_to(to, from, size) : -EFAULT;
}

static inline bool user_null(struct user_ptr pointer)
{
    return pointer.address == 0;
}

static inline struct user_ptr user_add(struct user_ptr pointer, uint32_t offset)
{
    return (struct user_ptr){pointer.address + offset};
}

#endif
