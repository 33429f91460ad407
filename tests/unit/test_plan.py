"""Plans: lists of cells with keys."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from srbench.bench.options import Request
from srbench.bench.plan import Plan
from srbench.bench.planning import make_plan, run_command
from srbench.bench.speed_column import due
from srbench.errors import UsageError
from srbench.metrics.pooling import POOLS
from srbench.plugins.registry import Registry
from srbench.system.hashes import digest
from srbench.weights import save_weights, trained_folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "only2.py").write_text(
        "from srbench.method import Method, MethodInfo\n"
        "class Only2(Method):\n"
        "    info = MethodInfo(name='only2', family='edge', channels='y', input='lr', scales=frozenset({2}))\n"
        "    def upscale(self, x, scale): ...\n"
    )
    return Registry([tmp_path / "only2.py"])


def labels(plan: Plan) -> list[str]:
    return [str(job.id) for job in plan.jobs]


def test_cells_are_ordered_and_distinct(registry: Registry, photos: Path) -> None:
    request = Request(methods=("bicubic", "srcnn-y"), datasets=(str(photos),), scales=(3, 2, 3), seeds=(0, 1))
    assert labels(make_plan(request, registry)) == [
        "bicubic photos x2 vdsr",
        "srcnn-y:standard photos x2 vdsr",
        "srcnn-y:standard photos x2 vdsr seed 1",
        "bicubic photos x3 vdsr",
        "srcnn-y:standard photos x3 vdsr",
        "srcnn-y:standard photos x3 vdsr seed 1",
    ]


def test_what_a_method_cannot_do_is_left_out_and_said(registry: Registry, photos: Path) -> None:
    plan = make_plan(Request(methods=("only2", "bicubic"), datasets=(str(photos),), scales=(2, 3)), registry)
    assert labels(plan) == ["only2 photos x2 vdsr", "bicubic photos x2 vdsr", "bicubic photos x3 vdsr"]
    assert plan.skipped == ("only2 does not work at x3",)
    with pytest.raises(UsageError, match="Nothing to run: only2 does not work at x3"):
        make_plan(Request(methods=("only2",), datasets=(str(photos),), scales=(3,)), registry)


def test_the_key_changes_with_all_that_decides_numbers(registry: Registry, photos: Path) -> None:
    request = Request(methods=("bicubic",), datasets=(str(photos),), scales=(2,))
    plan = make_plan(request, registry)
    inputs = plan.jobs[0].inputs(plan.scoring, None)
    keys = {digest(inputs)}
    for changed in (
        dataclasses.replace(request, protocol="srcnn"),
        dataclasses.replace(request, metrics=("psnr",)),
        dataclasses.replace(request, scales=(3,)),
        dataclasses.replace(request, methods=("nearest",)),
        dataclasses.replace(request, datasets=("embedded",)),
    ):
        other = make_plan(changed, registry)
        keys.add(digest(other.jobs[0].inputs(other.scoring, None)))
    keys.add(digest(plan.jobs[0].inputs(plan.scoring, "0" * 64)))
    for field in ("source", "version", "engine", "schema", "seed"):
        keys.add(digest(inputs | {field: "other"}))
    assert len(keys) == 12
    assert digest(plan.jobs[0].inputs(make_plan(request, registry).scoring, None)) == digest(inputs)


def test_a_protocol_for_one_scale_leaves_the_others_out(registry: Registry, photos: Path) -> None:
    request = Request(methods=("bicubic",), datasets=(str(photos),), scales=(2, 3, 4), protocol="bd")
    plan = make_plan(request, registry)
    assert [job.id.scale for job in plan.jobs] == [3]
    assert plan.skipped == tuple(f"protocol 'bd' is for x3 alone, not x{scale}" for scale in (2, 4))
    with pytest.raises(UsageError, match="Nothing to run: protocol 'bd' is for x3 alone, not x2"):
        make_plan(dataclasses.replace(request, scales=(2,)), registry)


def test_the_encoder_of_a_jpeg_is_in_the_key(
    registry: Registry, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = '[[degradation]]\nstep = "subsample"\n[[degradation]]\nstep = "jpeg"\n'
    (tmp_path / "jpeg.toml").write_text(steps)
    request = Request(methods=("bicubic",), datasets=(str(photos),), scales=(2,))
    jpeg = make_plan(dataclasses.replace(request, protocol=str(tmp_path / "jpeg.toml")), registry)
    plain = make_plan(request, registry)
    before = [plan.jobs[0].inputs(plan.scoring, None) for plan in (jpeg, plain)]
    monkeypatch.setattr("srbench.bench.plan.version", lambda package: f"{package} of tomorrow")
    after = [plan.jobs[0].inputs(plan.scoring, None) for plan in (jpeg, plain)]
    assert before[0] != after[0] and before[1] == after[1]


def test_the_same_question_has_the_same_run(registry: Registry, photos: Path) -> None:
    request = Request(methods=("bicubic",), datasets=(str(photos),))
    first = make_plan(request, registry)
    assert make_plan(request, registry).run_id == first.run_id
    assert make_plan(dataclasses.replace(request, protocol="classic"), registry).run_id == first.run_id
    assert make_plan(dataclasses.replace(request, scales=(2,)), registry).run_id != first.run_id


def test_folders_of_one_name_are_told_apart_by_those_above(registry: Registry, photos: Path, tmp_path: Path) -> None:
    for place in ("b/other", "c/other"):
        (tmp_path / place / "photos").mkdir(parents=True)
        (tmp_path / place / "photos" / f"{place[0]}.png").write_bytes((photos / "first.png").read_bytes())
    specs = (str(photos), f"{tmp_path}/b/other/photos", f"{tmp_path}/c/other/photos")
    plan = make_plan(Request(datasets=specs, scales=(2,), methods=("bicubic",)), registry)
    assert [dataset.name for dataset in plan.datasets] == [
        f"{tmp_path.name}-photos",
        "b-other-photos",
        "c-other-photos",
    ]
    assert {job.id.dataset for job in plan.jobs} == {dataset.name for dataset in plan.datasets}
    again = make_plan(Request(datasets=(str(photos), f"{photos}/../photos")), registry)
    assert [dataset.name for dataset in again.datasets] == ["photos"]


def test_names_that_are_given_twice_are_refused(registry: Registry, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes((photos / "first.png").read_bytes())
    with pytest.raises(UsageError, match=r"both called 'x': x=\S+photos and x=\S+other; name one of them, as in"):
        make_plan(Request(datasets=(f"x={photos}", f"x={tmp_path}/other")), registry)


def test_the_command_repeats_the_run() -> None:
    assert run_command(Request()) == "srbench run"
    request = Request(methods=("bicubic", "srcnn-*"), scales=(2,), protocol="edsr", datasets=("my photos/",))
    assert (
        run_command(request) == "srbench run --methods 'bicubic,srcnn-*' --datasets 'my photos/' --scales 2 "
        "--protocol edsr"
    )


def test_a_glob_trains_nothing_that_takes_long(photos: Path, tmp_path: Path) -> None:
    """A method whose default recipe is not `quick` comes in by a glob only once its weights are here."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from srbench.method import LearnedMethod, MethodInfo, Recipe\n"
        "class Slow(LearnedMethod):\n"
        "    info = MethodInfo(name='slow', family='prediction', channels='y', input='lr', scales=frozenset({2}))\n"
        "    recipes = {'standard': Recipe(steps=10**6), 'quick': Recipe()}\n"
        "    def network(self, scale): ...\n"
    )
    registry = Registry([plugin])

    def found(*methods: str) -> list[str]:
        request = Request(methods=methods, datasets=(str(photos),), scales=(2,))
        return [job.id.method_label for job in make_plan(request, registry).jobs]

    assert "slow:standard" not in found("*")
    assert "bicubic" in found("*")
    assert found("slow") == found("slow:standard") == ["slow:standard"]
    assert found("slo*:quick") == ["slow:quick"]
    assert "slow:standard" in found("*", "slow")
    skipped = make_plan(Request(datasets=(str(photos),), scales=(2,)), registry).skipped
    (left_out,) = (sentence for sentence in skipped if "slow:standard" in sentence)
    assert "no weights here" in left_out
    training = make_plan(Request(methods=("slow",), datasets=(str(photos),), scales=(2,)), registry).jobs[0].training
    assert training is not None
    path = trained_folder() / training.file_name
    save_weights(path, {"a": torch.zeros(1)}, {})
    assert "slow:standard" in found("*")


