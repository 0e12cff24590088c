/* SPDX-License-Identifier: MIT */
/* Compiled to assembly only: the constants that the build turns into offsets.h. */
#include "cpu.h"
#include "i386.h"

#define DEFINE(name, value) __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"(value))

void offsets(void);

void offsets(void)
{
    DEFINE(FRAME_SIZE, sizeof(struct SystemCallFrame));
    DEFINE(FRAME_EAX, offsetof(struct SystemCallFrame, eax));
    DEFINE(FRAME_EBX, offsetof(struct SystemCallFrame, ebx));
    DEFINE(FRAME_ESI, offsetof(struct SystemCallFrame, esi));
    DEFINE(FRAME_EDI, offsetof(struct SystemCallFrame, edi));
    DEFINE(FRAME_EBP, offsetof(struct SystemCallFrame, ebp));
    DEFINE(FRAME_VECTOR, offsetof(struct SystemCallFrame, vector));
    DEFINE(FRAME_EIP, offsetof(struct SystemCallFrame, eip));
    DEFINE(FRAME_CS, offsetof(struct SystemCallFrame, cs));
    DEFINE(FRAME_EFLAGS, offsetof(struct SystemCallFrame, eflags));
    DEFINE(FRAME_ESP, offsetof(struct SystemCallFrame, esp));
    DEFINE(TASK_ESP0, offsetof(struct main_task, tss.esp0));
    DEFINE(CPU_WORK, offsetof(struct cpu, work));
    DEFINE(WORK_STEP, WORK_SINGLE_STEP);
    DEFINE(KIND_INT80, FRAME_INT80);
    DEFINE(KIND_SYSENTER, FRAME_SYSENTER);
    DEFINE(KIND_SYSCALL, FRAME_SYSCALL);
    DEFINE(FLAGS_KEPT, EFLAGS_KEPT);
    DEFINE(FLAGS_CLEAN, EFLAGS_ONE);
    DEFINE(FLAG_TF, EFLAGS_TF);
    DEFINE(FLAG_IF, EFLAGS_IF);
    DEFINE(CROSSED_INT80, 8 * GATE_INT80);
    DEFINE(CROSSED_SYSENTER, 8 * GATE_SYSENTER);
    DEFINE(CROSSED_SYSCALL, 8 * GATE_SYSCALL);
}
