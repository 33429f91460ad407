"""Keep the claim of a run for srbench's own board: its bundle, and the verification that marks its rows.

    srbench run --methods bicubic,dcci,srcnn-y,srcnn-y-955,fsrcnn --datasets set5 --metrics psnr,ssim \
        --train never --no-speed --no-report
    python tools/board.py set5 [RUN]

Writes results/reference/board/NAME.srb.zip without SR images, verified by running its methods again. The documentation
shows the board of all that lie there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "results" / "reference" / "board"


def main() -> None:
    """Make the bundle and verify it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="what the file is called")
    parser.add_argument("run", nargs="?", help="a run by path or id (default: the newest)")
    given = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    bundle = FOLDER / f"{given.name}.srb.zip"
    run = [given.run] if given.run else []
    _srbench("bundle", *run, str(bundle), "--sr", "none", "--overwrite")
    verified = _srbench("verify", str(bundle), "--json", "--depth", "reproduced")
    bundle.with_name(f"{bundle.name}.json").write_text(verified, encoding="utf-8")


def _srbench(*words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "srbench", *words], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main()
