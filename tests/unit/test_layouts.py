"""The public layouts of data sets and results, made up of tiny images: recognised, or paired, whatever the case."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

import srbench
from srbench.data.adding import add
from srbench.data.catalog import Dataset, resolve
from srbench.data.images import read_samples
from srbench.data.own.describe import About
from srbench.data.own.manifests import remove
from srbench.data.sr_images import match, match_by_name
from srbench.data.stems import lossless_images
from srbench.errors import DataError, UsageError
from srbench.imaging.files import read_image, write_png
from srbench.models.parse import parse_spec
from srbench.system.names import safe_name, split_names

SIZES = {"hr": (24, 36), "x2": (12, 18), "x3": (8, 12), "x4": (6, 9)}


def put(folder: Path, names: Iterable[str], size: str) -> None:
    """Images of which each has its own gray, by its place in the list."""
    for number, name in enumerate(names):
        write_png(folder / name, np.full(SIZES[size], 10 + number, np.uint8))


def paired(dataset: Dataset) -> list[str]:
    """The names of pairs, each of which has one gray."""
    samples = list(read_samples(dataset))
    assert dataset.kind == "pairs"
    assert all(sample.lr is not None and sample.lr[0, 0] == sample.hr[0, 0] for sample in samples)
    return [sample.name for sample in samples]


LAYOUTS = {
    "EDSR": ("benchmark/Set5/HR", "{}.png", "benchmark/Set5/LR_bicubic/X2", "{}x2.png", "x2", "Set5-own"),
    "EDSR-B100": ("benchmark/B100/HR", "{}.png", "benchmark/B100/LR_bicubic/X4", "{}x4.png", "x4", "B100"),
    "BasicSR": ("Set14/GTmod12", "{}.png", "Set14/LRbicx3", "{}.png", "x3", "Set14-own"),
    "SwinIR": ("testsets/Set5/HR", "{}.png", "testsets/Set5/LR_bicubic/X3", "{}x3.png", "x3", "Set5-own"),
    "SelfExSR": ("Sun/image_SRF_2", "{}_SRF_2_HR.png", "Sun/image_SRF_2", "{}_SRF_2_LR.png", "x2", "Sun"),
    "RealSR": ("Canon/Test/4", "{}_HR.png", "Canon/Test/4", "{}_LR4.png", "x4", "Canon"),
    "RealSR apart": ("Nikon/HR", "Nikon_{}_HR.png", "Nikon/LR", "Nikon_{}_LR4.png", "x4", "Nikon"),
    "bicubic": ("DIV2K_valid_HR", "{}.png", "DIV2K_valid_LR_bicubic/X2", "{}x2.png", "x2", "DIV2K_valid_HR"),
    "unknown": ("DIV2K_valid_HR", "{}.png", "DIV2K_valid_LR_unknown/X3", "{}x3.png", "x3", "DIV2K_valid_HR"),
    "mild": ("DIV2K_valid_HR", "{}.png", "DIV2K_valid_LR_mild", "{}x4m.png", "x4", ""),
    "difficult": ("DIV2K_valid_HR", "{}.png", "DIV2K_valid_LR_difficult", "{}x4d.png", "x4", ""),
    "wild": ("DIV2K_valid_HR", "{}.png", "DIV2K_valid_LR_wild", "{}x4w1.png", "x4", ""),
    "ESRGAN": ("val/hr", "{}.png", "val/lr", "{}_bicLRx4.png", "x4", ""),
    "BSRGAN": ("gt", "{}.png", "lq", "{}_LQ.png", "x4", ""),
    "input": ("a/target", "{}_gt.png", "a/source", "{}_input.png", "x2", "a"),
    "prefixes": ("b/HR", "HR_{}.png", "b/LR", "LR_{}.png", "x2", "b"),
    "case": ("c/HR", "IMG_{}.PNG", "c/LR", "img_{}.png", "x2", "c"),
}


@pytest.mark.parametrize("case", [str, str.lower, str.upper])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs(layout: str, case: type[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hr, hr_name, lr, lr_name, size, name = LAYOUTS[layout]
    images = ["0801", "0810", "img_001", "img_012"] if layout == "EDSR" else ["0801", "0810", "0811"]
    put(tmp_path / hr, map(hr_name.format, images), "hr")
    put(tmp_path / lr, (case(lr_name.format(image)) for image in images), size)
    dataset = resolve(f"hr={hr},lr={lr}")
    assert len(paired(dataset)) == len(images)
    assert {sample.scale for sample in read_samples(dataset)} == {int(size[1:])}
    assert not name or dataset.name == name


def test_several_lr_of_one_hr(tmp_path: Path) -> None:
    """DIV2K's wild track has four LR images of each HR image for training."""
    put(tmp_path / "DIV2K_train_HR", ("0001.png", "0002.png"), "hr")
    for number in (1, 2, 3, 4):
        put(tmp_path / "LR", (f"0001x4w{number}.png", f"0002x4w{number}.png"), "x4")
    names = paired(resolve("hr=DIV2K_train_HR,lr=LR", cwd=tmp_path))
    assert names == [f"000{hr}x4w{number}" for hr in (1, 2) for number in (1, 2, 3, 4)]
    (tmp_path / "LR" / "0002x4w4.png").unlink()
    with pytest.raises(DataError, match="would make the same pair"):
        resolve("hr=DIV2K_train_HR,lr=LR", cwd=tmp_path)


