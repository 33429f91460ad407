"""Gives a name to a folder of images, or to two of pairs: a manifest of one's own, the files staying where they are."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from srbench.data.catalog import dataset_of, known_names, load_manifest, manifest_names, resolve
from srbench.data.dataset import Dataset, Item
from srbench.data.manifest import Manifest, role_of
from srbench.data.own.by_hand import by_hand_manifest, images_by_hand
from srbench.data.own.describe import About, describe
from srbench.data.own.folders import folder_dataset, images_named, require_utf8
from srbench.data.own.manifests import own_path, require_free
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.system.files import replaced_folder, write_atomically
from srbench.system.places import is_folder, require_home, user_path


def add(
    name: str,
    source: str,
    about: About,
    *,
    splits: Sequence[str] = (),
    url_base: str = "",
    copy: bool = False,
    replaced: bool = False,
    taken: dict[str, str] | None = None,
) -> Manifest:
    """Write a manifest for images that lie here, so that they have a name.

    A name of srbench's own is for a set that people get by hand (``manga109``): the folder must hold all of its images.

    Args:
        name: for ``--datasets``.
        source: a folder of HR images or of classes of them, ``hr=DIR,lr=DIR``, or ``lr=DIR``.
        about: what to say of them.
        splits: ``name=glob`` each, below the folder; one called ``test`` of all images if there is none.
        url_base: where the folder is published: for a manifest that others can use.
        copy: copy the images to beside the manifest.
        replaced: whether there may be such a data set of one's own already.
        taken: names that mean something else, and what.

    Raises:
        UsageError: the name is taken, or the options do not go together.
        DataError: an image is missing, wrong, or in a test split and another; or the disk is full.
    """
    _check_options(url_base, copy)
    name = unicodedata.normalize("NFC", name)
    by_hand = by_hand_manifest(name)
    require_free(name, (taken or {}) if by_hand else _names_of_others(name) | (taken or {}), replace=replaced)
    if by_hand:
        if splits or url_base:
            raise UsageError(f"The splits and terms of {name} are known: give the folder that holds it alone.")
        chosen = images_by_hand(by_hand, user_path(source))
        about = About(**by_hand.model_dump(include={"title", "licence", "homepage", "citation", "notes"}))
    else:
        chosen = _splits(source, splits)
    found = {split: tuple(map(_absolute, items)) for split, items in chosen.items()}
    folder = _common_folder(source, [item for items in found.values() for item in items])
    path = own_path(name)
    require_home(path, "SRBENCH_DATASETS")
    base = url_base.rstrip("/") + "/" if url_base else name if copy else folder.as_posix()
    text, manifest = describe(path, found, folder, base, about)
    targets = path.with_suffix("") if copy else dataset_of(manifest).folder if url_base else folder
    try:
        if copy:
            with replaced_folder(targets) as new:
                _copy(folder, new, _paths(manifest))
        elif url_base:
            _copy(folder, targets, _paths(manifest))
        write_atomically(path, text)
    except OSError as error:
        raise DataError(f"{path} and its files cannot be written ({error.strerror}): check the disk.") from error
    return manifest


def overlaps(manifest: Manifest) -> list[str]:
    """What a data set shares with others that matters: images that one tests on, in data that another trains on."""
    notes = []
    for other in (load_manifest(name) for name in known_names() if name != manifest.name):
        for mine in manifest.splits:
            for theirs in other.splits:
                tests = [role_of(manifest, mine) == "test", role_of(other, theirs) == "test"]
                shared = _pixels(manifest, mine) & _pixels(other, theirs)
                if shared and tests.count(True) == 1:
                    test, train = f"{manifest.name}:{mine}", f"{other.name}:{theirs}"
                    test, train = (test, train) if tests[0] else (train, test)
                    notes.append(
                        f"{len(shared)} test images of {test} are in {train}, which cannot be trained on while they are"
                    )
    return notes


def _pixels(manifest: Manifest, split: str) -> set[str]:
    """Those that are known; numbered images have names alone."""
    return {entry.pixels_sha256 for entry in manifest.splits[split].images if entry.pixels_sha256}


def _check_options(url_base: str, copy: bool) -> None:
    if url_base and copy:
        raise UsageError("--copy goes without --url-base, which has a copy of its own.")
    if url_base and not re.match(r"https?://[^/]", url_base):
        raise UsageError(f"--url-base is the http(s):// address of the published folder, not '{url_base}'.")


def _names_of_others(name: str) -> dict[str, str]:
    """Names that results may be filed under already, in small letters, and whose they are."""
    taken: dict[str, str] = {}
    for other in known_names():
        if other == name and other not in manifest_names():
            continue  # the user's own, of which --replace decides
        whose = f"the data set {other}"
        taken[other.lower()] = whose
        try:
            taken |= {f"{other}-{split}".lower(): whose for split in load_manifest(other).splits}
        except SrbenchError:  # a broken one of the user's own: its name is enough
            continue
    return taken


def _splits(source: str, splits: Sequence[str]) -> dict[str, tuple[Item, ...]]:
    """The images of each split."""
    wanted: dict[str, str] = {}
    for text in splits:
        split, equals, pattern = text.partition("=")
        if not (split and equals and pattern) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", split):
            raise UsageError(f"--split is a name and a glob, such as 'test=te_*.png' or 'train=train/*', not '{text}'.")
        if wanted.setdefault(split, pattern) != pattern:
            raise UsageError(f"--split {split} is given twice: give one glob for it, such as '{split}*/*.png'.")
    folder = _folder(source)
    if folder and wanted:
        return {split: images_named(folder, pattern, split) for split, pattern in wanted.items()}
    try:
        dataset = folder_dataset(folder, source) if folder else resolve(source)
    except DataError as error:
        if folder is None or not any(path.is_dir() for path in folder.iterdir()):
            raise
        raise DataError(f"{str(error).rstrip('.')}, or say what they are by --split, as in 'train=train/*'.") from error
    if dataset.manifest:
        raise UsageError(f"'{source}' is described already: use it as it is, or give a folder or hr=DIR,lr=DIR.")
    if not wanted:
        return {"test": dataset.items}
    return {split: _matching(dataset, split, pattern) for split, pattern in wanted.items()}


def _folder(source: str) -> Path | None:
    """The folder that is given, absolute but with its links; None if it is something else."""
    path = user_path(source)
    return path.absolute() if is_folder(path) else None


def _matching(dataset: Dataset, split: str, pattern: str) -> tuple[Item, ...]:
    """The items whose HR image, or LR image where there is no HR, a glob names."""
    items = tuple(item for item in dataset.items if item.main.path.match(pattern))
    if not items:
        raise DataError(f"No image of '{dataset.spec}' is called '{pattern}', as split {split} asks: correct it.")
    return items


def _common_folder(source: str, items: Iterable[Item]) -> Path:
    """The folder that the manifest's paths begin at: the one given, or that which both of a pair lie in."""
    folder = _folder(source)
    if folder is None:
        try:
            folder = Path(os.path.commonpath([file.path.parent for item in items for file in item.files]))
        except ValueError as error:
            raise DataError("HR and LR lie on two drives: bring them to one.") from error
    require_utf8(str(folder))
    return folder


def _absolute(item: Item) -> Item:
    hr, lr = (file and replace(file, path=file.path.absolute()) for file in (item.hr, item.lr))
    return replace(item, hr=hr, lr=lr)


def _paths(manifest: Manifest) -> list[str]:
    entries = [entry for split in manifest.splits.values() for entry in split.entries()]
    return [file.path for entry in entries for file in (entry, entry.lr) if file is not None]


def _copy(source: Path, target: Path, paths: Iterable[str]) -> None:
    for path in dict.fromkeys(paths):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)
