/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests share: cmocka, random numbers with a seed that is printed, so that
 * a failure can be had again (SEED=n in the environment), and panics that can be
 * expected.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "frame.h"

/* cmocka's `assert` redefinitions are of no use here: the kernel has its own. */
#undef assert

/* Prints and sets the seed. For a test that uses random_below, at its start. */
void random_begin(void);

/* A random number in [0, limit); limit > 0. */
uint32_t random_below(uint32_t limit);

/* Runs the statement and fails unless it panics. What it left half done stays. */
#define expect_panic(statement)                      \
    do {                                             \
        if (setjmp(*panic_arm()) == 0) {             \
            statement;                               \
            fail_msg("no panic in: %s", #statement); \
        }                                            \
    } while (0)
jmp_buf *panic_arm(void);

/* Frames [0, count) of fake memory, all free, `low` of them low; arch_direct knows them.
 * Taken frames hold rubbish, as real ones may. */
#define FRAMES_MAX 4096
void frames_begin(uint32_t count, uint32_t low);
void frames_end(void);
void *frame_bytes(phys_t frame);

#endif
