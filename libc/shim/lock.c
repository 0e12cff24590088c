/* SPDX-License-Identifier: MIT */
/*
 * The shim's lock: a word that is 0 when free, 1 when held, 2 when held and somebody may
 * wait.
 */
#include "shim.h"

void shim_lock(struct shim_lock *lock)
{
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        limen_futex_wait(&lock->word, 2, NULL);
}

void shim_unlock(struct shim_lock *lock)
{
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
        limen_futex_wake(&lock->word, 1);
}
