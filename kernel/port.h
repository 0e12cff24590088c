/* SPDX-License-Identifier: MIT */
/*
 * Ports, where messages arrive, and endpoints, the rights to send to one. Messages are
 * not stored: a caller waits, itself in the port's queue, until its message is taken.
 *
 * A thread that sends is THREAD_CALLING while it stands in the queue, then
 * THREAD_AWAITING until its call is answered. Who is to answer is in `server`, and its
 * `client` points back; or a reply object stands between them. An end of either cuts
 * both links.
 *
 * The whole protocol stands in port.pml once more, for the model checker: who changes it
 * here changes it there.
 */
#ifndef KERNEL_PORT_H
#define KERNEL_PORT_H

#include <limen/abi.h>

#include "object.h"
#include "priority_queue.h"

struct quota;
struct thread;

/* What a port is told by the kernel, not by a caller. */
struct port_event {
    struct list link; /* [k] in port->events while it waits */
    uint32_t badge;   /* [I] */
    uint8_t kind;     /* [I] enum message_kind */
};

struct port {
    struct object object;
    struct quota *quota;     /* [I] pays for it */
    struct thread *receiver; /* [k] one that waits without a deadline, as fast calls want
                                it, or &port_no_receiver */
    struct list receivers;   /* [k] others that wait, the longest waiting first */
    uint32_t pending;        /* [k] how many callers and events wait */
    struct list events;      /* [k] struct port_event, the oldest first */
    struct list servers;     /* [k] threads that received here last */
    struct list interrupts;  /* [k] bound to endpoints of it */
    uint32_t endpoints;      /* [k] that exist */
    bool dead;               /* [k] nobody has a handle to it */
    struct priority_queue callers; /* [k] THREAD_CALLING */
};

struct endpoint {
    struct object object;
    struct quota *quota;      /* [I] pays for it */
    struct port *port;        /* [I] counted in port->endpoints */
    struct port_event closed; /* its badge; told when nobody holds it any more */
};

/* Stands for nobody in port->receiver. As a signed number its priority is below all
 * others, which saves the fast path a comparison. */
extern struct thread port_no_receiver;

/* One who has to be answered, kept for later. */
struct reply {
    struct object object;
    struct quota *quota;   /* [I] pays for it */
    struct thread *client; /* [k] borrowed until it is answered or ends, then NULL */
};

/* The three words of a message. */
static inline void copy_words(uint32_t *to, const uint32_t *from)
{
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
}

/* Objects with one hold; NULL if the quota has no memory for them. */
[[nodiscard]] struct port *port_create(struct quota *quota);
[[nodiscard]] struct endpoint *endpoint_create(struct quota *quota, struct port *port,
                                               uint32_t badge);
/* It has nobody to answer yet. */
[[nodiscard]] struct reply *reply_create(struct quota *quota);

/* Ends of objects. */
void port_destroy(struct port *port);
void endpoint_destroy(struct endpoint *endpoint);
void reply_destroy(struct reply *reply);

/* Frees the memory of a dead port that nothing points to. */
void port_free_if_last(struct port *port);

/* Frees an endpoint that was never given to anybody, without telling its port. */
void endpoint_free(struct endpoint *endpoint);

/* Sends the running thread's message; its words stand in place (thread_words). 0, or a
 * negative error; for MESSAGE_CALL the answer comes later. */
[[nodiscard]] long port_send(struct endpoint *endpoint, enum message_kind kind);

/* Sends the proxy's message, a call, whose words stand as those of a thread; the running
 * thread goes on. 0, or a negative error. */
[[nodiscard]] long port_request(struct endpoint *endpoint, struct thread *proxy);

/* Receives into the running thread: the kind of message, or a negative error. Waits until
 * the deadline if there is none. `answered`, from port_answer_only or NULL, goes on: at
 * once, if the running thread has to wait. */
[[nodiscard]] long port_receive(struct port *port, uint64_t deadline,
                                struct thread *answered);

/* Tells the port, now or when somebody receives. The event must not be waiting. */
void port_post(struct port *port, struct port_event *event);

/* Takes back what has not been received yet. */
static inline void port_withdraw(struct port *port, struct port_event *event)
{
    if (!list_in(&event->link))
        return;
    list_remove(&event->link);
    port->pending--;
}

/* Answers a client with three words, or ends its call with an error. */
void port_answer(struct thread *client, const uint32_t words[3]);
void port_fail(struct thread *client, long error);

/* Answers a client, which has yet to be scheduled, and is returned; NULL: there is
 * nothing to be done for it. `tag` is what a long message's caller is told. */
[[nodiscard]] struct thread *port_answer_only(struct thread *client,
                                              const uint32_t words[3], uint32_t tag);

/* Gives a message to the running thread; the tag. */
[[nodiscard]] long port_accept(uint32_t tag, uint32_t badge, const uint32_t words[3]);

/* The running thread's client is answered by the reply object from now on. */
void port_defer(struct reply *reply);

/* A thread that receives is not to be found by fast calls. */
void port_receive_slowly(struct thread *thread);

/* Takes a thread out of its part in messages: one that waits, and one that ends. */
void port_leave_waits(struct thread *thread);
void port_leave(struct thread *thread);

#endif
