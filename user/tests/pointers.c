/* SPDX-License-Identifier: MIT */
/*
 * Every pointer argument of every call, made from the table of calls, over every boundary
 * of an address space, through each open gate. A call's other arguments are such that
 * only the pointer can be what is wrong. Nothing of the result may be half done: the page
 * that cannot be written keeps its bytes, the caller its registers, and the machine its
 * page frames.
 *
 * A new call is covered as soon as it stands in the table; one that needs particular
 * other arguments gets a line in other_arguments.
 */
#include <errno.h>
#include <unistd.h>

#include <limen/message.h>
#include <limen/tap.h>

#include "call-table.h"
#include "child.h"
#include "cpu.h"
#include "gate.h"

/* How a place in memory answers. */
enum place_kind {
    PLACE_KERNEL, /* nobody's: always EFAULT */
    PLACE_HOLE,   /* a user address where nothing is */
    PLACE_HALF,   /* its first bytes are there, then comes one of the above */
    PLACE_READ_ONLY,
    PLACE_GOOD,
};

struct place {
    const char *text;
    uint32_t address;
    enum place_kind kind;
};

/* Two pages of our own, then a hole; the first is read-only and untouched, the second
 * too. */
static uint32_t read_only_page;
static uint32_t last_page;
static uint32_t unmapped_page;

#define PAGE_TEXT "# a page's text\n" /* what a call that prints from it shows */

static handle_t ended;  /* a process that has ended */
static handle_t living; /* one that has not */
static uint64_t past = 1;
static uint32_t expected = 0x6170;
static uint8_t good[512] __attribute__((aligned(PAGE_SIZE)));

static uint32_t address_of(const void *pointer)
{
    return (uint32_t)pointer;
}

static void must(bool right, const char *what)
{
    if (!right) {
        tap_note("%s", what);
        _exit(1);
    }
}

