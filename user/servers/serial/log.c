/* SPDX-License-Identifier: MIT */
/* The kernel's log. The kernel shows it itself until log_init: a line that comes in that
 * moment may be shown twice. */
#include "log.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>

#include <limen/syscall.h>

static handle_t log_resource, interrupt;
static uint32_t shown;          /* bytes of the log, since boot */
static bool grown;              /* there may be more than those */

static struct system_info system_now(void)
{
    struct system_info info = {0};
    (void)limen_system_info(&info);
    return info;
}

void log_init(handle_t endpoint)
{
    log_resource = (handle_t){getauxval(AT_LIMEN_LOG)};
    shown = system_now().log_end;
    long result = limen_interrupt_create(log_resource, IRQ_LOG, endpoint);
    interrupt = (handle_t){result < 0 ? 0 : (uint32_t)result};
}

void log_on_interrupt(void)
{
    (void)limen_interrupt_acknowledge(interrupt);
    grown = true;
}

uint32_t log_take(uint8_t *bytes, uint32_t size)
{
    if (!grown)
        return 0;
    long count = limen_log_read(log_resource, shown, bytes, size);
    if (count == -ERANGE) {     /* so much came that this part was overwritten */
        shown = system_now().log_start;
        count = limen_log_read(log_resource, shown, bytes, size);
    }
    grown = count > 0;
    if (!grown)
        return 0;
    shown += (uint32_t)count;
    return (uint32_t)count;
}
