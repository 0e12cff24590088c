/* SPDX-License-Identifier: MIT */
/*
 * upcall_return: a thread goes on with exactly the state that it gives, if that is one
 * that it can have in user mode; else the call is refused and nothing has changed. A
 * hostile process gets no further by it than by any other instruction.
 */
#include "upcalls.h"

#define HOLE 0x60000000u
#define TWINS 48
#define FLAGS_TOLD 0x244dd5u /* what PUSHF shows of what a thread can choose, less IF */

static struct upcall wanted;
static struct registers_stored {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eflags;
    uint32_t fs, gs, cs, ss, ds, es;
} landed;
static uint32_t return_stack[16];
uint32_t returns_esp, returns_fs, returns_gs, returns_flags_stack[8];

/*
 * long return_with(handle, upcall): the error of upcall_return, or 1, and all registers
 * are in `landed`, having gone on at return_landing with the state.
 */
long return_with(handle_t port, const struct upcall *upcall);
extern const uint8_t return_landing[];
__asm__(".text\n"
        "return_with:\n\t"
        "pushl %ebp\n\tpushl %ebx\n\tpushl %esi\n\tpushl %edi\n\t"
        "movw %gs, returns_gs\n\t"
        "movw %fs, returns_fs\n\t"
        "movl %esp, returns_esp\n\t"
        "movl 20(%esp), %ebx\n\t"
        "movl 24(%esp), %esi\n\t"
        "movl $68, %eax\n\t"
        "call *limen_gate\n"
        "1:\n\t"
        "cld\n\t"
        "popl %edi\n\tpopl %esi\n\tpopl %ebx\n\tpopl %ebp\n\t"
        "ret\n"
        "return_landing:\n\t"
        "movl %eax, landed + 0\n\t"
        "movl %ebx, landed + 4\n\t"
        "movl %ecx, landed + 8\n\t"
        "movl %edx, landed + 12\n\t"
        "movl %esi, landed + 16\n\t"
        "movl %edi, landed + 20\n\t"
        "movl %ebp, landed + 24\n\t"
        "movl %esp, landed + 28\n\t"
        "movl $returns_flags_stack + 16, %esp\n\t"
        "pushfl\n\t"
        "popl landed + 32\n\t"
        "pushl $2\n\t"
        "popfl\n\t"
        "movw %fs, landed + 36\n\t"
        "movw %gs, landed + 40\n\t"
        "movw %cs, landed + 44\n\t"
        "movw %ss, landed + 48\n\t"
        "movw %ds, landed + 52\n\t"
        "movw %es, landed + 56\n\t"
        "movw returns_gs, %gs\n\t"
        "movw returns_fs, %fs\n\t"
        "movl returns_esp, %esp\n\t"
        "movl $1, %eax\n\t"
        "jmp 1b\n");

/* A state that is good. */
static void want_plain(void)
{
    wanted = (struct upcall){
        .state = {.eax = 0x11223344,
                  .ebx = 0x22334455,
                  .ecx = 0x33445566,
                  .edx = 0x44556677,
                  .esi = 0x55667788,
                  .edi = 0x66778899,
                  .ebp = 0x778899aa,
                  .esp = (uint32_t)(return_stack + 8),
                  .eip = (uint32_t)return_landing,
                  .eflags = 0x202,
                  .cs = SELECTOR_UCODE,
                  .ss = SELECTOR_UDATA,
                  .ds = SELECTOR_UDATA,
                  .es = SELECTOR_UDATA},
    };
    landed = (struct registers_stored){0};
}

/* Some processors make all null selectors the same when they leave the kernel. */
static bool same_selector(uint32_t stored, uint32_t selector)
{
    return stored == selector || (selector <= 3 && stored == 0);
}

static bool landed_right(uint32_t flags)
{
    const struct thread_state *state = &wanted.state;
    return landed.eax == state->eax && landed.ebx == state->ebx &&
           landed.ecx == state->ecx && landed.edx == state->edx &&
           landed.esi == state->esi && landed.edi == state->edi &&
           landed.ebp == state->ebp && landed.esp == state->esp &&
           landed.cs == state->cs && landed.ss == state->ss && landed.ds == state->ds &&
           landed.es == state->es && same_selector(landed.fs, state->fs) &&
           same_selector(landed.gs, state->gs) && landed.eflags == flags;
}

