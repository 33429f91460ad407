"""Feed damaged files to everything that srbench reads, and see that each is read or refused in one sentence.

    python -m benchmarks.fuzz --inputs 100000

Files of every kind are damaged at random: bits, lengths and offsets turned, parts cut off, doubled or taken from
another file; values of JSON, TOML and CSV replaced by what nobody expects; chunks of PNGs and headers of weights
damaged under a right checksum or length; archives with links, names that lead elsewhere and sizes that lie. A reader
must either return or raise an SrbenchError of one printable line, within a time and with bounded memory: never
another exception, never a crash. A process of its own does the reading, watched from outside, and is replaced when it
had to be killed.

    python -m benchmarks.fuzz --only "weights:1234"      # one input again, with its traceback
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks._fuzz_readers import KINDS, Bench

SECONDS = 5.0
"""Of the processor, for one input; six times as much by the clock, and it counts as hanging."""
MEMORY = 3 << 30
"""Bytes that the reading process may hold: a picture of the greatest allowed size, twice."""
ACCEPTED, REFUSED, FOUND = 1, 2, 3
_IS_FORKED = "forkserver" in multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if _IS_FORKED else "spawn")
if _IS_FORKED:
    CONTEXT.set_forkserver_preload(["benchmarks._fuzz_readers"])


@dataclass(slots=True)
class Tally:
    """What came of the inputs of one kind."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    median_ms: float = 0.0
    peak_mib: float = 0.0
    findings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the reading process writes and the watching one reads."""

    verdicts: Any
    seconds: Any
    at: Any
    """The number of the input that is being read."""
    since: Any
    """When that began, by the clock."""

    @classmethod
    def of(cls, count: int) -> Shared:
        arrays = (CONTEXT.RawArray(kind, count) for kind in "bd")
        return cls(*arrays, CONTEXT.RawValue("q"), CONTEXT.RawValue("d"))


def read_all(name: str, seed: int, first: int, shared: Shared, findings: Connection) -> None:
    """Read the inputs of a kind, from one number on: what the process that is watched does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and libpng think aloud
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(name, seed, Path(folder))
        with contextlib.suppress(Exception):
            bench.read(bench.make(0))  # imports are not on the clock
        for number in range(first, len(shared.verdicts)):
            shared.since.value, shared.at.value = time.monotonic(), number
            content = bench.make(number)
            began = time.process_time()
            try:
                verdict = REFUSED if bench.read(content) else ACCEPTED
            except Exception as error:
                verdict = FOUND
                findings.send((number, _told(error)))
            shared.seconds[number] = time.process_time() - began
            shared.verdicts[number] = verdict
            shutil.rmtree(Path(folder) / "unpacked", ignore_errors=True)
        shared.at.value = len(shared.verdicts)


def _told(error: Exception) -> str:
    """An exception and where it comes from, the same for all inputs that find the same fault."""
    ours = {"srbench", "benchmarks"}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if ours & set(Path(frame.filename).parts)]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "elsewhere"
    return f"{type(error).__name__} in {where}"


def torment(name: str, count: int, seed: int) -> tuple[Tally, dict[str, int]]:
    """Have so many inputs of a kind read; returns what came of them, and the first number of each finding."""
    shared, tally, firsts, first = Shared.of(count), Tally(inputs=count), dict[str, int](), 0

    def found(number: int, what: str) -> None:
        tally.findings[what] = tally.findings.get(what, 0) + 1
        firsts.setdefault(what, number)

    while first < count:
        receiver, sender = CONTEXT.Pipe(duplex=False)
        shared.since.value, shared.at.value = float("inf"), first
        process = CONTEXT.Process(target=read_all, args=(name, seed, first, shared, sender))
        process.start()
        sender.close()
        fault = _watch(process, shared, tally, receiver, found)
        process.join()
        first = shared.at.value
        if first < count:  # it was killed, or crashed
            shared.verdicts[first] = FOUND
            found(first, fault or f"exit code {process.exitcode}")
            first += 1
    for number, what in enumerate(shared.seconds):
        if what > SECONDS:
            found(number, f"more than {SECONDS:g} s")
    verdicts = Counter(shared.verdicts)
    tally.accepted, tally.refused = verdicts[ACCEPTED], verdicts[REFUSED]
    ordered = sorted(shared.seconds)
    tally.slowest_s, tally.median_ms = ordered[-1], 1000 * ordered[count // 2]
    return tally, firsts


def _watch(process: Any, shared: Shared, tally: Tally, receiver: Connection, found: Callable[[int, str], None]) -> str:
    """Wait for the process to end; kill it, and say why, where an input takes too long or too much."""
    fault = ""
    while process.is_alive() and not fault:
        with contextlib.suppress(EOFError):
            while receiver.poll(0.02):
                found(*receiver.recv())
        held = _resident(process.pid)
        tally.peak_mib = max(tally.peak_mib, held / 2**20)
        if time.monotonic() - shared.since.value > 6 * SECONDS:
            fault = "hangs"
        elif held > MEMORY:
            fault = f"more than {MEMORY >> 20} MiB"
    if fault:
        process.kill()
    with contextlib.suppress(EOFError):
        while receiver.poll():
            found(*receiver.recv())
    return fault


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where nobody can tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def again(only: str, seed: int) -> None:
    """Read one input in this process, for a debugger and for the traceback."""
    name, _, number = only.rpartition(":")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(name, seed, Path(folder))
        content = bench.make(int(number))
        print(f"{len(content)} bytes: {content[:300]!r}", file=sys.stderr)
        print(bench.read(content) or "accepted")


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="how many in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: %(default)s)")
    parser.add_argument("--kinds", default="", help=f"only these, separated by commas: {', '.join(KINDS)}")
    parser.add_argument("--only", default="", metavar="KIND:NUMBER", help="one input again, with its traceback")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(words)
    if given.only:
        again(given.only, given.seed)
        return 0
    names = [name.strip() for name in given.kinds.split(",")] if given.kinds else list(KINDS)
    tallies: dict[str, Tally] = {}
    began = time.monotonic()
    for place, name in enumerate(names):
        count = given.inputs // len(names) + (place < given.inputs % len(names))
        tallies[name], firsts = torment(name, count, given.seed)
        tally = tallies[name]
        _say(f"{name}: {count} inputs, {tally.accepted} accepted, {tally.refused} refused")
        for what, number in firsts.items():
            _say(f'  {tally.findings[what]} x {what}: --only "{name}:{number}"')
    if given.json:
        kinds = {name: asdict(tally) for name, tally in tallies.items()}
        print(json.dumps({"schema_version": 1, "seed": given.seed, "kinds": kinds}))
    else:
        _print_table(tallies)
        print(f"\n{time.monotonic() - began:.0f} s, seed {given.seed}")
    return 1 if any(tally.findings for tally in tallies.values()) else 0


def _print_table(tallies: dict[str, Tally]) -> None:
    print("| kind | inputs | accepted | refused | findings | median, ms | slowest, s | peak, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, t in tallies.items():
        counts = f"{t.inputs} | {t.accepted} | {t.refused} | {sum(t.findings.values())}"
        print(f"| {name} | {counts} | {t.median_ms:.2f} | {t.slowest_s:.2f} | {t.peak_mib:.0f} |")
    sums = [sum(getattr(t, name) for t in tallies.values()) for name in ("inputs", "accepted", "refused")]
    findings = sum(sum(t.findings.values()) for t in tallies.values())
    print(f"| all | {' | '.join(map(str, sums))} | {findings} | | | |")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
