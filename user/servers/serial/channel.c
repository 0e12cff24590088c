/* SPDX-License-Identifier: MIT */
/*
 * Channels: channel.h. The bytes of a request that waits to write stay with its client,
 * from where they are fetched piece by piece. A client that ends is noticed when its turn
 * comes.
 */
#include "channel.h"

#include <errno.h>
#include <string.h>

#include <limen/console.h>

#include "log.h"
#include "screen.h"

/* A waiter's words. */
#define DONE 0                  /* of a writer: bytes that the device has, or `output` */
#define SIZE 1                  /* of a writer: all of them; 0: it waits for the drain */
#define ROOM 1                  /* of a reader: bytes that it takes */

bool channel_present(const struct channel *channel)
{
    return channel->uart.present || channel->main;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* --- Output --- */

/* Hands bytes to the device; how many it took. */
static uint32_t send(struct channel *channel, const uint8_t *bytes, uint32_t size)
{
    uint32_t sent =
        channel->uart.present ? uart_send(&channel->uart, bytes, size) : size;
    if (channel->main)
        screen_write(bytes, sent);
    return sent;
}

/* Fetches the first writer's next bytes; false: it is done with, and answered. */
static bool fetch(struct channel *channel)
{
    struct server_waiter *writer = channel->writers.first;
    uint32_t left = writer->words[SIZE] - writer->words[DONE];
    long count = left == 0 ? 0
                           : limen_message_read(writer->reply, writer->words[DONE],
                                                channel->output,
                                                smaller(left, OUTPUT_SIZE));
    if (count > 0) {
        writer->words[DONE] += (uint32_t)count;
        channel->output_start = 0;
        channel->output_end = (uint32_t)count;
        return true;
    }
    (void)server_answer(writer, count < 0 ? -EFAULT : (long)writer->words[DONE]);
    return false;
}

/* Makes `output` hold what comes next; false: there is nothing. */
static bool refill(struct channel *channel)
{
    for (;;) {
        const struct server_waiter *writer = channel->writers.first;
        if (channel->main && !(writer && writer->words[DONE] > 0)) {
            channel->output_start = 0;
            channel->output_end = log_take(channel->output, OUTPUT_SIZE);
            if (channel->output_end > 0)
                return true;
        }
        if (!writer)
            return false;
        if (fetch(channel))
            return true;
    }
}

/* Sends until the device is full, which will tell of room, or nothing is left. */
static void pump(struct channel *channel)
{
    while (channel->output_start < channel->output_end || refill(channel)) {
        uint32_t left = channel->output_end - channel->output_start;
        uint32_t sent = send(channel, channel->output + channel->output_start, left);
        channel->output_start += sent;
        if (sent < left)
            return;
    }
}

static bool has_output(const struct channel *channel)
{
    return channel->output_start < channel->output_end || channel->writers.first;
}

static void listen(struct channel *channel)
{
    bool room = channel->received - channel->taken < INPUT_SIZE;
    uart_listen(&channel->uart, room, has_output(channel));
}

long channel_write(struct channel *channel, const struct server_request *call)
{
    struct server_waiter *writer;
    uint32_t size = smaller(call->whole_size, CONSOLE_WRITE_MAX);
    uint32_t sent = 0;
    if (!has_output(channel))
        sent = send(channel, call->bytes, smaller(size, call->size));
    if (sent == size)
        return (long)size;
    long error = server_wait(&channel->writers, &writer);
    if (error < 0)
        return sent > 0 ? (long)sent : error;
    writer->words[DONE] = sent;
    writer->words[SIZE] = size;
    listen(channel);
    return 0;
}

long channel_drain(struct channel *channel)
{
    struct server_waiter *writer;
    pump(channel);
    return has_output(channel) ? server_wait(&channel->writers, &writer) : 0;
}

/* --- Input --- */

/* Takes from the UART what there is room for. */
static void receive(struct channel *channel)
{
    int byte;
    while (channel->uart.present && channel->received - channel->taken < INPUT_SIZE
           && (byte = uart_receive(&channel->uart)) >= 0)
        channel->input[channel->received++ % INPUT_SIZE] = (uint8_t)byte;
}

/* Gives input to the client of the request being handled, or behind a reply: how many
 * bytes, or an error, and nothing is lost. */
static long give(struct channel *channel, handle_t reply, uint32_t room)
{
    uint32_t start = channel->taken % INPUT_SIZE;
    uint32_t size = smaller(channel->received - channel->taken, INPUT_SIZE - start);
    long given =
        limen_message_write(reply, 0, channel->input + start, smaller(size, room));
    if (given == 0)
        return -EINVAL;
    if (given == -EIO)
        return -EFAULT;
    if (given > 0)
        channel->taken += (uint32_t)given;
    return given;
}

static bool has_input(const struct channel *channel)
{
    return channel->received != channel->taken;
}

/* Gives those that wait what there is, and tells those who only want to know. What a
 * client was given that has ended meanwhile is for the next one. */
static void give_readers(struct channel *channel)
{
    while (channel->readers.first && has_input(channel)) {
        struct server_waiter *reader = channel->readers.first;
        long given = give(channel, reader->reply, reader->words[ROOM]);
        if (server_answer(reader, given) == -ESRCH && given > 0)
            channel->taken -= (uint32_t)given;
    }
    while (channel->pollers.first && has_input(channel))
        (void)server_answer(channel->pollers.first, 0);
}

long channel_read(struct channel *channel, uint32_t size, uint32_t flags)
{
    struct server_waiter *reader;
    if (size == 0 || flags & ~CONSOLE_NOW)
        return -EINVAL;
    receive(channel);
    give_readers(channel);
    long result;
    if (has_input(channel)) {
        result = give(channel, (handle_t){0}, size);
    } else if (flags & CONSOLE_NOW) {
        result = -EAGAIN;
    } else {
        result = server_wait(&channel->readers, &reader);
        if (result == 0)
            reader->words[ROOM] = size;
    }
    listen(channel);
    return result;
}

long channel_poll(struct channel *channel, uint32_t flags)
{
    struct server_waiter *poller;
    if (flags & ~CONSOLE_NOW)
        return -EINVAL;
    receive(channel);
    give_readers(channel);
    long result = 0;
    if (!has_input(channel))
        result = flags & CONSOLE_NOW ? -EAGAIN : server_wait(&channel->pollers, &poller);
    listen(channel);
    return result;
}

/* --- The device --- */

void channel_start(struct channel *channel)
{
    listen(channel);
}

void channel_serve(struct channel *channel)
{
    receive(channel);
    give_readers(channel);
    pump(channel);
    listen(channel);
}
