"""Manifests, and what a user may write for a data set."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srbench.data import catalog
from srbench.data.catalog import dataset_of, load_manifest, manifest_names, protected_pixels, resolve
from srbench.data.dataset import common_scale
from srbench.data.fetch.integrity import faults
from srbench.data.images import pixel_hashes, read_samples
from srbench.data.manifest import Manifest, parse_manifest
from srbench.data.own.folders import natural_key
from srbench.errors import DataError, UsageError
from srbench.imaging.files import pixels_sha256, write_png

NAMES = [
    *(
        "bsd100",
        "bsd100-pairs",
        "bsds200",
        "div2k",
        "div2k-lr",
        "drealsr",
        "embedded",
        "flickr2k",
        "general100",
        "lsdir",
    ),
    *("manga109", "realsr", "set14", "set5", "t91", "urban100"),
]
BY_HAND = {"flickr2k", "lsdir", "manga109"}
SHA = "0" * 64


def picture(seed: int = 0, size: tuple[int, ...] = (12, 16, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def test_all_manifests_are_valid() -> None:
    assert list(manifest_names()) == NAMES
    for name in NAMES:
        manifest = load_manifest(name)
        assert manifest.title
        assert manifest.licence
        assert manifest.homepage.startswith("http")
        assert manifest.citation.startswith("@")


@pytest.mark.parametrize(
    ("spec", "count", "role"),
    [
        ("set5", 5, "test"),
        ("set14:test", 14, "test"),
        ("bsd100", 100, "test"),
        ("urban100", 100, "test"),
        ("t91", 91, "train"),
        ("bsds200", 200, "train"),
        ("general100", 100, "train"),
        ("div2k:train", 800, "train"),
        ("div2k", 100, "validation"),
        ("div2k-lr", 100, "test"),
        ("div2k-lr:wild-x4", 100, "test"),
        ("realsr", 100, "test"),
        ("drealsr", 93, "test"),
        ("manga109", 109, "test"),
        ("flickr2k", 2650, "train"),
        ("bsd100-pairs:train", 100, "train"),
        ("bsd100-pairs:validation", 100, "validation"),
        ("embedded", 5, "test"),
        ("embedded:train", 9, "train"),
    ],
)
def test_what_comes_with_srbench(spec: str, count: int, role: str) -> None:
    dataset = resolve(spec)
    assert (len(dataset.items), dataset.role) == (count, role)
    assert len({item.name for item in dataset.items}) == count
    assert len(dataset.content_hash) == 64
    assert dataset.content_hash == resolve(spec).content_hash


def test_names_of_splits_differ_and_are_safe() -> None:
    assert resolve("embedded").name == resolve("embedded:test").name == "embedded"
    assert resolve("embedded:train").name == "embedded-train"
    assert resolve("bsd100-pairs:validation").name == "bsd100-pairs-validation"


def test_published_hashes_are_pinned_to_commits() -> None:
    for name in set(NAMES) - {"embedded", "div2k", "div2k-lr"} - BY_HAND:
        manifest = load_manifest(name)
        *_, owner, repository, commit = manifest.base_url.split("/")[:6]
        assert owner
        assert repository
        assert len(commit) == 40
        assert manifest.base_url.startswith("https://raw.githubusercontent.com/")
        for split in manifest.splits.values():
            for entry in split.entries():
                assert entry.sha256
                assert entry.pixels_sha256


def test_embedded_reads_without_a_network_and_is_small() -> None:
    samples = list(read_samples(resolve("embedded")))
    assert sum(sample.hr.shape[0] * sample.hr.shape[1] for sample in samples) < 1_200_000
    assert any(sample.hr.ndim == 2 for sample in samples)
    assert any(sample.hr.ndim == 3 for sample in samples)


def test_splits_of_embedded_are_disjoint() -> None:
    splits = [pixel_hashes(resolve(f"embedded:{split}")) for split in ("train", "validation", "test")]
    assert len(frozenset.union(*splits)) == sum(map(len, splits)) == 17


def test_test_images_are_protected() -> None:
    protected = protected_pixels()
    for name in ("set5", "set14", "bsd100", "urban100", "embedded"):
        assert pixel_hashes(resolve(name)) <= protected.keys()
    for name in ("t91", "bsds200", "general100", "embedded:train", "embedded:validation"):
        assert not pixel_hashes(resolve(name)) & protected.keys()


def test_pairs_look_once_for_what_they_are_crops_of(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(catalog, "resolve", lambda spec: asked.append(spec) or resolve(spec))
    assert dataset_of(load_manifest("bsd100-pairs"), "train").items[99].hr.crop_of is not None
    assert asked == ["bsd100:test"]


def test_pairs_know_what_they_are_crops_of() -> None:
    dataset = resolve("bsd100-pairs:train")
    assert dataset.scale == 2
    assert dataset.items[0].lr is not None
    assert pixel_hashes(dataset) >= pixel_hashes(resolve("bsd100"))


def test_resolving_downloads_and_imports_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from srbench.data.catalog import *; [resolve(name) for name in manifest_names()];"
        "print([m for m in ('torch', 'skimage', 'cv2', 'PIL', 'requests', 'pooch', 'rich') if m in sys.modules])"
    )
    environment = os.environ | {"SRBENCH_DATA": str(tmp_path / "data")}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.strip() == "[]"
    assert not (tmp_path / "data").exists()


def test_datasets_folder_is_no_package() -> None:
    import srbench

    for folder in srbench.__path__:
        assert not (Path(folder) / "datasets" / "__init__.py").exists()
    assert importlib.util.find_spec("srbench.datasets") is not None


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("set55", "Did you mean .*set5"),
        ("urban", "Did you mean urban100"),
        ("zzzz", "Known: bsd100"),
        ("set5:train", "has no split 'train'; it has test"),
        ("hr=a", "write hr=DIR,lr=DIR"),
        ("hr=a,hr=b", "write hr=DIR,lr=DIR"),
        ("hr= ,lr=a", "write hr=DIR,lr=DIR"),
        ("", "empty"),
        (" ", "empty"),
        ("embedded" * 40, r"There is no data set or folder 'embedded.* Known: bsd100"),
    ],
)
def test_what_is_unknown(spec: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "1.png", picture())
    (tmp_path / "a").mkdir()
    write_png(tmp_path / "a" / "1.png", picture())
    with pytest.raises(UsageError, match=message):
        resolve(spec)


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my images"
    folder.mkdir()
    for number in (10, 2, 1):
        write_png(folder / f"t{number}.png", picture(number))
    (folder / "T3.PNG").write_bytes((folder / "t2.png").read_bytes())
    write_png(folder / ".hidden.png", picture())
    (folder / "notes.txt").write_text("no image")
    (folder / "sub.png").mkdir()
    dataset = resolve(str(folder))
    assert [item.name for item in dataset.items] == ["t1", "t2", "T3", "t10"]
    assert (dataset.name, dataset.role, dataset.kind) == ("my-images", "user", "hr")
    assert [sample.name for sample in read_samples(dataset)] == ["t1", "t2", "T3", "t10"]
    assert pixels_sha256(picture(10)) in pixel_hashes(dataset)
    assert resolve("my images", cwd=tmp_path).content_hash == dataset.content_hash
    assert resolve("./my images", cwd=tmp_path).content_hash == dataset.content_hash
    (folder / "t1.png").unlink()
    assert resolve(str(folder)).content_hash != dataset.content_hash
    with pytest.raises(DataError, match="is missing"):
        list(read_samples(dataset))


def test_a_folder_of_classes(tmp_path: Path) -> None:
    for number, path in enumerate(("berry/2.png", "berry/10.png", "bird 10/1.png", "bird 2/1.png", "highway/a.png")):
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / "set" / path, picture(number))
    (tmp_path / "set" / "notes.txt").write_text("no image")
    (tmp_path / "set" / "empty").mkdir()
    dataset = resolve("./set", cwd=tmp_path)
    assert [item.name for item in dataset.items] == ["berry-2", "berry-10", "bird 2-1", "bird 10-1", "highway-a"]
    assert [pixels_sha256(sample.hr) for sample in read_samples(dataset)] == [
        pixels_sha256(picture(number)) for number in (0, 1, 3, 2, 4)
    ]
    write_png(tmp_path / "set" / "one.png", picture(9))  # images of its own: then its folders are something else
    assert [item.name for item in resolve("./set", cwd=tmp_path).items] == ["one"]


def test_classes_whose_images_would_share_a_name(tmp_path: Path) -> None:
    for path in ("a/b-1.png", "a-b/1.png"):
        (tmp_path / path).parent.mkdir()
        write_png(tmp_path / path, picture())
    with pytest.raises(DataError, match="would both be called a-b-1: rename one"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("names", ["train val", "HR GT LR", "high_res low_res", "x2 x3", "image_SRF_2", "berry Test"])
def test_splits_and_sides_of_pairs_are_no_classes(names: str, tmp_path: Path) -> None:
    for name in names.split():
        (tmp_path / name).mkdir()
        write_png(tmp_path / name / "a.png", picture())
    with pytest.raises(DataError, match="give one of its folders"):
        resolve(str(tmp_path))


def test_folder_that_changes_after_it_was_looked_at(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    dataset = resolve(str(tmp_path))
    write_png(tmp_path / "a.png", picture(2))
    with pytest.raises(DataError, match="has changed"):
        list(read_samples(dataset))


def test_same_stem_twice(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    write_png(tmp_path / "b.png", picture(3))
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.png").read_bytes())
    assert [item.name for item in resolve(str(tmp_path)).items] == ["a.jpg", "a.png", "b"]
    (tmp_path / "a.png.png").write_bytes((tmp_path / "b.png").read_bytes())
    assert [item.name for item in resolve(str(tmp_path)).items] == ["a.jpg", "a.png", "a.png.png", "b"]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"fo\xfflder")
    odd.mkdir()
    write_png(odd / "a.png", picture())
    with pytest.raises(DataError, match=r"fo\\udcfflder.* is not valid UTF-8: rename it"):
        resolve(str(odd))
    (odd / "a.png").rename(tmp_path / os.fsdecode(b"b\xff.png"))
    with pytest.raises(DataError, match=r"b\\udcff\.png.* is not valid UTF-8: rename it"):
        resolve(str(tmp_path))


def test_a_manifest_comes_before_a_folder_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "set5").mkdir()
    write_png(tmp_path / "set5" / "a.png", picture())
    assert len(resolve("set5", cwd=tmp_path).items) == 5
    assert len(resolve("./set5", cwd=tmp_path).items) == 1


def test_folders_that_will_not_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        resolve(str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"holds no images .*: put images into it"):
        resolve(str(tmp_path))
    (tmp_path / "inner").mkdir()
    with pytest.raises(DataError, match=r"give one of its folders \(inner\)"):
        resolve(str(tmp_path))
    (tmp_path / "text.png").write_text("this is no image")
    with pytest.raises(DataError, match=r"text\.png is not an image"):
        list(read_samples(resolve(str(tmp_path))))


def test_what_is_left_out_of_a_folder_is_said(tmp_path: Path) -> None:
    write_png(tmp_path / "one.png", picture())
    assert resolve(str(tmp_path)).note == ""
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "two.HEIC").write_text("")
    note = f"left out of {tmp_path}: folders: inner; images of kinds that srbench does not read: 1 heic"
    assert resolve(str(tmp_path)).note == note
    write_png(tmp_path / "lr" / "one.png", picture(0, (6, 8)))
    assert "folders: inner, lr" in resolve(f"hr={tmp_path},lr={tmp_path / 'lr'}").note
    write_png(tmp_path / "sorted" / "cats" / "one.png", picture())
    (tmp_path / "sorted" / "cats" / "two.gif").write_text("")
    assert resolve(str(tmp_path / "sorted")).note.endswith("images of kinds that srbench does not read: 1 gif")


def test_links(tmp_path: Path) -> None:
    """Those that lead to an image or a folder count; one that leads nowhere is no image less, but an error."""
    write_png(tmp_path / "real" / "a.png", picture(1))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked.png").symlink_to(tmp_path / "real" / "a.png")
    (tmp_path / "other").symlink_to(tmp_path / "set")
    assert [item.name for item in resolve("./other", cwd=tmp_path).items] == ["linked"]
    (tmp_path / "set" / "lost.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(DataError, match=r"lost\.png is a link that leads nowhere: mend or remove it"):
        resolve("./set", cwd=tmp_path)
    (tmp_path / "set" / "lost.png").unlink()
    (tmp_path / "set" / "loop.png").symlink_to(tmp_path / "set" / "loop.png")
    with pytest.raises(DataError, match=r"loop\.png is a link that leads nowhere"):
        resolve("./set", cwd=tmp_path)


def test_what_the_system_does_not_let_us_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_png(tmp_path / "set" / "a.png", picture())

    def denied(path: Path, *args: object) -> list[Path]:
        if path.name in ("set", "a.png"):
            raise PermissionError(13, "Permission denied")
        return [path / name for name in os.listdir(path)]  # noqa: PTH208 - it stands for iterdir

    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", denied)
        with pytest.raises(DataError, match=r"folder '.*set' cannot be read \(Permission denied\): check"):
            resolve("./set", cwd=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", denied)
        with pytest.raises(DataError, match=r"a\.png cannot be read \(Permission denied\): check"):
            resolve("./set", cwd=tmp_path)


def test_a_folder_that_grows_after_it_was_looked_at(tmp_path: Path) -> None:
    """A run goes on with the images that it was planned with."""
    write_png(tmp_path / "a.png", picture(1))
    dataset = resolve(str(tmp_path))
    write_png(tmp_path / "b.png", picture(2))
    assert [sample.name for sample in read_samples(dataset)] == ["a"]
    assert resolve(str(tmp_path)).content_hash != dataset.content_hash


def test_pairs_of_two_factors(tmp_path: Path) -> None:
    for name, size in (("a", (12, 16)), ("b", (18, 24))):
        write_png(tmp_path / "HR" / f"{name}.png", picture(0, size))
        write_png(tmp_path / "LR" / f"{name}.png", picture(0, (6, 8)))
    items = resolve("hr=HR,lr=LR", cwd=tmp_path).items
    with pytest.raises(DataError, match="a is a pair for x2 and b is one for x3: make a data set of each factor"):
        common_scale(items)
    (tmp_path / "LR" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png is not there, and nothing else says what scale it is for: fetch it"):
        common_scale(items)


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("0001 0002", "0001 0002"),
        ("0001 0002", "0001x2 0002x2"),
        ("fox2 fox3", "fox2x2 fox3x2"),
        ("a_HR b_HR", "a_LR b_LR"),
        ("img_001_SRF_2_HR img_002_SRF_2_HR", "img_001_SRF_2_LR img_002_SRF_2_LR"),
        ("baby_GT bird_GT", "babyx2_LR birdx2_LR"),
        ("baby bird", "baby-LRx4 bird-LRx4"),
    ],
)
def test_pairs_by_name(hr: str, lr: str, tmp_path: Path) -> None:
    for folder, stems, size in (("HR", hr, (12, 16)), ("LR", lr, (6, 8))):
        (tmp_path / folder).mkdir()
        for seed, stem in enumerate(stems.split()):
            write_png(tmp_path / folder / f"{stem}.png", picture(seed, size))
    for spec in ("hr=HR,lr=LR", "lr=LR, hr=HR"):
        dataset = resolve(spec, cwd=tmp_path)
        assert dataset.kind == "pairs"
        samples = list(read_samples(dataset))
        assert [sample.name for sample in samples] == hr.split()
        for seed, sample in enumerate(samples):
            assert sample.scale == 2
            assert sample.lr is not None
            np.testing.assert_array_equal(sample.lr, picture(seed, (6, 8)))


@pytest.mark.parametrize(
    ("hr", "lr", "message"),
    [
        ("a b", "a c", r"b\.png has no LR partner"),
        ("a", "a b", r"b\.png has no HR partner"),
        ("a", "a_LR ax2", "same pair"),
    ],
)
def test_pairs_that_do_not_match(hr: str, lr: str, message: str, tmp_path: Path) -> None:
    for folder, stems in (("HR", hr), ("LR", lr)):
        (tmp_path / folder).mkdir()
        for stem in stems.split():
            write_png(tmp_path / folder / f"{stem}.png", picture())
    with pytest.raises(DataError, match=message):
        resolve("hr=HR,lr=LR", cwd=tmp_path)


@pytest.mark.parametrize(("size", "scale"), [((13, 17), 2), ((12, 16), 2), ((18, 24), 3), ((6, 8), 1)])
def test_scale_from_sizes(size: tuple[int, int], scale: int, tmp_path: Path) -> None:
    for folder, shape in (("HR", size), ("LR", (6, 8))):
        (tmp_path / folder).mkdir()
        write_png(tmp_path / folder / "a.png", picture(0, shape))
    assert next(read_samples(resolve("hr=HR,lr=LR", cwd=tmp_path))).scale == scale


@pytest.mark.parametrize(("size", "scale"), [((97, 121), 2), ((49, 72), 3), ((48, 65), 4), ((41, 40), 2)])
def test_lr_that_was_rounded_up_says_how_to_cut_it(size: tuple[int, int], scale: int, tmp_path: Path) -> None:
    height, width = (-(-side // scale) for side in size)
    write_png(tmp_path / "HR" / "a.png", picture(0, size))
    write_png(tmp_path / "LR" / "a.png", picture(0, (height, width)))
    words = rf"downsampled by {scale}, rounded up.*cut LR to {size[1] // scale}x{size[0] // scale} at its upper left"
    with pytest.raises(DataError, match=words):
        list(read_samples(resolve("hr=HR,lr=LR", cwd=tmp_path)))
    write_png(tmp_path / "LR" / "a.png", picture(0, (height, width))[: size[0] // scale, : size[1] // scale])
    assert next(read_samples(resolve("hr=HR,lr=LR", cwd=tmp_path))).scale == scale


@pytest.mark.parametrize("size", [(12, 24), (5, 8), (11, 18)])
def test_sizes_that_are_no_pair(size: tuple[int, int], tmp_path: Path) -> None:
    for folder, shape in (("HR", size), ("LR", (6, 8))):
        (tmp_path / folder).mkdir()
        write_png(tmp_path / folder / "a.png", picture(0, shape))
    with pytest.raises(DataError, match="downsampled by a whole factor"):
        list(read_samples(resolve("hr=HR,lr=LR", cwd=tmp_path)))


def manifest_text(image: str = "", **fields: str) -> str:
    head = {"title": "Mine", "kind": "hr", "role": "test", "default_split": "test", "licence": "CC0"}
    head |= {"base_url": "https://example.org/"} | fields
    image = image or f'{{ name = "a", path = "a.png", sha256 = "{SHA}" }}'
    lines = [f'{key} = "{value}"' for key, value in head.items() if value]
    return "\n".join([*lines, "[splits.test]", f"images = [{image}]"])


def numbered_text(path: str, first: int = 1, last: int = 2) -> str:
    head = manifest_text(base_url="pictures").partition("images")[0]
    return f'{head}numbered = {{ path = "{path}", first = {first}, last = {last} }}'


def parsed(text: str) -> Manifest:
    return parse_manifest(text.encode(), name="mine", file="mine.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "not valid TOML"),
        (manifest_text(kind="movie"), "kind: "),
        (manifest_text(colour="red"), "colour: Extra"),
        (manifest_text(title=""), "title: Field required"),
        (manifest_text(default_split="train"), "default_split 'train' is not one"),
        (manifest_text(base_url=""), "base_url is missing"),
        (manifest_text(package="skimage"), "package goes with kind 'embedded'"),
        (manifest_text(kind="pairs"), "lr goes with kind 'pairs'"),
        (manifest_text('{ name = "a", path = "a.png" }'), "sha256 or pixels_sha256 is needed"),
        (manifest_text('{ name = "a", path = "../a.png" }'), r"splits\.test\.images\.0\.path: must be a relative path"),
        (manifest_text('{ name = "a", path = "/a.png" }'), "must be a relative path"),
        (manifest_text('{ name = "a/b", path = "a.png" }'), "name: "),
        (manifest_text('{ name = "a", path = "a.png", sha256 = "12" }'), "sha256: "),
        (manifest_text('{ name = "a", path = "1.png" }, { name = "A", path = "2.png" }'), "two images have the name"),
        (manifest_text('{ name = "a", path = "1.png" }, { name = "b", path = "1.png" }'), "two images have the path"),
        (numbered_text("i.png"), r"splits\.test\.numbered: path needs one number field"),
        (numbered_text("i{}{}.png"), "path needs one number field"),
        (numbered_text("i{x}.png"), "path needs one number field"),
        (numbered_text("i{:s}.png"), "path needs one number field"),
        (numbered_text("i{.png"), "path needs one number field"),
        (numbered_text("i{}.png", first=3, last=2), "first must not exceed last"),
    ],
)
def test_bad_manifest_names_file_and_field(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parsed(text)
    assert str(caught.value).startswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_own_manifest_of_local_files(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    write_png(tmp_path / "pictures" / "a.png", picture(1))
    text = manifest_text('{ name = "first", path = "a.png" }', base_url="pictures", role="train")
    (tmp_path / "mine.toml").write_text(text)
    for spec in ("mine.toml", "mine.toml:test", "./mine.toml", str(tmp_path / "mine.toml")):
        dataset = resolve(spec, cwd=tmp_path)
        assert (dataset.name, dataset.role, dataset.split) == ("mine", "train", "test")
        np.testing.assert_array_equal(next(read_samples(dataset)).hr, picture(1))
    with pytest.raises(UsageError, match="has no split"):
        resolve("mine.toml:train", cwd=tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        resolve("none.toml", cwd=tmp_path)


def test_local_file_with_other_pixels(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    image = f'{{ name = "a", path = "a.png", pixels_sha256 = "{pixels_sha256(picture(2))}" }}'
    (tmp_path / "mine.toml").write_text(manifest_text(image, base_url="."))
    with pytest.raises(DataError, match="does not have the pixels"):
        list(read_samples(resolve("./mine.toml", cwd=tmp_path)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("width = 17", r"a\.png is 16x12 and its manifest says 17x12"),
        ("height = 13", r"a\.png is 16x12 and its manifest says 16x13"),
        ("bytes = 1", r"a\.png has \d+ bytes and its manifest says 1"),
    ],
)
def test_local_file_of_another_size(fields: str, message: str, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    (tmp_path / "mine.toml").write_text(manifest_text(f'{{ name = "a", path = "a.png", {fields} }}', base_url="."))
    dataset = resolve("./mine.toml", cwd=tmp_path)
    with pytest.raises(DataError, match=message):
        list(read_samples(dataset))
    ((file, fault),) = faults(dataset)
    assert re.search(message, f"{file.path.name} {fault}")


def test_names_of_images_are_as_free_as_those_of_files(tmp_path: Path) -> None:
    for name in ("(1) fête d'été", "_x", "bird 10-1"):
        assert parsed(manifest_text(f'{{ name = "{name}", path = "a.png", sha256 = "{SHA}" }}'))
    for name in ("../a", ".a", "a/b", "a\\\\b", "a:b", "a\\nb", ""):
        with pytest.raises(DataError, match="name: "):
            parsed(manifest_text(f'{{ name = "{name}", path = "a.png", sha256 = "{SHA}" }}'))


def test_numbered_images() -> None:
    names = [entry.name for entry in parsed(numbered_text("x/i{:03d}.png", 9, 10)).splits["test"].entries()]
    assert names == ["i009", "i010"]


def test_local_file_with_another_hash(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", picture(1))
    (tmp_path / "mine.toml").write_text(manifest_text(base_url="."))
    with pytest.raises(DataError, match=r"a\.png does not have the sha256 that its manifest names"):
        list(read_samples(resolve("./mine.toml", cwd=tmp_path)))


def test_own_remote_manifest_does_not_share_a_folder() -> None:
    ours = dataset_of(load_manifest("set5"))
    theirs = dataset_of(parse_manifest(manifest_text().encode(), name="set5", file="set5.toml"))
    assert ours.folder != theirs.folder


@given(st.lists(st.text(max_size=8), max_size=8))
def test_natural_order_takes_any_names(names: list[str]) -> None:
    assert len(sorted(names, key=natural_key)) == len(names)


def test_natural_order() -> None:
    assert sorted(["t10", "T2", "t1", "img", "2b", "10a"], key=natural_key) == ["2b", "10a", "img", "t1", "T2", "t10"]


def test_real_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("SRBENCH_MIRROR"):
        pytest.skip("the real images are not at hand: set SRBENCH_MIRROR")
    monkeypatch.setenv("SRBENCH_DATA", str(tmp_path))
    for spec, count in (("set5", 5), ("bsd100-pairs", 100)):
        samples = list(read_samples(resolve(spec), progress=False))
        assert len(samples) == count
        assert all(sample.lr is None or sample.scale == 4 for sample in samples)


@pytest.mark.parametrize(("written", "name"), [("Set5", "set5"), ("Urban100", "urban100"), ("BSD100:test", "bsd100")])
def test_data_sets_are_found_as_papers_spell_them(written: str, name: str, tmp_path: Path) -> None:
    assert resolve(written).name == name
    (tmp_path / "Set5").mkdir()
    with pytest.raises(DataError, match="Set5"):  # a folder of that very name is the user's, and it is empty
        resolve("Set5", cwd=tmp_path)
