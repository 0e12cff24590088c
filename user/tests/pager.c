/* SPDX-License-Identifier: MIT */
/*
 * Pagers: a child's faults are messages to this program, which lets it go on with pages
 * of memory objects. They come when they are touched, tell what was written, are taken
 * away and brought back, and the child never notices. All frames come back.
 */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define PAGES(n) ((uint32_t)(n)*PAGE_SIZE)
#define BASE 0x60000000u
#define COUNT 24u   /* pages that a child works on */
#define ROUNDS 200u /* how often it touches one */
#define RESIDENT 5u /* pages that a pager with little memory has at a time */
#define TWIN_PAGES 400
#define ERROR_WRITE 2u /* in a page fault's error code */

static handle_t port, endpoint;
static struct child child;
static struct limen_words fault;

static volatile uint32_t *word_at(uint32_t page)
{
    return (volatile uint32_t *)(BASE + PAGES(page));
}

/* --- Children --- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* Writes to pages at random, and finds there what it wrote last, each time. */
static void work(uint32_t seed)
{
    static uint32_t written[COUNT];
    random_state = seed;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t page = random_below(COUNT);
        if (*word_at(page) != written[page])
            (void)limen_process_exit(1 + page);
        if (random_below(2))
            *word_at(page) = written[page] = i + 1;
    }
    (void)limen_process_exit(0);
}

/* Reads every page, then writes to every third. */
static void read_then_write(uint32_t unused)
{
    uint32_t sum = 0;
    (void)unused;
    for (uint32_t i = 0; i < COUNT; i++)
        sum += *word_at(i);
    for (uint32_t i = 0; i < COUNT; i += 3)
        *word_at(i) = 2000 + i;
    (void)limen_process_exit(sum == 0 ? 0 : 1);
}

/* Writes to pages at random, and expects nothing of them. */
static void scribble(uint32_t seed)
{
    random_state = seed;
    for (uint32_t i = 0; i < ROUNDS; i++)
        *word_at(random_below(COUNT)) = i;
    (void)limen_process_exit(0);
}

static volatile uint32_t arrived;

/* Two threads touch the same page; the last one ends the process. */
static void touch_at_once(uint32_t unused)
{
    (void)unused;
    *word_at(3) = 33;
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == 2)
        (void)limen_process_exit(*word_at(3) == 33 ? 0 : 1);
    for (;;)
        (void)limen_thread_yield();
}

/* --- The pager --- */

static bool begin(void (*function)(uint32_t), uint32_t argument)
{
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 7));
    return twin_load(&child, TWIN_PAGES) &&
           limen_process_fault_endpoint(child.process, endpoint) == 0 &&
           limen_handle_close(endpoint) == 0 && twin_start(&child, function, argument);
}

/* Answers the last fault, if there was one, and waits for the next; false: the child has
 * ended, and its badge is closed. */
static bool next_fault(bool *answering)
{
    long kind;
    uint64_t deadline = clock_now() + PATIENCE;
    if (*answering)
        (void)limen_reply(0, 0, 0, 0);
    kind = limen_receive_words(port, &fault, &deadline);
    *answering = kind == MESSAGE_FAULT;
    return *answering && fault.words[FAULT_VECTOR] == 14;
}

static uint32_t faulting_page(void)
{
    return (fault.words[FAULT_ADDRESS] - BASE) / PAGE_SIZE;
}

static bool end_well(bool right)
{
    struct process_end end;
    outcome_t outcome = child_wait(child, &end);
    child_close(&child);
    (void)limen_handle_close(port);
    return step_ok(outcome == EXIT_0, "the child's status", end.status) && right;
}

static long map_page(handle_t memory, uint32_t page, uint32_t index, uint32_t flags)
{
    struct memory_map map = {
        .address = BASE + PAGES(page),
        .size = PAGE_SIZE,
        .flags = flags | MEMORY_FIXED,
        .memory = memory,
        .offset = PAGES(index),
    };
    return limen_memory_map(child.process, &map);
}

