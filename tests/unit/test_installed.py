"""What is said about installing: a command that works, however srbench was installed, and never another's project."""

from __future__ import annotations

import ast
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution
from pathlib import Path

import pytest

import srbench.system.installed as module
from srbench.plugins.loading import package_of
from srbench.plugins.registry import Registry
from srbench.system.installed import DISTRIBUTION, install_command

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"].keys()
FOREIGN = re.compile(
    r"(?<![\w/.-])srbench\[|pip install[^`\n&;|#]*[ \"'](?:srbench(?![\w./-])|srbench-harness(?! @ |\[\S*\] @ ))"
)
"""srbench by PyPI's name, or by its own without a place to get it from."""
EXTRA = re.compile(r"""pip install[^`\n&;|#]*['"]\S*?(?:\.|/srbench)\[([\w,]+)\]""")
TEXTS = {".py", ".md", ".j2", ".toml", ".yml", ".yaml", ".ipynb", ".sbatch", ".css", ".js", ""}


def texts() -> Iterator[tuple[str, str]]:
    """What is read by those who use srbench."""
    folders = ("srbench", "methods", "docs", "examples", "datasets", "tools", "benchmarks", ".ci")
    for path in [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]:
        if path.is_file() and path.suffix in TEXTS and "__pycache__" not in path.parts:
            yield str(path.relative_to(ROOT)), path.read_text("utf-8", errors="ignore")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Sets where srbench was installed from."""
    folder = tmp_path / "site" / "srbench_harness-0.1.0.dist-info"
    folder.mkdir(parents=True)
    needs = ["numpy", 'spandrel>=0.4; extra == "spandrel"', 'onnx>=1.17 ; extra == "onnx"']
    needs.append("onnxruntime>=1.18; extra == 'onnx'")
    (folder / "METADATA").write_text(
        f"Name: {DISTRIBUTION}\nVersion: 0.1.0\nRequires-Dist: numpy\n"
        + "".join(f"Requires-Dist: {need}\n" for need in needs)
    )

    def found(name: str) -> Distribution:
        assert name == DISTRIBUTION
        return PathDistribution(folder)

    monkeypatch.setattr(module, "distribution", found)
    return lambda origin: (folder / "direct_url.json").write_text(json.dumps(origin)) and None


def test_from_a_clone(installed: Callable[[object], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()
    installed({"url": clone.as_uri(), "dir_info": {}})
    assert install_command("onnx") == f"`pip install '{clone}[onnx]'`"
    monkeypatch.chdir(clone)
    assert install_command("onnx") == "`pip install '.[onnx]'`"
    installed({"url": clone.as_uri(), "dir_info": {"editable": True}})
    assert install_command("onnx") == "`pip install -e '.[onnx]'`"


def test_from_a_wheel_a_repository_and_from_nobody_knows_where(
    installed: Callable[[object], None], tmp_path: Path
) -> None:
    wheel = tmp_path / "srbench_harness-0.1.0-py3-none-any.whl"
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert install_command("onnx") == f"`pip install '{wheel}[onnx]'`"
    installed({"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}})
    assert install_command("onnx") == "`pip install 'srbench-harness[onnx] @ git+https://example.org/x.git@ab12'`"
    for gone in ({"url": wheel.as_uri() + ".old"}, {}):  # the packages themselves, which always works
        installed(gone)
        assert install_command("onnx") == "`pip install 'onnx>=1.17' 'onnxruntime>=1.18'`"
        assert install_command("spandrel") == "`pip install 'spandrel>=0.4'`"


def test_in_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(module, "distribution", missing)
    for name in ("system/installed", "plugins/loading"):  # also where the tests run with an installed srbench
        monkeypatch.setattr(f"srbench.{name.replace('/', '.')}.__file__", str(ROOT / "srbench" / f"{name}.py"))
    monkeypatch.chdir(ROOT)
    assert install_command("ray") == "`pip install '.[ray]'`"
    assert "bicubic" in Registry().method_names


def test_its_methods_are_called_srbenchs_own() -> None:
    registry = Registry()
    assert registry.origin("bicubic") == "srbench"
    assert PROJECT["name"] == DISTRIBUTION
    assert package_of(next(iter(registry._methods.values()))) == "srbench"


def test_no_text_names_another_project_or_an_extra_that_is_not_there() -> None:
    seen = set()
    for name, text in texts():
        assert not (found := FOREIGN.search(text)), f"{name}: {found}"
        for extras in EXTRA.findall(text):
            assert "scaffold" in name or "plugin" in name or set(extras.split(",")) <= EXTRAS, f"{name}: {extras}"
            seen |= set(extras.split(","))
    assert {"spandrel", "onnx", "hub", "hf", "perceptual", "docs", "test", "dev"} <= seen


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("pip install 'srbench[ray]'", True),
        ("srbench[ray] must be there", True),
        ("`pip install srbench`", True),
        ("pip install -U srbench==1", True),
        ("pip install srbench-harness", True),
        ("pip install 'srbench-harness @ git+https://x/srbench@C'", False),
        ("pip install '/home/ray/srbench[ray]'", False),
        ("pip install -e srbench-plugin-espcn", False),
        ("pip install . && srbench run", False),
    ],
)
def test_what_counts_as_another_project(text: str, bad: bool) -> None:
    assert bool(FOREIGN.search(text)) is bad


def test_every_extra_that_code_asks_for_is_there() -> None:
    asked = set()
    for path in (ROOT / "srbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("install_command"):
                asked |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    from srbench.system.names import PACKAGE_OF

    assert asked | PACKAGE_OF.keys() <= EXTRAS
    assert {"ray", "hf", "onnx"} <= asked


def test_the_extras_of_the_metadata_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    own = module.own_distribution()
    if own is None:
        pytest.skip("srbench is not installed")
    assert module._packages(own, "spandrel") == PROJECT["optional-dependencies"]["spandrel"]
    assert shlex.split(install_command("ray").strip("`"))[:2] == ["pip", "install"]
