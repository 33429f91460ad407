"""Writes the images of a data set of Hugging Face into the data folder. Needs the extra ``hf``."""

from __future__ import annotations

import logging
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from srbench.data.dataset import ImageFile, Item
from srbench.data.own.describe import About, describe
from srbench.data.own.hub_spec import HubSpec
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.imaging.files import read_image, write_png
from srbench.system.files import write_atomically
from srbench.system.installed import install_command
from srbench.system.names import safe_name
from srbench.system.text import warn

_HR = ("hr", "high", "gt", "target", "original")
_LR = ("lr", "low", "input", "bicubic")


def write_images(wanted: HubSpec, spec: str) -> None:
    """Load a data set and write its images with a manifest, all or nothing.

    Args:
        wanted: which.
        spec: as the user wrote it, for messages.

    Raises:
        UsageError: the library is not installed, or a split, column or configuration is not there.
        DataError: the data set cannot be had, or an image is not what srbench reads.
    """
    library = _library()
    warn(f"fetching {spec}")
    staged = wanted.folder.with_name(f".{wanted.folder.name}.{uuid.uuid4().hex[:12]}")
    try:
        with _explained(spec):
            _quiet(library)
            revision = "" if wanted.state else _revision(wanted)
            table, split = _load(library, wanted, revision, staged / "cache")
        columns = _columns(table, wanted, spec)
        for column in columns:
            table = table.cast_column(column, library.Image(decode=False))
        items = _write(table.select_columns(list(columns)), columns, staged, spec)
        name = safe_name(f"{wanted.label}-{split}")
        about = _about(table.info, wanted, split, revision, columns)
        text, _ = describe(staged / f"{name}.toml", {safe_name(split): items}, staged, ".", about)
        shutil.rmtree(staged / "cache", ignore_errors=True)
        write_atomically(staged / f"{name}.toml", text)
        staged.rename(wanted.folder)
    except OSError as error:
        raise DataError(f"{wanted.folder} cannot be written ({error.strerror or error}): check its disk.") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _library() -> Any:
    """Hugging Face's ``datasets``; a folder of that name in the working directory is not it."""
    with suppress(ImportError):
        library = import_module("datasets")
        if hasattr(library, "load_dataset"):
            return library
    raise UsageError(f"Data sets of Hugging Face need the library datasets: run {install_command('hf')}.")


def _quiet(library: Any) -> None:
    """No warnings of the library's, and its bars on a terminal alone."""
    logging.getLogger("datasets").setLevel(logging.ERROR)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not sys.stderr.isatty():
        library.disable_progress_bars()


@contextmanager
def _explained(spec: str) -> Iterator[None]:
    """One sentence of what the library raises, which may be anything."""
    try:
        yield
    except SrbenchError:
        raise
    except Exception as error:
        raised: list[BaseException] = [error]
        while (inner := raised[-1].__cause__ or raised[-1].__context__) and len(raised) < 10:
            raised.append(inner)
        kinds = {kind.__name__ for one in raised for kind in type(one).__mro__}
        if kinds & {"RepositoryNotFoundError", "DatasetNotFoundError", "GatedRepoError", "RevisionNotFoundError"}:
            raise DataError(
                f"'{spec}' is not on Hugging Face, or not open to you: check the name, or log in with `hf auth login`."
            ) from error
        if kinds & {"ConnectionError", "ConnectError", "TransportError", "OfflineModeIsEnabled", "TimeoutException"}:
            raise DataError(
                f"'{spec}' cannot be had, since Hugging Face does not answer: check the network, and HF_ENDPOINT or "
                "HF_HUB_OFFLINE if they are set."
            ) from error
        first = (str(error).strip().splitlines() or [""])[0][:300].rstrip(".")
        hint = "add ?config=NAME" if "config name" in str(error).lower() else "check its name, split and files"
        raise DataError(f"'{spec}' cannot be loaded ({type(error).__name__}: {first}): {hint}.") from error


def _revision(wanted: HubSpec) -> str:
    """The commit that a branch, or the newest, is now."""
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(wanted.source, revision=wanted.revision or None).sha)


