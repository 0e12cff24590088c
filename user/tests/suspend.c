/* SPDX-License-Identifier: MIT */
/*
 * Threads held from outside: a suspended one does not run, whatever it waits for comes;
 * its registers can be read and written, and nothing can be written that a thread may not
 * have.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"
#include "row.h"

#define TWIN_PAGES 256
#define STACK_SIZE 4096
#define WHILE (5 * MILLISECOND) /* long enough to run, if it could */

static uint8_t stacks[6][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t counter, word, left, gate_word;
static volatile long result;
static volatile uint32_t called;
static handle_t port, endpoint;

static void *stack_of(int i)
{
    return stacks[i] + STACK_SIZE;
}

/* `left` becomes 0 when nothing is left of the thread. */
static _Noreturn void leave(void)
{
    for (;;)
        (void)limen_thread_exit((uint32_t *)&left, 0, 0);
}

static handle_t begin(void (*function)(uint32_t), uint32_t argument, int stack)
{
    left = 1;
    result = 1;
    counter = 0;
    return handle_of(bare_thread(function, argument, stack_of(stack)));
}

/* Lets it end, and closes it. */
static bool end(handle_t thread)
{
    bool right = wait_for(&left, 0);
    return limen_handle_close(thread) == 0 && right;
}

static void count_until_told(uint32_t unused)
{
    (void)unused;
    while (word == 0)
        counter++;
    leave();
}

static bool counts(void)
{
    uint32_t before = counter;
    uint64_t deadline = clock_now() + PATIENCE;
    while (counter == before && clock_now() < deadline)
        (void)limen_thread_yield();
    return counter != before;
}

static bool stands_still(void)
{
    uint32_t before = counter;
    sleep_for(WHILE);
    return counter == before;
}

/* --- What it does --- */

static bool holds_a_running_thread(void)
{
    word = 0;
    handle_t thread = begin(count_until_told, 0, 0);
    bool right = counts();
    for (int i = 0; i < 5; i++)
        right = right && limen_thread_suspend(thread) == 0 && stands_still() &&
                limen_thread_suspend(thread) == 0 && stands_still() &&
                limen_thread_resume(thread) == 0 && counts() &&
                limen_thread_resume(thread) == 0;
    word = 1;
    return end(thread) && right;
}

static bool holds_another_process(void)
{
    struct child child;
    uint32_t before, after;
    word = 0;
    bool right = twin_load(&child, TWIN_PAGES) && twin_start(&child, count_until_told, 0);
    do {
        (void)limen_thread_yield();
    } while (right && child_read(child, (uint32_t)&counter, &before, 4) && before == 0);
    right = right && limen_thread_suspend(child.thread) == 0 &&
            child_read(child, (uint32_t)&counter, &before, 4);
    sleep_for(WHILE);
    right = right && child_read(child, (uint32_t)&counter, &after, 4) &&
            before == after && limen_process_kill(child.process, 0) == 0 &&
            limen_thread_resume(child.thread) == -ESRCH;
    child_close(&child);
    return right;
}

static void wait_on_word(uint32_t deadline)
{
    counter = 1;
    result = limen_futex_wait((uint32_t *)&word, 0, (const uint64_t *)deadline);
    counter = 2;
    leave();
}

static bool woken_while_suspended(void)
{
    word = 0;
    handle_t thread = begin(wait_on_word, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right = right && limen_thread_suspend(thread) == 0 &&
            limen_futex_wake((uint32_t *)&word, 1) == 1 &&
            limen_futex_wake((uint32_t *)&word, 1) == 0 && stands_still() &&
            limen_thread_resume(thread) == 0;
    return end(thread) && right && result == 0;
}

/* It waits on, as if nothing were. */
static bool suspended_and_resumed_waiting(void)
{
    word = 0;
    handle_t thread = begin(wait_on_word, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right = right && limen_thread_suspend(thread) == 0 &&
            limen_thread_resume(thread) == 0 && stands_still() &&
            limen_futex_wake((uint32_t *)&word, 1) == 1;
    return end(thread) && right && result == 0;
}

/* A deadline that came before the suspension is tried again, further away. */
static bool deadline_while_suspended(void)
{
    for (uint64_t wait = 2 * MILLISECOND; wait < 10 * SECOND; wait *= 8) {
        uint64_t deadline = clock_now() + wait;
        word = 0;
        handle_t thread = begin(wait_on_word, (uint32_t)&deadline, 0);
        bool right = wait_for(&counter, 1);
        long suspended = limen_thread_suspend(thread);
        (void)limen_clock_sleep(&deadline);
        right = right && (suspended == -ESRCH || (suspended == 0 && stands_still() &&
                                                  limen_thread_resume(thread) == 0));
        right = end(thread) && right && result == -ETIMEDOUT;
        if (!right || suspended == 0)
            return right;
    }
    return false;
}

static void suspend_itself(uint32_t unused)
{
    (void)unused;
    counter = 1;
    result = limen_thread_suspend(HANDLE_SELF);
    counter = 2;
    leave();
}

static bool by_itself(void)
{
    handle_t thread = begin(suspend_itself, 0, 0);
    bool right = wait_for(&counter, 1) && stands_still() && counter == 1 &&
                 limen_thread_resume(thread) == 0;
    return end(thread) && right && result == 0;
}

/* --- Messages --- */

static void open_port(void)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 5));
}

