# SPDX-License-Identifier: Apache-2.0
# examples/backup.sh and restore.sh: there and back, and what each loss and damage says. With a real
# server: tests/e2e/mariadb.bats.
bats_require_minimum_version 1.5.0
load ../kms/service.bash

setup_file() {
    export SERVICE=$BATS_FILE_TMPDIR/service
    ! command -v python3 >/dev/null || service_start "$SERVICE"
}

teardown_file() { service_stop "$SERVICE"; }

setup() {
    load common.bash
    command -v zstd >/dev/null || skip "zstd is not installed"
    examples=$XBPIPE_TESTS/../examples
    sums=$fixtures/mariadb/shop.sha256
    xbunpack -C db --decompress -i "$fixtures/mariadb/shop_qp.xb"
    (umask 077 && head -c 32 /dev/urandom >master && head -c 32 /dev/urandom >other)
    mkdir 'the backups'
}

backup() { "$examples/backup.sh" -k "file:$PWD/master" "$@"; }
make_backup() { succeeds backup -n one 'the backups' xbpack -C db; }
restore() { "$examples/restore.sh" "$@"; }
field() { sed -nE 's/^ *"'"$1"'": "([^"]*)",?$/\1/p' 'the backups/one.json'; }

@test "there and back, compressed and not; the JSON says what it is" {
    for compression in zstd none; do
        succeeds backup -z $compression -n one 'the backups' xbpack -C db
        [ "$(ls -A 'the backups' | tr '\n' ' ')" = "one one.json one.sha256 " ]
        python3 -S -E - <<'END'
import hashlib, json
j = json.load(open("the backups/one.json"))
data = open("the backups/one", "rb").read()
assert data[:8] == b"XBCRYP03" and int(j["size"]) == len(data)
assert j["sha256"] == hashlib.sha256(data).hexdigest()
assert j["manifest_sha256"] == hashlib.sha256(open("the backups/one.sha256", "rb").read()).hexdigest()
assert (j["tool"], j["type"], j["from_lsn"], j["to_lsn"]) == ("mariadb-backup", "full", "0", "44420"), j
assert j["server_version"] == "10.11.19-MariaDB-0+deb12u1" and j["ended"] >= j["started"]
END
        succeeds restore 'the backups/one.json' 'the restored'
        restored 'the restored' "$sums"
        (cd db && sha256sum -c --quiet '../the backups/one.sha256')
        rm -r 'the restored' 'the backups'/*
        [ "$(ls -A | tr '\n' ' ')" = "db master other the backups " ]
    done
}

@test "the key is new each time, in no argument, no variable and no file; nothing is in clear on a disk" {
    mkdir bin
    for program in kmswrap kmsunwrap xbcrypt-enc xbunpack zstd sha256sum tee base64; do
        cat >bin/$program <<SH
#!/bin/bash
tr '\\0' '\\n' </proc/\$\$/environ >>"$PWD/seen"
echo "\$0 \$*" >>"$PWD/seen"
exec $(command -v $program) "\$@"
SH
        chmod +x bin/$program
    done
    PATH=$PWD/bin:$PATH make_backup
    PATH=$PWD/bin:$PATH succeeds restore 'the backups/one.json' out
    [ "$(grep -c 'xbcrypt-enc ' seen)" -eq 1 ]
    data_key=$(field ciphertext | kmsunwrap --master-key=master)
    run -1 grep -rF -e "$data_key" seen 'the backups'
    run -1 grep -F -e "$(base64 -d <<<"$data_key" | od -An -v -tx1 | tr -d ' \n')" seen
    first=$(field ciphertext)
    rm 'the backups'/*
    make_backup
    [ "$(field ciphertext)" != "$first" ]
    # What is written while it runs: pipes, and files that begin as xbcrypt does.
    need_strace
    strace -f -qq -y -e trace=write,pwrite64,writev,pwritev -e signal=none -s 16 -o trace \
        "$examples/backup.sh" -k "file:$PWD/master" -n two 'the backups' xbpack -C db
    grep -E '\.backup\.[^>]*/two>' trace >written
    [ -s written ]
    head -n 1 written | grep -q XBCRYP03
    run -1 grep -F 'ibdata1' written
    # Whatever else goes to a file is small: sums, sizes, the list, the JSON.
    grep -oE '^[0-9]+ +p?writev?(64)?\([0-9]+<[^>]*>' trace | sed 's/.*<//; s/>$//' | grep '^/' | grep -v '^/dev/' | sed 's,.*/,,' | sort -u >files
    run -1 grep -vxE 'two(\.sha256|\.json)?|sha256|size|info|verify|look|sum|count|\.xbpipe-.*' files
}

