/* SPDX-License-Identifier: MIT */
/* Copies between the running process's memory and another's: once, page by page. */
#ifndef KERNEL_TRANSFER_H
#define KERNEL_TRANSFER_H

#include <limen/types.h>

#include "space.h"

enum transfer_result {
    TRANSFER_DONE,
    TRANSFER_PREEMPTED, /* the call is to be done again: schedule_again */
    TRANSFER_OWN_FAULT,
    TRANSFER_OTHER_FAULT,
};

/* What is copied: `size` bytes at `own`, the running process's, and at `address` in
 * `other`. */
struct transfer {
    struct space *other;
    uint32_t address;
    struct user_ptr own;
    uint32_t size;
    bool to_other;
};

/* Copies from byte thread->progress of the running thread on, and counts it up. */
[[nodiscard]] enum transfer_result transfer_copy(const struct transfer *transfer);

#endif
