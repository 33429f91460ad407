"""Runs in a host process: executes commands with code of one origin, and reports what that code reads and changes."""

from __future__ import annotations

import dataclasses
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from srbench.data.catalog import Dataset, supply
from srbench.errors import MethodError, SrbenchError
from srbench.inference import resolve_device, super_resolve
from srbench.isolation.hosts import Origin
from srbench.isolation.state import State
from srbench.isolation.watch import Watch
from srbench.isolation.wire import send
from srbench.method import Method
from srbench.metrics.metric import Metric, Pair
from srbench.plugins.card import card_of, to_json
from srbench.plugins.registry import Registry
from srbench.protocols.protocol import Protocol
from srbench.system.source import files_of, source_files, source_hash
from srbench.training.job import Training
from srbench.training.progress import Report, TrainingProgress
from srbench.weights import make_method

if TYPE_CHECKING:
    from srbench.speed.request import SpeedRequest
    from srbench.speed.roofline import Peaks

Response = tuple[dict[str, Any], list[NDArray[Any]]]


def serve(origin: Origin, wire: Connection) -> None:
    """Execute commands until the pipe closes."""
    own = os.getpid()
    server = _Server(origin, wire)
    while True:
        try:
            number, command, arguments = wire.recv()
        except (EOFError, OSError):
            os._exit(0)  # at once: the code may have left endless threads, or exit handlers
        server.number = number
        try:
            head, arrays = server.do(command, arguments)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            head, arrays = {"error": _report(error)}, []
        sys.stdout.flush()
        if os.getpid() != own:
            os._exit(1)  # a fork that the code has not ended
        try:
            send(wire, {**head, "number": number}, arrays)
        except OSError:
            os._exit(1)


def _report(error: BaseException) -> dict[str, str]:
    """An exception as plain data."""
    known = isinstance(error, SrbenchError)
    message = str(error) if known or str(error) else "no message"
    kind = next((c.__name__ for c in type(error).__mro__ if c.__module__ == "srbench.errors"), "") if known else ""
    trace = "".join(traceback.format_exception(error))
    return {"kind": kind or type(error).__name__, "message": message[:10_000], "trace": trace[-50_000:]}


