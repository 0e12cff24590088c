/* SPDX-License-Identifier: MIT */
/*
 * Upcalls where there is no stack for them: the thread faults as if it had written there
 * itself. Either its process ends, and the report says so, or whoever handles its faults
 * makes the page, and the upcall comes then, with nothing lost: no message, no register,
 * no FPU state. What changes meanwhile is taken into account.
 */
#include "gate.h"
#include "stage.h"
#include "upcalls.h"

#define HOLE 0x60000000u /* nothing is mapped there */
#define READ_ONLY 0x61000000u
#define HALF 0x62000000u /* one page, below it none */
#define WORKER 0
#define USER_WRITE 0x6 /* error code */

static struct system_message heard;
static volatile uint32_t section;
static handle_t reply_port;
static const struct child self_process = {.process = HANDLE_SELF};

/* --- The end of a process --- */

void cross_on(uint32_t esp, const struct system_message *message, uint32_t size);
extern const uint8_t crossed_on[];
__asm__(".text\n"
        "cross_on:\n\t"
        "movl 8(%esp), %ecx\n\t"
        "movl 12(%esp), %edx\n\t"
        "movl 4(%esp), %esp\n\t"
        "movl $1, %eax\n\t"
        "xorl %ebx, %ebx\n\t"
        "int $0x81\n"
        "crossed_on:\n\t"
        "movl $4, %eax\n\t" /* process_exit */
        "movl $1, %ebx\n\t"
        "int $0x80\n\t"
        "hlt\n");

#define SIZE UPCALL_SIZE_PLAIN
#define BELOW(top) (((top)-SIZE) & ~15u)

/* The port's stack, the thread's stack pointer, where the fault is said to be. */
static const struct {
    const char *text;
    uint32_t stack, size, esp, address;
} ends[] = {
    {"a hole", HOLE + 0x1000, 0x1000, TWIN_STACK_TOP - 256, BELOW(HOLE + 0x1000)},
    {"a page that is read-only", READ_ONLY + 0x1000, 0x1000, TWIN_STACK_TOP - 256,
     BELOW(READ_ONLY + 0x1000)},
    {"a stack that ends below its page", HALF + 64, 0x1000, TWIN_STACK_TOP - 256,
     BELOW(HALF + 64)},
    {"a stack too small", HOLE, SIZE - 1, TWIN_STACK_TOP - 256,
     TWIN_STACK_TOP - 256 - SIZE},
    {"a stack without size", HOLE, 0, TWIN_STACK_TOP - 256, TWIN_STACK_TOP - 256 - SIZE},
    {"a stack below the first page", 64, 64, TWIN_STACK_TOP - 256,
     TWIN_STACK_TOP - 256 - SIZE},
    {"a stack that ends at the kernel", KERNEL_BASE, 0x1000, TWIN_STACK_TOP - 256,
     BELOW(KERNEL_BASE)},
    {"a port's stack that is full", TWIN_STACK_TOP, 0x100, TWIN_STACK_TOP - 0xf0,
     TWIN_STACK_TOP - 0xf0 - SIZE},
    {"the same to its last byte", TWIN_STACK_TOP, 0x100, TWIN_STACK_TOP - 0x100,
     TWIN_STACK_TOP - 0x100 - SIZE},
    {"no stack pointer", 0, 0, 0, 0u - SIZE},
    {"a stack pointer of 16", 0, 0, 16, 16 - SIZE},
    {"a stack pointer in the null page", 0, 0, 0x800, BELOW(0x800)},
    {"a stack pointer in a hole", 0, 0, HOLE + 0x800, BELOW(HOLE + 0x800)},
    {"a stack pointer that is odd", 0, 0, HOLE + 0x803, BELOW(HOLE + 0x803)},
    {"a stack pointer in a page that is read-only", 0, 0, READ_ONLY + 0x800,
     BELOW(READ_ONLY + 0x800)},
    {"a stack pointer over a hole", 0, 0, HALF + 64, BELOW(HALF + 64)},
    {"a stack pointer at the kernel", 0, 0, KERNEL_BASE, BELOW(KERNEL_BASE)},
    {"a stack pointer in the kernel", 0, 0, KERNEL_BASE + 4, KERNEL_BASE + 4 - SIZE},
    {"a stack pointer in the threshold page", 0, 0, THRESHOLD_ADDRESS + 0x800,
     THRESHOLD_ADDRESS + 0x800 - SIZE},
    {"the last stack pointer", 0, 0, ~0u, ~0u - SIZE},
};

