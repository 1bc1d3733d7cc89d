#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers as `kmsunwrap --provider=aws --envelope FILE` would, from recorded replies of a KMS.

The same blob under an equal encryption context gives the plaintext; anything else is refused. The
file of replies is in the environment variable KMS_REPLIES.
"""
import json
import os
import sys

metadata = {}
for argument in sys.argv[1:]:
    if argument.startswith("--envelope="):
        with open(argument.removeprefix("--envelope="), encoding="utf-8") as file:
            value = json.load(file)
        metadata.update(value.get("Metadata", value))
blob = metadata.get("x-amz-key-v2", metadata.get("x-amz-3"))
context = json.loads(metadata.get("x-amz-matdesc", metadata.get("x-amz-t", "{}")))
with open(os.environ["KMS_REPLIES"], encoding="utf-8") as file:
    replies = json.load(file)["decrypt"]
for reply in replies:
    if reply["CiphertextBlob"] == blob and reply["EncryptionContext"] == context:
        print(reply["Plaintext"])
        sys.exit(0)
print("kmsunwrap: InvalidCiphertextException: damaged blob or encryption context", file=sys.stderr)
sys.exit(65)
