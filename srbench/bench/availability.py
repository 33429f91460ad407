"""Which of the metrics asked for can be computed here, and what decides their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from srbench.data.fetch.networks import find, sha256_of
from srbench.errors import DataError
from srbench.metrics.metric import Metric
from srbench.plugins.registry import Registry
from srbench.system.installed import install_command


@dataclass(frozen=True, slots=True)
class Availability:
    """What there is of the metrics asked for.

    Attributes:
        hashes: of each metric that can be computed, all that decides its numbers: version, source, packages, weights.
        weights: the files that they need, by name.
        reasons: of each other metric, why it is unavailable: one sentence.
    """

    hashes: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Path] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def availability(metrics: Sequence[Metric], registry: Registry) -> Availability:
    """Look for what metrics need. Nothing is downloaded or imported."""
    found = Availability()
    for metric in metrics:
        parts = [registry.metric_hash(metric.name)]
        try:
            parts += [f"{package}-{_version(package)}" for package in metric.packages]
            weights = find(metric.weights, metric.name)
        except DataError as error:
            found.reasons[metric.name] = str(error)
            continue
        parts += [sha256_of(path)[:16] for path in weights.values()]
        found.weights.update(weights)
        found.hashes[metric.name] = "-".join(parts)
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        raise DataError(f"{package} is not installed: {install_command('perceptual')} installs it.") from None
