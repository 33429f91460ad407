"""What is to be timed: methods, sizes, scales, and ways to run a network; each is a row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch

from srbench.errors import UsageError
from srbench.plugins.card import Card, Choice
from srbench.speed.modes import Mode
from srbench.speed.record import SpeedRow

OUTPUTS = {"720p": (720, 1280), "2160p": (2160, 3840)}

Part = Literal["whole", "network"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRequest:
    """What to time.

    Attributes:
        choices: methods; weights do not matter, since speed does not depend on their values.
        scales: factors.
        sizes: sides of a square LR such as ``256``, or ``720p`` and ``2160p`` for the LR of that output.
        modes: ways to run networks; those that a method or device does not support are left out.
        batches: numbers of images, or ``max`` for the batch that saturates the device.
        runs: timed runs of each row.
        parts: the whole method, and for methods that take the upsampled image also the network alone.
        seconds: time limit of a row's warm-up and of its runs, which reduces ``runs`` to five at least.
        settle: stop to time a row when its quartiles have settled.
        multi_adds: also count the multiply-adds of an output of 1280x720, as papers print them.
    """

    choices: tuple[Choice, ...]
    scales: tuple[int, ...]
    sizes: tuple[str, ...]
    modes: tuple[Mode, ...]
    batches: tuple[str, ...] = ("1",)
    runs: int = 50
    parts: tuple[Part, ...] = ("whole", "network")
    seconds: float = math.inf
    settle: bool = False
    multi_adds: bool = False

    def __post_init__(self) -> None:
        """Reject unknown sizes.

        Raises:
            UsageError: names the size.
        """
        for size in self.sizes:
            lr_size(size, 1)

    def count(self, device: torch.device) -> int:
        """How many rows there are on a device."""
        return len(self.sizes) * sum(1 for scale in self.scales for _ in self.ways(scale, device))

    def ways(self, scale: int, device: torch.device) -> Iterator[tuple[Choice, Mode, Part, str]]:
        """Method, mode, part and batch of each row of a size and scale that method and device support."""
        for choice, mode in product(self.choices, self.modes):
            if scale not in choice.card.info.scales or not mode.fits(device):
                continue
            if mode.plain or choice.card.learned:
                for part, batch in product(_parts(choice.card, self.parts), self.batches):
                    yield choice, mode, part, batch


def lr_size(size: str, scale: int) -> tuple[int, int]:
    """(height, width) of the LR image of a size.

    Raises:
        UsageError: the size is unknown.
    """
    if size in OUTPUTS:
        height, width = OUTPUTS[size]
        return math.ceil(height / scale), math.ceil(width / scale)
    if not size.isdecimal() or not 16 <= int(size) <= 4096:
        raise UsageError(f"A size is the side of a square LR (16 to 4096), or {' or '.join(OUTPUTS)}; not '{size}'.")
    return int(size), int(size)


def _parts(card: Card, wanted: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts of a method: a network that takes LR is the whole method."""
    return wanted if card.learned and card.info.input == "upsampled" else ("whole",)


def empty_row(choice: Choice, scale: int, size: str, mode: Mode, part: Part) -> SpeedRow:
    """A row that has not been measured."""
    height, width = lr_size(size, scale)
    return SpeedRow(
        method=choice.card.name,
        scale=scale,
        size=size,
        lr_height=height,
        lr_width=width,
        part=part,
        mode=str(mode),
        batch=1,
    )
