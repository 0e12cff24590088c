/* SPDX-License-Identifier: MIT */
/*
 * The structures that cross the threshold, and the constants that go with them. The calls
 * are in syscalls.def, the errors in errors.def, the addresses in layout.h.
 */
#ifndef LIMEN_ABI_H
#define LIMEN_ABI_H

#include <assert.h>
#include <stdint.h>

#include <limen/layout.h>
#include <limen/types.h>

#define LIMEN_ABI_VERSION 1

/* The numbers from here on are bound to ports at run time; unbound ones answer ENOSYS. */
#define SYSCALL_BOUND_FIRST 0x100
#define SYSCALL_BOUND_COUNT 0x100

/* The gates. A bit of `gates_open` is 1u << GATE_…. */
enum gate {
    GATE_INT80,
    GATE_SYSENTER,
    GATE_SYSCALL,
    GATE_COUNT,
    GATE_INT81 = GATE_COUNT, /* for system-call messages alone; always open */
    GATE_CROSSINGS,
};

/*
 * The threshold page, at THRESHOLD_ADDRESS. Its entry stub at THRESHOLD_ENTRY crosses by
 * `best_gate`. Monotonic time = base_ns + ((TSC - base_tsc) * scale >> scale_shift),
 * where clock_usable is not 0. Read `sequence` before and after: odd or changed means
 * read again.
 */
struct threshold_page {
    uint32_t abi_version;
    uint32_t gates_open;
    uint32_t best_gate;
    uint32_t clock_usable; /* the TSC is there and counts at one rate */
    uint32_t sequence;
    uint32_t scale;       /* ns per TSC tick, shifted left by scale_shift */
    uint32_t scale_shift; /* 0 to 32; the product is 96 bits wide */
    uint32_t reserved;
    uint64_t base_tsc;
    uint64_t base_ns;
    uint64_t wall_offset; /* wall clock = monotonic + this; ns since 1970-01-01 UTC */
};

/* A thread's registers, as reported. */
struct thread_state {
    uint32_t eax, ebx, ecx, edx, esi, edi, ebp, esp, eip, eflags;
    uint32_t cs, ss, ds, es, fs, gs;
};

/* --- Rights --- */

/*
 * What may be done by a handle with its object. A copy of a handle has the same rights or
 * fewer; what a call makes comes with all of them.
 *
 * READ: a process's info, end, memory; a thread's info, registers; memory: read, map
 * readable; a resource: log_read. WRITE: a process's memory, handles, new threads; a
 * thread's registers; memory: write, map writable; a resource: log_write. CONTROL: kill
 * a process, its fault endpoint and priority; suspend and resume a thread, its priority;
 * resize memory; derive from a resource and use it; acknowledge an interrupt.
 */
#define RIGHT_DUPLICATE (1u << 0) /* may be copied within its process */
#define RIGHT_TRANSFER (1u << 1)  /* may be given to another process */
#define RIGHT_READ (1u << 2)
#define RIGHT_WRITE (1u << 3)
#define RIGHT_EXECUTE (1u << 4) /* memory: map executable */
#define RIGHT_CONTROL (1u << 5)
#define RIGHT_SEND (1u << 6)    /* endpoint: call and send; no other object has it */
#define RIGHT_RECEIVE (1u << 7) /* port: receive; no other object has it */
#define RIGHT_MINT (1u << 8)    /* port: make endpoints; no other object has it */
#define RIGHTS_ALL 0x1ffu
#define RIGHTS_SAME 0x80000000u /* where rights are asked for: those of the handle */

/* --- Processes and threads --- */

#define PROCESS_MIN_PAGES 4 /* page directory, handle table and the process itself */

enum process_reason {
    PROCESS_EXITED = 1, /* process_exit, or the last thread ended */
    PROCESS_KILLED,     /* process_kill */
    PROCESS_FAULTED,    /* an exception; vector, error_code, address tell which */
    PROCESS_NO_MEMORY,  /* a page or FPU state was needed and the quota had none */
    PROCESS_REFUSED,    /* client_fault: a server was sent what breaks its protocol */
};

struct process_end {
    uint32_t reason;
    uint32_t status;           /* EXITED, KILLED, REFUSED */
    uint32_t vector;           /* FAULTED: the processor's exception number */
    uint32_t error_code;       /* FAULTED: what the processor pushed, or 0 */
    uint32_t address;          /* FAULTED, NO_MEMORY: CR2 of a page fault, else 0 */
    struct thread_state state; /* FAULTED, NO_MEMORY: of the thread that did it */
};

struct process_info {
    uint32_t pages_limit; /* the quota */
    uint32_t pages_used;  /* rounded up */
    uint32_t threads;
    uint32_t handles;
    uint32_t regions;
    uint32_t ended; /* 0, or an enum process_reason */
};

