"""Bundles: the same run gives the same bytes; what is altered is found, whoever altered it and however."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from bundles import Members, bundle_of, edit, forge, make_run, members_of
from conftest import photograph

from srbench.bench.store import RunFolder, read_run
from srbench.errors import DataError, SrbenchError, UsageError
from srbench.imaging.files import encode_png
from srbench.imaging.planes import decode_planes, encode_planes
from srbench.proof.bundle import make_bundle
from srbench.proof.manifest import LARGEST_JSON, MANIFEST, RUN
from srbench.proof.reading import read_bundle
from srbench.proof.verdict import Verification
from srbench.proof.verify import Means, verify
from srbench.system.hashes import canonical_json


class Made:
    """A run and its bundle, made once."""

    def __init__(self, folder: Path) -> None:
        self.photos = folder / "photos"
        self.run, self.plugin = make_run(folder)
        self.bundle = folder / "whole.srb.zip"
        self.made = bundle_of(self.run, self.bundle, plugins=[self.plugin])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        return Made(tmp_path_factory.mktemp("made"))


def verified(path: Path, made: Made, **means: Any) -> Verification:
    given = {"datasets": (str(made.photos),), "plugins": (made.plugin,)} | means
    return verify(read_bundle(path), Means(**given))


def test_a_whole_bundle_is_reproduced_bit_for_bit(made: Made) -> None:
    found = verified(made.bundle, made)
    assert found.depth == "reproduced"
    assert found.exit_code == 0
    for cell in found.cells:
        assert cell.rescored is not None and cell.reproduced is not None
        assert cell.rescored.is_done and cell.reproduced.is_done
        assert cell.rescored.figures == 6  # two images by three metrics
        assert cell.reproduced.figures == 9
        assert cell.rescored.largest == cell.reproduced.largest == 0
    assert len(found.cells) == 4
    assert found.name == f"srb:{found.sha256[:16]}"


def test_the_same_run_gives_the_same_bytes(made: Made, tmp_path: Path) -> None:
    again = bundle_of(made.run, tmp_path / "again.srb.zip", plugins=[made.plugin])
    assert (tmp_path / "again.srb.zip").read_bytes() == made.bundle.read_bytes()
    assert again.sha256 == made.made.sha256


def test_another_run_of_the_same_has_the_same_results(made: Made, tmp_path: Path) -> None:
    run, plugin = make_run(tmp_path)
    other = bundle_of(run, tmp_path / "other.srb.zip", plugins=[plugin])
    assert other.manifest.results == made.made.manifest.results
    assert other.sha256 != made.made.sha256  # it has another time


def test_what_it_holds(made: Made) -> None:
    members = members_of(made.bundle)
    manifest, run = json.loads(members[MANIFEST]), json.loads(members[RUN])
    assert run["protocol_content"] == read_run(made.run).record.protocol_content
    assert [image["name"] for image in manifest["datasets"][0]["images"]] == ["image0", "image1"]
    sharp = next(method for method in manifest["methods"] if method["name"] == "sharp")
    assert members[sharp["files"]["sharp.py"]] == made.plugin.read_bytes()
    assert len([name for name in members if name.startswith("sr/")]) == 8
    hr = [path.read_bytes() for path in made.photos.iterdir()]
    assert not set(hr) & set(members.values())


@pytest.mark.parametrize(("sr", "count"), [("none", 0), ("sample", 8)])
def test_fewer_images(made: Made, tmp_path: Path, sr: str, count: int) -> None:
    path = tmp_path / "fewer.srb.zip"
    assert len(bundle_of(made.run, path, sr=sr).manifest.sr_images) == count
    found = verified(path, made, depth="rescored")
    assert found.exit_code == (0 if count else 4)
    assert verified(path, made).depth == "reproduced"


def test_images_that_were_not_kept_are_asked_for(made: Made, tmp_path: Path) -> None:
    run = read_run(made.run)
    gone = run.folder.planes_path(run.cells[0].key, "image1"), run.folder.sr_path(run.cells[0].key, "image1")
    contents = [path.read_bytes() for path in gone]
    for path in gone:
        path.unlink()
    try:
        with pytest.raises(DataError, match="--keep-images 2 --force"):
            bundle_of(made.run, tmp_path / "x.srb.zip")
    finally:
        for path, content in zip(gone, contents, strict=True):
            path.write_bytes(content)
    assert not (tmp_path / "x.srb.zip").exists()


def test_images_that_do_not_give_the_figures_are_refused(made: Made, tmp_path: Path) -> None:
    """Such as those of a run that kept the images to look at alone, where their luma is another."""
    run = read_run(made.run)
    path = run.folder.planes_path(run.cells[0].key, "image1")
    content = path.read_bytes()
    path.write_bytes(encode_planes(np.clip(decode_planes(content, "x", (52, 40)) + 1, 0, 255)))
    try:
        with pytest.raises(DataError, match="does not give the run's figures"):
            bundle_of(made.run, tmp_path / "x.srb.zip")
    finally:
        path.write_bytes(content)


def test_hr_never_gets_into_a_bundle(tmp_path: Path) -> None:
    """A method that has the HR images, such as a folder of them, has SR images that are none of ours to pass on."""
    import srbench

    photos = tmp_path / "photos"
    from conftest import save

    save(photos / "first.png", photograph(48, 60, 1))
    save(tmp_path / "sr" / "first.png", photograph(48, 60, 1))
    run = srbench.run(
        [f"images:{tmp_path / 'sr'}?scale=2"], datasets=str(photos), scales=2, metrics=["psnr"], out=tmp_path / "runs"
    )
    with pytest.raises(DataError, match="is its HR image"):
        bundle_of(run.folder, tmp_path / "x.srb.zip")
    assert bundle_of(run.folder, tmp_path / "x.srb.zip", sr="none").manifest.sr_images == ()


def test_images_that_owners_keep_to_themselves(tmp_path: Path) -> None:
    from conftest import save

    import srbench

    save(tmp_path / "photos" / "first.png", photograph(48, 60, 1))
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nkind = "hr"\nrole = "test"\ndefault_split = "test"\nlicence = "no copies"\n'
        'base_url = "photos"\nshare_sr = false\n[splits.test]\nimages = [{ name = "first", path = "first.png" }]\n'
    )
    run = srbench.run("bicubic", datasets=str(tmp_path / "mine.toml"), scales=2, metrics="psnr", out=tmp_path / "runs")
    manifest = bundle_of(run.folder, tmp_path / "x.srb.zip").manifest
    assert manifest.sr_images == ()
    assert any("owners do not let them" in sentence for sentence in manifest.left_out)


def test_samples_that_are_not_rounded_are_kept_exactly(tmp_path: Path) -> None:
    run, _ = make_run(tmp_path, protocol="linear")
    bundle_of(run, tmp_path / "x.srb.zip")
    found = verify(read_bundle(tmp_path / "x.srb.zip"), Means(depth="rescored", datasets=(str(tmp_path / "photos"),)))
    assert found.depth == "rescored"
    assert {cell.rescored.largest for cell in found.cells if cell.rescored} == {0.0}
    assert any(name.endswith(".npy") for name in members_of(tmp_path / "x.srb.zip"))


def test_a_run_without_results_or_with_lost_ones(made: Made, tmp_path: Path) -> None:
    import dataclasses

    run = read_run(made.run)
    with pytest.raises(UsageError, match="no finished cell"):
        make_bundle(dataclasses.replace(run, cells=()), tmp_path / "x.srb.zip", sr="none", with_weights=False)
    with pytest.raises(DataError, match="1 finished cells"):
        make_bundle(
            dataclasses.replace(run, cells=run.cells[1:]), tmp_path / "x.srb.zip", sr="none", with_weights=False
        )


# what is altered --------------------------------------------------------------------------------------------------


def test_a_thousand_flipped_bits(made: Made, tmp_path: Path) -> None:
    """Each is found: a bundle has no byte that is not accounted for."""
    rng = random.Random(23)
    content = made.bundle.read_bytes()
    path = tmp_path / "flipped.srb.zip"
    for _ in range(1000):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(DataError):
            read_bundle(path)


def first(plain: dict[str, Any], metric: str) -> dict[str, Any]:
    return {"values": plain["values"], "image": plain["images"][0]["values"]}


def better(plain: dict[str, Any]) -> None:
    plain["values"]["psnr"] += 0.01


def better_everywhere(plain: dict[str, Any]) -> None:
    """A dB for each image, and for the mean: all that a reader of the figures alone can check is right."""
    for image in plain["images"]:
        image["values"]["psnr"] += 1.0
        image["values"]["mse"] = 255.0**2 / 10 ** (image["values"]["psnr"] / 10)
    for metric in ("psnr", "mse"):
        values = [image["values"][metric] for image in plain["images"]]
        plain["values"][metric] = fmean(values)


FORGED: dict[str, tuple[Callable[[Members], object], str]] = {
    "a better mean": (edit("cells/", better), "its images' figures give"),
    "a PSNR without its MSE": (
        edit("cells/", lambda cell: cell["images"][0]["values"].update(psnr=40.0)),
        "not that of its mean squared error",
    ),
    "another scale": (edit("cells/", lambda cell: cell["inputs"].update(scale=4)), "its scale is another"),
    "another protocol in a cell": (
        edit("cells/", lambda cell: cell["inputs"]["protocol"].update(shave_extra=6)),
        "its protocol is another",
    ),
    "another hash": (edit(RUN, lambda run: run.update(protocol_hash="338ce1a4")), "not that of its content"),
    "other settings": (edit(RUN, lambda run: run["protocol_content"].update(shave_extra=6)), "not that of its content"),
    "an image less": (edit("cells/", lambda cell: cell["images"].pop()), "its images are not those of its data set"),
    "an image's name": (
        edit("cells/", lambda cell: cell["images"][0].update(name="other")),
        "its images are not those of its data set",
    ),
    "an image's size": (edit("cells/", lambda cell: cell["images"][0].update(width=4)), "has 4x"),
    "another code": (edit("cells/", lambda cell: cell["inputs"].update(source="0" * 64)), "its source is another"),
    "weights from nowhere": (
        edit("cells/", lambda cell: cell["inputs"].update(weights="0" * 64)),
        "does not name its weights",
    ),
    "a metric that the run has not": (
        edit("cells/", lambda cell: [image["values"].update(lpips=0.1) for image in cell["images"]]),
        "no metric lpips",
    ),
    "a metric too few": (edit("cells/", lambda cell: cell["values"].pop("ssim")), "its ssim is missing"),
    "a seed": (edit("cells/", lambda cell: cell["inputs"].update(seed=7)), "its seed is another"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forgeries_contradict_themselves(name: str, made: Made, tmp_path: Path) -> None:
    change, expected = FORGED[name]
    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", change), made)
    assert any(expected in problem for problem in found.problems), found.problems
    assert found.depth is None
    assert found.exit_code == 1


def test_a_key_that_is_not_of_its_inputs(made: Made, tmp_path: Path) -> None:
    change = edit("cells/", lambda cell: cell["inputs"].update(engine="0"))
    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", change, keys=False), made)
    assert any("not the hash of its inputs" in problem for problem in found.problems)


def test_results_that_are_not_those_of_the_cells(made: Made, tmp_path: Path) -> None:
    def change(members: Members) -> None:
        edit("cells/", better_everywhere)(members)

    path = forge(made.bundle, tmp_path / "forged.srb.zip", change)
    members = members_of(path)
    manifest = json.loads(members[MANIFEST])
    manifest["results"] = json.loads(members_of(made.bundle)[MANIFEST])["results"]
    members[MANIFEST] = canonical_json(manifest).encode()
    from srbench.proof.archive import write_archive

    write_archive(path, members)
    assert any("digest of the results" in problem for problem in verified(path, made).problems)


def test_the_name_of_a_set_belongs_to_its_images(made: Made, tmp_path: Path) -> None:
    """Somebody's own photographs are not Set5, whatever a bundle calls them."""

    def rename(members: Members) -> None:
        for name in members:
            if name in (MANIFEST, RUN) or name.startswith("cells/"):
                members[name] = members[name].replace(b'"photos"', b'"set5"')

    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", rename), made)
    assert any("not those of srbench's set5" in problem for problem in found.problems)


