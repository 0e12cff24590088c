/* SPDX-License-Identifier: MIT */
/*
 * Address spaces and memory objects on fake page tables, against plain arrays of pages:
 * what is mapped where and how, what a fault finds, that contents stay with their pages
 * through clones of clones, that nothing shared is writable, that every hold on a frame
 * is accounted for and charged, that a call that fails changes nothing, and that every
 * frame comes back. Operations are interrupted at any preemption point, and others done
 * in between.
 */
#include "space.h"

#include <limen/abi.h>

#include "arch.h"
#include "error.h"
#include "object.h"
#include "schedule.h"
#include "unit.h"

#define START 0x40000000u /* of the window in which everything happens */
#define PAGES 64u
#define END (START + PAGES * PAGE_SIZE)
#define TABLE_PAGES 16u /* what a fake page table maps */
#define TABLES (PAGES / TABLE_PAGES)
#define FRAMES 2048u
#define ROUNDS 20000
#define SPACES 3
#define OBJECTS 5
#define OBJECT_PAGES 24u
#define DEVICE 0x10000000u /* a physical memory object's address */

/* --- Fake machine --- */

struct fake {
    struct quota quota;
    struct space space;
    struct {
        phys_t frame;
        uint32_t protection;
        bool present;
    } entries[PAGES];
    phys_t tables[TABLES];
    uint32_t table_used[TABLES];
};

static struct fake fakes[SPACES];
static struct quota object_quota;
static uint32_t preempt_chance; /* one in so many points interrupts; 0: none */
static uint32_t preempt_at;     /* the so-manieth interrupts; 0: none */
static bool joined;             /* no sweep has kept regions apart */
static phys_t bios;             /* frame 0, which is never used */

static bool none(phys_t frame)
{
    return frame.address == PHYS_NONE.address;
}

static struct fake *fake_of(struct space *space)
{
    return container_of(space, struct fake, space);
}

static uint32_t page_of(uint32_t address)
{
    assert_true(address >= START && address < END);
    return (address - START) / PAGE_SIZE;
}

static uint32_t address_of(uint32_t page)
{
    return START + page * PAGE_SIZE;
}

phys_t arch_directory_create(struct quota *payer)
{
    return quota_take(payer, FRAME_LOW);
}

void arch_directory_destroy(struct space *space)
{
    quota_give(space->quota, space->directory);
}

bool arch_map(struct space *space, uint32_t address, phys_t frame, uint32_t protection)
{
    struct fake *fake = fake_of(space);
    uint32_t page = page_of(address);
    uint32_t table = page / TABLE_PAGES;

    assert_false(fake->entries[page].present);
    if (fake->table_used[table] == 0) {
        fake->tables[table] = quota_take(space->quota, FRAME_LOW);
        if (none(fake->tables[table]))
            return false;
    }
    fake->table_used[table]++;
    fake->entries[page].present = true;
    fake->entries[page].frame = frame;
    fake->entries[page].protection = protection;
    return true;
}

void arch_unmap(struct space *space, uint32_t address)
{
    struct fake *fake = fake_of(space);
    uint32_t page = page_of(address);
    uint32_t table = page / TABLE_PAGES;

    assert_true(fake->entries[page].present);
    fake->entries[page].present = false;
    if (--fake->table_used[table] == 0)
        quota_give(space->quota, fake->tables[table]);
}

void arch_remap(struct space *space, uint32_t address, phys_t frame, uint32_t protection)
{
    struct fake *fake = fake_of(space);
    uint32_t page = page_of(address);

    assert_true(fake->entries[page].present);
    fake->entries[page].frame = frame;
    fake->entries[page].protection = protection;
}

phys_t arch_lookup(struct space *space, uint32_t address, uint32_t *protection)
{
    const struct fake *fake = fake_of(space);
    uint32_t page = page_of(address);

    *protection = fake->entries[page].protection;
    return fake->entries[page].present ? fake->entries[page].frame : PHYS_NONE;
}

/* Now and then a page that has no entry, as is allowed. */
uint32_t arch_next_page(struct space *space, uint32_t address, uint32_t end)
{
    const struct fake *fake = fake_of(space);

    if (address < START)
        address = START;
    while (address < end && address < END && !fake->entries[page_of(address)].present &&
           page_of(address) % 7 != 6)
        address += PAGE_SIZE;
    return address < end && address < END ? address : end;
}

void arch_page_zero(phys_t frame)
{
    memset(frame_bytes(frame), 0, PAGE_SIZE);
}

/* A device's pages have no bytes here; those of a copy tell which it is of. */
void arch_page_copy(phys_t to, phys_t from)
{
    memset(frame_bytes(to), 0, PAGE_SIZE);
    if (from.address >= DEVICE)
        *(uint32_t *)frame_bytes(to) = from.address;
    else
        memcpy(frame_bytes(to), frame_bytes(from), PAGE_SIZE);
}

