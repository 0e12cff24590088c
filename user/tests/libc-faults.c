/* SPDX-License-Identifier: MIT */
/*
 * The processor's exceptions as signals: what a handler is told, that it can leave by a
 * jump, step over the instruction or mend what was wrong, on which stack it runs, and
 * that without one the process ends as ever.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "libc-child.h"

#define PAGE 4096
#define VECTOR_DIVISION 0
#define VECTOR_PAGE_FAULT 14

static volatile int *volatile nowhere = (volatile int *)0x10;
static sigjmp_buf place;
static volatile siginfo_t seen;
static volatile int calls, skip;
static volatile uint32_t seen_eip, seen_trap;
static volatile uintptr_t seen_stack;
static uint8_t *page;

static void note(int number, const siginfo_t *info, const ucontext_t *user)
{
    (void)number;
    seen.si_signo = info->si_signo;
    seen.si_code = info->si_code;
    seen.si_addr = info->si_addr;
    seen_eip = (uint32_t)user->uc_mcontext.gregs[REG_EIP];
    seen_trap = (uint32_t)user->uc_mcontext.gregs[REG_TRAPNO];
    seen_stack = (uintptr_t)__builtin_frame_address(0);
    calls++;
}

static void jump(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    siglongjmp(place, 1);
}

static void step_over(int number, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    note(number, info, context);
    user->uc_mcontext.gregs[REG_EIP] += skip;
}

static void mend(int number, siginfo_t *info, void *context)
{
    note(number, info, context);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    calls = 0;
}

static bool saw(int number, int code)
{
    bool right = calls == 1 && seen.si_signo == number && seen.si_code == code;
    if (!right)
        tap_note("%d calls, signal %d, code %d", calls, seen.si_signo, seen.si_code);
    return right;
}

/* --- Kinds --- */

static void check_memory(void)
{
    handle(SIGSEGV, jump, 0);
    if (!sigsetjmp(place, 1))
        *nowhere = 1;
    tap_ok(saw(SIGSEGV, SEGV_MAPERR) && seen.si_addr == nowhere
               && seen_trap == VECTOR_PAGE_FAULT,
           "memory that is not there");
    calls = 0;
    if (!sigsetjmp(place, 1))
        *(volatile int *)check_memory = 1;
    tap_ok(saw(SIGSEGV, SEGV_ACCERR) && seen.si_addr == (void *)check_memory,
           "memory that cannot be written to");
    calls = 0;
    if (!sigsetjmp(place, 1))
        __asm__ volatile("hlt");
    tap_ok(saw(SIGSEGV, SI_KERNEL), "an instruction that is not allowed");
    for (calls = 0; calls < 100;)
        if (!sigsetjmp(place, 1))
            *nowhere = 1;
    tap_is(calls, 100, "a hundred times");
}

static void check_mending(void)
{
    uint32_t ebx = 11, esi = 12, edi = 13, eax = 14;
    page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle(SIGSEGV, mend, 0);
    __asm__ volatile("stc\n\t"
                     "movl %%eax, (%4)\n\t"
                     "adcl $0, %%eax"
                     : "+a"(eax), "+b"(ebx), "+S"(esi), "+D"(edi)
                     : "c"(page)
                     : "memory", "cc");
    tap_ok(saw(SIGSEGV, SEGV_ACCERR) && *(uint32_t *)page == 14 && eax == 15 && ebx == 11
               && esi == 12 && edi == 13,
           "what was mended is done again, with all registers and flags");
}

static void check_instructions(void)
{
    uint32_t high = 0, low = 1, zero = 0;
    handle(SIGFPE, step_over, 0);
    skip = 2;
    __asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "c"(zero) : "cc");
    tap_ok(saw(SIGFPE, FPE_INTDIV) && seen.si_addr == (void *)(uintptr_t)seen_eip
               && seen_trap == VECTOR_DIVISION,
           "a division by zero");
    handle(SIGILL, step_over, 0);
    __asm__ volatile("ud2");
    tap_ok(saw(SIGILL, ILL_ILLOPN), "an invalid instruction");
    handle(SIGTRAP, step_over, 0);
    skip = 0;
    __asm__ volatile("int3");
    tap_ok(saw(SIGTRAP, SI_KERNEL), "a breakpoint");
}

