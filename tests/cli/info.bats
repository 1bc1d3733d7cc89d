# SPDX-License-Identifier: Apache-2.0
# xbunpack: what a backup is and what prepares it, by --info and after a restore.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    made="xbunpack: made by mariadb-backup 10.11.19-MariaDB from server 10.11.19-MariaDB-0+deb12u1; full backup, up to LSN 44420"
}

hint() { printf '%s\n%s' "$1" "Try \`xbunpack --help' or \`xbunpack --usage' for more information."; }
next() { echo "xbunpack: next: mariadb-backup --prepare --target-dir=$1 (mariadb-backup 10.11, 10.11.19 or later)"; }

# Members of an archive that say what it is, in files.
write_info() {
    printf 'tool_name = xtrabackup\ntool_command = --password=hidden\ntool_version = 8.0.35-30\nserver_version = 8.0.35\n' >info
    printf 'backup_type = incremental\nfrom_lsn = 100\nto_lsn = 200\n' >checkpoints
}

@test "--info: what the files say, in every form of the backup" {
    cat >expected <<'INFO'
tool: mariadb-backup
tool-version: 10.11.19-MariaDB
server-version: 10.11.19-MariaDB-0+deb12u1
type: full
partial: no
from-lsn: 0
to-lsn: 44420
last-lsn: 578718
started: 2026-11-21 23:05:46
ended: 2026-11-21 23:05:47
page-size: 16384
prepare-with: mariadb-backup 10.11, 10.11.19 or later
prepare: mariadb-backup --prepare --target-dir=DIR
INFO
    for j in 1 3; do
        succeeds xbunpack -j $j --info -i "$fixtures/mariadb/shop_qp.xb"
        diff expected - <<<"$output"
        for f in full_v3_qp.xb part_zst_v3.xb part_lz4_v3.xb; do
            succeeds xbunpack -j $j --info --decrypt -f "$key" -i "$rds/$f"
            diff expected - <<<"$output"
        done
    done
    [ "$(files .)" = expected ]
}

