"""From an image as it is read to a case."""

from __future__ import annotations

from typing import overload

from srbench.data.images import LrSample, Sample
from srbench.imaging.files import to_uint8
from srbench.protocols.case import Case, LrCase, prepare, prepare_lr
from srbench.protocols.protocol import Protocol


@overload
def case_of(sample: Sample, scale: float, protocol: Protocol, turn: int | None = None) -> Case: ...
@overload
def case_of(sample: LrSample, scale: float, protocol: Protocol, turn: int | None = None) -> LrCase: ...
def case_of(sample: Sample | LrSample, scale: float, protocol: Protocol, turn: int | None = None) -> Case | LrCase:
    """An image of a data set under a protocol.

    Args:
        sample: the image.
        scale: the integer factor.
        protocol: by which.
        turn: which of the protocol's degradations, if it makes several LR images of each HR image.

    Raises:
        DataError: it is too small, or LR does not fit HR.
    """
    if isinstance(sample, LrSample):
        return prepare_lr(protocol, sample.name, to_uint8(sample.lr), int(scale))
    lr = None if sample.lr is None else to_uint8(sample.lr)
    return prepare(protocol, sample.name, to_uint8(sample.hr), scale, lr, turn)
