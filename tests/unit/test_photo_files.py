"""Pictures in and out: what each format keeps of pixels, transparency, depth and metadata."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from srbench.errors import UsageError
from srbench.imaging.suffixes import SUFFIXES
from srbench.photo.formats import BECOMES, BY_SUFFIX, FORMATS, format_named
from srbench.photo.image import Image as Photo
from srbench.photo.image import Layout, Metadata
from srbench.photo.metadata import CAMERA, packed, resized
from srbench.photo.read import read_photo

RGBA = np.random.default_rng(0).integers(0, 256, (9, 13, 4), dtype=np.uint8)
RGBA[..., 3] |= 1  # no pixel is wholly transparent, or its colour would not be kept
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_ICC = SRGB[:16] + b"GRAY" + SRGB[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="a"/></x:xmpmeta>'


def camera_exif(orientation: int = 6) -> Image.Exif:
    """As a camera writes it: maker, copyright, orientation, size, and where the picture was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x8298], exif[0x0112] = "Maker", "Somebody", orientation
    exif[CAMERA] = {0x829A: IFDRational(1, 250), 0xA002: 13, 0xA003: 9, 0x9003: "2026:01:02 03:04:05"}
    exif[0x8825] = {1: "N", 2: (47.0, 30.0, 0.0)}
    return exif


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def written(picture: Photo, form: str, band: int = 4, quality: int = 95) -> bytes:
    """A picture as a file, unchanged but for what the format cannot hold."""
    picture, layout, _ = format_named(form).fitted(picture)
    pixels = picture.colour if picture.alpha is None else np.concatenate([picture.colour, picture.alpha], axis=2)
    if layout.depth == 8 and pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    bands = [pixels[top : top + band] for top in range(0, len(pixels), band)]
    buffer = io.BytesIO()
    format_named(form).write(buffer, layout, bands, picture.metadata, quality)
    return buffer.getvalue()


def pictures() -> st.SearchStrategy[Photo]:
    def build(pixels: np.ndarray) -> Photo:
        alpha = None
        if pixels.shape[2] in (2, 4):
            pixels, alpha = pixels[..., :-1], np.maximum(pixels[..., -1:], 1)
        return Photo("a", np.ascontiguousarray(pixels), alpha)

    shapes = st.tuples(st.integers(1, 150), st.integers(1, 20), st.integers(1, 4))
    return hnp.arrays(st.sampled_from([np.uint8, np.uint16]), shapes).map(build)


@settings(max_examples=80, deadline=None)
@given(picture=pictures(), band=st.integers(1, 160), form=st.sampled_from(["png", "tiff"]))
def test_png_and_tiff_hold_everything(picture: Photo, band: int, form: str) -> None:
    data = written(picture, form, band=band)
    back = read_photo(data)
    if form == "tiff" and (picture.layout.channels, picture.layout.depth) == (2, 16):
        picture = dataclasses.replace(picture, colour=picture.colour.repeat(3, axis=2))  # as files of three channels
    assert back.layout == picture.layout
    np.testing.assert_array_equal(back.colour, picture.colour)
    if picture.alpha is not None:
        np.testing.assert_array_equal(back.alpha, picture.alpha)
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)  # by another reader's opinion
    if picture.layout.channels in (1, 3):
        expected = picture.colour[..., ::-1] if picture.colour.shape[2] == 3 else picture.colour[..., 0]
        np.testing.assert_array_equal(other, expected)


