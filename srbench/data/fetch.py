"""Bring the files of a data set to where they belong: from the data root, a mirror, another set, or their origin.

For each file, in this order: what is in the data root already and has the right hash or pixels; the mirrors of
``SRBENCH_MIRROR``; for a crop of another set's image, that image if it is in the data root or a mirror; the pinned
address in the manifest. Nothing is placed before it has been checked, and everything is placed by a rename.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from threading import Event, Lock, Thread
from urllib.parse import quote

from srbench.data.archive import check_space, unpack
from srbench.data.dataset import Dataset, ImageFile, Progress, file_sha256
from srbench.data.download import NotThere, Unreachable, Unwritable, download, unwritable
from srbench.data.integrity import fault_at, whole
from srbench.data.manifest import Archive
from srbench.data.places import data_root, lock_of, mirrors
from srbench.data.progress import Display, say
from srbench.errors import DataError
from srbench.imaging.files import pixels_sha256, read_image, write_png
from srbench.locks import locked
from srbench.places import require_home

__all__ = ["data_root", "fetch"]

CONNECTIONS = 4


def fetch(dataset: Dataset, *, progress: Progress = True) -> int:
    """Fetch what is missing or wrong; what is whole is left alone. If another process is at it, wait for that one.

    Args:
        dataset: one split, as :func:`srbench.data.catalog.resolve` gives it.
        progress: True: a bar on stderr if that is a terminal, else lines; a function: gets the lines; False: nothing.

    Returns:
        How many files were fetched.

    Raises:
        DataError: a file cannot be had or is not what the manifest says; the sentence names the data set and the file.
        UsageError: there is no home folder to put it in.
    """
    if not (missing := _missing(dataset)):
        return 0
    if not any(file.url for file in missing):
        raise DataError(f"{dataset.name}: {missing[0].path.name} is missing or not as pinned: {dataset.way_out()}.")
    require_home(dataset.folder, "SRBENCH_CACHE")
    label = _label(dataset)
    with locked(lock_of(label), lambda: say(f"another process is fetching {label}: waiting for it", progress)):
        return _fetch(dataset, _missing(dataset), progress)


def _missing(dataset: Dataset) -> list[ImageFile]:
    return [file for item in dataset.items for file in item.files if whole(file) is None]


def _fetch(dataset: Dataset, missing: list[ImageFile], progress: Progress) -> int:
    if not missing:
        return 0
    archives = {file.archive for file in missing if file.archive}
    sizes = [archive.bytes for archive in archives] + [file.bytes for file in missing if not file.archive]
    total = sum(size for size in sizes if size) if None not in sizes else None
    with Display(_label(dataset), len(missing), total, progress) as display:
        source = _Source(dataset, display)
        for archive in archives:
            source.place_archive(archive, [file for file in missing if file.archive == archive])
        _in_parallel(source, [file for file in missing if not file.archive])
    return len(missing)


def _label(dataset: Dataset) -> str:
    return f"{dataset.manifest}:{dataset.split}"


def _in_parallel(source: _Source, files: Sequence[ImageFile]) -> None:
    """Place files by a few connections at once; the first failure ends them all.

    Not an executor: its threads would hold up Ctrl-C until a stalled server's time is over.
    """
    waiting = iter(files)
    results: SimpleQueue[Exception | None] = SimpleQueue()
    lock = Lock()

    def work() -> None:
        while not source.stop.is_set():
            with lock:
                file = next(waiting, None)
            if file is None:
                return
            try:
                source.place(file)
                results.put(None)
            except Exception as error:
                results.put(error)

    threads = [Thread(target=work, daemon=True) for _ in range(min(CONNECTIONS, len(files)))]
    for thread in threads:
        thread.start()
    try:
        for _ in files:
            failure = results.get()
            if failure:
                source.stop.set()
                for thread in threads:
                    thread.join()
                raise failure
    finally:
        source.stop.set()
        for thread in threads:  # those that are not stalled end at their next chunk and tidy up
            thread.join(timeout=0.5)


class _Source:
    """All the places that one data set's files may come from."""

    def __init__(self, dataset: Dataset, display: Display, *, origin: bool = True) -> None:
        self.dataset, self.display, self.origin = dataset, display, origin
        self.stop = Event()
        self.mirrors = mirrors()
        self._silent: dict[str | Path, str] = {}  # mirrors that do not answer, and why

    def place(self, file: ImageFile) -> Path:
        """Put one file in place and return its path."""
        reasons: list[str] = []
        placed = self._from_mirrors(file, reasons) or self._from_crop(file)
        if placed is None and self.origin:
            try:
                placed = self._download(file.url, file.path, file, file.sha256, file.bytes)
            except Unwritable:
                raise
            except DataError as error:
                reasons.append(str(error))
        if placed is None:
            raise self._failure(file.path.name, reasons)
        self.display.file_done(placed.name)
        return placed

    def place_archive(self, archive: Archive, files: Sequence[ImageFile]) -> None:
        """Put the files of an archive in place."""
        images = [file for item in self.dataset.items for file in item.files if file.archive == archive]
        folder = self.dataset.folder
        own = folder / archive.path
        there = self._archive_in_place(own, archive)
        check_space(folder, archive.bytes if there else 2 * archive.bytes)
        unpack(
            there or self._fetch_archive(own, archive, files[0].url),
            images,
            folder,
            lambda name: self.display.file_done(name),
        )
        own.unlink(missing_ok=True)

    def _archive_in_place(self, own: Path, archive: Archive) -> Path | None:
        """The archive in the data root or a mirror's folder."""
        candidates = [own]
        for mirror in self.mirrors:
            if isinstance(mirror, Path):
                candidates += [mirror / name / archive.path for name in self._folders()]
        return next((path for path in candidates if path.is_file() and file_sha256(path) == archive.sha256), None)

    def _fetch_archive(self, own: Path, archive: Archive, origin: str) -> Path:
        try:
            own.unlink(missing_ok=True)  # wrong, or it would have been found
        except OSError as error:
            raise unwritable(own, error) from error
        reasons = []
        bases = [f"{mirror}/{name}" for mirror in self.mirrors if isinstance(mirror, str) for name in self._folders()]
        for url in (*(f"{base}/{quote(archive.path)}" for base in bases), origin):
            try:
                self._receive(url, own, own, archive.sha256, archive.bytes)
                return own
            except Unwritable:
                raise
            except DataError as error:
                reasons.append(str(error))
        raise self._failure(archive.path, reasons)

    def _folders(self) -> Iterable[str]:
        """What a mirror may call this data set's folder."""
        return dict.fromkeys((self.dataset.manifest, self.dataset.manifest.replace("-", "_")))

    def _from_mirrors(self, file: ImageFile, reasons: list[str]) -> Path | None:
        for mirror in self.mirrors:
            if mirror in self._silent:
                reasons.append(self._silent[mirror])
                continue
            for folder, name in product(self._folders(), file.mirrored):
                target = file.copy if file.copy and name == file.copy.name else file.path
                try:
                    return self._from_mirror(mirror, f"{folder}/{name}", target, file)
                except NotThere:
                    continue
                except Unreachable as error:
                    self._silent[mirror] = str(error)
                    reasons.append(str(error))
                    break
                except Unwritable:
                    raise
                except DataError as error:
                    reasons.append(str(error))
        return None

    def _from_mirror(self, mirror: str | Path, name: str, target: Path, file: ImageFile) -> Path:
        if isinstance(mirror, str):
            return self._download(f"{mirror}/{quote(name)}", target, file, None, None)
        if not mirror.is_dir():
            raise Unreachable(f"the mirror {mirror} is not there")
        source = mirror / PurePosixPath(name)
        if not source.is_file():
            raise NotThere(f"{source} is not there")
        try:
            content = source.read_bytes()
        except OSError as error:
            raise DataError(f"{source} cannot be read ({error.strerror})") from error
        staged = _staged(target)
        try:
            staged.write_bytes(content)
            self.display.advance(file.bytes or 0)
            return _settle(staged, target, file, str(source))
        except OSError as error:
            raise unwritable(target, error) from error
        finally:
            staged.unlink(missing_ok=True)

    def _from_crop(self, file: ImageFile) -> Path | None:
        """Crop another data set's image, if that is at hand without its origin."""
        if file.crop_of is None or file.pixels_sha256 is None:
            return None
        crop = file.crop_of
        image, source = self._uncropped[crop.dataset, crop.image]
        try:
            pixels = read_image(whole(image) or source.place(image))
        except DataError:
            return None
        height, width = (size // crop.multiple * crop.multiple for size in pixels.shape[:2])
        pixels = pixels[:height, :width]
        if pixels_sha256(pixels) != file.pixels_sha256:
            return None
        write_png(file.path, pixels)
        self.display.advance(file.bytes or 0)
        return file.path

    @cached_property
    def _uncropped(self) -> dict[tuple[str, str], tuple[ImageFile, _Source]]:
        """The images that this set's are crops of, by data set and name, and where to get them but for their origin."""
        from srbench.data.catalog import resolve

        crops = [file.crop_of for item in self.dataset.items for file in item.files if file.crop_of]
        others = {spec: resolve(spec) for spec in {crop.dataset for crop in crops}}
        known: dict[tuple[str, str], tuple[ImageFile, _Source]] = {}
        for spec, other in others.items():
            source = _Source(other, Display(other.name, 1, None, False), origin=False)
            known |= {(spec, item.name): (item.hr, source) for item in other.items}
        return known

    def _download(self, url: str, target: Path, file: ImageFile, sha256: str | None, size: int | None) -> Path:
        staged = _staged(target)
        try:
            self._receive(url, staged, target, sha256, size)
            return _settle(staged, target, file, url)
        finally:
            staged.unlink(missing_ok=True)

    def _receive(self, url: str, path: Path, final: Path, sha256: str | None, size: int | None) -> None:
        show, stop = self.display.advance, self.stop
        download(url, path, resume_as=final, size=size, sha256=sha256, advance=show, stop=stop)

    def _failure(self, name: str, reasons: Sequence[str]) -> DataError:
        why = "; ".join(dict.fromkeys(reason.rstrip(".") for reason in reasons)) or "no source has it"
        return DataError(
            f"{self.dataset.name}: {name} cannot be had ({why}): set SRBENCH_MIRROR to a folder or server that has it, "
            f"or run `srbench data fetch {self.dataset.spec}` where there is a network."
        )


def _staged(target: Path) -> Path:
    """A hidden name beside a file, for what has not been checked yet."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{target.parent} cannot be made ({error.strerror})"
        raise Unwritable(f"{why}: name a folder in SRBENCH_DATA.") from error
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.new")


def _settle(staged: Path, target: Path, file: ImageFile, origin: str) -> Path:
    """Check a staged file and rename it into place."""
    fault = fault_at(staged, replace(file, archive=None))
    if fault:
        raise DataError(f"{origin} has a {fault}")
    try:
        staged.replace(target)
        if target != file.path:
            file.path.unlink(missing_ok=True)  # it is not whole, and would be found before the copy
    except OSError as error:
        raise unwritable(target, error) from error
    return target
