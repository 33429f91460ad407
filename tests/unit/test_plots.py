"""Plots: real pictures, the same for the same numbers, colours that stay with a method."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from runs import GAINS, METRICS, write_run

from srbench.analysis.references import load_references
from srbench.bench.store import LoadedRun
from srbench.imaging.files import read_image
from srbench.report.crops import crop_sheets
from srbench.report.plots import PALETTE, collect, draw, method_colours, plots


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    return write_run(tmp_path_factory.mktemp("plots") / "run", scales=(2,), pictures=0, failed=(("dcci", "set14", 2),))


@pytest.fixture(scope="module")
def drawn(run: LoadedRun) -> dict[str, bytes]:
    return dict(plots(run, load_references()))


def test_one_figure_for_each_data_set_and_scale(drawn: dict[str, bytes]) -> None:
    names = {f"psnr-{dataset}-x2.{kind}" for dataset in ("set5", "set14") for kind in ("png", "svg")}
    assert set(drawn) == names


def test_png_is_a_picture_with_something_on_it(drawn: dict[str, bytes]) -> None:
    picture = read_image(drawn["psnr-set5-x2.png"], name="plot")
    height, width = picture.shape[:2]
    assert 1000 < width < 2000 and 400 < height < 1500
    ink = (picture.min(axis=2) < 200).mean()
    assert 0.005 < ink < 0.3


def test_svg_parses(drawn: dict[str, bytes]) -> None:
    root = ElementTree.parse(io.BytesIO(drawn["psnr-set5-x2.svg"])).getroot()
    assert root.tag.endswith("svg")
    assert sum(element.tag.endswith("use") for element in root.iter()) > 30


def test_the_same_numbers_give_the_same_files(run: LoadedRun, drawn: dict[str, bytes]) -> None:
    assert dict(plots(run, load_references())) == drawn


def test_lines_are_sorted_and_know_the_published_figure(run: LoadedRun) -> None:
    dots = collect(run, "set5", 2, METRICS[0], load_references())
    assert [line.label for line in dots] == sorted(GAINS, key=lambda label: -GAINS[label])
    published = {line.label: line.published for line in dots}
    assert published["bicubic"] == (("bicubic", 33.66),)
    assert published["srcnn-y:t91"] == (("SRCNN 9-5-5 (ImageNet)", 36.66),)
    assert published["nearest"] == ()
    assert "dcci" not in [line.label for line in collect(run, "set14", 2, METRICS[0], ())]


def test_colours_are_stable_and_distinct() -> None:
    labels = list(GAINS)
    colours = method_colours(labels)
    assert len(set(colours.values())) == len(labels) == len(PALETTE)
    assert method_colours(labels[::-1]) == colours
    assert len(method_colours([f"m{number}" for number in range(20)])) == 20


def test_odd_names_are_drawn(tmp_path: Path) -> None:
    gains = {"$\\frac$ <b>_": 0.0, "\U0001f600" + "x" * 200: 1.0}
    odd = write_run(tmp_path / "run", gains=gains, images={"a$b$": ("i",)}, scales=(2,), failed=(), pictures=0)
    drawn = dict(plots(odd))
    assert len(drawn) == 2
    for name, content in drawn.items():
        if name.endswith(".png"):
            assert np.asarray(read_image(content, name=name)).std() > 5


def test_published_figures_are_not_drawn_beside_other_images(tmp_path: Path) -> None:
    other = write_run(tmp_path / "run", scales=(2,), pictures=0, content="0" * 64)
    assert not any(line.published for line in collect(other, "set5", 2, METRICS[0], load_references()))


def test_an_infinite_mean_is_marked_and_not_left_out(run: LoadedRun, tmp_path: Path) -> None:
    figures = {("lanczos", "set5", 2): (float("inf"), 1.0)}
    equal = write_run(tmp_path / "run", scales=(2,), pictures=0, failed=(), figures=figures)
    dots = collect(equal, "set5", 2, METRICS[0], ())
    assert (dots[0].label, dots[0].mean, dots[0].images) == ("lanczos", float("inf"), ())
    figure = draw(equal, equal.record.datasets[0], 2, METRICS[0], dots, method_colours(list(GAINS)))
    assert "∞" in [text.get_text() for text in figure.axes[0].texts]
    assert len(dict(plots(equal))) == 4


def test_the_title_tells_the_protocol_and_its_hash(run: LoadedRun) -> None:
    dots = collect(run, "set5", 2, METRICS[0], ())
    figure = draw(run, run.record.datasets[0], 2, METRICS[0], dots, method_colours(list(GAINS)))
    assert figure.axes[0].get_title(loc="left") == "set5, x2 (5 images), protocol vdsr (338ce1a3)"


def test_a_run_without_metrics_has_no_plots(tmp_path: Path) -> None:
    bare = write_run(tmp_path / "run", scales=(2,), metrics=())
    assert not list(plots(bare)) and not list(crop_sheets(bare))
