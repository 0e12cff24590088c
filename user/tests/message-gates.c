/* SPDX-License-Identifier: MIT */
/*
 * One list of crossings, good and bad, through int 0x81 and by number through every gate
 * that is open: the same results, the same bytes in the messages, the same told in
 * registers, and all others kept.
 */
#include <errno.h>

#include <limen/async.h>

#include "cases.h"
#include "gate.h"
#include "queue-port.h"

#define STEPS 160
#define MESSAGES 24
#define HOLE 0x70000000u

void test_gate_int81(void);
__asm__(".text\n"
        "test_gate_int81:\n\t"
        "int $0x81\n\t"
        "ret\n");

/* What a crossing has done. */
struct outcome {
    const char *text;
    long result;
    uint32_t message, count; /* as told; a message by its place */
    uint32_t bytes;          /* of all messages, summed up */
};

static struct outcome outcomes[STEPS], first_outcomes[STEPS];
static uint32_t step_count;
static bool steps_right;

static void (*gate)(void); /* a stub of the native convention; NULL: int 0x81 */

static struct system_message messages[MESSAGES];
static uint64_t past = 1;
static handle_t port;

/* A sum that knows order; times and the values of handles do not count. */
static uint32_t sum_of_bytes(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct system_message copy = messages[i];
        copy.id = copy.id != 0;
        copy.reply_port.value = copy.reply_port.value != 0;
        copy.time = 0;
        for (uint32_t j = 0; j < sizeof(copy); j++)
            sum = sum * 31 + ((uint8_t *)&copy)[j];
    }
    return sum;
}

/* Crosses by int 0x81; says what it must keep and did not. */
static const char *cross_int81(uint32_t to, uint32_t at, uint32_t size, uint32_t deadline,
                               struct outcome *outcome)
{
    struct registers *in = &gate_probe.in;
    gate_probe.stub = test_gate_int81;
    *in = (struct registers){.eax = to,
                             .ecx = at,
                             .edx = size,
                             .ebx = deadline,
                             .esi = 0x13579bdf,
                             .edi = 0x2468ace0,
                             .ebp = 0x55aa33cc,
                             .eflags = 2 | FLAG_IF | FLAG_CF};
    test_gate_probe();
    outcome->result = (long)gate_probe.out.eax;
    outcome->message = gate_probe.out.ecx;
    outcome->count = gate_probe.out.edx;
    return probe_complaint();
}

static const char *cross_by_number(uint32_t to, uint32_t at, uint32_t size,
                                   uint32_t deadline, struct outcome *outcome)
{
    const uint32_t words[4] = {to, at, size, deadline};
    outcome->result = probe_cross(gate, SYS_LIMEN_sendsys, words);
    outcome->message = gate_probe.out.esi;
    outcome->count = gate_probe.out.edi;
    return probe_complaint();
}

/* One crossing, and whether its result is the wanted one. */
static void step(const char *text, handle_t to, const void *at, uint32_t size,
                 const void *deadline, long wanted)
{
    struct outcome *outcome = &outcomes[step_count++];
    outcome->text = text;
    const char *complaint =
        gate ? cross_by_number(to.value, (uint32_t)at, size, (uint32_t)deadline, outcome)
             : cross_int81(to.value, (uint32_t)at, size, (uint32_t)deadline, outcome);
    outcome->bytes = sum_of_bytes();
    if (complaint)
        tap_note("%s: %s", text, complaint);
    if (outcome->result != wanted)
        tap_note("%s: %ld, not %ld", text, outcome->result, wanted);
    steps_right = steps_right && !complaint && outcome->result == wanted;
}

static void send(const char *text, uint32_t which, uint32_t count, long wanted)
{
    step(text, LIMEN_SYSTEM, &messages[which], count * 48, NULL, wanted);
}

static struct system_message *fresh(uint32_t which, uint16_t operation, uint16_t flags)
{
    messages[which] = (struct system_message){
        .operation = operation,
        .flags = flags,
        .reply_port = {flags & MSG_ASYNC ? port.value : 0},
        .time = operation == SYSTEM_TIMER ? UINT64_MAX : 0,
    };
    return &messages[which];
}

