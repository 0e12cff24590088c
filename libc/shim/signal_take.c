/* SPDX-License-Identifier: MIT */
/*
 * Taking signals: on the way out of the shim, and in upcalls. Each thread takes its own.
 *
 * A few instructions at the shim's edge (entry.S) are neither in a critical section nor
 * the caller's code. What is interrupted there is taken back to before the call, or
 * brought to its end, so that a handler only ever sees the caller's code.
 */
#include "signal.h"

#include <string.h>

#define FLAGS_PLAIN 0x202u

/* How musl calls the shim: call *%gs:16. */
static const uint8_t call_code[] = {0x65, 0xff, 0x15, 0x10, 0x00, 0x00, 0x00};

/* entry.S */
void shim_entry(void);
extern const char shim_entered[];
extern const char shim_left[], shim_left_end[];
extern const char shim_late[], shim_late_in[];
extern const char shim_left_flags[], shim_left_popped[];
extern const char shim_late_flags[], shim_late_flags_in[];
extern const char shim_fault_entry[], shim_fault_in[];
_Noreturn void shim_leave_flags(struct linux_call *call);

/* --- Choosing --- */

/* The queue from which the next signal of a set comes; null: none waits. */
static struct signal_queue *next_queue(struct shim_thread *self, uint64_t set,
                                       int *number)
{
    uint64_t own = self->pending.set & set;
    uint64_t all = own | (shim_signals.pending.set & set);
    if (!all)
        return NULL;
    *number = signal_lowest(all & SIGNALS_OF_FAULTS ? all & SIGNALS_OF_FAULTS : all);
    return own & SIGNAL_BIT(*number) ? &self->pending : &shim_signals.pending;
}

bool signal_take_of(struct shim_thread *self, uint64_t set, struct signal_info *info)
{
    int number;
    struct signal_queue *queue = next_queue(self, set, &number);
    if (!queue)
        return false;
    struct signal_entry *entry = signal_queue_take(queue, number);
    signal_entry_give(entry);   /* a timer's then says how often it has expired */
    *info = entry ? entry->info : (struct signal_info){.number = number};
    return true;
}

/* The mask that the handler's end brings back; its own holds from now on. */
static uint64_t change_mask(struct shim_thread *self, const struct signal_taken *taken)
{
    uint64_t before = self->restores_mask ? self->saved : self->blocked;
    uint64_t own =
        taken->action.flags & SA_NODEFER ? 0 : SIGNAL_BIT(taken->info.number);
    self->restores_mask = false;
    self->blocked |= (taken->action.mask | own) & ~UNBLOCKABLE;
    if (shim_signals.pending.set)
        signal_retarget();
    return before;
}

/* Takes the next signal that has a handler; false: there is none. One whose default is
 * the end of the process is that. */
static bool take(struct shim_thread *self, struct signal_taken *taken)
{
    bool found = false;
    shim_lock(&shim_signals.lock);
    self->attention = 0;
    while (!found && signal_take_of(self, ~self->blocked, &taken->info)) {
        int number = taken->info.number;
        if (signal_is_ignored(number))
            continue;
        struct signal_action *action = &shim_signals.action[number - 1];
        if (action->handler == HANDLER_DEFAULT)
            shim_die(number);
        taken->action = *action;
        if (action->flags & SA_RESETHAND)
            action->handler = HANDLER_DEFAULT;
        taken->mask = change_mask(self, taken);
        found = true;
    }
    int more;
    if (found && next_queue(self, ~self->blocked, &more))
        self->attention = 1;
    shim_unlock(&shim_signals.lock);
    return found;
}

/* Whether there is a reason to look. */
static inline bool has_news(const struct shim_thread *self)
{
    return *(const volatile uint32_t *)&self->attention || signal_held(self);
}

/* --- Waits that signals end --- */

/* Looks; whether a signal is to end a wait. */
static bool is_signalled(struct shim_thread *self)
{
    signal_drain(self);
    shim_lock(&shim_signals.lock);
    self->attention = 0;
    int number;
    bool found = next_queue(self, ~self->blocked | self->awaited, &number);
    if (found)
        self->attention = 1;
    shim_unlock(&shim_signals.lock);
    return found;
}

bool shim_is_signalled(void)
{
    return has_news(shim_self()) && is_signalled(shim_self());
}

bool shim_wait_begin(void)
{
    struct shim_thread *self = shim_self();
    for (;;) {
        __asm__ volatile("orl %1, %0" : "+m"(self->critical) : "i"(CRITICAL_INTERRUPT));
        if (!has_news(self))
            return true;
        __asm__ volatile("andl %1, %0" : "+m"(self->critical) : "i"(~CRITICAL_INTERRUPT));
        if (is_signalled(self))
            return false;
    }
}

bool shim_wait_again(long result)
{
    struct shim_thread *self = shim_self();
    __asm__ volatile("andl %1, %0" : "+m"(self->critical) : "i"(~CRITICAL_INTERRUPT));
    return result == -EINTR && !is_signalled(self);
}

/* Where a call is done again that a signal has ended, its wait goes on. */
uint64_t shim_deadline(uint64_t span)
{
    uint64_t from = shim_now();
    uint64_t deadline = span > UINT64_MAX - from ? UINT64_MAX : from + span;
    struct shim_thread *self = shim_self();
    if (self->resume_until)
        deadline = self->resume_until;
    self->resume_until = 0;
    return deadline;
}

