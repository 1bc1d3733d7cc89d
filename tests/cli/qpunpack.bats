# SPDX-License-Identifier: Apache-2.0
# qpunpack: every option, exit status and message; hostile archives.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    qp=$fixtures/qpress
}

hint() { printf '%s\n%s' "$1" "Try \`qpunpack --help' or \`qpunpack --usage' for more information."; }

# refuses MESSAGE ITEM...: an archive with these items fails with that and leaves no file.
refuses() {
    local message=$1
    shift
    make_qpress "$@" >bad
    rm -rf out
    fails 65 "qpunpack: $message" qpunpack -j 3 -i bad -C out
    [ -z "$(files out)" ]
}

@test "trees of every level, for any number of threads" {
    for level in 1 2 3; do
        for j in 1 2 7; do
            succeeds qpunpack -j $j -C out -i "$qp/tree.L$level.qp"
            restored out "$qp/SHA256SUMS"
            [ -d out/FOO/BAR ]
            [ -z "$(ls -A out/FOO/BAR)" ]
            rm -r out
        done
    done
}

@test "to standard output, the default and -o; any block size" {
    sum=$(grep text.txt "$qp/SHA256SUMS" | cut -c 1-64)
    for j in 1 2 7; do
        for f in stdin stdin.K1024; do
            [ "$(qpunpack -j $j <"$qp/$f.qp" | sha256sum | cut -c 1-64)" = "$sum" ]
            [ "$(qpunpack -d -o -T $j <"$qp/$f.qp" | sha256sum | cut -c 1-64)" = "$sum" ]
            [ "$(qpunpack --decompress --to-stdout --threads=$j --input="$qp/$f.qp" | sha256sum | cut -c 1-64)" = "$sum" ]
        done
    done
    # Several files come one after the other, in the archive's order.
    qpunpack -C out -i "$qp/tree.L2.qp"
    (cd out && cat d.txt FOO/c.txt baz/noise.bin baz/zeros.bin baz/text.txt baz/empty) >expected
    qpunpack <"$qp/tree.L2.qp" | cmp - expected
}

@test "-t lists, -v names" {
    list="d.txt
FOO/c.txt
baz/noise.bin
baz/zeros.bin
baz/text.txt
baz/empty"
    succeeds qpunpack -t -i "$qp/tree.L1.qp"
    [ "$output" = "$list" ]
    succeeds qpunpack --list --qpress-threads=3 -i "$qp/tree.L1.qp"
    [ "$output" = "$list" ]
    run --separate-stderr qpunpack -v -i "$qp/tree.L1.qp" -C out
    [ "$status" -eq 0 ]
    [[ $stderr == *"qpunpack: baz/text.txt"* ]]
    make_qpress ARCHIVE 'F name=a\x0a\x1b[2Jb' END >odd
    succeeds qpunpack -t -i odd
    [ "$output" = 'a\x0a\x1b[2Jb' ]
    # A list, too, is only right if the archive is.
    head -c 150000 "$qp/tree.L1.qp" >cut
    run --separate-stderr qpunpack -t -i cut
    [ "$status" -eq 65 ]
    [[ $stderr == "qpunpack: qpress archive ends too early, at input offset 150000: "* ]]
}

@test "-o, -C and -t exclude each other" {
    for options in "-o -t" "-o -C out" "-t -C out"; do
        # shellcheck disable=SC2086 # several words
        fails 64 "$(hint "qpunpack: choose one of -o, -C, -t and --test")" qpunpack $options -i "$qp/stdin.qp"
    done
    [ ! -e out ]
}

@test "empty input and archives without files" {
    fails 65 "qpunpack: input is empty: expected a qpress archive" qpunpack -i /dev/null
    fails 65 "qpunpack: input is empty: expected a qpress archive" qpunpack -t -i /dev/null
    make_qpress ARCHIVE >head
    succeeds qpunpack -i head
    [ -z "$output" ]
    succeeds qpunpack -C out -i head
    [ -d out ]
    [ -z "$(ls -A out)" ]
    make_qpress ARCHIVE 'FILE name=empty' 'D name=open' >empty
    succeeds qpunpack -C out -i empty
    [ "$(files out)" = empty ]
    [ -d out/open ]
}

