# SPDX-License-Identifier: Apache-2.0
# qppack: what it writes, judged by another decoder; every option, status and message.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    qp=$fixtures/qpress
}

hint() { printf '%s\n%s' "$1" "Try \`qppack --help' or \`qppack --usage' for more information."; }
read_qpress() { python3 -S -E "$XBPIPE_TESTS/cli/read_qpress.py" "$@"; }

# bytes SIZE: that many that no compression gets far with, the same each time.
bytes() { openssl enc -aes-128-ctr -K "$(printf %032d 1)" -iv 0 -in /dev/zero 2>/dev/null | head -c "$1"; }

# A tree: odd names, empty files and folders, sizes around what is read and packed at a time.
make_tree() {
    local size name
    mkdir -p tree/db/deep/er tree/-dash tree/empty/one tree/db.d
    for size in 0 1 65535 65536 65537 1048577; do
        bytes $size >"tree/db/b$size.ibd"
    done
    seq 20000 >tree/db/deep/er/text
    head -c 200000 /dev/zero >tree/db/zeros
    name=$(printf 'a\nb')
    echo odd >"tree/$name"
    printf 'l\xe9gume' >tree/$'l\xe9gume'
    echo dash >tree/-dash/-x
    echo space >'tree/ spaces and *'
    echo dot >tree/.hidden
    echo other >tree/db.d/x
}

# same_trees A B: the same files and folders with the same content.
same_trees() { diff -r "$1" "$2"; }

@test "an independent reader gets the tree back, at each level, the same for any number of threads" {
    make_tree
    for level in 1 2 3; do
        for j in 1 3 7; do
            succeeds qppack -j $j -L $level -C tree -o packed --overwrite
            [ $j -eq 1 ] || cmp packed before
            mv packed before
        done
        rm -rf out
        read_qpress out <before >items
        same_trees tree out
        [ -d out/empty/one ]
        grep -x "F text 108894 $level" items
        grep -x "F b0.ibd 0" items
        # one block of 64 KiB, and one byte more
        grep -x "F b65537.ibd 65537 $level" items
        [ "$(grep -c '^D db$' items)" -eq 1 ]
    done
}

@test "qpunpack undoes it; xbunpack too, where an xbstream is inside" {
    make_tree
    for j in 1 3; do
        rm -rf out
        qppack -j $j -L 3 -C tree | qpunpack -j $j -C out
        same_trees tree out
    done
    rm -rf tree/empty out
    xbpack -C tree | qppack -i backup.xb >backup_xb.qp
    [ "$(qpunpack -t <backup_xb.qp)" = backup.xb ]
    xbunpack -C out --auto <backup_xb.qp
    same_trees tree out
}

@test "beside qpress 1.1: the same items, and no more bytes" {
    for level in 1 2 3; do
        rm -rf out back
        qpunpack -C out <"$qp/tree.L$level.qp"
        # in qpress's order
        qppack -L $level -C out d.txt FOO/c.txt FOO/BAR baz/noise.bin baz/zeros.bin baz/text.txt baz/empty >packed
        read_qpress items <"$qp/tree.L$level.qp" >expected
        read_qpress back <packed >got
        diff expected got
        rm -r items
        [ "$(stat -c %s packed)" -le "$(stat -c %s "$qp/tree.L$level.qp")" ]
    done
}

@test "standard input: one file, with the name that is given, or the output's, or none" {
    seq 30000 >in
    name_of() { qpunpack -t; }
    [ "$(qppack <in | name_of)" = stdin ]
    [ "$(qppack -i <in | name_of)" = stdin ]
    [ "$(qppack -i t1.ibd <in | name_of)" = t1.ibd ]
    [ "$(qppack --stdin db/t1.ibd <in | name_of)" = t1.ibd ]
    [ "$(qppack -io t1.ibd <in | name_of)" = t1.ibd ]
    [ "$(qppack -ioL3 t1.ibd <in | name_of)" = t1.ibd ]
    mkdir db
    succeeds from in qppack -o db/t2.ibd.qp
    [ "$(name_of <db/t2.ibd.qp)" = t2.ibd ]
    succeeds from in qppack -o other
    [ "$(name_of <other)" = other ]
    for j in 1 3; do
        qppack -j $j <in | qpunpack | cmp - in
        cat in in in | qppack -j $j -L2 | qpunpack | cmp - <(cat in in in)
    done
    qppack </dev/null | read_qpress out >items
    [ "$(cat items)" = "F stdin 0" ]
    # As XtraBackup 2.4 writes a member, but for the packets: the same head and end.
    qppack -i text.txt <in | head -c 30 | cmp - <(head -c 30 "$qp/stdin.qp")
    qppack -i text.txt <in | tail -c 16 | cmp - <(tail -c 16 "$qp/stdin.qp")
}

