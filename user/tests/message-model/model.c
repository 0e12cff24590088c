/* SPDX-License-Identifier: MIT */
/* The model of system-call messages: see model.h. */
#include "model.h"

#include <errno.h>
#include <string.h>

#define ASYNC 115 /* EASYNC; limen/errors.def */
#define KILLED 2  /* PROCESS_KILLED */

static bool by_watch(const struct model_message *message)
{
    return message->request.kind == MODEL_PROCESS_SIGNALS ||
           message->request.kind == MODEL_THREAD_SIGNALS;
}

static void set(struct model_result *result, uint32_t w0, uint32_t w1, uint32_t w2,
                int32_t error)
{
    *result = (struct model_result){{w0, w1, w2}, error};
}

void model_begin(struct model *model)
{
    memset(model, 0, sizeof(*model));
    for (uint32_t i = 0; i < MODEL_TARGETS; i++)
        model_new_target(model, i);
}

/* --- Coming back, and being told --- */

/* The helper that has waited longest for the message, or at the port. */
static struct model_helper *first_helper(struct model *model, enum helper_state state,
                                         uint32_t which)
{
    struct model_helper *first = NULL;

    for (uint32_t i = 0; i < MODEL_HELPERS; i++) {
        struct model_helper *helper = &model->helpers[i];
        if (helper->state == state && helper->which == which &&
            (!first || helper->order < first->order))
            first = helper;
    }
    return first;
}

/* Nobody can answer it any more. */
static void leave_server(struct model *model, uint32_t which)
{
    if (model->client_there && model->client == which)
        model->client_there = false;
    for (uint32_t i = 0; i < MODEL_REPLIES; i++)
        if (model->replies[i] == which)
            model->replies[i] = MODEL_NONE;
}

/* What a message was sent for has come. */
static void come(struct model *model, uint32_t which)
{
    struct model_message *message = &model->messages[which];
    struct model_helper *helper;

    if (message->state != MODEL_WAITING)
        return;
    leave_server(model, which);
    message->order = ++model->clock;
    helper = first_helper(model, HELPER_GIVEN, which);
    if (!helper && message->request.port != MODEL_NONE)
        helper = first_helper(model, HELPER_ANY, message->request.port);
    message->state = helper ? MODEL_TAKEN : MODEL_RETURNED;
    if (helper) {
        helper->state = HELPER_HAS;
        helper->which = which;
    }
}

/* Whoever waits for a message that is over hears so. */
static void over(struct model *model, uint32_t which)
{
    struct model_helper *helper;

    leave_server(model, which);
    model->messages[which].state = MODEL_IDLE;
    while ((helper = first_helper(model, HELPER_GIVEN, which))) {
        helper->state = HELPER_DONE;
        helper->result = -ESRCH;
        helper->which = MODEL_NONE;
    }
}

/* Tells its results; the error. */
static int32_t tell(struct model *model, uint32_t which)
{
    struct model_message *message = &model->messages[which];

    message->shown = message->result;
    if (message->request.live && !message->orphan) {
        set(&message->result, 0, 0, 0, 0);
        message->state = MODEL_WAITING;
        message->order = ++model->clock;
    } else {
        over(model, which);
    }
    return message->shown.error;
}

static void echo(struct model *model);

void model_end(struct model *model)
{
    echo(model);
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        if (model->messages[i].state == MODEL_RETURNED &&
            model->messages[i].request.port == MODEL_NONE)
            (void)tell(model, i);
    for (uint32_t i = 0; i < MODEL_HELPERS; i++) {
        struct model_helper *helper = &model->helpers[i];
        if (helper->state == HELPER_HAS && !helper->suspended) {
            helper->state = HELPER_DONE;
            helper->result = tell(model, helper->which);
        }
    }
}

/* --- What a message is sent for --- */

static struct model_watch *target_named(struct model *model, uint32_t name)
{
    for (uint32_t i = 0; i < MODEL_TARGETS; i++)
        if (model->targets[i].name == name)
            return &model->targets[i];
    return NULL;
}

static uint64_t *posted(struct model_watch *target, enum model_kind kind)
{
    return kind == MODEL_PROCESS_SIGNALS ? &target->posted : &target->thread_posted;
}

/* Whether a message listens for signals of that target's process, or thread. */
static bool listens(const struct model_message *message, enum model_kind kind,
                    uint32_t target)
{
    bool there = message->state == MODEL_WAITING ||
                 (message->state != MODEL_IDLE && message->request.live &&
                  !message->orphan && message->result.error == 0);

    return there && message->request.kind == kind && message->target == target;
}

