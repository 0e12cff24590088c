/* SPDX-License-Identifier: MIT */
/*
 * The ordinary path of messages: see port.h. Whoever can bring sender and receiver
 * together does it: the sender if somebody receives, else the receiver when it comes.
 */
#include "port.h"

#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "fault.h"
#include "interrupt.h"
#include "memory.h"
#include "message.h"
#include "priority.h"
#include "process.h"
#include "schedule.h"

struct thread port_no_receiver = {.state = THREAD_ENDED, .priority = (uint8_t)-1};

/* --- Objects --- */

struct port *port_create(struct quota *quota)
{
    struct port *port = slab_take(quota, SLAB_PORT);

    if (!port)
        return NULL;
    object_init(&port->object, OBJECT_PORT);
    port->quota = quota;
    port->receiver = &port_no_receiver;
    list_init(&port->receivers);
    list_init(&port->events);
    list_init(&port->servers);
    list_init(&port->interrupts);
    priority_queue_init(&port->callers);
    return port;
}

/* Frees the memory of a dead port that nothing points to. */
static void free_if_last(struct port *port)
{
    if (!port->dead || port->endpoints > 0)
        return;
    slab_give(port->quota, port);
}

struct endpoint *endpoint_create(struct quota *quota, struct port *port, uint32_t badge)
{
    struct endpoint *endpoint = slab_take(quota, SLAB_SMALL);

    if (!endpoint)
        return NULL;
    object_init(&endpoint->object, OBJECT_ENDPOINT);
    endpoint->quota = quota;
    endpoint->port = port;
    port->endpoints++;
    endpoint->closed = (struct port_event){.badge = badge, .kind = MESSAGE_CLOSED};
    list_init(&endpoint->closed.link);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    struct port *port = endpoint->port;

    port->endpoints--;
    slab_give(endpoint->quota, endpoint);
    free_if_last(port);
}

/* It goes when its port has been told. */
void endpoint_destroy(struct endpoint *endpoint)
{
    if (endpoint->port->dead)
        endpoint_free(endpoint);
    else
        port_post(endpoint->port, &endpoint->closed);
}

struct reply *reply_create(struct quota *quota)
{
    struct reply *reply = slab_take(quota, SLAB_SMALL);

    if (!reply)
        return NULL;
    object_init(&reply->object, OBJECT_REPLY);
    reply->quota = quota;
    return reply;
}

void port_defer(struct reply *reply)
{
    struct thread *self = cpu()->current;

    reply->client = self->client;
    reply->client->reply = reply;
    reply->client->server = NULL;
    self->client = NULL;
    priority_settle(self);
}

void reply_destroy(struct reply *reply)
{
    if (reply->client)
        port_fail(reply->client, -EPIPE);
    slab_give(reply->quota, reply);
}

/* --- Who waits --- */

/* The callers of the port have changed, or who serves it. */
static void settle_server(struct port *port)
{
    if (!list_empty(&port->servers))
        priority_settle(container_of(port->servers.next, struct thread, server_link));
}

/* A thread that waits for a message, or NULL. */
static struct thread *first_receiver(struct port *port)
{
    if (port->receiver != &port_no_receiver)
        return port->receiver;
    return list_empty(&port->receivers)
               ? NULL
               : container_of(port->receivers.next, struct thread, queue);
}

/* Takes a receiver out of those that wait. */
static void take_receiver(struct port *port, struct thread *receiver)
{
    if (port->receiver == receiver)
        port->receiver = &port_no_receiver;
    else
        list_remove(&receiver->queue);
    receiver->state = THREAD_BLOCKED;
    if (unlikely(receiver->timed))
        thread_stop_timer(receiver);
}

static struct thread *first_caller(struct port *port)
{
    return port->callers.top < 0 ? NULL
                                 : container_of(port->callers.first[port->callers.top],
                                                struct thread, queue);
}

/* Takes a caller out of the queue; its endpoint's hold goes to whoever calls this. */
static void leave_callers(struct thread *caller)
{
    priority_queue_remove(&caller->endpoint->port->callers, &caller->queue,
                          caller->priority);
    caller->endpoint->port->pending--;
    caller->state = THREAD_BLOCKED;
}

/* Cuts the links between a client and whoever is to answer. */
static void unlink_client(struct thread *client)
{
    struct thread *server = client->server;

    if (client->reply)
        client->reply->client = NULL;
    client->reply = NULL;
    client->server = NULL;
    client->state = THREAD_BLOCKED;
    if (server) {
        server->client = NULL;
        if (server->priority != server->base_priority)
            priority_settle(server);
    }
}