@test "xbpack --compress=qp: members that XtraBackup could have written" {
    make_tree
    rm -r tree/empty
    for level in "" :1 :2 :3; do
        for j in 1 3; do
            rm -rf out
            xbpack -j $j --compress=qp$level -C tree >stream.$j
            xbunpack -j $j -C out --decompress <stream.$j
            same_trees tree out
        done
        cmp stream.1 stream.3
    done
    rm -rf members out
    python3 -S -E "$XBPIPE_TESTS/cli/read_xbstream.py" members <stream.1 >chunks
    read_qpress out <members/db/deep/er/text.qp >items
    [ "$(cat items)" = "F text 108894 3" ]
    rm -r out
    read_qpress out <members/db/b0.ibd.qp >items
    [ "$(cat items)" = "F b0.ibd 0" ]
    [ "$(files members | wc -l)" -eq "$(files tree | wc -l)" ]
    rm -rf out
    xbpack --compress=qp --encrypt -f "$key" -C tree | xbunpack -C out --decrypt -f "$key" --decompress
    same_trees tree out
    xbpack --compress=qp --encrypt -f "$key" -C tree | xbunpack -t | grep -x db/zeros.qp.xbcrypt
}

@test "names: files, folders, lists; once each, in the order given" {
    mkdir -p t/a/b t/c t/e
    echo 1 >t/a/1
    echo 2 >t/a/b/2
    echo 3 >t/c/3
    echo 4 >t/4
    names() { qppack -C t "$@" | qpunpack -t | tr '\n' ' '; }
    [ "$(names)" = "4 a/1 a/b/2 c/3 " ]
    [ "$(names c a)" = "c/3 a/1 a/b/2 " ]
    [ "$(names a/b a ./a//b/ a/./1)" = "a/b/2 a/1 " ]
    [ "$(printf 'c\n\n4' | names a/1 --files-from=-)" = "a/1 c/3 4 " ]
    printf 'c\0004\000' >list0
    [ "$(names -0 --files-from=list0)" = "c/3 4 " ]
    [ "$(cd t && qppack c a | qpunpack -t | tr '\n' ' ')" = "c/3 a/1 a/b/2 " ]
    # a folder that is left and entered again
    [ "$(names a/1 4 a/b/2)" = "a/1 4 a/b/2 " ]
    qppack -C t a/1 4 a/b/2 e | read_qpress out >items
    [ "$(tr '\n' ' ' <items)" = "D a F 1 2 1 U F 4 2 1 D a D b F 2 2 1 U U D e U " ]
    # the temporary file of a run that was killed is no file of a backup
    echo part >t/c/.xbpipe-0123456789abcdef.tmp
    [ "$(names c)" = "c/3 " ]
    echo 5 >t/-5
    [ "$(names -- -5)" = "-5 " ]
    # -v names what is packed
    run --separate-stderr qppack -v -C t -o out.qp c
    [ "$status" -eq 0 ]
    [[ $stderr == *"qppack: c/3"* ]]
}

@test "what an archive cannot hold, and names that no extractor would take: 65, and no output" {
    mkdir t
    echo x >t/x
    ln -s x t/z
    fails 65 "qppack: z: it is a symbolic link, which a qpress archive cannot hold; name the files to pack, or list them in a file for --files-from" qppack -C t
    [ -z "$output" ]
    fails 65 'qppack: refused member name "/etc/passwd": it is absolute' qppack -C t /etc/passwd
    fails 65 'qppack: refused member name "../t": it has a component "." or ".."' qppack -C t ../t
    fails 65 'qppack: refused member name "": it is empty' from /dev/null qppack -i ""
    fails 65 'qppack: refused member name "..": it has a component "." or ".."' from /dev/null qppack -i ..
    fails 65 'qppack: refused member name "": it is empty' from /dev/null qppack -i a/
    fails 66 "qppack: cannot open missing: No such file or directory" qppack -C t missing
    fails 66 "qppack: there is no file to pack" qppack --files-from=/dev/null
    [ "$(files .)" = "$(printf 't/x\nt/z')" ]
}

@test "a file that cannot be read, or changes: the archive up to there does not look whole" {
    need_unprivileged
    umask 022
    mkdir t
    echo a >t/a
    echo b >t/b
    chmod 0 t/b
    for j in 1 3; do
        packing() { unprivileged "$BUILD_DIR/qppack" -j $j -C t >packed; }
        fails 77 "qppack: cannot open b: Permission denied" packing
        run --separate-stderr qpunpack -C out -i packed
        [ "$status" -eq 65 ]
        [[ $stderr == "qpunpack: qpress archive ends too early, at input offset 75: expected the rest of a file;"* ]]
        [ "$(files out)" = a ]
        rm -r out
    done
}