static void close_port(void)
{
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
}

static void call_once(uint32_t unused)
{
    uint32_t words[3] = {1, 2, 3};
    (void)unused;
    counter = 1;
    result = limen_call_words(endpoint, words);
    if (result == 0)
        result = (long)(words[0] + words[1] + words[2]);
    counter = 2;
    leave();
}

/* Answers are the words' sums, until the port dies. */
static void serve(uint32_t unused)
{
    struct limen_words words = {0};
    (void)unused;
    counter = 1;
    while ((result = limen_reply_receive_words(port, &words)) == MESSAGE_CALL)
        words.words[0] += words.words[1] + words.words[2];
    leave();
}

static bool client_suspended(void)
{
    struct limen_words words;
    open_port();
    handle_t thread = begin(call_once, 0, 0);
    bool right = limen_receive_words(port, &words, NULL) == MESSAGE_CALL &&
                 limen_thread_suspend(thread) == 0 && limen_reply(0, 10, 20, 30) == 0 &&
                 stands_still() && counter == 1 && limen_thread_resume(thread) == 0;
    right = end(thread) && right && result == 60;
    close_port();
    return right;
}

/* The answer comes by the way that a server usually takes. */
static bool client_of_a_server_suspended(void)
{
    uint32_t words[3] = {4, 5, 6};
    struct limen_words got;
    open_port();
    handle_t client = begin(call_once, 0, 0);
    bool right = limen_receive_words(port, &got, NULL) == MESSAGE_CALL &&
                 limen_thread_suspend(client) == 0;
    handle_t server = handle_of(bare_thread(serve, 0, stack_of(1)));
    handle_t other = handle_of(limen_endpoint_mint(port, 6));
    right = right && limen_reply(0, 7, 7, 7) == 0 &&
            limen_call_words(other, words) == 0 && words[0] == 15;
    sleep_for(WHILE);
    right = right && left == 1 && limen_thread_resume(client) == 0 && wait_for(&left, 0);
    left = 1;
    (void)limen_handle_close(other);
    close_port();
    right = wait_for(&left, 0) && right;
    (void)limen_handle_close(client);
    (void)limen_handle_close(server);
    return right;
}

