/* SPDX-License-Identifier: MIT */
/*
 * The shim's area of one thread, which %fs names. Shared by C and assembly.
 *
 * The shim runs on a stack of its own, because a caller's may have a few dozen bytes
 * left. The structure stands at the end of that stack, so that its address is where the
 * stack begins:
 *
 *     low   guard page | the shim's stack, grows down … | struct shim_thread   high
 */
#ifndef SHIM_THREAD_H
#define SHIM_THREAD_H

/* Offsets in struct shim_thread, checked in start.c. */
#define THREAD_SELF 0
#define THREAD_USER_ESP 4
#define THREAD_CRITICAL 8

/* Calls of the shim's own, above all of Linux's: unmap (ebx, ecx) and end the thread. */
#define CALL_UNMAP_EXIT 0x10000

#define SHIM_STACK_SIZE 0x2000

#ifdef __ASSEMBLER__
/* A Linux call, as musl makes it. */
#define ENTER_SHIM call *%gs:16
#else
#include <stdbool.h>
#include <stdint.h>

#include <limen/system_message.h>

#include "signal_queue.h"

/* Linux's stack_t. */
struct signal_stack {
    uint32_t base;
    uint32_t flags;             /* SS_… */
    uint32_t size;              /* 0: there is none */
};

struct shim_thread {
    struct shim_thread *self;   /* [I] also the top of the shim's stack */
    uint32_t user_esp;          /* the caller's, at its return address, during a call */
    uint32_t critical;          /* limen/system_message.h; its count: in the shim */
    uint32_t attention;         /* not 0: signals are to be looked at on the way out */
    struct shim_thread *next;   /* [I] in the list of all areas, which are never freed */
    uint32_t busy;              /* a thread has it; 0 by the kernel at its end */
    uint32_t number;            /* gettid */
    uint32_t *clear_word;       /* set to 0, and one waiter woken, at its end */
    void *robust_list;          /* kept for get_robust_list */

    /* Signals: under the lock of signal.c. A set has signal n as bit n - 1. */
    bool live;                  /* signals can be sent to it */
    bool restores_mask;         /* `blocked` holds for one call; `saved` is behind it */
    handle_t thread;            /* owned; value 0: the first thread */
    handle_t port;              /* owned: of its upcalls; value 0: none yet */
    uint64_t blocked;           /* held back */
    uint64_t saved;
    uint64_t awaited;           /* sigtimedwait waits for them */
    struct signal_queue pending;
    struct signal_stack alternate;
    uint64_t resume_until;      /* not 0: the deadline of a wait that is begun again */
    uint32_t fault[3];          /* enum fault_word: its last one */
    struct system_message kick; /* comes back to make the thread look */
};

static inline struct shim_thread *shim_self(void)
{
    struct shim_thread *self;
    __asm__("movl %%fs:0, %0" : "=r"(self));
    return self;
}
#endif

#endif
