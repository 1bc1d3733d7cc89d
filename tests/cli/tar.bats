# SPDX-License-Identifier: Apache-2.0
# xbunpack --auto: tar archives, as GNU tar, bsdtar and innobackupex write them, and hostile ones.
bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    rds=$fixtures/rds
    part=$rds/part.sha256
}

# make_tree: files and folders of every kind that a backup has, below tree/.
make_tree() {
    mkdir -p tree/shop tree/empty
    head -c 100000 /dev/urandom >tree/ibdata1
    head -c 512 /dev/urandom >tree/shop/block.ibd
    : >tree/shop/nothing.MYD
    printf 'a name that is long' >"tree/shop/$(printf 'n%.0s' {1..150}).frm"
    truncate -s 3M tree/shop/sparse.ibd
    printf 'in the middle' | dd of=tree/shop/sparse.ibd bs=1 seek=1500000 conv=notrunc status=none
    # Many runs: more than the header and a block of the old map hold.
    for i in {0..39}; do
        printf x | dd of=tree/shop/runs.ibd bs=1 seek=$((i * 131072)) conv=notrunc status=none
    done
}

# same_tree DIR: it holds what tree/ does, the empty folder included.
same_tree() {
    diff -r tree "$1"
    [ "$(cd tree && find . -type d | sort)" = "$(cd "$1" && find . -type d | sort)" ]
}

# unpacks ARCHIVE [OPTION...]: into out, the same for 1 and 3 threads, as a file and from a pipe.
unpacks() {
    local archive=$1 j
    shift
    for j in 1 3; do
        succeeds xbunpack -j $j --auto "$@" -C out$j -i "$archive"
    done
    cat "$archive" | xbunpack --auto "$@" -C out
    diff -r out1 out
    diff -r out3 out
    rm -r out1 out3
}

need_bsdtar() { command -v bsdtar >/dev/null || skip "bsdtar is not installed (Debian: libarchive-tools)"; }

@test "each format of GNU tar, sparse files and long names included" {
    make_tree
    for format in oldgnu gnu posix; do
        for sparse in '' --sparse; do
            tar --format=$format $sparse -C tree -cf a.tar .
            unpacks a.tar
            same_tree out || { echo "$format $sparse"; return 1; }
            [ -z "$sparse" ] || [ "$(stat -c %b out/shop/sparse.ibd)" -lt 100 ] || { echo "$format: no holes"; return 1; }
            rm -r out
        done
    done
    for version in 0.0 0.1 1.0; do
        tar --format=posix --sparse --sparse-version=$version -C tree -cf a.tar .
        unpacks a.tar
        same_tree out || { echo "sparse version $version"; return 1; }
        [ "$(stat -c %b out/shop/sparse.ibd)" -lt 100 ] || { echo "$version: no holes"; return 1; }
        rm -r out
    done
    rm tree/shop/nnn*
    for format in v7 ustar; do
        tar --format=$format -C tree -cf a.tar .
        unpacks a.tar
        same_tree out || { echo "$format"; return 1; }
        rm -r out
    done
}

@test "each format of bsdtar" {
    need_bsdtar
    make_tree
    for format in gnutar pax; do
        bsdtar --format=$format -C tree -cf a.tar .
        unpacks a.tar
        same_tree out || { echo "$format"; return 1; }
        rm -r out
    done
    rm tree/shop/nnn*
    for format in v7tar ustar; do
        bsdtar --format=$format -C tree -cf a.tar .
        unpacks a.tar
        same_tree out || { echo "$format"; return 1; }
        rm -r out
    done
}

@test "whatever it is packed in; its members are decrypted and decompressed" {
    succeeds xbunpack --auto -f "$key" -C out -i "$rds/part.tar.gz"
    restored out "$part"
    rm -r out
    gzip -dc "$rds/part.tar.gz" >part.tar
    make_qpress 'ARCHIVE block=1000000' 'FILE name=part.tar data=@part.tar' >part.tar.qp
    xbcrypt-enc -f "$key" -i part.tar -o part.tar.xbcrypt
    for tool in lz4 zstd; do
        command -v $tool >/dev/null || skip "$tool is not installed (Debian: $tool)"
        $tool -qc part.tar >part.tar.$tool
    done
    for form in part.tar part.tar.*; do
        unpacks $form -f "$key"
        restored out "$part" || { echo "$form"; return 1; }
        rm -r out
    done
    # Members in every suffix, with one layer and with two.
    for form in full_v3_qp:mariadb/shop part_lz4:rds/part part_lz4_v3:rds/part part_zst:rds/part part_zst_v3:rds/part; do
        xbunpack -C stored -i "$rds/${form%:*}.xb" 2>messages
        tar -C stored -czf members.tar.gz .
        unpacks members.tar.gz -f "$key"
        restored out "$fixtures/${form#*:}.sha256" || { echo "$form"; return 1; }
        rm -r out stored
    done
}

