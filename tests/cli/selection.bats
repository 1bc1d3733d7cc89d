# SPDX-License-Identifier: Apache-2.0
# xbunpack: members by name and pattern, one member to standard output, the long list.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    part=$rds/part.sha256
}

hint() { printf '%s\n%s' "$1" "Try \`xbunpack --help' or \`xbunpack --usage' for more information."; }

# chosen LIST ARGUMENT...: these members of a stream with these, and no others, are unpacked.
chosen() {
    local expected=$1 j
    shift
    grep -E "  (\./)?($expected)$" "$part" >sums
    for j in 1 3; do
        rm -rf out
        succeeds xbunpack -j $j -C out --decrypt -f "$key" --decompress -i "$rds/part_zst_v3.xb" "$@"
        restored out "$PWD/sums"
        succeeds xbunpack -j $j -t -i "$rds/part_zst_v3.xb" "$@"
        [ "${#lines[@]}" -eq "$(wc -l <sums)" ]
    done
}

@test "members by name, as stored and as restored; folders" {
    chosen 'backup-my.cnf' backup-my.cnf
    chosen 'shop/myi.MYI|xtrabackup_info' shop/myi.MYI.zst xtrabackup_info.zst.xbcrypt
    chosen 'shop/.*' shop
    chosen 'shop/.*|xtrabackup_info' xtrabackup_info shop/
}

@test "members by pattern: name, folder, database and table" {
    chosen 'shop/orders.*' --include='shop/orders*'
    chosen 'shop/.*' --include='sh*'
    chosen 'shop/myi.*' --include=shop.myi
    chosen 'shop/myi.MY.|shop/db.opt' --include=shop.myi --exclude='*.frm' shop/db.opt
    chosen '[^s].*' --exclude=shop
    chosen 'shop/myi.frm|xtrabackup_info' --exclude='*s/*' --include=xtrabackup_info shop/myi.frm
}