SLOW = """
from srbench.method import LearnedMethod, MethodInfo, Recipe
class Slow(LearnedMethod):
    info = MethodInfo(name='slow', family='prediction', channels='y', input='lr', scales=frozenset({2, 3}))
    recipes = {'standard': Recipe(steps=10**6)}
    def network(self, scale): ...
"""


def timed(plan: Plan, folder: Path) -> tuple[int, tuple[str, ...]]:
    task = due(plan, folder, "cpu, threads 0", 60.0)
    assert task is not None
    return task.scale, task.methods


def test_timing_takes_a_share_of_the_run(tmp_path: Path) -> None:
    """A quarter of the whole is a third of what the cells took; at most half a second for each of a row's two parts."""
    plan = make_plan(Request(methods=("bicubic", "nearest", "lanczos")), Registry())
    for took in (0.0, 1.0, 9.0, 1e4):
        task = due(plan, tmp_path, "cpu, threads 0", took)
        assert task is not None
        assert len(task.methods) * 2 * task.seconds <= took / 3
        assert task.seconds <= 0.5


def test_what_is_left_out_of_a_run_is_neither_timed_nor_recorded(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    registry = Registry([tmp_path / "slow.py"])

    def planned(*methods: str) -> Plan:
        return make_plan(Request(methods=methods, datasets=(str(photos),), scales=(2, 3)), registry)

    plan = planned("slo*", "bicubic")
    assert [card.name for card in plan.cards] == [record.name for record in plan.method_records()] == ["bicubic"]
    assert timed(plan, tmp_path) == (2, ("bicubic",))
    training = planned("slow").jobs[-1].training
    assert training is not None
    assert training.scale == 3
    path = trained_folder() / training.file_name  # now it has a cell at x3, and none at the scale of the timings
    save_weights(path, {"a": torch.zeros(1)}, {})
    plan = planned("slo*", "bicubic")
    assert [card.name for card in plan.cards] == ["slow", "bicubic"]
    assert timed(plan, tmp_path) == (2, ("bicubic",))


def test_a_run_says_how_its_metrics_pool(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "from statistics import median\n"
        "from srbench.metrics.metric import Metric\n"
        "from srbench.metrics.pixel import psnr_of_pooled_mse\n"
        "A = Metric('a', lambda pair: 1.0, pool=median)\n"
        "B = Metric('b', lambda pair: 1.0)\n"
    )
    registry = Registry([tmp_path / "m.py"])
    plan = make_plan(Request(methods=("bicubic",), metrics=("psnr", "ssim", "a", "b")), registry)
    pools = {"psnr": "psnr-of-mse", "ssim": "mean", "a": "own", "b": "mean"}
    assert {metric.name: metric.pool for metric in plan.metric_records()} == pools
    values = [20.0, 30.0, 31.0]
    for metric in plan.metrics[:1]:
        assert metric.aggregate(values, "pooled") == POOLS["psnr-of-mse"](values)
