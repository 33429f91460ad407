"""What a run computes: a list of cells, and what they share."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from srbench.bench.options import Request
from srbench.bench.reads import declared_files
from srbench.bench.results import (
    CELL_SCHEMA_VERSION,
    CellId,
    DatasetRecord,
    MethodRecord,
    MetricRecord,
)
from srbench.data.catalog import Dataset
from srbench.metrics.metric import Metric
from srbench.metrics.pooling import pool_name
from srbench.metrics.scoring import Scoring
from srbench.models.parse import is_model
from srbench.plugins.card import Card
from srbench.system.hashes import digest
from srbench.system.source import code_hash
from srbench.training.job import Training

NUMBERS = (
    "protocols.protocol",
    "protocols.case",
    "protocols.degradations",
    "protocols.method_input",
    "protocols.planes",
    "protocols.random_steps",
    "imaging",
    "inference",
    "metrics.metric",
    "metrics.scoring",
    "bench.cases",
    "bench.samples",
    "bench.cell",
    "bench.runner",
    "bench.reads",
)
"""The modules that turn images into numbers."""


def engine_hash() -> str:
    """Hash of the code that turns images into numbers, so that results of another version are not taken for today's.

    What only some cells depend on is in hashes of theirs: the code of a method and of a metric, and what finds and
    reads SR images that were made elsewhere.
    """
    return code_hash(*NUMBERS)[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A cell to be computed, or found."""

    id: CellId
    card: Card
    dataset: Dataset
    training: Training | None = None
    watched: bool = False
    """Whether the method's code is not srbench's own, so that what it reads has to be found out."""

    def scored_by(self, scoring: Scoring) -> Scoring:
        """A run's scoring as far as it goes for this data set."""
        return scoring if self.dataset.has_hr else scoring.without_hr()

    def inputs(self, scoring: Scoring, weights_sha256: str | None) -> dict[str, Any]:
        """All that decides the cell's numbers, as plain data, but for what its method is found to read.

        Raises:
            DataError: a file that the method declares is not there.
        """
        declared = declared_files(self.card.info.files, self.card.folder)
        inputs: dict[str, Any] = {
            "schema": CELL_SCHEMA_VERSION,
            "engine": engine_hash(),
            "method": self.id.method,
            "version": self.card.info.version,
            "source": self.card.source_hash,
            "recipe": self.training.recipe.content() if self.training else None,
            "weights": weights_sha256,
            "dataset": self.dataset.content_hash,
            "scale": self.id.scale,
            "protocol": scoring.protocol.content(),
            "metrics": dict(self.scored_by(scoring).hashes),
            "seed": self.id.seed,
        }
        if packages := scoring.protocol.packages:
            inputs["packages"] = {package: version(package) for package in packages}
        return inputs | ({"files": declared} if declared else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A list of cells, and what they share."""

    request: Request
    scoring: Scoring
    """By the metrics that can be computed here."""
    metrics: tuple[Metric, ...]
    """All that were asked for."""
    datasets: tuple[Dataset, ...]
    cards: tuple[Card, ...]
    """The methods that have cells."""
    jobs: tuple[PlannedJob, ...]
    skipped: tuple[str, ...] = field(default=())
    """Combinations left out because a method does not work at a scale, in words."""
    notes: tuple[str, ...] = field(default=())
    """What must be said beside the figures."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Why the other metrics cannot be computed, by name."""
    foreign_metrics: bool = False
    """Whether the code of a metric is not srbench's own, so that what it reads has to be found out."""

    @property
    def run_id(self) -> str:
        """Names the run's folder: the same question gets the same folder, so that it is resumed and not begun anew."""
        files = {card.name: [card.source_hash] for card in self.cards if is_model(card.name)}
        asked = [[job.id.model_dump(), job.dataset.content_hash, *files.get(job.id.method, [])] for job in self.jobs]
        wanted = [metric.name for metric in self.metrics]
        names = "-".join(dataset.name for dataset in self.datasets)[:40]
        return f"{names}-{self.scoring.protocol.name}-{digest([asked, self.scoring.protocol.hash, wanted])[:8]}"

    def dataset_records(self) -> tuple[DatasetRecord, ...]:
        """The data sets, for run.json."""
        return tuple(
            DatasetRecord(
                name=dataset.name,
                title=dataset.title,
                images=len(dataset.items),
                content_hash=dataset.content_hash,
                citation=dataset.citation,
                licence=dataset.licence,
                has_hr=dataset.has_hr,
                of=dataset.of,
            )
            for dataset in self.datasets
        )

    def method_records(self) -> tuple[MethodRecord, ...]:
        """The methods, for run.json."""
        return tuple(
            MethodRecord(
                name=card.name,
                family=card.info.family,
                channels=card.info.channels,
                paper=card.info.paper,
                learned=card.learned or (is_model(card.name) and not card.supplied),
            )
            for card in self.cards
        )

    def metric_records(self) -> tuple[MetricRecord, ...]:
        """The metrics, for run.json."""
        return tuple(
            MetricRecord(
                name=m.name,
                higher_is_better=m.higher_is_better,
                unit=m.unit,
                digits=m.digits,
                pool=pool_name(m),
                of_set=m.combine is not None,
                unavailable=self.unavailable.get(m.name, ""),
                needs_hr=m.needs_hr,
            )
            for m in self.metrics
        )
