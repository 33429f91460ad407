"""Comparisons: signs, directions, seeds, families, equal images; and that five images get no stars."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import METRICS, write_run
from scipy import stats

from srbench.analysis.compare import (
    Comparison,
    compare_all,
    compare_methods,
    compare_samples,
    find_labels,
    find_metric,
    labels_of,
    report_pairs,
)
from srbench.analysis.sample import ScoreSample, cell_intervals, sample_intervals, samples
from srbench.analysis.significance import holm
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.metrics.pixel import psnr_of_pooled_mse
from srbench.protocols.builtin import get_protocol
from srbench.report.tables.document import comparison_document
from srbench.report.tables.every_table import every_table
from srbench.report.tables.grid import DASH
from srbench.report.tables.intervals import signed
from srbench.report.tables.matrix import matrices, matrix_page
from srbench.report.text.page import markdown_report

PSNR, SSIM, MSE = METRICS
LARGE = {"hundred": tuple(f"image{index}" for index in range(100)), "set5": ("a", "b", "c", "d", "e")}


def _sample(label: str, values: list[float]) -> ScoreSample:
    array = np.array(values)
    names = tuple(f"image{index}" for index in range(len(values)))
    mean = float(array.mean())
    return ScoreSample(
        label=label, dataset="d", scale=2, images=names, values=array, parts=array, value=mean, seed_values=(mean,)
    )


def _compare(a: list[float], b: list[float], metric: object = PSNR) -> Comparison:
    assert metric in METRICS
    return compare_samples([(_sample("a", a), _sample("b", b))], metric)[0]  # type: ignore[arg-type]


def _scattered(run: LoadedRun, size: float = 0.4) -> LoadedRun:
    """The run with noise of its own on each method's images, so that pairs differ in more than a constant."""
    cells = []
    for index, cell in enumerate(run.cells):
        noise = np.random.default_rng(index).normal(0.0, size, len(cell.images))
        rows = [
            row.model_copy(update={"values": row.values | {"psnr": row.values["psnr"] + delta}})
            for row, delta in zip(cell.images, noise.tolist(), strict=True)
        ]
        mean = float(np.mean([row.values["psnr"] for row in rows]))
        cells.append(cell.model_copy(update={"images": tuple(rows), "values": cell.values | {"psnr": mean}}))
    return dataclasses.replace(run, cells=tuple(cells))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    gains = {"bicubic": 0.0, "dcci": 0.2, "lanczos": 0.21, "srcnn-y:t91": 2.4}
    folder = tmp_path_factory.mktemp("compare") / "run"
    return _scattered(write_run(folder, gains=gains, images=LARGE, scales=(2, 3), failed=(), pictures=0))


def test_a_comparison_is_what_it_says(run: LoadedRun) -> None:
    found = compare_methods(run, "dcci", run, "bicubic", PSNR)
    assert [(c.dataset, c.scale, c.n) for c in found] == [
        ("hundred", 2, 100), ("hundred", 3, 100), ("set5", 2, 5), ("set5", 3, 5)
    ]  # fmt: skip
    first = found[0]
    d = first.a.values - first.b.values
    assert first.difference == pytest.approx(d.mean())
    assert (first.wins, first.ties, first.losses) == ((d > 0).sum(), 0, (d < 0).sum())
    assert first.p == stats.wilcoxon(d).pvalue
    assert [c.holm for c in found] == holm([c.p for c in found])  # of one family: the rows
    assert first.interval is not None
    assert first.interval.low < first.difference < first.interval.high
    name, a, b = first.images()[0]
    assert abs(a - b) == abs(d).max()
    assert first.a.images[int(abs(d).argmax())] == name


def test_paired_differences_are_surer_than_figures(run: LoadedRun) -> None:
    (pair, *_) = compare_methods(run, "dcci", run, "bicubic", PSNR)
    (alone,) = sample_intervals([pair.a])
    assert alone is not None and pair.interval is not None
    assert alone.high - alone.low > 3 * (pair.interval.high - pair.interval.low)


