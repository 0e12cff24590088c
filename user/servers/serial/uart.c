/* SPDX-License-Identifier: MIT */
/* The 16550's registers: National Semiconductor's PC16550D data sheet. */
#include "uart.h"

#include <sys/auxv.h>

#include <limen/io_ports.h>
#include <limen/syscall.h>

#define DATA 0
#define INTERRUPT_ENABLE 1
#define FIFO_CONTROL 2
#define INTERRUPT_ID 2
#define LINE_CONTROL 3
#define MODEM_CONTROL 4
#define LINE_STATUS 5
#define SCRATCH 7

#define ENABLE_RECEIVED 0x01
#define ENABLE_ROOM 0x02
#define NOTHING_PENDING 0x01    /* in INTERRUPT_ID */
#define FIFO_ON 0x81            /* what is in it stays; interrupts come at 8 bytes */
#define DIVISOR_LATCH 0x80
#define FORMAT_8N1 0x03
#define MODEM_READY 0x0b        /* DTR, RTS, and OUT2, which lets interrupts through */
#define STATUS_RECEIVED 0x01
#define STATUS_ROOM 0x20
#define FIFO_SIZE 16

static void put_register(const struct uart *uart, uint16_t number, uint8_t value)
{
    out8((uint16_t)(uart->base + number), value);
}

static uint8_t get_register(const struct uart *uart, uint16_t number)
{
    return in8((uint16_t)(uart->base + number));
}

static bool is_there(const struct uart *uart)
{
    handle_t ports = {getauxval(AT_LIMEN_RANGE(RESOURCE_PORTS, uart->base))};
    if (limen_ports_request(ports, uart->base, UART_PORTS) < 0)
        return false;
    put_register(uart, SCRATCH, 0x5a);
    return get_register(uart, SCRATCH) == 0x5a;
}

void uart_init(struct uart *uart, uint16_t base, uint8_t irq)
{
    *uart = (struct uart){.base = base, .irq = irq};
    uart->present = is_there(uart);
    if (!uart->present)
        return;
    put_register(uart, INTERRUPT_ENABLE, 0);
    put_register(uart, LINE_CONTROL, DIVISOR_LATCH);
    put_register(uart, DATA, 1);                /* 115200 baud */
    put_register(uart, INTERRUPT_ENABLE, 0);
    put_register(uart, LINE_CONTROL, FORMAT_8N1);
    put_register(uart, FIFO_CONTROL, FIFO_ON);
    put_register(uart, MODEM_CONTROL, MODEM_READY);
}

uint32_t uart_send(struct uart *uart, const uint8_t *bytes, uint32_t size)
{
    uint32_t sent = 0;
    while (sent < size && get_register(uart, LINE_STATUS) & STATUS_ROOM)
        for (uint32_t i = 0; i < FIFO_SIZE && sent < size; i++)
            put_register(uart, DATA, bytes[sent++]);
    return sent;
}

int uart_receive(struct uart *uart)
{
    if (!(get_register(uart, LINE_STATUS) & STATUS_RECEIVED))
        return -1;
    return get_register(uart, DATA);
}

void uart_listen(struct uart *uart, bool received, bool room)
{
    uint8_t wanted =
        (uint8_t)((received ? ENABLE_RECEIVED : 0) | (room ? ENABLE_ROOM : 0));
    if (!uart->present || wanted == uart->enabled)
        return;
    uart->enabled = wanted;
    put_register(uart, INTERRUPT_ENABLE, wanted);
}

bool uart_asks(struct uart *uart)
{
    return uart->present && !(get_register(uart, INTERRUPT_ID) & NOTHING_PENDING);
}
