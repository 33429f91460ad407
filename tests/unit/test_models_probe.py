"""Models are tried in a process of its own: what crashes, hangs or asks for all memory there is one sentence here."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_models
import torch
from torch import Tensor, nn

from srbench.errors import DataError
from srbench.inference import run_method
from srbench.isolation import host
from srbench.models import probe
from srbench.models.inspection import find_traits
from srbench.models.loaded import LoadedModel, open_file
from srbench.models.spec import ModelOptions
from srbench.plugins.registry import Registry

CPU = torch.device("cpu")
HEADER = "import os, signal, time\nimport torch\nfrom srbench.models.loaded import LoadedModel\n"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Puts a module of the test's own in the place of a kind's reader, in the process that tries files."""
    server: Any = forkserver._forkserver
    monkeypatch.setattr(host, "preloaded", [host.SERVING])  # the server is started for one test

    def put(opening: str, running: str) -> str:
        (tmp_path / "stand_in_reader.py").write_text(
            f"{HEADER}\ndef open_file(path, device):\n    {opening}\n"
            f"    def run(x):\n        {running}\n        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)\n"
            "    return LoadedModel(run=run, says='stand-in')\n"
        )
        (tmp_path / "sitecustomize.py").write_text(
            "import sys, importlib.util as u\n"
            "class Finder:\n"
            "    @staticmethod\n"
            "    def find_spec(name, path=None, target=None):\n"
            "        if name == 'srbench.models.torchscript_file':\n"
            f"            return u.spec_from_file_location(name, {str(tmp_path / 'stand_in_reader.py')!r})\n"
            "sys.meta_path.insert(0, Finder)\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        server._stop()  # the next one reads it
        path = tmp_path / "model.pt"
        path.write_bytes(b"a model")
        return f"torchscript:{path}"

    yield put
    server._stop()


def described(pattern: str) -> Any:
    (choice,) = Registry().select([pattern])
    return choice.card.info


CRASHES = {
    "os.kill(os.getpid(), signal.SIGFPE)": "was killed by SIGFPE",
    "os.abort()": "was killed by SIGABRT",
    "os._exit(0)": "exited with 0",
    "time.sleep(600)": "was not done after 6 s",
}


@pytest.mark.long
@pytest.mark.parametrize("code", CRASHES)
def test_what_crashes_or_hangs_at_every_size_is_one_sentence(
    code: str, stand_in: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PROBE_SECONDS", 6 if "sleep" in code else 60)
    pattern = stand_in("pass", code)
    with pytest.raises(DataError) as raised:
        described(pattern)
    assert "model.pt takes no image of 3 or 1 channels, 96x64 pixels (the process that ran it " in str(raised.value)
    assert CRASHES[code] in str(raised.value)


def test_what_crashes_when_it_is_opened_is_one_sentence(stand_in: Callable[[str, str], str]) -> None:
    pattern = stand_in("os.kill(os.getpid(), signal.SIGSEGV)", "pass")
    with pytest.raises(DataError, match=r"model\.pt cannot be opened: the process that tried to was killed by SIGSEGV"):
        described(pattern)


def test_a_crash_at_small_sizes_leaves_the_least_that_is_safe(
    stand_in: Callable[[str, str], str], capfd: pytest.CaptureFixture[str], own_cache: Path
) -> None:
    pattern = stand_in("print('chatter')", "min(x.shape[2:]) < 20 and os.kill(os.getpid(), signal.SIGFPE)")
    info = described(pattern)
    assert (info.scales, info.channels) == (frozenset({2}), "any")
    (kept,) = (own_cache / "models").iterdir()
    assert '"least": 32' in kept.read_text()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "trying model.pt: its channels, scale, sizes and halo\n")


def test_one_file_is_tried_once_whatever_it_is_called(
    stand_in: Callable[[str, str], str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    described(stand_in("pass", "pass"))
    (tmp_path / "model.pt").rename(tmp_path / "other.pt")
    assert described(f"torchscript:{tmp_path}/other.pt").halo == 0
    assert capfd.readouterr().err.count("trying") == 1


def test_memory_beyond_measure_is_refused_before_it_is_taken(stand_in: Callable[[str, str], str]) -> None:
    if sys.platform != "linux":
        pytest.skip("the system does not count what a process takes")
    pattern = stand_in("bytearray(64 * 2**30)", "pass")
    with pytest.raises(DataError, match=r"model\.pt cannot be tried \(MemoryError\)"):
        described(pattern)


def test_a_network_that_pools_runs_on_images_of_any_size(tmp_path: Path) -> None:
    path = small_models.save_onnx(small_models.pooling(), tmp_path / "pool.onnx")
    registry = Registry()
    (choice,) = registry.select([f"onnx:{path}"])
    method = registry.method(choice.card.name)()
    for height, width in ((5, 40), (16, 16), (31, 50)):
        x = np.random.default_rng(0).random((3, height, width), np.float32)
        out = run_method(method, x, 2, CPU)
        assert out.shape == (3, 2 * height, 2 * width)
        assert np.isfinite(out).all()


def test_sizes_are_tried_from_above() -> None:
    seen: list[tuple[int, ...]] = []
    up = nn.Upsample(scale_factor=2)
    found = find_traits(LoadedModel(run=up, says="a model"), ModelOptions(), "model", before=seen.append)
    squares = [shape[2] for shape in seen if shape[0] == 1 and shape[2] == shape[3] <= 32]
    assert squares[:6] == [32, 16, 8, 4, 2, 1]
    assert found.least == 1


# small files that declare much ---------------------------------------------------------------------------------------


def bomb(path: Path) -> Path:
    """Weights of 256 MiB in 256 KiB."""
    state = {"params": {"conv.weight": torch.zeros(4)}}
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            if name.endswith("data/0"):
                with archive.open(name, "w", force_zip64=True) as file:
                    for _ in range(256):
                        file.write(bytes(2**20))
            else:
                archive.writestr(name, content)
    return path


@pytest.mark.parametrize(("kind", "suffix"), [("spandrel", "pth"), ("torchscript", "pt"), ("exported", "pt2")])
def test_an_archive_that_unpacks_to_far_more_is_refused_at_once(kind: str, suffix: str, tmp_path: Path) -> None:
    path = bomb(tmp_path / f"bomb.{suffix}")
    with pytest.raises(DataError, match=rf"bomb\.{suffix} has [\d,]+ bytes and would unpack to 268,\d+"):
        open_file(kind, path, CPU)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_tensors_that_declare_more_than_the_file_holds_are_refused(*, legacy: bool, deep: bool, tmp_path: Path) -> None:
    huge = {"conv.weight": torch.zeros(1).expand(2**20, 2**20)}
    path = tmp_path / "huge.pth"
    torch.save({"params": {"inner": huge}} if deep else huge, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(DataError, match=r"huge\.pth has [\d,]+ bytes and declares weights of 4,398,046,511,104"):
        open_file("spandrel", path, CPU)


def test_a_torchscript_program_that_opens_files_is_refused(tmp_path: Path) -> None:
    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * torch.from_file("weights.bin", size=1)

    path = tmp_path / "reads.pt"
    torch.jit.script(Reads()).save(str(path))
    with pytest.raises(DataError, match=r"reads\.pt opens files while it runs; save it with its weights inside"):
        open_file("torchscript", path, CPU)