@test "a file that changes while it is read: 75, whatever it loses or gains" {
    mkdir t
    echo first >t/a
    local full=60000000 # more than is read ahead
    bytes $full >whole
    for j in 1 3; do
        cp whole t/f
        run changing qppack "truncate -s 59000000 t/f" $j
        [ "$status" -eq 75 ]
        [ "$(cat err)" = "qppack: f: changed while it was read: expected $full bytes, found 59000000; pack files that nothing writes to" ]
        cp whole t/f
        run changing qppack "echo more >>t/f" $j
        [ "$status" -eq 75 ]
        [ "$(cat err)" = "qppack: f: changed while it was read: expected $full bytes, found 60000005; pack files that nothing writes to" ]
    done
}

@test "the output: whole or not at all, never an input, not replaced without a word" {
    mkdir t
    echo a >t/a
    into() { (cd t && qppack a out.qp -C . >out.qp); }
    fails 0 "qppack: warning: out.qp: left out: it is the output" into
    [ "$(qpunpack -t <t/out.qp)" = a ]
    # also where it comes first, with the head of the archive
    into() { (cd t && qppack out.qp a >out.qp); }
    fails 0 "qppack: warning: out.qp: left out: it is the output" into
    [ "$(qpunpack -t <t/out.qp)" = a ]
    fails 73 "qppack: t/out.qp: file exists already; remove it, or use --overwrite to replace it" qppack -C t a -o t/out.qp
    fails 73 "qppack: out.qp: this file is to be packed, and would be lost; write elsewhere" qppack -C t -o t/out.qp --overwrite
    succeeds qppack -C t a -f -o t/out.qp
    full() { qppack -C t >/dev/full; }
    fails 74 "qppack: cannot write standard output: No space left on device" full
    full() { qppack -i <t/a >/dev/full; }
    fails 74 "qppack: cannot write standard output: No space left on device" full
    run -73 qppack -C t -o missing/out
    gone() { head -c 3000000 /dev/urandom | qppack -j "$1" | head -c 10 >/dev/null; return "${PIPESTATUS[1]}"; }
    for j in 1 3; do
        fails 141 "" gone $j
    done
    # an input that breaks leaves nothing
    fails 74 "qppack: cannot read standard input at input offset 0: Is a directory" from t qppack -o gone.qp
    [ ! -e gone.qp ]
    [ -z "$(find . -name '.xbpipe-*')" ]
}

@test "a signal ends it by that signal, and no file stays behind -o" {
    mkdir t
    truncate -s 1000G t/endless
    for signal in TERM INT HUP; do
        $killable qppack -C t -o out.qp 2>/dev/null &
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
        [ "$(ls -A)" = t ]
    done
}

@test "usage: 64; what qpress has is taken" {
    fails 64 "$(hint "qppack: standard input is a terminal: expected data to pack; name the files to pack, or use <FILE")" timeout 10 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" 0 qppack -o out
    mkdir t
    echo x >t/x
    for level in 0 4 x ""; do
        fails 64 "$(hint "qppack: -L $level: expected a level from 1 to 3")" qppack -C t -L "$level"
    done
    fails 64 "$(hint "qppack: -0 is for --files-from, which is not given")" qppack -C t -0
    fails 64 "$(hint "qppack: -i is for one NAME, and a second operand is given")" qppack -i a b
    fails 64 "$(hint "qppack: -i packs standard input: -C and --files-from do not go with it")" qppack -i -C t
    fails 64 "$(hint "qppack: -i packs standard input: -C and --files-from do not go with it")" qppack -i --files-from=t/x
    fails 64 "qppack: -d: this program packs; qpunpack unpacks" qppack -d a
    fails 64 "$(hint "qppack: -K x: expected a size in KiB")" qppack -K x a
    [ "$(cd t && qppack -rvL2 -T3 -K1024 x 2>/dev/null | qpunpack -t)" = x ]
    [ "$(cd t && qppack --recursive --qpress-threads=2 --block-size=64 --level=3 x | qpunpack)" = x ]
    run -0 qppack --version
    [[ $output =~ ^qppack\ \(xbpipe\)\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    for option in --help --usage --version; do
        full() { qppack $option >/dev/full; }
        fails 74 "qppack: cannot write standard output: No space left on device" full
    done
}
