# SPDX-License-Identifier: Apache-2.0
# xbpack: what it writes, judged by other implementations; every option, status and message.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
}

hint() { printf '%s\n%s' "$1" "Try \`xbpack --help' or \`xbpack --usage' for more information."; }
read_xbstream() { python3 -S -E "$XBPIPE_TESTS/cli/read_xbstream.py" "$@"; }

# bytes SIZE: that many that no compression gets far with, the same each time.
bytes() { openssl enc -aes-128-ctr -K "$(printf %032d 1)" -iv 0 -in /dev/zero 2>/dev/null | head -c "$1"; }

# A tree: odd names, empty files, sizes around what is read and packed at a time, and $1 small files.
make_tree() {
    local size name
    mkdir -p tree/db/deep/er tree/many tree/-dash
    for size in 0 1 1048576 1048577 2097153; do
        bytes $size >"tree/db/b$size.ibd"
    done
    seq 100000 >tree/db/deep/er/text
    name=$(printf 'a\nb')
    echo odd >"tree/$name"
    printf 'l\xe9gume' >tree/$'l\xe9gume'
    echo dash >tree/-dash/-x
    echo space >'tree/ spaces and *'
    echo dot >tree/.hidden
    printf '%0200d' 0 >"tree/many/$(printf 'n%.0s' {1..240})"
    for ((size = 1; size <= $1; size++)); do
        echo "$size" >"tree/many/$size"
    done
}

# same_trees A B: the same files with the same content.
same_trees() { diff <(cd "$1" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) <(cd "$2" && find . -type f -exec sha256sum {} + | LC_ALL=C sort); }

need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

@test "of the same files it is mbstream's stream, byte for byte, for any number of threads" {
    need mbstream
    make_tree 10
    # mbstream takes no name that begins with a dot
    (cd tree && find db many ' spaces and *' -type f ! -name $'*\n*' ! -name '.*' | LC_ALL=C sort) >list
    bytes 10485761 >tree/large
    echo large >>list
    [ "$(wc -l <list)" -gt 15 ]
    mapfile -t names <list
    mbstream -c -C tree "${names[@]}" >expected
    for j in 1 3 7; do
        xbpack -j $j -C tree "${names[@]}" | cmp - expected
    done
    succeeds xbpack -c -p 2 -C tree -T list -o got --fsync
    cmp got expected
    # and mbstream takes it; it makes one folder at a time
    mkdir -p out/db/deep
    mbstream -x -C out <got
    [ "$(cd out && find . -type f | wc -l)" -eq "${#names[@]}" ]
    while IFS= read -r name; do
        cmp "out/$name" "tree/$name"
    done <list
}

@test "an independent reader gets the tree back, in order, the same for any number of threads" {
    make_tree 300 # more than are open at a time
    bytes 10485760 >tree/db/b10485760.ibd
    bytes 10485761 >tree/large
    for j in 1 3 7; do
        xbpack -j $j -C tree >stream
        [ $j -eq 1 ] || cmp stream before
        mv stream before
    done
    read_xbstream out <before >chunks
    same_trees tree out
    # 10 MiB a chunk, no empty ones
    grep -x 'P large 0 0 10485760' chunks
    grep -x 'P large 10485760 0 1' chunks
    [ "$(grep -c 'b10485760.ibd' chunks)" -eq 2 ]
    grep -x 'E db/b0.ibd' chunks
    [ "$(grep -c 'b0.ibd' chunks)" -eq 1 ]
    # the order of the names' bytes in each folder
    sed -n 's/^E //p' chunks >order
    [ "$(head -n 2 order | tail -n 1)" = -dash/-x ]
    [ "$(grep -n '^many/100$' order | cut -d: -f1)" -lt "$(grep -n '^many/11$' order | cut -d: -f1)" ]
}

@test "lz4 and zstd read the compressed members; the same bytes for any number of threads" {
    need lz4
    need zstd
    make_tree 10
    lz4_files() { lz4 -d -q -m --rm "$@"; }
    zstd_files() { zstd -d -q --rm "$@"; }
    for form in lz4 zstd lz4:9 zstd:1; do
        tool=${form%:*}
        suffix=${tool/zstd/zst}
        rm -rf out before
        for j in 1 3 7; do
            xbpack -j $j --compress=$form -C tree >stream
            [ ! -e before ] || cmp stream before
            mv stream before
        done
        read_xbstream out <before >/dev/null
        [ "$(find out -type f -name "*.$suffix" -printf . | wc -c)" -eq "$(find tree -type f -printf . | wc -c)" ]
        mapfile -d '' -t names < <(find out -type f -print0)
        "${tool}_files" "${names[@]}"
        same_trees tree out
    done
    [ "$(stat -c %s before)" -lt "$(xbpack -C tree | wc -c)" ]
}

