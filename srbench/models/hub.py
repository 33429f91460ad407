"""Models of a model hub (``hub:org/name``, ``hub:org/name@revision``), or of a folder like one's (``hub:./DIR``).

``hub:org/name/FILE.pth`` is one file of a repository. ``{scale}`` stands for the scale in each of these names.
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

from srbench.errors import DataError, UsageError
from srbench.models.hub_files import Fetch, existing, fetched, listing
from srbench.models.spec import MOST, SCALE, ModelFile, ModelOptions, Spec, safe_stem, without_fields
from srbench.system.hashes import parse_json
from srbench.system.names import unknown
from srbench.system.places import user_path

CONFIG = "config.json"
EXPORT_SCHEMA_VERSION = 1
_REMOTE = re.compile(
    r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(/(?P<file>[\w./-]+\.(onnx|safetensors|pth)))?(@(?P<revision>[\w./-]+))?",
    re.ASCII,
)
_LARGEST_CONFIG = 2**20
_KINDS = {".onnx": "onnx", ".safetensors": "spandrel", ".pth": "spandrel"}
"""What is opened, the best first."""


def resolve_hub(text: str, options: ModelOptions) -> Spec:
    """The model of ``hub:TEXT``; a hub's files are fetched into the cache folder, all of one commit.

    Raises:
        UsageError: huggingface_hub is not installed, or the scale is said twice.
        DataError: there is no such model, the hub cannot be reached, or nothing in it can be opened.
    """
    if SCALE not in text:
        return _resolve_one(text, options)
    if options.scale:
        raise UsageError(f"'hub:{text}' says the scale twice; leave out ?scale or {SCALE}.")
    is_there = _candidates(text)
    named = {scale: text.replace(SCALE, str(scale)) for scale in range(1, MOST + 1)}
    specs = {scale: _resolve_one(name, options) for scale, name in named.items() if is_there(name)}
    if not specs:
        raise DataError(f"There is no model 'hub:{text}' for any scale; check the name.")
    first = next(iter(specs.values()))
    if len({(spec.kind, spec.method, spec.version) for spec in specs.values()}) > 1:
        raise DataError(f"'hub:{text}' has models of different kinds; name them one by one.")
    entries = [
        dataclasses.replace(entry, scale=scale)
        for scale, spec in specs.items()
        for entry in spec.entries
        if entry.scale in (0, scale)  # an export says its own
    ]
    last = PurePosixPath(text.partition("@")[0]).name
    stem = safe_stem(without_fields(PurePosixPath(last).stem if PurePosixPath(last).suffix in _KINDS else last))
    origin = ", ".join(dict.fromkeys(spec.origin for spec in specs.values() if spec.origin))
    return dataclasses.replace(first, name=f"hub:{stem}", entries=tuple(entries), origin=origin)


def _resolve_one(text: str, options: ModelOptions) -> Spec:
    path = user_path(text)
    remote = _REMOTE.fullmatch(text)
    if path.is_dir() or remote is None:
        if not path.is_dir():
            raise DataError(f"There is no folder '{text}'; write hub:org/name, hub:org/name@revision or hub:FOLDER.")
        folder = path.resolve()
        above = tuple(safe_stem(parent.name) for parent in folder.parents if parent.name)
        return _spec(folder, Spec("", f"hub:{safe_stem(folder.name)}", (), options, above=above))
    repository, revision, file = remote["repository"], remote["revision"], remote["file"]
    folder = fetched(repository, revision, _wanted if file is None else _this_one(file))
    owner, _, name = repository.partition("/")
    origin = f"{repository} at {folder.name[:12]}"
    above = (safe_stem(owner), folder.name[:12])  # for two revisions of one
    if file is not None:
        if not (folder / file).is_file():
            raise DataError(f"hub:{text} was not fetched; check the network.")
        entries = (ModelFile(folder / file, options.scale),)
        stem = f"hub:{safe_stem(PurePosixPath(file).stem)}"
        return Spec(
            _KINDS[PurePosixPath(file).suffix], stem, entries, options, "", 0, origin, (safe_stem(name), *above)
        )
    return _spec(folder, Spec("", f"hub:{safe_stem(name)}", (), options, origin=origin, above=above))


def _candidates(text: str) -> Callable[[str], bool]:
    """Whether a name that has a scale in place of ``{scale}`` is a folder, a repository or a file of one.

    Raises:
        DataError: the name cannot be one, or the hub cannot be reached and has nothing in the cache.
    """
    remote = _REMOTE.fullmatch(text.replace(SCALE, "2"))
    if remote is None or any(user_path(text.replace(SCALE, str(scale))).is_dir() for scale in range(1, MOST + 1)):
        return lambda name: user_path(name).is_dir()
    path, _, revision = text.partition("@")
    owner, name = path.split("/")[:2]
    if SCALE in owner + revision:
        raise DataError(f"'hub:{text}': {SCALE} stands in the name of a repository, a file or a folder, not there.")
    if SCALE in name:
        known = existing([f"{owner}/{name.replace(SCALE, str(scale))}" for scale in range(1, MOST + 1)])
        return lambda one: "/".join(one.partition("@")[0].split("/")[:2]) in known
    files = listing(f"{owner}/{name}", revision or None)
    return lambda one: one.partition("@")[0].split("/", 2)[2] in files


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
    for suffix, kind in _KINDS.items():
        found = [each for each in names if each.lower().endswith(suffix)]
        if len(found) > 1:
            raise DataError(
                f"{name} has {' and '.join(found[:3])}: fetch it and name one of them ({kind}:FILE), or write "
                f"hub:ORG/NAME/FILE, in which {SCALE} stands for the scale."
            )
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


def _this_one(file: str) -> Callable[[Fetch, Sequence[str], str], list[str]]:
    def chosen(_: Fetch, names: Sequence[str], label: str) -> list[str]:
        if file not in names:
            models = [name for name in names if PurePosixPath(name).suffix in _KINDS]
            raise unknown(f"file of {label} called", file, models)
        return [file]

    return chosen


def _wanted(fetch: Fetch, names: Sequence[str], label: str) -> list[str]:
    """The files to fetch: srbench's config.json and the files that it names, or the one model."""
    top = [name for name in names if "/" not in name]
    if CONFIG in top:
        config = fetch(CONFIG)
        export = _read_export(config.read_bytes(), label) if config.stat().st_size <= _LARGEST_CONFIG else None
        if export is not None:
            named = [*export.weights.values(), *export.onnx.values()]
            return [CONFIG, *(name for name in dict.fromkeys(named) if name in top)]
    return [_choose(top, label)[1]]
