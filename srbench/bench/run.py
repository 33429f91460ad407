"""A run in two steps, that the command line and Python share: prepare it, execute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from srbench.bench.engine import Engine
from srbench.bench.interfaces import Watcher
from srbench.bench.options import Options, Request
from srbench.bench.plan import Plan
from srbench.bench.planning import make_plan, run_command
from srbench.bench.store import LoadedRun
from srbench.errors import UsageError
from srbench.method import Method
from srbench.plugins.registry import Registry
from srbench.system.places import require_home
from srbench.weights import trained_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run that could begin: what will be computed, and how."""

    plan: Plan
    registry: Registry
    options: Options
    speed: bool


def prepare(
    request: Request,
    options: Options,
    *,
    plugins: Sequence[Path] = (),
    classes: Sequence[type[Method]] = (),
    speed: bool = True,
    flags: Sequence[str] = (),
) -> Prepared:
    """Plan a run.

    Args:
        request: what to run; classes by their names.
        options: how; its ``command`` is made here.
        plugins: files with methods and metrics.
        classes: methods of this session.
        speed: whether to time the methods.
        flags: further words of the command line that repeats the run.

    Raises:
        UsageError: options that do not go together, an unknown name, nothing to run, or a device that is not here.
        DataError: a user's folder is missing or holds no image, or none of the metrics can be computed.
    """
    options.check()
    registry = Registry(plugins, hosted=not options.one_process)
    for method in classes:
        registry.add(method)
    if classes and not options.in_process:
        raise UsageError(
            f"Class {classes[0].__qualname__} is known in this process alone and workers cannot find it: put it into "
            "a file named by `plugins`, or leave out jobs, engine and the limits of cells."
        )
    _require_device(options)
    plan = make_plan(request, registry)
    words = [*options.words(), *flags, *(word for path in plugins for word in ("--plugin", str(path)))]
    command = run_command(request, words)
    if classes:  # for whoever repeats it: the shell passes over what follows
        names = ", ".join(method.info.name for method in classes)
        command += f"  # where {names} came from Python: srbench.run(methods=[...])"
    return Prepared(plan=plan, registry=registry, options=replace(options, command=command), speed=speed)


def _require_device(options: Options) -> None:
    """Refuse a device that is not here before there is a folder: an empty run would be the newest one.

    The nodes of a Ray cluster have devices of their own; and what is always here needs no torch to be found.

    Raises:
        DeviceError: it is not here.
    """
    if options.engine == "local" and options.device not in ("auto", "cpu"):
        from srbench.inference import resolve_device

        for name in options.device.split(","):
            resolve_device(name)


def execute(prepared: Prepared, watcher: Watcher) -> tuple[LoadedRun, str]:
    """Do it; returns what came of it, and why the methods were not timed, if that failed.

    Raises:
        SrbenchError: results cannot be written, or the device is not here.
    """
    _require_home(prepared)
    with Engine(prepared.plan, prepared.registry, prepared.options, watcher) as engine:
        engine.execute()
        trouble = engine.time_methods() if prepared.speed else ""
        return engine.load(), trouble


def _require_home(prepared: Prepared) -> None:
    """Refuse to run where what is missing could be put nowhere: every cell would fail, one after the other.

    Raises:
        UsageError: this user has no home folder, and names no other.
    """
    for dataset in {job.dataset.spec: job.dataset for job in prepared.plan.jobs}.values():
        if dataset.lacks_files():
            require_home(dataset.folder, "SRBENCH_CACHE")
    if prepared.options.train != "never" and any(
        job.training is not None and job.training.find() is None for job in prepared.plan.jobs
    ):
        require_home(trained_folder(), "SRBENCH_CACHE")
