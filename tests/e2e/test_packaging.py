"""srbench as a wheel, as an editable install, and from the repository's root."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from srbench.system.installed import DISTRIBUTION

pytestmark = pytest.mark.long

EXPECTED = {
    "nearest", "bilinear", "bicubic", "lanczos", "bicubic-ibp", "dcci", "dcci-ibp", "srcnn-y", "srcnn-y-935",
    "srcnn-y-955", "srcnn-rgb", "fsrcnn", "fsrcnn-s", "autoencoder", "aplus", "gradient-prior",
}  # fmt: skip
SHOW = """
import json, srbench, srbench.methods
from srbench.analysis.references import load_references
from srbench.data.catalog import manifest_names
from srbench.plugins.registry import Registry
registry = Registry()
names = registry.method_names
print(json.dumps({
    "file": srbench.__file__,
    "methods": {name: registry.method(name).__module__ for name in names},
    "datasets": list(manifest_names()),
    "references": len(load_references(None)),
}))
"""


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def shown(python: str, cwd: Path, *path: Path) -> dict[str, object]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    result = subprocess.run([python, "-c", SHOW], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found: dict[str, object] = json.loads(result.stdout)
    assert set(found["methods"]) == EXPECTED  # type: ignore[call-overload]
    assert all(module.startswith("srbench.methods.") for module in found["methods"].values())  # type: ignore[attr-defined]
    assert {"set5", "embedded", "div2k"} <= set(found["datasets"])  # type: ignore[call-overload]
    assert found["references"]
    return found


def test_the_wheel_holds_all_and_claims_one_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for path in (
        "methods/bicubic.py",
        "datasets/set5.toml",
        "reference/published.csv",
        "reference/other-methods.csv",
        "reference/papers.bib",
        "py.typed",
        "report/html/static/page.css",
        "metrics/parameters/niqe_modelparameters.mat",
        "metrics/parameters/niqe_notice.txt",
        "metrics/parameters/brisque_notice.txt",
        "scaffold/templates/pyproject.toml.j2",
    ):
        assert f"srbench/{path}" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"srbench", DISTRIBUTION.replace("-", "_")}
    assert "srbench/datasets/__init__.py" not in names


def test_installed_from_the_wheel(wheel: Path, dependencies: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel], check=True
    )
    found = shown(sys.executable, tmp_path, target, dependencies)
    assert str(found["file"]).startswith(str(target))
    assert (target / "bin" / "srbench").is_file()
    assert not (target / "methods").exists()


def test_editable(source: Path, dependencies: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run(
        [sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--no-deps", "--no-index",
         "--no-build-isolation", "-e", source],
        check=True,
        env={**os.environ, "PYTHONPATH": str(dependencies)},
    )  # fmt: skip
    found = shown(python, tmp_path, dependencies)
    assert str(found["file"]).startswith(str(source))


def test_from_the_root_without_installing(source: Path, dependencies: Path) -> None:
    found = shown(sys.executable, source, dependencies)
    assert str(found["file"]).startswith(str(source))


def test_other_packages_called_datasets_still_import(source: Path, tmp_path: Path) -> None:
    """Hugging Face's `datasets`, say, with the repository as working directory."""
    for name in ("datasets", "methods"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("mark = 'theirs'")
    code = "import datasets; print(datasets.mark)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "theirs"
