/* SPDX-License-Identifier: MIT */
/*
 * Interrupt objects on a fake pair of 8259As with edge- and level-triggered devices: no
 * request is lost, none is told of twice, a line is masked exactly while somebody has to
 * acknowledge or nobody listens, and a spurious interrupt is none.
 */
#include "i386/i386.h"
#include "interrupt.h"
#include "unit.h"

#include "error.h"
#include "quota.h"

static uint8_t chip_in(uint16_t port);
static void chip_out(uint16_t port, uint8_t value);

#define in8 chip_in
#define out8 chip_out
#include "../../kernel/i386/pic.c"

#define FRAMES 64
#define DRIVERS 6
#define ROUNDS 100000

/* --- The chips (8259A data sheet) --- */

struct chip {
    uint8_t request, service, masked, high, level;
    uint8_t vector;
    int step; /* of initialization: which word comes */
    bool read_service;
};
static struct chip chips[2];

static struct chip *chip_of(uint16_t port)
{
    return &chips[port >= SLAVE];
}

static uint8_t chip_in(uint16_t port)
{
    struct chip *chip = chip_of(port);

    if (port & DATA)
        return chip->masked;
    return chip->read_service ? chip->service : chip->request;
}

static void end_of_interrupt(struct chip *chip)
{
    chip->service &= (uint8_t)(chip->service - 1); /* the highest: the lowest bit */
}

static void initialization_word(struct chip *chip, uint8_t value)
{
    if (chip->step == 2)
        chip->vector = value;
    chip->step = chip->step == 4 ? 0 : chip->step + 1;
}

static void chip_out(uint16_t port, uint8_t value)
{
    struct chip *chip = chip_of(port);

    if (port & DATA && chip->step)
        initialization_word(chip, value);
    else if (port & DATA)
        chip->masked = value;
    else if (value == ICW1_INIT_ICW4)
        *chip = (struct chip){.step = 2, .high = chip->high, .level = chip->level};
    else if (value == PIC_END)
        end_of_interrupt(chip);
    else if (value == OCW3_READ_ISR)
        chip->read_service = true;
    else
        fail_msg("strange command %x", value);
}

static uint8_t lowest(uint8_t bits)
{
    return bits & (uint8_t)-bits;
}

/* What the chip asks for, or 0. */
static uint8_t asks(const struct chip *chip)
{
    uint8_t open = (chip->request | (chip->high & chip->level)) & (uint8_t)~chip->masked;
    uint8_t first = lowest(open);

    return first && (!chip->service || first < lowest(chip->service)) ? first : 0;
}

static void line_set(uint32_t irq, bool high)
{
    struct chip *chip = &chips[irq / 8];
    uint8_t bit = (uint8_t)(1u << irq % 8);

    if (high && !(chip->high & bit))
        chip->request |= bit;
    if (!high && chip->level & bit)
        chip->request &= (uint8_t)~bit;
    chip->high = (uint8_t)(high ? chip->high | bit : chip->high & ~bit);
}

/* The slave's output is the master's line 2, which is seen as a level here. */
static bool asked(void)
{
    return asks(&chips[0]) ||
           (asks(&chips[1]) && !(chips[0].masked & 4) && !(chips[0].service & 7));
}

static uint32_t take_from(struct chip *chip)
{
    uint8_t bit = asks(chip);

    if (!bit)
        return chip->vector + 7u; /* spurious: nothing is in service */
    chip->service |= bit;
    if (!(chip->level & bit))
        chip->request &= (uint8_t)~bit;
    return chip->vector + (uint32_t)__builtin_ctz(bit);
}

/* The processor's acknowledgement: the vector. */
static uint32_t take(bool slave)
{
    uint8_t bit = asks(&chips[0]);

    if (bit && (!slave || bit < 4))
        return take_from(&chips[0]);
    if (!slave && !asks(&chips[1]))
        return take_from(&chips[0]);
    chips[0].service |= 4;
    return take_from(&chips[1]);
}

/* --- The kernel around it --- */

static struct quota quota;
static struct port ports[DRIVERS];
static struct endpoint endpoints[DRIVERS];

void object_init(struct object *object, enum object_type type)
{
    *object = (struct object){.type = type, .refs = 1};
}

void object_destroy(struct object *object)
{
    if (object->type == OBJECT_INTERRUPT)
        interrupt_destroy(container_of(object, struct interrupt, object));
    else
        fail_msg("an endpoint was dropped too often");
}

/* Messages only wait, until a test takes them. */
void port_post(struct port *port, struct port_event *event)
{
    assert_false(port->dead);
    assert_false(list_in(&event->link));
    list_append(&port->events, &event->link);
    port->pending++;
}

