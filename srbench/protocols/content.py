"""A protocol from its content, as runs and bundles store it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from srbench.errors import DataError, UsageError
from srbench.protocols.builtin import ALIASES, PROTOCOLS
from srbench.protocols.degradations import STEPS, Step
from srbench.protocols.protocol import Protocol
from srbench.system.hashes import digest


def protocol_of(name: str, content: Mapping[str, Any]) -> Protocol:
    """The protocol that has this content.

    Raises:
        DataError: this srbench knows none that has; the content may be a later version's.
    """
    try:
        fields = dict(content)
        steps = [_step(step) for step in fields.pop("degradation", [])]
        protocol: Protocol = _built(Protocol, fields | {"name": name, "degradation": steps})
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


def _step(plain: Mapping[str, Any]) -> Step:
    fields = dict(plain)
    step: Step = _built(STEPS[fields.pop("step")], fields)
    return step


def _built(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    if unknown := fields.keys() - {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return TypeAdapter(kind).validate_python(fields)
