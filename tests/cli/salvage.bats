# SPDX-License-Identifier: Apache-2.0
# --salvage and --report: sound data is delivered, losses are reported.
bats_require_minimum_version 1.5.0

setup() {
    load common
}

# damage FILE OFFSET...: changes the bytes there.
damage() {
    python3 -S -E - "$@" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    for at in map(int, sys.argv[2:]):
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0x55]))
END
}

# report FILE EXPRESSION: of the report `r`, must be true.
report() {
    python3 -S -E - "$@" <<'END'
import json, sys
with open(sys.argv[1]) as f:
    r = json.load(f)
if not eval(sys.argv[2]):
    print(sys.argv[2], "is not true of", json.dumps(r, indent=1))
    sys.exit(1)
END
}

whole="r == {'complete': True, 'losses': 0, 'failure': None, 'lost': [], 'damaged_files': []}"

@test "xbcrypt-dec --salvage of a sound input is the normal run, and the report says so" {
    for form in aes128 aes256 chunk1000; do
        bits=${form#aes}
        [ "$form" = chunk1000 ] && bits=256
        succeeds from "$xbc/plain.v3.$form.xbcrypt" \
            xbcrypt-dec --salvage --report=report.json --overwrite -f "$xbc/key$bits" -o out
        cmp out "$xbc/plain.txt"
        report report.json "$whole"
    done
    succeeds from /dev/null xbcrypt-dec --salvage -f "$xbc/key256"
    [ -z "$output" ]
}

@test "xbcrypt-dec --salvage puts zeros where a chunk is lost, and says where" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad
    chmod u+w bad
    damage bad $((2 * 1092 + 700)) $((5 * 1092 + 2)) # a payload, a magic
    for j in 1 3 7; do
        fails 65 "\
xbcrypt-dec: warning: lost 1092 bytes at byte 2184 of the xbcrypt data: CRC-32 of the chunk: expected 0xb8f8d15d, found 0xb7375655; 1000 zero bytes stand in its place at byte 2000 of the output
xbcrypt-dec: warning: lost 1092 bytes at byte 5460 of the xbcrypt data: not an xbcrypt chunk at input offset 5460: expected magic XBCRYP01, XBCRYP02 or XBCRYP03, found \"XB\\x16RYP03\"; 1000 zero bytes stand in its place at byte 5000 of the output
xbcrypt-dec: damaged input: 2 losses; all else was delivered" \
            xbcrypt-dec -j "$j" --salvage --report=report.json --overwrite -f "$xbc/key256" -i bad -o out
        [ ! -e out ]
        report report.json "[(x['offset'], x['length'], x['output_offset'], x['zeros'], x['exact']) for x in r['lost']] == [(2184, 1092, 2000, 1000, True), (5460, 1092, 5000, 1000, True)]"
        report report.json "not r['complete'] and r['losses'] == 2 and r['damaged_files'] == [{'member': None, 'file': 'out.damaged'}]"
        { head -c 2000 "$xbc/plain.txt"; head -c 1000 /dev/zero; tail -c +3001 "$xbc/plain.txt" | head -c 2000
          head -c 1000 /dev/zero; tail -c +6001 "$xbc/plain.txt"; } | cmp - out.damaged
        # and as a filter
        run bash -c "cat bad | xbcrypt-dec -j $j --salvage -f '$xbc/key256' 2>/dev/null | cmp - out.damaged && exit \${PIPESTATUS[1]}"
        [ "$status" -eq 65 ]
    done
}

@test "more chunks than are kept until the version is known are lost before the first sound one" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad
    chmod u+w bad
    # shellcheck disable=SC2046 # several words
    damage bad $(seq 700 1092 $((40 * 1092)))
    { head -c 40000 /dev/zero; tail -c +40001 "$xbc/plain.txt"; } >expected
    for j in 1 3; do
        run xbcrypt-dec -j "$j" --salvage --report=report.json --overwrite -f "$xbc/key256" -i bad -o out
        [ "$status" -eq 65 ]
        cmp expected out.damaged
        report report.json "[(x['offset'], x['length'], x['output_offset'], x['zeros'], x['exact']) for x in r['lost']] == [(1092 * i, 1092, 1000 * i, 1000, True) for i in range(40)]"
    done
}

@test "without --salvage the first damage stops xbcrypt-dec, as ever" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad
    chmod u+w bad
    damage bad $((2 * 1092 + 700))
    run --separate-stderr bash -c "xbcrypt-dec -f '$xbc/key256' <bad >out"
    [ "$status" -eq 65 ]
    [ "$(wc -c <out)" -eq 2000 ]
}

@test "a wrong key stops xbcrypt-dec --salvage; the report says why" {
    run --separate-stderr xbcrypt-dec --salvage --report=report.json -f "$key" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    [ "$status" -eq 65 ]
    [ ! -e out ]
    [ ! -e out.damaged ]
    [[ $stderr == *"most likely this is not the key"* ]]
    report report.json "not r['complete'] and 'not the key' in r['failure'] and r['lost'] == []"
}

