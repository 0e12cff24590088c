/* SPDX-License-Identifier: MIT */
/* The life and the waits of threads: see thread.h. */
#include "thread.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "port.h"
#include "process.h"
#include "request.h"
#include "schedule.h"
#include "timers.h"
#include "upcall.h"

static uint32_t count;

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
    thread->base_priority = cpu()->current->base_priority;
    if (thread->base_priority > process->priority_max)
        thread->base_priority = process->priority_max;
    thread->priority = thread->base_priority;
    list_init(&thread->sibling);
    list_init(&thread->queue);
    list_init(&thread->server_link);
    list_init(&thread->upcalls);
    watch_init(&thread->watch);
    count++;
    return thread;
}

void thread_destroy(struct thread *thread)
{
    struct process *process = thread->process;

    assert(thread->state == THREAD_ENDED && !list_in(&thread->queue));
    arch_thread_destroy(thread);
    count--;
    slab_give(&process->quota, thread);
}

void thread_start(struct thread *thread)
{
    object_hold(&thread->object);
    object_hold(&thread->process->object);
    thread->state = THREAD_READY;
    list_append(&thread->process->threads, &thread->sibling);
    thread->process->thread_count++;
    schedule_ready(thread);
}

void thread_stop_timer(struct thread *thread)
{
    if (thread->timed)
        timer_stop(&thread->timer);
    thread->timed = false;
}

/* Takes a thread out of whatever it waits in: the ready queue, too. */
static void leave_waits(struct thread *thread)
{
    if (thread->state == THREAD_READY && thread != cpu()->current)
        schedule_unready(thread);
    else
        port_leave_waits(thread);
    thread_stop_timer(thread);
    if (thread->futex_place != FUTEX_NONE)
        futex_leave(thread);
    list_remove(&thread->queue);
}

static void drop_partial(struct thread *thread)
{
    struct object *partial = thread->partial;

    thread->partial = NULL;
    if (!partial)
        return;
    if (partial->type == OBJECT_REQUEST)
        request_leave(container_of(partial, struct request, object));
    object_drop(partial);
}

void thread_end(struct thread *thread)
{
    if (thread->state == THREAD_ENDED)
        return;
    leave_waits(thread);
    thread->state = THREAD_ENDED;
    drop_partial(thread);
    port_leave(thread);
    upcall_leave(thread);
    watch_end(&thread->watch, (const uint32_t[3]){0});
    arch_thread_stop(thread);
    list_remove(&thread->sibling);
    thread->process->thread_count--;
    object_drop(&thread->process->object);
    if (thread == cpu()->current)
        cpu()->work |= WORK_SCHEDULE;
    else
        object_drop(&thread->object);
}

static uint64_t time_out(struct timer *timer)
{
    struct thread *thread = container_of(timer, struct thread, timer);

    thread->timed = false;
    thread_wake(thread, thread->timeout_result);
    return TIMER_OVER;
}

void thread_block_until(uint64_t deadline, long result)
{
    struct thread *thread = cpu()->current;

    thread->timeout_result = result;
    thread->timed = true;
    timer_start(&thread->timer, deadline, time_out);
    thread_block();
}

struct object *thread_partial(enum object_type type)
{
    struct thread *thread = cpu()->current;

    if (thread->partial && thread->partial->type != type) {
        drop_partial(thread);
        thread->progress = 0;
    }
    return thread->partial;
}

void thread_leave_wait(struct thread *thread)
{
    assert(thread->state != THREAD_READY && thread->state != THREAD_SUSPENDED &&
           thread->state != THREAD_ENDED);
    leave_waits(thread);
}

void thread_wake(struct thread *thread, long result)
{
    thread_leave_wait(thread);
    thread_complete(thread, result);
    schedule_ready(thread);
}

void thread_restart(struct thread *thread)
{
    thread_leave_wait(thread);
    thread_redo(thread);
    schedule_ready(thread);
}

void thread_resume_faulted(struct thread *thread)
{
    thread_leave_wait(thread);
    thread->faulted = false;
    thread->long_message = false;
    thread->state = THREAD_READY;
    schedule_ready_next(thread);
}

void thread_suspend(struct thread *thread)
{
    thread->suspended = true;
    if (thread->state == THREAD_RECEIVING)
        port_receive_slowly(thread);
    if (thread->state != THREAD_READY)
        return;
    if (thread == cpu()->current)
        cpu()->work |= WORK_SCHEDULE;
    else
        schedule_unready(thread);
    thread->state = THREAD_SUSPENDED;
}

void thread_resume(struct thread *thread)
{
    thread->suspended = false;
    if (thread->state != THREAD_SUSPENDED)
        return;
    thread->state = THREAD_READY;
    schedule_ready(thread);
}

void thread_give_up_call(struct thread *thread)
{
    assert(thread->suspended && thread != cpu()->current);
    leave_waits(thread);
    thread->state = THREAD_SUSPENDED;
    thread->detour &= ~(DETOUR_CALL | DETOUR_TELL);
    thread->progress = 0;
    drop_partial(thread);
    thread->long_message = false;
    thread->slow = 0;
    thread->finishing = false;
}

long thread_look(handle_t handle, uint32_t rights, struct thread **thread)
{
    struct thread *self = cpu()->current;
    struct object *object = &self->object;
    long error = 0;

    if (handle.value != HANDLE_SELF.value)
        error =
            handle_look(&self->process->handles, handle, OBJECT_THREAD, rights, &object);
    *thread = error ? NULL : container_of(object, struct thread, object);
    return error;
}
