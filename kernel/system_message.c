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

static inline struct thread *self(void)
{
    return cpu()->current;
}

/* What comes back beside the result. */
static inline void tell(uint32_t message, uint32_t count)
{
    struct SystemCallFrame *frame = &self()->frame;

    if (likely(frame->vector == FRAME_INT81)) {
        frame->ecx = message;
        frame->edx = count;
        return;
    }
    frame->esi = message;
    frame->edi = count;
    cpu()->work |= WORK_FRAME;
}

static inline bool is_version(handle_t port)
{
    return port.value < SYSTEM_VERSIONS;
}

/* --- sendsys --- */

/* Messages that are being sent: the one that comes next, and what became of the last. */
struct sending {
    const struct system_message *message; /* read once */
    struct user_ptr at;                   /* where the user has it */
    struct endpoint *endpoint;            /* NULL: the kernel */
    bool may_wait;                        /* it is the first */
    long result;
};

/* Whether a message was taken; if not, `result` is the error for which it was refused, or
 * 0: the thread waits for it, or must send it again. */
static bool taken(struct sending *sending, long result)
{
    sending->result = result;
    return true;
}

static bool refused(struct sending *sending, long result)
{
    sending->result = result;
    return false;
}

static inline struct user_ptr error_in(struct user_ptr message)
{
    return user_add(message, offsetof(struct system_message, error));
}

/* Says in the message that it is in flight, and by what it is known. */
static inline long write_in_flight(struct user_ptr at, const struct request *request)
{
    long error = user_put(user_add(at, offsetof(struct system_message, id)),
                          request->handle.value);

    return error ? error : user_put(error_in(at), (uint32_t)-EASYNC);
}

/* The message was refused after all: makes it what it was. */
static void write_nothing(const struct sending *sending)
{
    const struct system_message *message = sending->message;

    (void)!user_put(user_add(sending->at, offsetof(struct system_message, id)),
                    message->id);
    (void)!user_put(error_in(sending->at), (uint32_t)message->error);
}

/* The message is over at once. */
static bool finish(struct sending *sending, struct request *request, long result)
{
    struct request_result results = request->result;

    results.error = (int32_t)result;
    request_end(request);
    if (result == -ENOMEM && process_reap_pending())
        return refused(sending, process_no_memory());
    long error =
        copy_to_user(user_add(sending->at, offsetof(struct system_message, words)),
                     &results, sizeof(results));
    return error ? refused(sending, error) : taken(sending, results.error);
}

/* The thread waits for what it has sent. */
static void wait_for(struct request *request)
{
    object_hold(&request->object);
    self()->partial = &request->object;
    request->sync = true;
    list_append(&request->waiters, &self()->queue);
    thread_block();
}

/* Begins what is asked; as operation_begin. */
static inline long begin(struct request *request, const struct sending *sending)
{
    const struct system_message *message = sending->message;
    long result;

    if (sending->endpoint) {
        result = request_begin_call(request, message, sending->endpoint);
        result = likely(!result) ? OPERATION_WAITS : result;
    } else {
        result = operation_begin(request, message);
    }
    if (unlikely(message->time) && result == OPERATION_WAITS &&
        request->operation != SYSTEM_TIMER)
        request_set_timer(request, message->time);
    return result;
}

/* Sends a message that may take time. */
static bool send_request(struct sending *sending)
{
    const struct system_message *message = sending->message;
    bool async = message->flags & MSG_ASYNC;
    struct reply_port *port = NULL;
    long error;

    if (!async && !sending->may_wait)
        return refused(sending, 0);
    if (message->reply_port.value &&
        (error = reply_port_look(message->reply_port, RIGHT_WRITE, &port)))
        return refused(sending, error);
    struct request *request = request_create(sending->at, port);
    if (!request)
        return refused(sending, process_no_memory());
    if ((error = write_in_flight(sending->at, request))) {
        request_end(request);
        return refused(sending, error);
    }
    request->live = message->flags & MSG_LIVE;
    long result = begin(request, sending);
    if (unlikely(result == -EINVAL)) {
        request_end(request);
        write_nothing(sending);
        return refused(sending, -EINVAL);
    }
    if (result != OPERATION_WAITS)
        return finish(sending, request, result);
    if (async)
        return taken(sending, -EASYNC);
    wait_for(request);
    return refused(sending, 0);
}

