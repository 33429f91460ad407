"""Training from the command line, with a small network of the test's own."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import photograph, save

from srbench.weights import read_metadata, read_tensors, save_weights, weights_sha256

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

NET = """
from torch import nn
from srbench.method import LearnedMethod, MethodInfo, Recipe

RECIPE = Recipe(train=("./train",), validation=("./val",), patch=24, stride=24, batch=4, steps=6, validate_every=3)

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="rgb", input="lr", halo=1)
    recipes = {"tiny": RECIPE, "testset": RECIPE.model_copy(update={"train": ("set5",)})}
    def network(self, scale):
        return nn.Sequential(nn.Conv2d(3, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))
"""


@pytest.fixture(autouse=True)
def net(tmp_path: Path, photos: Path) -> None:
    for number in range(3):
        save(tmp_path / "train" / f"{number}.png", photograph(60, 70, number + 10))
    save(tmp_path / "val" / "v.png", photograph(60, 70, 20))
    (tmp_path / "net.py").write_text(NET)


def weights(cache: Path) -> dict[str, str]:
    """By name, without their metadata: how long a training takes is another each time."""
    return {path.name: weights_sha256(path) for path in (cache / "weights").glob("*.safetensors")}


RUN = (
    "run",
    "--methods",
    "net,bicubic",
    "--plugin",
    "net.py",
    "--datasets",
    "./photos",
    "--scales",
    "2",
    "--no-report",
    "--no-speed",
)


def test_missing_weights_are_trained_once(cli: Cli, own_cache: Path) -> None:
    never = cli(*RUN, "--train", "never")
    assert never.returncode == 3
    assert "there are no weights for net:tiny x2" in never.stderr
    first = cli(*RUN)
    assert first.returncode == 0, first.stderr
    assert "trained net:tiny x2" in first.stderr
    (kept,) = weights(own_cache).values()
    again = cli(*RUN)
    assert "0 computed, 2 known before" in again.stderr
    assert "trained net" not in again.stderr
    assert weights(own_cache) == dict.fromkeys(weights(own_cache), kept)


def test_always_trains_anew_and_gives_the_same(cli: Cli, own_cache: Path) -> None:
    first = json.loads(cli(*RUN, "--json").stdout)
    kept = weights(own_cache)
    always = cli(*RUN, "--train", "always", "--json")
    assert "trained net:tiny x2" in always.stderr
    assert weights(own_cache) == kept
    assert json.loads(always.stdout) == first


def test_seeds_are_rows_of_their_own(cli: Cli, own_cache: Path) -> None:
    result = cli(*RUN, "--seeds", "0,1", "--json")
    rows = [row for row in json.loads(result.stdout)["results"] if row["metric"] == "psnr"]
    assert [(row["method"], row["seed"]) for row in rows] == [("net", 0), ("net", 1), ("bicubic", 0)]
    assert rows[0]["value"] != rows[1]["value"]
    assert len(weights(own_cache)) == 2


def test_other_weights_are_other_results(cli: Cli, own_cache: Path) -> None:
    """Weights of the same name with other content: the numbers made with the old ones are not taken for theirs."""
    import torch

    cli(*RUN)
    (path,) = (own_cache / "weights").glob("*.safetensors")
    changed = {name: tensor + 0.01 for name, tensor in read_tensors(path).items()}
    assert all(torch.isfinite(tensor).all() for tensor in changed.values())
    save_weights(path, changed, read_metadata(path))
    assert "1 computed, 1 known before" in cli(*RUN).stderr
    path.write_bytes(b"damaged")
    broken = cli(*RUN, "--train", "never")
    assert broken.returncode == 3
    assert "damaged" in broken.stderr
    assert "Traceback" not in broken.stderr
    mended = cli(*RUN)  # damaged weights count as missing
    assert mended.returncode == 0
    assert "damaged" in mended.stderr
    assert "trained net:tiny x2" in mended.stderr


FAILING = """
from torch import nn
from srbench.method import LearnedMethod, MethodInfo, Recipe, Transfer

RECIPE = Recipe(train=("./train",), validation=("./val",), patch=24, stride=24, batch=4, steps=2, validate_every=2)

