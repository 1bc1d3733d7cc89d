# SPDX-License-Identifier: Apache-2.0
# qpunpack --salvage of archives of several files and folders: what each damage costs, to the byte.
# Sizes, computed by hand: the archive's header 16 bytes; the header of a file or folder 6 and its
# name; a stored block of n bytes 29 + n; the end of a file 16.
bats_require_minimum_version 1.5.0

setup() {
    load common
}

unknown="it is not known how much is missing at byte"
shifted="of the output: what follows may be shifted"
no_name="refused member name \"\": it"

# streams EXPECTED: what qpunpack --salvage makes of `bad` on standard output.
streams() {
    qpunpack --salvage <bad >plain 2>err || [ $? -eq 65 ]
    # shellcheck disable=SC2059 # a NUL is written as \0
    printf "$1" | cmp - plain
}

@test "a block whose packet does not decode, although its Adler-32 is right, becomes zeros" {
    # Level 3, 22 bytes for 40: a match one byte back, before any data.
    wrong='\x4f\x16\0\0\0\x28\0\0\0\x01\0\0\x80\x04xxxxxxxx'
    make_qpress "ARCHIVE block=64" "F name=a" "B data=aaaa" "B packet=$wrong" "B data=cccc recovery=44" END \
        "FILE name=b data=bbbb" >bad
    for j in 1 3; do
        fails 65 "\
qpunpack: warning: a: lost 42 bytes at byte 56 of the qpress data: damaged QuickLZ packet: QuickLZ match with an impossible offset at input offset 89; 40 zero bytes stand in its place at byte 4 of the output
qpunpack: damaged input: 1 loss, 1 member with losses; all else was delivered" \
            qpunpack -j "$j" -C "out$j" --salvage -i bad
        [ "$(files "out$j")" = "$(printf 'a.damaged\nb')" ]
        { printf aaaa; head -c 40 /dev/zero; printf cccc; } | cmp - "out$j/a.damaged"
    done
    { printf aaaa; head -c 40 /dev/zero; printf ccccbbbb; } >whole
    qpunpack --salvage <bad 2>err | cmp - whole
    run --separate-stderr qpunpack -C strict -i bad
    [ "$status" -eq 65 ]
    [ "$stderr" = "qpunpack: damaged QuickLZ packet: QuickLZ match with an impossible offset at input offset 89" ]
}

@test "blocks that are missing without a trace become zeros if the next two agree" {
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "B data=cccc recovery=8" "B data=dddd recovery=12" END >bad
    fails 65 "\
qpunpack: warning: a: blocks before this one are missing, at byte 56 of the qpress data; 4 zero bytes stand in its place at byte 4 of the output
qpunpack: damaged input: 1 loss, 1 member with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    printf 'aaaa\0\0\0\0ccccdddd' | cmp - out/a.damaged
}

@test "a file ends where another's first block comes, and that one has lost its name" {
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "RAW data=xxxxxxxxxxxxxxxxxxxxxxx" "B data=bbbb recovery=0" \
        "B data=cccc recovery=4" END >bad
    fails 65 "\
qpunpack: warning: lost 66 bytes at byte 79 of the qpress data: $no_name is empty
qpunpack: warning: a: lost 23 bytes at byte 56 of the qpress data: damaged qpress archive at input offset 56: expected \"NEWBNEWB\" or \"ENDSENDS\", found \"xxxxxxxx\"; $unknown 4 $shifted
qpunpack: warning: a: its end is missing, at byte 79 of the qpress data; $unknown 4 $shifted
qpunpack: damaged input: 3 losses, 1 member with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ "$(files out)" = a.damaged ]
    [ "$(cat out/a.damaged)" = aaaa ]
    streams aaaabbbbcccc
    grep -q "the header of the file is lost, with its name, at byte 79" err
    # Two losses at one place are reported in the order in which they were found.
    qpunpack --salvage --report=report.json <bad 2>err >plain || [ $? -eq 65 ]
    python3 -S -E -c 'import json
lost = json.load(open("report.json"))["lost"]
assert [(l["offset"], l["length"]) for l in lost] == [(56, 23), (79, 0), (79, 0)], lost
assert lost[1]["reason"] == "its end is missing" and lost[2]["reason"].startswith("the header of the file"), lost'
}

@test "the end of a file whose head and blocks are gone is lost with them" {
    make_qpress ARCHIVE "FILE name=a data=aaaa" "RAW data=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" END \
        "FILE name=c data=cccc" >bad
    fails 65 "\
qpunpack: warning: lost 40 bytes at byte 72 of the qpress data: damaged qpress archive at input offset 72: expected 'D', 'F', 'U' or the end, found 'x'
qpunpack: warning: lost 16 bytes at byte 112 of the qpress data: the end of a file whose header is lost
qpunpack: warning: c: it may belong to another folder, at byte 128 of the qpress data; $unknown 0 $shifted
qpunpack: damaged input: 3 losses, 1 member with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ "$(files out)" = "$(printf 'a\nc.damaged')" ]
    streams aaaacccc
}

