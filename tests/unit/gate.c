/* SPDX-License-Identifier: MIT */
/*
 * The choice of the gate, asked about processors that there were: what CPUID says on
 * each, and what the kernel may have opened.
 */
#include <limen/gate.h>

#include "unit.h"

/* GenuineIntel, AuthenticAMD, CentaurHauls */
#define INTEL .vendor = {0x756e6547, 0x49656e69, 0x6c65746e}
#define AMD .vendor = {0x68747541, 0x69746e65, 0x444d4163}
#define OTHER .vendor = {0x746e6543, 0x48727561, 0x736c7561}

#define SEP (1u << 11)
#define SYSCALL_BIT (1u << 11)
#define OPEN(gate) (1u << GATE_##gate)
#define ALL_OPEN (OPEN(INT80) | OPEN(SYSENTER) | OPEN(SYSCALL))

struct row {
    const char *name;
    struct processor_facts facts;
    bool sysenter; /* it has a SYSENTER that works */
};

static const struct row rows[] = {
    {"486 without CPUID", {.signature = 0}, false},
    {"486DX4", {INTEL, .signature = 0x480}, false},
    {"Pentium", {INTEL, .signature = 0x52c}, false},
    {"Pentium MMX", {INTEL, .signature = 0x543}, false},
    {"Pentium Pro, stepping 1", {INTEL, .signature = 0x611, .features = SEP}, false},
    {"Pentium Pro, stepping 9", {INTEL, .signature = 0x619, .features = SEP}, false},
    {"Pentium II, model 3, stepping 2",
     {INTEL, .signature = 0x632, .features = SEP}, false},
    {"Pentium II OverDrive", {INTEL, .signature = 0x1632, .features = SEP}, false},
    {"Pentium II, model 3, stepping 3",
     {INTEL, .signature = 0x633, .features = SEP}, true},
    {"Pentium II, model 5", {INTEL, .signature = 0x650, .features = SEP}, true},
    {"Pentium III", {INTEL, .signature = 0x673, .features = SEP}, true},
    {"Pentium III without the bit", {INTEL, .signature = 0x673}, false},
    {"Pentium 4", {INTEL, .signature = 0xf12, .features = SEP}, true},
    {"Core 2", {INTEL, .signature = 0x6fb, .features = SEP}, true},
    {"Haswell", {INTEL, .signature = 0x306c3, .features = SEP}, true},
    {"K6", {AMD, .signature = 0x562}, false},
    {"Athlon", {AMD, .signature = 0x612, .features = SEP}, true},
    {"C3", {OTHER, .signature = 0x67a}, false},
    {"C7", {OTHER, .signature = 0x6a9, .features = SEP}, true},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void sysenter_is_trusted_only_where_it_works(void **state)
{
    for (size_t i = 0; i < ROWS; i++)
        if (limen_has_sysenter(&rows[i].facts) != rows[i].sysenter)
            fail_msg("%s", rows[i].name);
}

static void the_best_open_gate_is_chosen(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        enum gate best = rows[i].sysenter ? GATE_SYSENTER : GATE_INT80;
        assert_int_equal(limen_gate_choose(&rows[i].facts, ALL_OPEN), best);
    }
}

static void a_closed_gate_is_never_chosen(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct processor_facts facts = rows[i].facts;
        for (uint32_t open = OPEN(INT80); open <= ALL_OPEN; open += 2) {
            facts.features_extended = SYSCALL_BIT;
            assert_true(open & 1u << limen_gate_choose(&facts, open));
            facts.features_extended = 0;
            assert_true(open & 1u << limen_gate_choose(&facts, open));
        }
    }
}

static void syscall_is_chosen_where_it_is_open_and_there(void **state)
{
    struct processor_facts k6_2 = {
        AMD, .signature = 0x58c, .features_extended = SYSCALL_BIT};
    struct processor_facts athlon = {AMD, .signature = 0x612, .features = SEP,
                                     .features_extended = SYSCALL_BIT};

    assert_int_equal(limen_gate_choose(&k6_2, OPEN(INT80) | OPEN(SYSCALL)), GATE_SYSCALL);
    assert_int_equal(limen_gate_choose(&k6_2, OPEN(INT80)), GATE_INT80);
    assert_int_equal(limen_gate_choose(&athlon, OPEN(INT80) | OPEN(SYSENTER)),
                     GATE_SYSENTER);
    assert_int_equal(limen_gate_choose(&athlon, OPEN(INT80) | OPEN(SYSCALL)),
                     GATE_SYSCALL);
    athlon.features_extended = 0;
    assert_int_equal(limen_gate_choose(&athlon, OPEN(INT80) | OPEN(SYSCALL)), GATE_INT80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sysenter_is_trusted_only_where_it_works),
        cmocka_unit_test(the_best_open_gate_is_chosen),
        cmocka_unit_test(a_closed_gate_is_never_chosen),
        cmocka_unit_test(syscall_is_chosen_where_it_is_open_and_there),
    };
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