/* Who is told, and how often. */
static inline bool flags_ok(const struct system_message *message)
{
    bool async = message->flags & MSG_ASYNC;
    bool live = message->flags & MSG_LIVE;

    return !(message->flags & ~(MSG_ASYNC | MSG_LIVE)) &&
           (async ? message->reply_port.value || !live
                  : !message->reply_port.value && !live);
}

ALWAYS_INLINE bool send_one(struct sending *sending)
{
    const struct system_message *message = sending->message;

    if (unlikely(!flags_ok(message)))
        return refused(sending, -EINVAL);
    if (sending->endpoint || message->operation >= SYSTEM_IMMEDIATE)
        return send_request(sending);
    /* Nothing is done where its result cannot be written. */
    long error = user_put(error_in(sending->at), (uint32_t)message->error);
    if (unlikely(error))
        return refused(sending, error);
    long result = operation_do(message);
    if (unlikely(result == -EINVAL))
        return refused(sending, result);
    error = user_put(error_in(sending->at), (uint32_t)result);
    return unlikely(error) ? refused(sending, error) : taken(sending, result);
}

/* What is sent, and to whom: 0 or an error. */
ALWAYS_INLINE long check(const struct crossing *crossing, struct endpoint **endpoint)
{
    *endpoint = NULL;
    if (unlikely(crossing->message.address % SYSTEM_MESSAGE_ALIGN ||
                 !user_null(crossing->deadline)))
        return -EINVAL;
    if (unlikely(!user_range_ok(crossing->message, crossing->size)))
        return -EFAULT;
    if (!is_version(crossing->port))
        return endpoint_look(crossing->port, endpoint);
    return likely(crossing->port.value == SYSTEM_VERSION) ? 0 : -EINVAL;
}

/* The call is to be done again, from the message on that comes next. */
static long again(uint32_t sent)
{
    self()->progress = sent;
    return schedule_again();
}

/* What is to be done when no more can be sent. */
ALWAYS_INLINE long end_sending(const struct crossing *crossing, long result,
                               uint32_t sent)
{
    if (unlikely(self()->state != THREAD_READY))
        return 0;
    if (unlikely(self()->detour & DETOUR_CALL))
        return again(sent);
    tell(crossing->message.address, sent);
    return result;
}

ALWAYS_INLINE long send(const struct crossing *crossing)
{
    struct system_message copy;
    struct sending sending = {
        .message = &copy,
        .at = crossing->message,
        .may_wait = true,
    };
    long error = check(crossing, &sending.endpoint);

    if (likely(!error))
        error = user_copy_from(&copy, sending.at, sizeof(copy));
    if (unlikely(error))
        return end_sending(crossing, error, 0);
    uint32_t sent = send_one(&sending);
    return end_sending(crossing, sending.result, sent);
}

/* Sends so many messages, which were read; how many were taken. */
static uint32_t send_batch(struct sending *sending, uint32_t count)
{
    uint32_t sent = 0;

    do {
        if (likely(operation_is_null(sending->message) && !sending->endpoint)) {
            sending->result = user_put(error_in(sending->at), 0);
            if (unlikely(sending->result))
                break;
        } else if (!send_one(sending)) {
            break;
        }
        sending->message++;
        sending->at = user_add(sending->at, sizeof(struct system_message));
        sending->may_wait = false;
    } while (++sent < count);
    return sent;
}

