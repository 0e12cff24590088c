/* SPDX-License-Identifier: MIT */
/*
 * The native system calls as functions: limen_NAME(…) for each row of limen/syscalls.def,
 * with the types given there. They answer >= 0 or a negative error and leave errno alone.
 * A call goes through `limen_gate`, which start-up sets to the best gate
 * (libc/native/gate.c); before that it is int 0x80, which is always open.
 */
#ifndef LIMEN_SYSCALL_H
#define LIMEN_SYSCALL_H

#include <limen/abi.h>
#include <limen/system_message.h>

enum {
#define SYSCALL(nr, name, params, words, args) SYS_LIMEN_##name = nr,
#include <limen/syscalls.def>
#undef SYSCALL
};

/* The crossing in use: eax, ebx, esi, edi, ebp in; eax out; ecx, edx and flags lost. */
extern void (*limen_gate)(void);

/* Crosses with a number and four words; what comes back in them is lost (limen/message.h
 * has the calls that answer words). ebp is exchanged by hand: it may be the frame
 * pointer. */
static inline long limen_cross(uint32_t number, uint32_t w0, uint32_t w1, uint32_t w2,
                               uint32_t w3)
{
    uint32_t gate = (uint32_t)limen_gate;
    long result = (long)number;
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl %%ecx, %%ebp\n\t"
                     "call *%%edx\n\t"
                     "popl %%ebp"
                     : "+a"(result), "+c"(w3), "+d"(gate), "+b"(w0), "+S"(w1), "+D"(w2)
                     :
                     : "memory", "cc");
    return result;
}

/* A value of any type of one word as that word, and nothing larger. */
#define LIMEN_WORD(value)                                                            \
    __extension__({                                                                  \
        static_assert(sizeof(value) == sizeof(uint32_t), "an argument is one word"); \
        union {                                                                      \
            __typeof__(value) as_value;                                              \
            uint32_t as_word;                                                        \
        } limen_word = {.as_value = (value)};                                        \
        limen_word.as_word;                                                          \
    })
#define LIMEN_LIST(...) __VA_ARGS__

#define WORD(value) LIMEN_WORD(value)
#define SYSCALL(nr, name, params, words, args)                     \
    static inline long limen_##name params                         \
    {                                                              \
        const uint32_t list[4] = {LIMEN_LIST words};               \
        return limen_cross(nr, list[0], list[1], list[2], list[3]); \
    }
#include <limen/syscalls.def>
#undef SYSCALL
#undef WORD

#endif
