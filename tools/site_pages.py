"""Parts of the documentation that are written elsewhere, copied each time the site is built: a hook of mkdocs.

From the code come the command line, the methods, the protocols and the data sets; from the README its table; from a run
on the embedded photographs a report's page that can be used; from the bundles in results/reference/board the board of
srbench's own methods.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from typer.main import get_command

import srbench
from srbench.analysis.compare import compare_all, report_pairs
from srbench.analysis.published import published
from srbench.analysis.references import load_references
from srbench.board.entries import collect
from srbench.board.site import site
from srbench.cli.main import app
from srbench.data.catalog import load_manifest, manifest_names
from srbench.data.manifest import Manifest
from srbench.plugins.registry import Registry
from srbench.protocols.builtin import ALIASES, PROTOCOLS
from srbench.report.escape import markdown
from srbench.report.html.page import html_page
from srbench.report.tables.grid import main_metrics
from srbench.report.text.speed import BEYOND, LEGEND, speed_markdown
from srbench.speed.record import read_speed_record
from srbench.system.places import cache_folder

ROOT = Path(__file__).resolve().parent.parent
LIVE = "example/report.html"
"""The report's page on the site."""
LIVE_METHODS = ("bicubic", "dcci", "srcnn-y", "fsrcnn")
LIVE_BYTES = 900_000
"""Of its images; what draws its charts and tables is twice that."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    pages: dict[str, Callable[[], Iterator[str]]] = {
        "cli": cli,
        "data-sets": data_sets,
        "speed": speed,
    }
    contents = {name: "\n".join(page()) + "\n" for name, page in pages.items()}
    figures = (ROOT / "results" / "reference" / "README.md").read_text("utf-8")
    contents["figures"] = figures.replace("../../docs/reference/", "")
    for name, content in contents.items():
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    files.append(File.generated(config, LIVE, content=live_page()))
    for name, content in board():
        files.append(File.generated(config, f"board/{name}", content=content))
    return files


def board() -> Iterator[tuple[str, str]]:
    """The files of srbench's own board: of bundles that it keeps, so that nothing is computed or fetched."""
    entries = collect([ROOT / "results" / "reference" / "board"])
    if entries.left_out:
        raise PluginError("\n".join(entries.left_out))
    return site(entries, load_references(None), "The methods that come with srbench")


def live_page() -> str:
    """The page of a run on the embedded photographs. The run is kept, so that it is computed once."""
    out = cache_folder() / "site"
    run = srbench.run(LIVE_METHODS, scales=[2, 4], out=out, train="never", speed=True, progress=False).loaded
    compared = [pair for metric in main_metrics(run) for pair in compare_all(run, metric, report_pairs(run))]
    return html_page(run, published(), compared, "bicubic", LIVE_BYTES)


def speed() -> Iterator[str]:
    """The records of speed that the project keeps."""
    yield "# Speed records\n"
    yield "Made by `srbench speed`, as [How speed is measured](../explanation/speed.md) says. Times are of one machine;"
    yield "ratios between its rows are what carries over to another.\n"
    records = sorted((ROOT / "results" / "reference" / "speed").glob("*.json"))
    yield (
        f"{LEGEND} {BEYOND}"
        if records
        else "None is kept yet: `srbench speed --out results/reference/speed` makes one."
    ) + "\n"
    for path in records:
        yield from speed_markdown(read_speed_record(path))


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert the tables of methods and of built-in protocols, and what the README marks, where a page asks for them."""
    for mark, lines in (("methods", _methods), ("built-in protocols", _protocols)):
        markdown = markdown.replace(f"<!-- {mark} -->", "\n".join(lines()))
    return re.sub("<!-- README: (.+) -->", lambda found: readme(found[1]), markdown)


def readme(mark: str) -> str:
    """What stands in the README between the comments ``mark`` and ``/mark``."""
    text = (ROOT / "README.md").read_text("utf-8")
    found = re.search(f"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", text, re.DOTALL)
    if found is None:
        raise PluginError(f"README.md has no place marked {mark}, which the documentation takes over")
    return found[1]


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings are written for readers of the code: what Markdown does not know of their marks is taken out."""
    return re.sub(r":(?:class|func|meth|mod|attr):(?=<code>)", "", html).replace("::</p>", ":</p>")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


# the command line -------------------------------------------------------------------------------------------------


def cli() -> Iterator[str]:
    """Every verb with its help text, arguments and options."""
    yield "# Command line\n"
    yield "Options before the verb:\n"
    group = get_command(app)
    yield from table(("option", "meaning", "default"), [_option(option) for option in group.params])
    yield "Results go to stdout, everything else to stderr. `-h` or `--help` after a verb shows what stands here.\n"
    yield from _verbs("srbench", group)


