"""Trainings that break off go on to the same bits; stages, scales and averages are what the recipe says."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import hear_interrupts, photograph, save
from torch import Tensor, nn

from srbench.errors import DataError, MethodError
from srbench.method import LearnedMethod, MethodInfo
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe, Transfer
from srbench.training import trainer
from srbench.training.job import Training, plan_training
from srbench.training.progress import TrainingProgress
from srbench.training.session import Session
from srbench.training.trainer import Checkpoint, obtain, train
from srbench.weights import read_metadata, read_tensors, save_weights, trained_folder, weights_sha256

CPU = torch.device("cpu")


def silent(progress: TrainingProgress) -> None: ...


def stopping_at(step: int) -> Callable[[TrainingProgress], None]:
    def report(progress: TrainingProgress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    return report


def watch(training: Training) -> Callable[[TrainingProgress], None]:
    return silent


def learned(name: str) -> LearnedMethod:
    method = Registry().method(name)()
    assert isinstance(method, LearnedMethod)
    return method


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for number in range(2):
        save(tmp_path / "train" / f"{number}.png", photograph(70, 64, number))
    save(tmp_path / "val" / "v.png", photograph(48, 50, 9))
    folders = {"train": (str(tmp_path / "train"),), "validation": (str(tmp_path / "val"),)}
    return Recipe(**folders, patch=24, stride=12, batch=4, steps=50, validate_every=15)  # type: ignore[arg-type]


class Dropping(LearnedMethod):
    """A network that draws random numbers, and has a running mean."""

    info = MethodInfo(name="dropping", family="prediction", channels="y", input="upsampled")

    def network(self, scale: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.3), nn.Conv2d(4, 1, 1))


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "sgd": {"optimizer": "sgd", "lr": 1e-3, "schedule": "step", "milestones": (25,)},
    "adamw, warm-up": {"weight_decay": 0.01, "warmup": 30, "lr_factors": (("*.bias", 0.1), ("", 0.5))},
    "average": {"ema": 0.9},
    "random crops": {"crops": "random", "clip_gradient": 0.5, "margin": 2},
    "soap": {"optimizer": "soap", "weight_decay": 0.01},
    "bf16": {"precision": "bf16"},
    "drawn": {"init": (("", "he"),)},
}


@pytest.mark.parametrize("name", ["srcnn-y", "fsrcnn-s", "dropping"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_broken_training_ends_at_the_same_bits(recipe: Recipe, tmp_path: Path, name: str, variant: str) -> None:
    make = Dropping if name == "dropping" else lambda: learned(name)
    chosen = recipe.model_copy(update=VARIANTS[variant])
    whole = train(make(), chosen, 2, CPU, silent)
    checkpoint = Checkpoint(tmp_path / "c.safetensors", "key")
    for step in (0, 5, 20, 40, 45):  # 5: a point of the curve, before any weights were kept
        with pytest.raises(KeyboardInterrupt):
            train(make(), chosen, 2, CPU, stopping_at(step), checkpoint=checkpoint)
        assert read_metadata(checkpoint.path)["step"] == step
        torch.rand(7)  # whatever else draws
    resumed = train(make(), chosen, 2, CPU, silent, checkpoint=checkpoint)
    assert resumed.curve == whole.curve
    assert resumed.best_psnr == whole.best_psnr
    assert all(torch.equal(whole.state[key], resumed.state[key]) for key in whole.state)


def test_checkpoints_of_other_trainings_are_not_used(recipe: Recipe, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.safetensors", "key")
    with pytest.raises(KeyboardInterrupt):
        train(learned("srcnn-y"), recipe, 2, CPU, stopping_at(20), checkpoint=checkpoint)
    first: list[int] = []

    def note(progress: TrainingProgress) -> None:
        first.append(progress.step)
        raise KeyboardInterrupt

    kept = checkpoint.path.read_bytes()
    others = ((recipe, "another"), (recipe.model_copy(update={"lr": 2e-3}), "key"), (recipe, "key"))
    for other, key in others:
        checkpoint.path.write_bytes(kept)
        with pytest.raises(KeyboardInterrupt):
            train(learned("srcnn-y"), other, 2, CPU, note, checkpoint=Checkpoint(checkpoint.path, key))
    checkpoint.path.write_bytes(kept[:1000])
    with pytest.raises(KeyboardInterrupt):
        train(learned("srcnn-y"), recipe, 2, CPU, note, checkpoint=checkpoint)
    assert first == [0, 0, 20, 0]
    checkpoint.path.write_bytes(kept)
    tensors = {name: value for name, value in read_tensors(checkpoint.path).items() if name != "generator/patches"}
    save_weights(checkpoint.path, tensors, read_metadata(checkpoint.path))
    with pytest.raises(DataError, match=r"was altered .*; remove it"):
        train(learned("srcnn-y"), recipe, 2, CPU, note, checkpoint=checkpoint)


def test_a_checkpoint_is_left_every_few_minutes(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_EVERY", 0.0)
    checkpoint = Checkpoint(tmp_path / "c.safetensors", "key")
    seen: list[int] = []

    def report(progress: TrainingProgress) -> None:
        if progress.step:
            seen.append(read_metadata(checkpoint.path)["step"] - progress.step)

    train(learned("srcnn-y"), recipe, 2, CPU, report, checkpoint=checkpoint)
    assert seen
    assert set(seen) == {0}


class Breaking(nn.Module):
    """Its 26th batch gives NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)
        self.batches = 0

    def forward(self, x: Tensor) -> Tensor:
        self.batches += self.training
        out: Tensor = self.layer(x)
        return out / 0.0 * 0.0 if self.batches > 25 else out


