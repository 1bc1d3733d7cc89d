#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads an xbstream from standard input, strictly, into files below the folder named.

Prints a line for each chunk: type, name, offset, and sizes of map (in entries) and payload. Written
from the description of the format alone, to judge what xbpack writes: one file after the other,
every byte in its place, every CRC-32 right, every file ended, every sparse entry with data.
"""
import os
import struct
import sys
import zlib


def take(size):
    data = sys.stdin.buffer.read(size)
    assert len(data) == size, "the stream is cut"
    return data


def number(size):
    return int.from_bytes(take(size), "little")


def main():
    open_name, file, position, ended = None, None, 0, set()
    while True:
        magic = sys.stdin.buffer.read(8)
        if not magic:
            break
        assert magic == b"XBSTCK01", magic
        assert number(1) == 0, "flags"
        kind = take(1)
        size = number(4)
        assert 0 < size < 512, size
        name = take(size)
        assert open_name in (None, name), "two files at a time"
        assert name not in ended, "a file comes again"
        if open_name is None:
            path = os.path.join(os.fsencode(sys.argv[1]), name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open_name, file, position = name, open(path, "xb"), 0
        if kind == b"E":
            print("E", os.fsdecode(name))
            file.truncate(position)
            file.close()
            ended.add(name)
            open_name = None
            continue
        entries = number(4) if kind == b"S" else 0
        length, offset, crc = number(8), number(8), number(4)
        packed = take(8 * entries)
        payload = take(length)
        assert kind in b"PS" and length > 0 and (kind == b"P") == (entries == 0)
        assert length <= 10 << 20
        assert offset == position, (offset, position)
        assert zlib.crc32(packed + payload) == crc
        at = 0
        for skip, n in list(struct.iter_unpack("<II", packed)) or [(0, length)]:
            assert n > 0
            position += skip
            file.seek(position)
            file.write(payload[at:at + n])
            at += n
            position += n
        assert at == length
        print(kind.decode(), os.fsdecode(name), offset, entries, length)
    assert open_name is None, "the last file has no end"


main()
