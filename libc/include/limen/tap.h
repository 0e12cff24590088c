/* SPDX-License-Identifier: MIT */
/*
 * Test programs that speak TAP (the Test Anything Protocol) on standard output. A test is
 *
 *     int main(void)
 *     {
 *         tap_plan(2);
 *         tap_ok(1 + 1 == 2, "one and one is two");
 *         tap_is(getpid(), 2, "the process number");
 *         return tap_done();
 *     }
 *
 * The program's exit status is what init judges by: TAP_PASSED only if every check passed
 * and as many ran as were planned. Any thread may check; lines never mix.
 */
#ifndef LIMEN_TAP_H
#define LIMEN_TAP_H

#include <stdbool.h>

/* What tap_done answers. */
enum tap_status {
    TAP_PASSED = 0,
    TAP_FAILED = 1,     /* a check failed; its line has said so */
    TAP_BROKEN = 2,     /* no plan, or another number of checks than planned */
};

/* Says how many checks will come. Call it once, first. */
void tap_plan(unsigned int checks);

/* Prints one line, passed or failed, with a name made as printf does; answers
 * `passed`. */
__attribute__((format(printf, 2, 3)))
bool tap_ok(bool passed, const char *format, ...);

/* tap_ok(got == wanted, …), which shows both values where they differ. */
__attribute__((format(printf, 3, 4)))
bool tap_is(long long got, long long wanted, const char *format, ...);

/* Counts so many checks as passed, because they cannot be made here; says why. */
__attribute__((format(printf, 2, 3)))
void tap_skip(unsigned int checks, const char *format, ...);

/* Prints a comment line. */
__attribute__((format(printf, 1, 2)))
void tap_note(const char *format, ...);

/* The exit status for main to return. */
int tap_done(void);

#endif
