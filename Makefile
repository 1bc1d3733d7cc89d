# SPDX-License-Identifier: Apache-2.0
# xbpipe: `make help` lists what can be made.

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
BINDIR  := $(DESTDIR)$(PREFIX)/bin
MANDIR  := $(DESTDIR)$(PREFIX)/share/man
# Where the shells look for completions; Debian's own packages put those of zsh elsewhere.
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  := $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISHDIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

# SAN=address,undefined or SAN=thread builds and tests a tree of its own under those sanitizers.
SAN   ?=
comma := ,
# WITHOUT=isal builds and tests one without that optional library.
WITHOUT ?=
# COVERAGE=1 does so counting the lines that run; see the target coverage.
BUILD := build$(if $(WITHOUT),/without-$(WITHOUT))$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(COVERAGE),/coverage)

PKG_CONFIG ?= pkg-config
OBJCOPY    ?= objcopy
PACKAGES   := libcrypto libcurl zlib liblz4 libzstd libdeflate jansson libseccomp
ifeq ($(filter clean help check-portability check-cross,$(MAKECMDGOALS)),)
  $(if $(filter 4,$(shell echo __SIZEOF_POINTER__ | $(CC) $(CPPFLAGS) $(CFLAGS) -E -P -x c - 2>/dev/null)), \
    $(error $(CC) makes programs of 32 bits: xbpipe is for systems of 64 bits only))
  missing := $(shell for p in $(PACKAGES); do $(PKG_CONFIG) --exists $$p || echo $$p; done)
  $(if $(missing),$(error not found by pkg-config: $(missing); the README's first command installs what is needed))
endif

# ISA-L makes gzip data and checksums faster, and nothing else; WITHOUT=isal leaves it out.
ISAL     := $(if $(filter isal,$(WITHOUT)),,$(shell $(PKG_CONFIG) --modversion libisal 2>/dev/null))
PACKAGES += $(if $(ISAL),libisal)
OPTIONAL := $(if $(ISAL),ISA-L $(ISAL),none; ISA-L would make gzip data and checksums faster)

CFLAGS   ?= -O2 -g
# WERROR=1: a warning is an error. For those who change xbpipe; another compiler's new warning must
# not keep anyone from building it.
WERROR   ?=
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wvla -Wundef $(if $(WERROR),-Werror)
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE \
            $(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2) \
            $(shell for o in -fcf-protection -mbranch-protection=standard; do \
              $(CC) $$o -x c -c /dev/null -o /dev/null 2>/dev/null && echo $$o; done)
# The sanitizers, and what counts lines, make calls of their own, which the sandbox would forbid.
SANFLAGS := $(if $(SAN),-DXBPIPE_NO_SANDBOX -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
COVFLAGS := $(if $(COVERAGE),-DXBPIPE_NO_SANDBOX --coverage -fprofile-update=atomic -O0)
ALL_CFLAGS   = -std=c17 -D_GNU_SOURCE -DXBPIPE_VERSION='"$(VERSION)"' \
               -DXBPIPE_OPTIONAL='"$(OPTIONAL)"' $(if $(ISAL),-DXBPIPE_ISAL) -Ilib -pthread $(WARNINGS) $(HARDEN) \
               $(SANFLAGS) $(shell $(PKG_CONFIG) --cflags $(PACKAGES)) $(CPPFLAGS) $(CFLAGS) $(COVFLAGS)
ALL_LDFLAGS  = -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANFLAGS) $(COVFLAGS) $(LDFLAGS)
LIBS         = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) $(LDLIBS)
ALL_CFLAGS  := $(ALL_CFLAGS)
# Where the tests find their files.
TEST_CFLAGS := -DFIXTURES='"$(CURDIR)/tests/fixtures"' -DFOUND='"$(CURDIR)/tests/fuzz/found"'
LIBS        := $(LIBS)

PROGRAMS := $(patsubst bin/%.c,%,$(wildcard bin/*.c))
LIBOBJS  := $(patsubst lib/%.c,$(BUILD)/lib/%.o,$(wildcard lib/*/*.c))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
UNITHELP := $(patsubst tests/unit/%.c,$(BUILD)/tests/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
BENCHTOOLS := $(BUILD)/bench/generate $(BUILD)/bench/crc32_speed
MANPAGES := $(wildcard man/*.[157])

ifeq ($(V),1)
  run =
  say = @:
else
  run = @
  say = @printf '  %-5s %s\n'
endif

.PHONY: all programs units check check-mysql coverage demo bench lint lint-package format install uninstall dist distcheck deb rpm release-dry-run clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: programs $(BUILD)/completions
## programs: the programs without their completions, which are made by running them
programs: $(PROGRAMS:%=$(BUILD)/%)
## units: the unit tests, without running them
units: $(UNITS)

# Objects depend on this file, whose content changes only when the flags do.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)/lib $(BUILD)/bin $(BUILD)/tests
	@printf '%s\n' '$(CC) $(subst ','\'',$(ALL_CFLAGS)) $(ALL_LDFLAGS)' | cmp -s - $@ || \
	  { printf '  %-5s %s\n' LIBS 'optional: $(OPTIONAL)'; \
	    printf '%s\n' '$(CC) $(subst ','\'',$(ALL_CFLAGS)) $(ALL_LDFLAGS)' > $@; }
# Phony, because .SECONDARY lets a file that is not there be no reason to make what depends on it.
.PHONY: FORCE
FORCE:

$(BUILD)/lib/%.o: lib/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bin/%.o: bin/%.c $(BUILD)/flags
	$(say) CC $<
	$(run)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# tests/locals shows the variables of a test that fails.
$(UNITS:%=%.o): TEST_CFLAGS += -Og
$(BUILD)/tests/%.o: tests/unit/%.c $(BUILD)/flags
	$(say) CC $<
	$(run)$(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libxbpipe.a: $(LIBOBJS)
	$(say) AR $@
	$(run)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%: $(BUILD)/bin/%.o $(BUILD)/libxbpipe.a
	$(say) LD $@
	$(run)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(UNITHELP) $(BUILD)/libxbpipe.a
	$(say) LD $@
	$(run)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

include tests/fuzz/rules.mk
include tests/fault/rules.mk

include tests/portability/rules.mk
include packaging/static/rules.mk

$(BUILD)/completions: $(PROGRAMS:%=$(BUILD)/%) completions/generate
	$(say) GEN $@
	$(run)rm -rf $@ $@.tmp && completions/generate $@.tmp $(PROGRAMS:%=$(BUILD)/%) && mv $@.tmp $@

## check: build, then run the unit and command line tests
check: all $(UNITS) $(FUZZ_TESTS) $(BENCHTOOLS) $(FAULT_TESTS) $(STATIC_TESTS)
	@tests/run $(BUILD)

## test-NAME: build and run one test alone: test-xbcrypt, test-fuzz_xbcrypt, test-faults, test-cli/xbunpack
run_test = @LOGS=$(BUILD)/logs-$(@F) TESTS=$(1) tests/run $(BUILD)
test-cli/%: tests/cli/%.bats all
	$(call run_test,cli/$*.bats)
test-e2e/%: tests/e2e/%.bats all
	$(call run_test,e2e/$*.bats)
test-%: $(BUILD)/tests/test_%
	$(call run_test,test_$*)
# If none of the above can be made, there is no such test.
test-% test-cli/% test-e2e/%:
	@echo 'make: there is no test "$(@:test-%=%)"; there are:' >&2
	@printf '%s\n' $(patsubst $(BUILD)/tests/test_%,%,$(UNITS) $(FUZZ_TESTS) $(FAULT_TESTS)) $(basename $(patsubst tests/%,%,$(wildcard tests/cli/*.bats tests/e2e/*.bats))) | \
	  fmt -w 100 >&2
	@exit 64

$(BUILD)/bench/%: tests/bench/%.c $(patsubst %,$(BUILD)/tests/%.o,quicklz_encode quicklz_plain qp_walk) \
                  $(BUILD)/libxbpipe.a
	$(say) LD $@
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -Itests/unit $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

MYSQL := build/mysql

## check-mysql: restore every package form into a real MySQL 5.6, which npm fetches into build/
check-mysql: all
	@mkdir -p $(MYSQL)
	@tests/mysql/fetch $(MYSQL) >$(MYSQL)/why; status=$$?; cat $(MYSQL)/why; [ $$status -eq 0 ] || [ $$status -eq 69 ]
	@MYSQL_PACKAGE=$(CURDIR)/$(MYSQL)/package LOGS=$(BUILD)/logs-mysql TESTS=mysql/mysql56.bats tests/run $(BUILD)

## coverage: the lines of lib/ that the tests run, file by file; fails below 90 percent
coverage:
	GCOV_ERROR_FILE=/dev/null $(MAKE) COVERAGE=1 check
	@tests/coverage build/coverage

## bench: time every case beside its peers; SIZE=1G (of data), RUNS=5; ROWS=memory for peaks alone
bench: all $(BENCHTOOLS)
	@tests/bench/run $(BUILD) $(or $(SIZE),1G) $(or $(RUNS),5)

## demo: restore the shipped encrypted sample and verify it
demo: all
	@examples/demo.sh $(BUILD)

## lint: structure of lib/, format of the C sources, cppcheck, shellcheck, mandoc; in seconds
lint: all
	@tests/lint/run $(BUILD)

## lint-package: build the Debian package from what is committed; lintian must accept it
lint-package: deb

## compile_commands.json: how each C file is compiled, for editors and clang's tools
compile_commands.json: FORCE
	@tests/compile_commands $(CURDIR) $(wildcard bin/*.c lib/*/*.c tests/*/*.c) \
	  -- $(CC) $(ALL_CFLAGS) $(TEST_CFLAGS) -Itests/unit > $@

## format: rewrite the C sources in the project's format
format:
	clang-format -i $(wildcard bin/*.c lib/*/*.[ch] tests/*/*.[ch] packaging/*/*.c)

## install: into $(DESTDIR)$(PREFIX)
install: all
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man7
	install -m 755 $(PROGRAMS:%=$(BUILD)/%) $(BINDIR)
	for page in $(MANPAGES); do install -m 644 $$page $(MANDIR)/man$${page##*.}; done
	install -d $(BASHDIR) $(ZSHDIR) $(FISHDIR)
	install -m 644 $(PROGRAMS:%=$(BUILD)/completions/bash/%) $(BASHDIR)
	install -m 644 $(PROGRAMS:%=$(BUILD)/completions/zsh/_%) $(ZSHDIR)
	install -m 644 $(PROGRAMS:%=$(BUILD)/completions/fish/%.fish) $(FISHDIR)

## uninstall: take away what install put there
uninstall:
	rm -f $(PROGRAMS:%=$(BINDIR)/%)
	for page in $(MANPAGES); do rm -f $(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -f $(PROGRAMS:%=$(BASHDIR)/%) $(PROGRAMS:%=$(ZSHDIR)/_%) $(PROGRAMS:%=$(FISHDIR)/%.fish)

DIST := build/xbpipe-$(VERSION).tar.gz

## dist: a tarball of the sources that git knows
dist: $(DIST)
$(DIST): FORCE
	@mkdir -p $(@D)
	git archive --prefix=xbpipe-$(VERSION)/ -o $@ HEAD

## distcheck: the tarball's own build, tests and demo, in a folder of their own
distcheck: dist
	rm -rf build/distcheck && mkdir -p build/distcheck
	tar -C build/distcheck -xzf $(DIST)
	$(MAKE) -C build/distcheck/xbpipe-$(VERSION) check
	$(MAKE) -C build/distcheck/xbpipe-$(VERSION) demo

## deb: a Debian package, which lintian accepts, in build/deb, built twice to the same bytes
deb: dist
	@packaging/deb $(DIST) $(VERSION) build/deb

## rpm: an rpm package, in build/rpm
rpm: dist
	@packaging/rpm $(DIST) $(VERSION) build/rpm

## release-dry-run: prepare the release RELEASE=1.2.3 in build/release, and publish nothing (RELEASING.md)
release-dry-run:
	@packaging/release "$(RELEASE)" build/release

## clean: remove all that make produced
clean:
	rm -rf build compile_commands.json

## help: this list
help:
	@echo 'all (the default): build the programs into build/'
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
	@echo 'Variables: V=1 (show commands), SAN=address,undefined or thread, WITHOUT=isal, WERROR=1, CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR'

-include $(wildcard $(BUILD)/lib/*/*.d $(BUILD)/bin/*.d $(BUILD)/tests/*.d)