long shim_interrupted(uint64_t deadline)
{
    shim_self()->resume_until = deadline == UINT64_MAX ? 0 : deadline;
    return -RESTART_UNHANDLED;
}

/* --- On the way out --- */

_Noreturn static void leave(const struct thread_state *state)
{
    struct shim_thread *self = shim_self();
    struct linux_call *call = (struct linux_call *)self - 1;
    uint32_t *top = (uint32_t *)state->esp - 2;
    top[0] = state->eflags;
    top[1] = state->eip;
    self->user_esp = (uint32_t)top;
    *call = (struct linux_call){
        .number = state->eax,
        .word = {state->ebx, state->ecx, state->edx, state->esi, state->edi, state->ebp},
    };
    shim_leave_flags(call);
}

void signal_leave(struct thread_state *state)
{
    struct shim_thread *self = shim_self();
    struct signal_taken taken;
    if (signal_held(self))
        signal_drain(self);
    while (self->attention && take(self, &taken))
        signal_frame_push(self, &taken, state, SIGNAL_FPU_LIVE);
    leave(state);
}

struct thread_state signal_state_of(const struct linux_call *call, uint32_t eax)
{
    const struct shim_thread *self = shim_self();
    struct thread_state state = {
        .eax = eax,
        .ebx = call->word[0],
        .ecx = call->word[1],
        .edx = call->word[2],
        .esi = call->word[3],
        .edi = call->word[4],
        .ebp = call->word[5],
        .esp = self->user_esp,
        .eflags = FLAGS_PLAIN,
    };
    __asm__("movl %%cs, %0" : "=r"(state.cs));
    __asm__("movl %%ss, %0" : "=r"(state.ss));
    __asm__("movl %%fs, %0" : "=r"(state.fs));
    __asm__("movl %%gs, %0" : "=r"(state.gs));
    state.ds = state.es = state.ss;
    return state;
}

static uint32_t pop(struct thread_state *state)
{
    uint32_t word = *(const uint32_t *)state->esp;
    state->esp += sizeof word;
    return word;
}

/* The state behind the call. */
static struct thread_state state_behind(const struct linux_call *call, uint32_t eax)
{
    struct thread_state state = signal_state_of(call, eax);
    state.eip = pop(&state);
    return state;
}

/* Takes the state back to before its call; `state` is that behind it. */
static void rewind(struct thread_state *state, uint32_t number)
{
    uint32_t code = state->eip - sizeof call_code;
    state->eax = number;
    if (!memcmp((const void *)code, call_code, sizeof call_code)) {
        state->eip = code;
    } else {
        state->esp -= sizeof(uint32_t);
        state->eip = (uint32_t)shim_entry;
    }
}

bool shim_attend(const struct linux_call *call, long result)
{
    struct shim_thread *self = shim_self();
    struct signal_taken taken;
    bool begun = result == -RESTART_CALL || result == -RESTART_UNHANDLED;
    if (signal_held(self))
        signal_drain(self);
    if (!take(self, &taken))
        return begun;

    struct thread_state state = state_behind(call, (uint32_t)(begun ? -EINTR : result));
    if (result == -RESTART_CALL && taken.action.flags & SA_RESTART)
        rewind(&state, call->number);
    self->resume_until = 0;
    signal_frame_push(self, &taken, &state, SIGNAL_FPU_LIVE);
    signal_leave(&state);
}

void shim_attend_late(struct linux_call *call)
{
    struct thread_state state = state_behind(call, call->number);
    signal_leave(&state);
}

void shim_attend_late_flags(struct linux_call *call)
{
    struct thread_state state = signal_state_of(call, call->number);
    state.eflags = pop(&state);
    state.eip = pop(&state);
    signal_leave(&state);
}

/* --- In upcalls --- */

static bool between(uint32_t eip, const char *from, const char *to)
{
    return eip - (uint32_t)from < (uint32_t)to - (uint32_t)from;
}

/* Brings a thread that was interrupted at the shim's edge to one side of it. */
static void step_off_edge(struct thread_state *state)
{
    uint32_t eip = state->eip;
    if (between(eip, (const char *)shim_entry, shim_entered)) {
        state->eip = pop(state);
        rewind(state, state->eax);
    } else if (between(eip, shim_left, shim_left_end)
               || between(eip, shim_late, shim_late_in)
               || between(eip, shim_left_popped, shim_late_flags)) {
        state->eip = pop(state);
    } else if (between(eip, shim_left_flags, shim_left_popped)
               || between(eip, shim_late_flags, shim_late_flags_in)) {
        state->eflags = pop(state);
        state->eip = pop(state);
    }
}

void signal_take_interrupted(struct shim_thread *self, struct upcall *upcall)
{
    const uint8_t *fpu = upcall->flags & UPCALL_FPU ? upcall->fpu : NULL;
    struct signal_taken taken;
    if (between(upcall->state.eip, shim_fault_entry, shim_fault_in))
        fault_take(&upcall->state);
    while (take(self, &taken)) {
        step_off_edge(&upcall->state);
        signal_frame_push(self, &taken, &upcall->state, fpu);
        fpu = NULL;
        upcall->flags = 0;
    }
}
