/* SPDX-License-Identifier: MIT */
/* The processor's side of upcalls: see kernel/upcall.h. */
#include "arch.h"
#include "i386.h"

#define PAGE_FAULT_USER_WRITE 6u
#define EFLAGS_IOPL (3u << 12)
#define EFLAGS_RF (1u << 16)
#define EFLAGS_VIF (1u << 19)
#define EFLAGS_VIP (1u << 20)
#define EFLAGS_SYSTEM (EFLAGS_VM | EFLAGS_IOPL | EFLAGS_VIF | EFLAGS_VIP)
/* What was interrupted gets all its flags back, also those that it cannot choose by
 * thread_write. */
#define EFLAGS_RESTORED (EFLAGS_CHOSEN | EFLAGS_NT | EFLAGS_RF)

bool arch_thread_state_ok(const struct thread_state *state)
{
    return state->cs == SELECTOR_UCODE && state->ss == SELECTOR_UDATA &&
           state->ds == SELECTOR_UDATA && state->es == SELECTOR_UDATA &&
           safe_selector(state->fs) == state->fs &&
           safe_selector(state->gs) == state->gs &&
           (state->eflags & (EFLAGS_SYSTEM | EFLAGS_IF)) == EFLAGS_IF;
}

void arch_thread_return(struct thread *thread, const struct thread_state *state)
{
    arch_thread_write(thread, state);
    thread->frame.eflags = (state->eflags & EFLAGS_RESTORED) | EFLAGS_ONE | EFLAGS_IF;
    thread->frame.ecx = state->ecx;
    thread->frame.edx = state->edx;
    load_segments(&thread->arch);
}

void arch_upcall_begin(struct thread *thread, uint32_t entry, uint32_t at)
{
    thread->frame.eax = at;
    thread->frame.vector = FRAME_INT80;
    thread->frame.eip = entry;
    thread->frame.eflags = EFLAGS_ONE | EFLAGS_IF;
    thread->frame.esp = at;
}

void arch_frame_fault(struct SystemCallFrame *frame)
{
    frame->vector = VECTOR_PAGE_FAULT;
    frame->error = PAGE_FAULT_USER_WRITE;
}
