/* SPDX-License-Identifier: MIT */
/* On the host, in place of calls by message. */
#ifndef LIMEN_MESSAGE_H
#define LIMEN_MESSAGE_H

#include <limen/syscall.h>

long limen_call_message(handle_t endpoint, struct message *message);

#endif
