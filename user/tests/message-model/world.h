/* SPDX-License-Identifier: MIT */
/*
 * What the model speaks about, as it is: messages, ports, words, targets, servers, and
 * helpers, which are threads above this one: they run at once, until they wait; and so
 * does a server that answers by reply_receive.
 */
#ifndef MESSAGE_WORLD_H
#define MESSAGE_WORLD_H

#include <limen/async.h>

#include "../queue-port.h"
#include "../stage.h"
#include "model.h"

#define TEXT_SIZE 64u

struct target {
    handle_t process, thread;
};

struct server {
    handle_t port, endpoint;
};

/* What a helper was told to do, and what it answers. */
struct helper {
    handle_t thread;
    volatile uint32_t begun, done;
    handle_t port;
    struct system_message *message, *came;
    int32_t result;
};

struct world {
    struct model model;
    struct system_message messages[MODEL_MESSAGES];
    struct message texts[MODEL_MESSAGES]; /* of long calls */
    uint8_t sent[MODEL_MESSAGES][TEXT_SIZE], got[MODEL_MESSAGES][TEXT_SIZE];
    handle_t ports[MODEL_PORTS];
    uint32_t words[MODEL_WORDS];
    struct target targets[MODEL_TARGETS];
    struct server servers[MODEL_SERVERS + 1]; /* and ECHO */
    handle_t replies[MODEL_REPLIES];
    struct helper helpers[MODEL_HELPERS];
    uint64_t random;
};

extern struct world world;

/* A number below the limit, from the seed. */
uint32_t random_below(uint32_t limit);

static inline bool chance(uint32_t of)
{
    return random_below(of) == 0;
}

/* Both sides of what is the same: complains, and answers false. */
bool agree(long long got, long long wanted, const char *what, uint32_t which);

bool world_begin(uint32_t seed);
bool world_end(void);

bool world_new_target(uint32_t which);
bool world_new_server(uint32_t which);

/* What ECHO, a thread above all others, answers to words. */
void world_echo(const uint32_t in[3], uint32_t out[3]);
handle_t world_echo_thread(void);

/* Takes a helper out of its call. */
bool world_give_up(uint32_t helper);

/* Sends through a gate that is chosen at random; what was taken is in *count. */
long world_send(handle_t to, struct system_message *messages, uint32_t count,
                uint32_t *taken);

/* All that can be seen is as the model says; what helpers have answered is taken. */
bool world_agrees(void);

/* --- operations.c: what is done at random --- */

struct operation {
    const char *name;
    uint32_t weight;
    bool (*run)(void);
};

extern const struct operation operations[];
extern const uint32_t operation_count;

/* --- sending.c --- */

bool send_one(void);
bool send_to_waiter(void);
bool send_array(void);
bool send_synchronous(void);
bool send_bad(void);

#endif
