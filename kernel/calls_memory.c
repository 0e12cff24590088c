/* SPDX-License-Identifier: MIT */
/* System calls on memory. */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "memory_object.h"
#include "process.h"
#include "resource.h"
#include "schedule.h"
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

/* The answer of a call that may have been interrupted. */
static long answer(long result)
{
    if (result == AGAIN)
        return schedule_again();
    cpu()->current->progress = 0;
    return result;
}

static long map_memory(handle_t process, struct user_ptr pointer)
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
    if (map.flags & MEMORY_PRIVATE && allowed & MEMORY_READ)
        allowed |= MEMORY_WRITE; /* of copies */
    if (target->end.reason)
        return -ESRCH;
    /* The answer goes where the question came from; make sure of that before anything is
     * done. */
    error = copy_to_user(pointer, &map, sizeof(map));
    if (error)
        return error;
    error = space_map(&target->space, &map, memory, allowed, &cpu()->current->progress);
    if (!error && copy_to_user(pointer, &map, sizeof(map)))
        return -EFAULT; /* only if the caller mapped over its own question */
    return error;
}

long sys_memory_map(handle_t process, struct user_ptr pointer)
{
    long result = map_memory(process, pointer);

    return answer(result == -ENOMEM ? process_no_memory() : result);
}

long sys_memory_unmap(handle_t process, uint32_t address, uint32_t size)
{
    struct process *target;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return answer(error);
    return answer(space_unmap(&target->space, address, size, &cpu()->current->progress));
}

long sys_memory_protect(handle_t process, uint32_t address, uint32_t size,
                        uint32_t protection)
{
    struct process *target;
    long error = process_look(process, RIGHT_WRITE, &target);

    if (error)
        return answer(error);
    return answer(space_protect(&target->space, address, size, protection,
                                &cpu()->current->progress));
}

/* --- Copies --- */

/* What is copied from or to: a process's memory, or a memory object. */
struct other {
    struct space *space;
    struct memory *memory;
};

static long look_other(handle_t handle, uint32_t right, struct other *other)
{
    struct process *process;
    struct object *object;
    long error = process_look(handle, right, &process);

    *other = (struct other){.space = error ? NULL : &process->space};
    if (error != -EBADF)
        return error;
    error = handle_look(&cpu()->current->process->handles, handle, OBJECT_MEMORY, right,
                        &object);
    if (!error)
        other->memory = container_of(object, struct memory, object);
    return error;
}

/* The frame of the page that holds the byte, or PHYS_NONE. */
static phys_t other_page(const struct other *other, uint32_t at, bool write)
{
    enum fault_result result;
    phys_t frame;

    if (other->space)
        return space_page(other->space, at, write);
    do
        result = memory_page(other->memory, at >> PAGE_SHIFT, write, &frame);
    while (process_fault_again(result));
    return result == FAULT_RESOLVED ? frame : PHYS_NONE;
}

/* Copies a piece within one page, through a buffer of the kernel's: when the caller's
 * memory makes the kernel fault, no frame of the other's is in its hands. */
static long copy_piece(const struct other *other, uint32_t at, struct user_ptr user,
                       uint32_t size, bool write)
{
    char buffer[512];
    long error = write ? copy_from_user(buffer, user, size) : 0;

    if (error)
        return error;
    phys_t frame = other_page(other, at, write);
    if (frame.address == PHYS_NONE.address)
        return -EFAULT;
    if (write) {
        arch_page_write(frame, at % PAGE_SIZE, buffer, size);
        return 0;
    }
    arch_page_read(frame, at % PAGE_SIZE, buffer, size);
    return copy_to_user(user, buffer, size);
}

/* Copies until there is a hole on either side. */
static long copy_other(handle_t handle, uint32_t address, struct user_ptr user,
                       uint32_t size, bool write)
{
    struct other other;
    long error = look_other(handle, write ? RIGHT_WRITE : RIGHT_READ, &other);
    uint32_t done = 0;

    if (error)
        return error;
    if (!user_range_ok(user, size))
        return -EFAULT;
    if (size > MEMORY_COPY_MAX)
        size = MEMORY_COPY_MAX;
    while (done < size) {
        uint32_t part = 512 - (address + done) % 512;
        if (part > size - done)
            part = size - done;
        error = copy_piece(&other, address + done, user_add(user, done), part, write);
        if (error)
            return done ? (long)done : error;
        done += part;
        arch_take_interrupts();
    }
    return (long)done;
}

