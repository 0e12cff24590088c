/* SPDX-License-Identifier: MIT */
/*
 * Signal handlers of a program that sends itself signals: what they are told, which
 * signals are held back meanwhile, on which stack they run, and that the code behind
 * finds everything as it was, or as the handler has made it.
 */
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "libc-child.h"

static volatile int calls, order[8], depth, deepest;
static siginfo_t seen_info;
static sigset_t seen_mask;
static volatile uintptr_t seen_stack;

static void handle(int number, void (*handler)(int), int flags, int masked)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    if (masked)
        sigaddset(&action.sa_mask, masked);
    sigaction(number, &action, NULL);
    calls = depth = deepest = 0;
}

static void handle_info(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
    calls = 0;
}

static void block(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(how, &set, NULL);
}

static void note(int number)
{
    if (calls < 8)
        order[calls] = number;
    calls++;
    sigprocmask(SIG_SETMASK, NULL, &seen_mask);
    seen_stack = (uintptr_t)__builtin_frame_address(0);
}

static void note_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (calls < 8)
        order[calls] = number == info->si_signo ? info->si_value.sival_int : -1;
    calls++;
    seen_info = *info;
}

static void check_calls(void)
{
    handle(SIGUSR1, note, 0, SIGTERM);
    tap_is(raise(SIGUSR1), 0, "raise");
    tap_ok(calls == 1 && order[0] == SIGUSR1, "runs the handler, with the number");
    tap_ok(sigismember(&seen_mask, SIGUSR1) && sigismember(&seen_mask, SIGTERM)
               && !sigismember(&seen_mask, SIGUSR2),
           "its own signal and those of sa_mask are blocked in it");
    sigprocmask(SIG_SETMASK, NULL, &seen_mask);
    tap_ok(!sigismember(&seen_mask, SIGUSR1) && !sigismember(&seen_mask, SIGTERM),
           "and let in again after it");
    tap_ok(kill(getpid(), SIGUSR1) == 0 && calls == 2, "kill of the own process");
    tap_ok(kill(0, SIGUSR1) == 0 && killpg(getpid(), 0) == 0 && calls == 3,
           "and of the own group");
    tap_ok(!syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1) && calls == 4,
           "tgkill of oneself");

    handle_info(SIGUSR1, note_info, 0);
    raise(SIGUSR1);
    tap_ok(calls == 1 && seen_info.si_signo == SIGUSR1 && seen_info.si_code == SI_TKILL
               && seen_info.si_pid == getpid(),
           "SA_SIGINFO tells who has sent it");
    kill(getpid(), SIGUSR1);
    tap_ok(calls == 2 && seen_info.si_code == SI_USER, "and how");

    handle(SIGUSR1, note, SA_RESETHAND, 0);
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    tap_ok(calls == 1 && now.sa_handler == SIG_DFL, "SA_RESETHAND holds once");
}

/* --- Nesting --- */

static void nest(int number)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (++calls < 4)
        raise(number);
    depth--;
}

static void raise_other(int number)
{
    order[calls++] = number;
    if (number == SIGUSR1)
        raise(SIGUSR2);
    order[calls++] = -number;
}

