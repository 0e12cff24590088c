/* SPDX-License-Identifier: MIT */
/*
 * Calls and their arguments. Both come from the table: an argument's kind from its type,
 * what a number is about from its name. Nothing here has a list of calls but for those
 * few that would end or silence the fuzzer itself.
 */
#include <errno.h>
#include <limen/async.h>
#include <limen/syscall.h>
#include <string.h>

#include "../tests/errors.h"
#include "fuzz.h"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof(*(array)))

enum kind {
    KIND_NONE,
    KIND_HANDLE,
    KIND_NUMBER,
    KIND_DEADLINE,
    KIND_WORD, /* pointer to a word */
    KIND_MAP,
    KIND_START,
    KIND_MESSAGE,
    KIND_WINDOW,
    KIND_POLICY,
    KIND_UPCALL,
    KIND_IN,  /* pointer to anything else that is read */
    KIND_OUT, /* … or written */
};

/* What a number is about, as its name says: found out once. */
enum about {
    ABOUT_ANYTHING,
    ABOUT_ADDRESS,
    ABOUT_SIZE,
    ABOUT_PAGES,
    ABOUT_RIGHTS,
    ABOUT_PROTECTION,
    ABOUT_NOTHING,
};

static const struct {
    const char *word;
    enum about about;
} words[] = {
    {"address", ABOUT_ADDRESS},
    {"base", ABOUT_ADDRESS},
    {"size", ABOUT_SIZE},
    {"pages", ABOUT_PAGES},
    {"rights", ABOUT_RIGHTS},
    {"reserved", ABOUT_NOTHING},
    {"protection", ABOUT_PROTECTION},
};

struct call {
    const char *name;
    uint8_t kinds[WORDS];
    const char *arguments[WORDS];
};

#define LIST(...) __VA_ARGS__
#define WORD(name) #name
#define ARG(type, n) \
    _Generic((type){0}, handle_t: KIND_HANDLE, uint32_t: KIND_NUMBER,             \
             const uint64_t *: KIND_DEADLINE, uint32_t *: KIND_WORD,              \
             struct memory_map *: KIND_MAP, const struct thread_start *: KIND_START, \
             struct message *: KIND_MESSAGE, const struct message *: KIND_MESSAGE, \
             const struct message_window *: KIND_WINDOW,                           \
             const struct reply_policy *: KIND_POLICY,                             \
             const struct upcall *: KIND_UPCALL,                                   \
             const void *: KIND_IN, const char *: KIND_IN, default: KIND_OUT)