/* Priorities of threads: the ready thread of the highest one runs. */
#define PRIORITY_COUNT 64
#define PRIORITY_MAX (PRIORITY_COUNT - 1)
#define PRIORITY_DEFAULT                                          \
    32 /* of init's first thread; others begin with their maker's \
        */

struct thread_info {
    uint64_t time;          /* ns of processor time; with what direct calls took */
    uint32_t priority;      /* at which it runs, with what it inherits */
    uint32_t base_priority; /* its own */
    uint32_t ended;         /* 0 or 1 */
    uint32_t reserved;
};

/* thread_start.flags */
#define THREAD_FS (1u << 0) /* load %fs with a segment of base fs_base, else null */
#define THREAD_GS (1u << 1) /* the same for %gs and gs_base */

/* How a thread begins: these registers, the others 0, flat CS, DS, ES, SS. */
struct thread_start {
    uint32_t eip;
    uint32_t esp;
    uint32_t eax;
    uint32_t flags;
    uint32_t fs_base;
    uint32_t gs_base;
};

/* --- Memory --- */

/* memory_map.flags; the first three are a protection. What is writable is readable; what
 * is readable is executable where the processor knows no difference. */
#define MEMORY_READ (1u << 0)
#define MEMORY_WRITE (1u << 1)
#define MEMORY_EXECUTE (1u << 2)
#define MEMORY_PROTECTION (MEMORY_READ | MEMORY_WRITE | MEMORY_EXECUTE)
#define MEMORY_FIXED (1u << 3)   /* at `address` or not at all */
#define MEMORY_REPLACE (1u << 4) /* with FIXED: in place of what is mapped there */
#define MEMORY_PRIVATE (1u << 5) /* of an object: what is written here stays here */

struct memory_map {
    uint32_t address; /* in: wanted, whole pages, 0: anywhere; out: where */
    uint32_t size;    /* bytes, whole pages */
    uint32_t flags;
    handle_t memory; /* a memory object, or value 0: fresh zero-filled pages */
    uint32_t offset; /* into the memory object, whole pages */
};

#define MEMORY_SIZE_MAX \
    0xc0000000u /* the most that an anonymous memory object can have */

struct memory_info {
    uint32_t size;  /* bytes, whole pages */
    uint32_t pages; /* that are there; 0 if physical */
    uint32_t physical;
};

/* The most that one memory_read or memory_write copies. */
#define MEMORY_COPY_MAX 0x10000

/* --- Messages --- */

enum message_kind {
    MESSAGE_CALL = 1,  /* somebody waits for an answer */
    MESSAGE_SEND,      /* nobody does */
    MESSAGE_CLOSED,    /* the last handle to the endpoint of this badge went */
    MESSAGE_INTERRUPT, /* an IRQ line was raised: interrupt_create */
    MESSAGE_FAULT,     /* a thread waits after a fault: the words are fault_word */
};

/* The words of MESSAGE_FAULT. A receiver that takes handles gets the thread's, too. An
 * answer with 0 as its first word lets the thread go on where it faulted, with any other
 * its process ends as if nobody had been asked. */
enum fault_word {
    FAULT_VECTOR,     /* the processor's exception number */
    FAULT_ERROR_CODE, /* what the processor pushed, or 0 */
    FAULT_ADDRESS,    /* CR2 of a page fault, else 0 */
};

#define MESSAGE_HANDLES 4
#define MESSAGE_SIZE_MAX 0xffffffu

/*
 * A long message: one with bytes and handles. The kernel reads it once, when it is sent;
 * what comes is told in registers. Bytes are copied once, from the sender's buffer into
 * the receiver's, as far as there is room; a receiver can fetch the others by
 * message_read. Handles need RIGHT_TRANSFER; the receiver gets copies, all or none.
 */
struct message {
    uint32_t words[3];
    UPTR(const void) send;
    uint32_t send_size;    /* at most MESSAGE_SIZE_MAX */
    UPTR(void) receive;    /* of a call: where the answer's bytes are put */
    uint32_t receive_size; /* room for them */
    uint32_t handle_room;  /* of a call: how many handles the answer may bring */
    uint32_t handle_count; /* how many are sent */
    handle_t handles[MESSAGE_HANDLES]; /* those; an answer's in their place */
    uint32_t rights[MESSAGE_HANDLES];  /* for each one sent, as for handle_give */
    /* What limen/message.h adds to a message that was received. */
    uint32_t badge;
    uint32_t kind;
};

/* What a thread takes of a message beside its words. */
struct message_window {
    UPTR(void) buffer; /* where bytes are put */
    uint32_t size;     /* room for them */
    UPTR(handle_t) handles;
    uint32_t handle_room; /* at most MESSAGE_HANDLES */
};

