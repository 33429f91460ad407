"""A user's own images: a folder of HR images, or two folders of HR and LR."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from srbench.data.dataset import Dataset, ImageFile, Item
from srbench.data.stems import bare, role, sides, ways
from srbench.errors import DataError, UsageError
from srbench.imaging.suffixes import OTHER_SUFFIXES, SUFFIXES
from srbench.system.hashes import digest, file_sha256
from srbench.system.names import safe_name, same_name
from srbench.system.places import as_written, is_file, is_folder

_NO_CLASS = re.compile(
    r"(train|training|valid|validation|val|test|hr|lr|gt|high|low|x\d+|image_srf)(?![a-z])", re.IGNORECASE
)
"""How folders begin that hold splits, or sides of pairs, and no classes of images."""
_ROLE_WORD = (
    r"(?:[HL]R|GT|LQ|high|low|original|test(?:ing)?|val(?:id(?:ation)?)?|train(?:ing)?|image[-_]SRF|X?\d(?!\d))"
)
_ROLE_FOLDER = re.compile(
    rf"{_ROLE_WORD}(?:[-_ ]?(?:{_ROLE_WORD}|bic(?:ubic)?|unknown|mild|difficult|wild|mod\d+|res|x\d+))*", re.IGNORECASE
)
"""Names of folders that say what of a data set lies in them, and not which it is."""


def folder_dataset(folder: Path, spec: str) -> Dataset:
    """All images of a folder as HR images; or those of its folders, where it holds classes of images and nothing else.

    ``berry/1.jpg`` is then called ``berry-1``. Of a folder that holds ``HR`` beside ``LR_bicubic`` and the like, and no
    images, those in ``HR``.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    entries = _entries(folder)
    hr = [path for path in entries if re.fullmatch("HR|GT", path.name, re.IGNORECASE) and path.is_dir()]
    if len(hr) == 1 and not any(map(_is_image, entries)):
        dataset = folder_dataset(hr[0], spec)
        note = "; ".join(filter(None, (_left_out([folder], hr), dataset.note)))
        return replace(dataset, note=note)
    classes = class_folders(folder)
    for inner in classes:
        require_utf8(inner.name)
    found = [(inner.name, *sides(image_files(inner))) for inner in classes] or [("", *sides(image_files(folder)))]
    items = _items([(name, hr) for name, hr, _ in found])
    made = [path.name for _, _, others in found for path in others]
    note = f"{len(made)} images made of others by their names: {made[0]}{', …' * (len(made) > 1)}" if made else ""
    return _dataset(_names_above(folder), spec, items, folder, _left_out([folder], classes, note))


def images_named(folder: Path, pattern: str, split: str) -> tuple[Item, ...]:
    """The images below a folder that a glob names, called as in :func:`folder_dataset` from their common folder on.

    Raises:
        UsageError: the glob is none.
        DataError: there is no such folder, or no such image.
    """
    _entries(folder)  # says what is wrong with it
    try:
        found = [path for path in folder.glob(pattern) if _is_image(path) and not _is_hidden(path.relative_to(folder))]
    except (ValueError, NotImplementedError, IndexError) as error:
        raise UsageError(f"'{pattern}' is no glob below a folder ({error}): write it as in 'train/*.png'.") from error
    if not found:
        raise DataError(f"No image below '{folder}' is called '{pattern}', as split {split} asks: correct it.")
    common = Path(os.path.commonpath([path.parent for path in found]))
    groups: dict[Path, list[Path]] = {}
    for path in sorted(found, key=lambda path: natural_key(path.relative_to(folder).as_posix())):
        require_utf8(str(path))
        groups.setdefault(path.parent, []).append(path)
    return _items(("-".join(parent.relative_to(common).parts), files) for parent, files in groups.items())


def _items(groups: Iterable[tuple[str, Sequence[Path]]]) -> tuple[Item, ...]:
    """Images as items, those of each group with the group's name before their own."""
    named: dict[str, Path] = {}
    for group, files in groups:
        for name, path in zip(_names(files), files, strict=True):
            own = f"{group}-{name}" if group else name
            if named.setdefault(own, path) is not path:
                raise DataError(f"{named[own]} and {path} would both be called {own}: rename one.")
    return tuple(Item(name, _known(path)) for name, path in named.items())


