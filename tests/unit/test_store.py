"""Results on disk."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from runs import write_run

from srbench.bench.results import CellId, CellResult, CurvePoint, ImageResult, KeptNote, TrainingRecord
from srbench.bench.store import RunFolder, find_run, image_folders, read_run
from srbench.errors import DataError, UsageError
from srbench.system.files import StoreError, write_atomically
from srbench.system.hashes import digest
from srbench.system.sealed import sealed

ID = CellId(method="bicubic", dataset="set5", scale=2, protocol="vdsr")


def cell(key: str = "k", value: float = 33.5) -> CellResult:
    image = ImageResult(name="baby", width=4, height=4, values={"psnr": value})
    return CellResult(
        key=key, id=ID, protocol_hash="h", values={"psnr": value}, images=(image,), inputs={}, environment={}
    )


def test_round_trip(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    assert folder.read_cell("k") == cell()
    assert folder.read_cell("other") is None


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    old, new = folder.path / "cells" / ".k.json.0123456789ab", folder.path / ".run.json.ba9876543210"
    users = folder.path / ".gitignore"
    for path in (old, new, users, folder.cell_path("k")):
        path.touch()
        if path != new:  # which somebody may be writing at this moment
            os.utime(path, (time.time() - 7200,) * 2)
    folder.sweep()
    assert not old.exists()
    assert new.exists() and users.exists() and folder.read_cell("k") == cell()


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    """Whatever is done to a cell's file, it holds what was stored or counts as not there."""
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    path = folder.cell_path("k")
    whole = path.read_bytes()
    noticed = 0
    for position in range(len(whole)):
        for changed in (whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :], whole[:position]):
            path.write_bytes(changed)
            found = folder.read_cell("k")
            assert found in (None, cell())
            noticed += found is None
    assert noticed > 1.5 * len(whole)  # the rest is white space
    path.write_text(whole.decode().replace("33.5", "35.3"))
    assert folder.read_cell("k") is None