static void nothing_to_do(void)
{
    memset(messages, 0, sizeof(messages));
    for (uint32_t i = 0; i < MESSAGES; i++)
        messages[i].error = (int32_t)i + 1;
    send("nothing", 0, 1, 0);
    send("a few times nothing", 0, 5, 0);
    send("many times nothing", 0, MESSAGES, 0);
    messages[11].operation = 99;
    messages[12].error = 7;
    messages[11].flags = MSG_ASYNC;
    send("an unknown operation in the middle", 0, MESSAGES, -EINVAL);
    send("and alone", 11, 1, -EINVAL);
    messages[11].flags = 0;
    send("one that might wait in the middle", 0, MESSAGES, 0);
    send("and alone", 11, 1, -EINVAL);
    messages[11].operation = SYSTEM_CANCEL;
    messages[11].words[0] = (uint32_t)&messages[0];
    send("a cancellation of nothing", 11, 1, -ESRCH);
    send("and among others", 5, 10, 0);
}

static void bad_crossings(void)
{
    handle_t to = LIMEN_SYSTEM;
    fresh(0, SYSTEM_NULL, 0);
    for (uint32_t version = 0; version < SYSTEM_VERSIONS; version++)
        if (version != SYSTEM_VERSION)
            step("a version", (handle_t){version}, &messages[0], 48, NULL, -EINVAL);
    step("no handle", (handle_t){0x7fff0}, &messages[0], 48, NULL, -EBADF);
    step("a handle of another kind", port, &messages[0], 48, NULL, -EBADF);
    step("one byte", to, &messages[0], 1, NULL, -EINVAL);
    step("one byte less", to, &messages[0], 47, NULL, -EINVAL);
    step("one byte more", to, &messages[0], 49, NULL, -EINVAL);
    step("not aligned", to, (char *)messages + 4, 48, NULL, -EINVAL);
    step("null", to, NULL, 48, NULL, -EFAULT);
    step("a hole", to, (void *)HOLE, 48, NULL, -EFAULT);
    step("the kernel", to, (void *)KERNEL_BASE, 48, NULL, -EFAULT);
    step("into the kernel", to, (void *)(KERNEL_BASE - 48), 96, NULL, -EFAULT);
    step("the end of memory", to, (void *)0xfffffff0, 48, NULL, -EFAULT);
    step("a size that wraps", to, &messages[0], 0xffffffc0, NULL, -EFAULT);
    step("with a deadline", to, &messages[0], 48, &past, -EINVAL);
    step("this text", to, (void *)((uint32_t)step & ~15u), 48, NULL, -EINVAL);
}

static void timers(void)
{
    fresh(0, SYSTEM_TIMER, MSG_ASYNC);
    fresh(1, SYSTEM_TIMER, MSG_ASYNC)->time = 1;
    send("a timer", 0, 1, -EASYNC);
    step("not yet", port, &messages[0], ~0u, NULL, -EAGAIN);
    step("until then", port, &messages[0], 0, &past, -ETIMEDOUT);
    step("by version", LIMEN_SYSTEM, &messages[0], 0, &past, -ETIMEDOUT);
    step("any", port, NULL, ~0u, NULL, -EAGAIN);
    step("any, until then", port, NULL, 0, &past, -ETIMEDOUT);
    step("a deadline that is nowhere", port, NULL, 0, (void *)HOLE, -EFAULT);
    step("a deadline in the kernel", port, NULL, 0, (void *)KERNEL_BASE, -EFAULT);
    step("a message that is nowhere", port, (void *)HOLE, 0, NULL, -EFAULT);
    send("one that is due", 1, 1, -EASYNC);
    step("which comes", port, NULL, 0, NULL, 0);
    step("once", port, &messages[1], 0, NULL, -ESRCH);
    fresh(2, SYSTEM_CANCEL, 0)->words[0] = (uint32_t)&messages[0];
    send("cancelled", 2, 1, 0);
    send("twice", 2, 1, -ESRCH);
    step("which comes back", port, &messages[0], ~0u, NULL, -ECANCELED);
    fresh(3, SYSTEM_TIMER, 0)->time = clock_now() + MILLISECOND;
    send("waited for in the call", 3, 1, 0);
    fresh(4, SYSTEM_TIMER, MSG_ASYNC)->time = clock_now() + 2 * MILLISECOND;
    send("soon", 4, 1, -EASYNC);
    step("waited for", port, &messages[4], 0, NULL, 0);
    fresh(4, SYSTEM_TIMER, MSG_ASYNC)->time = clock_now() + 2 * MILLISECOND;
    send("soon", 4, 1, -EASYNC);
    step("any is waited for", port, NULL, 0, NULL, 0);
    fresh(5, SYSTEM_TIMER, MSG_ASYNC | MSG_LIVE)->time = 1;
    messages[5].period = 1ull << 60;
    send("live", 5, 1, -EASYNC);
    step("comes", port, &messages[5], 0, NULL, 0);
    step("and is there", port, &messages[5], ~0u, NULL, -EAGAIN);
    fresh(6, SYSTEM_CANCEL, 0)->words[0] = (uint32_t)&messages[5];
    send("cancelled", 6, 1, 0);
    step("by version", LIMEN_SYSTEM, &messages[5], ~0u, NULL, -ECANCELED);
}

