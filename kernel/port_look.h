/* SPDX-License-Identifier: MIT */
/* The ports and endpoints that the running thread's handles name: inline, for the calls
 * whose instructions are counted. Borrowed; 0, or a negative error. */
#ifndef KERNEL_PORT_LOOK_H
#define KERNEL_PORT_LOOK_H

#include "assert.h"
#include "cpu.h"
#include "handle.h"
#include "port.h"
#include "process.h"
#include "thread.h"

/* The rights asked for are those that no other object has: handle.h. */
static inline long port_look(handle_t handle, uint32_t rights, struct port **port)
{
    struct handle_table *handles = &cpu()->current->process->handles;
    struct handle_slot *slot = handle_slot(handles, handle, rights);

    *port = likely(slot) ? container_of(slot->object, struct port, object) : NULL;
    return likely(slot) ? 0 : handle_error(handles, handle, OBJECT_PORT);
}

static inline long endpoint_look(handle_t handle, struct endpoint **endpoint)
{
    struct handle_table *handles = &cpu()->current->process->handles;
    struct handle_slot *slot = handle_slot(handles, handle, RIGHT_SEND);

    *endpoint = likely(slot) ? container_of(slot->object, struct endpoint, object) : NULL;
    return likely(slot) ? 0 : handle_error(handles, handle, OBJECT_ENDPOINT);
}

#endif
