"""A table of valid image files of every layout, with known pixels: each is read as it is meant, or refused."""

from __future__ import annotations

import io
import itertools
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from srbench.errors import DataError
from srbench.imaging.files import image_size, read_samples
from srbench.imaging.orientation import oriented
from srbench.imaging.png import SIGNATURE, chunk

HEIGHT, WIDTH = 21, 34
Y, X = np.mgrid[:HEIGHT, :WIDTH]
RGB = np.stack([X * 7, Y * 11, (X * 3 + Y * 5) % 256], axis=2).astype(np.uint8)
"""No two of its channels, corners or halves are alike: a turn, a swap or a negative is seen."""
GRAY = RGB[..., 0] // 2 + RGB[..., 1] // 3
ALPHA = np.where((X + Y) % 3, 255, X * 5 + 40).astype(np.uint8)
OPAQUE = np.full_like(ALPHA, 255)
DIVIDED = 255 / 40 / 2 + 1
"""By how much a level may be off that was multiplied by an alpha of 40 or more, rounded, and divided again."""
STEPS = 33
"""By how much of 65535 two steps of 12 bits are off: ImageMagick cuts twice where it might round."""


class File(NamedTuple):
    """A file, and the pixels that it holds: (H, W) or (H, W, C), alpha last, as ``read_samples`` gives them."""

    name: str
    data: bytes
    pixels: np.ndarray
    slack: float = 0.0
    refused: bool = False


def deep(pixels: np.ndarray) -> np.ndarray:
    """The same on the scale of 16 bits, with low bytes of their own."""
    return (pixels.astype(np.uint16) * 257 + (pixels * 31 % 200) - 100 * (pixels > 0) + 0).astype(np.uint16)


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([colour.reshape(*colour.shape[:2], -1), alpha[..., None]], axis=2)


def multiplied(pixels: np.ndarray) -> np.ndarray:
    """Colours with alpha multiplied into them."""
    peak = np.iinfo(pixels.dtype).max
    out = np.round(pixels.astype(float) * (pixels[..., -1:] / peak)).astype(pixels.dtype)
    out[..., -1] = pixels[..., -1]
    return out


def by_tifffile(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, metadata=None, **options)
    return file.getvalue()


def tifffiles() -> Iterator[File]:
    """Depth, photometric, planes, compression, alpha, order of bytes, tiles, BigTIFF."""
    for bits, planes, order, compression, tiled in itertools.product(
        (8, 16), ("contig", "separate"), "<>", (None, "zlib"), (False, True)
    ):
        of: Callable[[np.ndarray], np.ndarray] = deep if bits == 16 else np.asarray
        options: dict[str, Any] = {"byteorder": order, "compression": compression, "bigtiff": tiled}
        options |= {"tile": (16, 16)} if tiled else {"rowsperstrip": 5}
        label = f"{bits} {planes} {order} {compression} {'tiles' if tiled else 'strips'}"
        no = order == ">" and tiled  # BigTIFF of that order is refused
        if compression == "zlib":
            options["predictor"] = 2
        if planes == "contig":
            for photometric in ("minisblack", "miniswhite"):
                pixels = of(GRAY)
                stored = np.iinfo(pixels.dtype).max - pixels if photometric == "miniswhite" else pixels
                yield File(
                    f"{photometric} {label}", by_tifffile(stored, photometric=photometric, **options), pixels, 0, no
                )
        for extra in (None, "unassalpha", "assocalpha", "unspecified"):
            pixels = of(RGB) if extra is None else with_alpha(of(RGB), of(ALPHA))
            stored = multiplied(pixels) if extra == "assocalpha" else pixels
            stored = np.moveaxis(stored, 2, 0) if planes == "separate" else stored
            options |= {"photometric": "rgb", "planarconfig": planes, "extrasamples": [extra] if extra else None}
            pixels = pixels[..., :3] if extra == "unspecified" else pixels
            slack = DIVIDED if extra == "assocalpha" else 0.0
            yield File(f"rgb {extra} {label}", by_tifffile(stored, **options), pixels, slack, no)
        if planes == "contig":
            gray_alpha = with_alpha(of(GRAY), of(ALPHA))
            for extra in ("unassalpha", "assocalpha"):
                stored = multiplied(gray_alpha) if extra == "assocalpha" else gray_alpha
                data = by_tifffile(stored, **{**options, "photometric": "minisblack", "extrasamples": [extra]})
                yield File(f"gray {extra} {label}", data, gray_alpha, DIVIDED if extra == "assocalpha" else 0.0, no)


