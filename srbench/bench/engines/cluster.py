"""Executes tasks on a Ray cluster: each is a Ray task, on any node with a free core or GPU.

Plain tasks rather than actors: Ray reuses its processes for the next task of a run anyway, nodes may come and go, and a
task that waits for a node makes an autoscaler start one. Retries are decided here: Ray does not distinguish a lost node
from a method that kills its process.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from srbench.bench.engines.joining import Token, cluster_errors, keep_sigterm, require_answer
from srbench.bench.engines.node import (
    EventSink,
    RunContext,
    TaskMessage,
    TaskResult,
    package_hash,
    run_task,
    write_if_changed,
)
from srbench.bench.engines.shipping import Sender, Shipment
from srbench.bench.task import Began, CellTask, Event, Failure, Outcome, Task, TrainTask, time_limit
from srbench.bench.workbench import Setting
from srbench.errors import UsageError
from srbench.system.installed import install_command
from srbench.system.source import source_files
from srbench.system.text import first_line
from srbench.weights import trained_folder

POLL_EVENTS = 0.25
"""Seconds between two reads of the tasks' events."""
POLL_SIZE = 5.0
"""Seconds between two reads of the cluster's size."""
AHEAD = 2
"""Tasks sent per task that can run, so that a node never waits for its next one."""
MOST_LOSSES = 10
"""Times that the node of a task may be lost before the task fails."""
SAVE_SECONDS = 60.0
"""Seconds for trainings to save their checkpoints."""


@dataclass(slots=True)
class _Sent:
    """A task that was sent."""

    task: Task
    message: TaskMessage
    crashes: int = 0
    losses: int = 0
    began: float | None = None
    """When its :class:`Began` event arrived."""


