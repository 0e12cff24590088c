/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of messages: call and reply_receive, when nothing is in the way. They do
 * what port_send and port_receive (kernel/port.c) do in these cases, which are all that
 * they do; everything else goes there. `fastpath=off` sends everything there.
 *
 * A call is fast if
 *   1. the handle's slot is among those in the process's own page,
 *   2. it is an endpoint's, of this generation, with RIGHT_SEND,
 *   3. somebody waits at the port and has no deadline,
 *   4. nothing asks for attention: no single step; FPU and I/O ports are seen to.
 * An answer is fast if
 *   1. 2. 4. so for the port, with RIGHT_RECEIVE,
 *   5. there is a client to be answered, whose call has no bound number, and which has
 *      not faulted and is not suspended,
 *   6. the port is the one that the thread serves; no caller or event is waiting there,
 *      nor is another receiver in the port's first place,
 *   7. no thread is ready of a higher priority than the client's, nor one of the same
 *      whose turn would not come by the timer.
 *
 * esp = the running thread's frame.ebx; ebx = handle; esi, edi, ebp = the words, which
 * stay where they are; DS and ES are flat. Then eax = endpoint, ecx = port, edx = the
 * thread to switch to. Nothing is changed before all conditions are known to hold.
 */
#include <limen/layout.h>

#include "offsets.h"

#define OWN(field) (field) - THREAD_FRAME - FRAME_EBX(%esp)
#define NEXT(field) field(%edx)
#define FRAME(field) THREAD_FRAME + field(%edx)
#define esp0 main_task + TASK_ESP0

        .section .text.entry, "ax"
        .globl  fast_call, fast_reply_receive

/* Finds the object of the handle in ebx, into \to. Uses eax, ebx, edx. */
.macro  FIND    mask, to
        movl    OWN(THREAD_PROCESS), %edx
        movl    %ebx, %eax
        andl    $SLOT_MASK, %eax
        cmpl    $FIRST_SLOTS, %eax
        jae     ordinary_call
        xorl    %eax, %ebx                      /* the generation */
        xorl    PROCESS_SLOTS + SLOT_TAG(%edx,%eax,8), %ebx
        testl   $\mask, %ebx
        jne     ordinary_call
        movl    PROCESS_SLOTS + SLOT_OBJECT(%edx,%eax,8), \to
.endm

/* Makes edx the running thread: as arch_switch does. Uses ecx. */
.macro  SWITCH
        movl    %edx, boot_cpu + CPU_CURRENT
        leal    FRAME(FRAME_SIZE), %ecx
        movl    %ecx, esp0
        movw    %fs, OWN(THREAD_FS)
        movw    %gs, OWN(THREAD_GS)
        movl    NEXT(THREAD_SHOWN_AS), %ecx
        cmpl    %ecx, thread_shown
        jne     5f
        movl    OWN(THREAD_FS), %ecx            /* fs and gs */
        cmpl    %ecx, NEXT(THREAD_FS)
        jne     6f
7:      movl    NEXT(THREAD_DIRECTORY), %ecx
        cmpl    %ecx, OWN(THREAD_DIRECTORY)
        je      1f
        movl    %ecx, %cr3
1:
        .subsection 1
5:      movl    %ecx, thread_shown
        movl    NEXT(THREAD_FS_LOW), %ecx
        movl    %ecx, gdt + SELECTOR_FS / 8 * 8
        movl    NEXT(THREAD_FS_HIGH), %ecx
        movl    %ecx, gdt + SELECTOR_FS / 8 * 8 + 4
        movl    NEXT(THREAD_GS_LOW), %ecx
        movl    %ecx, gdt + SELECTOR_GS / 8 * 8
        movl    NEXT(THREAD_GS_HIGH), %ecx
        movl    %ecx, gdt + SELECTOR_GS / 8 * 8 + 4
6:      movw    NEXT(THREAD_FS), %fs
        movw    NEXT(THREAD_GS), %gs
        jmp     7b
        .previous
.endm

/* FPU or I/O ports have to be seen to before the switch to edx: goes on at \back. */
.macro  SWITCH_LAZILY back
        testl   $~LAZY, boot_cpu + CPU_ATTENTION
        jne     ordinary_call
        movl    $kernel_stack_end, %esp
        pushl   %eax
        pushl   %ecx
        pushl   %edx
        movl    %edx, %eax
        call    thread_switch_lazily            /* (eax thread) */
        popl    %edx
        popl    %ecx
        popl    %eax
        movl    esp0, %esp
        subl    $FRAME_SIZE - FRAME_EBX, %esp
        jmp     \back