#define SYSCALL(nr, callname, params, words, args) \
    [nr] = {.name = #callname, .kinds = {LIST args}, .arguments = {LIST words}},
static const struct call calls[NUMBERS] = {
#include <limen/syscalls.def>
};
#undef SYSCALL
#undef ARG
#undef WORD

/* Calls that end or lame whoever makes them, or whose traces drown all others, and are
 * therefore made less often: once in so many times chosen. */
static const struct {
    const char *name;
    uint8_t times;
} seldom_calls[] = {
    {"process_exit", 100}, {"thread_exit", 100},    {"process_kill", 100},
    {"client_fault", 100}, {"thread_suspend", 100}, {"endpoint_mint", 10},
    {"port_create", 10},   {"handle_close", 3},     {"call", 2},
    {"send", 2},           {"message_call", 2},     {"upcall_return", 10},
};

static uint32_t numbers[NUMBERS]; /* of the calls that there are */
static uint32_t number_count;
static uint32_t answering[NUMBERS]; /* of those that answer a call */
static uint32_t answering_count;
static uint8_t seldom[NUMBERS]; /* made once in so many times chosen */
static uint8_t abouts[NUMBERS][WORDS];
static bool in_words[NUMBERS];                   /* its answer has words in registers */
static bool receives[NUMBERS];                   /* its result is the tag of a message */
static handle_t window_handles[MESSAGE_HANDLES]; /* those that came last to a window */

const char *call_name(uint32_t number)
{
    return number < NUMBERS && calls[number].name ? calls[number].name : "?";
}

/* --- Numbers --- */

uint32_t random_next(uint32_t *random)
{
    uint32_t x = *random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *random = x;
}

uint32_t random_below(uint32_t *random, uint32_t limit)
{
    return (uint32_t)((uint64_t)random_next(random) * limit >> 32);
}

static bool one_in(uint32_t *random, uint32_t n)
{
    return random_below(random, n) == 0;
}

#define PICK(random, list) \
    ((list)[random_below((random), sizeof(list) / sizeof(*(list)))])

static uint32_t address_of(const void *pointer)
{
    return (uint32_t)pointer;
}

/* Any number but an address among the fuzzer's own data: what is written there would look
 * like a kernel that changes registers. */
static uint32_t harmless(uint32_t number)
{
    extern const char etext[], end[];
    return number >= address_of(etext) && number < address_of(end) ? ARENA : number;
}

static uint32_t any_number(uint32_t *random)
{
    static const uint32_t edges[] = {
        0,          1,          2,          3,          4,          7,
        8,          15,         16,         31,         32,         63,
        64,         255,        0xfff,      0x1000,     0x1001,     0xffff,
        0x10000,    0x3ffff,    0x40000,    0x7fffffff, 0x80000000, 0xfffff000,
        0xffffffff, 0xfffffffe, 0x80000001, 0xc0000000,
    };
    return one_in(random, 3) ? harmless(random_next(random) >> random_below(random, 32))
                             : PICK(random, edges);
}

/* A place: where user pointers may not lead, where they just may, or nobody knows. */
static uint32_t edge_address(uint32_t *random)
{
    const uint32_t edges[] = {
        0,
        4,
        USER_START - 1,
        USER_START,
        USER_END - 1,
        USER_END,
        KERNEL_BASE - 4,
        KERNEL_BASE - 1,
        KERNEL_BASE,
        KERNEL_BASE + 0x100000,
        KERNEL_BASE + 0x101235,
        0xe0000000,
        0xffc00000,
        THRESHOLD_ADDRESS,
        0xfffff000,
        0xfffffffc,
        0xffffffff,
        0x80000000,
        SCRATCH - 1,
        SCRATCH + SCRATCH_SIZE - 2,
        ARENA + ARENA_SIZE - PAGE_SIZE - 2, /* before the hole */
        ARENA + ARENA_SIZE - PAGE_SIZE,     /* the hole */
        ARENA + ARENA_SIZE - 2 * PAGE_SIZE, /* read-only */
        address_of(calls),
        address_of(&worker_entry),
    };
    return one_in(random, 8) ? harmless(random_next(random)) : PICK(random, edges);
}

/* Memory of the fuzzer's that may hold anything. */
static uint32_t good_address(uint32_t *random)
{
    if (one_in(random, 4))
        return SCRATCH + random_below(random, SCRATCH_SIZE);
    return ARENA + (random_below(random, ARENA_GOOD) & ~3u);
}

static uint32_t page_address(uint32_t *random)
{
    if (one_in(random, 16))
        return edge_address(random);
    if (one_in(random, 500))
        return good_address(random); /* and what lies around it */
    return SCRATCH + (random_below(random, SCRATCH_SIZE) & ~(PAGE_SIZE - 1u));
}

static uint32_t size_number(uint32_t *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return any_number(random);
    case 1:
        return 0u - edge_address(random);
    case 2:
        return random_below(random, 0x12000);
    case 3:
    case 4:
        return (1 + random_below(random, 8)) * PAGE_SIZE;
    default:
        return random_below(random, 256);
    }
}

/* A number by what it is about. */
static uint32_t number_for(uint32_t *random, enum about about)
{
    if (one_in(random, 12))
        return any_number(random);
    switch (about) {
    case ABOUT_ADDRESS:
        return page_address(random);
    case ABOUT_SIZE:
        return size_number(random);
    case ABOUT_PAGES:
        return random_below(random, 40);
    case ABOUT_RIGHTS:
        return one_in(random, 4) ? random_next(random) & RIGHTS_ALL : RIGHTS_SAME;
    case ABOUT_PROTECTION:
        return random_below(random, 8);
    case ABOUT_NOTHING:
        return 0;
    default:
        return random_below(random, one_in(random, 2) ? 3 : 70);
    }
}

