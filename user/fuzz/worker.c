/* SPDX-License-Identifier: MIT */
/*
 * What runs in a fuzzed process: bare threads without TLS, that make calls through every
 * open gate. They share the process's state, which its own calls may damage: then the
 * process ends, and another takes its place.
 */
#include <limen/gate.h>
#include <limen/syscall.h>
#include <stddef.h>

#include "fuzz.h"

struct fuzz_state state;
volatile uint32_t taken; /* a bit for each stack in use */
uint8_t stacks[STACKS][STACK_SIZE] __attribute__((aligned(16)));

static limen_gate_stub *gates[GATE_COUNT];
static uint32_t gate_count;

/* Ends the process, or lets it go on in vain if even that does not work any more. */
static _Noreturn void end(uint32_t verdict)
{
    for (;;)
        (void)limen_process_exit(verdict);
}

/* Crosses by the gate, and keeps all that comes back. */
static void cross(struct crossing *crossing, limen_gate_stub *gate)
{
    uint32_t a = crossing->number, b = crossing->words[0], c = crossing->words[3];
    uint32_t S = crossing->words[1], D = crossing->words[2], d = (uint32_t)gate;
    __asm__ volatile("pushl %%ebp\n\t"
                     "movl %%ecx, %%ebp\n\t"
                     "call *%%edx\n\t"
                     "movl %%ebp, %%ecx\n\t"
                     "popl %%ebp"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(S), "+D"(D)
                     :
                     : "memory", "cc");
    crossing->result = (long)a;
    crossing->after[0] = b;
    crossing->after[1] = S;
    crossing->after[2] = D;
    crossing->after[3] = c;
}

_Noreturn void worker(uint32_t stack);
_Noreturn void worker(uint32_t stack)
{
    uint32_t random = (state.seed ^ (stack + 1) * 0x9e3779b9u) | 1;
    struct crossing crossing = {0};
    for (;;) {
        if (__atomic_fetch_add(&state.made, 1, __ATOMIC_SEQ_CST) >= state.budget)
            end(VERDICT_DONE);
        call_make(&crossing, &random);
        cross(&crossing, gates[random_below(&random, gate_count)]);
        uint32_t verdict = call_judge(&crossing);
        if (verdict != VERDICT_DONE) {
            state.bad = crossing;
            end(verdict);
        }
        call_learn(&crossing);
    }
}

/* No stack may be used before one is taken: somebody else may be on it. */
#define TEXT(value) #value
#define NUMBER(value) TEXT(value)
__asm__(".globl worker_entry\n"
        "worker_entry:\n\t"
        "andl $" NUMBER(STACKS) " - 1, %eax\n\t"
                                "lock btsl %eax, taken\n\t"
                                "jc 1f\n\t"
                                "movl %eax, %ecx\n\t"
                                "incl %ecx\n\t"
                                "imull $" NUMBER(
                                    STACK_SIZE) ", %ecx\n\t"
                                                "leal stacks - 16(%ecx), %esp\n\t"
                                                "pushl %eax\n\t"
                                                "pushl $0\n\t"
                                                "jmp worker\n"
                                                "1:\txorl %ebx, %ebx\n\t"
                                                "xorl %esi, %esi\n\t"
                                                "xorl %edi, %edi\n\t"
                                                "movl $" NUMBER(9) ", %eax\n\t"
                                                                   "int $0x80\n\t"
                                                                   "jmp 1b");
static_assert(SYS_LIMEN_thread_exit == 9, "what the entry calls");

static void prepare_arena(void)
{
    struct memory_map map = {
        .address = ARENA,
        .size = ARENA_SIZE - PAGE_SIZE,
        .flags = MEMORY_READ | MEMORY_WRITE | MEMORY_FIXED,
    };
    (void)limen_memory_map(HANDLE_SELF, &map);
    (void)limen_memory_protect(HANDLE_SELF, ARENA + ARENA_SIZE - 2 * PAGE_SIZE, PAGE_SIZE,
                               MEMORY_READ);
}

static void find_gates(void)
{
    uint32_t open = ((const struct threshold_page *)THRESHOLD_ADDRESS)->gates_open;
    gate_count = 0;
    for (enum gate gate = 0; gate < GATE_COUNT; gate++)
        if (open & 1u << gate)
            gates[gate_count++] = limen_gate_of(gate);
}

#define FIRST_WORKERS 4

void worker_first(uint32_t argument)
{
    (void)argument;
    prepare_arena();
    find_gates();
    for (uint32_t i = 0; i < FIRST_WORKERS; i++) {
        struct thread_start start = {.eip = (uint32_t)&worker_entry, .eax = i};
        (void)limen_thread_create(HANDLE_SELF, &start);
    }
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}
