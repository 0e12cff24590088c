/* SPDX-License-Identifier: MIT */
/*
 * Every way into the kernel, and out of it.
 *
 * main_task.tss.esp0 holds the end of the running thread's frame. The gates push the
 * frame there; then the kernel's one stack is taken. User mode decides about every
 * register and flag on entry: nothing is read or written through DS before it was
 * checked, and the flags are cleaned (DF, NT, AC) before C runs.
 *
 *      frame end -> +-----------------------------+
 *                   | ss esp eflags cs eip        |  the processor, or the stub
 *                   | error                       |  the processor, 0, or the number
 *                   | vector                      |  FRAME_… for a call
 *                   | ebp edi esi ebx             |
 *                   | edx ecx eax                 |  not by a call
 *          frame -> +-----------------------------+
 *                   | slack                       |  the flags' word; what a debug
 *                   +-----------------------------+  exception in a stub pushes
 */
#include <limen/layout.h>

#include "offsets.h"

#define esp0 main_task + TASK_ESP0

        .section .text.entry, "ax"
        .globl  entry_start, entry_end
        .globl  entry_int80, entry_int81, entry_sysenter, entry_syscall
        .globl  entry_debug, entry_timer, trap_vectors
        .globl  ordinary_call, kernel_exit, arch_leave, arch_leave_after_work
        .globl  leave_with_all
        .globl  debug_from_task
entry_start:

/* DS and ES must be flat, for the kernel and for the thread that is returned to. No two
 * selectors that user mode can load have this sum but these (limen/layout.h): equal, if
 * they are. Uses ecx and edx. */
.macro  COMPARE_SEGMENTS
        movl    %ds, %ecx
        movl    %es, %edx
        addl    %ecx, %edx
        cmpw    $(2 * SELECTOR_UDATA), %dx
.endm

/* Makes them flat. From virtual 8086 mode both are null, and the frame, of which `pushed`
 * bytes are there, is not where it belongs. */
.macro  CHECK_SEGMENTS pushed
        COMPARE_SEGMENTS
        jne     8f
9:
        .subsection 1
8:      movl    $SELECTOR_UDATA, %ecx
        movl    %ecx, %ds
        movl    %ecx, %es
        leal    \pushed(%esp), %ecx
        cmpl    %ecx, esp0
        je      9b
        leal    \pushed - FRAME_SIZE(%esp), %eax
        jmp     from_v86
        .previous
.endm

/* A frame from ebp down to eax; and back. */
.macro  PUSH_REGISTERS
        pushl   %ebp
        pushl   %edi
        pushl   %esi
        pushl   %ebx
        pushl   %edx
        pushl   %ecx
        pushl   %eax
.endm

.macro  POP_REGISTERS
        popl    %eax
        popl    %ecx
        popl    %edx
        popl    %ebx
        popl    %esi
        popl    %edi
        popl    %ebp
.endm

/* A call that has a fast path; where its number stands, in one byte, is noted: with
 * fastpath=off there is none. */
.macro  FAST    number, path
        cmpl    $\number, %eax
        .pushsection .fast_numbers, "a"
        .long   7f - 1
        .popsection
7:      je      \path
.endm

/* The rest of a call's entry, from the vector on; leaves with the call's result in eax.
 * */
.macro  CROSS   kind, crossed
        pushl   %eax                            /* error: the number */
        pushl   $\kind
        pushl   %ebp
        pushl   %edi
        pushl   %esi
        pushl   %ebx
        pushl   $FLAGS_CLEAN
        popfl
        CHECK_SEGMENTS (FRAME_SIZE-FRAME_EBX)
        addl    $1, crossings + \crossed
        adcl    $0, crossings + \crossed + 4
        FAST    NUMBER_CALL, fast_call
        FAST    NUMBER_REPLY_RECEIVE, fast_reply_receive
        leal    -FRAME_EBX(%esp), %edx
        movl    $kernel_stack_end, %esp
        call    system_call                     /* (eax number, edx frame) */
        cmpl    $0, boot_cpu + CPU_WORK
        jne     leave_call
.endm

/* SYSENTER: ecx = user's esp, edx = user's eip; esp = &esp0; flags the user's but IF. */
        .balign 16
entry_sysenter:
        movl    (%esp), %esp
        pushl   $SELECTOR_UDATA
        pushl   %ecx
        pushfl
        pushl   $SELECTOR_UCODE
        pushl   %edx
        CROSS   KIND_SYSENTER, CROSSED_SYSENTER
        movl    esp0, %ecx
        movl    FRAME_EIP - FRAME_SIZE(%ecx), %edx
        movl    FRAME_ESP - FRAME_SIZE(%ecx), %ecx
        sti                                     /* takes effect after sysexit */
        sysexit

