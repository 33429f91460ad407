"""What `srbench speed` and the speed column of a run leave behind, as typed data: the schema of their JSON."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from srbench.bench.results import Frozen
from srbench.errors import DataError

SPEED_SCHEMA_VERSION: Final = 1


class SpeedRow(Frozen):
    """One way of running one method at one size."""

    method: str
    scale: int
    size: str
    """As asked for: the side of a square LR, ``720p`` or ``2160p``."""
    lr_height: int
    lr_width: int
    part: Literal["whole", "network"]
    """From LR to SR with all enlargement, or the network alone; one and the same for a method that takes LR."""
    mode: str
    batch: int
    saturating: bool = False
    """Whether the batch is the one that saturates the device."""
    tile: int | None = None
    """The side of the tiles, where the whole image did not fit into memory."""
    median_ms: float | None = None
    lower_quartile_ms: float | None = None
    upper_quartile_ms: float | None = None
    pace_ms: float | None = None
    """What the pacemaker, a fixed convolution, took meanwhile: the times above are those at this pace."""
    runs: int = 0
    warm_up: int = 0
    """Runs before those that count."""
    megapixels_per_s: float | None = None
    """Of output."""
    parameters: int = 0
    macs: int | None = None
    """Of the batch; None where nothing is learned."""
    memory_mb: float | None = None
    energy_j: float | None = None
    """Of one image, by the GPU's own meter."""
    roofline: float | None = None
    """The shortest time that the device's measured limits allow, over the median."""
    error: str = ""
    """Why there are no figures."""


class SpeedRecord(Frozen):
    """A whole measurement."""

    schema_version: Literal[1] = SPEED_SCHEMA_VERSION
    date: str
    command: str
    device: str
    machine: dict[str, str]
    """Processor or GPU, driver, clocks, threads, load."""
    versions: dict[str, str]
    protocol: str
    bandwidth_gb_s: float
    tflops: dict[str, float]
    """Of matrix products, by precision, measured in the same call."""
    rows: tuple[SpeedRow, ...]


def read_speed_record(path: Path) -> SpeedRecord:
    """A record that `srbench speed` has kept.

    Raises:
        DataError: it cannot be read, or is none.
    """
    try:
        return SpeedRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{path} is no record of `srbench speed`: {where}: {first['msg']}.") from None


class RunSpeed(Frozen):
    """What a run's methods took."""

    schema_version: Literal[1] = 1
    asked: str
    """The device and threads as asked for."""
    device: str
    size: str
    scale: int
    sources: dict[str, str]
    """By method: the hash of the source that was timed."""
    rows: tuple[SpeedRow, ...]

    @property
    def device_type(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.device.partition(" ")[0].partition(":")[0]

    def of(self, method: str) -> SpeedRow | None:
        """A method's row."""
        return next((row for row in self.rows if row.method == method), None)


def read_speed(folder: Path) -> RunSpeed | None:
    """What a run's folder keeps; None if there is nothing, or nothing whole."""
    with contextlib.suppress(OSError, ValidationError):
        return RunSpeed.model_validate_json((folder / "speed.json").read_bytes())
    return None
