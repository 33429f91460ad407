"""Ships files to the nodes of a Ray cluster: data sets, weights, plugins, models.

The run reads each file once and puts it into Ray's object store under the sha256 of its content. The first task on a
node that needs the file writes it into the node's cache folder; later tasks, of this run and of others, find it there.
Tasks carry references, never content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srbench.data.catalog import Dataset, ImageFile
from srbench.data.images import ensure_fetched
from srbench.system.files import write_atomically
from srbench.system.hashes import digest
from srbench.system.locks import locked
from srbench.system.places import cache_folder


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a shipment.

    Attributes:
        home: the node that has these files already.
        files: per path on that node: the sha256, and a reference to the content (None if there is no other node).
        dataset: the data set that the files belong to, if any.
    """

    home: str
    files: dict[str, tuple[str, Any]]
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class Shipment:
    """Files as a task carries them: a key, and a reference to the :class:`Contents`."""

    key: str
    contents: Any


class Sender:
    """Ships files from the run.

    Args:
        home: the id of the node that can read the run's files; empty for none.
        alone: whether the cluster has no other node.
    """

    def __init__(self, home: str, *, alone: bool) -> None:
        self._home = home
        self._alone = alone
        self._references: dict[str, Any] = {}  # by sha256
        self._shipments: dict[tuple[object, ...], Shipment] = {}

    def dataset(self, dataset: Dataset) -> Shipment:
        """Ship a data set; missing files are fetched first.

        Raises:
            DataError: it cannot be fetched.
        """
        known = ("dataset", dataset.content_hash, dataset.spec)
        if known not in self._shipments:
            ensure_fetched(dataset)
            found = _moved(dataset, lambda file: (file.found() or file.path).absolute())
            paths = [file.path for item in found.items for file in item.files]
            self._shipments[known] = self._ship(paths, found)
        return self._shipments[known]

    def files(self, paths: Iterable[Path]) -> Shipment:
        """Ship files as they are now."""
        paths = list(paths)
        known = tuple((path, (status := path.stat()).st_size, status.st_mtime_ns) for path in paths)
        if known not in self._shipments:
            self._shipments[known] = self._ship(paths)
        return self._shipments[known]

    def _ship(self, paths: Iterable[Path], dataset: Dataset | None = None) -> Shipment:
        import ray

        files = {str(path.absolute()): self._put(path) for path in paths}
        key = digest([[path, sha256] for path, (sha256, _) in files.items()])
        return Shipment(key, ray.put(Contents(self._home, files, dataset)))

    def _put(self, path: Path) -> tuple[str, Any]:
        """The sha256 of a file and a reference to its content."""
        import ray

        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._alone and sha256 not in self._references:
            self._references[sha256] = ray.put(content)
        return sha256, self._references.get(sha256)


class Receiver:
    """Finds shipped files on a node. One per process; it reads each shipment once.

    Args:
        node: the id of this node.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._received: dict[str, tuple[Contents, dict[str, Path]]] = {}

    def files(self, shipment: Shipment) -> dict[str, Path]:
        """Path on this node by path on the run's node."""
        return self._receive(shipment)[1]

    def dataset(self, shipment: Shipment) -> Dataset:
        """The shipped data set, with its paths on this node."""
        contents, paths = self._receive(shipment)
        assert contents.dataset is not None
        return _moved(contents.dataset, lambda file: paths[str(file.path)])

    def tree(self, shipment: Shipment) -> dict[str, Path]:
        """As :meth:`files`, with names and relative places kept, for modules that import each other."""
        contents, paths = self._receive(shipment)
        if contents.home == self._node or not paths:
            return paths
        common = Path(os.path.commonpath([Path(path).parent for path in paths]))
        folder = _shipped_folder() / "trees" / shipment.key[:24]
        moved = {path: folder / Path(path).relative_to(common) for path in paths}
        for path, target in moved.items():
            if not target.is_file():
                write_atomically(target, paths[path].read_bytes())
        return moved

    def _receive(self, shipment: Shipment) -> tuple[Contents, dict[str, Path]]:
        import ray

        if shipment.key not in self._received:
            contents: Contents = ray.get(shipment.contents)
            if contents.home == self._node:
                paths = {path: Path(path) for path in contents.files}
            else:
                with locked(_shipped_folder() / "locks" / f"{shipment.key[:24]}.lock"):
                    paths = {path: _received_file(path, *content) for path, content in contents.files.items()}
            self._received[shipment.key] = contents, paths
        return self._received[shipment.key]


def _moved(dataset: Dataset, place: Callable[[ImageFile], Path]) -> Dataset:
    """The data set with other paths."""

    def moved(file: ImageFile) -> ImageFile:
        return replace(file, path=place(file), copy=None)

    items = (replace(item, hr=item.hr and moved(item.hr), lr=item.lr and moved(item.lr)) for item in dataset.items)
    return replace(dataset, items=tuple(items))


def _shipped_folder() -> Path:
    """Where a node keeps shipped files."""
    return cache_folder() / "shipped"


def _received_file(path: str, sha256: str, content: Any) -> Path:
    """A file in this node's cache, written first if it is missing. A file that exists is whole (atomic writes)."""
    import ray

    target = _shipped_folder() / sha256[:2] / f"{sha256}{Path(path).suffix}"
    if not target.is_file():
        write_atomically(target, ray.get(content))
    return target
