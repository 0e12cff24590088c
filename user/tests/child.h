/* SPDX-License-Identifier: MIT */
/*
 * Bare child processes for tests, made with native calls only: no ELF file, no libc, no
 * helper in between that could hide what the kernel does. A child is either
 *   - a row: some machine code, copied to CHILD_CODE (read and execute only), with one
 * page of data and a stack of two pages between unmapped ones; or
 *   - a twin: a copy of this program's own segments, begun at one of its functions. A
 * twin has no TLS and no stdio: it makes native calls only, and answers through its exit
 * status and through its memory, which the parent reads after its end. How a child ended
 * is an outcome: one bit, so that a test can name a set of right answers. The caller
 * closes what it creates.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "process.h"

#define CHILD_CODE 0x10000000u
#define CHILD_CODE_SIZE 0x2000u
#define CHILD_DATA 0x20000000u
#define CHILD_STACK_TOP 0x30000000u
#define CHILD_STACK_SIZE 0x2000u
#define CHILD_STACK_START (CHILD_STACK_TOP - 64)
#define CHILD_PAGES 48
#define TWIN_STACK_TOP 0x30000000u
#define TWIN_STACK_SIZE 0x8000u

#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
#define PATIENCE \
    (20 * SECOND) /* after that a child hangs; never the measure of a success */

struct child {
    handle_t process;
    handle_t thread;
};

/* How a child ended: FAULT(vector), or one of the bits below. */
typedef uint64_t outcome_t;
#define FAULT(vector) (1ull << (vector))
#define EXIT_0 (1ull << 32)
#define EXIT_OTHER (1ull << 33) /* a row's own check failed */
#define KILLED (1ull << 34)
#define NO_MEMORY (1ull << 35)
#define RUNS_ON (1ull << 36)     /* had to be killed */
#define NOT_STARTED (1ull << 37) /* the harness could not make it */

static inline handle_t handle_of(long result)
{
    return (handle_t){(uint32_t)result};
}

static inline uint64_t clock_now(void)
{
    uint64_t now = 0;
    (void)limen_clock_get(CLOCK_ID_MONOTONIC, &now);
    return now;
}

static inline struct system_info system_now(void)
{
    struct system_info info = {0};
    (void)limen_system_info(&info);
    return info;
}

static inline uint32_t frames_free(void)
{
    return system_now().frames_free;
}

/* This program's headers; a twin, which has no auxiliary vector, finds them as its parent
 * did. */
static const Elf32_Phdr *own_headers;
static uint32_t own_header_count;

static inline void find_own_headers(void)
{
    if (own_headers != NULL)
        return;
    own_headers = (const Elf32_Phdr *)getauxval(AT_PHDR);
    own_header_count = (uint32_t)getauxval(AT_PHNUM);
}

/* Lets other programs run until they take no page frames any more: init's servers may be
 * starting. */
static inline void let_others_settle(void)
{
    uint32_t before;
    do {
        before = frames_free();
        for (int i = 0; i < 8; i++)
            (void)limen_thread_yield();
    } while (frames_free() != before);
}

/*
 * Touches every page of this program's own data and 16 KiB of its stack, so that none of
 * them is made between two counts of free page frames.
 */
static inline void touch_own_memory(void)
{
    volatile uint8_t stack[4 * PAGE_SIZE];
    for (uint32_t at = 0; at < sizeof(stack); at += PAGE_SIZE)
        stack[at] = 0;
    find_own_headers();
    for (uint32_t i = 0; i < own_header_count; i++) {
        uint32_t end = own_headers[i].p_vaddr + own_headers[i].p_memsz;
        if (own_headers[i].p_type != PT_LOAD)
            continue;
        for (uint32_t at = own_headers[i].p_vaddr; at < end;
             at = (at | (PAGE_SIZE - 1)) + 1) {
            volatile uint8_t *byte = (volatile uint8_t *)at;
            uint8_t value = *byte;
            if ((own_headers[i].p_flags & PF_W) != 0)
                *byte = value;
        }
    }
    let_others_settle();
}

/* Maps fresh pages at a fixed place; returns 0 or an error. */
static inline long child_map(struct child child, uint32_t address, uint32_t size,
                             uint32_t flags)
{
    struct memory_map map = {
        .address = address,
        .size = size,
        .flags = flags | MEMORY_FIXED,
    };
    return limen_memory_map(child.process, &map);
}

