# SPDX-License-Identifier: Apache-2.0
# The part of the Makefile for static executables: for a machine or a container that has no libraries.

# The C library's static form cannot look up the names of hosts as this machine is set up to.
STATIC_PROGRAMS := $(filter-out kmsunwrap kmswrap,$(PROGRAMS))
STATIC_LDFLAGS   = $(patsubst -pie,-static-pie,$(ALL_LDFLAGS))
STATIC_LIBS      = $(shell $(PKG_CONFIG) --static --libs $(filter-out libcurl libisal,$(PACKAGES))) $(LDLIBS)

# OpenSSL has functions for networks and modules, which warn when linked and are never called here.
STATIC_LDFLAGS  += $(shell echo 'int main(void){}' | \
  $(CC) -Wl,--no-warnings -x c - -o /dev/null 2>/dev/null && echo -Wl,--no-warnings)

# Before the library, so that they are taken in place of the objects there. Debian's static ISA-L
# jumps to nowhere in a static-pie executable, so these do without it.
STATIC_OBJECTS  := $(patsubst %,$(BUILD)/static/%.o,secret/crypto base/checksum base/diag format/gunzip)
$(STATIC_OBJECTS): $(BUILD)/static/%.o: lib/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -DXBPIPE_STATIC -UXBPIPE_ISAL -UXBPIPE_OPTIONAL \
	  -DXBPIPE_OPTIONAL='"none in a static executable"' -MMD -MP -c -o $@ $<
STATIC_LIBRARY  := $(STATIC_OBJECTS) $(BUILD)/libxbpipe.a

$(STATIC_PROGRAMS:%=$(BUILD)/static/%): $(BUILD)/static/%: $(BUILD)/bin/%.o $(STATIC_LIBRARY)
	$(say) LD $@
	@mkdir -p $(@D)
	$(run)$(CC) $(STATIC_LDFLAGS) -o $@ $^ $(STATIC_LIBS)

# All of them in one file: the main of NAME is main_NAME there, with _ for -.
$(BUILD)/static/main_%.o: $(BUILD)/bin/%.o
	@mkdir -p $(@D)
	$(run)$(OBJCOPY) --redefine-sym main=main_$(subst -,_,$*) $< $@

$(BUILD)/static/xbpipe.o: packaging/static/xbpipe.c Makefile
	$(say) CC $<
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -DPROGRAMS='$(foreach p,$(STATIC_PROGRAMS),PROGRAM($(subst -,_,$p),"$p"))' -MMD -MP -c -o $@ $<

$(BUILD)/static/xbpipe: $(BUILD)/static/xbpipe.o $(STATIC_PROGRAMS:%=$(BUILD)/static/main_%.o) $(STATIC_LIBRARY)
	$(say) LD $@
	$(run)$(CC) $(STATIC_LDFLAGS) -o $@ $^ $(STATIC_LIBS)

# What the tests need: nothing on a system without static libraries.
STATIC_TESTS := $(if $(SAN)$(COVERAGE),,$(if $(wildcard $(shell $(PKG_CONFIG) --variable=libdir libcrypto)/libcrypto.a),static))
test-cli/static: $(STATIC_TESTS)

.PHONY: static
## static: static executables of what needs no network, and build/static/xbpipe, which is all of them
static: $(STATIC_PROGRAMS:%=$(BUILD)/static/%) $(BUILD)/static/xbpipe

.PHONY: container-tree
## container-tree: build/container, what packaging/Containerfile makes an image of
container-tree: $(BUILD)/static/xbpipe
	@packaging/static/tree $< $(BUILD)/container $(STATIC_PROGRAMS)

-include $(wildcard $(BUILD)/static/*.d $(BUILD)/static/*/*.d)
