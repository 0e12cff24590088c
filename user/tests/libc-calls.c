/* SPDX-License-Identifier: MIT */
/*
 * The Linux call interface of the shim, without musl's wrappers in between: numbers,
 * registers, what is not served, and calls from a stack of a few bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include "libc-child.h"

#include <limen/gate.h>
#include <limen/syscall.h>

#define NUMBERS 600

/* The registers around one call at %gs:16. */
struct registers {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp;
};

/* Makes a Linux call with all registers given, on a stack that has room for the return
 * address and nothing else, and takes all of them back. */
static void call_linux(struct registers *in_out)
{
    static struct registers saved;
    static uint32_t own_esp;
    saved = *in_out;
    __asm__ volatile(
        "pushal\n\t"
        "movl %%esp, %[own_esp]\n\t"
        "movl 0+%[saved], %%eax\n\t"
        "movl 4+%[saved], %%ebx\n\t"
        "movl 8+%[saved], %%ecx\n\t"
        "movl 12+%[saved], %%edx\n\t"
        "movl 16+%[saved], %%esi\n\t"
        "movl 20+%[saved], %%edi\n\t"
        "movl 24+%[saved], %%ebp\n\t"
        "movl 28+%[saved], %%esp\n\t"
        "call *%%gs:16\n\t"
        "movl %%eax, 0+%[saved]\n\t"
        "movl %%ebx, 4+%[saved]\n\t"
        "movl %%ecx, 8+%[saved]\n\t"
        "movl %%edx, 12+%[saved]\n\t"
        "movl %%esi, 16+%[saved]\n\t"
        "movl %%edi, 20+%[saved]\n\t"
        "movl %%ebp, 24+%[saved]\n\t"
        "movl %%esp, 28+%[saved]\n\t"
        "movl %[own_esp], %%esp\n\t"
        "popal"
        : [saved] "+m"(saved), [own_esp] "=m"(own_esp)
        :
        : "memory", "cc");
    *in_out = saved;
}

static void check_registers(void)
{
    static uint32_t stack[3] = {0x11111111, 0, 0x22222222};
    struct registers given = {
        .eax = SYS_getpid,
        .ebx = 0xb0b0b0b0,
        .ecx = 0xc0c0c0c0,
        .edx = 0xd0d0d0d0,
        .esi = 0x51515151,
        .edi = 0xd1d1d1d1,
        .ebp = 0xbbbbbbbb,
        .esp = (uint32_t)&stack[2],
    };
    struct registers after = given;
    call_linux(&after);
    tap_is(after.eax, getpid(), "a call from a stack of one word");
    after.eax = given.eax;
    tap_ok(!memcmp(&after, &given, sizeof given), "keeps every register");
    tap_ok(stack[0] == 0x11111111 && stack[2] == 0x22222222, "and uses that word only");
}

/* Every number that has no function, and those far out, answer ENOSYS. */
static void check_unserved(void)
{
    static const int served_samples[] = {SYS_getpid, SYS_gettid, SYS_getuid32,
                                         SYS_sched_yield};
    int served = 0, wrong = 0;
    for (size_t i = 0; i < sizeof served_samples / sizeof served_samples[0]; i++)
        served += syscall(served_samples[i]) >= 0;
    tap_is(served, 4, "some calls are served");

    static const int unserved[] = {SYS_open,       SYS_fork, SYS_execve, SYS_ptrace,
                                   SYS_socketcall, SYS_dup,  SYS_statx,  SYS_mount,
                                   NUMBERS,        -1,       0x7fffffff};
    for (size_t i = 0; i < sizeof unserved / sizeof unserved[0]; i++) {
        errno = 0;
        wrong += syscall(unserved[i], 0, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS;
    }
    tap_is(wrong, 0, "what is not served answers ENOSYS");
}

static void check_information(void)
{
    struct utsname name;
    tap_ok(uname(&name) == 0 && !strcmp(name.sysname, "Limen"), "uname");
    tap_ok(name.machine[0] == 'i' && name.machine[1] >= '4' && name.machine[1] <= '6',
           "names the machine");
    struct sysinfo info;
    struct system_info native;
    tap_is(sysinfo(&info), 0, "sysinfo");
    limen_system_info(&native);
    tap_is(info.totalram, native.frames_total, "tells the memory");
    tap_is(getuid() + geteuid() + getgid() + getegid(), 0, "the user is 0");
    tap_ok(isatty(0) && isatty(1), "a test's standard input and output are a terminal");
    tap_is(sysconf(_SC_NPROCESSORS_ONLN), 1, "one processor");
}

static void check_terminal(void)
{
    struct stat status;
    tap_ok(fstat(1, &status) == 0 && S_ISCHR(status.st_mode), "fstat of the terminal");
    tap_ok(lseek(1, 0, SEEK_CUR) == -1 && errno == ESPIPE, "which has no position");

    struct termios settings, changed, read_back;
    tap_is(tcgetattr(0, &settings), 0, "tcgetattr");
    tap_ok((settings.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON)
               && settings.c_cc[VINTR] == 3,
           "a terminal echoes and takes lines at first");
    changed = settings;
    cfmakeraw(&changed);
    tap_is(tcsetattr(0, TCSANOW, &changed), 0, "tcsetattr");
    tcgetattr(0, &read_back);
    tap_is(tcsetattr(0, TCSANOW, &settings), 0, "and back");
    tap_ok(!(read_back.c_lflag & (ECHO | ICANON | ISIG)) && !(read_back.c_oflag & OPOST),
           "it was raw in between");
}

static void check_random(void)
{
    uint8_t first[16] = {0}, second[16] = {0};
    bool has = limen_random(first, sizeof first);
    errno = 0;
    ssize_t got = getrandom(second, sizeof second, 0);
    if (has)
        tap_ok(got == 16 && memcmp(first, second, 16),
               "getrandom gives bytes that differ");
    else
        tap_ok(got == -1 && errno == ENOSYS,
               "getrandom is not served without a generator");
}

static int play(const char *role)
{
    if (!strcmp(role, "exit by number"))
        syscall(SYS_exit_group, 0x123);
    if (!strcmp(role, "last exit"))
        syscall(SYS_exit, 3);
    return 99;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return play(argv[1]);
    tap_plan(22);
    check_registers();
    check_unserved();
    check_information();
    check_terminal();
    check_random();
    exits_with("exit by number", 0x23);
    exits_with("last exit", 0);
    return tap_done();
}
