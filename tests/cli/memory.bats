# SPDX-License-Identifier: Apache-2.0
# Memory depends on the number of threads and the size of chunks, not on how long the input is, in
# how many pieces it comes, or how many members it leaves open; time grows with the input, not with
# its square.
bats_require_minimum_version 1.5.0

setup() {
    load common
    instrumented && skip "a build with sanitizers has memory of its own"
    mib=1024 # KiB, as $peak is
}

# A build with sanitizers, or one that counts lines.
instrumented() { counts_lines || [[ $BUILD_DIR == *san-* ]]; }

# make NAME N: writes one of the inputs below.
make() {
    python3 -S -E - "$@" <<'END'
import random, struct, sys, zlib

def xxh32_of_few(data):
    """XXH32, seed 0, of less than 16 bytes: the checksum of an LZ4 frame's head."""
    p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    mask = 0xffffffff
    h = p5 + len(data)
    while len(data) >= 4:
        h = h + struct.unpack("<I", data[:4])[0] * p3 & mask
        h = (h << 17 | h >> 15) * p4 & mask
        data = data[4:]
    for b in data:
        h = h + b * p5 & mask
        h = (h << 11 | h >> 21) * p1 & mask
    h = (h ^ h >> 15) * p2 & mask
    h = (h ^ h >> 13) * p3 & mask
    return h ^ h >> 16

def lz4(data):
    """A frame of stored blocks of 64 KiB, with the size of its content, as XtraBackup's."""
    head = b"\x68\x40" + struct.pack("<Q", len(data))
    frame = [b"\x04\x22\x4d\x18", head, bytes([xxh32_of_few(head) >> 8 & 255])]
    for at in range(0, len(data), 1 << 16):
        block = data[at:at + (1 << 16)]
        frame += [struct.pack("<I", 1 << 31 | len(block)), block]
    return b"".join(frame + [bytes(4)])

def zst(data):
    """A frame of raw blocks of 128 KiB, with the size of its content and a window of 512 KiB."""
    frame = [b"\x28\xb5\x2f\xfd\x80\x48", struct.pack("<I", len(data))]
    for at in range(0, len(data), 1 << 17):
        block = data[at:at + (1 << 17)]
        last = at + len(block) == len(data)
        frame += [struct.pack("<I", len(block) << 3 | last)[:3], block]
    return b"".join(frame)

def qp(data, size):
    """An archive of one file, in blocks of that size."""
    archive = [b"qpress10", struct.pack("<Q", 1 << 16), b"F", struct.pack("<I", 1), b"a\0"]
    for at in range(0, len(data), size):
        block = data[at:at + size]
        packet = b"\x4e" + struct.pack("<II", 9 + len(block), len(block)) + block
        archive += [b"NEWBNEWB", struct.pack("<QI", at, zlib.adler32(packet)), packet]
    return b"".join(archive + [b"ENDSENDS", bytes(8)])

def payload(name, offset, data):
    return (b"XBSTCK01\0P" + struct.pack("<I", len(name)) + name + struct.pack("<QQI", len(data), offset, zlib.crc32(data))
            + data)

def end(name):
    return b"XBSTCK01\0E" + struct.pack("<I", len(name)) + name

def member(name, data, chunk=10 << 20):
    return b"".join(payload(name, at, data[at:at + chunk]) for at in range(0, len(data), chunk)) + end(name)

def sparse(name, runs):
    """A sparse chunk with runs of a byte, each behind a hole of a byte."""
    table, data = struct.pack("<II", 1, 1) * runs, b"x" * runs
    return (b"XBSTCK01\0S" + struct.pack("<I", len(name)) + name + struct.pack("<IQQI", runs, runs, 0,
            zlib.crc32(data, zlib.crc32(table))) + table + data)

def zst_bomb(blocks):
    """A frame of blocks of 128 KiB, each in four bytes, that does not say how large its content is."""
    block = lambda last: struct.pack("<I", 1 << 17 << 3 | 1 << 1 | last)[:3] + b"A"
    return b"\x28\xb5\x2f\xfd\0\x50" + block(0) * (blocks - 1) + block(1)

def lz4_bomb(blocks):
    """The same as LZ4, in blocks of 4 MiB that take 16 KiB each."""
    head = b"\x60\x70"
    size = 4 << 20 # a literal; a match of all but it and the last five bytes, which are literals, too
    rest = size - 1 - 5 - 19
    block = b"\x1fA\1\0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + b"\x50AAAAA"
    return (b"\x04\x22\x4d\x18" + head + bytes([xxh32_of_few(head) >> 8 & 255])
            + (struct.pack("<I", len(block)) + block) * blocks + bytes(4))

def make_open(suffix, n):
    return b"".join(payload(b"%d%s" % (i, suffix), 0, b"q") for i in range(n))

codecs = {"lz4": lz4, "zst": zst, "qp": lambda data: qp(data, 1)}
what, n = sys.argv[1], int(sys.argv[2])
random.seed(1)
if what.startswith("open."):
    made = make_open(what[4:].encode(), n)
elif what == "many":
    made = b"".join(member(b"d%d/t%d.ibd" % (i % 100, i), b"%d" % i) for i in range(n))
elif what.startswith("large."):
    codec = what[6:]
    frames = codecs[codec](random.randbytes(10 << 20))
    made = member(b"large.ibd." + codec.encode(), frames * n)
elif what.startswith("tiny."):
    codec = what[5:]
    data = random.randbytes(n)
    tiny = {b: codecs[codec](bytes([b])) for b in range(256)}
    small = qp(data, 1) if codec == "qp" else b"".join(tiny[b] for b in data)
    made = member(b"tiny.ibd." + codec.encode(), small)
elif what == "bombs.zst": # with 16 MB each
    made = member(b"a.ibd.zst", zst_bomb(121) * n)
elif what == "bombs.lz4":
    made = member(b"a.ibd.lz4", lz4_bomb(4) * n)
elif what == "begun.zst":
    made = (b"".join(payload(b"%d.zst" % i, 0, zst_bomb(121)) for i in range(n))
            + b"".join(end(b"%d.zst" % i) for i in range(n)))
elif what == "bomb.zst": # a single frame
    made = member(b"a.ibd.zst", zst_bomb(121 * n))
elif what == "sparse":
    made = sparse(b"a.ibd", n) + end(b"a.ibd")
elif what == "deep":
    made = b"".join(end(b"%06d" % i + b"/a" * 252) for i in range(n))
else: # whole: a stream that is packed in frames, or blocks, of a byte
    data = member(b"a.ibd", random.randbytes(n))
    made = qp(data, 1) if what == "whole.qp" else b"".join(codecs[what[6:]](bytes([b])) for b in data)
sys.stdout.buffer.write(made)
END
}

