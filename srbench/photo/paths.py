"""Which images are meant, and where each goes: all of it settled before anything is computed."""

from __future__ import annotations

import glob
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from srbench.errors import DataError, UsageError
from srbench.imaging.suffixes import OTHER_SUFFIXES, SUFFIXES
from srbench.photo.formats import BECOMES, BY_SUFFIX, Format, format_named

STREAM = "-"


@dataclass(frozen=True, slots=True)
class Job:
    """One image to upsample.

    Attributes:
        source: its file; None for stdin.
        target: the file to write; None for stdout.
        format: of that.
        compare: where a side-by-side image goes, if there is to be one.
    """

    source: Path | None
    target: Path | None
    format: Format
    compare: Path | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return "the image on stdin" if self.source is None else str(self.source)


def find_jobs(source: str, target: str, form: str = "", *, compare: bool = False, overwrite: bool = False) -> list[Job]:
    """The jobs that IN and OUT mean.

    Args:
        source: a file, a folder, a glob, or ``-`` for stdin.
        target: a file, a folder, or ``-`` for stdout.
        form: the format's name; if empty, the suffix of OUT says it, or that of each image where OUT is a folder.
        compare: make side-by-side images too.
        overwrite: do not mind files that are there.

    Raises:
        UsageError: OUT cannot take them, or would be overwritten.
        DataError: there is nothing at IN.
    """
    found = _sources(source, target)
    to_folder = target != STREAM and _is_folder(target, several=_is_several(source))
    if len(found) > 1 and not to_folder:
        what = "stdout takes one" if target == STREAM else f"'{target}' is the name of one"
        raise UsageError(f"'{source}' means {len(found)} images and {what}; give a folder as OUT.")
    if source == STREAM and to_folder:
        raise UsageError(f"An image from stdin has no name to take in the folder '{target}'; name a file as OUT.")
    if compare and target == STREAM:
        raise UsageError("--compare writes a file beside OUT, and OUT is stdout; name a file.")
    jobs = []
    for path, below in found:
        out, format = None, format_named(form or "png")
        if target != STREAM:
            out = Path(target) / below if to_folder else Path(target)
            if to_folder and (form or out.suffix.lower() in BECOMES):
                out = out.with_suffix(format.suffixes[0] if form else BECOMES[out.suffix.lower()])
            format = _format_of(out, form, is_named=not to_folder)
        beside = out.with_name(f"{out.stem}.compare.png") if out is not None and compare else None
        jobs.append(Job(path, out, format, beside))
    _check_targets(jobs, overwrite)
    return jobs


def left_out(source: str) -> str:
    """The images that IN has and that cannot be read, by how their names end and in words; empty if it has none."""
    if source == STREAM or not _is_several(source):
        return ""
    found = Counter(path.suffix.lower()[1:] for path in _below(source) if path.suffix.lower() in OTHER_SUFFIXES)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
    return f"left out of {source}, which srbench does not read: {kinds}" if kinds else ""


def _format_of(out: Path, form: str, *, is_named: bool) -> Format:
    """The format that a file is written in; where the user named that very file, its suffix must say the same."""
    if not form and not out.suffix:
        raise UsageError(
            f"'{out}' has no suffix that says a format: add one such as .png, or end OUT with / (a folder)."
        )
    format = format_named(form or out.suffix)
    if is_named and BY_SUFFIX.get(out.suffix.lower(), format) != format:
        raise UsageError(
            f"--format {form} is not what '{out}' says; leave it out, or end OUT with {format.suffixes[0]}."
        )
    return format


def _sources(source: str, target: str) -> list[tuple[Path | None, Path]]:
    """The files that IN means, each with its path below the folder that they have in common."""
    if source == STREAM:
        return [(None, Path(STREAM))]
    path = Path(source)
    if _is_several(source):
        files = sorted(file for file in _below(source) if file.suffix.lower() in SUFFIXES)
        out = Path(target).resolve()
        if path.is_dir() and target != STREAM and out != path.resolve():  # what an earlier call put there is no input
            files = [file for file in files if out not in file.resolve().parents]
        if not files and path.is_dir():
            raise DataError(f"There is no image in '{source}'; it holds none of {', '.join(sorted(SUFFIXES))}.")
        if not files:
            raise DataError(f"No image matches '{source}'; check the pattern, and quote it.")
        base = path if path.is_dir() else Path(os.path.commonpath([file.parent for file in files]))
        return [(file, file.relative_to(base)) for file in files]
    if not path.exists():
        raise DataError(f"{source} is not there: check the path.")
    return [(path, Path(path.name))]


def _below(source: str) -> list[Path]:
    """The files of a folder, or that a pattern names; hidden ones are none of them."""
    folder = Path(source)
    if folder.is_dir():
        shown = ((path, path.relative_to(folder).parts) for path in folder.rglob("*"))
    else:
        names = glob.glob(source, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        shown = ((path, (path.name,)) for path in map(Path, names))
    return [path for path, parts in shown if path.is_file() and not any(part.startswith(".") for part in parts)]


def _is_several(source: str) -> bool:
    """Whether IN may mean several images, however many it means now: a folder or a pattern."""
    path = Path(source)
    return source != STREAM and (path.is_dir() or (not path.exists() and glob.has_magic(source)))


def _is_folder(target: str, *, several: bool) -> bool:
    """Whether OUT is a folder: it is one, ends as one, or is for several images and has no suffix of one."""
    path = Path(target)
    if path.is_dir() or target.endswith(("/", os.sep)):
        return True
    return several and path.suffix.lower() not in BY_SUFFIX and not path.exists()


def _check_targets(jobs: list[Job], overwrite: bool) -> None:
    targets = [path for job in jobs for path in (job.target, job.compare) if path is not None]
    twice = [path for path, count in Counter(targets).items() if count > 1]
    if twice:
        raise UsageError(f"Two images would both become {twice[0]}; upsample them one by one, or leave --format out.")
    there = [path for path in targets if path.exists() and (path.is_file() or path.is_dir())]
    folders = [path for path in there if path.is_dir()]
    if folders:
        raise UsageError(f"{folders[0]} is a folder, and an image would have its name; choose another OUT.")
    if there and not overwrite:
        more = f" and {len(there) - 1} more are" if len(there) > 1 else " is"
        raise UsageError(f"{there[0]}{more} there already; --overwrite replaces, or choose another OUT.")
