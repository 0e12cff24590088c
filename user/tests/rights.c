/* SPDX-License-Identifier: MIT */
/*
 * Rights: for every handle that a call takes, from a table, which right it needs; that
 * the call is EPERM without it and as always with it alone; and that it is EBADF with a
 * handle that is stale, forged or of another kind. Then: rights only shrink.
 *
 * A handle argument of the table of calls that has no row here is a failure.
 */
#include <errno.h>

#include <limen/message.h>

#include "call-table.h"
#include "cases.h"

#define RW (MEMORY_READ | MEMORY_WRITE)
#define TWIN_PAGES 256
#define SLOT_BITS 18
#define FREE_IRQ 5   /* nobody raises it */
#define IO_PORT 0x84 /* of the DMA page registers: reading does nothing */

enum kind {
    PROCESS,
    THREAD,
    RESOURCE,
    MEMORY,
    PORT,     /* where a message waits */
    ENDPOINT, /* to a port that is gone */
    INTERRUPT,
    REPLY_PORT,
    REPLY, /* to a child that waits for it */
    ANY,   /* a process, where every kind is taken */
};

struct row {
    uint32_t number;
    int argument;
    enum kind kind;
    uint32_t needed;
    uint32_t words[4]; /* the other arguments */
    uint32_t flags;
};

/* row.flags */
#define TAKES_SELF (1u << 0)    /* 0 is HANDLE_SELF */
#define MAKES_HANDLE (1u << 1)  /* in this process's table */
#define CHILD_FIRST (1u << 2)   /* words[0] is to be another process */
#define CLOSES (1u << 3)        /* the handle is gone afterwards */
#define TAKES_MEMORY (1u << 4)  /* processes and memory objects alike */
#define TAKES_VERSION (1u << 5) /* what is below SYSTEM_VERSIONS is no handle */

static uint8_t buffer[64];
static struct process_end ended;
static uint64_t past = 1;
static struct memory_map map = {.size = PAGE_SIZE, .flags = RW};
static const struct thread_start start = {.eip = CHILD_CODE};
static const struct resource_range range = {RESOURCE_PORTS, IO_PORT, 1};
static struct message message;
static struct system_message system_message __attribute__((aligned(16)));
static const struct reply_policy policy = {.kind = REPLY_QUEUE};
static const struct upcall upcall;
static handle_t root;
static handle_t live_port, live_endpoint;

#define ADDRESS(object) ((uint32_t)(object))
#define ROW(name, ...)                \
    {                                 \
        SYS_LIMEN_##name, __VA_ARGS__ \
    }

/* Filled at run time: the addresses are no constants as words. */
static struct row rows[64];
static unsigned int row_count;

static void add_row(struct row row)
{
    rows[row_count++] = row;
}

