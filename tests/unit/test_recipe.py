"""Recipes: what their hash covers, and what it must never notice."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from srbench.errors import UsageError
from srbench.plugins.registry import Registry
from srbench.recipe import MOST_SEED, Perceptual, Recipe, Transfer, read_recipe

DEFAULTS = {
    "train": ("embedded:train",),
    "validation": ("embedded:validation",),
    "on_test_images": False,
    "validation_images": None,
    "hold_out": False,
    "protocol": "vdsr",
    "scales": (),
    "crops": "grid",
    "patch": 48,
    "stride": 24,
    "flips": True,
    "shrink": (1.0,),
    "margin": 0,
    "batch": 16,
    "loss": "mse",
    "perceptual": None,
    "init": (),
    "init_from": None,
    "transfer": None,
    "optimizer": "adam",
    "lr": 1e-3,
    "lr_factors": (),
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "milestones": (),
    "gamma": 0.5,
    "warmup": 0,
    "steps": 2000,
    "validate_every": 500,
    "clip_gradient": None,
    "ema": 0.0,
    "precision": "fp32",
    "fit": (),
    "seed": 0,
}


def test_defaults_never_change() -> None:
    """The hash leaves out fields at their defaults, so another default would give old weights another meaning."""
    assert Recipe().model_dump() == DEFAULTS
    assert Perceptual().model_dump() == {
        "network": "vgg16",
        "layers": ((3, 1.0), (8, 1.0), (15, 1.0), (22, 1.0)),
        "distance": "l1",
        "weight": 0.1,
    }
    assert Transfer(scale=3).model_dump() == {"scale": 3, "freeze": (), "reset": (), "steps": None}


def test_the_hash_is_what_it_was() -> None:
    assert Recipe().hash == "44136fa355b3"
    assert Recipe(patch=36, init_from=Recipe(steps=5), seed=3).content() == {
        "patch": 36,
        "init_from": {"steps": 5},
        "seed": 3,
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"ema": 0.99},
        {"margin": 3},
        {"perceptual": Perceptual(weight=0.2)},
        {"perceptual": Perceptual()},
        {"init_from": Recipe()},
        {"init_from": Recipe(lr=1)},
        {"transfer": Transfer(scale=3)},
        {"scales": (2, 3)},
        {"precision": "bf16"},
        {"optimizer": "soap"},
        {"hold_out": True},
        {"on_test_images": True},
        {"fit": (("atoms", 5),)},
    ],
)
def test_every_field_is_hashed(changed: dict[str, object]) -> None:
    recipes = [Recipe(), Recipe.model_validate(changed), *[Recipe(seed=seed) for seed in (1, 2)]]
    assert len({recipe.hash for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize(
    ("method", "hashes"),
    [
        ("aplus", {"standard": "c5e8594f901f", "quick": "1e69f857132b", "paper": "f2f79fa52988"}),
        ("autoencoder", {"standard": "0b388512b2dd", "quick": "e09483b03c96", "paper": "0944b9bf2455"}),
        ("fsrcnn", {"quick": "e439be3ebc68", "standard": "464165570894", "paper": "365ea660359c"}),
        ("srcnn-y", {"quick": "5b499e83c662", "standard": "a9dc8f0c1612", "paper": "53659a8b3284"}),
        ("srcnn-y-955", {"standard": "5c1e914eea76", "quick": "3494a351959a", "paper": "53659a8b3284"}),
    ],
)
def test_published_recipes_are_what_they_were(method: str, hashes: dict[str, str]) -> None:
    """Weights are filed under these: a change means that those trained before are no longer found."""
    recipes = Registry().card(method).recipes
    assert {name: recipes[name].hash for name in hashes} == hashes


def test_it_survives_json() -> None:
    recipe = Recipe(
        init=(("a", 0.1), ("", "he")), init_from=Recipe(transfer=Transfer(scale=3)), perceptual=Perceptual()
    )
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    assert Recipe.model_validate(recipe.content()).hash == recipe.hash


def test_the_seed_is_every_stages() -> None:
    recipe = Recipe(seed=1, init_from=Recipe(seed=5)).seeded(2)
    assert recipe.seed == 3
    assert recipe.init_from is not None
    assert recipe.init_from.seed == 7


def test_what_comes_before() -> None:
    first = Recipe(steps=7)
    recipe = Recipe(steps=9, init_from=first, transfer=Transfer(scale=3, freeze=("a",), reset=("b",), steps=4))
    assert recipe.before(3) == (first, 3)
    assert recipe.before(2) == (recipe, 3)
    assert first.before(2) is None
    assert (recipe.steps_at(3), recipe.steps_at(2)) == (9, 4)
    assert (recipe.frozen_at(3), recipe.frozen_at(2)) == ((), ("a",))
    assert (recipe.reset_at(3), recipe.reset_at(2)) == ((), ("b",))
    assert recipe.data == ("embedded:train", "embedded:validation")


def test_test_data_are_those_of_the_stages_that_let_them_in() -> None:
    honest = Recipe(train=("a",), validation=("b",))
    assert honest.test_data == ()
    assert honest.model_copy(update={"on_test_images": True}).test_data == ("a", "b")
    second = Recipe(train=("c",), init_from=honest.model_copy(update={"on_test_images": True}))
    assert second.test_data == ("a", "b")
    assert second.seeded(1).test_data == ("a", "b")


def test_the_greatest_seeds_together_are_one_that_torch_takes() -> None:
    assert Recipe(seed=MOST_SEED).seeded(MOST_SEED).seed < 2**64
    with pytest.raises(ValidationError, match="seed"):
        Recipe(seed=MOST_SEED + 1)


KNOWN = {"long": Recipe(steps=9000, perceptual=Perceptual(), clip_gradient=0.5)}


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_file_changes_its_base(tmp_path: Path) -> None:
    text = 'base = "long"\ntrain = ["hr=a,lr=b", "c"]\nsteps = 5\nperceptual = false\nshrink = [1.0, 0.5]\n'
    assert read_recipe(written(tmp_path, text), KNOWN) == Recipe(
        train=("hr=a,lr=b", "c"), steps=5, shrink=(1.0, 0.5), clip_gradient=0.5
    )
    assert read_recipe(written(tmp_path, "steps = 5"), KNOWN) == Recipe(steps=5)
    nested = read_recipe(written(tmp_path, "[perceptual]\nweight = 0.5\n[transfer]\nscale = 3"), KNOWN)
    assert (nested.perceptual, nested.transfer) == (Perceptual(weight=0.5), Transfer(scale=3))
    assert read_recipe(written(tmp_path, 'base = "long"'), KNOWN).hash == KNOWN["long"].hash


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step = 5", "no key of recipe file .*mine.toml 'step'. Did you mean steps"),
        ("steps = 0", "steps cannot be 0: input should be greater than or equal to 1"),
        ('train = "a"', "train cannot be 'a'"),
        ('loss = "mae"', "loss cannot be 'mae'"),
        ("flips = 3", "flips cannot be 3"),
        ("steps = false", "steps"),
        ("[perceptual]\nweigth = 2", "perceptual.weigth"),
        ("init = [[1, 2]]", "init.0.0"),
        ('base = "lnog"', "no recipe to be the base of .*Did you mean long"),
        ("base = 3", "no recipe to be the base"),
        ("steps = ", "cannot be read"),
        ("scales = [0]", "scales.0 cannot be 0: input should be greater than or equal to 1"),
        ("transfer = { scale = 0 }", "transfer.scale cannot be 0"),
        ("shrink = [1.0, 0]", "shrink.1 cannot be 0: input should be greater than 0"),
        ('init = [["", -1.0]]', r"init.0.1.* cannot be -1.0: input should be greater than or equal to 0"),
        ('lr_factors = [["", -1.0]]', "lr_factors.0.1 cannot be -1.0"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        read_recipe(written(tmp_path, text), KNOWN)
    assert "\n" not in str(error.value)
    assert "mine.toml" in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no recipe file .*none\.toml"):
        read_recipe(tmp_path / "none.toml", KNOWN)
