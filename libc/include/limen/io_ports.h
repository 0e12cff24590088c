/* SPDX-License-Identifier: MIT */
/* The instructions for I/O ports, for who was given some: limen_ports_request. */
#ifndef LIMEN_IO_PORTS_H
#define LIMEN_IO_PORTS_H

#include <stdint.h>

static inline uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

#endif
