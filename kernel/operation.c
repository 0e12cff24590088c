/* SPDX-License-Identifier: MIT */
/* The operations of system-call messages: see operation.h. */
#include "operation.h"

#include "cpu.h"
#include "error.h"
#include "interrupt.h"
#include "process.h"
#include "request.h"
#include "resource.h"
#include "thread.h"
#include "user_copy.h"
#include "watch.h"

typedef long doer(const struct system_message *message);
typedef long beginner(struct request *request, const struct system_message *message);

/* Not 0 if the message is to come back again and again. */
static uint32_t live_flag(const struct system_message *message)
{
    return message->flags & MSG_LIVE;
}

/* Not 0 if it has a period. */
static uint32_t period_of(const struct system_message *message)
{
    return (uint32_t)message->period | (uint32_t)(message->period >> 32);
}

static inline uint64_t signals_of(const struct system_message *message)
{
    return message->words[0] | (uint64_t)message->words[1] << 32;
}

/* --- What takes no time --- */

static long act_null(const struct system_message *message)
{
    return message->object.value | message->words[0] | message->words[1] |
                   message->words[2] | operation_times(message)
               ? -EINVAL
               : 0;
}

static long act_process_post(const struct system_message *message)
{
    struct process *process;
    long error;

    if (message->words[2] | operation_times(message))
        return -EINVAL;
    error = process_look(message->object, RIGHT_CONTROL, &process);
    if (error)
        return error;
    if (process->end.reason)
        return -ESRCH;
    watch_post(&process->watch, signals_of(message));
    return 0;
}

static long act_thread_post(const struct system_message *message)
{
    struct thread *thread;
    long error;

    if (message->words[2] | operation_times(message))
        return -EINVAL;
    thread = cpu()->current;
    if (message->object.value != HANDLE_SELF.value &&
        (error = thread_look(message->object, RIGHT_CONTROL, &thread)))
        return error;
    if (thread->state == THREAD_ENDED)
        return -ESRCH;
    watch_post(&thread->watch, signals_of(message));
    return 0;
}

/* The request that the message is about: of the one at address words[0]. */
static long find_message(const struct system_message *message, struct request **request)
{
    struct user_ptr at = {message->words[0]};
    uint32_t id;

    if (message->object.value | message->words[1] | message->words[2] |
        operation_times(message))
        return -EINVAL;
    long error = copy_from_user(&id, user_add(at, offsetof(struct system_message, id)),
                                sizeof(id));

    return error ? error : request_find(at, id, request);
}

static long act_cancel(const struct system_message *message)
{
    struct request *request;
    long error = find_message(message, &request);

    return error ? error : request_cancel(request, -ECANCELED);
}

static long act_acknowledge(const struct system_message *message)
{
    struct request *request;
    long error = find_message(message, &request);

    if (error)
        return error;
    if (request->operation != SYSTEM_INTERRUPT || !request->target)
        return -EINVAL;
    if (request->state != REQUEST_WAITING)
        return -EAGAIN;
    return interrupt_acknowledge(container_of(request->target, struct interrupt, object));
}

/* --- What may take time --- */

static long begin_timer(struct request *request, const struct system_message *message)
{
    if ((message->object.value | message->words[0] | message->words[1] |
         message->words[2]) ||
        !live_flag(message) != !period_of(message))
        return -EINVAL;
    request->period = message->period;
    request_set_timer(request, message->time);
    return OPERATION_WAITS;
}

static long begin_futex(struct request *request, const struct system_message *message)
{
    if (message->object.value | message->words[2] | period_of(message) |
        live_flag(message))
        return -EINVAL;
    long error = request_begin_futex(request, (struct user_ptr){message->words[0]},
                                     message->words[1]);

    return error ? error : OPERATION_WAITS;
}

/* The request keeps what it watches. */
static void watch(struct request *request, struct object *target, struct list *list)
{
    object_hold(target);
    request->target = target;
    if (list)
        list_append(list, &request->place);
}

