# SPDX-License-Identifier: Apache-2.0
# Hostile names cannot control a terminal. The paths and names here have an escape sequence, a line
# break, a C1 control character, an override of the writing direction, and a zero-width space.

bats_require_minimum_version 1.5.0

setup() {
    load common
    hostile=$'k\e[31m\u202e\u200b\n\u009bx'
    escaped='k\x1b[31m\xe2\x80\xae\xe2\x80\x8b\x0a\xc2\x9bx'
    make_xbstream "MEMBER name=${escaped} data=x" \
        'MEMBER name=xtrabackup_info data=tool_name\x20=\x20xtra\xe2\x80\xae\x0aserver_version\x20=\x208\x1b[31m\xe2\x80\x8b\x0a' >in
}

# clean COMMAND...: it prints something, and nothing of that kind.
clean() {
    "$@" >out 2>err <"${stdin:-/dev/null}" || true
    if LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xc2[\x80-\x9f]' out err ||
        [ "$(cat out err | wc -c)" -eq 0 ]; then
        echo "command: $(printf '%q ' "$@")"
        cat -v out err
        return 1
    fi
}

# harmless COMMAND...: the same, and the hostile name is in what it prints, escaped.
harmless() {
    clean "$@"
    grep -qF "$escaped" out err && return
    echo "command: $(printf '%q ' "$@")"
    echo "expected to see $escaped in:"
    cat -v out err
    return 1
}

@test "members: lists, names on the way, progress" {
    for what in -t -tv "--test -v" "-C dir -v --overwrite"; do
        echo "$what"
        harmless xbunpack $what -i in
    done
    make_qpress ARCHIVE "FILE name=${escaped//\\x0a/}y data=x" >in.qp
    escaped=${escaped//\\x0a/}
    for what in -t "--test -v" "-C dir2 -v"; do
        echo "$what"
        harmless qpunpack $what -i in.qp
    done
    escaped='8\x1b[31m\xe2\x80\x8b'
    harmless xbunpack --info -i in
    harmless xbunpack --test -v -i in
}

@test "paths of inputs, keys, outputs and lists" {
    : >"$hostile"
    chmod 644 "$hostile"
    for path in "$hostile" "missing$hostile" "$hostile/x"; do
        clean xbunpack -i "$path"
        for option in "-C $path/x/y" "--verify=$path" "--manifest=$path/x" "--salvage --report=$path/x" "--decrypt -f $path" "--auto -f $path"; do
            IFS=' ' read -r -d '' -a words <<<"$option" || true
            words[-1]=${words[-1]%$'\n'}
            case $option in -C*) dir=() ;; *) dir=(-C dir) ;; esac
            harmless xbunpack "${dir[@]}" --overwrite -i in "${words[@]}"
        done
        harmless xbcrypt-dec -f "$path" -i in
        harmless xbcrypt-enc -f "$xbc/key256" -i in -o "$path/x"
        harmless xbcrypt-enc -f "$xbc/key256" -i "missing$path"
        harmless xbpack -C "$path"
        harmless xbpack -v "$path" -o /dev/null
        harmless qppack -C "$path"
        harmless qppack -v "$path" -o /dev/null
        stdin=$fixtures/kms/demo-ciphertext.b64 clean kmsunwrap --master-key="$path"
        stdin=$fixtures/rds/plaintext.b64 clean kmswrap --master-key="$path"
        clean s3cse-dec -e "$path" -f "$path"
        clean s3cse-enc -e "$path/x" -f "$path" -i in
    done
    harmless xbunpack -C dir -i in "missing$hostile"
    harmless qpunpack -i "missing$hostile"
}

@test "values of options, and options that are none" {
    # Values of 16 bytes and more may be keys, and are not shown.
    hostile=$'k\e\u202ex' escaped='k\x1b\xe2\x80\xaex'
    for option in --sparse --max-size --max-total --max-chunk --json-progress --decrypt -j; do
        harmless xbunpack $option="$hostile"
    done
    harmless xbcrypt-enc -s "$hostile"
    harmless xbpack --compress="$hostile"
    harmless qppack -L "$hostile"
    harmless kmsunwrap --provider="$hostile"
    harmless s3cse-enc --content="$hostile"
    for program in b64hex kmsunwrap qppack qpunpack s3cse-dec xbcrypt-dec xbpack xbunpack; do
        clean $program --"$hostile"
        clean $program -"$hostile"
    done
}

@test "names of files and profiles of configuration" {
    export HOME=$PWD AWS_EC2_METADATA_DISABLED=true AWS_REGION=us-east-1 stdin=$fixtures/kms/demo-ciphertext.b64
    : >"$hostile"
    for variable in AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_PROFILE; do
        for value in "$hostile" "$hostile/x"; do
            echo "$variable"
            clean env $variable="$value" kmsunwrap --provider=aws
        done
    done
    mkdir .aliyun
    printf '{"current":"%s","profiles":[]}' 'k\u001b[31m\u202e\u200b\n\u009bx' >.aliyun/config.json
    clean kmsunwrap --provider=aliyun --region=cn-hangzhou
    chmod 644 .aliyun/config.json
    rm "$hostile"
    mkdir "$hostile"
    mv .aliyun "$hostile"
    HOME=$PWD/$hostile clean kmsunwrap --provider=aliyun --region=cn-hangzhou
}
