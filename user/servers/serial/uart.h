/* SPDX-License-Identifier: MIT */
/*
 * One serial port, a 16550 UART, in 115200 8N1. Nothing here waits.
 */
#ifndef SERIAL_UART_H
#define SERIAL_UART_H

#include <stdbool.h>
#include <stdint.h>

#define UART_PORTS 8

struct uart {
    uint16_t base;
    uint8_t irq;
    uint8_t enabled; /* interrupts that are on */
    bool present;
};

/* Finds out whether it is there and sets it up, if its ports are open to this process. */
void uart_init(struct uart *uart, uint16_t base, uint8_t irq);

/* Hands over as many bytes as it takes now. */
uint32_t uart_send(struct uart *uart, const uint8_t *bytes, uint32_t size);

/* A byte that it has received, or -1. */
int uart_receive(struct uart *uart);

/* Which interrupts it raises: there are bytes, and there is room. */
void uart_listen(struct uart *uart, bool received, bool room);

/* Whether it asks for anything now. */
bool uart_asks(struct uart *uart);

#endif