/* --- Handles --- */

/* What all members have is chosen most, so that they meet there. */
static uint32_t pool_place(uint32_t *random)
{
    return random_below(random, one_in(random, 3) ? POOL : GIFTS);
}

static uint32_t any_handle(uint32_t *random)
{
    uint32_t value = state.pool[pool_place(random)].value;
    switch (random_below(random, 8)) {
    case 0:
        return random_next(random);
    case 1:
        return value ^ 1u << random_below(random, 32);
    case 2:
    case 3:
        return HANDLE_SELF.value;
    default:
        return value;
    }
}

#define SELF (NUMBERS - 1) /* as if a call had made HANDLE_SELF */

static bool takes(uint32_t number, uint32_t word, uint32_t maker)
{
    return state.takes[number][word][maker % NUMBERS / 32] & 1u << maker % 32;
}

/* Mostly one that was made by a call whose handles this argument takes, as earlier
 * answers told. */
static uint32_t handle_for(uint32_t *random, uint32_t number, uint32_t word)
{
    if (takes(number, word, SELF) && one_in(random, 4))
        return HANDLE_SELF.value;
    for (uint32_t tries = random_below(random, 16); tries > 0; tries--) {
        uint32_t at = pool_place(random);
        if (takes(number, word, state.makers[at]))
            return state.pool[at].value;
    }
    return any_handle(random);
}

static void learn_maker(uint32_t number, uint32_t word, uint32_t maker)
{
    state.takes[number][word][maker % NUMBERS / 32] |= 1u << maker % 32;
}

static void learn_handle(uint32_t number, uint32_t word, uint32_t value)
{
    if (value == HANDLE_SELF.value)
        learn_maker(number, word, SELF);
    for (uint32_t at = 0; value != 0 && at < POOL; at++)
        if (state.pool[at].value == value)
            learn_maker(number, word, state.makers[at]);
}

/* --- What pointers lead to --- */

#define WORDS_SIZE 32u /* the arena begins with a few words to wait on */

static uint32_t *fill_at(uint32_t *random, uint32_t size)
{
    uint32_t room = ARENA_GOOD - WORDS_SIZE - size;
    return (uint32_t *)(ARENA + WORDS_SIZE + (random_below(random, room) & ~3u));
}

static uint32_t make_deadline(uint32_t *random)
{
    uint64_t now = 0;
    uint64_t *at = (uint64_t *)fill_at(random, sizeof(*at));
    if (one_in(random, 20))
        return 0;
    (void)limen_clock_get(CLOCK_ID_MONOTONIC, &now);
    if (one_in(random, 30))
        *at = (uint64_t)random_next(random) << random_below(random, 33);
    else
        *at = now + random_below(random, 200000) - 20000;
    return address_of(at);
}

static uint32_t map_flags(uint32_t *random)
{
    uint32_t protection = random_next(random) & MEMORY_PROTECTION;
    if (one_in(random, 8))
        return random_next(random) & (one_in(random, 8) ? ~0u : 63u);
    return one_in(random, 2)
               ? protection
               : protection | MEMORY_FIXED | (one_in(random, 2) ? MEMORY_REPLACE : 0);
}

static uint32_t make_map(uint32_t *random)
{
    struct memory_map *map = (struct memory_map *)fill_at(random, sizeof(*map));
    *map = (struct memory_map){
        .address = one_in(random, 3) ? 0 : page_address(random),
        .size = one_in(random, 6) ? size_number(random)
                                  : (1 + random_below(random, 12)) * PAGE_SIZE,
        .flags = map_flags(random),
        .memory = {one_in(random, 4) ? any_handle(random) : 0},
        .offset = one_in(random, 2) ? 0 : page_address(random) - SCRATCH,
    };
    return address_of(map);
}

