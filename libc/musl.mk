# SPDX-License-Identifier: MIT
#
# musl as it comes, built out of its tree in $(B)/musl; its headers and start files go to
# $(SYSROOT). libc.mk makes libc.a out of this one.

MUSL_SOURCE := $(B)/source/musl
MUSL_CFLAGS := $(ARCH_CFLAGS) -fno-omit-frame-pointer -g0 -w
MUSL_CRT := crt1.o crti.o crtn.o
MUSL_EMPTY := m rt pthread crypt util xnet resolv dl

# The flags must be absolute: musl is configured in a folder of its own.
$(B)/musl/config.mak: $(B)/source/musl.stamp libc/musl.mk
	@mkdir -p $(@D)
	cd $(@D) && env -u MAKEFLAGS CROSS_COMPILE= CC="$(CC)" CFLAGS="$(MUSL_CFLAGS)" \
	  LIBCC="$(LIBGCC)" $(abspath $(MUSL_SOURCE))/configure --target=i386 --prefix= \
	  --disable-shared --disable-wrapper >configure.out 2>&1 \
	  || { cat configure.out; exit 1; }

$(B)/musl/lib/libc.a: $(B)/musl/config.mak
	+$(MAKE) -C $(B)/musl -s AR="$(AR)" RANLIB="$(RANLIB)" CROSS_COMPILE= \
	  lib/libc.a $(MUSL_CRT:%=lib/%)
	@touch $@

$(SYSROOT)/musl.stamp: $(B)/musl/lib/libc.a
	@mkdir -p $(SYSROOT)/lib
	+$(MAKE) -C $(B)/musl -s DESTDIR=$(abspath $(SYSROOT)) install-headers
	for name in $(MUSL_EMPTY); do \
	  rm -f $(SYSROOT)/lib/lib$$name.a && $(AR) rc $(SYSROOT)/lib/lib$$name.a || exit 1; done
	cp $(MUSL_CRT:%=$(B)/musl/lib/%) $(SYSROOT)/lib
	@touch $@
