# SPDX-License-Identifier: Apache-2.0
# --fsync: what is on the disk when success is reported, seen through strace.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    need_strace
    head -c 3000000 /dev/urandom >noise
    make_xbstream 'MEMBER name=d/e/a data=1' 'MEMBER name=b data=@noise' 'S name=d/c map=9000000:1 data=3' 'E name=d/c' >in
}

hint() { printf '%s\n%s' "$1" "Try \`$2 --help' or \`$2 --usage' for more information."; }

# traced COMMAND...: runs it, and puts into `calls` a line for each file that was synced or got its
# name, in the order of the calls' ends: "fsync PATH" or "rename TEMPORARY NAME".
traced() {
    rm -f trace
    strace -f -y -o trace -e trace=fsync,fdatasync,rename,renameat,renameat2 "$@"
    # A call that another thread's interrupts is written in two lines.
    awk '/<unfinished/ { sub(/ <unfinished.*/, ""); open[$1] = $0; next }
        /resumed>/ { sub(/.*resumed>/, open[$1]) }
        { sub(/^[0-9]+ +/, "") }
        /^fsync\(.* = 0$/ { sub(/.*</, ""); sub(/>.*/, ""); print "fsync", $0 }
        /^rename.* = 0$/ { split($0, part, "\""); print "rename", part[2], part[4] }' trace >calls
}

# The calls that concern a file whose last name is $1, in one line: "fsync rename".
calls_of() {
    temporary=$(awk -v name="$1" '$1 == "rename" && $3 == name { print $2 }' calls)
    [ -n "$temporary" ]
    grep -F "$temporary" calls | cut -d ' ' -f 1 | tr '\n' ' '
}

synced_after_renames() { awk -v path="$1" '$1 == "rename" { last = NR } $1 == "fsync" && $2 == path { n = NR } END { exit !(n > last) }' calls; }

@test "files before they get their names, then the folders, new ones and those above them" {
    for j in 1 3; do
        traced xbunpack -j $j -C out --fsync --manifest=sums -i in
        for file in a b c; do [ "$(calls_of $file)" = "fsync rename " ]; done
        grep -v ' sums$' calls >files.calls
        # The manifest comes last, when the folders are there.
        [ "$(tail -n 3 calls | cut -d ' ' -f 1 | tr '\n' ' ')" = "fsync rename fsync " ]
        tail -n 2 calls | head -n 1 | grep -q ' sums$'
        [ "$(tail -n 1 calls)" = "fsync $PWD" ]
        head -n -3 calls >before
        mv before calls
        for folder in out out/d out/d/e .; do synced_after_renames "$(realpath $folder)"; done
        rm -r out sums
    done
    make_qpress ARCHIVE 'D name=empty' U 'FILE name=a data=x' >in.qp
    traced qpunpack --fsync -C out -i in.qp
    [ "$(calls_of a)" = "fsync rename " ]
    for folder in out out/empty .; do synced_after_renames "$(realpath $folder)"; done
}

@test "filters: the file and its folder" {
    mkdir sub
    traced xbcrypt-enc -f "$key" --fsync -i in -o sub/f
    [ "$(calls_of f)" = "fsync rename " ]
    [ "$(tail -n 1 calls)" = "fsync $PWD/sub" ]
    traced xbcrypt-dec -f "$key" --fsync -i sub/f >plain
    [ "$(cat calls)" = "fsync $PWD/plain" ]
    cmp in plain
    # A pipe has no disk.
    [ "$(xbcrypt-dec -f "$key" --fsync -i sub/f | sha256sum)" = "$(sha256sum <in)" ]
    succeeds xbcrypt-dec -f "$key" --fsync -i sub/f -o /dev/null
}

@test "without it nothing is synced" {
    traced xbunpack -C out -i in
    [ "$(cut -d ' ' -f 1 calls | sort -u)" = rename ]
}

@test "a sync that fails: 74, and no name for the file" {
    faulty() { strace -f -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when="$1" "${@:2}"; }
    for j in 1 3; do
        fails 74 "xbunpack: d/e/a: cannot sync: Input/output error" faulty 1+ xbunpack -j $j --fsync -C out -i in
        [ ! -e out ]
    done
    fails 74 "xbunpack: cannot sync folder d: Input/output error" faulty 4 xbunpack -j 1 --fsync -C out -i in
    fails 74 "xbunpack: cannot sync the directory: Input/output error" faulty 6 xbunpack -j 1 --fsync --overwrite -C out -i in
    rm -r out
    fails 74 "xbunpack: cannot sync the folder that the directory was made in: Input/output error" faulty 7 xbunpack -j 1 --fsync -C out -i in
    fails 74 "xbcrypt-enc: f: cannot sync: Input/output error" faulty 1 xbcrypt-enc -f "$key" --fsync -i in -o f
    [ ! -e f ]
    fails 74 "xbcrypt-enc: f: cannot sync its folder: Input/output error" faulty 2 xbcrypt-enc -f "$key" --fsync -i in -o f
    [ -z "$(find . -name '.xbpipe-*')" ]
}

@test "it is for files that are created: 64" {
    for what in -t --test --info --to-stdout=a; do
        fails 64 "$(hint "xbunpack: --fsync is for files that are created" xbunpack)" xbunpack --fsync $what -i in
    done
    for what in "" -o -t --test; do
        fails 64 "$(hint "qpunpack: --fsync is for files that are created" qpunpack)" qpunpack --fsync $what -i in
    done
}