/* Requests are not bound here. */
void request_return(struct request *request)
{
    fail_msg("a request was told");
}

/* As traps.c does it; false: it was spurious. */
static bool handle(uint32_t vector)
{
    uint32_t irq = vector - VECTOR_IRQ;

    if (pic_spurious(irq))
        return false;
    interrupt_raise(irq);
    pic_end(irq);
    return true;
}

static void handle_all(void)
{
    for (int i = 0; asked(); i++) {
        assert_true(i < 1000); /* a storm */
        handle(take(asks(&chips[1]) != 0));
    }
}

static int begin(void **state)
{
    frames_begin(FRAMES, FRAMES);
    quota_init(&quota, NULL, FRAMES);
    memset(chips, 0, sizeof(chips));
    kernel_listens = 1u << IRQ_CASCADE;
    others_listen = held = 0;
    mask = 0xffff;
    pic_init();
    interrupt_init();
    memset(ports, 0, sizeof(ports));
    for (uint32_t i = 0; i < DRIVERS; i++) {
        list_init(&ports[i].events);
        list_init(&ports[i].interrupts);
        object_init(&endpoints[i].object, OBJECT_ENDPOINT);
        endpoints[i].port = &ports[i];
        endpoints[i].closed.badge = i;
    }
    return 0;
}

static int end(void **state)
{
    for (uint32_t i = 0; i < DRIVERS; i++)
        assert_int_equal(endpoints[i].object.refs, 1);
    assert_int_equal(quota.used, 0);
    assert_int_equal(chips[0].masked, 0xff & ~4);
    assert_int_equal(chips[1].masked, 0xff);
    frames_end();
    return 0;
}

static struct interrupt *bind(uint32_t irq, uint32_t driver)
{
    struct interrupt *interrupt = NULL;

    assert_int_equal(interrupt_create(&quota, irq, &endpoints[driver], &interrupt), 0);
    return interrupt;
}

static bool receive(uint32_t driver)
{
    if (list_empty(&ports[driver].events))
        return false;
    struct port_event *event =
        container_of(list_take(&ports[driver].events), struct port_event, link);
    ports[driver].pending--;
    assert_int_equal(event->badge, driver);
    assert_int_equal(event->kind, MESSAGE_INTERRUPT);
    return true;
}

static bool is_masked(uint32_t irq)
{
    return chips[irq / 8].masked >> irq % 8 & 1;
}

/* --- Tests --- */

static void the_chips_are_set_up(void **state)
{
    assert_int_equal(chips[0].vector, VECTOR_IRQ);
    assert_int_equal(chips[1].vector, VECTOR_IRQ + 8);
    for (uint32_t irq = 0; irq < 16; irq++)
        assert_int_equal(is_masked(irq), irq != IRQ_CASCADE);
}

static void every_line_becomes_a_message(void **state)
{
    for (uint32_t irq = 0; irq < 16; irq++) {
        if (arch_irq_reserved(irq))
            continue;
        struct interrupt *interrupt = bind(irq, 1);
        assert_false(is_masked(irq));
        line_set(irq, true);
        handle_all();
        assert_true(is_masked(irq));
        assert_int_equal(chips[0].service | chips[1].service, 0);
        assert_int_equal(interrupt_acknowledge(interrupt), -EAGAIN);
        assert_true(receive(1));
        line_set(irq, false);
        assert_int_equal(interrupt_acknowledge(interrupt), 0);
        assert_false(is_masked(irq));
        handle_all();
        assert_false(receive(1));
        object_drop(&interrupt->object);
        assert_true(is_masked(irq));
    }
}

static void the_kernels_lines_cannot_be_bound(void **state)
{
    struct interrupt *interrupt;

    assert_int_equal(interrupt_create(&quota, 0, &endpoints[0], &interrupt), -EBUSY);
    assert_int_equal(interrupt_create(&quota, 2, &endpoints[0], &interrupt), -EBUSY);
}

static void an_edge_while_masked_is_kept(void **state)
{
    struct interrupt *interrupt = bind(5, 1);

    line_set(5, true);
    handle_all();
    line_set(5, false);
    line_set(5, true); /* the next one */
    handle_all();
    assert_true(receive(1));
    assert_false(receive(1));
    assert_int_equal(interrupt_acknowledge(interrupt), 0);
    handle_all();
    assert_true(receive(1));
    object_drop(&interrupt->object);
}

