/* SPDX-License-Identifier: MIT */
/* The sparse arrays of page_tree.h. An entry is a node or, on the lowest level, a frame's
 * address, which is never 0: frame 0 is the BIOS's. */
#include "page_tree.h"

#include "assert.h"

#define BITS 4u
#define ENTRIES (1u << BITS)

struct page_node {
    uintptr_t entries[ENTRIES];
};

static_assert(sizeof(struct page_node) == SLAB_SMALL_SIZE, "what is taken for it");

/* The entry of a node on that level (1: the lowest) that leads to the index. */
static uintptr_t *entry_of(struct page_node *node, uint32_t level, uint32_t index)
{
    return &node->entries[index >> (level - 1) * BITS & (ENTRIES - 1)];
}

static bool has_place(const struct page_tree *tree, uint32_t index)
{
    return index >> tree->height * BITS == 0;
}

/* The index's entry, or NULL where there is no node for it. */
static uintptr_t *find_entry(const struct page_tree *tree, uint32_t index)
{
    struct page_node *node = has_place(tree, index) ? tree->root : NULL;

    for (uint32_t level = tree->height; node && level > 1; level--)
        node = (struct page_node *)*entry_of(node, level, index);
    return node ? entry_of(node, 1, index) : NULL;
}

phys_t page_tree_find(const struct page_tree *tree, uint32_t index)
{
    const uintptr_t *entry = find_entry(tree, index);

    return entry && *entry ? PHYS((uint32_t)*entry) : PHYS_NONE;
}

static bool node_empty(const struct page_node *node)
{
    uintptr_t any = 0;

    for (uint32_t i = 0; i < ENTRIES; i++)
        any |= node->entries[i];
    return !any;
}

/* Gives back the empty nodes on the way to the index; true if `node` was one. */
static bool prune(struct quota *quota, struct page_node *node, uint32_t level,
                  uint32_t index)
{
    uintptr_t *entry = entry_of(node, level, index);

    if (level > 1 && *entry && prune(quota, (struct page_node *)*entry, level - 1, index))
        *entry = 0;
    if (!node_empty(node))
        return false;
    slab_give(quota, node);
    return true;
}

static void prune_tree(struct page_tree *tree, struct quota *quota, uint32_t index)
{
    if (!tree->root || prune(quota, tree->root, tree->height, index))
        *tree = (struct page_tree){0};
}

/* Makes the tree high enough to have a place for the index. */
static bool raise(struct page_tree *tree, struct quota *quota, uint32_t index)
{
    while (!has_place(tree, index) || tree->height == 0) {
        struct page_node *node = NULL;
        if (tree->root) {
            if (!(node = slab_take(quota, SLAB_SMALL)))
                return false;
            node->entries[0] = (uintptr_t)tree->root;
        }
        tree->root = node;
        tree->height++;
    }
    return true;
}

/* Makes the nodes on the way to the index; where that fails, empty ones may be left. */
static uintptr_t *make_entry(struct page_tree *tree, struct quota *quota, uint32_t index)
{
    if (!raise(tree, quota, index))
        return NULL;
    uintptr_t *entry = (uintptr_t *)&tree->root;
    for (uint32_t level = tree->height; level > 0; level--) {
        if (!*entry && !(*entry = (uintptr_t)slab_take(quota, SLAB_SMALL)))
            return NULL;
        entry = entry_of((struct page_node *)*entry, level, index);
    }
    return entry;
}

bool page_tree_set(struct page_tree *tree, struct quota *quota, uint32_t index,
                   phys_t frame)
{
    assert(index < PAGE_TREE_PAGES && frame.address);
    uintptr_t *entry = find_entry(tree, index);

    if (!entry && !(entry = make_entry(tree, quota, index))) {
        prune_tree(tree, quota, index);
        return false;
    }
    *entry = frame.address;
    return true;
}

phys_t page_tree_take(struct page_tree *tree, struct quota *quota, uint32_t index)
{
    uintptr_t *entry = find_entry(tree, index);

    assert(entry && *entry);
    phys_t frame = PHYS((uint32_t)*entry);
    *entry = 0;
    prune_tree(tree, quota, index);
    return frame;
}

/* The same as page_tree_next below a node, with indices counted from its first. */
static uint32_t next_below(const struct page_node *node, uint32_t level, uint32_t index)
{
    uint32_t shift = (level - 1) * BITS;

    for (uint32_t i = index >> shift; i < ENTRIES; i++) {
        uint32_t inside = i == index >> shift ? index & ((1u << shift) - 1) : 0;
        if (!node->entries[i])
            continue;
        if (level > 1)
            inside =
                next_below((const struct page_node *)node->entries[i], level - 1, inside);
        if (inside < PAGE_TREE_PAGES)
            return (i << shift) + inside;
    }
    return PAGE_TREE_PAGES;
}

uint32_t page_tree_next(const struct page_tree *tree, uint32_t index)
{
    if (!tree->root || !has_place(tree, index))
        return PAGE_TREE_PAGES;
    return next_below(tree->root, tree->height, index);
}