@test "what is not wanted is verified, not decoded, and its name does not matter" {
    make_xbstream 'MEMBER name=../x data=y' 'MEMBER name=b.lz4 data=garbage' 'MEMBER name=a data=x' >odd
    succeeds xbunpack -C out --decompress -i odd a
    [ "$(files out)" = a ]
    [ "$(files .)" = "odd
out/a" ]
    make_xbstream 'MEMBER name=a data=x' 'P name=b data=x crc=bad' 'E name=b' >bad
    run --separate-stderr xbunpack -C out2 -i bad a
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: b: damaged xbstream chunk at input offset "*": CRC-32: "* ]]
    [ "$(files out2)" = a ]
    # A cut stream is an error, whichever member is unfinished; only wanted members are named.
    make_xbstream 'MEMBER name=a data=x' 'P name=b data=x' 'P name=c data=x' >cut
    fails 65 "xbunpack: c: unfinished: the stream ended before it; its file was not created
xbunpack: xbstream ends too early, at input offset 123: expected the end of 2 more members; it was cut short: fetch the backup again" xbunpack -C out3 -i cut a c
}

@test "a name that is not there, nothing selected: 66, what was there stays" {
    fails 66 "xbunpack: a\\x0a: not found in the archive; -t lists what it holds
xbunpack: shop/db: not found in the archive; -t lists what it holds" xbunpack -C out -i "$rds/part_zst.xb" $'a\n' shop/db xtrabackup_info
    [ "$(files out)" = xtrabackup_info.zst ]
    rm -r out
    fails 66 "xbunpack: no member is selected; -t lists what the archive holds" xbunpack -C out -i "$rds/part_zst.xb" --include='*.zst'
    fails 66 "xbunpack: no member is selected; -t lists what the archive holds" xbunpack -t -i "$rds/part_zst.xb" --exclude='*'
    fails 66 "xbunpack: nix: not found in the archive; -t lists what it holds" xbunpack --to-stdout=nix -i "$rds/part_zst.xb"
    [ -z "$(files out)" ]
}

@test "--to-stdout: one member, decoded as the options say" {
    sum=$(sed -n 's,  shop/myi.MYD$,  -,p' "$part")
    for j in 1 3; do
        for s in lz4 zst; do
            [ "$(xbunpack -j $j --to-stdout=shop/myi.MYD --decrypt -f "$key" --decompress <"$rds/part_${s}_v3.xb" | sha256sum)" = "$sum" ]
            xbunpack -j $j --to-stdout shop/myi.MYD --decrypt -f "$key" -i "$rds/part_${s}_v3.xb" >plain.$s
            xbunpack -j $j --to-stdout shop/myi.MYD.$s -i "$rds/part_$s.xb" | cmp - plain.$s
        done
    done
    xbunpack -C out -i "$rds/part_lz4_v3.xb" shop/db.opt
    xbunpack --to-stdout=shop/db.opt.lz4 -i "$rds/part_lz4_v3.xb" | cmp - out/shop/db.opt.lz4.xbcrypt
    fails 0 "xbunpack: xtrabackup_info.zst -> xtrabackup_info" xbunpack -v --to-stdout=xtrabackup_info --decompress -i "$rds/part_zst.xb"
    # Holes are zeros.
    make_xbstream 'S name=s map=70000:4,0:2,5:0 data=abcdef' 'MEMBER name=t data=no' 'E name=s' >sparse
    { head -c 70000 /dev/zero; printf 'abcdef'; head -c 5 /dev/zero; } >expected
    xbunpack --to-stdout=s -i sparse | cmp - expected
    [ "$(files .)" = "expected
out/shop/db.opt.lz4.xbcrypt
plain.lz4
plain.zst
sparse" ]
}

@test "--to-stdout: a failure comes after a correct beginning" {
    make_xbstream 'P name=a data=12' 'P name=b data=no' 'P name=a data=34 offset=2' 'P name=a data=x offset=4 crc=bad' 'E name=a' >bad
    run --separate-stderr xbunpack --to-stdout=a -i bad
    [ "$status" -eq 65 ]
    [ "$output" = 1234 ]
    make_qpress ARCHIVE 'FILE name=t data=packed' >t.qp
    make_xbstream 'MEMBER name=t data=plain' 'MEMBER name=t.qp data=@t.qp' >twice
    fails 65 "xbunpack: t: the archive has another member of this name" xbunpack --to-stdout=t --decompress -i twice
    [ "$output" = plain ]
    succeeds xbunpack --to-stdout=t.qp --decompress -i twice
    [ "$output" = packed ]
    full() { xbunpack --to-stdout=t.qp -i twice >/dev/full; }
    fails 74 "xbunpack: cannot write standard output: No space left on device" full
    closed() { xbunpack --to-stdout=t.qp -i twice >&-; }
    fails 74 "xbunpack: cannot write standard output: Bad file descriptor" closed
}

@test "--to-stdout: a reader that goes away ends it quietly" {
    make_xbstream 'MEMBER name=a data=*3000000' >big
    for j in 1 3; do
        (
            set +e
            xbunpack -j $j --to-stdout=a -i big 2>err | head -c 10 | wc -c >count
            echo "${PIPESTATUS[0]}" >status
        )
        [ "$(cat status)" -eq 141 ] || [ "$(cat status)" -eq 74 ]
        [ ! -s err ]
        [ "$(cat count)" -eq 10 ]
    done
}

@test "-tv: sizes and forms" {
    xbunpack -C out -i "$rds/part_lz4_v3.xb"
    xbunpack -C whole --decrypt -f "$key" --decompress -i "$rds/part_lz4_v3.xb"
    for j in 1 3; do
        xbunpack -j $j -tv -i "$rds/part_lz4_v3.xb" >list
        [ "$(wc -l <list)" -eq "$(files out | wc -l)" ]
        while read -r stored restored forms name; do
            [ "$stored" -eq "$(stat -c %s "out/$name")" ]
            [ "$restored $forms" = "- xbcrypt,lz4" ]
        done <list
        xbunpack -j $j -tv --decrypt -f "$key" --decompress -i "$rds/part_lz4_v3.xb" >list 2>err
        [ "$(cat err)" = "xbunpack: $key: key for AES256" ]
        [ "$(wc -l <list)" -eq "$(files out | wc -l)" ]
        while read -r stored restored forms name; do
            [ "$stored" -eq "$(stat -c %s "out/$name")" ]
            [ "$restored" -eq "$(stat -c %s "whole/${name%.lz4.xbcrypt}")" ]
            [ "$forms" = xbcrypt,lz4 ]
        done <list
    done
    # In the order in which they end, however much there is to decode.
    for j in 1 3; do
        run -0 --separate-stderr xbunpack -j $j -tv --decompress -i "$fixtures/mariadb/shop_qp.xb"
        awk '{print $4}' <<<"$output" >"order.$j"
        xbunpack -tv -i "$fixtures/mariadb/shop_qp.xb" | awk '{print $4}' | cmp - "order.$j"
    done
    # Half undone is not known; sparse, empty, hostile and plain ones are.
    xbunpack -tv --decrypt -f "$key" -i "$rds/part_lz4_v3.xb" shop/db.opt >list 2>/dev/null
    [ "$(cat list)" = "         175            - xbcrypt,lz4 shop/db.opt.lz4.xbcrypt" ]
    make_xbstream 'S name=s map=1000:4,0:2,5:0 data=abcdef' 'MEMBER name=a\x0ab\x20c data=xyz' 'E name=../e' 'E name=s' 'S name=t.qp map=1:2 data=ab' 'E name=t.qp' >odd
    succeeds xbunpack -tv -i odd
    [ "$output" = '           3            3 -           a\x0ab c
           0            0 -           ../e
           6         1011 sparse      s
           2            - qp,sparse   t.qp' ]
    succeeds xbunpack -tv -i odd t
    [ "$output" = '           2            - qp,sparse   t.qp' ]
    # What is wrong inside a member shows where decoders run.
    make_xbstream 'MEMBER name=a data=x' 'MEMBER name=b.qp data=garbage\x20garbage' >bad
    succeeds xbunpack -tv -i bad
    run --separate-stderr xbunpack -tv --decompress -i bad
    [ "$status" -eq 65 ]
    [ "$output" = '           1            1 -           a' ]
    [[ $stderr == "xbunpack: b.qp: not a qpress archive "* ]]
    full() { xbunpack -tv -i odd >/dev/full; }
    fails 74 "xbunpack: cannot write standard output: No space left on device" full
}

@test "what does not go together: 64" {
    for other in b --include=b --exclude=b; do
        fails 64 "$(hint "xbunpack: --to-stdout writes one member: it does not go with others, --include or --exclude")" xbunpack --to-stdout=a $other
    done
    for other in -t --test --info -Cout; do
        fails 64 "$(hint "xbunpack: choose one of -C, -t, --test, --info and --to-stdout")" xbunpack --to-stdout=a $other
    done
    fails 64 "$(hint "xbunpack: --to-stdout: expected one member, found another: b")" xbunpack --to-stdout=a --to-stdout=b
    for option in --include= --exclude= ""; do
        fails 64 "$(hint "xbunpack: an empty name or pattern matches no member")" xbunpack "$option"
    done
}

@test "a terminal is no archive: 64" {
    fails 64 "$(hint "xbunpack: standard input is a terminal: expected an archive; use -i FILE or <FILE")" timeout 10 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 0 xbunpack backup.xb
}
