/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of system-call messages by int 0x81, and of the answer to a request: in
 * the cases that their conditions list they do what system_message.c, upcall.c and port.c
 * do, and nothing else. As those of calls (fast_call.S) they are closed while anything
 * asks for attention or is left to do. All conditions are known to hold before anything
 * but user memory is changed; where some of that is missing only then, the rest is done
 * as it would have been (answer_slowly, post_only).
 */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "i386.h"
#include "port.h"
#include "process.h"
#include "reply_port.h"
#include "request.h"
#include "schedule.h"
#include "system_call.h"
#include "thread.h"
#include "upcall.h"
#include "user_access.h"
#include "user_copy.h"

#define AT(field) offsetof(struct system_message, field)
#define PUT(field, value) USER_PUT(at, AT(field), value, fault)

#define ONE_MESSAGE sizeof(struct system_message)
#define KIND_REQUEST (PORT_CALL | MSG_ASYNC << 16)
#define KIND_POST SYSTEM_THREAD_POST

/* A place that tests/check-traffic wants to see come by; no instruction. */
#define WAY(name) __asm__ volatile(".globl " #name "\n" #name ":")

static inline struct thread *thread_of(struct SystemCallFrame *frame)
{
    return container_of(frame, struct thread, frame);
}

static inline bool closed(const struct cpu *c)
{
    return (c->attention & ~ATTENTION_LAZY) | c->work;
}

/* The slot of a handle that is good and among the first, or NULL: as fast_call.S finds
 * it. */
static inline struct handle_slot *find(struct thread *self, uint32_t handle,
                                       uint32_t rights)
{
    uint32_t index = handle & ((1u << HANDLE_SLOT_BITS) - 1);
    struct handle_slot *slot = process_first_slots(self->process) + index;

    return likely(index < PROCESS_FIRST_SLOTS) &&
                   likely(!((slot->tag ^ handle ^ index) & HANDLE_TAG_MASK(rights)))
               ? slot
               : NULL;
}

static inline struct reply_port *find_reply_port(struct thread *self, uint32_t handle,
                                                 uint32_t rights)
{
    struct handle_slot *slot = find(self, handle, rights);

    return likely(slot) && likely(slot->object->type == OBJECT_REPLY_PORT)
               ? container_of(slot->object, struct reply_port, object)
               : NULL;
}

/* --- Requests --- */

/* The request goes to the server that waits at the endpoint's port. */
static inline void begin_call(struct request *request, struct endpoint *endpoint,
                              const uint32_t words[3])
{
    uint8_t priority = cpu()->current->base_priority;
    struct thread *server = endpoint->port->receiver;
    struct thread *proxy = request->proxy;

    request->operation = REQUEST_CALL;
    request->live = false;
    proxy->detour = 0;
    proxy->finishing = false;
    proxy->long_message = false;
    if (unlikely(proxy->base_priority != priority))
        proxy->priority = proxy->base_priority = priority;
    proxy->state = THREAD_AWAITING;
    proxy->server = server;
    server->client = proxy;
    endpoint->port->receiver = &port_no_receiver;
    copy_words(server->frame.words, words);
    server->frame.ebx = endpoint->closed.badge;
    thread_complete(server, MESSAGE_CALL);
    schedule_ready(server);
}

/*
 * A request is sent at once if
 *   1. it is an asynchronous call with three words, and has no time-out,
 *   2. the handles of endpoint and reply port are good, and among the first,
 *   3. somebody waits at the port who can be found by fast calls, and inherits nothing,
 *   4. the reply port has a spare request with a proxy.
 */