bool schedule_preempt_point(void)
{
    if (preempt_at > 0 && --preempt_at == 0)
        return true;
    return preempt_chance && random_below(preempt_chance) == 0;
}

void schedule_reap(void)
{
}

bool process_fault_again(enum fault_result result)
{
    return result == FAULT_AGAIN;
}

static void forget(const struct memory *memory);

void object_destroy(struct object *object)
{
    assert_int_equal(object->type, OBJECT_MEMORY);
    forget(container_of(object, struct memory, object));
    memory_destroy(container_of(object, struct memory, object));
}

void object_init(struct object *object, enum object_type type)
{
    object->type = type;
    object->refs = 1;
}

/* --- The model: what each page of a space is and what each page of an object holds ---
 */

struct page {
    bool mapped;
    uint32_t protection;
    int object;     /* or -1: the space's own */
    uint32_t index; /* of the page in the object */
    bool private;
    bool copied;   /* private: written to since */
    uint32_t mark; /* own, or copied: what it begins with; 0: never written */
};

static struct page pages[SPACES][PAGES];

static struct {
    struct memory *memory; /* held, or NULL */
    bool dropped;          /* the model's hold is gone, but mappings are left */
    uint32_t size;         /* pages */
    uint32_t marks[OBJECT_PAGES];
} objects[OBJECTS];

static uint32_t next_mark;

static bool is_device(int object)
{
    return object >= 0 && memory_physical(objects[object].memory);
}

/* What a page must begin with. */
static uint32_t content(const struct page *page)
{
    if (page->object < 0 || page->copied)
        return page->mark;
    if (is_device(page->object))
        return DEVICE + page->index * PAGE_SIZE;
    return objects[page->object].marks[page->index];
}

static bool beyond_end(const struct page *page)
{
    return page->object >= 0 && page->index >= objects[page->object].size;
}

static bool object_mapped(int object)
{
    for (uint32_t s = 0; s < SPACES; s++)
        for (uint32_t i = 0; i < PAGES; i++)
            if (pages[s][i].mapped && pages[s][i].object == object)
                return true;
    return false;
}

/* Objects that nothing holds any more are gone. */
static void forget_dropped(void)
{
    for (int i = 0; i < OBJECTS; i++)
        if (objects[i].dropped && !object_mapped(i)) {
            objects[i].memory = NULL;
            objects[i].dropped = false;
        }
}

static void begin_spaces(void)
{
    frames_begin(FRAMES, FRAMES);
    bios = frame_take(FRAME_LOW);
    assert_int_equal(bios.address, 0);
    memset(fakes, 0, sizeof(fakes));
    memset(pages, 0, sizeof(pages));
    memset(objects, 0, sizeof(objects));
    quota_init(&object_quota, NULL, FRAMES);
    for (uint32_t s = 0; s < SPACES; s++) {
        quota_init(&fakes[s].quota, NULL, FRAMES);
        assert_int_equal(space_init(&fakes[s].space, &fakes[s].quota), 0);
    }
    objects[0].memory =
        memory_create_physical(&object_quota, PHYS(DEVICE), OBJECT_PAGES * PAGE_SIZE);
    objects[0].size = OBJECT_PAGES;
}

static int begin(void **state)
{
    preempt_chance = 0;
    joined = true;
    begin_spaces();
    return 0;
}

static void clear_space(uint32_t s)
{
    while (!space_clear(&fakes[s].space))
        ;
    memset(pages[s], 0, sizeof(pages[s]));
    forget_dropped();
}

static int end(void **state)
{
    for (uint32_t s = 0; s < SPACES; s++) {
        fakes[s].quota.limit = FRAMES;
        clear_space(s);
        space_destroy(&fakes[s].space);
        assert_int_equal(fakes[s].quota.used, 0);
    }
    for (int i = 0; i < OBJECTS; i++)
        if (objects[i].memory)
            object_drop(&objects[i].memory->object);
    while (memory_reap())
        ;
    assert_int_equal(object_quota.used, 0);
    frame_drop(bios);
    assert_int_equal(frame_free(), FRAMES);
    frames_end();
    return 0;
}

/* --- What must hold at any time --- */

static uint32_t holds[FRAMES];

