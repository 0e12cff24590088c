/* SPDX-License-Identifier: MIT */
/*
 * Runs the workload of traffic.h. As a test it judges the records: every answer must be a
 * right one, and every kind of call must have been made. Where the boot archive has a
 * file traffic/seeds, the records of the seeds there are written instead, for the host to
 * compare (tests/check-traffic): one line each,
 *
 *     SEED.PROCESS.GENERATION.WORKER NUMBER CALL IN… > OUT…
 */
#include <stdarg.h>
#include <stdlib.h>

#include <limen/archive.h>
#include <limen/async.h>
#include <limen/console.h>
#include <limen/inherit.h>
#include <limen/names.h>

#include "../cases.h"
#include "traffic.h"

#define PAGES 400u
#define LOG_MOMENT (30 * MILLISECOND) /* slices of one end before the next */
#define TEST_MOMENT MILLISECOND
#define TEST_SEEDS 3u
#define RUNS (PROCESSES + GENERATIONS - 1) /* processes in all */
#define LINE_MAX 200u
#define HEAD_START 5u /* moments before the first slot */

static const char *const names[] = {
#define SYSCALL(nr, name, params, words, args) [nr] = #name,
#include <limen/syscalls.def>
#undef SYSCALL
};

/* Calls that must have succeeded for the test to have tested anything. */
static const uint32_t needed[] = {
    SYS_LIMEN_call,          SYS_LIMEN_reply_receive,
    SYS_LIMEN_receive,       SYS_LIMEN_reply,
    SYS_LIMEN_send,          SYS_LIMEN_message_call,
    SYS_LIMEN_message_reply, SYS_LIMEN_message_window,
    SYS_LIMEN_message_read,  SYS_LIMEN_message_reply_receive,
    SYS_LIMEN_message_write, SYS_LIMEN_reply_defer,
    SYS_LIMEN_reply_to,      SYS_LIMEN_handle_close,
};

static uint32_t successes[sizeof(names) / sizeof(*names)];

/* Records that are no calls by number, from the first on, which must have succeeded, too.
 */
static const char *const kinds[] = {"upcall", "answer", "flush",    "post",   "cancel",
                                    "take",   "ask",    "priority", "message"};
#define KINDS (sizeof(kinds) / sizeof(*kinds))
static uint32_t kind_successes[KINDS];

/* One of the processes, from its making to what it left. */
struct run {
    struct setup setup;
    struct child child;
    struct process_end end;
    struct report *report;
};

static struct run runs[RUNS];
static handle_t endpoints[RUNS][PORTS][BADGES];
static handle_t fault_endpoints[RUNS];
static handle_t ports[PORTS];
static handle_t resource;

/* --- Making --- */

static bool mint(handle_t *endpoint, uint32_t port, uint32_t process, uint32_t generation,
                 uint32_t which)
{
    long made =
        limen_endpoint_mint(ports[port], badge_of(process, generation, port, which));

    *endpoint = handle_of(made);
    return made > 0;
}

/* Binds a call number to the port. */
static bool bind_number(uint32_t port)
{
    handle_t endpoint;

    return mint(&endpoint, port, BOUND, 0, 0) &&
           limen_syscall_bind(resource, BOUND_FIRST + port, endpoint) == 0 &&
           limen_handle_close(endpoint) == 0;
}

static bool unbind_numbers(void)
{
    bool right = true;

    for (uint32_t port = 0; port < PORTS; port++)
        right =
            limen_syscall_bind(resource, BOUND_FIRST + port, (handle_t){0}) == 0 && right;
    return right;
}

static bool make_ports(uint32_t seed)
{
    bool right = true;

    for (uint32_t port = 0; port < PORTS; port++) {
        ports[port] = handle_of(limen_port_create());
        right = right && bind_number(port);
        for (uint32_t run = 0; run < RUNS; run++)
            for (uint32_t which = 0; which < BADGES; which++)
                right = right &&
                        mint(&endpoints[run][port][which], port, runs[run].setup.process,
                             runs[run].setup.generation, which);
    }
    for (uint32_t run = VICTIM; run < RUNS; run++)
        right = right && mint(&fault_endpoints[run], seed % PORTS, VICTIM,
                              runs[run].setup.generation, BADGE_FAULT);
    return right;
}

static bool give(struct run *run, handle_t handle, uint32_t *place)
{
    long given = limen_handle_give(run->child.process, handle, RIGHTS_SAME);

    *place = (uint32_t)given;
    return given > 0 && limen_handle_close(handle) == 0;
}

/* Gives a process its endpoints, and nobody else keeps them. */
static bool give_endpoints(uint32_t index)
{
    struct run *run = &runs[index];
    bool right = true;

    for (uint32_t port = 0; port < PORTS; port++)
        for (uint32_t which = 0; which < BADGES; which++)
            right = right && give(run, endpoints[index][port][which],
                                  &run->setup.endpoints[port][which]);
    return right;
}