@test "--report needs --salvage, a free standard output, and a file that is not there" {
    run xbcrypt-dec --report=x -f "$xbc/key256"
    [ "$status" -eq 64 ]
    run xbcrypt-dec --salvage --report=- -f "$xbc/key256"
    [ "$status" -eq 64 ]
    for program in xbunpack qpunpack; do
        run --separate-stderr "$program" --test --salvage --manifest=- --report=- -i /dev/null
        [ "$status" -eq 64 ]
        [[ $stderr == *"--report=-: standard output is not free for it; give a file"* ]]
        [ -z "$output" ]
    done
    echo old >report.json
    fails 73 "xbcrypt-dec: report.json: file exists already; remove it, or use --overwrite to replace it" \
        xbcrypt-dec --salvage --report=report.json -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    [ "$(cat report.json)" = old ]
    [ ! -e out ]
    xbcrypt-dec --salvage --report=- -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out >printed
    report printed "$whole"
    fails 74 "xbcrypt-dec: cannot write the report: No space left on device" \
        xbcrypt-dec --salvage --report=/dev/full -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out2
}

@test "a damaged file does not replace one that is there under its damaged name" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad
    chmod u+w bad
    damage bad 700
    echo old >out.damaged
    run --separate-stderr xbcrypt-dec --salvage -f "$xbc/key256" -i bad -o out
    [ "$status" -eq 73 ]
    [ "$(cat out.damaged)" = old ]
    run xbcrypt-dec --salvage --overwrite -f "$xbc/key256" -i bad -o out
    [ "$status" -eq 65 ]
    [ "$(wc -c <out.damaged)" -eq 200003 ]
    [ "$(files .)" = "$(printf 'bad\nout.damaged')" ]
}

@test "the report replaces neither the output nor a damaged file" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad
    chmod u+w bad
    damage bad 700
    fails 73 "xbcrypt-dec: ./out: two outputs have this name: expected a file for each" \
        xbcrypt-dec --salvage --overwrite -f "$xbc/key256" -i bad -o ./out --report=out
    run --separate-stderr xbcrypt-dec --salvage --overwrite -f "$xbc/key256" -i bad -o out --report=out.damaged
    [ "$status" -eq 73 ]
    [ "${stderr_lines[-1]}" = "xbcrypt-dec: out.damaged: two outputs have this name: expected a file for each" ]
    [[ $(files .) == bad* ]]
}

@test "neither the report nor a damaged file replaces what is read" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" out.damaged
    chmod u+w out.damaged
    damage out.damaged 700
    cp out.damaged before
    for to in "--report=out.damaged -o new" "-o out"; do
        # shellcheck disable=SC2086 # several words
        run xbcrypt-dec --salvage --overwrite -f "$xbc/key256" -i out.damaged $to
        [ "$status" -eq 73 ]
        [[ $output == *"is being read"* ]]
        cmp out.damaged before
        rm -f new.damaged
        [ "$(files .)" = "$(printf 'before\nout.damaged')" ]
    done
}

# own_names_right DIR SUMS: the files of the list that are there under their own names are right.
own_names_right() {
    local sums=$2
    (cd "$1" && while read -r sum name; do [ ! -e "$name" ] || echo "$sum  $name"; done <"$sums" | sha256sum -c --quiet)
}

# whole_or_damaged DIR SUMS: the same, and the others are there as damaged ones.
whole_or_damaged() {
    local sum name
    while read -r sum name; do
        [ -e "$1/$name" ] || [ -e "$1/$name.damaged" ] || { echo "$name is missing"; return 1; }
    done <"$2"
    own_names_right "$@"
}

unpack=(xbunpack --decrypt --decompress)

@test "xbunpack --salvage of a sound stream is the normal run" {
    for form in full_v3_qp mariadb/shop_qp part_lz4_v3 part_zst; do
        sums=$fixtures/rds/part.sha256 input=$fixtures/rds/$form.xb
        case $form in
        full*) sums=$fixtures/mariadb/shop.sha256 ;;
        mariadb*) sums=$fixtures/mariadb/shop.sha256 input=$fixtures/$form.xb ;;
        esac
        rm -rf out report.json
        "${unpack[@]}" -j 3 --salvage --report=report.json -f "$key" -C out -i "$input" 2>err
        [ "$(grep -c lost err)" -eq 0 ]
        restored out "$sums"
        report report.json "$whole"
    done
}

@test "xbunpack --salvage saves all members but those that are hit" {
    for form in full_v3_qp part_lz4_v3 part_zst_v3; do
        sums=$fixtures/rds/part.sha256
        [[ $form == full* ]] && sums=$fixtures/mariadb/shop.sha256
        size=$(stat -c %s "$fixtures/rds/$form.xb")
        for at in 2 $((size / 3)) $((size - 9)); do
            rm -rf out* report*
            cp "$fixtures/rds/$form.xb" bad
            chmod u+w bad
            damage bad "$at"
            for j in 1 3; do
                run "${unpack[@]}" -j "$j" --salvage --report="report$j" -f "$key" -C "out$j" -i bad
                [ "$status" -eq 65 ] || { echo "byte $at of $form: $status: $output"; return 1; }
            done
            cmp report1 report3
            diff -r out1 out3
            report report1 "len(r['damaged_files']) <= 2 and r['failure'] is None and len(r['lost']) == r['losses'] > 0"
            whole_or_damaged out1 "$sums" || { echo "byte $at of $form: $output"; return 1; }
        done
    done
}

