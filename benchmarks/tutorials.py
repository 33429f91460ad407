"""The tutorial systems, scored as their authors did and by a protocol that can be compared.

Writes docs/explanation/tutorial-systems.md::

    python -m benchmarks.tutorials --pairs FOLDER

from the repository's root; FOLDER holds T4's train/ and val/ with low_res/ and high_res/ in each. Everything goes
through ``srbench run``: what is trained or scored already is taken from its cache, and what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from srbench.data.catalog import resolve
from srbench.data.images import read_samples
from srbench.imaging.files import to_uint8, write_png
from srbench.imaging.resize import imresize
from srbench.plugins.registry import Registry
from srbench.recipe import Recipe
from srbench.report.tables.grid import DASH
from srbench.training.job import plan_training
from srbench.weights import read_metadata

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "benchmarks" / "recipes"
PACKAGE = ROOT / "examples" / "srbench-plugin-tutorials" / "src"
METHODS = PACKAGE / "srbench_plugin_tutorials" / "methods.py"
WRONG_SSIM = ROOT / "benchmarks" / "wrong_ssim.py"
DOCUMENT = ROOT / "docs" / "explanation" / "tutorial-systems.md"
SCALES = (2, 3, 4)
SMALL = 128
"""Side of T3's images."""


@dataclass(frozen=True)
class System:
    """One system: what trains it here, what its authors said, and how they measured."""

    name: str
    method: str
    recipe: str
    train_scales: tuple[int, ...]
    claimed: str
    dataset: str
    scale: int
    protocol: str
    metric: str = "psnr"
    scales: tuple[int, ...] = SCALES
    """At which it is compared."""
    sets: tuple[str, ...] = ("set5", "set14")
    """On which it is compared."""
    beside: Literal["", "pairs", "squashed"] = ""
    """Which data its recipe names by a path relative to the working directory, if any."""

    @property
    def spec(self) -> str:
        """As ``--methods`` takes it."""
        return f"{self.method}:{RECIPES / self.recipe if self.recipe.endswith('.toml') else self.recipe}"

    @property
    def label(self) -> str:
        """As results are filed."""
        return f"{self.method}:{self.recipe.removesuffix('.toml')}"


