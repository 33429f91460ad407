"""What ``kind:PATH?options`` means: which files, at which scales, read how. Plain data that any process can be sent."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from srbench.models.external_data import external_files
from srbench.system.hashes import file_sha256
from srbench.system.names import plain_signs

Channels = Literal["", "y", "rgb", "any"]
Input = Literal["", "lr", "upsampled"]
Luma = Literal["", "studio", "full"]
MEASURED = -1
"""The halo is to be measured."""
IMAGES = frozenset({".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What follows the ``?``; what is not given is found out.

    Attributes:
        channels: what the model works on: luma, RGB, or each plane alike.
        range: the value of white, of its input and its output.
        halo: as in MethodInfo; None never tiles.
        scale: the factor.
        input: LR, or what the protocol has upsampled: a model of that gives back the size that it gets.
        luma: of a model of luma: ``studio`` is BT.601 from 16 to 235 as protocols have it, and so is none; ``full`` is
            0 to 255, as JPEG and OpenCV's YCrCb have it.
        label: what the row is called after the kind, in place of the file's stem. It decides no figure, and is empty
            once it has made the spec's name.
    """

    channels: Channels = ""
    range: float = 1.0
    halo: int | None = MEASURED
    scale: int = 0
    input: Input = ""
    luma: Luma = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, or a folder of SR images; ``scale`` and ``dataset`` where its path says them, else 0 and empty."""

    path: Path
    scale: int = 0
    dataset: str = ""

    @property
    def files(self) -> list[Path]:
        """The file, or the folder's images."""
        if self.path.is_dir():
            return sorted(path for path in self.path.iterdir() if path.suffix.lower() in IMAGES and path.is_file())
        return [self.path]


@dataclass(frozen=True)
class Spec:
    """A model as a method.

    Attributes:
        kind: how its files are opened; ``weights`` are those of a method that is known here, as srbench exports them.
        name: the method's: ``onnx:espcn_x2``.
        entries: its files, absolute.
        options: how they are read.
        method: of ``weights``, whose they are.
        version: of that method.
        origin: where a model hub has them, and at which commit.
        above: the folders above, the nearest first: they tell apart models of one name. Empty where that was given.
    """

    kind: str
    name: str
    entries: tuple[Entry, ...]
    options: Options = Options()
    method: str = ""
    version: int = 0
    origin: str = ""
    above: tuple[str, ...] = ()

    @property
    def files(self) -> list[Path]:
        """All files that decide what it gives."""
        return [file for entry in self.entries for file in self._files(entry)]

    @cached_property
    def content(self) -> list[list[object]]:
        """Of each file its place among the others, its name and its sha256. They are read once."""
        return [
            [entry.scale, entry.dataset, self._name(file, entry), file_sha256(file)]
            for entry in self.entries
            for file in self._files(entry)
        ]

    def _files(self, entry: Entry) -> list[Path]:
        return entry.files + (external_files(entry.path) if self.kind == "onnx" else [])

    @staticmethod
    def _name(file: Path, entry: Entry) -> str:
        """Of weights beside a model the path that it has them under, which decides as much as their content."""
        return file.name if entry.path.is_dir() else file.relative_to(entry.path.parent).as_posix()

    def called(self, depth: int) -> Spec:
        """The same model, with the names of so many of the folders above in its own."""
        kind, _, stem = self.name.partition(":")
        name = f"{kind}:{'-'.join((*reversed(self.above[:depth]), stem))}"
        return dataclasses.replace(self, name=name, above=self.above[depth:])

    def __getstate__(self) -> dict[str, object]:
        """Another process reads the files itself, and so notices that one was changed."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def moved(self, place: Callable[[Path], Path]) -> Spec:
        """The same model where its files lie elsewhere."""

        def moved(entry: Entry) -> Entry:
            path = place(entry.files[0]).parent if entry.path.is_dir() else place(entry.path)
            return dataclasses.replace(entry, path=path)

        return dataclasses.replace(self, entries=tuple(map(moved, self.entries)))


MOST = 16
"""The largest scale of a model."""


def safe_stem(stem: str) -> str:
    """A stem as a part of a method's name."""
    return re.sub("\0+", "-", plain_signs(stem, "._+-")).lstrip("-._+") or "model"
