/* SPDX-License-Identifier: MIT */
/*
 * Crowds of threads for the benchmarks that need thousands. A crowd's thread needs no
 * stack: it makes the one call that its orders say, by int 0x80, and ends when that
 * returns.
 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <stdint.h>

#include <limen/abi.h>
#include <limen/syscall.h>

struct orders {
    uint32_t number; /* of the call */
    uint32_t words[4];
};

/* Position-independent: where a crowd's threads begin, eax pointing to their orders. */
extern const char crowd_begin[], crowd_end[];

/* Ends the program, saying what failed, where a call's answer is an error. */
long check(const char *what, long result);

/* The same call again and again, until it answers an error or `stop` is not 0. */
struct repeated_orders {
    struct orders orders;
    volatile uint32_t stop;
};
extern const char crowd_repeat_begin[];

extern const char crowd_twice_begin[];

/* Makes a thread that does so, and forgets its handle. */
void crowd_add(const struct orders *orders);
void crowd_add_repeating(const struct repeated_orders *orders);

/* Makes a thread that makes two calls; its handle. */
handle_t crowd_add_twice(const struct orders orders[2]);

/* A thread of a process that crowd_settle has prepared. */
void crowd_add_to(handle_t process);

#define CROWD_SETTLEMENT 0x20000000u
/* Puts the threads' code into another process, at that address. */
void crowd_settle(handle_t process);

/* Says what the threads that are added to it from now on do. */
void crowd_order(handle_t process, const struct orders *orders);

/* How many threads this process has. */
uint32_t crowd_size(void);

/* Goes on when there are so many threads left. */
void crowd_wait(uint32_t left);

/* Lets the others run until each waits for what its orders say: they are of this
 * thread's priority, and none of them takes the processor twice before it waits. */
void crowd_let_wait(void);

uint64_t clock_now(void);
void sleep_for(uint64_t ns);

#endif
