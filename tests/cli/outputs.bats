# SPDX-License-Identifier: Apache-2.0
# Where programs write: outputs must not replace each other, inputs or restored files, and another
# user who may write to the same folders cannot redirect them (neighbour.c acts as that user at the
# worst moment).

bats_require_minimum_version 1.5.0

setup_file() {
    cd "$BATS_FILE_TMPDIR" || return 1
    read -ra compiler <<<"${CC:-cc}"
    "${compiler[@]}" -shared -fPIC -O2 -o neighbour.so "$XBPIPE_TESTS/cli/neighbour.c" || true
}

setup() {
    load common
    make_xbstream "MEMBER name=xtrabackup_info data=text" >in
    encrypted=$xbc/plain.v3.aes256.xbcrypt
    echo 'of root alone' >victim
}

need_neighbour() {
    [ -s "$BATS_FILE_TMPDIR/neighbour.so" ] || skip "no C compiler to make what is preloaded"
    sanitized && skip "nothing can be preloaded before a sanitizer's library"
    return 0
}

# neighbour CALL:NAME PUTS COMMAND...
neighbour() { LD_PRELOAD=$BATS_FILE_TMPDIR/neighbour.so NEIGHBOUR_WHEN=$1 NEIGHBOUR_PUTS=$2 "${@:3}"; }
folding() { LD_PRELOAD=$BATS_FILE_TMPDIR/neighbour.so NEIGHBOUR_FOLDS=1 "$@"; }

# The commands that write a file of their own, given the option that names it.
with_output() {
    case $1 in
    xbcrypt-dec) xbcrypt-dec -f "$xbc/key256" -i "$encrypted" -o "${@:2}" ;;
    xbcrypt-enc) xbcrypt-enc -f "$xbc/key256" -i in -o "${@:2}" ;;
    xbpack) xbpack in -o "${@:2}" ;;
    manifest) xbunpack --test -i in --manifest "${@:2}" ;;
    report) xbunpack --test -i in --salvage --report "${@:2}" ;;
    s3cse-dec) s3cse-dec -e "$fixtures/s3/cbc/meta.json" -f "$s3key" -i "$fixtures/s3/cbc/object" -o "${@:2}" ;;
    esac
}
program_of() { [[ $1 == manifest || $1 == report ]] && echo xbunpack || echo "$1"; }
all_outputs="xbcrypt-dec xbcrypt-enc xbpack manifest report"

@test "what takes the place of a FIFO between look and open is not written to" {
    need_neighbour
    cp victim ref
    for what in $all_outputs; do
        for other in link file fifo2; do
            echo "$what $other"
            rm -rf dir
            mkdir dir
            mkfifo dir/out dir/fifo2
            cp victim dir/file
            ln -s ../victim dir/link
            exec 9<>dir/out 8<>dir/fifo2
            fails 73 "$(program_of $what): dir/out: it was replaced meanwhile; write where only you can" \
                neighbour openat:out $other with_output $what dir/out
            exec 9<&- 8<&-
            cmp victim ref
            if [ -f dir/out ]; then cmp dir/out ref; fi
        done
    done
}

@test "a link to a device, a pipe or a descriptor is not written through; one to a file is a file that exists" {
    mkfifo fifo
    exec 9<>fifo
    for target in /dev/null "$PWD/fifo" /dev/stdout /proc/self/fd/9; do
        for what in $all_outputs; do
            echo "$target $what"
            ln -sf "$target" link
            for overwrite in "" --overwrite; do
                [ $what.$overwrite = xbcrypt-dec.x ] && continue
                fails 73 "$(program_of $what): link: this is a symbolic link to a device or a pipe, which is not followed; give the path that it leads to" \
                    with_output $what link $overwrite
                [ -z "$output" ]
            done
        done
    done
    for what in $all_outputs; do
        ln -sf victim link
        fails 73 "$(program_of $what): link: file exists already; remove it, or use --overwrite to replace it" with_output $what link
        ln -sf nowhere link
        fails 73 "$(program_of $what): link: file exists already; remove it, or use --overwrite to replace it" with_output $what link
        ln -sf victim link
        with_output $what link --overwrite
        [ ! -L link ]
    done
    [ "$(cat victim)" = 'of root alone' ]
}

