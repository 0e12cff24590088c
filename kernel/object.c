/* SPDX-License-Identifier: MIT */
/* The life of objects: see object.h. */
#include "object.h"

#include "assert.h"
#include "interrupt.h"
#include "memory_object.h"
#include "port.h"
#include "process.h"
#include "reply_port.h"
#include "request.h"
#include "resource.h"
#include "thread.h"

void object_init(struct object *object, enum object_type type)
{
    object->type = type;
    object->refs = 1;
}

void object_destroy(struct object *object)
{
    switch (object->type) {
    case OBJECT_PROCESS:
        process_destroy(container_of(object, struct process, object));
        break;
    case OBJECT_THREAD:
        thread_destroy(container_of(object, struct thread, object));
        break;
    case OBJECT_PORT:
        port_destroy(container_of(object, struct port, object));
        break;
    case OBJECT_ENDPOINT:
        endpoint_destroy(container_of(object, struct endpoint, object));
        break;
    case OBJECT_REPLY:
        reply_destroy(container_of(object, struct reply, object));
        break;
    case OBJECT_INTERRUPT:
        interrupt_destroy(container_of(object, struct interrupt, object));
        break;
    case OBJECT_RESOURCE:
        resource_destroy(container_of(object, struct resource, object));
        break;
    case OBJECT_MEMORY:
        memory_destroy(container_of(object, struct memory, object));
        break;
    case OBJECT_REQUEST:
        request_destroy(container_of(object, struct request, object));
        break;
    case OBJECT_REPLY_PORT:
        reply_port_destroy(container_of(object, struct reply_port, object));
        break;
    default:
        panic("object of type %u dropped too often", object->type);
    }
}