# Reads a version 3 file with openssl alone: decode FILE <KEY.
decode() {
    python3 -S -E - "$1" "$(od -An -v -tx1 "$key" | tr -d ' \n')" <<'END'
import subprocess, sys
data, at = open(sys.argv[1], "rb").read(), 0
bits = len(sys.argv[2]) * 4
while at < len(data):
    assert data[at:at + 8] == b"XBCRYP03"
    size, iv = int.from_bytes(data[at + 16:at + 24], "little"), data[at + 44:at + 60].hex()
    plain = subprocess.run(["openssl", "enc", "-d", f"-aes-{bits}-ctr", "-K", sys.argv[2], "-iv", iv],
                           input=data[at + 60:at + 60 + size], stdout=-1, check=True).stdout
    sys.stdout.buffer.write(plain[:-32])
    at += 60 + size
END
}

@test "openssl reads the encrypted members; two runs are the same once decrypted" {
    mkdir -p tree/db
    bytes 200000 >tree/db/t.ibd
    : >tree/empty
    for j in 1 3; do
        rm -rf out
        xbpack -j $j --encrypt=aes256 -f "$key" -C tree | read_xbstream out >chunks
        [ "$(files out | tr '\n' ' ')" = "db/t.ibd.xbcrypt empty.xbcrypt " ]
        [ ! -s out/empty.xbcrypt ]
        decode out/db/t.ibd.xbcrypt | cmp - tree/db/t.ibd
        [ "$(stat -c %s out/db/t.ibd.xbcrypt)" -eq $((200000 + 4 * 92)) ]
    done
    # compressed first, then encrypted
    need zstd
    rm -rf out
    XBCRYPT_ENCRYPTION_KEY=$(cat "$key") xbpack --compress=zstd --encrypt -C tree | read_xbstream out >chunks
    decode out/db/t.ibd.zst.xbcrypt | zstd -dc | cmp - tree/db/t.ibd
    decode out/empty.zst.xbcrypt | zstd -dc | cmp - /dev/null
    # NONE: no key, the same container
    xbpack --encrypt=NONE -C tree | xbunpack --decrypt=NONE -C none
    same_trees tree none
}

@test "xbunpack undoes it: every form, encrypted or not, for any number of threads" {
    make_tree 10
    for form in "" lz4 zstd; do
        rm -rf out
        xbpack ${form:+--compress=$form} -C tree | xbunpack --decompress -C out
        same_trees tree out
        for j in 1 3; do
            rm -rf out
            xbpack -j $j ${form:+--compress=$form} --encrypt -f "$key" -C tree -o stream --overwrite
            xbunpack --decrypt -f "$key" --decompress -C out <stream
            same_trees tree out
        done
    done
}

@test "holes: data unless -S is given, which keeps them" {
    mkdir tree
    truncate -s 5000000000 tree/end tree/wide
    printf x | dd of=tree/wide bs=1 seek=4999999999 conv=notrunc status=none
    rm tree/end # too many zeros for a test without -S
    truncate -s 3000000 tree/hole
    bytes 100000 | dd of=tree/hole bs=4096 seek=300 conv=notrunc status=none
    truncate -s 1000000 tree/zeros
    : >tree/empty
    bytes 5000 >tree/dense
    for j in 1 3; do
        xbpack -j $j -S -C tree >stream.$j
    done
    cmp stream.1 stream.3
    [ "$(stat -c %s stream.1)" -lt 300000 ]
    read_xbstream out <stream.1 >chunks
    cmp tree/hole out/hole
    cmp tree/zeros out/zeros
    [ "$(stat -c %s out/wide)" -eq 5000000000 ]
    [ "$(tail -c 2 out/wide | od -An -tx1)" = " 00 78" ]
    grep -x 'P dense 0 0 5000' chunks
    grep -x 'E empty' chunks
    [ "$(stat -c %b tree/hole)" -lt 1000 ] || skip "this file system has no holes"
    grep -x 'S zeros 0 1 1' chunks
    rm -rf back
    xbunpack -C back <stream.1
    cmp tree/hole back/hole
    [ "$(stat -c %s back/wide)" -eq 5000000000 ]
    [ "$(stat -c %b back/wide)" -lt 1000 ]
    # without -S, for those who read no sparse chunks
    rm -rf tree/wide out
    xbpack -C tree | read_xbstream out >chunks
    same_trees tree out
    [ "$(grep -c '^S' chunks)" -eq 0 ]
    # compressed, they are data
    rm -rf out
    xbpack --compress=lz4 -C tree | xbunpack --decompress -C out
    same_trees tree out
}

