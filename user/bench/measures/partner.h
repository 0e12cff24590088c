/* SPDX-License-Identifier: MIT */
/*
 * Where the partner of the yield benchmark runs, in its own process or in the measured
 * one. Shared by C and assembly.
 */
#ifndef BENCH_PARTNER_H
#define BENCH_PARTNER_H

#include <limen/layout.h>

#define PARTNER_ADDRESS 0x20000000                      /* its code, copied there */
#define PARTNER_SIZE (2 * PAGE_SIZE)
#define PARTNER_COUNT (PARTNER_ADDRESS + PAGE_SIZE)     /* how many turns it has made */
#define PARTNER_STACK (PARTNER_ADDRESS + PARTNER_SIZE)  /* the end of its stack */

#define PARTNER_LOOP 2      /* instructions per turn that are not its yield */

#ifndef __ASSEMBLER__
extern const char partner_begin[], partner_end[];
#endif

#endif