static void make_rows(void)
{
    uint32_t data = CHILD_DATA;
    add_row((struct row)ROW(handle_close, 0, ANY, 0, {0}, CLOSES));
    add_row((struct row)ROW(handle_give, 0, PROCESS, RIGHT_WRITE, {0}, TAKES_SELF));
    add_row((struct row)ROW(handle_give, 1, ANY, RIGHT_TRANSFER, {0},
                            TAKES_SELF | CHILD_FIRST));
    add_row((struct row)ROW(handle_duplicate, 0, ANY, RIGHT_DUPLICATE, {0},
                            TAKES_SELF | MAKES_HANDLE));
    add_row((struct row)ROW(process_kill, 0, PROCESS, RIGHT_CONTROL, {0}, TAKES_SELF));
    add_row((struct row)ROW(process_wait, 0, PROCESS, RIGHT_READ,
                            {0, ADDRESS(&ended), ADDRESS(&past)}, TAKES_SELF));
    add_row((struct row)ROW(process_info, 0, PROCESS, RIGHT_READ, {0, ADDRESS(buffer)},
                            TAKES_SELF));
    add_row((struct row)ROW(thread_create, 0, PROCESS, RIGHT_WRITE, {0, ADDRESS(&start)},
                            TAKES_SELF | MAKES_HANDLE));
    add_row((struct row)ROW(thread_suspend, 0, THREAD, RIGHT_CONTROL, {0}, TAKES_SELF));
    add_row((struct row)ROW(thread_resume, 0, THREAD, RIGHT_CONTROL, {0}, TAKES_SELF));
    add_row((struct row)ROW(thread_read, 0, THREAD, RIGHT_READ, {0, ADDRESS(buffer)},
                            TAKES_SELF));
    add_row((struct row)ROW(thread_write, 0, THREAD, RIGHT_WRITE, {0, ADDRESS(buffer)},
                            TAKES_SELF));
    add_row((struct row)ROW(memory_map, 0, PROCESS, RIGHT_WRITE, {0, ADDRESS(&map)},
                            TAKES_SELF));
    add_row((struct row)ROW(memory_unmap, 0, PROCESS, RIGHT_WRITE, {0, data, PAGE_SIZE},
                            TAKES_SELF));
    add_row((struct row)ROW(memory_protect, 0, PROCESS, RIGHT_WRITE,
                            {0, data, PAGE_SIZE, MEMORY_READ}, TAKES_SELF));
    add_row((struct row)ROW(memory_read, 0, PROCESS, RIGHT_READ,
                            {0, data, ADDRESS(buffer), 8}, TAKES_SELF | TAKES_MEMORY));
    add_row((struct row)ROW(memory_write, 0, PROCESS, RIGHT_WRITE,
                            {0, data, ADDRESS(buffer), 8}, TAKES_SELF | TAKES_MEMORY));
    add_row((struct row)ROW(memory_read, 0, MEMORY, RIGHT_READ,
                            {0, 9, ADDRESS(buffer), 8}, TAKES_SELF | TAKES_MEMORY));
    add_row((struct row)ROW(memory_write, 0, MEMORY, RIGHT_WRITE,
                            {0, 9, ADDRESS(buffer), 8}, TAKES_SELF | TAKES_MEMORY));
    add_row((struct row)ROW(memory_physical, 0, RESOURCE, RIGHT_CONTROL,
                            {0, 0xb8000, PAGE_SIZE}, MAKES_HANDLE));
    add_row((struct row)ROW(memory_clone, 0, MEMORY, RIGHT_READ, {0}, MAKES_HANDLE));
    add_row((struct row)ROW(memory_resize, 0, MEMORY, RIGHT_CONTROL, {0, PAGE_SIZE}, 0));
    add_row((struct row)ROW(memory_info, 0, MEMORY, RIGHT_READ, {0, ADDRESS(buffer)}, 0));
    add_row((struct row)ROW(resource_derive, 0, RESOURCE, RIGHT_CONTROL,
                            {0, ADDRESS(&range)}, MAKES_HANDLE));
    add_row(
        (struct row)ROW(ports_request, 0, RESOURCE, RIGHT_CONTROL, {0, IO_PORT, 1}, 0));
    add_row((struct row)ROW(log_write, 0, RESOURCE, RIGHT_WRITE,
                            {0, ADDRESS("the rights test was here"), 24}, 0));
    add_row((struct row)ROW(log_read, 0, RESOURCE, RIGHT_READ, {0, 0, ADDRESS(buffer), 8},
                            0));
    add_row((struct row)ROW(machine_stop, 0, RESOURCE, RIGHT_CONTROL, {0, 99, 1}, 0));
    add_row((struct row)ROW(interrupt_create, 0, RESOURCE, RIGHT_CONTROL,
                            {0, FREE_IRQ, live_endpoint.value}, MAKES_HANDLE));
    add_row((struct row)ROW(interrupt_create, 2, ENDPOINT, RIGHT_SEND,
                            {root.value, FREE_IRQ}, 0));
    add_row((struct row)ROW(interrupt_acknowledge, 0, INTERRUPT, RIGHT_CONTROL, {0}, 0));
    add_row((struct row)ROW(endpoint_mint, 0, PORT, RIGHT_MINT, {0}, MAKES_HANDLE));
    add_row((struct row)ROW(call, 0, ENDPOINT, RIGHT_SEND, {0}, 0));
    add_row((struct row)ROW(send, 0, ENDPOINT, RIGHT_SEND, {0}, 0));
    add_row((struct row)ROW(message_call, 0, ENDPOINT, RIGHT_SEND, {0, ADDRESS(&message)},
                            0));
    add_row((struct row)ROW(receive, 0, PORT, RIGHT_RECEIVE, {0}, 0));
    add_row((struct row)ROW(reply_receive, 0, PORT, RIGHT_RECEIVE, {0}, 0));
    add_row((struct row)ROW(message_reply_receive, 0, PORT, RIGHT_RECEIVE,
                            {0, ADDRESS(&message)}, 0));
    add_row((struct row)ROW(message_read, 0, REPLY, RIGHT_READ,
                            {0, 0, ADDRESS(buffer), 8}, TAKES_SELF));
    add_row((struct row)ROW(message_write, 0, REPLY, RIGHT_WRITE,
                            {0, 0, ADDRESS(buffer), 8}, TAKES_SELF));
    add_row((struct row)ROW(reply_to, 0, REPLY, RIGHT_CONTROL, {0, ADDRESS(&message)},
                            TAKES_SELF | CLOSES));
    add_row((struct row)ROW(process_fault_endpoint, 0, PROCESS, RIGHT_CONTROL, {0},
                            TAKES_SELF));
    add_row((struct row)ROW(process_fault_endpoint, 1, ENDPOINT, RIGHT_SEND, {0},
                            TAKES_SELF | CHILD_FIRST));
    add_row((struct row)ROW(process_priority, 0, PROCESS, RIGHT_CONTROL,
                            {0, PRIORITY_MAX}, TAKES_SELF));
    add_row((struct row)ROW(thread_priority, 0, THREAD, RIGHT_CONTROL,
                            {0, PRIORITY_DEFAULT}, TAKES_SELF));
    add_row((struct row)ROW(thread_info, 0, THREAD, RIGHT_READ, {0, ADDRESS(buffer)},
                            TAKES_SELF));
    add_row((struct row)ROW(sendsys, 0, ENDPOINT, RIGHT_SEND,
                            {0, ADDRESS(&system_message), sizeof(system_message)},
                            TAKES_VERSION));
    add_row((struct row)ROW(sendsys, 0, REPLY_PORT, RIGHT_READ, {0, 0, (uint32_t)-1},
                            TAKES_VERSION));
    add_row((struct row)ROW(reply_port_policy, 0, REPLY_PORT, RIGHT_CONTROL,
                            {0, ADDRESS(&policy)}, 0));
    add_row((struct row)ROW(upcall_return, 0, REPLY_PORT, RIGHT_CONTROL,
                            {0, ADDRESS(&upcall)}, TAKES_SELF));
    add_row((struct row)ROW(syscall_bind, 0, RESOURCE, RIGHT_CONTROL,
                            {0, SYSCALL_BOUND_FIRST}, 0));
    add_row((struct row)ROW(syscall_bind, 2, ENDPOINT, RIGHT_SEND,
                            {root.value, SYSCALL_BOUND_FIRST}, TAKES_SELF));
    add_row((struct row)ROW(client_fault, 0, REPLY, RIGHT_CONTROL, {0, 3}, TAKES_SELF));
}

