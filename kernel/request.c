/* SPDX-License-Identifier: MIT */
/* The life of requests, from being sent to being told: see request.h. */
#include "request.h"

#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "handle.h"
#include "interrupt.h"
#include "message.h"
#include "process.h"
#include "reply_port.h"
#include "schedule.h"
#include "thread.h"
#include "timers.h"
#include "user_copy.h"

/* Those that came back without a port and have yet to be shown. */
static struct list unshown = {&unshown, &unshown};

struct request *request_create(struct user_ptr message, struct reply_port *port)
{
    struct process *process = cpu()->current->process;
    struct request *request = slab_take(&process->quota, SLAB_REQUEST);

    if (!request)
        return NULL;
    object_init(&request->object, OBJECT_REQUEST);
    long handle = handle_add(&process->handles, &request->object, 0);
    if (handle < 0) {
        slab_give(&process->quota, request);
        return NULL;
    }
    object_drop(&request->object); /* the handle holds it */
    request->process = process;
    request->handle = (handle_t){(uint32_t)handle};
    request->message = message;
    request->port = port;
    list_init(&request->sibling);
    list_init(&request->link);
    list_init(&request->waiters);
    list_init(&request->place);
    if (port)
        list_append(&port->requests, &request->sibling);
    return request;
}

static void stop_timer(struct request *request)
{
    if (request->timed)
        timer_stop(&request->timer);
    request->timed = false;
}

/* Lets go of what it waits for. */
static void leave_place(struct request *request)
{
    struct object *target = request->target;

    stop_timer(request);
    list_remove(&request->place);
    if (request->proxy)
        thread_give_up_call(request->proxy);
    request->target = NULL;
    if (target)
        object_drop(target);
}

/* Nobody will be told of it. */
static void leave_all(struct request *request)
{
    leave_place(request);
    list_remove(&request->sibling);
    list_remove(&request->link);
    while (!list_empty(&request->waiters))
        thread_wake(container_of(request->waiters.next, struct thread, queue), -ESRCH);
    request->port = NULL;
    request->live = false;
}

void request_end(struct request *request)
{
    leave_all(request);
    struct object *object = handle_take(&request->process->handles, request->handle);
    if (object)
        object_drop(object);
}

void request_destroy(struct request *request)
{
    leave_all(request);
    if (request->proxy)
        request_destroy_proxy(request);
    slab_give(&request->process->quota, request);
}

long request_find(struct user_ptr message, uint32_t id, struct request **request)
{
    struct object *object;
    long error = handle_look(&cpu()->current->process->handles, (handle_t){id},
                             OBJECT_REQUEST, 0, &object);

    *request = container_of(object, struct request, object);
    if (error || (*request)->message.address != message.address)
        return -ESRCH;
    return 0;
}

/* --- Coming back --- */

void request_give(struct request *request, struct thread *thread)
{
    list_remove(&request->link);
    request->state = REQUEST_TAKEN;
    if (!thread->partial) {
        object_hold(&request->object);
        thread->partial = &request->object;
    }
    thread_restart(thread);
}

void request_return(struct request *request)
{
    if (request->state != REQUEST_WAITING)
        return; /* it is on its way, and is live: what came adds up */
    if (!request->live)
        leave_place(request);
    if (!list_empty(&request->waiters)) {
        request_give(request, container_of(request->waiters.next, struct thread, queue));
    } else if (request->port) {
        request->state = REQUEST_RETURNED;
        reply_port_put(request->port, request);
    } else {
        request->state = REQUEST_RETURNED;
        list_append(&unshown, &request->link);
        cpu()->work |= WORK_MESSAGES;
    }
}

long request_cancel(struct request *request, int32_t error)
{
    if (request->state != REQUEST_WAITING && !request->live)
        return -ESRCH;
    request->live = false;
    request->result.error = error;
    if (request->state == REQUEST_WAITING)
        request_return(request);
    else
        leave_place(request);
    return 0;
}

/* --- Timers --- */

/* A live timer's periods that have passed; it is set anew when they were told. */
static void count_periods(struct request *request, uint64_t now)
{
    uint64_t late = now > request->due ? now - request->due : 0;
    uint64_t passed = 1;

    if (unlikely(late >= request->period))
        passed += late / request->period;
    request->due += passed * request->period;
    request->result.words[0] += (uint32_t)passed;
}

static void expire(struct timer *timer, uint64_t now)
{
    struct request *request = container_of(timer, struct request, timer);

    request->timed = false;
    if (request->operation != SYSTEM_TIMER) {
        (void)!request_cancel(request, -ETIMEDOUT);
        return;
    }
    if (request->live)
        count_periods(request, now);
    request_return(request);
}

void request_set_timer(struct request *request, uint64_t deadline)
{
    request->due = deadline;
    request->timed = true;
    timer_start(&request->timer, deadline, expire);
}

/* --- Telling --- */

struct request_result request_take(struct request *request)
{
    struct request_result result = request->result;

    list_remove(&request->link);
    request->state = request->live ? REQUEST_WAITING : REQUEST_TAKEN;
    request->result = (struct request_result){0};
    return result;
}

void request_put_back(struct request *request, const struct request_result *result)
{
    for (int i = 0; i < 3; i++) {
        if (request->operation == SYSTEM_TIMER)
            request->result.words[i] += result->words[i];
        else
            request->result.words[i] |= result->words[i];
    }
    request->result.error = result->error;
    request->state = REQUEST_WAITING;
    request_return(request);
}

void request_told(struct request *request)
{
    if (!request->live)
        request_end(request);
    else if (request->operation == SYSTEM_TIMER && !request->timed)
        request_set_timer(request, request->due);
}

void request_leave(struct request *request)
{
    if (request->sync) {
        request_end(request);
    } else {
        request->state = REQUEST_WAITING;
        request_return(request);
    }
}

static struct user_ptr results_in(struct user_ptr message)
{
    return user_add(message, offsetof(struct system_message, words));
}

long request_tell(struct request *request, int32_t *error)
{
    struct request_result result = request_take(request);
    long failed = copy_to_user(results_in(request->message), &result, sizeof(result));

    if (!failed)
        failed = request_tell_handles(request);
    if (failed) {
        request_put_back(request, &result);
        return failed;
    }
    *error = result.error;
    request_told(request);
    return 0;
}

/* Shows a request's results in its message: a program that looks at `error` first finds
 * all of them, and one that looks at words of a live one each of them as a whole. What
 * has no memory to be shown in any more is lost with it. */
static void show(struct request *request)
{
    uint32_t address = results_in(request->message).address;
    phys_t frame = space_page(&request->process->space, address, true);
    struct request_result result = request->result;

    list_remove(&request->link); /* after space_page, which may let interrupts in */
    request->state = REQUEST_WAITING;
    if (frame.address != PHYS_NONE.address) {
        uint32_t offset = address % PAGE_SIZE;
        arch_page_write(frame, offset, result.words, sizeof(result.words));
        if (!request->live)
            arch_page_write(frame, offset + sizeof(result.words), &result.error,
                            sizeof(result.error));
    }
    request_told(request);
}

void request_show_all(void)
{
    while (!list_empty(&unshown))
        show(container_of(unshown.next, struct request, link));
}
