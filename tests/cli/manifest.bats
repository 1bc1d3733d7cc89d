# SPDX-License-Identifier: Apache-2.0
# --manifest and --verify of xbunpack and qpunpack, against sha256sum of coreutils.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    qp=$fixtures/qpress
    shop=$fixtures/mariadb/shop.sha256
}

hint() { printf '%s\n%s' "$1" "Try \`$2 --help' or \`$2 --usage' for more information."; }
sum() { sha256sum | cut -c 1-64; }

# sums DIR: the list that sha256sum makes of what is below it, in the order of the names' bytes.
sums() { (cd "$1" && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum --); }

@test "the manifest is the list that sha256sum makes, for any number of threads" {
    for j in 1 2 7; do
        succeeds xbunpack -j $j -C out --decrypt -f "$key" --decompress --manifest=sums -i "$rds/full_v3_qp.xb"
        sums out | cmp - sums
        restored out "$shop"
        rm -r out
        succeeds xbunpack -j $j --test --decompress --manifest=tested -i "$fixtures/mariadb/shop_qp.xb"
        cmp sums tested
        rm tested sums
        succeeds qpunpack -j $j -C out --manifest=sums -i "$qp/tree.L3.qp"
        sums out | cmp - sums
        rm -r out sums
    done
    # Members as they are stored, and to standard output.
    xbunpack -C out --manifest=- -i "$rds/part_lz4_v3.xb" >sums
    sums out | cmp - sums
    qpunpack -C out.qp --manifest=- -i "$qp/tree.L3.qp" >sums
    sums out.qp | cmp - sums
}

@test "names that sha256sum escapes, and the way back" {
    make_xbstream 'MEMBER name=a\x5cb data=1' 'MEMBER name=c\x0ad data=2' 'MEMBER name=e\x0d data=3' \
        'MEMBER name=\x20f data=4' 'MEMBER name=*g data=5' 'MEMBER name=\xff data=6' 'MEMBER name=\x5cn data=' \
        'MEMBER name=z data=@'"$fixtures/xbcrypt/plain.txt" >in
    succeeds xbunpack -C out --manifest=sums -i in
    sums out | cmp - sums
    (cd out && sha256sum -c --quiet --strict ../sums)
    succeeds xbunpack --test --verify=sums -i in
    # The other form, upper case, a comment, "./", no newline at the end.
    { echo "# of $(date +%Y)"; (cd out && find . -type f -print0 | xargs -0 sha256sum -b --) | sed -E 's/^(.?)([0-9a-f]{64})/\1\U\2/'; } >binary
    head -c -1 binary >cut
    grep -q '^[^ ]* \*\./z$' binary
    for list in binary cut; do succeeds xbunpack -C out --overwrite --verify=$list -i in; done
}

@test "--manifest on a terminal shows names, and obeys none" {
    make_xbstream 'MEMBER name=c\x1b]0;pwn\x07\xe2\x80\xae\x5c data=x' >in
    for to in - /dev/stdout; do
        run -0 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 1 xbunpack --test --overwrite --manifest=$to -i in
        [ "$output" = "$(printf x | sum)  c\\x1b]0;pwn\\x07\\xe2\\x80\\xae\\x5c" ] || { echo "$to: $output" | cat -v; return 1; }
    done
    # The longest name, each byte of it escaped.
    name=$(printf '\\x01%.0s' {1..255})
    make_xbstream "MEMBER name=$name/$name data=x" >in
    run -0 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 1 xbunpack --test --manifest=- -i in
    [ "$output" = "$(printf x | sum)  $name/$name" ]
    # To a pipe it is the list of sha256sum.
    xbunpack -C out --manifest=- -i in >list
    sums out | cmp - list
}

