/* SPDX-License-Identifier: MIT */
/*
 * A post by int 0x81 to the own thread whose upcall comes at once, beside everything that
 * may keep it from doing so: odd fields, ports that are busy, other threads. The call by
 * number goes another way in the kernel, and must come to the same.
 */
#include "fast-posts.h"
#include "stage.h"

static struct system_message other;

/* --- Fields --- */

static bool same(const struct effect *one, const struct effect *two, const char *what,
                 uint32_t which)
{
    if (memcmp(one, two, sizeof(*one)) == 0)
        return true;
    tap_note("%s %u: %ld %x %u, upcalls %u, %x %x; by number %ld %x %u, upcalls %u, %x "
             "%x",
             what, which, one->result, one->message, one->count, one->upcalls, one->flags,
             one->words[0], two->result, two->message, two->count, two->upcalls,
             two->flags, two->words[0]);
    return false;
}

/* Each bit of a message, which is otherwise a good one. `id` and `error` mean nothing. */
static bool fields(void)
{
    bool right = open_port() && listen_at(&heard);
    for (uint32_t bit = 0; right && bit < 8 * sizeof(struct system_message); bit++) {
        struct system_message by_int81 = a_post(1, 2);
        ((uint8_t *)&by_int81)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct system_message by_number = by_int81, before = by_int81;
        if (bit < 4)
            continue; /* another operation */
        struct effect one = post(&by_int81, true), two = post(&by_number, false);
        two.message = one.message = 0;
        right = same(&one, &two, "bit", bit) &&
                step_ok(memcmp(&by_int81, &by_number, sizeof(by_int81)) == 0, "bit", bit);
        before.error =
            one.result == -EASYNC || one.count ? (int32_t)one.result : before.error;
        right = right && step_ok(memcmp(&before, &by_int81, sizeof(before)) == 0,
                                 "left as it was", bit);
    }
    return closed(port) && right && take_signals() == 0;
}

/* Sizes, ports, deadlines and places that are not those of one message. */
static bool crossings(void)
{
    static const uint32_t sizes[] = {1, 16, 47, 49, 0x80000030, 0xfffffffe, 0x3fffffd0};
    struct system_message message = a_post(1, 0);
    uint32_t at = (uint32_t)&message;
    bool right = open_port() && listen_at(&heard);
    upcalls_begin();
    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct int81 sized = {SYSTEM_VERSION, 0, at, sizes[i]};
        right = int81_cross(&sized) && (long)sized.eax < 0 && sized.edx == 0 && right;
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        struct int81 moved = {SYSTEM_VERSION, 0, at ^ 1u << bit, sizeof(message)};
        struct int81 ported = {SYSTEM_VERSION ^ 1u << bit, 0, at, sizeof(message)};
        struct int81 late = {SYSTEM_VERSION, 1u << bit, at, sizeof(message)};
        if (bit < 4 || bit > 29)
            right = int81_cross(&moved) && (long)moved.eax < 0 && moved.edx == 0 && right;
        right = int81_cross(&ported) && (long)ported.eax < 0 && ported.edx == 0 && right;
        right =
            int81_cross(&late) && late.eax == (uint32_t)-EINVAL && late.edx == 0 && right;
    }
    return closed(port) && step_ok(right, "refused", 0) && upcalls_were(0) &&
           message.error == 77;
}

/* --- What keeps the upcall from coming at once --- */

/* The second post comes within the upcall, which uses no FPU, and may be the only one. */
static volatile uint32_t begun, begun_within;

LIMEN_UPCALL(posts_again);

void posts_again(struct upcall *upcall)
{
    struct system_message message = a_post(2, 0);
    struct int81 registers = {SYSTEM_VERSION, 0, (uint32_t)&message, sizeof(message)};
    upcall_last.words[0] = upcall->words[0];
    begun++;
    if (upcall->words[0] == 2)
        return;
    if (!int81_cross(&registers) || registers.eax != 0)
        upcall_wrong++;
    begun_within = begun;
}

