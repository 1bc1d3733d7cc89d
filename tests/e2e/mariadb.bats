# SPDX-License-Identifier: Apache-2.0
# A real MariaDB server's backups, packed as ApsaraDB packs them, through the recipes of the README
# into servers that have to start and hold the same. What is compared comes from the servers
# themselves: the checksum, the number of rows and the definition of every table.
# Percona XtraBackup is not in Debian: its part (xbcrypt, qpress) is done by xbcrypt-enc and qppack,
# which the other tests compare with what XtraBackup 2.2 and qpress 1.1 wrote.
bats_require_minimum_version 1.5.0

setup_file() {
    load server.bash
    server_once fill_and_back_up
}

fill_and_back_up() {
    sql "$source" <"$XBPIPE_TESTS/e2e/database.sql" >/dev/null && server_content "$source" >"$work/content.full" && backups
}

# All of the backups, each while the server is written to; then the members of the packages.
backups() {
    local name members=$work/members
    (umask 077 && head -c 32 /dev/urandom >"$work/own.key")
    writer_start full
    server_backup "$source" --parallel=1 >"$work/plain.xb" || return
    server_backup "$source" --parallel=2 --compress --compress-threads=2 --extra-lsndir="$source/tmp/lsn" \
        >"$work/compressed.xb" || return
    own_backup full || return
    writer_stop || return
    sql "$source" <"$XBPIPE_TESTS/e2e/changes.sql" || return
    server_content "$source" >"$work/content.incremental" || return
    writer_start incremental
    server_backup "$source" --parallel=2 --compress --incremental-basedir="$source/tmp/lsn" \
        >"$work/incremental.xb" || return
    own_backup incremental -i "$work/own/full.json" || return
    writer_stop || return
    mkdir "$work/trees" "$members"
    # What the backup tool itself takes out of its stream.
    mkdir "$work/trees/plain" && mbstream -x -C "$work/trees/plain" <"$work/plain.xb" || return
    for name in plain compressed incremental; do
        mkdir "$members/$name" && mbstream -x -C "$members/$name" <"$work/$name.xb" || return
        encrypt_members "$members/$name" || return
        (cd "$members/$name" && find . -type f -printf '%P\0' | xargs -0 -x mbstream -c) >"$work/$name.members.xb" || return
    done
    (cd "$members/plain" && tar -czf "$work/plain.tar.gz" .)
    rm -r "$members"
}

# own_backup NAME [OPTION...]: one by examples/backup.sh, into $work/own.
own_backup() {
    local name=$1
    shift
    mkdir -p "$work/own"
    (cd "$source/data" && "$XBPIPE_TESTS/../examples/backup.sh" -k "file:$work/own.key" -n "$name" "$@" "$work/own" \
        setpriv "${as_user[@]}" --pdeathsig=KILL mariadb-backup --no-defaults --backup --stream=xbstream --socket=s \
        --user=root --datadir="$source/data" --target-dir="$source/tmp" --tmpdir="$source/tmp" 2>"$work/own.log") ||
        { tail -n 30 "$work/own.log" >&2; return 1; }
}

# Each file below a folder becomes its .xbcrypt, as XtraBackup encrypts a member.
encrypt_members() {
    find "$1" -type f -print0 | xargs -0 -n 1 -P 2 sh -c \
        'xbcrypt-enc -j 1 -f "$XBPIPE_TESTS/fixtures/rds/password.hex" -i "$1" -o "$1.xbcrypt" && rm "$1"' sh
}

