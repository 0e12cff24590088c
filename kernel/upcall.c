/* SPDX-License-Identifier: MIT */
/* Upcalls: see upcall.h. */
#include "upcall.h"

#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "fault.h"
#include "memory.h"
#include "port.h"
#include "process.h"
#include "reply_port.h"
#include "request.h"
#include "schedule.h"
#include "system_call.h"
#include "thread.h"
#include "user_copy.h"

static struct list posted = {&posted, &posted};

void upcall_post(struct reply_port *port)
{
    struct thread *thread = port->thread;

    if (thread->state == THREAD_ENDED)
        return;
    thread->detour |= DETOUR_UPCALL;
    cpu()->work |= WORK_MESSAGES;
    if (!list_in(&port->upcall_link))
        list_append(&thread->upcalls, &port->upcall_link);
    if (!list_in(&port->post_link))
        list_append(&posted, &port->post_link);
}

void upcall_leave(struct thread *thread)
{
    while (!list_empty(&thread->upcalls))
        list_remove(thread->upcalls.next);
}

/* --- Critical sections --- */

/* The port's word, whosever address space is loaded. What cannot be read is as good as
 * 0: then nobody can have written to it. */
static uint32_t read_critical(const struct reply_port *port)
{
    uint32_t address = port->critical.address;
    uint32_t word = 0;

    if (address == 0)
        return 0;
    phys_t frame = space_page(&port->process->space, address, false);
    if (frame.address != PHYS_NONE.address)
        arch_page_read(frame, address % PAGE_SIZE, &word, sizeof(word));
    return word;
}

static void write_critical(const struct reply_port *port, uint32_t word)
{
    uint32_t address = port->critical.address;
    phys_t frame = space_page(&port->process->space, address, true);

    if (frame.address != PHYS_NONE.address)
        arch_page_write(frame, address % PAGE_SIZE, &word, sizeof(word));
}

/* Whether the port's upcalls are held now, which its word then tells. */
static bool held(const struct reply_port *port, uint32_t *word)
{
    *word = read_critical(port);
    if ((*word & CRITICAL_COUNT) == 0)
        return false;
    if (!(*word & CRITICAL_HELD))
        write_critical(port, *word | CRITICAL_HELD);
    return true;
}

/* --- Waits --- */

static bool waits(const struct thread *thread)
{
    return thread->state != THREAD_READY && thread->state != THREAD_SUSPENDED &&
           thread->state != THREAD_ENDED && !thread->faulted;
}

/* The call in which the thread waits answers EINTR; if it waits for a message that it has
 * sent, that is cancelled, and answers so. */
static void interrupt(struct thread *thread)
{
    struct object *partial = thread->partial;

    if (partial && partial->type == OBJECT_REQUEST)
        (void)!request_cancel(container_of(partial, struct request, object), -EINTR);
    else
        thread_wake(thread, -EINTR);
}

void upcall_end_waits(void)
{
    uint32_t word;

    while (!list_empty(&posted)) {
        struct reply_port *port =
            container_of(list_take(&posted), struct reply_port, post_link);
        struct thread *thread = port->thread;
        if (waits(thread) && (!held(port, &word) || word & CRITICAL_INTERRUPT))
            interrupt(thread);
    }
}

void upcall_before_wait(void)
{
    struct thread *self = cpu()->current;

    if (!waits(self))
        return;
    for (struct list *link = self->upcalls.next; link != &self->upcalls;
         link = link->next) {
        uint32_t word = read_critical(container_of(link, struct reply_port, upcall_link));
        if (!(word & CRITICAL_COUNT) || word & CRITICAL_INTERRUPT) {
            interrupt(self);
            return;
        }
    }
    self->slow |= SLOW_HELD;
    if (self->state == THREAD_RECEIVING)
        port_receive_slowly(self);
}

/* --- Making them --- */

/* Where the next upcall's structure stands, whose size that is; 0: there is no room. */
static uint32_t place(const struct reply_port *port, uint32_t esp, uint32_t size)
{
    uint32_t top = esp;

    if (port->stack && (esp > port->stack || esp <= port->stack - port->stack_size))
        top = port->stack;
    uint32_t at = (top - size) & ~15u;
    if (top > KERNEL_BASE || top < size ||
        (port->stack && at < port->stack - port->stack_size))
        return 0;
    return at;
}

