/* SPDX-License-Identifier: MIT */
/*
 * What runs in a fuzzed process: bare threads without TLS, that make calls through every
 * open gate. They share the process's state, which its own calls may damage: then the
 * process ends, and another takes its place.
 */
#include <errno.h>
#include <limen/async.h>
#include <limen/gate.h>
#include <limen/syscall.h>
#include <stddef.h>
#include <string.h>

#include "../tests/int81.h"
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

/* The gate of system-call messages, by which all other registers are kept. */
static void cross_int81(struct crossing *crossing)
{
    const uint32_t *words = crossing->words;
    struct int81 after = {words[0], words[3], words[1], words[2]};
    bool right = int81_cross(&after);
    crossing->result = (long)after.eax;
    crossing->after[0] = right ? words[0] : ~words[0];
    crossing->after[1] = after.ecx;
    crossing->after[2] = after.edx;
    crossing->after[3] = after.ebx;
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

uint32_t worker_stack(void)
{
    return ((uint32_t)__builtin_frame_address(0) - (uint32_t)stacks) / STACK_SIZE %
           STACKS;
}

/* A process ends when it has made enough calls. */
static void count_call(void)
{
    if (__atomic_fetch_add(&state.made, 1, __ATOMIC_SEQ_CST) >= state.budget)
        end(VERDICT_DONE);
}

/* Makes a call and judges the answer. */
static void make_call(struct crossing *crossing, uint32_t *random)
{
    call_make(crossing, random);
    if (crossing->number == SYS_LIMEN_sendsys && random_below(random, 2))
        cross_int81(crossing);
    else
        cross(crossing, gates[random_below(random, gate_count)]);
    uint32_t verdict = call_judge(crossing);
    if (verdict != VERDICT_DONE) {
        state.bad = *crossing;
        end(verdict);
    }
    call_learn(crossing);
}

/* --- The FPU, which each thread has used, and upcalls must leave alone --- */

static const double fpu_mark = 1.0;

static void begin_fpu(void)
{
    __asm__ volatile("fld1");
}

static void check_fpu(struct crossing *crossing)
{
    double now = 0;
    __asm__ volatile("fstl %0" : "=m"(now));
    if (memcmp(&now, &fpu_mark, sizeof(now)) == 0)
        return;
    crossing->number = SYS_LIMEN_upcall_return;
    state.bad = *crossing;
    end(VERDICT_REGISTERS);
}

/* --- Upcalls --- */

#define ROOM 4096u /* on the stack, for an upcall to make calls */

/* States that no thread may have. */
static const struct {
    uint8_t word;
    uint32_t bits;
} forbidden[] = {
    {offsetof(struct thread_state, eflags) / 4, 1u << 9},
    {offsetof(struct thread_state, eflags) / 4, 3u << 12},
    {offsetof(struct thread_state, eflags) / 4, 1u << 17},
    {offsetof(struct thread_state, cs) / 4, 3},
    {offsetof(struct thread_state, ss) / 4, 3},
    {offsetof(struct thread_state, ss) / 4, 0x38},
    {offsetof(struct thread_state, ds) / 4, 0x10},
    {offsetof(struct thread_state, es) / 4, 0x10000},
    {offsetof(struct thread_state, fs) / 4, 0x100},
    {offsetof(struct thread_state, gs) / 4, 4},
};

static void try_forbidden(const struct upcall *upcall, uint32_t *random)
{
    struct upcall changed;
    memcpy(&changed, upcall, UPCALL_SIZE_PLAIN);
    uint32_t at = random_below(random, sizeof(forbidden) / sizeof(*forbidden));
    changed.flags = 0;
    ((uint32_t *)&changed.state)[forbidden[at].word] ^= forbidden[at].bits;
    long result = limen_upcall_return((handle_t){0}, &changed);
    if (result != -EINVAL) {
        state.bad = (struct crossing){
            .number = SYS_LIMEN_upcall_return, .words = {at}, .result = result};
        end(VERDICT_REGISTERS);
    }
}

/* Some upcalls try to do harm, some make a call of their own; most end at once. */
void land_upcall(struct upcall *upcall);
void land_upcall(struct upcall *upcall)
{
    static uint32_t counter;
    uint32_t random =
        (state.seed ^ __atomic_add_fetch(&counter, 0x9e3779b9u, __ATOMIC_SEQ_CST)) | 1;
    struct crossing crossing = {0};
    uint32_t room = ((uint32_t)&crossing - (uint32_t)stacks) % STACK_SIZE;

    (void)random_next(&random);
    state.done[SYS_LIMEN_upcall_return]++;
    count_call(); /* a thread of high priority may do nothing else any more */
    if (random_below(&random, 4) == 0)
        try_forbidden(upcall, &random);
    if (room > ROOM && random_below(&random, 8) == 0)
        make_call(&crossing, &random);
}

__asm__(".globl landed_upcall\n"
        "landed_upcall:\n\t"
        "subl $12, %esp\n\t"
        "pushl %eax\n\t"
        "call land_upcall\n\t"
        "popl %esi\n\t"
        "movl 64(%esi), %ebx\n\t" /* its port, if that is still there */
        "1:\tmovl $68, %eax\n\t"
        "int $0x80\n\t"
        "xorl %ebx, %ebx\n\t"
        "jmp 1b");
static_assert(SYS_LIMEN_upcall_return == 68 && offsetof(struct upcall, port) == 64, "");

_Noreturn void worker(uint32_t stack);
_Noreturn void worker(uint32_t stack)
{
    uint32_t random = (state.seed ^ (stack + 1) * 0x9e3779b9u) | 1;
    struct crossing crossing = {0};
    begin_fpu();
    for (;;) {
        count_call();
        make_call(&crossing, &random);
        check_fpu(&crossing);
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
