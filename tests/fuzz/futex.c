/* SPDX-License-Identifier: MIT */
/* Waiting and waking, against a model. */
#define main unit_main
#include "../unit/futex.c"
#undef main
#include "fuzz.h"

FUZZ(begin, random_waits_follow_the_model, end)