static void check_entry(uint32_t s, uint32_t i)
{
    const struct page *model = &pages[s][i];
    uint32_t protection;
    phys_t frame = arch_lookup(&fakes[s].space, address_of(i), &protection);
    bool owned = protection & PAGE_OWNED;

    if (none(frame))
        return;
    assert_true(model->mapped);
    assert_false(beyond_end(model));
    assert_int_equal(protection & ~(model->protection | PAGE_OWNED), 0);
    assert_int_equal(owned, model->object < 0 || model->copied);
    if (owned)
        holds[frame.address / PAGE_SIZE]++;
    if (is_device(model->object) && !owned) {
        assert_int_equal(frame.address, content(model));
        return;
    }
    assert_int_equal(*(uint32_t *)frame_bytes(frame), content(model));
    if (protection & MEMORY_WRITE)
        assert_false(frame_shared(frame));
}

static void check_region(uint32_t s, uint32_t i)
{
    const struct page *model = &pages[s][i];
    const struct region *region = region_find(&fakes[s].space.regions, address_of(i));

    assert_int_equal(region != NULL, model->mapped);
    if (!region)
        return;
    assert_int_equal(region->protection,
                     model->protection | (model->private ? MEMORY_PRIVATE : 0));
    assert_ptr_equal(region->memory,
                     model->object < 0 ? NULL : objects[model->object].memory);
    if (model->object >= 0)
        assert_int_equal(region->offset + address_of(i) - region->start,
                         model->index * PAGE_SIZE);
    struct region *before = region_ending(&fakes[s].space.regions, region->start);
    assert_false(joined && before && region_continues(before, region));
}

static void check_object(int object)
{
    struct memory *memory = objects[object].memory;
    uint32_t count = 0;

    if (!memory || memory_physical(memory))
        return;
    assert_int_equal(memory->size, objects[object].size * PAGE_SIZE);
    for (uint32_t i = page_tree_next(&memory->pages, 0); i < PAGE_TREE_PAGES;
         i = page_tree_next(&memory->pages, i + 1)) {
        phys_t frame = page_tree_find(&memory->pages, i);
        assert_true(i < objects[object].size);
        assert_int_equal(*(uint32_t *)frame_bytes(frame), objects[object].marks[i]);
        holds[frame.address / PAGE_SIZE]++;
        count++;
    }
    assert_int_equal(memory->page_count, count);
}

/* Every frame is held as often as a space or an object counts on it. */
static void check_all(void)
{
    while (memory_reap())
        ;
    memset(holds, 0, sizeof(holds));
    for (uint32_t s = 0; s < SPACES; s++)
        for (uint32_t i = 0; i < PAGES; i++) {
            check_entry(s, i);
            check_region(s, i);
        }
    for (int i = 0; i < OBJECTS; i++)
        check_object(i);
    for (uint32_t i = 0; i < FRAMES; i++)
        if (holds[i] > 0)
            assert_int_equal(frame_record(PHYS(i * PAGE_SIZE))->refs, holds[i]);
}

/* What a space is charged: its directory, tables and own pages, but for slabs. */
static uint32_t charged_at_least(uint32_t s)
{
    uint32_t count = 1;

    for (uint32_t i = 0; i < TABLES; i++)
        count += fakes[s].table_used[i] > 0;
    for (uint32_t i = 0; i < PAGES; i++)
        count +=
            fakes[s].entries[i].present && fakes[s].entries[i].protection & PAGE_OWNED;
    return count;
}

static void check_charges(void)
{
    for (uint32_t s = 0; s < SPACES; s++) {
        uint32_t slabs = (fakes[s].space.regions.count + 30) / 31 + 8;
        assert_true(fakes[s].quota.used >= charged_at_least(s));
        assert_true(fakes[s].quota.used <= charged_at_least(s) + slabs);
    }
}

/* --- Touching --- */

static void wrote(struct page *page, uint32_t mark)
{
    if (page->object < 0 || page->private) {
        page->copied = page->object >= 0;
        page->mark = mark;
    } else {
        objects[page->object].marks[page->index] = mark;
    }
}

static void touch(uint32_t s, uint32_t i, bool write)
{
    struct page *model = &pages[s][i];
    bool allowed = model->mapped && model->protection && !beyond_end(model) &&
                   (!write || model->protection & MEMORY_WRITE);
    uint32_t address = address_of(i) + random_below(PAGE_SIZE);
    enum fault_result result;
    uint32_t protection;

    while ((result = space_fault(&fakes[s].space, address, write)) == FAULT_AGAIN)
        ;
    if (!allowed) {
        assert_int_equal(result, FAULT_BAD_ADDRESS);
        return;
    }
    if (result == FAULT_NO_MEMORY)
        return;
    assert_int_equal(result, FAULT_RESOLVED);
    phys_t frame = arch_lookup(&fakes[s].space, address_of(i), &protection);
    assert_false(none(frame));
    assert_true(protection & (write ? MEMORY_WRITE : MEMORY_READ));
    bool device = is_device(model->object) && !(protection & PAGE_OWNED);
    if (device)
        assert_int_equal(frame.address, content(model));
    if (write && model->private)
        model->mark = content(model);
    if (write && model->private)
        model->copied = true;
    if (!device)
        assert_int_equal(*(uint32_t *)frame_bytes(frame), content(model));
    if (write && !device) {
        *(uint32_t *)frame_bytes(frame) = ++next_mark;
        wrote(model, next_mark);
    }
}

