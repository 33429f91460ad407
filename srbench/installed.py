"""How srbench was installed, and the command that adds one of its extras to that installation."""

from __future__ import annotations

import json
import os
import re
import shlex
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

DISTRIBUTION = "srbench-harness"
"""What pip calls srbench: on PyPI, ``srbench`` is another project. On no index, so it is installed from a clone."""


def own_distribution() -> Distribution | None:
    """srbench's metadata; None in a checkout that is not installed."""
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def install_command(extra: str) -> str:
    """The command that installs what an extra of pyproject.toml needs, in backquotes.

    It names the folder, archive or repository that srbench itself was installed from, and where that is not known or
    no longer there, the packages themselves.

    Args:
        extra: its name.
    """
    own = own_distribution()
    if own is None:  # in a checkout, found by its working directory or PYTHONPATH
        return _from_folder(Path(__file__).resolve().parent.parent, extra)
    origin = json.loads(own.read_text("direct_url.json") or "{}")
    url, vcs = origin.get("url", ""), origin.get("vcs_info")
    if vcs:
        source = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
        return f"`pip install {shlex.quote(f'{DISTRIBUTION}[{extra}] @ {source}')}`"
    if url.startswith("file:"):
        path = Path(url2pathname(unquote(urlsplit(url).path)))
        if path.is_dir():
            return _from_folder(path, extra, editable=origin.get("dir_info", {}).get("editable", False))
        if path.is_file():
            return f"`pip install {shlex.quote(f'{path}[{extra}]')}`"
    return f"`pip install {shlex.join(_packages(own, extra))}`"


def _from_folder(folder: Path, extra: str, *, editable: bool = False) -> str:
    """A clone's; an editable installation stays one."""
    here = "." if folder == Path.cwd() else os.fspath(folder)
    return f"`pip install {'-e ' if editable else ''}{shlex.quote(f'{here}[{extra}]')}`"


def _packages(own: Distribution, extra: str) -> list[str]:
    """What an extra stands for, as it is in the metadata."""
    marker = re.compile(rf"""\s*;\s*extra\s*==\s*["']{re.escape(extra)}["']\s*""")
    split = ((line, marker.search(line)) for line in own.requires or [])
    return [line[: found.start()] for line, found in split if found]
