"""A data set is known by its pixels: nothing else bears the name of one of srbench's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srbench.analysis.references import is_genuine
from srbench.bench.results import DatasetRecord
from srbench.data.catalog import Dataset, resolve
from srbench.data.images import read_samples
from srbench.data.sr_images import match
from srbench.errors import DataError
from srbench.imaging.files import write_png


def genuine(dataset: Dataset) -> bool:
    record = DatasetRecord(
        name=dataset.name, title=dataset.title, images=len(dataset.items), content_hash=dataset.content_hash
    )
    return record.name == "embedded" and is_genuine(record)


def copies(folder: Path, count: int = 5) -> Path:
    """Images of the data set ``embedded``, encoded anew."""
    for sample in list(read_samples(resolve("embedded")))[:count]:
        write_png(folder / f"{sample.name}.png", sample.hr)
    return folder


def others(folder: Path, names: list[str]) -> Path:
    for seed, name in enumerate(names):
        write_png(folder / f"{name}.png", np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8))
    return folder


@pytest.mark.parametrize("name", ["embedded", "Embedded", "urban100", "set5", "bsd100-pairs-train"])
def test_a_folder_of_other_images_does_not_bear_a_set_s_name(tmp_path: Path, name: str) -> None:
    others(tmp_path / name, ["a", "b"])
    dataset = resolve(f"./{name}", cwd=tmp_path)
    assert dataset.name == f"{name}-own" and not genuine(dataset)
    known = "bsd100-pairs-train" if "pairs" in name else name.lower()
    assert dataset.note == f"./{name} is called {name}-own here: it is not srbench's {known}"


def test_other_pictures_under_a_set_s_names_are_not_the_set(tmp_path: Path) -> None:
    others(tmp_path / "embedded", [item.name for item in resolve("embedded").items])
    assert resolve("./embedded", cwd=tmp_path).name == "embedded-own"


@pytest.mark.parametrize("name", ["embedded", "EMBEDDED"])
def test_a_folder_of_the_set_s_own_pixels_is_the_set(tmp_path: Path, name: str) -> None:
    copies(tmp_path / name)
    dataset = resolve(f"./{name}", cwd=tmp_path)
    assert genuine(dataset) and dataset.note == ""
    assert dataset.content_hash == resolve("embedded").content_hash
    assert [sample.name for sample in read_samples(dataset)] == [item.name for item in resolve("embedded").items]
    first = next(iter(dataset.items))
    write_png(first.hr.path, np.zeros((first.hr.path.stat().st_size % 50 + 9, 9), np.uint8))
    assert resolve(f"./{name}", cwd=tmp_path).name == f"{name}-own"  # one image was changed


def test_a_set_is_known_by_its_pixels_whatever_its_images_are_called(tmp_path: Path) -> None:
    known = resolve("embedded")
    for number, sample in enumerate(reversed(list(read_samples(known)))):
        write_png(tmp_path / "Test5" / "image_SRF_2" / f"img_{number:03}_SRF_2_HR.png", sample.hr)
    dataset = resolve("./Test5/image_SRF_2", cwd=tmp_path)
    assert genuine(dataset) and dataset.note == "./Test5/image_SRF_2 is embedded, by its pixels"
    assert [sample.name for sample in read_samples(dataset)] == [item.name for item in known.items]
    for sample, same in zip(read_samples(dataset), read_samples(known), strict=True):
        np.testing.assert_array_equal(sample.hr, same.hr)
    sr = tmp_path / "sr"
    for item in dataset.items:  # SR bears the names of the user's own HR
        write_png(sr / f"{item.hr.path.stem.replace('HR', 'A+')}.png", np.zeros((9, 9), np.uint8))
    assert [path.stem[:7] for path in match(sr, dataset).files] == [item.hr.path.stem[:7] for item in dataset.items]


def test_part_of_a_set_says_so(tmp_path: Path) -> None:
    copies(tmp_path / "embedded", 3)
    dataset = resolve("./embedded", cwd=tmp_path)
    assert dataset.name == "embedded-own" and not genuine(dataset)
    assert dataset.note.endswith("not srbench's embedded, but holds 3 of the 5 images of embedded")
    copies(tmp_path / "hidden3", 3)
    assert resolve("./hidden3", cwd=tmp_path).note == "./hidden3 holds 3 of the 5 images of embedded"
    copies(tmp_path / "all")
    whole = resolve("./all", cwd=tmp_path)
    assert genuine(whole) and whole.note == "./all is embedded, by its pixels"
    named = resolve("mine=./all", cwd=tmp_path)
    assert (named.name, named.note) == ("mine", "mine=./all holds all 5 images of embedded")
    others(tmp_path / "hidden3", ["mine"])
    mixed = resolve("./hidden3", cwd=tmp_path)
    assert (mixed.name, mixed.note) == ("hidden3", "")


def test_an_image_twice_counts_once(tmp_path: Path) -> None:
    copies(tmp_path / "twice", 1)
    (first,) = (tmp_path / "twice").iterdir()
    (tmp_path / "twice" / "again.png").write_bytes(first.read_bytes())
    assert resolve("./twice", cwd=tmp_path).note == "./twice holds 1 of the 5 images of embedded"


def test_a_link_bears_its_own_name(tmp_path: Path) -> None:
    others(tmp_path / "urban100", ["a"])
    others(tmp_path / "pairs" / "hr", ["a"])
    others(tmp_path / "pairs" / "lr", ["a"])
    (tmp_path / "hidden25").symlink_to(tmp_path / "urban100")
    (tmp_path / "mine").symlink_to(tmp_path / "pairs")
    assert resolve("./hidden25", cwd=tmp_path).name == "hidden25"
    assert resolve("./hidden25/../hidden25/", cwd=tmp_path).name == "hidden25"
    assert resolve("hr=mine/hr,lr=mine/lr", cwd=tmp_path).name == "mine"
    copies(tmp_path / "elsewhere")
    (tmp_path / "set5").symlink_to(tmp_path / "elsewhere")
    assert resolve("./set5", cwd=tmp_path).name == "embedded"  # by its pixels
    assert resolve(".", cwd=tmp_path / "hidden25").name == "hidden25"


def test_pairs_and_manifests_of_that_name_are_told_apart_too(tmp_path: Path) -> None:
    others(tmp_path / "set5" / "hr", ["a"])
    others(tmp_path / "set5" / "lr", ["a"])
    assert resolve("hr=set5/hr,lr=set5/lr", cwd=tmp_path).name == "set5-own"
    others(tmp_path / "files", ["a"])
    (tmp_path / "set5.toml").write_text(
        'title = "mine"\nlicence = "mine"\nhomepage = "http://x"\ncitation = "@x"\n'
        'kind = "hr"\nrole = "test"\ndefault_split = "test"\nbase_url = "files"\n'
        '[splits.test]\nimages = [{ name = "a", path = "a.png" }]\n'
    )
    assert resolve("./set5.toml", cwd=tmp_path).name == "set5-own"


def test_pictures_that_cannot_be_read_are_told_of_by_what_reads_them(tmp_path: Path) -> None:
    copies(tmp_path / "embedded")
    broken = sorted((tmp_path / "embedded").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:-200])
    dataset = resolve("./embedded", cwd=tmp_path)
    assert dataset.name == "embedded-own"
    with pytest.raises(DataError, match="truncated or corrupt"):
        list(read_samples(dataset))


def test_which_images_are_srbench_s_own_does_not_depend_on_what_lies_here(monkeypatch: pytest.MonkeyPatch) -> None:
    records = []
    for spec in ("embedded", "set5", "bsd100-pairs:train"):
        known = resolve(spec)
        records.append(
            DatasetRecord(name=known.name, title="", images=len(known.items), content_hash=known.content_hash)
        )
    monkeypatch.setenv("SRBENCH_DATA", "~nobody-is-called-so/data")
    monkeypatch.setattr("srbench.data.catalog.find_spec", lambda name: None)
    is_genuine.cache_clear()
    for record in records:
        assert is_genuine(record)
        assert not is_genuine(record.model_copy(update={"content_hash": "0" * 64}))
