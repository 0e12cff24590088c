/* SPDX-License-Identifier: MIT */
/* Priority inheritance: see priority.h. */
#include "priority.h"

#include "arch.h"
#include "cpu.h"
#include "port.h"
#include "schedule.h"

/* The thread that callers at the port wait for: of several, who has served longest. */
static struct thread *server_of(const struct port *port)
{
    return list_empty(&port->servers)
               ? NULL
               : container_of(port->servers.next, struct thread, server_link);
}

static uint32_t deserved(const struct thread *thread)
{
    uint32_t priority = thread->base_priority;

    if (thread->client && thread->client->priority > priority)
        priority = thread->client->priority;
    if (thread->port && thread->port->callers.top > (int32_t)priority &&
        server_of(thread->port) == thread)
        priority = (uint32_t)thread->port->callers.top;
    return priority;
}

/* Whom the thread's call waits for, or NULL. */
static struct thread *waits_for(const struct thread *thread)
{
    return thread->state == THREAD_AWAITING  ? thread->server
           : thread->state == THREAD_CALLING ? server_of(thread->endpoint->port)
                                             : NULL;
}

static void set(struct thread *thread, uint32_t priority)
{
    struct priority_queue *queue =
        thread->state == THREAD_CALLING ? &thread->endpoint->port->callers
        : thread->state == THREAD_READY && thread != cpu()->current ? &cpu()->ready
                                                                    : NULL;

    if (queue)
        priority_queue_remove(queue, &thread->queue, thread->priority);
    thread->priority = (uint8_t)priority;
    if (queue)
        priority_queue_append(queue, &thread->queue, priority);
    if (cpu()->ready.top > cpu()->current->priority)
        cpu()->work |= WORK_SCHEDULE;
}

void priority_settle(struct thread *thread)
{
    while (thread) {
        uint32_t priority = deserved(thread);
        if (priority == thread->priority)
            return;
        set(thread, priority);
        thread = waits_for(thread);
        arch_take_interrupts();
    }
}
