# SPDX-License-Identifier: Apache-2.0
# make -f restore.mk DIR=FOLDER BACKUP=FILE [KEY=FILE]
#
# Restores a backup, of whatever form, so that its files are in the new folder DIR, which appears
# once all of them are there, whole, verified and on the disk. BACKUP is
#
#   a file      that xbunpack --auto takes: an xbstream or a tar archive, plain or compressed or
#               encrypted as a whole; its name does not matter
#   a folder    of files as a backup tool left them (mbstream -x), which stay as they are
#
# Members and files may be encrypted and compressed one by one. KEY is a file with the key, or a pipe
# that it comes from, as in KEY=<(key): never the key itself.
#
# Until the end the files are in DIR.part. A run that fails removes it; what a killed one left is
# removed by the next, which begins anew: nothing of one run gets into another.
#
# It needs bash, flock and, for a folder, tar. As always with make, the status is 2 after any error;
# the message says which it was.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
this := $(subst ','\'',$(abspath $(lastword $(MAKEFILE_LIST))))

# What was given is text: make does not look for variables and functions in it.
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
	while [ "$$DIR" != "$${DIR%/}" ]; do DIR=$${DIR%/}; done
	[ -r "$$BACKUP" ] || fail "$$BACKUP: no file or folder that can be read"
	[ -z "$$KEY" ] || [ -r "$$KEY" ] || fail 'KEY=...: no such file, or it cannot be read'
	[ ! -e "$$DIR" ] || [ -d "$$DIR" -a -z "$$(ls -A "$$DIR")" ] || fail "$$DIR exists already"

	# The folder is locked by every program that is started from here: nothing of a killed run works
	# beside this one.
	part=$$DIR.part
	(umask 027 && mkdir -p -- "$$part")
	exec 8<"$$part"
	flock -w 10 8 || fail "$$part: another run is at work there"
	case $$(ls -A "$$part") in '' | files) ;; *) fail "$$part holds something else: remove it" ;; esac
	trap 'rm -rf -- "$$part"' EXIT
	trap 'exit 1' INT TERM HUP
	rm -rf -- "$$part/files"

	# What xbunpack says to a terminal of what comes next would name DIR.part.
	options=(--auto --fsync -C "$$part/files")
	[ -z "$$KEY" ] || options+=(-f "$$KEY")
	[ ! -t 2 ] || options+=(--progress)
	if [ -d "$$BACKUP" ]; then
	    tar -C "$$BACKUP" --sparse -cf - . | xbunpack "$${options[@]}" |& cat >&2
	else
	    xbunpack "$${options[@]}" -i "$$BACKUP" |& cat >&2
	fi
	mv -T -- "$$part/files" "$$DIR"
	sync -- "$$(dirname "$$DIR")"

help:
	sed -n '2,/^$$/s/^# \{0,1\}//p' '$(this)'
