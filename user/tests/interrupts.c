/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as messages. The device is the real-time clock: its periodic interrupt is on
 * IRQ 8, and stays raised until register C is read. What the interrupt controllers mask
 * is read from themselves.
 */
#include <errno.h>

#include <limen/io_ports.h>
#include <limen/message.h>

#include "cases.h"

#define RTC_IRQ 8
#define FREE_IRQ 5 /* nobody raises it */
#define RTC_A 0x0a
#define RTC_B 0x0b
#define RTC_C 0x0c
#define RTC_PERIODIC 0x40 /* of B: interrupts; of C: there is one */
#define TWIN_PAGES 256
#define SHARERS 32

static handle_t root;
static uint8_t stack[4096] __attribute__((aligned(16)));
static volatile uint32_t flag;

static uint8_t rtc_read(uint8_t index)
{
    out8(0x70, index);
    return in8(0x71);
}

static void rtc_write(uint8_t index, uint8_t value)
{
    out8(0x70, index);
    out8(0x71, value);
}

/* 256 interrupts a second, or none. What came before is forgotten; from then on register
 * C is the test's to read. */
static void rtc_run(bool on)
{
    uint8_t b = rtc_read(RTC_B) & (uint8_t)~RTC_PERIODIC;
    rtc_write(RTC_A, (rtc_read(RTC_A) & 0xf0) | 8);
    rtc_write(RTC_B, b);
    (void)rtc_read(RTC_C);
    if (on)
        rtc_write(RTC_B, b | RTC_PERIODIC);
}

static bool is_masked(uint32_t irq)
{
    return irq < 8 ? in8(0x21) >> irq & 1 : in8(0xa1) >> (irq - 8) & 1;
}

/* A driver's three handles. */
struct driver {
    handle_t port, endpoint, interrupt;
    uint32_t badge;
};

static bool driver_open(struct driver *driver, uint32_t irq, uint32_t badge)
{
    driver->badge = badge;
    driver->port = handle_of(limen_port_create());
    driver->endpoint = handle_of(limen_endpoint_mint(driver->port, badge));
    long result = limen_interrupt_create(root, irq, driver->endpoint);
    driver->interrupt = handle_of(result);
    return step_ok(result > 0, "interrupt_create", result);
}

static void driver_close(struct driver *driver)
{
    (void)limen_handle_close(driver->interrupt);
    (void)limen_handle_close(driver->endpoint);
    (void)limen_handle_close(driver->port);
}

static long receive_within(struct driver *driver, uint64_t time)
{
    uint64_t deadline = clock_now() + time;
    struct limen_words got;
    long kind = limen_receive_words(driver->port, &got, &deadline);
    if (kind != MESSAGE_INTERRUPT)
        return kind;
    return got.badge == driver->badge && !(got.words[0] | got.words[1] | got.words[2])
               ? kind
               : -EIO;
}

static bool gets_one(struct driver *driver)
{
    long answer = receive_within(driver, PATIENCE);
    return step_ok(answer == MESSAGE_INTERRUPT, "received", answer);
}

static bool gets_none(struct driver *driver)
{
    long answer = receive_within(driver, 20 * MILLISECOND);
    return step_ok(answer == -ETIMEDOUT, "received", answer);
}

static bool acknowledges(struct driver *driver)
{
    return limen_interrupt_acknowledge(driver->interrupt) == 0;
}

/* --- One driver --- */

static bool interrupts_arrive(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 0xc10c) && !is_masked(RTC_IRQ);
    rtc_run(true);
    for (int i = 0; right && i < 20; i++) {
        right = gets_one(&driver) && is_masked(RTC_IRQ) &&
                (rtc_read(RTC_C) & RTC_PERIODIC) && acknowledges(&driver);
    }
    rtc_run(false);
    driver_close(&driver);
    return right && is_masked(RTC_IRQ);
}

static bool one_until_acknowledged(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 1);
    rtc_run(true);
    right = right && gets_one(&driver);
    (void)rtc_read(RTC_C); /* it may come again, and is held up */
    right = right && gets_none(&driver) && acknowledges(&driver) && gets_one(&driver);
    rtc_run(false);
    driver_close(&driver);
    return right;
}

/* The device is not served: an edge line stays quiet, a level line would come at once. */
static bool acknowledged_unserved(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 1);
    rtc_run(true);
    right = right && gets_one(&driver) && acknowledges(&driver);
    long answer = receive_within(&driver, 20 * MILLISECOND);
    right = right && (answer == -ETIMEDOUT || answer == MESSAGE_INTERRUPT);
    rtc_run(false);
    driver_close(&driver);
    return right;
}

