# SPDX-License-Identifier: MIT
# Limen. `make help` lists what can be made. Each part has its own fragment; everything
# made goes to $(B).
.DEFAULT_GOAL := iso
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
B := build

include tools/toolchain.mk
include kernel/kernel.mk
include libc/libc.mk
include user/user.mk
include boot/boot.mk
include tests/tests.mk
include bench/bench.mk
