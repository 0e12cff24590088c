/* SPDX-License-Identifier: MIT */
/*
 * The gates give the same answers. Every call of the table, with arguments that succeed
 * and arguments that fail, goes through each open gate by a stub of this program's own;
 * each time the answer must be the one named here and all registers must be as the
 * convention says. Then: numbers that are not in the table, what the kernel counts by
 * gate, the threshold page's stub, and the calls that do not return.
 *
 * The checks are recorded first and printed at the end: nothing but the probe crosses
 * meanwhile, so that the counts can be exact.
 */
#include <errno.h>

#include <limen/message.h>
#include <limen/tap.h>

#include "child.h"
#include "cpu.h"
#include "gate.h"

#define RECORD_MAX 512
#define CROSSINGS 100
#define A_HANDLE 0x7fffffffL /* as a wanted answer: any handle */
#define A_COUNT 0x7ffffffeL  /* any number above 0 */

static struct record {
    const char *gate;
    const char *text;
    const char *complaint;
    long answer;
    long wanted;
    bool right;
} records[RECORD_MAX];
static unsigned int record_count;

static const struct gate_choice *gate;           /* the one that is being tested */
static bool call_is_tested[SYSCALL_BOUND_FIRST]; /* by number */

static uint8_t buffer[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct process_info process_info;
static struct process_end process_end;
static struct thread_start thread_start;
static struct thread_info thread_info;
static struct memory_map memory_map;
static struct memory_info memory_info;
static uint64_t time_past = 1;
static uint64_t time_read;
static struct system_info system_info;
static uint32_t word = 5;
static volatile uint32_t server_ended;

static uint32_t address_of(const void *pointer)
{
    return (uint32_t)pointer;
}

static void record(const char *text, bool right, const char *complaint, long answer,
                   long wanted)
{
    if (record_count == RECORD_MAX)
        return;
    records[record_count++] = (struct record){
        .gate = gate->name,
        .text = text,
        .complaint = complaint,
        .answer = answer,
        .wanted = wanted,
        .right = right && complaint == NULL,
    };
}

static bool is_wanted(long answer, long wanted)
{
    if (wanted == A_HANDLE)
        return answer >= 0x10000;
    if (wanted == A_COUNT)
        return answer > 0;
    return answer == wanted;
}

/* One call with four words through the gate under test; returns its answer. */
static long step(const char *text, uint32_t number, uint32_t w0, uint32_t w1, uint32_t w2,
                 uint32_t w3, long wanted)
{
    uint32_t words[4] = {w0, w1, w2, w3};
    long answer = probe_cross(gate->stub, number, words);
    record(text, is_wanted(answer, wanted), probe_complaint(), answer, wanted);
    if (number < sizeof(call_is_tested) / sizeof(*call_is_tested))
        call_is_tested[number] = true;
    return answer;
}

static void check(const char *text, bool right)
{
    record(text, right, NULL, right, 1);
}

static void step_handles(void)
{
    uint32_t copy = (uint32_t)step("handle_give: the caller to itself",
                                   SYS_LIMEN_handle_give, 0, 0, RIGHTS_ALL, 0, A_HANDLE);
    step("handle_give: a forged handle", SYS_LIMEN_handle_give, 0, 0x7fff0001, 0, 0,
         -EBADF);
    step("handle_give: unknown rights", SYS_LIMEN_handle_give, 0, copy, RIGHTS_ALL + 1, 0,
         -EINVAL);
    step("handle_close", SYS_LIMEN_handle_close, copy, 0, 0, 0, 0);
    step("handle_close: twice", SYS_LIMEN_handle_close, copy, 0, 0, 0, -EBADF);
    copy = (uint32_t)step("handle_duplicate: the caller's own",
                          SYS_LIMEN_handle_duplicate, 0, RIGHT_READ, 0, 0, A_HANDLE);
    step("handle_duplicate: no right to", SYS_LIMEN_handle_duplicate, copy, RIGHT_READ, 0,
         0, -EPERM);
    step("handle_close: the copy", SYS_LIMEN_handle_close, copy, 0, 0, 0, 0);
    step("handle_close: 1", SYS_LIMEN_handle_close, 1, 0, 0, 0, -EBADF);
}

/* A process from its creation to its end. */
static void step_processes(void)
{
    uint32_t child =
        (uint32_t)step("process_create", SYS_LIMEN_process_create, 16, 0, 0, 0, A_HANDLE);
    uint32_t thread;
    step("process_create: no pages", SYS_LIMEN_process_create, 0, 0, 0, 0, -EINVAL);
    step("process_create: all memory there can be", SYS_LIMEN_process_create, 0xffffffff,
         0, 0, 0, -ENOMEM);
    step("process_info", SYS_LIMEN_process_info, child, address_of(&process_info), 0, 0,
         0);
    check("process_info tells the quota", process_info.pages_limit == 16);
    step("process_info: bad pointer", SYS_LIMEN_process_info, child, KERNEL_BASE, 0, 0,
         -EFAULT);
    step("process_wait: the deadline has passed", SYS_LIMEN_process_wait, child,
         address_of(&process_end), address_of(&time_past), 0, -ETIMEDOUT);
    step("process_wait: itself", SYS_LIMEN_process_wait, 0, address_of(&process_end),
         address_of(&time_past), 0, -EINVAL);
    thread_start = (struct thread_start){.flags = 1u << 31};
    step("thread_create: unknown flag", SYS_LIMEN_thread_create, child,
         address_of(&thread_start), 0, 0, -EINVAL);
    step("process_kill", SYS_LIMEN_process_kill, child, 7, 0, 0, 0);
    step("process_kill: twice", SYS_LIMEN_process_kill, child, 8, 0, 0, 0);
    step("process_wait", SYS_LIMEN_process_wait, child, address_of(&process_end), 0, 0,
         0);
    check("process_wait tells who was killed",
          process_end.reason == PROCESS_KILLED && process_end.status == 7);
    thread_start.flags = 0;
    step("thread_create: in an ended process", SYS_LIMEN_thread_create, child,
         address_of(&thread_start), 0, 0, -ESRCH);
    step("handle_give: to an ended process", SYS_LIMEN_handle_give, child, child,
         RIGHTS_ALL, 0, -ESRCH);
    step("handle_close: a process", SYS_LIMEN_handle_close, child, 0, 0, 0, 0);
    step("process_kill: a closed handle", SYS_LIMEN_process_kill, child, 7, 0, 0, -EBADF);

    child = (uint32_t)step("process_create: again", SYS_LIMEN_process_create, 16, 0, 0, 0,
                           A_HANDLE);
    thread = (uint32_t)step("thread_create", SYS_LIMEN_thread_create, child,
                            address_of(&thread_start), 0, 0, A_HANDLE);
    step("process_wait: a fault at 0", SYS_LIMEN_process_wait, child,
         address_of(&process_end), 0, 0, 0);
    check("process_wait tells the fault", process_end.reason == PROCESS_FAULTED &&
                                              process_end.vector == 14 &&
                                              process_end.state.eip == 0);
    step("thread_suspend: it has ended", SYS_LIMEN_thread_suspend, thread, 0, 0, 0,
         -ESRCH);
    step("thread_resume: it has ended", SYS_LIMEN_thread_resume, thread, 0, 0, 0, -ESRCH);
    step("thread_read: it has ended", SYS_LIMEN_thread_read, thread, address_of(buffer),
         0, 0, -ESRCH);
    step("thread_write: it has ended", SYS_LIMEN_thread_write, thread, address_of(buffer),
         0, 0, -ESRCH);
    step("handle_close: an ended thread", SYS_LIMEN_handle_close, thread, 0, 0, 0, 0);
    step("handle_close: a faulted process", SYS_LIMEN_handle_close, child, 0, 0, 0, 0);
}

static void step_threads(void)
{
    uint32_t base;
    __asm__("movl %%gs:0, %0" : "=r"(base));
    step("thread_yield", SYS_LIMEN_thread_yield, 0, 0, 0, 0, 0);
    step("thread_base: %gs as it is", SYS_LIMEN_thread_base, 1, base, 0, 0, 0);
    step("thread_info", SYS_LIMEN_thread_info, 0, address_of(&thread_info), 0, 0, 0);
    check("thread_info tells the priority",
          thread_info.base_priority <= PRIORITY_MAX && !thread_info.ended);
    step("thread_info: bad pointer", SYS_LIMEN_thread_info, 0, KERNEL_BASE, 0, 0,
         -EFAULT);
    step("thread_priority: as it is", SYS_LIMEN_thread_priority, 0,
         thread_info.base_priority, 0, 0, 0);
    step("thread_priority: above the highest", SYS_LIMEN_thread_priority, 0,
         PRIORITY_COUNT, 0, 0, -EINVAL);
    step("process_priority: above the highest", SYS_LIMEN_process_priority, 0, -1u, 0, 0,
         -EINVAL);
    step("process_fault_endpoint: nobody", SYS_LIMEN_process_fault_endpoint, 0, 0, 0, 0,
         0);
    step("process_fault_endpoint: no endpoint", SYS_LIMEN_process_fault_endpoint, 0, 5, 0,
         0, -EBADF);
    step("syscall_bind: no resource", SYS_LIMEN_syscall_bind, 0, SYSCALL_BOUND_FIRST, 0,
         0, -EBADF);
    step("thread_read: its own", SYS_LIMEN_thread_read, 0, address_of(buffer), 0, 0, 0);
    step("thread_write: its own", SYS_LIMEN_thread_write, 0, address_of(buffer), 0, 0,
         -EBUSY);
    step("thread_base: a third segment", SYS_LIMEN_thread_base, 2, base, 0, 0, -EINVAL);
}

static void step_memory(void)
{
    uint32_t at;
    memory_map =
        (struct memory_map){.size = 2 * PAGE_SIZE, .flags = MEMORY_READ | MEMORY_WRITE};
    step("memory_map", SYS_LIMEN_memory_map, 0, address_of(&memory_map), 0, 0, 0);
    at = memory_map.address;
    check("memory_map found a place",
          at >= USER_START && at < USER_END && at % PAGE_SIZE == 0);
    memory_map.flags |= MEMORY_FIXED;
    step("memory_map: on what is mapped", SYS_LIMEN_memory_map, 0,
         address_of(&memory_map), 0, 0, -EEXIST);
    memory_map.size = 100;
    step("memory_map: part of a page", SYS_LIMEN_memory_map, 0, address_of(&memory_map),
         0, 0, -EINVAL);
    step("memory_write", SYS_LIMEN_memory_write, 0, at, address_of("threshold"), 9, 9);
    step("memory_protect", SYS_LIMEN_memory_protect, 0, at, PAGE_SIZE, MEMORY_READ, 0);
    step("memory_protect: unknown bit", SYS_LIMEN_memory_protect, 0, at, PAGE_SIZE, 0x80,
         -EINVAL);
    step("memory_write: read-only", SYS_LIMEN_memory_write, 0, at, address_of("x"), 1,
         -EFAULT);
    memset(buffer, 0, 16);
    step("memory_read", SYS_LIMEN_memory_read, 0, at, address_of(buffer), 9, 9);
    check("memory_read gives what was written", memcmp(buffer, "threshold", 10) == 0);
    step("memory_unmap", SYS_LIMEN_memory_unmap, 0, at, 2 * PAGE_SIZE, 0, 0);
    step("memory_unmap: part of a page", SYS_LIMEN_memory_unmap, 0, at + 1, PAGE_SIZE, 0,
         -EINVAL);
    step("memory_protect: a hole", SYS_LIMEN_memory_protect, 0, at, PAGE_SIZE,
         MEMORY_READ, -EFAULT);
    step("memory_read: a hole", SYS_LIMEN_memory_read, 0, at, address_of(buffer), 9,
         -EFAULT);
}

static void step_memory_objects(void)
{
    uint32_t root = (uint32_t)getauxval(AT_LIMEN_RESOURCE);
    uint32_t memory = (uint32_t)step("memory_create", SYS_LIMEN_memory_create,
                                     2 * PAGE_SIZE, 0, 0, 0, A_HANDLE);
    step("memory_create: part of a page", SYS_LIMEN_memory_create, 100, 0, 0, 0, -EINVAL);
    step("memory_write: an object", SYS_LIMEN_memory_write, memory, PAGE_SIZE,
         address_of("object"), 7, 7);
    uint32_t clone =
        (uint32_t)step("memory_clone", SYS_LIMEN_memory_clone, memory, 0, 0, 0, A_HANDLE);
    step("memory_resize", SYS_LIMEN_memory_resize, memory, PAGE_SIZE, 0, 0, 0);
    step("memory_read: beyond the end", SYS_LIMEN_memory_read, memory, PAGE_SIZE,
         address_of(buffer), 7, -EFAULT);
    step("memory_read: the clone", SYS_LIMEN_memory_read, clone, PAGE_SIZE,
         address_of(buffer), 7, 7);
    check("the clone has what the object had", memcmp(buffer, "object", 7) == 0);
    step("memory_info", SYS_LIMEN_memory_info, clone, address_of(&memory_info), 0, 0, 0);
    check("memory_info tells size and pages",
          memory_info.size == 2 * PAGE_SIZE && memory_info.pages == 1);
    step("memory_physical: a process is no resource", SYS_LIMEN_memory_physical, 0,
         0xb8000, PAGE_SIZE, 0, -EBADF);
    uint32_t screen = (uint32_t)step("memory_physical", SYS_LIMEN_memory_physical, root,
                                     0xb8000, PAGE_SIZE, 0, A_HANDLE);
    step("memory_clone: physical", SYS_LIMEN_memory_clone, screen, 0, 0, 0, -EINVAL);
    step("handle_close: memory", SYS_LIMEN_handle_close, memory, 0, 0, 0, 0);
    step("handle_close: a clone", SYS_LIMEN_handle_close, clone, 0, 0, 0, 0);
    step("handle_close: the screen", SYS_LIMEN_handle_close, screen, 0, 0, 0, 0);
    uint32_t twin =
        (uint32_t)step("process_clone", SYS_LIMEN_process_clone, 1000, 0, 0, 0, A_HANDLE);
    step("process_clone: too few pages", SYS_LIMEN_process_clone, 8, 0, 0, 0, -ENOMEM);
    step("process_clone: no pages", SYS_LIMEN_process_clone, 0, 0, 0, 0, -EINVAL);
    step("handle_close: a process's clone", SYS_LIMEN_handle_close, twin, 0, 0, 0, 0);
}

static void step_waiting(void)
{
    uint64_t before = time_read;
    step("clock_get", SYS_LIMEN_clock_get, CLOCK_ID_MONOTONIC, address_of(&time_read), 0,
         0, 0);
    check("clock_get does not run backwards", time_read >= before && time_read != 0);
    step("clock_get: no such clock", SYS_LIMEN_clock_get, 2, address_of(&time_read), 0, 0,
         -EINVAL);
    step("clock_sleep: until what has passed", SYS_LIMEN_clock_sleep,
         address_of(&time_past), 0, 0, 0, 0);
    step("futex_wait: another value", SYS_LIMEN_futex_wait, address_of(&word), 4, 0, 0,
         -EAGAIN);
    step("futex_wait: the deadline has passed", SYS_LIMEN_futex_wait, address_of(&word),
         5, address_of(&time_past), 0, -ETIMEDOUT);
    step("futex_wait: not aligned", SYS_LIMEN_futex_wait, address_of(&word) + 1, 5,
         address_of(&time_past), 0, -EINVAL);
    step("futex_wake: nobody waits", SYS_LIMEN_futex_wake, address_of(&word), 1, 0, 0, 0);
    step("futex_requeue: nobody waits", SYS_LIMEN_futex_requeue, address_of(&word), 1, 1,
         address_of(buffer), 0);
}

static void step_machine(uint32_t resource)
{
    static const char line[] = "the gates test was here";
    static const struct resource_range resource_range = {RESOURCE_LOG, 0, 1};
    uint32_t log = (uint32_t)getauxval(AT_LIMEN_LOG);
    step("ports_request: no resource", SYS_LIMEN_ports_request, 0, 0x80, 1, 0, -EBADF);
    step("log_write", SYS_LIMEN_log_write, log, address_of(line), sizeof(line) - 1, 0, 0);
    step("log_write: bad pointer", SYS_LIMEN_log_write, log, 0, 4, 0, -EFAULT);
    step("system_info", SYS_LIMEN_system_info, address_of(&system_info), 0, 0, 0, 0);
    check("system_info counts frames",
          system_info.frames_free != 0 &&
              system_info.frames_free < system_info.frames_total);
    step("log_write: no resource", SYS_LIMEN_log_write, 0, address_of(line), 1, 0,
         -EBADF);
    step("log_read: not with the writer's", SYS_LIMEN_log_read, log, 0,
         address_of(buffer), 16, -EPERM);
    step("resource_derive: not from the writer's", SYS_LIMEN_resource_derive, log,
         address_of(&resource_range), 0, 0, -EPERM);
    step("machine_stop: no resource", SYS_LIMEN_machine_stop, 0, MACHINE_POWER_OFF, 1, 0,
         -EBADF);
    if (resource == 0)
        return;
    step("log_read", SYS_LIMEN_log_read, resource, system_info.log_start,
         address_of(buffer), 16, A_COUNT);
    step("log_read: its end", SYS_LIMEN_log_read, resource, system_info.log_end,
         address_of(buffer), 16, 0);
    uint32_t derived =
        (uint32_t)step("resource_derive", SYS_LIMEN_resource_derive, resource,
                       address_of(&resource_range), 0, 0, A_HANDLE);
    step("log_write: a derived resource", SYS_LIMEN_log_write, derived, address_of(line),
         sizeof(line) - 1, 0, 0);
    step("handle_close: a resource", SYS_LIMEN_handle_close, derived, 0, 0, 0, 0);
    step("ports_request: past the last port", SYS_LIMEN_ports_request, resource, 0xffff,
         2, 0, -EINVAL);
    step("machine_stop: unknown action", SYS_LIMEN_machine_stop, resource, 99, 1, 0,
         -EINVAL);
}

/* Answers every call with its words plus one, and ends when the badge is closed. */
static void serve_plus_one(uint32_t port)
{
    struct limen_words message;
    handle_t handle = {port};
    long kind = limen_receive_words(handle, &message, NULL);
    while (kind == MESSAGE_CALL) {
        for (int i = 0; i < 3; i++)
            message.words[i]++;
        kind = limen_reply_receive_words(handle, &message);
    }
    (void)limen_handle_close(handle);
    server_ended = 1;
    (void)limen_thread_exit(NULL, 0, 0);
}

/* A call through the gate under test must come back with the answer's words, and nothing
 * else changed. */
static void step_call(const char *text, uint32_t endpoint, uint32_t w0)
{
    uint32_t words[4] = {endpoint, w0, w0 + 10, w0 + 20};
    const struct registers *out = &gate_probe.out;
    long answer = probe_cross(gate->stub, SYS_LIMEN_call, words);
    bool right = out->esi == w0 + 1 && out->edi == w0 + 11 && out->ebp == w0 + 21;
    gate_probe.in.esi = out->esi;
    gate_probe.in.edi = out->edi;
    gate_probe.in.ebp = out->ebp;
    record(text, answer == 0 && right, probe_complaint(), answer, 0);
    call_is_tested[SYS_LIMEN_call] = true;
}

static void step_refused_messages(uint32_t port, uint32_t endpoint)
{
    static const struct message empty;
    static const struct message greedy = {.handle_count = MESSAGE_HANDLES + 1};
    static const struct message vast = {.send_size = MESSAGE_SIZE_MAX + 1};
    static const struct message_window window = {(void *)(KERNEL_BASE - 1), 2, NULL, 0};
    uint32_t at = address_of(&empty);
    step("endpoint_mint: no such port", SYS_LIMEN_endpoint_mint, 1, 5, 0, 0, -EBADF);
    step("call: a port", SYS_LIMEN_call, port, 1, 2, 3, -EBADF);
    step("send: no such endpoint", SYS_LIMEN_send, 1, 1, 2, 3, -EBADF);
    step("receive: an endpoint", SYS_LIMEN_receive, endpoint, 0, 0, 0, -EBADF);
    step("receive: the deadline has passed", SYS_LIMEN_receive, port,
         address_of(&time_past), 0, 0, -ETIMEDOUT);
    step("reply: to nobody", SYS_LIMEN_reply, 0, 1, 2, 3, -ESRCH);
    step("reply: a word that must be 0", SYS_LIMEN_reply, 1, 1, 2, 3, -EINVAL);
    step("reply_receive: no such port", SYS_LIMEN_reply_receive, 1, 1, 2, 3, -EBADF);
    step("reply_defer: nobody to answer", SYS_LIMEN_reply_defer, 0, 0, 0, 0, -ESRCH);
    step("message_call: bad pointer", SYS_LIMEN_message_call, endpoint, KERNEL_BASE, 0, 0,
         -EFAULT);
    step("message_call: too many handles", SYS_LIMEN_message_call, endpoint,
         address_of(&greedy), 0, 0, -E2BIG);
    step("message_call: too many bytes", SYS_LIMEN_message_call, endpoint,
         address_of(&vast), 0, 0, -E2BIG);
    step("message_window: in the kernel", SYS_LIMEN_message_window, address_of(&window),
         0, 0, 0, -EFAULT);
    step("message_window: none", SYS_LIMEN_message_window, 0, 0, 0, 0, 0);
    step("message_reply: to nobody", SYS_LIMEN_message_reply, at, 0, 0, 0, -ESRCH);
    step("message_reply_receive: no such port", SYS_LIMEN_message_reply_receive, 1, at, 0,
         0, -EBADF);
    step("message_read: nobody sends", SYS_LIMEN_message_read, 0, 0, at, 4, -ESRCH);
    step("message_write: nobody waits", SYS_LIMEN_message_write, 0, 0, at, 4, -ESRCH);
    step("reply_to: no such handle", SYS_LIMEN_reply_to, 1, at, 0, 0, -EBADF);
    step("client_fault: nobody", SYS_LIMEN_client_fault, 0, 0, 0, 0, -ESRCH);
}

static void step_ports(void)
{
    static uint8_t stack[1024] __attribute__((aligned(16)));
    uint32_t port =
        (uint32_t)step("port_create", SYS_LIMEN_port_create, 0, 0, 0, 0, A_HANDLE);
    uint32_t endpoint = (uint32_t)step("endpoint_mint", SYS_LIMEN_endpoint_mint, port,
                                       1000, 0, 0, A_HANDLE);
    step_refused_messages(port, endpoint);
    server_ended = 0;
    long server = bare_thread(serve_plus_one, port, stack + sizeof(stack));
    step_call("call: the server is yet to come", endpoint, 77);
    step_call("call: the server waits", endpoint, 0xfffffff0);
    step("handle_close: the endpoint", SYS_LIMEN_handle_close, endpoint, 0, 0, 0, 0);
    check("the server is told that its badge is closed", wait_for(&server_ended, 1));
    step("call: a closed endpoint", SYS_LIMEN_call, endpoint, 1, 2, 3, -EBADF);
    (void)limen_handle_close(handle_of(server));
}

/* One that is taken: how many comes back in edi, where the size was. */
static void step_sent(const char *text, uint32_t to, struct system_message *message)
{
    uint32_t words[4] = {to, address_of(message), sizeof(*message), 0};
    long answer = probe_cross(gate->stub, SYS_LIMEN_sendsys, words);
    bool right = gate_probe.out.esi == words[1] && gate_probe.out.edi == 1;
    record(text, answer == 0 && right, probe_complaint(), answer, 0);
    call_is_tested[SYS_LIMEN_sendsys] = true;
}

static void step_system_messages(void)
{
    static const struct reply_policy policy = {.kind = REPLY_QUEUE};
    static const struct reply_policy bad_policy = {.kind = REPLY_QUEUE, .depth = 1};
    static const struct upcall no_upcall;
    static struct system_message message;
    uint32_t at = address_of(&message);
    uint32_t size = sizeof(message);
    uint32_t port = (uint32_t)step("reply_port_create", SYS_LIMEN_reply_port_create,
                                   address_of(&policy), 0, 0, 0, A_HANDLE);
    step("reply_port_create: a field too many", SYS_LIMEN_reply_port_create,
         address_of(&bad_policy), 0, 0, 0, -EINVAL);
    step("reply_port_policy", SYS_LIMEN_reply_port_policy, port, address_of(&policy), 0,
         0, 0);
    step("reply_port_policy: no such port", SYS_LIMEN_reply_port_policy, 1,
         address_of(&policy), 0, 0, -EBADF);
    message = (struct system_message){.operation = SYSTEM_NULL};
    step_sent("sendsys: nothing", SYSTEM_VERSION, &message);
    step("sendsys: another version", SYS_LIMEN_sendsys, 2, at, size, 0, -EINVAL);
    step("sendsys: half a message", SYS_LIMEN_sendsys, 1, at, size / 2, 0, -EINVAL);
    step("sendsys: with a deadline", SYS_LIMEN_sendsys, 1, at, size,
         address_of(&time_past), -EINVAL);
    step("sendsys: to a reply port", SYS_LIMEN_sendsys, port, at, size, 0, -EBADF);
    step("waitsys: nothing has come", SYS_LIMEN_sendsys, port, 0, 0xffffffff, 0, -EAGAIN);
    step("waitsys: in time", SYS_LIMEN_sendsys, port, 0, 0, address_of(&time_past),
         -ETIMEDOUT);
    step("waitsys: not in flight", SYS_LIMEN_sendsys, port, at, 0, 0, -ESRCH);
    step("flushsys: nothing is held", SYS_LIMEN_sendsys, 1, 0, 0, 0, 0);
    step("upcall_return: there is none", SYS_LIMEN_upcall_return, port,
         address_of(&no_upcall), 0, 0, -EINVAL);
    step("handle_close: a reply port", SYS_LIMEN_handle_close, port, 0, 0, 0, 0);
}

static void step_interrupts(uint32_t resource)
{
    handle_t port = {(uint32_t)limen_port_create()};
    uint32_t endpoint = (uint32_t)limen_endpoint_mint(port, 1);
    if (resource == 0)
        return;
    step("interrupt_create: the timer's line", SYS_LIMEN_interrupt_create, resource, 0,
         endpoint, 0, -EBUSY);
    uint32_t interrupt = (uint32_t)step("interrupt_create", SYS_LIMEN_interrupt_create,
                                        resource, 5, endpoint, 0, A_HANDLE);
    step("interrupt_acknowledge: none came", SYS_LIMEN_interrupt_acknowledge, interrupt,
         0, 0, 0, -EAGAIN);
    step("handle_close: an interrupt", SYS_LIMEN_handle_close, interrupt, 0, 0, 0, 0);
    (void)limen_handle_close((handle_t){endpoint});
    (void)limen_handle_close(port);
}

static void step_unknown_numbers(void)
{
    static const uint32_t numbers[] = {
        0xffffffff,
        0x80000000,
        0x7fffffff,
        0x80000001,
        SYSCALL_BOUND_FIRST - 1,
        SYSCALL_BOUND_FIRST,
        SYSCALL_BOUND_FIRST + 1,
        SYSCALL_BOUND_FIRST + SYSCALL_BOUND_COUNT - 1,
        SYSCALL_BOUND_FIRST + SYSCALL_BOUND_COUNT,
        0xffff,
        0x10000,
        0x40000000,
        0xc0000000,
    };
#define SYSCALL(nr, name, params, words, args) [nr] = true,
    static const bool numbers_used[] = {
#include <limen/syscalls.def>
    };
#undef SYSCALL
    for (uint32_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        step("a number that is no call", numbers[i], 1, 2, 3, 4, -ENOSYS);
    step("the number after the last", sizeof(numbers_used), 1, 2, 3, 4, -ENOSYS);
}

/* The kernel counts each crossing, by its gate. The question itself goes by int 0x80. */
static void check_counts(enum gate number)
{
    static struct system_info before;
    static struct system_info after;
    uint32_t words[4] = {address_of(&before)};
    bool right = true;
    probe_cross(test_gate_int80, SYS_LIMEN_system_info, words);
    words[0] = 0;
    for (int i = 0; i < CROSSINGS; i++)
        probe_cross(gate->stub, SYS_LIMEN_null, words);
    words[0] = address_of(&after);
    probe_cross(test_gate_int80, SYS_LIMEN_system_info, words);
    for (uint32_t i = 0; i < GATE_COUNT; i++) {
        uint64_t grown = after.crossings[i] - before.crossings[i];
        uint64_t wanted = (i == number ? CROSSINGS : 0) + (i == GATE_INT80 ? 1 : 0);
        right = right && grown == wanted;
    }
    check("its crossings are counted, and no other's", right);
}

/* The calls that do not return, in a row of their own: `exit(0)` by one of them. */
static const uint8_t cross_int80[] = {0xcd, 0x80};
static const uint8_t cross_sysenter[] = {0x89, 0xe1, 0x0f, 0x34};
static const uint8_t cross_syscall[] = {0x0f, 0x05};

static uint32_t add_number(uint8_t *code, uint8_t opcode, uint32_t number)
{
    code[0] = opcode;
    memcpy(code + 1, &number, sizeof(number));
    return 5;
}

static void check_exit(const char *text, enum gate by, uint32_t number)
{
    struct process_end end;
    uint8_t code[32];
    uint32_t size = add_number(code, 0xb8, number);
    size += add_number(code + size, 0xbb, number == SYS_LIMEN_process_exit ? 42 : 0);
    if (by == GATE_INT80) {
        memcpy(code + size, cross_int80, sizeof(cross_int80));
        size += sizeof(cross_int80);
    } else if (by == GATE_SYSENTER) {
        memcpy(code + size, cross_sysenter, sizeof(cross_sysenter));
        size += sizeof(cross_sysenter);
    } else {
        memcpy(code + size, cross_syscall, sizeof(cross_syscall));
        size += sizeof(cross_syscall);
    }
    code[size++] = 0xcc;
    (void)row_run(code, size, &end);
    check(text, end.reason == PROCESS_EXITED &&
                    end.status == (number == SYS_LIMEN_process_exit ? 42 : 0));
    call_is_tested[number] = true;
}

static void test_gate(enum gate number, uint32_t resource)
{
    gate = &gate_choices[number];
    step("null", SYS_LIMEN_null, 1, 2, 3, 4, 0);
    step_handles();
    step_processes();
    step_threads();
    step_memory();
    step_memory_objects();
    step_waiting();
    step_machine(resource);
    step_interrupts(resource);
    step_ports();
    step_system_messages();
    step_unknown_numbers();
    check_exit("process_exit", number, SYS_LIMEN_process_exit);
    check_exit("thread_exit: of the last thread", number, SYS_LIMEN_thread_exit);
    check_counts(number);
}

static void test_threshold_page(void)
{
    static const struct gate_choice choice = {
        "threshold stub",
        (void (*)(void))THRESHOLD_ENTRY,
    };
    const struct threshold_page *page = threshold();
    gate = &choice;
    check("the page tells this ABI's version", page->abi_version == LIMEN_ABI_VERSION);
    check("int 0x80 is always open", gate_is_open(GATE_INT80));
    check("the best gate is an open one",
          page->best_gate < GATE_COUNT && gate_is_open(page->best_gate));
    check("no gate is open that is none", page->gates_open >> GATE_COUNT == 0);
    step("null", SYS_LIMEN_null, 1, 2, 3, 4, 0);
    step("system_info: bad pointer", SYS_LIMEN_system_info, KERNEL_BASE, 2, 3, 4,
         -EFAULT);
    step("a number that is no call", 0xffffffff, 1, 2, 3, 4, -ENOSYS);
    check_counts(page->best_gate);
}

static void check_every_call_was_tested(void)
{
    static const struct gate_choice choice = {"all gates", NULL};
    gate = &choice;
#define SYSCALL(nr, name, params, words, args) \
    check("there is a test of " #name, call_is_tested[nr]);
#include <limen/syscalls.def>
#undef SYSCALL
}

static void print_records(void)
{
    tap_plan(record_count);
    for (unsigned int i = 0; i < record_count; i++) {
        const struct record *r = &records[i];
        if (!tap_ok(r->right, "%s: %s", r->gate, r->text))
            tap_note("answer %ld wanted %ld; %s", r->answer, r->wanted,
                     r->complaint != NULL ? r->complaint : "registers kept");
    }
}

int main(void)
{
    uint32_t resource = (uint32_t)getauxval(AT_LIMEN_RESOURCE);
    (void)clock_now();
    for (enum gate number = GATE_INT80; number < GATE_COUNT; number++)
        if (gate_is_open(number))
            test_gate(number, resource);
    test_threshold_page();
    check_every_call_was_tested();
    print_records();
    return tap_done();
}
