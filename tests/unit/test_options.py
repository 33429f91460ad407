"""Options, as command line and config file give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from srbench.bench.options import Options
from srbench.cli.options import _as_given
from srbench.errors import UsageError


def test_fractions_in_a_config_file_may_be_whole_numbers() -> None:
    for value in (30, 0.5):
        assert _as_given(Path("c.toml"), "cell-timeout", value, 0.0) == value
    for wrong in ("30 s", True, [1, 2]):
        with pytest.raises(UsageError, match="cell-timeout cannot be"):
            _as_given(Path("c.toml"), "cell-timeout", wrong, 0.0)


def test_limits_need_a_worker() -> None:
    out = Path("runs")
    assert Options(out=out).workers == 0
    assert Options(out=out, cell_timeout=1.0).workers == 1
    assert Options(out=out, cell_memory=1.0).workers == 1
    assert Options(out=out, jobs=3, cell_timeout=1.0).workers == 3
