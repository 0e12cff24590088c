/* SPDX-License-Identifier: MIT */
/* The kernel's command line: words up to `--`; what stands behind it is init's. */
#ifndef KERNEL_COMMAND_H
#define KERNEL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

/* The value of the last word KEY=VALUE before `--`; its length, or -1 if there is none.
 */
int command_find(const char *line, const char *key, const char **value);

/* The index of the key's value among the NULL-ended names; `missing` if the key is not
 * there, -1 if its value is none of them. */
int command_choice(const char *line, const char *key, const char *const *names,
                   int missing);

#endif
