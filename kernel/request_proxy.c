/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait as a thread does: for the answer to a call, or for a futex. In the
 * sender's place waits its proxy, a thread that is always suspended. To whomever it calls
 * it is a caller like others: it can be answered now or later, by words, bytes and
 * handles, it lends its priority, and who asks for its bytes gets them. What would make
 * it ready ends the request.
 */
#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "futex.h"
#include "handle.h"
#include "memory.h"
#include "message.h"
#include "port.h"
#include "process.h"
#include "request.h"
#include "thread.h"
#include "user_copy.h"

static struct thread *make(struct request *request)
{
    struct thread *proxy = thread_create(request->process);

    if (!proxy)
        return NULL;
    proxy->suspended = true;
    proxy->state = THREAD_SUSPENDED;
    proxy->request = request;
    list_append(&request->process->proxies, &proxy->sibling);
    request->proxy = proxy;
    return proxy;
}

/* A proxy that is in nothing, of the sender's priority. */
static inline struct thread *take(struct request *request)
{
    struct thread *proxy = request->proxy;

    if (unlikely(!proxy))
        return make(request);
    proxy->detour = 0;
    proxy->finishing = false;
    proxy->long_message = false;
    proxy->priority = proxy->base_priority = cpu()->current->base_priority;
    return proxy;
}

static long begin_long(struct thread *proxy, struct user_ptr message)
{
    proxy->message_at = message;
    proxy->long_message = true;
    return message_begin(proxy, message);
}

long request_begin_call(struct request *request, const struct system_message *message,
                        struct endpoint *endpoint)
{
    bool is_long = message->operation == PORT_MESSAGE_CALL;
    uint32_t others = message->object.value | (uint32_t)message->period |
                      (uint32_t)(message->period >> 32) | (message->flags & MSG_LIVE) |
                      (is_long ? message->words[1] | message->words[2] : 0);

    if (message->operation >= PORT_OPERATIONS || others)
        return -EINVAL;
    struct thread *proxy = take(request);
    if (!proxy)
        return -ENOMEM;
    request->operation = (uint8_t)(message->operation + REQUEST_CALL);
    copy_words(proxy->frame.words, message->words);
    long error = is_long ? begin_long(proxy, (struct user_ptr){message->words[0]}) : 0;
    return error ? error : port_request(endpoint, proxy);
}

long request_begin_futex(struct request *request, struct user_ptr word, uint32_t expected)
{
    struct thread *proxy = take(request);
    uint32_t value;
    long error;

    if (!proxy)
        return -ENOMEM;
    if ((error = futex_check(word)) ||
        (error = copy_from_user(&value, word, sizeof(value))))
        return error;
    if (value != expected)
        return -EAGAIN;
    proxy->state = THREAD_BLOCKED;
    futex_join(proxy, word.address);
    return 0;
}

void request_note_answer(struct request *request, long answer)
{
    const struct thread *proxy = request->proxy;
    struct request_result *result = &request->result;

    if (answer < 0) {
        result->error = (int32_t)answer;
    } else if (request->operation == REQUEST_MESSAGE_CALL) {
        result->words[0] = (uint32_t)answer;
        result->words[1] = proxy->frame.words[0];
        result->words[2] = proxy->frame.words[1];
        request->untold = MESSAGE_HANDLE_COUNT(answer);
    }
}

const handle_t *request_handles(const struct request *request, struct user_ptr *at)
{
    const struct thread *proxy = request->proxy;

    *at = message_handles(proxy->message_at);
    return proxy->message.handles;
}

long request_tell_handles(struct request *request)
{
    struct user_ptr at;
    const handle_t *handles = request_handles(request, &at);
    long error = copy_to_user(at, handles, request->untold * sizeof(handle_t));

    if (!error)
        request->untold = 0;
    return error;
}

void request_drop_handles(struct request *request)
{
    const handle_t *handles = request->proxy->message.handles;

    for (; request->untold > 0; request->untold--) {
        struct object *object =
            handle_take(&request->process->handles, handles[request->untold - 1]);
        if (object)
            object_drop(object);
    }
}

void request_stop_proxies(struct process *process)
{
    while (!list_empty(&process->proxies)) {
        thread_give_up_call(
            container_of(list_take(&process->proxies), struct thread, sibling));
        arch_take_interrupts();
    }
}

void request_destroy_proxy(struct request *request)
{
    list_remove(&request->proxy->sibling);
    request->proxy->state = THREAD_ENDED;
    object_drop(&request->proxy->object);
}
