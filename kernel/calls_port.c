/* SPDX-License-Identifier: MIT */
/* System calls on ports, endpoints and three-word messages. */
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "message.h"
#include "port.h"
#include "port_look.h"
#include "process.h"
#include "system_call.h"
#include "thread.h"

static struct thread *self(void)
{
    return cpu()->current;
}

/* Hands the object that was just made to the caller. */
static long add(struct object *object)
{
    long handle = handle_add(&self()->process->handles, object, RIGHTS_ALL);

    object_drop(object);
    return handle;
}

long sys_port_create(void)
{
    struct port *port = port_create(&self()->process->quota);

    return port ? add(&port->object) : process_no_memory();
}

long sys_endpoint_mint(handle_t handle, uint32_t badge)
{
    struct port *port;
    long error = port_look(handle, RIGHT_MINT, &port);

    if (error)
        return error;
    struct endpoint *endpoint = endpoint_create(&self()->process->quota, port, badge);
    if (!endpoint)
        return process_no_memory();
    long result = handle_add(&self()->process->handles, &endpoint->object, RIGHTS_ALL);
    if (result < 0)
        endpoint_free(endpoint); /* nobody has had it: the port is not told */
    else
        object_drop(&endpoint->object);
    return result;
}

long sys_call(handle_t handle, uint32_t, uint32_t, uint32_t)
{
    struct endpoint *endpoint;
    long error = endpoint_look(handle, &endpoint);

    return error ? error : port_send(endpoint, MESSAGE_CALL);
}

long sys_send(handle_t handle, uint32_t, uint32_t, uint32_t)
{
    struct endpoint *endpoint;
    long error = endpoint_look(handle, &endpoint);

    return error ? error : port_send(endpoint, MESSAGE_SEND);
}

long sys_reply(uint32_t reserved, uint32_t w0, uint32_t w1, uint32_t w2)
{
    struct thread *client = self()->client;

    if (reserved)
        return -EINVAL;
    if (!client)
        return -ESRCH;
    port_answer(client, (const uint32_t[]){w0, w1, w2});
    return 0;
}

long sys_receive(handle_t handle, struct user_ptr deadline)
{
    struct port *port;
    uint64_t until;
    long error;

    if (self()->finishing && (error = message_finish_receive()) != -EAGAIN)
        return error;
    if ((error = deadline_read(deadline, &until)) ||
        (error = port_look(handle, RIGHT_RECEIVE, &port)))
        return error;
    return port_receive(port, until, NULL);
}

long sys_reply_receive(handle_t handle, uint32_t w0, uint32_t w1, uint32_t w2)
{
    struct port *port;
    long error;

    if (unlikely(self()->finishing) && (error = message_finish_receive()) != -EAGAIN)
        return error;
    error = port_look(handle, RIGHT_RECEIVE, &port);
    if (error)
        return error;
    struct thread *client = self()->client;
    struct thread *answered =
        client ? port_answer_only(client, self()->frame.words, 0) : NULL;
    return port_receive(port, DEADLINE_NONE, answered);
}

long sys_reply_defer(void)
{
    if (!self()->client)
        return -ESRCH;
    struct reply *reply = reply_create(&self()->process->quota);
    if (!reply)
        return process_no_memory();
    long handle = add(&reply->object);
    if (handle >= 0)
        port_defer(reply); /* which the handle holds */
    return handle;
}
