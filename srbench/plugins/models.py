"""The models that a registry has been asked for: files that are methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from srbench.errors import UsageError
from srbench.method import Method
from srbench.models.hub import onnx_of_export
from srbench.models.model import SrImages, method_class, spec_hash
from srbench.models.parse import parse_spec, with_distinct_names
from srbench.models.spec import Spec
from srbench.plugins.card import Card

Version = Callable[[str], int | None]
"""The version of a method by name; None if there is none."""


class Models:
    """Specs of models by name.

    Args:
        specs: models that another registry has found.
        plugins: plugin files, which may have the class of a network.
    """

    def __init__(self, specs: Sequence[Spec], plugins: Sequence[Path] = ()) -> None:
        self._plugins = plugins
        self._specs: dict[str, Spec] = {spec.name: spec for spec in specs}
        self._names: dict[Spec, str] = {spec: spec.name for spec in specs}  # by the spec as it was parsed
        self._classes: dict[str, type[Method]] = {}

    @property
    def specs(self) -> tuple[Spec, ...]:
        """All specs, in the order in which they were added."""
        return tuple(self._specs.values())

    def get(self, name: str) -> Spec | None:
        """The spec of a name, if there is one."""
        return self._specs.get(name)

    def add(self, patterns: Iterable[str], version: Version) -> dict[str, str]:
        """Add models by what the user writes; returns names by pattern. Names of known models are patterns too.

        Raises:
            UsageError: two models have one name that not even their folders distinguish, or the method of exported
                weights is not known here.
            DataError: a file is missing.
        """
        specs = {pattern: _parse(pattern, version, self._plugins) for pattern in patterns if pattern not in self._specs}
        new = [spec for spec in dict.fromkeys(specs.values()) if spec not in self._names]
        for spec, named in zip(new, with_distinct_names(new, self._specs), strict=True):
            self._specs[named.name] = named
            self._names[spec] = named.name
        return {name: name for name in self._specs} | {p: self._names[spec] for p, spec in specs.items()}

    def method(self, spec: Spec, base: type[Method] | None) -> type[Method]:
        """The class of a model, made once; ``base`` is the method of exported weights."""
        if spec.name not in self._classes:
            self._classes[spec.name] = method_class(spec, base)
        return self._classes[spec.name]


def _parse(pattern: str, version: Version, plugins: Sequence[Path]) -> Spec:
    spec = parse_spec(pattern, plugins)
    if spec.method and version(spec.method) != spec.version:
        exported = onnx_of_export(spec)
        if exported is None:
            raise UsageError(
                f"{spec.name} has weights of '{spec.method}' version {spec.version}, which is not known here; name its "
                "file by --plugin, or install that version."
            )
        return exported
    return spec


def card_of_model(spec: Spec, found: type[Method], base: str) -> Card:
    """The card of a model; ``base`` is the source hash of the method of exported weights."""
    path = spec.entries[0].path
    return Card(found.info, False, {}, spec_hash(spec, base), path.parent, str(path), issubclass(found, SrImages))
