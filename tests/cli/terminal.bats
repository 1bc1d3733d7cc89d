# SPDX-License-Identifier: Apache-2.0
# What users see on a terminal, and after the mistakes of the first hour.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    terminal() { timeout 60 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" "$@"; }
}

@test "binary data are kept from a terminal, by every filter; text is shown" {
    cp "$fixtures/xbcrypt/plain.txt" text
    mkdir d
    cp text d
    advice="standard output is a terminal, and this is binary data: use > FILE or a pipe"
    for command in "xbcrypt-dec -f $key $rds/stream_v3.xb.xbcrypt" "xbcrypt-enc -f $key text" "xbpack -C d" "qppack -C d" \
        "qpunpack $rds/part_xb.qp" "xbunpack --to-stdout=ibdata1 --decompress -i $fixtures/mariadb/shop_qp.xb"; do
        # shellcheck disable=SC2086 # words
        run terminal 1,2 $command </dev/null
        [ "$status" -eq 64 ] || { echo "$command: $status"; return 1; }
        [ "$output" = "${command%% *}: $advice" ] || { echo "$command: $output"; return 1; }
    done
    terminal 1 xbcrypt-dec -f "$xbc/key256" "$xbc/plain.v3.aes256.xbcrypt" >shown
    cmp shown text
    run terminal 1,2 xbunpack --to-stdout=xtrabackup_info --decompress -i "$fixtures/mariadb/shop_qp.xb"
    [ "$status" -eq 0 ]
    [[ $output == *"tool_name = mariadb-backup"* ]]
    # A file, also a device, is what the user asked for.
    succeeds xbpack -C d -o /dev/null
}

@test "a program that would wait for data at a terminal says what it expects; it waits for text, and says so" {
    echo '{}' >m.json
    head -c 32 /dev/zero >dk
    cp dk object
    for command in "xbcrypt-dec -f dk:data to read" "xbcrypt-enc -f dk:data to read" "qpunpack:an archive" \
        "qpunpack -t -:an archive" "qpunpack object -:an archive" "xbunpack:an archive" "xbunpack -t -i -:an archive" \
        "s3cse-dec -e m.json -f dk:the object" "s3cse-enc -e n.json -f dk:the file to encrypt"; do
        # shellcheck disable=SC2086 # words
        run terminal 0,2 ${command%:*}
        [ "$status" -eq 64 ] || { echo "$command: $status"; return 1; }
        [ "${lines[0]}" = "${command%%[ :]*}: standard input is a terminal: expected ${command#*:}; use -i FILE or <FILE" ] ||
            { echo "$command: $output"; return 1; }
    done
    export TYPED='{"Metadata":{}}'
    for command in "b64hex:base64 text" "b64hex -r:hexadecimal digits" "kmsunwrap:the reply of a key service" \
        "kmswrap --provider=file --master-key=dk:the key in base64" "kmsunwrap --envelope=-:the metadata of the object" \
        "kmsunwrap --envelope=/dev/stdin:the metadata of the object" "s3cse-dec --info -e -:the metadata of the object" \
        "s3cse-dec -e - -f dk -i object:the metadata of the object" "xbcrypt-dec -f /dev/stdin -i object:the key" \
        "xbpack -T -:names of files"; do
        # shellcheck disable=SC2086 # words
        run terminal 0,2 ${command%:*}
        [[ $output == *"${command%%[ :]*}: waiting for ${command#*:} on the terminal; end it by Ctrl-D"* ]] ||
            { echo "$command: $output"; return 1; }
    done
    cp "$fixtures/kms/aws-generate-data-key.json" reply
    s3cse-enc -e new.json -f reply -o new m.json
    TYPED=$(kmsunwrap <reply) run terminal 0,2 s3cse-dec -e new.json -f /dev/stdin -i new -o plain
    cmp plain m.json
    [ "${lines[0]}" = "s3cse-dec: waiting for the key on the terminal; end it by Ctrl-D" ]
    TYPED=$(cat reply) run terminal 0,2 s3cse-enc -e new2.json -f /dev/stdin -o new2 m.json
    [ "${lines[0]}" = "s3cse-enc: waiting for the reply that holds the key on the terminal; end it by Ctrl-D" ]
    # A pipe is nothing to wait for aloud.
    succeeds bash -c 'echo TWFu | b64hex'
}

