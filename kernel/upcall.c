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

    if (unlikely(thread->state == THREAD_ENDED))
        return;
    thread->detour |= DETOUR_UPCALL;
    if (!list_in(&port->upcall_link))
        list_append(&thread->upcalls, &port->upcall_link);
    cpu()->work |= thread == cpu()->current ? WORK_UPCALL | WORK_HELD : WORK_UPCALL;
    if (thread->state == THREAD_READY)
        return; /* it takes its detour when it goes on, or is about to wait */
    cpu()->work |= WORK_MESSAGES;
    if (!list_in(&port->post_link))
        list_append(&posted, &port->post_link);
}

void upcall_leave(struct thread *thread)
{
    while (!list_empty(&thread->upcalls)) {
        list_remove(thread->upcalls.next);
        arch_take_interrupts();
    }
}

/* --- Critical sections --- */

/* The frame of the port's word, whosever address space is loaded. Nothing is reaped for
 * it, so that no object goes meanwhile; interrupts may come in. */
static phys_t word_frame(const struct reply_port *port, bool write)
{
    struct space *space = &port->process->space;
    uint32_t address = port->critical.address;
    uint32_t entry;

    for (;;) {
        phys_t frame = arch_lookup(space, address, &entry);
        if (frame.address != PHYS_NONE.address &&
            entry & (write ? MEMORY_WRITE : MEMORY_READ))
            return frame;
        enum fault_result result = space_fault(space, address, write);
        if (result != FAULT_RESOLVED && result != FAULT_AGAIN)
            return PHYS_NONE;
    }
}

/* The port's word. What cannot be read is as good as 0: then nobody can have written to
 * it. */
static uint32_t read_critical(const struct reply_port *port)
{
    uint32_t address = port->critical.address;
    uint32_t word = 0;

    if (address == 0)
        return 0;
    phys_t frame = word_frame(port, false);
    if (frame.address != PHYS_NONE.address)
        arch_page_read(frame, address % PAGE_SIZE, &word, sizeof(word));
    return word;
}

/* Whether the port's upcalls are held now, which its word then tells; if it cannot be
 * told yet, the thread has to look once more. */
static bool held_by_word(const struct reply_port *port, uint32_t *word)
{
    *word = read_critical(port);
    if ((*word & CRITICAL_COUNT) == 0)
        return false;
    if (*word & CRITICAL_HELD)
        return true;
    phys_t frame = word_frame(port, true);
    *word |= CRITICAL_HELD;
    if (frame.address != PHYS_NONE.address)
        arch_page_write(frame, port->critical.address % PAGE_SIZE, word, sizeof(*word));
    else
        port->thread->detour |= DETOUR_UPCALL;
    return true;
}

