# SPDX-License-Identifier: Apache-2.0
# kmswrap with the file provider.
bats_require_minimum_version 1.5.0

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 066 # a key file that others can read gets a warning
    kms=$XBPIPE_TESTS/fixtures/kms
    rds=$XBPIPE_TESTS/fixtures/rds
    master=$BATS_TEST_TMPDIR/demo-master.key
    cp "$kms/demo-master.key" "$master"
}

wrap() { kmswrap --provider=file --master-key="$master" "$@"; }
of_text() { "$@" <text; }

@test "the demo's ciphertext is what kmswrap makes of the sample's plaintext" {
    wrap <"$rds/plaintext.b64" | cmp - "$kms/demo-ciphertext.b64"
    kmswrap --master-key="$master" <"$rds/plaintext.b64" | cmp - "$kms/demo-ciphertext.b64"
}

@test "the vectors of RFC 5649 section 6" {
    printf 5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8 | b64hex -r | base64 -d >mk
    [ "$(printf c37b7e6492584340bed12207808941155068f738 | b64hex -r | kmswrap --master-key=mk --output=hex)" = \
        138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a ]
    [ "$(printf 466f7250617369 | b64hex -r | kmswrap --master-key=mk --output=hex)" = afbeb0f07dfbf5419200f2ccb50bb24f ]
    [ "$(printf afbeb0f07dfbf5419200f2ccb50bb24f | b64hex -r | kmsunwrap --master-key=mk --output=raw)" = ForPasi ]
}

@test "keys of every length come back, under master keys of every size" {
    for bits in 128 192 256; do
        head -c $((bits / 8)) /dev/urandom >mk
        for size in 1 7 8 9 16 24 32 33 4096; do
            head -c $size /dev/urandom >key
            base64 key | kmswrap --master-key=mk | kmsunwrap --master-key=mk --output=raw | cmp - key
        done
    done
}

@test "--generate: a new key each time, plain and wrapped, in a reply that the other programs take" {
    succeeds() { run --separate-stderr "$@" && [ "$status" -eq 0 ] && [ -z "$stderr" ]; }
    succeeds wrap --generate
    [[ $output =~ ^\{\"CiphertextBlob\":\ \"([A-Za-z0-9+/=]+)\",\ \"Plaintext\":\ \"([A-Za-z0-9+/=]+)\"\}$ ]]
    ciphertext=${BASH_REMATCH[1]}
    plaintext=${BASH_REMATCH[2]}
    [ "$(base64 -d <<<"$plaintext" | wc -c)" -eq 32 ]
    [ "$(base64 -d <<<"$ciphertext" | wc -c)" -eq 40 ]
    [ "$(kmsunwrap --master-key="$master" <<<"$ciphertext")" = "$plaintext" ]
    [ "$(kmsunwrap --provider=response <<<"$output")" = "$plaintext" ]
    python3 -S -E -c 'import json, sys; json.loads(sys.argv[1])' "$output"
    first=$output
    succeeds wrap --generate
    [ "$output" != "$first" ]
    run -64 wrap --generate --output=raw
    run -66 kmswrap --master-key=missing --generate
    [ -z "$output" ] || [[ $output == *"cannot open"* ]]
    run -64 kmswrap --provider=response --generate
}

@test "--output: hex and raw" {
    want=$(base64 -d "$kms/demo-ciphertext.b64" | od -An -v -tx1 | tr -d ' \n')
    [ "$(wrap --output=hex <"$rds/plaintext.b64")" = "$want" ]
    wrap --output=raw <"$rds/plaintext.b64" >raw
    base64 -d "$kms/demo-ciphertext.b64" | cmp - raw
}

@test "success is silent; -v names the master key file" {
    run --separate-stderr wrap <"$rds/plaintext.b64"
    [ -z "$stderr" ]
    run --separate-stderr wrap -v <"$rds/plaintext.b64"
    [ "$stderr" = "kmswrap: provider file: master key file $master (AES-256)" ]
}

@test "bad input is refused, its content not shown" {
    run --separate-stderr wrap </dev/null
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmswrap: standard input is empty: expected the key in base64; check whether the command before this one in the pipeline failed" ]
    printf 'S14d*bl6' >text
    run --separate-stderr of_text wrap
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "kmswrap: bad base64 at input offset 4: expected a base64 character, found a character outside the base64 alphabet" ]
    head -c 70000 /dev/zero | base64 >text
    run --separate-stderr of_text wrap
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmswrap: standard input is too long: expected the key in base64, at most 65536 bytes" ]
}

@test "a key in hexadecimal is refused, its content not shown; b64hex -r makes what is taken" {
    for bytes in 16 24 32; do
        for case in a-f A-F; do
            head -c $bytes /dev/urandom | od -An -v -tx1 | tr -d ' ' | tr a-f "$case" >text # in lines of 32 digits
            run --separate-stderr of_text wrap
            [ "$status" -eq 65 ]
            [ -z "$output" ]
            [ "$stderr" = "kmswrap: the input is a key in hexadecimal: expected base64; turn it into that with b64hex -r" ]
            tr -d '\n' <text >digits
            run -65 kmswrap --master-key="$master" -i digits
            [ "$(b64hex -r <digits | wrap | kmsunwrap --master-key="$master" --output=hex)" = "$(tr A-F a-f <digits)" ]
            [ "$(b64hex -r <digits | wrap | kmsunwrap --master-key="$master" | b64hex)" = "$(tr A-F a-f <digits)" ]
        done
    done
    # Other lengths of digits are base64.
    printf 0123456789abcdef >text
    [ "$(of_text wrap | kmsunwrap --master-key="$master")" = 0123456789abcdef ]
}

@test "usage errors" {
    run --separate-stderr kmswrap --provider=response
    [ "$status" -eq 64 ]
    [[ $stderr == "kmswrap: --provider=response cannot wrap keys"* ]]
    run -64 kmswrap
    run --separate-stderr wrap S14dTbl6ABEiM0RVZneImQ==
    [ "$status" -eq 64 ]
    [[ $stderr == "kmswrap: unexpected operand, and no file: keys and ciphertexts come from standard input"* ]]
    [[ $stderr != *S14d* ]]
}

@test "a master key that cannot be used" {
    run -66 kmswrap --master-key=none <"$rds/plaintext.b64"
    printf short >mk
    run -65 kmswrap --master-key=mk <"$rds/plaintext.b64"
}

into_full_device() { kmswrap --master-key="$master" <"$rds/plaintext.b64" >/dev/full; }
without_output() { kmswrap --master-key="$master" <"$rds/plaintext.b64" >&-; }

@test "a full device and a closed standard output are errors" {
    run --separate-stderr into_full_device
    [ "$status" -eq 74 ]
    [ "$stderr" = "kmswrap: cannot write standard output: No space left on device" ]
    run -74 without_output
}

@test "--help and --version" {
    run -0 kmswrap --help
    run -0 kmswrap --version
    [[ $output == "kmswrap (xbpipe) "* ]]
}
