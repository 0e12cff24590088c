/* SPDX-License-Identifier: MIT */
/*
 * Ranges of authority against a plain model: what a resource covers is what the root
 * covers within its range, at every edge and without overflow.
 */
#include "resource.h"

#include "cpu.h"
#include "error.h"
#include "process.h"
#include "thread.h"
#include "unit.h"

#define FRAMES 8
#define ROUNDS 200000

struct cpu boot_cpu;
static struct process home;

/* In place of object.c, which would need all that can be destroyed. */
void object_init(struct object *object, enum object_type type)
{
    *object = (struct object){.type = type, .refs = 1};
}

void object_destroy(struct object *object)
{
    assert_int_equal(object->type, OBJECT_RESOURCE);
    resource_destroy(container_of(object, struct resource, object));
}

static int begin(void **state)
{
    static struct thread thread;
    static struct handle_slot slots[4];

    frames_begin(FRAMES, FRAMES);
    memset(&home, 0, sizeof(home));
    quota_init(&home.quota, NULL, FRAMES);
    handle_table_init(&home.handles, &home.quota, slots, 4);
    thread.process = &home;
    boot_cpu.current = &thread;
    resource_init();
    return 0;
}

static int end(void **state)
{
    while (!handle_table_clear(&home.handles))
        ;
    assert_int_equal(home.quota.used, 0);
    assert_int_equal(resource_root.object.refs, 1);
    frames_end();
    return 0;
}

/* All that there is of each kind, in 64 bits. */
static const struct {
    uint64_t first, end;
} there_is[RESOURCE_KINDS] = {
    [RESOURCE_PORTS] = {0, 0x10000},
    [RESOURCE_MEMORY] = {0, 0x100000000},
    [RESOURCE_IRQ] = {0, 16},
    [RESOURCE_SYSCALL] = {SYSCALL_BOUND_FIRST, SYSCALL_BOUND_FIRST + SYSCALL_BOUND_COUNT},
    [RESOURCE_LOG] = {0, 1},
    [RESOURCE_MACHINE] = {0, 1},
};

static bool exists(uint32_t kind, uint32_t first, uint32_t count)
{
    return kind < RESOURCE_KINDS && count > 0 && first >= there_is[kind].first &&
           (uint64_t)first + count <= there_is[kind].end;
}

static void the_root_covers_all_that_there_is(void **state)
{
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        uint32_t first = (uint32_t)there_is[kind].first;
        uint32_t count = (uint32_t)(there_is[kind].end - first);
        if (kind == RESOURCE_MEMORY)
            count = UINT32_MAX; /* the most that can be said */
        assert_int_equal(resource_check(&resource_root, kind, first, count), 0);
        assert_int_equal(resource_check(&resource_root, kind, first, 0), -EINVAL);
        assert_int_equal(resource_check(&resource_root, kind, first + 1, count),
                         kind == RESOURCE_MEMORY ? 0 : -EINVAL);
        assert_int_equal(resource_check(&resource_root, kind, first + 2, count), -EINVAL);
        assert_int_equal(resource_check(&resource_root, kind, first - 1, 1),
                         kind == RESOURCE_MEMORY ? 0 : -EINVAL);
    }
    assert_int_equal(resource_check(&resource_root, RESOURCE_KINDS, 0, 1), -EINVAL);
    assert_int_equal(resource_check(&resource_root, UINT32_MAX, 0, 1), -EINVAL);
}

static struct resource *make(uint32_t kind, uint32_t first, uint32_t count)
{
    struct resource *resource = resource_create(&home.quota, kind, first, count);

    assert_non_null(resource);
    return resource;
}

/* Every range of 16 lines against every other. */
static void a_range_covers_what_lies_in_it(void **state)
{
    for (uint32_t first = 0; first < 16; first++) {
        for (uint32_t count = 1; first + count <= 16; count++) {
            struct resource *resource = make(RESOURCE_IRQ, first, count);
            for (uint32_t a = 0; a < 18; a++) {
                for (uint32_t n = 0; n < 18; n++) {
                    bool inside = a >= first && a + n <= first + count;
                    long wanted = n == 0 || a + n > 16 ? -EINVAL : inside ? 0 : -EPERM;
                    assert_int_equal(resource_check(resource, RESOURCE_IRQ, a, n),
                                     wanted);
                }
            }
            object_drop(&resource->object);
        }
    }
}

