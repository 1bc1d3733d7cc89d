# SPDX-License-Identifier: Apache-2.0
# xbunpack: a backup whose job died is an error, although each of its members is whole.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    server="ibdata1 mysql/db.frm mysql/gtid_slave_pos.ibd shop/t.ibd"
    died="it cannot be prepared: the job that made it has died, or the download was cut between two members: compare its size with the console's, fetch it again"
    cut="the backup ends without redo log (xtrabackup_logfile), xtrabackup_checkpoints and backup-my.cnf; $died"
}

# archive NAME...: members of those names.
archive() {
    local name members=()
    for name in "$@"; do
        members+=("MEMBER name=$name data=$name")
    done
    make_xbstream "${members[@]}"
}

@test "the stump that mariadb-backup --compress left when it crashed: 65, in every mode, for every -j" {
    gzip -dc "$fixtures/mariadb_ddl/crashed_compress.xb.gz" >stump
    local text="the backup ends without redo log (ib_logfile0), xtrabackup_checkpoints and backup-my.cnf; $died"
    for j in 1 3; do
        for mode in -t -tv "-tv --decompress" --test "--test --decompress" "-C out$j --decompress" --to-stdout=ibdata1.qp \
            "-t mysql" "-C some$j shop" "--test --exclude=*" "--test --include=shop.t"; do
            # shellcheck disable=SC2086 # several words
            run --separate-stderr xbunpack -j $j $mode -i stump
            echo "mode: -j $j $mode; status: $status; stderr: $stderr"
            [ "$status" -eq 65 ]
            [ "${stderr_lines[-1]}" = "xbunpack: $text; --incomplete-ok accepts it" ]
        done
        fails 65 "xbunpack: the archive holds nothing that says what it is: expected one of xtrabackup_info, mariadb_backup_info, xtrabackup_checkpoints, mariadb_backup_checkpoints and backup-my.cnf
xbunpack: $text; --incomplete-ok accepts it" xbunpack -j $j --info -i stump
        # What is there has been restored, and for those who know it is no error.
        [ "$(files out$j | wc -l)" -eq 207 ]
        fails 0 "xbunpack: warning: $text" xbunpack -j $j --incomplete-ok -C ok$j --decompress -i stump
        diff -r out$j ok$j
    done
    run xbunpack --test --manifest=sums -i stump
    [ "$status" -eq 65 ]
    [ ! -e sums ]
    # In whatever it is packed.
    fails 65 "xbunpack: $text; --incomplete-ok accepts it" xbunpack --auto --test -i "$fixtures/mariadb_ddl/crashed_compress.xb.gz"
}

@test "the real backup of innobackupex is whole" {
    cp "$fixtures/mysql56/key" k
    xbcrypt-dec -f k <"$fixtures/mysql56/innobackupex_qp.xb.xbcrypt" 2>/dev/null >b.xb
    for mode in -t --test "--test mysql"; do
        # shellcheck disable=SC2086 # several words
        succeeds xbunpack $mode -i b.xb
    done
}

# member_ends FILE: where in an xbstream each member ends, and its name.
member_ends() {
    python3 -S -E - "$1" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
at = 0
while at < len(data):
    kind, size = data[at + 9 : at + 10], struct.unpack_from("<I", data, at + 10)[0]
    name = data[at + 14 : at + 14 + size].decode()
    at += 14 + size
    if kind == b"P":
        at += 20 + struct.unpack_from("<Q", data, at)[0]
    else:
        print(at, name)
END
}

