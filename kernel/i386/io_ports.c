/* SPDX-License-Identifier: MIT */
/*
 * I/O permission: the TSS holds the bitmap of at most one process, and shows it only from
 * that process's first protection fault on until another runs. It is copied when it is
 * another's. So who has no ports pays nothing for those who have.
 */
#include "arch.h"
#include "cpu.h"
#include "i386.h"
#include "memory.h"
#include "process.h"

#define BITMAP_OFFSET \
    (offsetof(struct main_task, io_bitmap) - offsetof(struct main_task, tss))
#define BITMAP_HIDDEN 0xffff /* past the segment's limit: every port is closed */

static struct process *held; /* borrowed until it is forgotten: whose bitmap there is */

bool io_ports_show(struct process *process)
{
    if (!process->io_bitmap[0] || !process->io_bitmap[1])
        return false;
    if (held == process && main_task.tss.io_bitmap == BITMAP_OFFSET)
        return false;
    if (held != process) {
        memcpy(main_task.io_bitmap, process->io_bitmap[0], PAGE_SIZE);
        memcpy(main_task.io_bitmap + PAGE_SIZE, process->io_bitmap[1], PAGE_SIZE);
        held = process;
    }
    main_task.tss.io_bitmap = BITMAP_OFFSET;
    cpu()->attention |= ATTENTION_PORTS;
    return true;
}

static void hide(void)
{
    main_task.tss.io_bitmap = BITMAP_HIDDEN;
    cpu()->attention &= ~ATTENTION_PORTS;
}

void io_ports_switch(struct process *process)
{
    if (held != process)
        hide();
}

void io_ports_forget(struct process *process)
{
    if (held != process)
        return;
    held = NULL;
    hide();
}

void arch_ports_changed(struct process *process)
{
    io_ports_forget(process);
}
