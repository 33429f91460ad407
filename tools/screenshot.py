"""A screenshot of a report's page: ``python tools/screenshot.py results/runs/ID/report/report.html out.png``.

Needs playwright (``pip install '.[test]'``) and a Chromium on the PATH; no browser is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def main() -> int:
    """Read the command line, and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="report.html")
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--size", default="1440x900", help="of the window (default 1440x900; a phone is 390x844)")
    parser.add_argument("--dark", action="store_true", help="as on a system with dark colours")
    parser.add_argument("--section", default="", help="bring one into view: viewer, results, speed, differences …")
    parser.add_argument("--choose", default="", metavar="SET,SCALE", help="switch to a data set and a scale: bsd100,4")
    parser.add_argument("--full", action="store_true", help="the whole page instead of what a window shows")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"There is no browser; install one of {', '.join(BROWSERS)}.", file=sys.stderr)
        return 2
    shoot(browser, options)
    return 0


def shoot(executable: str, options: argparse.Namespace) -> None:
    """Open the page in a browser of its own, bring it where it is wanted, and write the picture."""
    from playwright.sync_api import sync_playwright

    width, height = map(int, options.size.split("x"))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        scheme = "dark" if options.dark else "light"
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(options.page.resolve().as_uri())
        if options.choose:
            dataset, scale = options.choose.split(",")
            page.locator("#dataset").get_by_label(dataset, exact=True).check()
            page.locator("#scale").get_by_label(f"\N{MULTIPLICATION SIGN}{scale}", exact=True).check()
        for chart in page.locator(".plot").all():  # charts are drawn when they come into view
            chart.scroll_into_view_if_needed()
            page.wait_for_timeout(3000)
        if options.section:
            page.evaluate("id => document.getElementById(id).scrollIntoView()", options.section)
        else:
            page.evaluate("scrollTo(0, 0)")
        page.wait_for_timeout(800)
        page.screenshot(path=options.out, full_page=options.full)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
