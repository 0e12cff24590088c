/* SPDX-License-Identifier: MIT */
/*
 * What the files of kernel/i386/ share. Sections in comments are of the Intel 64 and
 * IA-32 Architectures Software Developer's Manual, volume 3, unless another manual is
 * named.
 */
#ifndef KERNEL_I386_H
#define KERNEL_I386_H

#include <limen/abi.h>
#include <stdbool.h>
#include <stdint.h>

#include "assert.h"
#include "frame.h"
#include "space.h"
#include "system_call.h"
#include "thread.h"

struct process;
struct space;

/* --- Control and flag bits --- */

#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_PG (1u << 31)

#define CR4_TSD (1u << 2)
#define CR4_PSE (1u << 4)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)

#define EFLAGS_ONE (1u << 1)
#define EFLAGS_TF (1u << 8)
#define EFLAGS_IF (1u << 9)
#define EFLAGS_DF (1u << 10)
#define EFLAGS_NT (1u << 14)
#define EFLAGS_VM (1u << 17)
#define EFLAGS_AC (1u << 18)
#define EFLAGS_ID (1u << 21)
/* What of its flags a thread keeps across a system call: the arithmetic ones, TF, IF, ID.
 */
#define EFLAGS_KEPT 0x200bd5u
/* What it can choose: also DF and AC. */
#define EFLAGS_CHOSEN (EFLAGS_KEPT | EFLAGS_DF | EFLAGS_AC)

#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define EFER_SCE (1u << 0)

#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW 4
#define VECTOR_NO_FPU 7
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PROTECTION 13
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_EXCEPTIONS 32
#define VECTOR_IRQ 32
#define VECTOR_IRQ_END 48

#define IRQ_TIMER 0
#define IRQ_CASCADE 2

/* --- Instructions --- */

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint16_t in16(uint16_t port)
{
    uint16_t value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void write_msr(uint32_t msr, uint32_t low, uint32_t high)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high));
}

static inline uint32_t read_msr_low(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return low;
}

static inline uint64_t read_tsc(void)
{
    uint64_t value;

    __asm__ volatile("rdtsc" : "=A"(value));
    return value;
}

