# SPDX-License-Identifier: MIT
"""The longest stretch with interrupts off: a guest program that does all that may keep
them off for long, under a plugin that counts the kernel's instructions between two
moments at which an interrupt would be taken.
"""
import os
from collections import Counter

from .elf import Elf
from .machine import CROWDED, FOLDER, KERNEL, BenchError, run_program

PROGRAM = "user/bench/stretch"
PLUGIN = "bench/stretch.so"
SHOWN = 4                   # functions named for a stretch


def place(elf, address):
    return elf.place(address) or f"{address:#x}"


def described(elf, length, begin, samples):
    """A stretch as a line: its length, where it began, where the kernel was then."""
    functions = Counter(place(elf, sample).split("+")[0] for sample in samples)
    times = ", ".join(f"{name} {count}" for name, count in functions.most_common(SHOWN))
    return f"{length:>9}  from {place(elf, begin)}" + (f": {times}" if times else "")


def interrupts_off(build):
    """Leaves what it found in the build folder's bench/stretches.txt: the longest first,
    and in which functions it was at every 1,024th instruction."""
    found = build.file(f"{FOLDER}/stretches.raw")
    if os.path.exists(found):
        os.remove(found)
    run_program(build, CROWDED, "gate=sysenter", PROGRAM, (),
                ("-plugin", f"{build.file(PLUGIN)},out={found}"))
    with open(found, encoding="ascii") as file:
        rows = [line.split()[1:] for line in file]
    if not rows:
        raise BenchError("the plugin saw no instruction of the kernel")
    elf = Elf(build.file(KERNEL))
    lines = [described(elf, int(length), int(begin, 16),
                       [int(sample, 16) for sample in samples])
             for length, begin, *samples in rows]
    build.write("stretches.txt", ("\n".join(lines) + "\n").encode())
    return {"interrupts_off_longest": int(rows[0][0])}
