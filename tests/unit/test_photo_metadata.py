"""What photographs carry beside their pixels: EXIF with and without directories, IPTC, comments, text, and too much."""

from __future__ import annotations

import dataclasses
import io
import itertools
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from srbench.imaging.files import image_size, read_image
from srbench.imaging.png import Chunk, chunk
from srbench.imaging.suffixes import SUFFIXES
from srbench.photo.formats import BY_SUFFIX, format_named
from srbench.photo.image import Image as Photo
from srbench.photo.image import Metadata
from srbench.photo.metadata import CAMERA, INTEROPERABILITY, MAKER_NOTE, PLACE, as_photoshop, packed
from srbench.photo.read import read_photo

RGB = np.random.default_rng(0).integers(0, 256, (9, 13, 3), dtype=np.uint8)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KEPT_BY = ("png", "jpeg", "tiff", "webp")
EXIF = {0x010F: "Canon", 0x0110: "EOS"}
IPTC = b"\x1c\x02\x05\x00\x05title\x1c\x02\x19\x00\x07keyword"


def saved(form: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, form, **options)
    return file.getvalue()


def through(source: bytes | Photo, form: str) -> tuple[bytes, tuple[str, ...]]:
    """An image read and written again, unchanged in size, and the notes."""
    photo = read_photo(source, name="a") if isinstance(source, bytes) else source
    photo, layout, notes = format_named(form).fitted(photo)
    file = io.BytesIO()
    format_named(form).write(file, layout, [photo.colour], photo.metadata)
    return file.getvalue(), notes


def with_exif(tags: dict[int, Any]) -> bytes:
    return saved(exif=b"Exif\0\0" + packed(tags))


@pytest.mark.parametrize("first", KEPT_BY)
@pytest.mark.parametrize("second", KEPT_BY)
def test_no_directory_is_invented(first: str, second: str) -> None:
    """A camera without GPS, or with location switched off, and a program that writes no Exif directory."""
    data, notes = through(through(with_exif(EXIF), first)[0], second)
    assert notes == ()
    found = read_photo(data).metadata.exif
    assert {tag: found[tag] for tag in EXIF} == EXIF
    assert not {CAMERA, PLACE} & found.keys()
    assert not {CAMERA, PLACE} & Image.open(io.BytesIO(data)).getexif().keys()


@pytest.mark.parametrize("form", KEPT_BY)
def test_directories_lead_to_what_they_did(form: str) -> None:
    camera = {0x9003: "2026:01:02 03:04:05", MAKER_NOTE: b"\1\2\3\4\5", INTEROPERABILITY: {1: "R98"}}
    data, notes = through(with_exif({**EXIF, CAMERA: camera, PLACE: {1: "N"}}), form)
    assert notes == ()
    exif = Image.open(io.BytesIO(data)).getexif()
    assert exif.get_ifd(CAMERA)[0x9003] == "2026:01:02 03:04:05"
    assert exif.get_ifd(CAMERA)[MAKER_NOTE] == b"\1\2\3\4\5"
    assert exif.get_ifd(INTEROPERABILITY)[1] == "R98"
    assert exif.get_ifd(PLACE)[1] == "N"
    if form == "tiff":  # another reader follows its offsets
        tags = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags
        assert tags[CAMERA].value["DateTimeOriginal"] == "2026:01:02 03:04:05"
        assert tags[PLACE].value["GPSLatitudeRef"] == "N"


def test_an_interoperability_directory_prints_no_warning() -> None:
    good = with_exif({**EXIF, CAMERA: {0x9003: "2026", INTEROPERABILITY: {1: "R98"}}})
    place = good.index(INTEROPERABILITY.to_bytes(2, "big")) if b"MM\0*" in good[:40] else good.index(b"\x05\xa0")
    for data in (good, good[: place + 8] + b"\x7f\xff\xff\x7f" + good[place + 12 :]):  # and one that leads nowhere
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            photo = read_photo(data)
            assert all(through(photo, form)[0] for form in KEPT_BY)
        assert photo.metadata.exif[CAMERA][0x9003] == "2026"
        assert {tag: photo.metadata.exif[tag] for tag in EXIF} == EXIF


def test_an_orientation_is_not_invented_either() -> None:
    assert 0x0112 not in read_photo(with_exif(EXIF)).metadata.exif
    assert read_photo(with_exif({**EXIF, 0x0112: 6})).metadata.exif[0x0112] == 1
    assert read_photo(saved()).metadata.exif == {}


