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

/* The fields of a message that mean something. */
#define OBJECT (1u << 0)
#define WORD_0 (1u << 1)
#define WORD_1 (1u << 2)
#define WORD_2 (1u << 3)
#define TIME (1u << 4)
#define PERIOD (1u << 5) /* if it is live */

enum liveness {
    NEVER_LIVE,
    MAY_BE_LIVE,
    ALWAYS_LIVE,
};

typedef long doer(const struct system_message *message);
typedef long beginner(struct request *request, const struct system_message *message);

struct operation {
    uint8_t fields;
    uint8_t liveness;
    doer *act;       /* what takes no time; or */
    beginner *begin; /* what may */
};

static uint64_t signals_of(const struct system_message *message)
{
    return message->words[0] | (uint64_t)message->words[1] << 32;
}

/* --- What takes no time --- */

static long act_null(const struct system_message *message)
{
    return 0;
}

static long act_process_post(const struct system_message *message)
{
    struct process *process;
    long error = process_look(message->object, RIGHT_CONTROL, &process);

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
    long error = thread_look(message->object, RIGHT_CONTROL, &thread);

    if (error)
        return error;
    if (thread->state == THREAD_ENDED)
        return -ESRCH;
    watch_post(&thread->watch, signals_of(message));
    return 0;
}

/* The request of the message at an address. */
static long find_message(uint32_t address, struct request **request)
{
    struct user_ptr at = {address};
    uint32_t id;
    long error = copy_from_user(&id, user_add(at, offsetof(struct system_message, id)),
                                sizeof(id));

    return error ? error : request_find(at, id, request);
}

static long act_cancel(const struct system_message *message)
{
    struct request *request;
    long error = find_message(message->words[0], &request);

    return error ? error : request_cancel(request, -ECANCELED);
}

static long act_acknowledge(const struct system_message *message)
{
    struct request *request;
    long error = find_message(message->words[0], &request);

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
    request->period = message->period;
    request_set_timer(request, message->time);
    return OPERATION_WAITS;
}

static long begin_futex(struct request *request, const struct system_message *message)
{
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
    request->signals = signals_of(message);
    uint64_t ready = watched->posted & request->signals;

    if (request->signals == 0)
        return -EINVAL;
    if (ready && !request->live) {
        watched->posted &= ~ready;
        request->result.words[0] = (uint32_t)ready;
        request->result.words[1] = (uint32_t)(ready >> 32);
        return 0;
    }
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

    return error ? error : listen(request, message, &process->object, &process->watch);
}

static long begin_thread_signals(struct request *request,
                                 const struct system_message *message)
{
    struct thread *thread;
    long error = thread_look(message->object, RIGHT_CONTROL, &thread);

    return error ? error : listen(request, message, &thread->object, &thread->watch);
}

/* --- The tables --- */

#define SIGNALS (OBJECT | WORD_0 | WORD_1)

static const struct operation operations[SYSTEM_OPERATIONS] = {
    [SYSTEM_NULL] = {0, NEVER_LIVE, act_null, NULL},
    [SYSTEM_TIMER] = {TIME | PERIOD, MAY_BE_LIVE, NULL, begin_timer},
    [SYSTEM_FUTEX] = {WORD_0 | WORD_1 | TIME, NEVER_LIVE, NULL, begin_futex},
    [SYSTEM_PROCESS_END] = {OBJECT | TIME, NEVER_LIVE, NULL, begin_process_end},
    [SYSTEM_THREAD_END] = {OBJECT | TIME, NEVER_LIVE, NULL, begin_thread_end},
    [SYSTEM_INTERRUPT] = {OBJECT | WORD_0, ALWAYS_LIVE, NULL, begin_interrupt},
    [SYSTEM_PROCESS_SIGNALS] = {SIGNALS | TIME, MAY_BE_LIVE, NULL, begin_process_signals},
    [SYSTEM_THREAD_SIGNALS] = {SIGNALS | TIME, MAY_BE_LIVE, NULL, begin_thread_signals},
    [SYSTEM_PROCESS_POST] = {SIGNALS, NEVER_LIVE, act_process_post, NULL},
    [SYSTEM_THREAD_POST] = {SIGNALS, NEVER_LIVE, act_thread_post, NULL},
    [SYSTEM_CANCEL] = {WORD_0, NEVER_LIVE, act_cancel, NULL},
    [SYSTEM_ACKNOWLEDGE] = {WORD_0, NEVER_LIVE, act_acknowledge, NULL},
};

static const uint8_t port_fields[PORT_OPERATIONS] = {
    [PORT_CALL] = WORD_0 | WORD_1 | WORD_2 | TIME,
    [PORT_MESSAGE_CALL] = WORD_0 | TIME,
};

/* Whether only these fields say something. */
static bool says_only(const struct system_message *message, uint32_t fields)
{
    uint32_t others = fields & OBJECT ? 0 : message->object.value;

    others |= fields & WORD_0 ? 0 : message->words[0];
    others |= fields & WORD_1 ? 0 : message->words[1];
    others |= fields & WORD_2 ? 0 : message->words[2];
    if (!(fields & TIME))
        others |= (uint32_t)message->time | (uint32_t)(message->time >> 32);
    if (!(fields & PERIOD))
        others |= (uint32_t)message->period | (uint32_t)(message->period >> 32);
    return others == 0;
}

/* Who is told, and how often. */
static bool flags_ok(const struct system_message *message, enum liveness liveness)
{
    bool live = message->flags & MSG_LIVE;
    bool async = message->flags & MSG_ASYNC;

    return !(message->flags & ~(MSG_ASYNC | MSG_LIVE)) && (async || !live) &&
           (async || message->reply_port.value == 0) &&
           (live ? liveness != NEVER_LIVE : liveness != ALWAYS_LIVE);
}

long operation_check(const struct system_message *message,
                     const struct endpoint *endpoint)
{
    uint32_t number = message->operation;
    bool live = message->flags & MSG_LIVE;

    if (endpoint)
        return number < PORT_OPERATIONS && flags_ok(message, NEVER_LIVE) &&
                       says_only(message, port_fields[number])
                   ? 0
                   : -EINVAL;
    if (number >= SYSTEM_OPERATIONS)
        return -EINVAL;
    const struct operation *operation = &operations[number];
    uint32_t fields = operation->fields;
    if (fields & PERIOD && (live ? message->period == 0 : message->period != 0))
        return -EINVAL;
    if (live && number != SYSTEM_TIMER)
        fields &= ~TIME;
    return flags_ok(message, operation->liveness) && says_only(message, fields) ? 0
                                                                                : -EINVAL;
}

bool operation_immediate(const struct system_message *message)
{
    return operations[message->operation].act;
}

long operation_do(const struct system_message *message)
{
    return operations[message->operation].act(message);
}

long operation_begin(struct request *request, const struct system_message *message,
                     struct endpoint *endpoint)
{
    long result;

    request->operation = (uint8_t)(message->operation + (endpoint ? REQUEST_CALL : 0));
    if (endpoint) {
        result = request_begin_call(request, message, endpoint);
        result = result ? result : OPERATION_WAITS;
    } else {
        result = operations[message->operation].begin(request, message);
    }
    if (result == OPERATION_WAITS && message->time && request->operation != SYSTEM_TIMER)
        request_set_timer(request, message->time);
    return result;
}
