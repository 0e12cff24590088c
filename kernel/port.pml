/* SPDX-License-Identifier: MIT */
/*
 * The protocol of calls, for the model checker Spin: port.c, message.c, priority.c and
 * the ends of threads and processes, function by function under their own names. It is
 * checked by tests/check-models; docs/testing.md says with which bounds, and what is left
 * out. Whoever changes the protocol there changes it here.
 *
 * The kernel does one thing at a time, with interrupts off, so a stay in it is one atomic
 * step here, by a thread that is ready; which one runs is left open. Interrupts come in
 * only where the kernel lets them (arch_take_interrupts): a deadline, or an IRQ's message.
 *
 * What must hold, beside the assertions on the way: `rules`, whenever the kernel is left.
 * They compare the kernel's links with what really happened, which `asked` and `taker`
 * remember.
 */

#define NONE 7

#ifndef THREADS
#define THREADS 3
#endif
#ifndef PORTS
#define PORTS 1
#endif
#ifndef ENDPOINTS
#define ENDPOINTS 1
#endif
#ifndef REPLIES
#define REPLIES 1
#endif
/* Who has handles in the beginning: for each port and endpoint, bits of processes. */
#ifndef PORT_HELD
#define PORT_HELD 1, 0
#endif
#ifndef ENDPOINT_HELD
#define ENDPOINT_HELD 6, 0
#endif
#ifndef SERVERS
#define SERVERS 1 /* the first so many threads are of process 0, others have their own */
#endif
#if SERVERS == 1
#define PROCESS_OF(thread) (thread)
#else
#define PROCESS_OF(thread) ((thread) < SERVERS -> 0 : (thread) - SERVERS + 1)
#endif
#if PORTS == 1
#define PORT_OF(endpoint) 0
#else
#define PORT_OF(endpoint) (endpoint)
#endif
#ifndef PRIORITIES
#define PRIORITIES 1 /* 1: all the same */
#endif

/* Mistakes to be found: one of them is made if its number stands in the environment. */
#define CALLERS_WAIT_ON 1        /* the port's end forgets its callers */
#define CLIENT_IS_FORGOTTEN 2    /* the server's end forgets its client */
#define CLIENT_STAYS_LINKED 3    /* the client's end keeps its link */
#define SERVER_KEEPS_CLIENT 4    /* so does the server, when the call is over */
#define REPLY_KEEPS_CLIENT 5     /* so does a reply object */
#define REPLY_FORGETS_CLIENT 6   /* the reply object's end forgets its client */
#define CLOSED_IS_FORGOTTEN 7    /* a badge's end is told only to who receives now */
#define EVENT_STAYS 8            /* an interrupt object's end leaves its message */
#define TIMER_GOES_ON 9          /* a message leaves the deadline */
#define INTERRUPTS_BEFORE_WAIT 10 /* they come in between the last look and the wait */
#define PROGRESS_STAYS 11        /* a copy's progress outlives it */
#define SERVER_KEEPS_PRIORITY 12 /* that it inherited, when the call is over */
#define OTHERS_KEEP_PRIORITY 13  /* servers whose caller another one takes */
c_decl {
    int mistake;
};
#define RIGHT(step) (c_expr { mistake != step })

/* If the condition holds. */
#define WHEN(condition, ...) if :: condition -> __VA_ARGS__ :: else fi

mtype = {READY, BLOCKED, RECEIVING, CALLING, AWAITING, SUSPENDED, ENDED};
mtype = {CALL, SEND, FAULT};
mtype = {NOTHING, IN_READY, IN_CALLERS, IN_RECEIVERS, IN_FAST};
/* What a thread that is ready does when it runs: what it likes, or a call again. */
mtype = {USER, FINISH_RECEIVE, RECEIVE_AGAIN, FINISH_CALL, REPLY, REPLY_RECEIVE, REPLY_TO};
mtype = {SENDING, RECEIVE, OTHER};

typedef thread_t {
    mtype state = READY;
    mtype queue = IN_READY;
    mtype kind = CALL;
    mtype redo = USER;
    byte level; /* the priority at which it runs */
    byte base_level;
    byte port = NONE;
    byte client = NONE;
    byte server = NONE;
    byte reply = NONE;
    byte endpoint = NONE;
    byte answering = NONE; /* the reply object of REPLY_TO */
    byte progress = NONE;  /* whose bytes have been copied in part */
    bool timed;
    bool suspended;
    bool faulted;
    bool long_message /* that it calls with */
}

typedef port_t {
    byte held; /* bits of processes with a handle */
    byte receiver = NONE;
    byte pending;
    byte endpoints;
    bool dead;
    bool freed
}

typedef endpoint_t {
    byte held;
    byte refs; /* also of callers, the interrupt object and fault endpoints */
    bool closed; /* its event waits at the port */
    bool told;
    bool freed
}

typedef reply_t {
    byte held = NONE; /* the process that has the handle, NONE: there is no object */
    byte client = NONE
}

thread_t thread[THREADS];
port_t port[PORTS];
endpoint_t endpoint[ENDPOINTS];
reply_t reply[REPLIES];
chan receivers[PORTS] = [THREADS] of {byte};
chan servers[PORTS] = [THREADS] of {byte};
byte process_finished; /* bits of processes: to be reaped */
byte process_ended;    /* reaped */

/* The interrupt object, bound to an endpoint. */
byte irq_endpoint = NONE;
bool irq_pending, irq_waits;