static bool has(handle_t memory, uint32_t page, uint32_t word)
{
    uint32_t found = ~word;
    return limen_memory_read(memory, PAGES(page), &found, 4) == 4 &&
           step_ok(found == word, "word in the object", found);
}

/* --- Cases --- */

static bool pages_come_one_by_one(void)
{
    handle_t memory = handle_of(limen_memory_create(PAGES(COUNT)));
    bool right = begin(work, 1);
    bool answering = false;
    uint32_t faults = 0;
    while (right && next_fault(&answering)) {
        faults++;
        right = map_page(memory, faulting_page(), faulting_page(), RW) == 0;
    }
    right = end_well(right) && step_ok(faults == COUNT, "faults", faults);
    return limen_handle_close(memory) == 0 && right;
}

/* Pages are mapped for reading; who writes to one is told of by a fault. */
static bool writes_are_told(void)
{
    handle_t memory = handle_of(limen_memory_create(PAGES(COUNT)));
    uint32_t reads = 0, writes = 0;
    bool dirty[COUNT] = {false};
    bool right = begin(read_then_write, 0);
    bool answering = false;
    while (right && next_fault(&answering)) {
        uint32_t page = faulting_page();
        bool write = fault.words[FAULT_ERROR_CODE] & ERROR_WRITE;
        if (write)
            right =
                !dirty[page] && limen_memory_protect(child.process, BASE + PAGES(page),
                                                     PAGE_SIZE, RW) == 0;
        else
            right = map_page(memory, page, page, MEMORY_READ) == 0;
        dirty[page] = write;
        reads += !write;
        writes += write;
    }
    right = end_well(right) && step_ok(reads == COUNT, "reads", reads) &&
            step_ok(writes == (COUNT + 2) / 3, "writes", writes);
    for (uint32_t i = 0; right && i < COUNT; i++)
        right = dirty[i] == (i % 3 == 0) && has(memory, i, dirty[i] ? 2000 + i : 0);
    return limen_handle_close(memory) == 0 && right;
}

/* Each page is an object as long as it is resident; else its bytes are kept here. */
static uint8_t kept[COUNT][PAGE_SIZE];
static struct {
    handle_t memory;
    uint32_t page;
} resident[RESIDENT];

static bool page_out(uint32_t slot)
{
    uint32_t page = resident[slot].page;
    handle_t memory = resident[slot].memory;
    if (memory.value == 0)
        return true;
    resident[slot].memory.value = 0;
    return limen_memory_unmap(child.process, BASE + PAGES(page), PAGE_SIZE) == 0 &&
           limen_memory_read(memory, 0, kept[page], PAGE_SIZE) == PAGE_SIZE &&
           limen_handle_close(memory) == 0;
}

static bool page_in(uint32_t slot, uint32_t page)
{
    handle_t memory = handle_of(limen_memory_create(PAGE_SIZE));
    resident[slot].memory = memory;
    resident[slot].page = page;
    return limen_memory_write(memory, 0, kept[page], PAGE_SIZE) == PAGE_SIZE &&
           map_page(memory, page, 0, RW) == 0;
}

static bool more_pages_than_memory(void)
{
    uint32_t faults = 0;
    memset(kept, 0, sizeof(kept));
    bool right = begin(work, 2);
    bool answering = false;
    while (right && next_fault(&answering)) {
        uint32_t slot = faults++ % RESIDENT;
        right = page_out(slot) && page_in(slot, faulting_page());
    }
    right = end_well(right) && step_ok(faults > COUNT, "faults", faults);
    for (uint32_t slot = 0; slot < RESIDENT; slot++) {
        right = limen_handle_close(resident[slot].memory) == 0 && right;
        resident[slot].memory.value = 0;
    }
    return right;
}

