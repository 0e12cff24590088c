/* SPDX-License-Identifier: MIT */
/*
 * Starts programs: limen/spawn.h. A new process is empty; everything in it is put there
 * from outside: the segments, written while they are writable and protected afterwards,
 * and a stack with a guard page below and Linux's picture of arguments on top
 * (spawn_stack.c). Only then does its first thread begin.
 */
#include <limen/spawn.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <limen/archive.h>
#include <limen/inherit.h>
#include <limen/syscall.h>

#include "spawn_stack.h"

#define PAGE_MASK (PAGE_SIZE - 1u)

static int fail(struct limen_child *child, long error, const char *problem)
{
    child->problem = problem;
    return (int)error;
}

/* Finds the program's file and checks it. */
static int open_image(struct limen_child *child, const struct limen_spawn *how)
{
    const char *path = how->path ? how->path : (const char *)getauxval(AT_EXECFN);
    const uint8_t *bytes = how->image;
    uint32_t size = how->image_size;
    snprintf(child->name, sizeof child->name, "%s", path ? path : "?");
    if (!bytes) {
        struct archive archive;
        struct archive_member member;
        if (!limen_archive(&archive))
            return fail(child, -ENOENT, "this process has no boot archive");
        if (!path || !archive_find(&archive, path, &member))
            return fail(child, -ENOENT, "not in the boot archive");
        bytes = member.bytes;
        size = member.size;
    }
    const char *problem = elf_open(&child->file, bytes, size);
    return problem ? fail(child, -ENOEXEC, problem) : 0;
}

/* Three quarters of what this process may still use. */
static uint32_t default_quota(void)
{
    struct process_info info;
    if (limen_process_info(HANDLE_SELF, &info) < 0 || info.pages_used >= info.pages_limit)
        return 0;
    uint32_t left = info.pages_limit - info.pages_used;
    return left - left / 4;
}

long spawn_write(handle_t process, uint32_t address, const void *bytes, uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        long part = limen_memory_write(process, address + done,
                                       (const char *)bytes + done, size - done);
        if (part <= 0)
            return -ENOMEM;     /* both ranges are mapped: only the quota is in the way */
        done += (uint32_t)part;
    }
    return 0;
}

static int load_segment(const struct limen_child *child,
                        const struct elf_segment *segment)
{
    struct memory_map map = {
        .address = segment->address & ~PAGE_MASK,
        .size = ((segment->address & PAGE_MASK) + segment->memory_size + PAGE_MASK)
                & ~PAGE_MASK,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED,
    };
    long result = limen_memory_map(child->process, &map);
    if (result < 0)
        return (int)result;
    if (segment->file_size > 0) {
        result = spawn_write(child->process, segment->address,
                             child->file.bytes + segment->offset, segment->file_size);
        if (result < 0)
            return (int)result;
    }
    if (segment->protection == (MEMORY_READ | MEMORY_WRITE))
        return 0;
    return (int)limen_memory_protect(child->process, map.address, map.size,
                                     segment->protection);
}

static int load(struct limen_child *child)
{
    for (uint32_t i = 0; i < child->file.segment_count; i++) {
        int error = load_segment(child, &child->file.segment[i]);
        if (error < 0)
            return fail(child, error, "no memory for the program");
    }
    return 0;
}

/* Maps the stack at the end of user memory, its lowest page a guard that nothing may
 * touch. */
static int map_stack(struct limen_child *child, uint32_t size)
{
    struct memory_map map = {
        .address = USER_END - size,
        .size = size,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED,
    };
    long result = limen_memory_map(child->process, &map);
    if (result >= 0)
        result = limen_memory_protect(child->process, map.address, PAGE_SIZE, 0);
    return result < 0 ? fail(child, result, "no memory for the stack") : 0;
}

/* Puts a handle into the child and its value there into the vector; 0 or a negative
 * error. */
static int give(struct spawn_stack *stack, const struct limen_child *child,
                struct limen_gift gift)
{
    long value = limen_handle_give(child->process, gift.handle, gift.rights);
    if (value < 0)
        return (int)value;
    spawn_stack_aux(stack, gift.key, (uint32_t)value);
    return 0;
}

static bool is_gift(const struct limen_spawn *how, uint32_t key)
{
    for (uint32_t i = 0; i < how->gift_count; i++)
        if (how->gifts[i].key == key)
            return true;
    return false;
}

/* Gives what this process has by that key itself, if it has it, and no gift is in its
 * place. */