/* Answers when `word` says so, in the way that is the fastest. */
static void serve_when_told(uint32_t unused)
{
    struct limen_words words = {0};
    (void)unused;
    while (limen_reply_receive_words(port, &words) == MESSAGE_CALL) {
        called = 2;
        (void)limen_futex_wait((uint32_t *)&word, 0, NULL);
        words.words[0] = 40;
    }
    called = 3;
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

static bool client_suspended_before_the_answer(void)
{
    open_port();
    word = 0;
    called = 1;
    handle_t server = handle_of(bare_thread(serve_when_told, 0, stack_of(1)));
    handle_t client = begin(call_once, 0, 0);
    bool right = wait_for(&called, 2);
    sleep_for(WHILE); /* the server waits for its word, the client for its answer */
    right = right && limen_thread_suspend(client) == 0;
    word = 1;
    right = right && limen_futex_wake((uint32_t *)&word, 1) == 1;
    sleep_for(WHILE);
    right = right && left == 1 && counter == 1 && limen_thread_resume(client) == 0;
    right = end(client) && right && result == 45;
    close_port();
    right = wait_for(&called, 3) && right;
    (void)limen_handle_close(server);
    return right;
}

static bool caller_in_queue_suspended(void)
{
    struct limen_words words;
    open_port();
    handle_t thread = begin(call_once, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right = right && limen_thread_suspend(thread) == 0 &&
            limen_receive_words(port, &words, NULL) == MESSAGE_CALL &&
            limen_reply(0, 1, 1, 1) == 0 && stands_still() && counter == 1 &&
            limen_thread_resume(thread) == 0;
    right = end(thread) && right && result == 3;
    close_port();
    return right;
}

static void call_and_tell(uint32_t unused)
{
    uint32_t words[3] = {1, 2, 3};
    (void)unused;
    called = limen_call_words(endpoint, words) == 0 && words[0] == 6 ? 2 : 3;
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

/* Who receives is suspended: a call waits until it is resumed. */
static bool server_suspended(void)
{
    open_port();
    called = 1;
    handle_t server = begin(serve, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right = right && limen_thread_suspend(server) == 0;
    handle_t client = handle_of(bare_thread(call_and_tell, 0, stack_of(1)));
    sleep_for(WHILE);
    right =
        right && called == 1 && limen_thread_resume(server) == 0 && wait_for(&called, 2);
    close_port();
    right = end(server) && right && result == MESSAGE_CLOSED;
    (void)limen_handle_close(client);
    return right;
}

#define ROUNDS 300

/* Calls go on, fast ones too, while client and server are suspended and resumed. */
static void call_many(uint32_t unused)
{
    (void)unused;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t words[3] = {i, 1, 1};
        if (limen_call_words(endpoint, words) != 0 || words[0] != i + 2)
            called = 3;
        counter++;
    }
    leave();
}

static bool calls_through_it_all(void)
{
    uint32_t random = 12345;
    open_port();
    called = 1;
    left = 1;
    handle_t server = handle_of(bare_thread(serve, 0, stack_of(1)));
    handle_t client = begin(call_many, 0, 0);
    uint64_t deadline = clock_now() + PATIENCE;
    while (counter < ROUNDS && clock_now() < deadline) {
        random = random * 1664525 + 1013904223;
        handle_t which = random >> 30 & 1 ? server : client;
        if (random >> 29 & 1)
            (void)limen_thread_suspend(which);
        else
            (void)limen_thread_resume(which);
        (void)limen_thread_yield();
    }
    (void)limen_thread_resume(server);
    (void)limen_thread_resume(client);
    bool right = wait_for(&left, 0) && called == 1;
    left = 1;
    close_port();
    right = wait_for(&left, 0) && right;
    (void)limen_handle_close(server);
    (void)limen_handle_close(client);
    return right;
}

/* --- Registers --- */

/* Loads every register with a number of its own, and spins. */
SNIPPET(known, "movl $0x11, %eax\n movl $0x22, %ebx\n movl $0x33, %ecx\n"
               "movl $0x44, %edx\n movl $0x55, %esi\n movl $0x66, %edi\n"
               "movl $0x77, %ebp\n movl $1, DATA\n stc\n 1: jmp 1b")

/* Stores what it finds, and ends. */
SNIPPET(store, "movl %eax, DATA\n movl %ebx, DATA + 4\n movl %ecx, DATA + 8\n"
               "movl %edx, DATA + 12\n movl %esi, DATA + 16\n movl %edi, DATA + 20\n"
               "movl %ebp, DATA + 24\n movl %esp, DATA + 28\n"
               "pushfl\n popl DATA + 32\n"
               "movl $0, DATA + 36\n movw %cs, DATA + 36\n"
               "movl $0, DATA + 40\n movw %ss, DATA + 40\n"
               "movl $0, DATA + 44\n movw %ds, DATA + 44\n"
               "movl $0, DATA + 48\n movw %es, DATA + 48\n"
               "movl $0, DATA + 52\n movw %fs, DATA + 52\n"
               "movl $0, DATA + 56\n movw %gs, DATA + 56\n"
               "cld\n pass")

/* A child that spins with known registers, and has the other snippet behind it. */
#define STORE_AT (CHILD_CODE + 0x1000)

/* Starts a child with this snippet, and the one that stores behind it. */
static bool load(struct child *child, const uint8_t *start, const uint8_t *end)
{
    return row_load(child, start, (uint32_t)(end - start)) &&
           limen_memory_protect(child->process, CHILD_CODE, CHILD_CODE_SIZE,
                                MEMORY_READ | MEMORY_WRITE) == 0 &&
           child_write(*child, STORE_AT, snippet_store,
                       (uint32_t)(snippet_store_end - snippet_store)) &&
           limen_memory_protect(child->process, CHILD_CODE, CHILD_CODE_SIZE,
                                MEMORY_READ | MEMORY_EXECUTE) == 0;
}

static bool load_known(struct child *child)
{
    uint32_t ready = 0;
    if (!load(child, snippet_known, snippet_known_end) ||
        child_start(child, CHILD_CODE, CHILD_STACK_START) <= 0)
        return false;
    while (child_read(*child, CHILD_DATA, &ready, 4) && ready == 0)
        (void)limen_thread_yield();
    return limen_thread_suspend(child->thread) == 0;
}

static bool reads_registers(void)
{
    struct child child;
    struct thread_state state = {0};
    bool right = load_known(&child) && limen_thread_read(child.thread, &state) == 0;
    right = right && state.eax == 0x11 && state.ebx == 0x22 && state.ecx == 0x33 &&
            state.edx == 0x44 && state.esi == 0x55 && state.edi == 0x66 &&
            state.ebp == 0x77 && state.esp == CHILD_STACK_START &&
            state.eip >= CHILD_CODE && state.eip < CHILD_CODE + 64 &&
            (state.eflags & 0x201) == 0x201 && state.cs == SELECTOR_UCODE &&
            state.ss == SELECTOR_UDATA && state.ds == SELECTOR_UDATA &&
            limen_process_kill(child.process, 0) == 0;
    child_close(&child);
    return right;
}

static const struct thread_state chosen = {
    .eax = 0xa1,
    .ebx = 0xa2,
    .ecx = 0xa3,
    .edx = 0xa4,
    .esi = 0xa5,
    .edi = 0xa6,
    .ebp = 0xa7,
    .esp = CHILD_STACK_START - 256,
    .eip = STORE_AT,
    .cs = SELECTOR_UCODE,
    .ss = SELECTOR_UDATA,
    .ds = SELECTOR_UDATA,
    .es = SELECTOR_UDATA,
};

/* Runs a child on from these registers; what the second snippet stored. */
static outcome_t run_on(const struct thread_state *state, uint32_t stored[15])
{
    struct child child;
    struct process_end end;
    outcome_t outcome = NOT_STARTED;
    if (load_known(&child) && limen_thread_write(child.thread, state) == 0 &&
        limen_thread_resume(child.thread) == 0) {
        outcome = child_wait(child, &end);
        (void)child_read(child, CHILD_DATA, stored, 60);
    }
    child_close(&child);
    return outcome;
}

static bool writes_registers(void)
{
    uint32_t stored[15] = {0};
    bool right = run_on(&chosen, stored) == EXIT_0;
    for (uint32_t i = 0; i < 7; i++)
        right = right && stored[i] == 0xa1 + i;
    return right && stored[7] == CHILD_STACK_START - 256;
}

/* Every flag and selector that there is: the thread gets none that it may not have. */
static bool writes_nothing_forbidden(void)
{
    static const uint32_t flags[] = {0,       0xffffffff & ~0x100u,
                                     0x3000,  0x4000,
                                     0x20000, 0x10000,
                                     0x8000,  0x100000,
                                     0x80000, 0xd5,
                                     0x400,   0x40000};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        struct thread_state state = chosen;
        uint32_t stored[15] = {0};
        state.eflags = flags[i];
        outcome_t outcome = run_on(&state, stored);
        right = step_ok(outcome == EXIT_0, "flags", flags[i]) && right;
        right =
            step_ok((stored[8] & 0x137300) == 0x200, "they became", stored[8]) && right;
        right = step_ok((stored[8] & 0x40cd5) == (flags[i] & 0x40cd5), "not kept",
                        stored[8]) &&
                right;
    }
    return right;
}

static bool flat_segments(const uint32_t stored[15])
{
    return stored[9] == SELECTOR_UCODE && stored[10] == SELECTOR_UDATA &&
           stored[11] == SELECTOR_UDATA && stored[12] == SELECTOR_UDATA;
}

static bool selector_is_safe(uint32_t selector)
{
    return selector == 0 || selector == SELECTOR_UDATA || selector == SELECTOR_UCODE ||
           selector == SELECTOR_FS || selector == SELECTOR_GS;
}

static bool selectors(void)
{
    bool right = true;
    for (uint32_t selector = 0; selector < 0x80; selector++) {
        struct thread_state state = chosen;
        uint32_t stored[15] = {0};
        uint32_t high = selector & 1 ? 0xffff0000 : 0;
        state.cs = state.ss = state.ds = state.es = selector | high;
        state.fs = state.gs = selector | high;
        outcome_t outcome = run_on(&state, stored);
        uint32_t wanted = high == 0 && selector_is_safe(selector) ? selector : 0;
        right = step_ok(outcome == EXIT_0 && flat_segments(stored) &&
                            stored[13] == wanted && stored[14] == wanted,
                        "selector", selector) &&
                right;
    }
    for (uint32_t i = 0; i < 5; i++) {
        static const uint32_t good[] = {0, SELECTOR_UDATA, SELECTOR_UCODE, SELECTOR_FS,
                                        SELECTOR_GS};
        struct thread_state state = chosen;
        uint32_t stored[15] = {0};
        state.fs = state.gs = good[i];
        right = step_ok(run_on(&state, stored) == EXIT_0 && stored[13] == good[i] &&
                            stored[14] == good[i],
                        "selector", good[i]) &&
                right;
    }
    return right;
}

static bool single_step(void)
{
    struct thread_state state = chosen;
    uint32_t stored[15];
    state.eflags = 0x100u;
    return run_on(&state, stored) == FAULT(1);
}

static bool bad_addresses(void)
{
    static const uint32_t addresses[] = {0,          KERNEL_BASE, KERNEL_BASE + 0x100000,
                                         0xffffffff, 0x7fffffff,  THRESHOLD_ADDRESS};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        struct thread_state state = chosen;
        uint32_t stored[15];
        state.eip = addresses[i];
        outcome_t outcome = run_on(&state, stored);
        right = step_ok((outcome & (FAULT(13) | FAULT(14) | FAULT(6))) != 0, "eip",
                        addresses[i]) &&
                right;
        state = chosen;
        state.esp = addresses[i];
        outcome = run_on(&state, stored);
        right = step_ok((outcome & (FAULT(12) | FAULT(14) | EXIT_0)) != 0, "esp",
                        addresses[i]) &&
                right;
    }
    return right;
}

SNIPPET(fault, "movl $0x11, %eax\n movl %eax, 0")

/* What a debugger does: it looks at a thread that has faulted, and sends it elsewhere. */
static bool written_after_a_fault(void)
{
    struct child child;
    struct process_end end;
    struct thread_state state = {0};
    struct message message = {.handle_room = 1};
    open_port();
    bool right = load(&child, snippet_fault, snippet_fault_end) &&
                 limen_process_fault_endpoint(child.process, endpoint) == 0 &&
                 child_start(&child, CHILD_CODE, CHILD_STACK_START) > 0 &&
                 limen_receive_message(port, &message, NULL) == MESSAGE_FAULT &&
                 message.handle_count == 1;
    handle_t thread = message.handles[0];
    right = right && limen_thread_read(thread, &state) == 0 && state.eax == 0x11 &&
            state.eip == CHILD_CODE + 5 && limen_thread_write(thread, &chosen) == 0 &&
            limen_reply(0, 0, 0, 0) == 0 && child_wait(child, &end) == EXIT_0;
    (void)limen_handle_close(thread);
    child_close(&child);
    close_port();
    return right;
}

/* --- A call is given up --- */

static void go_on_here(void)
{
    counter = 77;
    leave();
}

/* Sends a thread of this process elsewhere. */
static bool send_elsewhere(handle_t thread)
{
    struct thread_state state;
    if (limen_thread_suspend(thread) != 0 || limen_thread_read(thread, &state) != 0)
        return false;
    state.eip = (uint32_t)go_on_here;
    state.esp = (uint32_t)stack_of(5) - 16 - 4;
    return limen_thread_write(thread, &state) == 0 && limen_thread_resume(thread) == 0 &&
           wait_for(&counter, 77);
}

static bool gives_up_a_futex(void)
{
    word = 0;
    handle_t thread = begin(wait_on_word, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right =
        right && send_elsewhere(thread) && limen_futex_wake((uint32_t *)&word, 1) == 0;
    return end(thread) && right && result == 1;
}

static bool gives_up_a_deadline(void)
{
    uint64_t deadline = clock_now() + 200 * MILLISECOND;
    word = 0;
    handle_t thread = begin(wait_on_word, (uint32_t)&deadline, 0);
    bool right = wait_for(&counter, 1) && send_elsewhere(thread);
    (void)limen_clock_sleep(&deadline); /* nothing happens to what was that thread */
    sleep_for(WHILE);
    return end(thread) && right;
}

static bool gives_up_a_call(void)
{
    struct limen_words words;
    open_port();
    handle_t thread = begin(call_once, 0, 0);
    bool right = limen_receive_words(port, &words, NULL) == MESSAGE_CALL &&
                 send_elsewhere(thread) && limen_reply(0, 1, 1, 1) == -ESRCH;
    right = end(thread) && right && result == 1;
    thread = begin(call_once, 0, 0); /* still in the queue */
    right = right && wait_for(&counter, 1);
    sleep_for(WHILE);
    uint64_t past = 1;
    right = right && send_elsewhere(thread) &&
            limen_receive_words(port, &words, &past) == -ETIMEDOUT;
    right = end(thread) && right && result == 1;
    close_port();
    return right;
}

static bool gives_up_a_receive(void)
{
    open_port();
    called = 1;
    handle_t first = begin(serve, 0, 0);
    bool right = wait_for(&counter, 1);
    sleep_for(WHILE);
    right = right && send_elsewhere(first);
    right = end(first) && right;
    handle_t client = handle_of(bare_thread(call_and_tell, 0, stack_of(1)));
    handle_t second = begin(serve, 0, 2);
    right = right && wait_for(&called, 2);
    close_port();
    right = end(second) && right;
    (void)limen_handle_close(client);
    return right;
}

/* --- What cannot be --- */

static bool only_suspended_ones(void)
{
    struct thread_state state;
    word = 0;
    handle_t thread = begin(count_until_told, 0, 0);
    bool right = counts() && limen_thread_read(thread, &state) == 0 &&
                 limen_thread_write(thread, &state) == -EBUSY &&
                 limen_thread_read(HANDLE_SELF, &state) == 0 &&
                 limen_thread_write(HANDLE_SELF, &state) == -EBUSY &&
                 limen_thread_resume(HANDLE_SELF) == 0 &&
                 limen_thread_suspend(thread) == 0 &&
                 limen_thread_write(thread, (void *)KERNEL_BASE) == -EFAULT &&
                 limen_thread_read(thread, (void *)KERNEL_BASE) == -EFAULT &&
                 limen_thread_resume(thread) == 0 && counts() &&
                 limen_thread_write(thread, &state) == -EBUSY;
    word = 1;
    right = wait_for(&left, 0) && right;
    right = right && limen_thread_suspend(thread) == -ESRCH &&
            limen_thread_resume(thread) == -ESRCH &&
            limen_thread_read(thread, &state) == -ESRCH &&
            limen_thread_write(thread, &state) == -ESRCH;
    return limen_handle_close(thread) == 0 && right;
}

static void start_all_kinds(uint32_t unused)
{
    handle_t threads[4];
    (void)unused;
    word = 0;
    open_port();
    threads[0] = handle_of(bare_thread(count_until_told, 0, stack_of(0)));
    threads[1] = handle_of(bare_thread(wait_on_word, 0, stack_of(1)));
    threads[2] = handle_of(bare_thread(serve, 0, stack_of(2)));
    threads[3] = handle_of(bare_thread(suspend_itself, 0, stack_of(3)));
    sleep_for(WHILE);
    for (int i = 0; i < 4; i++)
        if (limen_thread_suspend(threads[i]) != 0)
            (void)limen_process_exit(1);
    gate_word = 1;
    (void)limen_thread_suspend(HANDLE_SELF);
    (void)limen_process_exit(2);
}

static bool killed_suspended(void)
{
    struct child child;
    struct process_end end;
    bool right = twin_load(&child, TWIN_PAGES) &&
                 twin_start(&child, start_all_kinds, 0) &&
                 child_wait_for(child, &gate_word, 1) &&
                 limen_process_kill(child.process, 9) == 0 &&
                 limen_process_wait(child.process, &end, NULL) == 0 && end.status == 9;
    child_close(&child);
    return right;
}

static const struct test_case cases[] = {
    {"a running thread stands still until it is resumed", holds_a_running_thread},
    {"a thread of another process", holds_another_process},
    {"woken while it is suspended, it runs when resumed", woken_while_suspended},
    {"suspended and resumed, it waits on", suspended_and_resumed_waiting},
    {"its deadline passes while it is suspended", deadline_while_suspended},
    {"a thread suspends itself", by_itself},
    {"an answer for a suspended client", client_suspended},
    {"a server goes on without a suspended client", client_of_a_server_suspended},
    {"a fast answer for a suspended client", client_suspended_before_the_answer},
    {"a suspended caller's message is received", caller_in_queue_suspended},
    {"a call to a suspended server", server_suspended},
    {"calls survive any suspending and resuming", calls_through_it_all},
    {"registers are read", reads_registers},
    {"registers are written", writes_registers},
    {"registers are written after a fault", written_after_a_fault},
    {"flags that a thread may not have", writes_nothing_forbidden},
    {"selectors that a thread may not have", selectors},
    {"a single step ends as one", single_step},
    {"addresses that a thread may not use", bad_addresses},
    {"a wait on a word is given up", gives_up_a_futex},
    {"a deadline is given up", gives_up_a_deadline},
    {"a call is given up", gives_up_a_call},
    {"a receive is given up", gives_up_a_receive},
    {"only registers of suspended threads are written", only_suspended_ones},
    {"a process is killed with suspended threads", killed_suspended},
};

int main(void)
{
    return RUN_CASES(cases);
}
