"""``srbench speed``: what cannot be timed is refused before anything is, and what was timed is not lost."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from srbench.cli.speed import TimingLine, speed
from srbench.errors import SrbenchError
from srbench.speed import folder as speed_folder
from srbench.speed.folder import keep_record, record_path
from srbench.speed.measure import SpeedTest
from srbench.speed.record import SpeedRecord, read_speed_record
from srbench.speed.roofline import Peaks
from srbench.system.files import StoreError, write_new

GIVEN: dict[str, Any] = {"methods": "bicubic", "scales": "2", "sizes": "16", "modes": "fp32", "runs": 5}


@pytest.fixture
def peaks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The device's limits without the seconds that they take; the list grows with each measurement."""
    measured: list[str] = []

    def measure(self: SpeedTest, modes: object) -> Peaks:
        measured.append("peaks")
        return Peaks(1e10, {"fp32": 1e11, "bf16": 1e11})

    monkeypatch.setattr(SpeedTest, "peaks", measure)
    monkeypatch.chdir(tmp_path)
    return measured


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"sizes": "16,999999"}, 2, "A size is"),
        ({"sizes": ""}, 2, "--sizes needs at least one."),
        ({"sizes": " , "}, 2, "--sizes needs at least one."),
        ({"methods": ""}, 2, "--methods needs at least one."),
        ({"scales": "17"}, 2, "Nothing to time: none of the methods works at x17 in fp32."),
        ({"modes": "bf16"}, 2, "Nothing to time: none of the methods works at x2 in bf16."),
        ({"protocol": "nope"}, 2, "There is no protocol 'nope'"),
        ({"out": Path("file")}, 4, "Results cannot be written to file (File exists)"),
        ({"out": Path("file/folder")}, 4, "Results cannot be written to file/folder"),
        ({"out": Path("/proc/nope")}, 4, "Results cannot be written to /proc/nope"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_timed(
    peaks: list[str], given: dict[str, Any], code: int, says: str
) -> None:
    Path("file").touch()
    with pytest.raises(SrbenchError) as raised:
        speed(**GIVEN | given)
    assert raised.value.exit_code == code
    assert str(raised.value).startswith(says)
    assert peaks == []
    assert [path.name for path in Path().iterdir()] == ["file"]


class Pressed:
    """Ctrl-C at the so manieth round that is begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        tell = TimingLine.tell

        def said(progress: TimingLine, text: str) -> None:
            tell(progress, text)
            self.left -= ": round " in text
            if not self.left:
                self.left = -1
                raise KeyboardInterrupt

        monkeypatch.setattr(TimingLine, "tell", said)


@pytest.mark.parametrize(("at", "sizes"), [(3, []), (8, ["16"]), (13, ["16"]), (18, ["16", "17"])])
def test_an_interrupt_keeps_the_rows_that_were_timed(
    at: int,
    sizes: list[str],
    peaks: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Those of earlier sizes, and of this one what was run five times already."""
    Pressed(monkeypatch, at)
    with pytest.raises(typer.Exit) as left:
        speed(**GIVEN | {"sizes": "16,17,18", "runs": 10, "out": tmp_path / "a"})
    assert left.value.exit_code == 130
    shown = capsys.readouterr()
    assert [f"({size})" in shown.out for size in ("16", "17", "18")] == [size in sizes for size in ("16", "17", "18")]
    if not sizes:
        assert list((tmp_path / "a").iterdir()) == []
        assert "interrupted before a row was timed" in shown.err
        return
    assert f"interrupted: {len(sizes)} of 3 rows\nrecord: " in shown.err
    (path,) = (tmp_path / "a").glob("*.json")
    kept = read_speed_record(path).rows
    assert [row.size for row in kept] == sizes
    assert all(5 <= row.runs <= 10 and row.median_ms for row in kept)


@pytest.mark.parametrize(("load", "said"), [(0.1, False), (9.5, True)])
def test_a_busy_machine_is_told(
    load: float, said: bool, peaks: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    monkeypatch.setattr("srbench.speed.measure.cores", lambda: 2)
    speed(**GIVEN)
    err = capsys.readouterr().err
    assert ("the machine is busy (load 9.5 on 2 cores)" in err) is said


def test_rows_are_shown_as_they_come(
    peaks: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[str] = []
    tell = TimingLine.tell

    def said(progress: TimingLine, text: str) -> None:
        tell(progress, text)
        if text.startswith("warming up"):
            shown.append(text)
            assert capsys.readouterr().out.count("(16)") == (1 if len(shown) == 2 else 0)

    monkeypatch.setattr(TimingLine, "tell", said)
    speed(**GIVEN | {"sizes": "16,17"})
    assert [text.rpartition("(")[2] for text in shown] == ["1 of 2 rows)", "2 of 2 rows)"]


def rows_of(folder: Path) -> list[tuple[int, str, int, str]]:
    (path,) = folder.glob("*.json")
    return [(row.scale, row.size, row.batch, row.mode) for row in read_speed_record(path).rows]


def test_each_row_is_timed_once(peaks: list[str], tmp_path: Path) -> None:
    given = {
        "sizes": "16,17,16,016",
        "scales": "3,2,3",
        "batch": "2,1,2,02",
        "modes": "fp32,fp32",
        "out": tmp_path / "a",
    }
    speed(**GIVEN | given)
    wanted = [(scale, size, batch, "fp32") for size in ("16", "17") for scale in (3, 2) for batch in (2, 1)]
    assert rows_of(tmp_path / "a") == wanted
    assert peaks == ["peaks"]


def test_the_figures_are_shown_though_they_cannot_be_kept(
    peaks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: str) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(speed_folder, "write_new", full)
    with pytest.raises(StoreError, match=r"Results cannot be written to .* \(No space left on device\)"):
        speed(**GIVEN | {"out": tmp_path / "a"})
    assert "bicubic" in capsys.readouterr().out
    with pytest.raises(StoreError):
        speed(**GIVEN | {"out": tmp_path / "a", "json": True})
    assert json.loads(capsys.readouterr().out)["rows"][0]["method"] == "bicubic"
    assert list((tmp_path / "a").iterdir()) == []


def at_once(count: int, work: Callable[[int], object]) -> None:
    """Let so many threads begin together."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> None:
        barrier.wait()
        work(number)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def record(command: str) -> SpeedRecord:
    return SpeedRecord(
        date="2026-11-21T15:25:15+00:00",
        command=command,
        device="cpu",
        machine={},
        versions={},
        protocol="vdsr",
        bandwidth_gb_s=1.0,
        tflops={},
        rows=(),
    )


def test_records_of_one_second_are_all_kept(tmp_path: Path) -> None:
    at_once(8, lambda number: keep_record(record(str(number)), tmp_path))
    found = {path.name: read_speed_record(path).command for path in tmp_path.iterdir()}
    assert sorted(found.values()) == list("01234567")
    names = [f"cpu-20261121-152515{suffix}.json" for suffix in ("", "-2", "-3", "-4", "-5", "-6", "-7", "-8")]
    assert sorted(found) == sorted(names)


def test_a_name_is_left_free_where_nothing_could_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_new(tmp_path / "a.json", "x")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert write_new(tmp_path / "new" / "a.json", "x").read_text() == "x"


def test_records_are_named_by_device_and_date() -> None:
    path = record_path(Path("speed"), "cuda (NVIDIA H100 80GB)", "2026-11-21T15:25:15+00:00")
    assert path == Path("speed/cuda-nvidia-h100-80gb-20261121-152515.json")