@pytest.mark.parametrize("form", [format.name for format in FORMATS])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_every_format_and_kind_of_picture(form: str, channels: int, depth: int) -> None:
    pixels = RGBA[..., {1: [0], 2: [0, 3], 3: [0, 1, 2], 4: [0, 1, 2, 3]}[channels]]
    pixels = pixels.astype(np.uint16) * 257 if depth == 16 else pixels
    alpha = pixels[..., -1:] if channels in (2, 4) else None
    picture = Photo("a", pixels[..., : 1 if channels < 3 else 3], alpha)
    format = format_named(form)
    if alpha is not None and not format.alpha:
        with pytest.raises(UsageError, match=rf"^a is partly transparent, which {form} .* choose \.png"):
            format.fitted(picture)
        picture = Photo("a", picture.colour, np.full_like(alpha, picture.peak))  # opaque: there is nothing to lose
    if format.gray and channels > 2:
        with pytest.raises(UsageError, match=rf"^a is in colour, which {form} files cannot be; choose \.ppm"):
            format.fitted(picture)
        return
    assert bool(format.fitted(picture)[2]) == (depth == 16 and not format.deep)
    back = read_photo(written(picture, form, quality=100))
    expected = picture.colour if format.deep or depth == 8 else picture.colour // 257
    if back.colour.shape[2] > expected.shape[2]:
        assert form == "webp" or (form, channels, depth) == ("tiff", 2, 16)  # have no such gray
        expected = expected.repeat(3, axis=2)
    assert back.colour.dtype == (np.uint16 if depth == 16 and format.deep else np.uint8)
    if form == "jpeg":
        assert np.abs(back.colour.astype(int) - expected).mean() < 3
    else:
        np.testing.assert_array_equal(back.colour, expected)
    if format.alpha and alpha is not None:
        np.testing.assert_array_equal(back.alpha, alpha if format.deep or depth == 8 else alpha // 257)


@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("target", ["png", "jpeg", "tiff", "webp"])
def test_metadata_go_from_each_format_to_each(source: str, target: str) -> None:
    png = PngInfo()
    png.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, Any] = {"PNG": {"pnginfo": png}, "TIFF": {}}.get(source, {"xmp": XMP})
    options |= {"dpi": (300, 300), "icc_profile": SRGB}
    tags = camera_exif()
    if source == "TIFF":  # has it as a tag
        tags[700] = XMP
    data = saved(Image.fromarray(RGBA[..., :3]), source, exif=tags.tobytes(), **options)
    picture = read_photo(data, name="photo")
    assert picture.colour.shape == (13, 9, 3)  # turned
    again = Image.open(io.BytesIO(written(picture, target)))
    assert again.size == (9, 13)
    again.load()
    assert again.info["icc_profile"] == SRGB
    tags = again.getexif()
    assert tags.get(0x0112, 1) == 1  # and not turned a second time
    assert (tags[0x010F], tags[0x8298]) == ("Maker", "Somebody")
    camera = tags.get_ifd(CAMERA)
    assert (camera[0xA002], camera[0xA003]) == (9, 13)
    assert camera[0x9003] == "2026:01:02 03:04:05"
    assert float(camera[0x829A]) == 1 / 250
    assert tags.get_ifd(0x8825)[1] == "N"
    if "WEBP" not in (source, target.upper()):  # WebP has no resolution but in EXIF
        assert tuple(round(float(dpi)) for dpi in again.info["dpi"]) == (300, 300)
    xmp = again.info["xmp"]
    assert b'dc:title="a"' in xmp
    assert b'tiff:Orientation="1"' in xmp or source == "TIFF"  # where Pillow takes it out
    assert b'"6"' not in xmp


@pytest.mark.parametrize("target", ["png", "tiff"])
def test_16_bit_with_everything(target: str) -> None:
    """RGB with alpha, 16 bits, profile, EXIF and resolution at once: no other writer at hand does that."""
    deep = RGBA.astype(np.uint16) * 251 + 7
    exif = {0x010F: "Maker", 0x0112: 1, CAMERA: {0x9003: "2026:01:02 03:04:05"}}
    picture = Photo("a", deep[..., :3], deep[..., 3:], Metadata(SRGB, exif, XMP, dpi=(300.0, 150.0)))
    back = read_photo(written(picture, target))
    np.testing.assert_array_equal(back.colour, picture.colour)
    np.testing.assert_array_equal(back.alpha, picture.alpha)
    assert back.metadata.icc == SRGB
    assert back.metadata.dpi == pytest.approx((300, 150), rel=1e-3)
    assert back.metadata.exif[0x010F] == "Maker"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(orientation: int) -> None:
    exif = camera_exif(orientation).tobytes()
    for form in ("PNG", "TIFF"):
        first = read_photo(saved(Image.fromarray(RGBA[..., :3]), form, exif=exif))
        second = read_photo(written(first, form.lower()))
        np.testing.assert_array_equal(first.colour, second.colour)
        assert second.metadata.exif[0x0112] == 1


def test_exif_of_the_larger_picture() -> None:
    """Sizes that are there are updated; those that are not are not made up."""
    exif = {0x010F: "Maker", CAMERA: {0xA002: 13, 0xA003: 9}}
    assert resized(exif, 18, 26) == {0x010F: "Maker", CAMERA: {0xA002: 26, 0xA003: 18}}
    assert resized({0x010F: "Maker"}, 18, 26) == {0x010F: "Maker"}
    assert packed(resized({}, 18, 26)) == b""


