/* SPDX-License-Identifier: MIT */
/*
 * Upcalls at every instruction: a routine with instructions of all kinds, and calls by
 * every gate, writes the same whether it runs alone, or is interrupted after each single
 * step, or by timers, one upcall within the other, though an upcall spoils all registers,
 * flags and FPU state.
 */
#include "../gate.h"
#include "../stage.h"
#include "../upcalls.h"

#define RECORD_WORDS 9
#define OWN_SIGNAL 0x80 /* which the routine posts, by each gate */
#define SPACES_USED 1024
#define FPU_SIZE 512
#define TRAIL_MOST 0x4000
#define TIMERS 16
#define ROUNDS 120
#define STACK_OF_UPCALLS 0x8000

void routine(void);
extern uint32_t routine_flags, routine_id, routine_fxsr, routine_sse, routine_trail;
extern uint32_t routine_plain;
extern uint64_t routine_deadline;
extern void (*routine_gates[4])(void);
extern struct system_message routine_message, routine_post;
extern uint8_t routine_fpu[FPU_SIZE], routine_spaces[SPACES_USED];
extern uint8_t routine_trail_end[];

struct written {
    uint32_t trail_size;
    uint8_t trail[TRAIL_MOST];
    uint8_t fpu[FPU_SIZE], spaces[SPACES_USED];
};

static struct written alone, now;
static struct system_message timers[TIMERS], heard, heard_own;
static uint8_t large_stack[STACK_OF_UPCALLS] __attribute__((aligned(16)));
static handle_t reply_port;
static uint32_t random_state = 1;
static volatile uint32_t steps;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

/* --- The routine --- */

static void prepare(uint32_t flags, uint64_t until)
{
    memset(routine_fpu, 0, FPU_SIZE);
    memset(routine_spaces, 0, SPACES_USED);
    routine_flags = flags | 0x202;
    routine_deadline = until;
    routine_message =
        (struct system_message){.operation = SYSTEM_TIMER, .time = until + 10000};
    routine_post = (struct system_message){
        .operation = SYSTEM_THREAD_POST, .object = HANDLE_SELF, .words = {OWN_SIGNAL}};
}

static void keep(struct written *written)
{
    written->trail_size = (uint32_t)routine_trail_end - routine_trail;
    if (written->trail_size > TRAIL_MOST)
        written->trail_size = TRAIL_MOST;
    memcpy(written->trail, routine_trail_end - written->trail_size, written->trail_size);
    memcpy(written->fpu, routine_fpu, FPU_SIZE);
    memcpy(written->spaces, routine_spaces, SPACES_USED);
    /* FRSTOR does not bring back the last instruction's addresses on every processor. */
    if (!routine_fxsr)
        memset(written->fpu + 12, 0, 16);
    /* TF, in each record's flags, which stand at its end. */
    uint32_t *words = (uint32_t *)written->trail;
    for (uint32_t i = RECORD_WORDS - 1; i < written->trail_size / 4; i += RECORD_WORDS)
        words[i] &= ~FLAG_TF;
}

/* Says where the trails part: which record, counted from the first, and word. */
static void tell_difference(void)
{
    const uint32_t *a = (const uint32_t *)alone.trail;
    const uint32_t *b = (const uint32_t *)now.trail;
    uint32_t words = alone.trail_size / 4;
    for (uint32_t i = words; i-- > 0;)
        if (a[i] != b[i]) {
            tap_note("record %u, word %u (edi esi ebp esp ebx edx ecx eax flags): "
                     "%08x, alone %08x",
                     (words - 1 - i) / RECORD_WORDS, i % RECORD_WORDS, b[i], a[i]);
            return;
        }
    for (uint32_t i = 0; i < FPU_SIZE; i++)
        if (alone.fpu[i] != now.fpu[i]) {
            tap_note("FPU state, byte %u: %02x, alone %02x", i, now.fpu[i], alone.fpu[i]);
            return;
        }
}

static bool same(void)
{
    keep(&now);
    bool right = alone.trail_size > 0 &&
                 step_ok(now.trail_size == alone.trail_size, "trail", now.trail_size) &&
                 memcmp(&alone, &now, sizeof(now)) == 0;
    if (!right)
        tell_difference();
    return right;
}

static bool runs_alone(void)
{
    prepare(0, clock_now());
    routine();
    keep(&alone);
    prepare(0, clock_now() + 20000);
    routine();
    return step_ok(alone.trail_size < TRAIL_MOST, "trail", alone.trail_size) && same();
}

/* --- After each step --- */

static void step_routine(uint32_t unused)
{
    (void)unused;
    routine();
    (void)limen_send(stage_endpoints[0], 0, 0, 0);
}

/* Runs the routine in another thread and answers its debug faults, with a signal that
 * becomes an upcall if wanted. */
static bool answer_steps(bool signals)
{
    struct limen_words words;
    uint64_t deadline = clock_now() + 3 * PATIENCE;
    for (;;) {
        long kind = limen_receive_words(stage_ports[0], &words, &deadline);
        if (kind == MESSAGE_SEND)
            return true;
        if (kind != MESSAGE_FAULT || words.words[FAULT_VECTOR] != 1)
            return step_ok(false, "a debug fault; vector", words.words[FAULT_VECTOR]);
        steps++;
        if (signals && post_to(stage_threads[0], 1) != 0)
            return false;
        if (limen_reply(0, 0, 0, 0) != 0)
            return false;
    }
}

