/* SPDX-License-Identifier: MIT */
/*
 * A channel: one UART's two streams. Output comes from the requests that wait to write,
 * in their order, each as a whole; on the first channel the log's lines come between
 * them. Input is kept until somebody reads; when there is no room it stays in the UART,
 * which holds up the sender.
 */
#ifndef SERIAL_CHANNEL_H
#define SERIAL_CHANNEL_H

#include <limen/server.h>

#include "uart.h"

#define INPUT_SIZE 4096u /* a power of 2 */
#define OUTPUT_SIZE 256u

struct channel {
    struct uart uart;
    bool main; /* shows the log */

    struct server_queue writers; /* see channel.c for their words */
    uint8_t output[OUTPUT_SIZE]; /* what is on its way: of the first writer, or the log */
    uint32_t output_start, output_end;

    struct server_queue readers;
    struct server_queue pollers; /* wait for input, and do not take it */
    uint8_t input[INPUT_SIZE];
    uint32_t received, taken; /* bytes ever put into `input`, and taken out */
};

/* The first channel is there without its UART: what is written there is shown nowhere. */
bool channel_present(const struct channel *channel);

/* Begins to listen. */
void channel_start(struct channel *channel);

/* Requests that are being handled: the result, or nothing yet. */
long channel_write(struct channel *channel, const struct server_request *call);
long channel_read(struct channel *channel, uint32_t size, uint32_t flags);
long channel_poll(struct channel *channel, uint32_t flags);
long channel_drain(struct channel *channel);

/* The device has asked for something, or the log has grown. */
void channel_serve(struct channel *channel);

#endif
