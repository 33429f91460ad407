"""``srbench doctor``."""

from __future__ import annotations

import os

import typer

from srbench.cli.options import Json, Plugins
from srbench.errors import EXIT_DATA
from srbench.system.text import echo, echo_json


def doctor(json: Json = False, plugin: Plugins = None) -> None:
    """Show versions, device, folders, data and weights, and problems with them.

    Exit codes: 0 no problem, 2 wrong usage, 4 a problem.
    """
    import torch

    from srbench.bench.health import problems as find_problems
    from srbench.data.fetch.fetch import data_root
    from srbench.errors import UsageError
    from srbench.inference import resolve_device
    from srbench.plugins.registry import Registry
    from srbench.system.machine import device_name, machine, versions
    from srbench.system.places import cache_folder, own_folder
    from srbench.weights import trained_folder

    facts = versions() | machine()
    facts["device"] = device_name(str(resolve_device("auto")))
    facts["torch threads"] = str(torch.get_num_threads())
    places = {"cache": cache_folder(), "data": data_root(), "own data sets": own_folder(), "weights": trained_folder()}
    for name, folder in places.items():
        facts[f"{name} folder"] = str(folder)
    facts["trained weights"] = str(len(list(trained_folder().glob("*.safetensors"))))
    facts["SRBENCH_MIRROR"] = os.environ.get("SRBENCH_MIRROR", "not set")
    problems = find_problems()
    registry = Registry(plugin or [])
    problems += [refused.error for refused in registry.refused]
    for name in registry.method_names:
        try:
            registry.check(name)  # a cached card does not show that it can be imported
        except UsageError as error:
            problems.append(str(error))
    if json:
        from json import dumps

        echo_json(dumps({"schema_version": 1, "facts": facts, "problems": problems}, indent=1))
    else:
        width = max(map(len, facts))
        for name, value in facts.items():
            echo(f"{name:<{width}}  {value}")
        for problem in problems:
            echo(f"problem: {problem}")
        count = f"{len(problems) or 'no'} problem{'s' if len(problems) > 1 else ''}"
        echo(f"{count} found")
    if problems:
        raise typer.Exit(EXIT_DATA)
