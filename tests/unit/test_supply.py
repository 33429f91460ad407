"""What comes from elsewhere, and what it must not be able to do: SECURITY.md, line by line."""

from __future__ import annotations

import ast
import io
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, serving

from srbench.data.dataset import ImageFile
from srbench.data.fetch import archive as archive_module
from srbench.data.fetch import download as download_module
from srbench.data.fetch.archive import unpack
from srbench.data.fetch.download import Refused, download
from srbench.data.fetch.networks import NETWORKS
from srbench.data.manifest import Archive
from srbench.errors import DataError
from srbench.metrics.networks import read_weights

ROOT = Path(__file__).resolve().parents[2]
NEVER = {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}


def calls_and_imports() -> Iterator[tuple[str, ast.AST]]:
    for folder in ("srbench", "methods"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node


def test_nothing_is_pickled_and_no_archive_is_unpacked_whole() -> None:
    for where, node in calls_and_imports():
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {name.partition(".")[0] for name in names} & NEVER, where
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if called == "torch.load":
            assert given.get("weights_only") == "True", where
        if called == "np.load":
            assert given.get("allow_pickle") == "False", where
        assert called not in ("eval", "exec", "os.system", "torch.save", "np.save"), where
        assert called.rpartition(".")[2] not in ("extractall", "unpack_archive"), where
        assert given.get("shell", "False") == "False", where


class Harm:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_published_weights_execute_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "vgg.pth", tmp_path / "executed"
    path.write_bytes(pickle.dumps({"features.0.weight": Harm(target)}))
    with pytest.raises(DataError, match="cannot be loaded"):
        read_weights(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists()  # as it would have been


def archived(tmp_path: Path, members: dict[str, bytes]) -> tuple[Path, list[ImageFile]]:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    description = Archive(path="a.zip", bytes=path.stat().st_size, sha256="0" * 64)
    return path, [ImageFile(tmp_path / "data" / name, archive=description) for name in members]


def test_bombs_are_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_MEMBER", 100_000)
    path, images = archived(tmp_path, {f"set/{n}.png": bytes(90_000) for n in range(3)})
    with pytest.raises(DataError, match=r"would unpack \d+ bytes to 270000: do not trust it"):
        unpack(path, images, tmp_path / "data", lambda name: None)
    assert not (tmp_path / "data").exists()
    path, images = archived(tmp_path, {"set/0.png": bytes(90_000)})
    unpack(path, images, tmp_path / "data", lambda name: None)
    assert (tmp_path / "data" / "set" / "0.png").read_bytes() == bytes(90_000)


def test_a_member_that_lies_about_its_size_is_corrupt(tmp_path: Path) -> None:
    path, images = archived(tmp_path, {"set/0.png": bytes(90_000)})
    content = path.read_bytes()
    true, lie = (90_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert content.count(true) == 2  # in front of the member and in the directory
    path.write_bytes(content.replace(true, lie))
    with pytest.raises(DataError, match="is corrupt"):
        unpack(path, images, tmp_path / "data", lambda name: None)
    assert not [found for found in tmp_path.rglob("*") if found.is_file() and found != path]


def test_every_file_of_weights_has_a_hash() -> None:
    for known in NETWORKS.values():
        assert len(known.sha256) >= 8
        assert set(known.sha256) <= set("0123456789abcdef")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_a_server_cannot_fill_the_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download_module, "LARGEST", 100_000)
    server.files["a"] = bytes(1_000_000)
    with pytest.raises(Refused, match="larger than it should be"):
        download(f"{server.url}/a", tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_plugins_are_loaded_only_when_named(tmp_path: Path) -> None:
    body = "open('executed', 'w')\n"
    for name in ("plugin.py", "srbench_plugin.py", "conftest.py", "sitecustomize.py", "methods.py", "datasets.py"):
        (tmp_path / name).write_text(body)
    words = [sys.executable, "-P", "-m", "srbench", "list", "--json"]
    result = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "executed").exists()


def test_images_have_a_limit() -> None:
    from srbench.imaging.files import MAX_PIXELS, read_image

    header = io.BytesIO(b"P6 20000 20000 255\n")
    with pytest.raises(DataError, match="pixels"):
        read_image(header.getvalue())
    assert MAX_PIXELS <= 200_000_000
