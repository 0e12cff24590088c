/* SPDX-License-Identifier: MIT */
/* The life and the waits of threads: see thread.h. */
#include "thread.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "process.h"
#include "schedule.h"

/* Threads that wait with a deadline, the earliest first. */
static struct tree deadlines;
static uint32_t count;

static bool deadline_before(const struct tree_node *a, const struct tree_node *b)
{
    const struct thread *x = container_of(a, struct thread, deadline_node);
    const struct thread *y = container_of(b, struct thread, deadline_node);

    return x->deadline != y->deadline ? x->deadline < y->deadline : x < y;
}

void thread_init(void)
{
    deadlines = (struct tree){.before = deadline_before};
}

uint32_t thread_count(void)
{
    return count;
}

struct thread *thread_create(struct process *process)
{
    struct thread *thread = slab_take(&process->quota, SLAB_THREAD);

    if (!thread)
        return NULL;
    object_init(&thread->object, OBJECT_THREAD);
    thread->state = THREAD_ENDED;
    thread->process = process;
    thread->priority = cpu()->current->priority;
    object_hold(&process->object);
    list_init(&thread->sibling);
    list_init(&thread->queue);
    count++;
    return thread;
}

void thread_destroy(struct thread *thread)
{
    struct process *process = thread->process;

    assert(thread->state == THREAD_ENDED && !list_in(&thread->queue));
    arch_thread_destroy(thread);
    slab_give(&process->quota, thread);
    count--;
    object_drop(&process->object);
}

void thread_start(struct thread *thread)
{
    object_hold(&thread->object);
    thread->state = THREAD_READY;
    list_append(&thread->process->threads, &thread->sibling);
    thread->process->thread_count++;
    schedule_ready(thread);
}

/* Takes a thread out of whatever it waits in: the ready queue, too. */
static void leave_waits(struct thread *thread)
{
    if (thread->state == THREAD_READY && thread != cpu()->current)
        schedule_unready(thread);
    if (thread->timed)
        tree_remove(&deadlines, &thread->deadline_node);
    if (thread->on_futex)
        tree_remove(&thread->process->futexes, &thread->futex_node);
    thread->timed = false;
    thread->on_futex = false;
    list_remove(&thread->queue);
}

void thread_end(struct thread *thread)
{
    if (thread->state == THREAD_ENDED)
        return;
    leave_waits(thread);
    thread->state = THREAD_ENDED;
    list_remove(&thread->sibling);
    thread->process->thread_count--;
    if (thread == cpu()->current)
        cpu()->work |= WORK_SCHEDULE;
    else
        object_drop(&thread->object);
}

void thread_block(void)
{
    assert(cpu()->current->state == THREAD_READY);
    cpu()->current->state = THREAD_BLOCKED;
    cpu()->work |= WORK_SCHEDULE;
}

void thread_block_until(uint64_t deadline, long result)
{
    struct thread *thread = cpu()->current;

    thread->deadline = deadline;
    thread->timeout_result = result;
    thread->timed = true;
    tree_insert(&deadlines, &thread->deadline_node);
    arch_timer_set(deadline);
    thread_block();
}

static void make_ready(struct thread *thread)
{
    assert(thread->state == THREAD_BLOCKED);
    leave_waits(thread);
    thread->state = THREAD_READY;
    schedule_ready(thread);
}

void thread_wake(struct thread *thread, long result)
{
    make_ready(thread);
    thread->frame.eax = (uint32_t)result;
}

void thread_restart(struct thread *thread)
{
    make_ready(thread);
    thread->restart = true;
}

uint64_t thread_expire(uint64_t now)
{
    for (;;) {
        struct tree_node *node = tree_first(&deadlines);
        if (!node)
            return UINT64_MAX;
        struct thread *thread = container_of(node, struct thread, deadline_node);
        if (thread->deadline > now)
            return thread->deadline;
        thread_wake(thread, thread->timeout_result);
    }
}
