"""`srbench board`: a site of bundles and runs that opens without a server."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bundles import bundle_of, edit, forge, make_run, members_of
from conftest import Cli
from runs import write_run

from srbench.board.entries import collect
from srbench.board.site import site
from srbench.system.hashes import canonical_json

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>x</script>",
    "{{ 7*7 }}",
    "{% include 'x' %}",
    "javascript:alert(1)",
    "../../etc/passwd",
    "\x1b[2J",
    "a\nb",
    "&lt;b&gt;",
    "]]>",
    "<!--",
    "\u202eevil",
    "x" * 3000,
    "é中",
    "=1+1",
    "'; DROP TABLE x",
    "NaN",
    "\0",
]


@pytest.fixture
def claims(tmp_path: Path, cli: Cli) -> Path:
    """A folder with a bundle that was verified, a refuted one, one that is none, and a run."""
    run, plugin = make_run(tmp_path / "made")
    folder = tmp_path / "claims"
    folder.mkdir()
    bundle_of(run, folder / "a.srb.zip", plugins=[plugin])
    found = cli("verify", "claims/a.srb.zip", "--datasets", "made/photos", "--json")
    assert found.returncode == 0
    (folder / "a.srb.zip.json").write_text(found.stdout)
    forge(folder / "a.srb.zip", folder / "b.srb.zip", edit("cells/", lambda cell: cell["values"].update(psnr=99.0)))
    (folder / "c.srb.zip").write_bytes(b"hello")
    write_run(folder / "runs" / "old", pictures=0)
    return folder


class Links(HTMLParser):
    """The links of a page, and its scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.scripts = 0
        self.tags: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.scripts += tag == "script"
        self.links += [value or "" for name, value in attributes if name in ("href", "src")]
        assert not [name for name, _ in attributes if name.startswith("on")]


def test_a_board(claims: Path, cli: Cli, tmp_path: Path) -> None:
    result = cli("board", "claims", "claims/runs")
    assert result.returncode == 4  # one bundle is none
    assert "c.srb.zip is refused" in result.stderr
    board = tmp_path / "board"
    document = json.loads((board / "board.json").read_text())
    assert sorted(str(claim["depth"]) for claim in document["claims"]) == ["None", "rescored"]
    depths = {(row["method"], row["depth"]) for row in document["rows"]}
    assert {("bicubic", "reproduced"), ("sharp", "rescored"), ("bicubic", "run")} <= depths
    assert not [row for row in document["rows"] if row["values"].get("psnr") == 99.0]
    pages = sorted(board.rglob("*.html"))
    for page in pages:
        for link in Links(page).links:
            target = (page.parent / link.partition("#")[0]).resolve() if link.partition("#")[0] else page
            assert target.is_file(), f"{page}: {link}"
            assert target.is_relative_to(board.resolve())
    feed = ElementTree.fromstring((board / "feed.xml").read_text())
    assert len(feed.findall(".//item")) == 2
    published = [page for page in pages if "Published values" in page.read_text()]
    assert published
    assert all("nobody has verified them here" in page.read_text() for page in published)
    assert cli("board", "claims").returncode == 2  # it is there
    assert cli("board", "claims", "--overwrite").returncode == 4
    (board / "mine.txt").write_text("")
    assert cli("board", "claims", "--overwrite").returncode == 2
    assert cli("board", "made/photos", "--out", "other").returncode == 2
    assert cli("board", "missing", "--out", "other").returncode == 4


def test_links_last(claims: Path, tmp_path: Path) -> None:
    """Pages are called by content: the same wherever and however often a board is made."""
    first = [name for name, _ in site(collect([claims]), [], "x")]
    (claims / "b.srb.zip").unlink()
    second = [name for name, _ in site(collect([claims]), [], "y", "https://example.org")]
    assert set(second) < set(first)
    assert len(first) == len(set(first)) == len(second) + 1


