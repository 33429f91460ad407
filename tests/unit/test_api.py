"""`import srbench` and what it offers. Its figures are those of a run, to the last digit."""

from __future__ import annotations

import doctest
import inspect
import math
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from conftest import photograph, save
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import srbench
from srbench.api.arrays import as_array
from srbench.bench.options import Options, Request
from srbench.cli.run import run as cli_run
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.files import read_image
from srbench.method import Method, MethodInfo
from srbench.metrics.pixel import psnr
from srbench.protocols.builtin import PROTOCOLS, get_protocol

MAKING_LR = [name for name, protocol in PROTOCOLS.items() if protocol.degraded != "none"]
METHODS = ("bicubic", "nearest", "fsrcnn", "srcnn-y", "autoencoder")
"""Of each kind: any channels, luma and RGB; LR and the enlarged image."""


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Odd sizes, and one of them gray."""
    save(tmp_path / "photos" / "colour.png", photograph(49, 61, 1))
    save(tmp_path / "photos" / "gray.png", photograph(53, 46, 2)[..., 1])
    return tmp_path / "photos"


def figures(run: srbench.Run, metric: str) -> dict[tuple[str, str], float]:
    rows = run.per_image()
    rows = rows[rows["metric"] == metric]
    return dict(zip(zip(rows["method"], rows["image"], strict=True), rows["value"], strict=True))


# the same figures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [name for name in MAKING_LR if len(PROTOCOLS[name].turns) == 1])
def test_degrade_load_and_score_give_the_figures_of_a_run(protocol: str, photos: Path, tmp_path: Path) -> None:
    """Step by step on one's own arrays, under every protocol, for methods of each kind."""
    metrics = ("psnr", "ssim", "haarpsi")
    scale = (*PROTOCOLS[protocol].scales, 2)[0]
    run = srbench.run(METHODS, photos, scales=scale, protocol=protocol, metrics=metrics, out=tmp_path, device="cpu")
    run.raise_for_failures()
    makes_luma = PROTOCOLS[protocol].degraded == "y"
    for name in METHODS:
        model = srbench.load(name, scale, protocol=protocol, device="cpu")
        for path in sorted(photos.iterdir()):
            hr = read_image(path)
            luma = makes_luma and model.info.channels != "rgb"
            sr = model(srbench.degrade(hr, scale, protocol, rgb=not luma))
            mine = srbench.score(sr, hr, scale=scale, protocol=protocol, metrics=metrics, luma=luma and hr.ndim == 3)
            assert mine == {metric: figures(run, metric)[name, path.stem] for metric in metrics}, (name, path.stem)


@pytest.mark.parametrize("protocol", ["edsr", "selfexsr", "lapsrn", "rgb"])
def test_a_kept_picture_scores_as_the_run_did(protocol: str, photos: Path, tmp_path: Path) -> None:
    """Where SR is an 8-bit RGB picture to the protocol, the file holds all that was scored."""
    run = srbench.run(METHODS, photos, scales=3, protocol=protocol, metrics="psnr", out=tmp_path)
    for cell in run.loaded.cells:
        for image in cell.images:
            sr = read_image(run.loaded.folder.sr_path(cell.key, image.name))
            hr = read_image(photos / f"{image.name}.png")
            assert srbench.score(sr, hr, scale=3, protocol=protocol, metrics="psnr") == image.values


def test_an_rgb_method_s_picture_scores_as_the_run_did_under_a_luma_protocol(photos: Path, tmp_path: Path) -> None:
    run = srbench.run("autoencoder", photos, scales=2, metrics=("psnr", "ssim"), out=tmp_path)
    (cell,) = run.loaded.cells
    for image in cell.images:
        sr = read_image(run.loaded.folder.sr_path(cell.key, image.name))
        assert srbench.score(sr, read_image(photos / f"{image.name}.png"), scale=2) == image.values


