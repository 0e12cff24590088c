/* SPDX-License-Identifier: MIT */
/*
 * Descriptors 0 to 2: a terminal, or in STDIO_RAW mode three plain byte streams. There
 * are no other descriptors yet. In raw mode the input is stuffed (limen/abi.h): DLE DLE
 * is a DLE byte, DLE EOT is the end. Each descriptor is an endpoint of the console; a
 * program that was given none, like a server, writes to the kernel's log.
 */
#include "shim.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <string.h>
#include <termios.h>

#include <limen/console.h>
#include <limen/inherit.h>

#include "terminal.h"

#define FILE_COUNT SHIM_FILES
#define INPUT_FILE 0
#define OUTPUT_FILE 1
#define ERROR_FILE 2

#define DLE 0x10
#define EOT 0x04

#define ROWS 24
#define COLUMNS 80

/* Linux's struct stat64 for the i386. */
struct file_status {
    uint64_t device;
    uint32_t padding0;
    uint32_t short_inode;
    uint32_t mode;
    uint32_t links;
    uint32_t owner;
    uint32_t group;
    uint64_t special;
    uint32_t padding1;
    uint64_t size;
    uint32_t block_size;
    uint64_t blocks;
    uint32_t times[6];
    uint64_t inode;
} __attribute__((packed));

static_assert(sizeof(struct file_status) == 96, "as on the i386");

static struct {
    uint32_t mode;              /* [I] enum stdio_mode */
    uint32_t closed;            /* bit n: descriptor n is closed */
    handle_t endpoint[FILE_COUNT]; /* value 0: there is none */
    handle_t log;
    struct shim_lock lock;      /* of raw input's state */
    bool escaped;               /* raw input: the last byte was DLE */
    bool ended;                 /* raw input: its end was seen */
} console;

static const uint32_t endpoint_key[FILE_COUNT] = {
    [INPUT_FILE] = AT_LIMEN_INPUT,
    [OUTPUT_FILE] = AT_LIMEN_OUTPUT,
    [ERROR_FILE] = AT_LIMEN_ERROR,
};

void shim_console_init(void)
{
    console.mode = shim_auxiliary(AT_LIMEN_STDIO, STDIO_TERMINAL);
    console.log = (handle_t){shim_auxiliary(AT_LIMEN_LOG, 0)};
    for (uint32_t file = 0; file < FILE_COUNT; file++)
        console.endpoint[file] = (handle_t){shim_auxiliary(endpoint_key[file], 0)};
    shim_terminal.input = console.endpoint[INPUT_FILE];
    shim_terminal.output = console.endpoint[OUTPUT_FILE];
}

void limen_console_use(handle_t input, handle_t output, handle_t error)
{
    const handle_t given[FILE_COUNT] = {input, output, error};
    for (uint32_t file = 0; file < FILE_COUNT; file++) {
        console.endpoint[file] = given[file];
        limen_inherit(endpoint_key[file], given[file]);
    }
    shim_terminal.input = input;
    shim_terminal.output = output;
}

static bool is_open(int file)
{
    return file >= 0 && file < FILE_COUNT && !(console.closed & 1u << file);
}

/* --- Raw streams --- */

/* Takes the stuffing out of bytes in place; answers how many are left. */
static uint32_t unstuff(uint8_t *bytes, uint32_t size)
{
    uint32_t kept = 0;
    for (uint32_t at = 0; at < size && !console.ended; at++) {
        if (console.escaped) {
            console.escaped = false;
            console.ended = bytes[at] == EOT;
            if (bytes[at] == DLE)
                bytes[kept++] = DLE;
        } else if (bytes[at] == DLE) {
            console.escaped = true;
        } else {
            bytes[kept++] = bytes[at];
        }
    }
    return kept;
}

/* Reads what there is; -EAGAIN: nothing yet. */
static long raw_read_now(uint8_t *buffer, uint32_t size)
{
    shim_lock(&console.lock);
    long result = 0;
    while (result == 0 && !console.ended) {
        result = limen_console_read_now(console.endpoint[INPUT_FILE], buffer, size);
        if (result > 0)
            result = (long)unstuff(buffer, (uint32_t)result);
    }
    shim_unlock(&console.lock);
    return result;
}

static long raw_read(uint8_t *buffer, uint32_t size)
{
    const handle_t input = console.endpoint[INPUT_FILE];
    long result = 0;
    while (size > 0 && (result = raw_read_now(buffer, size)) == -EAGAIN) {
        result = SHIM_WAIT(limen_console_poll(input, 0, NULL));
        if (result < 0)
            break;
    }
    return result;
}

static long raw_write(int file, const uint8_t *buffer, uint32_t size)
{
    uint32_t at = 0;
    while (at < size) {
        long written =
            limen_console_write(console.endpoint[file], buffer + at, size - at);
        if (written < 0)
            return at ? (long)at : written;
        at += (uint32_t)written;
    }
    return (long)at;
}

/* --- Without a console --- */

