/* SPDX-License-Identifier: MIT */
/* What a system-call message asks for: see enum system_operation, enum port_operation.
 * -EINVAL from any of these: there is no such thing, or the message says something else,
 * too; then nothing was done. */
#ifndef KERNEL_OPERATION_H
#define KERNEL_OPERATION_H

#include <limen/system_message.h>
#include <stdbool.h>

#include "assert.h"

struct request;

#define OPERATION_WAITS 1

/* Does what takes no time, an operation before SYSTEM_IMMEDIATE; its result. */
[[nodiscard]] long operation_do(const struct system_message *message);

/* Begins what may, in the kernel: OPERATION_WAITS; or it is done, with that result and
 * the request's words. */
[[nodiscard]] long operation_begin(struct request *request,
                                   const struct system_message *message);

/* Not 0 if one of the fields that follow the words says something. */
static inline uint32_t operation_times(const struct system_message *message)
{
    return (uint32_t)message->time | (uint32_t)(message->time >> 32) |
           (uint32_t)message->period | (uint32_t)(message->period >> 32);
}

/* Whether it is SYSTEM_NULL and nothing else, also no flags: both are in the first word.
 */
static inline bool operation_is_null(const struct system_message *message)
{
    return (*(const uint32_t *)message | message->reply_port.value |
            message->object.value | message->words[0] | message->words[1] |
            message->words[2] | operation_times(message)) == 0;
}

#endif
