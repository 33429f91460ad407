"""Computes the figures of a claim again, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from srbench.bench.availability import scoring_of
from srbench.bench.results import CellId
from srbench.bench.workbench import Workbench
from srbench.data.catalog import known_names, resolve
from srbench.data.dataset import Dataset
from srbench.data.images import ensure_fetched
from srbench.errors import EXIT_DATA, EXIT_OK, EXIT_REGRESSION, DataError, SrbenchError, UsageError
from srbench.explain.joint import JointAnswer
from srbench.explain.search import Answer
from srbench.metrics.metric import Metric
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.proof.claim import Claim, Figure
from srbench.proof.explained import Asked, explain_figures, explains
from srbench.proof.reproduce import Again, compute
from srbench.proof.sources import choice_of
from srbench.protocols.builtin import ALIASES, PROTOCOLS
from srbench.protocols.protocol import Protocol
from srbench.system.names import same_name, unknown

Status = Literal["confirmed", "off", "explained", "unexplained", "unchecked"]
ROUNDING = 1e-9


@dataclass(slots=True)
class Checked:
    """A figure, and what came of it.

    Attributes:
        figure: as it is printed.
        status: ``confirmed`` to the printed digit; ``off``; without a protocol ``explained`` by some variant, of
            several figures by one that gives as many as any does, or ``unexplained``; ``unchecked`` for a reason.
        here: what was computed; None where nothing was.
        reason: why it is unchecked, in words.
        answer: what ``explain`` finds; None where it was not asked.
        is_together: whether it is among figures that were explained together, which say more than it alone.
        notes: what else must be said.
    """

    figure: Figure
    status: Status = "unchecked"
    here: float | None = None
    reason: str = ""
    answer: Answer | None = None
    is_together: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def difference(self) -> float | None:
        """What the printed figure exceeds ours by."""
        return None if self.here is None else self.figure.number - self.here


@dataclass(frozen=True, slots=True)
class Together:
    """Several figures of a method under one protocol, or under none that is named, and the variants that give them."""

    method: str
    protocol: str
    answer: JointAnswer


@dataclass(slots=True)
class ClaimCheck:
    """A claim, checked."""

    path: Path
    claim: Claim
    figures: list[Checked] = field(default_factory=list)
    together: list[Together] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if every figure comes out, 1 if one does not, 4 if one could not be checked."""
        found = {checked.status for checked in self.figures}
        if found & {"off", "unexplained"}:
            return EXIT_REGRESSION
        return EXIT_DATA if "unchecked" in found or not found else EXIT_OK


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMeans:
    """What the verifier brings to a claim.

    Attributes:
        methods: methods as on the command line; ``SwinIR=spandrel:swinir_x{scale}.pth`` for the name that the paper
            has.
        images: a folder of SR images; {method}, {dataset} and {scale} stand for a figure's.
        datasets: data sets as on the command line, ``NAME=DIR`` for the name that the paper has.
        plugins: files with methods and metrics.
        device: where methods run.
        explain: whether figures that do not come out are explained.
        step: told of what is begun.
    """

    methods: tuple[str, ...] = ()
    images: str = ""
    datasets: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    device: str = "cpu"
    explain: bool = True
    step: Callable[[str], None] = field(default=lambda what: None)


def check_claim(path: Path, claim: Claim, means: ClaimMeans) -> ClaimCheck:
    """Check every figure that has a value.

    Raises:
        UsageError: a method, a plugin or a data set that the user names is not here.
        DataError: likewise of a file.
    """
    found = ClaimCheck(path, claim)
    with ExitStack() as stack:
        registry = Registry(means.plugins)
        stack.callback(registry.hosts.close)
        given = _given(registry, claim, means)
        own = [resolve(spec) for spec in means.datasets]
        groups: dict[tuple[str, str, float, str], list[Checked]] = {}
        for figure in claim.figures:
            checked = Checked(figure, reason="" if figure.value else "its value has not been filled in")
            found.figures.append(checked)
            if figure.value:
                place = (figure.method, figure.dataset, figure.scale, figure.protocol)
                groups.setdefault(place, []).append(checked)
        of_method: dict[tuple[str, str], list[tuple[Checked, Asked]]] = {}
        for (method, _, scale, protocol), checks in groups.items():
            try:
                data = _dataset(checks[0].figure.dataset, own)
                choice = _choice(registry, method, scale, data, given, means)
                if protocol:
                    means.step(f"computing {method} {data.name} x{scale} {protocol}")
                    _compute(registry, choice, data, checks, means)
            except SrbenchError as error:
                for one in checks:
                    one.reason = one.reason or str(error).rstrip(".")
            else:
                asked = [(one, Asked(one.figure, data, choice)) for one in checks]
                of_method.setdefault((method, protocol), []).extend(asked)
        for (method, protocol), pairs in of_method.items():
            together = _explain(registry, pairs, means)
            if together is not None:
                found.together.append(Together(method, protocol, together))
    return found


