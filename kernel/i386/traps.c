/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts. In user mode an exception is either resolved or the end of
 * its process; in the kernel only copies across the user boundary may fault, and only the
 * idle loop and preemption points are interrupted: everything else is a bug.
 */
#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "error.h"
#include "fault.h"
#include "i386.h"
#include "interrupt.h"
#include "process.h"
#include "schedule.h"

#define PAGE_FAULT_WRITE (1u << 1)

struct fixup {
    uint32_t at, landing;
    uint32_t resolve; /* whether the fault may be resolved */
};

extern const struct fixup fixups_start[], fixups_end[];

/* A line whose interrupt becomes a message is masked before the PIC may raise it again.
 * The timer's comes here only where it strikes the kernel: entry_timer. */
static void handle_irq(uint32_t irq)
{
    if (irq == IRQ_TIMER) {
        clock_interrupt();
    } else if (!pic_spurious(irq)) {
        interrupt_raise(irq);
        pic_end(irq);
    }
}

static bool is_irq(uint32_t vector)
{
    return vector >= VECTOR_IRQ && vector < VECTOR_IRQ_END;
}

static void on_page_fault(struct SystemCallFrame *frame)
{
    uint32_t address = read_cr2();

    switch (space_fault(&cpu()->current->process->space, address,
                        frame->error & PAGE_FAULT_WRITE)) {
    case FAULT_RESOLVED:
    case FAULT_AGAIN: /* it faults once more */
        break;
    case FAULT_BAD_ADDRESS:
        fault_raise(PROCESS_FAULTED, address);
        break;
    case FAULT_NO_MEMORY:
        if (process_reap_pending())
            schedule_reap(); /* and faults once more */
        else
            fault_raise(PROCESS_NO_MEMORY, address);
        break;
    }
}

void trap_user(struct SystemCallFrame *frame)
{
    struct thread *thread = cpu()->current;

    assert(frame == &thread->frame);
    if (is_irq(frame->vector)) {
        handle_irq(frame->vector - VECTOR_IRQ);
    } else if (frame->vector == VECTOR_PAGE_FAULT) {
        on_page_fault(frame);
    } else if (frame->vector == VECTOR_NO_FPU && cpu_features.fpu) {
        if (!fpu_use(thread))
            fault_raise(PROCESS_NO_MEMORY, 0);
    } else if (frame->vector != VECTOR_PROTECTION || !io_ports_show(thread->process)) {
        fault_raise(PROCESS_FAULTED, 0);
    }
}

void trap_v86(struct SystemCallFrame *frame)
{
    struct thread *thread = cpu()->current;
    struct SystemCallFrame found = *frame;

    thread->frame = found;
    if (is_irq(found.vector))
        handle_irq(found.vector - VECTOR_IRQ);
    thread->frame.vector = VECTOR_PROTECTION;
    fault_raise(PROCESS_FAULTED, 0);
}

/* A fault at an instruction that copies across the user boundary: the page is made
 * present, or the copy ends with an error. */
static bool fix_up(struct SystemCallFrame *frame)
{
    const struct fixup *fixup = fixups_start;
    uint32_t address = read_cr2();

    while (fixup < fixups_end && fixup->at != frame->eip)
        fixup++;
    if (fixup == fixups_end || frame->vector != VECTOR_PAGE_FAULT ||
        address >= KERNEL_BASE)
        return false;

    enum fault_result result = FAULT_BAD_ADDRESS;
    if (fixup->resolve)
        do
            result = space_fault(&cpu()->current->process->space, address,
                                 frame->error & PAGE_FAULT_WRITE);
        while (process_fault_again(result));
    if (result != FAULT_RESOLVED) {
        frame->eax = (uint32_t)(result == FAULT_NO_MEMORY ? -ENOMEM : -EFAULT);
        frame->eip = fixup->landing;
    }
    return true;
}

void trap_kernel(struct SystemCallFrame *frame)
{
    if (is_irq(frame->vector))
        handle_irq(frame->vector - VECTOR_IRQ);
    else if (frame->vector == VECTOR_NO_FPU && cpu_features.fpu)
        fpu_allow();
    else if (!fix_up(frame))
        panic("exception %u in the kernel at %08x, error %x, address %08x, caller's "
              "frame %08x",
              frame->vector, frame->eip, frame->error, read_cr2(), frame->ebp);
}

/* The running thread crossed with TF set, which entry_debug took away: it leaves by IRET,
 * with TF. */
static void restore_single_step(void)
{
    struct SystemCallFrame *frame = &cpu()->current->frame;

    cpu()->work &= ~WORK_SINGLE_STEP;
    cpu()->attention &= ~ATTENTION_STEP;
    frame->vector = FRAME_INT80;
    frame->eflags = (frame->eflags & EFLAGS_KEPT) | EFLAGS_IF | EFLAGS_TF;
}

struct SystemCallFrame *trap_leave(void)
{
    if (unlikely(cpu()->work & WORK_SINGLE_STEP))
        restore_single_step();
    schedule_leave();
    if (unlikely(nmi_told != nmi_count))
        nmi_tell();
    return &cpu()->current->frame;
}

void arch_idle(void)
{
    thread_idle(idle_wait);
    nmi_tell();
}

/* The instruction behind sti still runs with interrupts off. */
void arch_take_interrupts(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}
