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
