/* SPDX-License-Identifier: MIT */
/*
 * The first serial port, for the kernel's log until a driver shows it, and for a panic
 * (National Semiconductor PC16550D data sheet). Everything waits for the device.
 */
#include "arch.h"
#include "i386.h"

#define COM1 0x3f8
#define COM2 0x2f8
#define COM3 0x3e8
#define DATA 0
#define INTERRUPT_ENABLE 1
#define FIFO_CONTROL 2
#define LINE_CONTROL 3
#define MODEM_CONTROL 4
#define LINE_STATUS 5
#define SCRATCH 7

#define STATUS_ROOM 0x20
#define STATUS_IDLE 0x40 /* nothing left in FIFO or shift register */
#define DIVISOR_LATCH 0x80
#define FORMAT_8N1 0x03
#define FIFO_ON 0x07
#define MODEM_READY 0x0b /* DTR, RTS, and OUT2, which lets interrupts through */
#define FIFO_SIZE 16
#define POLLS 1000000u /* a working UART sends a byte within 10 ms at any speed */

static bool present;

static bool is_there(uint16_t base)
{
    out8((uint16_t)(base + SCRATCH), 0x5a);
    return in8((uint16_t)(base + SCRATCH)) == 0x5a;
}

void serial_init(void)
{
    present = is_there(COM1);
    if (!present)
        return;
    out8(COM1 + INTERRUPT_ENABLE, 0);
    out8(COM1 + LINE_CONTROL, DIVISOR_LATCH);
    out8(COM1 + DATA, 1); /* 115200 baud */
    out8(COM1 + INTERRUPT_ENABLE, 0);
    out8(COM1 + LINE_CONTROL, FORMAT_8N1);
    out8(COM1 + FIFO_CONTROL, FIFO_ON);
    out8(COM1 + MODEM_CONTROL, MODEM_READY);
}

/* Waits for a bit of the port's line status; whether it came. */
static bool wait_for(uint16_t base, uint8_t status)
{
    for (uint32_t polls = 0; polls < POLLS; polls++) {
        if (in8((uint16_t)(base + LINE_STATUS)) & status)
            return true;
    }
    return false;
}

static void serial_write(const char *bytes, uint32_t size)
{
    uint32_t done = 0;

    while (present && done < size && wait_for(COM1, STATUS_ROOM)) {
        for (uint32_t i = 0; i < FIFO_SIZE && done < size; i++)
            out8(COM1 + DATA, (uint8_t)bytes[done++]);
    }
}

void serial_drain(void)
{
    static const uint16_t ports[] = {COM1, COM2, COM3};

    for (uint32_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
        if (is_there(ports[i]))
            (void)wait_for(ports[i], STATUS_IDLE);
    }
}

void arch_console_write(const char *bytes, uint32_t size)
{
    screen_write(bytes, size);
    serial_write(bytes, size);
}
