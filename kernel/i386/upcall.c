/* SPDX-License-Identifier: MIT */
/* The processor's side of upcalls: see kernel/upcall.h. */
#include "arch.h"
#include "cpu.h"
#include "i386.h"
#include "upcall.h"
#include "user_access.h"

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
    thread->frame.ecx = state->ecx;
    thread->frame.edx = state->edx;
    thread->arch.fs = (uint16_t)state->fs;
    thread->arch.gs = (uint16_t)state->gs;
    load_segments(&thread->arch);
    cpu()->work &= ~WORK_SINGLE_STEP; /* TF is as the state says */
    cpu()->attention &= ~ATTENTION_STEP;
}

void arch_upcall_begin(struct thread *thread, uint32_t entry, uint32_t at)
{
    thread->frame.eax = at;
    thread->frame.vector = FRAME_INT80;
    thread->frame.eip = entry;
    thread->frame.eflags = EFLAGS_ONE | EFLAGS_IF;
    thread->frame.esp = at;
    thread->frame.ss = SELECTOR_UDATA; /* and so it stays, as DS and ES do */
}

bool arch_upcall_push(struct thread *thread, uint32_t at,
                      const struct upcall_message *message)
{
    const struct SystemCallFrame *frame = &thread->frame;
    uint32_t result = message->message.address + offsetof(struct system_message, words);

    save_segments(&thread->arch);
    USER_OPEN();
#define PUT(field, value) USER_PUT(at, offsetof(struct upcall, field), value, fault)
    PUT(state.eax, frame->eax);
    PUT(state.ebx, frame->ebx);
    PUT(state.ecx, frame->ecx);
    PUT(state.edx, frame->edx);
    PUT(state.esi, frame->esi);
    PUT(state.edi, frame->edi);
    PUT(state.ebp, frame->ebp);
    PUT(state.esp, frame->esp);
    PUT(state.eip, frame->eip);
    PUT(state.eflags, frame_flags(frame));
    PUT(state.cs, SELECTOR_UCODE);
    PUT(state.ss, SELECTOR_UDATA);
    PUT(state.ds, SELECTOR_UDATA);
    PUT(state.es, SELECTOR_UDATA);
    PUT(state.fs, (uint32_t)thread->arch.fs);
    PUT(state.gs, (uint32_t)thread->arch.gs);
    PUT(port, message->port.value);
    PUT(flags, 0);
    PUT(message, message->message.address);
    PUT(error, message->result->error);
    PUT(words[0], message->result->words[0]);
    PUT(words[1], message->result->words[1]);
    PUT(words[2], message->result->words[2]);
    PUT(reserved, 0);
#undef PUT
    USER_PUT(result, 0, message->result->words[0], fault);
    USER_PUT(result, 4, message->result->words[1], fault);
    USER_PUT(result, 8, message->result->words[2], fault);
    USER_PUT(result, 12, message->result->error, fault);
    USER_CLOSE();
    return true;
fault:
    USER_CLOSE();
    return false;
}

void arch_frame_fault(struct SystemCallFrame *frame)
{
    frame->eflags = frame_flags(frame);
    frame->vector = VECTOR_PAGE_FAULT;
    frame->error = PAGE_FAULT_USER_WRITE;
}