def test_a_verdict_of_another_bundle_marks_nothing(claims: Path) -> None:
    document = claims / "a.srb.zip.json"
    plain = json.loads(document.read_text())
    document.write_text(json.dumps(plain | {"sha256": "0" * 64}))
    assert {row.depth for row in collect([claims]).rows if row.claim} == {"whole"}
    for wrong in ("x", "[]", "{}", json.dumps(plain | {"cells": [1]})):
        document.write_text(wrong)
        assert any("no document of `srbench verify --json`" in sentence for sentence in collect([claims]).left_out)


def test_hostile_names_are_text(claims: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    for number, name in enumerate(HOSTILE):

        def rename(members: dict[str, bytes], name: str = name) -> None:
            text = canonical_json(name).encode()
            for member in members:
                if member.endswith(".json"):
                    members[member] = members[member].replace(b'"sharp"', text)

        forge(claims / "a.srb.zip", folder / f"{number}.srb.zip", rename)
    entries = collect([folder])
    assert len(entries.claims) == len(HOSTILE), entries.left_out
    assert not [claim for claim in entries.claims if claim.is_refuted]
    for name, content in site(entries, [], HOSTILE[0]):
        path = tmp_path / "site" / name
        assert path.resolve().is_relative_to((tmp_path / "site").resolve())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for page in (tmp_path / "site").rglob("*.html"):
        found = Links(page)
        assert found.scripts == ("claims" not in page.parts)
        assert "img" not in found.tags
        assert not [link for link in found.links if re.match(r"(javascript|data):", link)]
    ElementTree.fromstring((tmp_path / "site/feed.xml").read_text("utf-8"))
    json.loads((tmp_path / "site/board.json").read_text("utf-8"))


@pytest.mark.long
def test_a_thousand_claims(claims: Path, tmp_path: Path, cli: Cli) -> None:
    """In half a minute, on an idle core: 60 s here, beside other work."""
    folder = tmp_path / "many"
    folder.mkdir()
    bundle_of(tmp_path / "made" / "runs" / members_run(claims), tmp_path / "bare.srb.zip", sr="none")
    for number in range(1000):
        change = edit("run.json", lambda run, number=number: run["environment"].update(number=str(number)))
        forge(tmp_path / "bare.srb.zip", folder / f"{number}.srb.zip", change, keys=False)
    began = time.monotonic()
    result = cli("board", "many")
    assert result.returncode == 0, result.stderr
    assert time.monotonic() - began < 60
    assert len(list((tmp_path / "board" / "claims").iterdir())) == 1000


def members_run(claims: Path) -> str:
    name: str = json.loads(members_of(claims / "a.srb.zip")["run.json"])["id"]
    return name


def test_it_is_usable_in_a_browser(claims: Path, cli: Cli, tmp_path: Path) -> None:
    """Opened as a file: tables sort and filter, nothing is wider than a phone, in light and dark."""
    playwright = pytest.importorskip("playwright.sync_api")
    import shutil

    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("there is no chromium")
    cli("board", "claims", "claims/runs")
    place = next((tmp_path / "board" / "places").glob("photos-x2-*.html"))
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (1440, 390):
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                troubles: list[str] = []
                page.on("console", lambda message, kept=troubles: kept.append(message.text))
                page.on("pageerror", lambda error, kept=troubles: kept.append(str(error)))
                for path in (tmp_path / "board" / "index.html", place):
                    page.goto(path.as_uri())
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.locator("tbody tr").count() == 2
                page.get_by_label("Filter").fill("sharp")
                assert page.locator("tbody tr:visible").count() == 1
                page.get_by_label("Filter").fill("")
                button = page.get_by_role("button", name="PSNR")
                first = page.locator("tbody tr th").first
                button.click()
                rising = first.text_content()
                button.click()
                assert page.locator("th[aria-sort=descending]").count() == 1
                assert first.text_content() != rising
                assert not troubles
                page.close()
        browser.close()
