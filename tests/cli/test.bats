# SPDX-License-Identifier: Apache-2.0
# --test of xbunpack and qpunpack: everything is verified as for -C, and nothing is written.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    qp=$fixtures/qpress
}

hint() { printf '%s\n%s' "$1" "Try \`$2 --help' or \`$2 --usage' for more information."; }

@test "what is whole passes, and leaves nothing" {
    for j in 1 3; do
        succeeds xbunpack --test -j $j --decompress -i "$fixtures/mariadb/shop_qp.xb"
        succeeds xbunpack --test -j $j --decrypt -f "$key" --decompress -i "$rds/full_v3_qp.xb"
        succeeds xbunpack --test -j $j --decrypt -f "$key" --decompress -i "$rds/part_zst_v3.xb"
        local n
        n=$(xbunpack -t -i "$rds/part_lz4_v3.xb" | wc -l)
        fails 0 "xbunpack: warning: $n of $n members stayed encrypted: of these only the checksums of the archive were verified; to verify their content, use --decrypt -f FILE" xbunpack --test -j $j -i "$rds/part_lz4_v3.xb"
        run -0 --separate-stderr xbunpack --test -v -j $j -i "$rds/part_lz4_v3.xb"
        [ "${stderr_lines[-1]}" = "xbunpack: verified, $n files, $n of which as they are stored, encrypted or compressed" ]
        succeeds qpunpack --test -j $j -i "$qp/tree.L3.qp"
    done
    [ -z "$output" ]
    make_xbstream 'S name=hole map=4096:1,4096:1 data=ab' 'E name=hole' >sparse
    succeeds xbunpack --test -i sparse
    rm sparse
    [ -z "$(ls -A)" ]
}

@test "-v names the files" {
    make_xbstream 'MEMBER name=d/a data=x' 'MEMBER name=b data=y' >in
    fails 0 "xbunpack: d/a
xbunpack: b
xbunpack: verified, 2 files" xbunpack --test -v -i in
    make_qpress ARCHIVE 'D name=f' 'FILE name=a data=x' U >in
    fails 0 "qpunpack: f
qpunpack: f/a" qpunpack --test -v -i in
}

@test "damage, a wrong key, a cut: status and message of -C" {
    cp "$rds/full_v3_qp.xb" bad
    printf '\377' | dd of=bad bs=1 seek=100000 conv=notrunc status=none
    printf %s 0123456789abcdef0123456789abcdef >wrong
    make_xbstream 'MEMBER name=../x data=y' >hostile
    make_xbstream 'MEMBER name=a data=y' 'P name=b data=z' >cut
    make_xbstream 'MEMBER name=a data=y' 'MEMBER name=a.qp data=z' >twice
    for arguments in "-f $key -i bad" "-f wrong -i $rds/full_v3_qp.xb" "-f $key -i hostile" "-f $key -i twice"; do
        for j in 1 3; do
            # shellcheck disable=SC2086 # several words
            run --separate-stderr xbunpack -C out -j $j --decrypt --decompress $arguments
            [ "$status" -eq 65 ]
            expected=$stderr
            # shellcheck disable=SC2086
            fails 65 "$expected" xbunpack --test -j $j --decrypt --decompress $arguments
            rm -rf out
        done
    done
    # Of a file that is not created there is nothing to say.
    fails 65 "xbunpack: b: unfinished: the stream ended before it
xbunpack: xbstream ends too early, at input offset $(stat -c %s cut): expected the end of 1 more member; it was cut short: fetch the backup again" xbunpack --test -i cut
    head -c 150000 "$qp/tree.L1.qp" >cut
    run --separate-stderr qpunpack -C out -i cut
    [ "$status" -eq 65 ]
    fails 65 "$stderr" qpunpack --test -i cut
    make_qpress ARCHIVE 'D name=..' 'FILE name=a data=x' >hostile
    fails 65 'qpunpack: refused member name "..": it has a component ".."' qpunpack --test -i hostile
    # Checksums of what only -C and --test decode.
    cp "$qp/tree.L1.qp" bad
    printf '\377' | dd of=bad bs=1 seek=60000 conv=notrunc status=none
    run --separate-stderr qpunpack --test -i bad
    [ "$status" -eq 65 ]
    [ -n "$stderr" ]
}

@test "it goes with neither -C nor -t nor -o: 64" {
    for other in "-C out" -t; do
        # shellcheck disable=SC2086 # several words
        fails 64 "$(hint "xbunpack: choose one of -C, -t, --test, --info and --to-stdout" xbunpack)" xbunpack --test $other -i /dev/null
    done
    for other in "-C out" -t -o; do
        # shellcheck disable=SC2086
        fails 64 "$(hint "qpunpack: choose one of -o, -C, -t and --test" qpunpack)" qpunpack --test $other -i /dev/null
    done
    [ -z "$(ls -A)" ]
}

@test "no directory is needed that could be written" {
    need_unprivileged
    mkdir -m 555 shut
    cd shut
    succeeds unprivileged xbunpack --test --decompress -i "$fixtures/mariadb/shop_qp.xb"
    succeeds unprivileged qpunpack --test -i "$qp/tree.L2.qp"
}
