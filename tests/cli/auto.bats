# SPDX-License-Identifier: Apache-2.0
# xbunpack --auto: every form of a backup, restored by one command.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    shop=$fixtures/mariadb/shop.sha256
    part=$rds/part.sha256
    install -m 600 "$key" secret
    key=$PWD/secret
}

hint() { printf '%s\n%s' "$1" "Try \`xbunpack --help' or \`xbunpack --usage' for more information."; }
no_key="expected a key; use -f FILE, or set XBCRYPT_ENCRYPTION_KEY"

# restores SUMS FILE: as it is, and compressed as a whole.
restores() {
    local j
    gzip -1c "$2" >whole.gz
    for j in 1 3; do
        for input in "$2" whole.gz; do
            run --separate-stderr xbunpack -j $j --auto -f "$key" -C out -i "$input"
            [ "$status" -eq 0 ] || { echo "$2: $stderr"; return 1; }
            [ -z "$stderr" ] || { echo "$2: $stderr"; return 1; }
            restored out "$1"
            rm -r out
        done
    done
}

@test "every form that ApsaraDB and XtraBackup make" {
    for f in mariadb/shop_qp.xb rds/full_v2_qp.xb rds/full_v3_qp.xb rds/stream_v2.xb.xbcrypt rds/stream_v3.xb.xbcrypt; do
        restores "$shop" "$fixtures/$f"
    done
    for f in part_xb.qp part.xb.gz part.tar.gz part_lz4.xb part_lz4_v3.xb part_zst.xb part_zst_v3.xb; do
        restores "$part" "$rds/$f"
    done
}

@test "the key from the environment; none where none is needed" {
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key") succeeds xbunpack --auto -C out -i "$rds/part.xb.gz"
    restored out "$part"
    succeeds xbunpack --auto -C out2 -i "$rds/part_zst.xb"
    restored out2 "$part"
    succeeds xbunpack --auto --decrypt=AES256 -f "$key" -C out3 <"$rds/part_xb.qp"
    restored out3 "$part"
}

@test "encrypted, and no key: 64" {
    fails 64 "xbunpack: the backup is encrypted as a whole: $no_key" xbunpack --auto -C out -i "$rds/stream_v3.xb.xbcrypt"
    [ -z "$(files out)" ]
    for f in part.xb.gz part_lz4_v3.xb part_xb.qp; do
        run --separate-stderr xbunpack --auto -C out -i "$rds/$f"
        [ "$status" -eq 64 ]
        [[ $stderr == "xbunpack: "*".xbcrypt is encrypted: $no_key" ]]
        [ -z "$(files out)" ]
    done
    # A list needs no key but for a stream that is encrypted as a whole.
    succeeds xbunpack --auto -t -i "$rds/part.xb.gz"
    fails 64 "xbunpack: the backup is encrypted as a whole: $no_key" xbunpack --auto -t -i "$rds/stream_v2.xb.xbcrypt"
    # A wrong key: by the hash, or by what comes out.
    tr 0-9 1-90 <"$key" >other
    chmod 600 other
    run --separate-stderr xbunpack --auto -f other -C out -i "$rds/stream_v3.xb.xbcrypt"
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: SHA-256 of xbcrypt chunk at input offset 0 does not match; "* ]]
    run --separate-stderr xbunpack --auto --no-strict -f other -C out -i "$rds/stream_v2.xb.xbcrypt"
    [ "$status" -eq 65 ]
    [[ ${stderr_lines[-1]} == "xbunpack: cannot tell what this is at byte 0 of the data made from input offset 0: "*"; it was decrypted: the key may be wrong" ]]
    [ -z "$(files out)" ]
}