/* Another worker, or a thread that will not get far. */
static uint32_t make_start(uint32_t *random)
{
    struct thread_start *start = (struct thread_start *)fill_at(random, sizeof(*start));
    *start = (struct thread_start){
        .eip = one_in(random, 16) ? edge_address(random) : address_of(&worker_entry),
        .esp = edge_address(random),
        .eax = random_next(random),
        .flags = random_next(random) & 3,
        .fs_base = one_in(random, 2) ? 0 : random_next(random),
        .gs_base = one_in(random, 2) ? 0 : edge_address(random),
    };
    return address_of(start);
}

static uint32_t make_message(uint32_t *random)
{
    struct message *message = (struct message *)fill_at(random, sizeof(*message));
    *message = (struct message){
        .words = {random_next(random), 1, 2},
        .send = (const void *)(one_in(random, 8) ? edge_address(random)
                                                 : good_address(random)),
        .send_size =
            one_in(random, 8) ? size_number(random) : random_below(random, 2 * PAGE_SIZE),
        .receive =
            (void *)(one_in(random, 8) ? edge_address(random) : good_address(random)),
        .receive_size =
            one_in(random, 8) ? size_number(random) : random_below(random, 2 * PAGE_SIZE),
        .handle_room = random_below(random, one_in(random, 8) ? 1000 : 5),
        .handle_count = random_below(random, one_in(random, 8) ? 1000 : 5),
    };
    for (int i = 0; i < MESSAGE_HANDLES; i++) {
        message->handles[i].value = any_handle(random);
        message->rights[i] = number_for(random, ABOUT_RIGHTS);
    }
    return address_of(message);
}

static uint32_t make_window(uint32_t *random)
{
    struct message_window *window =
        (struct message_window *)fill_at(random, sizeof(*window));
    if (one_in(random, 8))
        return 0;
    *window = (struct message_window){
        .buffer =
            (void *)(one_in(random, 8) ? edge_address(random) : good_address(random)),
        .size =
            one_in(random, 8) ? size_number(random) : random_below(random, 2 * PAGE_SIZE),
        .handles = one_in(random, 8) ? (handle_t *)edge_address(random) : window_handles,
        .handle_room = random_below(random, one_in(random, 8) ? 1000 : 5),
    };
    return address_of(window);
}

/* --- System-call messages --- */

#define SENT 16 /* whose addresses are remembered */
static uint32_t sent[SENT];

static uint64_t moment(uint32_t *random)
{
    uint64_t now = 0;
    if (one_in(random, 16))
        return (uint64_t)random_next(random) << random_below(random, 33);
    (void)limen_clock_get(CLOCK_ID_MONOTONIC, &now);
    return now + random_below(random, 200000) - 20000;
}

static uint32_t sent_message(uint32_t *random)
{
    return one_in(random, 8) ? edge_address(random) : PICK(random, sent);
}

static uint32_t pool_handle(uint32_t *random, uint32_t maker)
{
    for (uint32_t tries = 0; tries < 16; tries++) {
        uint32_t at = random_below(random, POOL);
        if (state.makers[at] == maker)
            return state.pool[at].value;
    }
    return any_handle(random);
}

static uint32_t word_address(uint32_t *random)
{
    return ARENA + random_below(random, WORDS_SIZE / 4) * 4;
}

/* The fields that mean something, by what the message is about. */
static void fill_system_message(struct system_message *message, uint32_t *random)
{
    uint32_t signal = 1u << random_below(random, 32);
    switch (message->operation) {
    case SYSTEM_TIMER:
        message->time = moment(random);
        if (message->flags & MSG_LIVE)
            message->period = one_in(random, 16) ? ~0ull >> random_below(random, 64)
                                                 : 1 + random_below(random, 100000);
        break;
    case SYSTEM_FUTEX:
        message->words[0] = word_address(random);
        message->words[1] = *(uint32_t *)message->words[0];
        break;
    case SYSTEM_PROCESS_END:
    case SYSTEM_THREAD_END:
        message->object.value = any_handle(random);
        break;
    case SYSTEM_INTERRUPT:
        message->object.value = any_handle(random);
        message->words[0] = random_below(random, 17);
        break;
    case SYSTEM_PROCESS_SIGNALS:
    case SYSTEM_THREAD_SIGNALS:
    case SYSTEM_PROCESS_POST:
    case SYSTEM_THREAD_POST:
        message->object.value =
            one_in(random, 2) ? HANDLE_SELF.value : any_handle(random);
        message->words[one_in(random, 4)] = one_in(random, 8) ? ~0u : signal;
        break;
    case SYSTEM_CANCEL:
    case SYSTEM_ACKNOWLEDGE:
        message->words[0] = sent_message(random);
        break;
    default:
        break;
    }
}

