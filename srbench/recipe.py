"""Recipes: everything that decides a learned method's weights, as data.

A recipe is written into its weights' metadata, and its hash keys them: two recipes of one hash train the same weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from srbench.errors import UsageError
from srbench.system.hashes import digest
from srbench.system.names import unknown
from srbench.system.toml import read_toml

SettingsClass = TypeVar("SettingsClass")

MOST_SEED = 2**63 - 1
"""The sum of two such, a recipe's and the command line's, is a seed that torch takes."""


def _pairs(value: Any) -> Any:
    """A table as pairs."""
    return tuple(value.items()) if isinstance(value, Mapping) else value


def _sorted(pairs: tuple[Any, ...]) -> tuple[Any, ...]:
    """One content in one order, so that it has one hash."""
    return tuple(sorted(pairs))


Settings = Annotated[tuple[tuple[str, int | float | str], ...], BeforeValidator(_pairs), AfterValidator(_sorted)]
"""Names and values; may be given as a mapping."""


Scale = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]


class Perceptual(BaseModel):
    """A loss between the features that a VGG network, trained on ImageNet, finds in SR and in HR."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    network: Literal["vgg16", "vgg19"] = "vgg16"
    layers: tuple[tuple[int, float], ...] = ((3, 1.0), (8, 1.0), (15, 1.0), (22, 1.0))
    """(index into torchvision's ``features``, weight); by default VGG16's relu1_2, relu2_2, relu3_3 and relu4_3."""
    distance: Literal["l1", "mse"] = "l1"
    """Mean absolute or mean squared difference of two features."""
    weight: float = Field(default=0.1, gt=0)
    """What the sum over the layers is multiplied by before it is added to the pixel loss."""


