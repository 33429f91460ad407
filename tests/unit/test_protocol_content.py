"""Protocols from their content, which may be anybody's: built-in ones come back, and nothing that none may have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from srbench.errors import DataError
from srbench.protocols.builtin import PROTOCOLS, get_protocol
from srbench.protocols.content import forged_name, protocol_of

STEPS: list[dict[str, Any]] = [{"step": "resize", "kernel": "bicubic", "antialias": True, "border": "symmetric"}]
BLUR: dict[str, Any] = {
    "step": "blur",
    "size": 0,
    "sigma": [0.0, 0.0],
    "angle": 0.0,
    "kernel": [],
    "border": "replicate",
    "rounded": True,
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_built_in_protocols_come_back(name: str) -> None:
    known = PROTOCOLS[name]
    found = protocol_of(name, json.loads(json.dumps(known.content())))
    assert (found.hash, found.steps, found.describe()) == (known.hash, known.steps, known.describe())
    assert forged_name(name, known.hash) == ""
    assert name == "classic" or forged_name(name, "00000000")


WRONG: dict[str, dict[str, Any]] = {
    "a negative shave": {"shave_extra": -3},
    "a negative shave for each pixel of scale": {"shave_per_scale": -1},
    "an endless shave": {"shave_extra": 10**30},
    "a range that falls": {"degraded": "y", "enlarged_range": [235.0, 16.0]},
    "a later field": {"surprise": 1},
    "a wrong choice": {"scored": "ycbcr"},
    "text for a number": {"shave_extra": "0"},
    "a number for text": {"border": 1},
    "a scale of nothing": {"scales": [0]},
    "no step": {"degradation": [1]},
    "an unknown step": {"degradation": [{"step": "swirl"}]},
    "steps that leave LR as large as HR": {"degradation": [BLUR | {"size": 3, "sigma": [1.0, 1.0]}]},
    "a kernel without end": {"degradation": [*STEPS, BLUR | {"kernel": [[0.0] * 300] * 300}]},
    "a ragged kernel": {"degradation": [*STEPS, BLUR | {"kernel": [[0.5], [0.25, 0.25]]}]},
    "a negative offset": {"degradation": [{"step": "subsample", "offset": -1}]},
}


def test_a_kernel_comes_back() -> None:
    kernel = [[0.0, 0.25, 0.0], [0.0, 0.5, 0.0], [0.0, 0.25, 0.0]]
    steps = [*STEPS, BLUR | {"kernel": kernel}]
    content = json.loads(json.dumps(get_protocol("edsr").content() | {"degradation": steps}))
    assert json.loads(json.dumps(protocol_of("own", content).content())) == content


@pytest.mark.parametrize("name", WRONG)
def test_what_no_protocol_may_have(name: str) -> None:
    content = json.loads(json.dumps(get_protocol("edsr").content() | WRONG[name]))
    with pytest.raises(DataError) as raised:
        protocol_of("own", content)
    assert str(raised.value).isprintable()
