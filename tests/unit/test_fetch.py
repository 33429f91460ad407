"""Fetching, against a real HTTP server that behaves and misbehaves."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from server import (
    Behaviour,
    Handler,
    Server,
    endless,
    failing,
    html,
    plain,
    ranged,
    serving,
    silently_short,
    stalling,
    truncated,
    truncated_but_ranged,
    wrong,
)

from srbench.data.catalog import manifest_names, resolve
from srbench.data.dataset import Dataset
from srbench.data.fetch import download as download_module
from srbench.data.fetch import networks
from srbench.data.fetch.fetch import fetch
from srbench.data.fetch.integrity import fault_at, faults
from srbench.data.images import read_samples
from srbench.errors import DataError, UsageError
from srbench.imaging.files import pixels_sha256, write_png


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SRBENCH_MIRROR", raising=False)
    monkeypatch.setenv("SRBENCH_TIMEOUT", "5")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download_module, "BACKOFF", 0.01)
    monkeypatch.setattr(download_module, "CHUNK", 512)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(image: np.ndarray, extension: str = ".bmp") -> bytes:
    return bytes(cv2.imencode(extension, image[..., ::-1])[1].tobytes())


def entry(name: str, data: bytes, image: np.ndarray) -> str:
    return (
        f'{{ name = "{name}", path = "{name}_GT.bmp", bytes = {len(data)}, '
        f'sha256 = "{hashlib.sha256(data).hexdigest()}", pixels_sha256 = "{pixels_sha256(image)}" }}'
    )


def slow(handler: Handler, data: bytes) -> None:
    time.sleep(1)
    plain(handler, data)


@pytest.fixture
def mine(server: Server, tmp_path: Path) -> Dataset:
    """A set of three images, at the server's /origin."""
    entries = []
    for seed, name in enumerate("abc"):
        data = encoded(picture(seed))
        server.files[f"origin/{name}_GT.bmp"] = data
        entries.append(entry(name, data, picture(seed)))
    text = (
        'title = "Mine"\nkind = "hr"\nrole = "train"\ndefault_split = "train"\nlicence = "CC0"\n'
        f'base_url = "{server.url}/origin"\n[splits.train]\nimages = [{", ".join(entries)}]\n'
    )
    (tmp_path / "mine.toml").write_text(text)
    return resolve(str(tmp_path / "mine.toml"))


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


ALL = {"a_GT.bmp", "b_GT.bmp", "c_GT.bmp"}


def test_samples_fetch_what_is_missing(mine: Dataset, server: Server) -> None:
    lines: list[str] = []
    samples = list(read_samples(mine, progress=lines.append))
    for seed, sample in enumerate(samples):
        np.testing.assert_array_equal(sample.hr, picture(seed))
    assert files_in(mine.folder) == ALL
    assert lines == ["fetching mine:train (3 files, 18 kB)", "fetched mine:train"]
    server.requests.clear()
    assert len(list(read_samples(mine, progress=lines.append))) == 3
    assert fetch(mine) == 0
    assert server.requests == []
    assert len(lines) == 2


def test_only_what_is_missing_or_wrong_is_fetched(mine: Dataset, server: Server) -> None:
    fetch(mine, progress=False)
    (mine.folder / "a_GT.bmp").unlink()
    (mine.folder / "b_GT.bmp").write_bytes(b"rubbish")
    assert [(file.path.name, fault[:10]) for file, fault in faults(mine)] == [
        ("a_GT.bmp", "missing"),
        ("b_GT.bmp", "wrong hash"),
    ]
    server.requests.clear()
    assert fetch(mine, progress=False) == 2
    assert sorted(path for path, _ in server.requests) == ["origin/a_GT.bmp", "origin/b_GT.bmp"]
    assert faults(mine) == []


