# SPDX-License-Identifier: Apache-2.0
# --sparse: page-compressed tablespaces get their holes back, however they were packed.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    pages=$fixtures/mariadb/pagecomp_zst.xb
    sums=$fixtures/mariadb/pagecomp.sha256
}

hint() { printf '%s\n%s' "$1" "Try \`$2 --help' or \`$2 --usage' for more information."; }

# Bytes of the disk that a file takes.
taken() { echo $((512 * $(stat -c %b "$1"))); }
size() { stat -c %s "$1"; }

need_holes() {
    truncate -s 1M holes
    [ "$(taken holes)" -lt 65536 ] || skip "the file system of the test keeps no holes"
    rm holes
}

# As the server left them: InnoDB had punched all but 118784 bytes of each of the two; the third is
# not page-compressed.
as_the_server_did() {
    for file in pc pc_old; do [ "$(taken out/shop/$file.ibd)" -le 131072 ]; done
    [ "$(taken out/shop/plain.ibd)" -ge "$(size out/shop/plain.ibd)" ]
}

@test "auto, the default: plain, compressed, encrypted, for any number of threads" {
    need_holes
    xbunpack -C plain --decompress -i "$pages"
    plain=() packed=() encrypted=() encrypted_only=()
    for file in pc pc_old plain; do
        plain+=("MEMBER name=shop/$file.ibd data=@plain/shop/$file.ibd")
        split -b 65536 -d "plain/shop/$file.ibd" part.
        blocks=()
        for part in part.*; do blocks+=("B data=@$part"); done
        make_qpress ARCHIVE "F name=x" "${blocks[@]}" END >$file.qp
        rm part.*
        packed+=("MEMBER name=shop/$file.ibd.qp data=@$file.qp")
        xbcrypt-enc -f "$key" -i $file.qp -o $file.qp.xbcrypt
        encrypted+=("MEMBER name=shop/$file.ibd.qp.xbcrypt data=@$file.qp.xbcrypt")
        xbcrypt-enc -f "$key" -s 64K -i plain/shop/$file.ibd -o $file.xbcrypt
        encrypted_only+=("MEMBER name=shop/$file.ibd.xbcrypt data=@$file.xbcrypt")
    done
    make_xbstream "${plain[@]}" >plain.xb
    make_xbstream "${packed[@]}" >packed.xb
    make_xbstream "${encrypted[@]}" >both.xb
    make_xbstream "${encrypted_only[@]}" >encrypted.xb
    for j in 1 3; do
        for archive in plain.xb packed.xb both.xb encrypted.xb "$pages"; do
            echo "$archive"
            # In order, where digests are computed; else to its place as it comes.
            if [ $j -eq 1 ]; then option=--sparse=auto; else option=--verify=$sums; fi
            succeeds xbunpack -j $j -C out --decrypt -f "$key" --decompress -i $archive
            restored out "$sums"
            as_the_server_did
            succeeds xbunpack -j $j -C out --overwrite --decrypt -f "$key" --decompress "$option" -i $archive
            as_the_server_did
            rm -r out
        done
        run -0 bash -c "cat plain.xb | xbunpack -j $j -C out"
        as_the_server_did
        rm -r out
    done
}

@test "always, never" {
    need_holes
    make_xbstream 'S name=h map=1000000:3,3000000:2 data=abcde' 'E name=h' >sparse
    for j in 1 3; do
        succeeds xbunpack -j $j -C out --decompress --sparse=always -i "$pages"
        restored out "$sums"
        [ "$(taken out/shop/pc.ibd)" -le 131072 ]
        [ "$(taken out/shop/plain.ibd)" -lt "$(size out/shop/plain.ibd)" ]
        rm -r out
        succeeds xbunpack -j $j -C out --decompress --sparse=never -i "$pages"
        restored out "$sums"
        for file in pc pc_old plain; do [ "$(taken out/shop/$file.ibd)" -ge "$(size out/shop/$file.ibd)" ]; done
        rm -r out
        for mode in auto always never; do
            succeeds xbunpack -j $j -C out --sparse=$mode -i sparse
            [ "$(size out/h)" -eq 4000005 ]
            cmp out/h <(head -c 1000000 /dev/zero; printf abc; head -c 3000000 /dev/zero; printf de)
            if [ $mode = never ]; then [ "$(taken out/h)" -ge 4000005 ]; else [ "$(taken out/h)" -lt 65536 ]; fi
            rm -r out
        done
        # qpress's own: a file of zeros.
        succeeds qpunpack -j $j -C out --sparse=always -i "$fixtures/qpress/tree.L1.qp"
        restored out "$fixtures/qpress/SHA256SUMS"
        [ "$(taken out/baz/zeros.bin)" -eq 0 ]
        rm -r out
    done
}

@test "zeros in ordinary files stay as they are" {
    need_holes
    head -c 3000000 /dev/zero >z
    make_xbstream 'MEMBER name=z data=@z' >in
    for j in 1 3; do
        succeeds xbunpack -j $j -C out -i in
        [ "$(taken out/z)" -ge 3000000 ]
        rm -r out
        succeeds xbunpack -j $j -C out --sparse=always -i in
        [ "$(taken out/z)" -eq 0 ]
        [ "$(size out/z)" -eq 3000000 ]
        rm -r out
    done
}

@test "a stop while a hole is filled: by that signal, and nothing stays" {
    make_xbstream 'S name=h map=4294967295:0 data=' 'E name=h' >in
    # The disk is not to be filled: a limit on the size of files stands for its end.
    limited() { (trap '' XFSZ && ulimit -f 100000 && xbunpack -C out --sparse=never -i in); }
    fails 74 "xbunpack: cannot write out/h: File too large" limited
    [ -z "$(files out)" ]
    xbunpack -j 1 --test --manifest=- -i in &
    pid=$!
    sleep 0.3
    kill -TERM $pid
    rc=0
    wait $pid || rc=$?
    [ $rc -eq 143 ]
}

@test "it is for files that are created, and has three values: 64" {
    for value in "" x Auto; do
        fails 64 "$(hint "xbunpack: --sparse=$value: expected auto, always or never" xbunpack)" xbunpack --sparse=$value -i /dev/null
    done
    for what in -t --test --info --to-stdout=a; do
        fails 64 "$(hint "xbunpack: --sparse is for files that are created" xbunpack)" xbunpack --sparse=never $what -i /dev/null
    done
    for what in "" -o -t --test; do
        fails 64 "$(hint "qpunpack: --sparse is for files that are created" qpunpack)" qpunpack --sparse=always $what -i /dev/null
    done
}
