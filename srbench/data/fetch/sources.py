"""The one loop of all that is fetched: the first source's file that is right, checked and renamed into place."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NamedTuple

from srbench.data.fetch.download import NotThere, Unreachable, Unwritable, download, unwritable
from srbench.data.fetch.progress import Display
from srbench.errors import DataError


class Source(NamedTuple):
    """Where a file may be had.

    Attributes:
        place: an http(s) address, or a file.
        target: where the file shall lie.
        mirror: the mirror that it is part of; None for its public home.
        sha256: of the file, where no other will do.
        size: in bytes, likewise.
    """

    place: str | Path
    target: Path
    mirror: str | Path | None = None
    sha256: str | None = None
    size: int | None = None


class Sources:
    """Gets files; a mirror that does not answer is not asked again."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self.stop = Event()
        self._silent: dict[str | Path, str] = {}

    def first(self, sources: Iterable[Source], check: Callable[[Path], str], reasons: list[str]) -> Path | None:
        """Put a file in place, from the first source that has the right one.

        Args:
            sources: in the order in which they are tried.
            check: what is wrong with a file; empty if nothing is.
            reasons: gets why each source was passed over; a mirror need not have the file.

        Returns:
            Its target; None where no source has it.

        Raises:
            Unwritable: it cannot be put there, which no other source would change.
        """
        for source in sources:
            mirror = source.mirror
            if isinstance(mirror, Path) and not mirror.is_dir():
                self._silent[mirror] = f"the mirror {mirror} is not there"
            if mirror is not None and mirror in self._silent:
                reasons.append(self._silent[mirror])
                continue
            try:
                self._receive(source, check)
                return source.target
            except Unwritable:
                raise
            except DataError as error:
                reason = str(error).rstrip(".")
                if mirror is not None and isinstance(error, NotThere):
                    continue
                if mirror is not None and isinstance(error, Unreachable):
                    self._silent[mirror] = reason
                reasons.append(reason)
        return None

    def _receive(self, source: Source, check: Callable[[Path], str]) -> None:
        target = source.target
        staged = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.new")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source.place, Path):
                self._copy(source.place, staged)
            else:
                download(
                    source.place,
                    staged,
                    resume_as=target,
                    size=source.size,
                    sha256=source.sha256,
                    advance=self.display.advance,
                    stop=self.stop,
                )
            if fault := check(staged):
                raise DataError(f"{source.place} has a {fault}")
            staged.replace(target)
        except OSError as error:
            raise unwritable(target, error) from error
        finally:
            with suppress(OSError):  # the first error is the one to tell
                staged.unlink(missing_ok=True)

    def _copy(self, source: Path, staged: Path) -> None:
        if not source.is_file():
            raise NotThere(f"{source} is not there")
        try:
            shutil.copyfile(source, staged)
        except OSError as error:
            if error.filename == str(source) and error.filename2 is None:
                raise DataError(f"{source} cannot be read ({error.strerror})") from error
            raise
        self.display.advance(staged.stat().st_size)
