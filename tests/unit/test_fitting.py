"""Methods that fit themselves: what the harness does around their own algorithm, with the smallest such method."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from conftest import photograph, save
from torch import Tensor, nn

from srbench.errors import EXIT_INTERRUPTED, DataError, MethodError, UsageError
from srbench.method import FittedMethod, MethodInfo
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe, Transfer, read_recipe
from srbench.testing import CHECKS, Check
from srbench.training.examples import training_images
from srbench.training.job import Training
from srbench.training.progress import TrainingProgress
from srbench.training.trainer import train, train_and_save
from srbench.weights import load_weights, read_metadata

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Sharpening:
    strongest: float = 2.0
    tries: int = 200


class SharpenNetwork(nn.Module):
    """The image and so many times what a 3x3 mean takes from it."""

    strength: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strength", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.functional.pad(x, (1, 1, 1, 1), mode="replicate")
        return x + self.strength * (x - nn.functional.avg_pool2d(padded, 3, stride=1))


class Sharpen(FittedMethod):
    """Draws strengths and keeps the best."""

    info = MethodInfo(name="sharpen", family="statistical", channels="y", input="upsampled", halo=1)
    recipes: ClassVar[Mapping[str, Recipe]] = {"quick": Recipe(steps=1)}

    def network(self, scale: int) -> nn.Module:
        return SharpenNetwork()

    def fit(
        self,
        network: nn.Module,
        examples: Sequence[tuple[Tensor, Tensor]],
        recipe: Recipe,
        scale: int,
        generator: torch.Generator,
        report: Callable[[int, int], None],
    ) -> None:
        settings = recipe.settings(Sharpening)
        if settings.tries < 1:
            raise ValueError("nothing can be found without a try")
        draws = torch.rand(settings.tries, generator=generator) * settings.strongest
        errors = []
        for k, strength in enumerate(draws):
            network.get_buffer("strength").fill_(float(strength))
            errors.append(sum(float(((network(x[None])[0] - y) ** 2).sum()) for x, y in examples))
            report(k + 1, len(draws))
        network.get_buffer("strength").fill_(float(draws[int(torch.tensor(errors).argmin())]))


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for number in range(2):
        save(tmp_path / "train" / f"{number}.png", photograph(48, 50, number))
    save(tmp_path / "val" / "v.png", photograph(48, 50, 9))
    return Recipe(
        train=(str(tmp_path / "train"),), validation=(str(tmp_path / "val"),), patch=24, steps=1, fit=(("tries", 20),)
    )


def silent(progress: TrainingProgress) -> None: ...


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract(check: Check) -> None:
    check(Sharpen)


def test_a_fit_is_validated_and_repeats_itself(recipe: Recipe) -> None:
    told: list[TrainingProgress] = []
    method = Sharpen()
    first = train(method, recipe, 2, CPU, told.append)
    second = train(Sharpen(), recipe, 2, CPU, silent)
    other = train(Sharpen(), recipe.seeded(1), 2, CPU, silent)
    assert torch.equal(first.state["strength"], second.state["strength"])
    assert not torch.equal(first.state["strength"], other.state["strength"])
    assert first.state["strength"] > 0.1
    assert [point.step for point in first.curve] == [1]
    point = first.curve[0]
    assert point.validation_psnr == first.best_psnr > 20
    assert 0 < point.train_loss < 0.01
    assert torch.equal(method.model.get_buffer("strength"), first.state["strength"])
    assert not method.model.training
    assert [p.step for p in told] == [0, *range(1, 21), 21]
    assert [p.step >= p.steps for p in told] == [False] * 21 + [True]
    assert told[-1].best == first.best_psnr


def test_examples_are_whole_images_at_every_size(recipe: Recipe) -> None:
    images = training_images(Sharpen.info, recipe.model_copy(update={"shrink": (1.0, 0.75, 0.25)}), 2)
    assert [tuple(x.shape) for x, _ in images] == [(1, 48, 50), (1, 36, 38)] * 2  # a quarter is smaller than a patch
    assert all(x.shape == target.shape for x, target in images)
    with pytest.raises(DataError, match="no training image is as large as 64"):
        training_images(Sharpen.info, recipe.model_copy(update={"patch": 64}), 2)


def job(recipe: Recipe, folder: Path) -> Training:
    return Training(
        method="sharpen", label="sharpen:quick", recipe=recipe, scale=2, file_name="s.safetensors", shipped=folder
    )


def test_its_weights_are_kept_as_any_others(recipe: Recipe, tmp_path: Path) -> None:
    path = train_and_save(job(recipe, tmp_path), Sharpen, CPU, silent)
    metadata = read_metadata(path)
    assert Recipe.model_validate(metadata["recipe"]) == recipe
    assert metadata["validation_psnr"] == metadata["curve"][0]["validation_psnr"]
    network = SharpenNetwork()
    load_weights(path, network)
    assert float(network.strength) > 0.1
    assert {path.with_suffix(suffix).is_file() for suffix in (".csv", ".png", ".svg")} == {True}


def test_an_interrupted_fit_leaves_nothing_and_begins_anew(recipe: Recipe, tmp_path: Path) -> None:
    def interrupt(progress: TrainingProgress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_and_save(job(recipe, tmp_path), Sharpen, CPU, interrupt)
    assert job(recipe, tmp_path).find() is None
    told: list[TrainingProgress] = []
    train_and_save(job(recipe, tmp_path), Sharpen, CPU, told.append)
    assert told[0].step == 0


@pytest.mark.parametrize("spec", ["set5", "embedded:test"])
def test_test_images_are_refused(recipe: Recipe, spec: str) -> None:
    with pytest.raises(DataError, match="is a test set"):
        train(Sharpen(), recipe.model_copy(update={"train": (spec,)}), 2, CPU, silent)


@pytest.mark.parametrize(
    "changed",
    [{"init_from": Recipe()}, {"transfer": Transfer(scale=3)}, {"scales": (2, 3)}],
    ids=lambda c: next(iter(c)),
)
def test_what_only_steps_can_do_is_refused(recipe: Recipe, changed: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="sharpen fits itself to one scale"):
        train(Sharpen(), recipe.model_copy(update=changed), 2, CPU, silent)


def test_settings_are_checked(recipe: Recipe) -> None:
    def fitted_by(*settings: tuple[str, float | str]) -> None:
        train(Sharpen(), recipe.model_copy(update={"fit": settings}), 2, CPU, silent)

    with pytest.raises(UsageError, match=r"no setting to fit by 'trys'\. Did you mean tries"):
        fitted_by(("trys", 3))
    with pytest.raises(UsageError, match=r"'tries' of a fit is int, not 2\.5"):
        fitted_by(("tries", 2.5))
    with pytest.raises(DataError, match="sharpen cannot be fitted: nothing can be found without a try"):
        fitted_by(("tries", 0))
    with pytest.raises(MethodError, match="fitted 'strength' to values that are not finite"):
        fitted_by(("tries", 1), ("strongest", float("inf")))


def test_a_method_that_is_trained_in_steps_has_no_settings() -> None:
    method = Registry().method("srcnn-y")()
    with pytest.raises(UsageError, match="srcnn-y is trained in steps"):
        train(method, Recipe(fit=(("tries", 3),)), 2, CPU, silent)  # type: ignore[arg-type]


def test_settings_from_a_file(tmp_path: Path) -> None:
    """As a table or as pairs, in any order: one content has one hash."""
    path = tmp_path / "mine.toml"
    path.write_text("[fit]\ntries = 3\nstrongest = 1.5\n")
    recipe = read_recipe(path, {})
    assert recipe.settings(Sharpening) == Sharpening(1.5, 3)
    path.write_text('fit = [["strongest", 1.5], ["tries", 3]]')
    assert read_recipe(path, {}).hash == recipe.hash != Recipe().hash
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    path.write_text("fit = 3")
    with pytest.raises(UsageError, match="fit cannot be 3"):
        read_recipe(path, {})


PLUGIN = """
import time, torch
from srbench.method import FittedMethod, MethodInfo, Recipe

class Halting(FittedMethod):
    info = MethodInfo(name="halting", family="patch", channels="y", input="upsampled", halo=0)
    recipes = {"quick": Recipe(steps=1, train=("embedded:train",), validation=("embedded:validation",))}

    def network(self, scale):
        return torch.nn.Conv2d(1, 1, 1)

    def fit(self, *args):
        open("begun", "w").close()
        time.sleep(1000)
"""


def test_who_interrupts_a_fit_is_told_that_it_begins_anew(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "halting.py").write_text(PLUGIN, "utf-8")
    process = start("train", "halting", "--scales", "2", "--device", "cpu", "--plugin", "halting.py")
    until = time.monotonic() + 240
    while not (tmp_path / "begun").exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == EXIT_INTERRUPTED
    assert "interrupted; the same command fits halting:quick again" in (tmp_path / "stderr").read_text()
