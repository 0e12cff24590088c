# SPDX-License-Identifier: MIT
#
# Measures: see docs/bench.md.
#
#     bench            measures, compares, draws docs/bench.svg and docs/call-sizes.svg
#     bench-baseline   records what is measured as bench/baseline.tsv
#     bench-paths      writes docs/paths.md, the fast paths instruction by instruction
#
# The guest's half is one program, $(B)/user/bench/measures. The probes are code that
# takes the place of a program's first instructions: plain bytes, linked nowhere.

BENCH_SOURCES := $(sort $(wildcard user/bench/measures/*.[cS]))
BENCH_O := $(patsubst user/%,$(B)/%.o,$(basename $(BENCH_SOURCES)))
BENCH_PROBES := $(B)/bench/kernel-entry.bin $(B)/bench/init-entry.bin
BENCH_NEEDS := $(B)/user/bench/measures $(BENCH_PROBES) $(B)/kernel/limen.elf \
  $(B)/archive.tar
TEST_SUITES += bench/measures=bench/check
TEST_NEEDS += $(BENCH_NEEDS)

$(B)/user/bench/measures: $(BENCH_O) $(USER_LIBC)
	$(call user_link,$@,$(BENCH_O))

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
