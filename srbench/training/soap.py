"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv:2409.11321).

The weights of a layer are correlated: neighbouring taps of a kernel, maps that see the same edges. Adam scales each
weight by itself and so walks along the long valleys of such a loss in small steps; turned into the basis in which the
gradients are not correlated, the same scaling goes straight. It costs a few products of small matrices a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

BETAS = (0.95, 0.99)
"""Decays of the mean of the gradients, and of those of their squares and outer products."""
EPSILON = 1e-6
"""Of the largest root mean square, added to all: what is smaller is rounding of the products that turn a gradient."""
REFRESH_EVERY = 10
"""Batches between two corrections of the eigenbases."""
LONGEST_SIDE = 512
"""A side longer than this keeps its own basis: its matrix would take longer than what it saves."""


class Soap(torch.optim.Optimizer):
    """A kernel is taken as a matrix of what makes a map of it, with a basis for each side; vectors get plain Adam.

    All state is tensors, so that a checkpoint holds it whole.

    Args:
        params: as for every optimiser of torch.
        lr: the learning rate.
        weight_decay: decoupled, as AdamW's.
    """

    def __init__(self, params: Iterable[Any], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change the parameters by their gradients; ``closure`` is not supported."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    if group["weight_decay"]:
                        parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    update = self._update(parameter.grad.reshape(_shape(parameter)), self.state[parameter])
                    parameter.sub_(update.reshape(parameter.shape), alpha=group["lr"])

    def _update(self, gradient: Tensor, state: dict[str, Tensor]) -> Tensor:
        """The step for a gradient, for a rate of 1; takes note of the gradient."""
        if not state:
            state["step"] = torch.zeros(())
            state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
            for side in _turned_sides(gradient):
                state[f"outer{side}"] = _outer(gradient, side)
                state[f"basis{side}"] = _eigenvectors(state[f"outer{side}"])
        first, second = BETAS
        state["step"] += 1
        step = int(state["step"])
        state["mean"].lerp_(gradient, 1 - first)
        turned = _turn(gradient, state)
        state["square"].mul_(second).addcmul_(turned, turned, value=1 - second)
        scale = (state["square"] / (1 - second**step)).sqrt_()
        scale.add_(scale.max() * EPSILON + torch.finfo(scale.dtype).tiny)
        update = _turn((_turn(state["mean"], state) / (1 - first**step)).div_(scale), state, back=True)
        for side in _turned_sides(gradient):
            state[f"outer{side}"].lerp_(_outer(gradient, side), 1 - second)
            if step % REFRESH_EVERY == 0:
                _refresh(state, side)
        return update


def _shape(parameter: Tensor) -> tuple[int, ...]:
    """A kernel's sides as (m, n * kh * kw), or as (m, n, kh * kw) if that is too long; none of length 1."""
    first, *others = parameter.shape
    inputs, places = math.prod(others[:1]), math.prod(others[1:])
    sides = (first, inputs * places) if inputs * places <= LONGEST_SIDE else (first, inputs, places)
    return tuple(side for side in sides if side > 1) or (1,)


def _turned_sides(tensor: Tensor) -> list[int]:
    """The sides that get a basis: of a matrix and more those that are not too long."""
    return [side for side, length in enumerate(tensor.shape) if tensor.ndim > 1 and length <= LONGEST_SIDE]


def _outer(tensor: Tensor, side: int) -> Tensor:
    """(n, n): the outer products along a side of length n, summed over all others."""
    rows = tensor.movedim(side, 0).reshape(tensor.shape[side], -1)
    return rows @ rows.T


def _turn(tensor: Tensor, state: dict[str, Tensor], back: bool = False) -> Tensor:
    """A tensor in the eigenbases, or back."""
    for side in _turned_sides(tensor):
        basis = state[f"basis{side}"]
        tensor = torch.tensordot(tensor, basis if not back else basis.T, dims=([side], [0])).movedim(-1, side)
    return tensor.contiguous()


def _eigenvectors(matrix: Tensor) -> Tensor:
    """In columns, the largest eigenvalue's first."""
    vectors: Tensor = torch.linalg.eigh(matrix.cpu().double())[1]
    return vectors.flip(1).to(matrix).contiguous()


def _refresh(state: dict[str, Tensor], side: int) -> None:
    """One step of the orthogonal iteration from the basis there is.

    The mean squares go along: what was uncorrelated in the old basis has, in the new one, the sum of its squares
    weighted by the squared cosines between the two. Left as they are, as by the authors, they divide by next to nothing
    where a direction of small gradients has turned towards one of large ones.
    """
    outer, basis = state[f"outer{side}"], state[f"basis{side}"]
    new = torch.linalg.qr(outer @ basis)[0].contiguous()
    cosines = (basis.T @ new).square_()
    state["square"] = torch.tensordot(state["square"], cosines, dims=([side], [0])).movedim(-1, side).contiguous()
    state[f"basis{side}"] = new