static bool depth(uint32_t most)
{
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    struct system_message message = a_post(1, 0);
    policy.depth = most;
    policy.entry = (uint32_t)posts_again_upcall;
    port = handle_of(limen_reply_port_create(&policy));
    bool right = listen_at(&heard);
    begun = 0;
    struct effect effect = post(&message, true);
    right = step_ok(effect.result == 0, "post", effect.result) &&
            step_ok(begun == 2 && upcall_wrong == 0, "upcalls", begun) &&
            step_ok(begun_within == most, "within", begun_within) &&
            upcall_last.words[0] == 2 && right;
    return closed(port) && right;
}

static bool depths(void)
{
    return depth(1) && depth(2);
}

/* Two messages share the signals: in the order in which they listen. */
static bool two_listeners(void)
{
    bool right = open_port();
    right = listen_for(&heard, port, HANDLE_SELF, 0x0f) &&
            listen_for(&other, port, HANDLE_SELF, 0xf0) && right;
    for (uint32_t signals = 1; signals < 0x400; signals = signals * 2 + signals % 3) {
        struct system_message message = a_post(signals, 0);
        struct effect effect = post(&message, true);
        uint32_t count = (signals & 0x0f ? 1u : 0) + (signals & 0xf0 ? 1u : 0);
        right = step_ok(effect.result == 0, "post", effect.result) &&
                step_ok(effect.upcalls == count, "upcalls", effect.upcalls) &&
                step_ok((signals & 0x0f) == 0 || heard.words[0] == (signals & 0x0f),
                        "first", heard.words[0]) &&
                step_ok((signals & 0xf0) == 0 || other.words[0] == (signals & 0xf0),
                        "second", other.words[0]) &&
                right;
        heard.words[0] = other.words[0] = 0;
        right = take_signals() == (signals & ~0xffu) && right;
    }
    return closed(port) && right;
}

/* One that came back while its port was a queue stands there. */
static bool already_back(void)
{
    struct reply_policy policy = {.kind = REPLY_QUEUE};
    port = queue_port();
    struct system_message message = a_post(1, 0);
    bool right = listen_at(&heard);
    struct effect effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls at a queue", effect.upcalls) && right;
    policy = upcall_policy(HANDLE_SELF);
    policy.delay = 1000 * SECOND;
    right = limen_reply_port_policy(port, &policy) == 0 && right;
    message = a_post(2, 0);
    effect = post(&message, true);
    right =
        step_ok(effect.upcalls == 0, "upcalls that are delayed", effect.upcalls) && right;
    policy.delay = 0;
    upcalls_begin();
    right = limen_reply_port_policy(port, &policy) == 0 && right;
    right = upcalls_were(1) && upcall_last.words[0] == 3 && right;
    return closed(port) && right;
}

/* The policy holds it back, or nobody listens to none. */
static bool held_back(void)
{
    static uint32_t section;
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    struct system_message message = a_post(1, 0);
    policy.delay = 1000 * SECOND;
    port = handle_of(limen_reply_port_create(&policy));
    bool right = listen_at(&heard);
    struct effect effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls that are delayed", effect.upcalls) &&
            limen_msg_test(port, &heard) == 0 && heard.words[0] == 1 && right;
    policy.delay = 0;
    policy.critical = &section;
    section = 1;
    right = limen_reply_port_policy(port, &policy) == 0 && right;
    message = a_post(2, 0);
    effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls that are held", effect.upcalls) &&
            section == (1 | CRITICAL_HELD) && right;
    section = 0;
    right =
        limen_msg_flush() == 0 && upcalls_were(1) && upcall_last.words[0] == 2 && right;
    message = a_post(0, 0);
    effect = post(&message, true);
    right = step_ok(effect.result == 0 && effect.upcalls == 0, "no signals",
                    effect.upcalls) &&
            right;
    return closed(port) && right;
}

