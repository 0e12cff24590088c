/* SPDX-License-Identifier: MIT */
/*
 * Round robin among the ready threads. The timer runs only while somebody waits for it:
 * for the first deadline, or for the end of a slice while more than one thread is ready.
 * A switch reads no clock: the tick that finds the same thread twice takes the processor
 * from it.
 */
#include "schedule.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "process.h"

struct cpu boot_cpu;

static uint64_t
    slice_end; /* [k] if cpu()->slice_armed: when the tick looks at the running thread */

void schedule_init(void)
{
    list_init(&cpu()->ready);
}

void schedule_ready(struct thread *thread)
{
    list_append(&cpu()->ready, &thread->queue);
    cpu()->work |= WORK_READY;
}

void schedule_tick(void)
{
    struct cpu *c = cpu();
    uint64_t now = arch_clock();
    uint64_t next = thread_expire(now);

    if (c->slice_armed && slice_end <= now) {
        c->slice_armed = false;
        if (c->slice_used)
            c->work |= WORK_SCHEDULE;
        c->slice_used = true;
    }
    c->work |= WORK_READY;
    arch_timer_set(c->slice_armed && slice_end < next ? slice_end : next);
}

/* Sees to it that the running thread's slice ends. */
static void arm_slice(void)
{
    cpu()->slice_armed = true;
    slice_end = arch_clock() + SLICE_NS;
    arch_timer_set(slice_end);
}

static inline void switch_to(struct thread *next)
{
    struct cpu *c = cpu();
    struct thread *previous = c->current;

    c->slice_used = false;
    c->current = next;
    arch_switch(previous, next);
}

void schedule_yield(long result)
{
    struct cpu *c = cpu();
    struct thread *current = c->current;

    if (list_empty(&c->ready))
        return;
    if (unlikely(c->work)) {
        c->work |= WORK_SCHEDULE;
        return;
    }
    current->frame.eax = (uint32_t)result;
    list_append(&c->ready, &current->queue);
    struct thread *next = container_of(list_take(&c->ready), struct thread, queue);
    switch_to(next);
    if (unlikely(next->restart))
        arch_leave_after_work();
    arch_leave(&next->frame);
}

/* Picks the thread to go on with; waits for one if there is none. */
static inline void choose(void)
{
    struct cpu *c = cpu();
    struct thread *current = c->current;

    if (current->state == THREAD_READY)
        list_append(&c->ready, &current->queue);
    while (unlikely(list_empty(&c->ready)))
        arch_idle();
    struct thread *next = container_of(list_take(&c->ready), struct thread, queue);
    if (next != current)
        switch_to(next);
    if (unlikely(current->state == THREAD_ENDED))
        object_drop(&current->object);
}

/* Does the call of a thread again that waited for what it needs. */
static void redo_call(struct thread *thread)
{
    thread->restart = false;
    thread->frame.eax = (uint32_t)system_call(thread->frame.error, &thread->frame);
}

void schedule_leave(void)
{
    struct cpu *c = cpu();

    do {
        if (unlikely(c->work & WORK_REAP))
            process_reap();
        uint32_t work = c->work;
        c->work = 0;
        if (work & WORK_SCHEDULE)
            choose();
        if (unlikely(c->current->restart))
            redo_call(c->current);
    } while (unlikely(c->work & ~WORK_READY));
    c->work = 0;
    if (!c->slice_armed && !list_empty(&c->ready))
        arm_slice();
}
