/* SPDX-License-Identifier: MIT */
/*
 * The AVL tree of tree.h. Recursion is as deep as the tree is high: at most 1.44 log2(n),
 * which is 29 for the half million nodes that kernel memory can hold.
 */
#include "tree.h"

#include "assert.h"

static int height(const struct tree_node *node)
{
    return node ? node->height : 0;
}

static void refresh(const struct tree *tree, struct tree_node *node)
{
    int left = height(node->left);
    int right = height(node->right);

    node->height = 1 + (left > right ? left : right);
    if (tree->update)
        tree->update(node);
}

static struct tree_node *rotate_right(const struct tree *tree, struct tree_node *node)
{
    struct tree_node *top = node->left;

    node->left = top->right;
    top->right = node;
    refresh(tree, node);
    refresh(tree, top);
    return top;
}

static struct tree_node *rotate_left(const struct tree *tree, struct tree_node *node)
{
    struct tree_node *top = node->right;

    node->right = top->left;
    top->left = node;
    refresh(tree, node);
    refresh(tree, top);
    return top;
}

/* Makes the heights of node's children, which differ by at most 2, differ by at most 1.
 */
static struct tree_node *balance(const struct tree *tree, struct tree_node *node)
{
    int lean = height(node->left) - height(node->right);

    if (lean > 1) {
        if (height(node->left->left) < height(node->left->right))
            node->left = rotate_left(tree, node->left);
        return rotate_right(tree, node);
    }
    if (lean < -1) {
        if (height(node->right->right) < height(node->right->left))
            node->right = rotate_right(tree, node->right);
        return rotate_left(tree, node);
    }
    refresh(tree, node);
    return node;
}

static struct tree_node *insert(const struct tree *tree, struct tree_node *top,
                                struct tree_node *node)
{
    if (!top)
        return node;
    if (tree->before(node, top)) {
        top->left = insert(tree, top->left, node);
    } else {
        assert(tree->before(top, node));
        top->right = insert(tree, top->right, node);
    }
    return balance(tree, top);
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
    node->left = NULL;
    node->right = NULL;
    refresh(tree, node);
    tree->root = insert(tree, tree->root, node);
}

/* Takes the first node out of a subtree; answers what is left of it. */
static struct tree_node *take_first(const struct tree *tree, struct tree_node *top,
                                    struct tree_node **first)
{
    if (!top->left) {
        *first = top;
        return top->right;
    }
    top->left = take_first(tree, top->left, first);
    return balance(tree, top);
}

static struct tree_node *remove(const struct tree *tree, struct tree_node *top,
                                struct tree_node *node)
{
    assert(top);
    if (top == node) {
        struct tree_node *next;

        if (!node->right)
            return node->left;
        struct tree_node *rest = take_first(tree, node->right, &next);
        next->left = node->left;
        next->right = rest;
        return balance(tree, next);
    }
    if (tree->before(node, top))
        top->left = remove(tree, top->left, node);
    else
        top->right = remove(tree, top->right, node);
    return balance(tree, top);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
    tree->root = remove(tree, tree->root, node);
}

struct tree_node *tree_search(const struct tree *tree,
                              bool (*reached)(const struct tree_node *node,
                                              const void *key),
                              const void *key)
{
    struct tree_node *found = NULL;
    struct tree_node *node = tree->root;

    while (node) {
        if (reached(node, key)) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

struct tree_node *tree_first(const struct tree *tree)
{
    struct tree_node *node = tree->root;

    while (node && node->left)
        node = node->left;
    return node;
}
