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
/* Those that wait by a proxy, and whose time is over. */
static struct list overdue = {&overdue, &overdue};

/* --- From being made to the end --- */

static struct request *make(struct process *process, struct reply_port *port)
{
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
    request->port = port;
    list_init(&request->sibling);
    list_init(&request->link);
    list_init(&request->waiters);
    list_init(&request->place);
    if (port)
        list_append(&port->requests, &request->sibling);
    return request;
}

struct request *request_create(struct user_ptr message, struct reply_port *port)
{
    struct request *request = port ? reply_port_spare(port) : NULL;

    if (request)
        reply_port_take_spare(port, request);
    else
        request = make(cpu()->current->process, port);
    if (request)
        request_begin(request, message);
    return request;
}

/* Lets go of what it waits for. */
static inline void leave_place(struct request *request)
{
    struct object *target = request->target;

    if (request->timed) {
        timer_stop(&request->timer);
        request->timed = false;
    }
    list_remove(&request->place);
    if (request->proxy && unlikely(request->proxy->state != THREAD_SUSPENDED))
        thread_give_up_call(request->proxy);
    if (target) {
        request->target = NULL;
        object_drop(target);
    }
}

/* Nobody will be told of it. */
static __attribute__((noinline)) void leave_all(struct request *request)
{
    leave_place(request);
    list_remove(&request->link);
    while (unlikely(!list_empty(&request->waiters))) {
        thread_wake(container_of(request->waiters.next, struct thread, queue), -ESRCH);
        arch_take_interrupts();
    }
    if (unlikely(request->untold))
        request_drop_handles(request);
    request->live = false;
}

static void discard(struct request *request)
{
    struct object *object = handle_take(&request->process->handles, request->handle);

    if (object)
        object_drop(object);
}

/* One that is in nothing any more. */
static void recycle(struct request *request)
{
    struct reply_port *port = request->port;

    if (likely(port && reply_port_has_room(port)))
        reply_port_keep(port, request);
    else
        discard(request);
}

void request_end(struct request *request)
{
    leave_all(request);
    recycle(request);
}

void request_leave_port(struct request *request)
{
    leave_all(request);
    list_remove(&request->sibling);
    request->port = NULL;
    request->state = REQUEST_TAKEN; /* by nobody */
    discard(request);
}

void request_destroy(struct request *request)
{
    leave_all(request);
    if (request->state == REQUEST_SPARE)
        request->port->spare_count--;
    list_remove(&request->sibling);
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

/* Gives it to a thread that waits, which has yet to be scheduled. */
static inline struct thread *give(struct request *request, struct list *waiters)
{
    struct thread *thread = container_of(list_take(waiters), struct thread, queue);

    request->state = REQUEST_TAKEN;
    if (likely(!thread->partial)) {
        object_hold(&request->object);
        thread->partial = &request->object;
    }
    if (unlikely(thread->timed))
        thread_stop_timer(thread);
    thread->detour |= DETOUR_TELL;
    thread->state = THREAD_READY;
    return thread;
}

static inline struct thread *come(struct request *request)
{
    struct reply_port *port = request->port;

    if (unlikely(request->state != REQUEST_WAITING))
        return NULL; /* it is on its way, and is live: what came adds up */
    if (!request->live)
        leave_place(request);
    if (unlikely(!list_empty(&request->waiters)))
        return give(request, &request->waiters);
    if (likely(port && !list_empty(&port->waiters)))
        return give(request, &port->waiters);
    request->state = REQUEST_RETURNED;
    if (likely(port)) {
        reply_port_put(port, request);
        return NULL;
    }
    list_append(&unshown, &request->link);
    cpu()->work |= WORK_MESSAGES;
    return NULL;
}

struct thread *request_proxy_done(struct thread *proxy)
{
    struct request *request = proxy->request;
    long answer = (long)proxy->frame.eax;

    proxy->state = THREAD_SUSPENDED;
    if (likely(request->operation == REQUEST_CALL && answer >= 0))
        copy_words(request->result.words, proxy->frame.words);
    else
        request_note_answer(request, answer);
    return come(request);
}

void request_return(struct request *request)
{
    struct thread *waiter = come(request);

    if (waiter)
        schedule_ready(waiter);
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

#define PERIOD_LARGE (UINT64_MAX / 4)

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* It comes again before it was told, or its numbers are so large that they may overflow.
 */
static __attribute__((cold, noinline)) uint64_t expire_slowly(struct timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);
    uint64_t passed = 1 + (arch_clock() - request->due) / request->period;
    uint64_t more;

    if (__builtin_mul_overflow(passed, request->period, &more) ||
        __builtin_add_overflow(request->due, more, &request->due))
        request->due = UINT64_MAX;
    request->result.words[0] =
        (uint32_t)smaller(request->result.words[0] + passed, UINT32_MAX);
    request->timed = request->state == REQUEST_WAITING && request->due <= PERIOD_LARGE;
    request_return(request);
    return request->timed ? request->due : TIMER_OVER;
}

/* A live timer is set anew at once, so that telling its message is all that is left to
 * do. If it comes again before, it only counts, and is not set until it was told. */
static uint64_t expire_live(struct timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);
    struct reply_port *port = request->port;

    if (unlikely(request->state != REQUEST_WAITING))
        return expire_slowly(timer);
    request->due += request->period; /* if that is late, too, it comes again at once */
    request->result.words[0] = 1;
    if (unlikely(port->thread || !list_empty(&request->waiters) ||
                 !list_empty(&port->waiters))) {
        request_return(request);
    } else {
        request->state = REQUEST_RETURNED;
        list_append(&port->returned, &request->link); /* all that such a port does */
    }
    return request->due;
}