static __attribute__((noinline)) long send_request(struct SystemCallFrame *frame)
{
    struct thread *self = thread_of(frame);
    struct handle_slot *slot = find(self, frame->error, RIGHT_SEND);
    uint32_t at = frame->ecx;
    struct plain_message plain;
    struct endpoint *endpoint;
    struct reply_port *port;
    struct request *request;

    if (unlikely(!slot) || unlikely(user_read_plain(&plain, at)) ||
        unlikely((plain.kind ^ KIND_REQUEST) | plain.others))
        return system_message(frame);
    endpoint = container_of(slot->object, struct endpoint, object);
    if (unlikely((int8_t)endpoint->port->receiver->priority < self->base_priority) ||
        unlikely(!(port = find_reply_port(self, plain.reply_port, RIGHT_WRITE))) ||
        unlikely(!(request = reply_port_spare(port))) || unlikely(!request->proxy))
        return system_message(frame);
    USER_OPEN();
    PUT(id, request->handle.value);
    PUT(error, -EASYNC);
    USER_CLOSE();
    /* nothing below fails */
    WAY(message_sent);
    frame->edx = 1;
    reply_port_take_spare(port, request);
    request_begin(request, (struct user_ptr){at});
    begin_call(request, endpoint, plain.words);
    return -EASYNC;
fault:
    USER_CLOSE();
    return system_message(frame);
}

/* Writes results to the message at `at`, as user_put_4; false: not at once. */
static inline bool write_results(uint32_t at, const uint32_t words[3], int32_t error)
{
    USER_OPEN();
    PUT(words[0], words[0]);
    PUT(words[1], words[1]);
    PUT(words[2], words[2]);
    PUT(error, error);
    USER_CLOSE();
    return true;
fault:
    USER_CLOSE();
    return false;
}

/* The request's results were told. */
static inline void told(struct request *request)
{
    uint32_t *words = request->result.words;

    if (!request->live || (!request->timed && request->operation == SYSTEM_TIMER)) {
        request_told(request, &request->result);
        return;
    }
    list_remove(&request->link);
    request->state = REQUEST_WAITING;
    words[0] = words[1] = 0; /* live ones use no more */
}

/*
 * A message is taken at once if
 *   1. any of the port's is wanted, without a deadline, and its handle is good, and among
 *      the first,
 *   2. one has come back, without handles. Nobody waits for just that one, who would
 *      have been given it.
 * If none has, what is to be done is done: the thread waits, or is told.
 */
static __attribute__((noinline)) long take(struct SystemCallFrame *frame)
{
    struct thread *self = thread_of(frame);
    struct reply_port *port = find_reply_port(self, frame->error, RIGHT_READ);

    if (unlikely(!port))
        return system_message(frame);
    struct request *request = reply_port_first(port);
    if (!request) {
        if (frame->edx)
            return -EAGAIN;
        WAY(message_awaited);
        list_append(&port->waiters, &self->queue);
        thread_block();
        schedule_wait();
        return 0;
    }
    uint32_t message = request->message.address;
    int32_t error = request->result.error;
    if (unlikely(request->untold) ||
        unlikely(!write_results(message, request->result.words, error)))
        return system_message(frame);
    /* nothing below fails */
    WAY(message_taken);
    frame->ecx = message;
    frame->edx = 1;
    told(request);
    return error;
}

/* The thread, which has yet to go on, could not be told the answer at once. */
_Noreturn static void answer_slowly(struct thread *thread, struct request *request,
                                    const uint32_t words[3])
{
    copy_words(request->result.words, words);
    request->state = REQUEST_TAKEN;
    object_hold(&request->object);
    thread->partial = &request->object;
    thread->detour = DETOUR_TELL;
    arch_leave_after_work();
}

/* Whether the thread can go on with what it waited for, and nothing else. */
static inline bool is_ready_to_take(const struct thread *thread)
{
    const struct cpu *c = cpu();

    return thread->frame.vector == FRAME_INT81 &&
           !(thread->detour | thread->suspended | thread->timed) && !thread->partial &&
           c->ready.top <= thread->priority && (c->ready.top < 0 || c->slice_armed);
}

/*
 * An answer to a request is fast if it is a fast answer but for the client's being a
 * request's proxy (fast_call.S), and
 *   1. the request is a call with three words, has no time-out, and nobody waits for it
 *      but at its reply port, by int 0x81 and without a deadline,
 *   2. none who is ready goes before that thread, and
 *   3. the reply port has room for the request, which then is over.
 */
