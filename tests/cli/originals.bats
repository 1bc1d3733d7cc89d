# SPDX-License-Identifier: Apache-2.0
# The input of a program is still there, unchanged, when it ends, whatever the options, the key, and
# the names of the outputs.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    tr 0-9 1-90 <"$key" >wrong
    looks_wrong="this looks like the wrong key: the data of xbcrypt chunk at input offset"
}

# A line for each file: its content, inode, mode, size, number of links, and time of change.
state_of() { sha256sum "$@" && stat -c '%n %i %a %s %h %Y' "$@"; }

# kept FILE... -- COMMAND...: runs the command, and fails if one of the files is not as it was.
kept() {
    local originals=()
    while [ "$1" != -- ]; do
        originals+=("$1")
        shift
    done
    shift
    local before
    before=$(state_of "${originals[@]}")
    run --separate-stderr "$@" # may fail
    [ "$(state_of "${originals[@]}" 2>&1)" = "$before" ] || {
        echo "changed by: $*"
        return 1
    }
}

# An encrypted object, its envelope, the reply that made its key, and the key, in the folder $1.
s3_object() {
    mkdir "$1"
    cp "$fixtures/kms/aws-generate-data-key.json" "$1/reply"
    sed -n 's/.*"Plaintext": *"\([^"]*\)".*/\1/p' "$1/reply" >"$1/data.key"
    echo 'TAPE and the rest' >"$1/plain"
    s3cse-enc -e "$1/meta" -f "$1/reply" -i "$1/plain" -o "$1/object"
}

lost() { echo "$1: this file is being read, and would be lost; write elsewhere"; }

@test "every option of every program, given the input's own name, with --overwrite: the input stays" {
    s3=$PWD/s3
    s3_object "$s3"
    count=0
    for program in $(cd "$XBPIPE_TESTS/../bin" && printf '%s\n' *.c | sed 's/\.c$//'); do
        rm -rf in
        mkdir in
        cd in
        read=(input key)
        case $program in
        xbunpack)
            make_xbstream 'MEMBER name=input data=new' 'MEMBER name=key data=new' >input
            base=(-i input --decrypt -f key)
            ;;
        qpunpack) make_qpress ARCHIVE 'FILE name=input data=new' >input && base=(-i input) && read=(input) ;;
        xbcrypt-dec) cp "$rds/stream_v3.xb.xbcrypt" input && base=(-i input -f key) ;;
        xbcrypt-enc) echo plain >input && base=(-i input -f key) ;;
        xbpack) echo plain >input && base=(--encrypt -f key) && read+=(envelope) ;;
        s3cse-dec) cp "$s3/object" input && base=(-i input -f key -e envelope) && read+=(envelope) ;;
        s3cse-enc) echo plain >input && base=(-i input -f key -e out) ;;
        kms*) cp "$fixtures/kms/demo-ciphertext.b64" input && base=(--master-key=key) ;;
        *) cp "$rds/plaintext.b64" input && base=() && read=(input) ;;
        esac
        case $program in
        kms*) cp "$fixtures/kms/demo-master.key" key ;;
        s3cse-dec) cp "$s3/data.key" key ;;
        s3cse-enc) cp "$s3/reply" key ;;
        *) cp "$key" key ;;
        esac
        cp "$s3/meta" envelope
        touch -d '2020-01-01' input key envelope
        help=$($program --help)
        [[ $help != *--overwrite* ]] || base+=(--overwrite)
        while read -r option; do
            name=${option%%=*}
            name=${name%%\[*}
            case $option in
            *=DIR*) values=(. ./) ;;
            *=FILE* | *=file*) values=(input ./input key envelope "$PWD/input") ;;
            *=SIZE*) values=(64K) ;;
            *=N | *=N\]) values=(2) ;;
            *=*) values=(input AES256 response raw gcm) ;;
            *) values=("") ;;
            esac
            for value in "${values[@]}"; do
                kept "${read[@]}" -- from input timeout 20 "$program" "${base[@]}" "$name${value:+=$value}"
                [ "$status" -ne 124 ]
                count=$((count + 1))
            done
        done < <(grep -oE -- '--[a-z][a-z0-9-]+(\[?=[A-Za-z:,=]+\]?)?' <<<"$(grep -E '^ +(-., )?--' <<<"$help")" | sort -u)
        cd ..
    done
    echo "$count runs"
    [ "$count" -ge 100 ]
}

@test "no option of any program is named for removing" {
    for program in $(cd "$XBPIPE_TESTS/../bin" && printf '%s\n' *.c | sed 's/\.c$//'); do
        run -1 grep -iE -- '--[a-z-]*(remov|delet|unlink|rm-|-rm)' <<<"$($program --help)"
    done
}

