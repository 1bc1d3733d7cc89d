# SPDX-License-Identifier: Apache-2.0
# examples/restore.mk: every form of backup, runs that broke, and what it refuses.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    part=$rds/part.sha256
    (umask 077 && cat "$key" >KEY)
    unset MAKEFLAGS MAKELEVEL
}

teardown() {
    [ -z "${leader:-}" ] || kill -KILL -- -"$leader" 2>/dev/null || true
}

restore() { make -f "$XBPIPE_TESTS/../examples/restore.mk" "$@"; }

# No folder of a run that is over is there.
no_parts() { [ -z "$(find . -name '*.part*')" ] || { find . -name '*.part*'; return 1; }; }

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

@test "the name does not matter: a .xb.gz that the download has unpacked, a tar.gz without a name" {
    gzip -dc "$rds/part.xb.gz" >backup.xb.gz
    succeeds restore DIR=out BACKUP=backup.xb.gz KEY=KEY
    restored out "$part"
    cp "$rds/part.tar.gz" '?response-content-type=x'
    succeeds restore DIR=out2 BACKUP='?response-content-type=x' KEY=KEY
    restored out2 "$part"
}

@test "a folder of files in every transformation, which stays as it is" {
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
    # What is stored as it is, empty folders, and names that mean something to make or a shell.
    mkdir -p 'odd/sub dir' odd/empty
    for name in 'a b' 'c#P#d' 'e$f' 'g:h%i' 'j=k' 'sub dir/l' 'm@n' 'ä' '-o' 'q;touch pwned' '$(touch pwned)'; do
        printf '%s' "$name" >"odd/$name"
    done
    succeeds restore DIR=out BACKUP=odd
    diff -r odd out
    [ -d out/empty ]
    # The same, encrypted.
    find odd -type f -exec xbcrypt-enc -f KEY -i {} -o {}.xbcrypt \; -exec rm {} \;
    succeeds restore DIR=again BACKUP=odd KEY=KEY
    diff -r out again
    [ ! -e pwned ]
}

@test "names that are code: a backup, a folder and a key are text, for make and the shell" {
    cp "$rds/part_zst.xb" '$(shell touch pwned).xb'
    cp "$rds/part_zst.xb" '$$(touch pwned) `touch pwned`.xb'
    for name in '$(shell touch pwned).xb' '$$(touch pwned) `touch pwned`.xb'; do
        succeeds restore DIR="out of $name" BACKUP="$name"
        restored "out of $name" "$part"
    done
    printf wrong >a.xb
    cp "$rds/part_zst.xb" 'a$b.xb'
    succeeds restore DIR=out BACKUP='a$b.xb'
    restored out "$part"
    run ! restore DIR=out2 BACKUP=a.xb KEY='$(shell touch pwned)'
    run ! restore DIR='$(shell touch pwned)' BACKUP=a.xb
    [ ! -e pwned ]
}

@test "a run that breaks leaves nothing, and nothing of it gets into the next one" {
    # Two backups with the same names and other contents; of the first, all but the end.
    for day in monday tuesday; do
        mkdir -p $day/shop
        for name in a b; do printf '%s %s' $day $name >$day/shop/$name.ibd; done
        xbpack -C $day >$day.xb
    done
    head -c -5 monday.xb >cut.xb
    run --separate-stderr restore DIR=out BACKUP=cut.xb
    [ "$status" -eq 2 ]
    [[ $stderr == *"xbunpack: "*"ends too early"* ]]
    [ ! -e out ]
    no_parts
    succeeds restore DIR=out BACKUP=tuesday.xb
    diff -r tuesday out
    # A member that a file of another backup matches as DATABASE.TABLE.
    mkdir -p nested/a/b
    printf 1 >nested/a/b.c
    printf 2 >nested/a/b/c.ibd
    xbpack -C nested >n.xb
    head -c 80 n.xb >cut.xb
    run ! restore DIR=out3 BACKUP=cut.xb
    succeeds restore DIR=out3 BACKUP=n.xb
    diff -r nested out3
}

@test "a run works in a folder that is its own; when it is killed, the next begins anew" {
    mkdir bin
    # One that takes for ever.
    cat >bin/xbunpack <<'SH'
#!/bin/sh
touch stuck
exec sleep 100
SH
    sed -i "s,touch stuck,touch '$PWD/stuck'," bin/xbunpack
    chmod +x bin/xbunpack
    cp "$rds/part.tar.gz" backup.tar.gz
    PATH=$PWD/bin:$PATH setsid make -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=out BACKUP=backup.tar.gz KEY=KEY 3>&- &
    leader=$!
    for _ in {1..200}; do
        [ ! -e stuck ] || break
        sleep 0.05
    done
    [ -e stuck ]
    [ "$(stat -c %a out.part.*)" = 700 ]
    touch "$(echo out.part.*)/stale"
    # Another beside it, and one after it was killed: its folder stays as it is.
    succeeds restore DIR=out BACKUP=backup.tar.gz KEY=KEY
    restored out "$part"
    rm -r out
    kill -KILL -- -"$leader"
    wait "$leader" || true
    [ ! -e out ]
    succeeds restore DIR=out BACKUP=backup.tar.gz KEY=KEY
    restored out "$part"
    [ "$(files "$(echo out.part.*)")" = stale ]
}

