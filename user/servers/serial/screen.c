/* SPDX-License-Identifier: MIT */
/*
 * The text screen. The cursor stands in the CRT controller alone while nothing is
 * written, so that the kernel's lines before the driver's start, and those of a panic, go
 * on where the cursor is.
 */
#include "screen.h"

#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#include <limen/io_ports.h>
#include <limen/syscall.h>

#define COLUMNS 80u
#define ROWS 25u
#define MEMORY 0xb8000u
#define GREY 0x0700u
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f
#define TAB 8u

static uint16_t *cells;         /* null: there is no screen */
static uint32_t column, row;

/* Maps the screen's memory; null: it cannot be. */
static void *map_screen(void)
{
    handle_t range = {getauxval(AT_LIMEN_RANGE(RESOURCE_MEMORY, MEMORY))};
    long memory = limen_memory_physical(range, MEMORY, PAGE_SIZE);
    if (memory < 0)
        return NULL;
    struct memory_map map = {
        .size = PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE,
        .memory = {(uint32_t)memory},
    };
    long error = limen_memory_map(HANDLE_SELF, &map);
    limen_handle_close((handle_t){(uint32_t)memory});
    return error < 0 ? NULL : (void *)map.address;
}

static uint8_t crtc_read(uint8_t index)
{
    out8(CRTC_INDEX, index);
    return in8(CRTC_DATA);
}

static void crtc_write(uint8_t index, uint32_t value)
{
    out8(CRTC_INDEX, index);
    out8(CRTC_DATA, (uint8_t)value);
}

void screen_init(void)
{
    handle_t ports = {getauxval(AT_LIMEN_RANGE(RESOURCE_PORTS, CRTC_INDEX))};
    if (limen_ports_request(ports, CRTC_INDEX, 2) < 0)
        return;
    cells = map_screen();
    uint32_t at = (uint32_t)crtc_read(CRTC_CURSOR_HIGH) << 8 | crtc_read(CRTC_CURSOR_LOW);
    row = at / COLUMNS % ROWS;
    column = at % COLUMNS;
}

static void next_row(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    memmove(cells, cells + COLUMNS, COLUMNS * row * sizeof *cells);
    for (uint32_t i = 0; i < COLUMNS; i++)
        cells[row * COLUMNS + i] = GREY | ' ';
}

static void put(uint8_t byte)
{
    switch (byte) {
    case '\n':
        next_row();
        return;
    case '\r':
        column = 0;
        return;
    case '\b':
        column -= column > 0;
        return;
    case '\t':
        column = (column / TAB + 1) * TAB;
        break;
    default:
        if (byte < ' ')
            return;
        cells[row * COLUMNS + column++] = (uint16_t)(GREY | byte);
    }
    if (column >= COLUMNS)
        next_row();
}

void screen_write(const uint8_t *bytes, uint32_t size)
{
    if (!cells || size == 0)
        return;
    for (uint32_t i = 0; i < size; i++)
        put(bytes[i]);
    uint32_t at = row * COLUMNS + column;
    crtc_write(CRTC_CURSOR_HIGH, at >> 8);
    crtc_write(CRTC_CURSOR_LOW, at);
}
