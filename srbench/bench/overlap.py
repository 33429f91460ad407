"""Items that go through three steps, of which the first and the last may run beside the middle one.

On a GPU the processor has nothing to do while the network runs: it prepares the next image and scores the last one
meanwhile, in a thread each. NumPy, OpenCV and torch release Python's lock in their loops.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

from srbench.bench.plan import PlannedJob
from srbench.metrics.metric import Metric
from srbench.plugins.registry import Registry

Item = TypeVar("Item")
Made = TypeVar("Made")
Done = TypeVar("Done")


class _End:
    """What comes after the last item."""


def in_turn(
    items: Iterable[Item], work: Callable[[Item], Made], finish: Callable[[Made], Done], *, overlap: bool = False
) -> Generator[Done, None, None]:
    """``finish(work(item))`` of each item, in their order.

    With ``overlap`` the next item is made and the last one finished while ``work`` runs, each in a thread of its own;
    ``work`` stays in the caller's. What is given, and what is raised after how many results, is the same either way. No
    thread is left once the iterator is closed.

    Args:
        items: the first step makes each of them.
        work: the middle step.
        finish: the last step.
        overlap: whether the steps of different items run beside each other.
    """
    if not overlap:
        for one in items:
            done = finish(work(one))
            del one  # before the next one is made: a large image is enough by itself
            yield done
        return
    source: Iterator[Item | _End] = chain(items, (_End(),))
    with ThreadPoolExecutor(1, "prepare") as before, ThreadPoolExecutor(1, "score") as after:
        coming = before.submit(next, source)
        last: Future[Done] | None = None
        failure: Exception | None = None
        while failure is None:
            made: Made
            try:
                item = coming.result()
                if isinstance(item, _End):
                    break
                coming = before.submit(next, source)
                made = work(item)
            except Exception as error:  # the item before comes first, and so does its failure
                failure = error
            if last is not None:
                yield last.result()
            last = None if failure else after.submit(finish, made)
        if last is not None:
            yield last.result()
        if failure is not None:
            raise failure


def may_overlap(job: PlannedJob, metrics: Iterable[Metric], registry: Registry) -> bool:
    """Whether images of a cell may be prepared and scored beside its method.

    Not beside others' code in this process: all that is read meanwhile would count as read by it. Nor where metrics are
    others' code, which may share its host with the method, or have weights, for networks share the device's memory.
    """
    if job.watched and registry.host_origin(job.card.name) is None:
        return False
    apart = (
        metric.weights or metric.ask or ":" in metric.name or registry.metrics.is_foreign(metric.name)
        for metric in metrics
    )
    return not any(apart)
