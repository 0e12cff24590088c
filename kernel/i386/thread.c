/* SPDX-License-Identifier: MIT */
/* The processor's side of threads: their first frame, and the switch from one to another.
 */
#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "i386.h"
#include "process.h"

#define DESCRIPTOR_LIMIT 0x0000ffffu
#define DESCRIPTOR_FLAGS 0x00cff300u /* flat, writable data, DPL 3, accessed */

const struct arch_thread *thread_shown; /* [c] whose TLS descriptors the GDT holds */
static const struct arch_thread base_0; /* stands for all whose bases are 0 */

static struct arch_descriptor make_descriptor(uint32_t base)
{
    return (struct arch_descriptor){
        .low = base << 16 | DESCRIPTOR_LIMIT,
        .high = (base & 0xff000000) | DESCRIPTOR_FLAGS | (base >> 16 & 0xff),
    };
}

void arch_thread_init(struct thread *thread, const struct thread_start *start)
{
    uint32_t fs_base = start->flags & THREAD_FS ? start->fs_base : 0;
    uint32_t gs_base = start->flags & THREAD_GS ? start->gs_base : 0;

    thread->frame = (struct SystemCallFrame){
        .eax = start->eax,
        .vector = FRAME_INT80,
        .eip = start->eip,
        .cs = SELECTOR_UCODE,
        .eflags = EFLAGS_ONE | EFLAGS_IF,
        .esp = start->esp,
        .ss = SELECTOR_UDATA,
    };
    thread->arch = (struct arch_thread){
        .fs = start->flags & THREAD_FS ? SELECTOR_FS : 0,
        .gs = start->flags & THREAD_GS ? SELECTOR_GS : 0,
        .fs_descriptor = make_descriptor(fs_base),
        .gs_descriptor = make_descriptor(gs_base),
        .shown_as = fs_base || gs_base ? &thread->arch : &base_0,
        .directory = thread->process->space.directory.address,
    };
    if (thread_shown == &thread->arch)
        thread_shown = NULL; /* they were of a thread that stood here before */
}

void arch_thread_destroy(struct thread *thread)
{
    fpu_forget(thread);
}

/* Whatever selector a thread could load can be loaded again: the descriptors it may use
 * are always valid. */
void load_segments(const struct arch_thread *arch)
{
    __asm__ volatile("movw %0, %%fs\n\tmovw %1, %%gs" : : "m"(arch->fs), "m"(arch->gs));
}

/* Puts the thread's TLS descriptors into the GDT. */
ALWAYS_INLINE void show_descriptors(const struct arch_thread *arch)
{
    thread_shown = arch->shown_as;
    gdt[SELECTOR_FS / 8] = arch->fs_descriptor;
    gdt[SELECTOR_GS / 8] = arch->gs_descriptor;
}

ALWAYS_INLINE void switch_segments(struct arch_thread *previous,
                                   const struct arch_thread *next)
{
    save_segments(previous);
    if (unlikely(next->shown_as != thread_shown))
        show_descriptors(next);
    else if (likely(previous->fs == next->fs && previous->gs == next->gs))
        return;
    load_segments(next);
}

void thread_switch_lazily(struct thread *next)
{
    fpu_switch(next);
    io_ports_switch(next->process);
}

/*
 * Processor time. It counts for the thread that the last arch_switch led to: what a
 * server does in a call that is handed over to it counts for the caller. The account of
 * that thread has the time at which it began taken off in advance.
 */
static uint64_t nobodys_ticks;
static uint64_t *account = &nobodys_ticks; /* [c] for which time counts */

static inline uint64_t now_in_ticks(void)
{
    return likely(cpu_features.tsc) ? read_tsc() : clock_pit_ticks();
}

static inline void charge(uint64_t *next)
{
    uint64_t now = now_in_ticks();

    *account += now;
    *next -= now;
    account = next;
}

uint64_t arch_thread_time(struct thread *thread)
{
    uint64_t *ticks = &thread->arch.ticks;

    return clock_ns(*ticks + (account == ticks ? now_in_ticks() : 0));
}

void thread_idle(void (*wait)(void))
{
    uint64_t *before = account;

    charge(&nobodys_ticks);
    wait();
    charge(before);
}

void arch_thread_stop(struct thread *thread)
{
    if (account == &thread->arch.ticks)
        charge(&nobodys_ticks);
}