def test_corrupt_file_is_noticed_while_reading(mine: Dataset) -> None:
    fetch(mine, progress=False)
    (mine.folder / "b_GT.bmp").write_bytes(encoded(picture(9)))
    with pytest.raises(DataError, match=r"b_GT\.bmp does not have the pixels .* run `srbench data fetch"):
        list(read_samples(mine, progress=False))
    (mine.folder / "b_GT.bmp").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"b_GT\.bmp is corrupt: run `srbench data fetch .*mine\.toml`\.$"):
        list(read_samples(mine, progress=False))


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (truncated, "truncated"),
        (silently_short, r"wrong hash|truncated"),
        (html, "HTML"),
        (wrong, "wrong hash"),
        (endless, "wrong hash"),
        (failing, "answered 500"),
    ],
)
def test_bad_answers_are_refused_and_nothing_is_kept(
    way: Behaviour, reason: str, mine: Dataset, server: Server
) -> None:
    server.ways["origin/b_GT.bmp"] = [way]
    with pytest.raises(DataError, match=reason) as caught:
        fetch(mine, progress=False)
    text = str(caught.value)
    assert text.startswith("mine: b_GT.bmp cannot be had")
    assert "SRBENCH_MIRROR" in text
    assert "srbench data fetch" in text
    assert "\n" not in text
    assert files_in(mine.folder) <= ALL - {"b_GT.bmp"}


def test_a_missing_file_is_named(mine: Dataset, server: Server) -> None:
    del server.files["origin/c_GT.bmp"]
    with pytest.raises(DataError, match=r"c_GT\.bmp cannot be had \(.*404"):
        fetch(mine, progress=False)


def test_passing_failures_are_retried(mine: Dataset, server: Server) -> None:
    server.ways["origin/a_GT.bmp"] = [failing, truncated, plain]
    fetch(mine, progress=False)
    assert faults(mine) == []


def test_a_stalled_server_ends_in_an_error(mine: Dataset, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SRBENCH_TIMEOUT", "0.2")
    server.ways["origin/a_GT.bmp"] = [stalling]
    start = time.monotonic()
    with pytest.raises(DataError, match=r"a_GT\.bmp cannot be had .*no answer within 0\.2 s"):
        fetch(mine, progress=False)
    assert time.monotonic() - start < 5


def test_no_network(mine: Dataset, server: Server) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"^mine: ._GT\.bmp cannot be had \(.*no connection\): set SRBENCH_MIRROR"):
        fetch(mine, progress=False)
    assert files_in(mine.folder) == set()


def test_resume_within_a_fetch(mine: Dataset, server: Server) -> None:
    server.ways["origin/a_GT.bmp"] = [truncated_but_ranged, ranged]
    fetch(mine, progress=False)
    assert ("origin/a_GT.bmp", "bytes=2560-") in server.requests  # whole chunks of the 3067 bytes that were sent
    assert faults(mine) == []


def test_resume_in_a_later_fetch(mine: Dataset, server: Server) -> None:
    server.ways["origin/a_GT.bmp"] = [truncated_but_ranged, failing]
    with pytest.raises(DataError, match=r"a_GT\.bmp"):
        fetch(mine, progress=False)
    (part,) = mine.folder.glob(".*.part")
    assert part.stat().st_size == 2560
    assert not (mine.folder / "a_GT.bmp").exists()
    server.requests.clear()
    server.ways["origin/a_GT.bmp"] = [ranged]
    fetch(mine, progress=False)
    assert ("origin/a_GT.bmp", "bytes=2560-") in server.requests
    assert faults(mine) == []
    assert files_in(mine.folder) == ALL


@pytest.mark.parametrize("way", [plain, ranged])
@pytest.mark.parametrize("content", ["rubbish", "too long"])
def test_a_part_of_another_file_does_no_harm(way: Behaviour, content: str, mine: Dataset, server: Server) -> None:
    data = server.files["origin/a_GT.bmp"]
    part = part_of(mine, f"{server.url}/origin/a_GT.bmp")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rubbish" if content == "rubbish" else b"x" * (len(data) + 5))
    server.ways["origin/a_GT.bmp"] = [way]
    fetch(mine, progress=False)
    assert faults(mine) == []
    assert files_in(mine.folder) == ALL


def part_of(dataset: Dataset, url: str) -> Path:
    return dataset.folder / f".a_GT.bmp.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"


