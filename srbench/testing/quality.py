"""A floor under the quality of a method, or of any model, measured exactly as ``srbench run`` measures."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeAlias, TypeGuard

from torch import Tensor, nn

from srbench.api.arguments import OneOrMore, several, whole_number
from srbench.api.progress import Silent
from srbench.api.running import name_of, threads_kept
from srbench.bench.options import Options, Request
from srbench.bench.results import CellResult
from srbench.bench.run import execute, prepare
from srbench.errors import DataError, MethodError, UsageError
from srbench.method import Method, MethodInfo
from srbench.protocols.builtin import get_protocol

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
    metrics: OneOrMore[str] = ("psnr",),
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
        metrics: as on the command line; one or several.
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
    scale = whole_number("scale", scale, 1)
    method = _as_method(subject, scale, channels, input)
    name = name_of(method)
    wanted = several("metrics", metrics, str)
    request = Request(methods=(name,), datasets=(dataset,), scales=(scale,), protocol=protocol, metrics=wanted)
    # in a folder of its own, where no earlier result is taken for this one
    with tempfile.TemporaryDirectory() as folder, threads_kept(), _in_eval_mode(subject):
        options = Options(out=Path(folder), train=train, device=device, keep_images=0)
        classes = () if isinstance(method, str) else (method,)
        prepared = prepare(request, options, classes=classes, speed=False)
        if len(prepared.plan.jobs) != 1:
            what = f"'{name}' on '{dataset}' is {len(prepared.plan.jobs)}"
            raise UsageError(f"One method on one data set is measured, and {what}.")
        for metric, reason in prepared.plan.unavailable.items():
            raise DataError(f"{metric} cannot be computed: {reason}")
        run, _ = execute(prepared, Silent())
    for failed in run.record.failed:
        error = (DataError if failed.kind == "data" else MethodError)(failed.error)
        if failed.traceback:
            error.add_note(failed.traceback)
        raise error
    (cell,) = run.cells
    return cell


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


def _as_method(
    subject: Subject, scale: int, channels: Literal["y", "rgb", "any"], input: Literal["lr", "upsampled"]
) -> str | type[Method]:
    """What is measured as a run takes it: a name, or a class."""
    if isinstance(subject, str) or _is_method(subject):
        return subject
    if isinstance(subject, type) or not callable(subject):
        raise UsageError(f"Give a method's name, its class or a function of a batch, not {subject!r}.")
    model: Callable[[Tensor], Tensor] = subject

    class Model(Method):
        """A model as a method."""

        info = MethodInfo(name="model", family="prediction", channels=channels, input=input, scales=frozenset({scale}))

        def upscale(self, x: Tensor, scale: int) -> Tensor:
            """What the model makes of it."""
            return model(x)

    return Model


@contextlib.contextmanager
def _in_eval_mode(subject: Subject) -> Iterator[None]:
    """A network in eval mode, and left as it was found."""
    modes = [(part, part.training) for part in subject.modules()] if isinstance(subject, nn.Module) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
