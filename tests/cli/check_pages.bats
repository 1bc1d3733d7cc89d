# SPDX-License-Identifier: Apache-2.0
# xbunpack --check-pages: sound tablespaces of every kind pass, a damaged page is found and named. The
# control is innochecksum of MariaDB, where it is there.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    innodb=$fixtures/innodb
    advice="it was so when it was packed: look at the server's own file with innochecksum; --salvage keeps the file as NAME.damaged"
}

# pack FILE...: those in the working directory, as an xbstream in the file b.
pack() { xbpack "$@" >b; }

# overwrite FILE OFFSET BYTES: BYTES as printf's escapes.
overwrite() {
    # shellcheck disable=SC2059 # escapes
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# pages WORDS: what was checked, in the words of the summary.
pages() { echo "xbunpack: pages: $*"; }

@test "sound tablespaces of every kind: nothing is said, and the files are restored" {
    cp "$innodb"/* .
    pack *
    for j in 1 3; do
        succeeds xbunpack -j $j -C out$j --check-pages -i b
        succeeds xbunpack -j $j --test --check-pages -i b
        for f in "$innodb"/*; do
            cmp "$f" "out$j/${f##*/}"
        done
    done
    run --separate-stderr xbunpack --test --check-pages -v -i b
    [ "$status" -eq 0 ]
    grep -Fx "$(pages 12 InnoDB files, 47 sound, 37 empty, 7 not checkable, 0 bad in 0 files)" <<<"$stderr"
}

