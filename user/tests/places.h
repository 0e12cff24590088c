/* SPDX-License-Identifier: MIT */
/*
 * The places where a message's memory may be found: a message that begins at the end of
 * one page and ends in the next, of which one or both are not as they should be. `id` and
 * what stands before it are in the first page, words, `error` and times in the second.
 */
#ifndef TESTS_PLACES_H
#define TESTS_PLACES_H

#include <limen/async.h>

#include "cases.h"

#define PLACE_PAGES 0x6c000000u
#define PLACE_SECOND (PLACE_PAGES + PAGE_SIZE)
#define PLACE_CLONE_PAGES 600

enum place {
    PLACE_THERE,
    PLACE_FRESH,  /* all bytes are 0, in pages that were never touched */
    PLACE_CLONED, /* shared with a copy of the process, until one writes */
    PLACE_BEGIN_READ_ONLY,
    PLACE_END_READ_ONLY,
    PLACE_BEGIN_GONE,
    PLACE_END_GONE,
    PLACE_GONE,
    PLACES,
};

static const char *const place_names[PLACES] = {
    "there",         "fresh",      "cloned",   "begin read-only",
    "end read-only", "begin gone", "end gone", "gone",
};

static handle_t place_clone;

static inline struct system_message *place_message(void)
{
    return (struct system_message *)(PLACE_SECOND - SYSTEM_MESSAGE_ALIGN);
}

static inline bool place_map(uint32_t address, uint32_t size)
{
    const struct child self = {.process = HANDLE_SELF};
    long error = child_map(self, address, size, MEMORY_READ | MEMORY_WRITE);
    return step_ok(error == 0, "memory_map", error);
}

/* Two pages as they should be. */
static inline bool place_open(void)
{
    return place_map(PLACE_PAGES, 2 * PAGE_SIZE);
}

/* Makes them what they are to be. */
static inline bool place_make(enum place place)
{
    uint32_t at = place == PLACE_END_GONE || place == PLACE_END_READ_ONLY ? PLACE_SECOND
                                                                          : PLACE_PAGES;
    bool both = place == PLACE_FRESH || place == PLACE_GONE;
    long error = 0;

    if (place == PLACE_CLONED) {
        place_clone = handle_of(error = limen_process_clone(PLACE_CLONE_PAGES));
        error = error > 0 ? 0 : error;
    } else if (place == PLACE_BEGIN_READ_ONLY || place == PLACE_END_READ_ONLY) {
        error = limen_memory_protect(HANDLE_SELF, at, PAGE_SIZE, MEMORY_READ);
    } else if (place != PLACE_THERE) {
        error = limen_memory_unmap(HANDLE_SELF, at, (1 + both) * PAGE_SIZE);
    }
    return step_ok(error == 0, place_names[place], error) &&
           (place != PLACE_FRESH || place_open());
}

/* Makes them as they should be again, less what was in pages that were gone. */
static inline bool place_mend(enum place place)
{
    struct process_end end;

    switch (place) {
    case PLACE_CLONED:
        (void)limen_process_kill(place_clone, 0);
        (void)limen_process_wait(place_clone, &end, NULL);
        return limen_handle_close(place_clone) == 0;
    case PLACE_BEGIN_READ_ONLY:
    case PLACE_END_READ_ONLY:
        return limen_memory_protect(HANDLE_SELF, PLACE_PAGES, 2 * PAGE_SIZE,
                                    MEMORY_READ | MEMORY_WRITE) == 0;
    case PLACE_BEGIN_GONE:
        return place_map(PLACE_PAGES, PAGE_SIZE);
    case PLACE_END_GONE:
        return place_map(PLACE_SECOND, PAGE_SIZE);
    case PLACE_GONE:
        return place_open();
    default:
        return true;
    }
}

static inline bool place_close(void)
{
    return limen_memory_unmap(HANDLE_SELF, PLACE_PAGES, 2 * PAGE_SIZE) == 0;
}

/* Whether results can be written. */
static inline bool place_takes_results(enum place place)
{
    return place != PLACE_END_READ_ONLY && place != PLACE_END_GONE && place != PLACE_GONE;
}

#endif
