"""Results of `srbench speed` and of the speed column of a run: the schema of their JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from srbench.system.plain import Count, Frozen, Name, Scale, Sentence, Side
from srbench.system.sealed import read_sealed

SPEED_SCHEMA_VERSION: Final = 2
"""The version of speed.json and of `srbench speed` records. 1 had no checksum and is refused."""

Measured = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SpeedRow(Frozen):
    """A method at one size in one mode."""

    method: Name
    scale: Scale
    size: Name
    """As requested: the side of a square LR, ``720p`` or ``2160p``."""
    lr_height: Side
    lr_width: Side
    part: Literal["whole", "network"]
    """From LR to SR with all upsampling, or the network alone; the same for a method that takes LR."""
    mode: Name
    batch: Side
    saturating: bool = False
    """Whether the batch is the one that saturates the device."""
    tile: Side | None = None
    """The side of the tiles, if the whole image did not fit into memory."""
    median_ms: Measured | None = None
    lower_quartile_ms: Measured | None = None
    upper_quartile_ms: Measured | None = None
    pace_ms: Measured | None = None
    """The time of the pacemaker, a fixed convolution, which the times above refer to."""
    runs: Count = 0
    warm_up: Count = 0
    """Untimed runs before."""
    megapixels_per_s: Measured | None = None
    """Of output."""
    parameters: Count = 0
    macs: Count | None = None
    """Of the batch; None for methods without a network."""
    flops: Count | None = None
    """Of the batch as fvcore counts them: as ``macs``, and something for normalization, pooling and resizing."""
    activations: Count | None = None
    """Elements of the outputs of its convolutions."""
    convolutions: Count | None = None
    """How often one is called."""
    multi_adds_720p: Count | None = None
    """Multiply-accumulates of an output of 1280x720."""
    used_parameters: Count | None = None
    """Parameters of ``parameters`` that the output is computed from; None if unknown."""
    memory_mb: Measured | None = None
    energy_j: Measured | None = None
    """Of one image, by the GPU's energy counter."""
    roofline: Measured | None = None
    """The shortest time that the device's limits allow, divided by the median."""
    error: Sentence = ""
    """Why there are no values."""


class SpeedRecord(Frozen):
    """A measurement."""

    schema_version: Literal[2] = SPEED_SCHEMA_VERSION
    date: Name
    command: str
    device: Name
    machine: dict[Name, Name]
    """Processor or GPU, driver, clocks, threads, load."""
    versions: dict[Name, Name]
    protocol: Name
    bandwidth_gb_s: Measured
    tflops: dict[Name, Measured]
    """Of matrix products, by precision, measured in the same run."""
    rows: tuple[SpeedRow, ...]


def read_speed_record(path: Path) -> SpeedRecord:
    """Read a record of `srbench speed`.

    Raises:
        DataError: it cannot be read, or is not a record.
    """
    return read_sealed(path, SpeedRecord, "give another record of `srbench speed`, or time again")


class RunSpeed(Frozen):
    """The speed of a run's methods."""

    schema_version: Literal[2] = SPEED_SCHEMA_VERSION
    asked: Name
    """The requested device and threads."""
    device: Name
    size: Name
    scale: Scale
    sources: dict[Name, Name]
    """The source hash by method."""
    rows: tuple[SpeedRow, ...]

    @property
    def device_type(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.device.partition(" ")[0].partition(":")[0]

    def of(self, method: str) -> SpeedRow | None:
        """A method's row."""
        return next((row for row in self.rows if row.method == method), None)


def read_speed(folder: Path) -> RunSpeed | None:
    """The speeds in a run's folder; None if there are none.

    Raises:
        DataError: it is damaged.
    """
    path = folder / "speed.json"
    return read_sealed(path, RunSpeed, "the same `srbench run` times the methods again") if path.exists() else None
