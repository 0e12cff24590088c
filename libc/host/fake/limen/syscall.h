/* SPDX-License-Identifier: MIT */
/*
 * On the host, in place of the native system calls: plain functions that a test defines.
 * They have the types of limen/syscalls.def, as the real ones do.
 */
#ifndef LIMEN_SYSCALL_H
#define LIMEN_SYSCALL_H

#include <limen/abi.h>
#include <limen/system_message.h>

#define SYSCALL(nr, name, params, words, args) long limen_##name params;
#include <limen/syscalls.def>
#undef SYSCALL

#endif