static long begin_process_end(struct request *request,
                              const struct system_message *message)
{
    struct process *process;

    if (message->words[0] | message->words[1] | message->words[2] | period_of(message) |
        live_flag(message))
        return -EINVAL;
    long error = process_look(message->object, RIGHT_READ, &process);
    if (error)
        return error;
    if (process == request->process)
        return -EINVAL;
    if (process->end.reason) {
        process_end_words(process, request->result.words);
        return 0;
    }
    watch(request, &process->object, &process->watch.ends);
    return OPERATION_WAITS;
}

static long begin_thread_end(struct request *request,
                             const struct system_message *message)
{
    struct thread *thread;

    if (message->words[0] | message->words[1] | message->words[2] | period_of(message) |
        live_flag(message))
        return -EINVAL;
    long error = thread_look(message->object, RIGHT_READ, &thread);
    if (error)
        return error;
    if (thread == cpu()->current)
        return -EINVAL;
    if (thread->state == THREAD_ENDED)
        return 0;
    watch(request, &thread->object, &thread->watch.ends);
    return OPERATION_WAITS;
}

static long begin_interrupt(struct request *request, const struct system_message *message)
{
    uint32_t irq = message->words[0];
    struct interrupt *interrupt;

    if (message->words[1] | message->words[2] | operation_times(message) ||
        !live_flag(message))
        return -EINVAL;
    long error = interrupt_allowed(message->object, irq);

    if (error || (error = interrupt_create_for(&request->process->quota, irq, request,
                                               &interrupt)))
        return error;
    request->target = &interrupt->object;
    return OPERATION_WAITS;
}

/* Listens; what has been posted already may be all that was asked for. */
static long listen(struct request *request, const struct system_message *message,
                   struct object *target, struct watch *watched)
{
    if (message->words[2] | period_of(message) || (live_flag(message) && message->time))
        return -EINVAL;
    request->signals = signals_of(message);
    if (request->signals == 0)
        return -EINVAL;
    if (!request->live && watch_take(watched, request))
        return 0;
    long error = watch_listen(watched, request);
    if (error)
        return error;
    watch(request, target, NULL);
    return OPERATION_WAITS;
}

static long begin_process_signals(struct request *request,
                                  const struct system_message *message)
{
    struct process *process;
    long error = process_look(message->object, RIGHT_CONTROL, &process);

    if (!error && process->end.reason)
        error = -ESRCH;
    return error ? error : listen(request, message, &process->object, &process->watch);
}

static long begin_thread_signals(struct request *request,
                                 const struct system_message *message)
{
    struct thread *thread;
    long error = thread_look(message->object, RIGHT_CONTROL, &thread);

    if (!error && thread->state == THREAD_ENDED)
        error = -ESRCH;
    return error ? error : listen(request, message, &thread->object, &thread->watch);
}

/* --- The tables --- */

static doer *const doers[SYSTEM_IMMEDIATE] = {
    [SYSTEM_NULL] = act_null,
    [SYSTEM_PROCESS_POST] = act_process_post,
    [SYSTEM_THREAD_POST] = act_thread_post,
    [SYSTEM_CANCEL] = act_cancel,
    [SYSTEM_ACKNOWLEDGE] = act_acknowledge,
};

static beginner *const beginners[SYSTEM_OPERATIONS] = {
    [SYSTEM_TIMER] = begin_timer,
    [SYSTEM_FUTEX] = begin_futex,
    [SYSTEM_PROCESS_END] = begin_process_end,
    [SYSTEM_THREAD_END] = begin_thread_end,
    [SYSTEM_INTERRUPT] = begin_interrupt,
    [SYSTEM_PROCESS_SIGNALS] = begin_process_signals,
    [SYSTEM_THREAD_SIGNALS] = begin_thread_signals,
};

long operation_do(const struct system_message *message)
{
    return live_flag(message) ? -EINVAL : doers[message->operation](message);
}

long operation_begin(struct request *request, const struct system_message *message)
{
    if (message->operation >= SYSTEM_OPERATIONS)
        return -EINVAL;
    request->operation = (uint8_t)message->operation;
    return beginners[message->operation](request, message);
}