@test "--info: an incremental backup; nothing of the rest is decoded" {
    write_info
    make_xbstream 'MEMBER name=t.qp data=garbage' 'MEMBER name=../x data=y' 'MEMBER name=xtrabackup_info data=@info' 'MEMBER name=xtrabackup_checkpoints data=@checkpoints' >inc
    succeeds xbunpack --info -i inc
    [ "$output" = "tool: xtrabackup
tool-version: 8.0.35-30
server-version: 8.0.35
type: incremental
from-lsn: 100
to-lsn: 200
prepare-with: xtrabackup 8.0, 8.0.35-30 or later
prepare: xtrabackup --prepare --apply-log-only --target-dir=BASE --incremental-dir=DIR" ]
    # What is wrong with the stream is an error, and what it said is not printed.
    make_xbstream 'MEMBER name=xtrabackup_info data=@info' 'P name=t data=x' >cut
    fails 65 "xbunpack: t: unfinished: the stream ended before it
xbunpack: xbstream ends too early, at input offset $(stat -c %s cut): expected the end of 1 more member; it was cut short: fetch the backup again" xbunpack --info -i cut
    [ -z "$output" ]
    full() { xbunpack --info -i inc >/dev/full; }
    fails 74 "xbunpack: cannot write standard output: No space left on device" full
}

@test "--info: encrypted, and no key; a wrong key; nothing to read" {
    write_info
    run --separate-stderr xbunpack --info -i "$rds/full_v3_qp.xb"
    [ "$status" -eq 64 ]
    [ -z "$output" ]
    [[ $stderr == "xbunpack: "*".xbcrypt is encrypted: use --auto -f FILE, or --decrypt -f FILE, to read it" ]]
    make_xbstream 'MEMBER name=xtrabackup_info.xbcrypt data=?' 'MEMBER name=xtrabackup_checkpoints data=@checkpoints' >some
    fails 0 "xbunpack: warning: xtrabackup_info.xbcrypt is encrypted: use --auto -f FILE, or --decrypt -f FILE, to read it" xbunpack --info -i some
    run -0 --separate-stderr xbunpack --info --auto -i some
    [ "$stderr" = "xbunpack: warning: xtrabackup_info.xbcrypt is encrypted: use -f FILE to read it" ]
    [ "${lines[0]}" = "type: incremental" ]
    tr 0-9 1-90 <"$key" >other
    chmod 600 other
    run --separate-stderr xbunpack --info --decrypt -f other -i "$rds/full_v3_qp.xb"
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    make_xbstream 'MEMBER name=t data=x' 'MEMBER name=d/xtrabackup_info data=@info' 'E name=backup-my.cnf' >nothing
    fails 66 "xbunpack: the archive holds nothing that says what it is: expected one of xtrabackup_info, mariadb_backup_info, xtrabackup_checkpoints, mariadb_backup_checkpoints and backup-my.cnf" xbunpack --info -i nothing
}

@test "after a restore, with -v or on a terminal" {
    terminal() { python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" "$@"; }
    run --separate-stderr xbunpack -v -C out --decrypt -f "$key" --decompress -i "$rds/full_v3_qp.xb"
    [ "$status" -eq 0 ]
    [ "$(tail -n 3 <<<"$stderr")" = "xbunpack: restored, $(find out -type f | wc -l) files
$made
$(next out)" ]
    [ "$(find out -type f | wc -l)" -eq 208 ]
    succeeds terminal 2 xbunpack -C "out 2" --decrypt -f "$key" --decompress -i "$rds/full_v3_qp.xb"
    [ "$(tail -n 2 <<<"$output")" = "$made
$(next "'out 2'")" ]
    # Otherwise nothing.
    succeeds xbunpack -C out3 --decompress -i "$fixtures/mariadb/shop_qp.xb"
    # Not undone: neither is it read, nor can it be prepared.
    run --separate-stderr xbunpack -v -C out4 --decrypt -f "$key" -i "$rds/part_zst_v3.xb"
    [ "$status" -eq 0 ]
    [ "${stderr_lines[-1]}" = "xbunpack: next: 11 members stayed encrypted or compressed: unpack again with --decrypt and --decompress" ]
    run -1 grep -q "made by" <<<"$stderr"
    # A restore that only looks says what the backup is; a list, or one that fails, does not.
    run --separate-stderr xbunpack -v --test --decompress -i "$fixtures/mariadb/shop_qp.xb"
    [ "${stderr_lines[-1]}" = "$made" ]
    run --separate-stderr xbunpack -tv -i "$fixtures/mariadb/shop_qp.xb"
    [ -z "$stderr" ]
    head -c 1800000 "$fixtures/mariadb/shop_qp.xb" >cut
    run --separate-stderr xbunpack -v -C out5 --decompress -i cut
    [ "$status" -eq 65 ]
    run -1 grep -qE "made by|next:" <<<"$stderr"
}

@test "--info: a set of GTIDs over several lines is whole, with sizes, however long it is" {
    {
        printf "tool_name = xtrabackup\nbinlog_pos = filename 'b.7', position '1763', GTID of the last change '"
        for i in $(seq 10000 11999); do printf '%s-74c1-11eb-8aac-000000000001:1-21,\n' "111$i"; done
        printf "22222222-7579-11eb-b5d9-000000000002:1-8'\nbackup_size = 1048576\nuncompressed_backup_size = 4194304\nincremental = N\n"
    } >info
    make_xbstream 'MEMBER name=xtrabackup_info data=@info' >b
    for j in 1 3; do
        succeeds xbunpack -j $j --info -i b
        grep '^binlog_pos' -A2000 info | grep -v '^[a-z].*size\|^incremental\|^uncompressed' | tr -d '\n' | sed 's/^binlog_pos = /binlog: /' >expected
        echo >>expected
        grep ^binlog: <<<"$output" | cmp expected -
        grep -qx 'backup-size: 1048576' <<<"$output"
        grep -qx 'uncompressed-backup-size: 4194304' <<<"$output"
    done
}

@test "what --info does not go with: 64" {
    for other in t --include=x --exclude=x; do
        fails 64 "$(hint "xbunpack: --info is about all of the backup: it does not go with members, --include or --exclude")" xbunpack --info $other
    done
    fails 64 "$(hint "xbunpack: choose one of -C, -t, --test, --info and --to-stdout")" xbunpack --info -t
    fails 64 "$(hint "xbunpack: --manifest and --verify are for files that are created or tested")" xbunpack --info --manifest=x
}
