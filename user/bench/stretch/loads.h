/* SPDX-License-Identifier: MIT */
/* The loads of main.c. */
#ifndef BENCH_LOADS_H
#define BENCH_LOADS_H

#include "../crowd/crowd.h"

#define THREADS 10000u
#define HANDLES 100000u

/* Deadlines of 10,000 threads at one instant. */
void load_timers(void);
/* Waking and moving 10,000 waiters by one call. */
void load_futexes(void);
/* The end of a process that 5,000 threads wait for. */
void load_waiters(void);
/* The end of a process with 10,000 threads and 100,000 handles. */
void load_kill(void);
/* The end of a process with 16 MiB, and thousands of objects that only it holds. */
void load_belongings(void);
/* The end of a process with 1,000 children. */
void load_family(void);
/* Unmapping 2 GiB, of which each page table has a page. */
void load_tables(void);
/* Mapping, protecting, unmapping a region that is full of pages. */
void load_memory(void);
/* Protecting and unmapping 4,096 regions. */
void load_regions(void);
/* The longest reads and writes of another process's memory, of console and log. */
void load_copies(void);
/* Memory objects: long, sparse, mapped at thousands of places; cloned, shrunk, dropped.
 */
void load_objects(void);
/* A clone of a process with much memory, many page tables and twenty thousand handles. */
void load_clones(void);
/* The end of a port at which 10,000 threads wait to be received from. */
void load_callers(void);
/* A chain of 2,000 calls, at whose begin a priority is raised, and whose end ends. */
void load_chain(void);
/* The end of a port with 10,000 closed badges that nobody received. */
void load_badges(void);
/* A message of 1 MiB with handles. */
void load_messages(void);

#endif
