# SPDX-License-Identifier: Apache-2.0
# examples/restore.mk: every form of backup, runs that were interrupted, and what it refuses.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    command -v flock >/dev/null || skip "flock is not installed (Debian: util-linux)"
    rds=$fixtures/rds
    part=$rds/part.sha256
    (umask 077 && cat "$key" >KEY)
    unset MAKEFLAGS MAKELEVEL
}

teardown() {
    [ -z "${leader:-}" ] || kill -KILL -- -"$leader" 2>/dev/null || true
}

restore() { make -j3 -f "$XBPIPE_TESTS/../examples/restore.mk" "$@"; }

# The stored files of a backup, as mbstream -x leaves them.
unpacked() { xbunpack -C "$2" <"$rds/$1" 2>messages; }

@test "each form, with blanks in every path, the key from a pipe" {
    mkdir 'a b'
    cd 'a b'
    while read -r form name sums; do
        cp "$rds/$form" "the $name"
        succeeds restore DIR='restored here' BACKUP="the $name" KEY=<(cat "$key")
        restored 'restored here' "$fixtures/$sums"
        rm -r 'restored here'
        [ "$(ls)" = "the $name" ]
        rm "the $name"
    done <<'FORMS'
full_v3_qp.xb backup_qp.xb mariadb/shop.sha256
part_xb.qp backup_xb.qp rds/part.sha256
part.xb.gz backup.xb.gz rds/part.sha256
part.tar.gz backup.tar.gz rds/part.sha256
stream_v3.xb.xbcrypt backup.xb.xbcrypt mariadb/shop.sha256
part_lz4_v3.xb backup.xb rds/part.sha256
part_zst.xb plain.xb rds/part.sha256
FORMS
}

@test "a folder of files in every transformation, which stays as it is" {
    for tool in lz4 zstd; do
        command -v $tool >/dev/null || skip "$tool is not installed (Debian: $tool)"
    done
    for form in full_v3_qp part_lz4 part_lz4_v3 part_zst part_zst_v3; do
        sums=$part
        [ $form != full_v3_qp ] || sums=$fixtures/mariadb/shop.sha256
        unpacked $form.xb $form
        cp -r $form before
        restore DIR=out BACKUP=$form KEY=KEY
        restored out "$sums"
        diff -r before $form
        rm -r out before
    done
    # What is stored as it is, and names that mean something to make.
    mkdir -p 'odd/sub dir'
    for name in 'a b' 'c#P#d' 'e$f' 'g:h%i' 'j=k' 'sub dir/l' 'm@n' 'ä'; do
        printf '%s' "$name" >"odd/$name"
    done
    succeeds restore DIR=out BACKUP=odd
    diff -r odd out
    # The same, encrypted.
    find odd -type f -exec xbcrypt-enc -f KEY -i {} -o {}.xbcrypt \; -exec rm {} \;
    succeeds restore DIR=again BACKUP=odd KEY=KEY
    diff -r out again
}

@test "an archive: a run that is killed half-way is finished by the next, which does nothing again" {
    cp "$rds/part.tar.gz" backup.tar.gz
    mkdir bin
    # One file takes for ever.
    cat >bin/xbcrypt-dec <<'SH'
#!/bin/sh
case "$*" in *orders.new*) touch stuck; exec sleep 100 ;; esac
exec "$BUILD_DIR/xbcrypt-dec" "$@"
SH
    chmod +x bin/xbcrypt-dec
    PATH=$PWD/bin:$PATH setsid make -j3 -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=out BACKUP=backup.tar.gz KEY=KEY 3>&- &
    leader=$!
    for _ in {1..200}; do
        [ "$(find out.part/files -type f ! -name '.*' 2>/dev/null | wc -l)" -lt 10 ] || break
        sleep 0.05
    done
    # While it lives, no other works beside it.
    run --separate-stderr restore DIR=out BACKUP=backup.tar.gz KEY=KEY
    [ "$status" -eq 2 ]
    [[ $stderr == *"restore.mk: $PWD/out.part: another run is at work there"* ]]
    kill -KILL -- -"$leader"
    wait "$leader" || true
    [ ! -e out ]
    (cd out.part/files && find . -type f -printf '%i %p\n' | sort) >finished
    [ "$(wc -l <finished)" -eq 10 ]
    run ! grep -F orders.new finished
    restore DIR=out BACKUP=backup.tar.gz KEY=KEY
    restored out "$part"
    [ ! -e out.part ]
    [ -z "$(cd out && find . -type f -printf '%i %p\n' | sort | comm -13 - ../finished)" ]
}

