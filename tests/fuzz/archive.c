/* SPDX-License-Identifier: MIT */
/* The boot archive's headers: whatever stands in them, no file lies outside of it. */
#define main unit_main
#include "../unit/archive.c"
#undef main
#include "fuzz.h"

FUZZ(begin, spoilt_archives_never_lead_outside, NULL)
