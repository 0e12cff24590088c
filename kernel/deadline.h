/* SPDX-License-Identifier: MIT */
/* Deadlines as system calls take them: a pointer to monotonic ns, or null for none. */
#ifndef KERNEL_DEADLINE_H
#define KERNEL_DEADLINE_H

#include "arch.h"
#include "thread.h"
#include "user_copy.h"

#define DEADLINE_NONE UINT64_MAX

/* Reads a deadline; 0 or -EFAULT. */
[[nodiscard]] static inline long deadline_read(struct user_ptr pointer,
                                               uint64_t *deadline)
{
    *deadline = DEADLINE_NONE;
    return user_null(pointer) ? 0 : copy_from_user(deadline, pointer, sizeof(*deadline));
}

static inline bool deadline_passed(uint64_t deadline)
{
    return deadline != DEADLINE_NONE && deadline <= arch_clock();
}

/* Blocks the running thread until then, when its call answers `result`. */
static inline void deadline_block(uint64_t deadline, long result)
{
    if (likely(deadline == DEADLINE_NONE))
        thread_block();
    else
        thread_block_until(deadline, result);
}

#endif
