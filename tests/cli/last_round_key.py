#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the last 16 bytes of the expanded form of the AES-256 key on standard input (FIPS 197)."""
import sys


def times_x(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def multiply(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = times_x(a), b >> 1
    return product


def substitute(a):
    inverse = next((b for b in range(256) if multiply(a, b) == 1), 0)
    result = 0x63
    for i in range(5):
        result ^= (inverse << i | inverse >> (8 - i)) & 0xFF
    return result


def last_round_key(key):
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = bytes(map(substitute, word[1:] + word[:1]))
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = times_x(constant)
        elif i % 8 == 4:
            word = bytes(map(substitute, word))
        words.append(bytes(a ^ b for a, b in zip(words[i - 8], word)))
    return b"".join(words[56:])


# FIPS 197, A.3 gives this expansion.
assert last_round_key(
    bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
).hex() == "fe4890d1e6188d0b046df344706c631e"
print(last_round_key(sys.stdin.buffer.read()).hex())
