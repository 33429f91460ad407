"""`srbench bundle` here and `srbench verify` elsewhere: another folder, another cache, other methods."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import SHARP, edit, forge, make_run
from conftest import Cli

FACTS = ("--datasets", "hr")


@pytest.fixture
def elsewhere(tmp_path: Path, cli: Cli) -> Path:
    """A folder with a bundle, made in another, and the HR images; the plugin is not there."""
    make_run(tmp_path / "made")
    names = ["--out", "made/runs", "--datasets", "made/photos", "--plugin", "made/sharp.py"]
    result = cli("bundle", "claim.srb.zip", *names)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("srb:")
    (tmp_path / "made" / "photos").rename(tmp_path / "hr")
    (tmp_path / "made" / "sharp.py").rename(tmp_path / "mine.py")
    return tmp_path


def test_to_the_depth_that_the_verifier_can_reach(elsewhere: Path, cli: Cli) -> None:
    """Methods of the bundle's own are not run, and it is said what would be: until somebody says that they may."""
    found = cli("verify", "claim.srb.zip", *FACTS)
    assert found.returncode == 0, found.stderr
    assert "verified, every SR image scores as claimed, bit for bit" in found.stdout
    assert "(b) rescored: 4 of 4 cells, 24 figures of 8 images equal bit for bit." in found.stdout
    assert "(c) reproduced: 2 of 4 cells" in found.stdout
    assert "sharp: methods/01/sharp.py" in found.stdout
    assert "which was not run (--run-code runs it, with your rights)" in found.stdout

    found = cli("verify", "claim.srb.zip", *FACTS, "--depth", "reproduced")
    assert found.returncode == 4

    found = cli("verify", "claim.srb.zip", *FACTS, "--depth", "reproduced", "--run-code")
    assert found.returncode == 0, found.stdout
    assert "verified, every figure was reproduced, bit for bit" in found.stdout
    assert "Code of the bundle that was run:" in found.stdout

    found = cli("verify", "claim.srb.zip", *FACTS, "--depth", "reproduced", "--plugin", "mine.py")
    assert found.returncode == 0
    assert "--run-code" not in found.stdout


def test_another_version_of_a_method(elsewhere: Path, cli: Cli) -> None:
    (elsewhere / "mine.py").write_text(SHARP.replace('"bicubic"', '"bilinear"'))
    found = cli("verify", "claim.srb.zip", *FACTS, "--plugin", "mine.py", "--json")
    assert found.returncode == 1
    document = json.loads(found.stdout)
    assert document["depth"] is None
    refuted = [cell["method"] for cell in document["cells"] if cell["depth"] is None]
    assert refuted == ["sharp", "sharp"]
    assert any("another version" in note for note in document["notes"])


def test_without_the_images(elsewhere: Path, cli: Cli) -> None:
    found = cli("verify", "claim.srb.zip")
    assert found.returncode == 0
    assert "verified, whole, and not recomputed" in found.stdout
    assert "the images of 'photos' are not here: name their folder by --datasets" in found.stdout
    assert cli("verify", "claim.srb.zip", "--depth", "rescored").returncode == 4
    assert cli("verify", "claim.srb.zip", "--depth", "whole").returncode == 0


def test_the_page_on_json_names_every_key(elsewhere: Path, cli: Cli) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/json.md").read_text("utf-8")
    found = json.loads(cli("verify", "claim.srb.zip", *FACTS, "--json").stdout)
    tables = [found, found["cells"][0], found["cells"][0]["rescored"]]
    missing = {key for table in tables for key in table if f"`{key}`" not in page}
    assert not missing


def test_images_of_a_folder(elsewhere: Path, cli: Cli) -> None:
    """SR images that are published beside a bundle that has none."""
    import srbench

    run = srbench.run("nearest", datasets=str(elsewhere / "hr"), scales=2, protocol="edsr", out=elsewhere / "runs2")
    (elsewhere / "sr").mkdir()
    cell = run.loaded.cells[0]
    for image in cell.images:
        path = run.loaded.folder.sr_path(cell.key, image.name)
        (elsewhere / "sr" / path.name).write_bytes(path.read_bytes())
    assert cli("bundle", str(run.folder), "bare.srb.zip", "--sr", "none", *FACTS).returncode == 0
    words = ["verify", "bare.srb.zip", *FACTS, "--depth", "rescored"]
    assert cli(*words).returncode == 4
    assert cli(*words, "--images", "sr").returncode == 0
    (elsewhere / "sr").rename(elsewhere / "nearest-x2")
    assert cli(*words, "--images", "{method}-x{scale}").returncode == 0


def test_the_names_of_claims(elsewhere: Path, cli: Cli) -> None:
    name = json.loads(cli("verify", "claim.srb.zip", "--depth", "whole", "--json").stdout)["claim"]
    assert cli("verify", "claim.srb.zip", "--depth", "whole", "--name", name).returncode == 0
    other = cli("verify", "claim.srb.zip", "--depth", "whole", "--name", "srb:0123456789abcdef")
    assert other.returncode == 4
    assert name in other.stderr
    assert cli("verify", "claim.srb.zip", "--depth", "whole", "--name", "srb:").returncode == 4