class Cluster:
    """An :class:`srbench.bench.interfaces.Executor`; connects with the first task.

    Args:
        setting: what tasks need.
        on_event: called with each event of a task.
        say: called with messages about nodes.
        address: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; empty starts a cluster on this machine.
        jobs: tasks at a time; 0 for as many as the cluster has room for.
        timeout: seconds after which a cell fails; 0 for no limit.
        gpu_share: the share of a GPU that a task takes.
        ship: files and folders that plugins need, sent with each plugin, with relative places kept.
        ship_env: names of environment variables to set on the nodes.

    Raises:
        UsageError: Ray is not installed, or a GPU is chosen by number.
    """

    def __init__(
        self,
        setting: Setting,
        on_event: Callable[[Task, Event], None],
        say: Callable[[str], None],
        *,
        address: str = "",
        jobs: int | None = None,
        timeout: float = 0.0,
        gpu_share: float = 1.0,
        ship: Sequence[Path] = (),
        ship_env: Sequence[str] = (),
    ) -> None:
        if find_spec("ray") is None:
            raise UsageError(f"--engine ray needs Ray: {install_command('ray')} installs it.")
        if setting.device.startswith("cuda:"):
            raise UsageError("With --engine ray, Ray chooses the GPU: write --device cuda.")
        self._setting = setting
        self._on_event = on_event
        self._say = say
        self._address = address
        self._jobs = jobs
        self._timeout = timeout
        self._gpu_share = gpu_share
        self._ship = ship
        self._environment = {name: os.environ[name] for name in ship_env}
        self._token = Token()
        self._sent: dict[Any, _Sent] = {}  # by the reference to the result
        self._ended: deque[tuple[Task, Outcome]] = deque()
        self._count = 0
        self._room = self._at_once = 1
        self._size_read: float | None = None
        self._sender: Sender | None = None  # None until connected
        self._context: Any = None
        self._sink: Any = None
        self._run: Any = None

    def has_room(self) -> bool:
        """Whether another task can be started."""
        if self._sender is not None:
            with cluster_errors():
                self._read_size()
        return len(self._sent) + len(self._ended) < self._room

    def slots(self) -> int:
        """How many tasks the cluster runs at a time, as far as it is known; connects to it."""
        self._connected()
        with cluster_errors():
            self._read_size()
        return self._at_once

    def start(self, task: Task) -> None:
        """Send a task to the cluster, with its files."""
        sender = self._connected()
        self._count += 1
        try:
            message = self._pack(task, sender)
        except Exception as error:  # for example a data set that cannot be fetched
            self._ended.append((task, Failure.of(error)))
            return
        with cluster_errors():
            self._send(_Sent(task, message))

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Wait until a task ends."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ended:
            left = POLL_EVENTS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            with cluster_errors():
                self._poll(min(left, POLL_EVENTS))
        return self._ended.popleft()

    def close(self, *, interrupted: bool) -> None:
        """Cancel what was sent and disconnect; interrupted trainings may save their checkpoints first."""
        if self._sender is None:
            return
        import ray

        try:
            saving = [
                ref
                for ref, sent in self._sent.items()
                if interrupted and isinstance(sent.task, TrainTask) and sent.began is not None
            ]
            with contextlib.suppress(ray.exceptions.RayError):
                if saving:
                    ray.get(self._sink.stop.remote())
                for ref in self._sent:
                    if ref not in saving:
                        ray.cancel(ref, force=True)
                if saving:
                    ray.wait(saving, num_returns=len(saving), timeout=SAVE_SECONDS)
        finally:
            self._sender = None
            ray.shutdown()
            self._token.restore()

    # the cluster ----------------------------------------------------------------------------------------------------

    def _connected(self) -> Sender:
        """The sender; connects if that is still to be done."""
        if self._sender is None:
            try:
                self._sender = self._connect()
            except BaseException:
                self._token.restore()
                raise
        return self._sender

    def _connect(self) -> Sender:
        """Connect to the cluster, and store there what all tasks need.

        Raises:
            UsageError: there is no cluster at that address.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        require_answer(self._address)
        if not self._address:
            self._token.create()
        elif not self._address.startswith("ray://"):
            self._token.match(self._address)
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own: dict[str, Any] = {} if self._address else {"num_cpus": self._jobs or None, "include_dashboard": False}
        try:
            with keep_sigterm():
                ray.init(address=self._address or "local", logging_level="ERROR", **own)
        except (ConnectionError, ValueError, RuntimeError, ImportError) as error:
            reason = first_line(error).rstrip(".")
            raise UsageError(f"Ray cannot connect to '{self._address or 'this machine'}': {reason}.") from None
        node = ray.get_runtime_context().get_node_id()
        # a run that connects through ray:// is on none of the nodes
        sender = Sender("" if self._address.startswith("ray://") else node, alone=not self._address)
        here = NodeAffinitySchedulingStrategy(node, soft=False)  # so that it outlives the loss of another node
        self._sink = ray.remote(EventSink).options(num_cpus=0, scheduling_strategy=here).remote()
        setting = self._setting
        if setting.device == "auto":
            setting = replace(setting, device="cuda" if ray.cluster_resources().get("GPU", 0) else "cpu")
        self._setting = setting
        beside = [file for path in self._ship for file in (path, *sorted(path.rglob("*"))) if file.is_file()]
        context = RunContext(
            setting=replace(setting, plugins=(), models=()),
            code=package_hash(),
            plugins=tuple(
                (str(path), sender.files([*(file for file, _ in source_files(path)), *beside]))
                for path in setting.plugins
            ),
            models=tuple((spec, sender.files(spec.files)) for spec in setting.models),
            networks=sender.files(setting.networks.values()),
            environment=self._environment,
            sink=self._sink,
        )
        self._context = ray.put(context)
        needs: dict[str, Any] = {"num_cpus": max(setting.threads, 1), "max_retries": 0}
        if setting.device == "cuda":  # Ray ends a process that had a GPU, which frees its memory
            needs["num_gpus"] = self._gpu_share
        self._run = ray.remote(run_task).options(**needs)
        return sender

    def _read_size(self) -> None:
        """Update how many tasks to send: the cluster may grow and shrink."""
        import ray

        now = time.monotonic()
        if self._size_read is not None and now - self._size_read < POLL_SIZE:
            return
        has = ray.cluster_resources()
        at_once = has.get("CPU", 0) // max(self._setting.threads, 1)
        if self._setting.device == "cuda":
            at_once = min(at_once, has.get("GPU", 0) // self._gpu_share)
        if at_once < 1 and self._size_read is None:
            self._say(f"the cluster has no node for --device {self._setting.device} yet: waiting for one")
        self._size_read = now
        self._at_once = self._jobs or max(int(at_once), 1)
        self._room = self._jobs or AHEAD * self._at_once

    # tasks ----------------------------------------------------------------------------------------------------------

    def _pack(self, task: Task, sender: Sender) -> TaskMessage:
        """The message of a task, with references in place of images and weights."""
        datasets: list[Shipment] = []
        weights: list[Path] = []
        if isinstance(task, CellTask):
            job = task.job
            datasets.append(sender.dataset(job.dataset))
            path = None if task.weights is None else task.weights.absolute()
            weights += [path] if path else []
            task = replace(task, job=replace(job, dataset=replace(job.dataset, items=())), weights=path)
        elif isinstance(task, TrainTask):
            from srbench.data.catalog import resolve
            from srbench.training.guard import refuse_test_images

            for dataset in map(resolve, task.training.recipe.data):
                if not task.training.recipe.on_test_images:
                    refuse_test_images(dataset)  # here: nodes do not know the user's own test sets
                datasets.append(sender.dataset(dataset))
            first = task.training.after.find() if task.training.after else None
            weights += [first.absolute()] if first else []
        return TaskMessage(
            task=task,
            number=self._count,
            attempt=0,
            context=self._context,
            datasets=tuple(datasets),
            weights=tuple(sender.files([path]) for path in weights),
        )

    def _send(self, sent: _Sent) -> None:
        sent.began = None
        self._sent[self._run.remote(sent.message)] = sent

    def _poll(self, wait: float) -> None:
        """Handle events and results."""
        import ray

        if not self._sent:
            time.sleep(wait)
            return
        ready, _ = ray.wait(list(self._sent), timeout=wait)
        if ready:
            ready, _ = ray.wait(list(self._sent), num_returns=len(self._sent), timeout=0)
        self._take_events()
        for ref in ready:
            self._take_result(ref, self._sent.pop(ref))
        if self._timeout:
            self._cancel_late_cells()

    def _take_events(self) -> None:
        import ray

        sent_by_number = {sent.message.number: sent for sent in self._sent.values()}
        for number, attempt, event in ray.get(self._sink.take.remote()):
            sent = sent_by_number.get(number)
            if sent is None or sent.message.attempt != attempt:  # from a node that was given up as lost
                continue
            if isinstance(event, Began):
                sent.began = time.monotonic()
            self._on_event(sent.task, event)

    def _take_result(self, ref: Any, sent: _Sent) -> None:
        """Keep the outcome of a task, or send the task again if its node or process was lost."""
        import ray
        from ray import exceptions

        try:
            result = ray.get(ref)
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
            sent.crashes += 1
            if sent.crashes == 1:  # an earlier task may have broken the process
                self._send_again(sent)
                return
            why = "was killed, since its node ran out of memory" if "memory" in str(error) else "crashed"
            failure = Failure(kind="method", error=f"its process {why}, twice", traceback=str(error), fatal=True)
            self._ended.append((sent.task, failure))
        except exceptions.RayTaskError as error:
            self._ended.append((sent.task, Failure.of(error.cause or error)))
        except exceptions.RayError as error:  # the node was lost, or its result with it
            sent.losses += 1
            if sent.losses > MOST_LOSSES:
                failure = Failure(kind="method", error=f"its node was lost {sent.losses} times", traceback=str(error))
                self._ended.append((sent.task, failure))
                return
            self._say(f"a node was lost: {sent.task} is sent to another")
            self._send_again(sent)
        else:
            self._ended.append((sent.task, _outcome(result, sent.task)))

    def _send_again(self, sent: _Sent) -> None:
        sent.message = replace(sent.message, attempt=sent.message.attempt + 1)
        self._send(sent)

    def _cancel_late_cells(self) -> None:
        """Cancel the cells that have passed their time limit."""
        import ray

        for ref, sent in list(self._sent.items()):
            limit = time_limit(sent.task, self._timeout)
            if limit is not None and sent.began is not None and time.monotonic() - sent.began > limit:
                del self._sent[ref]
                ray.cancel(ref, force=True)
                failure = Failure(kind="method", error=f"did not finish within {limit:g} s", fatal=True)
                self._ended.append((sent.task, failure))


def _outcome(result: TaskResult, task: Task) -> Outcome:
    """The outcome of a task. Weights that were trained on a node are copied to this machine's cache folder."""
    if not isinstance(task, TrainTask) or not isinstance(result.outcome, Path):
        return result.outcome
    path = trained_folder() / task.training.file_name
    try:
        for name, content in sorted(result.files.items(), key=lambda item: item[0] == path.name):  # weights last
            write_if_changed(path.with_name(name), content)
    except OSError as error:
        return Failure(kind="data", error=f"Weights cannot be written to {path} ({error.strerror}); set SRBENCH_CACHE.")
    return path
