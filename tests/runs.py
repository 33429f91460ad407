"""Whole run folders from given numbers, for tests of what reads them. Nothing here runs a method."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from srbench.analysis.compare import Comparison, compare_all, report_pairs
from srbench.bench.results import (
    CellId,
    CellResult,
    CurvePoint,
    DatasetRecord,
    FailedCell,
    ImageResult,
    MethodRecord,
    MetricRecord,
    PlannedCell,
    RunRecord,
    TrainingRecord,
)
from srbench.bench.store import LoadedRun, RunFolder, read_run
from srbench.data.catalog import manifest_names, resolve
from srbench.imaging.files import write_png
from srbench.protocols.builtin import get_protocol
from srbench.protocols.protocol import Protocol
from srbench.report.tables.grid import main_metrics
from srbench.speed.record import RunSpeed, SpeedRow

METRICS = (
    MetricRecord(name="psnr", higher_is_better=True, unit="dB", digits=2, pool="psnr-of-mse"),
    MetricRecord(name="ssim", higher_is_better=True),
    MetricRecord(name="mse", higher_is_better=False, digits=1),
)
IMAGES = {
    "set5": ("baby", "bird", "butterfly", "head", "woman"),
    "set14": ("baboon", "barbara", "bridge", "comic", "face", "flowers"),
}
SCALES = (2, 3, 4)
BICUBIC = {  # protocol vdsr
    ("set5", 2): (33.66146, 0.9298844),
    ("set5", 3): (30.39244, 0.8682144),
    ("set5", 4): (28.42113, 0.8104015),
    ("set14", 2): (30.23737, 0.8687968),
    ("set14", 3): (27.54568, 0.7741771),
    ("set14", 4): (26.00435, 0.7027324),
}
GAINS = {  # dB over bicubic
    "nearest": -2.4,
    "bilinear": -1.35,
    "bicubic": 0.0,
    "lanczos": 0.08,
    "dcci": 0.2,
    "dcci-ibp": 1.25,
    "srcnn-y-955:t91": 2.4,
    "srcnn-y-955:t91-9-5-5": 2.65,
}
FAILED = ("dcci", "set14", 3)
NASTY = "<script>alert('x')</script>_a|b\\&%$#{}~^\"`*[1] \U0001f600"
"""A name that tries to break out of every format."""
ARTEFACT = (slice(60, 84), slice(96, 120))
"""Rows and columns of the first image in which methods disagree by far the most."""

Figure = tuple[str, str, int]


def write_run(
    path: Path,
    *,
    gains: Mapping[str, float] = GAINS,
    images: Mapping[str, Sequence[str]] = IMAGES,
    scales: Sequence[int] = SCALES,
    seeds: Sequence[int] = (0,),
    protocol: Protocol | str = "vdsr",
    metrics: Sequence[MetricRecord] = METRICS,
    failed: Sequence[Figure] = (FAILED,),
    figures: Mapping[Figure, tuple[float, float]] | None = None,
    pictures: int = 2,
    title: str = "a data set",
    content: str = "",
    values: Mapping[str, float] | None = None,
) -> LoadedRun:
    """Write a run's folder and read it back.

    Args:
        path: the folder; its name is the run's id.
        gains: PSNR over bicubic's of each method label.
        images: the names of the images of each data set.
        scales: the factors.
        seeds: of labels that have a recipe.
        protocol: a name, or a protocol of one's own.
        metrics: a subset of METRICS.
        failed: cells without result, as (label, data set, scale).
        figures: (PSNR, SSIM) of cells that shall not follow from ``gains``.
        pictures: how many HR and SR images of each data set are kept.
        title: of the data sets.
        content: the data sets' content hash; what the real data set of the name has if empty.
        values: figures of metrics that shall not follow from ``gains``, the same for all cells.
    """
    folder = RunFolder(path)
    protocol = get_protocol(protocol) if isinstance(protocol, str) else protocol
    planned: list[PlannedCell] = []
    failures: list[FailedCell] = []
    contents = {name: content or _content(name) for name in images}
    for dataset, names in images.items():
        for scale in scales:
            hr = [_hr(index, name, scale) for index, name in enumerate(names[:pictures])]
            for name, picture in zip(names, hr, strict=False):
                _write(folder.hr_path(contents[dataset], scale, name), picture)
            for label, gain in gains.items():
                for seed in seeds if ":" in label else (0,):
                    method, _, recipe = label.partition(":")
                    cell_id = CellId(
                        method=method, recipe=recipe, dataset=dataset, scale=scale, protocol=protocol.name, seed=seed
                    )
                    if (label, dataset, scale) in failed:
                        planned.append(PlannedCell(id=cell_id, status="failed"))
                        failures.append(FailedCell(id=cell_id, kind="method", error=f"{label} returned NaN."))
                        continue
                    base = BICUBIC.get((dataset, scale), (30.0 - scale, 0.9 - 0.05 * scale))
                    figure = (base[0] + gain + 0.01 * seed, min(base[1] + 0.02 * gain, 0.9999))
                    figure = (figures or {}).get((label, dataset, scale), figure)
                    cell = _cell(cell_id, protocol, names, figure, metrics, values or {})
                    folder.write_cell(cell)
                    planned.append(PlannedCell(id=cell_id, key=cell.key, status="ok"))
                    for index, picture in enumerate(hr):
                        sr = _sr(picture, gain, scale, artefact=index == 0 and label == list(gains)[-1])
                        _write(folder.sr_path(cell.key, names[index]), sr)
    record = RunRecord(
        id=path.name,
        command="srbench run --methods '*' --datasets set5 set14",
        protocol=protocol.name,
        protocol_hash=protocol.hash,
        protocol_words=protocol.describe(),
        protocol_content=protocol.content(),
        metrics=tuple(metrics),
        methods=_methods(gains),
        datasets=tuple(
            DatasetRecord(
                name=name,
                title=title,
                images=len(names),
                content_hash=contents[name],
                citation="Author et al., Conference 2012",
                licence="research only",
            )
            for name, names in images.items()
        ),
        scales=tuple(scales),
        seeds=tuple(seeds),
        cells=tuple(planned),
        failed=tuple(failures),
        environment={"srbench": "0.1.0", "python": "3.11.9", "torch": "2.11.0", "device": "cpu"},
        started="2026-01-02T03:04:05Z",
        finished="2026-01-02T03:05:06Z",
    )
    folder.write_record(record)
    return read_run(path)


def nasty_run(path: Path) -> LoadedRun:
    """A run whose names try to break out of the format."""
    images = {NASTY.replace("/", ""): ("a b", "ü|_")}
    gains = {"bicubic": 0.0, NASTY.replace(":", ""): 1.0}
    return write_run(path, images=images, gains=gains, failed=(), pictures=0, title=NASTY)


def speed_record(speeds: Mapping[str, float | None], device: str = "cpu") -> RunSpeed:
    """What a run's methods took, from megapixels a second; None for a method that failed."""
    rows = tuple(
        SpeedRow(
            method=method,
            scale=2,
            size="128",
            lr_height=128,
            lr_width=128,
            part="whole",
            mode="fp32",
            batch=1,
            megapixels_per_s=speed,
            error="" if speed else "RuntimeError: out of ideas.",
        )
        for method, speed in speeds.items()
    )
    return RunSpeed(asked=device, device=device, size="128", scale=2, sources=dict.fromkeys(speeds, "0"), rows=rows)


