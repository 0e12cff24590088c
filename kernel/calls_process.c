/* SPDX-License-Identifier: MIT */
/* System calls on handles, processes and threads. */
#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "process.h"
#include "schedule.h"
#include "thread.h"
#include "user_copy.h"

static struct process *self(void)
{
    return cpu()->current->process;
}

long sys_handle_close(handle_t handle)
{
    struct object *object = handle_take(&self()->handles, handle);

    if (!object)
        return -EBADF;
    object_drop(object);
    return 0;
}

/* Puts a copy of the caller's handle, which must have `needed`, into the table. */
static long copy_handle(struct handle_table *table, handle_t handle, uint32_t needed,
                        uint32_t rights)
{
    const struct handle_slot own = {.object = &self()->object};
    const struct handle_slot *slot = &own;

    if (handle.value != HANDLE_SELF.value) {
        struct object *object;
        long error = handle_look(&self()->handles, handle, OBJECT_ANY, needed, &object);
        if (error)
            return error;
        slot = handle_slot(&self()->handles, handle, needed);
    }
    long narrow = handle_narrow(slot, rights);
    return narrow < 0 ? narrow : handle_add(table, slot->object, (uint32_t)narrow);
}

long sys_handle_give(handle_t process, handle_t handle, uint32_t rights)
{
    struct process *target;
    long error = process_look(process, RIGHT_WRITE, &target);
    uint32_t needed = RIGHT_TRANSFER | (target == self() ? RIGHT_DUPLICATE : 0);

    if (error)
        return error;
    if (target->end.reason)
        return -ESRCH;
    return copy_handle(&target->handles, handle, needed, rights);
}

long sys_handle_duplicate(handle_t handle, uint32_t rights)
{
    return copy_handle(&self()->handles, handle, RIGHT_DUPLICATE, rights);
}

long sys_process_create(uint32_t pages)
{
    if (pages < PROCESS_MIN_PAGES)
        return -EINVAL;
    struct process *process = process_create(self(), pages);
    if (!process)
        return process_no_memory();
    long result = handle_add(&self()->handles, &process->object, RIGHTS_ALL);
    object_drop(&process->object);
    return result;
}

long sys_process_clone(uint32_t pages)
{
    struct thread *thread = cpu()->current;

    if (pages < PROCESS_MIN_PAGES)
        return -EINVAL;
    if (!thread_partial(OBJECT_PROCESS)) {
        struct process *created = process_create(self(), pages);
        if (!created)
            return process_no_memory();
        thread->partial = &created->object;
    }
    struct process *clone = container_of(thread->partial, struct process, object);
    long result = process_copy(clone, self(), &thread->progress);
    if (result == AGAIN)
        return schedule_again();
    thread->progress = 0;
    thread->partial = NULL;
    if (!result)
        result = handle_add(&self()->handles, &clone->object, RIGHTS_ALL);
    object_drop(&clone->object);
    return result;
}

long sys_process_exit(uint32_t status)
{
    process_finish(self(),
                   &(struct process_end){.reason = PROCESS_EXITED, .status = status});
    return 0;
}

long sys_process_kill(handle_t process, uint32_t status)
{
    struct process *target;
    long error = process_look(process, RIGHT_CONTROL, &target);

    if (error)
        return error;
    process_finish(target,
                   &(struct process_end){.reason = PROCESS_KILLED, .status = status});
    return 0;
}

long sys_process_wait(handle_t process, struct user_ptr end, struct user_ptr deadline)
{
    struct process *target;
    uint64_t until;
    long error = process_look(process, RIGHT_READ, &target);

    if (error)
        return error;
    if (target == self())
        return -EINVAL;
    error = deadline_read(deadline, &until);
    if (error)
        return error;
    if (target->end.reason && list_in(&target->work))
        return process_wait_for_reaping();
    if (target->end.reason)
        return copy_to_user(end, &target->end, sizeof(target->end));
    if (!user_range_ok(end, sizeof(target->end)))
        return -EFAULT;
    if (deadline_passed(until))
        return -ETIMEDOUT;
    /* nothing below fails */
    list_append(&target->waiters, &cpu()->current->queue);
    deadline_block(until, -ETIMEDOUT);
    return 0;
}

long sys_process_info(handle_t process, struct user_ptr info)
{
    struct process *target;
    long error = process_look(process, RIGHT_READ, &target);

    if (error)
        return error;
    if (process_reap_pending())
        return process_wait_for_reaping();
    struct process_info answer = {
        .pages_limit = target->quota.limit,
        .pages_used = target->quota.used,
        .threads = target->thread_count,
        .handles = target->handles.used,
        .regions = target->space.regions.count,
        .ended = target->end.reason,
    };
    return copy_to_user(info, &answer, sizeof(answer));
}

long sys_thread_create(handle_t process, struct user_ptr start)
{
    struct process *target;
    struct thread_start registers;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return error;
    error = copy_from_user(&registers, start, sizeof(registers));
    if (error)
        return error;
    if (registers.flags & ~(THREAD_FS | THREAD_GS))
        return -EINVAL;
    if (target->end.reason)
        return -ESRCH;
    struct thread *thread = thread_create(target);
    if (!thread)
        return process_no_memory();
    long handle = handle_add(&self()->handles, &thread->object, RIGHTS_ALL);
    if (handle >= 0) {
        arch_thread_init(thread, &registers);
        thread_start(thread);
    }
    object_drop(&thread->object);
    return handle;
}

/* Stores 0 at the word and wakes a waiter; what cannot be done is left out. */
static void clear_and_wake(struct user_ptr word)
{
    static const uint32_t zero;

    if (!user_null(word) && copy_to_user(word, &zero, sizeof(zero)) == 0)
        (void)!sys_futex_wake(word, 1);
}

long sys_thread_exit(struct user_ptr word, uint32_t address, uint32_t size)
{
    struct thread *thread = cpu()->current;
    struct process *process = thread->process;

    if (size && space_unmap(&process->space, address, size, &thread->progress) == AGAIN)
        return schedule_again();
    thread->progress = 0;
    clear_and_wake(word);
    if (process->thread_count == 1)
        process_finish(process, &(struct process_end){.reason = PROCESS_EXITED});
    else
        thread_end(thread);
    return 0;
}

long sys_thread_yield(void)
{
    schedule_yield();
    return 0;
}

long sys_thread_base(uint32_t which, uint32_t base)
{
    if (which > 1)
        return -EINVAL;
    arch_thread_base(cpu()->current, which, base);
    return 0;
}
