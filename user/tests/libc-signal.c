/* SPDX-License-Identifier: MIT */
/*
 * Signals: actions, the default ones of what a program sends to itself, and masks.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libc-child.h"

static volatile int handled;

static void handler(int number)
{
    handled = number;
}

static void check_actions(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN}, old;
    tap_is(sigaction(SIGTERM, &action, &old), 0, "sigaction");
    tap_ok(old.sa_handler == SIG_DFL, "answers the action before");
    tap_is(raise(SIGTERM), 0, "an ignored signal does nothing");
    tap_is(raise(SIGCHLD), 0, "nor does one that is ignored by default");
    action.sa_handler = handler;
    tap_is(sigaction(SIGTERM, &action, NULL), 0, "a handler is kept");
    tap_is(sigaction(SIGTERM, NULL, &old), 0, "and answered");
    tap_ok(old.sa_handler == handler, "as it was");
    tap_ok(raise(SIGTERM) == 0 && handled == SIGTERM, "and run");
    errno = 0;
    tap_ok(sigaction(SIGKILL, &action, NULL) == -1 && errno == EINVAL,
           "SIGKILL has no handler");
    tap_is(signal(SIGTERM, SIG_DFL) == handler, 1, "signal");
}

static void check_masks(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    tap_is(sigprocmask(SIG_BLOCK, &set, NULL), 0, "sigprocmask");
    tap_is(raise(SIGUSR1), 0, "a blocked signal waits");
    sigpending(&set);
    tap_ok(sigismember(&set, SIGUSR1), "sigpending tells");
    signal(SIGUSR1, SIG_IGN);
    sigaddset(&set, SIGUSR1);
    tap_is(sigprocmask(SIG_UNBLOCK, &set, &old), 0, "until it is let in");
    tap_ok(sigismember(&old, SIGUSR1) && !sigismember(&old, SIGUSR2), "the mask before");
    sigpending(&set);
    tap_ok(!sigismember(&set, SIGUSR1), "and is gone, being ignored by then");
    signal(SIGUSR1, SIG_DFL);
}

static void check_others(void)
{
    errno = 0;
    tap_ok(kill(1, SIGTERM) == -1 && errno == ESRCH, "other processes are not known");
    tap_is(kill(getpid(), 0), 0, "oneself can");
    errno = 0;
    tap_ok(kill(getpid(), 99) == -1 && errno == EINVAL, "not a signal");
    errno = 0;
    tap_ok(fork() == -1 && errno == ENOSYS, "fork is not served yet");
    errno = 0;
    tap_ok(vfork() == -1 && errno == ENOSYS, "nor vfork");
    errno = 0;
    tap_ok(wait(NULL) == -1 && errno == ENOSYS, "nor wait");
}

static int play(const char *role)
{
    sigset_t set;
    sigfillset(&set);
    if (!strcmp(role, "raise SIGTERM"))
        raise(SIGTERM);
    if (!strcmp(role, "kill SIGKILL"))
        kill(getpid(), SIGKILL);
    if (!strcmp(role, "abort, blocked")) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        abort();
    }
    if (!strcmp(role, "abort, ignored")) {
        signal(SIGABRT, SIG_IGN);
        abort();
    }
    if (!strcmp(role, "abort, handled")) {
        signal(SIGABRT, handler);
        abort();
    }
    if (!strcmp(role, "unblock SIGUSR2")) {
        sigprocmask(SIG_BLOCK, &set, NULL);
        raise(SIGUSR2);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    }
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(28);
    check_actions();
    check_masks();
    check_others();
    dies_by("raise SIGTERM", SIGTERM);
    dies_by("kill SIGKILL", SIGKILL);
    dies_by("abort, blocked", SIGABRT);
    dies_by("abort, ignored", SIGABRT);
    dies_by("abort, handled", SIGABRT);
    dies_by("unblock SIGUSR2", SIGUSR2);
    return tap_done();
}