# within MIB: what ran last had no more.
within() {
    [ "$peak" -le $(($1 * mib)) ] || {
        echo "peak of $((peak / mib)) MiB, expected at most $1 MiB; status $status"
        head -3 err
        return 1
    }
}

@test "members that are begun and not ended take little memory each, and are not without number" {
    for suffix in ibd qp.qp.qp.qp.qp.qp.qp.qp lz4 zst xbcrypt; do
        make open.$suffix 1000 >in
        peak in xbunpack -j 2 --test --decompress
        [ "$status" -eq 65 ]
        grep -q "expected the end of 1000 more members" err
        within 40
    done
    make open.qp 1024 >in
    peak in xbunpack -j 2 --test --decompress
    grep -q "expected the end of 1024 more members" err
    at=$(stat -c %s in)
    make open.qp 20000 >in
    for j in 1 2; do
        fails 65 "xbunpack: xbstream chunk at input offset $at begins one member too many: expected at most 1024 that have not ended; no backup tool writes more at a time: the stream is no backup, or damaged" \
            xbunpack -j $j --test -i in
    done
    peak in xbunpack -j 2 --test --decompress
    within 40
    # Salvage ends those that it has not seen for the longest time.
    make open.ibd 1500 >in
    peak in xbunpack -j 2 --salvage --report=report.json -C out
    [ "$status" -eq 65 ]
    within 64
    [ "$(files out | wc -l)" -eq 1500 ]
    [ "$(grep -c 'too many later members have no end' report.json)" -eq 476 ]
}

@test "pieces of a byte take no memory each: four times as many take as much" {
    for codec in lz4 zst qp; do
        for n in 100000 400000; do
            make tiny.$codec $n >in
            for how in --test "--test --salvage"; do
                # shellcheck disable=SC2086 # words
                peak in xbunpack -j 2 $how --incomplete-ok --decompress
                [ "$status" -eq 0 ] || { cat err; return 1; }
                within 48
            done
        done
    done
    for codec in lz4 zst; do
        make whole.$codec 400000 >in
        peak in xbunpack -j 2 --test --incomplete-ok --auto
        [ "$status" -eq 0 ]
        within 32
    done
}

