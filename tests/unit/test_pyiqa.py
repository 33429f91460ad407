"""Metrics of pyiqa: what the library says of them, its own values, and weights that are not here."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph, save
from numpy.typing import NDArray

from srbench.bench.availability import needs
from srbench.data.fetch.networks import checked_by_name
from srbench.errors import DataError, UsageError
from srbench.metrics import pyiqa_library as module
from srbench.metrics.bridge import bridged
from srbench.metrics.metric import Pair
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.system.installed import install_command

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

CONFIGS = """
DEFAULT_CONFIGS = {
    "mean": {"metric_mode": "NR", "score_range": "0, 1"},
    "apart": {"metric_mode": "FR", "lower_better": True, "score_range": "0, ~"},
    "chance": {"metric_mode": "NR"},
    "away": {"metric_mode": "NR"},
    "other": {"metric_mode": "NR"},
    "weighted": {"metric_mode": "NR"},
    "unsure": {"metric_mode": "NR"},
    "fid": {"metric_mode": "NR", "lower_better": True},
}
"""
LIBRARY = """
import os, socket, numpy, torch
from pyiqa.default_model_configs import DEFAULT_CONFIGS
WEIGHTS = os.environ.get("SRBENCH_WEIGHTS", "")

class Metric:
    def __init__(self, name):
        config = DEFAULT_CONFIGS[name]
        self.metric_mode, self.lower_better = config["metric_mode"], config.get("lower_better", False)
        self.name, self.factor = name, 1.0
        if name == "unsure":
            self.lower_better = True
        if name == "away":
            print('Downloading: "https://example.org/main/net-01234567.pth" to /nowhere')
            socket.create_connection(("127.0.0.1", 9))
        if name == "other":
            import a_package_that_nobody_has
        if name == "weighted":
            self.factor = float(torch.load(WEIGHTS, weights_only=False)["factor"])
            print("Loading pretrained model")

    def __call__(self, sr, hr=None):
        print("scoring")
        assert sr.shape[1] == 3 and 0 <= sr.min() and sr.max() <= 1
        if self.name == "apart":
            return (sr - hr).abs().mean()
        if self.name == "chance":
            return torch.rand(1) + numpy.random.rand()
        return self.factor * sr.mean(dim=(1, 2, 3))

def create_metric(name, device=None):
    return Metric(name)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is called pyiqa and has its interface, for other processes; images are in ``sr`` and ``hr``."""
    package = tmp_path / "library" / "pyiqa"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(LIBRARY)
    (package / "default_model_configs.py").write_text(CONFIGS)
    metadata = tmp_path / "library" / "pyiqa-9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: pyiqa\nVersion: 9.9\n")
    paths = [str(tmp_path / "library"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("SRBENCH_WEIGHTS", str(tmp_path / "weights.pth"))
    torch.save({"factor": torch.tensor(2.0)}, tmp_path / "weights.pth")
    for seed, name in enumerate(("one", "two")):
        hr = photograph(24, 30, seed)
        save(tmp_path / "hr" / f"{name}.png", hr)
        save(tmp_path / "sr" / f"{name}.png", hr ^ 1)
    save(tmp_path / "sr" / "two.png", photograph(24, 30, 1)[..., 0] ^ 1)
    save(tmp_path / "hr" / "two.png", photograph(24, 30, 1)[..., 0])
    return tmp_path


SCORE = ("score", "sr", "--json", "--metrics")


def scored(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The document of ``srbench score``."""
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)  # nothing that the library prints is in it
    return found


