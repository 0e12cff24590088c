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

static const struct arch_thread *shown; /* [c] whose TLS descriptors the GDT holds */
static const struct arch_thread base_0; /* stands for all whose bases are 0 */

static struct arch_segment make_segment(uint16_t selector, uint32_t base)
{
    return (struct arch_segment){
        .selector = selector,
        .low = base << 16 | DESCRIPTOR_LIMIT,
        .high = (base & 0xff000000) | DESCRIPTOR_FLAGS | (base >> 16 & 0xff),
    };
}

void arch_thread_init(struct thread *thread, const struct thread_start *start)
{
    thread->frame = (struct SystemCallFrame){
        .eax = start->eax,
        .vector = FRAME_INT80,
        .eip = start->eip,
        .cs = SELECTOR_UCODE,
        .eflags = EFLAGS_ONE | EFLAGS_IF,
        .esp = start->esp,
        .ss = SELECTOR_UDATA,
    };
    thread->arch.fs =
        make_segment(start->flags & THREAD_FS ? SELECTOR_FS : 0, start->fs_base);
    thread->arch.gs =
        make_segment(start->flags & THREAD_GS ? SELECTOR_GS : 0, start->gs_base);
    thread->arch.descriptors = start->fs_base || start->gs_base ? &thread->arch : &base_0;
    if (shown == &thread->arch)
        shown = NULL; /* they were of a thread that stood here before */
}

void arch_thread_destroy(struct thread *thread)
{
    fpu_forget(thread);
}

static void save_segments(struct arch_thread *arch)
{
    __asm__ volatile("movw %%fs, %0\n\tmovw %%gs, %1"
                     : "=m"(arch->fs.selector), "=m"(arch->gs.selector));
}

/* Whatever selector a thread could load can be loaded again: the descriptors it may use
 * are always valid. */
static void load_segments(const struct arch_thread *arch)
{
    __asm__ volatile("movw %0, %%fs\n\tmovw %1, %%gs"
                     :
                     : "m"(arch->fs.selector), "m"(arch->gs.selector));
}

/* Puts the thread's TLS descriptors into the GDT. */
static inline void show_descriptors(const struct arch_thread *arch)
{
    shown = arch->descriptors;
    gdt_set(SELECTOR_FS, arch->fs.low, arch->fs.high);
    gdt_set(SELECTOR_GS, arch->gs.low, arch->gs.high);
}

static inline void switch_segments(struct arch_thread *previous,
                                   const struct arch_thread *next)
{
    save_segments(previous);
    if (next->descriptors != shown)
        show_descriptors(next);
    else if (previous->fs.selector == next->fs.selector &&
             previous->gs.selector == next->gs.selector)
        return;
    load_segments(next);
}

FAST_CALL void arch_switch(struct thread *previous, struct thread *next)
{
    main_task.tss.esp0 = (uint32_t)(&next->frame + 1);
    switch_segments(&previous->arch, &next->arch);
    fpu_switch(next);
    if (previous->process != next->process) {
        paging_load(&next->process->space);
        io_ports_switch(next->process);
    }
}

void arch_thread_base(struct thread *thread, uint32_t which, uint32_t base)
{
    struct arch_thread *arch = &thread->arch;

    save_segments(arch);
    if (which == 0)
        arch->fs = make_segment(SELECTOR_FS, base);
    else
        arch->gs = make_segment(SELECTOR_GS, base);
    arch->descriptors = arch;
    show_descriptors(arch);
    load_segments(arch);
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
        .eflags = frame->eflags,
        .cs = frame->cs,
        .ss = frame->ss,
        .ds = SELECTOR_UDATA,
        .es = SELECTOR_UDATA,
        .fs = thread->arch.fs.selector,
        .gs = thread->arch.gs.selector,
    };
}

void arch_process_forget(struct process *process)
{
    paging_forget(&process->space);
    io_ports_forget(process);
}
