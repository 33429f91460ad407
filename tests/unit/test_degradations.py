"""The steps from HR to LR: each against the program it stands for, and their TOML tables."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from conftest import photograph, save
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import correlate

import srbench
from srbench.errors import DataError, UsageError
from srbench.imaging.blur import _MODES, Edge, _separated, blur, gaussian, read_kernel
from srbench.imaging.noise import Matlab4Normal
from srbench.imaging.resize import imresize, mod_crop, round_half_up
from srbench.protocols.builtin import PROTOCOLS, get_protocol
from srbench.protocols.case import prepare
from srbench.protocols.degradations import Blur, Jpeg, Noise, Resize, Step, Subsample, degrade
from srbench.protocols.protocol import Protocol

RGB = photograph(45, 60, 3)
GRAY = RGB[..., 1].copy()
SMALL = (15, 20)


def lr_of(protocol: Protocol, hr: np.ndarray = RGB, scale: int = 3) -> np.ndarray:
    return np.asarray(prepare(protocol, "x", hr, scale).input.lr)


def ending(*steps: Step, **fields: Any) -> Protocol:
    return Protocol(name="p", degradation=steps, **fields)


# random numbers ------------------------------------------------------------------------------------------------------


def test_the_first_numbers_of_matlabs_version_4_generator() -> None:
    first = Matlab4Normal().normal((12,))
    expected = (1.1650, 0.6268, 0.0751, 0.3516, -0.6965, 1.6961, 0.0591, 1.7971, 0.2641, 0.8717, -1.4462, -0.7012)
    np.testing.assert_allclose(first, expected, rtol=0, atol=5e-5)


def test_matlabs_generator_is_its_definition_in_one_loop() -> None:
    x, expected = 1144108930, []
    while len(expected) < 3000:
        x = 16807 * x % (2**31 - 1)
        a = 2 * x / (2**31 - 1) - 1
        x = 16807 * x % (2**31 - 1)
        b = 2 * x / (2**31 - 1) - 1
        if (s := a * a + b * b) < 1:
            expected.append(a * np.sqrt(-2 * np.log(s) / s))
    np.testing.assert_allclose(Matlab4Normal().normal((3000,)), expected, rtol=1e-13)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_matlabs_generator_goes_on_where_it_stopped(counts: list[int]) -> None:
    stream = Matlab4Normal()
    parts = np.concatenate([stream.normal((count,)) for count in counts])
    np.testing.assert_array_equal(parts, Matlab4Normal().normal((sum(counts),)))


def test_matlabs_arrays_are_filled_column_by_column_then_channel_by_channel() -> None:
    flat, array = Matlab4Normal().normal((24,)), Matlab4Normal().normal((2, 4, 3))
    assert array[1, 0, 0] == flat[1] and array[0, 1, 0] == flat[2] and array[0, 0, 1] == flat[8]


@pytest.mark.parametrize("generator", ["numpy", "matlab4"])
def test_noise_is_begun_anew_for_each_image(generator: Any) -> None:
    protocol = ending(Resize(), Noise(sigma=20.0, generator=generator))
    first = lr_of(protocol)
    lr_of(protocol, photograph(45, 60, 4))
    np.testing.assert_array_equal(lr_of(protocol), first)
    noises = [lr_of(protocol, hr) - lr_of(Protocol(name="plain"), hr) for hr in (RGB, photograph(45, 60, 4))]
    assert np.allclose(*noises, atol=1e-4) == (generator == "matlab4")  # NumPy's seed is the image's content
    assert noises[0].std() == pytest.approx(20, rel=0.1)


def test_two_steps_of_noise_are_not_the_same_noise() -> None:
    for generator in ("numpy", "matlab4"):
        noise = Noise(sigma=10.0, generator=generator)  # type: ignore[arg-type]
        once, twice = lr_of(ending(Resize(), noise)), lr_of(ending(Resize(), noise, noise))
        plain = lr_of(Protocol(name="plain"))
        assert abs(np.corrcoef((once - plain).ravel(), (twice - once).ravel())[0, 1]) < 0.1


def test_numpys_noise_is_the_same_on_every_machine() -> None:
    flat = np.full((6, 6), 100, np.uint8)
    noisy = lr_of(ending(Subsample(), Noise(sigma=10.0), gray="y", lr="uint8"), flat, 2)
    assert noisy.tolist() == [[89, 94, 89], [97, 109, 106], [100, 93, 80]]
    events = lr_of(ending(Subsample(), Noise(kind="poisson", peak=30.0), gray="y", lr="uint8"), flat, 2)
    assert events.tolist() == [[85, 94, 102], [94, 94, 60], [162, 111, 60]]


# steps ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [RGB, GRAY], ids=["rgb", "gray"])
@pytest.mark.parametrize(
    ("border", "theirs"),
    [
        ("replicate", cv2.BORDER_REPLICATE),
        ("symmetric", cv2.BORDER_REFLECT),
        ("reflect", cv2.BORDER_REFLECT_101),
        ("zero", cv2.BORDER_CONSTANT),
    ],
)
def test_blur_is_opencvs_filter2d(image: np.ndarray, border: Any, theirs: int) -> None:
    kernel = np.random.default_rng(0).random((5, 7))
    kernel /= kernel.sum()
    expected = cv2.filter2D(image.astype(np.float64), -1, kernel, borderType=theirs)
    np.testing.assert_allclose(blur(image, kernel, border), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("border", list(get_args(Edge)))
@pytest.mark.parametrize("image", [RGB, GRAY], ids=["rgb", "gray"])
def test_a_blur_along_the_axes_is_the_whole_kernels(image: np.ndarray, border: Edge) -> None:
    """And one that is not the product of two is left whole."""
    for kernel, is_product in (
        (gaussian(21, (2.4, 2.4)), True),
        (gaussian(7, (1.6, 0.8), 90.0), True),
        (np.outer([1, -2, 1], [0.5, 0.0, -0.5, 0.0, 1.0]), True),
        (gaussian(15, (3.2, 1.6), 30.0), False),
        (gaussian(7, (1.6, 1.6)).astype(np.float32).astype(np.float64), False),
    ):
        assert (_separated(kernel) is not None) == is_product
        whole = correlate(
            image.astype(np.float64), kernel if image.ndim == 2 else kernel[..., None], mode=_MODES[border]
        )
        blurred = blur(image, kernel, border)
        np.testing.assert_allclose(blurred, whole, rtol=0, atol=1e-11)
        if np.all(kernel > 0):
            np.testing.assert_array_equal(round_half_up(blurred), round_half_up(whole))


def test_a_circular_border_shifts() -> None:
    kernel = np.zeros((3, 5))
    kernel[2, 0] = 1.0
    np.testing.assert_array_equal(blur(GRAY, kernel, "circular"), np.roll(GRAY, (-1, 2), (0, 1)))


def test_gaussians() -> None:
    one = cv2.getGaussianKernel(7, 1.6)
    np.testing.assert_allclose(gaussian(7, (1.6, 1.6)), one @ one.T, atol=1e-15)
    np.testing.assert_allclose(gaussian(7, (1.6, 1.6), 33.0), one @ one.T, atol=1e-15)
    wide = gaussian(21, (4.0, 1.0))
    assert wide[10, 14] > 10 * wide[14, 10]
    np.testing.assert_allclose(gaussian(21, (4.0, 1.0), 90.0), wide.T, atol=1e-15)
    up = gaussian(21, (4.0, 1.0), 45.0)  # counterclockwise: up to the right
    assert up[7, 13] > 10 * up[13, 13]


def test_bd_is_a_rounded_blur_and_every_third_pixel_from_the_second() -> None:
    one = cv2.getGaussianKernel(7, 1.6)
    blurred = cv2.sepFilter2D(RGB.astype(np.float64), -1, one, one, borderType=cv2.BORDER_REPLICATE)
    lr = lr_of(PROTOCOLS["bd"])
    assert lr.dtype == np.uint8
    rounded = round_half_up(blurred).astype(np.uint8)
    np.testing.assert_array_equal(lr, rounded[1::3, 1::3])
    np.testing.assert_array_equal(lr, imresize(rounded, size=SMALL, kernel="nearest"))


@pytest.mark.parametrize("hr", [RGB, GRAY], ids=["rgb", "gray"])
def test_dn_is_bicubic_and_noise_of_level_30(hr: np.ndarray) -> None:
    small = imresize(hr, size=SMALL, border="replicate")
    noise = Matlab4Normal().normal(small.shape)
    np.testing.assert_array_equal(lr_of(PROTOCOLS["dn"], hr), round_half_up(small + 30.0 * noise))


def test_jpeg_is_pillows() -> None:
    for hr, subsampling in ((RGB, "4:2:0"), (RGB, "4:4:4"), (GRAY, "4:2:0")):
        file = io.BytesIO()
        Image.fromarray(imresize(hr, size=SMALL)).save(file, "JPEG", quality=40, subsampling=subsampling)
        steps = (Resize(), Jpeg(quality=40, subsampling=subsampling))  # type: ignore[arg-type]
        lr = lr_of(ending(*steps, lr="uint8"), hr)
        np.testing.assert_array_equal(lr, np.asarray(Image.open(file)))
    assert ending(Resize(), Jpeg()).packages == ("pillow",)
    assert not PROTOCOLS["dn"].packages
    with pytest.raises(DataError, match="65500 pixels a side"):
        degrade(np.zeros((2, 65_501), np.uint8), (Jpeg(), Subsample()), (1, 32_750))


def test_what_is_rounded() -> None:
    kernel = Blur(size=5, sigma=(1.0, 1.0))
    blurred = blur(RGB, gaussian(5, (1.0, 1.0)), "replicate")
    loose = dataclasses.replace(kernel, rounded=False)
    small = imresize(blurred, size=SMALL)
    rounded = imresize(round_half_up(blurred).astype(np.uint8), size=SMALL)
    for step, lr, expected in (
        (kernel, "double", small),
        (kernel, "rounded", round_half_up(small)),
        (kernel, "uint8", rounded),
        (loose, "uint8", round_half_up(small)),
    ):
        np.testing.assert_array_equal(lr_of(ending(step, Resize(), lr=lr)), expected)


def test_one_resize_alone_is_the_protocol_without_a_degradation() -> None:
    for name, protocol in PROTOCOLS.items():
        if protocol.degraded != "none" and not protocol.degradation:
            steps = (Resize(protocol.kernel, protocol.antialias, protocol.border),)
            spelled = dataclasses.replace(protocol, name="mine", degradation=steps)
            np.testing.assert_array_equal(lr_of(spelled), lr_of(protocol), err_msg=name)


def test_in_words() -> None:
    assert "blurred by a 7x7 Gaussian of sigma 1.6 (replicate border)" in PROTOCOLS["bd"].describe()
    words = PROTOCOLS["dn"].describe()
    assert "Gaussian noise of sigma 30 added (MATLAB's randn('seed', 0) for each image)" in words
    assert words.endswith("x3 alone")
    assert "SSIM by ssim_index of rounded pixels, contrast term clipped at 0" in PROTOCOLS["stablesr"].describe()
    steps = (
        Blur(size=21, sigma=(4.0, 1.0), angle=30.0),
        Subsample(),
        Noise(kind="poisson", peak=9.0),
        Jpeg(quality=30),
    )
    assert (
        "RGB blurred by a 21x21 Gaussian of sigma 4 and 1 at 30° (replicate border), one pixel of scale kept, "
        "from pixel 0 on, Poisson noise of 9 events at 255 added (seeded by the image), JPEG of quality 30 "
        "(4:2:0); upsampled"
    ) in ending(*steps).describe()


def test_a_protocol_for_one_scale_refuses_others() -> None:
    with pytest.raises(UsageError, match="'bd' is for x3 alone, not x2"):
        srbench.degrade(RGB, 2, "bd")
    with pytest.raises(UsageError, match="subsamples from pixel 2 on, so it is not for x2"):
        prepare(ending(Subsample(offset=2)), "x", RGB, 2)
    assert lr_of(ending(Subsample(offset=2)), mod_crop(RGB, 4), 4)[0, 0].tolist() == RGB[2, 2].tolist()


# TOML ----------------------------------------------------------------------------------------------------------------

BLIND = """
base = "edsr"