/* --- One call --- */

static handle_t make_process(void)
{
    struct child child = child_create(CHILD_PAGES);
    (void)child_map(child, CHILD_DATA, PAGE_SIZE, RW);
    return child.process;
}

static handle_t make_thread(void)
{
    struct process_end end;
    struct child child = child_create(CHILD_PAGES);
    (void)child_start(&child, CHILD_CODE, CHILD_STACK_START);
    (void)child_wait(child, &end); /* there is no code */
    (void)limen_handle_close(child.process);
    return child.thread;
}

/* The message is that an endpoint was closed. */
static handle_t make_port(void)
{
    handle_t port = handle_of(limen_port_create());
    (void)limen_handle_close(handle_of(limen_endpoint_mint(port, 1)));
    return port;
}

static handle_t make_endpoint(void)
{
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    (void)limen_handle_close(port);
    return endpoint;
}

static struct child caller; /* behind what make_reply makes */

static void call_and_spin(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 1, 2, 3);
    for (;;)
        (void)limen_thread_yield();
}

static handle_t make_reply(void)
{
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    struct limen_words words;
    long there;
    if (!twin_load(&caller, TWIN_PAGES) ||
        (there = limen_handle_give(caller.process, endpoint, RIGHT_SEND)) < 0 ||
        !twin_start(&caller, call_and_spin, (uint32_t)there) ||
        limen_receive_words(port, &words, NULL) != MESSAGE_CALL)
        return HANDLE_SELF;
    long reply = limen_reply_defer();
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
    return handle_of(reply);
}

/* A fresh object of the kind, with all rights. */
static handle_t make_object(enum kind kind)
{
    switch (kind) {
    case THREAD:
        return make_thread();
    case RESOURCE:
        return handle_of(limen_handle_duplicate(root, RIGHTS_SAME));
    case MEMORY:
        return handle_of(limen_memory_create(2 * PAGE_SIZE));
    case PORT:
        return make_port();
    case ENDPOINT:
        return make_endpoint();
    case REPLY_PORT:
        return handle_of(limen_reply_port_create(&policy));
    case REPLY:
        return make_reply();
    case INTERRUPT:
        return handle_of(limen_interrupt_create(root, FREE_IRQ, live_endpoint));
    default:
        return make_process();
    }
}

