# SPDX-License-Identifier: Apache-2.0
# Ciphertexts, replies and keys in the forms that users have: each is accepted, or the message names
# the command for the right one; and no key that was typed instead of a file is shown.
bats_require_minimum_version 1.5.0

setup_file() {
    load ../kms/service
    export SERVICE=$BATS_FILE_TMPDIR/service
    service_start "$SERVICE"
}

teardown_file() {
    load ../kms/service
    service_stop "$BATS_FILE_TMPDIR/service"
}

setup() {
    load ../kms/service
    load loops.bash
    export SERVICE=$BATS_FILE_TMPDIR/service
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 066
    clean_environment
    kms=$XBPIPE_TESTS/fixtures/kms
    rds=$XBPIPE_TESTS/fixtures/rds
    url=http://127.0.0.1:$(cat "$SERVICE/port")
    plain=$(head -c 32 /dev/zero | base64)
}

aws() { kmsunwrap --provider=aws --region=us-east-1 --endpoint="$url" --retries=0; }
aliyun() { kmsunwrap --provider=aliyun --region=cn-hangzhou --endpoint="$url" --retries=0; }

# Makes every form of the ciphertext in the file blob.
forms() {
    local text
    text=$(tr -d '\n' <blob)
    mkdir forms
    printf '%s' "$text" >forms/plain
    base64 -d blob >forms/binary
    printf '%s\n' "$text" | base64 >forms/twice
    printf '%s' "$text" | base64 -w 0 >forms/twice-without-newlines
    fold -w 40 blob >forms/lines
    fold -w 40 blob | sed 's/$/\r/' >forms/lines-of-windows
    printf '"%s"\n' "$text" >forms/quotes
    printf "'%s'\n" "$text" >forms/single-quotes
    printf '{"CiphertextBlob": "%s", "KeyId": "k"}' "$text" >forms/json
    printf '"%s"' "${text//\//\\/}" >forms/escapes
    printf '\xef\xbb\xbf%s\r\n' "$text" >forms/mark
    { printf '\xff\xfe'; printf '"%s"\r\n' "$text" | iconv -f ASCII -t UTF-16LE; } >forms/utf16
    { printf '\xfe\xff'; printf '%s' "$text" | iconv -f ASCII -t UTF-16BE; } >forms/utf16-be
    base64 -d blob | xxd -p >forms/hex-lines
    base64 -d blob | xxd -p -u | tr -d '\n' >forms/hex-upper
    { printf 0x; tr -d '\n' <forms/hex-lines; } >forms/hex-0x
    base64 -d blob | od -An -v -tx1 >forms/hex-od
    tr -d '\n' <forms/hex-lines | sed 's/../&:/g; s/:$//' >forms/hex-colons
    tr -d '\n' <forms/hex-lines | base64 -w 0 >forms/hex-twice
    printf '%s' "$text" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3d/g' >forms/url
    printf '%s' "$text" | tr -- '+/' '-_' | tr -d = >forms/base64url
    printf 'CiphertextBlob=%s\r\n' "$text" >forms/equals
    printf 'CiphertextBlob: "%s"\nKeyId: k\n' "$text" >forms/yaml
    printf "b'%s'\n" "$text" >forms/python
    printf -- '-----BEGIN CIPHERTEXT-----\n%s\n-----END CIPHERTEXT-----\n' "$text" >forms/pem
    printf '%s\tarn:aws:kms:us-east-1:1:key/k\tSYMMETRIC_DEFAULT\n' "$text" >forms/columns
    for name in ciphertextBlob ciphertext_blob ciphertext; do
        printf '{"keyId": "k", "%s": "%s"}' "$name" "$text" >"forms/json-$name"
    done
    printf '{"headers": {}, "statusCode": 200, "body": {"CiphertextBlob": "%s"}}' "$text" >forms/json-body
}

