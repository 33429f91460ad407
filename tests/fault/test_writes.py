"""Every write of a run fails once: the run ends with one sentence, nothing is half there, and the next run goes on."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from srbench.bench import record
from srbench.bench.engine import Engine
from srbench.bench.options import Options, Request
from srbench.bench.plan import Plan, PlannedJob
from srbench.bench.planning import make_plan
from srbench.bench.results import CellResult, FailedCell
from srbench.bench.store import RunFolder, read_run
from srbench.plugins.registry import Registry
from srbench.system.files import StoreError
from srbench.training.job import Training
from srbench.training.progress import Report

pytestmark = pytest.mark.long


class Silent:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.computed = self.known = self.failed = 0

    def cell_started(self, job: PlannedJob) -> None: ...
    def image_done(self, job: PlannedJob) -> None: ...
    def training(self, training: Training) -> Report:
        return lambda progress: None

    def training_ended(self, training: Training) -> None: ...
    def waiting(self, what: str) -> None: ...
    def output(self, text: str) -> None: ...

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        if isinstance(outcome, FailedCell):
            self.failed += 1
        elif known:
            self.known += 1
        else:
            self.computed += 1


@pytest.fixture
def plan(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(photos.parent)
    request = Request(methods=("bicubic", "nearest"), datasets=("./photos",), scales=(2,), metrics=("psnr",))
    return make_plan(request, Registry())


def execute(plan: Plan, out: Path) -> Silent:
    watcher = Silent()
    with Engine(plan, Registry(), Options(out=out, keep_images=1), watcher) as engine:
        engine.execute()
    return watcher


def files(out: Path) -> dict[str, bytes]:
    """What is compared: all but what names a time, and the locks."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if not name.endswith(("run.json", ".lock"))}


@contextmanager
def failing(step: str, number: int, folder: Path) -> Iterator[list[int]]:
    """Let the so-and-so-many-th write in a folder fail, before or after its content is on the disk."""
    count = [0]
    owner, name = (os, "fsync") if step == "fsync" else (Path, step)
    real = getattr(owner, name)

    def fail(*args: object, **kwargs: object) -> object:
        path = Path(f"/proc/self/fd/{args[0]}").readlink() if step == "fsync" else Path(str(args[0]))
        is_ours = path.is_relative_to(folder) and (step != "open" or "xb" in args)
        if step == "fsync" and path.is_dir():
            is_ours = False  # a folder's is suppressed anyway
        count[0] += is_ours
        if is_ours and count[0] == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, fail)
        yield count


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_every_write_fails_once(
    plan: Plan, tmp_path: Path, own_cache: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "SAVE_EVERY", 0.0)  # else run.json is written twice at most
    with failing(step, 0, tmp_path) as count:
        execute(plan, tmp_path / "whole")
    whole = files(tmp_path / "whole")
    assert count[0] >= 2 + 3 + 4  # cells, pictures, run.json
    for number in range(1, count[0] + 1):
        out = tmp_path / "out"
        with failing(step, number, out), pytest.raises(StoreError, match="No space left on device") as error:
            execute(plan, out)
        assert "\n" not in str(error.value)
        left = files(out)
        assert left.items() <= whole.items(), "something half-written is left"
        watcher = execute(plan, out)
        assert (watcher.computed + watcher.known, watcher.failed) == (2, 0)
        assert files(out) == whole
        shutil.rmtree(out)
    with failing(step, 1, own_cache) as count:  # what cells cost is noted for the next run's order, and no more
        assert (execute(plan, out).computed, count[0]) == (2, 1)
    assert files(out) == whole


def test_a_cell_that_was_cut_or_altered_is_computed_again(plan: Plan, tmp_path: Path) -> None:
    execute(plan, tmp_path)
    whole = files(tmp_path)
    for damage in (lambda content: content[: len(content) // 2], lambda content: content.replace(b"3", b"4", 1)):
        path = next(tmp_path.rglob("cells/*.json"))
        path.write_bytes(damage(path.read_bytes()))
        watcher = execute(plan, tmp_path)
        assert (watcher.computed, watcher.known) == (1, 1)
        assert files(tmp_path) == whole


def test_a_run_whose_folder_is_removed_says_so(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = RunFolder.write_cell

    def vandal(folder: RunFolder, cell: CellResult) -> None:
        real(folder, cell)
        shutil.rmtree(folder.path)

    monkeypatch.setattr(RunFolder, "write_cell", vandal)
    with pytest.raises(StoreError, match="was removed while the run was going on"):
        execute(plan, tmp_path / "out")
    assert not files(tmp_path / "out")


def test_a_clock_that_jumps_changes_nothing(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(plan, tmp_path / "whole")
    hours = iter(range(0, 10**6, 7))
    monkeypatch.setattr("time.time", lambda: 1e9 - 3600.0 * next(hours))
    watcher = execute(plan, tmp_path / "out")
    assert watcher.computed == 2
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    (run,) = (tmp_path / "out").iterdir()
    assert len(read_run(run).cells) == 2
