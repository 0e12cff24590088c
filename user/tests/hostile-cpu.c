/* SPDX-License-Identifier: MIT */
/*
 * What a program can try with the processor: the rows of hostile-cpu.def, `int n` for
 * every n, and every way to load a segment or to go through one, for every selector of
 * interest. Each ends the child alone, or is allowed and does nothing.
 */
#include "cpu.h"
#include "row.h"

/* 77 is a row's own first byte. */
#define ROW(name, text, wanted, ...) SNIPPET(name, "77:\n" #__VA_ARGS__)
#define RETURN_ROW ROW
#include "hostile-cpu.def"
#undef RETURN_ROW
#undef ROW

static struct cpu_facts cpu;
static bool returns_work;

#define NO_RETURNS \
    "far returns of user mode use the stack as the kernel would, against SMAP"

static unsigned int count_rows(void)
{
    unsigned int count = 0;
#define ROW(name, text, wanted, ...) count++;
#define RETURN_ROW ROW
#include "hostile-cpu.def"
#undef RETURN_ROW
#undef ROW
    return count;
}

/*
 * Where the processor has SMAP, QEMU's TCG (7.2) makes IRET, RETF and far CALL of user
 * mode access the stack as supervisor, and fault on it: then none of them can be tested.
 */
SNIPPET(far_pair, "77: pushl %cs\n pushl $CODE + 1f - 77b\n lret\n 1: pass")

static bool try_return(void)
{
    struct process_end end;
    outcome_t got = row_run(snippet_far_pair,
                            (uint32_t)(snippet_far_pair_end - snippet_far_pair), &end);
    outcome_t wanted = EXIT_0 | (cpu.smap ? FAULT(14) | RUNS_ON : 0);
    tap_ok((got & wanted) != 0, "a far return");
    return got == EXIT_0;
}

static void test_return_row(const char *text, const uint8_t *start, const uint8_t *end,
                            outcome_t wanted)
{
    if (returns_work)
        row_check(text, start, end, wanted);
    else
        tap_skip(1, "%s: " NO_RETURNS, text);
}

