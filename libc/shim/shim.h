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

#define MASK_SIZE 8             /* bytes of a set of signals, as Linux has it */

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

/* Linux's struct sigevent. */
struct signal_event {
    uint32_t value;
    int32_t number;
    int32_t notify;             /* SIGEV_… */
    int32_t thread;
};

struct interval32 {
    struct time32 interval;
    struct time32 value;
};

struct interval64 {
    struct time64 interval;
    struct time64 value;
};

struct signal_info;
struct signal_stack;
struct pollfd;
struct mask_argument;
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

/* thread.c: makes an area for a thread, or finds one that is free; null: no memory. All
 * areas, of threads and free ones. */
struct shim_thread *shim_thread_create(void);
struct shim_thread *shim_threads(void);
void shim_thread_add(struct shim_thread *area);

/* time.c: monotonic; one of Linux's clocks, false: it is not served; and Linux's forms,
 * false: not a time. */
uint64_t shim_now(void);
bool shim_clock_now(int clock, uint64_t *now);
bool shim_from_time(int64_t seconds, int32_t nanoseconds, uint64_t *ns);
struct time64 shim_to_time64(uint64_t ns);
struct time32 shim_to_time32(uint64_t ns);
#define NS_PER_SECOND 1000000000u

/* signal.c: sends the process a signal from the terminal; ends the process by one. */
long shim_raise(int number);
_Noreturn void shim_die(int number);

/* signal.c: changes the caller's mask; what it lets in is seen to on the way out. */
void shim_set_mask(uint64_t blocked);

/* A mask for as long as one call takes; a handler's end brings the one before
 * back, else the end of the call does. */
void shim_mask_for_call(const uint64_t *mask);
void shim_mask_after_call(void);

/* signal_port.c: lets the process get signals that come from elsewhere; takes a thread
 * that ends out. */
void shim_signals_begin(void);
void shim_signals_leave(void);

/* signal_frame.c: asks what the processor has. */
void shim_frames_begin(void);

/* What a call answers that a signal has ended: it is done again where no handler runs, or
 * one with SA_RESTART, and else answers -EINTR; the second one only where none runs. */
#define RESTART_CALL 512
#define RESTART_UNHANDLED 514

/* signal_take.c: takes the signals that there are on the way out of a call; true: the
 * call is to be done again. Where a handler runs it does not return. */
bool shim_attend(const struct linux_call *call, long result);
void shim_attend_late(struct linux_call *call);
void shim_attend_late_flags(struct linux_call *call);

/* A native call that waits, until a signal comes that has a handler: then -EINTR. */
#define SHIM_WAIT(call)                                       \
    __extension__({                                           \
        long shim_result;                                     \
        do                                                    \
            shim_result = shim_wait_begin() ? (call) : -EINTR; \
        while (shim_wait_again(shim_result));                 \
        shim_result;                                          \
    })
bool shim_wait_begin(void);
bool shim_wait_again(long result);

/* Whether there is a signal that has a handler to run, on the way out. */
bool shim_is_signalled(void);

/* The moment so far from now; and what a call answers whose wait until then a signal has
 * ended. */
uint64_t shim_deadline(uint64_t span);
long shim_interrupted(uint64_t deadline);

/* console.c: about an open descriptor; whether a read would not wait: 0, -EAGAIN, or an
 * error; and the wait until there may be something to read. */
bool shim_file_is_open(int file);
bool shim_file_reads(int file);
bool shim_file_writes(int file);
long shim_input_ready(void);
long shim_input_wait(uint64_t deadline);
#define SHIM_FILES 3            /* descriptors are below */
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
