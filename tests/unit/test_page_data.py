"""What the HTML page is made of: its document, its crops, and text that no parser takes for markup."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from runs import ARTEFACT, BICUBIC, compared, write_run

from srbench.analysis.references import load_references
from srbench.errors import UsageError
from srbench.imaging.files import read_image
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.protocols.protocol import image_name
from srbench.report.html.album import album, enlarged_lr, widest
from srbench.report.html.assets import SCRIPTS, csp_hash, library, program, script_json
from srbench.report.html.data import page_document
from srbench.report.html.page import html_page
from srbench.report.plots import crops
from srbench.report.plots.crops import CropBox


@settings(deadline=None)
@given(st.lists(st.text() | st.sampled_from(["</script>", "<!--", "\u2028", "\u2029", "&amp;"])))
def test_json_in_a_script_holds_no_markup_and_reads_back(value: object) -> None:
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_every_script_file_is_in_the_program() -> None:
    from importlib.resources import files

    there = {path.name for path in (files("srbench.report.html") / "static").iterdir() if path.name.endswith(".js")}
    assert there == set(SCRIPTS)
    assert "</script" not in program()


def test_figures_of_the_document_are_those_of_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    document = page_document(run, load_references(), compared(run))
    assert [len(matrix["cells"]) for matrix in document["comparisons"]] == [56, 56, 56, 56, 42, 56] * 2
    labels = [method["label"] for method in document["methods"]]
    assert len(document["results"]) == len(labels) * 2 * 3 * 3
    bicubic = next(
        figure
        for figure in document["results"]
        if (figure["method"], figure["dataset"], figure["scale"], figure["metric"])
        == (labels.index("bicubic"), 0, 2, 0)
    )
    assert bicubic["value"] == pytest.approx(BICUBIC["set5", 2][0])
    assert bicubic["text"] == "33.66"
    assert bicubic["low"] is None, "five images have a range, no interval"
    assert len(bicubic["images"]) == 5
    assert [(row["text"], row["difference"]) for row in bicubic["published"]] == [("33.66", ".00")]
    failed = next(figure for figure in document["results"] if figure["value"] is None)
    assert failed["notes"] == ("failed: dcci returned NaN.",)
    assert document["baseline"] == labels.index("bicubic")


def test_a_baseline_of_ones_own(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2,))
    document = page_document(run, (), (), "nearest")
    assert document["methods"][document["baseline"]]["label"] == "nearest"
    with pytest.raises(UsageError, match="bicubik"):
        page_document(run, (), (), "bicubik")


def test_infinite_figures_are_json(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2,), figures={("dcci", "set5", 2): (float("inf"), 1.0)})
    assert '"inf"' in script_json(page_document(run, (), ()))


def test_windows_lie_apart_and_hold_the_widest_disagreement() -> None:
    flat = np.zeros((240, 320), np.float32)
    other = flat.copy()
    other[150:170, 60:90] = 200
    other[20:40, 250:280] = 100
    (first, wide), (second, narrow) = widest([flat, other], 2)
    assert wide > narrow > 0
    assert first.cut(other).sum() == 200 * 20 * 30
    assert second.cut(other).sum() == 100 * 20 * 30


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60))
def test_windows_of_any_size_lie_inside(height: int, width: int) -> None:
    pictures = [np.zeros((height, width), np.float32), np.ones((height, width), np.float32)]
    for window, _ in widest(pictures, 3):
        assert window.cut(pictures[0]).shape == (window.height, window.width)
        assert min(window.height, window.width) > 0


def test_crops_are_lossless_and_the_same_place_at_every_scale(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    made = album(run)
    assert {crop["dataset"] for crop in made.crops} == {0, 1}
    first = made.crops[0]
    top, left, high, wide = first["window"]
    assert top <= ARTEFACT[0].start
    assert top + high >= ARTEFACT[0].stop
    assert list(first["scales"]) == [2, 3, 4]
    hr = read_image(run.folder.hr_path(run.record.datasets[0].content_hash, 2, first["image"]))
    stored = base64.b64decode(made.images[first["scales"][2]["hr"]])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored))), hr[top : top + high, left : left + wide])
    assert first["scales"][2]["hr"] == first["scales"][4]["hr"], "HR is stored once"


def test_a_wide_view_and_lr_come_with_the_crops(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    made = album(run)
    wide = [crop for crop in made.crops if crop["wide"]]
    assert [crop["dataset"] for crop in wide] == [0, 1]
    assert wide[0]["window"][2:] == [120, 144], "all of a small image"
    assert wide[0]["image"] == made.crops[0]["image"]
    top, left, high, width = made.crops[0]["window"]
    hr = read_image(run.folder.hr_path(run.record.datasets[0].content_hash, 4, made.crops[0]["image"]))
    lr = enlarged_lr(run.record, made.crops[0]["image"], hr, 4, CropBox(0, 0, *hr.shape[:2]))
    assert lr is not None and lr.shape == hr.shape
    assert (lr[:4, :4] == lr[0, 0]).all() and abs(lr.mean() - hr.mean()) < 2
    stored = base64.b64decode(made.images[made.crops[0]["scales"][4]["lr"]])
    shown = np.asarray(Image.open(io.BytesIO(stored)))
    np.testing.assert_array_equal(shown, lr[top : top + high, left : left + width])
    files = made.crops[0]["scales"][2]["files"]
    assert all((run.folder.report / path).resolve().is_file() for path in files.values())
    paired = write_run(tmp_path / "paired", protocol="paired", scales=(2,))
    assert all(crop["scales"][2]["lr"] is None for crop in album(paired).crops), "nothing says how LR was made"


def test_lr_is_the_one_of_several_that_the_image_is_named_after(tmp_path: Path) -> None:
    record = write_run(tmp_path / "run", protocol="gaussian8", scales=(2,)).record
    protocol, hr = PROTOCOLS["gaussian8"], photograph(48, 60)
    for turn in protocol.turns:
        lr = prepare(protocol, "photo", hr, 2, turn=turn).input.lr
        shown = enlarged_lr(record, image_name("photo", turn), hr, 2, CropBox(0, 0, 48, 60))
        assert shown is not None
        np.testing.assert_array_equal(shown[::2, ::2], lr)


def test_of_a_large_image_the_middle_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "run", scales=(2,))
    monkeypatch.setattr(crops, "SEARCHED", 120 * 144 // 4)
    made = album(run)
    first = made.crops[0]
    top, left, high, wide = first["window"]
    assert top >= 30 and top + high <= 90 and left >= 36 and left + wide <= 108
    hr = read_image(run.folder.hr_path(run.record.datasets[0].content_hash, 2, first["image"]))
    stored = base64.b64decode(made.images[first["scales"][2]["hr"]])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored))), hr[top : top + high, left : left + wide])


def test_the_budget_is_shared_among_data_sets(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    whole, little = album(run), album(run, budget=1)
    assert len(little.crops) == 1
    assert len(album(run, budget=whole.size // 2).crops) < len(whole.crops)
    assert [crop["dataset"] for crop in whole.crops[:2]] == [0, 1]


def test_damaged_pictures_are_left_out(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2,))
    for path in (run.folder.path / "images").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:200])
    assert album(run).crops == []


def test_the_page_allows_its_own_script_alone(tmp_path: Path) -> None:
    text = html_page(write_run(tmp_path / "run", scales=(2,)), (), ())
    assert f"script-src {csp_hash(program())} blob:" in text
    assert "http-equiv" in text
    assert 'src="http' not in text
    assert len(text) < 3_500_000
    assert library("plotly") in text
