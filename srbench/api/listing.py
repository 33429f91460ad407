"""Which methods there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench.api.arguments import OneOrMore, files
from srbench.errors import UsageError
from srbench.plugins.registry import FAMILIES, Registry

if TYPE_CHECKING:
    import pandas as pd


def list_methods(plugins: OneOrMore[str | Path] = ()) -> pd.DataFrame:
    """The methods that are installed, one row each: name, family, channels, scales, recipes and paper.

    In the order of the literature's families. One that cannot be imported is left out; ``srbench list`` says why.

    Examples:
        >>> print(", ".join(srbench.list_methods()["name"][:3]))
        bicubic, bicubic-ibp, bilinear

    Args:
        plugins: Python files with further methods; they are executed.
    """
    import pandas as pd

    registry = Registry(files("plugins", plugins))
    rows = []
    for name in registry.method_names:
        try:
            card = registry.card(name)
        except UsageError:
            continue
        scales, recipes = tuple(sorted(card.info.scales)), tuple(card.recipes)
        rows.append((name, card.info.family, card.info.channels, scales, recipes, card.info.paper))
    rows.sort(key=lambda row: (FAMILIES.index(row[1]), row[0]))
    return pd.DataFrame(rows, columns=["name", "family", "channels", "scales", "recipes", "paper"])
