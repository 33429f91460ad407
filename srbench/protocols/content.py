"""A protocol from its content, as runs and bundles store it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from srbench.errors import DataError, UsageError
from srbench.imaging.blur import MAX_SIDE
from srbench.protocols.builtin import ALIASES, PROTOCOLS
from srbench.protocols.degradations import STEPS, Blur, Step, Subsample
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest

MOST = 10_000
"""Pixels that anything in a protocol is of."""


def protocol_of(name: str, content: Mapping[str, Any]) -> Protocol:
    """The protocol that has this content.

    Raises:
        DataError: this srbench knows none that has; the content may be a later version's.
    """
    for known in PROTOCOLS.values():  # those with random steps are only built in
        if digest(known.content()) == digest(dict(content)):
            return dataclasses.replace(known, name=name)
    try:
        fields = dict(content)
        steps = [_step(step) for step in fields.pop("degradation", [])]
        protocol: Protocol = _built(Protocol, fields | {"name": name, "degradation": steps})
        _require_sound(protocol)
    except (ValidationError, UsageError, TypeError, ValueError, KeyError, AttributeError) as error:
        why = str(error) if isinstance(error, UsageError) else type(error).__name__
        raise DataError(f"protocol '{name}' is none that this srbench can apply ({why})") from None
    if digest(protocol.content()) != digest(dict(content)):
        raise DataError(f"protocol '{name}' has settings that this srbench does not know")
    return protocol


def forged_name(name: str, protocol_hash: str) -> str:
    """What is wrong with a protocol's name: a built-in one's belongs to its content; empty if nothing is."""
    known = PROTOCOLS.get(ALIASES.get(name, name))
    if known is None or known.hash == protocol_hash:
        return ""
    return f"it calls its protocol '{name}', but srbench's has the hash {known.hash} and this one {protocol_hash}"


def _require_sound(protocol: Protocol) -> None:
    """Refuse what a TOML file could not say either.

    Raises:
        ValueError: says what.
    """
    low, high = protocol.enlarged_range or (0.0, 1.0)
    kernels = [step.kernel for step in protocol.degradation if isinstance(step, Blur) and step.kernel]
    offsets = [step.offset for step in protocol.degradation if isinstance(step, Subsample)]
    wholes = (protocol.shave_per_scale, protocol.shave_extra, *offsets, *(scale - 1 for scale in protocol.scales))
    if not all(0 <= whole <= MOST for whole in wholes) or not low < high:
        raise ValueError("a number is out of its range")
    for kernel in kernels:
        sides = {len(kernel), *map(len, kernel)}
        if len({*map(len, kernel)}) != 1 or max(sides) > MAX_SIDE or any(side % 2 == 0 for side in sides):
            raise ValueError("a kernel has no size that kernels have")


def _step(plain: Mapping[str, Any]) -> Step:
    fields = dict(plain)
    step: Step = _built(STEPS[fields.pop("step")], fields)
    return step


def _built(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    if unknown := fields.keys() - {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return TypeAdapter(kind).validate_python(fields)
