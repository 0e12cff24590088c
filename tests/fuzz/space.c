/* SPDX-License-Identifier: MIT */
/* Address spaces, against an array of pages. */
#define main unit_main
#include "../unit/space.c"
#undef main
#include "fuzz.h"

FUZZ(begin, random_calls_agree_with_an_array_of_pages, end)