def test_supplied_lr(tmp_path: Path) -> None:
    hr = photograph(48, 60, 3)
    lr = cv2.resize(hr, (30, 24), interpolation=cv2.INTER_AREA)
    save(tmp_path / "hr" / "a.png", hr)
    save(tmp_path / "lr" / "a.png", lr)
    pairs = f"hr={tmp_path / 'hr'},lr={tmp_path / 'lr'}"
    for protocol in ("paired", "paired-rgb"):
        run = srbench.run(
            ["bicubic", "fsrcnn"], pairs, scales=2, protocol=protocol, metrics="psnr", out=tmp_path / "runs"
        )
        for name in ("bicubic", "fsrcnn"):
            sr = srbench.load(name, 2, protocol=protocol)(lr)
            mine = srbench.score(sr, hr, scale=2, protocol=protocol, metrics="psnr", lr=lr)
            assert mine["psnr"] == figures(run, "psnr")[name, "a"]
    with pytest.raises(UsageError, match="supplied LR: give it too"):
        srbench.score(hr, hr, scale=2, protocol="paired")
    with pytest.raises(UsageError, match="makes none"):
        srbench.degrade(hr, 2, "paired")


# scores ------------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(14, 40),
    width=st.integers(14, 40),
    scale=st.integers(1, 4),
    colour=st.booleans(),
    kind=st.sampled_from(["uint8", "uint16", "float32", "float64", "tensor", "batch"]),
)
def test_every_type_of_one_picture_has_one_score(height: int, width: int, scale: int, colour: bool, kind: str) -> None:
    hr = photograph(height, width, 1)[..., slice(None) if colour else 0]
    sr = photograph(height, width, 2)[..., slice(None) if colour else 0]

    def given_as(image: np.ndarray) -> Any:
        if kind in ("tensor", "batch"):
            tensor = torch.from_numpy(image / 255.0).float()
            tensor = tensor.permute(2, 0, 1) if colour else tensor[None]
            return tensor[None] if kind == "batch" else tensor
        if kind == "uint16":
            return image.astype(np.uint16) * 257
        return image if kind == "uint8" else (image / 255.0).astype(kind)

    try:
        expected = srbench.score(sr, hr, scale=scale)
    except DataError:  # nothing is left of it
        with pytest.raises(DataError):
            srbench.score(given_as(sr), given_as(hr), scale=scale)
        return
    assert srbench.score(given_as(sr), given_as(hr), scale=scale) == expected
    height, width = height - height % scale, width - width % scale
    assert srbench.score(sr[:height, :width], hr, scale=scale) == expected
    if not colour:
        inner = (slice(scale, height - scale), slice(scale, width - scale))
        assert expected["psnr"] == psnr(sr[inner], hr[inner])
        assert srbench.score(np.repeat(sr[..., None], 3, 2), hr, scale=scale) == expected


def test_a_score_knows_its_protocol() -> None:
    hr = photograph(30, 30)
    scores = srbench.score(hr, hr, scale=3, protocol="classic")
    assert (scores.protocol, scores.scale) == (get_protocol("vdsr"), 3)
    assert scores["psnr"] == math.inf
    assert srbench.score(hr, hr, scale=3, metrics="mse") == {"mse": 0.0}


def test_no_reference_metrics_need_no_hr() -> None:
    hr = photograph(200, 300)
    scores = srbench.score(hr)
    assert (list(scores), scores.scale) == (["niqe"], None)
    for same in (hr.astype(np.float32) / 255, torch.from_numpy(hr).permute(2, 0, 1), hr.astype(np.uint16) * 257):
        assert srbench.score(same) == scores
    cropped = np.ascontiguousarray(hr[:198, :300])
    assert srbench.score(hr, hr, scale=3, metrics=("psnr", "niqe"))["niqe"] == srbench.score(cropped)["niqe"]
    with pytest.raises(UsageError, match="psnr compares SR with HR: give HR, or name no-reference metrics alone"):
        srbench.score(hr, metrics="psnr")
    with pytest.raises(DataError, match=r"SR cannot be scored: NIQE .* has 1; leave it out$"):
        srbench.score(hr[:100, :190])
    with pytest.raises(UsageError, match="pi is left out"):
        srbench.score(hr, metrics="pi")


