"""The documentation builds without a warning, fetches nothing, and its commands do what the pages say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import photograph, save
from forks import Forks
from typer.main import get_command

from srbench.cli.main import app
from srbench.data.catalog import manifest_names
from srbench.plugins.registry import Registry

pytestmark = pytest.mark.long

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
INSTALLS = ("pip install ", "python3 -m venv ")
"""How lines begin that were done when the tests started."""
OWN_TESTS = {"use-in-ci", "run-on-a-cluster", "run-on-a-ray-cluster"}
"""How-to pages that promise more than that their commands end well."""

NETWORK = '''
import torch
from torch import nn


class Net(nn.Module):
    """Bicubic, and a residual of two convolutions."""

    def __init__(self, scale, num_feat=16):
        super().__init__()
        self.up = nn.Upsample(scale_factor=scale, mode="bicubic")
        self.head = nn.Conv2d(3, num_feat, 3, padding=1)
        self.tail = nn.Sequential(nn.Conv2d(num_feat, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x):
        return self.up(x) + 0.01 * self.tail(torch.relu(self.head(x)))
'''
"""What a reader with a trained network has."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as CI builds it."""
    if not all(map(find_spec, ("mkdocs", "material", "mkdocstrings_handlers"))):
        pytest.skip("the documentation is built where pip install '.[docs]' has brought mkdocs")
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "SRBENCH_CACHE": str(tmp_path_factory.mktemp("cache"))},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert result.returncode == 0, result.stderr
    return folder


class Page(HTMLParser):
    """What a page of the site loads, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.loaded.append(found.get("src") or "")
        if tag == "link" and found.get("rel") != "canonical":
            self.loaded.append(found.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_site_builds_strictly_and_fetches_nothing(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for path in pages:
        assert not [url for url in Page(path).loaded if url.startswith(("http:", "https:", "//"))], path.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", style.read_text("utf-8")), style.name


def test_a_report_can_be_opened_on_the_site(site: Path) -> None:
    """Of a run that was made for it, with its images, and small."""
    page = site / "example" / "report.html"
    assert 1_000_000 < page.stat().st_size < 4_500_000
    text = page.read_text("utf-8")
    document = json.loads(re.search(r'id="document">(.*?)</script>', text)[1])  # type: ignore[index]
    assert [method["short"] for method in document["methods"]] == ["bicubic", "dcci", "srcnn-y", "fsrcnn"]
    assert document["crops"] and document["speed"]
    assert "example/report.html" in (site / "index.html").read_text("utf-8")


def test_the_board_of_srbenchs_own_methods_is_part_of_the_site(site: Path) -> None:
    """Each value is one that was reproduced from the bundle that the repository keeps."""
    rows = json.loads((site / "board" / "board.json").read_text())["rows"]
    assert {"embedded", "set5"} <= {row["dataset"] for row in rows}
    assert {"bicubic", "dcci", "fsrcnn:standard", "srcnn-y:standard"} <= {row["method"] for row in rows}
    assert {row["depth"] for row in rows} == {"reproduced"}
    assert "board/index.html" in (site / "reference" / "published-tables.html").read_text("utf-8")


def test_the_kept_claim_is_reproduced() -> None:
    """On the images that come with srbench, by its code of today."""
    path = ROOT / "results" / "reference" / "board" / "embedded.srb.zip"
    words = [sys.executable, "-m", "srbench", "verify", str(path), "--depth", "reproduced"]
    found = subprocess.run(words, capture_output=True, text=True, timeout=1800)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "every figure was reproduced" in found.stdout


def test_the_reference_has_every_verb_option_method_and_data_set(site: Path) -> None:
    reference = Page(site / "reference" / "cli.html").text
    for command in _verbs(get_command(app)):
        assert command.params
        for parameter in command.params:
            is_option = parameter.param_type_name == "option"
            names = parameter.opts if is_option else [parameter.metavar or parameter.name.upper()]
            assert all(name in reference for name in names), parameter.name
    names = {"methods": Registry().method_names, "data-sets": list(manifest_names())}
    for page, expected in names.items():
        words = set(Page(site / "reference" / f"{page}.html").text.split())
        assert words.issuperset(expected)


def test_every_verb_says_what_it_can_end_with() -> None:
    """Its help does, and so does the reference, which is made of it."""
    silent = [verb.name for verb in _verbs(get_command(app)) if "Exit codes: 0" not in (verb.help or "")]
    assert not silent


def _verbs(group: Any) -> Iterator[Any]:
    for command in group.commands.values():
        yield from _verbs(command) if hasattr(command, "commands") else (command,)


def fences(page: Path) -> list[tuple[str, str, str]]:
    """(language, title, content) of each block of a page."""
    return [found.groups(default="") for found in FENCE.finditer(page.read_text("utf-8"))]  # type: ignore[misc]


def script(page: Path) -> str:
    """A page as one shell script: what has a title is saved, what is ``bash`` is run, in the page's order."""
    lines = ["set -euo pipefail"]
    for language, title, content in fences(page):
        if title:
            lines.append(f"cat > '{title}' <<'END OF FILE'\n{content}END OF FILE")
        elif language == "bash":
            lines += [line for line in content.splitlines() if not line.startswith(INSTALLS)]
    return "\n".join(lines)