@test "a cut archive: 65, no file that is not whole, the same for any number of threads" {
    for j in 1 2 7; do
        head -c 150000 "$qp/tree.L1.qp" >cut
        fails 65 "qpunpack: qpress archive ends too early, at input offset 150000: expected the rest of a file; it was cut short: fetch the backup again" qpunpack -j $j -i cut -C out
        [ "$(files out)" = "FOO/c.txt
baz/noise.bin
baz/zeros.bin
d.txt" ]
        (cd out && grep -E 'd.txt|c.txt|noise|zeros' "$qp/SHA256SUMS" | sha256sum -c --quiet)
        rm -r out
        qpunpack -j $j <cut 2>/dev/null >part || true
        qpunpack <"$qp/tree.L1.qp" | head -c "$(stat -c %s part)" | cmp - part
        stat -c %s part >>sizes
    done
    [ "$(sort -u sizes | wc -l)" -eq 1 ]
}

@test "archives that are not, or damaged: 65" {
    echo 'this is something else' >text
    fails 65 'qpunpack: not a qpress archive at input offset 0: expected magic "qpress10", found "this is "' qpunpack -i text
    refuses "damaged qpress archive at input offset 16: expected 'D', 'F', 'U' or the end, found 'G'" ARCHIVE 'RAW data=Garbage'
    refuses "damaged qpress archive at input offset 16: leaves a folder that it did not enter" ARCHIVE U
    refuses "damaged qpress archive at input offset 24: leaves a folder that it did not enter" ARCHIVE 'D name=d' U U
    make_qpress ARCHIVE 'F name=f' 'B data=hello adler=bad' END >bad
    run --separate-stderr qpunpack -C out -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == "qpunpack: "*"damaged qpress block at input offset 43: Adler-32: expected 0x"*", found 0x"*"; fetch the backup again" ]]
    [ -z "$(files out)" ]
    refuses "damaged qpress archive: block at input offset 57 does not continue the file: expected offset 5, found 6" ARCHIVE 'F name=f' 'B data=hello' 'B data=world recovery=6' END
    refuses "damaged qpress archive: packet at input offset 43 larger than the archive's blocks: expected at most 4 bytes, found 5" 'ARCHIVE block=4' 'FILE name=f data=hello'
    make_qpress ARCHIVE 'F name=f' 'B data=hello claim=6' END >bad
    run --separate-stderr qpunpack -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == "qpunpack: damaged QuickLZ packet: "*" at input offset 43" ]]
    [ -z "$output" ]
}

@test "blocks of 64 MiB, and the limit --max-chunk" {
    head -c 67108864 /dev/zero >zeros
    make_qpress ARCHIVE\ block=67108864 'FILE name=f data=@zeros' >large
    qpunpack <large | cmp - zeros
    fails 65 "qpunpack: qpress block size at input offset 8 too large: expected at most 33554432, found 67108864; if the file is sound, use a larger --max-chunk" qpunpack --max-chunk=32M -i large
    qpunpack --max-chunk=64M <large | cmp - zeros
    refuses "qpress block size at input offset 8 too large: expected at most 268435456, found 268435457; if the file is sound, use a larger --max-chunk" ARCHIVE\ block=268435457
    refuses "qpress block size at input offset 8 too large: expected at most 268435456, found 18446744073709551615; if the file is sound, use a larger --max-chunk" ARCHIVE\ block=18446744073709551615
    fails 64 "$(hint "qpunpack: --max-chunk=x: expected a size from 1K to 1024G")" qpunpack --max-chunk=x
}

@test "a packet that claims much takes no memory for it" {
    sanitized && skip "a sanitizer needs more address space than the limit of this test"
    # 256 MiB claimed by a packet of which 14 bytes are there.
    make_qpress ARCHIVE\ block=268435456 'F name=f' 'RAW data=NEWBNEWB\0\0\0\0\0\0\0\0aaaa\x4f\0\0\0\x08\0\0\0\x10abcde' >bad
    limited() { (ulimit -v 150000 && qpunpack -j1 -i bad); }
    run --separate-stderr limited
    [ "$status" -eq 65 ]
    [[ $stderr == "qpunpack: qpress archive ends too early, at input offset 57: "* ]]
}