@test "an xbstream: the same, at the cost of reading it again" {
    cp "$rds/full_v3_qp.xb" backup_qp.xb
    head -c 1400000 backup_qp.xb >cut_qp.xb
    run --separate-stderr restore DIR=out BACKUP=cut_qp.xb KEY=KEY
    [ "$status" -eq 2 ]
    [[ $stderr == *"xbunpack: "*"ends too early"* ]]
    [ ! -e out ]
    (cd out.part/files && find . -mindepth 2 -type f -printf '%i %p\n' | sort) >finished
    [ "$(wc -l <finished)" -ge 20 ]
    succeeds restore DIR=out BACKUP=backup_qp.xb KEY=KEY
    restored out "$fixtures/mariadb/shop.sha256"
    [ -z "$(cd out && find . -type f -printf '%i %p\n' | sort | comm -13 - ../finished)" ]
}

@test "one damaged file is an error; the others are kept for the next run" {
    mkdir tree
    tar -xzf "$rds/part.tar.gz" -C tree
    cp tree/shop/orders.new.xbcrypt good
    printf X | dd of=tree/shop/orders.new.xbcrypt bs=1 seek=100000 conv=notrunc status=none
    run --separate-stderr make -k -j3 -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=out BACKUP=tree KEY=KEY
    [ "$status" -eq 2 ]
    [[ $stderr == *"xbcrypt-dec: "*"CRC-32: expected"* ]]
    [ ! -e out ]
    [ ! -e out.part/files/shop/orders.new ]
    cp good tree/shop/orders.new.xbcrypt
    succeeds restore DIR=out BACKUP=tree KEY=KEY
    restored out "$part"
}

@test "what it refuses, and says" {
    # refuses MESSAGE ARGUMENT...
    refuses() {
        local message=$1
        shift
        run --separate-stderr restore "$@"
        [ "$status" -eq 2 ]
        [[ $stderr == *"$message"* ]] || { echo "$stderr"; return 1; }
        [ ! -e out ]
    }
    cp "$rds/part.tar.gz" backup.tar.gz
    cp "$rds/full_v3_qp.xb" backup_qp.xb
    refuses "restore.mk: expected DIR=... and BACKUP=...: see make -f restore.mk help" DIR=out
    refuses "restore.mk: $PWD/none.xb: no such file or folder" DIR=out BACKUP=none.xb
    touch unknown
    refuses "restore.mk: $PWD/unknown: a name that is not known" DIR=out BACKUP=unknown
    for form in backup.tar.gz backup_qp.xb; do
        refuses "restore.mk: $PWD/$form is encrypted: expected KEY=..." DIR=out BACKUP=$form
        rm -r out.part
        tr 0-9 a-j <KEY >WRONG
        refuses "the key" DIR=out BACKUP=$form KEY=WRONG
        rm -r out.part
        refuses "No such file" DIR=out BACKUP=$form KEY=none
        rm -r out.part
    done
    head -c 100000 backup.tar.gz >cut.tar.gz
    refuses "gzip: " DIR=out BACKUP=cut.tar.gz KEY=KEY
    rm -r out.part
    mkdir two
    touch two/a two/a.qp
    refuses "restore.mk: two files would become a" DIR=out BACKUP=two
    rm -r out.part two
    mkdir odd
    touch 'odd/a;b'
    refuses "restore.mk: a;b: not a name that make can take" DIR=out BACKUP=odd
    mkdir full
    touch full/file
    refuses "restore.mk: $PWD/full exists already" DIR=full BACKUP=backup_qp.xb KEY=KEY
    [ "$(ls full)" = file ]
    # The key itself is not taken for one.
    refuses "No such file" DIR=out BACKUP=backup_qp.xb KEY="$(cat "$key")"
}

@test "it explains itself" {
    succeeds restore help
    [[ $output == "make -j -f restore.mk DIR=FOLDER BACKUP=FILE [KEY=FILE]"*"KEY is a file with the key"* ]]
    succeeds restore help
    run ! grep -n '^#' <<<"$output"
}