@test "a version 2 stream and the wrong key: refused with 65, so that no && removes the original" {
    cp "$rds/stream_v2.xb.xbcrypt" backup
    kept backup wrong -- xbcrypt-dec -f wrong -i backup -o backup.xb
    [ "$status" -eq 65 ]
    [[ ${stderr_lines[0]} == "xbcrypt-dec: $looks_wrong 0 decrypts to random bytes; "* ]]
    [ "$(files .)" = "backup
wrong" ]
    # The classic accident, in the form that a script would give it.
    xbcrypt-dec -f wrong -i backup -o backup.xb 2>/dev/null && rm backup # may fail
    cmp backup "$rds/stream_v2.xb.xbcrypt"
    # In a pipeline, and with the warning only: whatever comes out, the original stays.
    kept backup -- bash -c 'set -o pipefail; xbcrypt-dec -f wrong <backup | xbunpack -C out && rm backup'
    [ "$status" -ne 0 ]
    [ -z "$(files out)" ]
    kept backup -- xbcrypt-dec --no-strict -f wrong -i backup -o garbage
    [ "$status" -eq 0 ]
    [ "${stderr_lines[0]}" = "xbcrypt-dec: warning: this looks like the wrong key: the plaintext is random bytes; open it with the program that made it before you rely on it" ]
}

@test "members of version 2 and the wrong key: 65 in every way to extract them, and no file" {
    cp "$rds/full_v2_qp.xb" backup
    for options in --decompress "" --strict "--decompress --no-strict"; do
        rm -rf out
        # shellcheck disable=SC2086 # words
        kept backup wrong -- xbunpack --decrypt $options -f wrong -C out -i backup
        [ "$status" -eq 65 ]
        [ -z "$(files out)" ]
    done
    kept backup wrong -- xbunpack --decrypt --no-strict -f wrong -C out -i backup
    [ "$status" -eq 0 ]
    [[ $stderr == *"this looks like the wrong key"* ]]
}

# The layout of the accident: encrypted files beside each other in the folder of the backup.
@test "a folder of version 2 files, the wrong key, in place: no file is lost" {
    mkdir backup
    for n in 1 2 3; do cp "$xbc/plain.v2.aes256.xbcrypt" backup/$n.ibd.xbcrypt; done
    cp -a backup before
    for file in backup/*.xbcrypt; do
        xbcrypt-dec -f wrong -i "$file" -o "${file%.xbcrypt}" 2>/dev/null && rm -- "$file" # may fail
    done
    diff -r before backup
}

@test "an output that is the input, by any of its names: 73, and the input stays" {
    cp "$rds/stream_v3.xb.xbcrypt" backup
    ln backup other-name
    ln -s backup link
    mkdir -p d
    for name in backup ./backup other-name d/../backup; do
        for input in "-i backup" "-i link" "<backup"; do
            command="xbcrypt-dec -f '$key' ${input} -o $name --overwrite"
            kept backup -- bash -c "$command"
            [ "$status" -eq 73 ]
            [ "$stderr" = "xbcrypt-dec: $(lost $name)" ]
            kept backup -- bash -c "xbcrypt-enc -f '$key' ${input} -o $name --overwrite"
            [ "$status" -eq 73 ]
        done
    done
    # A symbolic link is replaced as such, and what it points to stays.
    kept backup -- xbcrypt-dec -f "$key" -i backup -o link --overwrite
    [ "$status" -eq 0 ]
    cmp link "$fixtures/mariadb/shop_qp.xb"
    # The key.
    cp "$key" k
    kept backup k -- xbcrypt-dec -f k -i backup -o k --overwrite
    [ "$status" -eq 73 ]
    [ "$stderr" = "xbcrypt-dec: $(lost k)" ]
    [ -z "$(find . -name '.xbpipe-*')" ]
}

@test "standard output that is the input: 73, and the input stays" {
    cp "$rds/stream_v3.xb.xbcrypt" backup
    cp "$fixtures/qpress/tree.L1.qp" archive
    for redirection in '>>' '1<>'; do
        kept backup -- bash -c "xbcrypt-dec -f '$key' <backup ${redirection}backup"
        [ "$status" -eq 73 ]
        [ "$stderr" = "xbcrypt-dec: standard output is a file that is being read, which would be lost; write to another file" ]
        kept archive -- bash -c "qpunpack -o <archive ${redirection}archive"
        [ "$status" -eq 73 ]
    done
}

@test "a member that has the archive's own name: 73, and the archive stays" {
    make_xbstream 'MEMBER name=first data=1' 'MEMBER name=backup.xb data=2' 'MEMBER name=last data=3' >made
    mkdir out
    cp made out/backup.xb
    for input in "-i out/backup.xb" "<out/backup.xb"; do
        rm -f out/first
        kept out/backup.xb -- bash -c "xbunpack -C out --overwrite $input"
        [ "$status" -eq 73 ]
        [ "$stderr" = "xbunpack: $(lost backup.xb)" ]
        [ "$(files out)" = "backup.xb
first" ]
    done
    make_qpress ARCHIVE 'FILE name=backup.qp data=x' >out/backup.qp
    kept out/backup.qp -- xbunpack -C out --overwrite -i made
    kept out/backup.qp -- qpunpack -C out --overwrite -i out/backup.qp
    [ "$status" -eq 73 ]
}

@test "s3cse-dec and s3cse-enc replace neither object nor envelope nor key" {
    s3_object s3
    cd s3
    for name in object meta data.key; do
        kept object meta data.key -- s3cse-dec -e meta -f data.key -i object -o $name --overwrite
        [ "$status" -eq 73 ]
        [ "$stderr" = "s3cse-dec: $(lost $name)" ]
    done
    for name in plain reply; do
        kept plain reply -- s3cse-enc -e new -f reply -i plain -o $name --overwrite
        [ "$status" -eq 73 ]
        kept plain reply -- s3cse-enc -e $name -f reply -i plain -o new --overwrite
        [ "$status" -eq 73 ]
    done
}