/* What really happened: who has asked, and who has heard: a thread, or a reply object
 * (TAKER_REPLY). */
#define NOBODY 31
#define TAKER_REPLY(r) (8 + (r))
bool asked[THREADS];
byte taker[THREADS] = NOBODY;

byte current = NONE;

/* For loops and results, 0 when the kernel is left. */
byte i, j, receiver, caller, server, next, highest, answered = NONE, died, part, found;
byte who, object, client, serves;
bool receives, with_deadline, longs;
mtype call;

#define ENDS(p) ((process_finished | process_ended) >> (p) & 1)
#define HAS(mask, thread) ((mask) >> PROCESS_OF(thread) & 1)

/* --- The ready queue --- */

inline schedule_ready(t)
{
    assert(thread[t].state == READY);
    if
    :: thread[t].suspended -> thread[t].state = SUSPENDED
    :: !thread[t].suspended && t == current -> skip
    :: else ->
        assert(thread[t].queue == NOTHING);
        thread[t].queue = IN_READY
    fi
}

inline schedule_unready(t)
{
    assert(thread[t].queue == IN_READY);
    thread[t].queue = NOTHING
}

/* --- Priorities --- */

/* The highest priority among callers of the port. */
inline find_top(p)
{
    highest = 0;
    for (j : 0 .. THREADS - 1) {
        WHEN(thread[j].queue == IN_CALLERS && PORT_OF(thread[j].endpoint) == p &&
             thread[j].level > highest,
            highest = thread[j].level)
    }
}

inline server_of(p)
{
    if
    :: empty(servers[p]) -> server = NONE
    :: nempty(servers[p]) -> servers[p] ? <server>
    fi
}

inline find_deserved(t)
{
    highest = 0;
    serves = thread[t].port;
    WHEN(serves != NONE,
        server_of(serves);
        WHEN(server == t, find_top(serves)));
    WHEN(thread[t].client != NONE && thread[thread[t].client].level > highest,
        highest = thread[thread[t].client].level);
    WHEN(thread[t].base_level > highest, highest = thread[t].base_level)
}

/* priority_settle, whose loop lets interrupts in. */
inline priority_settle(t)
{
#if PRIORITIES > 1
    next = t;
    do
    :: next == NONE -> break
    :: else ->
        find_deserved(next);
        if
        :: highest == thread[next].level -> break
        :: else ->
            assert(thread[next].state != READY || next == current ||
                   thread[next].queue == IN_READY);
            thread[next].level = highest;
            if
            :: thread[next].state == AWAITING -> next = thread[next].server
            :: thread[next].state == CALLING ->
                serves = PORT_OF(thread[next].endpoint);
                server_of(serves);
                next = server
            :: else -> next = NONE
            fi;
            take_interrupts()
        fi
    od
#else
    skip
#endif
}

inline settle_server(p)
{
#if PRIORITIES > 1
    server_of(p);
    priority_settle(server)
#else
    skip
#endif
}

/* --- Objects --- */

inline free_if_last(p)
{
    WHEN(port[p].dead && port[p].endpoints == 0, port[p].freed = true)
}

inline endpoint_free(e)
{
    assert(!endpoint[e].freed && (endpoint[e].told || port[PORT_OF(e)].dead));
    endpoint[e].freed = true;
    endpoint[e].closed = false;
    port[PORT_OF(e)].endpoints--;
    free_if_last(PORT_OF(e))
}

/* The receiver of a message that is being given is told a badge's end. */
inline told_closed(e)
{
    assert(!endpoint[e].told && !endpoint[e].freed && endpoint[e].refs == 0);
    endpoint[e].told = true;
    endpoint_free(e)
}

inline endpoint_drop(e)
{
    assert(endpoint[e].refs > 0 && !endpoint[e].freed);
    endpoint[e].refs--;
    if
    :: endpoint[e].refs == 0 && !port[PORT_OF(e)].dead ->
        find_receiver(PORT_OF(e));
        if
        :: receiver == NONE ->
            WHEN(RIGHT(CLOSED_IS_FORGOTTEN),
                endpoint[e].closed = true;
                port[PORT_OF(e)].pending++)
        :: else ->
            take_receiver(receiver);
            deliver(receiver);
            schedule_ready(receiver);
            told_closed(e)
        fi
    :: endpoint[e].refs == 0 && port[PORT_OF(e)].dead -> endpoint_free(e)
    :: else
    fi
}

/* --- Interrupts --- */

inline irq_raise()
{
    assert(!irq_waits);
    irq_pending = true;
    find_receiver(PORT_OF(irq_endpoint));
    if
    :: receiver == NONE ->
        irq_waits = true;
        port[PORT_OF(irq_endpoint)].pending++
    :: else ->
        take_receiver(receiver);
        deliver(receiver);
        schedule_ready(receiver)
    fi
}

/* A deadline passes: only those that receive have one here. */
inline expire(t)
{
    assert(thread[t].state == RECEIVING);
    take_receiver(t);
    thread[t].timed = false;
    thread_wake(t)
}

inline take_interrupts()
{
    do
    :: break
#ifdef TIMEOUTS
    :: thread[0].timed -> expire(0)
    :: thread[1].timed -> expire(1)
#if THREADS > 2
    :: thread[2].timed -> expire(2)
#endif
#endif
#ifdef INTERRUPTS
    :: irq_endpoint != NONE && !irq_pending -> irq_raise()
#endif
    od
}

/* --- Threads --- */