/* Ends what stands behind the handle, before frames are counted, and closes it. */
static bool drop_object(enum kind kind, handle_t handle)
{
    if (kind == PROCESS || kind == ANY)
        (void)limen_process_kill(handle, 0);
    if (kind == ENDPOINT) {
        (void)limen_process_fault_endpoint(HANDLE_SELF, HANDLE_SELF);
        (void)limen_syscall_bind(root, SYSCALL_BOUND_FIRST, HANDLE_SELF);
    }
    if (kind == REPLY) {
        (void)limen_process_kill(caller.process, 0);
        child_close(&caller);
    }
    return limen_handle_close(handle) == 0;
}

static long cross(const struct row *row, handle_t handle)
{
    uint32_t words[4];
    struct child child = {0};
    memcpy(words, row->words, sizeof(words));
    if (row->flags & CHILD_FIRST) {
        child = child_create(CHILD_PAGES);
        words[0] = child.process.value;
    }
    message = (struct message){0};
    system_message = (struct system_message){0};
    if (row->number == SYS_LIMEN_memory_map)
        map.address = 0;
    if (row->number == SYS_LIMEN_log_read)
        words[1] = system_now().log_start;
    words[row->argument] = handle.value;
    long answer = limen_cross(row->number, words[0], words[1], words[2], words[3]);
    if (answer > 0 && (row->flags & MAKES_HANDLE))
        (void)limen_handle_close(handle_of(answer));
    child_close(&child);
    return answer;
}

/* The call's answer with a handle to a fresh object that has these rights. */
static long answer_with(const struct row *row, uint32_t rights)
{
    handle_t whole = make_object(row->kind);
    long narrow = limen_handle_duplicate(whole, rights);
    if (narrow <= 0)
        return -EIO;
    long answer = cross(row, handle_of(narrow));
    long closed = limen_handle_close(handle_of(narrow));
    if (!drop_object(row->kind, whole))
        return -EIO;
    return closed == (row->flags & CLOSES && answer >= 0 ? -EBADF : 0) ? answer : -EIO;
}

static bool alike(long a, long b)
{
    return a >= 0 ? b >= 0 : a == b;
}

static const struct row *row_now;

static bool needs_its_right(void)
{
    const struct row *row = row_now;
    long whole = answer_with(row, RIGHTS_ALL);
    bool right = step_ok(whole != -EPERM && whole != -EBADF && whole != -EIO,
                         "with all rights", whole);
    for (uint32_t bit = 1; bit <= RIGHTS_ALL; bit <<= 1) {
        long answer = answer_with(row, RIGHTS_ALL & ~bit);
        bool wanted = row->needed & bit ? answer == -EPERM : alike(answer, whole);
        right = step_ok(wanted, "without one right", answer) && right;
    }
    long alone = answer_with(row, row->needed);
    right = step_ok(alike(alone, whole), "with what it needs alone", alone) && right;
    if (row->needed == 0)
        return right;
    return step_ok(answer_with(row, 0) == -EPERM, "with no right", 0) && right;
}

static bool answers_bad(handle_t handle, long *answer)
{
    bool version = row_now->flags & TAKES_VERSION && handle.value < SYSTEM_VERSIONS;
    *answer = cross(row_now, handle);
    return *answer == -EBADF || (version && (*answer == -EINVAL || *answer == 0));
}

static bool is_bad(handle_t handle, const char *what)
{
    long answer;
    bool right = answers_bad(handle, &answer);
    return step_ok(right, what, answer);
}

/* Every generation that the handle's slot can have but its own. */
static bool forged_generations(handle_t good)
{
    uint32_t slot = good.value & ((1u << SLOT_BITS) - 1);
    uint32_t wrong = 0;
    long answer;
    for (uint32_t generation = 0; generation < 1u << (32 - SLOT_BITS); generation++) {
        handle_t forged = {generation << SLOT_BITS | slot};
        if (forged.value == good.value || forged.value == 0)
            continue;
        wrong += !answers_bad(forged, &answer);
    }
    return step_ok(wrong == 0, "forged generations that were taken", wrong);
}

