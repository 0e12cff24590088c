/* SPDX-License-Identifier: MIT */
/* Program headers: whatever passes lies in the file and in user memory. */
#define main unit_main
#include "../unit/elf.c"
#undef main
#include "fuzz.h"

FUZZ(NULL, whatever_passes_keeps_its_bounds, NULL)
