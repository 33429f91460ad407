"""Damaged files of every kind, each read or refused in one sentence; SRBENCH_FUZZ says how many."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.errors import SrbenchError
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare
from srbench.protocols.degradations import STEPS
from srbench.protocols.protocol import Protocol
from srbench.recipe import Recipe, read_recipe

ROOT = Path(__file__).resolve().parents[2]
INPUTS = os.environ.get("SRBENCH_FUZZ", "1050")
KINDS = 21

plain = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.skipif(os.name == "nt", reason="the watching of the process")
def test_damaged_files_are_read_or_refused() -> None:
    words = [sys.executable, "-m", "benchmarks.fuzz", "--inputs", INPUTS, "--json"]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    kinds = json.loads(result.stdout)["kinds"]
    assert sum(tally["inputs"] for tally in kinds.values()) == int(INPUTS)
    for name, tally in kinds.items():
        assert tally["accepted"] + tally["refused"] == tally["inputs"], name
        assert bool(tally["accepted"]) == (name != "GIF"), f"{name}: whole files have to be read"
    assert len(kinds) == KINDS
    assert {name for name, tally in kinds.items() if not tally["refused"]} == {"cell"}  # which counts as absent


def test_a_finding_is_told(tmp_path: Path) -> None:
    """What no reader does any more: raise, crash, hang or grow. The watching must notice each."""
    (tmp_path / "faulty.py").write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from benchmarks import _fuzz_readers as readers, fuzz\n"
        "def read(path):\n"
        "    number = int(path.read_bytes())\n"
        "    if number == 1: raise KeyError('x')\n"
        "    if number == 2: os.abort()\n"
        "    if number == 3: time.sleep(60)\n"
        "    if number == 4: keep = bytearray(os.urandom(1 << 20) * 600); time.sleep(60)\n"
        "readers.KINDS['faulty'] = readers.Kind(lambda: [b'%d' % n for n in range(6)], (), read, 'a')\n"
        "fuzz.SECONDS, fuzz.MEMORY = 0.5, 400 << 20\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(fuzz.main(['--inputs', '6', '--kinds', 'faulty', '--json']))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "faulty.py"]
    result = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 1, result.stderr
    tally = json.loads(result.stdout)["kinds"]["faulty"]
    assert tally["accepted"] == 2
    assert sorted(tally["findings"].values()) == [1, 1, 1, 1]
    assert {"exit code -6", "hangs", "more than 400 MiB"} < set(tally["findings"])


def as_toml(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


@settings(max_examples=150, deadline=None)
@given(table=st.dictionaries(st.sampled_from([*Protocol.__dataclass_fields__, "base"]), plain, max_size=3))
def test_protocols_of_any_values(table: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(as_toml(table))
    try:
        protocol = get_protocol(str(path))
    except SrbenchError as error:
        assert str(error).isprintable()
    else:
        assert len(protocol.hash) == 8
        assert protocol.describe()


numbers = (
    st.sampled_from([0.5, 2, 3, 9])
    | st.booleans()
    | st.integers(-2, 120)
    | st.floats()
    | st.lists(st.floats() | st.integers(0, 9), max_size=3)
)
FIELDS = sorted({"step", *(field.name for step in STEPS.values() for field in dataclasses.fields(step))})


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([*STEPS, "none"]), st.dictionaries(st.sampled_from(FIELDS), plain | numbers, max_size=3)
        ),
        max_size=3,
    )
)
def test_degradations_of_any_values(
    steps: list[tuple[str, dict[str, Any]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They are refused in one sentence, or run."""
    path = tmp_path_factory.getbasetemp() / "steps.toml"
    tables = [("resize", {}), *steps]
    path.write_text("".join("[[degradation]]\n" + as_toml({"step": name} | fields) for name, fields in tables))
    try:
        protocol = get_protocol(str(path))
    except SrbenchError as error:
        assert str(error).isprintable()
    else:
        assert len(protocol.hash) == 8
        assert protocol.describe()
        lr = prepare(protocol, "x", (np.arange(300) % 256).astype(np.uint8).reshape(12, 25), 2).input.lr
        assert lr.shape == (6, 12) and np.isfinite(lr).all()


@settings(max_examples=150, deadline=None)
@given(table=st.dictionaries(st.sampled_from(sorted(Recipe.model_fields)), plain, max_size=3))
def test_recipes_of_any_values(table: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(as_toml(table))
    try:
        recipe = read_recipe(path, {})
    except SrbenchError as error:
        assert str(error).isprintable()
    else:
        assert len(recipe.seeded(1).hash) == 12
