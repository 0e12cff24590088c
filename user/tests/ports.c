/* SPDX-License-Identifier: MIT */
/*
 * I/O ports: a process reaches those that it asked for with a resource, and no others;
 * not at the edges, not after another process ran, not in another process, and not with
 * more rights of other kinds. The rows read ports of the DMA page registers, where a read
 * does nothing.
 *
 * A row begins with the resource's handle in EAX, or 0.
 */
#include <errno.h>

#include "cases.h"
#include "row.h"

static handle_t resource;

/* ports_request(resource, 0x84, 4); every row that begins so may use 0x84 to 0x87. */
__asm__(".macro request first, count\n"
        "movl %eax, %ebx\n movl %eax, DATA + 64\n"
        "movl $SYS_ports_request, %eax\n movl $\\first, %esi\n movl $\\count, %edi\n"
        "int $0x80\n"
        ".endm\n"
        ".macro request_four\n"
        "request 0x84, 4\n testl %eax, %eax\n jz 9f\n fail\n 9:\n"
        ".endm\n");

SNIPPET(inside, "request_four\n inb $0x84, %al\n inb $0x85, %al\n inb $0x87, %al\n"
                "inw $0x84, %ax\n inw $0x86, %ax\n inl $0x84, %eax\n pass")
SNIPPET(below, "request_four\n inb $0x84, %al\n inb $0x83, %al\n fail")
SNIPPET(above, "request_four\n inb $0x87, %al\n inb $0x88, %al\n fail")
SNIPPET(word_below, "request_four\n inw $0x83, %ax\n fail")
SNIPPET(word_above, "request_four\n inw $0x87, %ax\n fail")
SNIPPET(dword_above, "request_four\n inl $0x85, %eax\n fail")
SNIPPET(dword_below, "request_four\n inl $0x81, %eax\n fail")
SNIPPET(string_above, "request_four\n movl $0x88, %edx\n movl $DATA, %edi\n insb\n fail")
SNIPPET(far_away, "request_four\n movl $0x8084, %edx\n inb %dx, %al\n fail")
SNIPPET(not_asked, "inb $0x84, %al\n fail")
SNIPPET(not_asked_last, "movl $0xffff, %edx\n inb %dx, %al\n fail")
SNIPPET(all, "request 0, 0x10000\n testl %eax, %eax\n jnz 1f\n inb $0x84, %al\n"
             "movl $0xffff, %edx\n inb %dx, %al\n pass\n 1: fail")
SNIPPET(all_word_past_end,
        "request 0, 0x10000\n movl $0xffff, %edx\n inw %dx, %ax\n fail")
SNIPPET(all_dword_past_end,
        "request 0, 0x10000\n movl $0xfffd, %edx\n inl %dx, %eax\n fail")
SNIPPET(all_cli, "request 0, 0x10000\n cli\n fail")
SNIPPET(last, "request 0xffff, 1\n testl %eax, %eax\n jnz 1f\n movl $0xffff, %edx\n"
              "inb %dx, %al\n pass\n 1: fail")
SNIPPET(before_last, "request 0xffff, 1\n movl $0xfffe, %edx\n inb %dx, %al\n fail")
/* From within a byte of the first half's bits to within one of the second half's. */
SNIPPET(long_range, "request 0x7f05, 0x203\n movl $0x7f05, %edx\n movl $0x203, %ecx\n"
                    "1: inb %dx, %al\n incl %edx\n loop 1b\n pass")
SNIPPET(long_below, "request 0x7f05, 0x203\n movl $0x7f04, %edx\n inb %dx, %al\n fail")
SNIPPET(long_above, "request 0x7f05, 0x203\n movl $0x8108, %edx\n inb %dx, %al\n fail")
SNIPPET(twice, "request_four\n movl DATA + 64, %eax\n request 0x8a, 1\n inb $0x84, %al\n"
               "inb $0x8a, %al\n inb $0x89, %al\n fail")
SNIPPET(closed_handle,
        "request_four\n movl $SYS_handle_close, %eax\n movl DATA + 64, %ebx\n"
        "int $0x80\n testl %eax, %eax\n jnz 1f\n inb $0x84, %al\n"
        "movl DATA + 64, %eax\n request 0x88, 1\n cmpl $-9, %eax\n jne 1f\n"
        "pass\n 1: fail")
SNIPPET(yielding, "request_four\n movl $300, %ebp\n"
                  "1: inb $0x84, %al\n movl $SYS_thread_yield, %eax\n int $0x80\n"
                  "decl %ebp\n jnz 1b\n pass")
SNIPPET(spinning, "request_four\n movl $1, DATA\n 1: inb $0x84, %al\n jmp 1b")

#define PORT_ROW(name, text, outcome, with_resource)                       \
    {                                                                      \
        text, snippet_##name, snippet_##name##_end, outcome, with_resource \
    }
