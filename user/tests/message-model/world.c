/* SPDX-License-Identifier: MIT */
/* The things that messages are about, and their comparison with the model: see world.h.
 */
#include "world.h"

#define ECHO_THREAD MODEL_HELPERS /* of the stage's */

struct world world;

uint32_t random_below(uint32_t limit)
{
    world.random ^= world.random << 13;
    world.random ^= world.random >> 7;
    world.random ^= world.random << 17;
    return (uint32_t)(world.random >> 16) % limit;
}

bool agree(long long got, long long wanted, const char *what, uint32_t which)
{
    if (got == wanted)
        return true;
    tap_note("%s %u: %lld, the model says %lld", what, which, got, wanted);
    return false;
}

/* --- Helpers --- */

static void help(uint32_t which)
{
    struct helper *helper = &world.helpers[which];
    for (;;) {
        stage_wait_on(&helper->begun, 1);
        if (stage_stop)
            return;
        helper->begun = 0;
        struct limen_crossing crossing = {.port = helper->port,
                                          .message = helper->message};
        helper->result = (int32_t)(which % 2 ? limen_sendsys_by_int81(&crossing)
                                             : limen_sendsys_by_number(&crossing));
        helper->came = crossing.message;
        helper->done = 1;
    }
}

static void help_again(void)
{
    for (uint32_t i = 0; i < MODEL_HELPERS; i++) {
        uint32_t here = (uint32_t)__builtin_frame_address(0) - (uint32_t)stage_stacks[i];
        if (here < STAGE_STACK_SIZE) {
            help(i);
            break;
        }
    }
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

bool world_give_up(uint32_t which)
{
    handle_t thread = stage_threads[which];
    struct thread_state state;
    (void)limen_thread_suspend(thread);
    if (!agree(limen_thread_read(thread, &state), 0, "thread_read", which))
        return false;
    state.eip = (uint32_t)help_again;
    state.esp = (uint32_t)stage_stacks[which] + STAGE_STACK_SIZE - 16 - 4;
    world.helpers[which].begun = world.helpers[which].done = 0;
    return agree(limen_thread_write(thread, &state), 0, "thread_write", which) &&
           agree(limen_thread_resume(thread), 0, "thread_resume", which);
}

/* --- The server that answers at once --- */

void world_echo(const uint32_t in[3], uint32_t out[3])
{
    out[0] = in[0] ^ 0x2bad5eed;
    out[1] = in[1] + in[2];
    out[2] = ~in[2];
}

handle_t world_echo_thread(void)
{
    return stage_threads[ECHO_THREAD];
}

static void serve(uint32_t unused)
{
    uint32_t port = world.servers[MODEL_ECHO].port.value;
    uint32_t list[4] = {port};
    (void)unused;
    long kind = limen_cross_words(SYS_LIMEN_receive, list);
    while (kind >= 0 && MESSAGE_KIND(kind) == MESSAGE_CALL) {
        const uint32_t in[3] = {list[1], list[2], list[3]};
        list[0] = port;
        world_echo(in, list + 1);
        kind = limen_cross_words(SYS_LIMEN_reply_receive, list);
    }
}

/* --- Objects --- */

/* A process whose one thread never runs. */
bool world_new_target(uint32_t which)
{
    struct target *target = &world.targets[which];
    const struct thread_start start = {.eip = 0x1000};
    target->process = handle_of(limen_process_create(16));
    (void)limen_process_priority(target->process, ASIDE);
    target->thread = handle_of(limen_thread_create(target->process, &start));
    return agree(limen_thread_suspend(target->thread), 0, "thread_suspend", which);
}

bool world_new_server(uint32_t which)
{
    struct server *server = &world.servers[which];
    server->port = handle_of(limen_port_create());
    server->endpoint = handle_of(limen_endpoint_mint(server->port, which));
    return (long)server->endpoint.value > 0;
}

bool world_begin(uint32_t seed)
{
    memset(&world, 0, sizeof(world));
    world.random = seed * 0x9e3779b97f4a7c15ull + 1;
    model_begin(&world.model);
    bool right = stage_open(0);
    stage_own_priority(MIDDLE);
    for (uint32_t i = 0; i < MODEL_HELPERS; i++) {
        right = right && stage_start(i, help, HIGH);
        world.helpers[i].thread = stage_threads[i];
    }
    for (uint32_t i = 0; i < MODEL_PORTS; i++)
        world.ports[i] = queue_port();
    for (uint32_t i = 0; i < MODEL_TARGETS; i++)
        right = right && world_new_target(i);
    for (uint32_t i = 0; i <= MODEL_ECHO; i++)
        right = right && world_new_server(i);
    return right && stage_start(ECHO_THREAD, serve, HIGHER);
}

bool world_end(void)
{
    (void)limen_thread_resume(world_echo_thread());
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        (void)limen_msg_cancel(&world.messages[i]);
    for (uint32_t i = 0; i < MODEL_HELPERS; i++)
        (void)world_give_up(i);
    for (uint32_t i = 0; i < MODEL_PORTS; i++)
        (void)limen_handle_close(world.ports[i]);
    for (uint32_t i = 0; i < MODEL_REPLIES; i++)
        if (world.model.has_reply[i])
            (void)limen_handle_close(world.replies[i]);
    for (uint32_t i = 0; i <= MODEL_ECHO; i++) {
        (void)limen_handle_close(world.servers[i].port);
        (void)limen_handle_close(world.servers[i].endpoint);
    }
    for (uint32_t i = 0; i < MODEL_TARGETS; i++) {
        (void)limen_process_kill(world.targets[i].process, 0);
        (void)limen_handle_close(world.targets[i].thread);
        (void)limen_handle_close(world.targets[i].process);
    }
    stage_stop = 1;
    for (uint32_t i = 0; i < MODEL_HELPERS; i++)
        stage_tell(&world.helpers[i].begun, 1);
    (void)limen_message_window(NULL);
    (void)limen_reply(0, 0, 0, 0);
    return stage_close();
}

long world_send(handle_t to, struct system_message *messages, uint32_t count,
                uint32_t *taken)
{
    struct limen_crossing crossing = {
        .port = to, .message = messages, .size = count * sizeof(*messages)};
    long result = chance(2) ? limen_sendsys_by_int81(&crossing)
                            : limen_sendsys_by_number(&crossing);
    *taken = crossing.count;
    return result;
}

/* --- Comparison --- */

static bool helper_agrees(uint32_t which)
{
    struct helper *helper = &world.helpers[which];
    struct model_helper *model = &world.model.helpers[which];
    bool done = model->state == HELPER_DONE && !model->suspended;
    if (!agree(helper->done, done, "helper has answered", which))
        return false;
    if (!done)
        return true;
    model->state = HELPER_FREE;
    helper->done = 0;
    bool right = agree(helper->result, model->result, "helper's result", which);
    if (model->which != MODEL_NONE)
        right = right && agree(helper->came - world.messages, model->which,
                               "helper's message", which);
    return right;
}

static bool message_agrees(uint32_t which)
{
    const struct system_message *message = &world.messages[which];
    const struct model_result *shown = &world.model.messages[which].shown;
    if (memcmp(message->words, shown->words, sizeof(shown->words)) == 0 &&
        message->error == shown->error)
        return true;
    tap_note("message %u of kind %u, state %u: %x %x %x %d, the model says %x %x %x %d",
             which, world.model.messages[which].request.kind,
             world.model.messages[which].state, message->words[0], message->words[1],
             message->words[2], message->error, shown->words[0], shown->words[1],
             shown->words[2], shown->error);
    return false;
}

bool world_agrees(void)
{
    bool right = true;
    for (uint32_t i = 0; i < MODEL_HELPERS; i++)
        right = helper_agrees(i) && right;
    for (uint32_t i = 0; i < MODEL_MESSAGES; i++)
        right = message_agrees(i) && right;
    return right;
}
