/* SPDX-License-Identifier: MIT */
/*
 * The shim's terminal on the host: keys go in, lines and what the screen shows come out.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <limen/tap.h>

#include <limen/console.h>

#include "../shim/terminal.h"

#define INPUT 11                        /* the console's endpoints */
#define OUTPUT 22

static const char *keys;                /* what is still to be typed */
static char screen[4096];
static size_t screen_size;
static int raised;                      /* the last signal */
static bool handles;                    /* it has a handler */
static bool interrupts;                 /* a signal comes before any wait */
static uint64_t last_deadline;

/* --- In place of the kernel and the rest of the shim --- */

long limen_console_read_now(handle_t console, void *buffer, uint32_t size)
{
    if (console.value != INPUT || size != 1)
        abort();
    if (!*keys)
        return -EAGAIN;
    *(char *)buffer = *keys++;
    return 1;
}

/* There is nothing to wait for: everything has been typed. */
long limen_console_poll(handle_t console, uint32_t flags, const uint64_t *deadline)
{
    if (console.value != INPUT)
        abort();
    if (*keys)
        return 0;
    if (deadline)
        last_deadline = *deadline;
    return flags & CONSOLE_NOW ? -EAGAIN : deadline ? -ETIMEDOUT : -EIO;
}

uint64_t shim_now(void)
{
    return 1000;
}

bool shim_wait_begin(void)
{
    return !interrupts;
}

bool shim_wait_again(long result)
{
    (void)result;
    return false;
}

bool shim_is_signalled(void)
{
    return raised && handles;
}

/* Takes a few bytes at a time: callers must go on. */
long limen_console_write(handle_t console, const void *buffer, uint32_t size)
{
    if (console.value != OUTPUT || screen_size + size >= sizeof screen)
        abort();
    if (size > 3)
        size = 3;
    memcpy(screen + screen_size, buffer, size);
    screen_size += size;
    screen[screen_size] = '\0';
    return size;
}

long shim_raise(int number)
{
    raised = number;
    return 0;
}

void shim_lock(struct shim_lock *lock)
{
    if (lock->word++)
        abort();
}

void shim_unlock(struct shim_lock *lock)
{
    lock->word--;
}

/* --- Tests --- */

static struct terminal_settings first_settings;

static void type(const char *what)
{
    keys = what;
    screen_size = 0;
    screen[0] = '\0';
    raised = 0;
}

/* Reads once; what comes must be `wanted`, and the screen as told. */
static void reads(const char *name, const char *wanted, const char *shown)
{
    uint8_t buffer[2048];
    long size = terminal_read(&shim_terminal, buffer, sizeof buffer);
    bool right = size == (long)strlen(wanted) && !memcmp(buffer, wanted, (size_t)size)
                 && !strcmp(screen, shown);
    if (!tap_ok(right, "%s", name))
        tap_note("%ld bytes <%.*s>, screen <%s>", size, (int)size, buffer, screen);
}

static void check_editing(void)
{
    type("hello\r");
    reads("a line", "hello\n", "hello\r\n");
    type("hellp\177o\r");
    reads("backspace", "hello\n", "hellp\b \bo\r\n");
    type("\b\177\bx\n");
    reads("backspace on an empty line", "x\n", "x\r\n");
    type("wrong\025right\r");
    reads("^U", "right\n",
          "wrong\b \b\b \b\b \b\b \b\b \bright\r\n");
    type("one two\027three\r");
    reads("^W", "one three\n", "one two\b \b\b \b\b \bthree\r\n");
    type("\303\244\177a\r");
    reads("backspace takes a whole UTF-8 character", "a\n", "\303\244\b \ba\r\n");
    type("\001\177a\r");
    reads("a control character shows as two", "a\n", "^A\b \b\b \ba\r\n");
}

static void check_ends(void)
{
    type("\004rest\r");
    reads("^D on an empty line is the end", "", "");
    tap_ok(!strcmp(keys, "rest\r"), "what follows is left for the next reader");
    type("half\004");
    reads("^D after something gives it", "half", "half");
    type("ahead\rof time\r");
    reads("one line at a time", "ahead\n", "ahead\r\n");
    tap_ok(!strcmp(keys, "of time\r"), "what is typed ahead stays in the driver");
    type("xyz\003");
    reads("^C throws the line away", "\n", "xyz^C\r\n");
    tap_is(raised, SIGINT, "and raises SIGINT");
}

