"""Networks of this session as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from srbench.api.arguments import OneOrMore
from srbench.errors import UsageError
from srbench.method import Method
from srbench.models.parse import parse_options
from srbench.system.text import echo

if TYPE_CHECKING:
    from torch import Tensor

Network: TypeAlias = "Callable[[Tensor], Tensor]"
"""A module of torch, or any function: (N, C, h, w) to (N, C, H, W)."""
MethodLike: TypeAlias = "str | type[Method] | Network"


def wrap(
    net: Network,
    *,
    name: str = "",
    scale: int = 0,
    channels: Literal["", "y", "rgb", "any"] = "",
    input: Literal["", "lr", "upsampled"] = "",
    range: float = 1,
    halo: int | Literal["none"] | None = None,
) -> type[Method]:
    """A method of a network of this session; what is not given is found by running it on noise.

    The values of its row are kept by what it is made of: its weights, and the source of its class. It is copied: later
    training changes nothing. What was found is in the class's ``info.paper``.

    Examples:
        >>> import torch
        >>> net = torch.nn.Upsample(scale_factor=2, mode="bicubic")
        >>> srbench.wrap(net, name="torch-bicubic").info.channels
        'any'

    Args:
        net: (N, C, h, w) float32 to (N, C, H, W). A module is run in eval mode.
        name: of its row, after ``torch:``; by default its class's.
        scale: the factor; needed with ``input="upsampled"``, and checked otherwise.
        channels: what it was trained on: luma, RGB, or each plane alike.
        input: LR, or the image upsampled by the protocol, whose size it keeps.
        range: the value of white in its input and output: 1 or 255.
        halo: how many pixels of LR, to each side, influence a pixel; ``"none"`` never tiles it.

    Raises:
        UsageError: it is no network, or contradicts an argument.
        DataError: it is not a super-resolution network.
    """
    from srbench.models.session import session_class

    given = {"scale": scale, "channels": channels, "input": input, "range": range, "label": name}
    words = [f"{key}={value}" for key, value in given.items() if value]
    if halo is not None:
        words.append(f"halo={halo}")
    options = parse_options("&".join(words), "wrap")
    return session_class(net, options, name)


def as_methods(methods: Iterable[Any]) -> tuple[str | type[Method], ...]:
    """Networks among methods as their classes; what was found out of them is said on stderr.

    Raises:
        UsageError: two networks have one name, or something is no method.
        DataError: one is not a super-resolution network.
    """
    found: list[str | type[Method]] = []
    seen: dict[int, str] = {}
    for method in methods:
        if isinstance(method, str | type):
            found.append(method)  # a class that is no method is refused later
        elif not callable(method):
            raise UsageError(f"methods cannot be {method!r}: it takes one or several of names or classes, or networks.")
        elif id(method) not in seen:
            wrapped = wrap(method)
            if wrapped.info.name in seen.values():
                raise UsageError(
                    f"Two networks are called '{wrapped.info.name}': srbench.wrap(net, name=...) names one."
                )
            seen[id(method)] = wrapped.info.name
            echo(f"srbench: {wrapped.info.name} is taken for {wrapped.info.paper}", err=True)
            found.append(wrapped)
    return tuple(found)


def one_or_more(methods: OneOrMore[MethodLike]) -> tuple[MethodLike, ...]:
    """Methods as a tuple; a network that can be iterated, as ``nn.Sequential``, is one of them."""
    if isinstance(methods, str) or callable(methods) or not isinstance(methods, Iterable):
        return (methods,)
    return tuple(methods)