/* Divides by zero with the FPU's exception for that not masked. */
static void check_fpu(void)
{
    uint16_t before, control;
    double one = 1, zero = 0;
    handle(SIGFPE, jump, 0);
    __asm__ volatile("fnstcw %0" : "=m"(before));
    control = before & ~4u;
    if (!sigsetjmp(place, 1))
        __asm__ volatile("fldcw %0\n\tfldl %1\n\tfdivl %2\n\tfwait\n\tfstp %%st(0)"
                         :
                         : "m"(control), "m"(one), "m"(zero));
    tap_ok(saw(SIGFPE, FPE_FLTDIV), "one of the FPU's");
    __asm__ volatile("fldcw %0" : : "m"(before));
}

/* --- Stacks and threads --- */

static volatile int zero;

__attribute__((noinline)) static int recurse(int depth)
{
    volatile char room[1000];
    room[0] = (char)depth;
    return zero ? 0 : recurse(depth + 1) + room[0];
}

static void *overflow(void *unused)
{
    static uint8_t alternate[SIGSTKSZ * 2];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    if (!sigsetjmp(place, 1))
        recurse(0);
    bool right = seen_stack - (uintptr_t)alternate < sizeof alternate;
    return right ? place : unused;
}

static atomic_int thread_calls;

static void mend_own(int number, siginfo_t *info, void *context)
{
    (void)number;
    ucontext_t *user = context;
    if (info->si_addr != (void *)(uintptr_t)user->uc_mcontext.gregs[REG_ESI])
        thread_calls += 1000000;
    user->uc_mcontext.gregs[REG_ESI] = user->uc_mcontext.gregs[REG_EDI];
    thread_calls++;
}

static void *fault_often(void *number)
{
    int word = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t esi = 16 * (uint32_t)(uintptr_t)number + 16;
        __asm__ volatile("incl (%%esi)" : "+S"(esi) : "D"(&word) : "memory", "cc");
    }
    return (void *)(uintptr_t)word;
}

static void check_threads(void)
{
    pthread_t thread[4];
    void *result = NULL;
    long sum = 0;
    handle(SIGSEGV, jump, SA_ONSTACK);
    pthread_create(&thread[0], NULL, overflow, NULL);
    pthread_join(thread[0], &result);
    tap_ok(result == place, "a stack that overflows, on the alternate stack");

    handle(SIGSEGV, mend_own, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, fault_often, (void *)(uintptr_t)i);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &result);
        sum += (long)(uintptr_t)result;
    }
    tap_ok(sum == 800 && thread_calls == 800, "four threads that fault at the same time");
}

/* --- Others are as ever --- */

static void nothing(int number)
{
    (void)number;
}

static int play(const char *role)
{
    sigset_t set;
    signal(SIGSEGV, nothing);
    if (!strcmp(role, "no handler for it"))
        __asm__ volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0));
    if (!strcmp(role, "taken away")) {
        signal(SIGSEGV, SIG_DFL);
        *nowhere = 1;
    }
    if (!strcmp(role, "blocked")) {
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        *nowhere = 1;
    }
    if (!strcmp(role, "in the shim"))
        clock_gettime(CLOCK_MONOTONIC, (struct timespec *)(uintptr_t)nowhere);
    if (!strcmp(role, "no stack"))
        recurse(0);
    if (!strcmp(role, "all end"))
        pthread_exit(NULL);
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(17);
    check_memory();
    check_mending();
    check_instructions();
    check_fpu();
    check_threads();
    faults_with("no handler for it", VECTOR_DIVISION);
    faults_with("taken away", VECTOR_PAGE_FAULT);
    faults_with("no stack", VECTOR_PAGE_FAULT);
    dies_by("blocked", SIGSEGV);
    exits_with("all end", 0);
    faults_with("in the shim", VECTOR_PAGE_FAULT);
    return tap_done();
}