static bool refuses_bad_handles(void)
{
    const struct row *row = row_now;
    handle_t good = make_object(row->kind);
    handle_t stale = handle_of(limen_handle_duplicate(good, RIGHTS_ALL));
    (void)limen_handle_close(stale);
    bool right = is_bad(stale, "a stale handle") &&
                 is_bad((handle_t){good.value ^ 0x80000000}, "bit 31") &&
                 is_bad((handle_t){good.value | ((1u << SLOT_BITS) - 1)}, "last slot") &&
                 is_bad((handle_t){good.value ^ 1u << (SLOT_BITS - 1)}, "far slot") &&
                 is_bad((handle_t){0x7fffffff}, "2^31 - 1") &&
                 is_bad((handle_t){0xffffffff}, "-1") && is_bad((handle_t){1}, "1");
    if (!(row->flags & TAKES_SELF))
        right = is_bad(HANDLE_SELF, "0") && right;
    right = forged_generations(good) && right;
    for (enum kind kind = PROCESS; row->kind != ANY && kind < ANY; kind++) {
        if (kind == row->kind ||
            (row->flags & TAKES_MEMORY && (kind == MEMORY || kind == PROCESS)))
            continue;
        handle_t other = make_object(kind);
        handle_t poor = handle_of(limen_handle_duplicate(other, 0));
        right = is_bad(other, "another kind") &&
                is_bad(poor, "another kind, without rights") && right;
        (void)limen_handle_close(poor);
        right = drop_object(kind, other) && right;
    }
    return drop_object(row->kind, good) && right;
}

/* --- Shrinking --- */

/* Copies of copies with any rights asked for, against a model. */
/* A process's handle is never had with the rights to send or to receive, which belong to
 * endpoints and ports; asking for them is no error. */
#define RIGHTS_OF_PROCESS (RIGHTS_ALL & ~(RIGHT_SEND | RIGHT_RECEIVE | RIGHT_MINT))

static bool chains_of_copies(void)
{
    uint32_t random = 20260101;
    bool right = true;
    for (int chain = 0; chain < 200; chain++) {
        handle_t handle = handle_of(limen_handle_duplicate(HANDLE_SELF, RIGHTS_ALL));
        uint32_t has = RIGHTS_OF_PROCESS;
        for (int step = 0; step < 12; step++) {
            random = random * 1664525 + 1013904223;
            uint32_t asked = random >> 16 & RIGHTS_ALL;
            if (random >> 28 & 1)
                asked &= has;
            long copy = limen_handle_duplicate(handle, asked);
            bool may = (has & RIGHT_DUPLICATE) && !(asked & ~has & RIGHTS_OF_PROCESS);
            right = (may ? copy > 0 : copy == -EPERM) && right;
            if (copy <= 0)
                continue;
            (void)limen_handle_close(handle);
            handle = handle_of(copy);
            has &= asked;
        }
        (void)limen_handle_close(handle);
    }
    return right;
}

static bool strange_rights(void)
{
    handle_t handle = handle_of(limen_handle_duplicate(HANDLE_SELF, RIGHT_DUPLICATE));
    bool right = true;
    for (uint32_t bit = RIGHTS_ALL + 1; bit != 0; bit <<= 1) {
        long wanted = bit == RIGHTS_SAME ? 0 : -EINVAL;
        long answer = limen_handle_duplicate(handle, bit);
        right = alike(answer, wanted) && right;
        if (answer > 0)
            (void)limen_handle_close(handle_of(answer));
        right =
            limen_handle_duplicate(handle, bit | RIGHT_READ) == -EINVAL &&
            limen_handle_give(HANDLE_SELF, HANDLE_SELF, bit | RIGHT_READ) == -EINVAL &&
            right;
    }
    right = right && limen_handle_duplicate(handle, 0xffffffff) == -EINVAL &&
            limen_handle_duplicate(handle, RIGHTS_ALL) == -EPERM;
    (void)limen_handle_close(handle);
    return right;
}

/* RIGHTS_SAME is no way to more. */
static bool same_rights(void)
{
    uint32_t has = RIGHT_DUPLICATE | RIGHT_READ;
    handle_t first = handle_of(limen_handle_duplicate(HANDLE_SELF, has));
    handle_t second = handle_of(limen_handle_duplicate(first, RIGHTS_SAME));
    struct process_info info;
    bool right = second.value != 0 && limen_process_info(second, &info) == 0 &&
                 limen_memory_unmap(second, CHILD_DATA, PAGE_SIZE) == -EPERM &&
                 limen_handle_give(HANDLE_SELF, second, RIGHTS_SAME) == -EPERM &&
                 limen_handle_duplicate(second, has | RIGHT_WRITE) == -EPERM;
    (void)limen_handle_close(first);
    (void)limen_handle_close(second);
    return right;
}

static void finish(bool right)
{
    (void)limen_process_exit(right ? 0 : 1);
}

