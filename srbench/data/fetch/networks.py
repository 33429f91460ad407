"""Weights of the networks behind perceptual metrics and losses: where they may lie, and how they are got and checked.

A file is looked for in srbench's cache folder, in the folders of ``SRBENCH_MIRROR`` (there, or in their ``networks`` or
``metric_parameters`` folder), in torch hub's cache, and in an installed package that brings it along; the first whole
one is used where it lies. Only :func:`fetch_network` downloads: a metric's name on a command line never costs half a
gigabyte by surprise.

Of torchvision's files the first 8 digits of the sha256 are public, as the end of their names; that is what torchvision
itself checks. The small files are pinned by their whole hash.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from srbench.data.fetch.download import unwritable, wrong_hash
from srbench.data.fetch.progress import Display, Progress, say
from srbench.data.fetch.sources import Source, Sources
from srbench.errors import DataError
from srbench.system.files import write_atomically
from srbench.system.hashes import digest, file_sha256
from srbench.system.locks import locked
from srbench.system.names import unknown
from srbench.system.places import cache_folder, lock_of, mirrors, require_home

_MIRRORED = ("networks", "metric_parameters", "")
"""Folders of a mirror that may hold the files."""
_TORCHVISION = "https://download.pytorch.org/models"
_TORCHMETRICS = "https://raw.githubusercontent.com/Lightning-AI/torchmetrics/v1.9.0/src"


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """A file of weights.

    Attributes:
        file: what it is called in our cache and in mirrors.
        url: its public home.
        bytes: about how many.
        sha256: of the file, or as many of its first digits as are known.
        packaged: its path in an installed package that brings it along, if one does.
        notice: the path in srbench of the notice that must lie beside every copy, if one must.
    """

    file: str
    url: str
    bytes: int
    sha256: str
    packaged: str = ""
    notice: str = ""


def _torchvision(file: str, count: int) -> NetworkFile:
    return NetworkFile(file, f"{_TORCHVISION}/{file}", count, file.removesuffix(".pth").rpartition("-")[2])


def _torchmetrics(file: str, path: str, count: int, sha256: str) -> NetworkFile:
    path = f"torchmetrics/functional/image/{path}"
    return NetworkFile(file, f"{_TORCHMETRICS}/{path}", count, sha256, path)


def _live(file: str, home: str, count: int, sha256: str, **others: str) -> NetworkFile:
    """Of the Laboratory for Image and Video Engineering (LIVE) of UT Austin."""
    notice = f"metrics/parameters/{file.partition('_')[0]}_notice.txt"
    return NetworkFile(file, f"https://raw.githubusercontent.com/utlive/{home}", count, sha256, notice=notice, **others)


_HEADS = {
    "alex": (6009, "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    "vgg": (7289, "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
    "squeeze": (10811, "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
}
_DISTS = "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218"
_BRISQUE = "BRISQUE/2e2a5ac04cd4b73ac0f5867de5b974581fa2d4d2/MATLAB"
NETWORKS: dict[str, NetworkFile] = {
    "alexnet": _torchvision("alexnet-owt-7be5be79.pth", 244_000_000),
    "vgg16": _torchvision("vgg16-397923af.pth", 553_000_000),
    "vgg19": _torchvision("vgg19-dcbb9e9d.pth", 575_000_000),
    "squeezenet1_1": _torchvision("squeezenet1_1-b8a52dc0.pth", 5_000_000),
    **{
        f"lpips-{name}-heads": _torchmetrics(f"lpips-v0.1-{name}.pth", f"lpips_models/{name}.pth", *pinned)
        for name, pinned in _HEADS.items()
    },
    "dists-weights": _torchmetrics("dists-weights.pt", "dists_models/weights.pt", 12288, _DISTS),
    "inception-fid": NetworkFile(
        "weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        95_600_000,
        "6726825d",
    ),
    "niqe-parameters": _live(
        "niqe_modelparameters.mat",
        "niqe/d80aead297ff48b0254c39806f3a277b3ecbfc8d/modelparameters.mat",
        8347,
        "fa2aa4d12dd9595c3fb6bf8b4e1a15c79d5d1469238d0901c88dead195be578d",
        packaged="srbench/metrics/parameters/niqe_modelparameters.mat",
    ),
    "brisque-model": _live(
        "brisque_allmodel",
        f"{_BRISQUE}/allmodel",
        353497,
        "8b04d6045f1b27261610c8ab1730fdcc14ec80bfab0f1ab5f703bbc2927314de",
    ),
    "brisque-range": _live(
        "brisque_allrange",
        f"{_BRISQUE}/allrange",
        741,
        "e47d753d96b631e1aa2dbac8c4e51ade767f2def8ce678c7130b6b3f90ee915f",
    ),
}


def network_file(name: str) -> NetworkFile:
    """The description of a file.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in NETWORKS:
        raise unknown("file of weights", name, NETWORKS)
    return NETWORKS[name]


def networks_folder() -> Path:
    """Where fetched files lie, and where a file that a user places by hand belongs."""
    return cache_folder() / "networks"


