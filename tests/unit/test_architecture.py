"""The shape of the code: imports point down, the engine names no method and no data set, and light verbs stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import srbench
from srbench.bench.plan import NUMBERS
from srbench.system.source import code_files

ROOT = Path(__file__).resolve().parents[2]
ENGINE = sorted((ROOT / "srbench").rglob("*.py"))
METHODS = sorted((ROOT / "methods").glob("*.py"))

# from the top down; a module may import from its own layer and from those below it
LAYERS = (
    ("cli", "__main__"),
    ("testing",),
    ("api",),
    ("board",),
    ("proof",),
    ("export",),
    ("report",),
    ("explain",),
    ("analysis",),
    ("bench",),
    ("photo",),
    ("speed",),
    ("training",),
    ("scaffold",),
    ("data",),
    ("plugins",),
    ("models",),
    ("inference",),
    ("metrics",),
    ("protocols",),
    ("weights",),
    ("imaging",),
    ("method",),
    ("recipe",),
    ("isolation",),
    ("system", "errors", "version", "__init__"),
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")


def test_imports_point_down() -> None:
    for path in ENGINE:
        file = path.relative_to(ROOT)
        own = file.parts[1].removesuffix(".py")
        for name in imports(path):
            assert not name.startswith("."), f"{file} imports {name}: write absolute imports"
            assert not name.startswith(("srbench.methods", "srbench.datasets", "methods", "datasets")), file
            if name.startswith("srbench."):
                other = name.split(".")[1]
                if (own, other) == ("__init__", "api"):
                    continue  # offered as `srbench.run` and the like, imported when asked for
                assert RANK[own] <= RANK[other], f"{file} imports {other}, which lies above it"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """The modules of srbench that a file imports when it runs, at once or later."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.dump(branch.test)
        for node in ast.walk(branch)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & modules or {node.module}
    return found & modules - {module_of(path)}


def test_no_import_goes_round_in_a_circle() -> None:
    """The package's root, which offers the API when it is asked for, is imported by nobody inside."""
    paths = {module_of(path): path for path in ENGINE}
    graph = {name: imported_modules(path, {*paths}) for name, path in paths.items()}
    assert not [name for name, others in graph.items() if "srbench" in others and name != "srbench.__main__"]
    del graph["srbench"]
    left = {name: {*others} for name, others in graph.items()}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    assert not left, f"these import one another: {', '.join(sorted(left))}"


def test_every_folder_says_what_it_is() -> None:
    for folder in sorted({path.parent for path in ENGINE}):
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        assert text is not None, f"{folder.name}/__init__.py says nothing"
        known = folder.name == "srbench" or "mported by" in text
        assert known, f"{folder.name}/__init__.py does not say who may import it"


def test_what_decides_numbers_is_in_the_engines_hash() -> None:
    """All that a cell's own modules import of these packages; a module that moves cannot drop out."""
    installed = Path(srbench.__file__).resolve().parents[1]  # which may be another folder than the checkout
    files = [file.relative_to(installed) for name in NUMBERS for file in code_files(name)]
    known = {module_of(ROOT / file) for file in files}
    paths = {module_of(path): path for path in ENGINE}
    for name in sorted(known):
        for other in imported_modules(paths[name], {*paths}):
            if other.split(".")[1] in ("protocols", "imaging", "inference"):
                assert other in known, f"{name} imports {other}, which is not in NUMBERS"
    with pytest.raises(FileNotFoundError):
        code_files("imaging.moved_elsewhere")


def test_methods_import_the_contract_and_pixels_alone() -> None:
    for path in METHODS:
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
        (
            "import srbench.report.write, srbench.report.text.page, srbench.report.text.terminal",
            {"torch", "matplotlib"},
        ),
        ("import srbench.report.html.page", {"torch", "matplotlib", "pandas", "scipy", "cv2", "plotly", "itables"}),
        ("import srbench.analysis.gate, srbench.report.plots.every_plot, srbench.report.plots.crops", {"torch"}),
        (
            "import srbench.analysis.compare, srbench.report.text.pair, srbench.report.tables.matrix",
            {"torch", "scipy", "pandas"},
        ),
        (
            "from srbench.plugins.registry import Registry; r = Registry(); r.metric('ssim'), r.metric('psnr')",
            {"torch", "cv2"},
        ),
        (
            "from srbench.plugins.registry import Registry; r = Registry(); [r.metric(n) for n in r.metrics.names];"
            "r.metric('piq:fsim'); r.metrics.hash('torchmetrics:peak_signal_noise_ratio')",
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
        program = [sys.executable, "-X", "importtime", "-m", "srbench", *words]
        in_shell = ["bash", "-c", '"$@"; exit', "bash", *program]  # completion asks which shell started it
        result = subprocess.run(in_shell, capture_output=True, text=True, cwd=tmp_path)
        assert result.returncode == 0, result.stderr[-500:]
        imported = {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}
        assert imported.isdisjoint({"torch", "numpy", "pandas", "matplotlib"})


READS_THE_MACHINE = (
    *("plugins", "plugins.registry", "plugins.card", "weights", "models", "inference", "isolation", "training"),
    *("bench.plan", "bench.engine", "system.device", "system.machine"),
)
"""What knows the methods, weights and plugins that are installed here."""


def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def test_a_report_needs_its_run_alone() -> None:
    """Whatever reports are made by imports nothing, by whatever way, that differs between machines."""
    forbidden = {name: _file(f"srbench.{name}") for name in READS_THE_MACHINE}
    assert None not in forbidden.values(), "renamed: name it here as it is called now"
    explanation = ROOT / "srbench/report/text/explanation.py"  # of the user's images and methods, not of a run
    reports = {*(ROOT / "srbench" / "report").rglob("*.py"), *(ROOT / "srbench" / "analysis").glob("*.py")}
    reached = dict.fromkeys(sorted(reports - {explanation}), "")
    for path in (queue := list(reached)):
        where = f"{path.relative_to(ROOT)}, {reached[path]}"
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert path not in reports or not {"cache_folder", "trained_folder"} & {*names}, where
            if isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{name}" for name in names)]
            for file in (_file(name) for name in names if name.startswith("srbench.")):
                assert file not in forbidden.values(), f"{file} is imported by {where}"
                if file is not None and file not in reached:
                    reached[file] = where
                    queue.append(file)
