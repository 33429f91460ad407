"""A floor under the quality of a method, or of any model, measured exactly as ``srbench run`` measures."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, TypeGuard

import torch
from torch import Tensor, nn

from srbench.bench.engine import Engine, Options
from srbench.bench.plan import Plan, PlannedJob, Request, make_plan
from srbench.bench.results import CellResult, FailedCell
from srbench.errors import DataError, MethodError, UsageError
from srbench.method import Method, MethodInfo
from srbench.protocol import get_protocol
from srbench.registry import Registry
from srbench.training.job import Training
from srbench.training.progress import Progress, Report

Subject: TypeAlias = str | type[Method] | Callable[[Tensor], Tensor]
"""What is measured: ``name`` or ``name:recipe`` as on the command line, a method's class, or a model: any function,
or network, from (N, C, h, w) in [0, 1] to the SR batch."""
SHOWN = 5
"""Images that a failure names, the lowest first."""


def measure(
    subject: Subject,
    *,
    dataset: str = "embedded",
    scale: int = 2,
    protocol: str = "vdsr",
    metrics: Sequence[str] = ("psnr",),
    channels: Literal["y", "rgb", "any"] = "y",
    input: Literal["lr", "upsampled"] = "lr",
    device: str = "cpu",
    train: Literal["missing", "never"] = "missing",
) -> CellResult:
    """The figures of one method on one data set at one scale: the cell that ``srbench run`` would compute.

    Args:
        subject: what to measure. A learned method's class stands for its first recipe.
        dataset: as on the command line.
        scale: the scale.
        protocol: as on the command line.
        metrics: as on the command line.
        channels: what a model takes, as in :class:`srbench.method.MethodInfo`; a method says so itself.
        input: likewise.
        device: as on the command line; the model's parameters must be there.
        train: whether weights that are missing are trained; they are kept, as those of ``srbench train`` are.

    Returns:
        ``values`` by metric, and ``images`` with each image's.

    Raises:
        UsageError: a name is unknown, or the method does not work at that scale.
        DataError: images, or what a metric needs, are missing.
        MethodError: the method raised or broke its contract; its traceback is a note of the error.
    """
    registry = Registry()
    name = _known_as(subject, registry, scale, channels, input)
    request = Request(methods=(name,), datasets=(dataset,), scales=(scale,), protocol=protocol, metrics=tuple(metrics))
    plan = make_plan(request, registry)
    if len(plan.jobs) != 1:
        raise UsageError(f"One method on one data set is measured, and '{name}' on '{dataset}' is {len(plan.jobs)}.")
    for metric, reason in plan.unavailable.items():
        raise DataError(f"{metric} cannot be computed: {reason}")
    with _ready(subject):
        return _computed(plan, registry, device, train)


def assert_psnr_at_least(
    subject: Subject,
    psnr: float,
    *,
    dataset: str = "embedded",
    scale: int = 2,
    protocol: str = "vdsr",
    channels: Literal["y", "rgb", "any"] = "y",
    input: Literal["lr", "upsampled"] = "lr",
    device: str = "cpu",
    train: Literal["missing", "never"] = "missing",
) -> float:
    """Fail a test if the PSNR of a method, or of any model, has dropped.

    Leave room below the figure that was reached: 0.01 dB for what differs between machines, and for a network that is
    trained anew what differs between trainings.

    Args:
        subject: what to measure; this and the other arguments are :func:`measure`'s.
        psnr: the least that will do, in dB.
        dataset: as on the command line.
        scale: the scale.
        protocol: as on the command line.
        channels: what a model takes.
        input: likewise.
        device: as on the command line.
        train: whether weights that are missing are trained.

    Returns:
        What was reached.

    Raises:
        AssertionError: less was reached; says how much, by which protocol, and on which images.
    """
    __tracebackhide__ = True  # pytest then shows the line that called
    cell = measure(
        subject,
        dataset=dataset,
        scale=scale,
        protocol=protocol,
        channels=channels,
        input=input,
        device=device,
        train=train,
    )
    reached = cell.values["psnr"]
    if not reached >= psnr:
        raise AssertionError(_shortfall(cell, subject, psnr, protocol))
    return reached


def _shortfall(cell: CellResult, subject: Subject, psnr: float, protocol: str) -> str:
    """What was reached, how, and where it is lowest."""
    reached, how = cell.values["psnr"], get_protocol(protocol)
    lowest = sorted(cell.images, key=lambda image: image.values["psnr"])
    images = ", ".join(f"{image.name} {image.values['psnr']:.2f}" for image in lowest[:SHOWN])
    more = f" and {len(lowest) - SHOWN} more" if len(lowest) > SHOWN else ""
    return (
        f"{_label(cell, subject)} reaches {reached:.4f} dB on {cell.id.dataset} x{cell.id.scale}, "
        f"{psnr - reached:.4f} dB less than {psnr:g}.\n"
        f"By protocol {how.name} ({how.hash}): {how.describe()}.\n"
        f"Images, lowest first: {images}{more}."
    )


def _label(cell: CellResult, subject: Subject) -> str:
    if isinstance(subject, str) or _is_method(subject):
        return cell.id.method_label
    return str(getattr(subject, "__name__", type(subject).__name__))


def _is_method(subject: Subject) -> TypeGuard[type[Method]]:
    return isinstance(subject, type) and issubclass(subject, Method)


def _known_as(
    subject: Subject,
    registry: Registry,
    scale: int,
    channels: Literal["y", "rgb", "any"],
    input: Literal["lr", "upsampled"],
) -> str:
    """The name by which the registry knows what is measured."""
    if isinstance(subject, str):
        return subject
    if _is_method(subject):
        return registry.add(subject)
    if isinstance(subject, type) or not callable(subject):
        raise UsageError(f"Give a method's name, its class or a function of a batch, not {subject!r}.")
    model: Callable[[Tensor], Tensor] = subject

    class Model(Method):
        """A model as a method."""

        info = MethodInfo(name="model", family="prediction", channels=channels, input=input, scales=frozenset({scale}))

        def upscale(self, x: Tensor, scale: int) -> Tensor:
            """What the model makes of it."""
            return model(x)

    return registry.add(Model)


@contextlib.contextmanager
def _ready(subject: Subject) -> Iterator[None]:
    """A network in eval mode, and torch's number of threads, left as they were found."""
    threads = torch.get_num_threads()
    modes = [(part, part.training) for part in subject.modules()] if isinstance(subject, nn.Module) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        torch.set_num_threads(threads)


