/* SPDX-License-Identifier: MIT */
/*
 * Keeps the processor busy in one way while NMIs strike, until a line comes on standard
 * input, and says whether every register stayed what it was.
 *
 *     load spin        user code, all registers known
 *     load int80|sysenter|syscall      null calls by that gate
 *     load fpu         two threads that take the FPU from each other
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <limen/gate.h>
#include <limen/syscall.h>

volatile uint32_t stop;
void (*crossing)(void);
uint32_t rounds, kept_esp;
double kept_pi;

bool spin(void);
bool cross(void);

/*
 * Both return when `stop` is set, or 0 as soon as a register is not what it must be. ESP
 * is compared with where it was; ST(0), which holds pi, is used in every round and stored
 * at the end.
 */
#define EXPECT(register, value)         \
    "cmpl $" value ", %" register "\n\t" \
    "jne 2f\n\t"
#define BEGIN           \
    "pushal\n\t"        \
    "pushl %fs\n\t"     \
    "movl %ds, %eax\n\t" \
    "movl %eax, %fs\n\t" \
    "movl %esp, kept_esp\n\t" \
    "fldpi\n\t"
#define END(label)             \
    "cmpl %esp, kept_esp\n\t"  \
    "jne 2f\n\t"               \
    "fld %st(0)\n\t"           \
    "fstp %st(0)\n\t"          \
    "incl rounds\n\t"          \
    "cmpl $0, stop\n\t"        \
    "je " label "\n\t"         \
    "movl $1, %edx\n\t"        \
    "jmp 3f\n"                 \
    "2:\n\t"                   \
    "xorl %edx, %edx\n"        \
    "3:\n\t"                   \
    "movl kept_esp, %esp\n\t"  \
    "movl %fs, %eax\n\t"       \
    "movl %ds, %ecx\n\t"       \
    "cmpw %ax, %cx\n\t"        \
    "je 4f\n\t"                \
    "xorl %edx, %edx\n"        \
    "4:\n\t"                   \
    "fstpl kept_pi\n\t"        \
    "popl %fs\n\t"             \
    "movl %edx, 28(%esp)\n\t"  \
    "popal\n\t"                \
    "ret\n"

__asm__(".text\n"
        "spin:\n\t" BEGIN
        "movl $0x10203040, %eax\n\t"
        "movl $0x21314151, %ebx\n\t"
        "movl $0x32425262, %ecx\n\t"
        "movl $0x43536373, %edx\n\t"
        "movl $0x54647484, %esi\n\t"
        "movl $0x65758595, %edi\n\t"
        "movl $0x768696a6, %ebp\n"
        "1:\n\t"
        EXPECT("eax", "0x10203040")
        EXPECT("ebx", "0x21314151")
        EXPECT("ecx", "0x32425262")
        EXPECT("edx", "0x43536373")
        EXPECT("esi", "0x54647484")
        EXPECT("edi", "0x65758595")
        EXPECT("ebp", "0x768696a6")
        END("1b")
        "cross:\n\t" BEGIN
        "movl $0x21314151, %ebx\n\t"
        "movl $0x54647484, %esi\n\t"
        "movl $0x65758595, %edi\n\t"
        "movl $0x768696a6, %ebp\n"
        "1:\n\t"
        "movl $0, %eax\n\t"
        "call *crossing\n\t"
        EXPECT("eax", "0")
        EXPECT("ebx", "0x21314151")
        EXPECT("esi", "0x54647484")
        EXPECT("edi", "0x65758595")
        EXPECT("ebp", "0x768696a6")
        END("1b"));

static_assert(SYS_LIMEN_null == 0, "cross() calls number 0");

static void *wait_for_line(void *unused)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        continue;
    stop = 1;
    return unused;
}

/* Both threads of `load fpu`: what is in ST(0) stays there while the other one runs. */
static void *keep_in_fpu(void *number)
{
    const double *kept = number;
    double found = *kept;
    while (found == *kept && !stop) {
        long result = SYS_LIMEN_thread_yield;
        __asm__ volatile("fldl %[kept]\n\t"
                         "int $0x80\n\t"
                         "fstpl %[found]"
                         : [found] "=m"(found), "+a"(result)
                         : [kept] "m"(*kept)
                         : "ecx", "edx", "memory", "st");
        rounds++;
    }
    return found == *kept ? number : NULL;
}

static bool share_fpu(void)
{
    static double numbers[2] = {1.25, -77.5};
    pthread_t other;
    void *result = NULL;
    if (pthread_create(&other, NULL, keep_in_fpu, &numbers[1]))
        return false;
    bool right = keep_in_fpu(&numbers[0]);
    return !pthread_join(other, &result) && result && right;
}

static bool work(const char *what)
{
    static const struct {
        const char *name;
        void (*stub)(void);
    } gates[] = {
        {"int80", limen_gate_int80},
        {"sysenter", limen_gate_sysenter},
        {"syscall", limen_gate_syscall},
    };
    if (!strcmp(what, "fpu"))
        return share_fpu();
    for (int i = 0; i < 3; i++)
        if (!strcmp(what, gates[i].name))
            crossing = gates[i].stub;
    return (crossing ? cross() : spin()) && kept_pi > 3.14159 && kept_pi < 3.1416;
}

int main(int argc, char **argv)
{
    pthread_t reader;
    if (argc < 2 || pthread_create(&reader, NULL, wait_for_line, NULL))
        return 2;
    puts("load: started");
    fflush(stdout);
    bool right = work(argv[1]);
    printf("load: %s, %s\n", right ? "kept" : "broken", rounds ? "worked" : "idle");
    return !right;
}
