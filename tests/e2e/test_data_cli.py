"""``srbench data``, as a user meets it: output, errors and exit codes."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from srbench.cli.data import app
from srbench.cli.doctor import doctor
from srbench.data.catalog import manifest_names
from srbench.data.fetch.networks import NETWORKS, find, networks_folder
from srbench.errors import EXIT_DATA, DataError, UsageError
from srbench.imaging.files import pixels_sha256, write_png

runner = CliRunner()


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest of two images, a mirror that has them, an empty data root, and no network to be used by accident."""
    folder = tmp_path / "mirror" / "mine"
    folder.mkdir(parents=True)
    images = []
    for name in "ab":
        image = np.random.default_rng(ord(name)).integers(0, 256, (9, 8, 3), dtype=np.uint8)
        write_png(folder / f"{name}.png", image)
        images.append(f'{{ name = "{name}", path = "{name}.png", pixels_sha256 = "{pixels_sha256(image)}" }}')
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nkind = "hr"\nrole = "train"\ndefault_split = "all"\nlicence = "CC0"\n'
        f'base_url = "http://127.0.0.1:9/"\n[splits.all]\nimages = [{", ".join(images)}]\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("srbench.data.fetch.download.BACKOFF", 0.01)
    return folder


def test_list_fits_80_columns() -> None:
    result = runner.invoke(app, ["list"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    shown = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert set(manifest_names()) <= shown
    assert any("embedded" in line and "yes" in line for line in lines)
    assert any("set5" in line and "no" in line for line in lines)


def test_list_as_json() -> None:
    result = runner.invoke(app, ["list", "--json"])
    document = json.loads(result.stdout)
    assert document["schema_version"] == 1
    sets = {record["name"]: record for record in document["datasets"]}
    assert set(sets) == set(manifest_names())
    assert sets["set14"]["splits"] == {"test": 14}
    assert sets["set14"]["present"] == "no"
    assert sets["bsd100-pairs"]["kind"] == "pairs"
    assert sets["div2k"]["bytes"] == 3530603713 + 448993893


def test_fetch_verify_path(tmp_path: Path) -> None:
    result = runner.invoke(app, ["fetch", "./mine.toml"])
    assert result.exit_code == 0, result.output
    assert "mine:all: 2 files, 2 fetched" in result.stdout
    assert "srbench: fetched mine:all" in result.stderr
    assert "0 fetched" in runner.invoke(app, ["fetch", "./mine.toml"]).stdout
    assert runner.invoke(app, ["verify", "./mine.toml"]).stdout == "mine:all: 2 of 2 files are whole\n"
    folder = Path(runner.invoke(app, ["path", "./mine.toml"]).stdout.strip())
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
    assert folder.is_relative_to(tmp_path / "data")


def test_verify_names_what_is_corrupt_or_missing() -> None:
    runner.invoke(app, ["fetch", "./mine.toml"])
    folder = Path(runner.invoke(app, ["path", "./mine.toml"]).stdout.strip())
    (folder / "a.png").write_bytes(b"rubbish")
    (folder / "b.png").unlink()
    result = runner.invoke(app, ["verify", "./mine.toml", "--json"])
    assert isinstance(result.exception, DataError)
    assert result.exception.exit_code == EXIT_DATA
    assert "a.png (wrong hash" in str(result.exception)
    assert "b.png (missing)" in str(result.exception)
    (record,) = json.loads(result.stdout)["verified"]
    assert (record["files"], record["whole"]) == (2, 0)
    assert set(record["faults"]) == {"a.png", "b.png"}


def test_verify_without_names_checks_what_is_here() -> None:
    result = runner.invoke(app, ["verify"])
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if line.split(":")[0] not in NETWORKS]  # inside torchmetrics
    assert lines == [
        "embedded:train: 9 of 9 files are whole",
        "embedded:validation: 3 of 3 files are whole",
        "embedded:test: 5 of 5 files are whole",
    ]


def test_path_of_what_is_not_here(tmp_path: Path) -> None:
    result = runner.invoke(app, ["path", "set5"])
    assert result.stdout.strip() == str(tmp_path / "data" / "set5")
    assert "srbench data fetch set5" in result.stderr


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files in the places of AlexNet's weights and LPIPS's heads in the cache, pinned by what they hold."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    found = {}
    for name in ("alexnet", "lpips-alex-heads"):
        content = name.encode() * 100
        pinned = replace(NETWORKS[name], sha256=hashlib.sha256(content).hexdigest()[:8], packaged="")
        monkeypatch.setitem(NETWORKS, name, pinned)
        found[name] = networks_folder() / pinned.file
        found[name].parent.mkdir(parents=True, exist_ok=True)
        found[name].write_bytes(content)
    return found


def test_verify_and_path_know_weights(weights: dict[str, Path]) -> None:
    result = runner.invoke(app, ["verify", "lpips-alex", "alexnet"])
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines() == [f"{name}: whole, {path}" for name, path in weights.items()]
    assert "alexnet: whole" in runner.invoke(app, ["verify"]).stdout
    assert runner.invoke(app, ["path", "lpips-alex"]).stdout.splitlines() == list(map(str, weights.values()))
    assert runner.invoke(app, ["path", "alexnet"]).stdout.strip() == str(weights["alexnet"])


def test_verify_reads_weights_anew(weights: dict[str, Path]) -> None:
    """A file that a disk has changed behind its time: what was remembered of it is not asked."""
    path = weights["alexnet"]
    assert runner.invoke(app, ["verify", "alexnet"]).exit_code == 0
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"X" + path.read_bytes()[1:])
    os.utime(path, ns=times)
    result = runner.invoke(app, ["verify", "lpips-alex", "--json"])
    assert isinstance(result.exception, DataError)
    assert str(result.exception).endswith("is not as pinned: run `srbench data fetch alexnet`.")
    first, second = json.loads(result.stdout)["weights"]
    assert "is not the file that its name says" in first["fault"]
    assert (second["fault"], second["path"]) == ("", str(weights["lpips-alex-heads"]))
    with pytest.raises(DataError):  # a run is told as well
        find(("alexnet",), "alexnet")


