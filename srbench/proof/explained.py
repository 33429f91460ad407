"""What `srbench explain` says of figures that do not come out: the one place where claims ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from srbench.data.dataset import Dataset
from srbench.data.sr_images import match_by_name
from srbench.errors import SrbenchError
from srbench.explain.catalogue import Candidate, Metric, candidates_for, candidates_for_images
from srbench.explain.compute import figures_of_method
from srbench.explain.images import figures_of_images, has_gray, hr_images
from srbench.explain.joint import Figure as JointFigure
from srbench.explain.joint import JointAnswer, Measured, search_all
from srbench.explain.search import METRICS, Answer, Number, read_number, search
from srbench.explain.variant import Variant
from srbench.models.model import SrImages
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.proof.claim import Figure
from srbench.system.factors import is_whole

MOST_TOGETHER: Final = 200
"""Figures that are explained together: five sets at ten scales by both metrics, twice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A figure to be explained, and what it is of here."""

    figure: Figure
    data: Dataset
    choice: Choice


@dataclass(slots=True)
class Explained:
    """What was found.

    Attributes:
        answers: of each figure by itself, by its place among those that were asked for.
        reasons: why a figure has none, in words.
        together: of those that have an answer, where they are several.
        given: of each of these, whether the first variant of :attr:`together` gives it.
    """

    answers: dict[int, Answer] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    together: JointAnswer | None = None
    given: dict[int, bool] = field(default_factory=dict)


def explains(figure: Figure, data: Dataset) -> bool:
    """Whether there are variants of what a figure is."""
    return figure.metric.lower() in METRICS and is_whole(figure.scale) and not data.supplies_lr


def explain_figures(
    registry: Registry, asked: Sequence[Asked], device: str, step: Callable[[str], None] = lambda what: None
) -> Explained:
    """The variants that give figures of one method: each, and as many as any gives of all.

    Args:
        registry: with the method's class in this process.
        asked: PSNRs and SSIMs of one method, or of a folder of SR images for each data set and scale.
        device: where the method runs.
        step: told of each data set and scale that is begun.
    """
    found = Explained()
    numbers: dict[int, Number] = {}
    groups: dict[tuple[str, int], list[int]] = {}
    is_gray = False
    for place, each in enumerate(asked):
        try:
            numbers[place] = read_number(each.figure.value, each.figure.metric.lower())
            key = (each.data.name, int(each.figure.scale))
            is_gray = is_gray or (key not in groups and has_gray(each.data))
            groups.setdefault(key, []).append(place)
        except SrbenchError as error:
            found.reasons[place] = str(error).rstrip(".")
    wanted = dict.fromkeys(numbers[place].metric for places in groups.values() for place in places)
    tried = {metric: _candidates(asked[0].choice, metric, is_gray) for metric in wanted}
    measured: dict[int, Measured] = {}
    for places in groups.values():
        first = asked[places[0]]
        step(f"explaining {first.figure.method} {first.data.name} x{first.figure.scale}")
        metrics = dict.fromkeys(numbers[place].metric for place in places)
        variants = [candidate.variant for metric in metrics for candidate in tried[metric]]
        try:
            values = _values(registry, first, variants, device)
        except SrbenchError as error:
            found.reasons |= dict.fromkeys(places, str(error).rstrip("."))
            continue
        for place in places:
            number, figure = numbers[place], asked[place].figure
            found.answers[place] = search(tried[number.metric], values, number, number.metric)
            measured[place] = Measured(JointFigure(figure.dataset, int(figure.scale), number), values)
    several: dict[JointFigure, list[int]] = {}  # a figure that is printed twice counts once
    for place, one in measured.items():
        several.setdefault(one.figure, []).append(place)
    if len(several) > 1:
        chosen = list(several.values())[:MOST_TOGETHER]
        metrics = dict.fromkeys(numbers[places[0]].metric for places in chosen)
        found.together = search_all(
            {metric: tried[metric] for metric in metrics}, [measured[places[0]] for places in chosen]
        )
        for places, is_given in zip(chosen, found.together.found[0].given, strict=True):
            found.given |= dict.fromkeys(places, is_given)
    return found


def _candidates(choice: Choice, metric: Metric, gray: bool) -> list[Candidate]:
    if choice.card.supplied:
        return candidates_for_images(metric, gray=gray)
    quick = choice.card.info.family == "interpolation"
    return candidates_for(choice.card.info, metric, thorough=quick, gray=gray)


def _values(registry: Registry, asked: Asked, variants: Sequence[Variant], device: str) -> Mapping[Variant, float]:
    """The value of each variant, PSNR's and SSIM's by one run of the method.

    Raises:
        SrbenchError: the method failed, or is not here with its weights; SR and HR cannot be matched, or do not fit.
    """
    choice, data, scale = asked.choice, asked.data, int(asked.figure.scale)
    if choice.card.supplied:
        images = registry.method(choice.card.name)()
        assert isinstance(images, SrImages)
        files = match_by_name(images.folder(data.name, scale, data.called), data, scale).files
        return figures_of_images(files, data, scale, variants, lambda: None)
    from srbench.inference import resolve_device
    from srbench.training.loading import load_method

    where = resolve_device(device)
    with closing(load_method(registry, choice, scale, where)) as method:
        return figures_of_method(method, hr_images(data), scale, variants, where)
