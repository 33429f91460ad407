"""Image files: what comes back from each kind, and what is refused."""

from __future__ import annotations

import hashlib
import io
import itertools
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
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from srbench.errors import DataError
from srbench.imaging.bounds import MAX_SCANS, count_scans
from srbench.imaging.files import image_size, pixels_sha256, read_image, to_uint8, write_png

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GRAY = RGB[..., 0]


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png16(samples: np.ndarray, extension: str = ".png") -> bytes:
    done, encoded = cv2.imencode(extension, samples)
    assert done
    return encoded.tobytes()


def shapes() -> st.SearchStrategy[np.ndarray]:
    sizes = st.tuples(st.integers(1, 20), st.integers(1, 20))
    shape = st.one_of(sizes, sizes.map(lambda size: (*size, 3)))
    return hnp.arrays(st.sampled_from([np.uint8, np.uint16]), shape)


@settings(max_examples=60, deadline=None)
@given(image=shapes())
def test_png_round_trip(image: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_png(path, image)
    back = read_image(path)
    assert back.dtype == image.dtype
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, image)
    assert image_size(path) == image.shape[:2]
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("form", "mode"),
    [*itertools.product(["PNG", "BMP", "TIFF", "PPM"], ["L", "RGB"]), ("WEBP", "RGB")],  # WebP has no gray
)
def test_lossless_formats(form: str, mode: str) -> None:
    expected = GRAY if mode == "L" else RGB
    options = {"lossless": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(expected), form, **options)), expected)


def test_jpeg_modes() -> None:
    assert read_image(saved(Image.fromarray(GRAY), "JPEG")).shape == (5, 7)
    assert read_image(saved(Image.fromarray(RGB), "JPEG")).shape == (5, 7, 3)


@pytest.mark.parametrize("extension", [".png", ".tiff", ".ppm"])
def test_16_bit_rgb_keeps_its_depth(extension: str) -> None:
    deep = RGB.astype(np.uint16) * 251 + 3
    read = read_image(png16(deep[..., ::-1], extension))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, deep)


@pytest.mark.parametrize("extension", [".png", ".tiff", ".pgm"])
def test_16_bit_gray_keeps_its_depth(extension: str) -> None:
    deep = GRAY.astype(np.uint16) * 251 + 3
    read = read_image(png16(deep, extension))
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, deep)


def png_chunks(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand, for kinds that no writer here makes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    between = b"".join(chunk(kind, data) for kind, data in extra)
    return b"\x89PNG\r\n\x1a\n" + header + between + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("alpha", [65535, 40000])
def test_16_bit_gray_with_alpha(alpha: int) -> None:
    data = png_chunks(2, 1, 16, 4, b"\0" + struct.pack(">4H", 1000, alpha, 50000, 65535))
    if alpha == 65535:
        np.testing.assert_array_equal(read_image(data), np.array([[1000, 50000]], np.uint16))
    else:
        with pytest.raises(DataError, match="transparent"):
            read_image(data)


def test_palette_becomes_rgb_and_gray_palette_gray() -> None:
    few = Image.fromarray(RGB).quantize(8)
    np.testing.assert_array_equal(read_image(saved(few)), np.asarray(few.convert("RGB")))
    gray = Image.fromarray(GRAY).convert("P")
    np.testing.assert_array_equal(read_image(saved(gray)), GRAY)
    np.testing.assert_array_equal(read_image(saved(gray, "BMP")), GRAY)


def test_one_bit_becomes_gray() -> None:
    bits = np.arange(35).reshape(5, 7) % 3 == 0
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(bits))), bits.astype(np.uint8) * 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha(mode: str) -> None:
    opaque = Image.fromarray(RGB if mode == "RGBA" else GRAY).convert(mode)
    np.testing.assert_array_equal(read_image(saved(opaque)), RGB if mode == "RGBA" else GRAY)
    opaque.putalpha(Image.fromarray(np.where(np.arange(35).reshape(5, 7) == 3, 254, 255).astype(np.uint8)))
    with pytest.raises(DataError, match=r"^a\.png is partly transparent: flatten"):
        read_image(saved(opaque), name="a.png")


