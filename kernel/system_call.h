/* SPDX-License-Identifier: MIT */
/*
 * The frame that every way into the kernel builds, and the dispatcher that every system
 * call goes through, whichever gate it came by.
 */
#ifndef KERNEL_SYSTEM_CALL_H
#define KERNEL_SYSTEM_CALL_H

#include <limen/abi.h>

#include "assert.h"

/*
 * A thread's registers in user mode. It stands in the thread's control block, and the
 * entry stubs push it there directly: from eip on the processor does, or a stub in its
 * place.
 *
 * A system call's stub leaves eax, ecx and edx alone: the number stands in `error`, the
 * result goes into eax, and ecx and edx are lost. int 0x81's leaves nothing out, and has
 * eax in `error`, too. `vector` tells how the frame came to
 * be: the exception's or interrupt's vector, or FRAME_….
 */
struct SystemCallFrame {
    uint32_t eax, ecx, edx;
    uint32_t ebx; /* and the next three: a call's arguments */
    union {
        struct {
            uint32_t esi, edi, ebp;
        };
        uint32_t words[3]; /* a message's */
    };
    uint32_t vector;
    uint32_t error; /* the processor's error code, or the call's number */
    uint32_t eip, cs, eflags, esp, ss;
};

/* frame.vector of a system call, besides the vector 0x80. */
#define FRAME_INT80 VECTOR_SYSTEM_CALL
#define FRAME_INT81 VECTOR_SYSTEM_MESSAGE
#define FRAME_SYSENTER 0x100
#define FRAME_SYSCALL 0x101

/* Calls the handler of `number` with the frame's words; its result, or -ENOSYS. A handler
 * that blocks the thread answers what is then overwritten by whoever ends the wait. */
long system_call(uint32_t number, struct SystemCallFrame *frame);

/* The call that the frame has made, by int 0x81; and whichever it has made, once more. */
long system_message(struct SystemCallFrame *frame);
long system_call_again(struct SystemCallFrame *frame);

/* The running thread has got a message that it waits for; its call's result. */
long system_message_given(void);

/* The call by a number of the bound range: a message, or -ENOSYS. */
long bound_call(uint32_t number);

/* The handlers' prototypes: sys_NAME. */
#define SYSCALL(nr, name, params, words, args) [[nodiscard]] long sys_##name params;
#include <limen/syscalls.def>
#undef SYSCALL

#endif