/* The victim's faults become messages. */
static bool set_fault_endpoint(uint32_t index)
{
    handle_t endpoint = fault_endpoints[index];

    return index < VICTIM ||
           (limen_process_fault_endpoint(runs[index].child.process, endpoint) == 0 &&
            limen_handle_close(endpoint) == 0);
}

static bool run_load(uint32_t index)
{
    return twin_load(&runs[index].child, PAGES) && give_endpoints(index) &&
           set_fault_endpoint(index);
}

static bool run_start(uint32_t index)
{
    struct run *run = &runs[index];

    return child_write(run->child, (uint32_t)&setup, &run->setup, sizeof(setup)) &&
           twin_start(&run->child, process_main, 0);
}

/* Fetches what a process left, and ends it. */
static bool run_end(uint32_t index)
{
    struct run *run = &runs[index];
    bool right = child_read(run->child, (uint32_t)&report, run->report, sizeof(report));

    (void)limen_process_kill(run->child.process, 0);
    right = limen_process_wait(run->child.process, &run->end, NULL) == 0 && right;
    child_close(&run->child);
    return right;
}

/* --- The workload --- */

static void describe_runs(uint32_t seed, uint64_t moment)
{
    for (uint32_t i = 0; i < RUNS; i++)
        runs[i].setup = (struct setup){
            .process = i < VICTIM ? i : VICTIM,
            .generation = i < VICTIM ? 0 : i - VICTIM,
            .seed = seed,
            .moment = moment,
        };
}

/* Makes the processes that are there from the beginning, and starts them together. */
static bool begin(uint32_t seed)
{
    bool right = make_ports(seed);

    for (uint32_t i = 0; right && i <= VICTIM; i++)
        right = run_load(i);
    for (uint32_t port = 0; right && port < PORTS; port++)
        right = give(&runs[port / 2], ports[port], &runs[port / 2].setup.ports[port]);
    uint64_t start = clock_now() + HEAD_START * runs[0].setup.moment;
    for (uint32_t i = 0; i < RUNS; i++)
        runs[i].setup.begin = start;
    for (uint32_t i = 0; right && i <= VICTIM; i++)
        right = run_start(i);
    return right;
}

static void sleep_to_end_of(uint32_t slot)
{
    const struct setup *first = &runs[0].setup;
    uint64_t time =
        first->begin + ((uint64_t)slot * MOMENTS + MOMENT_MAIN) * first->moment;

    (void)limen_clock_sleep(&time);
}

static bool workload(uint32_t seed, uint64_t moment)
{
    describe_runs(seed, moment);
    bool right = begin(seed);

    for (uint32_t next = 1; right && next < GENERATIONS; next++) {
        sleep_to_end_of(next * GENERATION_SLOTS - 1);
        right = run_end(VICTIM + next - 1) && run_load(VICTIM + next) &&
                run_start(VICTIM + next);
    }
    if (right)
        sleep_to_end_of(SLOTS - 1);
    for (uint32_t i = 0; i < RUNS; i++)
        if (runs[i].child.process.value != 0)
            right = run_end(i) && right;
    return unbind_numbers() && right;
}

/* --- The records --- */

/* Written as they are, where no line becomes two and no screen scrolls. */
static char text[64 * 1024];
static uint32_t text_size;
static handle_t records_go_to; /* of the console */

static void write_text(handle_t console)
{
    for (uint32_t done = 0; done < text_size;) {
        long part = limen_console_write(console, text + done, text_size - done);
        if (part <= 0)
            break;
        done += (uint32_t)part;
    }
    text_size = 0;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list list;

    if (sizeof(text) - text_size < LINE_MAX)
        write_text(records_go_to);
    va_start(list, format);
    text_size += (uint32_t)vsnprintf(text + text_size, LINE_MAX, format, list);
    va_end(list);
}

static const char *name_of(uint32_t number)
{
    return number >= RECORD_FIRST  ? kinds[number - RECORD_FIRST]
           : number >= BOUND_FIRST ? "bound"
                                   : names[number];
}

static void print_record(uint32_t index, uint32_t worker, uint32_t number)
{
    const struct run *run = &runs[index];
    const struct record *record = &run->report->logs[worker].records[number];
    const uint32_t *in = record->in, *out = record->out;

    say("%u.%u.%u.%u %u %s %x %x %x %x > %x %x %x %x %x", run->setup.seed,
        run->setup.process, run->setup.generation, worker, number,
        name_of(record->number), in[0], in[1], in[2], in[3], out[0], out[1], out[2],
        out[3], out[4]);
    if (record->wrong)
        say(" wrong %x, flags %x, fs and gs %x", record->wrong, record->flags,
            record->thread);
    say("\n");
}