void fast_answer(struct thread *proxy, struct port *port)
{
    struct thread *self = cpu()->current;
    struct request *request = proxy->request;

    if (!request || closed(cpu()) || request->operation != REQUEST_CALL ||
        request->timed || !list_empty(&request->waiters))
        return;
    struct reply_port *to = request->port;
    if (!to || list_empty(&to->waiters) || !reply_port_has_room(to))
        return;
    struct thread *waiter = container_of(to->waiters.next, struct thread, queue);
    if (!is_ready_to_take(waiter))
        return;
    /* nothing below fails */
    WAY(message_answered);
    const uint32_t *words = self->frame.words;
    proxy->state = THREAD_SUSPENDED;
    proxy->server = NULL;
    self->client = NULL;
    self->priority = self->base_priority;
    self->state = THREAD_RECEIVING;
    port->receiver = self;
    list_remove(&waiter->queue);
    waiter->state = THREAD_READY;
    cpu()->current = waiter;
    thread_switch(self, waiter);
    if (unlikely(!write_results(request->message.address, words, 0)))
        answer_slowly(waiter, request, words);
    waiter->frame.eax = 0;
    waiter->frame.ecx = request->message.address;
    waiter->frame.edx = 1;
    reply_port_keep(to, request);
    leave_with_all(&waiter->frame);
}

/* --- Upcalls, and signals that lead to them --- */

/* arch_upcall_push and arch_upcall_begin, which kernel/upcall.c calls, stand here so that
 * a post has them in place. */
ALWAYS_INLINE bool push(struct thread *thread, uint32_t at, uint32_t eflags,
                        const struct upcall_message *message)
{
    const struct SystemCallFrame *frame = &thread->frame;
    uint32_t result = message->message.address + AT(words);

    save_segments(&thread->arch);
    USER_OPEN();
#define PUT_UP(field, value) USER_PUT(at, offsetof(struct upcall, field), value, fault)
    PUT_UP(state.eax, frame->eax);
    PUT_UP(state.ebx, frame->ebx);
    PUT_UP(state.ecx, frame->ecx);
    PUT_UP(state.edx, frame->edx);
    PUT_UP(state.esi, frame->esi);
    PUT_UP(state.edi, frame->edi);
    PUT_UP(state.ebp, frame->ebp);
    PUT_UP(state.esp, frame->esp);
    PUT_UP(state.eip, frame->eip);
    PUT_UP(state.eflags, eflags);
    PUT_UP(state.cs, SELECTOR_UCODE);
    PUT_UP(state.ss, SELECTOR_UDATA);
    PUT_UP(state.ds, SELECTOR_UDATA);
    PUT_UP(state.es, SELECTOR_UDATA);
    PUT_UP(state.fs, (uint32_t)thread->arch.fs);
    PUT_UP(state.gs, (uint32_t)thread->arch.gs);
    PUT_UP(port, message->port.value);
    PUT_UP(flags, 0);
    PUT_UP(message, message->message.address);
    PUT_UP(error, message->result->error);
    PUT_UP(words[0], message->result->words[0]);
    PUT_UP(words[1], message->result->words[1]);
    PUT_UP(words[2], message->result->words[2]);
    PUT_UP(reserved, 0);
#undef PUT_UP
    USER_PUT(result, 0, message->result->words[0], fault);
    USER_PUT(result, 4, message->result->words[1], fault);
    USER_PUT(result, 8, message->result->words[2], fault);
    USER_PUT(result, 12, message->result->error, fault);
    USER_CLOSE();
    return true;
fault:
    USER_CLOSE();
    return false;
}

ALWAYS_INLINE void begin(struct thread *thread, uint32_t entry, uint32_t at)
{
    thread->frame.eax = at;
    thread->frame.vector = FRAME_INT80;
    thread->frame.eip = entry;
    thread->frame.eflags = EFLAGS_ONE | EFLAGS_IF;
    thread->frame.esp = at;
    thread->frame.ss = SELECTOR_UDATA; /* and so it stays, as DS and ES do */
}

