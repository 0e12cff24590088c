/* SPDX-License-Identifier: MIT */
/* Operations: messages are sent, of every kind, alone and in arrays, good and bad. */
#include "world.h"

#define ARRAY 6
#define NEVER UINT64_MAX
#define PAST 1
/* Neither ends while the test runs; the kernel may well tell them apart. */
#define LONG_PERIOD (1ull << 50)
#define LONGEST_PERIOD (1ull << 62)

/* A message that is not in flight; MODEL_NONE if all are. */
static uint32_t idle(uint32_t first)
{
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++) {
        uint32_t which = (first + i) % MODEL_MESSAGES;
        if (world.model.messages[which].state == MODEL_IDLE)
            return which;
    }
    return MODEL_NONE;
}

static uint64_t random_signals(void)
{
    uint64_t signals = 0;
    for (uint32_t i = 0; i <= random_below(4); i++)
        signals |= 1ull << random_below(chance(4) ? 64 : 10);
    return signals;
}

static bool asks_echo(const struct model_request *request)
{
    return request->kind == MODEL_CALL && request->what == MODEL_ECHO;
}

static struct model_request random_request(enum model_kind kind, bool overdue)
{
    struct model_request request = {.kind = kind, .async = true, .overdue = overdue};
    bool may_live = kind == MODEL_TIMER || kind == MODEL_PROCESS_SIGNALS ||
                    kind == MODEL_THREAD_SIGNALS;
    request.port = chance(5) ? MODEL_NONE : random_below(MODEL_PORTS);
    request.live = may_live && request.port != MODEL_NONE && chance(2);
    request.overdue = overdue && !(request.live && kind != MODEL_TIMER);
    request.what = random_below(kind == MODEL_FUTEX  ? MODEL_WORDS
                                : kind == MODEL_CALL ? MODEL_ECHO + 2 * MODEL_SERVERS
                                                     : MODEL_TARGETS);
    if (kind == MODEL_CALL && request.what > MODEL_ECHO)
        request.what = MODEL_ECHO;
    if (asks_echo(&request))
        request.overdue = false; /* it might come first, or not */
    request.as_before = !chance(8);
    request.signals = random_signals();
    return request;
}

/* A call with bytes, or with words alone. */
static void make_call(struct system_message *message, uint32_t which)
{
    struct message *text = &world.texts[which];
    message->operation = PORT_CALL;
    for (int i = 0; i < 3; i++)
        message->words[i] = random_below(1u << 30);
    *text = (struct message){
        .words = {message->words[0], message->words[1], message->words[2]},
        .send = world.sent[which],
        .send_size = random_below(TEXT_SIZE + 1),
        .receive = world.got[which],
        .receive_size = random_below(TEXT_SIZE + 1),
    };
    memset(world.sent[which], (int)random_below(256), TEXT_SIZE);
    if (chance(2))
        return;
    text->handle_room = 1; /* which tells it apart */
    message->operation = PORT_MESSAGE_CALL;
    message->words[0] = (uint32_t)text;
    message->words[1] = message->words[2] = 0;
}

static void make(struct system_message *message, uint32_t which,
                 const struct model_request *request)
{
    static const uint16_t numbers[MODEL_KINDS] = {
        [MODEL_TIMER] = SYSTEM_TIMER,
        [MODEL_FUTEX] = SYSTEM_FUTEX,
        [MODEL_PROCESS_END] = SYSTEM_PROCESS_END,
        [MODEL_THREAD_END] = SYSTEM_THREAD_END,
        [MODEL_PROCESS_SIGNALS] = SYSTEM_PROCESS_SIGNALS,
        [MODEL_THREAD_SIGNALS] = SYSTEM_THREAD_SIGNALS,
    };
    enum model_kind kind = request->kind;
    const struct target *target = &world.targets[request->what % MODEL_TARGETS];
    bool thread = kind == MODEL_THREAD_END || kind == MODEL_THREAD_SIGNALS;
    *message = (struct system_message){.operation = numbers[kind],
                                       .error = (int32_t)random_below(100)};
    message->flags =
        (uint16_t)((request->async ? MSG_ASYNC : 0) | (request->live ? MSG_LIVE : 0));
    if (request->port != MODEL_NONE)
        message->reply_port = world.ports[request->port];
    message->time = request->overdue ? PAST : kind == MODEL_TIMER ? NEVER : 0;
    if (kind == MODEL_TIMER)
        message->period = !request->live ? 0 : chance(2) ? LONG_PERIOD : LONGEST_PERIOD;
    else if (kind == MODEL_CALL)
        make_call(message, which);
    else if (kind == MODEL_FUTEX)
        message->words[0] = (uint32_t)&world.words[request->what];
    else
        message->object = thread ? target->thread : target->process;
    if (kind == MODEL_FUTEX)
        message->words[1] = world.words[request->what] + !request->as_before;
    if (kind == MODEL_PROCESS_SIGNALS || kind == MODEL_THREAD_SIGNALS) {
        message->words[0] = (uint32_t)request->signals;
        message->words[1] = (uint32_t)(request->signals >> 32);
    }
}

/* Makes it, and notes what the server will answer, if that is ECHO. */
static void make_and_ask(uint32_t which, struct model_request *request)
{
    uint32_t words[3];
    make(&world.messages[which], which, request);
    if (!asks_echo(request))
        return;
    world_echo(world.texts[which].words, words);
    bool is_long = world.messages[which].operation == PORT_MESSAGE_CALL;
    request->answer[0] = is_long ? MESSAGE_TAG(0, 0, 0) : words[0];
    request->answer[1] = words[is_long ? 0 : 1];
    request->answer[2] = words[is_long ? 1 : 2];
}