static void link_client(struct thread *client, struct thread *server)
{
    assert(!server->client);
    client->state = THREAD_AWAITING;
    client->server = server;
    server->client = client;
}

void port_leave_waits(struct thread *thread)
{
    if (thread->state == THREAD_RECEIVING) {
        take_receiver(thread->port, thread);
    } else if (thread->state == THREAD_CALLING) {
        struct endpoint *endpoint = thread->endpoint;
        leave_callers(thread);
        settle_server(endpoint->port);
        object_drop(&endpoint->object);
    } else if (thread->state == THREAD_AWAITING) {
        unlink_client(thread);
    }
}

/* The thread serves this port from now on, NULL: none. */
static void serve(struct thread *thread, struct port *port)
{
    struct port *before = thread->port;

    thread->port = port;
    list_remove(&thread->server_link);
    if (port)
        list_append(&port->servers, &thread->server_link);
    if (before)
        settle_server(before);
    priority_settle(thread);
}

void port_leave(struct thread *thread)
{
    if (thread->client)
        port_fail(thread->client, -EPIPE);
    if (thread->port)
        serve(thread, NULL);
}

/* --- Messages --- */

uint32_t *port_words(struct thread *thread)
{
    return thread->long_message ? thread->message.words : &thread->frame.esi;
}

static inline void copy_words(uint32_t *to, const uint32_t *from)
{
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
}

/* Puts a message where the receiver looks for it; the kind that it is told. */
static inline long put_message(struct thread *receiver, enum message_kind kind,
                               uint32_t badge, const uint32_t words[3])
{
    copy_words(port_words(receiver), words);
    if (receiver->long_message) {
        receiver->message.kind = kind;
        receiver->message.badge = badge;
    } else {
        receiver->frame.ebx = badge;
        if (receiver == cpu()->current)
            cpu()->work |= WORK_FRAME;
    }
    return (long)kind;
}

/* Gives a message to a receiver that waited, which has yet to be scheduled. Its long
 * message is finished when it runs. */
static inline void deliver(struct thread *receiver, enum message_kind kind,
                           uint32_t badge, const uint32_t words[3])
{
    long result = put_message(receiver, kind, badge, words);

    if (receiver->long_message) {
        receiver->finishing = true;
        thread_redo(receiver);
    } else {
        thread_complete(receiver, result);
    }
}

static const uint32_t no_words[3];

void port_post(struct port *port, struct port_event *event)
{
    struct thread *receiver = first_receiver(port);

    assert(!list_in(&event->link));
    if (!receiver) {
        list_append(&port->events, &event->link);
        port->pending++;
        return;
    }
    take_receiver(port, receiver);
    deliver(receiver, event->kind, event->badge, no_words);
    schedule_ready_next(receiver);
    if (event->kind == MESSAGE_CLOSED)
        endpoint_free(container_of(event, struct endpoint, closed));
}

/* Whether the sender of such a message waits for an answer. */
static bool waits(enum message_kind kind)
{
    return kind != MESSAGE_SEND;
}

/* The running thread waits in the queue until it is received from. */
static void join_callers(struct endpoint *endpoint, enum message_kind kind)
{
    struct thread *self = cpu()->current;
    struct port *port = endpoint->port;

    object_hold(&endpoint->object);
    thread_block();
    self->state = THREAD_CALLING;
    self->endpoint = endpoint;
    self->kind = (uint8_t)kind;
    priority_queue_append(&port->callers, &self->queue, self->priority);
    port->pending++;
    settle_server(port);
}

FAST_CALL long port_send(struct endpoint *endpoint, enum message_kind kind)
{
    struct thread *self = cpu()->current;
    struct port *port = endpoint->port;

    if (port->dead)
        return -EPIPE;
    struct thread *receiver = first_receiver(port);
    if (!receiver) {
        join_callers(endpoint, kind);
        return 0;
    }
    if (!message_fits(self, receiver))
        return -E2BIG;
    /* nothing below fails */
    take_receiver(port, receiver);
    if (!waits(kind)) {
        deliver(receiver, kind, endpoint->closed.badge, port_words(self));
        schedule_ready_next(receiver);
        return 0;
    }
    link_client(self, receiver);
    if (self->priority > receiver->priority)
        priority_settle(receiver);
    deliver(receiver, kind, endpoint->closed.badge, port_words(self));
    schedule_handoff(receiver);
    return 0;
}

