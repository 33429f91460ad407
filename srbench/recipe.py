"""Recipes: everything that decides a learned method's weights, as data.

A recipe is written into its weights' metadata, and its hash keys them: two recipes of one hash train the same weights.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from srbench.canonical import digest


class Recipe(BaseModel):
    """How a network is trained. Frozen; vary one with ``recipe.model_copy(update={...})``.

    Sizes are in HR pixels unless said otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: tuple[str, ...] = ("embedded:train",)
    """Data sets to train on, as on the command line. Test sets are refused, by name and by image hash."""
    validation: tuple[str, ...] = ("embedded:validation",)
    """Data sets whose mean PSNR under the protocol picks the weights to keep."""
    protocol: str = "vdsr"
    """The protocol that makes LR from HR, and that validation uses."""
    patch: int = Field(default=48, ge=8)
    """Side of a training patch; cut down to a multiple of the scale."""
    stride: int = Field(default=24, ge=1)
    """Distance between patches cut from an image."""
    flips: bool = True
    """Mirror and transpose patches at random (the eight symmetries of the square)."""
    shrink: tuple[float, ...] = (1.0,)
    """Also train on the images at these sizes (the papers' 1, .9, .8, .7, .6)."""
    batch: int = Field(default=16, ge=1)
    loss: Literal["mse", "l1", "charbonnier"] = "mse"
    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = Field(default=1e-3, gt=0)
    """The learning rate at the start."""
    lr_factors: tuple[tuple[str, float], ...] = ()
    """(prefix, factor): parameters whose name starts so learn at ``lr * factor``."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD's momentum."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """``cosine`` takes the rate down to 0 over ``steps``."""
    steps: int = Field(default=2000, ge=1)
    """Batches."""
    validate_every: int = Field(default=500, ge=1)
    """Batches between validations."""
    clip_gradient: float | None = Field(default=None, gt=0)
    """The largest norm that a batch's gradient may have."""
    seed: int = 0

    @property
    def hash(self) -> str:
        """A short hash of every field."""
        return digest(self.model_dump(mode="json"))[:12]
