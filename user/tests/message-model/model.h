/* SPDX-License-Identifier: MIT */
/*
 * What system-call messages promise, written down as simply as can be: arrays that are
 * searched, and a number for everything that has an order. It knows no kernel, and makes
 * no calls; a test makes them and compares. What is done in one crossing is told when it
 * ends (model_end): then those who wait go on, and what has no reply port shows itself.
 *
 * Times are in the past or never: what is overdue comes back when model_pass is called.
 */
#ifndef MESSAGE_MODEL_H
#define MESSAGE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_MESSAGES 40u
#define MODEL_PORTS 3u
#define MODEL_HELPERS 4u
#define MODEL_WORDS 3u
#define MODEL_SERVERS 2u
#define MODEL_ECHO MODEL_SERVERS /* one that answers at once, unless it is stopped */
#define MODEL_TARGETS 3u         /* processes, each with a thread */
#define MODEL_REPLIES 4u         /* deferred */
#define MODEL_NONE ~0u

enum model_kind {
    MODEL_TIMER,
    MODEL_FUTEX,
    MODEL_PROCESS_END,
    MODEL_THREAD_END,
    MODEL_PROCESS_SIGNALS,
    MODEL_THREAD_SIGNALS,
    MODEL_CALL,
    MODEL_KINDS,
};

enum model_state {
    MODEL_IDLE,
    MODEL_WAITING,
    MODEL_RETURNED,
    MODEL_TAKEN, /* a helper has got it */
};

/* The results in a message. */
struct model_result {
    uint32_t words[3];
    int32_t error;
};

/* What is sent. */
struct model_request {
    enum model_kind kind;
    uint32_t port; /* MODEL_NONE: it shows itself */
    bool live, async;
    bool overdue;   /* its time is over; else it has none */
    uint32_t what;  /* which word, target or server */
    bool as_before; /* FUTEX: the word's value is as was said */
    uint64_t signals;
    uint32_t answer[3]; /* of ECHO */
};

struct model_message {
    enum model_state state;
    struct model_request request;
    uint64_t since;             /* when it was sent */
    uint64_t order;             /* among those that wait, or have come back */
    uint32_t target;            /* which of all targets that there were */
    bool orphan;                /* TAKEN, and its port is gone */
    struct model_result result; /* so far */
    struct model_result shown;  /* what is in the user's memory */
};

enum helper_state {
    HELPER_FREE,
    HELPER_ANY,   /* waits at port `which` */
    HELPER_GIVEN, /* waits for message `which` */
    HELPER_HAS,   /* got message `which` */
    HELPER_DONE,  /* its call answered `result`, message `which` */
};

struct model_helper {
    enum helper_state state;
    bool suspended;
    uint32_t which;
    int32_t result;
    uint64_t order;
};

struct model_watch {
    uint32_t name; /* no other target's */
    bool ended;
    uint32_t status;
    uint64_t posted; /* and not listened for: of the process, and of its thread */
    uint64_t thread_posted;
};

struct model {
    struct model_message messages[MODEL_MESSAGES];
    struct model_helper helpers[MODEL_HELPERS];
    struct model_watch targets[MODEL_TARGETS];
    uint32_t client;                 /* the message that was received last */
    bool client_there;               /* and can be answered */
    bool has_reply[MODEL_REPLIES];   /* a reply handle */
    uint32_t replies[MODEL_REPLIES]; /* for that message, or none any more */
    bool echo_stopped;
    uint64_t clock; /* of orders */
    uint32_t names;
};

void model_begin(struct model *model);

/* The end of a crossing. */
void model_end(struct model *model);

/* Sends a message that is idle; the result, with what is in its memory: -EASYNC, or that
 * of one that was over at once. */
int32_t model_send(struct model *model, uint32_t message,
                   const struct model_request *request);

/* What is overdue comes back. */
void model_pass(struct model *model);

int32_t model_cancel(struct model *model, uint32_t message);

/* Posts to a target's process, or thread. */
int32_t model_post(struct model *model, uint32_t target, bool thread, uint64_t signals);

/* Waits without waiting: at a port (MODEL_NONE: by version) for a message (MODEL_NONE:
 * any), which *came is. `nothing` is the answer where there is none yet. */
int32_t model_test(struct model *model, uint32_t port, uint32_t message, int32_t nothing,
                   uint32_t *came);

/* The same by a helper that is free, and waits. */
void model_wait(struct model *model, uint32_t helper, uint32_t port, uint32_t message);

/* A helper that waits is suspended; resumed; taken out of its call, and free. */
void model_suspend(struct model *model, uint32_t helper);
void model_resume(struct model *model, uint32_t helper);
void model_give_up(struct model *model, uint32_t helper);

void model_close_port(struct model *model, uint32_t port);

/* A message's handle is closed: not one that is taken. */
void model_close_message(struct model *model, uint32_t message);

/* The first `count` that wait for a word are woken, so many behind them moved. */
int32_t model_wake(struct model *model, uint32_t word, uint32_t count, uint32_t move,
                   uint32_t to);

/* A target ends; and a new one takes its place. */
void model_kill(struct model *model, uint32_t target, uint32_t status);
void model_new_target(struct model *model, uint32_t target);

/* --- Servers: all of them but ECHO are the same thread --- */

/* The message that is received: -EBUSY, -ETIMEDOUT, or 0. */
int32_t model_receive(struct model *model, uint32_t server, uint32_t *message);

/* Answers what was received last, or deferred: -ESRCH or 0. */
int32_t model_reply(struct model *model, const uint32_t words[3]);
int32_t model_reply_to(struct model *model, uint32_t reply, const uint32_t words[3]);

/* -ESRCH or 0. */
int32_t model_defer(struct model *model, uint32_t reply);
void model_drop_reply(struct model *model, uint32_t reply);

/* The server that answers at once is kept from it; goes on. */
void model_stop_echo(struct model *model);
void model_let_echo(struct model *model);

/* A server's port is closed, and another one in its place. */
void model_close_server(struct model *model, uint32_t server);

#endif
