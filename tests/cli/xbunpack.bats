# SPDX-License-Identifier: Apache-2.0
# xbunpack: every option, exit status and message; hostile archives.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    shop=$fixtures/mariadb/shop.sha256
    part=$rds/part.sha256
}

hint() { printf '%s\n%s' "$1" "Try \`xbunpack --help' or \`xbunpack --usage' for more information."; }

# refuses STATUS MESSAGE CHUNK...: an archive of these chunks fails with that and leaves no file.
refuses() {
    local expected=$1 message=$2
    shift 2
    make_xbstream "$@" >bad
    rm -rf out
    fails "$expected" "$message" xbunpack -j 3 -i bad -C out --decompress
    [ -z "$(files out)" ]
}

@test "members encrypted and compressed, for any number of threads" {
    for j in 1 2 7; do
        succeeds xbunpack -j $j -C out --decompress -i "$fixtures/mariadb/shop_qp.xb"
        restored out "$shop"
        rm -r out
        succeeds xbunpack -p $j -x -C out --decrypt=AES256 -f "$key" --decompress -i "$rds/full_v3_qp.xb"
        restored out "$shop"
        rm -r out
        succeeds xbunpack -j $j -C out --decrypt -f "$key" --decompress -i "$rds/full_v2_qp.xb"
        restored out "$shop"
        rm -r out
    done
}

@test "LZ4 and Zstandard members, plain and encrypted, for any number of threads" {
    for j in 1 2 7; do
        for s in lz4 zst; do
            succeeds xbunpack --threads=$j --directory=out --decompress <"$rds/part_$s.xb"
            restored out "$part"
            rm -r out
            succeeds xbunpack --parallel=$j --extract -C out --decrypt -f "$key" --decompress -i "$rds/part_${s}_v3.xb"
            restored out "$part"
            rm -r out
        done
    done
}

@test "without --decrypt and --decompress members stay as they are; a hint for encrypted ones" {
    succeeds xbunpack -C out -i "$rds/part_lz4_v3.xb"
    files out | grep -q '\.lz4\.xbcrypt$'
    n=$(files out | wc -l)
    rm -r out
    # All of them, when decompression was asked for: an error.
    fails 64 "xbunpack: all members ($n) stayed encrypted: use --decrypt -f FILE" xbunpack --decompress -C out -i "$rds/part_lz4_v3.xb"
    rm -r out
    # Some of them: a warning.
    cat "$rds/part_lz4_v3.xb" >mixed
    make_xbstream 'MEMBER name=plain data=x' >>mixed
    fails 0 "xbunpack: warning: $n members ending in .xbcrypt stayed encrypted: use --decrypt -f FILE" xbunpack --decompress -C out -i mixed
    rm -r out
    succeeds xbunpack --decrypt -f "$key" -C out -i "$rds/part_lz4_v3.xb"
    [ "$(files out | grep -c '\.lz4$')" -eq "$n" ]
    lz4 -dc "out/$(files out | head -n 1)" >/dev/null || [ $? -eq 127 ]
}

@test "the current directory is the default" {
    mkdir here
    cd here
    succeeds xbunpack --decompress -i "$rds/part_zst.xb"
    restored . "$part"
}

