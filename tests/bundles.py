"""Bundles for tests: one of a real run, and forgeries of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import photograph, save

import srbench
from srbench.bench.results import CellResult
from srbench.proof.archive import Archive, write_archive
from srbench.proof.bundle import Made, make_bundle
from srbench.proof.manifest import MANIFEST, RUN, results_digest
from srbench.system.hashes import canonical_json, digest

SHARP = """
import torch.nn.functional as F

from srbench.method import Method, MethodInfo


class Sharp(Method):
    info = MethodInfo(name="sharp", family="interpolation", channels="y", input="lr", scales=frozenset({2, 3}))

    def upscale(self, x, scale):
        return F.interpolate(x, scale_factor=scale, mode="bicubic").clamp(0, 1)
"""
"""A plugin that is nobody's but the run's."""


def make_run(folder: Path, *, protocol: str = "vdsr", plugin: str = SHARP) -> tuple[Path, Path]:
    """A run of bicubic and of a plugin on two photographs; returns its folder, and the plugin's."""
    for number, size in enumerate([(48, 60), (53, 41)]):
        save(folder / "photos" / f"image{number}.png", photograph(*size, number))
    path = folder / "sharp.py"
    path.write_text(plugin)
    run = srbench.run(
        ["bicubic", "sharp"],
        datasets=str(folder / "photos"),
        scales=[2, 3],
        metrics=["psnr", "ssim", "mse"],
        protocol=protocol,
        plugins=[path],
        out=folder / "runs",
        speed=False,
    )
    return run.folder, path


def bundle_of(run: Path, out: Path, **options: Any) -> Made:
    """Its bundle, with every SR image unless said otherwise."""
    from srbench.bench.store import read_run

    return make_bundle(read_run(run), out, **({"sr": "all", "with_weights": False} | options))


Members = dict[str, bytes]


def members_of(path: Path) -> Members:
    """A bundle's files."""
    with Archive(path) as archive:
        return {name: archive.read(name, 2**30) for name in archive.entries}


def forge(path: Path, out: Path, change: Callable[[Members], object], *, keys: bool = True) -> Path:
    """A bundle whose content was changed by somebody who knows how bundles are made: every hash is right again.

    Args:
        path: of a bundle.
        out: the forgery.
        change: what is done to its files; those that are added belong to nothing.
        keys: whether cells' keys follow from their inputs again.
    """
    members = members_of(path)
    change(members)
    cells = {name: json.loads(data) for name, data in members.items() if keys and name.startswith("cells/")}
    renamed = {cell["key"]: digest(cell["inputs"]) for cell in cells.values()}
    for name, cell in cells.items():
        del members[name]
        cell["key"] = renamed[cell["key"]]
        members[f"cells/{cell['key']}.json"] = canonical_json(cell).encode()
    for old, new in renamed.items():
        for name in (RUN, MANIFEST):
            members[name] = members[name].replace(old.encode(), new.encode())
        for name in [name for name in members if name.startswith(f"sr/{old}/")]:
            members[name.replace(old, new)] = members.pop(name)
    manifest = json.loads(members[MANIFEST])
    with contextlib.suppress(ValueError, LookupError, RecursionError):  # what is no cell has no results
        found = [json.loads(data) for name, data in members.items() if name.startswith("cells/")]
        ids = {planned["key"]: planned["id"] for planned in json.loads(members[RUN])["cells"]}
        named = [CellResult.model_validate(cell | {"id": ids[cell["key"]]}) for cell in found]
        manifest["results"] = results_digest(named)
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for name, data in sorted(members.items())
        if name != MANIFEST
    }
    members[MANIFEST] = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    write_archive(out, members)
    return out


def edit(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Members], None]:
    """A change of a JSON file; ``cells`` is the first cell's."""

    def apply(members: Members) -> None:
        found = next(known for known in sorted(members) if known.startswith(name))
        plain = json.loads(members[found])
        change(plain)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        members[found] = text.encode()

    return apply
