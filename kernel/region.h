/* SPDX-License-Identifier: MIT */
/*
 * The map of an address space: which ranges are mapped, how, and to what. Regions never
 * touch each other's addresses and are never empty. The tree knows the widest gap in each
 * subtree, so that finding room is O(log n) too. Pure logic: no page table is touched
 * here.
 */
#ifndef KERNEL_REGION_H
#define KERNEL_REGION_H

#include <stdint.h>

#include "list.h"
#include "tree.h"

struct memory;
struct space;

struct region {
    struct tree_node node;
    uint32_t start, end;      /* [start, end), whole pages */
    uint32_t protection;      /* MEMORY_READ, …, MEMORY_PRIVATE */
    uint32_t allowed;         /* the most that the protection may become */
    struct memory *memory;    /* held, or NULL: zero-filled pages of the process */
    uint32_t offset;          /* of start, in memory */
    struct list mapping;      /* if memory: in its list */
    struct space *space;      /* borrowed: in which it is */
    uint32_t lowest, highest; /* of the subtree: first start, last end */
    uint32_t widest; /* of the subtree: the widest gap between two of its regions */
};

struct region_map {
    struct tree tree;
    uint32_t count;
};

void region_map_init(struct region_map *map);

/* Adds a region, whose range must be free. */
void region_insert(struct region_map *map, struct region *region);
void region_remove(struct region_map *map, struct region *region);

/* The region that holds the address, or NULL. */
struct region *region_find(const struct region_map *map, uint32_t address);

/* The first region that ends after the address, or NULL. */
struct region *region_next(const struct region_map *map, uint32_t address);

/* The region that ends exactly at the address, or NULL. */
struct region *region_ending(const struct region_map *map, uint32_t address);

/* Whether `next` continues `region`: adjacent, and alike in all else. */
bool region_continues(const struct region *region, const struct region *next);

/* Makes the region longer: up to `end`, which must be free. */
void region_extend(struct region_map *map, struct region *region, uint32_t end);

/* Splits the region at the address inside it; `rest` becomes the upper part. */
void region_split(struct region_map *map, struct region *region, uint32_t address,
                  struct region *rest);

/* The lowest address >= from of `size` free bytes below `limit`; 0 if there is none. */
uint32_t region_gap(const struct region_map *map, uint32_t from, uint32_t size,
                    uint32_t limit);

#endif