def test_a_value_of_another_length_prints_no_warning() -> None:
    photo = Photo("a", RGB, None, Metadata(exif={**EXIF, 0x0131: "a", 0xC4A5: (1, 2, 3), 0x8298: ("a", "b")}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for form in KEPT_BY:
            through(photo, form)


def test_damaged_exif_is_said() -> None:
    assert read_photo(saved(exif=b"Exif\0\0MM\0*\0\0\xff\xff" + b"\7" * 40)).notes == (
        "the EXIF is damaged and left out",
    )
    assert read_photo(with_exif(EXIF)).notes == ()


@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_and_xmp_too_long_for_jpeg(source: str) -> None:
    xmp = b"<x:xmpmeta>" + b"history " * 9000 + b"</x:xmpmeta>"
    options: dict[str, Any] = {"xmp": xmp[:65_000] if source == "JPEG" else xmp}
    exif: Any = b"Exif\0\0" + packed(EXIF)
    if source == "PNG":
        options["pnginfo"] = PngInfo()
        options.pop("xmp")
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())
    elif source == "TIFF":
        exif = Image.Exif()
        exif.update({**EXIF, 700: options.pop("xmp")})
    photo = read_photo(saved(source, exif=exif, **options), name="a")
    assert len(photo.metadata.xmp) >= 65_000
    photo = dataclasses.replace(photo, metadata=dataclasses.replace(photo.metadata, xmp=xmp))
    data, notes = through(photo, "jpeg")
    assert notes == (f"the XMP has {len(xmp)} bytes and jpeg takes 65504: it is left out",)
    assert read_photo(data).metadata.exif[0x010F] == "Canon"
    for form in ("png", "tiff", "webp"):
        data, notes = through(photo, form)
        assert (notes, read_photo(data).metadata.xmp) == ((), xmp)


def test_a_camera_s_notes_give_way_before_the_exif_does() -> None:
    camera = {0x9003: "2026", MAKER_NOTE: bytes(70_000)}
    photo = Photo("a", RGB, None, Metadata(exif={**EXIF, CAMERA: camera}))
    data, notes = through(photo, "jpeg")
    assert notes == ("the camera maker's notes are left out, since jpeg takes 65527 bytes of EXIF",)
    assert read_photo(data).metadata.exif == {**EXIF, CAMERA: {0x9003: "2026"}}
    photo = Photo("a", RGB, None, Metadata(exif={0x010E: "a" * 70_000}))
    data, notes = through(photo, "jpeg")
    assert notes == ("the EXIF has 70028 bytes and jpeg takes 65527: it is left out",)
    assert read_photo(data).metadata.exif == {}
    full = {0x010F: "Canon", 0x010E: "a" * (65_526 - len(packed({0x010F: "Canon", 0x010E: "a" * 9})) + 9)}
    assert len(packed(full)) == 65_526  # Pillow makes it even
    data, notes = through(with_exif(full), "jpeg")
    assert notes == () and read_photo(data).metadata.exif == full


@pytest.mark.parametrize("kind", ["comment", "iptc", "icc"])
def test_other_metadata_too_long_for_jpeg(kind: str) -> None:
    long = {"comment": b"c" * 65_534, "iptc": b"i" * 65_501, "icc": SRGB + bytes(255 * 65_519)}[kind]
    data, notes = through(Photo("a", RGB, None, Metadata(**{kind: long})), "jpeg")
    assert len(notes) == 1 and "left out" in notes[0]
    assert not getattr(read_photo(data).metadata, kind)
    fits = long[:-1] if kind != "icc" else long[: 255 * 65_519]
    data, notes = through(Photo("a", RGB, None, Metadata(**{kind: fits})), "jpeg")
    assert notes == () and getattr(read_photo(data).metadata, kind) == fits


@pytest.mark.parametrize(
    ("name", "behind"),
    [*itertools.product([b"tEXt", b"zTXt", b"iTXt"], [False, True]), (b"iCCP", False)],
)
def test_a_png_with_long_text_or_profile_is_read_and_stays_so(name: bytes, behind: bool, tmp_path: Any) -> None:
    """Profiles always stand before the pixels, text may be behind them."""
    text = b"workflow " * 300_000
    profile = SRGB + bytes(3_000_000)
    content = {
        b"tEXt": b"workflow\0" + text,
        b"zTXt": b"workflow\0\0" + zlib.compress(text),
        b"iTXt": b"workflow\0\1\0\0\0" + zlib.compress(text),
        b"iCCP": b"a\0\0" + zlib.compress(profile),
    }[name]
    plain = saved("PNG")
    place = plain.rindex(b"IEND") - 4 if behind else 33
    data = plain[:place] + chunk(name, content) + plain[place:]
    path = tmp_path / "a.png"
    path.write_bytes(data)
    np.testing.assert_array_equal(read_image(path), RGB)
    assert image_size(path) == (9, 13)
    photo = read_photo(data)
    if name == b"iCCP":
        assert photo.metadata.icc == profile
    else:
        assert photo.metadata.text == (Chunk(name, content),)
        assert photo.metadata.text[0].unpacked == text
    again, notes = through(data, "png")
    assert notes == ()
    assert read_photo(again).metadata == photo.metadata
    assert through(data, "jpeg")[1] == (() if name == b"iCCP" else ("jpeg holds no text",))


def test_text_that_unpacks_without_end_costs_itself_alone() -> None:
    bomb = b"a\0\0" + zlib.compress(bytes(70 << 20), 9)
    plain = saved("PNG")
    for name in (b"zTXt", b"iCCP"):
        data = plain[:33] + chunk(name, bomb) + plain[33:]
        np.testing.assert_array_equal(read_image(data), RGB)
        assert read_photo(data).metadata.icc == b""


def test_text_of_a_png_is_kept_and_elsewhere_said() -> None:
    info = PngInfo()
    info.add_text("parameters", "a cat, steps: 20")
    info.add_itxt("workflow", "{}", zip=True)
    data = saved("PNG", pnginfo=info)
    again, notes = through(data, "png")
    with Image.open(io.BytesIO(again)) as image:
        assert (notes, image.text) == ((), {"parameters": "a cat, steps: 20", "workflow": "{}"})
    for form in ("jpeg", "tiff", "webp", "bmp", "ppm"):
        assert through(data, form)[1] == (f"{form} holds no text",)


def test_comments_and_iptc_are_kept_and_elsewhere_said() -> None:
    photo = Photo("a", RGB, None, Metadata(iptc=IPTC, comment=b"shot at noon"))
    data, notes = through(photo, "jpeg")
    with Image.open(io.BytesIO(data)) as image:
        assert (notes, image.info["comment"], image.info["photoshop"][0x0404]) == ((), b"shot at noon", IPTC)
    assert read_photo(data).metadata == photo.metadata
    for form in ("png", "tiff"):
        again, notes = through(data, form)
        assert notes == (f"{form} holds no comment",)
        assert read_photo(again).metadata.iptc == IPTC
        assert read_photo(through(again, "jpeg")[0]).metadata.iptc == IPTC
    assert through(data, "webp")[1] == ("webp holds no IPTC and no comment",)


def test_a_photograph_with_a_preview_gives_the_photograph() -> None:
    """As MPO holds it: Pillow calls that two frames."""
    preview = Image.fromarray(RGB[::-1])
    data = saved("MPO", save_all=True, append_images=[preview], exif=b"Exif\0\0" + packed(EXIF), quality=100)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
        expected = np.asarray(image)
    np.testing.assert_array_equal(read_image(data), expected)
    photo = read_photo(data)
    assert photo.metadata.exif[0x010F] == "Canon"
    assert photo.notes == ("the further images that the file holds (MPO) are left out",)


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40])
def test_a_photograph_whose_directory_of_images_is_damaged(damage: bytes) -> None:
    """OpenCV, and viewers, look at no more than the first image."""
    data = saved("MPO", save_all=True, append_images=[Image.fromarray(RGB[::-1])], quality=100)
    place = data.index(b"MPF\0") + 12
    whole = data[:place] + damage + data[place + len(damage) :]
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    for content in (whole, whole[: data.index(b"\xff\xd9") + 2]):  # and without the further images
        assert np.abs(read_image(content).astype(int) - expected).max() <= 2


