/* SPDX-License-Identifier: MIT */
/* The client's side of the console: limen/console.h. Needs no thread area: the shim's own
 * calls come through here. */
#include <limen/console.h>

#include <errno.h>

#include <limen/async.h>

#define ATTEMPTS 2              /* a driver that ended is started anew at its port */

long limen_console_write(handle_t console, const void *bytes, uint32_t size)
{
    struct protocol_none none;
    long result = -EPIPE;
    if (size == 0)
        return 0;
    for (int i = 0; i < ATTEMPTS && result == -EPIPE; i++) {
        struct message message = {.send = bytes, .send_size = size};
        result = console_write_call(console, &none, &none, &message);
    }
    return result;
}

static long read_with(handle_t console, void *buffer, uint32_t size, uint32_t flags)
{
    struct console_read_request request = {size, flags};
    struct protocol_none none;
    long result = -EPIPE;
    if (size == 0)
        return 0;
    for (int i = 0; i < ATTEMPTS && result == -EPIPE; i++) {
        struct message message = {.receive = buffer, .receive_size = size};
        result = console_read_call(console, &request, &none, &message);
    }
    return result;
}

long limen_console_read(handle_t console, void *buffer, uint32_t size)
{
    return read_with(console, buffer, size, 0);
}

long limen_console_read_now(handle_t console, void *buffer, uint32_t size)
{
    return read_with(console, buffer, size, CONSOLE_NOW);
}

long limen_console_poll(handle_t console, uint32_t flags, const uint64_t *deadline)
{
    long result = -EPIPE;
    for (int i = 0; i < ATTEMPTS && result == -EPIPE; i++) {
        struct system_message message = {
            .operation = PORT_CALL,
            .words = {OPERATION_console_poll, flags},
            .time = deadline ? *deadline : 0,
        };
        if (deadline && *deadline == 0)
            message.time = 1; /* 0 is never */
        result = limen_msg_send(console, &message);
        if (result == 0)
            result = (long)message.words[0];
    }
    return result;
}

long limen_console_drain(handle_t console)
{
    struct protocol_none none;
    long result = -EPIPE;
    for (int i = 0; i < ATTEMPTS && result == -EPIPE; i++) {
        struct message message = {.words = {0}};
        result = console_drain_call(console, &none, &none, &message);
    }
    return result;
}