def test_verify_and_path_of_weights_that_are_not_here(weights: dict[str, Path]) -> None:
    weights["alexnet"].unlink()
    result = runner.invoke(app, ["verify", "lpips-alex"])
    assert isinstance(result.exception, DataError)
    assert "alexnet (missing) is not as pinned: run `srbench data fetch alexnet`" in str(result.exception)
    result = runner.invoke(app, ["path", "lpips-alex"])
    assert result.stdout.splitlines() == list(map(str, weights.values()))
    assert "srbench: alexnet-owt-7be5be79.pth is not here: run `srbench data fetch alexnet`" in result.stderr


def test_errors(mirror: Path) -> None:
    assert isinstance(runner.invoke(app, ["fetch", "set55"]).exception, UsageError)
    assert isinstance(runner.invoke(app, ["path", "set5:train"]).exception, UsageError)
    assert isinstance(runner.invoke(app, ["verify", "set5"]).exception, DataError)
    (mirror / "a.png").unlink()
    error = runner.invoke(app, ["fetch", "./mine.toml"]).exception
    assert isinstance(error, DataError)
    assert "a.png cannot be had" in str(error)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; import srbench.cli.data;"
        "print([m for m in ('torch', 'numpy', 'pydantic', 'pooch', 'requests', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert run.stdout.strip() == "[]"


def test_verify_says_what_to_fetch() -> None:
    error = runner.invoke(app, ["verify", "set5", "set14:test"]).exception
    assert str(error).endswith("run `srbench data fetch set5` and run `srbench data fetch set14:test`.")


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("SRBENCH_DATASETS", "{folder}/file", "file is not a folder; set SRBENCH_DATASETS"),
        ("SRBENCH_DATASETS", "{folder}/own", "mine.toml"),
        ("SRBENCH_MIRROR", "/nonexistent", "SRBENCH_MIRROR names /nonexistent, and there is no such folder"),
        ("SRBENCH_MIRROR", "ftp://host", "SRBENCH_MIRROR names 'ftp://host'"),
        ("SRBENCH_TIMEOUT", "abc", "SRBENCH_TIMEOUT is 'abc'"),
        ("SRBENCH_CACHE", "{folder}/cache", "weights/junk.safetensors are damaged"),
    ],
)
def test_doctor_finds_what_is_wrong_with_data_settings_and_weights(
    setting: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in {"file": "", "own/mine.toml": "title = 3", "cache/weights/junk.safetensors": "junk"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setenv(setting, value.format(folder=tmp_path))
    doctors = typer.Typer()
    doctors.command()(doctor)
    result = runner.invoke(doctors, [])
    assert result.exit_code == EXIT_DATA
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("problem: ")]
    assert message in line


def test_doctor_finds_a_file_in_place_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doctors = typer.Typer()
    doctors.command()(doctor)
    result = runner.invoke(doctors, [])
    assert (result.exit_code, "no problem found" in result.stdout) == (0, True), result.output
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path / "file"))
    result = runner.invoke(doctors, [])
    assert result.exit_code == EXIT_DATA
    assert "file is not a folder; set SRBENCH_DATA" in result.stdout
    assert result.stdout.endswith("1 problem found\n")
    monkeypatch.delenv("SRBENCH_DATA")
    monkeypatch.setenv("SRBENCH_CACHE", str(tmp_path / "file"))
    result = runner.invoke(doctors, ["--json"])
    assert result.exit_code == EXIT_DATA
    assert len(json.loads(result.stdout)["problems"]) == 1
