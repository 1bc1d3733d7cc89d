#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A key service on loopback, for tests: AWS KMS and Alibaba Cloud KMS and the security token services
(STS) of both, with their requests' signatures verified, and the metadata services of both clouds and
of containers.

    loopback.py DIR [CERTIFICATE KEY]

Writes its port to DIR/port, one line a request to DIR/log, and takes from DIR/script what to do
with the next requests to a key service: a JSON list whose elements are an action ("ok", "truncate",
...) or {"status", "body", "headers", "pages"}; past its end, "ok". DIR/sts-script is the same for STS. DIR/pages, which "pages" changes,
holds further pages of the metadata services, a JSON object of path and text. Its blobs are no
secret: they name key, plaintext and context in JSON.
"""
import base64
import datetime
import email.utils
import json
import os
import pathlib
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import verify_acs3

AWS_KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIYUN_KEY = "key-hzz00000000000000exmp"
# Access key ids with their secrets, and the token without which a temporary one is refused.
SECRETS = {
    "AKIAEXAMPLELOOPBACK1": ("aws/Secret+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", None),
    "ASIAEXAMPLELOOPBACK2": ("aws/Secret+BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "AwsToken/" + "T+/=" * 50),
    "LTAIEXAMPLELOOPBACK1": ("aliSecretAAAAAAAAAAAAAAAAAAAAA", None),
    "STS.EXAMPLELOOPBACK2": ("aliSecretBBBBBBBBBBBBBBBBBBBBB", "AliToken/" + "T+/=" * 50),
}
# Who may assume which role, and what it asks for besides. The key ids of a role begin with its name.
ROLES = {
    "arn:aws:iam::111122223333:role/app": {"by": "AKIAEXAMPLELOOPBACK1"},
    "arn:aws:iam::111122223333:role/machine": {"by": "ASIAEXAMPLELOOPBACK2"},
    "arn:aws:iam::111122223333:role/next": {"by": "ASIAROLEAPP"},
    "arn:aws:iam::111122223333:role/partner": {"by": "AKIAEXAMPLELOOPBACK1", "external": "a b+c/d"},
    "arn:aws:iam::111122223333:role/pod": {"identity": "WEB-IDENTITY-TOKEN"},
    "acs:ram::1111222233334444:role/app": {"by": "LTAIEXAMPLELOOPBACK1"},
    "acs:ram::1111222233334444:role/machine": {"by": "STS.EXAMPLELOOPBACK2"},
    "acs:ram::1111222233334444:role/next": {"by": "STS.ROLEAPP"},
    "acs:ram::1111222233334444:role/pod": {"identity": "OIDC-TOKEN"},
}
OIDC_PROVIDER = "acs:ram::1111222233334444:oidc-provider/ack-rrsa"
DIRECTORY = pathlib.Path(sys.argv[1])
LOCK = threading.Lock()
NONCES = set()


def pack(key, plaintext, context):
    blob = {"key": key, "plaintext": base64.b64encode(plaintext).decode(), "context": context}
    return base64.b64encode(b"\1\2\2\0x" + json.dumps(blob, sort_keys=True).encode()).decode()


def unpack(text, context):
    """Returns key and plaintext, or None for a damaged blob or another context."""
    try:
        raw = base64.b64decode(text, validate=True)
        blob = json.loads(raw.removeprefix(b"\1\2\2\0x"))
    except ValueError:
        return None
    if blob["context"] != context:
        return None
    return blob["key"], blob["plaintext"]


class Refused(Exception):
    """status, code, message"""


def new_keys(role, prefix):
    """Keys of a role, each time others."""
    name = role.rpartition("/")[2].upper()
    with LOCK:
        key_id = f"{prefix}ROLE{name}{len(SECRETS):04}"
        SECRETS[key_id] = (f"role/Secret+{os.urandom(12).hex()}", f"RoleToken/{os.urandom(60).hex()}==")
    return key_id, *SECRETS[key_id]


def check_role(given, key_id, identity):
    role = ROLES.get(given.get("RoleArn"))
    if role is None or not given.get("RoleSessionName"):
        raise Refused(403, "AccessDenied", "no such role, or no session name")
    if identity is None and not (key_id or "").startswith(role.get("by", "-")):
        raise Refused(403, "AccessDenied", f"User: {key_id} is not authorized to perform: sts:AssumeRole")
    if identity is not None and identity != role.get("identity"):
        raise Refused(400, "InvalidIdentityToken", "The web identity token is not valid")
    if given.get("ExternalId") != role.get("external"):
        raise Refused(403, "AccessDenied", "the external id is another one")


def aws(name, given):
    context = given.get("EncryptionContext", {})
    if name == "Decrypt":
        found = unpack(given["CiphertextBlob"], context)
        if found is None:
            raise Refused(400, "InvalidCiphertextException", None)
        if "KeyId" in given and not found[0].endswith(given["KeyId"]):
            raise Refused(400, "IncorrectKeyException", "The key ID does not identify the key.")
        return {"KeyId": found[0], "Plaintext": found[1], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}
    if given.get("KeyId") != AWS_KEY:
        raise Refused(400, "NotFoundException", "no such key")
    if name == "Encrypt":
        plaintext = base64.b64decode(given["Plaintext"], validate=True)
        return {"CiphertextBlob": pack(AWS_KEY, plaintext, context), "KeyId": AWS_KEY}
    assert name == "GenerateDataKey" and given["KeySpec"] == "AES_256"
    plaintext = os.urandom(32)
    return {
        "CiphertextBlob": pack(AWS_KEY, plaintext, context),
        "Plaintext": base64.b64encode(plaintext).decode(),
        "KeyId": AWS_KEY,
    }


def aliyun(name, given):
    context = json.loads(given.get("EncryptionContext", "{}"))
    reply = {"KeyId": ALIYUN_KEY, "KeyVersionId": "v1", "RequestId": "2075-LOOP"}
    if name == "Decrypt":
        found = unpack(given["CiphertextBlob"], context)
        if found is None:
            raise Refused(400, "InvalidParameter", 'The specified parameter "CiphertextBlob" is not valid.')
        return dict(reply, KeyId=found[0], Plaintext=found[1])
    if given.get("KeyId") != ALIYUN_KEY:
        raise Refused(404, "Forbidden.KeyNotFound", "The specified Key is not found.")
    if name == "Encrypt":
        plaintext = base64.b64decode(given["Plaintext"], validate=True)
        return dict(reply, CiphertextBlob=pack(ALIYUN_KEY, plaintext, context))
    assert name == "GenerateDataKey" and given["KeySpec"] == "AES_256"
    plaintext = os.urandom(32)
    return dict(
        reply,
        CiphertextBlob=pack(ALIYUN_KEY, plaintext, context),
        Plaintext=base64.b64encode(plaintext).decode(),
    )


def secret_of(key_id):
    return SECRETS.get(key_id, (None,))[0]


def too_old(then, minutes):
    now = datetime.datetime.now(datetime.timezone.utc)
    return abs((now - then.replace(tzinfo=datetime.timezone.utc)).total_seconds()) > 60 * minutes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=None, declared=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(status)
        headers = {"Date": email.utils.formatdate(usegmt=True), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if declared is None else declared))
        self.end_headers()
        self.wfile.write(data)
        if declared is not None:
            self.close_connection = True

    def next_action(self, name="script"):
        with LOCK:
            path = DIRECTORY / name
            script = json.loads(path.read_text()) if path.exists() else []
            action = script.pop(0) if script else "ok"
            path.write_text(json.dumps(script))
        return action

    def note(self, **what):
        with LOCK, open(DIRECTORY / "log", "a", encoding="utf-8") as log:
            print(json.dumps({"method": self.command, "target": self.path, **what}), file=log)

    def check_token(self, key_id, token):
        wanted = SECRETS[key_id][1]
        if token != wanted:
            raise Refused(403, "InvalidSecurityToken.MismatchWithAccessKey", "token")

    def serve_aws(self, headers, body):
        import verify_sigv4  # takes half a second

        scheme = "https" if len(sys.argv) > 2 else "http"
        date = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
        if too_old(date, 5):
            raise Refused(400, "InvalidSignatureException", "Signature expired: x is now earlier than y")
        try:
            key_id, region = verify_sigv4.verify(
                self.command, f"{scheme}://{headers['host']}{self.path}", headers, body, secret_of
            )
        except verify_sigv4.Refused as refused:
            raise Refused(400, *refused.args) from refused
        assert headers["content-type"] == "application/x-amz-json-1.1" and self.path == "/"
        self.check_token(key_id, headers.get("x-amz-security-token"))
        name = headers["x-amz-target"].removeprefix("TrentService.")
        self.note(service="aws", action=name, key_id=key_id, region=region, user_agent=headers.get("user-agent"))
        return aws(name, json.loads(body))

    def serve_aliyun(self, headers, body):
        date = datetime.datetime.strptime(headers["x-acs-date"], "%Y-%m-%dT%H:%M:%SZ")
        if too_old(date, 15):
            raise Refused(400, "IllegalTimestamp", "The timestamp is out of range.")
        nonce = headers["x-acs-signature-nonce"]
        with LOCK:
            if nonce in NONCES:
                raise Refused(400, "SignatureNonceUsed", "nonce")
            NONCES.add(nonce)
        try:
            key_id = verify_acs3.verify(self.command, self.path, headers, body, secret_of)
        except verify_acs3.Refused as refused:
            raise Refused(400, *refused.args) from refused
        self.check_token(key_id, headers.get("x-acs-security-token"))
        assert headers["x-acs-version"] == "2016-01-20" and headers["accept"] == "application/json"
        given = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        given.update(urllib.parse.parse_qsl(body.decode()))
        self.note(service="aliyun", action=headers["x-acs-action"], key_id=key_id)
        return aliyun(headers["x-acs-action"], given)

    def note_role(self, service, given, key_id):
        what = {n: v for n, v in given.items() if n not in ("Timestamp", "SignatureNonce")}
        self.note(service=service, key_id=key_id, given=dict(sorted(what.items())))

    def sts_aws(self, headers, body):
        """Returns the XML of a reply."""
        given = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert self.path == "/" and given["Version"] == "2011-06-15"
        assert headers["content-type"].startswith("application/x-www-form-urlencoded")
        key_id = None
        if given["Action"] == "AssumeRole":
            import verify_sigv4

            try:
                key_id, _ = verify_sigv4.verify(
                    self.command, f"http://{headers['host']}/", headers, body, secret_of, "sts"
                )
            except verify_sigv4.Refused as refused:
                raise Refused(403, *refused.args) from refused
            self.check_token(key_id, headers.get("x-amz-security-token"))
        else:
            assert given["Action"] == "AssumeRoleWithWebIdentity" and "authorization" not in headers
        self.note_role("aws-sts", given, key_id)
        check_role(given, key_id, given.get("WebIdentityToken"))
        key_id, secret, token = new_keys(given["RoleArn"], "ASIA")
        name = given["Action"]
        return (
            f'<{name}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <{name}Result>\n'
            f"    <AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:a/b</Arn></AssumedRoleUser>\n"
            f"    <Credentials>\n      <AccessKeyId>{key_id}</AccessKeyId>\n"
            f"      <SecretAccessKey>{secret}</SecretAccessKey>\n      <SessionToken>{token}</SessionToken>\n"
            f"      <Expiration>2099-01-01T00:00:00Z</Expiration>\n    </Credentials>\n  </{name}Result>\n"
            f"  <ResponseMetadata><RequestId>REQ-STS</RequestId></ResponseMetadata>\n</{name}Response>\n"
        )

    def sts_aliyun(self, headers, body):
        given = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
        given.update(urllib.parse.parse_qsl(body.decode()))
        key_id = None
        if "x-acs-action" in headers:
            assert headers["x-acs-version"] == "2015-04-01" and headers["x-acs-action"] == "AssumeRole"
            try:
                key_id = verify_acs3.verify(self.command, self.path, headers, body, secret_of)
            except verify_acs3.Refused as refused:
                raise Refused(400, *refused.args) from refused
            self.check_token(key_id, headers.get("x-acs-security-token"))
        else:
            assert given["Action"] == "AssumeRoleWithOIDC" and given["Version"] == "2015-04-01"
            assert given["Format"] == "JSON" and "authorization" not in headers
            date = datetime.datetime.strptime(given["Timestamp"], "%Y-%m-%dT%H:%M:%SZ")
            assert not too_old(date, 15)
            if given["OIDCProviderArn"] != OIDC_PROVIDER:
                raise Refused(404, "EntityNotExist.OIDCProvider", "no such provider")
        self.note_role("aliyun-sts", given, key_id)
        check_role(given, key_id, given.get("OIDCToken"))
        key_id, secret, token = new_keys(given["RoleArn"], "STS.")
        keys = {"AccessKeyId": key_id, "AccessKeySecret": secret, "SecurityToken": token}
        return {"RequestId": "REQ-STS", "Credentials": {**keys, "Expiration": "2099-01-01T00:00:00Z"}}

    def serve_sts(self, headers, body):
        is_aws = self.path == "/" and b"Action=AssumeRole" in body
        action = self.next_action("sts-script")
        if isinstance(action, dict):
            self.note(action="scripted sts", status=action["status"])
            self.reply(action["status"], action["body"].encode())
            return
        if action == "close":
            self.close_connection = True
            return
        try:
            result = self.sts_aws(headers, body) if is_aws else self.sts_aliyun(headers, body)
            self.reply(200, result.encode() if is_aws else result)
        except Refused as refused:
            status, code, message = refused.args
            if not is_aws and code == "AccessDenied":
                code = "NoPermission"
            self.note(action="refused", code=code)
            xml = (
                '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n  <Error>\n    <Type>Sender</Type>\n'
                f"    <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n"
                "  <RequestId>REQ-STS</RequestId>\n</ErrorResponse>\n"
            )
            answer = {"Code": code, "Message": message, "RequestId": "REQ-STS"}
            self.reply(status, xml.encode() if is_aws else answer)

    def do_POST(self):
        headers = {n.lower(): v for n, v in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        if headers.get("x-acs-action") == "AssumeRole" or b"AssumeRole" in self.path.encode() + body[:200]:
            self.serve_sts(headers, body)
            return
        is_aws = "x-amz-target" in headers
        action = self.next_action()
        extra = {"x-amzn-RequestId": "REQ-LOOP"} if is_aws else {"x-acs-request-id": "REQ-LOOP"}
        if isinstance(action, dict):
            self.note(action="scripted", status=action["status"])
            if "pages" in action:
                (DIRECTORY / "pages").write_text(json.dumps(action["pages"]))
            text = json.dumps(action["body"]) if not isinstance(action["body"], str) else action["body"]
            text = text.replace("TOKEN", headers.get("x-amz-security-token", headers.get("x-acs-security-token", "")))
            self.reply(action["status"], text.encode(), {**extra, **action.get("headers", {})})
            return
        if action.startswith("delay"):
            time.sleep(float(action.split()[1]))
        if action == "close":
            self.note(action="close")
            self.close_connection = True
            return
        try:
            result = self.serve_aws(headers, body) if is_aws else self.serve_aliyun(headers, body)
        except Refused as refused:
            status, code, message = refused.args
            if is_aws:
                result = {"__type": "com.amazonaws.kms#" + code}
                if message is not None:
                    result["message"] = message
            else:
                result = {"HttpStatus": status, "Code": code, "Message": message, "RequestId": "2075-LOOP"}
            self.note(action="refused", code=code)
            self.reply(status, result, extra)
            return
        data = json.dumps(result).encode()
        if action == "truncate":
            self.reply(200, data[: len(data) // 2], extra, declared=len(data))
        elif action == "garbage":
            self.reply(200, b'{"Plaintext": "S14dTbl6', extra)
        elif action == "html":
            self.reply(200, b"<html>sign in</html>", extra)
        elif action == "list":
            self.reply(200, b"[]", extra)
        elif action == "duplicate":
            self.reply(200, b'{"Plaintext":"QUJD","Plaintext":"QUJD"}', extra)
        elif action == "empty":
            self.reply(200, b"", extra)
        elif action == "big":
            self.reply(200, data + b" " * 70000, extra)
        elif action == "full":
            self.reply(200, data + b" " * (65536 - len(data)), extra)
        elif action == "redirect":
            self.reply(307, b"", {**extra, "Location": f"http://{headers['host']}/elsewhere"})
        else:
            self.reply(200, data, extra)

    def temporary(self, key_id, secret_name, token_name):
        secret, token = SECRETS[key_id]
        return {
            "Code": "Success",
            "AccessKeyId": key_id,
            secret_name: secret,
            token_name: token,
            "Expiration": "2099-01-01T00:00:00Z",
        }

    def do_PUT(self):
        self.note(action="metadata token")
        if (DIRECTORY / "no-metadata-token").exists():
            self.reply(404, b"")
        elif self.path == "/latest/api/token":
            ttl = self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            ttl = ttl or self.headers["X-aliyun-ecs-metadata-token-ttl-seconds"]
            assert ttl == "21600"
            self.reply(200, b"METADATA-TOKEN")
        else:
            self.reply(404, b"")

    def do_GET(self):
        self.note(action="metadata")
        token = self.headers["X-aws-ec2-metadata-token"] or self.headers["X-aliyun-ecs-metadata-token"]
        has_token = token == "METADATA-TOKEN" or (DIRECTORY / "no-metadata-token").exists()
        pages = {
            "/latest/meta-data/iam/security-credentials/": b"app-role\n",
            "/latest/meta-data/iam/security-credentials/app-role": self.temporary(
                "ASIAEXAMPLELOOPBACK2", "SecretAccessKey", "Token"
            ),
            "/latest/meta-data/placement/region": b"us-east-1",
            "/latest/meta-data/ram/security-credentials/": b"ram-role",
            "/latest/meta-data/ram/security-credentials/ram-role": self.temporary(
                "STS.EXAMPLELOOPBACK2", "AccessKeySecret", "SecurityToken"
            ),
        }
        if (DIRECTORY / "pages").exists():
            pages.update((p, t.encode()) for p, t in json.loads((DIRECTORY / "pages").read_text()).items())
        if self.path == "/container":
            if self.headers["Authorization"] == "container-secret":
                self.reply(200, pages["/latest/meta-data/iam/security-credentials/app-role"])
            else:
                self.reply(401, b"")
        elif not has_token:
            self.reply(401, b"")
        elif self.path in pages:
            self.reply(200, pages[self.path])
        else:
            self.reply(404, b"")


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    port = DIRECTORY / "port"
    port.with_suffix(".tmp").write_text(str(server.server_address[1]))
    port.with_suffix(".tmp").rename(port)
    server.serve_forever()


if __name__ == "__main__":
    main()
