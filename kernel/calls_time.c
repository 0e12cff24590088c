/* SPDX-License-Identifier: MIT */
/* System calls on clocks and futexes. */
#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "process.h"
#include "thread.h"
#include "user_copy.h"

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

static uint64_t next_ticket;

/* Puts a thread behind the others that wait on the address. */
static void join_waiters(struct thread *thread, uint32_t address)
{
    thread->futex_address = address;
    thread->futex_ticket = next_ticket++;
    thread->on_futex = true;
    tree_insert(&thread->process->futexes, &thread->futex_node);
}

static bool at_or_after(const struct tree_node *node, const void *address)
{
    return container_of(node, struct thread, futex_node)->futex_address >=
           *(const uint32_t *)address;
}

/* The thread that has waited longest on the address, or NULL. */
static struct thread *first_waiter(struct process *process, uint32_t address)
{
    struct tree_node *node = tree_search(&process->futexes, at_or_after, &address);
    struct thread *thread = node ? container_of(node, struct thread, futex_node) : NULL;

    return thread && thread->futex_address == address ? thread : NULL;
}

/* A word that user mode may have: aligned, below the kernel. */
static long check_word(struct user_ptr word)
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

    if ((error = check_word(word)) || (error = deadline_read(deadline, &until)) ||
        (error = copy_from_user(&value, word, sizeof(value))))
        return error;
    if (value != expected)
        return -EAGAIN;
    if (deadline_passed(until))
        return -ETIMEDOUT;
    join_waiters(cpu()->current, word.address);
    deadline_block(until, -ETIMEDOUT);
    return 0;
}

static uint32_t wake(struct process *process, uint32_t address, uint32_t count)
{
    uint32_t woken = 0;
    struct thread *thread;

    while (woken < count && (thread = first_waiter(process, address))) {
        thread_wake(thread, 0);
        woken++;
    }
    return woken;
}

long sys_futex_wake(struct user_ptr word, uint32_t count)
{
    long error = check_word(word);

    return error ? error : (long)wake(cpu()->current->process, word.address, count);
}

long sys_futex_requeue(struct user_ptr word, uint32_t count, uint32_t move,
                       struct user_ptr target)
{
    struct process *process = cpu()->current->process;
    uint32_t moved = 0;
    struct thread *thread;
    long error;

    if ((error = check_word(word)) || (error = check_word(target)))
        return error;
    uint32_t woken = wake(process, word.address, count);
    while (word.address != target.address && moved < move &&
           (thread = first_waiter(process, word.address))) {
        tree_remove(&process->futexes, &thread->futex_node);
        join_waiters(thread, target.address);
        moved++;
    }
    return (long)(woken + moved);
}
