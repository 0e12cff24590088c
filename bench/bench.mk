# SPDX-License-Identifier: MIT
#
# Measures: see docs/bench.md.
#
#     bench            measures, compares, draws docs/bench.svg and docs/call-sizes.svg
#     bench-baseline   records what is measured as bench/baseline.tsv
#     bench-paths      writes docs/paths.md, the fast paths instruction by instruction
#
# The guest's half are programs: each folder of user/bench but crowd/, which some of them
# share. The probes are code that takes the place of a program's first instructions: plain
# bytes, linked nowhere. The plugin is the host's, for QEMU.

BENCH_PROGRAMS := measures scale stretch
BENCH_measures :=
BENCH_scale := crowd
BENCH_stretch := crowd
bench_objects = $(patsubst user/%,$(B)/%.o,$(basename $(sort \
  $(wildcard $(foreach d,$(1) $(BENCH_$(1)),user/bench/$(d)/*.[cS])))))
BENCH_O := $(sort $(foreach p,$(BENCH_PROGRAMS),$(call bench_objects,$(p))))
BENCH_PROBES := $(B)/bench/kernel-entry.bin $(B)/bench/init-entry.bin
BENCH_PLUGIN := $(B)/bench/stretch.so
BENCH_NEEDS := $(BENCH_PROGRAMS:%=$(B)/user/bench/%) $(BENCH_PROBES) $(BENCH_PLUGIN) \
  $(B)/kernel/limen.elf $(B)/archive.tar
TEST_SUITES += bench/measures=bench/check
TEST_NEEDS += $(BENCH_NEEDS)

define bench_program
$(B)/user/bench/$(1): $(call bench_objects,$(1)) $(USER_LIBC)
	$$(call user_link,$$@,$(call bench_objects,$(1)))

endef
$(foreach p,$(BENCH_PROGRAMS),$(eval $(call bench_program,$(p))))

$(BENCH_PLUGIN): bench/plugin/stretch.c
	@mkdir -p $(@D)
	$(HOSTCC) -std=gnu2x -O2 -Wall -Wextra -Werror -Wno-unused-parameter -shared -fPIC \
	  -fvisibility=hidden -o $@ $<

$(B)/bench/%.o: user/bench/%.c $(SYSROOT)/include/limen.stamp
	@mkdir -p $(@D)
	$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/bench/%.o: user/bench/%.S $(SYSROOT)/include/limen.stamp
	@mkdir -p $(@D)
	$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/bench/%.bin: bench/probes/%.S
	@mkdir -p $(@D)
	$(CC) $(ARCH_CFLAGS) -Iinclude -MMD -MP -c -o $(@:.bin=.o) $<
	$(OBJCOPY) --output-target binary --only-section .text $(@:.bin=.o) $@

-include $(BENCH_O:.o=.d) $(BENCH_PROBES:.bin=.d)

.PHONY: bench bench-baseline bench-paths bench-programs
bench-programs: $(BENCH_NEEDS)

bench: bench-programs
	tools/bench --build $(B)

bench-baseline: bench-programs
	tools/bench --build $(B) --baseline

bench-paths: bench-programs
	OBJDUMP='$(OBJDUMP)' tools/count-path --build $(B) --markdown docs/paths.md
