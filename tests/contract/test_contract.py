"""Every registered method keeps the contract."""

from __future__ import annotations

import pytest

from srbench.plugins.registry import Registry
from srbench.testing import CHECKS, Check

REGISTRY = Registry()
ENSEMBLES = ("bicubic+", "dcci+", "fsrcnn+", "srcnn-y+", "autoencoder+")
"""Of each kind: any channels, luma and RGB; LR and the enlarged image; with a halo and without."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [*REGISTRY.method_names, *ENSEMBLES])
def test_contract(name: str, check: Check) -> None:
    check(REGISTRY.method(name))
