"""Degradations that are drawn for each image: from where, that they are the image's own, and what is recorded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import photograph, save
from scipy import ndimage

import srbench
from srbench.errors import UsageError
from srbench.imaging.blur import gaussian, shaped, sinc
from srbench.imaging.noise import Draws
from srbench.imaging.resize import imresize, mod_crop, round_half_up
from srbench.protocols.builtin import PROTOCOLS
from srbench.protocols.case import prepare
from srbench.protocols.degradations import Jpeg, Lowpass, Noise, Rescale, Resize, Step, Subsample
from srbench.protocols.random_steps import GaussianSet, LastSteps, Order, Shuffled

RANDOM = ("bsrgan", "realesrgan")
RGB = photograph(61, 74, 3)


def draws(step: Order | LastSteps | Shuffled, count: int = 3000, scale: int = 4) -> Iterator[tuple[Step, ...]]:
    random = np.random.RandomState(0)
    for _ in range(count):
        yield step.draw(random, scale, None)


STREAMS = {
    "realesrgan": (
        "a 15x15 sinc of cutoff 1.574",
        "box to 4.469 x LR",
        "Shot noise of strength 2.08444 added (seeded by the image)",
        "JPEG of quality 72 (4:2:0)",
        "a 17x17 plateau Gaussian of sigma 1.143 and 1.059 at -4.8°, beta 1.000",
        "bicubic to 0.984 x LR",
        "Shot noise of strength 1.70189 added (seeded by the image)",
        "JPEG of quality 81 (4:2:0)",
        "downsampled by MATLAB bicubic (symmetric border)",
        "a 13x13 sinc of cutoff 2.635",
    ),
    "bsrgan": (
        "a 21x21 Gaussian of sigma 1.844 and 1.602 at 124.1°",
        "bicubic to 0.617 x LR",
        "JPEG of quality 62 (4:2:0)",
        "a 17x17 Gaussian of sigma 1.988",
        "downsampled by MATLAB bilinear (symmetric border)",
        "Gaussian noise of sigma 16 added (seeded by the image)",
        "JPEG of quality 36 (4:2:0)",
    ),
}


# kernels -------------------------------------------------------------------------------------------------------------


def test_a_gaussian_of_beta_1_is_a_gaussian() -> None:
    np.testing.assert_allclose(
        shaped(11, (2.0, 0.7), 33.0, 1.0, plateau=False), gaussian(11, (2.0, 0.7), 33.0), atol=1e-15
    )


def test_shapes_are_their_formulas() -> None:
    kernel, plateau = (shaped(9, (2.0, 1.0), 0.0, 1.7, plateau=flat) for flat in (False, True))
    q = (3 / 2.0) ** 2 + (1 / 1.0) ** 2
    assert kernel[3, 7] / kernel[4, 4] == pytest.approx(math.exp(-0.5 * q**1.7))
    assert plateau[3, 7] / plateau[4, 4] == pytest.approx(1 / (1 + q**1.7))
    assert kernel.sum() == pytest.approx(1) and plateau.sum() == pytest.approx(1)


def test_a_sinc_keeps_low_frequencies_and_stops_high_ones() -> None:
    kernel = sinc(61, 1.2)
    assert kernel.sum() == pytest.approx(1) and kernel.min() < 0
    x = np.arange(-30, 31)
    for frequency, gain in ((0.3, 1.0), (0.8, 1.0), (1.7, 0.0), (2.6, 0.0)):
        assert float((kernel * np.cos(frequency * x)).sum()) == pytest.approx(gain, abs=0.06)


# what is drawn -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
def test_the_orders_of_realesrgan(which: int) -> None:
    order = PROTOCOLS["realesrgan"].degradation[which]
    assert isinstance(order, Order)
    found = list(draws(order))
    kernels = [step for steps in found for step in steps if isinstance(step, Lowpass)]
    assert len(kernels) / len(found) == pytest.approx(order.blur, abs=0.03)
    assert {kernel.size for kernel in kernels} == set(range(7, 22, 2))
    shares = Counter(
        "sinc"
        if kernel.shape == "sinc"
        else (kernel.shape, kernel.shape != "plateau" and kernel.beta == 1, kernel.sigma[0] == kernel.sigma[1])
        for kernel in kernels
    )
    expected = {
        "sinc": 0.1,
        ("generalised", True, True): 0.9 * 0.45,
        ("generalised", True, False): 0.9 * 0.25,
        ("generalised", False, True): 0.9 * 0.12,
        ("generalised", False, False): 0.9 * 0.03,
        ("plateau", False, True): 0.9 * 0.12,
        ("plateau", False, False): 0.9 * 0.03,
    }
    assert shares.keys() == expected.keys()
    for kind, share in expected.items():
        assert shares[kind] / len(kernels) == pytest.approx(share, abs=0.03), kind
    assert all(order.sigma[0] <= each <= order.sigma[1] for k in kernels for each in k.sigma if k.shape != "sinc")
    assert all(math.pi / 5 <= k.cutoff <= math.pi for k in kernels if k.shape == "sinc")
    factors = [
        step.factor / (1 if order.of_lr else 4) for steps in found for step in steps if isinstance(step, Rescale)
    ]
    assert len(factors) == len(found) and order.factors[0] <= min(factors) and max(factors) <= order.factors[1]
    for share, of in zip(order.resize, (lambda f: f > 1, lambda f: f < 1, lambda f: f == 1), strict=True):
        assert sum(map(of, factors)) / len(factors) == pytest.approx(share, abs=0.03)
    noises = [step for steps in found for step in steps if isinstance(step, Noise)]
    assert len(noises) == len(found) and all(noise.clipped for noise in noises)
    assert sum(noise.gray for noise in noises) / len(noises) == pytest.approx(0.4, abs=0.03)
    for kind, limits in (("gaussian", order.gaussian), ("shot", order.shot)):
        sigmas = [noise.sigma for noise in noises if noise.kind == kind]
        assert len(sigmas) / len(noises) == pytest.approx(0.5, abs=0.03)
        assert limits[0] <= min(sigmas) < limits[0] + 0.3 and limits[1] - 0.3 < max(sigmas) <= limits[1]
    qualities = {step.quality for steps in found for step in steps if isinstance(step, Jpeg)}
    assert qualities == (set(range(30, 96)) if which == 0 else set())


def test_realesrgan_ends_in_either_order() -> None:
    found = list(draws(LastSteps()))
    assert sum(isinstance(steps[0], Jpeg) for steps in found) / len(found) == pytest.approx(0.5, abs=0.03)
    sincs = [step for steps in found for step in steps if isinstance(step, Lowpass)]
    assert len(sincs) / len(found) == pytest.approx(0.8, abs=0.03)
    assert all(step.shape == "sinc" and step.cutoff >= math.pi / 3 for step in sincs)
    assert all(sum(isinstance(step, Resize) for step in steps) == 1 for steps in found)


@pytest.mark.parametrize("scale", [2, 4])
def test_bsrgan_is_shuffled(scale: int) -> None:
    found = list(draws(Shuffled(), scale=scale))
    halved = [steps for steps in found if isinstance(steps[0], Rescale) and steps[0].factor == 2.0]
    assert len(halved) / len(found) == pytest.approx(0.25 if scale == 4 else 0.0, abs=0.03)
    places = Counter(next(at for at, step in enumerate(steps) if isinstance(step, Noise)) for steps in found)
    assert len(places) >= 6
    smaller = 0
    for steps in found:
        assert isinstance(steps[-1], Jpeg)
        last = next(at for at, step in enumerate(steps) if isinstance(step, Resize))
        others = [at for at, step in enumerate(steps) if isinstance(step, Rescale | Subsample)]
        assert others and max(others) < last  # the resize to LR's size is the last one
        smaller += any(isinstance(step, Subsample) for step in steps)
    assert smaller / len(found) == pytest.approx(0.25, abs=0.03)
    assert {step.sigma for steps in found for step in steps if isinstance(step, Noise)} == set(map(float, range(2, 26)))
    mixed = [step.mixing for steps in found for step in steps if isinstance(step, Noise) and step.mixing]
    assert len(mixed) / len(found) == pytest.approx(0.2, abs=0.03)
    rows = np.array(mixed[0])
    across = rows @ rows.T
    np.testing.assert_allclose(across, np.diag(np.diag(across)), atol=1e-5)


# images --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", RANDOM)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_is_drawn_is_the_images_own(protocol: str, scale: int) -> None:
    """Whatever was degraded before; and LR has its size, and whole numbers, however it was made."""
    chosen = set()
    for seed in range(8):
        hr = photograph(61, 74, seed)
        case = prepare(PROTOCOLS[protocol], "x", hr, scale)
        assert case.input.lr.shape == (61 // scale, 74 // scale, 3)
        assert (case.input.lr % 1 == 0).all() and case.input.lr.min() >= 0 and case.input.lr.max() <= 255
        again = prepare(PROTOCOLS[protocol], "y", hr.copy(), scale)
        np.testing.assert_array_equal(case.input.lr, again.input.lr)
        assert case.drawn == again.drawn and len(case.drawn) >= 3
        chosen.add(case.drawn)
    assert len(chosen) == 8


def test_the_stream_is_that_of_every_machine() -> None:
    """NumPy keeps RandomState's; so these do not change."""
    assert prepare(PROTOCOLS["realesrgan"], "x", RGB, 4).drawn == STREAMS["realesrgan"]
    assert prepare(PROTOCOLS["bsrgan"], "x", RGB, 4).drawn == STREAMS["bsrgan"]