static uint32_t make_message(uint32_t *random);

static void fill_port_message(struct system_message *message, uint32_t *random)
{
    message->operation = (uint16_t)random_below(random, PORT_OPERATIONS);
    message->flags &= (uint16_t)~MSG_LIVE;
    message->words[0] = message->operation == PORT_MESSAGE_CALL ? make_message(random)
                                                                : random_next(random);
}

static void fill_sent(struct system_message *message, uint32_t *random, bool system)
{
    static const uint8_t flags[] = {0, MSG_ASYNC, MSG_ASYNC, MSG_ASYNC | MSG_LIVE};
    *message = (struct system_message){
        .operation = (uint16_t)random_below(random, SYSTEM_OPERATIONS),
        .flags = PICK(random, flags),
    };
    if (message->operation < SYSTEM_IMMEDIATE || one_in(random, 2))
        message->flags &= (uint16_t)~MSG_LIVE;
    if (message->flags & MSG_ASYNC && !one_in(random, 4))
        message->reply_port.value = pool_handle(random, SYS_LIMEN_reply_port_create);
    if (system)
        fill_system_message(message, random);
    else
        fill_port_message(message, random);
    if (one_in(random, 3) && !(message->flags & MSG_LIVE))
        message->time = moment(random);
    if (one_in(random, 16))
        ((uint32_t *)message)[random_below(random, sizeof(*message) / 4)] =
            any_number(random);
    sent[random_below(random, SENT)] = address_of(message);
}

/* sendsys, with one message or several; waitsys; flushsys. What is in each word depends
 * on the others. */
static void make_sendsys(struct crossing *crossing, uint32_t *random)
{
    uint32_t count = one_in(random, 3) ? 1 + random_below(random, 20) : 1;
    uint32_t most = ARENA_GOOD - WORDS_SIZE - count * sizeof(struct system_message);
    uint32_t at = ARENA + WORDS_SIZE + (random_below(random, most) & ~15u);
    uint32_t port = SYSTEM_VERSION;

    if (one_in(random, 3)) { /* waits, or flushes */
        bool any = one_in(random, 3);
        crossing->words[0] = pool_handle(random, SYS_LIMEN_reply_port_create);
        if (one_in(random, 4))
            crossing->words[0] = SYSTEM_VERSION;
        crossing->words[1] = any ? 0 : sent_message(random);
        crossing->words[2] = one_in(random, 2) ? ~0u : 0;
        crossing->words[3] = one_in(random, 8) ? 0 : make_deadline(random);
        return;
    }
    if (one_in(random, 4))
        port = pool_handle(random, SYS_LIMEN_endpoint_mint);
    if (one_in(random, 32))
        port = random_below(random, 32);
    for (uint32_t i = 0; i < count; i++)
        fill_sent((struct system_message *)at + i, random, port < SYSTEM_VERSIONS);
    crossing->words[0] = port;
    crossing->words[1] = one_in(random, 32) ? edge_address(random) : at;
    crossing->words[2] = count * sizeof(struct system_message);
    if (one_in(random, 64))
        crossing->words[2] = any_number(random);
    crossing->words[3] = one_in(random, 64) ? edge_address(random) : 0;
}