@pytest.mark.parametrize(
    ("hr", "others"),
    [
        ("{}_SRF_2_HR.png", ["{}_SRF_2_LR.png"]),
        ("{}_SRF_2_HR.png", ["{}_SRF_2_LR.png", "{}_SRF_2_bicubic.png", "{}_SRF_2_A+.png", "{}_SRF_2_SRCNN.png"]),
        ("{}_HR.png", ["{}_LR4.png"]),
        ("HR_{}.png", ["LR_{}.png"]),
        ("{}_GT.png", ["{}_LQ.png"]),
        ("{}.png", ["{}x2.png", "{}x3.png"]),
        ("{}.png", ["{}_LR.png"]),
        ("{}_x2_HR.png", ["{}_x2_LR.png", "{}_x2_SR.png"]),  # EDSR's --save_gt
    ],
)
def test_hr_and_what_was_made_of_it_in_one_folder(hr: str, others: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "Urban" / "image_SRF_2"
    images = ("img_001", "img_002", "img_011")
    put(folder, map(hr.format, images), "hr")
    for other in others:
        put(folder, map(other.format, images), "hr" if {"A+", "SRCNN", "SR."} & set(other.split("_")) else "x2")
    dataset = resolve("Urban/image_SRF_2", cwd=tmp_path)
    assert [item.hr.path.name for item in dataset.items] == [hr.format(image) for image in images]
    assert (dataset.name, f"{3 * len(others)} images made of others by their names" in dataset.note) == ("Urban", True)
    with_lr = "hr=Urban/image_SRF_2,lr=Urban/image_SRF_2"
    if "{}x3.png" not in others:
        assert len(paired(resolve(with_lr, cwd=tmp_path))) == 3
    (tmp_path / "lone").mkdir()
    (tmp_path / "lone" / "a_LR.png").write_bytes((folder / hr.format("img_001")).read_bytes())
    assert len(resolve("./lone", cwd=tmp_path).items) == 1  # nothing says of what it was made


def test_one_folder_whose_names_do_not_say_what_is_lr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "both", ("a.png", "b.png", "sky_high.png", "sky_low.png", "night_low.png"), "hr")
    assert len(resolve("./both", cwd=tmp_path).items) == 5
    monkeypatch.chdir(tmp_path)
    for use in (resolve, lambda spec: add("urban", spec, About(title="urban", licence="CC0"))):
        with pytest.raises(DataError, match="HR and LR are one folder, 'both', whose names do not tell them apart"):
            use("hr=both,lr=both")


SR_NAMES = [
    ["{}_SwinIR"],
    ["{}_HAT_SRx2"],
    ["{}_RCAN_x2"],
    ["{}x2_SR"],
    ["sr_{}"],
    ["{}_SRF_2_A+"],
    ["{}-out"],
    ["result {} (1)"],
    ["{}_x2_SR", "{}_x2_HR", "{}_x2_LR"],
    ["{}_SR", "{}"],
    ["{}_x2", "{}_x3", "{}_x4"],
    ["{}_SRF_2_SR", "{}_SRF_4_SR"],
]