/* In an array, what would have to wait ends it where it is not the first. */
static void arrays(void)
{
    for (uint32_t i = 0; i < 12; i++)
        fresh(i, SYSTEM_TIMER, MSG_ASYNC);
    send("twelve timers", 0, 12, 0);
    for (uint32_t i = 0; i < 12; i++)
        fresh(12 + i, SYSTEM_CANCEL, 0)->words[0] = (uint32_t)&messages[i];
    send("and their ends", 12, 12, 0);
    for (uint32_t i = 0; i < 12; i++)
        step("each in its turn", port, NULL, ~0u, NULL, -ECANCELED);
    for (uint32_t i = 0; i < 4; i++)
        fresh(i, SYSTEM_NULL, 0);
    fresh(2, SYSTEM_TIMER, 0)->time = 1;
    send("one that waits is the third", 0, 4, 0);
    send("one that waits is the first", 2, 2, 0);
    fresh(2, SYSTEM_TIMER, 0);
    messages[2].reply_port = port;
    send("one that is refused is the third", 0, 4, -EINVAL);
}

static void words_and_signals(void)
{
    static uint32_t word = 3;
    fresh(0, SYSTEM_FUTEX, MSG_ASYNC)->words[0] = (uint32_t)&word;
    send("a word that is another", 0, 1, -EAGAIN);
    fresh(0, SYSTEM_FUTEX, MSG_ASYNC)->words[0] = (uint32_t)&word;
    messages[0].words[1] = 3;
    send("a word", 0, 1, -EASYNC);
    (void)limen_futex_wake(&word, 1);
    step("is woken", port, &messages[0], ~0u, NULL, 0);
    fresh(0, SYSTEM_FUTEX, 0)->words[0] = (uint32_t)&word;
    messages[0].words[1] = 3;
    messages[0].time = clock_now() + MILLISECOND;
    send("a word in its time", 0, 1, -ETIMEDOUT);
    messages[0].time = 0;
    fresh(1, SYSTEM_PROCESS_SIGNALS, MSG_ASYNC | MSG_LIVE)->words[0] = 0xf0;
    send("signals", 1, 1, -EASYNC);
    fresh(2, SYSTEM_PROCESS_SIGNALS, MSG_ASYNC)->words[0] = 0x10;
    send("busy ones", 2, 1, -EBUSY);
    fresh(3, SYSTEM_PROCESS_POST, 0)->words[0] = 0x11;
    send("posted", 3, 1, 0);
    step("come", port, NULL, ~0u, NULL, 0);
    fresh(2, SYSTEM_PROCESS_SIGNALS, 0)->words[0] = 0x1;
    send("one was left", 2, 1, 0);
    fresh(4, SYSTEM_CANCEL, 0)->words[0] = (uint32_t)&messages[1];
    send("cancelled", 4, 1, 0);
    step("signals", port, &messages[1], ~0u, NULL, -ECANCELED);
    fresh(5, SYSTEM_PROCESS_END, MSG_ASYNC)->object.value = 0x7ff0;
    send("the end of nobody", 5, 1, -EBADF);
    fresh(5, SYSTEM_PROCESS_END, MSG_ASYNC);
    send("one's own end", 5, 1, -EINVAL);
}

