/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the processor as signals. From the first handler for one of them on, the
 * process's faults are messages to a thread of its own, here. Where there is a handler,
 * it lets the thread that faulted go on at shim_fault_entry, which takes over what is
 * known of the fault, and then the signal. Else, and where the shim itself has faulted,
 * the process ends as it does without all this.
 */
#include "signal.h"

#include <string.h>

#include <limen/exceptions.h>
#include <limen/message.h>

#define FLAGS_CLEAN 0x202u
#define VECTOR_DIVISION 0
#define VECTOR_DEBUG 1
#define VECTOR_INVALID 6
#define VECTOR_FPU 16
#define VECTOR_ALIGNMENT 17
#define VECTOR_SSE 19

void shim_fault_entry(void);
void shim_fault_taken(struct linux_call *call);

static struct {
    uint32_t begun;
    handle_t port;
    uint32_t words[3];          /* of the fault that is handed over */
    uint32_t eip, eflags;
    uint32_t open;              /* 1: nobody has taken it over yet */
} faults;

/* --- What kind of fault it is --- */

/* Of the exceptions that were not masked, as both units order them. */
static int32_t arithmetic_code(uint32_t raised)
{
    static const int32_t codes[] = {
        FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES,
    };
    for (uint32_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (raised & 1u << i)
            return codes[i];
    return FPE_FLTINV;
}

static int32_t fpu_code(void)
{
    uint16_t control, status;
    __asm__ volatile("fnstcw %0" : "=m"(control));
    __asm__ volatile("fnstsw %0" : "=m"(status));
    return arithmetic_code(status & ~(uint32_t)control);
}

/* tests/beyond-486 knows this by name. */
__attribute__((noinline)) static int32_t sse_code(void)
{
    uint32_t mxcsr;
    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return arithmetic_code(mxcsr & ~(mxcsr >> 7));
}

/* A page that nobody has touched yet is there, too. */
static bool is_mapped(const uint32_t words[3])
{
    uint8_t byte;
    return words[FAULT_ERROR_CODE] & FAULT_PRESENT
           || limen_memory_read(HANDLE_SELF, words[FAULT_ADDRESS], &byte, 1) == 1;
}

static int32_t code_of(const uint32_t words[3])
{
    switch (words[FAULT_VECTOR]) {
    case VECTOR_DIVISION:
        return FPE_INTDIV;
    case VECTOR_DEBUG:
        return TRAP_TRACE;
    case VECTOR_INVALID:
        return ILL_ILLOPN;
    case VECTOR_PAGE_FAULT:
        return is_mapped(words) ? SEGV_ACCERR : SEGV_MAPERR;
    case VECTOR_FPU:
        return fpu_code();
    case VECTOR_ALIGNMENT:
        return BUS_ADRALN;
    case VECTOR_SSE:
        return sse_code();
    default:
        return SI_KERNEL;
    }
}

/* --- The thread that faulted --- */

void fault_take(struct thread_state *state)
{
    struct shim_thread *self = shim_self();
    state->eip = faults.eip;
    state->eflags = faults.eflags;
    memcpy(self->fault, faults.words, sizeof self->fault);
    __atomic_store_n(&faults.open, 0, __ATOMIC_RELEASE);
    limen_futex_wake(&faults.open, 1);

    uint32_t vector = self->fault[FAULT_VECTOR];
    bool is_memory = vector == VECTOR_PAGE_FAULT;
    const struct signal_info info = {
        .number = limen_exception_of(vector)->signal,
        .code = code_of(self->fault),
        .words = {(int32_t)(is_memory ? self->fault[FAULT_ADDRESS] : state->eip)},
    };
    shim_lock(&shim_signals.lock);
    if (self->blocked & SIGNAL_BIT(info.number) || signal_is_ignored(info.number))
        shim_die(info.number);
    signal_queue_take(&self->pending, info.number);
    (void)signal_send(self, &info, NULL);
    shim_unlock(&shim_signals.lock);
}

void shim_fault_taken(struct linux_call *call)
{
    struct thread_state state = signal_state_of(call, call->number);
    fault_take(&state);
    signal_leave(&state);
}

/* --- The thread that serves --- */

static bool in_shim(uint32_t esp)
{
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        if ((uint32_t)at - esp < SHIM_STACK_SIZE)
            return true;
    return false;
}

/* Whether a fault is the program's, and it has a handler for it. */
static bool is_handled(const struct thread_state *state, const uint32_t words[3])
{
    int number = limen_exception_of(words[FAULT_VECTOR])->signal;
    const volatile struct signal_action *action = &shim_signals.action[number - 1];
    return state->fs && !in_shim(state->esp) && action->handler > HANDLER_IGNORE;
}

/* Lets the thread go on where it takes the fault over; false: it is to end. */
static bool hand_over(handle_t thread, const uint32_t words[3])
{
    struct thread_state state;
    if (limen_thread_read(thread, &state) < 0 || !is_handled(&state, words))
        return false;
    memcpy(faults.words, words, sizeof faults.words);
    faults.eip = state.eip;
    faults.eflags = state.eflags;
    __atomic_store_n(&faults.open, 1, __ATOMIC_RELEASE);
    state.eip = (uint32_t)shim_fault_entry;
    state.eflags = FLAGS_CLEAN;
    if (limen_thread_write(thread, &state) == 0)
        return true;
    faults.open = 0;
    return false;
}

_Noreturn static void serve(void)
{
    for (;;) {
        struct message message = {.handle_room = 1};
        if (limen_receive_message(faults.port, &message, NULL) != MESSAGE_FAULT)
            continue;
        bool known = message.handle_count == 1;
        bool goes_on = known && hand_over(message.handles[0], message.words);
        (void)limen_reply(0, goes_on ? 0 : 1, 0, 0);
        if (known)
            limen_handle_close(message.handles[0]);
        while (__atomic_load_n(&faults.open, __ATOMIC_ACQUIRE))
            limen_futex_wait(&faults.open, 1, NULL);
    }
}

static bool start_server(void)
{
    struct shim_thread *area = shim_thread_create();
    if (!area)
        return false;
    const struct thread_start start = {
        .eip = (uint32_t)serve,
        .esp = (uint32_t)area - 5 * sizeof(uint32_t), /* as behind a call */
        .flags = THREAD_FS,
        .fs_base = (uint32_t)area,
    };
    long thread = limen_thread_create(HANDLE_SELF, &start);
    if (thread < 0)
        __atomic_store_n(&area->busy, 0, __ATOMIC_RELEASE);
    else
        limen_handle_close((handle_t){(uint32_t)thread});
    return thread >= 0;
}

bool fault_is_served(void)
{
    return __atomic_load_n(&faults.begun, __ATOMIC_ACQUIRE);
}

/* Without memory for it, faults end the process, as before. */
void fault_begin(void)
{
    if (__atomic_exchange_n(&faults.begun, 1, __ATOMIC_ACQ_REL))
        return;
    long port = limen_port_create();
    faults.port = (handle_t){(uint32_t)port};
    long endpoint = port < 0 ? port : limen_endpoint_mint(faults.port, 0);
    if (endpoint < 0 || !start_server())
        return;
    (void)limen_process_fault_endpoint(HANDLE_SELF, (handle_t){(uint32_t)endpoint});
    limen_handle_close((handle_t){(uint32_t)endpoint});
}
