/* SPDX-License-Identifier: MIT */
/*
 * Which frame stands at which page of a memory object: a sparse array of frames, as a
 * tree of nodes of 16 entries that is no higher than the highest page needs. A node has
 * at least one entry in use: it comes with its first and goes with its last, at the
 * quota's cost. Every operation takes O(height), which is at most 5.
 */
#ifndef KERNEL_PAGE_TREE_H
#define KERNEL_PAGE_TREE_H

#include "quota.h"

#define PAGE_TREE_PAGES (1u << 20) /* indices are below */

struct page_node;

struct page_tree {
    struct page_node *root; /* owned, or NULL: empty */
    uint32_t height;        /* levels: indices below 16 to the height have a place */
};

/* The frame at the index, or PHYS_NONE. */
phys_t page_tree_find(const struct page_tree *tree, uint32_t index);

/* Puts the frame at the index, in place of what is there; false if that needs a node and
 * the quota has no memory for it: then nothing is changed. */
[[nodiscard]] bool page_tree_set(struct page_tree *tree, struct quota *quota,
                                 uint32_t index, phys_t frame);

/* Takes the frame away that stands at the index; there must be one. */
phys_t page_tree_take(struct page_tree *tree, struct quota *quota, uint32_t index);

/* The first index >= `index` that has a frame, or PAGE_TREE_PAGES. */
uint32_t page_tree_next(const struct page_tree *tree, uint32_t index);

#endif
