"""report.html in a real browser, from a file, without a network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import photograph, save
from runs import METRICS, compared, trained, write_run

from srbench.analysis.references import load_references
from srbench.bench.results import CurvePoint, MetricRecord
from srbench.bench.store import LoadedRun, read_run
from srbench.data.catalog import resolve
from srbench.report.html.page import html_page
from srbench.speed.record import RunSpeed, SpeedRow
from srbench.system.sealed import sealed

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the PATH"), pytest.mark.long]
MANY = {"bicubic": 0.0} | {f"m{number}": 0.1 * number for number in range(12)}
LACKING = MetricRecord(name="lpips", higher_is_better=False, unavailable="no weights")
X3 = "\N{MULTIPLICATION SIGN}3"
HOSTILE = "<script>alert(1)</script>"
HOSTILE_SET = """"quoted" & 'apos' <img src=x onerror=alert(2)>"""
HOSTILE_IMAGES = ("<i>\N{BUTTERFLY}\"'", "%{x}$a$&amp;\u2028", "plain", "%{text}<br>", "{{ 1 }}", "c")


@dataclass
class Opened:
    """A page in the browser, and what went wrong in it."""

    page: Any
    troubles: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """What is written in elements, in SVG too."""
        return [text.strip() for text in self.page.locator(selector).all_text_contents()]

    def switch(self, field_id: str, label: str) -> None:
        self.page.locator(f"#{field_id}").get_by_label(label, exact=True).check()

    def wait(self, expression: str) -> None:
        # not wait_for_function: it evaluates text inside the page, which the page's policy forbids
        deadline = time.monotonic() + 30
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, f"never came true: {expression}"
            self.page.wait_for_timeout(50)

    def settles(self, selector: str, wanted: Callable[[list[str]], bool]) -> bool:
        """Whether the texts of elements come to be as wanted: the library sorts a moment after the click."""
        deadline = time.monotonic() + 30
        while not wanted(self.texts(selector)) and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return wanted(self.texts(selector))

    def charts(self) -> None:
        """Bring both charts to life."""
        for name in ("speed", "differences"):
            self.page.locator(f"#{name}").scroll_into_view_if_needed()
            if self.page.locator(f"#{name}-plot").count():
                self.wait(f"document.querySelector('#{name}-plot .main-svg') !== null")

    def sorted_by_library(self) -> None:
        self.wait("document.querySelector('#table th[aria-sort], #table .dt-column-order') !== null")

    def painted(self, pane: str) -> str:
        """The pixels of a pane, to tell whether they changed."""
        self.page.wait_for_timeout(150)
        return str(self.page.evaluate(f"document.querySelector('#{pane} canvas').toDataURL()"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file; at the end nothing may have gone wrong in any page."""
    contexts, every = [], []

    def open_file(path: Path, before: str = "", **options: Any) -> Opened:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}} | options)
        contexts.append(context)
        result = Opened(context.new_page())
        every.append(result)
        page, troubles = result.page, result.troubles
        page.on("console", lambda m: troubles.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(f"GET {r.url}"),
        )
        page.add_init_script(before)
        page.goto(path.as_uri())
        return result

    yield open_file
    for context in contexts:
        context.close()
    assert [trouble for result in every for trouble in result.troubles] == []


def timed(run: LoadedRun) -> LoadedRun:
    """The run with speeds, the fastest first."""
    rows = [
        SpeedRow(method=method.name, scale=2, size="128", lr_height=128, lr_width=128, part="whole", mode="fp32",
                 batch=1, median_ms=2.0 * 3**place, lower_quartile_ms=1.9 * 3**place, upper_quartile_ms=2.2 * 3**place,
                 megapixels_per_s=300.0 / 3**place)
        for place, method in enumerate(run.record.methods)
    ]  # fmt: skip
    speed = RunSpeed(asked="cpu", device="cpu", size="128", scale=2, sources={}, rows=tuple(rows))
    (run.folder.path / "speed.json").write_text(sealed(speed), "utf-8")
    return read_run(run.folder.path)