ALWAYS_INLINE void switch_to(struct thread *previous, struct thread *next)
{
    main_task.tss.esp0 = (uint32_t)(&next->frame + 1);
    switch_segments(&previous->arch, &next->arch);
    if (cpu()->attention & ATTENTION_LAZY)
        thread_switch_lazily(next);
    if (previous->arch.directory != next->arch.directory)
        write_cr3(next->arch.directory);
}

void thread_switch(struct thread *previous, struct thread *next)
{
    switch_to(previous, next);
}

/* A thread with something to do before it goes on: what takes no more than telling it a
 * message need not go the long way. */
_Noreturn static __attribute__((noinline)) void leave_by_detour(struct thread *thread)
{
    if (thread->detour == DETOUR_TELL) {
        thread->detour = 0;
        thread->frame.eax = (uint32_t)system_message_given();
    }
    if (cpu()->work & ~WORK_FRAME || thread->detour)
        arch_leave_after_work();
    cpu()->work = 0;
    arch_leave(&thread->frame);
}

_Noreturn ALWAYS_INLINE void leave_to(struct thread *thread)
{
    if (unlikely(thread->detour))
        leave_by_detour(thread);
    arch_leave(&thread->frame);
}

void arch_switch(struct thread *previous, struct thread *next)
{
    charge(&next->arch.ticks);
    switch_to(previous, next);
}

_Noreturn void arch_leave_to(struct thread *previous, struct thread *next)
{
    charge(&next->arch.ticks);
    switch_to(previous, next);
    leave_to(next);
}

_Noreturn void arch_handoff(struct thread *previous, struct thread *next)
{
    switch_to(previous, next);
    leave_to(next);
}

void arch_thread_base(struct thread *thread, uint32_t which, uint32_t base)
{
    struct arch_thread *arch = &thread->arch;

    save_segments(arch);
    if (which == 0) {
        arch->fs = SELECTOR_FS;
        arch->fs_descriptor = make_descriptor(base);
    } else {
        arch->gs = SELECTOR_GS;
        arch->gs_descriptor = make_descriptor(base);
    }
    arch->shown_as = arch;
    show_descriptors(arch);
    load_segments(arch);
}

/* SYSENTER takes IF away, and leaves others that no call keeps. */
uint32_t frame_flags(const struct SystemCallFrame *frame)
{
    uint32_t kept = frame->vector == FRAME_SYSENTER ? EFLAGS_KEPT : UINT32_MAX;

    return (frame->eflags & kept) | EFLAGS_ONE | EFLAGS_IF;
}

void arch_thread_report(struct thread *thread, struct thread_state *state)
{
    const struct SystemCallFrame *frame = &thread->frame;

    if (thread == cpu()->current)
        save_segments(&thread->arch);
    *state = (struct thread_state){
        .eax = frame->eax,
        .ebx = frame->ebx,
        .ecx = frame->ecx,
        .edx = frame->edx,
        .esi = frame->esi,
        .edi = frame->edi,
        .ebp = frame->ebp,
        .esp = frame->esp,
        .eip = frame->eip,
        .eflags = frame_flags(frame),
        .cs = frame->cs,
        .ss = frame->ss,
        .ds = SELECTOR_UDATA,
        .es = SELECTOR_UDATA,
        .fs = thread->arch.fs,
        .gs = thread->arch.gs,
    };
}

uint16_t safe_selector(uint32_t selector)
{
    bool good = selector == SELECTOR_UDATA || selector == SELECTOR_UCODE ||
                selector == SELECTOR_FS || selector == SELECTOR_GS;

    return good ? (uint16_t)selector : 0;
}

void arch_thread_write(struct thread *thread, const struct thread_state *state)
{
    struct SystemCallFrame *frame = &thread->frame;

    frame->eax = state->eax;
    frame->ebx = state->ebx;
    frame->ecx = state->ecx;
    frame->edx = state->edx;
    frame->esi = state->esi;
    frame->edi = state->edi;
    frame->ebp = state->ebp;
    frame->vector = FRAME_INT80;
    frame->eip = state->eip;
    frame->cs = SELECTOR_UCODE;
    frame->eflags = (state->eflags & EFLAGS_CHOSEN) | EFLAGS_ONE | EFLAGS_IF;
    frame->esp = state->esp;
    frame->ss = SELECTOR_UDATA;
    thread->arch.fs = safe_selector(state->fs);
    thread->arch.gs = safe_selector(state->gs);
}

void arch_thread_adopt(struct thread *thread)
{
    thread->arch = (struct arch_thread){
        .shown_as = &base_0,
        .directory = paging_kernel_directory().address,
    };
}

void arch_process_forget(struct process *process)
{
    paging_forget(&process->space);
    io_ports_forget(process);
}