def follow(text: str, folder: Path, *programs: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as the reader of a page would, srbench being installed, with a home of its own.

    Args:
        text: the script.
        folder: where.
        programs: folders of programs that come before others.
    """
    path = os.pathsep.join((*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]))
    fonts = str(Path.home() / ".cache" / "matplotlib")  # or each home costs seconds to look for fonts
    result = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env={"MPLCONFIGDIR": fonts, **os.environ, "PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture
def programs(forks: Forks | None) -> tuple[Path, ...]:
    """Where there is a ``srbench`` whose imports are done."""
    if forks is None:
        return ()
    forks.start()
    return (forks.folder,)


def figures(line: str) -> str:
    """A line of a table without the speeds, which are the machine's, and without its padding."""
    return " ".join(re.sub(r"(\.\d{4})\s+[\d.]+$", r"\1", line.strip()).split())


def test_the_tutorial_leads_to_the_table_that_it_shows(tmp_path: Path) -> None:
    """And only the new method is computed in the second run, and again after a change of its file, as it says."""
    page = DOCS / "tutorial.md"
    blocks = fences(page)
    (again,) = [content for language, _, content in blocks if language == "bash" and "--plugin" in content]
    change = "sed 's/0.3 /0.6 /' sharp_bicubic.py > changed && mv changed sharp_bicubic.py"
    result = follow("\n".join((script(page), change, again)), tmp_path)
    counts = re.findall(r"cells: (\d+) computed, (\d+) known", result.stderr)
    assert counts == [("3", "0"), ("1", "3"), ("1", "3")]

    printed = {figures(line) for line in result.stdout.splitlines()}
    shown = [figures(line) for kind, _, content in blocks if kind == "text" for line in content.splitlines()]
    assert any(line.startswith("sharp-bicubic 31.18 / .8924") for line in shown)
    assert [line for line in shown if line not in printed] == []


@pytest.mark.parametrize("name", sorted({path.stem for path in (DOCS / "how-to").glob("*.md")} - OWN_TESTS))
def test_how_to_pages_can_be_followed(name: str, programs: tuple[Path, ...], tmp_path: Path) -> None:
    """Each in a folder that has what the page takes for granted."""
    prepare(tmp_path)
    text = script(DOCS / "how-to" / f"{name}.md")
    assert re.search("^srbench ", text, re.MULTILINE)
    follow(text, tmp_path, *programs)


def prepare(tmp_path: Path) -> None:
    """The tutorial's method, photographs, pairs, SR images, and a trained network."""
    (tmp_path / "net.py").write_text(NETWORK)
    made: dict[str, Any] = {}
    exec(NETWORK, made)
    torch.save(made["Net"](2).state_dict(), tmp_path / "net_x2.pth")
    for _, title, content in fences(DOCS / "tutorial.md"):
        if title:
            (tmp_path / title).write_text(content)
    for index, image in enumerate(("first", "second")):
        picture = photograph(48, 60, index)
        save(tmp_path / "photos" / f"{image}.png", picture)
        save(tmp_path / "pairs" / "hr" / f"{image}.png", picture)
        save(tmp_path / "pairs" / "lr" / f"{image}.png", picture[::2, ::2].copy())
        save(tmp_path / "sr" / f"{image}_x2.png", picture[::2, ::2].repeat(2, 0).repeat(2, 1))


def test_a_trained_network_has_its_first_figure_by_ten_lines(programs: tuple[Path, ...], tmp_path: Path) -> None:
    """The first how-to: its first command gives a figure, and Python the same."""
    page = DOCS / "how-to" / "my-network.md"
    nav = (ROOT / "mkdocs.yml").read_text("utf-8").partition("- How to:")[2]
    assert re.findall(r"how-to/\S+", nav)[0] == "how-to/my-network.md"
    said = [line for line in page.read_text("utf-8").splitlines()[1:] if line and not line.startswith("```")]
    assert len(said) <= 10
    prepare(tmp_path)
    first, second = [content for language, _, content in fences(page) if language == "bash"]
    assert first.startswith("srbench run ")
    by_command = dict(re.findall(r"\] (\S+) embedded .*?: psnr ([\d.]+)", follow(first, tmp_path, *programs).stderr))
    printed = follow("\n".join((script(page), second)), tmp_path, *programs).stdout.rpartition("method ")[2]
    in_python = {
        name: f"{float(psnr):.4f}" for name, psnr in re.findall(r"^(\S+) +(\d\d\.\d+)$", printed, re.MULTILINE)
    }
    assert by_command["torch:net_x2"] == in_python["torch:Net"]
    assert by_command["bicubic"] == in_python["bicubic"]


def test_the_workflow_of_the_page_on_ci_passes_and_fails_as_it_should(
    programs: tuple[Path, ...], tmp_path: Path
) -> None:
    for _, title, content in fences(DOCS / "tutorial.md"):
        if title:
            (tmp_path / title).write_text(content)
    page = DOCS / "how-to" / "use-in-ci.md"
    (workflow,) = [content for language, _, content in fences(page) if language == "yaml"]
    steps = [line.partition("- run: ")[2] for line in workflow.splitlines() if "- run: " in line]
    steps = [step for step in steps if not step.startswith(INSTALLS)]
    assert [step.split()[1] for step in steps] == ["run", "check"]
    follow("\n".join((script(page), *steps)), tmp_path, *programs)
    assert (tmp_path / "check.xml").is_file()

    method = tmp_path / "sharp_bicubic.py"
    method.write_text(method.read_text().replace("0.3 ", "0.1 "))
    worse = follow("\n".join((steps[0], f"{steps[1]} && exit 9 || test $? = 1")), tmp_path, *programs)
    assert "sharp-bicubic" in worse.stdout


def test_many_jobs_make_one_table(programs: tuple[Path, ...], tmp_path: Path) -> None:
    """As the page on clusters says: the last command computes nothing."""
    told = follow(script(DOCS / "how-to" / "run-on-a-cluster.md"), tmp_path, *programs).stderr
    assert re.findall(r"cells: (\d+) computed", told) == ["1", "1", "0"]


def test_the_page_on_json_names_every_key(cli: Cli, tmp_path: Path, photos: Path) -> None:
    page = (DOCS / "reference" / "json.md").read_text("utf-8")
    (tmp_path / "broken.py").write_text(BROKEN)
    words = ("--methods", "bicubic,dcci,raises", "--plugin", "broken.py", "--datasets", str(photos), "--scales", "2")
    words = ("run", *words, "--metrics", "psnr,lpips-alex", "--json")
    run = json.loads(cli(*words).stdout)
    assert run["failed"]
    assert {"ok", "unavailable"} == {result["status"] for result in run["results"]}
    plan = json.loads(cli(*words, "--dry-run").stdout)
    compared = json.loads(cli("compare", "dcci", "bicubic", "--json").stdout)
    checked = json.loads(cli("check", "--reference", "embedded", "--json").stdout)
    cli("run", "--methods", "bicubic", "--datasets", str(photos), "--scales", "2", "--no-speed", "--no-report")
    cli("check", "--write", "base.csv")
    base = tmp_path / "base.csv"
    base.write_text(re.sub(r"(?m)^(bicubic,.*?,psnr,)[\d.]+", r"\g<1>1.5", base.read_text("utf-8")), "utf-8")
    updated = json.loads(cli("check", "--update", "--reference", "base.csv", "--json").stdout)
    verified = json.loads(cli("data", "verify", "embedded", "lpips-alex", "--json").stdout)
    tables = [run, plan, compared, checked, checked["verdicts"][0], plan["cells"][0]]
    tables += [updated, *updated["files"], updated["files"][0]["changed"][0]]
    tables += [verified, verified["verified"][0], verified["weights"][0]]
    tables += [*run["results"], *run["failed"], run["results"][0]["per_image"][0]]
    missing = {key for table in tables for key in table if f"`{key}`" not in page}
    assert not missing


BROKEN = """
from srbench.method import Method, MethodInfo

class Raises(Method):
    info = MethodInfo(name="raises", family="interpolation", channels="any", input="upsampled")

    def upscale(self, x, scale):
        raise RuntimeError("no luck today")
"""


def test_relative_links_lead_somewhere() -> None:
    """In the pages that are read on a forge and not only on the site, to files that are there or are made."""
    made = {DOCS / "reference" / f"{name}.md" for name in ("cli", "data-sets", "figures")}
    made |= {DOCS / "example" / "report.html", DOCS / "board" / "index.html"}
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            path = (page.parent / target).resolve()
            assert path.exists() or path in made, f"{page.relative_to(ROOT)} links to {target}"
