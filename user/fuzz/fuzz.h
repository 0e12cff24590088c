/* SPDX-License-Identifier: MIT */
/* What the files of the fuzzer share: see README.md. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>

#include <limen/abi.h>

#define POOL 48
#define GIFTS 8   /* of these the first stay */
#define STACKS 16 /* a power of two */
#define STACK_SIZE 8192
#define ARENA_PAGES 20 /* the last three have a hole and a read-only page among them */
#define SCRATCH 0x50000000u /* where memory is mapped and unmapped at random */
#define SCRATCH_SIZE 0x40000u
#define ARENA 0x60000000u /* buffers; nothing of the fuzzer's lies behind it */
#define ARENA_SIZE (ARENA_PAGES * PAGE_SIZE)
#define ARENA_GOOD (ARENA_SIZE - 4 * PAGE_SIZE)
#define WORDS 4
#define NUMBERS 128u /* more than there are calls */

/* Why a worker ended its process. */
enum verdict {
    VERDICT_DONE = 0x600d,
    VERDICT_UNKNOWN_ERROR = 0xbad1, /* an answer that is neither a result nor an error */
    VERDICT_REGISTERS = 0xbad2,     /* a register that the call should have kept */
};

/* One call, as it is made and as it came back. */
struct crossing {
    uint32_t number;
    uint32_t words[WORDS];
    long result;
    uint32_t after[WORDS];
    bool received; /* the thread's: it received a call last */
};

/* A process's state, in its own memory, where the parent writes it before the first
 * thread runs, and reads it after the last has ended. */
struct fuzz_state {
    uint32_t seed;
    uint32_t budget;        /* calls to make before it ends */
    volatile uint32_t made; /* calls made */
    uint32_t pool_next;
    uint8_t makers[POOL]; /* the call that made it */
    handle_t pool[POOL];  /* handles it had: most are good, some are not any more */
    /* For each call and argument, from which calls it takes handles: a bit each. */
    uint32_t takes[NUMBERS][WORDS][NUMBERS / 32];
    uint32_t done[NUMBERS]; /* how often each call succeeded */
    struct crossing bad;    /* what the verdict is about */
};

extern struct fuzz_state state;
extern volatile uint32_t taken;
extern uint8_t stacks[STACKS][STACK_SIZE];

/* worker.c: where upcalls begin, which end at once, or after some calls. */
void landed_upcall(void);
/* Where threads begin, with the number of a stack in eax, which they take if
 * nobody in their process has it; else they end. */
void worker_entry(void);
/* The first thread of a process: prepares the arena and starts the workers. */
void worker_first(uint32_t argument);
/* The stack that the running thread took. */
uint32_t worker_stack(void);

/* calls.c: reads the table; before anything else, once. */
void calls_prepare(void);
/* Chooses a call and its arguments. */
void call_make(struct crossing *crossing, uint32_t *random);
/* What comes of an answer: handles go to the pool. */
void call_learn(struct crossing *crossing);
/* Whether an answer is one that the table's rules allow; else the verdict. */
uint32_t call_judge(const struct crossing *crossing);
const char *call_name(uint32_t number);

uint32_t random_next(uint32_t *random);
uint32_t random_below(uint32_t *random, uint32_t limit);

#endif