static void random_touch(void)
{
    touch(random_below(SPACES), random_below(PAGES), random_below(2));
}

/* From outside, as memory_write does. */
static void write_object(int object, uint32_t index)
{
    struct memory *memory = objects[object].memory;
    enum fault_result result;
    phys_t frame;

    while ((result = memory_page(memory, index, true, &frame)) == FAULT_AGAIN)
        ;
    if (index >= objects[object].size)
        assert_int_equal(result, FAULT_BAD_ADDRESS);
    else if (result != FAULT_NO_MEMORY && !memory_physical(memory)) {
        assert_int_equal(result, FAULT_RESOLVED);
        assert_false(frame_shared(frame));
        assert_int_equal(*(uint32_t *)frame_bytes(frame), objects[object].marks[index]);
        *(uint32_t *)frame_bytes(frame) = ++next_mark;
        objects[object].marks[index] = next_mark;
    }
}

/* --- Random calls, on the spaces and on the model --- */

static bool all_are(uint32_t s, uint32_t first, uint32_t count, bool mapped)
{
    for (uint32_t i = first; i < first + count; i++)
        if (pages[s][i].mapped != mapped)
            return false;
    return true;
}

static uint32_t random_protection(void)
{
    static const uint32_t some[] = {0, MEMORY_READ, MEMORY_READ | MEMORY_WRITE,
                                    MEMORY_READ | MEMORY_WRITE,
                                    MEMORY_READ | MEMORY_EXECUTE};

    return some[random_below(array_count(some))];
}

static int random_object(void)
{
    int object = (int)random_below(OBJECTS);

    return objects[object].memory && !objects[object].dropped ? object : -1;
}

static void random_map(uint32_t s, uint32_t first, uint32_t count)
{
    int object = random_below(3) ? random_object() : -1;
    uint32_t index = object >= 0 ? random_below(OBJECT_PAGES) : 0;
    uint32_t protection = random_protection();
    uint32_t private = object >= 0 && random_below(3) == 0 ? MEMORY_PRIVATE : 0;
    uint32_t replace = random_below(2) ? MEMORY_REPLACE : 0;
    struct memory_map map = {
        .address = address_of(first),
        .size = count * PAGE_SIZE,
        .flags = protection | MEMORY_FIXED | replace | private,
        .offset = index * PAGE_SIZE,
    };
    uint32_t progress = 0;
    long result;

    while ((result = space_map(&fakes[s].space, &map,
                               object < 0 ? NULL : objects[object].memory,
                               MEMORY_PROTECTION, &progress)) == AGAIN)
        ;
    if (object >= 0 && index + count > objects[object].size) {
        assert_int_equal(result, -EINVAL);
    } else if (!replace && !all_are(s, first, count, false)) {
        assert_int_equal(result, -EEXIST);
    } else if (result != -ENOMEM) {
        assert_int_equal(result, 0);
        assert_int_equal(progress, 0);
        for (uint32_t i = 0; i < count; i++)
            pages[s][first + i] = (struct page){
                .mapped = true,
                .protection = protection,
                .object = object,
                .index = index + i,
                .private = private,
            };
    }
    forget_dropped();
}

static void random_unmap(uint32_t s, uint32_t first, uint32_t count)
{
    uint32_t progress = 0;
    long result;

    while ((result = space_unmap(&fakes[s].space, address_of(first), count * PAGE_SIZE,
                                 &progress)) == AGAIN)
        ;
    if (result == -ENOMEM)
        return;
    assert_int_equal(result, 0);
    assert_int_equal(progress, 0);
    memset(&pages[s][first], 0, count * sizeof(pages[s][0]));
    forget_dropped();
}

static void random_protect(uint32_t s, uint32_t first, uint32_t count)
{
    uint32_t protection = random_protection();
    uint32_t progress = 0;
    long result;

    while ((result = space_protect(&fakes[s].space, address_of(first), count * PAGE_SIZE,
                                   protection, &progress)) == AGAIN)
        ;
    if (result == -ENOMEM)
        return;
    if (result == -EFAULT) {
        assert_false(all_are(s, first, count, true));
        return;
    }
    assert_int_equal(result, 0);
    assert_true(all_are(s, first, count, true));
    for (uint32_t i = first; i < first + count; i++)
        pages[s][i].protection = protection;
}