/* The object shrinks under the child's mapping, and grows again when that is touched. */
static bool resized_under_mappings(void)
{
    handle_t memory = handle_of(limen_memory_create(PAGES(COUNT)));
    struct memory_info info;
    struct memory_map map = {
        .address = BASE,
        .size = PAGES(COUNT),
        .flags = RW | MEMORY_FIXED,
        .memory = memory,
    };
    uint32_t faults = 0;
    bool answering = false;
    bool right = begin(scribble, 3) && limen_thread_suspend(child.thread) == 0 &&
                 limen_memory_map(child.process, &map) == 0 &&
                 limen_memory_resize(memory, 0) == 0 &&
                 limen_thread_resume(child.thread) == 0;
    random_state = 4;
    while (right && next_fault(&answering)) {
        uint32_t page = faulting_page();
        right = limen_memory_info(memory, &info) == 0 && info.size <= PAGES(page) &&
                limen_memory_resize(memory, PAGES(page + 1)) == 0;
        if (faults++ < 40) /* perhaps in vain: it faults again */
            right = right && limen_memory_resize(memory, PAGES(random_below(COUNT))) == 0;
    }
    right = end_well(right) && limen_memory_info(memory, &info) == 0 &&
            info.pages <= info.size / PAGE_SIZE && step_ok(faults > 20, "faults", faults);
    return limen_handle_close(memory) == 0 && right;
}

/* What the child has written so far is cloned while it waits; the clone stays as it is.
 */
static bool snapshots(void)
{
    handle_t memory = handle_of(limen_memory_create(PAGES(COUNT)));
    handle_t clones[COUNT];
    uint32_t words[COUNT][COUNT];
    uint32_t faults = 0;
    bool answering = false;
    bool right = begin(work, 5);
    while (right && faults < COUNT && next_fault(&answering)) {
        for (uint32_t i = 0; i < COUNT; i++)
            right =
                right && limen_memory_read(memory, PAGES(i), &words[faults][i], 4) == 4;
        clones[faults++] = handle_of(limen_memory_clone(memory));
        right = right && map_page(memory, faulting_page(), faulting_page(), RW) == 0;
    }
    right = right && !next_fault(&answering);
    right = end_well(right) && step_ok(faults == COUNT, "faults", faults);
    for (uint32_t f = 0; f < faults; f++) {
        uint32_t clone = (f * 7) % faults; /* in some order */
        for (uint32_t i = 0; i < COUNT; i++)
            right = right && has(clones[clone], i, words[clone][i]);
        right = limen_handle_close(clones[clone]) == 0 && right;
    }
    return limen_handle_close(memory) == 0 && right;
}

static bool two_fault_at_once(void)
{
    handle_t memory = handle_of(limen_memory_create(PAGES(COUNT)));
    struct message go_on = {0};
    bool answering = false;
    bool right = begin(touch_at_once, 0);
    struct child second = child;
    uint32_t frame[4] = {0};
    uint32_t esp = TWIN_STACK_TOP - TWIN_STACK_SIZE / 2;
    right = right && child_write(second, esp, frame, sizeof(frame)) &&
            child_start(&second, (uint32_t)touch_at_once, esp) > 0;
    right = right && next_fault(&answering) && faulting_page() == 3;
    long first = limen_reply_defer();
    answering = false;
    right = right && next_fault(&answering) && faulting_page() == 3;
    right = right && map_page(memory, 3, 3, RW) == 0 &&
            map_page(memory, 3, 3, RW) == -EEXIST &&
            limen_reply_to(handle_of(first), &go_on) == 0;
    right = right && !next_fault(&answering);
    (void)limen_handle_close(second.thread);
    right = end_well(right) && has(memory, 3, 33);
    return limen_handle_close(memory) == 0 && right;
}

static const struct test_case cases[] = {
    {"pages of an object come one by one, each once", pages_come_one_by_one},
    {"the first write to each page is told", writes_are_told},
    {"more pages than there is memory for", more_pages_than_memory},
    {"an object is resized under a mapping in use", resized_under_mappings},
    {"snapshots of what a child has written", snapshots},
    {"two threads fault at one page", two_fault_at_once},
};

int main(void)
{
    return RUN_CASES(cases);
}
