/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as messages. An interrupt object binds an IRQ line to an endpoint: when the
 * line is raised, each object on it tells its endpoint's port once, and the line stays
 * masked until all of them have been acknowledged, or are gone. A line that nobody
 * listens to is masked. Raising a line takes no memory: the message stands in the object.
 */
#ifndef KERNEL_INTERRUPT_H
#define KERNEL_INTERRUPT_H

#include "port.h"

#define INTERRUPT_LINES (IRQ_LINES + 1) /* those of the board, and IRQ_LOG */

/* So many may share a line: raising it tells all of them with interrupts off. */
#define INTERRUPT_SHARERS_MAX 32

struct interrupt {
    struct object object;
    struct quota *quota;       /* [I] borrowed: pays for it */
    struct endpoint *endpoint; /* [k] held; NULL: its port has died, or: */
    struct request *request;   /* [I] borrowed: owns it, and is what is told; or NULL */
    struct list link;          /* [k] among those of its line */
    struct list port_link;     /* [k] in the port's interrupts */
    struct port_event event;   /* [k] waits in the port's events until received */
    uint8_t irq;               /* [I] */
    bool pending;              /* [k] told, and not acknowledged: the line is masked */
};

void interrupt_init(void);

/* Whether the resource allows to bind the line: 0 or an error. */
[[nodiscard]] long interrupt_allowed(handle_t resource, uint32_t irq);

/* Binds the line to an endpoint, or to a request, whose it is then; -EBUSY: it is the
 * kernel's own, or has too many sharers. The caller holds what is made. */
[[nodiscard]] long interrupt_create(struct quota *quota, uint32_t irq,
                                    struct endpoint *endpoint,
                                    struct interrupt **interrupt);
[[nodiscard]] long interrupt_create_for(struct quota *quota, uint32_t irq,
                                        struct request *request,
                                        struct interrupt **interrupt);

/* Object's end. */
void interrupt_destroy(struct interrupt *interrupt);

/* What the message told of was dealt with. */
[[nodiscard]] long interrupt_acknowledge(struct interrupt *interrupt);

/* Whether anybody listens to the line. */
bool interrupt_bound(uint32_t irq);

/* An interrupt came in on the line. */
void interrupt_raise(uint32_t irq);

/* Takes those that are bound to a port that died off their lines. */
void interrupt_port_died(struct port *port);

#endif
