# SPDX-License-Identifier: MIT
"""
Runs what prints TAP on the host: unit tests, checks, the tests of the tools.

A suite is an executable. What it writes to standard output is TAP, and its standard error
is context. An exit status other than 0 without a failed test is a failure of its own (a
sanitizer's report ends a unit test so).
"""
import os
import subprocess

from .results import failure
from .tap import Program

SUITE_SECONDS = 900
ENVIRONMENT = {
    "CMOCKA_MESSAGE_OUTPUT": "TAP",
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}
# What a `make` that runs the tests would tell a `make` that a suite runs.
NOT_INHERITED = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


def run(name, command, folder):
    """Returns (results, skipped)."""
    log_path = os.path.join(folder, name.replace("/", "-") + ".log")
    errors_path = log_path + ".stderr"
    with open(log_path, "wb") as log, open(errors_path, "wb") as errors:
        try:
            done = subprocess.run([command], stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=errors, timeout=SUITE_SECONDS,
                                  env=environment())
            status = done.returncode
        except subprocess.TimeoutExpired:
            status = "time-out"
        except OSError as error:
            return [failure(f"{name}/start", str(error))], 0
    program = Program(name)
    for line in read_lines(log_path):
        program.feed(line)
    results = program.end()
    if status != 0 and all(result.passed for result in results):
        tail = read_lines(log_path)[-12:]
        results.append(failure(f"{name}/exit status {status}", *tail))
    errors = read_lines(errors_path)[-30:]
    for result in results:
        if not result.passed:
            result.context += errors
            errors = []
    return results, program.skipped


def environment():
    inherited = {name: value for name, value in os.environ.items()
                 if name not in NOT_INHERITED}
    return {**inherited, **ENVIRONMENT}


def read_lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()
