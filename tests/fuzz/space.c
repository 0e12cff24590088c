/* SPDX-License-Identifier: MIT */
/* Address spaces and memory objects: against arrays of pages, or with calls that
 * interrupt each other. */
#define main unit_main
#include "../unit/space.c"
#undef main
#include "fuzz.h"

static void calls_alone_or_interrupted(void **state)
{
    if (random_below(2))
        random_calls_agree_with_arrays_of_pages(state);
    else
        interrupted_threads_lose_no_frame(state);
}

FUZZ(begin, calls_alone_or_interrupted, end_with_threads)