/* Copies bytes into a child's writable memory; true if all went. */
static inline bool child_write(struct child child, uint32_t address, const void *bytes,
                               uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        long part = limen_memory_write(child.process, address + done,
                                       (const uint8_t *)bytes + done, size - done);
        if (part <= 0)
            return false;
        done += (uint32_t)part;
    }
    return true;
}

static inline bool child_read(struct child child, uint32_t address, void *bytes,
                              uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        long part = limen_memory_read(child.process, address + done,
                                      (uint8_t *)bytes + done, size - done);
        if (part <= 0)
            return false;
        done += (uint32_t)part;
    }
    return true;
}

/* Makes an empty process; its handle's value is 0 where that fails. */
static inline struct child child_create(uint32_t pages)
{
    struct child child = {0};
    long result = limen_process_create(pages);
    if (result > 0)
        child.process = handle_of(result);
    return child;
}

static inline long child_start_with(struct child *child, const struct thread_start *start)
{
    long result = limen_thread_create(child->process, start);
    if (result > 0)
        child->thread = handle_of(result);
    return result;
}

static inline long child_start(struct child *child, uint32_t eip, uint32_t esp)
{
    struct thread_start start = {.eip = eip, .esp = esp};
    return child_start_with(child, &start);
}

static inline void child_close(struct child *child)
{
    if (child->thread.value != 0)
        (void)limen_handle_close(child->thread);
    if (child->process.value != 0)
        (void)limen_handle_close(child->process);
    *child = (struct child){0};
}

static inline outcome_t outcome_of(const struct process_end *end)
{
    switch (end->reason) {
    case PROCESS_EXITED:
        return end->status == 0 ? EXIT_0 : EXIT_OTHER;
    case PROCESS_FAULTED:
        return FAULT(end->vector);
    case PROCESS_KILLED:
        return KILLED;
    default:
        return NO_MEMORY;
    }
}

/* Waits for a child's end; kills it where it outlasts all patience. */
static inline outcome_t child_wait(struct child child, struct process_end *end)
{
    uint64_t deadline = clock_now() + PATIENCE;
    memset(end, 0, sizeof(*end));
    if (limen_process_wait(child.process, end, &deadline) == 0)
        return outcome_of(end);
    (void)limen_process_kill(child.process, 99);
    return RUNS_ON;
}

