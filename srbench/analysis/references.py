"""Reference figures: what others, or we ourselves earlier, measured, as rows of CSV files.

``results/reference/README.md`` describes the columns. Reading is strict: a row that is half understood would be a
figure that is silently not checked.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from srbench.bench.results import DatasetRecord
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.places import reference_folder
from srbench.protocol import get_protocol

COLUMNS = (
    "method",
    "dataset",
    "scale",
    "protocol",
    "metric",
    "value",
    "tolerance",
    "use",
    "shown_for",
    "source",
    "note",
)
OPTIONAL_COLUMNS = ("protocol_hash",)
OWN_SOURCE = "srbench"
"""How the source of our own baselines starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One reference figure.

    Attributes:
        method: our method's label where ``use`` is ``gate``, else what the publication calls it.
        dataset: our name of the data set.
        scale: the factor.
        protocol: the name of the protocol.
        protocol_hash: what rows are matched by.
        metric: the name of the metric.
        value: the figure.
        text: the figure as it was printed.
        tolerance: how far a run may lie from it; None where ``use`` is ``show``.
        use: ``gate`` must be reproduced, ``show`` is printed beside ours.
        shown_for: the method, or label, of ours beside which reports print it; empty: nowhere.
        source: who printed it.
        note: anything else.
        where: file and line, for messages.
    """

    method: str
    dataset: str
    scale: int
    protocol: str
    protocol_hash: str
    metric: str
    value: float
    text: str
    tolerance: float | None
    use: Literal["gate", "show"]
    shown_for: str
    source: str
    note: str
    where: str

    @property
    def figure(self) -> str:
        """Which figure, in words."""
        return f"{self.method} {self.dataset} x{self.scale} {self.protocol} {self.metric}"

    @property
    def expected(self) -> str:
        """The figure and its tolerance as text."""
        return f"{self.text} ± {f'{self.tolerance or 0.0:.9f}'.rstrip('0').rstrip('.')}"

    @property
    def own(self) -> bool:
        """Whether it is a baseline of ours and not a publication's figure."""
        return self.source.startswith(OWN_SOURCE)

    def accepts(self, value: float) -> bool:
        """Whether a measured value is within the tolerance; the limit itself is."""
        if value == self.value:
            return True
        return abs(value - self.value) <= (self.tolerance or 0.0) + 1e-9


@lru_cache(maxsize=256)
def is_genuine(record: DatasetRecord) -> bool:
    """Whether a run's data set is what figures for its name are for.

    What is called like a data set that comes with srbench must hold its images; other names are the user's own.
    """
    from srbench.data.catalog import dataset_of, load_manifest, manifest_names

    for name in manifest_names():
        split = record.name.removeprefix(f"{name}-")
        if record.name == name or (split != record.name and split in load_manifest(name).splits):
            try:
                known = dataset_of(load_manifest(name), "" if record.name == name else split)
            except SrbenchError:  # its files are not installed, so nobody can tell
                return False
            return known.content_hash == record.content_hash
    return True


def load_references(names: Sequence[str] | None = None) -> tuple[Reference, ...]:
    """Read reference figures.

    Args:
        names: built-in files (``published``) or paths of CSV files; all built-in files if None.

    Raises:
        UsageError: there is no such reference.
        DataError: a file is malformed.
    """
    builtin = {path.stem: path for path in sorted(reference_folder().glob("*.csv"))}
    paths = list(builtin.values()) if names is None else [_find(name, builtin) for name in names]
    return tuple(row for path in dict.fromkeys(paths) for row in read_references(path))


def _find(name: str, builtin: dict[str, Path]) -> Path:
    if name in builtin:
        return builtin[name]
    if name.endswith(".csv") or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise UsageError(f"There is no reference file {name}.")
    from srbench.names import unknown

    raise unknown("reference", name, builtin)


def read_references(path: Path) -> tuple[Reference, ...]:
    """The rows of one file.

    Raises:
        DataError: it is malformed, or two gate rows of one figure exclude each other.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            _check_header(path, header)
            found = tuple(_row(f"{path}:{rows.line_num}", header, row) for row in rows if row)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from None
    _check_agreement(found)
    return found


def _check_header(path: Path, header: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in header]
    extra = [column for column in header if column not in COLUMNS + OPTIONAL_COLUMNS]
    if missing:
        raise DataError(f"{path}:1: the column {missing[0]} is missing; the first line must name the columns.")
    if extra or len(set(header)) != len(header):
        raise DataError(f"{path}:1: {extra[0] if extra else 'a column twice'} is not a column of reference figures.")


def _row(where: str, header: list[str], row: list[str]) -> Reference:
    if len(row) != len(header):
        raise DataError(f"{where}: {len(row)} fields where the first line names {len(header)} columns.")
    field = dict(zip(header, row, strict=True))
    for column in ("method", "dataset", "protocol", "metric", "source"):
        if not field[column].strip():
            raise DataError(f"{where}: {column} is empty.")
    use: Literal["gate", "show"] = "gate" if field["use"] == "gate" else "show"
    if field["use"] not in ("gate", "show"):
        raise DataError(f"{where}: use must be gate or show, not '{field['use']}'.")
    if not field["scale"].isdecimal() or int(field["scale"]) < 1:
        raise DataError(f"{where}: scale must be a whole number such as 2, not '{field['scale']}'.")
    if use == "show" and (field["tolerance"] or not field["shown_for"]):
        raise DataError(f"{where}: a row to show has shown_for and no tolerance.")
    return Reference(
        method=field["method"],
        dataset=field["dataset"],
        scale=int(field["scale"]),
        protocol=field["protocol"],
        protocol_hash=field.get("protocol_hash") or _hash_of(where, field["protocol"]),
        metric=field["metric"],
        value=_number(where, "value", field["value"]),
        text=field["value"],
        tolerance=_tolerance(where, field["tolerance"]) if use == "gate" else None,
        use=use,
        shown_for=field["shown_for"],
        source=field["source"],
        note=field["note"],
        where=where,
    )


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise DataError(f"{where}: {column} must be a number, not '{text}'.")
    return value


def _tolerance(where: str, text: str) -> float:
    value = _number(where, "tolerance", text)
    if not 0 <= value < math.inf:
        raise DataError(f"{where}: tolerance must be a number from 0 up, not '{text}'.")
    return value


def _hash_of(where: str, protocol: str) -> str:
    try:
        return get_protocol(protocol).hash
    except UsageError as error:
        raise DataError(f"{where}: {error}") from None


def _check_agreement(references: tuple[Reference, ...]) -> None:
    """Refuse gate rows that no value can satisfy together."""
    narrowest: dict[tuple[str, str, int, str, str], tuple[float, float, Reference]] = {}
    for row in references:
        if row.tolerance is None:
            continue
        key = (row.method, row.dataset, row.scale, row.protocol_hash, row.metric)
        low, high = row.value - row.tolerance, row.value + row.tolerance
        if key in narrowest:
            other_low, other_high, other = narrowest[key]
            low, high = max(low, other_low), min(high, other_high)
            if low > high + 1e-9:
                raise DataError(f"{row.where}: {row.figure} contradicts {other.where}: no value satisfies both.")
        narrowest[key] = (low, high, row)