/* Sets a thread going that waits in nothing any more; its call has ended. */
inline thread_wake(t)
{
    assert(thread[t].state == BLOCKED && thread[t].queue == NOTHING && !thread[t].timed);
    asked[t] = false;
    taker[t] = NOBODY;
    thread[t].long_message = false;
    thread[t].state = READY;
    schedule_ready(t)
}

inline process_finish(p)
{
    if
    :: ENDS(p)
    :: else -> process_finished = process_finished | 1 << (p)
    fi
}

/* A faulting thread is told to go on, or it ends; it was unlinked. */
inline fault_answer(t, go_on)
{
    WHEN(!go_on, process_finish(PROCESS_OF(t)));
    thread[t].faulted = false;
    thread_wake(t)
}

/* --- Who waits --- */

inline find_receiver(p)
{
    if
    :: port[p].receiver != NONE -> receiver = port[p].receiver
    :: else ->
        if
        :: empty(receivers[p]) -> receiver = NONE
        :: nempty(receivers[p]) -> receivers[p] ? <receiver>
        fi
    fi
}

inline take_receiver(t)
{
    assert(thread[t].state == RECEIVING && !port[thread[t].port].freed);
    if
    :: port[thread[t].port].receiver == t ->
        assert(thread[t].queue == IN_FAST);
        port[thread[t].port].receiver = NONE
    :: else ->
        assert(thread[t].queue == IN_RECEIVERS);
        receivers[thread[t].port] ?? eval(t)
    fi;
    thread[t].queue = NOTHING;
    thread[t].state = BLOCKED;
    WHEN(RIGHT(TIMER_GOES_ON), thread[t].timed = false)
}

/* Some caller of the highest priority, or NONE. */
inline find_caller(p)
{
    find_top(p);
    caller = NONE;
    if
#define IS_FIRST(t, p) \
    thread[t].queue == IN_CALLERS && PORT_OF(thread[t].endpoint) == p && \
    thread[t].level == highest
    :: IS_FIRST(0, p) -> caller = 0
    :: IS_FIRST(1, p) -> caller = 1
#if THREADS > 2
    :: IS_FIRST(2, p) -> caller = 2
#endif
#if THREADS > 3
    :: IS_FIRST(3, p) -> caller = 3
#endif
    :: else
    fi
}

inline leave_callers(t)
{
    assert(thread[t].state == CALLING && thread[t].queue == IN_CALLERS);
    thread[t].queue = NOTHING;
    port[PORT_OF(thread[t].endpoint)].pending--;
    thread[t].state = BLOCKED
}

/* Leaves in `server` who had to answer. */
inline unlink_client(t)
{
    assert(thread[t].state == AWAITING);
    server = thread[t].server;
    WHEN(thread[t].reply != NONE && RIGHT(REPLY_KEEPS_CLIENT),
        reply[thread[t].reply].client = NONE);
    thread[t].reply = NONE;
    thread[t].server = NONE;
    thread[t].state = BLOCKED;
    WHEN(server != NONE,
        WHEN(RIGHT(SERVER_KEEPS_CLIENT), thread[server].client = NONE);
        WHEN(RIGHT(SERVER_KEEPS_PRIORITY), priority_settle(server)));
    server = NONE
}

/* The call is received. */
inline link_client(t, s)
{
    assert(thread[s].client == NONE && asked[t] && taker[t] == NOBODY);
    thread[t].state = AWAITING;
    thread[t].server = s;
    thread[s].client = t;
    taker[t] = s
}

inline port_fail(t)
{
    unlink_client(t);
    if
    :: thread[t].faulted -> fault_answer(t, false)
    :: else -> thread_wake(t)
    fi
}

inline serve(t, p)
{
    found = thread[t].port;
    thread[t].port = p;
    WHEN(found != NONE, servers[found] ?? eval(t));
    WHEN(p != NONE, servers[p] ! t);
    WHEN(found != NONE, settle_server(found));
    priority_settle(t)
}

/* Takes a thread out of whatever it waits in. */
inline leave_waits(t)
{
    if
    :: thread[t].state == READY && t != current -> schedule_unready(t)
    :: thread[t].state == RECEIVING -> take_receiver(t)
    :: thread[t].state == CALLING ->
        leave_callers(t);
        found = thread[t].endpoint;
        settle_server(PORT_OF(found));
        thread[t].endpoint = NONE;
        endpoint_drop(found)
    :: thread[t].state == AWAITING && RIGHT(CLIENT_STAYS_LINKED) -> unlink_client(t)
    :: else
    fi;
    thread[t].timed = false
}

inline thread_end(t)
{
    if
    :: thread[t].state == ENDED
    :: else ->
        leave_waits(t);
        thread[t].state = ENDED;
        asked[t] = false;
        taker[t] = NOBODY;
        WHEN(thread[t].client != NONE && RIGHT(CLIENT_IS_FORGOTTEN),
            died = thread[t].client;
            port_fail(died));
        WHEN(thread[t].port != NONE, serve(t, NONE));
        thread[t].redo = USER;
        thread[t].progress = NONE;
        thread[t].answering = NONE;
        thread[t].long_message = false;
        thread[t].suspended = false;
        thread[t].faulted = false
    fi
}

/* --- Messages --- */

/* Gives a message to one that waited. */
inline deliver(t)
{
    assert(thread[t].state == BLOCKED);
    thread[t].state = READY
}

/* The running thread's long message: its bytes are passed at once, or the receiver has to
 * finish it. */
