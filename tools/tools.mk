# SPDX-License-Identifier: MIT
# What people type that builds nothing of the system itself.

.PHONY: help run debug clean toolchain test-fresh

help:
	@cat tools/help.txt

run:
	@tools/limen boot

# WORDS is what init is to do; PROGRAM, if given, is the program whose symbols are loaded
# too.
debug: $(B)/kernel/limen.elf $(B)/archive.tar
	@tools/setup debug
	@B='$(B)' WORDS='$(WORDS)' PROGRAM='$(PROGRAM)' gdb -q -x tools/debug.py $<

clean:
	rm -rf $(B)

toolchain:
	@tools/setup toolchain
	@tools/make-toolchain

test-fresh:
	@tools/setup fresh
	@tools/test-fresh
