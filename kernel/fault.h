/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of user mode that the kernel does not resolve: the process's fault endpoint
 * is asked, by a call that the faulting thread makes, or the process ends.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct process;
struct thread;

/* The running thread can't go on where it is. Vector and error code are in its frame; the
 * reason is PROCESS_FAULTED or PROCESS_NO_MEMORY. */
void fault_raise(uint32_t reason, uint32_t address);

/* The thread, which has faulted and waits, goes on, or its process ends. */
void fault_answer(struct thread *thread, bool go_on);

/* Gives the receiver of a fault's message the thread, if it takes handles and has room.
 */
void fault_give_thread(struct thread *thread, struct thread *receiver);

/* Nobody is asked about the process's faults any more. */
void fault_forget(struct process *process);

#endif
