/* SPDX-License-Identifier: MIT */
/* The fuzzer's rounds: see README.md. */
#include <stdio.h>
#include <stdlib.h>

#include "../tests/child.h"
#include "fuzz.h"

#define MEMBERS 3 /* processes that run at a time */
#define PORTS 2
#define ROUND_CALLS 20000u
#define MEMBER_CALLS 4000u
#define MEMBER_PAGES 200u
#define NUDGE 100000u /* ns: how long all may wait before one is ended */
#define SETTLE (5 * SECOND)

/* What must be as it was when a round is over. */
struct counts {
    uint32_t frames_free, processes, threads;
    uint32_t own_pages, own_handles, own_regions;
};

struct round {
    uint32_t random;
    uint32_t made; /* calls of members that have ended */
    struct child members[MEMBERS];
    handle_t ports[PORTS], endpoints[PORTS];
};

static uint32_t ends[8], bad_ends;
static uint64_t all_made, done[NUMBERS];
static uint32_t takes[NUMBERS][WORDS][NUMBERS / 32]; /* what members have learnt */

static struct counts count_all(void)
{
    struct system_info system = system_now();
    struct process_info own = process_now();
    return (struct counts){
        .frames_free = system.frames_free,
        .processes = system.processes,
        .threads = system.threads,
        .own_pages = own.pages_used,
        .own_handles = own.handles,
        .own_regions = own.regions,
    };
}

static void give(struct round *round, uint32_t at, handle_t gift, uint32_t maker,
                 struct fuzz_state *begin, uint32_t *count)
{
    uint32_t rights = random_below(&round->random, 4)
                          ? RIGHTS_SAME
                          : random_next(&round->random) & RIGHTS_ALL;
    if (gift.value == 0)
        return;
    long value = limen_handle_give(round->members[at].process, gift, rights);
    if (value < 0)
        return;
    begin->makers[*count] = (uint8_t)maker;
    begin->pool[(*count)++] = handle_of(value);
}

/* Gives a member what it begins with: the others, itself, and the ports. */
static void give_pool(struct round *round, uint32_t at, struct fuzz_state *begin)
{
    uint32_t count = 0; /* at most GIFTS */
    for (uint32_t i = 0; i < MEMBERS; i++)
        give(round, at, round->members[i].process, SYS_LIMEN_process_create, begin,
             &count);
    for (uint32_t i = 0; i < PORTS; i++) {
        give(round, at, round->ports[i], SYS_LIMEN_port_create, begin, &count);
        give(round, at, round->endpoints[i], SYS_LIMEN_endpoint_mint, begin, &count);
    }
}

