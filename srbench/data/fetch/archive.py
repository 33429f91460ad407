"""Images out of a downloaded zip: only those that the manifest lists, each whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import stat
import uuid
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from srbench.data.dataset import ImageFile
from srbench.data.fetch.integrity import sums_path
from srbench.errors import DataError
from srbench.system.files import write_atomically

MAX_MEMBER = 1 << 30
"""Bytes that an image in an archive may have."""
MAX_RATIO = 20
"""How many times as large as an archive its images may be, if they are larger than one may: images hardly shrink."""


def unpack(archive: Path, images: Sequence[ImageFile], folder: Path, done: Callable[[str], None]) -> None:
    """Unpack a split's images.

    A member's name is compared with the manifest's paths, which stay below the folder; whatever else an archive holds
    (absolute names, ``..``, links) is never written.

    Args:
        archive: a zip whose hash has been checked.
        images: what to unpack; their paths below ``folder`` are the members' names, or end in these.
        folder: the data set's folder.
        done: told each image that is in place.

    Raises:
        DataError: the archive is broken, lacks an image, or holds a link or something too large in its place.
    """
    sums = []
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, [image.path.relative_to(folder).as_posix() for image in images])
            _check_size(opened, list(members.values()), archive)
            for image in images:
                path = image.path.relative_to(folder).as_posix()
                sums.append(f"{_unpack_one(opened, members[path], image.path, archive.name)}  {path}\n")
                done(image.path.name)
        write_atomically(sums_path(images[0]), "".join(sums))
    except OSError as error:
        if error.errno is None:  # no system's error: bzip2's word for what it cannot read
            raise DataError(f"{archive.name} is corrupt ({error}): delete it and fetch it again.") from error
        raise DataError(f"{folder} cannot be written ({error.strerror}): check its free space.") from error
    except DataError:
        raise
    except Exception as error:  # zipfile and its decompressors raise anything on what is no whole zip
        raise DataError(f"{archive.name} is corrupt ({error}): delete it and fetch it again.") from error


def _members(opened: zipfile.ZipFile, paths: Sequence[str]) -> dict[str, str]:
    """What an archive calls files of some paths: as they are, or the one member of the name, in whichever folder."""
    there = set(opened.namelist())
    named: dict[str, list[str]] = {}
    for member in there:
        named.setdefault(member.rpartition("/")[2], []).append(member)
    return {
        path: path if path in there or len(found := named.get(path.rpartition("/")[2], [])) != 1 else found[0]
        for path in paths
    }


def check_space(folder: Path, needed: int) -> None:
    """Refuse to begin what cannot be finished.

    Raises:
        DataError: the disk has less room than the archive and its images need.
    """
    existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"{folder} needs {needed / 1e9:.1f} GB and its disk has {free / 1e9:.1f} GB left: make room, or name "
            "another folder in SRBENCH_DATA."
        )


def _check_size(opened: zipfile.ZipFile, members: Sequence[str], archive: Path) -> None:
    """Refuse a bomb before anything is written. The sizes can be relied on: zipfile reads no more of a member."""
    wanted = set(members)
    size = sum(info.file_size for info in opened.infolist() if info.filename in wanted)
    packed = archive.stat().st_size
    if size > max(MAX_MEMBER, MAX_RATIO * packed):
        raise DataError(f"{archive.name} would unpack {packed} bytes to {size}: do not trust it.")


def _unpack_one(opened: zipfile.ZipFile, member: str, target: Path, archive: str) -> str:
    """Unpack one image and return its sha256."""
    try:
        info = opened.getinfo(member)
    except KeyError:
        raise DataError(f"{archive} does not hold {member}: the manifest is for another archive.") from None
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode) or info.is_dir() or info.file_size > MAX_MEMBER:
        raise DataError(f"{archive} holds a link, a folder or too large a file as {member}: do not trust it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.new")
    digest = hashlib.sha256()
    try:
        with opened.open(info) as source, temporary.open("xb") as file:  # zipfile checks the CRC and the size
            while chunk := source.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return digest.hexdigest()
