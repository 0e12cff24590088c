/* SPDX-License-Identifier: MIT */
/*
 * The protocol of upcalls, for the model checker Spin: upcall.c, and what schedule.c,
 * reply_port.c and system_message.c have to do with it, function by function under their
 * own names. It is checked by tests/check-models; docs/testing.md says with which bounds,
 * and what is left out. Whoever changes the protocol there changes it here.
 *
 * One thread gets upcalls from one or two ports. It enters and leaves critical sections
 * as limen/system_message.h tells it to, waits, does calls again, takes what was held,
 * and comes back from upcalls, in any order. All that others do to it is done by another
 * thread, which is always ready, and by interrupts. A stay in the kernel is one atomic
 * step; interrupts come in where the kernel lets them.
 *
 * What must hold, beside the assertions on the way: `rules`, whenever the kernel is left.
 */

#ifndef PORTS
#define PORTS 1
#endif
#ifndef DEPTHS
#define DEPTHS 1, 1
#endif
#ifndef SENDS
#define SENDS 3 /* so many messages come back */
#endif
#ifndef FREE_PORT
#define FREE_PORT 7 /* the port whose upcalls no section holds */
#endif
#define LEVELS 4 /* the thread itself, and upcalls within each other */
#define DEEPEST 2 /* sections within each other */

/* Mistakes to be found: one of them is made if its number stands in the environment. */
#define NOTHING_IS_HELD 1      /* sections are not asked */
#define HELD_IS_NOT_TOLD 2     /* CRITICAL_HELD is not set */
#define FIRST_HELD_ENDS_IT 3   /* ports behind one whose upcalls are held are forgotten */
#define REDO_WAITS_UNSEEN 4    /* a call that is done again waits, whatever was posted */
#define HELD_IF_INTERRUPT 5 /* later waits are looked at if CRITICAL_INTERRUPT was set */
#define WAITS_END_FAST 6       /* what ends a held thread's wait lets it take no detour */
#define STILL_WAITS 7          /* the wait is taken for granted after the word was read */
#define POSTS_ARE_NOT_SEEN 8   /* a post does not look at whether the thread waits */
#define DEPTH_IS_NOT_SEEN 9    /* upcalls of a port may be any number */
#define RETURN_ENDS_IT 10      /* upcall_return does not look for what came meanwhile */
#define FLUSH_DOES_NOTHING 11  /* what was held stays so */
#define TAKEN_BEFORE_WRITTEN 12 /* a message whose upcall has no stack is lost */
#define FAULT_ENDS_IT 13       /* and after the fault nobody looks */
#define POLICY_STAYS_LISTED 14 /* a port that becomes a queue stays in the list */
#define DELAY_ENDS_IT 15       /* the delay's end does not look */
#define READY_WAITS_UNSEEN 16 /* a call waits, though there was a post on its way */
c_decl {
    int mistake;
};
#define RIGHT(step) (c_expr { mistake != step })

/* If the condition holds. */
#define WHEN(condition, ...) if :: condition -> __VA_ARGS__ :: else fi

mtype = {READY, WAITING, SUSPENDED};
/* What the thread's user side is about to do: what it likes; it has left a section; it
 * has found CRITICAL_HELD there. */
mtype = {ANYTHING, LEFT, TO_FLUSH};

/* The thread. */
mtype state = READY;
mtype next_step = ANYTHING;
bool faulted, suspended, timed;
bool sync; /* it waits for a message that it has sent */
bool detour_call, detour_upcall, detour_held, slow_held;
bool given; /* what has come of its message, which it has yet to tell */
/* Its stack: what it does in each upcall, of which port, and begun in which section. */
byte level;
mtype saved_step[LEVELS];
byte upcall_of[LEVELS];
byte count_before[LEVELS];

/* Its word. */
byte critical_count;
bool critical_interrupt, critical_held;

typedef port_t {
    byte depth;
    byte returned; /* messages */
    byte made; /* upcalls that are not ended: `active` */
    bool to_thread; /* its policy: upcalls */
    bool listed;    /* in thread->upcalls */
    bool posted;    /* among those whose thread has yet to be looked at */
    bool timed;
    bool late
}
port_t port[PORTS];

