"""Counts the work of networks: multiply-adds, activations, convolutions and parameters, as the literature does.

Only what depends on the image is counted. A network that merges its weights while it runs (RepVGG's kind of blocks, as
in SPAN) has the work and the parameters of the merged network.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import flop_registry, sdpa_flop_count
from torch.utils.weak import WeakIdKeyDictionary

from srbench.method import LearnedMethod, Method
from srbench.models.fitting import rounded_up
from srbench.models.model import ExportedWeights, FileMethod
from srbench.speed.onnx_work import count_onnx
from srbench.speed.roofline import Work

aten = torch.ops.aten
_CONVOLUTIONS = (aten.convolution, aten._convolution)
_ATTENTION = (aten._scaled_dot_product_flash_attention_for_cpu, aten._scaled_dot_product_fused_attention_overrideable)
"""Attention that torch's own counter does not know."""
_NORMS = {
    aten.native_layer_norm: 2,
    aten.native_group_norm: 1,
    aten.native_batch_norm: 1,
    aten.cudnn_batch_norm: 1,
    aten._native_batch_norm_legit: 1,
    aten._native_batch_norm_legit_no_training: 1,
}
"""Where their weights are among the arguments."""
_OF_OUTPUT = {aten.upsample_nearest2d: 1, aten.upsample_bilinear2d: 4, aten.grid_sampler_2d: 4}
"""What fvcore counts for an element of output."""


def work_of(
    method: Method, scale: int, shape: tuple[int, int, int, int], device: torch.device, times: int = 1
) -> Work | None:
    """The work of a method's network for an image; None for methods without one, or whose work cannot be counted.

    Args:
        method: made, with or without weights.
        scale: the scale.
        shape: (N, C, h, w) of the network's input.
        device: for networks that cannot be counted without being run.
        times: how often the method runs its network: eight times in a self-ensemble.
    """
    found: Work | None = None
    if isinstance(method, ExportedWeights | LearnedMethod):
        base = method.base() if isinstance(method, ExportedWeights) else method
        found = count_work(base.network(scale), shape)
    elif isinstance(method, FileMethod):
        found = _work_of_file(method, scale, shape)
    if found is not None:
        return found.repeated(times)
    runs = isinstance(method, FileMethod) and method.opened(scale, device).graph is None
    if runs or any(isinstance(value, nn.Module) for value in vars(method).values()):
        return _work_of_run(lambda x: method.upscale(x, scale), shape, device)
    return None


def _work_of_file(method: FileMethod, scale: int, shape: tuple[int, ...]) -> Work | None:
    """As :func:`work_of`, without running it."""
    opened, traits = method.opened(scale, torch.device("cpu")), method.traits[scale]
    count, planes = (shape[0], traits.channels) if traits.channels == shape[1] else (shape[0] * shape[1], 1)
    sides = [rounded_up(max(side, traits.least), traits.multiple) for side in shape[2:]]
    fitted = (count, planes, sides[0], sides[1])
    if opened.graph is not None:
        return count_onnx(opened.graph, fitted)
    if opened.module is not None:
        for device in ("meta", "cpu"):
            with contextlib.suppress(Exception):  # a network that computes with values, or on a device of its own
                return count_work(opened.module, fitted, device)
    return None


def _work_of_run(run: Callable[[Tensor], object], shape: tuple[int, ...], device: torch.device) -> Work:
    """The work of a run, executed. Parameters are unknown."""
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)
    return dataclasses.replace(_counted(run, x, {}), parameters=None)


def count_work(network: nn.Module, x: tuple[int, ...], device: str = "meta") -> Work:
    """The work of a network for an input shape; on the device ``meta`` nothing is computed."""
    network = copy.deepcopy(network).to(device).eval()
    parameters = {id(each): each.numel() for each in network.parameters()}
    return _counted(network, torch.zeros(x, device=device), parameters)


def _counted(run: Callable[[Tensor], object], x: Tensor, parameters: dict[int, int]) -> Work:
    counter, pools = _Counter(x), _Pools()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # its kernels are not counted
    try:
        with torch.no_grad(), pools, counter:
            run(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    used = sum(size for key, size in parameters.items() if key in counter.used)
    return Work(
        macs=counter.macs,
        values=counter.values,
        flops=counter.macs + counter.other + pools.elements,
        activations=counter.activations,
        convolutions=counter.convolutions,
        parameters=used,
    )


class _Pools(TorchFunctionMode):
    """Counts the inputs of adaptive pooling, which to the dispatcher is any mean."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is nn.functional.adaptive_avg_pool2d:
            self.elements += args[0].numel()
        return func(*args, **(kwargs or {}))


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is computed from an image.

    Args:
        x: the image.
    """

    def __init__(self, x: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.macs = self.other = self.values = self.activations = self.convolutions = 0
        self.used: set[int] = set()
        """Ids of tensors that are no image, and from which images are computed."""
        self._images: Any = WeakIdKeyDictionary()
        self._images[x] = True
        self._sources: Any = WeakIdKeyDictionary()
        """Of tensors that are computed from weights alone: the ids of those."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, Tensor)]
        made = [each for each in tree_flatten(out)[0] if isinstance(each, Tensor)]
        weights = [each for each in given if each not in self._images]
        sources = {key for each in weights for key in (id(each), *self._sources.get(each, ()))}
        if len(weights) == len(given):
            for each in made:
                if id(each) not in sources:  # computed in place
                    self._sources[each] = sources
            return out
        self.used |= sources
        for each in made:
            self._images[each] = True
        if made:
            self._count(func._overloadpacket, args, kwargs, out, given, made)
        return out

    def _count(self, packet: Any, args: Any, kwargs: Any, out: Any, given: list[Tensor], made: list[Tensor]) -> None:
        macs = 0
        if packet in flop_registry:
            macs = flop_registry[packet](*args, **kwargs, out_val=out) // 2
        elif packet in _ATTENTION:
            macs = sdpa_flop_count(*(each.shape for each in args[:3])) // 2  # type: ignore[no-untyped-call]
        if macs:
            self.macs += macs
            self.values += sum(tensor.numel() for tensor in (*given, *made))
        if packet in _CONVOLUTIONS:
            self.activations += made[0].numel()
            self.convolutions += 1
        self.other += _OF_OUTPUT.get(packet, 0) * made[0].numel()
        if packet in _NORMS:
            self.other += given[0].numel() * _for_an_element(packet, args)


def _for_an_element(packet: Any, args: Any) -> int:
    """What fvcore counts for an element that is normalized: 5, or 4 without weights; by known statistics 2 or 1."""
    is_affine = args[_NORMS[packet]] is not None
    known = packet is aten._native_batch_norm_legit_no_training or (
        packet in (aten.native_batch_norm, aten.cudnn_batch_norm) and not args[5]
    )
    return (2 if is_affine else 1) if known else (5 if is_affine else 4)
