"""Types of the JSON files that srbench writes: finite numbers, bounded names, errors cut to what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from srbench.system.factors import factor
from srbench.system.text import cut

LONGEST_ERROR: Final = 2_000
"""Characters of an error that are kept."""


LONGEST_TRACEBACK: Final = 20_000
"""Characters of a traceback that are kept."""


DEEPEST: Final = 20
"""Tables and lists in one another, in what a file says of a protocol or a cell's inputs."""


def json_number(value: Any) -> Any:
    """A float as JSON can hold it: infinities as ``inf`` and ``-inf``, NaN as null. Other values are returned as is."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return None if math.isnan(value) else str(value)


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None
    if number != number:
        raise ValueError("NaN is no value")
    return number


def _shallow(data: Any, left: int = DEEPEST) -> Any:
    if isinstance(data, dict | list | tuple):
        if not left:
            raise ValueError("it is nested too deeply")
        for value in data.values() if isinstance(data, dict) else data:
            _shallow(value, left - 1)
    return data


def _short(longest: int) -> Callable[[Any], Any]:
    return lambda text: cut(text, longest) if isinstance(text, str) else text


Number = Annotated[float, BeforeValidator(_number), PlainSerializer(json_number, when_used="json")]


Name = Annotated[str, StringConstraints(max_length=5_000)]
"""Of a method, a data set, an image: one that is a file's has its folders too."""


Plain = Annotated[dict[str, Any], AfterValidator(_shallow)]


Count = Annotated[int, Field(ge=0, le=2**63)]


Scale = Annotated[int | float, BeforeValidator(factor)]
"""Whole ones are ints."""


Side = Annotated[int, Field(ge=1, le=2**31)]
"""Of an image, in pixels."""


Sentence = Annotated[str, BeforeValidator(_short(LONGEST_ERROR))]
"""An error: of one that is longer, what is left out is said."""


Traceback = Annotated[str, BeforeValidator(_short(LONGEST_TRACEBACK))]


class Frozen(BaseModel):
    """Immutable; an unknown key is an error, so that a file of another schema is never half understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")