@test "-v says what was found; -t, -tv, --info, --test, --to-stdout go with it" {
    run --separate-stderr xbunpack --auto -v -f "$key" -C out -i "$rds/part_xb.qp"
    [ "$status" -eq 0 ]
    [ "${stderr_lines[1]}" = "xbunpack: input: a qpress archive, in it an xbstream" ]
    [[ ${stderr_lines[-1]} == "xbunpack: next: mariadb-backup --prepare --target-dir=out "* ]]
    gzip -c "$rds/stream_v3.xb.xbcrypt" >s.gz
    for j in 1 3; do
        succeeds xbunpack -j $j --auto -t -f "$key" -i s.gz
        [ "$output" = "$(xbunpack -t -i "$fixtures/mariadb/shop_qp.xb")" ]
        succeeds xbunpack -j $j --auto --info -f "$key" -i s.gz
        [ "$output" = "$(xbunpack --info -i "$fixtures/mariadb/shop_qp.xb")" ]
        run -0 --separate-stderr xbunpack -j $j --auto -tv -f "$key" -i s.gz
        [ "$output" = "$(xbunpack -tv --decompress -i "$fixtures/mariadb/shop_qp.xb")" ]
        succeeds xbunpack -j $j --auto --test -f "$key" -i s.gz
        succeeds xbunpack -j $j --auto --to-stdout=xtrabackup_info -f "$key" -i s.gz
        [ "$output" = "$(cat out/xtrabackup_info)" ]
        succeeds xbunpack -j $j --auto --manifest=sums -f "$key" -C "out$j" -i s.gz
        restored "out$j" "$shop"
        (cd "out$j" && sha256sum -c --quiet ../sums)
        rm sums
    done
}

@test "what nobody knows: 65" {
    echo "hello, world" >text
    fails 65 "xbunpack: cannot tell what this is at input offset 0: expected an xbstream or a tar archive, or one in gzip, qpress, xbcrypt, LZ4 or Zstandard; found \"hello, w\"" xbunpack --auto -C out -i text
    gzip -c text >text.gz
    fails 65 "xbunpack: cannot tell what this is at byte 0 of the data made from input offset 0: expected an xbstream or a tar archive, or one in gzip, qpress, xbcrypt, LZ4 or Zstandard; found \"hello, w\"" xbunpack --auto -C out -i text.gz
    fails 65 "xbunpack: input is empty: expected an xbstream or a tar archive" xbunpack --auto -C out -i /dev/null
    gzip -c /dev/null >none.gz
    fails 65 "xbunpack: gzip data holds nothing: expected an xbstream or a tar archive" xbunpack --auto -C out -i none.gz
    make_qpress ARCHIVE 'FILE name=a data=XBSTCK01' 'FILE name=b data=x' >two.qp
    fails 65 "xbunpack: qpress archive holds a second file: expected one; unpack it with qpunpack" xbunpack --auto -C out -i two.qp
    [ -z "$(files out)" ]
}

