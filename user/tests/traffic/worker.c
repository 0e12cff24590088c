/* SPDX-License-Identifier: MIT */
/*
 * A process of the workload and what its workers share. The process's first thread starts
 * the others and opens a slot at the process's moment in it; workers that are done with
 * one wait for the next.
 */
#include <string.h>

#include <limen/abi.h>
#include <limen/syscall.h>

#include "../child.h"
#include "traffic.h"

#define STACK_SIZE 8192
#define FLAGS_SEEN 0x00047700u /* AC, NT, IOPL, DF, IF, TF */
#define FLAGS_RIGHT 0x00000200u
#define TAG_PROCESS 0x7a610000u
#define RANDOM_START 2463534242u
#define SEEDS_PLAIN 3u /* of so many seeds one has no FPU in it, */
#define SEEDS_ALIKE 4u /* and one only threads of one priority */
#define PRIORITY_STEP 4u

struct setup setup;
struct report report;

static struct worker workers[WORKERS];
static handle_t threads[WORKERS];
static uint8_t bytes[WORKERS][2 * BYTES] __attribute__((aligned(16)));
static uint8_t stacks[WORKERS][STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t slot; /* that is open, from 1 on; waited on */
static volatile uint32_t process_tag;

/* --- Chance --- */

uint32_t worker_random(struct worker *worker, uint32_t limit)
{
    uint32_t x = worker->random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    worker->random = x;
    return (uint32_t)((uint64_t)x * limit >> 32);
}

/* Mostly small, at times a page or two, wherever they end. */
uint32_t random_size(struct worker *worker)
{
    static const uint32_t limits[] = {1, 16, 300, 4200, BYTES + 1};
    uint32_t limit = worker_random(worker, sizeof(limits) / sizeof(*limits));

    return worker_random(worker, limits[limit]);
}

/* --- What is sent --- */

uint32_t badge_of(uint32_t process, uint32_t generation, uint32_t port, uint32_t which)
{
    return (port + 1) << 16 | generation << 8 | process << 4 | which;
}

void answer_words(uint32_t words[3], uint32_t badge)
{
    words[0] ^= 0x5a5aa5a5u;
    words[1] += words[0];
    words[2] = (words[2] ^ badge) + words[1];
}

static uint32_t byte_group(uint32_t word, uint32_t group)
{
    return (word + group) * 2654435761u ^ word >> 16;
}

void fill_bytes(uint8_t *to, uint32_t size, uint32_t word)
{
    for (uint32_t at = 0; at < size; at += 4) {
        uint32_t group = byte_group(word, at);
        memcpy(to + at, &group, size - at < 4 ? size - at : 4);
    }
}

bool right_bytes(const uint8_t *from, uint32_t size, uint32_t word, uint32_t offset)
{
    for (uint32_t at = 0; at < size; at += 4) {
        uint32_t group = byte_group(word, offset + at);
        if (memcmp(from + at, &group, size - at < 4 ? size - at : 4) != 0)
            return false;
    }
    return true;
}

/* --- Crossing and recording --- */

static struct record *next_record(struct worker *worker)
{
    if (worker->log->count == RECORDS)
        worker_leave(worker);
    return &worker->log->records[worker->log->count++];
}

static void set_fpu(int32_t value)
{
    __asm__ volatile("fninit\n\tfildl %0" : : "m"(value));
}

static int32_t fpu(void)
{
    int32_t value;
    __asm__ volatile("fistl %0" : "=m"(value));
    return value;
}

static uint32_t thread_word(bool gs)
{
    uint32_t word;
    if (gs)
        __asm__ volatile("movl %%gs:0, %0" : "=r"(word));
    else
        __asm__ volatile("movl %%fs:0, %0" : "=r"(word));
    return word;
}

static bool own_segments(const struct worker *worker, uint32_t selectors)
{
    if (!worker->segments)
        return selectors == 0;
    return selectors == (SELECTOR_FS | SELECTOR_GS << 16) &&
           thread_word(false) == worker->self && thread_word(true) == worker->self;
}

/* What changed that must stay as it is, whatever the call. */
static uint32_t wrong_state(const struct worker *worker, const struct crossing *crossing)
{
    uint32_t wrong = 0;

    if (crossing->esp != 0)
        wrong |= WRONG_STACK;
    if ((crossing->flags & FLAGS_SEEN) != FLAGS_RIGHT)
        wrong |= WRONG_FLAGS;
    if (crossing->data != (SELECTOR_UDATA | SELECTOR_UDATA << 16))
        wrong |= WRONG_DATA;
    if (!own_segments(worker, crossing->thread))
        wrong |= WRONG_THREAD;
    if (process_tag != TAG_PROCESS + setup.process)
        wrong |= WRONG_PROCESS;
    if (worker->floats && fpu() != worker->fpu)
        wrong |= WRONG_FPU;
    return wrong;
}

long worker_cross(struct worker *worker, struct crossing *crossing, uint32_t kept)
{
    struct record *record = next_record(worker);

    *record = (struct record){.number = crossing->words[0]};
    memcpy(record->in, crossing->words + 1, sizeof(record->in));
    traffic_cross(crossing);
    memcpy(record->out, crossing->words, sizeof(record->out));
    record->flags = crossing->flags;
    record->thread = crossing->thread;
    worker_wrong(worker, wrong_state(worker, crossing));
    for (uint32_t i = 0; i < 4; i++)
        worker_expect(worker, !(kept >> i & 1) || record->in[i] == record->out[i + 1],
                      WRONG_KEPT);
    return (long)crossing->words[0];
}

long worker_call(struct worker *worker, uint32_t number, uint32_t w0, uint32_t w1,
                 uint32_t w2, uint32_t w3)
{
    struct crossing crossing = {.words = {number, w0, w1, w2, w3}};

    return worker_cross(worker, &crossing, 15);
}

static void note_wrong(struct worker *worker, struct record *record, uint32_t wrong)
{
    if (wrong && !record->wrong)
        worker->log->wrong++;
    record->wrong |= wrong;
}

/* Upcalls may have been recorded meanwhile. */
long worker_cross81(struct worker *worker, uint32_t kind, struct crossing *crossing)
{
    struct record *record = next_record(worker);

    *record = (struct record){.number = kind};
    memcpy(record->in, crossing->words, sizeof(record->in));
    uint32_t kept = crossing->words[4];
    traffic_cross81(crossing);
    memcpy(record->out, crossing->words, sizeof(record->out));
    record->out[4] -= kept;
    record->flags = crossing->flags;
    record->thread = crossing->thread;
    note_wrong(worker, record, wrong_state(worker, crossing));
    if (record->out[4] != 0 || record->out[1] != record->in[1])
        note_wrong(worker, record, WRONG_KEPT);
    return (long)crossing->words[0];
}

void worker_note(struct worker *worker, uint32_t kind, const uint32_t in[4],
                 const uint32_t out[5])
{
    struct record *record = next_record(worker);

    *record = (struct record){.number = kind};
    memcpy(record->in, in, sizeof(record->in));
    memcpy(record->out, out, sizeof(record->out));
}

void worker_wrong(struct worker *worker, uint32_t wrong)
{
    note_wrong(worker, &worker->log->records[worker->log->count - 1], wrong);
}

void worker_expect(struct worker *worker, bool right, uint32_t wrong)
{
    if (!right)
        worker_wrong(worker, wrong);
}

static uint32_t hash_bytes(const uint8_t *from, uint32_t size)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ from[i]) * 16777619u;
    return hash;
}