static void a_level_that_stays_comes_again(void **state)
{
    chips[1].level = 1u << 2;
    struct interrupt *interrupt = bind(10, 1);

    line_set(10, true);
    for (int i = 0; i < 3; i++) {
        handle_all();
        assert_true(receive(1));
        assert_false(receive(1));
        assert_int_equal(interrupt_acknowledge(interrupt), 0);
    }
    line_set(10, false);
    handle_all();
    assert_false(receive(1));
    object_drop(&interrupt->object);
}

/* The request goes away between the processor's notice and its acknowledgement. */
static void spurious_interrupts_are_none(void **state)
{
    struct interrupt *seven = bind(7, 1);
    struct interrupt *fifteen = bind(15, 2);

    assert_int_equal(take_from(&chips[0]), VECTOR_IRQ + 7);
    assert_false(handle(VECTOR_IRQ + 7));
    assert_int_equal(chips[0].service, 0);
    chips[0].service |= 4; /* for the master it was an interrupt */
    assert_int_equal(take_from(&chips[1]), VECTOR_IRQ + 15);
    assert_false(handle(VECTOR_IRQ + 15));
    assert_int_equal(chips[0].service, 0);
    assert_int_equal(chips[1].service, 0);
    assert_false(receive(1));
    assert_false(receive(2));
    line_set(7, true);
    line_set(15, true);
    handle_all();
    assert_true(receive(1));
    assert_true(receive(2));
    object_drop(&seven->object);
    object_drop(&fifteen->object);
}

/* A spurious one while a line of higher priority is in service takes that one's place
 * neither. */
static void a_spurious_one_ends_nothing_else(void **state)
{
    struct interrupt *interrupt = bind(5, 1);

    line_set(5, true);
    assert_int_equal(take(false), VECTOR_IRQ + 5);
    assert_false(handle(VECTOR_IRQ + 7));
    assert_int_equal(chips[0].service, 1u << 5);
    assert_true(handle(VECTOR_IRQ + 5));
    assert_int_equal(chips[0].service, 0);
    object_drop(&interrupt->object);
}

static void the_kernel_keeps_its_line(void **state)
{
    pic_enable(4);
    struct interrupt *interrupt = bind(4, 1);

    line_set(4, true);
    handle_all();
    assert_true(is_masked(4));
    assert_true(receive(1));
    object_drop(&interrupt->object); /* unacknowledged */
    assert_false(is_masked(4));
    kernel_listens = 1u << IRQ_CASCADE;
    set_mask();
}

static void too_many_sharers(void **state)
{
    struct interrupt *all[INTERRUPT_SHARERS_MAX], *more;

    for (uint32_t i = 0; i < INTERRUPT_SHARERS_MAX; i++)
        all[i] = bind(5, i % DRIVERS);
    assert_int_equal(interrupt_create(&quota, 5, &endpoints[0], &more), -EBUSY);
    line_set(5, true);
    handle_all();
    for (uint32_t i = 0; i < INTERRUPT_SHARERS_MAX; i++)
        assert_true(receive(i % DRIVERS));
    for (uint32_t i = 0; i < INTERRUPT_SHARERS_MAX; i++) {
        assert_true(is_masked(5));
        assert_int_equal(interrupt_acknowledge(all[i]), 0);
    }
    assert_false(is_masked(5));
    for (uint32_t i = 0; i < INTERRUPT_SHARERS_MAX; i++)
        object_drop(&all[i]->object);
}

static void no_memory_binds_nothing(void **state)
{
    struct interrupt *interrupt;

    quota.limit = 0;
    assert_int_equal(interrupt_create(&quota, 5, &endpoints[0], &interrupt), -ENOMEM);
    assert_true(is_masked(5));
}

static void a_dead_port_holds_up_nobody(void **state)
{
    struct interrupt *a = bind(5, 1);
    struct interrupt *b = bind(5, 2);

    line_set(5, true);
    handle_all();
    assert_true(receive(2));
    assert_int_equal(interrupt_acknowledge(b), 0);
    assert_true(is_masked(5));
    interrupt_port_died(&ports[1]); /* with its message waiting */
    assert_true(list_empty(&ports[1].events));
    assert_false(is_masked(5));
    assert_int_equal(interrupt_acknowledge(a), -EPIPE);
    object_drop(&a->object);
    object_drop(&b->object);
}

/* --- Anything at all, against a model --- */

static struct model {
    struct interrupt *interrupt;
    uint32_t irq;
    bool told, received;
} models[DRIVERS];

/* Two lines, one edge, one level; all that a line's drivers must know of has been told
 * when they have acknowledged. */
