"""Kill a run at random moments, again and again, and see whether it ends with the very same files.

    python -m benchmarks.faults --kills 50

A run of a few small images, with a method that takes its time and a network that is trained first, is once left alone.
Then it is started anew and killed (SIGKILL) after a random time, started again and killed again, until it comes to its
end; every second life of it runs in worker processes, which share the images of the slow method's cells. What it leaves
must be, byte for byte, what the run that was left alone has left: the cells, the pictures, the tables; and the tensors
of the weights (their file also says how long the training took). What names a time is not compared: run.json,
speed.json and the page. No process may be left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from srbench.bench.schedule import spans
from srbench.imaging.files import write_png
from srbench.system.files import write_atomically
from srbench.weights import weights_sha256

PLUGIN = """
import os, time
from torch import nn
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe

with open("pids", "a") as file:
    file.write(f"{os.getpid()}\\n")

class Slow(Method):
    info = MethodInfo(name="slow", family="interpolation", channels="any", input="upsampled", halo=0)
    def upscale(self, x, scale):
        time.sleep(0.7)
        return x * 0.98

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr", halo=1)
    recipes = {"only": Recipe(train=("./train",), validation=("./train",), patch=24, stride=12, batch=4, steps=200,
                              validate_every=20)}
    def network(self, scale):
        return nn.Sequential(nn.Conv2d(1, scale**2, 3, padding=1), nn.PixelShuffle(scale))
"""
WORDS = ("run", "--plugin", "p.py", "--methods", "bicubic,slow,net,nearest", "--datasets", "./photos", "--no-speed")
CELLS = 8  # at two scales
PHOTOS = 4
SLOW = 0.7 * PHOTOS
"""Seconds of a cell of the slow method."""
TABLES = ("results.csv", "per_image.csv", "tables.tex")
GRACE = 10.0
"""Seconds in which the workers of a killed run must be gone."""


@dataclass(slots=True)
class Tally:
    """What happened."""

    kills: int = 0
    lives: int = 0
    orphans: int = 0
    differing: list[str] = field(default_factory=list)
    at: Counter[str] = field(default_factory=Counter)
    """What was there when it was killed."""


class Lab:
    """A folder in which a run lives, dies and lives again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        rng = np.random.default_rng(seed)
        for place, count in (("photos", PHOTOS), ("train", 2)):
            (folder / place).mkdir()
            for number in range(count):
                smooth = np.add.outer(np.sin(np.arange(56) / (3 + number)), np.cos(np.arange(64) / 5))
                picture = 128 + 50 * smooth[..., None] + rng.normal(0, 4, (56, 64, 3))
                write_png(folder / place / f"{number}.png", np.clip(picture, 0, 255).astype(np.uint8))
        (folder / "p.py").write_text(PLUGIN)

    def start(self, life: str, jobs: int) -> subprocess.Popen[bytes]:
        """Start the run, or go on with it."""
        # 0 is the default, and not --jobs 0, of which the report says that foreign code shared srbench's process
        workers = ("--jobs", str(jobs)) if jobs else ()
        words = (*WORDS, "--scales", "2,3", *workers, "--out", life)
        cache = self.folder / f"cache-{life}"
        costs = self.folder / "cache-whole" / "costs.json"
        if costs.is_file():  # what cells take decides how they are cut
            write_atomically(cache / costs.name, costs.read_bytes())
        environment = {**os.environ, "SRBENCH_CACHE": str(cache)}
        return subprocess.Popen(
            [sys.executable, "-m", "srbench", *words],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"{life}.log").open("ab"),
        )

    def left(self, life: str) -> dict[str, bytes | str]:
        """What a life has left."""
        (run,) = (path.parent for path in (self.folder / life).glob("*/run.json"))
        files = [*run.glob("cells/*.json"), *run.glob("images/**/*.png"), *(run / "report" / name for name in TABLES)]
        found: dict[str, bytes | str] = {str(path.relative_to(run)): path.read_bytes() for path in files}
        for path in (self.folder / f"cache-{life}" / "weights").glob("*.safetensors"):
            found[path.name] = weights_sha256(path)
        return found

    def stage(self, life: str) -> str:
        """How far a life is, in words."""
        cells = len(list((self.folder / life).glob("*/cells/*.json")))
        if cells:
            return f"{cells} of {CELLS} cells"
        return "training" if list((self.folder / f"cache-{life}").glob("weights/checkpoints/*")) else "nothing yet"

    def orphans(self) -> int:
        """How many processes of a killed run live on."""
        pids = {int(line) for line in (self.folder / "pids").read_text().split()} if self._has_pids() else set()
        deadline = time.monotonic() + GRACE
        while (alive := sum(map(is_alive, pids))) and time.monotonic() < deadline:
            time.sleep(0.05)
        (self.folder / "pids").unlink(missing_ok=True)
        return alive

    def _has_pids(self) -> bool:
        return (self.folder / "pids").is_file()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()


def finish(lab: Lab, life: str, process: subprocess.Popen[bytes]) -> None:
    """Let a run come to its end."""
    if code := process.wait():
        raise SystemExit(f"the run ended with {code}:\n{(lab.folder / f'{life}.log').read_text()}")


def torment(lab: Lab, kills: int, seed: int, tell: Callable[[str], None]) -> Tally:
    """Kill so often, in as many lives as that takes."""
    moments = random.Random(seed)
    began = time.monotonic()
    finish(lab, "whole", lab.start("whole", 0))
    seconds = time.monotonic() - began
    whole = lab.left("whole")
    lab.orphans()
    assert len(spans(PHOTOS, SLOW, SLOW, 2)) > 1, "with two workers the slow cells are cut into parts"
    tally = Tally()
    while tally.kills < kills:
        life, jobs = f"life{tally.lives}", 2 * (tally.lives % 2)
        tally.lives += 1
        process = lab.start(life, jobs)
        while tally.kills < kills:
            try:
                process.wait(moments.uniform(0.1, 1.1) * seconds)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            tally.kills += 1
            tally.at[lab.stage(life)] += 1
            tally.orphans += lab.orphans()
            tell(f"{life}, {jobs} workers: kill {tally.kills}, {lab.stage(life)}")
            process = lab.start(life, jobs)
        finish(lab, life, process)
        lab.orphans()
        left = lab.left(life)
        names = sorted(whole.keys() | left.keys())
        differing = [f"{life}/{name}" for name in names if whole.get(name) != left.get(name)]
        tally.differing += differing
        tell(f"{life}: {len(differing)} of {len(names)} files differ")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50, help="how often (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = torment(Lab(Path(folder), given.seed), given.kills, given.seed, _say)
    if given.json:
        print(json.dumps({"schema_version": 1, **asdict(tally), "at": dict(tally.at)}))  # asdict spoils a Counter
    else:
        stages = ", ".join(f"{count} at {stage}" for stage, count in tally.at.most_common())
        print(f"{tally.kills} kills in {tally.lives} lives ({stages})")
        print(f"files that differ from the run that was left alone: {', '.join(tally.differing) or 'none'}")
        print(f"processes left behind: {tally.orphans}")
    sys.exit(1 if tally.differing or tally.orphans else 0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
