"""NIQE and BRISQUE of real pictures against published figures."""

from __future__ import annotations

import csv
import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from srbench.data.fetch.networks import find
from srbench.metrics.brisque import brisque, read_brisque_model, read_range
from srbench.metrics.niqe import CONVENTIONS, PARAMETERS, niqe, niqe_of_plane, read_niqe_model
from srbench.metrics.scene_statistics import luma_plane, normalised

MODEL = read_niqe_model(find((PARAMETERS,), "niqe")[PARAMETERS])
CALIBRATION = ("I03", "I04", "I06", "I08", "I19")


@pytest.fixture(scope="module")
def images() -> Path:
    folder = Path(os.environ.get("SRBENCH_MIRROR", ""))
    if not (folder / "metric_calibration").is_dir():
        pytest.skip("needs the calibration images: SRBENCH_MIRROR names no folder with metric_calibration")
    return folder


def read(path: Path) -> NDArray[np.uint8]:
    return np.array(Image.open(path).convert("RGB"))


def official(images: Path, metric: str) -> dict[str, float]:
    with (images / "metric_calibration" / "official.csv").open() as file:
        rows = {row[0]: row[1:] for row in csv.reader(file)}
    return dict(zip(CALIBRATION, map(float, rows[metric]), strict=True))


@pytest.mark.parametrize("name", CALIBRATION)
def test_niqe_is_the_official_one(images: Path, name: str) -> None:
    image = read(images / "metric_calibration" / "dist" / f"{name}.png")
    near = 1e-9 if name in ("I04", "I06", "I08") else 1e-5  # which taps MATLAB had was fitted to the other two
    assert niqe(image, MODEL) == pytest.approx(official(images, "niqe")[name], rel=near)


@pytest.mark.parametrize("name", CALIBRATION)
def test_brisque_is_the_official_one(images: Path, name: str) -> None:
    """It was fitted to nothing: the arithmetic that gives NIQE's figures gives BRISQUE's too."""
    folder = images / "metric_parameters"
    model, limits = read_brisque_model(folder / "brisque_allmodel"), read_range(folder / "brisque_allrange")
    image = read(images / "metric_calibration" / "dist" / f"{name}.png")
    assert brisque(image, model, limits) == pytest.approx(official(images, "brisque")[name], rel=1e-4)


BABOON = {"y": 5.729574, "gray": 5.731544, "blue": 5.625248, "blue crop 6": 5.829804, "y crop 6": 6.100750}
"""The first is MATLAB's (BasicSR's test, 5.72957388), the others agree with mmagic's tests to their five decimals."""


def test_another_library_of_figures(images: Path) -> None:
    """BasicSR's and mmagic's tests on their picture, whose programs have zeros in flat areas."""
    image = read(images / "metric_calibration" / "baboon.png")
    planes = {
        "y": luma_plane(image, "y"),
        "gray": cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float),
        "blue": image[..., 2].astype(float),
    }
    for name, expected in BABOON.items():
        plane = planes[name.split()[0]]
        plane = plane[6:-6, 6:-6] if "crop" in name else plane
        found = niqe_of_plane(plane, MODEL, partial(normalised, flat="zero"))
        assert found == pytest.approx(expected, rel=1e-6), name
    assert niqe(image, MODEL, CONVENTIONS["niqe-y"]) == pytest.approx(5.72957388, rel=1e-6)


def test_the_tables_since_2023(images: Path) -> None:
    """The figures that a public method's authors logged with pyiqa, on a GPU."""
    far = []
    for kind in ("realsr", "drealsr"):
        with (images / "real_crops" / f"{kind}_osediff_metrics.csv").open() as file:
            for row in csv.DictReader(file):
                image = read(images / "real_crops" / kind / "sr_osediff" / f"{row['image']}.png")
                found = niqe(image, MODEL, CONVENTIONS["niqe-pyiqa"])
                far.append(abs(found / float(row["niqe"]) - 1))
    assert len(far) == 23
    assert sum(error < 1e-4 for error in far) >= 21
    assert float(np.median(far)) < 2e-7  # the six decimals that were logged
    # the gray of half a per mille of the pixels is decided by the last bit of float32


def test_pirms_convention(images: Path) -> None:
    """Worked out for this project with independent code."""
    expected = dict(zip(CALIBRATION, (15.3286, 4.6762, 4.1177, 3.4046, 11.3271), strict=True))
    for name, value in expected.items():
        image = read(images / "metric_calibration" / "dist" / f"{name}.png")
        assert niqe(image, MODEL, CONVENTIONS["niqe-pirm"]) == pytest.approx(value, abs=6e-5)
