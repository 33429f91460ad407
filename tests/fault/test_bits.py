"""One bit of a run's files, its weights or a checkpoint flips: it is noticed, or changes nothing that anybody reads.

SRBENCH_FLIPS says how many bits.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from srbench.analysis.baseline import write_baseline
from srbench.analysis.gate import check_runs
from srbench.analysis.references import load_references
from srbench.analysis.sample import cell_intervals
from srbench.bench.options import Options, Request
from srbench.bench.run import execute, prepare
from srbench.bench.store import LoadedRun, read_run
from srbench.cli.console import RunConsole
from srbench.errors import DataError, SrbenchError
from srbench.imaging.files import read_image
from srbench.imaging.planes import decode_planes
from srbench.method import LearnedMethod, Method
from srbench.plugins.registry import Registry
from srbench.report.tables.document import run_document
from srbench.report.text.terminal import print_tables
from srbench.report.write import write_report
from srbench.training.job import Training, plan_training
from srbench.training.session import Session
from srbench.weights import load_weights, make_method

FLIPS = int(os.environ.get("SRBENCH_FLIPS", "300"))
REQUEST = Request(methods=("bicubic", "fsrcnn-s"), datasets=("embedded",), scales=(2,), metrics=("psnr",))
REPORT = ("md", "csv", "json")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Bench:
    """A run, weights and a checkpoint, all in one folder."""

    folder: Path
    run: Path
    training: Training
    method: type[Method]
    own: Path
    shipped: Path
    checkpoint: Path

    def execute(self) -> RunConsole:
        """Run it, or run it again."""
        watcher = RunConsole(2)
        execute(prepare(REQUEST, Options(out=self.run.parent, keep_images=1, train="never"), speed=True), watcher)
        return watcher

    def session(self) -> Session:
        """A training that has not begun."""
        method = self.method()
        assert isinstance(method, LearnedMethod)
        torch.manual_seed(0)
        return Session(method.network(2), self.training.recipe, method.info, 2, CPU, None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRBENCH_CACHE", str(folder / "cache"))
        registry = Registry()
        card = registry.card("fsrcnn-s")
        training = plan_training(card, card.recipes["standard"], 2, 0)
        found = training.find()
        assert found is not None
        own = folder / "cache" / "weights" / training.file_name
        shipped = folder / "shipped" / training.file_name
        for path in (own, shipped):
            path.parent.mkdir(parents=True)
            shutil.copy(found, path)
        options = Options(out=folder / "runs", train="never")
        run = options.out / prepare(REQUEST, options).plan.run_id
        checkpoint = folder / "checkpoint.safetensors"
        bench = Bench(folder, run, training, registry.method("fsrcnn-s"), own, shipped, checkpoint)
        assert bench.execute().computed == 2
        write_report(read_run(run), formats=REPORT, plots=False)
        session = bench.session()
        for _ in range(3):
            session.advance(torch.rand(1, 1, 20, 20), torch.rand(1, 1, 40, 40))
        session.record([30.0, 31.0], 28.0)
        session.advance(torch.rand(1, 1, 20, 20), torch.rand(1, 1, 40, 40))
        session.save(checkpoint, "key")
        yield bench


@pytest.fixture
def bench(made: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SRBENCH_CACHE", str(made.folder / "cache"))
    return made


Reader = Callable[[Path], str]
"""Reads a file as srbench does: ``refused``, ``absent``, ``made again`` or ``unchanged``; fails if it is believed."""


def readers(bench: Bench) -> dict[str, Reader]:
    """By a file's kind, what reads it. What is right is read from the whole files first."""
    whole = read_run(bench.run)
    baseline = bench.folder / "baseline.csv"
    write_baseline([whole], baseline)
    references = load_references([str(baseline)])
    right = json.loads(run_document(whole, cell_intervals(whole)))["results"]
    tables = tables_of(bench.run)
    assert bench.training.find() == bench.own
    tensors = state_of(make_method(bench.method, 2, bench.own, CPU))
    report = {path: path.read_bytes() for path in write_report(whole, formats=REPORT, plots=False)}
    session = bench.session()
    assert session.resume(bench.checkpoint, "key")
    state = dict(session._tensors())

    def reload_run(path: Path) -> str:
        try:
            run = read_run(bench.run)
        except DataError as error:
            assert str(path) in str(error)
            return "refused"
        found = [row for row in json.loads(run_document(run, cell_intervals(run)))["results"] if row["status"] == "ok"]
        assert all(row in right for row in found)
        assert numbers(tables_of(bench.run)) <= numbers(tables)
        same = found == right and run.speed == whole.speed and run.record == whole.record
        assert run.trainings == whole.trainings or not run.trainings
        same = same and run.trainings == whole.trainings
        assert check_runs([run], references, complete=True).ok == (found == right)
        return "unchanged" if same else "absent"

    def read_picture(path: Path) -> str:
        pixels = pictures[path]
        try:
            assert (read_image(path) == pixels).all()
        except DataError:
            return "refused"
        return "unchanged"

    def read_planes(path: Path) -> str:
        pixels = planes[path]
        try:
            assert (decode_planes(path.read_bytes(), path.name, pixels.shape[:2]) == pixels).all()
        except DataError:
            return "refused"
        return "unchanged"

    def read_kept(path: Path) -> str:
        """Where the images of a cell are: never where another cell's are."""
        found = places_of(whole)
        assert all(place == places[name] or not place.exists() for name, place in found.items())
        return "unchanged" if found == places else "absent"

    def read_report(path: Path) -> str:
        before = path.read_bytes()
        write_report(read_run(bench.run), formats=REPORT, plots=False)
        assert all(made.read_bytes() == content for made, content in report.items())
        return "made again" if path.read_bytes() != before else "unchanged"

    def read_weights(path: Path) -> str:
        try:
            found = state_of(make_method(bench.method, 2, path, CPU))
        except DataError as error:
            assert str(path) in str(error)
            assert path != bench.own or bench.training.find() != path
            return "refused"
        assert same_tensors(found, tensors)
        return "unchanged"

    def read_checkpoint(path: Path) -> str:
        session = bench.session()
        if not session.resume(path, "key"):
            assert session.step == 0 and not session.curve
            return "refused"
        assert same_tensors(dict(session._tensors()), state)
        return "unchanged"

    pictures = {path: read_image(path) for path in bench.run.rglob("images/**/*.png")}
    assert pictures
    planes = {path: read_image(path).astype(np.float64) for path in bench.run.rglob("planes/**/*.planes")}
    places = places_of(whole)
    assert all(place.exists() for place in places.values())
    return {
        "run.json": reload_run,
        "speed.json": reload_run,
        "cells": reload_run,
        "trainings": reload_run,
        "images": read_picture,
        "planes": read_planes,
        "kept": read_kept,
        "report": read_report,
        "weights": read_weights,
        "checkpoint": read_checkpoint,
    }


