"""Pictures through methods: what these are given, parts that make the whole, transparency, depth and gray."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from conftest import photograph
from hypothesis import given, settings
from hypothesis import strategies as st

from srbench.errors import MethodError
from srbench.imaging.resize import imresize, imresize_part
from srbench.inference import run_method
from srbench.method import Method, MethodInfo
from srbench.photo.image import Image
from srbench.photo.side_by_side import BAR, GAP, Looker, bicubic, busiest, side_by_side
from srbench.photo.upscale import PartInput, Upscaler
from srbench.plugins.registry import Registry
from srbench.protocols.case import prepare
from srbench.protocols.protocol import Protocol
from srbench.training.loading import load_method

CPU = torch.device("cpu")
METHODS = ("bicubic", "nearest", "lanczos", "bicubic-ibp", "dcci", "fsrcnn", "srcnn-y", "autoencoder")
"""Of each kind: luma, RGB or any planes, small or enlarged input, with and without pooling."""


def enlarger(name: str, scale: int = 2, tile: int | None = None) -> Upscaler:
    registry = Registry()
    (choice,) = registry.select((name,))
    return Upscaler(load_method(registry, choice, scale, CPU), scale, CPU, tile)


def enlarged(picture: Image, name: str, scale: int = 2, tile: int | None = None, depth: int = 0) -> np.ndarray:
    return np.concatenate(list(enlarger(name, scale, tile).bands(picture, depth or picture.layout.depth)))


def photo(height: int = 50, width: int = 61, depth: int = 8, channels: int = 3) -> Image:
    """A photograph without blacks or whites: no bicubic overshoot leaves the range of luma."""
    pixels = (photograph(height, width) * 0.5 + 64)[..., :channels]
    return Image("photo", (pixels * 257).astype(np.uint16) if depth == 16 else pixels.astype(np.uint8))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_part_of_an_enlargement_is_the_whole_s(data: st.DataObject) -> None:
    height, width, factor = (data.draw(st.integers(1, most)) for most in (40, 40, 4))
    image = np.random.default_rng(0).integers(0, 256, (height, width, data.draw(st.integers(1, 3))), dtype=np.uint8)
    border: Any = data.draw(st.sampled_from(["symmetric", "replicate"]))
    sides = []
    for side in (height, width):
        start = data.draw(st.integers(0, side * factor - 1))
        sides.append(slice(start, data.draw(st.integers(start + 1, side * factor))))
    whole = imresize(image.astype(np.float64), factor, border=border)
    np.testing.assert_array_equal(imresize_part(image, factor, *sides, border=border), whole[sides[0], sides[1]])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [2, 3])
def test_tiles_make_the_whole(name: str, scale: int) -> None:
    picture = photo()
    whole = enlarged(picture, name, scale)
    assert len(enlarger(name, scale).tiles(50, 61)) == 1
    assert whole.shape == (50 * scale, 61 * scale, 3)
    tiled = enlarged(picture, name, scale, tile=16)
    assert len(enlarger(name, scale, 16).tiles(50, 61)) > 8
    assert np.abs(whole.astype(int) - tiled).max() <= 1  # rounding: networks add up in another order
    assert (whole != tiled).mean() < 1e-3


def test_tiles_make_the_whole_to_the_bit_by_bicubic() -> None:
    for depth in (8, 16):
        picture = photo(depth=depth)
        np.testing.assert_array_equal(enlarged(picture, "bicubic", 3, tile=17), enlarged(picture, "bicubic", 3))


# A run gives gray to luma methods as if it were luma; a picture's black is luma 16.
SAME_IN_GRAY = ("bicubic", "nearest", "lanczos", "bicubic-ibp", "autoencoder")


@pytest.mark.parametrize(
    ("name", "channels"),
    [*((name, 3) for name in METHODS), *((name, 1) for name in METHODS if name in SAME_IN_GRAY)],
)
def test_the_picture_is_what_a_run_would_score(name: str, channels: int) -> None:
    """A protocol that takes LR as it is and rounds once at the end gives the same picture by its own arithmetic."""
    protocol = Protocol(name="plain", scored="rgb", degraded="none", lr="double", sr="uint8")
    picture = photo(channels=channels)
    lr = picture.colour[..., 0] if channels == 1 else picture.colour
    hr = np.zeros((100, 122) if channels == 1 else (100, 122, 3), np.uint8)
    case = prepare(protocol, "a", hr, 2, lr)
    made = enlarger(name)
    info = made.method.info
    expected = case.image(case.finish(info, run_method(made.method, case.method_input(info), 2, CPU)))
    ours = enlarged(picture, name)
    assert np.abs(expected.reshape(ours.shape).astype(int) - ours).max() <= 1
    assert (expected.reshape(ours.shape) != ours).mean() < 1e-3


@pytest.mark.parametrize("name", METHODS)
def test_gray_is_what_equal_channels_are(name: str) -> None:
    gray = photo(channels=1)
    rgb = dataclasses.replace(gray, colour=gray.colour.repeat(3, axis=2))
    difference = enlarged(rgb, name).astype(int) - enlarged(gray, name)
    if name == "autoencoder":  # tells the channels apart
        assert np.abs(difference).mean() < 2
    else:
        assert np.abs(difference).max() <= 1


def test_black_and_white_stay() -> None:
    """Luma of studio range would turn black to dark gray if it were forgotten on the way."""
    for value in (0, 255):
        for channels in (1, 3):
            picture = Image("flat", np.full((40, 40, channels), value, np.uint8))
            for name in ("bicubic", "fsrcnn", "srcnn-y", "dcci"):
                assert np.abs(enlarged(picture, name).astype(int) - value).max() <= 3, (name, channels)
            np.testing.assert_array_equal(enlarged(picture, "bicubic"), value)


def test_luma_is_in_studio_range_whatever_the_depth() -> None:
    info = MethodInfo(name="y", family="edge", channels="y", input="lr")
    whole = slice(0, 2)
    for kind, peak in ((np.uint8, 255), (np.uint16, 65535)):
        for channels in (1, 3):
            colour = np.zeros((2, 2, channels), kind)
            colour[0] = peak
            seen = PartInput(Image("a", colour), 2, whole, whole).given(info)
            np.testing.assert_allclose(seen[0] * 255, [[235, 235], [16, 16]], atol=1e-4)


@pytest.mark.parametrize("name", ["bicubic", "fsrcnn"])
def test_16_bits_are_16_bits_throughout(name: str) -> None:
    """A ramp of 1 in 65535 a pixel has no steps; by way of 8 bits it would have a single value."""
    ramp = np.arange(30_000, 30_080, dtype=np.uint16)
    picture = Image("ramp", np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (40, 80, 3))))
    out = enlarged(picture, name)
    assert out.dtype == np.uint16
    inner = out[20:-20, 20:-20].astype(float)
    assert len(np.unique(inner)) > 40
    if name == "bicubic":
        exact = imresize(picture.colour.astype(np.float64), 2)
        assert np.abs(exact - out).max() <= 0.51
    assert enlarged(picture, name, depth=8).dtype == np.uint8


def test_nothing_hidden_shines_through_and_opaque_stays_opaque() -> None:
    """A red disc whose transparent surroundings are black, white or green underneath."""
    from srbench.photo.read import _bled

    y, x = np.mgrid[:40, :40]
    alpha = np.clip((14 - np.hypot(x - 20, y - 20)) * 128, 0, 255).astype(np.uint8)[..., None]
    results = []
    for hidden in ((0, 0, 0), (255, 255, 255), (0, 255, 0)):
        colour = np.where(alpha > 0, np.array((200, 30, 30), np.uint8), np.array(hidden, np.uint8))
        picture = Image("disc", _bled(colour, alpha), alpha)
        results.append(enlarged(picture, "fsrcnn"))
        shown = results[-1][..., 3] > 0
        assert np.abs(results[-1][shown][:, :3].astype(int) - (200, 30, 30)).max() <= 3
        assert (results[-1][36:44, 36:44, 3] == 255).all()
        assert (results[-1][:8, :8, 3] == 0).all()
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    expected = np.clip(np.floor(imresize(alpha.astype(np.float64), 2) + 0.5), 0, 255)
    np.testing.assert_array_equal(results[0][..., 3:], expected)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_in_tiles(channels: int, depth: int) -> None:
    picture = photo(depth=depth, channels=channels - 1)
    ramp = np.linspace(0, picture.peak, picture.colour.shape[1]).astype(picture.colour.dtype)
    alpha = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (*picture.colour.shape[:2], 1)))
    picture = dataclasses.replace(picture, alpha=alpha)
    whole, tiled = (enlarged(picture, "lanczos", tile=tile) for tile in (None, 16))
    assert whole.shape == (100, 122, channels)
    np.testing.assert_array_equal(whole, tiled)


class Fails(Method):
    info = MethodInfo(name="fails", family="edge", channels="any", input="lr")

    def upscale(self, x: torch.Tensor, scale: int) -> torch.Tensor:
        raise RuntimeError(f"cannot do {tuple(x.shape)}")


def test_a_method_without_halo_sees_the_whole_and_what_it_raises_is_told() -> None:
    made = Upscaler(Fails(), 2, CPU, tile=16)
    assert not made.works_in_tiles
    with pytest.raises(MethodError, match=r"fails raised RuntimeError: cannot do \(1, 3, 50, 61\)"):
        list(made.bands(photo(), 8))


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), tile=st.integers(1, 50), scale=st.integers(2, 4))
def test_any_size(height: int, width: int, tile: int, scale: int) -> None:
    picture = photo(height, width)
    counted: list[int] = []
    made = enlarger("lanczos", scale, tile)
    out = np.concatenate(list(made.bands(picture, 8, lambda: counted.append(1))))
    assert out.shape == (height * scale, width * scale, 3)
    assert len(counted) == len(made.tiles(height, width))


def test_the_busiest_part_is_set_beside_bicubic() -> None:
    colour = np.full((400, 600, 3), 90, np.uint8)
    colour[250:390, 400:560] = photograph(140, 160)
    picture = Image("a", colour)
    window = busiest(picture, 2, pane=300)
    assert 480 <= window.rows.start <= 520 and window.rows.stop - window.rows.start == 300
    assert 780 <= window.columns.start <= 820
    looker = Looker(window)
    whole = np.concatenate(list(looker.watch(enlarger("lanczos", 2, 70).bands(picture, 8))))
    np.testing.assert_array_equal(looker.seen, whole[window.rows, window.columns])
    left = bicubic(picture, 2, window)
    by_method = enlarged(picture, "bicubic")[window.rows, window.columns]
    assert np.abs(left.astype(int) - by_method).max() <= 1  # the method's is rounded to float32 on its way
    sheet = side_by_side(left, looker.seen, ("bicubic", "lanczos x2"))
    assert sheet.shape == (BAR + 300, 600 + GAP, 3)
    np.testing.assert_array_equal(sheet[BAR:, :300], left)
    np.testing.assert_array_equal(sheet[BAR:, 300 + GAP :], looker.seen)
    assert (sheet[:BAR] != 255).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 1500), (1200, 1300)])
@pytest.mark.parametrize("depth", [8, 16])
def test_sheets_of_any_size(shape: tuple[int, int], depth: int) -> None:
    opaque = photo(*shape, depth=depth)
    alpha = np.zeros((*shape, 1), opaque.colour.dtype)
    for picture in (opaque, dataclasses.replace(opaque, alpha=alpha)):
        window = busiest(picture, 2)
        part = bicubic(picture, 2, window)
        assert max(part.shape[:2]) == min(800, 2 * max(shape))
        sheet = side_by_side(part, part, ("bicubic", "a-method-with-a-long-name x2"))
        assert sheet.shape[1] > 300
        assert sheet.dtype == np.uint8
    assert set(np.unique(sheet[BAR:, : sheet.shape[1] // 2 - GAP])) <= {204, 255}  # nothing but the checks
