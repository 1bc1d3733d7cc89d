# SPDX-License-Identifier: Apache-2.0
"""Verifies requests signed with ACS3-HMAC-SHA256, from the description alone.

Run with the vector file as its argument it verifies every vector, and that each fails once damaged.
"""
import hashlib
import hmac
import json
import re
import sys
import urllib.parse


class Refused(Exception):
    """code, message"""


def encode(text):
    return urllib.parse.quote(text, safe="-_.~")


def canonical_query(query):
    pairs = []
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        pairs.append((urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)))
    return "&".join(f"{encode(n)}={encode(v)}" for n, v in sorted(pairs))


def verify(method, target, headers, body, secret_of):
    """headers: names in lower case. Returns the access key id, or raises Refused."""
    match = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,\s]+),SignedHeaders=([^,\s]+),Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not match:
        raise Refused("IncompleteSignature", "no ACS3 authorization")
    key_id, names, signature = match.groups()
    signed = names.split(";")
    must = {"host"} | {h for h in headers if h.startswith("x-acs-")}
    if "content-type" in headers:
        must.add("content-type")
    if set(signed) != must or signed != sorted(signed):
        raise Refused("SignatureDoesNotMatch", f"signed headers {signed}, expected {sorted(must)}")
    digest = hashlib.sha256(body).hexdigest()
    if headers.get("x-acs-content-sha256") != digest:
        raise Refused("SignatureDoesNotMatch", "hash of the body")
    path, _, query = target.partition("?")
    if path != "/" or canonical_query(query) != query:
        raise Refused("SignatureDoesNotMatch", "the query is not in canonical form")
    canonical = "\n".join(
        [method, path, query]
        + [f"{n}:{headers[n].strip()}" for n in signed]
        + ["", names, digest]
    )
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    secret = secret_of(key_id)
    if secret is None:
        raise Refused("InvalidAccessKeyId.NotFound", "Specified access key is not found.")
    good = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(good, signature):
        raise Refused(
            "SignatureDoesNotMatch",
            "Specified signature is not matched with our calculation. server string to sign is:"
            + canonical,
        )
    return key_id


def main():
    count = 0
    with open(sys.argv[1], encoding="utf-8") as f:
        vectors = json.load(f)["vectors"]
    for v in vectors:
        headers = dict(v["signed_header_values"], authorization=v["authorization"])
        body = v["body"].encode()
        secret = v["credentials"]["accessKeySecret"]
        verify(v["method"], v["request_target"], headers, body, lambda _: secret)
        for damage in (
            lambda h: h.update({"x-acs-date": "2026-01-15T10:15:01Z"}),
            lambda h: h.update({"host": "other.invalid"}),
            lambda h: h.update({"x-acs-extra": "1"}),
        ):
            bad = dict(headers)
            damage(bad)
            try:
                verify(v["method"], v["request_target"], bad, body, lambda _: secret)
            except Refused:
                count += 1
                continue
            sys.exit(f"{v['name']}: damaged, but accepted")
    print(f"{len(vectors)} vectors verified, {count} damaged ones refused")


if __name__ == "__main__":
    main()