# Transactions that end while a backup is taken, and one that is open all the time: what --prepare
# has to make consistent. The number of transactions that had ended is in busy.$1.
writer_start() {
    sql "$source" 'truncate table busy.stop; select count(*) from busy.a' >"$work/busy.$1" || return
    sql "$source" 'call busy.write()' >"$work/writer.out" 2>&1 3>&- 4>&- &
    writer=$!
    sql "$source" "begin; update shop.orders set item = 'not committed' where id % 3 = 0;
        delete from shop.row_compressed where id < 500; insert into shop.empty_innodb values (99);
        select sleep(60)" >"$work/open.out" 2>&1 3>&- 4>&- &
    open=$!
    for _ in {1..300}; do
        sql "$source" "select count(*) from information_schema.innodb_trx where trx_rows_modified > 7000" >"$work/open"
        sql "$source" "select count(*) from busy.a" >"$work/busy.now"
        [ "$(cat "$work/open")" = 1 ] && [ "$(cat "$work/busy.now")" -gt "$(cat "$work/busy.$1")" ] && return
        sleep 0.1
    done
    cat "$work/writer.out" "$work/open.out"
    return 1
}

writer_stop() {
    sql "$source" "select concat('kill ', id) from information_schema.processlist where info like '%sleep(60)'" >"$work/kill"
    sql "$source" <"$work/kill"
    sql "$source" 'insert into busy.stop values (1)'
    wait "$open" || true
    wait "$writer" || { cat "$work/writer.out"; return 1; }
}