static void make_pages(void)
{
    struct memory_map map = {.size = 4 * PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    must(limen_memory_map(HANDLE_SELF, &map) == 0, "no memory to begin with");
    read_only_page = map.address;
    last_page = map.address + 2 * PAGE_SIZE;
    unmapped_page = map.address + 3 * PAGE_SIZE;
    for (uint32_t i = 0; i + sizeof(PAGE_TEXT) - 1 <= PAGE_SIZE;
         i += sizeof(PAGE_TEXT) - 1)
        memcpy((char *)read_only_page + i, PAGE_TEXT, sizeof(PAGE_TEXT) - 1);
    must(limen_memory_protect(HANDLE_SELF, read_only_page, PAGE_SIZE, MEMORY_READ) == 0 &&
             limen_memory_unmap(HANDLE_SELF, read_only_page + PAGE_SIZE, PAGE_SIZE) ==
                 0 &&
             limen_memory_unmap(HANDLE_SELF, unmapped_page, PAGE_SIZE) == 0,
         "no page to abuse");
}

static handle_t memory;
static handle_t reply_port;

static void make_processes(void)
{
    memory = handle_of(limen_memory_create(PAGE_SIZE));
    ended = child_create(CHILD_PAGES).process;
    living = child_create(CHILD_PAGES).process;
    must(ended.value != 0 && living.value != 0, "no process to ask about");
    must(limen_process_kill(ended, 3) == 0, "no ended process");
    static const struct reply_policy queue = {.kind = REPLY_QUEUE};
    reply_port = handle_of(limen_reply_port_create(&queue));
}

/* --- A caller to answer: its bytes are what message_read and message_write name --- */

static handle_t port, endpoint;

static void call_with_bytes(uint32_t unused)
{
    static uint8_t bytes[64];
    (void)unused;
    for (;;) {
        struct message message = {
            .send = bytes,
            .send_size = sizeof(bytes),
            .receive = bytes,
            .receive_size = sizeof(bytes),
        };
        (void)limen_call_message(endpoint, &message);
    }
}

static void make_caller(void)
{
    static uint8_t stack[1024] __attribute__((aligned(16)));
    port = handle_of(limen_port_create());
    endpoint = handle_of(limen_endpoint_mint(port, 1));
    must(bare_thread(call_with_bytes, 0, stack + sizeof(stack)) > 0, "no caller");
}

static void receive_caller(void)
{
    (void)limen_message_window(NULL); /* it may be made of anything */
    long answer = limen_receive(port, NULL);
    must((answer > 0 && MESSAGE_KIND(answer) == MESSAGE_CALL) || answer == -EBUSY,
         "nobody calls");
}

static bool is_message(uint32_t number)
{
    return number >= SYS_LIMEN_message_call && number <= SYS_LIMEN_reply_to;
}

/* The arguments of a call that are not its pointer under test; all that succeed quickly.
 */
static void other_arguments(uint32_t number, uint32_t words[CALL_WORDS])
{
    for (int i = 0; i < CALL_WORDS; i++) {
        const char *type = calls[number].types[i];
        if (type == NULL)
            words[i] = 0;
        else if (strstr(type, "uint64_t *") != NULL)
            words[i] = address_of(&past);
        else if (strchr(type, '*') != NULL)
            words[i] = address_of(good);
        else if (strcmp(type, "handle_t") == 0)
            words[i] = 0;
        else
            words[i] = 16;
    }
    if (number == SYS_LIMEN_process_wait)
        words[0] = ended.value;
    if (number == SYS_LIMEN_thread_create)
        words[0] = living.value;
    if (number == SYS_LIMEN_memory_info)
        words[0] = memory.value;
    if (number == SYS_LIMEN_clock_get)
        words[0] = CLOCK_ID_MONOTONIC;
    if (number == SYS_LIMEN_futex_wait)
        words[1] = expected;
    if (number == SYS_LIMEN_memory_read || number == SYS_LIMEN_memory_write)
        words[1] = address_of(good) + 64;
    if (is_message(number))
        receive_caller();
    if (is_message(number) || number == SYS_LIMEN_upcall_return)
        memset((void *)last_page, 0, PAGE_SIZE); /* other calls have written there */
    if (number == SYS_LIMEN_message_read || number == SYS_LIMEN_message_write)
        words[1] = 0;
    if (number == SYS_LIMEN_log_read || number == SYS_LIMEN_resource_derive)
        words[0] = (uint32_t)getauxval(AT_LIMEN_RESOURCE);
    if (number == SYS_LIMEN_log_read)
        words[1] = system_now().log_start;
    if (number == SYS_LIMEN_log_write)
        words[0] = (uint32_t)getauxval(AT_LIMEN_LOG);
    if (number == SYS_LIMEN_reply_port_policy)
        words[0] = reply_port.value;
}

/* For the deadline it waits, without waiting, else it sends. */
static void sendsys_arguments(int argument, uint32_t words[CALL_WORDS])
{
    bool waits = argument == 3;
    words[0] = waits ? reply_port.value : SYSTEM_VERSION;
    words[1] = waits ? 0 : words[1];
    words[2] = waits ? (uint32_t)-1 : sizeof(struct system_message);
    words[3] = 0;
}

/* Where all is right with them, some calls wait for ever, and a thread created from any
 * bytes ends its process: those places are left out. */
static bool would_not_end(uint32_t number, int argument, const struct place *place)
{
    bool usable = place->kind == PLACE_READ_ONLY || place->kind == PLACE_GOOD;
    bool forever =
        place->address == 0 && strcmp(calls[number].arguments[argument], "deadline") == 0;
    if (number == SYS_LIMEN_thread_exit)
        return true;
    if (number == SYS_LIMEN_thread_create)
        return usable;
    return forever ||
           (usable && strcmp(calls[number].arguments[argument], "deadline") == 0);
}

static bool is_futex(uint32_t number)
{
    return strncmp(calls[number].name, "futex_", 6) == 0;
}

/* A structure must be there as a whole; of a buffer the part that is there may be used.
 */
static bool is_buffer(uint32_t number, int argument)
{
    const char *type = calls[number].types[argument];
    return strstr(type, "void") != NULL || strstr(type, "char") != NULL;
}

static bool is_right(uint32_t number, int argument, const struct place *place,
                     long answer)
{
    bool constant = strncmp(calls[number].types[argument], "const", 5) == 0;
    bool error = answer == -EFAULT ||
                 (is_futex(number) && (place->address & 3) != 0 && answer == -EINVAL) ||
                 (number == SYS_LIMEN_sendsys && argument == 1 &&
                  (place->address & 15) != 0 && answer == -EINVAL);
    switch (place->kind) {
    case PLACE_KERNEL:
        return error;
    case PLACE_HOLE:
        return error || (number == SYS_LIMEN_futex_wake && answer == 0) ||
               (number == SYS_LIMEN_futex_requeue && answer == 0) ||
               (number == SYS_LIMEN_message_window && place->address == 0) ||
               (number == SYS_LIMEN_sendsys && argument == 3 && place->address == 0 &&
                answer == -EAGAIN);
    case PLACE_HALF:
        return error || (is_buffer(number, argument) && answer >= 0 && answer < 16);
    case PLACE_READ_ONLY:
        if (number == SYS_LIMEN_message_window)
            return answer <= 0; /* what is there may be a window or not */
        if (constant || is_futex(number))
            return answer != -EFAULT;
        return error || (number == SYS_LIMEN_memory_map && answer < 0) ||
               (number == SYS_LIMEN_sendsys && answer == -EINVAL) ||
               (is_message(number) && answer == -E2BIG) ||
               (number == SYS_LIMEN_message_call && answer < 0);
    default:
        if (number == SYS_LIMEN_message_window)
            return answer <= 0; /* other calls have written there */
        return answer != -EFAULT;
    }
}

static bool pages_kept(void)
{
    const char *page = (const char *)read_only_page;
    for (uint32_t i = 0; i < PAGE_SIZE; i++)
        if (page[i] != PAGE_TEXT[i % (sizeof(PAGE_TEXT) - 1)])
            return false;
    return threshold()->abi_version == LIMEN_ABI_VERSION;
}

static const struct place *places(unsigned int *count)
{
    static struct place list[24];
    unsigned int n = 0;
    list[n++] = (struct place){"0", 0, PLACE_HOLE};
    list[n++] = (struct place){"4", 4, PLACE_HOLE};
    list[n++] = (struct place){"the null page's last byte", USER_START - 1, PLACE_HOLE};
    list[n++] = (struct place){"a hole after two pages", unmapped_page, PLACE_HOLE};
    list[n++] = (struct place){"a hole between two pages", read_only_page + PAGE_SIZE,
                               PLACE_HOLE};
    list[n++] = (struct place){"two bytes before a hole", unmapped_page - 2, PLACE_HALF};
    list[n++] = (struct place){"one byte before a hole", unmapped_page - 1, PLACE_HALF};
    list[n++] = (struct place){"a read-only page", read_only_page, PLACE_READ_ONLY};
    list[n++] = (struct place){"our own text", address_of(calls) & ~3u, PLACE_READ_ONLY};
    list[n++] = (struct place){"a page never touched", last_page, PLACE_GOOD};
    list[n++] = (struct place){"the last user byte", USER_END - 1, PLACE_HALF};
    list[n++] = (struct place){"the end of user memory", USER_END, PLACE_HOLE};
    list[n++] =
        (struct place){"the last word below the kernel", KERNEL_BASE - 4, PLACE_HOLE};
    list[n++] =
        (struct place){"the last byte below the kernel", KERNEL_BASE - 1, PLACE_KERNEL};
    list[n++] = (struct place){"the threshold page", THRESHOLD_ADDRESS, PLACE_KERNEL};
    list[n++] = (struct place){"the kernel's first byte", KERNEL_BASE, PLACE_KERNEL};
    list[n++] = (struct place){"the kernel's text", KERNEL_BASE + 0x100000, PLACE_KERNEL};
    list[n++] =
        (struct place){"the kernel's text, odd", KERNEL_BASE + 0x101235, PLACE_KERNEL};
    list[n++] = (struct place){"the kernel's middle", 0xe0000000, PLACE_KERNEL};
    list[n++] = (struct place){"2^31", 0x80000000, PLACE_HOLE};
    list[n++] = (struct place){"the last page", 0xfffff000, PLACE_KERNEL};
    list[n++] = (struct place){"the last word", 0xfffffffc, PLACE_KERNEL};
    list[n++] = (struct place){"the last byte", 0xffffffff, PLACE_KERNEL};
    *count = n;
    return list;
}

/* Our own text page only looks so to calls which read; printing it would break the TAP.
 */
static bool is_noise(uint32_t number, const struct place *place)
{
    bool prints = number == SYS_LIMEN_log_write;
    return prints && place->address != read_only_page &&
           (place->kind == PLACE_READ_ONLY || place->kind == PLACE_GOOD ||
            place->kind == PLACE_HALF);
}

static unsigned int complaints;

static void complain(const struct gate_choice *gate, const struct place *place,
                     long answer, const char *what)
{
    complaints++;
    tap_note("%s, at %s (%08x): answer %ld, %s", gate->name, place->text, place->address,
             answer, what);
}

static void probe_place(const struct gate_choice *gate, uint32_t number, int argument,
                        const struct place *place)
{
    uint32_t words[CALL_WORDS];
    const char *complaint;
    long answer;
    if (would_not_end(number, argument, place) || is_noise(number, place))
        return;
    memcpy(good, &expected, sizeof(expected));
    other_arguments(number, words);
    if (number == SYS_LIMEN_sendsys)
        sendsys_arguments(argument, words);
    words[argument] = place->address;
    answer = probe_cross(gate->stub, number, words);
    complaint = probe_complaint();
    if (!is_right(number, argument, place, answer))
        complain(gate, place, answer, "not the right answer");
    if (complaint != NULL)
        complain(gate, place, answer, complaint);
    if (number == SYS_LIMEN_memory_map && answer == 0 && place->kind == PLACE_GOOD)
        complain(gate, place, answer, "a map of nothing succeeded");
}

static void test_pointer(uint32_t number, int argument)
{
    unsigned int count;
    const struct place *list = places(&count);
    complaints = 0;
    for (enum gate gate = GATE_INT80; gate < GATE_COUNT; gate++)
        for (unsigned int i = 0; gate_is_open(gate) && i < count; i++)
            probe_place(&gate_choices[gate], number, argument, &list[i]);
    tap_ok(complaints == 0 && pages_kept() && limen_null() == 0,
           "%s: every bad %s is an error", calls[number].name,
           calls[number].arguments[argument]);
}

/* Buffers whose size is what is wrong. */
struct wrong_size {
    const char *text;
    uint32_t number;
    int pointer;
    int size;
};

static const struct wrong_size wrong_sizes[] = {
    {"memory_read", SYS_LIMEN_memory_read, 2, 3},
    {"memory_write", SYS_LIMEN_memory_write, 2, 3},
    {"log_read", SYS_LIMEN_log_read, 2, 3},
    {"log_write", SYS_LIMEN_log_write, 1, 2},
};

static void test_wrong_size(const struct wrong_size *wrong)
{
    static const uint32_t sizes[] = {0xffffffff, 0x80000000, 0x7fffffff, 0xfffff000,
                                     0xc0000000};
    unsigned int wrongs = 0;
    for (enum gate gate = GATE_INT80; gate < GATE_COUNT; gate++) {
        for (unsigned int i = 0; gate_is_open(gate) && i < 5; i++) {
            uint32_t words[CALL_WORDS];
            long answer;
            other_arguments(wrong->number, words);
            words[wrong->pointer] = 0 - sizes[i] + 16;
            if (words[wrong->pointer] < USER_END)
                words[wrong->pointer] = unmapped_page;
            words[wrong->size] = sizes[i];
            answer = probe_cross(gate_choices[gate].stub, wrong->number, words);
            if (answer >= 0 || probe_complaint() != NULL)
                wrongs++;
        }
    }
    tap_ok(wrongs == 0 && pages_kept(), "%s: sizes that wrap or reach far are errors",
           wrong->text);
}

/* memory_read and memory_write name the other process's memory by a word, not a pointer.
 */
static void test_far_address(uint32_t number)
{
    unsigned int count;
    const struct place *list = places(&count);
    unsigned int wrongs = 0;
    for (unsigned int i = 0; i < count; i++) {
        uint32_t words[CALL_WORDS] = {0, list[i].address, address_of(good), 16};
        long answer = probe_cross(test_gate_int80, number, words);
        bool none = list[i].kind == PLACE_KERNEL || list[i].kind == PLACE_HOLE ||
                    (list[i].kind == PLACE_READ_ONLY && number == SYS_LIMEN_memory_write);
        if (none && answer != -EFAULT) {
            wrongs++;
            tap_note("at %s: answer %ld", list[i].text, answer);
        }
    }
    tap_ok(wrongs == 0 && pages_kept(), "%s: every bad address is an error",
           calls[number].name);
}

static bool is_pointer(uint32_t number, int argument)
{
    const char *type = calls[number].types[argument];
    return type != NULL && strchr(type, '*') != NULL && number != SYS_LIMEN_thread_exit;
}

static unsigned int count_pointers(void)
{
    unsigned int count = 0;
    for (uint32_t number = 0; number < CALL_MAX; number++)
        for (int i = 0; i < CALL_WORDS; i++)
            count += is_pointer(number, i);
    return count;
}

static void test_all_pointers(void)
{
    for (uint32_t number = 0; number < CALL_MAX; number++)
        for (int i = 0; i < CALL_WORDS; i++)
            if (is_pointer(number, i))
                test_pointer(number, i);
}

int main(void)
{
    uint32_t free_before;
    unsigned int sizes = sizeof(wrong_sizes) / sizeof(*wrong_sizes);
    make_pages();
    make_processes();
    make_caller();
    tap_plan(count_pointers() + sizes + 3);
    *(volatile uint32_t *)last_page = 1;
    touch_own_memory();
    free_before = frames_free();
    test_all_pointers();
    for (unsigned int i = 0; i < sizes; i++)
        test_wrong_size(&wrong_sizes[i]);
    test_far_address(SYS_LIMEN_memory_read);
    test_far_address(SYS_LIMEN_memory_write);
    tap_is(frames_free(), free_before, "free page frames are as before");
    return tap_done();
}