static void check_nesting(void)
{
    handle(SIGUSR1, nest, 0, 0);
    raise(SIGUSR1);
    tap_ok(calls == 4 && deepest == 1, "a signal waits for the end of its own handler");
    handle(SIGUSR1, nest, SA_NODEFER, 0);
    raise(SIGUSR1);
    tap_ok(calls == 4 && deepest == 4, "with SA_NODEFER it interrupts it");

    handle(SIGUSR2, raise_other, 0, 0);
    handle(SIGUSR1, raise_other, 0, 0);
    raise(SIGUSR1);
    tap_ok(calls == 4 && order[1] == SIGUSR2 && order[2] == -SIGUSR2
               && order[3] == -SIGUSR1,
           "another one interrupts it");
    handle(SIGUSR1, raise_other, 0, SIGUSR2);
    raise(SIGUSR1);
    tap_ok(calls == 4 && order[1] == -SIGUSR1 && order[2] == SIGUSR2,
           "but for those in sa_mask");
    signal(SIGUSR2, SIG_DFL);

    block(SIG_BLOCK, SIGUSR1);
    handle(SIGUSR1, note, 0, 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    tap_is(calls, 0, "a blocked signal waits");
    block(SIG_UNBLOCK, SIGUSR1);
    tap_is(calls, 1, "once, however often it was sent");

    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    handle(SIGUSR1, note, 0, 0);
    block(SIG_UNBLOCK, SIGUSR1);
    tap_is(calls, 0, "what waits is dropped when its signal is ignored");
}

/* --- Values --- */

static void check_values(void)
{
    handle_info(SIGRTMIN, note_info, 0);
    handle_info(SIGRTMIN + 1, note_info, 0);
    tap_ok(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 7}) == 0
               && calls == 1 && order[0] == 7 && seen_info.si_code == SI_QUEUE,
           "sigqueue sends a value");
    block(SIG_BLOCK, SIGRTMIN);
    block(SIG_BLOCK, SIGRTMIN + 1);
    calls = 0;
    sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 20});
    for (int i = 0; i < 3; i++)
        sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 10 + i});
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGRTMIN + 1);
    tap_is(calls, 0, "real-time signals wait");
    sigset_t waiting;
    sigpending(&waiting);
    tap_ok(sigismember(&waiting, SIGRTMIN) && sigismember(&waiting, SIGRTMIN + 1),
           "sigpending tells");
    siginfo_t info;
    tap_ok(sigwaitinfo(&set, &info) == SIGRTMIN && info.si_value.sival_int == 10,
           "sigwaitinfo takes the first of the lowest");
    /* Handlers begin lowest first: the one that begins last runs first. */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    tap_ok(calls == 3 && order[0] + order[1] + order[2] == 43, "every one of them comes");
    sigpending(&waiting);
    tap_ok(!sigismember(&waiting, SIGRTMIN), "and is gone");

    int failed = 0;
    block(SIG_BLOCK, SIGRTMIN);
    calls = 0;
    for (int i = 0; i < 1000; i++)
        failed += sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}) != 0;
    long sum = 0;
    bool sorted = true;
    for (int i = 0; i < 1000; i++) {
        if (sigtimedwait(&set, &info, &(struct timespec){0}) < 0)
            break;
        sum += info.si_value.sival_int;
        sorted &= info.si_value.sival_int == i;
    }
    tap_ok(failed == 0 && sum == 499500 && sorted, "a thousand of them, in order");
    errno = 0;
    tap_ok(sigtimedwait(&set, &info, &(struct timespec){0}) == -1 && errno == EAGAIN,
           "and no more");
    block(SIG_UNBLOCK, SIGRTMIN);
}

/* --- The frame --- */

static void change_register(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    ucontext_t *user = context;
    user->uc_mcontext.gregs[REG_EDI] = 0x5a5a;
    sigaddset(&user->uc_sigmask, SIGUSR2);
    calls++;
}

/* edi over a call of tkill, which raises the signal. */
static uint32_t edi_over_tkill(void)
{
    uint32_t edi = 1;
    long result = 238; /* tkill */
    __asm__ volatile("call *%%gs:16"
                     : "+a"(result), "+D"(edi)
                     : "b"(gettid()), "c"(SIGUSR1)
                     : "memory", "cc");
    return edi;
}

static void check_frame(void)
{
    sigset_t mask;
    handle_info(SIGUSR1, change_register, 0);
    tap_is(edi_over_tkill(), 0x5a5a, "a handler can change a register");
    sigprocmask(SIG_SETMASK, NULL, &mask);
    tap_ok(sigismember(&mask, SIGUSR2), "and the mask");
    block(SIG_UNBLOCK, SIGUSR2);

    handle(SIGUSR1, note, 0, 0);
    tap_is(edi_over_tkill(), 1, "else it is kept");
}

static sigjmp_buf place;

static void jump(int number)
{
    siglongjmp(place, number);
}

static void check_jumps(void)
{
    handle(SIGUSR1, jump, 0, 0);
    int rounds = 0;
    for (int i = 0; i < 100; i++) {
        if (sigsetjmp(place, 1) == SIGUSR1)
            rounds++;
        else
            raise(SIGUSR1);
    }
    tap_is(rounds, 100, "handlers can be left by siglongjmp");
}

/* --- Stacks --- */

static uint8_t alternate[SIGSTKSZ * 4];

static void check_stacks(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate}, old;
    tap_ok(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE,
           "there is no alternate stack");
    tap_is(sigaltstack(&stack, NULL), 0, "until one is given");
    handle(SIGUSR1, note, 0, 0);
    raise(SIGUSR1);
    tap_ok(seen_stack - (uintptr_t)alternate >= sizeof alternate,
           "it is used only with SA_ONSTACK");
    handle(SIGUSR1, note, SA_ONSTACK, 0);
    raise(SIGUSR1);
    tap_ok(seen_stack - (uintptr_t)alternate < sizeof alternate, "and then it is");
    tap_ok(sigaltstack(NULL, &old) == 0 && old.ss_sp == alternate && old.ss_flags == 0,
           "what there is is told");
    stack.ss_flags = 0x1000;
    errno = 0;
    tap_ok(sigaltstack(&stack, NULL) == -1 && errno == EINVAL, "unknown flags");
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    raise(SIGUSR1);
    tap_ok(seen_stack - (uintptr_t)alternate >= sizeof alternate, "it can be taken away");
}