@test "a plain stream in pieces of a byte takes as much memory as in large ones" {
    python3 -S -E -c 'import random, sys; random.seed(2); sys.stdout.buffer.write(random.randbytes(1 << 20))' >data
    make_xbstream 'MEMBER name=a data=@data' >in
    python3 -S -E - xbunpack -j 2 --test --incomplete-ok <<'END' || return 1
import os, subprocess, sys
with open("in", "rb") as f:
    data = f.read()
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
for at in range(0, len(data), 16): # as fast as the reader takes them, and so mostly alone
    os.write(p.stdin.fileno(), data[at:at + 16])
p.stdin.close()
_, status, usage = os.wait4(p.pid, 0)
if status != 0 or usage.ru_maxrss > 32 << 10:
    sys.exit(f"status {status}, peak {usage.ru_maxrss} KiB")
END
}

@test "LZ4 and Zstandard members with frames of 10 MiB: at most 100 MiB on two threads, however many" {
    for codec in lz4 zst; do
        for n in 4 12; do
            make large.$codec $n >in
            peak in xbunpack -j 2 --decompress --incomplete-ok -C out
            [ "$status" -eq 0 ] || { cat err; return 1; }
            within 100
            rm -r out
        done
    done
}

@test "small frames with much content each take less than 128 MiB on two threads, however many" {
    for bombs in bombs.zst bombs.lz4 begun.zst bomb.zst; do
        for n in 20 80; do
            make $bombs $n >in
            for how in --test "--test --manifest=m --overwrite"; do
                # shellcheck disable=SC2086 # words
                peak in xbunpack -j 2 --decompress --incomplete-ok $how
                [ "$status" -eq 0 ] || { cat err; return 1; }
                within 127
            done
        done
        peak in xbunpack -j 2 --decompress --incomplete-ok -C out
        [ "$status" -eq 0 ] || { cat err; return 1; }
        within 127
        rm -r out
    done
}

@test "runs of a byte in a sparse chunk take no memory each" {
    for n in 80000 320000; do
        make sparse $n >in
        for how in "--test --manifest=m --overwrite" "-C out"; do
            # shellcheck disable=SC2086 # words
            peak in xbunpack -j 2 --incomplete-ok $how
            [ "$status" -eq 0 ] || { cat err; return 1; }
            within 24
        done
        rm -r out
    done
}

@test "a layer that holds very many small frames of the next takes no memory for each" {
    for codec in lz4 zst qp; do
        make whole.$codec 150000 >in
        gzip -1 <in >in.gz # in it 150,000 frames, or blocks
        zstd -q -1 <in >in.zstd
        gzip -1 <in.zstd >in.zstd.gz
        for form in gz zstd zstd.gz; do
            echo "$codec.$form"
            peak in.$form xbunpack --auto --test -j 2 --incomplete-ok
            [ "$status" -eq 0 ] || { cat err; return 1; }
            within 40
        done
    done
}

@test "names of many components take memory as the stream does" {
    make deep 4000 >in # 2 MB
    for how in --test -t; do
        peak in xbunpack -j 2 --incomplete-ok "$how"
        [ "$status" -eq 0 ] || { cat err; return 1; }
        within 32
    done
    # Each of the million folders would be remembered, and take a block of the disk.
    for how in "" --salvage; do
        # shellcheck disable=SC2086 # a word, or none
        peak in xbunpack -j 2 -C out $how
        [ "$status" -eq 73 ]
        grep -q "^xbunpack: 0000.*: one folder too many: expected at most 10000, and 4 more for each name; no backup tool writes more: the archive is no backup, or damaged$" err
        within 32
        [ "$(find out -type d | wc -l)" -lt 12000 ]
        rm -r out
    done
    # As many as the rule allows.
    python3 -S -E -c 'import sys
for i in range(5000): sys.stdout.buffer.write(b"XBSTCK01\0E" + (n := b"%d/a/b/c/f" % i, len(n).to_bytes(4, "little") + n)[1])' >in
    peak in xbunpack -j 2 --incomplete-ok -C out
    [ "$status" -eq 0 ] || { cat err; return 1; }
    [ "$(find out -name f | wc -l)" -eq 5000 ]
    within 40
    rm -r out
}

@test "time grows with the number of members, not with its square" {
    for how in "--test --manifest=m --overwrite" "--test --verify=m"; do
        for n in 10000 40000; do
            make many $n >in
            if [ "$how" = "--test --verify=m" ]; then
                xbunpack --test --incomplete-ok --overwrite --manifest=m -i in 2>/dev/null
            fi
            # shellcheck disable=SC2086 # words
            peak in xbunpack -j 2 --incomplete-ok $how
            [ "$status" -eq 0 ] || { cat err; return 1; }
            declare "cpu$n=$cpu"
        done
        # Four times as long, and not sixteen times.
        # shellcheck disable=SC2154 # declared above
        [ "$cpu40000" -lt $((8 * cpu10000 + 200)) ] || {
            echo "$how: $cpu10000 ms for 10,000 members, $cpu40000 ms for 40,000"
            return 1
        }
    done
}
