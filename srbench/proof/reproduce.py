"""Depth (c), reproduced: methods run again here, by the same engine that runs them anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from srbench.bench.plan import PlannedJob, engine_hash
from srbench.bench.results import CellId, CellResult, Computed
from srbench.bench.task import CellTask, Failure
from srbench.bench.workbench import Workbench
from srbench.data.dataset import Dataset
from srbench.errors import DataError, SrbenchError
from srbench.models.parse import is_model
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.proof.rescore import other_device
from srbench.proof.sources import card_called, choice_of, training_of
from srbench.proof.verdict import Check
from srbench.system.hashes import digest
from srbench.weights import weights_fault, weights_sha256


@dataclass(frozen=True, slots=True)
class Again:
    """A cell to be computed again.

    Attributes:
        id: its names.
        weights: the sha256 of the tensors that its figures are of; None for those that are here, if it has any.
        dataset: the data set here.
        files: weights files that may be used beside those that the method finds, by that sha256.
        given: methods that the user names, by their labels.
    """

    id: CellId
    weights: str | None
    dataset: Dataset
    files: Mapping[str, Path] = field(default_factory=dict)
    given: Mapping[str, Choice] = field(default_factory=dict)


def job_of(registry: Registry, again: Again) -> tuple[PlannedJob, Path | None]:
    """The work that a cell is, and its weights.

    Raises:
        DataError: the method or its weights are not here; says which.
    """
    choice = choice_of(registry, again.id, again.given)
    name = again.id.method
    card = card_called(registry, name)
    if choice is None and card is not None and card.learned and again.weights in again.files:
        choice = Choice(card, "")  # the recipe is not known here, and with the weights it decides nothing
    if choice is None:
        way = "name its file or folder by --methods" if is_model(name) else "name its file by --plugin, or install it"
        raise DataError(f"the method {again.id.method_label} is not here: {way}")
    if again.id.scale not in choice.card.info.scales:
        raise DataError(f"{name} does not work at x{again.id.scale} here")
    training = training_of(choice, again.id)
    file = None
    if choice.card.learned:
        file = again.files.get(again.weights or "") or (training.find() if training else None)
        if file is None or again.weights not in (None, weights_sha256(file)):
            which = f" {again.weights[:12]}" if again.weights else ""
            raise DataError(f"the weights{which} of {again.id.method_label} x{again.id.scale} are not here")
        if fault := weights_fault(file):
            raise DataError(f"the weights of {again.id.method_label} are damaged ({fault})")
    watched = registry.watched(choice.card.name)
    job = PlannedJob(id=again.id, card=choice.card, dataset=again.dataset, training=training, watched=watched)
    return job, file


def compute(bench: Workbench, again: Again) -> tuple[CellResult, PlannedJob]:
    """Compute a cell.

    Raises:
        DataError: the method or its weights are not here, or computing failed.
    """
    job, file = job_of(bench.registry, again)
    sha256 = weights_sha256(file) if file else None
    key = digest(job.inputs(bench.scoring, sha256))
    task = CellTask(job=job, key=key, weights=file, weights_sha256=sha256, images=0, hr=False)
    outcome = bench.carry_out(task, lambda event: None)
    if isinstance(outcome, Failure):
        raise DataError(outcome.error.rstrip("."))
    assert isinstance(outcome, Computed)
    return outcome.cell, job


def reproduce(bench: Workbench, cell: CellResult, again: Again) -> Check:
    """Compute a cell again, and compare it with the claim."""
    try:
        here, job = compute(bench, again)
    except SrbenchError as error:
        return Check(reason=str(error).rstrip("."))
    check = Check(device=other_device(cell, here.environment.get("device", "cpu")))
    check.images = len(here.images)
    for claimed, found in zip(cell.images, here.images, strict=True):
        check.compare(claimed.name, claimed.values, found.values)
    check.compare("", cell.values, here.values)
    check.notes += _notes(cell, here, job)
    return check


def _notes(cell: CellResult, here: CellResult, job: PlannedJob) -> Sequence[str]:
    """What differs in the inputs, and in what the method did here."""
    notes = []
    if cell.inputs.get("source") != job.card.source_hash:
        notes.append(f"the code of {cell.id.method} here is another version than the claim's")
    if cell.inputs.get("engine") != engine_hash():
        notes.append("srbench here is another version than the claim's")
    lacking = sorted(set(cell.values) - set(here.values))
    if lacking:
        notes.append(f"not compared, for they cannot be computed here: {', '.join(lacking)}")
    return [*notes, *(f"{cell.id.method}: {note}" for note in here.notes if note not in cell.notes)]
