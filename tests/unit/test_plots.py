"""Plots: real pictures, the same for the same numbers, and what they show is what the run holds."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from runs import GAINS, METRICS, trained, write_run

from srbench.analysis.bootstrap import Interval
from srbench.analysis.compare import compare_all, report_pairs
from srbench.analysis.references import Reference, load_references
from srbench.analysis.sample import sample_intervals, samples
from srbench.bench.results import CurvePoint, MetricRecord
from srbench.bench.store import LoadedRun
from srbench.imaging.files import read_image
from srbench.report.plots.crops import crop_sheets
from srbench.report.plots.curves import curves, draw_curves
from srbench.report.plots.dots import Dots, difference_lines, draw_dots, value_lines
from srbench.report.plots.every_plot import figures, plots
from srbench.report.plots.figures import COLUMN, DPI
from srbench.report.plots.labels import place_labels
from srbench.report.plots.palette import MARKERS, PALETTE, looks
from srbench.report.plots.pareto import choices, draw_pareto, front
from srbench.report.plots.scatter import MAX_SCATTER_PANELS, draw_scatter
from srbench.speed.record import RunSpeed, SpeedRow

PSNR = METRICS[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return write_run(tmp_path_factory.mktemp("plots") / "run", scales=(2,), pictures=0, failed=(("dcci", "set14", 2),))


@pytest.fixture(scope="module")
def drawn(run: LoadedRun) -> dict[str, bytes]:
    return dict(plots(run, load_references()))


def _lines(run: LoadedRun, dataset: int = 0, references: Sequence[Reference] = ()) -> list[Dots]:
    record = run.record.datasets[dataset]
    found = [sample for (name, _, _), sample in samples(run, "psnr").items() if name == record.name]
    pairs = zip(found, sample_intervals(found), strict=True)
    return value_lines(run, record, 2, PSNR, pairs, references)


def _speed(costs: dict[str, tuple[float, int]], scale: int = 2) -> RunSpeed:
    """Milliseconds and parameters of each method."""
    shared: dict[str, Any] = {"scale": scale, "size": "128", "lr_height": 128, "lr_width": 128}
    rows = tuple(
        SpeedRow(method=name, **shared, part="whole", mode="fp32", batch=1, median_ms=ms, parameters=parameters)
        for name, (ms, parameters) in costs.items()
    )
    return RunSpeed(asked="cpu", device="a CPU", size="128", scale=scale, sources={}, rows=rows)


COSTS = {
    "nearest": (0.2, 0),
    "bilinear": (0.3, 0),
    "bicubic": (0.9, 0),
    "lanczos": (1.2, 0),
    "dcci": (14.0, 0),
    "dcci-ibp": (250.0, 0),
    "srcnn-y-955": (150.0, 8129),
}


def test_figures_for_each_data_set_and_scale(drawn: dict[str, bytes]) -> None:
    stems = [f"{kind}-{dataset}-x2" for kind in ("psnr", "ssim", "psnr-scatter") for dataset in ("set5", "set14")]
    assert set(drawn) == {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")}


def test_a_png_is_as_wide_as_a_column_with_something_on_it(drawn: dict[str, bytes]) -> None:
    picture = read_image(drawn["psnr-set5-x2.png"], name="plot")
    height, width = picture.shape[:2]
    assert width == round(COLUMN * DPI) and 400 < height < 1000
    ink = (picture.min(axis=2) < 200).mean()
    assert 0.005 < ink < 0.3


def test_svg_parses(drawn: dict[str, bytes]) -> None:
    for name, content in drawn.items():
        if name.endswith(".svg"):
            root = ElementTree.parse(io.BytesIO(content)).getroot()
            assert root.tag.endswith("svg")
            assert sum(element.tag.endswith("use") for element in root.iter()) > 30


def test_the_same_numbers_give_the_same_files(run: LoadedRun, drawn: dict[str, bytes]) -> None:
    assert dict(plots(run, load_references())) == drawn


def test_lines_are_sorted_and_know_the_published_figure(run: LoadedRun) -> None:
    dots = _lines(run, references=load_references())
    assert [line.label for line in dots] == sorted(GAINS, key=lambda label: -GAINS[label])
    published = {line.label: line.published for line in dots}
    assert published["bicubic"] == (("bicubic", 33.66),)
    assert published["srcnn-y-955:t91"] == (("SRCNN 9-5-5 (ImageNet)", 36.66),)
    assert published["nearest"] == ()
    assert "dcci" not in [line.label for line in _lines(run, dataset=1)]


def test_intervals_are_drawn_about_the_mean(run: LoadedRun) -> None:
    (line,) = [line for line in _lines(run) if line.label == "bicubic"]
    assert line.interval is None, "of five images"
    line = dataclasses.replace(line, interval=Interval(line.mean - 1.0, line.mean + 1.2))
    assert line.interval is not None and line.interval.low < line.mean < line.interval.high
    figure = draw_dots(run, run.record.datasets[0], 2, PSNR, [line], looks(["bicubic"]))
    bars = [artist.get_xdata() for artist in figure.axes[0].lines]
    assert any(np.array_equal(bar, [line.interval.low, line.interval.high]) for bar in bars)


def test_means_stand_in_a_column_of_their_own(run: LoadedRun) -> None:
    dots = _lines(run)
    figure = draw_dots(run, run.record.datasets[0], 2, PSNR, dots, looks(GAINS))
    right = next(child for child in figure.axes[0].child_axes)
    FigureCanvasAgg(figure).draw()
    assert [text.get_text() for text in right.get_yticklabels()] == [f"{line.mean:.2f}" for line in dots]


@pytest.mark.parametrize("labels", [list(GAINS), [f"m{number}" for number in range(40)], ["x" * 60, "y" * 60]])
def test_names_do_not_overlap(labels: list[str], tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run",
        gains={label: 0.1 * k for k, label in enumerate(labels)},
        images={"set5": ("a", "b", "c", "d", "e")},
        scales=(2,),
        failed=(),
        pictures=0,
    )
    figure = draw_dots(run, run.record.datasets[0], 2, PSNR, _lines(run), looks(labels))
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    for of in (axes, *axes.child_axes):
        boxes = sorted((text.get_window_extent() for text in of.get_yticklabels()), key=lambda box: box.y0)
        assert all(low.y1 <= high.y0 + 0.5 for low, high in itertools.pairwise(boxes))
        assert all(box.x0 >= -1 and box.x1 <= figure.bbox.width + 1 for box in boxes)


def test_differences_to_a_baseline(run: LoadedRun) -> None:
    compared = compare_all(run, PSNR, report_pairs(run, "lanczos"), ["set5"])
    lines = difference_lines(compared, PSNR)
    assert len(lines) == len(GAINS) - 1 and "lanczos" not in [line.label for line in lines]
    assert lines[0].label == "srcnn-y-955:t91-9-5-5"
    assert lines[0].mean == pytest.approx(GAINS["srcnn-y-955:t91-9-5-5"] - GAINS["lanczos"])
    figure = draw_dots(run, run.record.datasets[0], 2, PSNR, lines, looks(GAINS), "lanczos")
    assert figure.axes[0].get_xlabel() == "PSNR (dB) minus lanczos's"
    names = [name for name, _ in figures(run, (), "lanczos")]
    assert {"psnr-difference-set5-x2", "ssim-difference-set14-x2"} <= set(names)


def test_colours_are_stable_and_distinct() -> None:
    labels = list(GAINS)
    found = looks(labels)
    assert list(found) == labels and len({look.colour for look in found.values()}) == len(labels)
    assert looks(labels[::-1]) == found
    many = looks(f"m{number}" for number in range(len(PALETTE) * len(MARKERS)))
    assert len(set(many.values())) == len(many)


def test_a_method_keeps_its_colour_from_run_to_run_unless_another_has_it() -> None:
    names = [f"m{number}" for number in range(30)]
    alone = {name: looks([name])[name] for name in names}
    for name in names:
        assert looks([f"{name}:quick"])[f"{name}:quick"] == alone[name]
        for other in names:
            if alone[other].colour != alone[name].colour:
                assert looks([other, name]) == {other: alone[other], name: alone[name]}


def test_odd_names_are_drawn(tmp_path: Path) -> None:
    gains = {"_$\\frac$ <b>_": 0.0, "\U0001f600" + "x" * 200: 1.0}
    odd = write_run(tmp_path / "run", gains=gains, images={"a$b$": ("i", "j")}, scales=(2,), failed=(), pictures=0)
    odd = dataclasses.replace(odd, speed=_speed({label: (1.0 + gain, 7) for label, gain in gains.items()}))
    drawn = dict(plots(odd, (), next(iter(gains))))
    assert len(drawn) == 2 * 7
    for name, content in drawn.items():
        if name.endswith(".png"):
            assert np.asarray(read_image(content, name=name)).std() > 5


def test_published_figures_are_not_drawn_beside_other_images(tmp_path: Path) -> None:
    other = write_run(tmp_path / "run", scales=(2,), pictures=0, content="0" * 64)
    assert not any(line.published for line in _lines(other, references=load_references()))


def test_an_infinite_mean_is_marked_and_not_left_out(tmp_path: Path) -> None:
    figures = {("lanczos", "set5", 2): (float("inf"), 1.0)}
    equal = write_run(tmp_path / "run", scales=(2,), pictures=0, failed=(), figures=figures)
    dots = _lines(equal)
    assert (dots[0].label, dots[0].mean, dots[0].images, dots[0].interval) == ("lanczos", float("inf"), (), None)
    figure = draw_dots(equal, equal.record.datasets[0], 2, PSNR, dots, looks(GAINS))
    assert "∞" in [text.get_text() for text in figure.axes[0].texts]
    equal = dataclasses.replace(equal, speed=_speed(COSTS))
    assert {name.rpartition(".")[0] for name, _ in plots(equal, (), "lanczos")} >= {"psnr-difference-set5-x2"}


def test_the_title_tells_the_protocol_and_its_hash(run: LoadedRun) -> None:
    figure = draw_dots(run, run.record.datasets[0], 2, PSNR, _lines(run), looks(GAINS))
    assert figure.get_suptitle() == "set5 x2 (5 images), protocol vdsr (338ce1a3)"


def test_a_run_without_metrics_has_no_plots(tmp_path: Path) -> None:
    bare = write_run(tmp_path / "run", scales=(2,), metrics=())
    assert not list(plots(bare)) and not list(crop_sheets(bare))


@pytest.mark.parametrize("images", [("one",), ("one", "two")])
def test_one_method_and_few_images(tmp_path: Path, images: tuple[str, ...]) -> None:
    lone = write_run(tmp_path / "run", gains={"bicubic": 0.0}, images={"own": images}, scales=(2,), failed=())
    assert {name for name, _ in plots(lone) if name.endswith("png")} == {"psnr-own-x2.png", "ssim-own-x2.png"}
    assert not list(crop_sheets(lone))


def test_nothing_but_failed_cells(tmp_path: Path) -> None:
    failed = (("bicubic", "own", 2), ("lanczos", "own", 2))
    none = write_run(
        tmp_path / "run",
        gains={"bicubic": 0.0, "lanczos": 0.1},
        images={"own": ("a",)},
        scales=(2,),
        failed=failed,
    )
    assert not list(plots(none, (), "bicubic"))


def test_the_front_is_what_nothing_beats(run: LoadedRun) -> None:
    means = {line.label: line.mean for line in _lines(run)}
    points = choices(_speed(COSTS), "latency", means)
    assert {point.label for point in points} == set(GAINS)
    best = [point.label for point in front(points, higher_is_better=True)]
    assert best == ["nearest", "bilinear", "bicubic", "lanczos", "dcci", "srcnn-y-955:t91-9-5-5"]
    worst = front(points, higher_is_better=False)
    assert [point.label for point in worst] == ["nearest"]


def test_pareto_figures(run: LoadedRun) -> None:
    timed = dataclasses.replace(run, speed=_speed(COSTS))
    names = {name for name, _ in figures(timed, (), "")}
    assert {"psnr-latency-set5-x2", "psnr-parameters-set14-x2", "ssim-latency-set5-x2"} - names == {
        "ssim-latency-set5-x2"
    }
    points = choices(_speed(COSTS), "parameters", {line.label: line.mean for line in _lines(run)})
    figure = draw_pareto(timed, run.record.datasets[0], PSNR, "parameters", points, looks(GAINS))
    assert figure is not None
    FigureCanvasAgg(figure).draw()
    free, costly = figure.axes
    assert [text.get_text() for text in free.get_xticklabels()] == ["none"]
    ticks = [text.get_text() for text in costly.get_xticklabels()]
    assert ticks and len(set(ticks)) == len(ticks) and "0" not in ticks
    learned = {"srcnn-y-955:t91", "srcnn-y-955:t91-9-5-5"}
    assert {text.get_text() for text in free.texts} == set(GAINS) - learned
    assert {text.get_text() for text in costly.texts} == learned


@pytest.mark.parametrize("cost", ["latency", "parameters"])
def test_names_in_a_pareto_figure_hide_nothing(tmp_path: Path, cost: str) -> None:
    """Sixteen methods, some of nearly the same cost and value."""
    gains = {f"method-{number}": 0.07 * number + number % 3 for number in range(16)}
    run = write_run(tmp_path / "run", gains=gains, images={"own": ("a", "b")}, scales=(2,), failed=(), pictures=0)
    costs = {name: (1.0 + 9 * (k % 4), 0 if k % 2 else 1000 * (1 + k % 5)) for k, name in enumerate(gains)}
    run = dataclasses.replace(run, speed=_speed(costs))
    assert run.speed is not None
    points = choices(run.speed, cost, {line.label: line.mean for line in _lines(run)})
    figure = draw_pareto(run, run.record.datasets[0], PSNR, cost, points, looks(gains))
    assert figure is not None
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        boxes = [Text.get_window_extent(text, canvas.get_renderer()) for text in axes.texts]
        shown += [text.get_text() for text in axes.texts]
        assert not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
        marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
        assert len(marks) >= len(boxes)
        at = [axes.transData.transform((line.get_xdata()[0], line.get_ydata()[0])) for line in marks]
        assert not [1 for box in boxes for x, y in at if box.contains(x, y)]
    assert sorted(shown) == sorted(gains)


def test_a_label_without_room_is_left_out() -> None:
    crowd = [(50.0, 50.0)] * 40
    placed = place_labels(crowd, ["a-long-name"] * 40, (100.0, 100.0))
    boxes = [place[0] for place in placed if place]
    assert 3 < len(boxes) < 40
    assert all(x0 >= 0 and y0 >= 0 and x1 <= 100 and y1 <= 100 for x0, y0, x1, y1 in boxes)
    assert not [
        1 for a, b in itertools.combinations(boxes, 2) if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]
    assert place_labels([(5.0, 5.0)], ["wider than the area"], (20.0, 20.0)) == [None]


def test_a_line_to_a_label_goes_through_no_other_point() -> None:
    row = [(90.0, 100.0), (100.0, 100.0), (112.0, 100.0)]  # the middle one has no room beside it
    _, middle, _ = place_labels(row, ["left", "srcnn-y-935", "srcnn-y-955"], (180.0, 140.0))
    assert middle is not None and middle[1], "it is far, and has a line"
    (x0, y0, x1, y1), _ = middle
    steps = [step / 100 for step in range(101)]
    line = [(100 + share * ((x0 + x1) / 2 - 100), 100 + share * ((y0 + y1) / 2 - 100)) for share in steps]
    assert not [x for x, y in line if abs(y - 100) < 3 and (abs(x - 90) < 3 or abs(x - 112) < 3)]


def test_no_pareto_figure_without_timings_or_of_what_costs_nothing(run: LoadedRun) -> None:
    assert not [name for name, _ in figures(run, (), "") if "latency" in name]
    other_scale = dataclasses.replace(run, speed=_speed(COSTS, scale=4))
    assert not [name for name, _ in figures(other_scale, (), "") if "latency" in name]
    free = dataclasses.replace(run, speed=_speed({name: (ms, 0) for name, (ms, _) in COSTS.items()}))
    names = [name for name, _ in figures(free, (), "")]
    assert "psnr-latency-set5-x2" in names and "psnr-parameters-set5-x2" not in names


def test_a_legend_of_many_methods_is_cut(tmp_path: Path) -> None:
    gains = {f"m{number}": 0.1 * number for number in range(60)}
    run = write_run(tmp_path / "run", gains=gains, images={"own": ("a", "b")}, scales=(2,), failed=(), pictures=0)
    run = dataclasses.replace(run, speed=_speed({name: (1 + gain, 1) for name, gain in gains.items()}))
    assert run.speed is not None
    points = choices(run.speed, "latency", {line.label: line.mean for line in _lines(run)})
    figure = draw_pareto(run, run.record.datasets[0], PSNR, "latency", points, looks(gains))
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["other methods"]
    assert 0 < len(figure.axes[0].texts) <= 18
    compared = compare_all(run, PSNR, report_pairs(run, "m0"))
    scatter = draw_scatter(run, run.record.datasets[0], 2, PSNR, compared, looks(gains))
    assert scatter is not None
    assert [axes.get_title() for axes in scatter.axes] == [f"m{59 - k}" for k in range(MAX_SCATTER_PANELS)]
    assert "the best 16 of 59 methods" in scatter.get_suptitle()


def test_a_scatter_has_the_diagonal_and_one_range(run: LoadedRun) -> None:
    compared = compare_all(run, PSNR, report_pairs(run, "bicubic"), ["set5"])
    figure = draw_scatter(run, run.record.datasets[0], 2, PSNR, compared, looks(GAINS))
    assert figure is not None
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert len(panels) == len(GAINS) - 1
    for axes in panels:
        diagonal, points = axes.lines
        assert (
            list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == list(axes.get_xlim()) == list(axes.get_ylim())
        )
        assert len(points.get_xdata()) == 5
    assert panels[0].texts[0].get_text() == "+2.65, better on 5 of 5"


POINTS = tuple(CurvePoint(step=100 * k, validation_psnr=23.5 + 1.5 * k, train_psnr=19 + k) for k in (1, 2))


def test_curves_of_the_weights_that_the_run_used(run: LoadedRun) -> None:
    assert not curves(run)
    run = trained(run, POINTS)
    found = curves(run)
    assert list(found) == ["srcnn-y-955:t91"]
    (curve,) = found["srcnn-y-955:t91"]
    assert (curve.name, curve.steps, curve.validation, curve.train) == ("x2", (100, 200), (25.0, 26.5), (20.0, 21.0))
    figure = draw_curves("srcnn-y-955:t91", [curve], looks(GAINS)["srcnn-y-955:t91"])
    assert "26.50" in [text.get_text() for text in figure.axes[0].texts]
    assert "curve-srcnn-y-955:t91" in [name for name, _ in figures(run, (), "")]


def test_the_weights_that_were_kept_are_marked_on_a_curve(run: LoadedRun) -> None:
    """Not the highest point, where the recipe does not validate there."""
    between = CurvePoint(step=150, validation_psnr=40.0, train_psnr=20, picks=False)
    ((curve,),) = curves(trained(run, (POINTS[0], between, POINTS[1]))).values()
    figure = draw_curves("srcnn-y-955:t91", [curve], looks(GAINS)["srcnn-y-955:t91"])
    assert "26.50" in [text.get_text() for text in figure.axes[0].texts]


def test_one_validation_is_no_curve(run: LoadedRun) -> None:
    assert not curves(trained(run, POINTS[:1])) and not curves(trained(run, ()))


def test_a_metric_where_smaller_is_better(tmp_path: Path) -> None:
    own = write_run(tmp_path / "run", metrics=(METRICS[2],), scales=(2,), failed=(), pictures=0)
    compared = compare_all(own, METRICS[2], report_pairs(own, "bicubic"), ["set5"])
    (first, *_, last) = difference_lines(compared, METRICS[2])
    assert first.mean < last.mean and math.isfinite(first.mean)
    assert {name for name, _ in figures(own, (), "")} >= {"mse-set5-x2", "mse-scatter-set5-x2"}


def test_figures_of_an_unavailable_metric_are_not_drawn(tmp_path: Path) -> None:
    lacking = MetricRecord(name="ssim", higher_is_better=True, unavailable="not here")
    own = write_run(tmp_path / "run", metrics=(PSNR, lacking), scales=(2,), failed=(), pictures=0)
    assert not [name for name, _ in figures(own, (), "") if name.startswith("ssim")]


def test_the_hash_of_a_method_s_name_decides_its_colour() -> None:
    place = int(hashlib.sha256(b"nobody's").hexdigest(), 16) % len(PALETTE)
    assert looks(["nobody's"])["nobody's"].colour == PALETTE[place]