def test_xmp_that_continues_elsewhere_is_said() -> None:
    more = b"http://ns.adobe.com/xmp/extension/\0" + bytes(40)
    segment = b"\xff\xe1" + (len(more) + 2).to_bytes(2, "big") + more
    plain = saved()
    assert read_photo(plain[:2] + segment + plain[2:]).notes == (
        "the parts of XMP that continue elsewhere are left out",
    )


def test_iptc_of_photoshop_s_tiffs() -> None:
    """As bytes in groups of four, or among Photoshop's own resources."""
    padded = IPTC + b"\0" * (-len(IPTC) % 4)
    longs = np.frombuffer(padded, "<u4").tolist()
    resources = b"8BIM\x04\x25\0\0\0\0\0\2ab" + as_photoshop(IPTC)
    for tag in ((33723, 4, len(longs), longs, True), (34377, 7, len(resources), resources, True)):
        file = io.BytesIO()
        tifffile.imwrite(file, RGB, photometric="rgb", metadata=None, extratags=[tag])
        assert read_photo(file.getvalue()).metadata.iptc.rstrip(b"\0") == IPTC


def test_a_damaged_profile_is_said() -> None:
    plain = saved("PNG")
    photo = read_photo(plain[:33] + chunk(b"iCCP", b"a\0\0" + b"no zlib") + plain[33:])
    assert photo.notes == ("the colour profile is damaged or too long, and left out",)


