"""Processes for code from outside: they end with the program, however many there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PLUGIN = """
from srbench.method import Method, MethodInfo

class Mine(Method):
    info = MethodInfo(name="mine-{number}", family="interpolation", channels="any", input="upsampled", halo=0)

    def upscale(self, x, scale):
        return x
"""
PROGRAM = """
import sys
from pathlib import Path
from srbench.plugins.registry import Registry

registry = Registry([Path(name) for name in sys.argv[1:]])
print(*(name for name in registry.method_names if name.startswith("mine")))
"""


def test_a_program_that_ends_ends_all_of_them(tmp_path: Path) -> None:
    names = []
    for number in range(3):
        (tmp_path / f"p{number}.py").write_text(PLUGIN.format(number=number))
        names.append(f"p{number}.py")
    command = [sys.executable, "-c", PROGRAM, *names]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.stdout.split() == ["mine-0", "mine-1", "mine-2"], result.stderr
    for process in Path("/proc").glob("[0-9]*"):
        try:
            assert (process / "cwd").readlink() != tmp_path
        except OSError:
            continue
