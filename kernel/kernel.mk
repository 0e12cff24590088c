# SPDX-License-Identifier: MIT
# Builds $(B)/kernel/limen.elf.

KERNEL_CFLAGS := $(ARCH_CFLAGS) -mtune=core2 -std=gnu2x -ffreestanding -O2 -g \
  -Wall -Wextra -Werror \
  -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter -mgeneral-regs-only \
  -mregparm=3 -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-common \
  -DLIMEN_KERNEL -Iinclude -I$(B)/kernel -Ikernel $(KERNEL_EXTRA_CFLAGS)

# SANITIZE=1: undefined behaviour is a panic, and so is a write to what is free. For a
# build folder of its own: `make SANITIZE=1 B=build/sanitize`.
ifeq ($(SANITIZE),1)
  KERNEL_CFLAGS += -fsanitize=undefined -DLIMEN_POISON
  KERNEL_SANITIZE := $(sort $(wildcard kernel/sanitize/*.c))
  $(KERNEL_SANITIZE:%.c=$(B)/%.o): KERNEL_CFLAGS += -fno-sanitize=undefined
endif

# Words are all that the kernel's stack needs to be aligned to.
ifeq ($(TOOLCHAIN),clang)
  KERNEL_CFLAGS += -mstack-alignment=4
else
  KERNEL_CFLAGS += -mpreferred-stack-boundary=2
endif

KERNEL_C := $(sort $(wildcard kernel/*.c kernel/i386/*.c))
KERNEL_S := $(sort $(wildcard kernel/i386/*.S))
KERNEL_C := $(filter-out kernel/i386/offsets.c,$(KERNEL_C))
KERNEL_C += $(KERNEL_SANITIZE)
KERNEL_O := $(KERNEL_C:%.c=$(B)/%.o) $(KERNEL_S:%.S=$(B)/%.o)

$(B)/kernel/limen.elf: $(KERNEL_O) linker.ld
	$(CC) $(ARCH_CFLAGS) -nostdlib -static -Wl,-T,linker.ld -Wl,--build-id=none \
	  -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -o $@ $(KERNEL_O)

# What runs at boot, or seldom, is to be small.
KERNEL_SMALL := archive boot_init boot_memory bound calls_machine calls_memory \
  calls_process calls_thread command elf fault format interrupt log main memory_object \
  multiboot operation page_tree panic port_objects process reply_port request_proxy \
  resource space space_clone tree watch i386/boot i386/cpuid i386/io_ports \
  i386/rtc i386/screen i386/serial i386/stop i386/tables i386/tasks i386/threshold
$(KERNEL_SMALL:%=$(B)/kernel/%.o): KERNEL_CFLAGS += -Os

$(B)/kernel/%.o: kernel/%.c kernel/kernel.mk
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/kernel/%.o: kernel/%.S $(B)/kernel/offsets.h kernel/kernel.mk
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

# Offsets of C structures for the assembly, read out of the compiler's output.
$(B)/kernel/offsets.h: kernel/i386/offsets.c kernel/kernel.mk
	@mkdir -p $(@D)
	$(CC) $(KERNEL_CFLAGS) -MMD -MP -MT $@ -MF $(@:.h=.d) -S -o $(@:.h=.s) $<
	sed -n 's/^.*"->\([A-Z0-9_]*\) \$$*\([-0-9]*\)".*$$/#define \1 \2/p' $(@:.h=.s) > $@.new
	mv $@.new $@

-include $(KERNEL_O:.o=.d) $(B)/kernel/offsets.d
