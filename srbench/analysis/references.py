"""Reference values, published or our own, as rows of CSV files.

``results/reference/README.md`` describes the columns. Reading is strict, so that no value is silently unchecked.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, get_args

from srbench.bench.results import DatasetRecord, RunRecord
from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import get_protocol
from srbench.system.factors import Factor, factor
from srbench.system.places import is_file, reference_folder
from srbench.system.text import from_csv_field

REFERENCE_COLUMNS = (
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
OPTIONAL_COLUMNS = ("protocol_hash", "rule")
SHOWN_COLUMNS = ("parameters",)
"""Optional columns of rows that are shown only."""
OWN_SOURCE = "srbench"
"""Prefix of the source of our own baselines."""
SPEED_PREFIX = "speed/"
"""Prefix of the metric of a speed gate; the method to compare with follows."""
ABSOLUTE_SPEEDS = frozenset({"speed", "ms", "median_ms", "mp/s", "megapixels_per_s"})
DEVICES = ("cpu", "cuda", "mps")

Rule = Literal["equal", "at_least", "at_most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One reference value.

    Attributes:
        method: our label if ``use`` is ``gate``, else the name in the publication.
        dataset: our name of the data set.
        scale: the factor.
        protocol: the name of the protocol.
        protocol_hash: identifies the protocol.
        metric: the name of the metric.
        value: the value.
        text: the value as printed.
        tolerance: the allowed deviation; None if ``use`` is ``show``.
        rule: whether a run's value must be equal, at least, or at most the value.
        use: ``gate`` must be reproduced, ``show`` is printed beside ours.
        shown_for: our method or label beside which reports print it; empty for none.
        alone: whether reports print it without such a method too.
        parameters: of the network, if they are known.
        source: the publication.
        note: a remark.
        where: file and line, for messages.
    """

    method: str
    dataset: str
    scale: Factor
    protocol: str
    protocol_hash: str
    metric: str
    value: float
    text: str
    tolerance: float | None
    rule: Rule
    use: Literal["gate", "show"]
    shown_for: str
    source: str
    note: str
    where: str
    alone: bool = False
    parameters: int | None = None

    @property
    def title(self) -> str:
        """What is measured: method, data set, scale, protocol and metric."""
        return f"{self.method} {self.dataset} x{self.scale} {self.protocol} {self.metric}"

    @property
    def expected(self) -> str:
        """The allowed values as text."""
        slack = f"{self.tolerance or 0.0:.9f}".rstrip("0").rstrip(".")
        if self.rule == "equal":
            return f"{self.text} ± {slack}"
        sign, side = ("≥", "-") if self.rule == "at_least" else ("≤", "+")
        return f"{sign} {self.text}" + (f" {side} {slack}" if self.tolerance else "")

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and largest allowed value."""
        slack = self.tolerance or 0.0
        low = -math.inf if self.rule == "at_most" else self.value - slack
        return low, math.inf if self.rule == "at_least" else self.value + slack

    @property
    def digits(self) -> int:
        """How many decimals were printed."""
        return len(self.text.partition(".")[2])

    @property
    def line(self) -> int:
        """The line of its file, for a record of several lines the last."""
        return int(self.where.rpartition(":")[2])

    @property
    def own(self) -> bool:
        """Whether it is of our own baseline, not published."""
        return self.source.startswith(OWN_SOURCE)

    def accepts(self, value: float) -> bool:
        """Whether a measured value is within the limits, inclusive."""
        low, high = self.limits
        return value == self.value or low - 1e-9 <= value <= high + 1e-9


def shown_beside(
    references: Iterable[Reference], record: RunRecord, dataset: DatasetRecord, methods: Collection[str]
) -> list[Reference]:
    """The published values to show beside methods of a run: of the same images and protocol.

    Args:
        references: rows of any kind.
        record: the run.
        dataset: a data set of the run.
        methods: names or labels, as rows have them in ``shown_for``.
    """
    if not is_genuine(dataset):
        return []
    wanted = (dataset.name, record.protocol_hash)
    return [row for row in references if row.shown_for in methods and (row.dataset, row.protocol_hash) == wanted]


@lru_cache(maxsize=256)
def is_genuine(record: DatasetRecord) -> bool:
    """Whether a run's data set contains the images that its name stands for.

    A data set named like one of srbench's must contain the same images; other names are the user's.
    """
    from srbench.data.catalog import known_content, load_manifest, manifest_names

    for name in manifest_names():
        split = record.name.removeprefix(f"{name}-")
        if record.name == name or (split != record.name and split in load_manifest(name).splits):
            manifest = load_manifest(name)
            if manifest.by_hand:  # the name can be had by its images alone
                return True
            known = known_content(manifest, manifest.default_split if record.name == name else split)
            return known == record.content_hash
    return True


def load_references(names: Sequence[str] | None = None) -> tuple[Reference, ...]:
    """Read reference values.

    Args:
        names: built-in files (``published``) or paths of CSV files; all built-in files if None.

    Raises:
        UsageError: a reference does not exist.
        DataError: a file is malformed.
    """
    return tuple(row for path in reference_paths(names) for row in read_references(path))


def reference_paths(names: Sequence[str] | None = None) -> tuple[Path, ...]:
    """The files that :func:`load_references` reads, each once.

    Raises:
        UsageError: there is no such reference.
    """
    builtin = {path.stem: path for path in sorted(reference_folder().glob("*.csv"))}
    paths = list(builtin.values()) if names is None else [_find(name, builtin) for name in names]
    return tuple(dict.fromkeys(paths))


def _find(name: str, builtin: dict[str, Path]) -> Path:
    if name in builtin:
        return builtin[name]
    if name.endswith(".csv") or "/" in name:
        if is_file(Path(name)):
            return Path(name)
        raise UsageError(f"There is no reference file {name}.")
    from srbench.system.names import unknown

    raise unknown("reference", name, builtin)


def read_references(path: Path) -> tuple[Reference, ...]:
    """The rows of one file.

    Raises:
        DataError: it is malformed, or two gate rows contradict each other.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            _check_header(path, header)
            hash_of = cache(lambda protocol: get_protocol(protocol).hash)
            found = tuple(_row(f"{path}:{rows.line_num}", header, row, hash_of) for row in rows if row)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from None
    _check_agreement(found)
    return found