def metrics(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {metric["name"]: metric for metric in document["metrics"]}


def test_a_library_says_what_its_metrics_are(stand_in: Path, cli: Cli) -> None:
    found = metrics(scored(cli(*SCORE, "pyiqa:mean,pyiqa:apart,pyiqa:chance", "--hr", "hr", "--scale", "1")))
    assert [found[f"pyiqa:{name}"]["higher_is_better"] for name in ("mean", "apart", "chance")] == [True, False, True]
    assert found["pyiqa:apart"]["value"] == pytest.approx(1 / 255, rel=1e-5)
    images = [photograph(24, 30, 0) ^ 1, photograph(24, 30, 1)[..., 0] ^ 1]
    assert found["pyiqa:mean"]["value"] == pytest.approx(np.mean([i.mean() / 255 for i in images]), rel=1e-6)
    alone = scored(cli(*SCORE, "pyiqa:mean,pyiqa:chance"))  # without HR, the same; and chance is no chance
    assert metrics(alone)["pyiqa:mean"]["value"] == found["pyiqa:mean"]["value"]
    assert metrics(alone)["pyiqa:chance"]["value"] == found["pyiqa:chance"]["value"]
    values = [image["values"]["pyiqa:chance"] for image in alone["images"]]
    assert values[0] == values[1]


def test_what_is_not_here_is_unavailable(stand_in: Path, cli: Cli) -> None:
    found = metrics(scored(cli(*SCORE, "pyiqa:mean,pyiqa:away,pyiqa:other,pyiqa:weighted")))
    assert found["pyiqa:mean"]["value"] is not None
    assert found["pyiqa:away"]["unavailable"].startswith("pyiqa's away needs net-01234567.pth, which is not here: `")
    assert "needs a_package_that_nobody_has, which is not installed: `pip" in found["pyiqa:other"]["unavailable"]
    assert found["pyiqa:weighted"]["unavailable"] == ""


class Harmful:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.write_text, (Path(os.environ["SRBENCH_WEIGHTS"]).with_name("executed"), "")


def test_weights_are_tensors_alone(stand_in: Path, cli: Cli) -> None:
    """The library reads them as pickles; one with code is refused, and nothing of it runs."""
    with (stand_in / "weights.pth").open("wb") as file:
        pickle.dump({"factor": Harmful()}, file)
    found = metrics(scored(cli(*SCORE, "pyiqa:mean,pyiqa:weighted")))
    assert "pyiqa cannot build weighted offline" in found["pyiqa:weighted"]["unavailable"]
    assert not (stand_in / "executed").exists()


def test_weights_are_found_and_are_in_the_key(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(stand_in / "library"))
    monkeypatch.setattr(module, "declared", lambda: {"weighted": module.Declared(True, False, "")})
    monkeypatch.setattr(module, "version", lambda package: "9.9")
    module.files_of.cache_clear()
    registry = Registry()
    hashes = []
    for factor in (2.0, 3.0):
        torch.save({"factor": torch.tensor(factor)}, stand_in / "weights.pth")
        key, files = needs(registry.metric("pyiqa:weighted"), registry)
        assert [*files.values()] == [stand_in / "weights.pth"]
        hashes.append(key)
        module.files_of.cache_clear()
    assert hashes[0] != hashes[1]
    monkeypatch.setattr(subprocess, "run", lambda *words, **named: pytest.fail("it was asked again"))
    assert needs(registry.metric("pyiqa:weighted"), registry)[0] == hashes[1]
    (stand_in / "weights.pth").unlink()
    module.files_of.cache_clear()
    with pytest.raises(pytest.fail.Exception):
        needs(registry.metric("pyiqa:weighted"), registry)
    module.files_of.cache_clear()


def test_what_is_unavailable_is_tried_again_only_when_something_has_come(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda words, **named: tried.append(words[-1]) or run(words, **named))
    monkeypatch.setenv("TORCH_HOME", str(stand_in / "torch"))
    (stand_in / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(stand_in / "library"))
    weights = (stand_in / "weights.pth").rename(stand_in / "away.pth")

    def ask(name: str) -> list[str]:
        tried.clear()
        for _ in range(2):
            module.files_of.cache_clear()  # as another process
            with pytest.raises(DataError):
                module.files_of(name)
        return [*tried]

    assert [ask(name) for name in ("away", "other", "weighted")] == [["away"], ["other"], ["weighted"]]
    assert [ask(name) for name in ("away", "other", "weighted")] == [[], [], []]
    (stand_in / "torch" / "hub" / "checkpoints" / "net.pth").touch()  # downloaded
    assert ask("away") == ["away"]
    (stand_in / "library" / "another_package.py").touch()  # installed
    assert ask("other") == ["other"]
    weights.rename(stand_in / "weights.pth")
    assert [*module.files_of("weighted")] == ["weights.pth"]


def test_a_library_that_says_two_things(stand_in: Path, cli: Cli) -> None:
    done = cli(*SCORE, "pyiqa:unsure")
    assert done.returncode
    assert "pyiqa says two things of the direction of unsure" in done.stderr


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "net-01234567.pth"
    path.write_bytes(b"other")
    with pytest.raises(DataError, match="not the file that its name says"):
        checked_by_name({path.name: path})
    plain = tmp_path / "net.pth"
    plain.write_bytes(b"other")
    assert checked_by_name({plain.name: plain}) == {"net.pth": plain}


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    registry = Registry()
    monkeypatch.setattr("srbench.bench.availability.version", absent)
    with pytest.raises(DataError) as error:
        needs(registry.metric("pyiqa:musiq"), registry)
    assert str(error.value).startswith(f"pyiqa is not installed: {install_command('pyiqa')} installs it (PolyForm Non")


def absent(package: str) -> str:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(package)


@pytest.mark.parametrize(
    ("name", "message"),
    [("musik", "Did you mean musiq"), ("fid", "fid is of a whole set of images; srbench's own is fid")],
)
def test_names_that_it_has_not(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"musiq": module.Declared(True, False, "")}
    monkeypatch.setattr(module, "declared", lambda: known)
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    with pytest.raises(UsageError, match=message):
        bridged(f"pyiqa:{name}")


# the library itself ----------------------------------------------------------------------------------------------


def pair(sr: NDArray[Any], target: NDArray[Any]) -> Pair:
    return Pair(sr, target, PROTOCOLS["vdsr"])


def test_values_are_pyiqas() -> None:
    """As a user of pyiqa gets them, in colour and in gray; of metrics that need no download."""
    pyiqa = pytest.importorskip("pyiqa")
    target = photograph(180, 210, 3)
    sr = np.clip(target.astype(int) + np.random.default_rng(0).normal(0, 8, target.shape).round(), 0, 255)
    pairs = ((sr.astype(np.uint8), target), (sr.astype(np.uint8)[..., 0].copy(), target[..., 0].copy()))
    for name in ("psnr", "psnry", "ssim", "ssimc", "gmsd", "vif", "piqe", "entropy"):
        theirs, ours = pyiqa.create_metric(name, device=torch.device("cpu")), bridged(f"pyiqa:{name}")
        assert (ours.higher_is_better, ours.needs_hr) == (not theirs.lower_better, theirs.metric_mode == "FR"), name
        for one, other in pairs:
            batch = [torch.from_numpy(np.atleast_3d(image)).permute(2, 0, 1)[None] / 255.0 for image in (one, other)]
            batch = [image.expand(-1, 3, -1, -1) for image in batch]
            expected = float(theirs(*batch[: 1 + ours.needs_hr]))
            found = ours.function(pair(one, other if ours.needs_hr else one[:0]))
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-7), name


def test_what_pyiqa_declares_is_what_its_metrics_have() -> None:
    from importlib.util import find_spec

    if find_spec("pyiqa") is None:
        pytest.skip("pyiqa is not installed")
    module.declared.cache_clear()
    found = module.declared()
    assert {"musiq", "maniqa", "clipiqa", "topiq_nr", "nima", "psnr", "ssim", "lpips"} <= found.keys()
    assert not found.keys() & {"fid", "inception_score", "clipscore"}
    assert (found["lpips"].higher_is_better, found["lpips"].needs_hr) == (False, True)
    assert (found["musiq"].higher_is_better, found["musiq"].needs_hr) == (True, False)
