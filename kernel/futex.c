/* SPDX-License-Identifier: MIT */
/* The hash table of futex.h. */
#include "futex.h"

#include "assert.h"
#include "memory.h"
#include "thread.h"

#define FRAMES_PER_BUCKET 2
#define BUCKETS_MIN 64
#define HASH_FACTOR 0x9e3779b1u /* 2^32 over the golden ratio: strides spread evenly */

static struct thread **buckets; /* [I] the trees' roots */
static uint32_t hash_shift;     /* [I] */

uint32_t futex_table_size(uint32_t frames)
{
    uint32_t count = BUCKETS_MIN;

    while (count * 2 * FRAMES_PER_BUCKET <= frames)
        count *= 2;
    return count * sizeof(struct thread *);
}

void futex_init(void *table, uint32_t size)
{
    uint32_t count = size / sizeof(struct thread *);

    buckets = table;
    memset(table, 0, size);
    hash_shift = 32u - (uint32_t)__builtin_ctz(count);
}

/* Where the first waiter of the word stands, or, if there is none, where it would. */
static struct thread **place_of(const struct process *process, uint32_t address)
{
    uint32_t page = (uint32_t)(uintptr_t)process;
    uint64_t path = (uint64_t)page << 18 | address >> 2; /* no other word's */
    struct thread **place = &buckets[(page ^ address) * HASH_FACTOR >> hash_shift];
    struct thread *thread;

    while ((thread = *place) &&
           (thread->futex.address != address || thread->process != process)) {
        place = &thread->futex.below[path & 1];
        path >>= 1;
    }
    return place;
}

void futex_join(struct thread *thread, uint32_t address)
{
    struct thread **place = place_of(thread->process, address);

    thread->futex = (struct futex_waiter){.address = address};
    if (*place) {
        thread->futex_place = FUTEX_BEHIND;
        list_append(&(*place)->queue, &thread->queue);
    } else {
        thread->futex_place = FUTEX_FIRST;
        *place = thread;
    }
}

/* Takes some leaf out of the tree below a place; what stands there if that is all. */
static struct thread *take_leaf(struct thread **place)
{
    struct thread *leaf;

    while ((leaf = *place)->futex.below[0] || leaf->futex.below[1])
        place = &leaf->futex.below[leaf->futex.below[0] == NULL];
    *place = NULL;
    return leaf;
}

/* Takes a thread out of its place in the table. The one behind it comes there; or a leaf
 * below, whose key has the same bits up to there. */
static inline void leave_place(struct thread *thread, struct thread **place)
{
    struct thread *next;

    assert(*place == thread);
    if (list_in(&thread->queue)) {
        next = container_of(thread->queue.next, struct thread, queue);
        next->futex_place = FUTEX_FIRST;
    } else {
        next = take_leaf(place);
        if (next == thread)
            return;
    }
    next->futex.below[0] = thread->futex.below[0];
    next->futex.below[1] = thread->futex.below[1];
    *place = next;
}

void futex_leave(struct thread *thread)
{
    assert(thread->futex_place != FUTEX_NONE);
    if (thread->futex_place == FUTEX_FIRST)
        leave_place(thread, place_of(thread->process, thread->futex.address));
    list_remove(&thread->queue);
    thread->futex_place = FUTEX_NONE;
}

struct thread *futex_take(const struct process *process, uint32_t address)
{
    struct thread **place = place_of(process, address);
    struct thread *thread = *place;

    if (!thread)
        return NULL;
    leave_place(thread, place);
    list_remove(&thread->queue);
    thread->futex_place = FUTEX_NONE;
    return thread;
}
