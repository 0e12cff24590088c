/* SPDX-License-Identifier: MIT */
/* The check of user ranges, against arithmetic that cannot wrap. */
#define main unit_main
#include "../unit/user_range.c"
#undef main
#include "fuzz.h"

FUZZ(NULL, random_ranges, NULL)
