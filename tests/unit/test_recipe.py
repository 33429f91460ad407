"""Recipes: what their hash covers, and what it must never notice."""

from __future__ import annotations

import pytest

from srbench.recipe import Perceptual, Recipe, Transfer

DEFAULTS = {
    "train": ("embedded:train",),
    "validation": ("embedded:validation",),
    "validation_images": None,
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
    ],
)
def test_every_field_is_hashed(changed: dict[str, object]) -> None:
    recipes = [Recipe(), Recipe.model_validate(changed), *[Recipe(seed=seed) for seed in (1, 2)]]
    assert len({recipe.hash for recipe in recipes}) == len(recipes)


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
