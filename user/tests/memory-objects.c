/* SPDX-License-Identifier: MIT */
/*
 * Memory objects: shared by mapping, resized, cloned, clones of clones torn down in any
 * order, seen privately. Each case must leave as many free page frames as it found, and
 * what a page costs is compared exactly.
 */
#include <errno.h>

#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define PAGES(n) ((uint32_t)(n)*PAGE_SIZE)
#define BASE 0x50000000u
#define OTHER 0x58000000u
#define TWIN_PAGES 256

static volatile uint32_t *word_at(uint32_t address)
{
    return (volatile uint32_t *)address;
}

static struct memory_info info_of(handle_t memory)
{
    struct memory_info info = {0};
    (void)limen_memory_info(memory, &info);
    return info;
}

static handle_t create(uint32_t pages)
{
    return handle_of(limen_memory_create(PAGES(pages)));
}

static handle_t clone_of(handle_t memory)
{
    return handle_of(limen_memory_clone(memory));
}

static bool close_handle(handle_t handle)
{
    return limen_handle_close(handle) == 0;
}

static long map_in(handle_t process, handle_t memory, uint32_t address, uint32_t first,
                   uint32_t pages, uint32_t flags)
{
    struct memory_map map = {
        .address = address,
        .size = PAGES(pages),
        .flags = flags | MEMORY_FIXED,
        .memory = memory,
        .offset = PAGES(first),
    };
    return limen_memory_map(process, &map);
}

static bool map_at(handle_t memory, uint32_t address, uint32_t pages, uint32_t flags)
{
    return map_in(HANDLE_SELF, memory, address, 0, pages, flags) == 0;
}

static bool unmap(uint32_t address, uint32_t pages)
{
    return limen_memory_unmap(HANDLE_SELF, address, PAGES(pages)) == 0;
}

/* The first word of a page of an object, from outside. */
static bool put(handle_t memory, uint32_t page, uint32_t word)
{
    return limen_memory_write(memory, PAGES(page), &word, 4) == 4;
}

static bool has(handle_t memory, uint32_t page, uint32_t word)
{
    uint32_t found = ~word;
    return limen_memory_read(memory, PAGES(page), &found, 4) == 4 &&
           step_ok(found == word, "word in an object", found);
}

/* --- One object --- */

static bool create_and_touch(void)
{
    handle_t memory = create(8);
    bool right = map_at(memory, BASE, 8, RW) && info_of(memory).pages == 0 &&
                 info_of(memory).size == PAGES(8) && info_of(memory).physical == 0;
    right = right && *word_at(BASE + PAGES(3)) == 0 && info_of(memory).pages == 1;
    *word_at(BASE + PAGES(5)) = 55;
    right = right && info_of(memory).pages == 2 && has(memory, 5, 55) &&
            put(memory, 3, 33) && *word_at(BASE + PAGES(3)) == 33 && put(memory, 7, 77) &&
            *word_at(BASE + PAGES(7)) == 77 && info_of(memory).pages == 3;
    return unmap(BASE, 8) && close_handle(memory) && right;
}

static bool two_views(void)
{
    handle_t memory = create(4);
    bool right =
        map_at(memory, BASE, 4, RW) && map_in(HANDLE_SELF, memory, OTHER, 1, 2, RW) == 0;
    *word_at(BASE + PAGES(1)) = 1;
    right = right && *word_at(OTHER) == 1;
    *word_at(OTHER + PAGES(1)) = 2;
    right = right && *word_at(BASE + PAGES(2)) == 2 && info_of(memory).pages == 2;
    /* The handle may go first; the mappings hold the object. */
    right = close_handle(memory) && right && unmap(BASE, 4) && *word_at(OTHER) == 1;
    return unmap(OTHER, 2) && right;
}

static bool regions_split_and_join(void)
{
    handle_t memory = create(16);
    uint32_t before = process_now().regions;
    bool right = map_at(memory, BASE, 16, RW);
    for (uint32_t i = 0; i < 16; i++)
        *word_at(BASE + PAGES(i)) = i;
    right =
        right &&
        limen_memory_protect(HANDLE_SELF, BASE + PAGES(4), PAGES(4), MEMORY_READ) == 0 &&
        process_now().regions == before + 3 && unmap(BASE + PAGES(9), 2) &&
        process_now().regions == before + 4 &&
        map_in(HANDLE_SELF, memory, BASE + PAGES(9), 9, 2, RW) == 0 &&
        limen_memory_protect(HANDLE_SELF, BASE + PAGES(4), PAGES(4), RW) == 0 &&
        step_ok(process_now().regions == before + 1, "regions", process_now().regions);
    for (uint32_t i = 0; i < 16; i++)
        right = right && *word_at(BASE + PAGES(i)) == i;
    return unmap(BASE, 16) && close_handle(memory) && right;
}

