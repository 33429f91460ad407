"""Compares two speed records row by row: the change of each row, relative to its quartiles.

Each row is relative to the pacemaker timed with it, so that a slower machine does not look like slower methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from srbench.errors import UsageError
from srbench.speed.record import SpeedRecord, SpeedRow

RowKey = tuple[str, float, str, str, str, object, int | None]


@dataclass(frozen=True, slots=True)
class SpeedPair:
    """One row in two records.

    Attributes:
        old: in the earlier record.
        new: in the later record.
        ratio: of the new time to the old one, each relative to its pacemaker.
        least: the lower end of the ratio by the quartiles of both.
        most: the upper end.
    """

    old: SpeedRow
    new: SpeedRow
    ratio: float
    least: float
    most: float

    @property
    def agrees(self) -> bool:
        """Whether the two quartile ranges overlap."""
        return self.least <= 1.0 <= self.most

    @property
    def slower(self) -> bool:
        """Whether it is slower by more than the quartile ranges."""
        return self.least > 1.0


def require_same_machine(old: SpeedRecord, device: str, machine: Mapping[str, str], protocol: str) -> None:
    """Refuse a record of another machine or protocol.

    Raises:
        UsageError: the device, its threads or the protocol differ.
    """
    for what, before, now in (
        ("device", old.device, device),
        ("processor", old.machine.get("processor"), machine.get("processor")),
        ("number of threads", old.machine.get("threads"), machine.get("threads")),
        ("protocol", old.protocol, protocol),
    ):
        if before != now:
            raise UsageError(f"The {what} of the record is {before}, and here it is {now}: speeds cannot be compared.")


def pair_speeds(old: SpeedRecord, new: SpeedRecord) -> tuple[SpeedPair, ...]:
    """The rows that both records have values for, in the order of the new one."""
    known = {_place(row): row for row in old.rows if row.median_ms}
    return tuple(_pair(known[_place(row)], row) for row in new.rows if row.median_ms and _place(row) in known)


def _place(row: SpeedRow) -> RowKey:
    batch = "max" if row.saturating else row.batch
    return (row.method, row.scale, row.size, row.part, row.mode, batch, row.tile)


def _pair(old: SpeedRow, new: SpeedRow) -> SpeedPair:
    paced = old.pace_ms and new.pace_ms  # old records have no pacemaker
    unit = new.pace_ms / old.pace_ms if paced else 1.0  # type: ignore[operator]
    grown = new.batch / old.batch  # the batch that saturates may differ
    (old_low, old_median, old_high), (low, median, high) = map(_times, (old, new))
    return SpeedPair(
        old=old,
        new=new,
        ratio=median / old_median / unit / grown,
        least=low / old_high / unit / grown,
        most=high / old_low / unit / grown,
    )


def _times(row: SpeedRow) -> tuple[float, float, float]:
    assert row.median_ms is not None
    return row.lower_quartile_ms or row.median_ms, row.median_ms, row.upper_quartile_ms or row.median_ms
