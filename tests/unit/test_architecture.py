"""The shape of the code: imports point down, the engine names no method and no data set, and light verbs stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = sorted((ROOT / "srbench").rglob("*.py"))
METHODS = sorted((ROOT / "methods").glob("*.py"))

# from the top down; a module may import from its own layer and from those below it
LAYERS = (
    ("cli", "__main__"),
    ("testing",),
    ("api",),
    ("export",),
    ("report",),
    ("analysis",),
    ("bench",),
    ("photo",),
    ("training",),
    ("scaffold",),
    ("data",),
    ("registry",),
    ("card", "plugins"),
    ("models",),
    ("inference",),
    ("metrics",),
    ("protocols",),
    ("protocol",),
    ("weights",),
    ("imaging",),
    ("method",),
    ("recipe",),
    ("isolation",),
    (
        *("allocator", "atomic", "canonical", "console", "device", "installed", "live_source", "locks", "names"),
        *("places", "source"),
        "toml_file",
    ),
    ("errors", "__init__"),
    ("text",),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    own = path.relative_to(ROOT / "srbench").parts[0].removesuffix(".py")
    for name in imports(path):
        assert not name.startswith("."), f"{path.name} imports {name}: write absolute imports"
        assert not name.startswith(("srbench.methods", "srbench.datasets", "methods", "datasets"))
        if name.startswith("srbench."):
            other = name.split(".")[1]
            if (own, other) == ("__init__", "api"):
                continue  # offered as `srbench.run` and the like, imported when asked for
            assert RANK[own] <= RANK[other], f"{own} imports {other}, which lies above it"


@pytest.mark.parametrize("path", METHODS, ids=lambda path: path.name)
def test_methods_import_the_contract_and_pixels_alone(path: Path) -> None:
    for name in imports(path):
        if name.startswith("srbench"):
            assert name.split(".")[1] in {"method", "recipe", "imaging"}, f"{path.name} imports {name}"


def test_the_engine_names_no_method_and_no_data_set() -> None:
    """Names of methods and data sets belong to entry points, manifests and references; defaults are arguments."""
    names = {"dcci", "srcnn-y", "set14", "bsd100", "urban100", "general100"}
    for path in ENGINE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in names, f"{path.relative_to(ROOT)} names {node.value}"


def test_nothing_is_called_utils() -> None:
    assert not [path for path in [*ENGINE, *METHODS] if "util" in path.name or "helper" in path.name]


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import srbench.cli.main", {"torch", "numpy", "pandas", "matplotlib", "pydantic", "skimage", "cv2", "PIL"}),
        (
            "import srbench.bench.engine, srbench.bench.engines.local, srbench.bench.engines.pool",
            {"torch", "pandas", "matplotlib", "cv2", "scipy"},
        ),
        ("import srbench.report.write, srbench.report.page, srbench.report.terminal", {"torch", "matplotlib"}),
        ("import srbench.report.html.page", {"torch", "matplotlib", "pandas", "scipy", "cv2", "plotly", "itables"}),
        ("import srbench.analysis.gate, srbench.report.plots, srbench.report.crops", {"torch"}),
        ("import srbench.analysis.compare, srbench.report.pair, srbench.report.matrix", {"torch", "scipy", "pandas"}),
        ("from srbench.registry import Registry; r = Registry(); r.metric('ssim'), r.metric('psnr')", {"torch", "cv2"}),
        (
            "from srbench.registry import Registry; r = Registry(); [r.metric(name) for name in r.metric_names];"
            "r.metric('piq:fsim'); r.metric_hash('torchmetrics:peak_signal_noise_ratio')",
            {"torch", "torchvision", "piq", "torchmetrics", "cv2", "scipy"},
        ),
    ],
)
def test_light_modules_import_nothing_heavy(code: str, forbidden: set[str], tmp_path: Path) -> None:
    check = f"{code}; import sys; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert forbidden.isdisjoint(result.stdout.split())


def test_help_and_completion_import_nothing_heavy(tmp_path: Path) -> None:
    for words in (["--help"], ["run", "--help"], ["data", "--help"], ["--show-completion", "bash"]):
        result = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "srbench", *words], capture_output=True, text=True, cwd=tmp_path
        )
        assert result.returncode == 0, result.stderr[-500:]
        imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
        assert imported.isdisjoint({"torch", "numpy", "pandas", "matplotlib"})
