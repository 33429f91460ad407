"""A broken or hostile run.json is one sentence, whatever opens the run; what is too long is cut before it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runs import write_run
from typer.testing import CliRunner

import srbench
from srbench.bench.record import MOST_TRACEBACKS, Record
from srbench.bench.results import LONGEST_ERROR, LONGEST_TRACEBACK, CellId, FailedCell
from srbench.bench.sealed import LARGEST
from srbench.bench.store import RunFolder
from srbench.bench.task import Failure
from srbench.canonical import digest
from srbench.cli.main import app
from srbench.errors import DataError, SrbenchError

Change = Callable[[dict[str, Any]], object]
CELL = {"method": "x", "dataset": "set5", "scale": 2, "protocol": "vdsr", "seed": 0, "recipe": ""}


def nested(depth: int) -> Any:
    inner: Any = 1
    for _ in range(depth):
        inner = [inner]
    return inner


HOSTILE: dict[str, tuple[Change, str]] = {
    "digits below 0": (lambda run: run["metrics"][0].update(digits=-3), "digits"),
    "digits without end": (lambda run: run["metrics"][0].update(digits=10**9), "digits"),
    "repeated cells": (lambda run: run["cells"].extend(run["cells"][:1] * 20_000), "twice"),
    "repeated metrics": (lambda run: run["metrics"].extend(run["metrics"][:1]), "twice"),
    "repeated failures": (lambda run: run.update(failed=[{"id": CELL, "kind": "data", "error": ""}] * 2), "twice"),
    "nesting": (lambda run: run.update(protocol_content={"a": nested(500)}), "deeply"),
    "a long name": (lambda run: run["methods"][0].update(name="x" * 1_000_000), "at most"),
    "wrong types": (lambda run: run.update(cells={"a": 1}), "cells"),
    "a scale of 0": (lambda run: run["scales"].append(0), "scales"),
    "a scale without end": (lambda run: run["cells"][0]["id"].update(scale=10**40), "scale"),
    "an unknown key": (lambda run: run.update(surprise=1), "surprise"),
    "no cells": (lambda run: run.pop("cells"), "cells"),
}
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "damaged"),
    "not UTF-8": (b"\xff\xfe", "damaged"),
    "a list": (b"[]", "no table"),
    "nesting": (b'{"a": ' + b"[" * 200_000, "deeply"),
    "deep nesting that closes": (b'{"schema_version": 2, "a": ' + b"[" * 900 + b"]" * 900 + b"}", "damaged"),
    "NaN": (b'{"schema_version": 2, "scales": [NaN]}', "checksum"),
    "a number without end": (b'{"schema_version": ' + b"9" * 5000 + b"}", "damaged"),
    "an escape": (b'{"schema_version": 2, "\\ud800": 1}', "checksum"),
    "200 MB": (b" " * (LARGEST + 1), "larger than 64 MB"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return write_run(folder, gains={"bicubic": 0.0, "dcci": 0.2}, scales=(2,), failed=(), pictures=0).folder.path


def refused(folder: Path, expected: str) -> None:
    """Every way to open the run says the same sentence."""
    name = str(folder)
    for words in (["report", name, "--no-plots"], ["check", name], ["compare", "bicubic", "dcci", name]):
        result = CliRunner().invoke(app, words)
        assert isinstance(result.exception, SrbenchError), (words, result.exception)
        assert result.exception.exit_code in (2, 4)
        sentence = str(result.exception)
        assert expected in sentence and "run.json" in sentence
        assert sentence.isprintable() and len(sentence) < 1100
        assert not result.stdout
    with pytest.raises(DataError, match=r"run\.json"):
        srbench.load_run(folder)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_records_with_a_right_checksum(whole: Path, name: str) -> None:
    change, expected = HOSTILE[name]
    path = whole / "run.json"
    kept = path.read_bytes()
    plain = json.loads(kept)
    del plain["sha256"]
    change(plain)
    path.write_text(json.dumps(plain | {"sha256": digest(plain)}))
    try:
        refused(whole, expected)
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_records(tmp_path: Path, name: str) -> None:
    content, expected = BROKEN[name]
    (tmp_path / "run.json").write_bytes(content)
    refused(tmp_path, expected)


def test_what_a_method_raises_is_cut_before_it_is_kept() -> None:
    try:
        raise ValueError("début" + "x" * 60_000_000 + "\udcff end")
    except ValueError as error:
        failure = Failure.of(error)
    assert len(failure.error) < LONGEST_ERROR + 10 and len(failure.traceback) < LONGEST_TRACEBACK + 10
    assert failure.error.startswith("ValueError: débutxxx") and failure.error.endswith(r"\udcff end")
    assert "characters left out" in failure.error and "characters left out" in failure.traceback
    assert failure.traceback.startswith("Traceback")
    kept = FailedCell(id=CellId(**CELL), kind="method", error="y" * 10**6, traceback="z" * 10**6)
    assert len(kept.error) < LONGEST_ERROR and len(kept.traceback) < LONGEST_TRACEBACK
    short = Failure(kind="method", error="e", traceback="t")
    assert (short.error, short.traceback) == ("e", "t")


def test_tracebacks_of_thousands_of_cells_do_not_make_a_record_too_large(tmp_path: Path) -> None:
    record = Record.__new__(Record)
    record._tracebacks, record._failed, record._states = 0, {}, [None] * 3000  # type: ignore[list-item]
    jobs = [type("Job", (), {"id": CellId(**CELL | {"method": f"m{n}"})}) for n in range(3000)]
    record._plan = type("Plan", (), {"jobs": jobs})  # type: ignore[assignment]
    for number, job in enumerate(jobs):
        record.settle(number, None, FailedCell(id=job.id, kind="method", error="e", traceback="t" * 20_000))  # type: ignore[attr-defined]
    kept = sum(len(failed.traceback) for failed in record._failed.values())
    assert MOST_TRACEBACKS - 20_000 < kept < MOST_TRACEBACKS + 3000 * 60
    assert "left out" in record._failed[2999].traceback


def test_a_cell_is_no_pipe(tmp_path: Path) -> None:
    """Reading one would wait for ever."""
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("the system has no named pipes")
    (tmp_path / "cells").mkdir()
    os.mkfifo(tmp_path / "cells" / "k.json")
    assert RunFolder(tmp_path).read_cell("k") is None