static bool sparse(void)
{
    handle_t memory = handle_of(limen_memory_create(MEMORY_SIZE_MAX));
    uint32_t used = process_now().pages_used;
    uint32_t last = MEMORY_SIZE_MAX / PAGE_SIZE - 1;
    bool right = put(memory, 0, 1) && put(memory, last, 2) && put(memory, 400000, 3) &&
                 has(memory, 0, 1) && has(memory, last, 2) && has(memory, 400000, 3) &&
                 has(memory, 300000, 0);
    right = right && info_of(memory).pages == 4 &&
            step_ok(process_now().pages_used <= used + 4 + 2, "pages used",
                    process_now().pages_used - used);
    handle_t clone = clone_of(memory);
    right = right && has(clone, last, 2) && put(clone, last, 4) && has(memory, last, 2);
    return close_handle(memory) && close_handle(clone) && right;
}

/* --- Who pays --- */

static volatile uint32_t touched;

static void touch_four(uint32_t address)
{
    for (uint32_t i = 0; i < 4; i++)
        *word_at(address + PAGES(i)) = 100 + i;
    touched = 1;
    for (;;)
        (void)limen_thread_yield();
}

static bool the_maker_pays(void)
{
    struct child child = {0};
    struct process_info before, after;
    handle_t memory = create(4);
    bool right = put(memory, 0, 0) && map_at(memory, OTHER, 4, RW) &&
                 twin_load(&child, TWIN_PAGES) &&
                 map_in(child.process, memory, BASE, 0, 4, RW) == 0;
    uint32_t used = process_now().pages_used;
    right = right && limen_process_info(child.process, &before) == 0 &&
            twin_start(&child, touch_four, BASE) && child_wait_for(child, &touched, 1) &&
            limen_process_info(child.process, &after) == 0;
    /* The toucher: two page tables, a page of its stack, one of threads. */
    right = right && step_ok(process_now().pages_used == used + 3, "the maker's pages",
                             process_now().pages_used - used);
    right = right && step_ok(after.pages_used == before.pages_used + 4, "the toucher's",
                             after.pages_used - before.pages_used);
    for (uint32_t i = 0; i < 4; i++)
        right = right && *word_at(OTHER + PAGES(i)) == 100 + i;
    (void)limen_process_kill(child.process, 0);
    child_close(&child);
    return unmap(OTHER, 4) && close_handle(memory) && right;
}

static long given;

/* Makes an object with one page of two, leaves it to its parent, and ends. */
static void leave_an_object(uint32_t parent)
{
    handle_t memory = create(2);
    bool right = put(memory, 0, 4711);
    given = limen_handle_give((handle_t){parent}, memory, RIGHTS_ALL);
    (void)limen_process_exit(right && given > 0 ? 0 : 1);
}

static bool object_outlives_its_maker(void)
{
    struct child child = {0};
    struct process_end end;
    uint32_t used = process_now().pages_used;
    uint32_t word = 1;
    bool right = twin_load(&child, TWIN_PAGES);
    long parent = limen_handle_give(child.process, HANDLE_SELF, RIGHTS_ALL);
    right = right && twin_start(&child, leave_an_object, (uint32_t)parent) &&
            child_wait(child, &end) == EXIT_0 &&
            child_read(child, (uint32_t)&given, &given, sizeof(given));
    child_close(&child);
    handle_t memory = handle_of(given);
    /* The home of its quota, a slab page, and the object's page. */
    right = right &&
            step_ok(process_now().pages_used == used + 3, "pages used",
                    process_now().pages_used - used) &&
            has(memory, 0, 4711) && put(memory, 0, 4712) &&
            limen_memory_write(memory, PAGES(1), &word, 4) == -EFAULT;
    handle_t clone = clone_of(memory);
    right = right && has(clone, 0, 4712) && put(memory, 0, 4713) && put(clone, 1, 9) &&
            has(clone, 0, 4712) && close_handle(clone) && has(memory, 0, 4713);
    right = close_handle(memory) && right;
    return right && step_ok(process_now().pages_used == used, "pages used",
                            process_now().pages_used - used);
}

