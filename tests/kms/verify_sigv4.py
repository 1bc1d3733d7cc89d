# SPDX-License-Identifier: Apache-2.0
"""Verifies requests signed with AWS Signature Version 4, by botocore's signer, from the package
python3-botocore, or the one inside the AWS CLI, version 2."""
import hmac
import json
import re
import sys

try:
    import botocore
except ImportError:
    import awscli  # which makes its own botocore known under that name

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MUST = {"content-type", "host", "x-amz-date"}


class Refused(Exception):
    """code, message"""


def verify(method, url, headers, body, secret_of, service="kms"):
    """headers: names in lower case. Returns (access key id, region), or raises Refused."""
    match = re.fullmatch(
        rf"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{{8}})/([a-z0-9-]+)/{service}/aws4_request, "
        r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
        headers.get("authorization", ""),
    )
    if not match:
        raise Refused("IncompleteSignatureException", f"no SigV4 authorization for {service}")
    key_id, day, region, names, signature = match.groups()
    signed = names.split(";")
    must = MUST | ({"x-amz-security-token", "x-amz-target"} & set(headers))
    if service == "kms":
        must = must | {"x-amz-target"}
    if not must <= set(signed):
        raise Refused("InvalidSignatureException", f"signed headers {signed}, expected {must}")
    date = headers["x-amz-date"]
    if not date.startswith(day):
        raise Refused("InvalidSignatureException", "date and scope differ")
    secret = secret_of(key_id)
    if secret is None:
        raise Refused(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    request = AWSRequest(method=method, url=url, data=body)
    for name in signed:
        if name != "host":
            request.headers[name] = headers[name]
    request.context["timestamp"] = date
    signer = SigV4Auth(Credentials(key_id, secret), service, region)
    canonical = signer.canonical_request(request)
    good = signer.signature(signer.string_to_sign(request, canonical), request)
    if not hmac.compare_digest(good, signature):
        raise Refused(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method.\n\nThe Canonical String for this "
            f"request should have been\n'{canonical}'",
        )
    return key_id, region


def main():
    """Takes the published requests of a file, and refuses each of them damaged in several ways."""
    good = bad = 0
    for vector in json.load(open(sys.argv[1]))["vectors"]:
        keys = vector["credentials"]
        headers = {**vector["signed_header_values"], "authorization": vector["authorization"]}
        body = vector["body"].encode()

        def check(headers=headers, body=body, secret=keys["secret_access_key"]):
            return verify(vector["method"], vector["url"], headers, body, lambda _: secret)

        assert check() == (keys["access_key_id"], vector["region"]), vector["name"]
        good += 1
        damaged = [{"body": body + b" "}, {"secret": keys["secret_access_key"] + "x"}]
        damaged += [
            {"headers": {**headers, name: headers[name] + "x"}}
            for name in vector["signed_header_values"]
            if name != "host"  # taken from the URL
        ]
        damaged.append({"headers": {**headers, "authorization": vector["authorization"][:-1] + "x"}})
        for damage in damaged:
            try:
                check(**damage)
            except Refused:
                bad += 1
            else:
                raise AssertionError(f"{vector['name']}: taken with {list(damage)} damaged")
    print(f"{good} requests taken, {bad} damaged ones refused")


if __name__ == "__main__":
    main()