def test_cells_of_another_schema_or_without_checksum_are_not_read(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    plain: dict[str, Any] = json.loads(folder.cell_path("k").read_text())
    del plain["sha256"]
    for version in (1, 2, 3):
        document = plain | {"schema_version": version}
        for checksum in ({}, {"sha256": digest(document)}):
            folder.cell_path("k").write_text(json.dumps(document | checksum))
            assert (folder.read_cell("k") is not None) == (version == 2 and bool(checksum))


def test_the_newest_run_is_so_though_the_clock_was_put_back(tmp_path: Path) -> None:
    for name, ahead in (("first", 10_000), ("second", 0)):
        (tmp_path / name).mkdir()
        record = tmp_path / name / "run.json"
        record.write_text("{}")
        os.utime(record, (time.time() + ahead, time.time() + ahead))
    assert find_run(None, tmp_path).name == "first"
    RunFolder(tmp_path / "second").mark_newest()
    assert find_run(None, tmp_path).name == "second"


def test_folders_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a file, and that of its new folder, must not be forgotten in a power cut."""
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name.split(".")[0])
        real(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the system does not tell what a descriptor is")
    monkeypatch.setattr(os, "fsync", note)
    write_atomically(tmp_path / "a" / "b" / "file", "content")
    assert synced == [tmp_path.name, "a", "", "b"]  # the file itself has a temporary, hidden name


def test_infinity_is_kept_in_standard_json(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell(value=float("inf")))
    plain = json.loads(folder.cell_path("k").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert plain["values"]["psnr"] == "inf"
    assert folder.read_cell("k") == cell(value=float("inf"))


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"key": "k"}', b"\xff\xfe"])
def test_a_damaged_cell_counts_as_not_there(tmp_path: Path, damage: bytes) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    folder.cell_path("k").write_bytes(damage)
    assert folder.read_cell("k") is None


def test_a_cell_under_another_name_counts_as_not_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell("k"))
    folder.cell_path("k").rename(folder.cell_path("other"))
    assert folder.read_cell("other") is None


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    with pytest.raises(StoreError, match="No space left"):
        RunFolder(tmp_path).write_cell(cell())
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file"]


def test_find_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        find_run(None, tmp_path)
    for age, name in enumerate(("new-1", "old-1", "old-2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
        os.utime(tmp_path / name / "run.json", (1000 - age, 1000 - age))
    assert find_run(None, tmp_path).name == "new-1"
    assert find_run("new", tmp_path).name == "new-1"
    assert find_run(str(tmp_path / "old-2")).name == "old-2"
    with pytest.raises(UsageError, match="Several runs"):
        find_run("old", tmp_path)
    with pytest.raises(UsageError, match="Did you mean"):
        find_run("nwe-1", tmp_path)
    with pytest.raises(UsageError, match="There is no run 'aaa"):
        find_run("a" * 300, tmp_path)


def test_no_name_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only").mkdir()
    for folder in (tmp_path, tmp_path / "only"):
        (folder / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="name is empty"):
        find_run(" ", tmp_path)


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run\.json"):
        read_run(tmp_path)
    for content, message in (
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema_version": 3}', "checksum is not that of its content; run again"),
        ('{"schema_version": 1}', "is of schema version 1 and this srbench reads version 3"),
        ('{"schema_version": 2}', "is of schema version 2 and this srbench reads version 3"),
        ('{"schema_version": 99}', "is of schema version 99 and this srbench reads version 3"),
    ):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(DataError, match=message) as error:
            read_run(tmp_path)
        assert "\n" not in str(error.value)


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_cell(cell())
    plain: dict[str, Any] = json.loads(folder.cell_path("k").read_text())
    folder.cell_path("k").write_text(json.dumps(plain | {"surprise": 1}))
    assert folder.read_cell("k") is None


def test_a_training_that_is_damaged_another_s_or_outside_is_done_without(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", gains={"net:tiny": 0.0}, images={"d": ("a",)}, scales=(2,), failed=(), pictures=0)
    folder, (known,) = run.folder, run.cells
    point = CurvePoint(step=1, validation_psnr=float("inf"), train_psnr=30.0)
    training = TrainingRecord(weights="w", curve=(point,))
    folder.write_training(training)
    path = folder.path / "trainings" / "w.json"

    def read(weights: object) -> dict[str, TrainingRecord]:
        folder.write_cell(known.model_copy(update={"inputs": {"weights": weights}}))
        return dict(read_run(folder.path).trainings)

    assert read("w") == {"w": training}
    path.with_name("other.json").write_bytes(path.read_bytes())
    for weights in ("other", "absent", "../trainings/w", "x" * 3000, "a\0b", None, ["w"]):
        assert read(weights) == {}
    path.write_bytes(path.read_bytes().replace(b"30.0", b"31.0"))
    assert read("w") == {}


def test_images_lie_where_a_person_finds_them(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    cells = [
        CellId(method="net", recipe=recipe, dataset="set5", scale=2, protocol="vdsr", seed=seed)
        for recipe in ("a", "b")
        for seed in (0, 1)
    ] + [CellId(method="plain", recipe="standard", dataset="set5", scale=2, protocol="vdsr")]
    names = ["/".join(image_folders(cell, cells)) for cell in cells]
    assert names == [*(f"set5/x2/net-{recipe}-seed-{seed}" for recipe in "ab" for seed in (0, 1)), "set5/x2/plain"]
    folder.name_images("1" * 64, ("set5", "x2", "net"))
    path = folder.sr_path("1" * 64, "baby")
    assert path == tmp_path / "images" / "set5" / "x2" / "net" / "baby.png"
    folder.write_image(path, b"old")
    folder.name_hr_images("c" * 64, 2, "set5")
    assert folder.hr_path("c" * 64, 2, "baby") == tmp_path / "images" / "set5" / "x2" / "hr" / "baby.png"


def test_images_of_another_version_never_pass_for_a_cells_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for key, name, content in (("1" * 64, "net", b"old"), ("2" * 64, "Net", b"new")):
        folder.name_images(key, ("set5", "x2", name))
        folder.write_image(folder.sr_path(key, "baby"), content)
    assert folder.sr_path("2" * 64, "baby").parent.name == "Net"
    assert folder.sr_path("1" * 64, "baby").read_bytes() == b"old"
    assert folder.sr_path("2" * 64, "baby").read_bytes() == b"new"
    folder.name_images("1" * 64, ("set5", "x2", "net"))  # the old version once more
    assert folder.sr_path("1" * 64, "baby") == tmp_path / "images" / "set5" / "x2" / "net" / "baby.png"
    assert [folder.sr_path(key * 64, "baby").read_bytes() for key in "12"] == [b"old", b"new"]


def test_a_run_whose_images_have_the_old_names_is_read(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).sr_path("k", "baby") == tmp_path / "images" / "k" / "baby.png"
    hr = tmp_path / "images" / "hr" / ("c" * 16 + "-x2") / "baby.png"
    assert RunFolder(tmp_path).hr_path("c" * 64, 2, "baby") == hr


def test_a_forged_note_of_where_images_are_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    note = KeptNote(key="k", folders=("..", "..", "etc"))
    (tmp_path / "kept" / "k.json").write_text(sealed(note))
    with pytest.raises(DataError, match="do not trust that run"):
        RunFolder(tmp_path).sr_path("k", "baby")