/* --- Clones --- */

static bool clone_is_a_copy(void)
{
    handle_t memory = create(8);
    bool right = map_at(memory, BASE, 8, RW);
    for (uint32_t i = 0; i < 6; i++)
        *word_at(BASE + PAGES(i)) = 10 + i;
    uint32_t free = frames_free();
    uint32_t used = process_now().pages_used;
    handle_t clone = clone_of(memory);
    right =
        right && info_of(clone).pages == 6 && info_of(clone).size == PAGES(8) &&
        step_ok(frames_free() + 1 >= free, "frames for a clone", free - frames_free()) &&
        step_ok(process_now().pages_used <= used + 6 + 1, "charged for a clone",
                process_now().pages_used - used) &&
        *word_at(BASE + PAGES(7)) == 0; /* brings the page table back */
    free = frames_free();
    used = process_now().pages_used;
    *word_at(BASE) = 1;
    *word_at(BASE + PAGES(1)) = 2;
    right = right && put(clone, 2, 3) && has(clone, 0, 10) && has(clone, 1, 11) &&
            has(clone, 2, 3) && *word_at(BASE + PAGES(2)) == 12 &&
            *word_at(BASE + PAGES(3)) == 13 && has(clone, 3, 13);
    right = right &&
            step_ok(free - frames_free() == 3, "frames for three writes",
                    free - frames_free()) &&
            step_ok(process_now().pages_used == used, "charged for three writes",
                    process_now().pages_used - used);
    *word_at(BASE + PAGES(6)) = 5; /* fresh: of one alone */
    right = right && has(clone, 6, 0) && has(clone, 5, 15);
    return close_handle(clone) && unmap(BASE, 8) && close_handle(memory) && right;
}

enum {
    FAMILY = 4
};

/* Four objects, each a clone of the one before, in all orders of their ends; the first
 * page of those that are left is written to after each end. */
static bool end_in_order(const uint32_t order[FAMILY])
{
    handle_t family[FAMILY];
    bool right = true;
    family[0] = create(3);
    right = put(family[0], 0, 1) && put(family[0], 1, 2);
    for (uint32_t i = 1; i < FAMILY; i++) {
        family[i] = clone_of(family[i - 1]);
        right = right && put(family[i], 2, i);
    }
    for (uint32_t i = 0; i < FAMILY; i++) {
        right = close_handle(family[order[i]]) && right;
        for (uint32_t j = i + 1; j < FAMILY; j++)
            right = right && has(family[order[j]], 0, i == 0 ? 1 : 100 * i + j) &&
                    put(family[order[j]], 0, 100 * (i + 1) + j) &&
                    has(family[order[j]], 1, 2) && has(family[order[j]], 2, order[j]);
    }
    return right;
}

static bool next_order(uint32_t order[], uint32_t count)
{
    uint32_t i = count - 1;
    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    uint32_t j = count - 1;
    while (order[j] < order[i - 1])
        j--;
    uint32_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
    for (uint32_t a = i, b = count - 1; a < b; a++, b--) {
        swap = order[a];
        order[a] = order[b];
        order[b] = swap;
    }
    return true;
}

static bool families_end_in_any_order(void)
{
    uint32_t order[FAMILY] = {0, 1, 2, 3};
    uint32_t free = frames_free();
    bool right = true;
    do {
        right = end_in_order(order) && right;
        right = step_ok(frames_free() == free, "frames free", frames_free()) && right;
    } while (next_order(order, FAMILY));
    return right;
}

/* --- A family at random, against a model --- */

enum {
    MEMBERS = 8,
    MEMBER_PAGES = 20,
    FRAMES_MAX = MEMBERS * MEMBER_PAGES,
    ROUNDS = 1500
};

/* What each object is to hold: for each page the number of a frame, or 0; frames are
 * shared after a clone, and hold a word each. */
static struct member {
    handle_t memory; /* value 0: there is none */
    uint32_t pages;
    uint32_t frame[MEMBER_PAGES];
    uint32_t address; /* where it is mapped, or 0 */
    bool own;         /* privately: what is read only */
} members[MEMBERS];
static uint32_t frame_word[FRAMES_MAX + 1], frame_holds[FRAMES_MAX + 1];
static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