/* Upcalls on the thread's own stack: another's may be of any size. */
static uint32_t make_policy(uint32_t *random)
{
    struct reply_policy *policy = (struct reply_policy *)fill_at(random, sizeof(*policy));
    uint32_t stack = worker_stack();
    bool own = one_in(random, 2);
    *policy = (struct reply_policy){.kind = one_in(random, 16) ? any_number(random) : 0};
    if (!one_in(random, 3))
        *policy = (struct reply_policy){
            .kind = REPLY_UPCALL,
            .depth = 1 + random_below(random, 2),
            .thread = own ? HANDLE_SELF
                          : (handle_t){pool_handle(random, SYS_LIMEN_thread_create)},
            .entry =
                one_in(random, 32) ? edge_address(random) : address_of(&landed_upcall),
            .stack =
                own && one_in(random, 4) ? address_of(stacks[stack]) + STACK_SIZE / 2 : 0,
            .critical = (uint32_t *)(one_in(random, 2) ? 0 : word_address(random)),
            .delay = one_in(random, 4) ? random_below(random, 100000) : 0,
        };
    if (policy->stack)
        policy->stack_size = STACK_SIZE / 2;
    if (one_in(random, 16))
        policy->critical = (uint32_t *)edge_address(random);
    if (one_in(random, 32))
        policy->delay = ~0ull >> random_below(random, 64);
    return address_of(policy);
}

/* States with which no thread goes far, or, mostly, none goes at all. */
static uint32_t make_upcall(uint32_t *random)
{
    struct upcall *upcall = (struct upcall *)fill_at(random, sizeof(*upcall));
    upcall->state = (struct thread_state){
        .eax = random_next(random),
        .esp = edge_address(random),
        .eip = one_in(random, 16) ? edge_address(random) : address_of(&worker_entry),
        .eflags = 0x202,
        .cs = 0x1b,
        .ss = 0x23,
        .ds = 0x23,
        .es = 0x23,
        .fs = random_below(random, 64),
        .gs = random_below(random, 64),
    };
    upcall->flags = random_below(random, one_in(random, 16) ? 8 : 4);
    if (!one_in(random, 8))
        ((uint32_t *)&upcall->state)[random_below(random, sizeof(upcall->state) / 4)] ^=
            1u << random_below(random, 32);
    return address_of(upcall);
}

/* Any structure, known or not: words of every sort. */
static uint32_t make_anything(uint32_t *random)
{
    uint32_t *words = fill_at(random, 128);
    if (one_in(random, 4))
        return good_address(random);
    for (uint32_t i = 0; i < 16; i++)
        words[i] = one_in(random, 3)   ? any_handle(random)
                   : one_in(random, 3) ? good_address(random)
                                       : any_number(random);
    return address_of(words);
}

static uint32_t argument(uint32_t *random, uint32_t number, uint32_t word)
{
    enum kind kind = calls[number].kinds[word];
    if (kind > KIND_NUMBER && one_in(random, 10))
        return edge_address(random);
    switch (kind) {
    case KIND_HANDLE:
        return handle_for(random, number, word);
    case KIND_NUMBER:
        return number_for(random, abouts[number][word]);
    case KIND_DEADLINE:
        return make_deadline(random);
    case KIND_WORD:
        return ARENA + random_below(random, WORDS_SIZE / 4) * 4;
    case KIND_MAP:
        return make_map(random);
    case KIND_START:
        return make_start(random);
    case KIND_MESSAGE:
        return make_message(random);
    case KIND_WINDOW:
        return make_window(random);
    case KIND_POLICY:
        return make_policy(random);
    case KIND_UPCALL:
        return make_upcall(random);
    case KIND_IN:
    case KIND_OUT:
        return make_anything(random);
    default:
        return random_next(random);
    }
}

/* --- Calls --- */

static enum about about_of(const char *name)
{
    for (uint32_t i = 0; name && i < ARRAY_COUNT(words); i++)
        if (strstr(name, words[i].word))
            return words[i].about;
    return ABOUT_ANYTHING;
}

static uint8_t seldom_of(const char *name)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(seldom_calls); i++)
        if (strcmp(name, seldom_calls[i].name) == 0)
            return seldom_calls[i].times;
    return 1;
}