/* int 0x80: the processor has pushed ss to eip. */
        .balign 16
entry_int80:
        andl    $FLAGS_KEPT, FRAME_EFLAGS - FRAME_EIP(%esp)
        CROSS   KIND_INT80, CROSSED_INT80
        movl    esp0, %ecx
        leal    FRAME_EIP - FRAME_SIZE(%ecx), %esp
        iretl

/* SYSCALL: ecx = user's eip, esp still the user's; flags the user's but IF. The frame is
 * made fit for IRET, by which it leaves if not at once. */
        .balign 16
entry_syscall:
        movl    %esp, %edx
        movl    %ss:esp0, %esp
        pushl   $SELECTOR_UDATA
        pushl   %edx
        pushfl
        andl    $FLAGS_KEPT, (%esp)
        orl     $FLAG_IF, (%esp)
        pushl   $SELECTOR_UCODE
        pushl   %ecx
        CROSS   KIND_SYSCALL, CROSSED_SYSCALL
        movl    esp0, %edx
        movl    FRAME_EIP - FRAME_SIZE(%edx), %ecx
        movl    FRAME_ESP - FRAME_SIZE(%edx), %esp
        sysretl

/*
 * int 0x81: system-call messages. eax = port, ecx = message, edx = size, ebx = deadline;
 * comes back in eax, ecx, edx, and loses nothing else.
 */
        .balign 16
entry_int81:
        andl    $FLAGS_KEPT, FRAME_EFLAGS - FRAME_EIP(%esp)
        pushl   %eax                            /* error: the port */
        pushl   $KIND_INT81
        PUSH_REGISTERS
        pushl   $FLAGS_CLEAN
        popfl
        CHECK_SEGMENTS FRAME_SIZE
        addl    $1, crossings + CROSSED_INT81
        adcl    $0, crossings + CROSSED_INT81 + 4
        movl    %esp, %eax
        movl    $kernel_stack_end, %esp
        call    fast_message                    /* (eax frame) */
        cmpl    $0, boot_cpu + CPU_WORK
        jne     leave_call
        movl    esp0, %esp
        movl    FRAME_ECX - FRAME_SIZE(%esp), %ecx
        movl    FRAME_EDX - FRAME_SIZE(%esp), %edx
        subl    $(FRAME_SIZE - FRAME_EIP), %esp
        iretl

/* What is no case for the fast path: esp as it was when that was tried. */
ordinary_call:
        movl    (%esp), %ebx
        movl    FRAME_ERROR - FRAME_EBX(%esp), %eax
        leal    -FRAME_EBX(%esp), %edx
        movl    $kernel_stack_end, %esp
        call    system_call

/* There is work to do before the thread, or another one, goes on. eax = the call's
 * result. */
leave_call:
        movl    esp0, %ecx
        movl    %eax, FRAME_EAX - FRAME_SIZE(%ecx)
        cmpl    $ONLY_FRAME, boot_cpu + CPU_WORK
        jne     kernel_exit
        movl    $0, boot_cpu + CPU_WORK
        leal    -FRAME_SIZE(%ecx), %eax
        jmp     arch_leave

/* Out of the kernel to whichever thread goes on. */
kernel_exit:
arch_leave_after_work:
        call    trap_leave                      /* eax = frame */

/* The same, where nothing is left to do: eax = the frame of the thread that goes on. */
arch_leave:
        cmpl    $KIND_SYSENTER, FRAME_VECTOR(%eax)
        jne     leave_with_all
        movl    FRAME_EBX(%eax), %ebx
        movl    FRAME_ESI(%eax), %esi
        movl    FRAME_EDI(%eax), %edi
        movl    FRAME_EBP(%eax), %ebp
        movl    FRAME_EIP(%eax), %edx
        movl    FRAME_ESP(%eax), %ecx
        movl    FRAME_EAX(%eax), %eax
        sti
        sysexit

leave_with_all:
        movl    %eax, %esp
        POP_REGISTERS
        addl    $8, %esp
        iretl

/*
 * Exceptions and interrupts: 48 stubs of 16 bytes, which push 0 where the processor
 * pushes no error code. From user mode the frame is the thread's; from kernel mode it
 * stands, without ss and esp, on the kernel's stack.
 */
        .balign 16
trap_vectors:
vector = 0
        .rept   48
        .balign 16
        .if     (vector < 10 || vector > 14) && vector != 8 && vector != 17
        pushl   $0
        .endif
        pushl   $vector
        jmp     trap
vector = vector + 1
        .endr

        .balign 16