@test "raw bytes of a key are kept from a terminal, before a service is asked; text is shown" {
    run terminal 1,2 kmsunwrap --provider=response --output=raw -i "$fixtures/kms/aws-decrypt.json"
    [ "$status" -eq 64 ]
    [ "${lines[0]}" = "kmsunwrap: --output=raw: standard output is a terminal, and this is binary data: use > FILE or a pipe" ]
    run terminal 1,2 kmswrap --provider=aws --key-id=k --endpoint=http://127.0.0.1:1 --output=raw -i "$fixtures/kms/aws-decrypt.json"
    [ "$status" -eq 64 ]
    run terminal 1,2 kmsunwrap --output=hex -i "$fixtures/kms/aws-decrypt.json"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} =~ ^[0-9a-f]{64}$ ]]
}

@test "objects of S3 encryption clients: none of their bytes, and none that become them, on a terminal" {
    advice="standard output is a terminal, and this is binary data: use > FILE or a pipe"
    reply=$BATS_TEST_TMPDIR/reply
    cp "$fixtures/kms/aws-generate-data-key.json" "$reply"
    head -c 1000 "$fixtures/rds/stream_v3.xb.xbcrypt" >file
    run terminal 1,2 s3cse-enc -e new.json -f "$reply" file
    [ "$status" -eq 64 ]
    [ "$output" = "s3cse-enc: $advice" ]
    [ ! -e new.json ]
    s3cse-enc -e new.json -f "$reply" -o object file
    kmsunwrap <"$reply" >data.key
    run terminal 1,2 s3cse-dec -e new.json -f data.key -i object
    [ "$status" -eq 64 ]
    [ "$output" = "s3cse-dec: $advice" ]
}

@test "--test says how many files were verified, at a terminal and with -v" {
    n=$(wc -l <"$fixtures/mariadb/shop.sha256")
    run terminal 2 xbunpack --test --decompress -i "$fixtures/mariadb/shop_qp.xb"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "xbunpack: verified, $n files" ]
    run --separate-stderr xbunpack -v --test --decompress -i "$fixtures/mariadb/shop_qp.xb"
    [[ $stderr == *"xbunpack: verified, $n files"* ]]
    make_xbstream 'MEMBER name=one data=x' >one.xb
    run terminal 2 xbunpack --test -i one.xb
    [ "$output" = "xbunpack: verified, 1 file" ]
    succeeds xbunpack --test -i one.xb
}

@test "an operand that is a file, and no terminal: the right call is in the message" {
    cp "$rds/part_lz4.xb" backup1
    fails 65 "xbunpack: standard input is empty: to read backup1, use -i backup1" from /dev/null xbunpack -C out backup1
    fails 66 "xbunpack: backup1: not found in the archive on standard input; to read this file, use -i backup1" \
        from "$fixtures/mariadb/shop_qp.xb" xbunpack -C out2 backup1
    fails 66 "xbunpack: backup2: not found in the archive; -t lists what it holds" \
        from "$fixtures/mariadb/shop_qp.xb" xbunpack -C out3 backup2
}

@test "a signal: the directory does not hold the backup" {
    mkfifo pipe
    for command in "xbunpack -C out" "qpunpack -C out2"; do
        rm -f messages
        # shellcheck disable=SC2086 # words
        $killable $command <pipe 2>messages &
        pid=$!
        exec 7>pipe
        case $command in
        xb*) head -c 100 "$rds/part_lz4.xb" >&7 ;;
        *) head -c 30 "$fixtures/qpress/tree.L1.qp" >&7 ;;
        esac
        sleep 0.5
        kill -INT $pid
        status=0
        wait $pid || status=$?
        exec 7>&-
        [ "$status" -eq 130 ] || { echo "$command: $status"; return 1; }
        directory=${command##* }
        [ "$(cat messages)" = "${command%% *}: interrupted: $directory does not hold the whole backup: remove it, or run again with --overwrite" ] ||
            { echo "$command:"; cat messages; return 1; }
    done
}