def test_a_part_that_another_process_is_at_is_left_alone(mine: Dataset, server: Server) -> None:
    fcntl = pytest.importorskip("fcntl")
    part = part_of(mine, f"{server.url}/origin/a_GT.bmp")
    part.parent.mkdir(parents=True)
    with part.open("w+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b"theirs")
        file.flush()
        fetch(mine, progress=False)
    assert part.read_bytes() == b"theirs"
    assert faults(mine) == []


def test_two_processes_at_once(mine: Dataset, tmp_path: Path) -> None:
    code = (
        "import sys; from srbench.data.catalog import resolve; from srbench.data.fetch.fetch import fetch;"
        "fetch(resolve(sys.argv[1]), progress=False)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine.toml")]
    runs = [subprocess.Popen(command) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert faults(mine) == []
    assert files_in(mine.folder) == ALL


@pytest.mark.parametrize("form", ["folder", "file", "http", "several"])
def test_mirrors(form: str, mine: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror's lossless copies are taken by their pixels, its originals by their hash."""
    mirror = tmp_path / "my mirror"
    (mirror / "mine").mkdir(parents=True)
    write_png(mirror / "mine" / "a.png", picture(0))
    (mirror / "mine" / "b_GT.bmp").write_bytes(server.files["origin/b_GT.bmp"])
    for path in (mirror / "mine").iterdir():
        server.files[f"mirror/mine/{path.name}"] = path.read_bytes()
    value = {
        "folder": str(mirror),
        "file": mirror.as_uri(),
        "http": f"{server.url}/mirror/",
        "several": f"{tmp_path / 'none'}, {server.url}/nothing, {mirror}",
    }[form]
    monkeypatch.setenv("SRBENCH_MIRROR", value)
    fetch(mine, progress=False)
    assert files_in(mine.folder) == {"a.png", "b_GT.bmp", "c_GT.bmp"}
    assert [path for path, _ in server.requests if path.startswith("origin/")] == ["origin/c_GT.bmp"]
    assert faults(mine) == []
    assert fetch(mine) == 0
    np.testing.assert_array_equal(next(read_samples(mine)).hr, picture(0))


@pytest.mark.parametrize("form", ["folder", "http"])
def test_a_wrong_copy_in_a_mirror_is_passed_over(
    form: str, mine: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "mirror" / "mine" / "a.png", picture(7))
    server.files["mirror/mine/a.png"] = (tmp_path / "mirror" / "mine" / "a.png").read_bytes()
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror") if form == "folder" else f"{server.url}/mirror")
    fetch(mine, progress=False)
    assert files_in(mine.folder) == ALL
    del server.files["origin/a_GT.bmp"]
    (mine.folder / "a_GT.bmp").unlink()
    with pytest.raises(DataError, match=r"mirror/mine/a\.png has a wrong hash; .*404"):
        fetch(mine, progress=False)
    assert files_in(mine.folder) == ALL - {"a_GT.bmp"}


def test_a_good_copy_replaces_a_corrupt_file(mine: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(mine, progress=False)
    (mine.folder / "a_GT.bmp").write_bytes(b"rubbish")
    write_png(tmp_path / "mirror" / "mine" / "a.png", picture(0))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    fetch(mine, progress=False)
    np.testing.assert_array_equal(next(read_samples(mine)).hr, picture(0))


def test_a_data_root_is_a_mirror(
    mine: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(mine, progress=False)
    mine.folder.rename(tmp_path / "data" / "mine")
    server.files.clear()
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "data"))
    fetch(mine, progress=False)
    assert faults(mine) == []


@pytest.mark.parametrize(("variable", "value"), [("SRBENCH_MIRROR", "ftp://example.org"), ("SRBENCH_TIMEOUT", "soon")])
def test_bad_settings(variable: str, value: str, mine: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=variable):
        fetch(mine, progress=False)


def test_data_root_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match=r"^\S+/data/set5 cannot be made \([^)]+\): name a folder in SRBENCH_DATA\.$"):
        fetch(resolve("set5"), progress=False)


@pytest.mark.parametrize("source", ["origin", "mirror"])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_no_other_source_is_asked_where_a_file_cannot_be_put(
    source: str, step: str, mine: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "mirror":
        fetch(mine, progress=False)
        (tmp_path / "copies").mkdir()
        mine.folder.rename(tmp_path / "copies" / "mine")
        monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "copies"))
        server.requests.clear()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "rename":
        monkeypatch.setattr(Path, "replace", full)
    else:
        monkeypatch.setattr("srbench.data.fetch.sources.shutil.copyfile", full)
        monkeypatch.setattr("srbench.data.fetch.download._open_alone", full)
    with pytest.raises(DataError) as caught:
        fetch(mine, progress=False)
    wanted = r"\S+ cannot be written \(No space left on device\): check the folder and its free space\."
    assert re.fullmatch(wanted, str(caught.value))
    assert source == "origin" or not server.requests
    assert not [name for name in files_in(mine.folder) if not name.endswith(".part")]