def test_transparent_colour_key() -> None:
    key = tuple(int(v) for v in RGB[0, 0])
    with pytest.raises(DataError, match="transparent"):
        read_image(saved(Image.fromarray(RGB), transparency=key))
    unused = next(v for v in range(256) if v not in GRAY)
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(GRAY), transparency=unused)), GRAY)
    with pytest.raises(DataError, match="transparent"):
        read_image(saved(Image.fromarray(GRAY).convert("P"), transparency=int(GRAY[0, 0])))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation(form: str, orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if form == "WEBP" else {}
    data = saved(Image.fromarray(RGB), form, exif=exif, **options)
    path = tmp_path / "turned"
    path.write_bytes(data)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert expected.shape == ((7, 5, 3) if orientation >= 5 else (5, 7, 3))
    np.testing.assert_array_equal(read_image(path), expected)
    assert image_size(path) == expected.shape[:2]


def test_orientation_of_16_bit_rgb() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    rows = b"\0" + struct.pack(">6H", 1, 2, 3, 4, 5, 6)
    tags = exif.tobytes()
    data = png_chunks(2, 1, 16, 2, rows, (b"eXIf", tags[6:] if tags.startswith(b"Exif") else tags))
    np.testing.assert_array_equal(read_image(data), np.array([[[1, 2, 3]], [[4, 5, 6]]], np.uint16))


def refusals() -> dict[str, tuple[bytes, str]]:
    rgb = Image.fromarray(RGB)
    big = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    two = {"save_all": True, "append_images": [rgb.transpose(Image.Transpose.ROTATE_180)]}
    return {
        "cmyk": (saved(rgb.convert("CMYK"), "JPEG"), "is CMYK"),
        "float": (saved(Image.fromarray(GRAY.astype(np.float32)), "TIFF"), "float"),
        "int32": (saved(Image.fromarray(GRAY.astype(np.int32)), "TIFF"), "32 bit"),
        "frames-tiff": (saved(rgb, "TIFF", **two), "more than one frame"),
        "frames-png": (saved(rgb, "PNG", **two), "more than one frame"),
        "frames-webp": (saved(rgb, "WEBP", **two), "more than one frame"),
        "gif": (saved(rgb, "GIF"), "not an image of a format"),
        "text": (b"this is a text\n" * 20, "not an image of a format"),
        "html": (b"<!DOCTYPE html><html></html>", "not an image of a format"),
        "empty": (b"", "is empty"),
        "truncated-png": (saved(big)[:-500], "truncated or corrupt"),
        "truncated-jpeg": (saved(big, "JPEG")[:-500], "truncated or corrupt"),
        "truncated-bmp": (saved(big, "BMP")[:-500], "truncated or corrupt"),
        "truncated-tiff": (saved(big, "TIFF")[:-500], "truncated|cannot be opened|not an image"),
        "truncated-ppm": (saved(big, "PPM")[:-500], "truncated or corrupt"),
        "truncated-webp": (saved(big, "WEBP")[:-500], "truncated|cannot be opened|not an image"),
        "truncated-16-bit": (png16(np.asarray(big).astype(np.uint16) * 99)[:-800], "truncated or corrupt"),
        "bad-crc": (saved(big)[:100] + b"\xff\x00\xff" + saved(big)[103:], "truncated or corrupt"),
        "10-bit-ppm": (b"P6\n# by hand\n1 1\n1023\n" + b"\0" * 6, "neither 8 nor 16 bit"),
    }


@pytest.mark.parametrize("case", refusals())
@pytest.mark.parametrize("as_path", [True, False])
def test_refused_in_one_sentence(case: str, as_path: bool, tmp_path: Path) -> None:
    data, reason = refusals()[case]
    source: Path | bytes = data
    if as_path:
        source = tmp_path / "odd.png"
        source.write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        read_image(source, name="odd.png")
    text = str(caught.value)
    assert text.startswith("odd.png ")
    assert text.endswith(".")
    assert "\n" not in text
    assert ": " in text  # what to do about it


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="cannot be opened"):
        read_image(tmp_path)


def test_size_is_checked_before_decoding() -> None:
    header_only = png_chunks(20000, 20000, 8, 2, b"")
    with pytest.raises(DataError, match=r"more than \d+"):
        read_image(header_only, name="bomb.png")
    with pytest.raises(DataError, match="7x5 pixels, more than 34"):
        read_image(saved(Image.fromarray(RGB)), max_pixels=34)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_fuzz(data: st.DataObject) -> None:
    """Any bytes give an array of the convention or a DataError, and nothing else."""
    kinds = [saved(Image.fromarray(RGB), form) for form in ("PNG", "BMP", "JPEG", "TIFF", "WEBP", "PPM")]
    kinds += [b"", png16(RGB.astype(np.uint16)), png16(RGB.astype(np.uint16), ".tiff")]
    content = bytearray(data.draw(st.sampled_from(kinds)))
    for position in data.draw(st.lists(st.integers(0, 400), max_size=6)):
        content[position : position + 1] = data.draw(st.binary(max_size=3))
    try:
        image = read_image(bytes(content), max_pixels=10_000)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert image.dtype in (np.uint8, np.uint16)
        assert image.ndim == 2 or image.shape[2:] == (3,)
        assert image.size > 0


@given(value=st.integers(0, 65535))
def test_to_uint8_rounds(value: int) -> None:
    assert to_uint8(np.full((1, 1), value, np.uint16))[0, 0] == round(value / 257)


