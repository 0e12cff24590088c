/* SPDX-License-Identifier: MIT */
/*
 * The line discipline. Keys are taken from the console one by one and never beyond the
 * end of the line, so that what was typed ahead is left for whoever reads next, this
 * program or another. Output is put together in small pieces on the stack.
 */
#include "terminal.h"

#include <signal.h>
#include <string.h>

#include <limen/console.h>

#define PIECE 256
#define DECISECOND_NS 100000000ull
#define DELETE_KEY 0x7f
#define CONTROL_KEY(letter) ((letter) & 0x1f)

struct terminal shim_terminal = {
    .settings = {
        .input = ICRNL | IXON | IUTF8,
        .output = OPOST | ONLCR,
        .control = CS8 | CREAD | B38400,
        .local = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .characters = {
            [VINTR] = CONTROL_KEY('C'),
            [VQUIT] = CONTROL_KEY('\\'),
            [VERASE] = DELETE_KEY,
            [VKILL] = CONTROL_KEY('U'),
            [VEOF] = CONTROL_KEY('D'),
            [VMIN] = 1,
            [VSTART] = CONTROL_KEY('Q'),
            [VSTOP] = CONTROL_KEY('S'),
            [VSUSP] = CONTROL_KEY('Z'),
            [VREPRINT] = CONTROL_KEY('R'),
            [VWERASE] = CONTROL_KEY('W'),
            [VLNEXT] = CONTROL_KEY('V'),
        },
    },
};

/* --- Output --- */

/* Hands bytes to the console, all of them. */
static long write_all(const struct terminal *terminal, const uint8_t *text, uint32_t size)
{
    for (uint32_t at = 0; at < size;) {
        long written = limen_console_write(terminal->output, text + at, size - at);
        if (written < 0)
            return written;
        at += (uint32_t)written;
    }
    return 0;
}

long terminal_write(struct terminal *terminal, const uint8_t *text, uint32_t size)
{
    const uint32_t both = OPOST | ONLCR;
    bool convert = (terminal->settings.output & both) == both;
    uint8_t piece[PIECE];
    uint32_t fill = 0;
    for (uint32_t at = 0; at < size; at++) {
        if (convert && text[at] == '\n')
            piece[fill++] = '\r';
        piece[fill++] = text[at];
        if (fill < PIECE - 1 && at + 1 < size)
            continue;
        long error = write_all(terminal, piece, fill);
        if (error < 0)
            return error;
        fill = 0;
    }
    return (long)size;
}

/* --- Echo --- */

/* Whether a key shows as ^X. */
static bool shows_as_control(const struct terminal *terminal, uint8_t key)
{
    return (terminal->settings.local & ECHOCTL) && (key < ' ' || key == DELETE_KEY)
           && key != '\n' && key != '\t';
}

static void echo(struct terminal *terminal, uint8_t key)
{
    if (!(terminal->settings.local & ECHO)
        && !(key == '\n' && terminal->settings.local & ECHONL))
        return;
    uint8_t caret[2] = {'^', key ^ 0x40};
    if (shows_as_control(terminal, key))
        terminal_write(terminal, caret, sizeof caret);
    else
        terminal_write(terminal, &key, 1);
}

/* Takes columns back from the screen. */
static void echo_erase(struct terminal *terminal, uint32_t columns)
{
    static const uint8_t back[] = "\b \b";
    if ((terminal->settings.local & (ECHO | ECHOE)) != (ECHO | ECHOE))
        return;
    while (columns--)
        terminal_write(terminal, back, sizeof back - 1);
}

/* --- Editing --- */

static bool is_continuation(const struct terminal *terminal, uint8_t byte)
{
    return (terminal->settings.input & IUTF8) && (byte & 0xc0) == 0x80;
}

/* Takes the last character off the line and the screen. */
static void erase(struct terminal *terminal)
{
    if (terminal->end == 0)
        return;
    uint8_t last = terminal->line[--terminal->end];
    while (is_continuation(terminal, last) && terminal->end > 0)
        last = terminal->line[--terminal->end];
    echo_erase(terminal, shows_as_control(terminal, last) ? 2 : 1);
}

static void erase_line(struct terminal *terminal)
{
    while (terminal->end > 0)
        erase(terminal);
}

static void erase_word(struct terminal *terminal)
{
    while (terminal->end > 0 && terminal->line[terminal->end - 1] == ' ')
        erase(terminal);
    while (terminal->end > 0 && terminal->line[terminal->end - 1] != ' ')
        erase(terminal);
}

/* Adds a key to the line; one that finds no room rings the bell, but a line can always
 * end. */
static void add(struct terminal *terminal, uint8_t key)
{
    static const uint8_t bell = '\a';
    uint32_t room = LINE_BYTES - terminal->end;
    if (room > 1 || (room == 1 && key == '\n')) {
        terminal->line[terminal->end++] = key;
        echo(terminal, key);
    } else {
        terminal_write(terminal, &bell, 1);
    }
}

/* --- Keys --- */

