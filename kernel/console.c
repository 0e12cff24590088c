/* SPDX-License-Identifier: MIT */
/*
 * Console channels: see console.h. When a ring is full, bytes stay in the device, which
 * holds up the sender; reading makes room. A thread that waits does its call again from
 * the start when there is something for it, so nothing is taken on behalf of somebody who
 * may not come back.
 */
#include "console.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "thread.h"
#include "user_copy.h"

#define RING_SIZE 1024u
#define WRITE_PIECE 256u

struct channel {
    uint32_t head, tail; /* bytes put in and taken out since boot */
    struct list readers; /* threads that wait for bytes */
    struct list writers; /* threads that wait for room */
    char ring[RING_SIZE];
};

static struct channel channels[CONSOLE_COUNT];

void console_init(void)
{
    for (uint32_t i = 0; i < CONSOLE_COUNT; i++) {
        list_init(&channels[i].readers);
        list_init(&channels[i].writers);
    }
}

static void restart_first(struct list *waiters)
{
    if (!list_empty(waiters))
        thread_restart(container_of(waiters->next, struct thread, queue));
}

static void wait_in(struct list *waiters)
{
    list_append(waiters, &cpu()->current->queue);
    thread_block();
}

static bool full(const struct channel *channel)
{
    return channel->head - channel->tail == RING_SIZE;
}

/* Takes from the device what the ring has room for; listens to it only while there is
 * room. */
static void fill(uint32_t number)
{
    struct channel *channel = &channels[number];
    int byte;

    while (!full(channel) && (byte = arch_console_take(number)) >= 0)
        channel->ring[channel->head++ % RING_SIZE] = (char)byte;
    arch_console_listen(number, !full(channel));
}

void console_interrupt(uint32_t number, bool room)
{
    struct channel *channel = &channels[number];

    fill(number);
    if (channel->head != channel->tail)
        restart_first(&channel->readers);
    if (room)
        restart_first(&channel->writers);
}

long console_read(uint32_t number, struct user_ptr buffer, uint32_t size)
{
    struct channel *channel = &channels[number];

    fill(number);
    uint32_t here = channel->head - channel->tail;
    if (here == 0) {
        wait_in(&channel->readers);
        return 0;
    }
    uint32_t start = channel->tail % RING_SIZE;
    uint32_t part = here < size ? here : size;
    if (part > RING_SIZE - start)
        part = RING_SIZE - start;
    long error = copy_to_user(buffer, channel->ring + start, part);
    if (!error) {
        channel->tail += part;
        fill(number);
    }
    /* What this one did not take is for the next. */
    if (channel->head != channel->tail)
        restart_first(&channel->readers);
    return error ? error : (long)part;
}

long console_write(uint32_t number, struct user_ptr buffer, uint32_t size)
{
    struct channel *channel = &channels[number];
    char bytes[WRITE_PIECE];
    uint32_t part = size < sizeof(bytes) ? size : sizeof(bytes);
    long error = copy_from_user(bytes, buffer, part);

    if (!error) {
        uint32_t sent = arch_console_send(number, bytes, part);
        if (sent == 0) {
            wait_in(&channel->writers);
            return 0;
        }
        part = sent;
    }
    /* The device has room for the next, or that one will wait itself. */
    restart_first(&channel->writers);
    return error ? error : (long)part;
}
