# SPDX-License-Identifier: Apache-2.0
# make -j -f restore.mk DIR=FOLDER BACKUP=FILE [KEY=FILE]
#
# Restores a backup, of whatever form, so that its files are in the new folder DIR, which appears
# once all of them are there, whole and verified. BACKUP is known by its name:
#
#   *.xb, *_qp.xb      an xbstream; its members may be encrypted, compressed, or both
#   *.xb.gz, *_xb.qp   an xbstream that was compressed as a whole
#   *.xb.xbcrypt       an xbstream that was encrypted as a whole
#   *.tar.gz, *.tar    an archive of files, which may be encrypted and compressed one by one
#   a folder           such files as they are (what mbstream -x leaves); they stay as they are
#
# KEY is a file with the key, or a pipe that it comes from, as in KEY=<(key): never the key itself.
#
# A run that was interrupted can be started again: the files that are done, below DIR.part, stay as
# they are. Remove DIR.part to begin anew, as is right after the machine itself went down. The files
# of an archive or a folder are restored side by side, as many as -j says, or as there are
# processors. An xbstream is one pass, in which xbunpack uses all processors by itself.
#
# It needs bash, flock and, where there are such files in an archive, lz4 and zstd. As always with
# make, the status is 2 after any error; the message says which it was.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-builtin-variables --no-print-directory
this := $(subst ','\'',$(abspath $(lastword $(MAKEFILE_LIST))))
export DIR BACKUP KEY

ifndef INSIDE