static void note_stack(int number)
{
    stack_t now;
    (void)number;
    errno = 0;
    sigaltstack(NULL, &now);
    order[0] = now.ss_flags;
    order[1] = sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL) == -1
               && errno == EPERM;
    calls++;
}

static void nest_on_stack(int number)
{
    (void)number;
    if (++calls < 3)
        raise(SIGUSR1);
    else
        seen_stack = (uintptr_t)__builtin_frame_address(0);
}

static void check_on_stack(void)
{
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    handle(SIGUSR1, note_stack, SA_ONSTACK, 0);
    raise(SIGUSR1);
    tap_ok(order[0] == SS_ONSTACK && order[1], "on it, it cannot be changed");
    handle(SIGUSR1, nest_on_stack, SA_ONSTACK | SA_NODEFER, 0);
    raise(SIGUSR1);
    tap_ok(calls == 3 && seen_stack - (uintptr_t)alternate < sizeof alternate,
           "handlers nest on it");
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
}

/* --- The FPU --- */

static void use_fpu(int number)
{
    volatile double x = number;
    for (int i = 0; i < 20; i++)
        x = x * 1.5 + i;
    fesetround(FE_TOWARDZERO);
    calls++;
}

static bool has_sse(void)
{
    return getauxval(AT_HWCAP) & 1u << 25;
}

static void check_fpu(void)
{
    double one = 1, three = 3, quotient = 0, more = 0;
    uint32_t sse[4] = {1, 2, 3, 4}, after[4] = {1, 2, 3, 4};
    long result = 238; /* tkill */
    handle(SIGUSR1, use_fpu, 0, 0);
    fesetround(FE_UPWARD);
    if (has_sse())
        __asm__ volatile("movups %0, %%xmm3" : : "m"(sse));
    __asm__ volatile("fldl %3\n\t"
                     "fldl %4\n\t"
                     "fdivrp\n\t"
                     "fldpi\n\t"
                     "call *%%gs:16\n\t"
                     "fstpl %2\n\t"
                     "fstpl %1"
                     : "+a"(result), "=m"(quotient), "=m"(more)
                     : "m"(one), "m"(three), "b"(gettid()), "c"(SIGUSR1)
                     : "memory", "cc");
    if (has_sse())
        __asm__ volatile("movups %%xmm3, %0" : "=m"(after));
    tap_ok(calls == 1 && quotient > 0.33 && quotient < 0.34 && more > 3.14 && more < 3.15,
           "the FPU's registers are kept (%d, %d, %d)", calls, (int)(quotient * 1000),
           (int)(more * 1000));
    tap_is(fegetround(), FE_UPWARD, "and the way it rounds");
    tap_ok(!memcmp(sse, after, sizeof sse), "and SSE's");
    fesetround(FE_TONEAREST);
}

/* --- sigsuspend --- */

static void check_suspend(void)
{
    sigset_t none, mask;
    sigemptyset(&none);
    handle(SIGUSR1, note, 0, 0);
    block(SIG_BLOCK, SIGUSR1);
    raise(SIGUSR1);
    errno = 0;
    tap_ok(sigsuspend(&none) == -1 && errno == EINTR && calls == 1,
           "sigsuspend lets in what waits");
    sigprocmask(SIG_SETMASK, NULL, &mask);
    tap_ok(sigismember(&mask, SIGUSR1) && !sigismember(&seen_mask, SIGTERM),
           "and the mask is the old one after it");
    block(SIG_UNBLOCK, SIGUSR1);
}

static int play(const char *role)
{
    if (!strcmp(role, "reset")) {
        handle(SIGTERM, note, SA_RESETHAND, 0);
        raise(SIGTERM);
        raise(SIGTERM);
    }
    if (!strcmp(role, "in a handler")) {
        handle(SIGUSR1, raise_other, 0, 0);
        raise(SIGUSR1);
    }
    if (!strcmp(role, "stack overflow")) {
        static uint8_t small[MINSIGSTKSZ];
        stack_t stack = {.ss_sp = small, .ss_size = sizeof small};
        sigaltstack(&stack, NULL);
        handle(SIGUSR1, nest_on_stack, SA_ONSTACK | SA_NODEFER, 0);
        raise(SIGUSR1);
    }
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(46);
    check_calls();
    check_nesting();
    check_values();
    check_frame();
    check_jumps();
    check_stacks();
    check_on_stack();
    check_fpu();
    check_suspend();
    dies_by("reset", SIGTERM);
    dies_by("in a handler", SIGUSR2);
    dies_by("stack overflow", SIGSEGV);
    return tap_done();
}
