"""Whether a file is the one that a manifest means."""

from __future__ import annotations

from pathlib import Path

from srbench.data.dataset import Dataset, ImageFile
from srbench.errors import DataError
from srbench.imaging.files import image_size, pixels_sha256, read_image
from srbench.system.hashes import file_sha256


def fault_at(path: Path, file: ImageFile) -> str:
    """What is wrong with a file or a copy of it; empty if it has the file's hash or its pixels, and its size."""
    return _other_content(path, file) or _other_size(path, file)


def _other_content(path: Path, file: ImageFile) -> str:
    if not path.is_file():
        return "missing"
    expected = file.sha256 or (_unpacked_sums(file).get(path.name) if file.archive else None)
    if expected and file_sha256(path) == expected:
        return ""
    if expected and file.pixels_sha256 is None:
        return "wrong hash"
    try:
        pixels = read_image(path, name=file.path.name)
    except DataError as error:
        return f"{'wrong hash: ' if file.pixels_sha256 else ''}{error}".rstrip(".")
    return "wrong hash" if file.pixels_sha256 and pixels_sha256(pixels) != file.pixels_sha256 else ""


def _other_size(path: Path, file: ImageFile) -> str:
    try:
        return file.misfit(path, image_size(path) if file.width or file.height else None)
    except DataError as error:
        return str(error).rstrip(".")


def whole(file: ImageFile) -> Path | None:
    """Where a whole file or copy lies, if there is one."""
    places = (file.path, file.copy) if file.copy else (file.path,)
    return next((path for path in places if not fault_at(path, file)), None)


def faults(dataset: Dataset) -> list[tuple[ImageFile, str]]:
    """The files of a data set that are not whole, each with what is wrong. Reads them all."""
    found = []
    for item in dataset.items:
        for file in item.files:
            where = file.found()
            fault = fault_at(where, file) if where else "missing"
            if fault:
                found.append((file, fault))
    return found


def sums_path(file: ImageFile) -> Path:
    """Where the hashes of an archive's unpacked files are kept, in the format of ``sha256sum``."""
    assert file.archive is not None
    return file.path.parent.with_name(f"{Path(file.archive.path).stem}.sha256")


def _unpacked_sums(file: ImageFile) -> dict[str, str]:
    try:
        lines = sums_path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {Path(path).name: digest for digest, _, path in (line.partition("  ") for line in lines)}
