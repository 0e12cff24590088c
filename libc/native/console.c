/* SPDX-License-Identifier: MIT */
/* The client's side of the console: limen/console.h. Needs no thread area: the shim's own
 * calls come through here. */
#include <limen/console.h>

#include <errno.h>

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

long limen_console_read(handle_t console, void *buffer, uint32_t size)
{
    struct console_read_request request = {size};
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