/* What is answered, and if the thread went on, whether with the right flags. */
static bool answers(long answer, uint32_t flags, const char *what, uint32_t which)
{
    long got = return_with((handle_t){0}, &wanted);
    bool right = got == answer && (answer != 1 || landed_right(flags));
    if (!right)
        tap_note("%s %08x: %ld, flags %08x fs %x gs %x", what, which, got, landed.eflags,
                 landed.fs, landed.gs);
    return right;
}

static bool registers(void)
{
    want_plain();
    bool right = answers(1, 0x202, "a plain state", 0);
    wanted.state.eax = (uint32_t)-EBADF;
    wanted.state.ebx = wanted.state.ecx = wanted.state.edx = ~0u;
    wanted.state.esp = 1;
    return answers(1, 0x202, "an odd state", 0) && right;
}

static bool flags(void)
{
    uint32_t refused = 3u << 12 | 1u << 17 | 3u << 19; /* IOPL, VM, VIF, VIP */
    uint32_t told = FLAGS_TOLD & (cpu_has_cpuid() ? ~0u : ~(1u << 21));
    bool right = true;
    for (uint32_t bit = 0; bit < 32; bit++) {
        if (bit == 8)
            continue; /* TF: upcall-steps */
        uint32_t eflags = 0x202 ^ 1u << bit;
        want_plain();
        wanted.state.eflags = eflags;
        bool good = (eflags & (refused | 0x200)) == 0x200;
        right =
            answers(good ? 1 : -EINVAL, (eflags & told) | 0x202, "flag", bit) && right;
    }
    want_plain();
    wanted.state.eflags = told | 0x202;
    wanted.state.eflags &= ~0x100u;
    return answers(1, wanted.state.eflags, "all flags", 0) && right;
}

/* What user mode can load into %fs and %gs. */
static bool can_be_loaded(uint32_t selector)
{
    uint32_t descriptor = selector | 3;
    return selector <= 3 || descriptor == SELECTOR_UDATA ||
           descriptor == SELECTOR_UCODE || descriptor == SELECTOR_FS ||
           descriptor == SELECTOR_GS;
}

static bool selectors(void)
{
    bool right = true;
    for (uint32_t i = 0; i < 0x200; i++) {
        uint32_t selector = i & 0xff;
        uint32_t high = i & 0x100 ? 0x10000 << (i & 15) : 0;
        uint32_t *fields[] = {&wanted.state.cs, &wanted.state.ss, &wanted.state.ds,
                              &wanted.state.es, &wanted.state.fs, &wanted.state.gs};
        for (int field = 0; field < 6; field++) {
            want_plain();
            uint32_t own = *fields[field];
            *fields[field] = selector | high;
            bool good = !high && (field < 4 ? selector == own : can_be_loaded(selector));
            right =
                answers(good ? 1 : -EINVAL, 0x202, "selector", field << 8 | selector) &&
                right;
        }
    }
    return right;
}

static bool refuses(handle_t port, const struct upcall *upcall, long error,
                    const char *what)
{
    long got = return_with(port, upcall);
    return step_ok(got == error, what, got);
}

static bool arguments(void)
{
    static const uint32_t bad[] = {
        0,        4,  HOLE, USER_END, KERNEL_BASE - 64, KERNEL_BASE, THRESHOLD_ADDRESS,
        ~0u - 64, ~0u};
    const handle_t none = {0};
    bool right = true;
    want_plain();
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        right = refuses(none, (const struct upcall *)bad[i], -EFAULT, "a bad pointer") &&
                right;
    for (uint32_t bit = 2; bit < 32; bit++) {
        want_plain();
        wanted.flags = 1u << bit;
        right = refuses(none, &wanted, -EINVAL, "an unknown flag") && right;
    }
    want_plain();
    wanted.flags = UPCALL_LOST;
    right = answers(1, 0x202, "UPCALL_LOST", 0) && right;
    want_plain();
    handle_t queue = queue_port();
    handle_t port = upcall_port(HANDLE_SELF);
    handle_t other = handle_of(limen_port_create());
    right = refuses(queue, &wanted, -EBUSY, "a queue") &&
            refuses(port, &wanted, -EBUSY, "a port without an upcall") &&
            refuses(other, &wanted, -EBADF, "another object") &&
            refuses((handle_t){0x7ffffff0}, &wanted, -EBADF, "no handle") && right;
    wanted.state.cs = 0;
    right = refuses(port, &wanted, -EINVAL, "both are wrong") && right;
    return closed(queue) && closed(port) && closed(other) && right;
}

