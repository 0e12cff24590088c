/* SPDX-License-Identifier: MIT */
/*
 * Types that system calls take. In user space UPTR(T) is a pointer to T. In the kernel it
 * is `struct user_ptr`, which cannot be dereferenced: only kernel/user_copy.h turns one
 * into data.
 */
#ifndef LIMEN_TYPES_H
#define LIMEN_TYPES_H

#include <stdint.h>

/* Names an object in the calling process's handle table: a slot and a generation, so that
 * a stale one is an error. Always >= 65536 when valid. */
typedef struct handle {
    uint32_t value;
} handle_t;

/* In place of a process's or thread's handle: the caller's own. */
#define HANDLE_SELF ((handle_t){0})

#ifdef LIMEN_KERNEL
struct user_ptr {
    uint32_t address;
};
#define UPTR(type) struct user_ptr
#define USER_ALIGNED(bytes) /* the kernel's own copy stands anywhere */
#else
#define UPTR(type) type *
#define USER_ALIGNED(bytes) __attribute__((aligned(bytes)))
#endif

#endif
