"""`srbench board`: a site of bundles and runs that opens without a server."""

from __future__ import annotations

import json
import re
import resource
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

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


def hostile_board(claims: Path, tmp_path: Path) -> Path:
    """A board of claims whose method has each of the hostile names."""
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
    return tmp_path / "site"


def test_hostile_names_are_text(claims: Path, tmp_path: Path) -> None:
    board = hostile_board(claims, tmp_path)
    for page in board.rglob("*.html"):
        found = Links(page)
        assert found.scripts == (0 if "claims" in page.parts else 2 if page.name == "compare.html" else 1)
        assert "img" not in found.tags
        assert not [link for link in found.links if re.match(r"(javascript|data):", link)]
    ElementTree.fromstring((board / "feed.xml").read_text("utf-8"))
    json.loads((board / "board.json").read_text("utf-8"))


@pytest.mark.long
def test_a_thousand_claims(claims: Path, tmp_path: Path, program: Cli) -> None:
    """In half a minute of a processor."""
    folder = tmp_path / "many"
    folder.mkdir()
    bundle_of(tmp_path / "made" / "runs" / members_run(claims), tmp_path / "bare.srb.zip", sr="none")
    for number in range(1000):
        change = edit("run.json", lambda run, number=number: run["environment"].update(number=str(number)))
        forge(tmp_path / "bare.srb.zip", folder / f"{number}.srb.zip", change, keys=False)
    before = processor_seconds()
    result = program("board", "many")
    assert result.returncode == 0, result.stderr
    assert processor_seconds() - before < 30
    assert len(list((tmp_path / "board" / "claims").iterdir())) == 1000


def processor_seconds() -> float:
    """Of the programs that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def members_run(claims: Path) -> str:
    name: str = json.loads(members_of(claims / "a.srb.zip")["run.json"])["id"]
    return name


VIEWS = [
    {"viewport": {"width": width, "height": 860}, "color_scheme": scheme}
    for width in (1440, 390)
    for scheme in ("light", "dark")
]
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("there is no chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens a file; nothing may go wrong in it, and nothing may be fetched."""
    contexts, troubles = [], []

    def open_file(path: Path, **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda r: None if r.url.startswith("file:") else troubles.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert not troubles


def one_of_each(board: Path) -> list[Path]:
    """A page of each kind."""
    return [board / "index.html", board / "compare.html", *(min((board / name).iterdir()) for name in KINDS)]


KINDS = ("places", "methods", "claims")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view['viewport']['width']}-{view['color_scheme']}")
def test_axe_finds_no_violation(claims: Path, cli: Cli, tmp_path: Path, opened: Open, view: dict[str, Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    cli("board", "claims", "claims/runs")
    pages = one_of_each(tmp_path / "board")
    page = opened(pages[0], bypass_csp=True, **view)
    for path in pages:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= view["viewport"]["width"], path.name
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], path.name


def test_tables_sort_and_filter(claims: Path, cli: Cli, tmp_path: Path, opened: Open) -> None:
    cli("board", "claims", "claims/runs")
    page = opened(next((tmp_path / "board" / "places").glob("photos-x2-*.html")))
    assert page.locator("tbody tr").count() == 2
    assert page.locator("td.best").count() == 3  # one of two in each column
    page.get_by_label("Filter").fill("sharp")
    assert page.locator("tbody tr:visible").count() == 1
    assert page.get_by_role("status").text_content() == "1 rows"
    page.get_by_label("Filter").fill("")
    button = page.get_by_role("button", name="PSNR")
    first = page.locator("tbody tr th").first
    button.click()
    rising = first.text_content()
    button.click()
    assert page.locator("th[aria-sort=descending]").count() == 1
    assert first.text_content() != rising


def test_two_methods_side_by_side(claims: Path, cli: Cli, tmp_path: Path, opened: Open) -> None:
    """From a method's page; the choice is in the address, so that a link to it lasts."""
    cli("board", "claims", "claims/runs")
    board = tmp_path / "board"
    rows = json.loads((board / "board.json").read_text())["rows"]
    values = {(row["method"], row["scale"]): row for row in rows if row["dataset"] == "photos" and row["claim"]}
    page = opened(next((board / "methods").glob("sharp-*.html")))
    page.get_by_role("link", name="Compare two methods").click()
    assert page.get_by_label("Method").evaluate("s => s.selectedOptions[0].textContent") == "sharp"
    page.get_by_label("and").select_option(label="bicubic")
    shown = page.locator("#rows tr")
    assert shown.count() == 6  # two scales by three metrics
    texts = [cell.strip() for cell in shown.first.locator("th, td").all_text_contents()]
    assert texts[0].startswith("photos x2vdsr ")
    sharp, bicubic = (values[method, 2]["values"]["psnr"] for method in ("sharp", "bicubic"))
    assert texts[1:] == [
        "psnr \N{UPWARDS ARROW}",
        f"{sharp:.2f}rescored",
        f"{bicubic:.2f}reproduced",
        f"{bicubic - sharp:+.2f}".replace("-", "\N{MINUS SIGN}"),
    ]
    best = shown.first.locator("td.best").text_content()
    assert best.startswith(f"{max(sharp, bicubic):.2f}")
    assert "of 6 values" in page.locator("#note").text_content()
    again = opened(Path(board / "compare.html"))
    again.goto(page.url)
    assert again.locator("#rows").inner_text() == page.locator("#rows").inner_text()
    again.goto(f"{(board / 'compare.html').as_uri()}#nobody&%3Cscript%3E")
    assert again.locator("#head-one").text_content()


def test_hostile_names_in_a_browser(claims: Path, tmp_path: Path, opened: Open) -> None:
    """Names are what is read on the pages, to the letter as far as HTML has it."""
    board = hostile_board(claims, tmp_path)
    for path in one_of_each(board):
        page = opened(path)
        assert page.evaluate("document.images.length + document.querySelectorAll('i, iframe').length") == 0
    compare = opened(board / "compare.html")
    options = compare.locator("#one option").evaluate_all("all => all.map(each => each.textContent)")
    assert len(options) == len(HOSTILE) + 1  # and bicubic
    assert {name for name in HOSTILE if "\0" not in name} <= set(options)
    for label in ("<script>alert(1)</script>", "{{ 7*7 }}"):
        compare.get_by_label("Method").select_option(label=label)
        assert compare.locator("#head-one").text_content() == label
