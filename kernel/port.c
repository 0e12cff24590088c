/* SPDX-License-Identifier: MIT */
/*
 * The ordinary path of messages: see port.h; port.pml is its model. Whoever can bring the
 * two sides together does it: the sender if somebody receives, else a later receiver.
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
#include "request.h"
#include "schedule.h"

struct thread port_no_receiver = {.state = THREAD_ENDED, .priority = (uint8_t)-1};

/* --- Who waits --- */

/* The callers of the port have changed, or who serves it. */
static void settle_server(struct port *port)
{
    if (!list_empty(&port->servers))
        priority_settle(container_of(port->servers.next, struct thread, server_link));
}

/* A thread that waits for a message, or NULL. */
static inline struct thread *first_receiver(struct port *port)
{
    if (likely(port->receiver != &port_no_receiver))
        return port->receiver;
    return list_empty(&port->receivers)
               ? NULL
               : container_of(port->receivers.next, struct thread, queue);
}

/* Takes a receiver out of those that wait. */
static inline void take_receiver(struct port *port, struct thread *receiver)
{
    receiver->state = THREAD_BLOCKED;
    if (likely(port->receiver == receiver)) {
        port->receiver = &port_no_receiver;
        return;
    }
    list_remove(&receiver->queue);
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
static inline void unlink_client(struct thread *client)
{
    struct thread *server = client->server;

    client->state = THREAD_BLOCKED;
    if (unlikely(client->reply)) {
        client->reply->client = NULL;
        client->reply = NULL;
        return;
    }
    client->server = NULL;
    server->client = NULL;
    if (unlikely(server->priority != server->base_priority))
        priority_settle(server);
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

long port_accept(uint32_t tag, uint32_t badge, const uint32_t words[3])
{
    struct thread *self = cpu()->current;

    copy_words(self->frame.words, words);
    self->frame.ebx = badge;
    cpu()->work |= WORK_FRAME;
    return (long)tag;
}

/* Gives a message to a receiver that waited, which has yet to be scheduled. */
static inline void deliver(struct thread *receiver, uint32_t tag, uint32_t badge,
                           const uint32_t words[3])
{
    copy_words(receiver->frame.words, words);
    receiver->frame.ebx = badge;
    thread_complete(receiver, (long)tag);
}

/* Keeps a message for a receiver that has to finish it. */
static void put_aside(struct thread *receiver, enum message_kind kind, uint32_t badge,
                      const uint32_t words[3])
{
    copy_words(receiver->message.words, words);
    receiver->message.kind = kind;
    receiver->message.badge = badge;
    receiver->finishing = true;
}

/* Gives the running thread's long message to a receiver that waited. */
static void deliver_long(struct thread *receiver, enum message_kind kind, uint32_t badge)
{
    const struct message *message = &cpu()->current->message;

    if (message_pass(receiver)) {
        deliver(receiver, MESSAGE_TAG(kind, 0, message->send_size), badge,
                message->words);
    } else {
        put_aside(receiver, kind, badge, message->words);
        thread_redo(receiver);
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

/* The caller, which does not run on, waits in the queue until it is received from. */
static void join_callers(struct thread *caller, struct endpoint *endpoint,
                         enum message_kind kind)
{
    struct port *port = endpoint->port;

    object_hold(&endpoint->object);
    caller->state = THREAD_CALLING;
    caller->endpoint = endpoint;
    caller->kind = (uint8_t)kind;
    priority_queue_append(&port->callers, &caller->queue, caller->priority);
    port->pending++;
    settle_server(port);
}

long port_send(struct endpoint *endpoint, enum message_kind kind)
{
    struct thread *self = cpu()->current;
    struct port *port = endpoint->port;
    struct thread *receiver = first_receiver(port);

    if (unlikely(!receiver)) {
        if (port->dead)
            return -EPIPE;
        thread_block();
        join_callers(self, endpoint, kind);
        return 0;
    }
    if (unlikely(!message_fits(self, receiver)))
        return -E2BIG;
    /* nothing below fails */
    take_receiver(port, receiver);
    if (!waits(kind)) {
        deliver(receiver, kind, endpoint->closed.badge, self->frame.words);
        schedule_ready_next(receiver);
        return 0;
    }
    link_client(self, receiver);
    if (self->priority > receiver->priority)
        priority_settle(receiver);
    if (unlikely(self->long_message))
        deliver_long(receiver, kind, endpoint->closed.badge);
    else
        deliver(receiver, kind, endpoint->closed.badge, self->frame.words);
    schedule_handoff(receiver);
    return 0;
}

long port_request(struct endpoint *endpoint, struct thread *proxy)
{
    struct port *port = endpoint->port;
    struct thread *receiver = first_receiver(port);

    if (port->dead)
        return -EPIPE;
    if (!receiver) {
        join_callers(proxy, endpoint, MESSAGE_CALL);
        return 0;
    }
    if (!message_fits(proxy, receiver))
        return -E2BIG;
    /* nothing below fails */
    take_receiver(port, receiver);
    link_client(proxy, receiver);
    if (proxy->priority > receiver->priority)
        priority_settle(receiver);
    if (proxy->long_message) {
        put_aside(receiver, MESSAGE_CALL, endpoint->closed.badge, proxy->message.words);
        thread_redo(receiver);
    } else {
        deliver(receiver, MESSAGE_CALL, endpoint->closed.badge, proxy->frame.words);
    }
    schedule_ready(receiver);
    return 0;
}

/* Takes the first caller's message into the running thread; what it is told. */
static long take_call(struct thread *caller)
{
    struct thread *self = cpu()->current;
    struct endpoint *endpoint = caller->endpoint;
    enum message_kind kind = caller->kind;

    leave_callers(caller);
    if (unlikely(endpoint->port->servers.next != &self->server_link))
        settle_server(endpoint->port); /* another one than this has inherited */
    if (!message_fits(caller, self)) {
        thread_wake(caller, -E2BIG);
        object_drop(&endpoint->object);
        return -EAGAIN;
    }
    long result = 0;
    if (caller->long_message)
        put_aside(self, kind, endpoint->closed.badge, caller->message.words);
    else
        result = port_accept(kind, endpoint->closed.badge, caller->frame.words);
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
    long result = port_accept(event->kind, event->badge, no_words);

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
    if (likely(port->receiver == &port_no_receiver && !self->timed))
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
    if (unlikely(self->port != port)) {
        /* Priorities are settled, perhaps that of the thread that was answered. */
        if (answered)
            schedule_ready_next(answered);
        answered = NULL;
        serve(self, port);
    }
    for (;;) {
        long result = -EAGAIN;
        /* An interrupt may be a message: none is let in between a look and the wait. */
        if (unlikely(self->priority != self->base_priority))
            priority_settle(self);
        if (likely(port->pending == 0))
            break;
        if (answered) {
            schedule_ready_next(answered);
            answered = NULL;
        }
        if (!list_empty(&port->events))
            result = take_event(port);
        else if ((caller = first_caller(port)))
            result = take_call(caller);
        if (self->finishing)
            result = message_finish_receive();
        if (result != -EAGAIN)
            return result;
        /* Any number of calls may have to be refused. */
        priority_settle(self);
        if (schedule_preempt_point())
            return schedule_again();
    }
    if (unlikely(deadline_passed(deadline)))
        return -ETIMEDOUT;
    join_receivers(port, deadline);
    if (answered)
        schedule_handoff(answered);
    return 0;
}

struct thread *port_answer_only(struct thread *client, const uint32_t words[3],
                                uint32_t tag)
{
    unlink_client(client);
    if (unlikely(client->faulted)) {
        fault_answer(client, words[0] == 0);
        return NULL;
    }
    copy_words(client->frame.words, words);
    thread_complete(client,
                    (long)(unlikely(client->slow & SLOW_BOUND_CALL) ? words[0] : tag));
    if (unlikely(client->request))
        return request_proxy_done(client);
    return client;
}

void port_answer(struct thread *client, const uint32_t words[3])
{
    struct thread *answered = port_answer_only(client, words, 0);

    if (answered)
        schedule_ready_next(answered);
}

void port_fail(struct thread *client, long error)
{
    unlink_client(client);
    if (client->faulted)
        fault_answer(client, false);
    else
        thread_wake(client, error);
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
    port_free_if_last(port);
}