def test_a_tiff_with_reduced_copies_gives_the_image() -> None:
    def pages(*kinds: int) -> bytes:
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as writer:
            for number, kind in enumerate(kinds):
                page = RGB[:: number + 1, :: number + 1]
                writer.write(page, subfiletype=kind, photometric="rgb", metadata=None)
        return file.getvalue()

    for kinds in ((0, 1, 1), (0, 1), (1,)):
        np.testing.assert_array_equal(read_image(pages(*kinds)), RGB)
    np.testing.assert_array_equal(read_image(pages(1, 0)), RGB[::2, ::2])
    for kinds in ((0, 0), (2, 2), (0, 1, 0), (1, 0, 0)):
        with pytest.raises(Exception, match="more than one frame"):
            read_image(pages(*kinds))


def test_every_ending_is_of_a_format_that_is_read(tmp_path: Path) -> None:
    """By a folder of HR images, by ``upscale`` of a folder, and by the readers behind them."""
    from srbench.data.own.folders import folder_dataset
    from srbench.photo.paths import find_jobs, left_out

    formats = {".apng": "PNG", ".dib": "BMP", ".jpe": "JPEG", ".jfif": "JPEG", ".jif": "JPEG", ".mpo": "MPO"}
    formats |= {".tif": "TIFF", ".jpg": "JPEG"} | dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm"), "PPM")
    for suffix in SUFFIXES:
        image = Image.fromarray(RGB).convert({".pbm": "1", ".pgm": "L"}.get(suffix, "RGB"))
        image.save(tmp_path / f"a{suffix[1:]}{suffix}", formats.get(suffix, suffix[1:].upper()))
    for number, suffix in enumerate((".gif", ".GIF", ".heic", ".txt")):
        (tmp_path / f"b{number}{suffix}").write_bytes(b"")
    dataset = folder_dataset(tmp_path, str(tmp_path))
    assert {item.hr.path.suffix for item in dataset.items} == SUFFIXES
    assert dataset.note.endswith("images of kinds that srbench does not read: 2 gif, 1 heic")
    assert all(read_image(item.hr.path).shape[:2] == (9, 13) for item in dataset.items)
    jobs = find_jobs(str(tmp_path), str(tmp_path / "out"))
    assert {job.source.suffix for job in jobs if job.source} == SUFFIXES
    assert {job.target.suffix for job in jobs if job.target} == set(BY_SUFFIX)
    assert all(job.target is not None and BY_SUFFIX[job.target.suffix] == job.format for job in jobs)
    assert left_out(str(tmp_path)) == f"left out of {tmp_path}, which srbench does not read: 2 gif, 1 heic"
    assert left_out(str(tmp_path / "agif.gif")) == left_out("-") == ""


def test_an_unforeseen_exception_costs_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from srbench.cli.main import app
    from srbench.photo import job as module

    for name in "abc":
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.png").write_bytes(saved("PNG"))
    real = module.read_photo

    def failing(source: Any, *, name: str | None = None) -> Photo:
        if str(source).endswith("b.png"):
            raise ZeroDivisionError("of all things")
        return real(source, name=name)

    monkeypatch.setattr(module, "read_photo", failing)
    words = ["upscale", str(tmp_path / "in"), str(tmp_path / "out"), "--method", "bicubic"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 4
    assert "b.png: ZeroDivisionError: of all things - this is a bug in srbench; --debug shows where" in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]
    alone = CliRunner().invoke(app, ["upscale", str(tmp_path / "in/b.png"), str(tmp_path / "b.png"), *words[3:]])
    assert isinstance(alone.exception, ZeroDivisionError)