static uint32_t fresh_frame(uint32_t word)
{
    uint32_t frame = 1;
    while (frame_holds[frame] > 0)
        frame++;
    frame_holds[frame] = 1;
    frame_word[frame] = word;
    return frame;
}

static void cut(struct member *member, uint32_t pages)
{
    for (uint32_t i = pages; i < MEMBER_PAGES; i++) {
        frame_holds[member->frame[i]]--; /* nobody minds those of 0 */
        member->frame[i] = 0;
    }
    member->pages = pages;
}

static uint32_t pages_there(const struct member *member)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMBER_PAGES; i++)
        count += member->frame[i] != 0;
    return count;
}

static bool member_create(struct member *member)
{
    member->pages = 1 + random_below(MEMBER_PAGES);
    member->memory = create(member->pages);
    return (long)member->memory.value > 0;
}

static bool member_clone(struct member *member, const struct member *origin)
{
    *member = *origin;
    member->address = 0;
    member->memory = clone_of(origin->memory);
    for (uint32_t i = 0; i < MEMBER_PAGES; i++)
        frame_holds[member->frame[i]]++;
    return (long)member->memory.value > 0;
}

static bool member_unmap(struct member *member)
{
    uint32_t address = member->address;
    member->address = 0;
    return !address || unmap(address, MEMBER_PAGES);
}

/* The mapping, which may stay the longest, or go first. */
static bool member_close(struct member *member)
{
    bool right = random_below(2) ? member_unmap(member) && close_handle(member->memory)
                                 : close_handle(member->memory) && member_unmap(member);
    cut(member, 0);
    member->memory.value = 0;
    return right;
}

static bool member_map(struct member *member)
{
    uint32_t place = (uint32_t)(member - members);
    if (member->address || member->pages < MEMBER_PAGES)
        return true;
    member->address = BASE + PAGES(place * MEMBER_PAGES);
    member->own = random_below(3) == 0;
    return map_at(member->memory, member->address, MEMBER_PAGES,
                  RW | (member->own ? MEMORY_PRIVATE : 0));
}

/* A write costs a frame where it is the first, or the frame is shared; from outside that
 * can be counted. */
static bool member_write(struct member *member)
{
    uint32_t page = random_below(MEMBER_PAGES);
    uint32_t frame = member->frame[page];
    uint32_t cost = frame_holds[frame] > 1;
    uint32_t free = frames_free();
    uint32_t word = random_state;
    if (page >= member->pages)
        return limen_memory_write(member->memory, PAGES(page), &word, 4) == -EFAULT;
    bool mapped = member->address && !member->own && random_below(2);
    if (mapped)
        *word_at(member->address + PAGES(page)) = word;
    else if (!put(member->memory, page, word))
        return false;
    if (frame && frame_holds[frame] == 1) {
        frame_word[frame] = word;
    } else {
        if (frame)
            frame_holds[frame]--;
        member->frame[page] = fresh_frame(word);
    }
    return mapped || !frame ||
           step_ok(free - frames_free() == cost, "frames for a write",
                   free - frames_free());
}

static bool member_resize(struct member *member)
{
    uint32_t pages = random_below(MEMBER_PAGES + 1);
    if (pages < member->pages)
        cut(member, pages);
    member->pages = pages;
    return limen_memory_resize(member->memory, PAGES(pages)) == 0;
}

static bool member_right(struct member *member)
{
    bool right = info_of(member->memory).size == PAGES(member->pages) &&
                 info_of(member->memory).pages == pages_there(member);
    for (uint32_t i = 0; right && i < member->pages; i++) {
        uint32_t word = member->frame[i] ? frame_word[member->frame[i]] : 0;
        if (!member->frame[i])
            continue; /* reading it would bring it */
        right = has(member->memory, i, word) &&
                (!member->address || *word_at(member->address + PAGES(i)) == word);
    }
    return right;
}

static bool random_step(void)
{
    struct member *member = &members[random_below(MEMBERS)];
    struct member *other = &members[random_below(MEMBERS)];
    if (member->memory.value == 0)
        return other->memory.value ? member_clone(member, other) : member_create(member);
    switch (random_below(8)) {
    case 0:
        return member_close(member);
    case 1:
        return member_map(member);
    case 2:
        return member_unmap(member);
    case 3:
        return member_resize(member);
    case 4:
        return member_right(member);
    default:
        return member_write(member);
    }
}

