/* SPDX-License-Identifier: MIT */
/* Sending signals: who gets one, and where it waits. See signal.h. */
#include "signal.h"

#include "timer.h"

#define IGNORED_BY_DEFAULT                                           \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) \
     | SIGNAL_BIT(SIGCONT))
#define STOPPING                                                     \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) \
     | SIGNAL_BIT(SIGTTOU))

struct shim_signals shim_signals;

/* --- Entries --- */

static struct signal_entry *free_entries;

/* Entries come by the page, which the process keeps. */
static void make_entries(void)
{
    struct memory_map map = {.size = PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    if (limen_memory_map(HANDLE_SELF, &map) < 0)
        return;
    struct signal_entry *entries = (struct signal_entry *)map.address;
    for (uint32_t i = 0; i < PAGE_SIZE / sizeof *entries; i++)
        signal_entry_give(&entries[i]);
}

static struct signal_entry *entry_take(void)
{
    if (!free_entries)
        make_entries();
    struct signal_entry *entry = free_entries;
    if (entry)
        free_entries = entry->next;
    return entry;
}

void signal_entry_give(struct signal_entry *entry)
{
    if (!entry)
        return;
    if (entry->kept) {
        timer_taken(entry);
        return;
    }
    entry->next = free_entries;
    free_entries = entry;
}

/* --- Actions --- */

static bool is_default(int number)
{
    return shim_signals.action[number - 1].handler == HANDLER_DEFAULT;
}

bool signal_is_ignored(int number)
{
    return shim_signals.action[number - 1].handler == HANDLER_IGNORE
           || (is_default(number) && SIGNAL_BIT(number) & IGNORED_BY_DEFAULT);
}

static bool is_deadly(int number)
{
    return number == SIGKILL || (is_default(number) && !signal_is_ignored(number));
}

static void forget_in(struct signal_queue *queue, int number)
{
    while (queue->set & SIGNAL_BIT(number))
        signal_entry_give(signal_queue_take(queue, number));
}

void signal_forget(int number)
{
    forget_in(&shim_signals.pending, number);
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        forget_in(&at->pending, number);
}

/* --- Sending --- */

static bool wants(const struct shim_thread *thread, uint64_t bit)
{
    return thread->live && bit & (~thread->blocked | thread->awaited);
}

/* Which thread gets a signal to the process; null: all have it blocked. */
static struct shim_thread *choose(uint64_t bit)
{
    struct shim_thread *self = shim_self();
    if (wants(self, bit))
        return self;
    if (shim_signals.owner && wants(shim_signals.owner, bit))
        return shim_signals.owner;
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        if (wants(at, bit) && signal_can_kick(at))
            return at;
    return NULL;
}

static long notify(struct shim_thread *thread)
{
    __atomic_store_n(&thread->attention, 1, __ATOMIC_RELEASE);
    return thread == shim_self() ? 0 : signal_kick(thread);
}

void signal_retarget(void)
{
    struct shim_thread *self = shim_self();
    for (uint64_t left = shim_signals.pending.set; left; left &= left - 1) {
        uint64_t bit = left & -left;
        struct shim_thread *receiver = wants(self, bit) ? NULL : choose(bit);
        if (receiver)
            (void)notify(receiver);
    }
}

struct shim_thread *signal_find_thread(uint32_t number)
{
    for (struct shim_thread *at = shim_threads(); at; at = at->next)
        if (at->live && at->number == number)
            return at;
    return NULL;
}

long signal_send(struct shim_thread *target, const struct signal_info *info,
                 struct signal_entry *kept)
{
    int number = info->number;
    uint64_t bit = SIGNAL_BIT(number);
    struct shim_thread *receiver = target ? target : choose(bit);
    bool taken = receiver && wants(receiver, bit);

    if (is_default(number) && bit & STOPPING)
        return -ENOSYS;
    if (taken && !(receiver->awaited & bit)) {
        if (is_deadly(number))
            shim_die(number);
        if (signal_is_ignored(number))
            return 0;
    }
    struct signal_queue *queue = target ? &target->pending : &shim_signals.pending;
    if (signal_queue_has(queue, number))
        return 0;
    if (taken && receiver != shim_self() && !signal_can_kick(receiver))
        return -EAGAIN;
    struct signal_entry *entry = kept ? kept : entry_take();
    if (!entry && number >= SIGNAL_QUEUED)
        return -EAGAIN;
    if (entry)
        entry->info = *info;
    signal_queue_add(queue, number, entry);
    return taken ? notify(receiver) : 0;
}
