"""``srbench speed``, and the speed column of ``srbench run``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from srbench.speed.record import read_speed_record
from srbench.system.hashes import digest

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = ("--scales", "2", "--sizes", "32", "--runs", "5")


def test_a_table_and_a_record(cli: Cli, tmp_path: Path) -> None:
    result = cli("speed", "--methods", "bicubic,fsrcnn,srcnn-y", *SMALL, "--modes", "fp32,bf16+channels_last")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:2] == ["srcnn-y", "bf16,"] for line in map(str.strip, lines))
    assert "x2 32x32 to 64x64 (32)" in result.stdout
    (path,) = (tmp_path / "results" / "speed").glob("cpu-*.json")
    assert str(path.relative_to(tmp_path)) in result.stderr
    record = json.loads(path.read_text())
    assert record["schema_version"] == 2
    assert record["bandwidth_gb_s"] > 0
    assert set(record["tflops"]) == {"fp32", "bf16"}
    assert record["machine"]["threads"]
    assert {row["method"] for row in record["rows"]} == {"bicubic", "fsrcnn", "srcnn-y"}
    assert not [row for row in record["rows"] if row["error"]]


def test_json_is_the_record(cli: Cli, tmp_path: Path) -> None:
    result = cli("speed", "--methods", "bicubic", *SMALL, "--batch", "1,2", "--json")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)["rows"]
    (tmp_path / "old.json").write_text(result.stdout)
    assert [row.model_dump() for row in read_speed_record(tmp_path / "old.json").rows] == rows
    assert [row["batch"] for row in rows] == [1, 2]
    assert all(row["runs"] == 5 and row["megapixels_per_s"] > 0 for row in rows)


def test_a_method_that_fails_is_a_row_and_the_exit_code(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "from srbench.method import Method, MethodInfo\n"
        "class Broken(Method):\n"
        "    info = MethodInfo(name='broken', family='edge', channels='y', input='lr')\n"
        "    def upscale(self, x, scale):\n"
        "        raise RuntimeError('out of ideas')\n"
    )
    result = cli("speed", "--methods", "broken,bicubic", "--plugin", "broken.py", *SMALL)
    assert result.returncode == 3
    assert "broken fp32: RuntimeError: out of ideas" in result.stdout
    assert "bicubic" in result.stdout


def test_against_an_earlier_record(cli: Cli, tmp_path: Path) -> None:
    """The same numbers agree; a record that was a hundred times as fast shows a regression."""
    words = ("speed", "--methods", "bicubic,fsrcnn", *SMALL, "--modes", "fp32")
    assert cli(*words).returncode == 0
    (path,) = (tmp_path / "results" / "speed").glob("cpu-*.json")
    record = json.loads(path.read_text())
    assert all(row["pace_ms"] > 0 for row in record["rows"])
    for factor, code, word in ((100.0, 0, "faster"), (0.01, 1, "slower")):
        times = ("median_ms", "lower_quartile_ms", "upper_quartile_ms")
        rows = [row | {name: factor * row[name] for name in times} for row in record["rows"]]
        write_record(tmp_path / "old.json", record | {"rows": rows})
        result = cli(*words, "--against", "old.json")
        assert result.returncode == code, result.stdout
        assert [line.split()[-1] for line in result.stdout.splitlines() if line.rstrip().endswith(word)] == 2 * [word]
        assert "0 of 2 rows agree" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= 80


def write_record(path: Path, content: dict[str, object]) -> None:
    """A record of that content, with its checksum."""
    content.pop("sha256", None)
    path.write_text(json.dumps(content | {"sha256": digest(content)}))


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (None, 4, "old.json cannot be read"),
        ({"rows": 3}, 4, "old.json is damaged: rows"),
        ({"device": "cuda (NVIDIA H100)"}, 2, "The device of the record is cuda (NVIDIA H100), and here it is cpu"),
    ],
)
def test_a_record_that_cannot_be_compared_with_is_refused_at_once(
    cli: Cli, tmp_path: Path, change: dict[str, object] | None, code: int, says: str
) -> None:
    content = {
        "schema_version": 2,
        "date": "",
        "command": "",
        "device": "cpu",
        "machine": {},
        "versions": {},
        "protocol": "vdsr",
    }
    content |= {"bandwidth_gb_s": 1.0, "tflops": {}, "rows": []}  # type: ignore[dict-item]
    if change is not None:
        write_record(tmp_path / "old.json", content | change)
    result = cli("speed", "--methods", "bicubic", *SMALL, "--against", "old.json")
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--modes", "fp33"), "fp32"),
        (("--modes", "fp32+graph"), "no mode fp32+graph"),
        (("--sizes", "10000"), "A size is"),
        (("--sizes", ","), "--sizes needs at least one"),
        (("--methods", ""), "--methods needs at least one"),
        (("--batch", "0"), "--batch"),
        (("--methods", "fsrcn"), "fsrcnn"),
        (("--runs", "1"), "runs"),
        (("--against", "old.json", "--json"), "leave one of them out"),
    ],
)
def test_what_is_wrong_is_said(cli: Cli, words: tuple[str, str], says: str) -> None:
    result = cli("speed", "--scales", "2", "--sizes", "32", *words)
    assert result.returncode == 2, result.stdout
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_run_times_its_methods_once(cli: Cli, photos: Path, tmp_path: Path) -> None:
    words = ("run", "--methods", "bicubic,nearest", "--datasets", "./photos", "--scales", "2,3")
    first = cli(*words)
    assert first.returncode == 0, first.stderr
    assert "MP/s x2" in first.stdout
    assert max(map(len, first.stdout.splitlines())) <= 80
    (path,) = tmp_path.glob("results/runs/*/speed.json")
    before = path.read_bytes()
    again = cli(*words, "--json")
    assert path.read_bytes() == before
    assert [row["method"] for row in json.loads(again.stdout)["speed"]["rows"]] == ["bicubic", "nearest"]
    report = (path.parent / "report" / "report.md").read_text()
    assert "| MP/s x2 |" in report


def test_a_run_without_speed(cli: Cli, photos: Path, tmp_path: Path) -> None:
    result = cli("run", "--methods", "bicubic", "--datasets", "./photos", "--scales", "2", "--no-speed")
    assert result.returncode == 0, result.stderr
    assert "MP/s" not in result.stdout
    assert not list(tmp_path.glob("results/runs/*/speed.json"))