@test "a real innobackupex archive, which has an end mark after each file: all of it" {
    backup=$fixtures/mysql56/innobackupex.tar.gz
    # What tar without -i makes of it.
    mkdir first
    tar -xzf "$backup" -C first 2>messages || true
    [ "$(files first | wc -l)" -lt 155 ]
    succeeds xbunpack --auto -C out -i "$backup"
    restored out "$fixtures/mysql56/innobackupex_tar.sha256"
    [ "$(xbunpack --auto -t -i "$backup" | wc -l)" -eq 155 ]
    # Cut between two of its archives, which no tar can see: the backup lacks what preparing it needs.
    python3 - "$backup" <<'PY'
import gzip, sys, tarfile
data = gzip.open(sys.argv[1]).read()
with open('all.tar', 'wb') as f:
    f.write(data)
with tarfile.open('all.tar', ignore_zeros=True) as t:
    at = {m.name.removeprefix('./'): m.offset for m in t}
with open('cut.tar', 'wb') as f:
    f.write(data[:at['xtrabackup_logfile']])
PY
    fails 65 "xbunpack: the backup ends without redo log (xtrabackup_logfile) and xtrabackup_checkpoints; it cannot be prepared: the job that made it has died, or the download was cut between two members: compare its size with the console's, fetch it again; --incomplete-ok accepts it; if you use GNU tar instead: tar -xif, since without -i it may end after the first file" xbunpack --auto -C cut -i cut.tar
    [ "$(files cut | wc -l)" -eq 152 ]
    # Who runs it a second time, and then tries tar, is told too.
    run --separate-stderr xbunpack --auto -C cut -i cut.tar
    [ "$status" -eq 73 ]
    [[ $stderr == *"file exists already in cut; use an empty directory, or --overwrite; if you use GNU tar instead: tar -xif, since without -i it may end after the first file" ]]
    xbunpack -C cut -i "$fixtures/mariadb/shop_qp.xb" --include=xtrabackup_info --decompress 2>messages || true
    run --separate-stderr xbunpack -C cut -i "$fixtures/mariadb/shop_qp.xb" --include=xtrabackup_info --decompress
    [ "$status" -eq 73 ]
    [[ $stderr != *tar* ]]
    run -0 --separate-stderr xbunpack --auto --info -i "$backup"
    [[ $output == *"tool: innobackupex"* ]] || [[ $output == *"tool: xtrabackup"* ]] || { echo "$output"; return 1; }
}

@test "-t, -tv, --test, --to-stdout, selection, --manifest and --verify" {
    mkdir -p tree/shop tree/blog
    printf orders >tree/shop/orders.ibd
    printf posts >tree/blog/posts.ibd
    printf system >tree/ibdata1
    xbcrypt-enc -f "$key" -i tree/shop/orders.ibd -o tree/shop/orders.ibd.xbcrypt
    rm tree/shop/orders.ibd
    tar -C tree -cf a.tar ibdata1 shop blog
    succeeds xbunpack --auto -t -i a.tar
    [ "$output" = "$(printf '%s\n' ibdata1 shop/orders.ibd.xbcrypt blog/posts.ibd)" ]
    run -0 --separate-stderr xbunpack --auto -tv -f "$key" -i a.tar
    [[ ${stderr_lines[-1]} == "xbunpack: input: a tar archive" ]]
    [[ ${lines[0]} == *" 6            6 -           ibdata1" ]]
    [[ ${lines[1]} == *" 6 xbcrypt     shop/orders.ibd.xbcrypt" ]]
    succeeds xbunpack --auto --test -f "$key" --manifest=sums -i a.tar
    printf '%s  %s\n' "$(sha256sum <tree/blog/posts.ibd | cut -c 1-64)" blog/posts.ibd \
        "$(sha256sum <tree/ibdata1 | cut -c 1-64)" ibdata1 "$(printf orders | sha256sum | cut -c 1-64)" shop/orders.ibd >expected
    diff expected sums
    succeeds xbunpack --auto --to-stdout=shop/orders.ibd -f "$key" -i a.tar
    [ "$output" = orders ]
    # A folder is made if it is selected.
    succeeds xbunpack --auto -f "$key" --include=shop -C one -i a.tar
    [ "$(cd one && find . | sort)" = "$(printf '%s\n' . ./shop ./shop/orders.ibd)" ]
    succeeds xbunpack --auto -f "$key" --verify=sums -C out -i a.tar
    (cd out && sha256sum -c --quiet ../sums)
    sed -i 's/^./f/; s/^f\(.*ibdata1\)/e\1/' sums
    run --separate-stderr xbunpack --auto -f "$key" --verify=sums -C bad -i a.tar
    [ "$status" -eq 65 ]
    [[ $stderr == *"SHA-256 is not that of sums"* ]]
    fails 64 "xbunpack: shop/orders.ibd.xbcrypt is encrypted: expected a key; use -f FILE, or set XBCRYPT_ENCRYPTION_KEY" xbunpack --auto -C none -i a.tar
    fails 65 "xbunpack: not an xbstream chunk at input offset 0: expected magic \"XBSTCK01\", found \"ibdata1\x00\"; this is a tar archive: use --auto" xbunpack -t -i a.tar
}

