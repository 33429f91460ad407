"""The Hub's folder: its card is read by the Hub's own code, and says what the run said, or is not written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import write_run

from srbench.bench.store import LoadedRun
from srbench.errors import DataError, UsageError
from srbench.export.folder import require_replaceable
from srbench.export.front_matter import front_matter
from srbench.export.hub import FILES, write_hub
from srbench.export.onnx import Graph, make_graph
from srbench.export.snippet import snippet
from srbench.export.subject import ExportSubject, make_subjects
from srbench.export.values import values_of
from srbench.imaging.color import rgb_to_ycbcr, ycbcr_to_rgb
from srbench.imaging.files import read_image
from srbench.imaging.resize import imresize
from srbench.inference import run_method
from srbench.plugins.registry import Registry
from srbench.system.files import replaced_folder

yaml = pytest.importorskip("yaml")
REGISTRY = Registry()


@pytest.fixture(scope="module")
def subjects() -> tuple[ExportSubject, ...]:
    return make_subjects(REGISTRY, "fsrcnn", (2, 4))


def run_of(folder: Path, subjects: tuple[ExportSubject, ...], **changed: Any) -> LoadedRun:
    """A run with figures of these weights."""
    gains = {"bicubic": 0.0, "fsrcnn:standard": 3.5}
    run = write_run(folder, gains=gains, failed=(), pictures=0, **changed)
    made_by = {subject.scale: {"weights": subject.sha256, "source": subject.card.source_hash} for subject in subjects}
    cells = [
        cell if cell.id.method == "bicubic" else cell.model_copy(update={"inputs": made_by.get(cell.id.scale, {})})
        for cell in run.cells
    ]
    return replace(run, cells=tuple(cells))


def test_the_hub_s_own_code_reads_the_run_s_numbers(tmp_path: Path, subjects: tuple[ExportSubject, ...]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    run = run_of(tmp_path / "run", subjects)
    files = write_hub(tmp_path / "hub", subjects, {2: Graph(b"a graph", 0.0)}, run, ("bicubic",))
    assert {path.name for path in files} == {path.name for path in (tmp_path / "hub").iterdir()}

    card = hub.ModelCard.load(tmp_path / "hub" / "README.md")
    data = card.data
    assert (data.license, data.library_name, data.pipeline_tag) == ("apache-2.0", "srbench", "image-to-image")
    assert data.datasets == ["t91", "general100", "bsds200"]
    assert data.metrics == ["psnr", "ssim", "mse"]
    assert data.model_name == "fsrcnn"
    found = {
        (result.dataset_type, result.dataset_args["scale"], result.metric_type): result.metric_value
        for result in data.eval_results
    }
    expected = {
        (cell.id.dataset, cell.id.scale, metric): value
        for cell in run.cells
        if cell.id.method == "fsrcnn" and cell.id.scale in (2, 4)
        for metric, value in cell.values.items()
    }
    assert found == expected
    assert len(data.eval_results) == len(expected) == 12
    assert {result.dataset_args["protocol_hash"] for result in data.eval_results} == {run.record.protocol_hash}
    assert len({result.unique_identifier for result in data.eval_results}) == 4
    assert hub.ModelCard(str(card)).data.to_dict() == data.to_dict()


def test_the_text_says_how_the_figures_and_the_weights_were_made(
    tmp_path: Path, subjects: tuple[ExportSubject, ...]
) -> None:
    run = run_of(tmp_path / "run", subjects)
    write_hub(tmp_path / "hub", subjects, {2: Graph(b"a graph", 0.0)}, run, ("bicubic", "lanczos"))
    text = (tmp_path / "hub" / "README.md").read_text("utf-8")
    (bicubic,) = [c for c in run.cells if (c.id.method, c.id.dataset, c.id.scale) == ("bicubic", "set5", 2)]
    (row,) = [line for line in text.splitlines() if line.startswith("| set5 | 5 | x2 |")]
    assert f" {bicubic.values['psnr']:.2f} " in row
    assert "lanczos" not in text  # which the run has not
    assert run.record.protocol_hash in text
    assert run.record.command in text
    recipe = subjects[0].recipe
    assert recipe is not None
    for words in (
        recipe.hash,
        "40,000",
        "31.57 dB",
        "T91 (the 91",
        "research use",
        "ECCV 2016",
        'Session("fsrcnn_x2.onnx"',
    ):
        assert words in text, words


def test_config_says_which_file_is_what(tmp_path: Path) -> None:
    both = make_subjects(REGISTRY, "autoencoder", (2, 3))
    run = write_run(tmp_path / "run", gains={"autoencoder:standard": 1.0}, failed=(), pictures=0)
    made_by = {"weights": both[0].sha256, "source": both[0].card.source_hash}
    run = replace(run, cells=tuple(cell.model_copy(update={"inputs": made_by}) for cell in run.cells))
    write_hub(tmp_path / "hub", both, {2: Graph(b"two", 0.0), 3: Graph(b"three", 0.0)}, run)
    assert json.loads((tmp_path / "hub" / "config.json").read_text()) == {
        "srbench": {
            "schema_version": 1,
            "method": "autoencoder",
            "method_version": 1,
            "recipe": "standard",
            "weights": dict.fromkeys("23", "autoencoder_x2-3-4.safetensors"),
            "onnx": {"2": "autoencoder_x2.onnx", "3": "autoencoder_x3.onnx"},
        }
    }
    assert both[0].weights is not None
    assert (tmp_path / "hub" / "autoencoder_x2-3-4.safetensors").read_bytes() == both[0].weights.read_bytes()


def test_figures_of_something_else_are_refused(tmp_path: Path, subjects: tuple[ExportSubject, ...]) -> None:
    run = run_of(tmp_path / "run", subjects, scales=(2, 3))
    with pytest.raises(UsageError, match=r"has no values of fsrcnn:standard x4: run `srbench run --methods fsrcnn"):
        values_of(run, subjects)
    with pytest.raises(UsageError, match="has no values of fsrcnn:standard x2"):
        values_of(run, (replace(subjects[0], seed=1),))
    for key in ("weights", "source"):
        others = [cell.model_copy(update={"inputs": {**cell.inputs, key: "another"}}) for cell in run.cells]
        with pytest.raises(DataError, match="with other weights, or of another version of its code"):
            values_of(replace(run, cells=tuple(others)), subjects[:1])


def test_infinite_figures_are_left_out_of_the_index(tmp_path: Path, subjects: tuple[ExportSubject, ...]) -> None:
    run = run_of(tmp_path / "run", subjects, figures={("fsrcnn:standard", "set5", 2): (float("inf"), 1.0)})
    write_hub(tmp_path / "hub", subjects[:1], {}, run)
    text = (tmp_path / "hub" / "README.md").read_text("utf-8")
    index = yaml.safe_load(text.split("---\n")[1])["model-index"][0]["results"]
    (set5,) = [result for result in index if result["dataset"]["type"] == "set5"]
    assert [metric["type"] for metric in set5["metrics"]] == ["ssim", "mse"]
    assert "| set5 | 5 | x2 | ∞ |" in text


PLAIN = st.recursive(
    st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex("[a-z_-]{3,9}x", fullmatch=True), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.from_regex("[a-z]{2,9}x", fullmatch=True), PLAIN, max_size=4))
def test_yaml_reads_what_was_written(data: dict[str, Any]) -> None:
    text = front_matter(data)
    assert text.startswith("---\n")
    assert (yaml.safe_load(text.removesuffix("---\n")) or {}) == data


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    with replaced_folder(folder) as new:
        (new / "config.json").write_text("first")
    with pytest.raises(RuntimeError, match="full"), replaced_folder(folder) as new:
        (new / "config.json").write_text("second")
        raise RuntimeError("the disk is full")
    assert [path.name for path in tmp_path.iterdir()] == ["hub"]
    assert (folder / "config.json").read_text() == "first"
    with replaced_folder(folder) as new:
        (new / "README.md").write_text("third")
    assert [path.name for path in tmp_path.rglob("*")] == ["hub", "README.md"]


def test_a_folder_that_cannot_be_put_back_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rename = tmp_path / "hub", Path.rename
    folder.mkdir()
    (folder / "config.json").write_text("first")

    def stuck(path: Path, target: Path) -> Path:
        if target == folder:
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises(PermissionError), replaced_folder(folder) as new:
        (new / "config.json").write_text("second")
    assert "first" in [path.read_text() for path in tmp_path.rglob("config.json")]


def test_what_is_there_is_kept_unless_it_is_ours_and_may_go(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "a.onnx"
    require_replaceable(folder, overwrite=False, own=FILES)
    folder.mkdir()
    require_replaceable(folder, overwrite=False, own=FILES)
    (folder / "README.md").touch()
    with pytest.raises(UsageError, match="exists: pass --overwrite"):
        require_replaceable(folder, overwrite=False, own=FILES)
    require_replaceable(folder, overwrite=True, own=FILES)
    (folder / ".git").mkdir()
    with pytest.raises(UsageError, match=r"contains \.git, which is not part of an export"):
        require_replaceable(folder, overwrite=True, own=FILES)
    with pytest.raises(UsageError, match="is a folder"):
        require_replaceable(folder, overwrite=True)
    file.touch()
    with pytest.raises(UsageError, match="is a file"):
        require_replaceable(file, overwrite=True, own=FILES)
    with pytest.raises(UsageError, match="exists"):
        require_replaceable(file, overwrite=False)
    require_replaceable(file, overwrite=True)


@pytest.mark.parametrize("name", ["fsrcnn", "srcnn-y", "autoencoder"])
def test_the_card_s_program_gives_srbench_s_picture(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Luma and colour, from LR and from the enlarged image; its border is Pillow's, so the inside is compared."""
    pytest.importorskip("onnxruntime")
    (exported,) = make_subjects(REGISTRY, name, (2,))
    info = exported.card.info
    (tmp_path / exported.onnx_name).write_bytes(make_graph(exported).content)
    picture = photograph(31, 44, 3)
    save(tmp_path / "photo.png", picture)
    monkeypatch.chdir(tmp_path)
    exec(compile(snippet(exported.onnx_name, 2, info.channels, info.input), "card", "exec"), {})
    found = read_image(tmp_path / "photo_x2.png").astype(float)

    expected = _by_srbench(exported, picture)
    assert np.abs(found - expected)[8:-8, 8:-8].mean() < 0.6


def _by_srbench(exported: ExportSubject, picture: np.ndarray) -> np.ndarray:
    """The picture by srbench's own resizer and colours."""
    info = exported.card.info
    image = picture.astype(np.float64)
    if info.channels == "y":
        image = np.asarray(rgb_to_ycbcr(image))
    large = imresize(image, 2)
    taken = large if info.input == "upsampled" else image
    planes = (taken if info.channels == "rgb" else taken[..., :1]).transpose(2, 0, 1) / 255
    sr = run_method(exported.method, np.float32(planes), 2, torch.device("cpu")).transpose(1, 2, 0) * 255.0
    if info.channels == "rgb":
        return np.clip(sr, 0, 255)
    return np.clip(ycbcr_to_rgb(np.concatenate([sr, large[..., 1:]], axis=2)), 0, 255)


def test_several_methods_are_refused() -> None:
    with pytest.raises(UsageError, match=re.escape("'srcnn-y*' is srcnn-y:standard, srcnn-y-935:standard")):
        make_subjects(REGISTRY, "srcnn-y*", (2,))
