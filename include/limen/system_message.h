/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous system-call messages: what sendsys, waitsys and flushsys work on, by
 * int 0x81 or by number (limen/syscalls.def, sendsys).
 *
 * A message is sent to an endpoint, or to the kernel: then the place of the endpoint is
 * taken by a version of this interface, which no handle's value is. What is asked stands
 * in the message; what comes back does, too. Without MSG_ASYNC it is done when sendsys
 * returns. With MSG_ASYNC it is done at once where it can be, and else sendsys answers
 * EASYNC: the message is in flight, belongs to the kernel, and comes back
 *
 *   - to its reply port, where waitsys takes it, or as an upcall, as the port's policy
 *     says; its results are written when it is taken, by whoever takes it;
 *   - without a reply port, by itself: its results are written, `error` last.
 *
 * With MSG_LIVE it comes back to its reply port again and again, until it is cancelled.
 * What happens before it was taken is not lost: it adds up in the results.
 *
 * The kernel reads a message once, when it is sent. What a program does to its memory
 * later changes nothing but what it finds there. A message in flight is named by its
 * address; `id` stands for it in the kernel, and must be left alone.
 */
#ifndef LIMEN_SYSTEM_MESSAGE_H
#define LIMEN_SYSTEM_MESSAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <limen/abi.h>

/* What sendsys takes for the kernel in place of an endpoint: this version. */
#define SYSTEM_VERSION 1
#define SYSTEM_VERSIONS 16 /* no handle's value is below */

#define SYSTEM_MESSAGE_ALIGN 16

/* flags */
#define MSG_ASYNC (1u << 0)
#define MSG_LIVE (1u << 1) /* with MSG_ASYNC and a reply port */

/* What can be asked of the kernel. A field that is not named must be 0, and so must
 * `time` where it is no time-out. */
enum system_operation {
    /* Does nothing. */
    SYSTEM_NULL,
    /* Post the signals words[0], words[1] to the process or thread `object`
     * (RIGHT_CONTROL). They stay there until somebody asks for them. ESRCH: it has
     * ended. */
    SYSTEM_PROCESS_POST,
    SYSTEM_THREAD_POST,
    /* Ends the message at address words[0], which comes back with ECANCELED. ESRCH: it
     * has come back, or is on its way, with what it was sent for. */
    SYSTEM_CANCEL,
    /* Lets the line of the SYSTEM_INTERRUPT message at address words[0], which was taken,
     * be raised again. EAGAIN: it was not. */
    SYSTEM_ACKNOWLEDGE,
    SYSTEM_IMMEDIATE, /* those before it are done at once, and never live */

    /* Comes back at `time`; if live, again after each `period` (ns), and words[0] says
     * how many of them have passed. */
    SYSTEM_TIMER = SYSTEM_IMMEDIATE,
    /* Comes back when the word at words[0] is woken (futex_wake), which held words[1]
     * when this was sent. EAGAIN: it did not. Time-out: `time`. */
    SYSTEM_FUTEX,
    /* Comes back when the process `object` (RIGHT_READ) has ended: its enum
     * process_reason, status, vector. Time-out: `time`. */
    SYSTEM_PROCESS_END,
    /* Comes back when the thread `object` (RIGHT_READ) has ended. Time-out: `time`. */
    SYSTEM_THREAD_END,
    /* Comes back when IRQ line words[0] is raised; resource `object`: that line
     * (RIGHT_CONTROL). The line then stays masked until SYSTEM_ACKNOWLEDGE, or until the
     * message is sent no more. Always live. */
    SYSTEM_INTERRUPT,
    /* Come back when signals of the set words[0] (1 to 32), words[1] (33 to 64) were
     * posted to the process or thread `object` (RIGHT_CONTROL): those in words[0],
     * words[1]. A signal comes to one message; EBUSY: another one listens for some of
     * them. ESRCH: `object` has ended, or does so later. Time-out, unless live: `time`.
     */
    SYSTEM_PROCESS_SIGNALS,
    SYSTEM_THREAD_SIGNALS,
    SYSTEM_OPERATIONS,
};

