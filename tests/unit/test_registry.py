"""Finding methods and metrics."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from srbench.errors import UsageError
from srbench.plugins.registry import METHOD_GROUP, Registry
from srbench.system.source import source_hash

PLUGIN = """
from srbench.method import LearnedMethod, Method, MethodInfo, Recipe
from srbench.metrics.metric import Metric

class Half(Method):
    info = MethodInfo(name="half", family="interpolation", channels="any", input="upsampled")
    def upscale(self, x, scale):
        return x / 2

class Net(LearnedMethod):
    info = MethodInfo(name="net", family="prediction", channels="y", input="lr", scales=frozenset({2}))
    recipes = {"quick": Recipe(steps=5), "long": Recipe(steps=50)}
    def network(self, scale):
        raise NotImplementedError

MAE = Metric("mae", lambda pair: float(abs(pair.sr - pair.target).mean()), higher_is_better=False)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return path


def labels(registry: Registry, *patterns: str) -> list[str]:
    return [choice.label for choice in registry.select(patterns)]


def test_a_package_that_is_installed_meanwhile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "of-today" not in Registry().method_names
    (tmp_path / "today-1.0.dist-info").mkdir()
    (tmp_path / "today-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: today\nVersion: 1.0\n")
    (tmp_path / "today-1.0.dist-info" / "entry_points.txt").write_text("[srbench.methods]\nof-today = today:Method\n")
    assert "of-today" in Registry().method_names


def test_built_ins_come_through_entry_points() -> None:
    registry = Registry()
    expected = {
        "nearest", "bilinear", "bicubic", "lanczos", "bicubic-ibp", "dcci", "dcci-ibp", "srcnn-y", "srcnn-y-935",
        "srcnn-y-955", "srcnn-rgb", "fsrcnn", "fsrcnn-s", "autoencoder", "aplus", "gradient-prior",
    }  # fmt: skip
    assert expected <= set(registry.method_names)
    assert {"psnr", "ssim", "mse"} <= set(registry.metrics.names)
    for name in registry.method_names:
        assert registry.method(name).info.name == name


def test_plugin_file(plugin: Path) -> None:
    registry = Registry([plugin])
    assert {"half", "net"} <= set(registry.method_names)
    assert registry.metric("mae").name == "mae"
    assert registry.card("net").learned
    assert not registry.card("half").learned


def test_a_plugin_file_named_twice_is_taken_once(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin.parent)
    (plugin.parent / "link.py").symlink_to(plugin)
    registry = Registry([Path("plugin.py"), Path("./plugin.py"), plugin, Path("link.py")])
    assert registry.plugins == (plugin.resolve(),)
    assert registry.metric("mae").name == "mae"
    (plugin.parent / "copy.py").write_text(PLUGIN)
    with pytest.raises(UsageError, match=r"Plugin copy\.py defines method 'half', which is taken"):
        Registry([plugin, Path("copy.py")])


def test_select(plugin: Path) -> None:
    registry = Registry([plugin])
    assert labels(registry, "half", "bicubic") == ["half", "bicubic"]
    assert labels(registry, "net") == ["net:quick"]
    assert labels(registry, "net:*") == ["net:quick", "net:long"]
    assert labels(registry, "n*:long") == ["net:long"]
    assert labels(registry, "bicubic", "bicubic", "bi*") == ["bicubic", "bicubic-ibp", "bilinear"]
    assert "half" in labels(registry, "*")


