/* SPDX-License-Identifier: MIT */
/*
 * Keeps the processor busy in one way while NMIs strike, until a line comes on standard
 * input, and says whether every register stayed what it was.
 *
 *     load spin        user code, all registers known
 *     load int80|sysenter|syscall      null calls by that gate
 *     load calls GATE  calls to another process by that gate, with three words each way
 *     load calls-fpu GATE      the same, by one who uses the FPU
 *     load fpu         two threads that take the FPU from each other
 *     load int81       messages that ask for nothing, by int 0x81
 *     load requests GATE   requests by int 0x81 to another process, which answers by that
 *                          gate to who waits
 *     load upcalls GATE    messages whose upcalls come at once, and return by that gate
 *     load upcalls-fpu GATE    the same, by one who uses the FPU, as upcalls do
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <limen/async.h>
#include <limen/gate.h>
#include <limen/syscall.h>

#include "child.h"

volatile uint32_t stop;
void (*crossing)(void);
uint32_t rounds, kept_esp;
double kept_pi;
uint32_t called, served; /* the endpoint, and the port in the other process */
uint32_t number_call = SYS_LIMEN_call, number_reply_receive = SYS_LIMEN_reply_receive;

bool spin(void);
bool cross(void);
bool call(void);
bool call_with_fpu(void);
bool send(void);
bool ask(void);
bool send_with_fpu(void);
void landed(void);
void answer(uint32_t port);

struct system_message sent; /* by int 0x81 */
struct system_message asked; /* the same, to another process */
uint32_t asked_port;         /* where it comes back */
uint32_t upcall_fpu;        /* upcalls use the FPU */
uint32_t number_return = SYS_LIMEN_upcall_return;

/*
 * These but the last two return when `stop` is set, or 0 as soon as a register is not
 * what it must be. ESP is compared with where it was; ST(0), which holds pi where the FPU
 * takes part, is used in every round and stored at the end.
 */
#define EXPECT(register, value)         \
    "cmpl $" value ", %" register "\n\t" \
    "jne 2f\n\t"
#define BEGIN_WITHOUT_FPU \
    "pushal\n\t"        \
    "pushl %fs\n\t"     \
    "movl %ds, %eax\n\t" \
    "movl %eax, %fs\n\t" \
    "movl %esp, kept_esp\n\t"
#define BEGIN BEGIN_WITHOUT_FPU "fldpi\n\t"
#define USE_FPU "fld %st(0)\n\tfstp %st(0)\n\t"
#define STORE_FPU "fstpl kept_pi\n\t"
#define END(label) END_WITH(label, USE_FPU, STORE_FPU)
#define END_WITH(label, use, store) \
    "cmpl %esp, kept_esp\n\t"  \
    "jne 2f\n\t"               \
    use                        \
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
    store                      \
    "popl %fs\n\t"             \
    "movl %edx, 28(%esp)\n\t"  \
    "popal\n\t"                \
    "ret\n"

/* One more than each word comes back. */
#define CALL_ONCE                     \
    "movl called, %ebx\n\t"           \
    "movl $0x54647484, %esi\n\t"      \
    "movl $0x65758595, %edi\n\t"      \
    "movl $0x768696a6, %ebp\n\t"      \
    "movl number_call, %eax\n\t"      \
    "call *crossing\n\t"              \
    EXPECT("eax", "0")                \
    "cmpl called, %ebx\n\t"           \
    "jne 2f\n\t"                      \
    EXPECT("esi", "0x54647485")       \
    EXPECT("edi", "0x65758596")       \
    EXPECT("ebp", "0x768696a7")

#define SEND_ONCE                     \
    "xorl %ebx, %ebx\n\t"             \
    "movl $0x54647484, %esi\n\t"      \
    "movl $0x65758595, %edi\n\t"      \
    "movl $0x768696a6, %ebp\n\t"      \
    "movl $1, %eax\n\t"               \
    "movl $sent, %ecx\n\t"            \
    "movl $48, %edx\n\t"              \
    "int $0x81\n\t"                   \
    EXPECT("eax", "0")                \
    EXPECT("ebx", "0")                \
    EXPECT("ecx", "sent")             \
    EXPECT("edx", "1")                \
    EXPECT("esi", "0x54647484")       \
    EXPECT("edi", "0x65758595")       \
    EXPECT("ebp", "0x768696a6")

