/* SPDX-License-Identifier: MIT */
/*
 * An intrusive, ordered, height-balanced (AVL) tree: insert, remove and search touch
 * O(log n) nodes, whatever the order of insertion. The owner embeds a tree_node and
 * supplies the order, which must be total: no two nodes in a tree may be equal. An
 * optional `update` keeps what a node knows about its subtree; it is called from the
 * leaves upward after every change below.
 */
#ifndef KERNEL_TREE_H
#define KERNEL_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct tree_node {
    struct tree_node *left;
    struct tree_node *right;
    int height;
};

struct tree {
    struct tree_node *root;
    bool (*before)(const struct tree_node *a, const struct tree_node *b);
    void (*update)(struct tree_node *node); /* may be NULL */
};

void tree_insert(struct tree *tree, struct tree_node *node);

/* The node must be in the tree. */
void tree_remove(struct tree *tree, struct tree_node *node);

/* The first node, in order, for which `reached` holds, or NULL. `reached` must be false
 * for a first part of the order and true for the rest. */
struct tree_node *tree_search(const struct tree *tree,
                              bool (*reached)(const struct tree_node *node,
                                              const void *key),
                              const void *key);

struct tree_node *tree_first(const struct tree *tree);

#endif
