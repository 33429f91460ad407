"""Ships files to the nodes of a Ray cluster: data sets, weights, plugins.

The run reads each file once and puts it into Ray's object store under the sha256 of its content. The first task that
needs it on a node writes it into that node's cache folder under that hash; the later ones, of this run and of others,
find it there. Tasks carry a reference a data set and none of its content.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from srbench.atomic import cache_folder, write_atomically
from srbench.canonical import digest
from srbench.data.catalog import Dataset, ImageFile
from srbench.locks import locked


@dataclass(frozen=True, slots=True)
class Bill:
    """What a shipment holds.

    Attributes:
        home: the node whose files these are, which needs none of them.
        files: for each path there, the sha256 and a reference to the content; None where there is no other node.
        dataset: the data set that the files make up, if they do.
    """

    home: str
    files: dict[str, tuple[str, Any]]
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class Shipment:
    """Files as a task carries them: a name for them all, and a reference to their bill.

    In a list, since Ray puts an object in the place of each reference that an argument is, and not of those inside.
    """

    key: str
    bill: list[Any]


class Sender:
    """The run's side.

    Args:
        home: the id of the node that the run's files can be read on; empty for none.
        alone: whether the cluster has no other.
    """

    def __init__(self, home: str, *, alone: bool) -> None:
        self._home = home
        self._alone = alone
        self._contents: dict[str, Any] = {}  # references by sha256
        self._shipments: dict[tuple[object, ...], Shipment] = {}

    def dataset(self, dataset: Dataset) -> Shipment:
        """A data set; what is missing of it is fetched first.

        Raises:
            DataError: it cannot be had.
        """
        known = ("dataset", dataset.content_hash, dataset.spec)
        if known not in self._shipments:
            dataset.ensure()
            there = _moved(dataset, lambda file: (file.found() or file.path).absolute())
            paths = [file.path for item in there.items for file in item.files]
            self._shipments[known] = self._ship(paths, there)
        return self._shipments[known]

    def files(self, paths: Iterable[Path]) -> Shipment:
        """Some files as they are now."""
        paths = list(paths)
        known = tuple((path, (status := path.stat()).st_size, status.st_mtime_ns) for path in paths)
        if known not in self._shipments:
            self._shipments[known] = self._ship(paths)
        return self._shipments[known]

    def _ship(self, paths: Iterable[Path], dataset: Dataset | None = None) -> Shipment:
        import ray

        files = {str(path.absolute()): self._content(path) for path in paths}
        key = digest([[path, sha256] for path, (sha256, _) in files.items()])
        return Shipment(key, [ray.put(Bill(self._home, files, dataset))])

    def _content(self, path: Path) -> tuple[str, Any]:
        import ray

        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        if not self._alone and sha256 not in self._contents:
            self._contents[sha256] = ray.put(content)
        return sha256, self._contents.get(sha256)


def files_in(path: Path) -> list[Path]:
    """A file, or all the files of a folder."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


class Receiver:
    """A node's side: where files lie there. One a process; it asks for a shipment once.

    Args:
        node: this node's id.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._bills: dict[str, tuple[Bill, dict[str, Path]]] = {}
        self._datasets: dict[str, Dataset] = {}

    def files(self, shipment: Shipment) -> dict[str, Path]:
        """Where each of the run's files lies on this node."""
        return self._received(shipment)[1]

    def dataset(self, shipment: Shipment) -> Dataset:
        """A data set whose files lie on this node."""
        if shipment.key not in self._datasets:
            bill, places = self._received(shipment)
            dataset = bill.dataset
            assert dataset is not None
            self._datasets[shipment.key] = _moved(dataset, lambda file: places[str(file.path)])
        return self._datasets[shipment.key]

    def tree(self, shipment: Shipment) -> dict[str, Path]:
        """Files that belong together, such as modules that import each other: named and placed as they were."""
        bill, places = self._received(shipment)
        if bill.home == self._node or not places:
            return places
        common = Path(os.path.commonpath([Path(path).parent for path in places]))
        folder = _shelf() / "trees" / shipment.key[:24]
        moved = {path: folder / Path(path).relative_to(common) for path in places}
        for path, place in moved.items():
            if not place.is_file():
                write_atomically(place, places[path].read_bytes())
        return moved

    def _received(self, shipment: Shipment) -> tuple[Bill, dict[str, Path]]:
        import ray

        if shipment.key not in self._bills:
            bill = ray.get(shipment.bill[0])
            if bill.home == self._node:
                places = {path: Path(path) for path in bill.files}
            else:
                with locked(_shelf() / "locks" / f"{shipment.key[:24]}.lock"):
                    places = {path: _fetched(path, *content) for path, content in bill.files.items()}
            self._bills[shipment.key] = bill, places
        return self._bills[shipment.key]


def _moved(dataset: Dataset, place: Callable[[ImageFile], Path]) -> Dataset:
    """A data set whose files lie elsewhere."""

    def moved(file: ImageFile) -> ImageFile:
        return replace(file, path=place(file), copy=None)

    items = (replace(item, hr=moved(item.hr), lr=moved(item.lr) if item.lr else None) for item in dataset.items)
    return replace(dataset, items=tuple(items))


def _shelf() -> Path:
    """Where a node keeps what was shipped to it."""
    return cache_folder() / "shipped"


def _fetched(path: str, sha256: str, content: Any) -> Path:
    """A file on the shelf, put there first if it is not. One that is there is whole: its name came last."""
    import ray

    place = _shelf() / sha256[:2] / f"{sha256}{Path(path).suffix}"
    if not place.is_file():
        write_atomically(place, ray.get(content))
    return place
