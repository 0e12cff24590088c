/* SPDX-License-Identifier: MIT */
/*
 * Linux's futex operations on native ones. Private and shared are the same within a
 * process, and no memory is shared between processes yet. Priority inheritance is not
 * served, nor what the native calls cannot do in one step (FUTEX_CMP_REQUEUE).
 */
#include "shim.h"

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_REQUEUE 3
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE 128
#define FUTEX_REALTIME 256
#define FUTEX_ANY_BIT 0xffffffffu

/* A wait without a time-out is begun again by SA_RESTART, as on Linux. */
static long wait(uint32_t *word, uint32_t value, const struct time64 *timeout,
                 bool absolute)
{
    uint64_t deadline;
    if (!timeout) {
        long result = SHIM_WAIT(limen_futex_wait(word, value, NULL));
        return result == -EINTR ? -RESTART_CALL : result;
    }
    if (!shim_from_time(timeout->seconds, timeout->nanoseconds, &deadline))
        return -EINVAL;
    if (!absolute)
        deadline = shim_deadline(deadline);
    long result = SHIM_WAIT(limen_futex_wait(word, value, &deadline));
    return result == -EINTR ? shim_interrupted(absolute ? 0 : deadline) : result;
}

/* `move` is how many waiters to move: Linux has it in the place of the timeout. */
static long operate(uint32_t *word, uint32_t operation, uint32_t value,
                    const struct time64 *timeout, uint32_t move, uint32_t *target,
                    uint32_t value3)
{
    switch (operation & ~(uint32_t)FUTEX_PRIVATE) {
    case FUTEX_WAIT:
        return wait(word, value, timeout, false);
    case FUTEX_WAIT_BITSET:
        return value3 == FUTEX_ANY_BIT ? wait(word, value, timeout, true) : -ENOSYS;
    case FUTEX_WAKE:
        return limen_futex_wake(word, value);
    case FUTEX_WAKE_BITSET:
        return value3 == FUTEX_ANY_BIT ? limen_futex_wake(word, value) : -ENOSYS;
    case FUTEX_REQUEUE:
        return limen_futex_requeue(word, value, move, target);
    default:
        return -ENOSYS;
    }
}

static bool takes_time(uint32_t operation)
{
    uint32_t plain = operation & ~(uint32_t)(FUTEX_PRIVATE | FUTEX_REALTIME);
    return plain == FUTEX_WAIT || plain == FUTEX_WAIT_BITSET;
}

long shim_futex_time64(uint32_t *word, uint32_t operation, uint32_t value,
                       uint32_t timeout, uint32_t *target, uint32_t value3)
{
    const struct time64 *time =
        takes_time(operation) ? (const struct time64 *)timeout : NULL;
    return operate(word, operation, value, time, timeout, target, value3);
}

long shim_futex(uint32_t *word, uint32_t operation, uint32_t value, uint32_t timeout,
                uint32_t *target, uint32_t value3)
{
    struct time64 time;
    if (!takes_time(operation) || !timeout)
        return operate(word, operation, value, NULL, timeout, target, value3);

    const struct time32 *given = (const struct time32 *)timeout;
    time = (struct time64){.seconds = given->seconds, .nanoseconds = given->fraction};
    return operate(word, operation, value, &time, timeout, target, value3);
}
