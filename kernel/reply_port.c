/* SPDX-License-Identifier: MIT */
/* Reply ports: see reply_port.h. */
#include "reply_port.h"

#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "process.h"
#include "request.h"
#include "schedule.h"
#include "system_call.h"
#include "thread.h"
#include "timers.h"
#include "upcall.h"
#include "user_copy.h"

#define REQUESTS_A_PIECE 8u

static struct list dying = {&dying, &dying}; /* ports to which there are no handles */

static void stop_timer(struct reply_port *port)
{
    if (port->timed)
        timer_stop(&port->timer);
    port->timed = false;
}

static uint64_t expire(struct timer *timer)
{
    struct reply_port *port = container_of(timer, struct reply_port, timer);

    port->timed = false;
    port->late = true;
    if (reply_port_wants_upcall(port))
        upcall_post(port);
    return TIMER_OVER;
}

static __attribute__((noinline)) void start_delay(struct reply_port *port)
{
    uint64_t until;

    if (__builtin_add_overflow(arch_clock(), port->delay, &until))
        until = UINT64_MAX;
    port->timed = true;
    timer_start(&port->timer, until, expire);
}

/* Something stands in the queue: sees to it that it leaves it as the policy says. */
static inline void attend(struct reply_port *port)
{
    if (list_empty(&port->returned))
        return;
    if (unlikely(port->delay) && !port->late && !port->timed)
        start_delay(port);
    if (reply_port_wants_upcall(port))
        upcall_post(port);
}

void reply_port_put(struct reply_port *port, struct request *request)
{
    if (list_empty(&port->returned)) {
        port->late = false;
        stop_timer(port);
    }
    list_append(&port->returned, &request->link);
    if (port->thread)
        attend(port);
}

/* --- Policies --- */

static bool is_queue(const struct reply_policy *policy)
{
    return policy->kind == REPLY_QUEUE &&
           (policy->depth | policy->thread.value | policy->entry | policy->stack |
            policy->stack_size | policy->critical.address) == 0 &&
           policy->delay == 0;
}

static long check(const struct reply_policy *policy)
{
    if (policy->reserved)
        return -EINVAL;
    if (is_queue(policy))
        return 0;
    if (policy->kind != REPLY_UPCALL || policy->depth == 0 ||
        (policy->stack == 0 && policy->stack_size) ||
        policy->stack_size > policy->stack || policy->critical.address % sizeof(uint32_t))
        return -EINVAL;
    if (policy->stack > KERNEL_BASE || policy->critical.address >= USER_END)
        return -EFAULT;
    return 0;
}

/* Reads a policy and finds its thread, borrowed, or NULL. */
static long read_policy(struct user_ptr at, struct reply_policy *policy,
                        struct thread **thread)
{
    long error = copy_from_user(policy, at, sizeof(*policy));

    *thread = NULL;
    if (error || (error = check(policy)) || policy->kind == REPLY_QUEUE)
        return error;
    error = thread_look(policy->thread, RIGHT_CONTROL, thread);
    if (!error && (*thread)->process != cpu()->current->process)
        error = -EBADF;
    return error;
}

/* Nothing of the port waits for its thread any more. */
static void leave_thread(struct reply_port *port)
{
    struct thread *thread = port->thread;

    stop_timer(port);
    list_remove(&port->upcall_link);
    list_remove(&port->post_link);
    port->thread = NULL;
    if (thread)
        object_drop(&thread->object);
}

static void set_policy(struct reply_port *port, const struct reply_policy *policy,
                       struct thread *thread)
{
    if (thread)
        object_hold(&thread->object);
    if (port->thread && port->thread->state == THREAD_ENDED)
        port->active = 0; /* who was to end them has ended */
    leave_thread(port);
    port->thread = thread;
    port->depth = policy->depth;
    port->entry = policy->entry;
    port->stack = policy->stack;
    port->stack_size = policy->stack_size;
    port->critical = policy->critical;
    port->delay = policy->delay;
    port->plain = policy->delay == 0 && user_null(policy->critical);
    port->late = false;
    if (thread)
        attend(port);
}

long sys_reply_port_create(struct user_ptr at)
{
    struct process *process = cpu()->current->process;
    struct reply_policy policy;
    struct thread *thread;
    long error = read_policy(at, &policy, &thread);

    if (error)
        return error;
    struct reply_port *port = slab_take(&process->quota, SLAB_REQUEST);
    if (!port)
        return process_no_memory();
    object_init(&port->object, OBJECT_REPLY_PORT);
    port->process = process;
    list_init(&port->requests);
    list_init(&port->returned);
    list_init(&port->spares);
    list_init(&port->waiters);
    list_init(&port->upcall_link);
    list_init(&port->post_link);
    long handle = handle_add(&process->handles, &port->object, RIGHTS_ALL);
    port->handle = (handle_t){(uint32_t)handle};
    if (handle >= 0)
        set_policy(port, &policy, thread);
    object_drop(&port->object);
    return handle;
}

long sys_reply_port_policy(handle_t handle, struct user_ptr at)
{
    struct reply_policy policy;
    struct reply_port *port;
    struct thread *thread;
    long error = reply_port_look(handle, RIGHT_CONTROL, &port);

    if (error || (error = read_policy(at, &policy, &thread)))
        return error;
    set_policy(port, &policy, thread);
    return 0;
}

void reply_port_destroy(struct reply_port *port)
{
    leave_thread(port);
    list_append(&dying, &port->upcall_link);
    schedule_reap();
}

bool reply_port_reap(void)
{
    if (list_empty(&dying))
        return false;
    struct reply_port *port = container_of(dying.next, struct reply_port, upcall_link);
    for (uint32_t i = 0; i < REQUESTS_A_PIECE && !list_empty(&port->requests); i++)
        request_leave_port(container_of(port->requests.next, struct request, sibling));
    if (!list_empty(&port->requests))
        return true;
    for (uint32_t i = 0; i < REQUESTS_A_PIECE && !list_empty(&port->waiters); i++)
        thread_wake(container_of(port->waiters.next, struct thread, queue), -EPIPE);
    if (list_empty(&port->waiters)) {
        list_remove(&port->upcall_link);
        slab_give(&port->process->quota, port);
    }
    return true;
}
