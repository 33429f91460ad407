"""From what a user writes to a data set: the manifests that come with srbench, the user's own, and folders.

Nothing heavy is imported here, and nothing is downloaded but what is named as Hugging Face's, once.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from srbench.data.dataset import CropOf, Dataset, ImageFile, Item, Pixels
from srbench.data.fetch.progress import Progress
from srbench.data.identity import Known, identified
from srbench.data.images import Sample
from srbench.data.manifest import (
    Archive,
    FileEntry,
    ImageEntry,
    Manifest,
    Split,
    parse_manifest,
    read_manifest,
    role_of,
)
from srbench.data.own.folders import content_hash, folder_dataset, lr_dataset, pairs_dataset, require_utf8
from srbench.data.own.hub import hub_manifest, hub_manifests
from srbench.data.own.hub_spec import is_hub
from srbench.data.own.manifests import own_manifest, own_names
from srbench.errors import DataError, UsageError
from srbench.system.hashes import file_sha256
from srbench.system.names import as_known, safe_name, unknown
from srbench.system.places import data_root, is_folder, user_path

__all__ = [
    "Dataset",
    "FileEntry",
    "ImageEntry",
    "ImageFile",
    "Item",
    "Manifest",
    "Pixels",
    "Progress",
    "Sample",
    "Split",
    "dataset_of",
    "known_names",
    "load_manifest",
    "manifest_names",
    "protected_pixels",
    "read_manifest",
    "resolve",
    "role_of",
    "supplied",
    "supply",
]

_supplied: dict[str, Dataset] = {}
"""Data sets whose files were sent here from another machine, by what the user asked for there."""


def manifest_names() -> tuple[str, ...]:
    """The data sets that come with srbench, in order."""
    names = [entry.name for entry in files("srbench.datasets").iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def known_names() -> tuple[str, ...]:
    """The data sets that have a name: those that come with srbench, then the user's own."""
    return tuple(dict.fromkeys((*manifest_names(), *own_names())))


def load_manifest(name: str) -> Manifest:
    """The manifest of a data set that comes with srbench, or that is the user's own.

    Of one that people get by hand that which ``srbench data add`` has made of their images, if there is one.

    Raises:
        UsageError: there is none of this name; the nearest are suggested.
        DataError: the manifest is not valid.
    """
    if name in manifest_names() and not (_builtin_manifest(name).by_hand and name in own_names()):
        return _builtin_manifest(name)
    if name in own_names():
        return own_manifest(name)
    raise unknown("data set", name, known_names())


@lru_cache(maxsize=32)
def _builtin_manifest(name: str) -> Manifest:
    content = files("srbench.datasets").joinpath(f"{name}.toml").read_bytes()
    return parse_manifest(content, name=name, file=f"datasets/{name}.toml")


def resolve(spec: str, *, cwd: Path | None = None) -> Dataset:
    """The data set that a user means.

    Args:
        spec: ``set5`` or ``set5:test`` (the default split, or one by name); a folder of HR images, or of classes of
            them (with a slash, a leading dot, or simply there); a manifest ``my.toml`` or ``my.toml:train``;
            ``hr=DIR,lr=DIR``; ``lr=DIR`` for LR images without HR; any as ``NAME=DIR``, ``NAME=hr=DIR,lr=DIR`` or
            ``NAME=lr=DIR`` to have another name than the folder's;
            ``hf:org/name:split`` (:mod:`srbench.data.own.hub`). A name of :func:`known_names` comes before a folder of
            the same name: write ``./set5`` for the folder.
        cwd: what relative paths are relative to.

    Raises:
        UsageError: no name, nothing of this name, or no such split.
        DataError: a folder or manifest that is missing, empty or wrong.
    """
    spec = spec.strip()
    base = cwd or Path()
    if cwd is None and spec in _supplied:
        return _supplied[spec]
    if not spec:
        raise UsageError("A data set's name is empty: give one of `srbench data list`, or a folder such as ./images.")
    require_utf8(spec)
    name, _, split = unicodedata.normalize("NFC", spec).partition(":")
    if not is_hub(spec) and not is_folder(user_path(spec, base)):
        name = as_known(name, known_names())
    if not is_hub(spec) and name in known_names():
        return dataset_of(load_manifest(name), split, spec)
    given, _, rest = spec.partition("=")
    if not rest or re.search(r"[/\\:]", given) or given in ("hr", "lr") or is_folder(user_path(spec, base)):
        return identified(_own(spec, base), _builtin_sets())
    return identified(_named(given, rest, spec, base), _builtin_sets(), named=True)


