"""The files of runs: ``<out>/<run id>/{run.json, cells/, trainings/, images/, planes/, kept/, report/, locks/}``.

``images/`` has a folder for each cell that a person can find, and ``kept/`` says which: a note by the cell's key.

Files are written to a temporary name, synced and renamed, so that an existing file is complete. Each JSON file has a
checksum: an altered cell counts as missing, an altered run.json is refused.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from srbench.bench.results import CellId, CellResult, KeptNote, ReadNote, RunRecord, TrainingRecord
from srbench.errors import DataError, UsageError
from srbench.speed.record import RunSpeed, read_speed
from srbench.system.files import sweep, write_atomically, writing_to
from srbench.system.hashes import digest
from srbench.system.locks import Lock
from srbench.system.names import safe_name, same_name, unknown
from srbench.system.places import RUNS, is_file
from srbench.system.sealed import read_sealed, sealed
from srbench.system.text import warn

_HR = "hr-"
"""What the key of a data set's HR images begins with: no hash does."""
_LONGEST = 80
"""Most characters of the name of a folder of images."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def record_path(self) -> Path:
        """run.json."""
        return self.path / "run.json"

    @property
    def report(self) -> Path:
        """The folder for reports."""
        return self.path / "report"

    def cell_path(self, key: str) -> Path:
        """The file of a finished cell."""
        return _inside(self.path / "cells", f"{key}.json")

    def sr_path(self, key: str, image: str) -> Path:
        """Where the SR of an image is kept (PNG)."""
        return _inside(self.path / "images", *self._kept_in(key), _file_name(image))

    def planes_path(self, key: str, image: str) -> Path:
        """Where the SR planes of an image that were scored are kept, if they are not the image at :meth:`sr_path`.

        A PNG of luma, or NPY of samples that are not rounded (:mod:`srbench.imaging.planes`).
        """
        return _inside(self.path / "planes", key, _file_name(image, ".planes"))

    def hr_path(self, content: str, scale: float, image: str) -> Path:
        """Where the HR of an image is kept (PNG, cropped to a multiple of the scale).

        ``content`` is the data set's content hash: images of other data sets may have the same name.
        """
        return _inside(self.path / "images", *self._kept_in(_hr_key(content, scale)), _file_name(image))

    def _kept_in(self, key: str) -> tuple[str, ...]:
        """The folders, one in the other, of a cell's kept images: a note says; older runs have the key itself."""
        note = self._kept_note(_inside(self.path / "kept", f"{key}.json"))
        if note is not None and note.key == key:
            return note.folders
        return ("hr", key.removeprefix(_HR)) if key.startswith(_HR) else (key,)

    def _kept_note(self, path: Path) -> KeptNote | None:
        """A note of where images are kept; None if there is none, or it is damaged."""
        try:
            return read_sealed(path, KeptNote, "run again")
        except DataError:
            return None

    def name_images(self, key: str, folders: Sequence[str]) -> None:
        """Keep a cell's images in a folder that a person can find, such as ``embedded/x2/fsrcnn``.

        Another cell that has the folder (of an older version of the method, or whose name differs in case only) keeps
        its images: their folder gets a part of its key as well.
        """
        if self._kept_in(key) == (wanted := tuple(safe_name(name)[:_LONGEST] for name in folders)):
            return
        with self.writing():
            for note in filter(None, map(self._kept_note, (self.path / "kept").glob("*.json"))):
                if same_name("/".join(note.folders)) == same_name("/".join(wanted)):
                    self._move_images(note.key, (*wanted[:-1], f"{wanted[-1]}-{note.key[:8]}"))
            self._move_images(key, wanted)

    def _move_images(self, key: str, folders: tuple[str, ...]) -> None:
        source = _inside(self.path / "images", *self._kept_in(key))
        target = _inside(self.path / "images", *folders)
        if source.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        write_atomically(self.path / "kept" / f"{key}.json", sealed(KeptNote(key=key, folders=folders)))

    def name_hr_images(self, content: str, scale: float, dataset: str) -> None:
        """The same for the HR images of a data set."""
        self.name_images(_hr_key(content, scale), (dataset, f"x{scale}", "hr"))

    def lr_path(self, content: str, scale: float, image: str) -> Path:
        """Where the LR of an image without HR is kept (PNG, enlarged by the scale, each pixel a block)."""
        return _inside(self.path / "images" / "lr", f"{content[:16]}-x{scale}", _file_name(image))

    def read_record(self) -> RunRecord:
        """run.json.

        Raises:
            DataError: it is missing, damaged or of another schema.
        """
        return read_sealed(self.record_path, RunRecord, "run again")

    def read_cell(self, key: str) -> CellResult | None:
        """A finished cell; None if it is missing or damaged."""
        path = self.cell_path(key)
        try:
            cell = read_sealed(path, CellResult, "run again")
        except DataError:
            return None  # cut or damaged: as if it had never been finished
        return cell if cell.key == key else None

    def write_cell(self, cell: CellResult) -> None:
        """Store a finished cell, with the checksum of its content."""
        with self.writing():
            write_atomically(self.cell_path(cell.key), sealed(cell))

    def read_note(self, key: str) -> ReadNote | None:
        """What the method of a cell read, by the cell's key without it; None if there is no note."""
        path = self._note_path(key)
        try:
            return read_sealed(path, ReadNote, "run again")
        except DataError:
            return None

    def write_note(self, key: str, note: ReadNote) -> None:
        """Store what the method of a cell read."""
        with self.writing():
            write_atomically(self._note_path(key), sealed(note))

    def read_training(self, weights: str) -> TrainingRecord | None:
        """The training of weights, by their sha256; None if it is missing or damaged."""
        try:
            training = read_sealed(self._training_path(weights), TrainingRecord, "run again")
        except DataError:
            return None
        return training if training.weights == weights else None

    def write_training(self, training: TrainingRecord) -> None:
        """Store the training of weights."""
        with self.writing():
            write_atomically(self._training_path(training.weights), sealed(training))

    def _training_path(self, weights: str) -> Path:
        return _inside(self.path / "trainings", f"{weights}.json")

    def _note_path(self, key: str) -> Path:
        return _inside(self.path / "reads", f"{key}.json")

    @property
    def _kept(self) -> tuple[Callable[[str, str], Path], ...]:
        """Where a cell's own images are, by its key and their names."""
        return self.sr_path, self.planes_path

    def move_images(self, key: str, cell: CellResult) -> None:
        """Move the images that were kept under a key to the cell's own key."""
        moves = [(place(key, image.name), place(cell.key, image.name)) for image in cell.images for place in self._kept]
        for source, target in moves:
            if source.is_file():
                with self.writing():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    source.replace(target)
        with contextlib.suppress(OSError):  # not empty: an image of another cell
            _inside(self.path / "images", *self._kept_in(key)).rmdir()
            _inside(self.path / "kept", f"{key}.json").unlink(missing_ok=True)

    def lock(self, key: str) -> Lock:
        """The lock of a cell, not acquired yet; the process that computes the cell holds it."""
        return Lock(self.path / "locks" / f"{key}.lock")

    def write_record(self, record: RunRecord) -> None:
        """Store run.json."""
        with self.writing():
            write_atomically(self.record_path, sealed(record))

    def mark_newest(self) -> None:
        """Make this the newest run, which `report` and `check` take by default, even if the clock was set back."""
        with self.writing():
            self.record_path.touch()
            others = [path / "run.json" for path in run_folders(self.path.parent) if path.name != self.path.name]
            latest = max((_modified(other) for other in others), default=0)
            if latest >= _modified(self.record_path):
                os.utime(self.record_path, ns=(latest + 1_000_000, latest + 1_000_000))

    def sweep(self) -> None:
        """Remove incomplete files of a killed run."""
        sweep(self.path)

    def write_image(self, path: Path, png: bytes) -> None:
        """Store an image."""
        with self.writing():
            write_atomically(path, png)

    def copy_images(self, other: RunFolder, cell: CellResult, image: str) -> None:
        """Copy the kept SR of an image, and what is beside it, from another run."""
        beside = (str(cell.inputs.get("dataset")), cell.id.scale, image)
        for source, target in (
            (other.sr_path(cell.key, image), self.sr_path(cell.key, image)),
            (other.planes_path(cell.key, image), self.planes_path(cell.key, image)),
            (other.hr_path(*beside), self.hr_path(*beside)),
            (other.lr_path(*beside), self.lr_path(*beside)),
        ):
            if source.is_file() and not target.exists():
                with self.writing():
                    write_atomically(target, source.read_bytes())

    def writing(self) -> AbstractContextManager[None]:
        """Turn errors of writing here into one sentence: :func:`writing_to`."""
        return writing_to(self.path)


