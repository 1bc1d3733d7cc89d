# SPDX-License-Identifier: Apache-2.0
# The part of the Makefile for the injection of faults.

# Faults are injected into the programs as they are built, with nothing of the sanitizers and of gcov.
FAULT_TESTS := $(if $(SAN)$(COVERAGE),,$(BUILD)/tests/test_faults)
$(BUILD)/tests/test_faults: $(BUILD)/fault/walk.o $(UNITHELP) $(BUILD)/libxbpipe.a $(BUILD)/fault/inject.so
	$(say) LD $@
	$(run)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS) -lcmocka

$(BUILD)/fault/walk.o: tests/fault/walk.c $(BUILD)/flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(run)$(CC) $(ALL_CFLAGS) -Itests/unit $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

# -z now: to find a function when it is called first leaves vector registers on the stack, with the
# secret that is looked for.
$(BUILD)/fault/inject.so: tests/fault/inject.c $(BUILD)/flags
	$(say) LD $@
	@mkdir -p $(@D)
	$(run)$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -g -fno-builtin -fvisibility=hidden -fPIC -shared -Wl,-z,now -MMD -MP -o $@ $<

-include $(wildcard $(BUILD)/fault/*.d)
