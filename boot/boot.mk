# SPDX-License-Identifier: MIT
# The boot archive and the bootable ISO.
#
# The archive holds init and every server, program and userland test: $(B)/user/init is
# the member `init`, $(B)/user/programs/hello is `programs/hello`. The same programs give
# the same bytes. user/user.mk lists them.

ARCHIVE := $(B)/archive.tar
ISO := $(B)/limen.iso
KERNEL := $(B)/kernel/limen.elf

$(ARCHIVE): $(USER_INIT) $(USER_SERVERS) $(USER_PROGRAMS) $(USER_TESTS)
	tar --create --file $@ --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 \
	  --numeric-owner --mode=a+rX,u+w,go-w -C $(B)/user $(sort $(^:$(B)/user/%=%))

# grub-mkrescue prints pages of progress; they matter only if it fails.
$(ISO): $(KERNEL) $(ARCHIVE) boot/grub.cfg
	@rm -rf $(B)/iso
	@mkdir -p $(B)/iso/boot/grub
	cp $(KERNEL) $(ARCHIVE) $(B)/iso/boot
	cp boot/grub.cfg $(B)/iso/boot/grub
	grub-mkrescue -d /usr/lib/grub/i386-pc --output=$@ $(B)/iso >$(B)/iso.log 2>&1 \
	  || { cat $(B)/iso.log; exit 1; }

.PHONY: iso
iso: $(ISO)

# --- What `limen run` and `limen cc` need ---

$(B)/run.stamp: $(KERNEL) $(USER_INIT) $(USER_SERVERS) \
  $(USER_LIBC) $(B)/cc.conf boot/boot.mk
	@touch $@

# The compiler behind `limen cc`, as shell assignments; rewritten when the choice changes.
$(B)/cc.conf: FORCE
	@mkdir -p $(@D)
	@{ echo "compiler='$(CC)'"; \
	  echo "compiler_include='$$($(CC) -print-file-name=include)'"; \
	  echo "libgcc='$(LIBGCC)'"; \
	  echo "arch_flags='$(ARCH_CFLAGS)'"; \
	  if echo __linux__ | $(CC) -E -P - | grep -q __linux__; \
	  then echo "linux_macros='-D__linux__=1 -D__unix__=1'"; \
	  else echo "linux_macros="; fi; } >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

.PHONY: FORCE
FORCE:
