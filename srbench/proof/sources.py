"""The code and the weights of a run's methods, as far as they are here and are those that made its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from srbench.bench.results import CellId, CellResult
from srbench.errors import SrbenchError
from srbench.models.parse import is_model
from srbench.plugins.card import Card, Choice
from srbench.plugins.ensemble import SIGN
from srbench.plugins.registry import Registry
from srbench.proof.archive import is_member_name
from srbench.proof.manifest import LARGEST_SOURCE, BundleMethod, BundleWeights
from srbench.system.source import package_root, source_files
from srbench.training.job import Training, plan_training
from srbench.weights import trained_folder, weights_sha256

EMPTY: Mapping[str, Choice] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Sources:
    """Methods for a manifest, the members that they name, and what is left out, in sentences."""

    methods: list[BundleMethod] = field(default_factory=list)
    members: dict[str, bytes | Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def card_called(registry: Registry, name: str) -> Card | None:
    """The card of the method that is called so here.

    The name may be anybody's, so it is compared with names alone: nothing is looked for where it leads.
    """
    known = {*registry.method_names, *(spec.name for spec in registry.models)}
    if name not in known and name.removesuffix(SIGN) not in known:
        return None
    try:
        return registry.card(name)
    except SrbenchError:
        return None


def choice_of(registry: Registry, cell: CellId, given: Mapping[str, Choice] = EMPTY) -> Choice | None:
    """The method of a cell with its recipe, if both are known here.

    Args:
        registry: the methods.
        cell: its names, which may be anybody's.
        given: choices of the user's own, by their labels.
    """
    if cell.method_label in given:
        return given[cell.method_label]
    card = card_called(registry, cell.method)
    if card is None or (cell.recipe not in card.recipes if card.learned else cell.recipe):
        return None
    return Choice(card, cell.recipe)


def training_of(choice: Choice, cell: CellId) -> Training | None:
    """The training of a cell's weights; None without a recipe that is known here."""
    if choice.recipe not in choice.card.recipes:
        return None
    try:
        return plan_training(choice.card, choice.card.recipes[choice.recipe], int(cell.scale), cell.seed, choice.label)
    except SrbenchError:
        return None


def collect(cells: Sequence[CellResult], registry: Registry, *, with_weights: bool) -> Sources:
    """The methods of cells.

    Args:
        cells: finished ones.
        registry: where methods are looked for; models' hashes need none.
        with_weights: whether to put in weights that may be passed on: srbench's own, and those trained here.
    """
    found = Sources()
    by_method: dict[str, list[CellResult]] = {}
    for cell in cells:
        by_method.setdefault(cell.id.method, []).append(cell)
    for number, (name, own) in enumerate(by_method.items()):
        source = str(own[0].inputs.get("source"))
        card = None if is_model(name) else card_called(registry, name)
        is_same = card is not None and card.source_hash == source
        files = _files(registry, name) if is_same else {}
        if not files and not is_model(name):
            why = "its code changed since" if card is not None and not is_same else "name its file by --plugin"
            found.left_out.append(f"the source of {name}, but for its hash: {why}")
        members = {path: f"methods/{number:02}/{path}" for path in files}
        found.members.update((members[path], content) for path, content in files.items())
        found.methods.append(
            BundleMethod(
                name=name,
                version=int(own[0].inputs.get("version", 0)),
                source=source,
                origin=card.origin if card is not None and not _is_file(card.origin) else "",
                files=members,
                main=next(iter(files), ""),
                weights=_weights(own, registry, found, with_weights=with_weights),
            )
        )
    return found


def _is_file(origin: str) -> bool:
    """Whether a card's origin is a plugin file, whose path is nobody else's concern."""
    return origin.endswith(".py")


def _files(registry: Registry, name: str) -> dict[str, bytes]:
    """The files of a method's code by their path below its package, its own first; empty if there is none to give."""
    try:
        path = registry.source_file(name)
    except SrbenchError:
        return {}
    if path is None:
        return {}
    root = package_root(path)
    files = {file.relative_to(root).as_posix(): content for file, content in source_files(path)}
    fits = all(is_member_name(file) and len(content) <= LARGEST_SOURCE for file, content in files.items())
    return files if fits else {}


def _weights(
    cells: Sequence[CellResult], registry: Registry, found: Sources, *, with_weights: bool
) -> tuple[BundleWeights, ...]:
    weights: dict[str, BundleWeights] = {}
    for cell in cells:
        sha256 = cell.inputs.get("weights")
        if not isinstance(sha256, str) or sha256 in weights:
            continue
        choice = choice_of(registry, cell.id)
        training = training_of(choice, cell.id) if choice else None
        file = training.find() if training else None
        is_here = file is not None and weights_sha256(file) == sha256
        member = None
        if with_weights and choice is not None and is_here and file is not None:
            if choice.card.origin == "srbench" or file.is_relative_to(trained_folder()):
                member = f"weights/{sha256}.safetensors"
                found.members[member] = file
            else:
                found.left_out.append(f"the weights of {cell.id.method_label}: their terms are {choice.card.origin}'s")
        elif with_weights:
            found.left_out.append(f"the weights of {cell.id.method_label} x{cell.id.scale}: they are not here")
        name = training.file_name if training and is_here else ""
        weights[sha256] = BundleWeights(sha256=sha256, file=name, member=member)
    return tuple(weights.values())