/* Who has listened longest, of those that listen for any of the signals. */
static uint32_t first_listener(const struct model *model, enum model_kind kind,
                               uint32_t target, uint64_t signals)
{
    uint32_t first = MODEL_NONE;

    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        if (listens(&model->messages[i], kind, target) &&
            (model->messages[i].request.signals & signals) &&
            (first == MODEL_NONE ||
             model->messages[i].since < model->messages[first].since))
            first = i;
    return first;
}

/* The message ends with an error. */
static void fail(struct model *model, uint32_t which, int32_t error)
{
    model->messages[which].request.live = false;
    model->messages[which].result.error = error;
    come(model, which);
}

/* There will be no more signals. */
static void end_listening(struct model *model, enum model_kind kind, uint32_t target)
{
    uint32_t first;

    while ((first = first_listener(model, kind, target, UINT64_MAX)) != MODEL_NONE)
        fail(model, first, -ESRCH);
}

/* Posted signals go to those who listen. */
static void distribute(struct model *model, struct model_watch *target,
                       enum model_kind kind)
{
    uint64_t *signals = posted(target, kind);

    for (uint32_t round = 0; round < MODEL_MESSAGES; round++) {
        uint32_t first = first_listener(model, kind, target->name, *signals);
        if (first == MODEL_NONE)
            return;
        struct model_message *message = &model->messages[first];
        uint64_t taken = *signals & message->request.signals;
        *signals &= ~taken;
        message->result.words[0] |= (uint32_t)taken;
        message->result.words[1] |= (uint32_t)(taken >> 32);
        come(model, first);
    }
}

/* Listens for signals: whether that is over at once, with what result. */
static bool listen(struct model *model, uint32_t which, int32_t *error)
{
    struct model_message *message = &model->messages[which];
    struct model_watch *target = target_named(model, message->target);
    uint64_t ready = *posted(target, message->request.kind) & message->request.signals;

    if (target->ended) {
        *error = -ESRCH;
        return true;
    }
    if (ready && !message->request.live) {
        *posted(target, message->request.kind) &= ~ready;
        set(&message->result, (uint32_t)ready, (uint32_t)(ready >> 32), 0, 0);
        *error = 0;
        return true;
    }
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        if (i != which &&
            listens(&model->messages[i], message->request.kind, message->target) &&
            (model->messages[i].request.signals & message->request.signals)) {
            *error = -EBUSY;
            return true;
        }
    return false;
}

/* Whether a message that was just sent is over at once. */
static bool at_once(struct model *model, uint32_t which, int32_t *error)
{
    struct model_message *message = &model->messages[which];
    const struct model_watch *target = target_named(model, message->target);

    *error = 0;
    switch (message->request.kind) {
    case MODEL_FUTEX:
        *error = -EAGAIN;
        return !message->request.as_before;
    case MODEL_PROCESS_END:
        if (target->ended)
            set(&message->result, KILLED, target->status, 0, 0);
        return target->ended;
    case MODEL_THREAD_END:
        return target->ended;
    case MODEL_PROCESS_SIGNALS:
    case MODEL_THREAD_SIGNALS:
        return listen(model, which, error);
    default:
        return false;
    }
}

int32_t model_send(struct model *model, uint32_t which,
                   const struct model_request *request)
{
    struct model_message *message = &model->messages[which];
    uint32_t what = request->what;
    int32_t error;

    message->request = *request;
    message->since = message->order = ++model->clock;
    message->orphan = false;
    message->target = what < MODEL_TARGETS ? model->targets[what].name : 0;
    set(&message->result, 0, 0, 0, 0);
    if (at_once(model, which, &error)) {
        message->result.error = error;
        message->shown = message->result;
        message->state = MODEL_IDLE;
        return error;
    }
    message->state = MODEL_WAITING;
    message->shown.error = -ASYNC;
    if (by_watch(message))
        distribute(model, target_named(model, message->target), request->kind);
    return -ASYNC;
}

/* --- Ends --- */

