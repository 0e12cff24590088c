/* SPDX-License-Identifier: MIT */
/*
 * What a client does by int 0x81: asks without waiting, more than its reply port keeps
 * requests for, waits for any answer or a certain one, cancels, and posts signals to
 * itself, of which its second port makes upcalls, or not.
 */
#include <errno.h>
#include <string.h>

#include <limen/async.h>

#include "traffic.h"

#define MESSAGES 12u
#define BODY 512u
#define SIGNALS 0xffu
#define NOBODY MESSAGES
#define UPCALL_STACK 4096u

/* One that may be in flight. */
struct asked {
    bool flying, is_long, timed, cancelled;
    uint32_t words[3]; /* of the answer */
};

/* Of one worker. */
struct async {
    struct system_message messages[MESSAGES];
    struct asked asked[MESSAGES];
    uint32_t flying;
    struct message body; /* of the one that is long */
    uint8_t sent[BODY], got[BODY];
    bool has_long, has_timed; /* one of them is */

    struct system_message heard; /* listens for the worker's signals */
    uint32_t posted;             /* and not told */
    uint32_t port, heard_port;
    struct reply_policy policy; /* of that */
    uint32_t inside;            /* upcalls that are under way */
    volatile uint32_t section;
    uint8_t stack[UPCALL_STACK] __attribute__((aligned(16)));
};

static struct async asyncs[WORKERS];

LIMEN_UPCALL(traffic_upcall);

static struct async *of(const struct worker *worker)
{
    return &asyncs[worker->index];
}

/* --- Crossing --- */

static long cross(struct worker *worker, uint32_t kind, uint32_t port,
                  struct system_message **message, uint32_t *size,
                  const uint64_t *deadline)
{
    struct crossing crossing = {.words = {port, (uint32_t)deadline, (uint32_t)*message,
                                          *size, worker_random(worker, UINT32_MAX)}};
    long result = worker_cross81(worker, kind, &crossing);

    *message = (struct system_message *)crossing.words[2];
    *size = crossing.words[3];
    return result;
}

/* Sends one message: it is taken if the answer is 0, EASYNC, or its own error. */
static long send(struct worker *worker, uint32_t kind, uint32_t port,
                 struct system_message *message)
{
    struct system_message *at = message;
    uint32_t size = sizeof(*message);
    long result = cross(worker, kind, port, &at, &size, NULL);

    worker_expect(worker, at == message && size <= 1, WRONG_KEPT);
    if (size == 1)
        worker_expect(worker, message->error == result, WRONG_RESULT);
    return result;
}

/* --- Requests --- */

static uint32_t find_free(const struct async *async)
{
    uint32_t which = 0;

    while (which < MESSAGES && async->asked[which].flying)
        which++;
    return which;
}

static void make_long(struct worker *worker, struct system_message *message,
                      const uint32_t words[3])
{
    struct async *async = of(worker);

    async->body = (struct message){
        .words = {words[0], words[1], words[2]},
        .send = async->sent,
        .send_size = worker_random(worker, BODY + 1),
        .receive = async->got,
        .receive_size = worker_random(worker, BODY + 1),
        .handle_room = worker_random(worker, 3),
    };
    fill_bytes(async->sent, async->body.send_size, words[0]);
    message->operation = PORT_MESSAGE_CALL;
    message->words[0] = (uint32_t)&async->body;
    message->words[1] = message->words[2] = 0;
}

/* Asks a server, and goes on. */
static void ask(struct worker *worker)
{
    struct async *async = of(worker);
    struct target target = target_choose(worker);
    uint32_t which = find_free(async);
    uint32_t words[3];

    if (which == NOBODY)
        return;
    struct asked *asked = &async->asked[which];
    struct system_message *message = &async->messages[which];
    target_words(worker, words);
    *message = (struct system_message){
        .flags = MSG_ASYNC,
        .reply_port = {async->port},
        .words = {words[0], words[1], words[2]},
        .error = 1,
    };
    *asked = (struct asked){
        .is_long = !async->has_long && worker_random(worker, 4) == 0,
        .timed = !async->has_timed && worker_random(worker, 5) == 0,
    };
    if (asked->is_long)
        make_long(worker, message, words);
    if (asked->timed)
        message->time = worker_timeout(worker);
    long result = send(worker, RECORD_ASK, target.endpoint, message);
    asked->flying = result == -EASYNC;
    worker_expect(worker,
                  asked->flying || target_may_answer(&target, result) ||
                      (result == -E2BIG && asked->is_long),
                  WRONG_RESULT);
    worker_expect(worker, result != 0, WRONG_RESULT);
    answer_words(words, target.badge);
    memcpy(asked->words, words, sizeof(words));
    if (!asked->flying)
        return;
    async->flying++;
    async->has_long |= asked->is_long;
    async->has_timed |= asked->timed;
}