def test_five_images_get_no_stars_however_large_the_difference(run: LoadedRun) -> None:
    pairs = [(a, b) for a in labels_of(run) for b in labels_of(run) if a < b]
    found = compare_all(run, PSNR, pairs)
    five = [c for c in found if c.dataset == "set5"]
    assert len(five) == 12 and all(c.p is None and c.holm is None and not c.significant for c in five)
    assert any(c.significant for c in found if c.dataset == "hundred")
    for matrix in matrices(run, found):
        page = matrix_page(run, list(matrix.cells.values()))
        table = "".join(line for line in page.splitlines() if line.startswith("|"))
        assert ("\\*" in table) == (matrix.dataset == "hundred")
        assert ("n = 5 is too few for a test" in page) == (matrix.dataset == "set5")


def test_holm_is_over_the_pairs_of_a_data_set_and_scale(run: LoadedRun) -> None:
    pairs = report_pairs(run)
    assert len(pairs) == 6
    family = [c for c in compare_all(run, PSNR, pairs) if (c.dataset, c.scale) == ("hundred", 2)]
    least = min(family, key=lambda c: c.p or 1)
    assert least.p is not None and least.holm == pytest.approx(6 * least.p)
    alone = compare_all(run, PSNR, pairs[:1], ["hundred"], [2])
    assert len(alone) == 1 and alone[0].holm == alone[0].p


def test_many_methods_are_compared_with_the_baseline_alone(tmp_path: Path) -> None:
    gains = {f"m{index}": index / 10 for index in range(10)}
    most = write_run(tmp_path / "a", gains=gains, images={"d": ("a",)}, scales=(2,), failed=(), pictures=0)
    assert len(report_pairs(most)) == 45
    more = write_run(
        tmp_path / "b", gains=gains | {"bicubic": 0.0}, images={"d": ("a",)}, scales=(2,), failed=(), pictures=0
    )
    assert report_pairs(more) == [(f"m{index}", "bicubic") for index in range(10)]
    (matrix, *_) = matrices(more, compare_all(more, PSNR, report_pairs(more)))
    assert (len(matrix.rows), matrix.columns) == (10, ("bicubic",))


def test_lower_is_better_where_the_metric_says_so() -> None:
    a, b = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0], [2.0, 3.0, 3.0, 6.0, 5.5, 8.0]
    by_psnr, by_mse = _compare(a, b), _compare(a, b, MSE)
    assert by_psnr.difference == by_mse.difference < 0
    assert (by_psnr.wins, by_psnr.ties, by_psnr.losses) == (1, 1, 4)
    assert (by_mse.wins, by_mse.ties, by_mse.losses) == (4, 1, 1)


NUMBERS = st.lists(st.tuples(st.floats(0, 60, width=32), st.floats(0, 60, width=32)), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NUMBERS)
def test_b_with_a_is_the_mirror_of_a_with_b(values: list[tuple[float, float]]) -> None:
    a, b = map(list, zip(*values, strict=True))
    one, other = _compare(a, b), _compare(b, a)
    assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
    assert one.difference == -other.difference
    assert one.p == pytest.approx(other.p) if one.p is not None else other.p is None
    assert one.flipped.interval == other.interval
    assert one.flipped.flipped == one


def test_images_restored_exactly_by_both_are_ties() -> None:
    inf = float("inf")
    same = _compare([inf, 30.0, 31.0, 32.0, 33.0, 34.0, 35.0], [inf, 29.0, 30.5, 31.0, 32.0, 33.0, 34.5])
    assert (same.wins, same.ties, same.losses) == (6, 1, 0)
    assert same.difference == pytest.approx(5 / 7)
    assert same.p == 0.03125
    assert same.interval is None and same.range == (0.0, 1.0), "of seven images: the range"
    assert _compare([inf, *range(20, 30)], [inf, *(0.9 * value for value in range(20, 30))]).interval is not None
    one = _compare([inf, 30.0, 31.0, 32.0, 33.0, 34.0], [40.0, 29.0, 30.5, 31.0, 32.0, 33.0])
    assert (one.difference, one.interval, one.p, one.wins) == (inf, None, 0.03125, 6)
    assert one.images()[0] == ("image0", inf, 40.0)