@test "a lost member leaves the others whole; a damaged file is in no manifest, and fails no list" {
    make_xbstream "MEMBER name=a data=aaaa" "P name=b data=bbbb" "P name=b offset=4 data=cccc crc=bad" \
        "P name=b offset=8 data=dddd" "E name=b" "MEMBER name=../c data=cccc" "MEMBER name=e data=eeee" >bad
    printf 'aaaa' >a
    printf 'bbbb\0\0\0\0dddd' >b
    printf 'eeee' >e
    run --separate-stderr xbunpack -C out --salvage --report=report.json --manifest=list -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"b: lost 39 bytes at byte "*": CRC-32 of the chunk"*"; 4 zero bytes stand in its place at byte 4 of the output"* ]]
    [ "$(files out)" = "$(printf 'a\nb.damaged\ne')" ]
    cmp out/b.damaged b
    [ "$(cat list)" = "$(sha256sum a e)" ]
    report report.json "[x['member'] for x in r['lost']] == ['b', '../c', '../c'] and r['damaged_files'] == [{'member': 'b', 'file': 'b.damaged'}]"
    sha256sum a b e >list2
    run --separate-stderr xbunpack -C out2 --salvage --verify=list2 -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2)" = "$(printf 'a\nb.damaged\ne')" ]
    # one that is whole, and another than the list says
    { cat a; printf x; } >a2; mv a2 a
    sha256sum a b e >list3
    run --separate-stderr xbunpack -C out3 --salvage --verify=list3 -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"warning: a: SHA-256 is not that of list3"* ]]
    [ "$(files out3)" = "$(printf 'a.damaged\nb.damaged\ne')" ]
}

@test "after a loss a wrong offset costs its chunk alone, and a wrong name hides no missing end" {
    lost=("P name=a data=aaaa crc=bad" "RAW data=rubbish" "P name=a offset=4 data=AAAA" "E name=a")
    make_xbstream "${lost[@]}" "P name=b offset=70000 data=bbbb" "P name=b offset=4 data=BBBB" \
        "P name=b offset=8 data=bb" "E name=b" "MEMBER name=c data=cc" >bad
    for j in 1 3; do
        run --separate-stderr xbunpack -C "out$j" -j "$j" --salvage --report="report$j" -i bad
        [ "$status" -eq 65 ]
        [ "$(files "out$j")" = "$(printf 'a.damaged\nb.damaged\nc')" ]
        printf '\0\0\0\0BBBBbb' | cmp - "out$j/b.damaged"
    done
    cmp report1 report3
    # of two chunks lost before a third, and of the last one, nothing else says where they belong
    make_xbstream "${lost[@]}" "RAW data=XBSTCK01" "P name=b offset=8 data=bb" "RAW data=rubbish" \
        "P name=b offset=14 data=BB" "E name=b" >bad
    run --separate-stderr xbunpack -C out4 --salvage -i bad
    [ "$status" -eq 65 ]
    printf '\0\0\0\0\0\0\0\0bb\0\0\0\0BB' | cmp - out4/b.damaged
    make_xbstream "${lost[@]}" "P name=b data=bbbb" "P name=B offset=4 data=BBBB" "E name=b" \
        "MEMBER name=c data=cc" >bad
    run --separate-stderr xbunpack -C out5 --salvage -i bad
    [ "$status" -eq 65 ]
    [ "$(files out5)" = "$(printf 'B.damaged\na.damaged\nb.damaged\nc')" ]
}

@test "a member that ends a second time, or has a map that lies, is a damaged one" {
    make_xbstream "MEMBER name=a data=aaaa" "E name=a" "MEMBER name=b data=b" >bad
    fails 65 "\
xbunpack: warning: a: lost 15 bytes at byte 54 of the xbstream data: the member ends a second time
xbunpack: damaged input: 1 loss, 1 member with losses; all else was delivered" \
        xbunpack -C out --salvage -i bad
    [ "$(files out)" = "$(printf 'a.damaged\nb')" ]
    [ "$(cat out/a.damaged)" = aaaa ]
    make_xbstream "S name=a map=0:3 data=aaaa" "E name=a" "MEMBER name=b data=b" >bad
    fails 65 "\
xbunpack: warning: a: lost 51 bytes at byte 0 of the xbstream data: lengths in the sparse map do not add up to the payload
xbunpack: warning: a: something lost or out of place before its end may belong to it, at byte 51 of the xbstream data; it is not known how much is missing at byte 0 of the output: what follows may be shifted
xbunpack: damaged input: 2 losses, 1 member with losses; all else was delivered" \
        xbunpack -C out2 --salvage -i bad
    [ "$(files out2)" = "$(printf 'a.damaged\nb')" ]
}

