# SPDX-License-Identifier: Apache-2.0
# The README: its recipes run unchanged on the fixtures, and its tables are complete.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    root=$XBPIPE_TESTS/..
    load recipe.bash
    fixtures=$XBPIPE_TESTS/fixtures
    cd "$BATS_TEST_TMPDIR" || return 1
    install -m 600 "$fixtures/kms/demo-master.key" master.key
    cp "$fixtures/kms/demo-ciphertext.b64" ciphertext
}

restored_as() { (cd restored && sha256sum -c --quiet "$fixtures/$1"); }
damage() { printf X | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

@test "the key: from a master key in a file" {
    block key-file >commands
    echo backup_key >>commands
    bash commands | cmp - "$fixtures/rds/password.hex"
}

@test "the key: from what the aliyun command line tool prints" {
    mkdir bin
    cat >bin/aliyun <<'SH'
#!/bin/sh
[ $# -eq 4 ] && [ "$1 $2 $3" = "kms Decrypt --CiphertextBlob" ] || exit 1
[ "$4" = "$(cat ciphertext)" ] || exit 1
printf '{"KeyId":"k","Plaintext":"%s","RequestId":"r"}\n' "$(cat plaintext)"
SH
    chmod +x bin/aliyun
    cp "$fixtures/rds/plaintext.b64" plaintext
    block key-response >commands
    echo backup_key >>commands
    PATH=$PWD/bin:$PATH bash commands | cmp - "$fixtures/rds/password.hex"
}

@test "whatever the backup is packed in" {
    for form in full_v3_qp.xb:mariadb/shop part_xb.qp:rds/part part.xb.gz:rds/part part.tar.gz:rds/part stream_v3.xb.xbcrypt:mariadb/shop; do
        cp "$fixtures/rds/${form%%:*}" backup
        rm -rf restored
        recipe auto
        restored_as "${form#*:}.sha256"
    done
}

@test "_qp.xb" {
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    run --separate-stderr recipe qp.xb
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    restored_as mariadb/shop.sha256
}

@test "_qp.xb, encrypted as version 2: the same files, and no warning, as the decompression proves the key" {
    cp "$fixtures/rds/full_v2_qp.xb" backup_qp.xb
    run --separate-stderr recipe qp.xb
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    restored_as mariadb/shop.sha256
}

@test ".xb.gz" {
    cp "$fixtures/rds/part.xb.gz" backup
    recipe auto
    restored_as rds/part.sha256
}

@test ".xb.gz: a cut download is an error" {
    head -c 300000 "$fixtures/rds/part.xb.gz" >backup
    run -65 --separate-stderr recipe auto
    [[ $stderr == *"cut short"* ]]
}

@test "_xb.qp" {
    cp "$fixtures/rds/part_xb.qp" backup
    recipe auto
    restored_as rds/part.sha256
}

@test ".tar.gz" {
    cp "$fixtures/rds/part.tar.gz" backup
    recipe auto
    restored_as rds/part.sha256
    [ -z "$(find restored -name '*.xbcrypt' -o -name '.xbpipe*')" ]
}

@test ".tar.gz: one damaged file is an error, and is not there" {
    mkdir tree
    tar -xzf "$fixtures/rds/part.tar.gz" -C tree
    damage tree/shop/orders.new.xbcrypt 100000
    tar -czf backup -C tree .
    run -65 --separate-stderr recipe auto
    [[ $stderr == *"CRC-32: expected"* ]]
    [ ! -e restored/shop/orders.new ]
}

@test "a stream encrypted as a whole, versions 2 and 3" {
    for version in 2 3; do
        rm -rf restored
        cp "$fixtures/rds/stream_v$version.xb.xbcrypt" backup
        recipe auto
        restored_as mariadb/shop.sha256
    done
}

@test "members compressed by lz4 and zstd go through the recipe of _qp.xb" {
    for form in lz4 zst; do
        rm -rf restored
        cp "$fixtures/rds/part_${form}_v3.xb" backup_qp.xb
        recipe qp.xb
        restored_as rds/part.sha256
    done
}

@test "a list, for which no key is needed, and which notices a cut" {
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    recipe list >list
    [ "$(wc -l <list)" -eq "$(wc -l <"$fixtures/mariadb/shop.sha256")" ]
    truncate -s -30 backup_qp.xb
    run -65 recipe list
}

@test "one database, one file" {
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    recipe select >info
    grep -q '^tool_name = mariadb-backup$' info
    cmp info restored/xtrabackup_info
    grep -E '  (shop/|ib|xtrabackup_)' "$fixtures/mariadb/shop.sha256" >sums
    [ "$(find restored -type f | wc -l)" -eq "$(wc -l <sums)" ]
    (cd restored && sha256sum -c --quiet ../sums)
}

@test "a key command that fails makes the recipe fail" {
    cp "$fixtures/rds/full_v3_qp.xb" backup_qp.xb
    head -c 32 /dev/zero >master.key
    run -65 --separate-stderr recipe qp.xb
    [[ $stderr == *"key has 0 bytes"* ]]
}

@test "every block with a mark is run by a test" {
    for name in $(sed -nE 's/^<!-- run: (.*) -->$/\1/p' "$readme"); do
        grep -qE "(recipe|block) $name\b|:-$name\}" "$XBPIPE_TESTS/cli/readme.bats" ||
            { echo "$name is not"; return 1; }
    done
}

# Programs of a build in which the one named is replaced by one that fails.
build_with_broken() {
    mkdir build
    ln -s "$BUILD_DIR"/{b64hex,kmsunwrap,xbunpack} build/
    rm "build/$1"
    printf '#!/bin/sh\nexit 3\n' >"build/$1"
    chmod +x "build/$1"
}

@test "the demo runs from any directory, prints what it runs, and cleans up" {
    mkdir build
    ln -s "$BUILD_DIR"/{b64hex,kmsunwrap,xbunpack} build/
    build=$PWD/build
    cd /
    run --separate-stderr "$root/examples/demo.sh" "$build"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    [[ $output == *"$ xbunpack -C restored --decrypt -f <(kmsunwrap "* ]]
    [[ $output == *"every file is as it was"* ]]
    [[ $output == *"Restored and verified: 208 files, 18675995 bytes, from a backup of 1893510 bytes." ]]
    [ "$(ls "$build")" = "$(printf '%s\n' b64hex kmsunwrap xbunpack)" ]
}

@test "the demo fails where any of its programs does, and cleans up" {
    for program in b64hex kmsunwrap xbunpack; do
        rm -rf build
        build_with_broken "$program"
        run "$root/examples/demo.sh" build
        [ "$status" -ne 0 ]
        [[ $output != *"Restored and verified"* ]]
        [ "$(find build -mindepth 1 | wc -l)" -eq 3 ]
    done
}

@test "the demo fails if a restored file is not the original, or is one too many" {
    mkdir -p copy/examples copy/tests
    cp "$root/examples/demo.sh" copy/examples/
    ln -s "$fixtures" copy/tests/fixtures
    mkdir build
    ln -s "$BUILD_DIR"/{b64hex,kmsunwrap,xbunpack} build/
    copy/examples/demo.sh build >/dev/null
    rm copy/tests/fixtures
    mkdir -p copy/tests/fixtures/mariadb
    ln -s "$fixtures"/{kms,rds} copy/tests/fixtures/
    sed '3s/^[0-9a-f]\{8\}/00000000/' "$fixtures/mariadb/shop.sha256" >copy/tests/fixtures/mariadb/shop.sha256
    run copy/examples/demo.sh build
    [ "$status" -eq 1 ]
    [[ $output == *"backup-my.cnf: FAILED"* ]]
    sed 3d "$fixtures/mariadb/shop.sha256" >copy/tests/fixtures/mariadb/shop.sha256
    run copy/examples/demo.sh build
    [ "$status" -eq 1 ]
    [[ $output == *"the restored files are not the expected ones"*"backup-my.cnf"* ]]
}

# Each message of the troubleshooting table, with a command that makes it appear.
provoke() {
    local rds=$fixtures/rds
    case $1 in
    "SHA-256 of xbcrypt chunk … does not match")
        xbcrypt-dec -f wrong <"$rds/stream_v3.xb.xbcrypt" ;;
    "key has N bytes: expected 16, 24 or 32") xbcrypt-dec -f /dev/null <"$rds/stream_v3.xb.xbcrypt" ;;
    "this looks like the wrong key") xbcrypt-dec -f wrong <"$rds/stream_v2.xb.xbcrypt" ;;
    "not a qpress archive …; if this was decrypted, the key may be wrong")
        xbunpack -C d --decrypt --no-strict -f wrong --decompress <"$rds/full_v2_qp.xb" ;;
    "not an xbstream chunk at input offset 0") xbunpack -C d <"$rds/part.xb.gz" ;;
    "CRC-32: expected …") xbunpack -C d <damaged.xb ;;
    "Adler-32: expected …") qpunpack <damaged.qp ;;
    "ends too early" | unfinished) head -c 100000 "$rds/full_v3_qp.xb" | xbunpack -C d ;;
    "input ends inside") head -c 100000 "$rds/stream_v3.xb.xbcrypt" | xbcrypt-dec -f key ;;
    "the backup ends without redo log") gzip -dc "$fixtures/mariadb_ddl/crashed_compress.xb.gz" | xbunpack -C d ;;
    "was made with a long window") zstd -q --long=31 <"$rds/part_zst.xb" | xbunpack --auto -C d ;;
    "input is empty") xbunpack -C d </dev/null ;;
    "file exists already") for _ in 1 2; do xbunpack -C d <"$rds/part_lz4.xb"; done ;;
    "no key: use -f FILE") xbunpack -C d --decrypt <"$rds/part_lz4_v3.xb" ;;
    "too large: expected at most") xbunpack --max-chunk=1K -C d <"$rds/full_v3_qp.xb" ;;
    "gets too large") xbunpack -C d --decompress --max-size=1K <"$fixtures/mariadb/shop_qp.xb" ;;
    "makes the files too large") xbunpack -C d --decompress --max-total=1K <"$fixtures/mariadb/shop_qp.xb" ;;
    "stayed encrypted") xbunpack -C d --decompress <"$rds/part_lz4_v3.xb" ;;
    *) echo "README.md has a message that this test does not know: $1" ;;
    esac
}