inline deliver_long(t)
{
    deliver(t);
    if
    :: thread[t].redo = FINISH_RECEIVE
    :: true
    fi
}

/* The running thread's message has been refused, or taken at once. */
inline port_send(e, what)
{
    assert(!endpoint[e].freed && endpoint[e].refs > 0);
    find_receiver(PORT_OF(e));
    if
    :: port[PORT_OF(e)].dead ->
        thread[current].faulted = false;
        thread[current].long_message = false;
        WHEN(what == FAULT, process_finish(PROCESS_OF(current)))
    :: !port[PORT_OF(e)].dead && receiver == NONE -> join_callers(e, what)
    :: else ->
        take_receiver(receiver);
        if
        :: what == SEND ->
            deliver(receiver);
            schedule_ready(receiver)
        :: else ->
            asked[current] = true;
            thread[current].kind = what;
            link_client(current, receiver);
            i = receiver;
            priority_settle(i);
            if
            :: thread[current].long_message -> deliver_long(i)
            :: else -> deliver(i)
            fi;
            schedule_ready(i);
            i = 0
        fi
    fi
}

inline join_callers(e, what)
{
    endpoint[e].refs++;
    asked[current] = (what != SEND);
    thread[current].state = CALLING;
    thread[current].endpoint = e;
    thread[current].kind = what;
    thread[current].queue = IN_CALLERS;
    port[PORT_OF(e)].pending++;
    settle_server(PORT_OF(e))
}

/* Leaves in `found` whether there is a message. */
inline take_call(t)
{
    part = thread[t].endpoint;
    leave_callers(t);
    thread[t].endpoint = NONE;
    WHEN(RIGHT(OTHERS_KEEP_PRIORITY), settle_server(PORT_OF(part)));
    found = true;
    if
#ifdef LONG
    :: thread[t].long_message && thread[t].kind != FAULT -> /* has too many handles */
        found = false;
        thread_wake(t)
#endif
    :: thread[t].kind == SEND -> thread_wake(t)
    :: thread[t].kind != SEND -> link_client(t, current)
    fi;
    endpoint_drop(part);
    WHEN(found, priority_settle(current));
    part = 0
}

/* The oldest comes first; the order makes no difference here. */
inline take_event(p)
{
    assert(port[p].pending > 0);
    if
    :: irq_waits && PORT_OF(irq_endpoint) == p ->
        irq_waits = false;
        port[p].pending--
    :: endpoint[0].closed && PORT_OF(0) == p ->
        port[p].pending--;
        told_closed(0)
#if ENDPOINTS > 1
    :: endpoint[1].closed && PORT_OF(1) == p ->
        port[p].pending--;
        told_closed(1)
#endif
    fi;
    found = true
}

#if ENDPOINTS > 1
#define EVENT_WAITS(p) \
    ((irq_waits && PORT_OF(irq_endpoint) == p) || \
     (endpoint[0].closed && PORT_OF(0) == p) || (endpoint[1].closed && PORT_OF(1) == p))
#else
#define EVENT_WAITS(p) \
    ((irq_waits && PORT_OF(irq_endpoint) == p) || (endpoint[0].closed && PORT_OF(0) == p))
#endif

inline copy_begins(t)
{
    assert(thread[current].progress == NONE || thread[current].progress == t)
}

/* Leaves in `found` whether the call is over: with a message, or an error that is the
 * receiver's. */
inline message_finish_receive()
{
    thread[current].redo = USER;
    found = false;
    if
    :: thread[current].client == NONE -> thread[current].progress = NONE
    :: else ->
        caller = thread[current].client;
        copy_begins(caller);
        found = true;
        if
        :: true -> /* gives way between two pages */
            thread[current].redo = FINISH_RECEIVE;
            thread[current].progress = caller
        :: true -> /* the caller's bytes or handles cannot be had */
            thread[current].progress = NONE;
            port_fail(caller);
            found = false
        :: true -> thread[current].progress = NONE
        fi;
        caller = NONE
    fi
}

inline join_receivers(p, with_deadline)
{
    thread[current].state = RECEIVING;
    thread[current].timed = with_deadline;
    if
    :: port[p].receiver == NONE && !with_deadline ->
        port[p].receiver = current;
        thread[current].queue = IN_FAST
    :: else ->
        receivers[p] ! current;
        thread[current].queue = IN_RECEIVERS
    fi
}

/* The handles have been looked at; `answered` may be NONE. */
inline port_receive(p, with_deadline)
{
    if
    :: thread[current].client != NONE -> /* EBUSY */
        assert(answered == NONE)
    :: else ->
        WHEN(thread[current].port != p,
            WHEN(answered != NONE, schedule_ready(answered));
            answered = NONE;
            serve(current, p));
        do
        :: true ->
            found = false;
            WHEN(thread[current].level != thread[current].base_level,
                priority_settle(current));
            WHEN(port[p].pending == 0, break);
            WHEN(answered != NONE, schedule_ready(answered));
            answered = NONE;
            if
            :: EVENT_WAITS(p) -> take_event(p)
            :: else ->
                find_caller(p);
                take_call(caller)
            fi;
            WHEN(found && thread[current].client != NONE &&
                 thread[thread[current].client].long_message, message_finish_receive());
            WHEN(found, break);
            priority_settle(current);
            take_interrupts();
            if
            :: true -> /* gives way to another thread */
                thread[current].redo = RECEIVE_AGAIN;
                found = true;
                break
            :: true
            fi
        od;
        if
        :: found -> found = false
        :: else ->
            if
            :: RIGHT(INTERRUPTS_BEFORE_WAIT)
            :: !RIGHT(INTERRUPTS_BEFORE_WAIT) -> take_interrupts()
            fi;
            join_receivers(p, with_deadline);
            WHEN(answered != NONE, schedule_ready(answered))
        fi;
        answered = NONE
    fi
}