.PHONY: restore help
restore:
	fail() { printf 'restore.mk: %s\n' "$$*" >&2; exit 1; }
	[ -n "$$DIR" ] && [ -n "$$BACKUP" ] || fail 'expected DIR=... and BACKUP=...: see make -f restore.mk help'
	case $$DIR in /*) ;; *) DIR=$$PWD/$$DIR ;; esac
	case $$BACKUP in /*) ;; *) BACKUP=$$PWD/$$BACKUP ;; esac
	while [ "$$DIR" != "$${DIR%/}" ]; do DIR=$${DIR%/}; done
	[ -e "$$BACKUP" ] || fail "$$BACKUP: no such file or folder"
	[ ! -e "$$DIR" ] || [ -d "$$DIR" -a -z "$$(ls -A "$$DIR")" ] || fail "$$DIR exists already"
	part=$$DIR.part
	(umask 027 && mkdir -p "$$part/files")
	# Kept by every program that is started from here: nothing of a killed run works beside this one.
	exec 8<"$$part"
	flock -w 10 8 || fail "$$part: another run is at work there"
	rm -rf "$$part/new"

	# The key is descriptor 9, which can be opened as often as there are files: what comes from a pipe
	# is put into memory, in a file that has no name any more.
	key=()
	if [ -f "$$KEY" ]; then
	    exec 9<"$$KEY"
	    key=(-f /dev/fd/9)
	elif [ -n "$$KEY" ]; then
	    exec 7<"$$KEY"
	    memory=$$(umask 077 && mktemp /dev/shm/restore.XXXXXX)
	    exec 9<>"$$memory"
	    rm -- "$$memory"
	    cat <&7 >&9
	    exec 7<&-
	    key=(-f /dev/fd/9)
	fi

	# unpack: the xbstream on standard input. Members that are done are left out, but for those directly
	# in DIR: to --exclude a name without a folder may be that of a folder, or DATABASE.TABLE.
	unpack() {
	    local name exclude=()
	    while IFS= read -r -d '' name; do
	        exclude+=("--exclude=$$(sed 's/[][*?\\]/\\&/g' <<<"$$name")")
	    done < <(find "$$part/files" -mindepth 2 -type f ! -name '.xbpipe-*' -printf '%P\0')
	    xbunpack -C "$$part/files" --decompress $${KEY:+--decrypt} "$${key[@]}" --overwrite --fsync "$${exclude[@]}"
	    [ -n "$$KEY" ] || [ -z "$$(find "$$part/files" -name '*.xbcrypt' -print -delete)" ] ||
	        fail "$$BACKUP is encrypted: expected KEY=..."
	}

	form=$$BACKUP
	[ ! -d "$$BACKUP" ] || form=folder
	case $$form in
	folder) ln -sfn -- "$$BACKUP" "$$part/source" ;;
	*.tar | *.tar.gz | *.tgz)
	    if [ ! -e "$$part/extracted" ]; then
	        rm -rf "$$part/source"
	        mkdir "$$part/source"
	        case $$BACKUP in *.tar) cat -- "$$BACKUP" ;; *) gzip -dc -- "$$BACKUP" ;; esac |
	            tar -xi --no-same-owner -C "$$part/source"
	        touch "$$part/extracted"
	    fi
	    ;;
	*.xb.gz) gzip -dc -- "$$BACKUP" | unpack ;;
	*_xb.qp | *.xb.qp) qpunpack -i "$$BACKUP" | unpack ;;
	*.xb.xbcrypt) xbcrypt-dec "$${key[@]}" -i "$$BACKUP" | unpack ;;
	*.xb) unpack <"$$BACKUP" ;;
	*) fail "$$BACKUP: a name that is not known: see make -f restore.mk help" ;;
	esac
	if [ -e "$$part/source" ]; then
	    cd "$$part"
	    # What the files are to become, as the goals of the rules below. No server and no backup tool
	    # gives files names with the characters that are refused.
	    while IFS= read -r -d '' name; do
	        case $$name in
	        *[[:cntrl:]\'\"\`\\*?\|\;\&\<\>\(\)\{\}\[\]~!]*) fail "$$name: not a name that make can take" ;;
	        *.xbcrypt) [ -n "$$KEY" ] || fail "$$BACKUP is encrypted: expected KEY=..." ;;
	        esac
	        name=$${name%.xbcrypt}
	        case $$name in *.qp | *.lz4 | *.zst) name=$${name%.*} ;; esac
	        printf '%s\n' "$$name"
	    done < <(find source/ -type f -printf '%P\0') >names
	    twice=$$(sort names | uniq -d)
	    [ -z "$$twice" ] || fail "two files would become $$twice"
	    (cd source && find . -type d -print0) | (cd files && umask 027 && xargs -0 mkdir -p --)
	    while IFS= read -r name; do
	        [ -e "files/$$name" ] || printf '%s\n' "$$name"
	    done <names | sed 's/\$$/$$$$/g; s/[ #:]/\\&/g; s/=/$$(equals)/g; s/^/files: files\//' >targets.mk
	    mkdir new
	    # -j without a number would start all of them at once.
	    jobs=()
	    case " $$MAKEFLAGS " in *' -j '*) jobs=(-j "$$(nproc)") ;; esac
	    KEEP=$$([ ! -L source ] || echo yes) $(MAKE) "$${jobs[@]}" -f '$(this)' INSIDE=yes files
	    sync -f files
	fi
	mv -T -- "$$part/files" "$$DIR"
	rm -rf "$$part"

help:
	sed -n '2,/^$$/s/^# \{0,1\}//p' '$(this)'

else # in DIR.part: sources below source/, what is done below files/

equals := =
.PHONY: files
files: ;
include targets.mk
targets.mk: ;

# A file takes its name once the programs that make it from its source have all succeeded. Where the
# sources are an extracted archive, each is removed when it is not needed any more.
begin = new=new/$$$$ && umask 027 &&
end = && mv -T -- $$new '$@' && { [ -n "$(KEEP)" ] || rm -- '$<'; }
decrypt = xbcrypt-dec -f /dev/fd/9 -i '$<'
unqp = qpunpack
unlz4 = lz4 -dc
unzst = zstd -dcq

files/%: source/%.qp.xbcrypt
	$(begin) $(decrypt) | $(unqp) >$$new $(end)
files/%: source/%.lz4.xbcrypt
	$(begin) $(decrypt) | $(unlz4) >$$new $(end)
files/%: source/%.zst.xbcrypt
	$(begin) $(decrypt) | $(unzst) >$$new $(end)
files/%: source/%.xbcrypt
	$(begin) $(decrypt) >$$new $(end)
files/%: source/%.qp
	$(begin) $(unqp) <'$<' >$$new $(end)
files/%: source/%.lz4
	$(begin) $(unlz4) <'$<' >$$new $(end)
files/%: source/%.zst
	$(begin) $(unzst) <'$<' >$$new $(end)
files/%: source/%
	$(begin) cp --sparse=auto -- '$<' $$new $(end)

endif
