"""Write the pictures of the how-to pages: ``python tools/pictures.py RUN``, the run of ``tools/readme.py``.

All are of the embedded photographs, which are free. Terminal sessions are real: the commands are run here.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from safetensors.torch import load_file

from srbench.bench.store import read_run
from srbench.imaging.files import read_image
from srbench.imaging.resize import round_half_up
from srbench.proof.badge import drawn_badge
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.degradations import degrade
from srbench.report.plots.every_plot import figures
from srbench.report.plots.figures import render

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PLOTS = {"psnr-latency-embedded-x2": "quality-speed", "psnr-embedded-x4": "dots", "psnr-scatter-embedded-x2": "scatter"}
DEGRADED = {"vdsr": "bicubic", "bd": "bd: blur, every third pixel", "dn": "dn: bicubic, noise"}
NETWORK = """from torch import nn

from srbench.methods.fsrcnn import FsrcnnNetwork


class Net(nn.Module):
    def __init__(self, scale):
        super().__init__()
        self.body = FsrcnnNetwork(scale)

    def forward(self, x):
        return self.body(x)
"""
"""The reader's network, which is trained: FSRCNN with srbench's weights."""
OPTIONS = """name: test_net_x2
scale: 2
network_g:
  type: Net
  scale: 2
path:
  pretrain_network_g: net_x2.pth
"""
SESSIONS = {
    "network": "srbench run --methods 'bicubic,torch:net.py:Net?weights=net_x2.pth&scale=2' --scales 2",
    "options": "srbench run --methods 'bicubic,basicsr:test_net_x2.yml' --plugin net.py --scales 2 --protocol basicsr",
    "score": "srbench score sr --hr photos --scale 2 --metrics psnr,ssim",
    "exported": "srbench run --methods bicubic,fsrcnn,onnx:fsrcnn_x2.onnx --scales 2 --no-speed",
    "data": "srbench data add holiday photos --title 'My photographs' --licence mine && "
    "srbench run --methods bicubic --datasets holiday --scales 2",
    "jobs": "srbench run --methods bicubic,dcci --scales 2 --out shared/runs",
    "ray": "srbench run --engine ray --methods bicubic,dcci --scales 2 --no-speed",
}
"""What the how-to pages have their readers do, in a folder that has what they take for granted."""
BEFORE = {
    "exported": ["srbench export fsrcnn --scale 2"],
    "jobs": [f"srbench run --methods {name} --scales 2 --out shared/runs" for name in ("bicubic", "dcci")],
}
SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs>{lines}<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath></defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g></svg>
"""
"""rich's own, without the font that it would fetch."""


def plots(folder: Path) -> None:
    """Plots of the run's report."""
    run = read_run(folder)
    for name, figure in figures(run, (), ""):
        if name in PLOTS:
            (IMAGES / f"{PLOTS[name]}.png").write_bytes(dict(render(figure, 160))["png"])


def kept(folder: Path, name: str) -> np.ndarray:
    """HR of an image at x3, as the run kept it."""
    run = read_run(folder)
    return read_image(run.folder.hr_path(run.record.datasets[0].content_hash, 3, name))