def test_an_archive_that_cannot_be_put_anywhere(server: Server, tmp_path: Path) -> None:
    dataset = archived(server, tmp_path, zipped(**numbers()))
    dataset.folder.parent.parent.mkdir(parents=True, exist_ok=True)
    dataset.folder.parent.write_text("a file")
    with pytest.raises(DataError, match=r"^\S+ cannot be written \([^)]+\): check the folder and its free space\.$"):
        fetch(dataset, progress=False)


def test_a_mirrors_file_that_cannot_be_read_is_passed_over(
    mine: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies" / "mine").mkdir(parents=True)
    (tmp_path / "copies" / "mine" / "a.png").touch()
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "copies"))

    def denied(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied", str(source))

    monkeypatch.setattr("srbench.data.fetch.sources.shutil.copyfile", denied)
    fetch(mine, progress=False)
    assert faults(mine) == []


@pytest.mark.parametrize("layout", ["MINE/HR/{}.bmp", "Mine/{}.png", "mine/GT/{}_HR.tif", "Mine/original/{}_gt.PNG"])
def test_a_mirror_in_the_layout_of_others(
    layout: str, mine: Dataset, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate("ABC"):
        path = tmp_path / "mirror" / layout.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(seed), path.suffix.lower()))
    (path.parent / "C_x2.png").write_bytes(encoded(picture(9), ".png"))
    monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror"))
    assert fetch(mine, progress=False) == 3
    assert (server.requests, faults(mine)) == ([], [])
    assert files_in(mine.folder) == {"a.png", "b.png", "c.png"}
    for seed, sample in enumerate(read_samples(mine)):
        np.testing.assert_array_equal(sample.hr, picture(seed))


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def archived(server: Server, tmp_path: Path, data: bytes, last: int = 2) -> Dataset:
    server.files["sets/Numbers.zip"] = data
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "numbers.toml").write_text(
        'title = "Numbers"\nkind = "hr"\nrole = "train"\ndefault_split = "train"\nlicence = "CC0"\n'
        f'base_url = "{server.url}/sets/"\n[splits.train]\n'
        f'archive = {{ path = "Numbers.zip", bytes = {len(data)}, sha256 = "{digest}" }}\n'
        f'numbered = {{ path = "Numbers/{{:04d}}.png", first = 1, last = {last} }}\n'
    )
    return resolve(str(tmp_path / "numbers.toml"))


def numbers() -> dict[str, bytes]:
    return {f"Numbers/000{number}.png": encoded(picture(number), ".png") for number in (1, 2)}


@pytest.mark.parametrize("source", ["origin", "mirror folder", "mirror http"])
def test_archive(source: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"../escaped.png": b"x", "/absolute.png": b"x", "Numbers/other.txt": b"x"}
    dataset = archived(server, tmp_path, zipped(**numbers(), **extra))
    if source != "origin":
        mirror = tmp_path / "mirror" / "numbers" / "Numbers.zip"
        mirror.parent.mkdir(parents=True)
        mirror.write_bytes(server.files.pop("sets/Numbers.zip"))
        server.files["mirror/numbers/Numbers.zip"] = mirror.read_bytes()
        monkeypatch.setenv("SRBENCH_MIRROR", str(tmp_path / "mirror") if "folder" in source else f"{server.url}/mirror")
    samples = list(read_samples(dataset, progress=False))
    assert [sample.name for sample in samples] == ["0001", "0002"]
    np.testing.assert_array_equal(samples[1].hr, picture(2))
    assert files_in(dataset.folder) == {"Numbers", "Numbers.sha256"}
    assert files_in(dataset.folder / "Numbers") == {"0001.png", "0002.png"}
    assert not list(tmp_path.rglob("escaped.png"))
    assert fetch(dataset) == 0
    (dataset.folder / "Numbers" / "0001.png").write_bytes(encoded(picture(5), ".png"))
    assert [(file.path.name, fault) for file, fault in faults(dataset)] == [("0001.png", "wrong hash")]
    assert fetch(dataset, progress=False) == 1
    assert faults(dataset) == []