@test "what others encrypted or packed is named, with the command that undoes it: 65" {
    make_xbstream 'MEMBER name=a data=*5000' >b.xb
    openssl enc -aes-256-cbc -pbkdf2 -k pw <b.xb >b.ssl 2>/dev/null
    lz4 -q -l -c b.xb >b.legacy
    printf 'age-encryption.org/v1\n-> X25519 x\n' >b.age
    printf -- '-----BEGIN PGP MESSAGE-----\n\nx\n' >b.asc
    printf -- '-----BEGIN AGE ENCRYPTED FILE-----\nx\n' >b.armor
    # As gpg -c, gpg -e (RSA of 2048 bits) and gpg -e (Curve 25519) begin.
    printf '\x8c\x0d\x04\x09\x03\x02\x0b\xbc\x3b\xc7\x3b\x23' >b.gpg
    printf '\x85\x01\x0c\x03\xb6\xc8\x7a\xf7\xf4\xf2\x0b\x01\x01' >b.pub
    printf '\x84\x5e\x03\xb6\xc8\x7a\xf7\xf4\xf2\x0b\x01\x12' >b.ecc
    for file in b.gpg b.pub b.ecc; do
        head -c 1000 b.ssl >>$file
    done
    ssl="a stream encrypted by openssl enc|openssl enc -d and the cipher and options that made it"
    gpg="a message encrypted by gpg|gpg -d"
    age="a file encrypted by age|age -d"
    legacy="LZ4 data of the legacy format|lz4 -d"
    openssl enc -aes-256-cbc -pbkdf2 -k pw -a <b.xb >b.base64 2>/dev/null
    base64="a stream encrypted by openssl enc, in base64|openssl enc -d -a and the cipher and options that made it"
    for form in "b.ssl|$ssl" "b.base64|$base64" "b.legacy|$legacy" "b.age|$age" "b.asc|$gpg" "b.armor|$age" "b.gpg|$gpg" "b.pub|$gpg" "b.ecc|$gpg"; do
        IFS="|" read -r file what how <<<"$form"
        do="decrypt it first"
        [ "$file" != b.legacy ] || do="unpack it first"
        fails 65 "xbunpack: found $what at input offset 0: expected an xbstream or a tar archive; unpack it with $how" xbunpack --auto -C out -i "$file"
        run --separate-stderr xbunpack -C out -i "$file"
        [ "$status" -eq 65 ]
        [[ $stderr == *"; this is $what: $do with $how" ]] || { echo "$file: $stderr"; return 1; }
        for program in "qpunpack --test" "xbcrypt-dec -f $key"; do
            # shellcheck disable=SC2086 # several words
            run --separate-stderr $program -i "$file"
            [ "$status" -eq 65 ]
            [[ $stderr == *"; this is $what: $do with $how" ]] || { echo "$program: $file: $stderr"; return 1; }
        done
    done
    gzip -c b.xb >b.gz
    run --separate-stderr qpunpack --test -i b.gz
    [[ $stderr == *"; this is gzip data: unpack it first with gzip -d" ]]
    run --separate-stderr xbcrypt-dec -f "$key" -i b.gz
    [[ $stderr == *"; this is gzip data: unpack it first with gzip -d" ]]
    [ ! -e out ] || [ -z "$(files out)" ]
}

@test "cut short or damaged: 65, and only whole files" {
    for j in 1 3; do
        head -c 400000 "$rds/part.xb.gz" >cut
        fails 65 "xbunpack: gzip data ends too early, at input offset 400000; it was cut short: fetch the backup again" xbunpack -j $j --auto -f "$key" -C out -i cut
        files out >"list.$j"
        [ -s "list.$j" ]
        run -1 grep -F .xbpipe- "list.$j"
        (cd out && grep -F -f "../list.$j" "$part" | sha256sum -c --quiet)
        cmp list.1 "list.$j"
        # The gzip data is whole, the stream in it is not.
        gzip -dc "$rds/part.xb.gz" | head -c 300000 | gzip >inside
        run --separate-stderr xbunpack -j $j --auto -f "$key" -C out2 -i inside
        [ "$status" -eq 65 ]
        [[ $stderr == *"xbunpack: xbstream ends too early, inside a chunk, at byte 300000 of the data made from input offset "*"; it was cut short: fetch the backup again" ]]
        [[ $stderr == *": unfinished: the stream ended before it; "* ]]
        # The last byte of gzip's length.
        cp "$rds/part.xb.gz" bad
        printf '\377' | dd of=bad bs=1 seek=$(($(stat -c %s bad) - 1)) conv=notrunc status=none
        run --separate-stderr xbunpack -j $j --auto -f "$key" -C out3 -i bad
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: damaged gzip data at input offset "*": incorrect length check; fetch the backup again" ]]
        rm -r out out2 out3
    done
}

@test "a thousand small files inside one layer stay within the limit of open files" {
    python3 -S -E - <<'PY' >many
import struct, sys, zlib
for i in range(1000):
    name, data = b"d/t%d" % i, b"%d" % i
    head = struct.pack("<I", len(name)) + name
    sys.stdout.buffer.write(b"XBSTCK01\0P" + head + struct.pack("<QQI", len(data), 0, zlib.crc32(data)) + data + b"XBSTCK01\0E" + head)
PY
    gzip -c many >many.gz
    for j in 1 3; do
        (
            ulimit -n 500
            xbunpack -j $j --auto -C out -i many.gz
        )
        [ "$(find out/d -type f | wc -l)" -eq 1000 ]
        [ "$(cat out/d/t999)" = 999 ]
        rm -r out
    done
}