def find(names: Sequence[str], fetched_as: str) -> dict[str, Path]:
    """Where whole files lie, by name.

    Args:
        names: of the files.
        fetched_as: what the user is to fetch if one is not here: a file's name, or that of the metric that needs them.

    Raises:
        DataError: a sentence that says which files to put where; or a file is not the one that its name says.
    """
    found, missing = {}, []
    for name in names:
        known = network_file(name)
        path, fault = _search(known)
        if path is not None:
            found[name] = path
        elif fault:
            raise DataError(f"{fault}: run `srbench data fetch {fetched_as}` to have the right one.")
        else:
            missing.append(known.file)
    if missing:
        verb, what = ("is", "it") if len(missing) == 1 else ("are", "them")
        raise DataError(
            f"{' and '.join(missing)} {verb} not here: run `srbench data fetch {fetched_as}`, "
            f"or put {what} into {networks_folder()}."
        )
    return found


_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8})\.\w+$")


def checked_by_name(files: Mapping[str, Path]) -> dict[str, Path]:
    """Another library's files, of which those that are named as torchvision's must have the hash in their name.

    Raises:
        DataError: one is not the file that its name says.
    """
    for name, path in files.items():
        if (told := _HASH_IN_NAME.search(name)) and not (sha256 := sha256_of(path)).startswith(told[1]):
            raise DataError(
                f"{path} is not the file that its name says (its sha256 begins with {sha256[:8]}): delete it."
            )
    return dict(files)


def verify(name: str) -> tuple[Path | None, str]:
    """Where a whole file lies, read anew; else None, and what is wrong with one that is called so, or nothing."""
    return _search(network_file(name), anew=True)


def _search(known: NetworkFile, *, anew: bool = False) -> tuple[Path | None, str]:
    """Where a whole file lies; else what is wrong with one that is called so, or nothing."""
    fault = ""
    for path in filter(Path.is_file, _places(known)):
        sha256 = sha256_of(path, anew=anew)
        if sha256.startswith(known.sha256):
            return path, ""
        fault = fault or f"{path} is not the file that its name says (its sha256 begins with {sha256[:8]})"
    return None, fault


def fetch_network(name: str, *, progress: Progress = True) -> tuple[Path, bool]:
    """Get a file, from a mirror or its public home, unless a whole one is here already.

    Returns:
        Where it lies, and whether it was fetched.

    Raises:
        DataError: no source has the right file.
        UsageError: there is no home folder to put it in.
    """
    known = network_file(name)
    found, fault = _search(known)
    if found and not any(isinstance(mirror, Path) and found.is_relative_to(mirror) for mirror in mirrors()):
        return found, False
    require_home(networks_folder(), "SRBENCH_CACHE")
    with locked(lock_of(name), lambda: say(f"another process is fetching {name}: waiting for it", progress)):
        if (now := _search(known)[0]) and now != found:
            return now, False
        own = networks_folder() / known.file
        reasons = [fault] if fault else []
        with Display(name, 1, known.bytes, progress) as display:
            if Sources(display).first(_sources(known, own), lambda path: wrong_hash(path, known.sha256), reasons):
                _put_notice(known, own)
                return own, True
            raise DataError(
                f"{known.file} cannot be had ({'; '.join(reasons)}): set SRBENCH_MIRROR to a folder or server that has "
                f"it, or put the file into {networks_folder()}."
            )


def _put_notice(known: NetworkFile, own: Path) -> None:
    """A file's terms go where it goes."""
    if known.notice:
        notice = (Path(__file__).parents[2] / known.notice).read_text("utf-8")
        try:
            write_atomically(own.with_name(f"{own.name}.notice.txt"), notice)
        except OSError as error:
            raise unwritable(own, error) from error


def sha256_of(path: Path, *, anew: bool = False) -> str:
    """A file's sha256; what it was is remembered while its size and time stay, since such files are large.

    Args:
        path: the file.
        anew: read it in any case: disks change files without touching their time.
    """
    status = path.stat()
    key = digest([str(path.resolve()), status.st_size, status.st_mtime_ns])
    kept = networks_folder() / ".sha256" / key[:24]
    with suppress(OSError, UnicodeDecodeError):
        known = kept.read_text("ascii").strip()
        if len(known) == 64 and not anew:
            return known
    found = file_sha256(path)
    with suppress(OSError):  # a read-only cache costs time, not results
        write_atomically(kept, f"{found}\n")
    return found


def _places(known: NetworkFile) -> Iterator[Path]:
    yield networks_folder() / known.file
    yield from (source.place for source in _sources(known, Path()) if isinstance(source.place, Path))
    yield _hub_folder() / known.file
    if known.packaged:
        package, _, path = known.packaged.partition("/")
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(folder) / path


def _hub_folder() -> Path:
    """Where torch hub, and so torchvision, keeps what it downloads; told from the environment as torch does."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111 - no error where ~ is nobody's


def _sources(known: NetworkFile, target: Path) -> Iterator[Source]:
    """The mirrors, then the public home."""
    for mirror in mirrors():
        if isinstance(mirror, Path):
            yield from (Source(mirror / folder / known.file, target, mirror) for folder in _MIRRORED)
        else:
            yield Source(f"{mirror}/networks/{known.file}", target, mirror, known.sha256)
    yield Source(known.url, target, sha256=known.sha256)
