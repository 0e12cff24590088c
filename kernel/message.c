/* SPDX-License-Identifier: MIT */
/*
 * Long messages. Bytes are copied between the two processes by whichever side runs: a
 * call's by its receiver, or a few at once by the caller; an answer's by the server that
 * gives it. A fault on one side never costs the other more than that message.
 */
#include "message.h"

#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "fault.h"
#include "handle.h"
#include "port.h"
#include "port_look.h"
#include "process.h"
#include "schedule.h"
#include "thread.h"
#include "transfer.h"
#include "user_copy.h"

/* The most bytes that a caller copies at once, with interrupts off. */
#define PASS_MOST PAGE_SIZE

#define HANDLES_SIZE (offsetof(struct message, badge) - offsetof(struct message, handles))

static struct thread *self(void)
{
    return cpu()->current;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The caller that a call names: the one behind a reply handle, or the one received last
 * for value 0. 0 or an error. */
static long find_client(handle_t handle, uint32_t rights, struct thread **client)
{
    struct object *object;

    *client = self()->client;
    if (handle.value != 0) {
        long error =
            handle_look(&self()->process->handles, handle, OBJECT_REPLY, rights, &object);
        if (error)
            return error;
        *client = container_of(object, struct reply, object)->client;
    }
    return *client ? 0 : -ESRCH;
}

/* --- Handles --- */

/* Finds what is to be given; 0 or an error. */
static long find_gifts(struct handle_table *from, const struct message *message,
                       struct object *objects[], uint32_t rights[])
{
    for (uint32_t i = 0; i < message->handle_count; i++) {
        handle_t handle = message->handles[i];
        long error = handle_look(from, handle, OBJECT_ANY, RIGHT_TRANSFER, &objects[i]);
        if (error)
            return error;
        long narrowed = handle_narrow(handle_slot(from, handle, 0), message->rights[i]);
        if (narrowed < 0)
            return narrowed;
        rights[i] = (uint32_t)narrowed;
    }
    return 0;
}

/* Gives the sender's handles to the receiver, all or none. -ENOMEM: the receiver has no
 * room for them; other errors are the sender's. */
static long give_handles(struct thread *sender, struct thread *receiver)
{
    struct handle_table *to = &receiver->process->handles;
    uint32_t count = sender->message.handle_count;
    struct object *objects[MESSAGE_HANDLES];
    uint32_t rights[MESSAGE_HANDLES];
    long error =
        count ? find_gifts(&sender->process->handles, &sender->message, objects, rights)
              : 0;
    uint32_t given = 0;

    for (; !error && given < count; given++) {
        long handle = handle_add(to, objects[given], rights[given]);
        if (handle < 0) {
            error = handle;
            break;
        }
        receiver->message.handles[given] = (handle_t){(uint32_t)handle};
    }
    while (error && given > 0)
        object_drop(handle_take(to, receiver->message.handles[--given]));
    if (!error)
        receiver->message.handle_count = count;
    return error;
}

/* --- Receiving --- */

/* Ends a call that cannot be received. */
static long refuse(struct thread *client, long error)
{
    port_fail(client, error);
    return -EAGAIN;
}

bool message_pass(struct thread *receiver)
{
    const struct message *message = &self()->message;
    uint32_t size = smaller(message->send_size, receiver->window.size);

    if (unlikely(message->handle_count || size > PASS_MOST ||
                 (self()->faulted && receiver->window.handle_room)))
        return false;
    return arch_copy_across(&receiver->process->space, receiver->window.buffer.address,
                            message->send, size);
}

/* Copies the client's bytes and handles to the running thread. */
static long take_from(struct thread *client)
{
    const struct message_window *window = &self()->window;
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.send.address,
        .own = window->buffer,
        .size = smaller(client->message.send_size, window->size),
    };

    switch (transfer_copy(&bytes)) {
    case TRANSFER_PREEMPTED:
        self()->finishing = true;
        return schedule_again();
    case TRANSFER_OWN_FAULT:
        return -EFAULT;
    case TRANSFER_OTHER_FAULT:
        return refuse(client, -EFAULT);
    case TRANSFER_DONE:
        break;
    }
    long error = give_handles(client, self());
    if (error)
        return refuse(client, error);
    if (client->faulted)
        fault_give_thread(client, self());
    return 0;
}