/* Takes the first caller's message into the running thread; what it is told. */
static long take_call(struct thread *caller)
{
    struct thread *self = cpu()->current;
    struct endpoint *endpoint = caller->endpoint;
    enum message_kind kind = caller->kind;

    leave_callers(caller);
    if (!message_fits(caller, self)) {
        thread_wake(caller, -E2BIG);
        object_drop(&endpoint->object);
        return -EAGAIN;
    }
    long result = put_message(self, kind, endpoint->closed.badge, port_words(caller));
    if (waits(kind))
        link_client(caller, self);
    else
        thread_wake(caller, 0);
    object_drop(&endpoint->object);
    priority_settle(self);
    return result;
}

static long take_event(struct port *port)
{
    struct port_event *event =
        container_of(list_take(&port->events), struct port_event, link);
    port->pending--;
    long result = put_message(cpu()->current, event->kind, event->badge, no_words);

    if (event->kind == MESSAGE_CLOSED)
        endpoint_free(container_of(event, struct endpoint, closed));
    return result;
}

/* The running thread waits until a message comes. */
static void join_receivers(struct port *port, uint64_t deadline)
{
    struct thread *self = cpu()->current;

    deadline_block(deadline, -ETIMEDOUT);
    self->state = THREAD_RECEIVING;
    if (port->receiver == &port_no_receiver && !self->long_message && !self->timed)
        port->receiver = self;
    else
        list_append(&port->receivers, &self->queue);
}

void port_receive_slowly(struct thread *thread)
{
    if (thread->port->receiver != thread)
        return;
    thread->port->receiver = &port_no_receiver;
    list_append(&thread->port->receivers, &thread->queue);
}

long port_receive(struct port *port, uint64_t deadline, struct thread *answered)
{
    struct thread *self = cpu()->current;
    struct thread *caller;

    if (self->client)
        return -EBUSY;
    if (self->port != port) {
        /* Priorities are settled, perhaps that of the thread that was answered. */
        if (answered)
            schedule_ready_next(answered);
        answered = NULL;
        serve(self, port);
    }
    for (;;) {
        long result = -EAGAIN;
        /* An interrupt may be a message: none is let in between a look and the wait. */
        if (self->priority != self->base_priority)
            priority_settle(self);
        if (port->pending == 0)
            break;
        if (answered) {
            schedule_ready_next(answered);
            answered = NULL;
        }
        if (!list_empty(&port->events))
            result = take_event(port);
        else if ((caller = first_caller(port)))
            result = take_call(caller);
        if (result >= 0 && self->long_message)
            result = message_finish_receive();
        if (result != -EAGAIN)
            return result;
        arch_take_interrupts(); /* any number of calls may have to be refused */
    }
    if (deadline_passed(deadline))
        return -ETIMEDOUT;
    join_receivers(port, deadline);
    if (answered)
        schedule_handoff(answered);
    return 0;
}

FAST_CALL struct thread *port_answer_only(struct thread *client, const uint32_t words[3])
{
    unlink_client(client);
    if (unlikely(client->faulted)) {
        fault_answer(client, words[0] == 0);
        return NULL;
    }
    copy_words(port_words(client), words);
    if (client->long_message) {
        if (!cpu()->current->long_message)
            message_bring_words(client);
        client->finishing = true;
        thread_redo(client);
    } else {
        thread_complete(client, client->bound_call ? (long)words[0] : 0);
    }
    return client;
}

void port_answer(struct thread *client, const uint32_t words[3])
{
    if (port_answer_only(client, words))
        schedule_ready_next(client);
}

void port_fail(struct thread *client, long error)
{
    unlink_client(client);
    if (client->faulted)
        fault_answer(client, false);
    else
        thread_wake(client, error);
}

/* --- The end of a port --- */

void port_destroy(struct port *port)
{
    struct thread *thread;

    port->dead = true;
    port->endpoints++; /* keeps it until the end of this */
    interrupt_port_died(port);
    while ((thread = first_receiver(port)))
        thread_wake(thread, -EPIPE);
    while ((thread = first_caller(port))) {
        if (thread->faulted)
            fault_answer(thread, false);
        else
            thread_wake(thread, -EPIPE); /* leaves the queue, drops its endpoint */
        arch_take_interrupts();
    }
    while (!list_empty(&port->events)) {
        struct port_event *event =
            container_of(list_take(&port->events), struct port_event, link);
        if (event->kind == MESSAGE_CLOSED)
            endpoint_free(container_of(event, struct endpoint, closed));
        arch_take_interrupts();
    }
    while (!list_empty(&port->servers)) {
        serve(container_of(port->servers.next, struct thread, server_link), NULL);
        arch_take_interrupts();
    }
    port->endpoints--;
    free_if_last(port);
}