.endm

/* Leaves to edx with the result eax; ebx and the words are in place. */
.macro  LEAVE   result
        cmpl    $KIND_SYSENTER, FRAME(FRAME_VECTOR)
        jne     1f
        movl    FRAME(FRAME_ESP), %ecx
        movl    FRAME(FRAME_EIP), %edx
        movl    \result, %eax
        sti                                     /* takes effect after sysexit */
        sysexit
1:      leal    FRAME(FRAME_EIP), %esp
        movl    \result, %eax
        iretl
.endm

        .balign 16
fast_call:
        FIND    MAY_SEND, %eax
        movl    ENDPOINT_PORT(%eax), %ecx
        movl    PORT_RECEIVER(%ecx), %edx
        movb    OWN(THREAD_PRIORITY), %bl
        cmpb    NEXT(THREAD_PRIORITY), %bl
        jg      inherit                         /* or nobody receives */
call_attend:
        cmpl    $0, boot_cpu + CPU_ATTENTION
        jne     call_lazily
call_switch:
        movl    $port_no_receiver, PORT_RECEIVER(%ecx)
        movl    %edx, OWN(THREAD_SERVER)
        leal    OWN(0), %ecx
        movl    %ecx, NEXT(THREAD_CLIENT)
        movb    $STATE_AWAITING, OWN(THREAD_STATE)
        movb    $STATE_READY, NEXT(THREAD_STATE)
        SWITCH
        movl    ENDPOINT_BADGE(%eax), %ebx
        LEAVE   $KIND_CALL

inherit:
        cmpl    $port_no_receiver, %edx
        je      ordinary_call
        testl   $~LAZY, boot_cpu + CPU_ATTENTION
        jne     ordinary_call
lend_priority:
        movb    %bl, NEXT(THREAD_PRIORITY)
        jmp     call_attend

call_lazily:
        SWITCH_LAZILY call_switch

        .balign 16
fast_reply_receive:
        FIND    MAY_RECEIVE, %ecx
        movl    OWN(THREAD_CLIENT), %edx
        testl   %edx, %edx
        je      ordinary_call
        cmpl    %ecx, OWN(THREAD_PORT)
        jne     ordinary_call
        cmpl    $0, PORT_PENDING(%ecx)
        jne     ordinary_call
        cmpl    $port_no_receiver, PORT_RECEIVER(%ecx)
        jne     ordinary_call
        cmpl    $0, NEXT(THREAD_SLOW)
        jne     answer_slow
        movzbl  NEXT(THREAD_PRIORITY), %eax
        cmpl    boot_cpu + CPU_TOP, %eax
        jle     compete
reply_attend:
        cmpl    $0, boot_cpu + CPU_ATTENTION
        jne     reply_lazily
reply_switch:
        movb    OWN(THREAD_BASE_PRIORITY), %al
        movb    %al, OWN(THREAD_PRIORITY)
        leal    OWN(0), %eax
        movl    %eax, PORT_RECEIVER(%ecx)
        movl    $0, OWN(THREAD_CLIENT)
        movl    $0, NEXT(THREAD_SERVER)
        movb    $STATE_RECEIVING, OWN(THREAD_STATE)
        movw    $STATE_READY, NEXT(THREAD_STATE)        /* and no long message */
        SWITCH
        movl    FRAME(FRAME_EBX), %ebx
        LEAVE   $0

compete:
        jne     ordinary_call
        cmpb    $0, boot_cpu + CPU_SLICE_ARMED
        jne     reply_attend
        jmp     ordinary_call

/* The client may be a request's proxy. */
answer_slow:
        cmpl    $SUSPENDED, NEXT(THREAD_SLOW)   /* and nothing else */
        jne     ordinary_call
        movl    %edx, %eax
        movl    %ecx, %edx
        movl    $kernel_stack_end, %esp
        call    fast_answer                     /* (eax client, edx port) */
        movl    esp0, %esp
        subl    $FRAME_SIZE - FRAME_EBX, %esp
        jmp     ordinary_call

reply_lazily:
        SWITCH_LAZILY reply_switch
        .section .note.GNU-stack, "", @progbits