static bool by_proxy(const struct request *request)
{
    return request->operation == SYSTEM_FUTEX || request->operation >= REQUEST_CALL;
}

static uint64_t expire(struct timer *timer)
{
    struct request *request = container_of(timer, struct request, timer);

    request->timed = false;
    if (by_proxy(request)) {
        list_append(&overdue, &request->place);
        cpu()->work |= WORK_MESSAGES;
    } else if (request->operation != SYSTEM_TIMER) {
        (void)!request_cancel(request, -ETIMEDOUT);
    } else {
        request_return(request);
    }
    return TIMER_OVER;
}

void request_time_out_all(void)
{
    while (!list_empty(&overdue))
        (void)!request_cancel(container_of(overdue.next, struct request, place),
                              -ETIMEDOUT);
}

void request_set_timer(struct request *request, uint64_t deadline)
{
    request->due = deadline;
    request->timed = true;
    timer_start(&request->timer, deadline,
                request->operation != SYSTEM_TIMER || !request->live ? expire
                : request->period > PERIOD_LARGE                     ? expire_slowly
                                                                     : expire_live);
}

/* --- Telling --- */

/* What came while the others were told has yet to be. */
static void come_again(struct request *request, const struct request_result *told)
{
    uint32_t *words = request->result.words;

    request->state = REQUEST_WAITING;
    for (int i = 0; i < 3; i++) {
        if (request->operation == SYSTEM_TIMER)
            words[i] -= told->words[i];
        else
            words[i] &= ~told->words[i];
    }
    if (words[0] | words[1] | words[2])
        request_return(request);
}

/* A live one waits again. */
static inline void wait_again(struct request *request, const struct request_result *told)
{
    uint32_t *words = request->result.words;

    request->state = REQUEST_WAITING;
    if (unlikely((words[0] ^ told->words[0]) | (words[1] ^ told->words[1])))
        come_again(request, told);
    else
        words[0] = words[1] = words[2] = 0;
    if (unlikely(!request->timed) && request->operation == SYSTEM_TIMER &&
        request->state == REQUEST_WAITING)
        request_set_timer(request, request->due);
}

void request_told(struct request *request, const struct request_result *told)
{
    list_remove(&request->link);
    if (request->live)
        wait_again(request, told);
    else if (likely(list_empty(&request->waiters) && request->untold == 0))
        recycle(request); /* when it came back it left all else */
    else
        request_end(request);
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

long request_tell(struct request *request, int32_t *error)
{
    struct request_result result = request->result;
    long failed = user_put_4(request_results(request), &result);

    if (!failed && unlikely(request->untold))
        failed = request_tell_handles(request);
    if (failed)
        return failed;
    *error = result.error;
    request_told(request, &result);
    return 0;
}

/* Writes to the memory of a process, whosever address space is loaded. */
static bool write_to(struct process *process, struct user_ptr to, const void *from,
                     uint32_t size)
{
    for (uint32_t done = 0, part; done < size; done += part) {
        uint32_t address = to.address + done;
        uint32_t offset = address % PAGE_SIZE;
        phys_t frame = space_page(&process->space, address, true);
        if (frame.address == PHYS_NONE.address)
            return false;
        part = (uint32_t)smaller(PAGE_SIZE - offset, size - done);
        arch_page_write(frame, offset, (const char *)from + done, part);
    }
    return true;
}

/* Writes a request's results to its message, in one piece: nobody finds a part of them.
 * What has no memory to be shown in any more is lost with it. */
static void write_shown(struct request *request)
{
    struct process *process = request->process;
    struct request_result result = request->result;
    struct user_ptr at;

    if (request->untold) {
        const handle_t *handles = request_handles(request, &at);
        if (write_to(process, at, handles, request->untold * sizeof(handle_t)))
            request->untold = 0;
        else
            result = (struct request_result){.error = -EFAULT};
    }
    (void)!write_to(process, request_results(request), &result, sizeof(result));
}

/* A page that is not there may be waited for, and what the dead have be freed: this
 * request, too. */
static void show(struct request *request)
{
    struct process *process = request->process;

    object_hold(&request->object);
    object_hold(&process->object);
    write_shown(request);
    if (list_in(&request->link))
        request_end(request);
    object_drop(&request->object);
    object_drop(&process->object);
}

void request_show_all(void)
{
    while (!list_empty(&unshown)) {
        show(container_of(unshown.next, struct request, link));
        arch_take_interrupts();
    }
}
