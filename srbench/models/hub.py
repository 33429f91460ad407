"""Models of a model hub (``hub:org/name``, ``hub:org/name@revision``), or of a folder like one's (``hub:./DIR``).

Opened are, in this order: srbench's own exports, an ONNX model, a published ``.safetensors`` or ``.pth``. Programs are
never opened: the content of a repository may change.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from srbench.errors import DataError, SrbenchError
from srbench.models.external_data import locations
from srbench.models.spec import ModelFile, ModelOptions, Spec, safe_stem
from srbench.system.hashes import parse_json
from srbench.system.places import cache_folder, require_home, user_path
from srbench.system.text import first_line

CONFIG = "config.json"
EXPORT_SCHEMA_VERSION = 1
_REMOTE = re.compile(r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w./-]+))?", re.ASCII)
_LARGEST_CONFIG = 2**20


def resolve_hub(text: str, options: ModelOptions) -> Spec:
    """The model of ``hub:TEXT``; a hub's files are fetched into the cache folder, all of one commit.

    Raises:
        UsageError: huggingface_hub is not installed.
        DataError: there is no such model, the hub cannot be reached, or nothing in it can be opened.
    """
    path = user_path(text)
    remote = _REMOTE.fullmatch(text)
    if path.is_dir() or remote is None:
        if not path.is_dir():
            raise DataError(f"There is no folder '{text}'; write hub:org/name, hub:org/name@revision or hub:FOLDER.")
        folder = path.resolve()
        above = tuple(safe_stem(parent.name) for parent in folder.parents if parent.name)
        return _spec(folder, Spec("", f"hub:{safe_stem(folder.name)}", (), options, above=above))
    repository, revision = remote["repository"], remote["revision"]
    folder = _fetched(repository, revision)
    owner, _, name = repository.partition("/")
    origin = f"{repository} at {folder.name[:12]}"
    above = (safe_stem(owner), folder.name[:12])  # for two revisions of one
    return _spec(folder, Spec("", f"hub:{safe_stem(name)}", (), options, origin=origin, above=above))


@dataclass(frozen=True, slots=True)
class _Export:
    """srbench's part of config.json: file names by scale."""

    method: str
    version: int
    weights: dict[int, str]
    onnx: dict[int, str]


