# SPDX-License-Identifier: Apache-2.0
# The part of the Makefile for other systems. The scripts run as root and need debootstrap.

.PHONY: check-portability check-cross
## check-portability: the README's commands in bare roots of Debian 12 and 13 (RELEASES="bookworm trixie")
check-portability:
	@tests/portability/run $(or $(RELEASES),bookworm trixie)

## check-cross: build for other processors and run the unit tests emulated (ARCHS="arm64 s390x")
check-cross:
	@tests/portability/cross $(ARCHS)
