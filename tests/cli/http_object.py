#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One object over HTTP on loopback, for the tests of examples/oss-stream.sh.

http_object.py FILE PORTFILE LOG: serves FILE under any path, with ranges, and writes its port to
PORTFILE. Each request's path and range are a line of LOG. The path's first part says how:
  whole       as it should be
  cut-N       each reply breaks off after N bytes
  noranges-N  ranges are not heeded, the first reply breaks off after N bytes
  changes-N   each reply breaks off after N bytes, and the object is another one afterwards
  unmatched-N the same, and If-Match is not heeded
  status-N    nothing but the status N
  busy        each second request is answered with 503
  endless-N   N bytes without a length, as HTTP/1.0 has it
  chunked-0   without a length, in chunks, whole; chunked-1: without the last chunk
  silent-N    breaks off after N bytes, then never brings any
"""
import http.server
import os
import sys

FILE, PORTFILE, LOG = sys.argv[1:]
with open(FILE, "rb") as file:
    BODY = file.read()
requests = {}  # how: number


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        wanted = self.headers.get("Range")
        with open(LOG, "a", encoding="utf-8") as log:
            print(self.path, wanted or "-", file=log)
        how, _, number = self.path.split("/")[1].partition("-")
        number = int(number or 0)
        count = requests[how] = requests.get(how, 0) + 1
        if how == "status":
            return self.empty(number)
        if how == "busy" and count % 2 == 1:
            return self.empty(503)
        if how in ("endless", "chunked"):
            return self.no_length(how, number)
        changed = how in ("changes", "unmatched") and count > 1
        etag = '"another"' if changed else '"the-object"'
        if how != "unmatched" and self.headers.get("If-Match", etag) != etag:
            return self.empty(412)
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and how != "noranges" else 0
        body = BODY[first:]
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(BODY) - 1}/{len(BODY)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", etag)
        self.end_headers()
        if how == "silent" and first:
            number = 0
        elif how in ("whole", "busy") or how == "noranges" and count > 1:
            number = len(body)
        self.wfile.write(body[:number])
        self.close_connection = True

    def no_length(self, how, number):
        self.protocol_version = "HTTP/1.1" if how == "chunked" else "HTTP/1.0"
        self.close_connection = True
        self.send_response(200)
        self.send_header("ETag", '"the-object"')
        if how == "endless":
            self.end_headers()
            self.wfile.write(BODY[:number])
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(BODY), BODY))
        if number == 0:
            self.wfile.write(b"0\r\n\r\n")

    def empty(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(PORTFILE + ".new", "w", encoding="utf-8") as file:
    file.write(str(server.server_port))
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