def test_infinities_of_both_signs_have_no_difference() -> None:
    inf = float("inf")
    found = _compare([inf, 30.0, 31.0, 32.0, 33.0, 34.0], [30.0, inf, 30.5, 31.0, 32.0, 33.0])
    assert np.isnan(found.difference) and found.interval is None
    assert (found.wins, found.losses) == (5, 1)
    assert signed(found.difference, 2) == DASH
    record = SimpleNamespace(id="run", protocol="vdsr", protocol_hash="0")
    document = comparison_document([SimpleNamespace(record=record)], [found], 1)  # type: ignore[list-item]
    (row,) = json.loads(document)["comparisons"]
    assert (row["value_a"], row["difference"], row["images"][0]["a"]) == ("inf", None, "inf")


def test_a_family_too_large_for_its_images_says_so(tmp_path: Path) -> None:
    gains = {"a": 0.0, "b": 1.0, "c": 2.0}
    images = {"six": tuple("abcdef"), "seven": tuple("abcdefg")}
    run = write_run(tmp_path / "run", gains=gains, images=images, scales=(2,), failed=(), pictures=0)
    six, seven = matrices(run, compare_all(run, PSNR, report_pairs(run)))
    assert six.verdict == "n = 6 is too few for 3 tests: after Holm's correction p cannot be below 0.094"
    assert not any(c.significant for c in six.cells.values())
    assert all(c.significant for c in seven.cells.values()) and "Holm over 3 pairs" in seven.verdict


def test_equal_methods_differ_by_nothing() -> None:
    equal = _compare([30.0 + index for index in range(12)], [30.0 + index for index in range(12)])
    assert (equal.difference, equal.ties, equal.p, equal.significant) == (0.0, 12, None, False)
    assert equal.interval is not None and (equal.interval.low, equal.interval.high) == (0.0, 0.0)


def test_seeds_are_averaged_image_by_image_and_never_make_the_sample_larger(tmp_path: Path) -> None:
    gains = {"bicubic": 0.0, "srcnn-y:t91": 2.4}
    images = {"d": tuple(f"image{index}" for index in range(12))}
    options = {"gains": gains, "images": images, "scales": (2,), "failed": (), "pictures": 0}
    one = _scattered(write_run(tmp_path / "one", **options))  # type: ignore[arg-type]
    three = write_run(tmp_path / "three", seeds=(0, 10, 20), **options)  # type: ignore[arg-type]
    (c,) = compare_methods(three, "srcnn-y:t91", three, "bicubic", PSNR)
    assert c.n == len(c.a.values) == 12
    assert c.a.seed_values == pytest.approx((c.a.value - 0.1, c.a.value, c.a.value + 0.1))
    assert c.a.seed_sd == pytest.approx(0.1)
    assert c.b.seed_sd is None
    assert c.a.image_sd == pytest.approx(np.linspace(-3, 3, 12).std(ddof=1))
    assert c.difference == pytest.approx(2.5)
    # three copies of one seed say no more than one of them
    cell = next(cell for cell in one.cells if cell.id.recipe)
    copies = tuple(cell.model_copy(update={"id": cell.id.model_copy(update={"seed": seed})}) for seed in (1, 2))
    (alone,), (thrice,) = (
        compare_methods(of, "srcnn-y:t91", of, "bicubic", PSNR)
        for of in (one, dataclasses.replace(one, cells=one.cells + copies))
    )
    assert thrice.p == alone.p
    assert thrice.interval is not None and alone.interval is not None
    assert thrice.interval.low == pytest.approx(alone.interval.low)


def test_pooled_protocols_have_the_interval_of_the_pooled_figure(tmp_path: Path) -> None:
    protocol = dataclasses.replace(get_protocol("vdsr"), name="mine", aggregate="pooled")
    images = {"d": tuple(f"image{index}" for index in range(14))}
    run = write_run(
        tmp_path / "run",
        gains={"a": 0.0, "b": 1.0},
        images=images,
        scales=(2,),
        protocol=protocol,
        failed=(),
        pictures=0,
    )
    pooled = {cell.id.method: psnr_of_pooled_mse([image.values["psnr"] for image in cell.images]) for cell in run.cells}
    cells = tuple(
        cell.model_copy(update={"values": cell.values | {"psnr": pooled[cell.id.method]}}) for cell in run.cells
    )
    run = dataclasses.replace(run, cells=cells)
    found = samples(run, "psnr")
    (interval, _) = sample_intervals(list(found.values()))
    assert interval is not None and interval.low < pooled["a"] < interval.high
    mean = found["d", 2, "a"].values.mean()
    assert pooled["a"] < mean - 0.2
    middle = (interval.low + interval.high) / 2
    assert abs(middle - pooled["a"]) < abs(middle - mean)
    (c,) = compare_methods(run, "b", run, "a", PSNR)
    assert c.difference == pytest.approx(1.0)
    assert cell_intervals(run)[run.cells[0].id, "psnr"] == interval


