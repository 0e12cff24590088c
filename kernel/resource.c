/* SPDX-License-Identifier: MIT */
/* Ranges of authority: see resource.h. */
#include "resource.h"

#include "assert.h"
#include "cpu.h"
#include "error.h"
#include "process.h"
#include "thread.h"

static_assert(sizeof(struct resource) <= SLAB_SMALL_SIZE, "what is taken for it");

struct resource resource_root;

/* All that there is of each kind: the first and the last. */
static const struct limit {
    uint32_t first, last;
} limits[RESOURCE_KINDS] = {
    [RESOURCE_PORTS] = {0, 0xffff},
    [RESOURCE_MEMORY] = {0, UINT32_MAX},
    [RESOURCE_IRQ] = {0, IRQ_LINES - 1},
    [RESOURCE_SYSCALL] = {SYSCALL_BOUND_FIRST,
                          SYSCALL_BOUND_FIRST + SYSCALL_BOUND_COUNT - 1},
};

void resource_init(void)
{
    object_init(&resource_root.object, OBJECT_RESOURCE);
    resource_root.kind = RESOURCE_KINDS;
}

/*@ requires \valid_read(resource);
    assigns \nothing;
    ensures \result == 0 ==> count > 0 && first + count <= limits[kind].last + 1;
    ensures \result == 0 && resource->kind != RESOURCE_KINDS ==> kind == resource->kind &&
        resource->first <= first && first + count <= resource->last + 1; */
long resource_check(const struct resource *resource, uint32_t kind, uint32_t first,
                    uint32_t count)
{
    if (kind >= RESOURCE_KINDS || count == 0)
        return -EINVAL;
    const struct limit *limit = &limits[kind];
    if (first < limit->first || first > limit->last || count - 1 > limit->last - first)
        return -EINVAL;
    if (resource->kind == RESOURCE_KINDS)
        return 0;
    bool inside = kind == resource->kind && first >= resource->first &&
                  first <= resource->last && count - 1 <= resource->last - first;
    return inside ? 0 : -EPERM;
}

struct resource *resource_create(struct quota *quota, uint32_t kind, uint32_t first,
                                 uint32_t count)
{
    struct resource *resource = slab_take(quota, SLAB_SMALL);

    if (!resource)
        return NULL;
    object_init(&resource->object, OBJECT_RESOURCE);
    resource->quota = quota;
    resource->kind = kind;
    resource->first = first;
    resource->last = first + (count - 1);
    return resource;
}

void resource_destroy(struct resource *resource)
{
    assert(resource->quota);
    slab_give(resource->quota, resource);
}

long resource_look(handle_t handle, uint32_t rights, uint32_t kind, uint32_t first,
                   uint32_t count)
{
    struct process *self = cpu()->current->process;
    struct object *object;
    long error = handle_look(&self->handles, handle, OBJECT_RESOURCE, rights, &object);

    if (error)
        return error;
    return resource_check(container_of(object, struct resource, object), kind, first,
                          count);
}