/* Ends the call of a thread as it asked for; leaves it in `answered`, not yet scheduled,
 * or NONE. `who` says by whom it is answered. */
inline port_answer_only(t, who)
{
    assert(asked[t] && taker[t] == who && thread[t].state == AWAITING);
    unlink_client(t);
    asked[t] = false;
    taker[t] = NOBODY;
    if
    :: thread[t].faulted ->
        if
        :: true -> fault_answer(t, true)
        :: true -> fault_answer(t, false)
        fi;
        answered = NONE
    :: else ->
        if
        :: thread[t].long_message -> thread[t].redo = FINISH_CALL /* it has handles */
        :: true
        fi;
        thread[t].long_message = false;
        thread[t].state = READY;
        answered = t
    fi
}

inline port_answer(t, who)
{
    port_answer_only(t, who);
    WHEN(answered != NONE, schedule_ready(answered));
    answered = NONE
}

/* A long answer; leaves in `found` whether the call is over; if not, it is an error, or
 * `call` is done again. */
inline answer(t, who, call)
{
    copy_begins(t);
    if
    :: true -> /* gives way between two pages */
        thread[current].progress = t;
        thread[current].redo = call;
        found = false
    :: true -> /* the server's bytes or handles are wrong: the client waits on */
        thread[current].progress = NONE;
        thread[current].redo = USER;
        found = false
    :: true -> /* the client's are */
        thread[current].progress = NONE;
        thread[current].redo = USER;
        port_fail(t);
        found = true
    :: true ->
        thread[current].progress = NONE;
        thread[current].redo = USER;
        port_answer(t, who);
        found = true
    fi
}

/* --- The ends of ports and processes --- */

inline port_destroy(p)
{
    assert(!port[p].dead);
    port[p].dead = true;
    port[p].endpoints++;
    WHEN(irq_endpoint != NONE && PORT_OF(irq_endpoint) == p, irq_detach());
    do
    :: true ->
        find_receiver(p);
        if
        :: receiver == NONE -> break
        :: else -> take_receiver(receiver);
            thread_wake(receiver)
        fi
    od;
    do
    :: true ->
        find_caller(p);
        WHEN(caller == NONE || !RIGHT(CALLERS_WAIT_ON), break);
        leave_waits(caller);
        thread[caller].state = BLOCKED;
        if
        :: thread[caller].faulted -> fault_answer(caller, false)
        :: else -> thread_wake(caller)
        fi;
        take_interrupts()
    od;
    for (i : 0 .. ENDPOINTS - 1) {
        WHEN(endpoint[i].closed && PORT_OF(i) == p,
            endpoint_free(i);
            take_interrupts())
    }
    do
    :: nempty(servers[p]) ->
        servers[p] ? <i>;
        serve(i, NONE);
        take_interrupts()
    :: empty(servers[p]) -> break
    od;
    i = 0;
    port[p].endpoints--;
    free_if_last(p)
}

inline port_close(p, by)
{
    port[p].held = port[p].held & ~(1 << (by));
    WHEN(port[p].held == 0, port_destroy(p))
}

inline endpoint_close(e, by)
{
    endpoint[e].held = endpoint[e].held & ~(1 << (by));
    endpoint_drop(e)
}

inline reply_destroy(r)
{
    reply[r].held = NONE;
    WHEN(reply[r].client != NONE && RIGHT(REPLY_FORGETS_CLIENT),
        died = reply[r].client;
        assert(taker[died] == TAKER_REPLY(r));
        port_fail(died));
    reply[r].client = NONE
}

inline irq_detach()
{
    found = irq_endpoint;
    WHEN(irq_waits && RIGHT(EVENT_STAYS), port[PORT_OF(found)].pending--);
    irq_waits = false;
    irq_pending = false;
    irq_endpoint = NONE;
    endpoint_drop(found);
    found = 0
}

/* A process's end: it is stopped before the kernel is left. */
inline process_stop(p)
{
    process_finished = process_finished & ~(1 << (p));
    process_ended = process_ended | 1 << (p);
    for (i : 0 .. THREADS - 1) {
        WHEN(PROCESS_OF(i) == p,
            thread_end(i);
            take_interrupts())
    }
}

/* Its handles are closed later, in pieces, between which others may run: here the first
 * handle of some kind, of some process that has ended. A fault endpoint is one of them. */
inline process_reap()
{
    who = 0;
    do
    :: who + 1 < THREADS -> who++
    :: process_ended >> who & 1 -> break
    :: true -> who = NONE; break
    od;
    object = 0;
    if
    :: who == NONE
    :: who != NONE ->
        do
        :: object < ENDPOINTS && !(endpoint[object].held >> who & 1) -> object++
        :: else -> break
        od;
        WHEN(object < ENDPOINTS, endpoint_close(object, who))
    :: who != NONE ->
        do
        :: object < PORTS && !(port[object].held >> who & 1) -> object++
        :: else -> break
        od;
        WHEN(object < PORTS, port_close(object, who))
    :: who != NONE ->
        do
        :: object < REPLIES && reply[object].held != who -> object++
        :: else -> break
        od;
        WHEN(object < REPLIES, reply_destroy(object))
    fi
}

