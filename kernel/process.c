/* SPDX-License-Identifier: MIT */
/*
 * The life of processes: see process.h. A process's first frame holds its structure and,
 * behind it, the first slots of its handle table.
 */
#include "process.h"

#include "arch.h"
#include "assert.h"
#include "cpu.h"
#include "error.h"
#include "fault.h"
#include "reply_port.h"
#include "request.h"
#include "schedule.h"
#include "thread.h"

/* What has to be done to them: to stop their threads and children; to close their
 * handles; to free everything. */
static struct list ending = {&ending, &ending};
static struct list stopped = {&stopped, &stopped};
static struct list unheld = {&unheld, &unheld};
static uint32_t count;

uint32_t process_count(void)
{
    return count;
}

/* Takes the limit out of the parent's quota, and the first frame. */
static struct process *take_home(struct process *parent, uint32_t pages)
{
    if (parent && !quota_charge(&parent->quota, pages))
        return NULL;
    phys_t frame = frame_take(FRAME_LOW);
    if (frame.address != PHYS_NONE.address)
        return arch_direct(frame);
    if (parent)
        quota_uncharge(&parent->quota, pages);
    return NULL;
}

struct process *process_create(struct process *parent, uint32_t pages)
{
    assert(pages >= PROCESS_MIN_PAGES);
    struct process *process = take_home(parent, pages);
    if (!process)
        return NULL;

    *process = (struct process){0};
    quota_init(&process->quota, parent ? &parent->quota : NULL, pages);
    process->quota.used = 1;
    if (space_init(&process->space, &process->quota)) {
        quota_orphan(&process->quota);
        return NULL;
    }
    /* nothing below fails */
    object_init(&process->object, OBJECT_PROCESS);
    handle_table_init(&process->handles, &process->quota, process_first_slots(process),
                      PROCESS_FIRST_SLOTS);
    process->priority_max = parent ? parent->priority_max : PRIORITY_MAX;
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->threads);
    list_init(&process->proxies);
    list_init(&process->waiters);
    watch_init(&process->watch);
    list_init(&process->work);
    if (parent)
        list_append(&parent->children, &process->sibling);
    count++;
    return process;
}

void process_destroy(struct process *process)
{
    list_remove(&process->sibling); /* the parent's end must not find it any more */
    list_append(&unheld, &process->work);
    schedule_reap();
}

void process_finish(struct process *process, const struct process_end *end)
{
    if (process->end.reason)
        return;
    process->end = *end;
    list_remove(&process->sibling);
    object_hold(&process->object);
    list_append(&ending, &process->work);
    schedule_reap();
}

static void give_io_bitmap(struct process *process)
{
    for (int i = 0; i < 2; i++) {
        if (process->io_bitmap[i])
            quota_give(&process->quota, arch_direct_phys(process->io_bitmap[i]));
        process->io_bitmap[i] = NULL;
    }
}

/* Lets those who wait for the end of the process look again: it has ended, or their
 * handle is gone. */
static void restart_waiters(struct process *process)
{
    while (!list_empty(&process->waiters)) {
        thread_restart(container_of(process->waiters.next, struct thread, queue));
        arch_take_interrupts();
    }
}

/* No thread of the process, nor of its children, will run any more. */
static void stop(struct process *process)
{
    static const struct process_end killed = {.reason = PROCESS_KILLED};

    while (!list_empty(&process->threads)) {
        thread_end(container_of(process->threads.next, struct thread, sibling));
        arch_take_interrupts();
    }
    request_stop_proxies(process);
    while (!list_empty(&process->children)) {
        process_finish(container_of(process->children.next, struct process, sibling),
                       &killed);
        arch_take_interrupts();
    }
    uint32_t words[3];
    process_end_words(process, words);
    watch_end(&process->watch, words);
    restart_waiters(process);
    fault_forget(process);
    list_append(&stopped, &process->work);
}

/* A piece of the way from a process that ended to one that has nothing but its memory. */
static void reap_stopped(struct process *process)
{
    if (!handle_table_clear(&process->handles))
        return;
    arch_process_forget(process);
    give_io_bitmap(process);
    list_remove(&process->work);
    object_drop(&process->object);
}

/* A piece of the way to nothing, but for what others hold of it. */
static void reap_unheld(struct process *process)
{
    assert(list_empty(&process->threads) && list_empty(&process->children));
    restart_waiters(process);
    fault_forget(process);
    arch_process_forget(process);
    if (!handle_table_clear(&process->handles) || !space_clear(&process->space) ||
        quota_move_child(&process->quota))
        return;
    give_io_bitmap(process);
    space_destroy(&process->space);
    list_remove(&process->work);
    count--;
    quota_orphan(&process->quota);
}

/* A piece of what those left whose threads have stopped; false: there was nothing. */
static bool reap_piece(void)
{
    if (!list_empty(&stopped))
        reap_stopped(container_of(stopped.next, struct process, work));
    else if (!list_empty(&unheld))
        reap_unheld(container_of(unheld.next, struct process, work));
    else
        return memory_reap();
    return true;
}

bool process_reap(void)
{
    while (!list_empty(&ending)) {
        stop(container_of(list_take(&ending), struct process, work));
        arch_take_interrupts();
    }
    if (!reap_piece() && !reply_port_reap())
        cpu()->work &= ~WORK_REAP;
    return process_reap_pending();
}

long process_wait_for_reaping(void)
{
    schedule_reap();
    return schedule_again();
}

long process_no_memory(void)
{
    return process_reap_pending() ? process_wait_for_reaping() : -ENOMEM;
}

/* No thread is stopped: what the call works on, a client or the running thread itself,
 * stays what it is until the kernel is left. */
bool process_fault_again(enum fault_result result)
{
    if (result != FAULT_AGAIN && (result != FAULT_NO_MEMORY || !reap_piece()))
        return false;
    arch_take_interrupts();
    return true;
}

/* Progress: first an address, then KERNEL_BASE and above, slots of the handle table. */
long process_copy(struct process *copy, struct process *process, uint32_t *progress)
{
    long result = 0;

    if (*progress < KERNEL_BASE) {
        if ((result = space_clone(&copy->space, &process->space, progress)))
            return result;
        *progress = KERNEL_BASE;
    }
    uint32_t slot = *progress - KERNEL_BASE;
    while ((result = handle_table_copy(&copy->handles, &process->handles, &slot)) ==
           AGAIN) {
        *progress = KERNEL_BASE + slot;
        if (schedule_preempt_point())
            return AGAIN;
    }
    return result;
}

long process_look(handle_t handle, uint32_t rights, struct process **process)
{
    struct process *self = cpu()->current->process;
    struct object *object = &self->object;
    long error = 0;

    if (handle.value != HANDLE_SELF.value)
        error = handle_look(&self->handles, handle, OBJECT_PROCESS, rights, &object);
    *process = error ? NULL : container_of(object, struct process, object);
    return error;
}
