/* SPDX-License-Identifier: MIT */
/* The measure of many live timers. */
#ifndef BENCH_TIMERS_H
#define BENCH_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_MOST 10000u

/* Touches the memory that it uses, and makes the ports, whose handles are to be among the
 * process's first. */
void timers_prepare(void);

/* The instructions for *taken expiries and messages among `count` timers, of one period
 * or of mixed ones. Once for each. */
uint64_t timers_measure(uint32_t count, bool mixed, uint32_t *taken);

#endif