static void test_rows(void)
{
#define RETURN_ROW(name, text, wanted, ...) \
    test_return_row(text, snippet_##name, snippet_##name##_end, wanted);
#define ROW(name, text, wanted, ...) \
    row_check(text, snippet_##name, snippet_##name##_end, wanted);
#include "hostile-cpu.def"
#undef ROW
#undef RETURN_ROW
}

/* --- int n --- */

SNIPPET(pass, "pass")

/* Vectors 0x80 and 0x81 are calls; 3 and 4 may be open to programs; the others are the
 * kernel's. */
static outcome_t interrupt_outcome(uint32_t vector)
{
    if (vector == VECTOR_SYSTEM_CALL || vector == VECTOR_SYSTEM_MESSAGE)
        return EXIT_0;
    if (vector == 3 || vector == 4)
        return FAULT(vector) | FAULT(13);
    return FAULT(13);
}

static bool test_interrupt(uint32_t vector)
{
    struct process_end end;
    struct code code = {.size = 0};
    char text[16];
    snprintf(text, sizeof(text), "int %u", vector);
    code_add_byte(&code, 0xcd);
    code_add_byte(&code, (uint8_t)vector);
    code_add_snippet(&code, pass);
    if (!row_ends(text, code.bytes, code.size, interrupt_outcome(vector), &end))
        return false;
    if (end.reason != PROCESS_FAULTED || end.vector != 13)
        return true;
    if (end.error_code != (vector << 3 | 2) || end.state.eip != CHILD_CODE)
        tap_note("%s: error code %x at %08x", text, end.error_code, end.state.eip);
    return end.error_code == (vector << 3 | 2) && end.state.eip == CHILD_CODE;
}

/* --- Selectors --- */

#define USER_CODE 1u  /* goes on: the user's code segment */
#define USER_DATA 2u  /* loads: a segment that user mode may use for data */
#define USER_STACK 4u /* loads: a segment that user mode may use as its stack */
#define PERHAPS 8u    /* that segment is there only in threads that use it */

static unsigned int selector_kind(uint32_t selector)
{
    bool rpl_user = (selector & 3) == 3;
    if (selector < 4)
        return USER_DATA;
    switch (selector | 3) {
    case SELECTOR_UCODE:
        return USER_DATA | USER_CODE;
    case SELECTOR_UDATA:
        return USER_DATA | (rpl_user ? USER_STACK : 0);
    case SELECTOR_GS:
    case SELECTOR_FS:
        return USER_DATA | PERHAPS | (rpl_user ? USER_STACK : 0);
    default:
        return 0;
    }
}

/* The ways to use a selector. The word 0x5a5a in the code is patched to be the selector.
 */
SNIPPET(to_ds, "movl $0x5a5a, %eax\n movl %eax, %ds\n pass")
SNIPPET(to_es, "movl $0x5a5a, %eax\n movl %eax, %es\n pass")
SNIPPET(to_fs, "movl $0x5a5a, %eax\n movl %eax, %fs\n pass")
SNIPPET(to_gs, "movl $0x5a5a, %eax\n movl %eax, %gs\n pass")
SNIPPET(pop_ds, "pushl $0x5a5a\n popl %ds\n pass")
SNIPPET(to_ss, "movl $0x5a5a, %eax\n movl %eax, %ss\n pass")
SNIPPET(far_jump, "77: movl $CODE + 1f - 77b, DATA\n movw $0x5a5a, DATA + 4\n"
                  "ljmp *DATA\n 1: pass")
SNIPPET(far_call, "77: movl $CODE + 1f - 77b, DATA\n movw $0x5a5a, DATA + 4\n"
                  "lcall *DATA\n 1: pass")
SNIPPET(far_return, "77: pushl $0x5a5a\n pushl $CODE + 1f - 77b\n lret\n 1: pass")
SNIPPET(interrupt_return, "77: pushfl\n pushl $0x5a5a\n pushl $CODE + 1f - 77b\n iret\n"
                          "1: pass")
SNIPPET(verify,
        "movl $0x5a5a, %eax\n verr %ax\n verw %ax\n lar %eax, %ecx\n lsl %eax, %ecx\n"
        "pass")

struct way {
    const char *text;
    const uint8_t *start;
    const uint8_t *end;
    unsigned int works_for;
    bool same_privilege; /* a selector that asks for less than ring 3 is refused */
    bool far_return;     /* uses the stack, see try_return */
};

#define WAY(text, name, works_for, same_privilege, far_return)                 \
    {                                                                          \
        text, snippet_##name, snippet_##name##_end, works_for, same_privilege, \
            far_return                                                         \
    }
static const struct way ways[] = {
    WAY("MOV DS", to_ds, USER_DATA, false, false),
    WAY("MOV ES", to_es, USER_DATA, false, false),
    WAY("MOV FS", to_fs, USER_DATA, false, false),
    WAY("MOV GS", to_gs, USER_DATA, false, false),
    WAY("POP DS", pop_ds, USER_DATA, false, false),
    WAY("MOV SS", to_ss, USER_STACK, true, false),
    WAY("far JMP", far_jump, USER_CODE, false, false),
    WAY("far CALL", far_call, USER_CODE, false, true),
    WAY("RETF", far_return, USER_CODE, true, true),
    WAY("IRET", interrupt_return, USER_CODE, true, true),
    WAY("VERR, VERW, LAR, LSL", verify, ~0u, false, false),
};
#define WAYS (sizeof(ways) / sizeof(*ways))

static outcome_t selector_outcome(const struct way *way, uint32_t selector)
{
    unsigned int kind = selector_kind(selector);
    outcome_t refused = FAULT(10) | FAULT(11) | FAULT(12) | FAULT(13);
    if (way->works_for == ~0u)
        return EXIT_0;
    if ((kind & way->works_for) == 0 || (way->same_privilege && (selector & 3) != 3))
        return refused;
    return (kind & PERHAPS) != 0 ? EXIT_0 | refused : EXIT_0;
}

static void patch_selector(struct code *code, uint32_t selector)
{
    for (uint32_t i = 0; i + 1 < code->size; i++) {
        if (code->bytes[i] == 0x5a && code->bytes[i + 1] == 0x5a) {
            code->bytes[i] = (uint8_t)selector;
            code->bytes[i + 1] = (uint8_t)(selector >> 8);
            return;
        }
    }
}

static bool test_selector(const struct way *way, uint32_t selector)
{
    struct process_end end;
    struct code code = {.size = 0};
    char text[48];
    snprintf(text, sizeof(text), "%s of selector %04x", way->text, selector);
    code_add(&code, way->start, (uint32_t)(way->end - way->start));
    patch_selector(&code, selector);
    return row_ends(text, code.bytes, code.size, selector_outcome(way, selector), &end);
}

/* The whole table and well beyond, in both tables, with every RPL; then the far ends. */
static void test_way(const struct way *way)
{
    static const uint32_t far[] = {0x0ff8, 0x7ffb, 0x8000, 0x801b,
                                   0x8023, 0xfff8, 0xfffb, 0xffff};
    bool right = true;
    if (way->far_return && !returns_work) {
        tap_skip(1, "%s: " NO_RETURNS, way->text);
        return;
    }
    for (uint32_t selector = 0; selector < 0xa0; selector++)
        right = test_selector(way, selector) && right;
    for (unsigned int i = 0; i < sizeof(far) / sizeof(*far); i++)
        right = test_selector(way, far[i]) && right;
    tap_ok(right, "%s: every selector", way->text);
}

int main(void)
{
    cpu = cpu_facts();
    tap_plan(1 + count_rows() + 256 + WAYS);
    rows_begin();
    returns_work = try_return();
    test_rows();
    for (uint32_t vector = 0; vector < 256; vector++)
        tap_ok(test_interrupt(vector), "int %u", vector);
    for (unsigned int i = 0; i < WAYS; i++)
        test_way(&ways[i]);
    return tap_done();
}
