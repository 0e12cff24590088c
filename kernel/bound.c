/* SPDX-License-Identifier: MIT */
/* System calls whose numbers are bound to endpoints while the system runs. */
#include "cpu.h"
#include "error.h"
#include "port.h"
#include "process.h"
#include "resource.h"
#include "system_call.h"
#include "thread.h"

static struct endpoint *bound[SYSCALL_BOUND_COUNT]; /* held, or NULL */

long bound_call(uint32_t number)
{
    struct thread *thread = cpu()->current;
    struct endpoint *endpoint = bound[number - SYSCALL_BOUND_FIRST];

    if (!endpoint)
        return -ENOSYS;
    thread->slow |= SLOW_BOUND_CALL;
    long result = port_send(endpoint, MESSAGE_CALL);
    if (result < 0)
        thread->slow &= ~SLOW_BOUND_CALL;
    return result;
}

long sys_syscall_bind(handle_t resource, uint32_t number, handle_t endpoint)
{
    struct handle_table *handles = &cpu()->current->process->handles;
    struct object *object = NULL;
    long error = resource_look(resource, RIGHT_CONTROL, RESOURCE_SYSCALL, number, 1);

    if (!error && endpoint.value)
        error = handle_look(handles, endpoint, OBJECT_ENDPOINT, RIGHT_SEND, &object);
    if (error)
        return error;
    /* nothing below fails */
    struct endpoint **place = &bound[number - SYSCALL_BOUND_FIRST];
    struct endpoint *before = *place;
    *place = object ? container_of(object, struct endpoint, object) : NULL;
    if (object)
        object_hold(object);
    if (before)
        object_drop(&before->object);
    return 0;
}
