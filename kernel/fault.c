/* SPDX-License-Identifier: MIT */
/* Faults as messages: see fault.h. */
#include "fault.h"

#include "arch.h"
#include "cpu.h"
#include "error.h"
#include "memory.h"
#include "port.h"
#include "process.h"
#include "system_call.h"
#include "thread.h"

/* `words` as in enum fault_word: the thread's registers may be others by now. */
static void end_process(struct thread *thread, uint32_t reason, const uint32_t words[3])
{
    struct process_end end = {
        .reason = reason,
        .vector = words[FAULT_VECTOR],
        .error_code = words[FAULT_ERROR_CODE],
        .address = words[FAULT_ADDRESS],
    };

    arch_thread_report(thread, &end.state);
    process_finish(thread->process, &end);
}

/* Asks the process's fault endpoint; false: it has none, or nobody is there. */
static bool ask(struct thread *thread, const uint32_t words[3])
{
    struct endpoint *endpoint = thread->process->fault_endpoint;

    if (!endpoint)
        return false;
    thread->message = (struct message){0};
    memcpy(thread->message.words, words, sizeof(thread->message.words));
    thread->long_message = true;
    thread->faulted = true;
    if (port_send(endpoint, MESSAGE_FAULT) == 0)
        return true;
    thread->long_message = false;
    thread->faulted = false;
    return false;
}

void fault_raise(uint32_t reason, uint32_t address)
{
    struct thread *thread = cpu()->current;
    const uint32_t words[] = {
        [FAULT_VECTOR] = thread->frame.vector,
        [FAULT_ERROR_CODE] = thread->frame.error,
        [FAULT_ADDRESS] = address,
    };

    if (reason == PROCESS_NO_MEMORY || !ask(thread, words))
        end_process(thread, reason, words);
}

void fault_answer(struct thread *thread, bool go_on)
{
    if (!go_on)
        end_process(thread, PROCESS_FAULTED, thread->message.words);
    thread_resume_faulted(thread); /* not for long, if its process has ended */
}

void fault_give_thread(struct thread *thread, struct thread *receiver)
{
    if (receiver->window.handle_room == 0)
        return;
    long handle = handle_add(&receiver->process->handles, &thread->object, RIGHTS_ALL);
    if (handle < 0)
        return;
    receiver->message.handles[0] = (handle_t){(uint32_t)handle};
    receiver->message.handle_count = 1;
}

void fault_forget(struct process *process)
{
    struct endpoint *endpoint = process->fault_endpoint;

    process->fault_endpoint = NULL;
    if (endpoint)
        object_drop(&endpoint->object);
}

long sys_process_fault_endpoint(handle_t handle, handle_t endpoint)
{
    struct process *process;
    struct object *object = NULL;
    long error = process_look(handle, RIGHT_CONTROL, &process);

    if (!error && endpoint.value)
        error = handle_look(&cpu()->current->process->handles, endpoint, OBJECT_ENDPOINT,
                            RIGHT_SEND, &object);
    if (error)
        return error;
    if (process->end.reason)
        return -ESRCH;
    /* nothing below fails */
    if (object)
        object_hold(object);
    fault_forget(process);
    process->fault_endpoint =
        object ? container_of(object, struct endpoint, object) : NULL;
    return 0;
}
