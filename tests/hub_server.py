"""The few endpoints of a model hub that fetching a model takes, on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """``files`` by repository and name; every revision in ``revisions`` is one commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.revisions = {"main", "v1", COMMIT}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        words = self.path.partition("?")[0].strip("/").split("/")
        status, body, headers = self._api(words[2:]) if words[:2] == ["api", "models"] else self._file(words)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _api(self, words: list[str]) -> tuple[int, bytes, dict[str, str]]:
        repository, rest = "/".join(words[:2]), words[2:]
        files = self.server.repositories.get(repository)
        if files is None:
            return 404, b"", {"X-Error-Code": "RepoNotFound"}
        if rest and rest[1] not in self.server.revisions:
            return 404, b"", {"X-Error-Code": "RevisionNotFound"}
        siblings = [{"rfilename": name} for name in files]
        told = {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
        return 200, json.dumps(told).encode(), {"Content-Type": "application/json"}

    def _file(self, words: list[str]) -> tuple[int, bytes, dict[str, str]]:
        files = self.server.repositories.get("/".join(words[:2]), {})
        name = "/".join(words[4:])
        if words[2:4] != ["resolve", COMMIT] or name not in files:
            return 404, b"", {"X-Error-Code": "EntryNotFound"}
        etag = hashlib.sha256(files[name]).hexdigest()
        return 200, files[name], {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub that runs meanwhile."""
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
