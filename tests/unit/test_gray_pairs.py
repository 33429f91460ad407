"""Gray on one side and colours on the other: SR of a gray HR in colours, and pairs of which one has equal channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save

import srbench
from srbench.data.sr_images import read_sr
from srbench.errors import DataError
from srbench.protocols.builtin import get_protocol
from srbench.protocols.case import prepare

HR = photograph(32, 40)[..., 1]
THREE = np.repeat(HR[..., None], 3, axis=2)


def tinged() -> np.ndarray:
    """What a network for RGB makes of a gray image: channels that differ by a level or two."""
    noise = np.random.default_rng(0).integers(-2, 3, THREE.shape)
    return np.clip(THREE.astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("protocol", ["vdsr", "lapsrn", "srcnn"])
def test_sr_in_colours_of_a_gray_hr_is_scored_as_score_does(tmp_path: Path, protocol: str) -> None:
    save(tmp_path / "a.png", tinged())
    sr = read_sr(tmp_path / "a.png", "a", HR, HR.shape)
    assert sr.shape == HR.shape
    assert np.abs(sr.astype(int) - HR).max() <= 2
    ours = srbench.score(sr, HR, scale=2, protocol=protocol)["psnr"]
    assert srbench.score(tinged(), HR, scale=2, protocol=protocol)["psnr"] == pytest.approx(ours, abs=0.15)
    save(tmp_path / "b.png", THREE)
    np.testing.assert_array_equal(read_sr(tmp_path / "b.png", "b", HR, HR.shape), HR)


def test_gray_sr_of_an_hr_with_colours_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR)
    with pytest.raises(DataError, match=r"^a\.png: SR is gray and HR has colours; save SR as HR is\.$"):
        read_sr(tmp_path / "a.png", "a", photograph(32, 40), HR.shape)


@pytest.mark.parametrize("gray", ["y", "rgb"])
def test_a_pair_of_which_one_is_stored_in_three_equal_channels(tmp_path: Path, gray: str) -> None:
    (tmp_path / "own.toml").write_text(f'base = "paired"\ngray = "{gray}"\n')
    protocol = get_protocol(str(tmp_path / "own.toml"))
    lr = HR[::2, ::2]
    cases = [prepare(protocol, "a", HR, 2, lr), prepare(protocol, "a", HR, 2, np.repeat(lr[..., None], 3, axis=2))]
    np.testing.assert_array_equal(cases[0].input.lr, cases[1].input.lr)
    np.testing.assert_array_equal(cases[0].hr, cases[1].hr)
    both = prepare(protocol, "a", THREE, 2, np.repeat(lr[..., None], 3, axis=2))
    mixed = prepare(protocol, "a", THREE, 2, lr)
    np.testing.assert_array_equal(both.input.lr, mixed.input.lr)
    with pytest.raises(DataError, match="one of LR and HR is gray and the other has colours"):
        prepare(protocol, "a", photograph(32, 40), 2, lr)
