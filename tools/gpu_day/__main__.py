"""Everything that is worth a quarter of an hour of a large GPU, as one call.

    python -m tools.gpu_day OUT [--device cuda] [--seconds 600] [--size full|tenth]

In the order of worth: whether the device gives the CPU's PSNR, records of `srbench speed`, the share of a cell that is
not the network, the training rate beside a plain script's, and shipped weights that are trained on for what time is
left. Each unit leaves a small JSON file in OUT; one that is there is not done again, so an interrupted call goes on.
``summary.json`` says what is done, what failed and what the time did not suffice for.

Nothing is downloaded. An image with PyTorch and the usual scientific packages (NumPy, SciPy, pandas, scikit-image,
OpenCV, Pillow) needs these as wheels, together under 15 MiB: pydantic and pydantic-core, typing-inspection,
annotated-types, typer, shellingham, rich, safetensors, platformdirs, filelock, requests; spandrel for the kinds
``spandrel:`` and ``torch:``, and h5py (5 MiB) for the training rate. onnx and onnxruntime, for ``onnx:``, have 35 MiB.
matplotlib, plotly, itables and Jinja2 are not imported. An image without SciPy (35 MiB), pandas (11), scikit-image (13)
and opencv-python-headless (50) cannot be made up for in 64 MiB. What is missing is an error of its units alone.
Trainings at full size read t91, general100 and bsds200 from SRBENCH_MIRROR or SRBENCH_DATA.

The files ``speed-*.json`` are records of `srbench speed`, for results/reference/speed/.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import skimage.data

from srbench.imaging.files import write_png
from srbench.inference import resolve_device
from tools.gpu_day import BEGAN, agreement, cell, speeds, training
from tools.gpu_day.budget import Budget


def main() -> None:
    """Parse the options and do the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--size", choices=("full", "tenth"), default="full", help="tenth: to test the tool on a CPU")
    options = parser.parse_args()
    budget = Budget(options.out, options.seconds, BEGAN)
    device = resolve_device(options.device)
    small = options.size == "tenth"
    photo = skimage.data.coffee()
    hr = cv2.resize(photo, (204, 136) if small else (2040, 1356), interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as folder:
        write_png(Path(folder) / "coffee.png", photo[100:196, 100:196])
        images, scales = (folder, (2,)) if small else ("embedded", (2, 3, 4))
        budget.part("agreement", agreement.units(images, options.device, scales), 0.25)
    budget.part("speed", speeds.units(("64", "32", "16") if small else ("2160p", "720p", "256"), device), 0.35)
    budget.part("cell", cell.units(hr, device), 0.05)
    budget.part("rate", training.rates(device, 1 if small else 5), 0.1)
    training.go_on(budget, options.device, small)


if __name__ == "__main__":
    main()
