"""For the tests of other people's packages: the contract that every method keeps, and a floor under its quality.

In a plugin's tests::

    import pytest
    from srbench.testing import CHECKS, assert_psnr_at_least
    from my_package import MyMethod

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check):
        check(MyMethod)

    def test_quality():
        assert_psnr_at_least(MyMethod, 31.2, dataset="embedded", scale=2)

Plain functions, and no plugin of pytest's: nothing is imported where srbench happens to be installed and is not tested.

Imported by plugins' tests.
"""

from __future__ import annotations

from srbench.testing.contract import CHECKS, Check
from srbench.testing.quality import Subject, assert_psnr_at_least, measure

__all__ = ["CHECKS", "Check", "Subject", "assert_psnr_at_least", "measure"]
