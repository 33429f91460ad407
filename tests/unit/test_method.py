"""What a method may declare about itself."""

from __future__ import annotations

from typing import Any

import pytest

from srbench.method import MethodInfo

GOOD: dict[str, Any] = {"name": "good-1", "family": "edge", "channels": "y", "input": "lr"}


def test_a_good_description() -> None:
    info = MethodInfo(**GOOD)
    assert info.scales == {2, 3, 4}
    assert info.halo is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Bad:Name,x"),
        ("name", ""),
        ("family", "weird"),
        ("channels", "all"),
        ("input", "hr"),
        ("scales", [2, 3]),
        ("scales", frozenset({0})),
        ("scales", frozenset({2.0})),
        ("halo", -1),
        ("halo", 1.5),
    ],
)
def test_what_the_harness_would_misread_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field if field != "name" else "name is"):
        MethodInfo(**{**GOOD, field: value})