@pytest.mark.parametrize("case", [str, str.upper])
@pytest.mark.parametrize("names", SR_NAMES, ids=" ".join)
def test_sr_as_other_programs_name_it(names: list[str], case: type[str], tmp_path: Path) -> None:
    images = ("baby", "bird", "img_001", "t1", "t10")
    put(tmp_path / "hr", (f"{image}.png" for image in images), "hr")
    for name in names:
        put(tmp_path / "sr", (f"{case(name.format(image))}.png" for image in images), "hr")
    matched = match_by_name(tmp_path / "sr", resolve(str(tmp_path / "hr")), 2)
    assert [path.stem for path in matched.files] == [case(names[0].format(image)) for image in images]
    assert ("left aside" in matched.note) == (len(names) > 1)


@pytest.mark.parametrize(
    "names", [["{}_HAT", "{}_SwinIR"], ["{}", "{}_RCAN"], ["{}_x2_SR", "{}_x2_finetuned_SR"], ["{}_HR", "{}_LR"]]
)
def test_sr_of_which_nobody_can_say_which_is_meant(names: list[str], tmp_path: Path) -> None:
    put(tmp_path / "hr", ("p.png", "q.png"), "hr")
    for name in names:
        put(tmp_path / "sr", (f"{name.format(image)}.png" for image in "pq"), "hr")
    with pytest.raises(DataError, match=r"p\S*\.png and p\S*\.png could both be meant; leave one of them in"):
        match(tmp_path / "sr", resolve(str(tmp_path / "hr")), 2)


def test_sr_of_other_images_is_not_matched(tmp_path: Path) -> None:
    put(tmp_path / "hr", ("head.png", "a.png"), "hr")
    put(tmp_path / "sr", ("headless.png", "banana.png"), "hr")
    with pytest.raises(DataError, match="name each SR image as its HR image"):
        match_by_name(tmp_path / "sr", resolve(str(tmp_path / "hr")), 2)


def test_hr_is_not_its_own_sr_where_both_lie_in_one_folder(tmp_path: Path) -> None:
    put(tmp_path / "a" / "image_SRF_2", (f"{image}_SRF_2_HR.png" for image in "pq"), "hr")
    put(tmp_path / "a" / "image_SRF_2", (f"{image}_SRF_2_SRCNN.png" for image in "pq"), "hr")
    dataset = resolve("a/image_SRF_2", cwd=tmp_path)
    matched = match_by_name(tmp_path / "a" / "image_SRF_2", dataset, 2)
    assert [path.name for path in matched.files] == ["p_SRF_2_SRCNN.png", "q_SRF_2_SRCNN.png"]


def run_of_images(tmp_path: Path) -> srbench.Run:
    return srbench.run(
        f"images:{tmp_path}/sr", f"mine={tmp_path}/hr", scales=2, metrics="psnr", out=tmp_path / "runs", progress=False
    )


@pytest.mark.parametrize(
    ("hr", "sr", "message"),
    [
        (
            (40, 60),
            (41, 61),
            r"x.png is 61x41 and the HR image 'x' is 60x40; SR must be as large as HR: cut it to that",
        ),
        ((40, 60), (41, 60), "is 60x41 and"),
        ((40, 60), (40, 61), "is 61x40 and"),
        (
            (41, 61),
            (42, 62),
            r"'x' is 61x41; SR must be .*, or HR cut to a multiple of the scale \(60x40\): cut",
        ),
        ((40, 60), (40, 59), r"is 60x40; SR must be as large as HR\.$"),
        ((41, 61), (41, 61), ""),
        ((41, 61), (40, 60), ""),
    ],
)
def test_the_size_of_sr_in_a_run(hr: tuple[int, int], sr: tuple[int, int], message: str, tmp_path: Path) -> None:
    write_png(tmp_path / "hr" / "x.png", np.zeros(hr, np.uint8))
    write_png(tmp_path / "sr" / "x.png", np.full(sr, 9, np.uint8))
    failed = run_of_images(tmp_path).failed
    assert bool(failed) == bool(message)
    for cell in failed:
        assert re.search(message, cell.error), cell.error


def test_sr_in_a_folder_called_like_the_user_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the data set is called in the end: here it has srbench's name and is none of its sets."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "benchmark" / "Set5" / "HR", ("p.png", "q.png"), "hr")
    put(tmp_path / "sr" / "set5" / "x2", ("p_x2.png", "q_x2.png"), "hr")
    run = srbench.run("images:sr/{dataset}/x{scale}", "benchmark/Set5/HR", scales=2, metrics="psnr", progress=False)
    assert [cell.id.dataset for cell in run.loaded.cells] == ["Set5-own"]


