"""`srbench train --steps --data`: the recipe that they make, and the folders of pairs that are told apart."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from srbench.cli.console import RunConsole, TrainingLine
from srbench.data.own.pair_folders import pairs_below
from srbench.errors import UsageError
from srbench.imaging.files import write_png
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe, Transfer, read_recipe
from srbench.system.console import counting_bars, make_console
from srbench.training.overrides import OwnData, keep_recipe, overridden, own_data
from srbench.training.progress import TrainingProgress


def put(folder: Path, names: str, size: tuple[int, int] = (24, 36)) -> None:
    for number, name in enumerate(names.split()):
        write_png(folder / f"{name}.png", np.full(size, 10 + number, np.uint8))


def test_what_is_counted_in_batches_changes_in_proportion() -> None:
    recipe = Recipe(
        steps=1000,
        validate_every=100,
        warmup=50,
        milestones=(500, 800),
        transfer=Transfer(scale=3, steps=400),
        init_from=Recipe(steps=2000, validate_every=500),
    )
    short = recipe.with_steps(100)
    assert (short.steps, short.validate_every, short.warmup, short.milestones) == (100, 10, 5, (50, 80))
    assert (short.transfer, short.init_from) == (Transfer(scale=3, steps=40), Recipe(steps=200, validate_every=50))
    assert short.hash != recipe.hash
    assert recipe.with_steps(recipe.steps).hash == recipe.hash
    tiny = recipe.with_steps(1)
    assert (tiny.validate_every, tiny.milestones) == (1, (1, 1))


@pytest.mark.parametrize("method", ["srcnn-y", "fsrcnn", "autoencoder"])
@pytest.mark.parametrize("scale", [0, 2])
def test_a_changed_recipe_is_a_file_that_a_run_takes(
    method: str, scale: int, own_cache: Path, registry: Registry
) -> None:
    card = registry.card(method)
    data = OwnData(("hr=a b/é,lr=c",) if scale else ("./a",), "a", 3, scale, ())
    for name, recipe in card.recipes.items():
        choice = overridden(Choice(card, name), 50, data)
        assert choice.label == f"{method}:{name}-50-steps-a"
        changed = choice.card.recipes[choice.recipe]
        path = keep_recipe(choice)
        assert path.stem == choice.recipe
        assert read_recipe(path, card.recipes) == changed
        stages = [changed, *([changed.init_from] if changed.init_from else [])]
        for stage in stages:
            assert stage.train == stage.validation == data.specs
            assert stage.hold_out and stage.validation_images == 3
            assert (stage.protocol == "paired") == bool(scale)
            assert not scale or (stage.scales, stage.transfer, stage.shrink) == ((), None, (1.0,))
        assert changed.hash not in {known.hash for known in card.recipes.values()}
        assert len(stages) == 1 + (recipe.init_from is not None)


def test_a_method_that_fits_itself_has_no_steps(registry: Registry) -> None:
    with pytest.raises(UsageError, match="aplus fits itself and is not trained in steps: leave out --steps"):
        overridden(Choice(registry.card("aplus"), "quick"), 5, None)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


@pytest.mark.parametrize(
    ("hr", "lr", "scale"),
    [
        ("HR", "LR", None),
        ("GT", "LQ", None),
        ("hr", "lr_x2", None),
        ("high_res", "low_res", None),
        ("HR", "LR_bicubic/X2", None),
        ("HR", "LR_bicubic/X2", 2),
        ("DIV2K_train_HR", "DIV2K_train_LR_bicubic/X2", 2),
        ("GTmod12", "LRbicx2", 2),
    ],
)
def test_a_folder_of_hr_and_lr_is_pairs(hr: str, lr: str, scale: int | None, tmp_path: Path) -> None:
    put(tmp_path / hr, "a b c")
    put(tmp_path / lr, "ax2 bx2 cx2", (12, 18))
    assert pairs_below(tmp_path, "mine/", scale) == f"hr=mine/{hr},lr=mine/{lr}"
    data = own_data([str(tmp_path)], scale)
    assert data.specs == (f"hr={tmp_path}/{hr},lr={tmp_path}/{lr}",)
    assert (data.scale, data.held_out) == (2, 1)
    assert data.notes[0].startswith(f"{tmp_path} holds HR and LR, taken as pairs: hr=")


def test_of_several_lr_folders_the_scale_says_which(tmp_path: Path) -> None:
    put(tmp_path / "HR", "a b")
    put(tmp_path / "LR_bicubic" / "X2", "a b", (12, 18))
    put(tmp_path / "LR_bicubic" / "X3", "a b", (8, 12))
    assert pairs_below(tmp_path, "m", 3) == "hr=m/HR,lr=m/LR_bicubic/X3"
    with pytest.raises(UsageError, match=r"LR images in 2 folders \(LR_bicubic/X2, LR_bicubic/X3\): name one scale"):
        pairs_below(tmp_path, "m", None)


def test_one_folder_whose_names_tell_hr_from_lr(tmp_path: Path) -> None:
    put(tmp_path, "a_HR b_HR")
    put(tmp_path, "a_LR4 b_LR4", (6, 9))
    assert own_data([str(tmp_path)], None).scale == 4


def test_folders_that_are_no_pairs(tmp_path: Path) -> None:
    put(tmp_path / "cats", "a b")
    put(tmp_path / "lrs", "a b")
    put(tmp_path / "hrs", "a b")
    assert pairs_below(tmp_path, "m", 2) == ""
    put(tmp_path / "plain", "a b low")
    assert pairs_below(tmp_path / "plain", "m", 2) == ""
    assert pairs_below(tmp_path / "nowhere", "m", 2) == ""


def test_a_tenth_of_the_images_is_held_out(tmp_path: Path) -> None:
    put(tmp_path / "one", "a")
    put(tmp_path / "many", " ".join(f"i{k}" for k in range(43)))
    with pytest.raises(UsageError, match="needs two images at least"):
        own_data([str(tmp_path / "one")], None)
    data = own_data([str(tmp_path / "many")], None)
    assert (data.held_out, data.name, data.scale) == (4, "many", 0)
    assert data.notes == ("4 of 43 images of many held out for validation",)
    put(tmp_path / "pairs" / "HR", "a b")
    put(tmp_path / "pairs" / "LR", "a b", (12, 18))
    with pytest.raises(UsageError, match="pairs beside HR images alone"):
        own_data([str(tmp_path / "many"), str(tmp_path / "pairs")], None)


@pytest.mark.parametrize(("width", "ending"), [(80, "ssim 0.9251"), (120, "0.0 s)")])
def test_a_finished_cell_has_one_line_on_a_terminal(width: int, ending: str) -> None:
    """Its time is left out where there is no room; a bracket alone stood on a second line."""
    file = io.StringIO()
    console = RunConsole(48)
    console.console = make_console(file=file, width=width, force_terminal=True, color_system=None)
    console._bars = counting_bars(console.console, 40)
    job = SimpleNamespace(id="autoencoder:standard embedded x2 lapsrn")
    console.cell_ended(job, SimpleNamespace(values={"psnr": 33.2955, "ssim": 0.9251}), known=False)  # type: ignore[arg-type]
    (line,) = file.getvalue().splitlines()
    assert len(line) <= width
    assert line.endswith(ending)


@pytest.mark.parametrize("label", ["srcnn-y:quick x2", "fsrcnn:quick-100000-steps-my-photographs x2"])
@pytest.mark.parametrize("width", [80, 120])
def test_a_training_s_bar_is_whole_in_a_terminal(label: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time left and the count of batches are not cut, however long the label; the scale is seen."""
    file = io.StringIO()
    console = RunConsole(1, "trainings")
    console.console = make_console(file=file, width=width, force_terminal=True, color_system=None)
    clock = iter((0.0, 0.0, 100.0, 100.0))
    monkeypatch.setattr("srbench.cli.console.time.monotonic", lambda: next(clock))
    bars = console._bars = counting_bars(console.console, 12, time_left=False)
    line = TrainingLine(console, label)
    line.report(TrainingProgress(0, 100_000))
    line.report(TrainingProgress(50_000, 100_000, 0.001, 33.376, 33.4))
    monkeypatch.undo()
    console.console.print(bars.make_tasks_table(bars.tasks))
    (shown,) = [text for text in file.getvalue().splitlines() if "batches" in text]
    assert len(shown) <= width
    assert " x2: " in shown.replace("…x2", "… x2")
    assert "100 s left" in shown or "2 min left" in shown
    assert "33.38 dB" in shown
    assert shown.rstrip().endswith("50000/100000 batches")
    assert ("500 batches/s" in shown) == (width == 120)