static bool a_family_at_random(void)
{
    bool right = true;
    for (uint32_t seed = 1; right && seed <= 4; seed++) {
        /* A page table that stays: what comes and goes then is the objects'. */
        right = map_at((handle_t){0}, BASE + PAGES(FRAMES_MAX), 1, RW);
        *word_at(BASE + PAGES(FRAMES_MAX)) = 0;
        uint32_t free = frames_free();
        uint32_t used = process_now().pages_used;
        random_state = seed;
        for (uint32_t i = 0; right && i < ROUNDS; i++)
            right = step_ok(random_step(), "round", i);
        for (uint32_t i = 0; i < MEMBERS; i++)
            if (members[i].memory.value)
                right = member_right(&members[i]) && member_close(&members[i]) && right;
        right = right && step_ok(frames_free() == free, "frames free, seed", seed) &&
                step_ok(process_now().pages_used == used, "pages used, seed", seed) &&
                unmap(BASE + PAGES(FRAMES_MAX), 1);
    }
    return right;
}

/* Three views of one frame, written to in all orders through their mappings. */
static bool write_in_order(const uint32_t order[3])
{
    handle_t family[3];
    bool right = true;
    family[0] = create(1);
    right = put(family[0], 0, 1);
    for (uint32_t i = 1; i < 3; i++)
        family[i] = clone_of(family[i - 1]);
    for (uint32_t i = 0; i < 3; i++)
        right = right && map_at(family[i], BASE + PAGES(i), 1, RW) &&
                *word_at(BASE + PAGES(i)) == 1;
    uint32_t free = frames_free();
    for (uint32_t i = 0; i < 3; i++) {
        *word_at(BASE + PAGES(order[i])) = 50 + order[i];
        /* The last one has the frame for itself. */
        right = right && step_ok(free - frames_free() == (i < 2 ? i + 1 : 2),
                                 "frames taken", free - frames_free());
        for (uint32_t j = 0; j < 3; j++)
            right =
                right && *word_at(BASE + PAGES(order[j])) == (j <= i ? 50 + order[j] : 1);
    }
    for (uint32_t i = 0; i < 3; i++)
        right = close_handle(family[i]) && right;
    return unmap(BASE, 3) && right;
}

static bool write_faults_in_any_order(void)
{
    uint32_t order[3] = {0, 1, 2};
    bool right = true;
    do
        right = write_in_order(order) && right;
    while (next_order(order, 3));
    return right;
}

/* A clone whose origin is mapped in another process, which goes on to write. */
static bool clone_under_a_writer(void)
{
    struct child child = {0};
    handle_t memory = create(4);
    uint32_t word = 7;
    bool right = twin_load(&child, TWIN_PAGES) &&
                 map_in(child.process, memory, BASE, 0, 4, RW) == 0 &&
                 child_write(child, BASE, &word, 4);
    handle_t clone = clone_of(memory);
    word = 8;
    right = right && child_write(child, BASE, &word, 4) && has(memory, 0, 8) &&
            has(clone, 0, 7) && map_at(memory, OTHER, 4, RW) && *word_at(OTHER) == 8;
    right = right && twin_start(&child, touch_four, BASE) &&
            child_wait_for(child, &touched, 1) && *word_at(OTHER) == 100 &&
            *word_at(OTHER + PAGES(3)) == 103 && has(clone, 0, 7) && has(clone, 3, 0);
    (void)limen_process_kill(child.process, 0);
    child_close(&child);
    return close_handle(clone) && close_handle(memory) && unmap(OTHER, 4) && right;
}

/* --- Private views --- */

static bool private_view(void)
{
    handle_t memory = create(4);
    bool right = put(memory, 0, 1) && put(memory, 1, 2) &&
                 map_at(memory, BASE, 4, RW | MEMORY_PRIVATE) &&
                 map_at(memory, OTHER, 4, RW) && *word_at(BASE) == 1;
    *word_at(BASE) = 10;
    *word_at(OTHER + PAGES(1)) = 20;
    *word_at(BASE + PAGES(2)) = 30;
    right = right && *word_at(OTHER) == 1 && *word_at(BASE) == 10 &&
            *word_at(BASE + PAGES(1)) == 20 && has(memory, 2, 0) &&
            *word_at(BASE + PAGES(2)) == 30 && *word_at(BASE + PAGES(3)) == 0;
    /* A clone shares the object's frames, not the view's. */
    handle_t clone = clone_of(memory);
    right = right && has(clone, 0, 1) && *word_at(BASE) == 10;
    *word_at(OTHER) = 3;
    right = right && has(clone, 0, 1) && *word_at(BASE) == 10;
    return close_handle(clone) && close_handle(memory) && unmap(BASE, 4) &&
           unmap(OTHER, 4) && right;
}