/* Text that cannot be written to, and data that cannot be run over. */
static void protect_text(struct child child)
{
    for (uint32_t i = 0; i < own_header_count; i++) {
        uint32_t start = own_headers[i].p_vaddr & ~(PAGE_SIZE - 1);
        uint32_t end = own_headers[i].p_vaddr + own_headers[i].p_memsz;
        uint32_t size = (end - start + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
        if (own_headers[i].p_type == PT_LOAD && !(own_headers[i].p_flags & PF_W))
            (void)limen_memory_protect(child.process, start, size,
                                       MEMORY_READ | MEMORY_EXECUTE);
    }
}

static bool start_member(struct round *round, uint32_t at)
{
    struct child *child = &round->members[at];
    if (!twin_load(child, MEMBER_PAGES))
        return false;
    protect_text(*child);
    static struct fuzz_state begin;
    begin = (struct fuzz_state){
        .seed = random_next(&round->random),
        .budget = MEMBER_CALLS,
    };
    memcpy(begin.takes, takes, sizeof(takes));
    give_pool(round, at, &begin);
    return child_write(*child, (uint32_t)&state, &begin, sizeof(begin)) &&
           twin_start(child, worker_first, 0);
}

static uint32_t calls_made(const struct round *round)
{
    uint32_t made = round->made;
    for (uint32_t i = 0; i < MEMBERS; i++) {
        uint32_t now = 0;
        if (round->members[i].process.value != 0)
            (void)child_read(round->members[i], (uint32_t)&state.made, &now, sizeof(now));
        made += now < 2 * MEMBER_CALLS ? now : 0; /* its memory is anybody's */
    }
    return made;
}

static void tell_bad(const struct crossing *bad, uint32_t verdict)
{
    printf("# %s: %s(%x, %x, %x, %x) = %ld; %x, %x, %x, %x afterwards\n",
           verdict == VERDICT_REGISTERS ? "registers" : "answer", call_name(bad->number),
           bad->words[0], bad->words[1], bad->words[2], bad->words[3], bad->result,
           bad->after[0], bad->after[1], bad->after[2], bad->after[3]);
    bad_ends++;
}

/* Its memory is anybody's: what cannot be is left out. */
static void count_calls(struct round *round, const struct fuzz_state *after)
{
    round->made += after->made < 2 * MEMBER_CALLS ? after->made : 0;
    for (uint32_t i = 0; i < NUMBERS; i++)
        done[i] += after->done[i] < 2 * MEMBER_CALLS ? after->done[i] : 0;
    for (uint32_t i = 0; i < NUMBERS * WORDS; i++)
        for (uint32_t word = 0; word < NUMBERS / 32; word++)
            takes[i / WORDS][i % WORDS][word] |= after->takes[i / WORDS][i % WORDS][word];
}

/* Counts how a member ended, and gives it back. */
static void end_member(struct round *round, uint32_t at)
{
    struct process_end end = {0};
    struct child *child = &round->members[at];
    static struct fuzz_state after;
    if (child->process.value == 0)
        return;
    (void)limen_process_kill(child->process, 0);
    (void)limen_process_wait(child->process, &end, NULL);
    if (child_read(*child, (uint32_t)&state, &after, sizeof(after)))
        count_calls(round, &after);
    ends[end.reason < 8 ? end.reason : 0]++;
    if (end.reason == PROCESS_EXITED &&
        (end.status == VERDICT_REGISTERS || end.status == VERDICT_UNKNOWN_ERROR))
        tell_bad(&after.bad, end.status);
    child_close(child);
}

static bool has_ended(struct child child)
{
    struct process_info info = {0};
    return limen_process_info(child.process, &info) != 0 || info.ended != 0;
}

static bool begin_round(struct round *round)
{
    for (uint32_t i = 0; i < PORTS; i++) {
        round->ports[i] = handle_of(limen_port_create());
        round->endpoints[i] = handle_of(limen_endpoint_mint(round->ports[i], i));
    }
    for (uint32_t i = 0; i < MEMBERS; i++)
        if (!start_member(round, i))
            return false;
    return true;
}

static void end_round(struct round *round)
{
    for (uint32_t i = 0; i < MEMBERS; i++)
        end_member(round, i);
    for (uint32_t i = 0; i < PORTS; i++) {
        (void)limen_handle_close(round->endpoints[i]);
        (void)limen_handle_close(round->ports[i]);
    }
}

/* Lets the members run until they have made their calls. Where nobody gets on any more,
 * for a moment too, one of them is ended, and its place taken. */
static bool run_round(struct round *round)
{
    uint32_t before = 0, idle = 0;
    while (calls_made(round) < ROUND_CALLS) {
        for (uint32_t i = 0; i < MEMBERS; i++) {
            if (!has_ended(round->members[i]))
                continue;
            end_member(round, i);
            if (!start_member(round, i))
                return false;
            idle = 0;
        }
        (void)limen_thread_yield();
        uint32_t now = calls_made(round);
        idle = now == before ? idle + 1 : 0;
        before = now;
        if (idle == 2)
            sleep_for(NUDGE);
        if (idle < 3)
            continue;
        uint32_t victim = random_below(&round->random, MEMBERS);
        end_member(round, victim);
        if (!start_member(round, victim))
            return false;
        idle = 0;
    }
    return true;
}

/* Whether all is as it was, soon. */
static bool all_is_as(const struct counts *before)
{
    uint64_t deadline = clock_now() + SETTLE;
    struct counts now;
    do {
        now = count_all();
        if (memcmp(&now, before, sizeof(now)) == 0)
            return true;
        (void)limen_thread_yield();
    } while (clock_now() < deadline);
    printf("# frames %u (%u before), processes %u (%u), threads %u (%u), own pages %u "
           "(%u), handles %u (%u), regions %u (%u)\n",
           now.frames_free, before->frames_free, now.processes, before->processes,
           now.threads, before->threads, now.own_pages, before->own_pages,
           now.own_handles, before->own_handles, now.own_regions, before->own_regions);
    return false;
}

static bool fuzz_round(uint32_t seed, uint32_t number)
{
    struct round round = {.random = (seed ^ number * 0x85ebca6bu) | 1};
    printf("# round %u of seed %u\n", number, seed);
    fflush(stdout);
    struct counts before = count_all();
    bool started = begin_round(&round) && run_round(&round);
    end_round(&round);
    all_made += round.made;
    if (!started)
        printf("# a process could not be started\n");
    return all_is_as(&before) && started && bad_ends == 0;
}

/* How often each call succeeded: one that never did is hardly tested. */
static void tell_done(void)
{
    for (uint32_t i = 0; i < NUMBERS; i++)
        if (call_name(i)[0] != '?')
            printf("# %-24s %llu\n", call_name(i), (unsigned long long)done[i]);
}

static uint32_t number_of(char **argv, int argc, int at, uint32_t otherwise)
{
    return at < argc ? (uint32_t)strtoul(argv[at], NULL, 0) : otherwise;
}

/* The first round, which is not judged, takes what stays: pages of handles and tables. */
static_assert(MEMBERS + 2 * PORTS <= GIFTS, "there is room");

#define WARM_UP 0xffffffffu

int main(int argc, char **argv)
{
    uint32_t calls = number_of(argv, argc, 1, ROUND_CALLS);
    uint32_t seed = number_of(argv, argc, 2, 1);
    uint32_t number = number_of(argv, argc, 3, 1);
    calls_prepare();
    touch_own_memory();
    (void)fuzz_round(seed, WARM_UP);
    bool right = bad_ends == 0;
    all_made = 0;
    while (right && all_made < calls)
        right = fuzz_round(seed, number++);
    printf("# %llu calls, seed %u; processes that ended: %u by themselves, %u killed, %u "
           "at a fault, %u without memory, %u refused\n",
           (unsigned long long)all_made, seed, ends[PROCESS_EXITED], ends[PROCESS_KILLED],
           ends[PROCESS_FAULTED], ends[PROCESS_NO_MEMORY], ends[PROCESS_REFUSED]);
    tell_done();
    printf("%sok 1 - %u random calls leave nothing behind\n1..1\n", right ? "" : "not ",
           calls);
    return right ? 0 : 1;
}
