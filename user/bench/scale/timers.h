/* SPDX-License-Identifier: MIT */
/* The measure of many live timers. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include <stdint.h>

#define TIMERS_MOST 10000u

/* Touches the memory that it uses, and makes the port, whose handle is to be among the
 * process's first. */
void timers_prepare(void);

/* The kernel's instructions for *taken expiries and messages among `count` timers. */
uint64_t timers_measure(uint32_t count, uint32_t *taken);

#endif
