"""Depth (a), whole: whether what a bundle says agrees with itself. Nothing else is needed for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from srbench.bench.results import CellResult, MetricRecord, RunRecord
from srbench.data.catalog import known_content, load_manifest, manifest_names
from srbench.errors import SrbenchError
from srbench.metrics.pixel import psnr_of_mse
from srbench.metrics.pooling import POOLS
from srbench.proof.manifest import BundleDataset, BundleMethod, results_digest
from srbench.proof.reading import Bundle
from srbench.protocols.content import forged_name, protocol_of
from srbench.protocols.protocol import image_name
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
        stated = (known.content_hash, known.images, known.has_hr)
        if dataset is None or (dataset.content_hash, len(dataset.images), dataset.has_hr) != stated:
            yield f"the data set {known.name} is another in the run than in the manifest"
        elif forged := _forged_set(dataset, known.of):
            yield forged
    metrics = {metric.name: metric for metric in record.metrics}
    turns = _turns(record)
    for cell in bundle.run.cells:
        yield from (f"{cell.id}: {problem}" for problem in _of_cell(cell, bundle, datasets, methods, metrics, turns))
    cells = {cell.key: {image.name for image in cell.images} for cell in bundle.run.cells}
    for sr in manifest.sr_images:
        if sr.image not in cells.get(sr.cell, ()):
            yield f"{sr.member} is the SR image of no cell"


def _forged_set(dataset: BundleDataset, of: int) -> str:
    """What is wrong with a data set's name: one of srbench's belongs to its images, or to the first of so many."""
    for name in manifest_names():
        manifest = load_manifest(name)
        for split in manifest.splits:
            if dataset.name == (name if split == manifest.default_split else f"{name}-{split}"):
                entries = manifest.splits[split].entries()
                count = len(dataset.images) if of == len(entries) else None
                try:
                    content = known_content(manifest, split, count)
                except SrbenchError:
                    return ""
                images = {entry.name: entry.pixels_sha256 for entry in entries}
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
    turns: Sequence[int | None],
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
        ("metrics", sorted(inputs.get("metrics") or ()), sorted(_computed(metrics, dataset))),
    ):
        if stated != known:
            yield f"its {what} is another in its inputs than in the run"
    weights = [weights.sha256 for weights in method.weights] if method else []
    if inputs.get("weights") not in (None, *weights):
        yield "the manifest does not name its weights"
    if dataset is not None:
        yield from _images(cell, dataset, turns)
        for name in cell.values.keys() - _computed(metrics, dataset):
            if name in metrics:
                yield f"its {name} compares with HR, and {dataset.name} has none"
    for name in {*cell.values, *(name for image in cell.images for name in image.values)} - metrics.keys():
        yield f"the run has no metric {name}"
    yield from _figures(cell, metrics, record.protocol_content)


def _turns(record: RunRecord) -> Sequence[int | None]:
    """The LR images that the protocol makes of one HR image; one of a protocol that is not known here."""
    try:
        return protocol_of(record.protocol, record.protocol_content).turns
    except SrbenchError:
        return (None,)


def _computed(metrics: Mapping[str, MetricRecord], dataset: BundleDataset | None) -> set[str]:
    """The metrics that a data set has values of."""
    has_hr = dataset is None or dataset.has_hr
    return {metric.name for metric in metrics.values() if not metric.unavailable and (has_hr or not metric.needs_hr)}


def _images(cell: CellResult, dataset: BundleDataset, turns: Sequence[int | None]) -> Iterator[str]:
    known = [(image_name(image.name, turn), image) for image in dataset.images for turn in turns]
    if [image.name for image in cell.images] != [name for name, _ in known]:
        yield "its images are not those of its data set"
        return
    scale = cell.id.scale
    enlarged, what = (1, "HR") if dataset.has_hr else (scale, "enlarged LR")
    for image, (_, whole) in zip(cell.images, known, strict=True):
        width, height = whole.width * enlarged, whole.height * enlarged
        if not all(0 <= more < scale for more in (width - image.width, height - image.height)):
            yield f"{image.name} has {image.width}x{image.height} pixels, and {what} {width}x{height}"


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
            if not metric.of_set or name not in cell.of_set:
                yield f"its {name} is a value of the whole set in one of its cells and its run, and not in the other"
            elif rows:
                yield f"its {name} is a value of the whole set, and images have one"
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
