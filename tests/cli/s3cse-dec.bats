# SPDX-License-Identifier: Apache-2.0
# s3cse-dec: the vectors of five client libraries, every option, exit status and message.
bats_require_minimum_version 1.5.0

setup_file() {
    umask 066 # a key file that others can read gets a warning
    if command -v python3 >/dev/null; then
        python3 "$XBPIPE_TESTS/s3/unpack.py" "$XBPIPE_TESTS/fixtures/s3" "$BATS_FILE_TMPDIR/v" || return 1
    fi
}

setup() {
    load loops.bash
    cd "$BATS_TEST_TMPDIR" || return 1
    command -v python3 >/dev/null || skip "python3 is not installed; it unpacks the vectors"
    good=$BATS_FILE_TMPDIR/v/good
    bad=$BATS_FILE_TMPDIR/v/bad
    cbc=$good/ruby-v1-kms-cbc-1000
    gcm=$good/ruby-v2-kmscontext-gcm-1000
    commit=$good/python-v3-kmscontext-commit-1000
    big=$good/ruby-v2-kmscontext-gcm-70001
    fixtures=$XBPIPE_TESTS/fixtures/s3
}

# Sets args to the options that give vector directory $1 its envelope and key.
vector_args() {
    args=(-e "$1/meta.json")
    [ ! -e "$1/instruction" ] || args+=(-e "$1/instruction")
    if [ -e "$1/wrapping.key" ]; then
        args+=(--wrapping-key="$1/wrapping.key")
    elif [ -e "$1/kms.key" ]; then
        args+=(-f "$1/kms.key")
    else
        args+=(-f "$1/data.key")
    fi
}

# $1 status, $2 message, then a command: both must be so, and nothing else on standard error.
refused() {
    local expected=$1 message=$2
    shift 2
    run --separate-stderr "$@"
    [ "$status" -eq "$expected" ] || { echo "status $status: $stderr"; return 1; }
    [ "$stderr" = "s3cse-dec: $message" ] || { echo "$stderr"; return 1; }
}