/* The end of the chain: it may look, and nothing else. */
static void last_of_chain(uint32_t value)
{
    handle_t handle = {value};
    struct process_info info;
    finish(limen_process_info(handle, &info) == 0 &&
           limen_process_kill(handle, 1) == -EPERM &&
           limen_handle_duplicate(handle, 0) == -EPERM &&
           limen_handle_give(HANDLE_SELF, handle, 0) == -EPERM);
}

/* The middle: it may pass on what it has, to others, and less. */
static void middle_of_chain(uint32_t value)
{
    handle_t handle = {value};
    struct child child;
    struct process_end end;
    bool right =
        twin_load(&child, TWIN_PAGES) && limen_process_kill(handle, 1) == -EPERM &&
        limen_handle_duplicate(handle, 0) == -EPERM &&
        limen_handle_give(HANDLE_SELF, handle, RIGHT_READ) == -EPERM &&
        limen_handle_give(child.process, handle, RIGHT_READ | RIGHT_WRITE) == -EPERM &&
        limen_handle_give(child.process, handle, RIGHTS_ALL) == -EPERM;
    long given = limen_handle_give(child.process, handle, RIGHT_READ);
    right = right && given > 0 && twin_start(&child, last_of_chain, (uint32_t)given) &&
            child_wait(child, &end) == EXIT_0;
    finish(right);
}

static bool chain_of_processes(void)
{
    struct child object = child_create(CHILD_PAGES);
    struct child child;
    struct process_end end;
    bool right = twin_load(&child, 2 * TWIN_PAGES + 100);
    long given =
        limen_handle_give(child.process, object.process, RIGHT_READ | RIGHT_TRANSFER);
    right = right && given > 0 && twin_start(&child, middle_of_chain, (uint32_t)given) &&
            child_wait(child, &end) == EXIT_0;
    child_close(&child);
    child_close(&object);
    return right;
}

/* --- Memory objects: rights become protections --- */

static long map_archive(uint32_t rights, uint32_t protection, struct memory_map *mapping)
{
    handle_t archive = {(uint32_t)getauxval(AT_LIMEN_ARCHIVE)};
    long handle = limen_handle_duplicate(archive, rights);
    if (handle < 0)
        return handle;
    *mapping = (struct memory_map){
        .size = PAGE_SIZE, .flags = protection, .memory = handle_of(handle)};
    long answer = limen_memory_map(HANDLE_SELF, mapping);
    (void)limen_handle_close(handle_of(handle));
    return answer;
}

static bool mappings_keep_to_rights(void)
{
    struct memory_map mapping;
    bool right = map_archive(0, MEMORY_READ, &mapping) == -EPERM &&
                 map_archive(RIGHT_READ, RW, &mapping) == -EPERM &&
                 map_archive(RIGHT_READ, MEMORY_EXECUTE, &mapping) == -EPERM &&
                 map_archive(RIGHT_READ | RIGHT_WRITE, MEMORY_READ, &mapping) == -EPERM &&
                 map_archive(RIGHT_READ, MEMORY_READ, &mapping) == 0;
    uint32_t at = mapping.address;
    right = right && limen_memory_protect(HANDLE_SELF, at, PAGE_SIZE, RW) == -EPERM &&
            limen_memory_protect(HANDLE_SELF, at, PAGE_SIZE, MEMORY_EXECUTE) == -EPERM &&
            limen_memory_protect(HANDLE_SELF, at, PAGE_SIZE, 0) == 0 &&
            limen_memory_protect(HANDLE_SELF, at, PAGE_SIZE, MEMORY_READ) == 0 &&
            limen_memory_unmap(HANDLE_SELF, at, PAGE_SIZE) == 0;
    right = right && map_archive(0, 0, &mapping) == 0 &&
            limen_memory_protect(HANDLE_SELF, mapping.address, PAGE_SIZE, MEMORY_READ) ==
                -EPERM &&
            limen_memory_unmap(HANDLE_SELF, mapping.address, PAGE_SIZE) == 0;
    return right;
}

/* --- Resources --- */

static long derive(handle_t from, uint32_t kind, uint32_t first, uint32_t count)
{
    const struct resource_range wanted = {kind, first, count};
    return limen_resource_derive(from, &wanted);
}

