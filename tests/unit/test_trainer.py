"""Training: it learns, it repeats itself, and it never sees a test image."""

from __future__ import annotations

import dataclasses
import itertools
import math
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import photograph, save
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from srbench.data.catalog import resolve
from srbench.data.images import read_samples
from srbench.errors import DataError, MethodError, UsageError
from srbench.imaging.files import to_uint8
from srbench.imaging.resize import imresize
from srbench.method import LearnedMethod, MethodInfo
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.recipe import Recipe, Transfer
from srbench.training.examples import training_batches, validation_cases
from srbench.training.guard import has_seen
from srbench.training.job import plan_training
from srbench.training.patches import batches, cut_pairs, cut_patches
from srbench.training.progress import TrainingProgress
from srbench.training.session import Session
from srbench.training.trainer import Checkpoint, train, train_and_save, validate
from srbench.training.validation import EXACT, mean_psnr, points_between
from srbench.weights import load_weights, read_metadata, read_tensors, save_weights, weights_name

CPU = torch.device("cpu")


def silent(progress: TrainingProgress) -> None: ...


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
    values = [point.validation_psnr for point in trained.curve if point.picks]
    assert [point.step for point in trained.curve] == [40, 80, 120, 160]
    assert [point.step for point in trained.curve if point.picks] == [80, 160]
    assert trained.curve[-1].train_loss < trained.curve[0].train_loss
    assert trained.curve[-1].train_psnr == pytest.approx(-10 * math.log10(trained.curve[-1].train_loss))
    cases = [
        prepare(PROTOCOLS["vdsr"], sample.name, to_uint8(sample.hr), 2)
        for sample in read_samples(resolve("embedded:validation"))
    ]
    bicubic = validate(Registry().method("bicubic")(), cases, CPU)
    assert trained.best_psnr == max(values)
    assert trained.best_psnr > bicubic + 0.1
    assert [point.upsampled_psnr for point in trained.curve] == [pytest.approx(bicubic, abs=1e-12)] * 4


def test_more_points_of_the_curve_change_no_weights(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are filed under their recipe's hash, so what is kept is decided where the recipe validates, as ever."""
    falling = recipe.model_copy(update={"lr": 3e-2, "schedule": "constant", "steps": 60, "validate_every": 25})
    many = train(srcnn(), falling, 2, CPU, silent)
    assert [point.step for point in many.curve if point.picks] == [25, 50, 60]
    assert 20 <= len(many.curve) < 50
    monkeypatch.setattr("srbench.training.trainer.points_between", lambda recipe, steps, pixels: frozenset())
    few = train(srcnn(), falling, 2, CPU, silent)
    assert len(few.curve) == 3
    assert few.best_psnr == many.best_psnr
    assert all(torch.equal(tensor, many.state[name]) for name, tensor in few.state.items())


def test_weights_are_kept_where_the_recipe_validates_alone() -> None:
    recipe = Recipe(steps=25, validate_every=10)
    session = Session(Shift(), recipe, Brighter.info, 2, CPU, None)
    for step, psnr, best in (
        (5, 50.0, -math.inf),
        (10, 30.0, 30.0),
        (15, 60.0, 30.0),
        (20, 29.0, 30.0),
        (25, 31.0, 31.0),
    ):
        session.step = step
        session.losses, session.errors = [torch.ones(())], [torch.ones(())]
        session.record([psnr], 28.0)
        assert session.best_psnr == best
    assert [point.picks for point in session.curve] == [False, True, False, True, True]


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 10**8))
def test_a_curve_has_20_to_50_points_unless_they_cost_too_much(steps: int, every: int, pixels: int) -> None:
    recipe = Recipe(batch=16, patch=48, steps=steps, validate_every=every)
    own = {*range(every, steps + 1, every), steps}
    points = own | points_between(recipe, steps, pixels)
    count = len(points)
    affordable = 1.5 * steps * recipe.batch * recipe.patch**2 / pixels
    assert count == len(own) or count < min(50, len(own) + 2 * affordable)
    assert count >= min(20, steps, int(affordable))
    gaps = [after - before for before, after in itertools.pairwise((0, *sorted(points)))]
    assert max(gaps[:-1], default=0) <= max(2 * min(gaps[:-1], default=0), every)  # evenly: no point is of few batches


