#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a qpress archive of stored packets, whole or hostile, to standard output.

Each argument is one item and its fields NAME=VALUE with spaces between them; a value may hold
\\xNN escapes: ARCHIVE block=N; D name=N; U; F name=N; B data=D (@FILE: a file's content; *N: N
bytes), recovery=N, adler=bad, claim=N (decompressed size in the packet's header), packet=D (the
whole of it, instead of data); END; RAW data=D; FILE name=N data=D: a whole file of one block.
Recovery is counted if it is not given.
"""
import struct
import sys
import zlib

from made import content, unescape


def named(kind, field):
    name = unescape(field["name"])
    return kind + struct.pack("<I", int(field.get("name_size", len(name)))) + name + b"\0"


def block(field, recovery):
    data = content(field.get("data", ""))
    packet = b"\x4e" + struct.pack("<II", 9 + len(data), int(field.get("claim", len(data)))) + data
    packet = unescape(field["packet"]) if "packet" in field else packet
    adler = zlib.adler32(packet) ^ (1 if field.get("adler") == "bad" else 0)
    recovery = int(field.get("recovery", recovery))
    return b"NEWBNEWB" + struct.pack("<QI", recovery, adler) + packet


def main():
    out = sys.stdout.buffer
    recovery = 0
    for argument in sys.argv[1:]:
        kind, *fields = argument.split(" ")
        field = dict(f.split("=", 1) for f in fields)
        if kind == "ARCHIVE":
            out.write(b"qpress10" + struct.pack("<Q", int(field.get("block", "65536"))))
        elif kind == "D":
            out.write(named(b"D", field))
        elif kind == "U":
            out.write(b"U")
        elif kind in ("F", "FILE"):
            recovery = 0
            out.write(named(b"F", field))
        if kind in ("B", "FILE"):
            out.write(block(field, recovery))
            recovery += len(content(field.get("data", "")))
        if kind in ("END", "FILE"):
            out.write(b"ENDSENDS" + bytes(8))
        if kind == "RAW":
            out.write(content(field["data"]))


main()
