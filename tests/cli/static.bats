# SPDX-License-Identifier: Apache-2.0
# The static executables (make static), in a root directory with nothing beside them.
bats_require_minimum_version 1.5.0

setup() {
    load common
    static=$BUILD_DIR/static
    [ -e "$static/xbpipe" ] ||
        skip "no static executables: builds with sanitizers have none, nor have systems without static libraries"
    mkdir root
}

programs() { for file in "$XBPIPE_TESTS"/../bin/*.c; do basename "$file" .c; done | grep -v '^kms'; }

# Runs a command in the folder root as if it were all there is.
alone() {
    if [ "$(id -u)" -eq 0 ]; then
        chroot root "$@"
    else
        unshare --map-root-user chroot root "$@"
    fi
}

need_alone() {
    cp "$static/b64hex" root
    [ "$(alone /b64hex -n <<<AQID)" = 010203 ] || skip "this user may not call chroot here"
    rm root/b64hex
}

@test "all programs but those that need a network, and one file that is smaller than two of them" {
    [ "$(programs | wc -l)" -ge 8 ]
    for program in $(programs); do
        [ -x "$static/$program" ]
        run readelf -lW "$static/$program"
        [ "$status" -eq 0 ]
        [[ $output != *INTERP* ]]
        [[ $output == *"DYN (Position-Independent Executable file)"* ]]
    done
    [ "$(stat -c %s "$static/xbpipe")" -lt $(($(stat -c %s "$static/xbunpack") + $(stat -c %s "$static/xbpack"))) ]
    run "$static/xbpipe" --help
    [ "$status" -eq 0 ]
    [ "$(sed -n 's/^Programs: //p' <<<"$output" | tr ' ' '\n' | sort)" = "$(programs | sort)" ]
}

@test "the one file is each program, by a link and by its first argument" {
    for program in $(programs); do
        ln -s "$static/xbpipe" "$program"
        [ "$("./$program" --version)" = "$("$BUILD_DIR/$program" --version)" ]
        [ "$("$static/xbpipe" "$program" --help)" = "$("$BUILD_DIR/$program" --help)" ]
    done
    [ "$("$static/xbpipe" --version)" = "xbpipe $("$static/b64hex" --version | sed 's/.* //')" ]
    fails 65 "b64hex: $(echo '!' | "$BUILD_DIR/b64hex" 2>&1 | sed 's/^b64hex: //')" sh -c "echo '!' | $static/xbpipe b64hex"
    run "$static/xbpipe"
    [ "$status" -eq 64 ]
    [[ $output == "Usage: xbpipe PROGRAM"* ]]
    run "$static/xbpipe" 0123456789abcdef
    [ "$status" -eq 64 ]
    [[ $output == "xbpipe: there is no such program here"* ]]
    [[ $output != *0123456789abcdef* ]]
    "$static/xbpipe" --help >/dev/full && return 1
    "$static/xbpipe" --version >/dev/full && return 1
    [ "$("$static/xbpipe" b64hex -n <<<AQID)" = 010203 ]
}

@test "a backup is packed, restored and verified in an empty root" {
    need_alone
    cp "$static/xbpipe" root
    for program in $(programs); do ln -s xbpipe "root/$program"; done
    cp "$fixtures/rds/full_v3_qp.xb" root/backup
    cp "$key" root/key
    run --separate-stderr alone /xbunpack -C restored --auto -f key -i backup
    echo "$stderr"
    [ "$status" -eq 0 ]
    restored root/restored "$fixtures/mariadb/shop.sha256"
    # Each file by itself, too: another way to the same.
    for program in $(programs); do cp --remove-destination "$static/$program" root; done
    rm root/xbpipe
    run --separate-stderr alone /xbpack -C restored --compress=zstd:3 --encrypt -f key -o again
    echo "$stderr"
    [ "$status" -eq 0 ]
    run --separate-stderr alone /xbunpack -C twice --auto -f key -i again
    echo "$stderr"
    [ "$status" -eq 0 ]
    restored root/twice "$fixtures/mariadb/shop.sha256"
    cp "$fixtures/rds/part_xb.qp" root/part
    alone /qpunpack -o part >part.xb
    qpunpack -o "$fixtures/rds/part_xb.qp" | cmp - part.xb
    alone /xbcrypt-enc -f key -i part -o part.xbcrypt
    alone /xbcrypt-dec -f key -i part.xbcrypt | cmp - root/part
    head -c 32 /dev/urandom >root/data.key
    printf '{"CiphertextBlob": "AQICAHhN", "Plaintext": "%s", "KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}\n' \
        "$(base64 -w 0 root/data.key)" >root/reply
    alone /s3cse-enc -f reply -e metadata -i part -o object
    alone /s3cse-dec -f data.key -e metadata -i object | cmp - root/part
}

@test "the sandbox is on" {
    need_alone
    cp "$static/xbunpack" root
    mkfifo input
    exec 5<>input
    # The same is missing as with libraries: nothing where the kernel has all of it.
    "$BUILD_DIR/xbunpack" -v -t <"$fixtures/mariadb/shop_qp.xb" 2>dynamic >members
    alone /xbunpack -v -t <"$fixtures/mariadb/shop_qp.xb" 2>alone >members.alone
    diff dynamic alone
    cmp members members.alone
    grep -q seccomp dynamic && skip "this kernel has no seccomp"
    # Without the end that would keep the input open.
    if [ "$(id -u)" -eq 0 ]; then
        chroot root /xbunpack -t <input 5>&- 3>&- &
    else
        unshare --map-root-user chroot root /xbunpack -t <input 5>&- 3>&- &
    fi
    pid=$!
    i=0
    until grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"; do
        i=$((i + 1))
        [ $i -lt 200 ]
        sleep 0.1
    done
    exec 5>&-
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 65 ] # its input was empty
}

@test "the configuration of the system's OpenSSL, which may name modules, is not read" {
    printf '%s\n' 'openssl_conf = i' '[i]' 'providers = p' '[p]' 'default = d' 'legacy = d' '[d]' 'activate = 1' >openssl.cnf
    export OPENSSL_CONF=$PWD/openssl.cnf
    need_strace
    strace -f -o trace "$BUILD_DIR/xbcrypt-enc" -f "$key" -o /dev/null </dev/null
    [ "$(grep -c 'openssl\.cnf\|ossl-modules' trace)" -ge 1 ]
    for program in "$static/xbcrypt-enc" "$static/xbpipe xbcrypt-enc"; do
        # shellcheck disable=SC2086 # two words
        strace -f -o trace $program -f "$key" -o /dev/null </dev/null
        grep -q execve trace
        [ "$(grep -c 'openssl\.cnf\|ossl-modules' trace)" -eq 0 ]
    done
}