#define CONTROL_REGISTER(name)                                               \
    static inline uint32_t read_##name(void)                                 \
    {                                                                        \
        uint32_t value;                                                      \
        __asm__ volatile("movl %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                        \
    }                                                                        \
    static inline void write_##name(uint32_t value)                          \
    {                                                                        \
        __asm__ volatile("movl %0, %%" #name : : "r"(value) : "memory");     \
    }
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
#undef CONTROL_REGISTER

static inline void invalidate_page(uint32_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* --- Processor features: cpuid.c --- */

struct cpu_features {
    bool cpuid, pse, tsc, msr, sep, pge, mce, fpu, mmx, fxsr, sse, smep, smap, umip,
        syscall;
    bool amd;
    uint32_t signature; /* family, model, stepping; 0 without CPUID */
};

extern struct cpu_features cpu_features; /* [I] after cpuid_init */
void cpuid_init(void);

/* --- Descriptor tables and tasks: tables.c, tasks.c --- */

/* A task state segment: section 8.2.1. */
struct task_state {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t trap, io_bitmap;
};

/*
 * The main task. SYSENTER_ESP points at tss.esp0, which holds the end of the running
 * thread's frame; a debug exception that meets the entry stub before its first
 * instruction is pushed below it, onto the link field and the tiny stack.
 */
struct main_task {
    uint32_t tiny_stack[32];
    struct task_state tss;
    uint8_t io_bitmap[8192];
    uint8_t io_end[4]; /* the processor reads one byte past the last port's */
} __attribute__((aligned(256)));

extern struct main_task main_task;

#define SELECTOR_DF_TSS 0x40
#define SELECTOR_NMI_TSS 0x48
#define SELECTOR_MC_TSS 0x50
#define SELECTOR_DB_TSS 0x58
#define GDT_ENTRIES 12

void tables_init(void);
/* No gate changes from here on. */
void tables_seal(void);
extern struct arch_descriptor gdt[];

static inline void gdt_set(uint32_t selector, uint32_t low, uint32_t high)
{
    gdt[selector / 8] = (struct arch_descriptor){low, high};
}

void gdt_set_task(uint32_t selector, const struct task_state *task, uint32_t limit);
void idt_set_task(uint32_t vector, uint32_t selector);
void tasks_init(void);
/* Lets debug exceptions run on a task of their own: SYSCALL enters on the user's stack.
 */
void tasks_guard_debug(void);

extern volatile uint32_t nmi_count; /* [c] NMIs since boot */
extern uint32_t nmi_told;           /* [c] how many of them the log shows */
/* Logs the NMIs that it does not show yet. */
void nmi_tell(void);

/* --- Gates: gates.c --- */

enum gate_choice {
    GATE_CHOICE_AUTO,
    GATE_CHOICE_INT80,
    GATE_CHOICE_SYSENTER,
    GATE_CHOICE_SYSCALL,
};

/* Opens the gates that the processor has and the command line allows. */
void gates_init(enum gate_choice choice);
uint32_t gates_open(void);
enum gate gates_best(void);

/* --- Paging: paging.c --- */

/* Maps low memory, protects the kernel's text; done once frames can be told apart. */
void paging_init(uint32_t low_end, uint32_t tables);
/* The kernel's view of a page that the user can write to as it is, or NULL; good until
 * the next call of arch_view. */
void *paging_writable(struct space *space, uint32_t address);
/* Bytes that paging_init needs at `tables` (physical, in RAM) for low memory up to
 * low_end. */
uint32_t paging_tables_size(uint32_t low_end);
/* Space 0: the kernel's own directory. */
phys_t paging_kernel_directory(void);
/* A kernel address for one page of any physical memory, good until the next call with
 * `slot`. */
void *paging_window(uint32_t slot, uint32_t address);
/* What CR3 names: the tasks have to restore it. */
phys_t paging_current_directory(void);
/* Leaves the address space, if it is the running one, for the kernel's own. */
void paging_forget(struct space *space);

/* Makes a page of the kernel's image read-only. */
void paging_seal(const void *page);

/* Maps the threshold page into the kernel directory, and so into every process. */
void paging_map_threshold(phys_t frame);

#define WINDOW_PAGE 0 /* arch_page_… */
#define WINDOW_PHYS 1 /* arch_phys_read */
#define WINDOW_VIEW 2 /* arch_view */
#define WINDOW_COPY 3 /* arch_page_copy */

/* --- Threads: thread.c --- */

extern const struct arch_thread
    *thread_shown; /* [c] whose TLS descriptors the GDT holds */
/* Waits, for which no thread's time counts. */
void thread_idle(void (*wait)(void));
/* Notes and loads %fs and %gs. */
static inline void save_segments(struct arch_thread *arch)
{
    __asm__ volatile("movw %%fs, %0\n\tmovw %%gs, %1" : "=m"(arch->fs), "=m"(arch->gs));
}
void load_segments(const struct arch_thread *arch);
/* The flags with which a thread goes on that leaves with all of its frame. */
uint32_t frame_flags(const struct SystemCallFrame *frame);
/* A selector that is good to be loaded in user mode, or null. */
uint16_t safe_selector(uint32_t selector);
/* The switch alone: time goes on to count for the one before. */
void thread_switch(struct thread *previous, struct thread *next);
/* The part of a switch that is needed while ATTENTION_LAZY is set. */
void thread_switch_lazily(struct thread *next);

/* --- Traps: traps.c --- */

/* Called by entry.S: an exception or interrupt that came from user mode, or from the
 * kernel (there the frame ends at eflags). */
void trap_user(struct SystemCallFrame *frame);
void trap_kernel(struct SystemCallFrame *frame);
/* The same from virtual 8086 mode, where the processor pushes more, so that the frame is
 * not the thread's. User mode cannot get there, but under QEMU's TCG (7.2), whose IRET
 * lets any program set VM. The program ends. */
void trap_v86(struct SystemCallFrame *frame);
/* Waits for an interrupt, with interrupts on, or for an NMI: entry.S. */
void idle_wait(void);
/* Leaves the kernel at once, with all registers of the frame: entry.S. */
_Noreturn void leave_with_all(struct SystemCallFrame *frame);
/* Does what is left to do; the frame of the thread to go on with. */
struct SystemCallFrame *trap_leave(void);

/* --- Fast paths: fast_call.S, fast_message.c --- */

/* A system-call message as most are. */
struct plain_message {
    uint32_t kind; /* operation, and flags above */
    uint32_t reply_port;
    uint32_t words[3];
    uint32_t others; /* 0 if all other fields are */
};

/* Reads one, once, at an address that was checked: copy.S. Not 0: not at once. */
[[nodiscard]] long user_read_plain(struct plain_message *plain, uint32_t at);

/* The call by int 0x81; its result. */
long fast_message(struct SystemCallFrame *frame);
/* The running thread answers a request, and receives at the port; comes back, with
 * nothing done, if that is no case for a fast path. */
void fast_answer(struct thread *proxy, struct port *port);

/* --- FPU: fpu.c --- */

extern struct thread *fpu_owner; /* [c] whose state the registers hold, or NULL */
void fpu_init(void);
/* Clears CR0.TS: the registers can be used. */
void fpu_allow(void);
/* The running thread wants the FPU: false if there is no memory for its state. */
bool fpu_use(struct thread *thread);
/* Sets CR0.TS as the next thread needs it. */
void fpu_switch(struct thread *next);

void fpu_forget(struct thread *thread);

/* --- I/O ports: io_ports.c --- */

/* Shows the running process's bitmap to the processor; false if it is shown already, or
 * none. */
bool io_ports_show(struct process *process);
/* Lets the TSS show a bitmap only if it is that process's. */
void io_ports_switch(struct process *process);

void io_ports_forget(struct process *process);

/* --- Board --- */

#define PIC_MASTER 0x20
#define PIC_END 0x20 /* OCW2: the interrupt was taken */
void pic_init(void);
/* The kernel listens to the line. */
void pic_enable(uint32_t irq);
/* Whether there is no interrupt after all; then nothing is left to do. */
bool pic_spurious(uint32_t irq);
/* Tells the PIC that the interrupt was taken: the next one may come. */
void pic_end(uint32_t irq);
void clock_init(void);
/* The timer's interrupt; tells the PIC that it was taken. */
void clock_interrupt(void);
/* So many ticks of the clock, the TSC's or without one the PIT's, in ns. */
uint64_t clock_ns(uint64_t ticks);
/* Ticks of the PIT since boot. */
uint64_t clock_pit_ticks(void);

void clock_fill_threshold(struct threshold_page *page);
uint64_t rtc_read(void);
void serial_init(void);
/* Waits until all that was written is on the line. */
void serial_drain(void);
void screen_init(void);
void screen_write(const char *bytes, uint32_t size);
void threshold_init(void);
void user_copy_init(void);
void stop_use_debug_exit(void);

#endif
