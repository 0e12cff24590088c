/* SPDX-License-Identifier: MIT */
/*
 * Which thread runs: the one of the highest priority, round robin among equals. While a
 * thread runs in user mode none of a higher priority is ready. The timer runs only while
 * somebody waits for it: for the first deadline, or for the end of a slice while another
 * thread is ready. A switch reads no clock: the second tick in a turn takes the processor
 * from it. Who is interrupted by others of a higher priority goes on with its turn, which
 * ages meanwhile; and a turn goes along with a message: who is put before all others of
 * its priority has none of its own.
 */
#include "schedule.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "process.h"
#include "request.h"
#include "upcall.h"

#define TURN_SLICES 2

/* Of cpu.work, what is done by leaving the kernel through here. */
#define WORK_NONE (WORK_READY | WORK_FRAME)

struct cpu boot_cpu;

static uint64_t
    slice_end; /* [k] if cpu()->slice_armed: when the tick looks at the running thread */

void schedule_init(void)
{
    priority_queue_init(&cpu()->ready);
}

/* Whether the thread is to stand in the ready queue: not one that is suspended, nor one
 * that has blocked and is woken before another was chosen; `choose` sees its state. */
static inline bool joins_ready(struct thread *thread)
{
    struct cpu *c = cpu();

    if (unlikely(thread->suspended)) {
        thread->state = THREAD_SUSPENDED;
        if (thread->request && (thread = request_proxy_done(thread)))
            schedule_ready(thread);
        return false;
    }
    if (unlikely(thread == c->current)) {
        c->work |= WORK_SCHEDULE;
        return false;
    }
    if (thread->priority > c->current->priority)
        c->work |= WORK_SCHEDULE;
    else if (!c->slice_armed)
        c->work |= WORK_READY; /* to arm it */
    return true;
}

/* When the running turn began, for one who goes on with it. */
static inline uint16_t this_turn(void)
{
    return (uint16_t)(cpu()->slices - cpu()->turn_age);
}

/* How old the turn is that a thread goes on with. */
static inline uint16_t age_of_turn(const struct thread *thread)
{
    return thread->turn == 0 ? 0 : (uint16_t)(cpu()->slices - thread->turn);
}

void schedule_ready(struct thread *thread)
{
    thread->turn = 0;
    if (joins_ready(thread))
        priority_queue_append(&cpu()->ready, &thread->queue, thread->priority);
}

void schedule_ready_next(struct thread *thread)
{
    thread->turn = this_turn();
    if (joins_ready(thread))
        priority_queue_prepend(&cpu()->ready, &thread->queue, thread->priority);
}

void schedule_unready(struct thread *thread)
{
    priority_queue_remove(&cpu()->ready, &thread->queue, thread->priority);
}

uint64_t schedule_tick(uint64_t now, uint64_t next)
{
    struct cpu *c = cpu();

    if (slice_end <= now) {
        c->slices++;
        c->turn_age++;
        /* The second half of a turn may pass within one long call. */
        c->slice_armed = c->turn_age < TURN_SLICES;
        if (!c->slice_armed)
            c->work |= WORK_SCHEDULE | WORK_TURN_OVER;
        slice_end = now + SLICE_NS;
    }
    return c->slice_armed && slice_end < next ? slice_end : next;
}

/* Sees to it that the running thread's slice ends. */
static void arm_slice(void)
{
    cpu()->slice_armed = true;
    uint64_t now = arch_clock();
    slice_end = now + SLICE_NS;
    arch_timer_set_at(slice_end, now);
}

static inline void switch_to(struct thread *next)
{
    struct cpu *c = cpu();
    struct thread *previous = c->current;

    c->current = next;
    arch_switch(previous, next);
}

void schedule_yield(void)
{
    struct cpu *c = cpu();
    struct thread *current = c->current;

    if (c->ready.top != current->priority)
        return;
    if (unlikely(c->work)) {
        c->work |= WORK_SCHEDULE | WORK_TURN_OVER;
        return;
    }
    current->frame.eax = 0;
    struct list *first =
        priority_queue_rotate(&c->ready, &current->queue, current->priority);
    struct thread *next = container_of(first, struct thread, queue);
    c->turn_age = 0; /* even if it was to go on with a turn */
    c->current = next;
    arch_leave_to(current, next);
}

static __attribute__((noinline)) void hand_on_slowly(struct thread *thread)
{
    schedule_ready_next(thread);
    cpu()->work |= WORK_SCHEDULE;
}

void schedule_handoff(struct thread *thread)
{
    struct cpu *c = cpu();

    if (c->ready.top > thread->priority || (c->ready.top >= 0 && !c->slice_armed) ||
        c->work & ~(WORK_SCHEDULE | WORK_READY) || thread->suspended) {
        hand_on_slowly(thread);
        return;
    }
    struct thread *previous = c->current;
    c->work = 0;
    c->current = thread;
    arch_handoff(previous, thread);
}

static inline struct thread *first_ready(void)
{
    struct priority_queue *ready = &cpu()->ready;

    return container_of(ready->first[ready->top], struct thread, queue);
}

