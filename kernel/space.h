/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: the region map says what should be where, the page tables what is there
 * now. Pages come when they are touched.
 */
#ifndef KERNEL_SPACE_H
#define KERNEL_SPACE_H

#include "quota.h"
#include "region.h"

struct space {
    struct region_map regions;
    struct quota *quota; /* [I] borrowed: the process's, pays for pages and tables */
    phys_t directory;    /* [I] owned: the page directory */
};

enum fault_result {
    FAULT_RESOLVED,
    FAULT_BAD_ADDRESS,
    FAULT_NO_MEMORY,
};

/* -ENOMEM if the quota has no page for the directory. */
[[nodiscard]] long space_init(struct space *space, struct quota *quota);
void space_destroy(struct space *space);

/* The system calls on memory, arguments checked here; results as in syscalls.def.
 * *address is where memory is wanted and then where it is; `allowed` the most that the
 * mapping's protection may ever be. */
[[nodiscard]] long space_map(struct space *space, uint32_t *address, uint32_t size,
                             uint32_t flags, uint32_t allowed, struct memory *memory,
                             uint32_t offset);
[[nodiscard]] long space_unmap(struct space *space, uint32_t address, uint32_t size);
[[nodiscard]] long space_protect(struct space *space, uint32_t address, uint32_t size,
                                 uint32_t protection);

/* Makes the page at the address present, and writable if `write`, as far as the regions
 * allow. */
enum fault_result space_fault(struct space *space, uint32_t address, bool write);

/* The frame behind an address, made present for reading or writing; PHYS_NONE if it may
 * not. */
phys_t space_page(struct space *space, uint32_t address, bool write);

/* Whether [address, address + size) is in whole pages, not empty, and user memory. */
bool space_range_ok(uint32_t address, uint32_t size);

#endif
