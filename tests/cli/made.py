# SPDX-License-Identifier: Apache-2.0
"""The values that make_qpress.py and make_xbstream.py take."""


def unescape(text):
    return text.encode("latin-1", "surrogateescape").decode("unicode_escape").encode("latin-1")


def content(text):
    if text.startswith("@"):
        with open(text[1:], "rb") as f:
            return f.read()
    if text.startswith("*"):
        return bytes(i * i // 7 % 256 for i in range(int(text[1:])))
    return unescape(text)