@test "names: files, folders, both, lists; once each, in the order given" {
    mkdir -p t/a/b t/c
    echo 1 >t/a/1
    echo 2 >t/a/b/2
    echo 3 >t/c/3
    echo 4 >t/4
    names() { xbpack -C t "$@" | xbunpack -t | tr '\n' ' '; }
    [ "$(names)" = "4 a/1 a/b/2 c/3 " ]
    [ "$(names .)" = "4 a/1 a/b/2 c/3 " ]
    [ "$(names c a)" = "c/3 a/1 a/b/2 " ]
    [ "$(names a/b a ./a//b/ a/./1)" = "a/b/2 a/1 " ]
    [ "$(names ./c/3)" = "c/3 " ]
    (cd t && find . -print) >list
    [ "$(names -T list | tr ' ' '\n' | sort | tr '\n' ' ')" = " 4 a/1 a/b/2 c/3 " ] || names -T list
    (cd t && find . -type f -print0 | sort -z) >list0
    [ "$(names --null --files-from=list0)" = "4 a/1 a/b/2 c/3 " ]
    [ "$(printf 'c\n\n4' | names a/1 -T -)" = "a/1 c/3 4 " ]
    [ "$(cd t && xbpack | xbunpack -t | tr '\n' ' ')" = "4 a/1 a/b/2 c/3 " ]
    # the temporary file of a run that was killed is no file of a backup
    echo part >t/c/.xbpipe-0123456789abcdef.tmp
    [ "$(names c)" = "c/3 " ]
    # a name that begins with a dash
    echo 5 >t/-5
    [ "$(names -- -5)" = "-5 " ]
}

@test "-v names each file and each empty folder" {
    mkdir -p t/a t/e/f
    echo 1 >t/a/$'1\n'
    run --separate-stderr xbpack -v -C t -o out --encrypt -f "$key"
    [ "$status" -eq 0 ]
    # What the sandbox lacks is the kernel's and the build's matter.
    [ "$(grep -v '^xbpack: sandbox: ' <<<"$stderr")" = "xbpack: $key: key for AES256
xbpack: warning: e/f: left out: an xbstream cannot hold an empty folder
xbpack: a/1\\x0a" ]
    # Without -v they are counted: a clone of MySQL 8 does not start without its empty mysql/.
    left="left out: an xbstream cannot hold an empty folder; a server may need it after a restore"
    fails 0 "xbpack: warning: e/f: $left" xbpack -C t -o out --overwrite
    fails 0 "xbpack: warning: e/f: $left" xbpack -C t -o out --overwrite e a
    mkdir t/g $'t/g\n'
    fails 0 "xbpack: warning: e/f and 2 more (-v names them): $left" xbpack -C t -o out --overwrite
    rmdir t/e/f t/e t/g $'t/g\n'
    succeeds xbpack -C t -o out --overwrite
}

@test "what an xbstream cannot hold: 65, before anything is written" {
    mkdir t
    echo x >t/x
    for make in "ln -s x t/z" "ln -s /etc t/z" "mkfifo t/z" "mksock t/z"; do
        case $make in
        ln*) what="a symbolic link" ;;
        mkfifo*) what="a named pipe" ;;
        *) what="a socket" ;;
        esac
        mksock() { python3 -S -E -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"; }
        $make
        message="xbpack: z: it is $what, which an xbstream cannot hold; name the files to pack, or list them in a file for --files-from"
        fails 65 "$message" xbpack -C t
        [ -z "$output" ]
        fails 65 "$message" xbpack -C t z
        [ "$(xbpack -C t x | xbunpack -t)" = x ]
        rm t/z
    done
    fails 65 "xbpack: null: it is a device, which an xbstream cannot hold; name the files to pack, or list them in a file for --files-from" xbpack -C /dev null
    # links on the way
    mkdir -p outside/d
    echo secret >outside/d/s
    ln -s ../outside t/way
    fails 65 "xbpack: way/d/s: it is, or its path leads through, a symbolic link, which is not followed" xbpack -C t way/d/s
    [ -z "$output" ]
    # the directory itself belongs to the user
    ln -s outside link
    [ "$(xbpack -C link | xbunpack -t)" = d/s ]
}

