/* SPDX-License-Identifier: MIT */
/*
 * A workload of messages made from a seed: clients and servers in three processes call,
 * send, answer, defer, forget, time out and die, ask without waiting and post signals
 * (async.c), and every answer of the kernel is recorded. What every worker does follows
 * from the seed and from what it was answered, and on a machine whose time counts
 * instructions the order of it all does too: time passes in moments, at each of which one
 * event starts (a slot of a process, one worker's deadline, an end), and what follows
 * from it is long over at the next. So two kernels that should behave alike must give the
 * same records, however fast each is.
 *
 * Everywhere else the order differs, but every answer must still be a right one: a worker
 * counts those that are not.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/abi.h>

#define PORTS 4u
#define PROCESSES 3u  /* two with servers and clients, one with clients that is killed */
#define VICTIM 2u     /* that one */
#define WORKERS 5u    /* in a process, at most */
#define BADGES 2u     /* that a process has of each port */
#define RECORDS 1500u /* of one worker */
#define BYTES 8192u   /* the longest message */
#define DEFERRED 4u   /* calls that a server keeps for later */
#define HOLE 0x70000000u /* where nothing is mapped */
#define BADGE_FAULT 2u   /* the victim's third badge of one port: its faults */
/* Call numbers that are bound to endpoints, one of each port, of a process of their own.
 */
#define BOUND_FIRST (SYSCALL_BOUND_FIRST + 64)
#define BOUND PROCESSES
/* In one of two seeds the victim's clients ask without waiting, too; in the others they
 * may be ended amid what all do. What a process leaves is seen to by whoever enters the
 * kernel, but not on the fast paths: so it must not be much while others call. */
#define VICTIM_ASKS(seed) ((seed) % 2 != 0)
#define SLOTS 12u
#define GENERATIONS 3u /* of the victim */
#define GENERATION_SLOTS (SLOTS / GENERATIONS)

/* The moments of a slot: a process's slot begins, a worker's deadlines, its request's
 * time-out, main's. */
#define MOMENT_DEADLINES PROCESSES
#define MOMENT_TIMEOUTS (MOMENT_DEADLINES + PROCESSES * WORKERS)
#define MOMENT_MAIN (MOMENT_TIMEOUTS + PROCESSES * WORKERS)
#define MOMENTS (MOMENT_MAIN + 1)

/* What crosses, and the state of the processor that must not change: see cross.S. */
struct crossing {
    uint32_t words[5]; /* eax, ebx, esi, edi, ebp; by int 0x81: eax to edx, ebp */
    uint32_t esp;      /* out: how far it moved; by int 0x81 also esi and edi */
    uint32_t flags;    /* out */
    uint32_t data;     /* out: DS, and ES above it */
    uint32_t thread;   /* out: FS, and GS above it */
};

void traffic_cross(struct crossing *crossing);
void traffic_cross81(struct crossing *crossing);

/* What a worker sees that must stay its own: bits of record.wrong. */
#define WRONG_RESULT (1u << 0)   /* an error that cannot be, or a success */
#define WRONG_WORDS (1u << 1)    /* the words are not those that were sent */
#define WRONG_KEPT (1u << 2)     /* a register changed that is kept */
#define WRONG_STACK (1u << 3)    /* esp */
#define WRONG_FLAGS (1u << 4)    /* DF, or one that only the system may set */
#define WRONG_DATA (1u << 5)     /* DS or ES */
#define WRONG_THREAD (1u << 6)   /* FS or GS, or what they show */
#define WRONG_PROCESS (1u << 7)  /* the memory is another process's */
#define WRONG_FPU (1u << 8)      /* the FPU's register */
#define WRONG_BYTES (1u << 9)    /* of a message, or how many */
#define WRONG_MESSAGE (1u << 10) /* struct message: badge, kind, handles */

/* One call as a worker saw it; or, with number RECORD_MESSAGE, what a struct message
 * held after it. */
#define RECORD_MESSAGE 0xffffffffu
/* Or the priorities of the worker, inherited and own, in in[0] and in[1]. */
#define RECORD_PRIORITY 0xfffffffeu
/* Or a crossing by int 0x81, which asks a server, waits or does not, cancels, posts,
 * takes the upcalls that were held: in and out, eax to edx; or a message that came, and
 * how it had been sent; or an upcall. */
#define RECORD_ASK 0xfffffffdu
#define RECORD_TAKE 0xfffffffcu
#define RECORD_CANCEL 0xfffffffbu
#define RECORD_POST 0xfffffffau
#define RECORD_FLUSH 0xfffffff9u
#define RECORD_ANSWER 0xfffffff8u
#define RECORD_UPCALL 0xfffffff7u
#define RECORD_FIRST RECORD_UPCALL
struct record {
    uint32_t number;
    uint32_t in[4];  /* ebx, esi, edi, ebp; a message: words, badge */
    uint32_t out[5]; /* eax, ebx, esi, edi, ebp; a message: kind, sizes, handles, bytes */
    uint32_t wrong;  /* WRONG_… */
    uint32_t flags;  /* as in struct crossing */
    uint32_t thread;
};