@test "each message of the troubleshooting table is one that the programs print" {
    cp "$fixtures/rds/password.hex" key
    tr 0-9 a-j <key >wrong
    cp "$fixtures/rds/full_v3_qp.xb" damaged.xb
    damage damaged.xb 200
    cp "$fixtures/qpress/stdin.qp" damaged.qp
    damage damaged.qp 200
    sed -n '/^| message/,/^$/p' "$readme" | sed '1,2d' | cut -d'|' -f2 | grep -o '`[^`]*`' |
        tr -d '`' >messages
    [ "$(wc -l <messages)" -ge 14 ]
    while read -r message; do
        rm -rf d
        provoke "$message" >/dev/null 2>found </dev/null || true
        pattern=${message// N / [0-9]+ }
        grep -E -e "${pattern//…/.*}" found || { echo "not found: $message"; cat found; return 1; }
    done <messages
}

@test "the list of programs names the files of bin/" {
    sed -n '/^| program | does/,/^$/p' "$readme" | sed '1,2d' | cut -d'|' -f2 | grep -o '[a-z0-9-]*' | LC_ALL=C sort >listed
    (cd "$root/bin" && printf '%s\n' *.c | sed 's/\.c$//') | LC_ALL=C sort | diff listed -
}

@test "the commands that install and make are there once each, in one line" {
    for target in demo check lint lint-package; do
        [ "$(grep -cE "^sudo apt-get install -y [a-z0-9 .+-]+ && make $target\$" "$readme")" -eq 1 ] || {
            echo "make $target"
            return 1
        }
    done
}

@test "each package of the test command includes what the demo needs" {
    list() { sed -nE "s/^sudo apt-get install -y (.*) && make $1\$/\1/p" "$readme" | tr ' ' '\n'; }
    list check >check
    [ -z "$(list demo | grep -vxFf check)" ]
}

@test "each link inside the README leads to a heading or a file" {
    for link in $(grep -oE '\]\([^)]*\)' "$readme" | sed 's/^](//; s/)$//'); do
        case $link in
        \#*) grep -E '^#+ ' "$readme" | sed -E 's/^#+ //' | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' |
            grep -qx -e "${link#\#}" ;;
        *) [ -e "$root/$link" ] ;;
        esac || { echo "broken: $link"; return 1; }
    done
}
