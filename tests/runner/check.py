# SPDX-License-Identifier: MIT
"""Writes TAP: for the checks under tests/, which are programs of their own."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))


class Checks:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def ok(self, passed, what, *details):
        """One test; `details` are printed if it fails."""
        self.count += 1
        print(f"{'' if passed else 'not '}ok {self.count} - {what}")
        if not passed:
            self.failed += 1
            for line in details:
                print(f"#   {line}")

    def equal(self, got, expected, what):
        self.ok(got == expected, what, f"got      {got!r}", f"expected {expected!r}")

    def none(self, findings, what):
        """Passes if there are no findings; they are its details otherwise."""
        self.ok(not findings, what, *findings)

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed or not self.count else 0)


def source_files(*folders, suffixes):
    """Files below folders of the tree, as paths relative to its root, sorted."""
    found = []
    for folder in folders:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            found += [os.path.relpath(os.path.join(path, name), ROOT)
                      for name in names if name.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()
