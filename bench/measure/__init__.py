# SPDX-License-Identifier: MIT
"""How Limen is measured: docs/bench.md."""