static void requests(void)
{
    struct limen_words words;
    handle_t server = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(server, 9));
    fresh(0, PORT_CALL, MSG_ASYNC)->words[1] = 5;
    step("a request", endpoint, &messages[0], 48, NULL, -EASYNC);
    step("is away", port, NULL, ~0u, NULL, -EAGAIN);
    (void)limen_receive_words(server, &words, &past);
    (void)limen_reply(0, words.words[1], words.badge, 7);
    step("is answered", port, NULL, ~0u, NULL, 0);
    fresh(0, PORT_CALL, 0)->time = clock_now() + MILLISECOND;
    step("nobody answers", endpoint, &messages[0], 48, NULL, -ETIMEDOUT);
    messages[0].time = 0;
    fresh(0, PORT_MESSAGE_CALL, MSG_ASYNC)->words[0] = HOLE;
    step("a message that is nowhere", endpoint, &messages[0], 48, NULL, -EFAULT);
    fresh(0, PORT_OPERATIONS, MSG_ASYNC);
    step("an unknown request", endpoint, &messages[0], 48, NULL, -EINVAL);
    fresh(0, PORT_CALL, MSG_ASYNC);
    step("one more", endpoint, &messages[0], 48, NULL, -EASYNC);
    (void)limen_handle_close(server);
    step("its server goes", port, &messages[0], 0, NULL, -EPIPE);
    fresh(0, PORT_CALL, MSG_ASYNC);
    step("to a server that is gone", endpoint, &messages[0], 48, NULL, -EPIPE);
    (void)limen_handle_close(endpoint);
}

static void memory(void)
{
    struct memory_map map = {.size = PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    (void)limen_memory_map(HANDLE_SELF, &map);
    struct system_message *at = (void *)map.address;
    fresh(0, SYSTEM_TIMER, MSG_ASYNC)->time = 1;
    at[0] = messages[0];
    step("sent", LIMEN_SYSTEM, &at[0], 48, NULL, -EASYNC);
    (void)limen_memory_protect(HANDLE_SELF, map.address, PAGE_SIZE, MEMORY_READ);
    sleep_for(MILLISECOND);
    struct outcome *outcome = &outcomes[step_count];
    step("read-only", port, NULL, 0, NULL, -EFAULT);
    outcome->message -= map.address;
    step("sent from what is read-only", LIMEN_SYSTEM, &at[1], 48, NULL, -EFAULT);
    outcome[1].message -= map.address;
    outcome[-1].message -= map.address;
    (void)limen_memory_unmap(HANDLE_SELF, map.address, PAGE_SIZE);
}

/* All of it through one gate. */
static bool all_steps(void (*stub)(void))
{
    gate = stub;
    step_count = 0;
    steps_right = true;
    port = queue_port();
    nothing_to_do();
    bad_crossings();
    timers();
    arrays();
    words_and_signals();
    requests();
    memory();
    step("flush", LIMEN_SYSTEM, NULL, 0, NULL, 0);
    (void)limen_handle_close(port);
    return steps_right && step_ok(step_count > 100, "steps", step_count);
}

static bool compare(void (*stub)(void))
{
    bool right = all_steps(NULL);
    memcpy(first_outcomes, outcomes, sizeof(outcomes));
    right = all_steps(stub) && right;
    for (uint32_t i = 0; i < step_count; i++) {
        const struct outcome *one = &first_outcomes[i], *other = &outcomes[i];
        bool same = one->result == other->result && one->message == other->message &&
                    one->count == other->count && one->bytes == other->bytes;
        if (!same)
            tap_note("%s: %ld %x %x %x, by int 0x81 %ld %x %x %x", one->text,
                     other->result, other->message, other->count, other->bytes,
                     one->result, one->message, one->count, one->bytes);
        right = right && same;
    }
    return right;
}

static bool is_open(enum gate number)
{
    const struct threshold_page *page = (void *)THRESHOLD_ADDRESS;
    return page->gates_open >> number & 1;
}

static bool by_int80(void)
{
    return compare(test_gate_int80);
}

static bool by_sysenter(void)
{
    return is_open(GATE_SYSENTER) ? compare(test_gate_sysenter) : case_skip("not open");
}

static bool by_syscall(void)
{
    return is_open(GATE_SYSCALL) ? compare(test_gate_syscall) : case_skip("not open");
}

static const struct test_case cases[] = {
    {"int 0x81 and int 0x80 do the same", by_int80},
    {"int 0x81 and SYSENTER do the same", by_sysenter},
    {"int 0x81 and SYSCALL do the same", by_syscall},
};

int main(void)
{
    return RUN_CASES(cases);
}
