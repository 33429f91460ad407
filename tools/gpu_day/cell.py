"""What share of a cell is not the network: the steps of one image of 2040x1356, timed one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

import srbench
from srbench.inference import run_method
from srbench.metrics.scoring import Scoring
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import Case, prepare
from srbench.speed.timing import clock_of, sample
from tools.gpu_day.budget import Unit

T = TypeVar("T")

METRICS = ("psnr", "ssim", "mse", "haarpsi")
REPEATS = 4
"""The first is not counted."""


def units(hr: NDArray[np.uint8], device: torch.device) -> Iterator[Unit]:
    """One for each network and scale."""
    for scale in (2, 3, 4):
        for name in ("fsrcnn", "srcnn-y-955", "srcnn-y"):
            yield f"cell-{name}-x{scale}", partial(shares, name, scale, hr, device)


def shares(name: str, scale: int, hr: NDArray[np.uint8], device: torch.device) -> dict[str, Any]:
    """Median milliseconds of each step, and the share of all that is not the network."""
    protocol = get_protocol("vdsr")
    model = srbench.load(name, scale, protocol="vdsr", device=str(device))
    registry = Registry()
    scoring = Scoring(protocol, tuple(map(registry.metric, METRICS)), dict.fromkeys(METRICS, ""), {})
    clock = clock_of(device)
    steps: dict[str, list[float]] = {}

    def timed(step: str, do: Callable[..., T], *arguments: Any) -> T:
        began = time.perf_counter()
        result = do(*arguments)
        steps.setdefault(step, []).append(1e3 * (time.perf_counter() - began))
        return result

    def score(case: Case, sr: NDArray[np.float64]) -> None:
        scoring.score("image", case.pair(sr), (case.image(sr), case.hr), str(device))

    for _ in range(REPEATS):
        case = timed("prepare", prepare, protocol, "image", hr, scale)
        planes = timed("input", case.method_input, model.info)
        output = timed("run", run_method, model.method, planes, scale, device)
        sr = timed("finish", case.finish, model.info, output)
        timed("score", score, case, sr)
    x = torch.from_numpy(planes)[None].to(device)
    with torch.inference_mode():
        network = median(sample(lambda: model.method.upscale(x, scale), clock, REPEATS)[1:])
    medians = {step: round(median(times[1:]), 3) for step, times in steps.items()}
    total = sum(medians.values())
    return {
        "size": [hr.shape[1], hr.shape[0]],
        "ms": medians,
        "network_ms": round(network, 3),
        "outside_network": round(max(total - network, 0.0) / total, 4),
    }