/* Tells the running thread the handles that came with a message, and its tag; on an error
 * it has none of them. */
static long tell_handles(struct user_ptr at, uint32_t tag)
{
    const handle_t *handles = self()->message.handles;
    uint32_t count = MESSAGE_HANDLE_COUNT(tag);
    long error = count ? copy_to_user(at, handles, count * sizeof(handle_t)) : 0;

    if (!error)
        return (long)tag;
    for (uint32_t i = 0; i < count; i++) {
        struct object *object = handle_take(&self()->process->handles, handles[i]);
        if (object)
            object_drop(object);
    }
    return error;
}

long message_finish_receive(void)
{
    const struct message *message = &self()->message;
    struct thread *client = self()->client;

    self()->finishing = false;
    long result = client ? take_from(client) : -EAGAIN;
    if (self()->finishing)
        return result;
    self()->progress = 0;
    if (result)
        return result;
    uint32_t tag =
        MESSAGE_TAG(message->kind, message->handle_count, client->message.send_size);
    result = tell_handles(self()->window.handles, tag);
    return result < 0 ? result : port_accept(tag, message->badge, message->words);
}

/* --- System calls --- */

long message_begin(struct thread *sender, struct user_ptr at)
{
    struct message *message = &sender->message;
    long error = copy_from_user(message, at, offsetof(struct message, handles));

    if (error)
        return error;
    if (unlikely(message->handle_count > MESSAGE_HANDLES ||
                 message->handle_room > MESSAGE_HANDLES ||
                 message->send_size > MESSAGE_SIZE_MAX))
        return -E2BIG;
    if (unlikely(!user_range_ok(message->send, message->send_size) ||
                 !user_range_ok(message->receive, message->receive_size)))
        return -EFAULT;
    if (likely(message->handle_count == 0))
        return 0;
    return copy_from_user(message->handles, message_handles(at), HANDLES_SIZE);
}

/* A call that will not be done again is over. */
static long end(long result)
{
    if (!(self()->detour & DETOUR_CALL))
        self()->progress = 0;
    return result;
}

/* Answers the client with the running thread's long message; `answered` has yet to be
 * scheduled, or is NULL. An error is the server's, and the client still waits. */
static long answer(struct thread *client, struct thread **answered)
{
    const struct message *message = &self()->message;
    bool is_long = client->long_message;
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.receive.address,
        .own = message->send,
        .size = is_long ? smaller(message->send_size, client->message.receive_size) : 0,
        .to_other = true,
    };

    *answered = NULL;
    if (message->handle_count > (is_long ? client->message.handle_room : 0))
        return -E2BIG;
    switch (transfer_copy(&bytes)) {
    case TRANSFER_PREEMPTED:
        return schedule_again();
    case TRANSFER_OWN_FAULT:
        return -EFAULT;
    case TRANSFER_OTHER_FAULT:
        port_fail(client, -EFAULT);
        return 0;
    case TRANSFER_DONE:
        break;
    }
    long error = give_handles(self(), client);
    if (error == -ENOMEM)
        port_fail(client, error);
    if (error)
        return error == -ENOMEM ? 0 : error;
    uint32_t tag = MESSAGE_TAG(0, message->handle_count, message->send_size);
    *answered = port_answer_only(client, message->words, is_long ? tag : 0);
    if (message->handle_count) {
        client->finishing = true; /* it has to tell itself the handles */
        client->detour |= DETOUR_CALL;
    }
    return 0;
}

/* The same; who was answered is ready. */
static long answer_now(struct thread *client)
{
    struct thread *answered;
    long error = answer(client, &answered);

    if (!error && answered)
        schedule_ready_next(answered);
    return error;
}

long sys_message_call(handle_t handle, struct user_ptr message)
{
    struct thread *thread = self();
    struct endpoint *endpoint;

    if (unlikely(thread->finishing)) {
        thread->finishing = false;
        return tell_handles(message_handles(thread->message_at), thread->frame.eax);
    }
    long error = message_begin(thread, message);
    if (unlikely(error) || unlikely(error = endpoint_look(handle, &endpoint)))
        return error;
    thread->message_at = message;
    thread->long_message = true;
    error = port_send(endpoint, MESSAGE_CALL);
    if (error)
        thread->long_message = false;
    return error;
}