/* What the user wrote there. */
static void note(uint32_t which)
{
    struct model_result *shown = &world.model.messages[which].shown;
    memcpy(shown->words, world.messages[which].words, sizeof(shown->words));
    shown->error = world.messages[which].error;
}

static handle_t to(const struct model_request *request)
{
    return request->kind == MODEL_CALL ? world.servers[request->what].endpoint
                                       : LIMEN_SYSTEM;
}

/* Waits until what is overdue has come back, which timers do in their order. */
static bool pass(void)
{
    struct system_message timer = {.operation = SYSTEM_TIMER, .time = clock_now() + 3000};
    bool right = agree(limen_msg_send(LIMEN_SYSTEM, &timer), 0, "time passes", 0);
    model_pass(&world.model);
    model_end(&world.model);
    return right;
}

static bool send_this(struct model_request request)
{
    uint32_t which = idle(random_below(MODEL_MESSAGES)), taken;
    if (which == MODEL_NONE)
        return true;
    make_and_ask(which, &request);
    note(which);
    long result = world_send(to(&request), &world.messages[which], 1, &taken);
    int32_t wanted = model_send(&world.model, which, &request);
    model_end(&world.model);
    bool right = agree(result, wanted, "sent, of kind", request.kind) &&
                 agree(taken, 1, "taken", which);
    return right && (!request.overdue || pass());
}

bool send_one(void)
{
    return send_this(
        random_request((enum model_kind)random_below(MODEL_KINDS), chance(4)));
}

/* To the server that answers at once, where a helper waits for any answer. */
bool send_to_waiter(void)
{
    struct model_request request = random_request(MODEL_CALL, false);
    request.what = MODEL_ECHO;
    for (uint32_t i = 0; i < MODEL_HELPERS; i++)
        if (world.model.helpers[i].state == HELPER_ANY)
            request.port = world.model.helpers[i].which;
    return send_this(request);
}

/* Waited for in the call: only what is over at once, or overdue. */
bool send_synchronous(void)
{
    struct model_request request =
        random_request((enum model_kind)random_below(MODEL_KINDS), true);
    uint32_t which = idle(random_below(MODEL_MESSAGES)), taken;
    if (which == MODEL_NONE || chance(2))
        return true;
    request.async = request.live = false;
    request.overdue = !asks_echo(&request);
    request.port = MODEL_NONE;
    if (asks_echo(&request) && world.model.echo_stopped)
        return true;
    make_and_ask(which, &request);
    note(which);
    long result = world_send(to(&request), &world.messages[which], 1, &taken);
    (void)model_send(&world.model, which, &request);
    model_pass(&world.model);
    model_end(&world.model);
    return agree(result, world.model.messages[which].shown.error, "waited for, of kind",
                 request.kind) &&
           agree(taken, 1, "taken", which);
}

/* Messages in a row: some may be over at once, none is refused but perhaps the last. */
bool send_array(void)
{
    struct model_request requests[ARRAY];
    uint32_t count = 2 + random_below(ARRAY - 1), taken;
    uint32_t first = random_below(MODEL_MESSAGES - count);
    bool call = chance(3), bad = chance(4);
    uint32_t server = random_below(MODEL_ECHO + 1);
    for (uint32_t i = 0; i < count; i++)
        if (world.model.messages[first + i].state != MODEL_IDLE)
            return true;
    for (uint32_t i = 0; i < count; i++) {
        enum model_kind kind =
            call ? MODEL_CALL : (enum model_kind)random_below(MODEL_CALL);
        requests[i] = random_request(kind, false);
        if (call)
            requests[i].what = server;
        make_and_ask(first + i, &requests[i]);
        if (bad && i == count - 1)
            world.messages[first + i].flags |= 0x100;
        note(first + i);
    }
    long result = world_send(to(&requests[0]), &world.messages[first], count, &taken);
    for (uint32_t i = 0; i < count - bad; i++)
        (void)model_send(&world.model, first + i, &requests[i]);
    model_end(&world.model);
    return agree(result, bad ? -EINVAL : 0, "array", count) &&
           agree(taken, count - bad, "taken", count);
}

/* Refused, and nothing has changed. */
bool send_bad(void)
{
    struct model_request request =
        random_request((enum model_kind)random_below(MODEL_KINDS), chance(4));
    uint32_t which = idle(random_below(MODEL_MESSAGES)), taken;
    long wanted = -EINVAL;
    if (which == MODEL_NONE)
        return true;
    struct system_message *message = &world.messages[which];
    make(message, which, &request);
    handle_t where = to(&request);
    switch (random_below(7)) {
    case 0:
        message->flags |= (uint16_t)(4u << random_below(14));
        break;
    case 1:
        message->operation = (uint16_t)(SYSTEM_OPERATIONS + random_below(1000));
        break;
    case 2:
        message->reply_port = world.servers[0].port;
        message->flags |= MSG_ASYNC;
        wanted = -EBADF;
        break;
    case 3:
        message->flags = MSG_LIVE;
        break;
    case 4:
        where.value = 2 + random_below(SYSTEM_VERSIONS - 2);
        break;
    case 5:
        where = world.ports[0];
        wanted = -EBADF;
        break;
    case 6:
        message->words[2] ^= 1;
        message->object.value ^= 1u << 30;
        message->flags = 0;
        message->operation = SYSTEM_NULL;
        where = LIMEN_SYSTEM;
        break;
    }
    note(which);
    struct system_message before = *message;
    long result = world_send(where, message, 1, &taken);
    return agree(result, wanted, "refused, of kind", request.kind) &&
           agree(taken, 0, "taken", which) &&
           agree(memcmp(&before, message, sizeof(before)), 0, "changed", which);
}