@pytest.mark.parametrize("protocol", ["bd", "dn"])
def test_a_quick_recipe_is_trained_for_a_protocol_s_degradation(protocol: str) -> None:
    method = srcnn()
    update = {"protocol": protocol, "steps": 200, "validate_every": 100, "transfer": None, "scales": ()}
    trained = train(method, method.recipes["quick"].model_copy(update=update), 3, CPU, silent)
    (upsampled,) = {point.upsampled_psnr for point in trained.curve}
    assert trained.best_psnr > upsampled + 0.3


def test_a_recipe_s_protocol_refuses_scales_before_anything_is_trained() -> None:
    card = Registry().card("srcnn-y")
    recipe = card.recipes["quick"].model_copy(update={"protocol": "bd", "transfer": None, "scales": ()})
    with pytest.raises(UsageError, match="its recipe's protocol 'bd' is for x3 alone, not x2"):
        plan_training(card, recipe, 2, 0)


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


@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier", "euclidean", "psnr"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "soap"])
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
    assert len(cut_patches(torch.zeros(1, 5, 50), 6, 3)) == 0
    with pytest.raises(ValueError, match="as large as a patch"):
        cut_pairs([(torch.zeros(1, 5, 5), torch.zeros(1, 10, 10))], 12, 6, CPU)


def pairs(folder: Path, factor: int, count: int = 2) -> str:
    """A folder of pairs at a factor, as a spec; at factor 1 LR is HR made coarse."""
    for number in range(count):
        hr = photograph(48, 60, number)
        lr = imresize(hr, 1 / factor) if factor > 1 else imresize(imresize(hr, 0.5), size=hr.shape[:2])
        save(folder / "hr" / f"{number}.png", hr)
        save(folder / "lr" / f"{number}.png", lr)
    return f"hr={folder}/hr,lr={folder}/lr"


def test_a_recipe_may_let_test_images_in_and_is_known_for_it(recipe: Recipe, tmp_path: Path) -> None:
    seen = recipe.model_copy(update={"validation": ("embedded:test",), "validation_images": 1, "steps": 1})
    with pytest.raises(DataError, match="is a test set"):
        train(srcnn(), seen, 2, CPU, silent)
    let_in = seen.model_copy(update={"on_test_images": True})
    train(srcnn(), let_in, 2, CPU, silent)
    assert has_seen(let_in, resolve("embedded"))
    assert not has_seen(seen, resolve("embedded"))
    assert not has_seen(let_in, resolve("set5"))
    crops = let_in.model_copy(update={"train": ("bsd100-pairs:train",), "validation": ("bsd100-pairs:validation",)})
    assert has_seen(crops, resolve("bsd100"))  # the pairs are crops of it: other pixels, the same photographs
    assert has_seen(crops, resolve("bsd100-pairs:test"))
    assert not has_seen(crops, resolve("bsds200"))
    assert has_seen(Recipe(init_from=crops), resolve("bsd100"))


def test_what_validation_shows_is_held_out(recipe: Recipe, tmp_path: Path) -> None:
    """One set for both: the images that validation takes are not trained on, under whatever name the set comes."""
    both = recipe.model_copy(update={"validation": recipe.train, "validation_images": 1, "crops": "random"})
    (tmp_path / "again").mkdir()
    for path in (tmp_path / "train").iterdir():
        shutil.copy(path, tmp_path / "again")

    def seen(changed: dict[str, object]) -> set[bytes]:
        chosen = both.model_copy(update=changed | {"patch": 80, "flips": False})
        draw = training_batches(srcnn().info, chosen, 2, CPU, torch.Generator().manual_seed(0))
        return {y[0, :80, :80].numpy().tobytes() for _ in range(9) for y in next(draw)[1][..., :80]}

    shown = validation_cases(both, 2)[0].method_target(srcnn().info)
    places = {shown[0, :80, left : left + 80].tobytes() for left in range(11)}
    assert not places.isdisjoint(seen({}))
    assert places.isdisjoint(seen({"hold_out": True}))
    with pytest.raises(DataError, match="no training image"):
        seen({"hold_out": True, "validation_images": None})