static void print_run(uint32_t index)
{
    const struct run *run = &runs[index];

    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        const struct log *log = &run->report->logs[worker];
        for (uint32_t i = 0; i < log->count; i++)
            print_record(index, worker, i);
        say("%u.%u.%u.%u %u %s\n", run->setup.seed, run->setup.process,
            run->setup.generation, worker, log->count, log->left ? "left" : "goes on");
    }
    const struct process_end *end = &run->end;
    say("%u.%u.%u ended %u %x, vector %u error %x address %x eip %x esp %x\n",
        run->setup.seed, run->setup.process, run->setup.generation, end->reason,
        end->status, end->vector, end->error_code, end->address, end->state.eip,
        end->state.esp);
}

/* How long after a moment something was still going on: the host judges it. */
static void print_latest(void)
{
    uint64_t latest = 0;

    for (uint32_t i = 0; i < RUNS; i++)
        if (runs[i].report->latest > latest)
            latest = runs[i].report->latest;
    say("# busy %u us of %u us\n", (unsigned)(latest / 1000),
        (unsigned)(runs[0].setup.moment / 1000));
}

static void write_log(uint32_t seed)
{
    if (!workload(seed, LOG_MOMENT)) {
        say("# seed %u could not be run\n", seed);
        return;
    }
    for (uint32_t i = 0; i < RUNS; i++)
        print_run(i);
    print_latest();
}

/* Decimal numbers, with anything between them. */
static int write_logs(const struct archive_member *seeds)
{
    uint32_t seed = 0;

    records_go_to = handle_of(limen_name_wait(CONSOLE_DATA_NAME));
    touch_own_memory();
    for (uint32_t i = 0; i < seeds->size; i++) {
        bool digit = seeds->bytes[i] >= '0' && seeds->bytes[i] <= '9';
        seed = digit ? seed * 10 + (seeds->bytes[i] - '0') : 0;
        bool more = i + 1 < seeds->size && seeds->bytes[i + 1] >= '0' &&
                    seeds->bytes[i + 1] <= '9';
        if (digit && !more)
            write_log(seed);
    }
    write_text(records_go_to);
    return 0;
}

/* --- The test --- */

static void judge_log(uint32_t index, uint32_t worker, uint32_t *records, uint32_t *wrong)
{
    const struct log *log = &runs[index].report->logs[worker];

    *records += log->count;
    *wrong += log->wrong;
    for (uint32_t i = 0; i < log->count; i++) {
        const struct record *record = &log->records[i];
        bool success = (int32_t)record->out[0] >= 0 || (int32_t)record->out[0] == -EASYNC;
        if (record->wrong)
            print_record(index, worker, i);
        else if (record->number >= RECORD_FIRST)
            kind_successes[record->number - RECORD_FIRST] += success;
        else if (record->number < BOUND_FIRST)
            successes[record->number] += success;
    }
}

static void test_seed(uint32_t seed)
{
    uint32_t before = frames_free(), records = 0, wrong = 0;
    bool right = workload(seed, TEST_MOMENT);
    uint32_t after = frames_free();

    tap_ok(right, "seed %u: the workload runs", seed);
    for (uint32_t i = 0; i < RUNS; i++)
        for (uint32_t worker = 0; worker < WORKERS; worker++)
            judge_log(i, worker, &records, &wrong);
    fflush(stdout);
    write_text(records_go_to);
    tap_ok(records > 0 && wrong == 0, "seed %u: every answer is right", seed);
    tap_is(after, before, "seed %u: the free page frames", seed);
}

static int test(void)
{
    records_go_to = limen_inherited(AT_LIMEN_OUTPUT);
    tap_plan(3 * TEST_SEEDS + 1);
    touch_own_memory();
    for (uint32_t seed = 1; seed <= TEST_SEEDS; seed++)
        test_seed(seed);
    bool all = true;
    for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
        all = step_ok(successes[needed[i]] > 0, names[needed[i]], 0) && all;
    for (size_t i = 0; i < KINDS; i++)
        all = step_ok(kind_successes[i] > 0, kinds[i], 0) && all;
    tap_ok(all, "every call on messages succeeded somewhere");
    return tap_done();
}

int main(void)
{
    struct archive archive;
    struct archive_member seeds;

    resource = (handle_t){(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
    for (uint32_t i = 0; i < RUNS; i++) {
        runs[i].report = calloc(1, sizeof(struct report));
        if (!runs[i].report)
            return 1;
    }
    if (limen_archive(&archive) && archive_find(&archive, "traffic/seeds", &seeds))
        return write_logs(&seeds);
    return test();
}
