"""What a run keeps of the trainings behind its weights: its reports need neither the weights nor their method."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from srbench.bench.results import CurvePoint, TrainingRecord
from srbench.errors import DataError
from srbench.training.job import Training
from srbench.weights import read_metadata, weights_sha256

_CURVE = TypeAdapter(tuple[CurvePoint, ...])


def training_record(training: Training, weights: str) -> TrainingRecord:
    """What is known here of weights.

    Args:
        training: that they come from.
        weights: the sha256 of their tensors.
    """
    shipped = training.shipped / training.file_name
    is_shipped = shipped.is_file() and weights_sha256(shipped) == weights
    return TrainingRecord(weights=weights, shipped=is_shipped, curve=_curve(training, weights))


def _curve(training: Training, weights: str) -> tuple[CurvePoint, ...]:
    """The curve in the weights' metadata; empty where they are gone, are others by now, or hold none that is whole."""
    file = training.find()
    if file is None or weights_sha256(file) != weights:
        return ()
    try:
        points = read_metadata(file)["curve"]
        known = [{name: point[name] for name in CurvePoint.model_fields if name in point} for point in points]
        return _CURVE.validate_python(known)
    except (DataError, ValidationError, LookupError, TypeError):
        return ()
