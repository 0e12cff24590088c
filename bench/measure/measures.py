# SPDX-License-Identifier: MIT
"""Each measure of bench/measures.tsv, taken. A function here returns {name: value};
`take_all` calls them all. Values are instructions unless the table says otherwise.
"""
import itertools
import math
import re
import time
from dataclasses import replace

from . import scale, stretches
from .elf import Elf
from .machine import (ARCHIVE, ATHLON, COM1_ONLY, FOLDER, INIT, KERNEL, MEASURES,
                      PENTIUM3, BenchError, Console, lines_of, number, qemu, run_program,
                      with_init, without_tests)

BENCH_LINE = re.compile(r"bench (\w+) (\d+(?:\.\d+)?)$")
PROBE_LINE = re.compile(r"(?:^|\] )probe ([0-9A-F]{8})$")

MEMORY_MOST_MIB = 64        # where the search for the least begins; Limen must boot there
GREETING = "`help` tells what can be done here."
REFUSALS = ("Limen cannot start", "PANIC")
HELLO = "programs/hello"


def measured_in_guest(build, machine, options, benches):
    values = {}
    for line in run_program(build, machine, options, MEASURES, benches):
        match = BENCH_LINE.match(line)
        if match:
            values[match[1]] = number(match[2])
    return values


def crossings(build):
    return {
        **measured_in_guest(build, PENTIUM3, "gate=sysenter",
                            ("null", "fault", "processes", "threads")),
        **measured_in_guest(build, PENTIUM3, "gate=int80", ("null",)),
        **measured_in_guest(build, ATHLON, "gate=syscall", ("null",)),
    }


def calls(build):
    """Calls and their answers; the same by the ordinary path alone, and how much more a
    KiB costs in a long message than in a shorter one."""
    values = measured_in_guest(build, PENTIUM3, "gate=sysenter",
                               ("call", "call-kinds", "call-sizes"))
    slow = measured_in_guest(build, PENTIUM3, "gate=sysenter fastpath=off", ("call",))
    per_kib = {size: values[f"call_{size}k"] / size for size in (64, 1024)}
    return {
        **values,
        "call_slow_path": slow["call_roundtrip"],
        "call_kib_growth": number(f"{100 * per_kib[1024] / per_kib[64]:.2f}"),
    }


def async_messages(build):
    return measured_in_guest(build, PENTIUM3, "gate=sysenter", ("async",))


def probe(build, name, kernel, archive):
    """Boots files of which one has a probe in it; returns the TSC that the probe
    tells."""
    command = qemu(PENTIUM3, kernel, archive, "exit=debug", COM1_ONLY)
    with Console(command, build.file(f"{FOLDER}/{name}.log")) as console:
        for line in lines_of(console):
            match = PROBE_LINE.search(line)
            if match:
                return int(match[1], 16)
    raise BenchError(f"{name} told nothing: see {build.file(FOLDER)}/{name}.log")


def boot_to_init(build):
    """From the kernel's first instruction to init's first. Two boots, in which everything
    up to the probe is the same: one stops at the kernel's entry, one at init's."""
    kernel, archive = build.file(KERNEL), build.file(ARCHIVE)
    probed_kernel = build.write("probed-kernel.elf", Elf(kernel).patched_at_entry(
        build.read("bench/kernel-entry.bin")))
    probed_archive = build.write("probed-archive.tar", with_init(
        build.read(ARCHIVE),
        Elf(build.file(INIT)).patched_at_entry(build.read("bench/init-entry.bin"))))
    begin = probe(build, "kernel-entry", probed_kernel, archive)
    end = probe(build, "init-entry", kernel, probed_archive)
    return {"boot_to_init": (end - begin) % (1 << 32)}


def prompt_comes(console):
    """Reads up to init's greeting, which stands above its prompt."""
    for line in lines_of(console):
        if line == GREETING:
            return True
        if any(words in line for words in REFUSALS):
            return False
    return False


def guest_lines(console):
    """The lines without QEMU's own, which come at any time: it warns when the guest waits
    for nothing but a key."""
    return (line for line in lines_of(console) if "warning: icount" not in line)


def runs_hello_with(build, memory):
    """Whether the ordinary archive, which is memory, too, but for its tests comes to its
    prompt and runs programs/hello there."""
    archive = build.write("small-archive.tar", without_tests(build.read(ARCHIVE)))
    command = qemu(replace(PENTIUM3, memory=memory), build.file(KERNEL), archive,
                   "exit=debug", COM1_ONLY)
    log = build.file(f"{FOLDER}/memory-{memory}.log")
    with Console(command, log, interactive=True) as console:
        try:
            if not prompt_comes(console):
                return False
            console.write(f"{HELLO}\r".encode())
            echo, answer = itertools.islice(guest_lines(console), 2)
        except (TimeoutError, ValueError):
            return False
    return echo.endswith(HELLO) and answer.startswith("Hello")


def memory_min_mib(build):
    """Bisection over steps of 1 MiB."""
    fails, runs = 0, MEMORY_MOST_MIB
    if not runs_hello_with(build, runs):
        raise BenchError(f"no greeting, or no answer from {HELLO}, with {runs} MiB: see "
                         f"{build.file(FOLDER)}/memory-{runs}.log")
    while runs - fails > 1:
        middle = (fails + runs) // 2
        if runs_hello_with(build, middle):
            runs = middle
        else:
            fails = middle
    return {"memory_min_mib": runs}


def kernel_image_kib(build):
    """Text and data as `size` counts them: all that is loaded, without what is zero."""
    size = Elf(build.file(KERNEL)).text_and_data()
    return {"kernel_image_kib": number(math.ceil(size / 1024 * 10) / 10)}


def take_all(build):
    values = {}
    for measure in (crossings, calls, async_messages, scale.scale,
                    stretches.interrupts_off, boot_to_init,
                    memory_min_mib, kernel_image_kib):
        values.update(measure(build))
    return values
