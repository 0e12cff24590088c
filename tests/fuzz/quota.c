/* SPDX-License-Identifier: MIT */
/* Quotas that are made, used and orphaned in any order. */
#define main unit_main
#include "../unit/quota.c"
#undef main
#include "fuzz.h"

FUZZ(begin, random_families_leave_nothing_behind, end)
