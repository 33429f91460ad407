"""Training: it learns, it repeats itself, and it never sees a test image."""

from __future__ import annotations

import math
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from conftest import photograph, save

from srbench.data.catalog import resolve
from srbench.data.patches import batches, cut, cut_pairs
from srbench.errors import DataError, MethodError
from srbench.imaging.files import to_uint8
from srbench.method import LearnedMethod
from srbench.protocol import PROTOCOLS
from srbench.recipe import Recipe
from srbench.registry import Registry
from srbench.training.job import plan_training
from srbench.training.progress import Progress
from srbench.training.trainer import train, train_and_save, validate
from srbench.weights import load_weights, weights_name

CPU = torch.device("cpu")


def silent(progress: Progress) -> None: ...


def srcnn() -> LearnedMethod:
    method = Registry().method("srcnn-y")()
    assert isinstance(method, LearnedMethod)
    return method


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    for number in range(3):
        save(tmp_path / "train" / f"{number}.png", photograph(80, 90, number))
    save(tmp_path / "val" / "v.png", photograph(80, 90, 9))
    return Recipe(
        train=(str(tmp_path / "train"),),
        validation=(str(tmp_path / "val"),),
        patch=32,
        stride=16,
        batch=8,
        steps=60,
        validate_every=30,
    )


def test_it_learns() -> None:
    """On photographs: 160 batches already beat bicubic by far more than chance."""
    recipe = Recipe(train=("embedded:train",), patch=36, stride=36, batch=8, steps=160, validate_every=80)
    trained = train(srcnn(), recipe, 2, CPU, silent)
    values = [point.validation_psnr for point in trained.curve]
    assert [point.step for point in trained.curve] == [80, 160]
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss
    assert trained.curve[-1].train_psnr == pytest.approx(-10 * math.log10(trained.curve[-1].train_loss))
    cases = [
        PROTOCOLS["vdsr"].prepare(sample.name, to_uint8(sample.hr), 2)
        for sample in resolve("embedded:validation").samples()
    ]
    bicubic = validate(Registry().method("bicubic")(), cases, CPU)
    assert trained.best_psnr == max(values)
    assert trained.best_psnr > bicubic + 0.1


def test_the_best_weights_are_kept(recipe: Recipe) -> None:
    method = srcnn()
    diverging = recipe.model_copy(update={"lr": 0.5, "schedule": "constant", "steps": 40, "validate_every": 1})
    trained = train(method, diverging, 2, CPU, silent)
    assert trained.best_psnr == max(p.validation_psnr for p in trained.curve) > trained.curve[-1].validation_psnr
    for name, tensor in method.model.state_dict().items():
        assert torch.equal(tensor, trained.state[name])


def test_one_seed_gives_one_set_of_weights(recipe: Recipe) -> None:
    first, second, other = (
        train(srcnn(), recipe.model_copy(update={"seed": seed}), 2, CPU, silent).state for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_nan_stops_with_the_step(recipe: Recipe) -> None:
    exploding = recipe.model_copy(update={"lr": 1e18, "optimizer": "sgd", "validate_every": 10})
    with pytest.raises(MethodError, match=r"diverged at step [2-9] of 60"):
        train(srcnn(), exploding, 2, CPU, silent)


@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier", "euclidean"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_every_choice_of_a_recipe_trains(recipe: Recipe, loss: str, optimizer: str) -> None:
    chosen = recipe.model_copy(
        update={
            "loss": loss,
            "optimizer": optimizer,
            "steps": 3,
            "shrink": (1.0, 0.7),
            "clip_gradient": 1.0,
            "lr": 1e-6 if loss == "euclidean" else 1e-4,
        }
    )
    assert train(srcnn(), chosen, 3, CPU, silent).best_psnr > 15


@pytest.mark.parametrize("spec", ["set5", "embedded", "embedded:test", "bsd100"])
@pytest.mark.parametrize("role", ["train", "validation"])
def test_a_test_set_is_refused_by_name(recipe: Recipe, spec: str, role: str) -> None:
    with pytest.raises(DataError, match="is a test set"):
        train(srcnn(), recipe.model_copy(update={role: (spec,)}), 2, CPU, silent)


def test_a_test_image_is_refused_by_its_pixels(recipe: Recipe, tmp_path: Path) -> None:
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    shutil.copy(Path(spec.origin).parent / "data" / "camera.png", tmp_path / "train" / "holiday.png")
    with pytest.raises(DataError, match="embedded:test"):
        train(srcnn(), recipe, 2, CPU, silent)


def test_weights_are_kept_with_their_recipe(recipe: Recipe) -> None:
    from safetensors import safe_open

    card = Registry().card("srcnn-y")
    short = recipe.model_copy(update={"steps": 2})
    plan = plan_training(card, short, 2, 0)
    assert plan.find() is None
    path = train_and_save(plan, type(srcnn()), CPU, silent)
    assert plan.find() == path
    with safe_open(path, "pt") as file:
        assert short.hash in file.metadata()["srbench"]
    network = srcnn().network(2)
    load_weights(path, network)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="damaged"):
        load_weights(path, network)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from srbench.weights import save_weights

    path = tmp_path / "w.safetensors"
    save_weights(path, {"extract.weight": torch.zeros(1)}, {})
    with pytest.raises(DataError, match="do not fit"):
        load_weights(path, srcnn().network(2))


def test_the_name_of_weights_is_of_all_that_decides_them() -> None:
    base = ("m", 1, (2,), Recipe(), {"d": "h"})
    names = {weights_name(*base)}
    for index, other in enumerate(("n", 2, (2, 3), Recipe(seed=1), {"d": "i"})):
        names.add(weights_name(*base[:index], other, *base[index + 1 :]))  # type: ignore[arg-type]
    assert len(names) == 6
    assert weights_name(*base) in names


def test_patches_of_input_and_target_match() -> None:
    hr = torch.arange(1.0 * 40 * 36).reshape(1, 40, 36)
    lr = hr[:, ::2, ::2]
    x, y = cut_pairs([(lr, hr)], 12, 8, CPU)
    assert x.shape == (16, 1, 6, 6)
    assert torch.equal(x, y[..., ::2, ::2])
    generator = torch.Generator().manual_seed(0)
    stream = batches(lr[None], hr[None, ..., :36, :36], 4, generator, flips=True)
    shapes = {tuple(next(stream)[0].shape) for _ in range(20)}
    assert shapes <= {(4, 1, 20, 18), (4, 1, 18, 20)}


def test_patches_need_an_image_as_large_as_they_are() -> None:
    assert len(cut(torch.zeros(1, 5, 50), 6, 3)) == 0
    with pytest.raises(ValueError, match="as large as a patch"):
        cut_pairs([(torch.zeros(1, 5, 5), torch.zeros(1, 10, 10))], 12, 6, CPU)
