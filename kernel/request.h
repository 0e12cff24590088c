/* SPDX-License-Identifier: MIT */
/*
 * Requests: system-call messages that could not be done at once. A request stands in its
 * sender's handle table, whose quota pays for it; no other process ever has it. What it
 * waits for finds it by `place`, `timer` or `proxy`. When that has come, the request
 * itself is what comes back, so that it takes no memory:
 *
 *   WAITING    for what was asked
 *   RETURNED   in port->returned; or in the list of those that are to be shown
 *   TAKEN      a waiting thread has got it, as thread->partial, and will tell its user
 *   SPARE      over, and kept by its port for another message
 *
 * A request to an endpoint, or for a futex, waits as a thread does: it has a proxy, a
 * thread that never runs. To ports, servers and futexes it is as good as any.
 *
 * A live request goes back to WAITING when it was told. What happens in the meantime adds
 * up in `result`. Whether a cancellation or the result came first is decided where the
 * request leaves WAITING, for which there is one place.
 */
#ifndef KERNEL_REQUEST_H
#define KERNEL_REQUEST_H

#include <limen/system_message.h>

#include "object.h"
#include "timing_wheel.h"

struct endpoint;
struct process;
struct reply_port;
struct thread;

enum request_state {
    REQUEST_WAITING,
    REQUEST_RETURNED,
    REQUEST_TAKEN,
    REQUEST_SPARE,
};

/* Of a request: its operation, if that is not the kernel's. */
enum {
    REQUEST_CALL = SYSTEM_OPERATIONS + PORT_CALL,
    REQUEST_MESSAGE_CALL = SYSTEM_OPERATIONS + PORT_MESSAGE_CALL,
};

/* What stands at the end of a message's results: written in one piece. */
struct request_result {
    uint32_t words[3];
    int32_t error;
};

static_assert(offsetof(struct system_message, error) -
                      offsetof(struct system_message, words) ==
                  offsetof(struct request_result, error),
              "a result is copied as it is");

struct request {
    struct object object;
    struct process *process; /* [I] borrowed: whose it is */
    handle_t handle;         /* [I] in its table */
    struct user_ptr message; /* [I] where the user has it */
    struct reply_port *port; /* [I] borrowed: knows it by `sibling`; or NULL */
    struct list sibling;     /* [k] in port->requests */
    struct list link;        /* [k] if returned */
    struct list waiters;     /* [k] threads that wait for this one */
    struct list place;       /* [k] if waiting: among others at what it waits for; by a
                                proxy: among those whose time is over */
    struct timer timer;      /* [k] if timed */
    uint64_t period;         /* [I] of a live timer, ns */
    uint64_t due;            /* [k] of a live timer: the next time */
    uint64_t signals;        /* [I] that it asks for */
    struct request_result result; /* [k] */
    struct thread *proxy;         /* [k] owned, or NULL */
    struct object *target;        /* [k] owned: the interrupt; held: whose signals */
    uint8_t operation; /* [I] enum system_operation, or REQUEST_CALL and the one behind */
    uint8_t state;     /* [k] enum request_state */
    uint8_t untold;    /* [k] handles that came with it */
    bool live;         /* [k] comes back again */
    bool sync;         /* [I] its sender waits for it, and nobody else */
    bool timed;        /* [k] */
};

/* A request that is in nothing waits for what its message asks. */
static inline void request_begin(struct request *request, struct user_ptr message)
{
    request->message = message;
    request->state = REQUEST_WAITING;
    for (int i = 0; i < 3; i++)
        request->result.words[i] = 0;
    request->result.error = 0;
}

/* Makes a request for the running thread's message, waiting for nothing yet, or NULL. Its
 * handle holds it. */
[[nodiscard]] struct request *request_create(struct user_ptr message,
                                             struct reply_port *port);

/* Takes a request out of everything; nobody is told. It may be gone. */
void request_end(struct request *request);

/* The same, with the end of its port. */
void request_leave_port(struct request *request);

/* Object's end. */
void request_destroy(struct request *request);

/* The request of the running process that is behind a message, borrowed; `id` is what
 * stands there. -ESRCH. */
[[nodiscard]] long request_find(struct user_ptr message, uint32_t id,
                                struct request **request);

/* Lets it come back by `deadline`, as a timer or with -ETIMEDOUT. */
void request_set_timer(struct request *request, uint64_t deadline);

/* What was asked for has come, and is in `result`, for the first time or once more. */
void request_return(struct request *request);

/* A request's proxy has its answer: the thread that was given it, and has yet to be
 * scheduled, or NULL. */
[[nodiscard]] struct thread *request_proxy_done(struct thread *proxy);

/* Ends it with an error. -ESRCH: it is not waiting. */
[[nodiscard]] long request_cancel(struct request *request, int32_t error);

/* A thread that was given it, or has sent it and waits, will not tell anybody. */
void request_leave(struct request *request);

/* Where its user has the results. */
static inline struct user_ptr request_results(const struct request *request)
{
    return (struct user_ptr){request->message.address +
                             offsetof(struct system_message, words)};
}

/* Writes the results of a request that has come back to its user, the running process,
 * who has got it; then it is over, or live and waiting again, and *error is its result.
 * -EFAULT and the like: nothing has happened. */
[[nodiscard]] long request_tell(struct request *request, int32_t *error);

/* These results were told: it is over, or waits again. What else has come meanwhile has
 * yet to be told. */
void request_told(struct request *request, const struct request_result *told);

/* --- Requests that wait as a thread does: request_proxy.c --- */

/* Begins a call to an endpoint, or a wait for a word of memory, of a request whose
 * message this is. 0, or the negative error with which it is over; -EINVAL: there is no
 * such call. */
[[nodiscard]] long request_begin_call(struct request *request,
                                      const struct system_message *message,
                                      struct endpoint *endpoint);
[[nodiscard]] long request_begin_futex(struct request *request, struct user_ptr word,
                                       uint32_t expected);

/* The handles that came with an answer, and where their user wants them. */
const handle_t *request_handles(const struct request *request, struct user_ptr *at);

/* Notes an answer that is not three words. */
void request_note_answer(struct request *request, long answer);

/* Tells the running thread these handles; closes those that were not told. */
[[nodiscard]] long request_tell_handles(struct request *request);
void request_drop_handles(struct request *request);

void request_destroy_proxy(struct request *request);

/* The process's proxies wait for nothing any more. */
void request_stop_proxies(struct process *process);

/* Writes what came back without a port to the memory of those who sent it. */
void request_show_all(void);

/* Ends those that wait by a proxy and whose time is over. Not in an interrupt, which may
 * strike while a proxy is being received from, or answered. */
void request_time_out_all(void);

#endif