PAIRS = "bsd100-pairs:test"
VALIDATION = "hr=./val/high_res,lr=./val/low_res"
SYSTEMS = (
    System(
        "T1 SRCNN",
        "tutorial-srcnn-rgb",
        "t1-mse",
        (1,),
        "28.40 dB, one image",
        "bsd100-224.toml:test",
        1,
        "paired-rgb",
        beside="squashed",
    ),
    System("T2 SRCNN", "tutorial-srcnn-rgb", "t2-short.toml", (2,), "25.25 dB, one image", PAIRS, 4, "paired-rgb"),
    System(
        "T2 FSRCNN",
        "tutorial-fsrcnn-rgb",
        "t2-short.toml",
        (4,),
        "25.25 dB, one image",
        PAIRS,
        4,
        "paired-rgb",
        scales=(4,),
    ),
    System(
        "T3 autoencoder",
        "autoencoder",
        "t3-short.toml",
        (2,),
        "SSIM .86, mean",
        "",
        2,
        "linear",
        metric="ssim-range-2",
        scales=(2,),
        sets=("set5",),
    ),
    System("T4 SRCNN", "tutorial-srcnn-y", "t4-sample.toml", (1,), "a curve", VALIDATION, 1, "paired", beside="pairs"),
)
INPUT = "bicubic"
"""The method that returns its input."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where the pairs, the runs and the images for T3 lie."""

    pairs: Path
    out: Path

    def folder(self, system: System) -> Path:
        """The working directory of a system's runs."""
        return {"": ROOT, "pairs": self.pairs, "squashed": self.out}[system.beside]

    def run(
        self, methods: Sequence[str], dataset: str, scales: Sequence[int], protocol: str, metrics: str, where: Path
    ) -> dict[tuple[str, str, int, str], Result]:
        """``srbench run``: each result by method label, data set, scale and metric."""
        words = ["--methods", ",".join(methods), "--datasets", dataset, "--protocol", protocol, "--metrics", metrics]
        words += ["--scales", ",".join(map(str, scales)), "--out", str(self.out)]
        words += ["--plugin", str(METHODS), "--plugin", str(WRONG_SSIM)]
        words += ["--device", "cpu", "--threads", "1", "--no-report", "--keep-images", "0", "--json"]
        done = subprocess.run([sys.executable, "-m", "srbench", "run", *words], cwd=where, stdout=subprocess.PIPE)
        if done.returncode:
            raise SystemExit(done.returncode)
        found: dict[tuple[str, str, int, str], Result] = {}
        for row in json.loads(done.stdout)["results"]:
            label = f"{row['method']}:{row['recipe']}" if row["recipe"] else row["method"]
            found[label, row["dataset"], row["scale"], row["metric"]] = row
        return found

    def squash(self) -> None:
        """T1's pairs, squashed, beside the runs."""
        self.out.mkdir(parents=True, exist_ok=True)
        words = [f"bsd100-pairs:{split}" for split in ("train", "validation", "test")]
        path = os.pathsep.join([str(PACKAGE), str(ROOT), os.environ.get("PYTHONPATH", "")])
        subprocess.run(
            [sys.executable, "-m", "srbench_plugin_tutorials.squash", *words],
            cwd=self.out,
            env={**os.environ, "PYTHONPATH": path},
            stdout=sys.stderr,
            check=True,
        )

    def small_images(self) -> str:
        """T3's images are 128x128 and not to be had: the middle squares of BSD100, made small."""
        folder = self.out / f"bsd100-{SMALL}"
        folder.mkdir(parents=True, exist_ok=True)
        for sample in read_samples(resolve("bsd100")):
            hr = to_uint8(sample.hr)
            side = min(hr.shape[:2])
            top, left = ((length - side) // 2 for length in hr.shape[:2])
            write_png(
                folder / f"{sample.name}.png", imresize(hr[top : top + side, left : left + side], size=(SMALL,) * 2)
            )
        return str(folder)

    def trainings(self, system: System) -> list[dict[str, Any]]:
        """What the weights of a system say of their training."""
        with contextlib.chdir(self.folder(system)):
            (choice,) = Registry([METHODS]).select([system.spec])
            recipe: Recipe = choice.card.recipes[choice.recipe]
            found = [plan_training(choice.card, recipe, scale, 0).find() for scale in system.train_scales]
        return [read_metadata(path) for path in found if path is not None]


def scored_as_they_did(bench: Bench, system: System) -> dict[str, Result]:
    """The figures of a system and of its input, by label and metric."""
    metrics = "psnr,ssim,ssim-range-1,ssim-range-2,ssim-range-255" if system.metric != "psnr" else "psnr"
    dataset = system.dataset or bench.small_images()
    methods = (system.spec, INPUT)
    rows = bench.run(methods, dataset, [system.scale], system.protocol, metrics, bench.folder(system))
    return {f"{label} {metric}": row for (label, _, _, metric), row in rows.items()}


def comparable(bench: Bench, system: System) -> str:
    """Set5 and Set14 under ``classic``, two cells of the table: each scale's PSNR, bicubic's in brackets."""
    rows = bench.run(
        (system.spec, INPUT), ",".join(system.sets), system.scales, "classic", "psnr", bench.folder(system)
    )
    cells = []
    for dataset in ("set5", "set14"):
        if dataset not in system.sets:
            cells.append(DASH)
            continue
        ours, theirs = (
            " · ".join(
                f"{rows[label, dataset, scale, 'psnr']['value']:.2f}" if scale in system.scales else DASH
                for scale in SCALES
            )
            for label in (system.label, INPUT)
        )
        cells.append(f"{ours} ({theirs})")
    return " | ".join(cells)


def figure(value: float, metric: str) -> str:
    return f"{value:.2f} dB" if metric == "psnr" else f"{value:.3f}".lstrip("0")


def table(bench: Bench, measured: dict[str, dict[str, Result]]) -> str:
    lines = [
        "| system | claimed | as they measured | their input, measured so | Set5, `classic`, x2 · x3 · x4 | Set14 |",
        "|---|---|---|---|---|---|",
    ]
    for system in SYSTEMS:
        rows = measured[system.name]
        ours, alone = (
            figure(rows[f"{label} {system.metric}"]["value"], system.metric) for label in (system.label, INPUT)
        )
        lines.append(f"| {system.name} | {system.claimed} | {ours} | {alone} | {comparable(bench, system)} |")
    return "\n".join(lines)


def trainings(bench: Bench) -> str:
    lines = [
        "| system | recipe | trained on | protocol | batches, of how many pixels | minutes | validation |",
        "|---|---|---|---|---:|---:|---|",
    ]
    for system in SYSTEMS:
        for training in bench.trainings(system):
            recipe = Recipe.model_validate(training["recipe"])
            scales = " ".join(f"x{scale}" for scale in training["scales"])
            data = ", ".join(recipe.train).replace("|", "\\|")
            amount = f"{training['steps']} of {recipe.batch} x {recipe.patch}x{recipe.patch}"
            lines.append(
                f"| {system.name} | `{system.label}` {scales} | {data} | `{recipe.protocol}` | {amount} "
                f"| {training['seconds'] / 60:.1f} | {training['validation_psnr']:.2f} dB |"
            )
    return "\n".join(lines)


def flaws(bench: Bench, measured: dict[str, dict[str, Result]]) -> dict[str, str]:
    """The figures that the text names, by the name that it has for them."""
    t1 = measured["T1 SRCNN"]
    single = [row["value"] for row in t1[f"{INPUT} psnr"]["per_image"]]
    better = sum(
        row["value"] > old for row, old in zip(t1[f"{SYSTEMS[0].label} psnr"]["per_image"], single, strict=True)
    )
    whole = measured["T2 SRCNN"][f"{INPUT} psnr"]["value"]
    classic = bench.run((INPUT,), "bsd100", [4], "classic", "psnr", ROOT)[INPUT, "bsd100", 4, "psnr"]["value"]
    t3 = measured["T3 autoencoder"]
    label = SYSTEMS[3].label
    return {
        "least": f"{min(single):.2f}",
        "most": f"{max(single):.2f}",
        "above": str(sum(value > 28.40 for value in single)),
        "better": str(better),
        "squashed": f"{t1[f'{INPUT} psnr']['value']:.2f}",
        "whole": f"{whole:.2f}",
        "classic": f"{classic:.2f}",
        **{
            f"{who} {kind}": figure(t3[f"{name} ssim-range-{kind}"]["value"], "ssim") if kind != "255"
            else f"{t3[f'{name} ssim-range-{kind}']['value']:.4f}".lstrip("0")
            for who, name in (("input", INPUT), ("network", label))
            for kind in ("1", "2", "255")
        },
        "input psnr": f"{t3[f'{INPUT} psnr']['value']:.2f}",
        "network psnr": f"{t3[f'{label} psnr']['value']:.2f}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True, help="the folder with T4's train/ and val/")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "tutorials", help="where runs are kept")
    options = parser.parse_args()
    bench = Bench(options.pairs.resolve(), options.out.resolve())
    bench.squash()
    measured = {system.name: scored_as_they_did(bench, system) for system in SYSTEMS}
    text = (Path(__file__).parent / "tutorials.md.in").read_text("utf-8")
    parts = {"table": table(bench, measured), "trainings": trainings(bench), **flaws(bench, measured)}
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    DOCUMENT.write_text(text, "utf-8")
    print(f"wrote {DOCUMENT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