@test "a ciphertext in every form, for each provider" {
    service_needs
    aws_keys
    echo "$plain" | kmswrap --provider=aws --region=us-east-1 --endpoint="$url" --key-id="$AWS_KEY" >blob
    forms
    count=0
    for form in forms/*; do
        [ "$(aws <"$form")" = "$plain" ] || { echo "$form"; false; }
        count=$((count + 1))
    done
    [ $count -eq 30 ]
    rm -r forms
    aliyun_keys
    echo "$plain" | kmswrap --provider=aliyun --region=cn-hangzhou --endpoint="$url" --key-id="$ALIYUN_KEY" >blob
    forms
    for form in forms/*; do
        [ "$(aliyun <"$form")" = "$plain" ] || { echo "$form"; false; }
    done
    rm -r forms
    cp "$kms/demo-ciphertext.b64" blob
    forms
    for form in forms/*; do
        kmsunwrap --master-key="$kms/demo-master.key" <"$form" 2>err | cmp - "$rds/plaintext.b64" || { echo "$form"; false; }
    done
}

@test "what is no ciphertext is named, with the right command, and asks nobody" {
    aws_keys
    cp "$kms/aws-decrypt.json" reply
    says 65 "kmsunwrap: standard input is the reply of a key service, with the key unwrapped: use --provider=response" aws <reply
    says 65 "kmsunwrap: reply is the reply of a key service, with the key unwrapped: use --provider=response" \
        kmsunwrap --master-key="$kms/demo-master.key" -i reply
    echo '{"ContentLength": 5, "Metadata": {"x-amz-key-v2": "AQICAA=="}}' >head.json
    says 65 "kmsunwrap: standard input is the metadata of an object in S3: use --provider=aws --envelope=FILE" aws <head.json
    says 65 "kmsunwrap: head.json is the metadata of an object in S3: use --provider=aws --envelope=FILE" \
        kmsunwrap --master-key="$kms/demo-master.key" -i head.json
    echo '{"a": 1}' >other
    says 65 "kmsunwrap: expected a ciphertext, found JSON without a CiphertextBlob" aws <other
    printf 'fileb://blob' >name
    run --separate-stderr aws <name
    [ "$status" -eq 65 ]
    [[ $stderr == *"; this is the name of a file: give that by -i FILE" ]]
    printf '%s' "b'\\x01\\x02\\x02\\x00x'" >bytes
    run --separate-stderr aws <bytes
    [[ $stderr == *"; this is how Python prints bytes: print base64.b64encode(blob).decode()" ]]
    printf '%s' "{'CiphertextBlob': b'\\x01\\x02', 'KeyId': 'k'}" >dictionary
    run --separate-stderr aws <dictionary
    [ "$status" -eq 65 ]
    [[ $stderr == *"; this is how Python prints a reply: print base64.b64encode(reply['CiphertextBlob']).decode()" ]]
    printf '\1\2\2\0x' | xxd >dump
    run --separate-stderr aws <dump
    [ "$status" -eq 65 ]
    [[ $stderr == *"; this is a dump of bytes: give the file itself" ]]
    echo '["a"]' >array
    says 65 "kmsunwrap: expected a ciphertext, found a JSON array" aws <array
    echo '{"__type":"DisabledException","message":"off"}' >refusal
    run --separate-stderr aws <refusal
    [ "$status" -eq 69 ]
    run --separate-stderr aws <"$kms/aws-decrypt-error.txt"
    [ "$status" -eq 65 ]
    [[ $stderr == "kmsunwrap: InvalidCiphertextException; "* ]]
    [ "$(requests .)" -eq 0 ]
}

@test "replies with a byte order mark and in UTF-16 are taken" {
    { printf '\xef\xbb\xbf'; cat "$kms/aws-decrypt.json"; } >mark
    { printf '\xff\xfe'; iconv -f UTF-8 -t UTF-16LE "$kms/aliyun-decrypt.json"; } >powershell
    { printf '\xff\xfe'; iconv -f UTF-8 -t UTF-16LE "$kms/aws-decrypt-query-text.txt"; } >line
    [ "$(kmsunwrap --provider=response <mark)" = "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=" ]
    [ "$(kmsunwrap --provider=response --output=raw <powershell)" = "0123456789abcdef0123456789abcdef" ]
    [ "$(kmsunwrap --provider=response <line)" = "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=" ]
}

@test "replies inside of what a library returns are taken; those in other forms are named" {
    plaintext=pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=
    printf '{"headers": {}, "statusCode": 200, "body": {"KeyId": "k", "Plaintext": "%s"}}' $plaintext >body
    printf '{"plaintext": "%s"}' $plaintext >lower
    for f in body lower; do
        [ "$(kmsunwrap <$f)" = $plaintext ] || { echo $f; false; }
        [ "$(kmsunwrap --provider=response <$f)" = $plaintext ] || { echo $f; false; }
    done
    printf 'KeyId: k\nPlaintext: %s\n' $plaintext >YAML
    printf '|  Plaintext  |  %s  |\n' $plaintext >table
    printf '<Plaintext>%s</Plaintext>\n' $plaintext >XML
    for form in YAML:YAML table:"a table" XML:XML; do
        says 65 "kmsunwrap: reply: expected JSON or one line of base64, found ${form#*:}; ask the client for JSON (aws: --output json; aliyun: no --output), or for the Plaintext alone (aws: --query Plaintext --output text)" \
            kmsunwrap -i "${form%%:*}"
    done
    printf "{'KeyId': 'k', 'Plaintext': b'\\\\x00'}" >python
    run --separate-stderr kmsunwrap -i python
    [ "$status" -eq 65 ]
    [[ $stderr == *"; if Python has printed it: print json.dumps(reply, default=lambda b: base64.b64encode(b).decode())" ]]
}

@test "a ciphertext given as a reply is named" {
    wrapped="kmsunwrap: reply: expected a Plaintext, found a ciphertext, which a key service has to unwrap: use --provider=aliyun or --provider=aws"
    { printf '\1\2\2\0x'; head -c 200 /dev/zero; } >binary
    base64 binary >text
    printf '{"CiphertextBlob": "QUJD", "KeyId": "k"}' >json
    says 65 "$wrapped" kmsunwrap --provider=response -i binary
    says 65 "$wrapped" kmsunwrap --provider=response -i <(base64 -w 0 binary)
    says 65 "$wrapped" kmsunwrap --provider=response -i json
    # A key that happens to begin so is one.
    printf '\1\2\2\0x and the rest of a key......' | base64 -w 0 >key
    cmp <(kmsunwrap --provider=response <key) <(cat key; echo)
}

@test "without --provider a reply is taken for a reply, and nothing else" {
    [ "$(kmsunwrap <"$kms/aws-decrypt.json")" = "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=" ]
    [ "$(kmsunwrap --output=raw -i "$kms/aliyun-decrypt.json")" = "0123456789abcdef0123456789abcdef" ]
    run --separate-stderr kmsunwrap <"$kms/aws-decrypt-error.txt"
    [ "$status" -eq 65 ]
    [[ $stderr == "kmsunwrap: InvalidCiphertextException; "* ]]
    none="kmsunwrap: the input is no reply of a key service: name what unwraps it, by --provider=aliyun, --provider=aws or --master-key=FILE (or by --provider=response, if it is a Plaintext alone)"
    printf '\1\2\2\0x and more' >binary
    says 64 "$none" kmsunwrap <"$kms/demo-ciphertext.b64"
    says 64 "$none" kmsunwrap <"$kms/aws-decrypt-query-text.txt"
    says 64 "$none" kmsunwrap -i binary
    for option in --region=a --endpoint=a --profile=a --key-id=a --encryption-context=a=b --cacert=a --timeout=1 --retries=1; do
        run --separate-stderr kmsunwrap "$option" </dev/null
        [ "$status" -eq 64 ] || { echo "$option"; false; }
        [ "${stderr_lines[0]}" = "kmsunwrap: ${option%%=*}: name the key service, by --provider=aliyun or --provider=aws" ] || { echo "$option: $stderr"; false; }
    done
    run --separate-stderr kmswrap </dev/null
    [ "$status" -eq 64 ]
    [ "${stderr_lines[0]}" = "kmswrap: --provider is missing: expected --provider=aliyun, --provider=aws, or --master-key=FILE" ]
    # An envelope points to aws.
    echo '{"x-amz-key-v2":"AQICAA==","x-amz-iv":"CoEBscDBIU6/AJgEXJj39Q==","x-amz-wrap-alg":"kms"}' >envelope
    run --separate-stderr kmsunwrap --envelope=envelope --region=us-east-1 --endpoint="$url" --retries=0
    [[ $stderr == "kmsunwrap: no AWS credentials: "* ]]
}

@test "an operand that is a file is read; another one is not shown" {
    cp "$kms/aws-decrypt.json" reply
    [ "$(kmsunwrap reply)" = "pho5mD9SjOHfqFCFpx5NzVZO1NGON68ZV6WCcHl5BYg=" ]
    kmsunwrap --master-key="$kms/demo-master.key" "$kms/demo-ciphertext.b64" 2>err | cmp - "$rds/plaintext.b64"
    kmswrap --master-key="$kms/demo-master.key" "$rds/plaintext.b64" 2>err | cmp - "$kms/demo-ciphertext.b64"
    for program in kmsunwrap kmswrap; do
        run --separate-stderr $program --master-key=m QFao1F+D7Srvkfq39lH7yTaAAAAA
        [ "$status" -eq 64 ]
        [ "${stderr_lines[0]}" = "$program: unexpected operand, and no file: keys and ciphertexts come from standard input or -i FILE, never from the command line" ]
        [[ $stderr != *QFao* ]]
        run --separate-stderr $program --master-key=m -i QFao1F+D7Srvkfq39lH7yTaAAAAA
        [ "$status" -eq 66 ]
        [ "$stderr" = "$program: -i: there is no file of the name given, which is not shown here since it looks like a key; write it into a file, and give its name" ]
        says 66 "$program: cannot open none: No such file or directory" $program --master-key=m -i none
        run --separate-stderr $program --master-key=m reply "$rds/plaintext.b64"
        [ "$status" -eq 64 ]
    done
}