def test_a_refuted_claim(elsewhere: Path, cli: Cli) -> None:
    def better(cell: dict[str, dict[str, float]]) -> None:
        cell["values"]["ssim"] += 0.01

    forge(elsewhere / "claim.srb.zip", elsewhere / "forged.srb.zip", edit("cells/", better))
    found = cli("verify", "forged.srb.zip", *FACTS, "--page", "page.html")
    assert found.returncode == 1
    assert found.stdout.startswith("srb:")
    assert "REFUTED" in found.stdout.splitlines()[0]
    assert "its images' figures give" in found.stdout
    assert "It contradicts itself" in (elsewhere / "page.html").read_text()


def test_what_is_no_bundle(elsewhere: Path, cli: Cli) -> None:
    content = (elsewhere / "claim.srb.zip").read_bytes()
    for name, data in (("cut", content[:-100]), ("text", b"hello"), ("empty", b"")):
        (elsewhere / name).write_bytes(data)
        found = cli("verify", name)
        assert found.returncode == 4
        assert found.stdout == ""
        assert len(found.stderr.splitlines()) == 1


def test_wrong_usage(elsewhere: Path, cli: Cli) -> None:
    for words in (
        ["verify", "claim.srb.zip", "--depth", "deep"],
        ["bundle", "claim.zip"],
        ["bundle", "claim.srb.zip"],
        ["bundle", "a", "b", "c.srb.zip"],
        ["bundle", "new.srb.zip", "--sr", "some"],
        ["bundle", "no-such-run", "new.srb.zip"],
    ):
        assert cli(*words).returncode == 2, words


HOSTILE = "<script>alert(1)</script>\x1b[2J${{x}}' onload='x"


def test_hostile_names_are_text(elsewhere: Path, cli: Cli) -> None:
    def rename(members: dict[str, bytes]) -> None:
        text = json.dumps(HOSTILE, ensure_ascii=False).encode()
        for name in members:
            if name.endswith(".json"):
                data = members[name].replace(b'"sharp"', text).replace(b'"image0"', text)
                members[name] = data.replace(b'"command":"', b'"command":' + text[:-1])

    def identity(manifest: dict[str, list[dict[str, object]]]) -> None:
        from srbench.system.hashes import digest

        for dataset in manifest["datasets"]:
            dataset["content_hash"] = digest([[i["name"], *i["identity"]] for i in dataset["images"]])  # type: ignore[attr-defined]

    def both(members: dict[str, bytes]) -> None:
        rename(members)
        edit("manifest", identity)(members)

    forge(elsewhere / "claim.srb.zip", elsewhere / "hostile.srb.zip", both)
    found = cli("verify", "hostile.srb.zip", *FACTS, "--page", "page.html")
    assert found.returncode == 1, found.stderr
    assert "\x1b" not in found.stdout + found.stderr
    page = (elsewhere / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_is_whole(elsewhere: Path, cli: Cli) -> None:
    found = cli("verify", "claim.srb.zip", *FACTS, "--page", "page.html", "--run-code")
    assert found.returncode == 0
    page = (elsewhere / "page.html").read_text()
    assert "default-src 'none'" in page
    assert "src=" not in page and 'href="http' not in page
    assert "every figure was reproduced" in page
    assert page.count("<tr>") == 5  # a head and four cells
    assert found.stdout.splitlines()[0] in page


@pytest.mark.long
def test_ray_and_local_have_the_same_results(tmp_path: Path, cli: Cli) -> None:
    """The digest of the results is of figures alone."""
    pytest.importorskip("ray")
    from bundles import bundle_of

    digests = set()
    for name, options in (("local", []), ("ray", ["--engine", "ray", "--jobs", "2"])):
        words = ["run", "--methods", "bicubic,fsrcnn", "--scales", "2", "--no-speed", "--no-report", "--out", name]
        result = cli(*words, *options)
        assert result.returncode == 0, result.stderr
        (run,) = (tmp_path / name).iterdir()
        digests.add(bundle_of(run, tmp_path / f"{name}.srb.zip").manifest.results)
    assert len(digests) == 1


@pytest.mark.long
def test_two_environments(tmp_path: Path) -> None:
    """A bundle of the shipped methods, made in one environment, is reproduced in another, which shares nothing."""
    home = {}
    for name in ("one", "other"):
        folder = tmp_path / name
        folder.mkdir()
        keep = {k: v for k, v in os.environ.items() if not k.startswith("SRBENCH_")}
        home[name] = (folder, {**keep, "SRBENCH_CACHE": str(folder / "cache"), "HOME": str(folder)})

    def run(where: str, *words: str) -> subprocess.CompletedProcess[str]:
        folder, environment = home[where]
        command = [sys.executable, "-m", "srbench", *words]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)

    made = run("one", "run", "--methods", "bicubic,fsrcnn,dcci", "--scales", "2,3", "--no-speed", "--no-report")
    assert made.returncode == 0, made.stderr
    assert run("one", "bundle", "x.srb.zip", "--with-weights").returncode == 0
    (tmp_path / "one" / "x.srb.zip").rename(tmp_path / "other" / "x.srb.zip")
    found = run("other", "verify", "x.srb.zip", "--depth", "reproduced")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "every figure was reproduced, bit for bit" in found.stdout
