/* SPDX-License-Identifier: MIT */
/*
 * Long messages. Bytes are copied between the two processes by whichever side runs: a
 * call's by its receiver, an answer's by the server that gives it. A fault on one side
 * never costs the other more than that message.
 */
#include "message.h"

#include "arch.h"
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "fault.h"
#include "handle.h"
#include "port.h"
#include "process.h"
#include "schedule.h"
#include "thread.h"
#include "transfer.h"
#include "user_copy.h"

static struct thread *self(void)
{
    return cpu()->current;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void message_bring_words(struct thread *client)
{
    client->message.send_size = 0;
    client->message.receive_size = 0;
    client->message.handle_count = 0;
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
    uint32_t count = sender->long_message ? sender->message.handle_count : 0;
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
    if (!error && receiver->long_message)
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

/* Copies the client's bytes and handles to the running thread. */
static long take_from(struct thread *client)
{
    struct message *message = &self()->message;
    uint32_t offered = client->long_message ? client->message.send_size : 0;
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.send.address,
        .own = message->receive,
        .size = smaller(offered, message->receive_size),
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
    message->send_size = offered;
    message->receive_size = bytes.size;
    return 0;
}

long message_finish_receive(void)
{
    struct message *message = &self()->message;
    long result = 0;

    self()->finishing = false;
    if (message->kind == MESSAGE_CALL || message->kind == MESSAGE_FAULT) {
        result = self()->client ? take_from(self()->client) : -EAGAIN;
    } else {
        message->send_size = 0;
        message->receive_size = 0;
        message->handle_count = 0;
    }
    if (self()->finishing)
        return result;
    self()->progress = 0;
    if (!result)
        result = copy_to_user(self()->message_at, message, sizeof(*message));
    return result ? result : (long)message->kind;
}

/* --- System calls --- */

/* Takes the struct message of the running thread's call. */
static long begin(struct user_ptr at)
{
    struct message *message = &self()->message;
    long error = copy_from_user(message, at, sizeof(*message));

    if (error)
        return error;
    if (message->handle_count > MESSAGE_HANDLES || message->handle_room > MESSAGE_HANDLES)
        return -E2BIG;
    if (!user_range_ok(message->send, message->send_size) ||
        !user_range_ok(message->receive, message->receive_size))
        return -EFAULT;
    self()->message_at = at;
    self()->long_message = true;
    return 0;
}

/* A call that does not wait, and will not be done again, is over. */
static long end(long result)
{
    struct thread *thread = self();

    if (thread->state == THREAD_READY && !thread->restart) {
        thread->long_message = false;
        thread->progress = 0;
    }
    return result;
}

/* Answers the client with the running thread's long message. An error is the server's,
 * and the client still waits. */
static long answer(struct thread *client)
{
    struct message *message = &self()->message;
    struct transfer bytes = {
        .other = &client->process->space,
        .address = client->message.receive.address,
        .own = message->send,
        .size = client->long_message
                    ? smaller(message->send_size, client->message.receive_size)
                    : 0,
        .to_other = true,
    };

    if (!message_fits(self(), client))
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
    if (client->long_message) {
        client->message.send_size = message->send_size;
        client->message.receive_size = bytes.size;
    }
    port_answer(client, message->words);
    return 0;
}

static long find_port(handle_t handle, struct port **port)
{
    struct object *object;
    long error = handle_look(&self()->process->handles, handle, OBJECT_PORT,
                             RIGHT_RECEIVE, &object);

    *port = error ? NULL : container_of(object, struct port, object);
    return error;
}

long sys_message_call(handle_t endpoint, struct user_ptr message)
{
    struct object *object;

    if (self()->finishing) {
        self()->finishing = false;
        return end(
            copy_to_user(self()->message_at, &self()->message, sizeof(self()->message)));
    }
    long error = begin(message);
    if (!error)
        error = handle_look(&self()->process->handles, endpoint, OBJECT_ENDPOINT,
                            RIGHT_SEND, &object);
    if (error)
        return end(error);
    return end(port_send(container_of(object, struct endpoint, object), MESSAGE_CALL));
}

/* Goes on receiving what has come to the running thread. */
static long go_on(handle_t handle, uint64_t deadline)
{
    struct port *port;
    long result = message_finish_receive();

    if (result != -EAGAIN)
        return result;
    result = find_port(handle, &port);
    return result ? result : port_receive(port, deadline, NULL);
}

long sys_message_receive(handle_t handle, struct user_ptr message,
                         struct user_ptr deadline)
{
    struct port *port;
    uint64_t until;
    long error = deadline_read(deadline, &until);

    if (error && !self()->finishing)
        return error;
    if (self()->finishing)
        return end(go_on(handle, error ? DEADLINE_NONE : until));
    if ((error = begin(message)) || (error = find_port(handle, &port)))
        return end(error);
    return end(port_receive(port, until, NULL));
}

long sys_message_reply(struct user_ptr message)
{
    struct thread *client = self()->client;
    long error = begin(message);

    if (!error)
        error = client ? answer(client) : -ESRCH;
    return end(error);
}

long sys_message_reply_receive(handle_t handle, struct user_ptr message)
{
    struct port *port;
    long error;

    if (self()->finishing)
        return end(go_on(handle, DEADLINE_NONE));
    if ((error = begin(message)) || (error = find_port(handle, &port)))
        return end(error);
    if (self()->client) {
        error = answer(self()->client);
        if (error || self()->restart)
            return end(error);
    }
    self()->progress = 0; /* of the answer, if that was cut off, too */
    return end(port_receive(port, DEADLINE_NONE, NULL));
}

long sys_reply_to(handle_t reply, struct user_ptr message)
{
    struct thread *client;
    long error = begin(message);

    if (!error && reply.value == 0)
        error = -EBADF;
    if (error)
        return end(error);
    error = find_client(reply, RIGHT_CONTROL, &client);
    if (!error)
        error = answer(client);
    if (!self()->restart && (error == 0 || error == -ESRCH))
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
