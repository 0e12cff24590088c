/* SPDX-License-Identifier: MIT */
/*
 * The console: what descriptors 0 to 2 of a program are by start-up. An endpoint for each
 * is in the auxiliary vector: AT_LIMEN_INPUT, AT_LIMEN_OUTPUT, AT_LIMEN_ERROR.
 */
#ifndef LIMEN_CONSOLE_H
#define LIMEN_CONSOLE_H

#include <limen/protocol.h>

/* The most that one write takes as a whole. */
#define CONSOLE_WRITE_MAX 4096u

/* The channels' names, as the driver of the serial ports publishes them. */
#define CONSOLE_MAIN_NAME "console.main"   /* COM1 */
#define CONSOLE_DATA_NAME "console.data"   /* COM2: stdin and stdout of `limen run` */
#define CONSOLE_ERROR_NAME "console.error" /* COM3: its stderr */

/* Flags of requests. */
#define CONSOLE_NOW 1u /* does not wait */

struct console_read_request {
    uint32_t size;
    uint32_t flags;
};

struct console_poll_request {
    uint32_t flags;
};

enum {
#define OPERATION PROTOCOL_NUMBER
#include <limen/console.def>
#undef OPERATION
};

#define OPERATION PROTOCOL_STUB
#include <limen/console.def>
#undef OPERATION

/* Write and read by an endpoint, as the operations say: how many bytes, or a negative
 * error. A call that was cut off by the end of the driver is made once more. */
long limen_console_write(handle_t console, const void *bytes, uint32_t size);
long limen_console_read(handle_t console, void *buffer, uint32_t size);
long limen_console_drain(handle_t console);

/* The same as limen_console_read without waiting: -EAGAIN. And the wait alone, until the
 * deadline (null: for ever); with CONSOLE_NOW without one. */
long limen_console_read_now(handle_t console, void *buffer, uint32_t size);
long limen_console_poll(handle_t console, uint32_t flags, const uint64_t *deadline);

/* From now on descriptors 0, 1 and 2 of this process and of those that it starts are
 * these. The handles become the library's. */
void limen_console_use(handle_t input, handle_t output, handle_t error);

#endif
