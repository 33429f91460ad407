"""Writes the LR images that a protocol makes of a data set, and their HR images, in a layout that test scripts read."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srbench.data.dataset import Dataset
from srbench.data.images import Sample, read_samples
from srbench.errors import DataError, UsageError
from srbench.imaging.color import in_colour
from srbench.imaging.files import pixels_sha256, to_uint8, write_png
from srbench.imaging.resize import round_half_up
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare
from srbench.protocols.degradations import Resize
from srbench.protocols.protocol import Protocol, image_name
from srbench.system.files import replaced_folder, write_atomically, writing
from srbench.system.hashes import file_sha256
from srbench.system.names import same_name, unknown
from srbench.system.plain import Frozen, Name, Plain, Scale
from srbench.system.sealed import read_sealed, sealed
from srbench.version import __version__

RECORD = "degraded.json"
READ_BACK = "paired"
"""The built-in protocol that takes supplied LR."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where images lie in a data set's folder; ``{lr}`` is the degradation, ``{scale}`` the factor.

    Attributes:
        hr: the folder of HR images.
        lr: the folder of LR images.
        lr_name: of LR's file, from HR's ``{name}``.
        bicubic: what ``{lr}`` is where bicubic is all.
        cropped: whether HR is cropped to a multiple of the scale; else one HR folder is for all scales.
    """

    hr: str
    lr: str
    lr_name: str
    bicubic: str
    cropped: bool


LAYOUTS: dict[str, Layout] = {
    "basicsr": Layout("GTmod{scale}", "LR{lr}x{scale}", "{name}.png", "bic", cropped=True),
    "edsr": Layout("HR", "LR_{lr}/X{scale}", "{name}x{scale}.png", "bicubic", cropped=False),
}
"""BasicSR's test sets, and the benchmark folders of EDSR, RCAN and others."""


class WrittenFile(Frozen):
    """A file that was written: its path below the folder, and the hashes of its bytes and of its pixels."""

    path: Name
    sha256: Name
    pixels_sha256: Name


class WrittenPair(Frozen):
    """One image at one scale."""

    name: Name
    scale: Scale
    hr: WrittenFile
    lr: WrittenFile
    drawn: tuple[str, ...] = ()
    """The steps from HR to LR in words, where they are drawn at random."""


class DegradedRecord(Frozen):
    """The content of ``degraded.json``: what was made of what, and how."""

    schema_version: Literal[1] = 1
    srbench: Name
    dataset: Name
    content_hash: Name
    layout: Name
    scales: tuple[Scale, ...]
    protocol: Name
    protocol_hash: Name
    protocol_words: str
    protocol_content: Plain
    packages: dict[Name, Name]
    """Versions that decide what LR is."""
    rounded: bool
    """Whether PNG rounded LR, which the protocol does not."""
    read_back: Name
    """The protocol that scores these pairs as the one that made them: a name, or a file in this folder."""
    images: tuple[WrittenPair, ...]

    @property
    def made_from(self) -> tuple[object, ...]:
        """All that decides the files."""
        return (self.content_hash, self.layout, self.scales, self.protocol_hash, self.packages)


@dataclass(frozen=True, slots=True)
class Degraded:
    """A data set's folder of pairs, and its record; ``made`` unless it was there already."""

    folder: Path
    record: DegradedRecord
    made: bool

    def pairs(self, scale: int) -> str:
        """The pairs of a scale, as ``--datasets`` takes them."""
        first = next(pair for pair in self.record.images if pair.scale == scale)
        hr, lr = (self.folder / Path(file.path).parent for file in (first.hr, first.lr))
        return f"hr={hr},lr={lr}"

    @property
    def read_back(self) -> str:
        """What ``--protocol`` takes to score them."""
        name = self.record.read_back
        return str(self.folder / name) if name.endswith(".toml") else name


def require_degradable(protocol: Protocol, scales: Sequence[int], datasets: Sequence[Dataset], layout: str) -> None:
    """Refuse what cannot be made.

    Raises:
        UsageError: the protocol makes no LR or is not for a scale, a data set supplies LR, two of them would share a
            folder, or there is no such layout.
    """
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    if protocol.degraded == "none":
        raise UsageError(f"Protocol '{protocol.name}' scores LR that is supplied and makes none; choose another.")
    for scale in scales:
        if refusal := protocol.refusal(scale):
            raise UsageError(f"{refusal[0].upper()}{refusal[1:]}.")
    folders: dict[str, str] = {}
    for dataset in datasets:
        if dataset.kind == "pairs":
            raise UsageError(f"'{dataset.spec}' supplies LR already; name its HR folder alone.")
        other = folders.setdefault(same_name(folder_name(dataset)), dataset.spec)
        if other != dataset.spec:
            raise UsageError(
                f"'{other}' and '{dataset.spec}' would both go to {folder_name(dataset)}; name one, as in 'mine=DIR'."
            )