def written(run: LoadedRun, baseline: str | None = None) -> Path:
    path = run.folder.path / "report.html"
    path.write_text(html_page(run, load_references(), compared(run), baseline), "utf-8")
    return path


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(timed(write_run(tmp_path_factory.mktemp("usual") / "run")))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    gains = {HOSTILE: 1.0, "bicubic": 0.0, "a&lt;b %{x} </script>": 2.0}
    run = write_run(
        tmp_path_factory.mktemp("hostile") / "run", gains=gains, images={HOSTILE_SET: HOSTILE_IMAGES}, scales=(2,),
        title="<b>bold</b>", failed=(),
    )  # fmt: skip
    return written(timed(run))


def test_the_table_shows_figures_the_best_and_published_ones(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    row = seen.page.locator("#table tbody tr", has=seen.page.get_by_role("rowheader", name="bicubic", exact=True))
    assert "33.66\n33.66 (.00)" in row.inner_text()
    assert "VDSR" in (row.locator("td").first.get_attribute("data-tip") or "")
    assert seen.texts("#table .best")[0] == "36.31"
    assert "5 images: no interval" in (row.locator("td").first.get_attribute("data-tip") or "")
    row.locator("td").first.hover()
    assert "no interval" in seen.page.locator("#tip").inner_text()
    assert not seen.page.get_by_label("95 % intervals").is_visible(), "there are none of so few images"


def test_intervals_of_many_images(opened: Callable[..., Opened], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", images={"many": tuple("abcdefghijkl")}, failed=())
    seen = opened(written(run))
    assert "95 % interval [" in (seen.page.locator("#table tbody td").first.get_attribute("data-tip") or "")
    assert not seen.page.get_by_label("published values").is_visible(), "there are none of a user's own images"
    seen.page.get_by_label("95 % intervals").check()
    assert seen.page.locator("#table .range").count() > 20


def test_sorting_by_mouse_and_by_keys(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.sorted_by_library()
    assert seen.texts("#table tbody th")[0] == "srcnn-y-955:t91-9-5-5"
    speed = seen.page.locator("#table th", has_text="MP/s")
    speed.click()
    assert seen.settles("#table tbody th", lambda names: names[0] == "nearest")
    speed.click()
    assert seen.settles("#table tbody th", lambda names: names[-1] == "nearest")
    name = seen.page.locator("#table thead th").first
    name.locator("[tabindex='0']").or_(name).last.focus()
    seen.page.keyboard.press("Enter")
    assert seen.settles("#table tbody th", lambda names: names == sorted(names))


def test_filter_and_method_switches(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.sorted_by_library()
    seen.page.get_by_label("Filter methods").fill("dcci")
    assert set(seen.texts("#table tbody th")) == {"dcci", "dcci-ibp"}
    seen.page.get_by_label("Filter methods").fill("learned")
    assert len(seen.texts("#table tbody th")) == 2
    seen.page.get_by_label("Filter methods").fill("")
    seen.page.locator("#chips").get_by_text("nearest", exact=True).click()
    assert "nearest" not in seen.texts("#table tbody th")
    assert "nearest" not in seen.texts("#matrix tbody th")


def test_data_set_scale_and_metric(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.switch("dataset", "set14")
    seen.switch("scale", X3)
    assert f"best PSNR on set14 {X3}" in seen.page.locator("#tiles").inner_text()
    assert "30.20 dB" in seen.page.locator("#tiles").inner_text().replace("\n", " ")
    assert "No images" not in seen.page.locator("#viewer-place").inner_text()
    row = seen.page.locator("#table tbody tr", has=seen.page.get_by_role("rowheader", name="dcci", exact=True))
    assert "—1" in row.inner_text().replace("\n", "")
    assert "failed: dcci returned NaN." in seen.page.locator("#table-notes").inner_text()
    seen.switch("metric", "MSE ↓")
    assert "MSE" in seen.page.locator("#table thead").inner_text()
    assert "best MSE" in seen.page.locator("#tiles").inner_text()
    assert "No two methods were compared" in seen.page.locator("#matrix-note").inner_text()


def test_switches_and_slider_work_by_keys(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.page.locator("#scale input").first.focus()
    seen.page.keyboard.press("ArrowRight")
    assert X3 in seen.page.locator("#viewer-place").inner_text()
    seen.page.locator("#divider").focus()
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.locator("#divider").get_attribute("aria-valuenow") == "52"
    seen.page.keyboard.press("Home")
    assert seen.page.locator("#divider").get_attribute("aria-valuenow") == "0"
    outline = seen.page.evaluate("getComputedStyle(document.querySelector('#divider span')).outlineStyle")
    assert outline == "solid", "where the focus is must be seen"


def test_the_slider_uncovers_the_other_method(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.wait("document.querySelector('#film canvas')?.width > 60")
    before = seen.painted("compare")
    box = seen.page.locator("#compare").bounding_box()
    assert box is not None
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40, steps=4)
    seen.page.mouse.up()
    assert seen.page.locator("#divider").get_attribute("aria-valuenow") == "90"
    assert seen.painted("compare") != before


def test_methods_images_and_zoom_of_the_viewer(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.wait("document.querySelector('#film canvas')?.width > 60")
    assert seen.page.locator("#left").evaluate("s => s.selectedOptions[0].text") == "bicubic"
    assert seen.page.locator("#right").evaluate("s => s.selectedOptions[0].text") == "srcnn-y-955:t91-9-5-5"
    seen.page.locator("#left").select_option(label="nearest")
    assert "28.26 dB" in seen.page.locator("#left-value").inner_text()
    seen.page.locator("#film button", has_text="lanczos").click()
    assert seen.page.locator("#right").evaluate("s => s.selectedOptions[0].text") == "lanczos"
    seen.page.locator("#film button", has_text="dcci-ibp").click(modifiers=["Shift"])
    assert seen.page.locator("#left").evaluate("s => s.selectedOptions[0].text") == "dcci-ibp"
    seen.page.locator("#film button", has_text="bilinear").focus()
    seen.page.keyboard.press("Shift+Enter")
    assert seen.page.locator("#left").evaluate("s => s.selectedOptions[0].text") == "bilinear"
    both = [seen.painted("compare"), seen.painted("truth")]
    seen.page.locator("#zoom-in").click()
    assert seen.page.locator("#zoom-level").inner_text() == "1.5\N{MULTIPLICATION SIGN}"
    zoomed = [seen.painted("compare"), seen.painted("truth")]
    assert both[0] != zoomed[0]
    assert both[1] != zoomed[1]
    seen.page.locator("#truth").focus()
    seen.page.keyboard.press("ArrowRight")
    assert [seen.painted("compare"), seen.painted("truth")] != zoomed
    place = seen.page.locator("#viewer-place").inner_text()
    seen.page.locator("#thumbs input").last.check()
    assert seen.page.locator("#viewer-place").inner_text() != place
    assert all(seen.page.locator("#thumbs img").evaluate_all("images => images.map(image => image.alt)"))


def test_maps_of_errors(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.wait("document.querySelector('#film canvas')?.width > 60")
    picture, original = seen.painted("compare"), seen.painted("truth")
    seen.switch("mode", "error")
    seen.wait("document.querySelector('#legend').innerText.includes('of 255')")
    errors = seen.painted("compare")
    assert errors != picture
    assert seen.painted("truth") == original
    seen.switch("mode", "who is nearer")
    seen.wait("document.querySelector('#legend').innerText.includes('nearer')")
    assert seen.painted("compare") not in (errors, picture)


def test_error_maps_are_of_the_pixels_of_the_run(opened: Callable[..., Opened], usual: Path) -> None:
    """The mean of the map that the browser computes is that of the kept files."""
    import numpy as np

    from srbench.imaging.files import read_image

    seen = opened(usual)
    run = read_run(usual.parent)
    document = json.loads(seen.page.evaluate("document.querySelector('#document').textContent"))
    crop = next(crop for crop in document["crops"] if crop["dataset"] == 0)
    top, left, high, wide = crop["window"]
    labels = [method["label"] for method in document["methods"]]
    cell = next(c for c in run.cells if (c.id.method_label, c.id.dataset, c.id.scale) == ("nearest", "set5", 4))
    hr = run.folder.hr_path(run.record.datasets[0].content_hash, 4, crop["image"])
    sr, hr = (read_image(p)[top : top + high, left : left + wide].astype(float) for p in
              (run.folder.sr_path(cell.key, crop["image"]), hr))  # fmt: skip
    numbers = [crop["scales"]["4"]["sr"][str(labels.index("nearest"))], crop["scales"]["4"]["hr"]]
    measured = seen.page.evaluate(
        """async (numbers) => {
          const sources = JSON.parse(document.querySelector('#images-data').textContent);
          const [a, b] = await Promise.all(numbers.map(async (number) => {
            const image = new Image(); image.src = 'data:image/webp;base64,' + sources[number]; await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const context = canvas.getContext('2d'); context.drawImage(image, 0, 0);
            return context.getImageData(0, 0, canvas.width, canvas.height).data;
          }));
          let sum = 0;
          for (let i = 0; i < a.length; i++) if (i % 4 < 3) sum += Math.abs(a[i] - b[i]);
          return sum;
        }""",
        numbers,
    )
    assert measured == np.abs(sr - hr).sum()


def test_charts_and_the_baseline(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.charts()
    assert "nearest, bilinear" in (seen.page.locator("#speed-plot").get_attribute("aria-label") or "")
    labels = " ".join(seen.texts("#differences-plot .ytick text"))
    assert "nearest" in labels
    assert "bicubic" not in labels
    seen.page.locator("#baseline").select_option(label="nearest")
    seen.wait("document.querySelector('#differences-plot .xtitle').textContent.includes('nearest')")
    assert "better than nearest" in seen.page.locator("#differences-note").inner_text()
    assert "over nearest" in seen.page.locator("#tiles").inner_text()
    seen.page.get_by_text("The same as a table").click()
    seen.wait("document.querySelectorAll('#images tbody tr').length === 5")
    row = seen.page.locator("#images tbody tr", has_text="baby").inner_text().split()
    assert row[:3] == ["baby", "28.26", "+5.05"]
    seen.page.locator("#images").get_by_role("button", name="bird").click()
    assert seen.page.locator("#viewer-place").inner_text().startswith("bird")
    seen.page.get_by_label("Filter images").fill("but")
    seen.wait("document.querySelectorAll('#images tbody tr').length === 1")


def test_the_matrix_by_keys(opened: Callable[..., Opened], usual: Path) -> None:
    seen = opened(usual)
    seen.switch("dataset", "set14")
    assert "Wilcoxon" in seen.page.locator("#matrix-note").inner_text() or "too few" in (
        seen.page.locator("#matrix-note").inner_text()
    )
    seen.page.locator("#matrix button[aria-current]").focus()
    first = seen.page.locator("#matrix-detail").inner_text()
    assert re.search(r"minus .*: [^ ]?[\d.]+ dB, of an image from .*Better on \d of 6 images", first)
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.locator("#matrix-detail").inner_text() != first
    assert seen.page.locator("#matrix button[tabindex='0']").count() == 1


def test_a_browser_that_cannot_unpack_the_libraries_shows_the_tables(
    opened: Callable[..., Opened], usual: Path
) -> None:
    seen = opened(usual, before="delete globalThis.DecompressionStream")
    assert seen.texts("#table tbody th")[0] == "srcnn-y-955:t91-9-5-5"
    assert seen.page.locator("#matrix tbody tr").count() == 8
    seen.page.locator("#speed").scroll_into_view_if_needed()
    seen.wait("document.querySelector('#speed-plot').innerText.includes('too old')")


def test_dark_and_light(opened: Callable[..., Opened], usual: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    dark = opened(usual, color_scheme="dark")
    assert dark.page.evaluate(background) == "rgb(18, 20, 23)"
    light = opened(usual)
    assert light.page.evaluate(background) == "rgb(252, 251, 249)"
    light.page.locator("#theme").click()
    assert light.page.evaluate(background) == "rgb(252, 251, 249)"
    light.page.locator("#theme").click()
    assert light.page.evaluate(background) == "rgb(18, 20, 23)"


@pytest.mark.parametrize("which", ["usual", "hostile"])
def test_a_phone(opened: Callable[..., Opened], which: str, request: pytest.FixtureRequest) -> None:
    seen = opened(request.getfixturevalue(which), viewport={"width": 390, "height": 844}, has_touch=True)
    seen.charts()
    seen.page.get_by_text("The same as a table").click()
    seen.page.wait_for_timeout(400)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_published_values_are_offered_where_there_are_some(opened: Callable[..., Opened], tmp_path: Path) -> None:
    """The tile and the switch are those of the data set at hand."""
    images = {"mine": ("a", "b"), "set5": ("baby", "bird")}
    seen = opened(written(write_run(tmp_path / "run", images=images, scales=(2,), failed=())))
    assert "published" not in seen.page.locator("#tiles").inner_text()
    assert not seen.page.get_by_label("published values").is_visible()
    seen.switch("dataset", "set5")
    assert "published PSNR reached on set5" in seen.page.locator("#tiles").inner_text()
    assert seen.page.get_by_label("published values").is_visible()


def test_names_are_short_and_stay_whole_on_a_phone(opened: Callable[..., Opened], tmp_path: Path) -> None:
    """No name has a recipe that is the only one, none lies over a value, and none is broken inside a word."""
    gains = {"bicubic": 0.0, "srcnn-y-955:standard": 2.0, "autoencoder:standard": 1.0, "my-network:a_long_recipe": 1.5,
             "my-network:another_recipe": 1.6}  # fmt: skip
    run = write_run(tmp_path / "run", gains=gains, scales=(2,), failed=())
    seen = opened(written(run), viewport={"width": 390, "height": 844}, has_touch=True)
    seen.sorted_by_library()
    assert {"autoencoder", "srcnn-y-955", "my-network:a_long_recipe"} <= set(seen.texts("#table tbody th"))
    assert ":standard" not in seen.page.locator("main").inner_text().partition("To repeat it")[0]
    over = """[...document.querySelectorAll('#table tbody tr, #matrix tbody tr')].some(row => {
      const name = row.querySelector('.method > span:last-child').getBoundingClientRect();
      return name.right > row.querySelector('td').getBoundingClientRect().left + 1 && row.closest('#matrix') === null
    })"""
    assert not seen.page.evaluate(over)
    lines = "name => [...document.querySelectorAll('#table .method > span:last-child')]"
    lines += ".find(span => span.textContent === name).getClientRects().length"
    assert seen.page.evaluate(lines, "autoencoder") == 1


def test_papers_are_linked(opened: Callable[..., Opened], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2,), images={"set5": ("baby", "bird")}, failed=())
    papers = {"bicubic": "Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 1981"}
    methods = tuple(m.model_copy(update={"paper": papers.get(m.name, "no paper")}) for m in run.record.methods)
    citation = {"citation": resolve("set5").citation}
    datasets = tuple(d.model_copy(update=citation) for d in run.record.datasets)
    run.folder.write_record(run.record.model_copy(update={"methods": methods, "datasets": datasets}))
    seen = opened(written(read_run(run.folder.path)))
    links = seen.page.locator("#record a").evaluate_all("links => links.map(link => link.href)")
    assert set(links) == {"https://doi.org/10.1109/TASSP.1981.1163711", "https://doi.org/10.5244/C.26.135"}
    assert "BibTeX" in seen.texts("#files-of-table button")


def test_names_are_text_everywhere(opened: Callable[..., Opened], hostile: Path) -> None:
    seen = opened(hostile)
    seen.sorted_by_library()
    seen.charts()
    seen.page.get_by_text("The same as a table").click()
    seen.wait("document.querySelectorAll('#images tbody tr').length === 6")
    assert HOSTILE in seen.texts("#table tbody th")
    assert HOSTILE in seen.texts("#matrix tbody th")
    assert "a&lt;b %{x} </script>" in seen.texts("#film b")
    assert HOSTILE_SET in seen.texts("#dataset span")
    assert HOSTILE_SET in seen.page.locator("#record").inner_text()
    assert any("\N{BUTTERFLY}" in text for text in seen.texts("#images tbody th"))
    assert "<b>bold</b>" in seen.page.locator("h1").inner_text()
    names = seen.texts("#differences-plot .ytick text")
    assert any(name.startswith("<script>alert(1)") for name in names), names
    seen.page.locator("#differences-plot .scatterlayer .point").first.hover(force=True)
    seen.wait("document.querySelector('#differences-plot .hovertext') !== null")
    hover = seen.page.locator("#differences-plot .hovertext").first.text_content()
    assert any(name.split("\u2028")[0][:4] in hover for name in HOSTILE_IMAGES), hover
    assert seen.page.locator("img[src='x'], #table b, #matrix script").count() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pictures": 0}, "Image by image"),
        ({"gains": {"bicubic": 0.0}, "failed": ()}, "nothing to compare with bicubic"),
        ({"gains": {"bicubic": 0.0}, "failed": (("bicubic", "set5", 2), ("bicubic", "set14", 2))}, "returned NaN"),
        ({"seeds": (0, 1, 2)}, "±"),
        ({"metrics": (METRICS[0], LACKING)}, "is unavailable: no weights"),
        ({"figures": {("dcci-ibp", "set5", 2): (float("inf"), 1.0)}}, "∞"),
        ({"images": {"mine": ("one",)}, "failed": ()}, "1 image"),
        ({"gains": MANY, "failed": ()}, "m11 minus bicubic"),
        ({"images": {"mine": ("one", "two")}, "failed": ()}, "2 images"),
    ],
    ids=["no-pictures", "one-method", "no-results", "seeds", "unavailable", "infinite", "one", "many", "two"],
)  # fmt: skip
def test_every_kind_of_run(opened: Callable[..., Opened], tmp_path: Path, options: dict[str, Any], words: str) -> None:
    seen = opened(written(write_run(tmp_path / "run", scales=(2,), **options)))
    seen.charts()
    seen.page.wait_for_timeout(200)
    assert words in seen.page.locator("body").inner_text()
    assert "This run timed no method" in seen.page.locator("#speed").inner_text()
    for bad in ("undefined", "NaN", "[object"):
        text = seen.page.locator("main").inner_text().replace("returned NaN", "")
        assert bad not in text, re.search(f".{{0,60}}{re.escape(bad)}.{{0,40}}", text)


def test_an_unfinished_run(opened: Callable[..., Opened], tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", scales=(2,))
    lost = [cell for cell in run.cells if cell.id.method == "dcci-ibp"]
    for cell in lost:
        run.folder.cell_path(cell.key).unlink()
    run.folder.write_record(run.record.model_copy(update={"finished": None}))
    seen = opened(written(read_run(run.folder.path), "nearest"))
    assert "not finished" in seen.page.locator(".masthead").inner_text()
    assert "not run yet" in seen.page.locator("#table-notes").inner_text()
    assert seen.page.locator("#baseline").evaluate("s => s.selectedOptions[0].text") == "nearest"


def test_a_set_without_hr_shows_lr(
    opened: Callable[..., Opened], cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """LR stands where HR would, errors are not offered, and values of metrics that need HR are told to be lacking."""
    for name in ("a", "b"):
        save(tmp_path / "photos" / f"{name}.png", photograph(64, 112, ord(name)))
        save(tmp_path / "hr" / f"{name}.png", photograph(128, 224, ord(name)))
    datasets = "lr=photos,both=hr=hr,lr=photos"
    ended = cli("run", "--methods", "bicubic,nearest", "--datasets", datasets, "--scales", "2", "--protocol", "paired")
    assert ended.returncode == 0, ended.stderr
    (path,) = (tmp_path / "results" / "runs").glob("*/report/report.html")
    shown = opened(path)
    page = shown.page
    assert page.locator("#original").inner_text().startswith("LR")
    assert not page.locator("#mode").is_visible()
    assert shown.texts("#table thead .groups th")[1].startswith("NIQE")
    assert any("psnr compares SR with HR" in text for text in shown.texts("#table-notes p"))
    assert shown.painted("truth") != shown.painted("compare")
    shown.switch("dataset", "both")
    assert page.locator("#original").inner_text().startswith("HR")
    assert page.locator("#mode").is_visible()
    shown.switch("metric", "SSIM ↑")
    shown.switch("dataset", "photos")
    assert page.locator("#metric input:checked").evaluate("input => input.nextSibling.textContent").startswith("NIQE")


def test_its_state_is_in_the_address(opened: Callable[..., Opened], usual: Path) -> None:
    result = opened(usual)
    result.switch("scale", X3)
    assert result.page.evaluate("location.hash") == "#set5/x3/psnr"
    result.page.evaluate("location.hash = '#set14/x2/ssim'")
    result.wait("document.querySelector('#dataset input:checked').value === '1'")
    result.wait("document.querySelector('#metric input:checked').value === '1'")


def test_on_paper_charts_have_the_width_of_the_page(opened: Callable[..., Opened], usual: Path) -> None:
    result = opened(usual)
    result.charts()
    result.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    result.wait("document.querySelector('#differences-plot .main-svg').clientWidth === 680")
    assert result.page.locator("details:not([open])").count() == 0, "nothing is folded away"
    assert result.page.locator("#images tbody tr").count() == 5
    result.page.evaluate("dispatchEvent(new Event('afterprint'))")
    result.page.emulate_media(media="print")
    assert not result.page.locator("#bar").is_visible()
    assert not result.page.locator("#legend .hint").is_visible()
    assert result.page.locator("details[open]").count() == 0
    assert len(result.page.pdf(format="A4")) > 50_000


def test_on_paper_nothing_is_wider_than_a_page(opened: Callable[..., Opened], tmp_path: Path) -> None:
    """Browsers shrink all of it otherwise: sixteen methods made the text 60 % as large."""
    gains = {"bicubic": 0.0} | {f"a-method-{number}": 0.1 * number for number in range(15)}
    result = opened(
        written(write_run(tmp_path / "run", gains=gains, failed=())), viewport={"width": 718, "height": 900}
    )
    result.charts()
    result.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    result.wait("document.querySelector('#images table.dataTable') !== null")
    result.page.emulate_media(media="print")
    assert result.page.evaluate("document.documentElement.scrollWidth") <= 718


@pytest.mark.parametrize("width", [390, 1280])
def test_the_legend_of_trainings_is_above_their_chart(
    opened: Callable[..., Opened], tmp_path: Path, width: int
) -> None:
    points = tuple(CurvePoint(step=1000 * k, validation_psnr=28 + k / 10, train_psnr=28) for k in range(1, 9))
    run = write_run(tmp_path / "run")
    result = opened(written(trained(run, points)), viewport={"width": width, "height": 900})
    result.page.locator("#training").scroll_into_view_if_needed()
    result.wait("document.querySelector('#training-plot .legend') !== null")
    box = "document.querySelector('#training-plot {}').getBoundingClientRect()"
    legend, chart = (result.page.evaluate(box.format(part)) for part in (".legend", ".gridlayer"))
    assert legend["bottom"] <= chart["top"]
    assert legend["left"] >= 0 and legend["right"] <= width


def test_a_line_to_a_label_goes_through_no_other_point(browser: Any) -> None:
    """As in the plots of the report, tests/unit/test_plots.py."""
    page = browser.new_page()
    page.add_script_tag(content=(ROOT / "srbench/report/html/static/labels.js").read_text("utf-8"))
    row = [{"x": 95, "y": 60, "text": "l"}, {"x": 110, "y": 60, "text": "srcnn"}, {"x": 125, "y": 60, "text": "r"}]
    _, middle, _ = page.evaluate("row => placeLabels(row, [360, 180], 11, [])", row)
    page.close()
    assert middle["far"] and abs(middle["dy"]) > 12


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_axe_finds_no_violation(opened: Callable[..., Opened], usual: Path, options: dict[str, Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    result = opened(usual, bypass_csp=True, **options)
    result.charts()
    result.page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))
    found = result.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
