/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer on unit tests. A unit test that compares random operations with a model draws
 * its random numbers from the fuzzer's bytes here, so what decides is coverage and not
 * chance. A target is
 *
 *     #define main unit_main
 *     #include "../unit/NAME.c"
 *     #undef main
 *     #include "fuzz.h"
 *     FUZZ(begin, random_use_agrees_with_a_model, end)
 *
 * The test ends when the bytes do; then `end` checks what is left.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

typedef void fuzz_test(void **state);
typedef int fuzz_frame(void **state);

/* Runs begin, the test until the bytes are used up, and end; either may be NULL. */
void fuzz_run(const uint8_t *bytes, size_t size, fuzz_frame *begin, fuzz_test *test,
              fuzz_frame *end);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define FUZZ(begin, test, end)                                    \
    int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) \
    {                                                             \
        fuzz_run(bytes, size, begin, test, end);                  \
        return 0;                                                 \
    }

#endif