static void send_timers(uint32_t spread)
{
    uint64_t start = clock_now();
    for (uint32_t i = 0; i < TIMERS; i++) {
        timers[i] = (struct system_message){.operation = SYSTEM_TIMER,
                                            .flags = MSG_ASYNC,
                                            .reply_port = reply_port,
                                            .time = start + random_below(spread)};
        (void)limen_msg_send(LIMEN_SYSTEM, &timers[i]);
    }
}

static bool begin_thread(uint32_t flags, uint32_t timer_spread)
{
    upcalls_begin();
    steps = 0;
    prepare(flags, clock_now() + (flags ? 0 : 50000));
    bool right = stage_open(1) && stage_start(0, step_routine, LESS);
    reply_port = upcall_port(stage_threads[0]);
    right = right && limen_process_fault_endpoint(HANDLE_SELF, stage_endpoints[0]) == 0 &&
            listen_for(&heard, reply_port, stage_threads[0], 1) &&
            listen_for(&heard_own, reply_port, stage_threads[0], OWN_SIGNAL);
    if (timer_spread)
        send_timers(timer_spread);
    return right;
}

static bool end_thread(void)
{
    (void)limen_process_fault_endpoint(HANDLE_SELF, (handle_t){0});
    stage_settle();
    bool right = closed(reply_port);
    return stage_close() && right;
}

static uint32_t gates_open(void)
{
    uint32_t count = 0;
    for (int gate = 0; gate < GATE_COUNT; gate++)
        count += gate_is_open(gate);
    return count;
}

static bool after_each_step(void)
{
    bool right = begin_thread(FLAG_TF, 0) && answer_steps(true) &&
                 step_ok(steps > 300, "steps", steps) &&
                 upcalls_were(steps + gates_open()) && same();
    return end_thread() && right;
}

/* Upcalls by timers, each of which comes back with TF set at the crossing. */
static bool stepped_returns(void)
{
    bool right = true;
    for (int round = 0; right && round < 10; round++) {
        test_upcall_flags |= FLAG_TF;
        right = begin_thread(0, 100000) && answer_steps(false);
        stage_settle();
        test_upcall_flags &= ~FLAG_TF;
        right = right && step_ok(upcalls > gates_open(), "upcalls", upcalls) &&
                step_ok(steps >= upcalls, "steps", steps) &&
                step_ok(upcall_wrong == 0, "wrong", upcall_wrong) && same();
        right = end_thread() && right;
    }
    return right;
}

/* The kernel has a shorter way to upcalls of threads without FPU state. */
static bool without_fpu(void)
{
    routine_plain = 1;
    prepare(0, clock_now());
    routine();
    keep(&alone);
    bool right = after_each_step();
    right = stepped_returns() && right;
    routine_plain = 0;
    prepare(0, clock_now());
    routine();
    keep(&alone);
    return right;
}

/* --- By timers --- */

static bool all_came(void)
{
    uint64_t deadline = clock_now() + PATIENCE;
    while (upcalls < TIMERS && clock_now() < deadline)
        (void)limen_null();
    return upcalls_were(TIMERS);
}

static bool sweep(const struct reply_policy *policy)
{
    bool right = true;
    reply_port = handle_of(limen_reply_port_create(policy));
    for (int round = 0; right && round < ROUNDS; round++) {
        upcalls_begin();
        prepare(0, clock_now() + random_below(100000));
        send_timers(20000 + random_below(200000));
        routine();
        right = same() && all_came();
    }
    return closed(reply_port) && right;
}

static bool by_timers(void)
{
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    return sweep(&policy);
}

static bool on_its_own_stack(void)
{
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.stack = policy.stack_size = 0;
    return sweep(&policy);
}

static bool within_each_other(void)
{
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.depth = TIMERS;
    policy.stack = (uint32_t)large_stack + sizeof(large_stack);
    policy.stack_size = sizeof(large_stack);
    bool right = sweep(&policy);
    policy.depth = 6;
    policy.stack = policy.stack_size = 0;
    return sweep(&policy) && right;
}

static const struct test_case cases[] = {
    {"the routine does the same twice", runs_alone},
    {"an upcall after each single step", after_each_step},
    {"upcall_return in single steps", stepped_returns},
    {"both without FPU state", without_fpu},
    {"upcalls by timers", by_timers},
    {"the same on the thread's own stack", on_its_own_stack},
    {"upcalls within upcalls", within_each_other},
};

int main(void)
{
    struct cpu_facts cpu = cpu_facts();
    routine_id = cpu.cpuid;
    routine_fxsr = cpu.fxsr;
    routine_sse = cpu.sse;
    for (int gate = 0; gate < GATE_COUNT; gate++)
        routine_gates[gate] = gate_is_open(gate) ? gate_choices[gate].stub : NULL;
    prepare(0, clock_now());
    routine(); /* from now on the thread has FPU state */
    return RUN_CASES(cases);
}