static bool acknowledged_too_early(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 1) &&
                 limen_interrupt_acknowledge(driver.interrupt) == -EAGAIN;
    rtc_run(true);
    uint64_t deadline = clock_now() + PATIENCE;
    while (!is_masked(RTC_IRQ) && clock_now() < deadline)
        ;
    right = right && is_masked(RTC_IRQ) &&
            limen_interrupt_acknowledge(driver.interrupt) == -EAGAIN &&
            is_masked(RTC_IRQ) && gets_one(&driver) && acknowledges(&driver) &&
            limen_interrupt_acknowledge(driver.interrupt) == -EAGAIN;
    rtc_run(false);
    driver_close(&driver);
    return right;
}

/* It finds a thread that waits with a struct message, and the machine idle. */
static bool into_a_long_message(void)
{
    struct driver driver;
    uint64_t deadline = clock_now() + PATIENCE;
    struct message message = {.receive = stack, .receive_size = sizeof(stack)};
    bool right = driver_open(&driver, RTC_IRQ, 77);
    rtc_run(true);
    right =
        right &&
        limen_receive_message(driver.port, &message, &deadline) == MESSAGE_INTERRUPT &&
        message.kind == MESSAGE_INTERRUPT && message.badge == 77 &&
        message.receive_size == 0 && message.handle_count == 0;
    rtc_run(false);
    driver_close(&driver);
    return right;
}

static void answer_interrupts(uint32_t count)
{
    struct driver *driver = (struct driver *)flag;
    struct limen_words words = {0};
    while (count > 0 &&
           limen_reply_receive_words(driver->port, &words) == MESSAGE_INTERRUPT) {
        (void)rtc_read(RTC_C);
        (void)limen_interrupt_acknowledge(driver->interrupt);
        count--;
    }
    flag = 0;
    for (;;)
        (void)limen_thread_exit((uint32_t *)&flag, 0, 0);
}

/* A driver thread takes them while this one computes. */
static bool while_another_runs(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 3);
    flag = (uint32_t)&driver;
    long thread = bare_thread(answer_interrupts, 10, stack + sizeof(stack));
    rtc_run(true);
    right = right && thread > 0;
    uint64_t deadline = clock_now() + PATIENCE;
    while (flag != 0 && clock_now() < deadline)
        ;
    right = right && flag == 0;
    rtc_run(false);
    (void)limen_thread_yield();
    (void)limen_handle_close(handle_of(thread));
    driver_close(&driver);
    return right;
}

/* --- Several --- */

static bool shared_line(void)
{
    struct driver a, b, c;
    bool right = driver_open(&a, RTC_IRQ, 1) && driver_open(&b, RTC_IRQ, 2);
    rtc_run(true);
    right = right && gets_one(&a) && gets_one(&b);
    (void)rtc_read(RTC_C);
    right = right && driver_open(&c, RTC_IRQ, 3); /* it was not told */
    right = right && limen_interrupt_acknowledge(c.interrupt) == -EAGAIN &&
            acknowledges(&a) && is_masked(RTC_IRQ) && gets_none(&a) && gets_none(&c) &&
            acknowledges(&b);
    right = right && gets_one(&a) && gets_one(&b) && gets_one(&c);
    (void)rtc_read(RTC_C);
    right = right && acknowledges(&b) && acknowledges(&c) && is_masked(RTC_IRQ);
    driver_close(&a); /* without its acknowledgement */
    right = right && gets_one(&b) && gets_one(&c);
    driver_close(&b);
    right = right && is_masked(RTC_IRQ) && acknowledges(&c);
    (void)rtc_read(RTC_C);
    right = right && gets_one(&c);
    rtc_run(false);
    driver_close(&c);
    return right && is_masked(RTC_IRQ);
}

/* Two endpoints of one port, told apart by their badges. */
static bool two_at_one_port(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 1);
    handle_t other = handle_of(limen_endpoint_mint(driver.port, 2));
    handle_t second = handle_of(limen_interrupt_create(root, RTC_IRQ, other));
    uint32_t badges = 0;
    rtc_run(true);
    for (int i = 0; i < 2; i++) {
        struct limen_words got = {0};
        right =
            right && limen_receive_words(driver.port, &got, NULL) == MESSAGE_INTERRUPT;
        badges |= got.badge;
    }
    rtc_run(false);
    right = right && badges == 3 && acknowledges(&driver) &&
            limen_interrupt_acknowledge(second) == 0;
    (void)limen_handle_close(second);
    (void)limen_handle_close(other);
    driver_close(&driver);
    return right;
}

