"""The images of a data set as a protocol prepares them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from srbench.bench.part import Span
from srbench.bench.samples import case_of
from srbench.data.catalog import Dataset, Sample
from srbench.data.images import LrSample, ensure_fetched, read_lr, read_samples
from srbench.errors import DataError
from srbench.protocols.case import Case, LrCase
from srbench.protocols.protocol import Protocol, image_name
from srbench.system.factors import Factor

KEEP_PIXELS = 20_000_000
"""Prepared images are kept between cells if a data set has no more HR pixels than this."""

T = TypeVar("T")


class CaseSource:
    """The images of a data set as a protocol prepares them; the last set's are kept, for cells that share them.

    A data set that could not be fetched is not tried again: its error is raised at once.
    """

    def __init__(self) -> None:
        self._key: tuple[str, str, str] | None = None
        self._cases: dict[int, Case | LrCase] = {}
        self._pixels = 0
        self._failed: dict[tuple[object, ...], DataError] = {}

    def cases(
        self, dataset: Dataset, scale: Factor, protocol: Protocol, span: Span | None = None
    ) -> Iterator[tuple[int, str, Case | LrCase]]:
        """Each image's index, its name and its case.

        Raises:
            DataError: an image is missing, corrupt or too small.
        """
        key = (dataset.content_hash, str(scale), protocol.hash)
        if key != self._key:
            self._key, self._cases, self._pixels = key, {}, 0
        for index in range(*(span or (0, len(dataset.items)))):
            for number, turn in enumerate(protocol.turns):
                place = index * len(protocol.turns) + number
                name = image_name(dataset.items[index].name, turn)
                case = self._cases.get(place)
                if case is None:
                    case = self._prepared(key, dataset, index, scale, protocol, turn)
                    self._keep(place, case)
                yield place, name, case
                del case  # before the next one is read

    def ensure(self, dataset: Dataset) -> None:
        """Fetch a data set.

        Raises:
            DataError: it cannot be fetched.
        """
        self._once((dataset.content_hash,), lambda: ensure_fetched(dataset))

    def _prepared(
        self,
        key: tuple[str, str, str],
        dataset: Dataset,
        index: int,
        scale: Factor,
        protocol: Protocol,
        turn: int | None,
    ) -> Case | LrCase:
        """An image's case."""
        alone = replace(dataset, items=dataset.items[index : index + 1])

        def read() -> Sample | LrSample:
            return next(read_samples(alone)) if dataset.has_hr else next(read_lr(alone))

        sample = self._once((dataset.content_hash, index), read)
        return self._once((*key, index), lambda: case_of(sample, scale, protocol, turn))

    def _keep(self, place: int, case: Case | LrCase) -> None:
        """Keep a case where there is room."""
        height, width = beside(case).shape[:2]
        self._pixels += height * width
        if self._pixels <= KEEP_PIXELS:
            self._cases[place] = case

    def _once(self, what: tuple[object, ...], make: Callable[[], T]) -> T:
        """What ``make`` returns; where it failed before, its error at once."""
        if what in self._failed:
            raise self._failed[what]
        try:
            return make()
        except DataError as error:
            self._failed[what] = error
            raise


def beside(case: Case | LrCase) -> NDArray[np.uint8]:
    """What there is to look at beside SR, in its size: HR, or enlarged LR."""
    return case.hr if isinstance(case, Case) else case.enlarged
