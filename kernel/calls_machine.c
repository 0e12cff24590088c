/* SPDX-License-Identifier: MIT */
/* System calls on resources, I/O ports, interrupts, the log and the machine. */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "interrupt.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "resource.h"
#include "thread.h"
#include "user_copy.h"

#define PORTS_PER_PAGE (PAGE_SIZE * 8u)

long sys_resource_derive(handle_t resource, struct user_ptr range)
{
    struct process *process = cpu()->current->process;
    struct resource_range wanted;
    long error = copy_from_user(&wanted, range, sizeof(wanted));

    if (error)
        return error;
    error =
        resource_look(resource, RIGHT_CONTROL, wanted.kind, wanted.first, wanted.count);
    if (error)
        return error;
    struct resource *derived =
        resource_create(&process->quota, wanted.kind, wanted.first, wanted.count);
    if (!derived)
        return process_no_memory();
    /* A new handle, and yet the rights may only shrink. */
    uint32_t rights = handle_rights(handle_slot(&process->handles, resource, 0));
    long handle = handle_add(&process->handles, &derived->object, rights);
    object_drop(&derived->object);
    return handle;
}

/* Gives the process its bitmap, with every port closed. */
static long make_bitmap(struct process *process)
{
    for (int i = 0; i < 2; i++) {
        if (process->io_bitmap[i])
            continue;
        phys_t frame = quota_take(&process->quota, FRAME_LOW);
        if (frame.address == PHYS_NONE.address)
            return -ENOMEM;
        process->io_bitmap[i] = arch_direct(frame);
        memset(process->io_bitmap[i], 0xff, PAGE_SIZE);
    }
    return 0;
}

static void clear_bits(uint8_t *bits, uint32_t first, uint32_t count)
{
    for (; count > 0 && first % 8; first++, count--)
        bits[first / 8] &= (uint8_t) ~(1u << first % 8);
    memset(bits + first / 8, 0, count / 8);
    for (first += count / 8 * 8, count %= 8; count > 0; first++, count--)
        bits[first / 8] &= (uint8_t) ~(1u << first % 8);
}

long sys_ports_request(handle_t resource, uint32_t first, uint32_t count)
{
    struct process *process = cpu()->current->process;
    long error = resource_look(resource, RIGHT_CONTROL, RESOURCE_PORTS, first, count);

    if (error)
        return error;
    if (make_bitmap(process))
        return process_no_memory();
    /* nothing below fails */
    for (uint32_t port = first, end = first + count; port < end;) {
        uint32_t page = port / PORTS_PER_PAGE;
        uint32_t page_end = (page + 1) * PORTS_PER_PAGE;
        uint32_t part = (end < page_end ? end : page_end) - port;
        clear_bits(process->io_bitmap[page], port % PORTS_PER_PAGE, part);
        port += part;
    }
    arch_ports_changed(process);
    return 0;
}

long interrupt_allowed(handle_t resource, uint32_t irq)
{
    return irq == IRQ_LOG ? resource_look(resource, RIGHT_CONTROL, RESOURCE_LOG, 0, 1)
                          : resource_look(resource, RIGHT_CONTROL, RESOURCE_IRQ, irq, 1);
}

long sys_interrupt_create(handle_t resource, uint32_t irq, handle_t handle)
{
    struct process *process = cpu()->current->process;
    struct interrupt *interrupt;
    struct object *endpoint;
    long error = interrupt_allowed(resource, irq);

    if (error || (error = handle_look(&process->handles, handle, OBJECT_ENDPOINT,
                                      RIGHT_SEND, &endpoint)))
        return error;
    error = interrupt_create(&process->quota, irq,
                             container_of(endpoint, struct endpoint, object), &interrupt);
    if (error)
        return error;
    long result = handle_add(&process->handles, &interrupt->object, RIGHTS_ALL);
    object_drop(&interrupt->object);
    return result;
}

long sys_interrupt_acknowledge(handle_t handle)
{
    struct process *process = cpu()->current->process;
    struct object *object;
    long error =
        handle_look(&process->handles, handle, OBJECT_INTERRUPT, RIGHT_CONTROL, &object);

    if (error)
        return error;
    return interrupt_acknowledge(container_of(object, struct interrupt, object));
}

long sys_log_write(handle_t resource, struct user_ptr text, uint32_t size)
{
    char line[LOG_LINE_MAX];
    long error = resource_look(resource, RIGHT_WRITE, RESOURCE_LOG, 0, 1);

    if (error)
        return error;
    if (size > sizeof(line))
        return -E2BIG;
    error = copy_from_user(line, text, size);
    if (error)
        return error;
    log_user_line(line, size);
    return 0;
}

long sys_log_read(handle_t resource, uint32_t offset, struct user_ptr buffer,
                  uint32_t size)
{
    char bytes[256];
    long error = resource_look(resource, RIGHT_READ, RESOURCE_LOG, 0, 1);

    if (error)
        return error;
    long count = log_read(offset, bytes, size < sizeof(bytes) ? size : sizeof(bytes));

    if (count <= 0)
        return count;
    error = copy_to_user(buffer, bytes, (uint32_t)count);
    return error ? error : count;
}

long sys_system_info(struct user_ptr info)
{
    if (process_reap_pending())
        return process_wait_for_reaping();
    struct system_info answer = {
        .uptime = arch_clock(),
        .frames_total = frame_total(),
        .frames_free = frame_free(),
        .log_start = log_start(),
        .log_end = log_end(),
        .processes = process_count(),
        .threads = thread_count(),
    };

    arch_crossings(answer.crossings);
    return copy_to_user(info, &answer, sizeof(answer));
}

long sys_machine_stop(handle_t resource, uint32_t action, uint32_t status)
{
    long error = resource_look(resource, RIGHT_CONTROL, RESOURCE_MACHINE, 0, 1);

    if (error)
        return error;
    if (action != MACHINE_POWER_OFF && action != MACHINE_REBOOT)
        return -EINVAL;
    arch_stop(action, status);
}
