"""The metrics with networks: LPIPS, DISTS and the VGG feature distance, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from srbench.metrics.metric import Metric, Pair


def _lpips(net: str, least: int, pair: Pair) -> float:
    _require_size(f"LPIPS ({net})", least, pair)
    from srbench.metrics.deep import lpips_of

    return lpips_of(pair, net, f"lpips-{net}-heads")


def _dists(pair: Pair) -> float:
    _require_size("DISTS", 1, pair)
    from srbench.metrics.deep import dists_of

    return dists_of(pair, "dists-weights")


def _vgg(pair: Pair) -> float:
    _require_size("The VGG feature distance", 2, pair)
    from srbench.metrics.deep import feature_distance_of

    return feature_distance_of(pair)


def _require_size(what: str, least: int, pair: Pair) -> None:
    if pair.sr.shape != pair.target.shape:
        raise ValueError(f"SR is {pair.sr.shape} and the target is {pair.target.shape}: the shapes must be equal")
    height, width = pair.sr.shape[:2]
    if min(height, width) < least:
        raise ValueError(f"{what} needs at least {least}x{least} pixels, and the image is {width}x{height}")


def _metric(name: str, function: Callable[[Pair], float], *weights: str) -> Metric:
    return Metric(name, function, higher_is_better=False, input="image", weights=weights)


# smallest sizes at which the last layer of each network has a pixel
LPIPS_ALEX = _metric("lpips-alex", partial(_lpips, "alex", 31), "alexnet", "lpips-alex-heads")
LPIPS_VGG = _metric("lpips-vgg", partial(_lpips, "vgg", 16), "vgg16", "lpips-vgg-heads")
LPIPS_SQUEEZE = _metric("lpips-squeeze", partial(_lpips, "squeeze", 17), "squeezenet1_1", "lpips-squeeze-heads")
VGG = _metric("vgg", _vgg, "vgg16")
DISTS = _metric("dists", _dists, "vgg16", "dists-weights")
