"""Makes methods from networks of this session: modules of torch, and any callable."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn

from srbench.errors import UsageError
from srbench.method import Method, MethodInfo
from srbench.models.inspection import find_traits
from srbench.models.loaded import LoadedModel, image_alone
from srbench.models.model import FileMethod
from srbench.models.spec import ModelOptions, Spec, safe_stem
from srbench.system.source import code_hash

KIND = "torch"
_CODE = ("models.session", "models.model", "models.fitting", "models.inspection", "models.loaded")


class SessionMethod(FileMethod):
    """A method from a network of this session."""

    held: ClassVar[tuple[Callable[..., Any]]]
    """The network; in a tuple, or a function would become a method of the class."""

    def opened(self, scale: int, device: torch.device) -> LoadedModel:
        """The network on a device."""
        return opened(self.held[0], device)


def opened(network: Callable[..., Any], device: torch.device) -> LoadedModel:
    """A network on a device."""
    module = network.to(device) if isinstance(network, nn.Module) else None
    parameters = None if module is None else sum(weight.numel() for weight in module.parameters())
    return LoadedModel(run=image_alone(network), says=called(network), parameters=parameters, module=module)


def called(network: Callable[..., Any]) -> str:
    """The name of a network's class, or of a function."""
    return str(getattr(network, "__name__", type(network).__name__))


def session_class(network: Callable[..., Any], options: ModelOptions, name: str = "") -> type[Method]:
    """The method class of a network, which is tried on noise. Later changes of the network do not affect it.

    Args:
        network: (N, C, h, w) tensors to (N, C, H, W).
        options: what is known of it; the rest is found out.
        name: of its row; by default that of its class.

    Raises:
        UsageError: it is no network, or contradicts the options.
        DataError: it is not a super-resolution model.
    """
    if isinstance(network, type) or not callable(network):
        raise UsageError(
            f"{network!r} is no method: give a name, a subclass of srbench.method.Method, or a network, which is a "
            "torch.nn.Module or a function of (N, C, h, w) tensors."
        )
    says, stem = called(network), safe_stem(name or called(network)).rstrip("-")
    if isinstance(network, nn.Module):
        network = _copied(network)
    traits = find_traits(opened(network, torch.device("cpu")), options, says, options.scale)
    channels: Any = "any" if traits.either else "y" if traits.channels == 1 else "rgb"
    paper = (
        f"{says} of a Python session: {'each channel alike' if traits.either else channels}, white is "
        f"{options.range:g}, {traits.input} x{traits.scale}, "
        + ("not tiled" if traits.halo is None else f"halo {traits.halo}")
        + (f", {traits.parameters:,} parameters" if traits.parameters else "")
    )
    info = MethodInfo(
        name=f"{KIND}:{stem}",
        family="prediction",
        channels=channels,
        input=traits.input,
        scales=frozenset({traits.scale}),
        paper=paper,
        halo=traits.halo,
        multiple=traits.multiple,
    )
    spec = Spec(KIND, info.name, (), dataclasses.replace(options, label=""))
    facts = {"info": info, "spec": spec, "traits": {traits.scale: traits}, "held": (network,)}
    return type(says, (SessionMethod,), facts | {"code": code_hash(*_CODE), "__module__": __name__})


def _copied(network: nn.Module) -> nn.Module:
    """A copy in eval mode; the network itself where it cannot be copied."""
    try:
        with torch.no_grad():
            return copy.deepcopy(network).eval()
    except Exception:  # any error of a module's own copying
        return network.eval()
