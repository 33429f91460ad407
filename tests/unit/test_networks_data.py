"""Weights of networks: where they are found, how they are fetched, and that a wrong file is never taken."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server import Server, ranged, serving, truncated_but_ranged, wrong

from srbench.data.fetch import download as download_module
from srbench.data.fetch.networks import NETWORKS, NetworkFile, fetch, find, networks_folder, sha256_of
from srbench.errors import DataError, UsageError

CONTENT = bytes(range(256)) * 20
DIGEST = hashlib.sha256(CONTENT).hexdigest()
FILE = f"net-{DIGEST[:8]}.pth"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def net(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NetworkFile:
    """A network called ``net``, of which the start of the hash is known, at the server's /models."""
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("SRBENCH_TIMEOUT", "5")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download_module, "BACKOFF", 0.01)
    monkeypatch.setattr(download_module, "CHUNK", 512)
    server.files[f"models/{FILE}"] = CONTENT
    known = NetworkFile(FILE, f"{server.url}/models/{FILE}", len(CONTENT), DIGEST[:8])
    monkeypatch.setitem(NETWORKS, "net", known)
    return known


def place(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_fetched_from_its_public_home(server: Server) -> None:
    lines: list[str] = []
    path, fetched = fetch("net", progress=lines.append)
    assert fetched
    assert path == networks_folder() / FILE == find(("net",), "net")["net"]
    assert path.read_bytes() == CONTENT
    assert lines == ["fetching net (1 file, 5 kB)", "fetched net"]
    server.requests.clear()
    assert fetch("net", progress=False) == (path, False)
    assert server.requests == []


def test_an_interrupted_download_goes_on(server: Server) -> None:
    server.ways[f"models/{FILE}"] = [truncated_but_ranged, ranged]
    fetch("net", progress=False)
    assert [path for path, part in server.requests if part]
    assert find(("net",), "net")


def test_a_wrong_file_from_the_server_is_refused(server: Server) -> None:
    server.ways[f"models/{FILE}"] = [wrong]
    with pytest.raises(
        DataError, match=rf"^{FILE} cannot be had .*wrong hash: .*, not {DIGEST[:8]}\): set SRBENCH_MIRROR"
    ):
        fetch("net", progress=False)
    assert [path.name for path in networks_folder().iterdir() if path.is_file()] == []


@pytest.mark.parametrize("source", ["origin", "mirror"])
def test_a_folder_that_cannot_be_written_is_named_alone(
    source: str, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "mirror":
        place(tmp_path / "copies" / FILE)
        monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "copies"))
    own_cache.mkdir(exist_ok=True)
    (own_cache / "networks").write_text("a file")
    with pytest.raises(DataError, match=r"^\S+ cannot be written \([^)]+\): check the folder and its free space\.$"):
        fetch("net", progress=False)


