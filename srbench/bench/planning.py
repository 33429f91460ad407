"""From what a user asks for to a list of cells; nothing is computed, downloaded or trained."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from srbench.bench.availability import some_scoring_of
from srbench.bench.options import DEFAULT_METRICS, NO_REFERENCE_METRIC, Request
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.results import CellId
from srbench.data.catalog import Dataset, resolve
from srbench.data.dataset import common_scale
from srbench.data.own.folders import first_images
from srbench.errors import UsageError
from srbench.metrics.metric import Metric
from srbench.models.model import ANY_SCALE
from srbench.plugins.card import Card, Choice
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.protocols.protocol import Protocol
from srbench.system.factors import Factor, is_whole
from srbench.system.names import join_names, same_name
from srbench.training.guard import has_seen, trains_on
from srbench.training.job import QUICK, Training, plan_training


@dataclass(frozen=True, slots=True)
class _Skip:
    """What a plan leaves out."""

    what: str
    untrained: bool = False
    """A method, because it would first have to be trained; else a sentence."""


def _sentences(skips: Sequence[_Skip]) -> tuple[str, ...]:
    """What is left out, each once."""
    reasons = dict.fromkeys(skip.what for skip in skips if not skip.untrained)
    untrained = dict.fromkeys(skip.what for skip in skips if skip.untrained)
    last = (f"{', '.join(untrained)}: no weights here, and long to train; name one to train it",) if untrained else ()
    return (*reasons, *last)


def make_plan(request: Request, registry: Registry) -> Plan:
    """Turn a request into cells, ordered by data set, scale, method and seed.

    Raises:
        UsageError: a name is unknown or no cell is left.
        DataError: a user's folder is missing or holds no image, or none of the metrics can be computed.
    """
    protocol = get_protocol(request.protocol)
    choices = registry.select(request.methods)
    _require_scale(choices, request.scales)
    if request.limit < 0:
        raise UsageError(f"--limit is a number of images, or 0 for all, not {request.limit}.")
    whole = _distinct(tuple(resolve(spec) for spec in request.datasets))
    datasets = tuple(first_images(dataset, request.limit) for dataset in whole)
    metrics = _metrics(request, datasets, registry)
    for name, given in (("methods", choices), ("datasets", datasets), ("metrics", metrics), ("scales", request.scales)):
        if not given:
            raise UsageError(f"--{name} needs at least one.")
    found = [item for dataset in datasets for item in _of_dataset(request, protocol, dataset, choices, registry)]
    jobs = [item for item in found if isinstance(item, PlannedJob)]
    skipped = _sentences([item for item in found if isinstance(item, _Skip)])
    if not jobs:
        raise UsageError(f"Nothing to run: {'; '.join(skipped) or 'no method, data set or scale is left'}.")
    scoring, unavailable = some_scoring_of(protocol, metrics, registry)
    return Plan(
        request=request,
        scoring=scoring,
        metrics=metrics,
        unavailable=unavailable,
        foreign_metrics=any(registry.metrics.is_foreign(metric.name) for metric in metrics),
        datasets=datasets,
        cards=_cards(choices, jobs),
        jobs=tuple(jobs),
        skipped=skipped,
        notes=(*_limited(datasets), *(dataset.note for dataset in datasets if dataset.note), *_notes(jobs)),
    )


def _metrics(request: Request, datasets: Sequence[Dataset], registry: Registry) -> tuple[Metric, ...]:
    """The metrics asked for; by default also one that needs no HR where a data set has none.

    Raises:
        UsageError: a data set has no HR, and all that is asked for compares with it.
    """
    names = request.metrics
    lacking = next((dataset for dataset in datasets if not dataset.has_hr), None)
    if lacking is not None and names == DEFAULT_METRICS:
        names = (*names, NO_REFERENCE_METRIC)
    metrics = tuple(registry.metric(name) for name in dict.fromkeys(names))
    if lacking is not None and metrics and all(metric.needs_hr for metric in metrics):
        raise UsageError(
            f"'{lacking.spec}' has no HR images, which {join_names(names)} needs: add a metric that needs none, "
            f"such as {NO_REFERENCE_METRIC}."
        )
    return metrics


def _cards(choices: Sequence[Choice], jobs: Sequence[PlannedJob]) -> tuple[Card, ...]:
    """The methods that have cells, as chosen: one that is left out altogether has no part in the run."""
    used = {job.card.name for job in jobs}
    return tuple({choice.card.name: choice.card for choice in choices if choice.card.name in used}.values())


def _limited(datasets: Sequence[Dataset]) -> tuple[str, ...]:
    """Of which data sets only the first images are scored, in one sentence."""
    parts = [
        f"the first {len(dataset.items)} of {dataset.of} images of {dataset.name}" for dataset in datasets if dataset.of
    ]
    return (f"a quick look at {', '.join(parts)}: not to be compared with values of all images",) if parts else ()


def _notes(jobs: Sequence[PlannedJob]) -> tuple[str, ...]:
    """Which figures are worthless because the images had been trained on, in one sentence."""
    seen = {
        f"{job.id.method_label} on {job.dataset.spec}": None
        for job in jobs
        if (training := job.training) is not None
        and (has_seen(training.recipe, job.dataset) or trains_on(training.recipe, job.dataset))
    }
    return (f"trained on these very images, so worthless as test figures: {', '.join(seen)}",) if seen else ()


def _require_scale(choices: Sequence[Choice], scales: Sequence[Factor]) -> None:
    """SR images have one scale: where neither their path nor the run says which, they would be scored at every one.

    Raises:
        UsageError: it is not said.
    """
    for choice in choices:
        if choice.card.supplied and choice.card.info.scales == ANY_SCALE and len(set(scales)) > 1:
            raise UsageError(
                f"At which scale were the images of {choice.label} made? Add ?scale=2 or the like to its path, have "
                "{scale} in it, or give --scales one."
            )


def _of_dataset(
    request: Request, protocol: Protocol, dataset: Dataset, choices: Sequence[Choice], registry: Registry
) -> Iterator[PlannedJob | _Skip]:
    """The cells on a data set, at the scales asked for that it can be scored at."""
    supplied = _supplied_scale(dataset, protocol)
    for scale in sorted(set(request.scales)):
        if supplied not in (None, scale):
            yield _Skip(f"{dataset.spec} supplies LR for x{supplied}, not x{scale}")
            continue
        if refusal := protocol.refusal(scale):
            yield _Skip(refusal)
            continue
        for choice in choices:
            yield from _jobs(request, protocol, dataset, scale, choice, registry)


def _jobs(
    request: Request, protocol: Protocol, dataset: Dataset, scale: Factor, choice: Choice, registry: Registry
) -> Iterator[PlannedJob | _Skip]:
    """A method's cells on a data set at a scale: one a seed where it is trained."""
    if not choice.card.info.works_at(scale):
        yield _Skip(f"{choice.label} does not work at x{scale}")
        return
    if choice.card.learned and not is_whole(scale):
        yield _Skip(f"{choice.label} is trained for whole scales, not for x{scale}")
        return
    recipe = choice.card.recipes[choice.recipe] if choice.card.learned else None
    for seed in dict.fromkeys(request.seeds) if recipe else (0,):  # a seed decides nothing where nothing is trained
        training = plan_training(choice.card, recipe, int(scale), seed, choice.label) if recipe else None
        if training is not None and _too_long_for_a_glob(choice, training):
            yield _Skip(choice.label, untrained=True)
            continue
        cell = CellId(
            method=choice.card.name,
            recipe=choice.recipe,
            dataset=dataset.name,
            scale=scale,
            protocol=protocol.name,
            seed=seed,
        )
        watched = registry.watched(choice.card.name)
        yield PlannedJob(id=cell, card=choice.card, dataset=dataset, training=training, watched=watched)


