"""Names that users type: globs, did-you-mean, and what a label is made of."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from srbench.errors import UsageError

MODEL_KINDS = ("torch", "basicsr", "spandrel", "onnx", "torchscript", "exported", "images", "hub")
"""What comes before the colon where a method is a file, a folder or a model hub's: no method can be called so."""
PACKAGE_OF = {"basicsr": "yaml", "spandrel": "spandrel", "onnx": "onnxruntime", "hub": "huggingface_hub"}
"""What a kind needs that srbench does not bring; the extra that brings it is called as the kind is."""


def method_of(label: str) -> str:
    """The method in ``name:recipe``; a model's label, such as ``onnx:espcn_x2``, is its name as a whole."""
    name = label.partition(":")[0]
    return label if name in MODEL_KINDS else name


def short_labels(labels: Iterable[str]) -> dict[str, str]:
    """Each label without its recipe, where no other label is of the same method."""
    labels = list(labels)
    alike = Counter(map(method_of, labels))
    return {label: method_of(label) if alike[method_of(label)] == 1 else label for label in labels}


def as_known(name: str, known: Iterable[str]) -> str:
    """A name as it is known, for one that is spelled as papers do: ``Set5``, ``FSRCNN``. Else the name itself."""
    known = list(known)
    alike = [other for other in known if _plain(other) == _plain(name)]
    return alike[0] if name not in known and len(alike) == 1 else name


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name.casefold())


def split_names(values: str) -> tuple[str, ...]:
    r"""``a,b, c`` as a tuple; ``\,`` is a comma in a name.

    A data set ``hr=DIR,lr=DIR`` or ``NAME=hr=DIR,lr=DIR`` stays one. ``lr=DIR`` may be one alone: where ``hr=`` has one
    before it and one behind it, it goes with that behind it, unless all are pairs the other way round.
    """
    given = [part for text in re.split(r"(?<!\\),", values) if (part := text.replace(r"\,", ",").strip())]
    sides = [side[1] if (side := re.match(r"(?:[^=/\\]+=)?([hl]r)=", part)) else "" for part in given]
    parts: list[str] = []
    while given:
        count = next((at for at, side in enumerate(sides) if not side), len(sides))  # of those in a row
        two = sides[:2] in (["hr", "lr"], ["lr", "hr"]) and given[1][:3] in ("hr=", "lr=")
        if sides[:3] == ["lr", "hr", "lr"] and sides[:count].count("lr") > sides[:count].count("hr"):
            two = False
        taken = 2 if two else 1
        parts.append(",".join(given[:taken]))
        del given[:taken], sides[:taken]
    return tuple(parts)


def join_names(names: Iterable[object]) -> str:
    """The text that :func:`split_names` makes these names of."""
    written = (str(name) for name in names)
    return ",".join(name if split_names(name) == (name,) else name.replace(",", r"\,") for name in written)


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest that do."""
    known = sorted(set(known))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return UsageError(f"There is no {kind} '{name}'. Did you mean {' or '.join(near)}?")
    return UsageError(f"There is no {kind} '{name}'. Known: {', '.join(known) or 'none'}.")


def safe_name(text: str) -> str:
    """A name that is safe in files and on the command line, of the letters and digits of any script."""
    return plain_signs(text, "._-").replace("\0", "-").strip("._-") or "images"


def plain_signs(text: str, also: str) -> str:
    """Text with NUL for all but letters and digits of any script, and some signs; accents are composed."""
    normal = unicodedata.normalize("NFC", text)
    return "".join(char if unicodedata.category(char)[0] in "LMN" or char in also else "\0" for char in normal)


def same_name(text: str) -> str:
    """What two spellings of a name have in common: case, and how accents are composed, do not matter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