def _given(registry: Registry, claim: Claim, means: ClaimMeans) -> dict[str, Choice]:
    """The user's methods by the names that the claim has for them."""
    given: dict[str, Choice] = {}
    names = list(dict.fromkeys(figure.method for figure in claim.figures))
    for text in means.methods:
        named = re.fullmatch(r"([^:/?=]+)=(.+)", text)
        choices = registry.select((named[2] if named else text,))
        if named and len(choices) != 1:
            raise UsageError(f"'{named[1]}' is one method, and '{named[2]}' means {len(choices)}.")
        for choice in choices:
            given[same_name(named[1] if named else choice.label)] = choice
        if not named and len(means.methods) == len(choices) == len(names) == 1:
            given[same_name(names[0])] = choices[0]
    return given


def _choice(
    registry: Registry, name: str, scale: float, data: Dataset, given: Mapping[str, Choice], means: ClaimMeans
) -> Choice:
    """The method of a figure.

    Raises:
        DataError: it is not here.
    """
    if means.images:
        if "{method}" in means.images and (re.search(r"[/\\{}?\0]", name) or not name.strip(".")):
            raise DataError(f"'{name}' cannot be part of a folder's name")
        path = means.images.replace("{method}", name).replace("{scale}", str(scale)).replace("{dataset}", data.name)
        return registry.select((f"images:{path}?scale={scale}",))[0]
    if (choice := given.get(same_name(name))) is not None:
        return choice
    method, _, recipe = name.partition(":")
    cell = CellId(method=method, recipe=recipe, dataset=data.name, scale=scale, protocol="")
    found = choice_of(registry, cell) or choice_of(registry, cell.model_copy(update={"method": method.lower()}))
    if found is None and not recipe:
        found = next(iter(_default(registry, method)), None)
    if found is None:
        raise DataError(
            f"the method '{name}' is not here: name it by --methods '{name}=…', or its SR images by --images"
        )
    return found


def _default(registry: Registry, name: str) -> list[Choice]:
    """A learned method that is known here, with its first recipe."""
    known = next((one for one in registry.method_names if same_name(one) == same_name(name)), None)
    return registry.select((known,)) if known else []


def _dataset(name: str, own: list[Dataset]) -> Dataset:
    """The data set that a paper calls so.

    Raises:
        DataError: it is not here.
    """
    for dataset in own:
        if same_name(dataset.name) == same_name(name):
            return dataset
    known = next((one for one in known_names() if same_name(one) == same_name(name)), None)
    if known is None:
        raise DataError(f"the data set '{name}' is not known here: name its folder by --datasets '{name}=DIR'")
    return resolve(known)


def _protocol(name: str) -> Protocol:
    protocol = PROTOCOLS.get(ALIASES.get(name, name))
    if protocol is None:
        raise unknown("protocol", name, [*PROTOCOLS, *ALIASES])
    return protocol


def _compute(registry: Registry, choice: Choice, data: Dataset, checks: list[Checked], means: ClaimMeans) -> None:
    """Compute the figures of one method on one data set at a scale, under the protocol that the claim names."""
    figure = checks[0].figure
    protocol = _protocol(figure.protocol)
    metrics: dict[str, Metric] = {}
    for one in checks:
        try:
            metrics[one.figure.metric] = registry.metric(one.figure.metric.lower())
        except SrbenchError as error:
            one.reason = str(error).rstrip(".")
    ensure_fetched(data)
    scoring, lacking = scoring_of(protocol, list(metrics.values()), registry)
    cell = CellId(
        method=choice.card.name,
        recipe=choice.recipe,
        dataset=data.name,
        scale=figure.scale,
        protocol=protocol.name,
    )
    bench = Workbench(scoring, registry, means.device, 0)
    here, _ = compute(bench, Again(cell, None, data, given={cell.method_label: choice}))
    for one in checks:
        name = one.figure.metric.lower()
        if name not in here.values:
            one.reason = one.reason or lacking.get(name, "it could not be computed here").rstrip(".")
            continue
        one.here = here.values[name]
        reach = 0.5 * 10.0**-one.figure.digits
        one.status = "confirmed" if abs(one.here - one.figure.number) <= reach + ROUNDING else "off"
        one.notes += here.notes


def _explain(registry: Registry, pairs: list[tuple[Checked, Asked]], means: ClaimMeans) -> JointAnswer | None:
    """Have those figures of a method explained that are off, or have no protocol.

    With them go those that are confirmed on the same images at the same scale: a variant has to give these as well.
    """
    off = {(asked.data.name, asked.figure.scale) for one, asked in pairs if one.status != "confirmed"}
    wanted = [
        (one, asked)
        for one, asked in pairs
        if not one.reason and explains(one.figure, asked.data) and (asked.data.name, asked.figure.scale) in off
    ]
    together = None
    if means.explain and any(one.status != "confirmed" for one, _ in wanted):
        # explain has no hosts; a folder of SR images needs none
        is_images = wanted[0][1].choice.card.supplied
        own = registry if is_images else Registry(means.plugins, registry.models, hosted=False)
        found = explain_figures(own, [asked for _, asked in wanted], means.device, means.step)
        together = found.together
        for place, (one, _) in enumerate(wanted):
            one.reason = found.reasons.get(place, "")
            if one.status != "confirmed" and place in found.answers:
                one.answer, one.is_together = found.answers[place], place in found.given
                if not one.figure.protocol:
                    is_given = found.given.get(place, bool(one.answer.within_reach))
                    one.status = "explained" if is_given else "unexplained"
    for one, _ in pairs:
        if one.status == "unchecked":
            one.reason = one.reason or "it names no protocol, and explain has no variants of it"
    return together