@test "--rewrap: the JSON changes, the backup does not, and the new key alone opens it" {
    make_backup
    before=$(cd 'the backups' && sha256sum one one.sha256)
    cp 'the backups/one.json' old.json
    succeeds "$examples/backup.sh" -k "file:$PWD/other" --rewrap 'the backups/one.json'
    [ "$(cd 'the backups' && sha256sum one one.sha256)" = "$before" ]
    [ "$(diff old.json 'the backups/one.json' | grep -c '^>')" -eq 2 ]
    [ "$(ls -A 'the backups' | tr '\n' ' ')" = "one one.json one.sha256 " ]
    mv master gone
    succeeds restore 'the backups/one.json' out
    restored out "$sums"
    # A key that is not there changes nothing.
    cp 'the backups/one.json' new.json
    run -66 "$examples/backup.sh" -k file:nowhere --rewrap 'the backups/one.json'
    cmp new.json 'the backups/one.json'
    run -64 "$examples/backup.sh" -k gpg:x --rewrap 'the backups/one.json'
    cmp new.json 'the backups/one.json'
}

@test "a JSON whose name begins with a dash is a file, not an option" {
    make_backup
    cd 'the backups'
    mv one.json ./-n.json
    succeeds "$examples/backup.sh" -k "file:${PWD%/*}/other" --rewrap -- -n.json
    succeeds restore -- -n.json ../out
    restored ../out "$sums"
}

@test "a key service wraps the key, and unwraps it" {
    command -v python3 >/dev/null || skip "python3 is not installed; it plays the key service"
    clean_environment
    aliyun_keys
    mkdir "$HOME/.aliyun"
    printf '{"current":"a","profiles":[{"name":"a","mode":"AK","endpoint":"http://127.0.0.1:%s"}]}' \
        "$(cat "$SERVICE/port")" >"$HOME/.aliyun/config.json"
    succeeds "$examples/backup.sh" -k "aliyun:$ALIYUN_KEY" -n one 'the backups' xbpack -C db
    [ "$(field key)" = "aliyun:$ALIYUN_KEY" ]
    succeeds restore 'the backups/one.json' out
    restored out "$sums"
    # and from one kind of key to another
    succeeds "$examples/backup.sh" -k "file:$PWD/other" --rewrap 'the backups/one.json'
    succeeds restore 'the backups/one.json' out2
    restored out2 "$sums"
}