/* A range within a range within the root; never around it. */
static bool ranges_narrow(void)
{
    static const struct {
        uint32_t kind, first, count;
        long wanted;
    } asked[] = {
        {RESOURCE_PORTS, 0x3f8, 8, 0},
        {RESOURCE_PORTS, 0x3f9, 7, 0},
        {RESOURCE_PORTS, 0x3ff, 1, 0},
        {RESOURCE_PORTS, 0x3f7, 1, -EPERM},
        {RESOURCE_PORTS, 0x3f7, 9, -EPERM},
        {RESOURCE_PORTS, 0x3f8, 9, -EPERM},
        {RESOURCE_PORTS, 0x400, 1, -EPERM},
        {RESOURCE_PORTS, 0, 0x10000, -EPERM},
        {RESOURCE_PORTS, 0, 0x10001, -EINVAL},
        {RESOURCE_PORTS, 0x3f8, 0, -EINVAL},
        {RESOURCE_PORTS, 0x3f8, 0xffffffff, -EINVAL},
        {RESOURCE_PORTS, 0xfffffff8, 8, -EINVAL},
        {RESOURCE_MEMORY, 0x3f8, 8, -EPERM},
        {RESOURCE_MEMORY, 1, 0xffffffff, -EPERM},
        {RESOURCE_MEMORY, 2, 0xffffffff, -EINVAL},
        {RESOURCE_IRQ, 4, 1, -EPERM},
        {RESOURCE_IRQ, 16, 1, -EINVAL},
        {RESOURCE_SYSCALL, SYSCALL_BOUND_FIRST, 1, -EPERM},
        {RESOURCE_SYSCALL, SYSCALL_BOUND_FIRST - 1, 1, -EINVAL},
        {RESOURCE_LOG, 0, 1, -EPERM},
        {RESOURCE_LOG, 0, 2, -EINVAL},
        {RESOURCE_MACHINE, 0, 1, -EPERM},
        {RESOURCE_KINDS, 0, 1, -EINVAL},
        {0xffffffff, 0, 1, -EINVAL},
    };
    handle_t uart = handle_of(derive(root, RESOURCE_PORTS, 0x3f8, 8));
    bool right = true;
    for (unsigned int i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        long answer = derive(uart, asked[i].kind, asked[i].first, asked[i].count);
        right = step_ok(alike(answer, asked[i].wanted), "answer", answer) && right;
        if (answer > 0)
            right = limen_handle_close(handle_of(answer)) == 0 && right;
    }
    return limen_handle_close(uart) == 0 && right;
}

/* One kind of resource does nothing of another. */
static bool kinds_keep_apart(void)
{
    handle_t of_kind[RESOURCE_KINDS];
    uint8_t byte;
    bool right = true;
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        uint32_t first = kind == RESOURCE_SYSCALL ? SYSCALL_BOUND_FIRST : 0;
        of_kind[kind] = handle_of(derive(root, kind, first, 1));
    }
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        handle_t handle = of_kind[kind];
        long ports = limen_ports_request(handle, 0, 1);
        long write = limen_log_write(handle, "kinds", 5);
        long read = limen_log_read(handle, system_now().log_start, &byte, 1);
        long stop = limen_machine_stop(handle, 99, 0);
        right = step_ok(ports == (kind == RESOURCE_PORTS ? 0 : -EPERM), "ports", ports) &&
                step_ok(write == (kind == RESOURCE_LOG ? 0 : -EPERM), "write", write) &&
                step_ok(read == (kind == RESOURCE_LOG ? 1 : -EPERM), "read", read) &&
                step_ok(stop == (kind == RESOURCE_MACHINE ? -EINVAL : -EPERM), "stop",
                        stop) &&
                right;
    }
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++)
        right = limen_handle_close(of_kind[kind]) == 0 && right;
    return right;
}

/* Deriving is no way to a right that the handle lacks. */
static bool derived_rights_shrink(void)
{
    uint8_t byte;
    handle_t control = handle_of(limen_handle_duplicate(root, RIGHT_CONTROL));
    handle_t log = handle_of(derive(control, RESOURCE_LOG, 0, 1));
    bool right = log.value >= 0x10000 && limen_log_write(log, "x", 1) == -EPERM &&
                 limen_log_read(log, 0, &byte, 1) == -EPERM &&
                 limen_handle_duplicate(log, RIGHT_CONTROL) == -EPERM &&
                 limen_handle_give(HANDLE_SELF, log, RIGHT_CONTROL) == -EPERM;
    (void)limen_handle_close(log);
    (void)limen_handle_close(control);
    return right;
}

static volatile uint32_t derived_there;

/* Derives from what it was given, and gives it to its parent. */
static void derive_and_leave(uint32_t both)
{
    handle_t parent = {both};
    handle_t resource = {derived_there};
    long log = derive(resource, RESOURCE_LOG, 0, 1);
    long there = limen_handle_give(parent, handle_of(log), RIGHTS_SAME);
    derived_there = there > 0 ? (uint32_t)there : 0;
    finish(there > 0);
}