void worker_message(struct worker *worker, const struct message *message, uint32_t room)
{
    const uint8_t *received = worker->bytes + BYTES;
    uint32_t offered = message->send_size;
    uint32_t came = message->receive_size <= BYTES ? message->receive_size : 0;

    *next_record(worker) = (struct record){
        .number = RECORD_MESSAGE,
        .in = {message->words[0], message->words[1], message->words[2], message->badge},
        .out = {message->kind, offered, message->receive_size, message->handle_count,
                hash_bytes(received, came)},
    };
    worker_expect(worker, message->receive_size == (offered < room ? offered : room),
                  WRONG_BYTES);
    worker_expect(worker, right_bytes(received, came, message->words[0], 0), WRONG_BYTES);
    worker_expect(worker, message->handle_count <= message->handle_room, WRONG_MESSAGE);
}

void worker_close_handles(struct worker *worker, const struct message *message)
{
    for (uint32_t i = 0; i < message->handle_count && i < MESSAGE_HANDLES; i++) {
        long result = worker_call(worker, SYS_LIMEN_handle_close,
                                  message->handles[i].value, 0, 0, 0);
        worker_expect(worker, result == 0, WRONG_RESULT);
    }
}

void worker_priority(struct worker *worker)
{
    struct thread_info info = {0};
    long result = worker_call(worker, SYS_LIMEN_thread_info, HANDLE_SELF.value,
                              (uint32_t)&info, 0, 0);

    worker_expect(worker, result == 0, WRONG_RESULT);
    *next_record(worker) = (struct record){
        .number = RECORD_PRIORITY,
        .in = {info.priority, info.base_priority},
    };
    worker_expect(worker, info.priority >= info.base_priority, WRONG_RESULT);
}

/* --- Time --- */

static void note_time(void)
{
    uint64_t now = clock_now();
    uint64_t late = now > setup.begin ? (now - setup.begin) % setup.moment : 0;

    if (late > report.latest)
        report.latest = late;
}