def test_a_metric_that_pools_in_a_way_of_its_own_has_no_interval_and_the_report_says_so(tmp_path: Path) -> None:
    protocol = dataclasses.replace(get_protocol("vdsr"), name="mine", aggregate="pooled")
    run = write_run(
        tmp_path / "run",
        protocol=protocol,
        gains={"a": 0.0},
        images={"many": tuple("abcdefghijkl")},
        failed=(),
        pictures=0,
    )
    lost = run.record.metrics[0].model_copy(update={"name": "plugin", "pool": "own"})
    cells = tuple(
        cell.model_copy(
            update={
                "values": {"plugin": 1.0},
                "images": tuple(image.model_copy(update={"values": {"plugin": 1.0}}) for image in cell.images),
            }
        )
        for cell in run.cells
    )
    record = run.record.model_copy(update={"metrics": (lost,)})
    run = dataclasses.replace(run, record=record, cells=cells)
    assert cell_intervals(run) == {}
    sentence = "No intervals of plugin: it pools images in its own way."
    assert sentence in markdown_report(run, every_table(run, ()), ())
    content = record.protocol_content | {"aggregate": "mean"}
    run = dataclasses.replace(run, record=record.model_copy(update={"protocol_content": content}))
    assert cell_intervals(run) and sentence not in markdown_report(run, every_table(run, ()), ())


def test_two_runs_are_compared_if_protocol_and_images_are_the_same(tmp_path: Path) -> None:
    images = {"mine": ("a", "b", "c", "d", "e", "f")}
    options = {"images": images, "scales": (2,), "failed": (), "pictures": 0}
    old = write_run(tmp_path / "old", gains={"dcci": 0.2}, **options)  # type: ignore[arg-type]
    new = write_run(tmp_path / "new", gains={"dcci": 0.5}, **options)  # type: ignore[arg-type]
    (c,) = compare_methods(new, "dcci", old, "dcci", PSNR)
    assert c.difference == pytest.approx(0.3)
    other = write_run(tmp_path / "other", gains={"dcci": 0.5}, protocol="srcnn", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="two protocols cannot be compared"):
        compare_methods(new, "dcci", other, "dcci", PSNR)
    fake = write_run(tmp_path / "fake", gains={"dcci": 0.5}, content="0" * 64, **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="'mine' holds other images in run new than in run fake"):
        compare_methods(new, "dcci", fake, "dcci", PSNR)
    apart = write_run(tmp_path / "apart", gains={"dcci": 0.5}, **options | {"scales": (3,)})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no result of psnr on the same data set at the same scale"):
        compare_methods(new, "dcci", apart, "dcci", PSNR)


def test_labels_and_metrics_are_found_as_on_the_command_line(tmp_path: Path, run: LoadedRun) -> None:
    assert find_labels(run, "srcnn-y") == ["srcnn-y:t91"]
    assert find_labels(run, "*c*i*") == ["bicubic", "dcci"]
    with pytest.raises(UsageError, match="Did you mean dcci"):
        find_labels(run, "dccj")
    two = write_run(tmp_path / "two", gains={"srcnn-y:a": 1.0, "srcnn-y:b": 2.0}, failed=(), pictures=0)
    with pytest.raises(UsageError, match="several recipes in run two: name srcnn-y:a or srcnn-y:b"):
        find_labels(two, "srcnn-y")
    assert find_metric([run], "") == PSNR
    assert find_metric([run, two], "ssim") == SSIM
    with pytest.raises(UsageError, match="There is no metric in the run 'ssin'"):
        find_metric([run], "ssin")
