#!/usr/bin/env python3
"""A front-end with just enough of Sock Shop's behaviour to test the load scripts: ordering requires a login and a non-empty cart, and amounts
above 100 are declined. Prints its port, and at SIGTERM the requests it got, as JSON."""
import base64
import json
import signal
import sys
import threading
import uuid
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SOCKS = [{"id": "holy", "price": 99.99}, {"id": "nerd", "price": 7.99}, {"id": "colourful", "price": 18}]
PRICES = {sock["id"]: sock["price"] for sock in SOCKS}
CUSTOMERS = {"user:password", "user1:password", "Eve_Berger:eve"}
asked: dict[str, int] = {}
sessions: dict[str, dict] = {}
lock = threading.Lock()


class FrontEnd(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value=None, cookie=None):
        body = b"" if value is None else json.dumps(value).encode()
        with lock:
            key = f"{self.command} {self.path.split('?')[0]} {status}"
            asked[key] = asked.get(key, 0) + 1
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if cookie:
            self.send_header("Set-Cookie", f"sid={cookie}; Path=/; HttpOnly")
        self.end_headers()
        self.wfile.write(body)

    def session(self):
        cookie = SimpleCookie(self.headers.get("Cookie", ""))
        return sessions.get(cookie["sid"].value) if "sid" in cookie else None

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/catalogue":
            return self.answer(200, SOCKS)
        if path == "/login":
            kind, _, token = self.headers.get("Authorization", "").partition(" ")
            if kind != "Basic" or base64.b64decode(token).decode() not in CUSTOMERS:
                return self.answer(401)
            sid = uuid.uuid4().hex
            sessions[sid] = {"cart": []}
            return self.answer(200, "Cookie is set", sid)
        if path == "/detail.html":
            return self.answer(200 if query.removeprefix("id=") in PRICES else 404)
        return self.answer(200 if path in ("/", "/category.html", "/basket.html") else 404)

    def do_DELETE(self):
        session = self.session()
        if session is None or self.path != "/cart":
            return self.answer(401)
        session["cart"] = []
        return self.answer(202)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        session = self.session()
        if session is None:
            return self.answer(401)
        if self.path == "/cart":
            item = json.loads(body)
            if item.get("id") not in PRICES or item.get("quantity") != 1:
                return self.answer(400)
            session["cart"].append(item["id"])
            return self.answer(201)
        if self.path == "/orders":
            total = sum(PRICES[i] for i in session["cart"])
            return self.answer(500 if not session["cart"] else 406 if total + 4.99 > 100 else 201, {"total": total})
        return self.answer(404)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FrontEnd)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(server.server_port, flush=True)
    server.serve_forever()
    print(json.dumps(asked, sort_keys=True), flush=True)


if __name__ == "__main__":
    sys.exit(main())