/* Makes the upcall there: held back and then let go, or by the post itself. */
static void upcall_there(uint32_t way)
{
    static struct system_message post = {
        .operation = SYSTEM_THREAD_POST, .object = HANDLE_SELF, .words = {1}};
    uint32_t row = way / 2;
    bool held = way % 2;
    struct reply_policy policy = upcall_policy(HANDLE_SELF);
    policy.stack = ends[row].stack;
    policy.stack_size = ends[row].size;
    policy.critical = held ? (uint32_t *)&section : NULL;
    section = 1;
    long port = limen_reply_port_create(&policy);
    if (port <= 0 || child_map(self_process, READ_ONLY, PAGE_SIZE, MEMORY_READ) != 0 ||
        child_map(self_process, HALF, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) != 0)
        (void)limen_process_exit(2);
    heard = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                    .flags = MSG_ASYNC | MSG_LIVE,
                                    .reply_port = handle_of(port),
                                    .object = HANDLE_SELF,
                                    .words = {1}};
    if (limen_msg_send(LIMEN_SYSTEM, &heard) != -EASYNC ||
        (held && post_to(HANDLE_SELF, 1) != 0))
        (void)limen_process_exit(3);
    section = 0;
    (void)*(volatile uint8_t *)READ_ONLY;
    cross_on(ends[row].esp, held ? NULL : &post, held ? 0 : sizeof(post));
}

static bool end_one(uint32_t row, bool held)
{
    struct child child;
    struct process_end end;
    char words[128];
    outcome_t outcome = twin_run(&child, 256, upcall_there, 2 * row + held, &end);
    bool right = outcome == FAULT(14) && end.address == ends[row].address &&
                 end.error_code == USER_WRITE && end.state.eip == (uint32_t)crossed_on &&
                 end.state.esp == ends[row].esp && end.state.eax == 0 &&
                 end.state.edx == !held;
    if (!right)
        tap_note("%s: %s, not address %08x", ends[row].text,
                 outcome_text(outcome, &end, words, sizeof(words)), ends[row].address);
    child_close(&child);
    return right;
}

static bool ends_as_its_own_fault(void)
{
    bool right = true;
    for (uint32_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        right = end_one(i, true) && right;
        right = end_one(i, false) && right;
    }
    return right;
}

static bool bad_stacks(void)
{
    static const struct {
        uint32_t stack, size;
        long error;
    } rows[] = {
        {KERNEL_BASE + 1, 0x1000, -EFAULT}, {~0u, 0x1000, -EFAULT}, {0, 1, -EINVAL},
        {0x1000, 0x1001, -EINVAL},          {0x1000, ~0u, -EINVAL}, {1, 2, -EINVAL},
    };
    bool right = true;
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct reply_policy policy = upcall_policy(HANDLE_SELF);
        policy.stack = rows[i].stack;
        policy.stack_size = rows[i].size;
        long error = limen_reply_port_create(&policy);
        right = step_ok(error == rows[i].error, "reply_port_create", error) && right;
    }
    return right;
}

/* --- A page that somebody makes --- */

enum action {
    MAKE_PAGE,
    ANSWER_FIRST, /* and make it when it has faulted once more */
    TO_QUEUE,
    CLOSE,
    COLLECT,
    ENTER_SECTION,
    OTHER_STACK,
    OTHER_THREAD,
    ACTIONS,
};

static const char *const actions[] = {
    "the page is made",         "it is made the second time",
    "the port becomes a queue", "the port is closed",
    "the message is collected", "a critical section begins",
    "a stack that is good",     "another thread",
};

static volatile uint32_t worker_flags;
static volatile bool worker_right, worker_left;

struct fpu_image {
    uint16_t control;
    uint8_t numbers[3][10];
};

static bool by_int81;
static bool plain; /* the thread uses no FPU */

static long flush(void)
{
    struct limen_crossing crossing = {.port = LIMEN_SYSTEM};
    return by_int81 ? limen_sendsys_by_int81(&crossing) : limen_msg_flush();
}

/* Numbers stay in the FPU over the crossing. */
static bool cross_with_numbers(void)
{
    static const uint16_t control = 0x27f;
    struct fpu_image image = {0};
    static const uint8_t pi[10] = {0x35, 0xc2, 0x68, 0x21, 0xa2,
                                   0xda, 0x0f, 0xc9, 0x00, 0x40};
    __asm__ volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfldpi" : : "m"(control));
    long error = flush();
    __asm__ volatile("fnstcw %0\n\tfstpt %1\n\tfstpt %2\n\tfstpt %3"
                     : "=m"(image.control), "=m"(image.numbers[0]),
                       "=m"(image.numbers[1]), "=m"(image.numbers[2]));
    return error == 0 && image.control == control &&
           memcmp(image.numbers[0], pi, 10) == 0 && image.numbers[1][9] == 0 &&
           image.numbers[2][9] == 0x3f;
}

static void flush_and_go_on(uint32_t unused)
{
    (void)unused;
    uint32_t flags;
    section = 0;
    worker_right = plain ? flush() == 0 : cross_with_numbers();
    __asm__ volatile("pushfl\n\tpopl %0" : "=r"(flags));
    worker_flags = flags;
    worker_left = true;
}

