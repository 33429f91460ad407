"""What a cell takes its time for: reading and preparing an image, the network, and scoring.

    python -m benchmarks.cell

At x2, two sizes of image, one thread; medians of the processor's time. *alone*: the share of all that is not the
network. *after another method*: the same where the run has the image prepared already, for a method before this one.
The PNG of SR, which a run keeps of the first images of a data set, is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar

import numpy as np
import skimage.data
import torch

from benchmarks._timing import arguments, on_one_thread
from srbench.bench.options import DEFAULT_METRICS
from srbench.imaging.files import encode_png, read_image
from srbench.imaging.resize import imresize
from srbench.inference import resolve_device, super_resolve
from srbench.method import LearnedMethod
from srbench.metrics.scoring import Scoring
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import Case, prepare

METHODS = ("fsrcnn", "srcnn-y-955", "srcnn-rgb")
SIZES = ((480, 320), (2040, 1356))
SCALE = 2
STEPS = ("read", "prepare", "network", "score", "prepare again", "score again")

T = TypeVar("T")


class Stopwatch:
    """The processor's time of steps, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, step: str, run: Callable[[], T]) -> T:
        began = time.process_time()
        result = run()
        self.seconds.setdefault(step, []).append(time.process_time() - began)
        return result


def photograph(width: int, height: int) -> Any:
    """A photograph of a size, with noise, as those have that are not enlarged."""
    image = imresize(skimage.data.astronaut()[:340, :512].astype(np.float64), size=(height, width))
    noise = np.random.default_rng(0).normal(0, 3, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


def measure(name: str, protocol: str, size: tuple[int, int], repeats: int) -> dict[str, float]:
    """Milliseconds of each step, as ``compute_part`` goes through them."""
    registry = Registry()
    method = registry.method(name)()
    if isinstance(method, LearnedMethod):
        method.model = method.network(SCALE).eval().to(memory_format=torch.channels_last)
    scoring = Scoring(get_protocol(protocol), tuple(map(registry.metric, DEFAULT_METRICS)), {}, {})
    png, watch, info = encode_png(photograph(*size)), Stopwatch(), method.info

    def scored(case: Case, output: Any) -> None:
        sr = case.finish(info, output)
        scoring.score("image", case.pair(sr), (case.image(sr), case.hr), "cpu")

    for turn in range(repeats + 1):
        hr = watch("read", lambda: read_image(png, name="image"))
        case, planes = watch("prepare", lambda hr=hr: _prepared(scoring, hr, info))  # type: ignore[misc]
        output = watch(
            "network", lambda planes=planes: super_resolve(method, planes, SCALE, torch.device("cpu")).planes
        )  # type: ignore[misc]
        watch("score", lambda case=case, output=output: scored(case, output))  # type: ignore[misc]
        watch("prepare again", lambda case=case: case.method_input(info))  # type: ignore[misc]
        watch("score again", lambda case=case, output=output: scored(case, output))  # type: ignore[misc]
        if not turn:
            watch.seconds.clear()
    return {step: 1000 * median(seconds) for step, seconds in watch.seconds.items()}


def _prepared(scoring: Scoring, hr: Any, info: Any) -> tuple[Case, Any]:
    case = prepare(scoring.protocol, "image", hr, SCALE)
    return case, case.method_input(info)


def main() -> None:
    options = arguments(__doc__, repeats=20)
    on_one_thread()
    resolve_device("cpu", 1)
    rows = []
    for size in SIZES:
        for name in METHODS:
            for protocol in ("srcnn", "edsr"):
                small = size == SIZES[0]
                steps = measure(name, protocol, size, options.repeats if small else max(options.repeats // 10, 1))
                alone = steps["read"] + steps["prepare"] + steps["score"]
                again = steps["prepare again"] + steps["score again"]
                shares = [100 * other / (other + steps["network"]) for other in (alone, again)]
                rows.append({"size": f"{size[0]}x{size[1]}", "method": name, "protocol": protocol} | steps)
                rows[-1] |= {"alone": shares[0], "after another method": shares[1]}
                if not options.json:
                    times = ", ".join(f"{step} {steps[step]:.1f}" for step in STEPS)
                    print(
                        f"{size[0]}x{size[1]} {name}, {protocol}: {times} ms; "
                        f"not the network: alone {shares[0]:.0f} %, after another method {shares[1]:.0f} %",
                        flush=True,
                    )
    if options.json:
        import json

        print(json.dumps({"schema_version": 1, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
