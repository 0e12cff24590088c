/* SPDX-License-Identifier: MIT */
/* On the host, whose pointers are wider, in place of system-call messages: no test sends
 * one. */
#ifndef LIMEN_SYSTEM_MESSAGE_H
#define LIMEN_SYSTEM_MESSAGE_H

#include <limen/abi.h>

struct system_message {
    uint32_t unused;
};

struct reply_policy;
struct upcall;

#endif