/* Sends it, and waits for the answer. */
#define ASK_ONCE                           \
    "xorl %ebx, %ebx\n\t"                  \
    "movl $0x54647484, %esi\n\t"           \
    "movl $0x65758595, %edi\n\t"           \
    "movl $0x768696a6, %ebp\n\t"           \
    "movl %esi, asked + 16\n\t"            \
    "movl %edi, asked + 20\n\t"            \
    "movl %ebp, asked + 24\n\t"            \
    "movl called, %eax\n\t"                \
    "movl $asked, %ecx\n\t"                \
    "movl $48, %edx\n\t"                   \
    "int $0x81\n\t"                        \
    EXPECT("eax", "-115") /* EASYNC */     \
    EXPECT("ecx", "asked")                 \
    EXPECT("edx", "1")                     \
    "movl asked_port, %eax\n\t"            \
    "xorl %ecx, %ecx\n\t"                  \
    "xorl %edx, %edx\n\t"                  \
    "int $0x81\n\t"                        \
    EXPECT("eax", "0")                     \
    EXPECT("ebx", "0")                     \
    EXPECT("ecx", "asked")                 \
    EXPECT("edx", "1")                     \
    EXPECT("esi", "0x54647484")            \
    EXPECT("edi", "0x65758595")            \
    EXPECT("ebp", "0x768696a6")            \
    "incl %esi\n\t"                        \
    "cmpl %esi, asked + 16\n\t"            \
    "jne 2f\n\t"                           \
    "incl %edi\n\t"                        \
    "cmpl %edi, asked + 20\n\t"            \
    "jne 2f\n\t"                           \
    "incl %ebp\n\t"                        \
    "cmpl %ebp, asked + 24\n\t"            \
    "jne 2f\n\t"

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
        END("1b")
        "call:\n\t" BEGIN_WITHOUT_FPU "1:\n\t" CALL_ONCE END_WITH("1b", "", "")
        "call_with_fpu:\n\t" BEGIN "1:\n\t" CALL_ONCE END("1b")
        "send:\n\t" BEGIN_WITHOUT_FPU "1:\n\t" SEND_ONCE END_WITH("1b", "", "")
        "ask:\n\t" BEGIN_WITHOUT_FPU "1:\n\t" ASK_ONCE END_WITH("1b", "", "")
        "send_with_fpu:\n\t" BEGIN "1:\n\t" SEND_ONCE END("1b")
        "landed:\n\t"
        "cmpl $0, upcall_fpu\n\t"
        "je 1f\n\t"
        "fldz\n"
        "1:\n\t"
        "movl %eax, %esi\n\t"
        "xorl %ebp, %ebp\n\t"
        "movl $77, %edi\n\t"
        "movl 64(%esi), %ebx\n\t" /* its port */
        "movl number_return, %eax\n\t"
        "call *crossing\n\t"
        "hlt\n"
        "answer:\n\t"
        "movl 4(%esp), %eax\n\t"
        "movl %eax, served\n"
        "1:\n\t"
        "movl served, %ebx\n\t"
        "movl number_reply_receive, %eax\n\t"
        "call *crossing\n\t"
        EXPECT("ebx", "0x51525354")
        "incl %esi\n\t"
        "incl %edi\n\t"
        "incl %ebp\n\t"
        "jmp 1b\n"
        "2:\n\t"
        "hlt\n");

static_assert(SYS_LIMEN_null == 0, "cross() calls number 0");
static_assert(offsetof(struct system_message, words) == 16 && EASYNC == 115, "ask()");

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

static uint32_t pages_used(void)
{
    struct process_info info = {0};
    struct system_info system;
    (void)limen_system_info(&system);   /* waits until what has ended is gone */
    return limen_process_info(HANDLE_SELF, &info) == 0 ? info.pages_used : 0;
}

