"""imresize against LR images that MATLAB made, pixel for pixel, for both of its borders.

The images are not part of the project: point ``SRBENCH_MIRROR`` at a folder that has, beside the data sets' HR images
``<set>/<name>.png``, MATLAB's ``matlab_lr/<kind>/<set>/x<scale>/<name>.png``.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from srbench.imaging.files import read_image
from srbench.imaging.resize import Border, imresize, mod_crop

MIRROR = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))
BORDERS: dict[str, Border] = {"replicate_selfexsr": "replicate", "symmetric_swinir": "symmetric"}
FOLDERS = sorted(MIRROR.glob("matlab_lr/*/*/x*"))


@pytest.mark.skipif(not FOLDERS, reason="SRBENCH_MIRROR is not set to a folder that has matlab_lr")
@pytest.mark.parametrize("folder", FOLDERS or [Path()], ids=lambda path: "-".join(path.parts[-3:]))
def test_lr_is_matlabs_bit_for_bit(folder: Path) -> None:
    kind, dataset, scale = folder.parts[-3:]
    images = sorted(folder.glob("*.png"))
    assert images
    for path in images:
        hr = mod_crop(read_image(MIRROR / dataset / path.name), int(scale[1:]))
        ours = imresize(hr, 1 / int(scale[1:]), border=BORDERS[kind])
        matlabs = read_image(path)
        if matlabs.ndim == 3 and hr.ndim == 2:  # a gray image stored as RGB
            assert np.ptp(matlabs, axis=2).max() == 0
            matlabs = matlabs[..., 0]
        assert np.count_nonzero(ours != matlabs) == 0, path.name