def test_to_uint8_leaves_uint8_alone() -> None:
    assert to_uint8(RGB) is RGB
    with pytest.raises(ValueError, match="float64"):
        to_uint8(RGB.astype(float))  # type: ignore[arg-type]


def test_pixels_sha256_is_as_documented() -> None:
    expected = hashlib.sha256(b"5x7x3\n" + RGB.tobytes()).hexdigest()
    assert pixels_sha256(RGB) == expected
    assert pixels_sha256(np.asfortranarray(RGB)) == expected
    assert pixels_sha256(GRAY) == hashlib.sha256(b"5x7x1\n" + GRAY.tobytes()).hexdigest()
    deep = GRAY.astype(np.uint16)
    assert pixels_sha256(deep) != pixels_sha256(GRAY)


def test_write_png_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        write_png(tmp_path / "file" / "a.png", RGB)
    with pytest.raises(ValueError, match="float32"):
        write_png(tmp_path / "a.png", RGB.astype(np.float32))  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_size_is_read_without_the_pixels(tmp_path: Path) -> None:
    """Of a PNG without EXIF, and of one with text behind its pixels, where Pillow might find some."""
    path = tmp_path / "a.png"
    write_png(path, np.zeros((40, 30, 3), np.uint8))
    whole = path.read_bytes()
    start = whole.index(b"IDAT") + 4
    path.write_bytes(whole[:start] + bytes(8) + whole[start + 8 :])  # pixels that cannot be decoded
    assert image_size(path) == (40, 30)
    with pytest.raises(DataError):
        read_image(path)

    text = b"Raw profile type exif\0none"
    chunk = len(text).to_bytes(4, "big") + b"tEXt" + text + zlib.crc32(b"tEXt" + text).to_bytes(4, "big")
    end = whole.rindex(b"IEND") - 4
    path.write_bytes(whole[:end] + chunk + whole[end:])
    assert image_size(path) == read_image(path).shape[:2] == (40, 30)


@pytest.mark.parametrize("behind", [False, True])
def test_the_size_of_a_turned_png(tmp_path: Path, behind: bool) -> None:
    path = tmp_path / "a.png"
    write_png(path, np.zeros((40, 30, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    content = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = len(content).to_bytes(4, "big") + b"eXIf" + content + zlib.crc32(b"eXIf" + content).to_bytes(4, "big")
    whole = path.read_bytes()
    at = whole.index(b"IEND" if behind else b"IDAT") - 4
    path.write_bytes(whole[:at] + chunk + whole[at:])
    assert image_size(path) == read_image(path).shape[:2] == (30, 40)


def repeated_scans(count: int, comment: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    file = io.BytesIO()
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)).save(
        file, "JPEG", progressive=True, comment=comment
    )
    data = file.getvalue()
    last = data[data.rindex(b"\xff\xda") : -2]
    scans = data.count(b"\xff\xda") - comment.count(b"\xff\xda")
    return data[:-2] + last * (count - scans) + data[-2:]


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    """Each costs a pass over the picture: a file of some hundred kB would take minutes."""
    whole = read_image(repeated_scans(MAX_SCANS))
    assert whole.shape == (64, 64)
    with pytest.raises(DataError, match=rf"^x.jpg has more than {MAX_SCANS} scans and would take long to decode: save"):
        read_image(repeated_scans(MAX_SCANS + 1), name="x.jpg")
    # what looks like scans in a comment, or in a thumbnail, is none; nor is what follows the end
    assert (read_image(repeated_scans(MAX_SCANS, b"\xff\xda\x00\x02" * 99)) == whole).all()
    assert (read_image(repeated_scans(MAX_SCANS) + b"\xff\xda\x00\x02" * 99) == whole).all()


def test_a_large_baseline_jpeg_has_one_scan(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.jpg", quality=100)  # its data is full of 0xff
    assert count_scans((tmp_path / "x.jpg").read_bytes()) == 1
    assert read_image(tmp_path / "x.jpg").shape == noise.shape


def test_the_pages_of_a_tiff_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which takes time that grows with the square of their number."""
    pages = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in range(9)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    seen: list[int] = []
    load = ImageFileDirectory_v2.load
    monkeypatch.setattr(ImageFileDirectory_v2, "load", lambda self, fp: (seen.append(1), load(self, fp))[1])
    with pytest.raises(DataError, match="holds more than one frame"):
        read_image(file.getvalue())
    assert len(seen) == 2


def test_memory_is_not_taken_for_pixels_that_a_tiff_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(Image.fromarray(RGB), "TIFF")
    size = struct.pack("<HHIHH", 256, 4, 1, 7, 0)
    assert content.count(size) == 1
    asked: list[int] = []
    monkeypatch.setattr("PIL.Image.new", lambda *words: asked.append(1))
    with pytest.raises(DataError, match="fewer bytes than pixels"):
        read_image(content.replace(size, struct.pack("<HHII", 256, 4, 1, 30_000_000)))
    assert not asked