@test "a member without a byte may lack the chunks that have another's name, also if it has an empty chunk" {
    make_xbstream "P name=t" "P name=T data=tttt" "E name=t" "MEMBER name=z data=zz" >bad
    for j in 1 3; do
        rm -rf out report.json
        run --separate-stderr xbunpack -C out -j "$j" --salvage --report=report.json -i bad
        [ "$status" -eq 65 ]
        [ "$(files out)" = "$(printf 'T.damaged\nt.damaged\nz')" ]
        report report.json "[x['member'] for x in r['damaged_files']] == ['t', 'T']"
        report report.json "sorted(x['member'] for x in r['lost']) == ['T', 't']"
    done
    # Empty files are whole if no chunk has a wrong name.
    make_xbstream "P name=t" "E name=t" "E name=u" "MEMBER name=z data=zz crc=bad" >bad
    run --separate-stderr xbunpack -C out2 --salvage -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2)" = "$(printf 't\nu\nz.damaged')" ]
}

@test "--salvage --verify: what is not in the list is not created, also if it is damaged" {
    printf '%s  b\n' "$(printf hello | sha256sum | cut -c-64)" >list
    head -c 20000000 /dev/urandom >large
    # The chunk behind its end comes when the file is complete.
    make_xbstream "MEMBER name=b data=hello" "MEMBER name=a data=evil" "MEMBER name=c data=@large" \
        "P name=a offset=4 data=more" "P name=d data=d crc=bad" "E name=d" "MEMBER name=y data=y" >bad
    for j in 1 3; do
        for there in no yes; do
            rm -rf out
            mkdir out
            [ $there = no ] || echo precious >out/a
            run --separate-stderr xbunpack -x -C out -j "$j" --salvage --verify=list -i bad
            [ "$status" -eq 65 ] || { echo "j=$j there=$there status=$status $stderr"; return 1; }
            [[ $stderr == *"xbunpack: a: not in list"* ]]
            [ "$(cat out/b)" = hello ]
            if [ $there = no ]; then
                [ "$(files out)" = b ] || { files out; return 1; }
            else
                [ "$(files out)" = "$(printf 'a\nb')" ] || { files out; return 1; }
                [ "$(cat out/a)" = precious ]
            fi
        done
    done
    # A damaged file that loses its place in the list by a rename.
    printf '%064d  a\n' 1 >list
    make_xbstream "P name=a data=aaaa crc=bad" "E name=a" "R name=a to=x" "MEMBER name=y data=y" >bad
    run --separate-stderr xbunpack -C out3 --salvage --verify=list --report=report.json -i bad
    [ "$status" -eq 65 ]
    [ -z "$(files out3)" ]
    report report.json "r['damaged_files'] == []"
}

@test "--salvage --verify: a damaged file that could not wait for its name is missed, and the others are there" {
    # Each gets the name that is in the list at the end; few files may be open.
    local words=() i
    for i in $(seq 30); do
        words+=("P name=w$i data=aaaa" "P name=w$i data=bbbb offset=4 crc=bad" "E name=w$i")
        printf '%064d  r%d\n' 1 "$i"
    done >list
    for i in $(seq 30); do words+=("R name=w$i to=r$i"); done
    words+=('MEMBER name=sound data=sound')
    printf '%s  sound\n' "$(printf sound | sha256sum | cut -c-64)" >>list
    make_xbstream "${words[@]}" >bad
    limited() { (ulimit -n 80 && xbunpack -C out --salvage --verify=list --report=report.json -i bad); }
    run --separate-stderr limited
    [ "$status" -eq 71 ]
    [[ ${stderr_lines[-1]} == "xbunpack: r"*": more than 10 files waited for their final names; restore without --verify, and check with sha256sum -c" ]]
    # Those that were renamed in time are there, too.
    there=$(files out | wc -l)
    [ "$there" -ge 11 ]
    [ "$there" -lt 31 ]
    [ "$(cat out/sound)" = sound ]
    report report.json "len(r['damaged_files']) == $there - 1 and not r['complete']"
    report report.json "': more than 10 files waited' in r['failure']"
    run --separate-stderr xbunpack -C out2 --salvage --verify=list -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2 | wc -l)" -eq 31 ]
}

@test "many members with a chunk behind their end take no longer for each, also with --manifest" {
    python3 - <<'PYTHON' >many
import struct, sys, zlib
def head(t, n): return b"XBSTCK01\0" + t + struct.pack("<I", len(n)) + n
names = [b"%x" % i for i in range(100000)]
crc = zlib.crc32(b"x")
for n in names:
    sys.stdout.buffer.write(head(b"P", n) + struct.pack("<QQI", 1, 0, crc) + b"x" + head(b"E", n))
for n in names:
    sys.stdout.buffer.write(head(b"E", n))
PYTHON
    run -65 --separate-stderr timeout 100 xbunpack --test --salvage --report=report.json --manifest=sums -i many
    [[ $stderr == *"damaged input: 100000 losses, 100000 members with losses"* ]] || { echo "${stderr: -300}"; return 1; }
    [ ! -s sums ]
}

