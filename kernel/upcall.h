/* SPDX-License-Identifier: MIT */
/*
 * Upcalls: a message that came back makes its port's thread run a function. upcall.pml
 * is the protocol's model.
 *
 * A port that has something for an upcall stands in thread->upcalls, and DETOUR_UPCALL
 * makes the thread look at it on its way out of the kernel: there its state is whole, and
 * it is in no call. If it waits in one, that is ended first; a call in which interrupts
 * came in, or that is done again, finds WORK_HELD when it has to wait.
 * Upcalls are only made, and words of critical sections only read and written, when the
 * kernel is about to be left.
 *
 * DETOUR_HELD: something is held back. Until it is not, the thread takes no fast path, so
 * that each wait is looked at (upcall_before_wait), and each end of one (SLOW_HELD): what
 * its word says may have changed.
 */
#ifndef KERNEL_UPCALL_H
#define KERNEL_UPCALL_H

#include <limen/layout.h>

#include "reply_port.h"

struct thread;

/* What an upcall brings. */
struct upcall_message {
    handle_t port;
    struct user_ptr message;
    const struct request_result *result;
};

/* The port wants an upcall: reply_port_wants_upcall. */
void upcall_post(struct reply_port *port);

/* Ends the waits of those threads whose ports have posted since, but where they are in a
 * critical section. */
void upcall_end_waits(void);

/* The running thread, for which upcalls are held, is about to wait: does not let it
 * where its critical section says so. */
void upcall_before_wait(void);

/* Makes the running thread's upcalls, as far as they are not held. */
void upcall_make(void);

/* Where the next upcall's structure stands, whose size that is; 0: there is no room. */
static inline uint32_t upcall_place(const struct reply_port *port, uint32_t esp,
                                    uint32_t size)
{
    uint32_t bottom = port->stack - port->stack_size; /* both 0: the thread's own */
    uint32_t top = esp;

    if (likely(port->stack) && likely(esp - bottom > port->stack_size))
        top = port->stack;
    uint32_t at = (top - size) & ~15u;
    if (unlikely(top - size > KERNEL_BASE - size) || unlikely(at < bottom))
        return 0;
    return at;
}

/* The thread has ended: its ports are queues. */
void upcall_leave(struct thread *thread);

#endif