/* The next key, or an error; -EAGAIN: there is none. */
static long next_key(struct terminal *terminal)
{
    for (;;) {
        uint8_t key;
        long count = limen_console_read_now(terminal->input, &key, 1);
        if (count < 0)
            return count;
        if (count == 0 || (key == '\r' && (terminal->settings.input & IGNCR)))
            continue;
        if (key == '\r' && (terminal->settings.input & ICRNL))
            return '\n';
        if (key == '\n' && (terminal->settings.input & INLCR))
            return '\r';
        return key;
    }
}

static bool is_key(const struct terminal *terminal, int which, uint8_t key)
{
    return key != 0 && key == terminal->settings.characters[which];
}

/* ^C and ^\: the line is thrown away, and the signal sent. */
static bool signal_key(struct terminal *terminal, uint8_t key)
{
    bool interrupt = is_key(terminal, VINTR, key);
    bool quit = is_key(terminal, VQUIT, key);
    if (!(terminal->settings.local & ISIG) || !(interrupt || quit))
        return false;
    echo(terminal, key);
    echo(terminal, '\n');
    terminal->end = 0;
    shim_raise(interrupt ? SIGINT : SIGQUIT);
    return true;
}

/* Does what an editing key says; false: it is an ordinary one. */
static bool edit_key(struct terminal *terminal, uint8_t key)
{
    if (is_key(terminal, VERASE, key) || key == '\b')
        erase(terminal);
    else if (is_key(terminal, VKILL, key))
        erase_line(terminal);
    else if (is_key(terminal, VWERASE, key) && (terminal->settings.local & IEXTEN))
        erase_word(terminal);
    else
        return false;
    return true;
}

/* Goes on with a line as far as there are keys: 0, it is complete, empty at ^D; -EAGAIN;
 * -EINTR after a signal that has a handler; or an error. */
static long type_line(struct terminal *terminal)
{
    while (!terminal->complete) {
        long got = next_key(terminal);
        if (got < 0)
            return got;
        uint8_t key = (uint8_t)got;
        if (signal_key(terminal, key)) {
            static const uint8_t empty_line = '\n';
            if (shim_is_signalled())
                return -EINTR;
            terminal->line[terminal->end++] = empty_line;
            terminal->complete = true;
        } else if (is_key(terminal, VEOF, key)) {
            terminal->complete = true;
        } else if (!edit_key(terminal, key)) {
            add(terminal, key);
            terminal->complete = key == '\n' || is_key(terminal, VEOL, key);
        }
    }
    return 0;
}

static uint32_t take(struct terminal *terminal, uint8_t *buffer, uint32_t size)
{
    uint32_t count = terminal->end - terminal->start;
    if (count > size)
        count = size;
    memcpy(buffer, terminal->line + terminal->start, count);
    terminal->start += count;
    if (terminal->start == terminal->end) {
        terminal->start = terminal->end = 0;
        terminal->complete = false;
    }
    return count;
}

/* Without lines: a key, if there is one. */
static long read_key(struct terminal *terminal, uint8_t *buffer)
{
    if (terminal->end > terminal->start) /* of a line, from before the settings changed */
        return (long)take(terminal, buffer, 1);
    long key = next_key(terminal);
    if (key < 0)
        return key;
    if (signal_key(terminal, (uint8_t)key))
        return shim_is_signalled() ? -EINTR : -EAGAIN;
    buffer[0] = (uint8_t)key;
    echo(terminal, buffer[0]);
    return 1;
}

static bool has_lines(const struct terminal *terminal)
{
    return terminal->settings.local & ICANON;
}

/* Reads what there is; -EAGAIN: nothing yet. */
static long read_now(struct terminal *terminal, uint8_t *buffer, uint32_t size)
{
    shim_lock(&terminal->lock);
    long result;
    if (has_lines(terminal)) {
        result = type_line(terminal);
        if (result == 0)
            result = (long)take(terminal, buffer, size);
    } else {
        result = read_key(terminal, buffer);
    }
    shim_unlock(&terminal->lock);
    return result;
}

/* Until when a read waits for its first key: for ever, but for VMIN 0. */
static uint64_t first_key_deadline(const struct terminal *terminal)
{
    if (has_lines(terminal) || terminal->settings.characters[VMIN] > 0)
        return UINT64_MAX;
    return shim_now() + terminal->settings.characters[VTIME] * DECISECOND_NS;
}

long terminal_read(struct terminal *terminal, uint8_t *buffer, uint32_t size)
{
    if (size == 0)
        return 0;
    uint64_t deadline = first_key_deadline(terminal);
    for (;;) {
        long result = read_now(terminal, buffer, size);
        if (result != -EAGAIN)
            return result;
        const uint64_t *until = deadline == UINT64_MAX ? NULL : &deadline;
        result = SHIM_WAIT(limen_console_poll(terminal->input, 0, until));
        if (result < 0)
            return result == -ETIMEDOUT ? 0 : result;
    }
}

long terminal_ready(struct terminal *terminal)
{
    if (!has_lines(terminal) && terminal->start == terminal->end)
        return limen_console_poll(terminal->input, CONSOLE_NOW, NULL);
    shim_lock(&terminal->lock);
    long result = type_line(terminal);
    shim_unlock(&terminal->lock);
    return result;
}
