"""Who may call the API server: a webhook that knows the tokens the lab has given out.

A token file would be read only when the server starts; here a test makes a new user at any time.
"""

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

User = dict[str, Any]


class Tokens:
    """Answers TokenReview requests on loopback, from a thread of this process."""

    def __init__(self, port: int) -> None:
        self._users: dict[str, User] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def issue(self, user: str, groups: tuple[str, ...]) -> str:
        token = secrets.token_urlsafe(24)
        self._users[token] = {"username": user, "uid": user, "groups": list(groups)}
        return token

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        user = self._users.get(asked["spec"].get("token", ""))
        status = {"authenticated": True, "user": user} if user else {"authenticated": False}
        return {"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        review = self.review

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(review(asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Tokens stay out of the test's output."""

        return Handler
