"""What `srbench explain` says of a figure that does not come out: the one place where claims ask it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srbench.data.dataset import Dataset
from srbench.data.sr_images import match_by_name
from srbench.explain.catalogue import candidates_for, candidates_for_images
from srbench.explain.compute import figures_of_method
from srbench.explain.images import figures_of_images, has_gray, hr_images
from srbench.explain.search import METRICS, Answer, read_number, search
from srbench.plugins.card import Choice
from srbench.plugins.registry import Registry
from srbench.proof.claim import Figure


def explains(figure: Figure, data: Dataset) -> bool:
    """Whether there are variants of what a figure is."""
    return figure.metric in METRICS and data.kind != "pairs"


def explained_by_method(
    registry: Registry, choice: Choice, data: Dataset, figures: Sequence[Figure], device: str
) -> list[Answer]:
    """The variants that give figures of a method on one data set at one scale, in the order of the figures.

    Args:
        registry: with the method's class in this process.
        choice: the method.
        data: the HR images.
        figures: PSNRs and SSIMs.
        device: where the method runs.

    Raises:
        SrbenchError: the method failed, or is not here with its weights.
    """
    from srbench.inference import resolve_device
    from srbench.training.loading import load_method

    scale, where = int(figures[0].scale), resolve_device(device)
    method = load_method(registry, choice, scale, where)
    answers = []
    try:
        quick = choice.card.info.family == "interpolation"
        for figure in figures:
            number = read_number(figure.value, figure.metric)
            found = candidates_for(choice.card.info, number.metric, thorough=quick, gray=has_gray(data))
            variants = [candidate.variant for candidate in found]
            computed = figures_of_method(method, hr_images(data), scale, variants, where)
            answers.append(search(found, computed, number, number.metric))
    finally:
        method.close()
    return answers


def explained_by_images(folder: Path, data: Dataset, figures: Sequence[Figure]) -> list[Answer]:
    """The same of SR images.

    Raises:
        DataError: SR and HR cannot be matched, or do not fit.
    """
    answers = []
    for figure in figures:
        number = read_number(figure.value, figure.metric)
        files = match_by_name(folder, data, int(figure.scale)).files
        found = candidates_for_images(number.metric, gray=has_gray(data))
        variants = [candidate.variant for candidate in found]
        computed = figures_of_images(files, data, int(figure.scale), variants, lambda: None)
        answers.append(search(found, computed, number, number.metric))
    return answers
