/* SPDX-License-Identifier: MIT */
/*
 * I/O permission: the TSS shows the bitmap of at most one process, and only while that
 * process runs. It is copied when a process that has one meets a protection fault, so a
 * switch costs one store.
 */
#include "arch.h"
#include "cpu.h"
#include "i386.h"
#include "memory.h"
#include "process.h"

#define BITMAP_OFFSET \
    (offsetof(struct main_task, io_bitmap) - offsetof(struct main_task, tss))
#define BITMAP_HIDDEN 0xffff /* past the segment's limit: every port is closed */

struct process *io_ports_shown;

bool io_ports_show(struct process *process)
{
    if (!process->io_bitmap[0] || !process->io_bitmap[1])
        return false;
    if (io_ports_shown == process && main_task.tss.io_bitmap == BITMAP_OFFSET)
        return false;
    memcpy(main_task.io_bitmap, process->io_bitmap[0], PAGE_SIZE);
    memcpy(main_task.io_bitmap + PAGE_SIZE, process->io_bitmap[1], PAGE_SIZE);
    main_task.tss.io_bitmap = BITMAP_OFFSET;
    io_ports_shown = process;
    cpu()->attention |= ATTENTION_PORTS;
    return true;
}

void io_ports_switch(struct process *process)
{
    main_task.tss.io_bitmap = io_ports_shown == process ? BITMAP_OFFSET : BITMAP_HIDDEN;
}

void io_ports_forget(struct process *process)
{
    if (io_ports_shown != process)
        return;
    io_ports_shown = NULL;
    cpu()->attention &= ~ATTENTION_PORTS;
    main_task.tss.io_bitmap = BITMAP_HIDDEN;
}

void arch_ports_changed(struct process *process)
{
    io_ports_forget(process);
}
