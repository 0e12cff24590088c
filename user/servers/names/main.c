/* SPDX-License-Identifier: MIT */
/*
 * The name server: answers what names mean. One thread; who waits is a deferred reply,
 * and whoever asks is known by the badge of the endpoint. See limen/names.def.
 */
#include <errno.h>
#include <sys/auxv.h>

#include <limen/server.h>

#include "table.h"

#define OPERATION SERVER_HANDLER
#include <limen/names.def>
#undef OPERATION

/* Whether a request's bytes can be a name. */
static bool is_name(const struct server_request *call)
{
    for (uint32_t i = 0; i < call->size; i++)
        if (call->bytes[i] <= ' ' || call->bytes[i] > '~')
            return false;
    return true;
}

/* The entry of the name in a request, if its badge may publish it. */
static long find_own(const struct server_request *call, struct entry **entry)
{
    if (!is_name(call))
        return -EINVAL;
    *entry = table_find(call->bytes, call->size);
    bool own = call->badge >= NAMES_FIRST_PUBLISHER && *entry
               && (*entry)->owner == call->badge;
    return own ? 0 : -EPERM;
}

static void answer_endpoint(struct server_request *call, const struct entry *entry)
{
    call->answer_handle = entry->endpoint;
    call->answer_rights = NAME_RIGHTS;
}

static long on_names_look_up(struct server_request *call, const struct protocol_none *,
                             struct protocol_none *)
{
    if (!is_name(call))
        return -EINVAL;
    const struct entry *entry = table_find(call->bytes, call->size);
    if (!entry || !entry->endpoint.value)
        return -ENOENT;
    answer_endpoint(call, entry);
    return 0;
}

static long on_names_wait(struct server_request *call, const struct protocol_none *,
                          struct protocol_none *)
{
    if (!is_name(call))
        return -EINVAL;
    struct entry *entry = table_take(call->bytes, call->size);
    if (!entry)
        return -ENOMEM;
    if (entry->endpoint.value) {
        answer_endpoint(call, entry);
        return 0;
    }
    long error = table_wait(entry);
    table_release(entry);
    return error;
}

static long on_names_publish(struct server_request *call, const struct protocol_none *,
                             struct protocol_none *)
{
    struct entry *entry;
    long error = find_own(call, &entry);
    if (error < 0)
        return error;
    long endpoint = limen_handle_duplicate(call->handles[0], NAME_RIGHTS);
    if (endpoint < 0)
        return endpoint;
    table_set(entry, (handle_t){(uint32_t)endpoint});
    return 0;
}

static long on_names_withdraw(struct server_request *call, const struct protocol_none *,
                              struct protocol_none *)
{
    struct entry *entry;
    long error = find_own(call, &entry);
    if (error < 0)
        return error;
    table_set(entry, (handle_t){0});
    return 0;
}

static long on_names_grant(struct server_request *call,
                           const struct names_grant_request *request,
                           struct protocol_none *)
{
    if (call->badge != NAMES_ADMINISTRATOR)
        return -EPERM;
    if (!is_name(call) || request->badge == NAMES_READER
        || request->badge == NAMES_ADMINISTRATOR)
        return -EINVAL;
    struct entry *entry = table_take(call->bytes, call->size);
    if (!entry)
        return -ENOMEM;
    table_grant(entry, request->badge);
    return 0;
}

static const struct server_operation operations[] = {
#define OPERATION SERVER_ROW
#include <limen/names.def>
#undef OPERATION
};

static void on_event(uint32_t kind, uint32_t badge)
{
    if (kind == MESSAGE_CLOSED && badge >= NAMES_FIRST_PUBLISHER)
        table_forget(badge);
}

int main(void)
{
    static uint8_t buffer[NAME_BYTES_MAX];
    const struct server server = {
        .port = {getauxval(AT_LIMEN_PORT)},
        .operations = operations,
        .operation_count = sizeof operations / sizeof operations[0],
        .buffer = buffer,
        .buffer_size = sizeof buffer,
        .handle_room = 1,
        .event = on_event,
    };
    return (int)-server_run(&server);
}
