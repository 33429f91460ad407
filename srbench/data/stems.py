"""Which images belong together by their names: what all names of one side have in common is no part of them.

So ``0801x4m`` is the LR of ``0801``, ``baby_HAT_SRx2`` the SR of ``baby``, and ``Canon_801_LR4`` the LR of
``Canon_801_HR``. Case, and how accents are composed, count only where names differ in nothing else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.imaging.files import image_size
from srbench.system.names import same_name

_ROLES = {
    "hr": r"(?:HR|GT)(?:mod\d+)?(?:x?\d+)?",
    "lr": r"(?:bic(?:ubic)?)?(?:LR|LQ)(?:bic(?:ubic)?)?(?:x?\d+)?|x\d+[mdw]\d*",
    "sr": r"SR(?:x?\d+)?|output|out|result",
}
_OTHER = r"SRF[-_]?\d+|\d+x|x\d+|bicubic|bic|original|high|low|input"
_LAST = re.compile(
    rf"(?:(?:[-_. ]+|(?<=\d)|(?-i:(?<=[a-z])(?=[A-Z])))(?:{'|'.join((*_ROLES.values(), _OTHER))})|x\d+[mdw]?\d*)$",
    re.IGNORECASE,
)
_SEPARATORS = "-_. "


@dataclass(frozen=True, slots=True)
class Way:
    """Files that have all of some names between the same two texts.

    Attributes:
        prefix: what their stems have before the name.
        suffix: what they have behind it.
        files: those of each name, in the names' order: two or more where only their endings differ.
    """

    prefix: str
    suffix: str
    files: tuple[tuple[Path, ...], ...]

    @property
    def role(self) -> str:
        """``hr``, ``lr`` or ``sr`` as the texts say; empty if they do not."""
        words = re.split(r"[-_. ]+", f"{self.prefix} {self.suffix}")
        return next(filter(None, map(_role, reversed(words))), "")

    def names_scale(self, scale: int | None = None) -> bool:
        """Whether the texts name this scale; without one, whether they name any."""
        number = r"\d+" if scale is None else scale
        text = f"{self.prefix} {self.suffix}"
        return re.search(rf"(?<![a-z0-9])(?:[a-z]*x|srf[-_]?){number}(?!\d)|(?<!\d){number}x", text) is not None


def ways(names: Sequence[str], files: Sequence[Path]) -> list[Way]:
    """All ways in which every name has a file; of names, or of what is left of them without what all have in common.

    Args:
        names: distinct.
        files: images, of which some may be left over.
    """
    if not names:
        return []
    fold = _fold(names, [path.stem for path in files])
    by_stem: dict[str, tuple[Path, ...]] = {}
    for path in files:
        by_stem[fold(path.stem)] = (*by_stem.get(fold(path.stem), ()), path)
    for cores in _cores([fold(name) for name in names]):
        if found := list(_found(cores, by_stem)):
            return found
    return []


def bare(stem: str) -> str:
    """A stem without the roles and factors at its end."""
    shorter = _LAST.sub("", stem)
    return stem if shorter in ("", stem) else bare(shorter)


def role(stem: str) -> str:
    """``hr``, ``lr`` or ``sr`` as the end of a stem says, or its beginning; empty if neither does."""
    last = _LAST.search(stem)
    if last is not None and last.start() > 0:
        return _role(last[0].lstrip(_SEPARATORS)) or role(stem[: last.start()])
    return _role(re.split("[-_. ]", stem)[0])


def sides(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The HR images of a folder, and what of it is made of them by its names: LR images, or results of methods.

    Returns:
        HR images and the others; all files and none where the names do not say it.
    """
    named = [path for path in files if role(path.stem) == "hr"]
    hr = named or [path for path in files if bare(path.stem) == path.stem]
    whole_images = set(hr)
    others = [path for path in files if path not in whole_images]
    of_hr = {same_name(bare(path.stem)): path for path in hr}
    made = {path for way in ways([path.stem for path in named], others) for found in way.files for path in found}
    for path in others:
        whole = of_hr.get(same_name(bare(path.stem)))
        if whole is not None and (named or role(path.stem) == "sr" or _smaller(path, whole)):
            made.add(path)
    return [path for path in files if path not in made], [path for path in files if path in made]


