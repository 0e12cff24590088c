/* SPDX-License-Identifier: MIT */
/*
 * Signal frames, as Linux has them on the i386, and sigreturn, which goes on with what is
 * in one: a handler may have changed it. The FPU's registers are in the frame as the
 * FNSAVE picture that Linux shows, and behind it as FXSAVE's where the processor has it.
 * Segments are shown, and not taken back.
 */
#include "signal.h"

#include <string.h>
#include <sys/auxv.h>

#define HWCAP_FPU (1u << 0)
#define HWCAP_FXSR (1u << 24)
#define HWCAP_SSE (1u << 25)

#define FLAGS_CLEAN 0x202u
#define FPU_ALIGN 64u
#define FRAME_ALIGN 16u

/* What Linux calls magic in its _fpstate. */
#define PICTURE_PLAIN 0xffffu
#define PICTURE_EXTENDED 0u

struct fpu_frame {
    uint8_t plain[108];         /* FNSAVE */
    uint16_t status;
    uint16_t magic;
    uint8_t extended[512];      /* FXSAVE */
};

static_assert(offsetof(struct fpu_frame, extended) % 16 == 0, "FXSAVE wants it");

struct machine_context {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t trap, error, eip, cs, eflags, esp_at_signal, ss;
    uint32_t fpu;               /* struct fpu_frame, or 0 */
    uint32_t mask_low;
    uint32_t fault_address;
};

struct user_context {
    uint32_t flags;
    uint32_t link;
    struct signal_stack stack;
    struct machine_context machine;
    uint64_t mask;
};

static_assert(offsetof(struct user_context, mask) == 108, "as on the i386");

/* For a handler with one argument. */
struct plain_frame {
    uint32_t return_to;
    int32_t number;
    struct machine_context machine;
    uint32_t mask_high;
};

struct info_frame {
    uint32_t return_to;
    int32_t number;
    uint32_t info_pointer;
    uint32_t context_pointer;
    struct signal_info info;
    uint8_t info_rest[128 - sizeof(struct signal_info)];
    struct user_context context;
};

void __restore(void);
void __restore_rt(void);

static uint32_t hwcap;

void shim_frames_begin(void)
{
    hwcap = shim_auxiliary(AT_HWCAP, 0);
}

/* --- The FPU: tests/beyond-486 knows these by name --- */

/* Puts the registers into the frame and makes them as at a thread's start. */
__attribute__((noinline)) static void fpu_save(struct fpu_frame *frame)
{
    static const uint32_t mxcsr = 0x1f80;

    if (hwcap & HWCAP_FXSR)
        __asm__ volatile("fxsave %0" : "=m"(frame->extended));
    __asm__ volatile("fnsave %0" : "=m"(frame->plain));
    if (hwcap & HWCAP_SSE)
        __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    memcpy(&frame->status, frame->plain + 4, sizeof frame->status);
    frame->magic = hwcap & HWCAP_FXSR ? PICTURE_EXTENDED : PICTURE_PLAIN;
}

/* A picture that the kernel has made. */
__attribute__((noinline)) static void fpu_load(const uint8_t *picture)
{
    if (hwcap & HWCAP_FXSR)
        __asm__ volatile("fxrstor (%0)" : : "r"(picture) : "memory");
    else
        __asm__ volatile("frstor (%0)" : : "r"(picture) : "memory");
}

/* FNCLEX: an exception that the handler has left would strike here. */
__attribute__((noinline)) static void fpu_restore(const struct fpu_frame *frame)
{
    __asm__ volatile("fnclex");
    if (hwcap & HWCAP_FXSR)
        __asm__ volatile("fxrstor %0" : : "m"(frame->extended));
    __asm__ volatile("frstor %0" : : "m"(frame->plain));
}

/* --- Where a frame stands --- */

static bool on_alternate(const struct shim_thread *self, uint32_t esp)
{
    return esp - 1 - self->alternate.base < self->alternate.size;
}

static uint32_t stack_flags(const struct shim_thread *self, uint32_t esp)
{
    if (self->alternate.size == 0)
        return SS_DISABLE;
    return on_alternate(self, esp) ? SS_ONSTACK : 0;
}

/* Takes room below `at` for what then ends at a boundary of `align` but for `odd` bytes.
 * An alternate stack that overflows is the end. */
static uint32_t take_room(const struct shim_thread *self, uint32_t *at, uint32_t size,
                          uint32_t align, uint32_t odd)
{
    bool alternate = on_alternate(self, *at);
    *at = ((*at - size) & ~(align - 1)) - odd;
    if (alternate && !on_alternate(self, *at + 1))
        shim_die(SIGSEGV);
    return *at;
}

/* --- Filling it in --- */

static struct machine_context context_of(const struct shim_thread *self,
                                         const struct thread_state *state, uint32_t fpu,
                                         uint64_t mask)
{
    return (struct machine_context){
        .gs = state->gs,
        .fs = state->fs,
        .es = state->es,
        .ds = state->ds,
        .edi = state->edi,
        .esi = state->esi,
        .ebp = state->ebp,
        .esp = state->esp,
        .ebx = state->ebx,
        .edx = state->edx,
        .ecx = state->ecx,
        .eax = state->eax,
        .trap = self->fault[FAULT_VECTOR],
        .error = self->fault[FAULT_ERROR_CODE],
        .eip = state->eip,
        .cs = state->cs,
        .eflags = state->eflags,
        .esp_at_signal = state->esp,
        .ss = state->ss,
        .fpu = fpu,
        .mask_low = (uint32_t)mask,
        .fault_address = self->fault[FAULT_ADDRESS],
    };
}