[[degradation]]
step = "blur"
size = 21
sigma = [4, 1.5]
angle = 30

[[degradation]]
step = "resize"
kernel = "bilinear"

[[degradation]]
step = "noise"
sigma = 15

[[degradation]]
step = "jpeg"
quality = 60
"""


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_degradation_in_toml(tmp_path: Path) -> None:
    protocol = get_protocol(write(tmp_path, BLIND))
    assert protocol.degradation == (
        Blur(size=21, sigma=(4.0, 1.5), angle=30.0),
        Resize(kernel="bilinear"),
        Noise(sigma=15.0),
        Jpeg(quality=60),
    )
    assert protocol.hash != PROTOCOLS["edsr"].hash
    assert protocol.hash == dataclasses.replace(protocol, name="other").hash
    other = get_protocol(write(tmp_path, BLIND.replace("15", "16")))
    assert other.hash != protocol.hash
    assert lr_of(protocol).shape == (*SMALL, 3)
    (tmp_path / "next.toml").write_text('base = "mine.toml"\ndegradation = []\n')
    assert get_protocol(str(tmp_path / "next.toml")).hash == PROTOCOLS["edsr"].hash


@pytest.mark.parametrize("kind", ["npy", "mat", "png"])
def test_kernels_from_files(tmp_path: Path, kind: str) -> None:
    weights = np.random.default_rng(1).integers(0, 200, (5, 7), dtype=np.uint8)
    path = tmp_path / f"kernel.{kind}"
    if kind == "npy":
        np.save(path, weights)
    elif kind == "mat":
        savemat(path, {"kernel": weights.astype(np.float64)})
    else:
        save(path, weights)
    text = f'[[degradation]]\nstep = "blur"\nkernel = "{path.name}"\n[[degradation]]\nstep = "subsample"\n'
    protocol = get_protocol(write(tmp_path, text))
    kernel = weights / weights.sum()
    np.testing.assert_allclose(lr_of(protocol), blur(RGB, kernel, "replicate")[::3, ::3], atol=1e-9)
    assert "a kernel of 7x5" in protocol.describe()
    before = protocol.hash
    if kind == "npy":
        np.save(path, weights + 1)
        assert get_protocol(str(tmp_path / "mine.toml")).hash != before


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((4, 5)), "two odd sides"),
        (np.ones((5, 5, 3)), "two odd sides"),
        (np.ones((103, 3)), "at most 101"),
        (np.float64(3), "no size"),
        (np.zeros((5, 5)), "positive sum"),
        (np.full((5, 5), np.nan), "finite"),
        (np.full((5, 5), "a"), "real numbers"),
        (np.ones((5, 5), complex), "real numbers"),
    ],
)
def test_what_is_no_kernel(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "k.npy", array)
    with pytest.raises(DataError, match=message):
        read_kernel(tmp_path / "k.npy")


def test_kernel_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name, content in (("k.npy", b"no"), ("k.mat", b"no"), ("k.png", b"no"), ("k.txt", b"1 2 3")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as error:
            read_kernel(tmp_path / name)
        assert name in str(error.value)
    for name in ("none.npy", "none.mat", "none.png"):
        with pytest.raises(DataError):
            read_kernel(tmp_path / name)
    savemat(tmp_path / "two.mat", {"a": np.ones((3, 3)), "b": np.ones((3, 3))})
    with pytest.raises(DataError, match="one array"):
        read_kernel(tmp_path / "two.mat")
    np.save(tmp_path / "object.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_kernel(tmp_path / "object.npy")


SUB = '[[degradation]]\nstep = "subsample"\n'
RESIZE = '[[degradation]]\nstep = "resize"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('degradation = "blur"', r"\[\[degradation\]\] tables"),
        ("degradation = [3]", r"\[\[degradation\]\] tables"),
        ('[[degradation]]\nstep = "blurr"', "Did you mean blur"),
        ("[[degradation]]\nsize = 3", "step"),
        ('[[degradation]]\nstep = "blur"\nsigm = 3', "Did you mean sigma"),
        ('[[degradation]]\nstep = "blur"\nsize = 7\nsigma = 2', "one step that makes the image small"),
        (SUB + SUB, "one step that makes the image small"),
        (SUB + '[[degradation]]\nstep = "blur"', "odd size"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 8\nsigma = 2', "odd size"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 7\nsigma = 0', "positive sigma"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 7\nsigma = nan', "positive sigma"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 7\nsigma = [1, 2, 3]', "a number or two"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 7\nsigma = 2\nangle = inf', "must be a number"),
        (SUB + '[[degradation]]\nstep = "blur"\nsize = 7\nsigma = 2\nborder = "none"', "one of replicate"),
        (SUB + '[[degradation]]\nstep = "blur"\nkernel = 3', "the path of a"),
        (SUB + '[[degradation]]\nstep = "noise"', "positive sigma"),
        (SUB + '[[degradation]]\nstep = "noise"\nsigma = -1', "positive sigma"),
        (SUB + '[[degradation]]\nstep = "noise"\nkind = "poisson"\nsigma = 1', "positive peak"),
        (
            SUB + '[[degradation]]\nstep = "noise"\nkind = "poisson"\npeak = 9\ngenerator = "matlab4"',
            "Gaussian noise alone",
        ),
        (SUB + '[[degradation]]\nstep = "jpeg"\nquality = 0', "from 1 to 100"),
        (SUB + '[[degradation]]\nstep = "jpeg"\nquality = true', "whole number"),
        ('[[degradation]]\nstep = "rescale"\nfactor = 0\n' + RESIZE, "factor above 0"),
        ('[[degradation]]\nstep = "rescale"\nfactor = 1e9\n' + RESIZE, "at most 64"),
        (RESIZE + '[[degradation]]\nstep = "rescale"\nfactor = 2', "a rescale comes before the resize"),
        ('[[degradation]]\nstep = "rescale"\nfactor = 2\n' + SUB, "after a rescale, it is resize"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nsize = 8', "odd size"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nsize = 1001', "odd size"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nsigma = 0', "positive sigma"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nbeta = -1', "positive beta"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nshape = "sinc"\ncutoff = 0', "a cutoff from"),
        (SUB + '[[degradation]]\nstep = "lowpass"\nshape = "sinc"\ncutoff = 4', "a cutoff from"),
        ('degraded = "none"\n' + SUB, "LR is supplied"),
        ("scales = 3", "list of whole numbers"),
        ("scales = [0]", "list of whole numbers"),
        ("psnr_eps = -1", "psnr_eps"),
        ('ssim_luma = "double"', "one of scored, uint8"),
    ],
)
def test_wrong_toml_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        get_protocol(write(tmp_path, text))
    assert "\n" not in str(error.value)
