/* SPDX-License-Identifier: MIT */
/* The dispatcher of system_call.h, made from limen/syscalls.def. */
#include "system_call.h"

#include "assert.h"
#include "error.h"

typedef long handler(uint32_t number, struct SystemCallFrame *frame);

/* The frame's word n, in the order of the calling convention, as a value of a one-word
 * type. */
static inline uint32_t word(const struct SystemCallFrame *frame, int n)
{
    return n == 0 ? frame->ebx : n == 1 ? frame->esi : n == 2 ? frame->edi : frame->ebp;
}

#define ARG(type, n)                                                 \
    ({                                                               \
        static_assert(sizeof(type) == sizeof(uint32_t), "one word"); \
        ((union {                                                    \
            uint32_t word;                                           \
            type value;                                              \
        }){.word = word(frame, n)})                                  \
            .value;                                                  \
    })

#define SYSCALL(nr, name, params, words, args)                              \
    static long call_##name(uint32_t number, struct SystemCallFrame *frame) \
    {                                                                       \
        return sys_##name args;                                             \
    }
#include <limen/syscalls.def>
#undef SYSCALL

static long no_such_call(uint32_t number, struct SystemCallFrame *frame)
{
    return -ENOSYS;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static handler *const table[SYSCALL_BOUND_FIRST] = {
    [0 ... SYSCALL_BOUND_FIRST - 1] = no_such_call,
#define SYSCALL(nr, name, params, words, args) [nr] = call_##name,
#include <limen/syscalls.def>
#undef SYSCALL
};
#pragma GCC diagnostic pop

long system_call(uint32_t number, struct SystemCallFrame *frame)
{
    if (number < array_count(table))
        return table[number](number, frame);
    if (number - SYSCALL_BOUND_FIRST < SYSCALL_BOUND_COUNT)
        return bound_call(number);
    return -ENOSYS;
}

long system_call_again(struct SystemCallFrame *frame)
{
    return frame->vector == FRAME_INT81 ? system_message(frame)
                                        : system_call(frame->error, frame);
}

long sys_null(void)
{
    return 0;
}
