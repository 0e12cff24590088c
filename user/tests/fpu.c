/* SPDX-License-Identifier: MIT */
/*
 * x87, MMX and SSE: every thread begins with fresh registers, keeps its own over calls
 * and preemption, and never sees another's: not of a thread that runs, not of one that
 * ended, and not the pending error of either.
 *
 * Rows that look at all registers store them in their data page, where the parent reads
 * them.
 */
#include "cases.h"
#include "cpu.h"
#include "row.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define STACK_SIZE 1024
#define WORKERS 4

static struct cpu_facts cpu;
static uint8_t stacks[WORKERS][STACK_SIZE] __attribute__((aligned(16)));

/* DATA + 256: 108 bytes of x87 state; DATA + 512: FXSAVE's 512 bytes. */
#define X87_AT 256
#define X87_SIZE 108
#define FX_AT 512
#define FX_SIZE 512

SNIPPET(dump_x87, "fnsave DATA + 256\n pass")
SNIPPET(dump_fx, ".byte 0x0f, 0xae, 0x05\n .long 0x20000200\n pass")

/* Fills the x87 registers with the pattern, the XMM registers too where EAX at entry
 * is 1. */
__asm__(".macro fill_registers\n"
        "movl %eax, %ebp\n"
        "movl $0x5ec2e75e, DATA + 64\n movl $0xc2e75ec2, DATA + 68\n movl $0x4000e75e, "
        "DATA + 72\n"
        "movl $0x5ec2e75e, DATA + 76\n movl $0, DATA + 80\n"
        "fninit\n"
        ".rept 8\n fldt DATA + 64\n .endr\n"
        "testl %ebp, %ebp\n jz 8f\n"
        ".byte 0x0f, 0x10, 0x05\n .long 0x20000040\n" /* movups DATA + 64, %xmm0 */
        ".byte 0x0f, 0x28, 0xc8\n"                    /* movaps %xmm0, %xmm1 … */
        ".byte 0x0f, 0x28, 0xd0\n .byte 0x0f, 0x28, 0xd8\n .byte 0x0f, 0x28, 0xe0\n"
        ".byte 0x0f, 0x28, 0xe8\n .byte 0x0f, 0x28, 0xf0\n .byte 0x0f, 0x28, 0xf8\n"
        "8:\n"
        ".endm\n");

SNIPPET(fill_and_leave, "fill_registers\n pass")
SNIPPET(fill_and_spin, "fill_registers\n movl $1, DATA\n 1: jmp 1b")
SNIPPET(fill_and_sleep,
        "fill_registers\n movl $1, DATA\n movl $0, DATA + 8\n"
        "movl $SYS_futex_wait, %eax\n movl $DATA + 8, %ebx\n xorl %esi, %esi\n"
        "xorl %edi, %edi\n int $0x80\n fail")
SNIPPET(error_pending,
        "fninit\n movl $0x0300, DATA + 64\n fldcw DATA + 64\n fld1\n fldz\n"
        "fdivrp\n movl $1, DATA\n"
        "1: movl $SYS_thread_yield, %eax\n int $0x80\n jmp 1b")
SNIPPET(use_quietly, "fldz\n fld1\n faddp\n fwait\n fstps DATA + 64\n fwait\n pass")
SNIPPET(defaults,
        "fnstcw DATA\n cmpw $0x37f, DATA\n jne 1f\n fnstsw %ax\n testw %ax, %ax\n"
        "jnz 1f\n fnstenv DATA\n cmpw $0xffff, DATA + 8\n jne 1f\n pass\n 1: fail")
SNIPPET(default_mxcsr, ".byte 0x0f, 0xae, 0x1d\n .long 0x20000000\n"
                       "cmpl $0x1f80, DATA\n jne 1f\n pass\n 1: fail")

static bool start_filler(struct child *child, const uint8_t *code,
                         const uint8_t *code_end)
{
    struct thread_start start = {
        .eip = CHILD_CODE,
        .esp = CHILD_STACK_START,
        .eax = cpu.sse,
    };
    return row_load(child, code, (uint32_t)(code_end - code)) &&
           child_start_with(child, &start) > 0;
}

/* Whether a block holds two bytes in a row of the pattern 5e c2 e7 5e …, or anything
 * else. */