/* One that does not listen again. */
static bool once(void)
{
    struct system_message message = a_post(1, 0);
    bool right = open_port();
    heard = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                    .flags = MSG_ASYNC,
                                    .reply_port = port,
                                    .words = {ALL_SIGNALS, ALL_SIGNALS}};
    right = limen_msg_send(LIMEN_SYSTEM, &heard) == -EASYNC && right;
    struct effect effect = post(&message, true);
    right = upcall_came(&effect, 1, 0) && right;
    message = a_post(2, 0);
    effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls", effect.upcalls) && right;
    return closed(port) && take_signals() == 2 && right;
}

/* A segment register was changed since the thread began to run. */
static bool segments(void)
{
    struct system_message message = a_post(1, 0);
    uint32_t before;
    bool right = open_port() && listen_at(&heard);
    __asm__ volatile("movw %%fs, %w0\n\tmovw %w1, %%fs"
                     : "=&r"(before)
                     : "r"(SELECTOR_UDATA));
    struct effect effect = post(&message, true);
    uint32_t in_state = upcall_last.state.fs;
    __asm__ volatile("movw %w0, %%fs" : : "r"(before));
    right = upcall_came(&effect, 1, 0) &&
            step_ok(in_state == SELECTOR_UDATA, "fs", in_state) && right;
    return closed(port) && right;
}

/* A thread that uses the FPU finds it as it was; its upcall, as it is in the beginning.
 */
static volatile bool fpu_kept;

static void post_with_fpu(uint32_t unused)
{
    struct system_message message = a_post(1, 0);
    double after = 0;
    (void)unused;
    port = upcall_port(HANDLE_SELF);
    bool right = listen_at(&heard);
    __asm__ volatile("fninit\n\tfldpi");
    struct effect effect = post(&message, true);
    __asm__ volatile("fstpl %0" : "=m"(after));
    fpu_kept = right && upcall_came(&effect, 1, 0) && effect.flags == UPCALL_FPU &&
               after > 3.14159 && after < 3.1416;
}

static bool with_fpu(void)
{
    fpu_kept = false;
    bool right = stage_open(0) && stage_start(0, post_with_fpu, LESS);
    stage_settle();
    right = closed(port) && step_ok(fpu_kept, "the FPU", 0) && right;
    return stage_close() && right;
}

/* A thread that waits gets the message, and there is no upcall. */
static volatile bool named;
static volatile long waited;

static void wait_there(uint32_t unused)
{
    struct system_message *came = NULL;
    (void)unused;
    waited = named ? limen_msg_wait(port, &heard, NULL)
                   : limen_msg_wait_any(port, &came, NULL);
}

static bool somebody_waits(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 2; i++) {
        struct system_message message = a_post(0x55, 0);
        named = i;
        waited = 1;
        right = open_port() && listen_at(&heard) && stage_open(0) &&
                stage_start(0, wait_there, LESS) && right;
        stage_settle();
        struct effect effect = post(&message, true);
        stage_settle();
        right = step_ok(effect.upcalls == 0, "upcalls", effect.upcalls) &&
                step_ok(waited == 0, "waited for", waited) && heard.words[0] == 0x55 &&
                right;
        right = closed(port) && stage_close() && right;
    }
    return right;
}

/* It was given to a thread that may not run: what is posted meanwhile adds up. */
static bool somebody_has_it(void)
{
    struct system_message message = a_post(1, 0);
    named = false;
    waited = 1;
    bool right = open_port() && listen_at(&heard) && stage_open(0) &&
                 stage_start(0, wait_there, LESS);
    stage_settle();
    right = limen_thread_suspend(stage_threads[0]) == 0 && right;
    struct effect effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls", effect.upcalls) && right;
    message = a_post(4, 0);
    effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "upcalls", effect.upcalls) && right;
    right = limen_thread_resume(stage_threads[0]) == 0 && right;
    stage_settle();
    right = step_ok(waited == 0, "waited for", waited) &&
            step_ok(heard.words[0] == 5, "signals", heard.words[0]) && right;
    return closed(port) && stage_close() && right;
}