class Failing(LearnedMethod):
    info = MethodInfo(name="failing", family="prediction", channels="rgb", input="lr", halo=1)
    recipes = {"tiny": RECIPE.model_copy(update={"transfer": Transfer(scale=3)})}
    def network(self, scale):
        with open("asked.txt", "a") as file:
            file.write(f"{scale} ")
        raise RuntimeError("no such layer")
"""


@pytest.mark.parametrize("how", ["train", "run"])
def test_a_training_that_fails_leaves_the_others(how: str, cli: Cli, own_cache: Path, tmp_path: Path) -> None:
    """It ends no other, is tried once although two scales begin with it, and is a line with its reason."""
    (tmp_path / "failing.py").write_text(FAILING)
    plugins = ("--plugin", "failing.py", "--plugin", "net.py", "--scales", "2,4")
    if how == "train":
        result = cli("train", "failing", "net", *plugins)
        lines = [line for line in result.stderr.splitlines() if line.startswith("srbench: ")]
        reason = "failing raised RuntimeError in training: no such layer"
        assert lines == [f"srbench: failing:tiny x{scale}: {reason}" for scale in (2, 4)]
        assert {Path(line).name for line in result.stdout.split()} == set(weights(own_cache))
    else:
        result = cli("run", "--methods", "failing,net", "--datasets", "./photos", "--no-report", "--no-speed", *plugins)
        assert result.stderr.count("failing raised RuntimeError in training: no such layer") == 2
    assert result.returncode == 3, result.stderr
    assert (tmp_path / "asked.txt").read_text().split() == ["3"]
    assert len(weights(own_cache)) == 2
    assert "Traceback" not in result.stderr
    assert "bug" not in result.stderr


def test_seeds_that_no_generator_takes_are_refused(cli: Cli) -> None:
    for words in (("train", "net"), ("run", "--methods", "net", "--datasets", "./photos")):
        result = cli(*words, "--plugin", "net.py", "--seeds", "99999999999999999999")
        assert result.returncode == 2
        assert "--seeds takes whole numbers up to 9223372036854775807" in result.stderr


def test_train(cli: Cli, own_cache: Path) -> None:
    result = cli("train", "net", "--plugin", "net.py", "--scales", "2,3")
    assert result.returncode == 0, result.stderr
    assert {Path(line).name for line in result.stdout.split()} == set(weights(own_cache))
    assert len(weights(own_cache)) == 2
    refused = cli("train", "net:testset", "--plugin", "net.py")
    assert refused.returncode == 4
    assert "'set5' is a test set" in refused.stderr
    assert cli("train", "bicubic").returncode == 2
    assert cli("train", "net", "--plugin", "net.py", "--scales", "9").returncode == 2


def test_steps_and_data_make_another_recipe_that_a_run_finds(cli: Cli, own_cache: Path, tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / "pairs" / "HR" / f"{number}.png", photograph(60, 70, number))
        save(tmp_path / "pairs" / "LR" / f"{number}.png", photograph(60, 70, number)[::2, ::2])
    plain = cli("train", "net", "--plugin", "net.py", "--scales", "2")
    changed = cli("train", "net", "--plugin", "net.py", "--steps", "2", "--data", "pairs")
    assert changed.returncode == 0, changed.stderr
    assert "note: pairs holds HR and LR, taken as pairs: hr=pairs/HR,lr=pairs/LR" in changed.stderr
    assert "trained net:tiny-2-steps-pairs x2:" in changed.stderr
    assert f"curve: {changed.stdout.strip().removesuffix('.safetensors')}.png" in changed.stderr
    assert {plain.stdout, changed.stdout} == {f"{own_cache}/weights/{name}\n" for name in weights(own_cache)}
    said = next(line for line in changed.stderr.splitlines() if line.startswith("run it on pairs"))
    words = shlex.split(said.partition(": srbench run ")[2].replace("hr=DIR,lr=DIR", "hr=pairs/HR,lr=pairs/LR"))
    result = cli("run", *words, "--train", "never", "--no-report", "--no-speed", "--json")
    assert result.returncode == 0, result.stderr
    assert {row["method"] for row in json.loads(result.stdout)["results"]} == {"net", "bicubic"}
    wrong = cli("train", "net", "--plugin", "net.py", "--data", "pairs", "--scales", "3")
    assert (wrong.returncode, wrong.stderr) == (2, "srbench: The pairs of pairs are for x2: give --scales 2.\n")
