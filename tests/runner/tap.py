# SPDX-License-Identifier: MIT
"""
Reads TAP: `ok 1 - what`, `not ok 2 - what`, `1..n`, `# SKIP why`, `Bail out!`.

Program reads what one test program prints. GuestStream reads COM1 of a machine whose init
runs `test`: kernel log lines, then for each program `# tests/NAME` and its TAP, then `#
end of tests: N passed, N failed`. Both judge strictly: a missing plan, a wrong count or
number, a program that the archive holds and the stream does not, each is a failure.
"""
import re
from collections import deque

from .results import Result, failure

TEST_LINE = re.compile(r"(not )?ok\b *(\d+)? *(?:- *)?(.*)")
PLAN_LINE = re.compile(r"1\.\.(\d+)(?: *# *skip\b *(.*))?$", re.IGNORECASE)
SKIP_MARK = re.compile(r"# *skip\b", re.IGNORECASE)
PROGRAM_LINE = re.compile(r"# tests/([\w.+-]+)$")
END_LINE = re.compile(r"# end of tests: (\d+) passed, (\d+) failed$")
PANIC_LINE = re.compile(r"\[ *\d+\.\d{6}\] PANIC ")
CONTEXT_LINES = 12


class Program:
    """The TAP of one program. `name` stands before every result's name."""

    def __init__(self, name):
        self.name = name
        self.results = []
        self.skipped = 0
        self.plan = None
        self.bailed = False
        self.seen = 0
        self.recent = deque(maxlen=CONTEXT_LINES)
        self.notes = deque(maxlen=CONTEXT_LINES)    # since the last test
        self.open_failure = None    # the diagnostics after a `not ok` line belong to it

    def feed(self, line):
        self.recent.append(line)
        if plan := PLAN_LINE.match(line):
            self._read_plan(int(plan[1]), plan[2])
        elif line.startswith("Bail out!"):
            self.bailed = True
            self._add(failure(f"{self.name}/{line}", *self.recent))
        elif test := TEST_LINE.match(line):
            self._read_test(test)
            self.notes.clear()
        elif self.open_failure and len(self.open_failure.context) < 3 * CONTEXT_LINES:
            self.open_failure.context.append(line)
        else:
            self.notes.append(line)

    def _read_plan(self, count, reason):
        if self.plan is not None:
            self._add(failure(f"{self.name}/second plan", *self.recent))
        self.plan = count
        if count == 0 and reason is not None:
            self.skipped += 1

    def _read_test(self, test):
        self.seen += 1
        number = int(test[2]) if test[2] else self.seen
        name = f"{self.name}/{number}-{test[3].strip()}"
        if number != self.seen:
            self._add(failure(f"{name}: expected number {self.seen}", *self.recent))
        elif test[1]:
            self._add(failure(name, *self.notes))
        elif SKIP_MARK.search(test[3]):
            self.skipped += 1
            self.open_failure = None
        else:
            self._add(Result(name, True))

    def _add(self, result):
        self.results.append(result)
        self.open_failure = None if result.passed else result

    def end(self):
        """To be called once, after the last line: what is missing becomes a failure."""
        failed = any(not result.passed for result in self.results)
        if self.plan is None and not failed:
            self._add(failure(f"{self.name}/no plan", *self.recent))
        elif self.plan is not None and self.plan != self.seen and not self.bailed:
            name = f"{self.name}/plan of {self.plan}, ran {self.seen}"
            self._add(failure(name, *self.recent))
        return self.results


class GuestStream:
    """The serial output of one machine. `feed` every line, then `end`."""

    def __init__(self, machine):
        self.machine = machine
        self.results = []
        self.skipped = 0
        self.programs = []          # names, in the order they ran
        self.skipped_programs = []  # of these, those that ran nothing
        self.program = None
        self.panic = None
        self.claimed = None         # init's own (passed, failed)
        self.recent = deque(maxlen=2 * CONTEXT_LINES)

    @property
    def finished(self):
        return self.claimed is not None

    def feed(self, line):
        self.recent.append(line)
        if PANIC_LINE.match(line):
            self.panic = self.panic or line
        elif begin := PROGRAM_LINE.match(line):
            self._end_program()
            self.programs.append(begin[1])
            self.program = Program(f"{self.machine}/{begin[1]}")
        elif end := END_LINE.match(line):
            self._end_program()
            self.claimed = int(end[1]), int(end[2])
        elif self.program:
            self.program.feed(line)

    def _end_program(self):
        if self.program:
            self.results += self.program.end()
            self.skipped += self.program.skipped
            if self.program.plan == 0:
                self.skipped_programs.append(self.programs[-1])
            self.program = None

    def end(self, expected, late=None):
        """
        Judges the whole: `expected` are the programs that should have run; `late` says
        that and how the machine was cut off. What ended a machine early is one failure,
        whatever else is missing because of it.
        """
        if self.finished:
            if self.claimed[1] == 0 and any(not result.passed for result in self.results):
                self.results.append(failure(f"{self.machine}/init counted no failure"))
            self._compare_programs(expected)
            return self.results
        running = self.machine
        if self.program:
            running = self.program.name
            self.results += self.program.results
        why = "panic" if self.panic else late or "no end of tests"
        self.results.append(failure(f"{running}/{why}", *self.recent))
        return self.results

    def _compare_programs(self, expected):
        for name in sorted(set(expected) - set(self.programs)):
            self.results.append(failure(f"{self.machine}/{name}/did not run"))
        for name in sorted(set(self.programs) - set(expected)):
            self.results.append(failure(f"{self.machine}/{name}/ran unasked"))
