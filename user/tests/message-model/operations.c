/* SPDX-License-Identifier: MIT */
/* Operations on messages in flight, on what they wait for, and on who waits. */
#include "world.h"

static bool end(bool right)
{
    model_end(&world.model);
    return right;
}

static bool cancel(void)
{
    uint32_t which = random_below(MODEL_MESSAGES);
    long result = limen_msg_cancel(&world.messages[which]);
    return end(agree(result, model_cancel(&world.model, which), "cancel", which));
}

/* What is in flight does not look at what its memory says. */
static bool scribble(void)
{
    uint32_t which = random_below(MODEL_MESSAGES);
    struct system_message *message = &world.messages[which];
    if (world.model.messages[which].state == MODEL_IDLE)
        return true;
    uint32_t id = message->id;
    for (uint32_t i = 0; i < sizeof(*message); i++)
        ((uint8_t *)message)[i] = (uint8_t)random_below(256);
    bool right = agree(limen_msg_cancel(message), -ESRCH, "a forged id", which);
    message->id = id;
    memcpy(world.model.messages[which].shown.words, message->words,
           sizeof(message->words));
    world.model.messages[which].shown.error = message->error;
    return right;
}

static bool post(void)
{
    bool thread = chance(2);
    uint32_t which = random_below(MODEL_TARGETS);
    const struct target *target = &world.targets[which];
    uint64_t signals = 1ull << random_below(10) | 1ull << random_below(64);
    struct system_message message = {
        .operation = thread ? SYSTEM_THREAD_POST : SYSTEM_PROCESS_POST,
        .object = thread ? target->thread : target->process,
        .words = {(uint32_t)signals, (uint32_t)(signals >> 32)}};
    uint32_t taken;
    long result = world_send(LIMEN_SYSTEM, &message, 1, &taken);
    return end(
        agree(result, model_post(&world.model, which, thread, signals), "post", which));
}

static bool wake(void)
{
    uint32_t word = random_below(MODEL_WORDS), other = random_below(MODEL_WORDS);
    uint32_t count = random_below(4), move = word == other ? 0 : random_below(4);
    long result =
        limen_futex_requeue(&world.words[word], count, move, &world.words[other]);
    bool right =
        agree(result, model_wake(&world.model, word, count, move, other), "wake", word);
    world.words[word] += chance(2);
    return end(right);
}

static bool kill(void)
{
    uint32_t which = random_below(MODEL_TARGETS), status = random_below(1000);
    struct target *target = &world.targets[which];
    bool right =
        agree(limen_process_kill(target->process, status), 0, "process_kill", which);
    model_kill(&world.model, which, status);
    return end(right);
}

static bool replace_target(void)
{
    uint32_t which = random_below(MODEL_TARGETS);
    struct target *target = &world.targets[which];
    if (!world.model.targets[which].ended)
        return true;
    (void)limen_handle_close(target->thread);
    (void)limen_handle_close(target->process);
    model_new_target(&world.model, which);
    return world_new_target(which);
}

/* --- Waiting --- */

static bool test(void)
{
    static const uint64_t past = 1;
    bool wait = chance(3), by_version = chance(4);
    uint32_t port = random_below(MODEL_PORTS), came;
    uint32_t message =
        by_version || chance(2) ? random_below(MODEL_MESSAGES) : MODEL_NONE;
    struct limen_crossing crossing = {
        .port = by_version ? LIMEN_SYSTEM : world.ports[port],
        .message = message == MODEL_NONE ? NULL : &world.messages[message],
        .size = wait ? 0 : (uint32_t)-1,
        .deadline = wait ? &past : NULL};
    long result = chance(2) ? limen_sendsys_by_int81(&crossing)
                            : limen_sendsys_by_number(&crossing);
    int32_t wanted = model_test(&world.model, by_version ? MODEL_NONE : port, message,
                                wait ? -ETIMEDOUT : -EAGAIN, &came);
    bool right = agree(result, wanted, "test", message);
    if (came != MODEL_NONE)
        right = right &&
                agree(crossing.message - world.messages, came, "message", message) &&
                agree(crossing.count, 1, "count", message);
    return end(right);
}

