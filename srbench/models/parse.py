"""Parses what users write for a model."""

from __future__ import annotations

import dataclasses
import glob
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from srbench.errors import DataError, UsageError
from srbench.models.code import parse_code
from srbench.models.spec import MOST, Channels, Input, Luma, ModelFile, ModelOptions, Spec, safe_stem, without_fields
from srbench.system.names import MODEL_KINDS, unknown
from srbench.system.places import user_path


def is_model(pattern: str) -> bool:
    """Whether a pattern is a model."""
    return pattern.partition(":")[0] in MODEL_KINDS and ":" in pattern


def parse_spec(pattern: str, plugins: Iterable[Path] = ()) -> Spec:
    """``kind:PATH?options``.

    Args:
        pattern: what the user writes.
        plugins: Python files that may have the class of a network that options name.

    Raises:
        UsageError: an option is unknown or invalid, or there is no path.
        DataError: there is no such file, or the model hub does not have it.
    """
    kind, _, rest = pattern.partition(":")
    path, _, query = rest.partition("?")
    code, weights = None, ""
    if kind == "basicsr":
        return _of_options(pattern, path, query, plugins)
    if kind == "torch":
        code, weights, query = parse_code(path, query, pattern)
        path = weights or str(code.path)
    options = parse_options(query, pattern)
    spec = _parse_path(kind, path, dataclasses.replace(options, label=""), pattern)
    if code is not None:
        name = spec.name if weights else f"{kind}:{safe_stem(code.name)}"
        spec = dataclasses.replace(spec, code=code, name=name)
    return dataclasses.replace(spec, name=f"{kind}:{options.label}", above=()) if options.label else spec


def _of_options(pattern: str, path: str, query: str, plugins: Iterable[Path]) -> Spec:
    """The network of a file of options, or of one for each scale.

    Raises:
        UsageError: a file is no such options, or those of two scales have other networks.
        DataError: a file is missing.
    """
    from srbench.models.training_options import read_options, without_scale

    files = _parse_path("basicsr", path, ModelOptions(), pattern)
    found = [read_options(entry.path, query, plugins) for entry in files.entries]
    networks, rest = [network for network, _ in found], found[0][1]
    options = parse_options(rest, pattern)
    if len(networks) > 1 and len({without_scale(network.code) for network in networks}) > 1:
        raise UsageError(f"The files of '{pattern}' have different networks; name them one by one.")
    entries = tuple(ModelFile(network.weights, network.scale) for network in networks)
    code = networks[0].code if len(networks) == 1 else without_scale(networks[0].code)
    spec = dataclasses.replace(
        files, kind="torch", entries=entries, code=code, options=dataclasses.replace(options, label="")
    )
    return dataclasses.replace(spec, name=f"basicsr:{options.label}", above=()) if options.label else spec


def with_distinct_names(specs: Sequence[Spec], taken: Iterable[str]) -> list[Spec]:
    """Make names of models distinct by adding the names of their folders, as many as needed.

    Args:
        specs: different models.
        taken: names that are in use.

    Raises:
        UsageError: folders do not make them distinct.
    """
    named, taken = list(specs), set(taken)
    while True:
        counts = Counter([*taken, *(spec.name for spec in named)])
        clash = next((spec.name for spec in named if counts[spec.name] > 1), None)
        if clash is None:
            return named
        if not any(spec.above for spec in named if spec.name == clash):
            kind = clash.partition(":")[0]
            raise UsageError(f"Two models would be called '{clash}'; name one of them: '{kind}:PATH?label=NAME'.")
        named = [spec.called(1) if spec.name == clash and spec.above else spec for spec in named]


def _parse_path(kind: str, path: str, options: ModelOptions, pattern: str) -> Spec:
    """The spec of a path, by options without a label.

    Raises:
        UsageError: the path is empty.
        DataError: there is no such file, or the model hub does not have it.
    """
    if not path:
        raise UsageError(f"'{pattern}' names no file; write {kind}:PATH.")
    if kind == "hub":
        from srbench.models.hub import resolve_hub

        return resolve_hub(path, options)
    entries = tuple(_entries(kind, path, options))
    stem, *above = _names(path, is_folder=kind == "images")
    return Spec(kind, f"{kind}:{stem}", entries, options, above=tuple(above))