static long send_array(const struct crossing *crossing)
{
    struct system_message copies[BATCH];
    uint32_t count = crossing->size / sizeof(*copies);
    uint32_t sent = self()->progress;
    struct sending sending = {.may_wait = sent == 0};

    self()->progress = 0;
    sending.result =
        crossing->size % sizeof(*copies) ? -EINVAL : check(crossing, &sending.endpoint);
    while (!sending.result && sent < count) {
        uint32_t batch = count - sent < BATCH ? count - sent : BATCH;
        sending.message = copies;
        sending.at = user_add(crossing->message, sent * sizeof(*copies));
        sending.result = user_copy_from(copies, sending.at, batch * sizeof(*copies));
        if (unlikely(sending.result && batch > 1)) {
            batch = 1; /* which may be all that can be read */
            sending.result = user_copy_from(copies, sending.at, sizeof(*copies));
        }
        if (unlikely(sending.result))
            break;
        uint32_t went = send_batch(&sending, batch);
        sent += went;
        if (went < batch)
            break;
        sending.result = 0; /* that of the last, which was taken */
        if (sent < count && unlikely(schedule_preempt_point()))
            return again(sent);
    }
    return end_sending(crossing, sending.result, sent);
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

/* The running thread was given what it waits for; the result of its call. */
long system_message_given(void)
{
    struct SystemCallFrame *frame = &self()->frame;
    uint32_t size = frame->vector == FRAME_INT81 ? frame->edx : frame->edi;
    bool array = size != SIZE_WAIT && size > sizeof(struct system_message);
    struct object *object = self()->partial;
    struct request *request = container_of(object, struct request, object);
    uint32_t message = request->message.address;
    int32_t result;

    self()->partial = NULL;
    long error = request_tell(request, &result);
    if (unlikely(error))
        request_leave(request);
    object_drop(object);
    tell(message, error ? 0 : 1);
    return error ? error : array ? 0 : result;
}

/* Waits among those, if it is to wait. */
static long join(const struct crossing *crossing, struct list *waiters, uint64_t until)
{
    if (crossing->size == SIZE_TEST)
        return -EAGAIN;
    if (deadline_passed(until))
        return -ETIMEDOUT;
    list_append(waiters, &self()->queue);
    deadline_block(until, -ETIMEDOUT);
    schedule_wait();
    return 0;
}

/* Waits for the message that is named, at the port or with NULL anywhere. */
static long wait_for_one(const struct crossing *crossing, struct reply_port *port,
                         uint64_t until)
{
    struct request *request;
    uint32_t id;
    long error = copy_from_user(
        &id, user_add(crossing->message, offsetof(struct system_message, id)),
        sizeof(id));

    if (error || (error = request_find(crossing->message, id, &request)))
        return error;
    if ((port && request->port != port) ||
        (request->state == REQUEST_TAKEN && !request->live))
        return -ESRCH;
    return request->state == REQUEST_RETURNED ? tell_request(request)
                                              : join(crossing, &request->waiters, until);
}

static long wait(const struct crossing *crossing)
{
    struct reply_port *port = NULL;
    uint64_t until;
    long error = 0;

    if (!is_version(crossing->port))
        error = reply_port_look(crossing->port, RIGHT_READ, &port);
    else if (crossing->port.value != SYSTEM_VERSION || user_null(crossing->message))
        error = -EINVAL;
    /* No message may come between a look for it and the wait: all is read before. */
    if (unlikely(error) || unlikely(error = deadline_read(crossing->deadline, &until)))
        return error;
    if (!user_null(crossing->message))
        return wait_for_one(crossing, port, until);
    struct request *request = reply_port_first(port);
    return request ? tell_request(request) : join(crossing, &port->waiters, until);
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

ALWAYS_INLINE long cross(const struct crossing *crossing)
{
    if (likely(crossing->size == sizeof(struct system_message)))
        return send(crossing);
    if (crossing->size != SIZE_WAIT && crossing->size != SIZE_TEST)
        return send_array(crossing);
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