/* Writes each line, and what stands behind the last one, as a line of the log. */
static long log_write(const char *text, uint32_t size)
{
    for (uint32_t at = 0; at < size;) {
        uint32_t length = 0;
        while (at + length < size && text[at + length] != '\n' && length < LOG_LINE_MAX)
            length++;
        long error = limen_log_write(console.log, text + at, length);
        if (error < 0)
            return error;
        at += length;
        at += at < size && text[at] == '\n';
    }
    return (long)size;
}

static long write_file(int file, const void *buffer, uint32_t size)
{
    if (!console.endpoint[file].value)
        return log_write(buffer, size);
    if (console.mode == STDIO_TERMINAL)
        return terminal_write(&shim_terminal, buffer, size);
    return raw_write(file, buffer, size);
}

/* --- Linux's calls --- */

long shim_read(int file, void *buffer, uint32_t size)
{
    if (!is_open(file))
        return -EBADF;
    if (console.mode != STDIO_TERMINAL && file != INPUT_FILE)
        return -EBADF;
    long result = console.mode == STDIO_TERMINAL
                      ? terminal_read(&shim_terminal, buffer, size)
                      : raw_read(buffer, size);
    return result == -EINTR ? -RESTART_CALL : result;
}

long shim_write(int file, const void *buffer, uint32_t size)
{
    if (!is_open(file))
        return -EBADF;
    if (file == INPUT_FILE && console.mode != STDIO_TERMINAL)
        return -EBADF;
    return write_file(file, buffer, size);
}

/* Fills the first part that has room, no further: fewer bytes than asked are always
 * right. */
long shim_readv(int file, const struct iovec *parts, int count)
{
    int first = 0;
    while (first < count && parts[first].iov_len == 0)
        first++;
    return first < count ? shim_read(file, parts[first].iov_base, parts[first].iov_len)
                         : 0;
}

/* One part after the other, until one fails; what was done counts. */
long shim_writev(int file, const struct iovec *parts, int count)
{
    long sum = 0;
    for (int i = 0; i < count; i++) {
        long result = shim_write(file, parts[i].iov_base, parts[i].iov_len);
        if (result < 0)
            return sum ? sum : result;
        sum += result;
    }
    return sum;
}

long shim_close(int file)
{
    if (!is_open(file))
        return -EBADF;
    __atomic_or_fetch(&console.closed, 1u << file, __ATOMIC_RELAXED);
    return 0;
}

static long window_size(struct winsize *size)
{
    *size = (struct winsize){.ws_row = ROWS, .ws_col = COLUMNS};
    return 0;
}

/* TCSETS and its kin: output is never held back, and input only for TCSETSF, which drops
 * what of a line is not read yet. */
static long change_settings(const struct terminal_settings *settings, bool flush)
{
    shim_terminal.settings = *settings;
    if (flush) {
        shim_terminal.start = shim_terminal.end = 0;
        shim_terminal.complete = false;
    }
    return 0;
}

long shim_ioctl(int file, uint32_t request, void *argument)
{
    if (!is_open(file))
        return -EBADF;
    if (console.mode != STDIO_TERMINAL)
        return -ENOTTY;
    switch (request) {
    case TCSBRK:
        return argument ? limen_console_drain(console.endpoint[file]) : 0;
    case TIOCGWINSZ:
        return window_size(argument);
    case TCGETS:
        *(struct terminal_settings *)argument = shim_terminal.settings;
        return 0;
    case TCSETS:
    case TCSETSW:
        return change_settings(argument, false);
    case TCSETSF:
        return change_settings(argument, true);
    default:
        return -ENOTTY;
    }
}

long shim__llseek(int file, [[maybe_unused]] uint32_t high, [[maybe_unused]] uint32_t low,
                  [[maybe_unused]] void *result, [[maybe_unused]] int whence)
{
    return is_open(file) ? -ESPIPE : -EBADF;
}

long shim_fstat64(int file, struct file_status *status)
{
    if (!is_open(file))
        return -EBADF;
    bool terminal = console.mode == STDIO_TERMINAL;
    memset(status, 0, sizeof *status);
    status->mode = (terminal ? S_IFCHR : S_IFIFO) | S_IRUSR | S_IWUSR;
    status->links = 1;
    status->inode = status->short_inode = terminal ? 1 : (uint32_t)file + 1;
    status->block_size = PAGE_SIZE;
    return 0;
}

/* --- Readiness: poll.c --- */

bool shim_file_is_open(int file)
{
    return is_open(file);
}

bool shim_file_reads(int file)
{
    return console.mode == STDIO_TERMINAL || file == INPUT_FILE;
}

bool shim_file_writes(int file)
{
    return console.mode == STDIO_TERMINAL || file != INPUT_FILE;
}

long shim_input_ready(void)
{
    if (console.mode == STDIO_TERMINAL)
        return terminal_ready(&shim_terminal);
    if (console.ended)
        return 0;
    return limen_console_poll(console.endpoint[INPUT_FILE], CONSOLE_NOW, NULL);
}

long shim_input_wait(uint64_t deadline)
{
    return limen_console_poll(console.endpoint[INPUT_FILE], 0,
                              deadline == UINT64_MAX ? NULL : &deadline);
}

void shim_error(const char *text, uint32_t size)
{
    (void)write_file(ERROR_FILE, text, size);
}