def test_one_network_takes_pairs_of_any_factor(tmp_path: Path) -> None:
    recipe = Recipe(
        train=(pairs(tmp_path / "a", 2), pairs(tmp_path / "b", 4)),
        validation=(pairs(tmp_path / "c", 3, 1),),
        protocol="paired",
        scales=(2, 4),
        patch=24,
        batch=2,
        steps=2,
    )
    assert [case.scale for case in validation_cases(recipe, 2)] == [3]
    x, y = next(training_batches(srcnn().info, recipe, 2, CPU, torch.Generator().manual_seed(0)))
    assert x.shape == y.shape == (2, 1, 24, 24)
    assert train(srcnn(), recipe, 2, CPU, silent).best_psnr > 15
    with pytest.raises(DataError, match="not 2 times as large"):
        train(srcnn(), recipe.model_copy(update={"scales": ()}), 2, CPU, silent)


def test_lr_of_hrs_size_is_trained_on_as_it_is(tmp_path: Path) -> None:
    spec = pairs(tmp_path, 1)
    recipe = Recipe(
        train=(spec,), validation=(spec,), protocol="paired", scales=(1,), patch=48, stride=48, batch=1, steps=2
    )
    assert {case.scale for case in validation_cases(recipe, 1)} == {1}
    x, y = next(training_batches(srcnn().info, recipe, 1, CPU, torch.Generator().manual_seed(0)))
    assert x.shape == y.shape == (1, 1, 48, 48)
    assert not torch.equal(x, y)
    train(srcnn(), recipe, 1, CPU, silent)


# an image that is restored exactly ----------------------------------------------------------------------------------


class Brighter(LearnedMethod):
    """Adds a number that it learns: 0 is the best, and gray is then restored exactly."""

    info = MethodInfo(name="brighter", family="prediction", channels="y", input="upsampled", halo=0)

    def network(self, scale: int) -> nn.Module:
        return Shift()


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


def test_an_image_that_is_restored_exactly_does_not_end_the_choice_of_weights(recipe: Recipe, tmp_path: Path) -> None:
    """Gray is, at each of these validations, and yet the weights that do best on the photograph beside it are kept."""
    save(tmp_path / "val" / "flat.png", np.full((40, 40), 128, np.uint8))
    wandering = recipe.model_copy(
        update={"lr": 3e-5, "schedule": "constant", "steps": 12, "validate_every": 1, "protocol": "srcnn"}
    )
    trained = train(Brighter(), wandering, 2, CPU, silent)
    values = [point.validation_psnr for point in trained.curve]
    assert all(map(math.isfinite, values))
    assert len(set(values)) > 1
    assert trained.best_psnr == max(values) > 60
    assert values.index(trained.best_psnr) != 0