@test "-u: the backup goes to a command, the JSON last, and stays here" {
    mkdir cloud
    cat >upload <<'SH'
#!/bin/bash
cat >"cloud/$1" && echo "$1" >>order
SH
    chmod +x upload
    succeeds backup -n one -u './upload "$1"' 'the backups' xbpack -C db
    [ "$(cat order)" = "one
one.sha256
one.json" ]
    [ "$(ls -A 'the backups' | tr '\n' ' ')" = "one.json one.sha256 " ]
    succeeds restore cloud/one.json out
    restored out "$sums"
    # One that fails: no JSON, neither here nor there.
    run -7 backup -n two -u 'head -c 1000 >/dev/null; exit 7' 'the backups' xbpack -C db
    [ "$(ls -A 'the backups' | tr '\n' ' ')" = "one.json one.sha256 " ]
}

@test "an increment: from where the one below it ends" {
    make_backup
    cat >tool <<'SH'
#!/bin/bash
printf '%s\n' "$@" >arguments
xbpack -C db
SH
    chmod +x tool
    # The tool made a full backup all the same: that is not what was asked for.
    fails 65 "backup.sh: the increment begins at LSN 0: expected 44420, where the backups/one.json ends" \
        backup -n two -i 'the backups/one.json' 'the backups' ./tool --backup
    [ "$(tail -n 1 arguments)" = --incremental-lsn=44420 ]
    [ ! -e 'the backups/two.json' ]
    sed -i 's/^from_lsn = .*/from_lsn = 44420/; s/^to_lsn = .*/to_lsn = 44500/; s/full-backuped/incremental/' db/xtrabackup_checkpoints
    sed -i "s/^innodb_from_lsn = .*/innodb_from_lsn = 44420/; s/^innodb_to_lsn = .*/innodb_to_lsn = 44500/; s/^incremental = .*/incremental = Y/" db/xtrabackup_info
    succeeds backup -n two -i 'the backups/one.json' 'the backups' ./tool --backup
    grep -qx '  "base": "one.json",' 'the backups/two.json'
    grep -qx '  "from_lsn": "44420",' 'the backups/two.json'
    grep -qx '  "type": "incremental",' 'the backups/two.json'
}

@test "a folder that no tool made: packed as it is" {
    mkdir clone
    seq 1000 >clone/t.ibd
    succeeds backup -n one 'the backups' xbpack -C clone
    [ -z "$(field tool)" ]
    succeeds restore 'the backups/one.json' out
    diff -r clone out
}

@test "a tool that fails, or a stream that is cut: no JSON, and nothing left" {
    cat >tool <<'SH'
#!/bin/bash
xbpack -C db | head -c "$1"
exit "$2"
SH
    chmod +x tool
    run -9 backup -n one 'the backups' ./tool 100000000 9
    [ -z "$(ls -A 'the backups')" ]
    run -65 --separate-stderr backup -n one 'the backups' ./tool 3000000 0
    [ "${stderr_lines[-1]}" = "backup.sh: what tool wrote is not a whole xbstream" ]
    [ -z "$(ls -A 'the backups')" ]
    run -65 backup -n one 'the backups' true
    [ -z "$(ls -A 'the backups')" ]
    run -127 backup -n one 'the backups' no-such-tool
    [ -z "$(ls -A 'the backups')" ]
    run -66 "$examples/backup.sh" -k file:nowhere -n one 'the backups' xbpack -C db
    [ -z "$(ls -A 'the backups')" ]
}

@test "killed half-way: nothing looks whole" {
    mkfifo hold
    cat >tool <<'SH'
#!/bin/bash
xbpack -C db | head -c 3000000
echo >started
cat hold
SH
    chmod +x tool
    for signal in TERM KILL; do
        rm -f started
        setsid $killable "$examples/backup.sh" -k "file:$PWD/master" -n one 'the backups' ./tool 2>/dev/null &
        script=$!
        for ((i = 0; i < 500; i++)); do
            [ ! -e started ] || break
            sleep 0.02
        done
        [ -e started ]
        kill -$signal -- -$script
        wait $script || true
        [ -z "$(find 'the backups' -maxdepth 1 -type f)" ]
        [ $signal = KILL ] || [ -z "$(ls -A 'the backups')" ]
        run -66 restore 'the backups/one.json' out
        [ ! -e out ]
    done
}

@test "damage, a wrong key, a lost or foreign JSON: each says what to do, and nothing is restored" {
    make_backup
    says() {
        local expected=$1 message=$2
        shift 2
        run --separate-stderr restore "$@"
        [ "$status" -eq "$expected" ] || { echo "$status: $stderr"; return 1; }
        [ "${stderr_lines[-1]}" = "restore.sh: $message" ] || { echo "$stderr"; return 1; }
        [ -z "$(find . -maxdepth 1 -name 'out*')" ]
    }
    says 66 "none.json: no such file. It holds the wrapped key, and nothing else opens the backup: look for a copy where backups are stored, and for one that was uploaded" none.json out
    says 73 "db exists already" 'the backups/one.json' db
    # The wrapping key: gone, or another.
    run -66 restore -k file:nowhere 'the backups/one.json' out
    says 65 "file:other does not unwrap the key of the backups/one.json; -k KEY names another" -k file:other 'the backups/one.json' out
    # The backup: changed, cut, gone.
    cp -r 'the backups' sound
    byte=x # another one than is there
    [ "$(dd if=sound/one bs=1 skip=500000 count=1 status=none | od -An -tx1)" != ' 78' ] || byte=y
    printf $byte | dd of='the backups/one' bs=1 seek=500000 conv=notrunc status=none
    says 65 "the backups/one is damaged, its SHA-256 is not that in the backups/one.json: fetch it again; if there is no other, xbunpack --salvage saves what is sound of it" 'the backups/one.json' out
    truncate -s 500000 'the backups/one'
    says 65 "the backups/one has 500000 bytes: expected $(stat -c %s sound/one); fetch it again" 'the backups/one.json' out
    rm 'the backups/one'
    says 66 "the backups/one: no file that can be read; it belongs beside the backups/one.json" 'the backups/one.json' out
    cp sound/one 'the backups'
    echo >>'the backups/one.sha256'
    says 65 "the backups/one.sha256 is not what was written: fetch it again" 'the backups/one.json' out
    cp sound/one.sha256 'the backups'
    # The JSON: of another backup, damaged, hostile.
    succeeds backup -n two sound xbpack -C db
    sed -i "s|\"ciphertext\": .*|\"ciphertext\": \"$(sed -nE 's/.*"ciphertext": "(.*)",/\1/p' sound/two.json)\",|" 'the backups/one.json'
    says 65 "the backups/one is as it was written: the key in the backups/one.json must be that of another backup" 'the backups/one.json' out
    sed 's/"ciphertext"/"cipher"/' sound/one.json >'the backups/one.json'
    says 65 'the backups/one.json: no "ciphertext" in it: it is damaged, or not as backup.sh wrote it; look for a copy' 'the backups/one.json' out
    sed 's,"file": "one","file": "../sound/one",' sound/one.json >'the backups/one.json'
    says 65 "the backups/one.json: it names files elsewhere" 'the backups/one.json' out
    cp sound/one.json 'the backups'
    succeeds restore 'the backups/one.json' out
    restored out "$sums"
}

@test "backup.sh, restore.sh: nothing is written or removed through a folder that a neighbour swaps in" {
    make_backup
    mkdir bin victim
    for file in verify look sum count info sha256 size pipe two two.sha256 two.json json files; do
        echo precious >"victim/$file"
    done
    cp -a victim before
    # While it is used, as the first program runs in it: the folder is moved away, a link has its name.
    cat >bin/swap <<SH
#!/bin/bash
for made in "$PWD/the backups"/.backup.?????? "$PWD"/out.??????; do
    [ ! -d "\$made" ] || [ -L "\$made" ] || { mv "\$made" "$PWD/moved.\$\$" && ln -s "$PWD/victim" "\$made"; }
done
SH
    for program in kmswrap mkfifo sync; do
        printf '#!/bin/bash\nswap\nexec %s "$@"\n' "$(command -v $program)" >bin/$program
    done
    chmod +x bin/*
    for how in used entered; do
        if [ $how = entered ]; then # or before it is entered
            printf '#!/bin/bash\nmade=$(%s "$@") && { swap; echo "$made"; }\n' "$(command -v mktemp)" >bin/mktemp
            chmod +x bin/mktemp
        fi
        for recipe in backup rewrap restore; do
            case $recipe in
            backup) command=(backup -n two 'the backups' xbpack -C db) ;;
            rewrap) command=(backup --rewrap 'the backups/one.json') ;;
            restore) command=(restore 'the backups/one.json' out) ;;
            esac
            PATH=$PWD/bin:$PATH run --separate-stderr "${command[@]}"
            echo "$how: $recipe: $status $stderr"
            diff -r before victim
            [ -n "$(find . -maxdepth 2 -type l)" ]
            if [ $how = entered ]; then
                [ "$status" -eq 73 ]
                [[ $stderr == *": somebody else has changed it" ]]
                [ ! -e out ]
                [ ! -e 'the backups/two' ]
            else
                [ "$status" -eq 0 ]
            fi
            rm -rf moved.* out.?????? 'the backups'/.backup.??????
        done
        [ $how = entered ] || restored out "$sums"
        rm -rf out 'the backups'/two*
    done
}

@test "a JSON that somebody else wrote: its text is shown as plain characters, a lost field is the last word" {
    make_backup
    cp 'the backups/one.json' sound.json
    esc=$(printf '\033')
    for change in "s,\"file\": \"one\",\"file\": \"o${esc}[2Jne\"," "s,\"key\": \".*\",\"key\": \"gpg:${esc}[2J\"," \
        "s,\"size\": \".*\",\"size\": \"${esc}[2J\","; do
        sed "$change" sound.json >'the backups/one.json'
        for command in "restore the_backups/one.json out" "backup --rewrap the_backups/one.json"; do
            # shellcheck disable=SC2086 # words
            set -- $command
            run --separate-stderr "${@//_/ }"
            echo "$status: $stderr" | cat -v
            [[ $stderr != *"$esc"* ]]
        done
        [ ! -e out ]
        sed "$change" sound.json >'the backups/one.json'
        run --separate-stderr restore 'the backups/one.json' out
        [ "$status" -ne 0 ]
        [[ $stderr == *'?[2J'* ]]
    done
    for name in file manifest size sha256 ciphertext manifest_sha256; do
        grep -v "\"$name\"" sound.json >'the backups/one.json'
        fails 65 "restore.sh: the backups/one.json: no \"$name\" in it: it is damaged, or not as backup.sh wrote it; look for a copy" restore 'the backups/one.json' out
    done
}

@test "usage: 64, and a backup is never replaced" {
    make_backup
    before=$(cd 'the backups' && sha256sum -- *)
    fails 73 "backup.sh: the backups/one exists already" backup -n one 'the backups' xbpack -C db
    [ "$(cd 'the backups' && sha256sum -- *)" = "$before" ]
    for name in ../x .x -x 'a b' a/b; do
        fails 64 "backup.sh: -n $name: expected a name of letters, digits, '.', '_' and '-'" backup -n "$name" 'the backups' xbpack -C db
    done
    fails 64 "backup.sh: -z lz4: expected zstd or none" backup -z lz4 'the backups' xbpack -C db
    fails 64 "backup.sh: -k 'gpg:x': expected file:PATH, aws:ID or aliyun:ID" "$examples/backup.sh" -k gpg:x 'the backups' xbpack
    fails 64 "backup.sh: -k 'file:a\"b': a quote, a backslash or a control character is not for JSON" "$examples/backup.sh" -k 'file:a"b' 'the backups' xbpack
    fails 64 "backup.sh: expected a COMMAND that writes the backup; see --help" backup 'the backups'
    fails 64 "backup.sh: --key: there is no such option; see --help" backup --key 'the backups' xbpack
    fails 73 "backup.sh: nowhere: no such folder" backup nowhere xbpack
    succeeds backup 'the backups' xbpack -C db
    [ "$(find 'the backups' -name "$(uname -n)-2*Z.json" | wc -l)" -eq 1 ]
}

@test "the units of systemd: the command makes a backup, and systemd finds nothing wrong with them" {
    unit=$examples/systemd/xbpipe-backup.service
    command=$(sed -n 's/^ExecStart=//p' "$unit")
    command=${command//\/var\/lib\/xbpipe-backup/state}
    command=${command//\/usr\/share\/doc\/xbpipe\/examples/$examples}
    command=${command//\$\{KEY\}/file:master}
    command=${command//\$OPTIONS/-n nightly}
    command=${command//\$COMMAND/xbpack -C db}
    run -1 grep -F '$' <<<"$command"
    mkdir state
    # As systemd does: no shell.
    read -ra words <<<"$command"
    succeeds env -i PATH="$PATH" "${words[@]}"
    succeeds restore state/nightly.json out
    restored out "$sums"
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed (Debian: systemd)"
    cp "${unit%.service}.timer" .
    sed "s,/usr/share/doc/xbpipe/examples,$(realpath "$examples")," "$unit" >xbpipe-backup.service
    run systemd-analyze verify --man=no ./xbpipe-backup.timer ./xbpipe-backup.service
    [ "$status" -eq 0 ]
    run -1 grep -F xbpipe <<<"$output"
    systemd-analyze security --offline=true --threshold=20 ./xbpipe-backup.service >report
}