def tiff_of(stored: np.ndarray, bits: int, order: str = "<", **tags: tuple[int, ...]) -> bytes:
    """A TIFF by hand, uncompressed, of one strip a plane: ``stored`` (H, W, C), or (C, H, W) with planes apart."""
    apart = tags.get("t284") == (2,)
    planes = list(stored) if apart else [stored.reshape(stored.shape[0], -1)]
    strips = []
    for plane in planes:
        if bits in (8, 16):
            strips.append(plane.astype(f"{order}u{bits // 8}").tobytes())
        else:
            wide = np.unpackbits(plane.astype(">u2")[..., None].view(np.uint8), axis=2)[..., 16 - bits :]
            strips.append(np.packbits(wide.reshape(len(plane), -1), axis=1).tobytes())
    height, width = stored.shape[1:] if apart else stored.shape[:2]
    count = len(stored) if apart else 1 if stored.ndim == 2 else stored.shape[2]
    start = 8 + sum(map(len, strips))
    offsets = tuple(8 + sum(map(len, strips[:number])) for number in range(len(strips)))
    entries = {256: (width,), 257: (height,), 258: (bits,) * count, 259: (1,), 273: offsets, 277: (count,)}
    entries |= {278: (height,), 279: tuple(map(len, strips))} | {int(tag[1:]): tags[tag] for tag in tags}
    directory, beyond = struct.pack(f"{order}H", len(entries)), b""
    for tag, values in sorted(entries.items()):
        content = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            content, beyond = struct.pack(f"{order}I", start + 6 + 12 * len(entries) + len(beyond)), beyond + content
        directory += struct.pack(f"{order}HHI", tag, 4, len(values)) + content
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + b"".join(strips) + directory + bytes(4) + beyond


def handmade_tiffs() -> Iterator[File]:
    """Every depth with every photometric interpretation, planes, order of bytes and orientation."""
    for bits, order, apart, turn in itertools.product((1, 2, 4, 8, 12, 16), "<>", (False, True), (1, 6, 8)):
        peak = (1 << bits) - 1
        color = (deep(RGB) >> (16 - bits)).astype(np.uint16)
        gray, alpha = color[..., 1], (deep(ALPHA) >> (16 - bits)).astype(np.uint16)
        scale = 65535 / peak if bits > 8 else 255 / peak
        kind = np.uint16 if bits > 8 else np.uint8

        def meant(stored: np.ndarray, scale: float = scale, kind: Any = kind, turn: int = turn) -> np.ndarray:
            return oriented(np.round(stored * scale).astype(kind), turn)

        label = f"{bits} bits {order} {'apart ' if apart else ''}turned {turn}"
        tags: dict[str, tuple[int, ...]] = {"t274": (turn,), **({"t284": (2,)} if apart else {})}
        for photometric, stored, pixels in (
            (0, peak - gray, gray),
            (1, gray, gray),
            (2, color, color),
            (1, with_alpha(gray, alpha), with_alpha(gray, alpha)),
            (0, with_alpha(peak - gray, alpha), with_alpha(gray, alpha)),
            (2, with_alpha(color, alpha), with_alpha(color, alpha)),
        ):
            if apart and stored.ndim == 2:
                continue
            extra = {"t338": (2,)} if pixels.shape[2:] in ((2,), (4,)) else {}
            raw = np.moveaxis(stored, 2, 0) if apart else stored
            data = tiff_of(raw, bits, order, t262=(photometric,), **tags, **extra)
            yield File(f"{photometric} {pixels.shape[2:]} {label}", data, meant(pixels))
        if bits <= 8 and not apart:
            colors = np.random.default_rng(bits).integers(0, 256, (3, peak + 1))
            for times in (257, 1):  # of 8 bits in 16, or as some programs write it
                data = tiff_of(gray, bits, order, t262=(3,), t320=tuple((colors * times).ravel().tolist()), **tags)
                pixels = oriented(colors.T.astype(np.uint8)[gray], turn)
                yield File(f"palette {label} times {times}", data, pixels)
    for photometric, count in ((4, 1), (5, 4), (6, 3), (8, 3), (9, 3), (10, 3), (32803, 1), (34892, 3)):
        stored = RGB[..., [0, 1, 2, 0][:count]]
        yield File(f"photometric {photometric}", tiff_of(stored, 8, t262=(photometric,)), RGB, refused=True)
    for name, stored, tags in (
        ("two gray channels", with_alpha(GRAY, ALPHA), {"t262": (1,), "t338": (0,)}),
        ("five channels", RGB[..., [0, 1, 2, 0, 1]], {"t262": (1,), "t338": (0,) * 4}),
        ("two alphas", RGB[..., [0, 1, 2, 0, 1]], {"t262": (2,), "t338": (2, 2)}),
        ("no photometric interpretation", GRAY, {}),
        ("mixed depths", RGB, {"t262": (2,), "t258": (5, 6, 5)}),
        ("signed", GRAY, {"t262": (1,), "t339": (2,)}),
        ("float of 16 bits", deep(GRAY), {"t262": (1,), "t339": (3,)}),
        ("a compression that there is not", GRAY, {"t262": (1,), "t259": (34712,)}),
    ):
        data = tiff_of(stored, 8 * stored.dtype.itemsize, **tags)  # type: ignore[arg-type]
        yield File(name, data, stored, refused=True)