@test "one damaged file is an error, and nothing is there" {
    mkdir tree
    tar -xzf "$rds/part.tar.gz" -C tree
    printf X | dd of=tree/shop/orders.new.xbcrypt bs=1 seek=100000 conv=notrunc status=none
    tar -C tree -czf backup.tar.gz .
    for backup in tree backup.tar.gz; do
        run --separate-stderr restore DIR=out BACKUP=$backup KEY=KEY
        [ "$status" -eq 2 ] || { echo "$backup: $status"; return 1; }
        [[ $stderr == *"shop/orders.new"*"CRC-32: expected"* ]] || { echo "$backup: $stderr"; return 1; }
        [ ! -e out ]
        no_parts
    done
}

@test "a hostile archive: nothing outside is touched" {
    mkdir -p tree/d outside
    echo keep >outside/file
    ln -s "$PWD/outside/file" tree/d/x.qp.xbcrypt.new
    printf 'garbage' >tree/d/x.qp.xbcrypt
    tar -C tree -czf backup.tar.gz .
    run ! restore DIR=out BACKUP=backup.tar.gz KEY=KEY
    run ! restore DIR=out BACKUP=tree KEY=KEY
    [ "$(cat outside/file)" = keep ]
    [ ! -e out ]
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
        no_parts
    }
    cp "$rds/part.tar.gz" backup.tar.gz
    cp "$rds/full_v3_qp.xb" backup_qp.xb
    refuses "restore.mk: expected DIR=... and BACKUP=...: see make -f restore.mk help" DIR=out
    refuses "restore.mk: $PWD/none.xb: no file or folder that can be read" DIR=out BACKUP=none.xb
    echo hello >unknown
    refuses "xbunpack: cannot tell what this is at input offset 0" DIR=out BACKUP=unknown
    for form in backup.tar.gz backup_qp.xb; do
        refuses "is encrypted: expected a key" DIR=out BACKUP=$form
        tr 0-9 a-j <KEY >WRONG
        chmod 600 WRONG
        refuses "the key" DIR=out BACKUP=$form KEY=WRONG
        refuses "restore.mk: KEY=...: no such file, or it cannot be read" DIR=out BACKUP=$form KEY=none
    done
    head -c 100000 backup.tar.gz >cut.tar.gz
    refuses "gzip data ends too early" DIR=out BACKUP=cut.tar.gz KEY=KEY
    mkdir two
    printf a >two/a
    make_qpress ARCHIVE 'FILE name=a data=a' >two/a.qp
    refuses "a: the archive has another file that gets this name" DIR=out BACKUP=two
    mkdir full
    touch full/file
    refuses "restore.mk: $PWD/full exists already" DIR=full BACKUP=backup_qp.xb KEY=KEY
    [ "$(ls full)" = file ]
    # The key itself is not taken for a file with it, and is not shown.
    refuses "restore.mk: KEY=...: no such file" DIR=out BACKUP=backup_qp.xb KEY="$(cat "$key")"
    run -1 grep -F "$(cat "$key")" <<<"$stderr"
}

@test "what others have made beside DIR is not touched: a backup, a link, a folder swapped for the run's own" {
    echo new >h
    tar -cf backup.tar h
    mkdir -p victim/files x.part/files
    echo precious | tee victim/files/db >x.part/files/ibdata1
    succeeds restore DIR=x BACKUP=backup.tar
    [ "$(cat x/h x.part/files/ibdata1)" = "$(printf 'new\nprecious')" ]
    ln -s victim y.part
    succeeds restore DIR=y BACKUP=backup.tar
    [ "$(cat victim/files/db)" = precious ]
    # A neighbour that puts a link in the place of the folder, before it is entered and while it is used.
    mkdir bin
    cat >bin/mktemp <<SH
#!/bin/sh
made=\$($(command -v mktemp) "\$@") && rmdir "\$made" && ln -s $PWD/victim "\$made" && echo "\$made"
SH
    cat >bin/xbunpack <<SH
#!/bin/sh
mv $PWD/w.part.* $PWD/moved && ln -s $PWD/victim $PWD/w.part.link
exit 65
SH
    chmod +x bin/*
    mv bin/xbunpack bin/.xbunpack
    run -2 --separate-stderr env PATH="$PWD/bin:$PATH" make -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=z BACKUP=backup.tar
    [[ $stderr == *"restore.mk: $PWD/z.part."*": somebody else has changed it"* ]]
    rm bin/mktemp
    mv bin/.xbunpack bin/xbunpack
    run -2 env PATH="$PWD/bin:$PATH" make -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=w BACKUP=backup.tar
    [ -d moved ]
    [ "$(cat victim/files/db)" = precious ]
    [ ! -e z ]
}

@test "a key with a relative name" {
    cp "$rds/full_v3_qp.xb" backup.xb
    succeeds restore DIR=out BACKUP=backup.xb KEY=./KEY
    restored out "$fixtures/mariadb/shop.sha256"
}

@test "no message names a folder that is gone, on a terminal too" {
    cp "$rds/part_zst.xb" backup.xb
    python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 2 make -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=out BACKUP=backup.xb >messages
    restored out "$part"
    run -1 grep -F out.part messages
}

@test "it explains itself" {
    succeeds restore help
    [[ $output == "make -f restore.mk DIR=FOLDER BACKUP=FILE [KEY=FILE]"*"KEY is a file with the key"* ]]
    succeeds restore help
    run -1 grep -n '^#' <<<"$output"
}