static void random_create(int object)
{
    if (objects[object].memory)
        return;
    uint32_t size = random_below(OBJECT_PAGES + 1);
    objects[object].memory = memory_create(&object_quota, size * PAGE_SIZE);
    objects[object].size = size;
    memset(objects[object].marks, 0, sizeof(objects[object].marks));
}

static void random_drop(int object)
{
    if (object == 0 || !objects[object].memory || objects[object].dropped)
        return;
    objects[object].dropped = true;
    object_drop(&objects[object].memory->object);
    forget_dropped();
}

/* Others go on meanwhile, so the clone may have what a page held then or now. */
static void random_clone(int clone, int origin)
{
    uint32_t before[OBJECT_PAGES];
    uint32_t at = 0;
    uint32_t ticket = 0;
    long result;

    if (objects[clone].memory || !objects[origin].memory || objects[origin].dropped ||
        is_device(origin))
        return;
    memcpy(before, objects[origin].marks, sizeof(before));
    struct memory *memory =
        memory_create(&object_quota, objects[origin].size * PAGE_SIZE);
    if (!memory)
        return;
    while ((result = memory_share(memory, objects[origin].memory, &at)) == AGAIN)
        random_touch();
    if (!result)
        while ((result = memory_protect_shared(objects[origin].memory, &ticket)) == AGAIN)
            random_touch();
    if (result) {
        assert_int_equal(result, -ENOMEM);
        object_drop(&memory->object);
        return;
    }
    objects[clone].memory = memory;
    objects[clone].size = objects[origin].size;
    for (uint32_t i = 0; i < OBJECT_PAGES; i++) {
        phys_t frame = page_tree_find(&memory->pages, i);
        uint32_t mark = none(frame) ? 0 : *(uint32_t *)frame_bytes(frame);
        if (!preempt_chance || mark != before[i])
            assert_true(!preempt_chance ? mark == before[i] : mark > before[i]);
        objects[clone].marks[i] = mark;
    }
}

/* A touch of what will stay when an object has shrunk. */
static void touch_inside(void)
{
    uint32_t s = random_below(SPACES);
    uint32_t i = random_below(PAGES);

    if (!beyond_end(&pages[s][i]))
        touch(s, i, random_below(2));
}

static void random_resize(int object)
{
    uint32_t size = random_below(OBJECT_PAGES + 1);
    long result;

    if (!objects[object].memory || objects[object].dropped || is_device(object))
        return;
    uint32_t old = objects[object].size;
    if (size < old) {
        objects[object].size = size;
        memset(objects[object].marks + size, 0, (old - size) * sizeof(uint32_t));
        for (uint32_t s = 0; s < SPACES; s++)
            for (uint32_t i = 0; i < PAGES; i++)
                if (pages[s][i].object == object && pages[s][i].index >= size)
                    pages[s][i].copied = false;
    }
    while ((result = memory_resize(objects[object].memory, size * PAGE_SIZE)) == AGAIN)
        touch_inside();
    assert_int_equal(result, 0);
    objects[object].size = size;
}

static void random_space_clone(uint32_t to, uint32_t from)
{
    uint32_t at = 0;
    long result;

    if (to == from)
        return;
    clear_space(to);
    while ((result = space_clone(&fakes[to].space, &fakes[from].space, &at)) == AGAIN)
        ;
    if (result) {
        assert_int_equal(result, -ENOMEM);
        clear_space(to);
        return;
    }
    memcpy(pages[to], pages[from], sizeof(pages[to]));
}

static void random_call(void)
{
    uint32_t s = random_below(SPACES);
    uint32_t first = random_below(PAGES);
    uint32_t count = 1 + random_below(random_below(4) ? 8 : PAGES);
    int object = (int)random_below(OBJECTS);

    if (count > PAGES - first)
        count = PAGES - first;
    switch (random_below(24)) {
    case 0:
    case 1:
    case 2:
        random_map(s, first, count);
        break;
    case 3:
        random_unmap(s, first, count);
        break;
    case 4:
        random_protect(s, first, count);
        break;
    case 5:
        random_create(object);
        break;
    case 6:
        random_drop(object);
        break;
    case 7:
        random_clone(object, (int)random_below(OBJECTS));
        break;
    case 8:
        random_resize(object);
        break;
    case 9:
        random_space_clone(s, random_below(SPACES));
        break;
    case 10:
        if (objects[object].memory)
            write_object(object, random_below(OBJECT_PAGES));
        break;
    default:
        random_touch();
    }
}

static void random_rounds(void)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_call();
        if (round % 4 == 0)
            check_all();
        if (round % 64 == 0)
            check_charges();
    }
}

