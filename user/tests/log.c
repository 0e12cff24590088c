/* SPDX-License-Identifier: MIT */
/* The kernel's log: what goes in comes out, and what makes no sense is an error. */
#include <errno.h>

#include <limen/message.h>

#include "cases.h"
#include "log-text.h"

static char text[2048];
static handle_t whole;  /* the root resource */
static handle_t writer; /* what every program gets */

/* The log from `from` on, into `text`. */
static bool read_log(uint32_t from)
{
    return log_text(whole, from, text, sizeof(text));
}

static long write_line(const char *line)
{
    return limen_log_write(writer, line, (uint32_t)strlen(line));
}

static bool write_and_read(void)
{
    uint32_t end = system_now().log_end;
    bool right = write_line("a line of the log test") == 0 &&
                 write_line("and another") == 0 && read_log(end);
    const char *first = strstr(text, "a line of the log test\n");
    const char *second = strstr(text, "and another\n");
    return right && first != NULL && second > first && text[0] == '[';
}

/* No program can write what looks like a line of its own, or of the kernel's. */
static bool control_characters(void)
{
    uint32_t end = system_now().log_end;
    static const char line[] = "one\n[    0.000000] forged\r\033[2J\0two";
    bool right = limen_log_write(writer, line, sizeof(line) - 1) == 0 && read_log(end);
    const char *newline = strchr(text, '\n');
    return right && newline != NULL && newline[1] == '\0' &&
           strchr(text, '\033') == NULL && strchr(text, '\r') == NULL &&
           strstr(text, "two") != NULL;
}

static bool line_lengths(void)
{
    static char line[LOG_LINE_MAX + 1];
    uint32_t end = system_now().log_end;
    memset(line, 'x', sizeof(line));
    bool right = limen_log_write(writer, line, 0) == 0 &&
                 limen_log_write(writer, line, LOG_LINE_MAX + 1) == -E2BIG &&
                 limen_log_write(writer, line, 0xffffffff) == -E2BIG &&
                 limen_log_write(writer, line, LOG_LINE_MAX) == 0 && read_log(end);
    line[LOG_LINE_MAX] = '\0';
    return right && strstr(text, line) != NULL;
}

static bool read_window(void)
{
    struct system_info info = system_now();
    uint8_t bytes[600];
    long part = limen_log_read(whole, info.log_start, bytes, sizeof(bytes));
    return step_ok(part > 0 && part <= (long)sizeof(bytes), "read", part) &&
           limen_log_read(whole, info.log_start, bytes, 0) == 0 &&
           limen_log_read(whole, info.log_start, bytes, 1) == 1 &&
           limen_log_read(whole, info.log_end, bytes, sizeof(bytes)) == 0 &&
           step_ok(limen_log_read(whole, info.log_end + 1, bytes, 1) == -ERANGE,
                   "past its end", limen_log_read(whole, info.log_end + 1, bytes, 1)) &&
           limen_log_read(whole, info.log_start - 1, bytes, 1) == -ERANGE &&
           limen_log_read(whole, info.log_start + 0x80000000, bytes, 1) == -ERANGE;
}

/* What every program gets is there for writing, and for nothing else. */
static bool writer_only_writes(void)
{
    uint8_t byte;
    const struct resource_range log = {RESOURCE_LOG, 0, 1};
    return writer.value != 0 && limen_log_read(writer, 0, &byte, 1) == -EPERM &&
           limen_resource_derive(writer, &log) == -EPERM &&
           limen_machine_stop(writer, MACHINE_POWER_OFF, 1) == -EPERM &&
           limen_ports_request(writer, 0x80, 1) == -EPERM;
}

/* Who listens is told that there is more, once until it acknowledges. Others may listen
 * as well. */
static bool listener(void)
{
    struct limen_words got;
    uint64_t past_deadline = 1;
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 7));
    bool right = limen_interrupt_create(writer, IRQ_LOG, endpoint) == -EPERM;
    long result = limen_interrupt_create(whole, IRQ_LOG, endpoint);
    right = right && step_ok(result > 0, "interrupt_create", result);
    for (int i = 0; right && i < 3; i++) {
        uint32_t end = system_now().log_end;
        right = write_line("the log test listens") == 0 && write_line("twice") == 0 &&
                limen_receive_words(port, &got, NULL) == MESSAGE_INTERRUPT &&
                got.badge == 7 &&
                limen_receive_words(port, &got, &past_deadline) == -ETIMEDOUT &&
                limen_interrupt_acknowledge(handle_of(result)) == 0 && read_log(end) &&
                strstr(text, "twice\n") != NULL;
    }
    (void)limen_handle_close(handle_of(result));
    (void)limen_handle_close(endpoint);
    (void)limen_handle_close(port);
    return right;
}

static const struct test_case cases[] = {
    {"lines of the log come back", write_and_read},
    {"control characters in a line", control_characters},
    {"lines of any length", line_lengths},
    {"the log's window", read_window},
    {"the log's handle only writes", writer_only_writes},
    {"who listens to the log", listener},
};

int main(void)
{
    whole = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    writer = handle_of((long)getauxval(AT_LIMEN_LOG));
    return RUN_CASES(cases);
}
