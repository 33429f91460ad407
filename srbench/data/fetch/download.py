"""One file from an HTTP server into place: with patience that ends, and with interrupted downloads continued."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING

from srbench.errors import DataError
from srbench.system.hashes import file_sha256
from srbench.system.places import timeout
from srbench.version import __version__

if TYPE_CHECKING:
    import requests

ATTEMPTS = 3
"""How often in a row a server may fail without sending a byte."""
BACKOFF = 0.5
"""Seconds before the second attempt; twice as many before each further one."""
CHUNK = 1 << 16
LARGEST = 4 << 30
"""Bytes of a file whose size nobody told: a server that never ends must not fill the disk."""


class Unreachable(DataError):
    """The server could not be reached, stalled, or kept failing: its other files need not be tried."""


class NotThere(DataError):
    """The server does not have the file."""


class Refused(DataError):
    """What the server sent is not the file."""


class Unwritable(DataError):
    """The file cannot be put where it belongs, which no other source would change: a whole sentence."""


def unwritable(path: Path, error: OSError) -> Unwritable:
    """The error for a file or folder that the system does not let be written."""
    why = error.strerror or error
    return Unwritable(f"{path} cannot be written ({why}): check the folder and its free space.")


def wrong_hash(path: Path, sha256: str | None) -> str:
    """What is wrong with a file of which the sha256, or its beginning, is known; empty if nothing is."""
    if not sha256 or (found := file_sha256(path)).startswith(sha256):
        return ""
    return f"wrong hash: its sha256 begins with {found[:8]}, not {sha256[:8]}"


def download(
    url: str,
    target: Path,
    *,
    resume_as: Path | None = None,
    size: int | None = None,
    sha256: str | None = None,
    advance: Callable[[int], None] = lambda count: None,
    stop: Event | None = None,
) -> None:
    """Download a file; it appears at ``target`` whole and checked, or not at all.

    What arrives is kept in a hidden ``.part`` file beside it if the server can continue there, so that an interrupted
    download goes on from where it was.

    Args:
        url: http(s).
        target: the file to be written, which must not exist; its folder is made.
        resume_as: the path that ``.part`` is named for, if ``target`` is but a temporary name.
        size: bytes, if known: more are refused; without it :data:`LARGEST`.
        sha256: of the file, or as many of its first digits as are known.
        advance: told how many bytes have arrived; less than zero when it has to start again.
        stop: ends the download when set.

    Raises:
        Unreachable, NotThere, Refused: a part of a sentence that says why.
        Unwritable: the target's fault.
    """
    own = hashlib.sha256(url.encode()).hexdigest()[:8]  # parts of different sources must not be joined
    resumed = resume_as or target
    part = resumed.with_name(f".{resumed.name}.{own}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        for last in (False, True):
            with _open_alone(part) as file:
                transfer = _Transfer(url, file, size, advance, stop or Event())
                try:
                    transfer.run()
                except BaseException:
                    if not transfer.continues or file.tell() == 0:
                        Path(file.name).unlink(missing_ok=True)
                    raise
                file.flush()
                if not (fault := wrong_hash(Path(file.name), sha256)):
                    Path(file.name).replace(target)
                    return
                advance(-file.tell())
                Path(file.name).unlink()
            if last or not transfer.resumed:  # the part of an older file may be to blame, so once more in full
                raise Refused(f"{url} sent a file with a {fault}")
    except OSError as error:
        raise unwritable(target.parent, error) from error


class _Transfer:
    """The attempts to get one file into an open ``.part``."""

    def __init__(
        self, url: str, file: IO[bytes], size: int | None, advance: Callable[[int], None], stop: Event
    ) -> None:
        self.url, self.file, self.size, self.advance, self.stop = url, file, size, advance, stop
        self.continues = False  # whether the server can go on in the middle of the file
        self.resumed = False  # whether what was there before is part of it

    def run(self) -> None:
        import requests

        start = self.file.seek(0, 2)
        self.continues = self.resumed = start > 0
        self.advance(start)
        failures = 0
        while True:
            before = self.file.tell()
            try:
                self._attempt()
                return
            except (_Again, _Short) as error:
                problem: DataError = error
            except requests.exceptions.ChunkedEncodingError:
                problem = _Short(f"{self.url} sent a truncated file (the connection broke off)")
            except (requests.ConnectionError, requests.Timeout) as error:
                problem = Unreachable(f"{self.url}: {_reason(error)}")
            except requests.RequestException as error:
                raise Unreachable(f"{self.url}: {_reason(error)}") from error
            failures = 1 if self.continues and self.file.tell() > before else failures + 1
            if failures >= ATTEMPTS or self.stop.is_set():
                raise problem
            if not self.continues:
                self._restart()
            self.stop.wait(BACKOFF * 2 ** (failures - 1))

    def _attempt(self) -> None:
        position = self.file.tell()
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={position}-"} if position else {})
        patience = timeout()
        with _session().get(self.url, headers=headers, stream=True, timeout=(patience, patience)) as answer:
            if answer.status_code == 416:  # the part is no beginning of this file
                self._restart()
                raise _Again(f"{self.url} could not be continued")
            if answer.status_code == 429 or answer.status_code >= 500:
                raise _Again(f"{self.url} answered {answer.status_code} {answer.reason}")
            if answer.status_code not in (200, 206):
                raise NotThere(f"{self.url} answered {answer.status_code} {answer.reason}")
            if answer.status_code == 200:
                self._restart()
            elif not answer.headers.get("Content-Range", "").startswith(f"bytes {position}-"):
                raise Refused(f"{self.url} answered with another part of the file")
            self.continues = answer.status_code == 206 or answer.headers.get("Accept-Ranges") == "bytes"
            self._receive(answer)

    def _receive(self, answer: requests.Response) -> None:
        length = answer.headers.get("Content-Length", "")
        expected = self.file.tell() + int(length) if length.isdigit() else self.size
        first = self.file.tell() == 0
        for chunk in answer.iter_content(CHUNK):
            if self.stop.is_set():
                raise Unreachable(f"{self.url}: stopped")
            if first and _is_html(chunk, answer):
                self.continues = False
                raise Refused(f"{self.url} sent a web page (HTML) instead of the file")
            first = False
            self.file.write(chunk)
            self.advance(len(chunk))
            if self.file.tell() > (self.size or LARGEST):
                self.continues = False
                raise Refused(f"{self.url} sent a file with a wrong hash (it is larger than it should be)")
        if expected is not None and self.file.tell() < expected:
            raise _Short(f"{self.url} sent a truncated file ({self.file.tell()} of {expected} bytes)")

    def _restart(self) -> None:
        self.advance(-self.file.tell())
        self.resumed = False
        self.file.seek(0)
        self.file.truncate()


class _Again(Unreachable):
    """A failure that may pass."""


class _Short(Refused):
    """The answer ended before the file did, which may pass."""


def _is_html(start: bytes, answer: requests.Response) -> bool:
    text = start[:200].lstrip().lower()
    return text.startswith((b"<!doctype html", b"<html")) or answer.headers.get("Content-Type", "").startswith(
        "text/html"
    )


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout) or "timed out" in str(error):
        return f"no answer within {timeout():g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return (str(error).split("\n")[0] or type(error).__name__).rstrip(".")


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = f"srbench/{__version__}"
    return session


def _open_alone(part: Path) -> IO[bytes]:
    """The ``.part`` file for appending, locked; one of another name if another process is at it."""
    for name in (part, part, part.with_name(f"{part.name}.{os.getpid()}.{time.time_ns():x}")):
        file = name.open("a+b")
        if _lock(file) and name.exists() and os.path.samestat(os.fstat(file.fileno()), name.stat()):
            return file
        file.close()  # taken, or finished and renamed by its owner before the lock was ours
    raise Unreachable(f"{part} is in use")


def _lock(file: IO[bytes]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows, where a file that is open cannot be renamed by another process
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