@test "a file ends where the head of the next, or of a folder, comes" {
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "RAW data=xxxxxxxxxxxxxxxx" "FILE name=b data=bbbb" >bad
    fails 65 "\
qpunpack: warning: a: lost 16 bytes at byte 56 of the qpress data: damaged qpress archive at input offset 56: expected \"NEWBNEWB\" or \"ENDSENDS\", found \"xxxxxxxx\"; $unknown 4 $shifted
qpunpack: warning: a: its end is missing, at byte 72 of the qpress data; $unknown 4 $shifted
qpunpack: warning: b: it may belong to another folder, at byte 72 of the qpress data; $unknown 0 $shifted
qpunpack: damaged input: 3 losses, 2 members with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ "$(files out)" = "$(printf 'a.damaged\nb.damaged')" ]
    streams aaaabbbb
    make_qpress ARCHIVE "F name=a" "B data=aaaa" "RAW data=xxxxxxxxxxxxxxxx" "D name=d" "FILE name=b data=bbbb" U >bad
    run qpunpack -C out2 --salvage -i bad
    [ "$status" -eq 65 ]
    [ "$(files out2)" = "$(printf 'a.damaged\nd/b.damaged')" ]
    [ "$(cat out2/a.damaged out2/d/b.damaged)" = aaaabbbb ]
    # also if the lost part is as long as one block
    make_qpress ARCHIVE "F name=a" "B data=aaaa" \
        'RAW data=xEWBNEWB\x04\0\0\0\0\0\0\0\0\0\0\0\x4e\x0d\0\0\0\x04\0\0\0cccc' "FILE name=b data=bbbb" >bad
    run qpunpack -C out3 --salvage -i bad
    [ "$status" -eq 65 ]
    [[ $output == *"a: lost 33 bytes at byte 56 of"* ]]
    [ "$(files out3)" = "$(printf 'a.damaged\nb.damaged')" ]
}

@test "the head of a file that reads as a folder's makes no folder" {
    make_qpress ARCHIVE 'RAW data=D\x01\0\0\0b\0' "B data=bbbb" END >bad
    fails 65 "\
qpunpack: warning: lost 7 bytes at byte 16 of the qpress data: damaged qpress archive: what follows is no item
qpunpack: warning: lost 33 bytes at byte 23 of the qpress data: $no_name is empty
qpunpack: damaged input: 2 losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ -z "$(ls -A out)" ]
    streams bbbb
}

@test "a refused folder is lost, and its files may be in the wrong place" {
    make_qpress ARCHIVE "D name=.." "FILE name=a data=aaaa" U >bad
    fails 65 "\
qpunpack: warning: lost 8 bytes at byte 16 of the qpress data: refused member name \"..\": it has a component \"..\"
qpunpack: warning: lost 1 byte at byte 80 of the qpress data: the input ends inside an item of the archive
qpunpack: warning: a: it may belong to another folder, at byte 24 of the qpress data; $unknown 0 $shifted
qpunpack: damaged input: 3 losses, 1 member with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ "$(files .)" = "$(printf 'bad\nout/a.damaged')" ]
}

@test "an archive that stops in the middle of a name after a damaged end loses both" {
    make_qpress ARCHIVE "F name=a" "B data=aaaa" 'RAW data=xNDSENDS\0\0\0\0\0\0\0\0F\x01' >bad
    fails 65 "\
qpunpack: warning: a: lost 18 bytes at byte 56 of the qpress data: damaged qpress archive at input offset 56: expected \"NEWBNEWB\" or \"ENDSENDS\", found \"xNDSENDS\"; $unknown 4 $shifted
qpunpack: warning: a: the archive ends inside it, at byte 74 of the qpress data; $unknown 4 $shifted
qpunpack: damaged input: 2 losses, 1 member with losses; all else was delivered" \
        qpunpack -C out --salvage -i bad
    [ "$(cat out/a.damaged)" = aaaa ]
}

@test "what cannot be created stops qpunpack --salvage: it is no damage of the archive" {
    make_qpress ARCHIVE "D name=d" "FILE name=a data=aaaa" U "FILE name=b data=bbbb" >good
    mkdir out
    echo old >out/b
    run --separate-stderr qpunpack -C out --salvage -i good
    [ "$status" -eq 73 ]
    [[ $stderr == "qpunpack: b: file exists already"* ]]
    [ "$(cat out/b)" = old ]
    [ ! -e out/b.damaged ]
    mkdir out2
    echo old >out2/d
    run --separate-stderr qpunpack -C out2 --salvage -i good
    [ "$status" -eq 73 ]
    [ "$(files out2)" = d ] && [ "$(cat out2/d)" = old ]
}