long sys_memory_read(handle_t handle, uint32_t address, struct user_ptr buffer,
                     uint32_t size)
{
    return copy_other(handle, address, buffer, size, false);
}

long sys_memory_write(handle_t handle, uint32_t address, struct user_ptr buffer,
                      uint32_t size)
{
    return copy_other(handle, address, buffer, size, true);
}

/* --- Memory objects --- */

static bool size_ok(uint32_t size)
{
    return size % PAGE_SIZE == 0 && size <= MEMORY_SIZE_MAX;
}

/* Adds a handle to a new object, or drops it. */
static long hand_out(struct memory *memory)
{
    struct process *self = cpu()->current->process;

    if (!memory)
        return process_no_memory();
    long result = handle_add(&self->handles, &memory->object, RIGHTS_ALL);
    object_drop(&memory->object);
    return result;
}

long sys_memory_create(uint32_t size)
{
    if (!size_ok(size))
        return -EINVAL;
    return hand_out(memory_create(&cpu()->current->process->quota, size));
}

long sys_memory_physical(handle_t resource, uint32_t base, uint32_t size)
{
    if ((base | size) % PAGE_SIZE || size == 0 || size - 1 > UINT32_MAX - base)
        return -EINVAL;
    long error = resource_look(resource, RIGHT_CONTROL, RESOURCE_MEMORY, base, size);
    if (error)
        return error;
    if (frame_any_ram(PHYS(base), size))
        return -EPERM; /* it is other processes', or the kernel's */
    return hand_out(
        memory_create_physical(&cpu()->current->process->quota, PHYS(base), size));
}

/* Shares the frames, then sees to it that the origin's are not written any more. */
static long make_clone(struct thread *thread, struct memory *origin)
{
    struct memory *clone = container_of(thread->partial, struct memory, object);
    long result = 0;

    if (thread->progress < PAGE_TREE_PAGES) {
        if ((result = memory_share(clone, origin, &thread->progress)))
            return result;
        thread->progress = PAGE_TREE_PAGES;
    }
    uint32_t ticket = thread->progress - PAGE_TREE_PAGES;
    result = memory_protect_shared(origin, &ticket);
    thread->progress = PAGE_TREE_PAGES + ticket;
    return result;
}

long sys_memory_clone(handle_t handle)
{
    struct thread *thread = cpu()->current;
    struct memory *origin;
    uint32_t allowed;
    long error = memory_look(handle, &origin, &allowed);

    if (!error && !(allowed & MEMORY_READ))
        error = -EPERM;
    if (!error && memory_physical(origin))
        error = -EINVAL;
    if (!error && !thread_partial(OBJECT_MEMORY)) {
        struct memory *clone = memory_create(&thread->process->quota, origin->size);
        if (!clone)
            return process_no_memory();
        thread->partial = &clone->object;
    }
    if (!error && (error = make_clone(thread, origin)) == AGAIN)
        return schedule_again();
    struct object *made = thread->partial;
    bool reap = error == -ENOMEM && process_reap_pending();
    thread->partial = NULL;
    if (!error)
        error = handle_add(&thread->process->handles, made, RIGHTS_ALL);
    if (made)
        object_drop(made);
    return answer(reap ? process_no_memory() : error);
}

long sys_memory_resize(handle_t handle, uint32_t size)
{
    struct process *self = cpu()->current->process;
    struct object *object;
    long error =
        handle_look(&self->handles, handle, OBJECT_MEMORY, RIGHT_CONTROL, &object);

    if (error)
        return answer(error);
    struct memory *memory = container_of(object, struct memory, object);
    if (!size_ok(size) || memory_physical(memory))
        return -EINVAL;
    return answer(memory_resize(memory, size));
}

long sys_memory_info(handle_t handle, struct user_ptr info)
{
    struct memory *memory;
    uint32_t allowed;
    long error = memory_look(handle, &memory, &allowed);

    if (error)
        return error;
    if (!(allowed & MEMORY_READ))
        return -EPERM;
    struct memory_info answer = {
        .size = memory->size,
        .pages = memory->page_count,
        .physical = memory_physical(memory),
    };
    return copy_to_user(info, &answer, sizeof(answer));
}