/* --- What threads do --- */

inline choose_thread()
{
    if
    :: thread[0].state == READY -> current = 0
    :: thread[1].state == READY -> current = 1
#if THREADS > 2
    :: thread[2].state == READY -> current = 2
#endif
#if THREADS > 3
    :: thread[3].state == READY -> current = 3
#endif
    fi;
    schedule_unready(current)
}

/* Some object of those that the running thread's process has a handle to, or NONE. */
inline choose_port()
{
    object = 0;
    do
    :: object + 1 < PORTS -> object++
    :: true -> break
    od;
    if
    :: HAS(port[object].held, current)
    :: else -> object = NONE
    fi
}

inline choose_endpoint()
{
    object = 0;
    do
    :: object + 1 < ENDPOINTS -> object++
    :: true -> break
    od;
    if
    :: HAS(endpoint[object].held, current)
    :: else -> object = NONE
    fi
}

inline choose_reply()
{
    object = 0;
    do
    :: object + 1 < REPLIES -> object++
    :: true -> break
    od;
    if
    :: reply[object].held == PROCESS_OF(current)
    :: else -> object = NONE
    fi
}

/* Whether a message is long. */
inline choose_length()
{
#ifdef LONG
    if
    :: longs = true
    :: longs = false
    fi
#else
    skip
#endif
}

inline send_something()
{
    choose_endpoint();
    if
    :: object == NONE
    :: else ->
        if
        :: port[PORT_OF(object)].receiver != NONE -> fast_call(PORT_OF(object))
        :: true -> send_slowly()
        fi
    fi
}

inline send_slowly()
{
    if
    :: choose_length();
        thread[current].long_message = longs;
        port_send(object, CALL)
#ifdef SENDS
    :: port_send(object, SEND)
#endif
#ifdef FAULTS
    :: thread[current].long_message = true;
        thread[current].faulted = true;
        port_send(object, FAULT)
#endif
    fi
}

/* fast_call.S: what it does, and when. */

inline fast_call(p)
{
    receiver = port[p].receiver;
    port[p].receiver = NONE;
    thread[receiver].queue = NOTHING;
    WHEN(thread[current].level > thread[receiver].level,
        thread[receiver].level = thread[current].level);
    asked[current] = true;
    thread[current].kind = CALL;
    link_client(current, receiver);
    thread[receiver].state = READY;
    thread[receiver].queue = IN_READY
}

#define fast_reply_receive_can(c, p) \
    (c != NONE && thread[current].port == p && port[p].pending == 0 && \
     port[p].receiver == NONE && !thread[c].long_message && !thread[c].faulted && \
     !thread[c].suspended)

inline fast_reply_receive(c, p)
{
    assert(asked[c] && taker[c] == current);
    thread[current].level = thread[current].base_level;
    port[p].receiver = current;
    thread[current].queue = IN_FAST;
    thread[current].client = NONE;
    thread[c].server = NONE;
    thread[current].state = RECEIVING;
    asked[c] = false;
    taker[c] = NOBODY;
    thread[c].state = READY;
    thread[c].queue = IN_READY
}

/* reply, reply_receive, reply_to and their long forms. */
inline reply_in_some_way()
{
    who = current;
    client = thread[current].client;
    WHEN(call == REPLY_TO,
        who = TAKER_REPLY(thread[current].answering);
        client = reply[thread[current].answering].client;
        WHEN(reply[thread[current].answering].held != PROCESS_OF(current),
            client = NONE; /* another thread has used it up */
            thread[current].answering = NONE));
    found = true;
    if
    :: client == NONE -> /* ESRCH, or there is only the other half to do */
        thread[current].redo = USER;
        if
        :: call == REPLY_RECEIVE && !RIGHT(PROGRESS_STAYS)
        :: else -> thread[current].progress = NONE
        fi
    :: client != NONE && longs -> answer(client, who, call)
    :: else ->
        port_answer_only(client, who);
        WHEN(call != REPLY_RECEIVE && answered != NONE,
            schedule_ready(answered);
            answered = NONE)
    fi;
    if
    :: call == REPLY_TO && found && thread[current].answering != NONE ->
        reply_destroy(thread[current].answering)
    :: call == REPLY_RECEIVE && found -> receives = true
    :: else
    fi;
    WHEN(thread[current].redo == USER,
        thread[current].answering = NONE);
    found = false
}

inline reply_defer()
{
    client = thread[current].client;
    object = 0;
    do
    :: reply[object].held != NONE && object + 1 < REPLIES -> object++
    :: else -> break
    od;
    if
    :: client == NONE || reply[object].held != NONE /* ESRCH, ENOMEM */
    :: else -> port_defer()
    fi
}

inline port_defer()
{
    reply[object].held = PROCESS_OF(current);
    reply[object].client = client;
    thread[client].reply = object;
    thread[client].server = NONE;
    thread[current].client = NONE;
    taker[client] = TAKER_REPLY(object);
    priority_settle(current)
}

inline thread_suspend(t)
{
    thread[t].suspended = true;
    if
    :: thread[t].state == RECEIVING && port[thread[t].port].receiver == t ->
        port[thread[t].port].receiver = NONE;
        receivers[thread[t].port] ! t;
        thread[t].queue = IN_RECEIVERS
    :: thread[t].state == READY ->
        WHEN(t != current, schedule_unready(t));
        thread[t].state = SUSPENDED
    :: else
    fi
}

