"""Bundles for the fuzzing: a whole one, forgeries whose hashes are right again, and what is made of those."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _fuzz_mutate as mutate

PHOTOS = "photos"
MANIFEST, RUN = "manifest.json", "run.json"


def write_photos(folder: Path) -> None:
    """The images that the bundle is of, the same everywhere."""
    from srbench.imaging.files import encode_png

    (folder / PHOTOS).mkdir(exist_ok=True)
    ramp = np.add.outer(5 * np.arange(24), 3 * np.arange(32)).astype(np.uint8)
    for name, image in (("a", np.stack([ramp, ramp[::-1], 255 - ramp], axis=2)), ("b", ramp)):
        (folder / PHOTOS / f"{name}.png").write_bytes(encode_png(image))


@functools.cache
def _whole() -> tuple[bytes, frozenset[tuple[str, str, float]]]:
    """A bundle, and its true figures: image, metric and value."""
    import srbench
    from srbench.proof.bundle import make_bundle

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_photos(folder)
        found = srbench.run(
            ["bicubic", "nearest"],
            datasets=str(folder / PHOTOS),
            scales=2,
            metrics=["psnr", "ssim", "mse"],
            out=folder / "runs",
            speed=False,
        ).loaded
        still = {"id": "r", "command": "srbench run", "environment": {}, "started": "now", "finished": "now"}
        cells = tuple(cell.model_copy(update={"environment": {}}) for cell in found.cells)
        run = dataclasses.replace(found, record=found.record.model_copy(update=still), cells=cells)
        out = folder / "a.srb.zip"
        make_bundle(run, out, sr="all", with_weights=False, datasets=[str(folder / PHOTOS)])
        true = {(image.name, name, value) for c in cells for image in c.images for name, value in image.values.items()}
        return out.read_bytes(), frozenset(true)


def bundles() -> list[bytes]:
    """Whole ones."""
    return [_whole()[0]]


def forged(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A bundle with a damaged member, whose hashes, keys and checksums are right again where they can be."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice([MANIFEST, RUN, *sorted(members)])
        if name.endswith(".json"):
            members[name] = _canonical(mutate.damaged_json(rng, members[name]))
        else:
            members[name] = mutate.damaged(rng, members[name], others)
    match rng.randrange(12):
        case 0:
            members[rng.choice(("x", "../x", "/x", "sr/x.png", "cells/x.json", "é", "a" * 300))] = b"x"
        case 1:
            del members[rng.choice(sorted(members))]
    with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError, RecursionError):
        _seal(members)  # what is too damaged has no right hashes
    return _zipped(members)


def _canonical(data: bytes) -> bytes:
    from srbench.system.hashes import canonical_json

    try:
        return canonical_json(json.loads(data)).encode()
    except (ValueError, RecursionError):
        return data


def _seal(members: dict[str, bytes]) -> None:
    """Make hashes right: of cells by their inputs, of the results, of members."""
    from srbench.bench.results import CellResult
    from srbench.proof.manifest import results_digest
    from srbench.system.hashes import canonical_json, digest

    cells = {name: json.loads(data) for name, data in members.items() if name.startswith("cells/")}
    for name, cell in cells.items():
        old, new = name[6:-5], digest(cell["inputs"])
        cell["key"] = new
        del members[name]
        members[f"cells/{new}.json"] = canonical_json(cell).encode()
        for other in (RUN, MANIFEST):
            members[other] = members[other].replace(old.encode(), new.encode())
        for other in [other for other in members if other.startswith(f"sr/{old}/")]:
            members[other.replace(old, new)] = members.pop(other)
    manifest: Any = json.loads(members[MANIFEST])
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in sorted(members.items())
        if name != MANIFEST
    }
    members[MANIFEST] = canonical_json(manifest).encode()
    ids = {planned["key"]: planned["id"] for planned in json.loads(members[RUN])["cells"]}
    results = [CellResult.model_validate(cell | {"id": ids[cell["key"]]}) for cell in cells.values()]
    members[MANIFEST] = canonical_json(manifest | {"results": results_digest(results)}).encode()


def _zipped(members: dict[str, bytes]) -> bytes:
    """As srbench writes an archive, whatever the members are called."""
    from srbench.proof.archive import _NAME, write_archive

    if all(_NAME.fullmatch(name) for name in members):
        with tempfile.TemporaryDirectory() as folder:
            write_archive(Path(folder) / "x", members)
            return (Path(folder) / "x").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name), members[name])
    return buffer.getvalue()


def read(path: Path) -> None:
    """Verify a bundle, and write all that is made of it; what is verified has no figure but the true ones."""
    from srbench.board.entries import collect
    from srbench.board.site import site
    from srbench.errors import DataError
    from srbench.export.results_table import results_json, results_markdown
    from srbench.proof.page import verification_page
    from srbench.proof.reading import read_bundle
    from srbench.proof.text import document, paragraphs
    from srbench.proof.verify import Means, verify

    bundle = read_bundle(path)
    found = verify(bundle, Means(depth="rescored", datasets=(str(path.parent / PHOTOS),)))
    for cell in found.cells:
        if found.depth == "rescored":
            figures = {(image.name, name, value) for image in cell.cell.images for name, value in image.values.items()}
            assert figures <= _whole()[1], "verified another figure"
    _ = "\n".join(paragraphs(found)), document(found), verification_page(found)
    _ = results_markdown(bundle.run, bundle.name), results_json(bundle.run, bundle.name)
    _ = dict(site(collect([path.parent]), [], "x"))
    if found.is_refuted:
        raise DataError("It is refuted.")
