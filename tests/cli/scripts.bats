# SPDX-License-Identifier: Apache-2.0
# Scripts that call xbcrypt, xbstream, mbstream and qpress work after the program's name is changed:
# the command lines of their documentation and of public restore scripts. The expected results are
# those of the original programs.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    # The names that a script has, each with the new program behind it.
    xbstream() { if [[ " $* " == *" -c"* || " $* " == *" --create "* ]]; then xbpack "$@"; else xbunpack "$@"; fi; }
    xbcrypt() { if [[ " $* " =~ \ (-d|--decrypt)\  ]]; then xbcrypt-dec "$@"; else xbcrypt-enc "$@"; fi; }
    qpress() { qpunpack "$@"; }
    terminal() { timeout 20 python3 -S -E "$XBPIPE_TESTS/cli/on_terminal.py" "$@"; }
}

@test "xbcrypt: every algorithm, chunk size, number of threads and buffer size, to a file and back" {
    cp "$xbc/plain.txt" plain
    for size in 16 24 32; do
        head -c $size "$xbc/key256" >key
        algorithm=AES$((size * 8))
        for options in "" "-s 1" "-s 512" "--encrypt-chunk-size=1000" "-s 64K -t 2" "-t 4 -r 1K" \
            "--encrypt-threads=2 --read-buffer-size=10M" "-v"; do
            rm -f plain.xbcrypt again
            # shellcheck disable=SC2086 # words
            xbcrypt -a $algorithm -f key $options -i plain -o plain.xbcrypt 2>notes
            [[ "$options" != *"-s 1"* && "$options" != *"-s 512"* ]] ||
                grep -q 'is too small, and 1024 are used$' notes
            # shellcheck disable=SC2086
            xbcrypt -d -a $algorithm -f key $options -i plain.xbcrypt -o again 2>/dev/null
            cmp plain again || { echo "$algorithm $options"; return 1; }
        done
        xbcrypt --encrypt-algo=$algorithm --encrypt-key-file=key <plain >plain.xbcrypt
        xbcrypt --decrypt --encrypt-algo=$algorithm --encrypt-key-file=key --encrypt-threads=4 <plain.xbcrypt >again
        cmp plain again || { echo "$algorithm"; return 1; }
    done
    # An empty stream, and one of a byte.
    for n in 0 1; do
        head -c $n plain | xbcrypt -a AES192 -f "$xbc/key192" -s 1 2>/dev/null | xbcrypt -d -a AES192 -f "$xbc/key192" >again
        [ "$(stat -c %s again)" -eq $n ] || { echo "$n"; return 1; }
    done
}

@test "a key on the command line stays refused, by each of its names, and is not shown" {
    refused() {
        run --separate-stderr "$@"
        [ "$status" -eq 64 ] || { echo "$* ended with $status"; return 1; }
        [[ $stderr == *"a key on the command line can be read by every user"* ]] || { echo "$stderr"; return 1; }
        [[ $stderr != *SeCrEt* ]] || { echo "$stderr"; return 1; }
    }
    for option in -kSeCrEt "-k SeCrEt" --encrypt-key=SeCrEt "--encrypt-key SeCrEt"; do
        # shellcheck disable=SC2086 # words
        refused xbcrypt -d -a AES256 $option
        # shellcheck disable=SC2086
        refused xbcrypt -a AES256 $option
        # shellcheck disable=SC2086
        refused xbstream -x --decrypt=AES256 $option
        # shellcheck disable=SC2086
        refused xbstream -c --encrypt $option
    done
    # A mistake in an option's name does not show what is behind it.
    for option in --encrypt-kye=SeCrEt --encrpyt-key=SeCrEt --encrypt=SeCrEt --key=SeCrEt --e=SeCrEt; do
        for program in "xbcrypt -d" xbcrypt "xbstream -x"; do
            run --separate-stderr $program $option
            [ "$status" -eq 64 ] || { echo "$program $option ended with $status"; return 1; }
            [[ $output$stderr != *SeCrEt* ]] || { echo "$stderr"; return 1; }
        done
    done
}

