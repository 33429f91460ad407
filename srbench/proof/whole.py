"""Depth (a), whole: whether what a bundle says agrees with itself. Nothing else is needed for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean

from srbench.bench.results import CellResult, MetricRecord
from srbench.data.catalog import known_content, load_manifest, manifest_names
from srbench.errors import SrbenchError
from srbench.metrics.pixel import psnr_of_mse
from srbench.metrics.pooling import POOLS
from srbench.proof.manifest import BundleDataset, BundleMethod, results_digest
from srbench.proof.reading import Bundle
from srbench.protocols.content import forged_name
from srbench.system.hashes import digest

ROUNDING = 1e-9
"""Relative, of figures that follow from others by logarithms, whose last digit is the machine's."""


def contradictions(bundle: Bundle) -> Iterator[str]:
    """What in a bundle cannot be true together, in sentences."""
    record, manifest = bundle.run.record, bundle.manifest
    if digest(record.protocol_content)[:8] != record.protocol_hash:
        yield f"the protocol's hash {record.protocol_hash} is not that of its content"
    if forged := forged_name(record.protocol, record.protocol_hash):
        yield forged
    if results_digest(bundle.run.cells) != manifest.results:
        yield "the digest of the results is not that of the cells"
    datasets = {dataset.name: dataset for dataset in manifest.datasets}
    methods = {method.name: method for method in manifest.methods}
    for known in record.datasets:
        dataset = datasets.get(known.name)
        if dataset is None or (dataset.content_hash, len(dataset.images)) != (known.content_hash, known.images):
            yield f"the data set {known.name} is another in the run than in the manifest"
        elif forged := _forged_set(dataset):
            yield forged
    metrics = {metric.name: metric for metric in record.metrics}
    for cell in bundle.run.cells:
        yield from (f"{cell.id}: {problem}" for problem in _of_cell(cell, bundle, datasets, methods, metrics))
    cells = {cell.key: {image.name for image in cell.images} for cell in bundle.run.cells}
    for sr in manifest.sr_images:
        if sr.image not in cells.get(sr.cell, ()):
            yield f"{sr.member} is the SR image of no cell"


def _forged_set(dataset: BundleDataset) -> str:
    """What is wrong with a data set's name: one of srbench's belongs to its images."""
    for name in manifest_names():
        manifest = load_manifest(name)
        for split in manifest.splits:
            if dataset.name == (name if split == manifest.default_split else f"{name}-{split}"):
                try:
                    content = known_content(manifest, split)
                except SrbenchError:
                    return ""
                images = {entry.name: entry.pixels_sha256 for entry in manifest.splits[split].entries()}
                other = [i.name for i in dataset.images if images.get(i.name, i.pixels) not in (None, i.pixels)]
                if content != dataset.content_hash or other:
                    return f"it calls its data set {name}, and its images are not those of srbench's {name}"
    return ""


def _of_cell(
    cell: CellResult,
    bundle: Bundle,
    datasets: Mapping[str, BundleDataset],
    methods: Mapping[str, BundleMethod],
    metrics: Mapping[str, MetricRecord],
) -> Iterator[str]:
    record, inputs = bundle.run.record, cell.inputs
    try:
        key = digest(inputs)
    except (ValueError, RecursionError):
        key = ""
    if key != cell.key:
        yield "its key is not the hash of its inputs"
    dataset, method = datasets.get(cell.id.dataset), methods.get(cell.id.method)
    for what, stated, known in (
        ("method", inputs.get("method"), cell.id.method),
        ("scale", inputs.get("scale"), cell.id.scale),
        ("seed", inputs.get("seed"), cell.id.seed),
        ("protocol", inputs.get("protocol"), record.protocol_content),
        ("protocol's hash", cell.protocol_hash, record.protocol_hash),
        ("protocol's name", cell.id.protocol, record.protocol),
        ("data set", inputs.get("dataset"), dataset and dataset.content_hash),
        ("source", inputs.get("source"), method and method.source),
        ("metrics", sorted(inputs.get("metrics") or ()), sorted(m.name for m in metrics.values() if not m.unavailable)),
    ):
        if stated != known:
            yield f"its {what} is another in its inputs than in the run"
    weights = [weights.sha256 for weights in method.weights] if method else []
    if inputs.get("weights") not in (None, *weights):
        yield "the manifest does not name its weights"
    if dataset is not None:
        yield from _images(cell, dataset)
    for name in {*cell.values, *(name for image in cell.images for name in image.values)} - metrics.keys():
        yield f"the run has no metric {name}"
    yield from _figures(cell, metrics, record.protocol_content)


def _images(cell: CellResult, dataset: BundleDataset) -> Iterator[str]:
    if [image.name for image in cell.images] != [image.name for image in dataset.images]:
        yield "its images are not those of its data set"
        return
    scale = cell.id.scale
    for image, known in zip(cell.images, dataset.images, strict=True):
        beyond = (known.width - image.width, known.height - image.height)
        if not all(0 <= more < scale for more in beyond):
            yield f"{image.name} has {image.width}x{image.height} pixels, and HR {known.width}x{known.height}"


def _figures(cell: CellResult, metrics: Mapping[str, MetricRecord], protocol: Mapping[str, object]) -> Iterator[str]:
    """Figures that do not follow from those that they are made of."""
    for name, metric in metrics.items():
        rows = [image.values[name] for image in cell.images if name in image.values]
        if name not in cell.values:
            if cell.images and len(rows) == len(cell.images):
                yield f"its {name} is missing, and its images have it"
            continue
        value = cell.values[name]
        if name in cell.of_set or metric.of_set:
            yield f"its {name} is a value of the whole set, which is not verified: leave that metric out of the run"
            continue
        is_pooled = protocol.get("aggregate") == "pooled" and metric.pool != "mean"
        if is_pooled and metric.pool not in POOLS:
            continue
        expected = POOLS[metric.pool](rows) if is_pooled else fmean(rows)
        if not _same(value, expected, ROUNDING if is_pooled else 0.0):
            yield f"its {name} is {value!r}, and its images' figures give {expected!r}"
    if protocol.get("psnr_eps"):
        return
    for image in cell.images:
        pair = image.values.get("psnr"), image.values.get("mse")
        if None not in pair and not _same(pair[0] or 0.0, psnr_of_mse(pair[1] or 0.0), ROUNDING):
            yield f"the PSNR of {image.name} is not that of its mean squared error"


def _same(value: float, expected: float, tolerance: float) -> bool:
    return value == expected or math.isclose(value, expected, rel_tol=tolerance, abs_tol=0.0)