def test_broken_exif_costs_the_exif_alone() -> None:
    rgb = Image.fromarray(RGBA[..., :3])
    for junk in (b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x07" * 40):
        picture = read_photo(saved(rgb, "JPEG", exif=junk))
        for form in ("png", "jpeg", "tiff", "webp"):
            assert read_photo(written(picture, form)).colour.shape == (9, 13, 3)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_exif_costs_no_more_than_the_exif(data: st.DataObject) -> None:
    content = bytearray(camera_exif().tobytes())
    for position in data.draw(st.lists(st.integers(6, len(content) - 1), min_size=1, max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    picture = read_photo(saved(Image.fromarray(RGBA[..., :3]), "JPEG", exif=bytes(content)))
    for form in ("png", "jpeg", "tiff"):
        assert read_photo(written(picture, form)).layout == picture.layout


def test_how_a_png_says_its_colours_is_kept() -> None:
    """Without gAMA the picture would look darker or lighter."""
    header = struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\1"), (b"IEND", b"")]
    chunks.insert(3, (b"IDAT", zlib.compress(b"\0\x80")))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    picture = read_photo(data)
    assert picture.metadata.png_colour == ((b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\1"))
    again = Image.open(io.BytesIO(written(picture, "png")))
    assert again.info["gamma"] == 1.0
    assert again.info["srgb"] == 1
    assert written(picture, "tiff")


def test_a_profile_of_other_channels_is_not_written() -> None:
    """A gray profile in an RGB file, or the reverse, makes readers refuse the file."""
    gray = Photo("a", RGBA[..., :1], None, Metadata(icc=GRAY_ICC))
    assert read_photo(written(gray, "png")).metadata.icc == GRAY_ICC
    assert read_photo(written(gray, "webp")).metadata.icc == b""
    (note,) = format_named("webp").fitted(gray)[2]
    assert note == "the colour profile is for GRAY, and the webp file is RGB"
    assert format_named("png").fitted(gray)[2] == format_named("jpeg").fitted(gray)[2] == ()
    deep = Photo("a", RGBA[..., :1].astype(np.uint16), RGBA[..., 3:].astype(np.uint16), Metadata(icc=GRAY_ICC))
    assert len(format_named("tiff").fitted(deep)[2]) == 1  # which is written as RGB
    palette = Image.fromarray(RGBA[..., 0]).convert("P")
    assert palette.getpalette()[:3] == [0, 0, 0]  # gray colours under an RGB profile
    kept = read_photo(saved(palette, "PNG", icc_profile=SRGB))
    assert kept.metadata.icc == SRGB
    assert kept.colour.shape[2] == 3


def test_one_bit_and_palettes() -> None:
    bits = Image.fromarray(RGBA[..., 0]).convert("1")
    for form in ("PNG", "TIFF"):
        picture = read_photo(saved(bits, form))
        np.testing.assert_array_equal(picture.colour[..., 0], np.asarray(bits.convert("L")))
    colours = Image.fromarray(RGBA[..., :3]).quantize(16)
    picture = read_photo(saved(colours, "PNG"))
    np.testing.assert_array_equal(picture.colour, np.asarray(colours.convert("RGB")))
    assert picture.alpha is None
    seen_through = read_photo(saved(colours, "PNG", transparency=3))
    assert seen_through.alpha is not None
    np.testing.assert_array_equal(seen_through.alpha[..., 0] == 0, np.asarray(colours) == 3)


def test_hidden_colours_are_those_of_the_nearest_that_show() -> None:
    pixels = np.zeros((5, 8, 4), np.uint8)
    pixels[:, 2] = (200, 10, 10, 255)
    pixels[:, 5] = (10, 10, 200, 1)
    picture = read_photo(saved(Image.fromarray(pixels), "PNG"))
    np.testing.assert_array_equal(picture.colour[:, :4, 0], 200)
    np.testing.assert_array_equal(picture.colour[:, 4:, 2], 200)
    nothing = np.zeros((5, 8, 4), np.uint8)
    assert not read_photo(saved(Image.fromarray(nothing), "PNG")).colour.any()


def test_what_a_format_cannot_hold_is_said() -> None:
    too_wide = Layout(10, 17_000, 3, 8)
    with pytest.raises(UsageError, match=r"a would become 17000x10, and webp files go up to 16383"):
        format_named("webp").check("a", too_wide)
    format_named("png").check("a", too_wide)
    picture = Photo("a", RGBA[..., :3], None, Metadata(icc=SRGB))
    assert format_named("bmp").fitted(picture)[2] == ("bmp holds no colour profile",)
    for form in ("bmp", "ppm"):
        alone = dataclasses.replace(picture, metadata=Metadata(xmp=XMP))
        assert format_named(form).fitted(alone)[2] == (f"{form} holds no XMP",)
    everything = dataclasses.replace(picture, metadata=Metadata(icc=SRGB, exif={0x010F: "a"}, xmp=XMP))
    assert format_named("ppm").fitted(everything)[2] == ("ppm holds no colour profile and no EXIF and no XMP",)
    with pytest.raises(UsageError, match=r"a is in colour, which pgm files cannot be; choose \.ppm"):
        format_named("pgm").fitted(picture)
    assert written(Photo("a", RGBA[..., :1]), "pgm").startswith(b"P5")
    with pytest.raises(UsageError, match="cannot be written as 'gif'"):
        format_named("gif")
    assert format_named(".JPG").name == "jpeg"
    assert BY_SUFFIX.keys() | BECOMES.keys() == SUFFIXES


def test_a_file_is_closed_after_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(saved(Image.fromarray(RGBA), "PNG"))
    assert read_photo(path).name == "a.png"
    path.unlink()