@test "innochecksum takes the same files" {
    PATH=$PATH:/usr/sbin command -v innochecksum >/dev/null || skip "innochecksum is not installed (Debian: mariadb-server)"
    for f in "$innodb"/*crc32*.ibd; do
        PATH=$PATH:/usr/sbin innochecksum "$f" >/dev/null
    done
}

@test "real backups have no bad page" {
    cp "$fixtures/mysql56/key" k
    xzcat "$fixtures/mariadb_ddl/busy_aria_myisam.xb.xz" >busy
    while read -r file words; do
        run --separate-stderr xbunpack --test --check-pages -v --auto -f k -i "$file"
        [ "$status" -eq 0 ]
        grep -Fx "$(pages "$words")" <<<"$stderr"
    done <<END
$fixtures/mysql56/innobackupex_qp.xb.xbcrypt 14 InnoDB files, 428 sound, 4391 empty, 128 not checkable, 0 bad in 0 files
$fixtures/mysql56/innobackupex.tar.gz 14 InnoDB files, 428 sound, 4391 empty, 128 not checkable, 0 bad in 0 files
$fixtures/mariadb/shop_qp.xb 7 InnoDB files, 170 sound, 651 empty, 0 not checkable, 0 bad in 0 files
$fixtures/rds/full_v2_qp.xb 7 InnoDB files, 170 sound, 651 empty, 0 not checkable, 0 bad in 0 files
$fixtures/rds/full_v3_qp.xb 7 InnoDB files, 170 sound, 651 empty, 0 not checkable, 0 bad in 0 files
$fixtures/mariadb/pagecomp_zst.xb 3 InnoDB files, 32 sound, 2 empty, 24 not checkable, 0 bad in 0 files
busy 6 InnoDB files, 170 sound, 627 empty, 0 not checkable, 0 bad in 0 files
END
}

@test "a damaged page is 65, named, and its file is not there" {
    cp "$innodb/full_crc32.ibd" a.ibd
    cp "$innodb/crc32.ibd" b.ibd
    cp "$innodb/crc32.ibd" c.ibd
    overwrite b.ibd 8300 '\377'
    pack a.ibd b.ibd c.ibd
    for j in 1 3; do
        run --separate-stderr xbunpack -j $j -C out$j --check-pages -i b
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: b.ibd: damaged page 2: expected the checksums 0x"*" twice (crc32) or 0x"*" and 0x"*" (innodb), found 0x"*", at input offset "*"; $advice" ]]
        [ -e out$j/a.ibd ]
        [ ! -e out$j/b.ibd ]
        run --separate-stderr xbunpack -j $j --test --check-pages -i b
        [ "$status" -eq 65 ]
        run --separate-stderr xbunpack -j $j --info --check-pages -i b
        [ "$status" -eq 65 ]
        # Without the option the file is restored as it is in the archive.
        succeeds xbunpack -j $j -C all$j -i b
        cmp b.ibd all$j/b.ibd
    done
}

@test "with --salvage the file is kept as a damaged one, and the report lists each page" {
    cp "$innodb/crc32.ibd" a.ibd
    cp "$innodb/crc32.ibd" b.ibd
    overwrite a.ibd 4200 '\377'
    overwrite a.ibd 12400 '\377'
    pack a.ibd b.ibd
    for j in 1 3; do
        run --separate-stderr xbunpack -j $j -C out$j --check-pages --salvage --report=r$j -i b
        [ "$status" -eq 65 ]
        [ "${#stderr_lines[@]}" -eq 4 ]
        [[ ${stderr_lines[0]} == "xbunpack: pages: 2 InnoDB files, 6 sound, 0 empty, 0 not checkable, 2 bad in 1 file" ]]
        [[ ${stderr_lines[1]} == "xbunpack: warning: a.ibd: damaged page 1: expected the checksums "*", at byte 4096 of the InnoDB data" ]]
        [[ ${stderr_lines[2]} == "xbunpack: warning: a.ibd: damaged page 3: expected the checksums "*", at byte 12288 of the InnoDB data" ]]
        [ "${stderr_lines[3]}" = "xbunpack: damaged input: 2 losses, 1 member with losses; all else was delivered" ]
        [ "$(files out$j)" = $'a.ibd.damaged\nb.ibd' ]
        cmp a.ibd out$j/a.ibd.damaged
        python3 -S -E - r$j <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
assert [(l["member"], l["format"], l["offset"]) for l in report["lost"]] == \
    [("a.ibd", "InnoDB", 4096), ("a.ibd", "InnoDB", 12288)], report
assert report["damaged_files"] == [{"member": "a.ibd", "file": "a.ibd.damaged"}], report
END
    done
    cmp r1 r3
}

# refuses TEXT: the archive b has a file a.ibd of which that is said.
refuses() {
    fails 65 "xbunpack: a.ibd: $1; $advice" xbunpack --test --check-pages -i b
}

@test "what checksums do not show: a page in another's place, of another table, half a page, no page 0" {
    local head=39 # bytes of the chunk's
    cp "$innodb/crc32.ibd" a.ibd
    dd if="$innodb/crc32.ibd" of=a.ibd bs=4096 skip=3 seek=2 count=1 conv=notrunc status=none
    pack a.ibd
    refuses "damaged page 2: expected page 2 here, found page 3, at input offset $((8192 + head))"
    cp "$innodb/crc32.ibd" a.ibd
    overwrite a.ibd 8226 '\0\0\0\377'
    pack a.ibd
    space=$(od -An -tu1 -j37 -N1 "$innodb/crc32.ibd" | tr -d ' ')
    refuses "damaged page 2: expected a page of tablespace $space, found one of tablespace 255, at input offset $((8192 + head))"
    head -c 16000 "$innodb/crc32.ibd" >a.ibd
    pack a.ibd
    refuses "the file ends inside page 3: expected 4096 bytes of it, found 3712"
    cp "$innodb/crc32.ibd" a.ibd
    dd if=/dev/zero of=a.ibd bs=4096 count=1 conv=notrunc status=none
    pack a.ibd
    refuses "damaged page 0: expected what describes the tablespace, found zeros"
    # A file without a page of use is as fresh ones are.
    head -c 28672 /dev/zero >a.ibd
    pack a.ibd
    succeeds xbunpack --test --check-pages -i b
    : >a.ibd
    pack a.ibd
    succeeds xbunpack --test --check-pages -i b
    head -c 5000 /dev/urandom >a.ibd
    pack a.ibd
    run xbunpack --test --check-pages -i b
    [ "$status" -eq 65 ]
}

@test "an incremental backup: the changes are checked, by what NAME.meta says and without it" {
    cp "$innodb"/changes.ibd.* .
    pack changes.ibd.meta changes.ibd.delta
    succeeds xbunpack --test --check-pages -i b
    pack changes.ibd.delta
    succeeds xbunpack --test --check-pages -i b
    sed -i 's/space_id = 4/space_id = 5/' changes.ibd.meta
    pack changes.ibd.meta changes.ibd.delta
    fails 65 "xbunpack: changes.ibd.delta: damaged page 0: expected a page of tablespace 5, found one of tablespace 4, at input offset 4271; $advice" \
        xbunpack --test --check-pages -i b
    head -c 20480 "$innodb/changes.ibd.delta" >changes.ibd.delta
    pack changes.ibd.delta
    fails 65 "xbunpack: changes.ibd.delta: the file ends early: expected 7 pages in its last group, found 4; $advice" \
        xbunpack --test --check-pages -i b
}

@test "--info says what was checked, and nothing is written" {
    run --separate-stderr xbunpack --info --check-pages --auto -i "$fixtures/mariadb/shop_qp.xb"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "tool: mariadb-backup" ]
    [ "${lines[-1]}" = "pages: 7 InnoDB files, 170 sound, 651 empty, 0 not checkable, 0 bad in 0 files" ]
    [ "$(files .)" = "" ]
    # Without the option no table is looked at.
    run --separate-stderr xbunpack --info --auto -i "$fixtures/mariadb/shop_qp.xb"
    [ "$status" -eq 0 ]
    [[ $output != *pages:* ]]
}

@test "tablespaces that stay compressed or encrypted get a warning" {
    local text="tablespaces stayed encrypted or compressed: pages in them were not checked"
    fails 0 "xbunpack: warning: 7 $text" xbunpack --test --check-pages -i "$fixtures/mariadb/shop_qp.xb"
    run --separate-stderr xbunpack -C out --check-pages -i "$fixtures/rds/full_v3_qp.xb"
    [ "$status" -eq 0 ]
    grep -Fx "xbunpack: warning: 7 $text" <<<"$stderr"
    cp "$innodb/crc32.ibd" a.ibd
    xbpack --compress=lz4 a.ibd >b
    fails 0 "xbunpack: warning: 1 tablespace stayed encrypted or compressed: pages in them were not checked" \
        xbunpack --test --check-pages -i b
    succeeds xbunpack --test --check-pages --decompress -i b
}

@test "options that it does not go with are 64" {
    : >b
    for o in -t --list --to-stdout=a.ibd; do
        run --separate-stderr xbunpack $o --check-pages -i b
        [ "$status" -eq 64 ]
        [[ $stderr == *"--check-pages goes with -C, --test and --info"* ]]
    done
}

@test "an LSN beyond the backup's: an error if the archive told it before, else a warning" {
    cp "$innodb/crc32.ibd" a.ibd
    printf 'backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 90\nlast_lsn = 100\n' >xtrabackup_checkpoints
    pack xtrabackup_checkpoints a.ibd
    run --separate-stderr xbunpack --test --check-pages --incomplete-ok -i b
    [ "$status" -eq 65 ]
    [[ $stderr == *"xbunpack: a.ibd: damaged page 0: expected an LSN up to the backup's last, 100, found "*"; $advice" ]]
    pack a.ibd xtrabackup_checkpoints
    run --separate-stderr xbunpack --test --check-pages --incomplete-ok -i b
    [ "$status" -eq 0 ]
    [[ $stderr == *"xbunpack: warning: a.ibd: page "*" has LSN "*", which is beyond the backup's last, 100: preparing it may fail"* ]]
    sed -i 's/full-backuped/full-prepared/' xtrabackup_checkpoints
    for order in "a.ibd xtrabackup_checkpoints" "xtrabackup_checkpoints a.ibd"; do
        # shellcheck disable=SC2086 # two names
        pack $order
        run --separate-stderr xbunpack --test --check-pages --incomplete-ok -i b
        [ "$status" -eq 0 ]
        [[ $stderr != *LSN* ]]
    done
}

@test "a file smaller than it says: an error in what is prepared or no backup, else a warning" {
    local text="a.ibd: expected 4 pages, as its page 0 says, found 3"
    head -c 12288 "$innodb/crc32.ibd" >a.ibd
    pack a.ibd
    fails 65 "xbunpack: $text" xbunpack --test --check-pages -i b
    printf 'backup_type = full-prepared\nfrom_lsn = 0\nto_lsn = 90\nlast_lsn = 100\n' >xtrabackup_checkpoints
    pack a.ibd xtrabackup_checkpoints
    run --separate-stderr xbunpack --test --check-pages --incomplete-ok -i b
    [ "$status" -eq 65 ]
    [[ $stderr == *"xbunpack: $text"* ]]
    printf 'backup_type = full-backuped\nlast_lsn = 9999999999\n' >xtrabackup_checkpoints
    pack a.ibd xtrabackup_checkpoints
    run --separate-stderr xbunpack --test --check-pages --incomplete-ok -i b
    [ "$status" -eq 0 ]
    [[ $stderr == *"xbunpack: warning: $text"* ]]
    pack a.ibd
    run --separate-stderr xbunpack -C out --check-pages --salvage --report=r -i b
    [ "$status" -eq 65 ]
    grep -F "$text" r
}

# Two tablespaces of each kind: 30 of their pages damaged at random, one at a time. What innochecksum
# finds is found; and so is every change of a byte that a checksum covers.
@test "what innochecksum finds is found" {
    PATH=$PATH:/usr/sbin command -v innochecksum >/dev/null || skip "innochecksum is not installed (Debian: mariadb-server)"
    PATH=$PATH:/usr/sbin python3 -S -E - "$innodb" <<'END'
import os, random, subprocess, sys
random.seed(1)
found = missed = 0
for name, page in [("crc32", 4096), ("crc32_rows", 1024), ("crc32_encrypted", 4096),
                   ("full_crc32", 4096), ("full_crc32_encrypted", 4096), ("full_crc32_compressed", 4096)]:
    data = open(f"{sys.argv[1]}/{name}.ibd", "rb").read()
    for _ in range(30):
        number = random.randrange(4)
        offset = number * page + random.choice([random.randrange(38), random.randrange(page - 8, page),
                                                random.randrange(page)])
        bad = bytearray(data)
        bad[offset] ^= random.randrange(1, 256)
        open("a.ibd", "wb").write(bad)
        control = subprocess.run(["innochecksum", "a.ibd"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        packed = subprocess.run(["xbpack", "a.ibd"], stdout=subprocess.PIPE, check=True).stdout
        own = subprocess.run(["xbunpack", "--test", "--check-pages"], input=packed, stderr=subprocess.DEVNULL)
        assert own.returncode in (0, 65), own
        assert own.returncode == 65 or control.returncode == 0, (name, offset)
        found += own.returncode == 65
        missed += own.returncode == 0
print(f"# found {found}, not found {missed}")
assert found > 120
END
}

@test "sound pages prove the key of xbcrypt version 2" {
    # The first chunk is too short to be judged.
    tail -c +4097 "$innodb/crc32.ibd" >ibdata2
    python3 -S -E - "$xbc/key256" <<'END'
import struct, subprocess, sys, zlib
key, data = open(sys.argv[1], "rb").read()[:32], open("ibdata2", "rb").read()
with open("ibdata2.xbcrypt", "wb") as out:
    for part in data[:12], data[12:]:
        crypt = subprocess.run(["openssl", "enc", "-aes-256-ctr", "-K", key.hex(), "-iv", "0" * 32], input=part,
                               stdout=subprocess.PIPE, check=True).stdout
        out.write(b"XBCRYP02" + struct.pack("<QQQIQ", 0, len(part), len(crypt), zlib.crc32(crypt), 16) + bytes(16) + crypt)
END
    pack ibdata2.xbcrypt
    run --separate-stderr xbunpack -C without --decrypt -f "$xbc/key256" -i b
    [ "$status" -eq 0 ]
    [[ $stderr == "xbunpack: warning: xbcrypt versions 1 and 2 cannot tell a wrong key from a right one"* ]]
    succeeds xbunpack -C with --check-pages --decrypt -f "$xbc/key256" -i b
    cmp ibdata2 with/ibdata2
    # Another key makes no page sound.
    run --separate-stderr xbunpack -C other --check-pages --decrypt -f "$key" -i b
    [ "$status" -eq 65 ]
    [ ! -e other/ibdata2 ]
}
