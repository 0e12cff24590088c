/* SPDX-License-Identifier: MIT */
/*
 * The gate that start-up chose is the one that this processor and this kernel call for,
 * and calls really go through it: the kernel counts.
 */
#include <stdint.h>
#include <unistd.h>

#include <limen/gate.h>
#include <limen/syscall.h>
#include <limen/tap.h>

#define CALLS 100

static const char *const names[GATE_COUNT] = {"int 0x80", "SYSENTER", "SYSCALL"};

/* What the processor says, in words of its manual: the other way around from
 * gate_choose.c. */
static enum gate expected(const struct processor_facts *facts, uint32_t open)
{
    bool intel = facts->vendor[0] == 0x756e6547;
    uint32_t family = facts->signature >> 8 & 0xf;
    uint32_t model = facts->signature >> 4 & 0xf;
    uint32_t stepping = facts->signature & 0xf;
    bool erratum = intel && family == 6 && !(facts->signature >> 16)
                   && (model < 3 || (model == 3 && stepping < 3));
    bool has_sysenter = (facts->features >> 11 & 1) && family >= 6 && !erratum;
    if (!intel)
        has_sysenter = facts->features >> 11 & 1;

    if ((open >> GATE_SYSCALL & 1) && (facts->features_extended >> 11 & 1))
        return GATE_SYSCALL;
    return (open >> GATE_SYSENTER & 1) && has_sysenter ? GATE_SYSENTER : GATE_INT80;
}

int main(void)
{
    const volatile struct threshold_page *page = (const void *)THRESHOLD_ADDRESS;
    struct processor_facts facts = limen_processor_facts();
    enum gate gate = expected(&facts, page->gates_open);
    struct system_info before = {0}, after = {0};

    tap_plan(GATE_COUNT + 3);
    tap_note("signature 0x%x, gates open 0x%x", facts.signature, page->gates_open);
    tap_ok(limen_gate == limen_gate_of(gate), "libc chose %s", names[gate]);
    tap_is(page->best_gate, gate, "the kernel calls it the best");
    tap_is(page->abi_version, LIMEN_ABI_VERSION,
           "the kernel speaks this program's language");

    limen_system_info(&before);
    for (int i = 0; i < CALLS; i++)
        limen_null();
    limen_system_info(&after);
    for (int i = 0; i < GATE_COUNT; i++) {
        uint64_t count = after.crossings[i] - before.crossings[i];
        if (i == (int)gate)
            tap_ok(count >= CALLS, "calls go through %s", names[i]);
        else
            tap_is((long long)count, 0, "none goes through %s", names[i]);
    }
    return tap_done();
}