def _named(name: str, rest: str, spec: str, base: Path) -> Dataset:
    """A data set of a user's files under the name that the user gives it."""
    name = unicodedata.normalize("NFC", name.strip())
    if name != safe_name(name):
        raise UsageError(f"'{name}' cannot be a data set's name: use letters, digits, '-', '_' and '.'.")
    dataset = _own(rest, base)
    if dataset.manifest:
        raise UsageError(f"'{rest}' has a name already: write NAME= before a folder, hr=DIR,lr=DIR or lr=DIR.")
    return replace(dataset, name=name, spec=spec, above=())


def _own(spec: str, base: Path) -> Dataset:
    """A data set of a user's files."""
    pair = re.fullmatch(r"(hr|lr)=\s*(\S.*),\s*(hr|lr)=(.+)", spec)
    if pair and pair[1] != pair[3]:
        folders = {pair[1]: user_path(pair[2], base), pair[3]: user_path(pair[4], base)}
        return pairs_dataset(folders["hr"], folders["lr"], spec)
    if lr := re.fullmatch(r"lr=\s*(\S.*)", spec):
        return lr_dataset(user_path(lr[1], base), spec)
    if spec.startswith(("hr=", "lr=")):
        raise UsageError(f"'{spec}' is half of a pair: write hr=DIR,lr=DIR, DIR for HR alone, or lr=DIR for LR alone.")
    if is_hub(spec):
        return dataset_of(hub_manifest(spec, base), "", spec)
    own = re.fullmatch(r"(.+\.toml)(?::([^:/\\]*))?", spec)
    if own:
        return dataset_of(read_manifest(user_path(own[1], base)), own[2] or "", spec)
    path = user_path(spec, base)
    if "/" in spec or os.sep in spec or spec.startswith((".", "~")) or is_folder(path):
        return folder_dataset(path, spec)
    raise unknown("data set or folder", spec.partition(":")[0], known_names())


def supplied() -> tuple[Dataset, ...]:
    """The data sets that were sent here, for another process of this machine."""
    return tuple(_supplied.values())


def supply(dataset: Dataset) -> None:
    """Have :func:`resolve` find a data set by what the user asked for, in this process."""
    _supplied[dataset.spec] = dataset


def dataset_of(manifest: Manifest, split: str = "", spec: str = "") -> Dataset:
    """One split of a manifest; the default one if none is named.

    Raises:
        UsageError: there is no such split.
        DataError: the files of an ``embedded`` or a local manifest are not there.
    """
    name = split or manifest.default_split
    if name not in manifest.splits:
        raise UsageError(f"'{manifest.name}' has no split '{name}'; it has {', '.join(manifest.splits)}.")
    chosen = manifest.splits[name]
    folder = _folder(manifest)
    entries = chosen.entries()
    whole = resolve(manifest.crop_of) if any(entry.source for entry in entries) else None
    items = tuple(_cropped(chosen, entry, _item(manifest, chosen, entry, folder), whole) for entry in entries)
    return Dataset(
        name=_name_of(manifest, name),
        spec=spec or (f"{manifest.name}:{split}" if split else manifest.name),
        split=name,
        kind=manifest.kind,
        title=manifest.title,
        items=items,
        content_hash=content_hash(items),
        role=role_of(manifest, name),
        citation=manifest.citation,
        licence=manifest.licence,
        homepage=manifest.homepage,
        manifest=manifest.name,
        folder=folder,
        by_hand=manifest.by_hand,
        share_sr=manifest.share_sr,
    )


def _name_of(manifest: Manifest, split: str) -> str:
    return manifest.name if split == manifest.default_split else f"{manifest.name}-{split}"


def known_content(manifest: Manifest, split: str, first: int | None = None) -> str:
    """The content hash that a split has on every machine, or its first images, whether its files are there or not."""
    entries = manifest.splits[split].entries()[:first]
    return content_hash([_item(manifest, manifest.splits[split], entry, Path()) for entry in entries])


def protected_pixels() -> dict[str, str]:
    """The pixel hash of every image that must never be trained on, and the test set that it belongs to.

    Raises:
        DataError: a manifest of the user's own is not valid, so that nobody can tell what it protects.
    """
    known = dict(_builtin_test_pixels())
    for manifest in (*map(load_manifest, own_names()), *hub_manifests()):
        known |= _test_pixels(manifest)
    return known


