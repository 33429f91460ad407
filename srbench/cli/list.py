"""``srbench list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from srbench.cli.options import Json, Plugins
from srbench.system.text import echo_json

if TYPE_CHECKING:
    from srbench.plugins.registry import Registry


def list_(json: Json = False, plugin: Plugins = None) -> None:
    """Show methods, metrics and protocols (data sets and weights: `srbench data list`).

    Exit codes: 0 fine, 2 wrong usage.
    """
    from srbench.errors import UsageError
    from srbench.metrics.bridge import libraries
    from srbench.plugins.registry import Registry
    from srbench.protocols.builtin import ALIASES, PROTOCOLS

    registry = Registry(plugin or [])
    methods: list[dict[str, Any]] = []
    for name in registry.method_names:
        try:
            card = registry.card(name)
        except UsageError as error:
            methods.append({"name": name, "origin": registry.origin(name), "error": str(error)})
            continue
        info = card.info
        methods.append(
            {
                "name": name,
                "family": info.family,
                "channels": info.channels,
                "scales": sorted(info.scales),
                "recipes": list(card.recipes),
                "paper": info.paper,
                "origin": card.origin,
            }
        )
    methods += _refused(registry, "method")
    protocols = [
        {"name": p.name, "hash": p.hash, "source": p.source, "words": p.describe()} for p in PROTOCOLS.values()
    ]
    if json:
        from json import dumps

        document = {"schema_version": 1, "methods": methods, "metrics": _metrics(registry), "protocols": protocols}
        document |= {"models": _models(), "libraries": _libraries()}
        echo_json(dumps(document, indent=1, ensure_ascii=False))
        return
    from rich.markup import escape
    from rich.table import Table

    from srbench.system.console import make_console
    from srbench.system.installed import install_command

    console = make_console(highlight=False)
    table = Table("method", "family", "channels", "scales", "recipes", box=None, title="Methods", title_justify="left")
    sound = [method for method in methods if "error" not in method]
    for method in sound:
        scales = " ".join(f"x{scale}" for scale in method["scales"])
        recipes = " ".join(method["recipes"])
        table.add_row(*map(escape, (method["name"], method["family"], method["channels"], scales, recipes)))
    console.print(table)
    for method in methods:  # below the table, whose columns are too narrow for sentences
        if "error" in method:
            console.print(f"[red]{escape(method['name'])}  {escape(method['error'])}[/]", soft_wrap=True)
    if theirs := [f"{method['name']} ({method['origin']})" for method in sound if method["origin"] != "srbench"]:
        console.print(f"not srbench's own: {', '.join(theirs)}", markup=False)
    console.print(f"and models that are files: {', '.join(map(_in_words, _models()))}")
    names = Table("protocol", "hash", "reproduces", box=None, title="\nProtocols", title_justify="left")
    for protocol in PROTOCOLS.values():
        alias = "".join(f" (= {alias})" for alias, name in ALIASES.items() if name == protocol.name)
        names.add_row(protocol.name + alias, protocol.hash, protocol.source)
    console.print(names)
    metrics = Table("metric", "better", "here", box=None, title="\nMetrics", title_justify="left")
    for metric in _metrics(registry):
        if "error" in metric:
            metrics.add_row(escape(metric["name"]), f"[red]{escape(metric['error'])}[/]")
            continue
        here = "no: " + metric["unavailable"] if metric["unavailable"] else "yes"
        metrics.add_row(escape(metric["name"]), "higher" if metric["higher_is_better"] else "lower", escape(here))
    console.print(metrics)
    console.print("\nand where these libraries are installed (↓: lower is better)")
    for library, known in libraries().items():
        names_of = (f"{name}{'' if it.higher_is_better else ' ↓'}" for name, it in known.items())
        console.print(f"{library}:NAME  {', '.join(names_of) or install_command(library)}", markup=False)


def _models() -> list[dict[str, str]]:
    """The kinds of models, with the packages that they need and that are missing."""
    from importlib.util import find_spec

    from srbench.system.names import MODEL_KINDS, PACKAGE_OF

    needs = [PACKAGE_OF.get(kind, "") for kind in MODEL_KINDS]
    return [
        {"kind": kind, "extra": kind if need else "", "missing": "" if not need or find_spec(need) else need}
        for kind, need in zip(MODEL_KINDS, needs, strict=True)
    ]


def _in_words(model: dict[str, str]) -> str:
    from rich.markup import escape

    from srbench.system.installed import install_command

    path = {"torch": "FILE.py:CLASS", "basicsr": "OPTIONS.yml", "images": "DIR", "hub": "ORG/NAME"}.get(
        model["kind"], "FILE"
    )
    lacking = f" ({escape(install_command(model['extra']).strip('`'))})" if model["missing"] else ""
    return f"{model['kind']}:{path}{lacking}"


def _metrics(registry: Registry) -> list[dict[str, Any]]:
    """Each metric with its direction, and why it is unavailable."""
    from srbench.bench.availability import needs
    from srbench.errors import DataError, UsageError

    found: list[dict[str, Any]] = []
    for name in registry.metrics.names:
        try:
            metric = registry.metric(name)
            reason = ""
            needs(metric, registry)
        except UsageError as error:
            found.append({"name": name, "error": str(error)})
            continue
        except DataError as error:
            reason = str(error)
        found.append(
            {
                "name": name,
                "higher_is_better": metric.higher_is_better,
                "unit": metric.unit,
                "input": metric.input,
                "unavailable": reason,
            }
        )
    return found + _refused(registry, "metric")


def _libraries() -> dict[str, list[dict[str, Any]]]:
    """What other libraries' metrics are, as far as they say so."""
    from srbench.metrics.bridge import libraries
    from srbench.metrics.pyiqa_library import LIBRARY, declared

    return {
        library: [
            {
                "name": name,
                "higher_is_better": metric.higher_is_better,
                "needs_hr": metric.needs_hr,
                "range": declared()[name].range if library == LIBRARY else "",
            }
            for name, metric in theirs.items()
        ]
        for library, theirs in libraries().items()
    }


def _refused(registry: Registry, kind: str) -> list[dict[str, Any]]:
    """Plugins that are left out because their name is taken."""
    refused = [refused for refused in registry.refused if refused.kind == kind]
    return [{"name": it.name, "origin": it.origin, "error": it.error} for it in refused]