def test_what_a_run_says_of_sr_that_may_be_something_else(tmp_path: Path) -> None:
    put(tmp_path / "hr", ("p.png", "q.png"), "hr")
    put(tmp_path / "sr", ("p.png", "q.png"), "hr")
    (cell,) = run_of_images(tmp_path).loaded.cells
    assert cell.notes == ("2 of 2 SR images are their HR images to the last pixel: the folder may hold HR",)
    put(tmp_path / "sr", ("p_SR.png", "q_SR.png"), "hr")
    write_png(tmp_path / "sr" / "q_SR.png", np.zeros(SIZES["hr"], np.uint8))
    (cell,) = run_of_images(tmp_path).loaded.cells
    assert cell.notes == (
        "2 other images of sr left aside (p.png, …)",
        "1 of 2 SR images is its HR image to the last pixel: the folder may hold HR",
    )
    assert [image.values["psnr"] == np.inf for image in cell.images] == [True, False]


def test_accents_composed_or_not(tmp_path: Path) -> None:
    composed = ["été", "ö"]
    parted = [unicodedata.normalize("NFD", name) for name in composed]
    assert composed != parted
    put(tmp_path / "hr", (f"{name}.png" for name in composed), "hr")
    put(tmp_path / "sr", (f"{name}_SR.png" for name in parted), "hr")
    put(tmp_path / "lr", (f"{name}.png" for name in parted), "x2")
    dataset = resolve(f"hr={tmp_path}/hr,lr={tmp_path}/lr")
    assert paired(dataset) == composed
    assert len(match_by_name(tmp_path / "sr", dataset, 2).files) == 2
    put(tmp_path / parted[0], ("a.png",), "hr")
    assert resolve(f"./{parted[0]}", cwd=tmp_path).name == "été"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("图像", "图像"),
        ("写真 2", "写真-2"),
        ("हिन्दी", "हिन्दी"),
        ("Set/HR", "Set"),
        ("Set/GTmod12", "Set"),
        ("Set/HR_x2", "Set"),
        ("Set/test", "Set"),
        ("Set/test/HR", "Set"),
        ("Set/LR_bicubic/X2", "Set"),
        ("Set/high_res", "Set"),
        ("Set/hrtf", "hrtf"),
        ("Set/testsets", "testsets"),
        ("Set/2019", "2019"),
        ("(!)/&", "images"),
    ],
)
def test_what_a_folder_is_called(folder: str, name: str, tmp_path: Path) -> None:
    put(tmp_path / folder, ("a.png",), "hr")
    assert resolve(f"./{folder}", cwd=tmp_path).name == name
    assert safe_name(name) == name


def test_names_that_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "d" / "HR", ("a.png",), "hr")
    put(tmp_path / "d" / "LR", ("a.png",), "x2")
    assert split_names("猫=hr=d/HR,lr=d/LR, x=d/HR,set5") == ("猫=hr=d/HR,lr=d/LR", "x=d/HR", "set5")
    assert [resolve(spec).name for spec in ("猫=hr=d/HR,lr=d/LR", "x=d/HR", "x=./d/HR")] == ["猫", "x", "x"]
    assert resolve("猫=hr=d/HR,lr=d/LR").kind == "pairs"
    assert resolve("set5=d/HR").name == "set5-own"
    for spec, message in (("a b=d/HR", "cannot be a data set's name"), ("x=set5", "no data set or folder 'set5'")):
        with pytest.raises(UsageError, match=message):
            resolve(spec)
    (tmp_path / "x=d").mkdir()
    put(tmp_path / "x=d", ("b.png",), "hr")
    assert resolve("x=d").items[0].name == "b"
    add("猫", "d/HR", About(title="cats", licence="CC0"))
    assert resolve("猫").name == "猫"
    parted = unicodedata.normalize("NFD", "été")
    add(parted, "d/HR", About(title="summer", licence="CC0"))
    assert resolve(parted).name == resolve("été").name == "été"
    assert remove(parted)[0].name == "été.toml"
    models = ("模型", parted)
    for model in models:
        (tmp_path / f"{model}.onnx").touch()
    assert [parse_spec(f"onnx:{model}.onnx").name for model in models] == ["onnx:模型", "onnx:été"]
    write_manifest(tmp_path)
    with pytest.raises(UsageError, match="has a name already"):
        resolve("x=own.toml")