static const struct port_row {
    const char *text;
    const uint8_t *start;
    const uint8_t *end;
    outcome_t wanted;
    bool with_resource;
} rows[] = {
    PORT_ROW(inside, "ports inside the range", EXIT_0, true),
    PORT_ROW(below, "the port below", FAULT(13), true),
    PORT_ROW(above, "the port above", FAULT(13), true),
    PORT_ROW(word_below, "a word across the range's start", FAULT(13), true),
    PORT_ROW(word_above, "a word across the range's end", FAULT(13), true),
    PORT_ROW(dword_above, "four bytes across the range's end", FAULT(13), true),
    PORT_ROW(dword_below, "four bytes across the range's start", FAULT(13), true),
    PORT_ROW(string_above, "a string instruction above", FAULT(13), true),
    PORT_ROW(far_away, "a port in the other half", FAULT(13), true),
    PORT_ROW(not_asked, "a port that was not asked for", FAULT(13), true),
    PORT_ROW(not_asked_last, "the last port, not asked for", FAULT(13), true),
    PORT_ROW(inside, "no resource", EXIT_OTHER, false),
    PORT_ROW(all, "all ports", EXIT_0, true),
    PORT_ROW(all_word_past_end, "a word past the last port", FAULT(13), true),
    PORT_ROW(all_dword_past_end, "four bytes past the last port", FAULT(13), true),
    PORT_ROW(all_cli, "all ports do not allow CLI", FAULT(13), true),
    PORT_ROW(last, "the last port alone", EXIT_0, true),
    PORT_ROW(before_last, "the port before the last", FAULT(13), true),
    PORT_ROW(long_range, "a range in both halves", EXIT_0, true),
    PORT_ROW(long_below, "the port below it", FAULT(13), true),
    PORT_ROW(long_above, "the port above it", FAULT(13), true),
    PORT_ROW(twice, "two ranges", FAULT(13), true),
    PORT_ROW(closed_handle, "ports stay when the resource's handle is closed", EXIT_0,
             true),
    PORT_ROW(yielding, "ports stay while others run", EXIT_0, true),
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static bool start_row(struct child *child, const uint8_t *start, const uint8_t *end,
                      bool with_resource)
{
    struct thread_start registers = {.eip = CHILD_CODE, .esp = CHILD_STACK_START};
    if (!row_load(child, start, (uint32_t)(end - start)))
        return false;
    if (with_resource) {
        long given = limen_handle_give(child->process, resource, RIGHTS_SAME);
        if (given <= 0)
            return false;
        registers.eax = (uint32_t)given;
    }
    return child_start_with(child, &registers) > 0;
}

static outcome_t run_row(const uint8_t *start, const uint8_t *end, bool with_resource,
                         struct process_end *process_end)
{
    struct child child;
    outcome_t outcome = NOT_STARTED;
    if (start_row(&child, start, end, with_resource))
        outcome = child_wait(child, process_end);
    child_close(&child);
    return outcome;
}

static void test_row(const struct port_row *row)
{
    struct process_end end = {0};
    outcome_t got = run_row(row->start, row->end, row->with_resource, &end);
    bool right = (got & row->wanted) != 0 && machine_goes_on();
    if (!right)
        row_complain(row->text, got, &end);
    tap_ok(right, "%s", row->text);
}

static outcome_t run_not_asked(void)
{
    struct process_end end = {0};
    return run_row(snippet_not_asked, snippet_not_asked_end, false, &end);
}

/* One process uses its ports all the time; another one, between, must not. */
static void test_while_another_runs(void)
{
    struct child child;
    bool right = start_row(&child, snippet_spinning, snippet_spinning_end, true) &&
                 child_wait_for(child, (volatile uint32_t *)CHILD_DATA, 1);
    for (int i = 0; right && i < 4; i++)
        right = run_not_asked() == FAULT(13);
    right = right && limen_process_kill(child.process, 0) == 0;
    child_close(&child);
    tap_ok(right && machine_goes_on(), "another process's ports, while it runs");
    tap_ok(run_not_asked() == FAULT(13), "another process's ports, after its end");
}

static void test_ranges(void)
{
    tap_ok(limen_ports_request(resource, 0x84, 0) == -EINVAL &&
               limen_ports_request(resource, 0x10000, 1) == -EINVAL &&
               limen_ports_request(resource, 0xffff, 2) == -EINVAL &&
               limen_ports_request(resource, 1, 0xffffffff) == -EINVAL &&
               limen_ports_request(resource, 0xffffffff, 1) == -EINVAL &&
               limen_ports_request(resource, 0x80000000, 0x80000000) == -EINVAL,
           "ranges that make no sense");
}

int main(void)
{
    resource = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    tap_plan(ROWS + 3);
    if (resource.value == 0) {
        tap_skip(ROWS + 3, "this program was given no resource");
        return tap_done();
    }
    rows_begin();
    for (unsigned int i = 0; i < ROWS; i++)
        test_row(&rows[i]);
    test_while_another_runs();
    test_ranges();
    return tap_done();
}
