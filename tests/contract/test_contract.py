"""Every registered method keeps the contract."""

from __future__ import annotations

import pytest

from srbench.plugins.registry import Registry
from srbench.testing import CHECKS, Check

REGISTRY = Registry()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", REGISTRY.method_names)
def test_contract(name: str, check: Check) -> None:
    check(REGISTRY.method(name))
