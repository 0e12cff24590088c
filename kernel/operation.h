/* SPDX-License-Identifier: MIT */
/* What a system-call message asks for: see enum system_operation, enum port_operation. */
#ifndef KERNEL_OPERATION_H
#define KERNEL_OPERATION_H

#include <limen/system_message.h>
#include <stdbool.h>

struct endpoint;
struct request;

#define OPERATION_WAITS 1

/* Whether the message, to that endpoint or with NULL to the kernel, asks for something
 * that there is, and says nothing else: 0 or -EINVAL. */
[[nodiscard]] long operation_check(const struct system_message *message,
                                   const struct endpoint *endpoint);

/* Whether what is asked of the kernel takes no time, so that operation_do does it. */
bool operation_immediate(const struct system_message *message);

/* Does it; its result. */
[[nodiscard]] long operation_do(const struct system_message *message);

/* Begins it: OPERATION_WAITS; or it is done, with that result and the request's words. */
[[nodiscard]] long operation_begin(struct request *request,
                                   const struct system_message *message,
                                   struct endpoint *endpoint);

#endif
