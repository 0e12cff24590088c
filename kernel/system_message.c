/* SPDX-License-Identifier: MIT */
/*
 * The call of system-call messages, by int 0x81 and by number: sendsys, waitsys,
 * flushsys. See limen/system_message.h.
 */
#include "cpu.h"
#include "deadline.h"
#include "error.h"
#include "operation.h"
#include "port_look.h"
#include "process.h"
#include "reply_port.h"
#include "request.h"
#include "schedule.h"
#include "system_call.h"
#include "thread.h"
#include "user_copy.h"

#define BATCH 8 /* messages copied at once */
#define SIZE_WAIT 0u
#define SIZE_TEST UINT32_MAX

/* What crossed: the registers of either gate. */
struct crossing {
    handle_t port;
    struct user_ptr message;
    uint32_t size;
    struct user_ptr deadline;
};

static struct thread *self(void)
{
    return cpu()->current;
}

static bool by_int81(void)
{
    return self()->frame.vector == FRAME_INT81;
}

/* What comes back beside the result. */
static void tell(uint32_t message, uint32_t count)
{
    struct SystemCallFrame *frame = &self()->frame;

    if (by_int81()) {
        frame->ecx = message;
        frame->edx = count;
    } else {
        frame->esi = message;
        frame->edi = count;
    }
    cpu()->work |= WORK_FRAME;
}

static bool is_version(handle_t port)
{
    return port.value < SYSTEM_VERSIONS;
}

/* --- sendsys --- */

/* One message that is being sent, and what becomes of it. */
struct sending {
    struct system_message *message;
    struct user_ptr at;
    struct endpoint *endpoint; /* NULL: the kernel */
    bool may_wait;
    bool stop;    /* it was not taken, or the thread has to wait for it */
    int32_t done; /* if not to stop: its result */
};

static struct user_ptr error_in(struct user_ptr message)
{
    return user_add(message, offsetof(struct system_message, error));
}

/* It is refused, or what has to be done for it is not done yet. */
static long stop(struct sending *sending, long result)
{
    sending->stop = true;
    return result;
}

static long done(struct sending *sending, int32_t result)
{
    sending->done = result;
    return 0;
}

/* Says in the message that it is in flight, and by what it is known. */
static long write_in_flight(struct user_ptr at, const struct request *request)
{
    static const int32_t in_flight = -EASYNC;
    long error = copy_to_user(user_add(at, offsetof(struct system_message, id)),
                              &request->handle, sizeof(request->handle));

    return error ? error : copy_to_user(error_in(at), &in_flight, sizeof(in_flight));
}

/* The message is over at once. */
static long finish(struct sending *sending, struct request *request, long result)
{
    struct request_result results = request->result;

    results.error = (int32_t)result;
    request_end(request);
    if (result == -ENOMEM && process_reap_pending())
        return stop(sending, process_no_memory());
    long error =
        copy_to_user(user_add(sending->at, offsetof(struct system_message, words)),
                     &results, sizeof(results));
    return error ? stop(sending, error) : done(sending, results.error);
}

/* Sends a message that may take time. */
static long send_request(struct sending *sending)
{
    const struct system_message *message = sending->message;
    bool async = message->flags & MSG_ASYNC;
    struct reply_port *port = NULL;
    long error;

    if (!async && !sending->may_wait)
        return stop(sending, 0);
    if (message->reply_port.value &&
        (error = reply_port_look(message->reply_port, RIGHT_WRITE, &port)))
        return stop(sending, error);
    struct request *request = request_create(sending->at, port);
    if (!request)
        return stop(sending, process_no_memory());
    if ((error = write_in_flight(sending->at, request))) {
        request_end(request);
        return stop(sending, error);
    }
    request->live = message->flags & MSG_LIVE;
    long result = operation_begin(request, message, sending->endpoint);
    if (result != OPERATION_WAITS)
        return finish(sending, request, result);
    if (async)
        return done(sending, -EASYNC);
    object_hold(&request->object);
    self()->partial = &request->object;
    request->sync = true;
    list_append(&request->waiters, &self()->queue);
    thread_block();
    return stop(sending, 0);
}

/* Sends a message that takes no time. */
static long send_now(struct sending *sending)
{
    int32_t result = (int32_t)operation_do(sending->message);
    long error = copy_to_user(error_in(sending->at), &result, sizeof(result));

    return error ? stop(sending, error) : done(sending, result);
}

static long send_one(struct sending *sending)
{
    long error = operation_check(sending->message, sending->endpoint);

    if (error)
        return stop(sending, error);
    return sending->endpoint || !operation_immediate(sending->message)
               ? send_request(sending)
               : send_now(sending);
}

static long check_array(const struct crossing *crossing, struct endpoint **endpoint)
{
    *endpoint = NULL;
    if (crossing->size % sizeof(struct system_message) ||
        crossing->message.address % _Alignof(struct system_message) ||
        !user_null(crossing->deadline))
        return -EINVAL;
    if (!user_range_ok(crossing->message, crossing->size))
        return -EFAULT;
    if (is_version(crossing->port))
        return crossing->port.value == SYSTEM_VERSION ? 0 : -EINVAL;
    return endpoint_look(crossing->port, endpoint);
}

