/* SPDX-License-Identifier: MIT */
/*
 * Quotas, and slabs within them: see quota.h. A slab page begins with its header; its
 * free objects are threaded through their first word. A page whose last object goes is
 * given back at once, so that the count of free frames shows any leak.
 */
#include "quota.h"

#include <limen/layout.h>

#include "arch.h"
#include "memory.h"
#include "poison.h"
#include "port.h"
#include "reply_port.h"
#include "request.h"
#include "thread.h"

struct slab {
    struct list link; /* in the quota's partial list, if it has room */
    void *free;       /* first free object */
    uint16_t used;
    uint8_t size; /* enum slab_size */
} __attribute__((aligned(16)));

#define HOME 1u /* frame that the quota stands in */
#define PAGE_MASK (uintptr_t)(PAGE_SIZE - 1)
#define ALIGN_16(n) (((n) + 15u) & ~15u)
#define ALIGN_8(n) (((n) + 7u) & ~7u)

union request_or_port {
    struct request request;
    struct reply_port port;
};

static const uint16_t object_size[SLAB_SIZES] = {
    [SLAB_SMALL] = SLAB_SMALL_SIZE,
    [SLAB_THREAD] = ALIGN_8(sizeof(struct thread)), /* so that ten fit */
    [SLAB_FPU] = ALIGN_16(ARCH_FPU_SIZE),
    [SLAB_PORT] = ALIGN_16(sizeof(struct port)),
    [SLAB_REQUEST] = ALIGN_16(sizeof(union request_or_port)),
};

static_assert(sizeof(struct endpoint) <= SLAB_SMALL_SIZE &&
                  sizeof(struct reply) <= SLAB_SMALL_SIZE,
              "SLAB_SMALL");

void quota_init(struct quota *quota, struct quota *parent, uint32_t limit)
{
    quota->limit = limit;
    quota->used = 0;
    quota->orphan = false;
    quota->parent = parent;
    list_init(&quota->children);
    list_init(&quota->sibling);
    if (parent)
        list_append(&parent->children, &quota->sibling);
    for (int i = 0; i < SLAB_SIZES; i++)
        list_init(&quota->partial[i]);
}

/*@ requires \valid(quota) && quota->used <= quota->limit;
    assigns quota->used;
    ensures quota->used <= quota->limit;
    ensures quota->used == \old(quota->used) + (\result ? frames : 0); */
bool quota_charge(struct quota *quota, uint32_t frames)
{
    if (frames > quota->limit - quota->used)
        return false;
    quota->used += frames;
    return true;
}

/* Gives all that an orphan does not use to its parent, in the end itself. */
static void settle(struct quota *orphan)
{
    struct quota *parent = orphan->parent;
    uint32_t spare = orphan->limit - orphan->used;

    orphan->limit = orphan->used;
    if (orphan->used == HOME) {
        list_remove(&orphan->sibling);
        frame_drop(arch_direct_phys((void *)((uintptr_t)orphan & ~PAGE_MASK)));
        spare += HOME;
    }
    if (parent)
        quota_uncharge(parent, spare);
}

void quota_uncharge(struct quota *quota, uint32_t frames)
{
    assert(frames <= quota->used);
    quota->used -= frames;
    if (unlikely(quota->orphan))
        settle(quota);
}

bool quota_move_child(struct quota *quota)
{
    if (list_empty(&quota->children))
        return false;
    struct quota *child =
        container_of(list_take(&quota->children), struct quota, sibling);
    quota->used -= child->limit;
    quota->limit -= child->limit;
    child->parent = quota->parent;
    if (child->parent)
        list_append(&child->parent->children, &child->sibling);
    return true;
}

void quota_orphan(struct quota *quota)
{
    assert(list_empty(&quota->children) && !quota->orphan);
    assert(quota->used >= HOME && !(quota->parent && quota->parent->orphan));
    quota->orphan = true;
    settle(quota);
}

phys_t quota_take(struct quota *quota, enum frame_kind kind)
{
    if (!quota_charge(quota, 1))
        return PHYS_NONE;
    phys_t frame = frame_take(kind);
    if (frame.address == PHYS_NONE.address)
        quota_uncharge(quota, 1);
    return frame;
}

void quota_give(struct quota *quota, phys_t frame)
{
    frame_drop(frame);
    quota_uncharge(quota, 1);
}

static struct slab *slab_create(struct quota *quota, enum slab_size size)
{
    phys_t frame = quota_take(quota, FRAME_LOW);

    if (frame.address == PHYS_NONE.address)
        return NULL;
    struct slab *slab = arch_direct(frame);
    slab->free = NULL;
    slab->used = 0;
    slab->size = (uint8_t)size;

    char *object = (char *)slab + sizeof(*slab);
    char *end = (char *)slab + PAGE_SIZE;
    for (; object + object_size[size] <= end; object += object_size[size]) {
        poison_fill(object, object_size[size]);
        *(void **)object = slab->free;
        slab->free = object;
    }
    list_init(&slab->link);
    list_append(&quota->partial[size], &slab->link);
    return slab;
}

void *slab_take(struct quota *quota, enum slab_size size)
{
    struct list *partial = &quota->partial[size];
    struct slab *slab = list_empty(partial)
                            ? slab_create(quota, size)
                            : container_of(partial->next, struct slab, link);

    if (!slab)
        return NULL;
    void *object = slab->free;
    slab->free = *(void **)object;
    slab->used++;
    if (!slab->free)
        list_remove(&slab->link);
    poison_check((void **)object + 1, object_size[size] - sizeof(void *));
    memset(object, 0, object_size[size]);
    return object;
}

void slab_give(struct quota *quota, void *object)
{
    struct slab *slab = (struct slab *)((uintptr_t)object & ~PAGE_MASK);

    assert(slab->used > 0);
    if (!slab->free)
        list_append(&quota->partial[slab->size], &slab->link);
    poison_fill(object, object_size[slab->size]);
    *(void **)object = slab->free;
    slab->free = object;
    if (--slab->used == 0) {
        list_remove(&slab->link);
        quota_give(quota, arch_direct_phys(slab));
    }
}
