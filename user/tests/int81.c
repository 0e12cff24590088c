/* SPDX-License-Identifier: MIT */
/*
 * int 0x81 with every register at its worst: it answers with a result or an error, keeps
 * all registers but eax, ecx and edx, and says nothing in those that is not meant for the
 * program.
 */
#include <errno.h>

#include <limen/async.h>

#include "cases.h"
#include "errors.h"
#include "int81.h"
#include "queue-port.h"

#define GOOD_COUNT 4u

static struct system_message good[GOOD_COUNT];
static struct system_message ticks;
static const uint64_t past = 1;
static handle_t port, server_port, endpoint;

static bool is_message(uint32_t address)
{
    return address == (uint32_t)&ticks ||
           (address >= (uint32_t)good && address < (uint32_t)(good + GOOD_COUNT));
}

static bool says_nothing(const struct int81 *before, const struct int81 *after)
{
    return (after->eax == 0 || is_known_error((long)after->eax)) &&
           after->ebx == before->ebx &&
           (after->ecx == before->ecx || is_message(after->ecx)) &&
           (after->edx == before->edx || after->edx <= 1 ||
            after->edx <= before->edx / sizeof(struct system_message));
}

/* Where it might have to wait for ever. */
static bool waits(const struct int81 *crossing)
{
    return crossing->edx == 0 && crossing->ebx == 0 && crossing->ecx != 0 &&
           (crossing->eax == SYSTEM_VERSION || crossing->eax == port.value);
}

static bool try_one(const struct int81 *before)
{
    struct int81 after = *before;
    for (uint32_t i = 0; i < GOOD_COUNT; i++)
        good[i] = (struct system_message){.flags = MSG_ASYNC};
    bool right = int81_cross(&after) && says_nothing(before, &after);
    if (!right)
        tap_note("eax %x, ebx %x, ecx %x, edx %x: %x, %x, %x, %x", before->eax,
                 before->ebx, before->ecx, before->edx, after.eax, after.ebx, after.ecx,
                 after.edx);
    return right;
}

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static bool begin(void)
{
    port = queue_port();
    server_port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(server_port, 1));
    ticks = (struct system_message){.operation = SYSTEM_TIMER,
                                    .flags = MSG_ASYNC | MSG_LIVE,
                                    .reply_port = port,
                                    .time = 1,
                                    .period = 1};
    return limen_msg_send(LIMEN_SYSTEM, &ticks) == -EASYNC;
}

static bool every_register(void)
{
    bool right = begin();
    const uint32_t ports[] = {
        0,   1,          2,         15, 16, port.value, endpoint.value, server_port.value,
        ~0u, 0x7fffffff, 0x80000000};
    const uint32_t messages[] = {
        0,
        1,
        16,
        (uint32_t)&good[0],
        (uint32_t)&good[0] + 4,
        (uint32_t)&is_message,
        0x48000000,
        KERNEL_BASE - 48,
        KERNEL_BASE - 16,
        KERNEL_BASE,
        KERNEL_BASE + 0x101230,
        0xfffffff0,
        ~0u,
    };
    const uint32_t sizes[] = {0,   1,          47,         48,         49,
                              192, 0x30000000, 0x7fffffe0, 0xfffffff0, ~0u};
    const uint32_t deadlines[] = {0, 1, (uint32_t)&past, KERNEL_BASE, ~0u};
    for (uint32_t p = 0; p < COUNT(ports); p++)
        for (uint32_t m = 0; m < COUNT(messages); m++)
            for (uint32_t s = 0; s < COUNT(sizes); s++)
                for (uint32_t d = 0; d < COUNT(deadlines); d++) {
                    struct int81 crossing = {ports[p], deadlines[d], messages[m],
                                             sizes[s]};
                    if (!waits(&crossing))
                        right = try_one(&crossing) && right;
                }
    right = limen_handle_close(server_port) == 0 && right;
    return limen_handle_close(endpoint) == 0 && limen_handle_close(port) == 0 && right;
}

static const struct test_case cases[] = {
    {"every register at its worst", every_register},
};

int main(void)
{
    return RUN_CASES(cases);
}
