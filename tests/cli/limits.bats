# SPDX-License-Identifier: Apache-2.0
# Limits for what hostile input can enlarge: a file, all files together, memory, chains of decoders.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    qp=$fixtures/qpress
}

hint() { printf '%s\n%s' "$1" "Try \`$2 --help' or \`$2 --usage' for more information."; }

@test "--max-size: at the limit and above it, plain and decoded" {
    more="; if the backup is sound, give a larger --max-size"
    make_xbstream 'MEMBER name=a data=*100' 'MEMBER name=b data=*1000' 'MEMBER name=c data=*10' >in
    for j in 1 3; do
        succeeds xbunpack -j $j -C out --max-size=1000 -i in
        rm -r out
        run --separate-stderr xbunpack -j $j -C out --max-size=999 -i in
        [ "$status" -eq 65 ]
        [[ $stderr =~ ^"xbunpack: b gets too large at input offset "[0-9]+": expected at most 999 bytes, found 1000$more"$ ]]
        [ "$(files out)" = "a
c" ]
        rm -r out
        fails 65 "$stderr" xbunpack -j $j --test --max-size=999 -i in
        # The encrypted and the compressed go to their places out of order.
        largest=$(cd "$BATS_TEST_TMPDIR" && xbunpack -tv --decompress -i "$fixtures/mariadb/shop_qp.xb" | awk '$2 > m { m = $2 } END { print m }')
        succeeds xbunpack -j $j --test --decompress --max-size="$largest" -i "$fixtures/mariadb/shop_qp.xb"
        fails 65 "xbunpack: ibdata1.qp: ibdata1 gets too large at byte $((largest - 65536)) of the file: expected at most $((largest - 1)) bytes, found $largest$more" \
            xbunpack -j $j --test --decompress --max-size=$((largest - 1)) -i "$fixtures/mariadb/shop_qp.xb"
        # With a stage that wants it in order, too.
        run --separate-stderr xbunpack -j $j -C out --manifest=m --decompress --max-size=$((largest - 1)) -i "$fixtures/mariadb/shop_qp.xb"
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: ibdata1 gets too large at "*": expected at most $((largest - 1)) bytes, found $largest$more" ]]
        [ ! -e out/ibdata1 ]
        rm -rf out
    done
    # To standard output: what fits has gone out.
    run --separate-stderr xbunpack --to-stdout=b --max-size=999 -i in
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: the member gets too large at input offset "* ]]
    make_qpress ARCHIVE 'FILE name=a data=*600' 'FILE name=b data=*600' 'FILE name=c data=*601' >in.qp
    succeeds qpunpack --max-size=601 -i in.qp
    run --separate-stderr qpunpack --max-size=600 -i in.qp
    [ "$status" -eq 65 ]
    [ "${#output}" -gt 0 ]
    [[ $stderr == "qpunpack: the file gets too large at "*": expected at most 600 bytes, found 601$more" ]]
    fails 65 "qpunpack: c gets too large at byte 0 of the file: expected at most 600 bytes, found 601$more" qpunpack -C out --max-size=600 -i in.qp
    [ "$(files out)" = "a
b" ]
}

@test "--max-total: of all files" {
    more="; if the backup is sound, give a larger --max-total"
    make_xbstream 'MEMBER name=a data=*100' 'MEMBER name=b data=*1000' 'MEMBER name=c data=*10' >in
    make_qpress ARCHIVE 'FILE name=a data=*600' 'FILE name=b data=*600' >in.qp
    for j in 1 3; do
        succeeds xbunpack -j $j --test --max-total=1110 -i in
        run --separate-stderr xbunpack -j $j -C out --max-total=1109 -i in
        [ "$status" -eq 65 ]
        [[ $stderr =~ ^"xbunpack: c makes the files too large at input offset "[0-9]+": expected at most 1109 bytes in all, found 1110$more"$ ]]
        [ "$(files out)" = "a
b" ]
        rm -r out
        succeeds qpunpack -j $j --max-total=1200 -i in.qp
        succeeds qpunpack -j $j --test --max-total=1200 -i in.qp
        fails 65 "qpunpack: b makes the files too large at byte 0 of the file: expected at most 1199 bytes in all, found 1200$more" qpunpack -j $j --test --max-total=1199 -i in.qp
    done
    run --separate-stderr qpunpack --max-total=1199 -i in.qp
    [ "$status" -eq 65 ]
    [[ $stderr == "qpunpack: the file makes the files too large at "* ]]
}

@test "sparse bombs end at once, and before anything is made of them" {
    four_gib=4294967295
    map=$four_gib:0
    for _ in $(seq 12); do map=$map,$map; done # 16 TiB
    make_xbstream "S name=bomb map=$map" "E name=bomb" >16t
    for i in 0 1 2 3 4; do make_xbstream "S name=bomb map=$map offset=$((i * 4096 * four_gib))"; done >80t
    make_xbstream "E name=bomb" >>80t
    for j in 1 3; do
        run --separate-stderr timeout 10 xbunpack -j $j -C out -i 80t
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: bomb gets too large at input offset "*": expected at most 70368744177664 bytes, found "*"; if the backup is sound, give a larger --max-size" ]]
        [ -z "$(files out)" ]
        for to in "-C out" --test "--test --manifest=m"; do
            # shellcheck disable=SC2086 # several words
            run --separate-stderr timeout 10 xbunpack -j $j $to --max-size=1G -i 16t
            [ "$status" -eq 65 ]
            [[ $stderr == "xbunpack: bomb gets too large at input offset 10: expected at most 1073741824 bytes, found $four_gib; if the backup is sound, give a larger --max-size" || $stderr == "xbunpack: bomb gets too large at input offset 0: expected at most 1073741824 bytes, found $four_gib; if the backup is sound, give a larger --max-size" ]]
            [ -z "$(files out)" ]
        done
        run --separate-stderr timeout 10 xbunpack -j $j --to-stdout=bomb --max-size=1G -i 16t
        [ "$status" -eq 65 ]
        [ -z "$output" ]
        rm -rf out
    done
}

@test "holes whose zeros are hashed or written are bounded by the data beside them" {
    map=4294967295:1
    for _ in $(seq 19); do map=$map,4294967295:1; done # 80 GiB
    make_xbstream "S name=bomb map=$map data=*20" "E name=bomb" >in
    [ "$(stat -c %s in)" -lt 1000 ]
    makes="has too large a hole at input offset "
    why="expected at most 4294967552 bytes of holes in all beside 1 of data, found 8589934590, whose zeros would be hashed or written; if the backup is sound, give a --max-total"
    printf '%064d  bomb\n' 0 >list
    for what in "--test --manifest=m" "-C out --manifest=m" "--test --verify=list"; do
        echo "$what"
        # shellcheck disable=SC2086 # several words
        run --separate-stderr timeout 60 xbunpack $what -i in
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: bomb $makes"*": $why" ]]
        [ ! -e m ]
        [ -z "$(files out)" ]
    done
    unpack_to_null() { xbunpack --to-stdout=bomb -i in >/dev/null; }
    run --separate-stderr unpack_to_null
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: the member $makes"*": $why" ]]
    # What costs nothing is not bounded: the holes take no room.
    run --separate-stderr timeout 10 xbunpack --test -i in
    [ "$status" -eq 0 ]
    run --separate-stderr timeout 10 xbunpack -tv -i in
    [ "$status" -eq 0 ]
    [[ $output == *" 85899345920 "* ]]
    # A limit of the user's is the only one.
    for what in "--to-stdout=bomb" "--test --manifest=m"; do
        # shellcheck disable=SC2086 # several words
        run --separate-stderr timeout 10 xbunpack $what --max-total=1G -i in
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: "*" makes the files too large at input offset "*": expected at most 1073741824 bytes in all, found "* ]]
    done
    # A file with nothing but holes between its bytes is hashed, whatever they are.
    make_xbstream "S name=a map=100000000:1,100000000:1 data=xy" "E name=a" >in
    xbunpack -C out --manifest=m -i in
    (cd out && sha256sum -c --quiet ../m)
    [ "$(stat -c %s out/a)" -eq 200000002 ]
}

@test "of a bomb no more is decoded than is wanted, also with --salvage" {
    # A Zstandard frame of 524288 blocks, each of four bytes that stand for 128 KiB: 64 GiB.
    python3 -S -E - >bomb.zst <<'END'
import struct, sys
block = struct.pack("<I", 131072 << 3 | 1 << 1)
sys.stdout.buffer.write(struct.pack("<IBB", 0xfd2fb528, 0, 0x38) + 524287 * block + struct.pack("<I", 131072 << 3 | 1 << 1 | 1))
END
    make_xbstream 'MEMBER name=xtrabackup_info.zst data=@bomb.zst' 'MEMBER name=z data=z' >in
    limited() { (ulimit -t 4 && xbunpack --decompress --max-size=1M -i in "$@"); }
    for j in 1 3; do
        for what in --test "--test --salvage" "--test -v" --info --to-stdout=xtrabackup_info -tv; do
            # shellcheck disable=SC2086 # several options
            run limited -j "$j" $what
            [ "$status" -eq 65 ] || { echo "$what: $status: $output"; return 1; }
            [[ $output == *"gets too large at byte 1048576 "* ]]
        done
    done
}

@test "a long window of Zstandard: 65 and what it needs; --max-chunk allows it" {
    head -c 3000000 /dev/urandom >a
    zstd -q --long=31 <a >a.zst # from standard input, so that the size is not known
    make_xbstream 'MEMBER name=a.zst data=@a.zst' >members
    make_xbstream 'MEMBER name=a data=@a' | zstd -q --long=31 >whole
    for j in 1 3; do
        fails 65 "xbunpack: a.zst: a Zstandard frame at input offset 39 was made with a long window: expected at most 268435456 bytes, found 2147483648; if the file is sound, and there is enough memory, use --max-chunk=2048M" \
            xbunpack -j $j -C out --decompress -i members
        fails 65 "xbunpack: a Zstandard frame at input offset 0 was made with a long window: expected at most 268435456 bytes, found 2147483648; if the file is sound, and there is enough memory, use --max-chunk=2048M" \
            xbunpack -j $j -C out --auto -i whole
        [ -z "$(files out)" ]
        for form in members whole; do
            succeeds xbunpack -j $j -C out$j$form --auto --max-chunk=2048M -i $form
            cmp a out$j$form/a
        done
    done
    # What tools do without being asked for it, and more, needs no option, and a small limit is no obstacle.
    make_xbstream 'MEMBER name=a data=@a' | zstd -q --long=28 >whole
    succeeds xbunpack --test --auto -i whole
    make_xbstream 'MEMBER name=a data=@a' | zstd -q -1 >whole
    succeeds xbunpack --test --auto --max-chunk=4M -i whole
}

@test "no more than eight suffixes are undone: 65" {
    fails_with() { fails 65 "xbunpack: $1: more than 8 suffixes to undo" xbunpack -C out --decrypt -f "$key" --decompress -i in; }
    name=a
    for _ in $(seq 9); do name=$name.xbcrypt; done
    make_xbstream "MEMBER name=$name data=x" >in
    fails_with "$name"
    [ -z "$(files out)" ]
    # Eight are: an archive in seven streams, each in the next.
    echo content >a
    name=a.qp
    make_qpress ARCHIVE 'FILE name=x data=@a' >last
    for _ in $(seq 7); do
        xbcrypt-enc -f "$key" <last >next
        mv next last
        name=$name.xbcrypt
    done
    make_xbstream "MEMBER name=$name data=@last" >in
    for j in 1 3; do
        succeeds xbunpack -j $j -C out --decrypt -f "$key" --decompress --overwrite -i in
        cmp out/a a
    done
}

@test "what headers claim takes no memory before data comes" {
    sanitized && skip "a sanitizer's own memory hides what is measured"
    make_xbstream 'MEMBER name=a data=x' >in
    peak in xbunpack -j 1 -C usual
    [ "$status" -eq 0 ]
    usual=$peak
    # A quarter of what is claimed would be too much.
    most=$((usual + 16384))
    modest() {
        local file=$1
        shift
        peak "$file" "$@"
        if [ "$status" -ne 65 ] || [ "$peak" -gt $most ]; then
            echo "$*: status $status, $peak KiB, expected at most $most KiB"
            cat err
            return 1
        fi
    }
    [ $most -lt 65536 ]
    make_xbstream 'P name=a size=268435456 data=x' >payload
    modest payload xbunpack -j 1 -C out
    grep -q "ends too early, inside a chunk" err
    make_xbstream 'S name=a map=1:1 entries=33554432 size=1 data=x' >map
    modest map xbunpack -j 1 -C out
    grep -q "ends too early, inside a chunk" err
    python3 -S -E -c 'import struct, zlib
def write(name, data):
    with open(name, "wb") as f: f.write(data)
size = 256 << 20
write("chunk", b"XBCRYP03" + struct.pack("<QQQIQ16s", 0, size, size, 0, 16, b"") + bytes(100))
def archive(packet):
    block = b"NEWBNEWB" + struct.pack("<QI", 0, zlib.adler32(packet)) + packet
    return b"qpress10" + struct.pack("<Q", size) + b"F" + struct.pack("<I", 1) + b"a\0" + block
write("stored", archive(struct.pack("<BII", 0x4F, size, size) + bytes(100)))
write("decoded", archive(struct.pack("<BII", 0x4F, 109, size) + bytes(100)))
# Blocks of 4 MiB; a window of 128 MiB and a content of 1 TiB.
write("a.lz4", bytes.fromhex("04224d18 607073 00004000 78"))
write("a.zst", bytes.fromhex("28b52ffd c088 0000000000010000 090000 78"))'
    modest chunk xbcrypt-dec -j 1 -f "$key"
    grep -q "ends inside the xbcrypt chunk" err
    modest stored qpunpack -j 1
    grep -q "ends too early" err
    modest decoded qpunpack -j 1
    grep -q "damaged QuickLZ packet" err
    for form in lz4 zst; do
        make_xbstream "MEMBER name=a.$form data=@a.$form" >member
        modest member xbunpack -j 1 -C out --decompress
        cat err
        grep -qE "ends inside an LZ4 frame|in a Zstandard frame .*: Data corruption" err
    done
    [ -z "$(files out)" ]
}

@test "bad sizes: 64" {
    for option in --max-size --max-total; do
        for size in 0 x 1P 9223372036854775808; do
            # What is as long as a key may be one, and is not shown.
            shown=$size
            [ ${#size} -lt 16 ] || shown=...
            fails 64 "$(hint "xbunpack: $option=$shown: expected a size from 1" xbunpack)" xbunpack $option=$size -i /dev/null
        done
        fails 64 "$(hint "qpunpack: $option=0: expected a size from 1" qpunpack)" qpunpack $option=0
    done
}

@test "a stack too small: 71 and a message, and a soft limit is raised" {
    sanitized && skip "a sanitizer's own code needs a larger stack"
    limited() { bash -c 'ulimit '"$1"' 64 && exec "$@"' bash "${@:2}"; }
    for program in b64hex kmsunwrap kmswrap qppack qpunpack s3cse-dec s3cse-enc xbcrypt-dec xbcrypt-enc xbpack xbunpack; do
        fails 71 "$program: the stack may not grow to 512 KiB: raise the limit (ulimit -s)" limited -s $program --version
        succeeds limited -Ss $program --version
    done
    for j in 1 3; do
        succeeds limited -Ss xbunpack -j $j --test --decompress -i "$fixtures/mariadb/shop_qp.xb"
        succeeds limited -Ss xbcrypt-dec -j $j -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt"
    done
}
