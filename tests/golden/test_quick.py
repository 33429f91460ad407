"""The recipe `quick` of every learned method beats bicubic on photographs that it has never seen."""

from __future__ import annotations

import pytest
import torch

from srbench.data.catalog import resolve
from srbench.data.images import read_samples
from srbench.imaging.files import to_uint8
from srbench.method import LearnedMethod
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import Case, prepare
from srbench.training.trainer import train, validate

CPU = torch.device("cpu")
GAINS = {  # dB over bicubic at x3 that must be there, with room for other machines' rounding
    "srcnn-y": 0.5,
    "srcnn-y-935": 0.3,
    "srcnn-y-955": 0.3,
    "srcnn-rgb": 0.3,
    "fsrcnn": 0.4,
    "fsrcnn-s": 0.4,
    "autoencoder": 0.1,
    "aplus": 0.7,
}
SCALE = 3


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    samples = read_samples(resolve("embedded:test"))
    prepared = [prepare(PROTOCOLS["vdsr"], sample.name, to_uint8(sample.hr), SCALE) for sample in samples]
    return sorted(prepared, key=lambda case: case.hr.size)[:3]  # the smaller ones: the test is of training


def test_every_learned_method_is_here() -> None:
    registry = Registry()
    own = [name for name in registry.method_names if registry.method(name).__module__.startswith("srbench.methods.")]
    learned = [card for card in map(registry.card, own) if card.learned]
    assert {card.name for card in learned} == set(GAINS)
    assert all({"quick", "standard", "paper"} <= set(card.recipes) for card in learned)


@pytest.mark.parametrize("name", GAINS)
def test_quick_beats_bicubic(name: str, cases: list[Case]) -> None:
    registry = Registry()
    method = registry.method(name)()
    assert isinstance(method, LearnedMethod)
    recipe = method.recipes["quick"]
    if recipe.steps > 400:  # a part of it must do, so that all of these take less than a minute
        recipe = recipe.model_copy(update={"steps": 400})
    train(method, recipe, SCALE, CPU, lambda progress: None)
    gain = validate(method, cases, CPU) - validate(registry.method("bicubic")(), cases, CPU)
    assert gain > GAINS[name]