static bool holds_pattern(const uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i + 1 < size; i++)
        if ((bytes[i] == 0x5e && bytes[i + 1] == 0xe7) ||
            (bytes[i] == 0xc2 && bytes[i + 1] == 0x5e) ||
            (bytes[i] == 0xe7 && bytes[i + 1] == 0xc2))
            return true;
    return false;
}

/* Runs a row that dumps its registers, and looks at them. */
static bool dump_is_clean(const uint8_t *code, const uint8_t *code_end, uint32_t at,
                          uint32_t size, uint32_t registers)
{
    struct child child;
    struct process_end end;
    uint8_t bytes[512] = {0};
    bool right = row_load(&child, code, (uint32_t)(code_end - code)) &&
                 child_start(&child, CHILD_CODE, CHILD_STACK_START) > 0 &&
                 step_ok(child_wait(child, &end) == EXIT_0, "vector", end.vector) &&
                 child_read(child, CHILD_DATA + at, bytes, size) &&
                 step_ok(!holds_pattern(bytes, size), "the pattern was seen", 0);
    for (uint32_t i = registers; right && i < size && i < registers + 80; i++)
        right = step_ok(bytes[i] == 0, "a register byte is not 0, at", i);
    child_close(&child);
    return right;
}

static bool registers_are_clean(void)
{
    bool right =
        dump_is_clean(snippet_dump_x87, snippet_dump_x87_end, X87_AT, X87_SIZE, 28);
    if (cpu.fxsr)
        right =
            right && dump_is_clean(snippet_dump_fx, snippet_dump_fx_end, FX_AT, 288, 160);
    return right;
}

static bool fresh_defaults(void)
{
    struct process_end end;
    bool right =
        row_run(snippet_defaults, (uint32_t)(snippet_defaults_end - snippet_defaults),
                &end) == EXIT_0;
    if (cpu.sse)
        right = right &&
                row_run(snippet_default_mxcsr,
                        (uint32_t)(snippet_default_mxcsr_end - snippet_default_mxcsr),
                        &end) == EXIT_0;
    return right;
}

static bool clean_after_end(void)
{
    bool right = true;
    for (int i = 0; right && i < 5; i++) {
        struct child child;
        struct process_end end;
        right =
            start_filler(&child, snippet_fill_and_leave, snippet_fill_and_leave_end) &&
            child_wait(child, &end) == EXIT_0 && registers_are_clean();
        child_close(&child);
        right = right && registers_are_clean();
    }
    return right;
}

static bool clean_while(const uint8_t *code, const uint8_t *code_end)
{
    struct child child;
    bool right = start_filler(&child, code, code_end) &&
                 child_wait_for(child, (volatile uint32_t *)CHILD_DATA, 1);
    for (int i = 0; right && i < 3; i++)
        right = registers_are_clean();
    (void)limen_process_kill(child.process, 0);
    child_close(&child);
    return right && registers_are_clean();
}

static bool clean_while_spinning(void)
{
    return clean_while(snippet_fill_and_spin, snippet_fill_and_spin_end);
}

static bool clean_while_sleeping(void)
{
    return clean_while(snippet_fill_and_sleep, snippet_fill_and_sleep_end);
}

static bool pending_error_stays(void)
{
    struct child child;
    struct process_end end;
    bool right = start_filler(&child, snippet_error_pending, snippet_error_pending_end) &&
                 child_wait_for(child, (volatile uint32_t *)CHILD_DATA, 1);
    for (int i = 0; right && i < 3; i++)
        right = row_run(snippet_use_quietly,
                        (uint32_t)(snippet_use_quietly_end - snippet_use_quietly),
                        &end) == EXIT_0;
    right = right && registers_are_clean();
    (void)limen_process_kill(child.process, 0);
    right = right && limen_process_wait(child.process, &end, NULL) == 0 &&
            step_ok(end.reason == PROCESS_KILLED, "vector", end.vector);
    child_close(&child);
    return right;
}

/* --- Kept --- */

static volatile uint32_t done;

/* Keeps eight numbers on the x87 stack, and says whether they are all there. */
static bool x87_round(double base, void (*between)(void))
{
    double in[8];
    double out[8];
    for (int i = 0; i < 8; i++)
        in[i] = base + i;
    for (int i = 0; i < 8; i++)
        __asm__ volatile("fldl %0" : : "m"(in[i]));
    between();
    for (int i = 7; i >= 0; i--)
        __asm__ volatile("fstpl %0" : "=m"(out[i]));
    for (int i = 0; i < 8; i++)
        if (out[i] != in[i])
            return false;
    return true;
}

