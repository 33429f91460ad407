"""What a download shows meanwhile, on stderr: a bar on a terminal, a line before and after elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from srbench.data.dataset import Progress
from srbench.text import warn

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Display:
    """Shows how far the files of one data set have come. A context manager."""

    def __init__(self, label: str, files: int, total: int | None, progress: Progress) -> None:
        self.label, self.files, self.total, self.progress = label, files, total, progress
        self.done = 0
        self._bar: Bar | None = None

    def __enter__(self) -> Display:
        if self.progress is True and sys.stderr.isatty():
            self._bar = _bar()
            self._task = self._bar.add_task(self._text(), total=self.total)
            self._bar.start()
        else:
            size = f", {human_size(self.total)}" if self.total else ""
            self._line(f"fetching {self.label} ({self.files} file{'s' * (self.files != 1)}{size})")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()
        elif kind is None:
            self._line(f"fetched {self.label}")

    def advance(self, count: int) -> None:
        """More bytes have arrived; less than none when a file starts again."""
        if self._bar:
            self._bar.update(self._task, advance=count)

    def file_done(self, name: str = "") -> None:
        """One more file is in place."""
        self.done += 1
        if self._bar:
            self._bar.update(self._task, description=self._text())

    def _text(self) -> str:
        return f"{self.label} {self.done}/{self.files}"

    def _line(self, text: str) -> None:
        say(text, self.progress)


def say(text: str, progress: Progress) -> None:
    """A line for whoever follows the fetching."""
    if callable(progress):
        progress(text)
    elif progress:
        warn(text)


def human_size(count: int | None) -> str:
    """Bytes in the unit that fits, of 1000."""
    size = float(count or 0)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit in ("B", "kB") else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _bar() -> Bar:
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from srbench.console import make_bars, make_console

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return make_bars(make_console(stderr=True), *columns)
