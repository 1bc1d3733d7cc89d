# SPDX-License-Identifier: Apache-2.0
# xbunpack: files that MariaDB Backup renames, removes, rewrites and overwrites in the stream.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    ddl=$fixtures/mariadb_ddl
}

# state DIR: its files with their contents, "NAME=CONTENT", a line each.
state() {
    find "$1" -type f -printf '%P\n' | LC_ALL=C sort | while read -r name; do
        printf '%s=%s\n' "$name" "$(cat "$1/$name")"
    done
}

# ends_as STATE CHUNK...: a stream of these chunks is restored so, is listed and tested so, and its
# manifest holds; for any number of threads, and if it comes byte by byte.
ends_as() {
    local expected=$1 j
    shift
    make_xbstream "$@" >stream
    ends_as_file "$expected"
}

ends_as_file() {
    local expected=$1 j names
    names=$(sed 's/=.*//' <<<"$expected")
    for j in 1 3; do
        rm -rf out sums
        succeeds xbunpack -j $j -C out --manifest=sums -i stream
        [ "$(state out)" = "$expected" ] || { echo "j=$j"; state out; return 1; }
        [ "$(sed 's/^[0-9a-f]*  //' sums)" = "$names" ] || { echo "j=$j"; cat sums; return 1; }
        (cd out && sha256sum --quiet -c ../sums)
        succeeds xbunpack -j $j -t -i stream
        [ "$(LC_ALL=C sort <<<"$output")" = "$names" ] || { echo "j=$j $output"; return 1; }
        rm -rf out
        succeeds xbunpack -j $j -C out --verify=sums -i stream
        [ "$(state out)" = "$expected" ] || { echo "j=$j verify"; state out; return 1; }
        [ -z "$(find out -name '.xbpipe*')" ]
    done
}

@test "the fixtures, each as mbstream restores it, and partitions removed" {
    local name expected
    while IFS='|' read -r name expected; do
        cp "$ddl/$name.xb" stream
        ends_as_file "$expected" || { echo "name=$name"; return 1; }
        succeeds xbunpack --test --verify=sums -i stream
        command -v mbstream >/dev/null || continue
        [ "$name" = remove_star ] && continue # mbstream leaves the partitions
        rm -rf peer
        mkdir peer
        (cd peer && mbstream -x) <stream
        [ "$(state peer)" = "$expected" ] || { echo "name=$name"; state peer; return 1; }
        diff -r peer out
    done <<'TABLE'
rename|d/b.MYD=data
rename_missing|d/a.MYD=data
remove|d/k=keep
remove_star|d/t2=keep
remove_dir|k=keep
rewrite|d/t.frm=new
rewrite_first|d/t.frm=new
TABLE
    # What is written over cannot be hashed without a file, which --test has not.
    head -c 10 /dev/zero | tr '\0' A >expected
    printf bbbb >>expected
    head -c 86 /dev/zero | tr '\0' A >>expected
    cp "$ddl/seek.xb" stream
    ends_as_file "aria_log.00000001=$(cat expected)"
    succeeds xbunpack --test -i stream
    fails 65 'xbunpack: aria_log.00000001: the stream overwrites bytes of the file, so its SHA-256 can be computed only from a file on the disk; use -C' xbunpack --test --manifest=m -i stream
    [ ! -e m ]
}

@test "a backup taken while tables were renamed, altered and dropped" {
    xz -dc "$ddl/busy_aria_myisam.xb.xz" >stream
    local j
    for j in 1 3; do
        rm -rf out
        succeeds xbunpack -j $j -C out -i stream
        restored out "$ddl/busy_aria_myisam.sha256"
        rm -rf out
        succeeds xbunpack -j $j -C out --verify="$ddl/busy_aria_myisam.sha256" -i stream
        restored out "$ddl/busy_aria_myisam.sha256"
        succeeds xbunpack -j $j --test --verify="$ddl/busy_aria_myisam.sha256" -i stream
        succeeds xbunpack -j $j -C out2 --fsync --salvage -i stream
        restored out2 "$ddl/busy_aria_myisam.sha256"
        rm -r out2
    done
}