@test "hostile names are refused and nothing is made of them" {
    refuses 'refused member name "..": it has a component ".."' ARCHIVE 'D name=..' 'FILE name=x data=x'
    refuses 'refused member name "../x": it has a component ".."' ARCHIVE 'FILE name=../x data=x'
    refuses 'refused member name "d/..": it has a component ".."' ARCHIVE 'D name=d' 'D name=..' 'FILE name=x data=x'
    refuses 'refused member name "a/../b": it has a component ".."' ARCHIVE 'FILE name=a/../b data=x'
    refuses 'refused member name ".": it names a folder, not a file' ARCHIVE 'FILE name=. data=x'
    refuses 'refused member name "x/": it names a folder, not a file' ARCHIVE 'FILE name=x/ data=x'
    refuses 'refused member name "": it is empty' ARCHIVE 'FILE name= data=x'
    refuses 'refused member name "": it is empty' ARCHIVE 'D name=' 'FILE name=x data=x'
    refuses 'refused member name "a\x00b": it holds a zero byte' ARCHIVE 'FILE name=a\x00b data=x'
    refuses 'refused member name "\x1b]0;x\x07/..": it has a component ".."' ARCHIVE 'FILE name=\x1b]0;x\x07/.. data=x'
    n=$(printf 'n%.0s' {1..256})
    m=$(printf 'm%.0s' {1..255})
    make_qpress ARCHIVE "FILE name=$n data=x" >bad
    run --separate-stderr qpunpack -C out -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"it has a component longer than 255 bytes" ]]
    refuses "name in qpress archive at input offset 17 too long: expected at most 511 bytes, found 512" ARCHIVE "FILE name=$n$n data=x"
    make_qpress ARCHIVE "D name=${n:1}" "D name=${n:1}" 'FILE name=f data=x' >bad
    run --separate-stderr qpunpack -C out -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"it is longer than 511 bytes" ]]
    # 511 bytes are fine.
    make_qpress ARCHIVE "D name=${n:1}" "FILE name=$m data=x" >good
    rm -rf out
    succeeds qpunpack -C out -i good
    [ ! -e x ]
    [ ! -e /abs ]
    # To standard output names do not matter.
    make_qpress ARCHIVE 'FILE name=../../x data=hello' 'FILE name=/abs data=world' >odd
    [ "$(qpunpack <odd)" = helloworld ]
}

