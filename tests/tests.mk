# SPDX-License-Identifier: MIT
#
# Tests: see docs/testing.md.
#
#     test          everything; the last line is `N passed, N failed`
#     test-needs    what must be built for it; test-command prints the command
#     test-unit     the kernel's pure logic, on the host
#     test-checks   the form of the tree, and what is linked
#     test-boot     what the kernel says to a bad boot, ISO, power off
#     fuzz          random calls and inputs, many and new ones
#     prove         what the contracts in the kernel's files promise
#
# TEST_SUITES are words NAME=FILE: programs that run on the host and print TAP. Any part
# may add to it, and to TEST_NEEDS what must be built for them.

TEST_SUITES += $(UNIT_SUITES) $(CHECK_SUITES) $(BOOT_SUITES) tools=tools/test-tools
TEST_NEEDS += $(B)/kernel/limen.elf $(B)/archive.tar $(B)/limen.iso $(B)/run.stamp
CHECK_SUITES := host/runner=tests/check-runner host/486=tests/check-486 \
  host/layers=tests/check-layers host/form=tests/check-form
BOOT_SUITES := boot/errors=tests/check-boot boot/start=tests/check-start \
  boot/nmi=tests/check-nmi boot/pages=tests/check-pages boot/traffic=tests/check-traffic
TEST_RUN = B='$(B)' OBJDUMP='$(OBJDUMP)' tests/run --build $(B)

# Each unit test: tests/unit/NAME.c, and the files that it is linked with beside
# UNIT_COMMON. clock, futex, interrupt and rtc take theirs in by #include, mostly to put
# a fake board under it.
UNIT_TESTS := archive clock command divide elf frame futex gate handle interrupt log \
  message_model multiboot page_tree quota region resource rtc space timing_wheel tree \
  user_range watch
UNIT_COMMON := tests/unit/host.c kernel/frame.c
UNIT_archive := kernel/archive.c
UNIT_command := kernel/command.c
UNIT_divide := kernel/i386/divide.c
UNIT_elf := kernel/elf.c
UNIT_gate := libc/native/gate_choose.c
UNIT_handle := kernel/handle.c kernel/quota.c
UNIT_interrupt := kernel/interrupt.c kernel/quota.c
UNIT_log := kernel/log.c kernel/format.c
UNIT_message_model := user/tests/message-model/model.c
UNIT_multiboot := kernel/multiboot.c
UNIT_quota := kernel/quota.c
UNIT_region := kernel/region.c kernel/tree.c
UNIT_resource := kernel/resource.c kernel/handle.c kernel/quota.c
UNIT_page_tree := kernel/page_tree.c kernel/quota.c
UNIT_space := kernel/space.c kernel/space_clone.c kernel/space_fault.c kernel/region.c \
  kernel/memory_object.c kernel/page_tree.c kernel/tree.c kernel/quota.c
UNIT_timing_wheel := kernel/timing_wheel.c
UNIT_tree := kernel/tree.c
UNIT_watch := kernel/watch.c
UNIT_SUITES := $(UNIT_TESTS:%=unit/%)
UNIT_SUITES := $(join $(UNIT_SUITES),$(UNIT_TESTS:%==$(B)/tests/unit/%))

UNIT_CFLAGS := -std=gnu2x -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter \
  -Wno-attributes -DLIMEN_KERNEL -Iinclude -Ikernel -Ilibc/include \
  -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

TEST_NEEDS += $(UNIT_TESTS:%=$(B)/tests/unit/%)

UNIT_O = $(patsubst %.c,$(B)/tests/host/%.o,tests/unit/$(1).c $(UNIT_COMMON) $(UNIT_$(1)))
UNIT_ALL_O := $(sort $(foreach t,$(UNIT_TESTS),$(call UNIT_O,$(t))))

$(UNIT_ALL_O): $(B)/tests/host/%.o: %.c
	@mkdir -p $(@D)
	$(HOSTCC) $(UNIT_CFLAGS) -MMD -MP -c -o $@ $<

-include $(UNIT_ALL_O:.o=.d)

.SECONDEXPANSION:
$(B)/tests/unit/%: $$(call UNIT_O,$$*)
	@mkdir -p $(@D)
	$(HOSTCC) $(UNIT_CFLAGS) -o $@ $^ -lcmocka

# The boot loader that lies, with the kernel as its module: see tests/boot/stub.c.
BOOT_STUB := $(B)/tests/boot/stub.elf
BOOT_STUB_CFLAGS := $(ARCH_CFLAGS) -std=gnu2x -O1 -Wall -Wextra -Werror -ffreestanding \
  -mgeneral-regs-only -fno-asynchronous-unwind-tables