static uint32_t restorer(const struct signal_taken *taken, void (*own)(void))
{
    return taken->action.flags & SA_RESTORER ? taken->action.restorer : (uint32_t)own;
}

static void push_info_frame(struct shim_thread *self, const struct signal_taken *taken,
                            struct thread_state *state, uint32_t top, uint32_t fpu)
{
    struct info_frame *frame = (struct info_frame *)take_room(
        self, &top, sizeof *frame, FRAME_ALIGN, sizeof frame->return_to);
    frame->return_to = restorer(taken, __restore_rt);
    frame->number = taken->info.number;
    frame->info_pointer = (uint32_t)&frame->info;
    frame->context_pointer = (uint32_t)&frame->context;
    frame->info = taken->info;
    memset(frame->info_rest, 0, sizeof frame->info_rest);
    frame->context = (struct user_context){
        .stack = self->alternate,
        .machine = context_of(self, state, fpu, taken->mask),
        .mask = taken->mask,
    };
    frame->context.stack.flags = stack_flags(self, state->esp);
    state->edx = frame->info_pointer;
    state->ecx = frame->context_pointer;
    state->esp = (uint32_t)frame;
}

static void push_plain_frame(struct shim_thread *self, const struct signal_taken *taken,
                             struct thread_state *state, uint32_t top, uint32_t fpu)
{
    struct plain_frame *frame = (struct plain_frame *)take_room(
        self, &top, sizeof *frame, FRAME_ALIGN, sizeof frame->return_to);
    frame->return_to = restorer(taken, __restore);
    frame->number = taken->info.number;
    frame->machine = context_of(self, state, fpu, taken->mask);
    frame->mask_high = (uint32_t)(taken->mask >> 32);
    state->edx = state->ecx = 0;
    state->esp = (uint32_t)frame;
}

void signal_frame_push(struct shim_thread *self, const struct signal_taken *taken,
                       struct thread_state *state, const uint8_t *fpu)
{
    uint32_t top = state->esp;
    uint32_t fpu_at = 0;
    if (taken->action.flags & SA_ONSTACK && self->alternate.size
        && !on_alternate(self, top))
        top = self->alternate.base + self->alternate.size;
    if (fpu && hwcap & HWCAP_FPU) {
        if (fpu != SIGNAL_FPU_LIVE)
            fpu_load(fpu);
        fpu_at = take_room(self, &top, sizeof(struct fpu_frame), FPU_ALIGN, 0);
        fpu_save((struct fpu_frame *)fpu_at);
    }
    if (taken->action.flags & SA_SIGINFO)
        push_info_frame(self, taken, state, top, fpu_at);
    else
        push_plain_frame(self, taken, state, top, fpu_at);
    state->eax = (uint32_t)taken->info.number;
    state->eip = taken->action.handler;
    state->eflags = FLAGS_CLEAN;
}

/* --- The end of a handler --- */

/* Goes on with what the frame says, if no other signal is let in by that. */
_Noreturn static void go_on(const struct machine_context *machine, uint64_t mask)
{
    struct thread_state state = {
        .eax = machine->eax,
        .ebx = machine->ebx,
        .ecx = machine->ecx,
        .edx = machine->edx,
        .esi = machine->esi,
        .edi = machine->edi,
        .ebp = machine->ebp,
        .esp = machine->esp,
        .eip = machine->eip,
        .eflags = machine->eflags,
    };
    shim_set_mask(mask);
    if (machine->fpu && hwcap & HWCAP_FPU)
        fpu_restore((const struct fpu_frame *)machine->fpu);
    signal_leave(&state);
}

/* __restore has taken `number` off the stack, and its call has put back a word. */
long shim_sigreturn(void)
{
    const struct plain_frame *frame =
        (const struct plain_frame *)(shim_self()->user_esp - 4);
    go_on(&frame->machine, frame->machine.mask_low | (uint64_t)frame->mask_high << 32);
}

long shim_rt_sigreturn(void)
{
    struct shim_thread *self = shim_self();
    const struct info_frame *frame = (const struct info_frame *)self->user_esp;
    const struct signal_stack *stack = &frame->context.stack;
    if (!on_alternate(self, frame->context.machine.esp)) {
        self->alternate = *stack;
        self->alternate.flags = 0;
    }
    go_on(&frame->context.machine, frame->context.mask);
}

/* --- The alternate stack --- */

long shim_sigaltstack(const struct signal_stack *stack, struct signal_stack *old)
{
    struct shim_thread *self = shim_self();
    struct signal_stack before = self->alternate;
    before.flags = stack_flags(self, self->user_esp);
    if (stack) {
        if (before.flags == SS_ONSTACK)
            return -EPERM;
        if (stack->flags & ~(uint32_t)(SS_DISABLE | SS_ONSTACK))
            return -EINVAL;
        if (!(stack->flags & SS_DISABLE) && stack->size < MINSIGSTKSZ)
            return -ENOMEM;
        self->alternate =
            stack->flags & SS_DISABLE ? (struct signal_stack){0} : *stack;
        self->alternate.flags = 0;
    }
    if (old)
        *old = before;
    return 0;
}