def _spec(folder: Path, spec: Spec) -> Spec:
    """The model in a folder, completing a spec with its name and options.

    Raises:
        DataError: nothing can be opened, or several files.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    config = folder / CONFIG
    content = config.read_bytes() if config.is_file() and config.stat().st_size <= _LARGEST_CONFIG else None
    export = _read_export(content, folder.name)
    if export is not None:
        by_scale = export.weights or export.onnx
        entries = tuple(ModelFile((folder / file), scale) for scale, file in sorted(by_scale.items()))
        for entry in entries:
            if not entry.path.is_file():
                lacking = entry.path.name
                raise DataError(f"{CONFIG} of {spec.name} names {lacking}, which is missing; export it again.")
        if export.weights:
            return dataclasses.replace(
                spec, kind="weights", entries=entries, method=export.method, version=export.version
            )
        return dataclasses.replace(spec, kind="onnx", entries=entries)
    kind, chosen = _choose(names, spec.name)
    return dataclasses.replace(spec, kind=kind, entries=(ModelFile(folder / chosen, spec.options.scale),))


def onnx_of_export(spec: Spec) -> Spec | None:
    """The ONNX models beside exported weights of an unknown method; None if there are none."""
    folder = spec.entries[0].path.parent
    export = _read_export((folder / CONFIG).read_bytes(), folder.name)
    if export is None or not export.onnx:
        return None
    entries = tuple(ModelFile(folder / file, scale) for scale, file in sorted(export.onnx.items()))
    return dataclasses.replace(spec, kind="onnx", entries=entries, method="", version=0)


def _choose(names: Iterable[str], name: str) -> tuple[str, str]:
    """The one file of the best kind.

    Raises:
        DataError: there is none, or more than one.
    """
    names = list(names)
    for kind, suffixes in (("onnx", (".onnx",)), ("spandrel", (".safetensors",)), ("spandrel", (".pth",))):
        found = [each for each in names if each.lower().endswith(suffixes)]
        if len(found) > 1:
            raise DataError(f"{name} has {' and '.join(found[:3])}: fetch it and name one of them ({kind}:FILE).")
        if found:
            return kind, found[0]
    raise DataError(f"{name} has neither an srbench export nor a .onnx, .safetensors or .pth.")


def _read_export(content: bytes | None, where: str) -> _Export | None:
    """srbench's part of config.json; None if there is none.

    Raises:
        DataError: it is of another version, or damaged.
    """
    if content is None:
        return None
    try:
        table = parse_json(content)
    except ValueError:
        return None  # of another program
    own = table.get("srbench") if isinstance(table, dict) else None
    if own is None:
        return None
    try:
        if own["schema_version"] != EXPORT_SCHEMA_VERSION:
            raise DataError(f"{where} was exported by another srbench (schema {own['schema_version']}); update yours.")
        export = _Export(
            str(own["method"]), int(own["method_version"]), _files(own.get("weights")), _files(own.get("onnx"))
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"The {CONFIG} of {where} is damaged; export it again.") from None
    if not (export.weights or export.onnx):
        raise DataError(f"The {CONFIG} of {where} names no file; export it again.")
    return export


def _files(table: Any) -> dict[int, str]:
    """File names by scale; paths are rejected."""
    found = {int(scale): str(name) for scale, name in (table or {}).items()}
    if any(PurePosixPath(name).name != name or "\\" in name or scale < 1 for scale, name in found.items()):
        raise ValueError
    return found


def _fetched(repository: str, revision: str | None) -> Path:
    """Fetch the needed files of a repository at one commit; returns their folder, named like the commit.

    Raises:
        UsageError: huggingface_hub is not installed.
        DataError: it does not exist, or cannot be reached and is not in the cache.
    """
    from srbench.models.loaded import require

    hub = require("hub")
    cache = cache_folder() / "hub"
    require_home(cache, "SRBENCH_CACHE")
    label = f"hub:{repository}{f'@{revision}' if revision else ''}"
    try:
        info = hub.HfApi().model_info(repository, revision=revision)
        names = [sibling.rfilename for sibling in info.siblings or ()]

        def fetched(name: str) -> Path:
            return Path(hub.hf_hub_download(repository, name, revision=info.sha, cache_dir=cache))

        paths = [fetched(name) for name in _wanted(fetched, names, label)]
        for path in paths:
            beside = locations(path) if path.suffix.lower() == ".onnx" else []
            for name in {PurePosixPath(location).as_posix() for location in beside}.intersection(names):
                fetched(name)  # reading the model reports missing ones
        return paths[0].parent
    except SrbenchError:
        raise
    except hub.errors.GatedRepoError:
        raise DataError(f"{label} is gated: request access on its page, then set HF_TOKEN.") from None
    except hub.errors.RevisionNotFoundError:
        raise DataError(f"{label}: there is no such revision; leave out @{revision} for the newest.") from None
    except hub.errors.RepositoryNotFoundError:
        raise DataError(f"{label}: the model hub has no such model that you may access; check the name.") from None
    except Exception as error:  # no network or no hub: each library has its own errors
        try:
            return Path(hub.snapshot_download(repository, revision=revision, cache_dir=cache, local_files_only=True))
        except Exception:
            reason = first_line(error).rstrip(".")[:200]
            raise DataError(f"{label} cannot be fetched ({reason}); check the network, or name a file here.") from None


def _wanted(fetched: Callable[[str], Path], names: Sequence[str], label: str) -> list[str]:
    """The files to fetch: srbench's config.json and the files that it names, or the one model."""
    top = [name for name in names if "/" not in name]
    if CONFIG in top:
        config = fetched(CONFIG)
        export = _read_export(config.read_bytes(), label) if config.stat().st_size <= _LARGEST_CONFIG else None
        if export is not None:
            named = [*export.weights.values(), *export.onnx.values()]
            return [CONFIG, *(name for name in dict.fromkeys(named) if name in top)]
    return [_choose(top, label)[1]]
