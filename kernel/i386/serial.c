/* SPDX-License-Identifier: MIT */
/*
 * Console channels on 16550 UARTs (National Semiconductor PC16550D data sheet): COM1 with
 * the screen beside it, COM2, and COM3 for output. Output for a program never waits: what
 * does not fit is left to the caller, who is told by an interrupt when there is room. The
 * log and a panic wait.
 */
#include "arch.h"
#include "console.h"
#include "i386.h"

#define DATA 0
#define INTERRUPT_ENABLE 1
#define FIFO_CONTROL 2
#define INTERRUPT_ID 2
#define LINE_CONTROL 3
#define MODEM_CONTROL 4
#define LINE_STATUS 5
#define SCRATCH 7

#define ENABLE_RECEIVED 0x01
#define ENABLE_SENT 0x02
#define STATUS_RECEIVED 0x01
#define STATUS_ROOM 0x20
#define STATUS_IDLE 0x40     /* nothing left in FIFO or shift register */
#define NOTHING_PENDING 0x01 /* in INTERRUPT_ID */
#define DIVISOR_LATCH 0x80
#define FORMAT_8N1 0x03
#define FIFO_ON 0x07
#define MODEM_READY 0x0b /* DTR, RTS, and OUT2, which lets interrupts through */
#define FIFO_SIZE 16
#define SEND_POLLS 1000000u /* a working UART sends a byte within 10 ms at any speed */

struct uart {
    uint16_t base;
    uint8_t irq;
    uint8_t enabled; /* interrupts that are on */
    bool present;
};

static struct uart uarts[CONSOLE_COUNT] = {
    [CONSOLE_MAIN] = {.base = 0x3f8, .irq = IRQ_COM1},
    [CONSOLE_DATA] = {.base = 0x2f8, .irq = IRQ_COM2},
    [CONSOLE_ERROR] = {.base = 0x3e8, .irq = IRQ_COM1},
};

static void put_register(const struct uart *uart, uint16_t number, uint8_t value)
{
    out8((uint16_t)(uart->base + number), value);
}

static uint8_t get_register(const struct uart *uart, uint16_t number)
{
    return in8((uint16_t)(uart->base + number));
}

static void enable(struct uart *uart, uint8_t interrupts)
{
    if (uart->enabled == interrupts)
        return;
    uart->enabled = interrupts;
    put_register(uart, INTERRUPT_ENABLE, interrupts);
}

static void detect(struct uart *uart)
{
    put_register(uart, SCRATCH, 0x5a);
    uart->present = get_register(uart, SCRATCH) == 0x5a;
    if (!uart->present)
        return;
    put_register(uart, INTERRUPT_ENABLE, 0);
    put_register(uart, LINE_CONTROL, DIVISOR_LATCH);
    put_register(uart, DATA, 1); /* 115200 baud */
    put_register(uart, INTERRUPT_ENABLE, 0);
    put_register(uart, LINE_CONTROL, FORMAT_8N1);
    put_register(uart, FIFO_CONTROL, FIFO_ON);
    put_register(uart, MODEM_CONTROL, MODEM_READY);
}

void serial_early_init(void)
{
    detect(&uarts[CONSOLE_MAIN]);
}

void serial_init(void)
{
    detect(&uarts[CONSOLE_DATA]);
    detect(&uarts[CONSOLE_ERROR]);
    pic_enable(IRQ_COM1);
    pic_enable(IRQ_COM2);
    for (uint32_t i = 0; i < CONSOLE_COUNT; i++) {
        if (uarts[i].present)
            enable(&uarts[i], ENABLE_RECEIVED);
    }
}

void serial_drain(void)
{
    for (uint32_t i = 0; i < CONSOLE_COUNT; i++) {
        uint32_t polls = 0;
        while (uarts[i].present &&
               !(get_register(&uarts[i], LINE_STATUS) & STATUS_IDLE)) {
            if (++polls == SEND_POLLS)
                break;
        }
    }
}

bool arch_console_present(uint32_t channel)
{
    return channel == CONSOLE_MAIN || uarts[channel].present;
}

/* Puts as many bytes as the FIFO takes, 0 while it is still full. */
static uint32_t send(struct uart *uart, const char *bytes, uint32_t size)
{
    if (!(get_register(uart, LINE_STATUS) & STATUS_ROOM))
        return 0;
    uint32_t count = size < FIFO_SIZE ? size : FIFO_SIZE;
    for (uint32_t i = 0; i < count; i++)
        put_register(uart, DATA, (uint8_t)bytes[i]);
    return count;
}

uint32_t arch_console_send(uint32_t channel, const char *bytes, uint32_t size)
{
    struct uart *uart = &uarts[channel];
    uint32_t done = 0;
    uint32_t part;

    if (!uart->present)
        done = size;
    while (done < size && (part = send(uart, bytes + done, size - done)))
        done += part;
    if (channel == CONSOLE_MAIN)
        screen_write(bytes, done);
    if (done == 0)
        enable(uart, uart->enabled | ENABLE_SENT);
    return done;
}

void arch_console_write(uint32_t channel, const char *bytes, uint32_t size)
{
    struct uart *uart = &uarts[channel];

    if (channel == CONSOLE_MAIN)
        screen_write(bytes, size);
    for (uint32_t done = 0; uart->present && done < size;) {
        uint32_t polls = 0;
        while (!(get_register(uart, LINE_STATUS) & STATUS_ROOM)) {
            if (++polls == SEND_POLLS)
                return;
        }
        done += send(uart, bytes + done, size - done);
    }
}

int arch_console_take(uint32_t channel)
{
    struct uart *uart = &uarts[channel];

    if (!uart->present || !(get_register(uart, LINE_STATUS) & STATUS_RECEIVED))
        return -1;
    return get_register(uart, DATA);
}

void arch_console_listen(uint32_t channel, bool on)
{
    struct uart *uart = &uarts[channel];

    if (uart->present)
        enable(uart, (uint8_t)((uart->enabled & ~ENABLE_RECEIVED) |
                               (on ? ENABLE_RECEIVED : 0)));
}

/* Does what a UART asks for; whether it asked for anything. */
static bool serve(uint32_t channel)
{
    struct uart *uart = &uarts[channel];

    if (!uart->present || get_register(uart, INTERRUPT_ID) & NOTHING_PENDING)
        return false;
    bool room =
        uart->enabled & ENABLE_SENT && get_register(uart, LINE_STATUS) & STATUS_ROOM;
    if (room)
        enable(uart, uart->enabled & (uint8_t)~ENABLE_SENT);
    console_interrupt(channel, room);
    return true;
}

/* The line is edge-triggered and may be shared: it must be left with no UART asking. */
void serial_interrupt(uint32_t irq)
{
    bool served;

    do {
        served = false;
        for (uint32_t i = 0; i < CONSOLE_COUNT; i++) {
            if (uarts[i].irq == irq)
                served |= serve(i);
        }
    } while (served);
}