static int pass_on(struct spawn_stack *stack, const struct limen_child *child,
                   const struct limen_spawn *how, uint32_t key)
{
    handle_t handle = limen_inherited(key);
    if (!handle.value || is_gift(how, key))
        return 0;
    return give(stack, child, (struct limen_gift){key, handle, RIGHTS_SAME});
}

static int pass_on_console(struct spawn_stack *stack, const struct limen_child *child,
                           const struct limen_spawn *how)
{
    static const uint32_t keys[] = {AT_LIMEN_INPUT, AT_LIMEN_OUTPUT, AT_LIMEN_ERROR};
    int error = 0;
    for (uint32_t i = 0; error == 0 && i < sizeof keys / sizeof keys[0]; i++)
        error = pass_on(stack, child, how, keys[i]);
    return error;
}

static int give_handles(struct spawn_stack *stack, const struct limen_child *child,
                        const struct limen_spawn *how)
{
    int error = how->gift_count > SPAWN_GIFTS_MAX ? -E2BIG : 0;
    if (error == 0 && !(how->flags & SPAWN_NO_ARCHIVE)) {
        error = pass_on(stack, child, how, AT_LIMEN_ARCHIVE);
        spawn_stack_aux(stack, AT_LIMEN_ARCHIVE_SIZE, getauxval(AT_LIMEN_ARCHIVE_SIZE));
    }
    if (error == 0)
        error = pass_on(stack, child, how, AT_LIMEN_LOG);
    if (error == 0)
        error = pass_on(stack, child, how, AT_LIMEN_NAMES);
    if (error == 0 && !(how->flags & SPAWN_NO_CONSOLE))
        error = pass_on_console(stack, child, how);
    if (error == 0 && (how->flags & SPAWN_RESOURCE))
        error = pass_on(stack, child, how, AT_LIMEN_RESOURCE);
    for (uint32_t i = 0; error == 0 && i < how->gift_count; i++)
        error = give(stack, child, how->gifts[i]);
    spawn_stack_aux(stack, AT_LIMEN_STDIO, how->stdio);
    return error;
}

/* Builds the picture of arguments and starts the first thread on it. */
static int start(struct limen_child *child, const struct limen_spawn *how)
{
    struct spawn_stack stack;
    char *const fallback[] = {child->name, NULL};
    spawn_stack_init(&stack, &child->file);
    int error = give_handles(&stack, child, how);
    if (error < 0)
        return fail(child, error, "a handle cannot be given");
    long esp = spawn_stack_write(&stack, child, how->argv ? how->argv : fallback,
                                 how->envp ? how->envp : environ);
    if (esp == -E2BIG)
        return fail(child, esp, "arguments too long");
    if (esp < 0 && esp > -PAGE_SIZE)
        return fail(child, esp, "no memory for the arguments");

    const struct thread_start thread = {.eip = child->file.entry, .esp = (uint32_t)esp};
    long handle = limen_thread_create(child->process, &thread);
    if (handle < 0)
        return fail(child, handle, "no memory for its thread");
    limen_handle_close((handle_t){(uint32_t)handle});
    return 0;
}

int limen_spawn(struct limen_child *child, const struct limen_spawn *how)
{
    *child = (struct limen_child){.silent = how->flags & SPAWN_SILENT};
    int error = open_image(child, how);
    if (error < 0)
        return error;

    uint32_t size = how->stack_size ? how->stack_size : SPAWN_STACK_SIZE;
    if (size > SPAWN_STACK_MAX || (size & PAGE_MASK) || size < 2 * PAGE_SIZE)
        return fail(child, -EINVAL, "a stack of no good size");
    long process = limen_process_create(how->pages ? how->pages : default_quota());
    if (process < 0)
        return fail(child, process, "no memory for a process");
    child->process = (handle_t){(uint32_t)process};

    error = load(child);
    if (error == 0)
        error = map_stack(child, size);
    if (error == 0)
        error = start(child, how);
    if (error < 0) {
        limen_child_kill(child);
        limen_child_close(child);
    }
    return error;
}

int limen_child_wait(struct limen_child *child, struct process_end *end,
                     const uint64_t *deadline)
{
    long error = limen_process_wait(child->process, end, deadline);
    if (error < 0)
        return (int)error;
    if (end->reason != PROCESS_EXITED && !child->silent)
        limen_report(child, end);
    return 0;
}

void limen_child_kill(struct limen_child *child)
{
    limen_process_kill(child->process, 128 + 9);
}

void limen_child_close(struct limen_child *child)
{
    limen_handle_close(child->process);
    child->process = (handle_t){0};
}
