/* SPDX-License-Identifier: MIT */
/*
 * Rows of hostile code. A snippet is machine code in this program's constants that a row
 * copies into a child: position-independent, or counting on CHILD_CODE as its start. Rows
 * stand in a list (a .def file) with what they do and how they may end; the list is read
 * twice, once for the snippets and once to run them.
 *
 * In snippets: SYS_… are the calls' numbers; `pass` and `fail` end the child with status
 * 0 and 1 through int 0x80, and touch no stack; `check_segments` fails unless DS and ES
 * are flat and good for a store. CODE, DATA, STACK, KERNEL and THRESHOLD are addresses.
 *
 * After every row the machine must go on: a call works, and each page frame is free
 * again.
 */
#ifndef TESTS_ROW_H
#define TESTS_ROW_H

#include <limen/tap.h>

#include "child.h"

#define SYSCALL(nr, name, params, words, args) __asm__(".set SYS_" #name ", " #nr);
#include <limen/syscalls.def>
#undef SYSCALL

#define ROW_TEXT(x) #x
#define ROW_NUMBER(x) ROW_TEXT(x)

__asm__(".set CODE, 0x10000000\n"
        ".set CODE_END, 0x10002000\n"
        ".set DATA, 0x20000000\n"
        ".set STACK, 0x2fffffc0\n"
        ".set STACK_LOW, 0x2fffe000\n"
        ".set KERNEL, " ROW_NUMBER(
            KERNEL_BASE) "\n"
                         ".set THRESHOLD, " ROW_NUMBER(
                             THRESHOLD_ADDRESS) "\n"
                                                ".macro pass\n"
                                                "movl $SYS_process_exit, %eax\n"
                                                "xorl %ebx, %ebx\n"
                                                "int $0x80\n"
                                                ".endm\n"
                                                ".macro fail\n"
                                                "movl $SYS_process_exit, %eax\n"
                                                "movl $1, %ebx\n"
                                                "int $0x80\n"
                                                ".endm\n"
                                                ".macro check_segments\n"
                                                "movl %ds, %eax\n"
                                                "cmpw $0x23, %ax\n"
                                                "jne 98f\n"
                                                "movl %es, %eax\n"
                                                "cmpw $0x23, %ax\n"
                                                "jne 98f\n"
                                                "movl $1, DATA\n"
                                                "movl $DATA, %edi\n"
                                                "stosl\n"
                                                "pass\n"
                                                "98: fail\n"
                                                ".endm\n");

static_assert(CHILD_CODE == 0x10000000 && CHILD_CODE_SIZE == 0x2000, "CODE, CODE_END");
static_assert(CHILD_DATA == 0x20000000, "DATA");
static_assert(CHILD_STACK_START == 0x2fffffc0 && CHILD_STACK_SIZE == 0x2000, "STACK");

#define SNIPPET(name, text)                  \
    __asm__(".section .rodata\n"             \
            "snippet_" #name ":\n" text "\n" \
            "snippet_" #name "_end:\n"       \
            ".previous\n");                  \
    extern const uint8_t snippet_##name[];   \
    extern const uint8_t snippet_##name##_end[];

/* Assembly text; inside, `;` ends an instruction. */
#define ASM(...) #__VA_ARGS__

/* Code that is put together. */
struct code {
    uint32_t size;
    uint8_t bytes[768];
};

static inline void code_add(struct code *code, const void *bytes, uint32_t size)
{
    if (size > sizeof(code->bytes) - code->size)
        __builtin_trap();
    memcpy(code->bytes + code->size, bytes, size);
    code->size += size;
}

static inline void code_add_byte(struct code *code, uint8_t byte)
{
    code_add(code, &byte, 1);
}

static inline void code_add_word(struct code *code, uint32_t word)
{
    code_add(code, &word, sizeof(word));
}

#define code_add_snippet(code, name) \
    code_add((code), snippet_##name, (uint32_t)(snippet_##name##_end - snippet_##name))

static uint32_t row_frames; /* free page frames when no row runs */

static inline bool machine_goes_on(void)
{
    return limen_null() == 0 && frames_free() == row_frames;
}

/* Before the first row: everything that a row makes for good is made. */
static inline void rows_begin(void)
{
    static const uint8_t nothing[] = {0x0f, 0x0b};
    struct process_end end;
    touch_own_memory();
    (void)row_run(nothing, sizeof(nothing), &end);
    row_frames = frames_free();
}

static inline void row_complain(const char *text, outcome_t got,
                                const struct process_end *end)
{
    char words[128];
    tap_note("%s: %s; free frames %u, before %u", text,
             outcome_text(got, end, words, sizeof(words)), frames_free(), row_frames);
}

/* Runs code to its end; true if that is one of the wanted ones and the machine goes on.
 */
static inline bool row_ends(const char *text, const void *bytes, uint32_t size,
                            outcome_t wanted, struct process_end *end)
{
    outcome_t got = row_run(bytes, size, end);
    bool right = (got & wanted) != 0 && machine_goes_on();
    if (!right)
        row_complain(text, got, end);
    return right;
}

static inline void row_check(const char *text, const uint8_t *bytes,
                             const uint8_t *bytes_end, outcome_t wanted)
{
    struct process_end end;
    tap_ok(row_ends(text, bytes, (uint32_t)(bytes_end - bytes), wanted, &end), "%s",
           text);
}

#endif