def test_the_name_of_a_protocol_belongs_to_its_content(made: Made, tmp_path: Path) -> None:
    def rename(members: Members) -> None:
        for name in members:
            if name == RUN or name.startswith("cells/"):
                members[name] = members[name].replace(b'"vdsr"', b'"edsr"')

    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", rename), made)
    assert any("calls its protocol 'edsr'" in problem for problem in found.problems)


def test_figures_that_agree_and_are_not_true(made: Made, tmp_path: Path) -> None:
    """They are found where they are computed again, by each of the two ways."""
    path = forge(made.bundle, tmp_path / "forged.srb.zip", edit("cells/", better_everywhere))
    assert verified(path, made, depth="whole").depth == "whole"
    found = verified(path, made, depth="rescored")
    assert (found.depth, found.exit_code) == (None, 1)
    wrong = [cell for cell in found.cells if cell.is_refuted]
    assert len(wrong) == 1
    assert wrong[0].rescored is not None
    assert {one.metric for one in wrong[0].rescored.wrong} == {"psnr", "mse"}
    found = verified(path, made)
    assert [cell.reproduced.is_done for cell in found.cells if cell.reproduced].count(False) == 1


@pytest.mark.parametrize(("shift", "is_true"), [(4e-4, True), (3e-3, False)])
def test_figures_of_another_device(made: Made, tmp_path: Path, shift: float, is_true: bool) -> None:
    """They are verified to the bound that is stated for them; the SR images in the bundle give no leeway."""

    def change(cell: dict[str, Any]) -> None:
        cell["environment"]["device"] = "cuda (a GPU)"
        for image in cell["images"]:
            image["values"]["psnr"] += shift
            image["values"]["mse"] = 255.0**2 / 10 ** (image["values"]["psnr"] / 10)
        for metric in ("psnr", "mse"):
            cell["values"][metric] = fmean(image["values"][metric] for image in cell["images"])

    path = forge(made.bundle, tmp_path / "forged.srb.zip", edit("cells/", change))
    found = verified(path, made)
    cell = next(cell for cell in found.cells if cell.cell.environment["device"].startswith("cuda"))
    assert cell.reproduced is not None and cell.rescored is not None
    assert cell.reproduced.device == "cuda (a GPU)"
    assert cell.reproduced.is_done == is_true
    assert cell.rescored.wrong
    assert found.exit_code == 1