@test "--verify: the fixtures' own lists hold" {
    for j in 1 3; do
        succeeds xbunpack -j $j -C out --decompress --verify="$shop" -i "$fixtures/mariadb/shop_qp.xb"
        restored out "$shop"
        rm -r out
        succeeds xbunpack -j $j --test --decrypt -f "$key" --decompress --verify="$shop" -i "$rds/full_v3_qp.xb"
        succeeds xbunpack -j $j --test --decompress --verify="$rds/part.sha256" -i "$rds/part_zst.xb"
        succeeds qpunpack -j $j --test --verify="$qp/SHA256SUMS" -i "$qp/tree.L1.qp"
    done
}

@test "--verify: a file that differs does not get its name: 65" {
    make_xbstream 'MEMBER name=a data=one' 'MEMBER name=b data=two' 'MEMBER name=c data=three' >in
    printf '%s  %s\n' "$(printf one | sum)" a "$(printf TWO | sum)" b "$(printf three | sum)" c >list
    message="b: SHA-256 is not that of list: expected $(printf TWO | sum), found $(printf two | sum)"
    for j in 1 3; do
        fails 65 "xbunpack: $message" xbunpack -j $j -C out --verify=list --manifest=sums -i in
        [[ $(files out) != *b* ]]
        [ "$(cat out/a)" = one ]
        [ ! -e sums ] # of a run that failed there is none
        rm -r out
        fails 65 "xbunpack: $message" xbunpack -j $j --test --verify=list -i in
    done
    make_qpress ARCHIVE 'FILE name=a data=one' 'FILE name=b data=two' >in
    sed -i '$d' list
    fails 65 "qpunpack: $message" qpunpack -C out --verify=list -i in
    [ "$(files out)" = a ]
}

@test "--verify: files that are not in the list, and that only the list has: 65, each named" {
    make_xbstream 'MEMBER name=a data=one' 'MEMBER name=new data=two' 'MEMBER name=odd\x0a data=' 'MEMBER name=z data=3' >in
    printf '%s  %s\n' "$(printf one | sum)" a "$(printf 3 | sum)" z "$(printf four | sum)" gone/b >list
    for j in 1 3; do
        fails 65 'xbunpack: new: not in list
xbunpack: odd\x0a: not in list
xbunpack: gone/b: in list, but not in the input
xbunpack: the files are not those of list: 1 missing in the input, 2 not in the list' \
            xbunpack -j $j -C out --verify=list --manifest=sums -i in
        [ "$(files out)" = "a
z" ]
        [ ! -e sums ]
        rm -r out
    done
    # Of a selection the list may have more.
    succeeds xbunpack -C out --verify=list -i in z
    [ "$(files out)" = z ]
    fails 65 'xbunpack: new: not in list
xbunpack: the files are not those of list: 0 missing in the input, 1 not in the list' xbunpack --test --verify=list -i in a new
    rm -r out
    # What is not in the list is verified all the same.
    make_xbstream 'MEMBER name=a data=one' 'P name=new data=two crc=bad' 'E name=new' >bad
    run --separate-stderr xbunpack -C out --verify=list -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: new: damaged xbstream chunk at input offset "* ]]
}

@test "many files that are not in the list: none stays open" {
    for i in $(seq 300); do echo "MEMBER name=f$i data=x"; done >arguments
    mapfile -t arguments <arguments
    make_xbstream "${arguments[@]}" >in
    printf '%s  f7\n' "$(printf x | sum)" >list
    limited() { (ulimit -n 60 && xbunpack -C out --verify=list -i in); }
    run --separate-stderr limited
    [ "$status" -eq 65 ]
    [[ $stderr == *"the files are not those of list: 0 missing in the input, 299 not in the list" ]]
    [ "$(files out)" = f7 ]
}

@test "lists that are none: 65; that cannot be read: 66, 74, 77" {
    make_xbstream 'MEMBER name=a data=x' >in
    line=$(printf x | sum)
    for list in "x" "$line a" "$line *" "${line%?}  a" "${line}0  a" "$line  ./" "\\$line  a\\tb" "SHA256 (a) = $line" "$line  $(printf 'n%.0s' {1..512})"; do
        printf '%s\n' "$line  b" "$list" >list
        fails 65 "xbunpack: list: line 2 is not in sha256sum format: expected 64 hexadecimal digits, two spaces and the name of a file" xbunpack -C out --verify=list -i in
    done
    printf '%s  a\0b\n' "$line" >list
    run --separate-stderr xbunpack -C out --verify=list -i in
    [ "$status" -eq 65 ]
    printf '%s  a\n%s  a\n' "$line" "$line" >list
    fails 65 "xbunpack: list: a appears twice" xbunpack -C out --verify=list -i in
    for empty in "" "# nothing"; do
        printf '%s' "$empty${empty:+
}" >list
        fails 65 "xbunpack: list: expected lines of sha256sum, found none" xbunpack -C out --verify=list -i in
    done
    fails 66 "xbunpack: cannot open missing: No such file or directory" xbunpack -C out --verify=missing -i in
    fails 74 "xbunpack: cannot read .: Is a directory" xbunpack -C out --verify=. -i in
    fails 66 "qpunpack: cannot open missing: No such file or directory" qpunpack -C out --verify=missing -i in
    [ ! -e out ]
    need_unprivileged
    printf '%s  a\n' "$line" >list
    chmod 0 list
    fails 77 "xbunpack: cannot open list: Permission denied" unprivileged xbunpack --test --verify=list <in
}

