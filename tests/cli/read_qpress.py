#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""read_qpress.py DIR: unpacks a qpress archive from standard input below the new DIR, and prints one
line for each item. Written from the description of the format alone, to judge what qppack writes: one
decoder for all three levels, a byte at a time. An archive that breaks a rule of the format ends it
with an error."""
import os
import sys
import zlib


def decode(packet):
    flags = packet[0]
    assert flags & 0xF0 == 0x40, "no packet of a single block"
    level, width = flags >> 2 & 3, 4 if flags & 2 else 1
    stored, size = (int.from_bytes(packet[1 + i * width:1 + (i + 1) * width], "little") for i in (0, 1))
    assert stored == len(packet) and level in (1, 2, 3)
    at, out, table, places, cursor, control = 1 + 2 * width, bytearray(), {}, {}, 0, 1
    if not flags & 1:
        assert stored - at == size
        return level, bytes(packet[at:])

    def enter(end):
        nonlocal cursor
        for i in range(cursor, end):
            x = int.from_bytes(out[i:i + 3], "little")
            if level == 1:
                table[(x >> 12 ^ x) & 4095] = i
            elif level == 2:
                bucket = (x >> 9 ^ x >> 13 ^ x) & 2047
                place = places.get(bucket, 0)
                table[bucket << 2 | place & 3] = i
                places[bucket] = place + 1
        cursor = max(cursor, end)

    only_literals = False
    while len(out) < size:
        if control == 1:
            control = int.from_bytes(packet[at:at + 4], "little") if not only_literals else 1 << 31
            assert at + 4 <= stored and control >> 31
            at += 4
        bit, control = control & 1, control >> 1
        if not bit or only_literals:
            only_literals = only_literals or len(out) >= size - 11
            out.append(packet[at])
            at += 1
            enter(len(out) - 2)
            continue
        f = int.from_bytes(packet[at:at + 4], "little")
        if level == 3:
            if f & 3 == 0:
                used, distance, length = 1, f >> 2 & 63, 3
            elif f & 3 == 1:
                used, distance, length = 2, f >> 2 & 16383, 3
            elif f & 3 == 2:
                used, distance, length = 2, f >> 6 & 1023, (f >> 2 & 15) + 3
            elif f >> 2 & 31:
                used, distance, length = 3, f >> 7 & 131071, (f >> 2 & 31) + 2
            else:
                used, distance, length = 4, f >> 15, (f >> 7 & 255) + 3
            source = len(out) - distance
        else:
            slot, length = (f >> 4 & 4095, f & 15) if level == 1 else ((f >> 5 & 2047) << 2 | f & 3, f >> 2 & 7)
            used, length = (2, length + 2) if length else (3, f >> 16 & 255)
            source = table[slot]
        start = len(out)
        assert 0 <= source < start - 2 and length >= 3 and start + length + 4 <= size
        for i in range(length):
            out.append(out[source + i])
        enter(start + 1)
        cursor = len(out)
        at += used
    assert len(out) == size and at <= stored
    return level, bytes(out)


def main():
    data, at, top, folder = sys.stdin.buffer.read(), 16, os.fsencode(sys.argv[1]), []
    assert data[:8] == b"qpress10", "no archive"
    block_size = int.from_bytes(data[8:16], "little")
    os.mkdir(top)
    while at < len(data):
        kind, at = chr(data[at]), at + 1
        if kind == "U":
            folder.pop()
            print("U")
            continue
        size = int.from_bytes(data[at:at + 4], "little")
        name, at = data[at + 4:at + 4 + size], at + 4 + size + 1
        assert data[at - 1] == 0 and name and b"/" not in name and name not in (b".", b"..")
        path = b"/".join([top, *folder, name])
        if kind == "D":
            folder.append(name)
            os.makedirs(path, exist_ok=True)
            print("D", os.fsdecode(name).encode("unicode_escape", "surrogateescape").decode())
            continue
        assert kind == "F"
        levels, written = set(), 0
        with open(path, "xb") as file:
            while data[at:at + 8] == b"NEWBNEWB":
                assert int.from_bytes(data[at + 8:at + 16], "little") == written
                head = at + 20
                size = int.from_bytes(data[head + 1:head + 5], "little") if data[head] & 2 else data[head + 1]
                packet = data[head:head + size]
                assert int.from_bytes(data[at + 16:at + 20], "little") == zlib.adler32(packet)
                level, content = decode(packet)
                assert 0 < len(content) <= block_size
                levels.add(level)
                written += file.write(content)
                at = head + size
        assert data[at:at + 16] == b"ENDSENDS" + bytes(8)
        at += 16
        print("F", os.fsdecode(name).encode("unicode_escape", "surrogateescape").decode(), written, *sorted(levels))
    assert not folder, "not back at the top"


main()
