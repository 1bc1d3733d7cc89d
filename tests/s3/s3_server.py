#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small S3 on loopback for the tests: HEAD, GET (with a range) and PUT of objects; and KMS Decrypt
of what was recorded. Signatures are not checked; tests/kms has a service that does.

s3_server.py DIR PORTFILE REPLIES: serves DIR/BUCKET/KEY; metadata is beside it in KEY.meta (a JSON
map of names without the prefix). Writes its port into PORTFILE once it listens. A key that ends in
".cut" is sent with half of its body only, and then the connection is closed. Decrypt gives the
plaintext of REPLIES if the blob is the same and the encryption context equal. The version V of
an object is in DIR/BUCKET/KEY@V; once it was read, an object has the ETag in KEY.etags.
"""
import http.server
import json
import os
import sys
import urllib.parse

ROOT, PORTFILE, REPLIES = sys.argv[1:]
PREFIX = "x-amz-meta-"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def path_of(self):
        parts = urllib.parse.urlsplit(self.path)
        name = urllib.parse.unquote(parts.path).lstrip("/")
        assert ".." not in name.split("/")
        version = urllib.parse.parse_qs(parts.query).get("versionId")
        return os.path.join(ROOT, name + ("@" + version[0] if version else ""))

    def etag(self, path):
        """The ETag: from the first GET on, that in KEY.etags, if there is one."""
        if self.command == "GET" and os.path.exists(path + ".etags"):
            os.rename(path + ".etags", path + ".etag")
        if os.path.exists(path + ".etag"):
            with open(path + ".etag", encoding="ascii") as file:
                return file.read().strip()
        return "0123456789abcdef"

    def missing(self):
        body = b""
        if self.command != "HEAD":
            body = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>'
        self.send_response(404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_object(self, with_body):
        path = self.path_of()
        if not os.path.isfile(path):
            return self.missing()
        with open(path, "rb") as file:
            body = file.read()
        size, first, last = len(body), 0, len(body) - 1
        wanted = self.headers.get("Range")
        if wanted:
            low, high = wanted.removeprefix("bytes=").split("-")
            first, last = int(low), min(int(high or last), last)
            body = body[first:last + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Type", "binary/octet-stream")
        self.send_header("ETag", f'"{self.etag(path)}"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        if os.path.exists(path + ".meta"):
            with open(path + ".meta", encoding="utf-8") as file:
                for name, value in json.load(file).items():
                    self.send_header(PREFIX + name, value)
        self.end_headers()
        if not with_body:
            return None
        if path.endswith(".cut"):
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
            return None
        return self.wfile.write(body)

    def do_HEAD(self):
        self.send_object(False)

    def do_GET(self):
        self.send_object(True)

    def do_PUT(self):
        path = self.path_of()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body)
        metadata = {name.lower()[len(PREFIX):]: value for name, value in self.headers.items()
                    if name.lower().startswith(PREFIX)}
        with open(path + ".meta", "w", encoding="utf-8") as file:
            json.dump(metadata, file)
        self.send_response(200)
        self.send_header("ETag", '"0123456789abcdef"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["X-Amz-Target"] == "TrentService.Decrypt"
        with open(REPLIES, encoding="utf-8") as file:
            replies = json.load(file)["decrypt"]
        found = [r for r in replies if r["CiphertextBlob"] == given["CiphertextBlob"]
                 and r["EncryptionContext"] == given.get("EncryptionContext", {})]
        if found:
            reply = {"KeyId": found[0]["KeyId"], "Plaintext": found[0]["Plaintext"]}
        else:
            reply = {"__type": "InvalidCiphertextException"}
        body = json.dumps(reply).encode()
        self.send_response(200 if found else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORTFILE + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_port))
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