static void random_calls_agree_with_arrays_of_pages(void **state)
{
    random_begin();
    random_rounds();
}

static void interrupted_calls_agree_with_arrays_of_pages(void **state)
{
    random_begin();
    preempt_chance = 4;
    joined = false;
    random_rounds();
}

static void calls_that_find_no_memory_change_nothing(void **state)
{
    random_begin();
    joined = false;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct quota *quota =
            random_below(4) ? &fakes[random_below(SPACES)].quota : &object_quota;
        preempt_chance = random_below(2) ? 8 : 0;
        quota->limit = quota->used + random_below(4);
        random_call();
        quota->limit = FRAMES;
        if (round % 4 == 0)
            check_all();
    }
}

/* --- Threads that interrupt each other ---
 *
 * Each has a call that it has begun, and goes on with it, or forgets it, whenever its
 * turn comes. What it comes to is nobody's business, but never must a frame be lost, be
 * held by nobody, or be written to by two.
 */

#define THREADS 6

enum call {
    CALL_MAP,
    CALL_UNMAP,
    CALL_PROTECT,
    CALL_RESIZE,
    CALL_CLONE,
    CALLS,
};

static struct interrupted {
    bool begun;
    enum call call;
    struct space *space;
    struct memory_map map;
    struct memory *memory; /* held, or NULL */
    struct memory *clone;  /* held, or NULL */
    bool shared;           /* it has all it gets */
    uint32_t progress, ticket;
} threads[THREADS];

static struct memory *alive[THREADS * 64]; /* objects that there are, or NULL */

static struct memory *remember(struct memory *memory)
{
    uint32_t i = 0;

    while (memory && alive[i])
        assert_true(++i < array_count(alive));
    if (memory)
        alive[i] = memory;
    return memory;
}

static void forget(const struct memory *memory)
{
    for (uint32_t i = 0; i < array_count(alive); i++)
        if (alive[i] == memory)
            alive[i] = NULL;
}

static struct memory *held_object(void)
{
    int object = random_object();

    if (object < 0)
        return NULL;
    object_hold(&objects[object].memory->object);
    return objects[object].memory;
}

static void begin_call(struct interrupted *thread)
{
    uint32_t first = random_below(PAGES);
    uint32_t count = 1 + random_below(PAGES - first);

    *thread = (struct interrupted){
        .begun = true,
        .call = (enum call)random_below(CALLS),
        .space = &fakes[random_below(SPACES)].space,
        .memory = held_object(),
    };
    uint32_t pages = thread->memory ? thread->memory->size / PAGE_SIZE : 0;
    if (pages && count > pages)
        count = pages;
    thread->map = (struct memory_map){
        .address = address_of(first),
        .size = count * PAGE_SIZE,
        .flags = MEMORY_FIXED | MEMORY_REPLACE | random_protection() |
                 (random_below(3) ? 0 : MEMORY_PRIVATE),
        .offset = pages ? random_below(pages - count + 1) * PAGE_SIZE : 0,
    };
    bool anonymous = thread->memory && !memory_physical(thread->memory);
    if (!anonymous && thread->call >= CALL_RESIZE)
        thread->call = CALL_UNMAP;
    if (thread->call == CALL_CLONE)
        thread->clone = remember(memory_create(&object_quota, thread->memory->size));
}

static long go_on(struct interrupted *t)
{
    const struct memory_map *map = &t->map;
    long result;

    switch (t->call) {
    case CALL_MAP:
        return space_map(t->space, &t->map, t->memory, MEMORY_PROTECTION, &t->progress);
    case CALL_UNMAP:
        return space_unmap(t->space, map->address, map->size, &t->progress);
    case CALL_PROTECT:
        return space_protect(t->space, map->address, map->size,
                             map->flags & MEMORY_PROTECTION, &t->progress);
    case CALL_RESIZE:
        return memory_resize(t->memory, map->size);
    default:
        if (t->shared)
            return memory_protect_shared(t->memory, &t->ticket);
        result = memory_share(t->clone, t->memory, &t->progress);
        t->shared = result == 0;
        return t->shared ? AGAIN : result;
    }
}

static void leave_call(struct interrupted *thread)
{
    if (thread->memory)
        object_drop(&thread->memory->object);
    if (thread->clone)
        object_drop(&thread->clone->object);
    thread->begun = false;
}

/* A clone that is whole takes an object's place. */
static void keep_clone(struct interrupted *thread)
{
    int object = 1 + (int)random_below(OBJECTS - 1);

    if (objects[object].memory)
        object_drop(&objects[object].memory->object);
    objects[object].memory = thread->clone;
    thread->clone = NULL;
}

