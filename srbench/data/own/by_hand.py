"""Data sets that nobody may download without their owners: srbench knows their names, and users have the images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from srbench.data.dataset import ImageFile, Item
from srbench.data.manifest import ImageEntry, Manifest, parse_manifest
from srbench.data.own.folders import require_utf8
from srbench.data.stems import bare
from srbench.errors import DataError
from srbench.imaging.files import image_size
from srbench.imaging.suffixes import SUFFIXES
from srbench.system.names import same_name
from srbench.system.places import is_folder


def by_hand_manifest(name: str) -> Manifest | None:
    """srbench's manifest of a set that people get by hand; None for any other name."""
    path = files("srbench.datasets").joinpath(f"{name}.toml")
    if not path.is_file():
        return None
    manifest = parse_manifest(path.read_bytes(), name=name, file=f"datasets/{name}.toml")
    return manifest if manifest.by_hand else None


def images_by_hand(manifest: Manifest, folder: Path) -> dict[str, tuple[Item, ...]]:
    """The images of each split, found below a folder by their names, as far down as they lie.

    ``ARMS.png`` is ``ARMS``, and so is ``ARMS_HR.png`` where there is none of that name.

    Raises:
        DataError: there is no such folder, an image is not there or there twice, or has another size than is known.
    """
    if not is_folder(folder):
        raise DataError(f"There is no folder '{folder}': check the path.")
    by_stem: dict[str, list[Path]] = {}
    by_bare: dict[str, list[Path]] = {}
    for path in _below(folder):
        by_stem.setdefault(same_name(path.stem), []).append(path)
        by_bare.setdefault(same_name(bare(path.stem)), []).append(path)
    found: dict[str, tuple[Item, ...]] = {}
    for split, content in manifest.splits.items():
        entries = content.entries()
        places = [by_stem.get(same_name(e.name)) or by_bare.get(same_name(e.name)) or [] for e in entries]
        missing = [entry.name for entry, paths in zip(entries, places, strict=True) if not paths]
        if missing:
            shown = ", ".join(missing[:3]) + ", …" * (len(missing) > 3)
            raise DataError(
                f"'{folder}' lacks {len(missing)} of the {len(entries)} images of {manifest.name} ({shown}): give the "
                "folder that holds all of its HR images."
            )
        found[split] = tuple(_item(manifest, entry, paths) for entry, paths in zip(entries, places, strict=True))
    return found


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                require_utf8(str(path))
                yield path


def _item(manifest: Manifest, entry: ImageEntry, paths: list[Path]) -> Item:
    if len(paths) > 1:
        raise DataError(
            f"{paths[0]} and {paths[1]} could both be {entry.name} of {manifest.name}: give the folder of HR alone."
        )
    if entry.width and entry.height and image_size(paths[0]) != (entry.height, entry.width):
        height, width = image_size(paths[0])
        raise DataError(
            f"{paths[0]} is {width}x{height}, and {entry.name} of {manifest.name} is {entry.width}x{entry.height}: "
            "give the folder of HR."
        )
    return Item(entry.name, ImageFile(path=paths[0]))
