/* SPDX-License-Identifier: MIT */
/* What handles name: counted objects of a few types. The last drop destroys the object.
 */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <stdint.h>

#include "assert.h"
#include "frame.h"

enum object_type {
    OBJECT_ANY,
    OBJECT_PROCESS,
    OBJECT_THREAD,
    OBJECT_MEMORY,
    OBJECT_RESOURCE,
    OBJECT_PORT,
    OBJECT_ENDPOINT,
    OBJECT_REPLY,
    OBJECT_INTERRUPT,
    OBJECT_REQUEST,
    OBJECT_REPLY_PORT,
};

struct object {
    uint32_t type; /* [I] enum object_type */
    uint32_t refs; /* [k] handles and pointers that hold it */
};

void object_init(struct object *object, enum object_type type);
/* What the last drop does. */
void object_destroy(struct object *object);

static inline void object_hold(struct object *object)
{
    assert(object->refs > 0);
    object->refs++;
}

static inline void object_drop(struct object *object)
{
    assert(object->refs > 0);
    if (--object->refs == 0)
        object_destroy(object);
}

#endif
