/* SPDX-License-Identifier: MIT */
/*
 * The ruler: under QEMU's `-icount shift=0,sleep=off` the TSC counts guest instructions,
 * one each. The loops (loop.inc) run a few instructions over and over between two
 * readings; what the loop itself and the user's instructions in it cost is known from
 * counting their lines, and everything else is the kernel's.
 *
 * Readings are taken in 32 bits: a loop must stay under 2^32 instructions.
 */
#ifndef BENCH_RULER_H
#define BENCH_RULER_H

#include <stdint.h>

#define ITERATIONS 10000u

/* What a loop costs without its body: RDTSC and MOV once, DEC and JNZ each time. */
#define LOOP_ONCE 2u
#define LOOP_EACH 2u

/* The user's instructions in the bodies, those that enter the kernel included. */
#define BODY_INT80 2u
#define BODY_SYSENTER 4u
#define BODY_SYSCALL 2u
#define BODY_TOUCH 2u

/* A loop: runs its body so often, answers the ticks between its readings. */
typedef uint32_t ruler_loop(uint32_t iterations, uint32_t address);

ruler_loop loop_empty;
ruler_loop loop_nop;
ruler_loop loop_null_int80;
ruler_loop loop_null_sysenter;
ruler_loop loop_null_syscall;
ruler_loop loop_touch;          /* writes to a page, and to the next, from `address` on */
ruler_loop loop_yield;

/* Those of call_loops.S; `address` is that of what to call. */
ruler_loop loop_call;
ruler_loop loop_call_int80;
ruler_loop loop_call_one_way;
ruler_loop loop_call_long;

/* Instructions that a loop took beyond itself and `body` ones of the user's each time. */
static inline uint32_t ruler_measure(ruler_loop *loop, uint32_t iterations, uint32_t body,
                                     uint32_t address)
{
    return loop(iterations, address) - LOOP_ONCE - (LOOP_EACH + body) * iterations;
}

static inline uint32_t tsc_low(void)
{
    uint32_t low;
    __asm__ volatile("rdtsc" : "=a"(low) : : "edx");
    return low;
}

/* Ends the program, saying what failed, where a call's answer is an error. */
long check(const char *what, long result);

/* Prints the line `bench NAME VALUE`: the ticks of one in `count`, to the hundredth. */
void ruler_report(const char *name, uint64_t ticks, uint32_t count);

void bench_null(void);
void bench_fault(void);
void bench_call(void);
void bench_call_kinds(void);
void bench_call_sizes(void);
void bench_async(void);
void bench_yield_processes(void);
void bench_yield_threads(void);

#endif
