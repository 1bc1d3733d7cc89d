# SPDX-License-Identifier: Apache-2.0
# kmsunwrap with the providers that need no network: every option, exit status and message.
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

unwrap_file() { kmsunwrap --provider=file --master-key="$master" "$@"; }
unwrap_response() { kmsunwrap --provider=response "$@"; }
damage() { "$@" <damaged; }

@test "the demo's ciphertext gives the key of every sample in rds/" {
    unwrap_file <"$kms/demo-ciphertext.b64" | b64hex -n >key
    cmp key "$rds/password.hex"
}

@test "file is the default provider with --master-key" {
    kmsunwrap --master-key="$master" <"$kms/demo-ciphertext.b64" | cmp - "$rds/plaintext.b64"
}

@test "--output: base64, hex and raw" {
    [ "$(unwrap_file --output=base64 <"$kms/demo-ciphertext.b64")" = "S14dTbl6ABEiM0RVZneImQ==" ]
    [ "$(unwrap_file --output=hex <"$kms/demo-ciphertext.b64")" = "4b5e1d4db97a00112233445566778899" ]
    unwrap_file --output=raw <"$kms/demo-ciphertext.b64" >raw
    base64 -d "$rds/plaintext.b64" | cmp - raw
    run --separate-stderr unwrap_file --output=pem
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: --output=pem: expected base64, hex or raw"* ]]
}

@test "success is silent; -v names the service, and no secret" {
    run --separate-stderr unwrap_file <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    run --separate-stderr unwrap_file -v <"$kms/demo-ciphertext.b64"
    [ "$stderr" = "kmsunwrap: provider file: master key file $master (AES-256)" ]
    run --separate-stderr unwrap_response --verbose <"$kms/aliyun-decrypt.json"
    [ "$stderr" = "kmsunwrap: provider response, key key-hzz00000000000000exmp, request 207596A2-36D3-4840-B1BD-F87044699BD7" ]
}

@test "blobs wrapped by another implementation are unwrapped, for each size of master key" {
    for bits in 128 192 256; do
        head -c $((bits / 8)) /dev/urandom >mk
        head -c 23 /dev/urandom >plain
        python3 - <<'PY' >blob || skip "python3-cryptography is not installed"
import base64
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
print(base64.b64encode(aes_key_wrap_with_padding(open("mk", "rb").read(), open("plain", "rb").read())).decode())
PY
        kmsunwrap --master-key=mk --output=raw <blob | cmp - plain
    done
}

@test "a newline after the master key is taken off, in a pipe too" {
    { cat "$master"; echo; } >mk
    kmsunwrap --master-key=mk <"$kms/demo-ciphertext.b64" | cmp - "$rds/plaintext.b64"
    kmsunwrap --master-key=<(cat "$master") <"$kms/demo-ciphertext.b64" | cmp - "$rds/plaintext.b64"
}

@test "another master key, or one changed bit, is refused with 65 and no output" {
    head -c 32 /dev/zero >other
    run --separate-stderr kmsunwrap --master-key=other <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 65 ]
    [ -z "$output" ]
    [ "$stderr" = "kmsunwrap: the wrapped key fails its integrity check: expected one wrapped under this master key; the master key is another one, or the text is damaged" ]
    tr Q R <"$kms/demo-ciphertext.b64" >damaged
    run --separate-stderr damage unwrap_file
    [ "$status" -eq 65 ]
    [ -z "$output" ]
}

