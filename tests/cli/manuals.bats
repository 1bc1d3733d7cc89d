# SPDX-License-Identifier: Apache-2.0
# The manual pages against the programs: options, statuses, examples; and what make installs.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    root=$XBPIPE_TESTS/..
    fixtures=$XBPIPE_TESTS/fixtures
    cd "$BATS_TEST_TMPDIR" || return 1
}

programs() { (cd "$root/bin" && printf '%s\n' *.c | sed 's/\.c$//'); }

# The section $2 of the page $1.
section() { awk -v name="$2" '/^\.Sh / { on = $0 == ".Sh " name; next } on' "$root/man/$1"; }

# The options that the program's help lists, one line each: "-a --encrypt-algo".
help_options() {
    "$1" --help | sed -nE \
        -e 's/^  (-.), --([a-z0-9-]+).*/\1 --\2/p' \
        -e 's/^ {6}--([a-z0-9-]+).*/--\1/p' | LC_ALL=C sort
}

# The same from the items of the page's lists of options, where "Fl ?\& , Fl Fl help" is -? --help
# and " ; " stands between several options of one item.
page_options() {
    sed -nE 's/^\.It (Fl .*)/\1/p' "$root/man/$1.1" | sed 's/ ; /\n/g' | awk '{
        line = ""
        for (i = 1; i <= NF; i++) {
            if ($i != "Fl") continue
            option = $(++i) == "Fl" ? "--" $(++i) : "-" $i
            sub(/\\&/, "", option)
            line = line (line == "" ? "" : " ") option
        }
        print line
    }' | LC_ALL=C sort
}

# The options that the SYNOPSIS names, each on a line: "-a" or "--strict". "Fl nu" is two.
synopsis_options() {
    section "$1.1" SYNOPSIS | awk '{
        for (i = 1; i <= NF; i++) {
            if ($i != "Fl" && $i != ".Fl") continue
            if ($(++i) == "Fl") {
                print "--" $(++i)
                continue
            }
            for (c = 1; c <= length($i); c++)
                print "-" substr($i, c, 1)
        }
    }'
}

# The commands of the EXAMPLES of a page: lines of its displays after "$ ", and after "> " for those
# that go on.
example_commands() {
    section "$1" EXAMPLES | awk '
        /^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0 }
        on && sub(/^(\$|>) /, "") { gsub(/\\e/, "\\"); print }'
}

# Runs the examples of the page $1 here, as they stand.
run_examples() {
    example_commands "$1" >commands
    [ -s commands ]
    bash -euo pipefail commands
}

same_files() { (cd "$1" && sha256sum -c --quiet "$2") }