long sys_message_window(struct user_ptr at)
{
    struct message_window window = {0};
    long error = user_null(at) ? 0 : copy_from_user(&window, at, sizeof(window));

    if (error)
        return error;
    if (window.handle_room > MESSAGE_HANDLES)
        return -E2BIG;
    if (!user_range_ok(window.buffer, window.size))
        return -EFAULT;
    self()->window = window;
    return 0;
}

long sys_message_reply(struct user_ptr message)
{
    struct thread *client = self()->client;
    long error = message_begin(self(), message);

    if (!error)
        error = client ? answer_now(client) : -ESRCH;
    return end(error);
}

long sys_message_reply_receive(handle_t handle, struct user_ptr message)
{
    struct thread *answered = NULL;
    struct port *port;
    long error;

    if (self()->finishing && (error = message_finish_receive()) != -EAGAIN)
        return error;
    if ((error = message_begin(self(), message)) ||
        (error = port_look(handle, RIGHT_RECEIVE, &port)))
        return end(error);
    if (self()->client) {
        error = answer(self()->client, &answered);
        if (error || self()->detour & DETOUR_CALL)
            return end(error);
    }
    self()->progress = 0; /* of the answer, if that was cut off, too */
    return port_receive(port, DEADLINE_NONE, answered);
}

long sys_reply_to(handle_t reply, struct user_ptr message)
{
    struct thread *client;
    long error = message_begin(self(), message);

    if (!error && reply.value == 0)
        error = -EBADF;
    if (error)
        return end(error);
    error = find_client(reply, RIGHT_CONTROL, &client);
    if (!error)
        error = answer_now(client);
    if (!(self()->detour & DETOUR_CALL) && (error == 0 || error == -ESRCH))
        object_drop(handle_take(&self()->process->handles, reply));
    return end(error);
}

/* Copies between the running process and a caller's buffer; the number of bytes. */
static long copy_part(struct transfer *bytes, uint32_t whole, uint32_t offset)
{
    if (offset >= whole)
        return 0;
    bytes->address += offset;
    bytes->size = smaller(bytes->size, whole - offset);
    enum transfer_result result = transfer_copy(bytes);
    if (result == TRANSFER_PREEMPTED)
        return schedule_again();
    return result == TRANSFER_DONE        ? (long)bytes->size
           : result == TRANSFER_OWN_FAULT ? -EFAULT
                                          : -EIO;
}

/* Finds the caller, and checks what its bytes are copied to or from. */
static long check_part(handle_t reply, uint32_t rights, struct user_ptr buffer,
                       uint32_t size, struct thread **client)
{
    if (size > INT32_MAX)
        return -EINVAL;
    if (!user_range_ok(buffer, size))
        return -EFAULT;
    return find_client(reply, rights, client);
}

long sys_message_read(handle_t reply, uint32_t offset, struct user_ptr buffer,
                      uint32_t size)
{
    struct thread *client;
    long error = check_part(reply, RIGHT_READ, buffer, size, &client);

    if (error || !client->long_message)
        return end(error);
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.send.address,
        .own = buffer,
        .size = size,
    };
    return end(copy_part(&bytes, client->message.send_size, offset));
}

long sys_message_write(handle_t reply, uint32_t offset, struct user_ptr buffer,
                       uint32_t size)
{
    struct thread *client;
    long error = check_part(reply, RIGHT_WRITE, buffer, size, &client);

    if (error || !client->long_message)
        return end(error);
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.receive.address,
        .own = buffer,
        .size = size,
        .to_other = true,
    };
    return end(copy_part(&bytes, client->message.receive_size, offset));
}

long sys_client_fault(handle_t reply, uint32_t status)
{
    struct thread *client;
    long error = find_client(reply, RIGHT_CONTROL, &client);

    if (error)
        return error;
    struct process_end end = {.reason = PROCESS_REFUSED, .status = status};
    arch_thread_report(client, &end.state);
    process_finish(client->process, &end);
    return 0;
}