@test "data of another kind are named, with the command that unpacks them" {
    hint() {
        run --separate-stderr "$1" ${3:+-f "$3"} -i "$2"
        [ "$status" -eq 65 ] || { echo "$1 $2: $status"; return 1; }
        [[ $stderr == *"; this is $4" ]] || { echo "$1 $2: $stderr"; return 1; }
    }
    hint xbcrypt-dec "$rds/part.xb.gz" "$key" "gzip data: unpack it first with gzip -d"
    hint xbcrypt-dec "$fixtures/mariadb/shop_qp.xb" "$key" "an xbstream: unpack it first with xbunpack"
    hint xbcrypt-dec "$rds/part_xb.qp" "$key" "a qpress archive: unpack it first with qpunpack"
    hint qpunpack "$rds/part.xb.gz" "" "gzip data: unpack it first with gzip -d"
    hint qpunpack "$fixtures/mariadb/shop_qp.xb" "" "an xbstream: unpack it first with xbunpack"
    hint qpunpack "$rds/stream_v3.xb.xbcrypt" "" "an encrypted stream: decrypt it first with xbcrypt-dec"
}

# in_all WHAT ADVICE FILE: xbunpack, xbcrypt-dec and qpunpack all say of the file that it is WHAT, and what to do.
in_all() {
    for command in "xbunpack -C out" "xbunpack --test" "xbcrypt-dec -f $key" "qpunpack --test"; do
        # shellcheck disable=SC2086 # several words
        run --separate-stderr $command -i "$3"
        [ "$status" -eq 65 ] || { echo "$command $3: $status"; return 1; }
        [[ $stderr == *"; this is $1: $2" ]] || { echo "$command $3: $stderr"; return 1; }
    done
    fails 65 "xbunpack: found $1 at input offset 0: expected an xbstream or a tar archive; $(sed 's/^[a-z]* it first/unpack it/' <<<"$2")" xbunpack -C out --auto -i "$3"
}

@test "what came in place of a backup is named: metadata, a page, a dump, a backup of SQL Server, other archives" {
    metadata="metadata of an object that an S3 encryption client encrypted|give it to s3cse-dec by -e, and the object itself by -i"
    page="a page of XML, HTML or JSON|read it: a storage service answers so if a link has expired or access is denied; then fetch the backup again"
    sql="a dump in SQL|the client mysql or mariadb reads it"
    server="a backup of SQL Server|SQL Server restores it as it is"
    cp "$fixtures/s3/cli/head-ruby-v1-kms-cbc-1000.json" head.json
    cp "$fixtures/s3/objects/go-v1-kms-gcm-instr-1000.bin.instruction" instruction
    printf '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>' >error.xml
    printf '<!DOCTYPE html>\n<title>Sign in</title>' >login.html
    printf -- '-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB' >dump.sql
    printf 'MSSQLBAK\x02\0\0\0%50s' "" >compressed.bak
    printf 'TAPE\0\0\x03\0%50s' "" >plain.bak
    printf '7z\xbc\xaf\x27\x1c\0\4%50s' "" >b.7z
    printf 'Rar!\x1a\x07\1\0%50s' "" >b.rar
    printf '{"error": {"code": 403, "message": "%500s"}}' "" >error.json
    printf '\xef\xbb\xbf\r\n<!doctype html>' >marked.html
    printf '\n-----BEGIN PGP MESSAGE-----\n' >blank.asc
    make_xbstream 'MEMBER name=a data=*5000' | base64 >b.base64
    gzip -c "$fixtures/mariadb/shop_qp.xb" | base64 -w 0 >gz.base64
    printf '\x1f\x9d\x90%50s' "" >b.Z
    printf 'LZIP\1%50s' "" >b.lz
    printf '\x89LZO\0\r\n\x1a\n%50s' "" >b.lzo
    head -c 5000 /dev/zero >zeros
    for form in "error.json|$page" "marked.html|$page" "blank.asc|a message encrypted by gpg|decrypt it first with gpg -d" \
        "b.base64|a backup in base64|unpack it first with base64 -d" "gz.base64|a backup in base64|unpack it first with base64 -d" \
        "b.Z|data of compress|unpack it first with uncompress" "b.lz|lzip data|unpack it first with lzip -d" \
        "b.lzo|lzop data|unpack it first with lzop -d" \
        "zeros|nothing but zeros at its start|a download that was allocated and not written: fetch it again" \
        "head.json|$metadata" "instruction|$metadata" "error.xml|$page" "login.html|$page" "dump.sql|$sql" \
        "compressed.bak|$server" "plain.bak|$server" "b.7z|a 7z archive|unpack it first with 7z x" "b.rar|a RAR archive|unpack it first with unrar x"; do
        IFS="|" read -r file what how <<<"$form"
        in_all "$what" "$how" "$file"
    done
}

