"""The method keeps srbench's contract, and its quality does not drop."""

import pytest
from srbench.testing import CHECKS, assert_psnr_at_least

from srbench_plugin_espcn import Espcn

FLOOR = 31.4
"""dB on srbench's embedded photographs at x2, where bicubic has 30.91: what `quick` reaches, less a little for what
differs between machines and between trainings."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check):
    """Odd sizes, batches, determinism, tiles: what srbench takes for granted."""
    check(Espcn)


def test_quality():
    """As `srbench run --methods espcn:quick --scales 2` measures it, training first."""
    assert_psnr_at_least("espcn:quick", FLOOR, dataset="embedded", scale=2)
