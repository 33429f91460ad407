"""The training rate beside a plain script's, and shipped weights that are trained on."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from srbench.inference import resolve_device
from srbench.method import LearnedMethod
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe
from srbench.system.files import write_atomically
from srbench.training.examples import validation_cases
from srbench.training.job import plan_training
from srbench.training.progress import TrainingProgress
from srbench.training.trainer import Checkpoint, train, validate
from srbench.weights import make_method, save_weights
from tools.gpu_day.budget import Budget, Unit

CONTINUED = (("autoencoder", 2), ("srcnn-y-955", 2), ("srcnn-y-955", 3), ("srcnn-y-955", 4))
"""Of the autoencoder one network is for all scales."""
SMALL = {
    "train": ("embedded:train",),
    "validation": ("embedded:validation",),
    "hold_out": False,
    "batch": 4,
    "validation_images": 1,
}
VALIDATIONS = 6
"""What time is kept for: four in the training, and preparing the images again."""
SLOWER = 0.2
"""The rate, relative to the recipe's, at which trained weights go on."""
STARTING = 3.0
"""Seconds kept for saving a checkpoint and ending processes."""


def rates(device: torch.device, repeats: int) -> Iterator[Unit]:
    """One for each network."""
    for name in ("fsrcnn", "srcnn-y-955"):
        yield f"rate-{name}", partial(_rate, name, device, repeats)


def _rate(name: str, device: torch.device, repeats: int) -> dict[str, Any]:
    """Batches a second, by srbench and by the script of ``benchmarks/training.py``."""
    from benchmarks._timing import Side, race
    from benchmarks.training import BATCHES, TASKS, ours, plain, write

    task, small, large = TASKS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "patches.h5", small, large)
        sides = {
            "srbench": Side(ours(name, small, large, device)),
            "plain": Side(plain(name, path, 0, device)),
            "plain, 8 workers": Side(plain(name, path, 8, device)),
        }
        rows = race(task, sides, lambda result, first: "", repeats)
    return {"task": task, "batches_per_s": {row.side: round(1e3 * BATCHES / row.median, 1) for row in rows}}


def go_on(budget: Budget, device: str, small: bool) -> None:
    """Train shipped weights on for what time is left, all at once, each in a process of its own."""
    until = time.time() + budget.left - STARTING
    spawn = multiprocessing.get_context("spawn")
    started = {}
    names = [f"continued-{name}-x{scale}" for name, scale in CONTINUED]
    for unit, (name, scale) in zip(names, CONTINUED, strict=True):
        if not budget.path(unit).exists() and until > time.time():
            started[unit] = spawn.Process(target=_continue, args=(budget, unit, name, scale, device, until, small))
            started[unit].start()
    try:
        for process in started.values():
            process.join(max(budget.left, 0.0))
    finally:
        for process in started.values():
            process.kill()
            process.join()
        done = [unit for unit in names if budget.path(unit).exists()]
        failed = [unit for unit, process in started.items() if process.exitcode and unit not in done]
        why = {unit: path.read_text("utf-8") for unit in failed if (path := budget.out / f"{unit}.error").exists()}
        budget.parts["continued"] = {
            "done": done,
            "not_reached": [unit for unit in names if unit not in done and unit not in why],
            "errors": why,
        }
        budget.summarize()


def _continue(budget: Budget, unit: str, name: str, scale: int, device: str, until: float, small: bool) -> None:
    """In its process."""
    error = budget.out / f"{unit}.error"
    error.unlink(missing_ok=True)
    try:
        budget.write(unit, continued(budget.out, unit, name, scale, device, until, small))
    except KeyboardInterrupt:
        pass
    except Exception as failure:
        write_atomically(error, f"{type(failure).__name__}: {failure}")
        raise SystemExit(1) from None


def continued(out: Path, unit: str, name: str, scale: int, device: str, until: float, small: bool) -> dict[str, Any]:
    """Validation PSNR before and after; the weights are beside it. How many batches fit is found by a few of them.

    Raises:
        KeyboardInterrupt: the time is over; the next call goes on from the checkpoint.
    """
    where = resolve_device(device, 1)
    registry = Registry()
    (choice,) = registry.select([name])
    planned = plan_training(choice.card, choice.card.recipes[choice.recipe], scale, 0)
    shipped = planned.find()
    if shipped is None:
        raise RuntimeError(f"{planned} has no weights to go on from")
    make = registry.method(name)
    first = planned.recipe
    recipe = first.model_copy(
        update={"transfer": None, "init_from": None, "lr": first.lr * SLOWER, "seed": 1} | (SMALL if small else {})
    )

    def run(recipe: Recipe, tell: Callable[[TrainingProgress], None], checkpoint: Checkpoint | None) -> Any:
        method = make()
        assert isinstance(method, LearnedMethod)
        return train(method, recipe, scale, where, tell, start=shipped, checkpoint=checkpoint)

    def stop(progress: TrainingProgress) -> None:
        if time.time() > until:
            raise KeyboardInterrupt

    began = time.time()
    before = validate(make_method(make, scale, shipped, where), validation_cases(recipe, scale), where)
    validating = VALIDATIONS * (time.time() - began)
    plan = out / f"{unit}.plan"
    if not plan.exists():
        write_atomically(plan, json.dumps({"steps": _steps(recipe, run, until - validating)}))
    steps = json.loads(plan.read_text("utf-8"))["steps"]
    recipe = recipe.model_copy(
        update={
            "steps": steps,
            "validate_every": max(steps // (VALIDATIONS - 2), 1),
            "warmup": min(first.warmup, steps // 10),
        }
    )
    trained = run(recipe, stop, Checkpoint(out / f"{unit}.checkpoint", recipe.hash))
    (out / f"{unit}.checkpoint").unlink(missing_ok=True)
    found = {
        "method": name,
        "version": choice.card.info.version,
        "scales": list(recipe.scales or (scale,)),
        "label": f"{name}, continued",
        "recipe": recipe.content(),
        "recipe_hash": recipe.hash,
        "start": shipped.name,
        "steps": steps,
        "validation_psnr_before": before,
        "validation_psnr": trained.best_psnr,
        "curve": [dataclasses.asdict(point) for point in trained.curve],
        "seconds": round(trained.seconds, 1),
        "device": device,
        "torch": torch.__version__,
    }
    save_weights(out / f"{unit}.safetensors", trained.state, found)
    return found


def _steps(recipe: Recipe, run: Callable[..., Any], until: float) -> int:
    """How many batches fit, by a training that is broken off after a tenth of the time."""
    began = time.time()
    seen: list[tuple[int, float]] = []
    enough = 0.1 * max(until - began, 0.0)

    def look(progress: TrainingProgress) -> None:
        seen.append((progress.step, time.time()))
        if len(seen) > 1 and seen[-1][1] - seen[0][1] > enough:
            raise KeyboardInterrupt
        if seen[-1][1] > until:
            raise KeyboardInterrupt

    try:
        run(recipe.model_copy(update={"steps": 10**7, "validate_every": 10**7}), look, None)
    except KeyboardInterrupt:
        if len(seen) < 2:
            raise
    (_, first), (done, last) = seen[0], seen[-1]
    preparing = first - began
    return max(int(0.6 * done / (last - first) * (until - last - preparing)), 20)