def _load(library: Any, wanted: HubSpec, revision: str, cache: Path) -> tuple[Any, str]:
    """The table of one split, and the split's name."""
    folder = Path(wanted.source) if wanted.state else None
    if folder and ((folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()):
        saved = library.load_from_disk(wanted.source)
        known = {str(saved.split or "test"): saved} if hasattr(saved, "split") else dict(saved)
        name = _split(wanted, list(known))
        if name not in known:
            raise UsageError(f"'{wanted.source}' was saved to disk: name one of {', '.join(known)} whole.")
        return known[name], name
    which: dict[str, Any] = {"revision": revision} if revision else {}
    names = library.get_dataset_split_names(wanted.source, wanted.config or None, **which)
    name = _split(wanted, [str(known) for known in names])
    if folder:
        which["cache_dir"] = str(cache)  # the folder itself is the copy that stays
    return library.load_dataset(wanted.source, wanted.config or None, split=name, **which), name


def _split(wanted: HubSpec, names: list[str]) -> str:
    """The split that is asked for, the only one, or ``test``."""
    if wanted.split:
        if wanted.split.partition("[")[0] not in names:
            raise UsageError(f"'{wanted.source}' has no split '{wanted.split}'; it has {', '.join(names)}.")
        return wanted.split
    if len(names) > 1 and "test" not in names:
        raise UsageError(f"'{wanted.source}' has the splits {', '.join(names)}: name one, as in hf:…:{names[0]}.")
    return names[0] if len(names) == 1 else "test"


def _columns(table: Any, wanted: HubSpec, spec: str) -> tuple[str, ...]:
    """The column of HR images, then that of LR images where there are pairs."""
    images = [name for name, feature in table.features.items() if type(feature).__name__ == "Image"]
    for name in (wanted.hr, wanted.lr):
        if name and name not in images:
            raise UsageError(f"'{spec}' has no column '{name}' of images; it has {', '.join(images) or 'none'}.")
    if not images:
        raise DataError(f"'{spec}' has no column of images ({', '.join(table.features)}): choose another data set.")
    if wanted.hr:
        return (wanted.hr, wanted.lr) if wanted.lr else (wanted.hr,)
    if len(images) == 1 and not wanted.lr:
        return (images[0],)
    hr = [name for name in images if name.lower().startswith(_HR) and name != wanted.lr]
    lr = [wanted.lr] if wanted.lr else [name for name in images if name.lower().startswith(_LR)]
    if len(hr) == len(lr) == 1:
        return hr[0], lr[0]
    raise UsageError(f"'{spec}' has the columns {', '.join(images)}: add ?column=HR, or ?hr=HR&lr=LR for pairs.")


def _write(table: Any, columns: tuple[str, ...], folder: Path, spec: str) -> list[Item]:
    """Each image as a PNG, numbered; its item has the name of the file that it was, if all names are distinct."""
    written: list[list[Path]] = []
    names: list[str] = []
    for number, row in enumerate(table):
        paths = []
        for role, column in zip(("hr", "lr"), columns, strict=False):
            image = row[column]
            label = f"{spec}: row {number}, column {column}"
            if not image or not (image["bytes"] or image["path"]):
                raise DataError(f"{label} has no image: choose another split or column.")
            pixels = read_image(image["bytes"] or Path(image["path"]), name=label)
            paths.append(folder / role / f"{number:06}.png")
            write_png(paths[-1], pixels)
        written.append(paths)
        names.append(PurePosixPath((row[columns[0]]["path"] or "").replace("\\", "/")).stem)
    if not written:
        raise DataError(f"'{spec}' has no rows: choose another split.")
    if len({name.lower() for name in names}) < len(names) or not all(name == safe_name(name) for name in names):
        names = [f"{number:06}" for number in range(len(names))]
    return [
        Item(name, ImageFile(paths[0]), ImageFile(paths[1]) if len(paths) > 1 else None)
        for name, paths in zip(names, written, strict=True)
    ]


def _about(info: Any, wanted: HubSpec, split: str, revision: str, columns: tuple[str, ...]) -> About:
    home = f"https://huggingface.co/datasets/{wanted.source}/tree/{revision}" if revision else ""
    return About(
        title=f"{wanted.source}, {split}",
        licence=str(getattr(info, "license", "") or "see its homepage"),
        homepage=home,
        citation=str(getattr(info, "citation", "") or ""),
        notes=f"columns {', '.join(columns)}" + (f" at revision {revision}" if revision else ""),
    )
