/* SPDX-License-Identifier: MIT */
/*
 * Crossings in every state that a program can be in. Each state of hostile-entry.def
 * crosses by each gate with four calls: one that does nothing, one that is no call, one
 * that lets others run and one that blocks, for a thread that has blocked comes back by
 * another way; and by int 0x81 with messages of all sorts, one of which makes an upcall.
 * A closed gate must be an invalid opcode or a general protection fault, whatever the
 * state. Then: SYSENTER with any ECX and EDX, and every pair of DS and ES that user mode
 * can load.
 */
#include <limen/system_message.h>

#include "cpu.h"
#include "gate.h"
#include "row.h"

#define ENTRY(name, text, wanted, before, after) \
    SNIPPET(before_##name, before)               \
    SNIPPET(after_##name, after)
#include "hostile-entry.def"
#undef ENTRY

/* What stands in front of the state: the thread's segments, a call's registers. */
SNIPPET(bases, "movl $SYS_thread_base, %eax\n"
               "xorl %ebx, %ebx\n"
               "movl $KERNEL, %esi\n"
               "int $0x80\n"
               "movl $SYS_thread_base, %eax\n"
               "movl $1, %ebx\n"
               "movl $0x70000000, %esi\n"
               "int $0x80\n"
               "xorl %ebx, %ebx")
SNIPPET(call_null, "movl $SYS_null, %eax")
SNIPPET(call_unknown, "movl $-1, %eax")
SNIPPET(call_yield, "movl $SYS_thread_yield, %eax")
SNIPPET(call_sleep, "movl $SYS_clock_get, %eax\n"
                    "xorl %ebx, %ebx\n"
                    "movl $DATA, %esi\n"
                    "int $0x80\n"
                    "addl $300000, DATA\n"
                    "adcl $0, DATA + 4\n"
                    "movl $SYS_clock_sleep, %eax\n"
                    "movl $DATA, %ebx")

struct snippet {
    const uint8_t *start;
    const uint8_t *end;
};

static const struct snippet calls[] = {
    {snippet_call_null, snippet_call_null_end},
    {snippet_call_unknown, snippet_call_unknown_end},
    {snippet_call_yield, snippet_call_yield_end},
    {snippet_call_sleep, snippet_call_sleep_end},
};
#define CALLS (sizeof(calls) / sizeof(*calls))

struct entry {
    const char *text;
    outcome_t wanted;
    struct snippet before;
    struct snippet after;
};

static void code_add_from(struct code *code, struct snippet snippet)
{
    code_add(code, snippet.start, (uint32_t)(snippet.end - snippet.start));
}

/* The crossing instructions; SYSENTER is told in ECX and EDX where to come back. */
static void code_add_crossing(struct code *code, enum gate gate)
{
    static const uint8_t bytes[GATE_COUNT][2] = {
        [GATE_INT80] = {0xcd, 0x80},
        [GATE_SYSENTER] = {0x0f, 0x34},
        [GATE_SYSCALL] = {0x0f, 0x05},
    };
    code_add(code, bytes[gate], 2);
}

/* Returns the offset of the first byte after the crossing. */
static uint32_t make_code(struct code *code, enum gate gate, struct snippet call,
                          const struct entry *entry)
{
    uint32_t before = (uint32_t)(entry->before.end - entry->before.start);
    uint32_t back;
    code->size = 0;
    code_add_snippet(code, bases);
    code_add_from(code, call);
    back = code->size + 2 + 5 + before + 2;
    code_add_byte(code, 0x89); /* movl %esp, %ecx */
    code_add_byte(code, 0xe1);
    code_add_byte(code, 0xba); /* movl $…, %edx */
    code_add_word(code, CHILD_CODE + back);
    code_add_from(code, entry->before);
    code_add_crossing(code, gate);
    code_add_from(code, entry->after);
    return back;
}

/* A trap is reported where the program goes on, or after its first instruction there. An
 * emulator that traps in spite of a shadow does so at the crossing, which is 2 bytes
 * long. */
static bool trapped_there(const struct process_end *end, uint32_t back, bool shadow)
{
    uint32_t at = end->state.eip - CHILD_CODE;
    return at == back || at == back + 1 || (shadow && at == back - 2);
}

static bool entry_works(const struct entry *entry, enum gate gate, struct snippet call)
{
    struct code code;
    struct process_end end;
    uint32_t back = make_code(&code, gate, call, entry);
    bool shadow = strstr(entry->text, " SS") != NULL;
    outcome_t closed = FAULT(6) | FAULT(13) | (shadow ? FAULT(1) : 0);
    outcome_t wanted = gate_is_open(gate) ? entry->wanted : closed;
    if (!row_ends(entry->text, code.bytes, code.size, wanted, &end))
        return false;
    if (!gate_is_open(gate) || end.reason != PROCESS_FAULTED || end.vector != 1)
        return true;
    if (trapped_there(&end, back, shadow))
        return true;
    tap_note("%s: trapped at %08x, not %08x", entry->text, end.state.eip,
             CHILD_CODE + back);
    return false;
}

static void test_entry(const struct entry *entry)
{
    for (enum gate gate = GATE_INT80; gate < GATE_COUNT; gate++) {
        bool right = true;
        for (unsigned int i = 0; i < CALLS; i++)
            right = entry_works(entry, gate, calls[i]) && right;
        tap_ok(right, "%s: %s", gate_choices[gate].name, entry->text);
    }
}

/* --- int 0x81 --- */

/* Messages at DATA + 64 and DATA + 192, a policy at DATA + 128. An upcall begins at
 * CODE + 2. */
SNIPPET(upcall_end, "jmp 1f\n"
                    "pushl %eax\n"
                    "popl %esi\n"
                    "xorl %ebx, %ebx\n"
                    "movl $SYS_upcall_return, %eax\n"
                    "int $0x80\n"
                    "fail\n"
                    "1:")
SNIPPET(send_null, "movl $1, %eax\n"
                   "movl $DATA + 64, %ecx\n"
                   "movl $48, %edx")
SNIPPET(send_kernel, "movl $1, %eax\n"
                     "movl $KERNEL, %ecx\n"
                     "movl $48, %edx")
SNIPPET(send_nowhere, "movl $-1, %eax\n"
                      "movl $-1, %ecx\n"
                      "movl $-1, %edx")
SNIPPET(send_nothing, "movl $1, %eax\n"
                      "xorl %ecx, %ecx\n"
                      "xorl %edx, %edx")
SNIPPET(send_sleep, "movl $SYS_clock_get, %eax\n"
                    "movl $DATA + 96, %esi\n"
                    "int $0x80\n"
                    "addl $300000, DATA + 96\n"
                    "adcl $0, DATA + 100\n"
                    "movw $5, DATA + 64\n"
                    "movl $1, %eax\n"
                    "movl $DATA + 64, %ecx\n"
                    "movl $48, %edx")
SNIPPET(send_upcall, "movl $1, DATA + 128\n"
                     "movl $1, DATA + 132\n"
                     "movl $CODE + 2, DATA + 140\n"
                     "movl $STACK_LOW + 0x1000, DATA + 144\n"
                     "movl $0xff0, DATA + 148\n" /* the last bytes are not in it */
                     "movl $SYS_reply_port_create, %eax\n"
                     "movl $DATA + 128, %ebx\n"
                     "int $0x80\n"
                     "xorl %ebx, %ebx\n"
                     "movl %eax, DATA + 68\n"
                     "movl $0x3000b, DATA + 64\n" /* async, live */
                     "movl $1, DATA + 80\n"
                     "movl $1, %eax\n"
                     "movl $DATA + 64, %ecx\n"
                     "movl $48, %edx\n"
                     "int $0x81\n"
                     "movl $2, DATA + 192\n"
                     "movl $1, DATA + 208\n"
                     "movl $1, %eax\n"
                     "movl $DATA + 192, %ecx\n"
                     "movl $48, %edx")

static_assert(SYSTEM_TIMER == 5 && SYSTEM_THREAD_SIGNALS == 11 &&
                  SYSTEM_THREAD_POST == 2 && (MSG_ASYNC | MSG_LIVE) == 3,
              "what the messages ask for");
static_assert(sizeof(struct system_message) == 48 && SYSTEM_VERSION == 1 &&
                  offsetof(struct system_message, words) == 16 &&
                  offsetof(struct system_message, time) == 32 &&
                  offsetof(struct reply_policy, entry) == 12,
              "where it stands");

static const struct snippet sent[] = {
    {snippet_send_null, snippet_send_null_end},
    {snippet_send_kernel, snippet_send_kernel_end},
    {snippet_send_nowhere, snippet_send_nowhere_end},
    {snippet_send_nothing, snippet_send_nothing_end},
    {snippet_send_sleep, snippet_send_sleep_end},
    {snippet_send_upcall, snippet_send_upcall_end},
};

static bool message_works(const struct entry *entry, unsigned int number)
{
    static const uint8_t crossing[] = {0xcd, 0x81};
    struct code code = {.size = 0};
    struct process_end end;
    bool shadow = strstr(entry->text, " SS") != NULL;

    code_add_snippet(&code, upcall_end);
    code_add_snippet(&code, bases);
    code_add_from(&code, sent[number]);
    code_add_from(&code, entry->before);
    code_add(&code, crossing, sizeof(crossing));
    uint32_t back = code.size;
    code_add_from(&code, entry->after);
    if (!row_ends(entry->text, code.bytes, code.size, entry->wanted, &end)) {
        tap_note("message %u", number);
        return false;
    }
    if (end.reason != PROCESS_FAULTED || end.vector != 1 ||
        trapped_there(&end, back, shadow))
        return true;
    tap_note("%s: message %u trapped at %08x, not %08x", entry->text, number,
             end.state.eip, CHILD_CODE + back);
    return false;
}

static void test_messages(const struct entry *entry)
{
    bool right = true;
    for (unsigned int i = 0; i < sizeof(sent) / sizeof(*sent); i++)
        right = message_works(entry, i) && right;
    tap_ok(right, "int 0x81: %s", entry->text);
}

/* --- SYSENTER with any ECX and EDX --- */

#define CHILD_STACK_LOW (CHILD_STACK_TOP - CHILD_STACK_SIZE)

struct comeback {
    const char *text;
    uint32_t ecx;
    uint32_t edx; /* 0x10000000 + n: the n-th byte of the code */
    outcome_t wanted;
};

SNIPPET(comeback_pass, "pass")

static uint32_t comeback_code(struct code *code, const struct comeback *comeback,
                              uint32_t number)
{
    code->size = 0;
    code_add_byte(code, 0xb8);
    code_add_word(code, number);
    code_add_byte(code, 0xb9);
    code_add_word(code, comeback->ecx);
    code_add_byte(code, 0xba);
    code_add_word(code, comeback->edx);
    code_add_crossing(code, GATE_SYSENTER);
    code_add_snippet(code, comeback_pass);
    return code->size;
}

#define COMEBACK_HERE (CHILD_CODE + 17)

static const struct comeback comebacks[] = {
    {"ECX 0", 0, COMEBACK_HERE, EXIT_0},
    {"ECX 1", 1, COMEBACK_HERE, EXIT_0},
    {"ECX 0xffffffff", 0xffffffff, COMEBACK_HERE, EXIT_0},
    {"ECX 0xfffffffe", 0xfffffffe, COMEBACK_HERE, EXIT_0},
    {"ECX at the kernel's start", KERNEL_BASE, COMEBACK_HERE, EXIT_0},
    {"ECX in the kernel's text", KERNEL_BASE + 0x101000, COMEBACK_HERE, EXIT_0},
    {"ECX odd", CHILD_STACK_START + 1, COMEBACK_HERE, EXIT_0},
    {"ECX on a guard page", CHILD_STACK_LOW - 4, COMEBACK_HERE, EXIT_0},
    {"ECX across the edge of a guard page", CHILD_STACK_LOW + 2, COMEBACK_HERE, EXIT_0},
    {"ECX in the threshold page", THRESHOLD_ADDRESS + 8, COMEBACK_HERE, EXIT_0},
    {"EDX 0", CHILD_STACK_START, 0, FAULT(14)},
    {"EDX in the null page", CHILD_STACK_START, 0xfff, FAULT(14)},
    {"EDX 0xffffffff", CHILD_STACK_START, 0xffffffff, FAULT(14)},
    {"EDX at the kernel's start", CHILD_STACK_START, KERNEL_BASE, FAULT(14)},
    {"EDX in the kernel's text", CHILD_STACK_START, KERNEL_BASE + 0x101000, FAULT(14)},
    {"EDX at the last byte below the kernel", CHILD_STACK_START, KERNEL_BASE - 1,
     FAULT(14)},
    {"EDX in a hole", CHILD_STACK_START, 0x50000000, FAULT(14)},
    {"EDX at an instruction's first byte before a hole", CHILD_STACK_START,
     CHILD_CODE + CHILD_CODE_SIZE - 1, FAULT(14)},
    {"EDX in data", CHILD_STACK_START, CHILD_DATA, FAULT(14)},
    {"ECX and EDX in the kernel", KERNEL_BASE + 0x1000, KERNEL_BASE + 0x1000, FAULT(14)},
    {"ECX and EDX 0xffffffff", 0xffffffff, 0xffffffff, FAULT(14)},
    {"ECX 0 and EDX the threshold page's stub", 0, THRESHOLD_ENTRY, FAULT(14)},
};
#define COMEBACKS (sizeof(comebacks) / sizeof(*comebacks))

static void test_comeback(const struct comeback *comeback)
{
    static const uint32_t numbers[] = {SYS_LIMEN_null, SYS_LIMEN_thread_yield,
                                       0x80000000};
    bool right = true;
    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        struct code code;
        struct process_end end;
        uint32_t size = comeback_code(&code, comeback, numbers[i]);
        outcome_t closed = FAULT(6) | FAULT(13);
        outcome_t wanted = gate_is_open(GATE_SYSENTER) ? comeback->wanted : closed;
        right = row_ends(comeback->text, code.bytes, size, wanted, &end) && right;
    }
    tap_ok(right, "SYSENTER: %s", comeback->text);
}

/* --- Every pair of DS and ES --- */

/* Loads DS and ES, crosses with the null call by a stub, and returns DS and ES then
 * found. */
uint32_t cross_with_segments(void (*stub)(void), uint32_t ds, uint32_t es);

__asm__(".text\n"
        "cross_with_segments:\n\t"
        "pushl %ebx\n\t"
        "movl 8(%esp), %ecx\n\t"
        "movl 12(%esp), %edx\n\t"
        "movl 16(%esp), %ebx\n\t"
        "xorl %eax, %eax\n\t"
        "movl %ebx, %es\n\t"
        "movl %edx, %ds\n\t"
        "call *%ecx\n\t"
        "xorl %edx, %edx\n\t"
        "xorl %eax, %eax\n\t"
        "movw %ds, %ax\n\t"
        "movw %es, %dx\n\t"
        "shll $16, %edx\n\t"
        "orl %edx, %eax\n\t"
        "movl $0x23, %edx\n\t"
        "movl %edx, %ds\n\t"
        "movl %edx, %es\n\t"
        "popl %ebx\n\t"
        "ret\n");

/* A stub of int 0x81 that sends a message which asks for nothing. */
void send_by_int81(void);
static struct system_message int81_message;
static struct system_message *volatile int81_at = &int81_message;

__asm__(".text\n"
        "send_by_int81:\n\t"
        "pushl %ebx\n\t"
        "xorl %ebx, %ebx\n\t"
        "movl $1, %eax\n\t"
        "movl %ss:int81_at, %ecx\n\t"
        "movl $48, %edx\n\t"
        "int $0x81\n\t"
        "popl %ebx\n\t"
        "ret\n");

static void test_segment_pairs(const char *name, void (*stub)(void), bool open)
{
    /* Of 0x33 and 0x3b this thread has those that its libc uses. */
    static const uint32_t selectors[] = {
        0,    1,    2,    3,    0x18, 0x19, 0x1a, 0x1b,
        0x20, 0x21, 0x22, 0x23, 0x30, 0x31, 0x32, 0x33,
    };
    const unsigned int count = sizeof(selectors) / sizeof(*selectors);
    unsigned int wrong = 0;
    for (unsigned int d = 0; open && d < count; d++)
        for (unsigned int e = 0; e < count; e++)
            wrong += cross_with_segments(stub, selectors[d], selectors[e]) != 0x00230023;
    tap_is(wrong, 0, "%s: every pair of DS and ES comes back flat", name);
}

static unsigned int count_entries(void)
{
    unsigned int count = 0;
#define ENTRY(name, text, wanted, before, after) count++;
#include "hostile-entry.def"
#undef ENTRY
    return count;
}

int main(void)
{
    tap_plan(count_entries() * (GATE_COUNT + 1) + COMEBACKS + GATE_COUNT + 1);
    rows_begin();
#define ENTRY(name, text, wanted, before, after)                  \
    {                                                             \
        static const struct entry entry = {                       \
            text,                                                 \
            wanted,                                               \
            {snippet_before_##name, snippet_before_##name##_end}, \
            {snippet_after_##name, snippet_after_##name##_end},   \
        };                                                        \
        test_entry(&entry);                                       \
        test_messages(&entry);                                    \
    }
#include "hostile-entry.def"
#undef ENTRY
    for (unsigned int i = 0; i < COMEBACKS; i++)
        test_comeback(&comebacks[i]);
    for (enum gate gate = GATE_INT80; gate < GATE_COUNT; gate++)
        test_segment_pairs(gate_choices[gate].name, gate_choices[gate].stub,
                           gate_is_open(gate));
    test_segment_pairs("int 0x81", send_by_int81, true);
    return tap_done();
}