def _computed(plan: Plan, registry: Registry, device: str, train: Literal["missing", "never"]) -> CellResult:
    """The one cell of a plan, computed in a folder of its own, so that no earlier result is taken for it.

    Raises:
        DataError: an image is missing.
        MethodError: the method raised or broke its contract.
    """
    listener = _Listener()
    with tempfile.TemporaryDirectory() as folder:
        options = Options(out=Path(folder), train=train, device=device, keep_images=0)
        with Engine(plan, registry, options, listener) as engine:
            engine.execute()
    (outcome,) = listener.outcomes
    if isinstance(outcome, FailedCell):
        error = (DataError if outcome.kind == "data" else MethodError)(outcome.error)
        if outcome.traceback:
            error.add_note(outcome.traceback)
        raise error
    return outcome


class _Listener:
    """A :class:`srbench.bench.engine.Watcher` that keeps what comes out, and says nothing."""

    def __init__(self) -> None:
        self.outcomes: list[CellResult | FailedCell] = []

    def cell_started(self, job: PlannedJob) -> None: ...

    def image_done(self, job: PlannedJob) -> None: ...

    def cell_ended(self, job: PlannedJob, outcome: CellResult | FailedCell, *, known: bool) -> None:
        self.outcomes.append(outcome)

    def training(self, training: Training) -> Report:
        def report(progress: Progress) -> None: ...

        return report

    def training_ended(self, training: Training) -> None: ...

    def waiting(self, what: str) -> None: ...

    def output(self, text: str) -> None: ...
