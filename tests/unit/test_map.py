"""The first pages: CONTRIBUTING's map names what exists, and the README is short and shows stored numbers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from srbench import errors
from srbench.analysis.references import load_references
from srbench.proof.badge import drawn_badge

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
TABLES = (ROOT / "docs" / "reference" / "published-tables.md").read_text("utf-8")
MAP = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## A map of the code\n")[2].partition("\n## ")[0]
PATHS = sorted(set(re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.toml)`", MAP)))


def test_the_map_has_a_file_for_each_step_and_a_place_for_each_kind_of_addition() -> None:
    rows = [line.split("|") for line in MAP.splitlines() if line.startswith("|")]
    places = {cells[1].strip(): cells for cells in rows}
    for name in ("command", "plan", "execute", "store", "report"):
        assert ".py`" in places[name][3]
    for name in ("method", "metric", "protocol", "data set", "verb", "report format"):
        assert re.search("`[a-z]", places[name][2])
    assert len(MAP.splitlines()) < 45, "the map is longer than a screen"


def test_every_path_of_the_map_exists() -> None:
    assert PATHS
    for path in PATHS:
        found = ROOT / path
        assert found.is_dir() if path.endswith("/") else found.is_file(), path


def test_the_readme_is_short_and_has_two_commands() -> None:
    assert len(README.encode()) <= 9000
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert blocks[0].splitlines()[-1] == "pip install . && srbench run"
    assert blocks[1].splitlines() == ["pip install '.[test]' && pytest"]


def test_the_first_screen_has_a_badge_the_commands_and_the_picture() -> None:
    """And the badge has the number of published values that the checks hold bicubic to."""
    first = README.partition("<!-- embedded -->")[0]
    assert len(first.splitlines()) < 20
    assert first.index("badge.svg") < first.index("pip install . && srbench run") < first.index("crops-embedded.png")
    count = sum(row.use == "gate" and bool(row.shown_for) for row in load_references(["published"]))
    badge = (ROOT / "docs" / "images" / "badge.svg").read_text("utf-8")
    assert badge == drawn_badge("published values reproduced", str(count))
    assert f"published values reproduced: {count}]" in first


def test_every_picture_is_shown_and_small() -> None:
    pages = "".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    for path in (ROOT / "docs" / "images").iterdir():
        assert f"images/{path.name})" in pages, f"no page shows {path.name}"
        assert path.stat().st_size < 400_000, path.name
    assert all(len(words) > 20 for words in re.findall(r"!\[([^]]*)\]\(", pages)), "a picture is described"


def test_every_how_to_page_has_a_picture() -> None:
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        assert re.search(r"^!\[.*]\(\.\./images/", page.read_text("utf-8"), re.MULTILINE), page.name


def test_the_command_of_a_terminal_s_picture_stands_on_its_page() -> None:
    """The picture's title has it; several words of white space are one."""
    shown = re.compile(r"]\(\.\./images/([\w-]+\.svg)\)")
    found = 0
    for page in (ROOT / "docs" / "how-to").glob("*.md"):
        text = " ".join(page.read_text("utf-8").replace("\\\n", " ").split())
        for name in shown.findall(text):
            texts = ElementTree.parse(ROOT / "docs" / "images" / name).iter("{http://www.w3.org/2000/svg}text")
            command = (next(texts).text or "").replace("\N{NO-BREAK SPACE}", " ")
            if command.startswith("srbench "):
                found += 1
                assert command in text, page.name
    assert found > 6


@pytest.mark.parametrize(("text", "rows"), [(README, 5), (TABLES, 16)], ids=["README", "published-tables"])
def test_the_table_of_embedded_has_the_stored_numbers(text: str, rows: int) -> None:
    stored = {(row.method, row.scale, row.metric): row.value for row in load_references() if row.dataset == "embedded"}
    table = text.partition("<!-- embedded -->")[2].partition("<!-- /embedded -->")[0]
    lines = re.findall(r"^\| ([\w:-]+) \| (.* / .*) \|$", table, re.MULTILINE)
    assert len(lines) == rows
    for name, cells in lines:
        shown = [re.sub(r"[*]|</?ins>", "", cell).split(" / ") for cell in cells.split(" | ")]
        for scale, (psnr, ssim) in zip((2, 3, 4), shown, strict=True):
            assert psnr == f"{stored[name, scale, 'psnr']:.2f}"
            assert ssim == f"{stored[name, scale, 'ssim']:.4f}".lstrip("0")


def test_the_page_of_exit_codes_has_every_code() -> None:
    page = (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == codes
