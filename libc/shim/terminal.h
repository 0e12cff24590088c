/* SPDX-License-Identifier: MIT */
/*
 * The terminal that descriptors 0 to 2 are in STDIO_TERMINAL mode: one console channel,
 * with Linux's line discipline done here, in the process that reads. A line that was
 * begun stays when a read or poll gives up, until one goes on with it.
 */
#ifndef SHIM_TERMINAL_H
#define SHIM_TERMINAL_H

#include <termios.h>

#include "shim.h"

#define LINE_BYTES 1024
#define SETTINGS_CONTROLS 19    /* control characters in Linux's structure */

/* Linux's struct termios, which is shorter than musl's. */
struct terminal_settings {
    uint32_t input;
    uint32_t output;
    uint32_t control;
    uint32_t local;
    uint8_t discipline;
    uint8_t characters[SETTINGS_CONTROLS];
};

struct terminal {
    handle_t input;             /* endpoints of the console */
    handle_t output;
    struct shim_lock lock;      /* not held while anybody waits for a key */
    struct terminal_settings settings;
    uint8_t line[LINE_BYTES];   /* the line being typed, then being read */
    bool complete;              /* it is being read */
    uint32_t start;             /* first byte not yet read */
    uint32_t end;
};

extern struct terminal shim_terminal;

/* Reads into `buffer` what the settings make of the keys; >= 0 bytes, 0 at ^D. -EINTR: a
 * signal came first. */
long terminal_read(struct terminal *terminal, uint8_t *buffer, uint32_t size);

/* Whether a read would have something to answer now: 0, or -EAGAIN, or another error. */
long terminal_ready(struct terminal *terminal);

/* Writes text, LF as CR LF where the settings say so; answers `size` or an error. */
long terminal_write(struct terminal *terminal, const uint8_t *text, uint32_t size);

#endif
