"""The templates of pages, which a package keeps in its folder ``templates``."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def template_of(package: str, name: str) -> Template:
    """A template, compiled once: values are escaped, and a name without a value is an error.

    Args:
        package: whose folder ``templates`` has it.
        name: of the file.
    """
    return _environment(package).get_template(name)


@lru_cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
