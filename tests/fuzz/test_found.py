"""What the fuzzing found; each of these ended in a traceback, a hang or a file where none belongs."""

from __future__ import annotations

import json
import struct
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srbench.analysis.references import REFERENCE_COLUMNS, read_references
from srbench.bench.results import CellId, CellResult, ImageResult, PlannedCell
from srbench.bench.store import RunFolder
from srbench.data.catalog import resolve
from srbench.data.dataset import ImageFile
from srbench.data.fetch.archive import unpack
from srbench.data.fetch.integrity import fault_at, sums_path
from srbench.data.manifest import Archive
from srbench.errors import DataError, UsageError
from srbench.imaging.files import image_size, read_image
from srbench.protocols.builtin import get_protocol
from srbench.recipe import read_recipe
from srbench.system.hashes import digest
from srbench.system.toml import read_toml
from srbench.weights import read_metadata, weights_sha256

KEY = "0" * 64
MANIFEST = 'title = "T"\nkind = "hr"\nrole = "test"\ndefault_split = "all"\nlicence = ""\n'
ONE = '[splits.all]\nimages = [{ name = "a", path = "a.png" }]\n'


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_message_is_one_line_that_no_terminal_obeys() -> None:
    assert str(UsageError("no 'a\nb\x1b[31m\ud800': é")) == r"no 'a b\x1b[31m\ud800': é"
    long = str(DataError("There is no " + "x" * 100_000 + ": look for it."))
    assert len(long) < 1000
    assert long.endswith(": look for it.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = " + "[" * 5000, "too deeply"),
        (".".join(["a"] * 60) + " = 1", "more than 50 parts"),
        ("a = " + "[" * 60 + "]" * 60, "more than 50 deep"),
        ("a = " + "1" * 5000, "4300 digits"),
        ("a = 0x" + "f" * 5000, "64 bits"),
        ("a = [{b = 9223372036854775808}]", "64 bits"),
    ],
)
def test_toml_that_nobody_means(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read_toml(written(tmp_path / "a.toml", content), "config")
    with pytest.raises(DataError, match=message):
        resolve(str(tmp_path / "a.toml"))


def test_long_keys_take_no_time(tmp_path: Path) -> None:
    path = written(tmp_path / "a.toml", "x = {" + ".".join(['"a"'] * 100_000) + " = 1}")
    began = time.process_time()
    with pytest.raises(UsageError):
        read_toml(path, "config")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "content",
    [
        'base = "\\u0000.toml"',
        "enlarged_range = [-inf, inf]",
        "enlarged_range = [0, inf]",
    ],
)
def test_protocols_that_have_no_number(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _ = get_protocol(str(written(tmp_path / "a.toml", content))).hash


def test_recipes_are_finite(tmp_path: Path) -> None:
    for content in ("lr = inf", "[perceptual]\nweight = inf", "shrink = [nan]"):
        with pytest.raises(UsageError, match="finite"):
            read_recipe(written(tmp_path / "a.toml", content), {})


@pytest.mark.parametrize(
    "content",
    [
        MANIFEST + 'base_url = "."\n[splits.all]\nnumbered = { path = "{}.png", first = 0, last = 1000000000000 }\n',
        MANIFEST + 'base_url = "."\n' + ONE.replace("a.png", "\\u0000"),
        MANIFEST + 'base_url = "."\n' + ONE.replace("a.png", "a" * 300),
        MANIFEST + 'base_url = "~nobody-at-all/x"\n' + ONE,
        MANIFEST + 'base_url = "file://["\n' + ONE,
        MANIFEST + f'base_url = "{"a" * 300}"\n' + ONE,
        MANIFEST + f'base_url = "{"a" * 5000}"\n' + ONE,
        MANIFEST.replace('"hr"', '"embedded"') + 'package = "no_such.module"\n' + ONE,
    ],
)
def test_manifests_that_are_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        resolve(str(written(tmp_path / "a.toml", content)))


def test_no_package_is_imported_to_find_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dotted name would have run the code of the package before the dot."""
    written(tmp_path / "innocent" / "__init__.py", "open('executed', 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    content = MANIFEST.replace('"hr"', '"embedded"') + 'package = "innocent.inner"\n' + ONE
    with pytest.raises(DataError):
        resolve(str(written(tmp_path / "a.toml", content)))
    assert not (tmp_path / "executed").exists()


def test_many_images_and_one_of_them_twice(tmp_path: Path) -> None:
    entries = [f'{{ name = "i{n}", path = "i{n}.png" }}' for n in (*range(12_000), 11_999)]
    path = written(tmp_path / "a.toml", MANIFEST + f'base_url = "."\n[splits.all]\nimages = [{", ".join(entries)}]\n')
    with pytest.raises(DataError, match="two images have the name 'i11999'"):
        resolve(str(path))


def a_cell(**changes: object) -> dict[str, object]:
    cell_id = CellId(method="m", dataset="d", scale=2, protocol="vdsr")
    image = ImageResult(name="a", width=9, height=9, values={"psnr": 30.0})
    cell = CellResult(
        key=KEY, id=cell_id, protocol_hash="0", values={"psnr": 30.0}, images=(image,), inputs={}, environment={}
    )
    return cell.model_dump(mode="json") | changes


def test_cells_that_count_as_absent(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for values in ({"psnr": 10**400}, {"psnr": []}, {"psnr": None}):
        plain = a_cell(values=values)
        written(folder.cell_path(KEY), json.dumps(plain | {"sha256": digest(plain)}))
        assert folder.read_cell(KEY) is None
    written(folder.cell_path(KEY), json.dumps(a_cell()).replace("30.0", "[" * 100_000))
    assert folder.read_cell(KEY) is None
    assert folder.read_cell("a" * 5000) is None
    plain = a_cell()
    written(folder.cell_path(KEY), json.dumps(plain | {"sha256": digest(plain)}))
    assert folder.read_cell(KEY) is not None


def test_a_record_nested_without_end(tmp_path: Path) -> None:
    written(tmp_path / "run.json", '{"id": ' + "[" * 100_000)
    with pytest.raises(DataError, match=r"run\.json is damaged"):
        RunFolder(tmp_path).read_record()


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/../../../x", "\0"])
def test_names_of_a_run_stay_in_its_folder(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for find in (folder.cell_path, lambda n: folder.sr_path(n, "a"), lambda n: folder.sr_path(KEY, n)):
        with pytest.raises(DataError, match="do not trust that run"):
            find(name)
    with pytest.raises(DataError, match="do not trust that run"):
        folder.hr_path(KEY, 2, name)


def test_a_foreign_cell_writes_no_picture_elsewhere(tmp_path: Path) -> None:
    mine, other = RunFolder(tmp_path / "mine"), RunFolder(tmp_path / "other")
    written(tmp_path / "other" / "images" / "x.png", b"picture")
    (tmp_path / "other" / "images" / KEY).mkdir()
    (tmp_path / "mine" / "images" / KEY).mkdir(parents=True)
    cell = CellResult.model_validate(a_cell())
    with pytest.raises(DataError):
        mine.copy_images(other, cell, "../x")
    assert not list((tmp_path / "mine").rglob("*.png"))
    assert PlannedCell(id=cell.id).key is None


def test_references(tmp_path: Path) -> None:
    row = dict.fromkeys(REFERENCE_COLUMNS, "") | {
        "method": "m",
        "dataset": "d",
        "scale": "2",
        "metric": "psnr",
        "value": "1",
    }
    row |= {"tolerance": "1", "use": "gate", "source": "s", "protocol": "vdsr"}
    for change in ({"scale": "1" * 5000}, {"protocol": "\0.toml"}, {"value": "a\nb"}):
        content = (
            ",".join(REFERENCE_COLUMNS) + "\n" + ",".join(f'"{value}"' for value in (row | change).values()) + "\n"
        )
        with pytest.raises(DataError) as caught:
            read_references(written(tmp_path / "a.csv", content))
        assert str(caught.value).isprintable()


def safetensors(header: str) -> bytes:
    return struct.pack("<Q", len(header)) + header.encode()


@pytest.mark.parametrize(
    "header", ["[]", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000, '{"a": ' + "[" * 100_000, "1", "{"]
)
def test_headers_of_weights(header: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", safetensors(header))
    assert len(weights_sha256(path)) == 64
    with pytest.raises(DataError, match="are damaged"):
        read_metadata(path)


@pytest.mark.parametrize("inner", ["[]", "1", "null", "[" * 100_000])
def test_metadata_of_weights(inner: str, tmp_path: Path) -> None:
    content = safetensors(json.dumps({"__metadata__": {"srbench": inner}}))
    with pytest.raises(DataError, match="are damaged"):
        read_metadata(written(tmp_path / "a.safetensors", content))


def images_of(folder: Path, content: bytes, names: tuple[str, ...] = ("set/a.png",)) -> list[ImageFile]:
    archive = Archive(path="a.zip", bytes=len(content), sha256="0" * 64)
    return [ImageFile(folder / name, archive=archive) for name in names]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_with_damaged_members(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("set/a.png", np.random.default_rng(0).bytes(5000))
    content = bytearray(path.read_bytes())
    content[60:200] = bytes(140)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.zip is corrupt"):
        unpack(path, images_of(tmp_path / "data", content), tmp_path / "data", lambda name: None)
    assert not [found for found in (tmp_path / "data").rglob("*") if found.is_file()]


def test_unpacked_sums_that_are_no_text(tmp_path: Path) -> None:
    (file,) = images_of(tmp_path, b"x")
    Image.new("L", (4, 4)).save(written(file.path, b""))
    written(sums_path(file), b"\xff\xfe\xff")
    assert fault_at(file.path, file) == ""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_two_orientations(tmp_path: Path) -> None:
    """The size from the header and that of the pixels were not those of one image."""
    turned, straight = Image.Exif(), Image.Exif()
    turned[0x0112], straight[0x0112] = 6, 1
    tags = [exif.tobytes().removeprefix(b"Exif\0\0") for exif in (straight, turned)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(8)))
    content = b"\x89PNG\r\n\x1a\n" + header + chunk(b"eXIf", tags[0]) + pixels + chunk(b"eXIf", tags[1])
    path = written(tmp_path / "a.png", content + chunk(b"IEND", b""))
    assert read_image(path).shape == image_size(path) == (2, 3)