trap:
        PUSH_REGISTERS
        movl    %esp, %eax
        testl   $3, FRAME_CS(%esp)
        jz      trap_in_kernel
        pushl   $FLAGS_CLEAN
        popfl
        CHECK_SEGMENTS FRAME_SIZE
        movl    $kernel_stack_end, %esp
        call    trap_user                       /* (eax frame) */
        jmp     kernel_exit

trap_in_kernel:
        pushl   $FLAGS_CLEAN
        popfl
        testl   $FLAG_VM, FRAME_EFLAGS(%esp)
        jnz     8f
        call    trap_kernel                     /* (eax frame) */
        POP_REGISTERS
        addl    $8, %esp
        iretl

/* From virtual 8086 mode; eax = the frame. */
8:      movl    $SELECTOR_UDATA, %ecx
        movl    %ecx, %ds
        movl    %ecx, %es
from_v86:
        movl    $kernel_stack_end, %esp
        call    trap_v86                        /* (eax frame) */
        jmp     kernel_exit

/*
 * The timer. Most of its interrupts only make messages come back: then the thread goes on
 * as if nothing had been, and of its registers only those are in its frame that C does
 * not keep. What meets the kernel, or other segments, goes the ordinary way.
 */
        .balign 16
entry_timer:
        testl   $3, FRAME_CS - FRAME_EIP(%esp)
        jz      trap_vectors + 16 * VECTOR_TIMER
        subl    $(FRAME_EIP - FRAME_EBX), %esp
        pushl   %edx
        pushl   %ecx
        pushl   %eax
        pushl   $FLAGS_CLEAN
        popfl
        COMPARE_SEGMENTS
        jne     7f
        movl    $kernel_stack_end, %esp
        call    clock_interrupt
        movl    esp0, %ecx
        cmpl    $0, boot_cpu + CPU_WORK
        jne     8f
        leal    FRAME_EIP - FRAME_SIZE(%ecx), %esp
        movl    FRAME_EAX - FRAME_EIP(%esp), %eax
        movl    FRAME_EDX - FRAME_EIP(%esp), %edx
        movl    FRAME_ECX - FRAME_EIP(%esp), %ecx
        iretl
7:      popl    %eax
        popl    %ecx
        popl    %edx
        addl    $(FRAME_EIP - FRAME_EBX), %esp
        jmp     trap_vectors + 16 * VECTOR_TIMER
8:      movl    %ebx, FRAME_EBX - FRAME_SIZE(%ecx)
        movl    %esi, FRAME_ESI - FRAME_SIZE(%ecx)
        movl    %edi, FRAME_EDI - FRAME_SIZE(%ecx)
        movl    %ebp, FRAME_EBP - FRAME_SIZE(%ecx)
        movl    $VECTOR_TIMER, FRAME_VECTOR - FRAME_SIZE(%ecx)
        jmp     kernel_exit

/*
 * Debug exceptions. In the kernel, one only comes from SYSENTER (or SYSCALL) with TF set,
 * at the first instructions of a stub, on the tiny stack or in the frame's place: nothing
 * is checked yet, so only SS is used. TF goes, and trap_leave gives it back to the
 * thread.
 */
        .balign 16
entry_debug:
        testl   $3, 4(%esp)
        jz      debug_in_kernel
        pushl   $0
        pushl   $1
        jmp     trap
debug_in_kernel:
        cmpl    $entry_start, %ss:(%esp)
        jb      1f
        cmpl    $entry_end, %ss:(%esp)
        jae     1f
        andl    $~FLAG_TF, 8(%esp)
        orl     $WORK_STEP, %ss:boot_cpu + CPU_WORK
        orl     $STEP, %ss:boot_cpu + CPU_ATTENTION
        iretl
1:      pushl   $0
        pushl   $1
        jmp     trap

/* Where the debug task lets a debug exception of user mode go on: as if through an
 * interrupt gate. */
debug_from_task:
        pushl   $0
        pushl   $1
        jmp     trap
entry_end:

/* Waits for an interrupt, unless an NMI is to be told. Where an NMI strikes in here, it
 * goes on at the end: on_nmi. */
        .globl  idle_wait, idle_halt, idle_end
idle_wait:
        movl    nmi_count, %eax
        cmpl    nmi_told, %eax
        jne     idle_end
        sti
idle_halt:
        hlt
idle_end:
        cli
        ret

/* The kernel's one stack; the page below it is not mapped. */
        .section .bss.page, "aw", @nobits
        .balign 0x1000
        .globl  kernel_stack_guard, kernel_stack_end
kernel_stack_guard:
        .skip   0x1000
        .skip   0x2000
kernel_stack_end:
        .section .note.GNU-stack, "", @progbits