@test "renames: chains, swaps, loops, onto another, to another folder" {
    ends_as 'a=1
b=2' 'MEMBER name=a data=2' 'MEMBER name=b data=1' 'R name=a to=t' 'R name=b to=a' 'R name=t to=b'
    ends_as 'b=1' 'MEMBER name=a data=1' 'MEMBER name=b data=2' 'R name=a to=b'
    ends_as 'a=3
b=1' 'MEMBER name=a data=1' 'R name=a to=b' 'MEMBER name=a data=3'
    ends_as 'e/f/a=1' 'MEMBER name=d/a data=1' 'R name=d/a to=e/f/a'
    ends_as 'a=1' 'MEMBER name=a data=1' 'R name=a to=b' 'R name=b to=a' 'R name=a to=a'
    # Also while the files are still being decoded.
    head -c 3000000 /dev/urandom >large
    make_qpress ARCHIVE\ block=65536 'F name=f' 'B data=@large' END >/dev/null 2>&1 || true
    make_xbstream 'P name=a data=@large' 'E name=a' 'R name=a to=b' 'MEMBER name=a data=x' 'R name=b to=c' >stream
    local j
    for j in 1 3; do
        rm -rf out
        succeeds xbunpack -j $j -C out -i stream
        cmp out/c large
        [ "$(cat out/a)" = x ]
        [ "$(files out)" = 'a
c' ]
    done
}

@test "removals: files, folders, partitions; rewrites; names sent again" {
    ends_as 'd/b=2' 'MEMBER name=d/a data=1' 'MEMBER name=d/b data=2' 'D name=d/a' 'D name=d/a' 'D name=x'
    ends_as 'k=2' 'MEMBER name=d/e/a data=1' 'MEMBER name=k data=2' 'D name=d'
    [ ! -e out/d ]
    ends_as 'd/a=2' 'MEMBER name=d/a data=1' 'D name=d' 'MEMBER name=d/a data=2'
    ends_as 'a=2' 'MEMBER name=a data=1' 'P name=a data=2 flags=2' 'E name=a'
    # A folder that was there stays, and what is in it.
    rm -rf out
    mkdir -p out/d
    echo mine >out/d/mine
    make_xbstream 'MEMBER name=d/a data=1' 'MEMBER name=d/e/a data=1' 'MEMBER name=k data=2' 'D name=d' >stream
    succeeds xbunpack -C out -i stream
    [ "$(files out)" = 'd/mine
k' ]
    [ ! -e out/d/e ]
}

@test "what this run did not make is neither renamed nor removed nor replaced" {
    make_xbstream 'MEMBER name=a data=1' 'R name=a to=mine' >stream
    mkdir out
    echo mine >out/mine
    run --separate-stderr xbunpack -C out -i stream
    [ "$status" -eq 73 ]
    [[ $stderr == "xbunpack: mine: "* ]]
    [ "$(cat out/mine)" = mine ]
    succeeds xbunpack -C out --overwrite -i stream
    [ "$(state out)" = mine=1 ]
    echo mine >out/mine
    make_xbstream 'MEMBER name=a data=1' 'R name=mine to=b' 'D name=mine' >stream
    succeeds xbunpack -C out -i stream
    [ "$(state out)" = 'a=1
mine=mine' ]
}

@test "hostile changes: 65, and nothing outside" {
    hostile() {
        local message=$1
        shift
        make_xbstream "$@" >bad
        rm -rf out
        fails 65 "xbunpack: $message" xbunpack -j 3 -C out -i bad
        [ -z "$(find out -name '.xbpipe*')" ]
    }
    hostile 'refused member name "../x": it has a component ".."' 'MEMBER name=a data=1' 'R name=a to=../x'
    hostile 'refused member name "d/": it names a folder, not a file' 'MEMBER name=a data=1' 'R name=a to=d/'
    hostile 'a: the archive has a file and a folder of this name' 'MEMBER name=a data=1' 'MEMBER name=b data=1' 'R name=b to=a/b'
    hostile 'a: xbstream chunk at input offset 37 renames or removes a file that has not ended; the stream is damaged' 'P name=a data=12' 'R name=a to=b' 'E name=a'
    hostile 'a: xbstream chunk at input offset 37 renames or removes a file that has not ended; the stream is damaged' 'P name=a data=12' 'D name=a'
    hostile 'new path length of xbstream chunk at input offset 66: expected 1 to 511 bytes, found 4294967295' 'MEMBER name=a data=1' 'R name=a to=b to_size=4294967295'
    [ ! -e x ]
    # An absolute name loses its slashes.
    make_xbstream 'MEMBER name=a data=1' 'R name=a to=/b' >stream
    rm -rf out
    run --separate-stderr xbunpack -C out -i stream
    [ "$status" -eq 0 ]
    [ "$(state out)" = b=1 ]
    # A symbolic link on the way is not followed.
    rm -rf out outside
    mkdir out outside
    ln -s ../outside out/d
    make_xbstream 'MEMBER name=a data=1' 'R name=a to=d/b' >stream
    run --separate-stderr xbunpack -C out -i stream
    [ "$status" -eq 73 ]
    [ -z "$(files outside)" ]
}

@test "many changes take no longer for each, and a stream cut anywhere is 65 or a state on the way" {
    python3 - <<'PYTHON' >loop
import struct, sys, zlib
def head(t, n): return b"XBSTCK01\0" + t + struct.pack("<I", len(n)) + n
out = [head(b"P", b"a") + struct.pack("<QQI", 1, 0, zlib.crc32(b"x")) + b"x", head(b"E", b"a")]
there = head(b"R", b"a") + struct.pack("<I", 1) + b"b"
back = head(b"R", b"b") + struct.pack("<I", 1) + b"a"
sys.stdout.buffer.write(b"".join(out) + (there + back) * 50000)
PYTHON
    succeeds timeout 100 xbunpack -C out -i loop
    [ "$(state out)" = a=x ]
    make_xbstream 'MEMBER name=a data=1' 'R name=a to=b' 'P name=b data=22 flags=2' 'E name=b' 'D name=b' >stream
    local size i
    size=$(stat -c %s stream)
    for ((i = 1; i < size; i++)); do
        rm -rf out
        head -c "$i" stream >cut
        run xbunpack -C out -i cut
        case $i in
            51) [ "$status $(state out)" = '0 a=1' ] || { echo "i=$i"; return 1; } ;;
            71) [ "$status $(state out)" = '0 b=1' ] || { echo "i=$i"; return 1; } ;;
            123) [ "$status $(state out)" = '0 b=22' ] || { echo "i=$i"; return 1; } ;;
            *) [ "$status" -eq 65 ] || { echo "i=$i status=$status"; return 1; } ;;
        esac
        [ -z "$(find out -name '.xbpipe*')" ] || { echo "i=$i: left"; return 1; }
    done
}

