"""The data sets that a run's command names: its record knows them by their content alone."""

from __future__ import annotations

import shlex
from itertools import pairwise

from srbench.data.own.hub_spec import is_hub
from srbench.system.names import split_names


def datasets_of(command: str) -> tuple[str, ...]:
    """The data sets of a command as :func:`srbench.bench.plan.run_command` writes it, but for those of a hub.

    Nothing of a command that cannot be parsed. It may be anybody's: its plugins are code, and not looked for.
    """
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return ()
    values = [value for word, value in pairwise(words) if word == "--datasets"]
    return tuple(name for value in values for name in split_names(value) if not is_hub(name))
