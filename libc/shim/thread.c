/* SPDX-License-Identifier: MIT */
/*
 * Threads and the end of the process. The kernel knows no numbers for threads: the shim
 * counts them, from the process's own number on.
 *
 * A thread's area (thread.h) is taken by whoever turns its `busy` from 0 to 1, and given
 * back by the kernel, which stores 0 there once the thread has left it for ever. Areas
 * stay mapped for the next thread.
 */
#include "signal.h"

#include <sched.h>

#define PROCESS_NUMBER 2                /* every process is alone in its shim's eyes */
#define PARENT_NUMBER 1

/* What makes a thread of this process; musl's pthread_create asks for all of it. */
#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define CLONE_KNOWN                                                             \
    (THREAD_FLAGS | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID           \
     | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED)

#define ROBUST_LIST_SIZE 12             /* of Linux's struct robust_list_head */

void shim_leave(void);

static struct shim_thread *areas;
static uint32_t last_number = PROCESS_NUMBER;

struct shim_thread *shim_threads(void)
{
    return __atomic_load_n(&areas, __ATOMIC_ACQUIRE);
}

void shim_thread_add(struct shim_thread *area)
{
    area->next = __atomic_load_n(&areas, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&areas, &area->next, area, false,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

/* An area that no thread has, marked as taken; null: there is none. */
static struct shim_thread *take_free_area(void)
{
    for (struct shim_thread *area = shim_threads(); area; area = area->next) {
        uint32_t free = 0;
        if (__atomic_compare_exchange_n(&area->busy, &free, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return area;
    }
    return NULL;
}

/* Maps a new area, taken, with a guard page below its stack; null: no memory. */
static struct shim_thread *make_area(void)
{
    struct memory_map map = {
        .size = PAGE_SIZE + SHIM_STACK_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE,
    };
    if (limen_memory_map(HANDLE_SELF, &map) < 0)
        return NULL;
    if (limen_memory_protect(HANDLE_SELF, map.address, PAGE_SIZE, 0) < 0) {
        limen_memory_unmap(HANDLE_SELF, map.address, map.size);
        return NULL;
    }

    struct shim_thread *area = (struct shim_thread *)(map.address + map.size) - 1;
    area->self = area;
    area->busy = 1;
    shim_thread_add(area);
    return area;
}

struct shim_thread *shim_thread_create(void)
{
    struct shim_thread *area = take_free_area();
    if (!area)
        area = make_area();
    if (area) {
        area->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
        area->clear_word = NULL;
        area->robust_list = NULL;
        area->critical = 1;
        area->attention = 0;
        area->restores_mask = false;
        area->blocked = shim_self()->blocked;
        area->awaited = 0;
        area->alternate = (struct signal_stack){0};
        area->resume_until = 0;
    }
    return area;
}

/*
 * The new thread leaves the shim as its maker does, from a copy of the maker's registers,
 * but with its own stack and 0 as the result. Where the maker returns to is written below
 * that stack for it.
 */
static struct linux_call *prepare_first_return(struct shim_thread *area, uint32_t stack)
{
    const struct shim_thread *self = shim_self();
    struct linux_call *frame = (struct linux_call *)area - 1;
    *frame = *((const struct linux_call *)self - 1);

    uint32_t *return_address = (uint32_t *)stack - 1;
    *return_address = *(const uint32_t *)self->user_esp;
    area->user_esp = (uint32_t)return_address;
    return frame;
}

/* Makes threads only: a process of its own (fork, vfork, posix_spawn) is not served
 * yet. */
long shim_clone(uint32_t flags, uint32_t stack, uint32_t *parent_word,
                const struct user_desc *tls, uint32_t *child_word)
{
    if ((flags & THREAD_FLAGS) != THREAD_FLAGS)
        return -ENOSYS;
    if ((flags & ~CLONE_KNOWN) || !stack)
        return -EINVAL;

    shim_signals_begin();
    struct shim_thread *area = shim_thread_create();
    if (!area)
        return -EAGAIN;
    if (flags & CLONE_CHILD_CLEARTID)
        area->clear_word = child_word;
    if (flags & CLONE_PARENT_SETTID)
        *parent_word = area->number;
    if (flags & CLONE_CHILD_SETTID)
        *child_word = area->number;

    uint32_t number = area->number;
    struct thread_start start = {
        .eip = (uint32_t)shim_leave,
        .esp = (uint32_t)prepare_first_return(area, stack),
        .flags = THREAD_FS | (flags & CLONE_SETTLS ? THREAD_GS : 0),
        .fs_base = (uint32_t)area,
        .gs_base = flags & CLONE_SETTLS ? tls->base : 0,
    };
    shim_lock(&shim_signals.lock);      /* until it can be sent signals, it cannot end */
    long thread = limen_thread_create(HANDLE_SELF, &start);
    if (thread < 0) {
        __atomic_store_n(&area->busy, 0, __ATOMIC_RELEASE);
    } else {
        area->thread = (handle_t){(uint32_t)thread};
        area->live = true;
    }
    shim_unlock(&shim_signals.lock);
    return thread < 0 ? -EAGAIN : (long)number;
}

/*
 * Ends the thread. It runs on the shim's stack and never touches the caller's again, so
 * whoever waits for the clear word may unmap that one at once.
 */
_Noreturn static void leave(uint32_t address, uint32_t size)
{
    struct shim_thread *self = shim_self();
    shim_signals_leave();
    if (self->clear_word) {
        __atomic_store_n(self->clear_word, 0, __ATOMIC_RELEASE);
        limen_futex_wake(self->clear_word, 1);
    }
    limen_thread_exit(&self->busy, address, size);
    __builtin_unreachable();
}

/* The status of one thread is nobody's; the last one's end ends the process with 0. */
long shim_exit([[maybe_unused]] int status)
{
    leave(0, 0);
}

long shim_unmap_exit(uint32_t address, uint32_t size)
{
    leave(address, (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1u));
}

long shim_exit_group(int status)
{
    limen_process_exit((uint32_t)status & 0xff);
    __builtin_unreachable();
}

long shim_set_tid_address(uint32_t *word)
{
    shim_self()->clear_word = word;
    return (long)shim_self()->number;
}

long shim_gettid(void)
{
    return (long)shim_self()->number;
}

long shim_getpid(void)
{
    return PROCESS_NUMBER;
}

long shim_getppid(void)
{
    return PARENT_NUMBER;
}

long shim_sched_yield(void)
{
    return limen_thread_yield();
}

/* The list matters to other processes when this one dies holding a lock in memory shared
 * with them. No memory is shared between processes yet; musl itself walks it when a
 * thread ends. */
long shim_set_robust_list(void *list, uint32_t size)
{
    if (size != ROBUST_LIST_SIZE)
        return -EINVAL;
    shim_self()->robust_list = list;
    return 0;
}

long shim_get_robust_list(int thread, void **list, uint32_t *size)
{
    if (thread != 0 && (uint32_t)thread != shim_self()->number)
        return -EPERM;
    *list = shim_self()->robust_list;
    *size = ROBUST_LIST_SIZE;
    return 0;
}
