/* SPDX-License-Identifier: MIT */
/* Random numbers out of the fuzzer's bytes: see fuzz.h. */
#include "fuzz.h"

#include <setjmp.h>
#include <stdlib.h>

#include "../unit/unit.h"

static const uint8_t *next, *last;
static jmp_buf used_up;

void random_begin(void)
{
}

/* As few bytes as the limit needs, so that a changed byte changes one choice. */
uint32_t random_below(uint32_t limit)
{
    uint32_t value = 0;

    for (uint32_t rest = limit - 1; rest > 0; rest >>= 8) {
        if (next == last)
            longjmp(used_up, 1);
        value = value << 8 | *next++;
    }
    return value % limit;
}

void fuzz_run(const uint8_t *bytes, size_t size, fuzz_frame *begin, fuzz_test *test,
              fuzz_frame *end)
{
    void *state = NULL;

    next = bytes;
    last = bytes + size;
    /* A failed assertion of cmocka's outside of its runner ends the program, which the
     * fuzzer reports. */
    if (begin && begin(&state))
        abort();
    if (setjmp(used_up) == 0)
        test(&state);
    if (end && end(&state))
        abort();
}