def test_a_manifest_that_begins_with_a_byte_order_mark(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    assert resolve("own.toml", cwd=tmp_path).title == "mine"


def test_toml_in_utf_16_says_so(tmp_path: Path) -> None:
    write_manifest(tmp_path)
    text = (tmp_path / "own.toml").read_text("utf-8-sig")
    (tmp_path / "own.toml").write_text(text, "utf-16")
    with pytest.raises(DataError, match="it is UTF-16: save it as UTF-8"):
        resolve("own.toml", cwd=tmp_path)


def write_manifest(folder: Path) -> None:
    (folder / "own.toml").write_bytes(
        b'\xef\xbb\xbftitle = "mine"\nlicence = "mine"\nkind = "hr"\nrole = "test"\ndefault_split = "test"\n'
        b'base_url = "d/HR"\n[splits.test]\nimages = [{ name = "a", path = "a.png" }]\n'
    )


def test_where_a_mirror_may_have_an_image(tmp_path: Path) -> None:
    for name in ("B100/HR/3096.png", "BSD-100/3096.bmp", "b100/x2/3096.png", "B100/HR/3096_x2.txt", "other/3096.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in lossless_images(tmp_path, "bsd100", "3096")]
    assert found == ["B100/HR/3096.png", "BSD-100/3096.bmp"]
    assert not list(lossless_images(tmp_path / "gone", "bsd100", "3096"))


SET5 = ("baby", "bird", "butterfly", "head", "woman")
REAL = Path(os.environ.get("SRBENCH_MIRROR", "nowhere"))


@pytest.mark.skipif(not (REAL / "set5").is_dir(), reason="SRBENCH_MIRROR names no folder with set5")
@pytest.mark.parametrize(
    ("hr", "others", "given"),
    [
        ("{name}.png", [], "."),
        ("{name}_HR.png", ["{name}_LR.png"], "."),
        ("{name}_GT.png", ["{name}_LQ.png"], "."),
        ("img_{number:03d}_SRF_2_HR.png", ["img_{number:03d}_SRF_2_LR.png"], "."),
        ("{number:04d}.png", ["{number:04d}x4.png"], "."),
        ("HR_{name}.png", ["LR_{name}.png"], "."),
        ("HR/{name}.png", ["LR_bicubic/X2/{name}x2.png", "LR_bicubic/X4/{name}x4.png"], "."),
        ("HR/{name}.png", ["LR_bicubic/X2/{name}x2.png"], "HR"),
        ("GT/{number}.png", ["LQ/{number}.png"], "."),
        ("original/{number}.png", ["LRbicx4/{number}.png"], "original"),
    ],
)
def test_set5_in_every_layout_is_set5(hr: str, others: list[str], given: str, tmp_path: Path) -> None:
    """Known by its pixels, whatever folders and files are called; what lies beside it is not of it."""
    for number, name in enumerate(SET5, 1):
        image = read_image(REAL / "set5" / f"{name}.png")
        for pattern, picture in ((hr, image), *((other, image[::4, ::4].copy()) for other in others)):
            target = tmp_path / "wherever" / pattern.format(name=name, number=number)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_png(target, picture)
    dataset = resolve(str(tmp_path / "wherever" / given))
    assert (dataset.name, dataset.content_hash) == ("set5", resolve("set5").content_hash)
    assert [item.name for item in dataset.items] == list(SET5)


def test_a_folder_of_hr_and_lr_is_its_hr(tmp_path: Path) -> None:
    put(tmp_path / "Sun" / "HR", ("a.png", "b.png"), "hr")
    put(tmp_path / "Sun" / "LR_bicubic" / "X2", ("ax2.png", "bx2.png"), "x2")
    dataset = resolve("./Sun", cwd=tmp_path)
    assert (dataset.name, [item.name for item in dataset.items]) == ("Sun", ["a", "b"])
    assert "folders: LR_bicubic" in dataset.note
    put(tmp_path / "Sun" / "GT", ("a.png",), "hr")  # which of the two is meant?
    with pytest.raises(DataError, match="give one of its folders"):
        resolve("./Sun", cwd=tmp_path)


@pytest.mark.skipif(not (REAL / "real_crops").is_dir(), reason="SRBENCH_MIRROR names no folder with real_crops")
def test_some_pairs_of_realsr_are_told(tmp_path: Path) -> None:
    crops = REAL / "real_crops" / "realsr"
    dataset = resolve(f"mine=hr={crops / 'hr'},lr={crops / 'lr'}")
    assert dataset.name == "mine"
    assert "holds 12 of the 100 images of realsr" in dataset.note
