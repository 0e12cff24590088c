/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: the region map says what should be where, the page tables what is there
 * now. Pages come when they are touched.
 *
 * An entry of a page table that is PAGE_OWNED holds its frame and is charged for it: a
 * page of the process's own, or its copy of an object's page. The others show pages of
 * memory objects, which hold them. No entry is writable while its frame is shared.
 *
 * Long operations may be interrupted: they answer AGAIN and are called once more, with
 * the same *progress, which is 0 at first and at the end.
 */
#ifndef KERNEL_SPACE_H
#define KERNEL_SPACE_H

#include <limen/abi.h>

#include "memory_object.h"
#include "quota.h"
#include "region.h"

struct space {
    struct region_map regions;
    struct quota *quota; /* [I] borrowed: the process's, pays for pages and tables */
    phys_t directory;    /* [I] owned: the page directory */
};

/* -ENOMEM if the quota has no page for the directory. */
[[nodiscard]] long space_init(struct space *space, struct quota *quota);

/* Unmaps some of what is mapped; true if nothing is left. */
bool space_clear(struct space *space);
/* The space must have been cleared. */
void space_destroy(struct space *space);

/* The system calls on memory, arguments checked here; results as in syscalls.def, or
 * AGAIN. map->address is where memory is wanted and then where it is; `allowed` is the
 * most that its protection may become. `memory` may be NULL. */
[[nodiscard]] long space_map(struct space *space, struct memory_map *map,
                             struct memory *memory, uint32_t allowed, uint32_t *progress);
[[nodiscard]] long space_unmap(struct space *space, uint32_t address, uint32_t size,
                               uint32_t *progress);
[[nodiscard]] long space_protect(struct space *space, uint32_t address, uint32_t size,
                                 uint32_t protection, uint32_t *progress);

/* Makes a copy of a whole space in an empty one: pages of its own are shared until one of
 * the two writes, memory objects are mapped again. Begins at address *at. -ENOMEM: what
 * is there stays there. AGAIN. */
[[nodiscard]] long space_clone(struct space *clone, struct space *space, uint32_t *at);

/* Takes the pages of [*at, end) out of the page tables; what the space owns of them only
 * if `own`. False if interrupted, or if so many were taken: *at tells how far it came. */
bool space_drop(struct space *space, uint32_t *at, uint32_t end, bool own,
                uint32_t limit);

/* Makes [start, end), where nothing may be mapped, part of the mapping that `like`
 * describes: by a longer region, or by a new one. False: there is no memory for that. */
[[nodiscard]] bool space_add(struct space *space, const struct region *like,
                             uint32_t start, uint32_t end);

/* Makes the page at the address present, and writable if `write`, as far as the regions
 * allow. */
enum fault_result space_fault(struct space *space, uint32_t address, bool write);

/* What an entry of the region may say now. */
uint32_t space_entry(const struct region *region, phys_t frame, bool owned);

/* The frame behind an address, made present for reading or writing; PHYS_NONE if it may
 * not. */
phys_t space_page(struct space *space, uint32_t address, bool write);

/* Whether [address, address + size) is in whole pages, not empty, and user memory. */
bool space_range_ok(uint32_t address, uint32_t size);

#endif