@test "devices, FIFOs and descriptors that are named are written to as they are" {
    mkfifo fifo
    cat fifo >got &
    succeeds with_output xbcrypt-dec fifo
    wait
    cmp got "$xbc/plain.txt"
    succeeds with_output xbcrypt-dec /dev/null
    for name in /dev/stdout /dev/fd/1 /proc/self/fd/1; do
        for overwrite in "" --overwrite; do
            echo "$name $overwrite"
            with_output xbcrypt-dec $name $overwrite | cmp - "$xbc/plain.txt"
            (echo before; with_output xbcrypt-dec $name $overwrite; echo after) >got
            (echo before; cat "$xbc/plain.txt"; echo after) | cmp - got
        done
    done
    echo before >got
    with_output xbcrypt-dec /dev/fd/7 7>>got
    (echo before; cat "$xbc/plain.txt") | cmp - got
    [ "$(with_output manifest /dev/stderr 2>&1)" = "$(printf text | sha256sum | cut -c 1-64)  xtrabackup_info" ]
    fails 73 "xbcrypt-dec: /dev/fd/7: cannot open for writing: Bad file descriptor" with_output xbcrypt-dec /dev/fd/7
    reading() { with_output xbcrypt-dec /dev/fd/7 7<in; }
    fails 73 "xbcrypt-dec: /dev/fd/7: cannot open for writing: Bad file descriptor" reading
    fails 73 "xbcrypt-dec: /dev/fd/x: cannot create: No such file or directory" with_output xbcrypt-dec /dev/fd/x
}

@test "xbpack leaves out the output, by whatever name" {
    mkdir t
    echo x >t/a
    for name in - /dev/stdout /dev/fd/1; do
        echo "$name"
        run --separate-stderr bash -c 'xbpack -C t -o '$name' >t/out'
        [ "$status" -eq 0 ]
        [ "$stderr" = "xbpack: warning: out: left out: it is the output" ]
        [ "$(xbunpack -t -i t/out)" = a ]
    done
}

need_root() { [ "$(id -u)" -eq 0 ] || skip "only root can give files to another user"; }

@test "a FIFO of another user, and another user's links on the way: 77" {
    need_root
    mkdir dir real
    mkfifo dir/fifo
    chown nobody dir dir/fifo
    ln -s "$PWD/real" dir/link
    chown -h nobody dir/link
    for what in $all_outputs; do
        fails 77 "$(program_of $what): dir/fifo: this FIFO belongs to another user (65534), who would get the data; if you want that, use standard output and >" \
            with_output $what dir/fifo
        fails 77 "$(program_of $what): dir/link/out: cannot create: link is a symbolic link of another user (65534), which is not followed; give the path that it leads to" \
            with_output $what dir/link/out
    done
    fails 77 "xbunpack: cannot make directory dir/link/new: link is a symbolic link of another user (65534), which is not followed; give the path that it leads to" \
        xbunpack -i in -C dir/link/new
    fails 77 "xbunpack: cannot open directory dir/link: link is a symbolic link of another user (65534), which is not followed; give the path that it leads to" \
        xbunpack -i in -C dir/link
    ln -s dir/link own # the user's own link to it, too
    fails 77 "xbunpack: cannot open directory own: link is a symbolic link of another user (65534), which is not followed; give the path that it leads to" \
        xbunpack -i in -C own
    [ -z "$(ls real)" ]
    need_unprivileged
    chmod 755 real dir .
    chown -h root dir/link
    chown nobody real
    chmod 644 in
    succeeds unprivileged xbunpack -i in -C dir/link # a link of root's
    [ "$(ls real)" = xtrabackup_info ]
}

