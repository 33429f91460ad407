"""Carries out tasks, whatever process it stands in: that of the run, a worker's, or one on another machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.bench.overlap import may_overlap
from srbench.bench.part import Part
from srbench.bench.plan import Plan, PlannedJob, engine_hash
from srbench.bench.results import Computed
from srbench.bench.task import (
    Began,
    CellTask,
    Event,
    Failure,
    Hosting,
    ImageDone,
    Outcome,
    SpeedTask,
    Task,
    TrainTask,
    Waiting,
)
from srbench.errors import MethodError
from srbench.isolation.hosts import Origin
from srbench.isolation.state import State
from srbench.isolation.watch import Watch
from srbench.metrics.scoring import Scoring
from srbench.models.model import SrImages
from srbench.models.spec import Spec
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.speed.record import RunSpeed
from srbench.system.files import StoreError
from srbench.system.source import files_of
from srbench.training.hosted import obtain_hosted
from srbench.training.job import Training
from srbench.training.progress import Report
from srbench.weights import make_method

if TYPE_CHECKING:  # torch is imported with the first task, and not before
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from srbench.bench.cases import CaseSource
    from srbench.bench.runner import Runner

Tell = Callable[[Event], None]


@lru_cache(maxsize=1)
def default_threads() -> int:
    """How many threads torch takes by itself: asked before anybody else sets another number."""
    import torch

    return torch.get_num_threads()


@dataclass(frozen=True, slots=True)
class Setting:
    """All that another process needs to set up a workbench: plain data, names for what is code."""

    protocol: Protocol
    metrics: tuple[str, ...]
    hashes: Mapping[str, str]
    """Of the metrics."""
    networks: Mapping[str, Path]
    """The files that metrics need, by name."""
    plugins: tuple[Path, ...]
    described: dict[Path, dict[str, Any]]
    """What hosts have found in the plugins."""
    models: tuple[Spec, ...]
    engine: str
    """The hash of the code that makes numbers, as the run began."""
    device: str
    threads: int

    @classmethod
    def of(cls, plan: Plan, registry: Registry, device: str, threads: int) -> Setting:
        """What a plan needs."""
        scoring = plan.scoring
        return cls(
            protocol=scoring.protocol,
            metrics=tuple(metric.name for metric in scoring.metrics),
            hashes=scoring.hashes,
            networks=scoring.weights,
            plugins=registry.plugins,
            described=registry.described,
            models=registry.models,
            engine=engine_hash(),
            device=device,
            threads=threads,
        )

    def workbench(self) -> Workbench:
        """A workbench in this process.

        Raises:
            UsageError: a plugin cannot be imported any more.
            MethodError: srbench itself was changed since the run began.
        """
        if engine_hash() != self.engine:
            raise MethodError("srbench's own code was changed while the run was going on; run again")
        registry = Registry(self.plugins, self.models, described=self.described)
        metrics = tuple(registry.metric(name) for name in self.metrics)
        return Workbench(
            Scoring(self.protocol, metrics, self.hashes, self.networks), registry, self.device, self.threads
        )


class Workbench:
    """Carries out the tasks of a plan.

    Figures are computed, and weights trained, with one CPU thread unless more are asked for: another number of threads
    adds in another order, and gives other last bits. Figures thus depend neither on the machine's number of cores nor
    on how many cells are computed at once.

    Args:
        scoring: protocol, metrics and what they need.
        registry: where methods come from.
        device: its name, as on the command line.
        threads: CPU threads of torch; 0 is one, and for timing all.
        overlap: whether images are prepared and scored beside the network; by default where that is not on the CPU.
    """

    def __init__(
        self, scoring: Scoring, registry: Registry, device: str, threads: int, *, overlap: bool | None = None
    ) -> None:
        self.scoring = scoring
        self.registry = registry
        self._device_name = device
        self._threads = threads
        self._overlap = overlap

    def carry_out(self, task: Task, tell: Tell) -> Outcome:
        """Do it. Whatever it raises is its outcome, but for what befalls all tasks alike.

        Raises:
            StoreError: ``tell`` could not write.
            KeyboardInterrupt: it is to end.
        """
        try:
            if isinstance(task, CellTask):
                return self._compute(task, tell)
            if isinstance(task, TrainTask):
                return self._train(task, tell)
            return self._time(task, tell)
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # whatever a method of this process raises
            return Failure.of(error)

    def close(self) -> None:
        """End the processes that it has started."""
        self.registry.hosts.close()

    def _compute(self, task: CellTask, tell: Tell) -> Computed | Part:
        import numpy as np

        from srbench.bench.cell import compute_part, join_parts
        from srbench.imaging.files import encode_png
        from srbench.imaging.planes import encode_planes

        def image_done(
            index: int, name: str, sr: NDArray[np.uint8], hr: NDArray[np.uint8], planes: NDArray[Any]
        ) -> Callable[[], None]:
            if index >= task.images:
                return lambda: tell(ImageDone(name))
            scored = None if np.array_equal(sr, planes) else encode_planes(planes)
            done = ImageDone(name, encode_png(sr), encode_png(hr) if task.hr else None, scored)
            return lambda: tell(done)

        def joined(parts: Sequence[Part]) -> Computed:
            return join_parts(self.scoring, task.job, task.weights_sha256, parts, self._cases)

        self.registry.hosts.tell(lambda pid: tell(Hosting(pid)))
        job = task.job
        self._check_code(job)
        if task.parts:
            return joined(task.parts)
        device = self._ready(self._threads or 1)
        self._cases.ensure(job.dataset)
        origin = self.registry.host_origin(job.card.name)
        if origin is not None:
            self.registry.hosts.of(origin).start()
        runner = self._runner(task, origin, device, lambda: tell(Began()))
        overlap = device.type != "cpu" if self._overlap is None else self._overlap
        overlap = overlap and may_overlap(job, self.scoring.metrics, self.registry)
        try:
            part = compute_part(
                self.scoring, job, runner, self._cases, str(device), image_done, task.span, overlap=overlap
            )
        finally:
            if not isinstance(runner, SrImages):
                runner.close()
        return part if task.span else joined((part,))

    def _runner(
        self, task: CellTask, origin: Origin | None, device: torch.device, began: Callable[[], None]
    ) -> Runner | SrImages:
        """A cell's method, ready."""
        from srbench.bench.runner import HostedRunner, LocalRunner

        job, scale = task.job, task.job.id.scale
        if origin is not None:
            began()
            host = self.registry.hosts.of(origin)
            hosted = HostedRunner(host, job.card.info, scale, task.weights, str(device), self._threads or 1)
            hosted.open(job.card.source_hash)
            return hosted
        method_class = self.registry.method(job.card.name)
        began()
        if not job.watched:
            method = make_method(method_class, scale, task.weights, device)
            return method if isinstance(method, SrImages) else LocalRunner(method, device)
        known, own = files_of(method_class)
        watch = Watch((*known, *filter(None, [task.weights])), own)
        state = State()
        with watch:
            method = make_method(method_class, scale, task.weights, device)
        return LocalRunner(method, device, watch, state)

    def _train(self, task: TrainTask, tell: Tell) -> Path:
        from srbench.training.trainer import obtain

        def watch(training: Training) -> Report:
            tell(Began(training))
            return tell

        def waiting(training: str) -> None:
            tell(Waiting(training))

        self.registry.hosts.tell(lambda pid: tell(Hosting(pid)))
        device = self._ready(self._threads or 1)
        origin = self.registry.host_origin(task.training.method)
        if origin is not None:
            host = self.registry.hosts.of(origin)
            threads = self._threads or 1
            return obtain_hosted(host, task.training, str(device), threads, watch, task.again, set(task.done), waiting)
        return obtain(
            task.training,
            self.registry.method(task.training.method),
            device,
            watch,
            again=task.again,
            done=set(task.done),
            waiting=lambda training: waiting(f"training {training}"),
        )

    def _time(self, task: SpeedTask, tell: Tell) -> RunSpeed:
        from srbench.bench.speed_column import time_methods

        self.registry.hosts.tell(lambda pid: tell(Hosting(pid)))
        device = self._ready(self._threads)
        tell(Began())
        return time_methods(
            self.scoring.protocol,
            self.registry,
            device,
            self._threads,
            task.asked,
            task.scale,
            task.methods,
            task.seconds,
        )

    def _ready(self, threads: int) -> torch.device:
        """The device, with so many threads where it is the CPU; 0 is as many as torch had when it was imported."""
        import torch

        default = default_threads()
        threads = threads or default
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        return self._device

    @cached_property
    def _device(self) -> torch.device:
        from srbench.inference import resolve_device

        return resolve_device(self._device_name)

    @cached_property
    def _cases(self) -> CaseSource:
        from srbench.bench.cases import CaseSource

        return CaseSource()

    def _check_code(self, job: PlannedJob) -> None:
        """Refuse code that is not the one which was planned: its numbers would be kept as the other's.

        A process that was started later imports the files as they are then.
        """
        changed = [job.id.method] if self.registry.card(job.card.name).source_hash != job.card.source_hash else []
        for name, known in self.scoring.hashes.items():
            if not known.startswith(self.registry.metrics.hash(name)):
                changed.append(name)
        if changed:
            raise MethodError(f"the code of {', '.join(changed)} was changed while the run was going on; run again")
