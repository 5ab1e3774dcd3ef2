"""Runs in the registry's container: a front that counts requests and can misbehave.

Port 5000 is the registry as nodes see it, 5001 the true one, 5002 takes a new behaviour (a JSON
object, or null to leave it) and answers with the counts.
"""

import http.client
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CONFIG = {
    "version": 0.1,
    "log": {"level": "warn", "accesslog": {"disabled": True}},
    "storage": {
        "filesystem": {"rootdirectory": "/var/lib/lab-registry"},
        "delete": {"enabled": True},
    },
    "http": {"addr": "127.0.0.1:5001"},
}
OURS_TO_SAY = {"connection", "content-length", "transfer-encoding", "date", "server"}
WORDS = {429: ("TOOMANYREQUESTS", "Rate exceeded"), 401: ("UNAUTHORIZED", "no basic auth")}


class Behaviour:
    """What to do to the next request, and what has been counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.set({"mode": "ok"})

    def set(self, behaviour: dict[str, Any]) -> None:
        with self._lock:
            self._now = {"count": -1, "path": "", **behaviour}
            self._counts = {"requests": 0, "manifests": 0, "blobs": 0, "spoiled": 0}

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def meet(self, method: str, path: str) -> dict[str, Any]:
        """Count a request and say how to treat it."""
        with self._lock:
            self._counts["requests"] += 1
            self._counts["manifests"] += "/manifests/" in path and method in ("GET", "HEAD")
            self._counts["blobs"] += "/blobs/" in path and method == "GET"
            now = self._now
            if now["mode"] == "ok" or now["count"] == 0 or now["path"] not in path:
                return {"mode": "ok"}
            self._counts["spoiled"] += 1
            now["count"] -= now["count"] > 0
            return dict(now)


BEHAVIOUR = Behaviour()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # A TLS hello gets an answer that begins with "HTTP/": without it Docker >= 29 does not fall
    # back to plain HTTP.
    default_request_version = "HTTP/1.0"

    def log_message(self, *_: Any) -> None:
        """The counts say it all."""

    def take(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def give(self, code: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Front(Quiet):
    def meet(self) -> None:
        body = self.take()
        told = BEHAVIOUR.meet(self.command, self.path)
        getattr(self, told["mode"])(told, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = meet  # noqa: N815 - the base's

    def ok(self, _: dict[str, Any], body: bytes) -> None:
        self.give(*self.forward(body))

    def slow(self, told: dict[str, Any], body: bytes) -> None:
        time.sleep(told["seconds"])
        self.give(*self.forward(body))

    def cut(self, _: dict[str, Any], __: bytes) -> None:
        self.close_connection = True
        self.connection.close()

    def truncate(self, _: dict[str, Any], body: bytes) -> None:
        code, headers, data = self.forward(body)
        self.give(code, headers, data[: len(data) // 2])
        self.close_connection = True

    def status(self, told: dict[str, Any], _: bytes) -> None:
        code, message = WORDS.get(told["code"], ("DENIED", "refused by the lab"))
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
        if told["retry_after"] is not None:
            headers.append(("Retry-After", str(told["retry_after"])))
        self.give(told["code"], headers, data)

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Headers one by one: Docker sends several of one name, and their sum means another."""
        upstream = http.client.HTTPConnection("127.0.0.1", 5001, timeout=60)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in OURS_TO_SAY:
                upstream.putheader(name, value)
        upstream.putheader("Content-Length", str(len(body)))
        upstream.endheaders(body)
        answer = upstream.getresponse()
        data = answer.read()
        length = answer.getheader("Content-Length") or str(len(data))
        headers = [pair for pair in answer.getheaders() if pair[0].lower() not in OURS_TO_SAY]
        return answer.status, [*headers, ("Content-Length", length)], data


class Control(Quiet):
    def do_POST(self) -> None:
        behaviour = json.loads(self.take())
        if behaviour is not None:
            BEHAVIOUR.set(behaviour)
        data = json.dumps(BEHAVIOUR.counts()).encode()
        self.give(200, [("Content-Length", str(len(data)))], data)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


def main() -> None:
    config = Path("/tmp/registry.json")
    config.write_text(json.dumps(CONFIG))  # JSON is YAML
    subprocess.Popen(["docker-registry", "serve", str(config)])
    threading.Thread(target=Server(("", 5002), Control).serve_forever, daemon=True).start()
    Server(("", 5000), Front).serve_forever()


if __name__ == "__main__":
    main()
