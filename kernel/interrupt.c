/* SPDX-License-Identifier: MIT */
/* Interrupt objects and their lines: see interrupt.h. */
#include "interrupt.h"

#include "arch.h"
#include "error.h"
#include "quota.h"
#include "request.h"

static_assert(sizeof(struct interrupt) <= SLAB_SMALL_SIZE, "what is taken for it");

static struct line {
    struct list interrupts; /* bound to it */
    uint32_t count;         /* of them */
    uint32_t pending;       /* of them */
    bool again;             /* raised meanwhile; a board's line is latched there */
} lines[INTERRUPT_LINES];

void interrupt_init(void)
{
    for (uint32_t irq = 0; irq < INTERRUPT_LINES; irq++)
        list_init(&lines[irq].interrupts);
}

bool interrupt_bound(uint32_t irq)
{
    return lines[irq].count > 0;
}

static void set_line(uint32_t irq)
{
    if (irq < IRQ_LINES)
        arch_irq_set(irq, lines[irq].count > 0, lines[irq].pending > 0);
}

/* What is told of it: an endpoint's message. */
static void bind(struct interrupt *interrupt, struct endpoint *endpoint)
{
    interrupt->endpoint = endpoint;
    object_hold(&endpoint->object);
    interrupt->event.badge = endpoint->closed.badge;
    interrupt->event.kind = MESSAGE_INTERRUPT;
    list_append(&endpoint->port->interrupts, &interrupt->port_link);
}

static long create(struct quota *quota, uint32_t irq, struct endpoint *endpoint,
                   struct request *request, struct interrupt **made)
{
    struct line *line = &lines[irq];

    if (endpoint && endpoint->port->dead)
        return -EPIPE;
    if ((irq < IRQ_LINES && arch_irq_reserved(irq)) ||
        line->count == INTERRUPT_SHARERS_MAX)
        return -EBUSY;
    struct interrupt *interrupt = slab_take(quota, SLAB_SMALL);
    if (!interrupt)
        return -ENOMEM;
    /* nothing below fails */
    object_init(&interrupt->object, OBJECT_INTERRUPT);
    interrupt->quota = quota;
    interrupt->request = request;
    list_init(&interrupt->port_link);
    list_init(&interrupt->event.link);
    if (endpoint)
        bind(interrupt, endpoint);
    interrupt->irq = (uint8_t)irq;
    list_append(&line->interrupts, &interrupt->link);
    line->count++;
    set_line(irq);
    *made = interrupt;
    return 0;
}

long interrupt_create(struct quota *quota, uint32_t irq, struct endpoint *endpoint,
                      struct interrupt **made)
{
    return create(quota, irq, endpoint, NULL, made);
}

long interrupt_create_for(struct quota *quota, uint32_t irq, struct request *request,
                          struct interrupt **made)
{
    return create(quota, irq, NULL, request, made);
}

static void settle(struct interrupt *interrupt)
{
    lines[interrupt->irq].pending -= interrupt->pending;
    interrupt->pending = false;
    set_line(interrupt->irq);
    if (lines[interrupt->irq].again && lines[interrupt->irq].pending == 0)
        interrupt_raise(interrupt->irq);
}

/* Takes it off its line, and its message, if that waits, out of the port. */
static void detach(struct interrupt *interrupt)
{
    struct endpoint *endpoint = interrupt->endpoint;

    if (!endpoint && !interrupt->request)
        return;
    list_remove(&interrupt->link);
    list_remove(&interrupt->port_link);
    if (endpoint)
        port_withdraw(endpoint->port, &interrupt->event);
    lines[interrupt->irq].count--;
    settle(interrupt);
    interrupt->endpoint = NULL;
    interrupt->request = NULL;
    if (endpoint)
        object_drop(&endpoint->object);
}

void interrupt_destroy(struct interrupt *interrupt)
{
    detach(interrupt);
    slab_give(interrupt->quota, interrupt);
}

long interrupt_acknowledge(struct interrupt *interrupt)
{
    if (!interrupt->endpoint && !interrupt->request)
        return -EPIPE;
    if (!interrupt->pending || list_in(&interrupt->event.link))
        return -EAGAIN;
    settle(interrupt);
    return 0;
}

void interrupt_raise(uint32_t irq)
{
    struct line *line = &lines[irq];

    line->again = line->pending > 0 && irq >= IRQ_LINES;
    if (line->count == 0 || line->pending > 0)
        return;
    line->pending = line->count;
    set_line(irq);
    for (struct list *link = line->interrupts.next; link != &line->interrupts;
         link = link->next) {
        struct interrupt *interrupt = container_of(link, struct interrupt, link);
        interrupt->pending = true;
        if (interrupt->request)
            request_return(interrupt->request);
        else
            port_post(interrupt->endpoint->port, &interrupt->event);
    }
}

void interrupt_port_died(struct port *port)
{
    while (!list_empty(&port->interrupts)) {
        detach(container_of(port->interrupts.next, struct interrupt, port_link));
        arch_take_interrupts();
    }
}
