/* SPDX-License-Identifier: MIT */
/* The VGA's text screen, 80 by 25: what the kernel writes to the serial port is shown
 * here, too. */
#include "i386.h"
#include "memory.h"

#define COLUMNS 80u
#define ROWS 25u
#define CELLS ((volatile uint16_t *)(KERNEL_BASE + 0xb8000))
#define GREY 0x0700u
#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW 0x0f
#define TAB 8u

static uint32_t column, row; /* of the cursor, during screen_write */

static void clear_row(uint32_t number)
{
    for (uint32_t i = 0; i < COLUMNS; i++)
        CELLS[number * COLUMNS + i] = GREY | ' ';
}

static void next_row(void)
{
    column = 0;
    if (++row < ROWS)
        return;
    row = ROWS - 1;
    for (uint32_t i = 0; i < COLUMNS * row; i++)
        CELLS[i] = CELLS[i + COLUMNS];
    clear_row(row);
}

static void put(char byte)
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
        if ((unsigned char)byte < ' ')
            return;
        CELLS[row * COLUMNS + column++] = (uint16_t)(GREY | (unsigned char)byte);
    }
    if (column >= COLUMNS)
        next_row();
}

static uint8_t crtc_read(uint8_t index)
{
    out8(CRTC_INDEX, index);
    return in8(CRTC_DATA);
}

/* The driver that has the screen moves the cursor, too. */
static void find_cursor(void)
{
    uint32_t at = (uint32_t)crtc_read(CRTC_CURSOR_HIGH) << 8 | crtc_read(CRTC_CURSOR_LOW);

    row = at / COLUMNS % ROWS;
    column = at % COLUMNS;
}

static void show_cursor(void)
{
    uint32_t at = row * COLUMNS + column;

    out8(CRTC_INDEX, CRTC_CURSOR_HIGH);
    out8(CRTC_DATA, (uint8_t)(at >> 8));
    out8(CRTC_INDEX, CRTC_CURSOR_LOW);
    out8(CRTC_DATA, (uint8_t)at);
}

void screen_init(void)
{
    for (uint32_t i = 0; i < ROWS; i++)
        clear_row(i);
    show_cursor();
}

void screen_write(const char *bytes, uint32_t size)
{
    find_cursor();
    for (uint32_t i = 0; i < size; i++)
        put(bytes[i]);
    show_cursor();
}