static bool fault_came(void)
{
    struct limen_words fault;
    uint64_t deadline = clock_now() + PATIENCE;
    long kind = limen_receive_words(stage_ports[0], &fault, &deadline);
    uint32_t size = plain ? UPCALL_SIZE_PLAIN : sizeof(struct upcall);
    return step_ok(kind == MESSAGE_FAULT, "a fault", kind) &&
           step_ok(fault.words[FAULT_VECTOR] == 14, "vector",
                   fault.words[FAULT_VECTOR]) &&
           step_ok(fault.words[FAULT_ADDRESS] == HOLE + 0x1000 - size, "address",
                   fault.words[FAULT_ADDRESS]) &&
           step_ok(fault.words[FAULT_ERROR_CODE] == USER_WRITE, "error code",
                   fault.words[FAULT_ERROR_CODE]);
}

static bool make_page(void)
{
    long error = child_map(self_process, HOLE, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE);
    return step_ok(error == 0, "memory_map", error);
}

static bool change(enum action action, handle_t thread)
{
    struct reply_policy policy = upcall_policy(thread);
    policy.critical = (uint32_t *)&section;
    switch (action) {
    case MAKE_PAGE:
        return make_page();
    case ANSWER_FIRST:
        return limen_reply(0, 0, 0, 0) == 0 && fault_came() && make_page();
    case TO_QUEUE:
        policy = (struct reply_policy){.kind = REPLY_QUEUE};
        return limen_reply_port_policy(reply_port, &policy) == 0;
    case CLOSE:
        return closed(reply_port);
    case COLLECT:
        return limen_msg_test(reply_port, &heard) == 0 && heard.words[0] == 1;
    case ENTER_SECTION:
        section = 1;
        return true;
    case OTHER_THREAD:
        policy.thread = HANDLE_SELF;
        return limen_reply_port_policy(reply_port, &policy) == 0;
    default:
        return limen_reply_port_policy(reply_port, &policy) == 0;
    }
}

/* What it comes to. */
static bool came_out(enum action action)
{
    bool upcall = action == MAKE_PAGE || action == ANSWER_FIRST ||
                  action == OTHER_STACK || action == OTHER_THREAD;
    bool right = upcalls_were(upcall) &&
                 step_ok(!upcall || upcall_last.words[0] == 1, "signals", 0) &&
                 step_ok((worker_flags & 0x247700u) == 0x200u, "flags", worker_flags);
    if (action == ENTER_SECTION)
        right = right && step_ok(section == (1 | CRITICAL_HELD), "the word", section);
    if (action == TO_QUEUE || action == ENTER_SECTION)
        right = right && limen_msg_test(reply_port, &heard) == 0 && heard.words[0] == 1;
    return right;
}

static bool handle_one(enum action action)
{
    uint32_t handles = process_now().handles;
    upcalls_begin();
    worker_left = worker_right = false;
    section = 1;
    bool right = stage_open(1) && stage_start(WORKER, flush_and_go_on, LESS);
    struct reply_policy policy = upcall_policy(stage_threads[WORKER]);
    policy.critical = (uint32_t *)&section;
    policy.stack = HOLE + 0x1000;
    policy.stack_size = 0x1000;
    reply_port = handle_of(limen_reply_port_create(&policy));
    right = right && limen_process_fault_endpoint(HANDLE_SELF, stage_endpoints[0]) == 0 &&
            listen_for(&heard, reply_port, HANDLE_SELF, 1) &&
            post_to(HANDLE_SELF, 1) == 0;
    stage_settle();
    right = right && fault_came() && change(action, stage_threads[WORKER]) &&
            limen_reply(0, 0, 0, 0) == 0;
    stage_settle();
    right = right && step_ok(worker_left, "the thread went on", 0) &&
            step_ok(worker_right, "its state", 0) && came_out(action);
    (void)limen_process_fault_endpoint(HANDLE_SELF, (handle_t){0});
    if (action == MAKE_PAGE || action == ANSWER_FIRST)
        right = limen_memory_unmap(HANDLE_SELF, HOLE, PAGE_SIZE) == 0 && right;
    if (action != CLOSE)
        (void)closed(reply_port);
    right = stage_close() && right;
    return step_ok(process_now().handles == handles, "handles left",
                   process_now().handles) &&
           right;
}

static bool handle_all(const char *gate)
{
    bool right = true;
    for (uint32_t i = 0; i < 2 * ACTIONS; i++) {
        plain = i < ACTIONS;
        right = step_ok(handle_one(i % ACTIONS), actions[i % ACTIONS], plain) && right;
    }
    return step_ok(right, gate, 0);
}

/* By every gate: the fault's frame is made of what crossed. */
static bool handled(void)
{
    bool right = true;
    for (int gate = 0; gate < GATE_COUNT; gate++) {
        void (*before)(void) = limen_gate;
        if (!gate_is_open(gate))
            continue;
        limen_gate = gate_choices[gate].stub;
        right = handle_all(gate_choices[gate].name) && right;
        limen_gate = before;
    }
    by_int81 = true;
    return handle_all("int 0x81") && right;
}

static const struct test_case cases[] = {
    {"without a stack the process ends", ends_as_its_own_fault},
    {"stacks that no policy may have", bad_stacks},
    {"a fault on an upcall's stack is handled", handled},
};

int main(void)
{
    return RUN_CASES(cases);
}