/* What is told of a message in one word: its kind (0: an answer), how many handles came,
 * and how many bytes the other side sends. */
#define MESSAGE_TAG(kind, handles, size) ((kind) | (handles) << 4 | (size) << 7)
#define MESSAGE_KIND(tag) ((tag)&0xf)
#define MESSAGE_HANDLE_COUNT(tag) ((tag) >> 4 & 0x7)
#define MESSAGE_SIZE(tag) ((tag) >> 7 & MESSAGE_SIZE_MAX)

/* --- Clocks --- */

enum clock_id {
    CLOCK_ID_MONOTONIC,
    CLOCK_ID_WALL,
};

/* --- The log --- */

#define LOG_LINE_MAX 240

/* --- Resources and the machine --- */

/* What a resource is authority over. Each has one kind and one range, but the root
 * resource, which covers all. */
enum resource_kind {
    RESOURCE_PORTS,   /* I/O ports */
    RESOURCE_MEMORY,  /* physical addresses, for memory_physical */
    RESOURCE_IRQ,     /* IRQ lines, 0 to 15 */
    RESOURCE_SYSCALL, /* system call numbers that can be bound */
    RESOURCE_LOG,     /* the kernel's log: 0 alone */
    RESOURCE_MACHINE, /* to stop the machine: 0 alone */
    RESOURCE_KINDS,
};

#define IRQ_LINES 16
#define IRQ_LOG 16 /* not of the board: raised when the kernel's log has grown */

struct resource_range {
    uint32_t kind;  /* enum resource_kind */
    uint32_t first; /* [first, first + count) */
    uint32_t count;
};

enum machine_action {
    MACHINE_POWER_OFF = 1,
    MACHINE_REBOOT,
};

struct system_info {
    uint64_t uptime;                    /* ns */
    uint64_t crossings[GATE_CROSSINGS]; /* system calls by gate */
    uint32_t frames_total;              /* page frames that the kernel manages */
    uint32_t frames_free;
    uint32_t log_start; /* the log holds bytes [log_start, log_end) */
    uint32_t log_end;
    uint32_t processes; /* that exist, ended ones included */
    uint32_t threads;
};

/* What init finds at BOOT_INFO_ADDRESS, read-only, when it starts. Its eax holds that
 * address. */
#define BOOT_COMMAND_MAX 1024
struct boot_info {
    handle_t resource;     /* the root resource, with all rights */
    handle_t archive;      /* the boot archive, a memory object to read */
    uint32_t archive_size; /* bytes */
    uint32_t entry;        /* init's ELF entry point */
    uint32_t phdr;         /* address of its program headers, their size, their number */
    uint32_t phent;
    uint32_t phnum;
    uint32_t pages;                 /* init's quota */
    char command[BOOT_COMMAND_MAX]; /* kernel command line, ends with 0 */
};

/* auxv entries beside the usual ones, for programs that init or spawn started. */
enum {
    AT_LIMEN_RESOURCE = 0x4c690001, /* handle: a resource, absent if not given */
    AT_LIMEN_ARCHIVE,               /* handle: the boot archive */
    AT_LIMEN_ARCHIVE_SIZE,
    AT_LIMEN_STDIO,  /* how descriptors 0 to 2 are served: enum stdio_mode */
    AT_LIMEN_LOG,    /* handle: the kernel's log, to write */
    AT_LIMEN_NAMES,  /* handle: endpoint to the name server */
    AT_LIMEN_PORT,   /* handle, for a server: the port that it receives from */
    AT_LIMEN_INPUT,  /* handle: endpoint of the console that is descriptor 0 */
    AT_LIMEN_OUTPUT, /* and 1 */
    AT_LIMEN_ERROR,  /* and 2 */
};

/* auxv entry, for a server: handle of the resource of that kind whose range begins there.
 * Memory begins at a whole page. */
#define AT_LIMEN_RANGE(kind, first)         \
    (0x4d000000u | (uint32_t)(kind) << 20 | \
     ((kind) == RESOURCE_MEMORY ? (first) >> PAGE_SHIFT : (first)))

enum stdio_mode {
    STDIO_TERMINAL, /* one terminal, with echo, line editing and CR LF */
    STDIO_RAW,      /* bytes as they are; input is stuffed: DLE DLE is one DLE (0x10), DLE
                       EOT is the end */
};

static_assert(sizeof(handle_t) == 4, "a handle is one register word");
static_assert(sizeof(struct thread_state) == 64, "");
static_assert(sizeof(struct process_end) == 84, "");
static_assert(sizeof(struct thread_start) == 24, "");
static_assert(sizeof(struct memory_map) == 20, "");
static_assert(sizeof(struct memory_info) == 12, "");
static_assert(sizeof(struct resource_range) == 12, "");

#endif
