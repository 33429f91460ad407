"""Probes a model file in a separate process, so that a crash or hang becomes one error message.

The process gets a file and answers in JSON: before each run of the model its input size, at the end the traits or an
error. If it dies at a size, it is started again and leaves out that size. It ends after one file, which frees its
memory. It is forked from the server of the hosts, which has imported torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import importlib.metadata
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from srbench import errors
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.isolation.host import interrupts_held, own_program_hidden, start_server
from srbench.models.loaded import open_file, require_installed
from srbench.models.spec import Code, ModelFile, ModelOptions, Spec
from srbench.models.traits import Traits
from srbench.system.files import write_atomically
from srbench.system.hashes import digest, parse_json
from srbench.system.names import PACKAGE_OF
from srbench.system.places import cache_folder
from srbench.system.source import source_hash
from srbench.system.text import echo, first_line

PROBE_SECONDS = 120
"""Time limit for opening a file, and for each run on noise."""
MOST_CRASHES = 12
ROOM = 4 * 2**30
"""Bytes that opening a file may take in addition to :data:`FACTOR` times its size."""
FACTOR = 16


def model_traits(spec: Spec, entry: ModelFile) -> Traits:
    """The traits of a model file, from the cache or by probing it.

    Raises:
        DataError: it is not a super-resolution model, or crashes or hangs for any input.
        UsageError: it contradicts the options, or the package that its kind needs is not installed.
    """
    require_installed(spec.kind)
    one = dataclasses.replace(spec, entries=(entry,))
    hashes = [row[3] for row in one.content]  # by content, not by name
    facts = [spec.kind, entry.scale, entry.path.suffix, hashes, spec.settings, _reader(spec.kind)]
    kept = cache_folder() / "models" / f"{digest(facts)[:32]}.json"
    known = _kept(kept)
    if known is None:
        say = str(SrbenchError(f"trying {entry.path.name}: its channels, scale, sizes and halo"))
        echo(say, err=True)
        known = _tried(one)
        with contextlib.suppress(OSError):  # a read-only cache costs time, not results
            write_atomically(kept, json.dumps(dataclasses.asdict(known)))
    if entry.scale not in (0, known.scale):
        raise UsageError(f"{entry.path.name} is a model for x{known.scale}, not x{entry.scale}; rename it.")
    return known


def _reader(kind: str) -> list[str]:
    """The code that reads the file, with the version of its library."""
    version = ""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # onnxruntime has several
        version = importlib.metadata.version(PACKAGE_OF.get(kind, "torch"))
    here = Path(__file__).parent
    return [version, *(source_hash(here / name) for name in ("probe.py", f"{kind}_file.py"))]


def _kept(path: Path) -> Traits | None:
    try:
        return _traits_of(parse_json(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _traits_of(kept: dict[str, Any]) -> Traits:
    size = kept.pop("size", None)
    return Traits(**kept, size=None if size is None else (int(size[0]), int(size[1])))


# the parent process --------------------------------------------------------------------------------------------------


def _tried(spec: Spec) -> Traits:
    """Probe the only file of a spec.

    Raises:
        SrbenchError: the error of the probe.
    """
    (entry,) = spec.entries
    name = entry.path.name
    crashes: list[tuple[list[int], str]] = []
    while len(crashes) <= MOST_CRASHES:
        job = {
            "kind": spec.kind,
            "path": str(entry.path),
            "scale": entry.scale,
            "bytes": sum(file.stat().st_size for file in spec.files),
            "options": dataclasses.asdict(spec.options),
            "code": spec.code and [str(spec.code.path), spec.code.name, spec.code.arguments, spec.code.table],
            "crashes": crashes,
            "seconds": PROBE_SECONDS,
        }
        at: list[int] = []
        began = time.monotonic()
        with _started(job) as (process, answers):
            for answer in _received(answers):
                if "traits" in answer:
                    return _traits_of(answer["traits"])
                if "error" in answer:
                    kind, message = answer["error"]
                    raise getattr(errors, kind)(message)
                at, began = answer["at"], time.monotonic()
        how = _ending(process.exitcode or 0, time.monotonic() - began)
        if not at:
            raise DataError(f"{name} cannot be opened: the process that tried to {how}.")
        crashes.append((at, how))
    raise DataError(f"{name} takes images of too few sizes: the process that tried it {crashes[-1][1]} on many.")


@contextlib.contextmanager
def _started(job: dict[str, Any]) -> Iterator[tuple[BaseProcess, Connection]]:
    """The probing process, killed at the end of the block, and the pipe that it answers through."""
    context = multiprocessing.get_context("forkserver")
    answers, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_probe, args=(job, theirs, dict(os.environ)), name="srbench probe")
    start_server()
    with answers:
        with theirs, interrupts_held(), own_program_hidden():
            process.start()
        try:
            yield process, answers
            process.join()
        finally:
            process.kill()
            process.join()


def _received(answers: Connection) -> Iterator[dict[str, Any]]:
    """What the process answers, until it ends."""
    with contextlib.suppress(EOFError, OSError):  # OSError: it ended in the middle of an answer
        while True:
            yield json.loads(answers.recv_bytes())


def _ending(code: int, seconds: float) -> str:
    """How the process ended, in words."""
    if seconds >= PROBE_SECONDS:
        return f"was not done after {PROBE_SECONDS:g} s"
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


# the probing process -------------------------------------------------------------------------------------------------


def _probe(job: dict[str, Any], answers: Connection, environment: dict[str, str]) -> None:
    """Probe the file of a job."""
    os.environ.clear()
    os.environ.update(environment)
    with Path(os.devnull).open("wb") as nowhere:  # a program may print; errors are answers
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    crashes = {tuple(shape): how for shape, how in job["crashes"]}

    def before(shape: tuple[int, ...]) -> None:
        if shape in crashes:
            raise MemoryError(f"the process that ran it {crashes[shape]}")
        answers.send_bytes(json.dumps({"at": shape}).encode())
        faulthandler.dump_traceback_later(job["seconds"], exit=True)  # also if the interpreter is blocked

    try:
        answer: dict[str, Any] = {"traits": dataclasses.asdict(_traits(job, before))}
    except SrbenchError as error:
        answer = {"error": [type(error).__name__, str(error)]}
    except Exception as error:  # any error of an unforeseen model
        answer = {
            "error": ["DataError", f"{Path(job['path']).name} cannot be tried ({first_line(error).rstrip('.')})."]
        }
    answers.send_bytes(json.dumps(answer).encode())
    os._exit(0)  # without waiting for threads of libraries


def _traits(job: dict[str, Any], before: Any) -> Traits:
    import torch

    from srbench.models.inspection import find_traits

    path = Path(job["path"])
    faulthandler.dump_traceback_later(job["seconds"], exit=True)
    with _bounded(ROOM + FACTOR * job["bytes"]):
        opened = open_file(job["kind"], path, torch.device("cpu"), _code_of(job["code"]), job["scale"])
    return find_traits(opened, ModelOptions(**job["options"]), path.name, job["scale"], before)


def _code_of(data: list[Any] | None) -> Code | None:
    if data is None:
        return None
    return Code(Path(data[0]), data[1], tuple((name, value) for name, value in data[2]), data[3])


@contextlib.contextmanager
def _bounded(more: int) -> Iterator[None]:
    """Limit the memory of the process to so many more bytes, on Linux: a small file may allocate everything."""
    try:
        import resource

        status = Path("/proc/self/status").read_text()
        now = int(status.partition("VmData:")[2].split()[0]) * 1024
        before = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (now + more, before[1]))
    except (ImportError, OSError, ValueError, IndexError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
