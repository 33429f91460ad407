"""Finds HR and LR below a folder of the user's, as public data sets of pairs are laid out."""

from __future__ import annotations

import re
from pathlib import Path

from srbench.data.stems import role
from srbench.errors import UsageError
from srbench.imaging.suffixes import SUFFIXES
from srbench.system.places import is_folder

_HR = re.compile(r"(?:.*[-_ ])?(?:HR|GT)|(?:HR|GT)[-_ ]?mod\d+|high(?:[-_ ]?res.*)?", re.IGNORECASE)
_LR = re.compile(r"(?:.*[-_ ])?(?:LR|LQ)(?:[-_ ].*|bic.*|x\d+)?|low(?:[-_ ]?res.*)?", re.IGNORECASE)
_SCALE = re.compile(r"(?:.*[-_ ])?(?:LR|LQ)?(?:bic\w*?)?x(\d+)[a-z]?", re.IGNORECASE)


def pairs_below(folder: Path, spec: str, scale: int | None = None) -> str:
    """``hr=DIR,lr=DIR`` of a folder that holds HR and LR images; empty if it does not.

    In folders called ``HR`` and ``LR``, ``GT`` and ``LQ``, ``high_res`` and ``low_res`` or the like, of which LR's may
    hold one for each scale (``LR_bicubic/X2``); or in one folder, where the names say which is which.

    Args:
        folder: what is looked at.
        spec: as the user wrote it, with which the folders begin.
        scale: which LR is meant, where there are several.

    Raises:
        UsageError: there are several, and the scale does not tell which is meant.
    """
    if not is_folder(folder):
        return ""
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    hr = [path for path in inner if _HR.fullmatch(path.name) and _holds_images(path)]
    lr = [path for path in inner if _LR.fullmatch(path.name) and path not in hr]
    lr = [place for path in lr for place in (path, *sorted(path.iterdir())) if place.is_dir() and _holds_images(place)]
    at = spec.rstrip("/")
    if len(hr) == 1 and lr:
        if len(lr) > 1:
            lr = [path for path in lr if (said := _SCALE.fullmatch(path.name)) and int(said[1]) == scale] or lr
        if len(lr) > 1:
            names = ", ".join(path.relative_to(folder).as_posix() for path in lr[:4])
            raise UsageError(
                f"'{spec}' holds LR images in {len(lr)} folders ({names}): name one scale that one of them is "
                f"called by, or the folders, hr={at}/{hr[0].name},lr=DIR."
            )
        return f"hr={at}/{hr[0].name},lr={at}/{lr[0].relative_to(folder).as_posix()}"
    roles = {role(path.stem) for path in folder.iterdir() if path.suffix.lower() in SUFFIXES}
    return f"hr={at},lr={at}" if {"hr", "lr"} <= roles else ""


def _holds_images(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
