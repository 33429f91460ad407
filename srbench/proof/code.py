"""The code that is in a bundle: what it is, and how it comes to run, if it is to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.models.parse import is_model
from srbench.proof.manifest import BundleMethod
from srbench.proof.reading import Bundle
from srbench.system.files import write_atomically


@dataclass(frozen=True, slots=True)
class Code:
    """A plugin in a bundle, and the methods that are known by it alone."""

    main: str
    files: dict[str, str]
    """Members by path."""
    methods: tuple[str, ...]

    def words(self, bundle: Bundle) -> str:
        """It in a sentence."""
        rest = len(self.files) - 1
        more = f" and {rest} more file{'s' * (rest > 1)}" if rest else ""
        member = self.files[self.main]
        known = bundle.manifest.members[member]
        return f"{', '.join(self.methods)}: {member}{more} ({known.bytes} bytes, sha256 {known.sha256[:12]})"


def foreign_code(bundle: Bundle, known: Sequence[str]) -> list[Code]:
    """The code of those methods of a bundle that are not among those that are known here."""
    names = {*known, *(f"{name}+" for name in known)}
    groups: dict[tuple[object, ...], list[BundleMethod]] = {}
    for method in bundle.manifest.methods:
        if method.files and method.name not in names and not is_model(method.name):
            hashes = {path: bundle.manifest.members[member].sha256 for path, member in method.files.items()}
            groups.setdefault((method.main, *sorted(hashes.items())), []).append(method)
    return [Code(found[0].main, found[0].files, tuple(m.name for m in found)) for found in groups.values()]


def unpack(bundle: Bundle, found: Sequence[Code], folder: Path) -> Iterator[Path]:
    """Write code into a folder; yields the plugin files.

    Paths have been checked with the manifest: they stay below the folder.

    Raises:
        DataError: the bundle was changed since it was read.
    """
    with bundle.opened() as read:
        for number, code in enumerate(found):
            for path, member in code.files.items():
                write_atomically(folder / f"{number:02}" / path, read(member))
            yield folder / f"{number:02}" / code.main