void calls_prepare(void)
{
    for (uint32_t number = 0; number < NUMBERS; number++) {
        const struct call *call = &calls[number];
        if (!call->name)
            continue;
        numbers[number_count++] = number;
        seldom[number] = seldom_of(call->name);
        receives[number] = strstr(call->name, "receive") != NULL;
        in_words[number] = receives[number] || strcmp(call->name, "call") == 0 ||
                           strcmp(call->name, "message_call") == 0;
        if (strstr(call->name, "reply"))
            answering[answering_count++] = number;
        for (uint32_t i = 0; i < WORDS; i++)
            abouts[number][i] = about_of(call->arguments[i]);
    }
}

/* `owes`: the thread has received a call that it is to answer. */
static uint32_t choose(uint32_t *random, bool owes)
{
    if (one_in(random, 200))
        return any_number(random);
    if (one_in(random, 8))
        return SYS_LIMEN_sendsys; /* which is many calls */
    if (owes && one_in(random, 4))
        return answering[random_below(random, answering_count)];
    for (;;) {
        uint32_t number = numbers[random_below(random, number_count)];
        if (one_in(random, seldom[number]))
            return number;
    }
}

void call_make(struct crossing *crossing, uint32_t *random)
{
    uint32_t number = choose(random, crossing->received);
    uint32_t row = number < NUMBERS ? number : 0;
    crossing->number = number;
    if (number == SYS_LIMEN_sendsys && !one_in(random, 32)) {
        make_sendsys(crossing, random);
        return;
    }
    for (uint32_t i = 0; i < WORDS; i++)
        crossing->words[i] = argument(random, row, i);
}

/* --- Answers --- */

static void put_handle(uint32_t value, uint32_t maker)
{
    uint32_t next = __atomic_fetch_add(&state.pool_next, 1, __ATOMIC_SEQ_CST);
    uint32_t at = GIFTS + next % (POOL - GIFTS);
    state.makers[at] = (uint8_t)maker;
    state.pool[at].value = value;
}

void call_learn(struct crossing *crossing)
{
    if (receives[crossing->number % NUMBERS])
        crossing->received =
            crossing->result > 0 && MESSAGE_KIND(crossing->result) == MESSAGE_CALL;

    /* No count is as large: buffers are small, and sizes of results are bounded. */
    bool told_by_tag = crossing->number < NUMBERS && in_words[crossing->number];
    uint32_t came = told_by_tag ? MESSAGE_HANDLE_COUNT((uint32_t)crossing->result) : 0;
    if (!told_by_tag && crossing->result >= 1 << 18)
        put_handle((uint32_t)crossing->result, crossing->number % NUMBERS);
    if (crossing->number >= NUMBERS)
        return;
    for (uint32_t i = 0; i < WORDS; i++)
        if (calls[crossing->number].kinds[i] == KIND_HANDLE && crossing->result != -EBADF)
            learn_handle(crossing->number, i, crossing->words[i]);
    if (crossing->result < 0 && crossing->result != -EASYNC)
        return;
    state.done[crossing->number]++;
    for (int i = 0; i < WORDS; i++) {
        const struct message *message = (const struct message *)crossing->words[i];
        uint32_t at = crossing->words[i];
        if (calls[crossing->number].kinds[i] != KIND_MESSAGE || at < ARENA ||
            at > ARENA + ARENA_GOOD)
            continue;
        for (uint32_t h = 0; h < MESSAGE_HANDLES && h < came; h++)
            put_handle(message->handles[h].value, 0);
    }
    for (uint32_t h = 0; h < MESSAGE_HANDLES && h < came; h++)
        put_handle(window_handles[h].value, 0);
}

uint32_t call_judge(const struct crossing *crossing)
{
    if (crossing->result < 0 && !is_known_error(crossing->result))
        return VERDICT_UNKNOWN_ERROR;
    if (crossing->number == SYS_LIMEN_sendsys)
        return crossing->words[0] == crossing->after[0] &&
                       crossing->words[3] == crossing->after[3]
                   ? VERDICT_DONE
                   : VERDICT_REGISTERS;
    /* A number bound at run time is a call, too. */
    bool words_come = crossing->number >= NUMBERS || in_words[crossing->number];
    if (!words_come &&
        memcmp(crossing->words, crossing->after, sizeof(crossing->words)) != 0)
        return VERDICT_REGISTERS;
    return VERDICT_DONE;
}