def _too_long_for_a_glob(choice: Choice, training: Training) -> bool:
    """Whether a glob brought in a method that would first have to be trained for more than a minute or so."""
    return choice.by_glob and choice.recipe != QUICK and training.find() is None


def _supplied_scale(dataset: Dataset, protocol: Protocol) -> int | None:
    """The scale of the LR images that a data set supplies, or None if the protocol makes its own.

    Raises:
        UsageError: the protocol makes LR and the data set supplies it, or neither does.
        DataError: the sizes of LR and HR do not fit.
    """
    if dataset.supplies_lr != (protocol.degraded == "none"):
        if dataset.supplies_lr:
            or_hr = ", or name its HR folder alone" if dataset.has_hr else ""
            raise UsageError(f"'{dataset.spec}' supplies LR; score it under --protocol paired{or_hr}.")
        raise UsageError(
            f"Protocol '{protocol.name}' scores supplied LR, and '{dataset.spec}' has none; give hr=DIR,lr=DIR."
        )
    if dataset.kind != "pairs":
        return None
    return dataset.scale or common_scale(dataset.items)


def _distinct(datasets: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Each data set once; those of one name get the names of the folders above too, as many as it takes.

    Raises:
        UsageError: no folder tells them apart.
    """
    distinct = list({(dataset.name, dataset.content_hash): dataset for dataset in reversed(datasets)}.values())[::-1]
    while True:
        alike: dict[str, list[Dataset]] = {}
        for dataset in distinct:
            alike.setdefault(same_name(dataset.name), []).append(dataset)
        clash = next((same for same in alike.values() if len(same) > 1), None)
        if clash is None:
            return tuple(distinct)
        if not any(dataset.above for dataset in clash):
            specs = " and ".join(dataset.spec for dataset in clash)
            raise UsageError(
                f"Two data sets are both called '{clash[0].name}': {specs}; name one of them, as in 'mine=DIR'."
            )
        distinct = [_called_more(dataset) if dataset in clash else dataset for dataset in distinct]


def _called_more(dataset: Dataset) -> Dataset:
    if not dataset.above:
        return dataset
    return dataclasses.replace(dataset, name=f"{dataset.above[0]}-{dataset.name}", above=dataset.above[1:])


def run_command(request: Request, extra: Sequence[str] = ()) -> str:
    """The command line that repeats a run."""
    words = ["srbench", "run"]
    for name, value in (
        ("methods", request.methods),
        ("datasets", request.datasets),
        ("scales", request.scales),
        ("protocol", (request.protocol,)),
        ("metrics", request.metrics),
        ("seeds", request.seeds),
        ("limit", (request.limit,)),
    ):
        if value not in (default := Request.__dataclass_fields__[name].default, (default,)):
            words += [f"--{name}", join_names(value)]
    return shlex.join([*words, *extra])