/* There is no stack for an upcall: as if the thread itself had pushed it. */
static void overflow(uint32_t address, long error)
{
    struct SystemCallFrame *frame = &cpu()->current->frame;

    arch_frame_fault(frame);
    fault_raise(error == -ENOMEM ? PROCESS_NO_MEMORY : PROCESS_FAULTED, address);
}

/* Writes what the message has brought, for the last time to fail. */
static bool write_results(const struct request *request,
                          const struct request_result *result)
{
    return copy_to_user(
               user_add(request->message, offsetof(struct system_message, words)), result,
               sizeof(*result)) == 0;
}

/* Makes one upcall of the port; false: there was no stack for it. */
static bool make(struct reply_port *port)
{
    struct thread *self = cpu()->current;
    struct upcall upcall;
    bool fpu = arch_fpu_used(self);
    uint32_t size = fpu ? sizeof(upcall) : UPCALL_SIZE_PLAIN;
    uint32_t at = place(port, self->frame.esp, size);
    struct request *request = reply_port_first(port);
    struct request_result result = request_take(request);

    arch_thread_report(self, &upcall.state);
    upcall.port = port->handle;
    upcall.flags = fpu ? UPCALL_FPU : 0;
    upcall.message = request->message;
    upcall.error = result.error;
    memcpy(upcall.words, result.words, sizeof(upcall.words));
    upcall.reserved = 0;
    if (fpu)
        arch_fpu_picture(self, upcall.fpu);
    if (request_tell_handles(request) || !write_results(request, &result))
        upcall.flags |= UPCALL_LOST;
    long error = at ? copy_to_user((struct user_ptr){at}, &upcall, size) : -EFAULT;
    if (error) {
        request_put_back(request, &result);
        overflow(at ? at : self->frame.esp - size, error);
        return false;
    }
    port->active++;
    arch_upcall_begin(self, port->entry, at);
    request_told(request);
    return true;
}

void upcall_make(void)
{
    struct thread *self = cpu()->current;
    struct list waiting;
    uint32_t word;

    list_init(&waiting);
    self->detour &= ~(DETOUR_UPCALL | DETOUR_HELD);
    while (!list_empty(&self->upcalls) && !(self->detour & DETOUR_UPCALL)) {
        struct reply_port *port =
            container_of(list_take(&self->upcalls), struct reply_port, upcall_link);
        if (!reply_port_wants_upcall(port))
            continue;
        if (held(port, &word)) {
            list_append(&waiting, &port->upcall_link);
            self->detour |= word & CRITICAL_INTERRUPT ? DETOUR_HELD : 0;
        } else if (!make(port)) {
            list_append(&waiting, &port->upcall_link);
            self->detour |= DETOUR_UPCALL; /* once the fault was dealt with */
        } else if (reply_port_wants_upcall(port)) {
            list_append(&self->upcalls, &port->upcall_link);
        }
    }
    while (!list_empty(&waiting))
        list_append(&self->upcalls, list_take(&waiting));
}

/* --- The end of one --- */

long sys_upcall_return(handle_t handle, struct user_ptr at)
{
    struct thread *self = cpu()->current;
    struct reply_port *port = NULL;
    struct upcall upcall;
    long error = 0;

    if (handle.value && (error = reply_port_look(handle, RIGHT_CONTROL, &port)))
        return error;
    if ((error = copy_from_user(&upcall, at, UPCALL_SIZE_PLAIN)))
        return error;
    bool fpu = upcall.flags & UPCALL_FPU;
    if (upcall.flags & ~(UPCALL_FPU | UPCALL_LOST) ||
        !arch_thread_state_ok(&upcall.state))
        return -EINVAL;
    if (port && port->active == 0)
        return -EBUSY;
    if (fpu &&
        (error = copy_from_user(upcall.fpu, user_add(at, offsetof(struct upcall, fpu)),
                                sizeof(upcall.fpu))))
        return error;
    if (!arch_fpu_set(self, fpu ? upcall.fpu : NULL))
        return process_no_memory();
    /* nothing below fails */
    arch_thread_return(self, &upcall.state);
    cpu()->work |= WORK_FRAME;
    if (port) {
        port->active--;
        if (reply_port_wants_upcall(port))
            upcall_post(port);
    }
    return (long)upcall.state.eax;
}