bool arch_upcall_push(struct thread *thread, uint32_t at,
                      const struct upcall_message *message)
{
    return push(thread, at, frame_flags(&thread->frame), message);
}

void arch_upcall_begin(struct thread *thread, uint32_t entry, uint32_t at)
{
    begin(thread, entry, at);
}

/* Whether the message that listens first to the running thread's signals listens to all
 * of these, and makes an upcall there of whatever comes, at once. */
static inline bool listens(const struct request *request, const struct thread *self,
                           const uint32_t signals[3])
{
    const struct reply_port *port = request->port;
    uint32_t low = signals[0], high = signals[1];
    uint32_t others = (low & ~(uint32_t)request->signals) |
                      (high & ~(uint32_t)(request->signals >> 32)) | signals[2];

    return likely(low | high) && likely(!others) && likely(!self->detour) &&
           likely(!self->arch.fpu) && likely(request->state == REQUEST_WAITING) &&
           likely(request->live) && likely(list_empty(&request->waiters)) &&
           likely(port->thread == self) && likely(port->active < port->depth) &&
           likely(port->plain) && likely(list_empty(&port->returned)) &&
           likely(list_empty(&port->waiters));
}

/* Memory for the upcall is missing. What was pushed may stand where the message was,
 * which is not read again. */
static __attribute__((noinline)) long post_only(struct SystemCallFrame *frame,
                                                const uint32_t signals[2])
{
    watch_post(&thread_of(frame)->watch, signals[0] | (uint64_t)signals[1] << 32);
    return 0;
}

/*
 * A post leads to its upcall at once if
 *   1. it is to the running thread, which has nothing else to do and no FPU state,
 *   2. one live message listens for all of the signals, of which none waits to be told,
 *   3. its port makes an upcall, and the stack has room.
 * Then nobody sees that the message was on its way.
 */
static __attribute__((noinline)) long post(struct SystemCallFrame *frame)
{
    struct thread *self = thread_of(frame);
    struct request *request =
        container_of(self->watch.listeners.next, struct request, place);
    uint32_t at = frame->ecx;
    struct plain_message plain;

    if (unlikely(user_read_plain(&plain, at)) || plain.kind != KIND_POST ||
        unlikely(plain.others | plain.reply_port) ||
        unlikely(!listens(request, self, plain.words)))
        return system_message(frame);
    struct reply_port *port = request->port;
    struct request_result result = {.words = {plain.words[0], plain.words[1]}};
    uint32_t to = upcall_place(port, frame->esp, UPCALL_SIZE_PLAIN);
    if (unlikely(!to))
        return system_message(frame);
    USER_OPEN();
    PUT(error, 0);
    USER_CLOSE();
    frame->eax = 0;
    frame->edx = 1;
    if (likely(push(self, to, frame->eflags | EFLAGS_ONE | EFLAGS_IF,
                    &(struct upcall_message){port->handle, request->message, &result}))) {
        WAY(message_upcall);
        port->active++;
        begin(self, port->entry, to);
        leave_with_all(frame);
    }
    return post_only(frame, plain.words);
fault:
    USER_CLOSE();
    return system_message(frame);
}

/* --- int 0x81 --- */

/* One message is sent. */
static __attribute__((noinline)) long send(struct SystemCallFrame *frame)
{
    if (likely((frame->ecx % SYSTEM_MESSAGE_ALIGN | frame->ebx) == 0) &&
        likely(frame->ecx <= KERNEL_BASE - ONE_MESSAGE)) {
        if (frame->error >= SYSTEM_VERSIONS)
            return send_request(frame);
        if (frame->error == SYSTEM_VERSION &&
            !list_empty(&thread_of(frame)->watch.listeners))
            return post(frame);
    }
    return system_message(frame);
}

long fast_message(struct SystemCallFrame *frame)
{
    uint32_t size = frame->edx;

    if (likely(!closed(cpu()))) {
        if (size == ONE_MESSAGE)
            return send(frame);
        if (size + 1 <= 1 && (frame->ecx | frame->ebx) == 0)
            return take(frame);
    }
    return system_message(frame);
}