def test_pairs_in_two_archives(server: Server, tmp_path: Path) -> None:
    """As DIV2K is published: HR in one, LR in another, whose folders may be called otherwise than one thinks."""
    hr = {f"HR/000{number}.png": encoded(picture(number), ".png") for number in (1, 2)}
    lr = {f"elsewhere/X2/000{number}x2.png": encoded(picture(9 + number)[::2, ::2].copy(), ".png") for number in (1, 2)}
    pins = {}
    for name, files in (("HR.zip", hr), ("LR.zip", lr)):
        data = server.files[f"sets/{name}"] = zipped(**files)
        pins[name] = f'{{ path = "{name}", bytes = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}" }}'
    (tmp_path / "pairs.toml").write_text(
        'title = "Pairs"\nkind = "pairs"\nrole = "test"\ndefault_split = "x2"\nlicence = "CC0"\n'
        f'base_url = "{server.url}/sets/"\n[splits.x2]\nscale = 2\narchive = {pins["HR.zip"]}\n'
        f"lr_archive = {pins['LR.zip']}\n"
        'numbered = { path = "HR/{:04d}.png", lr = "LR/X2/{:04d}x2.png", first = 1, last = 2 }\n'
    )
    dataset = resolve(str(tmp_path / "pairs.toml"))
    samples = list(read_samples(dataset, progress=False))
    assert [(sample.name, sample.scale) for sample in samples] == [("0001", 2), ("0002", 2)]
    np.testing.assert_array_equal(samples[1].hr, picture(2))
    assert samples[1].lr is not None
    np.testing.assert_array_equal(samples[1].lr, picture(11)[::2, ::2])
    assert sorted(path for path, _ in server.requests) == ["sets/HR.zip", "sets/LR.zip"]
    assert fetch(dataset) == 0
    (dataset.folder / "LR" / "X2" / "0001x2.png").write_bytes(encoded(picture(5), ".png"))
    assert [(file.path.name, fault) for file, fault in faults(dataset)] == [("0001x2.png", "wrong hash")]
    assert fetch(dataset, progress=False) == 1


def test_two_members_of_one_name_are_not_guessed(server: Server, tmp_path: Path) -> None:
    files = {f"{folder}/000{number}.png": b"x" for folder in ("a", "b") for number in (1, 2)}
    with pytest.raises(DataError, match=r"does not hold Numbers/0001\.png"):
        fetch(archived(server, tmp_path, zipped(**files)), progress=False)


def test_div2ks_lr_lies_beside_its_hr(tmp_path: Path) -> None:
    """So that HR is fetched once for both, and found by whoever has either."""
    hr, both = resolve("div2k"), resolve("div2k-lr:unknown-x3")
    assert both.folder == hr.folder
    assert [item.main.path for item in both.items] == [item.main.path for item in hr.items]
    assert {item.main.archive for item in both.items} == {item.main.archive for item in hr.items}
    assert both.scale == 3
    lr = both.items[0].lr
    assert lr is not None and lr.archive is not None
    assert lr.path == both.folder / "DIV2K_valid_LR_unknown" / "X3" / "0801x3.png"
    assert lr.url == "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_LR_unknown_X3.zip"
    assert lr.archive.path == "DIV2K_valid_LR_unknown_X3.zip"


def test_archive_resumes(server: Server, tmp_path: Path) -> None:
    dataset = archived(server, tmp_path, zipped(**numbers()))
    server.ways["sets/Numbers.zip"] = [truncated_but_ranged, failing]
    with pytest.raises(DataError, match=r"Numbers\.zip cannot be had"):
        fetch(dataset, progress=False)
    server.ways["sets/Numbers.zip"] = [ranged]
    fetch(dataset, progress=False)
    assert server.requests[-1][1] is not None
    assert faults(dataset) == []


def test_archives_that_are_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not hold Numbers/0003\.png"):
        fetch(archived(server, tmp_path, zipped(**numbers()), last=3), progress=False)
    with pytest.raises(DataError, match="is corrupt"):
        fetch(archived(server, tmp_path, b"PK no zip at all"), progress=False)
    link = zipfile.ZipInfo("Numbers/0001.png")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    dataset = archived(server, tmp_path, buffer.getvalue(), last=1)
    with pytest.raises(DataError, match="holds a link"):
        fetch(dataset, progress=False)
    assert not (dataset.folder / "Numbers" / "0001.png").exists()
    dataset = archived(server, tmp_path, zipped(**numbers()))
    server.ways["sets/Numbers.zip"] = [wrong]
    with pytest.raises(DataError, match=r"Numbers\.zip cannot be had .*wrong hash"):
        fetch(dataset, progress=False)
    assert not list(dataset.folder.glob("*"))