/* Of all that wait and fit, who has waited longest. */
static uint32_t first_waiting(const struct model *model, enum model_kind kind,
                              uint32_t what)
{
    uint32_t first = MODEL_NONE;

    for (uint32_t i = 0; i < MODEL_MESSAGES; i++) {
        const struct model_message *message = &model->messages[i];
        bool target = kind == MODEL_PROCESS_END || kind == MODEL_THREAD_END;
        bool in_hand = kind == MODEL_CALL && model->client_there && model->client == i;
        for (uint32_t j = 0; kind == MODEL_CALL && j < MODEL_REPLIES; j++)
            in_hand = in_hand || (model->has_reply[j] && model->replies[j] == i);
        if (message->state == MODEL_WAITING && message->request.kind == kind &&
            (target ? message->target : message->request.what) == what && !in_hand &&
            (first == MODEL_NONE || message->order < model->messages[first].order))
            first = i;
    }
    return first;
}

/* They come back with that, the first first. */
static void come_all(struct model *model, enum model_kind kind, uint32_t what,
                     const struct model_result *result)
{
    uint32_t which;

    while ((which = first_waiting(model, kind, what)) != MODEL_NONE) {
        model->messages[which].result = *result;
        come(model, which);
    }
}

void model_pass(struct model *model)
{
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++) {
        struct model_message *message = &model->messages[i];
        bool timer = message->request.kind == MODEL_TIMER;
        if (message->state != MODEL_WAITING || !message->request.overdue)
            continue;
        message->request.overdue = false;
        if (timer)
            message->result.words[0] = message->request.live;
        else
            message->result.error = -ETIMEDOUT;
        come(model, i);
    }
}

int32_t model_cancel(struct model *model, uint32_t which)
{
    struct model_message *message = &model->messages[which];

    if (message->state == MODEL_IDLE || message->orphan ||
        (message->state != MODEL_WAITING && !message->request.live))
        return -ESRCH;
    fail(model, which, -ECANCELED);
    return 0;
}

int32_t model_post(struct model *model, uint32_t target, bool thread, uint64_t signals)
{
    enum model_kind kind = thread ? MODEL_THREAD_SIGNALS : MODEL_PROCESS_SIGNALS;

    if (model->targets[target].ended)
        return -ESRCH;
    *posted(&model->targets[target], kind) |= signals;
    distribute(model, &model->targets[target], kind);
    return 0;
}

int32_t model_wake(struct model *model, uint32_t word, uint32_t count, uint32_t move,
                   uint32_t to)
{
    const struct model_result none = {0};
    int32_t done = 0;
    uint32_t which;

    for (; count + move > 0; done++) {
        if ((which = first_waiting(model, MODEL_FUTEX, word)) == MODEL_NONE)
            break;
        if (count > 0) {
            count--;
            model->messages[which].result = none;
            come(model, which);
        } else {
            move--;
            model->messages[which].request.what = to;
            model->messages[which].order = ++model->clock;
        }
    }
    return done;
}

void model_kill(struct model *model, uint32_t target, uint32_t status)
{
    struct model_watch *watch = &model->targets[target];
    struct model_result result = {0};

    if (watch->ended)
        return;
    watch->ended = true;
    watch->status = status;
    come_all(model, MODEL_THREAD_END, watch->name, &result);
    end_listening(model, MODEL_THREAD_SIGNALS, watch->name);
    set(&result, KILLED, status, 0, 0);
    come_all(model, MODEL_PROCESS_END, watch->name, &result);
    end_listening(model, MODEL_PROCESS_SIGNALS, watch->name);
}

void model_new_target(struct model *model, uint32_t target)
{
    model->targets[target] = (struct model_watch){.name = ++model->names};
}

/* --- Waiting --- */

/* The message that came back to the port first. */
static uint32_t first_returned(const struct model *model, uint32_t port)
{
    uint32_t first = MODEL_NONE;

    for (uint32_t i = 0; i < MODEL_MESSAGES; i++) {
        const struct model_message *message = &model->messages[i];
        if (message->state == MODEL_RETURNED && message->request.port == port &&
            (first == MODEL_NONE || message->order < model->messages[first].order))
            first = i;
    }
    return first;
}

int32_t model_test(struct model *model, uint32_t port, uint32_t which, int32_t nothing,
                   uint32_t *came)
{
    *came = MODEL_NONE;
    if (which == MODEL_NONE) {
        which = first_returned(model, port);
        if (which == MODEL_NONE)
            return nothing;
    }
    const struct model_message *message = &model->messages[which];
    if (message->state == MODEL_IDLE || message->orphan ||
        (port != MODEL_NONE && message->request.port != port) ||
        (message->state == MODEL_TAKEN && !message->request.live))
        return -ESRCH;
    if (message->state != MODEL_RETURNED)
        return nothing;
    *came = which;
    return tell(model, which);
}

