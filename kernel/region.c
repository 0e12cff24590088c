/* SPDX-License-Identifier: MIT */
/* The region map of region.h. */
#include "region.h"

#include "assert.h"

/*@ assigns \nothing; */
static struct region *region_of(const struct tree_node *node)
{
    return node ? container_of(node, struct region, node) : NULL;
}

static bool before(const struct tree_node *a, const struct tree_node *b)
{
    return region_of(a)->start < region_of(b)->start;
}

/*@ assigns \nothing;
    ensures \result == \max(a, b); */
static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void update(struct tree_node *node)
{
    struct region *region = region_of(node);
    struct region *left = region_of(node->left);
    struct region *right = region_of(node->right);

    region->lowest = region->start;
    region->highest = region->end;
    region->widest = 0;
    if (left) {
        region->lowest = left->lowest;
        region->widest = larger(left->widest, region->start - left->highest);
    }
    if (right) {
        uint32_t gap = larger(right->widest, right->lowest - region->end);
        region->highest = right->highest;
        region->widest = larger(region->widest, gap);
    }
}

void region_map_init(struct region_map *map)
{
    *map = (struct region_map){.tree = {.before = before, .update = update}};
}

void region_insert(struct region_map *map, struct region *region)
{
    assert(region->start < region->end);
    tree_insert(&map->tree, &region->node);
    map->count++;
}

void region_remove(struct region_map *map, struct region *region)
{
    tree_remove(&map->tree, &region->node);
    map->count--;
}

static bool ends_after(const struct tree_node *node, const void *address)
{
    return region_of(node)->end > *(const uint32_t *)address;
}

static bool ends_at_or_after(const struct tree_node *node, const void *address)
{
    return region_of(node)->end >= *(const uint32_t *)address;
}

struct region *region_next(const struct region_map *map, uint32_t address)
{
    return region_of(tree_search(&map->tree, ends_after, &address));
}

struct region *region_find(const struct region_map *map, uint32_t address)
{
    struct region *region = region_next(map, address);

    return region && region->start <= address ? region : NULL;
}

struct region *region_ending(const struct region_map *map, uint32_t address)
{
    struct region *region =
        region_of(tree_search(&map->tree, ends_at_or_after, &address));

    return region && region->end == address ? region : NULL;
}

bool region_continues(const struct region *region, const struct region *next)
{
    return region->end == next->start && region->protection == next->protection &&
           region->allowed == next->allowed && region->memory == next->memory &&
           (!region->memory ||
            next->offset - region->offset == next->start - region->start);
}

void region_extend(struct region_map *map, struct region *region, uint32_t end)
{
    tree_remove(&map->tree, &region->node);
    region->end = end;
    tree_insert(&map->tree, &region->node);
}

void region_split(struct region_map *map, struct region *region, uint32_t address,
                  struct region *rest)
{
    assert(region->start < address && address < region->end);
    tree_remove(&map->tree, &region->node);
    *rest = *region;
    rest->start = address;
    rest->offset += address - region->start;
    region->end = address;
    tree_insert(&map->tree, &region->node);
    tree_insert(&map->tree, &rest->node);
    map->count++;
}

/*
 * The lowest fitting address >= from in a gap before one of the subtree's regions, or 0.
 * `after` is the end of what precedes the subtree. Only one path holds gaps that are wide
 * enough but lie below `from`, so the search is O(log n).
 */
/*@ assigns \nothing;
    ensures \result == 0 || \result >= from; */
static uint32_t gap_before(const struct region *region, uint32_t after, uint32_t from,
                           uint32_t size)
{
    if (!region || region->highest <= from)
        return 0;
    if (larger(region->widest, region->lowest - after) < size)
        return 0;

    struct region *left = region_of(region->node.left);
    uint32_t address = gap_before(left, after, from, size);
    if (address)
        return address;

    address = larger(from, left ? left->highest : after);
    if (address <= region->start && region->start - address >= size)
        return address;
    return gap_before(region_of(region->node.right), region->end, from, size);
}

/*@ requires \valid_read(map);
    assigns \nothing;
    ensures \result == 0 || (\result >= from && \result + size <= limit); */
uint32_t region_gap(const struct region_map *map, uint32_t from, uint32_t size,
                    uint32_t limit)
{
    struct region *root = region_of(map->tree.root);
    uint32_t address = gap_before(root, 0, from, size);

    if (!address)
        address = larger(from, root ? root->highest : 0);
    return address <= limit && limit - address >= size ? address : 0;
}
