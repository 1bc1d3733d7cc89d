#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Backups by HTTP on loopback, for the tests of the fleet: server.py DIR PORTFILE LOG.

Serves DIR/NAME and writes a line NAME a request to LOG. The first request for NAME gets half of the
body and then nothing more, while a file DIR/NAME.stall exists when it comes, which it removes. With a
file DIR/NAME.lengthless the reply does not say how long it is.
"""
import http.server
import os
import sys
import threading
import time

ROOT, PORTFILE, LOG = sys.argv[1:]
LOCK = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = os.path.basename(self.path.partition("?")[0])
        with LOCK:
            with open(LOG, "a", encoding="utf-8") as log:
                log.write(name + "\n")
            stall = os.path.exists(os.path.join(ROOT, name + ".stall"))
            if stall:
                os.remove(os.path.join(ROOT, name + ".stall"))
        try:
            with open(os.path.join(ROOT, name), "rb") as file:
                body = file.read()
        except FileNotFoundError:
            self.send_error(404)
            return
        self.send_response(200)
        if not os.path.exists(os.path.join(ROOT, name + ".lengthless")):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2])
        if stall:
            time.sleep(600)
        self.wfile.write(body[len(body) // 2:])

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(PORTFILE + ".new", "w", encoding="ascii") as port:
    port.write(str(server.server_port))
os.rename(PORTFILE + ".new", PORTFILE)
server.serve_forever()