@lru_cache(maxsize=1)
def _builtin_sets() -> tuple[Known, ...]:
    """Every split of the data sets that come with srbench; not of those whose files a package has that is not here."""
    found = []
    for name in manifest_names():
        manifest = load_manifest(name)
        if manifest.by_hand:
            found.append(Known(name))
            continue
        for split in manifest.splits:
            with suppress(DataError):
                _folder(manifest)
                content = partial(known_content, manifest, split)
                found.append(Known(_name_of(manifest, split), manifest.splits[split], content))
    return tuple(found)


@lru_cache(maxsize=1)
def _builtin_test_pixels() -> dict[str, str]:
    known: dict[str, str] = {}
    for name in manifest_names():
        known |= _test_pixels(load_manifest(name))
    return known


def _test_pixels(manifest: Manifest) -> dict[str, str]:
    return {
        entry.pixels_sha256: f"{manifest.name}:{split}"
        for split in manifest.splits
        if role_of(manifest, split) == "test"
        for entry in manifest.splits[split].entries()
        if entry.pixels_sha256
    }


def _folder(manifest: Manifest) -> Path:
    """Where its files lie: the data root, the user's folder, or an installed package."""
    if manifest.package:
        spec = find_spec(manifest.package)  # finds without importing
        if spec is None or not spec.submodule_search_locations:
            raise DataError(f"'{manifest.name}' is part of the package {manifest.package}: install that.")
        return Path(spec.submodule_search_locations[0])
    if manifest.by_hand:
        return data_root() / manifest.name
    if manifest.is_remote and not manifest.base_url.startswith("file:"):
        if manifest.name in manifest_names() and manifest == load_manifest(manifest.name):
            return data_root() / (manifest.shares or manifest.name)
        # a user's manifest shall not mix with another of the same name
        own = hashlib.sha256(manifest.model_dump_json(exclude={"file"}).encode()).hexdigest()[:8]
        return data_root() / f"{manifest.name}-{own}"
    try:
        local = unquote(urlsplit(manifest.base_url).path) if manifest.is_remote else manifest.base_url
        folder = Path(manifest.file).parent / Path(local).expanduser()
        folder.is_dir()  # or is it no name that the system takes?
        return folder
    except (ValueError, RuntimeError, OSError) as error:  # a broken address, the home of a user that there is not
        raise DataError(f"{manifest.file}: base_url cannot be {manifest.base_url!r} ({error}): correct it.") from error


def _item(manifest: Manifest, split: Split, entry: ImageEntry, folder: Path) -> Item:
    if manifest.kind == "lr":
        return Item(entry.name, None, _file(manifest, split, entry, folder, split.archive))
    hr = _file(manifest, split, entry, folder, split.archive, copy=entry.name if manifest.kind == "hr" else "")
    lr = _file(manifest, split, entry.lr, folder, split.lr_archive) if entry.lr else None
    return Item(entry.name, hr, lr, split.scale if lr else None)


def _cropped(split: Split, entry: ImageEntry, item: Item, whole: Dataset | None) -> Item:
    """An item whose HR says of which other data set's image it is a crop, if it is one."""
    if whole is None or not entry.source:
        return item
    crop = CropOf(whole, entry.source, split.scale or 1)
    return replace(item, hr=replace(item.main, crop_of=crop))


def _file(
    manifest: Manifest, split: Split, entry: FileEntry, folder: Path, archive: Archive | None, copy: str = ""
) -> ImageFile:
    archive = archive or split.archive
    path = folder / entry.path
    known = entry.model_dump(include={"bytes", "sha256", "pixels_sha256", "width", "height"})
    if not manifest.is_remote or manifest.base_url.startswith("file:"):
        if not any((entry.sha256, entry.pixels_sha256)) and path.is_file():
            known["sha256"] = file_sha256(path)
        return ImageFile(path=path, **known)
    copied = f"{copy}.png" if copy and f"{copy}.png" != entry.path and entry.pixels_sha256 else ""
    basename = PurePosixPath(entry.path).name
    mirrored = dict.fromkeys(name for name in (copied, entry.path, basename) if name)
    return ImageFile(
        path=path,
        copy=folder / copied if copied else None,
        url=manifest.base_url.rstrip("/") + "/" + quote(archive.path if archive else entry.path),
        mirrored=() if archive else tuple(mirrored),
        archive=archive,
        **known,
    )
