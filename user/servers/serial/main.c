/* SPDX-License-Identifier: MIT */
/*
 * The driver of the serial ports and the screen: one channel of the console for each of
 * COM1 to COM3, the first of which the screen shows, too. A channel's endpoints have its
 * number as their badge; the badges of interrupts are above those.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include <limen/console.h>
#include <limen/names.h>
#include <limen/server.h>

#include "channel.h"
#include "log.h"
#include "screen.h"

#define BADGE_IRQ 16            /* and the line's number */
#define BADGE_LOG (BADGE_IRQ + IRQ_LOG)
#define SERVE_MOST 64           /* rounds of one interrupt, whatever the devices say */

enum {
    CHANNEL_MAIN,
    CHANNEL_DATA,
    CHANNEL_ERROR,
    CHANNELS,
};

static const struct {
    const char *name;
    uint16_t base;
    uint8_t irq;
} devices[CHANNELS] = {
    [CHANNEL_MAIN] = {CONSOLE_MAIN_NAME, 0x3f8, 4},
    [CHANNEL_DATA] = {CONSOLE_DATA_NAME, 0x2f8, 3},
    [CHANNEL_ERROR] = {CONSOLE_ERROR_NAME, 0x3e8, 4},
};

static struct channel channels[CHANNELS];
static handle_t port;
static handle_t interrupts[IRQ_LINES];

#define OPERATION SERVER_HANDLER
#include <limen/console.def>
#undef OPERATION

/* --- Operations --- */

/* The channel that a request is about; null: there is no device. */
static struct channel *channel_of(const struct server_request *call)
{
    bool present = call->badge < CHANNELS && channel_present(&channels[call->badge]);
    return present ? &channels[call->badge] : NULL;
}

static long on_console_write(struct server_request *call, const struct protocol_none *,
                             struct protocol_none *)
{
    struct channel *channel = channel_of(call);
    return channel ? channel_write(channel, call) : -ENODEV;
}

static long on_console_read(struct server_request *call,
                            const struct console_read_request *request,
                            struct protocol_none *)
{
    struct channel *channel = channel_of(call);
    return channel ? channel_read(channel, request->size, request->flags) : -ENODEV;
}

static long on_console_poll(struct server_request *call,
                            const struct console_poll_request *request,
                            struct protocol_none *)
{
    struct channel *channel = channel_of(call);
    return channel ? channel_poll(channel, request->flags) : -ENODEV;
}

static long on_console_drain(struct server_request *call, const struct protocol_none *,
                             struct protocol_none *)
{
    struct channel *channel = channel_of(call);
    return channel ? channel_drain(channel) : -ENODEV;
}

static const struct server_operation operations[] = {
#define OPERATION SERVER_ROW
#include <limen/console.def>
#undef OPERATION
};

/* --- Interrupts --- */

/* A line is edge-triggered and may be shared: it must be left with no UART asking. */
static void on_irq(uint32_t irq)
{
    bool asked = true;
    for (int round = 0; asked && round < SERVE_MOST; round++) {
        asked = false;
        for (int i = 0; i < CHANNELS; i++) {
            if (devices[i].irq != irq || !uart_asks(&channels[i].uart))
                continue;
            asked = true;
            channel_serve(&channels[i]);
        }
    }
    (void)limen_interrupt_acknowledge(interrupts[irq]);
}

static void on_event(uint32_t kind, uint32_t badge)
{
    if (kind != MESSAGE_INTERRUPT)
        return;
    if (badge == BADGE_LOG) {
        log_on_interrupt();
        channel_serve(&channels[CHANNEL_MAIN]);
    } else {
        on_irq(badge - BADGE_IRQ);
    }
}

/* --- The start --- */

static handle_t mint(uint32_t badge)
{
    long endpoint = limen_endpoint_mint(port, badge);
    return (handle_t){endpoint < 0 ? 0 : (uint32_t)endpoint};
}

/* Lets a line's interrupts come. */
static void open_irq(uint32_t irq)
{
    handle_t line = {getauxval(AT_LIMEN_RANGE(RESOURCE_IRQ, irq))};
    if (interrupts[irq].value)
        return;
    long interrupt = limen_interrupt_create(line, irq, mint(BADGE_IRQ + irq));
    if (interrupt >= 0)
        interrupts[irq] = (handle_t){(uint32_t)interrupt};
}

static void open_channels(void)
{
    for (uint32_t i = 0; i < CHANNELS; i++) {
        uart_init(&channels[i].uart, devices[i].base, devices[i].irq);
        channels[i].main = i == CHANNEL_MAIN;
        if (channels[i].uart.present)
            open_irq(devices[i].irq);
    }
    screen_init();
    log_init(mint(BADGE_LOG));
    for (uint32_t i = 0; i < CHANNELS; i++)
        channel_start(&channels[i]);
}

/* Publishes every channel; false: one could not be. */
static bool publish(void)
{
    for (uint32_t i = 0; i < CHANNELS; i++) {
        handle_t endpoint = mint(i);
        long error = limen_name_publish(devices[i].name, endpoint);
        limen_handle_close(endpoint);
        if (error < 0)
            return false;
    }
    return true;
}

/* What was opened, on the log: who sends to a port knows that it may begin. */
static void report(void)
{
    char line[LOG_LINE_MAX + 1] = "serial:";
    for (uint32_t i = 0; i < CHANNELS; i++)
        if (channels[i].uart.present)
            snprintf(line + strlen(line), sizeof line - strlen(line), " %#x irq %u",
                     devices[i].base, devices[i].irq);
    limen_log_write((handle_t){getauxval(AT_LIMEN_LOG)}, line, (uint32_t)strlen(line));
}

int main(void)
{
    static uint8_t buffer[CONSOLE_WRITE_MAX];
    port = (handle_t){getauxval(AT_LIMEN_PORT)};
    const struct server server = {
        .port = port,
        .operations = operations,
        .operation_count = sizeof operations / sizeof operations[0],
        .buffer = buffer,
        .buffer_size = sizeof buffer,
        .event = on_event,
    };
    open_channels();
    if (!publish())
        return EPERM;
    report();
    return (int)-server_run(&server);
}