def test_noise_that_is_gray_is_the_same_in_all_channels() -> None:
    for kind in ("gaussian", "shot"):
        image = np.full((20, 30, 3), 120.0)
        image[::2] = 60.0
        step = Noise(kind=kind, sigma=2.0, gray=True)  # type: ignore[arg-type]
        noise = step.run(image, (20, 30), Draws(image)) - image
        np.testing.assert_allclose(noise[..., 0], noise[..., 1], atol=1e-4)
        assert noise.std() > 1


def test_gaussian8_is_its_eight_kernels_in_turn() -> None:
    """Against SciPy: each blur, then bicubic, rounded once."""
    protocol = PROTOCOLS["gaussian8"]
    assert protocol.turns == tuple(range(8))
    hr = mod_crop(RGB, 4)
    for turn, sigma in zip(protocol.turns, np.linspace(1.8, 3.2, 8), strict=True):
        case = prepare(protocol, "x", RGB, 4, turn=turn)
        blurred = np.stack(
            [
                ndimage.gaussian_filter(hr[..., channel].astype(float), sigma, mode="mirror", radius=10)
                for channel in range(3)
            ],
            axis=2,
        )
        expected = round_half_up(imresize(blurred, size=(15, 18)))
        assert np.abs(case.input.lr - expected).max() <= 1 and (case.input.lr != expected).mean() < 1e-3
        assert f"sigma {sigma:g}" in case.drawn[0]
    assert prepare(protocol, "x", RGB, 4).drawn in {prepare(protocol, "x", RGB, 4, turn=t).drawn for t in range(8)}
    with pytest.raises(UsageError, match="x8"):
        prepare(protocol, "x", photograph(90, 90), 8)
    with pytest.raises(UsageError, match="not known"):
        GaussianSet().draw(np.random.RandomState(0), 8, 0)


def test_rows_say_what_was_drawn(tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b")):
        save(tmp_path / "hr" / f"{name}.png", photograph(64, 72, seed))
    for protocol, images in (("gaussian8", 16), ("realesrgan", 2)):
        run = srbench.run("bicubic", str(tmp_path / "hr"), scales=4, protocol=protocol, out=tmp_path / "runs")
        run.raise_for_failures()
        (cell,) = run.loaded.cells
        assert len(cell.images) == images and len({image.drawn for image in cell.images}) == {16: 8, 2: 2}[images]
        mean = np.mean([image.values["psnr"] for image in cell.images])
        assert cell.values["psnr"] == pytest.approx(mean)
    assert [image.name for image in cell.images] == ["a", "b"]
    plain = srbench.run("bicubic", str(tmp_path / "hr"), scales=4, protocol="edsr", out=tmp_path / "runs")
    assert all(image.drawn == () for cell in plain.loaded.cells for image in cell.images)
    supplied = srbench.run(
        f"images:{tmp_path / 'hr'}", str(tmp_path / "hr"), scales=4, protocol="gaussian8", out=tmp_path / "runs"
    )
    assert "makes 8 LR images of each HR image" in supplied.loaded.record.failed[0].error