/* A derived resource outlives who derived it, and keeps nothing of it afterwards. */
static bool derived_outlives_its_maker(void)
{
    struct child child;
    struct process_end end;
    uint32_t value = 0;
    bool right = twin_load(&child, TWIN_PAGES);
    long resource = limen_handle_give(child.process, root, RIGHTS_ALL);
    long parent = limen_handle_give(child.process, HANDLE_SELF, RIGHT_WRITE);
    value = (uint32_t)resource;
    right = right && resource > 0 && parent > 0 &&
            child_write(child, (uint32_t)&derived_there, &value, sizeof(value)) &&
            twin_start(&child, derive_and_leave, (uint32_t)parent) &&
            child_wait(child, &end) == EXIT_0 &&
            child_read(child, (uint32_t)&derived_there, &value, sizeof(value));
    child_close(&child);
    right = right && limen_log_write((handle_t){value}, "outlived", 8) == 0;
    return limen_handle_close((handle_t){value}) == 0 && right;
}

static void derive_until_no_memory(uint32_t resource)
{
    long answer;
    uint32_t count = 0;
    while ((answer = derive((handle_t){resource}, RESOURCE_IRQ, 1, 1)) > 0)
        count++;
    finish(answer == -ENOMEM && count > 100);
}

static bool resource_bomb(void)
{
    struct child child;
    struct process_end end;
    bool right = twin_load(&child, TWIN_PAGES);
    long resource = limen_handle_give(child.process, root, RIGHTS_ALL);
    right = right && resource > 0 &&
            twin_start(&child, derive_until_no_memory, (uint32_t)resource) &&
            child_wait(child, &end) == EXIT_0;
    child_close(&child);
    return right;
}

static const struct test_case cases[] = {
    {"copies of copies never have more rights", chains_of_copies},
    {"rights that there are not", strange_rights},
    {"the same rights are no more", same_rights},
    {"rights shrink along a chain of processes", chain_of_processes},
    {"mappings are allowed what the handle was", mappings_keep_to_rights},
    {"resources narrow, and never widen", ranges_narrow},
    {"a resource of one kind does nothing of another", kinds_keep_apart},
    {"what is derived has no more rights", derived_rights_shrink},
    {"a derived resource outlives its maker", derived_outlives_its_maker},
    {"resources until the quota is used up", resource_bomb},
};
#define CASES (sizeof(cases) / sizeof(*cases))

/* --- The table --- */

static bool has_row(uint32_t number, int argument)
{
    for (unsigned int i = 0; i < row_count; i++)
        if (rows[i].number == number && rows[i].argument == argument)
            return true;
    return false;
}

static bool every_handle_has_a_row(void)
{
    bool right = true;
    for (uint32_t number = 0; number < CALL_MAX; number++) {
        for (int i = 0; i < CALL_WORDS; i++) {
            const char *type = calls[number].types[i];
            if (type == NULL || strcmp(type, "handle_t") != 0 || has_row(number, i))
                continue;
            tap_note("%s: %s has no row", calls[number].name, calls[number].arguments[i]);
            right = false;
        }
    }
    return right;
}

static void test_row(const struct row *row)
{
    char text[120];
    const char *name = calls[row->number].name;
    const char *argument = calls[row->number].arguments[row->argument];
    row_now = row;
    snprintf(text, sizeof(text), "%s: %s needs its right alone", name, argument);
    run_case(&(struct test_case){text, needs_its_right});
    snprintf(text, sizeof(text), "%s: %s is no bad handle", name, argument);
    run_case(&(struct test_case){text, refuses_bad_handles});
}

int main(void)
{
    root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    live_port = handle_of(limen_port_create());
    live_endpoint = handle_of(limen_endpoint_mint(live_port, 1));
    make_rows();
    tap_plan(1 + 2 * row_count + CASES);
    if (root.value == 0) {
        tap_skip(1 + 2 * row_count + CASES, "this program was given no resource");
        return tap_done();
    }
    (void)limen_ports_request(root, IO_PORT, 1); /* makes the bitmap, for good */
    touch_own_memory();
    tap_ok(every_handle_has_a_row(), "every handle of every call has a row");
    for (unsigned int i = 0; i < row_count; i++)
        test_row(&rows[i]);
    for (unsigned int i = 0; i < CASES; i++)
        run_case(&cases[i]);
    return tap_done();
}
