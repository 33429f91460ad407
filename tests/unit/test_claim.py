"""Figures that a paper prints: read, computed again, and explained where they do not come out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bundles import SHARP
from conftest import Cli, photograph, save

import srbench
from srbench.errors import DataError, UsageError
from srbench.proof.check_claim import ClaimCheck, ClaimMeans, check_claim
from srbench.proof.claim import COLUMNS, Rows, read_claim, template
from srbench.proof.claim_text import claim_document, claim_paragraphs
from srbench.proof.page import claim_page


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(2):
        save(tmp_path / "photos" / f"image{number}.png", photograph(48, 60, number))
    return tmp_path / "photos"


def write(path: Path, *figures: dict[str, object]) -> Path:
    path.write_text(json.dumps({"schema_version": 1, "title": "A paper", "figures": figures}))
    return path


def figure(value: str, **more: object) -> dict[str, object]:
    return {"method": "Bicubic", "dataset": "photos", "scale": 2, "protocol": "vdsr", "value": value} | more


def check(path: Path, photos: Path, **means: object) -> ClaimCheck:
    return check_claim(path, read_claim(path), ClaimMeans(datasets=(str(photos),), **means))  # type: ignore[arg-type]


def values(photos: Path, protocol: str = "vdsr", **more: object) -> dict[str, float]:
    run = srbench.run("bicubic", datasets=str(photos), scales=2, protocol=protocol, out=photos.parent / "runs", **more)  # type: ignore[arg-type]
    return dict(run.loaded.cells[0].values)


def test_confirmed_to_the_printed_digit_or_off(photos: Path, tmp_path: Path) -> None:
    true = values(photos)
    path = write(
        tmp_path / "claim.json",
        figure(f"{true['psnr']:.2f}"),
        figure(f"{true['ssim']:.4f}".lstrip("0"), metric="SSIM"),
        figure(f"{true['psnr'] + 0.011:.2f}"),
        figure(f"{true['mse']:.1f}", metric="mse"),
        figure(""),
    )
    found = check(path, photos, explain=False)
    assert [one.status for one in found.figures] == ["confirmed", "confirmed", "off", "confirmed", "unchecked"]
    assert [one.here for one in found.figures] == [true["psnr"], true["ssim"], true["psnr"], true["mse"], None]
    assert found.figures[2].difference == pytest.approx(0.011, abs=0.0051)
    assert found.exit_code == 1
    text = "\n".join(claim_paragraphs(found))
    assert "3 confirmed to the printed digit, 1 off, 1 not checked" in text
    assert "its value has not been filled in" in text


def test_what_is_off_is_explained(photos: Path, tmp_path: Path) -> None:
    """A figure of another protocol than the one that the paper names."""
    other = values(photos, "rgb")["psnr"]
    found = check(write(tmp_path / "claim.json", figure(f"{other:.4f}"), figure(f"{other:.4f}", protocol="")), photos)
    assert [one.status for one in found.figures] == ["off", "explained"]
    for one in found.figures:
        assert one.answer is not None
        assert "rgb" in [name for hit in one.answer.within_reach for name in hit.candidate.protocols]
    assert "`rgb`" in "\n".join(claim_paragraphs(found))
    rows = json.loads(claim_document(found))["figures"]
    assert rows[0]["explain"]["within_reach"]
    assert found.exit_code == 1


def test_a_figure_that_nothing_gives(photos: Path, tmp_path: Path) -> None:
    found = check(write(tmp_path / "claim.json", figure("99.99", protocol="")), photos)
    assert [one.status for one in found.figures] == ["unexplained"]
    assert found.exit_code == 1
    assert any("none of" in line for line in claim_paragraphs(found))


def test_numbers_that_chance_gives(photos: Path, tmp_path: Path) -> None:
    """One with no decimals is given by many variants, and it is said."""
    found = check(write(tmp_path / "claim.json", figure(f"{values(photos)['psnr']:.0f}", protocol="")), photos)
    assert found.figures[0].status == "explained"
    assert any("Chance is likely: " in line and " lie this near" in line for line in claim_paragraphs(found))


def several(photos: Path, protocol: str, stated: str = "", scales: tuple[int, ...] = (2, 3)) -> list[dict[str, object]]:
    """PSNR and SSIM at scales as bicubic has them under a protocol; ``stated`` is what the paper says it is."""
    found = []
    for scale in scales:
        run = srbench.run("bicubic", datasets=str(photos), scales=scale, protocol=protocol, out=photos.parent / "runs")
        true = run.loaded.cells[0].values
        found.append(figure(f"{true['psnr']:.2f}", scale=scale, protocol=stated))
        found.append(figure(f"{true['ssim']:.4f}", scale=scale, protocol=stated, metric="SSIM"))
    return found


def test_several_figures_are_explained_together(photos: Path, tmp_path: Path) -> None:
    """Each has many explanations, and all have one; a figure that it does not give is not explained by another."""
    figures = several(photos, "edsr")
    found = check(write(tmp_path / "claim.json", *figures), photos)
    assert [one.status for one in found.figures] == ["explained"] * 4
    (together,) = found.together
    assert (together.method, together.protocol) == ("Bicubic", "")
    assert together.answer.found[0].protocols == ("edsr",)
    assert len(together.answer.give_all) < min(len(one.answer.within_reach) for one in found.figures if one.answer)
    text = "\n".join(claim_paragraphs(found))
    assert "the 4 figures of Bicubic together: " in text
    assert "  explain: 4 of 4 by `edsr`" in text
    assert "  Chance is unlikely: of numbers drawn at random around these" in text
    assert "Chance is likely" not in text  # of one alone, which is no matter here
    assert "4 of 4 by `edsr`" in claim_page(found)
    (document,) = json.loads(claim_document(found))["together"]
    assert document["variants"][0]["given"] == [True] * 4
    assert document["method"] == "Bicubic"

    other = several(photos, "rgb", scales=(3,))
    mixed = check(write(tmp_path / "claim.json", *figures[:3], other[1], figures[0]), photos)
    assert [one.status for one in mixed.figures] == ["explained"] * 3 + ["unexplained", "explained"]
    assert mixed.exit_code == 1
    assert mixed.together[0].answer.most == 3
    assert len(mixed.together[0].answer.figures) == 4  # one is printed twice
    text = "\n".join(claim_paragraphs(mixed))
    assert "explain: the first of them does not give SSIM photos x3" in text
    assert "variants would give 3 of 4 on average" in text


def test_what_is_confirmed_is_a_figure_that_a_variant_must_give(photos: Path, tmp_path: Path) -> None:
    """Of the same images at the same scale: PSNR is the protocol's, so SSIM's window is another."""
    psnr, ssim = several(photos, "lapsrn", "lapsrn", (2,))
    other = several(photos, "edsr", "lapsrn", (2,))[1]
    alone = check(write(tmp_path / "claim.json", other), photos)
    found = check(write(tmp_path / "claim.json", psnr, other, several(photos, "lapsrn", "lapsrn", (3,))[0]), photos)
    assert [one.status for one in found.figures] == ["confirmed", "off", "confirmed"]
    assert not alone.together
    (together,) = found.together
    assert [str(one) for one in together.answer.figures] == ["PSNR photos x2", "SSIM photos x2"]
    assert together.protocol == "lapsrn"
    assert alone.figures[0].answer is not None
    assert len(together.answer.give_all) <= len(alone.figures[0].answer.within_reach)
    assert "under lapsrn together" in "\n".join(claim_paragraphs(found))
    assert not check(write(tmp_path / "claim.json", psnr, ssim), photos).together  # nothing is off


def test_a_figure_that_cannot_be_explained_leaves_the_others(photos: Path, tmp_path: Path) -> None:
    figures = several(photos, "edsr")
    wrong = [figure("33.5", protocol="", metric="ssim"), figure("30.0", protocol="", scale=400)]
    found = check(write(tmp_path / "claim.json", *wrong, *figures), photos)
    assert [one.status for one in found.figures] == ["unchecked"] * 2 + ["explained"] * 4
    assert "An SSIM is at most 1" in found.figures[0].reason
    assert found.figures[1].reason
    assert found.together[0].answer.most == 4


def test_by_other_names(photos: Path, tmp_path: Path) -> None:
    """A method, and a data set, as the paper calls them."""
    plugin = tmp_path / "sharp.py"
    plugin.write_text(SHARP)
    run = srbench.run("sharp", datasets=str(photos), scales=2, plugins=plugin, out=tmp_path / "runs")
    value = f"{run.loaded.cells[0].values['psnr']:.3f}"
    path = write(tmp_path / "claim.json", figure(value, method="Ours", dataset="Holiday"))
    claim = read_claim(path)
    means = ClaimMeans(methods=("Ours=sharp",), datasets=(f"holiday={photos}",), plugins=(plugin,))
    assert check_claim(path, claim, means).exit_code == 0
    alone = ClaimMeans(methods=("sharp",), datasets=(f"holiday={photos}",), plugins=(plugin,))
    assert check_claim(path, claim, alone).exit_code == 0  # one method, one name
    found = check_claim(path, claim, ClaimMeans(datasets=(f"holiday={photos}",)))
    assert "the method 'Ours' is not here" in found.figures[0].reason
    assert found.exit_code == 4
    found = check_claim(path, claim, ClaimMeans(methods=("Ours=sharp",), plugins=(plugin,)))
    assert "the data set 'Holiday' is not known here" in found.figures[0].reason


def test_of_sr_images(photos: Path, tmp_path: Path) -> None:
    run = srbench.run("nearest", datasets=str(photos), scales=2, protocol="edsr", out=tmp_path / "runs")
    cell = run.loaded.cells[0]
    for image in cell.images:
        path = run.loaded.folder.sr_path(cell.key, image.name)
        save_to = tmp_path / "sr" / "Ours" / "x2" / path.name
        save_to.parent.mkdir(parents=True, exist_ok=True)
        save_to.write_bytes(path.read_bytes())
    true = f"{cell.values['psnr']:.4f}"
    path = write(
        tmp_path / "claim.json",
        figure(true, method="Ours", protocol="edsr"),
        figure(true, method="Ours", protocol="vdsr"),
        figure(true, method="../Ours", protocol="edsr"),
        figure(true, method="Others", protocol="edsr"),
    )
    found = check(path, photos, images=str(tmp_path / "sr" / "{method}" / "x{scale}"))
    assert [one.status for one in found.figures] == ["confirmed", "off", "unchecked", "unchecked"]
    assert found.figures[1].answer is not None
    assert "edsr" in [name for hit in found.figures[1].answer.within_reach for name in hit.candidate.protocols]
    assert "part of a folder's name" in found.figures[2].reason


def test_names_of_a_claim_lead_nowhere(photos: Path, tmp_path: Path) -> None:
    path = write(
        tmp_path / "claim.json",
        figure("30.00", method=f"torchscript:{tmp_path}/x.pt"),
        figure("30.00", method="bicubic:x.toml"),
        figure("30.00", dataset=str(photos)),
        figure("30.00", dataset="hf:org/name"),
        figure("30.00", protocol=f"{tmp_path}/p.toml"),
        figure("30.00", metric="os:abort"),
    )
    found = check(path, photos)
    assert {one.status for one in found.figures} == {"unchecked"}
    assert all(one.reason for one in found.figures)


ROWS = Rows(("bicubic", "a,b"), ("set5",), (2, 4), ("psnr", "ssim"), "vdsr")


@pytest.mark.parametrize("suffix", [".toml", ".csv"])
def test_a_file_to_fill_in(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"claim{suffix}"
    path.write_text(template(suffix, ROWS, 'A "paper"', "https://example.org"))
    claim = read_claim(path)
    assert len(claim.figures) == 8
    assert {one.value for one in claim.figures} == {""}
    assert claim.figures[-1].method == "a,b"
    assert suffix == ".csv" or claim.title == 'A "paper"'


BROKEN = {
    "claim.toml": b"x = ",
    "claim.json": b"[]",
    "nan.json": b'{"figures": [{"method": "a", "dataset": "b", "scale": 2, "value": NaN}]}',
    "digits.toml": b'[[figures]]\nmethod = "a"\ndataset = "b"\nscale = 2\nvalue = 33.60\n',
    "word.toml": b'[[figures]]\nmethod = "a"\ndataset = "b"\nscale = 2\nvalue = "high"\n',
    "endless.json": b'{"figures": [{"method": "a", "dataset": "b", "scale": 2, "value": "1e999"}]}',
    "scale.csv": b"method,dataset,scale,value\na,b,0,33.60\n",
    "short.csv": b"method,dataset,scale,value\na,b\n",
    "column.csv": b"method,dataset,scale,valeu\na,b,2,1.0\n",
    "empty.csv": b"",
    "binary.csv": b"\xff\xfe\0",
    "nested.json": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_claim(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BROKEN[name])
    with pytest.raises((DataError, UsageError)) as raised:
        read_claim(tmp_path / name)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 500


def test_hostile_names_are_text(tmp_path: Path, photos: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[2J"
    path = write(tmp_path / "claim.json", figure("30.00", method=hostile, source=hostile, metric=hostile))
    found = check(path, photos)
    page = claim_page(found)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3


def test_the_command(cli: Cli, tmp_path: Path, photos: Path) -> None:
    words = ["claim", "init", "claim.csv", "--methods", "bicubic", "--datasets", "photos", "--protocol", "vdsr"]
    assert cli(*words, "--metrics", "psnr").returncode == 0
    assert cli(*words).returncode == 2  # it is there
    path = tmp_path / "claim.csv"
    assert path.read_text().splitlines() == [",".join(COLUMNS), "bicubic,photos,2,vdsr,psnr,,"]
    path.write_text(path.read_text().replace("psnr,,", f"psnr,{values(photos)['psnr']:.2f},"))
    found = cli("verify", "claim.csv", "--datasets", "photos", "--page", "claim.html")
    assert found.returncode == 0, found.stderr
    assert "1 confirmed to the printed digit" in found.stdout
    assert "1 confirmed to the printed digit" in (tmp_path / "claim.html").read_text()
    assert cli("verify", "claim.csv", "--datasets", "photos", "--json").returncode == 0
    assert cli("verify", "claim.csv", "--depth", "whole").returncode == 2
    assert cli("verify", "missing.csv").returncode == 4
    assert cli("claim", "init", "claim.json").returncode == 2
