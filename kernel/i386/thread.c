/* SPDX-License-Identifier: MIT */
/* The processor's side of threads: their first frame, and the switch from one to another. */
#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "i386.h"
#include "process.h"

#define DESCRIPTOR_LIMIT 0x0000ffffu
#define DESCRIPTOR_FLAGS 0x00cff300u    /* flat, writable data, DPL 3, accessed */

static struct arch_segment shown_fs, shown_gs;  /* [c] the TLS descriptors in the GDT */

static struct arch_segment make_segment(uint32_t selector, uint32_t base)
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
}

void arch_thread_destroy(struct thread *thread)
{
    fpu_forget(thread);
}

static uint32_t read_fs(void)
{
    uint32_t selector;

    __asm__ volatile("movl %%fs, %0" : "=r"(selector));
    return selector & 0xffff;
}

static uint32_t read_gs(void)
{
    uint32_t selector;

    __asm__ volatile("movl %%gs, %0" : "=r"(selector));
    return selector & 0xffff;
}

/* Whatever selector a thread could load can be loaded again: the descriptors it may use are always
 * valid. */
static void load_segments(const struct arch_thread *arch)
{
    __asm__ volatile("movl %0, %%fs\n\tmovl %1, %%gs"
                     :
                     : "r"(arch->fs.selector), "r"(arch->gs.selector));
}

static bool same_descriptor(const struct arch_segment *a, const struct arch_segment *b)
{
    return a->low == b->low && a->high == b->high;
}

/* Shows the thread's TLS descriptors; whether that changed any. */
static bool show_descriptors(const struct arch_thread *arch)
{
    if (same_descriptor(&shown_fs, &arch->fs) && same_descriptor(&shown_gs, &arch->gs))
        return false;
    shown_fs = arch->fs;
    shown_gs = arch->gs;
    gdt_set(SELECTOR_FS, arch->fs.low, arch->fs.high);
    gdt_set(SELECTOR_GS, arch->gs.low, arch->gs.high);
    return true;
}

static void switch_segments(struct arch_thread *previous, const struct arch_thread *next)
{
    previous->fs.selector = read_fs();
    previous->gs.selector = read_gs();
    if (show_descriptors(next) || previous->fs.selector != next->fs.selector ||
        previous->gs.selector != next->gs.selector)
        load_segments(next);
}

void arch_switch(struct thread *previous, struct thread *next)
{
    main_task.tss.esp0 = (uint32_t)(&next->frame + 1);
    switch_segments(&previous->arch, &next->arch);
    fpu_switch(next);
    if (previous->process != next->process) {
        paging_switch(&next->process->space);
        io_ports_switch(next->process);
    }
}

void arch_thread_base(struct thread *thread, uint32_t which, uint32_t base)
{
    struct arch_thread *arch = &thread->arch;

    arch->fs.selector = read_fs();
    arch->gs.selector = read_gs();
    if (which == 0)
        arch->fs = make_segment(SELECTOR_FS, base);
    else
        arch->gs = make_segment(SELECTOR_GS, base);
    show_descriptors(arch);
    load_segments(arch);
}

void arch_thread_report(const struct thread *thread, struct thread_state *state)
{
    const struct SystemCallFrame *frame = &thread->frame;
    bool running = thread == cpu()->current;

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
        .fs = running ? read_fs() : thread->arch.fs.selector,
        .gs = running ? read_gs() : thread->arch.gs.selector,
    };
}

void arch_process_forget(struct process *process)
{
    paging_forget(&process->space);
    io_ports_forget(process);
}
