/* SPDX-License-Identifier: MIT */
/* What the loops of system-call messages and async.c share. */
#ifndef BENCH_ASYNC_H
#define BENCH_ASYNC_H

#define ASYNC_TO 0
#define ASYNC_MESSAGE 4
#define ASYNC_SIZE 8
#define ASYNC_PORT 12
#define ASYNC_ERRORS 16
#define ASYNC_BEGAN 20
#define ASYNC_TICKS 24
#define ASYNC_COUNT 28

#define BODY_SEND 5 /* and to wait */
#define BODY_ASK (BODY_SEND + 2)         /* when a message has come */
#define BODY_ASK_IN_VAIN (BODY_SEND + 4) /* and each time when not */
#define SPIN_TURNS 4000
#define BODY_SPIN (2 * SPIN_TURNS + 1)
#define BODY_POST 8 /* with one of two RDTSC; and the upcall's first instruction */

#ifndef __ASSEMBLER__
#include <limen/system_message.h>

#include "ruler.h"

struct async_call {
    uint32_t to; /* an endpoint, or the version */
    struct system_message *message;
    uint32_t size;
    uint32_t port;
    uint32_t errors; /* the sum of what waiting answered */
    uint32_t began, ticks, count; /* upcalls, or what the loop says */
};

ruler_loop loop_send, loop_send_wait, loop_send_spin_test, loop_post;
ruler_loop loop_test, loop_ask, loop_spin_and_take;
void upcall_of_post(void);
#endif

#endif