class Transfer(BaseModel):
    """Train one scale first, and begin the others with its network (FSRCNN, section 3.4)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    scale: Scale
    """The scale that is trained from the start."""
    freeze: tuple[str, ...] = ()
    """At the other scales, parameters whose name starts so stay as they are."""
    reset: tuple[str, ...] = ()
    """At the other scales, parameters whose name starts so begin anew instead of as the first scale left them."""
    steps: int | None = Field(default=None, ge=1)
    """Batches at the other scales, if not as many as at the first."""


class Recipe(BaseModel):
    """How a network is trained. Frozen; vary one with ``recipe.model_copy(update={...})``.

    Sizes are in HR pixels unless said otherwise.

    The hash is over the fields that differ from their defaults, so a field added later changes no hash and keeps the
    weights that are there. Therefore **a default must never change**, and a new field's default must mean what was done
    before there was the field (``tests/unit/test_recipe.py`` holds the list).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    train: tuple[str, ...] = ("embedded:train",)
    """Data sets to train on, as on the command line. Test sets are refused, by name and by image hash."""
    on_test_images: bool = False
    """Let test images in, for replicas of trainings that used them: the values on those images are then worthless,
    which whoever trains or runs by it is told."""
    validation: tuple[str, ...] = ("embedded:validation",)
    """Data sets whose mean PSNR under the protocol picks the weights to keep."""
    validation_images: int | None = Field(default=None, ge=1)
    """Validate on so many images of each data set, evenly spread; by default on all."""
    hold_out: bool = False
    """Leave out of the training data what validation shows, so that a set can serve for both."""
    protocol: str = "vdsr"
    """The protocol that makes LR from HR, and that validation uses."""
    scales: tuple[Scale, ...] = ()
    """Train one network on all these scales together; empty: a network for each scale."""
    crops: Literal["grid", "random"] = "grid"
    """Patches on a grid, cut beforehand, or anywhere in the images, which takes less memory."""
    patch: int = Field(default=48, ge=8)
    """Side of a training patch; cut down to a multiple of the scale."""
    stride: int = Field(default=24, ge=1)
    """Distance between patches cut from an image on a grid."""
    flips: bool = True
    """Mirror and transpose patches at random (the eight symmetries of the square)."""
    shrink: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
    """Also train on the images at these sizes (the papers' 1, .9, .8, .7, .6)."""
    margin: int = Field(default=0, ge=0)
    """Pixels along a patch's border that the loss leaves out: there a network that pads sees what is not there."""
    batch: int = Field(default=16, ge=1)
    loss: Literal["mse", "l1", "charbonnier", "euclidean", "psnr"] = "mse"
    """``psnr`` is the logarithm of each patch's squared error, averaged: what a mean PSNR is, of patches for images.
    ``euclidean`` is Caffe's: half the squared error, summed over an image; published Caffe rates belong to it."""
    perceptual: Perceptual | None = None
    """A loss on features, added to the loss on pixels."""
    init: tuple[tuple[str, NotNegative | Literal["he"]], ...] = ()
    """(prefix, std): weights whose name starts so begin as Gaussian noise, ``he`` being He's std; their biases as 0.
    The first prefix that fits counts; what none fits begins as the network's own code says."""
    init_from: Recipe | None = None
    """Train by this recipe first, at the same scale, and go on from its weights."""
    transfer: Transfer | None = None
    """How the scales begin with one another's networks."""
    optimizer: Literal["adam", "sgd", "soap"] = "adam"
    """``soap`` is Adam in Shampoo's eigenbasis (Vyas et al. 2024), which needs fewer batches."""
    lr: float = Field(default=1e-3, gt=0)
    """The learning rate at the start."""
    lr_factors: tuple[tuple[str, NotNegative], ...] = ()
    """(prefix, factor): parameters whose name starts so learn at ``lr * factor``; ``*.bias`` means those that end so.
    The first that fits counts."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD's momentum."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled with Adam (AdamW) and SOAP, added to the gradient with SGD."""
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    """``cosine`` takes the rate down to 0 over ``steps``; ``step`` multiplies it by ``gamma`` at each milestone."""
    milestones: tuple[int, ...] = ()
    """Batches after which ``step`` lowers the rate."""
    gamma: float = Field(default=0.5, gt=0, le=1)
    warmup: int = Field(default=0, ge=0)
    """Batches over which the rate rises from 0 to what the schedule says."""
    steps: int = Field(default=2000, ge=1)
    """Batches."""
    validate_every: int = Field(default=500, ge=1)
    """Batches between validations, of whose weights the best are kept. The curve may have more points."""
    clip_gradient: float | None = Field(default=None, gt=0)
    """The largest norm that a batch's gradient may have."""
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the exponential moving average of the weights, which is what is validated and kept; 0 is off."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """``bf16`` computes the network in bfloat16 where the device is a CUDA GPU or a CPU that has instructions for it,
    and in float32 elsewhere."""
    fit: Settings = ()
    """For a method that fits itself (:class:`srbench.method.FittedMethod`): its own settings, where they differ from
    the method's defaults. Patches, batches, loss and rates then mean nothing."""
    seed: int = Field(default=0, ge=-(2**63), le=MOST_SEED)

    def content(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as plain data."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def hash(self) -> str:
        """A short hash of :meth:`content`."""
        return digest(self.content())[:12]

    @property
    def data(self) -> tuple[str, ...]:
        """Every data set that has a part in the weights."""
        before = self.init_from.data if self.init_from else ()
        return tuple(dict.fromkeys((*self.train, *self.validation, *before)))

    @property
    def test_data(self) -> tuple[str, ...]:
        """The data sets of :attr:`data` that came in although they may be test images."""
        before = self.init_from.test_data if self.init_from else ()
        own = (*self.train, *self.validation) if self.on_test_images else ()
        return tuple(dict.fromkeys((*own, *before)))

    def seeded(self, seed: int) -> Self:
        """The recipe with ``seed`` added to its seed and to those of the recipes before it."""
        before = self.init_from.seeded(seed) if self.init_from else None
        return self.model_copy(update={"seed": self.seed + seed, "init_from": before})

    def before(self, scale: int) -> tuple[Recipe, int] | None:
        """The recipe and the scale whose weights the training at ``scale`` begins with, or None."""
        if self.transfer is not None and scale != self.transfer.scale:
            return self, self.transfer.scale
        return (self.init_from, scale) if self.init_from else None

    def steps_at(self, scale: int) -> int:
        """Batches of the training at ``scale``."""
        if self.transfer is not None and scale != self.transfer.scale:
            return self.transfer.steps or self.steps
        return self.steps

    def with_steps(self, steps: int) -> Self:
        """The recipe with so many batches; stages, milestones and whatever else is counted in batches in proportion."""

        def scaled(batches: int) -> int:
            return max(round(batches * steps / self.steps), 1)

        transfer = self.transfer
        if transfer is not None and transfer.steps is not None:
            transfer = transfer.model_copy(update={"steps": scaled(transfer.steps)})
        return self.model_copy(
            update={
                "steps": steps,
                "validate_every": scaled(self.validate_every),
                "warmup": self.warmup and scaled(self.warmup),
                "milestones": tuple(map(scaled, self.milestones)),
                "transfer": transfer,
                "init_from": self.init_from and self.init_from.with_steps(scaled(self.init_from.steps)),
            }
        )

    def frozen_at(self, scale: int) -> tuple[str, ...]:
        """Prefixes of the parameters that the training at ``scale`` leaves alone."""
        return self.transfer.freeze if self.transfer is not None and scale != self.transfer.scale else ()

    def reset_at(self, scale: int) -> tuple[str, ...]:
        """Prefixes of the parameters that the training at ``scale`` does not take over from the one before it."""
        return self.transfer.reset if self.transfer is not None and scale != self.transfer.scale else ()

    def settings(self, kind: type[SettingsClass]) -> SettingsClass:
        """:attr:`fit` as the dataclass in which a method declares its settings, with their defaults.

        Raises:
            UsageError: a setting is unknown, or of another type than its default.
        """
        known = {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        for name, value in self.fit:
            if name not in known:
                raise unknown("setting to fit by", name, known)
            wanted = type(known[name])
            if type(value) is not wanted and not (wanted is float and type(value) is int):
                raise UsageError(f"The setting '{name}' of a fit is {wanted.__name__}, not {value!r}.")
        return kind(**dict(self.fit))


def read_recipe(path: Path, known: Mapping[str, Recipe]) -> Recipe:
    """A user's recipe: a TOML file with the fields of :class:`Recipe`, and ``base`` naming the one that they change.

    Data sets in it are written as on the command line, so relative paths are relative to the working directory.

    Args:
        path: the file.
        known: the method's own recipes, which ``base`` may name; without it the fields start at their defaults.

    Raises:
        UsageError: the file cannot be read or does not describe a recipe.
    """
    table = read_toml(path, "recipe")
    base = table.pop("base", None)
    if base is not None and (not isinstance(base, str) or base not in known):
        raise unknown(f"recipe to be the base of {path}", str(base), known)
    fields = Recipe.model_fields
    for key, value in table.items():
        if key not in fields:
            raise unknown(f"key of recipe file {path}", key, [*fields, "base"])
        if value is False and fields[key].default is None:
            table[key] = None  # TOML has no word for nothing
    start = known[base].model_dump() if base is not None else {}
    try:
        return Recipe.model_validate(start | table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: {where} cannot be {first['input']!r}: {first['msg'].lower()}.") from None
