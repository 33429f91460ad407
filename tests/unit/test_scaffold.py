"""What ``srbench new`` writes, and the example that began with it."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from srbench.cli.main import app
from srbench.errors import UsageError
from srbench.method import Method
from srbench.plugins.registry import Registry
from srbench.scaffold.package import NewMethod, render_package, write
from srbench.testing import CHECKS

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "srbench-plugin-espcn"
SORTS = [
    NewMethod(name="my-method", learned=learned, channels=channels, input=input)
    for learned, channels, input in itertools.product((True, False), ("y", "rgb", "any"), ("lr", "upsampled"))
    if not (learned and channels == "any")
]


def sort(new: NewMethod) -> str:
    return f"{'learned' if new.learned else 'plain'}-{new.channels}-{new.input}"


def loaded(new: NewMethod, folder: Path) -> type[Method]:
    """The class that a package brings."""
    path = folder / "src" / new.module / "__init__.py"
    spec = importlib.util.spec_from_file_location(f"{new.module}_{sort(new).replace('-', '_')}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: type[Method] = getattr(module, new.class_name)
    return found


@pytest.mark.parametrize("new", SORTS, ids=sort)
def test_every_sort_of_package_keeps_the_contract(new: NewMethod, tmp_path: Path) -> None:
    method = loaded(new, write(new, tmp_path, Registry()))
    assert (method.info.name, method.info.channels, method.info.input) == (new.name, new.channels, new.input)
    for check in CHECKS:
        check(method)


def test_packages_are_tidy(tmp_path: Path) -> None:
    """By the settings that they bring themselves; and typed."""
    for new in SORTS:
        write(new, tmp_path / sort(new), Registry())
    for words in (["ruff", "check", "."], ["ruff", "format", "--check", "."]):
        result = subprocess.run([sys.executable, "-m", *words], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


name_of_a_method = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)


@given(
    name_of_a_method | st.sampled_from(["none", "true", "method", "network", "f", "2xsai", "class", "learned-method"])
)
@settings(max_examples=60, deadline=None)
def test_any_name_makes_a_module_with_its_class(name: str) -> None:
    for learned in (True, False):
        new = NewMethod(name=name, learned=learned, channels="y")
        files = render_package(new)
        project = tomllib.loads(files["pyproject.toml"])["project"]
        assert project["entry-points"]["srbench.methods"] == {name: f"{new.module}:{new.class_name}"}
        tree = ast.parse(files[f"src/{new.module}/__init__.py"])
        names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        imported = [a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
        assert names.count(new.class_name) == 1
        assert len({*names, *imported, "F"}) == len([*names, *imported, "F"])
        ast.parse(files["tests/test_method.py"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Bad"], "cannot be called 'Bad': use lower case"),
        (["a--b"], "cannot be called 'a--b'"),
        (["a-"], "cannot be called 'a-'"),
        (["../up"], "cannot be called '../up'"),
        (["a" * 61], "60 characters at most"),
        (["bicubic"], "There is a method 'bicubic', of srbench; choose another name."),
        (["here"], "srbench-plugin-here exists"),
        (["x", "--channels", "any"], "--channels any is for --plain"),
        (["x", "--channels", "gray"], "--channels is y, rgb or any, not 'gray'."),
        (["x", "--input", "hr"], "--input is lr or upsampled, not 'hr'."),
    ],
)
def test_what_makes_no_package_is_one_sentence(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "srbench-plugin-here").mkdir()
    result = CliRunner().invoke(app, ["new", "method", *words])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["srbench-plugin-here"]


def test_the_folder_is_printed(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["new", "method", "mine", "--plain", "--out", str(tmp_path / "deep" / "er")])
    assert result.exit_code == 0
    folder = tmp_path / "deep" / "er" / "srbench-plugin-mine"
    assert result.stdout.splitlines() == [str(folder)]
    assert 'channels="any"' in (folder / "src" / "srbench_plugin_mine" / "__init__.py").read_text()


def test_the_example_is_what_the_template_gives_and_a_network() -> None:
    """And the recipes, the floor, and what its README says of it."""
    files = render_package(NewMethod(name="espcn"))
    for name, content in files.items():
        ours = (EXAMPLE / name).read_text("utf-8")
        if name in ("README.md", "tests/test_method.py"):
            new = [part for part in content.split("\n\n") if not part.startswith("FLOOR")]
            assert [part for part in new if part.strip() not in ours] == []
        elif name.endswith("__init__.py"):
            assert skeleton(ours) == skeleton(content)
        else:
            assert ours == content


def skeleton(source: str) -> list[str]:
    """The names that a module defines, in their order."""
    nodes = ast.parse(source).body
    found = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return found + [ast.unparse(node.targets[0]) for node in nodes if isinstance(node, ast.Assign)]