static void check_lines(void)
{
    static const uint32_t irqs[] = {5, 10};

    for (uint32_t i = 0; i < 2; i++) {
        bool listened = false, waits = false;
        for (uint32_t d = 0; d < DRIVERS; d++) {
            struct model *model = &models[d];
            if (!model->interrupt || model->irq != irqs[i])
                continue;
            listened = true;
            waits |= model->told;
            assert_int_equal(model->interrupt->pending, model->told);
        }
        assert_int_equal(is_masked(irqs[i]), !listened || waits);
    }
}

static void tell(uint32_t irq)
{
    bool waits = false, listened = false;

    for (uint32_t d = 0; d < DRIVERS; d++) {
        listened |= models[d].interrupt && models[d].irq == irq;
        waits |= models[d].interrupt && models[d].irq == irq && models[d].told;
    }
    if (!listened || waits)
        return;
    for (uint32_t d = 0; d < DRIVERS; d++)
        if (models[d].interrupt && models[d].irq == irq)
            models[d].told = true;
}

static void handle_as_told(void)
{
    for (int i = 0; asked(); i++) {
        assert_true(i < 100);
        uint32_t vector = take(asks(&chips[1]) != 0);
        tell(vector - VECTOR_IRQ);
        assert_true(handle(vector));
    }
}

/* IRQ_LOG has no chip that latches what comes before all have acknowledged. */
static void the_log_that_grows_meanwhile_is_told_again(void **state)
{
    assert_false(interrupt_bound(IRQ_LOG));
    interrupt_raise(IRQ_LOG);
    struct interrupt *first = bind(IRQ_LOG, 0);
    struct interrupt *second = bind(IRQ_LOG, 1);
    assert_true(interrupt_bound(IRQ_LOG));
    assert_false(receive(0));
    interrupt_raise(IRQ_LOG);
    assert_true(receive(0));
    interrupt_raise(IRQ_LOG);
    assert_int_equal(interrupt_acknowledge(first), 0);
    assert_false(receive(0));
    assert_true(receive(1));
    assert_int_equal(interrupt_acknowledge(second), 0);
    assert_true(receive(0));
    assert_int_equal(interrupt_acknowledge(first), 0);
    interrupt_raise(IRQ_LOG);
    object_drop(&second->object);
    assert_true(receive(0));
    assert_int_equal(interrupt_acknowledge(first), 0);
    assert_false(receive(0));
    object_drop(&first->object);
    assert_false(interrupt_bound(IRQ_LOG));
}

static void random_driver(uint32_t d)
{
    struct model *model = &models[d];

    if (!model->interrupt) {
        *model = (struct model){.irq = random_below(2) ? 5 : 10};
        model->interrupt = bind(model->irq, d);
    } else if (random_below(16) == 0) {
        object_drop(&model->interrupt->object);
        assert_true(list_empty(&ports[d].events));
        *model = (struct model){0};
    } else if (random_below(2)) {
        bool got = receive(d);
        assert_int_equal(got, model->told && !model->received);
        model->received |= got;
    } else {
        long answer = interrupt_acknowledge(model->interrupt);
        assert_int_equal(answer, model->told && model->received ? 0 : -EAGAIN);
        if (answer == 0)
            model->told = model->received = false;
    }
}

static void random_use_agrees_with_a_model(void **state)
{
    random_begin();
    chips[1].level = 1u << 2;
    memset(models, 0, sizeof(models));
    for (int round = 0; round < ROUNDS; round++) {
        if (random_below(3) == 0)
            line_set(random_below(2) ? 5 : 10, random_below(2));
        else
            random_driver(random_below(DRIVERS));
        handle_as_told();
        check_lines();
        assert_int_equal(chips[0].service | chips[1].service, 0);
    }
    for (uint32_t d = 0; d < DRIVERS; d++)
        if (models[d].interrupt)
            object_drop(&models[d].interrupt->object);
    line_set(5, false);
    line_set(10, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_chips_are_set_up),
        TEST(every_line_becomes_a_message),
        TEST(the_kernels_lines_cannot_be_bound),
        TEST(an_edge_while_masked_is_kept),
        TEST(a_level_that_stays_comes_again),
        TEST(spurious_interrupts_are_none),
        TEST(a_spurious_one_ends_nothing_else),
        TEST(the_kernel_keeps_its_line),
        TEST(too_many_sharers),
        TEST(no_memory_binds_nothing),
        TEST(a_dead_port_holds_up_nobody),
        TEST(the_log_that_grows_meanwhile_is_told_again),
        TEST(random_use_agrees_with_a_model),
    };
    return cmocka_run_group_tests_name("interrupt", tests, NULL, NULL);
}
