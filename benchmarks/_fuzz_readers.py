"""The kinds of file that srbench reads from others: whole ones to begin with, damage to them, and what reads them."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _fuzz_bundle as bundle
from benchmarks import _fuzz_mutate as mutate
from srbench.errors import SrbenchError
from srbench.protocols.case import prepare

Damage = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        seeds: makes whole ones.
        damages: what is done to them, one being chosen at random.
        read: reads one, which may raise an SrbenchError and nothing else.
        file: what it is called.
        beside: writes what has to lie beside it into a folder.
    """

    seeds: Callable[[], list[bytes]]
    damages: tuple[Damage, ...]
    read: Callable[[Path], object]
    file: str
    beside: Callable[[Path], object] = lambda folder: None


def _images(form: str, *modes: str, **options: Any) -> Callable[[], list[bytes]]:
    def make() -> list[bytes]:
        from PIL import Image

        exif = Image.Exif()
        exif[0x0112] = 6
        if form in ("JPEG", "PNG", "WEBP"):
            options["exif"] = exif
        ramp = np.add.outer(np.arange(24), 7 * np.arange(32)).astype(np.uint8)
        picture = Image.fromarray(np.stack([ramp, ramp.T.reshape(24, 32), 255 - ramp], axis=2))
        found = []
        for mode in modes:
            buffer = io.BytesIO()
            deep = Image.fromarray(ramp.astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
            deep.save(buffer, form, **options)
            found.append(buffer.getvalue())
        if form in ("PNG", "TIFF"):
            import cv2

            found.append(cv2.imencode(f".{form.lower()}", np.asarray(picture).astype(np.uint16) * 257)[1].tobytes())
        return found

    return make


def _tiffs() -> list[bytes]:
    found = []
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "group4"):
        found += _images("TIFF", "1" if compression == "group4" else "RGB", compression=compression)()
    return found


def _read_image(path: Path) -> None:
    from srbench.imaging.files import image_size, pixels_sha256, read_image

    for source in (path, path.read_bytes()):
        image = read_image(source)
    pixels_sha256(image)
    assert image.shape[:2] == image_size(path), "image_size and read_image disagree"


def _toml(*texts: str) -> Callable[[], list[bytes]]:
    return lambda: [text.encode() for text in texts]


def _manifests() -> list[bytes]:
    folder = files("srbench.datasets")
    found = [folder.joinpath(f"{name}.toml").read_bytes() for name in ("set5", "div2k", "embedded")]
    pairs = folder.joinpath("bsd100-pairs.toml").read_bytes().partition(b"[splits.train]")
    own = b'base_url = "."\nkind = "hr"\ntitle = "Own"\nrole = "test"\ndefault_split = "all"\nlicence = ""\n'
    return [
        *found,
        pairs[0] + b"[splits.test]\nscale = 2\n" + b"\n".join(pairs[2].splitlines()[2:5]) + b"\n]\n",
        own + b'[splits.all]\nimages = [\n  { name = "a", path = "a.png" },\n]\n',
    ]


def _read_manifest(path: Path) -> None:
    from srbench.data.catalog import resolve

    resolve(str(path))


def _read_protocol(path: Path) -> None:
    from srbench.protocols.builtin import get_protocol

    protocol = get_protocol(str(path))
    _ = protocol.hash, protocol.describe(), protocol.shave(2)
    prepare(protocol, "image", np.zeros((24, 24, 3), np.uint8), 2, np.zeros((12, 12, 3), np.uint8))


def _read_recipe(path: Path) -> None:
    from srbench.recipe import read_recipe

    recipe = read_recipe(path, _recipes())
    _ = recipe.hash, recipe.data, recipe.test_data, recipe.seeded(1).hash


@functools.cache
def _recipes() -> Any:
    from srbench.plugins.registry import Registry

    return Registry().card("fsrcnn").recipes


def _read_config(path: Path) -> None:
    import typer

    try:
        _run_command().make_context("run", ["--config", str(path)])
    except typer.BadParameter.__bases__[0] as error:  # click's, wherever typer keeps it: a wrong option raises it too
        raise SrbenchError(str(error)) from None


@functools.cache
def _run_command() -> Any:
    import typer

    from srbench.cli.main import app

    return typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]


