/* SPDX-License-Identifier: MIT */
/* Loads of ports and messages. */
#include "loads.h"

#include <string.h>

#include <limen/message.h>

#define BADGES 10000u
#define LINKS 2000u
#define RAISED 1
#define MESSAGE_BYTES 0x100000u

static handle_t make_port(void)
{
    return (handle_t){(uint32_t)check("port_create", limen_port_create())};
}

static handle_t mint(handle_t port, uint32_t badge)
{
    return (handle_t){(uint32_t)check("endpoint_mint", limen_endpoint_mint(port, badge))};
}

void load_callers(void)
{
    handle_t port = make_port();
    handle_t endpoint = mint(port, 1);
    const struct orders orders = {SYS_LIMEN_call, {endpoint.value}};

    for (uint32_t i = 0; i < THREADS; i++)
        crowd_add(&orders);
    crowd_let_wait();
    check("handle_close", limen_handle_close(port));
    crowd_wait(1);
    check("handle_close", limen_handle_close(endpoint));
}

/* Each thread receives at its port, and then calls the next one's. At the last port
 * nobody receives. */
void load_chain(void)
{
    static struct orders orders[LINKS][2];
    static handle_t ports[LINKS + 1], threads[LINKS];
    handle_t next = {0};
    struct thread_info info;

    for (uint32_t i = LINKS + 1; i-- > 0;) {
        ports[i] = make_port();
        if (i < LINKS) {
            orders[i][0] = (struct orders){SYS_LIMEN_receive, {ports[i].value, 0}};
            orders[i][1] = (struct orders){SYS_LIMEN_call, {next.value}};
            threads[i] = crowd_add_twice(orders[i]);
        }
        next = mint(ports[i], i);
    }
    crowd_let_wait();
    const struct orders first = {SYS_LIMEN_call, {next.value}};
    crowd_add(&first);
    for (uint32_t i = 0; i < LINKS; i++)
        check("thread_yield", limen_thread_yield());
    check("thread_priority",
          limen_thread_priority(threads[0], PRIORITY_DEFAULT + RAISED));
    check("thread_info", limen_thread_info(threads[LINKS - 1], &info));
    check("inheritance", info.priority == PRIORITY_DEFAULT + RAISED ? 0 : -1);
    check("thread_priority", limen_thread_priority(threads[0], PRIORITY_DEFAULT));
    check("handle_close", limen_handle_close(ports[LINKS]));
    crowd_wait(1);
}

void load_badges(void)
{
    handle_t port = make_port();

    for (uint32_t i = 0; i < BADGES; i++)
        check("handle_close", limen_handle_close(mint(port, i)));
    check("handle_close", limen_handle_close(port));
}

/* The caller is a thread of this process. */
void load_messages(void)
{
    static uint8_t bytes[2][MESSAGE_BYTES];
    static struct message call, answer;
    handle_t port = make_port();
    handle_t endpoint = mint(port, 1);
    const struct orders orders = {SYS_LIMEN_message_call,
                                  {endpoint.value, (uint32_t)&call}};

    memset(bytes, 1, sizeof(bytes));
    call = (struct message){
        .send = bytes[0],
        .send_size = MESSAGE_BYTES,
        .receive = bytes[0],
        .receive_size = MESSAGE_BYTES,
    };
    answer = (struct message){.receive = bytes[1], .receive_size = MESSAGE_BYTES};
    crowd_add(&orders);
    check("receive", limen_receive_message(port, &answer, NULL));
    answer.send = bytes[1];
    answer.send_size = MESSAGE_BYTES;
    check("message_reply", limen_message_reply(&answer));
    crowd_wait(1);
    check("handle_close", limen_handle_close(endpoint));
    check("handle_close", limen_handle_close(port));
}
