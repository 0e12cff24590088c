/* SPDX-License-Identifier: MIT */
/* System calls on threads and their priorities. */
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