def pairs_dataset(hr: Path, lr: Path, spec: str) -> Dataset:
    """The images of two folders, paired by what their names have in common.

    ``0001.png`` goes with ``0001.png``, ``0001x2.png`` or ``0001_LR.png``; ``a_SRF_2_HR.png`` with ``a_SRF_2_LR.png``
    (:mod:`srbench.data.stems`). Both may lie in one folder, where the names say which is which.

    Raises:
        DataError: a folder is missing or empty, or an image has no partner, or more than one.
    """
    hr_files, lr_files = image_files(hr), image_files(lr)
    if hr.samefile(lr):
        hr_files, made = sides(hr_files)
        lr_files = [path for path in made if role(path.stem) == "lr"] or [p for p in made if role(p.stem) != "sr"]
        if not lr_files:
            raise DataError(
                f"HR and LR are one folder, '{hr}', whose names do not tell them apart: end them in _HR and _LR, or "
                "use two folders."
            )
    pairs = _paired(hr_files, lr_files)
    several = len(pairs) > len(hr_files)
    names = _names([lr if several else hr for hr, lr in pairs])
    items = tuple(Item(name, _known(pair[0]), _known(pair[1])) for name, pair in zip(names, pairs, strict=True))
    folders = [as_written(folder) for folder in (hr, lr)]
    above = folders[0].parent if folders[0] != folders[1] and folders[0].parent == folders[1].parent else folders[0]
    return _dataset(_names_above(above), spec, items, hr, _left_out([hr, lr], []))


def lr_dataset(lr: Path, spec: str) -> Dataset:
    """The images of a folder as LR images without HR.

    Where names say which of them are HR, LR or SR, those that are LR.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    files = image_files(lr)
    named = [path for path in files if role(path.stem) == "lr"] or [path for path in files if not role(path.stem)]
    chosen = named or files
    items = tuple(Item(name, None, _known(path)) for name, path in zip(_names(chosen), chosen, strict=True))
    others = [path.name for path in files if path not in chosen]
    note = (
        f"{len(others)} images that are no LR by their names: {others[0]}{', …' * (len(others) > 1)}" if others else ""
    )
    return _dataset(_names_above(lr), spec, items, lr, _left_out([lr], [], note))


def class_folders(folder: Path) -> list[Path]:
    """The folders of a folder that holds no images itself, in natural order; none where they are not classes.

    Folders called like splits or like the sides of pairs are no classes: taken together they would be a muddle.
    """
    entries = [path for path in _entries(folder) if not path.name.startswith(".")]
    inner = [path for path in entries if path.is_dir()]
    if any(map(_is_image, entries)) or any(_NO_CLASS.match(path.name) for path in inner):
        return []
    classes = [path for path in inner if any(map(_is_image, _entries(path)))]
    return sorted(classes, key=lambda path: natural_key(path.name))


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder in natural order; hidden ones are skipped.

    Raises:
        DataError: there is no such folder, or no image in it.
    """
    entries = _entries(folder)
    files = [path for path in entries if _is_image(path)]
    for path in files:
        require_utf8(path.name)
    if not files:
        inside = sorted(path.name for path in entries if path.is_dir() and not path.name.startswith("."))
        hint = f"give one of its folders ({', '.join(inside[:4])})" if inside else "put images into it"
        kinds = ", ".join(sorted(extension[1:] for extension in SUFFIXES))
        raise DataError(f"The folder '{folder}' holds no images ({kinds}): {hint}.")
    return sorted(files, key=lambda path: natural_key(path.name))


def _left_out(folders: Sequence[Path], classes: Sequence[Path], made: str = "") -> str:
    """What lies in a user's folders and is not part of the data set, in words; empty if nothing is."""
    entries = [path for folder in folders for path in _entries(folder) if not _is_hidden(Path(path.name))]
    inner = sorted(path.name for path in entries if path.is_dir() and path not in classes)
    within = [path for folder in classes for path in _entries(folder) if not _is_hidden(Path(path.name))]
    other = Counter(path.suffix.lower()[1:] for path in (*entries, *within) if path.suffix.lower() in OTHER_SUFFIXES)
    parts = [f"folders: {', '.join(inner[:4])}{', …' * (len(inner) > 4)}"] if inner else []
    parts += [made] if made else []
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(other.items()))
    parts += [f"images of kinds that srbench does not read: {kinds}"] if other else []
    return f"left out of {' and '.join(map(str, folders))}: {'; '.join(parts)}" if parts else ""


def _entries(folder: Path) -> list[Path]:
    try:
        if is_folder(folder):
            return list(folder.iterdir())
    except OSError as error:
        raise DataError(f"The folder '{folder}' cannot be read ({error.strerror}): check its permissions.") from error
    if is_file(folder):
        raise DataError(f"'{folder}' is a file and not a folder: give the folder that holds it.")
    raise DataError(f"There is no folder '{folder}': check the path.")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_image(path: Path) -> bool:
    """Whether it is meant as one.

    Raises:
        DataError: it is a link that leads nowhere: an image that somebody means to be here.
    """
    if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
        return False
    if path.is_symlink() and not path.exists():
        raise DataError(f"{path} is a link that leads nowhere: mend or remove it.")
    return path.is_file()


