"""The progress of a training. Free of torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The state of a training.

    Attributes:
        step: batches done; in the first report those of earlier runs, so that rates are right.
        steps: batches in all.
        loss: the training loss of the last batches, once there is one.
        psnr: the last validation's PSNR in dB, once there is one.
        best: the best validation's.
    """

    step: int
    steps: int
    loss: float | None = None
    psnr: float | None = None
    best: float | None = None


Report = Callable[[TrainingProgress], None]
"""Called with the progress of a training. If it raises KeyboardInterrupt, the training stops and saves a checkpoint."""


@dataclass(frozen=True, slots=True)
class Point:
    """One validation.

    Attributes:
        step: batches done.
        rate: the learning rate.
        train_loss: the mean since the validation before.
        train_psnr: of the training patches since then, in dB: from their pooled squared error.
        validation_psnr: mean over the images under the protocol, in dB; more than 100 of an image counts as 100.
        validation_mse: the same images' mean squared error, on the scale 0..1.
        upsampled_psnr: as ``validation_psnr``, of the images as the protocol upsamples them, the same at every
            validation; None in older curves.
        picks: whether the recipe validates here, so that the best of these weights are kept; other points only show how
            the training went.
    """

    step: int
    rate: float
    train_loss: float
    train_psnr: float
    validation_psnr: float
    validation_mse: float
    upsampled_psnr: float | None = None
    picks: bool = True