def test_a_full_disk_is_noticed_before(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = archived(server, tmp_path, zipped(**numbers()))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(DataError, match="make room, or name another folder in SRBENCH_DATA"):
        fetch(dataset, progress=False)


def test_plain_lines_without_a_terminal(mine: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(mine)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["srbench: fetching mine:train (3 files, 18 kB)", "srbench: fetched mine:train"]


NOT_HERE = ("div2k", "div2k-lr", "urban100", "realsr", "drealsr", "manga109", "flickr2k", "lsdir")


@pytest.mark.parametrize("name", [name for name in manifest_names() if name not in NOT_HERE])
def test_real_images(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    """All images of the mirror have the pinned pixels, and the pairs' HR are the pinned crops."""
    monkeypatch.setenv("SRBENCH_MIRROR", mirror)
    dataset = resolve(name)
    fetch(dataset, progress=False)
    assert faults(dataset) == []


@pytest.mark.parametrize("name", ["realsr", "drealsr"])
def test_real_crops(name: str, mirror: str) -> None:
    """Those of the crops that are at hand have the pinned pixels: HR in one folder, LR in another."""
    folder = Path(mirror) / "real_crops" / name
    if not folder.is_dir():
        pytest.skip("the real crops are not at hand")
    here = 0
    for item in resolve(name).items:
        for file, side in zip(item.files, ("hr", "lr"), strict=True):
            if (path := folder / side / file.path.name).is_file():
                assert fault_at(path, replace(file, sha256=None)) == ""
                here += 1
    assert here == {"realsr": 24, "drealsr": 22}[name]


@pytest.fixture
def mirror() -> str:
    if not MIRROR:
        pytest.skip("the real images are not at hand: set SRBENCH_MIRROR")
    return MIRROR


MIRROR = os.environ.get("SRBENCH_MIRROR", "")


def fetching(*names: str, folder: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "srbench", "data", "fetch", *names]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_three_that_fetch_one_does(mine: Dataset, server: Server, tmp_path: Path) -> None:
    server.ways.update({path: [slow] for path in server.files})
    started = [fetching("mine.toml", folder=tmp_path) for _ in range(3)]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted(path for path, _ in server.requests) == sorted(server.files)
    assert sorted(out.split(", ")[1] for out, _ in ended) == ["0 fetched", "0 fetched", "3 fetched"]
    # those that came while it went on say what they wait for
    for out, said in ended:
        assert ("waiting for it" in said) == ("0 fetched" in out), said
    assert faults(mine) == []


def test_of_a_network_likewise(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights" * 100
    known = networks.NETWORKS["squeezenet1_1"]
    server.files[f"networks/{known.file}"] = content
    server.ways[f"networks/{known.file}"] = [slow]
    monkeypatch.setenv("SRBENCH_MIRROR", server.url)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    wanted = replace(known, sha256=hashlib.sha256(content).hexdigest()[:8], packaged="", bytes=len(content))
    monkeypatch.setitem(networks.NETWORKS, "squeezenet1_1", wanted)
    told: list[str] = []
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: networks.fetch_network("squeezenet1_1", progress=told.append), range(3)))
    assert sorted(fetched for _, fetched in done) == [False, False, True]
    assert [path for path, _ in server.requests] == [f"networks/{known.file}"]
    assert told.count("another process is fetching squeezenet1_1: waiting for it") == 2


def test_one_that_is_killed_holds_up_nobody(mine: Dataset, server: Server, tmp_path: Path) -> None:
    server.ways.update({path: [stalling, plain] for path in server.files})
    first = fetching("mine.toml", folder=tmp_path)
    deadline = time.monotonic() + 60
    while len(server.requests) < 3:
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = fetching("mine.toml", folder=tmp_path)
    assert second.stderr is not None
    assert "waiting for it" in second.stderr.readline()
    first.kill()
    out, said = second.communicate(timeout=60)
    first.communicate()
    assert (second.returncode, said.count("fetched")) == (0, 1), said
    assert "3 fetched" in out
    assert faults(mine) == []
