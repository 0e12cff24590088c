/* SPDX-License-Identifier: MIT */
/* The kernel's log, as far as it was not shown yet. */
#ifndef SERIAL_LOG_H
#define SERIAL_LOG_H

#include <stdint.h>

#include <limen/types.h>

/* Listens to the log from now on: IRQ_LOG is raised at the endpoint. */
void log_init(handle_t endpoint);

/* The log has grown. */
void log_on_interrupt(void);

/* Takes up to `size` bytes that are to be shown; 0: there are none. */
uint32_t log_take(uint8_t *bytes, uint32_t size);

#endif
