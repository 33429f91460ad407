"""Bring the files of a data set to where they belong: from the data root, a mirror, another set, or their origin.

For each file, in this order: what is in the data root already and has the right hash or pixels; the mirrors of
``SRBENCH_MIRROR``, in srbench's layout or, of folders, in those of others; for a crop of another set's image, that
image if it is in the data root or a mirror; the pinned address in the manifest. Nothing is placed before it has been
checked, and everything is placed by a rename.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from urllib.parse import quote

from srbench.data.dataset import Dataset, ImageFile, Pixels
from srbench.data.fetch.archive import check_space, unpack
from srbench.data.fetch.download import Unwritable, unwritable, wrong_hash
from srbench.data.fetch.integrity import fault_at, whole
from srbench.data.fetch.progress import Display, Progress, say
from srbench.data.fetch.sources import Source, Sources
from srbench.data.manifest import Archive
from srbench.data.stems import lossless_images
from srbench.errors import DataError
from srbench.imaging.files import pixels_sha256, read_image, write_png
from srbench.system.locks import locked
from srbench.system.places import data_root, lock_of, mirrors, require_home

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
        files = _Files(dataset, display)
        for archive in archives:
            files.place_archive(archive, next(file.url for file in missing if file.archive == archive))
        _in_parallel(files, [file for file in missing if not file.archive])
    return len(missing)


def _label(dataset: Dataset) -> str:
    return f"{dataset.manifest}:{dataset.split}"


def _in_parallel(placing: _Files, files: Sequence[ImageFile]) -> None:
    """Place files by a few connections at once; the first failure ends them all.

    Not an executor: its threads would hold up Ctrl-C until a stalled server's time is over.
    """
    waiting = iter(files)
    results: SimpleQueue[Exception | None] = SimpleQueue()
    lock = Lock()

    def work() -> None:
        while not placing.sources.stop.is_set():
            with lock:
                file = next(waiting, None)
            if file is None:
                return
            try:
                placing.place(file)
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
                placing.sources.stop.set()
                for thread in threads:
                    thread.join()
                raise failure
    finally:
        placing.sources.stop.set()
        for thread in threads:  # those that are not stalled end at their next chunk and tidy up
            thread.join(timeout=0.5)


class _Files:
    """Puts the files of one data set in place."""

    def __init__(self, dataset: Dataset, display: Display, *, origin: bool = True) -> None:
        self.dataset, self.display, self.origin = dataset, display, origin
        self.sources = Sources(display)

    def place(self, file: ImageFile) -> Path:
        """Put one file in place and return its path."""
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            why = f"{file.path.parent} cannot be made ({error.strerror})"
            raise Unwritable(f"{why}: name a folder in SRBENCH_DATA.") from error
        reasons: list[str] = []
        targets = {name: file.copy if file.copy and name == file.copy.name else file.path for name in file.mirrored}
        origin = Source(file.url, file.path, sha256=file.sha256, size=file.bytes)

        def fault(path: Path) -> str:
            return fault_at(path, replace(file, archive=None))

        placed = (
            self.sources.first(self._below_mirrors(targets), fault, reasons)
            or self._from_layouts(file)
            or self._from_crop(file)
            or (self.sources.first([origin], fault, reasons) if self.origin else None)
        )
        if placed is None:
            raise self._failure(file.path.name, reasons)
        self.display.file_done()
        if placed != file.path:
            try:
                file.path.unlink(missing_ok=True)  # it is not whole, and would be found before the copy
            except OSError as error:
                raise unwritable(file.path, error) from error
        return placed

    def place_archive(self, archive: Archive, origin: str) -> None:
        """Put the files of an archive in place."""
        images = [file for item in self.dataset.items for file in item.files if file.archive == archive]
        folder = self.dataset.folder
        own = folder / archive.path
        mirrored = list(self._below_mirrors({archive.path: own}))
        here = (own, *(source.place for source in mirrored if isinstance(source.place, Path)))
        there = next((path for path in here if path.is_file() and not wrong_hash(path, archive.sha256)), None)
        check_space(folder, archive.bytes if there else 2 * archive.bytes)
        if there is None:
            reasons: list[str] = []
            sources = [source for source in (*mirrored, Source(origin, own)) if isinstance(source.place, str)]
            pinned = [source._replace(sha256=archive.sha256, size=archive.bytes) for source in sources]
            there = self.sources.first(pinned, lambda path: "", reasons)
            if there is None:
                raise self._failure(archive.path, reasons)
        unpack(there, images, folder, self.display.file_done)
        own.unlink(missing_ok=True)

    def _below_mirrors(self, targets: Mapping[str, Path]) -> Iterator[Source]:
        """Where files of some names may be in the mirrors, whose folder for this data set may have several names."""
        for mirror in mirrors():
            names = (self.dataset.manifest, self.dataset.manifest.replace("-", "_"), self.dataset.folder.name)
            for folder in dict.fromkeys(names):
                for name, target in targets.items():
                    path = f"{folder}/{name}"
                    place = mirror / path if isinstance(mirror, Path) else f"{mirror}/{quote(path)}"
                    yield Source(place, target, mirror)

    def _from_layouts(self, file: ImageFile) -> Path | None:
        """Copy an image of a mirror's folder that has another layout than srbench's, as others publish the set."""
        for mirror in mirrors():
            if isinstance(mirror, Path) and file.pixels_sha256:
                for path in lossless_images(mirror, self.dataset.manifest, file.path.stem):
                    with suppress(DataError):
                        if placed := self._write(file, read_image(path)):
                            return placed
        return None

    def _from_crop(self, file: ImageFile) -> Path | None:
        """Crop another data set's image, if that is at hand without its origin."""
        crop = file.crop_of
        image = crop.file if crop is not None else None
        if crop is None or image is None:
            return None
        others = _Files(crop.dataset, Display(crop.dataset.name, 1, None, False), origin=False)
        try:
            pixels = read_image(whole(image) or others.place(image))
        except DataError:
            return None
        height, width = (size // crop.multiple * crop.multiple for size in pixels.shape[:2])
        return self._write(file, pixels[:height, :width])

    def _write(self, file: ImageFile, pixels: Pixels) -> Path | None:
        """Put a file's pixels in place; None where these are not its."""
        if pixels_sha256(pixels) != file.pixels_sha256:
            return None
        target = file.copy or file.path
        write_png(target, pixels)
        self.display.advance(file.bytes or 0)
        return target

    def _failure(self, name: str, reasons: Sequence[str]) -> DataError:
        why = "; ".join(dict.fromkeys(reasons)) or "no source has it"
        return DataError(
            f"{self.dataset.name}: {name} cannot be had ({why}): set SRBENCH_MIRROR to a folder or server that has it, "
            f"or run `srbench data fetch {self.dataset.spec}` where there is a network."
        )