@test "the ciphertext cut at every byte is refused" {
    text=$(cat "$kms/demo-ciphertext.b64")
    for ((cut = 0; cut < ${#text}; cut++)); do
        printf %s "${text:0:cut}" >damaged
        run -65 damage unwrap_file
    done
    printf %s "$text" >damaged
    run -0 damage unwrap_file
}

@test "a master key of another size, or that cannot be read" {
    printf 'short' >mk
    run --separate-stderr kmsunwrap --master-key=mk <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: master key file: expected 16, 24 or 32 bytes (raw, not base64 or hexadecimal), found 5" ]
    run --separate-stderr kmsunwrap --master-key=none <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 66 ]
    [ "$stderr" = "kmsunwrap: cannot open master key file none: No such file or directory" ]
    run --separate-stderr kmsunwrap --master-key=/ <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 74 ]
    [ "$stderr" = "kmsunwrap: cannot read master key file /: Is a directory" ]
}

@test "an unreadable master key is a matter of permission" {
    [ "$(id -u)" -ne 0 ] || skip "root reads every file"
    cp "$master" mk
    chmod 000 mk
    run --separate-stderr kmsunwrap --master-key=mk <"$kms/demo-ciphertext.b64"
    [ "$status" -eq 77 ]
}

@test "response: what the clients print, in each form" {
    want="pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg="
    [ "$(unwrap_response <"$kms/aws-decrypt.json")" = "$want" ]
    [ "$(unwrap_response <"$kms/aws-decrypt-query-json.txt")" = "$want" ]
    [ "$(unwrap_response <"$kms/aws-decrypt-query-text.txt")" = "$want" ]
    [ "$(unwrap_response <"$kms/aliyun-decrypt.json")" = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=" ]
    [ "$(unwrap_response --output=raw <"$kms/aliyun-decrypt.json")" = "0123456789abcdef0123456789abcdef" ]
    [ "$(unwrap_response <"$kms/aws-generate-data-key.json")" = "N5lh3cKpFectpovXHuyZaiuFDWhH7H23FhfQpmXLWd4=" ]
}

@test "response: other output formats are refused, saying what to ask for" {
    for file in aws-decrypt.txt aws-decrypt.yaml; do
        run --separate-stderr unwrap_response <"$kms/$file"
        [ "$status" -eq 65 ]
        [ -z "$output" ]
        [[ $stderr == "kmsunwrap: reply: expected JSON or one line of base64, found "*"; ask the client for JSON (aws: --output json; "* ]]
        [[ $stderr != *pho5* ]]
    done
}

@test "response: a Plaintext that comes twice is refused" {
    echo '{"Plaintext":"QUJD","Plaintext":"QUJD"}' >damaged
    run --separate-stderr damage unwrap_response
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: reply: bad JSON at input offset 31: expected each member once, found one again" ]
}

@test "response: 64 KiB are taken, one byte more is not" {
    { printf '{"Plaintext":"QUJD"}'; head -c $((65536 - 20)) /dev/zero | tr '\0' ' '; } >damaged
    [ "$(damage unwrap_response)" = QUJD ]
    printf ' ' >>damaged
    run --separate-stderr damage unwrap_response
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: standard input is too long: expected the reply of a key service, at most 65536 bytes" ]
    head -c 49152 /dev/zero | base64 -w 0 >damaged
    [ "$(damage unwrap_response | base64 -d | wc -c)" -eq 49152 ]
}

@test "response: a refusal becomes its status, with the service's code and message" {
    run --separate-stderr unwrap_response <"$kms/aws-decrypt-error.txt"
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: InvalidCiphertextException; the ciphertext is damaged, the encryption context is not the one it was made with, or it belongs to another region" ]
    echo '{"Code":"Forbidden.NoPermission","Message":"no","RequestId":"R1"}' >damaged
    run --separate-stderr damage unwrap_response
    [ "$status" -eq 77 ]
    [ "$stderr" = "kmsunwrap: Forbidden.NoPermission: no (request R1); grant the RAM user or role the action kms:Decrypt on this key" ]
    echo '{"__type":"DisabledException","message":"off"}' >damaged
    run -69 damage unwrap_response
    echo '{"Code":"Throttling.User","Message":"slow"}' >damaged
    run -75 damage unwrap_response
    echo 'An error occurred (AccessDeniedException) when calling the Decrypt operation: no' >damaged
    run -77 damage unwrap_response
}

@test "empty input is bad data for each provider" {
    run --separate-stderr unwrap_file </dev/null
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: standard input is empty: expected the wrapped key in base64; check whether the command before this one in the pipeline failed" ]
    run --separate-stderr unwrap_response </dev/null
    [ "$status" -eq 65 ]
    [ "$stderr" = "kmsunwrap: standard input is empty: expected the reply of a key service; check whether the command before this one in the pipeline failed" ]
}

@test "usage errors" {
    run --separate-stderr kmsunwrap --provider=azure
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: --provider=azure: expected one of file, response"* ]]
    run --separate-stderr kmsunwrap --provider=file
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: --provider=file needs --master-key"* ]]
    run --separate-stderr unwrap_response --master-key=x
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: --master-key has no meaning with --provider=response"* ]]
    run --separate-stderr unwrap_file QFao1F+D7Srvkfq39lH7yT
    [ "$status" -eq 64 ]
    [[ $stderr == "kmsunwrap: unexpected operand, and no file: keys and ciphertexts come from standard input or -i FILE, never from the command line"* ]]
    [[ $stderr != *QFao* ]]
}

into_full_device() { kmsunwrap --master-key="$master" "$@" <"$kms/demo-ciphertext.b64" >/dev/full; }
without_output() { kmsunwrap --master-key="$master" <"$kms/demo-ciphertext.b64" >&-; }
without_input() { kmsunwrap --master-key="$master" <&-; }

@test "a full device and a closed standard output or input are errors" {
    for form in base64 hex raw; do
        run --separate-stderr into_full_device --output=$form
        [ "$status" -eq 74 ]
        [ "$stderr" = "kmsunwrap: cannot write standard output: No space left on device" ]
    done
    run --separate-stderr without_output
    [ "$status" -eq 74 ]
    [ "$stderr" = "kmsunwrap: cannot write standard output: Bad file descriptor" ]
    run --separate-stderr without_input
    [ "$status" -eq 74 ]
    [ "$stderr" = "kmsunwrap: cannot read standard input: Bad file descriptor" ]
}

@test "--help and --version" {
    run -0 kmsunwrap --help
    [[ $output == *"--provider=NAME"* ]]
    run -0 kmsunwrap --version
    [[ $output == "kmsunwrap (xbpipe) "* ]]
}