def _check_header(path: Path, header: list[str]) -> None:
    missing = [column for column in REFERENCE_COLUMNS if column not in header]
    extra = [column for column in header if column not in REFERENCE_COLUMNS + OPTIONAL_COLUMNS + SHOWN_COLUMNS]
    if missing:
        raise DataError(f"{path}:1: the column {missing[0]} is missing; the first line must name the columns.")
    if extra or len(set(header)) != len(header):
        raise DataError(f"{path}:1: {extra[0] if extra else 'a column twice'} is not a column of reference values.")


def _row(where: str, header: list[str], row: list[str], hash_of: Callable[[str], str]) -> Reference:
    if len(row) != len(header):
        raise DataError(f"{where}: {len(row)} fields where the first line names {len(header)} columns.")
    field = dict(zip(header, map(from_csv_field, row), strict=True))
    for column in ("method", "dataset", "protocol", "metric", "source"):
        if not field[column].strip():
            raise DataError(f"{where}: {column} is empty.")
    use: Literal["gate", "show"] = "gate" if field["use"] == "gate" else "show"
    if field["use"] not in ("gate", "show"):
        raise DataError(f"{where}: use must be gate or show, not '{field['use']}'.")
    try:
        scale = factor(field["scale"])
    except ValueError:
        raise DataError(f"{where}: scale must be a number such as 2 or 1.5, not '{field['scale']}'.") from None
    if use == "show" and (field["tolerance"] or field.get("rule")):
        raise DataError(f"{where}: a row to show has no tolerance and no rule.")
    rule = _rule(where, field.get("rule") or "equal")
    _check_speed(where, field, rule)
    return Reference(
        method=field["method"],
        dataset=field["dataset"],
        scale=scale,
        protocol=field["protocol"],
        protocol_hash=field.get("protocol_hash") or _hash_of(where, field["protocol"], hash_of),
        metric=field["metric"],
        value=_number(where, "value", field["value"]),
        text=field["value"],
        tolerance=_tolerance(where, field["tolerance"]) if use == "gate" else None,
        rule=rule,
        use=use,
        shown_for=field["shown_for"],
        source=field["source"],
        note=field["note"],
        where=where,
        parameters=_parameters(where, field.get("parameters", "")),
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


def _parameters(where: str, text: str) -> int | None:
    if text and not (text.isdecimal() and len(text) < 16):
        raise DataError(f"{where}: parameters must be a whole number such as 1590000, not '{text}'.")
    return int(text) if text else None


def _rule(where: str, text: str) -> Rule:
    for rule in get_args(Rule):
        if text == rule:
            return rule  # type: ignore[no-any-return]
    raise DataError(f"{where}: rule must be equal, at_least or at_most, not '{text}'.")


def _check_speed(where: str, field: Mapping[str, str], rule: Rule) -> None:
    """Reject speed gates that depend on the machine, or that fail for higher speed."""
    metric = field["metric"].casefold()
    if metric in ABSOLUTE_SPEEDS or metric == SPEED_PREFIX:
        raise DataError(
            f"{where}: an absolute speed depends on the machine; give it relative to a method of the same run, as "
            f"{SPEED_PREFIX}bicubic."
        )
    if not metric.startswith(SPEED_PREFIX):
        return
    if rule != "at_least":
        raise DataError(f"{where}: the rule of {field['metric']} must be at_least: a higher speed is no failure.")
    if field["dataset"] not in DEVICES:
        raise DataError(
            f"{where}: the dataset of {field['metric']} must be the device, cpu, cuda or mps, not '{field['dataset']}'."
        )


def _hash_of(where: str, protocol: str, hash_of: Callable[[str], str]) -> str:
    try:
        return hash_of(protocol)
    except UsageError as error:
        raise DataError(f"{where}: {error}") from None


def _check_agreement(references: tuple[Reference, ...]) -> None:
    """Reject gate rows that no value can satisfy together."""
    narrowest: dict[tuple[str, str, float, str, str], tuple[float, float, Reference]] = {}
    for row in references:
        if row.tolerance is None:
            continue
        key = (row.method, row.dataset, row.scale, row.protocol_hash, row.metric)
        low, high = row.limits
        if key in narrowest:
            other_low, other_high, other = narrowest[key]
            low, high = max(low, other_low), min(high, other_high)
            if low > high + 1e-9:
                raise DataError(f"{row.where}: {row.title} contradicts {other.where}: no value satisfies both.")
        narrowest[key] = (low, high, row)