inline thread_resume(t)
{
    thread[t].suspended = false;
    WHEN(thread[t].state == SUSPENDED,
        thread[t].state = READY;
        schedule_ready(t))
}

/* thread_write, on one whose call can be given up. */
inline thread_give_up_call(t)
{
    if
    :: !thread[t].suspended || thread[t].faulted || t == current -> skip
    :: else ->
        leave_waits(t);
        thread[t].state = SUSPENDED;
        asked[t] = false;
        taker[t] = NOBODY;
        thread[t].redo = USER;
        thread[t].answering = NONE;
        thread[t].progress = NONE;
        thread[t].long_message = false
    fi
}

inline choose_living_thread()
{
    i = 0;
    do
    :: i + 1 < THREADS -> i++
    :: thread[i].state != ENDED -> break
    :: thread[i].state == ENDED -> i = current; break
    od
}

/* Not the last one of its process. */
#if THREADS > 2
#define LIVES_WITH(a, b) (a != b && thread[b].state != ENDED && \
                          PROCESS_OF(a) == PROCESS_OF(b))
#define thread_exits(t) (LIVES_WITH(t, 0) || LIVES_WITH(t, 1) || LIVES_WITH(t, 2))
#else
#define thread_exits(t) false
#endif

/* From outside: what others do to threads, handles and processes. */
inline meddle()
{
    if
    :: choose_endpoint();
        WHEN(object != NONE, endpoint_close(object, PROCESS_OF(current)))
    :: choose_port();
        WHEN(object != NONE, port_close(object, PROCESS_OF(current)))
    :: choose_living_thread();
        process_finish(PROCESS_OF(i)) /* process_kill, client_fault */
    :: (thread_exits(current)) -> thread_end(current)
#ifdef DEFERS
    :: reply_defer()
    :: choose_reply();
        WHEN(object != NONE, reply_destroy(object))
#endif
#ifdef SUSPENDS
    :: choose_living_thread();
        thread_suspend(i)
    :: choose_living_thread();
        thread_resume(i)
    :: choose_living_thread();
        thread_give_up_call(i)
#endif
#ifdef INTERRUPTS
    :: irq_endpoint != NONE && irq_pending && !irq_waits -> irq_pending = false
    :: irq_endpoint != NONE -> irq_detach()
#endif
#if PRIORITIES > 1
    :: choose_living_thread();
        if
        :: thread[i].base_level = 0
        :: thread[i].base_level = 1
#if PRIORITIES > 2
        :: thread[i].base_level = 2
#endif
        fi;
        priority_settle(i)
#endif
    fi
}

inline system_call()
{
    call = thread[current].redo;
    longs = (call != USER);
    if
    :: call == USER ->
        if
        :: call = SENDING
        :: call = OTHER
        :: call = RECEIVE;
            choose_port();
            receives = true;
#ifdef TIMEOUTS
            if
            :: with_deadline = true
            :: with_deadline = false
            fi
#endif
        :: thread[current].client != NONE -> call = REPLY; choose_length()
        :: call = REPLY_RECEIVE;
            choose_port();
            if
            :: object == NONE -> call = FINISH_CALL /* EBADF */
            :: else -> choose_length()
            fi
#ifdef DEFERS
        :: call = REPLY_TO;
            choose_reply();
            if
            :: object != NONE ->
                thread[current].answering = object;
                choose_length()
            :: else -> call = FINISH_CALL /* EBADF */
            fi
#endif
        fi
    :: else
    fi;
    if
    :: thread[current].redo == REPLY_RECEIVE -> choose_port()
    :: thread[current].redo == FINISH_RECEIVE || thread[current].redo == RECEIVE_AGAIN ->
        object = thread[current].port;
        WHEN(object != NONE && !HAS(port[object].held, current), object = NONE)
    :: else
    fi;
    if
    :: call == SENDING -> send_something()
    :: call == OTHER -> meddle()
    :: call == FINISH_CALL ->
        thread[current].redo = USER
    :: call == FINISH_RECEIVE ->
        message_finish_receive();
        receives = !found;
        found = false
    :: call == RECEIVE_AGAIN ->
        thread[current].redo = USER;
        receives = true
    :: call == REPLY_RECEIVE && !longs &&
       fast_reply_receive_can(thread[current].client, object) ->
        client = thread[current].client;
        fast_reply_receive(client, object)
    :: call == REPLY || call == REPLY_TO || call == REPLY_RECEIVE -> reply_in_some_way()
    :: call == RECEIVE
    fi;
    WHEN(receives,
        if
        :: object != NONE -> port_receive(object, with_deadline)
        :: true -> /* the handle is bad, or the deadline has passed */
            WHEN(answered != NONE, schedule_ready(answered))
        fi)
}

/* schedule_leave: the ends of processes, then perhaps another thread. */
inline kernel_leave()
{
    object = 0;
    do
    :: object == THREADS -> break
    :: process_finished >> object & 1 ->
        process_stop(object);
        object = 0
    :: else -> object++
    od;
    d_step {
        WHEN(current != NONE && thread[current].state == READY,
            thread[current].queue = IN_READY);
        current = NONE;
        rules();
        forget()
    }
}

/* Only what stands in the objects distinguishes states. */
inline forget()
{
    i = 0; j = 0; receiver = 0; caller = 0; server = 0; next = 0; highest = 0;
    answered = NONE; died = 0; part = 0; found = 0; who = 0; object = 0; client = 0;
    serves = 0;    receives = false; with_deadline = false; longs = false; call = 0
}

