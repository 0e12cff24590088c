/* SPDX-License-Identifier: MIT */
/*
 * Reply ports, to which requests come back. A reply port never leaves its process; with
 * the last handle to it go all its requests.
 *
 * What comes back is given to a thread that waits, else it queues. With REPLY_UPCALL the
 * port then stands in its thread's list of upcalls: see upcall.h.
 */
#ifndef KERNEL_REPLY_PORT_H
#define KERNEL_REPLY_PORT_H

#include <limen/system_message.h>

#include "cpu.h"
#include "handle.h"
#include "object.h"
#include "process.h"
#include "request.h"
#include "thread.h"
#include "timing_wheel.h"

struct process;
struct request;
struct thread;

struct reply_port {
    struct object object;
    struct process *process;    /* [I] borrowed: whose it is */
    handle_t handle;            /* [I] in its table */
    struct list requests;       /* [k] all of it that are not over */
    struct list returned;       /* [k] requests, the oldest first */
    struct list spares;         /* [k] requests to be used again */
    uint32_t spare_count;       /* [k] */
    struct list waiters;        /* [k] threads that wait for any */
    struct thread *thread;      /* [k] held: gets upcalls; or NULL: they queue */
    struct list upcall_link;    /* [k] in thread->upcalls; or among those that end */
    struct list post_link;      /* [k] among those whose thread has yet to be looked at */
    struct timer timer;         /* [k] if timed */
    uint64_t delay;             /* [k] ns, until an upcall */
    uint32_t active;            /* [k] upcalls that were made and are not ended */
    uint32_t depth;             /* [k] how many of them there may be */
    uint32_t entry;             /* [k] where an upcall begins */
    uint32_t stack, stack_size; /* [k] its end and size, or 0 */
    struct user_ptr critical;   /* [k] or null */
    bool plain; /* [k] neither `delay` nor `critical` holds upcalls back */
    bool timed; /* [k] */
    bool late;  /* [k] the delay has passed */
};

/* A port keeps a few requests that are over, with handle and proxy, for the messages that
 * come next. */
#define REPLY_PORT_SPARES 8

/* The next of them, or NULL; and takes it out. */
static inline struct request *reply_port_spare(const struct reply_port *port)
{
    return list_empty(&port->spares)
               ? NULL
               : container_of(port->spares.next, struct request, link);
}

static inline void reply_port_take_spare(struct reply_port *port, struct request *spare)
{
    port->spare_count--;
    list_remove(&spare->link);
}

static inline bool reply_port_has_room(const struct reply_port *port)
{
    return port->spare_count < REPLY_PORT_SPARES;
}

/* Keeps one that is in nothing any more. */
static inline void reply_port_keep(struct reply_port *port, struct request *request)
{
    request->state = REQUEST_SPARE;
    request->message = (struct user_ptr){0};
    list_append(&port->spares, &request->link);
    port->spare_count++;
}

/* A request has come back, and nobody waits. */
void reply_port_put(struct reply_port *port, struct request *request);

/* Whether there is something for an upcall, and it may be made. */
static inline bool reply_port_wants_upcall(const struct reply_port *port)
{
    return !list_empty(&port->returned) && port->thread && port->active < port->depth &&
           (port->delay == 0 || port->late);
}

/* The request that came back first and was not taken, or NULL. */
static inline struct request *reply_port_first(const struct reply_port *port)
{
    return list_empty(&port->returned)
               ? NULL
               : container_of(port->returned.next, struct request, link);
}

/* Finds the port behind a handle of the running process, borrowed; 0 or an error. */
[[nodiscard]] static inline long reply_port_look(handle_t handle, uint32_t rights,
                                                 struct reply_port **port)
{
    struct handle_table *handles = &cpu()->current->process->handles;
    struct object *object = handle_find(handles, handle, OBJECT_REPLY_PORT, rights);

    *port = container_of(object, struct reply_port, object);
    return likely(object) ? 0 : handle_error(handles, handle, OBJECT_REPLY_PORT);
}

/* Object's end. */
void reply_port_destroy(struct reply_port *port);

/* Does a piece of what that leaves to be done, but not amid a call: messages go, and who
 * may be working on them. False: there is nothing. */
bool reply_port_reap(void);

#endif