def test_luma_is_not_taken_for_gray() -> None:
    hr = photograph(40, 40)
    gray = cv2.cvtColor(hr, cv2.COLOR_RGB2GRAY)
    with pytest.raises(UsageError, match="SR is gray and HR has colours"):
        srbench.score(gray, hr, scale=2)
    y = (16 + hr @ np.array([65.481, 128.553, 24.966]) / 255) / 255
    assert srbench.score(y, hr, scale=2, luma=True)["psnr"] == math.inf
    assert srbench.score(gray, hr, scale=2, luma=True)["psnr"] < 35
    with pytest.raises(UsageError, match="one plane"):
        srbench.score(hr, hr, scale=2, luma=True)


@pytest.mark.parametrize(
    ("sr", "sentence"),
    [
        (np.zeros((20, 40, 3), np.uint8), "SR is 40x20 and HR is 41x40"),
        (np.zeros((42, 42, 3), np.uint8), "SR is 42x42"),
        (np.zeros((40, 40, 4), np.uint8), r"SR of shape \(40, 40, 4\) is not a gray or RGB image: arrays"),
        (torch.zeros(40, 40, 3), r"tensors are \(H, W\), \(C, H, W\)"),
        (torch.zeros(2, 3, 40, 40), "is not a gray or RGB image"),
        (np.zeros((40, 40, 3), np.int32), "type int32"),
        (np.full((40, 40, 3), 128.0), "divide by 255"),
        (np.full((40, 40, 3), np.nan), "NaN"),
        (np.zeros((0, 3)), "is not a gray or RGB image"),
        ([[1, 2], [3]], "is not an image"),
    ],
)
def test_what_is_no_sr_is_refused_in_a_sentence(sr: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        srbench.score(sr, photograph(40, 41), scale=2)


def test_what_a_score_needs_is_said() -> None:
    hr = photograph(20, 20)
    with pytest.raises(UsageError, match="score needs the scale"):
        srbench.score(hr, hr)
    with pytest.raises(UsageError, match="scale is a whole number from 1 on, such as 2"):
        srbench.score(hr, hr, scale=2.0)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="nothing is left"):
        srbench.score(hr[:4], hr[:4], scale=4)
    with pytest.raises(DataError, match="lpips-alex cannot be computed"):
        srbench.score(hr, hr, scale=2, metrics="lpips-alex")
    with pytest.raises(UsageError, match="Did you mean"):
        srbench.score(hr, hr, scale=2, metrics="pnsr")


def test_plugins_bring_methods_and_metrics(tmp_path: Path) -> None:
    """One file need not be put into a list."""
    (tmp_path / "mine.py").write_text(PLUGIN)
    plugin = str(tmp_path / "mine.py")
    hr = photograph(20, 20)
    assert srbench.score(hr, hr, scale=2, metrics="mae", plugins=plugin) == {"mae": 0.0}
    assert srbench.load("half", 2, plugins=plugin)(np.full((4, 4), 100, np.uint8)).tolist() == [[50] * 8] * 8
    assert "half" in list(srbench.list_methods(plugin)["name"])


PLUGIN = """
from srbench.method import Method, MethodInfo
from srbench.metrics.metric import Metric

class Half(Method):
    info = MethodInfo(name="half", family="interpolation", channels="any", input="upsampled")
    def upscale(self, x, scale):
        return x / 2

MAE = Metric("mae", lambda pair: float(abs(pair.sr - pair.target).mean()), higher_is_better=False)
"""


def test_a_plugin_that_was_edited_is_read_again(tmp_path: Path) -> None:
    plugin, hr = tmp_path / "mine.py", photograph(20, 20)
    for more in ("1", "20"):
        plugin.write_text(PLUGIN.replace(".mean()", f".mean() + {more}"))
        assert srbench.score(hr, hr, scale=2, metrics="mae", plugins=plugin) == {"mae": float(more)}
    plugin.unlink()
    with pytest.raises(UsageError, match="There is no plugin file"):
        srbench.score(hr, hr, scale=2, metrics="mae", plugins=plugin)


