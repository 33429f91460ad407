"""Metrics of other libraries by name: ``piq:vif_p``, ``torchmetrics:universal_image_quality_index``, ``pyiqa:musiq``.

Each compares two RGB images in [0, 1]. Of piq and torchmetrics only the functions listed here are supported: they do
not declare the direction of their metrics, and some functions do not compare two images, download unchecked weights, or
give NaN on black pixels. pyiqa does declare it: :mod:`srbench.metrics.pyiqa_library`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from srbench.metrics import pyiqa_library
from srbench.metrics.foreign import ERRORS, rejected
from srbench.metrics.metric import Metric, Pair
from srbench.system.names import unknown


@dataclass(frozen=True, slots=True)
class Foreign:
    """A function of another library.

    Attributes:
        higher_is_better: the direction.
        peak: the value of white.
        options: further arguments.
    """

    higher_is_better: bool = True
    peak: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


_UNIT_RANGE = {"data_range": 1.0}
LIBRARIES: dict[str, tuple[str, dict[str, Foreign]]] = {
    "piq": (
        "piq",
        {
            "dss": Foreign(),
            "fsim": Foreign(),
            "gmsd": Foreign(higher_is_better=False),
            "haarpsi": Foreign(),
            "information_weighted_ssim": Foreign(),
            "mdsi": Foreign(higher_is_better=False),
            "multi_scale_gmsd": Foreign(higher_is_better=False),
            "multi_scale_ssim": Foreign(),
            "psnr": Foreign(),
            "srsim": Foreign(),
            "ssim": Foreign(),
            "vif_p": Foreign(),
            "vsi": Foreign(),
        },
    ),
    "torchmetrics": (
        "torchmetrics.functional.image",
        {
            "multiscale_structural_similarity_index_measure": Foreign(options=_UNIT_RANGE),
            "peak_signal_noise_ratio": Foreign(options=_UNIT_RANGE),
            "relative_average_spectral_error": Foreign(higher_is_better=False),
            "root_mean_squared_error_using_sliding_window": Foreign(higher_is_better=False),
            "spatial_correlation_coefficient": Foreign(),
            "structural_similarity_index_measure": Foreign(options=_UNIT_RANGE),
            "universal_image_quality_index": Foreign(),
            "visual_information_fidelity": Foreign(peak=255.0),  # its noise variance of 2 assumes 0..255
        },
    ),
}
"""Module and functions by the prefix before the colon."""


def bridged(name: str) -> Metric:
    """A metric by ``library:function``; the library is imported when the first pair is scored.

    Raises:
        UsageError: the library or the function is not known.
    """
    library, _, function = name.partition(":")
    if library == pyiqa_library.LIBRARY:
        return pyiqa_library.pyiqa_metric(function)
    if library not in LIBRARIES:
        raise unknown("library of metrics", library, [*LIBRARIES, pyiqa_library.LIBRARY])
    module, functions = LIBRARIES[library]
    if function not in functions:
        raise unknown(f"metric of {library} that srbench knows", function, functions)
    known = functions[function]
    compute = partial(_compute, module, function, known)
    return Metric(name, compute, known.higher_is_better, input="image", packages=(library,))


def _compute(module: str, name: str, known: Foreign, pair: Pair) -> float:
    from srbench.metrics.networks import score_pair

    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    try:
        return score_pair(lambda both: function(*(both * known.peak).chunk(2), **known.options), pair)
    except ERRORS as error:
        raise rejected(module.partition(".")[0], name, pair, error) from None


def libraries() -> dict[str, dict[str, Metric]]:
    """What can be named of each library, by its name; of pyiqa nothing where it is not installed."""
    names = {library: [*functions] for library, (_, functions) in LIBRARIES.items()}
    names[pyiqa_library.LIBRARY] = [*pyiqa_library.declared()]
    return {library: {name: bridged(f"{library}:{name}") for name in known} for library, known in names.items()}
