/* SPDX-License-Identifier: MIT */
/*
 * TAP for test programs: limen/tap.h. Each line is put together first and written by one
 * write() under a lock, not through stdio: a test that faults in the next moment has lost
 * nothing, and lines of several threads do not mix.
 */
#include <limen/tap.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

static struct {
    pthread_mutex_t lock;
    unsigned int planned;
    unsigned int done;
    unsigned int failed;
} tap = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Writes `head` and a formatted text as one line; what is too long is cut. */
static void write_line(const char *head, const char *format, va_list list)
{
    char line[LINE_MAX_BYTES];
    size_t size = strlen(head);
    memcpy(line, head, size);

    int more = vsnprintf(line + size, sizeof line - size - 1, format, list);
    if (more > 0)
        size +=
            (size_t)more < sizeof line - size - 1 ? (size_t)more : sizeof line - size - 2;
    line[size++] = '\n';

    for (size_t at = 0; at < size;) {
        ssize_t written = write(STDOUT_FILENO, line + at, size - at);
        if (written <= 0)
            return;
        at += (size_t)written;
    }
}

/* One check's line, with its number; the lock is held. */
static void write_check(bool passed, const char *note, const char *format, va_list list)
{
    char head[64];
    snprintf(head, sizeof head, "%sok %u - %s", passed ? "" : "not ", ++tap.done, note);
    if (!passed)
        tap.failed++;
    write_line(head, format, list);
}

static void note_list(const char *format, va_list list)
{
    write_line("# ", format, list);
}

static void note_locked(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    note_list(format, list);
    va_end(list);
}

static void plain_line(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    write_line("", format, list);
    va_end(list);
}

void tap_plan(unsigned int checks)
{
    pthread_mutex_lock(&tap.lock);
    tap.planned = checks;
    plain_line("1..%u", checks);
    pthread_mutex_unlock(&tap.lock);
}

bool tap_ok(bool passed, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    pthread_mutex_lock(&tap.lock);
    write_check(passed, "", format, list);
    pthread_mutex_unlock(&tap.lock);
    va_end(list);
    return passed;
}

bool tap_is(long long got, long long wanted, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    pthread_mutex_lock(&tap.lock);
    write_check(got == wanted, "", format, list);
    if (got != wanted)
        note_locked("  got %lld (0x%llx), wanted %lld (0x%llx)", got, got, wanted,
                    wanted);
    pthread_mutex_unlock(&tap.lock);
    va_end(list);
    return got == wanted;
}

void tap_skip(unsigned int checks, const char *format, ...)
{
    pthread_mutex_lock(&tap.lock);
    for (unsigned int i = 0; i < checks; i++) {
        va_list list;
        va_start(list, format);
        write_check(true, "# SKIP ", format, list);
        va_end(list);
    }
    pthread_mutex_unlock(&tap.lock);
}

void tap_note(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    pthread_mutex_lock(&tap.lock);
    note_list(format, list);
    pthread_mutex_unlock(&tap.lock);
    va_end(list);
}

int tap_done(void)
{
    pthread_mutex_lock(&tap.lock);
    enum tap_status status = TAP_PASSED;
    if (tap.planned == 0 || tap.done != tap.planned) {
        note_locked("planned %u checks, made %u", tap.planned, tap.done);
        status = TAP_BROKEN;
    } else if (tap.failed) {
        note_locked("%u of %u checks failed", tap.failed, tap.done);
        status = TAP_FAILED;
    }
    pthread_mutex_unlock(&tap.lock);
    return status;
}
