"""Squashes pairs to one size, as tutorial T1 does before it trains and tests: a copy of the images, and its manifest.

    python -m srbench_plugin_tutorials.squash bsd100-pairs:train bsd100-pairs:validation bsd100-pairs:test

writes ``bsd100-224.toml`` and the images in ``bsd100-224/``. Each split is then a data set of pairs at x1, such as
``--datasets bsd100-224.toml:test --scales 1 --protocol paired-rgb``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from srbench.data.catalog import resolve
from srbench.data.dataset import Dataset
from srbench.data.images import read_samples
from srbench.errors import DataError, SrbenchError
from srbench.imaging.files import pixels_sha256, to_uint8, write_png
from srbench.system.files import write_atomically

SIDE = 224
"""T1's, in pixels."""


def squash(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize to a size without keeping the proportions: Pillow's bilinear, widened where it shrinks.

    That is what ``torchvision.transforms.Resize`` does with a Pillow image, to the bit. It is not srbench's own
    ``imresize``, which differs from it at the border and in rounding.

    Args:
        image: uint8 (H, W) or (H, W, 3).
        size: (height, width) in pixels.
    """
    resized = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR), dtype=np.uint8)
    return np.ascontiguousarray(resized)


def squash_pairs(specs: Sequence[str], manifest: Path, size: tuple[int, int] = (SIDE, SIDE)) -> None:
    """Write the squashed images of data sets of pairs, and a manifest in which each data set is a split.

    The manifest names the photographs that the images were made from, where srbench knows them. So it still refuses to
    train on those of test sets, unless the recipe says ``on_test_images``.

    Args:
        specs: the data sets, as on the command line; a folder's split is ``test``.
        manifest: the TOML file to write. The images are written to the folder of the same name without the suffix.
        size: (height, width) in pixels.

    Raises:
        DataError: the manifest's name or the size is wrong, a data set has no LR, two are one split or come from two
            data sets, or an image cannot be had.
    """
    if manifest.suffix != ".toml" or min(size) < 1:
        raise DataError(f"Not {manifest} of {size[1]}x{size[0]} pixels: name a file NAME.toml, and a size from 1 on.")
    datasets = [resolve(spec) for spec in specs]
    splits = {dataset.split or "test": dataset for dataset in datasets}
    if len(splits) < len(datasets):
        raise DataError(f"Two of {', '.join(specs)} are the same split: squash them to two manifests.")
    sources = {item.main.crop_of.dataset.spec for dataset in datasets for item in dataset.items if item.main.crop_of}
    if len(sources) > 1:
        raise DataError(
            f"The images were cut from those of {', '.join(sorted(sources))}: squash them to two manifests."
        )
    about: dict[str, Any] = {
        "title": f"{', '.join(specs)}, squashed to {size[1]}x{size[0]}",
        "kind": "pairs",
        "role": "splits",
        "default_split": "test" if "test" in splits else next(iter(splits)),
        "licence": datasets[0].licence or "as the images that they were made from",
        "base_url": manifest.stem,
    }
    if sources:
        about["crop_of"] = sources.pop()
    lines = [f"{key} = {_toml(value)}" for key, value in about.items()]
    for split, dataset in splits.items():
        entries = _squashed(dataset, manifest.with_suffix(""), split, size)
        lines += ["", f"[splits.{split}]", "scale = 1", "images = [", *(f"  {_toml(entry)}," for entry in entries), "]"]
    write_atomically(manifest, "\n".join(lines) + "\n")


def _squashed(dataset: Dataset, folder: Path, split: str, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Write a split's images; their entries in the manifest."""
    entries = []
    for item, sample in zip(dataset.items, read_samples(dataset), strict=True):
        if sample.lr is None:
            raise DataError(f"'{dataset.spec}' has no LR: give a data set of pairs, or hr=DIR,lr=DIR.")
        files = []
        for side, pixels in (("hr", sample.hr), ("lr", sample.lr)):
            image = squash(to_uint8(pixels), size)
            path = f"{split}/{side}/{sample.name}.png"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_png(folder / path, image)
            files.append({"path": path, "width": size[1], "height": size[0], "pixels_sha256": pixels_sha256(image)})
        source = {"source": item.main.crop_of.image} if item.main.crop_of else {}
        entries.append({"name": sample.name, **source, **files[0], "lr": files[1]})
    return entries


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m srbench_plugin_tutorials.squash",
        description="Squash the images of data sets of pairs to one size.",
    )
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="such as bsd100-pairs:test or hr=DIR,lr=DIR")
    parser.add_argument("--out", type=Path, default=Path(f"bsd100-{SIDE}.toml"), help="the manifest to write")
    parser.add_argument("--side", type=int, default=SIDE, help="height and width in pixels")
    options = parser.parse_args()
    try:
        squash_pairs(options.datasets, options.out, (options.side, options.side))
    except SrbenchError as error:
        sys.exit(str(error))
    print(options.out)


if __name__ == "__main__":
    main()
