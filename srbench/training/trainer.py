"""Trains a learned method by a recipe and keeps the weights with the best validation.

Images are prepared once by the protocol; their patches stay on the device, where batches are drawn. Test sets are
refused, by name and by the hashes of their pixels. An interrupted training resumes from its
checkpoint, to the same bits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from srbench.errors import DataError, MethodError, UsageError
from srbench.inference import method_errors
from srbench.method import FittedMethod, LearnedMethod, Method
from srbench.protocols.case import Case
from srbench.recipe import Recipe
from srbench.system.locks import locked
from srbench.system.places import require_home
from srbench.training.curve import write_csv, write_plots
from srbench.training.examples import training_batches, validation_cases
from srbench.training.fitting import fit
from srbench.training.job import Training
from srbench.training.progress import Point, Report, TrainingProgress
from srbench.training.session import Session
from srbench.training.validation import Trained, points_between, psnrs, upsampled_psnr, validate
from srbench.weights import save_weights, trained_folder

__all__ = ["Checkpoint", "Trained", "obtain", "psnrs", "train", "train_and_save", "validate"]

REPORT_EVERY = 20
"""Batches between reports."""
CHECKPOINT_EVERY = 120.0
"""Seconds between checkpoints, beside those after each validation."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a training saves its state, and the key that identifies the training."""

    path: Path
    key: str


def obtain(
    training: Training,
    method_class: type[Method],
    device: torch.device,
    watch: Callable[[Training], Report],
    *,
    again: bool = False,
    done: set[str] | None = None,
    failed: dict[str, MethodError] | None = None,
    waiting: Callable[[Training], None] = lambda training: None,
) -> Path:
    """Find weights, or train them, after those that they start from.

    No two processes train the same weights at a time: the second waits for the first, and takes its weights.

    Args:
        training: the training.
        method_class: the method.
        device: where to train.
        watch: called when a training starts; returns what to call with its progress.
        again: train even if the weights exist.
        done: file names of weights trained in this run, which are not trained again; new ones are added.
        failed: errors of trainings in this run by file name, which are not tried again; new ones are added.
        waiting: called if another process is training them.

    Raises:
        DataError: training or validation data are missing, or belong to a test set.
        MethodError: the training diverged, or the method's own code raised.
    """
    done = set() if done is None else done
    failed = {} if failed is None else failed
    found = training.find()
    if found is not None and not (again and training.file_name not in done):
        return found
    if training.file_name in failed:
        raise failed[training.file_name]
    start = None
    if training.after is not None:
        start = obtain(
            training.after, method_class, device, watch, again=again, done=done, failed=failed, waiting=waiting
        )
    require_home(trained_folder(), "SRBENCH_CACHE")
    with locked(trained_folder() / "locks" / f"{training.file_name}.lock", lambda: waiting(training)):
        found = training.find()  # another process may have trained them meanwhile
        if found is None or again:
            try:
                found = train_and_save(training, method_class, device, watch(training), start)
            except MethodError as error:
                failed[training.file_name] = error
                raise
    done.add(training.file_name)
    return found