static bool as_many_as_may_share(void)
{
    struct driver driver;
    handle_t handles[SHARERS];
    uint32_t count = 0;
    long last = 0;
    bool right = driver_open(&driver, FREE_IRQ, 1);
    while (count < SHARERS &&
           (last = limen_interrupt_create(root, FREE_IRQ, driver.endpoint)) > 0)
        handles[count++] = handle_of(last);
    right =
        step_ok(count == SHARERS - 1 && last == -EBUSY, "shared by", count + 1) && right;
    while (count > 0)
        right = limen_handle_close(handles[--count]) == 0 && right;
    right = right && !is_masked(FREE_IRQ);
    driver_close(&driver);
    return right && is_masked(FREE_IRQ);
}

/* --- Ends --- */

static bool closed_while_its_message_waits(void)
{
    struct driver driver;
    bool right = driver_open(&driver, RTC_IRQ, 1);
    rtc_run(true);
    uint64_t deadline = clock_now() + PATIENCE;
    while (!is_masked(RTC_IRQ) && clock_now() < deadline)
        ;
    right = right && limen_handle_close(driver.interrupt) == 0 && gets_none(&driver) &&
            is_masked(RTC_IRQ);
    rtc_run(false);
    (void)limen_handle_close(driver.endpoint);
    (void)limen_handle_close(driver.port);
    return right;
}

/* The endpoint is held by the interrupt: its badge is closed when that goes. */
static bool endpoint_lives_in_it(void)
{
    struct driver driver;
    struct limen_words got;
    bool right =
        driver_open(&driver, RTC_IRQ, 9) && limen_handle_close(driver.endpoint) == 0;
    rtc_run(true);
    right = right && gets_one(&driver);
    rtc_run(false);
    right = right && limen_handle_close(driver.interrupt) == 0 &&
            limen_receive_words(driver.port, &got, NULL) == MESSAGE_CLOSED &&
            got.badge == 9;
    (void)limen_handle_close(driver.port);
    return right;
}

static bool dead_port(void)
{
    struct driver a, b;
    bool right = driver_open(&a, RTC_IRQ, 1) && driver_open(&b, RTC_IRQ, 2);
    rtc_run(true);
    right = right && gets_one(&a) && gets_one(&b) && acknowledges(&b) &&
            is_masked(RTC_IRQ) && limen_handle_close(a.port) == 0 &&
            !is_masked(RTC_IRQ) && limen_interrupt_acknowledge(a.interrupt) == -EPIPE;
    (void)rtc_read(RTC_C);
    right = right && gets_one(&b) &&
            limen_interrupt_create(root, RTC_IRQ, a.endpoint) == -EPIPE;
    rtc_run(false);
    right = right && limen_handle_close(b.port) == 0 && is_masked(RTC_IRQ) &&
            limen_interrupt_acknowledge(b.interrupt) == -EPIPE;
    (void)limen_handle_close(a.interrupt);
    (void)limen_handle_close(a.endpoint);
    (void)limen_handle_close(b.interrupt);
    (void)limen_handle_close(b.endpoint);
    return right;
}

static void drive_for_ever(uint32_t resource)
{
    struct driver driver;
    root = (handle_t){resource};
    flag = driver_open(&driver, RTC_IRQ, 1) && gets_one(&driver) ? 1 : 2;
    for (;;)
        ;
}

static bool owner_killed(void)
{
    struct child child;
    const struct resource_range line = {RESOURCE_IRQ, RTC_IRQ, 1};
    bool right = twin_load(&child, TWIN_PAGES);
    handle_t resource = handle_of(limen_resource_derive(root, &line));
    long there = limen_handle_give(child.process, resource, RIGHT_CONTROL);
    rtc_run(true);
    right = right && there > 0 && twin_start(&child, drive_for_ever, (uint32_t)there) &&
            child_wait_for(child, &flag, 1) && is_masked(RTC_IRQ) &&
            limen_process_kill(child.process, 0) == 0 && is_masked(RTC_IRQ);
    rtc_run(false);
    struct driver driver; /* the line is as good as new */
    right = right && driver_open(&driver, RTC_IRQ, 1);
    rtc_run(true);
    right = right && gets_one(&driver) && acknowledges(&driver);
    rtc_run(false);
    driver_close(&driver);
    child_close(&child);
    (void)limen_handle_close(resource);
    return right;
}