static bool private_needs_no_right_to_write(void)
{
    handle_t memory = create(1);
    bool right = put(memory, 0, 1);
    handle_t readable = handle_of(limen_handle_duplicate(memory, RIGHT_READ));
    handle_t blind = handle_of(limen_handle_duplicate(memory, RIGHT_WRITE));
    right = right && map_in(HANDLE_SELF, readable, BASE, 0, 1, RW) == -EPERM &&
            map_in(HANDLE_SELF, blind, BASE, 0, 1, RW | MEMORY_PRIVATE) == -EPERM &&
            map_in(HANDLE_SELF, readable, BASE, 0, 1, MEMORY_READ) == 0 &&
            limen_memory_protect(HANDLE_SELF, BASE, PAGES(1), RW) == -EPERM &&
            unmap(BASE, 1) && map_at(readable, BASE, 1, RW | MEMORY_PRIVATE);
    *word_at(BASE) = 2;
    right = right && has(memory, 0, 1);
    return close_handle(memory) && close_handle(readable) && close_handle(blind) &&
           unmap(BASE, 1) && right;
}

/* --- Size --- */

static void read_word(uint32_t address)
{
    (void)*word_at(address);
    (void)limen_process_exit(0);
}

static bool shrink_and_grow(void)
{
    struct child child = {0};
    struct process_end end;
    handle_t memory = create(8);
    bool right = map_at(memory, BASE, 8, RW) &&
                 map_at(memory, OTHER, 8, RW | MEMORY_PRIVATE) &&
                 twin_load(&child, TWIN_PAGES) &&
                 map_in(child.process, memory, BASE, 0, 8, RW) == 0;
    for (uint32_t i = 0; i < 8; i++) {
        *word_at(BASE + PAGES(i)) = 60 + i;
        *word_at(OTHER + PAGES(i)) = 70 + i;
    }
    uint32_t free = frames_free();
    uint32_t word = 0;
    right =
        right && limen_memory_resize(memory, PAGES(5)) == 0 &&
        step_ok(frames_free() - free == 6, "frames given back", frames_free() - free) &&
        info_of(memory).pages == 5 && info_of(memory).size == PAGES(5);
    right = right &&
            limen_memory_read(HANDLE_SELF, BASE + PAGES(5), &word, 4) == -EFAULT &&
            limen_memory_read(HANDLE_SELF, OTHER + PAGES(5), &word, 4) == -EFAULT &&
            limen_memory_read(memory, PAGES(5), &word, 4) == -EFAULT &&
            limen_memory_read(memory, PAGES(4) + PAGE_SIZE - 2, &word, 4) == 2 &&
            *word_at(BASE + PAGES(4)) == 64 && *word_at(OTHER + PAGES(4)) == 74;
    right = right && twin_start(&child, read_word, BASE + PAGES(5)) &&
            child_wait(child, &end) == FAULT(14) && end.address == BASE + PAGES(5);
    right = right && map_in(HANDLE_SELF, memory, 0x60000000, 5, 1, RW) == -EINVAL;
    right = right && limen_memory_resize(memory, PAGES(8)) == 0 &&
            *word_at(BASE + PAGES(5)) == 0 && *word_at(OTHER + PAGES(7)) == 0;
    *word_at(BASE + PAGES(5)) = 1;
    right = right && has(memory, 5, 1) && *word_at(OTHER + PAGES(5)) == 1 &&
            limen_memory_resize(memory, 0) == 0 && info_of(memory).pages == 0;
    child_close(&child);
    return unmap(BASE, 8) && unmap(OTHER, 8) && close_handle(memory) && right;
}

static bool shrink_a_clone(void)
{
    handle_t memory = create(40);
    bool right = true;
    for (uint32_t i = 0; i < 40; i++)
        right = right && put(memory, i, i + 1);
    handle_t clone = clone_of(memory);
    right = right && limen_memory_resize(memory, PAGES(1)) == 0;
    for (uint32_t i = 0; i < 40; i++)
        right = right && has(clone, i, i + 1);
    uint32_t free = frames_free();
    right =
        right && limen_memory_resize(clone, PAGES(1)) == 0 && frames_free() - free >= 39;
    return close_handle(clone) && close_handle(memory) && right;
}