def train_and_save(
    training: Training, method_class: type[Method], device: torch.device, report: Report, start: Path | None = None
) -> Path:
    """Train, and store the weights in the user's cache with their curve; returns the file."""
    with method_errors(training.method):
        method = method_class()
    if not isinstance(method, LearnedMethod):
        raise MethodError(f"{method.info.name} is not a learned method")
    training.check_data()
    path = trained_folder() / training.file_name
    checkpoint = Checkpoint(path.parent / "checkpoints" / path.name, training.file_name)

    def keep_curve(points: Sequence[Point]) -> None:
        with _writing(path):
            write_csv(path.with_suffix(".csv"), points)

    trained = train(
        method,
        training.recipe,
        training.scale,
        device,
        report,
        start=start,
        checkpoint=checkpoint,
        validated=keep_curve,
    )
    recipe = training.recipe
    metadata = {
        "method": method.info.name,
        "version": method.info.version,
        "scales": list(recipe.scales or (training.scale,)),
        "label": training.label,
        "recipe": recipe.content(),
        "recipe_hash": recipe.hash,
        "steps": recipe.steps_at(training.scale),
        "validation_psnr": trained.best_psnr,
        "curve": [dataclasses.asdict(point) for point in trained.curve],
        "seconds": round(trained.seconds, 1),
        "device": _device_name(device),
        "torch": torch.__version__,
    }
    with _writing(path):
        save_weights(path, trained.state, metadata)
        write_plots(path.with_suffix(""), str(training), trained.curve)
    checkpoint.path.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn errors of writing weights or curves into one sentence."""
    try:
        yield
    except OSError as error:
        raise DataError(f"Weights cannot be written to {path}: {error.strerror}; set SRBENCH_CACHE.") from None


def train(
    method: LearnedMethod,
    recipe: Recipe,
    scale: int,
    device: torch.device,
    report: Report,
    *,
    start: Path | None = None,
    checkpoint: Checkpoint | None = None,
    validated: Callable[[Sequence[Point]], None] = lambda points: None,
) -> Trained:
    """Train a network of a method; sets ``method.model`` to the best weights.

    Args:
        method: its ``network`` is trained.
        recipe: the recipe.
        scale: the scale; with ``recipe.scales`` all of those together.
        device: where to train.
        report: called with the progress.
        start: weights to start from.
        checkpoint: where the state is saved every few minutes, after each validation and when interrupted, and from
            where it is resumed.
        validated: called after each validation with all of them.

    Raises:
        UsageError: the recipe does not fit the method.
        DataError: data are missing, belong to a test set, or are too small.
        MethodError: the method's own code raised, or a weight is not a number.
    """
    name = method.info.name
    with _own_random_numbers(device, recipe.seed):
        if isinstance(method, FittedMethod):
            return fit(method, recipe, scale, device, report, validated)
        if recipe.fit:
            raise UsageError(f"{name} is trained in steps, so its recipe has no settings to fit by.")
        with method_errors(name):
            network = method.network((recipe.scales or (scale,))[0])
            session = Session(network, recipe, method.info, scale, device, start)
        batches = training_batches(method.info, recipe, scale, device, session.generator)
        cases = validation_cases(recipe, scale)
        if checkpoint is not None:
            session.resume(checkpoint.path, checkpoint.key)
        _run(session, method, batches.__next__, cases, report, checkpoint, validated)
    session.kept.load_state_dict(session.best)
    method.model = session.kept.eval()
    return Trained(session.best, session.best_psnr, tuple(session.curve), session.seconds)


def _run(
    session: Session,
    method: LearnedMethod,
    draw: Callable[[], tuple[Tensor, Tensor]],
    cases: list[Case],
    report: Report,
    checkpoint: Checkpoint | None,
    validated: Callable[[Sequence[Point]], None],
) -> None:
    """Train on the remaining batches. Interrupts take effect only between batches, where the state is complete."""
    last_saved = time.monotonic()
    upsampled = upsampled_psnr(cases)
    between = points_between(session.recipe, session.steps, sum(math.prod(case.hr.shape[:2]) for case in cases))

    def check() -> None:
        try:
            session.check()
        except MethodError as error:
            if checkpoint is None or not checkpoint.path.is_file():
                raise
            raise MethodError(f"{error} (the last good state is kept in {checkpoint.path})") from None

    def save() -> None:
        nonlocal last_saved
        if checkpoint is not None:
            check()
            session.save(checkpoint.path, checkpoint.key)
            last_saved = time.monotonic()

    def tell() -> None:
        try:
            report(_progress(session))
        except KeyboardInterrupt:
            save()
            raise

    with deferred_interrupt() as interrupted:
        tell()
        while session.step < session.steps:
            batch = draw()
            with method_errors(method.info.name):
                session.advance(*batch)
            due = session.picks or session.step in between
            if due:
                check()
                method.model = session.kept.eval()
                with method_errors(method.info.name):
                    values = psnrs(method, cases, session.device)
                session.record(values, upsampled)
                validated(session.curve)
            if due or time.monotonic() - last_saved > CHECKPOINT_EVERY:
                save()
            if due or session.step % REPORT_EVERY == 0:
                tell()
            if interrupted():
                save()
                raise KeyboardInterrupt


@contextlib.contextmanager
def _own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch's generators, for initialisation and random layers; restore them afterwards."""
    devices = [torch.cuda.current_device() if device.index is None else device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def _progress(session: Session) -> TrainingProgress:
    last = session.curve[-1] if session.curve else None
    loss = session.recent_loss(REPORT_EVERY)
    return TrainingProgress(
        step=session.step,
        steps=session.steps,
        loss=loss if loss is not None else (last.train_loss if last else None),
        psnr=last.validation_psnr if last else None,
        best=session.best_psnr if math.isfinite(session.best_psnr) else None,
    )


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Record the first Ctrl-C instead of raising it; the second one raises KeyboardInterrupt.

    Yields:
        Whether Ctrl-C has been pressed. In a thread other than the main one, which signals do not reach, never.
    """
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
