# SPDX-License-Identifier: Apache-2.0
# b64hex: every option, exit status and message.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    rds=$XBPIPE_TESTS/fixtures/rds
}

@test "the documented plaintext gives the documented password" {
    run --separate-stderr b64hex <"$rds/plaintext.b64"
    [ "$status" -eq 0 ]
    [ "$output" = "4b5e1d4db97a00112233445566778899" ]
    [ -z "$stderr" ]
}

@test "-n writes no newline: the fixture's 32 characters, byte for byte" {
    b64hex -n <"$rds/plaintext.b64" >out
    cmp out "$rds/password.hex"
    b64hex --no-newline <"$rds/plaintext.b64" | cmp - "$rds/password.hex"
}

@test "-u writes upper case" {
    [ "$(b64hex -u <"$rds/plaintext.b64")" = "4B5E1D4DB97A00112233445566778899" ]
    [ "$(b64hex --upper <"$rds/plaintext.b64")" = "4B5E1D4DB97A00112233445566778899" ]
}

@test "-r turns hexadecimal of either case into base64, with and without the newline" {
    [ "$(b64hex -r <"$rds/password.hex")" = "S14dTbl6ABEiM0RVZneImQ==" ]
    [ "$(echo '4B 5E 1D' | b64hex --reverse)" = "S14d" ]
    b64hex -nr <"$rds/password.hex" >out
    printf S14dTbl6ABEiM0RVZneImQ== | cmp - out
}

@test "white space of every kind is skipped" {
    [ "$(printf ' S1\t4d\r\nTb l6 A\n\nBEiM0RVZneImQ=\r\n=\n' | b64hex)" = "$(cat "$rds/password.hex")" ]
}

@test "what xxd and base64 print, over sizes around every boundary of the buffers" {
    for size in 1 2 3 49151 49152 49153 65535 65536 65537 200000; do
        head -c $size /dev/urandom >raw
        base64 raw | b64hex | fold -w 60 >hex
        od -An -v -tx1 raw | tr -d ' \n' | fold -w 60 >expected
        echo >>expected
        cmp hex expected
        base64 -w 0 raw | b64hex | b64hex -r | base64 -d | cmp - raw
    done
}

@test "the input may arrive one byte at a time" {
    { while IFS= read -r -N 1 c; do printf %s "$c"; sleep 0.002; done <"$rds/plaintext.b64"; } | b64hex -n >out
    cmp out "$rds/password.hex"
}

@test "empty input, or only white space, is bad data: it is what a command that failed leaves" {
    run --separate-stderr b64hex </dev/null
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "b64hex: empty input: expected base64 text, found none; check whether the command before this one in the pipeline failed" ]
    printf ' \n' >blank
    run -65 b64hex <blank
    run --separate-stderr b64hex -r <blank
    [ "$status" -eq 65 ]
    [ "$stderr" = "b64hex: empty input: expected hexadecimal digits, found none; check whether the command before this one in the pipeline failed" ]
}

@test "bad base64 is refused with its offset, and a key-sized bad input writes nothing" {
    printf 'S14dTbl6*BEiM0RVZneImQ==' >bad
    run --separate-stderr b64hex <bad
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "b64hex: bad base64 at input offset 8: expected a base64 character, found a character outside the base64 alphabet" ]
}

@test "missing padding, bits left over and data after the padding are refused" {
    printf 'S14dTbl6ABEiM0RVZneImQ' >bad
    run --separate-stderr b64hex <bad
    [ "$status" -eq 65 ]
    [ "$stderr" = "b64hex: base64 cut short at input offset 22: expected 2 more '=' of padding, found the end" ]
    printf 'S14dTbl6ABEiM0RVZneImR==' >bad
    run --separate-stderr b64hex <bad
    [ "$status" -eq 65 ]
    [ "$stderr" = "b64hex: bad base64 at input offset 21: expected a last character whose unused bits are zero, found others set; the text is damaged or cut" ]
    printf 'S14dTbl6ABEiM0RVZneImQ==\nS14d' >bad
    run --separate-stderr b64hex <bad
    [ "$status" -eq 65 ]
    [ "$stderr" = "b64hex: bad base64 at input offset 25: expected the end after the padding, found more" ]
}

@test "the offset counts from the start of a long input" {
    { head -c 90000 /dev/zero | base64 -w 0; printf '*'; } >long
    run --separate-stderr b64hex <long
    [ "$status" -eq 65 ]
    [[ $stderr == *"at input offset 120000:"* ]]
}

@test "bad hexadecimal is refused with its offset" {
    printf '4b5e0x' >bad
    run --separate-stderr b64hex -r <bad
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "b64hex: bad hexadecimal at input offset 5: expected a digit 0-9, a-f or A-F, found another character" ]
    printf '4b5' >bad
    run --separate-stderr b64hex -r <bad
    [ "$status" -eq 65 ]
    [ "$stderr" = "b64hex: hexadecimal cut short at input offset 3: expected an even number of digits, found the end after an odd one" ]
}

@test "an operand is refused without being shown, and so are -u with -r and unknown options" {
    run --separate-stderr b64hex S14dTbl6ABEiM0RVZneImQ==
    [ "$status" -eq 64 ]
    [[ $stderr == "b64hex: unexpected operand: the text comes from standard input"* ]]
    [[ $stderr != *S14d* ]]
    run --separate-stderr b64hex -u -r
    [ "$status" -eq 64 ]
    [[ $stderr == "b64hex: -u has no meaning with -r: base64 has no upper case form"* ]]
    run -64 b64hex --frobnicate
}

into_full_device() { b64hex <"$rds/plaintext.b64" >/dev/full; }
without_output() { b64hex <"$rds/plaintext.b64" >&-; }
without_input() { b64hex <&-; }
from_a_directory() { b64hex </; }

@test "a full device and a closed standard output or input are errors" {
    run --separate-stderr into_full_device
    [ "$status" -eq 74 ]
    [ "$stderr" = "b64hex: cannot write standard output: No space left on device" ]
    run --separate-stderr without_output
    [ "$status" -eq 74 ]
    [ "$stderr" = "b64hex: cannot write standard output: Bad file descriptor" ]
    run --separate-stderr without_input
    [ "$status" -eq 74 ]
    [ "$stderr" = "b64hex: cannot read standard input: Bad file descriptor" ]
    run --separate-stderr from_a_directory
    [ "$status" -eq 74 ]
    [ "$stderr" = "b64hex: cannot read standard input: Is a directory" ]
}

@test "a reader that goes away ends it quietly" {
    yes AAAA | { b64hex 2>err || echo $? >status; } | head -c 10 >/dev/null
    [ "$(cat status)" -eq 141 ]
    [ ! -s err ]
    (trap '' PIPE; yes AAAA 2>/dev/null | { b64hex 2>err || echo $? >status; } | head -c 10 >/dev/null)
    [ "$(cat status)" -eq 74 ]
    [ ! -s err ]
}

@test "memory does not depend on the length" {
    [[ $BUILD_DIR != */san-* ]] || skip "a sanitizer needs more memory than the limit of this test"
    ulimit -d 8192
    [ "$(head -c 40000000 /dev/zero | base64 -w 0 | b64hex | wc -c)" -eq 80000001 ]
}

@test "--help and --version" {
    run -0 b64hex --help
    [[ $output == *"Usage: b64hex"* && $output == *"-r, --reverse"* ]]
    run -0 b64hex --version
    [[ $output == "b64hex (xbpipe) "* ]]
    [ "${#lines[@]}" -eq 1 ]
}