def parse_options(query: str, pattern: str) -> ModelOptions:
    """``channels=y&range=255&halo=16&scale=2&input=upsampled&luma=full&label=NAME``.

    Raises:
        UsageError: an option is unknown, or its value invalid.
    """
    found: dict[str, object] = {}
    is_images = pattern.partition(":")[0] == "images"  # nothing is run, so few options apply
    more = {"torch": ["weights", "arg.NAME"], "basicsr": ["class", "weights"]}
    known = [*more.get(pattern.partition(":")[0], [])]
    known += [
        field.name for field in dataclasses.fields(ModelOptions) if not is_images or field.name in ("scale", "label")
    ]
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in _PARSERS or key not in known:
            raise unknown(f"option of '{pattern}' called", key, known)
        try:
            found[key] = _PARSERS[key](value)
        except ValueError:
            raise UsageError(f"In '{pattern}', {key} is {_MEANT[key]}, not '{value}'.") from None
    return ModelOptions(**found)  # type: ignore[arg-type]  # each parser gives its field's type


def _one_of(kind: Any) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in get_args(kind)[1:]:
            raise ValueError
        return value

    return parse


def _range(value: str) -> float:
    white = float(value)
    if not 0 < white < float("inf"):
        raise ValueError
    return white


def _whole(value: str) -> int:
    if not value.isdecimal():
        raise ValueError
    return int(value)


def _scale(value: str) -> int:
    if not 1 <= (scale := _whole(value)) <= MOST:
        raise ValueError
    return scale


def _label(value: str) -> str:
    if not value or safe_stem(value) != value:
        raise ValueError
    return value


_PARSERS: dict[str, Callable[[str], object]] = {
    "channels": _one_of(Channels),
    "range": _range,
    "halo": lambda value: None if value == "none" else _whole(value),
    "scale": _scale,
    "input": _one_of(Input),
    "luma": _one_of(Luma),
    "label": _label,
}


_MEANT = {
    "channels": "y, rgb or any",
    "range": "the value of white, such as 1 or 255",
    "halo": "a number of pixels, or none",
    "scale": f"a whole number from 1 to {MOST}",
    "input": "lr or upsampled",
    "luma": "studio (16 to 235) or full (0 to 255)",
    "label": "a name of letters, digits, '.', '_', '+' and '-'",
}


def _entries(kind: str, text: str, options: ModelOptions) -> Iterator[ModelFile]:
    """The files of a path: itself, or all files that match ``{scale}`` and ``{dataset}``."""
    template = user_path(text).absolute()
    fields = set(re.findall(r"\{(\w*)\}", text)) & {"scale", "dataset"}
    if "dataset" in fields and kind != "images":
        raise UsageError(f"'{kind}:{text}': only images: has a {{dataset}}; a model is the same for all.")
    if "scale" in fields and options.scale:
        raise UsageError(f"'{kind}:{text}' says the scale twice; leave out ?scale or {{scale}}.")
    if not fields:
        _require(kind, template, text)
        yield ModelFile(template.resolve(), options.scale)
        return
    places = re.split(r"(\{scale\}|\{dataset\})", str(template))
    pattern = "".join("*" if part in ("{scale}", "{dataset}") else glob.escape(part) for part in places)
    seen: set[str] = set()
    regex = "".join(_regex(part, seen) for part in places)
    found = False
    for path in sorted(map(Path, glob.glob(pattern))):  # noqa: PTH207 - the pattern is absolute
        said = re.fullmatch(regex, str(path))
        if said is None or path.is_dir() != (kind == "images"):
            continue
        groups = said.groupdict()
        found = True
        yield ModelFile(path.resolve(), int(groups.get("scale", options.scale)), groups.get("dataset", ""))
    if not found:
        raise DataError(f"There is no {_kind_of_path(kind)} '{text}' for any {' and '.join(sorted(fields))}.")


def _regex(part: str, seen: set[str]) -> str:
    """The regular expression of a part of a template; a repeated field must match the same text."""
    field = part.strip("{}")
    if part not in ("{scale}", "{dataset}"):
        return re.escape(part)
    if field in seen:
        return f"(?P={field})"
    seen.add(field)
    value = r"[1-9]\d?" if field == "scale" else "[^/]+"
    return f"(?P<{field}>{value})"


def _require(kind: str, path: Path, text: str) -> None:
    if kind == "images":
        if not path.is_dir():
            raise DataError(f"There is no folder '{text}' of SR images; check the path.")
        if not ModelFile(path).files:
            raise DataError(f"The folder '{text}' holds no images; name the folder that does.")
    elif not path.is_file():
        raise DataError(f"There is no model '{text}'; check the path.")


def _kind_of_path(kind: str) -> str:
    return "folder" if kind == "images" else "model"


def _names(text: str, *, is_folder: bool) -> list[str]:
    """Names of a model: the stem without ``{scale}``, or the folder's name; then those of the folders above."""
    path = user_path(text).absolute()
    names = [path.name if is_folder else path.stem, *(parent.name for parent in path.parents)]
    return [safe_stem(name) for name in map(without_fields, names) if name] or ["model"]
