# SPDX-License-Identifier: MIT
"""The test runner: see docs/testing.md. tests/run is its command line."""