@test "all 28 good vectors decrypt to their sums: from a file, from a pipe, to a file" {
    count=0
    for v in "$good"/*; do
        vector_args "$v"
        warning=
        [ -s "$v/plain" ] || warning=$(s3cse-dec "${args[@]}" <"$v/object" 2>&1)
        s3cse-dec "${args[@]}" <"$v/object" >out 2>err || { cat err; echo "$v"; false; }
        cmp out "$v/plain"
        [ "$(cat err)" = "$warning" ]
        cat "$v/object" | s3cse-dec "${args[@]}" >out 2>err
        cmp out "$v/plain"
        s3cse-dec "${args[@]}" -i "$v/object" -o file 2>err
        cmp file "$v/plain"
        rm file
        # The data key itself serves as well as what it was wrapped by.
        others=(-e "$v/meta.json")
        [ ! -e "$v/instruction" ] || others+=(-e "$v/instruction")
        s3cse-dec "${others[@]}" -f "$v/data.key" <"$v/object" 2>err | cmp - "$v/plain"
        count=$((count + 1))
    done
    [ $count -eq 28 ]
}

# Each negative vector: how its body arrives (file, pipe), and the message.
negatives() {
    local changed="the key commitment does not match: the data key is not the one of this envelope, or the envelope was changed; nothing was decrypted"
    local tag="the tag does not match: wrong key, or the object or its envelope is damaged or was changed"
    local use="; the output must not be used" cut="the object is cut short: expected"
    local length="bytes by x-amz-unencrypted-content-length, found"
    cat <<END
gcm-tag|file|authentication failed at input offset 1000: $tag$use
gcm-tag|pipe|authentication failed at input offset 1000: $tag$use
gcm-body|file|authentication failed at input offset 1000: $tag$use
gcm-cut|file|$cut 1016 bytes by x-amz-unencrypted-content-length and the tag, found 976; fetch it again$use
gcm-taglen|file|META: x-amz-tag-len: expected the tag length 128, found '96'
cbc-padding|file|bad padding at input offset 992: wrong key, wrong IV or damaged object$use
cbc-padding|pipe|bad padding at input offset 992: wrong key, wrong IV or damaged object$use
cbc-cut-block|file|$cut 70016 $length 68416; fetch it again
cbc-cut-block|pipe|bad padding at input offset 68400: wrong key, wrong IV or damaged object$use
cbc-length|file|wrong length of the plaintext: expected 999 $length 1000$use
kms-context|file|the data key file is empty: the command that should have written the key has failed
both-formats|file|keys of two formats: x-amz-key and x-amz-key-v2; nothing says which is right
unknown-cek|file|META: x-amz-cek-alg: unsupported content algorithm 'AES/CTR/NoPadding'
no-iv|file|x-amz-iv is missing: the envelope is not complete
iv-length|file|META: x-amz-iv: wrong length: expected 12 bytes, found 16 bytes
v3-commitment|file|$changed
v3-message-id|file|$changed
v3-body|file|authentication failed at input offset 1000: $tag$use
v3-suite|file|META: x-amz-c: unsupported content algorithm '116'
v3-instr-exclusive|file|INSTRUCTION: an instruction file may not hold x-amz-d, which belongs to the metadata of the object
END
}

@test "all 17 negative vectors are refused with 65 and the reason, and leave no file" {
    # What a KMS says to an encryption context that is not equal is a refusal; its reader gets no key.
    : >"$bad/kms-context/kms.key"
    negatives >table
    [ "$(cut -d'|' -f1 table | sort -u | wc -l)" -eq 17 ]
    while IFS='|' read -r name how message; do
        v=$bad/$name
        args=(-e meta.json)
        cp "$v/meta.json" .
        rm -f instruction
        [ ! -e "$v/instruction" ] || { cp "$v/instruction" . && args+=(-e instruction); }
        message=${message//META/meta.json}
        message=${message//INSTRUCTION/instruction}
        args+=(-f "$v/kms.key")
        status=0
        if [ "$how" = file ]; then
            s3cse-dec "${args[@]}" <"$v/object" >out 2>err || status=$?
        else
            cat "$v/object" | s3cse-dec "${args[@]}" >out 2>err || status=$?
        fi
        [ "$status" -eq 65 ] || { echo "$name: $status"; false; }
        [ "$(cat err)" = "s3cse-dec: $message" ] || { echo "$name: $(cat err)"; false; }
        status=0
        if [ "$how" = file ]; then
            s3cse-dec "${args[@]}" -o file <"$v/object" 2>err || status=$?
        else
            cat "$v/object" | s3cse-dec "${args[@]}" -o file 2>err || status=$?
        fi
        [ "$status" -eq 65 ]
        [ "$(cat err)" = "s3cse-dec: ${message%; the output must not be used}" ] || { echo "$name -o: $(cat err)"; false; }
        [ ! -e file ]
        [ -z "$(find . -name '.xbpipe*')" ]
    done <table
}

@test "nothing is written before the key commitment is right" {
    refused 65 "the key commitment does not match: the data key is not the one of this envelope, or the envelope was changed; nothing was decrypted" \
        s3cse-dec -e "$commit/meta.json" -f "$gcm/data.key" -i "$commit/object"
    [ -z "$output" ]
}

@test "the envelope in every form: head-object, get-object, the map, header lines" {
    for f in head-ruby-v1-kms-cbc-1000.json get-ruby-v1-kms-cbc-1000.json \
        head-query-metadata-ruby-v1-kms-cbc-1000.json headers-ruby-v1-kms-cbc-1000.txt; do
        s3cse-dec -e "$fixtures/cli/$f" -f "$cbc/kms.key" <"$cbc/object" | cmp - "$cbc/plain"
    done
    s3cse-dec -e "$fixtures/cli/head-python-v3-kmscontext-commit-1000.json" -f "$commit/kms.key" \
        <"$commit/object" | cmp - "$commit/plain"
    s3cse-dec -e - -f "$commit/kms.key" -i "$commit/object" <"$commit/meta.json" | cmp - "$commit/plain"
    s3cse-dec -e <(cat "$cbc/meta.json") -f <(cat "$cbc/kms.key") <"$cbc/object" | cmp - "$cbc/plain"
}

@test "metadata and instruction file, in either order" {
    v=$good/python-v3-kmscontext-commit-instr-1000
    s3cse-dec -e "$v/instruction" -e "$v/meta.json" -f "$v/kms.key" <"$v/object" | cmp - "$v/plain"
    v=$good/ruby-v1-kms-cbc-instr-1000
    s3cse-dec -e "$fixtures/cli/head-ruby-v1-kms-cbc-instr-1000.json" -e "$v/instruction" -f "$v/kms.key" \
        <"$v/object" | cmp - "$v/plain"
    s3cse-dec -e "$v/instruction" -f "$v/kms.key" <"$v/object" | cmp - "$v/plain"
}

@test "half of a split envelope: the message says which half is missing" {
    v=$good/python-v3-kmscontext-commit-instr-1000
    refused 65 "x-amz-3 is missing: the wrapped key is in the instruction file (the object's name and '.instruction'); give that file too, with another -e" \
        s3cse-dec -e "$v/meta.json" -f "$v/kms.key" -i "$v/object"
    refused 65 "x-amz-c, x-amz-d and x-amz-i are missing: this is an instruction file; give the metadata of the object too, with another -e" \
        s3cse-dec -e "$v/instruction" -f "$v/kms.key" -i "$v/object"
    refused 65 "no envelope in the metadata but a length of the plaintext: the envelope is in the instruction file (the object's name and '.instruction'); give that file by -e" \
        s3cse-dec -e "$fixtures/cli/head-ruby-v1-kms-cbc-instr-1000.json" -f "$v/kms.key" -i "$v/object"
}

@test "a download that was cut is found by ContentLength, even if the padding happens to look right" {
    # A first block of 15 bytes and a 1: cut after it, the 1 is padding.
    { head -c 15 /dev/zero; printf '\001'; head -c 16 /dev/zero; } >input
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"k"}' "$(base64 -w 0 "$cbc/data.key")" >reply
    s3cse-enc -e env.json -f reply -i input -o body
    head -c 16 body >part
    sed '/unencrypted-content-length/d; s/\(matdesc.*\),$/\1/' env.json >map.json
    s3cse-dec -e map.json -f "$cbc/data.key" -i part -o unnoticed 2>/dev/null
    [ "$(wc -c <unnoticed)" -eq 15 ]
    printf '{"ContentLength": 48, "Metadata": %s}' "$(cat map.json)" >head.json
    refused 65 "the object is cut short: expected 48 bytes by ContentLength, found 16; fetch it again" \
        s3cse-dec -e head.json -f "$cbc/data.key" -i part
    status=0
    s3cse-dec -e head.json -f "$cbc/data.key" -o result < <(cat part) 2>err || status=$?
    [ "$status" -eq 65 ]
    [ "$(cat err)" = "s3cse-dec: the object is cut short: expected 48 bytes by ContentLength, found 16; fetch it again" ]
    [ ! -e result ]
    s3cse-dec -e head.json -f "$cbc/data.key" -i body 2>/dev/null | cmp - input
}

@test "what other clients and the console list is an envelope, too" {
    cp "$fixtures/cli/"{rclone-lsjson-stat.json,s3cmd-info.txt,mc-stat.json} .
    printf 'Type\tKey\tValue\n' >console.txt
    sed -n 's/^   \(x-amz-meta-[^:]*\): /User defined\t\1\t/p' s3cmd-info.txt >>console.txt
    [ "$(wc -l <console.txt)" -eq 7 ]
    printf '\xff\xfe' >powershell.json
    iconv -f UTF-8 -t UTF-16LE rclone-lsjson-stat.json >>powershell.json
    for f in rclone-lsjson-stat.json s3cmd-info.txt mc-stat.json console.txt powershell.json; do
        run --separate-stderr s3cse-dec --info -e "$f"
        [ "$status" -eq 0 ] || { echo "$f: $stderr"; false; }
        [ "$output" = "format: 2
content: AES/CBC/PKCS5Padding (AES-256-CBC; not authenticated)
key wrap: kms (AWS KMS; kmsunwrap --envelope unwraps it)
encryption context: kms_cmk_id=arn:aws:kms:us-east-1:111122223333:key/a
plaintext: 1000 bytes" ] || { echo "$f: $output"; false; }
    done
}

@test "an envelope in any text that has its names and values is taken" {
    python3 - "$cbc/meta.json" <<'PY'
import csv, io, json, pprint, sys
e = json.load(open(sys.argv[1]))
e = e.get("Metadata", e)
size = 1008
def form(name, text): open("form." + name, "w", newline="").write(text)
lines = lambda template, end="\n": "".join(template.format(k=k, K=k.title(), v=v, j=json.dumps(v)) + end for k, v in e.items())
form("console.blanks", "Type    Key    Value\n" + lines("User defined    x-amz-meta-{k}    {v}"))
form("console.localized", "Typ\tSchlüssel\tWert\r\n" + lines("Benutzerdefiniert\tx-amz-meta-{k}\t{v}", "\r\n"))
form("console.lines", "Type\nKey\nValue\n" + lines("User defined\nx-amz-meta-{k}\n{v}"))
table = io.StringIO()
csv.writer(table).writerows([("Type", "Key", "Value")] + [("User defined", "x-amz-meta-" + k, v) for k, v in e.items()])
form("csv", table.getvalue())
form("yaml", f"ContentLength: {size}\nContentType: binary/octet-stream\nMetadata:\n" + lines("  {k}: '{v}'"))
form("yaml.double", f"ContentLength: {size}\nMetadata:\n" + lines("  {k}: {j}"))
form("cli.table", "|  HeadObject  |\n||  Metadata  ||\n" + lines("||  {k} |  {v} ||"))
form("python", repr({"ResponseMetadata": {"HTTPHeaders": {"x-amz-meta-" + k: v for k, v in e.items()}}, "ContentLength": size, "Metadata": e}))
form("python.pretty", pprint.pformat(e))
form("curl", "> HEAD /b/k HTTP/1.1\n>\n< HTTP/1.1 200 OK\n" + lines("< x-amz-meta-{k}: {v}"))
form("powershell", lines("{k:40} : {v}", "\r\n"))
form("mc", "Name      : db.bak\nSize      : 1008 B\nMetadata  :\n" + lines("  X-Amz-Meta-{K}: {v}"))
form("mc.arrays", json.dumps({"metadata": {"X-Amz-Meta-" + k.title(): [v] for k, v in e.items()}}))
form("mc.old", json.dumps({"userMetadata": {"X-Amz-Meta-" + k.title(): v for k, v in e.items()}}))
form("equals", lines("{k}={v}"))
PY
    count=0
    for f in form.*; do
        run --separate-stderr s3cse-dec -e "$f" -f "$cbc/data.key" -i "$cbc/object" -o out
        [ "$status" -eq 0 ] || { echo "$f: $stderr"; return 1; }
        cmp out "$cbc/plain"
        rm out
        count=$((count + 1))
    done
    [ "$count" -eq 15 ]
    # The size of the object counts in these forms, too.
    head -c 992 "$cbc/object" >cut
    for f in form.yaml form.python; do
        refused 65 "the object is cut short: expected 1008 bytes by ContentLength, found 992; fetch it again" \
            s3cse-dec -e "$f" -f "$cbc/data.key" -i cut -o out
    done
    # Two objects are none, values without names tell nothing, and neither does JSON that was cut.
    { cat form.python; sed 's/CoEBscDBIU6/DoEBscDBIU6/g' form.python; } >two
    refused 65 "two: x-amz-iv appears twice" s3cse-dec -e two -f "$cbc/data.key" -i "$cbc/object" -o out
    printf 'bytes\t1008\nMETADATA\tAAE=\tkms\n' >text
    refused 65 "text: line 1: expected JSON or HTTP header lines; metadata saved by the AWS CLI needs --output json" \
        s3cse-dec -e text -f "$cbc/data.key" -i "$cbc/object" -o out
    head -c 200 "$cbc/meta.json" >cut.json
    run --separate-stderr s3cse-dec -e cut.json -f "$cbc/data.key" -i "$cbc/object" -o out
    [ "$status" -eq 65 ]
    [[ $stderr == "s3cse-dec: cut.json: not valid JSON at line "* ]]
}

@test "what holds no metadata proves nothing: not that an object is not encrypted" {
    echo '{"Contents": [{"Key": "db.bak", "Size": 1008}]}' >list.json
    refused 65 "list.json: holds no metadata of an object, so it does not tell whether the object is encrypted: found a list of objects; give what 'aws s3api head-object' prints" \
        s3cse-dec -e list.json -f "$cbc/data.key" -i "$cbc/object"
    refused 65 "list.json: holds no metadata of an object, so it does not tell whether the object is encrypted: found a list of objects; give what 'aws s3api head-object' prints" \
        s3cse-dec --info -e list.json
}

@test "a body of another length than was said: told before any word of keys" {
    # The key is a wrong one, too.
    head -c 32 /dev/zero >zero.key
    printf '{"ContentLength": 1016, "Metadata": %s}' "$(cat "$gcm/meta.json")" >head.json
    head -c 800 "$gcm/object" >cut
    cat "$gcm/object" "$gcm/object" >long
    head -c 1000 "$gcm/object" >untagged
    refused 65 "the object is cut short: expected 1016 bytes by ContentLength, found 800; fetch it again" \
        s3cse-dec -e head.json -f zero.key -i cut -o out
    refused 65 "the object is too long: expected 1016 bytes by ContentLength, found 2032; check that the metadata belong to it" \
        s3cse-dec -e head.json -f zero.key -i long -o out
    run --separate-stderr bash -c "s3cse-dec -e head.json -f zero.key -o out < <(cat cut)"
    [ "$status" -eq 65 ]
    [ "$stderr" = "s3cse-dec: the object is cut short: expected 1016 bytes by ContentLength, found 800; fetch it again" ]
    # The metadata alone, with the length of the plaintext.
    refused 65 "the object has no tag: expected 1016 bytes (x-amz-unencrypted-content-length and 16 of the tag), found 1000; its end is missing, or the client left the tag out" \
        s3cse-dec -e "$gcm/meta.json" -f zero.key -i untagged -o out
    refused 65 "the object is cut short: expected 1016 bytes by x-amz-unencrypted-content-length and the tag, found 800; fetch it again" \
        s3cse-dec -e "$gcm/meta.json" -f zero.key -i cut -o out
    refused 65 "authentication failed at input offset 1000: the tag does not match: wrong key, or the object or its envelope is damaged or was changed" \
        s3cse-dec -e head.json -f zero.key -i "$gcm/object" -o out
    [ ! -e out ]
}

@test "a plain backup is told apart by its metadata" {
    echo '{"ContentLength": 1000, "ServerSideEncryption": "aws:kms", "Metadata": {}}' >head.json
    refused 65 "no envelope in the metadata: the object is not encrypted by a client, or a copy of it lost its metadata, or the envelope is in an instruction file (the object's name and '.instruction'): then give that by -e" \
        s3cse-dec -e head.json -f "$cbc/data.key" -i "$cbc/plain"
    run --separate-stderr s3cse-dec --info -e head.json
    [ "$status" -eq 0 ]
    [ "$output" = "format: none (not encrypted by a client, or the envelope is in an instruction file)" ]
    [ -z "$stderr" ]
}

@test "a body that is decrypted already is pointed out" {
    run --separate-stderr s3cse-dec -e "$gcm/meta.json" -f "$gcm/data.key" -i "$gcm/plain"
    [ "$status" -eq 65 ]
    [ "${stderr_lines[0]}" = "s3cse-dec: warning: the input begins with TAPE: it may be a backup that is decrypted already" ]
    [ "${#stderr_lines[@]}" -eq 2 ]
}

@test "a body that no such client has encrypted is pointed out" {
    gzip -c "$cbc/plain" >plain.gz
    run --separate-stderr s3cse-dec -e "$gcm/meta.json" -f "$gcm/data.key" -i plain.gz
    [ "$status" -eq 65 ]
    [ "${stderr_lines[0]}" = "s3cse-dec: warning: the input begins as gzip data: it may be decrypted already, or no S3 encryption client encrypted it" ]
}

@test "TAPE and MSSQLBAK are reported with -v, their absence is a warning" {
    run --separate-stderr s3cse-dec -v -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object" -o out
    [ "$status" -eq 0 ]
    [ "${stderr_lines[0]}" = "s3cse-dec: format: 2" ]
    [ "${stderr_lines[1]}" = "s3cse-dec: content: AES/CBC/PKCS5Padding (AES-256-CBC; not authenticated)" ]
    [ "${stderr_lines[2]}" = "s3cse-dec: key wrap: kms (AWS KMS; kmsunwrap --envelope unwraps it)" ]
    [ "${stderr_lines[3]}" = "s3cse-dec: encryption context: kms_cmk_id=arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab" ]
    [ "${stderr_lines[4]}" = "s3cse-dec: plaintext: 1000 bytes" ]
    [ "${stderr_lines[5]}" = "s3cse-dec: 1000 bytes, beginning with TAPE: a SQL Server backup, not compressed" ]
    [ "${#stderr_lines[@]}" -eq 6 ]

    # A wrong IV damages the first block of CBC and nothing else.
    sed 's/CoEBscDBIU6/DoEBscDBIU6/' "$cbc/meta.json" >meta.json
    refused 0 "warning: the plaintext begins with neither TAPE nor MSSQLBAK, as a SQL Server backup does; if it is to be one, the IV is wrong or the start is damaged" \
        s3cse-dec -e meta.json -f "$cbc/data.key" -i "$cbc/object" -o wrong
    cmp <(tail -c +17 wrong) <(tail -c +17 "$cbc/plain")

    v=$good/ruby-v2-kmscontext-gcm-0
    # What is authenticated is right, whatever it is.
    run --separate-stderr s3cse-dec -e "$v/meta.json" -f "$v/data.key" -i "$v/object"
    [ "$status" -eq 0 ]
    [ -z "$stderr" ]
    run --separate-stderr s3cse-dec -v -e "$v/meta.json" -f "$v/data.key" -i "$v/object"
    [ "${stderr_lines[-1]}" = "s3cse-dec: 0 bytes, authenticated" ]

    printf 'MSSQLBAK and more' >backup
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"k"}' "$(base64 -w 0 "$cbc/data.key")" >reply
    s3cse-enc -e env.json -f reply -i backup -o body
    run --separate-stderr s3cse-dec -v -e env.json -f "$cbc/data.key" -i body
    [ "${stderr_lines[5]}" = "s3cse-dec: 17 bytes, beginning with MSSQLBAK: a SQL Server backup, compressed" ]
}

@test "--info describes each kind of envelope, needs no key and reads no object" {
    run --separate-stderr s3cse-dec --info -e "$commit/meta.json" <&-
    [ "$status" -eq 0 ]
    [ "$output" = "format: 3
content: 115 (AES-256-GCM with key commitment; authenticated)
key wrap: kms+context (AWS KMS, bound to the content algorithm; kmsunwrap --envelope unwraps it)
encryption context: aws:x-amz-cek-alg=115
plaintext: length not stored" ]
    [ -z "$stderr" ]
    v=$good/java-v3-aesgcm-commit-1000
    run s3cse-dec --info -e "$v/meta.json"
    [ "${lines[2]}" = "key wrap: AES/GCM (AES key of the user; --wrapping-key)" ]
    [ "${lines[3]}" = "material description: keyname=test-aes" ]
    s3cse-dec --info -e - <"$cbc/meta.json" | grep -qx 'format: 2'
    s3cse-dec --info -e "$good/ruby-v1-rsa-cbc-1000/meta.json" | grep -qx 'key wrap: RSA PKCS#1 v1.5 (format 1) (RSA key of the user; --wrapping-key)'
}

@test "terminal controls in metadata do not reach the terminal" {
    printf '{"x-amz-key-v2":"QUJD","x-amz-iv":"CoEBscDBIU6/AJgEXJj39Q==","x-amz-wrap-alg":"kms","x-amz-matdesc":"{\\"a\\":\\"\\\\u001b[31m\\"}"}' >meta.json
    s3cse-dec --info -e meta.json | grep -qxF 'encryption context: a=\x1b[31m'
}

@test "--strict refuses content that is not authenticated, and takes the rest" {
    refused 65 "AES/CBC/PKCS5Padding: this content is not authenticated, and --strict refuses it" \
        s3cse-dec --strict -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object"
    s3cse-dec --strict -e "$gcm/meta.json" -f "$gcm/data.key" <"$gcm/object" | cmp - "$gcm/plain"
    s3cse-dec --strict -e "$commit/meta.json" -f "$commit/data.key" <"$commit/object" | cmp - "$commit/plain"
}

@test "an authenticated object is believed more than the length in its metadata" {
    sed 's/"1000"/"999"/' "$gcm/meta.json" >meta.json
    refused 0 "warning: x-amz-unencrypted-content-length says 999 bytes, the authenticated object has 1000" \
        s3cse-dec -e meta.json -f "$gcm/data.key" -i "$gcm/object" -o out
    cmp out "$gcm/plain"
}

@test "usage: 64" {
    m="$cbc/meta.json" k="$cbc/data.key"
    try() {
        run --separate-stderr s3cse-dec "${@:2}" </dev/null
        [ "$status" -eq 64 ]
        [ "${stderr_lines[0]}" = "s3cse-dec: $1" ] || { echo "${stderr_lines[0]}"; return 1; }
    }
    try "-e FILE is missing: the object's metadata, as 'aws s3api head-object' prints it, or its instruction file" -f "$k"
    try "-e: expected at most two files: metadata and instruction file" -e "$m" -e "$m" -e "$m" -f "$k"
    try "the key is missing: -f FILE for the data key that kmsunwrap --envelope prints, or --wrapping-key=FILE for an AES or RSA key" -e "$m"
    try "-f and --wrapping-key: only one of them has the key" -e "$m" -f "$k" --wrapping-key="$k"
    try "-e -: standard input can be read only once; name the object by -i FILE" -e - -f "$k"
    try "-e -: standard input can be read only once; name the object by -i FILE" --info -e - -e -
    try "unexpected operand 'y': there is one input, and it is given already" -e "$m" -f "$k" x y
}

@test "keys that do not fit: 65" {
    refused 65 "the data key is wrapped by a KMS (kms), not by a key of yours: have kmsunwrap --envelope unwrap it, and give its output by -f" \
        s3cse-dec -e "$cbc/meta.json" --wrapping-key="$fixtures/aes-test-key.hex" -i "$cbc/object"
    refused 65 "the data key file is empty: the command that should have written the key has failed" \
        s3cse-dec -e "$cbc/meta.json" -f /dev/null -i "$cbc/object"
    refused 65 "wrong size or form of the data key: expected 32 bytes, or 44 characters of base64, found 65 bytes; it is a key as hexadecimal digits: -f <(xxd -r -p FILE)" \
        s3cse-dec -e "$cbc/meta.json" -f "$fixtures/aes-test-key.hex" -i "$cbc/object"
    v=$good/ruby-v2-rsaoaepsha1-gcm-1000
    refused 65 "the wrapping key file does not fit the key wrap RSA-OAEP-SHA1: expected an RSA private key, PEM or DER, without a password" \
        s3cse-dec -e "$v/meta.json" --wrapping-key="$fixtures/aes-test-key.hex" -i "$v/object"
    v=$good/ruby-v1-aes-cbc-1000
    head -c 32 /dev/zero >zero
    refused 65 "cannot unwrap the data key by AES/ECB (format 1): wrong wrapping key, or the envelope is damaged" \
        s3cse-dec -e "$v/meta.json" --wrapping-key=zero -i "$v/object"
}

@test "files that are not there: 66; a directory: 74" {
    refused 66 "cannot open the envelope no-such: No such file or directory" \
        s3cse-dec -e no-such -f "$cbc/data.key" -i "$cbc/object"
    refused 66 "cannot open data key file no-such: No such file or directory" \
        s3cse-dec -e "$cbc/meta.json" -f no-such -i "$cbc/object"
    refused 66 "cannot open no-such: No such file or directory" \
        s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i no-such
    refused 74 "cannot read the envelope .: Is a directory" \
        s3cse-dec -e . -f "$cbc/data.key" -i "$cbc/object"
}

@test "no permission: 77" {
    without=()
    if [ "$(id -u)" -eq 0 ]; then
        command -v setpriv >/dev/null || skip "the superuser may read everything, and setpriv is not installed"
        without=(setpriv "--bounding-set=-dac_override,-dac_read_search" "--inh-caps=-dac_override,-dac_read_search")
        "${without[@]}" true || skip "the superuser may read everything, and setpriv cannot take that away"
    fi
    cp "$cbc/meta.json" secret
    chmod 0 secret
    refused 77 "cannot open the envelope secret: Permission denied" \
        "${without[@]}" s3cse-dec -e secret -f "$cbc/data.key" -i "$cbc/object"
    refused 77 "cannot open data key file secret: Permission denied" \
        "${without[@]}" s3cse-dec -e "$cbc/meta.json" -f secret -i "$cbc/object"
    refused 77 "cannot open secret: Permission denied" \
        "${without[@]}" s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i secret
    mkdir locked
    chmod 0555 locked
    refused 77 "locked/file: cannot create: Permission denied" \
        "${without[@]}" s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object" -o locked/file
}

@test "-o: an existing file stays, unless --overwrite; a failure leaves it as it was" {
    echo old >file
    refused 73 "file: file exists already; remove it, or use --overwrite to replace it" \
        s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object" -o file
    refused 65 "authentication failed at input offset 1000: the tag does not match: wrong key, or the object or its envelope is damaged or was changed" \
        s3cse-dec --overwrite -e "$gcm/meta.json" -f "$cbc/data.key" -i "$gcm/object" -o file
    [ "$(cat file)" = old ]
    s3cse-dec --overwrite -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object" -o file
    cmp file "$cbc/plain"
    refused 73 "no/file: cannot create: No such file or directory" \
        s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i "$cbc/object" -o no/file
    [ -z "$(find . -name '.xbpipe*')" ]
}

@test "a full disk and a closed standard output: 74" {
    status=0
    s3cse-dec -e "$big/meta.json" -f "$big/data.key" <"$big/object" >/dev/full 2>err || status=$?
    [ "$status" -eq 74 ]
    [ "$(cat err)" = "s3cse-dec: cannot write standard output: No space left on device" ]
    status=0
    s3cse-dec -e "$big/meta.json" -f "$big/data.key" -o - <"$big/object" >/dev/full 2>err || status=$?
    [ "$status" -eq 74 ]
    [ "$(cat err)" = "s3cse-dec: cannot write standard output: No space left on device" ]
    status=0
    s3cse-dec -e "$big/meta.json" -f "$big/data.key" <"$big/object" >&- 2>err || status=$?
    [ "$status" -eq 74 ]
    [ "$(head -n 1 err)" = "s3cse-dec: cannot write standard output: Bad file descriptor" ]
    status=0
    s3cse-dec --info -e "$cbc/meta.json" >/dev/full 2>err || status=$?
    [ "$status" -eq 74 ]
    [ "$(cat err)" = "s3cse-dec: cannot write standard output: No space left on device" ]
    status=0
    s3cse-dec -e "$big/meta.json" -f "$big/data.key" <&- >out 2>err || status=$?
    [ "$status" -eq 74 ]
    [ "$(cat err)" = "s3cse-dec: cannot read standard input at input offset 0: Bad file descriptor" ]
}

@test "a reader that goes away ends it quietly" {
    head -c 4000000 /dev/zero >zeros
    sed 's/, "x-amz-unencrypted-content-length": "1000"//' "$cbc/meta.json" >meta.json
    { s3cse-dec -e meta.json -f "$cbc/data.key" -i zeros 2>err || echo $? >status; } | head -c 1 >/dev/null
    [ ! -s err ] || { cat err; false; }
    [ "$(cat status)" -ge 128 ] || [ "$(cat status)" -eq 74 ]
}

@test "the object may arrive one byte at a time" {
    for v in "$cbc" "$gcm" "$commit"; do
        dd if="$v/object" bs=1 status=none | s3cse-dec -e "$v/meta.json" -f "$v/data.key" | cmp - "$v/plain"
    done
}

@test "a file is read from where its descriptor stands" {
    { printf 'four'; cat "$big/object"; } >shifted
    { dd bs=4 count=1 of=/dev/null status=none; s3cse-dec -e "$big/meta.json" -f "$big/data.key"; } <shifted | cmp - "$big/plain"

    # Many reads, none of which begins at the start of a page.
    head -c 20000001 /dev/urandom >input
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"k"}' "$(base64 -w 0 "$cbc/data.key")" >reply
    for content in cbc gcm; do
        { dd bs=5 count=1 of=/dev/null status=none; s3cse-enc --content=$content -e env.json --overwrite -f reply; } <input >body
        { printf 'four'; cat body; } >shifted
        { dd bs=4 count=1 of=/dev/null status=none; s3cse-dec -e env.json -f "$cbc/data.key" 2>/dev/null; } <shifted |
            cmp - <(tail -c +6 input)
    done
}

@test "a signal leaves no file" {
    mkfifo fifo
    s3cse-dec -e "$cbc/meta.json" -f "$cbc/data.key" -i fifo -o file 2>err &
    pid=$!
    exec 7>fifo
    head -c 100000 /dev/zero >&7
    for _ in $(seq 100); do [ -z "$(find . -name '.xbpipe*')" ] || break; sleep 0.05; done
    [ -n "$(find . -name '.xbpipe*')" ]
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 7>&-
    [ "$status" -eq 143 ]
    [ -z "$(find . -name '.xbpipe*')" ]
    [ ! -e file ]
    [ "$(cat err)" = "s3cse-dec: interrupted" ]
}

@test "memory does not depend on the length of the object" {
    case $BUILD_DIR in *san-*) skip "a sanitizer reserves address space of its own" ;; esac
    printf '{"CiphertextBlob":"QUJD","Plaintext":"%s","KeyId":"k"}' "$(base64 -w 0 "$cbc/data.key")" >reply
    for content in cbc gcm commit; do
        rm -f env.json
        (
            ulimit -v 65536 # KiB
            head -c 200000000 /dev/zero | s3cse-enc --content=$content -e env.json -f reply -o body --overwrite
            s3cse-dec -e env.json -f "$cbc/data.key" <body 2>/dev/null | wc -c >size
            s3cse-dec -e env.json -f "$cbc/data.key" -i body 2>/dev/null | cmp - <(head -c 200000000 /dev/zero)
        )
        [ "$(cat size)" -eq 200000000 ]
    done
}