@test "a long name is cut off in a warning between two characters" {
    # 250 bytes of it are shown: 1 to 3, 60 times 3, 1, 22 times 3, and 2, 1 or no bytes of one more.
    euros() { for ((i = 0; i < $1; i++)); do printf '%s' "$2"; done; }
    for letters in a ab; do
        name="$letters$(euros 60 '\xe2\x82\xac')/$(euros 30 '\xe2\x82\xac')"
        make_xbstream "MEMBER name=$name data=aaaa" "E name=$name" >bad
        run --separate-stderr xbunpack -C out --salvage --overwrite -i bad
        [ "$status" -eq 65 ]
        [[ $stderr == "xbunpack: warning: $letters$(euros 60 €)/$(euros 22 €): lost "* ]]
    done
    name="abc$(euros 60 '\xe2\x82\xac')/$(euros 30 '\xe2\x82\xac')"
    make_xbstream "MEMBER name=$name data=aaaa" "E name=$name" >bad
    run --separate-stderr xbunpack -C out --salvage -i bad
    [[ $stderr == "xbunpack: warning: abc$(euros 60 €)/$(euros 22 €): lost 288 bytes at byte 600 of "* ]]
}

@test "a damaged chunk of a kind that may be passed over is lost, and no member with it" {
    make_xbstream "MEMBER name=a data=aaaa" "X flags=1 name=x data=xxxx" "MEMBER name=b data=b" >good
    succeeds xbunpack -C out --salvage -i good
    make_xbstream "MEMBER name=a data=aaaa" "X flags=1 name=x data=xxxx crc=bad" "MEMBER name=b data=b" >bad
    fails 65 "\
xbunpack: warning: lost 39 bytes at byte 54 of the xbstream data: CRC-32 of the chunk: expected 0x6c156476, found 0x6c156477
xbunpack: damaged input: 1 loss; all else was delivered" \
        xbunpack -C out2 --salvage -i bad
    [ "$(files out2)" = "$(printf 'a\nb')" ]
}

@test "what cannot be created stops xbunpack --salvage also at the very end of its input" {
    make_xbstream "MEMBER name=a data=aaaa" "E name=b" >good
    mkdir out
    echo old >out/b
    for j in 1 3; do
        fails 73 "xbunpack: b: file exists already in out; use an empty directory, or --overwrite" \
            xbunpack -j "$j" -C out --salvage -i good
        [ "$(cat out/b)" = old ]
        [ ! -e out/b.damaged ]
        rm -f out/a
    done
}

@test "a stream that is cut short keeps what came of its last member" {
    make_xbstream "MEMBER name=a data=aaaa" "P name=b data=bbbb" "P name=b offset=4 data=cccc" >bad
    fails 65 "\
xbunpack: warning: b: its end is missing, at byte 132 of the xbstream data; it is not known how much is missing at byte 8 of the output: what follows may be shifted
xbunpack: damaged input: 1 loss, 1 member with losses; all else was delivered" \
        xbunpack -C out --salvage -i bad
    [ "$(files out)" = "$(printf 'a\nb.damaged')" ]
    [ "$(cat out/b.damaged)" = bbbbcccc ]
}

@test "a member whose end comes too early loses its name again, if it has it already" {
    make_xbstream "P name=a data=aaaa" "E name=a" >bad
    cp bad apart
    make_xbstream "P name=a offset=4 data=bbbb" "MEMBER name=b data=b" | tee -a bad >rest
    # More than is under way at a time.
    mkdir between
    head -c 80M /dev/zero >between/c
    { xbpack -C between; cat rest; } >>apart
    for j in 1 3; do
        for input in bad apart; do
            rm -rf out list
            run xbunpack -j "$j" -C out --salvage --manifest=list -i $input
            [ "$status" -eq 65 ]
            [ "$(files out | grep -v c)" = "$(printf 'a.damaged\nb')" ]
            [ "$(cat out/a.damaged)" = aaaa ]
            [ "$(grep -c ' [ab]' list)" -eq 1 ]
        done
    done
    command -v strace >/dev/null || skip "strace, which shows that it had its name, is not installed"
    strace -f -o calls -e trace=renameat,renameat2 xbunpack -C out2 --salvage -i apart || true
    grep -q '"a", .*"a.damaged"' calls
}

# The name of a damaged file: its end, if that is too long, and a sum of it (64-bit FNV-1a).
damaged_name() {
    python3 - "$1" <<'PYTHON'
import os, sys
name = os.fsencode(sys.argv[1])
if len(name) + 8 <= 255:
    added = b".damaged"
else:
    sum = 14695981039346656037
    for c in name:
        sum = (sum ^ c) * 1099511628211 % 2**64
    added = b".%016x.damaged" % sum
    name = name[max(0, len(name) + len(added) - 255):]
    while name[0] & 0xC0 == 0x80:
        name = name[1:]
os.write(1, name + added + b"\n")
PYTHON
}