def turned_tiffs() -> Iterator[File]:
    """Each orientation with each way to hold pixels that a decoder may turn, or not, by itself."""
    kinds = {
        "8": ({}, RGB),
        "16": ({}, deep(RGB)),
        "8 apart": ({"planarconfig": "separate"}, RGB),
        "16 apart": ({"planarconfig": "separate", "compression": "zlib"}, deep(RGB)),
        "gray": ({}, GRAY),
        "gray 16": ({"compression": "zlib"}, deep(GRAY)),
        "alpha": ({"extrasamples": ["unassalpha"]}, with_alpha(RGB, ALPHA)),
        "alpha 16": ({"extrasamples": ["unassalpha"]}, with_alpha(deep(RGB), deep(ALPHA))),
    }
    for orientation, (kind, (options, pixels)) in itertools.product(range(1, 9), kinds.items()):
        stored = np.moveaxis(pixels, 2, 0) if "planarconfig" in options else pixels
        extra = [(274, 3, 1, orientation, True)]
        data = by_tifffile(stored, photometric="minisblack" if pixels.ndim == 2 else "rgb", extratags=extra, **options)
        yield File(f"{kind} turned {orientation}", data, oriented(pixels, orientation))
    for orientation, mode in itertools.product(range(1, 9), ("L", "RGB", "RGBA", "I;16", "1", "P", "LA")):
        exif = Image.Exif()
        exif[274] = orientation
        image, pixels = in_mode(mode)
        for compression in ("raw", "tiff_lzw", "jpeg") if mode in ("L", "RGB") else ("raw", "tiff_lzw"):
            quality = {"quality": 100} if compression == "jpeg" else {}
            data = by_pillow(image, "TIFF", exif=exif, compression=compression, **quality)
            slack = 40 if compression == "jpeg" else 0
            yield File(f"Pillow {mode} {compression} turned {orientation}", data, oriented(pixels, orientation), slack)


