"""An HTTP server for tests, that behaves and misbehaves."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Answers with ``server.files``, each in the way of ``server.ways`` (``plain`` if none is given)."""

    server: Server

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.requests.append((path, self.headers.get("Range")))
        if path not in self.server.files:
            self.send_error(404)
            return
        ways = self.server.ways.get(path, [])
        way = ways.pop(0) if len(ways) > 1 else ways[0] if ways else plain
        way(self, self.server.files[path])

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ways: dict[str, list[Behaviour]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def plain(handler: Handler, data: bytes) -> None:
    handler.answer(200, data)


def ranged(handler: Handler, data: bytes) -> None:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
    if not asked:
        handler.answer(200, data, Accept_Ranges="bytes")
    elif int(asked[1]) >= len(data):
        handler.answer(416, b"")
    else:
        start = int(asked[1])
        handler.answer(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")


def truncated(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[: len(data) // 2], length=len(data))


def truncated_but_ranged(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[: len(data) // 2], length=len(data), Accept_Ranges="bytes")


def silently_short(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[: len(data) // 2])


def failing(handler: Handler, data: bytes) -> None:
    handler.answer(500, b"sorry")


def stalling(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[:100], length=len(data))
    handler.wfile.flush()
    handler.server.release.wait(20)


def html(handler: Handler, data: bytes) -> None:
    handler.answer(200, b"<!DOCTYPE html><html>please log in</html>", Content_Type="text/html; charset=utf-8")


def wrong(handler: Handler, data: bytes) -> None:
    handler.answer(200, data[:-1] + bytes([data[-1] ^ 1]))


def endless(handler: Handler, data: bytes) -> None:
    handler.answer(200, data * 3)


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs meanwhile."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
