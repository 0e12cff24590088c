# SPDX-License-Identifier: MIT
"""The machine that is measured, and one boot of it.

Under `-icount shift=0,sleep=off` QEMU gives virtual time and the TSC one tick per guest
instruction, and skips the time in which the guest only waits. With the real-time clock on
virtual time nothing of the host is left in a run: two runs of the same files are the
same.
"""
import io
import os
import sys
import tarfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tests"))
from runner.console import Console
from runner.machines import (ARCHIVE, KERNEL, QEMU32, QEMU64, Machine, qemu_base,
                             system_files)

PENTIUM3 = Machine("bench", QEMU32, "pentium3", memory=32)
CROWDED = Machine("bench-crowded", QEMU32, "pentium3", memory=256)
ATHLON = Machine("bench-athlon", QEMU64, "athlon,+syscall", memory=32)

INIT = "user/init"                      # below the build folder
MEASURES = "user/bench/measures"
FOLDER = "bench"                        # what a run leaves there: logs, images
BOOT_SECONDS = 60
COM1_ONLY = ["-serial", "stdio", "-serial", "null", "-serial", "null"]


class BenchError(Exception):
    """The guest did not do what it was booted for; the text tells what came instead."""


def number(text):
    """As it is written to JSON: whole numbers without a point."""
    value = float(text)
    return int(value) if value == int(value) else value


def archive_with(build, program=None, arguments=()):
    """A boot archive: init and the servers, and in run/ the one program that init word
    `run` runs."""
    members = {name: build.read(f"user/{name}") for name in system_files(build.path)}
    if program:
        members["run/program"] = program
        members["run/argv"] = b"".join(word.encode() + b"\0" for word in arguments)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            member.mode = 0o755
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def without_tests(archive):
    """The ordinary boot archive but for its tests."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as whole, \
            tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member in whole:
            if not member.name.startswith("tests/"):
                tar.addfile(member, whole.extractfile(member))
    return buffer.getvalue()


def with_init(archive, init):
    """The boot archive with another init of the same size in init's place."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.getmember("init")
    if member.size != len(init):
        raise BenchError("the archive's init is not the one that was built")
    end = member.offset_data + member.size
    return archive[:member.offset_data] + init + archive[end:]


class Build:
    """The build folder: what was made, and where a run may put its own files."""

    def __init__(self, path):
        self.path = path
        os.makedirs(os.path.join(path, FOLDER), exist_ok=True)

    def file(self, name):
        return os.path.join(self.path, name)

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        """Writes one of a run's own files; returns its path."""
        path = self.file(os.path.join(FOLDER, name))
        with open(path, "wb") as file:
            file.write(data)
        return path


ICOUNT = "shift=0,sleep=off"


def qemu(machine, kernel, archive, command, more, icount=ICOUNT):
    return qemu_base(machine) + [
        "-icount", icount, "-rtc", "base=2026-01-01,clock=vm",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
        "-kernel", kernel, "-initrd", archive, "-append", command, *more,
    ]


def lines_of(console, seconds=BOOT_SECONDS):
    """Every line that comes before the emulator ends."""
    deadline = time.monotonic() + seconds
    while True:
        line = console.read_line(deadline)
        if line is None:
            return
        yield line


def run_program(build, machine, options, program, arguments, more=()):
    """Boots with options for the kernel (and `more` for QEMU), has init run one program,
    and returns the lines that it printed."""
    name = "-".join([program.replace("/", "-"), *options.split(), *arguments[:1]])
    archive = build.write(f"{name}.tar", archive_with(
        build, build.read(program), (program, *arguments)))
    log = build.file(f"{FOLDER}/{name}.com1")
    command = qemu(machine, build.file(KERNEL), archive, f"{options} exit=debug -- run",
                   ["-serial", f"file:{log}", "-serial", "stdio",
                    "-serial", f"file:{log}.err", *more])
    with Console(command, build.file(f"{FOLDER}/{name}.log")) as console:
        try:
            lines = list(lines_of(console))
        except TimeoutError:
            lines = None
    with open(log, encoding="utf-8", errors="replace") as file:
        said = file.read()
    if lines is None or "\nlimen-exit 0" not in "\n" + said.replace("\r", ""):
        shown = "\n".join([*(lines or ["(timed out)"])[-20:], *said.splitlines()[-20:]])
        raise BenchError(f"{program} {' '.join(arguments)} with {options}:\n{shown}")
    return lines
