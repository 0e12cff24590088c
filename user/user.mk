# SPDX-License-Identifier: MIT
#
# User programs. user/{programs,servers,tests}/NAME.c, or the folder NAME/ of C and
# assembly files, becomes the static ELF $(B)/user/{programs,servers,tests}/NAME;
# user/init/ becomes $(B)/user/init, and user/servers/servers.conf is copied beside the
# servers. They are ordinary programs of libc.a; symbols stay in, for fault
# reports.
#
# Defined here: USER_INIT, USER_SERVERS (with their configuration), USER_TESTS,
# USER_PROGRAMS (what the boot archive takes: tests too), and
# $(call user_link,OUTPUT,OBJECTS) for whoever links one more program; USER_LINK, by
# target, holds what only some of them need.

USER_INIT := $(B)/user/init
USER_LDFLAGS := $(ARCH_LDFLAGS) -static -nostdlib -Wl,-z,noexecstack -Wl,--build-id=none \
  -Wl,-z,max-page-size=4096

user_link = mkdir -p $(dir $(1)) && $(CC) $(USER_LDFLAGS) $(USER_LINK) -o $(1).new \
  $(SYSROOT)/lib/crt1.o $(SYSROOT)/lib/crti.o $(2) \
  $(SYSROOT)/lib/libc.a $(LIBGCC) $(SYSROOT)/lib/libc.a $(SYSROOT)/lib/crtn.o \
  && $(STRIP) --strip-debug $(1).new && mv $(1).new $(1)

# The names in one folder: of its C files, and of its folders that hold any.
user_names = $(sort $(patsubst user/$(1)/%.c,%,$(wildcard user/$(1)/*.c)) \
  $(patsubst user/$(1)/%/,%,$(sort $(dir $(wildcard user/$(1)/*/*.c)))))
# A program's objects.
user_objects = $(patsubst user/%,$(B)/user/objects/%.o,$(basename $(wildcard \
  user/$(1).c user/$(1)/*.c user/$(1)/*.S)))

USER_SERVERS := $(addprefix $(B)/user/servers/,$(call user_names,servers) servers.conf)
USER_TESTS := $(addprefix $(B)/user/tests/,$(call user_names,tests))
USER_PROGRAMS := $(addprefix $(B)/user/programs/,$(call user_names,programs)) \
  $(USER_TESTS)

define user_program
USER_OBJECTS += $(call user_objects,$(1))
$(B)/user/$(1): $(call user_objects,$(1)) $(USER_LIBC) user/user.mk
	$$(call user_link,$$@,$(call user_objects,$(1)))

endef

$(foreach kind,programs servers tests,$(foreach name,$(call user_names,$(kind)),$(eval \
  $(call user_program,$(kind)/$(name)))))
$(eval $(call user_program,init))
$(eval $(call user_program,fuzz))
$(USER_INIT): USER_LINK := -Wl,-e,init_start

$(B)/user/objects/%.o: user/%.c $(SYSROOT)/include/limen.stamp
	@mkdir -p $(@D)
	$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/user/objects/%.o: user/%.S $(SYSROOT)/include/limen.stamp
	@mkdir -p $(@D)
	$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

-include $(USER_OBJECTS:.o=.d)

$(B)/user/servers/servers.conf: user/servers/servers.conf
	@mkdir -p $(@D)
	cp $< $@

.PHONY: user
user: $(USER_INIT) $(USER_SERVERS) $(USER_PROGRAMS)