static uint64_t own_moment(const struct worker *worker, uint32_t first)
{
    uint64_t moment = first + setup.process * WORKERS + worker->index + slot * MOMENTS;

    note_time();
    return setup.begin + moment * setup.moment;
}

uint64_t worker_deadline(const struct worker *worker)
{
    return own_moment(worker, MOMENT_DEADLINES);
}

uint64_t worker_timeout(const struct worker *worker)
{
    return own_moment(worker, MOMENT_TIMEOUTS);
}

struct worker *worker_of(uint32_t index)
{
    return &workers[index];
}

handle_t worker_thread(const struct worker *worker)
{
    return threads[worker->index];
}

void worker_wait(struct worker *worker)
{
    uint32_t now = slot;

    note_time();
    while (slot == now) {
        long result =
            worker_call(worker, SYS_LIMEN_futex_wait, (uint32_t)&slot, now, 0, 0);
        worker_expect(worker, result == 0 || slot != now, WRONG_RESULT);
    }
}

_Noreturn void worker_leave(struct worker *worker)
{
    note_time();
    worker->log->left = 1;
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}

/* --- The process --- */

/* Who a worker is: two servers of a process's first port, one of its second, clients. */
static _Noreturn void worker_main(uint32_t index)
{
    struct worker *worker = &workers[index];
    uint32_t first_port = setup.process * 2;

    if (worker->floats)
        set_fpu(worker->fpu);
    worker_wait(worker);
    if (setup.process == VICTIM || index >= 3)
        client_run(worker);
    server_run(worker, first_port + index / 2, index == 1);
}

static uint32_t worker_count(void)
{
    return setup.process == VICTIM ? 3 : WORKERS;
}

/* One of three priorities, around that of the process. */
static bool set_priority(handle_t thread, uint32_t chance)
{
    uint32_t priority = PRIORITY_DEFAULT + (chance % 3 - 1) * PRIORITY_STEP;

    return setup.seed % SEEDS_ALIKE == 0 || limen_thread_priority(thread, priority) == 0;
}

static bool worker_start(uint32_t index)
{
    struct worker *worker = &workers[index];
    uint32_t who = (setup.generation * PROCESSES + setup.process) * WORKERS + index + 1;
    uint32_t chance = setup.seed * 2654435761u;
    uint32_t *frame = (uint32_t *)(stacks[index] + STACK_SIZE) - 5; /* and then aligned */

    *worker = (struct worker){
        .self = (uint32_t)worker,
        .index = index,
        .random = (RANDOM_START ^ chance ^ who * 2246822519u) | 1,
        .fpu = (int32_t)who * 1000 + 7,
        .segments = (chance >> who % 16 & 1) != 0,
        .floats = setup.seed % SEEDS_PLAIN != 0 && (chance >> who % 16 & 0x10000) != 0,
        .log = &report.logs[index],
        .bytes = bytes[index],
    };
    frame[0] = 0; /* return address */
    frame[1] = index;
    const struct thread_start start = {
        .eip = (uint32_t)worker_main,
        .esp = (uint32_t)frame,
        .flags = worker->segments ? THREAD_FS | THREAD_GS : 0,
        .fs_base = (uint32_t)worker,
        .gs_base = (uint32_t)worker,
    };
    threads[index] = handle_of(limen_thread_create(HANDLE_SELF, &start));
    return (long)threads[index].value > 0 &&
           set_priority(threads[index], worker->random >> 8);
}

/* In every second slot one of the workers may not run, whatever it waits for. */
static void suspend_one(uint32_t slot_number)
{
    uint32_t which = (setup.seed + slot_number) % worker_count();

    if (slot_number % 2 != 0)
        (void)limen_thread_suspend(threads[which]);
    else if (slot_number > 0)
        (void)limen_thread_resume(threads[(which + worker_count() - 1) % worker_count()]);
}

/* Wakes the process's workers at its moment in every slot that is still to come. */
static void open_slots(void)
{
    for (uint32_t next = setup.generation * GENERATION_SLOTS; next < SLOTS; next++) {
        uint64_t moment = next * MOMENTS + setup.process;
        uint64_t time = setup.begin + moment * setup.moment;
        (void)limen_clock_sleep(&time);
        slot = next + 1;
        suspend_one(next);
        (void)limen_futex_wake((uint32_t *)&slot, WORKERS);
    }
}

_Noreturn void process_main(uint32_t unused)
{
    (void)unused;
    process_tag = TAG_PROCESS + setup.process;
    for (uint32_t i = 0; i < worker_count(); i++)
        if (!worker_start(i))
            (void)limen_process_exit(1);
    open_slots();
    for (;;)
        (void)limen_thread_exit(NULL, 0, 0);
}
