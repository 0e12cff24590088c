/* SPDX-License-Identifier: MIT */
/* Compiled to assembly only: the constants that the build turns into offsets.h. */
#include <limen/system_message.h>

#include "cpu.h"
#include "handle.h"
#include "i386.h"
#include "port.h"
#include "process.h"

#define DEFINE(name, value) __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"(value))

enum {
#define SYSCALL(nr, name, params, words, args) SYS_NUMBER_##name = nr,
#include <limen/syscalls.def>
#undef SYSCALL
};

void offsets(void);

static_assert(offsetof(struct thread, long_message) == offsetof(struct thread, state) + 1,
              "fast_call.S clears it with the state");
static_assert(offsetof(struct thread, slow) == offsetof(struct thread, faulted) + 3,
              "fast_call.S compares four at once");
static_assert(offsetof(struct thread, suspended) == offsetof(struct thread, faulted) + 1,
              "SUSPENDED");

static_assert(offsetof(struct system_message, flags) ==
                      offsetof(struct system_message, operation) + 2 &&
                  offsetof(struct system_message, period) ==
                      offsetof(struct system_message, time) + 8,
              "user_read_plain reads by words");

void offsets(void)
{
    DEFINE(FRAME_SIZE, sizeof(struct SystemCallFrame));
    DEFINE(FRAME_EAX, offsetof(struct SystemCallFrame, eax));
    DEFINE(FRAME_ECX, offsetof(struct SystemCallFrame, ecx));
    DEFINE(FRAME_EDX, offsetof(struct SystemCallFrame, edx));
    DEFINE(FRAME_EBX, offsetof(struct SystemCallFrame, ebx));
    DEFINE(FRAME_ESI, offsetof(struct SystemCallFrame, esi));
    DEFINE(FRAME_EDI, offsetof(struct SystemCallFrame, edi));
    DEFINE(FRAME_EBP, offsetof(struct SystemCallFrame, ebp));
    DEFINE(FRAME_ERROR, offsetof(struct SystemCallFrame, error));
    DEFINE(FRAME_VECTOR, offsetof(struct SystemCallFrame, vector));
    DEFINE(FRAME_EIP, offsetof(struct SystemCallFrame, eip));
    DEFINE(FRAME_CS, offsetof(struct SystemCallFrame, cs));
    DEFINE(FRAME_EFLAGS, offsetof(struct SystemCallFrame, eflags));
    DEFINE(FRAME_ESP, offsetof(struct SystemCallFrame, esp));
    DEFINE(TASK_ESP0, offsetof(struct main_task, tss.esp0));
    DEFINE(CPU_WORK, offsetof(struct cpu, work));
    DEFINE(CPU_ATTENTION, offsetof(struct cpu, attention));
    DEFINE(CPU_CURRENT, offsetof(struct cpu, current));
    DEFINE(CPU_TOP, offsetof(struct cpu, ready.top));
    DEFINE(CPU_SLICE_ARMED, offsetof(struct cpu, slice_armed));
    DEFINE(WORK_STEP, WORK_SINGLE_STEP);
    DEFINE(ONLY_FRAME, WORK_FRAME);
    DEFINE(STEP, ATTENTION_STEP);
    DEFINE(LAZY, ATTENTION_LAZY);
    DEFINE(KIND_INT80, FRAME_INT80);
    DEFINE(KIND_INT81, FRAME_INT81);
    DEFINE(KIND_SYSENTER, FRAME_SYSENTER);
    DEFINE(KIND_SYSCALL, FRAME_SYSCALL);
    DEFINE(FLAGS_KEPT, EFLAGS_KEPT);
    DEFINE(FLAGS_CLEAN, EFLAGS_ONE);
    DEFINE(FLAG_TF, EFLAGS_TF);
    DEFINE(FLAG_IF, EFLAGS_IF);
    DEFINE(NUMBER_CALL, SYS_NUMBER_call);
    DEFINE(NUMBER_REPLY_RECEIVE, SYS_NUMBER_reply_receive);
    DEFINE(SLOT_MASK, (1u << HANDLE_SLOT_BITS) - 1);
    DEFINE(FIRST_SLOTS, PROCESS_FIRST_SLOTS);
    DEFINE(PROCESS_SLOTS, PROCESS_SLOTS_OFFSET);
    DEFINE(SLOT_OBJECT, offsetof(struct handle_slot, object));
    DEFINE(SLOT_TAG, offsetof(struct handle_slot, tag));
    DEFINE(MAY_SEND, HANDLE_TAG_MASK(RIGHT_SEND));
    DEFINE(MAY_RECEIVE, HANDLE_TAG_MASK(RIGHT_RECEIVE));
    DEFINE(ENDPOINT_PORT, offsetof(struct endpoint, port));
    DEFINE(ENDPOINT_BADGE, offsetof(struct endpoint, closed.badge));
    DEFINE(PORT_RECEIVER, offsetof(struct port, receiver));
    DEFINE(PORT_PENDING, offsetof(struct port, pending));
    DEFINE(THREAD_FRAME, offsetof(struct thread, frame));
    DEFINE(THREAD_PROCESS, offsetof(struct thread, process));
    DEFINE(THREAD_STATE, offsetof(struct thread, state));
    DEFINE(THREAD_PRIORITY, offsetof(struct thread, priority));
    DEFINE(THREAD_BASE_PRIORITY, offsetof(struct thread, base_priority));
    DEFINE(THREAD_SLOW, offsetof(struct thread, faulted)); /* and three more */
    DEFINE(SUSPENDED, 1 << 8);
    DEFINE(THREAD_CLIENT, offsetof(struct thread, client));
    DEFINE(THREAD_SERVER, offsetof(struct thread, server));
    DEFINE(THREAD_PORT, offsetof(struct thread, port));
    DEFINE(THREAD_FS, offsetof(struct thread, arch.fs));
    DEFINE(THREAD_GS, offsetof(struct thread, arch.gs));
    DEFINE(THREAD_FS_LOW, offsetof(struct thread, arch.fs_descriptor.low));
    DEFINE(THREAD_FS_HIGH, offsetof(struct thread, arch.fs_descriptor.high));
    DEFINE(THREAD_GS_LOW, offsetof(struct thread, arch.gs_descriptor.low));
    DEFINE(THREAD_GS_HIGH, offsetof(struct thread, arch.gs_descriptor.high));
    DEFINE(THREAD_SHOWN_AS, offsetof(struct thread, arch.shown_as));
    DEFINE(THREAD_DIRECTORY, offsetof(struct thread, arch.directory));
    DEFINE(STATE_READY, THREAD_READY);
    DEFINE(STATE_RECEIVING, THREAD_RECEIVING);
    DEFINE(STATE_AWAITING, THREAD_AWAITING);
    DEFINE(KIND_CALL, MESSAGE_CALL);
    DEFINE(MESSAGE_KIND, offsetof(struct system_message, operation));
    DEFINE(MESSAGE_REPLY_PORT, offsetof(struct system_message, reply_port));
    DEFINE(MESSAGE_WORDS, offsetof(struct system_message, words));
    DEFINE(MESSAGE_OBJECT, offsetof(struct system_message, object));
    DEFINE(MESSAGE_TIMES, offsetof(struct system_message, time));
    DEFINE(PLAIN_KIND, offsetof(struct plain_message, kind));
    DEFINE(PLAIN_OTHERS, offsetof(struct plain_message, others));
    DEFINE(FLAG_VM, EFLAGS_VM);
    DEFINE(VECTOR_TIMER, VECTOR_IRQ + IRQ_TIMER);
    DEFINE(CROSSED_INT80, 8 * GATE_INT80);
    DEFINE(CROSSED_SYSENTER, 8 * GATE_SYSENTER);
    DEFINE(CROSSED_SYSCALL, 8 * GATE_SYSCALL);
    DEFINE(CROSSED_INT81, 8 * GATE_INT81);
}