/* Loads a row's code, data page and stack into a new child, not started yet. */
static inline bool row_load(struct child *child, const void *code, uint32_t size)
{
    *child = child_create(CHILD_PAGES);
    return child->process.value != 0 &&
           child_map(*child, CHILD_CODE, CHILD_CODE_SIZE, MEMORY_READ | MEMORY_WRITE) ==
               0 &&
           child_write(*child, CHILD_CODE, code, size) &&
           limen_memory_protect(child->process, CHILD_CODE, CHILD_CODE_SIZE,
                                MEMORY_READ | MEMORY_EXECUTE) == 0 &&
           child_map(*child, CHILD_DATA, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
           child_map(*child, CHILD_STACK_TOP - CHILD_STACK_SIZE, CHILD_STACK_SIZE,
                     MEMORY_READ | MEMORY_WRITE) == 0;
}

/* Runs a row from its first byte to its end. */
static inline outcome_t row_run(const void *code, uint32_t size, struct process_end *end)
{
    struct child child;
    outcome_t outcome = NOT_STARTED;
    memset(end, 0, sizeof(*end));
    if (row_load(&child, code, size) &&
        child_start(&child, CHILD_CODE, CHILD_STACK_START) > 0)
        outcome = child_wait(child, end);
    child_close(&child);
    return outcome;
}

/* Copies this program's segments and makes a stack in a new child of so many pages. */
static inline bool twin_load(struct child *child, uint32_t pages)
{
    uint32_t writable = MEMORY_READ | MEMORY_WRITE;
    *child = child_create(pages);
    if (child->process.value == 0)
        return false;
    find_own_headers();
    for (uint32_t i = 0; i < own_header_count; i++) {
        uint32_t start = own_headers[i].p_vaddr & ~(PAGE_SIZE - 1);
        uint32_t end = own_headers[i].p_vaddr + own_headers[i].p_memsz;
        uint32_t size = (end - start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
        if (own_headers[i].p_type != PT_LOAD)
            continue;
        if (child_map(*child, start, size, writable | MEMORY_EXECUTE) != 0 ||
            !child_write(*child, start, (const void *)start, size))
            return false;
    }
    return child_map(*child, TWIN_STACK_TOP - TWIN_STACK_SIZE, TWIN_STACK_SIZE,
                     writable) == 0;
}

/* Begins a twin, loaded before, at a function that never returns. */
static inline bool twin_start(struct child *child, void (*function)(uint32_t),
                              uint32_t argument)
{
    uint32_t frame[4] = {0, argument, 0, 0}; /* return address, argument */
    uint32_t esp = TWIN_STACK_TOP - 32 - 4;  /* as after a call on an aligned stack */
    return child_write(*child, esp, frame, sizeof(frame)) &&
           child_start(child, (uint32_t)function, esp) > 0;
}

/* Runs a function in a twin to its end and leaves the ended child open for reading. */
static inline outcome_t twin_run(struct child *child, uint32_t pages,
                                 void (*function)(uint32_t), uint32_t argument,
                                 struct process_end *end)
{
    memset(end, 0, sizeof(*end));
    if (!twin_load(child, pages) || !twin_start(child, function, argument))
        return NOT_STARTED;
    return child_wait(*child, end);
}

/* Loads a twin and begins it at a function that is told the value of a handle which the
 * twin gets. */
static inline bool twin_given(struct child *child, uint32_t pages,
                              void (*function)(uint32_t), handle_t handle)
{
    if (!twin_load(child, pages))
        return false;
    long given = limen_handle_give(child->process, handle, RIGHTS_SAME);
    return given > 0 && twin_start(child, function, (uint32_t)given);
}

/*
 * Starts a bare thread in this process, at a function that never returns, on a stack that
 * ends at `top`. It has no TLS: it makes native calls only. Returns its handle or an
 * error.
 */
static inline long bare_thread(void (*function)(uint32_t), uint32_t argument, void *top)
{
    volatile uint32_t *frame = (volatile uint32_t *)(((uint32_t)top & ~15u) - 16 - 4);
    struct thread_start start = {.eip = (uint32_t)function, .esp = (uint32_t)frame};
    frame[0] = 0; /* return address */
    frame[1] = argument;
    return limen_thread_create(HANDLE_SELF, &start);
}

/* Lets others run until the word, which they write, has this value; false if it never
 * does. */
static inline bool wait_for(const volatile uint32_t *word, uint32_t value)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (*word != value) {
        if (clock_now() > deadline)
            return false;
        (void)limen_thread_yield();
    }
    return true;
}

/* The same for a word in a child's memory. */
static inline bool child_wait_for(struct child child, const volatile uint32_t *word,
                                  uint32_t value)
{
    uint64_t deadline = clock_now() + PATIENCE;
    uint32_t now = ~value;
    while (child_read(child, (uint32_t)word, &now, sizeof(now)) && now != value) {
        if (clock_now() > deadline)
            return false;
        (void)limen_thread_yield();
    }
    return now == value;
}

/* Lets the other threads of this process come to their ends; false if they never do. */
static inline bool wait_until_alone(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (process_now().threads > 1) {
        if (clock_now() > deadline)
            return false;
        (void)limen_thread_yield();
    }
    return true;
}

static inline void sleep_for(uint64_t time)
{
    uint64_t deadline = clock_now() + time;
    (void)limen_clock_sleep(&deadline);
}

/* Says in words how a child ended, into a buffer. */
static inline const char *outcome_text(outcome_t outcome, const struct process_end *end,
                                       char *text, size_t size)
{
    if (outcome == NOT_STARTED)
        snprintf(text, size, "could not be started");
    else if (outcome == RUNS_ON)
        snprintf(text, size, "ran on and had to be killed");
    else if (end->reason == PROCESS_FAULTED)
        snprintf(text, size, "fault %u error %x address %08x at %08x esp %08x",
                 end->vector, end->error_code, end->address, end->state.eip,
                 end->state.esp);
    else
        snprintf(text, size, "reason %u status %u", end->reason, end->status);
    return text;
}

#endif