def _run_files() -> dict[str, bytes]:
    """A made-up run of one cell."""
    from srbench.bench import results
    from srbench.speed.record import RunSpeed, SpeedRecord, SpeedRow
    from srbench.system.sealed import sealed

    key = "0" * 64
    cell_id = results.CellId(method="net", recipe="only", dataset="photos", scale=2, protocol="vdsr")
    images = tuple(
        results.ImageResult(name=name, width=9, height=8, values={"psnr": 30.25, "ssim": float("inf")})
        for name in "abc"
    )
    cell = results.CellResult(
        key=key,
        id=cell_id,
        protocol_hash="0" * 8,
        values={"psnr": 30.25},
        images=images,
        inputs={"dataset": "0" * 64, "metrics": {"psnr": "1"}},
        environment={"torch": "2"},
    )
    method = results.MethodRecord(name="net", family="prediction", channels="y", learned=True)
    dataset = results.DatasetRecord(name="photos", title="Photos", images=3, content_hash="0" * 64)
    record = results.RunRecord(
        id="r",
        command="srbench run",
        protocol="vdsr",
        protocol_hash="0" * 8,
        protocol_words="words",
        protocol_content={"luma": "uint8"},
        methods=(method,),
        datasets=(dataset,),
        scales=(2,),
        metrics=(results.MetricRecord(name="psnr", higher_is_better=True, digits=2),),
        cells=(results.PlannedCell(id=cell_id, key=key, status="ok"),),
        environment={},
        started="now",
        failed=(results.FailedCell(id=cell_id, kind="data", error="why"),),
        seeds=(0,),
    )
    row = SpeedRow(
        method="net",
        scale=2,
        size="9",
        lr_height=9,
        lr_width=9,
        part="whole",
        mode="fp32",
        batch=1,
        median_ms=1.5,
        macs=7,
    )
    speed = RunSpeed(asked="cpu", device="cpu", size="9", scale=2, sources={"net": "0"}, rows=(row,))
    measured = SpeedRecord(
        date="now",
        command="srbench speed",
        device="cpu",
        machine={"cpu": "x"},
        versions={},
        protocol="vdsr",
        bandwidth_gb_s=9.5,
        tflops={"fp32": 0.1},
        rows=(row,),
    )
    documents = {"cell": cell, "run": record, "speed": speed, "record": measured}
    return {name: sealed(document).encode() for name, document in documents.items()}


def _one(name: str) -> Callable[[], list[bytes]]:
    return lambda: [_run_files()[name]]


def _sealed_json(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A file with the checksum that its damaged content has, where it can have one."""
    from srbench.system.hashes import digest

    def seal(document: Any) -> Any:
        try:
            document.pop("sha256", None)
            return document | {"sha256": digest(document)}
        except (ValueError, TypeError, AttributeError):
            return document

    return mutate.damaged_json(rng, data, seal)


def _read_run(path: Path) -> None:
    """A run's folder, and what is made of it; whichever of its files the path is, the others are whole."""
    from rich.console import Console

    from srbench.analysis.gate import check_runs
    from srbench.analysis.sample import cell_intervals
    from srbench.bench.store import read_run
    from srbench.report.tables.document import run_document
    from srbench.report.tables.frame import images_csv
    from srbench.report.text.terminal import print_tables
    from srbench.speed.record import read_speed

    folder = path.parent.parent if path.parent.name == "cells" else path.parent
    read_speed(folder)
    run = read_run(folder)
    print_tables(run, Console(file=io.StringIO()), ())
    run_document(run, cell_intervals(run))
    images_csv(run)
    check_runs([run], ())


def _whole_run(folder: Path) -> None:
    """The files of a run, of which one is damaged then."""
    whole = _run_files()
    for name in ("run.json", "speed.json", f"cells/{'0' * 64}.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(whole["cell" if "/" in name else name.removesuffix(".json")])


def _read_speed(path: Path) -> None:
    from srbench.speed.record import read_speed_record

    read_speed_record(path)


def _references() -> list[bytes]:
    from srbench.analysis.references import reference_folder

    return [
        b"\n".join((reference_folder() / f"{name}.csv").read_bytes().splitlines()[:12])
        for name in ("published", "embedded")
    ] + [
        b"method,dataset,scale,protocol,metric,value,tolerance,use,shown_for,source,note,protocol_hash,rule\n"
        b"net,cpu,2,vdsr,speed/bicubic,0.5,0.1,gate,,srbench baseline,,,at_least\n"
    ]


def _read_references(path: Path) -> None:
    from srbench.analysis.references import read_references

    for row in read_references(path):
        _ = row.title, row.expected, row.accepts(30.0), row.line, row.own


def _network() -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2))