static void create_until_the_end(uint32_t resource)
{
    handle_t handle = {resource};
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    bool right = true;
    for (uint32_t irq = 0; irq < IRQ_LINES; irq++) {
        uint32_t made = 0;
        long result;
        while ((result = limen_interrupt_create(handle, irq, endpoint)) > 0)
            made++;
        uint32_t most = irq == 0 || irq == 2 ? 0 : SHARERS;
        /* The serial ports' driver has its share in those lines whose ports there are. */
        bool driven = (irq == 3 || irq == 4) && made == SHARERS - 1;
        right = right && (made == most || driven) && result == -EBUSY;
    }
    (void)limen_process_exit(right ? 0 : 1);
}

static bool bomb(void)
{
    struct child child;
    struct process_end end;
    uint8_t before[2] = {in8(0x21), in8(0xa1)};
    bool right = twin_load(&child, TWIN_PAGES);
    long there = limen_handle_give(child.process, root, RIGHT_CONTROL);
    right = right && there > 0 &&
            twin_start(&child, create_until_the_end, (uint32_t)there) &&
            child_wait(child, &end) == EXIT_0;
    child_close(&child);
    uint8_t busy = 1u << 3 | 1u << 4; /* the serial ports' driver uses them meanwhile */
    return right && (in8(0x21) | busy) == (before[0] | busy) && in8(0xa1) == before[1];
}

/* --- What makes no sense --- */

static bool lines_that_cannot_be(void)
{
    struct driver driver;
    const struct resource_range ports = {RESOURCE_PORTS, 0, 0x10000};
    const struct resource_range line = {RESOURCE_IRQ, FREE_IRQ, 1};
    handle_t other = handle_of(limen_resource_derive(root, &ports));
    handle_t narrow = handle_of(limen_resource_derive(root, &line));
    bool right = driver_open(&driver, FREE_IRQ, 1);
    handle_t endpoint = driver.endpoint;
    right = right && limen_interrupt_create(root, 0, endpoint) == -EBUSY &&
            limen_interrupt_create(root, 2, endpoint) == -EBUSY &&
            limen_interrupt_create(root, IRQ_LOG + 1, endpoint) == -EINVAL &&
            limen_interrupt_create(root, 0x80000000, endpoint) == -EINVAL &&
            limen_interrupt_create(root, 0xffffffff, endpoint) == -EINVAL &&
            limen_interrupt_create(other, FREE_IRQ, endpoint) == -EPERM &&
            limen_interrupt_create(narrow, FREE_IRQ + 1, endpoint) == -EPERM &&
            limen_interrupt_create(narrow, IRQ_LOG + 1, endpoint) == -EINVAL &&
            limen_interrupt_create(narrow, IRQ_LOG, endpoint) == -EPERM &&
            limen_interrupt_create(endpoint, FREE_IRQ, endpoint) == -EBADF &&
            limen_interrupt_create(root, FREE_IRQ, driver.port) == -EBADF &&
            limen_interrupt_create(root, FREE_IRQ, driver.interrupt) == -EBADF &&
            limen_interrupt_acknowledge(endpoint) == -EBADF;
    long again = limen_interrupt_create(narrow, FREE_IRQ, endpoint);
    right = right && again > 0 && limen_handle_close(handle_of(again)) == 0;
    (void)limen_handle_close(other);
    (void)limen_handle_close(narrow);
    driver_close(&driver);
    return right;
}

static const struct test_case cases[] = {
    {"interrupts arrive, one message each", interrupts_arrive},
    {"none more until it is acknowledged", one_until_acknowledged},
    {"acknowledged, but the device not served", acknowledged_unserved},
    {"nothing to acknowledge before it is received", acknowledged_too_early},
    {"an interrupt for who waits with a long message", into_a_long_message},
    {"interrupts while another thread runs", while_another_runs},
    {"a shared line waits for all", shared_line},
    {"two interrupts at one port", two_at_one_port},
    {"a line has so many sharers and no more", as_many_as_may_share},
    {"closed while its message waits", closed_while_its_message_waits},
    {"an interrupt holds its endpoint", endpoint_lives_in_it},
    {"the port of an interrupt dies", dead_port},
    {"the owner of an interrupt is killed", owner_killed},
    {"a bomb of interrupts", bomb},
    {"lines that cannot be bound", lines_that_cannot_be},
};
#define CASES (sizeof(cases) / sizeof(*cases))

int main(void)
{
    root = handle_of((long)getauxval(AT_LIMEN_RESOURCE));
    if (limen_ports_request(root, 0x20, 2) != 0 ||
        limen_ports_request(root, 0x70, 2) != 0 ||
        limen_ports_request(root, 0xa0, 2) != 0) {
        tap_plan(CASES);
        tap_skip(CASES, "this program was given no resource");
        return tap_done();
    }
    return RUN_CASES(cases);
}