@test "real backups that are cut after any of their members" {
    cp "$fixtures/mariadb/shop_qp.xb" mariadb
    cp "$fixtures/mysql56/key" k
    xbcrypt-dec -f k <"$fixtures/mysql56/innobackupex_qp.xb.xbcrypt" 2>/dev/null >mysql
    local real at name seen
    for real in mariadb mysql; do
        while read -r at name; do
            seen=" $(member_ends $real | awk -v at="$at" '$1 <= at { print $2 }' | xargs)"
            head -c "$at" $real >some
            run --separate-stderr xbunpack -t -i some
            # From when InnoDB's tablespace and a table of the server's are there on.
            if [[ $seen != *ibdata1* || $seen != *" mysql/"* ]]; then
                continue
            elif [[ $seen == *_logfile* || $seen == *ib_logfile0* ]] && [[ $seen == *checkpoints* && $seen == *my.cnf* ]]; then
                [ "$status" -eq 0 ] || { echo "$real: $name: $status: $stderr"; return 1; }
            else
                [ "$status" -eq 65 ] && [[ $stderr == *"cannot be prepared"* ]] || { echo "$real: $name: $status: $stderr"; return 1; }
            fi
        done < <(member_ends $real | awk 'NR % 16 == 0 { print } { last[NR % 10] = $0 } END { for (i = NR - 9; i <= NR; i++) print last[i % 10] }')
        [ "$status" -eq 0 ]
        [ -z "$stderr" ]
    done
}

@test "a whole backup without any one of what preparing it needs; without xtrabackup_info" {
    local full=$server rest
    full+=" xtrabackup_logfile backup-my.cnf xtrabackup_checkpoints xtrabackup_info"
    for suffix in "" .qp .lz4.xbcrypt; do
        local names
        names=$(sed -E "s/( |$)/$suffix\1/g" <<<"$full")
        # shellcheck disable=SC2086 # several words
        archive $names >whole
        succeeds xbunpack -t -i whole
        for lacking in "redo log (xtrabackup_logfile)" xtrabackup_checkpoints backup-my.cnf; do
            rest=$(tr ' ' '\n' <<<"$names" | grep -vF "$(sed -E 's/.*\((.*)\)/\1/' <<<"$lacking")$suffix")
            # shellcheck disable=SC2086
            archive $rest >less
            fails 65 "xbunpack: the backup ends without $lacking; $died; --incomplete-ok accepts it" xbunpack -C "o$suffix$lacking" -i less
            [ "$(files "o$suffix$lacking" | wc -l)" -eq 7 ]
        done
        # shellcheck disable=SC2046
        archive $(tr ' ' '\n' <<<"$names" | grep -v '^xtrabackup_info') >less
        fails 0 "xbunpack: warning: the backup has no xtrabackup_info, which is written at its end: the job that made it may have died; everything needed to prepare it is there" \
            xbunpack -t -i less
    done
}

@test "a cold copy of a data directory, and files picked by hand, are no backups cut short" {
    # shellcheck disable=SC2086 # several words
    archive $server ib_logfile0 ib_logfile1 auto.cnf >cold
    succeeds xbunpack -t -i cold
    # shellcheck disable=SC2086
    archive $server '#innodb_redo/#ib_redo6' xtrabackup_info >cold8
    succeeds xbunpack -t -i cold8
    # As "xbstream -c $(find . -type f)" stores names.
    archive ./ibdata1 ./mysql//db.frm ./shop/t.ibd ./ib_logfile0 >found
    succeeds xbunpack -t -i found
    archive ./ibdata1 ./mysql//db.frm ./shop/t.ibd >lost
    fails 65 "xbunpack: $cut; --incomplete-ok accepts it" xbunpack -t -i lost
    archive a/b c >plain
    succeeds xbunpack -t -i plain
    archive shop/t.ibd shop/t.frm >table
    succeeds xbunpack -t -i table
    archive ibdata1 shop/t.ibd >picked
    succeeds xbunpack -t -i picked
    archive ibdata1 shop/t.ibd xtrabackup_logfile >doubt
    fails 0 "xbunpack: warning: if this is meant to be a whole backup, it cannot be prepared: it has no xtrabackup_checkpoints and backup-my.cnf" \
        xbunpack -C out -i doubt
}

