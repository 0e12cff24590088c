/* SPDX-License-Identifier: MIT */
/* The error codes of limen/errors.def as constants. */
#ifndef KERNEL_ERROR_H
#define KERNEL_ERROR_H

enum error {
#define ERROR(name, number, text) name = number,
#include <limen/errors.def>
#undef ERROR
};

#endif
