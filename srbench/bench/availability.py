"""Which of the metrics asked for can be computed here, and what decides their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from srbench.data.fetch.networks import checked_by_name, find, sha256_of
from srbench.errors import DataError
from srbench.metrics.metric import Metric
from srbench.metrics.scoring import Scoring
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.system.installed import install_command

EXTRAS = {"pyiqa": ("pyiqa", " (PolyForm Noncommercial licence: not for commercial use)")}
"""The extra that brings a package, where it is not ``perceptual``, and what has to be said of it."""


def scoring_of(protocol: Protocol, metrics: Sequence[Metric], registry: Registry) -> tuple[Scoring, dict[str, str]]:
    """Look for what metrics need. Nothing is downloaded or imported.

    Returns:
        The scoring by those that can be computed, and why each other metric is unavailable: a sentence by its name.
    """
    hashes: dict[str, str] = {}
    weights: dict[str, Path] = {}
    reasons: dict[str, str] = {}
    for metric in metrics:
        try:
            hashes[metric.name], files = needs(metric, registry)
            weights |= files
        except DataError as error:
            reasons[metric.name] = str(error)
    return Scoring(protocol, tuple(metric for metric in metrics if metric.name in hashes), hashes, weights), reasons


def some_scoring_of(
    protocol: Protocol, metrics: Sequence[Metric], registry: Registry
) -> tuple[Scoring, dict[str, str]]:
    """As :func:`scoring_of`, where one metric at least has to be computed.

    Raises:
        DataError: none can be; says why.
    """
    scoring, reasons = scoring_of(protocol, metrics, registry)
    if not scoring.metrics:
        lacking = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in reasons.items())
        raise DataError(f"There is nothing to score with: {lacking}.")
    return scoring, reasons


def needs(metric: Metric, registry: Registry) -> tuple[str, dict[str, Path]]:
    """All that decides a metric's values (version, source, packages, weights), and the files that it needs, by name.

    Raises:
        DataError: it cannot be computed here; says what is missing.
    """
    parts = [registry.metrics.hash(metric.name), *(f"{package}-{_version(package)}" for package in metric.packages)]
    files = find(metric.weights, metric.name)
    if metric.ask is not None:
        files |= checked_by_name(metric.ask())
    return "-".join([*parts, *(sha256_of(path)[:16] for path in files.values())]), files


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        extra, terms = EXTRAS.get(package, ("perceptual", ""))
        raise DataError(f"{package} is not installed: {install_command(extra)} installs it{terms}.") from None
