/* SPDX-License-Identifier: MIT */
/* The lives of ports, endpoints and replies, but for a port's end: see port.h. */
#include "error.h"
#include "port.h"
#include "quota.h"
#include "thread.h"

struct port *port_create(struct quota *quota)
{
    struct port *port = slab_take(quota, SLAB_PORT);

    if (!port)
        return NULL;
    object_init(&port->object, OBJECT_PORT);
    port->quota = quota;
    port->receiver = &port_no_receiver;
    list_init(&port->receivers);
    list_init(&port->events);
    list_init(&port->servers);
    list_init(&port->interrupts);
    priority_queue_init(&port->callers);
    return port;
}

void port_free_if_last(struct port *port)
{
    if (!port->dead || port->endpoints > 0)
        return;
    slab_give(port->quota, port);
}

struct endpoint *endpoint_create(struct quota *quota, struct port *port, uint32_t badge)
{
    struct endpoint *endpoint = slab_take(quota, SLAB_SMALL);

    if (!endpoint)
        return NULL;
    object_init(&endpoint->object, OBJECT_ENDPOINT);
    endpoint->quota = quota;
    endpoint->port = port;
    port->endpoints++;
    endpoint->closed = (struct port_event){.badge = badge, .kind = MESSAGE_CLOSED};
    list_init(&endpoint->closed.link);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    struct port *port = endpoint->port;

    port->endpoints--;
    slab_give(endpoint->quota, endpoint);
    port_free_if_last(port);
}

/* It goes when its port has been told. */
void endpoint_destroy(struct endpoint *endpoint)
{
    if (endpoint->port->dead)
        endpoint_free(endpoint);
    else
        port_post(endpoint->port, &endpoint->closed);
}

struct reply *reply_create(struct quota *quota)
{
    struct reply *reply = slab_take(quota, SLAB_SMALL);

    if (!reply)
        return NULL;
    object_init(&reply->object, OBJECT_REPLY);
    reply->quota = quota;
    return reply;
}

void reply_destroy(struct reply *reply)
{
    if (reply->client)
        port_fail(reply->client, -EPIPE);
    slab_give(reply->quota, reply);
}