@pytest.mark.parametrize("two", [np.int64(2), np.uint8(2)], ids=repr)
def test_whole_numbers_of_numpy_are_whole_numbers(two: Any, tmp_path: Path) -> None:
    hr = photograph(24, 24)
    assert (srbench.degrade(hr, two) == srbench.degrade(hr, 2)).all()
    scores = srbench.score(hr // 2, hr, scale=two)
    assert scores == srbench.score(hr // 2, hr, scale=2) and type(scores.scale) is int
    model = srbench.load("bicubic", two)
    assert (model(hr) == srbench.load("bicubic", 2)(hr)).all() and type(model.scale) is int
    save(tmp_path / "photos" / "one.png", hr)
    run = srbench.run("bicubic", tmp_path / "photos", scales=np.array([two]), seeds=two, metrics="psnr", out=tmp_path)
    assert run.ok and run.loaded.record.scales == (2,)


@pytest.mark.parametrize("wrong", ["2", 2.0, True, np.bool_(True), np.float64(2), 0, np.int64(-1), None, [2]], ids=repr)
def test_what_is_no_scale_is_refused_in_one_sentence_everywhere(wrong: Any) -> None:
    hr = photograph(24, 24)
    if wrong is not None:  # score says then what it needs it for
        with pytest.raises(UsageError, match="scale is a whole number from 1 on, such as 2, not"):
            srbench.score(hr, hr, scale=wrong)
    for call in (lambda: srbench.degrade(hr, wrong), lambda: srbench.load("bicubic", wrong)):
        with pytest.raises(UsageError, match="scale is a whole number from 1 on, such as 2, not"):
            call()
    if wrong not in ([2], 2.0):  # a list is taken, and a run has fractional scales too
        with pytest.raises(UsageError, match=r"scales (cannot be|takes numbers from 1 on)"):
            srbench.run("bicubic", scales=wrong)


# models ------------------------------------------------------------------------------------------------------------


def test_a_model_answers_in_the_type_of_its_question() -> None:
    model = srbench.load("fsrcnn", 2, device="cpu")
    assert (model.info.name, model.scale, model.method.info) == ("fsrcnn", 2, model.info)
    lr = photograph(20, 24)
    eight = model(lr)
    assert (eight.shape, eight.dtype) == ((40, 48, 3), np.uint8)
    sixteen = model(lr.astype(np.uint16) * 257)
    fine = model(lr / 255.0)
    assert (sixteen.dtype, fine.dtype, model((lr / 255.0).astype("f4")).dtype) == (np.uint16, np.float64, np.float32)
    assert abs(sixteen / 257.0 - fine * 255).max() < 0.01
    assert abs(eight - fine * 255).max() <= 0.5 + 1e-6
    assert model(lr[..., 0]).shape == (40, 48)
    assert fine.min() >= 0 and fine.max() <= 1


def test_tensors_keep_their_precision() -> None:
    """numpy has no bfloat16: that alone is widened, and no further than it must be."""
    model, lr = srbench.load("bicubic", 2), photograph(20, 24)[..., 0] / 255.0
    for type_, answered in (("float64", "f8"), ("float32", "f4"), ("float16", "f2"), ("bfloat16", "f4")):
        tensor = torch.from_numpy(lr).to(getattr(torch, type_)).requires_grad_()
        sr = model(tensor)
        assert sr.dtype == np.dtype(answered), type_
        assert (sr == model(tensor.detach().double().numpy().astype(answered))).all()


@pytest.mark.parametrize(
    ("name", "scale", "error", "sentence"),
    [
        ("fsrcn", 2, UsageError, "Did you mean"),
        ("fsrcnn", 8, UsageError, "does not work at x8"),
        ("srcnn*", 2, UsageError, "name one of them"),
        ("fsrcnn-s:paper", 2, DataError, "srbench train fsrcnn-s:paper"),
    ],
)
def test_models_that_cannot_be_had(name: str, scale: int, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        srbench.load(name, scale)


def test_the_way_to_missing_weights_names_the_seed(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`srbench train fsrcnn-s:paper --scales 3 --seeds 7` makes them"):
        srbench.load("fsrcnn-s:paper", 3, seed=7)
    run = srbench.run("fsrcnn-s:quick", photos, scales=3, seeds=[6, 7], train="never", out=tmp_path)
    assert len(run.failed) == 2
    for failed in run.failed:
        assert f"`srbench train fsrcnn-s:quick --scales 3 --seeds {failed.id.seed}` or" in failed.error


# runs --------------------------------------------------------------------------------------------------------------


def tinted(name: str, gain: float) -> type[Method]:
    """A class that no file holds alone: what it does is in ``gain``."""

    class Tinted(Method):
        info = MethodInfo(name=name, family="interpolation", channels="any", input="upsampled", halo=0)

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            return x * gain

    return Tinted


def test_classes_of_one_s_own_stand_in_the_table(photos: Path, tmp_path: Path) -> None:
    run = srbench.run(["bicubic", tinted("darker", 0.9)], photos, scales=2, metrics="psnr", out=tmp_path)
    table = run.table()
    assert list(table.index) == ["bicubic", "darker"]
    assert table.loc["bicubic", ("photos", 2)] > table.loc["darker", ("photos", 2)]
    assert "# where darker came from Python" in run.loaded.record.command
    assert srbench.load(tinted("darker", 0.9), 2)(np.full((4, 4), 100, np.uint8))[0, 0] == 90


def test_a_changed_class_is_computed_again_and_the_same_one_is_not(photos: Path, tmp_path: Path) -> None:
    def go(gain: float) -> tuple[float, int]:
        run = srbench.run(tinted("darker", gain), photos, scales=2, metrics="psnr", out=tmp_path)
        return run.table().iloc[0, 0], len(list((run.folder / "cells").iterdir()))

    first = go(0.9)
    assert first[1] == 1
    assert go(0.9) == first
    other = go(0.8)
    assert other[0] < first[0] and other[1] == 2


def test_classes_that_are_no_methods_or_cannot_be_reached(tmp_path: Path) -> None:
    class Unfinished(Method):
        pass

    with pytest.raises(UsageError, match="Unfinished lacks `info` or `upscale`"):
        srbench.run(Unfinished, out=tmp_path)
    with pytest.raises(UsageError, match="int'> is not a method"):
        srbench.run(int, out=tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="calls itself 'bicubic'"):
        srbench.run(tinted("bicubic", 1.0), out=tmp_path)
    for workers in ({"jobs": 2}, {"cell_timeout": 9.0}):
        with pytest.raises(UsageError, match="workers cannot find it: put it into a file"):
            srbench.run(tinted("darker", 1.0), out=tmp_path, **workers)


def test_failures_are_told_and_the_others_are_there(photos: Path, tmp_path: Path) -> None:
    class Raises(Method):
        info = MethodInfo(name="raises", family="interpolation", channels="any", input="upsampled")

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            raise RuntimeError("no luck today")

    run = srbench.run(["bicubic", Raises], photos, scales=2, metrics="psnr", out=tmp_path)
    assert not run.ok
    assert [cell.id.method for cell in run.failed] == ["raises"]
    assert list(run.to_frame()["status"]) == ["ok", "failed"]
    assert math.isnan(run.table().loc["raises"].iloc[0])
    with pytest.raises(MethodError, match="raises photos x2 vdsr: raises raised RuntimeError on colour: no luck today"):
        run.raise_for_failures()
    assert "no luck today" in run._repr_html_()
    assert repr(run) == f"<srbench.Run {run.folder.name}: 2 cells, 1 failed>"


def test_what_other_verbs_do_with_a_run(photos: Path, tmp_path: Path) -> None:
    run = srbench.run(["nearest", "bicubic"], photos, scales=[2, 3], metrics=["psnr", "ssim"], out=tmp_path)
    run.raise_for_failures()
    frame = run.to_frame()
    wanted = {"method", "recipe", "dataset", "scale", "protocol", "metric", "seed", "value", "n", "status"}
    assert wanted | {"ci_low", "ci_high"} <= set(frame.columns)
    assert len(frame) == 8 and len(run.per_image()) == 16
    assert list(run.table("ssim").columns) == [("photos", 2), ("photos", 3)]
    compared = run.compare("bicubic", "nearest")
    for table in (frame, compared):  # of two images there is no interval
        assert table["ci_low"].isna().all() and table["ci_low"].dtype == table["ci_high"].dtype == float
    table = run.table()
    assert np.allclose(compared["difference"], table.loc["bicubic"] - table.loc["nearest"])
    with pytest.raises(UsageError, match="with itself"):
        run.compare("bicubic", "bicubic")
    with pytest.raises(UsageError, match="several methods"):
        run.compare("*", "bicubic")
    assert not run.check().ok  # no reference has these photographs
    (page,) = run.report(tmp_path / "page", "html", plots=False)
    assert page.name == "report.html"
    names = {path.name for path in run.report(tmp_path / "report", ["md", "csv"], plots=False)}
    assert names == {"report.md", "compare.md", "results.csv", "per_image.csv", "compare.csv"}
    again = srbench.load_run(out=tmp_path)
    assert again.to_frame().equals(frame)
    assert srbench.load_run(run.folder).folder == run.folder
    shown = run._repr_html_()
    assert "<b>photos</b> (2 images): PSNR (dB) / SSIM" in shown and shown.count("<tr>") == 3


def test_an_interrupted_call_goes_on_where_it_was(photos: Path, tmp_path: Path) -> None:
    class Interrupted(Method):
        info = MethodInfo(name="interrupted", family="interpolation", channels="any", input="upsampled")
        interrupts = True

        def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
            if self.interrupts:
                raise KeyboardInterrupt
            return x

    with pytest.raises(KeyboardInterrupt):
        srbench.run(["bicubic", Interrupted], photos, scales=2, metrics="psnr", out=tmp_path)
    (first,) = tmp_path.rglob("cells/*.json")
    written = first.stat().st_mtime_ns
    Interrupted.interrupts = False
    srbench.run(["bicubic", Interrupted], photos, scales=2, metrics="psnr", out=tmp_path).raise_for_failures()
    assert first.stat().st_mtime_ns == written and len(list(tmp_path.rglob("cells/*.json"))) == 2


def test_torch_keeps_its_threads(photos: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        srbench.run("bicubic", photos, scales=2, metrics="psnr", out=tmp_path)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"methods": 3}, "methods cannot be 3: it takes one or several of names or classes"),
        ({"scales": "2,3"}, "scales cannot be '2'"),
        ({"scales": 0}, "scales takes numbers from 1 on"),
        ({"scales": [2, 0.5]}, "scales takes numbers from 1 on such as 2 or 1.5, not"),
        ({"scales": [2, "2.5"]}, "scales cannot be '2.5'"),
        ({"seeds": []}, "seeds takes whole numbers"),
        ({"seeds": 2**63}, "seeds takes whole numbers up to 9223372036854775807"),
        ({"train": "sometimes"}, "--train is missing, always or never"),
        ({"jobs": -1}, "--jobs is 0 or more"),
        ({"engine": "slurm"}, "--engine is local or ray"),
        ({"methods": "bicubc"}, "Did you mean"),
        ({"scales": np.array(2)}, r"scales cannot be array\(2\)"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(wrong: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=sentence):
        srbench.run(**({"out": tmp_path} | wrong))
    assert not list(tmp_path.iterdir())


def test_progress_is_one_line_that_goes_away(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    srbench.run("bicubic", photos, scales=2, metrics="psnr", out=tmp_path)
    assert capsys.readouterr() == ("", "")
    srbench.run("bicubic", photos, scales=2, metrics="psnr", out=tmp_path, force=True, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "[1/1] bicubic photos x2 vdsr" in err and "\n" not in err
    assert err.rstrip("\r").rpartition("\r")[2].strip() == ""


# the surface -------------------------------------------------------------------------------------------------------


def test_python_and_the_command_line_have_the_same_defaults() -> None:
    by_name = {name: p.default for name, p in inspect.signature(srbench.run).parameters.items()}
    of_cli = {name: p.default for name, p in inspect.signature(cli_run).parameters.items()}
    of_cli |= {name: () for name in ("ship", "ship_env") if of_cli[name] is None}  # which can be repeated
    options, request = Options(), Request()
    for field in fields(Options):
        if field.name != "command":
            assert by_name[field.name] == of_cli[field.name] == getattr(options, field.name), field.name
    for field in fields(Request):
        expected = getattr(request, field.name)
        words = expected if isinstance(expected, str | int) else ",".join(map(str, expected))
        assert of_cli[field.name] == words
        assert by_name[field.name] in (
            expected,
            *(expected if isinstance(expected, tuple) and len(expected) == 1 else ()),
        )


def test_the_surface_is_what_it_says() -> None:
    assert set(srbench.__all__) <= set(dir(srbench))
    assert srbench.run.__module__ == "srbench.api.running"
    for name in srbench.__all__:
        assert getattr(srbench, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'upscale_all'"):
        srbench.upscale_all  # noqa: B018


def test_the_import_is_light(tmp_path: Path) -> None:
    heavy = "{'torch', 'numpy', 'pydantic', 'pandas'}"
    code = f"import srbench, sys; dir(srbench); assert not {heavy} & {{*sys.modules}}; srbench.run, srbench.score"
    code += "; assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


@pytest.mark.parametrize(
    "module", ["srbench", "srbench.api.running", "srbench.api.scoring", "srbench.api.model", "srbench.api.model"]
)
def test_examples_in_docstrings(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    __import__(module)
    result = doctest.testmod(sys.modules[module], extraglobs={"srbench": srbench})
    assert result.attempted and not result.failed


PHOTO = photograph(48, 64)


def pillow(mode: str) -> Image.Image:
    """The same photograph in one of Pillow's modes."""
    image = Image.fromarray(PHOTO)
    if mode == "P":
        return image.quantize(256)
    if mode == "PA":
        return image.quantize(256).convert("PA")
    if mode == "I;16":
        return Image.fromarray(PHOTO[..., 0].astype(np.uint16) * 257)
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["P", "PA", "1", "L", "LA", "RGB", "RGBA", "I;16", "YCbCr", "HSV"])
def test_pillow_images_are_read_by_their_mode(mode: str) -> None:
    """A palette's indices and YCbCr were taken for gray and RGB, and gave other values."""
    image = pillow(mode)
    gray = mode in ("1", "L", "LA", "I;16")
    expected = np.asarray(image) if mode == "I;16" else np.asarray(image.convert("L" if gray else "RGB"))
    found = as_array("SR", image)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    hr = PHOTO[..., 0] if gray else PHOTO
    assert srbench.score(image, hr, scale=2) == srbench.score(expected, hr, scale=2)


def test_pillow_images_that_are_not_plain_are_refused() -> None:
    half = Image.fromarray(PHOTO).convert("RGBA")
    half.putalpha(128)
    keyed = Image.fromarray(PHOTO)
    keyed.info["transparency"] = tuple(int(value) for value in PHOTO[0, 0])
    for image, sentence in (
        (pillow("CMYK"), "SR is CMYK: give it in RGB or gray"),
        (pillow("F"), "SR has float samples: give it in RGB or gray"),
        (Image.new("LAB", (48, 64)), "SR is in CIELAB"),
        (half, "SR .*transparen"),
        (keyed, "SR .*transparen"),
    ):
        with pytest.raises(UsageError, match=sentence):
            srbench.score(image, PHOTO, scale=2)


def test_images_may_be_paths(tmp_path: Path) -> None:
    hr = photograph(48, 64, 1)
    sr = np.clip(hr.astype(int) + 3, 0, 255).astype(np.uint8)
    save(tmp_path / "hr.png", hr)
    save(tmp_path / "sr.png", sr)
    by_paths = srbench.score(tmp_path / "sr.png", str(tmp_path / "hr.png"), scale=2)
    assert by_paths == srbench.score(sr, hr, scale=2)
    assert np.array_equal(srbench.degrade(tmp_path / "hr.png", 2), srbench.degrade(hr, 2))
    with pytest.raises(DataError, match=r"gone.png"):
        srbench.score(tmp_path / "gone.png", hr, scale=2)


def test_a_plot_of_a_run_is_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photos" / "a.png", photograph(40, 44, 1))
    run = srbench.run(["bicubic", "nearest"], "photos", scales=2, metrics="psnr", progress=False)
    drawn = [text.get_text() for text in run.plot().findobj() if hasattr(text, "get_text")]
    assert {"bicubic", "nearest"} <= {*drawn}
    assert run.plot("psnr-difference-photos-x2", baseline="bicubic") is not None
    with pytest.raises(UsageError, match=r"no plot 'psnr-photo-x2'. Did you mean psnr-photos-x2"):
        run.plot("psnr-photo-x2")
