/* SPDX-License-Identifier: MIT */
/*
 * Exceptions with a task of their own: NMI, double fault and machine check can strike at
 * any instruction, also where the stack is not the kernel's (the first instructions of
 * the gates). Where SYSCALL is open, which enters on the user's stack, debug exceptions
 * have one too.
 */
#include "assert.h"
#include "cpu.h"
#include "i386.h"
#include "log.h"
#include "process.h"

#define STACK_SIZE 2048

struct task {
    struct task_state state;
    char stack[STACK_SIZE];
} __attribute__((aligned(128)));

static struct task double_fault_task, nmi_task, machine_check_task, debug_task;

extern const char entry_start[], entry_end[], debug_from_task[];
extern const char idle_end[];

volatile uint32_t nmi_count;
uint32_t nmi_told;

_Noreturn static void on_double_fault(void)
{
    panic("double fault at %08x, stack %08x", main_task.tss.eip, main_task.tss.esp);
}

_Noreturn static void on_machine_check(void)
{
    panic("machine check at %08x", main_task.tss.eip);
}

/* A task handler's loop: the next event goes on behind the iret, so it jumps back. */
#define TASK_LOOP(handler) \
    __asm__ volatile("1:\n\tcall " #handler "\n\tiretl\n\tjmp 1b" : : : "memory")

void nmi_tell(void)
{
    while (nmi_told != nmi_count) {
        nmi_told++;
        log_info("NMI");
    }
}

/*
 * An NMI strikes anywhere, also amid a write to the log or a read of the clock: one that
 * met the kernel is only noted, and told on the way out. One in idle_wait skips its HLT:
 * else it would be told late, and, between STI and HLT, let an interrupt in there, upon
 * which the processor would halt. Between STI and SYSEXIT it would let one in on a stack
 * that is none: there the STI is done once more.
 */
#define SYSEXIT 0x350fu
#define STI_SIZE 1
void on_nmi(void);
void on_nmi(void)
{
    struct task_state *tss = &main_task.tss;

    tss->cr3 = paging_current_directory().address;
    if (tss->eip >= (uint32_t)idle_wait && tss->eip < (uint32_t)idle_end)
        tss->eip = (uint32_t)idle_end;
    if (tss->cs == SELECTOR_KCODE && *(const uint16_t *)tss->eip == SYSEXIT) {
        tss->eip -= STI_SIZE;
        tss->eflags &= ~EFLAGS_IF;
    }
    nmi_count++;
    if (tss->cs == SELECTOR_KCODE)
        cpu()->work |= WORK_NMI;
    else
        nmi_tell();
}

static void nmi_loop(void)
{
    TASK_LOOP(on_nmi);
}

static void push(uint32_t value)
{
    main_task.tss.esp -= 4;
    *(uint32_t *)main_task.tss.esp = value;
}

/*
 * In the kernel: TF met a gate, as in entry_debug. In user mode: the main task is made to
 * look as if an interrupt gate had been taken, and goes on in debug_from_task.
 */
void on_debug(void);
void on_debug(void)
{
    struct task_state *tss = &main_task.tss;

    tss->cr3 = paging_current_directory().address;
    if (tss->eflags & EFLAGS_VM) {
        tss->ds = tss->es = SELECTOR_UDATA;
        tss->fs = tss->gs = 0;
    } else if (tss->cs == SELECTOR_KCODE) {
        if (tss->eip < (uint32_t)entry_start || tss->eip >= (uint32_t)entry_end)
            panic("debug exception in the kernel at %08x", tss->eip);
        tss->eflags &= ~EFLAGS_TF;
        cpu()->work |= WORK_SINGLE_STEP;
        cpu()->attention |= ATTENTION_STEP;
        return;
    }
    uint32_t ss = tss->ss;
    uint32_t esp = tss->esp;
    tss->ss = SELECTOR_KDATA;
    tss->esp = tss->esp0;
    push(ss);
    push(esp);
    push(tss->eflags);
    push(tss->cs);
    push(tss->eip);
    tss->cs = SELECTOR_KCODE;
    tss->eip = (uint32_t)debug_from_task;
    tss->eflags = EFLAGS_ONE;
}

static void debug_loop(void)
{
    TASK_LOOP(on_debug);
}

static void set_task(struct task *task, uint32_t vector, uint32_t selector,
                     void (*entry)(void))
{
    task->state = (struct task_state){
        .cr3 = paging_kernel_directory().address,
        .eip = (uint32_t)entry,
        .eflags = EFLAGS_ONE,
        .esp = (uint32_t)(task->stack + STACK_SIZE - 4),
        .cs = SELECTOR_KCODE,
        .ss = SELECTOR_KDATA,
        .ds = SELECTOR_UDATA,
        .es = SELECTOR_UDATA,
        .io_bitmap = 0xffff,
    };
    gdt_set_task(selector, &task->state, sizeof(task->state) - 1);
    idt_set_task(vector, selector);
}

void tasks_init(void)
{
    set_task(&double_fault_task, VECTOR_DOUBLE_FAULT, SELECTOR_DF_TSS, on_double_fault);
    set_task(&nmi_task, VECTOR_NMI, SELECTOR_NMI_TSS, nmi_loop);
    set_task(&machine_check_task, VECTOR_MACHINE_CHECK, SELECTOR_MC_TSS,
             on_machine_check);
    if (cpu_features.mce)
        write_cr4(read_cr4() | CR4_MCE);
}

void tasks_guard_debug(void)
{
    set_task(&debug_task, VECTOR_DEBUG, SELECTOR_DB_TSS, debug_loop);
}
