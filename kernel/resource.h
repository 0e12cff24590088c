/* SPDX-License-Identifier: MIT */
/*
 * Resources: authority over a range of I/O ports, physical memory, IRQ lines, and what
 * else struct resource_range tells. The root resource covers everything; from any a
 * narrower one can be derived, which stands for itself: it outlives the one that it came
 * from.
 */
#ifndef KERNEL_RESOURCE_H
#define KERNEL_RESOURCE_H

#include <limen/abi.h>

#include "object.h"
#include "quota.h"

struct resource {
    struct object object;
    struct quota *quota;  /* [I] borrowed: pays for it; NULL: the root's */
    uint32_t kind;        /* [I] enum resource_kind; of the root: RESOURCE_KINDS */
    uint32_t first, last; /* [I] the range, both included; of the root: unused */
};

extern struct resource resource_root;

void resource_init(void);

/* Whether the resource covers [first, first + count) of the kind. -EINVAL: there is no
 * such thing. -EPERM: it does not. */
[[nodiscard]] long resource_check(const struct resource *resource, uint32_t kind,
                                  uint32_t first, uint32_t count);

/* Makes a resource for a range that resource_check has let pass, at the quota's cost;
 * NULL if there is no memory. The caller holds it. */
[[nodiscard]] struct resource *resource_create(struct quota *quota, uint32_t kind,
                                               uint32_t first, uint32_t count);

/* Object's end. */
void resource_destroy(struct resource *resource);

/* Finds the resource, borrowed, behind a handle of the running thread's process, if it
 * has the rights and covers the range. -EBADF, -EINVAL, -EPERM. */
[[nodiscard]] long resource_look(handle_t handle, uint32_t rights, uint32_t kind,
                                 uint32_t first, uint32_t count);

#endif
