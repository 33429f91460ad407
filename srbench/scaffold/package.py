"""Writes a small package with a method, from templates.

The package installs, runs and passes its tests as written: it contains a working network or formula, which the author
replaces.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FunctionLoader, StrictUndefined

from srbench.errors import UsageError
from srbench.method import INPUTS
from srbench.plugins.registry import Registry

_CHANNELS = ("y", "rgb", "any")
LONGEST_NAME = 60
"""Most characters of a method's name, which is part of folder and file names."""
IMPORTED = {"ClassVar", "F", "LearnedMethod", "Mapping", "Method", "MethodInfo", "Network", "Recipe", "Tensor"}
"""Names that the module template uses, which a class must not have."""

TEMPLATES = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/test.yml": "workflow.yml.j2",
    "tests/test_method.py": "test_method.py.j2",
}
"""Files besides the method's module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMethod:
    """A method to create.

    Attributes:
        name: on the command line.
        learned: whether it is a network that srbench trains, or a formula.
        channels: as in :class:`srbench.method.MethodInfo`.
        input: likewise.
    """

    name: str
    learned: bool = True
    channels: Literal["y", "rgb", "any"] = "y"
    input: Literal["lr", "upsampled"] = "lr"

    def __post_init__(self) -> None:
        """Reject invalid names and options."""
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name) or len(self.name) > LONGEST_NAME:
            raise UsageError(
                f"A method cannot be called {self.name!r}: use lower case, digits and single hyphens between them, "
                f"{LONGEST_NAME} characters at most."
            )
        for option, value, allowed in (("channels", self.channels, _CHANNELS), ("input", self.input, INPUTS)):
            if value not in allowed:
                raise UsageError(f"--{option} is {', '.join(allowed[:-1])} or {allowed[-1]}, not '{value}'.")
        if self.learned and self.channels == "any":
            raise UsageError("A network takes luma or RGB: --channels any is for --plain.")

    @property
    def distribution(self) -> str:
        """The package's name for pip, and its folder."""
        return f"srbench-plugin-{self.name}"

    @property
    def module(self) -> str:
        """The module's name."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The class's name."""
        name = "".join(part.capitalize() for part in self.name.split("-"))
        if name[0].isdigit():
            return f"Method{name}"
        return f"{name}Method" if name in IMPORTED or keyword.iskeyword(name) else name


def render_package(new: NewMethod) -> dict[str, str]:
    """The content of the package's files, by path."""
    environment = Environment(
        loader=FunctionLoader(_template),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Python and TOML, not HTML
    )
    module = "learned.py.j2" if new.learned else "plain.py.j2"
    templates = {**TEMPLATES, f"src/{new.module}/__init__.py": module}
    return {path: environment.get_template(template).render(new=new) for path, template in templates.items()}


def write(new: NewMethod, out: Path, registry: Registry) -> Path:
    """Write the package into a new folder below ``out``; returns that folder.

    Raises:
        UsageError: the folder exists, or a method of that name.
    """
    if new.name in registry.method_names:
        raise UsageError(f"There is a method '{new.name}', of {registry.origin(new.name)}; choose another name.")
    folder = out / new.distribution
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists; choose another name, or another folder by --out.")
    for name, content in render_package(new).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return folder


def _template(name: str) -> str:
    return files("srbench.scaffold").joinpath("templates", name).read_text("utf-8")
