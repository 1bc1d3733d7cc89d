#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes an xbstream archive, whole or hostile, to standard output.

Each argument is one chunk: a type letter and fields NAME=VALUE with spaces between them; a
value may hold \\xNN escapes. Fields: name; data (@FILE: a file's content; *N: N bytes); offset;
flags; map (pairs SKIP:LENGTH with commas between, for type S); to (of R, a rename); and, to lie:
crc=bad, size, entries, name_size, to_size. SEEK is MariaDB's S. RAW data=... puts bytes between chunks. MEMBER name=N data=D is a whole member.
"""
import struct
import sys
import zlib

from made import content, unescape


def chunk(kind, field):
    name = unescape(field.get("name", ""))
    data = content(field.get("data", ""))
    if kind == "RAW":
        return data
    if kind == "MEMBER":
        return chunk("P", field) + chunk("E", {"name": field["name"]})
    head = b"XBSTCK01" + bytes([int(field.get("flags", "0"))]) + unescape("S" if kind == "SEEK" else kind)
    head += struct.pack("<I", int(field.get("name_size", len(name)))) + name
    if kind in ("E", "D"):
        return head
    if kind == "R":
        to = unescape(field["to"])
        return head + struct.pack("<I", int(field.get("to_size", len(to)))) + to
    if kind == "SEEK":
        return head + struct.pack("<Q", int(field["offset"]))
    pairs = [tuple(map(int, p.split(":"))) for p in field.get("map", "").split(",") if p]
    coded = b"".join(struct.pack("<II", *p) for p in pairs)
    crc = zlib.crc32(coded + data) ^ (1 if field.get("crc") == "bad" else 0)
    if kind == "S":
        head += struct.pack("<I", int(field.get("entries", len(pairs))))
    else:
        coded = b""
    head += struct.pack("<QQI", int(field.get("size", len(data))), int(field.get("offset", "0")), crc)
    return head + coded + data


def main():
    for argument in sys.argv[1:]:
        kind, *fields = argument.split(" ")
        sys.stdout.buffer.write(chunk(kind, dict(f.split("=", 1) for f in fields)))


main()
