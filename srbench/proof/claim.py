"""A claim that is figures alone: what a paper prints, as TOML, CSV or JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from srbench.errors import DataError, UsageError
from srbench.export.front_matter import scalar
from srbench.system.hashes import parse_json
from srbench.system.names import unknown
from srbench.system.plain import Frozen, Scale
from srbench.system.text import from_csv_field, to_csv
from srbench.system.toml import parse_toml

SUFFIXES: Final = (".toml", ".csv", ".json")
LARGEST: Final = 4 * 2**20
MOST_FIGURES: Final = 10_000
COLUMNS: Final = ("method", "dataset", "scale", "protocol", "metric", "value", "source")
_VALUE = re.compile(r"-?\d{0,6}\.\d{1,12}|-?\d{1,6}\.?", re.ASCII)

Text = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class Figure(Frozen):
    """One printed figure."""

    method: Word
    dataset: Word
    scale: Scale
    protocol: Text = ""
    """Empty if the paper does not say it."""
    metric: Word = "psnr"
    value: Text = ""
    """As it is printed, for its digits count: ``33.60``. Empty if it has not been filled in."""
    source: Text = ""
    """The table of the paper."""

    @property
    def digits(self) -> int:
        """Decimals that are printed."""
        return len(self.value.partition(".")[2])

    @property
    def number(self) -> float:
        """The value."""
        return float(self.value)

    def __str__(self) -> str:
        under = f" {self.protocol}" if self.protocol else ""
        return f"{self.method} {self.dataset} x{self.scale}{under} {self.metric} {self.value}"


class Claim(Frozen):
    """Figures, and where they are printed."""

    schema_version: Literal[1] = 1
    title: Text = ""
    source: Text = ""
    figures: tuple[Figure, ...] = Field(max_length=MOST_FIGURES)


@dataclass(frozen=True, slots=True)
class Rows:
    """What `srbench claim init` asks to be filled in: a figure for each combination."""

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    scales: tuple[float, ...]
    metrics: tuple[str, ...]
    protocol: str

    def figures(self) -> Iterable[dict[str, Any]]:
        """The figures, without values."""
        for method in self.methods:
            for dataset in self.datasets:
                for scale in self.scales:
                    for metric in self.metrics:
                        names = {"method": method, "dataset": dataset, "scale": scale}
                        yield names | {"protocol": self.protocol, "metric": metric, "value": "", "source": ""}


def template(suffix: str, rows: Rows, title: str, source: str) -> str:
    """The text of a claim to be filled in."""
    figures = list(rows.figures())
    if suffix == ".csv":
        return to_csv([COLUMNS, *([figure[column] for column in COLUMNS] for figure in figures)])
    head = [
        "# Figures that a paper prints. `srbench verify` computes them again, with --methods or --images.",
        "# value: as it is printed, in quotes, for its digits count. protocol: empty if the paper does not say it;",
        "# `srbench list` shows those that there are.",
        "schema_version = 1",
        f"title = {_toml(title)}",
        f"source = {_toml(source)}",
    ]
    for figure in figures:
        head += ["", "[[figures]]", *(f"{column} = {_toml(figure[column])}" for column in COLUMNS)]
    return "\n".join(head) + "\n"


def _toml(value: str | int) -> str:
    return scalar(value)  # quoted as in YAML, which is a basic string of TOML as well


def read_claim(path: Path) -> Claim:
    """Read a claim.

    Raises:
        DataError: it cannot be read, or is none.
    """
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is no file: name the claim.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the path.") from error
    if len(content) > LARGEST:
        raise DataError(f"{path} has more than {LARGEST >> 20} MB, so it is no claim: name another file.")
    try:
        plain = _plain(path.suffix.lower(), content)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}): correct it.") from None
    try:
        claim = Claim.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        hint = "; write values in quotes, as they are printed" if "value" in first["loc"] else ""
        raise DataError(f"{path}: {field or 'it'}: {first['msg']}{hint}.") from None
    for figure in claim.figures:
        if figure.value and not _VALUE.fullmatch(figure.value):
            raise DataError(f"{path}: '{figure.value}' of {figure.method} is no figure; write it as it was printed.")
    return claim


def _plain(suffix: str, content: bytes) -> Mapping[str, Any]:
    if suffix == ".toml":
        return parse_toml(content)
    if suffix == ".json":
        plain = parse_json(content)
        if not isinstance(plain, dict):
            raise ValueError("it is no table")
        return plain
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    if not rows:
        raise ValueError("it is empty")
    header, *figures = rows
    for column in header:
        if column not in COLUMNS:
            raise unknown("column of a claim", column, COLUMNS)
    if short := next((row for row in figures if row and len(row) != len(header)), None):
        raise ValueError(f"a row has {len(short)} fields, and the header {len(header)}")
    named = [dict(zip(header, map(from_csv_field, row), strict=True)) for row in figures if row]
    return {"figures": named}


def require_suffix(path: Path) -> str:
    """The kind of a claim's file.

    Raises:
        UsageError: it is none that claims have.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES[:2]:
        raise UsageError(f"A claim is written as .toml or .csv, not as '{path.name}'.")
    return suffix
