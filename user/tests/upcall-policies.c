/* SPDX-License-Identifier: MIT */
/*
 * What a port's policy says of upcalls: how many within each other and where, after which
 * delay, for which thread; and what becomes of what is under way when the policy, the
 * port, the thread, or the critical section's page is not what it was.
 */
#include "stage.h"
#include "upcalls.h"

#define WORD_PAGE 0x60000000u
#define MESSAGES 6

static struct system_message heard[MESSAGES];
static handle_t ports[2];
static uint8_t second_stack[UPCALL_STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t inside, most_inside;
static uint32_t places[16]; /* of the upcalls, in the order in which they began */
static volatile uint32_t *const page_word = (volatile uint32_t *)WORD_PAGE;
static const struct child self_process = {.process = HANDLE_SELF};
static volatile uint32_t section;

/* Message i is for signal i. */
static bool listen_all(uint32_t first, uint32_t end, handle_t port, handle_t thread)
{
    bool right = true;
    for (uint32_t i = first; i < end; i++)
        right = listen_for(&heard[i], port, thread, 1u << i) && right;
    return right;
}

static bool post(uint32_t which)
{
    return step_ok(post_to(HANDLE_SELF, 1u << which) == 0, "post", which);
}

static void begin(void)
{
    upcalls_begin();
    inside = most_inside = 0;
    section = 0;
}

static handle_t port_of(const struct reply_policy *policy)
{
    return handle_of(limen_reply_port_create(policy));
}

/* --- Within each other --- */

/* Each upcall posts the next signal, at once. */
static void post_next(struct upcall *upcall)
{
    uint32_t now = upcalls;
    places[now - 1] = (uint32_t)upcall;
    if (++inside > most_inside)
        most_inside = inside;
    if (now < MESSAGES)
        (void)post_to(HANDLE_SELF, 1u << now);
    inside--;
}

static bool nest(uint32_t depth, bool own_stack)
{
    begin();
    upcall_hook = post_next;
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.depth = depth;
    if (own_stack)
        policy.stack = policy.stack_size = 0;
    ports[0] = port_of(&policy);
    bool right = listen_all(0, MESSAGES, ports[0], HANDLE_SELF) && post(0) &&
                 upcalls_were(MESSAGES) && inside == 0 &&
                 step_ok(most_inside == (depth < MESSAGES ? depth : MESSAGES), "inside",
                         most_inside);
    for (uint32_t i = 1; i < MESSAGES; i++)
        right = right && step_ok(i < depth ? places[i] < places[i - 1]
                                           : places[i] == places[i - 1],
                                 "the place of an upcall", i);
    return closed(ports[0]) && right;
}

static bool nesting(void)
{
    static const uint32_t depths[] = {1, 2, 3, MESSAGES, ~0u};
    bool right = true;
    for (uint32_t i = 0; i < sizeof(depths) / sizeof(*depths); i++)
        right = step_ok(nest(depths[i], false) && nest(depths[i], true), "depth",
                        depths[i]) &&
                right;
    return right;
}

/* The first port's upcall posts to the second, whose upcall posts to the first. */
static bool two_ports(void)
{
    begin();
    upcall_hook = post_next;
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    ports[0] = port_of(&policy);
    policy.stack = (uint32_t)second_stack + sizeof(second_stack);
    ports[1] = port_of(&policy);
    bool right = true;
    for (uint32_t i = 0; i < MESSAGES; i++)
        right = right && listen_for(&heard[i], ports[i % 2], HANDLE_SELF, 1u << i);
    right = right && post(0) && upcalls_were(MESSAGES) &&
            step_ok(most_inside == 2, "inside", most_inside);
    for (uint32_t i = 0; right && i < MESSAGES; i++) {
        uint32_t stack = (uint32_t)(i % 2 ? second_stack : upcall_stack);
        right = step_ok(places[i] - stack < UPCALL_STACK_SIZE, "the stack of", i);
    }
    return closed(ports[0]) && closed(ports[1]) && right;
}

/* --- After a delay --- */

#define DELAY (20 * MILLISECOND)

static volatile uint64_t upcall_at;

static void note_time(struct upcall *unused)
{
    (void)unused;
    upcall_at = clock_now();
}

/* Collects a message at once, however busy the machine is. */
static bool collect_in_time(uint32_t which)
{
    for (;;) {
        upcalls = 0;
        uint64_t start = clock_now();
        if (!post(which))
            return false;
        long error = limen_msg_test(ports[0], &heard[which]);
        if (clock_now() < start + DELAY)
            return step_ok(error == 0, "collected", error) && upcalls_were(0);
    }
}

static bool comes_late(uint32_t which)
{
    upcalls = 0;
    uint64_t start = clock_now();
    bool right = post(which);
    while (right && upcalls == 0 && clock_now() < start + PATIENCE)
        sleep_for(MILLISECOND);
    return right && upcalls_were(1) &&
           step_ok(upcall_at >= start + DELAY, "too early",
                   (long long)(upcall_at - start));
}

static bool delayed(void)
{
    begin();
    upcall_hook = note_time;
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.delay = DELAY;
    ports[0] = port_of(&policy);
    bool right = listen_all(0, 2, ports[0], HANDLE_SELF) && collect_in_time(0);
    uint64_t later = clock_now() + 2 * DELAY;
    right = right && limen_clock_sleep(&later) == 0 && upcalls_were(0) && comes_late(0);
    /* The delay begins anew where all was taken. */
    right = right && collect_in_time(1) && comes_late(0);
    return closed(ports[0]) && right;
}

/* --- Policies that change --- */

static bool to_upcalls(void)
{
    begin();
    ports[0] = queue_port();
    bool right = listen_all(0, 3, ports[0], HANDLE_SELF) && post(0) && post(1) && post(2);
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    right = right && upcalls_were(0) && limen_reply_port_policy(ports[0], &policy) == 0 &&
            upcalls_were(3);
    return closed(ports[0]) && right;
}

static void make_queue(struct upcall *upcall)
{
    static const struct reply_policy queue = {.kind = REPLY_QUEUE};
    if (limen_reply_port_policy(upcall->port, &queue) != 0 || !post(1))
        upcall_wrong++;
}

static bool to_queue_in_an_upcall(void)
{
    begin();
    upcall_hook = make_queue;
    ports[0] = upcall_port(HANDLE_SELF);
    bool right = listen_all(0, 2, ports[0], HANDLE_SELF) && post(0) && upcalls_were(1) &&
                 limen_msg_test(ports[0], &heard[1]) == 0;
    /* That upcall has ended: the next one may come. */
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    upcall_hook = NULL;
    right = right && limen_reply_port_policy(ports[0], &policy) == 0 && post(0) &&
            upcalls_were(2);
    return closed(ports[0]) && right;
}

static void close_port(struct upcall *upcall)
{
    if (!closed(upcall->port))
        upcall_wrong++;
}

static bool closed_in_an_upcall(void)
{
    begin();
    upcall_hook = close_port;
    ports[0] = upcall_port(HANDLE_SELF);
    bool right = listen_all(0, 2, ports[0], HANDLE_SELF) && post(0) && upcalls_were(1) &&
                 limen_handle_close(ports[0]) == -EBADF && post(1) && upcalls_were(1);
    struct system_message taken = {
        .operation = SYSTEM_THREAD_SIGNALS, .object = HANDLE_SELF, .words = {1u << 1}};
    return right && limen_msg_send(LIMEN_SYSTEM, &taken) == 0; /* it was still there */
}

static bool changed_while_held(void)
{
    static const struct reply_policy queue = {.kind = REPLY_QUEUE};
    bool right = true;
    for (int close = 0; close < 2; close++) {
        begin();
        section = 1;
        struct reply_policy policy = upcall_policy(HANDLE_SELF);
        policy.critical = (uint32_t *)&section;
        ports[0] = port_of(&policy);
        right = right && listen_all(0, 1, ports[0], HANDLE_SELF) && post(0) &&
                upcalls_were(0) && section == (1 | CRITICAL_HELD);
        if (close)
            right = closed(ports[0]) && right;
        else
            right = right && limen_reply_port_policy(ports[0], &queue) == 0;
        section = 0;
        right = right && limen_msg_flush() == 0 && upcalls_were(0);
        if (!close)
            right = right && limen_msg_test(ports[0], &heard[0]) == 0 && closed(ports[0]);
        /* It waits as before. */
        uint64_t soon = clock_now() + MILLISECOND;
        right = right && limen_clock_sleep(&soon) == 0;
    }
    return right;
}

/* --- The thread --- */

static volatile uint32_t left_at;

static void spin(uint32_t unused)
{
    (void)unused;
    while (!stage_stop)
        continue;
}

static void leave_at_once(struct upcall *unused)
{
    (void)unused;
    stage_leave();
}

static bool thread_ends_in_an_upcall(void)
{
    begin();
    upcall_hook = leave_at_once;
    bool right = stage_open(0) && stage_start(0, spin, LESS);
    ports[0] = upcall_port(stage_threads[0]);
    right = right && listen_all(0, 1, ports[0], stage_threads[0]) &&
            listen_all(1, 2, ports[0], HANDLE_SELF) && post_to(stage_threads[0], 1) == 0;
    stage_settle();
    upcall_hook = NULL;
    right = right && upcalls_were(1) && stage_info(stage_threads[0]).ended && post(1) &&
            upcalls_were(1);
    /* The port is a queue now, until it has another thread; also what listened to the
     * one that ended has come back. */
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    right = right && limen_reply_port_policy(ports[0], &policy) == 0 && upcalls_were(3);
    right = stage_close() && right;
    return closed(ports[0]) && right;
}

static bool thread_ends_with_one_to_come(void)
{
    begin();
    bool right = stage_open(0) && stage_start(0, spin, LESS);
    ports[0] = upcall_port(stage_threads[0]);
    right = right && listen_all(0, 1, ports[0], HANDLE_SELF) && post(0) &&
            limen_thread_suspend(stage_threads[0]) == 0;
    stage_stop = 1;
    right = right && upcalls_were(0) && limen_msg_test(ports[0], &heard[0]) == 0 &&
            post(0) && limen_thread_resume(stage_threads[0]) == 0;
    upcall_hook = leave_at_once;
    stage_settle();
    right = right && upcalls_were(1);
    right = stage_close() && right;
    return closed(ports[0]) && right;
}

/* Registers that are written are what the upcall finds, and goes back to. */
static void note_and_leave(void)
{
    left_at = 1;
    stage_leave();
}

static bool registers_written(void)
{
    struct thread_state state;
    begin();
    left_at = 0;
    bool right = stage_open(0) && stage_start(0, spin, LESS);
    ports[0] = upcall_port(stage_threads[0]);
    handle_t thread = stage_threads[0];
    right = right && listen_all(0, 1, ports[0], thread) &&
            limen_thread_suspend(thread) == 0 && post_to(thread, 1) == 0 &&
            limen_thread_read(thread, &state) == 0;
    state.eip = (uint32_t)note_and_leave;
    state.esp = (uint32_t)stage_stacks[0] + STAGE_STACK_SIZE - 16 - 4;
    state.edi = 0x12345678;
    right = right && limen_thread_write(thread, &state) == 0 && upcalls_were(0) &&
            limen_thread_resume(thread) == 0;
    stage_settle();
    right = right && upcalls_were(1) && left_at == 1 &&
            upcall_last.state.eip == state.eip && upcall_last.state.edi == state.edi;
    right = stage_close() && right;
    return closed(ports[0]) && right;
}

/* --- The word's page --- */

static bool begin_with_page(void)
{
    begin();
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.critical = (uint32_t *)WORD_PAGE;
    ports[0] = port_of(&policy);
    bool right =
        child_map(self_process, WORD_PAGE, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
        listen_all(0, 2, ports[0], HANDLE_SELF);
    *page_word = 1;
    return right;
}

static bool end_with_page(void)
{
    return limen_memory_unmap(HANDLE_SELF, WORD_PAGE, PAGE_SIZE) == 0 && closed(ports[0]);
}

static bool page_unmapped(void)
{
    bool right = begin_with_page() && post(0) && upcalls_were(0) &&
                 limen_memory_unmap(HANDLE_SELF, WORD_PAGE, PAGE_SIZE) == 0;
    right =
        right && limen_msg_flush() == 0 && upcalls_were(1) && post(0) && upcalls_were(2);
    return end_with_page() && right;
}

static bool page_read_only(void)
{
    bool right =
        begin_with_page() &&
        limen_memory_protect(HANDLE_SELF, WORD_PAGE, PAGE_SIZE, MEMORY_READ) == 0 &&
        post(0) && upcalls_were(0) && *page_word == 1 &&
        limen_memory_protect(HANDLE_SELF, WORD_PAGE, PAGE_SIZE,
                             MEMORY_READ | MEMORY_WRITE) == 0;
    /* On the way out of the next call it can be told. */
    right = right && limen_null() == 0 && limen_msg_flush() == 0 && upcalls_were(0) &&
            step_ok(*page_word == (1 | CRITICAL_HELD), "the word", *page_word);
    *page_word = 0;
    right = right && limen_msg_flush() == 0 && upcalls_were(1);
    return end_with_page() && right;
}

static bool page_shared_after_a_clone(void)
{
    struct child clone = {0};
    uint32_t word = 0;
    bool right = begin_with_page();
    clone.process = handle_of(limen_process_clone(512));
    right = right && step_ok((long)clone.process.value > 0, "process_clone",
                             (long)clone.process.value);
    right = right && post(0) && upcalls_were(0) && *page_word == (1 | CRITICAL_HELD) &&
            child_read(clone, WORD_PAGE, &word, sizeof(word)) &&
            step_ok(word == 1, "the clone's word", word);
    *page_word = 0;
    right = right && limen_msg_flush() == 0 && upcalls_were(1);
    child_close(&clone);
    return end_with_page() && right;
}

/* --- The message's page --- */

/* What came is in the upcall, though the message cannot be written to. */
static bool message_lost(bool mapped)
{
    struct system_message *message = (struct system_message *)WORD_PAGE;
    begin();
    ports[0] = upcall_port(HANDLE_SELF);
    bool right =
        child_map(self_process, WORD_PAGE, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0 &&
        listen_for(message, ports[0], HANDLE_SELF, 1) && post(0) && upcalls_were(1) &&
        !(upcall_last.flags & UPCALL_LOST) && message->words[0] == 1;
    long error =
        mapped ? limen_memory_protect(HANDLE_SELF, WORD_PAGE, PAGE_SIZE, MEMORY_READ)
               : limen_memory_unmap(HANDLE_SELF, WORD_PAGE, PAGE_SIZE);
    right = right && error == 0 && post(0) && upcalls_were(2) &&
            upcall_last.flags & UPCALL_LOST && upcall_last.message == message &&
            upcall_last.words[0] == 1 && upcall_last.error == 0;
    (void)limen_memory_unmap(HANDLE_SELF, WORD_PAGE, PAGE_SIZE);
    return closed(ports[0]) && right;
}

static bool messages_lost(void)
{
    bool right = step_ok(message_lost(false), "unmapped", 0);
    return step_ok(message_lost(true), "read-only", 0) && right;
}

static const struct test_case cases[] = {
    {"upcalls within each other, as many as the policy allows", nesting},
    {"two ports with a stack each", two_ports},
    {"an upcall if nobody collects in time", delayed},
    {"a queue whose policy becomes upcalls", to_upcalls},
    {"a port that becomes a queue in its upcall", to_queue_in_an_upcall},
    {"a port that is closed in its upcall", closed_in_an_upcall},
    {"a port that is changed or closed while it is held", changed_while_held},
    {"a thread that ends in an upcall", thread_ends_in_an_upcall},
    {"a thread that is suspended, and ends", thread_ends_with_one_to_come},
    {"registers that are written before an upcall", registers_written},
    {"a critical section's page that is unmapped", page_unmapped},
    {"one that is read-only", page_read_only},
    {"one that is shared after a clone", page_shared_after_a_clone},
    {"a message's page that is unmapped or read-only", messages_lost},
};

int main(void)
{
    return RUN_CASES(cases);
}
