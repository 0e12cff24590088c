# SPDX-License-Identifier: MIT
#
# Tests of libc's own logic on the host, under sanitizers: libc/host/test-NAME.c with the
# files that it tests, and plain functions in place of system calls (fake/).
# tests/tests.mk runs them.

LIBC_TESTS := config files signals terminal time
LIBC_TEST_config := user/init/config.c user/init/split.c
LIBC_TEST_files := libc/native/elf_file.c libc/native/archive.c user/init/split.c
LIBC_TEST_signals := libc/shim/signal_queue.c
LIBC_TEST_terminal := libc/shim/terminal.c
LIBC_TEST_time := libc/shim/time.c
LIBC_SANITIZE := address,undefined
# AddressSanitizer keeps its own data where the threshold page belongs.
LIBC_SANITIZE_time := undefined

LIBC_TEST_CFLAGS = -std=gnu2x -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror \
  -Ilibc/host/fake -Iinclude -Ilibc/include -fno-omit-frame-pointer \
  -fsanitize=$(or $(LIBC_SANITIZE_$(1)),$(LIBC_SANITIZE)) \
  -fno-sanitize-recover=undefined -DTEST_PROGRAM='"$(abspath $(B)/user/programs/hello)"' \
  -DTEST_ARCHIVE='"$(abspath $(B)/archive.tar)"' \
  -DTEST_SERVERS='"$(abspath user/servers/servers.conf)"'

LIBC_TEST_BINARIES := $(LIBC_TESTS:%=$(B)/libc/host/test-%)
TEST_NEEDS += $(LIBC_TEST_BINARIES)
TEST_SUITES += $(foreach test,$(LIBC_TESTS),libc/$(test)=$(B)/libc/host/test-$(test))

define libc_test
$(B)/libc/host/test-$(1): libc/host/test-$(1).c libc/native/tap.c $(LIBC_TEST_$(1)) \
  libc/host/host.mk
	@mkdir -p $$(@D)
	$$(HOSTCC) $(LIBC_TEST_CFLAGS) -MMD -MP -MF $$@.d -o $$@ \
	  $$(filter %.c,$$^) -lpthread

endef
$(foreach test,$(LIBC_TESTS),$(eval $(call libc_test,$(test))))

-include $(LIBC_TEST_BINARIES:%=%.d)
