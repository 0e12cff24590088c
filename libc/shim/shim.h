/* SPDX-License-Identifier: MIT */
/*
 * The shim: Linux's system calls for musl, answered in user space by native ones. One
 * function a call, named in calls.def. They run on the shim's stack of their thread
 * (thread.h), use no floating point, no errno and nothing of musl's that would make a
 * Linux call again.
 */
#ifndef SHIM_H
#define SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <limen/syscall.h>

#include "thread.h"

/* What a caller had in its registers, at the top of the shim's stack. */
struct linux_call {
    uint32_t number;
    uint32_t word[6];           /* ebx, ecx, edx, esi, edi, ebp */
};

/* Linux's structures, where musl's own headers have others or none. */
struct time32 {
    int32_t seconds;
    int32_t fraction;           /* nanoseconds, or microseconds in gettimeofday */
};

struct time64 {
    int64_t seconds;
    int32_t nanoseconds;
    uint32_t padding;
};

struct user_desc {
    uint32_t number;
    uint32_t base;
    uint32_t limit;
    uint32_t flags;
};

struct signal_action {
    uint32_t handler;           /* or SIG_DFL, SIG_IGN */
    uint32_t flags;
    uint32_t restorer;
    uint64_t mask;
} __attribute__((packed));

struct file_status;
struct iovec;
struct utsname;
struct sysinfo;

#define CALL(name, params, words, count) long shim_##name params;
#include "calls.def"
#undef CALL

/* Not a Linux call: unmaps a range, in which the caller's stack may lie, and ends the
 * thread. */
long shim_unmap_exit(uint32_t address, uint32_t size);

/* --- Within the shim --- */

/* Answers a call: the function that entry.S calls. */
long shim_call(struct linux_call *call);

/* start.c */
const char *shim_environment(const char *name);     /* a variable of it, or null */
uint32_t shim_auxiliary(uint32_t key, uint32_t otherwise);

/* trace.c */
extern bool shim_traced;
void shim_trace(const struct linux_call *call, int words, const long *result);

/* thread.c: makes an area for a thread, or finds one that is free; null: no memory. */
struct shim_thread *shim_thread_create(void);

/* time.c */
uint64_t shim_now(void);                                /* monotonic */

/* signal.c: ends the process by a signal or drops it, as the action says; -ENOSYS where a
 * handler would have to run. */
long shim_raise(int number);
_Noreturn void shim_die(int number);

/* console.c */
void shim_console_init(void);
void shim_error(const char *text, uint32_t size);   /* to standard error's channel */

/* lock.c: a lock for the shim's own data, held for moments only or while a terminal
 * waits. */
struct shim_lock {
    uint32_t word;              /* 0 free, 1 held, 2 held and waited for */
};
void shim_lock(struct shim_lock *lock);
void shim_unlock(struct shim_lock *lock);

#endif
