# SPDX-License-Identifier: MIT
"""What calls cost among few threads, ports and handles, and among many; what an idle
thread and an empty process take of memory.
"""
import re

from .machine import CROWDED, BenchError, number, run_program

PROGRAM = "user/bench/scale"
COUNTS = (10, 100, 1000, 10000)
BENCH_LINE = re.compile(r"bench (\w+)_(\d+) (\d+(?:\.\d+)?)$")
NAMES = ("wake", "block", "timer_set", "timer_cancel", "yield", "handle", "call",
         "call_any", "timer_message", "timer_mixed")


def scale(build):
    """{scale_NAME_COUNT: instructions}, {scale_NAME: % of the least count's at the
    most}."""
    found = {}
    for count in COUNTS:
        for line in run_program(build, CROWDED, "gate=sysenter", PROGRAM, (str(count),)):
            match = BENCH_LINE.match(line)
            if match:
                found[match[1], int(match[2])] = number(match[3])
    values = {name: value for (name, _), value in found.items()
              if not name.startswith("scale_")}
    for name in (f"scale_{name}" for name in NAMES):
        costs = [found.get((name, count)) for count in COUNTS]
        if None in costs:
            raise BenchError(f"{PROGRAM} did not tell {name} for each of {COUNTS}")
        values.update({f"{name}_{count}": cost for count, cost in zip(COUNTS, costs)})
        values[f"{name}_growth"] = number(f"{100 * costs[-1] / costs[0]:.2f}")
    return values


def lines(values):
    """What the picture shows: {name: [(count, cost)]}."""
    return {name.replace("_", " "): [(count, values[f"scale_{name}_{count}"])
                                     for count in COUNTS] for name in NAMES}