void schedule_wait(void)
{
    struct cpu *c = cpu();
    struct thread *current = c->current;

    if (c->ready.top < 0 || !c->slice_armed || c->work & ~(WORK_SCHEDULE | WORK_READY) ||
        age_of_turn(first_ready()) >= TURN_SLICES)
        return;
    struct thread *next = first_ready();
    schedule_unready(next);
    c->turn_age = age_of_turn(next);
    c->work = 0;
    c->current = next;
    arch_leave_to(current, next);
}

/* Puts the running thread among the ready ones: first of its priority, so that it goes on
 * when those above it have run, unless its turn is over. */
static inline void put_back(struct thread *current, bool turn_over)
{
    struct priority_queue *ready = &cpu()->ready;

    current->turn = turn_over ? 0 : this_turn();
    if (turn_over)
        priority_queue_append(ready, &current->queue, current->priority);
    else
        priority_queue_prepend(ready, &current->queue, current->priority);
}

/* Puts the first ready thread behind the others of its priority. */
static void put_last(struct thread *thread)
{
    schedule_unready(thread);
    thread->turn = 0;
    priority_queue_append(&cpu()->ready, &thread->queue, thread->priority);
}

/* Messages came back. */
static void see_to_messages(void)
{
    cpu()->work &= ~WORK_MESSAGES;
    request_time_out_all();
    request_show_all();
    upcall_end_waits();
}

/* Picks the thread to go on with; waits for one if there is none. */
static inline void choose(bool turn_over)
{
    struct cpu *c = cpu();
    struct thread *current = c->current;

    while (unlikely(c->ready.top < 0 && current->state != THREAD_READY)) {
        if (c->work & WORK_MESSAGES)
            see_to_messages();
        else if (c->work & WORK_REAP && process_reap())
            arch_take_interrupts();
        else
            arch_idle();
    }
    if (current->state == THREAD_READY)
        put_back(current, turn_over);
    else if (unlikely(age_of_turn(first_ready()) >= TURN_SLICES))
        put_last(first_ready()); /* its turn has passed while others ran */
    struct thread *next = first_ready();
    schedule_unready(next);
    c->turn_age = age_of_turn(next);
    if (next != current)
        switch_to(next);
    if (unlikely(current->state == THREAD_ENDED))
        object_drop(&current->object);
}

/* What the running thread has to do before it goes on: a call once more, for which it now
 * has what it waited for; and when it is in no call any more, upcalls. */
static void take_detour(struct thread *thread)
{
    if (thread->detour & DETOUR_CALL) {
        thread->detour &= ~DETOUR_CALL;
        if (unlikely(thread->detour))
            cpu()->work |= WORK_HELD; /* should it have to wait */
        thread->frame.eax = (uint32_t)system_call_again(&thread->frame);
    } else if (thread->detour & DETOUR_TELL) {
        thread->detour &= ~DETOUR_TELL;
        thread->frame.eax = (uint32_t)system_message_given();
    }
    if (unlikely(thread->detour & DETOUR_UPCALL) && !(thread->detour & DETOUR_CALL) &&
        thread->state == THREAD_READY)
        upcall_make();
}

/* The fast paths of messages are closed to a thread that may not wait. */
static void note_held(struct cpu *c)
{
    c->attention &= ~ATTENTION_HELD;
    if (c->current->detour & DETOUR_HELD) {
        c->attention |= ATTENTION_HELD;
        c->work |= WORK_HELD;
    }
}

/* Goes on with the end of processes and objects: until all is done or somebody else's
 * turn comes, if it is the running thread's task; else just a piece. */
static void reap(struct cpu *c)
{
    struct thread *current = c->current;

    while (process_reap() && !schedule_preempt_point() &&
           (current->reaps || current->state == THREAD_ENDED))
        ;
    current->reaps = current->reaps && c->work & WORK_REAP;
}

static bool more_to_do(const struct cpu *c)
{
    uint32_t work = c->work & ~WORK_NONE;

    return work == WORK_REAP ? c->current->reaps : work != 0;
}

void schedule_leave(void)
{
    struct cpu *c = cpu();

    do {
        if (unlikely(c->work & WORK_REAP))
            reap(c);
        if (unlikely(c->work & WORK_MESSAGES))
            see_to_messages();
        if (unlikely(c->work & WORK_HELD) && c->current->state != THREAD_READY)
            upcall_before_wait();
        uint32_t work = c->work;
        c->work &= WORK_REAP;
        if (work & WORK_SCHEDULE)
            choose(work & WORK_TURN_OVER);
        if (unlikely(c->current->detour))
            take_detour(c->current);
    } while (unlikely(c->work & ~WORK_NONE) && more_to_do(c));
    c->work &= WORK_REAP;
    if (unlikely((c->current->detour & DETOUR_HELD) | (c->attention & ATTENTION_HELD)))
        note_held(c);
    if (!c->slice_armed && c->ready.top >= 0)
        arm_slice();
}

bool schedule_preempt_point(void)
{
    struct cpu *c = cpu();

    arch_take_interrupts();
    if (unlikely(!c->slice_armed && c->ready.top == c->current->priority))
        arm_slice();
    return c->work & (WORK_SCHEDULE | WORK_MESSAGES);
}

long schedule_again(void)
{
    cpu()->current->detour |= DETOUR_CALL;
    return 0;
}

void schedule_reap(void)
{
    cpu()->current->reaps = true;
    cpu()->work |= WORK_REAP;
}
