/* SPDX-License-Identifier: MIT */
/* System calls on clocks and futexes. */
#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "futex.h"
#include "process.h"
#include "schedule.h"
#include "thread.h"
#include "user_copy.h"

#define RELEASE_BATCH 32 /* waiters woken or moved between two preemption points */

long sys_clock_get(uint32_t clock, struct user_ptr time)
{
    if (clock > CLOCK_ID_WALL)
        return -EINVAL;
    uint64_t now = arch_clock();
    if (clock == CLOCK_ID_WALL)
        now += arch_wall_offset();
    return copy_to_user(time, &now, sizeof(now));
}

long sys_clock_sleep(struct user_ptr deadline)
{
    uint64_t until;
    long error = copy_from_user(&until, deadline, sizeof(until));

    if (error)
        return error;
    if (!deadline_passed(until))
        deadline_block(until, 0);
    return 0;
}

long futex_check(struct user_ptr word)
{
    if (word.address % sizeof(uint32_t))
        return -EINVAL;
    return user_range_ok(word, sizeof(uint32_t)) && !user_null(word) ? 0 : -EFAULT;
}

long sys_futex_wait(struct user_ptr word, uint32_t expected, struct user_ptr deadline)
{
    uint32_t value;
    uint64_t until;
    long error;

    if ((error = futex_check(word)) || (error = deadline_read(deadline, &until)) ||
        (error = copy_from_user(&value, word, sizeof(value))))
        return error;
    if (value != expected)
        return -EAGAIN;
    if (deadline_passed(until))
        return -ETIMEDOUT;
    futex_join(cpu()->current, word.address);
    deadline_block(until, -ETIMEDOUT);
    return 0;
}

/* Wakes the first `count` that wait on a word and moves those behind them, up to `limit`
 * in all, to another word. */
static long release(uint32_t address, uint32_t count, uint64_t limit, uint32_t target)
{
    struct thread *self = cpu()->current;
    uint32_t done = self->progress;
    struct thread *thread;

    self->progress = 0;
    while (done < limit && (thread = futex_take(self->process, address))) {
        if (done < count)
            thread_wake(thread, 0);
        else
            futex_join(thread, target);
        if (++done % RELEASE_BATCH == 0 && schedule_preempt_point()) {
            self->progress = done;
            return schedule_again();
        }
    }
    return (long)done;
}

long sys_futex_wake(struct user_ptr word, uint32_t count)
{
    long error = futex_check(word);

    return error ? error : release(word.address, count, count, 0);
}

long sys_futex_requeue(struct user_ptr word, uint32_t count, uint32_t move,
                       struct user_ptr target)
{
    long error;

    if ((error = futex_check(word)) || (error = futex_check(target)))
        return error;
    if (word.address == target.address)
        move = 0;
    return release(word.address, count, (uint64_t)count + move, target.address);
}