static void check_long(struct worker *worker, const struct system_message *message,
                       const uint32_t words[3])
{
    struct async *async = of(worker);
    uint32_t size = MESSAGE_SIZE(message->words[0]);
    uint32_t came = size < async->body.receive_size ? size : async->body.receive_size;
    struct message handles = async->body;

    handles.handle_count = MESSAGE_HANDLE_COUNT(message->words[0]);
    worker_expect(worker, memcmp(words, message->words + 1, 8) == 0, WRONG_WORDS);
    worker_expect(worker, handles.handle_count <= async->body.handle_room, WRONG_MESSAGE);
    worker_expect(worker, right_bytes(async->got, came, words[0], 0), WRONG_BYTES);
    worker_close_handles(worker, &handles);
}

/* A message has come back. */
static void came(struct worker *worker, const struct system_message *message, long result)
{
    struct async *async = of(worker);
    uint32_t which = (uint32_t)(message - async->messages);

    worker_expect(worker, which < MESSAGES && async->asked[which].flying, WRONG_MESSAGE);
    if (which >= MESSAGES)
        return;
    struct asked *asked = &async->asked[which];
    worker_note(worker, RECORD_ANSWER,
                (const uint32_t[]){which, asked->is_long, asked->timed, asked->cancelled},
                (const uint32_t[]){(uint32_t)message->error, message->words[0],
                                   message->words[1], message->words[2], 0});
    worker_expect(worker, message->error == result, WRONG_RESULT);
    worker_expect(worker,
                  result == 0 || result == -EPIPE ||
                      (result == -ETIMEDOUT && asked->timed) ||
                      (result == -ECANCELED && asked->cancelled) ||
                      (result == -E2BIG && asked->is_long),
                  WRONG_RESULT);
    asked->flying = false;
    async->flying--;
    async->has_long &= !asked->is_long;
    async->has_timed &= !asked->timed;
    if (result == 0 && asked->is_long)
        check_long(worker, message, asked->words);
    else if (result == 0)
        worker_expect(worker,
                      memcmp(asked->words, message->words, sizeof(asked->words)) == 0,
                      WRONG_WORDS);
}

/* Waits, or does not: for any message or for one, at the port or by version. What is
 * answered where none came is one of two errors. */
static void take(struct worker *worker, uint32_t which, uint32_t size, bool by_version,
                 const uint64_t *deadline, long nothing)
{
    struct async *async = of(worker);
    bool named = which < MESSAGES;
    struct system_message *message = named ? &async->messages[which] : NULL;
    struct system_message *before = message;
    bool flying = !named || async->asked[which].flying;
    long result = cross(worker, RECORD_TAKE, by_version ? SYSTEM_VERSION : async->port,
                        &message, &size, deadline);

    if (result == nothing && message == before && size != 1)
        return;
    if (!flying) {
        worker_expect(worker, result == -ESRCH, WRONG_RESULT);
        return;
    }
    worker_expect(worker, size == 1 && (!named || message == before), WRONG_KEPT);
    came(worker, message, result);
}

static void test(struct worker *worker)
{
    bool named = worker_random(worker, 2);
    uint32_t which = named ? worker_random(worker, MESSAGES) : NOBODY;

    take(worker, which, ~0u, named && worker_random(worker, 2), NULL, -EAGAIN);
}

