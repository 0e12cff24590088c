/* SPDX-License-Identifier: MIT */
/*
 * Assertions, on in every build: what they state must hold whatever user mode does, so a
 * failure is a kernel bug and a panic. Also the small macros that everything uses.
 */
#ifndef KERNEL_ASSERT_H
#define KERNEL_ASSERT_H

#include <stddef.h>
#include <stdint.h>

#ifndef static_assert
#define static_assert _Static_assert
#endif

/* Prints the message and the state of the processor, and stops the machine. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why what was booted cannot be used, and stops the machine. */
_Noreturn void boot_refuse(const char *why);

#define assert(condition) \
    ((condition)          \
         ? (void)0        \
         : panic("assertion failed: %s (%s:%d)", #condition, __FILE__, __LINE__))

/* For what several fast paths share. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* The structure whose member `member` is at `pointer`. */
#define container_of(pointer, type, member) \
    ((type *)((char *)(pointer)-offsetof(type, member)))

#define array_count(array) (sizeof(array) / sizeof((array)[0]))

#endif
