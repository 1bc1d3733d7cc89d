# SPDX-License-Identifier: Apache-2.0
# The fuzz targets, tests/fuzz/fuzz_NAME.c: tests/fuzz/README.md. Included by the Makefile.

FUZZ_NAMES  := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TESTS  := $(FUZZ_NAMES:%=$(BUILD)/tests/test_fuzz_%)
FUZZERS     := $(FUZZ_NAMES:%=$(BUILD)/fuzz_%)
FUZZ_SHARED := $(patsubst %,$(BUILD)/fuzz-objects/%.o,fuzz repair members) \
               $(patsubst %,$(BUILD)/tests/%.o,archives feed qp_walk quicklz_encode quicklz_plain)

# Functions that a target brings itself: nothing is run or asked, files stay in memory.
FUZZ_WRAPS = $(if $(filter %_kms_reply %_credentials,$@),-Wl$(comma)--wrap=http_call) \
             $(if $(filter %_credentials,$@),-Wl$(comma)--wrap=child_output) \
             $(if $(filter %_xbunpack,$@),-Wl$(comma)--wrap=null_sink_new)

$(BUILD)/fuzz-objects/%.o: tests/fuzz/%.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -Itests/unit $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

# As a test: no fuzzer needed.
$(BUILD)/tests/test_fuzz_%: $(BUILD)/fuzz-objects/fuzz_%.o $(BUILD)/fuzz-objects/replay.o \
                            $(FUZZ_SHARED) $(BUILD)/libxbpipe.a
	$(say) LD $@
	$(run)$(CC) $(ALL_LDFLAGS) $(FUZZ_WRAPS) -o $@ $^ $(LIBS)

# As a fuzzer: in a build of its own, which `make fuzz` chooses.
$(BUILD)/fuzz_%: $(BUILD)/fuzz-objects/fuzz_%.o $(BUILD)/fuzz-objects/libfuzzer.o $(FUZZ_SHARED) \
                 $(BUILD)/libxbpipe.a
	$(say) LD $@
	$(run)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $(FUZZ_WRAPS) -o $@ $^ $(LIBS)

.PHONY: fuzz fuzz-coverage fuzzers

fuzzers: $(FUZZERS) $(FUZZ_TESTS)

FUZZ_CC    ?= clang
FUZZ_BUILD := build/fuzz

## fuzz: run each fuzzer for FUZZ_TIME=60 seconds, FUZZ_JOBS=1 at a time; FUZZ="xbstream key": only those
fuzz:
	@$(MAKE) --no-print-directory BUILD=$(FUZZ_BUILD) CC="$(FUZZ_CC)" CFLAGS="-O1 -g" HARDEN=-fPIE \
	  SANFLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all" \
	  fuzzers
	@tests/fuzz/run $(FUZZ_BUILD) $(or $(FUZZ_TIME),60) $(or $(FUZZ_JOBS),1) $(or $(FUZZ),$(FUZZ_NAMES))

## fuzz-coverage: which lines of each parser the seeds, the found cases and the corpus reach
fuzz-coverage:
	@$(MAKE) --no-print-directory COVERAGE=1 BUILD=build/fuzz-coverage \
	  $(FUZZ_NAMES:%=build/fuzz-coverage/tests/test_fuzz_%)
	@tests/fuzz/coverage build/fuzz-coverage $(FUZZ_BUILD)/corpus

-include $(wildcard $(BUILD)/fuzz-objects/*.d)