/* The other process is a copy of this one that answers. When it is gone it has cost
 * nothing; the end of the thread that waits for a line gives something back. */
#define BADGE 0x51525354
#define PAGES 200

static bool call_other(bool (*loop)(void))
{
    struct child child;
    struct process_end end;
    uint32_t before = pages_used();
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, BADGE));
    called = endpoint.value;
    if (!twin_load(&child, PAGES))
        return false;
    long given = limen_handle_give(child.process, port, RIGHTS_SAME);
    bool right = given > 0 && twin_start(&child, answer, (uint32_t)given) && loop();
    (void)limen_process_kill(child.process, 0);
    right = limen_process_wait(child.process, &end, NULL) == 0 && right;
    right = right && end.reason == PROCESS_KILLED;
    child_close(&child);
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
    return right && pages_used() <= before;
}

/* Asks the other process, with a port of its own. */
static bool ask_with_port(void)
{
    const struct reply_policy policy = {.kind = REPLY_QUEUE};
    handle_t port = handle_of(limen_reply_port_create(&policy));
    asked_port = port.value;
    asked = (struct system_message){.flags = MSG_ASYNC, .reply_port = port};
    bool right = ask();
    return limen_handle_close(port) == 0 && right;
}

/* Each message that is sent then makes an upcall of this thread, at once. */
static bool send_with_upcalls(bool (*loop)(void))
{
    static uint8_t stack[8192];
    const struct reply_policy policy = {.kind = REPLY_UPCALL,
                                        .depth = 1,
                                        .entry = (uint32_t)landed,
                                        .stack = (uint32_t)stack + sizeof(stack),
                                        .stack_size = sizeof(stack)};
    handle_t port = handle_of(limen_reply_port_create(&policy));
    struct system_message listener = {.operation = SYSTEM_THREAD_SIGNALS,
                                      .flags = MSG_ASYNC | MSG_LIVE,
                                      .reply_port = port,
                                      .words = {1}};
    if (limen_msg_send(LIMEN_SYSTEM, &listener) != -EASYNC)
        return false;
    sent = (struct system_message){.operation = SYSTEM_THREAD_POST, .words = {1}};
    bool right = loop();
    return limen_handle_close(port) == 0 && right;
}

static void choose_gate(const char *name)
{
    static const struct {
        const char *name;
        void (*stub)(void);
    } gates[] = {
        {"int80", limen_gate_int80},
        {"sysenter", limen_gate_sysenter},
        {"syscall", limen_gate_syscall},
    };
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, gates[i].name))
            crossing = gates[i].stub;
}

static bool work(const char *what)
{
    bool right;
    if (!strcmp(what, "fpu"))
        return share_fpu();
    if (!strcmp(what, "calls"))
        return call_other(call);
    if (!strcmp(what, "requests"))
        return call_other(ask_with_port);
    if (!strcmp(what, "int81"))
        return send();
    if (!strcmp(what, "upcalls"))
        return send_with_upcalls(send);
    if (!strcmp(what, "upcalls-fpu")) {
        upcall_fpu = 1;
        right = send_with_upcalls(send_with_fpu);
    } else if (!strcmp(what, "calls-fpu"))
        right = call_other(call_with_fpu);
    else
        right = crossing ? cross() : spin();
    return right && kept_pi > 3.14159 && kept_pi < 3.1416;
}

/* Once before it counts: what is made then stays. */
static void warm_up(const char *what)
{
    stop = 1;
    (void)work(what);
    stop = 0;
}

int main(int argc, char **argv)
{
    pthread_t reader;
    if (argc < 2)
        return 2;
    choose_gate(argv[argc - 1]);
    warm_up(argv[1]);
    if (pthread_create(&reader, NULL, wait_for_line, NULL))
        return 2;
    puts("load: started");
    fflush(stdout);
    bool right = work(argv[1]);
    printf("load: %s, %s\n", right ? "kept" : "broken", rounds ? "worked" : "idle");
    return !right;
}
