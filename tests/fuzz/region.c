/* SPDX-License-Identifier: MIT */
/* The region map, against an array of pages. */
#define main unit_main
#include "../unit/region.c"
#undef main
#include "fuzz.h"

FUZZ(begin, random_changes_agree_with_an_array, NULL)
