/* SPDX-License-Identifier: MIT */
/* A reply port whose messages wait until they are taken. */
#ifndef TESTS_QUEUE_PORT_H
#define TESTS_QUEUE_PORT_H

#include <limen/async.h>

static inline handle_t queue_port(void)
{
    const struct reply_policy policy = {.kind = REPLY_QUEUE};
    return (handle_t){(uint32_t)limen_reply_port_create(&policy)};
}

#endif
