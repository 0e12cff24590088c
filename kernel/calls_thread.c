/* SPDX-License-Identifier: MIT */
/* System calls on threads from outside: their priorities, and what a debugger needs. */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "priority.h"
#include "process.h"
#include "system_call.h"
#include "thread.h"
#include "user_copy.h"

long sys_thread_priority(handle_t handle, uint32_t priority)
{
    struct thread *thread;
    long error = thread_look(handle, RIGHT_CONTROL, &thread);

    if (error)
        return error;
    if (priority > PRIORITY_MAX)
        return -EINVAL;
    if (priority > thread->process->priority_max)
        return -EPERM;
    thread->base_priority = (uint8_t)priority;
    priority_settle(thread);
    return 0;
}

long sys_process_priority(handle_t handle, uint32_t highest)
{
    struct process *process;
    long error = process_look(handle, RIGHT_CONTROL, &process);

    if (error)
        return error;
    if (highest > PRIORITY_MAX)
        return -EINVAL;
    if (highest > cpu()->current->process->priority_max)
        return -EPERM;
    process->priority_max = (uint8_t)highest;
    return 0;
}

long sys_thread_info(handle_t handle, struct user_ptr info)
{
    struct thread *thread;
    long error = thread_look(handle, RIGHT_READ, &thread);

    if (error)
        return error;
    struct thread_info answer = {
        .time = arch_thread_time(thread),
        .priority = thread->priority,
        .base_priority = thread->base_priority,
        .ended = thread->state == THREAD_ENDED,
    };
    return copy_to_user(info, &answer, sizeof(answer));
}

/* The same as thread_look, for threads that have not ended. */
static long living_look(handle_t handle, uint32_t rights, struct thread **thread)
{
    long error = thread_look(handle, rights, thread);

    if (error)
        return error;
    return (*thread)->state == THREAD_ENDED ? -ESRCH : 0;
}

long sys_thread_suspend(handle_t handle)
{
    struct thread *thread;
    long error = living_look(handle, RIGHT_CONTROL, &thread);

    if (!error)
        thread_suspend(thread);
    return error;
}

long sys_thread_resume(handle_t handle)
{
    struct thread *thread;
    long error = living_look(handle, RIGHT_CONTROL, &thread);

    if (!error)
        thread_resume(thread);
    return error;
}

long sys_thread_read(handle_t handle, struct user_ptr state)
{
    struct thread *thread;
    struct thread_state answer;
    long error = living_look(handle, RIGHT_READ, &thread);

    if (error)
        return error;
    arch_thread_report(thread, &answer);
    return copy_to_user(state, &answer, sizeof(answer));
}

long sys_thread_write(handle_t handle, struct user_ptr state)
{
    struct thread *thread;
    struct thread_state wanted;
    long error = living_look(handle, RIGHT_WRITE, &thread);

    if (error || (error = copy_from_user(&wanted, state, sizeof(wanted))))
        return error;
    if (!thread->suspended && !thread->faulted)
        return -EBUSY;
    if (!thread->faulted)
        thread_give_up_call(thread);
    arch_thread_write(thread, &wanted);
    return 0;
}
