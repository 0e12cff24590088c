/* SPDX-License-Identifier: MIT */
/*
 * For tests of upcalls: an upcall function that leaves no register, flag or FPU state as
 * it was, and messages that a test lets come back when it likes: signals that a thread
 * listens for.
 */
#ifndef TESTS_UPCALLS_H
#define TESTS_UPCALLS_H

#include <errno.h>

#include <limen/async.h>

#include "cases.h"
#include "cpu.h"
#include "queue-port.h"

#define UPCALL_STACK_SIZE 8192
#define SIGNALS_HEARD 0xff

static uint8_t upcall_stack[UPCALL_STACK_SIZE] __attribute__((aligned(16)));
static volatile uint32_t upcalls; /* that began */
static volatile uint32_t upcall_wrong;
static struct upcall upcall_last;
/* What a case wants done in an upcall, or NULL. */
static void (*volatile upcall_hook)(struct upcall *);

static inline bool fpu_is_fresh(void)
{
    uint16_t control;
    uint16_t status;
    __asm__ volatile("fnstcw %0\n\tfnstsw %1" : "=m"(control), "=m"(status));
    return control == 0x37f && status == 0;
}

static void __attribute__((noinline)) spoil_fpu(void)
{
    static const uint32_t pattern = 0xdeadbeef;
    __asm__ volatile(
        "fninit\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi");
    if (cpu_facts().sse)
        __asm__ volatile("movss %0, %%xmm0\n\t"
                         "movaps %%xmm0, %%xmm1\n\tmovaps %%xmm0, %%xmm2\n\t"
                         "movaps %%xmm0, %%xmm3\n\tmovaps %%xmm0, %%xmm4\n\t"
                         "movaps %%xmm0, %%xmm5\n\tmovaps %%xmm0, %%xmm6\n\t"
                         "movaps %%xmm0, %%xmm7"
                         :
                         : "m"(pattern));
}

/* Called by test_upcall. */
void upcall_note(struct upcall *upcall);
void upcall_note(struct upcall *upcall)
{
    uint32_t flags;
    __asm__ volatile("pushfl\n\tpopl %0" : "=r"(flags));
    if ((flags & 0x44700u) != 0x200u || (uint32_t)upcall % 16 != 0)
        upcall_wrong++;
    memcpy(&upcall_last, upcall,
           upcall->flags & UPCALL_FPU ? sizeof(*upcall) : UPCALL_SIZE_PLAIN);
    __asm__ volatile("incl %0" : "+m"(upcalls)); /* others may come in between */
    if (!fpu_is_fresh())
        upcall_wrong++;
    if (upcall_hook)
        upcall_hook(upcall);
    spoil_fpu();
}

/* The flags with which it calls upcall_return: ID AC NT DF IF, all of arithmetic. */
uint32_t test_upcall_flags = 0x244ed7;

void test_upcall(void);
__asm__(".text\n"
        "test_upcall:\n\t"
        "cmpl %eax, %esp\n\t"
        "jne 1f\n\t"
        "subl $12, %esp\n\t"
        "pushl %eax\n\t"
        "call upcall_note\n\t"
        "popl %esi\n\t"
        "addl $12, %esp\n\t"
        "movl 64(%esi), %ebx\n\t"
        "xorl %eax, %eax\n\t"
        "movl %eax, %fs\n\t"
        "movl %eax, %gs\n\t"
        "movl $0x0badc0de, %edi\n\t"
        "movl %edi, %ebp\n\t"
        "movl %edi, %ecx\n\t"
        "movl %edi, %edx\n\t"
        "pushl test_upcall_flags\n\t"
        "popfl\n\t"
        "movl $68, %eax\n\t" /* upcall_return */
        "call *limen_gate\n\t"
        "xorl %ebx, %ebx\n\t" /* its port is no more */
        "movl $68, %eax\n\t"
        "call *limen_gate\n\t"
        "1: hlt\n");

/* --- Ports and messages --- */

static inline bool closed(handle_t handle)
{
    return limen_handle_close(handle) == 0;
}

/* An ordinary policy: one upcall at a time, on upcall_stack. */
static inline struct reply_policy upcall_policy(handle_t thread)
{
    return (struct reply_policy){
        .kind = REPLY_UPCALL,
        .depth = 1,
        .thread = thread,
        .entry = (uint32_t)test_upcall,
        .stack = (uint32_t)upcall_stack + UPCALL_STACK_SIZE,
        .stack_size = UPCALL_STACK_SIZE,
    };
}

static inline handle_t upcall_port(handle_t thread)
{
    const struct reply_policy policy = upcall_policy(thread);
    return handle_of(limen_reply_port_create(&policy));
}

/* Lets signals that are posted to the thread come back to the port, by this message. */
static inline bool listen_for(struct system_message *message, handle_t port,
                              handle_t thread, uint32_t signals)
{
    *message = (struct system_message){.operation = SYSTEM_THREAD_SIGNALS,
                                       .flags = MSG_ASYNC | MSG_LIVE,
                                       .reply_port = port,
                                       .object = thread,
                                       .words = {signals}};
    long error = limen_msg_send(LIMEN_SYSTEM, message);
    return step_ok(error == -EASYNC, "SYSTEM_THREAD_SIGNALS", error);
}

static inline long post_to(handle_t thread, uint32_t signals)
{
    struct system_message post = {
        .operation = SYSTEM_THREAD_POST, .object = thread, .words = {signals}};
    return limen_msg_send(LIMEN_SYSTEM, &post);
}

/* Begins a case. */
static inline void upcalls_begin(void)
{
    upcalls = 0;
    upcall_wrong = 0;
    upcall_hook = NULL;
    upcall_last = (struct upcall){0};
}

/* So many upcalls were made, each as it should be. */
static inline bool upcalls_were(uint32_t count)
{
    return step_ok(upcalls == count, "upcalls", upcalls) &&
           step_ok(upcall_wrong == 0, "upcalls that began wrong", upcall_wrong);
}

#endif