/* What can be asked of an endpoint (RIGHT_SEND). Time-out: `time`. */
enum port_operation {
    PORT_CALL,         /* call with words; the answer is in them */
    PORT_MESSAGE_CALL, /* message_call with the struct message at words[0]; words[0] is
                          the answer's tag, words[1] and [2] its first two words; handles
                          in the struct message */
    PORT_OPERATIONS,
};

struct system_message {
    uint16_t operation;  /* enum system_operation, enum port_operation */
    uint16_t flags;      /* MSG_… */
    handle_t reply_port; /* value 0: none */
    uint32_t id;         /* while in flight: the kernel's */
    handle_t object;
    uint32_t words[3]; /* arguments, then results */
    int32_t error;     /* the result: 0, or a negative error; -EASYNC: in flight */
    uint64_t time;     /* a moment, monotonic ns; as a time-out 0 is never */
    uint64_t period;   /* ns */
} USER_ALIGNED(SYSTEM_MESSAGE_ALIGN);

/* --- Reply ports --- */

enum reply_kind {
    REPLY_QUEUE,  /* messages wait for waitsys */
    REPLY_UPCALL, /* each one is an upcall, at once, or `delay` ns after a message came to
                     the empty queue, if there still is one */
};

/*
 * A word of memory by which a thread holds upcalls back. While its count is not 0 they
 * are held, and CRITICAL_HELD is set: when the thread has brought the count to 0 and
 * finds it set, it clears it and calls flushsys. What cannot be read is as good as 0.
 * With CRITICAL_INTERRUPT a call in which the thread waits, or would have to wait while
 * something is held, answers EINTR.
 */
#define CRITICAL_COUNT 0x3fffffffu
#define CRITICAL_INTERRUPT (1u << 30)
#define CRITICAL_HELD (1u << 31)

/* What is done with messages that come back to a port. */
struct reply_policy {
    uint32_t kind;   /* enum reply_kind; but for REPLY_UPCALL all else is 0 */
    uint32_t depth;  /* so many upcalls of the port at once, at least 1 */
    handle_t thread; /* of the caller's process, or HANDLE_SELF */
    uint32_t entry;  /* where an upcall begins */
    uint32_t stack;  /* the end of its stack; 0, or where the thread is on it: the
                        thread's own */
    uint32_t stack_size;
    UPTR(uint32_t) critical; /* or null: never held */
    uint32_t reserved;
    uint64_t delay; /* ns */
};

/*
 * What an upcall finds at its stack pointer and in eax: a 16-byte boundary; the thread's
 * other registers have no meaning, its flags are clear, its FPU as at a thread's start.
 * An upcall interrupts the call in which the thread waits: that answers EINTR. Where it
 * has no stack, the thread faults as if it had written there, and it comes when that was
 * dealt with.
 */
struct upcall {
    struct thread_state state; /* what was interrupted: upcall_return goes on with it */
    handle_t port;
    uint32_t flags;                      /* UPCALL_… */
    UPTR(struct system_message) message; /* its results are in it, and here: */
    int32_t error;
    uint32_t words[3];
    uint32_t reserved;
    uint8_t fpu[512]; /* if UPCALL_FPU: FXSAVE's picture, or FNSAVE's; else not there */
};

#define UPCALL_FPU (1u << 0)  /* the thread had used the FPU */
#define UPCALL_LOST (1u << 1) /* the message's memory could not be written */
#define UPCALL_SIZE_PLAIN offsetof(struct upcall, fpu)

static_assert(sizeof(struct system_message) == 48, "");
static_assert(offsetof(struct system_message, words) == 16, "results do not cross pages");
static_assert(sizeof(struct reply_policy) == 40, "");
static_assert(UPCALL_SIZE_PLAIN == 96, "");

#endif
