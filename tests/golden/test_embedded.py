"""Our own baseline on the embedded photographs holds, everywhere and without a download."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
WORDS = ("--no-report", "--no-speed", "--jobs", "0", "--json")


def test_methods_that_need_no_training_give_the_baseline(cli: Cli) -> None:
    run = cli("run", "--methods", "nearest,bilinear,bicubic*,lanczos,dcci*,gradient-prior", *WORDS)
    assert run.returncode == 0, run.stderr
    rows = json.loads(run.stdout)["results"]
    names = {"nearest", "bilinear", "bicubic", "lanczos", "dcci", "dcci-ibp", "gradient-prior"}
    assert {row["method"] for row in rows} >= names
    assert {row["n"] for row in rows} == {5}
    check = cli("check")
    assert check.returncode == 0, check.stdout
    assert f"all {len(rows)} values as expected" in check.stdout