@test "-t lists, -v names" {
    succeeds xbunpack -t -i "$rds/part_lz4_v3.xb"
    xbunpack -C out -i "$rds/part_lz4_v3.xb"
    [ "$(LC_ALL=C sort <<<"$output")" = "$(files out)" ]
    first=${lines[0]}
    succeeds xbunpack --list -x -j 3 -i "$rds/part_lz4_v3.xb"
    [ "${lines[0]}" = "$first" ]
    run --separate-stderr xbunpack -v -C out2 --decrypt -f "$key" --decompress -i "$rds/part_lz4_v3.xb"
    [ "$status" -eq 0 ]
    [[ $stderr == *"xbunpack: $first -> ${first%.lz4.xbcrypt}"* ]]
    [[ ${stderr_lines[0]} == "xbunpack: $key: key for AES256" ]]
    make_xbstream 'MEMBER name=a\x0a\x1b[2J data=x' >odd
    succeeds xbunpack -t -i odd
    [ "$output" = 'a\x0a\x1b[2J' ]
    fails 0 'xbunpack: a\x0a\x1b[2J
xbunpack: restored, 1 file' xbunpack -v -C out3 -i odd
    for option in --decrypt --decompress; do
        fails 64 "$(hint "xbunpack: -t lists the members as they are stored: use --decrypt and --decompress with -tv, which shows the decoded sizes")" xbunpack -t $option -i odd
    done
    # Names are listed whatever they are; a list of a stream that is cut is an error.
    make_xbstream 'MEMBER name=../x data=y' 'P name=cut data=z' >odd
    run --separate-stderr xbunpack -t -i odd
    [ "$status" -eq 65 ]
    [ "$output" = "../x
cut" ]
    [ ! -e ../x ]
}

@test "keys: as for xbcrypt-dec" {
    fails 64 "xbunpack: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbunpack --decrypt -C out -i "$rds/part_lz4.xb"
    fails 64 "$(hint "xbunpack: --decrypt=DES: expected AES128, AES192, AES256 or NONE")" xbunpack --decrypt=DES -f "$key"
    fails 64 "xbunpack: $key: key has 32 bytes, which is AES256: -a says AES128 needs 16" xbunpack --decrypt=AES128 -f "$key" -C out -i "$rds/part_lz4_v3.xb"
    fails 66 "xbunpack: cannot open key file missing: No such file or directory" xbunpack --decrypt -f missing -C out -i "$rds/part_lz4_v3.xb"
    fails 64 "xbunpack: -f -: standard input is for the data; use -f FILE or -f /dev/fd/N" xbunpack --decrypt -f - -C out -i "$rds/part_lz4_v3.xb"
    fails 64 "xbunpack: -k, --encrypt-key: a key on the command line can be read by every user of the machine; use -f FILE, -f /dev/fd/N, or the environment variable XBCRYPT_ENCRYPTION_KEY" xbunpack --decrypt -kSeCrEt -i "$rds/part_lz4_v3.xb"
    [ ! -e out ]
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key") xbunpack --decrypt --decompress -C out -i "$rds/part_lz4_v3.xb"
    restored out "$part"
}

@test "a wrong key is all that is said, in every run, of a stream that is whole, cut, or packed" {
    tr 0-9 1-90 <"$key" >other
    cp "$rds/full_v3_qp.xb" whole
    head -c 1000000 whole >cut
    gzip -1c whole >packed
    gzip -1c cut >packed-cut
    head -c 30000 "$rds/part.tar.gz" >cut.tar.gz
    for input in whole cut packed packed-cut "$rds/part_xb.qp" "$rds/part.tar.gz" cut.tar.gz; do
        for j in 1 2 4; do
            for n in 1 2 3 4; do
                run --separate-stderr xbunpack -j $j --auto -f other -C out -i "$input"
                [ "$status" -eq 65 ] || { echo "$input -j $j run $n: $status"; return 1; }
                [[ $stderr == "xbunpack: "*".xbcrypt: SHA-256 of xbcrypt chunk at "*" does not match; most likely this is not the key the backup was encrypted with" ]] ||
                    { echo "$input -j $j run $n: $stderr"; return 1; }
                [ "${#stderr_lines[@]}" -eq 1 ] || { echo "$input -j $j run $n: $stderr"; return 1; }
                echo "$stderr" >>said
            done
        done
        [ "$(sort -u said | wc -l)" -eq 1 ] || { echo "$input:"; sort said | uniq -c; return 1; }
        rm said
    done
}

@test "a wrong key: 65 with the member, no file; version 2 the same" {
    tr 0-9 1-90 <"$key" >other
    run --separate-stderr xbunpack --decrypt -f other --decompress -C out -i "$rds/full_v3_qp.xb"
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: "*".qp.xbcrypt: SHA-256 of xbcrypt chunk at input offset "*" does not match; most likely this is not the key the backup was encrypted with" ]]
    [ "${#stderr_lines[@]}" -eq 1 ]
    [ -z "$(files out)" ]
    run --separate-stderr xbunpack --decrypt -f other --decompress -C out -i "$rds/full_v2_qp.xb"
    [ "$status" -eq 65 ]
    [[ $stderr == *".qp.xbcrypt: this looks like the wrong key: "* ]]
    [ -z "$(files out)" ]
    # With --no-strict the next decoder finds out.
    run --separate-stderr xbunpack --decrypt --no-strict -f other --decompress -C out -i "$rds/full_v2_qp.xb"
    [ "$status" -eq 65 ]
    [[ $stderr == *".qp.xbcrypt: not a qpress archive at byte 0 of the data made from input offset "*"; if this was decrypted, the key may be wrong" ]]
    [ -z "$(files out)" ]
}

@test "a cut stream: 65, each unfinished member named, and only whole files" {
    make_xbstream 'MEMBER name=whole data=1' 'P name=half data=2' 'P name=d/half2\x0a data=3' 'MEMBER name=empty' >cut
    for j in 1 2 7; do
        run --separate-stderr xbunpack -j $j -C out -i cut
        [ "$status" -eq 65 ]
        [ "$(LC_ALL=C sort <<<"$stderr")" = "xbunpack: d/half2\x0a: unfinished: the stream ended before it; its file was not created
xbunpack: half: unfinished: the stream ended before it; its file was not created
xbunpack: xbstream ends too early, at input offset 199: expected the end of 2 more members; it was cut short: fetch the backup again" ]
        [ "$(files out)" = "empty
whole" ]
        rm -r out
        # Inside a chunk.
        head -c 1500000 "$rds/full_v3_qp.xb" >inside
        run --separate-stderr xbunpack -j $j --decrypt -f "$key" --decompress -C out -i inside
        [ "$status" -eq 65 ]
        [[ $stderr == *"xbunpack: xbstream ends too early, inside a chunk, at input offset 1500000; it was cut short: fetch the backup again"* ]]
        [[ $stderr == *": unfinished: the stream ended before it; its file was not created"* ]]
        files out >"list.$j"
        [ -s "list.$j" ]
        run -1 grep -F .xbpipe- "list.$j"
        (cd out && grep -F -f "../list.$j" "$shop" | sha256sum -c --quiet --ignore-missing)
        cmp list.1 "list.$j"
        rm -r out
    done
}

@test "empty input, garbage after the end: 65" {
    fails 65 "xbunpack: input is empty: expected an xbstream" xbunpack -C out -i /dev/null
    fails 65 "xbunpack: input is empty: expected an xbstream" xbunpack -t -i /dev/null
    refuses 65 'xbunpack: not an xbstream chunk at input offset 0: expected magic "XBSTCK01", found "garbage "' 'RAW data=garbage\x20that\x20is\x20long'
    make_xbstream 'MEMBER name=a data=x' 'RAW data=\x0a' >bad
    fails 65 "xbunpack: xbstream ends too early, inside a chunk, at input offset 52; it was cut short: fetch the backup again" xbunpack -C out -i bad
    [ "$(files out)" = a ]
}

@test "the other forms of a backup get a hint" {
    expected() { echo "xbunpack: not an xbstream chunk at input offset 0: expected magic \"XBSTCK01\", found \"$1\"; this is $2"; }
    fails 65 "$(expected XBCRYP03 "an encrypted stream: decrypt it first with xbcrypt-dec, or use --auto")" xbunpack -C out -i "$rds/stream_v3.xb.xbcrypt"
    fails 65 "$(expected qpress10 "a qpress archive: unpack it first with qpunpack, or use --auto")" xbunpack -C out -i "$rds/part_xb.qp"
    run --separate-stderr xbunpack -C out -i "$rds/part.xb.gz"
    [ "$status" -eq 65 ]
    [[ $stderr == *"; this is gzip data: unpack it first with gzip -d, or use --auto" ]]
    [ -z "$(files out)" ]
}

@test "chunks that are damaged or out of order: 65 and no file" {
    for j in 1 3; do
        make_xbstream 'P name=a data=hello crc=bad' 'E name=a' >bad
        run --separate-stderr xbunpack -j $j -C out -i bad
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: a: damaged xbstream chunk at input offset 0: CRC-32: expected 0x"*", found 0x"*"; fetch the backup again" ]]
        [ -z "$(files out)" ]
    done
    refuses 65 "xbunpack: a: xbstream chunk at input offset 37 does not continue its member: expected offset 2, found 3; the stream is damaged or a part of it is missing" 'P name=a data=12' 'P name=a data=34 offset=3' 'E name=a'
    refuses 65 "xbunpack: a: xbstream chunk at input offset 37 does not continue its member: expected offset 2, found 1; the stream is damaged or a part of it is missing" 'P name=a data=12' 'P name=a data=34 offset=1' 'E name=a'
    refuses 65 "xbunpack: a: xbstream chunk at input offset 37 does not continue its member: expected offset 2, found 0; the stream is damaged or a part of it is missing" 'P name=a data=12' 'P name=a data=12 offset=0' 'E name=a'
    make_xbstream 'MEMBER name=a data=12' 'P name=a data=12' >bad
    rm -rf out
    fails 65 "xbunpack: a: xbstream chunk at input offset 52 comes after the end of its member" xbunpack -C out -i bad
    [ "$(cat out/a)" = 12 ]
    refuses 65 "xbunpack: unknown xbstream chunk type at input offset 9: expected 'P', 'S', 'E', 'R' or 'D', found 'Q'" 'Q name=a data=12'
}

@test "a chunk of an unknown type that may be ignored is" {
    make_xbstream 'Q name=../a flags=1 data=12' 'MEMBER name=b data=x' 'Z name=b flags=3 offset=9 crc=bad' >odd
    succeeds xbunpack -C out -i odd
    [ "$(files out)" = b ]
}

@test "interleaved and empty members, folders" {
    umask 022
    make_xbstream 'P name=d/a data=1' 'P name=b data=x' 'P name=d/a data=2 offset=1' 'E name=d/e/empty' 'P name=b data=y offset=1' 'E name=b' 'P name=d/a offset=2' 'P name=d/a data=3 offset=2' 'E name=d/a' >mixed
    for j in 1 7; do
        succeeds xbunpack -j $j -C out -i mixed
        [ "$(files out)" = "b
d/a
d/e/empty" ]
        [ "$(cat out/d/a)" = 123 ]
        [ "$(cat out/b)" = xy ]
        [ ! -s out/d/e/empty ]
        [ "$(stat -c %a out out/d out/b | tr '\n' ' ')" = "750 750 640 " ]
        rm -r out
    done
}

@test "sparse chunks become holes" {
    # A hole of a MiB, data, none, data, a hole at the end; then a plain chunk, a sparse one of
    # nothing but a hole, and the end.
    make_xbstream 'S name=s map=1048576:4,0:2,3000000:4,8388608:0 data=abcdefghij' 'P name=s offset=12437194 data=tail' 'S name=s offset=12437198 map=5000000:0' 'E name=s' >sparse
    {
        head -c 1048576 /dev/zero
        printf abcdef
        head -c 3000000 /dev/zero
        printf ghij
        head -c 8388608 /dev/zero
        printf tail
        head -c 5000000 /dev/zero
    } >expected
    for j in 1 7; do
        succeeds xbunpack -j $j -C out -i sparse
        cmp out/s expected
        [ "$(stat -c %s out/s)" -eq 17437198 ]
        [ "$(stat -c '%b' out/s)" -le 256 ] # of 512 bytes
        rm -r out
    done
}

@test "sparse chunks that do not add up: 65" {
    refuses 65 "xbunpack: s: damaged sparse xbstream chunk at input offset 0: lengths in its map: expected 3 bytes in all, found 4" 'S name=s map=5:4 data=abc' 'E name=s'
    refuses 65 "xbunpack: s: damaged sparse xbstream chunk at input offset 0: lengths in its map: expected 5 bytes in all, found 4" 'S name=s map=5:4 data=abcde' 'E name=s'
    refuses 65 "xbunpack: s: xbstream chunk at input offset 50 does not continue its member: expected offset 8, found 3; the stream is damaged or a part of it is missing" 'S name=s map=5:3 data=abc' 'P name=s offset=3 data=x' 'E name=s'
    refuses 65 "xbunpack: s.qp: a hole at input offset 0 in a member that is encrypted or compressed" 'S name=s.qp map=5:3 data=abc' 'E name=s.qp'
}

@test "claimed sizes: 65 at once, with little memory" {
    limit=$(sanitized && echo unlimited || echo 150000)
    limited() { (ulimit -v "$limit" && timeout 10 xbunpack -j 1 -i bad -C out "$@"); }
    make_xbstream 'P name=a size=9223372036854775808 data=x' >bad
    fails 65 "xbunpack: payload of xbstream chunk at input offset 15 too large: expected at most 268435456, found 9223372036854775808; if the file is sound, use a larger --max-chunk" limited
    make_xbstream 'S name=a entries=4294967295 data=x' >bad
    fails 65 "xbunpack: sparse map of xbstream chunk at input offset 15 too large: expected at most 268435456, found 34359738360; if the file is sound, use a larger --max-chunk" limited
    # As large as allowed, but not there.
    make_xbstream 'P name=a size=268435456 data=x' >bad
    run --separate-stderr limited
    [ "$status" -eq 65 ]
    [[ $stderr == *"xbunpack: xbstream ends too early, inside a chunk, at input offset 36; "* ]]
    make_xbstream 'S name=a entries=33554432 size=268435456 data=x' >bad
    run --separate-stderr limited
    [ "$status" -eq 65 ]
    make_xbstream 'P name=a data=*2000' 'E name=a' >bad
    fails 65 "xbunpack: payload of xbstream chunk at input offset 15 too large: expected at most 1999, found 2000; if the file is sound, use a larger --max-chunk" limited --max-chunk=1999
    [ -z "$(files out)" ]
    succeeds limited --max-chunk=2000
    # A hole of many GiB takes neither space nor time.
    rm -r out
    make_xbstream 'S name=a map=4294967295:0,4294967295:1 data=x' 'E name=a' >bad
    succeeds limited
    [ "$(stat -c %s out/a)" -eq 8589934591 ]
    [ "$(stat -c %b out/a)" -le 64 ]
}

@test "a failed allocation: 71" {
    sanitized && skip "a sanitizer needs more address space than the limit of this test"
    make_xbstream 'P name=a size=268435456 data=' >head
    limited() { { cat head; head -c 268435456 /dev/zero; } | (ulimit -v 150000 && xbunpack -j 1 -C out); }
    fails 71 "xbunpack: out of memory" limited
    [ -z "$(files out)" ]
}

@test "more files begun than the system lets be open: 71" {
    for i in $(seq 70); do echo "P name=d/f$i data=x"; done >arguments
    mapfile -t arguments <arguments
    make_xbstream "${arguments[@]}" >in
    limited() { (ulimit -n 60 && xbunpack -C out -j "$1" -i in); }
    for j in 1 3; do
        run --separate-stderr limited "$j"
        [ "$status" -eq 71 ]
        [[ $stderr == "xbunpack: d/f"*": Too many open files" ]]
        [ -z "$(files out)" ]
    done
}

@test "hostile names: 65 and nothing is made of them" {
    refuses 65 'xbunpack: refused member name "..": it has a component ".."' 'MEMBER name=.. data=x'
    refuses 65 'xbunpack: refused member name "../x": it has a component ".."' 'MEMBER name=../x data=x'
    refuses 65 'xbunpack: refused member name "a/../b": it has a component ".."' 'MEMBER name=a/../b data=x'
    refuses 65 'xbunpack: refused member name ".": it names a folder, not a file' 'MEMBER name=. data=x'
    refuses 65 'xbunpack: refused member name "/": it names a folder, not a file' 'MEMBER name=/ data=x'
    refuses 65 'xbunpack: refused member name "a/": it names a folder, not a file' 'MEMBER name=a/ data=x'
    refuses 65 'xbunpack: refused member name "/../x": it has a component ".."' 'MEMBER name=/../x data=x'
    refuses 65 'xbunpack: refused member name ".//../x": it has a component ".."' 'MEMBER name=.//../x data=x'
    refuses 65 'xbunpack: path length of xbstream chunk at input offset 10: expected 1 to 511 bytes, found 0' 'MEMBER name= data=x'
    refuses 65 'xbunpack: refused member name "a\x00b": it holds a zero byte' 'MEMBER name=a\x00b data=x'
    refuses 65 'xbunpack: refused member name "\x1b]0;x\x07/..": it has a component ".."' 'MEMBER name=\x1b]0;x\x07/.. data=x'
    n=$(printf 'n%.0s' {1..255})
    refuses 65 'xbunpack: path length of xbstream chunk at input offset 10: expected 1 to 511 bytes, found 512' "MEMBER name=$n/n$n data=x"
    make_xbstream "MEMBER name=n$n data=x" >bad
    run --separate-stderr xbunpack -C out -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"it has a component longer than 255 bytes" ]]
    [ -z "$(files out)" ]
    make_xbstream "MEMBER name=$n/$n data=x" 'MEMBER name=.qp data=x' 'MEMBER name=d/.lz4 data=x' 'MEMBER name=-rf data=x' >good
    succeeds xbunpack -C out --decompress -i good
    [ "$(files out)" = "-rf
.qp
d/.lz4
$n/$n" ]
    [ ! -e x ]
    [ ! -e /abs ]
    # Behind a suffix, too.
    refuses 65 'xbunpack: refused member name "../x.qp": it has a component ".."' 'MEMBER name=../x.qp data=x'
    # "...qp" would become "..".
    refuses 65 'xbunpack: refused member name "..": it has a component "." or ".."' 'MEMBER name=...qp data=x'
    refuses 65 'xbunpack: refused member name "d/.": it has a component "." or ".."' 'MEMBER name=d/..qp data=x'
}

@test "names: ./, /./, repeated and leading slashes mean nothing" {
    make_xbstream 'MEMBER name=./backup-my.cnf data=a' 'MEMBER name=db//t.ibd data=b' 'MEMBER name=././db/./u.ibd data=c' \
        'MEMBER name=/var/full/v.ibd data=d' 'MEMBER name=//var//w.ibd data=e' >odd
    local j warning="/var/full/v.ibd: leading slashes are removed from the names of members"
    for j in 1 3; do
        rm -rf out
        fails 0 "xbunpack: warning: $warning" xbunpack -j $j -C out --manifest=sums -i odd
        [ "$(files out)" = "backup-my.cnf
db/t.ibd
db/u.ibd
var/full/v.ibd
var/w.ibd" ]
        restored out "$PWD/sums"
        fails 0 "xbunpack: warning: $warning" xbunpack -j $j --test --verify=sums -i odd
        rm sums
    done
    # A list has them as they are stored, and -v says what they become.
    succeeds xbunpack -t -i odd
    [ "$output" = "./backup-my.cnf
db//t.ibd
././db/./u.ibd
/var/full/v.ibd
//var//w.ibd" ]
    run --separate-stderr xbunpack -v -C out --overwrite -i odd
    [[ $stderr == *"./backup-my.cnf -> backup-my.cnf"* ]]
}

@test "names: a member is known by its stored and by its cleaned name" {
    make_xbstream 'MEMBER name=./backup-my.cnf data=a' 'MEMBER name=/var//db/t.ibd.qp data=b' 'MEMBER name=other data=c' >odd
    local name
    for name in ./backup-my.cnf backup-my.cnf; do
        run --separate-stderr xbunpack --to-stdout="$name" -i odd
        [ "$status $output" = "0 a" ] || { echo "$name: $status $output"; return 1; }
    done
    for name in /var//db/t.ibd.qp /var/db/t.ibd var/db/t.ibd var//db/t.ibd ./var /var var/; do
        run --separate-stderr xbunpack -t -i odd "$name"
        [ "$status $output" = "0 /var//db/t.ibd.qp" ] || { echo "$name: $status $output"; return 1; }
    done
    for name in '/*' 'var/*' '/var//db/t.ibd' var/db/t.ibd /var 'var/db.t'; do
        run --separate-stderr xbunpack -t -i odd --exclude="$name"
        [ "$status $output" = "0 ./backup-my.cnf
other" ] || { echo "$name: $status $output"; return 1; }
    done
    # A folder's name is not a file's.
    fails 66 'xbunpack: other/: not found in the archive; -t lists what it holds' xbunpack -t -i odd other/
}

@test "names: what becomes the same name is refused" {
    local hint="name the one that you want, or leave out --decompress and --decrypt"
    same() {
        make_xbstream "MEMBER name=$1 data=x" "MEMBER name=$2 data=y" >same
        rm -rf out
        fails 65 "xbunpack: $3" xbunpack -C out -i same
    }
    same a ./a "a: the archive has another file that gets this name: a and ./a; $hint"
    same d/a ./d//a "d/a: the archive has another file that gets this name: d/a and ./d//a; $hint"
    same a ./a/b "a: the archive has a file and a folder of this name"
    make_xbstream 'MEMBER name=a data=x' 'MEMBER name=./a data=y' >twice
    fails 65 'xbunpack: a: the archive has another member of this name' xbunpack --to-stdout=a -i twice
}

@test "mbstream -c of what find lists, within gzip, restores" {
    command -v mbstream >/dev/null || skip "no mbstream"
    mkdir -p src/db
    head -c 100000 /dev/urandom >src/ibdata1
    cp src/ibdata1 src/db/t.ibd
    (cd src && find . -type f -exec mbstream -c {} +) | gzip >b.xb.gz
    succeeds xbunpack -C out --auto -i b.xb.gz
    diff -r src out
}

@test "innobackupex of MySQL 5.6: its own files are stored with a leading ./" {
    cp "$fixtures/mysql56/key" key
    chmod 600 key
    local j
    for j in 1 3; do
        rm -rf out
        run --separate-stderr xbunpack -j $j --auto -f key -C out -i "$fixtures/mysql56/innobackupex_qp.xb.xbcrypt"
        [ "$status" -eq 0 ]
        restored out "$fixtures/mysql56/innobackupex.sha256"
    done
    run --separate-stderr xbunpack --auto -f key --to-stdout=xtrabackup_checkpoints -i "$fixtures/mysql56/innobackupex_qp.xb.xbcrypt"
    [ "$status" -eq 0 ]
    [[ $output == "backup_type = full-backuped"* ]]
    run --separate-stderr xbunpack --auto -f key --info -i "$fixtures/mysql56/innobackupex_qp.xb.xbcrypt"
    [ "$status" -eq 0 ]
    [[ $output == "tool: innobackupex"*"server-version: 5.6.24"* ]]
}

@test "symbolic links are not followed, existing files not replaced without --overwrite" {
    mkdir out outside
    echo secret >outside/file
    ln -s ../outside out/link
    ln -s ../outside/file out/final
    ln -s "$PWD/outside" out/absolute
    for name in link/new absolute/new; do
        make_xbstream "MEMBER name=$name data=x" >a
        fails 73 "xbunpack: $name: cannot make folder ${name%/new}: a file or a symbolic link is in its place" xbunpack -C out -i a --overwrite
    done
    make_xbstream 'MEMBER name=final data=x' >a
    fails 73 "xbunpack: final: file exists already in out; use an empty directory, or --overwrite" xbunpack -C out -i a
    succeeds xbunpack -C out -i a --overwrite
    [ "$(cat out/final)" = x ]
    [ ! -L out/final ]
    [ "$(cat outside/file)" = secret ]
    [ "$(ls outside)" = file ]
    make_xbstream 'MEMBER name=final data=new' >b
    fails 73 "xbunpack: final: file exists already in out; use an empty directory, or --overwrite" xbunpack -C out -i b
    [ "$(cat out/final)" = x ]
    fails 73 "xbunpack: outside: a directory has that name" bash -c "python3 -B '$XBPIPE_TESTS/cli/make_xbstream.py' 'MEMBER name=outside data=x' | xbunpack -C . --overwrite"
    make_xbstream 'MEMBER name=final/x data=x' >b
    fails 73 "xbunpack: final/x: cannot make folder final: a file or a symbolic link is in its place" xbunpack -C out -i b --overwrite
    [ "$(files out)" = "absolute
final
link" ]
}

@test "two members with one name in the end: 65, nothing replaced" {
    make_qpress ARCHIVE 'FILE name=t data=packed' >t.qp
    for overwrite in "" --overwrite; do
        rm -rf out
        make_xbstream 'MEMBER name=t.ibd data=plain' 'MEMBER name=t.ibd.qp data=@t.qp' >twice
        run --separate-stderr xbunpack -C out --decompress $overwrite -i twice
        [ "$status" -eq 65 ]
        [ "$stderr" = "xbunpack: t.ibd: the archive has another file that gets this name: t.ibd and t.ibd.qp; name the one that you want, or leave out --decompress and --decrypt" ]
        [ "$(files out)" = t.ibd ]
        [ "$(cat out/t.ibd)" = plain ]
    done
    # Without --decompress they are two.
    rm -r out
    succeeds xbunpack -C out -i twice
    [ "$(files out)" = "t.ibd
t.ibd.qp" ]
}

@test "members whose own data is wrong: 65 with their names" {
    refuses 65 "xbunpack: a.qp: input is empty: expected a qpress archive" 'MEMBER name=a.qp'
    make_qpress ARCHIVE 'FILE name=t data=1' 'FILE name=u data=2' >two.qp
    refuses 65 "xbunpack: a.qp: qpress archive holds a second file: expected one; unpack it with qpunpack" 'MEMBER name=a.qp data=@two.qp'
    make_qpress ARCHIVE >none.qp
    refuses 65 "xbunpack: a.qp: qpress archive holds no file: expected one" 'MEMBER name=a.qp data=@none.qp'
    make_xbstream 'MEMBER name=a.lz4 data=garbage\x20garbage' 'MEMBER name=b data=x' >bad
    rm -rf out
    fails 65 "xbunpack: a.lz4: expected the magic of an LZ4 frame at input offset 39, 04 22 4d 18, found 67 61 72 62; it is of another format, or damaged: fetch the backup again" \
        xbunpack -C out --decompress -i bad
    [[ $(files out) != *a* ]]
}

@test "the directory, the input: 66, 73, 74, 77" {
    fails 66 "xbunpack: cannot open missing: No such file or directory" xbunpack -C out -i missing
    [ ! -e out ]
    fails 66 "xbunpack: / is a directory: expected a file" xbunpack -C out -i /
    closed() { xbunpack -C out <&-; }
    fails 74 "xbunpack: cannot read standard input at input offset 0: Bad file descriptor" closed
    fails 73 "xbunpack: cannot make directory missing/out: the folder that it would be in does not exist" xbunpack -i "$rds/part_lz4.xb" -C missing/out
    echo >file
    fails 73 "xbunpack: cannot open directory file: Not a directory" xbunpack -i "$rds/part_lz4.xb" -C file
    # Standard output is not used, and need not be there.
    nowhere() { xbunpack -i "$rds/part_lz4.xb" -C out --decompress >&-; }
    succeeds nowhere
    restored out "$part"
    need_unprivileged
    mkdir -m 555 shut
    fails 77 "xbunpack: cannot make directory shut/out: Permission denied" unprivileged xbunpack -i "$rds/part_lz4.xb" -C shut/out
    make_xbstream 'MEMBER name=a data=x' >a
    chmod 644 a
    fails 77 "xbunpack: shut: a: cannot create: Permission denied" unprivileged xbunpack -i a -C shut
    [ -z "$(ls -A shut)" ]
}

@test "a list that cannot be written, a full file system: 74" {
    full() { xbunpack -t -i "$rds/part_lz4.xb" >/dev/full; }
    fails 74 "xbunpack: cannot write standard output: No space left on device" full
    closed() { xbunpack -t -i "$rds/part_lz4.xb" >&-; }
    fails 74 "xbunpack: cannot write standard output: Bad file descriptor" closed
    # A limit on the size of files stands for a full disk.
    for j in 1 3; do
        limited() { (trap '' XFSZ && ulimit -f 64 && xbunpack -j $j -C out --decompress -i "$fixtures/mariadb/shop_qp.xb"); }
        run --separate-stderr limited
        [ "$status" -eq 74 ]
        [[ $stderr == "xbunpack: "*"cannot write "*": File too large" ]]
        [[ $(files out) != *.tmp* ]]
        rm -r out
    done
}

@test "unknown options, bad numbers: 64" {
    run --separate-stderr xbunpack --frobnicate
    [ "$status" -eq 64 ]
    [[ $stderr == *"unrecognized option '--frobnicate'"* ]]
    for option in -j -p; do
        fails 64 "$(hint "xbunpack: 0: expected a number of threads from 1 to 1024")" xbunpack $option 0
    done
    fails 64 "$(hint "xbunpack: --max-chunk=1: expected a size from 1K to 1024G")" xbunpack --max-chunk=1
}

@test "--help, --usage, --version; also if they cannot be written" {
    run -0 xbunpack --help
    [[ $output == "Usage: xbunpack [OPTION...]"* ]]
    run -0 xbunpack --usage
    [[ $output == "Usage: xbunpack ["* ]]
    run -0 xbunpack --version
    [[ $output =~ ^xbunpack\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { xbunpack $option >/dev/full; }
        fails 74 "xbunpack: cannot write standard output: No space left on device" full
    done
}

@test "a signal while it waits for input: it ends by that signal, and no temporary file stays" {
    make_xbstream 'MEMBER name=whole data=1' 'P name=half data=2' >start
    for j in 1 3; do
        for signal in TERM INT HUP; do
            mkfifo pipe
            $killable xbunpack -v -j $j -C out <pipe 2>err &
            pid=$!
            exec 8>pipe
            cat start >&8
            for _ in $(seq 100); do grep -q half err && break; sleep 0.05; done
            [ -n "$(find out -name '.xbpipe-*')" ]
            kill -$signal $pid
            rc=0
            wait $pid || rc=$?
            exec 8>&-
            [ $rc -eq $((128 + $(kill -l $signal))) ]
            [ "$(cat err)" = "xbunpack: whole
xbunpack: half
xbunpack: interrupted: out does not hold the whole backup: remove it, or run again with --overwrite" ]
            [ "$(files out)" = whole ]
            rm -r pipe out
        done
    done
}

@test "a file that was compressed before it was backed up loses the backup's compression only" {
    echo today >x
    echo stale >y
    make_qpress ARCHIVE 'FILE name=x data=@x' >x.qp
    make_qpress ARCHIVE 'FILE name=x data=@y' >y.qp
    make_qpress ARCHIVE 'FILE name=x.qp data=@y.qp' >y.qp.qp
    zstd -q -c y.qp >y.qp.zst
    lz4 -q -c y.qp >y.qp.lz4
    xbcrypt-enc -f "$key" <y.qp.qp >y.qp.qp.xbcrypt
    xbcrypt-enc -f "$key" <x.qp >x.qp.xbcrypt
    for outer in .qp .zst .lz4; do
        for sealed in "" .xbcrypt; do
            [ "$sealed" = "" ] || [ "$outer" = .qp ] || continue
            new="MEMBER name=d/x.qp$sealed data=@x.qp$sealed"
            old="MEMBER name=d/x.qp$outer$sealed data=@y.qp$outer$sealed"
            make_xbstream "$new" "$old" >first
            make_xbstream "$old" "$new" >last
            for in in first last; do
                for j in 1 3; do
                    rm -rf out
                    fails 0 "xbunpack: warning: d/x.qp$outer$sealed: its file was compressed before the backup, and stays compressed, as d/x.qp: it may be left from an earlier restore" \
                        xbunpack -j $j -C out --decrypt -f "$key" --decompress -i $in
                    cmp x out/d/x
                    cmp y.qp out/d/x.qp
                    [ "$(files out | wc -l)" -eq 2 ]
                done
                run --separate-stderr -0 xbunpack --to-stdout=d/x --decrypt -f "$key" --decompress -i $in
                [ "$output" = today ]
                run -0 --separate-stderr xbunpack -tv --decrypt -f "$key" --decompress -i $in
                [ "$(awk '{print $2}' <<<"$output" | sort -n | xargs)" = "6 $(stat -c %s y.qp)" ]
            done
        done
    done
    # Packed by xbpack, such files come back as they were.
    mkdir src
    cp y.qp src/x.qp
    cp y.qp.zst src/z.zst
    xbpack -C src --compress=zstd . >packed
    run -0 --separate-stderr xbunpack -C back --decompress -i packed
    diff -r src back
}
