/* SPDX-License-Identifier: MIT */
/*
 * Says how a program ended: in one line for people, as a status for shells, and, after a
 * fault, as a report on the kernel's log with registers and callers. The dead process's
 * memory can still be read, so the callers are found by its frame pointers, and their
 * names in its file.
 */
#include <limen/spawn.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include <limen/exceptions.h>
#include <limen/syscall.h>

#define FRAMES_MAX 24
#define PROLOGUE_MAX 128         /* of a function, in which its frame is made */
#define REPEATS_MAX 10000           /* of one caller, before it is left at that */
#define SIGNAL_BASE 128

int limen_exit_status(const struct process_end *end)
{
    switch (end->reason) {
    case PROCESS_EXITED:
        return (int)(end->status & 0xff);
    case PROCESS_FAULTED:
        return SIGNAL_BASE + limen_exception_of(end->vector)->signal;
    default:
        return end->status > SIGNAL_BASE ? (int)(end->status & 0xff)
                                         : SIGNAL_BASE + SIGKILL;
    }
}

static const char *signal_name(int number)
{
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
        [SIGABRT] = "SIGABRT", [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1",
        [SIGSEGV] = "SIGSEGV", [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",
        [SIGTERM] = "SIGTERM",
    };
    bool known =
        number > 0 && number < (int)(sizeof names / sizeof names[0]) && names[number];
    return known ? names[number] : "a signal";
}

static void describe_fault(const struct process_end *end, char *buffer, uint32_t size)
{
    const char *name = limen_exception_of(end->vector)->name;
    if (end->vector != VECTOR_PAGE_FAULT) {
        snprintf(buffer, size, "%s (vector %u, error code 0x%x)", name, end->vector,
                 end->error_code);
        return;
    }
    const char *access = end->error_code & FAULT_WRITE ? "write to" : "read of";
    if (end->address == end->state.eip)
        access = "jump to";
    const char *why = end->error_code & FAULT_PRESENT ? "not allowed" : "not mapped";
    snprintf(buffer, size, "%s: %s 0x%08x, %s", name, access, end->address, why);
}

void limen_describe_end(const struct process_end *end, char *buffer, uint32_t size)
{
    int status = limen_exit_status(end);
    switch (end->reason) {
    case PROCESS_EXITED:
        snprintf(buffer, size, "exited with %d", status);
        break;
    case PROCESS_KILLED:
        snprintf(buffer, size, "killed by %s (%d)", signal_name(status - SIGNAL_BASE),
                 status - SIGNAL_BASE);
        break;
    case PROCESS_NO_MEMORY:
        snprintf(buffer, size, "out of memory (its quota has no page for 0x%08x)",
                 end->address);
        break;
    default:
        describe_fault(end, buffer, size);
    }
}

__attribute__((format(printf, 1, 2)))
static void log_line(const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (size >= (int)sizeof line)
        size = sizeof line - 1;
    if (size > 0)
        limen_log_write((handle_t){getauxval(AT_LIMEN_LOG)}, line, (uint32_t)size);
}

/* One caller: its address, and the function it is in. A return address may be the first
 * of the next function, so the name is that of the byte before. */
static void log_frame(const struct limen_child *child, uint32_t address, bool is_return)
{
    uint32_t distance;
    const char *name = elf_symbol(&child->file, address - is_return, &distance);
    if (name)
        log_line("  at 0x%08x %.80s+0x%x", address, name, distance + is_return);
    else
        log_line("  at 0x%08x ?", address);
}

static void log_registers(const struct thread_state *state)
{
    log_line("  eax %08x ebx %08x ecx %08x edx %08x", state->eax, state->ebx, state->ecx,
             state->edx);
    log_line("  esi %08x edi %08x ebp %08x esp %08x", state->esi, state->edi, state->ebp,
             state->esp);
    log_line("  eip %08x eflags %08x cs %04x ss %04x ds %04x es %04x fs %04x gs %04x",
             state->eip, state->eflags, state->cs, state->ss, state->ds, state->es,
             state->fs, state->gs);
}

/* Whether the code from a function's start to where it is now has made its frame:
 * `push %ebp; mov %esp, %ebp`, in either of its encodings. */
static bool frame_is_made(const struct limen_child *child, uint32_t eip,
                          uint32_t distance)
{
    uint8_t code[PROLOGUE_MAX];
    if (distance > sizeof code)
        return true;
    if (limen_memory_read(child->process, eip - distance, code, distance)
        != (long)distance)
        return true;
    for (uint32_t i = 0; i + 3 <= distance; i++)
        if (!memcmp(code + i, "\x55\x89\xe5", 3) || !memcmp(code + i, "\x55\x8b\xec", 3))
            return true;
    return false;
}

/* The caller of a function that has not made its frame, or of nowhere, after a jump
 * there: what the top of the stack returns to, if that is in a function. */
static void log_frameless_caller(const struct limen_child *child,
                                 const struct thread_state *state)
{
    uint32_t distance, address;
    if (elf_symbol(&child->file, state->eip, &distance)
        && frame_is_made(child, state->eip, distance))
        return;
    long size = limen_memory_read(child->process, state->esp, &address, sizeof address);
    if (size == sizeof address && elf_symbol(&child->file, address - 1, &distance))
        log_frame(child, address, true);
}

/* Follows the frame pointers: each points at the caller's, the return address above it. A
 * function that calls itself again and again from one place is told once. */
static void log_callers(const struct limen_child *child, const struct thread_state *state)
{
    uint32_t frame = state->ebp;
    uint32_t last = 0, repeats = 0;
    log_frame(child, state->eip, false);
    log_frameless_caller(child, state);
    for (int lines = 0; lines < FRAMES_MAX && repeats < REPEATS_MAX;) {
        uint32_t pair[2];
        long size = limen_memory_read(child->process, frame, pair, sizeof pair);
        if (frame == 0 || size != sizeof pair || pair[1] == 0 || pair[0] == frame)
            return;
        frame = pair[0];
        if (pair[1] == last) {
            repeats++;
            continue;
        }
        if (repeats > 0)
            log_line("  ... %u times more", repeats);
        log_frame(child, pair[1], true);
        last = pair[1];
        repeats = 0;
        lines++;
    }
    log_line("  ... and more");
}

void limen_report(const struct limen_child *child, const struct process_end *end)
{
    char what[120];
    limen_describe_end(end, what, sizeof what);
    log_line("%s: %s", child->name, what);
    if (end->reason == PROCESS_KILLED)
        return;
    log_registers(&end->state);
    log_callers(child, &end->state);
}