def folder_name(dataset: Dataset) -> str:
    """The data set's name, written as its title is where that is the same: ``Set5``."""
    return dataset.title if same_name(dataset.title) == same_name(dataset.name) else dataset.name


def degrade_dataset(
    dataset: Dataset,
    protocol: Protocol,
    scales: Sequence[int],
    out: Path,
    layout: str,
    step: Callable[[], None] = lambda: None,
) -> Degraded:
    """Write a data set's pairs into a folder of its name, which is there once it is whole.

    Args:
        dataset: HR images.
        protocol: that makes LR.
        scales: whole factors.
        out: where the data set's folder goes.
        layout: of :data:`LAYOUTS`.
        step: called after each image.

    Raises:
        DataError: the folder holds something else, cannot be written to, or an image is missing, corrupt or too small.
    """
    folder = out / folder_name(dataset)
    back = protocol.with_lr_supplied
    own = back.hash != get_protocol(READ_BACK).hash
    record = DegradedRecord(
        srbench=__version__,
        dataset=dataset.name,
        content_hash=dataset.content_hash,
        layout=layout,
        scales=tuple(scales),
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        protocol_words=protocol.describe(),
        protocol_content=json.loads(json.dumps(protocol.content())),
        packages={package: version(package) for package in protocol.packages},
        rounded=protocol.lr == "double",
        read_back=f"{back.name}.toml" if own else READ_BACK,
        images=(),
    )
    if folder.exists() or folder.is_symlink():
        return Degraded(folder, _known(folder, record), made=False)
    with writing(f"{folder} cannot be written", "; free it, or choose another folder."), replaced_folder(folder) as new:
        images: list[WrittenPair] = []
        for sample in read_samples(dataset):
            images += _write_image(new, sample, protocol, scales, LAYOUTS[layout])
            step()
        if own:
            write_atomically(new / record.read_back, _toml(back))
        record = record.model_copy(update={"images": tuple(images)})
        write_atomically(new / RECORD, sealed(record))
    return Degraded(folder, record, made=True)


def _write_image(
    folder: Path, sample: Sample, protocol: Protocol, scales: Sequence[int], layout: Layout
) -> Iterator[WrittenPair]:
    hr = to_uint8(sample.hr)
    word = layout.bicubic if protocol.steps == (Resize(border=protocol.border),) else protocol.name
    for scale, turn in itertools.product(scales, protocol.turns):
        case = prepare(protocol, sample.name, hr, scale, turn=turn)
        name = image_name(sample.name, turn)
        whole = case.hr if layout.cropped else in_colour(hr) if case.hr.ndim == 3 else hr
        lr = round_half_up(case.input.lr).astype(np.uint8)
        names = {"name": name, "scale": scale, "lr": word}
        hr_path = f"{layout.hr}/{{name}}.png".format(**names)
        lr_path = f"{layout.lr}/{layout.lr_name}".format(**names)
        yield WrittenPair(
            name=name,
            scale=scale,
            hr=_write(folder, hr_path, np.ascontiguousarray(whole)),
            lr=_write(folder, lr_path, lr),
            drawn=case.drawn,
        )


def _write(folder: Path, path: str, image: NDArray[np.uint8]) -> WrittenFile:
    if not (folder / path).exists():  # one HR image is of every scale, where it is not cropped
        write_png(folder / path, image)
    return WrittenFile(path=path, sha256=file_sha256(folder / path), pixels_sha256=pixels_sha256(image))


def _known(folder: Path, wanted: DegradedRecord) -> DegradedRecord:
    """The record of a folder that is there, if its files are the wanted ones.

    Raises:
        DataError: it holds something else, or was altered.
    """
    remedy = "choose another folder, or remove it"
    if not (folder / RECORD).is_file():
        raise DataError(f"{folder} is there already and was not written by `srbench degrade`: {remedy}.")
    found = read_sealed(folder / RECORD, DegradedRecord, remedy)
    if found.made_from != wanted.made_from:
        scales = ", ".join(f"x{scale}" for scale in found.scales)
        raise DataError(
            f"{folder} holds {found.dataset} made by '{found.protocol}' ({found.protocol_hash}) at {scales} in the "
            f"layout {found.layout}, not what is asked for: {remedy}."
        )
    for file in {file.path: file for pair in found.images for file in (pair.hr, pair.lr)}.values():
        path = folder / file.path
        if not path.is_file() or file_sha256(path) != file.sha256:
            raise DataError(f"{path} is gone or was altered since it was written: {remedy}.")
    return found


def _toml(protocol: Protocol) -> str:
    """A protocol without a degradation, as a file that :func:`~srbench.protocols.builtin.get_protocol` reads."""
    fields: dict[str, Any] = dataclasses.asdict(protocol)
    del fields["degradation"]
    fields["enlarged_range"] = False
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