/* The picture of the FPU is not there, or in part. */
static bool picture_missing(void)
{
    static const struct child self = {.process = HANDLE_SELF};
    uint32_t end = HOLE + PAGE_SIZE;
    bool right = child_map(self, HOLE, PAGE_SIZE, MEMORY_READ | MEMORY_WRITE) == 0;
    for (uint32_t size = UPCALL_SIZE_PLAIN; right && size <= sizeof(struct upcall);
         size += 64) {
        struct upcall *upcall = (struct upcall *)(end - size);
        want_plain();
        wanted.flags = UPCALL_FPU;
        memcpy(upcall, &wanted, size);
        long got = return_with((handle_t){0}, upcall);
        right =
            step_ok(got == (size == sizeof(struct upcall) ? 1 : -EFAULT), "size", size);
    }
    want_plain(); /* without FPU state, as before */
    return limen_memory_unmap(HANDLE_SELF, HOLE, PAGE_SIZE) == 0 && right &&
           answers(1, 0x202, "a plain state", 0);
}

/* --- From hostile processes --- */

static uint32_t random_state;

static uint32_t random_word(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 16 | random_state << 16;
}

static void randomize(void *at, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        ((uint8_t *)at)[i] = (uint8_t)(random_word() >> 7);
}

/* Gets FPU states of which no processor would think. Whatever they do is this process's
 * affair: what they bring is looked at, with all exceptions masked. */
static void strange_pictures(uint32_t seed)
{
    bool sse = cpu_facts().sse;
    random_state = seed;
    for (uint32_t round = 0; round < 200; round++) {
        want_plain();
        wanted.flags = UPCALL_FPU;
        if (round % 3)
            randomize(wanted.fpu, sizeof(wanted.fpu));
        else
            memset(wanted.fpu, round % 2 ? 0xff : 0x80, sizeof(wanted.fpu));
        if (return_with((handle_t){0}, &wanted) != 1)
            (void)limen_process_exit(1);
        uint32_t mxcsr = 0x1f80;
        __asm__ volatile("fnclex");
        if (sse)
            __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
        (void)limen_thread_yield();
        __asm__ volatile("fninit\n\tfld1\n\tfwait");
    }
    (void)limen_process_exit(0);
}

static bool pictures(void)
{
    bool right = true;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        struct child child;
        struct process_end end;
        outcome_t outcome = twin_run(&child, 256, strange_pictures, seed, &end);
        right =
            step_ok(outcome == EXIT_0, "a twin's end", end.reason << 8 | end.vector) &&
            right;
        child_close(&child);
    }
    return right;
}

/* Goes on with a state of which parts are noise. */
static void noise(uint32_t seed)
{
    random_state = seed;
    for (uint32_t round = 0; round < 1000; round++) {
        uint32_t parts = random_word();
        want_plain();
        if (parts & 1)
            randomize(&wanted.state, 40);
        if (parts & 2)
            wanted.state.eflags = (random_word() & ~0x3000u) | 0x200;
        if (parts & 4)
            randomize(&wanted.state.cs, 24);
        if (parts & 8)
            wanted.state.eip = random_word();
        if (parts & 16)
            wanted.state.esp = random_word();
        if (parts & 32)
            wanted.flags = UPCALL_FPU;
        (void)return_with((handle_t){random_word() & parts >> 8}, &wanted);
    }
    (void)limen_process_exit(0);
}

static bool states_of_noise(void)
{
    for (uint32_t seed = 1; seed <= TWINS; seed++) {
        struct child child;
        struct process_end end;
        outcome_t outcome = twin_run(&child, 256, noise, seed * 7919, &end);
        child_close(&child);
        if (!step_ok(outcome != NOT_STARTED && outcome != RUNS_ON, "a twin's end", seed))
            return false;
    }
    return true;
}

static const struct test_case cases[] = {
    {"it goes on with all registers as given", registers},
    {"flags", flags},
    {"selectors", selectors},
    {"arguments that are refused", arguments},
    {"a picture of the FPU that is not there", picture_missing},
    {"FPU states that nobody could have made", pictures},
    {"states of noise", states_of_noise},
};

int main(void)
{
    return RUN_CASES(cases);
}