bool work_messages, work_upcall, work_held;
bool runs = true; /* the thread does, and not the other one */

/* What really happened. */
byte sent, upcalls, collected;

/* For loops, 0 when the kernel is left. */
byte p, q, i;
bool again, word_holds, word_interrupts, found;

#ifdef DELAYS
#define LATE(p) port[p].late
#else
#define LATE(p) true
#endif
#define WANTS(p) \
    (port[p].to_thread && port[p].returned > 0 && LATE(p) && \
     (port[p].made < port[p].depth || !RIGHT(DEPTH_IS_NOT_SEEN)))
#define HOLDS(p) (critical_count > 0 && (p) != FREE_PORT && RIGHT(NOTHING_IS_HELD))
#define WAITS (state == WAITING && !faulted)
#define LISTED (port[0].listed || port[PORTS - 1].listed)

/* --- Messages come back --- */

inline upcall_post(p)
{
    detour_upcall = true;
    port[p].listed = true;
    work_upcall = true;
    WHEN(runs && RIGHT(READY_WAITS_UNSEEN), work_held = true);
    WHEN(state != READY,
        work_messages = true;
        port[p].posted = RIGHT(POSTS_ARE_NOT_SEEN))
}

inline attend(p)
{
    WHEN(port[p].to_thread && port[p].returned > 0 && !port[p].late,
        port[p].timed = true);
    WHEN(WANTS(p), upcall_post(p))
}

inline reply_port_put(p)
{
    sent++;
    WHEN(port[p].returned == 0,
        port[p].late = false;
        port[p].timed = false);
    port[p].returned++;
    attend(p)
}

/* The delay has passed. */
inline expire(p)
{
    port[p].timed = false;
    port[p].late = true;
    WHEN(WANTS(p) && RIGHT(DELAY_ENDS_IT), upcall_post(p))
}

/* What it waited for has come, or its deadline, or an upcall ends it. */
inline thread_wake()
{
    assert(state == WAITING && !faulted);
    given = sync;
    detour_call = sync;
    sync = false;
    timed = false;
    slow_held = false;
    state = (suspended -> SUSPENDED : READY)
}

inline take_interrupts()
{
    do
    :: break
    :: sent < SENDS -> reply_port_put(0)
#if PORTS > 1
    :: sent < SENDS -> reply_port_put(1)
#endif
#ifdef DELAYS
    :: port[0].timed -> expire(0)
#endif
    :: timed && WAITS -> thread_wake()
    od
}

/* --- Critical sections and waits --- */

/* Reads the word; a page may have to be found. */
inline read_critical(p)
{
    take_interrupts();
    word_holds = HOLDS(p);
    word_interrupts = !word_holds || critical_interrupt
}

inline held(p)
{
    read_critical(p);
    WHEN(word_holds,
        take_interrupts();
        WHEN(RIGHT(HELD_IS_NOT_TOLD), critical_held = true))
}

inline wait_slowly()
{
    slow_held = RIGHT(WAITS_END_FAST)
}

inline upcall_end_waits()
{
    for (p : 0 .. PORTS - 1) {
        WHEN(port[p].posted,
            port[p].posted = false;
            WHEN(WAITS,
                held(p);
                WHEN(!RIGHT(STILL_WAITS) || (WAITS && WANTS(p)),
                    if
                    :: word_interrupts -> thread_wake()
                    :: else -> wait_slowly()
                    fi;
                    take_interrupts())))
    }
    p = 0
}

/* The running thread is about to wait, and something is held, or was posted while it did
 * its call again. */
inline upcall_before_wait()
{
    WHEN(WAITS,
        detour_held = false;
        found = false;
        for (p : 0 .. PORTS - 1) {
            WHEN(!found && WAITS && port[p].listed && WANTS(p),
                read_critical(p);
                if
                :: word_interrupts ->
                    found = true;
                    detour_upcall = true;
                    WHEN(WAITS, thread_wake())
                :: else ->
                    detour_held = true;
                    take_interrupts()
                fi)
        }
        p = 0;
        WHEN(!found && detour_held && WAITS, wait_slowly());
        found = false)
}

/* --- Upcalls --- */