@test "however long its name, a damaged file gets its mark, and the report has all of that" {
    folder=$(printf 'd%.0s' {1..250})
    for size in 243 244 251; do
        name=$(printf "n%.0s" $(seq "$size")).ibd
        damaged=$folder/$(damaged_name "$name")
        make_xbstream "P name=$folder/$name data=aaaa crc=bad" "E name=$folder/$name" "MEMBER name=z data=z" >bad
        rm -rf out report.json
        run xbunpack -C out --salvage --report=report.json -i bad
        [ "$status" -eq 65 ]
        [ "$(files out)" = "$(printf '%s\nz' "$damaged")" ]
        report report.json "r['failure'] is None and r['damaged_files'] == [{'member': '$folder/$name', 'file': '$damaged'}]"
    done
    # no half of a character is left
    make_xbstream "E name=$(printf '\\xc3\\xa4%.0s' {1..125})" "E name=$(printf '\\xc3\\xa4%.0s' {1..125})" >bad
    run xbunpack -C out2 --salvage -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2)" = "$(damaged_name "$(printf '\xc3\xa4%.0s' {1..125})")" ]
    name=$(printf 'n%.0s' {1..250})
    head -c 30 /dev/urandom | run xbcrypt-dec -a NONE --salvage --report=- -o "$name"
    [ -f "${name#???}.damaged" ]
    make_xbstream "MEMBER name=$folder/$name data=a" "MEMBER name=z data=z" "P name=$folder/$name offset=1 data=b" >bad
    run --separate-stderr xbunpack -C out3 --salvage --report=- -i bad
    [ "$status" -eq 65 ]
    [[ $output == *"\"$folder/$(damaged_name "$name")\""* ]]
    [ "$(files out3)" = "$(printf '%s\nz' "$folder/$(damaged_name "$name")")" ]
}

@test "xbunpack --salvage with a wrong key says so, and a single wrong hash is damage" {
    printf 0123456789abcdef0123456789ABCDEF >wrong
    run --separate-stderr "${unpack[@]}" --salvage --report=report.json -f wrong -C out -i "$fixtures/rds/full_v3_qp.xb"
    [ "$status" -eq 65 ]
    [[ $stderr == *"most likely this is not the key the backup was encrypted with"* ]]
    report report.json "'not the key' in r['failure']"
    [ -z "$(find out -type f ! -name '*.damaged')" ]
}

@test "xbunpack --auto --salvage goes on in what the stream is packed in" {
    for layer in stream_v3.xb.xbcrypt part_xb.qp; do
        rm -rf out
        sums=$fixtures/rds/part.sha256
        [[ $layer == stream* ]] && sums=$fixtures/mariadb/shop.sha256
        cp "$fixtures/rds/$layer" bad
        chmod u+w bad
        damage bad 300000
        run xbunpack --auto --salvage --report=report.json --overwrite -f "$key" -C out -i bad
        [ "$status" -eq 65 ] || { echo "$output"; return 1; }
        report report.json "sum(x['format'] in ('xbcrypt', 'qpress') and x['member'] is None for x in r['lost']) == 1"
        # the 64 KiB that are lost hold many small members
        [ "$(find out -type f ! -name '*.damaged' | wc -l)" -gt "$(($(wc -l <"$sums") / 4))" ]
        own_names_right out "$sums"
    done
    gzip -dc "$fixtures/rds/part.xb.gz" | gzip -c | head -c 400000 >bad
    run xbunpack --auto --salvage --overwrite -f "$key" -C out2 -i bad
    [ "$status" -eq 65 ]
    [[ $output == *"gzip data ends too early"*" of the gzip data"* ]]
    [ "$(find out2 -type f ! -name '*.damaged' | wc -l)" -gt 0 ]
}

@test "a chunk of zeros that is lost around gzip data takes nothing of what is in it" {
    head -c 60000 /dev/zero >zeros
    make_xbstream "MEMBER name=a data=@zeros" "MEMBER name=b data=bbbb" >stream
    # Stored, so that the zeros are there: byte 20000 of it is one of a's.
    python3 -S -E -c 'import gzip, sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(), 0))' <stream >stream.gz
    xbcrypt-enc -s 1K -f "$key" -i stream.gz -o bad
    damage bad $((20 * (1024 + 32 + 52) + 700))
    for j in 1 3; do
        run --separate-stderr xbunpack -j "$j" --auto --salvage --report=report.json --overwrite -f "$key" -C out -i bad
        [ "$status" -eq 65 ]
        report report.json "[(x['member'], x['format'], x['output_offset'], x['zeros'], x['exact']) for x in r['lost']] == [(None, 'xbcrypt', 20480, 1024, True)] and r['damaged_files'] == []"
        cmp zeros out/a
        [ "$(cat out/b)" = bbbb ]
    done
}