/* The message is the caller's, the upcall another thread's, and the other way round. */
static void idle(uint32_t unused)
{
    (void)unused;
    stage_wait_on(&stage_stop, 1);
}

static bool other_threads(void)
{
    struct system_message message = a_post(7, 0);
    bool right = stage_open(0) && stage_start(0, idle, LESS);
    stage_settle();
    port = upcall_port(stage_threads[0]);
    right = right && listen_at(&heard);
    struct effect effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "not of this thread", effect.upcalls) && right;
    stage_settle();
    right = upcalls_were(1) && closed(port) && right;
    right =
        open_port() && listen_for(&heard, port, stage_threads[0], ALL_SIGNALS) && right;
    message = a_post(8, 0);
    effect = post(&message, true);
    right = step_ok(effect.upcalls == 0, "nobody listens", effect.upcalls) && right;
    right = take_signals() == 8 && right;
    message = a_post(16, 0);
    message.object = stage_threads[0];
    effect = post(&message, true);
    right = upcall_came(&effect, 16, 0) && right;
    stage_tell(&stage_stop, 1);
    return closed(port) && stage_close() && right;
}

/* --- The state that is kept --- */

static uint32_t flags_in_state, flags_after;

static void step_no_more(struct upcall *upcall)
{
    flags_in_state = upcall->state.eflags;
    upcall->state.eflags &= ~0x100u;
}

/* Crosses with these flags, which may be TF. */
static void post_with_flags(struct system_message *message, uint32_t flags)
{
    uint32_t eax = SYSTEM_VERSION, ecx = (uint32_t)message, edx = sizeof(*message);
    uint32_t after;
    __asm__ volatile("pushl %[flags]\n\t"
                     "popfl\n\t"
                     "int $0x81\n\t"
                     "pushfl\n\t"
                     "popl %[after]\n\t"
                     "pushl $2\n\t"
                     "popfl"
                     : "+a"(eax), "+c"(ecx), "+d"(edx), [after] "=r"(after)
                     : [flags] "r"(flags), "b"(0)
                     : "memory", "cc");
    flags_after = after;
}

/* What a thread may set; of these a call takes some. */
static bool flags(void)
{
    static const uint32_t bits[] = {0,       1,        4,        0x10,    0x40,
                                    0x80,    0x100,    0x400,    0x800,   0x4000,
                                    0x40000, 0x200000, 0x244cd5, 0x244dd5};
    bool right = open_port() && listen_at(&heard);
    uint32_t kept = cpu_facts().cpuid ? 0x2009d5 : 0x0009d5;
    for (uint32_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
        struct system_message message = a_post(1, 0);
        upcalls_begin();
        upcall_hook = step_no_more;
        post_with_flags(&message, 0x202 | bits[i]);
        uint32_t wanted = 0x202 | (bits[i] & kept);
        right = upcalls_were(1) &&
                step_ok((flags_in_state & ~0x200000u) == (wanted & ~0x200000u),
                        "flags in the upcall", flags_in_state) &&
                step_ok((flags_after & 0x4cd5) == (wanted & ~0x100u & 0x4cd5),
                        "flags behind it", flags_after) &&
                right;
    }
    return closed(port) && right;
}

static const struct test_case cases[] = {
    {"every bit of a message", fields},
    {"what crosses is not one message", crossings},
    {"no more upcalls than there may be", depths},
    {"two messages listen", two_listeners},
    {"a message is on its way already", already_back},
    {"upcalls are held back, or there is nothing to tell", held_back},
    {"a message that does not listen again", once},
    {"somebody waits for the message", somebody_waits},
    {"somebody has got it, and may not run", somebody_has_it},
    {"a segment register", segments},
    {"the FPU", with_fpu},
    {"other threads listen, or get the upcall", other_threads},
    {"flags", flags},
};

int main(void)
{
    return RUN_CASES(cases);
}
