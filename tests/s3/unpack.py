#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lays the vectors of tests/fixtures/s3 out as files for the shell.

unpack.py FIXTURES DIR: for each vector DIR/good/NAME or DIR/bad/NAME with
  meta.json         the object's metadata, the bare map
  instruction       the instruction file, if the vector has one
  object            the body
  data.key          32 bytes: the vector's, or the one of the vector it was made from
  kms.key           the base64 that a KMS answers; only for vectors wrapped by one
  wrapping.key      the raw AES or RSA key, if the vector has one
  plain             what it decrypts to
"""
import json
import os
import shutil
import sys


def lay_out(fixtures, directory, vector, keys):
    os.makedirs(directory)

    def put(name, data):
        with open(os.path.join(directory, name), "wb") as out:
            out.write(data)

    def copy(member, name):
        if member in vector:
            shutil.copyfile(os.path.join(fixtures, vector[member]), os.path.join(directory, name))

    put("meta.json", json.dumps(vector["object_metadata"]).encode())
    put("data.key", bytes.fromhex(keys["data_key_hex"]))
    if "kms" in keys:
        put("kms.key", keys["kms"]["Plaintext"].encode() + b"\n")
    copy("object", "object")
    copy("instruction_file", "instruction")
    copy("plaintext", "plain")
    copy("wrapping_key", "wrapping.key")


def main():
    fixtures, directory = sys.argv[1:]
    with open(os.path.join(fixtures, "vectors.json"), encoding="utf-8") as file:
        good = {v["name"]: v for v in json.load(file)["vectors"]}
    with open(os.path.join(fixtures, "negative.json"), encoding="utf-8") as file:
        bad = json.load(file)["vectors"]
    for name, vector in good.items():
        lay_out(fixtures, os.path.join(directory, "good", name), vector, vector)
    for vector in bad:
        lay_out(fixtures, os.path.join(directory, "bad", vector["name"]), vector,
                good[vector["based_on"]])


main()