/* Waits as long as it takes, where there is something to wait for; or up to a moment. */
static void wait(struct worker *worker)
{
    struct async *async = of(worker);
    uint64_t time = worker_deadline(worker);
    bool limited = async->flying == 0 || worker_random(worker, 6) == 0;
    uint32_t which = worker_random(worker, 2 * MESSAGES);

    if (limited && worker_random(worker, 4))
        return;
    if (which < MESSAGES && async->asked[which].flying)
        take(worker, which, 0, worker_random(worker, 2), limited ? &time : NULL,
             -ETIMEDOUT);
    else
        take(worker, NOBODY, 0, false, limited ? &time : NULL, -ETIMEDOUT);
}

static void ask_and_wait(struct worker *worker)
{
    ask(worker);
    if (of(worker)->flying > 0)
        take(worker, NOBODY, 0, false, NULL, 0);
}

static void cancel(struct worker *worker)
{
    struct async *async = of(worker);
    uint32_t which = worker_random(worker, MESSAGES), tries = worker_random(worker, 16);
    while (tries-- > 0 && !async->asked[which].flying)
        which = (which + 1) % MESSAGES;
    struct asked *asked = &async->asked[which];
    struct system_message message = {.operation = SYSTEM_CANCEL,
                                     .words = {(uint32_t)&async->messages[which]}};
    long result = send(worker, RECORD_CANCEL, SYSTEM_VERSION, &message);

    worker_expect(worker, result == -ESRCH || (result == 0 && asked->flying),
                  WRONG_RESULT);
    asked->cancelled |= result == 0;
}

/* What is not one message, or asks for what there is not. */
static void mistake(struct worker *worker)
{
    struct async *async = of(worker);
    struct target target = target_choose(worker);
    struct system_message message = {
        .operation = PORT_CALL, .flags = MSG_ASYNC, .reply_port = {async->port}};
    long result, wanted = -EINVAL;

    switch (worker_random(worker, 6)) {
    case 0:
        message.period = 1;
        break;
    case 1:
        message.operation = PORT_OPERATIONS;
        break;
    case 2:
        message.flags |= 4;
        break;
    case 3:
        message.reply_port.value = target.endpoint;
        wanted = -EBADF;
        break;
    case 4:
        message.object.value = 1;
        break;
    default:
        target.endpoint = async->port;
        target.may_be_closed = false;
        wanted = -EBADF;
    }
    result = send(worker, RECORD_ASK, target.endpoint, &message);
    worker_expect(worker, result == wanted || (result == -EBADF && target.may_be_closed),
                  WRONG_RESULT);
}

/* --- Signals and upcalls --- */

static bool makes_upcalls(const struct async *async)
{
    return async->policy.kind == REPLY_UPCALL && !(async->section & CRITICAL_COUNT) &&
           async->inside < async->policy.depth;
}

/* By whichever handle. */
static void post(struct worker *worker)
{
    struct async *async = of(worker);
    uint32_t signals = 1 + worker_random(worker, SIGNALS);
    struct system_message message = {.operation = SYSTEM_THREAD_POST, .words = {signals}};

    if (worker_random(worker, 6) == 0)
        message.object = worker_thread(worker);
    async->posted |= signals;
    long result = send(worker, RECORD_POST, SYSTEM_VERSION, &message);
    worker_expect(worker, result == 0, WRONG_RESULT);
    worker_expect(worker, !makes_upcalls(async) || async->posted == 0, WRONG_MESSAGE);
}

void traffic_upcall(struct upcall *upcall)
{
    uint32_t index = 0;

    while (index < WORKERS - 1 && asyncs[index].heard_port != upcall->port.value)
        index++;
    struct worker *worker = worker_of(index);
    struct async *async = &asyncs[index];
    const struct thread_state *state = &upcall->state;
    async->inside++;
    worker_note(worker, RECORD_UPCALL,
                (const uint32_t[]){upcall->words[0], upcall->words[1], upcall->flags,
                                   state->fs | state->gs << 16},
                (const uint32_t[]){(uint32_t)upcall->error, state->eax, state->edx,
                                   state->eflags & 0x47700, async->inside});
    worker_expect(worker,
                  upcall->words[0] == async->posted && upcall->words[0] != 0 &&
                      upcall->error == 0,
                  WRONG_MESSAGE);
    bool floats = worker->floats;
    worker_expect(worker, async->inside > 1 || !(upcall->flags & UPCALL_FPU) == !floats,
                  WRONG_FPU);
    async->posted = 0;
    worker->floats = false; /* the FPU is the upcall's */
    if (async->inside < async->policy.depth && worker_random(worker, 2))
        post(worker);
    worker->floats = floats;
    async->inside--;
}

