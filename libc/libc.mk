# SPDX-License-Identifier: MIT
#
# The C library and the native library: $(B)/sysroot/{include,lib}.
#
# musl is built as it comes, out of its tree. Then the eight members of its libc.a that
# hold a literal `int $0x80` are taken out and the shim's own objects put in: the result
# is the libc.a that every program of Limen is linked with. (Our objects are named
# shim-*.o and limen-*.o in it: a member named like one of musl's would replace that one.)
#
# Defined here for user/: SYSROOT, USER_CFLAGS, USER_LIBC (what a program depends on).

SYSROOT := $(B)/sysroot
include libc/musl.mk
MUSL_REPLACED := __init_tls __set_thread_area __unmapself clone defsysinfo restore \
  syscall_cp vfork

# The compiler's own headers, after musl's: stdatomic.h and the like.
COMPILER_INCLUDE := $(shell $(CC) -print-file-name=include)
USER_CFLAGS := $(ARCH_CFLAGS) -std=gnu2x -D_GNU_SOURCE -O2 -g1 -fno-omit-frame-pointer \
  -fno-common -fno-asynchronous-unwind-tables -Wall -Wextra -Werror -Wstrict-prototypes \
  -Wmissing-prototypes -nostdinc -isystem $(SYSROOT)/include -isystem $(COMPILER_INCLUDE)
USER_LIBC := $(SYSROOT)/lib/libc.a $(SYSROOT)/include/limen.stamp

SHIM_O := $(patsubst libc/%,$(B)/libc/%.o,$(basename $(sort $(wildcard libc/shim/*.[cS] \
  libc/native/*.[cS]))))
SHIM_CFLAGS := -Ilibc/include -Iinclude -I$(B)/libc $(USER_CFLAGS) -ffreestanding

# --- The shim and the native library ---

# musl's own file, but for its first line, which says that %gs cannot be used yet: it can,
# the shim has set it. Its function is called by the shim's.
$(B)/libc/init_tls.c: $(B)/source/musl.stamp libc/libc.mk
	@mkdir -p $(@D)
	sed '1{/^#define SYSCALL_NO_TLS 1$$/d}' $(MUSL_SOURCE)/src/env/__init_tls.c >$@.new
	! grep -q SYSCALL_NO_TLS $@.new
	mv $@.new $@

$(B)/libc/init_tls.o: $(B)/libc/init_tls.c $(SYSROOT)/musl.stamp
	$(CC) $(MUSL_CFLAGS) -std=c99 -Os -ffreestanding -nostdinc -D_XOPEN_SOURCE=700 \
	  -D__init_tls=musl_init_tls -I$(MUSL_SOURCE)/arch/i386 -I$(MUSL_SOURCE)/arch/generic \
	  -I$(B)/musl/obj/src/internal -I$(MUSL_SOURCE)/src/include \
	  -I$(MUSL_SOURCE)/src/internal -I$(B)/musl/obj/include -I$(MUSL_SOURCE)/include \
	  -c -o $@ $<

# The names of all Linux calls of the i386, for the tracer, out of musl's header.
$(B)/libc/linux_names.h: $(SYSROOT)/musl.stamp
	@mkdir -p $(@D)
	sed -n 's/^#define __NR_\([a-z0-9_]*\).*/[__NR_\1] = "\1",/p' \
	  $(SYSROOT)/include/bits/syscall.h >$@.new
	mv $@.new $@

$(B)/libc/%.o: libc/%.c $(SYSROOT)/musl.stamp $(B)/libc/linux_names.h
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libc/%.o: libc/%.S $(SYSROOT)/musl.stamp
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) -MMD -MP -c -o $@ $<

-include $(SHIM_O:.o=.d)

# --- The sysroot ---

$(SYSROOT)/include/limen.stamp: $(wildcard include/limen/* libc/include/limen/*) \
  $(SYSROOT)/musl.stamp
	@mkdir -p $(SYSROOT)/include/limen
	cp $(filter-out %.stamp,$^) $(SYSROOT)/include/limen
	@touch $@

member_name = $(@D)/members/$(subst /,-,$(patsubst $(B)/libc/%,%,$(patsubst \
  $(B)/libc/native/%,limen-%,$(1))))

$(SYSROOT)/lib/libc.a: $(SYSROOT)/musl.stamp $(SHIM_O) $(B)/libc/init_tls.o libc/libc.mk
	@rm -rf $(@D)/members $@.new
	@mkdir -p $(@D)/members
	cp $(B)/musl/lib/libc.a $@.new
	$(AR) d $@.new $(MUSL_REPLACED:%=%.o)
	cp $(B)/libc/init_tls.o $(@D)/members/shim-init_tls.o
	$(foreach object,$(SHIM_O),cp $(object) $(call member_name,$(object)) &&) true
	$(AR) rcs $@.new $(@D)/members/*.o
	@rm -r $(@D)/members
	mv $@.new $@

.PHONY: libc
libc: $(USER_LIBC) $(SYSROOT)/lib/libc.a

include libc/host/host.mk
