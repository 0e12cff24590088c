/* SPDX-License-Identifier: MIT */
/*
 * Signals within the shim. All of it lives here, in the process: actions, masks and what
 * waits to be taken. The kernel's part is to make a thread look (limen/system_message.h):
 *
 *   - Every thread that is to be interrupted has a reply port whose messages are upcalls,
 *     on the thread's stack in the shim; its critical section is the time in the shim.
 *   - A thread's `kick` comes back when another thread has a signal for it. One thread,
 *     the owner, also gets the process's: signals that others post to it, and timers.
 *
 * A signal is taken by its thread in one of two places: on the way out of the shim, with
 * the caller's registers, or in an upcall, with those of the code that was interrupted.
 * An upcall that comes during a call is held, ends the call's waiting, and makes the
 * thread look on its way out. Both places put Linux's frame on the user's stack
 * (signal_frame.c), and the handler's end is a call, sigreturn.
 */
#ifndef SHIM_SIGNAL_H
#define SHIM_SIGNAL_H

#include "shim.h"

#include <limits.h>
#include <signal.h>

#define UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

#define HANDLER_DEFAULT 0u      /* SIG_DFL, SIG_IGN as numbers */
#define HANDLER_IGNORE 1u

struct shim_signals {
    struct shim_lock lock;
    struct signal_action action[SIGNAL_COUNT];  /* of signal n + 1 */
    struct signal_queue pending;                /* the process's */
    struct shim_thread *owner;                  /* gets the process's messages */
};

extern struct shim_signals shim_signals;

/* What a handler is to be called for, and how. */
struct signal_taken {
    struct signal_info info;
    struct signal_action action;
    uint64_t mask;              /* blocked again when the handler ends */
};

static inline bool is_signal(int number)
{
    return number >= 1 && number <= SIGNAL_COUNT;
}

/* --- signal_send.c --- */

/* Sends a signal to a thread, or with null to the process, with the lock held. An entry
 * that is kept may be given for it. -EAGAIN: it cannot be queued. */
long signal_send(struct shim_thread *target, const struct signal_info *info,
                 struct signal_entry *kept);

/* The caller does not take some signals any more: others may. */
void signal_retarget(void);

/* A thread by its number, or null. */
struct shim_thread *signal_find_thread(uint32_t number);

/* Whether the action drops the signal. */
bool signal_is_ignored(int number);

/* Drops what waits of a signal, as its action now says. */
void signal_forget(int number);

/* An entry that was taken is not needed any more. */
void signal_entry_give(struct signal_entry *entry);

/* --- signal_port.c --- */

/* Makes another thread look at its signals; -EAGAIN: it cannot be made to. */
long signal_kick(struct shim_thread *thread);
bool signal_can_kick(struct shim_thread *thread);

/* Deals with a message that has come back to the thread's port, with the lock held. */
void signal_absorb(struct shim_thread *self, struct system_message *message,
                   const uint32_t words[3]);

/* Takes what was held back while the thread was in the shim. */
void signal_drain(struct shim_thread *self);

static inline bool signal_held(const struct shim_thread *self)
{
    return *(const volatile uint32_t *)&self->critical & CRITICAL_HELD;
}

/* --- signal_take.c --- */

/* Takes one of a set, with the lock held; false: none waits. */
bool signal_take_of(struct shim_thread *self, uint64_t set, struct signal_info *info);

/* Takes what there is for the code that an upcall has interrupted. */
void signal_take_interrupted(struct shim_thread *self, struct upcall *upcall);

/* Leaves the shim with this state, or that of handlers that interrupt it. */
_Noreturn void signal_leave(struct thread_state *state);

/* The registers of a thread that came in by `call`, with this eax, but for eip. */
struct thread_state signal_state_of(const struct linux_call *call, uint32_t eax);

/* --- fault.c --- */

/* Signals that exceptions are, which a handler is to see before all others. */
#define SIGNALS_OF_FAULTS                                       \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGFPE) \
     | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP))

/* One of them has a handler: lets the process's exceptions become signals. */
void fault_begin(void);
bool fault_is_served(void);

/* Takes over the fault for which a thread with this state goes on at shim_fault_entry:
 * its signal waits, and the state is that of the fault. */
void fault_take(struct thread_state *state);

/* --- signal_frame.c --- */

/* Puts the signal's frame on the user's stack, or its alternate one, and makes `state`
 * that of its handler. FPU: the registers', or the picture's of an upcall, or null: not
 * used. */
#define SIGNAL_FPU_LIVE ((const uint8_t *)1)
void signal_frame_push(struct shim_thread *self, const struct signal_taken *taken,
                       struct thread_state *state, const uint8_t *fpu);

#endif
