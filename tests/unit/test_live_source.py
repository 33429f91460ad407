"""Hashes of classes of a notebook: they change with all that the class does, and with nothing else."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from srbench.plugins.notebook_source import class_source

CELL = """
import functools
import math
import torch
import numpy as np
from torch.nn.functional import pad

AMOUNT = 0.3
TAPS = np.array([1.0, 2.0, 1.0])
WEIGHTS = torch.ones(3)
NETWORK = torch.nn.Linear(1, 1)
torch.nn.init.ones_(NETWORK.weight)
torch.nn.init.zeros_(NETWORK.bias)
DEVICE = torch.device("cpu")
KINDS = {"a", "b", "c"}

def unrelated():
    return 1

def inner(x):
    return x * AMOUNT

@functools.lru_cache
def table(n):
    return [math.sqrt(i) for i in range(n)]

class Base:
    def twice(self, x):
        return 2 * x

def factory(gain):
    class Sharp(Base):
        kind = "sharp"

        def upscale(self, x, scale: int = 2):
            '''A docstring.'''
            more = [inner(x) for _ in range(3)]
            return sum(more) * gain + TAPS.sum() + WEIGHTS.sum() + NETWORK(x).to(DEVICE) + len(KINDS) + table(3)[0]

        @property
        def name(self):
            return self.kind

        @staticmethod
        def padded(x):
            return pad(x, (1, 1)) if isinstance(x, torch.Tensor) else x

    return Sharp

Sharp = factory(1.5)
"""


def hash_of(source: str, name: str = "Sharp") -> str:
    """Of a class of a session in which a cell was executed."""
    session = ModuleType("session_of_a_test")
    sys.modules[session.__name__] = session
    try:
        exec(compile(source, f"<cell {id(session)}>", "exec"), vars(session))
        return class_source(vars(session)[name])[0]
    finally:
        del sys.modules[session.__name__]


def test_the_same_code_has_the_same_hash_wherever_it_stands() -> None:
    first = hash_of(CELL)
    assert hash_of(CELL) == first
    assert hash_of("\n\n# a comment\n" + CELL) == first
    assert hash_of(CELL.replace("return 1\n", "return 2\n")) == first  # of what it does not use


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* gain +", "+ gain *"),
        ("AMOUNT = 0.3", "AMOUNT = 0.4"),
        ("x * AMOUNT", "x / AMOUNT"),
        ("2 * x", "3 * x"),
        ("factory(1.5)", "factory(1.6)"),
        ("scale: int = 2", "scale: int = 3"),
        ("[1.0, 2.0, 1.0]", "[1.0, 3.0, 1.0]"),
        ("torch.ones(3)", "torch.ones(4)"),
        ("ones_(NETWORK.weight)", "zeros_(NETWORK.weight)"),
        ("math.sqrt", "math.exp"),
        ("range(3)]", "range(4)]"),
        ('"sharp"', '"dull"'),
        ("return self.kind", "return 'kind'"),
        ("(1, 1)", "(2, 2)"),
        ('{"a", "b", "c"}', '{"a", "b", "d"}'),
        ("import pad", "import softmax as pad"),
    ],
)
def test_whatever_it_does_changes_its_hash(old: str, new: str) -> None:
    assert old in CELL
    assert hash_of(CELL.replace(old, new, 1)) != hash_of(CELL)


def test_what_cannot_be_followed_is_never_taken_for_known(tmp_path: Path) -> None:
    uses_a_file = CELL.replace("AMOUNT = 0.3", f"AMOUNT = open({str(tmp_path / 'log')!r}, 'w')")
    assert hash_of(uses_a_file) != hash_of(uses_a_file)


def test_what_cannot_even_be_looked_at_does_not_end_a_run() -> None:
    refuses = "class Refuses:\n    def __getattr__(self, name):\n        raise OSError\n\nAMOUNT = Refuses()"
    assert len(hash_of(CELL.replace("AMOUNT = 0.3", refuses))) == 64
    endless = "AMOUNT = []\nfor _ in range(5000):\n    AMOUNT = [AMOUNT]"
    assert len(hash_of(CELL.replace("AMOUNT = 0.3", endless))) == 64


def test_a_file_of_the_user_s_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "my_own_filters.py"
    cell = CELL.replace("import math", "import math, my_own_filters").replace("x * AMOUNT", "my_own_filters.blur(x)")
    hashes = []
    for content in ("def blur(x):\n    return x\n", "def blur(x):\n    return x + 1\n"):
        file.write_text(content)
        sys.modules.pop(file.stem, None)
        hashes.append(hash_of(cell))
    sys.modules.pop(file.stem, None)
    assert hashes[0] != hashes[1]