@test "links, devices and FIFOs: refused by name, whatever they would lead to; --exclude leaves them out" {
    mkdir -p tree/d outside
    echo keep >outside/file
    printf 'plain' >tree/d/a
    for kind in symbolic hard FIFO; do
        rm -f tree/d/link
        case $kind in
        symbolic) ln -s "$PWD/outside/file" tree/d/link && what="a symbolic link" ;;
        hard) ln tree/d/a tree/d/link && what="a hard link" ;;
        FIFO) mkfifo tree/d/link && what="a FIFO" ;;
        esac
        tar -C tree -cf a.tar d/a d/link
        fails 65 "xbunpack: d/link: $what in tar archive at input offset 1024: only files and folders are unpacked; leave it out with --exclude" xbunpack --auto -C out -i a.tar
        [ "$(files out)" = d/a ]
        rm -r out
        run -65 xbunpack --auto -t -i a.tar
        succeeds xbunpack --auto --exclude=d/link -C out -i a.tar
        [ "$(files out)" = d/a ]
        rm -r out
    done
    # A link, and then a file through it.
    python3 - <<'PY'
import tarfile, io
t = tarfile.open('a.tar', 'w')
def add(name, **fields):
    i = tarfile.TarInfo(name)
    for k, v in fields.items():
        setattr(i, k, v)
    t.addfile(i, io.BytesIO(b'x' * i.size))
add('d', type=tarfile.SYMTYPE, linkname='outside')
add('d/file', size=3)
t.close()
for n, name in enumerate(['../outside/file', '/etc/passwd', 'a/../../outside/file', 'a\0b']):
    t = tarfile.open('n%d.tar' % n, 'w', format=tarfile.PAX_FORMAT)
    i = tarfile.TarInfo('x')
    i.size = 3
    i.pax_headers = {'path': name}
    t.addfile(i, io.BytesIO(b'xxx'))
    t.close()
PY
    run -65 xbunpack --auto --exclude=nothing -C out -i a.tar
    [ -z "$(files out)" ]
    for n in 0 2 3; do
        run -65 --separate-stderr xbunpack --auto -C out3 -i n$n.tar
        [[ $stderr == "xbunpack: refused member name "* ]]
    done
    xbunpack --auto -C out4 -i n1.tar 2>messages
    [ "$(files out4)" = etc/passwd ]
    [ "$(cat outside/file)" = keep ]
    [ -z "$(files out3)" ]
}

@test "a few bytes that claim to be terabytes: --max-size and --max-total; a sparse file of 64 TiB is as small as it was" {
    python3 - <<'PY'
import io, tarfile
for name, size in (('huge', 1 << 62), ('most', 64 << 40)):
    with tarfile.open(name + '.tar', 'w', format=tarfile.PAX_FORMAT) as t:
        i = tarfile.TarInfo('GNUSparseFile.0/t.ibd')
        i.size = 3
        i.pax_headers = {'GNU.sparse.name': 't.ibd', 'GNU.sparse.size': str(size), 'GNU.sparse.map': '0,3'}
        t.addfile(i, io.BytesIO(b'abc'))
PY
    for j in 1 3; do
        fails 65 "xbunpack: t.ibd gets too large at input offset 1024: expected at most 70368744177664 bytes, found 4611686018427387904; if the backup is sound, give a larger --max-size" xbunpack -j $j --auto -C out -i huge.tar
        [ -z "$(files out)" ]
        fails 65 "xbunpack: t.ibd makes the files too large at input offset 1024: expected at most 1000 bytes in all, found 70368744177664; if the backup is sound, give a larger --max-total" xbunpack -j $j --auto --max-total=1000 -C out -i most.tar
    done
    xbunpack --auto -tv -i most.tar >list 2>/dev/null
    [ "$(cat list)" = "           3 70368744177664 sparse      t.ibd" ]
}

