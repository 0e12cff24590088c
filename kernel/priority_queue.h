/* SPDX-License-Identifier: MIT */
/*
 * Threads in order of priority and, within one priority, of arrival: every operation
 * O(1). A level is a ring of threads linked by their `queue`, without a head; the queue
 * knows the first of each, and the highest level in use.
 */
#ifndef KERNEL_PRIORITY_QUEUE_H
#define KERNEL_PRIORITY_QUEUE_H

#include <limen/abi.h>

#include "list.h"

struct priority_queue {
    int32_t top;     /* the highest level in use, -1: empty */
    uint32_t map[2]; /* a bit per level in use */
    struct list *first[PRIORITY_COUNT];
};

static_assert(PRIORITY_COUNT == 64, "two words of bits");

static inline void priority_queue_init(struct priority_queue *queue)
{
    *queue = (struct priority_queue){.top = -1};
}

/* Puts the node last in its level. It must be in no list. */
static inline void priority_queue_append(struct priority_queue *queue, struct list *node,
                                         uint32_t level)
{
    struct list *first = queue->first[level];

    if (first) {
        list_append(first, node);
        return;
    }
    queue->first[level] = node;
    queue->map[level / 32] |= 1u << level % 32;
    if ((int32_t)level > queue->top)
        queue->top = (int32_t)level;
}

/* Puts the node first in its level. */
static inline void priority_queue_prepend(struct priority_queue *queue, struct list *node,
                                          uint32_t level)
{
    priority_queue_append(queue, node, level);
    queue->first[level] = node;
}

static inline int32_t priority_queue_highest(const uint32_t map[2])
{
    return map[1] ? 63 - __builtin_clz(map[1]) : map[0] ? 31 - __builtin_clz(map[0]) : -1;
}

/* Takes the node out of its level. */
static inline void priority_queue_remove(struct priority_queue *queue, struct list *node,
                                         uint32_t level)
{
    struct list *next = node->next;

    list_check(node);
    if (next != node) {
        list_remove(node);
        if (queue->first[level] == node)
            queue->first[level] = next;
        return;
    }
    queue->first[level] = NULL;
    queue->map[level / 32] &= ~(1u << level % 32);
    queue->top = priority_queue_highest(queue->map);
}

/* Puts `node` last in the level whose first it takes out and answers: one level's
 * rotation, done where the first stood. */
static inline struct list *priority_queue_rotate(struct priority_queue *queue,
                                                 struct list *node, uint32_t level)
{
    struct list *first = queue->first[level];

    if (first->next == first) {
        queue->first[level] = node;
        return first;
    }
    node->next = first->next;
    node->previous = first->previous;
    node->next->previous = node;
    node->previous->next = node;
    queue->first[level] = node->next;
    list_init(first);
    return first;
}

#endif
