"""Crop sheets: the right place, a sensible number of panels, and nothing where no pictures were kept."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import ARTEFACT, GAINS, write_run

from srbench.imaging.files import read_image
from srbench.report.kept_images import KeptImages
from srbench.report.plots import crops
from srbench.report.plots.crops import (
    MAX_PANELS,
    choose,
    crop_sheets,
    is_colourful,
    panels,
    structure,
    widest_disagreement,
)


def test_the_window_is_where_the_methods_disagree(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2, 4))
    sheet = choose(run, KeptImages(run), run.record.datasets[0], 4)
    assert sheet is not None
    assert (sheet.image, len(sheet.crops)) == ("baby", len(GAINS))
    window = sheet.window
    assert window.top <= ARTEFACT[0].start and window.top + window.height >= ARTEFACT[0].stop
    assert window.left <= ARTEFACT[1].start and window.left + window.width >= ARTEFACT[1].stop
    assert window.cut(sheet.hr).shape[:2] == (window.height, window.width)


def test_of_a_large_image_the_middle_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", scales=(2,))
    monkeypatch.setattr(crops, "SEARCHED", 120 * 144 // 4)
    sheet = choose(run, KeptImages(run), run.record.datasets[0], 2)
    assert sheet is not None
    window = sheet.window
    assert window.top >= 30 and window.top + window.height <= 90
    assert window.left >= 36 and window.left + window.width <= 108
    for key, crop in sheet.crops.items():
        np.testing.assert_array_equal(crop, window.cut(read_image(run.folder.sr_path(key, sheet.image))))


@settings(deadline=None)
@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_what_is_searched_lies_inside(height: int, width: int) -> None:
    image = np.broadcast_to(np.uint8(0), (height, width))
    part = crops.searched(image)
    assert part.cut(image).shape == (part.height, part.width)
    assert (part.height, part.width) == (height, width) or height * width > crops.SEARCHED
    assert part.height * part.width <= crops.SEARCHED + height + width


def test_a_sheet_for_each_data_set_at_the_largest_scale(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2, 3))
    sheets = dict(crop_sheets(run))
    assert list(sheets) == [f"crops-{name}-x3.{kind}" for name in ("set5", "set14") for kind in ("png", "svg")]
    picture = read_image(sheets["crops-set5-x3.png"], name="sheet")
    height, width = picture.shape[:2]
    assert 300 < height < 1200 and 1000 < width < 2600
    assert np.asarray(picture).std() > 20


def test_no_pictures_no_sheet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = write_run(tmp_path / "run", pictures=0, scales=(2,))
    with caplog.at_level(logging.INFO):
        assert not list(crop_sheets(run))
    assert "No crops of set5" in caplog.text


def test_a_damaged_picture_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = write_run(tmp_path / "run", scales=(2,), pictures=1)
    cell = run.cells[0]
    run.folder.sr_path(cell.key, "baby").write_bytes(b"no image")
    sheet = choose(run, KeptImages(run), run.record.datasets[0], 2)
    assert sheet is not None and cell.key not in sheet.crops
    assert len(dict(crop_sheets(run))) == 4
    assert "baby.png is not an image" in caplog.text


def test_many_methods_are_cut_to_the_best_and_bicubic(tmp_path: Path) -> None:
    gains = {"bicubic": 0.0} | {f"m{number}": 0.1 * number for number in range(1, 20)}
    run = write_run(tmp_path / "run", gains=gains, scales=(2,), pictures=0)
    chosen = [cell.id.method for cell in panels([cell for cell in run.cells if cell.id.dataset == "set5"], run)]
    assert len(chosen) == MAX_PANELS
    assert chosen[0] == "bicubic" and chosen[-1] == "m19"


def test_small_and_equal_pictures() -> None:
    flat = [np.zeros((5, 7), np.float32)] * 2
    window, disagreement = widest_disagreement(flat)
    assert (window.height, window.width, disagreement) == (5, 7, 0.0)


def test_the_same_images_under_two_names_are_two_sheets(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", images={"set5": ("baby", "bird")}, scales=(2,))
    twin = run.record.datasets[0].model_copy(update={"name": "twin"})
    record = run.record.model_copy(update={"datasets": (*run.record.datasets, twin)})
    cells = [cell.model_copy(update={"id": cell.id.model_copy(update={"dataset": "twin"})}) for cell in run.cells]
    both = dataclasses.replace(run, record=record, cells=(*run.cells, *cells))
    sheets = dict(crop_sheets(both))
    assert sheets["crops-set5-x2.png"] == dict(crop_sheets(run))["crops-set5-x2.png"]
    assert {name for name in sheets if name.endswith(".png")} == {"crops-set5-x2.png", "crops-twin-x2.png"}


def test_edges_win_over_noise_and_colour_over_grey() -> None:
    draw = np.random.default_rng(0)
    hr = np.full((120, 160, 3), 128, np.uint8)
    hr[:, :60] = np.clip(128 + draw.normal(0, 20, (120, 60, 1)), 0, 255)  # noise at the left, an edge at the right
    hr[:, 130:] = 30
    methods = [np.asarray(hr[..., 0], np.float32), np.full((120, 160), 128, np.float32)]
    methods[1][:, 130:] = 30
    methods[1][:, 120:130] = 88  # off beside the edge, but less than on the noise
    assert widest_disagreement(methods)[0].left < 60
    assert widest_disagreement(methods, structure(hr))[0].left > 60
    assert not is_colourful(hr)
    assert is_colourful(np.dstack([hr[..., 0], hr[..., 1] // 2, hr[..., 2] // 3]))
