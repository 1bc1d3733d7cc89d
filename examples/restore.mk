# SPDX-License-Identifier: Apache-2.0
# make -f restore.mk DIR=FOLDER BACKUP=FILE [KEY=FILE]
#
# Restores a backup of any form into the new folder DIR, which appears once all files are there, whole,
# verified and on the disk. BACKUP is
#
#   a file      that xbunpack --auto reads: an xbstream or a tar archive, plain or compressed or
#               encrypted as a whole; its name does not matter
#   a folder    of files as a backup tool left them (mbstream -x), which stay as they are
#
# Members and files may be encrypted and compressed one by one. KEY is a file with the key, or a pipe,
# as in KEY=<(backup_key): never the key itself.
#
# Until the end the files are in a folder of this run alone, DIR.part.XXXXXX, which only its owner can
# read. A run that fails removes it. A killed run leaves it for you to remove: the next run uses another
# folder, so that two runs cannot mix.
#
# It needs bash and, for a folder, tar. As always with make, the status is 2 after any error. The cause
# is the last line but one; make's own line below it ends with "Error N", and N is the status of what
# failed: 65 for damaged data or a wrong key, 127 if a program of xbpipe is not in PATH, ...

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
this := $(subst ','\'',$(abspath $(lastword $(MAKEFILE_LIST))))

# The values are plain text: make does not expand variables and functions in them.
override DIR := $(value DIR)
override BACKUP := $(value BACKUP)
override KEY := $(value KEY)
export DIR BACKUP KEY

.PHONY: restore help
restore:
	fail() { printf 'restore.mk: %s\n' "$$*" >&2; exit 1; }
	[ -n "$$DIR" ] && [ -n "$$BACKUP" ] || fail 'expected DIR=... and BACKUP=...: see make -f restore.mk help'
	case $$DIR in /*) ;; *) DIR=$$PWD/$$DIR ;; esac
	case $$BACKUP in /*) ;; *) BACKUP=$$PWD/$$BACKUP ;; esac
	case $$KEY in '' | /*) ;; *) KEY=$$PWD/$$KEY ;; esac
	while [ "$$DIR" != "$${DIR%/}" ]; do DIR=$${DIR%/}; done
	[ -r "$$BACKUP" ] || fail "$$BACKUP: no file or folder that can be read"
	[ -z "$$KEY" ] || [ -r "$$KEY" ] || fail 'KEY=...: no such file, or it cannot be read'
	[ ! -e "$$DIR" ] || [ -d "$$DIR" -a -z "$$(ls -A "$$DIR")" ] || fail "$$DIR exists already"

	# Everything happens from inside the new folder: another user who may write beside it can replace it
	# by another folder, or a link, but nothing is written or removed through its name.
	(umask 027 && mkdir -p -- "$$(dirname "$$DIR")")
	part=$$(mktemp -d -- "$$DIR.part.XXXXXX")
	cd -P -- "$$part"
	case "$$(stat -c '%u %a' .) $$(ls -A)" in "$$EUID 700 " | "$$EUID 2700 ") ;; *) fail "$$part: somebody else has changed it" ;; esac
	trap 'rm -rf files; rmdir -- "$$part"' EXIT
	trap 'exit 1' INT TERM HUP

	# On a terminal, xbunpack's advice for the next step would name a folder that no longer exists then.
	options=(--auto --fsync -C files)
	[ -z "$$KEY" ] || options+=(-f "$$KEY")
	[ ! -t 2 ] || options+=(--progress)
	if [ -d "$$BACKUP" ]; then
	    tar -C "$$BACKUP" --sparse -cf - . | xbunpack "$${options[@]}" |& cat >&2
	else
	    xbunpack "$${options[@]}" -i "$$BACKUP" |& cat >&2
	fi
	mv -T -- files "$$DIR"
	sync -- "$$(dirname "$$DIR")"

help:
	sed -n '2,/^$$/s/^# \{0,1\}//p' '$(this)'
