/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU's TCG (its interface, version 1) that measures the longest stretch
 * with interrupts off, in instructions. The kernel runs with interrupts off but where it
 * says STI, user mode always with interrupts on: a stretch is what is executed of the
 * kernel between two moments at which an interrupt would be taken. Such a moment comes
 * before each instruction of user mode, behind the instruction that follows an STI, and
 * before a CLI.
 *
 * Nothing counts before the kernel has first been left for user mode. When QEMU ends, the
 * plugin appends lines to the file of its argument `out`: `stretch LENGTH BEGIN SAMPLE…`
 * for the longest ones, one for each place where they began; each sample is where the
 * kernel was after SAMPLE_EVERY more instructions.
 *
 *      -plugin build/bench/stretch.so,out=FILE
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* --- QEMU's half: docs/devel/tcg-plugins.rst tells what each does --- */

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

enum { CB_NO_REGISTERS };
enum { INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*translate)(plugin_id id,
                                                             struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          void (*run)(unsigned int cpu, void *data),
                                          int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*run)(unsigned int cpu, void *data),
                                            int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                int operation, void *word, uint64_t add);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*end)(plugin_id id, void *data),
                                    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                 size_t index);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

/* --- The stretches --- */

#define KERNEL_BEGIN 0xc0000000u /* its text lies between; boot loader and BIOS, user */
#define KERNEL_END 0xf0000000u   /* programs and the threshold page do not */
#define OPCODE_CLI 0xfa
#define OPCODE_STI 0xfb
#define SAMPLE_EVERY 1024
#define SAMPLES 256
#define LONGEST 16

struct stretch {
    uint64_t length;
    uint32_t begin; /* where it began: the entry, or the CLI */
    uint32_t sample_count;
    uint32_t samples[SAMPLES];
};

static uint64_t length; /* of the stretch that runs; each instruction adds to it */
static struct stretch running;
static struct stretch longest[LONGEST]; /* one per begin, the longest first */
static bool kernel_ran;
static bool started;                    /* user mode has run, too */
static bool after_sti;                  /* the next instruction is STI's shadow */
static const char *out;

/* Keeps the stretch if it is the longest of those with its begin and among the longest
 * of all. */
static void keep(void)
{
    int at = 0;

    while (at < LONGEST - 1 && longest[at].begin != running.begin && longest[at].length)
        at++;
    if (longest[at].length >= running.length)
        return;
    while (at > 0 && longest[at - 1].length < running.length) {
        longest[at] = longest[at - 1];
        at--;
    }
    longest[at] = running;
}

/* An interrupt would be taken now, or after `more` instructions. */
static void end_stretch(uint64_t more)
{
    running.length = length + more;
    if (started && running.length > longest[LONGEST - 1].length)
        keep();
    length = 0 - more;
    running.sample_count = 0;
    running.begin = 0;
}

static void on_user(unsigned int cpu, void *data)
{
    if (running.begin)
        end_stretch(0);
    started = started || kernel_ran;
    after_sti = false;
}

static void on_kernel(unsigned int cpu, void *address)
{
    if (after_sti)
        end_stretch(1);
    after_sti = false;
    kernel_ran = true;
    if (!running.begin)
        running.begin = (uint32_t)(uintptr_t)address;
    if (length / SAMPLE_EVERY > running.sample_count && running.sample_count < SAMPLES)
        running.samples[running.sample_count++] = (uint32_t)(uintptr_t)address;
}

static void on_cli(unsigned int cpu, void *data)
{
    end_stretch(0);
}

static void on_sti(unsigned int cpu, void *data)
{
    after_sti = true;
}

static bool is_kernel(uint64_t address)
{
    return address >= KERNEL_BEGIN && address < KERNEL_END;
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
    uint64_t address = qemu_plugin_tb_vaddr(tb);

    if (!is_kernel(address)) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, on_user, CB_NO_REGISTERS, NULL);
        return;
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_kernel, CB_NO_REGISTERS,
                                         (void *)(uintptr_t)address);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint8_t opcode = *(const uint8_t *)qemu_plugin_insn_data(insn);
        if (opcode == OPCODE_CLI)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_cli, CB_NO_REGISTERS, NULL);
        if (opcode == OPCODE_STI)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_sti, CB_NO_REGISTERS, NULL);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &length, 1);
    }
}

static void tell(plugin_id id, void *data)
{
    FILE *file = fopen(out, "a");

    if (!file) {
        perror(out);
        return;
    }
    for (int i = 0; i < LONGEST && longest[i].length; i++) {
        fprintf(file, "stretch %" PRIu64 " %08" PRIx32, longest[i].length,
                longest[i].begin);
        for (uint32_t n = 0; n < longest[i].sample_count; n++)
            fprintf(file, " %08" PRIx32, longest[i].samples[n]);
        fputc('\n', file);
    }
    fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int count,
                               char **arguments)
{
    if (count != 1 || strncmp(arguments[0], "out=", 4) != 0) {
        fprintf(stderr, "stretch: its only argument is out=FILE\n");
        return -1;
    }
    out = strdup(arguments[0] + 4);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    qemu_plugin_register_atexit_cb(id, tell, NULL);
    return 0;
}