def test_divergence_keeps_the_last_good_state(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint(tmp_path / "c.safetensors", "key")
    monkeypatch.setattr(Dropping, "network", lambda self, scale: Breaking())
    expected = r"diverged at step 26 of 50; lower its learning rate \(the last good state is kept in .*c\.safetensors\)"
    with pytest.raises(MethodError, match=expected):
        train(Dropping(), recipe, 2, CPU, silent, checkpoint=checkpoint)
    assert read_metadata(checkpoint.path)["step"] == 25  # the last point of the curve before
    assert all(bool(torch.isfinite(t).all()) for t in read_tensors(checkpoint.path).values())


def test_weights_come_with_a_curve_and_leave_no_checkpoint(recipe: Recipe) -> None:
    card = Registry().card("srcnn-y")
    training = plan_training(card, recipe, 2, 0)
    with pytest.raises(KeyboardInterrupt):
        obtain(training, type(learned("srcnn-y")), CPU, lambda _: stopping_at(20))
    (left,) = (trained_folder() / "checkpoints").iterdir()
    assert left.name == training.file_name
    assert training.find() is None
    path = obtain(training, type(learned("srcnn-y")), CPU, watch)
    assert not list((trained_folder() / "checkpoints").iterdir())
    rows = list(csv.DictReader(path.with_suffix(".csv").open()))
    assert [row["step"] for row in rows if row["picks"] == "1"] == ["15", "30", "45", "50"]
    assert 20 <= len(rows) < 50
    assert path.with_suffix(".png").read_bytes()[1:4] == b"PNG"
    assert b"<svg" in path.with_suffix(".svg").read_bytes()
    metadata = read_metadata(path)
    assert metadata["recipe_hash"] == recipe.hash
    assert Recipe.model_validate(metadata["recipe"]) == recipe
    before = weights_sha256(path), path.read_bytes()
    again = obtain(training, type(learned("srcnn-y")), CPU, watch, again=True)
    assert weights_sha256(again) == before[0]  # though it took another time
    assert obtain(training, type(learned("srcnn-y")), CPU, lambda _: stopping_at(0)) == path


def test_other_scales_begin_with_the_first(recipe: Recipe) -> None:
    staged = recipe.model_copy(
        update={
            "steps": 12,
            "init_from": recipe.model_copy(update={"steps": 5}),
            "transfer": Transfer(scale=3, freeze=("convolutions", "slopes"), steps=4),
        }
    )
    training = plan_training(Registry().card("fsrcnn-s"), staged, 2, 1)
    assert training.after is not None
    assert training.after.after is not None
    assert (training.after.scale, training.after.recipe) == (3, training.recipe)
    assert training.after.after.recipe.steps == 5
    assert training.after.after.recipe.seed == 1
    steps: list[int] = []

    def count(which: Training) -> Callable[[TrainingProgress], None]:
        return lambda progress: steps.append(progress.steps) if progress.step == 0 else None

    path = obtain(training, type(learned("fsrcnn-s")), CPU, count)
    assert steps == [5, 12, 4]
    double, triple = read_tensors(path), read_tensors(trained_folder() / training.after.file_name)
    same = {name for name in double if torch.equal(double[name], triple[name])}
    assert same == {name for name in double if not name.startswith("deconvolution")}


def test_what_is_reset_begins_anew(recipe: Recipe) -> None:
    """A deconvolution made for one stride is no start for another."""
    before = train(learned("fsrcnn-s"), recipe.model_copy(update={"steps": 3}), 3, CPU, silent)
    path = trained_folder() / "first.safetensors"
    save_weights(path, before.state, {})
    staged = recipe.model_copy(update={"transfer": Transfer(scale=3, reset=("deconvolution",))})
    method = learned("fsrcnn-s")
    torch.manual_seed(0)
    fresh = method.network(2).state_dict()
    torch.manual_seed(0)
    state = Session(method.network(2), staged, method.info, 2, CPU, path).network.state_dict()
    for name, tensor in state.items():
        assert torch.equal(tensor, (fresh if name.startswith("deconvolution") else before.state)[name]), name


def test_nothing_left_to_train_is_refused(recipe: Recipe) -> None:
    frozen = recipe.model_copy(update={"transfer": Transfer(scale=3, freeze=("",))})
    with pytest.raises(DataError, match="freezes every parameter"):
        train(learned("fsrcnn-s"), frozen, 2, CPU, silent)


def test_one_network_for_all_scales(recipe: Recipe) -> None:
    mixed = recipe.model_copy(update={"scales": (2, 3, 4), "steps": 4})
    card = Registry().card("srcnn-y")
    files = {plan_training(card, mixed, scale, 0).file_name for scale in (2, 3, 4)}
    assert len(files) == 1
    assert "_x2-3-4_" in files.pop()
    trained = train(learned("srcnn-y"), mixed, 2, CPU, silent)
    assert all(torch.equal(a, b) for a, b in zip(
        trained.state.values(), train(learned("srcnn-y"), mixed, 4, CPU, silent).state.values(), strict=True
    ))  # fmt: skip


@pytest.mark.long
def test_the_average_is_what_is_kept(recipe: Recipe) -> None:
    method = learned("srcnn-y")
    slow = recipe.model_copy(update={"ema": 0.999, "steps": 30, "validate_every": 30, "lr": 1e-2})
    averaged = train(method, slow, 2, CPU, silent)
    plain = train(learned("srcnn-y"), slow.model_copy(update={"ema": 0.0}), 2, CPU, silent)
    assert any(not torch.equal(averaged.state[name], plain.state[name]) for name in plain.state)
    assert all(torch.equal(t, averaged.state[name]) for name, t in method.model.state_dict().items())


def same_tensors(one: Path, other: Path) -> bool:
    a, b = read_tensors(one), read_tensors(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


PLUGIN = """
import dataclasses
from srbench.methods.fsrcnn import FsrcnnS
from srbench.method import Recipe
class Small(FsrcnnS):
    info = dataclasses.replace(FsrcnnS.info, name="small")
    recipes = {"quick": Recipe(patch=36, stride=36, batch=4, steps=400, validate_every=40)}
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_command_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text(PLUGIN)
    words = [sys.executable, "-m", "srbench", "train", "small", "--scales", "3", "--threads", "1", "--plugin", plugin]

    def environment(cache: str) -> dict[str, str]:
        return {**os.environ, "SRBENCH_CACHE": str(tmp_path / cache)}

    process = subprocess.Popen(
        words,
        env=environment("broken"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    checkpoints = tmp_path / "broken" / "weights" / "checkpoints"
    deadline = time.monotonic() + 120
    while not (checkpoints.is_dir() and list(checkpoints.glob("small*"))) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number), errors
    assert list(checkpoints.glob("small*"))
    second = subprocess.run(words, env=environment("broken"), capture_output=True, text=True, check=True)
    assert "resumes after batch" in second.stderr
    third = subprocess.run(words, env=environment("whole"), capture_output=True, text=True, check=True)
    assert same_tensors(Path(second.stdout.strip()), Path(third.stdout.strip()))
    fourth = subprocess.run(words, env=environment("whole"), capture_output=True, text=True, check=True)
    assert "is trained already" in fourth.stderr
    assert fourth.stdout == third.stdout