/* The same for an XMM register and MXCSR's rounding. */
static bool sse_round(uint32_t pattern, void (*between)(void))
{
    uint32_t in[4] = {pattern, ~pattern, pattern + 1, pattern * 3};
    uint32_t out[4] = {0};
    uint32_t mxcsr = 0x1f80 | (pattern & 3) << 13;
    uint32_t mxcsr_after = 0;
    __asm__ volatile(".byte 0x0f, 0x10, 0x38\n\t" /* movups (%eax), %xmm7 */
                     ".byte 0x0f, 0xae, 0x11"     /* ldmxcsr (%ecx) */
                     :
                     : "a"(in), "c"(&mxcsr)
                     : "memory");
    between();
    __asm__ volatile(".byte 0x0f, 0x11, 0x38\n\t" /* movups %xmm7, (%eax) */
                     ".byte 0x0f, 0xae, 0x19"     /* stmxcsr (%ecx) */
                     :
                     : "a"(out), "c"(&mxcsr_after)
                     : "memory");
    return memcmp(in, out, sizeof(in)) == 0 && (mxcsr_after & 0xff80) == mxcsr;
}

static void by_null(void)
{
    (void)limen_null();
}

static void by_yield(void)
{
    (void)limen_thread_yield();
}

static void by_sleep(void)
{
    sleep_for(MILLISECOND / 5);
}

static void by_spinning(void)
{
    for (volatile uint32_t i = 0; i < 100000; i++)
        ;
}

static void (*const betweens[])(void) = {by_null, by_yield, by_sleep, by_spinning};

static void keep_numbers(uint32_t which)
{
    bool right = true;
    __asm__ volatile("fninit");
    for (uint32_t i = 0; right && i < 40; i++) {
        void (*between)(void) = betweens[(i + which) % 4];
        right = x87_round(1000.0 * which + i, between);
        if (right && cpu.sse)
            right = sse_round(which * 0x1010101 + i, between);
    }
    __atomic_fetch_add(&done, right ? 1 : 1000, __ATOMIC_SEQ_CST);
    (void)limen_thread_exit(NULL, 0, 0);
}

static bool kept(void)
{
    long threads[WORKERS];
    bool right = true;
    done = 0;
    for (uint32_t i = 0; i < WORKERS; i++)
        threads[i] = bare_thread(keep_numbers, i, stacks[i] + STACK_SIZE);
    right = wait_for(&done, WORKERS);
    wait_until_alone();
    for (uint32_t i = 0; i < WORKERS; i++)
        right = limen_handle_close(handle_of(threads[i])) == 0 && right;
    return right;
}

/* --- Memory for the state --- */

static void use_without_memory(uint32_t start)
{
    struct memory_map map = {
        .address = start, .size = 0x1000000, .flags = RW | MEMORY_FIXED};
    struct process_info info;
    (void)limen_memory_map(HANDLE_SELF, &map);
    for (uint32_t at = start;; at += PAGE_SIZE) {
        (void)limen_process_info(HANDLE_SELF, &info);
        if (info.pages_used == info.pages_limit)
            break;
        *(volatile uint8_t *)at = 1;
    }
    __asm__ volatile("fldz");
    (void)limen_process_exit(0);
}

/* With its quota used up, a thread's first use ends the process, or finds room in a slab.
 */
static bool no_memory(void)
{
    struct child child;
    struct process_end end;
    outcome_t outcome = twin_run(&child, 256, use_without_memory, 0x60000000, &end);
    child_close(&child);
    return step_ok((outcome & (NO_MEMORY | EXIT_0)) != 0, "reason", end.reason);
}

static const struct test_case cases[] = {
    {"a thread begins with default control words", fresh_defaults},
    {"a thread begins with empty registers", registers_are_clean},
    {"nothing is left of a process that ended", clean_after_end},
    {"nothing is seen of a process that runs", clean_while_spinning},
    {"nothing is seen of a process that waits", clean_while_sleeping},
    {"an error that is pending stays in its thread", pending_error_stays},
    {"registers are kept over calls, sleep and preemption", kept},
    {"no memory for a thread's state", no_memory},
};

int main(void)
{
    cpu = cpu_facts();
    return RUN_CASES(cases);
}
