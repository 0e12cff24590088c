# SPDX-License-Identifier: MIT
#
# The tools that build for the i386, and the upstream sources.
#
# Compilers. TOOLCHAIN is one of
#     cross     $(CROSS_COMPILE)gcc: CROSS_COMPILE from the environment or make's
#               arguments, else i686-elf- (on the PATH, or built by `make toolchain`),
#               else i686-linux-gnu-
#     multilib  gcc -m32, where gcc-multilib is installed
#     clang     clang --target=i686-linux-gnu
# and is the first of them that the machine has, unless it is given:
# `make TOOLCHAIN=clang B=build/clang` builds a second tree.
#
# Defined here: CC LD AR RANLIB NM OBJCOPY OBJDUMP STRIP, ARCH_CFLAGS (for every
# compilation of C and assembly), ARCH_LDFLAGS (where CC links), LIBGCC (a file), HOSTCC,
# PYTHON.
#
# Sources. `$(B)/source/NAME.stamp` is made by unpacking the upstream source NAME of
# tools/sources at $(B)/source/NAME. A rule that needs musl's source says
#     $(B)/musl/….o: $(B)/source/musl.stamp
# and must not write into that tree.

HOSTCC ?= gcc
PYTHON := /usr/bin/python3

CACHE := $(shell tools/cache-folder)
in_path = $(shell command -v $(1)gcc)
libgcc_of = $(wildcard $(shell $(1) -print-libgcc-file-name 2>/dev/null))
# A 64-bit gcc without gcc-multilib names its 64-bit library even under -m32.
libgcc_multilib = $(foreach file,$(call libgcc_of,gcc -m32),\
    $(if $(findstring /32/,$(file))$(findstring /i686,$(file)),$(file)))

ifeq ($(origin CROSS_COMPILE),undefined)
  ifneq ($(call in_path,i686-elf-),)
    CROSS_COMPILE := i686-elf-
  else ifneq ($(wildcard $(CACHE)/toolchain/bin/i686-elf-gcc),)
    CROSS_COMPILE := $(CACHE)/toolchain/bin/i686-elf-
  else ifneq ($(call in_path,i686-linux-gnu-),)
    CROSS_COMPILE := i686-linux-gnu-
  endif
endif

ifndef TOOLCHAIN
  ifdef CROSS_COMPILE
    TOOLCHAIN := cross
  else ifneq ($(libgcc_multilib),)
    TOOLCHAIN := multilib
  else
    TOOLCHAIN := clang
  endif
endif

ifeq ($(TOOLCHAIN),cross)
  CC := $(CROSS_COMPILE)gcc
  BINUTILS := $(CROSS_COMPILE)
  LD := $(BINUTILS)ld
else ifeq ($(TOOLCHAIN),multilib)
  CC := gcc
  LD := ld -m elf_i386
else ifeq ($(TOOLCHAIN),clang)
  CC := clang --target=i686-linux-gnu
  LD := ld -m elf_i386
else
  $(error TOOLCHAIN is `$(TOOLCHAIN)`; it must be cross, multilib or clang)
endif

AR := $(BINUTILS)ar
RANLIB := $(BINUTILS)ranlib
NM := $(BINUTILS)nm
OBJCOPY := $(BINUTILS)objcopy
OBJDUMP := $(BINUTILS)objdump
STRIP := $(BINUTILS)strip

ARCH_CFLAGS := -m32 -march=i486 -fno-pie -fno-pic -fno-stack-protector \
    -fcf-protection=none

# Compilers for bare ELF take `long` where those for Linux, and musl, take `int`. They can
# be told so, but for what they know by themselves: their own functions and printf's
# formats.
ifneq ($(filter %-elf-,$(CROSS_COMPILE)),)
  ARCH_CFLAGS += -Wno-builtin-declaration-mismatch -Wno-format \
      $(foreach type,INT32 INTPTR PTRDIFF,-U__$(type)_TYPE__ -D__$(type)_TYPE__=int) \
      $(foreach type,UINT32 UINTPTR SIZE,-U__$(type)_TYPE__ -D__$(type)_TYPE__=unsigned)
endif

ARCH_LDFLAGS := -m32 -march=i486 -no-pie

ifeq ($(TOOLCHAIN),multilib)
  LIBGCC := $(strip $(libgcc_multilib))
else
  LIBGCC := $(call libgcc_of,$(CC) -m32)
endif
# clang alone brings a library of its own for what the processor cannot do in one
# instruction.
ifeq ($(LIBGCC)$(TOOLCHAIN),clang)
  CLANG_LIBRARIES := $(shell clang -print-resource-dir)/lib/linux
  LIBGCC := $(wildcard $(CLANG_LIBRARIES)/libclang_rt.builtins-i386.a)
endif
ifeq ($(LIBGCC),)
  ifneq ($(filter-out help clean toolchain,$(or $(MAKECMDGOALS),all)),)
    $(error No compiler for the i386 found. `tools/limen setup` installs one)
  endif
endif

$(B)/source/%.stamp: tools/sources | tools/debian-source
	@mkdir -p $(@D)
	tools/debian-source $$(grep '^$* ' tools/sources) $(@D)/$*
	@touch $@

include tools/tools.mk