def _weights() -> list[bytes]:
    from safetensors.torch import save

    from srbench.weights import sealed_weights

    metadata = {"format": 2, "key": "k", "recipe": {"steps": 5}, "curve": [[1, 0.1, 0.2, 30.0, 30.0, 0.1]]}
    return [sealed_weights(save(_network().state_dict()), about) for about in (metadata, {})]


def _sealed_safetensors(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Weights with the checksum that their damaged content has, where it can have one."""
    from srbench import weights

    content = mutate.damaged_safetensors(rng, data, others)
    try:
        header, tensors = weights._parts(content)
        header["__metadata__"].pop("sha256", None)
        header["__metadata__"]["sha256"] = weights._checksum(header, tensors)
        text = json.dumps(header).encode()
    except (ValueError, TypeError, AttributeError, KeyError):
        return content
    return len(text).to_bytes(8, "little") + text + tensors


def _read_weights(path: Path) -> None:
    from srbench.weights import load_weights, read_metadata, weights_sha256

    weights_sha256(path)
    read_metadata(path).get("key")
    load_weights(path, _network())


def _pickles() -> list[bytes]:
    import torch

    found = []
    for new in (True, False):
        buffer = io.BytesIO()
        torch.save(_network().state_dict(), buffer, _use_new_zipfile_serialization=new)
        found.append(buffer.getvalue())
    return found


def _read_pickle(path: Path) -> None:
    from srbench.metrics.networks import read_weights

    read_weights(path)


MEMBERS = ("set/0001.png", "set/0002.png")


def _archives() -> list[bytes]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in MEMBERS:
            archive.writestr(name, _images("PNG", "RGB")()[0], zipfile.ZIP_DEFLATED)
        archive.writestr("../escaped.png", b"x")
    return [buffer.getvalue()]


def _unpack(path: Path) -> None:
    from srbench.data.dataset import ImageFile
    from srbench.data.fetch.archive import unpack
    from srbench.data.manifest import Archive

    folder = path.parent / "unpacked"
    content = path.read_bytes()
    archive = Archive(path="a.zip", bytes=max(len(content), 1), sha256=hashlib.sha256(content).hexdigest())
    try:
        unpack(path, [ImageFile(folder / name, archive=archive) for name in MEMBERS], folder, lambda name: None)
    finally:
        inside = {str(found.relative_to(path.parent)) for found in path.parent.rglob("*") if found.is_file()}
        allowed = {path.name, "unpacked/set.sha256", "unpacked/a.sha256", *(f"unpacked/{name}" for name in MEMBERS)}
        assert inside <= allowed, f"unpacked outside: {inside - allowed}"
        assert not any(found.is_symlink() for found in path.parent.rglob("*")), "unpacked a link"


def _read_claim(path: Path) -> None:
    from srbench.proof.claim import read_claim

    for figure in read_claim(path).figures:
        _ = str(figure), figure.digits, figure.value and figure.number


_bytes = mutate.damaged
_PROTOCOL = 'base = "vdsr"\nscored = "y"\nlr = "uint8"\nenlarged_range = [16, 235]\nshave_extra = 2\nantialias = true\n'
_RECIPE = (
    'base = "standard"\ntrain = ["t91", "general100"]\nsteps = 100\nlr = 0.001\nshrink = [1.0, 0.9]\nflips = true\n'
    'lr_factors = [["deconv", 0.1]]\ninit = [["a", "he"]]\n[transfer]\nscale = 3\nfreeze = ["body"]\n'
)
_CONFIG = (
    'methods = ["bicubic", "fsrcnn"]\ndatasets = "set5"\nscales = [2, 3]\njobs = 2\nspeed = false\nout = "runs"\n'
    'cell-timeout = 10.5\nplugin = ["a.py"]\nprotocol = "vdsr"\n'
)
_CLAIM = (
    'schema_version = 1\ntitle = "A paper"\n[[figures]]\nmethod = "net"\ndataset = "set5"\nscale = 2\n'
    'protocol = "vdsr"\nmetric = "psnr"\nvalue = "33.66"\nsource = "Table 1"\n'
    '[[figures]]\nmethod = "a"\ndataset = "b"\nscale = 3\nvalue = ""\n'
)
KINDS: dict[str, Kind] = {
    "PNG": Kind(
        _images("PNG", "RGB", "L", "P", "1", "LA", "RGBA", "I;16"), (mutate.damaged_png, _bytes), _read_image, "a.png"
    ),
    "JPEG": Kind(_images("JPEG", "RGB", "L", "CMYK"), (_bytes,), _read_image, "a.jpg"),
    "BMP": Kind(_images("BMP", "RGB", "L", "P", "1"), (_bytes,), _read_image, "a.bmp"),
    "TIFF": Kind(_tiffs, (_bytes,), _read_image, "a.tiff"),
    "WebP": Kind(_images("WEBP", "RGB", "RGBA", lossless=True), (_bytes,), _read_image, "a.webp"),
    "PPM": Kind(_images("PPM", "RGB", "L", "1"), (_bytes,), _read_image, "a.ppm"),
    "GIF": Kind(_images("GIF", "RGB", "L"), (_bytes,), _read_image, "a.gif"),
    "manifest": Kind(_manifests, (mutate.damaged_toml, _bytes), _read_manifest, "a.toml"),
    "protocol": Kind(
        _toml(_PROTOCOL, 'base = "paired"\nshave_extra = 24\n'),
        (mutate.damaged_toml, _bytes),
        _read_protocol,
        "a.toml",
    ),
    "recipe": Kind(_toml(_RECIPE), (mutate.damaged_toml, _bytes), _read_recipe, "a.toml"),
    "config": Kind(_toml(_CONFIG), (mutate.damaged_toml, _bytes), _read_config, "a.toml"),
    "cell": Kind(_one("cell"), (_sealed_json, _sealed_json, _bytes), _read_run, f"cells/{'0' * 64}.json", _whole_run),
    "run.json": Kind(_one("run"), (_sealed_json, _sealed_json, _bytes), _read_run, "run.json", _whole_run),
    "speed.json": Kind(_one("speed"), (_sealed_json, _sealed_json, _bytes), _read_run, "speed.json", _whole_run),
    "speed record": Kind(_one("record"), (_sealed_json, _sealed_json, _bytes), _read_speed, "record.json"),
    "references": Kind(_references, (mutate.damaged_csv, _bytes), _read_references, "a.csv"),
    "weights": Kind(_weights, (_sealed_safetensors, _bytes), _read_weights, "a.safetensors"),
    "published weights": Kind(_pickles, (_bytes,), _read_pickle, "a.pth"),
    "archive": Kind(_archives, (mutate.damaged_zip, mutate.damaged_zip, _bytes), _unpack, "a.zip"),
    "claim": Kind(_toml(_CLAIM), (mutate.damaged_toml, _bytes), _read_claim, "a.toml"),
    "bundle": Kind(
        bundle.bundles,
        (bundle.forged, bundle.forged, mutate.damaged_zip, _bytes),
        bundle.read,
        "a.srb.zip",
        bundle.write_photos,
    ),
}


class Bench:
    """A folder in which inputs of one kind are made and read.

    An input is told by its kind, the seed and its number alone, so that it can be made again.
    """

    def __init__(self, name: str, seed: int, folder: Path) -> None:
        self.kind, self.name, self.seed, self.folder = KINDS[name], name, seed, folder
        self._whole = self.kind.seeds()
        self.path = folder / self.kind.file
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.kind.beside(folder)

    def make(self, number: int) -> bytes:
        """An input; the first ones are whole."""
        if number < len(self._whole):
            return self._whole[number]
        rng = random.Random(f"{self.seed}/{self.name}/{number}")
        return rng.choice(self.kind.damages)(rng, rng.choice(self._whole), self._whole)

    def read(self, content: bytes) -> str:
        """Read an input; returns why it was refused, or nothing where it was accepted.

        Raises:
            Exception: what no input may bring about.
        """
        self.path.write_bytes(content)
        try:
            self.kind.read(self.path)
        except SrbenchError as error:
            text = str(error)
            assert text and len(text) <= 2000 and text.isprintable(), f"no sentence for a terminal: {text[:80]!r}"
            return text
        return ""
