/* SPDX-License-Identifier: MIT */
/* The processor's side of upcalls: see kernel/upcall.h. */
#include "arch.h"
#include "cpu.h"
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

/* Whether a thread can load it into %fs and %gs: with any requested privilege level. */
static bool loadable(uint32_t selector)
{
    return selector <= 3 || safe_selector(selector | 3);
}

bool arch_thread_state_ok(const struct thread_state *state)
{
    return state->cs == SELECTOR_UCODE && state->ss == SELECTOR_UDATA &&
           state->ds == SELECTOR_UDATA && state->es == SELECTOR_UDATA &&
           loadable(state->fs) && loadable(state->gs) &&
           (state->eflags & (EFLAGS_SYSTEM | EFLAGS_IF)) == EFLAGS_IF;
}

void arch_thread_return(struct thread *thread, const struct thread_state *state)
{
    arch_thread_write(thread, state);
    thread->frame.eflags = (state->eflags & EFLAGS_RESTORED) | EFLAGS_ONE | EFLAGS_IF;
    thread->arch.fs = (uint16_t)state->fs;
    thread->arch.gs = (uint16_t)state->gs;
    load_segments(&thread->arch);
    cpu()->work &= ~WORK_SINGLE_STEP; /* TF is as the state says */
    cpu()->attention &= ~ATTENTION_STEP;
}

void arch_frame_fault(struct SystemCallFrame *frame)
{
    frame->eflags = frame_flags(frame);
    frame->vector = VECTOR_PAGE_FAULT;
    frame->error = PAGE_FAULT_USER_WRITE;
}