def test_a_mirrors_file_that_cannot_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(tmp_path / "copies" / FILE)
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "copies"))

    def denied(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr("srbench.data.fetch.sources.shutil.copyfile", denied)
    assert fetch("net", progress=False) == (networks_folder() / FILE, True)


def test_no_network(server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"no connection.*put the file into .*networks\.$") as error:
        fetch("net", progress=False)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("where", ["cache", "mirror", "mirror's networks", "torch hub"])
def test_found_where_it_lies(
    where: str, server: Server, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror").mkdir()
    path = {
        "cache": own_cache / "networks" / FILE,
        "mirror": tmp_path / "mirror" / FILE,
        "mirror's networks": tmp_path / "mirror" / "networks" / FILE,
        "torch hub": tmp_path / "torch" / "hub" / "checkpoints" / FILE,
    }[where]
    place(path)
    assert find(("net",), "net") == {"net": path}
    got, fetched = fetch("net", progress=False)
    assert server.requests == []
    assert fetched == where.startswith("mirror")  # a mirror may go away
    assert got == (networks_folder() / FILE if fetched else path)


def test_fetched_from_a_mirrors_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files[f"mirror/networks/{FILE}"] = server.files.pop(f"models/{FILE}")
    monkeypatch.setenv("SRBENCH_MIRROR", f"{server.url}/mirror")
    assert fetch("net", progress=False)[1]
    assert [path for path, _ in server.requests] == [f"mirror/networks/{FILE}"]


def test_a_run_never_downloads(server: Server) -> None:
    with pytest.raises(DataError, match=rf"^{FILE} is not here: run `srbench data fetch some-metric`, or put it into "):
        find(("net",), "some-metric")
    assert server.requests == []


def test_all_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "other", NetworkFile("other.pth", "http://127.0.0.1:9/other.pth", 3, "00"))
    with pytest.raises(DataError, match=rf"^{FILE} and other\.pth are not here: run `srbench data fetch m`"):
        find(("net", "other"), "m")


def test_a_wrong_file_is_passed_over_and_named(tmp_path: Path, own_cache: Path) -> None:
    bad = place(own_cache / "networks" / FILE, b"something else")
    with pytest.raises(DataError, match=r"is not the file that its name says .*: run `srbench data fetch net`"):
        find(("net",), "net")
    good = place(tmp_path / "torch" / "hub" / "checkpoints" / FILE)
    assert find(("net",), "net") == {"net": good}
    good.unlink()
    assert fetch("net", progress=False) == (bad, True)
    assert bad.read_bytes() == CONTENT


def test_a_changed_file_is_noticed(own_cache: Path) -> None:
    path = place(own_cache / "networks" / FILE)
    before = sha256_of(path)
    assert before == sha256_of(path) == DIGEST
    place(path, CONTENT[:-1] + b"x")
    os.utime(path, ns=(1, 1))
    assert sha256_of(path) != before
    with pytest.raises(DataError, match="not the file that its name says"):
        find(("net",), "net")


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match="Did you mean vgg19 or vgg16"):
        fetch("vgg61")


def test_heads_come_with_torchmetrics() -> None:
    """The files that are pinned by their whole hash are those of the wheel."""
    if importlib.util.find_spec("torchmetrics") is None:
        pytest.skip("torchmetrics is not installed")
    names = [name for name, known in NETWORKS.items() if known.packaged.startswith("torchmetrics/")]
    assert names == ["lpips-alex-heads", "lpips-vgg-heads", "lpips-squeeze-heads", "dists-weights"]
    for name, path in find(names, "lpips-alex").items():
        assert sha256_of(path) == NETWORKS[name].sha256
        assert path.stat().st_size == NETWORKS[name].bytes
        assert NETWORKS[name].url.endswith(path.as_posix().partition("/torchmetrics/")[2])


def test_torchvisions_files_are_named_as_torchvision_names_them() -> None:
    from torchvision import models

    found: dict[str, Callable[[], str]] = {
        "alexnet": lambda: models.AlexNet_Weights.IMAGENET1K_V1.url,
        "vgg16": lambda: models.VGG16_Weights.IMAGENET1K_V1.url,
        "vgg19": lambda: models.VGG19_Weights.IMAGENET1K_V1.url,
        "squeezenet1_1": lambda: models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url,
    }
    for name, url in found.items():
        assert NETWORKS[name].url == url()
        assert len(NETWORKS[name].sha256) == 8
        assert NETWORKS[name].file.endswith(f"-{NETWORKS[name].sha256}.pth")


def test_a_notice_lies_beside_every_copy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    known = NetworkFile(
        FILE, f"{server.url}/models/{FILE}", len(CONTENT), DIGEST, notice=NETWORKS["brisque-model"].notice
    )
    monkeypatch.setitem(NETWORKS, "net", known)
    path, _ = fetch("net", progress=False)
    notice = path.with_name(f"{FILE}.notice.txt").read_text("utf-8")
    assert "Copyright (c) 2011 The University of Texas at Austin" in notice
    assert "BRISQUE Software Release" in notice


@pytest.mark.parametrize("folder", ["networks", "metric_parameters", ""])
def test_folders_of_a_mirror(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    there = place(tmp_path / "mirror" / folder / FILE)
    assert find(("net",), "net")["net"] == there
    assert fetch("net", progress=False)[1]


def test_niqes_parameters_come_with_srbench_and_their_notice() -> None:
    path = find(("niqe-parameters",), "niqe")["niqe-parameters"]
    assert path.parent.name == "parameters"
    assert "is acknowledged in any publication" in (path.parent / "niqe_notice.txt").read_text("utf-8")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == NETWORKS["niqe-parameters"].sha256