struct log {
    uint32_t count;
    uint32_t wrong; /* records with something wrong */
    uint32_t left;  /* the worker has ended by itself */
    struct record records[RECORDS];
};

/* What main tells a process. */
struct setup {
    uint32_t process;
    uint32_t generation; /* of the victim: how many were there before */
    uint32_t seed;
    uint64_t begin;        /* when slot 0 begins */
    uint64_t moment;       /* ns */
    uint32_t ports[PORTS]; /* handles, 0 where the process does not serve it */
    uint32_t endpoints[PORTS][BADGES];
};

/* What main reads. `latest` is the longest that anything went on after the moment at
 * which it started, ns. */
struct report {
    uint64_t latest;
    struct log logs[WORKERS];
};

extern struct setup setup;
extern struct report report;

/* A process's life, from its first instruction. */
_Noreturn void process_main(uint32_t unused);

/* --- Within a process --- */

struct worker {
    uint32_t self; /* first: what %fs and %gs show */
    uint32_t index;
    uint32_t random;
    int32_t fpu;   /* what stands in its FPU */
    bool segments; /* it has TLS */
    bool floats;   /* it uses the FPU */
    struct log *log;
    uint8_t *bytes; /* BYTES that it sends, and then as many that it receives */
};

/* A number below `limit`, the worker's next one. */
uint32_t worker_random(struct worker *worker, uint32_t limit);

/* Crosses, checks what must not change, and records. `kept` says which of ebx, esi, edi,
 * ebp must be as they were: bits 0 to 3. The result; the others stay in the crossing. */
long worker_cross(struct worker *worker, struct crossing *crossing, uint32_t kept);

/* The same by int 0x81: `kind` is RECORD_…. */
long worker_cross81(struct worker *worker, uint32_t kind, struct crossing *crossing);

/* Records something else. */
void worker_note(struct worker *worker, uint32_t kind, const uint32_t in[4],
                 const uint32_t out[5]);

/* The same for a call that keeps all registers. */
long worker_call(struct worker *worker, uint32_t number, uint32_t w0, uint32_t w1,
                 uint32_t w2, uint32_t w3);

/* Records at which priority the worker runs. */
void worker_priority(struct worker *worker);

/* Adds to what was wrong with the call that was recorded last. */
void worker_wrong(struct worker *worker, uint32_t wrong);
void worker_expect(struct worker *worker, bool right, uint32_t wrong);

/* Waits for the process's next slot. */
void worker_wait(struct worker *worker);

/* The worker's own moment in the next slot. */
uint64_t worker_deadline(const struct worker *worker);

/* The moment at which one of its requests may time out, in the next slot. */
uint64_t worker_timeout(const struct worker *worker);

/* The worker of an index; a worker's thread. */
struct worker *worker_of(uint32_t index);
handle_t worker_thread(const struct worker *worker);

/* Ends the worker. */
_Noreturn void worker_leave(struct worker *worker);

/* --- What is sent --- */

uint32_t badge_of(uint32_t process, uint32_t generation, uint32_t port, uint32_t which);

/* What a call's words and badge are answered with, in place. */
void answer_words(uint32_t words[3], uint32_t badge);

/* Bytes that follow from a word; whether some are those from `offset` on, which is a
 * multiple of 4; a size for them. */
void fill_bytes(uint8_t *bytes, uint32_t size, uint32_t word);
bool right_bytes(const uint8_t *bytes, uint32_t size, uint32_t word, uint32_t offset);
uint32_t random_size(struct worker *worker);

/* Records a message that came: its bytes must follow from its first word. */
void worker_message(struct worker *worker, const struct message *message, uint32_t room);
/* Gives back the handles that came with it. */
void worker_close_handles(struct worker *worker, const struct message *message);

/* --- What clients do --- */

/* An endpoint of the process, and the badge that it shows. The second one of a port may
 * have been closed. */
struct target {
    uint32_t endpoint;
    uint32_t badge;
    bool may_be_closed;
};

struct target target_choose(struct worker *worker);
void target_words(struct worker *worker, uint32_t words[3]);
bool target_may_answer(const struct target *target, long result);

/* One step by int 0x81, of a client that has begun with it. */
void async_begin(struct worker *worker);
void async_step(struct worker *worker);

_Noreturn void client_run(struct worker *worker);
_Noreturn void server_run(struct worker *worker, uint32_t port, bool may_leave);

#endif