def test_a_recipe_file(plugin: Path, tmp_path: Path) -> None:
    registry = Registry([plugin])
    path = tmp_path / "short.toml"
    path.write_text('base = "long"\nsteps = 7\n')
    (choice, other) = registry.select([f"net:{path}", "net", f"net:{path}"])
    assert (choice.label, other.label) == ("net:short", "net:quick")
    assert choice.card.recipes["short"].steps == 7
    assert "short" not in registry.card("net").recipes
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "short.toml").write_text("steps = 8\n")
    with pytest.raises(UsageError, match="Two recipes would be called 'net:short'"):
        registry.select([f"net:{path}", f"net:{tmp_path / 'other' / 'short.toml'}"])
    for name, message in (("quick", "has another recipe called 'quick'"), ("a b", "cannot be called 'a b'")):
        path = path.rename(tmp_path / f"{name}.toml")
        with pytest.raises(UsageError, match=message):
            registry.select([f"net:{path}"])
    with pytest.raises(UsageError, match="is not trained"):
        registry.select([f"half:{path}"])


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("halv", "Did you mean half"),
        ("net:quik", "Did you mean quick"),
        ("half:quick", "no recipe"),
        ("q*", "no method 'q\\*'"),
    ],
)
def test_select_refuses_what_matches_nothing(plugin: Path, pattern: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Registry([plugin]).select([pattern])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("x = (", "SyntaxError"),
        ("x = 1", "no method and no metric"),
        (PLUGIN.replace('"half"', '"bicubic"'), "rename"),
    ],
)
def test_a_broken_plugin_is_one_sentence(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(UsageError, match=message) as error:
        Registry([path])
    assert "\n" not in str(error.value)


def test_a_plugin_that_no_file_can_be_called_is_not_there() -> None:
    with pytest.raises(UsageError, match="There is no plugin file aaa"):
        Registry([Path("a" * 300)])


def test_a_broken_entry_point_hurts_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "srbench_no_such_package.module:Method", METHOD_GROUP)
    monkeypatch.setattr("srbench.plugins.loading._installed", lambda *_: EntryPoints([broken]))
    registry = Registry()
    assert "broken" in registry.method_names
    with pytest.raises(UsageError, match="cannot be imported"):
        registry.card("broken")
    monkeypatch.undo()
    assert "bicubic" in labels(Registry(), "bi*")


def test_a_card_is_kept_and_read_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Registry().card("srcnn-y")
    (kept,) = (own_cache / "cards").glob("srcnn-y-*.json")

    def fail(self: Registry, name: str) -> None:
        raise AssertionError("imported although its card was kept")

    monkeypatch.setattr(Registry, "method", fail)
    assert Registry().card("srcnn-y") == first
    monkeypatch.undo()
    kept.write_text("{}")  # damaged: described anew
    assert Registry().card("srcnn-y") == first


def test_source_hash_covers_subpackages(tmp_path: Path) -> None:
    package = tmp_path / "host"
    for folder in (package, package / "nets", package / "nets" / "deep"):
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    (package / "method.py").write_text("from host.nets.arch import AMOUNT")
    (package / "nets" / "arch.py").write_text("from .deep import layers\nAMOUNT = 1")
    (package / "nets" / "deep" / "layers.py").write_text("from ...common import X")
    (package / "common.py").write_text("X = 1")
    seen = set()
    for number, name in enumerate(("method.py", "nets/arch.py", "nets/deep/layers.py", "common.py")):
        seen.add(source_hash(package / "method.py"))
        source = package / name
        source.write_text(source.read_text() + f"\n# {number}")
        source_hash.cache_clear()
    seen.add(source_hash(package / "method.py"))
    assert len(seen) == 5


def test_plugins_in_this_process_import_what_lies_beside_them_each_its_own(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        (folder := tmp_path / name).mkdir()
        (folder / "common.py").write_text(f"NAME = {name!r}\n")
        files.append(folder / "plugin.py")
        files[-1].write_text(
            "from common import NAME\nfrom srbench.method import Method, MethodInfo\n"
            "class Mine(Method):\n"
            "    info = MethodInfo(name=NAME, family='edge', channels='any', input='lr')\n"
            "    def upscale(self, x, scale): return x\n"
        )
    assert {"one", "two"} <= {*Registry(files, hosted=False).method_names}
    assert "common" not in sys.modules


def test_source_hash_covers_what_a_method_imports_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("x = 1")
    (tmp_path / "stranger.py").write_text("y = 1")
    method = tmp_path / "method.py"
    method.write_text("from .helper import x")
    before = source_hash(method)
    (tmp_path / "stranger.py").write_text("y = 2")
    source_hash.cache_clear()
    assert source_hash(method) == before
    (tmp_path / "helper.py").write_text("x = 2")
    source_hash.cache_clear()
    assert source_hash(method) != before


@pytest.mark.parametrize(
    ("written", "label"), [("FSRCNN", "fsrcnn:standard"), ("SRCNN-Y", "srcnn-y:standard"), ("Bicubic+", "bicubic+")]
)
def test_methods_are_found_as_papers_spell_them(written: str, label: str) -> None:
    assert [choice.label for choice in Registry().select((written,))] == [label]
