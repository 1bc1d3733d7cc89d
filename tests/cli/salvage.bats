# SPDX-License-Identifier: Apache-2.0
# --salvage and --report: what is sound comes out, what is lost is reported.
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
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad && chmod u+w bad
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

@test "without --salvage the first damage stops xbcrypt-dec, as ever" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad && chmod u+w bad
    damage bad $((2 * 1092 + 700))
    run --separate-stderr bash -c "xbcrypt-dec -f '$xbc/key256' <bad >out"
    [ "$status" -eq 65 ]
    [ "$(wc -c <out)" -eq 2000 ]
}

@test "a wrong key stops xbcrypt-dec --salvage; the report says why" {
    run --separate-stderr xbcrypt-dec --salvage --report=report.json -f "$key" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    [ "$status" -eq 65 ]
    [ ! -e out ] && [ ! -e out.damaged ]
    [[ $stderr == *"most likely this is not the key"* ]]
    report report.json "not r['complete'] and 'not the key' in r['failure'] and r['lost'] == []"
}

@test "--report needs --salvage, a free standard output, and a file that is not there" {
    run xbcrypt-dec --report=x -f "$xbc/key256"
    [ "$status" -eq 64 ]
    run xbcrypt-dec --salvage --report=- -f "$xbc/key256"
    [ "$status" -eq 64 ]
    echo old >report.json
    fails 73 "xbcrypt-dec: report.json: file exists already; remove it, or use --overwrite to replace it" \
        xbcrypt-dec --salvage --report=report.json -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out
    [ "$(cat report.json)" = old ] && [ ! -e out ]
    xbcrypt-dec --salvage --report=- -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out >printed
    report printed "$whole"
    fails 74 "xbcrypt-dec: cannot write the report: No space left on device" \
        xbcrypt-dec --salvage --report=/dev/full -f "$xbc/key256" -i "$xbc/plain.v3.aes256.xbcrypt" -o out2
}

@test "a damaged file does not replace one that is there under its damaged name" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" bad && chmod u+w bad
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

@test "neither the report nor a damaged file replaces what is read" {
    cp "$xbc/plain.v3.chunk1000.xbcrypt" out.damaged && chmod u+w out.damaged
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