def require_utf8(name: str) -> None:
    """Refuse a name that results could not be filed under.

    Raises:
        DataError: it holds bytes that are not UTF-8.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode("ascii", "backslashreplace").decode()
        raise DataError(f"The name '{shown}' is not valid UTF-8: rename it.") from None


def natural_key(name: str) -> tuple[list[tuple[int, int | str]], str]:
    """A sort key that puts ``t2`` before ``t10``."""
    parts = [part for part in re.split(r"(\d+)", name.lower()) if part]
    return [(0, int(part)) if part.isascii() and part.isdigit() else (1, part) for part in parts], name


def _paired(hr: Sequence[Path], lr: Sequence[Path]) -> list[tuple[Path, Path]]:
    """HR with its LR: with several of them where those differ in a number alone, as in DIV2K's ``x4w1`` to ``x4w4``."""
    found = ways([path.stem for path in hr], lr)
    one_kind = len({re.sub(r"\d+", "", f"{way.prefix}/{way.suffix}") for way in found}) == 1
    if one_kind and sum(len(files) for way in found for files in way.files) == len(lr):
        by_hr = zip(hr, *(way.files for way in found), strict=True)
        return [(path, file) for path, *partners in by_hr for (file,) in partners]
    by_stem, problem = _by_stem(hr)  # no one rule is for all of them
    partners, lr_problem = _by_stem(lr)
    problem = problem or lr_problem or _unpaired(by_stem, partners)
    if problem:
        raise DataError(f"{problem}: give both the same name, or LR's with a suffix such as x2 or _LR.")
    return [(path, partners[stem]) for stem, path in by_stem.items()]


def _by_stem(files: Sequence[Path]) -> tuple[dict[str, Path], str]:
    known: dict[str, Path] = {}
    for path in files:
        other = known.setdefault(same_name(bare(path.stem)), path)
        if other is not path:
            return known, f"{other} and {path.name} would make the same pair"
    return known, ""


def _unpaired(hr: dict[str, Path], lr: dict[str, Path]) -> str:
    for one, other, lacking in ((hr, lr, "LR"), (lr, hr, "HR")):
        alone = [path for stem, path in one.items() if stem not in other]
        if alone:
            return f"{alone[0]} has no {lacking} partner"
    return ""


def _names(files: Sequence[Path]) -> list[str]:
    """What results are filed under: the stems, or the whole file names where two files could be meant by one."""
    count = Counter(same_name(path.stem) for path in files)
    whole = {same_name(path.name) for path in files}
    taken = [count[same_name(path.stem)] > 1 or same_name(path.stem) in whole for path in files]
    names = [path.name if is_taken else path.stem for path, is_taken in zip(files, taken, strict=True)]
    composed = [unicodedata.normalize("NFC", name) for name in names]
    return composed if len(set(composed)) == len(names) else names


def _names_above(folder: Path) -> list[str]:
    """A folder's name and those above it, from the first on that says more than what a folder of images is for."""
    names = [name for place in (as_written(folder), *as_written(folder).parents) if (name := place.name)]
    telling = next((at for at, name in enumerate(names) if not _ROLE_FOLDER.fullmatch(name)), 0)
    return names[telling:] or [""]


def _known(path: Path) -> ImageFile:
    return ImageFile(path=path, bytes=path.stat().st_size, sha256=file_sha256(path))


def _dataset(names: Sequence[str], spec: str, items: tuple[Item, ...], folder: Path, left_out: str) -> Dataset:
    return Dataset(
        name=safe_name(names[0]),
        called=safe_name(names[0]),
        above=tuple(map(safe_name, names[1:])),
        spec=spec,
        split="",
        kind="lr" if items[0].hr is None else "pairs" if items[0].lr else "hr",
        title=f"the images of {folder}",
        items=items,
        content_hash=content_hash(items),
        role="user",
        folder=folder,
        note=left_out,
    )


def first_images(dataset: Dataset, limit: int) -> Dataset:
    """The first images of a data set; all of them, and nothing noted, if it has no more."""
    if not 0 < limit < len(dataset.items):
        return dataset
    items = dataset.items[:limit]
    return replace(dataset, items=items, content_hash=content_hash(items), of=len(dataset.items))


def content_hash(items: Sequence[Item]) -> str:
    """sha256 over the canonical JSON of names and hashes; LR images alone are not the same as HR images alone."""
    return digest(
        [[item.name, *([] if item.hr else [None]), *(file.identity for file in item.files)] for item in items]
    )
