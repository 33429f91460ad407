"""Data sets of LR images without HR: which images they have, and what they are known by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save

from srbench.data.catalog import resolve
from srbench.data.images import pixel_hashes, read_lr, read_samples
from srbench.errors import DataError, UsageError
from srbench.method import MethodInfo
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare, prepare_lr
from srbench.system.names import join_names, split_names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("baby_LR.png", "baby_HR.png", "bird_LR.png", "bird_SR.png", "notes.txt")):
        save(tmp_path / "Mine" / "both" / name, photograph(24, 30, number)) if name.endswith("png") else None
    for number in range(2):
        save(tmp_path / "Mine" / "LR_bicubic" / f"{number}.png", photograph(24, 30, number))
    return tmp_path / "Mine"


def test_all_images_of_a_folder(folder: Path) -> None:
    dataset = resolve(f"lr={folder / 'LR_bicubic'}")
    assert (dataset.name, dataset.kind, dataset.has_hr, dataset.supplies_lr) == ("Mine", "lr", False, True)
    assert [item.name for item in dataset.items] == ["0", "1"]
    assert all(item.hr is None for item in dataset.items)
    assert dataset.scale is None
    assert [sample.name for sample in read_lr(dataset)] == ["0", "1"]
    np.testing.assert_array_equal(next(read_lr(dataset)).lr, photograph(24, 30, 0))


def test_names_tell_lr_from_hr_and_sr(folder: Path) -> None:
    dataset = resolve(f"lr={folder / 'both'}")
    assert [item.main.path.name for item in dataset.items] == ["baby_LR.png", "bird_LR.png"]
    assert "2 images that are no LR by their names: baby_HR.png, …" in dataset.note


def test_the_same_images_are_not_the_same_data_set_with_hr(folder: Path) -> None:
    """Or a value of one would be taken for the other's."""
    path = folder / "LR_bicubic"
    assert resolve(f"lr={path}").content_hash != resolve(str(path)).content_hash


def test_a_name_of_ones_own(folder: Path) -> None:
    assert resolve(f"wild=lr={folder / 'LR_bicubic'}").name == "wild"
    named = resolve(f"set5=lr={folder / 'LR_bicubic'}")
    assert named.name == "set5-own"


def test_refusals(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"has LR images alone, and here HR is needed: give hr=DIR,lr=DIR\."):
        list(read_samples(resolve(f"lr={folder / 'LR_bicubic'}")))
    with pytest.raises(UsageError, match="is half of a pair: write hr=DIR,lr=DIR, DIR for HR alone, or lr=DIR"):
        resolve(f"hr={folder}")
    with pytest.raises(DataError, match="holds no images"):
        resolve(f"lr={folder}")
    with pytest.raises(UsageError, match="makes LR of HR, and there is none; choose 'paired'"):
        prepare_lr(get_protocol("vdsr"), "a", photograph(8, 8), 2)


def test_no_hr_is_known_of_it(folder: Path) -> None:
    assert pixel_hashes(resolve(f"lr={folder / 'LR_bicubic'}")) == frozenset()


@pytest.mark.parametrize("protocol", ["paired", "stablesr", "paired-rgb"])
@pytest.mark.parametrize("channels", ["y", "rgb", "any"])
@pytest.mark.parametrize("given", ["lr", "upsampled"])
def test_methods_are_given_the_same_with_hr_and_without(protocol: str, channels: str, given: str) -> None:
    info = MethodInfo(name="m", family="prediction", channels=channels, input=given, scales=frozenset({2}))  # type: ignore[arg-type]
    for lr in (photograph(12, 15), photograph(12, 15)[..., 0]):
        alone = prepare_lr(get_protocol(protocol), "a", lr, 2)
        with_hr = prepare(get_protocol(protocol), "a", lr.repeat(2, axis=0).repeat(2, axis=1), 2, lr)
        np.testing.assert_array_equal(alone.method_input(info), with_hr.method_input(info))
        planes = np.random.default_rng(0).random((alone.method_input(info).shape[0], 24, 30), dtype=np.float32)
        np.testing.assert_array_equal(alone.finish(info, planes), with_hr.finish(info, planes))
        np.testing.assert_array_equal(
            alone.image(alone.finish(info, planes)), with_hr.image(with_hr.finish(info, planes))
        )
        np.testing.assert_array_equal(alone.enlarged, with_hr.hr)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("lr=a", ("lr=a",)),
        ("lr=a,set5", ("lr=a", "set5")),
        ("lr=a,hr=b", ("lr=a,hr=b",)),
        ("lr=a,hr=b,lr=c", ("lr=a", "hr=b,lr=c")),
        ("hr=a,lr=b,lr=c", ("hr=a,lr=b", "lr=c")),
        ("lr=a,hr=b,lr=c,hr=d", ("lr=a,hr=b", "lr=c,hr=d")),
        ("x=lr=a,y=hr=b,lr=c,lr=d", ("x=lr=a", "y=hr=b,lr=c", "lr=d")),
    ],
)
def test_lists_of_data_sets(text: str, names: tuple[str, ...]) -> None:
    assert split_names(text) == names
    assert split_names(join_names(names)) == names