@test "if the first chunk around a stream is lost, --auto cannot tell what is in it; a pipe can" {
    head -c 3000 /dev/zero >zeros
    make_xbstream "MEMBER name=a data=@zeros" "MEMBER name=b data=bbbb" >stream
    xbcrypt-enc -s 1K -f "$key" -i stream -o bad
    damage bad 700
    run --separate-stderr xbunpack --auto --salvage -f "$key" -C out -i bad
    [ "$status" -eq 65 ]
    [[ $stderr == *"; 1024 zero bytes stand in its place at byte 0 of the output
xbunpack: cannot tell what this is at byte 0 of the data made from input offset 0: "*'; found "\x00\x00\x00\x00\x00\x00\x00\x00"; '* ]]
    [ -z "$(ls -A out)" ]
    xbcrypt-dec --salvage -f "$key" -i bad 2>/dev/null | xbunpack --salvage -C out 2>/dev/null || true
    [ "$(cat out/b)" = bbbb ] && [ ! -e out/a ]
}

@test "qpunpack --salvage keeps blocks at their places, and loses a file with its head" {
    for level in 1 2 3; do
        run qpunpack --salvage -C "sound$level" -i "$fixtures/qpress/tree.L$level.qp"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
        (cd "sound$level" && sha256sum -c --quiet "$fixtures/qpress/SHA256SUMS")
    done
    make_qpress "ARCHIVE block=4" "F name=a" "B data=aaaa" "B data=bbbb adler=bad" "B data=cccc" END \
        "FILE name=b data=bbbb" "F name=c" "B data=dddd" "B data=eeee adler=bad" END >bad
    fails 65 "\
qpunpack: warning: a: lost 33 bytes at byte 56 of the qpress data: Adler-32 of the block: expected 0x089301e9, found 0x089301e8; 4 zero bytes stand in its place at byte 4 of the output
qpunpack: warning: c: lost 33 bytes at byte 234 of the qpress data: Adler-32 of the block: expected 0x08b101f5, found 0x08b101f4; it is not known how much is missing at byte 4 of the output: what follows may be shifted
qpunpack: damaged input: 2 losses, 2 members with losses; all else was delivered" \
        qpunpack -C out --salvage --report=report.json -i bad
    [ "$(files out)" = "$(printf 'a.damaged\nb\nc.damaged')" ]
    printf 'aaaa\0\0\0\0cccc' | cmp - out/a.damaged
    report report.json "[x['file'] for x in r['damaged_files']] == ['a.damaged', 'c.damaged']"
    # to standard output
    qpunpack --salvage <bad >plain 2>err || [ $? -eq 65 ]
    printf 'aaaa\0\0\0\0ccccbbbbdddd\0\0\0\0' | cmp - plain
    # the name of b: 16 + 7 + 3 * 33 + 16, and its size field
    make_qpress "ARCHIVE block=4" "F name=a" "B data=aaaa" "B data=bbbb" "B data=cccc" END \
        "FILE name=b data=bbbb" "FILE name=c data=dddd" >bad
    damage bad 140
    run qpunpack --salvage -C out2 -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2)" = "$(printf 'a\nc.damaged')" ] # for c may be in a folder that was named there
    qpunpack --salvage <bad >plain 2>err || [ $? -eq 65 ]
    [ "$(cat plain)" = aaaabbbbccccbbbbdddd ]
}

# flips NAME KNOWN PROGRAM...: with the file `in` turned at each of the bits of its bytes FIRST to LAST - 1, the
# report calls a loss exact only if every byte of the member NAME that it delivers is at its place: what is known
# of the file is in KNOWN, a dot for a byte that is lost.
flips() {
    python3 -S -E - "$@" <<'END'
import json, os, shutil, subprocess, sys
name, known, first, last, *command = sys.argv[1:]
known = known.encode()
with open("in", "rb") as f:
    whole = f.read()
for bit in range(8 * int(first), 8 * int(last)):
    bad = bytearray(whole)
    bad[bit // 8] ^= 1 << bit % 8
    shutil.rmtree("flipped", ignore_errors=True)
    r = subprocess.run([*command, "--salvage", "--report=flip.json", "--overwrite", "-C", "flipped"], input=bytes(bad),
                       stderr=subprocess.PIPE)
    with open("flip.json") as f:
        lost = json.load(f)["lost"]
    file = next((n for n in (name, name + ".damaged") if os.path.exists("flipped/" + n)), None)
    if r.returncode != 65 or file is None:
        sys.exit(f"bit {bit}: status {r.returncode}, file {file}: {r.stderr}")
    if any(l["member"] == name and not l.get("exact") for l in lost):
        continue
    if os.path.getsize("flipped/" + file) != len(known):
        sys.exit(f"bit {bit}: {os.path.getsize('flipped/' + file)} bytes are called exact: {lost}")
    with open("flipped/" + file, "rb") as f:
        made = f.read()
    if any(a not in (b, 0) and b != ord(".") for a, b in zip(made, known)):
        sys.exit(f"bit {bit}: {made} is called exact: {lost}")
END
}

@test "a loss is exact only if it is: not by the word of one head, whichever bit of that is turned" {
    # The chunk before it is lost, and the offset stands in the head of the last one.
    make_xbstream 'P name=a data=aaaa' >in
    make_xbstream 'P name=a data=bbbb offset=4 crc=bad' >lost
    tail -c +3 lost >>in # without its magic
    at=$(($(stat -c %s in) + 23))
    make_xbstream 'P name=a data=cccc offset=8' 'E name=a' >>in
    flips a aaaa....cccc $at $((at + 8)) xbunpack
    # Nothing turned, what is lost is just one chunk, or the next chunk agrees.
    fails 65 "$(xbunpack --salvage --report=one.json -C one <in 2>&1)" xbunpack --salvage --report=two.json -C two -i in
    report one.json "[(x['output_offset'], x['zeros'], x['exact']) for x in r['lost'] if x['member'] == 'a'][0] == (4, 4, False)"
    make_xbstream 'P name=a data=aaaa' 'P name=a data=bbbb offset=4 crc=bad' >in
    printf x | dd of=in bs=1 seek=39 conv=notrunc status=none
    make_xbstream 'P name=a data=cccc offset=8' 'E name=a' >>in
    xbunpack --salvage --report=three.json -C three <in 2>err || [ $? -eq 65 ]
    report three.json "[(x['output_offset'], x['zeros'], x['exact']) for x in r['lost'] if x['member'] == 'a'][0] == (4, 4, True)"

    # A damaged chunk behind the loss says alone how far it jumps: the sound one behind it is believed instead.
    make_xbstream 'P name=a data=aaaa' 'RAW data=rubbish' >in
    make_xbstream 'P name=a data=xxxx offset=500 crc=bad' 'P name=a data=cccc offset=12' 'P name=a data=dddd offset=16' \
        'E name=a' >>in
    xbunpack --salvage --report=jump.json -C jump <in 2>err || [ $? -eq 65 ]
    printf 'aaaa\0\0\0\0\0\0\0\0ccccdddd' | cmp - jump/a.damaged
    report jump.json "[(x['output_offset'], x['zeros'], x['exact']) for x in r['lost'] if 'exact' in x] == [(4, 8, True)]"

    # A qpress archive: the offset stands in the head of the block.
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "RAW data=xxxxxxxxxxxxxxxxxxxxx" "B data=cccc recovery=8" END >in
    at=$((56 + 21 + 8))
    flips a aaaa....cccc $at $((at + 8)) qpunpack
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "RAW data=xxxxxxxxxxxxxxxxxxxxx" "B data=cccc recovery=8" \
        "B data=dddd recovery=12" END >in
    flips a aaaa....ccccdddd $at $((at + 8)) qpunpack
    qpunpack --salvage --report=four.json -C four <in 2>err || [ $? -eq 65 ]
    report four.json "[(x['output_offset'], x['zeros'], x['exact']) for x in r['lost']] == [(4, 4, True)]"
}

@test "an offset that no stream can have reached makes no file of zeros" {
    make_xbstream 'MEMBER name=before data=zzzz crc=bad' "P name=a data=q offset=$((1 << 37))" 'E name=a' >in
    run --separate-stderr xbunpack --salvage --report=report.json -C out -i in
    [ "$status" -eq 65 ]
    [ "$(stat -c %s out/a.damaged)" -eq 0 ]
    report report.json "all(not x.get('exact') and x.get('zeros', 0) == 0 for x in r['lost'] if x['member'] == 'a')"
}

@test "what stands right behind an end mark is lost, and said to be, and stops a run without --salvage" {
    printf 'Q0\0\0\0\0' >junk
    make_qpress ARCHIVE "FILE name=a data=aaaa" >a.qp
    cp a.qp b.qp
    cat junk >>b.qp
    make_xbstream 'MEMBER name=x data=xxxx' >one
    make_xbstream 'MEMBER name=y data=yyyy' "MEMBER name=a.qp data=@b.qp" >two
    cat one junk two >in
    fails 65 "$(xbunpack --salvage --decompress --report=report.json -C out <in 2>&1)" \
        xbunpack -j 3 --salvage --decompress -C more -i in
    [ "$(files out)" = "$(printf 'a.damaged\nx\ny')" ]
    [ "$(cat out/a.damaged)" = aaaa ]
    report report.json "[(x['member'], x['format'], x['length']) for x in r['lost']] == [(None, 'xbstream', 6), ('a.qp', 'qpress', 6)]"
    run --separate-stderr xbunpack --decompress -C strict -i in
    [ "$status" -eq 65 ]
    [ "$(files strict)" = x ]
    run --separate-stderr xbunpack --decompress -C strict2 -i two
    [ "$status" -eq 65 ]
    [ "$(files strict2)" = y ]
}

@test "warnings, report and offsets are the same for every number of threads and however the input arrives" {
    cp "$fixtures/rds/full_v3_qp.xb" bad
    chmod u+w bad
    size=$(stat -c %s bad)
    # shellcheck disable=SC2046 # numbers
    damage bad $(for i in 1 2 3 4 5 6 7 8 9; do echo $((size * i / 10 + 11)); done)
    options="--salvage --decrypt -f $key --decompress --overwrite"
    # shellcheck disable=SC2086 # words
    xbunpack -j 1 $options --report=first.json -C first <bad 2>first.err || [ $? -eq 65 ]
    [ "$(grep -c ': warning: ' first.err)" -gt 8 ]
    for j in 1 2 3 7; do
        for bs in 100 4097 1000000; do
            rm -rf out
            # shellcheck disable=SC2086 # words
            dd if=bad bs=$bs status=none | xbunpack -j $j $options --report=again.json -C out 2>again.err || [ $? -eq 65 ]
            diff first.err again.err
            cmp first.json again.json
            diff -r first out
        done
    done
}

@test "what is said of damaged frames is the same however they arrive" {
    head -c 3000000 /dev/urandom >data
    zstd -q -1 data -o data.zst || skip "zstd is not installed"
    printf x | dd of=data.zst bs=1 seek=2000000 conv=notrunc status=none
    make_xbstream "MEMBER name=m data=*1000" 'MEMBER name=data.zst data=@data.zst' >in
    run --separate-stderr xbunpack --decompress -C out -i in
    [ "$status" -eq 65 ]
    expected=$stderr
    for j in 1 2 5; do
        for bs in 1000 65537 700000; do
            rm -rf out
            dd if=in bs=$bs status=none | xbunpack -j $j --decompress -C out 2>err || [ $? -eq 65 ]
            [ "$(cat err)" = "$expected" ]
        done
    done
}