@test "a redo log of the server's name tells whose it is by its header" {
    make_xbstream 'P name=ib_logfile0 data=Phys\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x30\x00Backup\x2010.11.19\x00' 'E name=ib_logfile0' >log
    make_xbstream 'P name=ib_logfile0 data=Phys\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x30\x00MariaDB\x2010.11.19\x00' 'E name=ib_logfile0' >own
    # shellcheck disable=SC2086 # several words
    archive aria_log_control $server | cat - log >stump
    # shellcheck disable=SC2086
    archive aria_log_control $server | cat - own >copy
    for mode in -t -tv --test "-C out" "-t shop" "--test shop" --to-stdout=ibdata1 --to-stdout=ib_logfile0; do
        for j in 1 3; do
            # shellcheck disable=SC2086
            run --separate-stderr xbunpack -j $j $mode -i stump
            echo "mode: -j $j $mode; status: $status; stderr: $stderr"
            [ "$status" -eq 65 ]
            [ "$stderr" = "xbunpack: the backup ends without xtrabackup_checkpoints and backup-my.cnf; $died; --incomplete-ok accepts it" ]
            rm -rf out
            # shellcheck disable=SC2086
            succeeds xbunpack -j $j $mode -i copy
            rm -rf out
        done
    done
    run --separate-stderr xbunpack --info -i stump
    [ "$status" -eq 65 ]
    run --separate-stderr xbunpack --info -i copy
    [ "$status" -eq 66 ]
}

@test "other failures go first; a member that is not there is named, too" {
    # shellcheck disable=SC2086 # several words
    archive $server >stump
    fails 65 "xbunpack: nosuch: not found in the archive; -t lists what it holds
xbunpack: $cut; --incomplete-ok accepts it" xbunpack -C out -i stump nosuch
    fails 66 "xbunpack: warning: $cut
xbunpack: nosuch: not found in the archive; -t lists what it holds" xbunpack --incomplete-ok -C out -i stump nosuch
    { cat stump; printf XBSTCK01; } >short
    run --separate-stderr xbunpack -t -i short
    [ "$status" -eq 65 ]
    [[ $stderr == *"inside a chunk"* ]]
    run -1 grep -q "cannot be prepared" <<<"$stderr"
}

@test "--salvage of a cut download: the cut comes first, with the member, and the job is not blamed" {
    local real=$fixtures/mariadb/shop_qp.xb
    head -c 500000 "$real" >cut.xb
    for j in 1 3; do
        fails 65 "xbunpack: warning: lost 49138 bytes at byte 450862 of the xbstream data: the input ends inside a chunk of mysql/help_topic.MAD.qp, after 49138 of at least 901288 bytes
xbunpack: warning: the backup lacks redo log (ib_logfile0), xtrabackup_checkpoints and backup-my.cnf and cannot be prepared: what is missing may be in the part that was lost
xbunpack: damaged input: 2 losses; all else was delivered" xbunpack -j $j --salvage --decompress -C "out$j" -i cut.xb
    done
    # Damage inside, and a cut between two members.
    head -c 450862 "$real" >between.xb
    printf X | dd of=between.xb bs=1 seek=449700 conv=notrunc status=none
    run -65 --separate-stderr xbunpack --salvage --decompress -C damaged -i between.xb
    [[ ${stderr_lines[-2]} == *"what is missing may be in the part that was lost" ]]
    [[ $stderr != *"has died"* ]]
}

@test "--salvage: what is missing is a loss in the report" {
    # shellcheck disable=SC2086 # several words
    archive $server >stump
    fails 65 "xbunpack: warning: $cut
xbunpack: damaged input: 1 loss; all else was delivered" xbunpack --salvage --report=lost.json -C out -i stump
    python3 -S -E - "$cut" <<'END'
import json, sys
r = json.load(open("lost.json"))
assert r == {"complete": False, "losses": 1, "failure": None, "damaged_files": [],
             "lost": [{"member": None, "format": "backup", "offset": 0, "length": 0, "reason": sys.argv[1]}]}, r
END
    [ "$(files out | wc -l)" -eq 4 ]
    fails 0 "xbunpack: warning: $cut" xbunpack --salvage --incomplete-ok --test -i stump
}
