"""Whether a device gives the CPU's PSNR: every method, and every kind of model file."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import srbench
from tools.gpu_day.budget import Unit

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
import small_models

LIMIT = 1e-3
"""dB."""
KINDS = {
    "spandrel": small_models.save_pth,
    "torch": small_models.save_pth,
    "torchscript": small_models.save_torchscript,
    "exported": small_models.save_exported,
    "onnx": small_models.save_onnx,
}
SUFFIX = {"spandrel": "pth", "torch": "pth", "torchscript": "pt", "exported": "pt2", "onnx": "onnx"}


def units(images: str, device: str, scales: tuple[int, ...]) -> Iterator[Unit]:
    """One for each method and kind."""
    for name in srbench.list_methods()["name"]:
        yield f"agreement-{name}", partial(compared, name, images, device, scales)
    for kind in KINDS:
        yield f"agreement-kind-{kind}", partial(_kind, kind, images, device)


def compared(method: str, images: str, device: str, scales: tuple[int, ...]) -> dict[str, Any]:
    """The largest difference of an image's PSNR in dB between the CPU and a device."""
    with tempfile.TemporaryDirectory() as out:
        values: list[Any] = []
        for where in ("cpu", device):
            run = srbench.run(
                method,
                images,
                scales=scales,
                metrics="psnr",
                train="never",
                device=where,
                out=Path(out) / str(len(values)),
                force=True,  # or the second would take the values of the first
                keep_images=0,
                progress=False,
            )
            run.raise_for_failures()
            frame = run.per_image()
            values.append(frame[frame["metric"] == "psnr"].set_index(["scale", "image"])["value"])
    apart = (values[0] - values[1]).abs()
    if apart.empty or apart.isna().any():
        raise RuntimeError("the two runs have not the same images")
    return {"images": len(apart), "max_db": float(apart.max()), "agrees": bool(apart.max() <= LIMIT)}


def _kind(kind: str, images: str, device: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"small.{SUFFIX[kind]}"
        KINDS[kind](small_models.trained(steps=5), path)
        if kind == "onnx" and importlib.util.find_spec("onnxruntime") is None:
            raise RuntimeError("onnxruntime is not installed")
        spec = f"{kind}:{path}"
        if kind == "torch":
            source = Path(folder) / "net.py"
            source.write_text("from spandrel.architectures.Compact import Compact\n", "utf-8")
            shape = "&".join(f"arg.{name}={value}" for name, value in small_models.SHAPE.items())
            spec = f"torch:{source}:Compact?weights={path}&scale={small_models.SCALE}&{shape}"
        return compared(spec, images, device, (small_models.SCALE,))
