/* SPDX-License-Identifier: MIT */
/* This process, as the kernel knows it. */
#ifndef TESTS_PROCESS_H
#define TESTS_PROCESS_H

#include <limen/abi.h>
#include <limen/syscall.h>

static inline struct process_info process_now(void)
{
    struct process_info info = {0};
    (void)limen_process_info(HANDLE_SELF, &info);
    return info;
}

#endif
