"""What metrics need is part of what decides their numbers, and what is lacking is told in a sentence."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from srbench.bench import availability as module
from srbench.bench.availability import needs, scoring_of
from srbench.bench.options import Request
from srbench.bench.planning import make_plan
from srbench.data.fetch.networks import NETWORKS, NetworkFile, networks_folder
from srbench.errors import DataError
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import PROTOCOLS
from srbench.system.installed import install_command


def place(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A VGG16 of this content, rightly named."""
    sha256 = hashlib.sha256(content).hexdigest()[:8]
    monkeypatch.setitem(NETWORKS, "vgg16", NetworkFile(f"vgg16-{sha256}.pth", "http://127.0.0.1:9/", 1, sha256))
    networks_folder().mkdir(exist_ok=True)
    (networks_folder() / f"vgg16-{sha256}.pth").write_bytes(content)


@pytest.fixture(autouse=True)
def nothing_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)


def test_weights_are_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    request = Request(methods=("bicubic",), scales=(2,), metrics=("psnr", "vgg"))
    plans = [make_plan(request, registry)]
    for content in (b"one", b"two"):
        place(content, monkeypatch)
        plans.append(make_plan(request, registry))
    assert plans[0].unavailable.keys() == {"vgg"}
    assert [metric.name for metric in plans[0].scoring.metrics] == ["psnr"]
    assert [metric.name for metric in plans[2].scoring.metrics] == ["psnr", "vgg"]
    assert not plans[2].unavailable
    assert len({plan.scoring.hashes.get("vgg", "") for plan in plans}) == 3
    assert len({plan.scoring.hashes["psnr"] for plan in plans}) == 1
    assert len({plan.run_id for plan in plans}) == 1  # the same question: its folder is gone on with


def test_a_librarys_version_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    metric = registry.metric("piq:fsim")
    hashes = []
    for number in ("0.8.0", "0.8.1"):
        monkeypatch.setattr(module, "version", lambda package, number=number: number)
        hashes.append(needs(metric, registry)[0])
    assert hashes[0] != hashes[1]


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(module, "version", lacking)
    registry = Registry()
    metrics = [registry.metric(name) for name in ("psnr", "piq:fsim")]
    scoring, reasons = scoring_of(PROTOCOLS["vdsr"], metrics, registry)
    assert scoring.hashes.keys() == {"psnr"}
    assert reasons == {"piq:fsim": f"piq is not installed: {install_command('perceptual')} installs it."}
    with pytest.raises(DataError, match="nothing to score with: piq:fsim: piq is not installed"):
        make_plan(Request(methods=("bicubic",), metrics=("piq:fsim",)), registry)