/* --- Physical memory --- */

static bool physical(void)
{
    handle_t root = {(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
    if (root.value == 0)
        return case_skip("no root resource");
    handle_t screen = handle_of(limen_memory_physical(root, 0xb8000, PAGES(1)));
    uint32_t last = PAGE_SIZE - 4; /* of the text screen's page, not to be seen */
    uint32_t word = 0;
    bool right = info_of(screen).physical == 1 && map_at(screen, BASE, 1, RW);
    uint32_t before = *word_at(BASE + last);
    *word_at(BASE + last) = 0x07410741;
    right = right && limen_memory_read(screen, last, &word, 4) == 4 &&
            word == 0x07410741 && map_at(screen, OTHER, 1, RW | MEMORY_PRIVATE) &&
            *word_at(OTHER + last) == word;
    *word_at(OTHER + last) = 1;
    right = right && *word_at(BASE + last) == word;
    *word_at(BASE + last) = before;
    right = right && limen_memory_clone(screen) == -EINVAL &&
            limen_memory_resize(screen, PAGES(2)) == -EINVAL &&
            limen_memory_physical(root, 0xb8001, PAGES(1)) == -EINVAL &&
            limen_memory_physical(root, 0xb8000, 0) == -EINVAL &&
            limen_memory_physical(root, 0xb8000, 100) == -EINVAL &&
            limen_memory_physical(root, 0xfffff000, PAGES(2)) == -EINVAL;
    handle_t top = handle_of(limen_memory_physical(root, 0xfffff000, PAGES(1)));
    right = right && close_handle(top);
    return unmap(BASE, 1) && unmap(OTHER, 1) && close_handle(screen) && right;
}

/* RAM is somebody's: the kernel's, or given to processes by and by. */
static bool physical_ram(void)
{
    static const struct {
        uint32_t base, size;
        long wanted;
    } rows[] = {
        {0xa0000, 0x20000, 0}, /* the screen's memory */
        {0xf0000, 0x10000, 0}, /* the BIOS */
        {0, PAGE_SIZE, 0},     /* its data */
        {0xfec00000, PAGE_SIZE, 0},
        {0xf0000000, 0x1000000, 0},
        {PAGE_SIZE, PAGE_SIZE, -EPERM},
        {0x80000, PAGE_SIZE, -EPERM},
        {0x100000, PAGE_SIZE, -EPERM}, /* the kernel's image */
        {0x101000, PAGE_SIZE, -EPERM},
        {0x300000, PAGE_SIZE, -EPERM},
        {0xff000, 2 * PAGE_SIZE, -EPERM}, /* one page of it */
        {0, 0x100000, -EPERM},
        {0, 0xfffff000, -EPERM},
        {0x300000, 0xffd00000, -EPERM},
    };
    handle_t root = {(uint32_t)getauxval(AT_LIMEN_RESOURCE)};
    bool right = true;
    if (root.value == 0)
        return case_skip("no root resource");
    for (unsigned int i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        long result = limen_memory_physical(root, rows[i].base, rows[i].size);
        bool good = rows[i].wanted ? result == rows[i].wanted : result > 0;
        right = step_ok(good, "base", rows[i].base) && right;
        if (result > 0)
            right = close_handle(handle_of(result)) && right;
    }
    for (uint32_t page = 0x100000; page < 0x400000; page += PAGE_SIZE)
        right = limen_memory_physical(root, page, PAGE_SIZE) == -EPERM && right;
    return right;
}

/* --- Arguments that make no sense, and no memory --- */

static bool bad_arguments(void)
{
    handle_t memory = create(2);
    uint32_t word = 0;
    return limen_memory_create(1) == -EINVAL && limen_memory_create(~0u) == -EINVAL &&
           limen_memory_create(MEMORY_SIZE_MAX + PAGE_SIZE) == -EINVAL &&
           limen_memory_resize(memory, 1) == -EINVAL &&
           limen_memory_resize(memory, MEMORY_SIZE_MAX + PAGE_SIZE) == -EINVAL &&
           limen_memory_clone(HANDLE_SELF) == -EBADF &&
           limen_memory_resize((handle_t){1}, 0) == -EBADF &&
           limen_memory_read(memory, ~0u - 1, &word, 4) == -EFAULT &&
           limen_memory_write(memory, PAGES(2), &word, 4) == -EFAULT &&
           limen_memory_read(memory, 0, (void *)KERNEL_BASE, 4) == -EFAULT &&
           map_in(HANDLE_SELF, memory, BASE, 1, 2, RW) == -EINVAL &&
           map_in(HANDLE_SELF, memory, BASE, 0xfffff, 1, RW) == -EINVAL &&
           map_in(HANDLE_SELF, memory, BASE, 0, 1, RW | 1u << 6) == -EINVAL &&
           info_of(memory).pages == 0 && close_handle(memory);
}

/* In a child: everything once, whatever fails for want of memory. */
static bool fine(long result)
{
    return result >= 0 || result == -ENOMEM || result == -EFAULT || result == -EBADF;
}

static void everything_once(uint32_t unused)
{
    (void)unused;
    long memory = limen_memory_create(PAGES(20));
    handle_t handle = handle_of(memory);
    uint32_t word = 1;
    bool right = fine(memory);
    for (uint32_t i = 0; i < 20; i += 3)
        right = right && fine(limen_memory_write(handle, PAGES(i), &word, 4));
    right = right && fine(map_in(HANDLE_SELF, handle, BASE, 0, 20, RW)) &&
            fine(map_in(HANDLE_SELF, handle, OTHER, 2, 8, RW | MEMORY_PRIVATE)) &&
            fine(limen_memory_write(HANDLE_SELF, BASE + PAGES(1), &word, 4)) &&
            fine(limen_memory_write(HANDLE_SELF, OTHER, &word, 4));
    handle_t clone = handle_of(limen_memory_clone(handle));
    right =
        right && fine((long)clone.value) &&
        fine(limen_memory_write(clone, 0, &word, 4)) &&
        fine(limen_memory_write(HANDLE_SELF, BASE, &word, 4)) &&
        fine(limen_memory_protect(HANDLE_SELF, BASE + PAGES(4), PAGES(4), MEMORY_READ)) &&
        fine(limen_process_clone(60)) && fine(limen_memory_resize(handle, PAGES(2))) &&
        fine(limen_memory_unmap(HANDLE_SELF, BASE + PAGES(1), PAGES(10))) &&
        fine(limen_handle_close(handle));
    (void)limen_process_exit(right ? 0 : 1);
}

static bool no_memory_at_any_step(void)
{
    uint32_t ends = 0;
    bool right = true;
    struct child child;
    struct process_end end;
    struct process_info info = {0};
    if (!twin_load(&child, TWIN_PAGES) || limen_process_info(child.process, &info) != 0)
        return false;
    child_close(&child);
    for (uint32_t more = 2; right && more < 140; more++) {
        uint32_t free = frames_free();
        outcome_t outcome =
            twin_run(&child, info.pages_used + more, everything_once, 0, &end);
        right =
            step_ok(outcome == EXIT_0 || outcome == NO_MEMORY || outcome == NOT_STARTED,
                    "pages more", more);
        ends += outcome == EXIT_0;
        child_close(&child);
        right =
            right && step_ok(frames_free() == free, "frames lost", free - frames_free());
    }
    return right && step_ok(ends > 20, "came to its end, times", ends);
}

static const struct test_case cases[] = {
    {"pages come when they are touched or copied to", create_and_touch},
    {"two views of an object, without a handle", two_views},
    {"regions of an object split and join", regions_split_and_join},
    {"an object of 3 GiB costs what it holds", sparse},
    {"the maker pays, not who touches", the_maker_pays},
    {"an object outlives its maker", object_outlives_its_maker},
    {"a clone is a copy, and costs what is written", clone_is_a_copy},
    {"clones of clones end in any order", families_end_in_any_order},
    {"a family at random, and what each write costs", a_family_at_random},
    {"write faults on a shared frame in any order", write_faults_in_any_order},
    {"a clone of what another process writes to", clone_under_a_writer},
    {"a private view keeps its writes", private_view},
    {"a private view needs no right to write", private_needs_no_right_to_write},
    {"what is beyond the end is gone everywhere", shrink_and_grow},
    {"a clone keeps what its origin loses", shrink_a_clone},
    {"physical memory", physical},
    {"physical memory that is RAM", physical_ram},
    {"arguments that make no sense", bad_arguments},
    {"no memory at any step", no_memory_at_any_step},
};

int main(void)
{
    return RUN_CASES(cases);
}