@test "paths: own links, their chains and loops, dots and slashes" {
    mkdir -p a/b
    ln -s a l1
    ln -s "$PWD/l1" l2
    ln -s loop loop
    ln -s l2/b/ l3
    succeeds with_output xbcrypt-dec l2/b/../b//one
    succeeds with_output xbcrypt-dec "$PWD/l3/./two"
    [ "$(files a)" = "b/one
b/two" ]
    fails 73 "xbcrypt-dec: loop/x: cannot create: Too many levels of symbolic links" with_output xbcrypt-dec loop/x
    fails 73 "xbcrypt-dec: in/x: cannot create: Not a directory" with_output xbcrypt-dec in/x
    fails 73 "xbcrypt-dec: l2/c/x: cannot create: No such file or directory" with_output xbcrypt-dec l2/c/x
    for dir in a/b/c a/b/d/ "$PWD//l3/e" ./l1/../f; do
        succeeds xbunpack -i in -C "$dir"
        [ -f "$dir/xtrabackup_info" ]
    done
    succeeds xbunpack -i in -C l3/
    fails 73 "xbunpack: cannot make directory loop/x: Too many levels of symbolic links" xbunpack -i in -C loop/x
    cd a
    succeeds xbunpack -i ../in -C ..
    [ -f ../xtrabackup_info ]
}

@test "what takes the place of a directory that was just made is not entered" {
    need_neighbour
    message="xbunpack: cannot make directory dir/new: it was replaced meanwhile; make it where only you can write"
    mkdir victims
    for other in link file full open; do
        rm -rf dir
        mkdir dir dir/full dir/open
        ln -s ../victims dir/link
        touch dir/file dir/full/x
        chmod 777 dir dir/open
        echo "$other"
        fails 73 "$message" neighbour mkdirat:new $other xbunpack -i in -C dir/new
        [ -z "$(ls victims)$(find . -name xtrabackup_info)" ]
    done
    need_root
    rm -rf dir
    mkdir dir dir/foreign
    chown nobody dir/foreign
    fails 73 "$message" neighbour mkdirat:new foreign xbunpack -i in -C dir/new
    [ -z "$(ls victims)" ]
}

@test "a list or report below DIR never takes the place of a file that was restored" {
    lost="this run has written a file of this name, or of one that is the same to the file system, and it would be lost; write elsewhere"
    make_xbstream "MEMBER name=d/sums data=precious" "MEMBER name=b data=other" >two
    for overwrite in "" --overwrite; do
        for dir in out ./out out/../out link; do
            rm -rf out link
            mkdir -p out/d
            ln -s out link
            echo "$overwrite $dir"
            fails 73 "xbunpack: $dir/d/sums: $lost" xbunpack -C out $overwrite --manifest=$dir/d/sums -i two
            [ "$(cat out/d/sums)" = precious ]
            [ "$(files out)" = "b
d/sums" ]
            fails 73 "xbunpack: $dir/d/sums: $lost" xbunpack -C out --overwrite --salvage --report=$dir/d/sums -i two
            [ "$(cat out/d/sums)" = precious ]
        done
    done
    # By hard links of files that were there before, each name gets its own file.
    rm -rf out
    mkdir -p out/d
    echo old >out/m
    ln out/m out/d/sums
    succeeds xbunpack -C out --overwrite --manifest=out/m -i two
    [ "$(cat out/d/sums)" = precious ]
    (cd out && sha256sum -c --quiet m)
    # qpunpack, and two lists of one name.
    make_qpress ARCHIVE "FILE name=sums data=precious" >two.qp
    rm -rf out
    mkdir out
    fails 73 "qpunpack: out/sums: $lost" qpunpack -C out --overwrite --manifest=out/sums -i two.qp
    [ "$(cat out/sums)" = precious ]
    fails 73 "xbunpack: out/../x: two outputs have this name: expected a file for each" xbunpack -C out --overwrite --salvage --report=x --manifest=out/../x -i two
}

@test "no restored file takes the place of a file that a descriptor writes to, or of what is read" {
    another="another output of this run goes to this file already, and would be lost; write elsewhere"
    make_xbstream "MEMBER name=log data=text" >two
    mkdir out
    to_log() { xbunpack -C out --overwrite --manifest=- -i two >out/log; }
    fails 73 "xbunpack: log: $another" to_log
    json_to_log() { xbunpack -C out --overwrite --json-progress=7 -i two 7>out/log; }
    fails 73 "xbunpack: log: $another" json_to_log
    grep -q '"done":true,"ok":false' out/log
    status=0
    xbunpack -C out --overwrite -i two 2>out/log || status=$?
    [ "$status" -eq 73 ]
    [ "$(cat out/log)" = "xbunpack: log: $another" ]
    cp two out/log
    fails 73 "xbunpack: log: this file is being read, and would be lost; write elsewhere" xbunpack -C out --overwrite -i out/log
    cmp two out/log
}

@test "names that the file system takes for one: 73, and no file is lost" {
    need_neighbour
    make_xbstream "MEMBER name=shop/Orders.ibd data=one" "MEMBER name=shop/orders.ibd data=two" >files
    make_xbstream "MEMBER name=Shop/a.ibd data=one" "MEMBER name=shop/b.ibd data=two" >folders
    make_xbstream "MEMBER name=Shop/t/a.ibd data=one" "MEMBER name=shop/u/b.ibd data=two" >deep
    for overwrite in "" --overwrite; do
        for j in 1 3; do
            rm -rf out
            run --separate-stderr folding xbunpack -j $j -C out $overwrite -i files
            echo "$overwrite $j: $status $stderr"
            [ "$status" -eq 73 ]
            [ "$stderr" = "xbunpack: shop/orders.ibd: this run has written a file of this name, or of one that is the same to the file system, and it would be lost; write elsewhere" ]
            [ "$(cat out/shop/orders.ibd)" = one ]
            for archive in folders deep; do
                rm -rf out
                fails 73 "xbunpack: shop: this folder is the same as Shop here: the two names are the same to the file system; restore to another" \
                    folding xbunpack -j $j -C out $overwrite -i $archive
            done
        done
    done
    make_xbstream "MEMBER name=Sums data=one" >sums
    rm -rf out
    mkdir out
    run --separate-stderr folding xbunpack -C out --overwrite --manifest=out/sums -i sums
    [ "$status" -eq 73 ]
    [ "$(cat out/sums)" = one ]
}

# without CALLS ERROR COMMAND...: as on a kernel or file system that refuses these calls.
without() { strace -f -o /dev/null -e trace="$1" -e inject="$1:error=$2" "${@:3}"; }

@test "where renames cannot refuse to replace a file it is not replaced either" {
    need_strace
    make_xbstream "MEMBER name=f data=text" >one
    for calls in renameat2 renameat2,linkat; do
        for error in EPERM ENOSYS EINVAL; do
            echo "$calls $error"
            rm -rf out
            succeeds without $calls $error xbunpack -C out -i one
            [ "$(files out)" = f ]
            [ "$(cat out/f)" = text ]
            [ "$(stat -c %a out/f)" = 600 ]
            echo old >out/f
            succeeds without $calls $error xbunpack -C out --overwrite -i one
            [ "$(cat out/f)" = text ]
            need_neighbour
            rm -rf out
            mkdir out
            echo "of somebody else" >out/other
            fails 73 "xbunpack: f: file exists already; remove it, or use --overwrite to replace it" \
                neighbour renameat2:f other without $calls $error xbunpack -C out -i one
            [ "$(cat out/f)" = "of somebody else" ]
            [ "$(files out)" = f ]
        done
    done
    rm -rf out
    fails 77 "xbunpack: f: cannot give the file its name: Operation not permitted" \
        without renameat2,linkat,mknodat,mknod EPERM xbunpack -C out -i one
    [ -z "$(files out)" ]
}

# read_only_by_reading INPUT COMMAND...: it succeeds, reads the file INPUT, and maps no part of it.
read_only_by_reading() {
    local input
    input=$(realpath "$1")
    shift
    echo "command: $*"
    strace -f -y -o trace -e trace=mmap,read,pread64,readv,preadv "$@" >/dev/null 2>err || {
        cat err
        return 1
    }
    if ! grep -qE "(read|readv|pread64|preadv)\([0-9]+<$input>" trace; then
        echo "it does not read $input"
        return 1
    fi
    if grep -E "mmap\(.*<$input>" trace; then
        echo "it maps $input"
        return 1
    fi
}

@test "no program maps its input, which others may change while it is used" {
    need_strace
    head -c 300000 /dev/urandom >plain
    make_xbstream "MEMBER name=f data=text" >one
    tar -cf one.tar plain
    gzip -k one
    xbcrypt-enc -f "$xbc/key256" -i plain -o plain.xbcrypt
    xbcrypt-enc -f "$xbc/key256" -i one -o one.xbcrypt
    head -c 32 /dev/urandom >data.key
    printf '{"CiphertextBlob": "AQICAHhN", "Plaintext": "%s", "KeyId": "k"}\n' "$(base64 -w 0 data.key)" >reply
    chmod 600 data.key reply
    s3cse-enc -e meta.json -f reply -i plain -o object
    read_only_by_reading one xbunpack -C out1 -i one
    read_only_by_reading one xbunpack --salvage -C out2 -i one
    read_only_by_reading one xbunpack --test --manifest=list -i one
    read_only_by_reading "$fixtures/mariadb/shop_qp.xb" xbunpack --info -i "$fixtures/mariadb/shop_qp.xb"
    read_only_by_reading one xbunpack -t -i one
    read_only_by_reading one.gz xbunpack --auto -C out3 -i one.gz
    read_only_by_reading one.tar xbunpack --auto -C out4 -i one.tar
    read_only_by_reading one.xbcrypt xbunpack --auto -f "$xbc/key256" -C out5 -i one.xbcrypt
    read_only_by_reading plain.xbcrypt xbcrypt-dec -f "$xbc/key256" -i plain.xbcrypt -o out6
    read_only_by_reading plain.xbcrypt xbcrypt-dec --salvage -f "$xbc/key256" -i plain.xbcrypt -o out7
    read_only_by_reading plain xbcrypt-enc -f "$xbc/key256" -i plain -o out8
    read_only_by_reading "$fixtures/qpress/tree.L1.qp" qpunpack -C out9 -i "$fixtures/qpress/tree.L1.qp"
    read_only_by_reading object s3cse-dec -e meta.json -f data.key -i object -o out10
    read_only_by_reading plain s3cse-enc -e meta2.json -f reply -i plain -o out11
    read_only_by_reading plain xbpack -o out12 plain
    read_only_by_reading plain qppack -o out13 plain
}

@test "two outputs that would mix in one descriptor: 64, before anything is written" {
    mixing() { echo "$1: another output goes to the same place, and the two would mix; give each a file of its own"; }
    json=--json-progress
    qp=$fixtures/qpress/tree.L1.qp
    decrypt="xbcrypt-dec -f $xbc/key256 -i $encrypted"
    # Each with its output in a file, and in a pipe.
    while read -r -a command; do
        for to in 'exec "$@" >out' 'set -o pipefail; "$@" | cat >out' 'exec "$@" >out 2>&1'; do
            echo "${command[*]} to $to"
            rm -f out
            run --separate-stderr bash -c "$to" bash "${command[@]:1}"
            [ "$status" -eq 64 ]
            found=$stderr
            if [[ $to == *2* ]]; then found=$(cat out); else [ ! -s out ]; fi
            [ "$found" = "${command[1]}: $(mixing "${command[0]/@/ }")" ]
        done
    done <<EOF2
$json=1 $decrypt $json=1
$json=1 $decrypt -o - $json=1
$json=1 $decrypt -o /dev/stdout $json=1
$json=1 $decrypt -o /dev/fd/1 $json=1
/dev/stdout $decrypt -o /dev/stdout --salvage --report=-
standard@output $decrypt --salvage --report=/dev/stdout
/proc/self/fd/1 $decrypt -o /proc/self/fd/1 --salvage --report=/dev/stdout
$json=1 xbcrypt-enc -f $xbc/key256 -i in $json=1
$json=1 xbpack in $json=1
$json=1 xbpack in -o /dev/stdout $json=1
$json=1 xbunpack -t -i in $json=1
$json=1 xbunpack --info -i in $json=1
$json=1 xbunpack --to-stdout=xtrabackup_info -i in $json=1
$json=1 xbunpack --test --manifest=- -i in $json=1
$json=1 xbunpack --test --salvage --report=/dev/stdout -i in $json=1
standard@output xbunpack -t --salvage --report=/dev/stdout -i in
/dev/stdout xbunpack --test --manifest=/dev/stdout --salvage --report=- -i in
$json=1 qpunpack -i $qp $json=1
$json=1 qpunpack -t -i $qp $json=1
$json=1 qpunpack --test --manifest=- -i $qp $json=1
standard@output qpunpack --salvage --report=/dev/fd/1 -i $qp
EOF2
    # By another number.
    both() { "$@" >out 2>&1; }
    run both xbcrypt-dec -f "$xbc/key256" -i "$encrypted" $json=2
    [ "$status" -eq 64 ]
    [ "$(cat out)" = "xbcrypt-dec: $(mixing "$json=2")" ]
    third() { "$@" 7>&1 | cat >out; return "${PIPESTATUS[0]}"; }
    fails 64 "xbcrypt-dec: $(mixing "$json=7")" third xbcrypt-dec -f "$xbc/key256" -i "$encrypted" $json=7
    fails 64 "xbunpack: $(mixing "$json=7")" third xbunpack --test --manifest=- -i in $json=7
    mkfifo fifo
    exec 9<>fifo
    fails 64 "xbcrypt-dec: $(mixing "$json=9")" xbcrypt-dec -f "$xbc/key256" -i "$encrypted" -o fifo $json=9
    exec 9<&-
    # What stores nothing takes any number, and two places are two.
    both=$(xbcrypt-dec -f "$xbc/key256" -i "$encrypted" -o /dev/null --salvage --report=/dev/null $json=7 7>/dev/null 2>&1)
    [ -z "$both" ]
    xbcrypt-dec -f "$xbc/key256" -i "$encrypted" $json=2 >out 2>lines
    cmp out "$xbc/plain.txt"
    grep -q '"done":true,"ok":true' lines
}