@test "xbstream: all streams decrypted and decompressed in parallel, as its own options say" {
    n=0
    for options in \
        "-x -C out --decrypt=AES256 --encrypt-key-file=$key --decompress" \
        "-xv -C out --parallel=16 --decrypt=AES256 --encrypt-key-file=$key --encrypt-threads=4 --decompress --decompress-threads=4" \
        "-x --parallel=2 --decrypt AES256 -f $key --decompress -C out" \
        "-x -p 2 -d AES256 -f $key --decompress=quicklz --directory=out" \
        "--extract --parallel=2 -dAES256 --encrypt-key-file $key --decompress --directory out --read-buffer-size=1M" \
        "-x -p 3 -v --encrypt-threads=2 --decompress-threads=2 --decompress --decrypt AES256 --encrypt-key-file=$key -C out"; do
        mkdir out
        # shellcheck disable=SC2086 # words
        xbstream $options <"$rds/full_v3_qp.xb" 2>messages || { echo "$options"; cat messages; return 1; }
        restored out "$fixtures/mariadb/shop.sha256" || { echo "$options"; return 1; }
        rm -r out
        n=$((n + 1))
    done
    [ "$n" -eq 6 ]
}

@test "xbstream -x into the current directory, which the script has gone to, with a file in it" {
    mkdir here
    cd here
    touch other
    xbstream -x <"$fixtures/mariadb/shop_qp.xb"
    [ -e ibdata1.qp ]
    [ -e other ]
    cd ..
    mkdir there
    cd there
    xbstream -xv --parallel=4 --decompress <"$fixtures/mariadb/shop_qp.xb" 2>names
    grep -q 'shop/db.opt' names
    [ -e shop/db.opt ]
}

@test "xbstream --decompress first, --decrypt in another run, as scripts with two steps do" {
    mkdir one
    xbstream -x -C one --decrypt=AES256 --encrypt-key-file="$key" <"$rds/full_v3_qp.xb"
    [ "$(files one | grep -c '\.qp$')" -gt 100 ]
    for file in one/*.qp one/*/*.qp; do
        qpress -d "$file" "$(dirname "$file")"
        rm "$file"
    done
    restored one "$fixtures/mariadb/shop.sha256"
}

@test "xbstream with a key file and no --decrypt leaves the members encrypted, and says so" {
    n=$(xbunpack -t -i "$rds/full_v3_qp.xb" | wc -l)
    fails 0 "xbunpack: warning: $n members ending in .xbcrypt stayed encrypted: use --decrypt -f FILE" \
        xbstream -x -f "$key" -C out -i "$rds/full_v3_qp.xb"
    succeeds xbstream -x -f "$key" -C plain -i "$rds/part_lz4.xb"
}