def kind_of(bench: Bench, path: Path) -> str:
    if path in (bench.own, bench.shipped):
        return "weights"
    return "checkpoint" if path == bench.checkpoint else path.relative_to(bench.run).parts[0]


def places_of(run: LoadedRun) -> dict[str, Path]:
    """Where the first SR image of each cell is kept."""
    return {cell.key: run.folder.sr_path(cell.key, cell.images[0].name) for cell in run.cells}


def tables_of(run: Path) -> str:
    text = io.StringIO()
    print_tables(read_run(run), Console(file=text, width=200), ())
    return text.getvalue()


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+\.\d+", text))


def state_of(method: Method) -> dict[str, torch.Tensor]:
    assert isinstance(method, LearnedMethod)
    return {name: tensor.contiguous() for name, tensor in method.model.state_dict().items()}


def same_tensors(found: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return found.keys() == right.keys() and all(torch.equal(found[name], right[name]) for name in right)


def test_no_flipped_bit_is_believed(bench: Bench) -> None:
    rng = random.Random(2026)
    read = readers(bench)
    paths: dict[str, list[Path]] = {}
    for path in (*sorted(bench.run.rglob("*")), bench.own, bench.shipped, bench.checkpoint):
        if path.is_file() and path.stat().st_size:
            paths.setdefault(kind_of(bench, path), []).append(path)
    assert paths.keys() == read.keys()
    tally: Counter[tuple[str, str]] = Counter()
    for number in range(FLIPS):
        kind = list(paths)[number % len(paths)]
        path = rng.choice(paths[kind])
        content = path.read_bytes()
        place = rng.choice([rng.randrange(len(content)), rng.randrange(min(len(content), 600))])  # headers more often
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        os.utime(path, ns=(number, number))  # or the clock's tick hides that it was written
        try:
            tally[kind, read[kind](path)] += 1
        except SrbenchError as error:
            raise AssertionError(f"{path} bit {place}: {error}") from error
        finally:
            path.write_bytes(content)
            os.utime(path, ns=(-1 - number, -1 - number))
    print({f"{kind} {answer}": count for (kind, answer), count in sorted(tally.items())})
    for kind in ("run.json", "weights", "checkpoint"):
        assert not tally[kind, "unchanged"], kind


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_what_is_damaged_is_named_and_made_again(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    right = tables_of(bench.run)
    record, speed = bench.run / "run.json", bench.run / "speed.json"
    (cell, _) = sorted((bench.run / "cells").glob("*.json"))
    for path, place, computed in ((record, 40, 0), (speed, 40, 0), (cell, 40, 1), (record, -90, 0)):
        flip(path, place)
        capfd.readouterr()
        assert bench.execute().computed == computed
        said = capfd.readouterr().err
        assert (f"{path} is damaged" in said) == (path != cell)
        read_run(bench.run)
        assert not capfd.readouterr().err, "it is whole again"
    assert numbers(tables_of(bench.run)) >= numbers(right) - numbers(right.partition("\n")[2])


def test_damaged_weights_of_ones_own_count_as_missing(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    whole = bench.own.read_bytes()
    flip(bench.own, -1)
    os.utime(bench.own, ns=(10**9, 10**9))
    assert bench.training.find() not in (None, bench.own)
    assert f"The weights {bench.own} are damaged (its checksum is not that of its content)" in capfd.readouterr().err
    with pytest.raises(DataError, match="delete the file and train again"):
        make_method(bench.method, 2, bench.own, CPU)
    bench.own.write_bytes(whole)
    os.utime(bench.own, ns=(2 * 10**9, 2 * 10**9))
    assert bench.training.find() == bench.own


def test_weights_without_a_checksum_are_refused(bench: Bench, tmp_path: Path) -> None:
    """Or one bit in the checksum's name would make an old file of a new one."""
    path = tmp_path / "old.safetensors"
    path.write_bytes(bench.own.read_bytes().replace(b'"sha256"', b'"sha257"'))
    method = bench.method()
    assert isinstance(method, LearnedMethod)
    with pytest.raises(DataError, match=r"has no checksum.*; install srbench again, or get the file again"):
        load_weights(path, method.network(2))


def test_a_damaged_checkpoint_is_named(bench: Bench, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.safetensors"
    shutil.copy(bench.checkpoint, path)
    flip(path, -1)
    assert not bench.session().resume(path, "key")
    expected = (
        f"srbench: The checkpoint {path} is damaged (its checksum is not that of its content): the training starts"
    )
    assert expected in capfd.readouterr().err
