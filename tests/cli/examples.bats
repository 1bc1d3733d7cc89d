# SPDX-License-Identifier: Apache-2.0
# The scripts in examples/ that have no file of their own here: aliyun-restore.sh, rekey.sh, and the
# unit of systemd; and what holds for all of them.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    ! command -v python3 >/dev/null || service_start "$SERVICE"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load common.bash
    set -o pipefail
    examples=$XBPIPE_TESTS/../examples
    rds=$fixtures/rds
    (umask 077 && cat "$key" >KEY && tr 0-9a-f a-f0-9 <"$key" >NEWKEY)
    ! cmp -s KEY NEWKEY
}

# The forms of a package under the names of ApsaraDB, and what they restore to.
forms() {
    cat <<'FORMS'
full_v3_qp.xb backup_qp.xb mariadb/shop.sha256
part_xb.qp backup_xb.qp rds/part.sha256
part.xb.gz backup.xb.gz rds/part.sha256
part.tar.gz backup.tar.gz rds/part.sha256
stream_v3.xb.xbcrypt backup.xb.xbcrypt mariadb/shop.sha256
FORMS
}

@test "every script explains itself, refuses what it cannot do, and is strict" {
    for script in "$examples"/*.sh; do
        name=${script##*/}
        grep -qx 'set -euo pipefail' "$script"
        [ -x "$script" ]
        [ "$name" != demo.sh ] || continue
        succeeds "$script" --help
        [[ $output == *"$name "* ]]
        run -1 grep -E '^(#|set )' <<<"$output"
        run -64 --separate-stderr "$script"
        [[ $stderr == *"$name"* ]]
        [ -z "$output" ]
    done
}

# --- aliyun-restore.sh ---

aliyun() {
    command -v python3 >/dev/null || skip "python3 is not installed; it plays the key service"
    clean_environment
    aliyun_keys
    mkdir "$HOME/.aliyun"
    printf '{"current":"a","profiles":[{"name":"a","mode":"AK","endpoint":"http://127.0.0.1:%s"}]}' \
        "$(cat "$SERVICE/port")" >"$HOME/.aliyun/config.json"
    kmswrap --provider=aliyun --key-id="$ALIYUN_KEY" <"$rds/plaintext.b64" >'the ciphertext'
}

@test "aliyun-restore.sh: each form, the key in no argument, no variable and no file" {
    aliyun
    # What every program that is started sees.
    mkdir bin
    for program in xbunpack kmsunwrap; do
        cat >bin/$program <<SH
#!/bin/sh
tr '\\0' '\\n' </proc/\$\$/environ >>"$PWD/seen"
echo "\$0 \$*" >>"$PWD/seen"
exec $(command -v $program) "\$@"
SH
        chmod +x bin/$program
    done
    while read -r form name sums; do
        cp "$rds/$form" "my $name"
        PATH=$PWD/bin:$PATH succeeds "$examples/aliyun-restore.sh" 'the ciphertext' "my $name" 'restored here'
        restored 'restored here' "$fixtures/$sums"
        rm -r 'restored here' "my $name"
    done < <(forms)
    rm KEY NEWKEY
    [ "$(grep -c '/xbunpack --auto' seen)" -eq 5 ]
    run -1 grep -rF -e "$(cat "$key")" -e "$(cat "$rds/plaintext.b64")" .
}

@test "aliyun-restore.sh: an archive whose files are compressed and encrypted" {
    aliyun
    xbunpack -C tree <"$rds/full_v3_qp.xb"
    tar -czf backup.tar.gz -C tree .
    succeeds "$examples/aliyun-restore.sh" 'the ciphertext' backup.tar.gz out
    restored out "$fixtures/mariadb/shop.sha256"
}