@test "names that no extractor would take: 65" {
    mkdir t
    fails 65 'xbpack: refused member name "/etc/passwd": it is absolute' xbpack -C t /etc/passwd
    fails 65 'xbpack: refused member name "../t": it has a component "." or ".."' xbpack -C t ../t
    fails 65 'xbpack: refused member name "a/../b": it has a component "." or ".."' xbpack -C t a/../b
    fails 65 'xbpack: refused member name "": it is empty' xbpack -C t ""
    # 511 bytes are the most, the suffixes included
    folder=$(printf 'd%.0s' {1..250})
    mkdir -p "t/$folder/$folder"
    echo x >"t/$folder/$folder/123456789"
    xbpack -C t >stream
    xbunpack -C out <stream
    [ "$(files out)" = "$folder/$folder/123456789" ]
    run --separate-stderr xbpack --compress=lz4 -C t
    [ "$status" -eq 65 ]
    [[ $stderr == *": it is longer than 511 bytes" ]]
    [ -z "$output" ]
    mv "t/$folder/$folder/123456789" "t/$folder/$folder/1234567890"
    run --separate-stderr xbpack -C t
    [ "$status" -eq 65 ]
    [[ $stderr == *": it is longer than 511 bytes" ]]
    # a file's name may be as long as a file system takes, and gets its suffixes all the same
    rm -r t/* out
    folder=$(printf 'n%.0s' {1..255})
    echo x >"t/$folder"
    xbpack -C t --compress=lz4 --encrypt=NONE >new.xb
    xbunpack -C out --decrypt=NONE --decompress -i new.xb
    diff -r t out
}

@test "what is not there, or nothing: 66" {
    mkdir t
    fails 66 "xbpack: cannot open missing: No such file or directory" xbpack -C t missing
    fails 66 "xbpack: cannot open missing: No such file or directory" xbpack -C missing
    fails 66 "xbpack: cannot open list: No such file or directory" xbpack -C t -T list
    fails 66 "xbpack: there is no file to pack" xbpack -C t
    fails 66 "xbpack: there is no file to pack" xbpack -C t -T /dev/null
    [ -z "$output" ]
    echo x >t/x
    fails 66 "xbpack: cannot open x/y: Not a directory" xbpack -C t x/y
    fails 66 "xbpack: cannot open t/x: Not a directory" xbpack -C t/x
    fails 66 "xbpack: cannot open key file missing: No such file or directory" xbpack -C t --encrypt -f missing
    fails 74 "xbpack: cannot read t: Is a directory" xbpack -T t
}

@test "permission: 77, and the stream up to there does not look whole" {
    need_unprivileged
    umask 022
    mkdir t
    echo a >t/a
    echo b >t/b
    echo c >t/c
    chmod 0 t/b
    for j in 1 3; do
        packing() { unprivileged "$BUILD_DIR/xbpack" -j $j -C t >stream.$j; }
        fails 77 "xbpack: cannot open b: Permission denied" packing
    done
    cmp stream.1 stream.3
    run --separate-stderr xbunpack -C out -i stream.1
    [ "$status" -eq 65 ]
    [ "${stderr_lines[0]}" = "xbunpack: b: unfinished: the stream ended before it; its file was not created" ]
    [ "$(files out)" = a ]
    chmod 0 t
    fails 77 "xbpack: cannot open t: Permission denied" unprivileged "$BUILD_DIR/xbpack" -C t
    chmod 755 t
    mkdir t/d
    chmod 0 t/d
    fails 77 "xbpack: cannot open d: Permission denied" unprivileged "$BUILD_DIR/xbpack" -C t
}

@test "a file that changes while it is read: 75, whatever it loses or gains" {
    mkdir t
    echo first >t/a
    local full=150000000 # more than is read ahead
    for j in 1 3; do
        truncate -s $full t/f
        run changing xbpack "truncate -s 149000000 t/f" $j
        [ "$status" -eq 75 ]
        [ "$(cat err)" = "xbpack: f: changed while it was read: expected $full bytes, found 149000000; pack files that nothing writes to" ]
        truncate -s $full t/f
        run changing xbpack "echo more >>t/f" $j
        [ "$status" -eq 75 ]
        [ "$(cat err)" = "xbpack: f: changed while it was read: expected $full bytes, found 150000005; pack files that nothing writes to" ]
        truncate -s $full t/f
        run changing xbpack "touch -d 2001-01-01 t/f" $j
        [ "$status" -eq 75 ]
        [ "$(cat err)" = "xbpack: f: changed while it was read; pack files that nothing writes to" ]
        # One that has not been opened yet, with a pipe in its place, which is not waited for.
        truncate -s $full t/f
        echo last >t/z
        run changing xbpack "rm t/z; mkfifo t/z" $j
        [ "$status" -eq 65 ]
        [ "$(cat err)" = "xbpack: z: it is no longer a regular file" ]
        rm t/z
    done
}

@test "the output itself: not packed if the shell made it, not replaced if it is named" {
    mkdir t
    echo a >t/a
    into() { (cd t && xbpack >out.xb); }
    fails 0 "xbpack: warning: out.xb: left out: it is the output" into
    [ "$(xbunpack -t <t/out.xb)" = a ]
    rm t/out.xb
    succeeds xbpack -C t -o t/out.xb
    [ "$(xbunpack -t <t/out.xb)" = a ]
    [ "$(files t | tr '\n' ' ')" = "a out.xb " ]
    cp t/out.xb before
    fails 73 "xbpack: out.xb: this file is to be packed, and would be lost; write elsewhere" xbpack -C t -o t/out.xb --overwrite
    cmp t/out.xb before
    fails 73 "xbpack: t/out.xb: file exists already; remove it, or use --overwrite to replace it" xbpack -C t a -o t/out.xb
    succeeds xbpack -C t a -o t/out.xb --overwrite
    echo a >list
    fails 73 "xbpack: list: this file is being read, and would be lost; write elsewhere" xbpack -C t -T list -o list --overwrite
    [ "$(files t | tr '\n' ' ')" = "a out.xb " ]
}

@test "output that fails: 73, 74; a reader that goes away" {
    mkdir t
    bytes 3000000 >t/f
    full() { xbpack -C t >/dev/full; }
    fails 74 "xbpack: cannot write standard output: No space left on device" full
    fails 74 "xbpack: cannot write /dev/full: No space left on device" xbpack -C t -o /dev/full
    closed() { xbpack -C t >&-; }
    fails 74 "xbpack: cannot write standard output: Bad file descriptor" closed
    run -73 xbpack -C t -o missing/out
    gone() { xbpack -j "$1" -C t | head -c 10 >/dev/null; return "${PIPESTATUS[0]}"; }
    for j in 1 3; do
        fails 141 "" gone $j
        ignoring() { (trap '' PIPE && gone $j); }
        fails 74 "" ignoring
    done
}

@test "usage: 64" {
    mkdir t
    echo x >t/x
    fails 64 "$(hint "xbpack: -f is for --encrypt, which is not given")" xbpack -C t -f "$key"
    fails 64 "$(hint "xbpack: -0 is for --files-from, which is not given")" xbpack -C t -0
    fails 64 "$(hint "xbpack: -S does not go with --encrypt or --compress: holes are data to them")" xbpack -C t -S --compress=lz4
    fails 64 "$(hint "xbpack: -S does not go with --encrypt or --compress: holes are data to them")" xbpack -C t --sparse --encrypt -f "$key"
    fails 64 "$(hint "xbpack: --encrypt=RC4: expected AES128, AES192, AES256 or NONE")" xbpack -C t --encrypt=RC4
    fails 64 "$(hint "xbpack: --compress=gzip: expected lz4, zstd or qp, and a level: zstd:9")" xbpack -C t --compress=gzip
    fails 64 "$(hint "xbpack: --compress=lz45: expected lz4, zstd or qp, and a level: zstd:9")" xbpack -C t --compress=lz45
    fails 64 "$(hint "xbpack: --compress=lz4:13: expected a level from 1 to 12")" xbpack -C t --compress=lz4:13
    fails 64 "$(hint "xbpack: --compress=zstd:: expected a level from 1 to 19")" xbpack -C t --compress=zstd:
    fails 64 "$(hint "xbpack: --compress=qp:4: expected a level from 1 to 3")" xbpack -C t --compress=qp:4
    fails 64 "$(hint "xbpack: 0: expected a number of threads from 1 to 1024")" xbpack -C t -j 0
    fails 64 "xbpack: -x: this program packs; xbunpack unpacks" xbpack -x -C t
    fails 64 "xbpack: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbpack -C t --encrypt
    fails 64 "xbpack: -k, --encrypt-key: a key on the command line can be read by every user of the machine; use -f FILE, -f /dev/fd/N, or the environment variable XBCRYPT_ENCRYPTION_KEY" xbpack --encrypt -k SeCrEt
    fails 64 "xbpack: $xbc/key128: key has 16 bytes, which is AES128: -a says AES256 needs 32" xbpack --encrypt=AES256 -f "$xbc/key128" -C t
    head -c 20 "$key" >short
    fails 65 "xbpack: short: key has 20 bytes: expected 16, 24 or 32 (AES128, AES192, AES256)" xbpack --encrypt -f short -C t
    run -0 xbpack --version
    [[ $output =~ ^xbpack\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { xbpack $option >/dev/full; }
        fails 74 "xbpack: cannot write standard output: No space left on device" full
    done
}

@test "a signal ends it by that signal, and no file stays behind -o" {
    mkdir t
    truncate -s 1000G t/endless
    for signal in TERM INT HUP; do
        $killable xbpack --compress=lz4 -C t -o out.xb &
        packer=$!
        for ((i = 0; i < 500; i++)); do
            [ -z "$(find . -maxdepth 1 -name '.xbpipe-*' -size +0)" ] || break
            sleep 0.02
        done
        [ $i -lt 500 ]
        kill -$signal $packer
        status=0
        wait $packer || status=$?
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        [ "$(files .)" = t/endless ]
    done
}

# Runs xbpack with the system call $1 failing as $2 says.
with_fault() {
    local call=$1 how=$2
    shift 2
    strace -f -o trace -e trace="$call" -e inject="$call:$how" "$@"
}

@test "a kernel without openat2: the same files, and no link followed" {
    need_strace
    mkdir -p t/a/b outside
    echo 1 >t/a/b/1
    echo 2 >outside/2
    ln -s ../outside t/a/link
    for error in ENOSYS EPERM; do
        with_fault openat2 error=$error xbpack -C t a/b a/./b/1 >stream
        grep -q "= -1 $error.*INJECTED" trace
        [ "$(xbunpack -t <stream)" = a/b/1 ]
        fails 65 "xbpack: a/link/2: it is, or its path leads through, a symbolic link, which is not followed" with_fault openat2 error=$error xbpack -C t a/link/2
        fails 65 "xbpack: a/link: it is a symbolic link, which an xbstream cannot hold; name the files to pack, or list them in a file for --files-from" with_fault openat2 error=$error xbpack -C t a/link
        fails 66 "xbpack: cannot open a/b/1/x: Not a directory" with_fault openat2 error=$error xbpack -C t a/b/1/x
        fails 66 "xbpack: cannot open a/c/1: No such file or directory" with_fault openat2 error=$error xbpack -C t a/c/1
    done
}

@test "a disk that fails: 74, and the stream up to there does not look whole" {
    need_strace
    mkdir t
    echo a >t/a
    bytes 3000000 >t/f
    # The second read of that file is of its second MiB.
    failing() { with_fault pread64 error=EIO:when=2 -P "$PWD/t/f" xbpack -j 1 -C t >stream; }
    fails 74 "xbpack: f: cannot read it at offset 1048576: Input/output error" failing
    run -65 --separate-stderr xbunpack -C out -i stream
    [ "$(files out)" = a ]
    [[ $stderr == *"f: unfinished"* ]]
    failing() { with_fault getdents64 error=EIO:when=1 xbpack -C t; }
    fails 74 "xbpack: cannot read folder .: Input/output error" failing
    [ -z "$output" ]
    failing() { with_fault openat2 error=EMFILE:when=1 xbpack -C t a; }
    fails 71 "xbpack: cannot open a: Too many open files" failing
}
