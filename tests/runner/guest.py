# SPDX-License-Identifier: MIT
"""
Runs the guest tests on one machine: boots it with init word `test`, judges what comes out
of COM1, and sees that it powers off by itself with the right status.
"""
import os
import subprocess
import tarfile
import tempfile
import time

from .console import Console
from .machines import (bochs_command, command_line, make_iso, qemu_command)
from .results import Result, failure
from .tap import GuestStream

PANIC_SECONDS = 3       # what a panicking kernel gets to finish its report
POWER_OFF_SECONDS = 20  # from the last test to the end of the console
EXIT_SECONDS = 2        # from there to the end of the emulator


def programs_in(archive):
    """The names of the tests in a boot archive."""
    with tarfile.open(archive) as tar:
        names = [name for name in tar.getnames() if name.startswith("tests/")]
    return [name[len("tests/"):] for name in names]


def start(machine, build, log, programs, scratch):
    """`scratch` is a folder of this run's own: two runs may share a build folder."""
    if machine.emulator != "bochs":
        return Console(qemu_command(machine, build, programs), log)
    iso = os.path.join(scratch, "limen.iso")
    make_iso(iso, build, machine.archive, command_line(machine, programs))
    argv, fifo = bochs_command(machine, iso, scratch)
    return Console(argv, log, fifo=fifo)


def run(machine, build, folder, programs=()):
    """Returns (results, skipped)."""
    stream = GuestStream(machine.name)
    expected = (programs or machine.programs
                or programs_in(os.path.join(build, machine.archive)))
    log = os.path.join(folder, machine.name + ".log")
    try:
        with (tempfile.TemporaryDirectory(prefix="limen-") as scratch,
              start(machine, build, log, programs, scratch) as console):
            late = follow(console, stream, machine)
            status = console.wait(time.monotonic() + EXIT_SECONDS) if not late else None
    except subprocess.CalledProcessError as error:
        return [failure(f"{machine.name}/ISO", *error.stderr.decode().splitlines())], 0
    results = stream.end(expected, late)
    if stream.finished:
        results.append(judge_power_off(machine, stream, status))
    for name in stream.skipped_programs:
        if name in machine.required:
            results.append(failure(f"{machine.name}/{name}/skipped, but must run here"))
    return results, stream.skipped


def follow(console, stream, machine):
    """Feeds the stream until the emulator ends; returns which time-out hit, if any."""
    end = time.monotonic() + machine.seconds
    closing = False
    while True:
        if not closing and (stream.panic or stream.finished):
            closing = True
            seconds = PANIC_SECONDS if stream.panic else POWER_OFF_SECONDS
            end = time.monotonic() + seconds
        silence_end = time.monotonic() + machine.silence
        try:
            line = console.read_line(min(end, silence_end))
        except TimeoutError:
            if closing:
                return None
            if end < silence_end:
                return "timed out"
            return f"timed out, {machine.silence} s silent"
        if line is None:
            return None
        stream.feed(line)


def judge_power_off(machine, stream, status):
    """isa-debug-exit makes QEMU end with (status << 1) | 1; Bochs tells no status."""
    name = f"{machine.name}/power-off"
    if status is None:
        return failure(name, f"still running {POWER_OFF_SECONDS} s after the last test")
    expected = 1 if stream.claimed[1] == 0 else 3
    if machine.emulator != "bochs" and status != expected:
        return failure(name, f"emulator ended with status {status}, expected {expected}")
    return Result(name, True)
