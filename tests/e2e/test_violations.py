"""Ill-behaved methods beside honest ones: whatever they do, the honest rows are the same bytes, and nothing hangs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import photograph, save
from violations import FAILS, SAID, VIOLATIONS, source

pytestmark = [pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux's processes"), pytest.mark.long]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
HONEST = ("bicubic", "dcci", "fsrcnn", "nearest")
WORDS = ("run", "--datasets", "./photos", "--scales", "2", "--no-speed", "--no-report", "--json")


@pytest.fixture
def cli(program: Cli) -> Cli:
    """The whole program: that its hosts are apart from it is the matter here."""
    return program


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photographs, and a plugin file for each violation."""
    for number in range(2):
        save(tmp_path / "photos" / f"{number}.png", photograph(48, 56, number))
    for name in VIOLATIONS:
        (tmp_path / f"violation-{name}.py").write_text(source(name, str(tmp_path / "photos")))
    return tmp_path


def honest_cells(out: Path) -> dict[str, bytes]:
    """The honest methods' cells, byte for byte."""
    cells = [path.read_bytes() for path in out.glob("*/cells/*.json")]
    named = {json.loads(cell)["id"]["method"]: cell for cell in cells}
    return {name: named[name] for name in HONEST}


@pytest.mark.parametrize("jobs", [(), ("--jobs", "2")], ids=["default", "jobs"])
def test_honest_rows_are_the_same_bytes(cli: Cli, folder: Path, jobs: tuple[str, ...]) -> None:
    alone = cli(*WORDS, "--methods", ",".join(HONEST), "--out", "alone")
    assert alone.returncode == 0, alone.stderr
    plugins = [word for name in VIOLATIONS for word in ("--plugin", f"violation-{name}.py")]
    names = list(VIOLATIONS)
    beside = [*names[: len(names) // 2], *HONEST, *names[len(names) // 2 :]]
    result = cli(*WORDS, "--methods", ",".join(beside), "--out", "beside", *plugins, *jobs)
    assert result.returncode == 3, result.stderr[-3000:]
    assert honest_cells(folder / "beside") == honest_cells(folder / "alone")

    document = json.loads(result.stdout)
    failed = {row["method"]: row["error"] for row in document["failed"]}
    assert failed.keys() >= FAILS
    assert not failed.keys() & SAID.keys(), failed
    assert all(len(error) < 5000 and error.isprintable() for error in failed.values())
    assert "found HR" not in result.stdout
    (run,) = (folder / "beside").glob("*/run.json")
    assert run.stat().st_size < 2_000_000
    notes = json.loads(run.read_text())["notes"]
    for name, words in SAID.items():
        assert any(note.startswith(f"{name}: ") and words in note for note in notes), (name, notes)
    assert not any(note.startswith(HONEST) for note in notes)
    assert len(result.stderr) < 20_000_000
    assert not [process for process in Path("/proc").glob("[0-9]*") if _is_host(process, folder)]


def _is_host(process: Path, folder: Path) -> bool:
    """Whether a process that still runs was started for one of the methods."""
    try:
        place, command = (process / "cwd").readlink(), (process / "cmdline").read_bytes()
    except OSError:
        return False
    return place.is_relative_to(folder) and b"forkserver" in command
