"""FID, the Fréchet Inception distance (Heusel et al., NeurIPS 2017), between the patches of all SR and all HR images.

As tables of SR papers have it since 2023 (StableSR, SeeSR, OSEDiff, by pyiqa): patches of 512x512, each resized to
299x299 as clean-fid does (Parmar, Zhang, Zhu, CVPR 2022), and the features that torch-fidelity's Inception gives, which
has the weights of the authors' TensorFlow network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srbench.metrics.metric import Metric, Pair

SIDE = 512
"""Of a patch, in pixels."""
WEIGHTS = "inception-fid"
MOST_KEPT = 16384
"""Patches of HR images whose features are kept for the next method: 128 MiB."""
_of_hr: dict[Any, NDArray[np.float32]] = {}


def patches(image: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The patches of 512x512 of an image, side by side from the top left; what is left at the end is not used.

    An image that is smaller in a direction is one patch in it, as it is.
    """
    height, width = image.shape[:2]
    for top in range(0, max(height - SIDE, 0) + 1, SIDE):
        for left in range(0, max(width - SIDE, 0) + 1, SIDE):
            yield image[top : top + SIDE, left : left + SIDE]


def frechet_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)) of the means and covariances of two samples.

    The trace of the root is the sum of the singular values of A B', where A'A = S_a and B'B = S_b: exact also with
    fewer samples than features, where the root itself is not.

    Args:
        a: (n, d) features.
        b: (m, d) features.

    Raises:
        ValueError: one has fewer than two rows.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("a Fréchet distance needs at least two samples on each side")
    samples = [np.asarray(sample, np.float64) for sample in (a, b)]
    means = [sample.mean(axis=0) for sample in samples]
    roots = [(sample - mean) / np.sqrt(len(sample) - 1) for sample, mean in zip(samples, means, strict=True)]
    variance = sum(float((root**2).sum()) for root in roots)
    roots = [np.linalg.qr(root, mode="r") if len(root) > root.shape[1] else root for root in roots]
    shared = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    return float(((means[0] - means[1]) ** 2).sum()) + variance - 2 * shared


def _features(pair: Pair) -> NDArray[np.float32]:
    """(2, patches, 2048): of SR, and of HR."""
    from srbench.metrics.inception import features_of

    if pair.sr.shape != pair.target.shape:
        raise ValueError(f"SR is {pair.sr.shape} and the target is {pair.target.shape}: the shapes must be equal")
    path = pair.weights[WEIGHTS]
    sr = features_of(list(patches(pair.sr)), path, pair.device)
    known = (pair.target.shape, sha256(pair.target.tobytes()).hexdigest(), path, pair.device)
    hr = _of_hr.pop(known, None)
    if hr is None:
        hr = features_of(list(patches(pair.target)), path, pair.device)
    _of_hr[known] = hr  # the last used last
    while sum(map(len, _of_hr.values())) > MOST_KEPT:
        del _of_hr[next(iter(_of_hr))]
    return np.stack([sr, hr])


def _of_set(parts: Sequence[NDArray[Any]]) -> float:
    sr, hr = np.concatenate(parts, axis=1)
    if len(sr) < 2:
        raise ValueError(f"FID needs at least two patches of {SIDE}x{SIDE}, and the set has {len(sr)}")
    return frechet_distance(sr, hr)


FID = Metric(
    "fid",
    _features,
    higher_is_better=False,
    digits=2,
    input="image",
    weights=(WEIGHTS,),
    packages=("torch-fidelity",),
    combine=_of_set,
)
