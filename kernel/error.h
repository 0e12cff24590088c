/* SPDX-License-Identifier: MIT */
/* The error codes of limen/errors.def as constants. */
#ifndef KERNEL_ERROR_H
#define KERNEL_ERROR_H

enum error {
#define ERROR(name, number, text) name = number,
#include <limen/errors.def>
#undef ERROR
};

/* What may be interrupted answers AGAIN where it stopped at a preemption point. It is
 * then called once more, with the same arguments, and goes on where it was. */
#define AGAIN 1

#endif
