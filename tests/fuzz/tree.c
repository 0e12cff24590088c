/* SPDX-License-Identifier: MIT */
/* The balanced tree, against an array. */
#define main unit_main
#include "../unit/tree.c"
#undef main
#include "fuzz.h"

FUZZ(NULL, random_changes_keep_order_and_balance, NULL)