@test "two members of one name, however it is written: 65" {
    mkdir tree
    printf 1 >tree/a
    tar -C tree -cf a.tar a
    printf 2 >tree/a
    tar -C tree -rf a.tar a
    fails 65 "xbunpack: a: the archive has a second member of this name at input offset 1024" xbunpack --auto -C out -i a.tar
    tar -C tree -cf b.tar a ./a
    run -65 --separate-stderr xbunpack --auto -C out2 -i b.tar
    [ "$(wc -l <<<"$stderr")" -eq 1 ]
    # A file and a folder.
    tar -C tree -cf c.tar a
    mkdir dir dir/a
    tar -C dir -rf c.tar a
    run -65 xbunpack --auto -C out3 -i c.tar
}

@test "cut short or damaged: 65, and only whole files" {
    mkdir tree
    for n in a b c; do head -c 3000 /dev/urandom >tree/$n; done
    tar -C tree -b 1 -cf a.tar a b c
    size=$(stat -c %s a.tar) # 3 times 512 + 3072, and 1024
    for cut in 100 511 512 600 3511 3512 3584 4000 7168 10751 10752 11264 $((size - 1)); do
        head -c "$cut" a.tar >cut.tar
        [ "$cut" -ge 512 ] || continue
        run --separate-stderr xbunpack -j 3 --auto -C out -i cut.tar
        [ "$status" -eq 65 ] || { echo "$cut: status $status"; return 1; }
        [[ $stderr == *"tar archive ends too early, at input offset $cut: expected "*"; it was cut short: fetch the backup again" ]] || { echo "$cut: $stderr"; return 1; }
        for f in out/*; do
            [ ! -e "$f" ] || cmp "$f" "tree/${f##*/}"
        done
        rm -rf out
    done
    # A member that is cut is named.
    head -c 5000 a.tar >cut.tar
    run -65 --separate-stderr xbunpack --auto -C out -i cut.tar
    [ "${stderr_lines[0]}" = "xbunpack: b: unfinished: the stream ended before it; its file was not created" ]
    [ "$(files out)" = a ]
    # A header.
    cp a.tar bad.tar
    printf X | dd of=bad.tar bs=1 seek=3600 conv=notrunc status=none
    run -65 --separate-stderr xbunpack --auto -C out2 -i bad.tar
    [[ $stderr == "xbunpack: damaged tar header at input offset 3584: checksum: expected "*", found "*"; fetch the backup again" ]]
    [ "$(files out2)" = a ]
}

# zeroed FIRST COUNT: z.tar is a.tar with zeros in so many of its blocks.
zeroed() {
    cp a.tar z.tar
    dd if=/dev/zero of=z.tar bs=512 seek="$1" count="$2" conv=notrunc status=none
}

# members_lost OFFSET SIZE FILES: z.tar gets a warning of zeros there, and with --salvage a loss; FILES are left.
members_lost() {
    local j
    for j in 1 3; do
        rm -rf out report
        fails 0 "xbunpack: warning: zeros of $2 bytes at input offset $1 inside the archive: members may have been lost" xbunpack -j $j --auto -C out -i z.tar
        [ "$(files out)" = "$3" ] || { files out; return 1; }
        rm -r out
        fails 65 "xbunpack: warning: lost $2 bytes at byte $1 of the tar data: zeros inside the archive: members may have been lost
xbunpack: damaged input: 1 loss; all else was delivered" xbunpack -j $j --auto --salvage --report=report -C out -i z.tar
        [ "$(files out)" = "$3" ] || { files out; return 1; }
        python3 -c "import json; r = json.load(open('report')); assert not r['complete'] and r['lost'][0]['offset'] == $1 and r['lost'][0]['length'] == $2, r"
    done
}