static void run(struct interrupted *thread)
{
    if (!thread->begun)
        begin_call(thread);
    preempt_at = 1 + random_below(16);
    long result = go_on(thread);
    if (result == 0 && thread->clone)
        keep_clone(thread);
    if (result != AGAIN || random_below(32) == 0)
        leave_call(thread);
}

static void touch_anything(void)
{
    uint32_t address = address_of(random_below(PAGES));

    preempt_at = random_below(4);
    (void)space_fault(&fakes[random_below(SPACES)].space, address, random_below(2));
    int object = random_object();
    uint32_t index = random_below(OBJECT_PAGES);
    phys_t frame;
    preempt_at = random_below(4);
    if (object >= 0)
        (void)memory_page(objects[object].memory, index, random_below(2), &frame);
}

static bool sharing(void)
{
    for (uint32_t i = 0; i < THREADS; i++)
        if (threads[i].begun && threads[i].clone)
            return true;
    return false;
}

/* Every entry lies in a region, and is its own or shows what the object has there. */
static void check_raced_entry(uint32_t s, uint32_t i)
{
    uint32_t protection;
    phys_t frame = arch_lookup(&fakes[s].space, address_of(i), &protection);

    if (none(frame))
        return;
    const struct region *region = region_find(&fakes[s].space.regions, address_of(i));
    assert_non_null(region);
    if (protection & PAGE_OWNED) {
        holds[frame.address / PAGE_SIZE]++;
    } else if (!memory_physical(region->memory)) {
        uint32_t offset = region->offset + address_of(i) - region->start;
        phys_t shown = page_tree_find(&region->memory->pages, offset / PAGE_SIZE);
        assert_int_equal(frame.address, shown.address);
    }
    if (protection & MEMORY_WRITE && frame.address < DEVICE && !sharing())
        assert_false(frame_shared(frame));
}

static void check_raced(void)
{
    while (memory_reap())
        ;
    memset(holds, 0, sizeof(holds));
    for (uint32_t s = 0; s < SPACES; s++)
        for (uint32_t i = 0; i < PAGES; i++)
            check_raced_entry(s, i);
    for (uint32_t o = 0; o < array_count(alive); o++) {
        uint32_t count = 0;
        for (uint32_t i = 0; alive[o]; i++, count++) {
            i = page_tree_next(&alive[o]->pages, i);
            if (i == PAGE_TREE_PAGES)
                break;
            holds[page_tree_find(&alive[o]->pages, i).address / PAGE_SIZE]++;
        }
        assert_true(!alive[o] || alive[o]->page_count == count);
    }
    for (uint32_t i = 0; i < FRAMES; i++)
        if (holds[i] > 0)
            assert_int_equal(frame_record(PHYS(i * PAGE_SIZE))->refs, holds[i]);
}

static void interrupted_threads_lose_no_frame(void **state)
{
    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        int object = 1 + (int)random_below(OBJECTS - 1);
        if (!objects[object].memory)
            objects[object].memory =
                remember(memory_create(&object_quota, OBJECT_PAGES * PAGE_SIZE));
        run(&threads[random_below(THREADS)]);
        touch_anything();
        if (round % 4 == 0)
            check_raced();
    }
}

static int end_with_threads(void **state)
{
    preempt_at = 0;
    for (uint32_t i = 0; i < THREADS; i++)
        if (threads[i].begun)
            leave_call(&threads[i]);
    return end(state);
}

/* --- Single behaviours --- */

static struct space *const first_space = &fakes[0].space;

static uint32_t map_pages(uint32_t address, uint32_t count, uint32_t flags)
{
    struct memory_map map = {
        .address = address, .size = count * PAGE_SIZE, .flags = flags};
    uint32_t progress = 0;

    assert_int_equal(space_map(first_space, &map, NULL, MEMORY_PROTECTION, &progress), 0);
    return map.address;
}

static void memory_without_an_address_does_not_overlap(void **state)
{
    uint32_t first = map_pages(0, 4, MEMORY_READ | MEMORY_WRITE);
    uint32_t second = map_pages(0, 4, MEMORY_READ);

    assert_int_equal(first, START);
    assert_int_equal(second, START + 4 * PAGE_SIZE);
    assert_int_equal(map_pages(first, 1, MEMORY_READ), START + 8 * PAGE_SIZE);
}