/* One upcall of the port, unless there is no stack. */
inline make(p)
{
    assert(port[p].to_thread && port[p].returned > 0);
    take_interrupts();
    if
    :: true ->
        assert(level + 1 < LEVELS);
        port[p].made++;
        port[p].returned--;
        upcalls++;
        saved_step[level] = next_step;
        level++;
        upcall_of[level] = p;
        count_before[level] = critical_count;
        next_step = ANYTHING;
        WHEN(!WANTS(p), port[p].listed = false);
        WHEN(LISTED,
            detour_upcall = true;
            work_upcall = true)
#ifdef FAULTS
    :: true ->
        WHEN(!RIGHT(TAKEN_BEFORE_WRITTEN), port[p].returned--);
        detour_upcall = RIGHT(FAULT_ENDS_IT);
        state = WAITING;
        faulted = true
#endif
    fi
}

inline upcall_make()
{
    detour_upcall = false;
    detour_held = false;
    found = false;
    for (p : 0 .. PORTS - 1) {
        if
        :: found || !port[p].listed
        :: !found && port[p].listed && !WANTS(p) -> port[p].listed = false
        :: !found && port[p].listed && WANTS(p) ->
            held(p);
            if
            :: word_holds ->
                WHEN(RIGHT(HELD_IF_INTERRUPT) || word_interrupts, detour_held = true);
                found = !RIGHT(FIRST_HELD_ENDS_IT);
                take_interrupts()
            :: else ->
                assert(p == FREE_PORT || critical_count == 0);
                make(p);
                found = true
            fi
        fi
    }
    p = 0;
    found = false
}

/* --- The way out of the kernel --- */

/* The call waits, perhaps only after interrupts were let in, or gives way and is done
 * again. */
inline some_call()
{
    take_interrupts();
    if
    :: true /* it is over */
    :: detour_call = true
    :: true ->
        state = WAITING;
        if
        :: sync = true
        :: timed = true
        :: true
        fi
    fi
}

inline take_detour()
{
    WHEN(detour_call,
        detour_call = false;
        WHEN((detour_upcall || detour_held) && RIGHT(REDO_WAITS_UNSEEN),
            work_held = true);
        if
        :: given -> given = false
        :: else -> some_call()
        fi);
    WHEN(detour_upcall && !detour_call && state == READY, upcall_make())
}

inline choose()
{
    if
    :: state == READY -> runs = true
    :: runs = false
    fi
}

/* If :: the running thread could go on, another may still be chosen. */
inline schedule_leave()
{
    again = true;
    do
    :: !again -> break
    :: again ->
        WHEN(work_messages,
            work_messages = false;
            upcall_end_waits());
        WHEN(work_held && runs, upcall_before_wait());
        work_held = false;
        work_upcall = false;
        choose();
        WHEN(runs, take_detour());
        WHEN(detour_call, /* it gave way */
            work_held = false;
            work_upcall = false;
            runs = false);
        again = work_messages || work_upcall || work_held || (runs && state != READY)
    od;
    work_held = runs && detour_held;
    rules()
}

/* --- What must hold --- */

inline rules()
{
    found = false;
    for (p : 0 .. PORTS - 1) {
        q = 0;
        for (i : 1 .. LEVELS - 1) {
            WHEN(i <= level && upcall_of[i] == p, q++)
        }
        assert(port[p].made == q && q <= port[p].depth);
        assert(!port[p].listed || port[p].to_thread);
        WHEN(WANTS(p),
            assert(port[p].listed && !port[p].posted);
            if
            :: runs -> assert(p != FREE_PORT && (critical_held || next_step == TO_FLUSH))
            :: !runs && WAITS ->
                assert(p != FREE_PORT && critical_count > 0 && !critical_interrupt &&
                       (critical_held || (detour_upcall && slow_held)))
            :: !runs && !WAITS ->
                assert(detour_upcall || critical_held || next_step == TO_FLUSH)
            fi)
    }
    assert(!work_messages && (!runs || (state == READY && !detour_call && !suspended)));
    assert(sent == upcalls + collected + port[0].returned
#if PORTS > 1
           + port[1].returned
#endif
    );
    p = 0;
    q = 0;
    i = 0;
    found = false;
    again = false;
    word_holds = false;
    word_interrupts = false
}