/* The call is to be done again, from the message on that comes next. */
static long again(uint32_t sent)
{
    self()->progress = sent;
    return schedule_again();
}

static long send(const struct crossing *crossing)
{
    struct system_message messages[BATCH];
    uint32_t count = crossing->size / sizeof(*messages);
    uint32_t sent = self()->progress;
    struct sending sending = {0};
    long error = check_array(crossing, &sending.endpoint);

    self()->progress = 0;
    while (!error && sent < count) {
        uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
        sending.at = user_add(crossing->message, sent * sizeof(*messages));
        error = copy_from_user(messages, sending.at, batch * sizeof(*messages));
        for (uint32_t i = 0; !error && i < batch; i++) {
            sending.message = &messages[i];
            sending.may_wait = sent == 0;
            sending.stop = false;
            error = send_one(&sending);
            if (sending.stop)
                break;
            sending.at = user_add(sending.at, sizeof(*messages));
            sent++;
        }
        if (error || sending.stop)
            break;
        if (sent < count && schedule_preempt_point())
            return again(sent);
    }
    if (self()->state != THREAD_READY)
        return 0;
    if (self()->detour & DETOUR_CALL)
        return again(sent);
    tell(crossing->message.address, sent);
    return error || count > 1 ? error : sending.done;
}

/* --- waitsys --- */

/* Tells the request that the thread has got. */
static long tell_request(struct request *request)
{
    uint32_t message = request->message.address;
    int32_t result;
    long error = request_tell(request, &result);

    tell(message, error ? 0 : 1);
    return error ? error : result;
}

/* The thread was given what it waited for. */
static long tell_given(const struct crossing *crossing)
{
    struct object *object = self()->partial;
    bool array =
        crossing->size != SIZE_WAIT && crossing->size > sizeof(struct system_message);

    self()->partial = NULL;
    long result = tell_request(container_of(object, struct request, object));
    object_drop(object);
    return array && result != -EFAULT ? 0 : result;
}

/* Finds the port and message that are waited for, either NULL, and the threads that
 * do. */
static long find_waited(const struct crossing *crossing, struct reply_port **port,
                        struct request **request)
{
    uint32_t id;
    long error = 0;

    *port = NULL;
    *request = NULL;
    if (crossing->port.value == SYSTEM_VERSION) {
        if (user_null(crossing->message))
            return -EINVAL;
    } else if (is_version(crossing->port)) {
        return -EINVAL;
    } else if ((error = reply_port_look(crossing->port, RIGHT_READ, port))) {
        return error;
    }
    if (user_null(crossing->message))
        return 0;
    error = copy_from_user(
        &id, user_add(crossing->message, offsetof(struct system_message, id)),
        sizeof(id));
    if (error || (error = request_find(crossing->message, id, request)))
        return error;
    return *port && (*request)->port != *port ? -ESRCH : 0;
}

static long wait(const struct crossing *crossing)
{
    struct reply_port *port;
    struct request *request;
    uint64_t until = DEADLINE_NONE;
    long error = find_waited(crossing, &port, &request);

    if (error || (error = deadline_read(crossing->deadline, &until)))
        return error;
    struct list *waiters = request ? &request->waiters : &port->waiters;
    if (!request)
        request = reply_port_first(port);
    if (request && request->state == REQUEST_RETURNED)
        return tell_request(request);
    if (request && request->state == REQUEST_TAKEN && !request->live)
        return -ESRCH;
    if (crossing->size == SIZE_TEST)
        return -EAGAIN;
    if (deadline_passed(until))
        return -ETIMEDOUT;
    list_append(waiters, &self()->queue);
    deadline_block(until, -ETIMEDOUT);
    return 0;
}

/* --- flushsys, and the call itself --- */

static long flush(const struct crossing *crossing)
{
    if (crossing->port.value != SYSTEM_VERSION || !user_null(crossing->deadline))
        return -EINVAL;
    self()->detour |= DETOUR_UPCALL;
    cpu()->work |= WORK_MESSAGES;
    return 0;
}

static long cross(const struct crossing *crossing)
{
    if (thread_partial(OBJECT_REQUEST))
        return tell_given(crossing);
    if (crossing->size != SIZE_WAIT && crossing->size != SIZE_TEST)
        return send(crossing);
    if (crossing->size == SIZE_WAIT && is_version(crossing->port) &&
        user_null(crossing->message))
        return flush(crossing);
    return wait(crossing);
}

long sys_sendsys(handle_t port, struct user_ptr message, uint32_t size,
                 struct user_ptr deadline)
{
    return cross(&(struct crossing){port, message, size, deadline});
}

long system_message(struct SystemCallFrame *frame)
{
    return cross(&(struct crossing){
        .port = {frame->error},
        .message = {frame->ecx},
        .size = frame->edx,
        .deadline = {frame->ebx},
    });
}