def compared(run: LoadedRun) -> list[Comparison]:
    """Every pair of its methods by its main metrics, as reports compare them."""
    pairs = report_pairs(run)
    return [comparison for metric in main_metrics(run) for comparison in compare_all(run, metric, pairs)]


def _content(name: str) -> str:
    return resolve(name).content_hash if name in manifest_names() else hashlib.sha256(name.encode()).hexdigest()


def _methods(labels: Mapping[str, float]) -> tuple[MethodRecord, ...]:
    learned = {label.partition(":")[0]: ":" in label for label in labels}
    return tuple(
        MethodRecord(
            name=name,
            family="prediction" if is_learned else "interpolation",
            channels="y",
            paper="Dong et al., TPAMI 2015" if is_learned else "",
            learned=is_learned,
        )
        for name, is_learned in learned.items()
    )


def _cell(
    cell_id: CellId,
    protocol: Protocol,
    names: Sequence[str],
    figure: tuple[float, float],
    metrics: Sequence[MetricRecord],
    given: Mapping[str, float],
) -> CellResult:
    """A cell whose images scatter evenly about the figure, so that their mean is the figure."""
    spread = np.linspace(-3.0, 3.0, len(names)) if len(names) > 1 else np.zeros(1)
    wanted = [metric.name for metric in metrics if not metric.unavailable]
    rows = []
    for name, delta in zip(names, spread, strict=True):
        psnr = figure[0] + float(delta)
        values = {"psnr": psnr, "ssim": figure[1] + 0.002 * float(delta), "mse": 65025.0 / 10 ** (psnr / 10), **given}
        rows.append(ImageResult(name=name, width=144, height=120, values={key: values[key] for key in wanted}))
    means = {key: float(np.mean([row.values[key] for row in rows])) for key in wanted}
    return CellResult(
        key=hashlib.sha256(f"{cell_id!r} {protocol.hash}".encode()).hexdigest(),
        id=cell_id,
        protocol_hash=protocol.hash,
        values=means,
        images=tuple(rows),
        inputs={},
        environment={},
    )


def _hr(index: int, name: str, scale: int) -> np.ndarray:
    """A zone plate on a coloured ramp with the image's name on it, 144 x 120 to begin with."""
    y, x = np.mgrid[:120, :144].astype(np.float64)
    rings = 60 * np.cos(((x - 40) ** 2 + (y - 60) ** 2) / (90 + 20 * index))
    planes = np.stack([120 + rings, 60 + x + rings / 2, 200 - y + rings / 3], axis=-1)
    picture = np.ascontiguousarray(np.clip(planes, 0, 255).astype(np.uint8))
    cv2.putText(picture, name[:6], (6, 112), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (250, 250, 250), 2)
    height, width = 120 // scale * scale, 144 // scale * scale
    return picture[:height, :width]


def _sr(hr: np.ndarray, gain: float, scale: int, *, artefact: bool) -> np.ndarray:
    sr = cv2.GaussianBlur(hr, (0, 0), max(0.3, 0.25 * scale * (1.5 - gain / 4)))
    if artefact:
        sr[ARTEFACT] = np.where(np.indices(sr[ARTEFACT].shape[:2]).sum(0)[..., None] % 4 < 2, 255, 0)
    return sr


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, picture)


def trained(run: LoadedRun, points: tuple[CurvePoint, ...]) -> LoadedRun:
    """The run with weights of srcnn-y-955:t91 whose training it keeps."""
    cells = [
        cell.model_copy(update={"inputs": {"weights": "w"}}) if cell.id.method_label == "srcnn-y-955:t91" else cell
        for cell in run.cells
    ]
    return dataclasses.replace(run, cells=tuple(cells), trainings={"w": TrainingRecord(weights="w", curve=points)})