def test_swapped_images(made: Made, tmp_path: Path) -> None:
    def swap(members: Members) -> None:
        one, other = [name for name in sorted(members) if name.startswith("sr/")][:2]
        members[one], members[other] = members[other], members[one]

    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", swap), made, depth="rescored")
    assert found.depth == "whole"  # they are of other sizes
    assert found.exit_code == 4

    def blur(members: Members) -> None:
        name = next(name for name in sorted(members) if name.startswith("sr/"))
        pixels = decode_planes(members[name], name, (48, 60)) if len(members[name]) else None
        assert pixels is not None
        members[name] = encode_planes(np.clip(pixels + 1, 0, 255))

    found = verified(forge(made.bundle, tmp_path / "forged.srb.zip", blur), made, depth="rescored")
    assert (found.depth, found.exit_code) == (None, 1)


def test_other_peoples_hr(made: Made, tmp_path: Path) -> None:
    """A hash of pixels that are none of the image's: whoever has the image sees it."""

    def other(manifest: dict[str, Any]) -> None:
        manifest["datasets"][0]["images"][0]["pixels"] = "0" * 64

    path = forge(made.bundle, tmp_path / "forged.srb.zip", edit(MANIFEST, other))
    found = verified(path, made, depth="rescored")
    assert found.exit_code == 4
    assert any("is another image in the bundle" in reason for reason in found.reasons())