/* --- The thread in user mode --- */

inline leave_section()
{
    critical_count--;
    WHEN(critical_count == 0,
        critical_interrupt = false;
        next_step = LEFT)
}

inline look_at_word()
{
    if
    :: critical_held ->
        critical_held = false;
        next_step = TO_FLUSH
    :: else -> next_step = ANYTHING
    fi
}

inline flush()
{
    next_step = ANYTHING;
    detour_upcall = detour_upcall || RIGHT(FLUSH_DOES_NOTHING);
    schedule_leave()
}

inline upcall_return()
{
    p = upcall_of[level];
    upcall_of[level] = 0;
    count_before[level] = 0;
    level--;
    next_step = saved_step[level];
    saved_step[level] = ANYTHING;
    port[p].made--;
    WHEN(WANTS(p) && RIGHT(RETURN_ENDS_IT), upcall_post(p));
    p = 0;
    schedule_leave()
}

/* --- The other thread --- */

inline set_policy(p, upcalls_wanted)
{
    WHEN(RIGHT(POLICY_STAYS_LISTED),
        port[p].listed = false;
        port[p].posted = false);
    port[p].timed = false;
    port[p].to_thread = upcalls_wanted;
    port[p].late = false;
    attend(p);
    schedule_leave()
}

inline collect(p)
{
    port[p].returned--;
    collected++;
    schedule_leave()
}

/* What the thread waits for comes by a fast path: it goes on at once. */
inline fast_answer()
{
    thread_wake();
    runs = true;
    work_held = false;
    rules()
}

inline answer_fault()
{
    faulted = false;
    state = (suspended -> SUSPENDED : READY);
    schedule_leave()
}

inline suspend()
{
    suspended = true;
    WHEN(state == READY, state = SUSPENDED);
    schedule_leave()
}

inline resume()
{
    suspended = false;
    WHEN(state == SUSPENDED, state = READY);
    schedule_leave()
}

#define USER (runs && next_step == ANYTHING)

active proctype everything()
{
    byte depths[2] = {DEPTHS};
    atomic {
        c_code { mistake = getenv("MISTAKE") ? atoi(getenv("MISTAKE")) : 0; };
        for (p : 0 .. PORTS - 1) {
            port[p].depth = depths[p];
            port[p].to_thread = true
        }
        p = 0
    }
    do
    /* An interrupt of whoever runs. */
    :: atomic { sent < SENDS -> reply_port_put(0); schedule_leave() }
#if PORTS > 1
    :: atomic { sent < SENDS -> reply_port_put(1); schedule_leave() }
#endif
#ifdef DELAYS
    :: atomic { port[0].timed -> expire(0); schedule_leave() }
#endif
    :: atomic { timed && WAITS -> thread_wake(); schedule_leave() }
    /* The thread. */
    :: atomic { runs -> schedule_leave() } /* it may be another's turn */
    :: atomic { USER && critical_count < DEEPEST -> critical_count++ }
    :: atomic { USER && critical_count > 0 -> critical_interrupt = !critical_interrupt }
    :: atomic { USER && critical_count > count_before[level] -> leave_section() }
    :: atomic { runs && next_step == LEFT -> look_at_word() }
    :: atomic { runs && next_step == TO_FLUSH -> flush() }
    :: atomic { USER -> some_call(); schedule_leave() }
    :: atomic {
        USER && level > 0 && critical_count == count_before[level] -> upcall_return()
    }
    /* The other one. */
    :: atomic { !runs && state == READY -> schedule_leave() }
    :: atomic { !runs && port[0].returned > 0 -> collect(0) }
    :: atomic { !runs && WAITS && !timed -> thread_wake(); schedule_leave() }
    :: atomic {
        !runs && WAITS && !timed && !sync && !slow_held && !suspended -> fast_answer()
    }
#ifdef FAULTS
    :: atomic { !runs && faulted -> answer_fault() }
#endif
#ifdef POLICIES
    :: atomic { !runs -> set_policy(0, !port[0].to_thread) }
#endif
#ifdef SUSPENDS
    :: atomic { !runs && !suspended -> suspend() }
    :: atomic { !runs && suspended -> resume() }
#endif
    od
}
