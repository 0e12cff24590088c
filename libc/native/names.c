/* SPDX-License-Identifier: MIT */
/*
 * The client's side of names: limen/names.h. A call that was cut off by the end of the
 * name server (EPIPE) is made once more: init starts it anew at the same port.
 */
#include <limen/names.h>

#include <errno.h>
#include <string.h>

#include <limen/inherit.h>

typedef long stub(handle_t, const struct protocol_none *, struct protocol_none *,
                  struct message *);

/* Makes a call about a name that answers a handle, or none. */
static long ask(stub *call, const char *name, uint32_t room)
{
    struct protocol_none none = {};
    struct message message;
    long result = -EPIPE;
    for (int attempt = 0; attempt < 2 && result == -EPIPE; attempt++) {
        message = (struct message){
            .send = name,
            .send_size = (uint32_t)strlen(name),
            .handle_room = room,
        };
        result = call(limen_inherited(AT_LIMEN_NAMES), &none, &none, &message);
    }
    if (result < 0 || room == 0)
        return result;
    return message.handle_count == 1 ? (long)message.handles[0].value : -EIO;
}

long limen_name_look_up(const char *name)
{
    return ask(names_look_up_call, name, 1);
}

long limen_name_wait(const char *name)
{
    return ask(names_wait_call, name, 1);
}

long limen_name_withdraw(const char *name)
{
    return ask(names_withdraw_call, name, 0);
}

long limen_name_publish(const char *name, handle_t endpoint)
{
    struct protocol_none none = {};
    struct message message = {
        .send = name,
        .send_size = (uint32_t)strlen(name),
        .handle_count = 1,
        .handles = {endpoint},
        .rights = {NAME_RIGHTS},
    };
    return names_publish_call(limen_inherited(AT_LIMEN_NAMES), &none, &none, &message);
}