/* Takes what was posted while there were no upcalls. */
static void hear(struct worker *worker)
{
    struct async *async = of(worker);
    struct system_message *message = worker_random(worker, 2) ? &async->heard : NULL;
    uint32_t size = ~0u;
    long result = cross(worker, RECORD_TAKE, async->heard_port, &message, &size, NULL);

    worker_expect(worker, result == (async->posted ? 0 : -EAGAIN), WRONG_RESULT);
    if (result != 0)
        return;
    worker_expect(worker, size == 1 && async->heard.words[0] == async->posted,
                  WRONG_MESSAGE);
    async->posted = 0;
}

/* Posts where upcalls are held back, and tries to wait. */
static void post_in_section(struct worker *worker)
{
    struct async *async = of(worker);
    bool interrupt = worker_random(worker, 2);

    async->section = 1 | (interrupt ? CRITICAL_INTERRUPT : 0);
    post(worker);
    if (async->policy.critical && interrupt)
        take(worker, NOBODY, 0, false, NULL, -EINTR);
    bool held = async->section & CRITICAL_HELD;
    async->section = 0;
    if (!held)
        return;
    struct system_message *none = NULL;
    uint32_t size = 0;
    long result = cross(worker, RECORD_FLUSH, SYSTEM_VERSION, &none, &size, NULL);
    worker_expect(worker, result == 0, WRONG_RESULT);
    worker_expect(worker, async->posted == 0, WRONG_MESSAGE);
}

/* Another policy for the second port: no upcalls, or some, here or there. */
static void change_policy(struct worker *worker)
{
    struct async *async = of(worker);
    bool own_stack = worker_random(worker, 2);

    async->policy = (struct reply_policy){.kind = REPLY_QUEUE};
    if (worker_random(worker, 4))
        async->policy = (struct reply_policy){
            .kind = REPLY_UPCALL,
            .depth = 1 + worker_random(worker, 2),
            .entry = (uint32_t)traffic_upcall_upcall,
            .stack = own_stack ? 0 : (uint32_t)async->stack + UPCALL_STACK,
            .stack_size = own_stack ? 0 : UPCALL_STACK,
            .critical = worker_random(worker, 3) ? NULL : (uint32_t *)&async->section,
        };
    long result = worker_call(worker, SYS_LIMEN_reply_port_policy, async->heard_port,
                              (uint32_t)&async->policy, 0, 0);
    worker_expect(worker, result == 0, WRONG_RESULT);
    worker_expect(worker, !makes_upcalls(async) || async->posted == 0, WRONG_MESSAGE);
}

/* A post in a critical section is only held where there are upcalls to be held. */
static void signal(struct worker *worker)
{
    if (of(worker)->policy.critical && worker_random(worker, 2))
        post_in_section(worker);
    else
        post(worker);
}

/* --- The client --- */

static long make_port(struct worker *worker)
{
    static const struct reply_policy policy = {.kind = REPLY_QUEUE};

    return worker_call(worker, SYS_LIMEN_reply_port_create, (uint32_t)&policy, 0, 0, 0);
}

void async_begin(struct worker *worker)
{
    struct async *async = of(worker);

    async->port = (uint32_t)make_port(worker);
    async->heard_port = (uint32_t)make_port(worker);
    async->heard = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                           .flags = MSG_ASYNC | MSG_LIVE,
                                           .reply_port = {async->heard_port},
                                           .words = {SIGNALS}};
    long result = send(worker, RECORD_ASK, SYSTEM_VERSION, &async->heard);
    worker_expect(worker, result == -EASYNC, WRONG_RESULT);
    change_policy(worker);
}

static void (*const steps[])(struct worker *) = {
    ask,          ask,    ask,  ask,  ask_and_wait, ask_and_wait, ask_and_wait,
    ask_and_wait, test,   test, wait, wait,         wait,         cancel,
    mistake,      signal, post, hear, signal,       signal,       change_policy,
};

void async_step(struct worker *worker)
{
    steps[worker_random(worker, sizeof(steps) / sizeof(*steps))](worker);
}