REFUSED: dict[str, Callable[[Members], object]] = {
    "NaN": lambda m: m.update({name: data.replace(b'"psnr":', b'"psnr":NaN,"x":', 1) for name, data in m.items()}),
    "no number": lambda m: m.update({n: d.replace(b'"psnr":3', b'"psnr":"x3', 1) for n, d in m.items()}),
    "a key twice": lambda m: m.update({RUN: m[RUN].replace(b'{"cells"', b'{"cells":[],"cells"', 1)}),
    "spaces": lambda m: m.update({RUN: m[RUN] + b" "}),
    "an unknown key": edit(RUN, lambda run: run.update(surprise=1)),
    "another schema": edit(MANIFEST, lambda manifest: manifest.update(schema_version=2)),
    "another kind": edit(MANIFEST, lambda manifest: manifest.update(kind="x")),
    "a negative scale": edit("cells/", lambda cell: cell["id"].update(scale=-2)),
    "nesting": lambda m: m.update({RUN: b"[" * 100_000}),
    "nested inputs": edit("cells/", lambda cell: cell["inputs"].update(x=json.loads("[" * 50 + "]" * 50))),
    "a huge number": edit("cells/", lambda cell: cell["values"].update(psnr=10**400)),
    "no text": lambda m: m.update({RUN: b"\xff\xfe"}),
    "a file of nobody's": lambda m: m.update({"extra.py": b"print(1)"}),
    "a cell of nobody's": lambda m: m.update(
        {f"cells/{'0' * 64}.json": next(d for n, d in m.items() if "cells/" in n)}
    ),
    "an SR image less": lambda m: m.pop(next(name for name in sorted(m) if name.startswith("sr/"))),
    "code that leads out": edit(
        MANIFEST, lambda manifest: manifest["methods"][1]["files"].update({"../../evil.py": "methods/01/sharp.py"})
    ),
    "code that is none": edit(
        MANIFEST, lambda manifest: manifest["methods"][1].update(files={"x.so": "methods/01/sharp.py"}, main="x.so")
    ),
    "an image twice": edit(MANIFEST, lambda manifest: manifest["sr_images"].append(manifest["sr_images"][0])),
    "a set that has other images": edit(
        MANIFEST, lambda manifest: manifest["datasets"][0]["images"][0].update(identity=["0" * 64])
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_bundle_is_refused(name: str, made: Made, tmp_path: Path) -> None:
    path = forge(made.bundle, tmp_path / "refused.srb.zip", REFUSED[name], keys=False)
    with pytest.raises(DataError) as raised:
        read_bundle(path)
    assert str(raised.value).isprintable()
    assert raised.value.exit_code == 4


def test_large_json_is_not_parsed(made: Made, tmp_path: Path) -> None:
    path = forge(made.bundle, tmp_path / "x.srb.zip", lambda m: m.update({RUN: b" " * (LARGEST_JSON + 1)}), keys=False)
    with pytest.raises(DataError, match="more than the"):
        read_bundle(path)


BAD_SR = {
    "no image": b"hello",
    "a bomb": encode_png(np.zeros((9000, 9000), np.uint8)),
    "another size": encode_png(np.zeros((4, 4), np.uint8)),
    "16 bits": encode_png(np.zeros((48, 60), np.uint16)),
    "a pickle": b"\x93NUMPY\1\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (48, 60), }".ljust(128) + b"\x80\4.",
    "code in a header": b"\x93NUMPY\1\0v\0" + b"__import__('os').abort()".ljust(118),
    "not a number": encode_planes(np.full((48, 60), 1.5)).replace(
        np.float64(1.5).tobytes(), np.float64("nan").tobytes()
    ),
    "beyond white": encode_planes(np.full((48, 60), 1.5)).replace(np.float64(1.5).tobytes(), np.float64(300).tobytes()),
}


@pytest.mark.parametrize("name", BAD_SR)
def test_sr_images_that_are_none(name: str, made: Made, tmp_path: Path) -> None:
    def replace(members: Members) -> None:
        members[next(name for name in sorted(members) if name.startswith("sr/"))] = BAD_SR[name]

    found = verified(forge(made.bundle, tmp_path / "x.srb.zip", replace), made, depth="rescored")
    assert found.exit_code == 4
    assert len(found.reasons()) == 1
    with pytest.raises(DataError):
        decode_planes(BAD_SR[name], "x", (48, 60))


def test_random_forgeries_are_refused_or_refuted(made: Made, tmp_path: Path) -> None:
    """Any value of any JSON file becomes any other, with every hash made right: nothing else is verified."""
    rng = random.Random(7)
    whole = {cell.key: cell.values for cell in read_bundle(made.bundle).run.cells}
    other = [None, -1, 0, 1e308, "x", [], {}, True, 10**30, "../x", "\x1b[2J", 0.5, "inf"]
    for _ in range(150):

        def change(members: Members) -> None:
            name = rng.choice([name for name in sorted(members) if name.endswith(".json")])
            plain: Any = json.loads(members[name])
            place = plain
            while True:
                key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
                if isinstance(place[key], dict | list) and place[key] and rng.random() < 0.9:
                    place = place[key]
                    continue
                place[key] = rng.choice(other)
                break
            members[name] = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

        path = tmp_path / "x.srb.zip"
        try:
            found = verified(forge(made.bundle, path, change, keys=False), made, depth="rescored")
        except SrbenchError as error:
            assert str(error).isprintable()
            continue
        if found.depth == "rescored":
            assert {cell.cell.key: cell.cell.values for cell in found.cells} == whole


def test_names_of_a_bundle_lead_nowhere(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method or data set that is called like a path, a model or a hub's is looked for by name alone."""
    from srbench.data import catalog
    from srbench.plugins import models

    def looked(*given: object, **options: object) -> None:
        raise AssertionError(f"looked for {given}")

    monkeypatch.setattr(models, "parse_spec", looked)
    monkeypatch.setattr(catalog, "_own", looked)
    for method in (f"torchscript:{tmp_path}/x.pt", "hub:org/name", "*", "sharp:x.toml"):

        def rename(members: Members, method: str = method) -> None:
            for name in members:
                if name in (MANIFEST, RUN) or name.startswith("cells/"):
                    text = members[name].replace(b'"sharp"', json.dumps(method).encode())
                    members[name] = text.replace(b'"photos"', b'"hf:org/name"')

        path = forge(made.bundle, tmp_path / "x.srb.zip", rename)
        found = verify(read_bundle(path), Means())
        assert found.problems or found.depth == "whole"


def test_a_run_folder_is_pure(made: Made) -> None:
    """The planes that were scored lie beside the images to look at, where those are others."""
    run = read_run(made.run)
    folder = RunFolder(made.run)
    for cell in run.cells:
        for image in cell.images:
            assert folder.planes_path(cell.key, image.name).is_file() == folder.sr_path(cell.key, image.name).is_file()