@test "a manifest that cannot be written: known before the work, or 74; never a part of one" {
    make_xbstream 'MEMBER name=a data=x' >in
    touch there
    fails 73 "xbunpack: there: file exists already; remove it, or use --overwrite to replace it" xbunpack -C out --manifest=there -i in
    [ ! -e out ]
    succeeds xbunpack -C out --manifest=there --overwrite -i in
    [ "$(cat there)" = "$(printf x | sum)  a" ]
    rm -r out
    fails 73 "xbunpack: missing/m: cannot create: No such file or directory" xbunpack -C out --manifest=missing/m -i in
    fails 74 "xbunpack: cannot write the manifest: No space left on device" xbunpack -C out --manifest=/dev/full -i in
    full() { xbunpack --test --manifest=- -i in >/dev/full; }
    fails 74 "xbunpack: cannot write standard output: No space left on device" full
    # The list that is checked against is not replaced.
    cp there list
    run --separate-stderr xbunpack --test --verify=list --manifest=list --overwrite -i in
    [ "$status" -eq 73 ]
    cmp there list
    # Damage, a cut: the files of before stay, there is no manifest.
    make_xbstream 'MEMBER name=b data=x' 'P name=c data=y' >cut
    run --separate-stderr xbunpack -C out --manifest=sums -i cut
    [ "$status" -eq 65 ]
    [ "$(files out)" = "a
b" ]
    [ ! -e sums ]
    [ -z "$(find . -name '.xbpipe-*')" ]
    succeeds xbunpack --test --manifest=- -i in
    [ "$output" = "$(printf x | sum)  a" ]
}

@test "they are for files that are restored or tested: 64" {
    for option in --manifest=m --verify=m; do
        fails 64 "$(hint "xbunpack: --manifest and --verify are for files that are created or tested" xbunpack)" xbunpack -t $option -i /dev/null
        fails 64 "$(hint "xbunpack: --manifest and --verify are for files that are created or tested" xbunpack)" xbunpack --to-stdout=a $option -i /dev/null
        fails 64 "$(hint "xbunpack: --manifest and --verify are for files that are created or tested" xbunpack)" xbunpack --info $option -i /dev/null
        for to in "" -o -t; do
            fails 64 "$(hint "qpunpack: --manifest and --verify are for files that are created or tested" qpunpack)" qpunpack $to $option
        done
    done
}

@test "holes count as zeros" {
    make_xbstream 'S name=h map=1000000:3,70000:2 data=abcde' 'S name=h map=5:0 offset=1070005' 'E name=h' >in
    for j in 1 3; do
        succeeds xbunpack -j $j -C out --manifest=sums -i in
        sums out | cmp - sums
        [ "$(stat -c %s out/h)" -eq 1070010 ]
        rm -r out sums
    done
}