@test "members chosen by their names before and after the rename" {
    make_xbstream 'MEMBER name=d/a data=1' 'MEMBER name=d/c data=3' 'R name=d/a to=d/b' >stream
    succeeds xbunpack -C out -i stream d/a
    [ "$(state out)" = d/b=1 ]
    rm -r out
    succeeds xbunpack -C out -i stream --include='d/[ab]'
    [ "$(state out)" = d/b=1 ]
    fails 66 'xbunpack: d/b: the stream sends it as d/a, which is not selected, and renames it later; select that, too' xbunpack -C out2 -i stream d/b
    succeeds xbunpack -t -i stream d/b
    [ "$output" = d/b ]
    rm -r out
    succeeds xbunpack -C out -i stream --exclude=d/b
    [ "$(state out)" = d/c=3 ]
    # One that is removed is not there.
    make_xbstream 'MEMBER name=a data=1' 'D name=a' >stream
    fails 66 'xbunpack: a: not found in the archive; -t lists what it holds' xbunpack -C out3 -i stream a
    fails 66 'xbunpack: a: not found in the archive; -t lists what it holds' xbunpack -t -i stream a
}

@test "-tv, -v and --to-stdout" {
    make_xbstream 'MEMBER name=a data=123' 'MEMBER name=b data=4' 'R name=a to=c' 'D name=b' 'P name=l data=AAAA' 'SEEK name=l offset=1' 'P name=l offset=1 data=bb' 'E name=l' >stream
    succeeds xbunpack -tv -i stream
    [ "$output" = "           3            3 -           c
           6            4 -           l" ]
    run --separate-stderr xbunpack -v --test -i stream
    [ "$status" -eq 0 ]
    [[ $stderr == *"a: renamed to c"* ]]
    [[ $stderr == *"b: removed"* ]]
    succeeds xbunpack --to-stdout=a -i stream
    [ "$output" = 123 ]
    fails 65 'xbunpack: the stream removes the member, or sends it again, after its bytes: the output is not part of the backup; unpack it with -C' xbunpack --to-stdout=b -i stream
    run --separate-stderr xbunpack --to-stdout=l -i stream
    [ "$status" -eq 65 ]
    [[ $stderr == *"the stream overwrites bytes that were already decoded or written"* ]]
}

@test "decoded members: renamed between names that are decoded alike" {
    make_qpress ARCHIVE 'FILE name=f data=plain' >f.qp
    make_xbstream 'MEMBER name=a.qp data=@f.qp' 'R name=a.qp to=b.qp' >stream
    succeeds xbunpack -C out --decompress -i stream
    [ "$(state out)" = b=plain ]
    succeeds xbunpack -C out2 -i stream
    cmp out2/b.qp f.qp
    make_xbstream 'MEMBER name=a.qp data=@f.qp' 'R name=a.qp to=b' >stream
    fails 65 'xbunpack: a.qp: the stream renames it to b, which would be decoded in another way; unpack without --decompress and --decrypt' xbunpack -C out3 --decompress -i stream
    make_xbstream 'P name=a.qp data=@f.qp' 'SEEK name=a.qp offset=0' 'P name=a.qp data=x' 'E name=a.qp' >stream
    run --separate-stderr xbunpack -C out4 --decompress -i stream
    [ "$status" -eq 65 ]
    [[ $stderr == "xbunpack: a.qp: the stream overwrites bytes that were already decoded or written"* ]]
}

@test "--verify: a file that waits for its name is given another, or none" {
    make_xbstream 'MEMBER name=a data=1' 'MEMBER name=b data=2' 'R name=a to=c' >stream
    one=$(printf 1 | sha256sum | cut -c-64)
    two=$(printf 2 | sha256sum | cut -c-64)
    printf '%s  c\n%s  b\n' "$two" "$two" >list
    fails 65 "xbunpack: c: SHA-256 is not that of list: expected $two, found $one" xbunpack -C out --verify=list -i stream
    [ "$(state out)" = b=2 ]
    rm -r out
    printf '%s  a\n%s  b\n' "$one" "$two" >list
    fails 65 'xbunpack: c: not in list
xbunpack: a: in list, but not in the input
xbunpack: the files are not those of list: 1 missing in the input, 1 not in the list' xbunpack -C out --verify=list -i stream
    [ "$(state out)" = b=2 ]
}

@test "--salvage: a new member of a name that was renamed away keeps it, and the old one its own" {
    make_xbstream 'MEMBER name=d/a data=OLD' 'R name=d/a to=d/b' 'MEMBER name=d/a data=NEW' 'MEMBER name=c data=c' >stream
    local j
    for j in 1 3; do
        rm -rf out
        succeeds xbunpack -j $j -C out --salvage --report=report$j -i stream
        [ "$(state out)" = 'c=c
d/a=NEW
d/b=OLD' ] || { state out; return 1; }
        python3 -c "import json; r = json.load(open('report$j')); assert r['complete'] and not r['lost'], r"
    done
}

@test "what is written over: the manifest has the sum of the end, and --verify takes no other" {
    make_xbstream 'P name=a data=AAAAAAAA' 'SEEK name=a offset=2' 'P name=a offset=2 data=B' 'E name=a' >stream
    local j right zeros list
    right=$(printf AABAAAAA | sha256sum | cut -c-64)
    zeros=$(printf '%064d' 0)
    printf '%s  a\n' "$zeros" >zero
    printf '%s  a\n' "$(printf AAAAAAAAB | sha256sum | cut -c-64)" >stale
    for j in 1 3; do
        rm -rf out sums
        succeeds xbunpack -j $j -C out --manifest=sums -i stream
        [ "$(cat out/a)" = AABAAAAA ]
        [ "$(cat sums)" = "$right  a" ]
        rm -rf out
        succeeds xbunpack -j $j -C out --verify=sums -i stream
        for list in zero stale; do
            rm -rf out
            run -65 --separate-stderr xbunpack -j $j -C out --verify=$list -i stream
            [[ $stderr == "xbunpack: a: SHA-256 is not that of $list: expected "*", found $right" ]]
            [ -z "$(files out)" ]
        done
    done
}

@test "--salvage: damaged files are renamed and removed, and the report has their last names" {
    make_xbstream 'P name=a data=1111' 'P name=a offset=4 data=2222 crc=bad' 'P name=a offset=8 data=3333' 'E name=a' 'MEMBER name=c.damaged data=sound' 'R name=a to=c' >stream
    local j
    for j in 1 3; do
        rm -rf out report
        run --separate-stderr xbunpack -j $j -C out --salvage --report=report -i stream
        [ "$status" -eq 65 ]
        [ "$(files out)" = 'c.damaged
c.damaged.1' ]
        [ "$(cat out/c.damaged)" = sound ]
        python3 -c "
import json
r = json.load(open('report'))
assert r['damaged_files'] == [{'member': 'c', 'file': 'c.damaged.1'}], r
assert {l['member'] for l in r['lost']} == {'c'}, r"
    done
    make_xbstream 'P name=a data=1111 crc=bad' 'E name=a' 'MEMBER name=b data=x' 'D name=a' >stream
    rm -rf out report
    run --separate-stderr xbunpack -C out --salvage --report=report -i stream
    [ "$status" -eq 65 ]
    [ "$(files out)" = b ]
    python3 -c "import json; assert json.load(open('report'))['damaged_files'] == []"
}

@test "--salvage: damaged files never get each other's names, nor those of members" {
    damaged() { printf '%s\n' "P name=$1 data=1111" "P name=$1 offset=4 data=2222 crc=bad" "P name=$1 offset=8 data=3333" "E name=$1"; }
    x=$(printf 'x%.0s' {1..246})
    local overwrite
    for overwrite in "" --overwrite; do
        for order in before after; do
            mapfile -t chunks < <(
                if [ $order = before ]; then echo 'MEMBER name=a.damaged data=sound'; fi
                damaged a
                damaged "A$x.ibd"
                damaged "B$x.ibd"
                if [ $order = after ]; then echo 'MEMBER name=a.damaged data=sound'; fi
                echo 'MEMBER name=z data=z'
            )
            make_xbstream "${chunks[@]}" >stream
            rm -rf out
            run --separate-stderr xbunpack -j 3 -C out --salvage $overwrite -i stream
            [ "$status" -eq 65 ] || { echo "$order $overwrite $stderr"; return 1; }
            [ "$(cat out/a.damaged)" = sound ] || { echo "$order $overwrite"; return 1; }
            [ -e out/a.damaged.1 ] || { echo "$order $overwrite"; return 1; }
            [ "$(files out | wc -l)" -eq 5 ] || { echo "$order $overwrite"; files out; return 1; }
        done
    done
    # Neither do they replace what was there.
    mapfile -t chunks < <(damaged a)
    make_xbstream "${chunks[@]}" >stream
    rm -rf out
    mkdir out
    echo mine >out/a.damaged
    run --separate-stderr xbunpack -C out --salvage -i stream
    [ "$status" -eq 65 ]
    [ "$(cat out/a.damaged)" = mine ]
    [ -e out/a.damaged.1 ]
}