static inline bool held(const struct reply_port *port, uint32_t *word)
{
    *word = 0;
    return unlikely(!user_null(port->critical)) && held_by_word(port, word);
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

/* The thread waits on; what ends that must let it take its detour. */
static void wait_slowly(struct thread *thread)
{
    thread->slow |= SLOW_HELD;
    if (thread->state == THREAD_RECEIVING)
        port_receive_slowly(thread);
}

static bool may_interrupt(uint32_t word)
{
    return !(word & CRITICAL_COUNT) || word & CRITICAL_INTERRUPT;
}

void upcall_end_waits(void)
{
    uint32_t word;

    while (!list_empty(&posted)) {
        struct reply_port *port =
            container_of(list_take(&posted), struct reply_port, post_link);
        struct thread *thread = port->thread;
        if (!waits(thread))
            continue;
        (void)held(port, &word);
        if (!waits(thread) || !reply_port_wants_upcall(port))
            continue; /* something else came meanwhile */
        if (may_interrupt(word))
            interrupt(thread);
        else
            wait_slowly(thread);
        arch_take_interrupts();
    }
}

void upcall_before_wait(void)
{
    struct thread *self = cpu()->current;

    if (!waits(self))
        return;
    self->detour &= ~DETOUR_HELD;
    for (struct list *link = self->upcalls.next; link != &self->upcalls && waits(self);
         link = link->next) {
        struct reply_port *port = container_of(link, struct reply_port, upcall_link);
        if (!reply_port_wants_upcall(port))
            continue;
        if (may_interrupt(read_critical(port))) {
            self->detour |= DETOUR_UPCALL;
            if (waits(self))
                interrupt(self);
            return;
        }
        self->detour |= DETOUR_HELD;
        arch_take_interrupts();
    }
    if (self->detour & DETOUR_HELD && waits(self))
        wait_slowly(self);
}

/* --- Making them --- */

/* There is no stack for an upcall: as if the thread itself had pushed it. */
static void overflow(uint32_t address, long error)
{
    arch_frame_fault(&cpu()->current->frame);
    fault_raise(error == -ENOMEM ? PROCESS_NO_MEMORY : PROCESS_FAULTED, address);
}

/* Makes an upcall as it may have to be: with FPU state, handles, and memory that is not
 * there. 0 or an error. */
static long push(struct reply_port *port, struct request *request,
                 const struct request_result *result, uint32_t *at)
{
    struct thread *self = cpu()->current;
    bool fpu = arch_fpu_used(self);
    uint32_t size = fpu ? sizeof(struct upcall) : UPCALL_SIZE_PLAIN;
    bool told = copy_to_user(request_results(request), result, sizeof(*result)) == 0 &&
                (!request->untold || request_tell_handles(request) == 0);
    struct upcall upcall = {
        .port = port->handle,
        .flags = (fpu ? UPCALL_FPU : 0) | (told ? 0 : UPCALL_LOST),
        .message = request->message,
        .error = result->error,
    };

    arch_thread_report(self, &upcall.state);
    upcall.state.ss = upcall.state.ds; /* flat: upcall_return takes no other */
    copy_words(upcall.words, result->words);
    if (fpu)
        arch_fpu_picture(self, upcall.fpu);
    *at = upcall_place(port, self->frame.esp, size);
    long error = *at ? copy_to_user((struct user_ptr){*at}, &upcall, size) : -EFAULT;
    if (error && !*at)
        *at = self->frame.esp - size;
    if (!error)
        arch_fpu_reset(self);
    return error;
}

/* The same where nothing is in the way. */
static inline bool push_plainly(const struct reply_port *port,
                                const struct request *request,
                                const struct request_result *result, uint32_t *at)
{
    struct thread *self = cpu()->current;
    const struct upcall_message message = {port->handle, request->message, result};

    *at = upcall_place(port, self->frame.esp, UPCALL_SIZE_PLAIN);
    return *at && !arch_fpu_used(self) && !request->untold &&
           arch_upcall_push(self, *at, &message);
}

/* Makes one upcall of the port. Where there is no stack for it, nothing has happened but
 * that the thread faults; this may not come back then. */
static inline void make(struct reply_port *port)
{
    struct thread *self = cpu()->current;
    struct request *request = reply_port_first(port);
    struct request_result result = request->result;
    uint32_t at;

    if (unlikely(!push_plainly(port, request, &result, &at))) {
        long error = push(port, request, &result, &at);
        if (error) {
            self->detour |= DETOUR_UPCALL; /* once the fault was dealt with */
            overflow(at, error);
            return;
        }
    }
    port->active++;
    arch_upcall_begin(self, port->entry, at);
    request_told(request, &result);
    if (!reply_port_wants_upcall(port))
        list_remove(&port->upcall_link);
    if (!list_empty(&self->upcalls)) {
        self->detour |= DETOUR_UPCALL;
        cpu()->work |= WORK_UPCALL;
        arch_take_interrupts();
    }
}

/* One at a time: between two of them, others may run. */
void upcall_make(void)
{
    struct thread *self = cpu()->current;
    struct list *link = self->upcalls.next;
    uint32_t word;

    self->detour &= ~(DETOUR_UPCALL | DETOUR_HELD);
    while (link != &self->upcalls) {
        struct reply_port *port = container_of(link, struct reply_port, upcall_link);
        link = link->next;
        if (!reply_port_wants_upcall(port)) {
            list_remove(&port->upcall_link);
            arch_take_interrupts();
        } else if (held(port, &word)) {
            self->detour |= DETOUR_HELD;
            arch_take_interrupts();
        } else {
            make(port);
            return;
        }
    }
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