@test "--decrypt takes an algorithm from the next word, and no other word" {
    make_xbstream 'MEMBER name=AES256 data=x' 'MEMBER name=other data=y' >b.xb
    succeeds xbunpack -C out1 --decrypt AES256 -f "$key" -i b.xb
    [ "$(files out1)" = "AES256
other" ]
    succeeds xbunpack -C out2 --decrypt -f "$key" -i b.xb other
    [ "$(files out2)" = other ]
    succeeds xbunpack -C out3 --decrypt -f "$key" -i b.xb -- AES256
    [ "$(files out3)" = AES256 ]
    fails 64 "xbunpack: no key: use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbunpack -C out4 -d aes128 -i b.xb
}

@test "xbstream --absolute-names, -c: what to do instead" {
    fails 64 "xbunpack: --absolute-names: files are created below DIR only, whatever their names in the archive; leave this option out" \
        xbunpack -x --absolute-names -i "$rds/part_lz4.xb"
    fails 64 "xbunpack: -c: this program unpacks; xbpack packs" xbunpack -c a b
    fails 64 "xbpack: -x: this program packs; xbunpack unpacks" xbpack -x -C d
}

@test "xbstream -c: files and folders, with the options of both" {
    mkdir -p data/db
    echo one >data/db/t1
    echo two >data/t2
    (cd data && xbstream -c db/t1 t2 >../a.xb)
    (cd data && xbstream --create --parallel=4 --encrypt-threads=2 --read-buffer-size=1M db/t1 t2 >../b.xb)
    cmp a.xb b.xb
    mkdir out
    xbstream -x -C out <a.xb
    diff -r data out
}

@test "qpress -d FILE... DIR, with its options in every order" {
    sums=$fixtures/qpress/SHA256SUMS
    cp "$fixtures/qpress/tree.L1.qp" tree.qp
    n=0
    for options in "-d tree.qp out" "-dT4 tree.qp out" "-dfT2 tree.qp out" "-df tree.qp out" "-dv tree.qp out" \
        "-d -T2 tree.qp out" "-dL1 tree.qp out" "-d -L3 -f tree.qp out" "-T4 -d tree.qp out"; do
        # shellcheck disable=SC2086 # words
        qpress $options 2>messages || { echo "$options"; cat messages; return 1; }
        restored out "$sums" || { echo "$options"; return 1; }
        rm -r out
        n=$((n + 1))
    done
    [ "$n" -eq 9 ]
}

@test "qpress -di DIR, -dio, -do FILE: from standard input, to standard output" {
    cat "$fixtures/qpress/tree.L2.qp" | qpress -di out
    restored out "$fixtures/qpress/SHA256SUMS"
    rm -r out
    qpress -dif out <"$fixtures/qpress/tree.L2.qp"
    restored out "$fixtures/qpress/SHA256SUMS"
    sum=$(sed -n 's,  baz/text.txt$,  -,p' "$fixtures/qpress/SHA256SUMS")
    for options in -dio -dioT2 "-di -o" "-do"; do
        # shellcheck disable=SC2086 # words
        [ "$(qpress $options <"$fixtures/qpress/stdin.qp" | sha256sum)" = "$sum" ] || { echo "$options"; return 1; }
    done
    for options in -do -doT2 -d -o ""; do
        # shellcheck disable=SC2086
        [ "$(qpress $options "$fixtures/qpress/stdin.qp" | sha256sum)" = "$sum" ] || { echo "$options"; return 1; }
    done
    # This program's own -i has a value.
    [ "$(qpress -d -i "$fixtures/qpress/stdin.qp" | sha256sum)" = "$sum" ]
    [ "$(qpress -oi "$fixtures/qpress/stdin.qp" | sha256sum)" = "$sum" ]
}

@test "qpress: many files at once, into one directory and to standard output in their order" {
    for n in 1 2 3; do make_qpress ARCHIVE "FILE name=t$n data=text$n" >t$n.qp; done
    qpress -d t1.qp t2.qp t3.qp out
    [ "$(cat out/t1 out/t2 out/t3)" = text1text2text3 ]
    [ "$(qpress -do t3.qp t1.qp)" = text3text1 ]
    [ "$(qpress -j 3 --list t3.qp t1.qp)" = "t3
t1" ]
    succeeds qpunpack --test t1.qp t2.qp
    qpunpack -C out2 --manifest=sums t1.qp t2.qp
    (cd out2 && sha256sum -c --quiet ../sums)
    # An existing file stays, unless -f is given.
    echo old >out/t2
    run -73 --separate-stderr qpress -d t1.qp t2.qp out
    [ "$(cat out/t2)" = old ]
    qpress -df t1.qp t2.qp out
    [ "$(cat out/t2)" = text2 ]
    # The same name in two archives is an error, as in one.
    run -65 --separate-stderr qpress -d t1.qp t1.qp out3
    # A failure names the archive.
    head -c 30 t2.qp >cut.qp
    run -65 --separate-stderr qpress -d t1.qp cut.qp t3.qp out4
    [[ $stderr == "qpunpack: cut.qp: "* ]]
    [ "$(files out4)" = t1 ]
    run -66 --separate-stderr qpress -d t1.qp missing.qp out5
    [ "$stderr" = "qpunpack: cannot open missing.qp: No such file or directory" ]
    [ ! -e out5 ]
}

@test "more archives than descriptors are allowed at first" {
    mkdir in
    for n in $(seq 80); do make_qpress ARCHIVE "FILE name=t$n data=text$n" >in/$n.qp; done
    (ulimit -Sn 64 && qpress -d in/*.qp out)
    [ "$(files out | wc -l)" -eq 80 ]
}

@test "a second input, output, key or folder is an error, and so is an empty name, in every program" {
    for program in xbunpack qpunpack xbcrypt-dec xbcrypt-enc s3cse-dec s3cse-enc kmsunwrap kmswrap; do
        fails 64 "$program: -i is given twice: expected one FILE" $program -i a --input=b
        fails 64 "$program: -i: expected the name of a file, found an empty one" $program -i ""
        fails 64 "$program: -i: expected the name of a file, found an empty one" $program --input=
    done
    for program in xbunpack xbpack xbcrypt-dec xbcrypt-enc s3cse-dec s3cse-enc; do
        fails 64 "$program: -f is given twice: expected one FILE" $program -f a -f b
        fails 64 "$program: -f: expected the name of a file, found an empty one" $program -f ""
    done
    for program in xbpack qppack xbcrypt-dec xbcrypt-enc s3cse-dec s3cse-enc; do
        fails 64 "$program: -o is given twice: expected one FILE" $program -o a -ob
    done
    for program in xbunpack qpunpack xbpack qppack; do
        fails 64 "$program: -C is given twice: expected one DIR" $program -C a -C b
        fails 64 "$program: -C: expected the name of a folder, found an empty one" $program -C ""
    done
}

@test "an unknown option names the nearest one, in every program" {
    nearest() {
        fails 64 "$1: unrecognized option '--$2': did you mean --$3? See $1 --help" "$1" "--$2"
    }
    nearest xbunpack decomress decompress
    nearest xbunpack directroy directory
    nearest xbunpack decrypt-threads encrypt-threads
    nearest xbunpack overwite overwrite
    nearest xbcrypt-dec encrypt-keyfile encrypt-key-file
    nearest xbcrypt-enc encrypt-chunksize encrypt-chunk-size
    nearest xbpack compres-s compress
    nearest qpunpack to-stduot to-stdout
    nearest kmsunwrap providor provider
    nearest kmswrap provder provider
    nearest b64hex revers3 reverse
    nearest s3cse-dec envelop3 envelope
    nearest s3cse-enc contend content
    # The end of a name.
    for name in key-file keyfile file; do
        nearest xbcrypt-dec $name encrypt-key-file
        nearest xbunpack $name encrypt-key-file
    done
    fails 64 "xbunpack: unrecognized option '--frobnicate': see xbunpack --help" xbunpack --frobnicate=x
    fails 64 "xbunpack: invalid option '-X': did you mean -x? See xbunpack --help" xbunpack -tX
    fails 64 "xbunpack: invalid option '-z': see xbunpack --help" xbunpack -z
    fails 64 "xbunpack: option '--no-s' is ambiguous: expected the whole name, as in --no-strict, --no-sandbox" xbunpack --no-s
    # Behind "--", and as a value, nothing is an option.
    make_xbstream 'MEMBER name=--odd data=x' >b.xb
    succeeds xbunpack -C out -i b.xb -- --odd
    fails 66 "xbunpack: cannot open --odd: No such file or directory" xbunpack -C out -i --odd
}

@test "what other programs call an option is answered with its name here" {
    otherwise() {
        fails 64 "$1: unrecognized option '--$2': did you mean --$3? See $1 --help" "$1" "--$2=x"
    }
    for name in key password passphrase secret decrypt-key encryptkey encrypt_key ENCRYPT-pass; do
        otherwise xbunpack $name encrypt-key-file
        otherwise xbcrypt-enc $name encrypt-key-file
    done
    otherwise s3cse-dec key-file data-key
    otherwise s3cse-dec metadata envelope
    otherwise kmsunwrap key-file master-key
    otherwise xbunpack target-dir directory
    otherwise xbunpack destination directory
    otherwise xbunpack encrypt-algo decrypt
    otherwise xbunpack force overwrite
    otherwise xbunpack jobs threads
    otherwise qpunpack parallel threads
    otherwise xbcrypt-dec parallel threads
    fails 64 "xbunpack: invalid option '-o': did you mean -C? See xbunpack --help" xbunpack -o out
    fails 64 "s3cse-dec: invalid option '-k': did you mean -f? See s3cse-dec --help" s3cse-dec -k x
    fails 64 "qpunpack: invalid option '-p': did you mean -j? See qpunpack --help" qpunpack -p 4
    mkdir out
    for command in "qpunpack $fixtures/qpress/tree.L1.qp out" "qpunpack -dov $fixtures/qpress/tree.L1.qp out"; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr $command
        [ "$status" -eq 64 ]
        [ "${stderr_lines[0]}" = "qpunpack: operands are archives, and out is a directory: to create the files below it, use -C" ]
    done
}

@test "xbunpack -d without an algorithm decrypts, too" {
    for words in "-d -f $key -C out -x" "-x -C out -d -f $key" "-f $key -d --decompress -C out"; do
        # shellcheck disable=SC2086 # words
        succeeds xbunpack $words -i "$rds/full_v3_qp.xb"
        [ "$(files out | grep -c xbcrypt)" -eq 0 ]
        rm -r out
    done
    fails 64 "xbunpack: --decrypt=AES512: expected AES128, AES192, AES256 or NONE
Try \`xbunpack --help' or \`xbunpack --usage' for more information." xbunpack -C out -d AES512
}

@test "a key typed in any place on the command line is in no message" {
    secret=SECRETKEY0123456789abcdefghij012
    for program in $(cd "$XBPIPE_TESTS/../bin" && printf '%s\n' *.c | sed 's/\.c$//'); do
        for words in "-k X" "-kX" "--encrypt-key=X" "--encrypt-key X" "--encrypt-key-X" "--encrypt-ke=X" "--key=X" "--key X" \
            "--key-file=X" "--password=X" "--password X" "--passphrase X" "--secret=X" "--data-key=X" "--master-key=X" \
            "--decrypt-key=X" "--encrypt-key-file=X" "-f X" "-fX" "-p X" "-pX" "-PX" "-K X" "-a X" "-d X" "-dX" "--decrypt=X" \
            "--decrypt X" "--X" "-X" "-s X" "-j X" "--max-chunk=X" "--output=X" "--provider=X" "--content=X" "--timeout=X"; do
            # There -f and -d have no value, and the word is the name of a file.
            [[ $program != q* || $words != -[fd]\ X ]] || continue
            # shellcheck disable=SC2086 # words
            run "$program" ${words//X/$secret} </dev/null
            [[ $output != *SECRETKEY* ]] || { echo "$program $words: $output"; return 1; }
            rm -f "$secret"
        done
    done
}

@test "-h is --help, with an example, on lines of 80 columns at most" {
    for program in $(cd "$XBPIPE_TESTS/../bin" && printf '%s\n' *.c | sed 's/\.c$//'); do
        "$program" -h >short
        "$program" --help >long
        cmp short long
        "$program" -? | cmp - long
        grep -q '^Usage: ' long || { echo "$program"; return 1; }
        grep -qE "^  ([a-z0-9]+ .*)?$program " long || { echo "$program: no example"; return 1; }
        [ "$(awk 'length($0) > 80' long)" = "" ] || { echo "$program: a long line"; return 1; }
        run -1 grep -inE '(^|[^a-z])the same([^a-z]|$)' long
    done
}

@test "at a terminal, an operand that is a file is read" {
    cp "$fixtures/mariadb/shop_qp.xb" backup1
    run terminal 0 xbunpack -C out --decompress backup1
    [ "$status" -eq 0 ]
    restored out "$fixtures/mariadb/shop.sha256"
    run terminal 0 xbunpack -C out2 backup1 ibdata1
    [ "$status" -eq 64 ]
    run terminal 0,2 xbunpack -C out2 backup1 ibdata1
    [[ $output == *"operands are members of the archive: to read backup1, use -i backup1"* ]]
    # The filters take the input as an operand anywhere.
    xbcrypt-dec -f "$key" "$rds/stream_v3.xb.xbcrypt" | cmp - backup1
    xbcrypt-enc -f "$key" backup1 | xbcrypt-dec -f "$key" | cmp - backup1
    fails 64 "xbcrypt-dec: unexpected operand 'b': there is one input, and it is given already
Try \`xbcrypt-dec --help' or \`xbcrypt-dec --usage' for more information." xbcrypt-dec -f "$key" a b
    fails 66 "xbcrypt-dec: cannot open missing: No such file or directory" xbcrypt-dec -f "$key" missing
}

@test "a terminal is no input, for every program that reads a stream" {
    for program in "xbunpack -C out" "xbcrypt-dec -f $key" "xbcrypt-enc -f $key" qpunpack; do
        # shellcheck disable=SC2086 # words
        run terminal 0,2 $program
        [ "$status" -eq 64 ] || { echo "$program: $status"; return 1; }
        [[ $output == *"standard input is a terminal: expected "*"; use -i FILE or <FILE"* ]] || { echo "$output"; return 1; }
    done
}

@test "the current directory has to be empty, unless it is named" {
    mkdir here
    cd here
    touch other
    fails 64 "xbunpack: the current directory is not empty: use -C DIR, or -C . if the files are to be created here" \
        xbunpack -i "$fixtures/mariadb/shop_qp.xb"
    [ "$(files .)" = other ]
    succeeds xbunpack -C . -i "$fixtures/mariadb/shop_qp.xb"
}
