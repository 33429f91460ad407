"""Writes manifests: reads each image of some splits, and notes its size and its hashes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.data.dataset import Item, common_scale
from srbench.data.manifest import Manifest, parse_manifest, role_of
from srbench.errors import DataError
from srbench.imaging.files import pixels_sha256, read_image
from srbench.system.hashes import file_sha256
from srbench.system.toml import toml_value

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a manifest says of a data set beside its files."""

    title: str
    licence: str = "not stated"
    homepage: str = ""
    citation: str = ""
    notes: str = ""


def describe(
    path: Path, splits: Mapping[str, Sequence[Item]], folder: Path, base_url: str, about: About
) -> tuple[str, Manifest]:
    """A manifest's text, and the manifest that it is.

    Args:
        path: where it will be written; the file's stem is the data set's name.
        splits: the images of each; what is called ``train…`` or ``val…`` is that, everything else a test set.
        folder: which the files lie in, and their paths begin at.
        base_url: where others, or this machine, find what lies in that folder.
        about: what else to say.

    Raises:
        DataError: an image cannot be read, is in a test split and in another, or pairs do not fit.
    """
    every = [item for items in splits.values() for item in items]
    pairs = any(item.hr and item.lr for item in every)
    kind = "pairs" if pairs else "hr" if all(item.hr for item in every) else "lr"
    head = {"title": about.title, "kind": kind, "role": "splits"}
    head |= {"default_split": "test" if "test" in splits else next(iter(splits)), "licence": about.licence}
    head |= {"homepage": about.homepage, "citation": about.citation, "notes": about.notes, "base_url": base_url}
    lines = [f"{key} = {toml_value(value)}" for key, value in head.items() if value]
    for name, items in splits.items():
        lines += ["", f"[splits.{name if _BARE.fullmatch(name) else toml_value(name)}]"]
        lines += [f"scale = {common_scale(items)}"] if pairs else []
        lines += ["images = [", *(f"  {toml_value(entry)}," for entry in _entries(items, folder)), "]"]
    text = "\n".join(lines) + "\n"
    manifest = parse_manifest(text.encode(), name=path.stem, file=str(path))
    _refuse_leaks(manifest)
    return text, manifest


def _entries(items: Sequence[Item], folder: Path) -> Iterator[dict[str, Any]]:
    for item in items:
        lr = {"lr": _measured(item.lr.path, folder)} if item.hr and item.lr else {}
        yield {"name": item.name, **_measured(item.main.path, folder), **lr}


def _measured(path: Path, folder: Path) -> dict[str, Any]:
    """A file's entry."""
    below = path.relative_to(folder).as_posix()
    if any(sign in below for sign in "\\:"):
        raise DataError(f"{path} has a '\\' or ':' in its name, which not every system takes: rename it.")
    pixels = read_image(path, name=str(path))
    height, width = pixels.shape[:2]
    content = {"bytes": path.stat().st_size, "sha256": file_sha256(path), "pixels_sha256": pixels_sha256(pixels)}
    return {"path": below, "width": width, "height": height, **content}


def _refuse_leaks(manifest: Manifest) -> None:
    """Refuse an image that is tested on and in another split as well."""
    tests: dict[str | None, str] = {}
    others: dict[str | None, str] = {}
    for split, content in manifest.splits.items():
        chosen = tests if role_of(manifest, split) == "test" else others
        chosen.update((entry.pixels_sha256, f"{entry.path} of {split}") for entry in content.entries())
    shared = next(iter(tests.keys() & others.keys()), None)
    if shared is not None:
        raise DataError(
            f"{others[shared]} is the same image as {tests[shared]}, which must not be trained on: "
            "leave one of them out."
        )