@test "each program has a page, each page of section 1 a program" {
    for program in $(programs); do
        [ -f "$root/man/$program.1" ] || { echo "man/$program.1 is missing"; return 1; }
    done
    for page in "$root"/man/*.1; do
        [ -f "$root/bin/$(basename "$page" .1).c" ] || { echo "$page is of no program"; return 1; }
    done
}

@test "each page lists the options that --help lists, no more and no fewer" {
    for program in $(programs); do
        echo "$program:"
        help_options "$program" >help
        page_options "$program" >page
        [ "$(wc -l <help)" -ge 3 ] # the help was understood
        diff help page
    done
}

@test "each SYNOPSIS names every option but those that every program has" {
    for program in $(programs); do
        synopsis_options "$program" >synopsis
        help_options "$program" | grep -vE -- '--(help|usage|version)$' >options
        while read -r first second; do
            grep -qxF -e "$first" synopsis || grep -qxF -e "${second:-$first}" synopsis ||
                { echo "$program: $first $second is not in the SYNOPSIS"; return 1; }
        done <options
        # and none that is not there
        while read -r option; do
            grep -qE -e "(^| )$option( |$)" options ||
                { echo "$program: the SYNOPSIS has $option"; return 1; }
        done <synopsis
    done
}

@test "each page has the sections that all have, in the same order" {
    for program in $(programs); do
        echo "$program:"
        sed -n 's/^\.Sh //p' "$root/man/$program.1" | grep -vxE 'ENVIRONMENT|FILES|COMPATIBILITY|STANDARDS|BUGS' >sections
        printf '%s\n' NAME SYNOPSIS EXAMPLES DESCRIPTION 'EXIT STATUS' SECURITY 'SEE ALSO' |
            diff - sections
    done
}

@test "each page's exit statuses are in order and among those of xbpipe(7)" {
    section xbpipe.7 'EXIT STATUS' | sed -n 's/^\.It //p' >all
    [ "$(wc -l <all)" -eq 12 ]
    for program in $(programs); do
        section "$program.1" 'EXIT STATUS' | sed -nE 's/^\.It ([0-9]+)$/\1/p' >statuses
        sort -nuc statuses
        grep -qx 0 statuses
        grep -qx 64 statuses
        [ -z "$(grep -vxFf all statuses)" ]
    done
}

@test "xbpipe(7) names every program, and the pages name it" {
    for program in $(programs); do
        grep -qx ".It Xr $program 1" "$root/man/xbpipe.7" || { echo "$program is missing"; return 1; }
        section "$program.1" 'SEE ALSO' | grep -q '^\.Xr xbpipe 7'
    done
}

@test "mandoc finds nothing wrong with the pages" {
    command -v mandoc >/dev/null || skip "mandoc is not installed"
    # It wants the examples behind the exit statuses; readers want them first.
    mandoc -Tlint -Wwarning "$root"/man/*.[157] >found || true
    run -1 grep -v 'sections out of conventional order: Sh DESCRIPTION$' found
}

@test "xbcrypt-dec(1): the examples run" {
    cp "$fixtures/rds/password.hex" key
    cp "$fixtures/kms/demo-master.key" master.key
    cp "$fixtures/kms/demo-ciphertext.b64" ciphertext
    cp "$fixtures/rds/stream_v3.xb.xbcrypt" backup.xb.xbcrypt
    cp "$fixtures/rds/stream_v2.xb.xbcrypt" backup_v2.xb.xbcrypt
    tar -xzf "$fixtures/rds/part.tar.gz" --strip-components=2 ./shop/db.opt.xbcrypt
    head -c 100000 backup.xb.xbcrypt >bad.ibd.xbcrypt # which ends inside its second chunk
    run_examples xbcrypt-dec.1
    head -c 65536 "$fixtures/mariadb/shop_qp.xb" | cmp - bad.ibd
    grep -q '"offset": 656[0-9][0-9]' lost.json
    [ "$(sha256sum <db.opt)" = "$(sed -n 's,  shop/db.opt$,  -,p' "$fixtures/rds/part.sha256")" ]
    same_files restored "$fixtures/mariadb/shop.sha256"
    cmp backup.xb "$fixtures/mariadb/shop_qp.xb"
}

@test "xbcrypt-enc(1): the examples run" {
    cp "$fixtures/rds/password.hex" key
    cp "$fixtures/xbcrypt/plain.txt" db.opt
    cp "$fixtures/mariadb/shop_qp.xb" backup.xb
    run_examples xbcrypt-enc.1
    xbcrypt-dec -f key <backup.xb.xbcrypt | cmp - backup.xb
}

@test "qpunpack(1): the examples run" {
    cp "$fixtures/rds/password.hex" key
    cp "$fixtures/rds/part_xb.qp" backup_xb.qp
    cp "$fixtures/qpress/tree.L3.qp" tree.qp
    run_examples qpunpack.1
    same_files restored "$fixtures/rds/part.sha256"
    same_files tree "$fixtures/qpress/SHA256SUMS"
}

@test "xbunpack(1): the examples run" {
    cp "$fixtures/rds/password.hex" key
    cp "$fixtures/kms/demo-master.key" master.key
    cp "$fixtures/kms/demo-ciphertext.b64" ciphertext
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    cp "$fixtures/rds/part.xb.gz" backup.xb.gz
    cp "$fixtures/rds/part.tar.gz" backup.tar.gz
    head -c 500000 backup_qp.xb >bad_qp.xb
    head -c 1000 /dev/zero | dd of=bad_qp.xb bs=1 seek=100000 conv=notrunc status=none
    run_examples xbunpack.1
    find saved -name '*.damaged' | grep -q .
    same_files restored "$fixtures/mariadb/shop.sha256"
    same_files part "$fixtures/rds/part.sha256"
    same_files part2 "$fixtures/rds/part.sha256"
    same_files part3 "$fixtures/rds/part.sha256"
}

@test "qppack(1): the examples run" {
    xbunpack -C restored --decompress <"$fixtures/mariadb/shop_qp.xb"
    run_examples qppack.1
    same_files again "$fixtures/mariadb/shop.sha256"
    xbunpack -C members --decompress <restored_qp.xb
    same_files members "$fixtures/mariadb/shop.sha256"
}

@test "xbpack(1): the examples run" {
    install -m 600 "$fixtures/rds/password.hex" key
    install -m 600 "$fixtures/xbcrypt/key256" new-key
    xbunpack -C restored --decompress <"$fixtures/mariadb/shop_qp.xb"
    run_examples xbpack.1
    same_files again "$fixtures/mariadb/shop.sha256"
    xbunpack -C rekeyed --decrypt -f new-key --decompress <rekeyed.xb
    same_files rekeyed "$fixtures/mariadb/shop.sha256"
    xbunpack -C rekeyed-again --decrypt -f key --decompress <rekeyed-again.xb
    same_files rekeyed-again "$fixtures/mariadb/shop.sha256"
    xbunpack -t <rekeyed-again.xb | grep -qx 'shop/db.opt.lz4.xbcrypt'
    [ "$(xbunpack -t <some.xb | LC_ALL=C sort)" = "$(cd restored && find -- * -name db.opt | LC_ALL=C sort)" ]
}

@test "xbpipe(7): the examples run" {
    cp "$fixtures/kms/demo-master.key" master.key
    cp "$fixtures/kms/demo-ciphertext.b64" ciphertext
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    cp "$fixtures/rds/part_xb.qp" backup_xb.qp
    cp "$fixtures/rds/part.xb.gz" backup.xb.gz
    cp "$fixtures/rds/part.tar.gz" backup.tar.gz
    cp "$fixtures/rds/stream_v2.xb.xbcrypt" backup.xb.xbcrypt
    run_examples xbpipe.7
    same_files restored_auto "$fixtures/rds/part.sha256"
    same_files restored_qp "$fixtures/mariadb/shop.sha256"
    same_files restored_xb "$fixtures/rds/part.sha256"
    same_files restored_gz "$fixtures/rds/part.sha256"
    same_files restored_tar "$fixtures/rds/part.sha256"
    [ -z "$(find restored_tar -name '*.xbcrypt')" ]
    same_files restored "$fixtures/mariadb/shop.sha256"
}

@test "xbcrypt(5), xbstream(5), qpress(5): the examples run" {
    cp "$fixtures/rds/stream_v2.xb.xbcrypt" backup.xb.xbcrypt
    cp "$fixtures/mariadb/shop_qp.xb" backup.xb
    cp "$fixtures/rds/part_xb.qp" backup_xb.qp
    run_examples xbcrypt.5 >xbcrypt
    grep -q '>XBCRYP02' xbcrypt
    grep -qx 'XBCRYP02 backup.xb.xbcrypt' xbcrypt
    run_examples xbstream.5 >xbstream
    grep -qx 'shop/db.opt.qp' xbstream
    grep -q '>XBSTCK01' xbstream
    run_examples qpress.5 >qpress
    grep -q '>qpress10' qpress
}

# The offsets that xbcrypt(5) gives are those of the fixtures: at them stand the sizes, and the
# CRC-32 of what follows the head.
@test "xbcrypt(5): the table of bytes matches a file of XtraBackup" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    python3 - "$root/man/xbcrypt.5" "$fixtures/xbcrypt" <<'END'
import re, sys, zlib
fields = {}
for line in open(sys.argv[1]):
    m = re.match(r"\.It ([a-zIV ]+) Ta ([0-9, ]+) Ta ([0-9n]+) Ta", line)
    if m:
        fields[m[1]] = [int(x) for x in m[2].split(",")], m[3]
at = 0
for offsets, size in fields.values():
    assert at in offsets, fields
    at += int(size) if size != "n" else 0
def number(data, field):
    (offset, *_), size = fields[field]
    return int.from_bytes(data[offset:offset + int(size)], "little")
for version, name in enumerate(["plain.v1.aes256", "plain.v2.aes256", "plain.v3.aes256"]):
    data = open(f"{sys.argv[2]}/{name}.xbcrypt", "rb").read()
    start = fields["payload"][0][version > 0]
    payload = data[start:start + number(data, "encrypted size")]
    assert number(data, "original size") == len(payload) > 0
    assert number(data, "checksum") == zlib.crc32(payload)
    assert version == 0 or number(data, "IV size") == int(fields["IV"][1])
END
}

@test "the examples of every page are run" {
    for page in "$root"/man/*.[157]; do
        page=${page##*/}
        [ -n "$(example_commands "$page")" ] || continue
        grep -qE "run_examples $page( |\$|\"|;)" "$XBPIPE_TESTS"/cli/*.bats ||
            { echo "nothing runs the examples of $page"; return 1; }
    done
}

# Of the build that is there: nothing is built again.
make_built() { make -s -C "$root" -o all BUILD="$BUILD_DIR" "$@"; }

@test "make install puts programs, pages and completions in place, make uninstall takes them away" {
    make_built install DESTDIR="$PWD/stage" PREFIX=/usr
    (programs | sed 's,^,bin/,'
        programs | sed 's,^,share/bash-completion/completions/,'
        programs | sed 's,^,share/zsh/vendor-completions/_,'
        programs | sed 's,.*,share/fish/vendor_completions.d/&.fish,'
        cd "$root/man"
        for page in *.[157]; do echo "share/man/man${page##*.}/$page"; done) |
        LC_ALL=C sort >expected
    (cd stage/usr && find . -type f | sed 's,^\./,,') | LC_ALL=C sort >installed
    diff expected installed
    for program in $(programs); do
        "$PWD/stage/usr/bin/$program" --version | grep -q "^$program (xbpipe) "
        cmp "stage/usr/share/man/man1/$program.1" "$root/man/$program.1"
    done
    make_built uninstall DESTDIR="$PWD/stage" PREFIX=/usr
    [ -z "$(find stage -type f)" ]
}

@test "make install goes to /usr/local unless told otherwise" {
    make_built install DESTDIR="$PWD/stage"
    [ -x stage/usr/local/bin/xbunpack ]
    [ -s stage/usr/local/share/zsh/site-functions/_xbunpack ]
    [ -f stage/usr/local/share/man/man1/xbunpack.1 ]
}

@test "make help lists every target that is there to be called" {
    make_built help >help
    for target in $(sed -n 's/^\.PHONY: //p' "$root/Makefile" | grep -vx FORCE); do
        grep -qE "^$target( |:)" help || { echo "$target is missing"; return 1; }
    done
}
