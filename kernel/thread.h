/* SPDX-License-Identifier: MIT */
/*
 * Threads. A thread has no kernel stack: what it is in user mode stands in `frame`, and
 * what it waits for in the fields below. A thread that cannot go on leaves the kernel
 * blocked; whoever ends the wait either writes the call's result into the frame
 * (thread_wake) or lets the call be done again from its start when the thread next runs
 * (thread_restart).
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <stdint.h>

#include "arch_thread.h"
#include "assert.h"
#include "cpu.h"
#include "futex.h"
#include "list.h"
#include "object.h"
#include "system_call.h"
#include "timing_wheel.h"
#include "watch.h"

enum thread_status {
    THREAD_READY, /* running, or in the ready queue */
    THREAD_BLOCKED,
    THREAD_RECEIVING, /* at thread->port */
    THREAD_CALLING,   /* in the queue of thread->endpoint's port */
    THREAD_AWAITING,  /* the answer of thread->server, or behind thread->reply */
    THREAD_SUSPENDED, /* would be ready */
    THREAD_ENDED,
};

struct process;
struct port;
struct endpoint;
struct reply;
struct request;

struct thread {
    struct object object;
    uint32_t slack[16];           /* room under the frame: entry.S tells for what */
    struct SystemCallFrame frame; /* [c] pushed by the entry stubs */
    struct arch_thread arch;      /* [c] segments and FPU state */

    uint8_t state;           /* [k] enum thread_status */
    bool long_message;       /* [k] `message` is what it sends */
    uint8_t priority;        /* [k] at which it runs: 0 to PRIORITY_MAX */
    uint8_t base_priority;   /* [k] its own, without what it inherits */
    uint8_t detour;          /* [k] DETOUR_…: to be done before it goes on */
    bool reaps;              /* [k] sees to what the dead left before it goes on */
    bool timed;              /* [k] in the wheel of deadlines */
    uint8_t futex_place;     /* [k] enum futex_place: waits on a word of memory */
    uint16_t turn;           /* [k] ready: cpu.slices when the turn began that it goes on
                                with, or 0: its own is to come */
    uint8_t kind;            /* [k] if calling: enum message_kind */
    uint32_t progress;       /* [k] if DETOUR_CALL: what of the call is done; else 0 */
    struct object *partial;  /* [k] if DETOUR_CALL: held: what the call is making, or the
                                request that it was given; if it waits: that it has sent;
                                or NULL */
    struct process *process; /* [I] held until it ends; then only good for its quota */
    struct list sibling;     /* [k] in process->threads, until it ends */
    struct list queue;       /* [k] ready: in the ready queue; blocked: among waiters */

    struct timer timer;  /* [k] if timed */
    long timeout_result; /* [k] if timed: what the call answers then */

    struct futex_waiter futex; /* [k] if it waits on a word */

    struct port *port;         /* [k] at which it received last, or NULL */
    struct list server_link;   /* [k] in port->servers */
    struct thread *client;     /* [k] whom it has to answer, or NULL */
    struct thread *server;     /* [k] if awaiting: who is to answer, or NULL */
    struct reply *reply;       /* [k] if awaiting: by which it is answered, or NULL */
    struct endpoint *endpoint; /* [k] if calling: held */
    /* Four in a word, which i386/fast_call.S looks at. */
    bool faulted __attribute__((aligned(4))); /* [k] awaits what becomes of its fault */
    bool suspended;                           /* [k] it may wait, but not be ready */
    bool finishing;         /* [k] what has come must be copied to it, when it runs */
    uint8_t slow;           /* [k] SLOW_… */
    struct message message; /* [k] what it sends; if faulted, the fault's; if finishing,
                               what has come */
    struct user_ptr message_at; /* [k] if it waits for an answer: where the user has it */
    struct message_window window; /* [k] where what it receives is put */

    struct list upcalls;     /* [k] ports that have something for it: upcall.h */
    struct watch watch;      /* [k] */
    struct request *request; /* [I] whose proxy it is: request_proxy.c; or NULL */
};

/* thread.detour */
#define DETOUR_CALL (1u << 0)   /* do the call in the frame again */
#define DETOUR_TELL (1u << 3)   /* tell the user what it was given: `partial` */
#define DETOUR_UPCALL (1u << 1) /* see to upcalls */
#define DETOUR_HELD                                                     \
    (1u << 2) /* some are held, and it may not wait: upcall_before_wait \
               */

/* thread.slow */
#define SLOW_BOUND_CALL (1u << 0) /* its call's result is the answer's first word */
#define SLOW_HELD (1u << 1)       /* it takes a detour */

/* Makes a thread, not yet ready, at the process's cost; NULL if there is no memory. The
 * caller holds it. */
[[nodiscard]] struct thread *thread_create(struct process *process);

/* Object's end: frees a thread that has ended. */
void thread_destroy(struct thread *thread);

/* What the running thread's call was making when it was interrupted, or NULL. */
struct object *thread_partial(enum object_type type);

/* Takes the thread out of everything; it never runs again. The hold that kept it alive
 * goes, with the switch to another thread if it is the running one. */
void thread_end(struct thread *thread);

/* Lets a thread whose fault was answered go on as it was. */
void thread_resume_faulted(struct thread *thread);

/* The thread behind a handle of the running thread's process, HANDLE_SELF included;
 * borrowed. 0 or an error. */
[[nodiscard]] long thread_look(handle_t handle, uint32_t rights, struct thread **thread);

/* Makes a thread that was just created ready for the first time. */
void thread_start(struct thread *thread);

/* Ends the wait of a thread, which has yet to be given to the scheduler. */
void thread_leave_wait(struct thread *thread);

/* Takes the running thread off the processor when the kernel is left. */
static inline void thread_block(void)
{
    assert(cpu()->current->state == THREAD_READY);
    cpu()->current->state = THREAD_BLOCKED;
    cpu()->work |= WORK_SCHEDULE;
}

/* The same, with an end at a deadline, at which the call answers `result`. */
void thread_block_until(uint64_t deadline, long result);

/* The thread waits on, without an end. */
void thread_stop_timer(struct thread *thread);

/* Ends the wait of a blocked thread: its call answers `result`, or is done again. */
void thread_wake(struct thread *thread, long result);
void thread_restart(struct thread *thread);

/* What a wake does to a thread that waits in nothing any more: it is ready, but has yet
 * to be given to the scheduler. Its call answers `result`, or is done again. */
static inline void thread_complete(struct thread *thread, long result)
{
    thread->frame.eax = (uint32_t)result;
    thread->long_message = false;
    thread->slow = 0;
    thread->state = THREAD_READY;
}

static inline void thread_redo(struct thread *thread)
{
    thread->detour |= DETOUR_CALL;
    thread->state = THREAD_READY;
}

/* Keeps the thread, which has not ended, from running until it is resumed. What it waits
 * for may come in the meantime. */
void thread_suspend(struct thread *thread);
void thread_resume(struct thread *thread);

/* Ends a suspended thread's call, if it is in one, without an answer. */
void thread_give_up_call(struct thread *thread);

uint32_t thread_count(void);

#endif
