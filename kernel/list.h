/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list with a head: every operation O(1). A node that is in no
 * list points to itself, so that list_remove may be called at any time and list_in tells.
 */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include <stdbool.h>

#include "assert.h"

struct list {
    struct list *next;
    struct list *previous;
};

/* In the build SANITIZE=1: whether the neighbours agree. */
#ifdef LIMEN_POISON
#define list_check(node) \
    assert((node)->next->previous == (node) && (node)->previous->next == (node))
#else
#define list_check(node) (void)0
#endif

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Whether the node is in a list. */
static inline bool list_in(const struct list *node)
{
    return node->next != node;
}

/* Puts the node at the end. It must be in no list. */
static inline void list_append(struct list *list, struct list *node)
{
    list_check(list);
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

static inline void list_remove(struct list *node)
{
    list_check(node);
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

/* Takes the first node out; the list must not be empty. */
static inline struct list *list_take(struct list *list)
{
    struct list *node = list->next;

    list_remove(node);
    return node;
}

#endif
