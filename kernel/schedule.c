/* SPDX-License-Identifier: MIT */
/*
 * Round robin among the ready threads. The timer runs only while somebody waits for it: for the
 * first deadline, or for the end of a slice while more than one thread is ready. A switch reads no
 * clock: the tick that finds the same thread twice takes the processor from it.
 */
#include "schedule.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "process.h"

struct cpu boot_cpu;

static uint64_t slice_end = UINT64_MAX; /* [k] when the tick looks at the running thread */

void schedule_init(void)
{
    list_init(&cpu()->ready);
}

void schedule_ready(struct thread *thread)
{
    list_append(&cpu()->ready, &thread->queue);
    cpu()->work |= WORK_READY;
}

void schedule_yield(void)
{
    if (!list_empty(&cpu()->ready))
        cpu()->work |= WORK_SCHEDULE;
}

void schedule_tick(void)
{
    uint64_t now = arch_clock();
    uint64_t next = thread_expire(now);

    if (slice_end <= now) {
        slice_end = UINT64_MAX;
        if (cpu()->slice_used)
            cpu()->work |= WORK_SCHEDULE;
        cpu()->slice_used = true;
    }
    cpu()->work |= WORK_READY;
    arch_timer_set(next < slice_end ? next : slice_end);
}

static void switch_to(struct thread *next)
{
    struct thread *previous = cpu()->current;

    cpu()->slice_used = false;
    cpu()->current = next;
    object_hold(&next->object);
    arch_switch(previous, next);
    object_drop(&previous->object);
}

/* Picks the thread to go on with; waits for one if there is none. */
static void choose(void)
{
    struct thread *current = cpu()->current;

    if (current->state == THREAD_READY)
        list_append(&cpu()->ready, &current->queue);
    while (list_empty(&cpu()->ready))
        arch_idle();
    struct thread *next = container_of(list_take(&cpu()->ready), struct thread, queue);
    if (next != current)
        switch_to(next);
}

/* Sees to it that the running thread's slice ends while others are ready. */
static void arm_slice(void)
{
    if (slice_end != UINT64_MAX || list_empty(&cpu()->ready))
        return;
    slice_end = arch_clock() + SLICE_NS;
    arch_timer_set(slice_end);
}

void schedule_leave(void)
{
    for (;;) {
        uint32_t work = cpu()->work;
        cpu()->work = 0;
        if (work & WORK_REAP)
            process_reap();
        if ((work | cpu()->work) & WORK_SCHEDULE)
            choose();
        if (cpu()->work & WORK_REAP)
            continue;
        struct thread *thread = cpu()->current;
        if (thread->restart) {
            thread->restart = false;
            thread->frame.eax = (uint32_t)system_call(thread->frame.error, &thread->frame);
        } else if (!(cpu()->work & ~WORK_READY)) {
            break;
        }
    }
    arm_slice();
    cpu()->work = 0;
}
