/* SPDX-License-Identifier: MIT */
/* Callers that are refused, and handles that are sent through what they name. */
#include "calls.h"

static uint8_t twin_stack[2048] __attribute__((aligned(16)));

/* --- Refused callers --- */

static void call_port_0(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 0, 0, 0);
    (void)limen_process_exit(1);
}

static bool ends_refused(struct child child, uint32_t status)
{
    struct process_end end;
    (void)child_wait(child, &end);
    return step_ok(end.reason == PROCESS_REFUSED && end.status == status, "its end",
                   end.reason);
}

/* Refused while it is suspended, deferred, by a copy of the handle, and twice. */
bool refused_in_every_state(void)
{
    bool right = stage_open(1);
    for (uint32_t way = 0; right && way < 3; way++) {
        struct child child = {0};
        struct limen_words got;
        handle_t reply = {0};
        right = twin_given(&child, TWIN_PAGES, call_port_0, stage_endpoints[0]) &&
                limen_receive_words(stage_ports[0], &got, NULL) == MESSAGE_CALL;
        if (way == 1)
            right = right && limen_thread_suspend(child.thread) == 0;
        if (way == 2)
            reply = handle_of(limen_reply_defer());
        right = right && limen_client_fault(reply, 50 + way) == 0 &&
                limen_client_fault(reply, 60) == -ESRCH && ends_refused(child, 50 + way);
        if (way == 2)
            right = right && limen_handle_close(reply) == 0;
        child_close(&child);
    }
    return stage_close() && right;
}

/* Client and server are threads of one process: it refuses itself. */
static void call_here(uint32_t endpoint)
{
    (void)limen_call((handle_t){endpoint}, 0, 0, 0);
    (void)limen_process_exit(1);
}

static void twin_refuses_itself(uint32_t unused)
{
    struct limen_words got;
    handle_t port = handle_of(limen_port_create());
    handle_t endpoint = handle_of(limen_endpoint_mint(port, 1));
    (void)unused;
    (void)bare_thread(call_here, endpoint.value, twin_stack + sizeof(twin_stack));
    (void)limen_receive_words(port, &got, NULL);
    (void)limen_client_fault(nothing, 70);
    (void)limen_process_exit(2);
}

bool refused_by_itself(void)
{
    struct child child = {0};
    bool right = stage_open(0) && twin_load(&child, TWIN_PAGES) &&
                 twin_start(&child, twin_refuses_itself, 0) && ends_refused(child, 70);
    child_close(&child);
    return stage_close() && right;
}

/* --- Handles through what they name --- */

static volatile uint32_t own_port, own_endpoint, gone_through;

static void send_itself(uint32_t unused)
{
    struct message message = {
        .handle_count = 4,
        .handles = {{own_port}, {own_endpoint}, {own_port}, {own_endpoint}},
        .rights = {RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME, RIGHTS_SAME},
    };
    (void)unused;
    for (;;)
        (void)limen_call_message((handle_t){own_endpoint}, &message);
}

enum {
    IN_QUEUE, /* the message is never received */
    ARRIVED,  /* its handles have come, and are all that is left of them */
    DEFERRED, /* and a reply handle went the same way */
    WAYS_THROUGH,
};

/* A port and its endpoint are sent through themselves, in one process. */
static void twin_sends_itself(uint32_t way)
{
    struct message message = {.handle_room = 4};
    own_port = (uint32_t)limen_port_create();
    own_endpoint = (uint32_t)limen_endpoint_mint((handle_t){own_port}, 9);
    (void)bare_thread(send_itself, 0, twin_stack + sizeof(twin_stack));
    (void)limen_thread_yield();
    if (way != IN_QUEUE) {
        (void)limen_receive_message((handle_t){own_port}, &message, NULL);
        (void)limen_handle_close((handle_t){own_port});
        (void)limen_handle_close((handle_t){own_endpoint});
    }
    if (way == DEFERRED) {
        handle_t reply = handle_of(limen_reply_defer());
        struct message again = {
            .handle_count = 1, .handles = {reply}, .rights = {RIGHTS_SAME}};
        own_endpoint = message.handles[1].value;
        gone_through = 1;
        (void)limen_call_message((handle_t){own_endpoint}, &again);
    }
    gone_through = 1;
    for (;;)
        (void)limen_thread_suspend(HANDLE_SELF);
}

/* However it ends, nothing of that is left. */
bool handles_through_themselves(void)
{
    bool right = true;
    for (uint32_t way = 0; right && way < 2 * WAYS_THROUGH; way++) {
        struct child child = {0};
        uint32_t before = frames_free();
        right = stage_open(0) && twin_load(&child, TWIN_PAGES) &&
                twin_start(&child, twin_sends_itself, way / 2);
        stage_settle();
        right = right && child_wait_for(child, &gone_through, 1);
        if (way % 2 == 0)
            right = right && limen_process_kill(child.process, 0) == 0;
        else
            right = right && limen_thread_resume(child.thread) == 0 &&
                    limen_process_kill(child.process, 0) == 0;
        child_close(&child);
        right = stage_close() && right &&
                step_ok(frames_free() == before, "frames free", frames_free());
    }
    return right;
}
