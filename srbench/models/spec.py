"""The spec of a model, ``kind:PATH?options``: files, scales and options, as plain data."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from srbench.imaging.suffixes import SUFFIXES
from srbench.models.external_data import external_files
from srbench.system.hashes import file_sha256
from srbench.system.names import plain_signs
from srbench.system.source import source_files

Channels = Literal["", "y", "rgb", "any"]
Input = Literal["", "lr", "upsampled"]
Luma = Literal["", "studio", "full"]
SCALE = "{scale}"
"""What stands for the scale in a path, and in an argument."""
SCALE_ARGUMENTS = ("scale", "upscale", "scale_factor", "upscale_factor", "upsample_factor", "sf")
"""Names that constructors have for the scale; given where the spec says the scale, and not them."""
MEASURED = -1
"""The halo is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options after ``?``; those that are not given are determined by probing.

    Attributes:
        channels: luma, RGB, or any plane.
        range: the value of white in input and output.
        halo: as in MethodInfo; None for no tiling.
        scale: the factor.
        input: LR, or the image upsampled by the protocol, whose size the model keeps.
        luma: of a model of luma: ``studio`` (default) is BT.601 from 16 to 235 as in protocols; ``full`` is 0 to 255 as
            in JPEG and OpenCV's YCrCb.
        label: replaces the file's stem in the name. It does not change values, and is empty in a spec.
    """

    channels: Channels = ""
    range: float = 1.0
    halo: int | None = MEASURED
    scale: int = 0
    input: Input = ""
    luma: Luma = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Code:
    """A network's class in a Python file.

    Attributes:
        path: of the file, absolute.
        name: of the class, or of a function that makes the network.
        arguments: names and values as the user wrote them.
        table: of the checkpoint that the weights are in; empty for the best.
    """

    path: Path
    name: str
    arguments: tuple[tuple[str, str], ...] = ()
    table: str = ""

    @property
    def files(self) -> list[Path]:
        """The file, and what it imports from its folder, its package or the folders above."""
        return [path for path, _ in source_files(self.path, above=True)]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file, or a folder of SR images; ``scale`` and ``dataset`` are from its path, or 0 and empty."""

    path: Path
    scale: int = 0
    dataset: str = ""

    @property
    def files(self) -> list[Path]:
        """The file, or the folder's images."""
        if self.path.is_dir():
            return sorted(path for path in self.path.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        return [self.path]


@dataclass(frozen=True)
class Spec:
    """A model as a method.

    Attributes:
        kind: of the files; ``weights`` are srbench's exports of a known method.
        name: of the method: ``onnx:espcn_x2``.
        entries: the files, absolute.
        options: of the user.
        method: of ``weights``, the method.
        version: of that method.
        origin: repository and commit on a model hub.
        above: the folders above, the nearest first, to distinguish models of one name. Empty with a label.
        code: of ``torch``, the network's class.
    """

    kind: str
    name: str
    entries: tuple[ModelFile, ...]
    options: ModelOptions = ModelOptions()
    method: str = ""
    version: int = 0
    origin: str = ""
    above: tuple[str, ...] = ()
    code: Code | None = None

    @property
    def files(self) -> list[Path]:
        """All files that decide its output."""
        weights = [file for entry in self.entries for file in self._files(entry)]
        return weights + [file for file in self._sources if file not in weights]

    @property
    def _sources(self) -> list[Path]:
        return [] if self.code is None else self.code.files

    @property
    def settings(self) -> list[object]:
        """What decides its output beside files: the options, and the class with its arguments."""
        code = [] if self.code is None else [self.code.name, *map(list, self.code.arguments)]
        code += [] if self.code is None or not self.code.table else [self.code.table]
        return [dataclasses.asdict(self.options), code]

    @cached_property
    def content(self) -> list[list[object]]:
        """Scale, data set, name and sha256 of each file, computed once."""
        return [
            [entry.scale, entry.dataset, self._name(file, entry), file_sha256(file)]
            for entry in self.entries
            for file in self._files(entry)
        ] + [[0, "", os.path.relpath(file, self._sources[0].parent), file_sha256(file)] for file in self._sources]

    def _files(self, entry: ModelFile) -> list[Path]:
        return entry.files + (external_files(entry.path) if self.kind == "onnx" else [])

    @staticmethod
    def _name(file: Path, entry: ModelFile) -> str:
        """The name of a file; for external weights the relative path by which the model refers to them."""
        return file.name if entry.path.is_dir() else file.relative_to(entry.path.parent).as_posix()

    def called(self, depth: int) -> Spec:
        """The same model, with so many names of folders above in its name."""
        kind, _, stem = self.name.partition(":")
        name = f"{kind}:{'-'.join((*reversed(self.above[:depth]), stem))}"
        return dataclasses.replace(self, name=name, above=self.above[depth:])

    def __getstate__(self) -> dict[str, object]:
        """Without hashes: another process reads the files itself, and so notices changes."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def moved(self, place: Callable[[Path], Path]) -> Spec:
        """The same model with other paths."""

        def moved(entry: ModelFile) -> ModelFile:
            path = place(entry.files[0]).parent if entry.path.is_dir() else place(entry.path)
            return dataclasses.replace(entry, path=path)

        code = self.code and dataclasses.replace(self.code, path=place(self.code.path))
        return dataclasses.replace(self, entries=tuple(map(moved, self.entries)), code=code)


MOST = 16
"""The largest scale of a model."""


def safe_stem(stem: str) -> str:
    """A stem that is valid in a method's name."""
    return re.sub("\0+", "-", plain_signs(stem, "._+-")).lstrip("-._+") or "model"


def without_fields(name: str) -> str:
    """A name without ``{scale}`` and ``{dataset}``, and the ``_x`` before them."""
    return re.sub(r"[-_. ]*x?\{(scale|dataset)\}x?", "", name, flags=re.IGNORECASE)
