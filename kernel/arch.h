/* SPDX-License-Identifier: MIT */
/*
 * All that the portable kernel asks of the processor and the board. kernel/i386/ does it.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <limen/abi.h>

#include "arch_thread.h"
#include "assert.h"
#include "frame.h"

struct SystemCallFrame;
struct process;
struct space;
struct thread;
struct quota;

/* --- Start-up, in this order: kernel/main.c --- */

void arch_early_init(void);
void arch_command_init(const char *command);
/* Bytes of page tables that mapping low memory up to low_end takes. */
uint32_t arch_memory_tables(uint32_t low_end);
/* Maps low memory; its tables stand at `tables`, physical. */
void arch_memory_init(uint32_t low_end, uint32_t tables);
void arch_init(void);
_Noreturn void arch_enter_user(void);

/* --- Memory --- */

/* The kernel's view of a low frame, and back. */
void *arch_direct(phys_t address);
phys_t arch_direct_phys(const void *pointer);

/* Work on any frame, high ones too. */
void arch_page_zero(phys_t frame);
void arch_page_copy(phys_t to, phys_t from);
void arch_page_read(phys_t frame, uint32_t offset, void *to, uint32_t size);
void arch_page_write(phys_t frame, uint32_t offset, const void *from, uint32_t size);

/* The kernel's view of any frame, good until the next call of this one. */
void *arch_view(phys_t frame);

/* Copies from the running process, a range that was checked, to where another can write,
 * both as they are mapped: no fault is resolved. False: some of it could not be
 * copied. */
bool arch_copy_across(struct space *to, uint32_t address, struct user_ptr from,
                      uint32_t size);

/* Copies any physical memory into the kernel, as device tables and boot information need.
 */
void arch_phys_read(uint32_t address, void *to, uint32_t size);

/* Page tables. An entry is (frame, protection) or nothing; the protection is MEMORY_READ
 * and so on, and PAGE_OWNED. A table is taken at the quota's cost and given back with its
 * last entry. */
#define PAGE_OWNED (1u << 8) /* the space holds the frame and pays for it */
phys_t arch_directory_create(struct quota *quota);
void arch_directory_destroy(struct space *space);
[[nodiscard]] bool arch_map(struct space *space, uint32_t address, phys_t frame,
                            uint32_t protection);
/* The entry's frame; PHYS_NONE if there is none. */
phys_t arch_lookup(struct space *space, uint32_t address, uint32_t *protection);
/* Changes an entry that is there, and takes it away. */
void arch_remap(struct space *space, uint32_t address, phys_t frame, uint32_t protection);
void arch_unmap(struct space *space, uint32_t address);
/* The first page >= `address` that has an entry, at most `end`. It may also answer a page
 * that has none, having looked at many: then there is none before. */
uint32_t arch_next_page(struct space *space, uint32_t address, uint32_t end);

/* --- Threads --- */

/* Readies the frame and segments of a new thread. */
void arch_thread_init(struct thread *thread, const struct thread_start *start);
/* Readies the thread that stands for what runs at boot, and never leaves the kernel. */
void arch_thread_adopt(struct thread *thread);
/* The thread has ended. */
void arch_thread_stop(struct thread *thread);
/* Gives back what the processor's state of an ended thread holds. */
void arch_thread_destroy(struct thread *thread);
/* Makes `next` the thread whose frame the entry stubs fill and the exits restore. */
void arch_switch(struct thread *previous, struct thread *next);
/* The same, and leaves the kernel to `next`; nothing but its call may be left to do. */
_Noreturn void arch_leave_to(struct thread *previous, struct thread *next);
/* The same, with the processor's time going on to count for the one before. */
_Noreturn void arch_handoff(struct thread *previous, struct thread *next);
/* Leaves the kernel to the running thread at once; nothing may be left to do. */
_Noreturn void arch_leave(struct SystemCallFrame *frame);
/* Leaves the kernel after doing all that is in cpu()->work. */
_Noreturn void arch_leave_after_work(void);
/* Sets a segment base of the running thread; `which` is 0 (%fs) or 1 (%gs). */
void arch_thread_base(struct thread *thread, uint32_t which, uint32_t base);
/* Processor time that counts for the thread, in ns. */
uint64_t arch_thread_time(struct thread *thread);
void arch_thread_report(struct thread *thread, struct thread_state *state);
/* Sets the registers of a thread that does not run, as far as a thread may choose them;
 * it leaves the kernel with just these. */
void arch_thread_write(struct thread *thread, const struct thread_state *state);
/* Whether these are registers that a thread can have in user mode. */
bool arch_thread_state_ok(const struct thread_state *state);
/* The running thread leaves the kernel with just these, which are such. */
void arch_thread_return(struct thread *thread, const struct thread_state *state);
/* The running thread goes on at `entry`, with its stack and eax at `at`. */
void arch_upcall_begin(struct thread *thread, uint32_t entry, uint32_t at);
/* Writes the upcall of a running thread that has no FPU state to its memory, addresses
 * that were checked, and the results to the message; false: some of it could not be
 * written. */
struct upcall_message;
[[nodiscard]] bool arch_upcall_push(struct thread *thread, uint32_t at,
                                    const struct upcall_message *message);
/* Makes the frame that of a user's write that met a page fault. */
void arch_frame_fault(struct SystemCallFrame *frame);
/* Whether the thread has FPU state of its own. */
bool arch_fpu_used(const struct thread *thread);
/* Reads the running thread's FPU state, which it has. */
void arch_fpu_picture(struct thread *thread, uint8_t picture[ARCH_FPU_SIZE]);
/* The running thread's FPU, if it has used it, is as at a thread's start. */
void arch_fpu_reset(struct thread *thread);
/* Gives the running thread this state, or none; false: there is no memory for it. */
bool arch_fpu_set(struct thread *thread, const uint8_t *picture);
/* Forgets a process's address space and I/O ports where the processor still has them. */
void arch_process_forget(struct process *process);
/* Lets the process's changed I/O bitmap take effect. */
void arch_ports_changed(struct process *process);

/* --- Time --- */

uint64_t arch_clock(void);       /* monotonic ns */
uint64_t arch_wall_offset(void); /* wall clock minus monotonic */
/* Asks for an interrupt at the time (or soon after), while it is `now`; UINT64_MAX:
 * none. */
void arch_timer_set_at(uint64_t deadline, uint64_t now);

/* --- The board --- */

/* Waits for an interrupt and handles it. */
void arch_idle(void);
/* Handles the interrupts that have come. */
void arch_take_interrupts(void);
void arch_crossings(uint64_t counts[GATE_CROSSINGS]);
_Noreturn void arch_stop(enum machine_action action, uint32_t status);
_Noreturn void arch_halt(void);
/* The end after a panic: halts, or tells an emulator that listens. */
_Noreturn void arch_panic_stop(void);

/* Interrupt lines: whether anybody listens to it but the kernel, and whether it is held
 * masked all the same. */
void arch_irq_set(uint32_t irq, bool listen, bool hold);
/* The timer's and the cascade, which nobody else can listen to. */
bool arch_irq_reserved(uint32_t irq);

/* Writes to the first serial port and the screen, waiting for the device. */
void arch_console_write(const char *bytes, uint32_t size);

#endif
