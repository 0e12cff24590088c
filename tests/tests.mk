# SPDX-License-Identifier: MIT
#
# Tests: see docs/testing.md.
#
#     test          everything; the last line is `N passed, N failed`
#     test-unit     the kernel's pure logic, on the host
#     test-checks   the form of the tree, and what is linked
#     test-boot     what the kernel says to a bad boot, ISO, power off
#
# TEST_SUITES are words NAME=FILE: programs that run on the host and print TAP. Any fragment may
# add to it, and to TEST_NEEDS what they need to be built.

TEST_SUITES += $(UNIT_SUITES) $(CHECK_SUITES) $(BOOT_SUITES)
TEST_NEEDS += $(B)/kernel/limen.elf $(B)/archive.tar $(B)/limen.iso
CHECK_SUITES := host/runner=tests/check-runner host/486=tests/check-486 \
  host/layers=tests/check-layers host/form=tests/check-form
BOOT_SUITES := boot/errors=tests/check-boot
TEST_RUN = B='$(B)' OBJDUMP='$(OBJDUMP)' tests/run --build $(B)

# Each unit test: its own file, and the kernel files that it tests.
UNIT_TESTS :=

UNIT_CFLAGS := -std=gnu2x -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude -Ikernel \
  -DLIMEN_KERNEL -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer
UNIT_SUITES := $(foreach test,$(UNIT_TESTS),unit/$(test)=$(B)/tests/unit/$(test))

.SECONDEXPANSION:
.PHONY: test test-unit test-checks test-boot
test: $$(TEST_NEEDS)
	$(TEST_RUN) $(addprefix --suite ,$(TEST_SUITES))

test-unit: $(UNIT_TESTS:%=$(B)/tests/unit/%)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(UNIT_SUITES))

test-checks: $(TEST_NEEDS)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(CHECK_SUITES))

test-boot: $(TEST_NEEDS)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(BOOT_SUITES))

docs/abi.md: tests/abi-doc $(wildcard include/limen/*)
	tests/abi-doc > $@.new
	mv $@.new $@