@test "an object of an S3 encryption client is random bytes: it is said what that may be, and not of what a key was used for" {
    hint="; it looks like random bytes: if an S3 encryption client has encrypted it (RDS for SQL Server), s3cse-dec decrypts it"
    object=$fixtures/s3/objects/python-v3-kmscontext-commit-70001.bin
    for command in "xbunpack -C out" "xbunpack -C out --auto" "xbunpack --info --auto" "xbcrypt-dec -f $key" qpunpack; do
        for file in "$object" "$fixtures/s3/objects/ruby-v1-aes-cbc-1000.bin"; do
            # shellcheck disable=SC2086 # several words
            run --separate-stderr $command -i "$file"
            [ "$status" -eq 65 ]
            [[ $stderr == *"\"$hint" ]] || { echo "$command $file: $stderr"; return 1; }
        done
    done
    xbcrypt-enc -f "$key" -i "$object" -o object.xbcrypt
    seq 300 >text
    make_xbstream "MEMBER name=a.qp data=@$object" >member.xb
    for command in "xbunpack -C out --auto -f $key -i object.xbcrypt" "xbunpack -C out -i text" "xbunpack --auto -C out -i text" \
        "qpunpack -i text" "xbcrypt-dec -f $key -i text" "xbunpack -C out --decompress -i member.xb"; do
        # shellcheck disable=SC2086 # several words
        run --separate-stderr $command
        [ "$status" -eq 65 ]
        [[ $stderr != *"random bytes"* ]] || { echo "$command: $stderr"; return 1; }
    done
}

@test "a failed run removes the directory that it made, if there is no file in it" {
    tr 0-9 1-90 <"$key" >other
    make_xbstream 'MEMBER name=db/t1 data=x' 'MEMBER name=../../etc/x data=y' >later
    for directory in out out/ ./out// there/out; do
        mkdir -p there
        run xbunpack -C "$directory" --auto -f other -i "$rds/full_v3_qp.xb"
        [ "$status" -eq 65 ]
        [ ! -e "$directory" ] || { echo "$directory is there"; return 1; }
        run qpunpack -C "$directory" -i "$rds/part.xb.gz"
        [ "$status" -eq 65 ]
        [ ! -e "$directory" ] || { echo "$directory is there"; return 1; }
    done
    # Folders that hold nothing go, too; what was there before stays, and so does one with a file.
    make_xbstream 'P name=db/deep/t1 data=x' >cut
    run xbunpack -C out -i cut
    [ "$status" -eq 65 ]
    [ ! -e out ]
    mkdir -p out/mine
    run xbunpack -C out -i cut
    [ "$status" -ne 0 ]
    [ -d out/mine ]
    run xbunpack -C out2 -i later
    [ "$status" -eq 65 ]
    [ "$(files out2)" = db/t1 ]
}

@test "fewer bytes than a format begins with, and other ones: their number, not that a backup was cut" {
    printf 0123456789abcdef >short.key
    chmod 600 short.key
    for size in 1 3 7; do
        printf hello-world | head -c $size >short
        bytes=bytes
        [ $size -ne 1 ] || bytes=byte
        for call in "qpunpack:a qpress archive" "xbcrypt-dec -f short.key:an xbcrypt stream" "xbunpack -t:an xbstream"; do
            # shellcheck disable=SC2086 # the call is several words
            run --separate-stderr ${call%%:*} -i short
            [ "$status" -eq 65 ]
            [ -z "$output" ]
            [ "$stderr" = "${call%%[ :]*}: $size $bytes: too short for ${call#*:}, at input offset 0; it is something else" ]
        done
    done
}