void model_wait(struct model *model, uint32_t which, uint32_t port, uint32_t message)
{
    struct model_helper *helper = &model->helpers[which];

    helper->result = model_test(model, port, message, -ASYNC, &helper->which);
    helper->state = HELPER_DONE;
    if (helper->result != -ASYNC)
        return;
    helper->state = message == MODEL_NONE ? HELPER_ANY : HELPER_GIVEN;
    helper->which = message == MODEL_NONE ? port : message;
    helper->order = ++model->clock;
}

void model_suspend(struct model *model, uint32_t helper)
{
    model->helpers[helper].suspended = true;
}

void model_resume(struct model *model, uint32_t helper)
{
    model->helpers[helper].suspended = false;
}

void model_give_up(struct model *model, uint32_t which)
{
    struct model_helper *helper = &model->helpers[which];
    struct model_message *message = &model->messages[helper->which];
    bool had = helper->state == HELPER_HAS;

    helper->state = HELPER_FREE;
    helper->suspended = false;
    if (had && message->orphan) {
        over(model, helper->which);
    } else if (had) {
        message->state = MODEL_WAITING;
        come(model, helper->which);
    }
}

/* --- What is closed --- */

void model_close_port(struct model *model, uint32_t port)
{
    struct model_helper *helper;

    for (uint32_t i = 0; i < MODEL_MESSAGES; i++) {
        struct model_message *message = &model->messages[i];
        if (message->state == MODEL_IDLE || message->request.port != port ||
            message->orphan)
            continue;
        if (message->state == MODEL_TAKEN)
            message->orphan = true;
        else
            over(model, i);
        while ((helper = first_helper(model, HELPER_GIVEN, i))) {
            helper->state = HELPER_DONE; /* of one that another helper has */
            helper->result = -ESRCH;
            helper->which = MODEL_NONE;
        }
    }
    while ((helper = first_helper(model, HELPER_ANY, port))) {
        helper->state = HELPER_DONE;
        helper->result = -EPIPE;
        helper->which = MODEL_NONE;
    }
}

void model_close_message(struct model *model, uint32_t message)
{
    over(model, message);
}

/* --- Servers --- */

int32_t model_receive(struct model *model, uint32_t server, uint32_t *message)
{
    if (model->client_there)
        return -EBUSY;
    *message = first_waiting(model, MODEL_CALL, server);
    if (*message == MODEL_NONE)
        return -ETIMEDOUT;
    model->client = *message;
    model->client_there = true;
    return 0;
}

static void answer(struct model *model, uint32_t which, const uint32_t words[3])
{
    set(&model->messages[which].result, words[0], words[1], words[2], 0);
    come(model, which);
}

/* The server that answers at once does so. */
static void echo(struct model *model)
{
    uint32_t which;

    while (!model->echo_stopped &&
           (which = first_waiting(model, MODEL_CALL, MODEL_ECHO)) != MODEL_NONE)
        answer(model, which, model->messages[which].request.answer);
}

void model_stop_echo(struct model *model)
{
    model->echo_stopped = true;
}

void model_let_echo(struct model *model)
{
    model->echo_stopped = false;
}

int32_t model_reply(struct model *model, const uint32_t words[3])
{
    if (!model->client_there)
        return -ESRCH;
    answer(model, model->client, words);
    return 0;
}

int32_t model_reply_to(struct model *model, uint32_t reply, const uint32_t words[3])
{
    uint32_t which = model->replies[reply];

    model->has_reply[reply] = false;
    model->replies[reply] = MODEL_NONE;
    if (which == MODEL_NONE)
        return -ESRCH;
    answer(model, which, words);
    return 0;
}

int32_t model_defer(struct model *model, uint32_t reply)
{
    if (!model->client_there)
        return -ESRCH;
    model->client_there = false;
    model->has_reply[reply] = true;
    model->replies[reply] = model->client;
    return 0;
}

void model_drop_reply(struct model *model, uint32_t reply)
{
    uint32_t which = model->replies[reply];

    model->has_reply[reply] = false;
    model->replies[reply] = MODEL_NONE;
    if (which == MODEL_NONE)
        return;
    model->messages[which].result.error = -EPIPE;
    come(model, which);
}

void model_close_server(struct model *model, uint32_t server)
{
    const struct model_result dead = {.error = -EPIPE};

    come_all(model, MODEL_CALL, server, &dead);
}