class _Server:
    """Executes commands with code of one origin.

    Args:
        origin: whose code.
        wire: for events.
    """

    def __init__(self, origin: Origin, wire: Connection) -> None:
        self._origin = origin
        self._wire = wire
        self.number = 0
        self._registry: Registry | None = None
        self._imported = Watch(_known_files(origin))  # what is read while importing is an input of every cell
        self._watch = self._imported
        self._state = State()
        self._method: Method | None = None
        self._notes: dict[str, None] = {}
        self._device = torch.device("cpu")

    def do(self, command: str, arguments: tuple[Any, ...]) -> Response:
        """Execute a command: the method of that name, with an underscore."""
        found: Response = getattr(self, f"_{command}")(*arguments)
        return found

    def _load_registry(self) -> Registry:
        """The registry of this origin; a plugin file is imported with the first use."""
        if self._registry is None:
            sys.dont_write_bytecode = True
            sys.path.extend(str(path.parent) for path in self._origin.plugins)  # for modules beside the plugin
            for path in self._origin.plugins:
                source_hash(path)  # before it is imported, since it may be edited meanwhile
            with self._imported:
                self._registry = Registry(self._origin.plugins, self._origin.models, hosted=False)
        return self._registry

    # descriptions ---------------------------------------------------------------------------------------------------

    def _describe(self) -> Response:
        """The methods and metrics of a plugin file."""
        registry = self._load_registry()
        methods, metrics = registry.of_plugin(self._origin.plugins[0])
        cards = [to_json(registry.card(name)) for name in methods]
        source = source_hash(self._origin.plugins[0])
        return {"methods": cards, "metrics": [_plain(registry.metric(name)) for name in metrics], "source": source}, []

    def _card(self, name: str) -> Response:
        """The card of an installed package's method."""
        with self._imported:
            return {"card": to_json(card_of(self._load_registry().method(name), "", Path(), ""))}, []

    def _metric(self, name: str) -> Response:
        """The description of an installed package's metric."""
        with self._imported:
            return {"metric": _plain(self._load_registry().metric(name))}, []

    # methods --------------------------------------------------------------------------------------------------------

    def _make(self, name: str, scale: float, weights: Path | None, device: str, threads: int) -> Response:
        """Make a method, with its weights."""
        registry = self._load_registry()
        source = registry.card(name).source_hash
        self._device = resolve_device(device, threads)
        self._state.adopt("torch's threads")
        with self._imported:
            method_class = registry.method(name)
        known, own = files_of(method_class)
        self._watch = Watch((*_known_files(self._origin), *known, *filter(None, [weights])), own)
        with self._watch:
            self._method = make_method(method_class, scale, weights, self._device)
        return {"source": source}, []

    def _run(self, planes: NDArray[np.float32], scale: float) -> Response:
        """Super-resolve one image."""
        method, before = self._made(), planes.copy()
        with self._watch:
            output = super_resolve(method, planes, scale, self._device)
        if not np.array_equal(before, planes):
            self._notes["writes into its input"] = None
        return {"tile": output.tile}, [output.planes]

    def _upscale(self, planes: NDArray[np.float32], scale: float) -> Response:
        """The method's output for a batch (N, C, h, w)."""
        with torch.inference_mode():
            out = self._made().upscale(torch.from_numpy(planes).to(self._device), scale)
        return {}, [out.to("cpu", torch.float32).numpy()]

    def _close(self) -> Response:
        """Close the method, and report what it read and changed."""
        method, self._method = self._method, None
        if method is not None:
            with self._watch:
                method.close()
        for change in self._state.changes():
            self._notes[f"changes {change}"] = None
        notes = list(self._notes)
        self._notes.clear()
        self._watch.reads.add(self._imported.reads)
        return {"reads": self._watch.reads.to_json(), "notes": notes}, []

    def _made(self) -> Method:
        if self._method is None:
            raise MethodError("no method was made")
        return self._method

    # metrics --------------------------------------------------------------------------------------------------------

    def _score(
        self,
        name: str,
        sr: NDArray[Any],
        target: NDArray[Any],
        protocol: Protocol,
        device: str,
        weights: Mapping[str, Path],
    ) -> Response:
        """Compute a metric of one pair."""
        metric = self._load_registry().metric(name)
        with self._imported:
            value = metric.function(Pair(sr, target, protocol, device, weights))
            parts = [] if metric.combine is None else [np.asarray(value, np.float64)]
            head = {"value": 0.0 if parts else float(value)}
        return head | {"reads": self._imported.reads.to_json()}, parts

    def _combine(self, name: str, parts: Sequence[NDArray[Any]]) -> Response:
        """Compute a metric of a set from what it needs of each image."""
        combine = self._load_registry().metric(name).combine
        assert combine is not None
        with self._imported:
            value = float(combine(parts))
        return {"value": value, "reads": self._imported.reads.to_json()}, []

    def _pool(self, name: str, values: tuple[float, ...]) -> Response:
        """Compute a metric of pooled pixels."""
        pool = self._load_registry().metric(name).pool
        assert pool is not None
        with self._imported:
            value = float(pool(values))
        return {"value": value, "reads": self._imported.reads.to_json()}, []

    # trainings and timings ------------------------------------------------------------------------------------------

    def _train(
        self, training: Training, supplied: tuple[Dataset, ...], device: str, threads: int, again: bool, done: set[str]
    ) -> Response:
        """Train weights, sending progress as events."""
        from srbench.training.trainer import obtain

        for dataset in supplied:
            supply(dataset)

        def tell(progress: TrainingProgress) -> None:
            self._tell({"progress": asdict(progress)})

        def watch(begun: Training) -> Report:
            self._tell({"began": begun.file_name})
            return tell

        method = self._load_registry().method(training.method)
        where = resolve_device(device, threads)
        path = obtain(
            training,
            method,
            where,
            watch,
            again=again,
            done=done,
            waiting=lambda other: self._tell({"waiting": f"training {other}"}),
        )
        return {"path": str(path)}, []

    def _speed(
        self, request: SpeedRequest, protocol: Protocol, device: str, threads: int, peaks: Peaks | None
    ) -> Response:
        """Time methods."""
        from srbench.speed.measure import SpeedTest

        test = SpeedTest(self._load_registry(), protocol, resolve_device(device, threads))
        return {"rows": [row.model_dump(mode="json") for row in test.rows(request, peaks)]}, []

    def _tell(self, event: dict[str, Any]) -> None:
        send(self._wire, {"event": event, "number": self.number})


def _plain(metric: Metric) -> dict[str, Any]:
    """A metric without its functions."""
    fields = {field.name: getattr(metric, field.name) for field in dataclasses.fields(metric)}
    del fields["function"], fields["blocks"], fields["ask"]
    return fields | {"pool": metric.pool is not None, "combine": metric.combine is not None}


def _known_files(origin: Origin) -> tuple[Path, ...]:
    """The files that the hash of an origin covers: a plugin's source, a model's files."""
    sources = [file for path in origin.plugins for file, _ in source_files(path)]
    models = [file for spec in origin.models for file in spec.files]
    return (*sources, *models)
