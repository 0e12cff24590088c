/* SPDX-License-Identifier: MIT */
/* System calls on memory. */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "process.h"
#include "system_call.h"
#include "thread.h"
#include "user_copy.h"

static_assert(MEMORY_READ == RIGHT_READ >> 2 && MEMORY_WRITE == RIGHT_WRITE >> 2 &&
                  MEMORY_EXECUTE == RIGHT_EXECUTE >> 2,
              "rights to memory, shifted, are a protection");

/* Finds the memory object and the most that a mapping by this handle may be allowed. What
 * is writable or executable is readable, so without RIGHT_READ that is nothing. */
static long memory_look(handle_t handle, struct memory **memory, uint32_t *allowed)
{
    struct process *self = cpu()->current->process;
    struct object *object;
    long error = handle_look(&self->handles, handle, OBJECT_MEMORY, 0, &object);

    if (error)
        return error;
    uint32_t rights = handle_rights(handle_slot(&self->handles, handle, 0));
    *memory = container_of(object, struct memory, object);
    *allowed = rights & RIGHT_READ ? rights >> 2 & MEMORY_PROTECTION : 0;
    return 0;
}

long sys_memory_map(handle_t process, struct user_ptr pointer)
{
    struct process *target;
    struct memory_map map;
    struct memory *memory = NULL;
    uint32_t allowed = MEMORY_PROTECTION;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return error;
    error = copy_from_user(&map, pointer, sizeof(map));
    if (error)
        return error;
    if (map.memory.value && (error = memory_look(map.memory, &memory, &allowed)))
        return error;
    if (target->end.reason)
        return -ESRCH;
    /* The answer goes where the question came from; make sure of that before anything is
     * done. */
    error = copy_to_user(pointer, &map, sizeof(map));
    if (error)
        return error;
    error = space_map(&target->space, &map.address, map.size, map.flags, allowed, memory,
                      map.offset);
    if (error)
        return error;
    if (copy_to_user(pointer, &map, sizeof(map)))
        return -EFAULT; /* only if the caller mapped over its own question */
    return 0;
}

long sys_memory_unmap(handle_t process, uint32_t address, uint32_t size)
{
    struct process *target;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return error;
    return space_unmap(&target->space, address, size);
}

long sys_memory_protect(handle_t process, uint32_t address, uint32_t size,
                        uint32_t protection)
{
    struct process *target;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return error;
    return space_protect(&target->space, address, size, protection);
}

/* Copies between a frame of another process and the caller, through a buffer of the
 * kernel's: neither side's faults can meet the other's mapping half way. */
static long copy_piece(phys_t frame, uint32_t offset, struct user_ptr user, uint32_t size,
                       bool write)
{
    char buffer[512];

    for (uint32_t done = 0; done < size;) {
        uint32_t part = size - done < sizeof(buffer) ? size - done : sizeof(buffer);
        long error;
        if (write) {
            error = copy_from_user(buffer, user_add(user, done), part);
            if (!error)
                arch_page_write(frame, offset + done, buffer, part);
        } else {
            arch_page_read(frame, offset + done, buffer, part);
            error = copy_to_user(user_add(user, done), buffer, part);
        }
        if (error)
            return error;
        done += part;
    }
    return 0;
}

/* Copies page by page until a hole in the process's memory. */
static long copy_process(handle_t process, uint32_t address, struct user_ptr user,
                         uint32_t size, bool write)
{
    struct process *target;
    uint32_t done = 0;
    long error = process_look(process, write ? RIGHT_WRITE : RIGHT_READ, &target);

    if (error)
        return error;
    if (!user_range_ok(user, size))
        return -EFAULT;
    if (size > MEMORY_COPY_MAX)
        size = MEMORY_COPY_MAX;
    while (done < size) {
        uint32_t offset = (address + done) % PAGE_SIZE;
        uint32_t part = PAGE_SIZE - offset;
        phys_t frame = space_page(&target->space, address + done, write);
        if (frame.address == PHYS_NONE.address)
            return done ? (long)done : -EFAULT;
        if (part > size - done)
            part = size - done;
        frame_hold(frame);
        error = copy_piece(frame, offset, user_add(user, done), part, write);
        frame_drop(frame);
        if (error)
            return error;
        done += part;
    }
    return (long)done;
}

long sys_memory_read(handle_t process, uint32_t address, struct user_ptr buffer,
                     uint32_t size)
{
    return copy_process(process, address, buffer, size, false);
}

long sys_memory_write(handle_t process, uint32_t address, struct user_ptr buffer,
                      uint32_t size)
{
    return copy_process(process, address, buffer, size, true);
}
