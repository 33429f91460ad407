"""Carries out tasks on a Ray cluster: each is a Ray task, on whatever node has a core, or a GPU, to spare.

Plain tasks rather than actors: Ray's processes stay for the next task of a run anyway, nodes may come and go, and a
task that waits for a node asks an autoscaler for one. Retries are decided here and not by Ray, which does not tell a
node that went from a method that kills its process.
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

from srbench.bench.engines.joining import Token, cluster_is_there, own_signals, require_answer
from srbench.bench.engines.node import Delivery, Ear, Errand, Office, code_hash, run_errand
from srbench.bench.engines.shipping import Sender, Shipment, files_in
from srbench.bench.task import Began, CellTask, Event, Failure, Outcome, Task, TrainTask, time_limit
from srbench.bench.workbench import Setting
from srbench.errors import UsageError
from srbench.system.files import write_atomically
from srbench.system.installed import install_command
from srbench.system.source import source_files
from srbench.weights import trained_folder

TURN = 0.25
"""Seconds between two looks at what tasks tell."""
COUNT = 5.0
"""Seconds between two looks at how large the cluster is."""
AHEAD = 2
"""Tasks sent for each that can run: a node that is done with one has the next."""
LOSSES = 10
"""Nodes that may be lost under a task until it is given up."""
TO_SAVE = 60.0
"""Seconds for trainings to leave their checkpoints."""


@dataclass(slots=True)
class _Sent:
    """A task that was sent."""

    task: Task
    errand: Errand
    crashes: int = 0
    losses: int = 0
    began: float | None = None
    """When the work itself did, as far as is known here."""


class Cluster:
    """An :class:`srbench.bench.engine.Executor`; connects with the first task.

    Args:
        setting: what tasks need.
        hear: told what a task tells.
        say: told what there is to say of nodes.
        address: of the cluster: ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; empty for one of this machine's own.
        jobs: tasks at once at most; 0 for as many as the cluster has room for.
        timeout: seconds after which a cell is given up; 0 for none.
        gpu_share: the part of a GPU that a task takes.
        ship: files and folders that plugins need, sent along with each and placed as they lie around it here.
        ship_env: names of variables of the environment that nodes are to have as they are here.

    Raises:
        UsageError: Ray is not installed, or one GPU is asked for by number.
    """

    def __init__(
        self,
        setting: Setting,
        hear: Callable[[Task, Event], None],
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
            raise UsageError(f"--engine ray needs Ray: {install_command('ray')} brings it.")
        if setting.device.startswith("cuda:"):
            raise UsageError("With --engine ray, Ray chooses the GPU: write --device cuda.")
        self._setting = setting
        self._hear = hear
        self._say = say
        self._address = address
        self._jobs = jobs
        self._timeout = timeout
        self._gpu_share = gpu_share
        self._ship = ship
        self._environment = {name: os.environ[name] for name in ship_env}
        self._token = Token()
        self._sent: dict[Any, _Sent] = {}  # by the reference to what will come of it
        self._ended: deque[tuple[Task, Outcome]] = deque()
        self._count = 0
        self._room = 1
        self._looked: float | None = None
        self._sender: Sender | None = None  # as soon as there is a connection
        self._office: list[Any] = []
        self._ear: Any = None
        self._run: Any = None

    def has_room(self) -> bool:
        """Whether another task can be started."""
        if self._sender is not None:
            with cluster_is_there():
                self._look_at_size()
        return len(self._sent) + len(self._ended) < self._room

    def start(self, task: Task) -> None:
        """Send a task to the cluster, with what it needs."""
        if self._sender is None:
            try:
                self._sender = self._connect()
            except BaseException:
                self._token.put_back()
                raise
        self._count += 1
        try:
            errand = self._packed(task, self._sender)
        except Exception as error:  # a data set that cannot be had, say
            self._ended.append((task, Failure.of(error)))
            return
        with cluster_is_there():
            self._send(_Sent(task, errand))

    def next(self, timeout: float | None = None) -> tuple[Task, Outcome] | None:
        """Wait until a task ends."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ended:
            left = TURN if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            with cluster_is_there():
                self._look(min(left, TURN))
        return self._ended.popleft()

    def close(self, *, interrupted: bool) -> None:
        """Leave the cluster. What was sent is cancelled; trainings are waited for until they have left checkpoints."""
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
                    ray.get(self._ear.end.remote())
                for ref in self._sent:
                    if ref not in saving:
                        ray.cancel(ref, force=True)
                if saving:
                    ray.wait(saving, num_returns=len(saving), timeout=TO_SAVE)
        finally:
            self._sender = None
            ray.shutdown()
            self._token.put_back()

    # the cluster ----------------------------------------------------------------------------------------------------

    def _connect(self) -> Sender:
        """Join the cluster, and leave there what all tasks need.

        Raises:
            UsageError: there is no cluster at that address.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        require_answer(self._address)
        if not self._address:
            self._token.of_its_own()
        elif not self._address.startswith("ray://"):
            self._token.agree(self._address)
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        own: dict[str, Any] = {} if self._address else {"num_cpus": self._jobs or None, "include_dashboard": False}
        try:
            with own_signals():
                ray.init(address=self._address or "local", logging_level="ERROR", **own)
        except (ConnectionError, ValueError, RuntimeError, ImportError) as error:
            first = str(error).strip().splitlines()[0].rstrip(".")
            raise UsageError(f"Ray cannot connect to '{self._address or 'this machine'}': {first}.") from None
        node = ray.get_runtime_context().get_node_id()
        # through ray:// the run is on none of the nodes
        sender = Sender("" if self._address.startswith("ray://") else node, alone=not self._address)
        by_the_run = NodeAffinitySchedulingStrategy(node, soft=False)  # the loss of another node must not make it deaf
        self._ear = ray.remote(Ear).options(num_cpus=0, scheduling_strategy=by_the_run).remote()
        setting = self._setting
        if setting.device == "auto":
            setting = replace(setting, device="cuda" if ray.cluster_resources().get("GPU", 0) else "cpu")
        self._setting = setting
        beside = [file for path in self._ship for file in files_in(path)]
        office = Office(
            setting=replace(setting, plugins=(), models=()),
            code=code_hash(),
            plugins=tuple(
                (str(path), sender.files([*(file for file, _ in source_files(path)), *beside]))
                for path in setting.plugins
            ),
            models=tuple((spec, sender.files(spec.files)) for spec in setting.models),
            networks=sender.files(setting.networks.values()),
            environment=self._environment,
            ear=self._ear,
        )
        self._office = [ray.put(office)]
        needs: dict[str, Any] = {"num_cpus": max(setting.threads, 1), "max_retries": 0}
        if setting.device == "cuda":  # Ray ends a process that had a GPU, so that the next finds all of its memory
            needs["num_gpus"] = self._gpu_share
        self._run = ray.remote(run_errand).options(**needs)
        return sender

    def _look_at_size(self) -> None:
        """How many tasks are worth sending: the cluster may grow and shrink."""
        import ray

        now = time.monotonic()
        if self._looked is not None and now - self._looked < COUNT:
            return
        has = ray.cluster_resources()
        at_once = has.get("CPU", 0) // max(self._setting.threads, 1)
        if self._setting.device == "cuda":
            at_once = min(at_once, has.get("GPU", 0) // self._gpu_share)
        if at_once < 1 and self._looked is None:
            self._say(f"the cluster has no node for --device {self._setting.device} yet: waiting for one")
        self._looked = now
        self._room = self._jobs or AHEAD * max(int(at_once), 1)

    # tasks ----------------------------------------------------------------------------------------------------------

    def _packed(self, task: Task, sender: Sender) -> Errand:
        """A task as it travels: with references in place of images and weights."""
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
                    refuse_test_images(dataset)  # here, since nodes do not know the user's own test sets
                datasets.append(sender.dataset(dataset))
            first = task.training.after.find() if task.training.after else None
            weights += [first.absolute()] if first else []
        return Errand(
            task=task,
            number=self._count,
            attempt=0,
            office=self._office,
            datasets=tuple(datasets),
            weights=tuple(sender.files([path]) for path in weights),
        )

    def _send(self, sent: _Sent) -> None:
        sent.began = None
        self._sent[self._run.remote(sent.errand)] = sent

    def _look(self, wait: float) -> None:
        """Hear what is told, and take what has ended."""
        import ray

        if not self._sent:
            time.sleep(wait)
            return
        ready, _ = ray.wait(list(self._sent), timeout=wait)
        if ready:
            ready, _ = ray.wait(list(self._sent), num_returns=len(self._sent), timeout=0)
        self._listen()
        for ref in ready:
            self._take(ref, self._sent.pop(ref))
        if self._timeout:
            self._give_up_late_ones()

    def _listen(self) -> None:
        import ray

        sent_by_number = {sent.errand.number: sent for sent in self._sent.values()}
        told = ray.get(self._ear.told.remote())
        for number, attempt, event in told:
            sent = sent_by_number.get(number)
            if sent is None or sent.errand.attempt != attempt:  # from a node that counted as lost
                continue
            if isinstance(event, Began):
                sent.began = time.monotonic()
            self._hear(sent.task, event)

    def _take(self, ref: Any, sent: _Sent) -> None:
        """What came of a task: its outcome, or nothing, and then it is sent again."""
        import ray
        from ray import exceptions

        try:
            delivery = ray.get(ref)
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError) as error:
            sent.crashes += 1
            if sent.crashes == 1:  # an earlier task may have left the process broken
                self._again(sent)
                return
            why = "was killed, since its node ran out of memory" if "memory" in str(error) else "crashed"
            failure = Failure(kind="method", error=f"its process {why}, twice", traceback=str(error), fatal=True)
            self._ended.append((sent.task, failure))
        except exceptions.RayTaskError as error:
            self._ended.append((sent.task, Failure.of(error.cause or error)))
        except exceptions.RayError as error:  # the node went, or what it had made did with it
            sent.losses += 1
            if sent.losses > LOSSES:
                failure = Failure(kind="method", error=f"its node was lost {sent.losses} times", traceback=str(error))
                self._ended.append((sent.task, failure))
                return
            self._say(f"a node was lost: {sent.task} is sent to another")
            self._again(sent)
        else:
            self._ended.append((sent.task, self._kept(delivery, sent.task)))

    def _again(self, sent: _Sent) -> None:
        sent.errand = replace(sent.errand, attempt=sent.errand.attempt + 1)
        self._send(sent)

    def _kept(self, delivery: Delivery, task: Task) -> Outcome:
        """An outcome; weights that were trained on a node are kept here, where the next tasks get them from."""
        if not isinstance(task, TrainTask) or not isinstance(delivery.outcome, Path):
            return delivery.outcome
        path = trained_folder() / task.training.file_name
        try:
            for name, content in sorted(delivery.files.items(), key=lambda item: item[0] == path.name):  # weights last
                own = path.with_name(name)
                if not (own.is_file() and own.read_bytes() == content):
                    write_atomically(own, content)
        except OSError as error:
            return Failure(
                kind="data", error=f"Weights cannot be written to {path} ({error.strerror}); set SRBENCH_CACHE."
            )
        return path

    def _give_up_late_ones(self) -> None:
        """End the cells whose time is over."""
        import ray

        for ref, sent in list(self._sent.items()):
            limit = time_limit(sent.task, self._timeout)
            if limit is not None and sent.began is not None and time.monotonic() - sent.began > limit:
                del self._sent[ref]
                ray.cancel(ref, force=True)
                failure = Failure(kind="method", error=f"did not finish within {limit:g} s", fatal=True)
                self._ended.append((sent.task, failure))