def degraded(folder: Path) -> None:
    """HR and LR of three protocols at x3, each pixel of LR as large as in HR."""
    hr = kept(folder, "chelsea")
    panes = {"HR": hr[60:210, 90:315]}
    for name, words in DEGRADED.items():
        size = (hr.shape[0] // 3, hr.shape[1] // 3)
        lr = round_half_up(degrade(hr.astype(np.float64), PROTOCOLS[name].steps, size)).clip(0, 255).astype(np.uint8)
        panes[words] = lr.repeat(3, 0).repeat(3, 1)[60:210, 90:315]
    beside(panes).save(IMAGES / "degraded.webp", quality=92, method=6)


def beside(panes: Mapping[str, np.ndarray]) -> Image.Image:
    """Images of one size next to each other under their names."""
    height, width = next(iter(panes.values())).shape[:2]
    sheet = Image.new("RGB", ((width + 6) * len(panes) - 6, height + 22), "white")
    for index, (words, pane) in enumerate(panes.items()):
        sheet.paste(Image.fromarray(pane), (index * (width + 6), 22))
        font = ImageFont.load_default(12)
        ImageDraw.Draw(sheet).text((index * (width + 6) + 2, 4), words, fill="#222222", font=font)
    return sheet


def compared(folder: Path) -> None:
    """``srbench upscale --compare`` of a photograph."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place) / "coffee.png"
        Image.fromarray(kept(folder, "coffee")).save(source)
        command = ["upscale", str(source), str(Path(place) / "x3.png"), "--scale", "3", "--compare"]
        subprocess.run([sys.executable, "-m", "srbench", *command], check=True)
        sheet = Image.open(Path(place) / "x3.compare.png").convert("RGB")
        sheet.thumbnail((1000, 1000), Image.Resampling.LANCZOS)
        sheet.save(IMAGES / "compare.webp", quality=90, method=6)


def shell(command: str, cwd: Path) -> str:
    """Run a command as on a terminal of 80 columns, with results and messages in their order."""
    env = {**os.environ, "COLUMNS": "80", "FORCE_COLOR": "1", "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1"}
    env["SRBENCH_DATASETS"] = str(cwd / "datasets")
    words = ["bash", "-c", command]
    into = subprocess.PIPE
    return subprocess.run(words, cwd=cwd, env=env, stdout=into, stderr=subprocess.STDOUT, check=False).stdout.decode()


def left(printed: str) -> str:
    """What is left on a terminal of what was printed, once bars have erased themselves."""
    lines = [""]
    for part in re.split(r"(\n|\x1b\[1A|\r?\x1b\[2K|\x1b\[\?25[hl])", printed):
        if part == "\n":
            lines.append("")
        elif part == "\x1b[1A":
            lines.pop()
        elif part.endswith("\x1b[2K"):
            lines[-1] = ""
        elif not part.startswith("\x1b[?25"):
            lines[-1] += part
    return "\n".join(lines)


def terminal(name: str, command: str, cwd: Path) -> None:
    """What a command prints on a terminal of 80 columns."""
    printed = left(shell(command, cwd)).replace(f"{cwd}/", "")
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(Text.assemble(("$ ", "bold green"), command))
    console.print(Text.from_ansi(printed.rstrip()))
    svg = console.export_svg(title=command.split(" && ")[-1], theme=MONOKAI, code_format=SVG, unique_id=name)
    (IMAGES / f"{name}.svg").write_text(svg, "utf-8")


def terminals(folder: Path) -> None:
    """A check that fails."""
    with tempfile.TemporaryDirectory() as place:
        cwd = Path(place)
        run = folder.resolve()
        checked = f"srbench check {run} --write baseline.csv"
        subprocess.run(["bash", "-c", checked], cwd=cwd, check=True, capture_output=True)
        base = (cwd / "baseline.csv").read_text("utf-8").splitlines()
        worse = [line.replace(",29.9", ",30.1", 1) if line.startswith("srcnn-y") else line for line in base]
        (cwd / "baseline.csv").write_text("\n".join(worse) + "\n", "utf-8")
        (cwd / "results" / "runs").mkdir(parents=True)
        (cwd / "results" / "runs" / run.name).symlink_to(run)
        terminal("check", "srbench check --reference baseline.csv", cwd)


def sessions(folder: Path) -> None:
    """What readers of the how-to pages see: a network, options, SR images, a graph, a data set, jobs, Ray."""
    with tempfile.TemporaryDirectory() as place:
        cwd = Path(place)
        (cwd / "net.py").write_text(NETWORK, "utf-8")
        (cwd / "test_net_x2.yml").write_text(OPTIONS, "utf-8")
        shell("srbench export fsrcnn --scale 2 --format safetensors", cwd)
        weights = load_file(cwd / "fsrcnn_x2.safetensors")
        torch.save({f"body.{name}": tensor for name, tensor in weights.items()}, cwd / "net_x2.pth")
        shutil.copytree(folder / "images" / "embedded" / "x2" / "hr", cwd / "photos")
        shutil.copytree(folder / "images" / "embedded" / "x2" / "fsrcnn", cwd / "sr")
        for name, command in SESSIONS.items():
            shutil.rmtree(cwd / "results", ignore_errors=True)
            for before in BEFORE.get(name, ()):
                shell(before, cwd)
            terminal(name, command, cwd)


def main(folder: str) -> None:
    """Write all of them."""
    (IMAGES / "verified.svg").write_text(drawn_badge("srbench", "reproduced srb:0565c347a7157d5c"), "utf-8")
    plots(Path(folder))
    degraded(Path(folder))
    compared(Path(folder))
    terminals(Path(folder))
    sessions(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