static void check_parts(void)
{
    uint8_t buffer[4];
    type("abcdef\r");
    tap_is(terminal_read(&shim_terminal, buffer, 4), 4, "a small buffer takes a part");
    tap_is(terminal_read(&shim_terminal, buffer, 4), 3, "then the rest");
    tap_ok(!memcmp(buffer, "ef\n", 3), "which is the rest");
    tap_is(terminal_read(&shim_terminal, buffer, 4), -EIO, "then asks for more");

    static char longer[2 * LINE_BYTES];
    memset(longer, 'x', sizeof longer - 2);
    longer[sizeof longer - 2] = '\r';
    static uint8_t line[2 * LINE_BYTES];
    type(longer);
    tap_is(terminal_read(&shim_terminal, line, sizeof line), LINE_BYTES,
           "a line has its longest");
    tap_is(line[LINE_BYTES - 1], '\n', "and ends");
}

static void check_modes(void)
{
    shim_terminal.settings.local &= ~(uint32_t)ECHO;
    type("secret\r");
    reads("without ECHO nothing is shown", "secret\n", "");
    shim_terminal.settings.local &= ~(uint32_t)(ICANON | ISIG);
    type("k\003");
    reads("without ICANON a key is enough", "k", "");
    reads("without ISIG ^C is one", "\003", "");
    shim_terminal.settings.input &= ~(uint32_t)ICRNL;
    type("\r");
    reads("without ICRNL a CR is a CR", "\r", "");
    shim_terminal.settings = first_settings;
}

static void check_ready(void)
{
    uint8_t buffer[8];
    type("par");
    tap_is(terminal_ready(&shim_terminal), -EAGAIN, "a part of a line is not ready");
    interrupts = true;
    tap_is(terminal_read(&shim_terminal, buffer, 8), -EINTR, "a signal ends a read");
    interrupts = false;
    keys = "t\r";
    tap_is(terminal_ready(&shim_terminal), 0, "a line is");
    tap_is(terminal_ready(&shim_terminal), 0, "and stays so");
    reads("it was typed in parts", "part\n", "part\r\n");
    tap_is(terminal_ready(&shim_terminal), -EAGAIN, "until it was read");
    type("\004");
    tap_is(terminal_ready(&shim_terminal), 0, "so is the end");
    reads("which is read once", "", "");
    tap_is(terminal_ready(&shim_terminal), -EAGAIN, "and then is no more");

    handles = true;
    type("ab\003cd\r");
    tap_is(terminal_read(&shim_terminal, buffer, 8), -EINTR, "^C ends it by a handler");
    handles = false;
    reads("what follows is a new line", "cd\n", "ab^C\r\ncd\r\n");

    shim_terminal.settings.local &= ~(uint32_t)ICANON;
    shim_terminal.settings.characters[VMIN] = 0;
    shim_terminal.settings.characters[VTIME] = 3;
    type("");
    tap_is(terminal_ready(&shim_terminal), -EAGAIN, "without lines a key is awaited");
    tap_is(terminal_read(&shim_terminal, buffer, 8), 0, "with VMIN 0 not for ever");
    tap_is((long long)last_deadline, 300001000, "but for VTIME");
    type("k");
    tap_is(terminal_ready(&shim_terminal), 0, "a key is enough");
    reads("and is read", "k", "k");
    shim_terminal.settings = first_settings;
}

static void check_output(void)
{
    static const uint8_t text[] = "a\nb\n\nc";
    type("");
    tap_is(terminal_write(&shim_terminal, text, 6), 6, "terminal_write");
    tap_ok(!strcmp(screen, "a\r\nb\r\n\r\nc"), "writes LF as CR LF");
    shim_terminal.settings.output &= ~(uint32_t)OPOST;
    type("");
    terminal_write(&shim_terminal, text, 6);
    tap_ok(!strcmp(screen, "a\nb\n\nc"), "without OPOST as it is");
    shim_terminal.settings = first_settings;

    static uint8_t many[1000];
    memset(many, '\n', sizeof many);
    type("");
    tap_is(terminal_write(&shim_terminal, many, sizeof many), 1000, "much of it");
    tap_is((long long)screen_size, 2000, "is all there");
}

int main(void)
{
    shim_terminal.input = (handle_t){INPUT};
    shim_terminal.output = (handle_t){OUTPUT};
    tap_plan(45);
    first_settings = shim_terminal.settings;
    check_editing();
    check_ends();
    check_parts();
    check_modes();
    check_ready();
    check_output();
    return tap_done();
}