def test_a_checkpoint_with_an_infinite_best_is_not_gone_on_from(recipe: Recipe, tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", "key")
    train(Brighter(), recipe.model_copy(update={"steps": 1}), 2, CPU, silent, checkpoint=checkpoint)
    metadata, tensors = read_metadata(checkpoint.path), read_tensors(checkpoint.path)

    def resumed() -> bool:
        session = Session(Shift(), recipe.model_copy(update={"steps": 1}), Brighter.info, 2, CPU, None)
        return session.resume(checkpoint.path, checkpoint.key)

    assert resumed()
    save_weights(checkpoint.path, tensors, metadata | {"best_psnr": math.inf})
    assert not resumed()


def test_the_metadata_of_weights_are_finite(recipe: Recipe, tmp_path: Path) -> None:
    for path in (tmp_path / "val").iterdir():
        path.unlink()
    save(tmp_path / "val" / "flat.png", np.full((40, 40), 128, np.uint8))
    short = recipe.model_copy(update={"lr": 1e-6, "steps": 1, "protocol": "srcnn"})
    card = dataclasses.replace(Registry().card("srcnn-y"), info=Brighter.info)
    metadata = read_metadata(train_and_save(plan_training(card, short, 2, 0), Brighter, CPU, silent))
    assert metadata["validation_psnr"] == metadata["curve"][0]["validation_psnr"] == 100
    assert metadata["curve"][0]["validation_mse"] == 0


@given(st.lists(st.floats(0, EXACT), min_size=1, max_size=9))
def test_ordinary_means_are_what_they_were(values: list[float]) -> None:
    assert mean_psnr(values) == sum(values) / len(values)
    assert mean_psnr([*values, math.inf]) == mean_psnr([*values, EXACT + 1])
    assert mean_psnr([*values, math.inf]) >= mean_psnr([*values, EXACT - 1])


# recipes that cannot be trained by ----------------------------------------------------------------------------------


def test_a_margin_that_leaves_nothing_is_refused(recipe: Recipe) -> None:
    fsrcnn = Registry().method("fsrcnn")()
    assert isinstance(fsrcnn, LearnedMethod)
    with pytest.raises(UsageError, match="margin of 4 leaves nothing of an output of 8x8 pixels"):
        train(fsrcnn, recipe.model_copy(update={"patch": 8, "margin": 4}), 2, CPU, silent)


@pytest.mark.parametrize(
    ("method", "scale", "changed", "message"),
    [
        (
            "srcnn-y",
            2,
            {"scales": (2, 3, 4), "patch": 8},
            "a patch of 8 pixels holds no multiple of 12, which x2 and",
        ),
        ("srcnn-y", 2, {"scales": (2, 99)}, "trains at x99, where srcnn-y does not work"),
        ("fsrcnn", 2, {"transfer": Transfer(scale=7)}, "trains at x7, where fsrcnn does not work"),
        ("fsrcnn", 2, {"init_from": Recipe(transfer=Transfer(scale=7))}, "fsrcnn, first stage: .* at x7"),
    ],
)
def test_scales_that_do_not_fit_are_refused(method: str, scale: int, changed: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_training(Registry().card(method), Recipe().model_copy(update=changed), scale, 0)


def test_every_known_recipe_can_be_planned() -> None:
    for choice in Registry().select(["*:*"]):
        for scale in choice.card.info.scales:
            assert plan_training(choice.card, choice.card.recipes[choice.recipe], scale, 0).scale == scale


# a method's own code ------------------------------------------------------------------------------------------------


def failing(where: str) -> type[LearnedMethod]:
    class Failing(Brighter):
        def __init__(self) -> None:
            self.fails("init")

        def network(self, scale: int) -> nn.Module:
            self.fails("network")
            return super().network(scale)

        def upscale(self, x: Tensor, scale: int) -> Tensor:
            self.fails("validation")
            return super().upscale(x, scale)

        def fails(self, here: str) -> None:
            if here == where:
                raise FileNotFoundError(f"no {here}\nsecond line")

    return Failing


@pytest.mark.parametrize("where", ["init", "network", "validation"])
def test_what_a_methods_own_code_raises_names_the_method(recipe: Recipe, where: str) -> None:
    card = dataclasses.replace(Registry().card("srcnn-y"), info=Brighter.info)
    training = plan_training(card, recipe.model_copy(update={"steps": 1}), 2, 0)
    with pytest.raises(MethodError, match=f"^brighter raised FileNotFoundError in training: no {where}$") as error:
        train_and_save(training, failing(where), CPU, silent)
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_a_patch_that_is_smaller_than_a_kernel_is_the_methods_failure(recipe: Recipe) -> None:
    with pytest.raises(MethodError, match="srcnn-y raised RuntimeError in training"):
        train(srcnn(), recipe.model_copy(update={"patch": 8}), 2, CPU, silent)


def test_what_a_listener_raises_is_not_the_methods(recipe: Recipe) -> None:
    def report(progress: TrainingProgress) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        train(Brighter(), recipe, 2, CPU, report)


def test_images_that_are_smaller_than_a_patch_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, side in enumerate((20, 31, 32, 40)):
        save(tmp_path / "mine" / f"{number}.png", photograph(side, 40, number))
    spec = (str(tmp_path / "mine"),)
    recipe = Recipe(
        train=spec, validation=spec, patch=32, stride=32, batch=2, steps=2, scales=(2, 3), shrink=(1.0, 0.9)
    )
    next(training_batches(srcnn().info, recipe, 2, CPU, torch.Generator().manual_seed(0)))
    told = "srbench: note: left out, since smaller than a patch of 32 pixels: 2 of 4 images of 'mine'\n"
    assert capsys.readouterr().err == told  # once, not at every scale
    validation_cases(recipe, 2)
    assert capsys.readouterr().err == told
    validation_cases(recipe.model_copy(update={"patch": 20}), 2)
    assert capsys.readouterr().err == ""