@test "zeros in the place of members: a lone block is 65, others a warning; with --salvage a loss" {
    mkdir tree
    for n in a b d; do head -c 300 /dev/urandom >tree/$n; done
    : >tree/c
    tar -C tree -cf a.tar a b c d
    # c, which is a header alone
    zeroed 4 1
    fails 65 "xbunpack: damaged tar archive at input offset 2048: expected an end mark, two blocks of zeros, or a header, found one block of zeros; fetch the backup again" xbunpack --auto -C out -i z.tar
    rm -rf out
    fails 65 "xbunpack: warning: lost 512 bytes at byte 2048 of the tar data: zeros inside the archive: members may have been lost
xbunpack: damaged input: 1 loss; all else was delivered" xbunpack --auto --salvage --report=report -C out -i z.tar
    [ "$(files out)" = $'a\nb\nd' ]
    python3 -c "import json; assert not json.load(open('report'))['complete']"
    # b, which looks like an end mark; b and c
    zeroed 2 2
    members_lost 1024 1024 $'a\nc\nd'
    zeroed 2 3
    members_lost 1024 1536 $'a\nd'
    # The same in the first, the second and the last of three archives.
    for n in 1 2 3; do
        for m in a b c d; do printf '%s' $m$n >tree/$m$n; done
        tar -C tree -cf $n.tar a$n b$n c$n d$n
    done
    cat 1.tar 2.tar 3.tar >a.tar
    for n in 1 2 3; do
        at=$(((n - 1) * 20 + 2))
        zeroed $at 4
        members_lost $((at * 512)) 2048 "$(files tree | grep -E '^.[123]$' | grep -vE "^[bc]$n\$")"
        zeroed $at 2
        members_lost $((at * 512)) 1024 "$(files tree | grep -E '^.[123]$' | grep -vE "^b$n\$")"
    done
    # More than fills a record up.
    head -c 20480 /dev/zero >zeros
    cat 1.tar zeros 2.tar >z.tar
    members_lost 4096 26624 "$(files tree | grep -E '^.[12]$')"
}

@test "archives behind each other, in records of every common size: no warning" {
    mkdir tree
    for n in {1..9}; do head -c $((n * 700)) /dev/urandom >tree/t$n; done
    for blocks in 1 2 4 8 20 64 128 2048; do
        for n in {1..9}; do tar -C tree -b $blocks -cf $n.tar t$n; done
        cat {1..9}.tar >a.tar
        unpacks a.tar
        same_tree out || { echo "blocks=$blocks"; return 1; }
        rm -r out
        succeeds xbunpack --auto --salvage -C out -i a.tar
        rm -r out
    done
    for n in {1..9}; do tar -C tree -cf $n.tar t$n; done
    cp 1.tar a.tar
    for n in {2..9}; do tar --concatenate -f a.tar $n.tar; done
    unpacks a.tar
    same_tree out
    rm -r out
    # Archives without an end mark before one that has it, by another program, as innobackupex does it.
    for n in {1..8}; do tar -C tree --format=ustar -b 1 -cf - t$n | head -c -1024; done >a.tar
    cat 9.tar >>a.tar
    cat a.tar <(tar -C tree --transform=s/t/u/ -cf - t4) >b.tar
    unpacks b.tar
    cmp out/u4 tree/t4
    rm -r out
    need_bsdtar
    for n in {1..9}; do bsdtar -C tree -cf $n.tar t$n; done
    cat {1..9}.tar >a.tar
    unpacks a.tar
    same_tree out
    rm -r out
    for n in {1..9}; do bsdtar -C tree -cf - t$n; done | cat >a.tar
    unpacks a.tar
    same_tree out
}

@test "--salvage: what is whole of a damaged archive; the rest is named" {
    mkdir tree
    for n in a b c; do printf 'the content of %s' $n >tree/$n; done
    tar -C tree -b 1 -cf a.tar a b c
    printf X | dd of=a.tar bs=1 seek=1030 conv=notrunc status=none
    run -65 --separate-stderr xbunpack --auto --salvage --report=report -C out -i a.tar
    [[ $stderr == *"damaged tar header at input offset 1024"* ]]
    [ "$(files out)" = "$(printf '%s\n' a c)" ]
    python3 -c 'import json; r = json.load(open("report")); print(r)'
    head -c 2570 a.tar >cut.tar
    run -65 --separate-stderr xbunpack --auto --salvage -C out2 -i cut.tar
    [ "$(files out2)" = "$(printf '%s\n' a c.damaged)" ]
    # Damage inside an encrypted member is the member's.
    head -c 400000 /dev/urandom | xxd -p >plain
    mkdir members
    xbcrypt-enc -f "$key" -s 64K -i plain -o members/t.ibd.xbcrypt
    cp tree/a members/z
    tar -C members -cf m.tar t.ibd.xbcrypt z
    printf X | dd of=m.tar bs=1 seek=200000 conv=notrunc status=none
    run -65 --separate-stderr xbunpack --auto --salvage -f "$key" -C out3 -i m.tar
    [ "$(files out3)" = "$(printf '%s\n' t.ibd.damaged z)" ]
}