def lossless_images(folder: Path, dataset: str, stem: str) -> Iterator[Path]:
    """Files below a folder that may be one image of a data set, however that is laid out: ``Set5/HR/baby.bmp``.

    Args:
        folder: it holds data sets, by their names.
        dataset: the data set's name; of Berkeley's (BSD…) some write B alone.
        stem: the image's.
    """

    def key(name: str) -> str:
        return re.sub("^bsds?", "b", re.sub("[-_ ]", "", same_name(name)))

    try:
        places = [path for path in folder.iterdir() if key(path.name) == key(dataset) and path.is_dir()]
        places += [
            path
            for place in places
            for path in place.iterdir()
            if re.fullmatch("(?i)(test[-_])?[HL][RQ]|GT|original", path.name)
        ]
        files = [path for place in places for path in place.iterdir()]
    except OSError:  # a mirror that cannot be read has no such file
        return
    wanted = same_name(bare(stem))
    for path in sorted(files):
        if path.suffix.lower() in (".png", ".bmp", ".tif", ".tiff") and same_name(bare(path.stem)) == wanted:
            yield path


def _role(word: str) -> str:
    return next((role for role, pattern in _ROLES.items() if re.fullmatch(pattern, word, re.IGNORECASE)), "")


def _smaller(lr: Path, hr: Path) -> bool:
    (height, width), (hr_height, hr_width) = image_size(lr), image_size(hr)
    return height < hr_height and width < hr_width


def _fold(*lists: Sequence[str]) -> Callable[[str], str]:
    """How names are compared: without their case, unless that is all in which some of them differ."""

    def composed(name: str) -> str:
        return unicodedata.normalize("NFC", name)

    alike = all(len(set(map(same_name, names))) == len(set(map(composed, names))) for names in lists)
    return same_name if alike else composed


def _cores(names: list[str]) -> Iterator[list[str]]:
    """Names whole, then without what all of them have in common up to a separator; of one name, without its role."""
    yield names
    if len(names) == 1:
        yield [bare(names[0])]
        return
    prefix = re.sub(r"[^-_. ]*$", "", _beginning(names))
    suffix = re.sub(r"^[^-_. ]*", "", _beginning([name[::-1] for name in names])[::-1])
    for before, after in (("", suffix), (prefix, ""), (prefix, suffix)):
        cores = [name[len(before) : len(name) - len(after)] for name in names]
        if (before or after) and all(core.strip(_SEPARATORS) for core in cores):
            yield cores


def _beginning(names: Sequence[str]) -> str:
    """What all of some names begin with."""
    first, last = min(names), max(names)
    return first[: next((at for at, sign in enumerate(first) if last[at : at + 1] != sign), len(first))]


def _found(cores: Sequence[str], by_stem: dict[str, tuple[Path, ...]]) -> Iterator[Way]:
    first = max(cores, key=len)
    for stem in by_stem:
        for place in re.finditer(f"(?={re.escape(first)})", stem):
            prefix, suffix = stem[: place.start()], stem[place.start() + len(first) :]
            whole = [f"{prefix}{core}{suffix}" for core in cores]
            if all(name in by_stem for name in whole) and all(_is_apart(prefix, core, suffix) for core in cores):
                yield Way(prefix, suffix, tuple(by_stem[name] for name in whole))


def _is_apart(prefix: str, core: str, suffix: str) -> bool:
    """Whether a name ends where the texts around it begin: at a separator, or between letters and digits."""

    def differ(left: str, right: str) -> bool:
        return not (left.isalnum() and right.isalnum()) or left.isdigit() != right.isdigit()

    ends = not suffix or differ(core[-1], suffix[0]) or re.fullmatch(r"x\d+[dmw]?\d*(?![a-z\d]).*", suffix) is not None
    return ends and (not prefix or differ(prefix[-1], core[0]))
