"""From an image as it is read to a case."""

from __future__ import annotations

from srbench.data.images import Sample
from srbench.imaging.files import to_uint8
from srbench.protocols.case import Case, prepare
from srbench.protocols.protocol import Protocol


def case_of(sample: Sample, scale: int, protocol: Protocol) -> Case:
    """An image of a data set under a protocol.

    Raises:
        DataError: it is too small, or LR does not fit HR.
    """
    lr = None if sample.lr is None else to_uint8(sample.lr)
    return prepare(protocol, sample.name, to_uint8(sample.hr), scale, lr)
