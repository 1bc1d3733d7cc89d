#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A second decoder, for judging s3cse-enc: slow, readable, and on another library.

decode.py ENVELOPE KEY < BODY > PLAINTEXT. ENVELOPE is the bare JSON map, KEY a file with the 32
bytes of the data key. Whatever is not exactly as the format says is an error.
"""
import base64
import json
import sys

from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def hmac_sha512(key, data):
    mac = hmac.HMAC(key, hashes.SHA512())
    mac.update(data)
    return mac.finalize()


def binary(envelope, name, size):
    value = base64.b64decode(envelope[name], validate=True)
    assert len(value) == size, f"{name}: {len(value)} bytes"
    return value


def check_names(envelope, required, optional=()):
    assert set(required) <= set(envelope), "missing: " + str(set(required) - set(envelope))
    extra = set(envelope) - set(required) - set(optional)
    assert not extra, "unexpected: " + str(extra)


def decode_cbc(envelope, key, body):
    check_names(envelope, ["x-amz-key-v2", "x-amz-iv", "x-amz-cek-alg", "x-amz-wrap-alg",
                           "x-amz-matdesc"], ["x-amz-unencrypted-content-length"])
    assert envelope["x-amz-wrap-alg"] == "kms"
    assert "kms_cmk_id" in json.loads(envelope["x-amz-matdesc"])
    decryptor = Cipher(algorithms.AES(key), modes.CBC(binary(envelope, "x-amz-iv", 16))).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    padded = decryptor.update(body) + decryptor.finalize()
    return unpadder.update(padded) + unpadder.finalize()


def decode_gcm(envelope, key, body):
    check_names(envelope, ["x-amz-key-v2", "x-amz-iv", "x-amz-cek-alg", "x-amz-wrap-alg",
                           "x-amz-matdesc", "x-amz-tag-len"], ["x-amz-unencrypted-content-length"])
    assert envelope["x-amz-wrap-alg"] == "kms+context"
    assert envelope["x-amz-tag-len"] == "128"
    assert json.loads(envelope["x-amz-matdesc"])["aws:x-amz-cek-alg"] == "AES/GCM/NoPadding"
    return AESGCM(key).decrypt(binary(envelope, "x-amz-iv", 12), body, None)


def decode_commit(envelope, key, body):
    check_names(envelope, ["x-amz-c", "x-amz-3", "x-amz-w", "x-amz-t", "x-amz-d", "x-amz-i"])
    assert envelope["x-amz-c"] == "115" and envelope["x-amz-w"] == "12"
    assert json.loads(envelope["x-amz-t"])["aws:x-amz-cek-alg"] == "115"
    suite = b"\x00\x73"
    prk = hmac_sha512(binary(envelope, "x-amz-i", 28), key)
    commitment = hmac_sha512(prk, suite + b"COMMITKEY\x01")[:28]
    assert commitment == binary(envelope, "x-amz-d", 28), "key commitment"
    content_key = hmac_sha512(prk, suite + b"DERIVEKEY\x01")[:32]
    return AESGCM(content_key).decrypt(b"\x01" * 12, body, suite)


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        envelope = json.load(file)
    with open(sys.argv[2], "rb") as file:
        key = file.read()
    assert len(key) == 32
    body = sys.stdin.buffer.read()
    decoders = {"AES/CBC/PKCS5Padding": decode_cbc, "AES/GCM/NoPadding": decode_gcm}
    if "x-amz-c" in envelope:
        plaintext = decode_commit(envelope, key, body)
    else:
        plaintext = decoders[envelope["x-amz-cek-alg"]](envelope, key, body)
    length = envelope.get("x-amz-unencrypted-content-length")
    assert length is None or int(length) == len(plaintext), "length"
    sys.stdout.buffer.write(plaintext)


main()