def _verbs(path: str, group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(f"{path} {name}", command)
        else:
            yield from _verb(f"{path} {name}", command)


def _verb(path: str, command: Any) -> Iterator[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    yield f"## {path}\n"
    words = " ".join(parameter.metavar or parameter.name.upper() for parameter in arguments)
    yield f"```console\n$ {path} [OPTIONS] {words}".rstrip() + "\n```\n"
    yield f"{command.help}\n"
    if arguments:
        rows = [(f"`{a.metavar or a.name.upper()}`", a.help or "", _default(a)) for a in arguments]
        yield from table(("argument", "meaning", "default"), rows)
    if options:
        yield from table(("option", "meaning", "default"), [_option(option) for option in options])
    if command.epilog:
        yield f"{command.epilog}\n"


def _option(option: Any) -> tuple[str, str, str]:
    value = "" if option.is_flag else f" `{_value(option)}`"
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return names + value, option.help or "", _default(option)


def _value(option: Any) -> str:
    """What stands for an option's value: its own word for it, or what its default is."""
    if option.metavar:
        return str(option.metavar)
    name = option.opts[0].removeprefix("--")
    return {"plugin": "FILE", "config": "FILE", "out": "DIR"}.get(name, "N" if type(option.default) is int else "…")


def _default(parameter: Any) -> str:
    """The default as the help text has it: in words where the verb says it in words."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.default is None or parameter.default == "" or parameter.show_default is False:
        return ""
    if isinstance(parameter.default, bool):
        if not parameter.secondary_opts:
            return ""
        return f"`{(parameter.opts if parameter.default else parameter.secondary_opts)[0]}`"
    return f"`{parameter.default}`"


# what is built in ---------------------------------------------------------------------------------------------------


def _methods() -> Iterator[str]:
    """Every method with what it says of itself."""
    yield "## What each method works on\n"
    registry = Registry()
    cards = [registry.card(name) for name in registry.method_names]
    heads = ("method", "family", "works on", "scales", "recipes", "paper")
    rows = []
    for card in cards:
        info = card.info
        channels = {"y": "luma", "rgb": "RGB", "any": "each channel"}[info.channels]
        recipes = ", ".join(f"`{recipe}`" for recipe in card.recipes)
        scales = " ".join(f"x{scale}" for scale in sorted(info.scales))
        works_on = f"{channels}{', upsampled' if info.input == 'upsampled' else ''}"
        rows.append((f"`{card.name}`", info.family, works_on, scales, recipes, markdown(info.paper)))
    yield from table(heads, rows)
    yield "*Upsampled*: by the protocol's resizer, before the method gets it.\n"


def _protocols() -> Iterator[str]:
    rows = []
    for protocol in PROTOCOLS.values():
        alias = "".join(f" (= `{alias}`)" for alias, name in ALIASES.items() if name == protocol.name)
        rows.append((f"`{protocol.name}`{alias}", f"`{protocol.hash}`", markdown(protocol.describe())))
    yield from table(("protocol", "hash", "in words"), rows)


def data_sets() -> Iterator[str]:
    """Every data set that comes with srbench."""
    yield "# Data sets\n"
    yield (
        "`srbench data list` shows which are here, `srbench data fetch NAME` gets one. Images belong to their owners "
        "and are not part of srbench: its manifests pin where each public file lies and what its bytes and its pixels "
        "hash to, and a file that is not the right one is refused. On the command line a data set is `name`, "
        "`name:split`, [a folder, two folders, or a manifest of your own](../how-to/add-a-data-set.md).\n"
    )
    manifests = [load_manifest(name) for name in manifest_names()]
    rows = [(f"[`{m.name}`](#{m.name})", m.title, _uses(m), f"`{m.default_split}`", m.licence) for m in manifests]
    yield from table(("data set", "what", "splits", "default", "licence"), rows)
    for manifest in manifests:
        yield f"## {manifest.name}\n"
        yield f"{markdown(manifest.title)}. {markdown(manifest.notes)} <{manifest.homepage}>\n"
        yield f"```bibtex\n{manifest.citation.strip()}\n```\n"


def _uses(manifest: Manifest) -> str:
    """Splits with their numbers of images, and what may be done with them."""
    counts = Counter({name: len(split.entries()) for name, split in manifest.splits.items()})
    splits = ", ".join(f"`{name}` {count}" for name, count in counts.items())
    return f"{splits}; never trained on" if manifest.role == "test" else splits
