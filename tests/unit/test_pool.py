"""The supervisor of workers, with tasks that need no torch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stand_in import Do, Setting

from srbench.bench.engines.pool import WorkerPool
from srbench.bench.task import Began, Failure

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")
Make = Callable[..., WorkerPool]


@pytest.fixture
def heard() -> list[tuple[Any, Any]]:
    return []


@pytest.fixture
def printed() -> list[str]:
    return []


@pytest.fixture
def make(heard: list[tuple[Any, Any]], printed: list[str]) -> Iterator[Make]:
    """Makes a pool, and closes it."""
    pools: list[WorkerPool] = []

    def build(workers: int = 1, **limits: Any) -> WorkerPool:
        stand_in: Any = Setting()
        pools.append(WorkerPool(stand_in, lambda *told: heard.append(told), printed.append, workers=workers, **limits))
        return pools[-1]

    yield build
    for pool in pools:
        pool.close(interrupted=False)


def run(pool: WorkerPool, code: str) -> Any:
    """The outcome of one task."""
    task: Any = Do(code)
    pool.start(task)
    ended = pool.next()
    assert ended is not None
    assert ended[0] == task
    return ended[1]


def test_a_worker_stays_for_the_next_task(make: Make, heard: list[tuple[Any, Any]], printed: list[str]) -> None:
    pool = make()
    first = run(pool, "import os; result = os.getpid(); print('one'); os.write(1, b'two\\n')")
    assert run(pool, "result = os.getpid()") == first
    assert int(str(first)) != os.getpid()
    assert [event for _, event in heard] == [Began(), Began()]
    assert printed == ["one", "two"]
    failure = run(pool, "raise ValueError('no')")
    assert (failure.error, failure.fatal) == ("ValueError: no", False)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os.kill(os.getpid(), 11)", "killed by signal 11 (SIGSEGV)"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9 (SIGKILL): did the system run out of memory?"),
        ("import os; os.abort()", "killed by signal 6 (SIGABRT)"),
        ("import os; print('last words', flush=True); os._exit(3)", "exited with 3"),
        ("import os; os._exit(0)", "exited with 0"),
        ("import os; os.closerange(3, 100); import time; time.sleep(600)", "killed by signal 9"),
    ],
)
def test_a_worker_that_dies_is_replaced(make: Make, code: str, error: str) -> None:
    pool = make()
    failure = run(pool, code)
    assert isinstance(failure, Failure)
    assert failure.fatal
    assert failure.error.startswith(error)
    if "last words" in code:
        assert failure.traceback == "last words"
    assert run(pool, "result = 'well'") == Path("well")


def test_what_an_earlier_task_left_broken_is_not_the_next_ones_fault(make: Make, tmp_path: Path) -> None:
    pool = make()
    run(pool, "broken = True")
    assert run(pool, "import os\nif 'broken' in globals(): os._exit(1)\nresult = 'fresh'") == Path("fresh")
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x'); import os; os._exit(1)"
    assert run(pool, count).error == "exited with 1"
    assert (tmp_path / "count").read_text() == "xx"  # in a used worker, then in a fresh one, and no more


def test_time(make: Make) -> None:
    pool = make(timeout=1.0)
    began = time.monotonic()
    failure = run(pool, "def slow():\n    import time; time.sleep(600)\nslow()")
    assert failure.error == "did not finish within 1 s"
    assert "in slow" in failure.traceback
    assert time.monotonic() - began < 60
    assert run(pool, "result = 'well'") == Path("well")


def test_memory(make: Make) -> None:
    pool = make(memory=400 * 2**20)
    failure = run(pool, "import time; held = b'x' * 500 * 2**20; time.sleep(600)")
    assert failure.error.endswith("GiB of memory, and --cell-memory allows 0.390625")
    first = run(pool, "import os; held = b'x' * 250 * 2**20; result = os.getpid()")
    assert run(pool, "result = __import__('os').getpid()") != first  # what it had left is not the next one's


def test_several_at_once(make: Make) -> None:
    pool = make(workers=2)
    tasks: list[Any] = [Do("import time; time.sleep(2); result = 'slow'"), Do("result = 'quick'")]
    for task in tasks:
        assert pool.has_room()
        pool.start(task)
    assert not pool.has_room()
    outcomes = [ended[1] for ended in (pool.next(), pool.next()) if ended is not None]
    assert sorted(map(str, outcomes)) == ["quick", "slow"]
    pool.start(tasks[0])
    assert pool.next(timeout=0.05) is None


def test_a_child_that_a_worker_leaves_hides_nothing(make: Make) -> None:
    pool = make()
    code = "import os, time\nif os.fork() == 0:\n    time.sleep(600)\nos._exit(5)"
    assert run(pool, code).error == "exited with 5"
