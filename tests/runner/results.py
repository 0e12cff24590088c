# SPDX-License-Identifier: MIT
"""
What a test run found out, and how it is told.

A Result is one test's verdict. The Report takes results from several threads, prints one
line for each finished suite and one for each failure as it happens, and at the end every
failure with what was seen around it and, last of all, the line `N passed, N failed`.
"""
import sys
import threading
from dataclasses import dataclass, field


@dataclass
class Result:
    name: str                   # suite/program/number-description
    passed: bool
    context: list = field(default_factory=list)     # lines that explain a failure


def failure(name, *context):
    return Result(name, False, list(context))


class Report:
    """Collects results; safe to use from several threads."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.lock = threading.Lock()
        self.passed = 0
        self.failures = []

    def add_suite(self, name, results, skipped=0, seconds=0.0):
        failures = [result for result in results if not result.passed]
        passed = len(results) - len(failures)
        line = f"{name:<28} {passed:5} passed"
        line += f", {len(failures)} failed" if failures else ""
        line += f", {skipped} skipped" if skipped else ""
        with self.lock:
            self.passed += passed
            self.failures += failures
            print(f"{line}  ({seconds:.1f} s)", file=self.out)
            for result in failures:
                print(f"    not ok {result.name}", file=self.out)
            self.out.flush()

    def finish(self):
        """Prints failures and the summary; returns the exit status."""
        for result in self.failures:
            print(f"\nnot ok {result.name}", file=self.out)
            for line in result.context:
                print(f"    {line}", file=self.out)
        if self.failures:
            print(file=self.out)
        print(f"{self.passed} passed, {len(self.failures)} failed", file=self.out,
              flush=True)
        return 1 if self.failures or not self.passed else 0