/* All that has come back to a port, so that others may wait there. */
static bool drain(void)
{
    uint32_t port = random_below(MODEL_PORTS), came;
    int32_t wanted;
    bool right = true;
    do {
        struct limen_crossing crossing = {.port = world.ports[port],
                                          .size = (uint32_t)-1};
        long result = limen_sendsys_by_int81(&crossing);
        wanted = model_test(&world.model, port, MODEL_NONE, -EAGAIN, &came);
        right = agree(result, wanted, "drain", port) && end(true);
        if (came != MODEL_NONE)
            right =
                right && agree(crossing.message - world.messages, came, "message", port);
    } while (right && came != MODEL_NONE);
    return right;
}

static bool wait(void)
{
    uint32_t which = random_below(MODEL_HELPERS), port = random_below(MODEL_PORTS);
    uint32_t message = chance(2) ? random_below(MODEL_MESSAGES) : MODEL_NONE;
    struct helper *helper = &world.helpers[which];
    bool by_version = message != MODEL_NONE && chance(4);
    if (world.model.helpers[which].state != HELPER_FREE)
        return true;
    helper->port = by_version ? LIMEN_SYSTEM : world.ports[port];
    helper->message = message == MODEL_NONE ? NULL : &world.messages[message];
    model_wait(&world.model, which, by_version ? MODEL_NONE : port, message);
    stage_tell(&helper->begun, 1);
    return end(true);
}

static bool suspend(void)
{
    uint32_t which = random_below(MODEL_HELPERS);
    const struct model_helper *helper = &world.model.helpers[which];
    if (helper->suspended || helper->state == HELPER_FREE)
        return true;
    model_suspend(&world.model, which);
    return end(
        agree(limen_thread_suspend(world.helpers[which].thread), 0, "suspend", which));
}

static bool resume(void)
{
    uint32_t which = random_below(MODEL_HELPERS);
    if (!world.model.helpers[which].suspended)
        return true;
    model_resume(&world.model, which);
    return end(
        agree(limen_thread_resume(world.helpers[which].thread), 0, "resume", which));
}

static bool give_up(void)
{
    uint32_t which = random_below(MODEL_HELPERS);
    if (world.model.helpers[which].state == HELPER_FREE)
        return true;
    model_give_up(&world.model, which);
    return end(world_give_up(which));
}

/* --- What is closed --- */

static bool close_port(void)
{
    uint32_t which = random_below(MODEL_PORTS);
    bool right = agree(limen_handle_close(world.ports[which]), 0, "close", which);
    model_close_port(&world.model, which);
    world.ports[which] = queue_port();
    return end(right);
}

static bool close_message(void)
{
    uint32_t which = random_below(MODEL_MESSAGES);
    const struct model_message *message = &world.model.messages[which];
    if (message->state != MODEL_WAITING && message->state != MODEL_RETURNED)
        return true;
    handle_t handle = {world.messages[which].id};
    model_close_message(&world.model, which);
    return end(agree(limen_handle_close(handle), 0, "close message", which));
}

/* --- Servers --- */

static uint8_t came[TEXT_SIZE];

/* The message that came is the one that was sent. */
static bool right_text(uint32_t which, const uint32_t list[4], uint32_t size)
{
    const struct message *text = &world.texts[which];
    bool right = size == 0 || agree(size, text->send_size, "bytes", which);
    for (int i = 0; i < 3; i++)
        right = right && agree(list[i + 1], text->words[i], "word", which);
    return right &&
           (size == 0 || agree(memcmp(came, world.sent[which], size), 0, "bytes", which));
}

static bool receive(void)
{
    static const uint64_t past = 1;
    static const struct message_window window = {.buffer = came, .size = TEXT_SIZE};
    uint32_t server = random_below(MODEL_SERVERS), which;
    uint32_t list[4] = {world.servers[server].port.value, (uint32_t)&past};
    int32_t wanted = model_receive(&world.model, server, &which);
    (void)limen_message_window(&window);
    long result = limen_cross_words(SYS_LIMEN_receive, list);
    if (wanted < 0 || result < 0)
        return agree(result, wanted, "receive", server);
    return agree(MESSAGE_KIND(result), MESSAGE_CALL, "kind", server) &&
           agree(list[0], server, "badge", server) &&
           right_text(which, list, MESSAGE_SIZE(result));
}

/* Whether the message, if any, takes bytes. */
static bool is_long(uint32_t which, bool sent)
{
    return sent && world.texts[which].handle_room == 1;
}

static struct message random_answer(void)
{
    static uint8_t bytes[TEXT_SIZE];
    memset(bytes, (int)random_below(256), sizeof(bytes));
    return (struct message){.words = {random_below(1000), random_below(1000), 3},
                            .send = bytes,
                            .send_size = random_below(TEXT_SIZE + 1)};
}