static void bad_arguments_are_refused(void **state)
{
    const struct {
        uint32_t address, size, flags;
    } rows[] = {
        {START, 0, MEMORY_READ},
        {START, 1, MEMORY_READ},
        {START + 1, PAGE_SIZE, MEMORY_READ},
        {START + 1, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {USER_END, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {KERNEL_BASE, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0xfffff000, PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {0xfffff000, 0x2000, MEMORY_READ | MEMORY_FIXED},
        {START, 0xfffff000, MEMORY_READ | MEMORY_FIXED},
        {START, USER_END - START + PAGE_SIZE, MEMORY_READ | MEMORY_FIXED},
        {START, PAGE_SIZE, MEMORY_READ | MEMORY_REPLACE},
        {START, PAGE_SIZE, MEMORY_READ | 1u << 6},
        {START, PAGE_SIZE, 1u << 31},
    };
    uint32_t progress = 0;

    for (size_t i = 0; i < array_count(rows); i++) {
        struct memory_map map = {
            .address = rows[i].address, .size = rows[i].size, .flags = rows[i].flags};
        long result = space_map(first_space, &map, NULL, MEMORY_PROTECTION, &progress);
        if (result != -EINVAL)
            fail_msg("row %zu: %ld", i, result);
        if (rows[i].flags & MEMORY_FIXED)
            assert_int_equal(
                space_unmap(first_space, rows[i].address, rows[i].size, &progress),
                -EINVAL);
    }
    assert_int_equal(
        space_protect(first_space, START, PAGE_SIZE, MEMORY_FIXED, &progress), -EINVAL);
    assert_int_equal(first_space->regions.count, 0);
}

static void a_mapping_gets_no_more_than_is_allowed(void **state)
{
    const struct {
        uint32_t size, flags, offset, allowed;
        long result;
    } rows[] = {
        {PAGE_SIZE, MEMORY_READ | MEMORY_WRITE, 0, MEMORY_READ, -EPERM},
        {PAGE_SIZE, MEMORY_EXECUTE, 0, MEMORY_READ, -EPERM},
        {PAGE_SIZE, MEMORY_READ, 0, 0, -EPERM},
        {PAGE_SIZE, MEMORY_READ, 1, MEMORY_READ, -EINVAL},
        {PAGE_SIZE, MEMORY_READ, OBJECT_PAGES * PAGE_SIZE, MEMORY_READ, -EINVAL},
        {PAGE_SIZE, MEMORY_READ, 0xfffff000, MEMORY_READ, -EINVAL},
        {(OBJECT_PAGES + 1) * PAGE_SIZE, MEMORY_READ, 0, MEMORY_READ, -EINVAL},
    };
    uint32_t progress = 0;

    for (size_t i = 0; i < array_count(rows); i++) {
        struct memory_map map = {
            .address = START,
            .size = rows[i].size,
            .flags = rows[i].flags,
            .offset = rows[i].offset,
        };
        assert_int_equal(
            space_map(first_space, &map, objects[0].memory, rows[i].allowed, &progress),
            rows[i].result);
    }
    struct memory_map map = {.address = START, .size = PAGE_SIZE, .flags = MEMORY_READ};
    assert_int_equal(
        space_map(first_space, &map, objects[0].memory, MEMORY_READ, &progress), 0);
    assert_int_equal(space_protect(first_space, START, PAGE_SIZE,
                                   MEMORY_READ | MEMORY_WRITE, &progress),
                     -EPERM);
    /* Fresh pages have no offset. */
    map = (struct memory_map){.size = PAGE_SIZE, .offset = PAGE_SIZE};
    assert_int_equal(space_map(first_space, &map, NULL, MEMORY_PROTECTION, &progress),
                     -EINVAL);
}

static void every_hole_in_a_full_space_is_found(void **state)
{
    struct memory_map map = {.size = PAGE_SIZE, .flags = MEMORY_READ};
    uint32_t progress = 0;
    uint32_t address = map_pages(USER_START, (USER_END - USER_START) / PAGE_SIZE,
                                 MEMORY_READ | MEMORY_FIXED);

    assert_int_equal(address, USER_START);
    assert_int_equal(space_map(first_space, &map, NULL, MEMORY_PROTECTION, &progress),
                     -ENOMEM);
    assert_int_equal(
        space_unmap(first_space, START + 5 * PAGE_SIZE, PAGE_SIZE, &progress), 0);
    assert_int_equal(map_pages(0, 1, MEMORY_READ), START + 5 * PAGE_SIZE);
    assert_int_equal(first_space->regions.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(random_calls_agree_with_arrays_of_pages),
        TEST(interrupted_calls_agree_with_arrays_of_pages),
        TEST(calls_that_find_no_memory_change_nothing),
        cmocka_unit_test_setup_teardown(interrupted_threads_lose_no_frame, begin,
                                        end_with_threads),
        TEST(memory_without_an_address_does_not_overlap),
        TEST(bad_arguments_are_refused),
        TEST(a_mapping_gets_no_more_than_is_allowed),
        TEST(every_hole_in_a_full_space_is_found),
#undef TEST
    };
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
