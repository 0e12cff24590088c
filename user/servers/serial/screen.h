/* SPDX-License-Identifier: MIT */
/* The VGA's text screen, 80 by 25. */
#ifndef SERIAL_SCREEN_H
#define SERIAL_SCREEN_H

#include <stdint.h>

/* Goes on where the kernel's lines ended. Where this process was not given the screen,
 * nothing is shown. */
void screen_init(void);

void screen_write(const uint8_t *bytes, uint32_t size);

#endif