BOOT_STUB_O := $(B)/tests/boot/start.o $(B)/tests/boot/stub.o
TEST_NEEDS += $(BOOT_STUB)

$(BOOT_STUB): $(BOOT_STUB_O) tests/boot/stub.ld
	$(LD) -static -T tests/boot/stub.ld -o $@ $(BOOT_STUB_O)

$(B)/tests/boot/%.o: tests/boot/%.c
	@mkdir -p $(@D)
	$(CC) $(BOOT_STUB_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/boot/%.o: tests/boot/%.S
	@mkdir -p $(@D)
	$(CC) $(BOOT_STUB_CFLAGS) -MMD -MP -c -o $@ $<

-include $(BOOT_STUB_O:.o=.d)

TEST_SUITES += models/calls=tests/check-models

# libFuzzer on the unit tests' models: tests/fuzz/NAME.c, linked with what the unit test
# of that name is linked with. FUZZ_KERNEL may be a copy of the kernel's files.
HOST_FUZZ := archive command elf futex handle multiboot quota region space tree user_range
FUZZ_KERNEL := kernel
HOST_FUZZ_CC := clang -std=gnu2x -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter \
  -Wno-unused-function -Wno-unused-const-variable -Wno-attributes -DLIMEN_KERNEL \
  -Iinclude -I$(FUZZ_KERNEL) -Ilibc/include -fno-omit-frame-pointer \
  -fno-sanitize-recover=undefined -fsanitize=fuzzer,address,undefined
# Its random numbers are the fuzzer's.
HOST_FUZZ_COMMON := -Drandom_below=host_random_below -Drandom_begin=host_random_begin

TEST_SUITES += fuzz/host=tests/check-fuzz-host
TEST_NEEDS += $(HOST_FUZZ:%=$(B)/tests/fuzz/%)

$(B)/tests/fuzz/host.o: tests/unit/host.c $(wildcard $(FUZZ_KERNEL)/*.h tests/unit/*.h)
	@mkdir -p $(@D)
	$(HOST_FUZZ_CC) $(HOST_FUZZ_COMMON) -c -o $@ $<

$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.c $(B)/tests/fuzz/host.o \
    $$(UNIT_%) $(wildcard $(FUZZ_KERNEL)/*.[ch] tests/unit/*.[ch] tests/fuzz/*.h)
	$(HOST_FUZZ_CC) -o $@ $< tests/fuzz/fuzz.c $(B)/tests/fuzz/host.o \
	  $(FUZZ_KERNEL)/frame.c $(UNIT_$*:kernel/%=$(FUZZ_KERNEL)/%) -lcmocka

# The kernel that checks itself, and random calls on it: see user/fuzz.
FUZZ_NEEDS := $(B)/sanitize/kernel/limen.elf $(B)/user/fuzz $(B)/user/init \
  $(B)/user/tests/message-model \
  $(USER_SERVERS)
TEST_SUITES += fuzz/calls=tests/check-fuzz models/messages=tests/check-messages
TEST_NEEDS += $(FUZZ_NEEDS)

$(B)/sanitize/kernel/limen.elf: FORCE
	+@$(MAKE) --no-print-directory SANITIZE=1 B=$(B)/sanitize $@

.PHONY: fuzz
fuzz: $(FUZZ_NEEDS) $(HOST_FUZZ:%=$(B)/tests/fuzz/%)
	@mkdir -p $(B)/tests
	B='$(B)' tests/check-fuzz 10000000 new
	B='$(B)' tests/check-messages 5000000 new
	B='$(B)' tests/check-fuzz-host 60

# What Frama-C proves: not in `test`, since it is large. `tools/setup prove` installs it.
.PHONY: prove
prove:
	B='$(B)' tests/check-proofs

.PHONY: test test-needs test-command test-unit test-checks test-boot
test: $$(TEST_NEEDS)
	$(TEST_RUN) $(addprefix --suite ,$(TEST_SUITES))

test-needs: $$(TEST_NEEDS)

test-command:
	@: $(info $(TEST_RUN) $(addprefix --suite ,$(TEST_SUITES)))

test-unit: $(UNIT_TESTS:%=$(B)/tests/unit/%)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(UNIT_SUITES))

test-checks: $(TEST_NEEDS)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(CHECK_SUITES))

test-boot: $(TEST_NEEDS)
	$(TEST_RUN) --no-machines $(addprefix --suite ,$(BOOT_SUITES))

docs/abi.md: tests/abi-doc $(wildcard include/limen/*)
	tests/abi-doc > $@.new
	mv $@.new $@
