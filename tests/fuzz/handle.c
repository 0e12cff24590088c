/* SPDX-License-Identifier: MIT */
/*
 * The handle table, against a list of what was given out. Any word is looked up, taken
 * and narrowed: those of good handles, of closed ones, their neighbours, made-up ones.
 */
#define main unit_main
#include "../unit/handle.c"
#undef main
#include "fuzz.h"

#define GIVEN 200

static struct given {
    uint32_t value; /* 0: none */
    struct object *object;
    uint32_t rights;
    bool closed;
} given[GIVEN];

static const uint8_t types[] = {OBJECT_PROCESS, OBJECT_THREAD, OBJECT_ENDPOINT,
                                OBJECT_PORT};

#define TYPES (sizeof(types) / sizeof(types[0]))

static struct given *entry_of(uint32_t value)
{
    for (int i = 0; i < GIVEN; i++)
        if (value && given[i].value == value)
            return &given[i];
    return NULL;
}

static struct given *good(uint32_t value)
{
    struct given *entry = entry_of(value);

    return entry && !entry->closed ? entry : NULL;
}

/* A word that may be a handle. */
static uint32_t some_word(void)
{
    uint32_t value = given[random_below(GIVEN)].value;

    switch (random_below(8)) {
    case 0:
        return value ^ 1u << random_below(32);
    case 1:
        return random_below(UINT32_MAX);
    case 2:
        return random_below(3) << HANDLE_SLOT_BITS | (table.count - 1 + random_below(3));
    case 3: /* its slot's next one, perhaps as the free slot has it */
        return (value + (1u << HANDLE_SLOT_BITS)) ^ random_below(2) << 31;
    default:
        return value;
    }
}

/* What an object's handle can have. */
static uint32_t meant_for(const struct object *object)
{
    uint32_t rights = RIGHTS_ALL;

    if (object->type != OBJECT_ENDPOINT)
        rights &= ~RIGHT_SEND;
    if (object->type != OBJECT_PORT)
        rights &= ~(RIGHT_RECEIVE | RIGHT_MINT);
    return rights;
}

static void give(void)
{
    struct given *place = &given[random_below(GIVEN)];
    struct object *object = &objects[random_below(OBJECTS)];
    uint32_t rights = random_below(RIGHTS_ALL + 1);

    if (place->value && !place->closed)
        return;
    long value = handle_add(&table, object, rights);
    if (value < 0) {
        assert_int_equal(value, -ENOMEM);
        assert_true(quota.used == quota.limit && table.used == table.count);
        return;
    }
    /* No input is long enough for a slot's generations to come round. */
    assert_true(value != 0 && value <= INT32_MAX && !entry_of((uint32_t)value));
    *place = (struct given){(uint32_t)value, object, rights & meant_for(object), false};
}

static void take(void)
{
    uint32_t value = some_word();
    struct given *entry = good(value);
    struct object *object = handle_take(&table, (handle_t){value});

    assert_ptr_equal(object, entry ? entry->object : NULL);
    if (!entry)
        return;
    object_drop(object);
    entry->closed = true;
}

static void look(void)
{
    uint32_t value = some_word();
    uint32_t asked = random_below(2) ? random_below(RIGHTS_ALL + 1) : 0;
    uint32_t chosen = random_below(TYPES + 1);
    enum object_type type = chosen < TYPES ? types[chosen] : OBJECT_ANY;
    struct given *entry = good(value);
    struct object *object;
    long result = handle_look(&table, (handle_t){value}, type, asked, &object);

    if (entry && type != OBJECT_ANY && entry->object->type != type)
        entry = NULL;
    bool allowed = entry && !(asked & ~entry->rights);
    assert_ptr_equal(object, allowed ? entry->object : NULL);
    assert_int_equal(result, allowed ? 0 : entry ? -EPERM : -EBADF);
}

static void narrow(void)
{
    uint32_t value = some_word();
    struct given *entry = good(value);
    struct handle_slot *slot = handle_slot(&table, (handle_t){value}, 0);
    uint32_t asked = random_below(2 * RIGHTS_ALL + 2);

    assert_int_equal(slot != NULL, entry != NULL);
    if (!slot)
        return;
    assert_int_equal(handle_rights(slot), entry->rights);
    long result = handle_narrow(slot, asked);
    if (asked > RIGHTS_ALL)
        assert_int_equal(result, -EINVAL);
    else if (asked & meant_for(entry->object) & ~entry->rights)
        assert_int_equal(result, -EPERM);
    else
        assert_int_equal(result, asked & entry->rights);
    assert_int_equal(handle_narrow(slot, RIGHTS_SAME), entry->rights);
}

static void any_word_is_judged_rightly(void **state)
{
    static void (*const operations[])(void) = {give, give, take, look, narrow};

    quota.limit = 4;
    for (;;) {
        operations[random_below(5)]();
        uint32_t used = 0;
        for (int i = 0; i < GIVEN; i++)
            used += given[i].value && !given[i].closed;
        assert_int_equal(table.used, used);
    }
}

static int begin_with_types(void **state)
{
    int result = begin(state);

    for (uint32_t i = 0; i < OBJECTS; i++)
        object_init(&objects[i], types[i % TYPES]);
    memset(given, 0, sizeof(given));
    return result;
}

FUZZ(begin_with_types, any_word_is_judged_rightly, end)