@test "aliyun-restore.sh: members in every suffix; a .xb.gz that the download has unpacked" {
    aliyun
    mkdir -p tree/db
    for tool in lz4 zstd; do
        command -v $tool >/dev/null || skip "$tool is not installed (Debian: $tool)"
    done
    head -c 40000 /dev/urandom >plain
    lz4 -qc plain >tree/db/l.ibd.lz4
    zstd -qc plain >tree/db/z.ibd.zst
    make_qpress ARCHIVE 'FILE name=p.ibd data=@plain' >tree/db/p.ibd.qp
    for name in l.ibd.lz4 z.ibd.zst p.ibd.qp; do
        xbcrypt-enc -f KEY -i tree/db/$name -o tree/db/e$name.xbcrypt
    done
    xbcrypt-enc -f KEY -i plain -o tree/ibdata1.xbcrypt
    tar -C tree -czf backup.tar.gz .
    succeeds "$examples/aliyun-restore.sh" 'the ciphertext' backup.tar.gz out
    [ "$(files out)" = "$(printf '%s\n' db/el.ibd db/ep.ibd db/ez.ibd db/l.ibd db/p.ibd db/z.ibd ibdata1)" ]
    for f in out/ibdata1 out/db/*; do cmp plain "$f"; done
    gzip -dc "$rds/part.xb.gz" >backup.xb.gz
    succeeds "$examples/aliyun-restore.sh" 'the ciphertext' backup.xb.gz out2
    restored out2 "$rds/part.sha256"
}

@test "aliyun-restore.sh: a hostile archive, a failed member, folders that nobody can read, odd names" {
    aliyun
    mkdir outside
    echo keep >outside/file
    restore() { "$examples/aliyun-restore.sh" 'the ciphertext' "$@"; }
    # Links that the archive brings, where a file or a temporary file of it would be.
    for link in x.qp.xbcrypt.new x.qp x; do
        rm -rf tree
        mkdir -p tree/d
        make_qpress ARCHIVE 'FILE name=x data=new' >x.qp
        xbcrypt-enc -f KEY -i x.qp -o tree/d/x.qp.xbcrypt
        ln -s "$PWD/outside/file" tree/d/$link
        tar -C tree -czf backup.tar.gz d/$link d/x.qp.xbcrypt
        run -65 --separate-stderr restore backup.tar.gz out
        [[ $stderr == *"d/$link: a symbolic link in tar archive"* ]] || { echo "$link: $stderr"; return 1; }
        [ "$(cat outside/file)" = keep ]
        rm -rf out
    done
    # One member that is damaged: its status, and no file.
    rm -r tree
    mkdir tree
    make_qpress ARCHIVE 'FILE name=x data=*5000' >x.qp
    xbcrypt-enc -f KEY -i x.qp -o tree/bad.ibd.qp.xbcrypt
    printf X | dd of=tree/bad.ibd.qp.xbcrypt bs=1 seek=2000 conv=notrunc status=none
    tar -C tree -czf backup.tar.gz .
    run -65 restore backup.tar.gz out
    [ -z "$(files out)" ]
    # A folder without permissions in the archive, as a user for whom they count; names with a dash.
    rm -r tree
    mkdir -p tree/mysql
    printf table | xbcrypt-enc -f KEY -o tree/mysql/user.ibd.xbcrypt
    chmod 0 tree/mysql
    tar -C tree -czf -backup.tar.gz . 2>/dev/null || true
    chmod 700 tree/mysql
    succeeds restore -backup.tar.gz -out
    [ "$(files ./-out)" = mysql/user.ibd ]
}

@test "aliyun-restore.sh: statuses" {
    aliyun
    cp "$rds/full_v3_qp.xb" backup_qp.xb
    restore() { "$examples/aliyun-restore.sh" 'the ciphertext' "$@"; }
    fails 66 "aliyun-restore.sh: none: no file that can be read" restore none out
    run -65 --separate-stderr restore KEY out
    [[ $stderr == "xbunpack: cannot tell what this is"* ]]
    [ -z "$(files out)" ]
    mkdir full
    touch full/file
    fails 73 "aliyun-restore.sh: full exists already" restore backup_qp.xb full
    head -c 1000000 backup_qp.xb >cut_qp.xb
    run -65 --separate-stderr restore cut_qp.xb out
    [[ $stderr == *"ends too early"* ]]
    head -c 200000 "$rds/part.tar.gz" >cut.tar.gz
    run -65 restore cut.tar.gz out2
    # Another backup into the same folder.
    run -73 restore backup_qp.xb out2
    script '[{"status":403,"body":{"Code":"Forbidden.NoPermission","Message":"no"}}]'
    run -77 --separate-stderr restore backup_qp.xb out3
    [ ! -e out3 ]
}

# --- rekey.sh ---

@test "rekey.sh: a stream, an xbstream and a folder; the old ones stay; keys from pipes" {
    while read -r form name sums; do
        cp "$rds/$form" "old $name"
        succeeds "$examples/rekey.sh" <(cat KEY) <(cat NEWKEY) "old $name" "new $name"
        cmp "$rds/$form" "old $name"
        case $name in
        *.xbcrypt) xbcrypt-dec -f NEWKEY <"new $name" | xbunpack -C out --decompress ;;
        *) xbunpack -C out --decrypt -f NEWKEY --decompress <"new $name" ;;
        esac
        restored out "$fixtures/$sums"
        rm -r out "new $name" "old $name"
    done < <(forms | grep -E 'full|stream')
    xbunpack -C 'old tree' <"$rds/part_lz4_v3.xb"
    tar -czf before.tar.gz 'old tree'
    succeeds "$examples/rekey.sh" KEY NEWKEY 'old tree/' 'new tree'
    tar -dzf before.tar.gz
    xbpack -C 'new tree' | xbunpack -C out --decrypt -f NEWKEY --decompress
    restored out "$rds/part.sha256"
    # Nothing is left beside them.
    [ "$(ls)" = "$(printf '%s\n' KEY NEWKEY before.tar.gz 'new tree' 'old tree' out)" ]
}

@test "rekey.sh: xbcrypt version 2 becomes version 3" {
    cp "$rds/stream_v2.xb.xbcrypt" old.xbcrypt
    "$examples/rekey.sh" KEY NEWKEY old.xbcrypt new.xbcrypt
    [ "$(head -c 8 new.xbcrypt)" = XBCRYP03 ]
    xbcrypt-dec -f NEWKEY <new.xbcrypt | cmp - <(xbcrypt-dec -f KEY <"$rds/stream_v3.xb.xbcrypt")
}

@test "rekey.sh: what fails leaves no new backup and the old one as it was" {
    cp "$rds/stream_v3.xb.xbcrypt" old.xbcrypt
    cp "$rds/part_lz4_v3.xb" old.xb
    xbunpack -C tree <old.xb
    rekey() { "$examples/rekey.sh" "$@"; }
    for backup in old.xbcrypt old.xb tree; do
        run -65 --separate-stderr rekey NEWKEY KEY $backup new
        [[ $stderr == xbcrypt-dec:* ]]
        run -66 rekey none NEWKEY $backup new
        fails 65 "rekey.sh: the two keys are the same" rekey KEY <(cat KEY) $backup new
    done
    fails 66 "rekey.sh: none: no file or folder that can be read" rekey KEY NEWKEY none new
    fails 64 "rekey.sh: KEY: expected a folder or a name that ends in .xb or .xbcrypt" rekey KEY NEWKEY KEY new
    fails 73 "rekey.sh: old.xb exists already" rekey KEY NEWKEY old.xbcrypt old.xb
    fails 65 "rekey.sh: $rds/part_lz4.xb: nothing in it is encrypted" rekey KEY NEWKEY "$rds/part_lz4.xb" new
    # A link in the folder, which could lead anywhere; a folder that cannot be looked into.
    ln -s /etc/passwd tree/link.xbcrypt
    fails 65 "rekey.sh: tree/./link.xbcrypt: neither a file nor a folder" rekey KEY NEWKEY tree new
    rm tree/link.xbcrypt
    # A writer that goes wrong without a word is found.
    mkdir bin
    cat >bin/xbcrypt-enc <<'SH'
#!/bin/sh
{ cat; echo wrong; } | "$BUILD_DIR/xbcrypt-enc" "$@"
SH
    chmod +x bin/xbcrypt-enc
    for backup in old.xbcrypt old.xb tree; do
        PATH=$PWD/bin:$PATH run -65 --separate-stderr rekey KEY NEWKEY $backup new
        [[ $stderr == *"what was written differs"* ]]
    done
    [ "$(ls -A)" = "$(printf '%s\n' KEY NEWKEY bin old.xb old.xbcrypt tree)" ]
    cmp "$rds/stream_v3.xb.xbcrypt" old.xbcrypt
    cmp "$rds/part_lz4_v3.xb" old.xb
}

@test "rekey.sh: a link that a neighbour swaps in while the folder is copied leads nowhere" {
    mkdir -p bak/sub victim bin
    echo data | xbcrypt-enc -f KEY -o bak/sub/x.xbcrypt
    cp bak/sub/x.xbcrypt victim
    cp -r victim before
    for tool in cp tar; do
        cat >bin/$tool <<SH
#!/bin/sh
if mkdir $PWD/once 2>/dev/null; then mv $PWD/bak/sub $PWD/bak/.moved && ln -s $PWD/victim $PWD/bak/sub; fi
while [ ! -L $PWD/bak/sub ]; do sleep 0.01; done
exec $(command -v $tool) "\$@"
SH
    done
    chmod +x bin/*
    PATH=$PWD/bin:$PATH fails 65 "rekey.sh: bak/./sub: neither a file nor a folder" "$examples/rekey.sh" KEY NEWKEY bak new
    diff -r before victim
    [ ! -e new ]
}

@test "rekey.sh: what a folder holds beside encrypted files is copied with its mode and times" {
    mkdir -p -- -bak/-d
    echo data | xbcrypt-enc -f KEY -o ./-bak/-d/-x.xbcrypt
    echo text >./-bak/-t
    chmod 640 ./-bak/-t
    touch -d '2020-02-02 02:02:02.123456789' ./-bak/-t
    succeeds "$examples/rekey.sh" KEY NEWKEY -bak -new
    [ "$(xbcrypt-dec -f NEWKEY -i ./-new/-d/-x.xbcrypt)" = data ]
    [ "$(cd ./-bak && stat -c '%a %y %u' ./-t)" = "$(cd ./-new && stat -c '%a %y %u' ./-t)" ]
    [ "$(files ./-new)" = "$(files ./-bak)" ]
}

# --- sqlserver-restore.sh: see also s3cse-chain.bats ---

@test "sqlserver-restore.sh: names with a leading dash, and what has the name of its working file" {
    mkdir bin tmp victim
    cat >bin/aws <<'SH'
#!/bin/bash
echo "$*" >>calls
case "$*" in *head-object*) echo '{ "ETag": "\"1\"" }' ;; *" cp "*) printf 'TAPE rows' ;; esac
SH
    printf '#!/bin/sh\necho 00\n' >bin/kmsunwrap
    cat >bin/s3cse-dec <<'SH'
#!/bin/bash
case "$*" in *--info*) echo "format: 2" ;; *) while [ $# -gt 0 ]; do [ "$1" != -o ] || cat >"$2"; shift; done ;; esac
SH
    chmod +x bin/*
    PATH=$PWD/bin:$PATH TMPDIR=$PWD/tmp succeeds "$examples/sqlserver-restore.sh" bucket -key -x.bak
    [ "$(cat ./-x.bak)" = 'TAPE rows' ]
    grep -q -- '--key=-key' calls
    [ -z "$(ls tmp)" ]
    # What others have put under the name that would come from the process's id.
    cat >id.sh <<SH
ln -s $PWD/victim "y.bak.unchecked.\$\$"
exec bash "$examples/sqlserver-restore.sh" bucket key y.bak
SH
    PATH=$PWD/bin:$PATH TMPDIR=$PWD/tmp succeeds bash id.sh
    [ "$(cat y.bak)" = 'TAPE rows' ]
    [ -z "$(ls victim)" ]
    [ -n "$(find . -name 'y.bak.unchecked.*' -type l)" ]
}

@test "rekey.sh, sqlserver-restore.sh: nothing is written or removed through a folder that a neighbour swaps in" {
    mkdir bin victim
    echo precious | tee victim/part victim/new victim/members victim/member >/dev/null
    cp -a victim before
    cp "$rds/full_v3_qp.xb" old.xb
    printf '{ "ETag": "\\"1\\"" }' >head.json
    printf '#!/bin/sh\ncase "$*" in *head-object*) cat %s ;; *" cp "*) printf "TAPE rows" ;; esac\n' "$PWD/head.json" >bin/aws
    printf '#!/bin/sh\necho 00\n' >bin/kmsunwrap
    printf '#!/bin/bash\ncase "$*" in *--info*) echo "format: 2" ;; *) swap; while [ $# -gt 0 ]; do [ "$1" != -o ] || cat >"$2"; shift; done ;; esac\n' >bin/s3cse-dec
    # While it is used: the folder is moved away, and a link has its name.
    cat >bin/swap <<SH
#!/bin/bash
for made in $PWD/out.??????; do
    [ ! -d "\$made" ] || [ -L "\$made" ] || { mv "\$made" $PWD/moved.\$\$ && ln -s $PWD/victim "\$made"; }
done
SH
    printf '#!/bin/bash\nswap\nexec %s "$@"\n' "$(command -v xbunpack)" >bin/xbunpack
    chmod +x bin/*
    for how in used entered; do
        if [ $how = entered ]; then # or before it is entered
            printf '#!/bin/bash\nmade=$(%s "$@") && { swap; echo "$made"; }\n' "$(command -v mktemp)" >bin/mktemp
            chmod +x bin/mktemp
        fi
        for recipe in "rekey.sh KEY NEWKEY old.xb out" "sqlserver-restore.sh bucket key out"; do
            echo "$how: $recipe"
            # shellcheck disable=SC2086 # words
            PATH=$PWD/bin:$PATH run --separate-stderr "$examples/"$recipe
            if [ $how = used ]; then
                [ -s out ]
                rm -rf out
            else
                [ "$status" -eq 73 ] || [[ $stderr == *"cannot create directory"* ]]
                [ ! -e out ]
            fi
            diff -r before victim
            rm -rf moved.* out.??????
        done
    done
}

@test "aliyun-key.sh: a command with a leading dash is no option of the shell" {
    mkdir bin
    printf '#!/bin/sh\ncat >/dev/null; echo 00\n' >bin/kmsunwrap
    printf '#!/bin/sh\necho run\n' >bin/-c
    chmod +x -- bin/*
    PATH=$PWD/bin:$PATH succeeds "$examples/aliyun-key.sh" KEY -c
    [ "$output" = run ]
}

# --- systemd ---

@test "the unit of systemd: its command restores, with the key where systemd puts it" {
    unit=$examples/systemd/xbpipe-restore@.service
    mkdir backups state credentials
    cp KEY credentials/key
    while read -r form name sums; do
        cp "$rds/$form" "backups/$name"
        command=$(sed -n 's/^ExecStart=//p' "$unit")
        [ "$(wc -l <<<"$command")" -eq 1 ]
        command=${command//%i/$name}
        command=${command//%d/$PWD/credentials}
        command=${command//\/srv\/backups/$PWD/backups}
        command=${command//\/var\/lib\/xbpipe/$PWD/state}
        command=${command//\/usr\/share\/doc\/xbpipe\/examples/$examples}
        run -1 grep -E '%|/usr/share' <<<"$command"
        # As systemd does: no shell.
        read -ra words <<<"$command"
        succeeds env -i PATH="$PATH" "${words[@]}"
        restored "state/$name" "$fixtures/$sums"
    done < <(forms)
}

@test "the unit of systemd: systemd finds nothing wrong with it, and little exposed" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed (Debian: systemd)"
    cp "$examples/systemd/xbpipe-restore@.service" .
    run systemd-analyze verify --man=no ./xbpipe-restore@.service
    echo "$output"
    [ "$status" -eq 0 ]
    run -1 grep -F xbpipe <<<"$output"
    systemd-analyze security --offline=true --threshold=15 ./xbpipe-restore@.service >report
    for setting in LoadCredential=key: ProtectSystem=strict ReadWritePaths= NoNewPrivileges=yes; do
        grep -q "^$setting" xbpipe-restore@.service
    done
}

# --- to-apsaradb.sh ---

# Lines "NAME.qp" of an xbstream whose members are all qpress archives of one file.
only_qpress() {
    python3 -S -E "$XBPIPE_TESTS/cli/read_xbstream.py" members <"$1" >chunks
    files members >names
    run -1 grep -v '\.qp$' names
    while IFS= read -r name; do
        head -c 17 "members/$name" | cmp - <(printf 'qpress10\0\0\1\0\0\0\0\0F')
    done <names
    rm -r members
}

@test "to-apsaradb.sh: a folder, members in any form, an encrypted file: an xbstream of qpress members" {
    xbunpack -C files --decompress -i "$fixtures/mariadb/shop_qp.xb"
    xbunpack -C 'packed files' -i "$fixtures/mariadb/shop_qp.xb"
    for backup in files 'packed files' "$fixtures/mariadb/shop_qp.xb"; do
        CDPATH=/:/tmp succeeds "$examples/to-apsaradb.sh" "$backup" 'my new_qp.xb'
        only_qpress 'my new_qp.xb'
        xbunpack -C out --decompress -i 'my new_qp.xb'
        restored out "$fixtures/mariadb/shop.sha256"
        rm -r out 'my new_qp.xb'
    done
    succeeds "$examples/to-apsaradb.sh" "$rds/full_v3_qp.xb" new_qp.xb KEY
    only_qpress new_qp.xb
    xbunpack -C out --decompress -i new_qp.xb
    restored out "$fixtures/mariadb/shop.sha256"
    restored files "$fixtures/mariadb/shop.sha256"
    [ "$(find . -maxdepth 1 -name 'new_qp.xb?*' -o -maxdepth 1 -name 'my *')" = "" ]
}

@test "to-apsaradb.sh: what is no backup, exists, or cannot be read leaves nothing" {
    mkdir t
    echo x >t/x
    fails 65 "to-apsaradb.sh: t: it has no xtrabackup_checkpoints, and is no backup that xtrabackup made" "$examples/to-apsaradb.sh" t new_qp.xb
    fails 64 "to-apsaradb.sh: new.xb: the name has to end in _qp.xb" "$examples/to-apsaradb.sh" t new.xb
    fails 66 "to-apsaradb.sh: none: no file or folder that can be read" "$examples/to-apsaradb.sh" none new_qp.xb
    : >there_qp.xb
    fails 73 "to-apsaradb.sh: there_qp.xb exists already" "$examples/to-apsaradb.sh" t there_qp.xb
    run -65 "$examples/to-apsaradb.sh" "$rds/full_v3_qp.xb" new_qp.xb NEWKEY
    head -c 900000 "$fixtures/mariadb/shop_qp.xb" >cut.xb
    run -65 "$examples/to-apsaradb.sh" cut.xb new_qp.xb
    [ -z "$(find . -name 'new_qp.xb*')" ]
    [ ! -s there_qp.xb ]
}

@test "to-apsaradb.sh: nothing is written or removed through a folder that a neighbour swaps in" {
    mkdir bin victim
    echo precious | tee victim/new victim/sums victim/files >/dev/null
    cp -a victim before
    cat >bin/swap <<SH
#!/bin/bash
for made in $PWD/new_qp.xb.??????; do
    [ ! -d "\$made" ] || [ -L "\$made" ] || { mv "\$made" $PWD/moved.\$\$ && ln -s $PWD/victim "\$made"; }
done
SH
    printf '#!/bin/bash\nswap\nexec %s "$@"\n' "$(command -v xbpack)" >bin/xbpack
    chmod +x bin/*
    PATH=$PWD/bin:$PATH run -0 "$examples/to-apsaradb.sh" "$fixtures/mariadb/shop_qp.xb" new_qp.xb
    only_qpress new_qp.xb
    diff -r before victim
    [ -n "$(find . -name 'new_qp.xb.??????' -type l)" ]
    rm -rf moved.* new_qp.xb*
    printf '#!/bin/bash\nmade=$(%s "$@") && { swap; echo "$made"; }\n' "$(command -v mktemp)" >bin/mktemp
    chmod +x bin/mktemp
    PATH=$PWD/bin:$PATH run -73 "$examples/to-apsaradb.sh" "$fixtures/mariadb/shop_qp.xb" new_qp.xb
    diff -r before victim
    [ ! -e new_qp.xb ]
}

@test "to-apsaradb.sh: what comes out different is found" {
    xbunpack -C files --decompress -i "$fixtures/mariadb/shop_qp.xb"
    mkdir bin
    cat >bin/xbpack <<SH
#!/bin/bash
"$BUILD_DIR/xbpack" "\$@" || exit
echo wrong >>files/backup-my.cnf
SH
    chmod +x bin/xbpack
    PATH=$PWD/bin:$PATH run -65 "$examples/to-apsaradb.sh" files new_qp.xb
    [ -z "$(find . -name 'new_qp.xb*')" ]
}