def by_pillow(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def in_mode(mode: str) -> tuple[Image.Image, np.ndarray]:
    """An image of Pillow's, and its pixels."""
    if mode == "1":
        bits = (GRAY > 90).astype(np.uint8) * 255
        return Image.fromarray(bits).convert("1", dither=Image.Dither.NONE), bits
    if mode == "P":
        image = Image.fromarray(RGB).quantize(200)
        return image, np.asarray(image.convert("RGB"))
    if mode == "I;16":
        return Image.fromarray(deep(GRAY)), deep(GRAY)
    if mode in ("LA", "RGBA"):
        pixels = with_alpha(GRAY if mode == "LA" else RGB, ALPHA)
        return Image.fromarray(pixels, mode), pixels
    pixels = GRAY if mode == "L" else RGB
    return Image.fromarray(pixels), pixels


def pillows() -> Iterator[File]:
    """Each format with each mode that Pillow writes there."""
    lossless = {"PNG": [{}], "BMP": [{}], "DIB": [{}], "PPM": [{}], "WEBP": [{"lossless": True, "exact": True}]}
    lossless["TIFF"] = [
        {"compression": name}
        for name in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "lzma", "zstd")
    ]
    lossless["TIFF"] += [{"big_tiff": True}]
    for form, ways in lossless.items():
        for mode in ("1", "L", "P", "RGB", "LA", "RGBA", "I;16"):
            image, pixels = in_mode(mode)
            differences = [{"compression": "tiff_lzw", "tiffinfo": {317: 2}}] if form == "TIFF" and mode != "1" else []
            for options in ways + differences:
                try:
                    data = by_pillow(image, form, **options)
                except (OSError, KeyError, ValueError, RuntimeError):  # a mode that it does not write there
                    continue
                found = pixels
                if form == "WEBP" and mode in ("1", "L", "LA", "I;16"):  # which has no gray
                    found = pixels.reshape(HEIGHT, WIDTH, -1)[..., [0, 0, 0, *([1] if mode == "LA" else [])]]
                if form == "WEBP" and mode == "I;16":
                    continue  # Pillow cuts the values off
                if form in ("BMP", "DIB", "PPM") and mode == "RGBA":
                    found = pixels[..., :3]  # written as RGB; the fourth byte of a BMP's old header is reserved
                yield File(f"Pillow {form} {mode} {options}", data, found)
    for mode in ("CMYK", "LAB", "YCbCr", "F", "I", "HSV"):
        image = Image.fromarray(RGB).convert("L" if mode in "FI" else "RGB")
        image = Image.frombytes("LAB", image.size, RGB.tobytes()) if mode == "LAB" else image.convert(mode)
        for compression in ("raw", "tiff_lzw"):
            try:
                data = by_pillow(image, "TIFF", compression=compression)
            except (OSError, KeyError):
                continue
            yield File(f"Pillow TIFF {mode} {compression}", data, GRAY, refused=True)
    yield File("Pillow TIFF group4", by_pillow(in_mode("1")[0], "TIFF", compression="group4"), in_mode("1")[1])
    yield File("Pillow TIFF group3", by_pillow(in_mode("1")[0], "TIFF", compression="group3"), in_mode("1")[1])
    for mode in ("L", "RGB"):
        image, pixels = in_mode(mode)
        yield File(f"Pillow TIFF jpeg {mode}", by_pillow(image, "TIFF", compression="jpeg", quality=100), pixels, 40)
        for form in ("JPEG", "MPO"):
            file = by_pillow(image, form, quality=100, subsampling=0)
            yield File(f"Pillow {form} {mode}", file, pixels, 8)
    yield File("Pillow JPEG CMYK", by_pillow(Image.fromarray(RGB).convert("CMYK"), "JPEG"), RGB, refused=True)
    for bits, mode in ((1, "L"), (2, "L"), (4, "L"), (1, "P"), (2, "P"), (4, "P")):
        levels = 1 << bits
        index = GRAY % levels
        colours = (np.arange(levels) * (255 // (levels - 1))).astype(np.uint8)
        for key in (None, 1):
            data = png_of(index, bits, 0 if mode == "L" else 3, key)
            pixels = colours[index] if mode == "L" else PALETTE[index]
            if key is not None:
                pixels = with_alpha(pixels, np.where(index == key, 0, 255).astype(np.uint8))
            yield File(f"PNG {mode} of {bits} bits, key {key}", data, pixels)


PALETTE = np.random.default_rng(0).integers(0, 256, (16, 3), dtype=np.uint8)


def png_of(stored: np.ndarray, bits: int, colour: int, key: int | tuple[int, ...] | None = None) -> bytes:
    """A PNG by hand: ``stored`` (H, W) or (H, W, C) of so many bits, with a transparent colour."""
    rows = stored.reshape(stored.shape[0], -1)
    if bits == 16:
        lines = [row.astype(">u2").tobytes() for row in rows]
    else:
        lines = [
            np.packbits(np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :].ravel()).tobytes()
            for row in rows
        ]
    header = struct.pack(">2I5B", stored.shape[1], stored.shape[0], bits, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header)]
    if colour == 3:
        chunks.append(chunk(b"PLTE", PALETTE[: 1 << bits].tobytes()))
    if key is not None and colour == 3:
        chunks.append(chunk(b"tRNS", bytes([255] * int(key) + [0])))  # type: ignore[call-overload]
    elif key is not None:
        values = key if isinstance(key, tuple) else (key,)
        chunks.append(chunk(b"tRNS", struct.pack(f">{len(values)}H", *values)))
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    return SIGNATURE + b"".join([*chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")])


def deep_pngs() -> Iterator[File]:
    """16 bits with and without alpha or a transparent colour."""
    for key in (None, tuple(int(v) for v in deep(RGB)[3, 4])):
        pixels = deep(RGB)
        opaque = (pixels != key).any(axis=2) if key else None
        expected = pixels if opaque is None else with_alpha(pixels, opaque.astype(np.uint16) * 65535)
        yield File(f"PNG RGB 16, key {key}", png_of(pixels, 16, 2, key), expected)
    for key in (None, int(deep(GRAY)[3, 4])):
        pixels = deep(GRAY)
        expected = pixels if key is None else with_alpha(pixels, np.where(pixels == key, 0, 65535).astype(np.uint16))
        yield File(f"PNG gray 16, key {key}", png_of(pixels, 16, 0, key), expected)
    for colour, pixels in ((4, with_alpha(deep(GRAY), deep(ALPHA))), (6, with_alpha(deep(RGB), deep(ALPHA)))):
        yield File(f"PNG of kind {colour} with alpha", png_of(pixels, 16, colour), pixels)


def portable_maps() -> Iterator[File]:
    """Of any maximum, in binary and in words; what Pillow would cut to 8 bits is refused."""
    for most in (1, 100, 255, 256, 1023, 4095, 65535):
        for head, pixels in ((b"P5", GRAY), (b"P2", GRAY), (b"P6", RGB), (b"P3", RGB)):
            stored = np.round(pixels / 255 * most).astype(int)
            body = stored.astype(">u2" if most > 255 else np.uint8).tobytes()
            if head in (b"P2", b"P3"):
                body = " ".join(map(str, stored.ravel())).encode()
            data = head + f"\n# a comment\n{WIDTH} {HEIGHT}\n{most}\n".encode() + body
            full = 65535 if most > 255 else 255
            found = np.round(stored / most * full).astype(np.uint16 if most > 255 else np.uint8)
            refused = most > 255 and most != 65535 and pixels.ndim == 3
            yield File(f"{head.decode()} up to {most}", data, found, 0, refused)


def reversed_bits() -> Iterator[File]:
    """FillOrder 2, as fax machines write."""
    for bits, photometric in itertools.product((1, 2, 4, 8), (0, 1)):
        stored = GRAY >> (8 - bits)
        data = bytearray(tiff_of(stored, bits, t262=(photometric,), t266=(2,)))
        size = (WIDTH * bits + 7) // 8 * HEIGHT
        strip = np.frombuffer(bytes(data[8 : 8 + size]), np.uint8)
        data[8 : 8 + size] = np.packbits(np.unpackbits(strip[:, None], axis=1)[:, ::-1], axis=1).tobytes()
        pixels = (stored * (255 // ((1 << bits) - 1))).astype(np.uint8)
        yield File(f"FillOrder 2, {bits} {photometric}", bytes(data), 255 - pixels if photometric == 0 else pixels)


def opencvs() -> Iterator[File]:
    """Each format, depth and number of channels that OpenCV writes."""
    for suffix, bits, channels in itertools.product(
        (".png", ".bmp", ".dib", ".tiff", ".webp", ".ppm", ".pgm", ".pnm", ".jpg"), (8, 16), (1, 3, 4)
    ):
        of: Callable[[np.ndarray], np.ndarray] = deep if bits == 16 else np.asarray
        pixels = of(GRAY) if channels == 1 else of(RGB) if channels == 3 else with_alpha(of(RGB), of(ALPHA))
        if bits == 16 and suffix not in (".png", ".tiff", ".ppm", ".pgm", ".pnm"):
            continue
        if (channels == 4 and suffix in (".ppm", ".pgm", ".pnm", ".jpg")) or (channels, suffix) in (
            (3, ".pgm"),
            (1, ".ppm"),
        ):
            continue
        stored = pixels if channels == 1 else pixels[..., [2, 1, 0, 3][:channels]]
        ways: list[list[int]] = [[]]
        if suffix == ".tiff":
            ways = [[cv2.IMWRITE_TIFF_COMPRESSION, way] for way in (1, 5, 8, 32946, 32773)]
        if suffix in (".ppm", ".pgm", ".pnm"):
            ways = [[cv2.IMWRITE_PXM_BINARY, 1], [cv2.IMWRITE_PXM_BINARY, 0]]
        if suffix == ".jpg":
            ways = [[cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]]
        if suffix == ".webp":
            ways = [[cv2.IMWRITE_WEBP_QUALITY, 101]]
        for way in ways:
            done, data = cv2.imencode(suffix, np.ascontiguousarray(stored), way)
            assert done
            found = pixels[..., None].repeat(3, 2) if suffix == ".webp" and channels == 1 else pixels
            yield File(f"OpenCV {suffix} {bits} {channels} {way}", data.tobytes(), found, 8 if suffix == ".jpg" else 0)
    for kind in (np.float32, np.float64, np.int32, np.int16):
        for channels in (1, 3):
            pixels = (GRAY if channels == 1 else RGB).astype(kind)
            done, data = cv2.imencode(".tiff", pixels)
            if done:
                yield File(f"OpenCV .tiff {kind.__name__} {channels}", data.tobytes(), pixels, refused=True)


def imagemagicks() -> Iterator[File]:
    """Each format, depth, colour space, compression and layout that ImageMagick writes, in one call of it."""
    program = shutil.which("magick") or shutil.which("convert")
    if program is None:
        pytest.skip("ImageMagick is not installed")
    images = {
        "gray": GRAY,
        "rgb": RGB,
        "gray16": deep(GRAY),
        "rgb16": deep(RGB),
        "alpha": with_alpha(RGB, ALPHA),
        "alpha16": with_alpha(deep(RGB), deep(ALPHA)),
        "grayalpha": with_alpha(GRAY, ALPHA),
        "grayalpha16": with_alpha(deep(GRAY), deep(ALPHA)),
    }
    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    wanted: list[tuple[str, str, list[str], np.ndarray, float, bool]] = []
    for kind, pixels in images.items():
        bits = 8 * pixels.dtype.itemsize
        exact = ["-depth", str(bits)]
        for form in ("png", "bmp", "bmp3", "pgm", "ppm", "pnm", "tiff", "tiff64", "webp"):
            found, refused = pixels, False
            if form in ("bmp", "bmp3", "webp") and bits == 16:
                continue
            if form in ("pgm", "ppm", "pnm"):
                if "alpha" in kind or (form == "pgm") != ("gray" in kind):
                    continue
                wanted.append((kind, form, [*exact, "-compress", "none"], pixels, 0, False))
            if form == "webp":
                found = pixels.reshape(HEIGHT, WIDTH, -1)
                found = found[..., [0, 0, 0, 1][: 2 + found.shape[2]]] if "gray" in kind else found
                exact = [*exact, "-define", "webp:lossless=true", "-define", "webp:exact=true"]
            if form in ("bmp", "bmp3") and "gray" in kind and "alpha" in kind:
                found = pixels[..., [0, 0, 0, 1]]
            if form == "bmp3":  # the old header has no place for alpha
                found = GRAY if kind == "gray" else GRAY[..., None].repeat(3, 2) if "gray" in kind else RGB
            wanted.append((kind, form, exact, found, 0, refused))
        for compress, planes, order in (
            ("None", "plane", "msb"),
            ("LZW", "plane", "lsb"),
            ("LZW", "none", "msb"),
            ("Zip", "plane", "msb"),
            ("RLE", "none", "lsb"),
        ):
            options = [*exact, "-compress", compress, "-interlace", planes, "-define", f"tiff:endian={order}"]
            wanted.append((kind, "tiff", options, pixels, 0, False))
        if "alpha" in kind:
            options = [*exact, "-define", "tiff:alpha=associated"]
            wanted.append((kind, "tiff", options, pixels, DIVIDED, False))
        if kind in ("gray", "gray16"):
            for compress in ("None", "LZW"):
                options = [*exact, "-define", "quantum:polarity=min-is-white", "-compress", compress]
                # which says that the samples are those of a negative, and does not turn them
                wanted.append((kind, "tiff", options, np.iinfo(pixels.dtype).max - pixels, 0, False))
        for depth in (10, 12, 14, 32):  # of which 12 is read
            of_8 = pixels.dtype == np.uint8
            options = ["-depth", str(depth), "-compress", "None"]
            found = pixels * np.uint16(257) if of_8 else pixels
            wanted.append((kind, "tiff", options, found, STEPS, depth != 12))
            wanted.append((kind, "tiff", [*options, "-interlace", "plane"], found, STEPS, depth != 12))
        for depth in ("16", "32", "64") if kind == "rgb" else ():
            options = ["-depth", depth, "-define", "quantum:format=floating-point"]
            wanted.append((kind, "tiff", options, pixels, 0, True))
        spaces = () if "alpha" in kind else ("CMYK", "Lab", "YCbCr")
        wanted += [
            (kind, "tiff", [*exact, "-colorspace", space, "-compress", "LZW"], pixels, 0, True) for space in spaces
        ]
    for orientation, name in enumerate(
        ("TopLeft", "TopRight", "BottomRight", "BottomLeft", "LeftTop", "RightTop", "RightBottom", "LeftBottom"), 1
    ):
        for kind in ("rgb16", "gray", "alpha"):
            options = ["-orient", name, "-interlace", "plane"]
            wanted.append((kind, "tiff", options, oriented(images[kind], orientation), 0, False))
    for levels, compress in itertools.product((2, 4, 16, 200), ("None", "LZW")):
        options = ["+dither", "-colors", str(levels), "-type", "Palette", "-compress", compress]
        wanted += [("rgb", form, options, RGB, 255, False) for form in ("tiff", "png8", "bmp")]  # whatever the palette
    bits = (GRAY > 127).astype(np.uint8) * 255
    for form, compress in itertools.product(("tiff", "png", "pbm", "bmp"), ("None", "Group4", "Fax", "LZW")):
        wanted.append(("gray", form, ["-threshold", "50%", "-type", "Bilevel", "-compress", compress], bits, 0, False))
    for levels, form in itertools.product((4, 16), ("tiff", "png")):
        step = 255 // (levels - 1)
        depth = {4: "2", 16: "4"}[levels]
        found = (GRAY.astype(int) * (levels - 1) // 255 * step).astype(np.uint8)  # cut off
        wanted.append(("gray", form, ["-depth", depth, "-type", "Grayscale"], found, 0, False))
    with tempfile.TemporaryDirectory() as folder:
        words = [program, "-respect-parentheses"]
        for kind, pixels in images.items():
            channels = 1 if pixels.ndim == 2 else pixels.shape[2]
            data = png_of(pixels, 8 * pixels.dtype.itemsize, kinds[channels])
            (Path(folder) / f"{kind}.png").write_bytes(data)
        for number, (kind, form, options, _, _, _) in enumerate(wanted):
            words += ["(", f"{folder}/{kind}.png", *options, "-write", f"{form}:{folder}/{number}", "+delete", ")"]
        subprocess.run([*words, "null:"], check=False, capture_output=True)
        for number, (kind, form, options, found, slack, refused) in enumerate(wanted):
            path = Path(folder) / str(number)
            if path.is_file():
                yield File(f"ImageMagick {kind} {form} {' '.join(options)}", path.read_bytes(), found, slack, refused)


FAMILIES = (
    *(tifffiles, handmade_tiffs, turned_tiffs, reversed_bits, pillows, deep_pngs, portable_maps, opencvs),
    imagemagicks,
)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_read_as_they_are_meant(family: Callable[[], Iterator[File]], tmp_path: Path) -> None:
    wrong, count, refused = [], 0, 0
    for file in family():
        count += 1
        path = tmp_path / "a.tif"
        path.write_bytes(file.data)
        for source in (path, file.data):
            try:
                pixels = read_samples(source, name="a file").pixels
            except DataError as error:
                refused += 1
                if not file.refused or "\n" in str(error) or not str(error).startswith("a file "):
                    wrong.append(f"{file.name}: {error}")
                continue
            if file.refused:
                wrong.append(f"{file.name}: should be refused")
            elif pixels.shape != file.pixels.shape or pixels.dtype != file.pixels.dtype:
                wrong.append(f"{file.name}: {pixels.dtype} {pixels.shape} for {file.pixels.dtype} {file.pixels.shape}")
            elif (off := np.abs(pixels.astype(float) - file.pixels).max()) > file.slack:
                wrong.append(f"{file.name}: off by {off}")
            if image_size(path) != pixels.shape[:2]:
                wrong.append(f"{file.name}: its size is read as {image_size(path)}")
    assert not wrong, f"{len(wrong)} of {count}: " + "; ".join(wrong[:40])
