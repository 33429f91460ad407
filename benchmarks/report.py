"""How long the report of a large run takes: reading it, its tables, and each format, without plots.

    python -m benchmarks.report [--cells 5000] [--images 5] [--repeats 3]

The run is made up: 100 methods over data sets and scales, figures from a seeded generator, cells as complete as real
ones. Seconds of CPU, since they are what a busy machine changes least; sizes and hashes of the files tell whether two
versions of srbench write the same.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from rich.console import Console

from srbench.analysis.references import load_references
from srbench.bench.results import (
    CellId,
    CellResult,
    DatasetRecord,
    ImageResult,
    MethodRecord,
    MetricRecord,
    PlannedCell,
    RunRecord,
)
from srbench.bench.store import LoadedRun, RunFolder, read_run
from srbench.protocols.builtin import get_protocol
from srbench.report.text.terminal import print_tables
from srbench.report.write import write_report

METHODS = 100
SCALES = (2, 3, 4, 6, 8)
METRICS = (
    MetricRecord(name="psnr", higher_is_better=True, unit="dB", digits=2),
    MetricRecord(name="ssim", higher_is_better=True),
    MetricRecord(name="mse", higher_is_better=False, digits=1),
    MetricRecord(name="haarpsi", higher_is_better=True),
)
FORMATS = ("md", "csv", "latex", "json", "html")


def write_run(path: Path, cells: int, images: int) -> None:
    """A run's folder with that many cells."""
    rng = np.random.default_rng(0)
    protocol = get_protocol("vdsr")
    folder = RunFolder(path)
    methods = ["bicubic", *(f"method-{number}" for number in range(1, METHODS))]
    sets = [f"set-{number}" for number in range(max(cells // (METHODS * len(SCALES)), 1))]
    places = [(dataset, scale, method) for dataset in sets for scale in SCALES for method in methods][:cells]
    hardness = {(dataset, scale): rng.normal(30 - scale, 3, images) for dataset in sets for scale in SCALES}
    planned = []
    for dataset, scale, method in places:
        cell_id = CellId(method=method, dataset=dataset, scale=scale, protocol=protocol.name)
        psnr = hardness[dataset, scale] + rng.normal(0.03 * methods.index(method), 0.2, images)
        cell = _cell(cell_id, psnr)
        folder.write_cell(cell)
        planned.append(PlannedCell(id=cell_id, key=cell.key, status="ok"))
    record = RunRecord(
        id=path.name,
        command="srbench run --methods '*'",
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        protocol_words=protocol.describe(),
        protocol_content=protocol.content(),
        metrics=METRICS,
        methods=tuple(MethodRecord(name=name, family="interpolation", channels="y") for name in methods),
        datasets=tuple(DatasetRecord(name=name, title=name, images=images, content_hash="0" * 64) for name in sets),
        scales=SCALES,
        seeds=(0,),
        cells=tuple(planned),
        environment={"python": "3.11"},
        started="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:05:06Z",
    )
    folder.write_record(record)


def _cell(cell_id: CellId, psnr: np.ndarray) -> CellResult:
    protocol = get_protocol("vdsr")
    rows = []
    for number, value in enumerate(psnr.tolist()):
        values = {"psnr": value, "ssim": 1 - np.exp(-value / 12), "mse": 65025 / 10 ** (value / 10)}
        values["haarpsi"] = values["ssim"] ** 2
        rows.append(ImageResult(name=f"image-{number}", width=480, height=320, values=values))
    inputs = {
        "method": cell_id.method,
        "dataset": "0" * 64,
        "scale": cell_id.scale,
        "protocol": protocol.content(),
        "metrics": {metric.name: "0" * 64 for metric in METRICS},
    }
    return CellResult(
        key=hashlib.sha256(str(cell_id).encode()).hexdigest(),
        id=cell_id,
        protocol_hash=protocol.hash,
        values={metric.name: float(np.mean([row.values[metric.name] for row in rows])) for metric in METRICS},
        images=tuple(rows),
        inputs=inputs,
        environment={"python": "3.11", "numpy": "2.4", "torch": "2.15", "device": "cpu"},
    )


def measure(folder: Path, out: Path) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds of CPU of each part, and what each file holds."""
    seconds: dict[str, float] = {}
    loaded: list[LoadedRun] = []
    _timed(seconds, "read", lambda: loaded.append(read_run(folder)))
    run = loaded[0]
    _timed(seconds, "print", lambda: print_tables(run, Console(width=80, file=io.StringIO()), load_references()))
    for name in FORMATS:
        _timed(seconds, name, lambda name=name: write_report(run, out / name, [name], plots=False))  # type: ignore[misc]
    _timed(seconds, "all formats", lambda: write_report(run, out / "all", FORMATS, plots=False))
    _timed(seconds, "again", lambda: write_report(run, out / "all", FORMATS, plots=False))
    seconds["srbench report"] = sum(seconds[part] for part in ("read", "print", "all formats"))
    files = {path.name: path for path in sorted((out / "all").iterdir()) if path.name != "report.json"}
    return seconds, {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in files.items()}


def _timed(seconds: dict[str, float], part: str, work: Callable[[], object]) -> None:
    start = time.process_time()
    work()
    seconds[part] = time.process_time() - start


def main() -> None:
    """Make the run, take the times, print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=5000, help="cells (default: %(default)s)")
    parser.add_argument("--images", type=int, default=5, help="images of a data set (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds; the fastest counts (default: %(default)s)")
    parser.add_argument("--run", type=Path, help="keep the made-up run here, or take the one that is there")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.run or Path(temporary, "large")
        if not (folder / "run.json").is_file():
            with mock.patch("os.fsync"):  # thousands of files that nobody needs after a crash
                write_run(folder, options.cells, options.images)
        for turn in range(options.repeats):
            out = Path(temporary, f"report-{turn}")
            taken, files = measure(folder, out)
            rounds.append(taken)
            shutil.rmtree(out)
    seconds = {part: min(taken[part] for taken in rounds) for part in rounds[0]}
    if options.json:
        print(json.dumps({"schema_version": 1, "cpu_seconds": seconds, "files": files}, indent=2))
        return
    for part, value in seconds.items():
        print(f"{part:16}{value:8.2f} s")
    for name, content in files.items():
        print(f"{name:16}  {content}")


if __name__ == "__main__":
    main()