teardown_file() {
    load server.bash
    for dir in "$BATS_FILE_TMPDIR"/*/pid; do
        [ ! -e "$dir" ] || server_stop "${dir%/pid}"
    done
}

setup() {
    load ../cli/loops.bash
    load server.bash
    load ../cli/recipe.bash
    [ ! -e "$BATS_FILE_TMPDIR/skip" ] || skip "$(cat "$BATS_FILE_TMPDIR/skip")"
    work=$BATS_FILE_TMPDIR
    server_user "$work"
    server=$work/server
    mkdir "$server"
    cd "$server" || return 1
    cp "$XBPIPE_TESTS/fixtures/kms/demo-master.key" master.key
    cp "$XBPIPE_TESTS/fixtures/kms/demo-ciphertext.b64" ciphertext
}

teardown() {
    [ ! -d "${server:-}" ] || { server_stop "$server" && rm -rf "$server"; }
}

# The restored files become a data directory that a server starts from and that holds what the
# source did at its backup `full` or `incremental`.
starts_with() {
    mv restored data
    server_prepare "$server"
    serves "$1"
}

serves() {
    server_start "$server"
    server_content "$server" >content
    diff "$work/content.$1" content
    # Each transaction is there as a whole or not at all, those before the backup are.
    sql "$server" 'select count(*), max(n), sum(n) from busy.a; select count(*), max(n), sum(n) from busy.b' >busy
    [ "$(sort -u busy | wc -l)" -eq 1 ]
    read -r count last _ <busy
    [ "$count" -eq "$last" ]
    [ "$count" -gt "$(cat "$work/busy.$1")" ]
    (cd data && mariadb-check --no-defaults --socket=s --user=root --all-databases --extended) >checked
    [ "$(grep -c 'OK$' checked)" -ge "$(grep -c ^rows content)" ]
    # A sequence is not a table that can be checked.
    run -1 grep -vE '(OK|: Table is already up to date)$|^shop\.numbers|^note .* support check$' checked
}

@test "what is compared is every table, and a change to one row shows" {
    [ "$(grep -c ^rows "$work/content.full")" -ge 45 ]
    run -1 grep -P '\tNULL$' "$work/content.full"
    run -1 cmp "$work/content.full" "$work/content.incremental"
    xbunpack -C restored <"$work/plain.xb"
    starts_with full
    sql "$server" "update shop.row_compressed set b = 'x' where id = 1000"
    server_content "$server" >content
    [ "$(diff "$work/content.full" content | grep -c '^>')" -eq 1 ]
}

@test "each page of the backup is sound" {
    run --separate-stderr xbunpack -v --test --check-pages -i "$work/plain.xb"
    [ "$status" -eq 0 ]
    [[ $stderr =~ [1-9][0-9]*\ sound,.*\ 0\ bad ]] || { echo "$stderr"; return 1; }
}

@test "the backup's stream gives the files that mbstream takes out of it, encrypted or not" {
    for j in 1 3; do
        xbunpack -j $j -C restored <"$work/plain.xb"
        diff -r "$work/trees/plain" restored
        rm -r restored
        xbunpack -j $j -C restored --decrypt -f "$XBPIPE_TESTS/fixtures/rds/password.hex" <"$work/plain.members.xb"
        diff -r "$work/trees/plain" restored
        rm -r restored
    done
}

@test "_qp.xb" {
    cp "$work/compressed.members.xb" backup_qp.xb
    recipe qp.xb
    xbunpack -j 1 -C one --decrypt -f "$XBPIPE_TESTS/fixtures/rds/password.hex" --decompress <backup_qp.xb
    diff -r one restored
    starts_with full
}

@test ".xb.gz" {
    gzip -1 <"$work/plain.members.xb" >backup.xb.gz
    steps 'gzip -dc backup.xb.gz | xbunpack -C restored --decrypt -f <(backup_key) --decompress'
    diff -r "$work/trees/plain" restored
    starts_with full
}

@test "_xb.qp" {
    qppack -io backup.xb <"$work/plain.members.xb" >backup_xb.qp
    steps 'qpunpack < backup_xb.qp | xbunpack -C restored --decrypt -f <(backup_key) --decompress'
    diff -r "$work/trees/plain" restored
    starts_with full
}

@test ".tar.gz" {
    cp "$work/plain.tar.gz" backup.tar.gz
    make -j2 -f "$XBPIPE_TESTS/../examples/restore.mk" DIR=made BACKUP=backup.tar.gz \
        KEY=<(cat "$XBPIPE_TESTS/fixtures/rds/password.hex")
    steps 'xbunpack -C restored --auto -f <(backup_key) < backup.tar.gz'
    diff -r "$work/trees/plain" restored
    diff -r made restored
    starts_with full
}

@test "a compressed stream, encrypted as a whole" {
    xbcrypt-enc -f "$XBPIPE_TESTS/fixtures/rds/password.hex" <"$work/compressed.xb" >backup.xb.xbcrypt
    steps 'xbcrypt-dec -f <(backup_key) < backup.xb.xbcrypt | xbunpack -C restored --decompress'
    starts_with full
}

@test "an incremental backup on top of a full one" {
    cp "$work/compressed.members.xb" backup_qp.xb
    recipe qp.xb
    mv restored data
    cp "$work/incremental.members.xb" backup_qp.xb
    recipe qp.xb
    mv restored increment
    server_owns increment
    server_prepare "$server"
    server_prepare "$server" --incremental-dir="$server/increment"
    serves incremental
}

@test "backup.sh and restore.sh: a full backup taken under writes" {
    "$XBPIPE_TESTS/../examples/restore.sh" "$work/own/full.json" restored
    (cd restored && sha256sum -c --quiet "$work/own/full.sha256")
    starts_with full
}

@test "backup.sh and restore.sh: an increment on top of it, after its key was wrapped anew" {
    cp -r "$work/own" own
    (umask 077 && head -c 32 /dev/urandom >new.key)
    for json in own/full.json own/incremental.json; do
        "$XBPIPE_TESTS/../examples/backup.sh" -k "file:$server/new.key" --rewrap "$json"
        cmp "${json%.json}" "$work/${json%.json}"
    done
    to=$(sed -n 's/^  "to_lsn": "\(.*\)",/\1/p' own/full.json)
    grep -qxF "  \"from_lsn\": \"$to\"," own/incremental.json
    "$XBPIPE_TESTS/../examples/restore.sh" own/full.json data
    "$XBPIPE_TESTS/../examples/restore.sh" own/incremental.json increment
    server_owns increment
    server_prepare "$server"
    server_prepare "$server" --incremental-dir="$server/increment"
    serves incremental
}