@dataclass(frozen=True, slots=True)
class CellOrigin:
    """The run that a cell of a merged run comes from.

    Attributes:
        run: the id of the run.
        folder: that run's folder.
        others: (run, values) of older runs with other values for this cell.
    """

    run: str
    folder: RunFolder
    others: tuple[tuple[str, Mapping[str, float]], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run as reports and gates read it: record and finished cells, in the order of the plan."""

    folder: RunFolder
    record: RunRecord
    cells: tuple[CellResult, ...]
    speed: RunSpeed | None = None
    """The speed of its methods, if they were timed."""
    trainings: Mapping[str, TrainingRecord] = field(default_factory=dict)
    """By the sha256 of weights of its learned methods."""
    origins: Mapping[CellId, CellOrigin] = field(default_factory=dict)
    """Of each cell of merged runs; empty for a single run."""

    def folder_of(self, cell: CellId) -> RunFolder:
        """The folder of the run that keeps the images of a cell."""
        return self.origins[cell].folder if cell in self.origins else self.folder

    @property
    def environment(self) -> dict[str, str]:
        """The machine and the code, with the devices that the cells ran on."""
        devices = sorted({cell.environment["device"] for cell in self.cells if "device" in cell.environment})
        return self.record.environment | ({"device": ", ".join(devices)} if devices else {})

    def run_of(self, cell: CellId) -> str:
        """The id of the run that a cell is from."""
        return self.origins[cell].run if cell in self.origins else self.record.id


def read_run(path: Path, record: RunRecord | None = None) -> LoadedRun:
    """Read a run's folder.

    Args:
        path: the folder.
        record: used in place of run.json, which another process may replace.

    Raises:
        DataError: it is not the folder of a run, or run.json is damaged.
    """
    folder = RunFolder(path)
    if not folder.record_path.is_file():
        raise DataError(f"{path} holds no run.json, so it is not the folder of a run.")
    record = record or folder.read_record()
    cells: list[CellResult] = []
    for planned in record.cells:
        cell = folder.read_cell(planned.key) if planned.key is not None and planned.status == "ok" else None
        if cell is not None:
            # keys do not depend on names, so the names are those of this plan
            cells.append(cell.model_copy(update={"id": planned.id}))
    return LoadedRun(folder, record, tuple(cells), _speed(path), _trainings(folder, cells))


def _trainings(folder: RunFolder, cells: Sequence[CellResult]) -> dict[str, TrainingRecord]:
    """The trainings behind cells; reports omit those that are missing or damaged."""
    weights = dict.fromkeys(name for cell in cells if isinstance(name := cell.inputs.get("weights"), str))
    found = ((name, folder.read_training(name)) for name in weights)
    return {name: training for name, training in found if training is not None}


def _speed(path: Path) -> RunSpeed | None:
    """The speed of a run's methods; a damaged file is reported and omitted."""
    try:
        return read_speed(path)
    except DataError as error:
        warn(str(error))
        return None


def find_run(name: str | None, out: Path = RUNS) -> Path:
    """The folder of a run: by path, by id under ``out``, by a unique start of its id, or the newest.

    Raises:
        UsageError: there is none, several match, or the name is empty.
    """
    if name is None:
        runs = list(run_folders(out))
        if not runs:
            raise UsageError(f"There is no run under {out} yet; start one with `srbench run`.")
        return max(runs, key=lambda path: _modified(path / "run.json"))
    if not name.strip():
        raise UsageError("A run's name is empty: give its folder, its id or a start of it, or nothing for the newest.")
    if is_file(Path(name) / "run.json"):
        return Path(name)
    matches = [path for path in run_folders(out) if path.name.startswith(name)]
    exact = [path for path in matches if path.name == name]
    if len(exact or matches) == 1:
        return (exact or matches)[0]
    if matches:
        raise UsageError(f"Several runs start with '{name}': {', '.join(sorted(path.name for path in matches))}.")
    raise unknown("run", name, [path.name for path in run_folders(out)])


def run_folders(out: Path) -> Iterator[Path]:
    """The folders of all runs under ``out``."""
    return (path.parent for path in sorted(out.glob("*/run.json")))


def _inside(folder: Path, *names: str) -> Path:
    """A file in a folder, by untrusted names.

    Raises:
        DataError: a name leads out of the folder.
    """
    for name in map(Path, names):
        if name.is_absolute() or ".." in name.parts or "\0" in str(name):
            raise DataError(f"A name leads out of {folder} ({name}): do not trust that run.")
    return folder.joinpath(*names)


def image_folders(cell: CellId, among: Iterable[CellId]) -> tuple[str, str, str]:
    """What the folder of a cell's images is called: recipe and seed are named where a run has several.

    Args:
        cell: the cell.
        among: all cells of its run.
    """
    own = [other for other in among if other.method == cell.method]
    name = [cell.method]
    if cell.recipe and len({other.recipe for other in own}) > 1:
        name.append(cell.recipe)
    if len({other.seed for other in own}) > 1:
        name.append(f"seed-{cell.seed}")
    return cell.dataset, f"x{cell.scale}", "-".join(name)


def _hr_key(content: str, scale: float) -> str:
    return f"{_HR}{content[:16]}-x{scale}"


def _file_name(image: str, suffix: str = ".png") -> str:
    """The file name of an image; one that is too long for file systems is shortened, with a hash."""
    if len(image.encode()) <= 200:
        return f"{image}{suffix}"
    return f"{image.encode()[:100].decode(errors='ignore')}-{digest(image)[:12]}{suffix}"


def _modified(path: Path) -> int:
    """The modification time of a file in nanoseconds; 0 if it is missing."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns
    return 0