/* What the model is told of an answer to a message, and whether its bytes are there. */
static void answer_words(uint32_t which, bool there, const struct message *answer,
                         uint32_t words[3])
{
    memcpy(words, answer->words, sizeof(answer->words));
    if (!is_long(which, there))
        return;
    words[2] = words[1];
    words[1] = words[0];
    words[0] = MESSAGE_TAG(0, 0, answer->send_size);
}

static bool bytes_came(uint32_t which, bool there, const struct message *answer)
{
    uint32_t room = world.texts[which].receive_size;
    uint32_t size = answer->send_size < room ? answer->send_size : room;
    return !is_long(which, there) ||
           agree(memcmp(world.got[which], answer->send, size), 0, "answer", which);
}

static bool reply(void)
{
    struct message answer = random_answer();
    uint32_t which = world.model.client, words[3];
    bool there = world.model.client_there, plain = chance(2);
    if (plain)
        answer.send_size = 0;
    answer_words(which, there, &answer, words);
    long result = plain
                      ? limen_reply(0, answer.words[0], answer.words[1], answer.words[2])
                      : limen_message_reply(&answer);
    bool right = agree(result, model_reply(&world.model, words), "reply", which);
    return end(right && (result || bytes_came(which, there, &answer)));
}

static bool defer(void)
{
    uint32_t which = random_below(MODEL_REPLIES);
    if (world.model.has_reply[which])
        return true;
    long result = limen_reply_defer();
    world.replies[which] = handle_of(result);
    return agree(result < 0 ? result : 0, model_defer(&world.model, which), "defer",
                 which);
}

static bool reply_later(void)
{
    uint32_t which = random_below(MODEL_REPLIES), words[3];
    uint32_t message = world.model.replies[which];
    bool there = message != MODEL_NONE;
    struct message answer = random_answer();
    if (!world.model.has_reply[which])
        return true;
    if (there)
        answer_words(message, true, &answer, words);
    long result = limen_reply_to(world.replies[which], &answer);
    bool right =
        agree(result, model_reply_to(&world.model, which, words), "reply_to", which);
    return end(right && (result || bytes_came(message, there, &answer)));
}

static bool drop_reply(void)
{
    uint32_t which = random_below(MODEL_REPLIES);
    if (!world.model.has_reply[which])
        return true;
    bool right = agree(limen_handle_close(world.replies[which]), 0, "close reply", which);
    model_drop_reply(&world.model, which);
    return end(right);
}

static bool stop_echo(void)
{
    if (world.model.echo_stopped)
        return true;
    model_stop_echo(&world.model);
    return end(agree(limen_thread_suspend(world_echo_thread()), 0, "stop the server", 0));
}

static bool let_echo(void)
{
    if (!world.model.echo_stopped)
        return true;
    model_let_echo(&world.model);
    return end(agree(limen_thread_resume(world_echo_thread()), 0, "let the server", 0));
}

static bool close_server(void)
{
    uint32_t which = random_below(MODEL_SERVERS);
    (void)limen_handle_close(world.servers[which].port);
    (void)limen_handle_close(world.servers[which].endpoint);
    model_close_server(&world.model, which);
    return end(world_new_server(which));
}

const struct operation operations[] = {
    {"send", 30, send_one},
    {"send to who waits", 10, send_to_waiter},
    {"send an array", 6, send_array},
    {"send and wait", 4, send_synchronous},
    {"send what is bad", 4, send_bad},
    {"cancel", 12, cancel},
    {"scribble", 4, scribble},
    {"post", 8, post},
    {"wake", 6, wake},
    {"kill", 2, kill},
    {"replace a target", 2, replace_target},
    {"test", 20, test},
    {"drain a port", 4, drain},
    {"wait", 14, wait},
    {"suspend", 3, suspend},
    {"resume", 4, resume},
    {"give up", 2, give_up},
    {"close a port", 1, close_port},
    {"close a message", 1, close_message},
    {"receive", 10, receive},
    {"reply", 8, reply},
    {"defer", 3, defer},
    {"reply later", 4, reply_later},
    {"drop a reply", 1, drop_reply},
    {"close a server", 1, close_server},
    {"stop a server", 2, stop_echo},
    {"let it go on", 6, let_echo},
};
const uint32_t operation_count = sizeof(operations) / sizeof(*operations);