@test "names: ./, /./, repeated and leading slashes mean nothing" {
    make_qpress ARCHIVE 'D name=.' 'D name=db' 'FILE name=./t data=a' U U 'FILE name=/abs//u data=b' 'FILE name=/v data=c' >odd
    local warning="qpunpack: warning: /abs//u: leading slashes are removed from the names of members"
    fails 0 "$warning" qpunpack -C out -i odd
    [ "$(files out)" = "abs/u
db/t
v" ]
    fails 0 "$warning" qpunpack --test -i odd
    make_qpress ARCHIVE 'FILE name=a data=x' 'FILE name=./a data=y' >same
    fails 65 'qpunpack: a: the archive has another file that gets this name: a and ./a' qpunpack --test -i same
}

@test "symbolic links are not followed, existing files not replaced without --overwrite" {
    mkdir out outside
    echo secret >outside/file
    ln -s ../outside out/link
    ln -s ../outside/file out/final
    make_qpress ARCHIVE 'D name=link' 'FILE name=new data=x' >a
    fails 73 "qpunpack: link: cannot make folder link: a file or a symbolic link is in its place" qpunpack -C out -i a
    make_qpress ARCHIVE 'FILE name=link/new data=x' >a
    fails 73 "qpunpack: link/new: cannot make folder link: a file or a symbolic link is in its place" qpunpack -C out -i a --overwrite
    make_qpress ARCHIVE 'FILE name=final data=x' >a
    fails 73 "qpunpack: final: file exists already in out; use an empty directory, or --overwrite" qpunpack -C out -i a
    succeeds qpunpack -C out -i a --overwrite
    [ "$(cat out/final)" = x ]
    [ ! -L out/final ]
    [ "$(cat outside/file)" = secret ]
    [ "$(ls outside)" = file ]
    fails 73 "qpunpack: final: file exists already in out; use an empty directory, or --overwrite" qpunpack -C out -i a
    make_qpress ARCHIVE 'FILE name=outside data=x' >a
    fails 73 "qpunpack: outside: a directory has that name" qpunpack -C . -i a --overwrite
    make_qpress ARCHIVE 'D name=final' >a
    fails 73 "qpunpack: final: cannot make folder final: a file or a symbolic link is in its place" qpunpack -C out -i a
    [ "$(files out)" = "final
link" ]
}

@test "a name twice in one archive: 65" {
    make_qpress ARCHIVE 'FILE name=f data=1' 'FILE name=f data=2' >twice
    for overwrite in "" --overwrite; do
        rm -rf out
        run --separate-stderr qpunpack $overwrite -C out -i twice
        [ "$status" -eq 65 ]
        [ "$stderr" = "qpunpack: f: the archive has another file that gets this name: f and f" ]
        [ "$(files out)" = f ]
        [ "$(cat out/f)" = 1 ]
    done
}

@test "the directory, the input: 66, 73, 74, 77" {
    fails 66 "qpunpack: cannot open missing: No such file or directory" qpunpack -i missing
    fails 66 "qpunpack: / is a directory: expected a file" qpunpack -i /
    closed() { qpunpack <&-; }
    fails 74 "qpunpack: cannot read standard input at input offset 0: Bad file descriptor" closed
    fails 73 "qpunpack: cannot make directory missing/out: the folder that it would be in does not exist" qpunpack -i "$qp/stdin.qp" -C missing/out
    echo >file
    fails 73 "qpunpack: cannot open directory file: Not a directory" qpunpack -i "$qp/stdin.qp" --directory=file
    need_unprivileged
    mkdir -m 555 shut
    fails 77 "qpunpack: cannot make directory shut/out: Permission denied" unprivileged qpunpack -i "$qp/tree.L1.qp" -C shut/out
    fails 77 "qpunpack: shut: d.txt: cannot create: Permission denied" unprivileged qpunpack -i "$qp/tree.L1.qp" -C shut
    [ -z "$(ls -A shut)" ]
}

@test "a full device, a closed standard output, a full file system: 74" {
    for option in -o -t; do
        full() { qpunpack $option -i "$qp/tree.L1.qp" >/dev/full; }
        fails 74 "qpunpack: cannot write standard output: No space left on device" full
        closed() { qpunpack $option -i "$qp/tree.L1.qp" >&-; }
        fails 74 "qpunpack: cannot write standard output: Bad file descriptor" closed
    done
    # A limit on the size of files stands for a full disk.
    limited() { (trap '' XFSZ && ulimit -f 64 && qpunpack -C out -i "$qp/tree.L1.qp"); }
    run --separate-stderr limited
    [ "$status" -eq 74 ]
    [[ $stderr == "qpunpack: cannot write "*": File too large" ]]
    [[ $(files out) != *.tmp* ]]
}

@test "unknown options, operands, bad numbers of threads: 64" {
    run --separate-stderr qpunpack --frobnicate
    [ "$status" -eq 64 ]
    [[ $stderr == *"unrecognized option '--frobnicate'"* ]]
    fails 64 "$(hint "qpunpack: unexpected operand 'a.qp': there is one input, and it is given already")" qpunpack -i b.qp a.qp
    for option in -j -T; do
        fails 64 "$(hint "qpunpack: 0: expected a number of threads from 1 to 1024")" qpunpack $option 0
    done
}

@test "--help, --usage, --version; also if they cannot be written" {
    run -0 qpunpack --help
    [[ $output == "Usage: qpunpack [OPTION...]"* ]]
    run -0 qpunpack --usage
    [[ $output == "Usage: qpunpack ["* ]]
    run -0 qpunpack --version
    [[ $output =~ ^qpunpack\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { qpunpack $option >/dev/full; }
        fails 74 "qpunpack: cannot write standard output: No space left on device" full
    done
}