static void a_kind_is_not_another(void **state)
{
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        uint32_t first = (uint32_t)there_is[kind].first;
        struct resource *resource = make(kind, first, 1);
        for (uint32_t other = 0; other < RESOURCE_KINDS; other++) {
            long wanted = other == kind ? 0 : -EPERM;
            assert_int_equal(
                resource_check(resource, other, (uint32_t)there_is[other].first, 1),
                wanted);
        }
        object_drop(&resource->object);
    }
}

/* Numbers near what matters: ends of kinds, and 0 and 2^32. */
static uint32_t random_number(void)
{
    static const uint32_t bases[] = {
        0, 1, 15, 16, 0x100, 0x200, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0};
    uint32_t base = bases[random_below(sizeof(bases) / sizeof(bases[0]))];

    return random_below(4) == 0 ? random_below(UINT32_MAX) : base + random_below(19) - 9;
}

static void random_ranges_agree_with_64_bits(void **state)
{
    random_begin();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t kind = random_below(RESOURCE_KINDS);
        uint32_t first = random_number();
        uint32_t count = random_number();
        uint32_t a = random_number();
        uint32_t n = random_number();
        assert_int_equal(resource_check(&resource_root, kind, first, count),
                         exists(kind, first, count) ? 0 : -EINVAL);
        if (!exists(kind, first, count))
            continue;
        struct resource *resource = make(kind, first, count);
        bool inside = a >= first && (uint64_t)a + n <= (uint64_t)first + count;
        assert_int_equal(resource_check(resource, kind, a, n), !exists(kind, a, n)
                                                                   ? -EINVAL
                                                               : inside ? 0
                                                                        : -EPERM);
        object_drop(&resource->object);
    }
}

static void resources_are_made_until_the_quota_ends(void **state)
{
    static struct resource *made[FRAMES * 4096 / sizeof(struct resource)];
    uint32_t count = 0;

    home.quota.limit = 2;
    while ((made[count] = resource_create(&home.quota, RESOURCE_PORTS, count, 1)))
        count++;
    assert_int_equal(home.quota.used, 2);
    assert_true(count > 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(resource_check(made[i], RESOURCE_PORTS, i, 1), 0);
        assert_int_equal(resource_check(made[i], RESOURCE_PORTS, i + 1, 1), -EPERM);
        object_drop(&made[i]->object);
    }
}

static void no_quota_makes_no_resource(void **state)
{
    home.quota.limit = 0;
    assert_null(resource_create(&home.quota, RESOURCE_PORTS, 0, 1));
}

static void a_handle_needs_right_and_range(void **state)
{
    struct resource *resource = make(RESOURCE_PORTS, 0x60, 5);
    long value =
        handle_add(&home.handles, &resource->object, RIGHT_CONTROL | RIGHT_DUPLICATE);
    handle_t handle = {(uint32_t)value};

    object_drop(&resource->object);
    assert_int_equal(resource_look(handle, RIGHT_CONTROL, RESOURCE_PORTS, 0x60, 5), 0);
    assert_int_equal(resource_look(handle, RIGHT_WRITE, RESOURCE_PORTS, 0x60, 5), -EPERM);
    assert_int_equal(resource_look(handle, RIGHT_CONTROL, RESOURCE_PORTS, 0x60, 6),
                     -EPERM);
    assert_int_equal(resource_look(handle, RIGHT_CONTROL, RESOURCE_PORTS, 0xffff, 2),
                     -EINVAL);
    assert_int_equal(resource_look((handle_t){handle.value ^ 1u << 20}, RIGHT_CONTROL,
                                   RESOURCE_PORTS, 0x60, 5),
                     -EBADF);
    assert_int_equal(resource_look((handle_t){0}, RIGHT_CONTROL, RESOURCE_PORTS, 0x60, 5),
                     -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_root_covers_all_that_there_is, begin, end),
        cmocka_unit_test_setup_teardown(a_range_covers_what_lies_in_it, begin, end),
        cmocka_unit_test_setup_teardown(a_kind_is_not_another, begin, end),
        cmocka_unit_test_setup_teardown(random_ranges_agree_with_64_bits, begin, end),
        cmocka_unit_test_setup_teardown(resources_are_made_until_the_quota_ends, begin,
                                        end),
        cmocka_unit_test_setup_teardown(no_quota_makes_no_resource, begin, end),
        cmocka_unit_test_setup_teardown(a_handle_needs_right_and_range, begin, end),
    };
    return cmocka_run_group_tests_name("resource", tests, NULL, NULL);
}
