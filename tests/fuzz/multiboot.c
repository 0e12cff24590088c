/* SPDX-License-Identifier: MIT */
/* The boot loader's information: refused, or it keeps the rules. */
#define main unit_main
#include "../unit/multiboot.c"
#undef main
#include "fuzz.h"

FUZZ(begin, spoilt_information_is_refused_or_keeps_the_rules, NULL)