/* --- What must hold --- */

inline thread_rules(t)
{
    assert((thread[t].queue == IN_READY) == (thread[t].state == READY));
    assert((thread[t].queue == IN_CALLERS) == (thread[t].state == CALLING));
    assert((thread[t].queue == IN_FAST || thread[t].queue == IN_RECEIVERS) ==
           (thread[t].state == RECEIVING));
    assert(thread[t].state != BLOCKED);
    assert(!thread[t].suspended || thread[t].state != READY);
    assert(thread[t].suspended || thread[t].state != SUSPENDED);
    assert(!thread[t].timed || thread[t].state == RECEIVING);
    /* Nobody waits while there is something to receive, or at a port that is gone. */
    assert(thread[t].state != RECEIVING ||
           (!port[thread[t].port].dead && port[thread[t].port].pending == 0 &&
            thread[t].client == NONE));
    assert(thread[t].state != CALLING ||
           (!port[PORT_OF(thread[t].endpoint)].dead &&
            !endpoint[thread[t].endpoint].freed && taker[t] == NOBODY &&
            asked[t] == (thread[t].kind != SEND)));
    /* Whoever awaits an answer has asked for it, and one who can give it has heard. */
    assert(thread[t].state != AWAITING ||
           (asked[t] && (thread[t].server == NONE) != (thread[t].reply == NONE)));
    assert(thread[t].state == CALLING || thread[t].state == AWAITING ||
           (!asked[t] && taker[t] == NOBODY));
    assert(thread[t].state == AWAITING ||
           (thread[t].server == NONE && thread[t].reply == NONE));
    assert(thread[t].server == NONE ||
           (thread[thread[t].server].client == t && taker[t] == thread[t].server &&
            thread[thread[t].server].state != ENDED));
    assert(thread[t].reply == NONE ||
           (reply[thread[t].reply].client == t && reply[thread[t].reply].held != NONE &&
            taker[t] == TAKER_REPLY(thread[t].reply)));
    assert(thread[t].client == NONE || thread[thread[t].client].server == t);
    assert(thread[t].port == NONE || !port[thread[t].port].dead);
    assert(thread[t].state != ENDED ||
           (thread[t].client == NONE && thread[t].port == NONE));
    assert(!ENDS(PROCESS_OF(t)) || thread[t].state == ENDED);
#if PRIORITIES > 1
    /* What is inherited is so as long as there is somebody to inherit from. */
    find_deserved(t);
    assert(thread[t].state == ENDED || thread[t].level == highest)
#endif
}

inline rules()
{
    for (i : 0 .. THREADS - 1) {
        thread_rules(i)
    }
    for (i : 0 .. REPLIES - 1) {
        assert(reply[i].client == NONE ||
               (reply[i].held != NONE && thread[reply[i].client].reply == i))
    }
    for (i : 0 .. PORTS - 1) {
        part = 0;
        found = 0;
        for (j : 0 .. THREADS - 1) {
            WHEN(thread[j].state == CALLING && PORT_OF(thread[j].endpoint) == i, part++)
        }
        for (j : 0 .. ENDPOINTS - 1) {
            WHEN(PORT_OF(j) == i && endpoint[j].closed, part++);
            WHEN(PORT_OF(j) == i && !endpoint[j].freed, found++)
        }
        WHEN(irq_waits && PORT_OF(irq_endpoint) == i, part++);
        assert(port[i].endpoints == found && (port[i].dead || port[i].pending == part));
        assert(port[i].dead == (port[i].held == 0));
        assert(port[i].freed == (port[i].dead && found == 0));
        assert(port[i].receiver == NONE || thread[port[i].receiver].queue == IN_FAST)
    }
    for (i : 0 .. ENDPOINTS - 1) {
        /* A badge's end is told once, when nobody has it any more; or its port is gone. */
        part = (irq_endpoint == i);
        for (j : 0 .. THREADS - 1) {
            WHEN(thread[j].state == CALLING && thread[j].endpoint == i, part++)
        }
        for (j : 0 .. THREADS - 1) {
            WHEN(endpoint[i].held >> j & 1, part++)
        }
        assert(endpoint[i].refs == part);
        assert(endpoint[i].freed ||
               (part > 0) != (endpoint[i].closed && !port[PORT_OF(i)].dead));
        assert(!endpoint[i].freed || endpoint[i].told || port[PORT_OF(i)].dead)
    }
}

byte port_held[PORTS] = {PORT_HELD};
byte endpoint_held[ENDPOINTS] = {ENDPOINT_HELD};

inline boot()
{
    for (i : 0 .. PORTS - 1) {
        port[i].held = port_held[i]
    }
    for (i : 0 .. ENDPOINTS - 1) {
        endpoint[i].held = endpoint_held[i];
        port[PORT_OF(i)].endpoints++;
        for (j : 0 .. THREADS - 1) {
            endpoint[i].refs = endpoint[i].refs + (endpoint[i].held >> j & 1)
        }
    }
#ifdef INTERRUPTS
    irq_endpoint = 0;
    endpoint[0].refs++;
#endif
    i = 0; j = 0
}

active proctype kernel()
{
    d_step {
        boot();
        c_code { mistake = atoi(getenv("MISTAKE")); }
    }
end:
    do
    :: atomic {
            if
            :: choose_thread();
                system_call()
            :: true -> take_interrupts() /* of user mode, or while nobody is ready */
            :: process_ended != 0 -> process_reap()
            fi;
            kernel_leave()
        }
    od
}
