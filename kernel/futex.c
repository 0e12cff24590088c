/* SPDX-License-Identifier: MIT */
/* The hash table of futex.h. */
#include "futex.h"

#include "assert.h"
#include "memory.h"
#include "thread.h"

#define FRAMES_PER_BUCKET 4
#define BUCKETS_MIN 64
#define HASH_FACTOR 0x9e3779b1u /* 2^32 over the golden ratio: strides spread evenly */

static struct tree_node **buckets; /* [I] the trees' roots */
static uint32_t hash_shift;        /* [I] */

uint32_t futex_table_size(uint32_t frames)
{
    uint32_t count = BUCKETS_MIN;

    while (count * 2 * FRAMES_PER_BUCKET <= frames)
        count *= 2;
    return count * sizeof(struct tree_node *);
}

void futex_init(void *table, uint32_t size)
{
    uint32_t count = size / sizeof(struct tree_node *);

    buckets = table;
    memset(table, 0, size);
    hash_shift = 32u - (uint32_t)__builtin_ctz(count);
}

static struct thread *thread_of(const struct tree_node *node)
{
    return container_of(node, struct thread, futex.node);
}

static bool word_before(const struct process *p, uint32_t a, const struct process *q,
                        uint32_t b)
{
    return a != b ? a < b : p < q;
}

static bool before(const struct tree_node *a, const struct tree_node *b)
{
    const struct thread *x = thread_of(a);
    const struct thread *y = thread_of(b);

    return word_before(x->process, x->futex.address, y->process, y->futex.address);
}

static struct tree_node **bucket_of(const struct process *process, uint32_t address)
{
    uint32_t key = (uint32_t)(uintptr_t)process ^ address;

    return &buckets[key * HASH_FACTOR >> hash_shift];
}

struct thread *futex_first(const struct process *process, uint32_t address)
{
    const struct tree_node *node = *bucket_of(process, address);

    while (node) {
        struct thread *thread = thread_of(node);
        if (thread->futex.address == address && thread->process == process)
            return thread;
        node = word_before(process, address, thread->process, thread->futex.address)
                   ? node->left
                   : node->right;
    }
    return NULL;
}

void futex_join(struct thread *thread, uint32_t address)
{
    struct tree_node **bucket = bucket_of(thread->process, address);
    struct tree tree = {.root = *bucket, .before = before};
    struct thread *first = futex_first(thread->process, address);

    thread->futex.address = address;
    if (first) {
        thread->futex_place = FUTEX_BEHIND;
        list_append(&first->queue, &thread->queue);
        return;
    }
    thread->futex_place = FUTEX_FIRST;
    tree_insert(&tree, &thread->futex.node);
    *bucket = tree.root;
}

/* Takes a thread out of the table; the one behind it takes its place. */
static void leave_table(struct thread *thread)
{
    struct tree_node **bucket = bucket_of(thread->process, thread->futex.address);
    struct tree tree = {.root = *bucket, .before = before};

    if (list_in(&thread->queue)) {
        struct thread *next = container_of(thread->queue.next, struct thread, queue);
        next->futex_place = FUTEX_FIRST;
        tree_replace(&tree, &thread->futex.node, &next->futex.node);
    } else {
        tree_remove(&tree, &thread->futex.node);
    }
    *bucket = tree.root;
}

void futex_leave(struct thread *thread)
{
    assert(thread->futex_place != FUTEX_NONE);
    if (thread->futex_place == FUTEX_FIRST)
        leave_table(thread);
    list_remove(&thread->queue);
    thread->futex_place = FUTEX_NONE;
}
